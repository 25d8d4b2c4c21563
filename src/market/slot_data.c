/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/slot_data.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "market/slot_fetch.h"
#include "market/slot_manifest.h"
#include "protect/slot.h"
#include "repair/repair.h"

#define POLL_MS 100u
#define ADOPT_TRIES 5u
#define NS_MS UINT64_C(1000000)
#define NS_S UINT64_C(1000000000)

/* One slot that is worked on; on the stack of its thread */
struct work {
	const struct cdx_market_env *env;
	const struct cdx_cid *cid;
	uint32_t slot;
	const struct cdx_slot_run *run;
	char *why;
	struct cdx_list node; /* in busy */
	struct cdx_reader *rd;
	struct cdx_slots sl;
	struct cdx_slot_fetch *fetch;
	struct cdx_rebuild_report report;
	/* at most @rate bytes a second; 0: as fast as it can */
	uint64_t rate;
	uint64_t ready_at; /* when the next part may be read */
	uint64_t done;	   /* blocks */
};

static bool canceled(void *arg)
{
	const struct work *w = arg;

	return w->run->cancel != NULL && w->run->cancel(w->run->arg);
}

static void nap(uint64_t ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(ns / NS_S),
		.tv_nsec = (long)(ns % NS_S),
	};

	(void)nanosleep(&ts, NULL);
}

/* ---- one at a time ---- */

/* Slots that are worked on, of whatever store; under busy_mu, a leaf */
static pthread_mutex_t busy_mu = PTHREAD_MUTEX_INITIALIZER;
static struct cdx_list busy = {&busy, &busy};

static bool same(const struct work *a, const struct work *b)
{
	return a->env->store == b->env->store && a->slot == b->slot &&
	       cdx_cid_equal(a->cid, b->cid);
}

static bool try_claim(struct work *w)
{
	bool taken = false;

	(void)pthread_mutex_lock(&busy_mu);
	cdx_list_foreach(pos, &busy) {
		if (same(cdx_list_entry(pos, struct work, node), w))
			taken = true;
	}
	if (!taken)
		cdx_list_add_tail(&busy, &w->node);
	(void)pthread_mutex_unlock(&busy_mu);
	return !taken;
}

/* Whoever has it takes seconds to hours, so a look now and then will do. */
static int claim(struct work *w)
{
	while (!try_claim(w)) {
		if (canceled(w))
			return -ECANCELED;
		nap(POLL_MS * NS_MS);
	}
	return 0;
}

/* The end of it.  What failed without words is told by its number. */
static int release(struct work *w, int rc)
{
	(void)pthread_mutex_lock(&busy_mu);
	cdx_list_del(&w->node);
	(void)pthread_mutex_unlock(&busy_mu);
	cdx_slot_fetch_free(w->fetch);
	cdx_slots_free(&w->sl);
	cdx_reader_put(w->rd);
	if (rc == 0)
		w->why[0] = '\0';
	else if (w->why[0] == '\0')
		(void)snprintf(w->why, CDX_MARKET_WHY_MAX, "%s",
			       cdx_strerror(rc));
	return rc;
}

/* ---- the dataset ---- */

static int open_dataset(struct work *w, struct cdx_geometry *g, bool local)
{
	const struct cdx_manifest *m;
	int rc;

	rc = cdx_exchange_open_wait(w->env->exchange, &w->rd, w->cid, local,
				    w->run->stall_ms, w->run->cancel,
				    w->run->arg, w->why);
	if (rc != 0)
		return rc == CDX_E_FORMAT || rc == CDX_E_PROOF ? -EINVAL : rc;
	m = cdx_reader_manifest(w->rd);
	if (!m->is_verifiable) {
		(void)snprintf(w->why, CDX_MARKET_WHY_MAX,
			       "the manifest names no slots: it is not a "
			       "verifiable one");
		return -EINVAL;
	}
	rc = cdx_geometry_of(g, m, CDX_CELL_SIZE, w->why);
	if (rc == 0 && w->slot >= g->slots) {
		(void)snprintf(w->why, CDX_MARKET_WHY_MAX,
			       "there is no slot %" PRIu32
			       "; the last is %" PRIu32,
			       w->slot, g->slots - 1);
		rc = -EINVAL;
	}
	return rc;
}

