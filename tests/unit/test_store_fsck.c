/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"
#include "merkle/sha256_tree.h"
#include "store/dataset_internal.h"
#include "store/records.h"
#include "store_tmp.h"

/* Every kind of damage must be found, under its own name. */

#define BLOCKS 5u
#define LEN (BLOCKS * CDX_BLOCK_SIZE - 100)

static struct tmp_store T;
static struct cdx_cid Cid;
static struct cdx_dataset_info Info;
static uint8_t *Bytes;

static int setup(void **state)
{
	struct cdx_ingest *in;

	(void)state;
	tmp_store_new(&T, 64u << 20);
	Bytes = malloc(LEN);
	assert_non_null(Bytes);
	for (size_t i = 0; i < LEN; i++)
		Bytes[i] = (uint8_t)(i >> 16 ^ i);
	assert_int_equal(cdx_ingest_new(&in, T.s, NULL), 0);
	assert_int_equal(cdx_ingest_feed(in, Bytes, LEN), 0);
	assert_int_equal(cdx_ingest_end(in, &Cid), 0);
	cdx_ingest_free(in);
	assert_int_equal(cdx_dataset_info(T.s, &Cid, &Info), 0);
	tmp_fsck_clean(&T);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(Bytes);
	tmp_store_free(&T);
	return 0;
}

static struct cdx_batch *batch(void)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	return b;
}

static void apply(struct cdx_batch *b)
{
	assert_int_equal(cdx_batch_apply(b), 0);
}

/* At least one finding of this name */
static void expect(const char *what)
{
	struct tmp_findings v;

	tmp_fsck(&T, &v);
	if (tmp_found(&v, what) == 0)
		print_error("no finding %s; %u others, first %s\n", what, v.n,
			    v.n != 0 ? v.what[0] : "-");
	assert_true(tmp_found(&v, what) > 0);
}

/* Exactly this finding and no other */
static void expect_only(const char *what)
{
	struct tmp_findings v;

	tmp_fsck(&T, &v);
	if (v.n != 1 || tmp_found(&v, what) != 1)
		print_error("%u findings, first %s\n", v.n,
			    v.n != 0 ? v.what[0] : "-");
	assert_int_equal(v.n, 1);
	assert_int_equal(tmp_found(&v, what), 1);
}

static struct cdx_leaf leaf_of(uint32_t index)
{
	struct cdx_leaf leaf;

	assert_int_equal(cdx_leaf_get(T.s, Info.dsid, index, &leaf), 0);
	return leaf;
}

static void block_of(uint32_t index, struct cdx_digest *d,
		     struct cdx_block_info *info)
{
	*d = leaf_of(index).digest;
	assert_int_equal(cdx_block_info(T.s, d, info), 0);
}

static void put_block(const struct cdx_digest *d,
		      const struct cdx_block_info *info)
{
	struct cdx_batch *b = batch();
	uint8_t val[CDX_BLOCK_VAL_MAX];

	cdx_batch_put(b, CDX_DB_BLOCK, d->b, 32, val,
		      cdx_block_info_encode(val, info));
	apply(b);
}

static void clean_counts(void **state)
{
	struct tmp_findings v;

	(void)state;
	tmp_fsck(&T, &v);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.f.blocks_checked, BLOCKS);
	assert_int_equal(v.f.bytes_checked, BLOCKS * CDX_BLOCK_SIZE);
	assert_int_equal(v.f.orphaned_bytes, 0);
}

static void block_hash(void **state)
{
	struct cdx_block_info info;
	struct cdx_digest d;

	(void)state;
	block_of(3, &d, &info);
	tmp_area_flip(&T, info.loc[0].area, (off_t)info.loc[0].off + 65535);
	expect_only("block-hash");
}

