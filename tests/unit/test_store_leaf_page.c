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

#include "protect_kit.h"
#include "store/leaf_page.h"

/* Leaves and pages of datasets of every kind, against their own trees */

#define SMALL 1024u /* bytes of a block */

static struct tmp_store T;

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

static void info_of(struct cdx_dataset_info *out, const struct cdx_cid *cid)
{
	assert_int_equal(cdx_dataset_info(T.s, cid, out), 0);
}

static int check_page(struct cdx_leaf_pages *p,
		      const struct cdx_dataset_info *info, uint32_t page)
{
	struct cdx_tree_page *got = calloc(1, sizeof(*got));
	struct cdx_digest root;
	struct cdx_digest leaf;
	int rc = got ? cdx_leaf_page(p, info, page, got) : -ENOMEM;

	memcpy(root.b, info->tree.digest, sizeof(root.b));
	if (rc == 0)
		rc = cdx_tree_page_verify(got, &root);
	for (uint32_t i = 0; rc == 0 && i < got->n; i++) {
		rc = cdx_dataset_leaf(
			T.s, info, (uint64_t)page * CDX_TREE_PAGE + i, &leaf);
		if (rc == 0 && memcmp(&leaf, &got->leaf[i], sizeof(leaf)) != 0)
			rc = CDX_E_CORRUPT;
	}
	free(got);
	return rc;
}

static void check_all(struct cdx_leaf_pages *p, const struct cdx_cid *cid,
		      uint64_t leaves)
{
	struct cdx_dataset_info info;
	struct cdx_digest leaf;
	uint64_t n;

	info_of(&info, cid);
	assert_int_equal(cdx_dataset_leaves(T.s, &info, &n), 0);
	assert_int_equal(n, leaves);
	for (uint32_t i = 0; i < cdx_tree_pages(n); i++)
		assert_int_equal(check_page(p, &info, i), 0);
	assert_int_equal(cdx_dataset_leaf(T.s, &info, n, &leaf), -ENOENT);
	assert_int_equal(check_page(p, &info, (uint32_t)cdx_tree_pages(n)),
			 -ENOENT);
}

static void every_size(void **state)
{
	static const unsigned blocks[] = {1, 2, 255, 256, 257, 600, 1025};
	struct seed seed = seed_start("leaf pages");
	struct cdx_leaf_pages *p;
	struct pk_data d;

	(void)state;
	assert_int_equal(cdx_leaf_pages_new(&p, T.s, 1u << 20), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(blocks); i++) {
		pk_add(&T, &d, &seed, NULL, blocks[i] * SMALL - 5, SMALL);
		check_all(p, &d.plain, blocks[i]);
		pk_free(&d);
	}
	cdx_leaf_pages_free(p);
}

/* Data, padding and parity in one page and across pages */
static void every_kind(void **state)
{
	static const unsigned blocks[] = {4, 5, 100, 511, 770};
	struct seed seed = seed_start("leaf pages");
	struct cdx_protect_opts o = pk_opts(3, 2);
	struct cdx_dataset_info info;
	struct cdx_leaf_pages *p;
	struct cdx_protection rec;
	struct cdx_cid cid;
	struct pk_data d;

	(void)state;
	o.cell_size = SMALL;
	assert_int_equal(cdx_leaf_pages_new(&p, T.s, 1u << 20), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(blocks); i++) {
		pk_add(&T, &d, &seed, NULL, blocks[i] * SMALL, SMALL);
		pk_protect(&T, &d, &o);
		check_all(p, &d.plain, blocks[i]);
		check_all(p, &d.verifiable, (blocks[i] + 2) / 3 * 5);
		info_of(&info, &d.verifiable);
		assert_int_equal(cdx_protection_of(T.s, &info, &rec), 0);
		cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec.protected_);
		check_all(p, &cid, (blocks[i] + 2) / 3 * 5);
		pk_free(&d);
	}
	cdx_leaf_pages_free(p);
}

/* What is gone, and what is damaged, is said so; nothing false is given out. */
static void gone_and_damaged(void **state)
{
	struct seed seed = seed_start("leaf pages");
	struct cdx_dataset_info info;
	struct cdx_dataset_info other;
	struct cdx_leaf_pages *p;
	struct cdx_batch *b;
	struct cdx_leaf leaf;
	struct pk_data d;
	struct pk_data e;

	(void)state;
	assert_int_equal(cdx_leaf_pages_new(&p, T.s, 1u << 20), 0);
	pk_add(&T, &d, &seed, NULL, 600 * SMALL, SMALL);
	pk_add(&T, &e, &seed, NULL, 600 * SMALL, SMALL);
	info_of(&info, &d.plain);
	info_of(&other, &e.plain);
	assert_int_equal(check_page(p, &info, 2), 0);
	/* a leaf that changed after the roots were kept, and before */
	for (int kept = 1; kept >= 0; kept--) {
		const struct cdx_dataset_info *v = kept ? &info : &other;

		assert_int_equal(cdx_leaf_get(T.s, v->dsid, 5, &leaf), 0);
		leaf.digest.b[0] ^= 1;
		assert_int_equal(cdx_batch_new(&b, T.s), 0);
		cdx_leaf_put(b, v->dsid, 5, &leaf);
		assert_int_equal(cdx_batch_apply(b), 0);
		assert_int_equal(check_page(p, v, 0), CDX_E_CORRUPT);
		assert_int_equal(check_page(p, v, 1), kept ? 0 : CDX_E_CORRUPT);
		leaf.digest.b[0] ^= 1;
		assert_int_equal(cdx_batch_new(&b, T.s), 0);
		cdx_leaf_put(b, v->dsid, 5, &leaf);
		assert_int_equal(cdx_batch_apply(b), 0);
		assert_int_equal(check_page(p, v, 0), 0);
	}
	assert_int_equal(cdx_dataset_unpin(T.s, &d.plain), 1);
	assert_int_equal(check_page(p, &info, 1), -ENOENT);
	cdx_leaf_pages_free(p);
	pk_free(&d);
	pk_free(&e);
}

/* ---- many at once, and hardly any room ---- */

#define SETS 4
#define THREADS 4

struct asker {
	struct cdx_leaf_pages *p;
	const struct cdx_dataset_info *info;
	struct seed seed;
	int rc;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	for (int i = 0; i < 100 && a->rc == 0; i++)
		a->rc = check_page(a->p, &a->info[seed_below(&a->seed, SETS)],
				   (uint32_t)seed_below(&a->seed, 3));
	return NULL;
}

static void many_at_once(void **state)
{
	struct seed seed = seed_start("leaf pages");
	struct cdx_dataset_info info[SETS];
	struct asker asker[THREADS];
	pthread_t thread[THREADS];
	struct cdx_leaf_pages *p;
	struct pk_data d;

	(void)state;
	/* of two datasets */
	assert_int_equal(cdx_leaf_pages_new(&p, T.s, 2 * 6 * 32), 0);
	for (int i = 0; i < SETS; i++) {
		pk_add(&T, &d, &seed, NULL, 600 * SMALL, SMALL);
		info_of(&info[i], &d.plain);
		pk_free(&d);
	}
	for (int i = 0; i < THREADS; i++) {
		asker[i] = (struct asker){
			.p = p, .info = info, .seed = {seed_u64(&seed)}};
		assert_int_equal(
			pthread_create(&thread[i], NULL, ask, &asker[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(asker[i].rc, 0);
	}
	cdx_leaf_pages_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_size, setup, teardown),
		cmocka_unit_test_setup_teardown(every_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(gone_and_damaged, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_at_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
