/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/list.h"

#define EVENTS_PER_WAIT 64
#define NS_PER_MS 1000000u
#define NOT_QUEUED SIZE_MAX
#define TIMERS_MIN 16u

struct post {
	struct post *next;
	cdx_loop_fn *fn;
	void *arg;
};

/* loop-confined */
struct cdx_loop_timer {
	struct cdx_list node; /* in loop->timers */
	struct cdx_loop *loop;
	size_t at; /* place in the heap, or NOT_QUEUED */
	uint64_t due_ns;
	uint64_t every_ns;
	cdx_loop_fn *fn;
	void *arg;
};

/* loop-confined */
struct cdx_loop_io {
	struct cdx_list node; /* in loop->ios, or loop->dead */
	struct cdx_loop *loop;
	int fd;
	bool dead; /* deleted; events already fetched are dropped */
	cdx_loop_io_fn *fn;
	void *arg;
};

struct cdx_loop {
	int epoll_fd;
	int wake_fd;
	atomic_bool stop;
	pthread_mutex_t mu;
	struct post *posts;	  /* guarded by mu */
	struct post **posts_tail; /* guarded by mu */
	/* loop-confined from here on */
	struct cdx_list timers;
	struct cdx_list ios;
	struct cdx_list dead; /* watches freed once the batch is through */
	struct cdx_loop_timer **heap; /* smallest due_ns first */
	size_t heap_len;
	size_t heap_cap; /* at least the number of timers */
	size_t timer_count;
	struct cdx_loop_timer *firing; /* NULL once it is deleted */
};

static void wake(const struct cdx_loop *loop)
{
	uint64_t one = 1;

	/* full counter: the loop is awake anyway */
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static int open_fds(struct cdx_loop *loop)
{
	struct epoll_event ev = {.events = EPOLLIN};

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return -errno;
	/* a NULL watch means the eventfd */
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &ev) != 0)
		return -errno;
	return 0;
}

int cdx_loop_new(struct cdx_loop **out)
{
	struct cdx_loop *loop = calloc(1, sizeof(*loop));
	int err;

	*out = NULL;
	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = -1;
	loop->wake_fd = -1;
	atomic_init(&loop->stop, false);
	pthread_mutex_init(&loop->mu, NULL);
	loop->posts_tail = &loop->posts;
	cdx_list_init(&loop->timers);
	cdx_list_init(&loop->ios);
	cdx_list_init(&loop->dead);
	err = open_fds(loop);
	if (err) {
		cdx_loop_free(loop);
		return err;
	}
	*out = loop;
	return 0;
}

/* Runs what was posted up to now.  Returns whether there was anything. */
static bool run_posts(struct cdx_loop *loop)
{
	struct post *list;
	bool any;

	pthread_mutex_lock(&loop->mu);
	list = loop->posts;
	loop->posts = NULL;
	loop->posts_tail = &loop->posts;
	pthread_mutex_unlock(&loop->mu);
	any = list != NULL;
	while (list) {
		struct post job = *list;

		free(list);
		list = job.next;
		job.fn(job.arg);
	}
	return any;
}

static void bury(struct cdx_list *ios)
{
	cdx_list_foreach_safe(pos, tmp, ios) {
		cdx_list_del(pos);
		free(cdx_list_entry(pos, struct cdx_loop_io, node));
	}
}

void cdx_loop_free(struct cdx_loop *loop)
{
	if (!loop)
		return;
	while (run_posts(loop))
		continue;
	cdx_list_foreach_safe(pos, tmp, &loop->timers) {
		cdx_list_del(pos);
		free(cdx_list_entry(pos, struct cdx_loop_timer, node));
	}
	bury(&loop->ios);
	bury(&loop->dead);
	free(loop->heap);
	cdx_close(&loop->wake_fd);
	cdx_close(&loop->epoll_fd);
	pthread_mutex_destroy(&loop->mu);
	free(loop);
}

void cdx_loop_stop(struct cdx_loop *loop)
{
	atomic_store(&loop->stop, true);
	wake(loop);
}

int cdx_loop_post(struct cdx_loop *loop, cdx_loop_fn *fn, void *arg)
{
	struct post *p = malloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct post){.fn = fn, .arg = arg};
	pthread_mutex_lock(&loop->mu);
	*loop->posts_tail = p;
	loop->posts_tail = &p->next;
	/* under the lock, so that the loop cannot run it and be freed before
	 * the eventfd is written */
	wake(loop);
	pthread_mutex_unlock(&loop->mu);
	return 0;
}

static void heap_set(struct cdx_loop *loop, size_t at, struct cdx_loop_timer *t)
{
	loop->heap[at] = t;
	t->at = at;
}

static void heap_up(struct cdx_loop *loop, struct cdx_loop_timer *t, size_t at)
{
	while (at) {
		struct cdx_loop_timer *parent = loop->heap[(at - 1) / 2];

		if (parent->due_ns <= t->due_ns)
			break;
		heap_set(loop, at, parent);
		at = (at - 1) / 2;
	}
	heap_set(loop, at, t);
}

static void heap_down(struct cdx_loop *loop, struct cdx_loop_timer *t,
		      size_t at)
{
	for (size_t kid = 2 * at + 1; kid < loop->heap_len; kid = 2 * at + 1) {
		if (kid + 1 < loop->heap_len &&
		    loop->heap[kid + 1]->due_ns < loop->heap[kid]->due_ns)
			kid++;
		if (t->due_ns <= loop->heap[kid]->due_ns)
			break;
		heap_set(loop, at, loop->heap[kid]);
		at = kid;
	}
	heap_set(loop, at, t);
}

