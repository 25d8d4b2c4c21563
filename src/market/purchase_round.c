/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The volume's segments: what is bought, renewed, compacted. */
#include "config.h"

#include "market/purchase_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "eth/revert.h"

/* What could not be done with a segment is tried again after this */
#define RETRY_S 60
#define COMPACT_AGAIN_S 3600

/* ---- what there is ---- */

struct purchase_seg *purchase_seg_of(const struct cdx_purchasing *p,
				     const struct cdx_cid *verifiable)
{
	struct purchase_seg *s =
		cdx_map_get(&p->seg_of, purchase_key_of(verifiable->digest));

	return s != NULL && cdx_cid_equal(&s->is.verifiable, verifiable) ? s
									 : NULL;
}

struct purchase *purchase_last(const struct cdx_purchasing *p,
			       const struct cdx_cid *verifiable)
{
	struct purchase *b =
		cdx_map_get(&p->last, purchase_key_of(verifiable->digest));

	return b != NULL && cdx_cid_equal(&b->verifiable, verifiable) ? b
								      : NULL;
}

static struct purchase_seg *by_area(const struct cdx_purchasing *p,
				    uint64_t area)
{
	cdx_list_foreach(pos, &p->segs) {
		struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);

		if (s->is.area == area)
			return s;
	}
	return NULL;
}

static int cmp_area(const void *a, const void *b)
{
	const struct cdx_market_segment *x = a;
	const struct cdx_market_segment *y = b;

	return (x->area > y->area) - (x->area < y->area);
}

static void seg_drop(struct purchase_seg *s)
{
	cdx_list_del(&s->link);
	free(s);
}

void purchase_segs_free(struct cdx_purchasing *p)
{
	cdx_list_foreach_safe(pos, tmp, &p->segs)
		seg_drop(cdx_list_entry(pos, struct purchase_seg, link));
	cdx_map_free(&p->seg_of);
}

/* Without memory some are passed over until the next round: as if they were not
 * there, nothing is bought for them; that they are gone must not be believed */
static bool index_segs(struct cdx_purchasing *p)
{
	cdx_map_free(&p->seg_of);
	cdx_list_foreach(pos, &p->segs) {
		struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);

		if (s->is.is_protected &&
		    cdx_map_put(&p->seg_of,
				purchase_key_of(s->is.verifiable.digest),
				s) < 0)
			return false;
	}
	return true;
}

static void update(struct purchase_seg *s, const struct cdx_market_segment *is)
{
	if (!s->is.is_protected && is->is_protected)
		s->since = cdx_clock_wall_s();
	if (!cdx_cid_equal(&s->is.verifiable, &is->verifiable))
		s->has_request = false;
	s->is = *is;
}

/* Both in the order of areas */
static bool merge(struct cdx_purchasing *p, struct purchase_work *w)
{
	struct cdx_list *pos = p->segs.next;
	struct purchase_seg *s;
	size_t i = 0;

	if (w->n_segs > 0)
		qsort(w->segs, w->n_segs, sizeof(*w->segs), cmp_area);
	while (i < w->n_segs || pos != &p->segs) {
		s = pos != &p->segs
			    ? cdx_list_entry(pos, struct purchase_seg, link)
			    : NULL;
		if (s != NULL &&
		    (i == w->n_segs || s->is.area < w->segs[i].area)) {
			pos = pos->next;
			seg_drop(s);
			continue;
		}
		if (s == NULL || s->is.area > w->segs[i].area) {
			s = calloc(1, sizeof(*s));
			if (s == NULL)
				break;
			s->is.area = w->segs[i].area;
			s->since = cdx_clock_wall_s();
			cdx_list_init(&s->link);
			cdx_list_add_tail(pos, &s->link);
		} else {
			pos = pos->next;
		}
		update(s, &w->segs[i++]);
	}
	return index_segs(p) && i == w->n_segs;
}

/* ---- one segment, or what is left of it ---- */

/* What is to be bought */
struct subject {
	struct cdx_purchasing *p;
	struct purchase_seg *seg; /* NULL: it is not in the volume */
	struct purchase *last;	  /* NULL: nothing was bought for it */
	uint64_t area;
	bool pay; /* else it is only found out whether money is needed */
};

/* Its extents are elsewhere */
static bool gone(const struct purchase_seg *s)
{
	return s == NULL || s->is.live == 0;
}

/* Some of what took its extents may be lost still */
bool purchase_needed(const struct purchase *b)
{
	if (b->rec.barrier == 0)
		return true;
	cdx_list_foreach(pos, &b->p->segs) {
		const struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);

		if (s->is.area <= b->rec.barrier && s->is.area != b->rec.area &&
		    !s->safe)
			return true;
	}
	return false;
}

static struct cdx_buy_case case_of(const struct subject *s)
{
	struct cdx_buy_case c = {.listed = !gone(s->seg)};
	const struct cdx_purchase_policy *policy = &s->p->opts.policy;
	const struct purchase *b = s->last;

