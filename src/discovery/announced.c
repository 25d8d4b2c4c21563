/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "discovery/discovery.h"
#include "discovery/internal.h"

/* What we tell others: entries, when each is put, and the end of it */

#define MS UINT64_C(1000000)
/* Puts that OpenDHT has not ended */
#define INFLIGHT_MAX 64u
/* After so many puts that nobody took it waits for its turn */
#define TRIES 3u

struct entry {
	struct cdx_due due;
	struct entry *next; /* another with the same first 8 bytes */
	struct cdx_discovery *d;
	struct cdx_digest key;
	struct cdx_slot_set slots;
	enum cdx_holding holding; /* NOTHING: withdrawn, as soon as that was
				     put */
	bool manifest;		  /* counts as a dataset */
	bool told;		  /* somebody has a record of it */
	bool inflight;
	bool dirty; /* changed while a put was under way */
	uint8_t tries;
};

static uint64_t map_key(const struct cdx_digest *key)
{
	return cdx_get_le64(key->b);
}

static struct entry *lookup(const struct cdx_discovery *d,
			    const struct cdx_digest *key)
{
	struct entry *e = cdx_map_get(&d->entries, map_key(key));

	while (e && memcmp(&e->key, key, sizeof(*key)) != 0)
		e = e->next;
	return e;
}

static void count(struct cdx_discovery *d, const struct entry *e, int by)
{
	d->stats.keys += (uint32_t)by;
	if (e->manifest)
		d->stats.announced += (uint32_t)by;
}

static int add(struct cdx_discovery *d, struct entry **out,
	       const struct cdx_digest *key, bool manifest)
{
	struct entry *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->d = d;
	e->key = *key;
	e->manifest = manifest;
	e->next = cdx_map_get(&d->entries, map_key(key));
	err = cdx_map_put(&d->entries, map_key(key), e);
	if (err < 0) {
		free(e);
		return err;
	}
	count(d, e, 1);
	*out = e;
	return 0;
}

static void drop(struct cdx_discovery *d, struct entry *e)
{
	struct entry *at = cdx_map_get(&d->entries, map_key(&e->key));

	cdx_schedule_drop(&d->schedule, &e->due);
	if (at != e) {
		while (at->next != e)
			at = at->next;
		at->next = e->next;
	} else if (!e->next ||
		   cdx_map_put(&d->entries, map_key(&e->key), e->next) < 0) {
		(void)cdx_map_del(&d->entries, map_key(&e->key));
	}
	free(e);
}

void cdx_discovery_forget(struct cdx_discovery *d)
{
	size_t pos = 0;
	uint64_t key;
	void *val;

	while (cdx_map_next(&d->entries, &pos, &key, &val)) {
		struct entry *e = val;

		while (e) {
			struct entry *next = e->next;

			free(e);
			e = next;
		}
	}
	cdx_map_free(&d->entries);
}

/* ---- putting */

static uint64_t next_seq(struct cdx_discovery *d)
{
	uint64_t seq = (uint64_t)cdx_clock_wall_s() * 1000;

	d->seq = d->seq < seq ? seq : d->seq + 1;
	return d->seq;
}

static void withdraw_done(struct cdx_discovery *d)
{
	void (*fn)(void *arg) = d->withdrawn;

	if (!fn || d->stats.inflight_puts || d->schedule.n_fresh)
		return;
	d->withdrawn = NULL;
	cdx_loop_timer_del(d->withdraw);
	d->withdraw = NULL;
	/* the caller frees everything from there */
	fn(d->withdrawn_arg);
}

static void on_put(void *arg, bool ok)
{
	struct entry *e = arg;
	struct cdx_discovery *d = e->d;
	bool gone = e->holding == CDX_HOLDS_NOTHING;

	d->stats.inflight_puts--;
	e->inflight = false;
	if (ok)
		d->stats.puts++;
	else
		d->stats.put_errors++;
	e->tries = ok ? 0 : (uint8_t)(e->tries + 1);
	e->told = e->told || ok;
	if (e->dirty) {
		e->dirty = false;
		cdx_schedule_soon(&d->schedule, &e->due);
	} else if (gone && (ok || e->tries >= TRIES || d->withdrawing)) {
		drop(d, e);
	} else if (!ok && e->tries < TRIES) {
		cdx_schedule_soon(&d->schedule, &e->due);
	} else {
		e->tries = 0;
		cdx_schedule_put(&d->schedule, &e->due, cdx_clock_mono_ns());
	}
	cdx_discovery_pump(d);
	withdraw_done(d);
}

static int put(struct cdx_discovery *d, struct entry *e)
{
	struct cdx_buf b CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dht_place place;
	struct cdx_provider_record r = {
		.key = e->key,
		.seq = next_seq(d),
		.expires = cdx_clock_wall_s() + d->expire_s,
		.holding = e->holding,
		.slots = e->slots,
		.has_tls_key = d->has_tls_key,
		.tls_key = d->tls_key,
		.n_addrs = d->n_addrs,
	};
	bool last = e->holding == CDX_HOLDS_NOTHING;
	int err;

	for (uint32_t i = 0; i < d->n_addrs; i++)
		r.addr[i] = d->addr[i];
	err = cdx_provider_sign(&b, &r, &d->who);
	/* eight of the longest names are too long together */
	while (err == -EMSGSIZE && r.n_addrs) {
		r.n_addrs--;
		err = cdx_provider_sign(&b, &r, &d->who);
	}
	if (err < 0)
		return err;
	cdx_discovery_locate(&place, d, &e->key);
	err = cdx_dht_put(d->dht, &place, b.p, b.len, last, on_put, e);
	if (err < 0)
		return err;
	e->inflight = true;
	d->stats.inflight_puts++;
	return 0;
}

