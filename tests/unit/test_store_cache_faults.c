/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_kit.h"
#include "store/fsck.h"
#include "store_kit.h"

/* Crashes, failing disks and full ones, seen by the cache */

#define SHARE (UINT64_C(64) << 20)

static struct kit K;
static int64_t Now;

static int64_t now(void)
{
	return Now;
}

static int setup(void **state)
{
	(void)state;
	kit_defaults(&K);
	kit_init(&K);
	kit_open(&K);
	assert_int_equal(cdx_cache_resize(K.s, SHARE), 0);
	Now = 1700000000;
	kit_close(&K);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kit_free(&K);
	return 0;
}

static void open_store(void)
{
	kit_open(&K);
	cdx_store_cache(K.s)->clock = now;
}

static void say(void *arg, const char *what, const char *detail)
{
	(void)arg;
	print_error("fsck: %s: %s\n", what, detail);
}

static void sound(void)
{
	struct cdx_fsck f = {.report = say};

	assert_int_equal(cdx_store_fsck(K.s, &f), 0);
	assert_int_equal(f.errors, 0);
}

static struct cdx_cache_stats stats(void)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(K.s, &st);
	return st;
}

static void fault(enum cdx_fault_at at, int err)
{
	K.s->fault.err[at] = err;
	atomic_store(&K.s->fault.times[at], 1);
	atomic_store(&K.s->fault.after[at], 1);
}

/* ---- crashes ---- */

static void child_puts(struct kit *k, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		KIT_CHILD(ck_put(k->s, i) == 0);
}

static void put_only(struct kit *k)
{
	child_puts(k, 0, 10);
}

static void put_sync_put(struct kit *k)
{
	child_puts(k, 0, 10);
	KIT_CHILD(cdx_store_log_sync(k->s) == 0);
	child_puts(k, 10, 20);
}

static void put_commit_evict(struct kit *k)
{
	child_puts(k, 20, 30);
	KIT_CHILD(cdx_store_commit(k->s) == 0);
	KIT_CHILD(cdx_cache_resize(k->s, 0) == 0);
	KIT_CHILD(cdx_store_reclaim(k->s) >= 0);
}

static void evict_sync_put(struct kit *k)
{
	KIT_CHILD(cdx_cache_resize(k->s, UINT64_C(5) * CK_SIZE) == 0);
	child_puts(k, 100, 103);
	KIT_CHILD(cdx_store_log_sync(k->s) == 0);
}

static void crashes(void **state)
{
	(void)state;
	/* what was not durable is just gone */
	kit_crash(&K, put_only);
	open_store();
	assert_int_equal(stats().entries + stats().used, 0);
	assert_int_equal(ck_get(K.s, 0), -ENOENT);
	sound();
	kit_close(&K);
	/* what was in the log is there, and what comes does not hurt it */
	kit_crash(&K, put_sync_put);
	open_store();
	assert_int_equal(stats().entries, 10);
	for (unsigned i = 40; i < 50; i++)
		assert_int_equal(ck_put(K.s, i), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ck_get(K.s, i), 0);
	assert_int_equal(ck_get(K.s, 10), -ENOENT);
	sound();
	kit_close(&K);
	/* an eviction that was not durable never was */
	kit_crash(&K, put_commit_evict);
	open_store();
	assert_int_equal(stats().entries, 30);
	assert_int_equal(stats().limit, SHARE);
	for (unsigned i = 20; i < 30; i++)
		assert_int_equal(ck_get(K.s, i), 0);
	sound();
	kit_close(&K);
	/* replayed it is */
	kit_crash(&K, evict_sync_put);
	open_store();
	assert_int_equal(stats().entries, 5);
	for (unsigned i = 100; i < 103; i++)
		assert_int_equal(ck_get(K.s, i), 0);
	sound();
	kit_close(&K);
}

/* ---- failing disks ---- */

