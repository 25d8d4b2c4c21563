/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "volume/internal.h"

#define ROOT CDX_ROOT_INO

static int setup(void **state)
{
	static struct volume_env e;

	volume_env_new(&e, 0);
	*state = &e;
	return 0;
}

static int teardown(void **state)
{
	struct volume_env *e = *state;

	assert_int_equal(volume_env_fsck(e), 0);
	volume_env_free(e);
	return 0;
}

static uint64_t inodes(struct volume_env *e)
{
	struct cdx_statfs s;

	cdx_vol_statfs(e->v, &s);
	return s.inodes;
}

static bool is_orphan(struct volume_env *e, uint64_t ino)
{
	uint8_t key[8];
	uint8_t val[8];

	cdx_put_be64(key, ino);
	return cdx_kv_get(e->store, CDX_DB_ORPHAN, key, 8, val, 8) >= 0;
}

static uint64_t open_file(struct volume_env *e, const char *name)
{
	struct cdx_attr a;

	assert_int_equal(cdx_vol_mknod(e->v, ROOT, name, S_IFREG | 0644, 0,
				       &volume_env_cred, &a),
			 0);
	return a.ino;
}

struct seen {
	ssize_t len;
	uint8_t first;
};

static void see(void *arg, const uint8_t *buf, ssize_t result)
{
	struct seen *s = arg;

	s->len = result;
	if (result > 0)
		s->first = buf[0];
}

static void test_open_unlinked(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = open_file(e, "f");
	struct seen s;
	struct cdx_attr a;

	assert_int_equal(cdx_vol_write(e->v, f, 0, "data", 4, false), 0);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_true(is_orphan(e, f));
	assert_int_equal(volume_env_stat(e, f).nlink, 0);
	assert_int_equal(cdx_vol_write(e->v, f, 4, "more", 4, false), 0);
	volume_env_commit(e);
	cdx_vol_read(e->v, f, 0, 100, see, &s);
	assert_int_equal(s.len, 8);
	/* the last name is gone for good */
	assert_int_equal(cdx_vol_link(e->v, f, ROOT, "g", &a), -ENOENT);
	assert_int_equal(volume_env_fsck(e), 0);
	cdx_vol_forget(e->v, f, 1);
	assert_false(is_orphan(e, f));
	assert_int_equal(cdx_vol_getattr(e->v, f, &a), -ESTALE);
	assert_int_equal(inodes(e), 1);
}

static void test_unlink_now(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr a;

	assert_int_equal(cdx_vol_write(e->v, f, 0, "data", 4, false), 0);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_int_equal(cdx_vol_getattr(e->v, f, &a), -ESTALE);
	assert_false(is_orphan(e, f));
	assert_int_equal(cdx_vol_write(e->v, f, 0, "x", 1, false), -ESTALE);
}

static void test_pinned(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_vnode *n;
	struct cdx_attr a;

	assert_int_equal(cdx_vnode_get(e->v, &n, f), 0);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_true(is_orphan(e, f));
	assert_int_equal(volume_env_stat(e, f).nlink, 0);
	cdx_vnode_put(e->v, n);
	/* the next change takes it away */
	(void)volume_env_file(e, ROOT, "g");
	assert_int_equal(cdx_vol_getattr(e->v, f, &a), -ESTALE);
}

static void test_tmpfile(void **state)
{
	struct volume_env *e = *state;
	struct cdx_attr a;
	struct cdx_attr b;
	uint64_t t;

	assert_int_equal(
		cdx_vol_tmpfile(e->v, ROOT, 0666, &volume_env_cred, &a), 0);
	t = a.ino;
	assert_int_equal(a.nlink, 0);
	assert_int_equal(a.mode, S_IFREG | 0644);
	assert_true(is_orphan(e, t));
	assert_int_equal(cdx_vol_write(e->v, t, 0, "data", 4, false), 0);
	assert_int_equal(cdx_vol_link(e->v, t, ROOT, "t", &b), 0);
	assert_int_equal(b.nlink, 1);
	assert_false(is_orphan(e, t));
	cdx_vol_forget(e->v, t, 2);
	volume_env_reopen(e);
	assert_int_equal(volume_env_find(e, ROOT, "t"), t);
	assert_int_equal(volume_env_stat(e, t).size, 4);
	/* one that is never linked goes with its last reference */
	assert_int_equal(
		cdx_vol_tmpfile(e->v, ROOT, 0666, &volume_env_cred, &a), 0);
	cdx_vol_forget(e->v, a.ino, 1);
	assert_int_equal(cdx_vol_getattr(e->v, a.ino, &b), -ESTALE);
	/* after a second unlink it is an ordinary file without a name */
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "t", &a), 0);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "t"), 0);
	assert_int_equal(cdx_vol_link(e->v, t, ROOT, "t", &b), -ENOENT);
	cdx_vol_forget(e->v, t, 1);
	assert_int_equal(inodes(e), 1);
}