static void heap_remove(struct cdx_loop *loop, struct cdx_loop_timer *t)
{
	size_t at = t->at;
	struct cdx_loop_timer *last;

	t->at = NOT_QUEUED;
	last = loop->heap[--loop->heap_len];
	if (last == t)
		return;
	heap_down(loop, last, at);
	heap_up(loop, last, last->at);
}

static int heap_reserve(struct cdx_loop *loop)
{
	size_t cap = loop->heap_cap ? loop->heap_cap : TIMERS_MIN / 2;
	struct cdx_loop_timer **heap;

	if (loop->timer_count < loop->heap_cap)
		return 0;
	if (__builtin_mul_overflow(cap, (size_t)2, &cap))
		return -ENOMEM;
	heap = reallocarray(loop->heap, cap, sizeof(struct cdx_loop_timer *));
	if (!heap)
		return -ENOMEM;
	loop->heap = heap;
	loop->heap_cap = cap;
	return 0;
}

static uint64_t add_sat(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

int cdx_loop_timer_add(struct cdx_loop *loop, struct cdx_loop_timer **out,
		       uint64_t after_ns, uint64_t every_ns, cdx_loop_fn *fn,
		       void *arg)
{
	struct cdx_loop_timer *t;

	*out = NULL;
	if (heap_reserve(loop) != 0)
		return -ENOMEM;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->loop = loop;
	t->due_ns = add_sat(cdx_clock_mono_ns(), after_ns);
	t->every_ns = every_ns;
	t->fn = fn;
	t->arg = arg;
	cdx_list_add_tail(&loop->timers, &t->node);
	loop->timer_count++;
	heap_up(loop, t, loop->heap_len++);
	*out = t;
	return 0;
}

void cdx_loop_timer_del(struct cdx_loop_timer *timer)
{
	if (!timer)
		return;
	if (timer->at != NOT_QUEUED)
		heap_remove(timer->loop, timer);
	if (timer->loop->firing == timer)
		timer->loop->firing = NULL;
	timer->loop->timer_count--;
	cdx_list_del(&timer->node);
	free(timer);
}

static void run_timers(struct cdx_loop *loop)
{
	/* read once: a timer of period zero does not starve descriptors */
	uint64_t now = cdx_clock_mono_ns();

	while (loop->heap_len && loop->heap[0]->due_ns <= now) {
		struct cdx_loop_timer *t = loop->heap[0];

		heap_remove(loop, t);
		loop->firing = t;
		t->fn(t->arg);
		if (!loop->firing)
			continue;
		loop->firing = NULL;
		if (!t->every_ns)
			continue;
		/* from now on, so that a late loop does not fire a burst */
		t->due_ns = add_sat(cdx_clock_mono_ns(), t->every_ns);
		heap_up(loop, t, loop->heap_len++);
	}
}

/* Milliseconds until the next timer, rounded up; -1 without timers */
static int wait_ms(const struct cdx_loop *loop)
{
	uint64_t now = cdx_clock_mono_ns();
	uint64_t left;

	if (!loop->heap_len)
		return -1;
	if (loop->heap[0]->due_ns <= now)
		return 0;
	left = (loop->heap[0]->due_ns - now - 1) / NS_PER_MS + 1;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static void run_events(struct cdx_loop *loop, struct epoll_event *evs, int n)
{
	for (int i = 0; i < n; i++) {
		struct cdx_loop_io *io = evs[i].data.ptr;
		uint64_t count;

		if (io) {
			if (!io->dead)
				io->fn(io->arg, io->fd, evs[i].events);
			continue;
		}
		/* only to clear it; the queue is looked at in any case */
		if (read(loop->wake_fd, &count, sizeof(count)) < 0)
			continue;
	}
	bury(&loop->dead);
}

int cdx_loop_run(struct cdx_loop *loop)
{
	struct epoll_event evs[EVENTS_PER_WAIT];

	while (!atomic_load(&loop->stop)) {
		int n = epoll_wait(loop->epoll_fd, evs, EVENTS_PER_WAIT,
				   wait_ms(loop));

		if (n < 0 && errno != EINTR)
			return -errno;
		run_events(loop, evs, n);
		(void)run_posts(loop);
		run_timers(loop);
	}
	atomic_store(&loop->stop, false);
	return 0;
}

int cdx_loop_io_add(struct cdx_loop *loop, struct cdx_loop_io **out, int fd,
		    uint32_t events, cdx_loop_io_fn *fn, void *arg)
{
	struct cdx_loop_io *io = calloc(1, sizeof(*io));
	struct epoll_event ev = {.events = events, .data.ptr = io};

	*out = NULL;
	if (!io)
		return -ENOMEM;
	io->loop = loop;
	io->fd = fd;
	io->fn = fn;
	io->arg = arg;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
		int err = -errno;

		free(io);
		return err;
	}
	cdx_list_add_tail(&loop->ios, &io->node);
	*out = io;
	return 0;
}

int cdx_loop_io_mod(struct cdx_loop_io *io, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = io};

	if (epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev) != 0)
		return -errno;
	return 0;
}

void cdx_loop_io_del(struct cdx_loop_io *io)
{
	if (!io)
		return;
	/* fails harmlessly when the descriptor was closed before */
	(void)epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->dead = true;
	cdx_list_del(&io->node);
	cdx_list_add_tail(&io->loop->dead, &io->node);
}
