/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MARKET_PURCHASING_KIT_H
#define CDX_TESTS_MARKET_PURCHASING_KIT_H

/* A client that buys, over market_kit.h: purchasing with what it needs, a volume of
 * segments that the test makes up, and looks at what became of a purchase.  Include
 * after cmocka.h. */

#include <pthread.h>

#include "market/allowance.h"
#include "market/events.h"
#include "market/purchase_record.h"
#include "market/purchasing.h"
#include "tests/market/market_kit.h"

#define BK_SEGMENTS_MAX 16u
#define BK_DURATION 12000u
#define BK_EXPIRY 1500u
#define BK_RENEW 600u
/* what cdx_buy_lead makes of these */
#define BK_LEAD (BK_RENEW + 2 * BK_EXPIRY)

/* The volume */
struct bk_volume {
	pthread_mutex_t mu;
	struct cdx_market_segment seg[BK_SEGMENTS_MAX];
	unsigned n;
	uint64_t newest;
	unsigned published;
	unsigned changed;
	uint64_t compacted; /* the last area */
	unsigned compactions;
	unsigned rounds;
	int compact_rc;
	int publish_rc;
};

struct bk {
	struct mk kit;
	struct pk_data more[3]; /* protected datasets beside the kit's */
	struct mk_account client;
	struct mk_account host[3];
	struct cdx_allowance *allowance;
	struct cdx_market_events *events;
	struct cdx_purchasing *p;
	struct bk_volume v;
	struct cdx_purchase_policy policy;
	bool no_volume;
	unsigned retry_s;
};

/* ---- the volume's functions, on purchasing's thread ---- */

static inline int bk_list(void *arg, cdx_market_segment_fn *fn, void *fn_arg)
{
	struct bk_volume *v = arg;
	int rc = 0;

	pthread_mutex_lock(&v->mu);
	v->rounds++;
	for (unsigned i = 0; i < v->n && rc >= 0; i++)
		rc = fn(fn_arg, &v->seg[i]);
	pthread_mutex_unlock(&v->mu);
	return rc;
}

static inline uint64_t bk_newest(void *arg)
{
	struct bk_volume *v = arg;
	uint64_t newest;

	pthread_mutex_lock(&v->mu);
	newest = v->newest;
	pthread_mutex_unlock(&v->mu);
	return newest;
}

static inline int bk_compact(void *arg, uint64_t area)
{
	struct bk_volume *v = arg;
	int rc;

	pthread_mutex_lock(&v->mu);
	v->compacted = area;
	v->compactions++;
	rc = v->compact_rc;
	pthread_mutex_unlock(&v->mu);
	return rc;
}

static inline int bk_publish(void *arg, const struct cdx_cid *verifiable)
{
	struct bk_volume *v = arg;
	int rc;

	(void)verifiable;
	pthread_mutex_lock(&v->mu);
	v->published++;
	rc = v->publish_rc;
	pthread_mutex_unlock(&v->mu);
	return rc;
}

static inline void bk_changed(void *arg)
{
	struct bk_volume *v = arg;

	pthread_mutex_lock(&v->mu);
	v->changed++;
	pthread_mutex_unlock(&v->mu);
}

/* ---- begin and end ---- */

static inline void bk_open_here(void *arg)
{
	struct bk *w = arg;
	struct cdx_purchase_volume volume = {.list = bk_list,
					     .newest = bk_newest,
					     .compact = bk_compact,
					     .publish = bk_publish,
					     .changed = bk_changed,
					     .arg = &w->v};
	struct cdx_purchasing_opts opts = {.sender = w->client.sender,
					   .policy = w->policy,
					   .poll_s = 1,
					   .reconcile_s = 2,
					   .retry_s = w->retry_s};

	memset(volume.location.b, 7, sizeof(volume.location.b));
	opts.volume = w->no_volume ? NULL : &volume;
	assert_int_equal(cdx_allowance_new(&w->allowance, &w->kit.env,
					   w->client.sender),
			 0);
	assert_int_equal(cdx_market_events_new(&w->events, &w->kit.env), 0);
	opts.allowance = w->allowance;
	opts.events = w->events;
	assert_int_equal(cdx_purchasing_new(&w->p, &w->kit.env, &opts), 0);
}

