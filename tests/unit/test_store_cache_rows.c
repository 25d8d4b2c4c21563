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

#include "cache_kit.h"
#include "protection_env.h"
#include "store/records.h"

/* The rows of the cache: pages and manifests, damage, what fsck finds, and
 * blocks in place of those that are not here */

static struct ck_tree Tree;

static struct cdx_cache_stats stats(void)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(T.s, &st);
	return st;
}

/* ---- pages ---- */

static void put_page(uint32_t page)
{
	struct cdx_tree_page p;

	assert_int_equal(ck_tree_page(&p, &Tree, page), 0);
	assert_int_equal(cdx_cache_put_page(T.s, &Tree.root, &p), 0);
}

static void check_pages(uint64_t leaves)
{
	struct cdx_tree_page p;
	struct cdx_tree_page got;

	ck_tree_make(&Tree, (unsigned)leaves, leaves);
	for (uint32_t i = 0; i < cdx_tree_pages(leaves); i++) {
		assert_int_equal(ck_tree_page(&p, &Tree, i), 0);
		assert_int_equal(cdx_cache_get_page(T.s, &got, &Tree.root, i),
				 -ENOENT);
		assert_int_equal(cdx_cache_put_page(T.s, &Tree.root, &p), 0);
		assert_int_equal(cdx_cache_put_page(T.s, &Tree.root, &p), 0);
		assert_int_equal(cdx_cache_get_page(T.s, &got, &Tree.root, i),
				 0);
		assert_memory_equal(&got, &p, sizeof(p));
	}
}

static void pages(void **state)
{
	static const uint64_t sizes[] = {1, 2, 255, 256, 257, 512, 1000, 2048};
	struct cdx_tree_page p;
	uint64_t n = 0;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
		check_pages(sizes[i]);
		n += cdx_tree_pages(sizes[i]);
	}
	assert_int_equal(stats().entries, n);
	assert_true(stats().used >= 8192 * (n - 4));
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	assert_int_equal(stats().entries, n);
	assert_int_equal(cdx_cache_get_page(T.s, &p, &Tree.root, 7), 0);
	assert_int_equal(cdx_cache_get_page(T.s, &p, &Tree.root, 8), -ENOENT);
	/* numbers that contradict each other */
	assert_int_equal(ck_tree_page(&p, &Tree, 7), 0);
	p.n--;
	assert_int_equal(cdx_cache_put_page(T.s, &Tree.root, &p), -EINVAL);
	p.n++;
	p.path_len++;
	assert_int_equal(cdx_cache_put_page(T.s, &Tree.root, &p), -EINVAL);
	p.path_len--;
	p.page = 8;
	assert_int_equal(cdx_cache_put_page(T.s, &Tree.root, &p), -EINVAL);
	p.leaves = 0;
	assert_int_equal(cdx_cache_put_page(T.s, &Tree.root, &p), -EINVAL);
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	assert_int_equal(stats().entries + stats().used, 0);
	tmp_fsck_clean(&T);
}

/* ---- manifests ---- */

static struct cdx_cid put_manifest(unsigned n, size_t size, unsigned tree)
{
	struct cdx_digest root = ck_digest(tree);
	uint8_t *p = malloc(size);
	struct cdx_cid cid = ck_manifest(n, p, size);

	assert_int_equal(cdx_cache_put_manifest(T.s, &cid, &root, p, size), 0);
	free(p);
	return cid;
}

static int get_manifest(const void *digest, size_t *len)
{
	struct cdx_digest d;
	struct cdx_buf b = {0};
	int rc;

	memcpy(d.b, digest, sizeof(d.b));
	cdx_buf_put(&b, "head", 4);
	rc = cdx_cache_get_manifest(T.s, &b, &d);
	assert_memory_equal(b.p, "head", 4);
	*len = b.len - 4;
	cdx_buf_free(&b);
	return rc;
}

struct listed {
	unsigned n;
	struct cdx_cid last;
	int stop;
};

static int note(void *arg, const struct cdx_cid *cid)
{
	struct listed *l = arg;

	l->n++;
	l->last = *cid;
	return l->stop;
}

