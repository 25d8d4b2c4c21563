/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/protector.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"
#include "store/protection.h"
#include "volume/seal.h"

#define NS 1000000000u
#define LOOK_NS (NS / 5)
/* what does not get better by itself, and what may */
#define RETRY_BAD_S 3600u
#define RETRY_S 60u
/* so many requests since the last window, and the next one waits so long */
#define BUSY_REQUESTS 8u
#define WAY_SLICES 15
#define WAY_SLICE_NS 20000000

/* ---- what the job tells and asks ---- */

static bool cancelled(void *arg)
{
	const struct cdx_protect_ctx *ctx = arg;

	if (ctx->cancel && ctx->cancel(ctx->arg))
		return true;
	return atomic_load(&ctx->p->stop) ||
	       cdx_background_stopping(ctx->p->v) ||
	       cdx_protector_unwanted(ctx->p);
}

static void tell(const struct cdx_protect_ctx *ctx, uint64_t done)
{
	if (ctx->progress)
		ctx->progress(ctx->arg, "protecting", ctx->base + done,
			      ctx->total);
}

/* Idle workers leave the processor to others, but not its caches, its other
 * half or the disk: while the mount is in use they get a part of the time only,
 * unless somebody waits for them. */
static void give_way(struct cdx_protect_ctx *ctx)
{
	const struct timespec slice = {.tv_nsec = WAY_SLICE_NS};
	uint64_t now = atomic_load_explicit(&ctx->p->v->requests,
					    memory_order_relaxed);
	bool busy = now - ctx->requests_seen >= BUSY_REQUESTS;

	ctx->requests_seen = now;
	for (int i = 0; busy && i < WAY_SLICES; i++) {
		if (atomic_load(&ctx->p->waiting) || cancelled(ctx))
			return;
		nanosleep(&slice, NULL);
	}
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
	struct cdx_protect_ctx *ctx = arg;
	struct cdx_protector *p = ctx->p;
	uint64_t ms = (cdx_clock_mono_ns() - ctx->began_ns) / 1000000;
	uint64_t coded;

	if (done < ctx->steps_seen)
		return;
	coded = (done - ctx->steps_before) * ctx->step_bytes;
	pthread_mutex_lock(&p->mu);
	p->done = done * ctx->step_bytes;
	p->total = total * ctx->step_bytes;
	p->steps += done - ctx->steps_seen;
	if (ms && coded)
		p->rate = coded / ms * 1000;
	pthread_mutex_unlock(&p->mu);
	ctx->steps_seen = done;
	tell(ctx, done * ctx->step_bytes);
	give_way(ctx);
}

/* ---- one segment ---- */

struct begun {
	const struct cdx_seg_rec *rec;
	uint64_t steps;
};

static int note_begun(void *arg, const struct cdx_protection *p)
{
	struct begun *b = arg;

	if (p->state == CDX_PROTECTION_CODING && p->k == b->rec->k &&
	    p->m == b->rec->m)
		b->steps = p->done;
	return 0;
}

/* Steps that an earlier life has left coded */
static uint64_t steps_begun(struct cdx_volume *v, uint64_t area,
			    const struct cdx_seg_rec *rec)
{
	struct begun b = {.rec = rec};

	if (cdx_protection_list(v->store, area, note_begun, &b) < 0)
		return 0;
	return b.steps;
}

static int to_protected(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	const struct cdx_cid *cid = arg;

	(void)b;
	if (rec->state != CDX_SEG_SEALED)
		return CDX_E_AGAIN;
	rec->has_verifiable = true;
	memcpy(rec->verifiable.b, cid->digest, sizeof(rec->verifiable.b));
	return 0;
}

static int put_protected(struct cdx_volume *v, uint64_t area,
			 struct cdx_cid *cid)
{
	struct cdx_batch *b;
	int r = cdx_batch_new(&b, v->store);

	if (r < 0)
		return r;
	r = cdx_seal_act(v, b, area, to_protected, cid);
	/* it died meanwhile; what was made for it goes with it */
	return r == CDX_E_AGAIN ? 0 : r;
}

