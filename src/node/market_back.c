/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "market/slot_data.h"
#include "node/market_internal.h"
#include "store/protection.h"

/*
 * Segments whose bytes are elsewhere, and that are not safe there any more, come
 * back: the one whose storage ends first is the first.  A thread of its own, since
 * it may take long.
 */

#define LOOK_MS 60000u
/* A segment is fetched when it was not safe in so many looks: what a young process
 * does not know yet is no reason, nor is a renewal that is about to start */
#define LOOKS 3u

struct lost {
	uint64_t area;
	struct cdx_cid cid; /* verifiable */
	int64_t end; /* of what is stored, the chain's time; 0: it is not */
	uint32_t k;
	uint32_t missing; /* bits of data slots */
	unsigned looks;
};

struct lost_list {
	struct cdx_node_market *m;
	struct lost *l;
	size_t n;
	size_t cap;
};

/* ---- which ones ---- */

/* Data slots of a segment that are not here */
static uint32_t missing_slots(struct cdx_store *s, const struct cdx_cid *cid,
			      uint32_t *k)
{
	struct cdx_dataset_info info;
	struct cdx_protection p;

	if (cdx_dataset_info(s, cid, &info) < 0 ||
	    cdx_protection_of(s, &info, &p) < 0 ||
	    p.state != CDX_PROTECTION_DONE)
		return 0;
	*k = p.k;
	return (p.absent | p.damaged) & (uint32_t)((UINT64_C(1) << p.k) - 1);
}

static int note(void *arg, const struct cdx_segment_info *info)
{
	struct lost_list *t = arg;
	struct lost one = {.area = info->area, .cid = info->verifiable};

	if (!info->is_protected || cdx_node_market_safe(t->m, &one.cid))
		return 0;
	one.missing = missing_slots(t->m->n->store, &one.cid, &one.k);
	if (one.missing == 0)
		return 0;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		void *p = reallocarray(t->l, cap, sizeof(*t->l));

		if (p == NULL)
			return -ENOMEM;
		t->l = p;
		t->cap = cap;
	}
	t->l[t->n++] = one;
	return 0;
}

static int by_area(const void *a, const void *b)
{
	const struct lost *x = a;
	const struct lost *y = b;

	return x->area < y->area ? -1 : x->area > y->area;
}

static int by_end(const void *a, const void *b)
{
	const struct lost *x = a;
	const struct lost *y = b;

	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return by_area(a, b);
}

static int note_end(void *arg, const struct cdx_purchase_info *info)
{
	struct lost_list *t = arg;
	const struct lost key = {.area = info->area};
	struct lost *l =
		t->n == 0 || info->area == 0
			? NULL
			: bsearch(&key, t->l, t->n, sizeof(*t->l), by_area);

	if (l != NULL && info->state == CDX_PURCHASE_STARTED &&
	    info->end > l->end)
		l->end = info->end;
	return 0;
}

/* Has purchasing read all that it must know to say what is safe? */
static bool knows_all(struct cdx_node_market *m)
{
	struct cdx_purchasing_stats st;
	bool knows = false;

	pthread_rwlock_rdlock(&m->lock);
	if (m->parts.purchasing != NULL) {
		cdx_purchasing_stats(m->parts.purchasing, &st);
		knows = st.known && st.by_state[CDX_PURCHASE_UNKNOWN] == 0;
	}
	pthread_rwlock_unlock(&m->lock);
	return knows;
}

/* In the order in which they come back; @was: of the last look */
static int look(struct lost_list *t, const struct lost_list *was)
{
	int rc = cdx_vol_segments(t->m->n->volume, note, t);

	if (rc < 0 || t->n == 0)
		return rc;
	for (size_t i = 0; i < t->n; i++) {
		const struct lost *old =
			was->n == 0 ? NULL
				    : bsearch(&t->l[i], was->l, was->n,
					      sizeof(*was->l), by_area);

		t->l[i].looks = old == NULL ? 1 : old->looks + 1;
	}
	pthread_rwlock_rdlock(&t->m->lock);
	if (t->m->parts.purchasing != NULL)
		rc = cdx_purchasing_list(t->m->parts.purchasing, note_end, t);
	pthread_rwlock_unlock(&t->m->lock);
	return rc;
}

/* ---- fetching ---- */

static bool cancelled(void *arg)
{
	return cdx_node_market_stopping(arg);
}

