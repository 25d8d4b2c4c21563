/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "crypto/cert.h"
#include "node/peers_internal.h"
#include "store/cache.h"
#include "store/public.h"

#define WITHDRAW_MS 2000u
#define PLACE_NS UINT64_C(30000000000)
#define TICK_NS 1000000000
#define PEM_MAX (256u << 10)
/* The cache's share where nobody has said it */
#define CACHE_MAX (UINT64_C(1) << 30)
#define CACHE_PART 16u
/* How often configured peers that have not answered are asked again */
#define CALL_AGAIN_NS UINT64_C(60000000000)
/* Between tests of whether others reach us */
#define DIAL_S 1800u

/* ---- files of TLS ---- */

static int read_pem(char **out, const char *file, char why[CDX_PEERS_WHY_MAX])
{
	char *text = malloc(PEM_MAX + 1);
	ssize_t n;

	if (text == NULL)
		return -ENOMEM;
	n = cdx_file_read(AT_FDCWD, file, text, PEM_MAX);
	if (n < 0) {
		snprintf(why, CDX_PEERS_WHY_MAX, "cannot read %.300s: %s", file,
			 cdx_strerror((int)n));
		free(text);
		return (int)n;
	}
	text[n] = '\0';
	*out = text;
	return 0;
}

static int read_tls(struct cdx_peers *p, char why[CDX_PEERS_WHY_MAX])
{
	int rc;

	if (p->conf.tls_cert == NULL)
		return 0;
	rc = read_pem(&p->tls_cert, p->conf.tls_cert, why);
	if (rc == 0)
		rc = read_pem(&p->tls_key, p->conf.tls_key, why);
	if (rc == 0) {
		rc = cdx_cert_key_digest(&p->tls_digest, p->tls_cert);
		if (rc == CDX_E_FORMAT)
			snprintf(why, CDX_PEERS_WHY_MAX,
				 "%.300s is no certificate in PEM form",
				 p->conf.tls_cert);
	}
	return rc;
}

/* ---- parts; on the loop ---- */

struct start {
	struct cdx_peers *p;
	char *why;
};

static int make_discovery(struct cdx_peers *p, char *why)
{
	const struct cdx_conf_node *c = &p->conf;
	char *state = NULL;
	struct cdx_discovery_opts o = {
		.loop = p->loop,
		.http = p->http,
		.who = &p->who,
		.log = p->log,
		.n_bootstrap = c->n_bootstrap,
		.dht = c->dht,
		.dht_port = c->dht_port,
		.n_peers = c->n_peers,
	};
	int rc;

	if (asprintf(&state, "%s/dht-nodes", cdx_store_path(p->store)) < 0)
		return -ENOMEM;
	o.state = state;
	memcpy(o.bootstrap, c->bootstrap, sizeof(o.bootstrap));
	memcpy(o.peer, c->peer, sizeof(o.peer));
	rc = cdx_discovery_new(&p->discovery, &o);
	if (rc == -EADDRINUSE && c->dht_port_any && c->dht_port != 0) {
		o.dht_port = 0;
		rc = cdx_discovery_new(&p->discovery, &o);
	}
	free(state);
	if (rc == -EADDRINUSE)
		snprintf(why, CDX_PEERS_WHY_MAX,
			 "the UDP port %u is taken; name another with "
			 "dht-port, or 0 for any",
			 c->dht_port);
	else if (rc == -ENOTSUP)
		snprintf(why, CDX_PEERS_WHY_MAX,
			 "this codexfs was built without OpenDHT; set dht = no "
			 "and name peers with peer");
	else if (rc < 0)
		snprintf(why, CDX_PEERS_WHY_MAX,
			 "cannot start the search for peers: %s",
			 cdx_strerror(rc));
	return rc;
}