static void manifests(void **state)
{
	struct cdx_cid a = put_manifest(1, 100, 1000);
	struct cdx_cid b = put_manifest(2, 5000, 1000);
	struct cdx_cid c = put_manifest(3, 300, 1000);
	struct cdx_cid d = put_manifest(4, 1000000, 1001);
	struct cdx_digest tree = ck_digest(1000);
	struct listed l = {0};
	uint8_t one = 1;
	size_t len;

	(void)state;
	assert_int_equal(get_manifest(a.digest, &len), 0);
	assert_int_equal(len, 100);
	assert_int_equal(get_manifest(d.digest, &len), 0);
	assert_int_equal(len, 1000000);
	/* by the tree: the one that says most */
	assert_int_equal(get_manifest(tree.b, &len), 0);
	assert_int_equal(len, 5000);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	assert_int_equal(cdx_cache_list(T.s, note, &l), 0);
	assert_int_equal(l.n, 4);
	assert_int_equal(cdx_cache_drop_manifest(T.s, &b), 0);
	assert_int_equal(cdx_cache_drop_manifest(T.s, &b), -ENOENT);
	assert_int_equal(get_manifest(b.digest, &len), -ENOENT);
	assert_int_equal(get_manifest(tree.b, &len), 0);
	assert_int_equal(len, 300);
	assert_int_equal(cdx_cache_drop_manifest(T.s, &a), 0);
	assert_int_equal(cdx_cache_drop_manifest(T.s, &c), 0);
	assert_int_equal(get_manifest(tree.b, &len), -ENOENT);
	l = (struct listed){.stop = -ECANCELED};
	assert_int_equal(cdx_cache_list(T.s, note, &l), -ECANCELED);
	assert_int_equal(l.n, 1);
	assert_true(cdx_cid_equal(&l.last, &d));
	/* no manifests */
	assert_int_equal(cdx_cache_put_manifest(T.s, &d, &tree, &one, 0),
			 -EINVAL);
	assert_int_equal(cdx_cache_put_manifest(T.s, &d, &tree, &one,
						CDX_CACHE_MANIFEST_MAX + 1),
			 -EINVAL);
	d.codec = CDX_CODEC_BLOCK;
	assert_int_equal(cdx_cache_put_manifest(T.s, &d, &tree, &one, 1),
			 -EINVAL);
	assert_int_equal(cdx_cache_drop_manifest(T.s, &d), -ENOENT);
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	assert_int_equal(rows(CDX_DB_CACHE, 0) + rows(CDX_DB_CACHE_AGE, 0), 0);
	tmp_fsck_clean(&T);
}

/* More than are listed in one go */
static void many_manifests(void **state)
{
	struct listed l = {0};

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		(void)put_manifest(i, 64 + i, 1000 + i % 7);
	assert_int_equal(cdx_cache_list(T.s, note, &l), 0);
	assert_int_equal(l.n, 300);
	tmp_fsck_clean(&T);
	/* all kinds leave in the order of their use */
	assert_int_equal(cdx_cache_resize(T.s, stats().used / 2), 0);
	l.n = 0;
	assert_int_equal(cdx_cache_list(T.s, note, &l), 0);
	assert_true(l.n > 100 && l.n < 200);
	assert_int_equal(l.n, stats().entries);
	tmp_fsck_clean(&T);
}

/* ---- rows that somebody changed ---- */

static struct cdx_buf row_of(const struct cdx_cache_key *key)
{
	struct cdx_buf row = {0};

	assert_true(cdx_kv_get_buf(T.s, CDX_DB_CACHE, key->b, key->len, &row) >
		    0);
	return row;
}

static void put_row(enum cdx_db db, const void *key, size_t key_len,
		    const void *val, size_t val_len)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_batch_put(b, db, key, key_len, val, val_len);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void del_row(enum cdx_db db, const void *key, size_t key_len)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_batch_del(b, db, key, key_len);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void add(enum cdx_counter c, int64_t n)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_batch_add(b, c, n);
	assert_int_equal(cdx_batch_apply(b), 0);
}

/* A bit of the row, and back */
static void flip(const struct cdx_cache_key *key, size_t at)
{
	struct cdx_buf row = row_of(key);

	row.p[at] ^= 1;
	put_row(CDX_DB_CACHE, key->b, key->len, row.p, row.len);
	cdx_buf_free(&row);
}

static void only(const char *what, unsigned n)
{
	struct tmp_findings v;

	tmp_fsck(&T, &v);
	if (v.n != n || tmp_found(&v, what) != n)
		print_error("%u findings, the first: %s; expected %s\n", v.n,
			    v.what[0], what);
	assert_int_equal(v.n, n);
	assert_int_equal(tmp_found(&v, what), n);
}

static void found(const char *what)
{
	struct tmp_findings v;

	tmp_fsck(&T, &v);
	if (tmp_found(&v, what) == 0)
		print_error("the first: %s; expected %s\n", v.what[0], what);
	assert_true(tmp_found(&v, what) != 0);
}

/* One of each kind */
static void fill(struct cdx_cache_key *block, struct cdx_cache_key *page,
		 struct cdx_cache_key *manifest)
{
	struct cdx_digest d = ck_digest(1);
	struct cdx_cid cid;

