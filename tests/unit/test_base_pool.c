/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pool.h"

struct job {
	struct cdx_pool *pool;
	atomic_uint *done;
	unsigned children;
};

static void on_job(void *arg)
{
	struct job *j = arg;

	/* a worker may submit, to both kinds, also while the pool is freed */
	for (unsigned i = 0; i < j->children; i++) {
		struct job *kid = malloc(sizeof(*kid));

		if (!kid)
			abort();
		*kid = (struct job){j->pool, j->done, j->children / 2};
		if (cdx_pool_submit(j->pool,
				    i % 2 ? CDX_POOL_READ : CDX_POOL_IDLE,
				    on_job, kid) != 0)
			abort();
	}
	atomic_fetch_add(j->done, 1);
	free(j);
}

static unsigned run_jobs(unsigned threads)
{
	struct cdx_pool *pool;
	atomic_uint done;

	atomic_init(&done, 0);
	assert_int_equal(cdx_pool_new(&pool, threads), 0);
	assert_int_equal(cdx_pool_threads(pool), threads);
	for (unsigned i = 0; i < 200; i++) {
		struct job *j = malloc(sizeof(*j));

		assert_non_null(j);
		*j = (struct job){pool, &done, 4};
		assert_int_equal(cdx_pool_submit(pool, i % CDX_POOL_PRIOS,
						 on_job, j),
				 0);
	}
	cdx_pool_free(pool);
	return atomic_load(&done);
}

static void test_all_done(void **state)
{
	(void)state;
	/* 1 + 4 (1 + 2 (1 + 1)) jobs for each */
	assert_int_equal(run_jobs(0), 200 * 21);
	assert_int_equal(run_jobs(1), 200 * 21);
	assert_int_equal(run_jobs(5), 200 * 21);
	cdx_pool_free(NULL);
}

struct gate {
	pthread_mutex_t mu;
	char text[16];
	size_t len;
};

static void on_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->mu);
	pthread_mutex_unlock(&g->mu);
}

static void on_a(void *arg)
{
	struct gate *g = arg;

	g->text[g->len++] = 'a';
}

static void on_b(void *arg)
{
	struct gate *g = arg;

	g->text[g->len++] = 'b';
}

static void submit(struct cdx_pool *pool, enum cdx_pool_prio prio,
		   cdx_pool_fn *fn, void *arg)
{
	assert_int_equal(cdx_pool_submit(pool, prio, fn, arg), 0);
}

static void test_priorities(void **state)
{
	struct gate g = {.mu = PTHREAD_MUTEX_INITIALIZER};
	struct cdx_pool *pool;

	(void)state;
	assert_int_equal(cdx_pool_new(&pool, 1), 0);
	pthread_mutex_lock(&g.mu);
	submit(pool, CDX_POOL_READ, on_gate, &g);
	submit(pool, CDX_POOL_PROOF, on_b, &g);
	submit(pool, CDX_POOL_WRITE, on_a, &g);
	submit(pool, CDX_POOL_WRITE, on_b, &g);
	submit(pool, CDX_POOL_READ, on_b, &g);
	submit(pool, CDX_POOL_PROOF, on_a, &g);
	pthread_mutex_unlock(&g.mu);
	cdx_pool_free(pool);
	assert_string_equal(g.text, "babba");
}

/* The busy workers all stand; idle work is done, and the other way round */
static void check_separate(enum cdx_pool_prio standing,
			   enum cdx_pool_prio going)
{
	struct gate g = {.mu = PTHREAD_MUTEX_INITIALIZER};
	struct gate done = {.mu = PTHREAD_MUTEX_INITIALIZER};
	struct cdx_pool *pool;
	atomic_uint n;
	struct job *j = malloc(sizeof(*j));

	assert_non_null(j);
	atomic_init(&n, 0);
	assert_int_equal(cdx_pool_new(&pool, 2), 0);
	*j = (struct job){pool, &n, 0};
	pthread_mutex_lock(&g.mu);
	submit(pool, standing, on_gate, &g);
	submit(pool, standing, on_gate, &g);
	submit(pool, standing, on_a, &done);
	submit(pool, going, on_job, j);
	while (!atomic_load(&n))
		(void)sched_yield();
	assert_int_equal(done.len, 0);
	pthread_mutex_unlock(&g.mu);
	cdx_pool_free(pool);
	assert_int_equal(done.len, 1);
}

static void test_separate(void **state)
{
	(void)state;
	check_separate(CDX_POOL_READ, CDX_POOL_IDLE);
	check_separate(CDX_POOL_IDLE, CDX_POOL_WRITE);
}

struct look {
	int policy;
	int nice;
};

static void on_look(void *arg)
{
	struct look *l = arg;

	l->policy = sched_getscheduler(0);
	l->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void test_idle_is_idle(void **state)
{
	struct look idle = {0};
	struct look busy = {0};
	struct cdx_pool *pool;

	(void)state;
	assert_int_equal(cdx_pool_new(&pool, 1), 0);
	submit(pool, CDX_POOL_IDLE, on_look, &idle);
	submit(pool, CDX_POOL_PROOF, on_look, &busy);
	cdx_pool_free(pool);
	assert_true(idle.policy == SCHED_IDLE || idle.nice == 19);
	assert_int_equal(busy.policy, sched_getscheduler(0));
	assert_int_equal(busy.nice, getpriority(PRIO_PROCESS, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_done),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_separate),
		cmocka_unit_test(test_idle_is_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
