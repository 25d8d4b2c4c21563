/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "tests/unit/seed.h"

#define MS UINT64_C(1000000)

struct trace {
	struct cdx_loop *loop;
	struct cdx_loop_timer *timer;
	struct cdx_loop_timer *other;
	struct cdx_loop_io *ios[2];
	char text[64];
	size_t len;
	unsigned count;
};

static void note(struct trace *t, char c)
{
	if (t->len + 1 < sizeof(t->text))
		t->text[t->len++] = c;
}

static void on_a(void *arg)
{
	note(arg, 'a');
}

static void on_b(void *arg)
{
	note(arg, 'b');
}

static void on_stop(void *arg)
{
	struct trace *t = arg;

	note(t, '.');
	cdx_loop_stop(t->loop);
}

static void on_third(void *arg)
{
	struct trace *t = arg;

	note(t, 'p');
	if (++t->count < 3)
		return;
	/* itself, from its own callback, and one that is due as well */
	cdx_loop_timer_del(t->timer);
	cdx_loop_timer_del(t->other);
}

static void test_timers(void **state)
{
	struct trace t = {0};
	struct cdx_loop_timer *x;
	struct cdx_loop_timer *y;
	uint64_t start = cdx_clock_mono_ns();

	(void)state;
	assert_int_equal(cdx_loop_new(&t.loop), 0);
	assert_int_equal(cdx_loop_timer_add(t.loop, &x, 20 * MS, 0, on_b, &t),
			 0);
	assert_int_equal(cdx_loop_timer_add(t.loop, &y, 10 * MS, 0, on_a, &t),
			 0);
	assert_int_equal(cdx_loop_timer_add(t.loop, &t.timer, 30 * MS, 0,
					    on_stop, &t),
			 0);
	assert_int_equal(cdx_loop_timer_add(t.loop, &t.other, UINT64_MAX, 0,
					    on_a, &t),
			 0);
	assert_int_equal(cdx_loop_run(t.loop), 0);
	assert_string_equal(t.text, "ab.");
	assert_true(cdx_clock_mono_ns() - start >= 30 * MS);
	/* one that has fired may be deleted; the rest goes with the loop */
	cdx_loop_timer_del(x);
	cdx_loop_timer_del(NULL);
	cdx_loop_free(t.loop);
}

static void test_timer_deletes_itself(void **state)
{
	struct trace t = {0};
	struct cdx_loop_timer *end;

	(void)state;
	assert_int_equal(cdx_loop_new(&t.loop), 0);
	assert_int_equal(
		cdx_loop_timer_add(t.loop, &t.timer, MS, MS, on_third, &t), 0);
	assert_int_equal(cdx_loop_timer_add(t.loop, &t.other, 3600000 * MS, 0,
					    on_a, &t),
			 0);
	assert_int_equal(
		cdx_loop_timer_add(t.loop, &end, 25 * MS, 0, on_stop, &t), 0);
	assert_int_equal(cdx_loop_run(t.loop), 0);
	assert_string_equal(t.text, "ppp.");
	cdx_loop_free(t.loop);
}

/* The loop's own due time lies between the two. */
struct due {
	struct cdx_loop_timer *timer;
	uint64_t at_least;
	uint64_t at_most;
	struct order *order;
};

struct order {
	struct cdx_loop *loop;
	uint64_t last; /* a lower bound of the latest due time fired */
	size_t fired;
	size_t want;
	bool wrong;
};

static void on_due(void *arg)
{
	struct due *d = arg;

	d->order->wrong |= d->at_most < d->order->last;
	if (d->order->last < d->at_least)
		d->order->last = d->at_least;
	if (++d->order->fired == d->order->want)
		cdx_loop_stop(d->order->loop);
}

/* Many timers, some deleted from the middle of the heap: the rest fires in
 * order. */
