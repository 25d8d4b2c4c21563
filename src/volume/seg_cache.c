/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "crypto/block.h"

/*
 * Blocks of sealed segments that were made from others or fetched, encrypted as
 * they are.  Kept for a while: a file is often read 4 KiB at a time, and one
 * block costs reading k others, or a trip through the network.  A block of a
 * sealed segment never changes and areas are never used twice, so nothing here
 * ever gets old.  What a read waits for is pinned until it has been read.
 */

#define CACHE_BLOCKS 256u /* unpinned ones: 16 MiB */
#define TOLD_MAX 65536u	  /* blocks whose trouble was logged */

struct entry {
	struct cdx_list link; /* cache->lru while it has no pin */
	uint64_t key;
	uint32_t pins;
	bool fetched;
	uint8_t block[CDX_BLOCK_SIZE];
};

struct cdx_block_cache {
	pthread_mutex_t mu;
	/* guarded by mu: */
	struct cdx_map entries; /* key -> struct entry */
	struct cdx_list lru;	/* the least recently used first */
	unsigned idle;		/* in lru */
	struct cdx_map told;	/* keys */
};

/* Indexes are below 2^20 (seg_rec.c), areas are counted from 1 */
static uint64_t key_of(uint64_t area, uint32_t index)
{
	return area << 20 | index;
}

int cdx_recovered_new(struct cdx_volume *v)
{
	struct cdx_block_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->mu, NULL);
	cdx_list_init(&c->lru);
	v->segs->recovered = c;
	return 0;
}

void cdx_recovered_free(struct cdx_volume *v)
{
	struct cdx_block_cache *c = v->segs->recovered;
	size_t pos = 0;
	uint64_t key;
	void *e;

	if (!c)
		return;
	v->segs->recovered = NULL;
	while (cdx_map_next(&c->entries, &pos, &key, &e))
		free(e);
	cdx_map_free(&c->entries);
	cdx_map_free(&c->told);
	pthread_mutex_destroy(&c->mu);
	free(c);
}

/* Caller holds mu.  An entry without pins becomes the last to go. */
static void touch(struct cdx_block_cache *c, struct entry *e)
{
	if (e->pins)
		return;
	cdx_list_del(&e->link);
	cdx_list_add_tail(&c->lru, &e->link);
}

/* Caller holds mu */
static void pin(struct cdx_block_cache *c, struct entry *e, uint32_t pins)
{
	if (!pins)
		return;
	if (!e->pins) {
		cdx_list_del(&e->link);
		c->idle--;
	}
	e->pins += pins;
}

/* Caller holds mu */
static void idle(struct cdx_block_cache *c, struct entry *e)
{
	cdx_list_add_tail(&c->lru, &e->link);
	c->idle++;
	while (c->idle > CACHE_BLOCKS) {
		e = cdx_list_entry(c->lru.next, struct entry, link);
		cdx_list_del(&e->link);
		c->idle--;
		(void)cdx_map_del(&c->entries, e->key);
		free(e);
	}
}

bool cdx_seg_recovered(struct cdx_volume *v, uint8_t *out, uint64_t area,
		       uint32_t index, size_t off, size_t len)
{
	struct cdx_block_cache *c = v->segs->recovered;
	struct entry *e;

	pthread_mutex_lock(&c->mu);
	e = cdx_map_get(&c->entries, key_of(area, index));
	if (e) {
		touch(c, e);
		memcpy(out, e->block + off, len);
	}
	pthread_mutex_unlock(&c->mu);
	return e != NULL;
}

bool cdx_recovered_has(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct cdx_block_cache *c = v->segs->recovered;
	bool has;

	pthread_mutex_lock(&c->mu);
	has = cdx_map_get(&c->entries, key_of(area, index)) != NULL;
	pthread_mutex_unlock(&c->mu);
	return has;
}

bool cdx_recovered_fetched(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct cdx_block_cache *c = v->segs->recovered;
	const struct entry *e;
	bool is;

	pthread_mutex_lock(&c->mu);
	e = cdx_map_get(&c->entries, key_of(area, index));
	is = e && e->fetched;
	pthread_mutex_unlock(&c->mu);
	return is;
}

bool cdx_recovered_pin(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct cdx_block_cache *c = v->segs->recovered;
	struct entry *e;

	pthread_mutex_lock(&c->mu);
	e = cdx_map_get(&c->entries, key_of(area, index));
	if (e)
		pin(c, e, 1);
	pthread_mutex_unlock(&c->mu);
	return e != NULL;
}

void cdx_recovered_unpin(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct cdx_block_cache *c = v->segs->recovered;
	struct entry *e;

	pthread_mutex_lock(&c->mu);
	e = cdx_map_get(&c->entries, key_of(area, index));
	if (e && e->pins && --e->pins == 0)
		idle(c, e);
	pthread_mutex_unlock(&c->mu);
}

int cdx_recovered_keep(struct cdx_volume *v, uint64_t area, uint32_t index,
		       const uint8_t *block, uint32_t pins, bool fetched)
{
	struct cdx_block_cache *c = v->segs->recovered;
	uint64_t key = key_of(area, index);
	struct entry *new = malloc(sizeof(*new));
	struct entry *e;
	int r = 0;

	if (new) {
		cdx_list_init(&new->link);
		new->key = key;
		new->pins = 0;
		new->fetched = fetched;
		memcpy(new->block, block, CDX_BLOCK_SIZE);
	}
	pthread_mutex_lock(&c->mu);
	e = cdx_map_get(&c->entries, key);
	if (e) {
		touch(c, e);
		pin(c, e, pins);
	} else if (new &&cdx_map_put(&c->entries, key, new) == 0) {
		new->pins = pins;
		if (!pins)
			idle(c, new);
		new = NULL;
	} else {
		r = -ENOMEM;
	}
	pthread_mutex_unlock(&c->mu);
	free(new);
	return r;
}

bool cdx_recovered_tell(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct cdx_block_cache *c = v->segs->recovered;
	uint64_t key = key_of(area, index);
	bool first;

	pthread_mutex_lock(&c->mu);
	if (c->told.len >= TOLD_MAX) {
		cdx_map_free(&c->told);
		memset(&c->told, 0, sizeof(c->told));
	}
	first = !cdx_map_get(&c->told, key);
	if (first)
		(void)!cdx_map_put(&c->told, key, c);
	pthread_mutex_unlock(&c->mu);
	return first;
}
