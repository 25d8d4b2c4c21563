/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

#include "base/err.h"
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

static int put(struct volume_env *e, uint64_t ino, const char *name,
	       const void *val, size_t len, int flags)
{
	return cdx_vol_setxattr(e->v, ino, name, val, len, flags,
				&volume_env_cred);
}

static int del(struct volume_env *e, uint64_t ino, const char *name)
{
	return cdx_vol_removexattr(e->v, ino, name, &volume_env_cred);
}

static void test_values(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr a = volume_env_stat(e, f);
	struct cdx_attr b;
	char buf[64];

	assert_int_equal(cdx_vol_getxattr(e->v, f, "user.a", buf, 64),
			 -ENODATA);
	assert_int_equal(put(e, f, "user.a", "x", 1, XATTR_REPLACE), -ENODATA);
	volume_env_tick();
	assert_int_equal(put(e, f, "user.a", "one", 3, XATTR_CREATE), 0);
	b = volume_env_stat(e, f);
	assert_true(b.ctime.tv_sec > a.ctime.tv_sec ||
		    (b.ctime.tv_sec == a.ctime.tv_sec &&
		     b.ctime.tv_nsec > a.ctime.tv_nsec));
	assert_int_equal(put(e, f, "user.a", "one", 3, XATTR_CREATE), -EEXIST);
	assert_int_equal(put(e, f, "user.a", "four", 4, XATTR_REPLACE), 0);
	assert_int_equal(put(e, f, "user.a", "four", 4, 8), -EINVAL);
	assert_int_equal(put(e, f, "user.empty", NULL, 0, 0), 0);
	assert_int_equal(put(e, f, "trusted.t", "t", 1, 0), 0);
	assert_int_equal(put(e, f, "security.s", "s", 1, 0), 0);
	volume_env_reopen(e);
	assert_int_equal(cdx_vol_getxattr(e->v, f, "user.a", NULL, 0), 4);
	assert_int_equal(cdx_vol_getxattr(e->v, f, "user.a", buf, 3), -ERANGE);
	assert_int_equal(cdx_vol_getxattr(e->v, f, "user.a", buf, 64), 4);
	assert_memory_equal(buf, "four", 4);
	assert_int_equal(cdx_vol_getxattr(e->v, f, "user.empty", buf, 64), 0);
	assert_int_equal(cdx_vol_listxattr(e->v, f, NULL, 0), 39);
	assert_int_equal(cdx_vol_listxattr(e->v, f, buf, 38), -ERANGE);
	assert_int_equal(cdx_vol_listxattr(e->v, f, buf, 64), 39);
	assert_memory_equal(buf, "security.s\0trusted.t\0user.a\0user.empty",
			    39);
	assert_int_equal(del(e, f, "user.a"), 0);
	assert_int_equal(del(e, f, "user.a"), -ENODATA);
	assert_int_equal(cdx_vol_listxattr(e->v, f, buf, 64), 32);
	assert_int_equal(put(e, 4711, "user.a", "x", 1, 0), -ESTALE);
}

static void test_names(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	char name[300];

	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	assert_int_equal(put(e, f, name, "x", 1, 0), -ERANGE);
	name[255] = '\0';
	assert_int_equal(put(e, f, name, "x", 1, 0), 0);
	assert_int_equal(put(e, f, "", "x", 1, 0), -ERANGE);
	assert_int_equal(put(e, f, "user.", "x", 1, 0), -EINVAL);
	assert_int_equal(put(e, f, "userx", "x", 1, 0), -EOPNOTSUPP);
	assert_int_equal(put(e, f, "system.other", "x", 1, 0), -EOPNOTSUPP);
	assert_int_equal(cdx_vol_getxattr(e->v, f, "system.other", NULL, 0),
			 -EOPNOTSUPP);
	assert_int_equal(del(e, f, "foo.bar"), -EOPNOTSUPP);
	assert_int_equal(cdx_vol_getxattr(e->v, f, name, NULL, 0), 1);
}

