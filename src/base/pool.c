/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct work {
	struct work *next;
	cdx_pool_fn *fn;
	void *arg;
};

struct queue {
	struct work *head;
	struct work **tail;
};

/*
 * Workers and what waits for them.  The idle ones have a lane of their own: a
 * worker that the scheduler leaves standing inside a mutex would stop all who
 * want that mutex.
 */
struct lane {
	struct cdx_pool *pool; /* immutable */
	pthread_mutex_t mu;
	pthread_cond_t more;		     /* work arrived, or the end */
	struct queue queues[CDX_POOL_PRIOS]; /* guarded by mu */
};

enum {
	LANE_BUSY,
	LANE_IDLE,
	LANES
};

struct cdx_pool {
	struct lane lane[LANES];
	atomic_bool closing;
	atomic_size_t left; /* works queued or running, in both lanes */
	unsigned threads;   /* of one lane; immutable after cdx_pool_new */
	pthread_t ids[];    /* busy ones first */
};

static struct work *pop_locked(struct lane *l)
{
	for (unsigned i = 0; i < CDX_POOL_PRIOS; i++) {
		struct queue *q = &l->queues[i];
		struct work *w = q->head;

		if (!w)
			continue;
		q->head = w->next;
		if (!q->head)
			q->tail = &q->head;
		return w;
	}
	return NULL;
}

/* The pool closes and nothing is left that could still submit something */
static bool at_end(const struct cdx_pool *pool)
{
	return atomic_load(&pool->closing) && !atomic_load(&pool->left);
}

/* NULL: that is the end */
static struct work *wait_work(struct lane *l)
{
	struct work *w;

	pthread_mutex_lock(&l->mu);
	for (w = pop_locked(l); !w && !at_end(l->pool); w = pop_locked(l))
		pthread_cond_wait(&l->more, &l->mu);
	pthread_mutex_unlock(&l->mu);
	return w;
}

static void wake_all(struct cdx_pool *pool)
{
	for (unsigned i = 0; i < LANES; i++) {
		pthread_mutex_lock(&pool->lane[i].mu);
		pthread_cond_broadcast(&pool->lane[i].more);
		pthread_mutex_unlock(&pool->lane[i].mu);
	}
}

static void work_off(struct lane *l)
{
	struct work *w;

	while ((w = wait_work(l))) {
		struct work job = *w;

		free(w);
		job.fn(job.arg);
		if (atomic_fetch_sub(&l->pool->left, 1) == 1 &&
		    atomic_load(&l->pool->closing))
			wake_all(l->pool);
	}
}

static void *busy_worker(void *arg)
{
	work_off(arg);
	return NULL;
}

static void *idle_worker(void *arg)
{
	struct sched_param none = {.sched_priority = 0};

	/* Without privileges a thread never comes back from this. */
	if (sched_setscheduler(0, SCHED_IDLE, &none) < 0)
		(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	work_off(arg);
	return NULL;
}

static void stop(struct cdx_pool *pool, unsigned started)
{
	atomic_store(&pool->closing, true);
	wake_all(pool);
	for (unsigned i = 0; i < started; i++)
		pthread_join(pool->ids[i], NULL);
	for (unsigned i = 0; i < LANES; i++) {
		pthread_cond_destroy(&pool->lane[i].more);
		pthread_mutex_destroy(&pool->lane[i].mu);
	}
	free(pool);
}

static bool start_one(struct cdx_pool *pool, unsigned i)
{
	bool idle = i >= pool->threads;
	char name[16]; /* the kernel's limit */

	if (pthread_create(&pool->ids[i], NULL,
			   idle ? idle_worker : busy_worker,
			   &pool->lane[idle ? LANE_IDLE : LANE_BUSY]) != 0)
		return false;
	(void)snprintf(name, sizeof(name), "cdx-%s-%u", idle ? "idle" : "cpu",
		       i % pool->threads % 1000);
	(void)pthread_setname_np(pool->ids[i], name);
	return true;
}

/* Returns how many workers run. */
static unsigned start(struct cdx_pool *pool)
{
	sigset_t all;
	sigset_t old;
	unsigned i = 0;

	/* signals belong to the thread that started us */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (i < LANES * pool->threads && start_one(pool, i))
		i++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return i;
}

static void lane_init(struct lane *l, struct cdx_pool *pool)
{
	l->pool = pool;
	for (unsigned i = 0; i < CDX_POOL_PRIOS; i++)
		l->queues[i].tail = &l->queues[i].head;
	pthread_mutex_init(&l->mu, NULL);
	pthread_cond_init(&l->more, NULL);
}

int cdx_pool_new(struct cdx_pool **out, unsigned threads)
{
	struct cdx_pool *pool;
	unsigned started;

	*out = NULL;
	pool = calloc(1, sizeof(*pool) + LANES * (size_t)threads *
						 sizeof(pool->ids[0]));
	if (!pool)
		return -ENOMEM;
	pool->threads = threads;
	for (unsigned i = 0; i < LANES; i++)
		lane_init(&pool->lane[i], pool);
	started = start(pool);
	if (started < LANES * threads) {
		stop(pool, started);
		return -EAGAIN;
	}
	*out = pool;
	return 0;
}

void cdx_pool_free(struct cdx_pool *pool)
{
	if (pool)
		stop(pool, LANES * pool->threads);
}

int cdx_pool_submit(struct cdx_pool *pool, enum cdx_pool_prio prio,
		    cdx_pool_fn *fn, void *arg)
{
	struct lane *l =
		&pool->lane[prio == CDX_POOL_IDLE ? LANE_IDLE : LANE_BUSY];
	struct queue *q = &l->queues[prio];
	struct work *w;

	if (!pool->threads) {
		fn(arg);
		return 0;
	}
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct work){.fn = fn, .arg = arg};
	atomic_fetch_add(&pool->left, 1);
	pthread_mutex_lock(&l->mu);
	*q->tail = w;
	q->tail = &w->next;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->mu);
	return 0;
}

unsigned cdx_pool_threads(const struct cdx_pool *pool)
{
	return pool->threads;
}

unsigned cdx_pool_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 16 ? 16 : (unsigned)n;
}
