/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seed.h"
#include "store_tmp.h"

#include "crypto/block.h"
#include "protect_kit.h"
#include "store/cache.h"
#include "store/dataset_internal.h"
#include "store/public.h"
#include "store/records.h"

/* What may be given to strangers, and when it may not any more */

#define SMALL 1024u /* bytes of a block */

static struct tmp_store T;
static struct seed Seed;

static int setup(void **state)
{
	(void)state;
	tmp_store_new(&T, UINT64_C(1) << 30);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmp_store_free(&T);
	return 0;
}

static void add(struct cdx_cid *out, const uint8_t *p, size_t len,
		bool is_private)
{
	const struct cdx_ingest_opts o = {.is_private = is_private,
					  .block_size = SMALL};
	struct cdx_ingest *in;

	assert_int_equal(cdx_ingest_new(&in, T.s, &o), 0);
	assert_int_equal(cdx_ingest_feed(in, p, len), 0);
	assert_int_equal(cdx_ingest_end(in, out), 0);
	cdx_ingest_free(in);
}

/* Random blocks of its own */
static void add_new(struct cdx_cid *out, size_t blocks, bool is_private)
{
	uint8_t *p = malloc(blocks * SMALL);

	assert_non_null(p);
	seed_fill(&Seed, p, blocks * SMALL);
	add(out, p, blocks * SMALL, is_private);
	free(p);
}

static void info_of(struct cdx_dataset_info *out, const struct cdx_cid *cid)
{
	assert_int_equal(cdx_dataset_info(T.s, cid, out), 0);
}

/* How many of the leaves of an id may be served; all or none of them */
static size_t count_public(uint64_t dsid, size_t *leaves)
{
	struct cdx_digest *d = calloc(5000, sizeof(*d));
	struct cdx_kv_iter *it;
	struct cdx_kv_pair pair;
	uint8_t prefix[8];
	size_t n = 0;
	size_t yes = 0;

	assert_non_null(d);
	cdx_put_be64(prefix, dsid);
	assert_int_equal(
		cdx_kv_iter_open(T.s, &it, CDX_DB_LEAF, prefix, 8, NULL, 0), 0);
	while (cdx_kv_iter_next(it, &pair) > 0) {
		struct cdx_leaf leaf;
		uint32_t index;

		assert_int_equal(cdx_leaf_decode(&leaf, &index, &pair), 0);
		assert_true(n < 5000);
		d[n++] = leaf.digest;
	}
	cdx_kv_iter_close(it);
	for (size_t i = 0; i < n; i++)
		yes += cdx_public_block(T.s, &d[i]);
	free(d);
	*leaves = n;
	return yes;
}

static void check_id(uint64_t dsid, bool is_public)
{
	size_t n;
	size_t yes = count_public(dsid, &n);

	assert_true(n > 0);
	assert_int_equal(yes, is_public ? n : 0);
	assert_int_equal(cdx_public_id(T.s, dsid), is_public);
}

static void check(const struct cdx_cid *cid, bool is_public)
{
	struct cdx_dataset_info info;

	info_of(&info, cid);
	assert_int_equal(cdx_dataset_is_public(&info), is_public);
	check_id(info.dsid, is_public);
	if (info.base != info.dsid)
		check_id(info.base, is_public);
}

static size_t rows(void)
{
	struct cdx_kv_iter *it;
	struct cdx_kv_pair pair;
	size_t n = 0;

	assert_int_equal(
		cdx_kv_iter_open(T.s, &it, CDX_DB_PUBLIC, NULL, 0, NULL, 0), 0);
	while (cdx_kv_iter_next(it, &pair) > 0)
		n++;
	cdx_kv_iter_close(it);
	return n;
}

/* ---- added ---- */

