/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "node/market_internal.h"

/* Waiting until what is protected now is stored by others. */

#define LOOK_MS 500u
/* A chain that has not answered so long after the call is told of */
#define CHAIN_NS UINT64_C(30000000000)
/* Trouble that stays so long does not go away by itself: purchasing has looked at the
 * segments again */
#define TROUBLE_NS UINT64_C(30000000000)

struct segment {
	uint64_t area;
	struct cdx_cid cid;
	enum cdx_segment_stage stage;
	uint32_t generation; /* of the newest request */
	struct cdx_b32 id;   /* likewise */
	bool asked; /* there is one, and it is not to be bought again */
	bool wrong; /* it has an error */
};

struct sync {
	struct cdx_node_market *m;
	struct segment *s; /* in the order of their areas */
	size_t n;
	size_t cap;
	uint64_t stored;
	uint64_t trouble_ns; /* since when; 0: there is none */
	char why[CDX_CHAIN_WHY_MAX];
};

/* ---- which ones ---- */

static int note(void *arg, const struct cdx_segment_info *info)
{
	struct sync *y = arg;

	if (!info->is_protected)
		return 0;
	if (y->n == y->cap) {
		size_t cap = y->cap ? y->cap * 2 : 64;
		void *p = reallocarray(y->s, cap, sizeof(*y->s));

		if (p == NULL)
			return -ENOMEM;
		y->s = p;
		y->cap = cap;
	}
	y->s[y->n++] =
		(struct segment){.area = info->area, .cid = info->verifiable};
	return 0;
}

/* Those that went meanwhile are not waited for */
struct there {
	struct sync *y;
	size_t at;
	size_t kept;
};

static int still(void *arg, const struct cdx_segment_info *info)
{
	struct there *t = arg;
	struct sync *y = t->y;

	while (t->at < y->n && y->s[t->at].area < info->area)
		t->at++;
	if (t->at < y->n && y->s[t->at].area == info->area)
		y->s[t->kept++] = y->s[t->at++];
	return 0;
}

static int drop_gone(struct sync *y)
{
	struct there t = {.y = y};
	int rc = cdx_vol_segments(y->m->n->volume, still, &t);

	if (rc == 0)
		y->n = t.kept;
	return rc;
}

/* ---- how far they are ---- */

static int by_area(const void *a, const void *b)
{
	const struct segment *x = a;
	const struct segment *y = b;

	return x->area < y->area ? -1 : x->area > y->area;
}

/* It failed on the chain: the next one is waited for */
static bool is_bought_again(const struct cdx_purchase_info *info)
{
	return info->state == CDX_PURCHASE_FAILED ||
	       (info->state == CDX_PURCHASE_ERRORED && info->end != 0);
}

static int note_purchase(void *arg, const struct cdx_purchase_info *info)
{
	struct sync *y = arg;
	const struct segment key = {.area = info->area};
	struct segment *s =
		y->n == 0 || info->area == 0
			? NULL
			: bsearch(&key, y->s, y->n, sizeof(*y->s), by_area);

	if (s == NULL || info->generation < s->generation)
		return 0;
	s->generation = info->generation;
	s->id = info->id;
	s->asked = !is_bought_again(info);
	s->wrong = s->asked && info->error[0] != '\0';
	return 0;
}

/* Is there something in the way of one of them?  With y->why. */
static bool in_the_way(struct sync *y, struct cdx_purchasing *p,
		       const struct cdx_purchasing_stats *st)
{
	struct cdx_purchase_info info;
	bool waits = false;
	bool none = false;

	for (size_t i = 0; i < y->n; i++) {
		const struct segment *s = &y->s[i];

		none = none || !s->asked;
		if (s->stage != CDX_SEGMENT_KEPT)
			continue;
		waits = true;
		if (s->wrong && y->why[0] == '\0' &&
		    cdx_purchasing_get(p, &s->id, &info) == 0)
			snprintf(y->why, sizeof(y->why),
				 "segment %" PRIx64 " is not stored: %s",
				 s->area, info.error);
	}
	if (!waits)
		return false;
	if (y->why[0] == '\0' && none)
		snprintf(y->why, sizeof(y->why), "%s", st->refused);
	return y->why[0] != '\0' || st->unpaid > 0;
}

