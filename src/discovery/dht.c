/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/dht.h"

#include <errno.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <opendht/opendht_c.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/hash.h"
#include "discovery/dht_boot.h"
#include "discovery/dht_ear.h"

_Static_assert(sizeof(dht_infohash) == CDX_DHT_PLACE_LEN,
	       "a place is what OpenDHT calls a hash");

#define MS UINT64_C(1000000)
/* Who has not been answered for so long asks: alone, and not */
#define PROBE_ALONE_MS 2000u
#define PROBE_MS 60000u
/* Alone, the bootstrap nodes are called each time at first, and later every so
 * many times */
#define BOOT_OFTEN 15u
#define BOOT_EVERY 15u
#define SAVE_MS 500u

/* Of a search that is over OpenDHT keeps the nodes for an hour, and with each
 * message that comes in it goes from the sender's place through all the searches
 * that are over, up to one that is not: with 20,000 of them that is a processor's
 * whole time.  What was put "permanently" is a search that is never over, so one
 * place in so many is put like that, and cancelled when the next value is there. */
#define FENCE_EVERY 16u

enum op_kind {
	OP_PUT,
	OP_GET,
	OP_PROBE, /* a get of nothing, to see whether anybody answers */
};

/* A note from OpenDHT's threads; that of the end is there beforehand */
struct event {
	struct event *next;
	struct cdx_dht_get *op;
	enum cdx_dht_what what;
	bool ok; /* at the end */
	size_t len;
	uint8_t value[];
};

struct cdx_dht_get {
	struct cdx_list node; /* in the object's ops */
	struct cdx_dht *d;
	enum op_kind kind;
	bool cancelled;
	cdx_dht_put_fn *put_fn;
	cdx_dht_get_fn *get_fn;
	void *arg;
	unsigned values;   /* OpenDHT's thread only */
	dht_value *fence;  /* of a permanent put; until it is done */
	struct event *end; /* until it is over */
	struct cdx_dht_place place;
};

/* The value that a fence stands on */
struct fence {
	struct cdx_dht_place place;
	dht_value_id id;
};

/* What OpenDHT's threads touch; lives until the last posted note was taken */
struct inbox {
	pthread_mutex_t mu;
	pthread_cond_t cond;
	struct cdx_loop *loop;
	struct cdx_dht *d;   /* NULL: gone; loop only */
	struct event *first; /* guarded by mu */
	struct event **last; /* guarded by mu */
	bool posted;	     /* guarded by mu */
	bool taking;	     /* take_notes is at work; loop only */
	bool saved;	     /* guarded by mu */
	bool pinged;	     /* guarded by mu */
};

struct cdx_dht {
	struct cdx_loop *loop;
	void (*changed)(void *arg);
	void *arg;
	dht_runner *runner;
	struct inbox *inbox;
	struct cdx_list ops;
	struct cdx_map fences; /* first 8 bytes of the place: struct fence */
	uint16_t port;
	bool has_state;
	bool connected;
	bool probing;
	unsigned alone;	   /* ticks */
	uint64_t heard_ns; /* last answer */
	struct cdx_loop_timer *probe;
	struct cdx_dht_boot *boot; /* NULL: nobody to ask */
	struct cdx_dht_ear ear;	   /* open while not connected */
};

/* ---- from OpenDHT's threads to the loop */

static void take_notes(void *arg);

/* Any thread */
static void note(struct inbox *in, struct event *e)
{
	(void)pthread_mutex_lock(&in->mu);
	*in->last = e;
	in->last = &e->next;
	/* without memory it waits for the next one */
	if (!in->posted && cdx_loop_post(in->loop, take_notes, in) == 0)
		in->posted = true;
	(void)pthread_mutex_unlock(&in->mu);
}

/* More of them are not asked for when it says false.  Without memory a value is
 * not seen. */
static bool on_value(const dht_value *value, void *arg)
{
	struct cdx_dht_get *op = arg;
	dht_data_view v = dht_value_get_data(value);
	struct event *e;

	if (op->kind != OP_GET || op->values++ >= CDX_DHT_VALUES_MAX)
		return false;
	if (v.size > CDX_DHT_VALUE_MAX)
		v.size = 0;
	e = malloc(sizeof(*e) + v.size);
	if (!e)
		return true;
	*e = (struct event){.op = op,
			    .what = v.size ? CDX_DHT_VALUE : CDX_DHT_TOO_LONG,
			    .len = v.size};
	if (v.size)
		memcpy(e->value, v.data, v.size);
	note(op->d->inbox, e);
	return true;
}

