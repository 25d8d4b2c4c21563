/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_FAR_KIT_H
#define CDX_TESTS_UNIT_FAR_KIT_H

/* Somebody elsewhere who holds segments of a volume: copies of their blocks,
 * taken before they are evicted, and a thread that answers in any order.
 * Include after cmocka.h. */

#include <pthread.h>
#include <stdatomic.h>

#include "seg_protect.h"
#include "volume/far.h"

enum far_mode {
	FAR_GIVE,  /* in any order */
	FAR_HOLD,  /* nothing, until the mode changes or it is cancelled */
	FAR_ERROR, /* -ENODATA */
	FAR_WRONG, /* other bytes */
};

struct far_copy {
	struct cdx_cid verifiable;
	uint32_t blocks;
	uint8_t *bytes;
	struct far_copy *next;
};

struct far_ask {
	struct far_ask *next;
	const uint8_t *block; /* NULL: not known */
	cdx_vol_block_fn *fn;
	void *arg;
	bool cancelled;
	bool ended; /* given back */
	bool picked;
	bool told; /* its function has returned */
};

struct far_kit {
	struct seg_env *e;
	struct seed seed;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t cv;
	/* guarded by mu: */
	struct far_copy *copies;
	struct far_ask *asks;
	unsigned waiting; /* of them not told */
	enum far_mode mode;
	bool stop;
	bool refuse; /* fetch fails at once */
	bool safe;
	bool says_nothing; /* of what is safe: before far_set */
	uint64_t asked;
	uint64_t ended;
	unsigned timeout_ms;
};

/* ---- copies ---- */

static inline void far_copy_segment(struct far_kit *k, uint64_t area)
{
	struct cdx_protection p = protection_of(k->e, area);
	struct far_copy *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->verifiable = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.verifiable);
	c->blocks = (uint32_t)p.blocks;
	c->bytes = malloc(c->blocks * BLOCK);
	assert_non_null(c->bytes);
	for (uint32_t i = 0; i < c->blocks; i++)
		assert_int_equal(cdx_seg_block(k->e->v, c->bytes + i * BLOCK,
					       area, i),
				 0);
	pthread_mutex_lock(&k->mu);
	c->next = k->copies;
	k->copies = c;
	pthread_mutex_unlock(&k->mu);
}

static inline const uint8_t *far_find(struct far_kit *k,
				      const struct cdx_cid *cid, uint32_t index)
{
	for (const struct far_copy *c = k->copies; c; c = c->next) {
		if (cdx_cid_equal(&c->verifiable, cid) && index < c->blocks)
			return c->bytes + index * BLOCK;
	}
	return NULL;
}

/* ---- the hook ---- */

static inline int far_fetch(void *arg, void **op, const struct cdx_cid *cid,
			    uint32_t index, cdx_vol_block_fn *fn, void *fn_arg)
{
	struct far_kit *k = arg;
	struct far_ask *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	pthread_mutex_lock(&k->mu);
	k->asked++;
	if (k->refuse) {
		pthread_mutex_unlock(&k->mu);
		free(a);
		return -ENETDOWN;
	}
	a->block = far_find(k, cid, index);
	a->fn = fn;
	a->arg = fn_arg;
	a->next = k->asks;
	k->asks = a;
	k->waiting++;
	*op = a;
	pthread_cond_broadcast(&k->cv);
	pthread_mutex_unlock(&k->mu);
	return 0;
}

/* Caller holds mu */
static inline void far_free(struct far_kit *k, struct far_ask *a)
{
	struct far_ask **p = &k->asks;

	if (!a->told || !a->ended)
		return;
	while (*p != a)
		p = &(*p)->next;
	*p = a->next;
	free(a);
}

static inline void far_end(void *arg, void *op, bool cancel)
{
	struct far_kit *k = arg;
	struct far_ask *a = op;

	pthread_mutex_lock(&k->mu);
	k->ended++;
	a->ended = true;
	a->cancelled |= cancel;
	far_free(k, a);
	pthread_cond_broadcast(&k->cv);
	pthread_mutex_unlock(&k->mu);
}

static inline bool far_safe(void *arg, const struct cdx_cid *cid)
{
	struct far_kit *k = arg;
	bool safe;

	pthread_mutex_lock(&k->mu);
	safe = k->safe && far_find(k, cid, 0);
	pthread_mutex_unlock(&k->mu);
	return safe;
}

/* One that may be answered, any of them; caller holds mu */
static inline struct far_ask *far_pick(struct far_kit *k)
{
	struct far_ask *found = NULL;
	size_t n = 0;

	for (struct far_ask *a = k->asks; a; a = a->next) {
		if (a->picked || (k->mode == FAR_HOLD && !a->cancelled))
			continue;
		if (seed_below(&k->seed, ++n) == 0)
			found = a;
	}
	return found;
}