static int make_server(struct cdx_peers *p, char *why)
{
	const struct cdx_conf_node *c = &p->conf;
	const struct cdx_exchange_server_opts o = {
		.store = p->store,
		.loop = p->loop,
		.http = p->http,
		.network = p->who.network,
		.listen = c->listen,
		.rate = c->upload,
		.rate_a_peer = c->upload_a_peer,
		.tls_cert = p->tls_cert,
		.tls_key = p->tls_key,
	};
	struct sockaddr_storage sa;
	char reason[256] = "";
	int rc;

	if (c->listen == NULL)
		return 0;
	rc = cdx_exchange_server_new(&p->server, &o, reason);
	if (rc < 0) {
		snprintf(why, CDX_PEERS_WHY_MAX, "cannot listen on %s",
			 reason[0] != '\0' ? reason : c->listen);
		return rc;
	}
	cdx_exchange_server_addr(p->server, &sa);
	p->port = ntohs(sa.ss_family == AF_INET6
				? ((struct sockaddr_in6 *)&sa)->sin6_port
				: ((struct sockaddr_in *)&sa)->sin_port);
	return 0;
}

static int make_exchange(struct cdx_peers *p)
{
	const struct cdx_exchange_opts o = {
		.loop = p->loop,
		.http = p->http,
		.pool = p->pool,
		.store = p->store,
		.discovery = p->discovery,
		.who = &p->who,
		.log = p->log,
		.block_ms = p->conf.read_timeout_s * 1000,
	};

	return cdx_exchange_new(&p->exchange, &o);
}

static int make_nat(struct cdx_peers *p, char *why)
{
	int rc;

	if (p->conf.nat != CDX_NAT_UPNP || p->port == 0)
		return 0;
	snprintf(p->nat_text, sizeof(p->nat_text), "asking the router");
	rc = cdx_nat_new(&p->nat, p->loop, p->port, cdx_peers_on_nat, p);
	if (rc == -ENOTSUP)
		snprintf(why, CDX_PEERS_WHY_MAX,
			 "this codexfs was built without miniupnpc; set nat = "
			 "none and lead a port of the router here by hand");
	return rc;
}

static void make_parts(void *arg, struct cdx_await *a)
{
	struct start *s = arg;
	struct cdx_peers *p = s->p;
	int rc = cdx_http_new(&p->http, p->loop);

	if (rc == 0)
		rc = make_discovery(p, s->why);
	if (rc == 0)
		rc = make_server(p, s->why);
	if (rc == 0)
		rc = make_exchange(p);
	if (rc == 0)
		rc = make_nat(p, s->why);
	if (rc == 0)
		rc = cdx_loop_timer_add(p->loop, &p->timer, PLACE_NS, PLACE_NS,
					cdx_peers_place, p);
	if (rc == 0)
		cdx_peers_place(p);
	cdx_await_done(a, rc);
}

static void free_parts(void *arg, struct cdx_await *a)
{
	struct cdx_peers *p = arg;

	cdx_loop_timer_del(p->timer);
	cdx_nat_free(p->nat);
	cdx_exchange_server_free(p->server);
	cdx_exchange_free(p->exchange);
	cdx_discovery_free(p->discovery);
	cdx_http_free(p->http);
	cdx_await_done(a, 0);
}

static void withdrawn(void *arg)
{
	cdx_await_done(arg, 0);
}

static void withdraw(void *arg, struct cdx_await *a)
{
	struct cdx_peers *p = arg;

	if (p->discovery == NULL)
		cdx_await_done(a, 0);
	else
		cdx_discovery_withdraw(p->discovery, WITHDRAW_MS, withdrawn, a);
}

/* ---- threads ---- */

bool cdx_peers_stopping(void *arg)
{
	struct cdx_peers *p = arg;
	bool stop;

	pthread_mutex_lock(&p->mu);
	stop = p->stop;
	pthread_mutex_unlock(&p->mu);
	return stop;
}

static void *loop_main(void *arg)
{
	struct cdx_peers *p = arg;
	int rc = cdx_loop_run(p->loop);

	if (rc < 0)
		cdx_log(p->log, ERROR, "peers", "the loop has ended: %s",
			cdx_strerror(rc));
	return NULL;
}

