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
#include "store_kit.h"

/* The code of a store, and stores of an older codexfs */

static void test_code(void **state)
{
	uint32_t k = 0;
	uint32_t m = 0;
	uint32_t codec = 0;
	struct kit kit;

	(void)state;
	kit_defaults(&kit);
	kit_init(&kit);
	kit_open(&kit);
	cdx_store_code(kit.s, &k, &m, &codec);
	assert_int_equal(k, 10);
	assert_int_equal(m, 5);
	assert_int_equal(codec, 1);
	assert_int_equal(cdx_store_set_code(kit.s, 0, 1, 1), -EINVAL);
	assert_int_equal(cdx_store_set_code(kit.s, 1, 257, 1), -EINVAL);
	assert_int_equal(cdx_store_set_code(kit.s, 1, 1, 0), -EINVAL);
	assert_int_equal(cdx_store_set_code(kit.s, 4, 2, 3), 0);
	kit_reopen(&kit);
	cdx_store_code(kit.s, &k, &m, &codec);
	assert_int_equal(k, 4);
	assert_int_equal(m, 2);
	assert_int_equal(codec, 3);
	/* loose blocks are uncharged as they were charged */
	assert_int_equal(cdx_store_config(kit.s)->loose_k, 10);
	assert_int_equal(cdx_store_config(kit.s)->loose_m, 5);
	kit_free(&kit);
}

/* Takes back what a newer codexfs added to a store. */
static void make_old(struct kit *k)
{
	struct cdx_env env;
	MDB_val key = {6, (char[]){"config"}};
	MDB_val val;
	MDB_val cut;
	MDB_txn *txn;

	assert_int_equal(cdx_env_open(&env, k->path, false), 0);
	assert_int_equal(mdb_txn_begin(env.mdb, NULL, 0, &txn), 0);
	for (unsigned i = CDX_DB_PROTECTION; i < CDX_DBS; i++)
		assert_int_equal(mdb_drop(txn, env.dbi[i], 1), 0);
	assert_int_equal(mdb_get(txn, env.dbi[CDX_DB_META], &key, &val), 0);
	assert_int_equal(val.mv_size, CDX_META_CONFIG_LEN);
	cut.mv_size = CDX_META_CONFIG_OLD_LEN;
	cut.mv_data = malloc(cut.mv_size);
	memcpy(cut.mv_data, val.mv_data, cut.mv_size);
	assert_int_equal(mdb_put(txn, env.dbi[CDX_DB_META], &key, &cut, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	free(cut.mv_data);
	cdx_env_close(&env);
}

static void test_old_store(void **state)
{
	struct cdx_kv_pair pair;
	struct cdx_kv_iter *it;
	struct cdx_batch *b;
	uint32_t codec = 0;
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	kit_close(&k);
	make_old(&k);
	/* without leave to write: the new tables read as empty */
	k.readonly = true;
	kit_open(&k);
	assert_int_equal(cdx_kv_get(k.s, CDX_DB_PROTECTION, "k", 1, NULL, 0),
			 -ENOENT);
	assert_int_equal(cdx_kv_iter_open(k.s, &it, CDX_DB_SLOT_NODE, NULL, 0,
					  NULL, 0),
			 0);
	assert_int_equal(cdx_kv_iter_next(it, &pair), 0);
	cdx_kv_iter_close(it);
	assert_int_equal(ck_get(k.s, 1), -ENOENT);
	assert_int_equal(ck_put(k.s, 1), -EROFS);
	cdx_store_code(k.s, NULL, NULL, &codec);
	assert_int_equal(codec, 1);
	assert_int_equal(cdx_store_config(k.s)->loose_k, 10);
	kit_close(&k);
	k.readonly = false;
	kit_open(&k);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_SLOT_NODE, "k", 1, "v", 1);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_cache_resize(k.s, CK_SIZE), 0);
	assert_int_equal(ck_put(k.s, 1), 0);
	assert_int_equal(cdx_store_set_code(k.s, 4, 2, 1), 0);
	kit_reopen(&k);
	assert_true(kit_has(&k, CDX_DB_SLOT_NODE, "k", "v"));
	assert_int_equal(ck_get(k.s, 1), 0);
	cdx_store_code(k.s, &codec, NULL, NULL);
	assert_int_equal(codec, 4);
	kit_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_old_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
