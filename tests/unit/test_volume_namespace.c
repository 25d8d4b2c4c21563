/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "seed.h"
#include "volume/internal.h"
#include "volume/names.h"

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

static void test_root(void **state)
{
	struct volume_env *e = *state;
	struct cdx_attr a = attr_of(e, ROOT);
	struct cdx_attr b;

	assert_int_equal(a.ino, ROOT);
	assert_int_equal(a.mode, S_IFDIR | 0755);
	assert_int_equal(a.nlink, 2);
	assert_int_equal(a.uid, geteuid());
	volume_env_reopen(e);
	b = attr_of(e, ROOT);
	assert_true(same(a.btime, b.btime));
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "..", &b), 0);
	assert_int_equal(b.ino, ROOT);
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, ".", &b), 0);
	assert_int_equal(b.ino, ROOT);
	cdx_vol_forget(e->v, ROOT, 2);
	assert_int_equal(cdx_vol_rmdir(e->v, ROOT, "."), -EINVAL);
	assert_int_equal(cdx_vol_rmdir(e->v, ROOT, ".."), -ENOTEMPTY);
}

/* File handles: "." of any inode, as long as it has a name */
static void test_lookup_self(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr a;

	assert_int_equal(cdx_vol_lookup(e->v, f, ".", &a), 0);
	assert_int_equal(a.ino, f);
	cdx_vol_forget(e->v, f, 1);
	assert_int_equal(cdx_vol_lookup(e->v, f, "..", &a), -ENOTDIR);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_int_equal(cdx_vol_lookup(e->v, f, ".", &a), -ESTALE);
}

static void test_types(void **state)
{
	static const mode_t type[] = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR,
				      S_IFBLK};
	struct volume_env *e = *state;
	struct cdx_attr a;
	char name[16];

	for (size_t i = 0; i < CDX_ARRAY_LEN(type); i++) {
		(void)snprintf(name, sizeof(name), "n%zu", i);
		assert_int_equal(cdx_vol_mknod(e->v, ROOT, name, type[i] | 0666,
					       makedev(7, 3), &volume_env_cred,
					       &a),
				 0);
		assert_int_equal(a.mode, type[i] | 0644);
		assert_int_equal(a.nlink, 1);
		assert_int_equal(a.uid, 1000);
		assert_int_equal(a.gid, 1000);
	}
	assert_int_equal(cdx_vol_mknod(e->v, ROOT, "dir", S_IFDIR | 0755, 0,
				       &volume_env_cred, &a),
			 -EINVAL);
	volume_env_reopen(e);
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "n3", &a), 0);
	assert_int_equal(a.mode, S_IFCHR | 0644);
	assert_int_equal(a.rdev, makedev(7, 3));
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "n1", &a), 0);
	assert_int_equal(a.rdev, 0);
	assert_int_equal(cdx_vol_lookup(e->v, a.ino, "x", &a), -ENOTDIR);
	assert_int_equal(cdx_vol_lookup(e->v, 999999, "x", &a), -ESTALE);
	assert_int_equal(cdx_vol_getattr(e->v, 999999, &a), -ESTALE);
}

static void test_names(void **state)
{
	struct volume_env *e = *state;
	char name[300];
	struct cdx_attr a;

	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(cdx_vol_mkdir(e->v, ROOT, name, 0755, &volume_env_cred,
				       &a),
			 -ENAMETOOLONG);
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, name, &a), -ENAMETOOLONG);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, name), -ENAMETOOLONG);
	assert_int_equal(cdx_vol_rename(e->v, ROOT, "a", ROOT, name, 0),
			 -ENAMETOOLONG);
	name[255] = '\0';
	(void)volume_env_dir(e, ROOT, name);
	assert_int_not_equal(volume_env_find(e, ROOT, name), 0);
	assert_int_equal(cdx_vol_mkdir(e->v, ROOT, "", 0755, &volume_env_cred,
				       &a),
			 -ENOENT);
	assert_int_equal(cdx_vol_mkdir(e->v, ROOT, "a/b", 0755,
				       &volume_env_cred, &a),
			 -EINVAL);
	assert_int_equal(cdx_vol_mkdir(e->v, ROOT, ".", 0755, &volume_env_cred,
				       &a),
			 -EEXIST);
	/* any byte but '/' and NUL */
	for (int c = 1; c < 256; c++) {
		char one[3] = {'x', (char)c, '\0'};

		if (c != '/')
			(void)volume_env_file(e, ROOT, one);
	}
	volume_env_reopen(e);
	for (int c = 1; c < 256; c++) {
		char one[3] = {'x', (char)c, '\0'};

		if (c != '/')
			assert_int_not_equal(volume_env_find(e, ROOT, one), 0);
	}
	assert_int_equal(cdx_vol_mkdir(e->v, ROOT, "x\xff", 0755,
				       &volume_env_cred, &a),
			 -EEXIST);
}

