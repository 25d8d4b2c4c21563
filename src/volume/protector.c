/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/protector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"

/*
 * The thread that protects sealed segments, one after the other, and what it
 * and others who do the same share.  protect_job.c has one job.
 */

#define NS 1000000000u
#define WAKE_S 60u

/* ---- one job at a time ---- */

static void until(struct timespec *ts, uint64_t ns)
{
	uint64_t at = cdx_clock_mono_ns() + ns;

	ts->tv_sec = (time_t)(at / NS);
	ts->tv_nsec = (long)(at % NS);
}

bool cdx_protector_claim(struct cdx_protector *p, uint64_t area,
			 uint64_t wait_ns)
{
	struct timespec ts;
	bool mine;
	int r = 0;

	until(&ts, wait_ns);
	pthread_mutex_lock(&p->mu);
	while (p->area && r == 0)
		r = pthread_cond_timedwait(&p->cv, &p->mu, &ts);
	mine = !p->area;
	if (mine) {
		p->area = area;
		p->dying = false;
		p->done = 0;
		p->total = 0;
	}
	pthread_mutex_unlock(&p->mu);
	return mine;
}

void cdx_protector_release(struct cdx_protector *p)
{
	bool dying;

	pthread_mutex_lock(&p->mu);
	dying = p->dying;
	p->area = 0;
	p->done = 0;
	p->total = 0;
	pthread_cond_broadcast(&p->cv);
	pthread_mutex_unlock(&p->mu);
	if (dying)
		cdx_background_kick(p->v);
}

bool cdx_protector_busy(struct cdx_volume *v, uint64_t area)
{
	struct cdx_protector *p = v->segs->protector;
	bool busy;

	pthread_mutex_lock(&p->mu);
	busy = p->area == area;
	if (busy)
		p->dying = true;
	pthread_mutex_unlock(&p->mu);
	return busy;
}

bool cdx_protector_unwanted(struct cdx_protector *p)
{
	struct cdx_seg_rec rec;
	uint64_t area;
	bool dying;

	pthread_mutex_lock(&p->mu);
	area = p->area;
	dying = p->dying;
	pthread_mutex_unlock(&p->mu);
	return dying || cdx_seg_rec_get(p->v, &rec, area) < 0 ||
	       rec.state != CDX_SEG_SEALED;
}

/* ---- figures ---- */

static void count_one(struct cdx_segs *s, const struct cdx_seg_rec *rec,
		      bool add)
{
	uint64_t one = add ? 1 : UINT64_MAX;
	uint64_t bytes;

	if (!rec || rec->state != CDX_SEG_SEALED)
		return;
	bytes = (uint64_t)rec->cap * CDX_BLOCK_SIZE;
	if (rec->has_verifiable) {
		atomic_fetch_add(&s->count.is_protected, one);
		return;
	}
	atomic_fetch_add(&s->count.waiting, one);
	atomic_fetch_add(&s->count.waiting_bytes, add ? bytes : 0 - bytes);
}

void cdx_protect_count(struct cdx_segs *s, const struct cdx_seg_rec *was,
		       const struct cdx_seg_rec *is)
{
	count_one(s, was, false);
	count_one(s, is, true);
}

void cdx_protector_status(struct cdx_volume *v, struct cdx_vol_status *out)
{
	const struct cdx_seg_count *c = &v->segs->count;
	struct cdx_protector *p = v->segs->protector;
	uint64_t done;

	out->seg_protected = atomic_load(&c->is_protected);
	out->seg_waiting = atomic_load(&c->waiting);
	out->protect_backlog = atomic_load(&c->waiting_bytes);
	pthread_mutex_lock(&p->mu);
	done = p->done;
	out->seg_unprotectable = p->failed.len;
	out->protect_done = done;
	out->protect_total = p->total;
	out->protect_rate = p->rate;
	out->protect_steps = p->steps;
	out->protections = p->protections;
	out->protect_error = p->error;
	memcpy(out->protect_why, p->why, sizeof(out->protect_why));
	pthread_mutex_unlock(&p->mu);
	out->protect_backlog -=
		done < out->protect_backlog ? done : out->protect_backlog;
	if (out->protect_rate)
		out->protect_left_s =
			(out->protect_backlog + out->protect_rate - 1) /
			out->protect_rate;
}