static void block_records(void **state)
{
	struct cdx_block_info good;
	struct cdx_block_info info;
	struct cdx_batch *b;
	struct cdx_digest d;

	(void)state;
	block_of(2, &d, &good);
	info = good;
	info.refs = 2;
	put_block(&d, &info);
	expect_only("block-refs");
	info = good;
	info.loc[0].off += 100 * CDX_BLOCK_SIZE;
	put_block(&d, &info);
	expect_only("block-location-bad");
	info.loc[0].area = 999;
	put_block(&d, &info);
	expect("block-location-unknown");
	info = good;
	info.locs = 0;
	put_block(&d, &info);
	expect("block-without-location");
	expect("area-live");
	put_block(&d, &good);
	tmp_fsck_clean(&T);
	b = batch();
	cdx_batch_put(b, CDX_DB_BLOCK, d.b, 32, "junk", 4);
	apply(b);
	expect("block-record-bad");
	b = batch();
	cdx_batch_del(b, CDX_DB_BLOCK, d.b, 32);
	apply(b);
	expect("leaf-without-block");
	expect("counter-blocks");
}

static void leaf_records(void **state)
{
	const struct cdx_leaf good = leaf_of(1);
	struct cdx_leaf leaf = good;
	struct cdx_batch *b = batch();
	uint8_t key[CDX_LEAF_KEY_LEN];

	(void)state;
	cdx_leaf_del(b, Info.dsid, BLOCKS - 1);
	apply(b);
	expect("leaf-missing");
	expect("block-refs");
	b = batch();
	cdx_leaf_del(b, Info.dsid, 1);
	apply(b);
	expect("leaf-order");
	b = batch();
	leaf.digest = leaf_of(2).digest;
	cdx_leaf_put(b, Info.dsid, 1, &leaf);
	leaf.digest = good.digest;
	cdx_leaf_put(b, Info.dsid, BLOCKS - 1, &leaf);
	apply(b);
	expect("tree-mismatch");
	b = batch();
	leaf.state = CDX_LEAF_BURNT;
	cdx_leaf_put(b, Info.dsid, 1, &leaf);
	apply(b);
	expect("leaf-burnt");
	b = batch();
	cdx_put_be64(key, Info.dsid);
	cdx_put_be32(key + 8, 1);
	cdx_batch_put(b, CDX_DB_LEAF, key, sizeof(key), "?", 1);
	apply(b);
	expect("leaf-record-bad");
}

static void all_leaves_gone(void **state)
{
	struct cdx_batch *b = batch();

	(void)state;
	for (uint32_t i = 0; i < BLOCKS; i++)
		cdx_leaf_del(b, Info.dsid, i);
	apply(b);
	expect("leaf-missing");
}

static void stray_leaf(void **state)
{
	const struct cdx_leaf leaf = leaf_of(0);
	struct cdx_batch *b = batch();

	(void)state;
	cdx_leaf_put(b, 4711, 0, &leaf);
	apply(b);
	expect_only("leaf-without-dataset");
}

static void dataset_records(void **state)
{
	struct cdx_buf m CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info = Info;
	struct cdx_batch *b = batch();
	uint8_t key[40];

	(void)state;
	assert_int_equal(cdx_dataset_manifest(T.s, &Cid, &m), 0);
	info.size++;
	cdx_dataset_put(b, &info, m.p, m.len, false);
	apply(b);
	expect_only("dataset-size");
	b = batch();
	info = Info;
	info.tree.digest[5] ^= 1;
	cdx_dataset_put(b, &info, m.p, m.len, false);
	apply(b);
	expect("dataset-tree");
	expect("tree-mismatch");
	expect("tree-entry-missing");
	expect("tree-entry-stray");
	b = batch();
	cdx_dataset_put(b, &Info, "not a manifest", 14, false);
	apply(b);
	expect("manifest-hash");
	expect("manifest-bad");
	b = batch();
	cdx_dataset_put(b, &Info, m.p, m.len, false);
	memcpy(key, Info.tree.digest, 32);
	cdx_put_be64(key + 32, Info.dsid);
	cdx_batch_del(b, CDX_DB_TREE, key, sizeof(key));
	apply(b);
	expect_only("tree-entry-missing");
	b = batch();
	cdx_batch_put(b, CDX_DB_DATASET, Info.cid.digest, 32, "x", 1);
	apply(b);
	expect("dataset-record-bad");
	b = batch();
	cdx_batch_del(b, CDX_DB_DATASET, Info.cid.digest, 32);
	apply(b);
	expect("counter-datasets");
}