static void test_create_times(void **state)
{
	struct volume_env *e = *state;
	struct cdx_attr before = attr_of(e, ROOT);
	struct cdx_attr after;
	struct cdx_attr f;

	volume_env_tick();
	f = attr_of(e, volume_env_file(e, ROOT, "f"));
	after = attr_of(e, ROOT);
	assert_true(later(after.mtime, before.mtime));
	assert_true(later(after.ctime, before.ctime));
	assert_true(same(after.atime, before.atime));
	assert_true(same(f.btime, f.mtime));
	assert_true(same(f.btime, f.atime));
	assert_true(same(f.btime, f.ctime));
	/* and removing */
	volume_env_tick();
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	before = after;
	after = attr_of(e, ROOT);
	assert_true(later(after.mtime, before.mtime));
	assert_true(later(after.ctime, before.ctime));
}

static void test_links(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr old = attr_of(e, f);
	struct cdx_attr dir = attr_of(e, d);
	struct cdx_attr a;

	volume_env_tick();
	assert_int_equal(cdx_vol_link(e->v, f, d, "g", &a), 0);
	assert_int_equal(a.ino, f);
	assert_int_equal(a.nlink, 2);
	assert_true(later(a.ctime, old.ctime));
	assert_true(same(a.mtime, old.mtime));
	assert_true(later(attr_of(e, d).mtime, dir.mtime));
	assert_int_equal(cdx_vol_link(e->v, f, d, "g", &a), -EEXIST);
	assert_int_equal(cdx_vol_link(e->v, d, ROOT, "h", &a), -EPERM);
	assert_int_equal(cdx_vol_link(e->v, f, f, "h", &a), -ENOTDIR);
	volume_env_tick();
	old = attr_of(e, f);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	a = attr_of(e, f);
	assert_int_equal(a.nlink, 1);
	assert_true(later(a.ctime, old.ctime));
	volume_env_reopen(e);
	assert_int_equal(attr_of(e, f).nlink, 1);
	assert_int_equal(volume_env_find(e, d, "g"), f);
	assert_int_equal(volume_env_find(e, ROOT, "f"), 0);
}

static void test_link_limit(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_vnode *n;
	struct cdx_attr a;

	assert_int_equal(cdx_vnode_get(e->v, &n, f), 0);
	n->attr.nlink = CDX_LINK_MAX;
	assert_int_equal(cdx_vol_link(e->v, f, ROOT, "g", &a), -EMLINK);
	n->attr.nlink = 1;
	cdx_vnode_put(e->v, n);
	assert_int_equal(cdx_vnode_get(e->v, &n, ROOT), 0);
	n->attr.nlink = CDX_LINK_MAX;
	assert_int_equal(cdx_vol_mkdir(e->v, ROOT, "d", 0755, &volume_env_cred,
				       &a),
			 -EMLINK);
	n->attr.nlink = 2;
	cdx_vnode_put(e->v, n);
}

static void test_rmdir(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	uint64_t f = volume_env_file(e, d, "f");
	struct cdx_attr a;

	assert_int_equal(attr_of(e, ROOT).nlink, 3);
	assert_int_equal(cdx_vol_rmdir(e->v, ROOT, "d"), -ENOTEMPTY);
	assert_int_equal(cdx_vol_rmdir(e->v, d, "f"), -ENOTDIR);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "d"), -EISDIR);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "no"), -ENOENT);
	assert_int_equal(cdx_vol_unlink(e->v, f, "no"), -ENOTDIR);
	assert_int_equal(cdx_vol_unlink(e->v, d, "f"), 0);
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "d", &a), 0);
	assert_int_equal(cdx_vol_rmdir(e->v, ROOT, "d"), 0);
	assert_int_equal(attr_of(e, ROOT).nlink, 2);
	/* still held: it is there, but takes nothing */
	assert_int_equal(attr_of(e, d).nlink, 0);
	assert_int_equal(cdx_vol_mkdir(e->v, d, "x", 0755, &volume_env_cred,
				       &a),
			 -ENOENT);
	cdx_vol_forget(e->v, d, 1);
	assert_int_equal(cdx_vol_getattr(e->v, d, &a), -ESTALE);
}

