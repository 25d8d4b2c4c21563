/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "seed.h"

/*
 * Several threads change the same few names, while groups commit every few
 * milliseconds and the background packs and seals; each result must be one that some order of the operations
 * explains, and fsck must be clean afterwards.  CDX_COUNT operations a thread
 * (3000).
 */

#define THREADS 4
#define DIRS 4
#define NAMES 8

struct shared {
	struct volume_env e;
	uint64_t dir[DIRS]; /* they stay */
	unsigned count;
	atomic_int bad; /* first result that cannot be */
};

struct worker {
	struct shared *sh;
	struct seed rnd;
	pthread_t thread;
};

static void expect(struct worker *w, int rc, int ok1, int ok2, int ok3)
{
	int none = 0;

	if (rc == 0 || rc == ok1 || rc == ok2 || rc == ok3)
		return;
	(void)atomic_compare_exchange_strong(&w->sh->bad, &none, rc);
}

static const char *some_name(struct worker *w, char out[16])
{
	(void)snprintf(out, 16, "n%zu", seed_below(&w->rnd, NAMES));
	return out;
}

static uint64_t some_dir(struct worker *w)
{
	return w->sh->dir[seed_below(&w->rnd, DIRS)];
}

static int ignore_entry(void *arg, const struct cdx_dirent *e)
{
	unsigned *n = arg;

	(void)e;
	return ++*n < 1000;
}

static void ignore_read(void *arg, const uint8_t *buf, ssize_t result)
{
	(void)arg;
	(void)buf;
	(void)result;
}

/* Looks a name up and works on what it finds */
static void use_file(struct worker *w, const char *name)
{
	struct cdx_volume *v = w->sh->e.v;
	struct cdx_attr a;
	struct cdx_attr in = {.mode = 0600};
	int rc = cdx_vol_lookup(v, some_dir(w), name, &a);

	expect(w, rc, -ENOENT, 0, 0);
	if (rc < 0)
		return;
	if (S_ISREG(a.mode)) {
		expect(w,
		       cdx_vol_write(v, a.ino, seed_below(&w->rnd, 9000),
				     "some bytes", 10, false),
		       0, 0, 0);
		cdx_vol_read(v, a.ino, 0, 100, ignore_read, NULL);
	}
	expect(w,
	       cdx_vol_setattr(v, a.ino, &in, CDX_SET_MODE | CDX_SET_MTIME_NOW,
			       &volume_env_cred, &a),
	       0, 0, 0);
	expect(w,
	       cdx_vol_setxattr(v, a.ino, "user.x", "val", 3, 0,
				&volume_env_cred),
	       0, 0, 0);
	if (seed_below(&w->rnd, 16) == 0)
		expect(w, cdx_vol_fsync(v, a.ino, false), 0, 0, 0);
	cdx_vol_forget(v, a.ino, 1);
}

static void one(struct worker *w)
{
	static const unsigned flags[] = {0, 0, RENAME_NOREPLACE,
					 RENAME_EXCHANGE};
	struct cdx_volume *v = w->sh->e.v;
	char a[16];
	char b[16];
	struct cdx_attr attr;
	unsigned n = 0;
	int rc;

	(void)some_name(w, a);
	(void)some_name(w, b);
	switch (seed_below(&w->rnd, 8)) {
	case 0:
		rc = cdx_vol_mknod(v, some_dir(w), a, S_IFREG | 0644, 0,
				   &volume_env_cred, &attr);
		expect(w, rc, -EEXIST, 0, 0);
		if (rc == 0)
			cdx_vol_forget(v, attr.ino, 1);
		break;
	case 1:
		rc = cdx_vol_mkdir(v, some_dir(w), a, 0755, &volume_env_cred,
				   &attr);
		expect(w, rc, -EEXIST, 0, 0);
		if (rc == 0)
			cdx_vol_forget(v, attr.ino, 1);
		break;
	case 2:
		expect(w, cdx_vol_unlink(v, some_dir(w), a), -ENOENT, -EISDIR,
		       0);
		break;
	case 3:
		expect(w, cdx_vol_rmdir(v, some_dir(w), a), -ENOENT, -ENOTDIR,
		       -ENOTEMPTY);
		break;
	case 4:
		rc = cdx_vol_rename(v, some_dir(w), a, some_dir(w), b,
				    flags[seed_below(&w->rnd, 4)]);
		if (rc != -ENOENT && rc != -EEXIST)
			expect(w, rc, -EISDIR, -ENOTDIR, -ENOTEMPTY);
		break;
	case 5:
		expect(w, cdx_vol_readdir(v, some_dir(w), 0, ignore_entry, &n),
		       0, 0, 0);
		break;
	default:
		use_file(w, a);
		break;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < w->sh->count; i++)
		one(w);
	return NULL;
}

static void test_threads(void **state)
{
	static struct shared sh;
	struct worker w[THREADS];
	struct seed rnd = seed_start("volume threads");
	const char *count = getenv("CDX_COUNT");
	char name[16];

	(void)state;
	sh.count = count != NULL ? (unsigned)strtoul(count, NULL, 10) : 3000;
	volume_env_new(&sh.e, 0);
	volume_env_close(&sh.e);
	sh.e.commit_ms = 20;
	sh.e.opts.no_background = false;
	sh.e.opts.pack_age_s = 1;
	sh.e.opts.seal_age_s = 1;
	cdx_pool_free(sh.e.pool);
	assert_int_equal(cdx_pool_new(&sh.e.pool, 2), 0);
	volume_env_open(&sh.e);
	for (int i = 0; i < DIRS; i++) {
		(void)snprintf(name, sizeof(name), "dir%d", i);
		sh.dir[i] = volume_env_dir(&sh.e, CDX_ROOT_INO, name);
	}
	for (int i = 0; i < THREADS; i++) {
		w[i].sh = &sh;
		w[i].rnd.state = seed_u64(&rnd);
		assert_int_equal(
			pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	assert_int_equal(atomic_load(&sh.bad), 0);
	volume_env_close(&sh.e);
	sh.e.opts.no_background = true;
	volume_env_open(&sh.e);
	assert_int_equal(volume_env_fsck(&sh.e), 0);
	volume_env_free(&sh.e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("volume_threads", tests, NULL, NULL);
}
