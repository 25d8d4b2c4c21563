/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What others see: copies, and the rule of what is safe. */
#include "config.h"

#include "market/purchase_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "market/durability.h"

/* ---- safe ---- */

static unsigned slots_wanted(const struct purchase *b)
{
	const struct cdx_ask *ask = &b->rec.what.ask;
	uint64_t wanted =
		ask->slots - ask->max_slot_loss + b->p->opts.policy.margin;

	return (unsigned)(wanted < ask->slots ? wanted : ask->slots);
}

/* "" when it is safe */
static void unsafe_why(const struct purchase *b, char why[CDX_MARKET_WHY_MAX])
{
	const struct cdx_purchasing *p = b->p;
	int64_t left = b->rec.end - cdx_head_now(p->env->head);
	char amount[PURCHASE_AMOUNT_MAX];

	why[0] = '\0';
	if (b->rec.state != CDX_PURCHASE_STARTED)
		snprintf(why, CDX_MARKET_WHY_MAX, "its request is %s",
			 cdx_purchase_state_name(b->rec.state));
	else if (b->rec.started_block == 0 ||
		 b->rec.started_block + p->env->confirmations > p->head + 1)
		snprintf(why, CDX_MARKET_WHY_MAX,
			 "its start waits for confirmations");
	else if (b->n_slots == 0 || b->filled < slots_wanted(b))
		snprintf(why, CDX_MARKET_WHY_MAX,
			 "%u of its %llu slots are filled, %u are wanted",
			 b->filled, (unsigned long long)b->rec.what.ask.slots,
			 slots_wanted(b));
	else if (b->n_slots - (b->bad < b->n_slots ? b->bad : b->n_slots) <
		 slots_wanted(b))
		snprintf(why, CDX_MARKET_WHY_MAX,
			 "%u of its slots do not answer", b->bad);
	else if (left <= (int64_t)cdx_buy_window(&p->opts.policy,
						 b->rec.what.ask.duration))
		snprintf(why, CDX_MARKET_WHY_MAX, "its request ends soon");
	else if (b->rec.area != 0 && !b->funded) {
		purchase_amount(p, amount, &b->missing);
		snprintf(why, CDX_MARKET_WHY_MAX,
			 "its renewal cannot be paid: %s are missing", amount);
	}
}

/* ---- datasets ---- */

static enum cdx_segment_stage stage_of(const struct purchase *b)
{
	if (b->rec.state == CDX_PURCHASE_STARTED)
		return b->proven ? CDX_SEGMENT_PROVEN : CDX_SEGMENT_STORED;
	return b->rec.state == CDX_PURCHASE_SUBMITTED ? CDX_SEGMENT_REQUESTED
						      : CDX_SEGMENT_KEPT;
}

static void views_free(struct cdx_map *m)
{
	size_t pos = 0;
	uint64_t key;
	void *val;

	while (cdx_map_next(m, &pos, &key, &val))
		free(val);
	cdx_map_free(m);
}

static void views_add(struct cdx_map *m, const struct purchase *b)
{
	uint64_t key = purchase_key_of(b->verifiable.digest);
	struct purchase_view *v = cdx_map_get(m, key);

	if (v == NULL) {
		v = calloc(1, sizeof(*v));
		if (v == NULL || cdx_map_put(m, key, v) < 0) {
			free(v);
			return;
		}
		v->verifiable = b->verifiable;
	}
	if (!cdx_cid_equal(&v->verifiable, &b->verifiable))
		return;
	if (stage_of(b) > v->stage)
		v->stage = stage_of(b);
	v->safe = v->safe || b->safe;
	if (b->rec.state == CDX_PURCHASE_STARTED && b->rec.end > v->end) {
		v->end = b->rec.end;
		v->ask = b->rec.what.ask;
		v->filled = b->filled;
		v->worst = b->worst;
	}
}

static bool views_differ(const struct cdx_map *a, const struct cdx_map *b)
{
	const struct purchase_view *x;
	const struct purchase_view *y;
	size_t pos = 0;
	uint64_t key;
	void *val;

	if (a->len != b->len)
		return true;
	while (cdx_map_next(a, &pos, &key, &val)) {
		x = val;
		y = cdx_map_get(b, key);
		if (y == NULL || x->stage != y->stage || x->safe != y->safe)
			return true;
	}
	return false;
}

void purchase_views_free(struct cdx_purchasing *p)
{
	views_free(&p->views);
	cdx_map_free(&p->patrolled);
}

