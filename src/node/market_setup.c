/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/await.h"
#include "base/err.h"
#include "node/market_internal.h"
#include "node/peers.h"

#define LOOK_MS 500u

/* ---- is there a chain? ---- */

struct look {
	struct cdx_node_market *m;
	bool known;
	char why[CDX_CHAIN_WHY_MAX];
};

static void look_at_head(void *arg, struct cdx_await *a)
{
	struct look *l = arg;
	const struct cdx_head *head = l->m->chain->head;

	l->known = cdx_head_latest(head) != NULL;
	snprintf(l->why, sizeof(l->why), "%s", cdx_head_why(head));
	cdx_await_done(a, 0);
}

/* The head's poller knows it as soon as an endpoint answers */
static int wait_for_chain(struct cdx_node_market *m,
			  char why[CDX_CHAIN_WHY_MAX])
{
	struct look l = {.m = m};
	int rc;

	for (;;) {
		rc = cdx_await(m->chain->loop, look_at_head, &l);
		if (rc < 0 || l.known)
			return rc;
		if (l.why[0] != '\0') {
			snprintf(
				why, CDX_CHAIN_WHY_MAX,
				"no endpoint of the chain can be used: %.900s; "
				"does the node run, and is rpc right?",
				l.why);
			cdx_node_market_say(m, CDX_MARKET_ROLES, why);
		}
		if (!cdx_node_market_wait(m, LOOK_MS, NULL))
			return -ECANCELED;
	}
}

/* ---- what it must be asked once ---- */

/* Guarded by m->mu once it was begun */
struct question {
	struct cdx_node_market *m;
	bool done;
	int rc;
	struct cdx_market_config config;
	char symbol[64];
	unsigned decimals;
	bool batches;
	char why[CDX_CHAIN_WHY_MAX];
};

static void answered(struct question *q, int rc, const char *what,
		     const struct cdx_revert *why)
{
	pthread_mutex_lock(&q->m->mu);
	q->done = true;
	q->rc = rc;
	if (rc < 0)
		snprintf(q->why, sizeof(q->why), "%s: %s", what,
			 why != NULL && why->words[0] != '\0'
				 ? why->words
				 : cdx_strerror(rc));
	pthread_cond_broadcast(&q->m->cv);
	pthread_mutex_unlock(&q->m->mu);
}

/* Codex's contract has no such function */
static void on_submitter(void *arg, int err,
			 const struct cdx_addr *v CDX_UNUSED,
			 const struct cdx_revert *why)
{
	struct question *q = arg;

	q->batches = err == 0;
	answered(q, err == CDX_E_CHAIN || err == CDX_E_FORMAT ? 0 : err,
		 "the marketplace does not answer", why);
}

static void on_token(void *arg, int err, const char *symbol, unsigned decimals,
		     const struct cdx_revert *why)
{
	static const char what[] = "the marketplace's token does not tell what "
				   "it is";
	const struct cdx_addr nobody = {{0}};
	struct question *q = arg;
	int rc = err;

	if (rc == 0) {
		snprintf(q->symbol, sizeof(q->symbol), "%.60s", symbol);
		q->decimals = decimals;
		rc = cdx_market_proof_submitter(q->m->chain->market, &nobody,
						on_submitter, q);
	}
	if (rc < 0)
		answered(q, rc, what, err < 0 ? why : NULL);
}

static void on_config(void *arg, int err,
		      const struct cdx_market_config *config,
		      const struct cdx_revert *why)
{
	static const char what[] =
		"the contract that marketplace in section [chain] names does "
		"not tell its configuration (is it the right address, on this "
		"chain?)";
	struct question *q = arg;
	int rc = err;

	if (rc == 0) {
		q->config = *config;
		rc = config->period == 0
			     ? CDX_E_FORMAT
			     : cdx_token_info(q->m->chain->market, on_token, q);
	}
	if (rc < 0)
		answered(q, rc, what, err < 0 ? why : NULL);
}

static void ask(void *arg, struct cdx_await *a)
{
	struct question *q = arg;

	cdx_await_done(a, cdx_market_configuration(q->m->chain->market,
						   on_config, q));
}

static void forget(void *arg, struct cdx_await *a)
{
	struct question *q = arg;

	cdx_marketplace_forget(q->m->chain->market, q);
	cdx_await_done(a, 0);
}

/* A turn of the loop that must be */
static void on_loop(struct cdx_node_market *m, cdx_await_fn *fn, void *arg)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	while (cdx_await(m->chain->loop, fn, arg) == -ENOMEM)
		nanosleep(&pause, NULL);
}

