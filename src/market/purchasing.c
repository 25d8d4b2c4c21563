/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/purchasing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "eth/revert.h"
#include "market/purchase_internal.h"

#define TICK_NS UINT64_C(1000000000)

const char *cdx_purchase_state_name(enum cdx_purchase_state state)
{
	static const char *const names[CDX_PURCHASE_STATES] = {
		[CDX_PURCHASE_PENDING] = "pending",
		[CDX_PURCHASE_SUBMITTED] = "submitted",
		[CDX_PURCHASE_STARTED] = "started",
		[CDX_PURCHASE_FINISHED] = "finished",
		[CDX_PURCHASE_CANCELLED] = "cancelled",
		[CDX_PURCHASE_FAILED] = "failed",
		[CDX_PURCHASE_ERRORED] = "errored",
		[CDX_PURCHASE_UNKNOWN] = "unknown",
	};

	return state < CDX_PURCHASE_STATES ? names[state] : "unknown";
}

uint64_t purchase_key_of(const uint8_t *bytes)
{
	return cdx_get_be64(bytes);
}

void purchase_amount(const struct cdx_purchasing *p,
		     char out[PURCHASE_AMOUNT_MAX],
		     const struct cdx_u256 *amount)
{
	char text[CDX_U256_TEXT_MAX + 2];

	if (p->has_info)
		cdx_u256_units(text, amount, p->decimals);
	else
		cdx_u256_dec(text, amount);
	snprintf(out, PURCHASE_AMOUNT_MAX, "%s %.64s", text,
		 p->has_info ? p->symbol : "units");
}

/* ---- purchases ---- */

struct purchase *purchase_find(const struct cdx_purchasing *p,
			       const struct cdx_b32 *id)
{
	struct purchase *b = cdx_map_get(&p->by_id, purchase_key_of(id->b));

	return b != NULL && memcmp(b->id.b, id->b, sizeof(id->b)) == 0 ? b
								       : NULL;
}

static bool is_foreign(const struct cdx_purchasing *p,
		       const struct cdx_purchase_rec *rec)
{
	const struct cdx_addr *here = cdx_marketplace_addr(p->env->market);

	return rec->chain_id != p->chain_id ||
	       memcmp(rec->contract.b, here->b, sizeof(here->b)) != 0 ||
	       memcmp(rec->what.client.b, p->client.b, sizeof(p->client.b)) !=
		       0;
}

/* Behind those that were made before it */
static void insert(struct cdx_purchasing *p, struct purchase *b)
{
	struct cdx_list *pos = p->all.prev;

	while (pos != &p->all &&
	       cdx_list_entry(pos, struct purchase, link)->rec.created >
		       b->rec.created)
		pos = pos->prev;
	cdx_list_add(pos, &b->link);
}

void purchase_date(struct purchase *b, int64_t created)
{
	pthread_mutex_lock(&b->p->mu);
	cdx_list_del(&b->link);
	b->rec.created = created;
	insert(b->p, b);
	pthread_mutex_unlock(&b->p->mu);
}

/* The last of its segment's, if it is */
static int is_last(struct purchase *b)
{
	uint64_t key = purchase_key_of(b->verifiable.digest);
	const struct purchase *old = cdx_map_get(&b->p->last, key);

	if (b->foreign || b->rec.area == 0 || !b->has_cid ||
	    (old != NULL && old->rec.generation > b->rec.generation))
		return 0;
	return cdx_map_put(&b->p->last, key, b);
}

/* It goes: the one before it is the last */
static void not_last(struct purchase *b)
{
	uint64_t key = purchase_key_of(b->verifiable.digest);

	if (cdx_map_get(&b->p->last, key) != b)
		return;
	(void)cdx_map_del(&b->p->last, key);
	cdx_list_foreach(pos, &b->p->all) {
		struct purchase *o = cdx_list_entry(pos, struct purchase, link);

		/* without memory it is as if nothing was bought, until the next
		 * start */
		if (o != b && cdx_cid_equal(&o->verifiable, &b->verifiable))
			(void)!is_last(o);
	}
}

