/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/patrol.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "crypto/hash.h"
#include "protect/slot.h"

#define EVERY_S 3600u
/* The first round comes within this, whatever lies between rounds, and not before a
 * fifth of it: who has just started finds others first */
#define FIRST_S 300u
/* Datasets that are looked at together, all slots of each: who is far away, or is
 * searched for, does not hold the others up */
#define SETS_AT_ONCE 4u
/* One block of one slot */
#define PROBE_MS 30000u
/* Tries for a step that is no padding */
#define STEP_TRIES 16u
/* A slot that failed so often in a row is bad */
#define FAILED_BAD 2u
#define NS_S UINT64_C(1000000000)

/* A dataset.  Changed by the patrol's thread alone, under mu but for what only it
 * looks at */
struct set {
	struct cdx_cid cid;
	uint32_t slots;
	uint64_t round; /* that it was listed in */
	struct cdx_patrol_slot *slot;
};

/* locked by mu, but for what is immutable or of the thread */
struct cdx_patrol {
	const struct cdx_market_env *env; /* immutable */
	struct cdx_patrol_opts opts;	  /* immutable */
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t cv; /* stop, kick, a probe has ended */
	bool stop;
	bool kick;
	unsigned pending;    /* probes */
	struct cdx_map sets; /* by the first bytes of the digest */
	struct cdx_patrol_stats stats;
	/* of the thread */
	uint64_t round;
};

/* One slot that is being asked for; rc, has_by, by: under mu */
struct look {
	struct cdx_patrol *p;
	struct set *set;
	uint32_t slot;
	struct cdx_op *op;
	bool asked; /* in this turn */
	int rc;
	bool has_by;
	struct cdx_peer_id by;
};

/* Some datasets; of the thread */
struct batch {
	unsigned n_sets;
	struct set *set[SETS_AT_ONCE];
	struct cdx_geometry g[SETS_AT_ONCE];
	struct look *look;
	unsigned n;
};

/* ---- datasets ---- */

static uint64_t key_of(const struct cdx_cid *cid)
{
	return cdx_get_le64(cid->digest);
}

static void set_free(struct set *s)
{
	if (s == NULL)
		return;
	free(s->slot);
	free(s);
}

static struct set *set_new(const struct cdx_cid *cid, uint32_t slots)
{
	struct set *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->cid = *cid;
	s->slots = slots;
	s->slot = calloc(slots, sizeof(*s->slot));
	if (s->slot == NULL) {
		set_free(s);
		return NULL;
	}
	for (uint32_t i = 0; i < slots; i++)
		s->slot[i].index = i;
	return s;
}

static int on_listed(void *arg, const struct cdx_cid *cid, uint32_t slots)
{
	struct cdx_patrol *p = arg;
	struct set *s;
	int rc = 0;

	if (slots == 0 || slots > CDX_SLOTS_MAX || cid->len != 32)
		return 0;
	(void)pthread_mutex_lock(&p->mu);
	s = cdx_map_get(&p->sets, key_of(cid));
	if (s == NULL) {
		s = set_new(cid, slots);
		rc = s == NULL ? -ENOMEM
			       : cdx_map_put(&p->sets, key_of(cid), s);
		if (rc != 0) {
			set_free(s);
			s = NULL;
		}
	}
	if (s != NULL && s->slots == slots && cdx_cid_equal(&s->cid, cid))
		s->round = p->round;
	(void)pthread_mutex_unlock(&p->mu);
	return rc;
}

/* Keys of those that were listed; their number.  The others are forgotten. */
static size_t list_sets(struct cdx_patrol *p, uint64_t **keys)
{
	size_t len = p->sets.len;
	size_t end = len;
	size_t pos = 0;
	size_t n = 0;
	uint64_t key;
	void *val;

	*keys = calloc(len + 1, sizeof(**keys));
	if (*keys == NULL)
		return 0;
	(void)pthread_mutex_lock(&p->mu);
	while (cdx_map_next(&p->sets, &pos, &key, &val)) {
		if (((struct set *)val)->round == p->round)
			(*keys)[n++] = key;
		else
			(*keys)[--end] = key;
	}
	while (end < len)
		set_free(cdx_map_del(&p->sets, (*keys)[end++]));
	(void)pthread_mutex_unlock(&p->mu);
	return n;
}

