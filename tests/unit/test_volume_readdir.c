/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seed.h"
#include "volume/internal.h"

#define ROOT CDX_ROOT_INO
#define MANY 3000

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

/* What one pass saw: names that are numbers, and the rest */
struct pass {
	unsigned seen[4 * MANY];
	unsigned others;
	unsigned total;
	unsigned stop_after; /* entries a call, 0 = all */
	unsigned in_call;
	uint64_t cookie;
	char last[256];
	mode_t type;
	uint64_t ino;
};

static int take(void *arg, const struct cdx_dirent *e)
{
	struct pass *p = arg;
	char *end;
	unsigned long n;

	assert_int_equal(strlen(e->name), e->name_len);
	assert_true(e->cookie > p->cookie);
	if (p->stop_after != 0 && p->in_call == p->stop_after)
		return 0;
	p->in_call++;
	p->total++;
	p->cookie = e->cookie;
	p->type = e->type;
	p->ino = e->ino;
	memcpy(p->last, e->name, e->name_len + 1);
	n = strtoul(e->name, &end, 10);
	if (*end == '\0' && n < CDX_ARRAY_LEN(p->seen))
		p->seen[n]++;
	else
		p->others++;
	return 1;
}

static void read_on(struct volume_env *e, uint64_t dir, struct pass *p)
{
	p->in_call = 0;
	assert_int_equal(cdx_vol_readdir(e->v, dir, p->cookie, take, p), 0);
}

static void make(struct volume_env *e, uint64_t dir, unsigned from, unsigned to)
{
	char name[16];

	for (unsigned i = from; i < to; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		(void)volume_env_file(e, dir, name);
	}
}

static void test_dots(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	uint64_t s = volume_env_dir(e, d, "s");
	struct pass *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->stop_after = 1;
	read_on(e, s, p);
	assert_string_equal(p->last, ".");
	assert_int_equal(p->cookie, 1);
	assert_int_equal(p->ino, s);
	read_on(e, s, p);
	assert_string_equal(p->last, "..");
	assert_int_equal(p->cookie, 2);
	assert_int_equal(p->ino, d);
	read_on(e, s, p);
	assert_int_equal(p->total, 2);
	memset(p, 0, sizeof(*p));
	read_on(e, d, p);
	assert_int_equal(p->total, 3);
	assert_string_equal(p->last, "s");
	assert_int_equal(p->type, S_IFDIR);
	assert_true(p->cookie >= 3);
	assert_int_equal(cdx_vol_readdir(e->v, volume_env_file(e, d, "f"), 0,
					 take, p),
			 -ENOTDIR);
	free(p);
}

static int refuse(void *arg, const struct cdx_dirent *e)
{
	(void)arg;
	(void)e;
	return -ENOMEM;
}

static void test_removed(void **state)
{
	struct volume_env *e = *state;
	struct pass *p = calloc(1, sizeof(*p));
	struct cdx_attr a;

	assert_non_null(p);
	assert_int_equal(
		cdx_vol_mkdir(e->v, ROOT, "d", 0755, &volume_env_cred, &a), 0);
	assert_int_equal(cdx_vol_readdir(e->v, a.ino, 0, refuse, NULL),
			 -ENOMEM);
	assert_int_equal(cdx_vol_rmdir(e->v, ROOT, "d"), 0);
	read_on(e, a.ino, p);
	assert_int_equal(p->total, 0);
	cdx_vol_forget(e->v, a.ino, 1);
	free(p);
}

/* Pages, calls that stop anywhere, and a reopen between two calls */
static void test_all(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct seed rnd = seed_start("readdir all");
	struct pass *p = calloc(1, sizeof(*p));
	unsigned before;

	assert_non_null(p);
	make(e, d, 0, MANY);
	volume_env_commit(e);
	do {
		before = p->total;
		p->stop_after = 1 + (unsigned)seed_below(&rnd, 700);
		read_on(e, d, p);
		if (seed_below(&rnd, 8) == 0)
			volume_env_reopen(e);
	} while (p->total > before);
	assert_int_equal(p->total, MANY + 2);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(p->seen[i], 1);
	free(p);
}

