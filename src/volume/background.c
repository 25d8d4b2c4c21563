/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "volume/names.h"

#define NS 1000000000u
#define WAKE_NS ((uint64_t)5 * NS)
#define SEAL_AGE_S 3600u
#define PACK_AGE_S 30u
#define SPARSE_PERCENT 50u

struct cdx_background {
	struct cdx_volume *v;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t cv; /* on CLOCK_MONOTONIC */
	bool kicked;	   /* guarded by mu */
	atomic_bool stop;
	atomic_bool running;
	int last; /* thread only: what was logged last */
};

void cdx_background_kick(struct cdx_volume *v)
{
	struct cdx_background *bg = v->bg;

	if (!bg)
		return;
	pthread_mutex_lock(&bg->mu);
	bg->kicked = true;
	pthread_cond_signal(&bg->cv);
	pthread_mutex_unlock(&bg->mu);
}

bool cdx_background_stopping(const struct cdx_volume *v)
{
	return v->bg && atomic_load(&v->bg->stop);
}

bool cdx_background_running(const struct cdx_volume *v)
{
	return v->bg && atomic_load(&v->bg->running);
}

static uint64_t pack_age_ns(const struct cdx_volume *v)
{
	return (uint64_t)(v->opts.pack_age_s ? v->opts.pack_age_s
					     : PACK_AGE_S) *
	       NS;
}

/* Waits for a kick or a while; false when it is time to go */
static bool sleep_some(struct cdx_background *bg)
{
	uint64_t wake = pack_age_ns(bg->v) / 2;
	uint64_t until;
	struct timespec ts;
	int r = 0;

	if (wake > WAKE_NS)
		wake = WAKE_NS;
	until = cdx_clock_mono_ns() + wake;
	ts.tv_sec = (time_t)(until / NS);
	ts.tv_nsec = (long)(until % NS);
	pthread_mutex_lock(&bg->mu);
	while (!bg->kicked && r == 0 && !atomic_load(&bg->stop))
		r = pthread_cond_timedwait(&bg->cv, &bg->mu, &ts);
	bg->kicked = false;
	pthread_mutex_unlock(&bg->mu);
	return !atomic_load(&bg->stop);
}

static int compact_one(struct cdx_volume *v)
{
	struct cdx_compact_report report;
	uint64_t area = cdx_compact_next(v, SPARSE_PERCENT, true);
	int r;

	if (!area)
		return 0;
	r = cdx_compact_segment(v, area, true, &report);
	if (r == 0 && report.dropped)
		cdx_background_kick(v);
	return r == -ENOENT ? 0 : r;
}

static int round_of_work(struct cdx_volume *v)
{
	unsigned age = v->opts.seal_age_s ? v->opts.seal_age_s : SEAL_AGE_S;
	uint64_t now = cdx_clock_mono_ns();
	uint64_t cold = now > pack_age_ns(v) ? now - pack_age_ns(v) : 0;
	int r;

	cdx_orphan_run(v);
	pthread_mutex_lock(&v->segs->job_mu);
	cdx_evict_due(v);
	r = cdx_seal_due(v, age, NULL, NULL);
	if (r == 0 || r == CDX_E_AGAIN)
		r = cdx_pack_files(v, cold, false, NULL, NULL);
	if (r == 0)
		r = cdx_drop_due(v);
	if (r == 0)
		r = compact_one(v);
	pthread_mutex_unlock(&v->segs->job_mu);
	return r;
}

/* A full store or one that stopped says so elsewhere; the rest is told once */
static void tell(struct cdx_background *bg, int r)
{
	if (r == bg->last)
		return;
	bg->last = r;
	if (r < 0 && r != CDX_E_AGAIN && r != -ENOSPC && r != CDX_E_QUOTA)
		cdx_log(bg->v->log, WARN, "segment",
			"packing and sealing must wait: %s", cdx_strerror(r));
}

static void *run(void *arg)
{
	struct cdx_background *bg = arg;

	while (sleep_some(bg))
		tell(bg, round_of_work(bg->v));
	return NULL;
}

int cdx_cond_mono(pthread_cond_t *cv)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (r == 0)
		r = pthread_cond_init(cv, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

int cdx_background_new(struct cdx_volume *v)
{
	struct cdx_background *bg = calloc(1, sizeof(*bg));
	int r;

	if (!bg)
		return -ENOMEM;
	bg->v = v;
	r = cdx_cond_mono(&bg->cv);
	if (r < 0) {
		free(bg);
		return r;
	}
	pthread_mutex_init(&bg->mu, NULL);
	v->bg = bg;
	return 0;
}

void cdx_background_free(struct cdx_volume *v)
{
	struct cdx_background *bg = v->bg;

	if (!bg)
		return;
	v->bg = NULL;
	pthread_mutex_destroy(&bg->mu);
	pthread_cond_destroy(&bg->cv);
	free(bg);
}

int cdx_background_start(struct cdx_volume *v)
{
	int r;

	if (v->opts.no_background || v->opts.readonly)
		return 0;
	/* it begins with what an earlier life left half done */
	cdx_background_kick(v);
	r = -pthread_create(&v->bg->thread, NULL, run, v->bg);
	atomic_store(&v->bg->running, r == 0);
	if (r == 0)
		r = cdx_protector_start(v);
	if (r < 0)
		cdx_background_stop(v);
	return r;
}

void cdx_background_stop(struct cdx_volume *v)
{
	struct cdx_background *bg = v->bg;

	if (!bg || !atomic_load(&bg->running))
		return;
	atomic_store(&bg->stop, true);
	cdx_protector_stop(v);
	cdx_background_kick(v);
	pthread_join(bg->thread, NULL);
	atomic_store(&bg->running, false);
	atomic_store(&bg->stop, false);
}
