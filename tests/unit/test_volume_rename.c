/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec ||
	       (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static int mv(struct volume_env *e, uint64_t from, const char *a, uint64_t to,
	      const char *b)
{
	return cdx_vol_rename(e->v, from, a, to, b, 0);
}

static void test_plain(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr root = volume_env_stat(e, ROOT);
	struct cdx_attr dir = volume_env_stat(e, d);
	struct cdx_attr file = volume_env_stat(e, f);

	volume_env_tick();
	assert_int_equal(mv(e, ROOT, "f", d, "g"), 0);
	assert_int_equal(volume_env_find(e, ROOT, "f"), 0);
	assert_int_equal(volume_env_find(e, d, "g"), f);
	assert_true(later(volume_env_stat(e, ROOT).mtime, root.mtime));
	assert_true(later(volume_env_stat(e, ROOT).ctime, root.ctime));
	assert_true(later(volume_env_stat(e, d).mtime, dir.mtime));
	assert_true(later(volume_env_stat(e, d).ctime, dir.ctime));
	assert_true(later(volume_env_stat(e, f).ctime, file.ctime));
	assert_false(later(volume_env_stat(e, f).mtime, file.mtime));
	assert_int_equal(mv(e, ROOT, "f", d, "h"), -ENOENT);
	assert_int_equal(mv(e, f, "x", d, "h"), -ENOTDIR);
	assert_int_equal(mv(e, d, "g", f, "x"), -ENOTDIR);
	assert_int_equal(mv(e, d, "g", 12345, "x"), -ESTALE);
	assert_int_equal(mv(e, d, ".", d, "x"), -EBUSY);
	assert_int_equal(mv(e, d, "g", d, ".."), -EBUSY);
	volume_env_reopen(e);
	assert_int_equal(volume_env_find(e, d, "g"), f);
}

static void test_replace_file(void **state)
{
	struct volume_env *e = *state;
	uint64_t a = volume_env_file(e, ROOT, "a");
	uint64_t b = volume_env_file(e, ROOT, "b");
	struct cdx_attr attr;

	assert_int_equal(mv(e, ROOT, "a", ROOT, "b"), 0);
	assert_int_equal(volume_env_find(e, ROOT, "a"), 0);
	assert_int_equal(volume_env_find(e, ROOT, "b"), a);
	assert_int_equal(cdx_vol_getattr(e->v, b, &attr), -ESTALE);
	/* one that has another name only loses this one */
	b = volume_env_file(e, ROOT, "c");
	assert_int_equal(cdx_vol_link(e->v, b, ROOT, "d", &attr), 0);
	cdx_vol_forget(e->v, b, 1);
	assert_int_equal(mv(e, ROOT, "b", ROOT, "c"), 0);
	assert_int_equal(volume_env_stat(e, b).nlink, 1);
	assert_int_equal(volume_env_find(e, ROOT, "d"), b);
	/* one that is open stays until it is forgotten */
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "d", &attr), 0);
	assert_int_equal(mv(e, ROOT, "c", ROOT, "d"), 0);
	assert_int_equal(volume_env_stat(e, b).nlink, 0);
	cdx_vol_forget(e->v, b, 1);
	assert_int_equal(cdx_vol_getattr(e->v, b, &attr), -ESTALE);
}

static void test_replace_dir(void **state)
{
	struct volume_env *e = *state;
	uint64_t a = volume_env_dir(e, ROOT, "a");
	uint64_t b = volume_env_dir(e, ROOT, "b");
	uint64_t f = volume_env_file(e, b, "f");
	struct cdx_attr attr;

	(void)volume_env_file(e, ROOT, "file");
	assert_int_equal(mv(e, ROOT, "a", ROOT, "b"), -ENOTEMPTY);
	assert_int_equal(mv(e, ROOT, "a", ROOT, "file"), -ENOTDIR);
	assert_int_equal(mv(e, ROOT, "file", ROOT, "a"), -EISDIR);
	assert_int_equal(volume_env_stat(e, ROOT).nlink, 4);
	assert_int_equal(mv(e, ROOT, "b", ROOT, "a"), 0);
	assert_int_equal(volume_env_stat(e, ROOT).nlink, 3);
	assert_int_equal(cdx_vol_getattr(e->v, a, &attr), -ESTALE);
	assert_int_equal(volume_env_find(e, ROOT, "a"), b);
	assert_int_equal(volume_env_find(e, b, "f"), f);
}

