/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kill_kit.h"
#include "seed.h"
#include "store_kit.h"

/* kill -9 at any moment under load, CDX_COUNT times (20 without it) */

enum {
	WRITERS = 3
};

/* In memory that the parent shares */
struct promised {
	_Atomic unsigned n[WRITERS]; /* batches of each that must survive */
};

struct victim {
	struct kit *k;
	struct promised *p;
	unsigned t;
	uint64_t seed;
};

static size_t victim_key(char out[16], unsigned t, unsigned n)
{
	return (size_t)snprintf(out, 16, "%u%08u", t, n);
}

static void *victim(void *arg)
{
	struct victim *v = arg;
	struct seed seed = {.state = v->seed};
	struct cdx_batch *b;
	uint8_t val[3000] = {0};
	char key[16];
	size_t len;
	unsigned n = atomic_load(&v->p->n[v->t]);

	for (;; n++) {
		len = victim_key(key, v->t, n);
		KIT_CHILD(cdx_batch_new(&b, v->k->s) == 0);
		cdx_batch_put(b, CDX_DB_INODE, key, len, val,
			      seed_below(&seed, sizeof(val)));
		cdx_batch_put(b, CDX_DB_DENTRY, key, len, "d", 1);
		cdx_batch_add(b, CDX_CNT_INODES, 1);
		if (n > 0) {
			len = victim_key(key, v->t, n - 1);
			cdx_batch_del(b, CDX_DB_ORPHAN, key, len);
		}
		len = victim_key(key, v->t, n);
		cdx_batch_put(b, CDX_DB_ORPHAN, key, len, "o", 1);
		KIT_CHILD(cdx_batch_apply(b) == 0);
		switch (seed_below(&seed, 12)) {
		case 0:
			KIT_CHILD(cdx_store_commit(v->k->s) == 0);
			break;
		case 1:
		case 2:
		case 3:
			KIT_CHILD(cdx_store_log_sync(v->k->s) == 0);
			break;
		default:
			continue;
		}
		atomic_store(&v->p->n[v->t], n + 1);
	}
	return NULL;
}

static void run_victim(struct kit *k, struct promised *p, uint64_t seed)
{
	struct victim v[WRITERS];
	pthread_t t;

	KIT_CHILD(kit_try_open(k, NULL, 0) == 0);
	KIT_CHILD(kit_try_start(k) == 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		v[i] = (struct victim){k, p, i, seed + i};
		KIT_CHILD(pthread_create(&t, NULL, victim, &v[i]) == 0);
	}
	for (;;)
		(void)pause();
}

static unsigned survivors(struct kit *k, enum cdx_db db, unsigned t)
{
	struct cdx_kv_pair pair;
	struct cdx_kv_iter *it;
	char prefix = (char)('0' + t);
	unsigned n = 0;
	char key[16];

	assert_int_equal(cdx_kv_iter_open(k->s, &it, db, &prefix, 1, NULL, 0),
			 0);
	while (cdx_kv_iter_next(it, &pair) > 0) {
		size_t len = victim_key(key, t, n++);

		assert_int_equal(pair.key_len, len);
		assert_memory_equal(pair.key, key, len);
	}
	cdx_kv_iter_close(it);
	return n;
}

/* Everything promised is there, nothing is half there, no hole before it. */
static void check_victim(struct kit *k, struct promised *p)
{
	struct cdx_kv_pair pair;
	struct cdx_kv_iter *it;
	unsigned total = 0;
	unsigned last = 0;
	char key[16];

	for (unsigned t = 0; t < WRITERS; t++) {
		unsigned n = survivors(k, CDX_DB_INODE, t);

		assert_true(n >= atomic_load(&p->n[t]));
		assert_int_equal(survivors(k, CDX_DB_DENTRY, t), n);
		if (n > 0) {
			(void)victim_key(key, t, n - 1);
			assert_true(kit_has(k, CDX_DB_ORPHAN, key, "o"));
			last++;
		}
		total += n;
		atomic_store(&p->n[t], n);
	}
	assert_int_equal(cdx_kv_counter(k->s, CDX_CNT_INODES), total);
	assert_int_equal(cdx_kv_iter_open(k->s, &it, CDX_DB_ORPHAN, NULL, 0,
					  NULL, 0),
			 0);
	while (cdx_kv_iter_next(it, &pair) > 0)
		last--;
	cdx_kv_iter_close(it);
	assert_int_equal(last, 0);
}

static void test_kill(void **state)
{
	const char *given = getenv("CDX_COUNT");
	long rounds = given ? strtol(given, NULL, 10) : 20;
	struct seed seed = seed_start("kill");
	struct promised *p;
	struct kit k;
	struct cdx_store_stats st;
	uint64_t logs = 0;
	pid_t pid;

	(void)state;
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	kit_defaults(&k);
	k.log_bytes = 256u << 10;
	k.commit_ms = 11;
	kit_init(&k);
	for (long i = 0; i < rounds; i++) {
		uint64_t child_seed = seed_u64(&seed);
		long ms = 5 + (long)seed_below(&seed, 80);

		pid = kill_fork();
		if (pid == 0) {
			k.readonly = false;
			run_victim(&k, p, child_seed);
		}
		kill_after(pid, ms * 1000);
		kit_open(&k);
		cdx_store_stats(k.s, &st);
		logs += st.log_replayed;
		check_victim(&k, p);
		kit_close(&k);
		/* half of the time the next one replays the log again */
		k.readonly = seed_below(&seed, 2) == 0;
	}
	printf("kill: %ld rounds, %u + %u + %u batches, %llu records\n", rounds,
	       atomic_load(&p->n[0]), atomic_load(&p->n[1]),
	       atomic_load(&p->n[2]), (unsigned long long)logs);
	kit_free(&k);
	(void)munmap(p, sizeof(*p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