/* ---- alarms and numbers ---- */

static void until_text(char out[32], int64_t at)
{
	time_t t = (time_t)at;
	struct tm tm;

	snprintf(out, 32, "now");
	if (at > 0 && gmtime_r(&t, &tm) != NULL)
		strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

static bool is_known(const struct purchase *b)
{
	if (!b->told)
		return false;
	for (unsigned i = 0; i < b->n_slots; i++)
		if (!b->slots[i].known)
			return false;
	return b->rec.state != CDX_PURCHASE_STARTED ||
	       (b->rec.started_block != 0 &&
		b->rec.started_block + b->p->env->confirmations <=
			b->p->head + 1);
}

/* Has the chain said something of all that goes on? */
static bool all_known(const struct cdx_purchasing *p)
{
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (!b->foreign && b->rec.state == CDX_PURCHASE_STARTED &&
		    !is_known(b))
			return false;
	}
	return p->has_balance;
}

/* Has it said something of all that may make this dataset safe?  What is over stays
 * as it is, and is not asked for again after a start. */
static bool heard_of(const struct cdx_purchasing *p, const struct purchase *of)
{
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (b->foreign ||
		    !cdx_cid_equal(&b->verifiable, &of->verifiable))
			continue;
		if (b->rec.state == CDX_PURCHASE_STARTED ? !is_known(b)
		    : b->rec.state == CDX_PURCHASE_SUBMITTED ||
				    b->rec.state == CDX_PURCHASE_UNKNOWN
			    ? !b->told
			    : false)
			return false;
	}
	return p->has_balance;
}

/* One that was safe is not any more, and no other request makes it so */
static void alarm_unsafe(struct cdx_purchasing *p, const struct cdx_map *views,
			 struct cdx_purchasing_stats *st)
{
	char why[CDX_MARKET_WHY_MAX];
	char end[32];

	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);
		const struct purchase_view *v;

		/* what was not heard of yet may be as it was */
		if (b->foreign || !b->rec.safe || b->safe || b->rec.area == 0 ||
		    b->rec.state == CDX_PURCHASE_FINISHED ||
		    !purchase_needed(b) || !p->has_round)
			continue;
		v = cdx_map_get(views, purchase_key_of(b->verifiable.digest));
		if ((v != NULL && v->safe) || !heard_of(p, b))
			continue;
		unsafe_why(b, why);
		until_text(end, b->rec.end);
		snprintf(st->alarm, sizeof(st->alarm),
			 "segment %llu is not safe on the network any more: "
			 "%.300s (its request runs until %s)",
			 (unsigned long long)b->rec.area, why, end);
		return;
	}
}

/* @missing: of the first; the others are counted */
static void alarm_unpaid(struct cdx_purchasing *p,
			 struct cdx_purchasing_stats *st)
{
	const struct cdx_u256 *missing = NULL;
	char amount[PURCHASE_AMOUNT_MAX];
	char end[32];

	cdx_list_foreach(pos, &p->segs) {
		const struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);

		st->unpaid += s->unpaid;
		if (s->unpaid && missing == NULL)
			missing = &s->missing;
	}
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		st->unpaid += b->unpaid;
		if (b->unpaid && missing == NULL)
			missing = &b->missing;
	}
	if (missing == NULL || st->alarm[0] != '\0')
		return;
	purchase_amount(p, amount, missing);
	until_text(end, st->next_end);
	snprintf(st->alarm, sizeof(st->alarm),
		 "storage for %u segments cannot be paid: %s are missing for "
		 "the first, wanted until %s; send tokens to the client's "
		 "account, or raise budget in section [market]",
		 st->unpaid, amount, end);
}

static void alarm_trouble(struct cdx_purchasing *p,
			  struct cdx_purchasing_stats *st)
{
	cdx_list_foreach(pos, &p->segs) {
		const struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);

		if (s->why[0] == '\0')
			continue;
		snprintf(st->refused, sizeof(st->refused),
			 "segment %llu: %.400s", (unsigned long long)s->is.area,
			 s->why);
		if (st->alarm[0] == '\0')
			memcpy(st->alarm, st->refused, sizeof(st->alarm));
		break;
	}
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (st->alarm[0] != '\0' || b->foreign)
			continue;
		if (b->failures > 2 && b->trouble[0] != '\0')
			snprintf(st->alarm, sizeof(st->alarm), "%s",
				 b->trouble);
		else if (b->rec.state == CDX_PURCHASE_ERRORED &&
			 b->rec.retry_at != 0)
			snprintf(st->alarm, sizeof(st->alarm), "%s",
				 b->rec.error);
	}
}