static int code(struct cdx_protect_ctx *ctx, uint64_t area,
		const struct cdx_seg_rec *rec, char why[CDX_PROTECT_WHY_MAX])
{
	struct cdx_volume *v = ctx->p->v;
	struct cdx_protect_opts o = {
		.k = rec->k,
		.m = rec->m,
		.codec = rec->codec,
		.paid = true,
		.refs = CDX_REF_VOLUME,
		.pool = v->pool,
		.prio = CDX_POOL_IDLE,
		.cancel = cancelled,
		.progress = progress,
		.arg = ctx,
	};
	struct cdx_cid plain =
		cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec->manifest);
	struct cdx_cid cid;
	int r;

	ctx->step_bytes = (uint64_t)rec->k * CDX_BLOCK_SIZE;
	ctx->steps_before = steps_begun(v, area, rec);
	ctx->steps_seen = ctx->steps_before;
	ctx->requests_seen =
		atomic_load_explicit(&v->requests, memory_order_relaxed);
	ctx->began_ns = cdx_clock_mono_ns();
	r = cdx_protect_run(v->store, &plain, &o, &cid, why);
	return r < 0 ? r : put_protected(v, area, &cid);
}

static void log_done(const struct cdx_protect_ctx *ctx, uint64_t area,
		     const struct cdx_seg_rec *rec)
{
	uint64_t ms = (cdx_clock_mono_ns() - ctx->began_ns) / 1000000;
	uint64_t bytes =
		(ctx->steps_seen - ctx->steps_before) * ctx->step_bytes;

	cdx_log(ctx->p->v->log, INFO, "segment",
		"segment %" PRIx64 " is protected: %u blocks, %u + %u, %" PRIu64
		" bytes coded in %" PRIu64 " ms",
		area, rec->cap, rec->k, rec->m, bytes, ms);
}

static unsigned retry_after(int err)
{
	return err == CDX_E_HASH || err == -EINVAL || err == CDX_E_CODEC
		       ? RETRY_BAD_S
		       : RETRY_S;
}

/* Remembers a failure, forgets it with 0 */
static void note_result(struct cdx_protector *p, uint64_t area, int err,
			const char *why)
{
	struct cdx_protect_failure *f;
	bool known;

	pthread_mutex_lock(&p->mu);
	f = cdx_map_del(&p->failed, area);
	known = f && f->err == err;
	if (err < 0 && !f)
		f = calloc(1, sizeof(*f));
	if (err < 0 && f) {
		f->err = err;
		f->retry_ns =
			cdx_clock_mono_ns() + (uint64_t)retry_after(err) * NS;
		if (cdx_map_put(&p->failed, area, f) < 0)
			free(f);
		p->error = err;
		(void)snprintf(p->why, sizeof(p->why),
			       "segment %" PRIx64 ": %.200s", area,
			       why[0] ? why : cdx_strerror(err));
	} else {
		free(f);
	}
	pthread_mutex_unlock(&p->mu);
	if (err < 0 && !known)
		cdx_log(p->v->log, ERROR, "segment",
			"segment %" PRIx64 " cannot be protected: %s%s%s", area,
			cdx_strerror(err), why[0] ? ": " : "", why);
}

static int claimed(struct cdx_protect_ctx *ctx, uint64_t area)
{
	struct cdx_protector *p = ctx->p;
	char why[CDX_PROTECT_WHY_MAX] = "";
	struct cdx_seg_rec rec;
	int r = cdx_seg_rec_get(p->v, &rec, area);

	if (r == -ENOENT ||
	    (r == 0 && (rec.state != CDX_SEG_SEALED || rec.has_verifiable)))
		return 0;
	if (r == 0)
		r = code(ctx, area, &rec, why);
	if (r == -ECANCELED)
		return cdx_protector_unwanted(p) ? 0 : r;
	note_result(p, area, r, why);
	if (r < 0)
		return r;
	log_done(ctx, area, &rec);
	pthread_mutex_lock(&p->mu);
	p->protections++;
	pthread_mutex_unlock(&p->mu);
	return 0;
}

/* What somebody else has done of this segment */
static uint64_t done_elsewhere(struct cdx_protector *p, uint64_t area)
{
	uint64_t done;

	pthread_mutex_lock(&p->mu);
	done = p->area == area ? p->done : 0;
	pthread_mutex_unlock(&p->mu);
	return done;
}