static void pump_tick(void *arg)
{
	cdx_discovery_pump(arg);
}

void cdx_discovery_pump(struct cdx_discovery *d)
{
	uint64_t now = cdx_clock_mono_ns();
	uint64_t wait = UINT64_MAX;
	struct cdx_due *due;

	cdx_loop_timer_del(d->pump);
	d->pump = NULL;
	/* a record without an address helps nobody */
	if (!d->dht || !cdx_dht_connected(d->dht) || d->n_addrs == 0)
		return;
	while (d->stats.inflight_puts < INFLIGHT_MAX) {
		struct entry *e;

		due = cdx_schedule_take(&d->schedule, now, &wait);
		if (!due)
			break;
		e = CDX_CONTAINER(due, struct entry, due);
		if (put(d, e) < 0) {
			/* no memory, or a key that cannot be: in its turn */
			d->stats.put_errors++;
			cdx_schedule_put(&d->schedule, due, now);
		}
	}
	/* the end of a put comes here too */
	if (d->stats.inflight_puts < INFLIGHT_MAX && wait != UINT64_MAX &&
	    cdx_loop_timer_add(d->loop, &d->pump, wait, 0, pump_tick, d) < 0)
		d->pump = NULL;
}

/* ---- what the caller says */

/* Ends an entry: at once when nobody knows of it */
static void withdraw(struct cdx_discovery *d, struct entry *e)
{
	if (e->holding != CDX_HOLDS_NOTHING)
		count(d, e, -1);
	e->holding = CDX_HOLDS_NOTHING;
	memset(&e->slots, 0, sizeof(e->slots));
	e->tries = 0;
	if (e->inflight)
		e->dirty = true;
	else if (e->told)
		cdx_schedule_soon(&d->schedule, &e->due);
	else
		drop(d, e);
}

int cdx_discovery_announce(struct cdx_discovery *d, const struct cdx_cid *cid,
			   enum cdx_holding holding,
			   const struct cdx_slot_set *slots)
{
	static const struct cdx_slot_set none;
	const struct cdx_slot_set *s =
		holding == CDX_HOLDS_SLOTS && slots ? slots : &none;
	struct cdx_digest key;
	struct entry *e;
	int err;

	if (d->withdrawing)
		return 0;
	cdx_provider_key(&key, cid);
	e = lookup(d, &key);
	if (holding == CDX_HOLDS_SLOTS && memcmp(s, &none, sizeof(none)) == 0)
		holding = CDX_HOLDS_NOTHING;
	if (holding == CDX_HOLDS_NOTHING) {
		if (e && e->holding != CDX_HOLDS_NOTHING) {
			withdraw(d, e);
			cdx_discovery_pump(d);
		}
		return 0;
	}
	if (e && e->holding == holding && memcmp(&e->slots, s, sizeof(*s)) == 0)
		return 0;
	if (!e) {
		err = add(d, &e, &key, cid->codec == CDX_CODEC_MANIFEST);
		if (err < 0)
			return err;
	} else if (e->holding == CDX_HOLDS_NOTHING) {
		count(d, e, 1);
	}
	e->holding = holding;
	e->slots = *s;
	e->tries = 0;
	if (e->inflight)
		e->dirty = true;
	else
		cdx_schedule_soon(&d->schedule, &e->due);
	cdx_discovery_pump(d);
	return 0;
}

/* Time is up, or there is nothing to withdraw */
static void withdraw_end(void *arg)
{
	struct cdx_discovery *d = arg;
	void (*fn)(void *arg) = d->withdrawn;

	cdx_loop_timer_del(d->withdraw);
	d->withdraw = NULL;
	d->withdrawn = NULL;
	if (fn)
		fn(d->withdrawn_arg);
}

/* Everything at once; the map does not change while it is walked, so what nobody
 * knows of is dropped afterwards */
static void withdraw_all(struct cdx_discovery *d)
{
	size_t pos = 0;
	uint64_t key;
	void *val;
	struct cdx_list unknown;

	cdx_list_init(&unknown);
	while (cdx_map_next(&d->entries, &pos, &key, &val)) {
		for (struct entry *e = val; e; e = e->next) {
			if (e->told || e->inflight) {
				withdraw(d, e);
				continue;
			}
			cdx_schedule_drop(&d->schedule, &e->due);
			cdx_list_add_tail(&unknown, &e->due.node);
		}
	}
	cdx_list_foreach_safe(at, tmp, &unknown) {
		struct entry *e =
			CDX_CONTAINER(cdx_list_entry(at, struct cdx_due, node),
				      struct entry, due);

		count(d, e, e->holding == CDX_HOLDS_NOTHING ? 0 : -1);
		cdx_list_del(at);
		drop(d, e);
	}
}

void cdx_discovery_withdraw(struct cdx_discovery *d, unsigned ms,
			    void (*done)(void *arg), void *arg)
{
	bool able = d->dht && cdx_dht_connected(d->dht) && d->n_addrs;

	d->withdrawing = true;
	d->withdrawn = done;
	d->withdrawn_arg = arg;
	withdraw_all(d);
	/* no pace now: as many as can be under way */
	d->schedule.pace_ns = 0;
	cdx_discovery_pump(d);
	if (!able || (!d->stats.inflight_puts && !d->schedule.n_fresh))
		ms = 0;
	/* without memory for a timer the caller is not to wait for ever */
	if (cdx_loop_timer_add(d->loop, &d->withdraw, ms * MS, 0, withdraw_end,
			       d) < 0) {
		d->withdraw = NULL;
		withdraw_end(d);
	}
}