static void test_limits(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	uint8_t *val = malloc(CDX_XATTR_SIZE_MAX + 1);
	uint8_t *back = malloc(CDX_XATTR_SIZE_MAX);
	char name[256];
	int rc = 0;
	int n;

	assert_true(val != NULL && back != NULL);
	memset(val, 0xa5, CDX_XATTR_SIZE_MAX + 1);
	assert_int_equal(put(e, f, "user.big", val, CDX_XATTR_SIZE_MAX + 1, 0),
			 -E2BIG);
	assert_int_equal(put(e, f, "user.big", val, CDX_XATTR_SIZE_MAX, 0), 0);
	volume_env_reopen(e);
	assert_int_equal(cdx_vol_getxattr(e->v, f, "user.big", back,
					  CDX_XATTR_SIZE_MAX),
			 (int)CDX_XATTR_SIZE_MAX);
	assert_memory_equal(val, back, CDX_XATTR_SIZE_MAX);
	for (n = 0; rc == 0 && n < 1000; n++) {
		(void)snprintf(name, sizeof(name), "user.%0250d", n);
		rc = put(e, f, name, "x", 1, 0);
	}
	/* 255 full names and a short one fit into 64 KiB */
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(n, 256);
	/* replacing still works */
	assert_int_equal(put(e, f, "user.big", "x", 1, 0), 0);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	free(val);
	free(back);
}

static void test_user_types(void **state)
{
	struct volume_env *e = *state;
	struct cdx_attr a;

	assert_int_equal(cdx_vol_mknod(e->v, ROOT, "p", S_IFIFO | 0666, 0,
				       &volume_env_cred, &a),
			 0);
	assert_int_equal(put(e, a.ino, "user.a", "x", 1, 0), -EPERM);
	assert_int_equal(cdx_vol_getxattr(e->v, a.ino, "user.a", NULL, 0),
			 -ENODATA);
	assert_int_equal(del(e, a.ino, "user.a"), -EPERM);
	assert_int_equal(put(e, a.ino, "trusted.a", "x", 1, 0), 0);
	assert_int_equal(
		cdx_vol_symlink(e->v, ROOT, "l", "t", &volume_env_cred, &a), 0);
	assert_int_equal(put(e, a.ino, "user.a", "x", 1, 0), -EPERM);
	assert_int_equal(put(e, a.ino, "security.a", "x", 1, 0), 0);
	assert_int_equal(cdx_vol_listxattr(e->v, a.ino, NULL, 0), 11);
	assert_int_equal(
		put(e, volume_env_dir(e, ROOT, "d"), "user.a", "x", 1, 0), 0);
}

/* ---- access control lists ---- */

enum {
	U = 1,
	USER = 2,
	G = 4,
	GROUP = 8,
	MASK = 16,
	O = 32
};

static size_t acl(uint8_t *out, const unsigned (*e)[3], size_t n)
{
	cdx_put_le32(out, 2);
	for (size_t i = 0; i < n; i++) {
		cdx_put_le16(out + 4 + i * 8, (uint16_t)e[i][0]);
		cdx_put_le16(out + 6 + i * 8, (uint16_t)e[i][1]);
		cdx_put_le32(out + 8 + i * 8, e[i][2]);
	}
	return 4 + n * 8;
}

#define ACL(buf, ...)                                    \
	acl(buf, (const unsigned[][3]){__VA_ARGS__},     \
	    sizeof((const unsigned[][3]){__VA_ARGS__}) / \
		    (3 * sizeof(unsigned)))
#define NOBODY UINT32_MAX

static void test_acl_access(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr in = {.mode = 0610};
	struct cdx_attr a;
	uint8_t raw[256];
	uint8_t back[256];
	size_t len;

	/* says no more than a mode: becomes one */
	len = ACL(raw, {U, 7, NOBODY}, {G, 5, NOBODY}, {O, 1, NOBODY});
	assert_int_equal(put(e, f, CDX_ACL_ACCESS, raw, len, 0), 0);
	assert_int_equal(volume_env_stat(e, f).mode, S_IFREG | 0751);
	assert_int_equal(cdx_vol_getxattr(e->v, f, CDX_ACL_ACCESS, NULL, 0),
			 -ENODATA);
	len = ACL(raw, {U, 6, NOBODY}, {USER, 7, 33}, {G, 4, NOBODY},
		  {MASK, 6, NOBODY}, {O, 0, NOBODY});
	assert_int_equal(put(e, f, CDX_ACL_ACCESS, raw, len, 0), 0);
	assert_int_equal(volume_env_stat(e, f).mode, S_IFREG | 0660);
	volume_env_reopen(e);
	assert_int_equal(cdx_vol_getxattr(e->v, f, CDX_ACL_ACCESS, back, 256),
			 (int)len);
	assert_memory_equal(back, raw, len);
	/* chmod moves the mask, not the group */
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_MODE,
					 &volume_env_cred, &a),
			 0);
	len = ACL(raw, {U, 6, NOBODY}, {USER, 7, 33}, {G, 4, NOBODY},
		  {MASK, 1, NOBODY}, {O, 0, NOBODY});
	assert_int_equal(cdx_vol_getxattr(e->v, f, CDX_ACL_ACCESS, back, 256),
			 (int)len);
	assert_memory_equal(back, raw, len);
	assert_int_equal(volume_env_fsck(e), 0);
	/* a minimal one takes the stored one away */
	len = ACL(raw, {U, 6, NOBODY}, {G, 6, NOBODY}, {O, 4, NOBODY});
	assert_int_equal(put(e, f, CDX_ACL_ACCESS, raw, len, 0), 0);
	assert_int_equal(volume_env_stat(e, f).mode, S_IFREG | 0664);
	assert_int_equal(cdx_vol_listxattr(e->v, f, NULL, 0), 0);
	assert_int_equal(del(e, f, CDX_ACL_ACCESS), 0);
}

