/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#define MAP_MIN 16u

/* Finaliser of a 64-bit mixer: keys are often consecutive, or multiples of a
 * power of two, which a bare mask would pile up. */
static size_t slot_of(uint64_t key, size_t cap)
{
	key ^= key >> 30;
	key *= UINT64_C(0xbf58476d1ce4e5b9);
	key ^= key >> 27;
	key *= UINT64_C(0x94d049bb133111eb);
	key ^= key >> 31;
	return (size_t)key & (cap - 1);
}

/* The slot that holds @key, or the free one where it would go.  The load
 * limit guarantees that there is a free one. */
static size_t probe(const struct cdx_map *m, uint64_t key)
{
	size_t i = slot_of(key, m->cap);

	while (m->slots[i].val && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void *cdx_map_get(const struct cdx_map *m, uint64_t key)
{
	return m->cap ? m->slots[probe(m, key)].val : NULL;
}

static int resize(struct cdx_map *m, size_t cap)
{
	struct cdx_map to = {.cap = cap, .len = m->len};

	to.slots = calloc(cap, sizeof(*to.slots));
	if (!to.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		if (m->slots[i].val)
			to.slots[probe(&to, m->slots[i].key)] = m->slots[i];
	}
	free(m->slots);
	*m = to;
	return 0;
}

int cdx_map_put(struct cdx_map *m, uint64_t key, void *val)
{
	size_t i;

	if (m->cap) {
		i = probe(m, key);
		if (m->slots[i].val) {
			m->slots[i].val = val;
			return 0;
		}
	}
	if (m->len + 1 > m->cap - m->cap / 4) {
		size_t cap = m->cap ? m->cap : MAP_MIN / 2;
		int err;

		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return -ENOMEM;
		err = resize(m, cap);
		if (err)
			return err;
	}
	i = probe(m, key);
	m->slots[i].key = key;
	m->slots[i].val = val;
	m->len++;
	return 0;
}

/* Closes the gap at @hole, so that no tombstones are needed: an entry behind
 * it moves in unless its home lies cyclically after the hole. */
static void close_gap(struct cdx_map *m, size_t hole)
{
	size_t mask = m->cap - 1;

	for (size_t i = (hole + 1) & mask; m->slots[i].val;
	     i = (i + 1) & mask) {
		size_t home = slot_of(m->slots[i].key, m->cap);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].val = NULL;
}

void *cdx_map_del(struct cdx_map *m, uint64_t key)
{
	size_t i;
	void *val;

	if (!m->cap)
		return NULL;
	i = probe(m, key);
	val = m->slots[i].val;
	if (!val)
		return NULL;
	close_gap(m, i);
	m->len--;
	/* a failed shrink costs memory, not correctness */
	if (m->cap > MAP_MIN && m->len < m->cap / 8)
		(void)resize(m, m->cap / 2);
	return val;
}

void cdx_map_free(struct cdx_map *m)
{
	free(m->slots);
	*m = (struct cdx_map){0};
}

int cdx_map_next(const struct cdx_map *m, size_t *pos, uint64_t *key,
		 void **val)
{
	while (*pos < m->cap) {
		const struct cdx_map_slot *s = &m->slots[(*pos)++];

		if (!s->val)
			continue;
		*key = s->key;
		*val = s->val;
		return 1;
	}
	return 0;
}