/* One segment; errors of cdx_slot_mend */
static int fetch(struct cdx_node_market *m, const struct lost *l, char *why)
{
	const struct cdx_slot_run run = {.cancel = cancelled, .arg = m};
	struct cdx_slot_look seen;
	int rc = 0;

	for (uint32_t slot = 0; slot < l->k && rc == 0; slot++)
		if (l->missing >> slot & 1)
			rc = cdx_slot_mend(&m->env, &l->cid, slot, 0, &run,
					   &seen, why);
	return rc;
}

/* For status; @alarm NULL: as it was */
static void say(struct cdx_node_market *m, uint32_t left, uint64_t fetched,
		const char *alarm)
{
	pthread_mutex_lock(&m->mu);
	m->state.to_fetch = left;
	m->state.fetched += fetched;
	if (alarm != NULL)
		snprintf(m->state.alarm, sizeof(m->state.alarm), "%s", alarm);
	pthread_mutex_unlock(&m->mu);
}

/* Once for each; status has it as long as it is so */
static void tell(struct cdx_node_market *m, const struct lost *l,
		 const char *what)
{
	if (l->looks == LOOKS)
		cdx_log(m->n->log, ERROR, "market",
			"segment %" PRIx64
			" is not safe elsewhere any more, and %s",
			l->area, what);
}

static void does_not_fit(struct cdx_node_market *m, const struct lost_list *t,
			 size_t from, char alarm[CDX_CHAIN_WHY_MAX])
{
	for (size_t i = from; i < t->n; i++)
		tell(m, &t->l[i], "there is no room for it here");
	snprintf(alarm, CDX_CHAIN_WHY_MAX,
		 "%zu segments (the first is %" PRIx64
		 ") are not safe elsewhere any more, and there is no room for "
		 "them here: delete files or give the store more space, or "
		 "have the storage paid for (budget, the account's balance)",
		 t->n - from, t->l[from].area);
}

static void fetch_all(struct cdx_node_market *m, struct lost_list *t)
{
	char alarm[CDX_CHAIN_WHY_MAX] = "";
	char why[CDX_MARKET_WHY_MAX];
	char what[CDX_MARKET_WHY_MAX + 32];
	uint32_t left = (uint32_t)t->n;

	say(m, left, 0, NULL);
	for (size_t i = 0; i < t->n; i++) {
		int rc;

		if (t->l[i].looks < LOOKS)
			continue;
		tell(m, &t->l[i], "comes back");
		why[0] = '\0';
		rc = fetch(m, &t->l[i], why);
		if (rc == -ECANCELED)
			return;
		if (rc == CDX_E_QUOTA || rc == -ENOSPC) {
			does_not_fit(m, t, i, alarm);
			break;
		}
		if (rc == 0) {
			say(m, --left, 1, NULL);
			continue;
		}
		snprintf(what, sizeof(what), "cannot be fetched: %s",
			 why[0] != '\0' ? why : cdx_strerror(rc));
		tell(m, &t->l[i], what);
		snprintf(alarm, sizeof(alarm),
			 "segment %" PRIx64
			 " is not safe elsewhere any more, and %s",
			 t->l[i].area, what);
	}
	say(m, left, 0, alarm);
}

/* ---- rounds ---- */

static void *run(void *arg)
{
	struct cdx_node_market *m = arg;
	struct lost_list was = {.m = m};

	while (cdx_node_market_wait(m, m->look_ms ? m->look_ms : LOOK_MS,
				    NULL)) {
		struct lost_list t = {.m = m};

		if (!knows_all(m) || look(&t, &was) < 0) {
			free(t.l);
			continue;
		}
		if (t.n > 0)
			qsort(t.l, t.n, sizeof(*t.l), by_end);
		fetch_all(m, &t);
		if (t.n > 0)
			qsort(t.l, t.n, sizeof(*t.l), by_area);
		free(was.l);
		was = t;
	}
	free(was.l);
	return NULL;
}

int cdx_node_market_back_start(struct cdx_node_market *m)
{
	sigset_t all;
	sigset_t old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = -pthread_create(&m->back, NULL, run, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	m->has_back = rc == 0;
	return rc;
}

void cdx_node_market_back_join(struct cdx_node_market *m)
{
	if (m->has_back)
		pthread_join(m->back, NULL);
	m->has_back = false;
}
