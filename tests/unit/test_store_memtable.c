/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "seed.h"
#include "store/memtable.h"

static void put(struct cdx_memtable *m, enum cdx_db db, const void *key,
		size_t key_len, const void *val, size_t val_len)
{
	size_t cost = cdx_memtable_cost(key_len, val ? val_len : 0);
	size_t before = cdx_memtable_bytes(m);

	assert_int_equal(cdx_memtable_reserve(m, cost), 0);
	cdx_memtable_put(m, db, key, key_len, val, val_len);
	assert_true(cdx_memtable_bytes(m) - before <= cost);
}

static void test_one(void **state)
{
	const struct cdx_mem_val *v;
	struct cdx_memtable *m;

	(void)state;
	assert_int_equal(cdx_memtable_new(&m), 0);
	assert_null(cdx_memtable_get(m, CDX_DB_META, "a", 1));
	assert_null(cdx_memtable_seek(m, CDX_DB_META, NULL, 0));
	put(m, CDX_DB_META, "a", 1, "one", 3);
	v = cdx_memtable_get(m, CDX_DB_META, "a", 1);
	assert_non_null(v);
	assert_int_equal(v->len, 3);
	assert_memory_equal(v->p, "one", 3);
	/* tables do not see each other */
	assert_null(cdx_memtable_get(m, CDX_DB_INODE, "a", 1));
	put(m, CDX_DB_META, "a", 1, "", 0);
	v = cdx_memtable_get(m, CDX_DB_META, "a", 1);
	assert_int_equal(v->len, 0);
	put(m, CDX_DB_META, "a", 1, NULL, 0);
	v = cdx_memtable_get(m, CDX_DB_META, "a", 1);
	assert_int_equal(v->len, CDX_MEM_TOMBSTONE);
	cdx_memtable_unref(cdx_memtable_ref(m));
	cdx_memtable_unref(m);
	cdx_memtable_unref(NULL);
}

/* Keys that share beginnings, end in zero bytes, straddle the eight bytes that
 * are compared as a number */
static void test_order(void **state)
{
	static const struct {
		const char *p;
		size_t len;
	} keys[] = {
		{"\0", 1},
		{"\0\0", 2},
		{"\0\0\0\0\0\0\0\0", 8},
		{"\0\0\0\0\0\0\0\0\0", 9},
		{"a", 1},
		{"a\0", 2},
		{"a\0b", 3},
		{"aaaaaaa", 7},
		{"aaaaaaaa", 8},
		{"aaaaaaaa\0", 9},
		{"aaaaaaaab", 9},
		{"aaaaaaaac", 9},
		{"aaaaaaab", 8},
		{"b", 1},
		{"\xff", 1},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 8},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9},
	};
	const size_t n = sizeof(keys) / sizeof(keys[0]);
	const struct cdx_mem_node *node;
	struct cdx_memtable *m;
	size_t len;
	size_t i;

	(void)state;
	assert_int_equal(cdx_memtable_new(&m), 0);
	for (i = 0; i < n; i++) {
		size_t j = (i * 5) % n;

		put(m, CDX_DB_DENTRY, keys[j].p, keys[j].len, &j, sizeof(j));
	}
	node = cdx_memtable_seek(m, CDX_DB_DENTRY, NULL, 0);
	for (i = 0; i < n; i++, node = cdx_mem_next(node)) {
		const uint8_t *key;

		assert_non_null(node);
		key = cdx_mem_key(node, &len);
		assert_int_equal(len, keys[i].len);
		assert_memory_equal(key, keys[i].p, len);
		assert_ptr_equal(cdx_memtable_seek(m, CDX_DB_DENTRY, keys[i].p,
						   keys[i].len),
				 node);
	}
	assert_null(node);
	cdx_memtable_unref(m);
}

/* ---- against a sorted array ---- */

struct entry {
	uint8_t key[16];
	size_t len;
	uint64_t val; /* UINT64_MAX: tombstone */
};

struct model {
	struct entry *v;
	size_t n;
};

static int entry_cmp(const uint8_t *a, size_t a_len, const uint8_t *b,
		     size_t b_len)
{
	int r = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return r ? r : (a_len > b_len) - (a_len < b_len);
}