	if (s->seg != NULL) {
		c.data = s->seg->is.bytes;
		c.live = s->seg->is.live;
		c.far = s->seg->far;
	}
	if (b == NULL)
		return c;
	c.any = true;
	c.needed = !c.listed && purchase_needed(b);
	c.state = b->rec.state;
	c.settled = b->rec.settled;
	c.again = b->rec.retry_at != 0;
	c.dearest =
		cdx_u256_cmp(&b->rec.what.ask.price, &policy->max_price) >= 0;
	c.duration = b->rec.what.ask.duration;
	c.end = b->rec.end;
	c.ended = b->rec.ended;
	return c;
}

static void set_unpaid(const struct subject *s, bool unpaid,
		       const struct cdx_u256 *missing)
{
	if (s->seg != NULL) {
		s->seg->unpaid = unpaid;
		s->seg->missing = *missing;
	} else if (s->last != NULL) {
		s->last->unpaid = unpaid;
		s->last->missing = *missing;
	}
	s->p->stale = true;
}

static void set_why(const struct subject *s, const char *words)
{
	if (s->seg == NULL)
		return;
	if (strcmp(s->seg->why, words) != 0)
		cdx_log(s->p->env->log, WARN, "purchasing",
			"segment %llu: no storage is bought: %s",
			(unsigned long long)s->area, words);
	snprintf(s->seg->why, sizeof(s->seg->why), "%s", words);
	s->seg->retry_at = cdx_clock_wall_s() + RETRY_S;
	s->p->stale = true;
}

/* All but the nonce.  False: the thread has to find it out first. */
static bool terms_of(const struct subject *s, struct cdx_storage_request *r,
		     bool raise)
{
	const struct cdx_purchase_terms *t = &s->p->opts.policy.terms;
	const struct cdx_u256 *last = NULL;
	struct purchase_work *w;

	if (s->last != NULL) {
		*r = s->last->rec.what;
		last = &s->last->rec.what.ask.price;
	} else if (s->seg->has_request) {
		*r = s->seg->request;
	} else {
		w = s->seg->working ? NULL
				    : purchase_work_new(PURCHASE_WORK_REQUEST);
		if (w == NULL)
			return false;
		w->area = s->area;
		w->verifiable = s->seg->is.verifiable;
		s->seg->working = true;
		purchase_work_give(s->p, w);
		return false;
	}
	r->client = s->p->client;
	r->expiry = t->expiry;
	r->ask.duration = t->duration;
	r->ask.proof_probability = t->proof_probability;
	r->ask.collateral = t->collateral;
	r->ask.price = cdx_buy_price(&s->p->opts.policy, last, raise);
	return true;
}

/* True: money is needed, and was not looked at */
static bool buy(const struct subject *s, bool raise)
{
	const uint64_t limit = s->p->env->config.duration_limit;
	struct cdx_storage_request r;
	char why[CDX_MARKET_WHY_MAX] = "";
	struct cdx_u256 missing;
	struct cdx_u256 price;
	struct cdx_revert no;
	struct purchase *b = NULL;
	int rc;

	if (!terms_of(s, &r, raise))
		return false;
	rc = cdx_storage_request_check(&r, &s->p->client, limit);
	if (rc != 0 || cdx_ask_max_price(&price, &r.ask) < 0) {
		cdx_revert_of_code(&no, rc != 0 ? (enum cdx_revert_code)rc
						: CDX_REVERT_PRICE_TOO_HIGH);
		set_why(s, no.words);
		return false;
	}
	if (!s->pay)
		return true;
	if (!purchase_budget(s->p, &price, &missing) ||
	    !purchase_balance(s->p, &price, &missing)) {
		set_unpaid(s, true, &missing);
		return false;
	}
	rc = purchase_make(s->p, &b, &r, s->area, why);
	if (rc < 0) {
		set_why(s, why[0] != '\0' ? why : cdx_strerror(rc));
		return false;
	}
	if (s->last != NULL) {
		s->last->rec.renewed = true;
		b->rec.barrier = s->last->rec.barrier;
		purchase_save(s->last, false);
	}
	if (s->seg != NULL) {
		s->seg->wanted = false;
		s->seg->far = false;
		s->seg->why[0] = '\0';
	}
	set_unpaid(s, false, &missing);
	return false;
}

static void compact(const struct subject *s)
{
	struct purchase_work *w;

	if (s->seg->working || cdx_clock_wall_s() < s->seg->retry_at)
		return;
	w = purchase_work_new(PURCHASE_WORK_COMPACT);
	if (w == NULL)
		return;
	w->area = s->area;
	s->seg->working = true;
	purchase_work_give(s->p, w);
}