	assert_int_equal(ck_put(T.s, 1), 0);
	*block = cdx_cache_key(CDX_CACHE_BLOCK, &d);
	ck_tree_make(&Tree, 1, 300);
	put_page(0);
	*page = cdx_cache_page_key(&Tree.root, 0);
	cid = put_manifest(1, 100, 1000);
	memcpy(d.b, cid.digest, sizeof(d.b));
	*manifest = cdx_cache_key(CDX_CACHE_MANIFEST, &d);
	tmp_fsck_clean(&T);
}

#define HEAD CDX_CACHE_HEAD_LEN

static void findings_of_entries(void **state)
{
	struct cdx_cache_key block;
	struct cdx_cache_key page;
	struct cdx_cache_key manifest;
	struct cdx_cache_rec rec;
	struct cdx_buf row = {0};

	(void)state;
	fill(&block, &page, &manifest);
	assert_int_equal(cdx_cache_load(T.s, &rec, &row, &block), 0);
	cdx_buf_free(&row);
	assert_int_equal(cdx_store_commit(T.s), 0);
	tmp_area_flip(&T, rec.area, (off_t)rec.off + 9);
	only("cache-block-hash", 1);
	tmp_area_flip(&T, rec.area, (off_t)rec.off + 9);
	flip(&page, HEAD + 8 + 100);
	only("cache-page", 1);
	flip(&page, HEAD + 8 + 100);
	flip(&manifest, HEAD + 32 + 7);
	only("cache-manifest", 1);
	flip(&manifest, HEAD + 32 + 7);
	/* another tree: neither it nor the old one leads here */
	flip(&manifest, HEAD + 3);
	only("cache-tree", 2);
	flip(&manifest, HEAD + 3);
	/* another area, and a place that is none */
	flip(&block, HEAD + 4 + 6);
	found("cache-area");
	flip(&block, HEAD + 4 + 6);
	flip(&block, HEAD + 4 + 8 + 4);
	found("cache-area");
	flip(&block, HEAD + 4 + 8 + 4);
	flip(&block, HEAD + 4 + 8 + 7);
	found("cache-record-bad");
	flip(&block, HEAD + 4 + 8 + 7);
	/* another use */
	flip(&block, 5 + 7);
	only("cache-age", 2);
	flip(&block, 5 + 7);
	flip(&block, 5);
	found("counter-next-use");
	flip(&block, 5);
	put_row(CDX_DB_CACHE, "\4abc", 4, NULL, 0);
	only("cache-record-bad", 1);
	del_row(CDX_DB_CACHE, "\4abc", 4);
	put_row(CDX_DB_CACHE, "\1abc", 4, "x", 1);
	only("cache-record-bad", 1);
	del_row(CDX_DB_CACHE, "\1abc", 4);
	tmp_fsck_clean(&T);
}

static void findings_of_others(void **state)
{
	struct cdx_cache_key block;
	struct cdx_cache_key page;
	struct cdx_cache_key manifest;
	struct cdx_area_info info;
	struct cdx_cache_rec rec;
	struct cdx_buf row = {0};
	struct cdx_batch *b;

	(void)state;
	fill(&block, &page, &manifest);
	add(CDX_CNT_CACHE, 1);
	only("counter-cache", 1);
	add(CDX_CNT_CACHE, -1);
	add(CDX_CNT_USED_CACHE, -4096);
	only("counter-used", 1);
	add(CDX_CNT_USED_CACHE, 4096 - (1 << 20));
	only("counter-used", 1);
	add(CDX_CNT_USED_CACHE, 1 << 20);
	put_row(CDX_DB_CACHE_AGE, "abcdefghijkl", 12, block.b, block.len);
	only("cache-age", 1);
	put_row(CDX_DB_CACHE_AGE, "abcdefghijkl", 12, "x", 1);
	only("cache-age", 1);
	del_row(CDX_DB_CACHE_AGE, "abcdefghijkl", 12);
	/* live bytes of a file */
	assert_int_equal(cdx_cache_load(T.s, &rec, &row, &block), 0);
	cdx_buf_free(&row);
	assert_int_equal(cdx_area_info(T.s, rec.area, &info), 0);
	info.live -= 4096;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_area_set_info(b, rec.area, &info);
	assert_int_equal(cdx_batch_apply(b), 0);
	only("area-live", 1);
	info.live += 4096;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_area_set_info(b, rec.area, &info);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_fsck_clean(&T);
}