static void area_records(void **state)
{
	struct cdx_area_info good;
	struct cdx_area_info info;
	struct cdx_block_info bi;
	struct cdx_digest d;
	struct cdx_batch *b;
	char path[PATH_MAX];

	(void)state;
	block_of(0, &d, &bi);
	assert_int_equal(cdx_area_info(T.s, bi.loc[0].area, &good), 0);
	info = good;
	info.live -= CDX_BLOCK_SIZE;
	b = batch();
	cdx_area_set_info(b, bi.loc[0].area, &info);
	apply(b);
	expect_only("area-live");
	info = good;
	info.size += CDX_BLOCK_SIZE;
	b = batch();
	cdx_area_set_info(b, bi.loc[0].area, &info);
	apply(b);
	expect_only("area-file-short");
	b = batch();
	cdx_area_set_info(b, bi.loc[0].area, &good);
	cdx_area_set_info(b, 1u << 30, &(struct cdx_area_info){.kind = 1});
	apply(b);
	expect("counter-next-area");
	expect("area-without-file");
	tmp_area_path(&T, path, bi.loc[0].area);
	assert_int_equal(unlink(path), 0);
	expect("area-without-file");
	expect("block-location-bad");
}

static void orphans(void **state)
{
	struct tmp_findings v;
	char path[PATH_MAX];
	int fd;

	(void)state;
	tmp_area_path(&T, path, 77);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, Bytes, LEN, 0), LEN);
	assert_int_equal(fsync(fd), 0);
	(void)close(fd);
	tmp_fsck(&T, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(tmp_found(&v, "area-orphan-file"), 1);
	assert_true(v.f.orphaned_bytes >= LEN);
	tmp_store_reopen(&T);
	tmp_fsck_clean(&T);
	(void)snprintf(path, sizeof(path), "%.3000s/areas/notes.txt", T.path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	expect_only("area-stray-name");
}

static void free_records(void **state)
{
	struct cdx_block_info bi;
	struct cdx_digest d;
	struct cdx_batch *b = batch();

	(void)state;
	block_of(0, &d, &bi);
	cdx_area_free_range(b, 12345, 0, 4096);
	apply(b);
	expect_only("free-of-unknown-area");
	b = batch();
	cdx_area_free_range(b, bi.loc[0].area, 1u << 30, 4096);
	apply(b);
	expect("free-beyond-file");
	b = batch();
	cdx_batch_put(b, CDX_DB_FREE, "k", 1, "v", 1);
	apply(b);
	expect("free-record-bad");
}

static void whole_file_of_live_area(void **state)
{
	struct cdx_area_info info;
	struct cdx_block_info bi;
	struct cdx_digest d;
	struct cdx_batch *b = batch();

	(void)state;
	block_of(0, &d, &bi);
	assert_int_equal(cdx_area_info(T.s, bi.loc[0].area, &info), 0);
	cdx_area_remove(b, bi.loc[0].area);
	cdx_area_set_info(b, bi.loc[0].area, &info);
	apply(b);
	expect_only("free-of-live-area");
}

static void counters(void **state)
{
	struct cdx_batch *b = batch();

	(void)state;
	cdx_batch_add(b, CDX_CNT_USED_CACHE, -5);
	apply(b);
	expect_only("counter-used");
	b = batch();
	cdx_batch_add(b, CDX_CNT_USED_CACHE, 5);
	cdx_batch_add(b, CDX_CNT_RESERVED_PROVIDER, -1);
	apply(b);
	expect_only("counter-reserved");
}

/* ---- segments ---- */

/* A segment with @n blocks of Bytes; leaves, but no dataset */
static uint64_t open_segment(unsigned n)
{
	struct cdx_area_info info = {.kind = CDX_AREA_SEGMENT};
	struct cdx_leaf leaf = {.has_sums = true};
	struct cdx_batch *b = batch();
	uint8_t block[4096] = {0};
	uint64_t id;

	assert_int_equal(cdx_area_create(T.s, &id, CDX_AREA_SEGMENT,
					 8 * CDX_BLOCK_SIZE, b),
			 0);
	for (unsigned i = 0; i < n; i++) {
		uint64_t off = (uint64_t)i * CDX_BLOCK_SIZE;

		leaf.state = i % 3 == 0	  ? CDX_LEAF_DATA
			     : i % 3 == 1 ? CDX_LEAF_PADDING
					  : CDX_LEAF_FOOTER;
		block[0] = (uint8_t)(i + 1);
		assert_int_equal(
			cdx_area_write(T.s, id, off, block, sizeof(block)), 0);
		assert_int_equal(
			cdx_area_read(T.s, id, off, Bytes, CDX_BLOCK_SIZE), 0);
		cdx_sha256(&leaf.digest, Bytes, CDX_BLOCK_SIZE);
		cdx_leaf_put(b, id, i, &leaf);
	}
	leaf.state = CDX_LEAF_BURNT;
	cdx_leaf_put(b, id, n, &leaf);
	info.size = 8 * CDX_BLOCK_SIZE;
	cdx_area_set_info(b, id, &info);
	apply(b);
	return id;
}

static void open_segments(void **state)
{
	uint64_t id = open_segment(4);
	struct tmp_findings v;

	(void)state;
	tmp_fsck(&T, &v);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.f.blocks_checked, BLOCKS + 4);
	tmp_area_flip(&T, id, 2 * CDX_BLOCK_SIZE + 5);
	expect_only("segment-block-hash");
	/* an index that is burnt has no content to be wrong */
	tmp_area_flip(&T, id, 2 * CDX_BLOCK_SIZE + 5);
	tmp_area_flip(&T, id, 4 * CDX_BLOCK_SIZE);
	tmp_fsck_clean(&T);
}