static inline void far_answer(struct far_kit *k, struct far_ask *a)
{
	uint8_t *copy = malloc(BLOCK);
	enum far_mode mode = k->mode;
	int rc = a->block && copy ? 0 : -ENODATA;

	a->picked = true;
	k->waiting--;
	if (rc == 0)
		memcpy(copy, a->block, BLOCK);
	if (a->cancelled)
		rc = -ECANCELED;
	else if (mode == FAR_ERROR)
		rc = -ENODATA;
	else if (mode == FAR_WRONG && copy)
		copy[seed_below(&k->seed, BLOCK)] ^= 1;
	pthread_mutex_unlock(&k->mu);
	a->fn(a->arg, rc, rc == 0 ? copy : NULL);
	free(copy);
	pthread_mutex_lock(&k->mu);
	a->told = true;
	far_free(k, a);
}

static inline void *far_run(void *arg)
{
	struct far_kit *k = arg;

	pthread_mutex_lock(&k->mu);
	while (!k->stop || k->waiting) {
		struct far_ask *a = far_pick(k);

		if (a)
			far_answer(k, a);
		else
			(void)pthread_cond_wait(&k->cv, &k->mu);
	}
	pthread_mutex_unlock(&k->mu);
	return NULL;
}

/* ---- use ---- */

static inline void far_mode(struct far_kit *k, enum far_mode mode)
{
	pthread_mutex_lock(&k->mu);
	k->mode = mode;
	pthread_cond_broadcast(&k->cv);
	pthread_mutex_unlock(&k->mu);
}

/* Fetches fail at once, or no longer */
static inline void far_refuse(struct far_kit *k, bool refuse)
{
	pthread_mutex_lock(&k->mu);
	k->refuse = refuse;
	pthread_mutex_unlock(&k->mu);
}

/* What is copied is told to be safe, or not */
static inline void far_be_safe(struct far_kit *k, bool safe)
{
	pthread_mutex_lock(&k->mu);
	k->safe = safe;
	pthread_mutex_unlock(&k->mu);
}

static inline uint64_t far_asked(struct far_kit *k)
{
	uint64_t n;

	pthread_mutex_lock(&k->mu);
	n = k->asked;
	pthread_mutex_unlock(&k->mu);
	return n;
}

static inline unsigned far_waiting(struct far_kit *k)
{
	unsigned n;

	pthread_mutex_lock(&k->mu);
	n = k->waiting;
	pthread_mutex_unlock(&k->mu);
	return n;
}

/* Waits until so many blocks are asked for and not answered */
static inline void far_wait(struct far_kit *k, unsigned n)
{
	pthread_mutex_lock(&k->mu);
	while (k->waiting < n)
		(void)pthread_cond_wait(&k->cv, &k->mu);
	pthread_mutex_unlock(&k->mu);
}

static inline void far_set(struct far_kit *k)
{
	struct cdx_vol_net net = {
		.fetch = far_fetch,
		.end = far_end,
		.safe = k->says_nothing ? NULL : far_safe,
		.arg = k,
		.timeout_ms = k->timeout_ms ? k->timeout_ms : 600000,
	};

	assert_int_equal(cdx_vol_set_net(k->e->v, &net), 0);
}

static inline void far_unset(struct far_kit *k)
{
	assert_int_equal(cdx_vol_set_net(k->e->v, NULL), 0);
}

static inline void far_new(struct far_kit *k, struct seg_env *e, uint64_t seed)
{
	memset(k, 0, sizeof(*k));
	k->e = e;
	k->seed.state = seed;
	pthread_mutex_init(&k->mu, NULL);
	pthread_cond_init(&k->cv, NULL);
	assert_int_equal(pthread_create(&k->thread, NULL, far_run, k), 0);
}

static inline void far_end_kit(struct far_kit *k)
{
	struct far_copy *c;

	pthread_mutex_lock(&k->mu);
	k->stop = true;
	pthread_cond_broadcast(&k->cv);
	pthread_mutex_unlock(&k->mu);
	assert_int_equal(pthread_join(k->thread, NULL), 0);
	/* everything was given back */
	assert_null(k->asks);
	while ((c = k->copies) != NULL) {
		k->copies = c->next;
		free(c->bytes);
		free(c);
	}
	pthread_cond_destroy(&k->cv);
	pthread_mutex_destroy(&k->mu);
}

/* Copies every protected segment that is here and gives all its bytes back */
static inline void far_evict(struct far_kit *k)
{
	struct areas a = protected_areas(k->e);

	for (unsigned i = 0; i < a.n; i++) {
		struct cdx_protection p = protection_of(k->e, a.area[i]);

		if (p.absent)
			continue;
		far_copy_segment(k, a.area[i]);
		assert_int_equal(cdx_protection_evict(k->e->s, &p), 0);
	}
	seg_env_reclaim(k->e);
}

#endif