static void test_inode_numbers(void **state)
{
	struct volume_env *e = *state;
	uint64_t last = 0;

	for (int i = 0; i < 5; i++) {
		uint64_t f = volume_env_file(e, ROOT, "f");

		assert_true(f > last);
		last = f;
		assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
		if (i == 2)
			volume_env_reopen(e);
		/* numbers that nothing durable ever named may come again */
		if (i == 3) {
			assert_int_equal(cdx_vol_fsync(e->v, ROOT, false), 0);
			volume_env_crash(e);
		}
	}
}

static void test_wrong_keys(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");

	/* also when what was logged is not in LMDB yet */
	assert_int_equal(cdx_vol_fsync(e->v, ROOT, false), 0);
	volume_env_close(e);
	e->keys.root.b[0] ^= 1;
	assert_int_equal(volume_env_try_open(e), CDX_E_AUTH);
	e->keys.root.b[0] ^= 1;
	e->keys.volume = 1;
	assert_int_equal(volume_env_try_open(e), CDX_E_AUTH);
	e->keys.volume = 0;
	volume_env_open(e);
	assert_int_equal(volume_env_find(e, ROOT, "f"), f);
}

static void test_readonly(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr a = {0};

	volume_env_close(e);
	e->readonly = true;
	volume_env_open(e);
	assert_int_equal(volume_env_find(e, ROOT, "f"), f);
	assert_int_equal(cdx_vol_mkdir(e->v, ROOT, "d", 0755, &volume_env_cred,
				       &a),
			 -EROFS);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), -EROFS);
	assert_int_equal(cdx_vol_rename(e->v, ROOT, "f", ROOT, "g", 0), -EROFS);
	assert_int_equal(cdx_vol_setattr(e->v, f, &a, CDX_SET_MTIME_NOW,
					 &volume_env_cred, &a),
			 -EROFS);
	volume_env_close(e);
	e->readonly = false;
	volume_env_open(e);
}

/* fsynced names survive, and everything before them */
static void test_crash(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	uint64_t f = volume_env_file(e, d, "f");

	assert_int_equal(cdx_vol_rename(e->v, d, "f", ROOT, "g", 0), 0);
	assert_int_equal(cdx_vol_fsync(e->v, ROOT, false), 0);
	volume_env_crash(e);
	assert_int_equal(volume_env_find(e, ROOT, "d"), d);
	assert_int_equal(volume_env_find(e, ROOT, "g"), f);
	assert_int_equal(volume_env_find(e, d, "f"), 0);
}

static void damage(struct volume_env *e, enum cdx_db db, const void *key,
		   size_t key_len)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	cdx_batch_put(b, db, key, key_len, "damaged", 7);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void put_back(struct volume_env *e, enum cdx_db db, const void *key,
		     size_t key_len, const void *val, size_t len)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	cdx_batch_put(b, db, key, key_len, val, len);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void test_damage(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	uint8_t ikey[8];
	uint8_t ival[256];
	uint8_t dkey[9];
	uint8_t dval[64];
	struct cdx_attr a;
	int ilen;
	int dlen;

	cdx_put_be64(ikey, f);
	cdx_put_be64(dkey, ROOT);
	dkey[8] = 'f';
	volume_env_reopen(e); /* out of the cache */
	ilen = cdx_kv_get(e->store, CDX_DB_INODE, ikey, 8, ival, sizeof(ival));
	dlen = cdx_kv_get(e->store, CDX_DB_DENTRY, dkey, 9, dval, sizeof(dval));
	assert_true(ilen > 0 && dlen > 0);
	damage(e, CDX_DB_INODE, ikey, 8);
	assert_int_equal(cdx_vol_getattr(e->v, f, &a), CDX_E_CORRUPT);
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "f", &a), CDX_E_CORRUPT);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), CDX_E_CORRUPT);
	assert_true(volume_env_fsck(e) > 0);
	put_back(e, CDX_DB_INODE, ikey, 8, ival, (size_t)ilen);
	damage(e, CDX_DB_DENTRY, dkey, 9);
	assert_int_equal(cdx_vol_lookup(e->v, ROOT, "f", &a), CDX_E_CORRUPT);
	assert_int_equal(cdx_vol_rename(e->v, ROOT, "f", ROOT, "g", 0),
			 CDX_E_CORRUPT);
	assert_true(volume_env_fsck(e) > 0);
	put_back(e, CDX_DB_DENTRY, dkey, 9, dval, (size_t)dlen);
	assert_int_equal(volume_env_find(e, ROOT, "f"), f);
}