static void on_done(bool ok, void *arg)
{
	struct cdx_dht_get *op = arg;
	struct event *e = op->end;

	/* it is the queue's now, and the op the loop's */
	op->end = NULL;
	e->ok = ok;
	note(op->d->inbox, e);
}

/* A node that we were told of answers */
static void on_ping(bool ok, void *arg)
{
	struct inbox *in = arg;

	if (!ok)
		return;
	(void)pthread_mutex_lock(&in->mu);
	in->pinged = true;
	if (!in->posted && cdx_loop_post(in->loop, take_notes, in) == 0)
		in->posted = true;
	(void)pthread_mutex_unlock(&in->mu);
}

static void on_saved(void *arg)
{
	struct inbox *in = arg;

	(void)pthread_mutex_lock(&in->mu);
	in->saved = true;
	(void)pthread_cond_signal(&in->cond);
	(void)pthread_mutex_unlock(&in->mu);
}

static void inbox_free(struct inbox *in)
{
	while (in->first) {
		struct event *e = in->first;

		in->first = e->next;
		free(e);
	}
	(void)pthread_cond_destroy(&in->cond);
	(void)pthread_mutex_destroy(&in->mu);
	free(in);
}

static int inbox_new(struct inbox **out, struct cdx_loop *loop)
{
	struct inbox *in = calloc(1, sizeof(*in));
	pthread_condattr_t attr;

	*out = in;
	if (!in)
		return -ENOMEM;
	in->loop = loop;
	in->last = &in->first;
	(void)pthread_mutex_init(&in->mu, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&in->cond, &attr);
	(void)pthread_condattr_destroy(&attr);
	return 0;
}

/* ---- on the loop */

static void op_free(struct cdx_dht_get *op)
{
	cdx_list_del(&op->node);
	if (op->fence)
		dht_value_unref(op->fence);
	free(op->end);
	free(op);
}

static int op_new(struct cdx_dht_get **out, struct cdx_dht *d,
		  enum op_kind kind, const struct cdx_dht_place *place)
{
	struct cdx_dht_get *op = calloc(1, sizeof(*op));

	*out = op;
	if (!op)
		return -ENOMEM;
	op->end = calloc(1, sizeof(*op->end));
	if (!op->end) {
		free(op);
		*out = NULL;
		return -ENOMEM;
	}
	op->end->op = op;
	op->end->what = CDX_DHT_END;
	op->d = d;
	op->kind = kind;
	op->place = *place;
	cdx_list_add_tail(&d->ops, &op->node);
	return 0;
}

/* OpenDHT only reads it */
static dht_infohash hash_of(const struct cdx_dht_place *place)
{
	dht_infohash h;

	memcpy(h.d, place->b, sizeof(h.d));
	return h;
}

static uint64_t fence_key(const struct cdx_dht_place *place)
{
	return cdx_get_le64(place->b);
}

/* Ends the value that the place's fence stands on, if it has one */
static void fence_drop(struct cdx_dht *d, const struct cdx_dht_place *place)
{
	struct fence *f = cdx_map_get(&d->fences, fence_key(place));
	dht_infohash h;

	if (!f || memcmp(&f->place, place, sizeof(*place)) != 0)
		return;
	h = hash_of(place);
	dht_runner_cancel_put(d->runner, &h, f->id);
	(void)cdx_map_del(&d->fences, fence_key(place));
	free(f);
}

/* A permanent put is done: its value takes the place of the one before */
static void fence_set(struct cdx_dht *d, struct cdx_dht_get *op, bool ok)
{
	struct fence *f = ok ? malloc(sizeof(*f)) : NULL;
	dht_infohash h = hash_of(&op->place);

	fence_drop(d, &op->place);
	if (f && !cdx_map_get(&d->fences, fence_key(&op->place))) {
		f->place = op->place;
		f->id = dht_value_get_id(op->fence);
		if (cdx_map_put(&d->fences, fence_key(&op->place), f) == 0)
			return;
	}
	free(f);
	dht_runner_cancel_put(d->runner, &h, dht_value_get_id(op->fence));
}

/* Somebody answered, or nobody did */
static void heard(struct cdx_dht *d, bool ok)
{
	bool was = d->connected;

	d->connected = ok;
	if (ok) {
		d->heard_ns = cdx_clock_mono_ns();
		cdx_dht_ear_close(&d->ear, d->runner);
	} else {
		cdx_dht_ear_open(&d->ear, d->runner);
	}
	if (was != ok)
		d->changed(d->arg);
}