/* The share of what is fetched */
static uint64_t cache_share(const struct cdx_peers *p)
{
	const struct cdx_store_config *cfg = cdx_store_config(p->store);
	uint64_t quota = 0;

	if (p->conf.has_cache)
		return p->conf.cache;
	for (unsigned i = 0; i < CDX_SHARES; i++)
		quota += i == CDX_SHARE_CACHE ? 0 : cfg->share[i];
	return quota / CACHE_PART < CACHE_MAX ? quota / CACHE_PART : CACHE_MAX;
}

/* At once, so that the first that is fetched is kept */
static int share_cache(struct cdx_peers *p)
{
	struct cdx_cache_stats st;
	uint64_t want = cache_share(p);
	int rc = 0;

	cdx_cache_stats(p->store, &st);
	if (st.limit != want)
		rc = cdx_store_set_share(p->store, CDX_SHARE_CACHE, want);
	/* a store that is only read keeps nothing */
	return rc == -EROFS ? 0 : rc;
}

/* What is over goes */
static void trim_cache(struct cdx_peers *p)
{
	int rc = cdx_cache_resize(p->store, cache_share(p));

	if (rc < 0 && rc != -EROFS)
		cdx_log(p->log, ERROR, "peers",
			"what the cache has too much cannot be removed: %s",
			cdx_strerror(rc));
}

static void greeted(void *arg, int rc, const struct cdx_peer_record *r,
		    const char *why)
{
	struct cdx_peers *p = arg;

	(void)r;
	if (rc < 0 && rc != -ECANCELED)
		cdx_log(p->log, DEBUG, "peers",
			"a configured peer does not answer: %s",
			why != NULL && why[0] != '\0' ? why : cdx_strerror(rc));
}

/* Asks configured peers who they are, those that have not said it */
static void call_peers(struct cdx_peers *p)
{
	struct cdx_peer_info *known;
	unsigned n;

	if (p->conf.n_peers == 0)
		return;
	known = calloc(2 * CDX_STATIC_PEERS_MAX, sizeof(*known));
	if (known == NULL)
		return;
	n = cdx_exchange_peers(p->exchange, known, 2 * CDX_STATIC_PEERS_MAX);
	if (n > 2 * CDX_STATIC_PEERS_MAX)
		n = 2 * CDX_STATIC_PEERS_MAX;
	for (unsigned i = 0; i < p->conf.n_peers; i++) {
		bool met = false;

		for (unsigned k = 0; k < n && !met; k++)
			met = known[k].has_id &&
			      cdx_maddr_equal(&known[k].addr, &p->conf.peer[i]);
		if (!met)
			(void)!cdx_exchange_connect(p->exchange, NULL,
						    &p->conf.peer[i], NULL,
						    greeted, p);
	}
	free(known);
}

/* Until it is woken, or a second has gone by; true: it is to end */
static bool rest(struct cdx_peers *p, bool *changed)
{
	struct timespec ts;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += TICK_NS % 1000000000;
	ts.tv_sec += TICK_NS / 1000000000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	pthread_mutex_lock(&p->mu);
	while (!p->stop && !p->changed &&
	       pthread_cond_timedwait(&p->wake, &p->mu, &ts) == 0)
		;
	stop = p->stop;
	*changed = p->changed;
	p->changed = false;
	pthread_mutex_unlock(&p->mu);
	return stop;
}

/* What the cache has, roughly: another number means that it changed */
static uint64_t cache_mark(struct cdx_peers *p)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(p->store, &st);
	return st.entries + st.evicted;
}

/* What may take long and nobody waits for */
static void *keeper_main(void *arg)
{
	struct cdx_peers *p = arg;
	int rc;

	trim_cache(p);
	rc = cdx_public_complete(p->store, cdx_peers_stopping, p);
	if (rc < 0 && rc != -ECANCELED)
		cdx_log(p->log, ERROR, "peers",
			"the list of public blocks is not complete: %s",
			cdx_strerror(rc));
	return NULL;
}