struct purchase *purchase_add(struct cdx_purchasing *p,
			      const struct cdx_purchase_rec *rec)
{
	struct purchase *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->p = p;
	b->rec = *rec;
	cdx_list_init(&b->link);
	b->foreign = is_foreign(p, rec);
	b->has_cid = cdx_cid_decode(&b->verifiable, rec->what.cid,
				    rec->what.cid_len) == 0;
	if (cdx_ask_max_price(&b->price, &rec->what.ask) < 0)
		b->price = cdx_u256_max;
	if (cdx_request_id(&b->id, &rec->what) < 0 ||
	    cdx_map_get(&p->by_id, purchase_key_of(b->id.b)) != NULL ||
	    purchase_slots_new(b) < 0 || is_last(b) < 0 ||
	    cdx_map_put(&p->by_id, purchase_key_of(b->id.b), b) < 0) {
		not_last(b);
		purchase_slots_free(b);
		free(b);
		return NULL;
	}
	pthread_mutex_lock(&p->mu);
	purchase_show(b);
	insert(p, b);
	pthread_mutex_unlock(&p->mu);
	p->stale = true;
	return b;
}

void purchase_drop(struct purchase *b)
{
	struct cdx_purchasing *p = b->p;

	p->env->persist->forget(p->env->persist->arg, b);
	cdx_marketplace_forget(p->env->market, b);
	cdx_sender_forget(p->opts.sender, b);
	cdx_allowance_release(b->hold);
	cdx_head_alarm_del(b->alarm);
	purchase_ask_forget(b);
	not_last(b);
	purchase_slots_free(b);
	(void)cdx_map_del(&p->by_id, purchase_key_of(b->id.b));
	pthread_mutex_lock(&p->mu);
	cdx_list_del(&b->link);
	pthread_mutex_unlock(&p->mu);
	if (b->await != NULL)
		cdx_await_done(b->await, -ECANCELED);
	p->stale = true;
	free(b);
}

static void on_durable(void *arg, int err)
{
	struct purchase *b = arg;
	struct cdx_await *a = b->await;

	b->await = NULL;
	b->durable = err == 0;
	b->unsaved = err < 0;
	if (a != NULL && err < 0) {
		/* who asked for it is told so, and may ask again */
		b->rec.state = CDX_PURCHASE_ERRORED;
		b->rec.settled = true;
		b->rec.ended = cdx_clock_wall_s();
		snprintf(b->rec.error, sizeof(b->rec.error),
			 "it could not be written down, and was not sent");
		b->p->stale = true;
	}
	if (a != NULL)
		cdx_await_done(a, err);
	/* else with the next tick: the disk may be full for long */
	if (err == 0)
		purchase_soon(b->p);
}

void purchase_save(struct purchase *b, bool tell)
{
	const struct cdx_persist *persist = b->p->env->persist;
	char key[CDX_PURCHASE_KEY_MAX];
	struct cdx_buf val = {.p = NULL};
	int rc = cdx_purchase_rec_encode(&val, &b->rec);

	tell = tell || !b->durable;
	cdx_purchase_key(key, &b->id);
	if (rc == 0)
		rc = persist->put(persist->arg, key, val.p, val.len,
				  tell ? on_durable : NULL, b);
	cdx_buf_free(&val);
	b->unsaved = rc < 0;
	if (rc < 0)
		cdx_log(b->p->env->log, ERROR, "purchasing",
			"a purchase cannot be written down: %s",
			cdx_strerror(rc));
}

/* The next request for this segment: one more than any, of whatever chain */
static uint32_t next_generation(const struct cdx_purchasing *p, uint64_t area)
{
	uint32_t next = 0;

	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (b->rec.area == area && b->rec.generation >= next)
			next = b->rec.generation + 1;
	}
	return next;
}

static int set_nonce(const struct cdx_purchasing *p,
		     struct cdx_purchase_rec *rec)
{
	struct cdx_nonce_what what = {.kind = CDX_NONCE_SEGMENT,
				      .number = rec->area,
				      .generation = rec->generation};

