/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/tasks.h"

#include <time.h>

void cdx_tasks_init(struct cdx_tasks *g, struct cdx_pool *pool,
		    enum cdx_pool_prio prio)
{
	pthread_condattr_t attr;

	g->pool = pool;
	g->prio = prio;
	g->pending = 0;
	g->added = 0;
	(void)pthread_mutex_init(&g->mu, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&g->done, &attr);
	(void)pthread_condattr_destroy(&attr);
}

void cdx_tasks_fini(struct cdx_tasks *g)
{
	(void)pthread_cond_destroy(&g->done);
	(void)pthread_mutex_destroy(&g->mu);
}

static void run(void *arg)
{
	struct cdx_task *t = arg;
	struct cdx_tasks *g = t->of;

	t->run(t);
	(void)pthread_mutex_lock(&g->mu);
	if (--g->pending == 0)
		(void)pthread_cond_broadcast(&g->done);
	(void)pthread_mutex_unlock(&g->mu);
}

void cdx_tasks_add(struct cdx_tasks *g, struct cdx_task *t,
		   void (*fn)(struct cdx_task *t))
{
	t->of = g;
	t->run = fn;
	(void)pthread_mutex_lock(&g->mu);
	g->pending++;
	g->added++;
	(void)pthread_mutex_unlock(&g->mu);
	if (!g->pool || cdx_pool_submit(g->pool, g->prio, run, t) < 0)
		run(t);
}

void cdx_tasks_wait(struct cdx_tasks *g)
{
	(void)pthread_mutex_lock(&g->mu);
	while (g->pending > 0)
		(void)pthread_cond_wait(&g->done, &g->mu);
	(void)pthread_mutex_unlock(&g->mu);
}

bool cdx_tasks_wait_ms(struct cdx_tasks *g, unsigned ms)
{
	struct timespec until;
	bool done;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_mutex_lock(&g->mu);
	while (g->pending > 0 && rc == 0)
		rc = pthread_cond_timedwait(&g->done, &g->mu, &until);
	done = g->pending == 0;
	(void)pthread_mutex_unlock(&g->mu);
	return done;
}

void cdx_tasks_counts(struct cdx_tasks *g, unsigned *added, unsigned *done)
{
	(void)pthread_mutex_lock(&g->mu);
	*added = g->added;
	*done = g->added - g->pending;
	(void)pthread_mutex_unlock(&g->mu);
}