/* ---- one batch ---- */

static void on_probe(void *arg, int rc, const struct cdx_peer_id *by)
{
	struct look *l = arg;
	struct cdx_patrol *p = l->p;

	(void)pthread_mutex_lock(&p->mu);
	l->rc = rc;
	l->has_by = by != NULL;
	if (by != NULL)
		l->by = *by;
	p->pending--;
	(void)pthread_cond_signal(&p->cv);
	(void)pthread_mutex_unlock(&p->mu);
}

/* A step whose block is no padding, which everybody has */
static uint64_t random_step(const struct cdx_geometry *g, uint32_t slot)
{
	uint64_t step = 0;
	uint64_t r;

	for (unsigned i = 0; i < STEP_TRIES; i++) {
		cdx_random(&r, sizeof(r));
		step = r % g->steps;
		if (cdx_geometry_kind(g, cdx_geometry_index(g, slot, step)) !=
		    CDX_INDEX_EMPTY)
			break;
	}
	return step;
}

static void start(struct cdx_patrol *p, struct look *l,
		  const struct cdx_geometry *g)
{
	int rc;

	(void)pthread_mutex_lock(&p->mu);
	p->pending++;
	(void)pthread_mutex_unlock(&p->mu);
	rc = cdx_exchange_probe(p->env->exchange, &l->op, &l->set->cid, l->slot,
				random_step(g, l->slot), PROBE_MS, on_probe, l);
	if (rc == 0)
		return;
	(void)pthread_mutex_lock(&p->mu);
	l->rc = rc;
	p->pending--;
	(void)pthread_mutex_unlock(&p->mu);
}

/* Until all have ended: at once when it is to stop */
static void wait_all(struct cdx_patrol *p, struct batch *b)
{
	bool told = false;

	(void)pthread_mutex_lock(&p->mu);
	while (p->pending > 0) {
		if (p->stop && !told) {
			(void)pthread_mutex_unlock(&p->mu);
			for (unsigned i = 0; i < b->n; i++)
				if (b->look[i].op != NULL)
					cdx_op_cancel(b->look[i].op);
			told = true;
			(void)pthread_mutex_lock(&p->mu);
			continue;
		}
		(void)pthread_cond_wait(&p->cv, &p->mu);
	}
	(void)pthread_mutex_unlock(&p->mu);
	for (unsigned i = 0; i < b->n; i++) {
		cdx_op_put(b->look[i].op);
		b->look[i].op = NULL;
	}
}

static void tell_bad(struct cdx_patrol *p, const struct look *l)
{
	char cid[CDX_CID_TEXT_MAX];

	cdx_cid_text(cid, &l->set->cid);
	cdx_log(p->env->log, INFO, "patrol",
		"slot %" PRIu32 " of %s: no good block in %u rounds", l->slot,
		cid, FAILED_BAD);
}

/* What came of one block.  Caller holds mu.  What ends for a reason of our own says
 * nothing of the host. */
static void note(struct cdx_patrol *p, const struct look *l)
{
	struct cdx_patrol_slot *s = &l->set->slot[l->slot];
	bool lied = l->rc == CDX_E_HASH;

	if (l->rc != 0 && !lied && l->rc != -ENODATA && l->rc != -ETIMEDOUT)
		return;
	s->asked = cdx_clock_wall_s();
	if (l->rc == 0) {
		p->stats.good++;
		s->answered = s->asked;
		if (l->has_by)
			cdx_peer_id_text(s->host, &l->by);
		return;
	}
	if (lied) {
		p->stats.bad++;
		s->lied = true;
	} else {
		p->stats.silent++;
	}
	if (++s->failed == FAILED_BAD)
		tell_bad(p, l);
}

static bool is_stopped(struct cdx_patrol *p)
{
	bool stop;

	(void)pthread_mutex_lock(&p->mu);
	stop = p->stop;
	(void)pthread_mutex_unlock(&p->mu);
	return stop;
}

