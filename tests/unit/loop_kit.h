/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_LOOP_KIT_H
#define CDX_TESTS_UNIT_LOOP_KIT_H

/*
 * A loop that runs on the test's own thread, so that callbacks may assert:
 * begin something, loop_kit_run until a callback says loop_kit_stop.  A guard
 * ends the test when that never comes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/loop.h"

#define LOOP_KIT_MS UINT64_C(1000000)
#define LOOP_KIT_GUARD_S 30

struct loop_kit {
	struct cdx_loop *loop;
	bool late;
};

static inline void loop_kit_start(struct loop_kit *k)
{
	*k = (struct loop_kit){0};
	assert_int_equal(cdx_loop_new(&k->loop), 0);
}

static inline void loop_kit_end(struct loop_kit *k)
{
	cdx_loop_free(k->loop);
	k->loop = NULL;
}

static inline void loop_kit_stop(struct loop_kit *k)
{
	cdx_loop_stop(k->loop);
}

static inline void loop_kit_guard(void *arg)
{
	struct loop_kit *k = arg;

	k->late = true;
	cdx_loop_stop(k->loop);
}

/* Until loop_kit_stop */
static inline void loop_kit_run(struct loop_kit *k)
{
	struct cdx_loop_timer *guard;

	assert_int_equal(
		cdx_loop_timer_add(k->loop, &guard,
				   LOOP_KIT_GUARD_S * 1000 * LOOP_KIT_MS, 0,
				   loop_kit_guard, k),
		0);
	assert_int_equal(cdx_loop_run(k->loop), 0);
	cdx_loop_timer_del(guard);
	assert_false(k->late);
}

static inline void loop_kit_pause_end(void *arg)
{
	cdx_loop_stop(((struct loop_kit *)arg)->loop);
}

/* For @ms milliseconds: to see that something does not happen */
static inline void loop_kit_run_ms(struct loop_kit *k, unsigned ms)
{
	struct cdx_loop_timer *t;

	assert_int_equal(cdx_loop_timer_add(k->loop, &t, ms * LOOP_KIT_MS, 0,
					    loop_kit_pause_end, k),
			 0);
	assert_int_equal(cdx_loop_run(k->loop), 0);
	cdx_loop_timer_del(t);
}

/* Until @ready says so, looked at every few milliseconds */
static inline void loop_kit_until(struct loop_kit *k, bool (*ready)(void *arg),
				  void *arg)
{
	for (int i = 0; !ready(arg); i++) {
		assert_true(i < LOOP_KIT_GUARD_S * 200);
		loop_kit_run_ms(k, 5);
	}
}

#endif