static int ask_and_wait(struct cdx_node_market *m, struct question *q)
{
	int rc = cdx_await(m->chain->loop, ask, q);

	if (rc < 0) {
		snprintf(q->why, sizeof(q->why), "%s", cdx_strerror(rc));
		return rc;
	}
	pthread_mutex_lock(&m->mu);
	while (!q->done && !m->stop)
		pthread_cond_wait(&m->cv, &m->mu);
	rc = q->done ? q->rc : -ECANCELED;
	pthread_mutex_unlock(&m->mu);
	if (rc == -ECANCELED)
		on_loop(m, forget, q);
	return rc;
}

/* The policy within what the contract takes */
static int fit_policy(struct cdx_node_market *m, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_purchase_policy *p = &m->conf.policy;
	uint64_t limit = m->env.config.duration_limit;

	if (p->terms.duration > limit)
		p->terms.duration = limit;
	if (p->renew_s > p->terms.duration / 4)
		p->renew_s = p->terms.duration / 4;
	if (!m->conf.buys || p->terms.expiry < p->terms.duration)
		return 0;
	snprintf(why, CDX_CHAIN_WHY_MAX,
		 "the marketplace takes requests of at most %llu seconds, and "
		 "buy-expiry is not below that; set it lower",
		 (unsigned long long)limit);
	return -EINVAL;
}

static int take_answers(struct cdx_node_market *m, const struct question *q,
			const struct cdx_conf_chain *cfg,
			char why[CDX_CHAIN_WHY_MAX])
{
	int rc;

	m->env = (struct cdx_market_env){
		.loop = m->chain->loop,
		.rpc = m->chain->rpc,
		.head = m->chain->head,
		.market = m->chain->market,
		.persist = m->chain->persist,
		.config = q->config,
		.confirmations = cfg->confirmations,
		.batches = q->batches,
		.store = m->n->store,
		.pool = m->n->pool,
		.exchange = cdx_peers_exchange(m->n->peers),
		.log = m->n->log,
	};
	m->conf = m->raw;
	rc = cdx_conf_market_scale(&m->conf, q->decimals, why);
	if (rc == 0)
		rc = fit_policy(m, why);
	if (rc < 0)
		return rc;
	atomic_store(&m->cur, &m->conf);
	pthread_mutex_lock(&m->mu);
	m->state.has_token = true;
	snprintf(m->state.symbol, sizeof(m->state.symbol), "%s", q->symbol);
	m->state.decimals = q->decimals;
	pthread_mutex_unlock(&m->mu);
	pthread_rwlock_wrlock(&m->lock);
	m->parts.config = q->config;
	m->ready = true;
	pthread_rwlock_unlock(&m->lock);
	return 0;
}

int cdx_node_market_probe(struct cdx_node_market *m,
			  char why[CDX_CHAIN_WHY_MAX])
{
	struct question q = {.m = m};
	const struct cdx_conf_chain *cfg;
	int rc = cdx_chain_conf(m->n->chain, NULL, &cfg, why);

	if (rc == 0)
		rc = cdx_chain_start(m->n->chain, &m->chain, why);
	if (rc < 0)
		return rc;
	if (m->chain->market == NULL) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "no marketplace is configured; name its contract with "
			 "marketplace in section [chain]");
		return -ENODATA;
	}
	rc = wait_for_chain(m, why);
	if (rc < 0)
		return rc;
	rc = ask_and_wait(m, &q);
	if (rc < 0) {
		snprintf(why, CDX_CHAIN_WHY_MAX, "%s", q.why);
		return rc;
	}
	return take_answers(m, &q, cfg, why);
}

/* ---- the parts, on the loop ---- */

struct build {
	struct cdx_node_market *m;
	bool want[CDX_MARKET_ROLES];
	bool has_client;
	struct cdx_addr client;
	int rc[CDX_MARKET_ROLES];
	struct cdx_market_events *events;
	struct cdx_market_parts parts;
};

/* That of an account; two of one account would overwrite each other */
static int allowance(struct cdx_node_market *m, enum cdx_chain_role role,
		     struct cdx_allowance **out)
{
	int rc = 0;

	for (unsigned i = 0; i < CDX_CHAIN_ROLES; i++)
		if (m->allowance[role] == NULL && m->allowance[i] != NULL &&
		    m->sender[i] == m->sender[role])
			m->allowance[role] = m->allowance[i];
	if (m->allowance[role] == NULL)
		rc = cdx_allowance_new(&m->allowance[role], &m->env,
				       m->sender[role]);
	*out = m->allowance[role];
	return rc;
}

static int build_buying(struct build *b)
{
	struct cdx_node_market *m = b->m;
	const struct cdx_purchase_volume volume = cdx_node_market_volume(m);
	struct cdx_purchasing_opts o = {
		.sender = m->sender[CDX_CHAIN_CLIENT],
		.events = b->events,
		.volume = &volume,
		.policy = m->conf.policy,
	};
	int rc = allowance(m, CDX_CHAIN_CLIENT, &o.allowance);

	return rc < 0 ? rc
		      : cdx_purchasing_new(&b->parts.purchasing, &m->env, &o);
}