/* One look; 1 all are stored, 0 not yet; what they end with */
static int look(struct sync *y, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_market_parts p;
	struct cdx_purchasing_stats st;
	uint64_t now = cdx_clock_mono_ns();
	int rc = cdx_node_market_enter(y->m, &p, why);

	if (rc < 0)
		return rc;
	y->stored = 0;
	y->why[0] = '\0';
	for (size_t i = 0; i < y->n; i++) {
		y->s[i].stage =
			cdx_purchasing_stage(p.purchasing, &y->s[i].cid);
		y->s[i].generation = 0;
		y->s[i].asked = false;
		y->s[i].wrong = false;
		y->stored += y->s[i].stage >= CDX_SEGMENT_STORED;
	}
	rc = cdx_purchasing_list(p.purchasing, note_purchase, y);
	cdx_purchasing_stats(p.purchasing, &st);
	if (rc >= 0 && in_the_way(y, p.purchasing, &st)) {
		if (y->trouble_ns == 0)
			y->trouble_ns = now;
		if (now - y->trouble_ns >= TROUBLE_NS) {
			snprintf(why, CDX_CHAIN_WHY_MAX, "%s",
				 st.unpaid > 0 && st.alarm[0] != '\0' ? st.alarm
								      : y->why);
			rc = st.unpaid > 0 ? CDX_E_QUOTA : CDX_E_CHAIN;
		}
	} else {
		y->trouble_ns = 0;
	}
	cdx_node_market_leave(y->m);
	if (rc < 0)
		return rc;
	return y->stored == y->n;
}

/* ---- the call ---- */

/* Waits for a chain that does not answer yet, and has purchasing begin */
static int hurry(struct cdx_node_market *m, cdx_cancel_fn *cancel, void *arg,
		 char why[CDX_CHAIN_WHY_MAX])
{
	uint64_t end = cdx_clock_mono_ns() + CHAIN_NS;
	struct cdx_node_market_state st;
	struct cdx_market_parts p;
	bool buys = false;
	int rc;

	for (;;) {
		rc = cdx_node_market_enter(m, &p, why);
		if (rc == 0) {
			buys = p.purchasing != NULL;
			if (buys)
				cdx_purchasing_hurry(p.purchasing);
			cdx_node_market_leave(m);
		}
		if (buys || (rc < 0 && rc != -EAGAIN))
			return rc;
		cdx_node_market_state(m, &st);
		if (!st.wanted[CDX_MARKET_BUYS])
			break;
		if (rc == 0)
			snprintf(why, CDX_CHAIN_WHY_MAX, "%s",
				 st.role_why[CDX_MARKET_BUYS]);
		if (cdx_clock_mono_ns() >= end)
			return -EAGAIN;
		if ((cancel != NULL && cancel(arg)) ||
		    !cdx_node_market_wait(m, LOOK_MS, NULL))
			return -ECANCELED;
	}
	snprintf(why, CDX_CHAIN_WHY_MAX,
		 "this process does not buy storage; start it with --market "
		 "and --budget");
	return -ENODATA;
}

static int wait_until_stored(struct sync *y, cdx_progress_fn *progress,
			     cdx_cancel_fn *cancel, void *arg,
			     char why[CDX_CHAIN_WHY_MAX])
{
	uint64_t changes;
	int rc;

	for (;;) {
		pthread_mutex_lock(&y->m->mu);
		changes = y->m->changes;
		pthread_mutex_unlock(&y->m->mu);
		rc = drop_gone(y);
		if (rc == 0)
			rc = look(y, why);
		if (progress != NULL && rc >= 0)
			progress(arg, "stored", y->stored, y->n);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		if ((cancel != NULL && cancel(arg)) ||
		    !cdx_node_market_wait(y->m, LOOK_MS, &changes))
			return -ECANCELED;
	}
}

int cdx_node_market_sync(struct cdx_node_market *m, cdx_progress_fn *progress,
			 cdx_cancel_fn *cancel, void *arg,
			 char why[CDX_CHAIN_WHY_MAX])
{
	struct sync y = {.m = m};
	int rc;

	why[0] = '\0';
	if (m == NULL) {
		struct cdx_market_parts none;

		return cdx_node_market_enter(NULL, &none, why);
	}
	rc = hurry(m, cancel, arg, why);
	if (rc == 0)
		rc = cdx_vol_segments(m->n->volume, note, &y);
	if (rc == 0)
		rc = wait_until_stored(&y, progress, cancel, arg, why);
	free(y.s);
	if (rc < 0 && why[0] == '\0')
		snprintf(why, CDX_CHAIN_WHY_MAX, "%s", cdx_strerror(rc));
	return rc;
}
