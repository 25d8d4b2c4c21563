/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_PROTECT_KIT_H
#define CDX_TESTS_UNIT_PROTECT_KIT_H

/* Datasets in a real store, protected, damaged and read again.  Include after
 * cmocka.h, seed.h and store_tmp.h. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "erasure/codec.h"
#include "protect/protect.h"
#include "protect/slot.h"
#include "repair/repair.h"
#include "store/dataset_store.h"
#include "store/protection.h"

/* One dataset and what it should read as */
struct pk_data {
	uint8_t *p;
	size_t len;
	uint32_t block_size;
	struct cdx_cid plain;
	struct cdx_cid verifiable;
};

static inline struct cdx_protect_opts pk_opts(uint32_t k, uint32_t m)
{
	const struct cdx_protect_opts o = {
		.k = k,
		.m = m,
		.codec = CDX_EC_ISA_L_CAUCHY,
		.refs = CDX_REF_PIN,
		.prio = CDX_POOL_IDLE,
	};

	return o;
}

/* Adds @len random bytes (given: @p, which is copied). */
static inline void pk_add(struct tmp_store *t, struct pk_data *d,
			  struct seed *seed, const uint8_t *p, size_t len,
			  uint32_t block_size)
{
	const struct cdx_ingest_opts opts = {.block_size = block_size};
	struct cdx_ingest *in;

	memset(d, 0, sizeof(*d));
	d->p = malloc(len);
	assert_non_null(d->p);
	if (p != NULL)
		memcpy(d->p, p, len);
	else
		seed_fill(seed, d->p, len);
	d->len = len;
	d->block_size = block_size;
	assert_int_equal(cdx_ingest_new(&in, t->s, &opts), 0);
	assert_int_equal(cdx_ingest_feed(in, d->p, d->len), 0);
	assert_int_equal(cdx_ingest_end(in, &d->plain), 0);
	cdx_ingest_free(in);
}

static inline void pk_free(struct pk_data *d)
{
	free(d->p);
	memset(d, 0, sizeof(*d));
}

static inline void pk_protect(struct tmp_store *t, struct pk_data *d,
			      const struct cdx_protect_opts *o)
{
	char why[CDX_PROTECT_WHY_MAX];
	int rc;

	rc = cdx_protect_run(t->s, &d->plain, o, &d->verifiable, why);
	if (rc < 0)
		print_error("%s: %s\n", cdx_strerror(rc), why);
	assert_int_equal(rc, 0);
}

static inline void pk_slots(struct tmp_store *t, const struct pk_data *d,
			    struct cdx_slots *out)
{
	memset(out, 0, sizeof(*out));
	assert_int_equal(cdx_slots_open(out, t->s, &d->verifiable), 0);
}

/* Reads everything through @cid and compares. */
static inline void pk_same(struct tmp_store *t, const struct pk_data *d,
			   const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;
	uint8_t *got = malloc(d->len + 1);

	assert_non_null(got);
	assert_int_equal(cdx_dataset_info(t->s, cid, &info), 0);
	assert_int_equal(info.size, d->len);
	assert_int_equal(cdx_repair_read(t->s, got, &info, 0, d->len + 1),
			 d->len);
	assert_memory_equal(got, d->p, d->len);
	free(got);
}

static inline int pk_verify(struct tmp_store *t, const struct cdx_cid *cid,
			    struct cdx_verify_report *r)
{
	int rc = cdx_verify_dataset(t->s, cid, NULL, r);

	assert_int_equal(rc, 0);
	return cdx_verify_ok(r);
}

static inline int pk_rebuild(struct tmp_store *t, const struct pk_data *d,
			     uint32_t slot, const struct cdx_rebuild *o,
			     struct cdx_rebuild_report *report)
{
	const struct cdx_rebuild none = {.pool = NULL};
	char why[CDX_REPAIR_WHY_MAX];
	struct cdx_slots sl;
	int rc;

	pk_slots(t, d, &sl);
	rc = cdx_rebuild_slot(t->s, &sl, slot, o ? o : &none, report, why);
	if (rc < 0 && getenv("CDX_TEST_LOG"))
		print_message("rebuild of slot %u: %s: %s\n", slot,
			      cdx_strerror(rc), why);
	/* what cannot be made must be told in words */
	if (rc == -ENODATA)
		assert_true(why[0] != '\0');
	if (rc == 0)
		assert_true(cdx_fr_equal(&report->root, &sl.roots[slot]));
	cdx_slots_free(&sl);
	return rc;
}

static inline void pk_evict(struct tmp_store *t, const struct pk_data *d,
			    uint32_t slot)
{
	struct cdx_slots sl;

	pk_slots(t, d, &sl);
	assert_int_equal(cdx_slot_evict(t->s, &sl.rec, slot), 0);
	cdx_slots_free(&sl);
}

/* Where a block of the encoded dataset lies; false: nowhere */
static inline bool pk_loc(struct tmp_store *t, const struct cdx_slots *sl,
			  uint64_t index, struct cdx_block_loc *out)
{
	struct cdx_block_info info;
	struct cdx_leaf leaf;

	assert_int_equal(cdx_protection_leaf(t->s, &sl->rec, index, &leaf), 0);
	if (cdx_block_info(t->s, &leaf.digest, &info) < 0 || info.locs == 0)
		return false;
	*out = info.loc[0];
	return true;
}

/* Damages one block behind the store's back. */
static inline void pk_corrupt(struct tmp_store *t, const struct pk_data *d,
			      uint32_t slot, uint64_t step)
{
	struct cdx_block_loc loc = {0};
	struct cdx_slots sl;

	pk_slots(t, d, &sl);
	assert_true(
		pk_loc(t, &sl, cdx_geometry_index(&sl.g, slot, step), &loc));
	tmp_area_flip(t, loc.area, (off_t)loc.off + 77);
	cdx_slots_free(&sl);
}

#endif