static void test_crash(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = open_file(e, "f");
	uint64_t d;
	struct cdx_attr a;

	assert_int_equal(
		cdx_vol_mkdir(e->v, ROOT, "d", 0755, &volume_env_cred, &a), 0);
	d = a.ino;
	assert_int_equal(cdx_vol_write(e->v, f, 0, "data", 4, false), 0);
	assert_int_equal(cdx_vol_setxattr(e->v, f, "user.a", "x", 1, 0,
					  &volume_env_cred),
			 0);
	volume_env_commit(e);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_int_equal(cdx_vol_rmdir(e->v, ROOT, "d"), 0);
	assert_int_equal(
		cdx_vol_tmpfile(e->v, ROOT, 0600, &volume_env_cred, &a), 0);
	assert_int_equal(cdx_vol_fsync(e->v, ROOT, false), 0);
	assert_int_equal(inodes(e), 4);
	volume_env_crash(e);
	assert_int_equal(inodes(e), 1);
	assert_false(is_orphan(e, f));
	assert_false(is_orphan(e, d));
	assert_int_equal(cdx_vol_getattr(e->v, f, &a), -ESTALE);
	assert_int_equal(volume_env_fsck(e), 0);
}

/* Closing drops what only the kernel had */
static void test_close(void **state)
{
	struct volume_env *e = *state;

	(void)open_file(e, "f");
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	volume_env_reopen(e);
	assert_int_equal(inodes(e), 1);
}

static void make_scattered(struct volume_env *e, uint64_t f, unsigned pieces)
{
	static const uint8_t block[4096] = {1};

	for (unsigned i = 0; i < pieces; i++)
		assert_int_equal(cdx_vol_write(e->v, f, (uint64_t)i * 131072,
					       block, sizeof(block), false),
				 0);
	volume_env_commit(e);
}

/* More extents and attributes than one batch takes */
static void test_large(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_vol_status st;
	char name[32];

	make_scattered(e, f, 500);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "user.%d", i);
		assert_int_equal(cdx_vol_setxattr(e->v, f, name, "v", 1, 0,
						  &volume_env_cred),
				 0);
	}
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_int_equal(inodes(e), 1);
	cdx_vol_status(e->v, &st);
	assert_int_equal(st.file_bytes, 0);
	assert_int_equal(st.dirty_bytes, 0);
}

/* The same with threads that do the purge, and while it goes on */
static void test_pool(void **state)
{
	struct volume_env *e = *state;
	uint64_t f;

	volume_env_close(e);
	cdx_pool_free(e->pool);
	assert_int_equal(cdx_pool_new(&e->pool, 2), 0);
	volume_env_open(e);
	for (int i = 0; i < 4; i++) {
		f = volume_env_file(e, ROOT, "f");
		make_scattered(e, f, 200);
		assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	}
	volume_env_reopen(e);
	assert_int_equal(inodes(e), 1);
}

/* A crash in the middle of a purge: the rest goes at the next open */
static void test_half_purged(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = open_file(e, "f");
	struct cdx_batch *b;
	struct cdx_vnode *n;

	make_scattered(e, f, 200);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_int_equal(cdx_vnode_get(e->v, &n, f), 0);
	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	pthread_rwlock_wrlock(&n->lock);
	assert_int_equal(cdx_data_purge(e->v, n, b, 64), 1);
	cdx_vnode_store(b, n);
	assert_int_equal(cdx_batch_apply(b), 0);
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(e->v, n);
	assert_int_equal(volume_env_fsck(e), 0);
	volume_env_crash(e);
	assert_int_equal(inodes(e), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_open_unlinked), T(test_unlink_now), T(test_pinned),
		T(test_tmpfile),       T(test_crash),	   T(test_close),
		T(test_large),	       T(test_pool),	   T(test_half_purged),
	};

	return cmocka_run_group_tests_name("volume_orphan", tests, NULL, NULL);
}