static void test_acl_bad(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr a;
	uint8_t raw[256];
	size_t len;

#define BAD(err, ...)                                                          \
	do {                                                                   \
		len = ACL(raw, __VA_ARGS__);                                   \
		assert_int_equal(put(e, f, CDX_ACL_ACCESS, raw, len, 0), err); \
	} while (0)
	BAD(-EINVAL, {U, 7, NOBODY}, {O, 1, NOBODY});
	BAD(-EINVAL, {G, 7, NOBODY}, {U, 7, NOBODY}, {O, 1, NOBODY});
	BAD(-EINVAL, {U, 8, NOBODY}, {G, 7, NOBODY}, {O, 1, NOBODY});
	BAD(-EINVAL, {U, 7, NOBODY}, {USER, 7, 1}, {G, 5, NOBODY},
	    {O, 1, NOBODY});
	BAD(-EINVAL, {U, 7, NOBODY}, {USER, 7, NOBODY}, {G, 5, NOBODY},
	    {MASK, 7, NOBODY}, {O, 1, NOBODY});
	BAD(-EINVAL, {U, 7, NOBODY}, {G, 5, NOBODY}, {O, 1, NOBODY},
	    {64, 1, NOBODY});
	BAD(-EINVAL, {U, 7, NOBODY}, {G, 5, NOBODY}, {G, 5, NOBODY},
	    {O, 1, NOBODY});
#undef BAD
	len = ACL(raw, {U, 7, NOBODY}, {G, 5, NOBODY}, {O, 1, NOBODY});
	assert_int_equal(put(e, f, CDX_ACL_ACCESS, raw, len - 1, 0), -EINVAL);
	assert_int_equal(put(e, f, CDX_ACL_ACCESS, raw, 3, 0), -EINVAL);
	assert_int_equal(put(e, f, CDX_ACL_DEFAULT, raw, len, 0), -EACCES);
	raw[0] = 1;
	assert_int_equal(put(e, f, CDX_ACL_ACCESS, raw, len, 0), -EOPNOTSUPP);
	raw[0] = 2;
	assert_int_equal(
		cdx_vol_symlink(e->v, ROOT, "l", "t", &volume_env_cred, &a), 0);
	assert_int_equal(put(e, a.ino, CDX_ACL_ACCESS, raw, len, 0),
			 -EOPNOTSUPP);
	assert_int_equal(cdx_vol_getxattr(e->v, a.ino, CDX_ACL_ACCESS, NULL, 0),
			 -EOPNOTSUPP);
	assert_int_equal(volume_env_stat(e, f).mode, S_IFREG | 0644);
}

