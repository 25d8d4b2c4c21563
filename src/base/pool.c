/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct work {
	struct work *next;
	cdx_pool_fn *fn;
	void *arg;
};

struct queue {
	struct work *head;
	struct work **tail;
};

/* locked by mu */
struct cdx_pool {
	pthread_mutex_t mu;
	pthread_cond_t more; /* work arrived, or closing */
	struct queue queues[CDX_POOL_PRIOS];
	bool closing;
	unsigned threads; /* immutable after cdx_pool_new */
	pthread_t ids[];
};

static struct work *pop_locked(struct cdx_pool *pool)
{
	for (unsigned i = 0; i < CDX_POOL_PRIOS; i++) {
		struct queue *q = &pool->queues[i];
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

/* NULL: the pool closes and nothing is left.  Work that a running worker still
 * submits is done by that worker itself. */
static struct work *wait_work(struct cdx_pool *pool)
{
	struct work *w;

	pthread_mutex_lock(&pool->mu);
	for (w = pop_locked(pool); !w && !pool->closing; w = pop_locked(pool))
		pthread_cond_wait(&pool->more, &pool->mu);
	pthread_mutex_unlock(&pool->mu);
	return w;
}

static void *worker(void *arg)
{
	struct cdx_pool *pool = arg;
	struct work *w;

	while ((w = wait_work(pool))) {
		struct work job = *w;

		free(w);
		job.fn(job.arg);
	}
	return NULL;
}

static void stop(struct cdx_pool *pool, unsigned started)
{
	pthread_mutex_lock(&pool->mu);
	pool->closing = true;
	pthread_cond_broadcast(&pool->more);
	pthread_mutex_unlock(&pool->mu);
	for (unsigned i = 0; i < started; i++)
		pthread_join(pool->ids[i], NULL);
	pthread_cond_destroy(&pool->more);
	pthread_mutex_destroy(&pool->mu);
	free(pool);
}

/* Returns how many workers run. */
static unsigned start(struct cdx_pool *pool)
{
	sigset_t all;
	sigset_t old;
	unsigned i;

	/* signals belong to the thread that started us */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < pool->threads; i++) {
		char name[16]; /* the kernel's limit */

		if (pthread_create(&pool->ids[i], NULL, worker, pool) != 0)
			break;
		(void)snprintf(name, sizeof(name), "cdx-cpu-%u", i % 1000);
		(void)pthread_setname_np(pool->ids[i], name);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return i;
}

int cdx_pool_new(struct cdx_pool **out, unsigned threads)
{
	struct cdx_pool *pool;
	unsigned started;

	*out = NULL;
	pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->ids[0]));
	if (!pool)
		return -ENOMEM;
	pool->threads = threads;
	for (unsigned i = 0; i < CDX_POOL_PRIOS; i++)
		pool->queues[i].tail = &pool->queues[i].head;
	pthread_mutex_init(&pool->mu, NULL);
	pthread_cond_init(&pool->more, NULL);
	started = start(pool);
	if (started < threads) {
		stop(pool, started);
		return -EAGAIN;
	}
	*out = pool;
	return 0;
}

void cdx_pool_free(struct cdx_pool *pool)
{
	if (pool)
		stop(pool, pool->threads);
}

int cdx_pool_submit(struct cdx_pool *pool, enum cdx_pool_prio prio,
		    cdx_pool_fn *fn, void *arg)
{
	struct queue *q = &pool->queues[prio];
	struct work *w;

	if (!pool->threads) {
		fn(arg);
		return 0;
	}
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct work){.fn = fn, .arg = arg};
	pthread_mutex_lock(&pool->mu);
	*q->tail = w;
	q->tail = &w->next;
	pthread_cond_signal(&pool->more);
	pthread_mutex_unlock(&pool->mu);
	return 0;
}

unsigned cdx_pool_threads(const struct cdx_pool *pool)
{
	return pool->threads;
}
