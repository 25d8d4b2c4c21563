/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "net/web_internal.h"

#define NS_PER_S UINT64_C(1000000000)
/* how often deadlines of connections are looked at */
#define TICK_NS (NS_PER_S / 4)
#define LATE "the answer was not ready in time\n"

bool cdx_web_suspend(struct cdx_web_req *r, enum cdx_web_wait wait,
		     uint64_t until_ns)
{
	struct cdx_web *w = r->web;
	bool ok;

	r->asleep = true;
	/* before anybody can resume it */
	MHD_suspend_connection(r->mhd);
	pthread_mutex_lock(&w->mu);
	ok = !w->ending;
	if (ok) {
		r->wait = wait;
		r->until_ns = until_ns;
		r->conn->waiting = true;
		cdx_list_add_tail(&w->waiting, &r->node);
		pthread_cond_signal(&w->cv);
	}
	pthread_mutex_unlock(&w->mu);
	if (!ok)
		MHD_resume_connection(r->mhd);
	return ok;
}

/* Takes a request that waits; it is the caller's to resume.  mu is held. */
static void claim(struct cdx_web_req *r)
{
	cdx_list_del(&r->node);
	r->wait = CDX_WEB_RUNS;
	r->conn->waiting = false;
}

/* Goes on with a claimed one. */
static void go_on(struct cdx_web_req *r)
{
	if (r->gone != NULL && !r->answered) {
		cdx_web_gone(r);
		cdx_web_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, LATE);
	}
	MHD_resume_connection(r->mhd);
}

/* A request whose time has come, or any when the server ends; else NULL and
 * when the next one is due.  mu is held. */
static struct cdx_web_req *due(struct cdx_web *w, uint64_t now, uint64_t *next)
{
	cdx_list_foreach(pos, &w->waiting) {
		struct cdx_web_req *r =
			cdx_list_entry(pos, struct cdx_web_req, node);

		if (r->until_ns <= now || w->ending)
			return r;
		if (r->until_ns < *next)
			*next = r->until_ns;
	}
	return NULL;
}

/* Shuts down who has had its time: the worker sees an end and closes.  mu is
 * held, so the descriptor is still that of the connection. */
static void cut_late(struct cdx_web *w, uint64_t now)
{
	cdx_list_foreach(pos, &w->conns) {
		struct cdx_web_conn *c =
			cdx_list_entry(pos, struct cdx_web_conn, node);

		if (c->cut || c->waiting ||
		    atomic_load_explicit(&c->deadline_ns,
					 memory_order_relaxed) > now)
			continue;
		c->cut = true;
		w->timed_out +=
			!atomic_load_explicit(&c->kept, memory_order_relaxed);
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void sleep_until(struct cdx_web *w, uint64_t ns)
{
	struct timespec t = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};

	if (ns == UINT64_MAX)
		pthread_cond_wait(&w->cv, &w->mu);
	else
		(void)!pthread_cond_timedwait(&w->cv, &w->mu, &t);
}

static void *timer_main(void *arg)
{
	struct cdx_web *w = arg;
	uint64_t tick = 0;

	pthread_mutex_lock(&w->mu);
	while (!w->ending || !cdx_list_empty(&w->waiting)) {
		uint64_t now = cdx_clock_mono_ns();
		bool idle = w->n_conns == 0 && w->peers.len == 0;
		uint64_t next = idle ? UINT64_MAX : now + TICK_NS;
		struct cdx_web_req *r = due(w, now, &next);

		if (r != NULL) {
			claim(r);
			pthread_mutex_unlock(&w->mu);
			go_on(r);
			pthread_mutex_lock(&w->mu);
			continue;
		}
		if (now >= tick) {
			cut_late(w, now);
			cdx_web_sweep(w, now);
			tick = now + TICK_NS;
		}
		if (!w->ending)
			sleep_until(w, next);
	}
	pthread_mutex_unlock(&w->mu);
	return NULL;
}

int cdx_web_timer_start(struct cdx_web *w)
{
	int rc = pthread_create(&w->timer, NULL, timer_main, w);

	w->timer_runs = rc == 0;
	return -rc;
}

void cdx_web_timer_stop(struct cdx_web *w)
{
	pthread_mutex_lock(&w->mu);
	w->ending = true;
	pthread_cond_signal(&w->cv);
	pthread_mutex_unlock(&w->mu);
	if (w->timer_runs)
		pthread_join(w->timer, NULL);
	w->timer_runs = false;
}

/* ---- answers that come later ---- */

void cdx_web_gone(struct cdx_web_req *r)
{
	if (r->gone != NULL && !r->told)
		r->gone(r->gone_arg);
	r->told = true;
}

void cdx_web_deliver(struct cdx_web_req *r, struct MHD_Response *answer,
		     unsigned status)
{
	struct cdx_web *w = r->web;
	bool mine;

	pthread_mutex_lock(&w->mu);
	mine = r->wait == CDX_WEB_DEFERRED;
	if (mine) {
		r->answer = answer;
		r->status = status;
		r->answered = true;
		claim(r);
	}
	pthread_mutex_unlock(&w->mu);
	/* else it was told that it is gone, or is being told */
	if (mine)
		MHD_resume_connection(r->mhd);
	else
		MHD_destroy_response(answer);
}

void cdx_web_defer(struct cdx_web_req *r, unsigned ms, void (*gone)(void *arg),
		   void *arg)
{
	uint64_t until = cdx_clock_mono_ns() + ms * (NS_PER_S / 1000);

	r->gone = gone;
	r->gone_arg = arg;
	if (cdx_web_suspend(r, CDX_WEB_DEFERRED, until))
		return;
	cdx_web_gone(r);
	cdx_web_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, LATE);
}