static void add(struct cdx_u256 *sum, const struct cdx_u256 *amount)
{
	if (cdx_u256_add(sum, sum, amount) < 0)
		*sum = cdx_u256_max;
}

static void count(struct cdx_purchasing *p, struct cdx_purchasing_stats *st)
{
	int64_t since = cdx_clock_wall_s() - (int64_t)p->opts.policy.budget_s;
	struct cdx_buy_cost *costs;
	size_t n;

	costs = purchase_costs(p, &n);
	if (costs != NULL)
		st->spent = cdx_buy_spent(
			costs, n, p->opts.policy.budget_s != 0 ? since : 0);
	free(costs);
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (b->foreign)
			continue;
		st->by_state[b->rec.state]++;
		add(&st->returned, &b->rec.returned);
		if (b->rec.state == CDX_PURCHASE_PENDING ||
		    b->rec.state == CDX_PURCHASE_SUBMITTED ||
		    b->rec.state == CDX_PURCHASE_STARTED)
			add(&st->committed, &b->price);
		if (purchase_is_followed(b) && !b->rec.renewed &&
		    (st->next_end == 0 || b->rec.end < st->next_end))
			st->next_end = b->rec.end;
	}
	st->waiting = p->waiting;
	p->known = p->known || all_known(p);
	st->known = p->known;
}

void purchase_show(struct purchase *b)
{
	struct cdx_purchase_info *i = &b->info;

	i->id = b->id;
	i->what = b->rec.what;
	i->state = b->rec.state;
	i->area = b->rec.area;
	i->generation = b->rec.generation;
	i->created = b->rec.created;
	i->end = b->rec.end;
	i->filled = b->filled;
	i->hosts = b->hosts;
	i->worst = b->worst;
	i->proven = b->proven;
	i->renewed = b->rec.renewed;
	snprintf(i->error, sizeof(i->error), "%s",
		 b->rec.error[0] != '\0' ? b->rec.error : b->trouble);
}

/* ---- all of it ---- */

static void judge(struct cdx_purchasing *p, struct cdx_map *views)
{
	char why[CDX_MARKET_WHY_MAX];

	p->confirming = false;
	cdx_list_foreach(pos, &p->all) {
		struct purchase *b = cdx_list_entry(pos, struct purchase, link);

		if (!b->foreign && b->rec.state == CDX_PURCHASE_STARTED &&
		    b->rec.started_block + p->env->confirmations > p->head + 1)
			p->confirming = true;
		b->safe = false;
		if (b->foreign || !b->has_cid)
			continue;
		unsafe_why(b, why);
		b->safe = why[0] == '\0';
		if (b->safe && !b->rec.safe) {
			b->rec.safe = true;
			purchase_save(b, false);
		}
		views_add(views, b);
	}
	cdx_list_foreach(pos, &p->segs) {
		struct purchase_seg *s =
			cdx_list_entry(pos, struct purchase_seg, link);
		const struct purchase_view *v =
			s->is.is_protected
				? cdx_map_get(views,
					      purchase_key_of(
						      s->is.verifiable.digest))
				: NULL;

		s->safe = v != NULL && v->safe &&
			  cdx_cid_equal(&v->verifiable, &s->is.verifiable);
	}
}

/* What the patrol has said */
static void hear_patrol(struct cdx_purchasing *p)
{
	pthread_mutex_lock(&p->mu);
	cdx_list_foreach(pos, &p->all) {
		struct purchase *b = cdx_list_entry(pos, struct purchase, link);
		uintptr_t bad = (uintptr_t)cdx_map_get(
			&p->patrolled, purchase_key_of(b->verifiable.digest));

		b->bad = bad > 0 ? (unsigned)(bad - 1) : 0;
	}
	p->patrol_news = false;
	pthread_mutex_unlock(&p->mu);
}