static void added_public_and_private(void **state)
{
	struct cdx_digest unknown = {{7}};
	struct cdx_cid pub;
	struct cdx_cid priv;

	(void)state;
	add_new(&pub, 700, false);
	add_new(&priv, 10, true);
	check(&pub, true);
	check(&priv, false);
	assert_false(cdx_public_block(T.s, &unknown));
	assert_int_equal(rows(), 701);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	check(&pub, true);
	check(&priv, false);
	assert_int_equal(cdx_dataset_unpin(T.s, &pub), 1);
	assert_int_equal(cdx_dataset_unpin(T.s, &priv), 1);
	assert_int_equal(rows(), 0);
	tmp_fsck_clean(&T);
}

/* A block of a private dataset that a public one has too may be served; many
 * datasets that name it do not hide the one that is public. */
static void shared_blocks(void **state)
{
	uint8_t p[2 * SMALL];
	struct cdx_cid priv;
	struct cdx_cid other;
	struct cdx_cid many[20];
	struct cdx_digest shared;

	(void)state;
	seed_fill(&Seed, p, sizeof(p));
	cdx_sha256(&shared, p, SMALL);
	add(&priv, p, sizeof(p), true);
	assert_false(cdx_public_block(T.s, &shared));
	for (unsigned i = 0; i < CDX_ARRAY_LEN(many); i++) {
		p[SMALL] = (uint8_t)i;
		add(&many[i], p, sizeof(p), false);
	}
	p[SMALL] = 99;
	add(&other, p, sizeof(p), false);
	for (unsigned i = 0; i < CDX_ARRAY_LEN(many); i++) {
		assert_true(cdx_public_block(T.s, &shared));
		assert_int_equal(cdx_dataset_publish(T.s, &many[i], false), 0);
	}
	assert_true(cdx_public_block(T.s, &shared));
	assert_int_equal(cdx_dataset_unpin(T.s, &other), 1);
	assert_false(cdx_public_block(T.s, &shared));
	assert_int_equal(rows(), 0);
}

static void abandoned(void **state)
{
	uint8_t *p = malloc(5000 * SMALL);
	const struct cdx_ingest_opts o = {.block_size = SMALL};
	struct cdx_ingest *in;
	struct cdx_digest first;

	(void)state;
	assert_non_null(p);
	seed_fill(&Seed, p, 5000 * SMALL);
	cdx_sha256(&first, p, SMALL);
	assert_int_equal(cdx_ingest_new(&in, T.s, &o), 0);
	assert_int_equal(cdx_ingest_feed(in, p, 5000 * SMALL), 0);
	assert_true(rows() > 0);
	/* not before it is whole */
	assert_false(cdx_public_block(T.s, &first));
	tmp_fsck_clean(&T);
	cdx_ingest_free(in);
	assert_int_equal(rows(), 0);
	free(p);
}

static void added_again(void **state)
{
	uint8_t p[3 * SMALL];
	struct cdx_cid cid;

	(void)state;
	seed_fill(&Seed, p, sizeof(p));
	add(&cid, p, sizeof(p), true);
	check(&cid, false);
	add(&cid, p, sizeof(p), false);
	check(&cid, true);
	/* whoever wants that back says so */
	add(&cid, p, sizeof(p), true);
	check(&cid, true);
	tmp_fsck_clean(&T);
}

/* ---- published ---- */

static void publish_and_take_back(void **state)
{
	struct cdx_digest no = {{1}};
	struct cdx_cid unknown = cdx_cid_sha256(CDX_CODEC_MANIFEST, &no);
	struct cdx_cid cid;

	(void)state;
	add_new(&cid, 1300, true);
	for (int i = 0; i < 2; i++) {
		for (int again = 0; again < 2; again++) {
			assert_int_equal(cdx_dataset_publish(T.s, &cid, true),
					 0);
			check(&cid, true);
			assert_int_equal(rows(), 1301);
		}
		tmp_fsck_clean(&T);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(cdx_dataset_publish(T.s, &cid, false),
					 0);
			check(&cid, false);
			assert_int_equal(rows(), 0);
		}
		tmp_fsck_clean(&T);
	}
	assert_int_equal(cdx_dataset_publish(T.s, &unknown, true), -ENOENT);
}

