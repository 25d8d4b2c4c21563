/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_PROTECTION_ENV_H
#define CDX_TESTS_UNIT_PROTECTION_ENV_H

/* One store of a test program and what is asked of it over and over.  Include
 * after cmocka.h. */

#include "protection_kit.h"
#include "store/fsck.h"
#include "store/protection_internal.h"
#include "store_tmp.h"

#define SHARE (256u << 20)

static struct tmp_store T;

static inline int setup(void **state)
{
	(void)state;
	tmp_store_new(&T, SHARE);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	tmp_store_free(&T);
	return 0;
}

static inline int64_t used(void)
{
	return cdx_kv_counter(T.s, CDX_CNT_USED_VOLUME);
}

/* Everything that must be as it was once a protection is gone */
struct counts {
	int64_t used;
	int64_t blocks;
	int64_t datasets;
};

static inline struct counts counts(void)
{
	return (struct counts){used(), cdx_kv_counter(T.s, CDX_CNT_BLOCKS),
			       cdx_kv_counter(T.s, CDX_CNT_DATASETS)};
}

static inline void same_counts(struct counts a)
{
	struct counts b = counts();

	assert_int_equal(a.used, b.used);
	assert_int_equal(a.blocks, b.blocks);
	assert_int_equal(a.datasets, b.datasets);
}

static inline unsigned rows(enum cdx_db db, uint64_t prefix)
{
	struct cdx_kv_iter *it;
	struct cdx_kv_pair pair;
	uint8_t p[8];
	unsigned n = 0;

	cdx_put_be64(p, prefix);
	assert_int_equal(
		cdx_kv_iter_open(T.s, &it, db, p, prefix ? 8 : 0, NULL, 0), 0);
	while (cdx_kv_iter_next(it, &pair) > 0)
		n++;
	cdx_kv_iter_close(it);
	return n;
}

static inline struct cdx_cid cid_of(const struct cdx_digest *d)
{
	return cdx_cid_sha256(CDX_CODEC_MANIFEST, d);
}

static inline uint64_t bad_blocks(void)
{
	struct cdx_store_stats st;

	cdx_store_stats(T.s, &st);
	return st.bad_blocks;
}

/* Reads every block of a slot: all right, or all not here. */
static inline void check_slot(const struct cdx_protection *p, uint64_t seed,
			      uint64_t same, uint32_t slot, bool here)
{
	uint8_t *got = malloc(p->block_size);
	uint8_t *want = malloc(p->block_size);

	for (uint64_t s = 0; s < p->steps; s++) {
		uint64_t index = slot * p->steps + s;
		bool pad = index >= p->blocks && index < p->k * p->steps;
		int rc = cdx_protection_read(T.s, got, p, index);

		if (!here && !pad) {
			assert_int_equal(rc, -ENODATA);
			continue;
		}
		assert_int_equal(rc, 0);
		pk_want(want, p, seed, same, index);
		assert_memory_equal(got, want, p->block_size);
	}
	free(got);
	free(want);
}

static inline void check_all(const struct cdx_protection *p, uint64_t seed,
			     uint64_t same)
{
	for (uint32_t i = 0; i < p->k + p->m; i++)
		check_slot(p, seed, same, i, (p->absent >> i & 1) == 0);
}

static inline void get(struct cdx_protection *p)
{
	assert_int_equal(cdx_protection_get(T.s, p->base, p->id, p), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