static void test_dir_moves(void **state)
{
	struct volume_env *e = *state;
	uint64_t a = volume_env_dir(e, ROOT, "a");
	uint64_t b = volume_env_dir(e, ROOT, "b");
	uint64_t c = volume_env_dir(e, a, "c");
	uint64_t d = volume_env_dir(e, c, "d");
	struct cdx_attr attr;

	assert_int_equal(mv(e, ROOT, "a", a, "x"), -EINVAL);
	assert_int_equal(mv(e, ROOT, "a", d, "x"), -EINVAL);
	assert_int_equal(mv(e, ROOT, "a", c, "d"), -EINVAL);
	assert_int_equal(mv(e, c, "d", ROOT, "a"), -ENOTEMPTY);
	assert_int_equal(mv(e, a, "c", b, "c"), 0);
	assert_int_equal(volume_env_stat(e, a).nlink, 2);
	assert_int_equal(volume_env_stat(e, b).nlink, 3);
	assert_int_equal(cdx_vol_lookup(e->v, c, "..", &attr), 0);
	assert_int_equal(attr.ino, b);
	cdx_vol_forget(e->v, b, 1);
	assert_int_equal(mv(e, ROOT, "a", d, "x"), 0);
	assert_int_equal(mv(e, ROOT, "b", a, "y"), -EINVAL);
	volume_env_reopen(e);
	assert_int_equal(mv(e, ROOT, "b", a, "y"), -EINVAL);
	assert_int_equal(volume_env_stat(e, ROOT).nlink, 3);
	assert_int_equal(volume_env_stat(e, d).nlink, 3);
}

