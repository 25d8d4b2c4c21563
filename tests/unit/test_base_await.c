/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Waiting on one thread for what the loop of another does. */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/await.h"

struct env {
	struct cdx_loop *loop;
	pthread_t thread;
	struct cdx_await *later;
	int runs;
};

static void *run(void *arg)
{
	struct env *e = arg;

	return (void *)(intptr_t)cdx_loop_run(e->loop);
}

static int setup(void **state)
{
	static struct env e;

	e = (struct env){0};
	assert_int_equal(cdx_loop_new(&e.loop), 0);
	assert_int_equal(pthread_create(&e.thread, NULL, run, &e), 0);
	*state = &e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;
	void *rc;

	cdx_loop_stop(e->loop);
	assert_int_equal(pthread_join(e->thread, &rc), 0);
	assert_null(rc);
	cdx_loop_free(e->loop);
	return 0;
}

static void at_once(void *arg, struct cdx_await *a)
{
	struct env *e = arg;

	e->runs++;
	cdx_await_done(a, -42);
}

static void ring(void *arg)
{
	struct env *e = arg;

	cdx_await_done(e->later, 7);
}

static void in_a_while(void *arg, struct cdx_await *a)
{
	static struct cdx_loop_timer *timer;
	struct env *e = arg;

	e->later = a;
	assert_int_equal(
		cdx_loop_timer_add(e->loop, &timer, 20000000, 0, ring, e), 0);
}

static void test_await(void **state)
{
	struct env *e = *state;

	assert_int_equal(cdx_await(e->loop, at_once, e), -42);
	assert_int_equal(e->runs, 1);
	assert_int_equal(cdx_await(e->loop, in_a_while, e), 7);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(cdx_await(e->loop, at_once, e), -42);
	assert_int_equal(e->runs, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_await, setup, teardown),
	};

	return cmocka_run_group_tests_name("base/await", tests, NULL, NULL);
}