/* Asks for what nobody has: it ends well when others are there */
static void probe(struct cdx_dht *d)
{
	struct cdx_dht_place place;
	struct cdx_dht_get *op;
	dht_infohash h;

	if (d->probing)
		return;
	cdx_random(place.b, sizeof(place.b));
	if (op_new(&op, d, OP_PROBE, &place) < 0)
		return;
	d->probing = true;
	h = hash_of(&place);
	dht_runner_get(d->runner, &h, on_value, on_done, op);
}

static void probe_tick(void *arg)
{
	struct cdx_dht *d = arg;
	uint64_t wait = (d->connected ? PROBE_MS : PROBE_ALONE_MS) * MS;

	/* a probe waits as long as OpenDHT is not sure of anybody, so this does
	 * not wait for the probe */
	d->alone = d->connected ? 0 : d->alone + 1;
	if (d->boot && d->alone &&
	    (d->alone <= BOOT_OFTEN || d->alone % BOOT_EVERY == 0))
		cdx_dht_boot_wake(d->boot);
	if (cdx_clock_mono_ns() - d->heard_ns >= wait)
		probe(d);
}

/* The end of an op; what it calls may end the object */
static void finish(struct cdx_dht *d, struct cdx_dht_get *op, bool ok)
{
	const struct cdx_dht_get o = *op;

	if (o.fence)
		fence_set(d, op, ok);
	op_free(op);
	switch (o.kind) {
	case OP_PUT:
		/* one that nobody took does not make us alone */
		if (ok)
			heard(d, true);
		else
			probe(d);
		o.put_fn(o.arg, ok);
		break;
	case OP_GET:
		if (!o.cancelled)
			o.get_fn(o.arg, CDX_DHT_END, NULL, 0);
		break;
	case OP_PROBE:
		d->probing = false;
		heard(d, ok);
		break;
	}
}

static void take_notes(void *arg)
{
	struct inbox *in = arg;
	struct event *e;
	bool again;
	bool pinged;

	(void)pthread_mutex_lock(&in->mu);
	pinged = in->pinged;
	in->pinged = false;
	e = in->first;
	in->first = NULL;
	in->last = &in->first;
	in->posted = false;
	(void)pthread_mutex_unlock(&in->mu);
	in->taking = true;
	if (in->d && pinged)
		heard(in->d, true);
	while (e) {
		struct event *next = e->next;
		struct cdx_dht_get *op = e->op;

		/* a callback may have ended the object, and its ops */
		if (in->d && e->what == CDX_DHT_END) {
			finish(in->d, op, e->ok);
		} else if (in->d && !op->cancelled) {
			op->get_fn(op->arg, e->what, e->value, e->len);
		}
		free(e);
		e = next;
	}
	in->taking = false;
	(void)pthread_mutex_lock(&in->mu);
	again = in->posted;
	(void)pthread_mutex_unlock(&in->mu);
	if (!in->d && !again)
		inbox_free(in);
}

/* ---- start and end */

/* On the thread that resolves names */
static void boot_ping(void *arg, struct sockaddr *addr, socklen_t len)
{
	struct cdx_dht *d = arg;

	dht_runner_ping(d->runner, addr, len, on_ping, d->inbox);
}

static int run(struct cdx_dht *d, const struct cdx_dht_opts *o)
{
	dht_runner_config c;
	int err = cdx_dht_port_check(o->port);

	if (err < 0)
		return err;
	if (o->state)
		cdx_dht_port_forget(o->state);
	dht_runner_config_default(&c);
	c.dht_config.node_config.network = o->network;
	c.dht_config.node_config.persist_path = o->state;
	d->runner = dht_runner_new();
	if (!d->runner || dht_runner_run_config(d->runner, o->port, &c) != 0)
		return -EIO;
	d->port = dht_runner_get_bound_port(d->runner, AF_INET);
	if (d->port == 0)
		d->port = dht_runner_get_bound_port(d->runner, AF_INET6);
	/* somebody was faster */
	return o->port && d->port != o->port ? -EADDRINUSE : 0;
}