/* ---- which one ---- */

struct next {
	struct cdx_protector *p;
	uint64_t now;
	uint64_t area;
};

static int look(void *arg, const struct cdx_segment_info *info)
{
	struct next *n = arg;
	const struct cdx_protect_failure *f;
	bool later;

	if (info->state != CDX_SEG_SEALED || info->is_protected)
		return 0;
	pthread_mutex_lock(&n->p->mu);
	f = cdx_map_get(&n->p->failed, info->area);
	later = f && f->retry_ns > n->now;
	pthread_mutex_unlock(&n->p->mu);
	if (later)
		return 0;
	n->area = info->area;
	return 1;
}

/* The oldest that may be tried; 0: there is none */
static uint64_t next_area(struct cdx_protector *p)
{
	struct next n = {.p = p, .now = cdx_clock_mono_ns()};

	if (!atomic_load(&p->v->segs->count.waiting))
		return 0;
	if (cdx_vol_segments(p->v, look, &n) < 0)
		return 0;
	return n.area;
}

/* ---- the thread ---- */

static bool stopping(void *arg)
{
	struct cdx_protector *p = arg;

	return atomic_load(&p->stop);
}

static void work(struct cdx_protector *p)
{
	struct cdx_protect_ctx ctx = {
		.p = p,
		.cancel = stopping,
		.arg = p,
	};
	uint64_t area;

	while (!atomic_load(&p->stop) && (area = next_area(p)) != 0)
		(void)!cdx_protect_one(&ctx, area);
}

/* Waits for a kick or a while; false when it is time to go */
static bool sleep_some(struct cdx_protector *p)
{
	struct timespec ts;
	int r = 0;

	until(&ts, (uint64_t)WAKE_S * NS);
	pthread_mutex_lock(&p->mu);
	while (!p->kicked && r == 0 && !atomic_load(&p->stop))
		r = pthread_cond_timedwait(&p->cv, &p->mu, &ts);
	p->kicked = false;
	pthread_mutex_unlock(&p->mu);
	return !atomic_load(&p->stop);
}

static void *run(void *arg)
{
	struct cdx_protector *p = arg;

	while (sleep_some(p))
		work(p);
	return NULL;
}

void cdx_protector_kick(struct cdx_volume *v)
{
	struct cdx_protector *p = v->segs->protector;

	pthread_mutex_lock(&p->mu);
	p->kicked = true;
	pthread_cond_broadcast(&p->cv);
	pthread_mutex_unlock(&p->mu);
}

int cdx_protector_start(struct cdx_volume *v)
{
	struct cdx_protector *p = v->segs->protector;
	int r;

	/* it begins with what an earlier life left half done */
	p->kicked = true;
	r = -pthread_create(&p->thread, NULL, run, p);
	p->running = r == 0;
	return r;
}

void cdx_protector_stop(struct cdx_volume *v)
{
	struct cdx_protector *p = v->segs ? v->segs->protector : NULL;

	if (!p || !p->running)
		return;
	atomic_store(&p->stop, true);
	cdx_protector_kick(v);
	pthread_join(p->thread, NULL);
	p->running = false;
}

/* ---- the object ---- */

int cdx_protector_new(struct cdx_volume *v)
{
	struct cdx_protector *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = cdx_cond_mono(&p->cv);
	if (r < 0) {
		free(p);
		return r;
	}
	pthread_mutex_init(&p->mu, NULL);
	p->v = v;
	v->segs->protector = p;
	return 0;
}

void cdx_protector_free(struct cdx_volume *v)
{
	struct cdx_protector *p = v->segs->protector;
	size_t pos = 0;
	uint64_t area;
	void *f;

	if (!p)
		return;
	v->segs->protector = NULL;
	while (cdx_map_next(&p->failed, &pos, &area, &f))
		free(f);
	cdx_map_free(&p->failed);
	pthread_mutex_destroy(&p->mu);
	pthread_cond_destroy(&p->cv);
	free(p);
}