int cdx_protect_one(struct cdx_protect_ctx *ctx, uint64_t area)
{
	int r;

	while (!cdx_protector_claim(ctx->p, area, LOOK_NS)) {
		if ((ctx->cancel && ctx->cancel(ctx->arg)) ||
		    atomic_load(&ctx->p->stop))
			return -ECANCELED;
		tell(ctx, done_elsewhere(ctx->p, area));
	}
	r = claimed(ctx, area);
	cdx_protector_release(ctx->p);
	return r;
}

/* ---- all of them ---- */

struct todo {
	uint64_t *area;
	uint64_t *bytes;
	size_t n;
	size_t cap;
	uint64_t total;
};

static int add(struct todo *t, uint64_t area, uint64_t bytes)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		void *a = reallocarray(t->area, cap, sizeof(*t->area));
		void *b;

		if (!a)
			return -ENOMEM;
		t->area = a;
		b = reallocarray(t->bytes, cap, sizeof(*t->bytes));
		if (!b)
			return -ENOMEM;
		t->bytes = b;
		t->cap = cap;
	}
	t->area[t->n] = area;
	t->bytes[t->n++] = bytes;
	t->total += bytes;
	return 0;
}

static int want(void *arg, const struct cdx_segment_info *info)
{
	if (info->state != CDX_SEG_SEALED || info->is_protected)
		return 0;
	return add(arg, info->area, (uint64_t)info->capacity * CDX_BLOCK_SIZE);
}

int cdx_protect_all(struct cdx_volume *v, cdx_progress_fn *fn,
		    cdx_cancel_fn *cancel, void *arg)
{
	struct cdx_protect_ctx ctx = {
		.p = v->segs->protector,
		.cancel = cancel,
		.progress = fn,
		.arg = arg,
	};
	struct todo t = {0};
	int first = 0;
	int r = cdx_vol_segments(v, want, &t);

	/* whoever works on one now does not rest */
	atomic_fetch_add(&ctx.p->waiting, 1);
	ctx.total = t.total;
	for (size_t i = 0; r == 0 && i < t.n; i++) {
		int one = cdx_protect_one(&ctx, t.area[i]);

		if (one == -ECANCELED)
			r = one;
		if (one < 0 && first == 0)
			first = one;
		ctx.base += t.bytes[i];
		if (r == 0)
			tell(&ctx, 0);
	}
	atomic_fetch_sub(&ctx.p->waiting, 1);
	free(t.area);
	free(t.bytes);
	return r < 0 ? r : first;
}

/* ---- the end of a segment ---- */

static int want_drop(void *arg, const struct cdx_protection *p)
{
	return add(arg, p->id, 0);
}

/* Has somebody pinned what is built on it, or are slots of it sold? */
static int pinned(struct cdx_volume *v, uint64_t area, uint64_t id)
{
	struct cdx_dataset_info info;
	struct cdx_protection p;
	struct cdx_cid cid;
	int r = cdx_protection_get(v->store, area, id, &p);

	if (r < 0 || p.state != CDX_PROTECTION_DONE)
		return r == -ENOENT ? 0 : r;
	cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.verifiable);
	r = cdx_dataset_info(v->store, &cid, &info);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return (info.refs & CDX_REF_PIN) != 0 || p.sold != 0;
}

int cdx_protect_drop(struct cdx_volume *v, uint64_t area)
{
	struct cdx_protector *p = v->segs->protector;
	struct todo t = {0};
	int r = cdx_protection_list(v->store, area, want_drop, &t);

	for (size_t i = 0; r == 0 && i < t.n; i++)
		r = pinned(v, area, t.area[i]);
	for (size_t i = 0; r == 0 && i < t.n; i++) {
		r = cdx_protection_drop(v->store, area, t.area[i], true);
		if (r == -ENOENT)
			r = 0;
	}
	free(t.area);
	free(t.bytes);
	if (r == 0) {
		pthread_mutex_lock(&p->mu);
		free(cdx_map_del(&p->failed, area));
		pthread_mutex_unlock(&p->mu);
	}
	return r;
}
