/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/memtable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Three in four nodes stay at the bottom: 12 levels serve 16 million keys. */
#define HEIGHT_MAX 12u
#define CHUNK (1u << 20)
#define ALIGN 8u

struct cdx_mem_node {
	const struct cdx_mem_val *_Atomic val;
	uint64_t prefix; /* first eight key bytes, big endian, zero filled */
	uint16_t key_len;
	uint8_t height;
	/* @height links, then the key */
	struct cdx_mem_node *_Atomic next[];
};

struct chunk {
	struct chunk *next;
	uint8_t p[];
};

/* One table: the list's head links and where the last put went. */
struct table {
	struct cdx_mem_node *_Atomic head[HEIGHT_MAX];
	unsigned height;		       /* writer only */
	struct cdx_mem_node *hint[HEIGHT_MAX]; /* writer only; NULL: head */
};

struct cdx_memtable {
	atomic_uint refs;
	_Atomic size_t bytes;
	struct chunk *chunks; /* writer only */
	uint8_t *free;	      /* writer only */
	size_t left;	      /* writer only */
	uint32_t seed;	      /* writer only */
	struct table t[CDX_DBS];
};

static size_t align_up(size_t n)
{
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

int cdx_memtable_new(struct cdx_memtable **out)
{
	struct cdx_memtable *m = calloc(1, sizeof(*m));
	unsigned i;

	if (!m)
		return -ENOMEM;
	atomic_init(&m->refs, 1);
	m->seed = 0x9e3779b9u;
	for (i = 0; i < CDX_DBS; i++)
		m->t[i].height = 1;
	*out = m;
	return 0;
}

struct cdx_memtable *cdx_memtable_ref(struct cdx_memtable *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void cdx_memtable_unref(struct cdx_memtable *m)
{
	struct chunk *next;
	struct chunk *c;

	if (!m ||
	    atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (c = m->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(m);
}

size_t cdx_memtable_cost(size_t key_len, size_t val_len)
{
	return align_up(sizeof(struct cdx_mem_node) +
			HEIGHT_MAX * sizeof(struct cdx_mem_node *) + key_len) +
	       align_up(sizeof(struct cdx_mem_val) + val_len);
}

int cdx_memtable_reserve(struct cdx_memtable *m, size_t bytes)
{
	size_t want = bytes > CHUNK ? bytes : CHUNK;
	struct chunk *c;

	if (m->left >= bytes)
		return 0;
	c = malloc(sizeof(*c) + want);
	if (!c)
		return -ENOMEM;
	c->next = m->chunks;
	m->chunks = c;
	m->free = c->p;
	m->left = want;
	return 0;
}

/* Within the reserve: never fails. */
static void *take(struct cdx_memtable *m, size_t bytes)
{
	size_t n = align_up(bytes);
	void *p = m->free;

	m->free += n;
	m->left -= n;
	atomic_fetch_add_explicit(&m->bytes, n, memory_order_relaxed);
	return p;
}

size_t cdx_memtable_bytes(const struct cdx_memtable *m)
{
	return atomic_load_explicit(&m->bytes, memory_order_relaxed);
}

static uint64_t prefix_of(const uint8_t *key, size_t len)
{
	uint8_t b[8] = {0};

	memcpy(b, key, len < 8 ? len : 8);
	return cdx_get_be64(b);
}

static const uint8_t *node_key(const struct cdx_mem_node *n)
{
	return (const uint8_t *)n + offsetof(struct cdx_mem_node, next) +
	       n->height * sizeof(n->next[0]);
}

struct probe {
	const uint8_t *key;
	size_t len;
	uint64_t prefix;
};

/* <0, 0, >0 as the node's key is below, equal to, above the probe */
static int compare(const struct cdx_mem_node *n, const struct probe *k)
{
	size_t min;
	int r;

	if (n->prefix != k->prefix)
		return n->prefix < k->prefix ? -1 : 1;
	min = n->key_len < k->len ? n->key_len : k->len;
	if (min > 8) {
		r = memcmp(node_key(n) + 8, k->key + 8, min - 8);
		if (r)
			return r;
	}
	if (n->key_len == k->len)
		return 0;
	return n->key_len < k->len ? -1 : 1;
}

static struct cdx_mem_node *link_get(struct cdx_mem_node *_Atomic const *link)
{
	return atomic_load_explicit(link, memory_order_acquire);
}

/* Links of a node, or of the head for NULL */
static struct cdx_mem_node *_Atomic *links(struct table *t,
					   struct cdx_mem_node *n)
{
	return n ? n->next : t->head;
}

/* Last nodes below the key on every level into the table's hint, beginning at
 * the lowest level where the old hint still encloses the key: neighbours of
 * the last put are found in a step or two. */
static struct cdx_mem_node *find_splice(struct table *t, const struct probe *k)
{
	struct cdx_mem_node *next = NULL;
	struct cdx_mem_node *at;
	unsigned level = 0;

	while (level < t->height) {
		at = t->hint[level];
		next = link_get(&links(t, at)[level]);
		if ((!at || compare(at, k) < 0) &&
		    (!next || compare(next, k) >= 0))
			break;
		level++;
	}
	at = level < t->height ? t->hint[level] : NULL;
	if (level == t->height)
		level--;
	for (;;) {
		next = link_get(&links(t, at)[level]);
		while (next && compare(next, k) < 0) {
			at = next;
			next = link_get(&at->next[level]);
		}
		t->hint[level] = at;
		if (level-- == 0)
			return next;
	}
}

static unsigned random_height(struct cdx_memtable *m)
{
	unsigned h = 1;

	/* xorshift32: only has to be cheap and even */
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 17;
	m->seed ^= m->seed << 5;
	while (h < HEIGHT_MAX && ((m->seed >> (2 * h)) & 3) == 0)
		h++;
	return h;
}

static struct cdx_mem_node *new_node(struct cdx_memtable *m, struct table *t,
				     const struct probe *k)
{
	unsigned h = random_height(m);
	struct cdx_mem_node *n =
		take(m, sizeof(*n) + h * sizeof(n->next[0]) + k->len);

	n->prefix = k->prefix;
	n->key_len = (uint16_t)k->len;
	n->height = (uint8_t)h;
	if (k->len)
		memcpy(n->next + h, k->key, k->len);
	for (; t->height < h; t->height++)
		t->hint[t->height] = NULL;
	return n;
}

void cdx_memtable_put(struct cdx_memtable *m, enum cdx_db db, const void *key,
		      size_t key_len, const void *val, size_t val_len)
{
	struct probe k = {key, key_len, prefix_of(key, key_len)};
	struct table *t = &m->t[db];
	struct cdx_mem_node *n = find_splice(t, &k);
	struct cdx_mem_val *v = take(m, sizeof(*v) + (val ? val_len : 0));
	unsigned i;

	v->len = val ? (uint32_t)val_len : CDX_MEM_TOMBSTONE;
	if (val && val_len)
		memcpy(v->p, val, val_len);
	if (n && compare(n, &k) == 0) {
		atomic_store_explicit(&n->val, v, memory_order_release);
		return;
	}
	n = new_node(m, t, &k);
	atomic_init(&n->val, v);
	for (i = 0; i < n->height; i++) {
		struct cdx_mem_node *_Atomic *link = &links(t, t->hint[i])[i];

		atomic_init(&n->next[i], link_get(link));
		atomic_store_explicit(link, n, memory_order_release);
		t->hint[i] = n;
	}
}

const struct cdx_mem_node *cdx_memtable_seek(const struct cdx_memtable *m,
					     enum cdx_db db, const void *key,
					     size_t key_len)
{
	const struct table *t = &m->t[db];
	struct cdx_mem_node *_Atomic const *at = t->head;
	struct cdx_mem_node *next = NULL;
	struct probe k = {key, key_len, 0};
	unsigned level = HEIGHT_MAX;

	if (!key)
		return link_get(&t->head[0]);
	k.prefix = prefix_of(key, key_len);
	while (level-- > 0) {
		next = link_get(&at[level]);
		while (next && compare(next, &k) < 0) {
			at = next->next;
			next = link_get(&at[level]);
		}
	}
	return next;
}

const struct cdx_mem_val *cdx_memtable_get(const struct cdx_memtable *m,
					   enum cdx_db db, const void *key,
					   size_t key_len)
{
	const struct cdx_mem_node *n = cdx_memtable_seek(m, db, key, key_len);

	if (!n || n->key_len != key_len ||
	    memcmp(node_key(n), key, key_len) != 0)
		return NULL;
	return cdx_mem_value(n);
}

const struct cdx_mem_node *cdx_mem_next(const struct cdx_mem_node *n)
{
	return link_get(&n->next[0]);
}

const uint8_t *cdx_mem_key(const struct cdx_mem_node *n, size_t *len)
{
	*len = n->key_len;
	return node_key(n);
}

const struct cdx_mem_val *cdx_mem_value(const struct cdx_mem_node *n)
{
	return atomic_load_explicit(&n->val, memory_order_acquire);
}