	if (rec->area == 0) {
		cdx_random(rec->what.nonce.b, sizeof(rec->what.nonce.b));
		return 0;
	}
	cdx_random(what.random, sizeof(what.random));
	return cdx_nonce_make(&rec->what.nonce, &p->volume.location, &what);
}

static int over_budget(const struct cdx_purchasing *p,
		       const struct cdx_u256 *price,
		       const struct cdx_u256 *missing,
		       char why[CDX_MARKET_WHY_MAX])
{
	char cost[PURCHASE_AMOUNT_MAX];
	char more[PURCHASE_AMOUNT_MAX];

	purchase_amount(p, cost, price);
	purchase_amount(p, more, missing);
	snprintf(why, CDX_MARKET_WHY_MAX,
		 "the budget does not allow it: it costs up to %s, for which "
		 "the budget would have to be %s more; budget in section "
		 "[market] says what may be spent",
		 cost, more);
	return CDX_E_QUOTA;
}

int purchase_make(struct cdx_purchasing *p, struct purchase **out,
		  const struct cdx_storage_request *what, uint64_t area,
		  char why[CDX_MARKET_WHY_MAX])
{
	struct cdx_purchase_rec rec = {
		.state = CDX_PURCHASE_PENDING,
		.chain_id = p->chain_id,
		.contract = *cdx_marketplace_addr(p->env->market),
		.area = area,
		.created = cdx_clock_wall_s(),
		.what = *what};
	struct cdx_u256 missing;
	struct cdx_u256 price;
	int rc;

	if (cdx_ask_max_price(&price, &what->ask) < 0) {
		snprintf(why, CDX_MARKET_WHY_MAX,
			 "the price of all slots together is no number that "
			 "the contract takes");
		return -EINVAL;
	}
	if (!purchase_budget(p, &price, &missing))
		return over_budget(p, &price, &missing, why);
	if (area != 0)
		rec.generation = next_generation(p, area);
	rc = set_nonce(p, &rec);
	if (rc < 0)
		return rc;
	*out = purchase_add(p, &rec);
	if (*out == NULL)
		return -ENOMEM;
	purchase_save(*out, true);
	if ((*out)->unsaved) {
		purchase_drop(*out);
		*out = NULL;
		snprintf(why, CDX_MARKET_WHY_MAX,
			 "the request cannot be written down");
		return -EIO;
	}
	return 0;
}

/* ---- turns ---- */

static bool patrol_spoke(struct cdx_purchasing *p)
{
	bool news;

	pthread_mutex_lock(&p->mu);
	news = p->patrol_news;
	pthread_mutex_unlock(&p->mu);
	return news;
}

static void on_turn(void *arg)
{
	struct cdx_purchasing *p = arg;

	cdx_loop_timer_del(p->turn);
	p->turn = NULL;
	purchase_reconcile(p);
	/* some get another place by it */
	cdx_list_foreach_safe(pos, tmp, &p->all)
		purchase_go(cdx_list_entry(pos, struct purchase, link));
	purchase_ask_flush(p);
	if (p->stale || patrol_spoke(p))
		purchase_refresh(p);
}

void purchase_soon(struct cdx_purchasing *p)
{
	/* without memory the next tick does it */
	if (p->turn == NULL &&
	    cdx_loop_timer_add(p->env->loop, &p->turn, 0, 0, on_turn, p) < 0)
		p->turn = NULL;
}

static void on_tick(void *arg)
{
	purchase_soon(arg);
}

/* ---- the object ---- */

static void take_opts(struct cdx_purchasing *p,
		      const struct cdx_purchasing_opts *opts)
{
	struct cdx_purchase_terms *terms = &p->opts.policy.terms;

	p->opts = *opts;
	if (opts->volume != NULL) {
		p->volume = *opts->volume;
		p->has_volume = true;
	}
	p->opts.volume = &p->volume;
	if (p->opts.poll_s == 0)
		p->opts.poll_s = 10;
	if (p->opts.reconcile_s == 0)
		p->opts.reconcile_s = 300;
	if (p->opts.retry_s == 0)
		p->opts.retry_s = 600;
	if (terms->duration > p->env->config.duration_limit)
		terms->duration = p->env->config.duration_limit;
	p->client = *cdx_sender_addr(opts->sender);
}