/* What does not verify is dropped by whoever reads it. */
static void damage_is_dropped(void **state)
{
	struct cdx_cache_key block;
	struct cdx_cache_key page;
	struct cdx_cache_key manifest;
	struct cdx_tree_page p;
	size_t len;

	(void)state;
	fill(&block, &page, &manifest);
	flip(&page, HEAD + 8 + 100);
	assert_int_equal(cdx_cache_get_page(T.s, &p, &Tree.root, 0), -ENOENT);
	flip(&manifest, HEAD + 32 + 7);
	assert_int_equal(get_manifest(manifest.b + 1, &len), -ENOENT);
	assert_int_equal(stats().entries, 1);
	assert_int_equal(bad_blocks(), 2);
	tmp_fsck_clean(&T);
	put_page(0);
	assert_int_equal(cdx_cache_get_page(T.s, &p, &Tree.root, 0), 0);
}

/* Rows that lead nowhere do not keep the oldest from going. */
static void evicts_past_damage(void **state)
{
	struct cdx_cache_key block;
	struct cdx_cache_key page;
	struct cdx_cache_key manifest;

	(void)state;
	fill(&block, &page, &manifest);
	put_row(CDX_DB_CACHE_AGE, "\0\0\0\0\0\0\0\0\0\0\0\1", 12, "x", 1);
	put_row(CDX_DB_CACHE_AGE, "\0\0\0\0\0\0\0\0\0\0\0\2", 12, block.b,
		block.len);
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	assert_int_equal(stats().entries + stats().used, 0);
	assert_int_equal(rows(CDX_DB_CACHE_AGE, 0), 0);
	tmp_fsck_clean(&T);
}

/* ---- in place of what is not here ---- */

static void cache_slot(const struct cdx_protection *p, uint32_t slot)
{
	uint8_t *b = malloc(p->block_size);
	struct cdx_digest d;

	for (uint64_t s = 0; s < p->steps; s++) {
		pk_want(b, p, 1, 0, slot * p->steps + s);
		cdx_sha256(&d, b, p->block_size);
		assert_int_equal(cdx_cache_put_block(T.s, &d, b, p->block_size),
				 0);
	}
	free(b);
}

static void serves_evicted_slots(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	uint8_t b[4096];

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 24, 4096, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	assert_int_equal(cdx_protection_evict(T.s, &p), 0);
	get(&p);
	assert_int_equal(cdx_dataset_read(T.s, b, &base, 0, 4096), -ENODATA);
	cache_slot(&p, 0);
	cache_slot(&p, 4);
	assert_int_equal(cdx_dataset_read(T.s, b, &base, 0, 4096), 4096);
	check_slot(&p, 1, 0, 0, true);
	check_slot(&p, 1, 0, 4, true);
	check_slot(&p, 1, 0, 1, false);
	assert_int_equal(cdx_dataset_read(T.s, b, &base, 4096 * 6, 4096),
			 -ENODATA);
	assert_int_equal(bad_blocks(), 0);
	tmp_fsck_clean(&T);
	/* and what it serves can be restored from itself */
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 0), 0);
	for (uint64_t s = 0; s < p.steps; s++) {
		assert_int_equal(cdx_protection_read(T.s, b, &p, s), 0);
		assert_int_equal(cdx_slot_restore_put(T.s, &p, 0, s, b, 1), 0);
	}
	assert_int_equal(cdx_slot_restore_end(T.s, &p, 0), 0);
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	check_slot(&p, 1, 0, 0, true);
	tmp_fsck_clean(&T);
}

/* A bad block is damage, but its reader gets the good one. */
static void serves_bad_blocks(void **state)
{
	struct cdx_dataset_info base = {0};
	struct cdx_digest d;
	uint8_t b[CDX_BLOCK_SIZE];

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 4, 0), 0);
	assert_int_equal(cdx_store_commit(T.s), 0);
	pk_block(b, sizeof(b), 1, 2);
	cdx_sha256(&d, b, sizeof(b));
	assert_int_equal(cdx_cache_put_block(T.s, &d, b, sizeof(b)), 0);
	tmp_area_flip(&T, base.area, 2 * CDX_BLOCK_SIZE + 5);
	memset(b, 0, sizeof(b));
	assert_int_equal(cdx_block_read(T.s, b, sizeof(b), &d), 0);
	assert_int_equal(bad_blocks(), 1);
	assert_int_equal(cdx_block_read_quiet(T.s, b, sizeof(b), &d), 0);
	assert_int_equal(bad_blocks(), 1);
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	assert_int_equal(cdx_block_read(T.s, b, sizeof(b), &d), CDX_E_HASH);
	/* what nobody has is no damage */
	d.b[0] ^= 1;
	assert_int_equal(cdx_block_read(T.s, b, sizeof(b), &d), -ENOENT);
	assert_int_equal(bad_blocks(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pages),
		CASE(manifests),
		CASE(many_manifests),
		CASE(findings_of_entries),
		CASE(findings_of_others),
		CASE(damage_is_dropped),
		CASE(evicts_past_damage),
		CASE(serves_evicted_slots),
		CASE(serves_bad_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