/* Seals what open_segment made: blocks, dataset, tree. */
static void sealed_segments(void **state)
{
	struct cdx_buf m CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_manifest man CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_dataset_info info = {.refs = CDX_REF_VOLUME, .blocks = 4};
	struct cdx_tree_stream tree = {0};
	struct cdx_digest root;
	struct cdx_batch *b = batch();
	struct cdx_leaf leaf;

	(void)state;
	info.area = open_segment(4);
	info.dsid = info.area;
	info.base = info.area;
	info.block_size = CDX_BLOCK_SIZE;
	info.size = info.blocks * CDX_BLOCK_SIZE;
	for (uint32_t i = 0; i < 4; i++) {
		const struct cdx_block_loc loc = {info.area,
						  i * CDX_BLOCK_SIZE};

		assert_int_equal(cdx_leaf_get(T.s, info.dsid, i, &leaf), 0);
		assert_int_equal(cdx_block_add(T.s, b, &leaf.digest, &loc), 0);
		cdx_tree_stream_add(&tree, &leaf.digest);
	}
	cdx_leaf_del(b, info.dsid, 4);
	assert_int_equal(cdx_tree_stream_root(&root, &tree), 0);
	assert_int_equal(cdx_manifest_plain(&man, &root, info.size,
					    CDX_BLOCK_SIZE, NULL, NULL),
			 0);
	assert_int_equal(cdx_manifest_encode(&m, &man), 0);
	info.cid = cdx_manifest_cid(m.p, m.len);
	info.tree = man.tree;
	cdx_dataset_put(b, &info, m.p, m.len, true);
	apply(b);
	tmp_fsck_clean(&T);
	tmp_area_flip(&T, info.area, CDX_BLOCK_SIZE);
	expect_only("block-hash");
	tmp_area_flip(&T, info.area, CDX_BLOCK_SIZE);

	/* its location in its own file is part of the bargain */
	{
		struct cdx_block_info bi;

		assert_int_equal(cdx_block_info(T.s, &leaf.digest, &bi), 0);
		bi.loc[0].off = 0;
		put_block(&leaf.digest, &bi);
		expect("leaf-without-location");
		expect("block-hash");
		bi.loc[0].off = 3 * CDX_BLOCK_SIZE;
		put_block(&leaf.digest, &bi);
	}
	tmp_fsck_clean(&T);

	/* and it dies whole */
	b = batch();
	info.refs = 0;
	info.dropping = true;
	cdx_dataset_put(b, &info, m.p, m.len, false);
	cdx_dataset_mark_drop(b, &info);
	apply(b);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_dataset_drop(T.s, &info.cid), 0);
	tmp_fsck_clean(&T);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), BLOCKS);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(clean_counts),
		CASE(block_hash),
		CASE(block_records),
		CASE(leaf_records),
		CASE(all_leaves_gone),
		CASE(stray_leaf),
		CASE(dataset_records),
		CASE(area_records),
		CASE(orphans),
		CASE(free_records),
		CASE(whole_file_of_live_area),
		CASE(counters),
		CASE(open_segments),
		CASE(sealed_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
