/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "cache_kit.h"
#include "kill_kit.h"
#include "seed.h"
#include "store/fsck.h"
#include "store_kit.h"

/* kill -9 of a process that fills and empties a cache, CDX_COUNT times (10
 * without it) */

enum {
	WRITERS = 3,
	SIZE = 6000, /* of a block: two pages */
	SMALL = 60 * 8192,
	LARGE = 1 << 30
};

/* In memory that the parent shares: blocks from @from on, below @to, were made
 * durable and never evicted. */
struct promised {
	unsigned from;
	_Atomic unsigned to;
	unsigned last; /* the next number to put */
};

struct victim {
	struct kit *k;
	struct promised *p;
	unsigned t;
	uint64_t seed;
};

static atomic_int Ticks;

/* An hour for every few calls */
static int64_t fast_clock(void)
{
	return 1700000000 + (int64_t)atomic_fetch_add(&Ticks, 1) * 600;
}

static unsigned name_of(unsigned t, unsigned n)
{
	return n * WRITERS + t;
}

static int put(struct cdx_store *s, unsigned n)
{
	uint8_t block[SIZE];
	struct cdx_digest d = ck_content(n, block, sizeof(block));

	return cdx_cache_put_block(s, &d, block, sizeof(block));
}

static int get(struct cdx_store *s, unsigned n)
{
	uint8_t block[SIZE];
	struct cdx_digest d = ck_content(n, block, sizeof(block));

	return cdx_cache_get_block(s, block, sizeof(block), &d);
}

static int put_page(struct cdx_store *s, unsigned n)
{
	struct ck_tree *t = malloc(sizeof(*t));
	struct cdx_tree_page p;
	int rc;

	if (t == NULL)
		return -ENOMEM;
	ck_tree_make(t, n, 1 + n % 400);
	rc = ck_tree_page(&p, t, 0);
	if (rc == 0)
		rc = cdx_cache_put_page(s, &t->root, &p);
	free(t);
	return rc;
}

static int put_manifest(struct cdx_store *s, unsigned n)
{
	uint8_t bytes[500];
	struct cdx_digest tree = ck_digest(n % 5);
	struct cdx_cid cid = ck_manifest(n, bytes, sizeof(bytes));
	int rc;

	rc = cdx_cache_put_manifest(s, &cid, &tree, bytes, sizeof(bytes));
	if (rc == 0 && n % 3 == 0)
		rc = cdx_cache_drop_manifest(s, &cid);
	return rc == -ENOENT ? 0 : rc;
}

static void *victim(void *arg)
{
	struct victim *v = arg;
	struct seed seed = {.state = v->seed};
	struct cdx_store *s = v->k->s;
	struct promised *p = &v->p[v->t];
	unsigned n = p->last;
	int rc;

	for (;;) {
		rc = put(s, name_of(v->t, n));
		/* others may have all of a small share promised */
		KIT_CHILD(rc == 0 || rc == -ENOSPC);
		n++;
		rc = get(s, name_of(v->t, (unsigned)seed_below(&seed, n)));
		KIT_CHILD(rc == 0 || rc == -ENOENT);
		switch (seed_below(&seed, 40)) {
		case 0:
			rc = cdx_store_commit(s);
			break;
		case 1:
		case 2:
			rc = cdx_store_log_sync(s);
			break;
		case 3:
		case 4:
			rc = put_page(s, n);
			KIT_CHILD(rc == 0 || rc == -ENOSPC);
			continue;
		case 5:
		case 6:
			rc = put_manifest(s, name_of(v->t, n));
			KIT_CHILD(rc == 0 || rc == -ENOSPC);
			continue;
		default:
			continue;
		}
		KIT_CHILD(rc == 0);
		atomic_store(&p->to, n);
	}
	return NULL;
}

static void run_victim(struct kit *k, struct promised *p, uint64_t seed)
{
	struct victim v[WRITERS];
	pthread_t t;

	KIT_CHILD(kit_try_open(k, NULL, 0) == 0);
	KIT_CHILD(kit_try_start(k) == 0);
	cdx_store_cache(k->s)->clock = fast_clock;
	cdx_store_cache(k->s)->area_max = 40u * 8192;
	for (unsigned i = 0; i < WRITERS; i++) {
		v[i] = (struct victim){k, p, i, seed + i};
		KIT_CHILD(pthread_create(&t, NULL, victim, &v[i]) == 0);
	}
	kill_works();
	for (;;)
		(void)pause();
}

static void say(void *arg, const char *what, const char *detail)
{
	(void)arg;
	print_error("fsck: %s: %s\n", what, detail);
}

/* It is sound, and what was durable is there. */
static uint64_t check(struct kit *k, struct promised *p, bool small)
{
	struct cdx_fsck f = {.report = say};
	struct cdx_cache_stats st;
	struct cdx_store_stats all;

	assert_int_equal(cdx_store_fsck(k->s, &f), 0);
	assert_int_equal(f.errors, 0);
	for (unsigned t = 0; t < WRITERS; t++) {
		unsigned to = atomic_load(&p[t].to);

		for (unsigned n = p[t].from; n < to && !small; n++)
			assert_int_equal(get(k->s, name_of(t, n)), 0);
		if (to < p[t].from)
			to = p[t].from;
		/* numbers that were put, but may be gone, are not used again */
		p[t].last = to + 100000;
		p[t].from = p[t].last;
		atomic_store(&p[t].to, p[t].last);
	}
	cdx_store_stats(k->s, &all);
	assert_int_equal(all.bad_blocks, 0);
	cdx_cache_stats(k->s, &st);
	return st.entries;
}

static void kill_one(struct kit *k, struct promised *p, struct seed *seed)
{
	uint64_t child_seed = seed_u64(seed);
	long ms = 10 + (long)seed_below(seed, 120);
	pid_t pid = kill_fork();

	if (pid == 0)
		run_victim(k, p, child_seed);
	kill_wait();
	kill_after(pid, ms * 1000);
}

static void test_kill(void **state)
{
	const char *given = getenv("CDX_COUNT");
	long rounds = given ? strtol(given, NULL, 10) : 10;
	struct seed seed = seed_start("cache kill");
	struct promised *p;
	uint64_t entries = 0;
	struct kit k;

	(void)state;
	p = mmap(NULL, WRITERS * sizeof(*p), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	kit_defaults(&k);
	k.log_bytes = 1u << 20;
	k.commit_ms = 7;
	kit_init(&k);
	for (long i = 0; i < rounds; i++) {
		bool small = seed_below(&seed, 2) == 0;

		kit_open(&k);
		/* sometimes what the last one left goes on */
		if (seed_below(&seed, 3) != 0)
			assert_int_equal(cdx_cache_resize(k.s, 0), 0);
		assert_int_equal(cdx_cache_resize(k.s, small ? SMALL : LARGE),
				 0);
		kit_close(&k);
		kill_one(&k, p, &seed);
		kit_open(&k);
		entries += check(&k, p, small);
		kit_close(&k);
	}
	printf("killed %ld times: %llu entries left\n", rounds,
	       (unsigned long long)entries);
	assert_true(entries > 0);
	kit_free(&k);
	(void)munmap(p, WRITERS * sizeof(*p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