/* Each kind of contradiction is found; put back afterwards */
static void test_fsck_finds(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct cdx_batch *b;
	struct cdx_name name;
	struct cdx_vnode *n;
	uint8_t key[8];

	assert_int_equal(volume_env_fsck(e), 0);
	assert_int_equal(cdx_name_init(&name, d, "ghost"), 0);
	name.ino = 4711;
	name.type = S_IFREG;
	name.cookie = 3;
	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	cdx_name_put(b, &name);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(volume_env_fsck(e), 2); /* no inode; entry count */
	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	cdx_name_del(b, &name);
	assert_int_equal(cdx_batch_apply(b), 0);

	cdx_put_be64(key, 4711);
	put_back(e, CDX_DB_ORPHAN, key, 8, "", 0);
	assert_int_equal(volume_env_fsck(e), 1);
	volume_env_reopen(e); /* an orphan without inode is swept away */
	assert_int_equal(volume_env_fsck(e), 0);

	assert_int_equal(cdx_vnode_get(e->v, &n, d), 0);
	n->parent = d; /* a cycle: not its name's place, not below the root */
	cdx_vnode_mark(e->v, n);
	assert_int_equal(volume_env_fsck(e), 2);
	n->parent = ROOT;
	n->attr.nlink = 9;
	cdx_vnode_mark(e->v, n);
	assert_int_equal(volume_env_fsck(e), 1);
	n->attr.nlink = 2;
	cdx_vnode_mark(e->v, n);
	cdx_vnode_put(e->v, n);

	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	cdx_batch_add(b, CDX_CNT_INODES, 3);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(volume_env_fsck(e), 1);
	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	cdx_batch_add(b, CDX_CNT_INODES, -3);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void test_statfs(void **state)
{
	struct volume_env *e = *state;
	struct cdx_statfs s;
	struct cdx_statfs t;
	struct cdx_vol_status st;

	cdx_vol_statfs(e->v, &s);
	assert_true(s.bytes > 0 && s.bytes_free <= s.bytes);
	(void)volume_env_file(e, ROOT, "f");
	cdx_vol_statfs(e->v, &t);
	assert_int_equal(t.inodes, s.inodes + 1);
	cdx_vol_status(e->v, &st);
	assert_int_equal(st.inodes, t.inodes);
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

/* Inodes leave memory beyond the limit, and come back the same */
static void test_cache_limit(void **state)
{
	struct volume_env *e = *state;
	struct cdx_vol_status st;
	char name[16];

	volume_env_close(e);
	e->opts.cache_inodes = 10;
	volume_env_open(e);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		set(e, volume_env_file(e, ROOT, name), 0600 + (mode_t)i % 64);
	}
	cdx_vol_status(e->v, &st);
	assert_true(st.cached_inodes < 20);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(
			attr_of(e, volume_env_find(e, ROOT, name)).mode & 0777,
			0600 + i % 64);
	}
	e->opts.cache_inodes = 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_root),	     T(test_types),
		T(test_names),	     T(test_create_times),
		T(test_links),	     T(test_link_limit),
		T(test_rmdir),	     T(test_inode_numbers),
		T(test_wrong_keys),  T(test_readonly),
		T(test_crash),	     T(test_damage),
		T(test_fsck_finds),  T(test_statfs),
		T(test_cache_limit), T(test_lookup_self),
	};

	return cmocka_run_group_tests_name("volume_namespace", tests, NULL,
					   NULL);
}