static void test_noreplace(void **state)
{
	struct volume_env *e = *state;
	uint64_t a = volume_env_file(e, ROOT, "a");
	uint64_t b = volume_env_file(e, ROOT, "b");

	assert_int_equal(cdx_vol_rename(e->v, ROOT, "a", ROOT, "b",
					RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(volume_env_find(e, ROOT, "b"), b);
	assert_int_equal(cdx_vol_rename(e->v, ROOT, "a", ROOT, "c",
					RENAME_NOREPLACE),
			 0);
	assert_int_equal(volume_env_find(e, ROOT, "c"), a);
	assert_int_equal(cdx_vol_rename(e->v, ROOT, "c", ROOT, "x",
					RENAME_NOREPLACE | RENAME_EXCHANGE),
			 -EINVAL);
	assert_int_equal(cdx_vol_rename(e->v, ROOT, "c", ROOT, "x", 1u << 20),
			 -EINVAL);
}

static int swap(struct volume_env *e, uint64_t from, const char *a, uint64_t to,
		const char *b)
{
	return cdx_vol_rename(e->v, from, a, to, b, RENAME_EXCHANGE);
}

static void test_exchange(void **state)
{
	struct volume_env *e = *state;
	uint64_t a = volume_env_dir(e, ROOT, "a");
	uint64_t b = volume_env_dir(e, ROOT, "b");
	uint64_t c = volume_env_dir(e, a, "c");
	uint64_t f = volume_env_file(e, b, "f");
	uint64_t g = volume_env_dir(e, b, "g");
	struct cdx_attr attr;

	assert_int_equal(swap(e, a, "c", b, "no"), -ENOENT);
	assert_int_equal(swap(e, a, "no", b, "f"), -ENOENT);
	/* a directory and a file */
	assert_int_equal(swap(e, a, "c", b, "f"), 0);
	assert_int_equal(volume_env_find(e, a, "c"), f);
	assert_int_equal(volume_env_find(e, b, "f"), c);
	assert_int_equal(volume_env_stat(e, a).nlink, 2);
	assert_int_equal(volume_env_stat(e, b).nlink, 4);
	assert_int_equal(cdx_vol_lookup(e->v, c, "..", &attr), 0);
	assert_int_equal(attr.ino, b);
	cdx_vol_forget(e->v, b, 1);
	/* two directories, each with something in it */
	assert_int_equal(swap(e, ROOT, "a", b, "g"), 0);
	assert_int_equal(volume_env_find(e, b, "g"), a);
	assert_int_equal(volume_env_find(e, ROOT, "a"), g);
	assert_int_equal(volume_env_stat(e, ROOT).nlink, 4);
	/* neither may go below itself */
	assert_int_equal(swap(e, ROOT, "b", b, "g"), -EINVAL);
	assert_int_equal(swap(e, b, "g", ROOT, "b"), -EINVAL);
	/* in one directory */
	assert_int_equal(swap(e, ROOT, "a", ROOT, "b"), 0);
	assert_int_equal(volume_env_find(e, ROOT, "a"), b);
}

static void test_same_inode(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr a;
	struct cdx_attr b;

	assert_int_equal(cdx_vol_link(e->v, f, ROOT, "g", &a), 0);
	cdx_vol_forget(e->v, f, 1);
	volume_env_tick();
	assert_int_equal(mv(e, ROOT, "f", ROOT, "g"), 0);
	assert_int_equal(volume_env_find(e, ROOT, "f"), f);
	assert_int_equal(volume_env_find(e, ROOT, "g"), f);
	b = volume_env_stat(e, f);
	assert_int_equal(b.nlink, 2);
	assert_false(later(b.ctime, a.ctime));
	assert_int_equal(mv(e, ROOT, "f", ROOT, "f"), 0);
	assert_int_equal(volume_env_find(e, ROOT, "f"), f);
}

static void test_into_removed(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct cdx_attr a;

	(void)volume_env_file(e, ROOT, "f");
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "d", &a), 0);
	assert_int_equal(cdx_vol_rmdir(e->v, ROOT, "d"), 0);
	assert_int_equal(mv(e, ROOT, "f", d, "f"), -ENOENT);
	assert_int_equal(cdx_vol_link(e->v, volume_env_find(e, ROOT, "f"), d,
				      "f", &a),
			 -ENOENT);
	cdx_vol_forget(e->v, d, 1);
}

static uint8_t got[64];
static ssize_t got_len;

static void have_read(void *arg, const uint8_t *buf, ssize_t result)
{
	(void)arg;
	got_len = result;
	if (result > 0 && (size_t)result <= sizeof(got))
		memcpy(got, buf, (size_t)result);
}

/* Save by rename: after a crash there is the old or the new content, never a
 * name that leads to an empty file. */
static void test_save_by_rename(void **state)
{
	struct volume_env *e = *state;
	uint64_t old = volume_env_file(e, ROOT, "doc");
	uint64_t new;

	assert_int_equal(cdx_vol_write(e->v, old, 0, "old", 3, false), 0);
	assert_int_equal(cdx_vol_fsync(e->v, old, false), 0);
	new = volume_env_file(e, ROOT, "doc.tmp");
	assert_int_equal(cdx_vol_write(e->v, new, 0, "brand new", 9, false), 0);
	assert_int_equal(mv(e, ROOT, "doc.tmp", ROOT, "doc"), 0);
	/* somebody else's fsync takes the rename along */
	(void)volume_env_file(e, ROOT, "other");
	assert_int_equal(cdx_vol_fsync(e->v, ROOT, false), 0);
	volume_env_crash(e);
	assert_int_equal(volume_env_find(e, ROOT, "doc"), new);
	assert_int_equal(volume_env_find(e, ROOT, "doc.tmp"), 0);
	cdx_vol_read(e->v, new, 0, sizeof(got), have_read, NULL);
	assert_int_equal(got_len, 9);
	assert_memory_equal(got, "brand new", 9);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_plain),		T(test_replace_file),
		T(test_replace_dir),	T(test_dir_moves),
		T(test_noreplace),	T(test_exchange),
		T(test_same_inode),	T(test_into_removed),
		T(test_save_by_rename),
	};

	return cmocka_run_group_tests_name("volume_rename", tests, NULL, NULL);
}