void purchase_refresh(struct cdx_purchasing *p)
{
	struct cdx_purchasing_stats st = {.unpaid = 0};
	struct cdx_map views = {.slots = NULL};
	struct cdx_map old;
	bool differ;

	p->stale = false;
	hear_patrol(p);
	purchase_fund(p);
	judge(p, &views);
	count(p, &st);
	alarm_unsafe(p, &views, &st);
	alarm_unpaid(p, &st);
	alarm_trouble(p, &st);
	pthread_mutex_lock(&p->mu);
	cdx_list_foreach(pos, &p->all)
		purchase_show(cdx_list_entry(pos, struct purchase, link));
	if (st.alarm[0] != '\0' && strcmp(st.alarm, p->stats.alarm) != 0)
		cdx_log(p->env->log, WARN, "purchasing", "%s", st.alarm);
	p->stats = st;
	differ = views_differ(&p->views, &views);
	old = p->views;
	p->views = views;
	if (differ && p->has_volume) {
		p->changed = true;
		pthread_cond_signal(&p->cv);
	}
	pthread_mutex_unlock(&p->mu);
	views_free(&old);
}

/* ---- any thread ---- */

static bool view_of(struct cdx_purchasing *p, const struct cdx_cid *verifiable,
		    struct purchase_view *out)
{
	const struct purchase_view *v;
	bool found;

	pthread_mutex_lock(&p->mu);
	v = cdx_map_get(&p->views, purchase_key_of(verifiable->digest));
	found = v != NULL && cdx_cid_equal(&v->verifiable, verifiable);
	if (found)
		*out = *v;
	pthread_mutex_unlock(&p->mu);
	return found;
}

enum cdx_segment_stage cdx_purchasing_stage(struct cdx_purchasing *p,
					    const struct cdx_cid *verifiable)
{
	struct purchase_view v;

	return view_of(p, verifiable, &v) ? v.stage : CDX_SEGMENT_KEPT;
}

bool cdx_purchasing_safe(struct cdx_purchasing *p,
			 const struct cdx_cid *verifiable)
{
	struct purchase_view v;

	return view_of(p, verifiable, &v) && v.safe;
}

int cdx_purchasing_lasts(struct cdx_purchasing *p, int64_t *end, double *nines,
			 const struct cdx_cid *verifiable)
{
	struct purchase_view v;

	if (!view_of(p, verifiable, &v) || v.end == 0)
		return -ENODATA;
	*end = v.end;
	if (cdx_durability_ask(nines, &v.ask, v.filled, v.worst,
			       p->env->config.period,
			       CDX_DURABILITY_YEAR_S) < 0)
		*nines = 0;
	return 0;
}

void cdx_purchasing_patrolled(struct cdx_purchasing *p,
			      const struct cdx_cid *verifiable, uint32_t bad)
{
	/* CDX_SLOTS_MAX is far below what a pointer holds */
	void *val = (void *)(uintptr_t)((uintptr_t)bad + 1);

	pthread_mutex_lock(&p->mu);
	/* without memory the next round says it again */
	if (cdx_map_put(&p->patrolled, purchase_key_of(verifiable->digest),
			val) == 0)
		p->patrol_news = true;
	pthread_mutex_unlock(&p->mu);
}

void cdx_purchasing_stats(struct cdx_purchasing *p,
			  struct cdx_purchasing_stats *out)
{
	pthread_mutex_lock(&p->mu);
	*out = p->stats;
	pthread_mutex_unlock(&p->mu);
}

int cdx_purchasing_list(struct cdx_purchasing *p, cdx_purchase_fn *fn,
			void *arg)
{
	struct cdx_purchase_info *infos = NULL;
	size_t n = 0;
	int rc = 0;

	pthread_mutex_lock(&p->mu);
	cdx_list_foreach(pos, &p->all)
		n++;
	infos = calloc(n > 0 ? n : 1, sizeof(*infos));
	n = 0;
	if (infos != NULL)
		cdx_list_foreach(pos, &p->all) {
			const struct purchase *b =
				cdx_list_entry(pos, struct purchase, link);

			if (!b->foreign)
				infos[n++] = b->info;
		}
	pthread_mutex_unlock(&p->mu);
	if (infos == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = fn(arg, &infos[i]);
	free(infos);
	return rc < 0 ? rc : 0;
}

int cdx_purchasing_get(struct cdx_purchasing *p, const struct cdx_b32 *id,
		       struct cdx_purchase_info *out)
{
	int rc = -ENOENT;

	pthread_mutex_lock(&p->mu);
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (b->foreign || memcmp(b->id.b, id->b, sizeof(id->b)) != 0)
			continue;
		*out = b->info;
		rc = 0;
		break;
	}
	pthread_mutex_unlock(&p->mu);
	return rc;
}