static void protect(struct pk_data *d, bool is_private)
{
	struct cdx_protect_opts o = pk_opts(3, 2);

	memset(d, 0, sizeof(*d));
	o.cell_size = SMALL;
	add_new(&d->plain, 40, is_private);
	pk_protect(&T, d, &o);
}

/* All forms of the same data are public or private together. */
static void protected_forms(void **state)
{
	struct cdx_dataset_info info;
	struct cdx_protection p;
	struct pk_data pub;
	struct pk_data priv;
	struct cdx_cid cid;

	(void)state;
	protect(&pub, false);
	protect(&priv, true);
	check(&pub.plain, true);
	check(&pub.verifiable, true);
	check(&priv.plain, false);
	check(&priv.verifiable, false);
	tmp_fsck_clean(&T);
	info_of(&info, &priv.verifiable);
	assert_int_equal(cdx_protection_of(T.s, &info, &p), 0);
	cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.protected_);
	assert_int_equal(cdx_dataset_publish(T.s, &cid, true), -EINVAL);
	assert_int_equal(cdx_dataset_publish(T.s, &priv.verifiable, true), 0);
	check(&priv.plain, true);
	check(&priv.verifiable, true);
	info_of(&info, &cid);
	assert_true(cdx_dataset_is_public(&info));
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_dataset_publish(T.s, &priv.plain, false), 0);
	check(&priv.plain, false);
	check(&priv.verifiable, false);
	check(&pub.plain, true);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_dataset_unpin(T.s, &pub.verifiable), 1);
	check(&pub.plain, true);
	assert_int_equal(rows(), 41);
	assert_int_equal(cdx_dataset_unpin(T.s, &pub.plain), 1);
	assert_int_equal(rows(), 0);
	tmp_fsck_clean(&T);
}

/* Puts a dataset's record as it is told. */
static void put(const struct cdx_cid *cid, uint32_t refs, bool is_private)
{
	struct cdx_buf m CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;
	struct cdx_batch *b;

	info_of(&info, cid);
	assert_int_equal(cdx_dataset_manifest(T.s, cid, &m), 0);
	info.refs = refs;
	info.is_private = is_private;
	info.published = false;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_dataset_put(b, &info, m.p, m.len, false);
	assert_int_equal(cdx_batch_apply(b), 0);
}

/* What a volume uses is published by name alone, whatever its record says. */
static void a_volumes_datasets(void **state)
{
	struct cdx_protect_opts o = pk_opts(3, 2);
	struct pk_data d;

	(void)state;
	memset(&d, 0, sizeof(d));
	o.cell_size = SMALL;
	add_new(&d.plain, 40, false);
	put(&d.plain, CDX_REF_VOLUME, false);
	check(&d.plain, false);
	assert_int_equal(cdx_public_complete(T.s, NULL, NULL), 0);
	check(&d.plain, false);
	/* also in the hands of a user */
	o.refs = CDX_REF_PIN;
	pk_protect(&T, &d, &o);
	check(&d.plain, false);
	check(&d.verifiable, false);
	assert_int_equal(cdx_dataset_publish(T.s, &d.plain, true), 0);
	check(&d.plain, true);
	check(&d.verifiable, true);
	assert_int_equal(cdx_dataset_publish(T.s, &d.verifiable, false), 0);
	check(&d.plain, false);
	check(&d.verifiable, false);
	assert_int_equal(rows(), 0);
}

/* ---- older stores, interrupted ones ---- */

static bool now(void *arg)
{
	unsigned *left = arg;

	return (*left)-- == 0;
}

