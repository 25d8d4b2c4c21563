/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
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

static bool same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static struct cdx_attr attr_of(struct volume_env *e, uint64_t ino)
{
	return volume_env_stat(e, ino);
}

static void set(struct volume_env *e, uint64_t ino, mode_t mode)
{
	struct cdx_attr in = {.mode = mode};
	struct cdx_attr a;

	assert_int_equal(cdx_vol_setattr(e->v, ino, &in, CDX_SET_MODE,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(a.mode & 07777, mode);
}

static void test_setgid_dir(void **state)
{
	struct volume_env *e = *state;
	const struct cdx_cred other = {.uid = 5, .gid = 6};
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct cdx_attr in = {.mode = 02775, .gid = 77};
	struct cdx_attr a;

	assert_int_equal(cdx_vol_setattr(e->v, d, &in,
					 CDX_SET_MODE | CDX_SET_GID,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(a.mode, S_IFDIR | 02775);
	assert_int_equal(cdx_vol_mkdir(e->v, d, "s", 0755, &other, &a), 0);
	assert_int_equal(a.mode, S_IFDIR | 02755);
	assert_int_equal(a.gid, 77);
	assert_int_equal(a.uid, 5);
	assert_int_equal(
		cdx_vol_mknod(e->v, d, "f", S_IFREG | 02755, 0, &other, &a), 0);
	/* not in group 77: an executable setgid file would be a gift */
	assert_int_equal(a.mode, S_IFREG | 0755);
	assert_int_equal(a.gid, 77);
	assert_int_equal(cdx_vol_symlink(e->v, d, "l", "f", &other, &a), 0);
	assert_int_equal(a.mode, S_IFLNK | 0777);
	assert_int_equal(a.gid, 77);
}

static void test_setid_clearing(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct cdx_attr in = {.uid = 7, .gid = 8, .mode = 02755};
	struct cdx_cred stranger = {.uid = 1, .gid = 2};
	struct cdx_attr a;

	set(e, f, 06755);
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_UID,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(a.mode, S_IFREG | 0755);
	assert_int_equal(a.uid, 7);
	/* setgid without group execution is a mark for locking and stays */
	set(e, f, 06745);
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_GID,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(a.mode, S_IFREG | 02745);
	set(e, d, 06755);
	assert_int_equal(cdx_vol_setattr(e->v, d, &in, CDX_SET_GID,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(a.mode, S_IFDIR | 06755);
	set(e, f, 06755);
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_KILL_PRIV,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(a.mode, S_IFREG | 0755);
	assert_int_equal(
		cdx_vol_setattr(e->v, f, &in, CDX_SET_MODE, &stranger, &a), 0);
	assert_int_equal(a.mode, S_IFREG | 0755);
	stranger.gid = 8;
	assert_int_equal(
		cdx_vol_setattr(e->v, f, &in, CDX_SET_MODE, &stranger, &a), 0);
	assert_int_equal(a.mode, S_IFREG | 02755);
}

static void test_times(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr old = attr_of(e, f);
	struct cdx_attr in = {
		.atime = {5, 6}, .mtime = {-7, 8}, .ctime = {9, 10}};
	struct cdx_attr a;

	volume_env_tick();
	assert_int_equal(cdx_vol_setattr(e->v, f, &in,
					 CDX_SET_ATIME | CDX_SET_MTIME,
					 &volume_env_cred, &a),
			 0);
	assert_true(same(a.atime, in.atime));
	assert_true(same(a.mtime, in.mtime));
	assert_true(later(a.ctime, old.ctime));
	assert_true(same(a.btime, old.btime));
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_CTIME,
					 &volume_env_cred, &a),
			 0);
	assert_true(same(a.ctime, in.ctime));
	volume_env_reopen(e);
	a = attr_of(e, f);
	assert_true(same(a.atime, in.atime));
	assert_true(same(a.mtime, in.mtime));
	assert_true(same(a.ctime, in.ctime));
	in.mtime.tv_nsec = 1000000000;
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_MTIME,
					 &volume_env_cred, &a),
			 -EINVAL);
	volume_env_tick();
	old = a;
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_ATIME_NOW,
					 &volume_env_cred, &a),
			 0);
	assert_true(later(a.atime, old.atime));
	assert_true(same(a.mtime, old.mtime));
	volume_env_tick();
	old = a;
	set(e, f, 0600);
	a = attr_of(e, f);
	assert_true(later(a.ctime, old.ctime));
	assert_true(same(a.mtime, old.mtime));
}