static int build_selling(struct build *b)
{
	struct cdx_node_market *m = b->m;
	const struct cdx_prover_keys keys = cdx_node_market_keys(m);
	struct cdx_proving_opts po = {
		.sender = m->sender[CDX_CHAIN_PROVIDER],
		.events = b->events,
		.stake = m->conf.stake,
	};
	struct cdx_sales_opts so = {
		.sender = m->sender[CDX_CHAIN_PROVIDER],
		.events = b->events,
		.client = b->client,
		.has_client = b->has_client,
		.per_request = m->conf.per_request,
		.stake = m->conf.stake,
		.has_recipient = m->conf.has_recipient,
		.recipient = m->conf.recipient,
	};
	int rc = allowance(m, CDX_CHAIN_PROVIDER, &so.allowance);

	if (rc == 0)
		rc = cdx_prover_new(&b->parts.prover, &m->env, &keys);
	if (rc < 0)
		return rc;
	po.prover = b->parts.prover;
	so.prover = b->parts.prover;
	rc = cdx_proving_new(&b->parts.proving, &m->env, &po);
	so.proving = b->parts.proving;
	if (rc == 0)
		rc = cdx_sales_new(&b->parts.sales, &m->env, &so);
	if (rc < 0) {
		cdx_proving_free(b->parts.proving);
		cdx_prover_free(b->parts.prover);
		b->parts.proving = NULL;
		b->parts.prover = NULL;
	}
	return rc;
}

static int build_validating(struct build *b)
{
	struct cdx_node_market *m = b->m;
	struct cdx_validator_opts o = {
		.sender = m->sender[CDX_CHAIN_PROVIDER],
		.events = b->events,
		.groups = m->conf.groups,
		.group = m->conf.group,
		.max_slots = m->conf.max_slots,
		.stake = m->conf.stake,
	};

	return cdx_validator_new(&b->parts.validator, &m->env, &o);
}

static void build(void *arg, struct cdx_await *a)
{
	static int (*const make[CDX_MARKET_ROLES])(struct build *) = {
		[CDX_MARKET_BUYS] = build_buying,
		[CDX_MARKET_SELLS] = build_selling,
		[CDX_MARKET_VALIDATES] = build_validating,
	};
	struct build *b = arg;
	int rc = cdx_market_events_new(&b->events, &b->m->env);
	bool any = false;

	for (unsigned i = 0; i < CDX_MARKET_ROLES; i++) {
		if (!b->want[i])
			continue;
		b->rc[i] = rc < 0 ? rc : make[i](b);
		any = any || b->rc[i] == 0;
	}
	if (!any) {
		cdx_market_events_free(b->events);
		b->events = NULL;
	}
	cdx_await_done(a, 0);
}

/* ---- what a role needs before ---- */

/* Two senders of one account would use the same nonces */
static int sender(struct cdx_node_market *m, enum cdx_chain_role role,
		  char why[CDX_CHAIN_WHY_MAX])
{
	enum cdx_chain_role of = role;
	struct cdx_addr own;
	struct cdx_addr client;
	char none[CDX_CHAIN_WHY_MAX];
	int rc = cdx_chain_addr(m->n->chain, role, &own, why);

	if (rc == 0 && role == CDX_CHAIN_PROVIDER &&
	    cdx_chain_addr(m->n->chain, CDX_CHAIN_CLIENT, &client, none) == 0 &&
	    memcmp(own.b, client.b, sizeof(own.b)) == 0)
		of = CDX_CHAIN_CLIENT;
	return rc < 0 ? rc
		      : cdx_chain_sender(m->n->chain, of, &m->sender[role],
					 why);
}

static int prepare(struct cdx_node_market *m, enum cdx_market_role role,
		   char why[CDX_CHAIN_WHY_MAX])
{
	int rc = 0;

	why[0] = '\0';
	if (role == CDX_MARKET_BUYS)
		return sender(m, CDX_CHAIN_CLIENT, why);
	if (role == CDX_MARKET_SELLS)
		rc = cdx_node_market_find_key(m, why);
	return rc < 0 ? rc : sender(m, CDX_CHAIN_PROVIDER, why);
}

/* ---- all of it ---- */

static void keep_events(struct cdx_node_market *m, struct cdx_market_events *ev)
{
	unsigned i = 0;

	while (m->events[i] != NULL)
		i++;
	m->events[i] = ev;
}