struct leaves {
	struct work *w;
	const struct cdx_protection *p;
};

static int put_leaves(void *arg, const struct cdx_tree_page *page)
{
	struct leaves *l = arg;

	return cdx_held_leaves(l->w->env->store, l->p, l->w->slot, page);
}

/* What the slot's blocks are to hash to, of a dataset that is here for others */
static int have_leaves(struct work *w, const struct cdx_protection *p,
		       const struct cdx_geometry *g)
{
	struct leaves l = {w, p};
	bool has = true;
	int rc = 0;

	if (cdx_held_is(p))
		rc = cdx_held_has_leaves(w->env->store, p, w->slot, &has);
	if (rc != 0 || has)
		return rc;
	rc = cdx_slot_fetch_pages(w->rd, g, w->slot, w->run, put_leaves, &l);
	/* who gave others is not asked any more */
	if (rc == CDX_E_HASH)
		rc = -ENODATA;
	if (rc == -ENODATA || rc == -ETIMEDOUT)
		(void)snprintf(w->why, CDX_MARKET_WHY_MAX,
			       "nobody gives the hashes of the slot's blocks");
	return rc;
}

static int adopt(struct work *w, struct cdx_protection *p)
{
	struct cdx_buf CDX_CLEANUP(cdx_buf_free) bytes = {0};
	const struct cdx_manifest *m = cdx_reader_manifest(w->rd);
	struct cdx_geometry g;
	int rc = cdx_slot_manifest_check(&g, m, w->why);

	if (rc == 0)
		rc = cdx_slot_manifest_bytes(&bytes, m, w->cid, w->why);
	if (rc == 0)
		rc = cdx_held_adopt(w->env->store, w->cid, bytes.p, bytes.len,
				    p);
	return rc;
}

/* ---- its blocks ---- */

/* Not faster than the rate: what a part took longer is not made up for. */
static void pace(struct work *w, uint64_t done)
{
	uint64_t bytes = (done - w->done) * w->sl.g.block_size;
	uint64_t now = cdx_clock_mono_ns();

	if (w->rate == 0)
		return;
	if (w->ready_at < now)
		w->ready_at = now;
	w->ready_at += (uint64_t)((double)bytes / (double)w->rate * 1e9);
	while ((now = cdx_clock_mono_ns()) < w->ready_at && !canceled(w)) {
		uint64_t left = w->ready_at - now;

		nap(left < POLL_MS * NS_MS ? left : POLL_MS * NS_MS);
	}
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
	struct work *w = arg;

	if (w->run->progress != NULL)
		w->run->progress(w->run->arg, done, total);
	if (done < total)
		pace(w, done);
	w->done = done;
}

/* Why it is not whole, for who knows nothing of steps */
static int tell(struct work *w, int rc)
{
	int err = cdx_slot_fetch_error(w->fetch);

	/* what it had given up is no news of the network */
	if (err == -ECANCELED || rc == -ECANCELED)
		return -ECANCELED;
	if (w->report.lost == 0)
		return rc;
	(void)snprintf(w->why, CDX_MARKET_WHY_MAX,
		       "%" PRIu64 " of %" PRIu64 " blocks of slot %" PRIu32
		       " %s, and of their steps fewer than %" PRIu32
		       " others are to be had",
		       w->report.lost, w->sl.g.steps, w->slot,
		       err == -ETIMEDOUT ? "did not come in time"
					 : "nobody has",
		       w->sl.g.k);
	return err != 0 ? err : -ENODATA;
}

/* Reads what is here, has the rest, compares, writes; the slot is marked whole
 * only when its tree has the manifest's root. */