/* Index of the first entry not below the key */
static size_t model_find(const struct model *m, const uint8_t *key, size_t len)
{
	size_t lo = 0;
	size_t hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (entry_cmp(m->v[mid].key, m->v[mid].len, key, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void model_put(struct model *m, const uint8_t *key, size_t len,
		      uint64_t val)
{
	size_t i = model_find(m, key, len);

	if (i == m->n || entry_cmp(m->v[i].key, m->v[i].len, key, len) != 0) {
		memmove(&m->v[i + 1], &m->v[i], (m->n - i) * sizeof(*m->v));
		memcpy(m->v[i].key, key, len);
		m->v[i].len = len;
		m->n++;
	}
	m->v[i].val = val;
}

static void check_all(const struct model *model, const struct cdx_memtable *m)
{
	const struct cdx_mem_node *node =
		cdx_memtable_seek(m, CDX_DB_EXTENT, NULL, 0);
	const struct cdx_mem_val *v;
	const uint8_t *key;
	size_t len;

	for (size_t i = 0; i < model->n; i++) {
		assert_non_null(node);
		key = cdx_mem_key(node, &len);
		assert_int_equal(len, model->v[i].len);
		assert_memory_equal(key, model->v[i].key, len);
		v = cdx_mem_value(node);
		if (model->v[i].val == UINT64_MAX) {
			assert_int_equal(v->len, CDX_MEM_TOMBSTONE);
		} else {
			assert_int_equal(v->len, 8);
			assert_int_equal(cdx_get_be64(v->p), model->v[i].val);
		}
		node = cdx_mem_next(node);
	}
	assert_null(node);
}

static void test_model(void **state)
{
	enum {
		OPS = 20000
	};
	struct seed seed = seed_start("memtable");
	struct model model = {calloc(OPS, sizeof(struct entry)), 0};
	struct cdx_memtable *m;
	uint8_t key[16] = {0};
	uint8_t val[8];

	(void)state;
	assert_non_null(model.v);
	assert_int_equal(cdx_memtable_new(&m), 0);
	for (int i = 0; i < OPS; i++) {
		size_t len = 1 + seed_below(&seed, sizeof(key));
		uint64_t v = seed_u64(&seed) >> 1;

		/* now near the last key, now anywhere */
		if (seed_below(&seed, 3) > 0)
			key[len - 1]++;
		else
			seed_fill(&seed, key, len);
		if (seed_below(&seed, 5) == 0)
			v = UINT64_MAX;
		cdx_put_be64(val, v);
		put(m, CDX_DB_EXTENT, key, len, v == UINT64_MAX ? NULL : val,
		    8);
		model_put(&model, key, len, v);
		len = 1 + seed_below(&seed, sizeof(key));
		{
			const struct cdx_mem_node *n =
				cdx_memtable_seek(m, CDX_DB_EXTENT, key, len);
			size_t at = model_find(&model, key, len);
			size_t got;

			assert_int_equal(n == NULL, at == model.n);
			if (n)
				assert_memory_equal(cdx_mem_key(n, &got),
						    model.v[at].key,
						    model.v[at].len);
		}
	}
	check_all(&model, m);
	cdx_memtable_unref(m);
	free(model.v);
}

/* ---- readers beside the writer ---- */

struct shared {
	struct cdx_memtable *m;
	atomic_uint written; /* keys 0 .. written-1 are there */
	atomic_bool stop;
	atomic_uint bad;
};

enum {
	CONC_KEYS = 30000
};

static void scatter(uint8_t key[8], unsigned i)
{
	cdx_put_be64(key, (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15));
}

static void *reader(void *arg)
{
	struct shared *sh = arg;
	struct seed seed = {.state = 7};
	const struct cdx_mem_node *n;
	const struct cdx_mem_val *v;
	uint8_t key[8];

	while (!atomic_load(&sh->stop)) {
		unsigned have = atomic_load(&sh->written);
		unsigned i = have ? (unsigned)seed_below(&seed, have) : 0;

		scatter(key, i);
		v = cdx_memtable_get(sh->m, CDX_DB_LEAF, key, 8);
		if (have &&
		    (!v || v->len != 4 || cdx_get_be32(v->p) % CONC_KEYS != i))
			atomic_fetch_add(&sh->bad, 1);
		n = cdx_memtable_seek(sh->m, CDX_DB_LEAF, key, 8);
		for (int step = 0; n && step < 20; step++) {
			const struct cdx_mem_node *next = cdx_mem_next(n);
			size_t len;

			if (next && memcmp(cdx_mem_key(n, &len),
					   cdx_mem_key(next, &len), 8) >= 0)
				atomic_fetch_add(&sh->bad, 1);
			n = next;
		}
	}
	return NULL;
}

static void test_readers(void **state)
{
	struct shared sh = {0};
	pthread_t t[2];
	uint8_t key[8];
	uint8_t val[4];

	(void)state;
	assert_int_equal(cdx_memtable_new(&sh.m), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, &sh), 0);
	for (unsigned i = 0; i < CONC_KEYS; i++) {
		scatter(key, i);
		cdx_put_be32(val, i);
		put(sh.m, CDX_DB_LEAF, key, 8, val, 4);
		atomic_store(&sh.written, i + 1);
		/* and replace an older value */
		scatter(key, i / 2);
		cdx_put_be32(val, i / 2 + CONC_KEYS);
		put(sh.m, CDX_DB_LEAF, key, 8, val, 4);
	}
	atomic_store(&sh.stop, true);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(atomic_load(&sh.bad), 0);
	cdx_memtable_unref(sh.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