/* What was made is there for others from now on */
static void publish(struct cdx_node_market *m, const struct build *b)
{
	const struct cdx_market_parts *p = &b->parts;

	if (b->events != NULL)
		keep_events(m, b->events);
	pthread_rwlock_wrlock(&m->lock);
	if (p->purchasing != NULL)
		m->parts.purchasing = p->purchasing;
	if (p->sales != NULL) {
		m->parts.sales = p->sales;
		m->parts.prover = p->prover;
		m->parts.proving = p->proving;
	}
	if (p->validator != NULL)
		m->parts.validator = p->validator;
	pthread_rwlock_unlock(&m->lock);
	pthread_mutex_lock(&m->mu);
	for (unsigned i = 0; i < CDX_MARKET_ROLES; i++)
		if (b->want[i] && b->rc[i] == 0)
			m->state.runs[i] = true;
	pthread_mutex_unlock(&m->mu);
}

/* The patrol, which has a thread of its own, and what looks after segments */
static int begin_watching(struct cdx_node_market *m)
{
	const struct cdx_patrol_opts o = cdx_node_market_patrol(m);
	const struct cdx_vol_stages stages = cdx_node_market_stages(m);
	struct cdx_patrol *patrol = NULL;
	int rc = 0;

	cdx_vol_set_stages(m->n->volume, &stages);
	if (m->conf.patrol_s > 0)
		rc = cdx_patrol_new(&patrol, &m->env, &o);
	if (rc == 0) {
		pthread_rwlock_wrlock(&m->lock);
		m->parts.patrol = patrol;
		pthread_rwlock_unlock(&m->lock);
	}
	return rc < 0 ? rc : cdx_node_market_back_start(m);
}

/* What comes with a role that has just begun */
static void begun(struct cdx_node_market *m, enum cdx_market_role role)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	int rc = 0;

	if (role == CDX_MARKET_BUYS)
		rc = begin_watching(m);
	else if (role == CDX_MARKET_SELLS) {
		rc = cdx_node_market_offer(m, why);
		if (rc == 0)
			cdx_sales_offers_changed(m->parts.sales);
	}
	if (rc < 0 && why[0] == '\0')
		snprintf(why, sizeof(why), "%s", cdx_strerror(rc));
	cdx_node_market_say(m, role, why);
}

bool cdx_node_market_make(struct cdx_node_market *m)
{
	char why[CDX_CHAIN_WHY_MAX];
	struct build b = {.m = m};
	bool all = true;
	bool any = false;

	for (unsigned i = 0; i < CDX_MARKET_ROLES; i++) {
		if (!m->state.wanted[i] || m->state.runs[i])
			continue;
		b.want[i] = prepare(m, i, why) == 0;
		any = any || b.want[i];
		if (b.want[i])
			continue;
		all = false;
		cdx_node_market_say(m, i, why);
	}
	if (!any)
		return all;
	b.has_client =
		m->conf.buys && cdx_chain_addr(m->n->chain, CDX_CHAIN_CLIENT,
					       &b.client, why) == 0;
	on_loop(m, build, &b);
	publish(m, &b);
	for (unsigned i = 0; i < CDX_MARKET_ROLES; i++) {
		if (!b.want[i])
			continue;
		all = all && b.rc[i] == 0;
		if (b.rc[i] == 0)
			begun(m, i);
		else
			cdx_node_market_say(m, i, cdx_strerror(b.rc[i]));
	}
	return all;
}

/* ---- and back ---- */

struct undo {
	struct cdx_node_market *m;
	struct cdx_market_parts parts;
};

static void take_apart(void *arg, struct cdx_await *a)
{
	struct undo *u = arg;
	struct cdx_node_market *m = u->m;

	cdx_sales_free(u->parts.sales);
	cdx_validator_free(u->parts.validator);
	cdx_proving_free(u->parts.proving);
	cdx_prover_free(u->parts.prover);
	cdx_purchasing_free(u->parts.purchasing);
	if (m->allowance[CDX_CHAIN_PROVIDER] != m->allowance[CDX_CHAIN_CLIENT])
		cdx_allowance_free(m->allowance[CDX_CHAIN_PROVIDER]);
	cdx_allowance_free(m->allowance[CDX_CHAIN_CLIENT]);
	for (unsigned i = 0; i < CDX_MARKET_ROLES; i++)
		cdx_market_events_free(m->events[i]);
	cdx_await_done(a, 0);
}

void cdx_node_market_unmake(struct cdx_node_market *m)
{
	struct undo u = {.m = m};

	/* who uses them now ends first */
	pthread_rwlock_wrlock(&m->lock);
	u.parts = m->parts;
	memset(&m->parts, 0, sizeof(m->parts));
	m->ready = false;
	pthread_rwlock_unlock(&m->lock);
	cdx_patrol_free(u.parts.patrol);
	if (m->chain != NULL)
		on_loop(m, take_apart, &u);
}