void purchase_worked(struct cdx_purchasing *p, const struct purchase_work *w)
{
	struct purchase_seg *seg = by_area(p, w->area);
	const struct subject s = {.p = p, .seg = seg, .area = w->area};

	if (seg == NULL)
		return;
	seg->working = false;
	if (w->kind == PURCHASE_WORK_COMPACT && w->rc == -ENODATA) {
		/* renewed in the next round */
		seg->far = true;
	} else if (w->rc < 0) {
		set_why(&s, w->why);
	} else if (w->kind == PURCHASE_WORK_COMPACT) {
		seg->retry_at = cdx_clock_wall_s() + COMPACT_AGAIN_S;
	} else if (cdx_cid_equal(&seg->is.verifiable, &w->verifiable)) {
		seg->request = w->request;
		seg->has_request = true;
		seg->retry_at = 0;
		p->decide = true;
		purchase_ask_balance(p);
	}
}

/* ---- all of them ---- */

/* The action for it; true: money is needed */
static bool see_to(const struct subject *s)
{
	const struct cdx_u256 none = cdx_u256_of(0);
	struct cdx_buy_case c = case_of(s);
	bool waits = s->seg != NULL && cdx_clock_wall_s() < s->seg->retry_at;

	switch (cdx_buy_decide(&s->p->opts.policy, &c,
			       cdx_head_now(s->p->env->head),
			       cdx_clock_wall_s())) {
	case CDX_BUY_NOTHING:
		if (s->seg != NULL ? s->seg->unpaid : s->last->unpaid)
			set_unpaid(s, false, &none);
		return false;
	case CDX_BUY_FIRST:
		return s->seg->wanted && !waits && buy(s, false);
	case CDX_BUY_RENEW:
		return buy(s, false);
	case CDX_BUY_RAISE:
		return buy(s, true);
	case CDX_BUY_COMPACT:
		compact(s);
		return false;
	}
	return false;
}

static void want_all(struct cdx_purchasing *p)
{
	cdx_list_foreach(pos, &p->segs) {
		struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);

		s->wanted = s->wanted || s->is.is_protected;
	}
}

/* Those that nothing was bought for wait for each other */
static void wait_for_others(struct cdx_purchasing *p)
{
	const struct cdx_purchase_policy *policy = &p->opts.policy;
	int64_t now = cdx_clock_wall_s();
	uint64_t bytes = 0;
	bool enough = false;

	p->waiting = 0;
	cdx_list_foreach(pos, &p->segs) {
		struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);
		int64_t from = s->is.sealed != 0 ? s->is.sealed : s->since;

		if (!s->is.is_protected || gone(s) ||
		    purchase_last(p, &s->is.verifiable) != NULL)
			continue;
		p->waiting++;
		bytes = bytes + s->is.bytes < bytes ? UINT64_MAX
						    : bytes + s->is.bytes;
		if (now - from >= (int64_t)policy->max_age_s)
			enough = true;
	}
	if (bytes < policy->min_bytes && !enough)
		return;
	want_all(p);
}

/* What is gone from the volume stays due until all of that time is safe */
static void set_barrier(struct purchase *b, const struct purchase_seg *seg)
{
	uint64_t barrier = gone(seg) ? b->p->newest : 0;

	if ((b->rec.barrier != 0) == (barrier != 0))
		return;
	b->rec.barrier = barrier;
	purchase_save(b, false);
}

/* True: money is needed */
static bool see_to_all(struct cdx_purchasing *p, bool pay)
{
	bool money = false;

	wait_for_others(p);
	cdx_list_foreach(pos, &p->segs) {
		struct purchase_seg *seg =
			cdx_list_entry(pos, struct purchase_seg, link);
		const struct subject s = {
			.p = p,
			.seg = seg,
			.last = seg->is.is_protected
					? purchase_last(p, &seg->is.verifiable)
					: NULL,
			.area = seg->is.area,
			.pay = pay};

		if (!seg->is.is_protected)
			continue;
		if (s.last != NULL)
			set_barrier(s.last, seg);
		money |= see_to(&s);
	}
	cdx_list_foreach(pos, &p->all) {
		struct purchase *b = cdx_list_entry(pos, struct purchase, link);
		const struct subject s = {
			.p = p, .last = b, .area = b->rec.area, .pay = pay};

		if (b->foreign || b->rec.area == 0 || !b->has_cid ||
		    purchase_seg_of(p, &b->verifiable) != NULL ||
		    purchase_last(p, &b->verifiable) != b)
			continue;
		set_barrier(b, NULL);
		money |= see_to(&s);
	}
	p->stale = true;
	return money;
}

void purchase_decide(struct cdx_purchasing *p)
{
	p->decide = false;
	/* what was bought and has no record here (it was lost, or cannot be read)
	 * is not bought once more */
	if (!p->has_round || !p->has_list || p->adopting > 0)
		return;
	(void)see_to_all(p, true);
	purchase_soon(p);
}

void purchase_round(struct cdx_purchasing *p, struct purchase_work *w)
{
	if (w->rc < 0)
		return;
	p->newest = w->newest;
	if (!merge(p, w)) {
		p->has_round = false;
		return;
	}
	p->has_round = true;
	if (w->hurry)
		want_all(p);
	if (cdx_head_latest(p->env->head) == NULL)
		return;
	if (see_to_all(p, false)) {
		p->decide = true;
		purchase_ask_balance(p);
	}
	purchase_soon(p);
}
