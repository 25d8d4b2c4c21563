/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/tasks.h"
#include "codec/ec_codec.h"
#include "crypto/hash.h"
#include "discovery/peer.h"
#include "exchange/server.h"
#include "market/slot_data.h"
#include "protect/protect.h"
#include "protect/slot.h"
#include "slots/builder.h"

/*
 * A host takes a slot of a 2 + 1 dataset over the loopback that the client lost, from
 * its two others, none of which it has itself; then one that the client has; then it
 * looks at what it has.  Beside it the hashes that each of these has to make of the
 * slot's bytes (SHA-256 against the leaf, Poseidon2 for the tree), by the same pool.
 * CDX_COUNT: MiB of a slot.  Client and host share the machine's processors.
 */

#define COUNT_DEFAULT 64u
#define SHARE ((uint64_t)16 << 30)
#define BLOCK ((size_t)65536)
#define EIGHT (8 * BLOCK)
#define K 2u
#define M 1u

static _Noreturn void die(const char *what, int rc)
{
	(void)fprintf(stderr, "bench_obtain: %s: %s\n", what, cdx_strerror(rc));
	exit(1);
}

static void must(const char *what, int rc)
{
	if (rc < 0)
		die(what, rc);
}

/* Client and host, each with a loop, a pool and a store of its own */
struct end {
	char path[64];
	struct cdx_store *store;
	struct cdx_log log;
	struct cdx_loop *loop;
	struct cdx_http *http;
	struct cdx_pool *pool;
	struct cdx_identity who;
	pthread_t thread;
	struct cdx_exchange *ex;
	struct cdx_exchange_server *server;
};

static void *run(void *arg)
{
	must("loop", cdx_loop_run(arg));
	return NULL;
}

