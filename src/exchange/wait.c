/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* The calls for threads that may wait. */

#define ASK_MS 100u

/* locked by mu */
struct wait {
	pthread_mutex_t mu;
	pthread_cond_t cv;
	bool done;
	ssize_t rc;
	struct cdx_reader *rd;
	char *why;
};

static void wait_init(struct wait *w)
{
	pthread_condattr_t attr;

	memset(w, 0, sizeof(*w));
	(void)pthread_mutex_init(&w->mu, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->cv, &attr);
	(void)pthread_condattr_destroy(&attr);
}

static void wait_fini(struct wait *w)
{
	(void)pthread_mutex_destroy(&w->mu);
	(void)pthread_cond_destroy(&w->cv);
}

static void wait_end(struct wait *w, ssize_t rc)
{
	(void)pthread_mutex_lock(&w->mu);
	w->rc = rc;
	w->done = true;
	(void)pthread_cond_signal(&w->cv);
	(void)pthread_mutex_unlock(&w->mu);
}

/* Until it is told, also when it was cancelled: what it writes to is the
 * caller's. */
static void wait_for(struct wait *w, struct cdx_op *op,
		     bool (*cancel)(void *arg), void *arg)
{
	(void)pthread_mutex_lock(&w->mu);
	while (!w->done) {
		uint64_t until = cdx_clock_mono_ns() + ASK_MS * CDX_X_NS_MS;
		struct timespec ts = {
			.tv_sec = (time_t)(until / CDX_X_NS_S),
			.tv_nsec = (long)(until % CDX_X_NS_S),
		};

		if (cancel == NULL) {
			(void)pthread_cond_wait(&w->cv, &w->mu);
			continue;
		}
		if (pthread_cond_timedwait(&w->cv, &w->mu, &ts) != ETIMEDOUT)
			continue;
		(void)pthread_mutex_unlock(&w->mu);
		if (cancel(arg))
			cdx_op_cancel(op);
		(void)pthread_mutex_lock(&w->mu);
	}
	(void)pthread_mutex_unlock(&w->mu);
	cdx_op_put(op);
}

static void on_open(void *arg, int rc, struct cdx_reader *rd, const char *why)
{
	struct wait *w = arg;
	size_t len = strlen(why);

	w->rd = rd;
	if (len > CDX_X_WHY_MAX - 1)
		len = CDX_X_WHY_MAX - 1;
	memcpy(w->why, why, len);
	w->why[len] = '\0';
	wait_end(w, rc);
}

int cdx_exchange_open_wait(struct cdx_exchange *ex, struct cdx_reader **out,
			   const struct cdx_cid *cid, bool local, unsigned ms,
			   bool (*cancel)(void *arg), void *arg, char why[256])
{
	struct cdx_op *op;
	struct wait w;
	int rc;

	why[0] = '\0';
	wait_init(&w);
	w.why = why;
	rc = cdx_exchange_open(ex, &op, cid, local, ms, on_open, &w);
	if (rc == 0) {
		wait_for(&w, op, cancel, arg);
		rc = (int)w.rc;
	}
	if (rc == 0)
		*out = w.rd;
	wait_fini(&w);
	return rc;
}

static void on_read(void *arg, const uint8_t *buf, ssize_t n)
{
	(void)buf;
	wait_end(arg, n);
}

ssize_t cdx_reader_read_wait(struct cdx_reader *rd, uint8_t *out, uint64_t off,
			     size_t len, unsigned ms, bool (*cancel)(void *arg),
			     void *arg)
{
	struct wait w;
	const struct cdx_xread_args a = {
		.off = off,
		.len = len,
		.ms = ms,
		.fn = on_read,
		.arg = &w,
		.buf = out,
	};
	struct cdx_op *op;
	ssize_t rc;

	wait_init(&w);
	rc = cdx_xread(rd, &op, &a);
	if (rc == 0) {
		wait_for(&w, op, cancel, arg);
		rc = w.rc;
	}
	wait_fini(&w);
	return rc;
}
