/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/map.h"
#include "tests/unit/seed.h"

#define KEYS 512
#define ROUNDS 200000

struct model {
	uint64_t keys[KEYS];
	void *vals[KEYS];
	size_t len;
};

static void check_all(const struct cdx_map *m, const struct model *want)
{
	size_t pos = 0;
	size_t seen = 0;
	uint64_t key;
	void *val;

	assert_int_equal(m->len, want->len);
	for (size_t i = 0; i < KEYS; i++)
		assert_ptr_equal(cdx_map_get(m, want->keys[i]), want->vals[i]);
	while (cdx_map_next(m, &pos, &key, &val)) {
		assert_ptr_equal(cdx_map_get(m, key), val);
		seen++;
	}
	assert_int_equal(seen, want->len);
}

/* Against an array, in phases that mostly add and mostly remove, so that the
 * map grows and shrinks. */
static void test_model(void **state)
{
	static struct model want;
	static char vals[64];
	struct seed seed = seed_start("map");
	struct cdx_map m = {0};

	(void)state;
	/* neighbours and multiples of a power of two */
	for (size_t i = 0; i < KEYS; i++)
		want.keys[i] = i % 2 ? i : (uint64_t)i << 32;
	for (size_t n = 0; n < ROUNDS; n++) {
		size_t i = seed_below(&seed, KEYS);
		bool add = seed_below(&seed, 8) < (n / 4096 % 2 ? 1 : 6);
		void *val = &vals[seed_below(&seed, sizeof(vals))];

		if (add) {
			want.len += want.vals[i] == NULL;
			want.vals[i] = val;
			assert_int_equal(cdx_map_put(&m, want.keys[i], val), 0);
		} else {
			assert_ptr_equal(cdx_map_del(&m, want.keys[i]),
					 want.vals[i]);
			want.len -= want.vals[i] != NULL;
			want.vals[i] = NULL;
		}
		if (n % 1024 == 0)
			check_all(&m, &want);
		assert_true(m.len * 4 <= m.cap * 3);
	}
	check_all(&m, &want);
	cdx_map_free(&m);
	assert_null(cdx_map_get(&m, 1));
}

static void test_shrinks(void **state)
{
	struct cdx_map m = {0};
	size_t top;

	(void)state;
	assert_null(cdx_map_get(&m, 0));
	assert_null(cdx_map_del(&m, 0));
	for (uint64_t i = 0; i < 10000; i++)
		assert_int_equal(cdx_map_put(&m, i, &m), 0);
	top = m.cap;
	for (uint64_t i = 0; i < 10000; i++)
		assert_ptr_equal(cdx_map_del(&m, i), &m);
	assert_int_equal(m.len, 0);
	assert_true(m.cap <= 16);
	assert_true(top >= 10000);
	cdx_map_free(&m);
}

struct item {
	int n;
	struct cdx_list node;
};

static void test_list(void **state)
{
	struct cdx_list head;
	struct item items[4];
	int sum = 0;

	(void)state;
	cdx_list_init(&head);
	assert_true(cdx_list_empty(&head));
	for (int i = 0; i < 4; i++) {
		items[i].n = i;
		if (i < 2)
			cdx_list_add_tail(&head, &items[i].node);
		else
			cdx_list_add(&head, &items[i].node);
	}
	/* 3 2 0 1 */
	assert_ptr_equal(cdx_list_entry(head.next, struct item, node),
			 &items[3]);
	assert_ptr_equal(head.prev, &items[1].node);
	cdx_list_del(&items[0].node);
	cdx_list_del(&items[0].node);
	cdx_list_foreach(pos, &head) {
		sum = sum * 10 + cdx_list_entry(pos, struct item, node)->n;
	}
	assert_int_equal(sum, 321);
	cdx_list_foreach_safe(pos, tmp, &head) {
		cdx_list_del(pos);
	}
	assert_true(cdx_list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_shrinks),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
