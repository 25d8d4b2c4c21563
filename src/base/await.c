/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "base/await.h"

#include <pthread.h>
#include <stdbool.h>

/* locked by mu; on the waiter's stack, which cdx_await_done does not touch
 * after it has let go of mu */
struct cdx_await {
	pthread_mutex_t mu;
	pthread_cond_t cv;
	bool done;
	int rc;
	cdx_await_fn *fn;
	void *arg;
};

static void begin(void *arg)
{
	struct cdx_await *a = arg;

	a->fn(a->arg, a);
}

int cdx_await(struct cdx_loop *loop, cdx_await_fn *fn, void *arg)
{
	struct cdx_await a = {.mu = PTHREAD_MUTEX_INITIALIZER,
			      .cv = PTHREAD_COND_INITIALIZER,
			      .fn = fn,
			      .arg = arg};
	int rc = cdx_loop_post(loop, begin, &a);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&a.mu);
	while (!a.done)
		pthread_cond_wait(&a.cv, &a.mu);
	pthread_mutex_unlock(&a.mu);
	pthread_cond_destroy(&a.cv);
	pthread_mutex_destroy(&a.mu);
	return a.rc;
}

void cdx_await_done(struct cdx_await *a, int rc)
{
	pthread_mutex_lock(&a->mu);
	a->rc = rc;
	a->done = true;
	pthread_cond_signal(&a->cv);
	pthread_mutex_unlock(&a->mu);
}