/* Work that blocks, a little at a time */
static void *worker_main(void *arg)
{
	struct cdx_peers *p = arg;
	uint64_t called = 0;
	uint64_t next_scan = 0;
	uint64_t mark = 0;
	bool changed = true;

	do {
		uint64_t now = cdx_clock_mono_ns();
		uint64_t newer = cache_mark(p);

		if (called == 0 || now - called > CALL_AGAIN_NS) {
			call_peers(p);
			called = now;
		}
		/* the cache changes with every block: not too often for it */
		if (changed || (newer != mark && now >= next_scan)) {
			mark = newer;
			cdx_peers_scan(p);
			next_scan = cdx_clock_mono_ns();
			next_scan += 2000000000u + 20 * (next_scan - now);
		}
		cdx_peers_dial(p);
	} while (!rest(p, &changed));
	return NULL;
}

/* Signals are for the threads that were there before */
static int start_thread(pthread_t *out, bool *has, void *(*fn)(void *),
			void *arg)
{
	sigset_t all;
	sigset_t old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = -pthread_create(out, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	*has = rc == 0;
	return rc;
}

static int init(struct cdx_peers *p, const struct cdx_peers_opts *opts)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&p->mu, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	p->store = opts->store;
	p->pool = opts->pool;
	p->log = opts->log;
	p->dial_s = opts->dial_s > 0 ? opts->dial_s : DIAL_S;
	return cdx_conf_node_copy(&p->conf, opts->conf);
}

int cdx_peers_new(struct cdx_peers **out, const struct cdx_peers_opts *opts,
		  char why[CDX_PEERS_WHY_MAX])
{
	struct cdx_peers *p = calloc(1, sizeof(*p));
	struct start s = {.p = p, .why = why};
	int rc;

	*out = NULL;
	why[0] = '\0';
	if (p == NULL)
		return -ENOMEM;
	rc = init(p, opts);
	if (rc == 0)
		rc = cdx_identity_derive(&p->who, &opts->keys->root,
					 cdx_store_config(p->store)->id,
					 p->conf.network);
	if (rc == 0)
		rc = read_tls(p, why);
	if (rc == 0)
		rc = share_cache(p);
	if (rc == 0)
		rc = cdx_loop_new(&p->loop);
	if (rc == 0)
		rc = start_thread(&p->thread, &p->has_thread, loop_main, p);
	if (rc == 0)
		rc = cdx_await(p->loop, make_parts, &s);
	if (rc == 0)
		rc = start_thread(&p->worker, &p->has_worker, worker_main, p);
	if (rc == 0)
		rc = start_thread(&p->keeper, &p->has_keeper, keeper_main, p);
	if (rc < 0) {
		if (why[0] == '\0')
			snprintf(why, CDX_PEERS_WHY_MAX, "%s",
				 cdx_strerror(rc));
		cdx_peers_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

static void end_threads(struct cdx_peers *p)
{
	pthread_mutex_lock(&p->mu);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->mu);
	if (p->has_keeper)
		pthread_join(p->keeper, NULL);
	if (p->has_worker) {
		pthread_join(p->worker, NULL);
		/* without a worker nothing was announced */
		(void)!cdx_await(p->loop, withdraw, p);
	}
	if (p->has_thread) {
		(void)!cdx_await(p->loop, free_parts, p);
		cdx_loop_stop(p->loop);
		pthread_join(p->thread, NULL);
	}
}

void cdx_peers_free(struct cdx_peers *p)
{
	if (p == NULL)
		return;
	end_threads(p);
	cdx_loop_free(p->loop);
	cdx_announced_free(&p->now);
	cdx_buf_free(&p->record);
	cdx_conf_node_free(&p->conf);
	free(p->tls_cert);
	if (p->tls_key != NULL)
		explicit_bzero(p->tls_key, strlen(p->tls_key));
	free(p->tls_key);
	explicit_bzero(&p->who, sizeof(p->who));
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->mu);
	free(p);
}