static inline void bk_close_here(void *arg)
{
	struct bk *w = arg;

	cdx_purchasing_free(w->p);
	cdx_market_events_free(w->events);
	cdx_allowance_free(w->allowance);
	w->p = NULL;
}

/* The process begins, and ends as if it was killed: what is not durable is lost,
 * nothing is told */
static inline void bk_open(struct bk *w)
{
	mk_on_loop(&w->kit, bk_open_here, w);
}

static inline void bk_close(struct bk *w)
{
	if (w->p != NULL)
		mk_on_loop(&w->kit, bk_close_here, w);
}

static inline void bk_restart(struct bk *w)
{
	bk_close(w);
	mk_sender_drop(&w->kit, &w->client);
	mk_sender_make(&w->kit, &w->client);
	bk_open(w);
}

/* All that a program's tests share */
static inline void bk_start(struct bk *w, const char *what, char **argv,
			    bool gate)
{
	const struct cdx_protect_opts opts = pk_opts(2, 1);

	mk_start(&w->kit, what, argv, &(struct mk_opts){.gate = gate});
	for (unsigned i = 0; i < 3; i++) {
		mk_account(&w->kit, &w->host[i]);
		pk_add(&w->kit.store, &w->more[i], &w->kit.seed, NULL, 600000,
		       65536);
		pk_protect(&w->kit.store, &w->more[i], &opts);
	}
}

static inline void bk_stop(struct bk *w)
{
	for (unsigned i = 0; i < 3; i++) {
		mk_sender_drop(&w->kit, &w->host[i]);
		pk_free(&w->more[i]);
	}
	mk_stop(&w->kit);
}

/* A client of its own for a test, that buys at once what there is */
static inline void bk_client(struct bk *w)
{
	memset(&w->v, 0, sizeof(w->v));
	pthread_mutex_init(&w->v.mu, NULL);
	w->no_volume = false;
	w->retry_s = 1;
	w->policy = (struct cdx_purchase_policy){
		.terms = {.duration = BK_DURATION,
			  .expiry = BK_EXPIRY,
			  .proof_probability = cdx_u256_of(1),
			  .price = cdx_u256_of(4),
			  .collateral = cdx_u256_of(1)},
		.max_price = cdx_u256_of(4),
		.renew_s = BK_RENEW,
		.live_percent = 50,
		.budget_s = 2592000,
	};
	mk_account(&w->kit, &w->client);
}

struct bk_keys {
	char key[64][CDX_PURCHASE_KEY_MAX];
	unsigned n;
};

static inline int bk_key(void *arg, const char *key, const void *val,
			 size_t len)
{
	struct bk_keys *k = arg;

	(void)val;
	(void)len;
	assert_true(k->n < 64 && strlen(key) < CDX_PURCHASE_KEY_MAX);
	memcpy(k->key[k->n++], key, strlen(key) + 1);
	return 0;
}

static inline void bk_forget_here(void *arg)
{
	const struct bk *w = arg;
	const struct cdx_persist *persist = w->kit.env.persist;
	struct bk_keys k = {.n = 0};

	assert_int_equal(persist->list(persist->arg, CDX_PURCHASE_PREFIX,
				       bk_key, &k),
			 0);
	for (unsigned i = 0; i < k.n; i++)
		assert_int_equal(
			persist->del(persist->arg, k.key[i], NULL, NULL), 0);
}

/* The next one has a store of its own, so to speak */
static inline void bk_client_end(struct bk *w)
{
	bk_close(w);
	mk_on_loop(&w->kit, bk_forget_here, w);
	mk_sender_drop(&w->kit, &w->client);
	pthread_mutex_destroy(&w->v.mu);
}

/* ---- segments ---- */