static void forget_all(void)
{
	struct cdx_kv_iter *it;
	struct cdx_kv_pair pair;
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(
		cdx_kv_iter_open(T.s, &it, CDX_DB_PUBLIC, NULL, 0, NULL, 0), 0);
	while (cdx_kv_iter_next(it, &pair) > 0)
		cdx_batch_del(b, CDX_DB_PUBLIC, pair.key, pair.key_len);
	cdx_kv_iter_close(it);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void an_older_store(void **state)
{
	struct pk_data d;
	struct cdx_cid priv;
	size_t all;
	bool done = false;

	(void)state;
	protect(&d, false);
	add_new(&priv, 30, true);
	all = rows();
	forget_all();
	assert_int_equal(rows(), 0);
	/* interrupted at any point it goes on the next time */
	for (unsigned left = 0; !done; left++) {
		unsigned n = left;
		int rc = cdx_public_complete(T.s, now, &n);

		assert_true(rc == 0 || rc == -ECANCELED);
		done = rc == 0;
		assert_true(left < 100);
	}
	check(&d.plain, true);
	check(&d.verifiable, true);
	check(&priv, false);
	assert_int_equal(rows(), all);
	tmp_fsck_clean(&T);
}

/* The flag was put and the rows were not, either way */
static void interrupted(void **state)
{
	struct cdx_dataset_info info;
	struct cdx_batch *b;
	struct cdx_cid cid;

	(void)state;
	add_new(&cid, 600, false);
	info_of(&info, &cid);
	put(&cid, CDX_REF_PIN, true);
	check(&cid, false);
	assert_int_equal(rows(), 600);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_public_mark(b, info.dsid);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_public_complete(T.s, NULL, NULL), 0);
	assert_int_equal(rows(), 0);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_public_mark(b, info.dsid);
	assert_int_equal(cdx_batch_apply(b), 0);
	put(&cid, CDX_REF_PIN, false);
	assert_int_equal(rows(), 1);
	assert_int_equal(cdx_public_complete(T.s, NULL, NULL), 0);
	check(&cid, true);
	assert_int_equal(rows(), 601);
	/* a marker of nothing */
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_public_mark(b, 123456);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_public_complete(T.s, NULL, NULL), 0);
	assert_int_equal(cdx_public_complete(T.s, NULL, NULL), 0);
	tmp_fsck_clean(&T);
}

/* ---- several at once ---- */

struct changer {
	struct cdx_cid cid;
	bool is_public;
	int rc;
};

static void *change(void *arg)
{
	struct changer *c = arg;

	for (int i = 0; i < 20 && c->rc == 0; i++)
		c->rc = cdx_dataset_publish(T.s, &c->cid, c->is_public);
	return NULL;
}

/* Some publish, some take back, and it is dropped meanwhile: what is left is what
 * the last one said. */