static void test_relatime(void **state)
{
	struct volume_env *e = *state;
	struct cdx_attr a;
	struct cdx_attr b;
	char buf[16];

	assert_int_equal(cdx_vol_symlink(e->v, ROOT, "l", "target",
					 &volume_env_cred, &a),
			 0);
	volume_env_tick();
	assert_int_equal(cdx_vol_readlink(e->v, a.ino, buf, sizeof(buf)), 6);
	b = attr_of(e, a.ino);
	assert_true(later(b.atime, a.atime));
	volume_env_tick();
	/* newer than mtime and ctime now, and not a day old */
	assert_int_equal(cdx_vol_readlink(e->v, a.ino, buf, sizeof(buf)), 6);
	assert_true(same(attr_of(e, a.ino).atime, b.atime));
	volume_env_reopen(e);
	assert_true(same(attr_of(e, a.ino).atime, b.atime));
	volume_env_close(e);
	e->opts.noatime = true;
	volume_env_open(e);
	set(e, volume_env_file(e, ROOT, "f"), 0600);
	assert_int_equal(cdx_vol_setattr(e->v, a.ino, &a,
					 CDX_SET_ATIME | CDX_SET_MTIME,
					 &volume_env_cred, &b),
			 0);
	assert_int_equal(cdx_vol_readlink(e->v, a.ino, buf, sizeof(buf)), 6);
	assert_true(same(attr_of(e, a.ino).atime, a.atime));
	e->opts.noatime = false;
}

/* Reads that the kernel answers from its cache are told by the open */
static void test_accessed(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr old = attr_of(e, f);

	volume_env_tick();
	assert_int_equal(cdx_vol_accessed(e->v, f), 1);
	assert_true(later(attr_of(e, f).atime, old.atime));
	assert_true(same(attr_of(e, f).mtime, old.mtime));
	old = attr_of(e, f);
	volume_env_tick();
	assert_int_equal(cdx_vol_accessed(e->v, f), 0);
	assert_true(same(attr_of(e, f).atime, old.atime));
	assert_int_equal(cdx_vol_accessed(e->v, 999), -ESTALE);
}

/* What the kernel shows of a file written a moment ago stays true; what it has
 * not told of for long is ours to say */
static void test_kernel_times(void **state)
{
	struct volume_env *e = *state;
	struct cdx_attr in = {.mtime = {5, 6}};
	struct cdx_attr old;
	struct cdx_attr a;
	uint64_t f;

	volume_env_close(e);
	e->opts.kernel_times = true;
	volume_env_open(e);
	f = volume_env_file(e, ROOT, "f");
	old = attr_of(e, f);
	volume_env_tick();
	assert_int_equal(cdx_vol_write(e->v, f, 0, "abc", 3, false), 0);
	assert_true(same(attr_of(e, f).mtime, old.mtime));
	assert_true(same(attr_of(e, f).ctime, old.ctime));
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_MTIME,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(cdx_vol_write(e->v, f, 0, "abc", 3, false), 0);
	assert_true(later(attr_of(e, f).mtime, old.mtime));
	e->opts.kernel_times = false;
}

static void test_symlink(void **state)
{
	struct volume_env *e = *state;
	char target[5000];
	char buf[5000];
	struct cdx_attr a;

	memset(target, 't', sizeof(target));
	target[4096] = '\0';
	assert_int_equal(cdx_vol_symlink(e->v, ROOT, "l", target,
					 &volume_env_cred, &a),
			 -ENAMETOOLONG);
	assert_int_equal(cdx_vol_symlink(e->v, ROOT, "l", "", &volume_env_cred,
					 &a),
			 -ENOENT);
	target[4095] = '\0';
	assert_int_equal(cdx_vol_symlink(e->v, ROOT, "l", target,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(a.size, 4095);
	volume_env_reopen(e);
	assert_int_equal(cdx_vol_readlink(e->v, a.ino, buf, 4094), -ENOBUFS);
	assert_int_equal(cdx_vol_readlink(e->v, a.ino, buf, sizeof(buf)), 4095);
	assert_memory_equal(buf, target, 4095);
	assert_int_equal(cdx_vol_listxattr(e->v, a.ino, NULL, 0), 0);
	assert_int_equal(cdx_vol_readlink(e->v, ROOT, buf, sizeof(buf)),
			 -EINVAL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_setgid_dir), T(test_setid_clearing),
		T(test_times),	    T(test_relatime),
		T(test_accessed),   T(test_kernel_times),
		T(test_symlink),
	};

	return cmocka_run_group_tests_name("volume_attr", tests, NULL, NULL);
}