/* One random change beside the reader; names below MANY / 2 always exist */
static void disturb(struct volume_env *e, uint64_t d, struct seed *rnd,
		    unsigned *fresh, bool *alive)
{
	unsigned i = MANY / 2 + (unsigned)seed_below(rnd, MANY / 2);
	char a[16];
	char b[16];

	(void)snprintf(a, sizeof(a), "%u", i);
	switch (seed_below(rnd, 4)) {
	case 0:
		if (alive[i])
			assert_int_equal(cdx_vol_unlink(e->v, d, a), 0);
		alive[i] = false;
		break;
	case 1:
		if (*fresh < 4 * MANY)
			make(e, d, *fresh, *fresh + 1);
		++*fresh;
		break;
	case 2: /* onto a name that was there all along */
		if (!alive[i])
			break;
		(void)snprintf(b, sizeof(b), "%u",
			       (unsigned)seed_below(rnd, MANY / 2));
		assert_int_equal(cdx_vol_rename(e->v, d, a, d, b, 0), 0);
		alive[i] = false;
		break;
	default: /* two that stay change places */
		(void)snprintf(a, sizeof(a), "%u",
			       (unsigned)seed_below(rnd, MANY / 2));
		(void)snprintf(b, sizeof(b), "%u",
			       (unsigned)seed_below(rnd, MANY / 2));
		assert_int_equal(
			cdx_vol_rename(e->v, d, a, d, b, RENAME_EXCHANGE), 0);
		break;
	}
}

/* No entry twice; none missed that was there all along */
static void test_concurrent_change(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct seed rnd = seed_start("readdir change");
	bool *alive = calloc(MANY, sizeof(*alive));
	struct pass *p = calloc(1, sizeof(*p));
	unsigned fresh = MANY;
	unsigned before;

	assert_true(p != NULL && alive != NULL);
	memset(alive, 1, MANY * sizeof(*alive));
	make(e, d, 0, MANY);
	do {
		before = p->total;
		p->stop_after = 1 + (unsigned)seed_below(&rnd, 100);
		read_on(e, d, p);
		for (unsigned i = 0; i < 20; i++)
			disturb(e, d, &rnd, &fresh, alive);
		if (seed_below(&rnd, 4) == 0)
			volume_env_commit(e);
	} while (p->total > before);
	for (unsigned i = 0; i < MANY / 2; i++)
		assert_int_equal(p->seen[i], 1);
	for (unsigned i = MANY / 2; i < 4 * MANY; i++)
		assert_true(p->seen[i] <= 1);
	free(alive);
	free(p);
}

/* Renaming what was just read must come to an end */
static void test_rename_while_reading(void **state)
{
	struct volume_env *e = *state;
	uint64_t d = volume_env_dir(e, ROOT, "d");
	struct pass *p = calloc(1, sizeof(*p));
	char to[300];
	unsigned before;

	assert_non_null(p);
	make(e, d, 0, 100);
	p->stop_after = 1;
	do {
		before = p->total;
		read_on(e, d, p);
		if (p->total == before || p->last[0] == '.')
			continue;
		(void)snprintf(to, sizeof(to), "x%s", p->last);
		assert_int_equal(cdx_vol_rename(e->v, d, p->last, d, to, 0), 0);
		assert_true(p->total < 200);
	} while (p->total > before);
	assert_int_equal(p->total, 102);
	free(p);
}

static void test_ref(void **state)
{
	struct volume_env *e = *state;
	uint64_t f = volume_env_file(e, ROOT, "f");
	struct cdx_attr a;

	assert_int_equal(cdx_vol_ref(e->v, f, &a), 0);
	assert_int_equal(a.ino, f);
	assert_int_equal(cdx_vol_unlink(e->v, ROOT, "f"), 0);
	assert_int_equal(volume_env_stat(e, f).nlink, 0);
	cdx_vol_forget(e->v, f, 1);
	assert_int_equal(cdx_vol_ref(e->v, f, &a), -ESTALE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_dots),
		T(test_removed),
		T(test_all),
		T(test_concurrent_change),
		T(test_rename_while_reading),
		T(test_ref),
	};

	return cmocka_run_group_tests_name("volume_readdir", tests, NULL, NULL);
}