static void several_at_once(void **state)
{
	struct changer c[4];
	pthread_t thread[4];
	struct cdx_cid kept;
	struct cdx_cid gone;

	(void)state;
	add_new(&kept, 1100, false);
	add_new(&gone, 1100, false);
	for (int i = 0; i < 4; i++) {
		c[i] = (struct changer){.cid = i < 3 ? kept : gone,
					.is_public = i % 2 == 0};
		assert_int_equal(
			pthread_create(&thread[i], NULL, change, &c[i]), 0);
	}
	assert_int_equal(cdx_dataset_unpin(T.s, &gone), 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(c[i].rc, 0);
	assert_true(c[3].rc == 0 || c[3].rc == -EBUSY || c[3].rc == -ENOENT);
	assert_int_equal(cdx_public_complete(T.s, NULL, NULL), 0);
	assert_int_equal(cdx_dataset_publish(T.s, &kept, true), 0);
	check(&kept, true);
	assert_int_equal(rows(), 1101);
	tmp_fsck_clean(&T);
}

/* ---- the cache's, fsck's ---- */

static void cached_blocks(void **state)
{
	uint8_t p[SMALL];
	struct cdx_digest digest;

	(void)state;
	seed_fill(&Seed, p, sizeof(p));
	cdx_sha256(&digest, p, sizeof(p));
	assert_false(cdx_public_block(T.s, &digest));
	assert_int_equal(cdx_cache_put_block(T.s, &digest, p, sizeof(p)), 0);
	assert_true(cdx_public_block(T.s, &digest));
}

static void put_row(const void *key, size_t key_len, const void *val,
		    size_t val_len)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_batch_put(b, CDX_DB_PUBLIC, key, key_len, val, val_len);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void what_fsck_finds(void **state)
{
	struct cdx_dataset_info info;
	struct tmp_findings v;
	struct cdx_cid cid;
	uint8_t key[40] = {9};
	uint8_t id[8];

	(void)state;
	add_new(&cid, 3, true);
	info_of(&info, &cid);
	tmp_fsck_clean(&T);
	cdx_put_be64(id, info.dsid);
	put_row(id, sizeof(id), info.cid.digest, 32);
	cdx_put_be64(id, 99999);
	put_row(id, sizeof(id), info.cid.digest, 32);
	cdx_put_be64(key + 32, 99999);
	put_row(key, sizeof(key), NULL, 0);
	put_row(key, 39, NULL, 0);
	put_row(key, 40, id, 1);
	put_row(key, 8, NULL, 0);
	tmp_fsck(&T, &v);
	assert_int_equal(tmp_found(&v, "public-stray"), 2);
	assert_int_equal(tmp_found(&v, "public-record-bad"), 3);
	assert_int_equal(v.n, 5);
}

static void records(void **state)
{
	struct cdx_buf a CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;
	struct cdx_dataset_info out;
	const uint8_t *m;
	struct cdx_cid cid;
	size_t len;

	(void)state;
	add_new(&cid, 1, true);
	info_of(&info, &cid);
	info.block_size = CDX_BLOCK_SIZE;
	for (unsigned published = 0; published < 2; published++) {
		a.len = 0;
		info.published = published == 1;
		cdx_dataset_encode(&a, &info, "m", 1);
		assert_int_equal(a.p[0], published ? 3 : 1);
		assert_int_equal(cdx_dataset_decode(&out, &m, &len, a.p, a.len),
				 0);
		assert_int_equal(out.published, published);
		assert_int_equal(len, 1);
		/* neither may say what the other says */
		a.p[1] ^= 4;
		assert_int_equal(cdx_dataset_decode(&out, &m, &len, a.p, a.len),
				 CDX_E_CORRUPT);
		a.p[1] ^= 4 | 8;
		assert_int_equal(cdx_dataset_decode(&out, &m, &len, a.p, a.len),
				 CDX_E_CORRUPT);
	}
	/* held for sales: the version that alone can say it, published or not */
	for (unsigned published = 0; published < 2; published++) {
		a.len = 0;
		info.published = published == 1;
		info.refs = CDX_REF_HELD;
		cdx_dataset_encode(&a, &info, "m", 1);
		assert_int_equal(a.p[0], 4);
		assert_int_equal(cdx_dataset_decode(&out, &m, &len, a.p, a.len),
				 0);
		assert_int_equal(out.refs, CDX_REF_HELD);
		assert_int_equal(out.published, published);
	}
	a.p[5] = CDX_REF_PIN;
	assert_int_equal(cdx_dataset_decode(&out, &m, &len, a.p, a.len),
			 CDX_E_CORRUPT);
	a.p[0] = 5;
	assert_int_equal(cdx_dataset_decode(&out, &m, &len, a.p, a.len),
			 CDX_E_VERSION);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(added_public_and_private),
		TEST(shared_blocks),
		TEST(abandoned),
		TEST(added_again),
		TEST(publish_and_take_back),
		TEST(protected_forms),
		TEST(a_volumes_datasets),
		TEST(an_older_store),
		TEST(interrupted),
		TEST(several_at_once),
		TEST(cached_blocks),
		TEST(what_fsck_finds),
		TEST(records),
	};

	Seed = seed_start("public");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