static int make_whole(struct work *w, enum cdx_pool_prio prio)
{
	struct cdx_rebuild o = {
		.pool = w->env->pool,
		.prio = prio,
		.source = cdx_slot_fetch_block,
		.progress = progress,
		.arg = w,
		.cancel = canceled,
	};
	int rc;

	if (canceled(w))
		return -ECANCELED;
	rc = cdx_slots_open(&w->sl, w->env->store, w->cid);
	if (rc == 0)
		rc = cdx_slot_fetch_new(&w->fetch, w->rd, &w->sl.g, w->slot,
					w->run);
	if (rc != 0)
		return rc;
	o.source_arg = w->fetch;
	rc = cdx_rebuild_slot(w->env->store, &w->sl, w->slot, &o, &w->report,
			      w->why);
	return rc == 0 ? 0 : tell(w, rc);
}

/* The slot is known and charged. */
static int take_on(struct work *w, const struct cdx_geometry *g,
		   const struct cdx_rider *begin)
{
	struct cdx_protection p;
	int rc = adopt(w, &p);

	if (rc != 0)
		return rc;
	rc = have_leaves(w, &p, g);
	if (rc == 0)
		rc = cdx_held_begin(w->env->store, &p, w->slot, begin);
	/* what nobody sells is not left behind */
	if (rc != 0)
		(void)!cdx_held_abandon(w->env->store, w->cid, w->slot);
	return rc;
}

static int obtain(struct work *w, const struct cdx_rider *begin,
		  struct cdx_slot_got *got)
{
	struct cdx_geometry g;
	int rc = open_dataset(w, &g, false);

	/* it may go with the release of another slot before ours is sold */
	for (unsigned i = 0; i < ADOPT_TRIES && rc == 0; i++) {
		rc = take_on(w, &g, begin);
		if (rc != -ENOENT)
			break;
		rc = i + 1 < ADOPT_TRIES ? 0 : -EBUSY;
	}
	if (rc == 0)
		rc = make_whole(w, CDX_POOL_WRITE);
	if (w->fetch == NULL)
		return rc;
	got->fetched = cdx_slot_fetch_count(w->fetch);
	if (rc == 0)
		got->kept = g.steps - got->fetched;
	return rc;
}

int cdx_slot_obtain(const struct cdx_market_env *env,
		    const struct cdx_cid *manifest, uint32_t slot,
		    const struct cdx_rider *begin,
		    const struct cdx_slot_run *run, struct cdx_slot_got *got,
		    char why[CDX_MARKET_WHY_MAX])
{
	struct work w = {
		.env = env,
		.cid = manifest,
		.slot = slot,
		.run = run,
		.why = why,
	};
	int rc;

	why[0] = '\0';
	memset(got, 0, sizeof(*got));
	rc = claim(&w);
	if (rc != 0)
		return rc;
	rc = obtain(&w, begin, got);
	return release(&w, rc);
}

/* ---- looking after it ---- */

static int mend(struct work *w, struct cdx_slot_look *look)
{
	struct cdx_slots sl = {0};
	struct cdx_geometry g;
	int rc;

	rc = open_dataset(w, &g, true);
	if (rc == 0)
		rc = cdx_slots_open(&sl, w->env->store, w->cid);
	if (rc == 0)
		rc = have_leaves(w, &sl.rec, &g);
	cdx_slots_free(&sl);
	if (rc == 0)
		rc = make_whole(w, CDX_POOL_IDLE);
	if (w->fetch == NULL)
		return rc;
	look->blocks = w->done;
	look->mended = cdx_slot_fetch_count(w->fetch);
	look->missing = look->mended + w->report.lost;
	return rc;
}

int cdx_slot_mend(const struct cdx_market_env *env,
		  const struct cdx_cid *manifest, uint32_t slot, uint64_t rate,
		  const struct cdx_slot_run *run, struct cdx_slot_look *look,
		  char why[CDX_MARKET_WHY_MAX])
{
	struct work w = {
		.env = env,
		.cid = manifest,
		.slot = slot,
		.run = run,
		.why = why,
		.rate = rate,
	};
	int rc;

	why[0] = '\0';
	memset(look, 0, sizeof(*look));
	rc = claim(&w);
	if (rc != 0)
		return rc;
	rc = mend(&w, look);
	return release(&w, rc);
}