/* One block of each slot that has given all before */
static void ask_all(struct cdx_patrol *p, struct batch *b)
{
	unsigned at = 0;

	for (unsigned i = 0; i < b->n_sets; i++)
		for (uint32_t s = 0; s < b->set[i]->slots; s++, at++) {
			b->look[at].asked = b->look[at].rc == 0;
			if (b->look[at].asked)
				start(p, &b->look[at], &b->g[i]);
		}
	wait_all(p, b);
	(void)pthread_mutex_lock(&p->mu);
	for (unsigned i = 0; i < b->n; i++)
		if (b->look[i].asked)
			note(p, &b->look[i]);
	(void)pthread_mutex_unlock(&p->mu);
}

/* A slot that gave all that it was asked for is good again. */
static void count_bad(struct cdx_patrol *p, struct batch *b,
		      uint32_t bad[SETS_AT_ONCE])
{
	unsigned at = 0;

	(void)pthread_mutex_lock(&p->mu);
	for (unsigned i = 0; i < b->n_sets; i++) {
		bad[i] = 0;
		for (uint32_t s = 0; s < b->set[i]->slots; s++, at++) {
			struct cdx_patrol_slot *slot = &b->set[i]->slot[s];

			if (b->look[at].rc == 0) {
				slot->failed = 0;
				slot->lied = false;
			}
			bad[i] += slot->failed >= FAILED_BAD;
		}
	}
	(void)pthread_mutex_unlock(&p->mu);
}

static void run_batch(struct cdx_patrol *p, struct batch *b)
{
	unsigned blocks = p->opts.blocks != 0 ? p->opts.blocks : 1;
	uint32_t bad[SETS_AT_ONCE];
	unsigned at = 0;

	for (unsigned i = 0; i < b->n_sets; i++)
		b->n += b->set[i]->slots;
	b->look = calloc(b->n + 1, sizeof(*b->look));
	if (b->look == NULL)
		return;
	for (unsigned i = 0; i < b->n_sets; i++)
		for (uint32_t s = 0; s < b->set[i]->slots; s++, at++) {
			b->look[at].p = p;
			b->look[at].set = b->set[i];
			b->look[at].slot = s;
		}
	for (unsigned i = 0; i < blocks && !is_stopped(p); i++)
		ask_all(p, b);
	if (!is_stopped(p)) {
		count_bad(p, b, bad);
		for (unsigned i = 0; i < b->n_sets; i++)
			p->opts.found(p->opts.arg, &b->set[i]->cid, bad[i]);
	}
	free(b->look);
}

/* ---- rounds ---- */

/* Its numbers; false: it is not here (any more), or not what was said */
static bool geometry(struct cdx_patrol *p, const struct set *s,
		     struct cdx_geometry *g)
{
	struct cdx_slots sl = {0};
	bool ok = cdx_slots_open(&sl, p->env->store, &s->cid) == 0 &&
		  sl.manifest.is_verifiable && sl.g.slots == s->slots;

	if (ok)
		*g = sl.g;
	cdx_slots_free(&sl);
	return ok;
}

static void run_round(struct cdx_patrol *p)
{
	uint64_t *keys;
	size_t at = 0;
	size_t n;

	p->round++;
	if (p->opts.list(p->opts.arg, on_listed, p) < 0)
		return;
	n = list_sets(p, &keys);
	while (at < n && !is_stopped(p)) {
		struct batch b = {0};

		for (; at < n && b.n_sets < SETS_AT_ONCE; at++) {
			/* the thread alone changes the map */
			b.set[b.n_sets] = cdx_map_get(&p->sets, keys[at]);
			if (geometry(p, b.set[b.n_sets], &b.g[b.n_sets]))
				b.n_sets++;
		}
		run_batch(p, &b);
	}
	free(keys);
	(void)pthread_mutex_lock(&p->mu);
	if (!p->stop) {
		p->stats.rounds++;
		p->stats.last = cdx_clock_wall_s();
	}
	(void)pthread_mutex_unlock(&p->mu);
}

/* Some part of a time, so that not everybody looks at once */
static uint64_t some(uint64_t ns)
{
	uint64_t r;

	cdx_random(&r, sizeof(r));
	return r % (ns + 1);
}

/* Until then, a kick, or the end: false */
static bool wait_until(struct cdx_patrol *p, uint64_t until)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(until / NS_S),
		.tv_nsec = (long)(until % NS_S),
	};
	bool stop;

	(void)pthread_mutex_lock(&p->mu);
	while (!p->stop && !p->kick && cdx_clock_mono_ns() < until)
		(void)pthread_cond_timedwait(&p->cv, &p->mu, &ts);
	p->kick = false;
	stop = p->stop;
	(void)pthread_mutex_unlock(&p->mu);
	return !stop;
}