static void test_heap(void **state)
{
	static struct due dues[300];
	struct seed seed = seed_start("heap");
	struct order o = {0};

	(void)state;
	assert_int_equal(cdx_loop_new(&o.loop), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(dues); i++) {
		uint64_t after = seed_below(&seed, 200 * MS);

		dues[i].order = &o;
		dues[i].at_least = cdx_clock_mono_ns() + after;
		assert_int_equal(cdx_loop_timer_add(o.loop, &dues[i].timer,
						    after, 0, on_due, &dues[i]),
				 0);
		dues[i].at_most = cdx_clock_mono_ns() + after;
	}
	o.want = CDX_ARRAY_LEN(dues);
	for (size_t i = 0; i < CDX_ARRAY_LEN(dues); i++) {
		if (seed_below(&seed, 3) || o.want == 1)
			continue;
		cdx_loop_timer_del(dues[i].timer);
		o.want--;
	}
	assert_int_equal(cdx_loop_run(o.loop), 0);
	assert_int_equal(o.fired, o.want);
	assert_false(o.wrong);
	cdx_loop_free(o.loop);
}

static void on_pipe(void *arg, int fd, uint32_t events)
{
	struct trace *t = arg;
	char c;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &c, 1), 1);
	note(t, c);
	if (c == 'q')
		cdx_loop_stop(t->loop);
}

static void on_del_both(void *arg, int fd, uint32_t events)
{
	struct trace *t = arg;

	(void)fd;
	(void)events;
	note(t, 'd');
	/* the other one's event is in the same batch and must not come */
	cdx_loop_io_del(t->ios[0]);
	cdx_loop_io_del(t->ios[1]);
	assert_int_equal(cdx_loop_post(t->loop, on_stop, t), 0);
}

static void test_io(void **state)
{
	struct trace t = {0};
	struct cdx_loop_io *bad;
	int a[2];
	int b[2];

	(void)state;
	assert_int_equal(cdx_loop_new(&t.loop), 0);
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_int_equal(write(a[1], "xyq", 3), 3);
	assert_int_equal(cdx_loop_io_add(t.loop, &t.ios[0], a[0], EPOLLIN,
					 on_pipe, &t),
			 0);
	assert_int_equal(cdx_loop_run(t.loop), 0);
	assert_string_equal(t.text, "xyq");
	assert_int_equal(cdx_loop_io_add(t.loop, &bad, -1, EPOLLIN, on_pipe,
					 &t),
			 -EBADF);
	assert_null(bad);

	/* muted: readable, but nobody is told */
	assert_int_equal(write(a[1], "m", 1), 1);
	assert_int_equal(cdx_loop_io_mod(t.ios[0], 0), 0);
	assert_int_equal(cdx_loop_post(t.loop, on_stop, &t), 0);
	assert_int_equal(cdx_loop_run(t.loop), 0);
	assert_string_equal(t.text, "xyq.");
	cdx_loop_io_del(t.ios[0]);

	assert_int_equal(write(b[1], "m", 1), 1);
	assert_int_equal(cdx_loop_io_add(t.loop, &t.ios[0], a[0], EPOLLIN,
					 on_del_both, &t),
			 0);
	assert_int_equal(cdx_loop_io_add(t.loop, &t.ios[1], b[0], EPOLLIN,
					 on_del_both, &t),
			 0);
	assert_int_equal(cdx_loop_run(t.loop), 0);
	assert_string_equal(t.text, "xyq.d.");
	cdx_loop_free(t.loop);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

struct poster {
	struct cdx_loop *loop;
	unsigned got; /* loop-confined */
	unsigned want;
};

static void on_count(void *arg)
{
	struct poster *p = arg;

	if (++p->got == p->want)
		cdx_loop_stop(p->loop);
}

static void *post_many(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < 5000; i++) {
		if (cdx_loop_post(p->loop, on_count, p) != 0)
			abort();
	}
	return NULL;
}

static void test_post(void **state)
{
	struct poster p = {.want = 20000};
	pthread_t ids[4];

	(void)state;
	assert_int_equal(cdx_loop_new(&p.loop), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, post_many, &p),
				 0);
	assert_int_equal(cdx_loop_run(p.loop), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(ids[i], NULL);
	assert_int_equal(p.got, 20000);
	/* what is left is run by free */
	assert_int_equal(cdx_loop_post(p.loop, on_count, &p), 0);
	cdx_loop_free(p.loop);
	assert_int_equal(p.got, 20001);
}

static void test_stop_before_run(void **state)
{
	struct trace t = {0};

	(void)state;
	assert_int_equal(cdx_loop_new(&t.loop), 0);
	cdx_loop_stop(t.loop);
	assert_int_equal(cdx_loop_run(t.loop), 0);
	cdx_loop_free(t.loop);
	cdx_loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_timer_deletes_itself),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_stop_before_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