int cdx_purchasing_new(struct cdx_purchasing **out,
		       const struct cdx_market_env *env,
		       const struct cdx_purchasing_opts *opts)
{
	struct cdx_purchasing *p = calloc(1, sizeof(*p));
	int rc;

	*out = NULL;
	if (p == NULL)
		return -ENOMEM;
	p->env = env;
	p->event = -1;
	cdx_list_init(&p->all);
	cdx_list_init(&p->asks);
	cdx_list_init(&p->batches);
	cdx_list_init(&p->segs);
	cdx_list_init(&p->work);
	cdx_list_init(&p->worked);
	pthread_mutex_init(&p->mu, NULL);
	take_opts(p, opts);
	rc = cdx_rpc_chain_id(env->rpc) != 0 ? purchase_watch_begin(p)
					     : -EAGAIN;
	if (rc == 0)
		rc = purchase_thread_begin(p);
	if (rc == 0)
		rc = cdx_loop_timer_add(env->loop, &p->tick, TICK_NS, TICK_NS,
					on_tick, p);
	if (rc < 0) {
		cdx_purchasing_free(p);
		return rc;
	}
	purchase_soon(p);
	*out = p;
	return 0;
}

void cdx_purchasing_free(struct cdx_purchasing *p)
{
	if (p == NULL)
		return;
	purchase_thread_end(p);
	purchase_watch_end(p);
	cdx_loop_timer_del(p->tick);
	cdx_loop_timer_del(p->turn);
	cdx_marketplace_forget(p->env->market, p);
	cdx_list_foreach_safe(pos, tmp, &p->all)
		purchase_drop(cdx_list_entry(pos, struct purchase, link));
	purchase_ask_end(p);
	purchase_segs_free(p);
	purchase_views_free(p);
	cdx_map_free(&p->by_id);
	cdx_map_free(&p->by_slot);
	cdx_map_free(&p->last);
	pthread_mutex_destroy(&p->mu);
	cdx_wipe(&p->volume.location, sizeof(p->volume.location));
	free(p);
}

/* ---- asked for ---- */

struct want {
	struct cdx_purchasing *p;
	struct cdx_storage_request request;
	struct cdx_b32 id;
	char *why;
};

static void want_here(void *arg, struct cdx_await *a)
{
	struct want *w = arg;
	struct purchase *b = NULL;
	int rc = purchase_make(w->p, &b, &w->request, 0, w->why);

	if (rc < 0) {
		cdx_await_done(a, rc);
		return;
	}
	w->id = b->id;
	b->await = a;
}

/* What the contract would say */
static int check(const struct cdx_purchasing *p,
		 const struct cdx_storage_request *r,
		 char why[CDX_MARKET_WHY_MAX])
{
	int code = cdx_storage_request_check(r, &p->client,
					     p->env->config.duration_limit);
	struct cdx_revert words;

	if (code == 0)
		return 0;
	cdx_revert_of_code(&words, (enum cdx_revert_code)code);
	snprintf(why, CDX_MARKET_WHY_MAX, "%s", words.words);
	return -EINVAL;
}

int cdx_purchasing_request(struct cdx_purchasing *p, struct cdx_b32 *id,
			   const struct cdx_cid *verifiable,
			   const struct cdx_purchase_terms *terms,
			   char why[CDX_MARKET_WHY_MAX])
{
	struct want w = {.p = p, .why = why};
	struct cdx_storage_request *r = &w.request;
	int rc;

	why[0] = '\0';
	rc = purchase_request_of(p, r, verifiable, why);
	if (rc < 0)
		return rc;
	r->client = p->client;
	r->expiry = terms->expiry;
	r->ask.duration = terms->duration;
	r->ask.proof_probability = terms->proof_probability;
	r->ask.price = terms->price;
	r->ask.collateral = terms->collateral;
	rc = check(p, r, why);
	if (rc == 0)
		rc = cdx_await(p->env->loop, want_here, &w);
	if (rc < 0)
		return rc;
	*id = w.id;
	return 0;
}