static void commit_fails(void **state)
{
	(void)state;
	open_store();
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ck_put(K.s, i), 0);
	fault(CDX_FAULT_COMMIT, -EIO);
	assert_int_equal(cdx_store_commit(K.s), -EIO);
	for (unsigned i = 5; i < 15; i++)
		assert_int_equal(ck_put(K.s, i), 0);
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(ck_get(K.s, i), 0);
	assert_int_equal(cdx_cache_resize(K.s, UINT64_C(5) * CK_SIZE), 0);
	assert_int_equal(cdx_store_commit(K.s), 0);
	assert_int_equal(stats().entries, 5);
	sound();
	kit_reopen(&K);
	assert_int_equal(stats().entries, 5);
	assert_int_equal(ck_get(K.s, 14), 0);
	sound();
}

/* A row never gets ahead of its bytes: they are synced first, also by a flush of
 * the log. */
static void sync_fails(void **state)
{
	(void)state;
	open_store();
	assert_int_equal(ck_put(K.s, 1), 0);
	assert_int_equal(cdx_store_commit(K.s), 0);
	assert_int_equal(ck_put(K.s, 2), 0);
	fault(CDX_FAULT_FDATASYNC, -EIO);
	assert_int_equal(cdx_store_log_sync(K.s), -EIO);
	/* it takes no more, but gives what it has */
	assert_true(ck_put(K.s, 3) < 0);
	assert_true(cdx_cache_resize(K.s, 0) < 0);
	Now += 3600;
	assert_int_equal(ck_get(K.s, 1), 0);
	assert_int_equal(ck_get(K.s, 2), 0);
	(void)cdx_store_close(K.s);
	K.s = NULL;
	open_store();
	assert_int_equal(stats().entries, 1);
	assert_int_equal(ck_get(K.s, 1), 0);
	sound();
}

static void read_only(void **state)
{
	struct cdx_cid cid;
	struct cdx_digest tree = ck_digest(5);
	uint8_t bytes[100];

	(void)state;
	cid = ck_manifest(7, bytes, sizeof(bytes));
	open_store();
	assert_int_equal(ck_put(K.s, 1), 0);
	kit_close(&K);
	K.readonly = true;
	open_store();
	Now += 36000;
	assert_int_equal(ck_get(K.s, 1), 0);
	assert_int_equal(ck_put(K.s, 2), -EROFS);
	assert_int_equal(cdx_cache_put_manifest(K.s, &cid, &tree, bytes,
						sizeof(bytes)),
			 -EROFS);
	assert_int_equal(cdx_cache_resize(K.s, 0), -EROFS);
	sound();
	assert_int_equal(cdx_store_close(K.s), 0);
	K.s = NULL;
	K.readonly = false;
}

/* ---- a full disk ---- */

static int hold(uint64_t bytes)
{
	struct cdx_cache *c = cdx_store_cache(K.s);
	int rc;

	(void)pthread_mutex_lock(&c->mu);
	rc = cdx_cache_hold(K.s, bytes);
	(void)pthread_mutex_unlock(&c->mu);
	return rc;
}

/* The share has room and the disk has not: the cache gives way, but no faster
 * than space comes back. */
static void disk_full(void **state)
{
	const uint64_t more = UINT64_C(1) << 55;

	(void)state;
	open_store();
	assert_int_equal(cdx_cache_resize(K.s, 2 * more), 0);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(ck_put(K.s, i % 250 + 250), 0);
	assert_int_equal(stats().entries, 250);
	assert_int_equal(hold(more), -ENOSPC);
	assert_int_equal(stats().entries, 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(ck_put(K.s, i), 0);
	assert_int_equal(hold(more), -ENOSPC);
	assert_int_equal(stats().entries, 5);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(cdx_store_commit(K.s), 0);
	assert_int_equal(hold(more), -ENOSPC);
	assert_int_equal(stats().entries, 0);
	/* what the share could never hold evicts nothing */
	assert_int_equal(ck_put(K.s, 1), 0);
	assert_int_equal(hold(2 * more + 1), -ENOSPC);
	assert_int_equal(stats().entries, 1);
	sound();
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(crashes),	 CASE(commit_fails), CASE(sync_fails),
		CASE(read_only), CASE(disk_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
