/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "discovery/discovery.h"
#include "discovery/internal.h"

/* Finds: values of the DHT are checked and merged, static peers are asked */

#define MS UINT64_C(1000000)
#define S_NS UINT64_C(1000000000)
/* Values are handed on this long after they came: what follows at once may be
 * newer */
#define SETTLE_MS 20u
/* When the checks of a second are used up */
#define PAUSE_MS 50u

/* A value that was not looked at yet */
struct value {
	struct cdx_list node;
	size_t len;
	uint8_t b[];
};

/* The newest record of a peer */
struct found {
	struct cdx_list node;
	bool fresh; /* not handed on */
	struct cdx_provider_record r;
};

struct cdx_find {
	struct cdx_list node; /* in the object's finds */
	struct cdx_discovery *d;
	cdx_find_fn *fn;
	void *arg;
	struct cdx_digest key;
	struct cdx_dht_get *get;    /* NULL: ended, or none */
	struct cdx_static_ask *ask; /* NULL: ended, or none */
	struct cdx_loop_timer *end;
	struct cdx_loop_timer *work; /* looks at values, hands on */
	struct cdx_list values;
	struct cdx_list found;
	unsigned calling; /* within @fn */
	bool dead;	  /* cancelled from there */
};

bool cdx_checks_take(struct cdx_checks *c, uint64_t now_ns)
{
	uint64_t more = (now_ns - c->then_ns) / (S_NS / CDX_CHECKS_PER_S);

	if (more >= CDX_CHECKS_BURST) {
		c->left = CDX_CHECKS_BURST;
		c->then_ns = now_ns;
	} else if (more) {
		c->left += (uint32_t)more;
		if (c->left > CDX_CHECKS_BURST)
			c->left = CDX_CHECKS_BURST;
		c->then_ns += more * (S_NS / CDX_CHECKS_PER_S);
	}
	if (!c->left)
		return false;
	c->left--;
	return true;
}

static void release(struct cdx_find *f)
{
	cdx_list_foreach_safe(at, tmp, &f->values) {
		free(cdx_list_entry(at, struct value, node));
	}
	cdx_list_foreach_safe(at, tmp, &f->found) {
		free(cdx_list_entry(at, struct found, node));
	}
	free(f);
}

/* Nothing calls it from here on */
static void stop(struct cdx_find *f)
{
	cdx_dht_get_cancel(f->get);
	f->get = NULL;
	cdx_static_cancel(f->ask);
	f->ask = NULL;
	cdx_loop_timer_del(f->end);
	f->end = NULL;
	cdx_loop_timer_del(f->work);
	f->work = NULL;
	if (!f->dead) {
		cdx_list_del(&f->node);
		f->d->stats.inflight_finds--;
	}
	f->dead = true;
}

void cdx_find_cancel(struct cdx_find *f)
{
	if (!f || f->dead)
		return;
	stop(f);
	if (!f->calling)
		release(f);
}

void cdx_discovery_finds_end(struct cdx_discovery *d)
{
	cdx_list_foreach_safe(at, tmp, &d->finds) {
		cdx_find_cancel(cdx_list_entry(at, struct cdx_find, node));
	}
}

/* False: cancelled from there, and gone */
static bool give(struct cdx_find *f, const struct cdx_provider_record *r)
{
	f->calling++;
	f->fn(f->arg, r);
	f->calling--;
	if (!f->dead)
		return true;
	if (!f->calling)
		release(f);
	return false;
}

static void finish(struct cdx_find *f)
{
	stop(f);
	f->fn(f->arg, NULL);
	release(f);
}

/* ---- records */

/* A peer's record into the list: newest wins */
static void merge(struct cdx_find *f, const struct cdx_provider_record *r)
{
	struct found *n;

	cdx_list_foreach(at, &f->found) {
		n = cdx_list_entry(at, struct found, node);
		if (memcmp(&n->r.id, &r->id, sizeof(r->id)) != 0)
			continue;
		if (n->r.seq < r->seq) {
			n->r = *r;
			n->fresh = true;
		}
		return;
	}
	n = malloc(sizeof(*n));
	if (!n)
		return;
	n->r = *r;
	n->fresh = true;
	cdx_list_add_tail(&f->found, &n->node);
}