static void test_acl_inherit(void **state)
{
	struct volume_env *e = *state;
	const struct cdx_cred tight = {.uid = 1, .gid = 1, .umask = 0777};
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct cdx_attr a;
	uint8_t raw[256];
	uint8_t want[256];
	uint8_t back[256];
	size_t len;
	size_t want_len;

	len = ACL(raw, {U, 7, NOBODY}, {G, 5, NOBODY}, {GROUP, 7, 9},
		  {MASK, 7, NOBODY}, {O, 5, NOBODY});
	assert_int_equal(put(e, d, CDX_ACL_DEFAULT, raw, len, 0), 0);
	assert_int_equal(volume_env_stat(e, d).mode, S_IFDIR | 0755);
	volume_env_reopen(e);
	/* the umask is ignored, the asked mode is not */
	assert_int_equal(
		cdx_vol_mknod(e->v, d, "f", S_IFREG | 0640, 0, &tight, &a), 0);
	assert_int_equal(a.mode, S_IFREG | 0640);
	want_len = ACL(want, {U, 6, NOBODY}, {G, 5, NOBODY}, {GROUP, 7, 9},
		       {MASK, 4, NOBODY}, {O, 0, NOBODY});
	assert_int_equal(cdx_vol_getxattr(e->v, a.ino, CDX_ACL_ACCESS, back,
					  256),
			 (int)want_len);
	assert_memory_equal(back, want, want_len);
	assert_int_equal(cdx_vol_getxattr(e->v, a.ino, CDX_ACL_DEFAULT, NULL,
					  0),
			 -ENODATA);
	assert_int_equal(cdx_vol_mkdir(e->v, d, "s", 0777, &tight, &a), 0);
	assert_int_equal(a.mode, S_IFDIR | 0775);
	assert_int_equal(cdx_vol_getxattr(e->v, a.ino, CDX_ACL_DEFAULT, back,
					  256),
			 (int)len);
	assert_memory_equal(back, raw, len);
	assert_int_equal(cdx_vol_symlink(e->v, d, "l", "t", &tight, &a), 0);
	assert_int_equal(cdx_vol_listxattr(e->v, a.ino, NULL, 0), 0);
	/* a minimal default only sets modes */
	len = ACL(raw, {U, 7, NOBODY}, {G, 0, NOBODY}, {O, 4, NOBODY});
	assert_int_equal(put(e, d, CDX_ACL_DEFAULT, raw, len, 0), 0);
	assert_int_equal(
		cdx_vol_mknod(e->v, d, "g", S_IFREG | 0666, 0, &tight, &a), 0);
	assert_int_equal(a.mode, S_IFREG | 0604);
	assert_int_equal(cdx_vol_listxattr(e->v, a.ino, NULL, 0), 0);
	assert_int_equal(del(e, d, CDX_ACL_DEFAULT), 0);
	assert_int_equal(
		cdx_vol_mknod(e->v, d, "h", S_IFREG | 0666, 0, &tight, &a), 0);
	assert_int_equal(a.mode, S_IFREG);
}

static void test_kill_caps(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr in = {.uid = 3};
	struct cdx_attr a;

	assert_int_equal(put(e, f, "security.capability", "cap", 3, 0), 0);
	assert_int_equal(put(e, f, "user.stays", "1", 1, 0), 0);
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_KILL_PRIV,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(cdx_vol_listxattr(e->v, f, NULL, 0), 11);
	assert_int_equal(put(e, f, "security.capability", "cap", 3, 0), 0);
	assert_int_equal(cdx_vol_setattr(e->v, f, &in, CDX_SET_UID,
					 &volume_env_cred, &a),
			 0);
	assert_int_equal(cdx_vol_listxattr(e->v, f, NULL, 0), 11);
}

/* What lies in the table is sealed, and bound to its inode and name */
static void test_sealed(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	uint64_t g = volume_env_file(e, ROOT, "g");
	struct cdx_batch *b;
	uint8_t key[14];
	uint8_t val[256];
	char buf[16];
	int len;

	assert_int_equal(put(e, f, "user.a", "plain text", 10, 0), 0);
	assert_int_equal(put(e, g, "user.a", "other text", 10, 0), 0);
	cdx_put_be64(key, f);
	memcpy(key + 8, "user.a", 6);
	len = cdx_kv_get(e->store, CDX_DB_XATTR, key, 14, val, sizeof(val));
	assert_int_equal(len, 10 + CDX_SEAL_OVERHEAD);
	assert_null(memmem(val, (size_t)len, "plain", 5));
	cdx_put_be64(key, g);
	assert_int_equal(cdx_batch_new(&b, e->store), 0);
	cdx_batch_put(b, CDX_DB_XATTR, key, 14, val, (size_t)len);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_vol_getxattr(e->v, g, "user.a", buf, 16),
			 CDX_E_CORRUPT);
	assert_int_equal(volume_env_fsck(e), 1);
	assert_int_equal(del(e, g, "user.a"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_values),	     T(test_names),	 T(test_limits),
		T(test_user_types),  T(test_acl_access), T(test_acl_bad),
		T(test_acl_inherit), T(test_kill_caps),	 T(test_sealed),
	};

	return cmocka_run_group_tests_name("volume_xattr", tests, NULL, NULL);
}