/* A protected one, all of it live; changed if it is there */
static inline void bk_segment(struct bk *w, uint64_t area,
			      const struct cdx_cid *cid, uint64_t live)
{
	unsigned i = 0;

	pthread_mutex_lock(&w->v.mu);
	while (i < w->v.n && w->v.seg[i].area != area)
		i++;
	assert_true(i < BK_SEGMENTS_MAX);
	if (i == w->v.n)
		w->v.n++;
	w->v.seg[i] = (struct cdx_market_segment){.area = area,
						  .is_protected = cid != NULL,
						  .bytes = 600000,
						  .live = live,
						  .sealed = 1};
	if (cid != NULL)
		w->v.seg[i].verifiable = *cid;
	if (area > w->v.newest)
		w->v.newest = area;
	pthread_mutex_unlock(&w->v.mu);
}

static inline void bk_segment_gone(struct bk *w, uint64_t area)
{
	pthread_mutex_lock(&w->v.mu);
	for (unsigned i = 0; i < w->v.n; i++)
		if (w->v.seg[i].area == area)
			w->v.seg[i] = w->v.seg[--w->v.n];
	pthread_mutex_unlock(&w->v.mu);
}

/* ---- what became of it ---- */

struct bk_find {
	struct bk *w;
	uint64_t area;
	uint32_t generation;
	enum cdx_purchase_state state;
	struct cdx_purchase_info info;
	bool found;
	unsigned n;
};

static inline int bk_find_one(void *arg, const struct cdx_purchase_info *info)
{
	struct bk_find *f = arg;

	f->n++;
	if (info->area == f->area && info->generation == f->generation) {
		f->info = *info;
		f->found = true;
	}
	return 0;
}

static inline bool bk_look(struct bk_find *f)
{
	f->found = false;
	f->n = 0;
	assert_int_equal(cdx_purchasing_list(f->w->p, bk_find_one, f), 0);
	return f->found;
}

static inline bool bk_is(void *arg)
{
	struct bk_find *f = arg;

	/* its end is known a little later than its state */
	return bk_look(f) && f->info.state == f->state &&
	       (f->state != CDX_PURCHASE_SUBMITTED || f->info.end != 0);
}

/* Until the request of this area and generation is so */
static inline struct cdx_purchase_info bk_until(struct bk *w, uint64_t area,
						uint32_t generation,
						enum cdx_purchase_state state)
{
	struct bk_find f = {
		.w = w, .area = area, .generation = generation, .state = state};

	mk_until(&w->kit, bk_is, &f, cdx_purchase_state_name(state));
	return f.info;
}

static inline unsigned bk_count(struct bk *w)
{
	struct bk_find f = {.w = w};

	(void)bk_look(&f);
	return f.n;
}

static inline bool bk_has(struct bk *w, uint64_t area, uint32_t generation)
{
	struct bk_find f = {.w = w, .area = area, .generation = generation};

	return bk_look(&f);
}

static inline bool bk_rounds_reached(void *arg)
{
	const unsigned *want = ((void **)arg)[1];
	struct bk *w = ((void **)arg)[0];
	bool yes;

	pthread_mutex_lock(&w->v.mu);
	yes = w->v.rounds >= *want;
	pthread_mutex_unlock(&w->v.mu);
	return yes;
}

/* Two whole looks at the volume, and what comes of the first of them */
static inline void bk_rounds(struct bk *w)
{
	unsigned want;
	void *arg[2] = {w, &want};

	pthread_mutex_lock(&w->v.mu);
	want = w->v.rounds + 2;
	pthread_mutex_unlock(&w->v.mu);
	mk_until(&w->kit, bk_rounds_reached, arg, "looks at the volume");
}

/* As the kit's own requests are */
static inline struct mk_request bk_request(const struct cdx_purchase_info *info)
{
	struct mk_request rq = {.r = info->what};

	mk_request_ids(&rq);
	return rq;
}

/* All slots of a request for the kit's dataset, by three hosts */
static inline void bk_fill_all(struct bk *w,
			       const struct cdx_purchase_info *info)
{
	struct mk_request rq = bk_request(info);

	for (unsigned i = 0; i < 3; i++)
		mk_fill(&w->kit, &w->host[i], &rq, i);
}

static inline bool bk_safe(void *arg)
{
	struct bk *w = arg;

	return cdx_purchasing_safe(w->p, &w->kit.data.verifiable);
}

static inline bool bk_unsafe(void *arg)
{
	return !bk_safe(arg);
}

#endif