int cdx_dht_new(struct cdx_dht **out, const struct cdx_dht_opts *o)
{
	struct cdx_dht *d = calloc(1, sizeof(*d));
	int err;

	*out = NULL;
	if (!d)
		return -ENOMEM;
	d->loop = o->loop;
	d->changed = o->changed;
	d->arg = o->arg;
	d->has_state = o->state != NULL;
	cdx_list_init(&d->ops);
	err = inbox_new(&d->inbox, o->loop);
	if (err == 0) {
		d->inbox->d = d;
		err = run(d, o);
	}
	if (err == 0)
		err = cdx_loop_timer_add(d->loop, &d->probe, MS,
					 PROBE_ALONE_MS * MS, probe_tick, d);
	if (err == 0 && o->n_bootstrap)
		err = cdx_dht_boot_new(&d->boot, o->bootstrap, o->n_bootstrap,
				       o->log, boot_ping, d);
	if (err < 0) {
		cdx_dht_free(d);
		return err;
	}
	cdx_dht_ear_open(&d->ear, d->runner);
	*out = d;
	return 0;
}

/* OpenDHT writes its file when it is told that the end comes */
static void save(struct cdx_dht *d)
{
	struct inbox *in = d->inbox;
	uint64_t until = cdx_clock_mono_ns() + SAVE_MS * MS;
	struct timespec ts = {.tv_sec = (time_t)(until / (1000 * MS)),
			      .tv_nsec = (long)(until % (1000 * MS))};
	int rc = 0;

	dht_runner_shutdown(d->runner, on_saved, in);
	(void)pthread_mutex_lock(&in->mu);
	while (!in->saved && rc == 0)
		rc = pthread_cond_timedwait(&in->cond, &in->mu, &ts);
	(void)pthread_mutex_unlock(&in->mu);
}

void cdx_dht_free(struct cdx_dht *d)
{
	struct inbox *in;
	bool posted;
	size_t pos = 0;
	uint64_t key;
	void *val;

	if (!d)
		return;
	in = d->inbox;
	cdx_loop_timer_del(d->probe);
	cdx_dht_boot_free(d->boot);
	if (d->runner) {
		if (d->has_state && d->port)
			save(d);
		/* joins its threads: nothing is called after that */
		dht_runner_delete(d->runner);
	}
	cdx_dht_ear_fini(&d->ear);
	cdx_list_foreach_safe(pos_, tmp, &d->ops) {
		struct cdx_dht_get *op =
			cdx_list_entry(pos_, struct cdx_dht_get, node);

		op_free(op);
	}
	while (cdx_map_next(&d->fences, &pos, &key, &val))
		free(val);
	cdx_map_free(&d->fences);
	if (in) {
		in->d = NULL;
		(void)pthread_mutex_lock(&in->mu);
		posted = in->posted;
		(void)pthread_mutex_unlock(&in->mu);
		if (!posted && !in->taking)
			inbox_free(in);
	}
	free(d);
}

uint16_t cdx_dht_port(const struct cdx_dht *d)
{
	return d->port;
}

bool cdx_dht_connected(const struct cdx_dht *d)
{
	return d->connected;
}

int cdx_dht_put(struct cdx_dht *d, const struct cdx_dht_place *place,
		const void *value, size_t len, bool last, cdx_dht_put_fn *fn,
		void *arg)
{
	bool permanent =
		!last && place->b[CDX_DHT_PLACE_LEN - 1] % FENCE_EVERY == 0;
	dht_infohash h = hash_of(place);
	struct cdx_dht_get *op;
	dht_value *v;
	int err = op_new(&op, d, OP_PUT, place);

	if (err < 0)
		return err;
	v = dht_value_new(value, len);
	if (!v) {
		op_free(op);
		return -ENOMEM;
	}
	op->put_fn = fn;
	op->arg = arg;
	if (permanent)
		op->fence = dht_value_ref(v);
	if (last)
		fence_drop(d, place);
	dht_runner_put(d->runner, &h, v, on_done, op, permanent);
	dht_value_unref(v);
	return 0;
}

int cdx_dht_get(struct cdx_dht *d, struct cdx_dht_get **out,
		const struct cdx_dht_place *place, cdx_dht_get_fn *fn,
		void *arg)
{
	dht_infohash h = hash_of(place);
	struct cdx_dht_get *op;
	int err = op_new(&op, d, OP_GET, place);

	*out = op;
	if (err < 0)
		return err;
	op->get_fn = fn;
	op->arg = arg;
	dht_runner_get(d->runner, &h, on_value, on_done, op);
	return 0;
}

void cdx_dht_get_cancel(struct cdx_dht_get *g)
{
	/* OpenDHT cannot be stopped; what still comes is thrown away */
	if (g)
		g->cancelled = true;
}