static void look(struct cdx_find *f, const struct value *v)
{
	struct cdx_discovery *d = f->d;
	struct cdx_provider_record r;

	switch (cdx_provider_open(&r, v->b, v->len, &d->who.network, &f->key,
				  cdx_clock_wall_s())) {
	case 0:
		break;
	case CDX_E_AUTH:
		d->stats.forged++;
		return;
	case -ESTALE:
		d->stats.stale++;
		return;
	default:
		d->stats.foreign++;
		return;
	}
	if (memcmp(&r.id, &d->who.id, sizeof(r.id)) == 0)
		return;
	if (!cdx_seen_note(d->seen, &r)) {
		d->stats.stale++;
		return;
	}
	merge(f, &r);
}

/* False: the find is gone */
static bool hand_on(struct cdx_find *f)
{
	for (struct cdx_list *at = f->found.next; at != &f->found;
	     at = at->next) {
		struct found *n = cdx_list_entry(at, struct found, node);

		if (!n->fresh)
			continue;
		n->fresh = false;
		if (n->r.holding != CDX_HOLDS_NOTHING && !give(f, &n->r))
			return false;
	}
	return true;
}

static void work_tick(void *arg);

/* Works later, unless that is already planned */
static void plan(struct cdx_find *f, unsigned ms)
{
	if (!f->work && cdx_loop_timer_add(f->d->loop, &f->work, ms * MS, 0,
					   work_tick, f) < 0)
		f->work = NULL; /* the end comes by the clock */
}

static void work(struct cdx_find *f)
{
	while (!cdx_list_empty(&f->values)) {
		struct value *v =
			cdx_list_entry(f->values.next, struct value, node);

		if (!cdx_checks_take(&f->d->checks, cdx_clock_mono_ns()))
			break;
		cdx_list_del(&v->node);
		look(f, v);
		free(v);
	}
	if (!hand_on(f))
		return;
	if (!cdx_list_empty(&f->values))
		plan(f, PAUSE_MS);
	else if (!f->get && !f->ask)
		finish(f);
}

static void work_tick(void *arg)
{
	struct cdx_find *f = arg;

	cdx_loop_timer_del(f->work);
	f->work = NULL;
	work(f);
}

/* ---- sources */

static void on_value(void *arg, enum cdx_dht_what what, const void *value,
		     size_t len)
{
	struct cdx_find *f = arg;
	struct value *v;

	switch (what) {
	case CDX_DHT_END:
		f->get = NULL;
		plan(f, 0);
		break;
	case CDX_DHT_TOO_LONG:
		f->d->stats.records++;
		f->d->stats.oversized++;
		break;
	case CDX_DHT_VALUE:
		f->d->stats.records++;
		v = malloc(sizeof(*v) + len);
		if (!v)
			break;
		v->len = len;
		memcpy(v->b, value, len);
		cdx_list_add_tail(&f->values, &v->node);
		plan(f, SETTLE_MS);
		break;
	}
}

static void on_static(void *arg, const struct cdx_provider_record *r)
{
	struct cdx_find *f = arg;

	if (r) {
		merge(f, r);
		plan(f, 0);
		return;
	}
	f->ask = NULL;
	plan(f, 0);
}

static void on_end(void *arg)
{
	struct cdx_find *f = arg;

	/* what was looked at is handed on, what was not is late */
	if (hand_on(f))
		finish(f);
}

int cdx_discovery_find(struct cdx_discovery *d, struct cdx_find **out,
		       const struct cdx_cid *cid, unsigned ms, cdx_find_fn *fn,
		       void *arg)
{
	struct cdx_find *f = calloc(1, sizeof(*f));
	struct cdx_dht_place place;
	int err;

	*out = NULL;
	if (!f)
		return -ENOMEM;
	f->d = d;
	f->fn = fn;
	f->arg = arg;
	cdx_list_init(&f->values);
	cdx_list_init(&f->found);
	cdx_list_add_tail(&d->finds, &f->node);
	d->stats.inflight_finds++;
	cdx_provider_key(&f->key, cid);
	cdx_discovery_locate(&place, d, &f->key);
	err = cdx_loop_timer_add(d->loop, &f->end, ms * MS, 0, on_end, f);
	if (err == 0 && d->peers)
		err = cdx_static_ask(d->peers, &f->ask, cid, ms, on_static, f);
	if (err == 0 && d->dht)
		err = cdx_dht_get(d->dht, &f->get, &place, on_value, f);
	if (err < 0) {
		cdx_find_cancel(f);
		return err;
	}
	d->stats.finds++;
	if (!f->ask && !f->get)
		plan(f, 0);
	*out = f;
	return 0;
}