static void begin(struct end *e)
{
	struct cdx_store_config config = {
		.share = {SHARE, SHARE, 0},
		.log_bytes = 16u << 20,
		.k = 10,
		.m = 5,
	};
	struct cdx_store_opts opts = {.path = e->path, .log = &e->log};
	const char *dir = getenv("TMPDIR");
	char holder[256];

	(void)snprintf(e->path, sizeof(e->path), "%.40s/cdx-bench-XXXXXX",
		       dir != NULL ? dir : "/tmp");
	if (mkdtemp(e->path) == NULL)
		die("folder", -errno);
	cdx_log_init(&e->log, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	must("init", cdx_store_init(e->path, &config));
	must("open", cdx_store_open(&e->store, &opts, holder, sizeof(holder)));
	must("start", cdx_store_start(e->store, NULL, NULL, NULL, NULL));
	must("loop", cdx_loop_new(&e->loop));
	must("http", cdx_http_new(&e->http, e->loop));
	must("pool", cdx_pool_new(&e->pool, cdx_pool_processors()));
	cdx_seckey_random(&e->who.key);
	must("key", cdx_seckey_public(e->who.id.b, &e->who.key));
	cdx_network_of(&e->who.network, "codexfs");
	must("thread", -pthread_create(&e->thread, NULL, run, e->loop));
}

static void drop(void *arg, struct cdx_await *a)
{
	struct end *e = arg;

	cdx_exchange_free(e->ex);
	cdx_exchange_server_free(e->server);
	cdx_await_done(a, 0);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void finish(struct end *e)
{
	must("end", cdx_await(e->loop, drop, e));
	cdx_loop_stop(e->loop);
	(void)pthread_join(e->thread, NULL);
	cdx_http_free(e->http);
	cdx_loop_free(e->loop);
	cdx_pool_free(e->pool);
	must("close", cdx_store_close(e->store));
	if (nftw(e->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		(void)fprintf(stderr, "left: %s\n", e->path);
}

/* ---- the client ---- */

static void serve(void *arg, struct cdx_await *a)
{
	struct end *e = arg;
	const struct cdx_exchange_server_opts opts = {
		.store = e->store,
		.loop = e->loop,
		.http = e->http,
		.network = e->who.network,
		.listen = "127.0.0.1:0",
	};
	char why[256];

	cdx_await_done(a, cdx_exchange_server_new(&e->server, &opts, why));
}

static void at(struct end *e, struct cdx_maddr *addr)
{
	struct sockaddr_storage sa;

	cdx_exchange_server_addr(e->server, &sa);
	memset(addr, 0, sizeof(*addr));
	addr->kind = CDX_MADDR_IP4;
	(void)snprintf(addr->host, sizeof(addr->host), "127.0.0.1");
	addr->port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	addr->http = true;
}

static void record(struct end *e)
{
	struct cdx_peer_record r = {
		.seq = 1,
		.expires = cdx_clock_wall_s() + 3600,
		.n_addrs = 1,
	};
	struct cdx_buf b = {0};

	at(e, &r.addr[0]);
	must("sign", cdx_peer_record_sign(&b, &r, &e->who));
	must("record", cdx_exchange_server_record(e->server, b.p, b.len));
	cdx_buf_free(&b);
}

static void fill(struct end *e, size_t mib, struct cdx_cid *cid)
{
	const struct cdx_protect_opts o = {
		.k = K,
		.m = M,
		.codec = CDX_EC_ISA_L_CAUCHY,
		.refs = CDX_REF_PIN,
		.pool = e->pool,
		.prio = CDX_POOL_WRITE,
	};
	static uint8_t buf[1 << 20];
	char why[CDX_PROTECT_WHY_MAX];
	struct cdx_ingest *in;
	struct cdx_cid plain;

	must("ingest", cdx_ingest_new(&in, e->store, NULL));
	for (size_t i = 0; i < mib * K; i++) {
		cdx_random(buf, sizeof(buf));
		must("feed", cdx_ingest_feed(in, buf, sizeof(buf)));
	}
	must("ingest", cdx_ingest_end(in, &plain));
	cdx_ingest_free(in);
	must("protect", cdx_protect_run(e->store, &plain, &o, cid, why));
}

/* ---- the host ---- */

static void exchange(void *arg, struct cdx_await *a)
{
	struct end *e = arg;
	const struct cdx_exchange_opts opts = {
		.loop = e->loop,
		.http = e->http,
		.pool = e->pool,
		.store = e->store,
		.who = &e->who,
		.log = &e->log,
	};

	cdx_await_done(a, cdx_exchange_new(&e->ex, &opts));
}

static void connected(void *arg, int rc, const struct cdx_peer_record *r,
		      const char *why)
{
	(void)r;
	(void)why;
	must("connect", rc);
	(void)sem_post(arg);
}

static void know(struct end *e, struct end *other)
{
	struct cdx_maddr addr;
	sem_t done;

	(void)sem_init(&done, 0, 0);
	at(other, &addr);
	must("connect",
	     cdx_exchange_connect(e->ex, NULL, &addr, NULL, connected, &done));
	(void)sem_wait(&done);
	(void)sem_destroy(&done);
}

/* ---- the hashes alone ---- */

struct piece {
	struct cdx_task task;
	const struct cdx_geometry *g;
	const uint8_t *bytes;
};

static void hash(struct cdx_task *t)
{
	struct piece *p = CDX_CONTAINER(t, struct piece, task);
	struct cdx_digest sha;
	struct cdx_fr out[8];

	for (unsigned i = 0; i < 8; i++)
		cdx_sha256(&sha, p->bytes + i * BLOCK, BLOCK);
	must("digests", cdx_block_digests(out, p->g, p->bytes, 8));
}

static double hash_s(struct end *e, const struct cdx_geometry *g, size_t mib)
{
	size_t n = mib * 2;
	struct piece *piece = calloc(n, sizeof(*piece));
	uint8_t *bytes = malloc(EIGHT * 16);
	struct cdx_tasks tasks;
	uint64_t began;
	double s;

	if (piece == NULL || bytes == NULL)
		die("memory", -ENOMEM);
	cdx_random(bytes, EIGHT * 16);
	cdx_tasks_init(&tasks, e->pool, CDX_POOL_WRITE);
	began = cdx_clock_mono_ns();
	for (size_t i = 0; i < n; i++) {
		piece[i].g = g;
		piece[i].bytes = bytes + i % 16 * EIGHT;
		cdx_tasks_add(&tasks, &piece[i].task, hash);
	}
	cdx_tasks_wait(&tasks);
	s = (double)(cdx_clock_mono_ns() - began) / 1e9;
	cdx_tasks_fini(&tasks);
	free(piece);
	free(bytes);
	return s;
}

/* ---- all of it ---- */

static void say(const char *what, size_t mib, double s, double bare)
{
	printf("%-28s %8.1f MiB/s  %5.2f of hashing alone\n", what,
	       (double)mib / s, bare / s);
	(void)fflush(stdout);
}

static void obtain(const char *what, const struct cdx_market_env *env,
		   const struct cdx_cid *cid, uint32_t slot, size_t mib,
		   double bare)
{
	const struct cdx_slot_run run = {0};
	char why[CDX_MARKET_WHY_MAX];
	struct cdx_slot_got got;
	uint64_t began = cdx_clock_mono_ns();

	must(what, cdx_slot_obtain(env, cid, slot, NULL, &run, &got, why));
	say(what, mib, (double)(cdx_clock_mono_ns() - began) / 1e9, bare);
}

static void look(const struct cdx_market_env *env, const struct cdx_cid *cid,
		 size_t mib, double bare)
{
	const struct cdx_slot_run run = {0};
	char why[CDX_MARKET_WHY_MAX];
	struct cdx_slot_look found;
	uint64_t began = cdx_clock_mono_ns();

	must("look", cdx_slot_mend(env, cid, 0, 0, &run, &found, why));
	say("look", mib, (double)(cdx_clock_mono_ns() - began) / 1e9, bare);
}

static void lose(struct end *e, const struct cdx_cid *cid, uint32_t slot)
{
	struct cdx_slots sl = {0};

	must("dataset", cdx_slots_open(&sl, e->store, cid));
	must("evict", cdx_slot_evict(e->store, &sl.rec, slot));
	cdx_slots_free(&sl);
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	size_t mib = count != NULL ? strtoul(count, NULL, 10) : COUNT_DEFAULT;
	struct cdx_market_env env = {0};
	struct cdx_slots sl = {0};
	struct end client = {0};
	struct end host = {0};
	struct cdx_cid cid;
	double bare;

	begin(&client);
	fill(&client, mib, &cid);
	must("serve", cdx_await(client.loop, serve, &client));
	record(&client);
	must("dataset", cdx_slots_open(&sl, client.store, &cid));
	begin(&host);
	must("exchange", cdx_await(host.loop, exchange, &host));
	know(&host, &client);
	env.store = host.store;
	env.pool = host.pool;
	env.exchange = host.ex;
	env.log = &host.log;
	bare = hash_s(&host, &sl.g, mib);
	printf("%-28s %8.1f MiB/s\n", "SHA-256 and Poseidon2",
	       (double)mib / bare);
	lose(&client, &cid, 1);
	obtain("slot from two others", &env, &cid, 1, mib, bare);
	obtain("slot from who has it", &env, &cid, 0, mib, bare);
	look(&env, &cid, mib, bare);
	cdx_slots_free(&sl);
	finish(&host);
	finish(&client);
	return 0;
}
