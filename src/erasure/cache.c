/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "erasure/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define ENTRIES 8u
#define SLICE_MAX 131072u
/* pieces stay whole words and cache lines of every code */
#define SLICE_ALIGN 64u

struct key {
	uint32_t codec;
	uint32_t k;
	uint32_t m;
	uint32_t block_size;
};

struct entry {
	struct cdx_ec *ec; /* NULL: free */
	struct key key;
	unsigned users;
	uint64_t used; /* when, by the clock of the cache */
};

/* all guarded by mu */
static struct {
	pthread_mutex_t mu;
	uint64_t clock;
	struct entry entry[ENTRIES];
} cache = {.mu = PTHREAD_MUTEX_INITIALIZER};

static bool same_key(const struct key *a, const struct key *b)
{
	return a->codec == b->codec && a->k == b->k && a->m == b->m &&
	       a->block_size == b->block_size;
}

static struct entry *find_locked(const struct key *key)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (cache.entry[i].ec && same_key(&cache.entry[i].key, key))
			return &cache.entry[i];
	return NULL;
}

/* An entry for a new encoder: a free one, else the one that has been idle
 * longest, whose encoder is then in @old.  NULL: all are in use. */
static struct entry *room_locked(struct cdx_ec **old)
{
	struct entry *best = NULL;

	for (unsigned i = 0; i < ENTRIES; i++) {
		struct entry *e = &cache.entry[i];

		if (!e->ec)
			return e;
		if (e->users == 0 && (!best || e->used < best->used))
			best = e;
	}
	if (best)
		*old = best->ec;
	return best;
}

/* Keeps a new encoder, unless another thread has made the same meanwhile.
 * Returns the one to use; @old: one to be freed, or NULL. */
static struct cdx_ec *keep_locked(struct cdx_ec *ec, const struct key *key,
				  struct cdx_ec **old)
{
	struct entry *e = find_locked(key);

	if (e) {
		*old = ec;
	} else {
		e = room_locked(old);
		if (!e)
			return ec; /* cdx_ec_put frees it */
		*e = (struct entry){.ec = ec, .key = *key};
	}
	e->users++;
	return e->ec;
}

int cdx_ec_get(struct cdx_ec **out, uint32_t codec, uint32_t k, uint32_t m,
	       uint32_t block_size)
{
	const struct key key = {codec, k, m, block_size};
	struct cdx_ec *old = NULL;
	struct cdx_ec *ec = NULL;
	struct entry *e;
	int r;

	*out = NULL;
	pthread_mutex_lock(&cache.mu);
	e = find_locked(&key);
	if (e) {
		e->users++;
		*out = e->ec;
	}
	pthread_mutex_unlock(&cache.mu);
	if (*out)
		return 0;
	r = cdx_ec_new(&ec, codec, k, m, block_size);
	if (r < 0)
		return r;
	pthread_mutex_lock(&cache.mu);
	*out = keep_locked(ec, &key, &old);
	pthread_mutex_unlock(&cache.mu);
	cdx_ec_free(old);
	return 0;
}

void cdx_ec_put(struct cdx_ec *ec)
{
	bool kept = false;

	if (!ec)
		return;
	pthread_mutex_lock(&cache.mu);
	for (unsigned i = 0; i < ENTRIES; i++)
		if (cache.entry[i].ec == ec) {
			cache.entry[i].users--;
			cache.entry[i].used = ++cache.clock;
			kept = true;
		}
	pthread_mutex_unlock(&cache.mu);
	if (!kept)
		cdx_ec_free(ec);
}

void cdx_ec_putp(struct cdx_ec **ec)
{
	cdx_ec_put(*ec);
	*ec = NULL;
}

uint32_t cdx_ec_slice(uint32_t codec, uint32_t block_size)
{
	uint32_t slice = block_size;

	/* bit matrices work on packets that depend on the size of the block */
	if (codec == CDX_EC_JERASURE_CAUCHY)
		return block_size;
	while (slice > SLICE_MAX && slice % (2 * SLICE_ALIGN) == 0)
		slice /= 2;
	return slice;
}
