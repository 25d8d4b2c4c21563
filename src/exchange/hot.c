/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "exchange/hot.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/map.h"

#define SHARDS 8u

struct shard {
	pthread_mutex_t mu;
	struct cdx_map blocks; /* guarded by mu; by the digest's first bytes */
	struct cdx_list lru;   /* guarded by mu */
	size_t bytes;	       /* guarded by mu */
};

struct cdx_hot {
	size_t max;	     /* of a shard */
	_Atomic size_t live; /* bytes of all blocks, kept or not */
	struct shard shard[SHARDS];
};

static struct shard *shard_of(struct cdx_hot *h, const struct cdx_digest *d)
{
	return &h->shard[d->b[31] % SHARDS];
}

static uint64_t key_of(const struct cdx_digest *d)
{
	return cdx_get_be64(d->b);
}

static struct cdx_hot_block *block_of(struct cdx_list *node)
{
	return cdx_list_entry(node, struct cdx_hot_block, node);
}

static size_t cost(const struct cdx_hot_block *b)
{
	return sizeof(*b) + b->size;
}

int cdx_hot_new(struct cdx_hot **out, size_t bytes)
{
	struct cdx_hot *h = calloc(1, sizeof(*h));

	*out = h;
	if (h == NULL)
		return -ENOMEM;
	h->max = bytes / SHARDS;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&h->shard[i].mu, NULL);
		cdx_list_init(&h->shard[i].lru);
	}
	return 0;
}

/* Takes it out of its shard, whose lock is held. */
static void drop(struct shard *s, struct cdx_hot_block *b)
{
	cdx_map_del(&s->blocks, key_of(&b->digest));
	cdx_list_del(&b->node);
	s->bytes -= cost(b);
	cdx_hot_release(b);
}

void cdx_hot_free(struct cdx_hot *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &h->shard[i];

		while (!cdx_list_empty(&s->lru))
			drop(s, block_of(s->lru.next));
		cdx_map_free(&s->blocks);
		pthread_mutex_destroy(&s->mu);
	}
	free(h);
}

struct cdx_hot_block *cdx_hot_get(struct cdx_hot *h,
				  const struct cdx_digest *digest)
{
	struct shard *s = shard_of(h, digest);
	struct cdx_hot_block *b;

	pthread_mutex_lock(&s->mu);
	b = cdx_map_get(&s->blocks, key_of(digest));
	if (b != NULL && memcmp(&b->digest, digest, sizeof(*digest)) != 0)
		b = NULL;
	if (b != NULL) {
		atomic_fetch_add(&b->refs, 1);
		cdx_list_del(&b->node);
		cdx_list_add(&s->lru, &b->node);
	}
	pthread_mutex_unlock(&s->mu);
	return b;
}

int cdx_hot_block_new(struct cdx_hot *h, struct cdx_hot_block **out,
		      const struct cdx_digest *digest, uint32_t size)
{
	struct cdx_hot_block *b;

	if (atomic_load(&h->live) + size > h->max * SHARDS + CDX_HOT_LOANS)
		return -EAGAIN;
	b = malloc(sizeof(*b) + size);
	if (b == NULL)
		return -ENOMEM;
	cdx_list_init(&b->node);
	atomic_init(&b->refs, 1);
	b->hot = h;
	b->digest = *digest;
	b->size = size;
	atomic_fetch_add(&h->live, cost(b));
	*out = b;
	return 0;
}

void cdx_hot_put(struct cdx_hot *h, struct cdx_hot_block *b)
{
	struct shard *s = shard_of(h, &b->digest);
	uint64_t key = key_of(&b->digest);

	if (cost(b) > h->max)
		return;
	pthread_mutex_lock(&s->mu);
	if (cdx_map_get(&s->blocks, key) == NULL &&
	    cdx_map_put(&s->blocks, key, b) == 0) {
		atomic_fetch_add(&b->refs, 1);
		cdx_list_add(&s->lru, &b->node);
		s->bytes += cost(b);
		while (s->bytes > h->max)
			drop(s, block_of(s->lru.prev));
	}
	pthread_mutex_unlock(&s->mu);
}

void cdx_hot_release(void *block)
{
	struct cdx_hot_block *b = block;

	if (atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	atomic_fetch_sub(&b->hot->live, cost(b));
	free(b);
}