static void *run(void *arg)
{
	struct cdx_patrol *p = arg;
	uint64_t every =
		(p->opts.every_s != 0 ? p->opts.every_s : EVERY_S) * NS_S;
	uint64_t first = every < FIRST_S * NS_S ? every : FIRST_S * NS_S;
	uint64_t at = cdx_clock_mono_ns() + first / 5 + some(first - first / 5);

	while (wait_until(p, at)) {
		/* nine tenths to eleven tenths of it */
		at = cdx_clock_mono_ns() + every - every / 10 + some(every / 5);
		run_round(p);
	}
	return NULL;
}

/* ---- calls ---- */

int cdx_patrol_new(struct cdx_patrol **out, const struct cdx_market_env *env,
		   const struct cdx_patrol_opts *opts)
{
	struct cdx_patrol *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	int rc;

	*out = NULL;
	if (p == NULL)
		return -ENOMEM;
	p->env = env;
	p->opts = *opts;
	(void)pthread_mutex_init(&p->mu, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->cv, &attr);
	(void)pthread_condattr_destroy(&attr);
	rc = pthread_create(&p->thread, NULL, run, p);
	if (rc != 0) {
		(void)pthread_cond_destroy(&p->cv);
		(void)pthread_mutex_destroy(&p->mu);
		free(p);
		return -rc;
	}
	*out = p;
	return 0;
}

void cdx_patrol_free(struct cdx_patrol *p)
{
	size_t pos = 0;
	uint64_t key;
	void *val;

	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->mu);
	p->stop = true;
	(void)pthread_cond_signal(&p->cv);
	(void)pthread_mutex_unlock(&p->mu);
	(void)pthread_join(p->thread, NULL);
	while (cdx_map_next(&p->sets, &pos, &key, &val))
		set_free(val);
	cdx_map_free(&p->sets);
	(void)pthread_cond_destroy(&p->cv);
	(void)pthread_mutex_destroy(&p->mu);
	free(p);
}

void cdx_patrol_kick(struct cdx_patrol *p)
{
	(void)pthread_mutex_lock(&p->mu);
	p->kick = true;
	(void)pthread_cond_signal(&p->cv);
	(void)pthread_mutex_unlock(&p->mu);
}

/* A copy of a dataset; NULL: it is gone, or there is no memory */
static struct set *copy_of(struct cdx_patrol *p, uint64_t key)
{
	struct set *copy = NULL;
	const struct set *s;

	(void)pthread_mutex_lock(&p->mu);
	s = cdx_map_get(&p->sets, key);
	if (s != NULL)
		copy = set_new(&s->cid, s->slots);
	if (copy != NULL)
		memcpy(copy->slot, s->slot, s->slots * sizeof(*s->slot));
	(void)pthread_mutex_unlock(&p->mu);
	return copy;
}

static int give(struct cdx_patrol *p, uint64_t key, cdx_patrol_slot_fn *fn,
		void *arg)
{
	struct set *s = copy_of(p, key);
	int rc = 0;

	for (uint32_t i = 0; s != NULL && rc >= 0 && i < s->slots; i++)
		rc = fn(arg, &s->cid, &s->slot[i]);
	set_free(s);
	return rc;
}

int cdx_patrol_slots(struct cdx_patrol *p, cdx_patrol_slot_fn *fn, void *arg)
{
	uint64_t *keys;
	size_t pos = 0;
	size_t n = 0;
	uint64_t key;
	void *val;
	int rc = 0;

	(void)pthread_mutex_lock(&p->mu);
	keys = calloc(p->sets.len + 1, sizeof(*keys));
	while (keys != NULL && cdx_map_next(&p->sets, &pos, &key, &val))
		keys[n++] = key;
	(void)pthread_mutex_unlock(&p->mu);
	if (keys == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = give(p, keys[i], fn, arg);
	free(keys);
	return rc < 0 ? rc : 0;
}

void cdx_patrol_stats(struct cdx_patrol *p, struct cdx_patrol_stats *out)
{
	(void)pthread_mutex_lock(&p->mu);
	*out = p->stats;
	(void)pthread_mutex_unlock(&p->mu);
}
