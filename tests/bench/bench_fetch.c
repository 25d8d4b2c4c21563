/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/err.h"
#include "codec/ec_codec.h"
#include "exchange/exchange.h"
#include "exchange/server.h"
#include "protect/protect.h"
#include "store/cache.h"
#include "store/protection.h"

/*
 * The two ends of a transfer, for bench_fetch.sh:
 *
 *   bench_fetch provide STORE FILE LISTEN   makes a store of FILE in the new folder
 *       STORE, prints "PORT CID" and serves until its input ends; a line "protect"
 *       protects it 10 + 5 and is answered with the other CID, "lose N" then gives
 *       the first N slots back, and is answered with "lost N"; "cpu" is answered
 *       with the seconds of CPU time that it has taken
 *   bench_fetch get STORE CACHE_MIB CID OUT PIECE_KIB HOST:PORT...   fetches a
 *       dataset from these peers into the file OUT, or nowhere when that is "-",
 *       and prints bytes, seconds, seconds of CPU time and what the exchange counts
 */

#define SHARE ((uint64_t)8 << 30)

static _Noreturn void die(const char *what, int rc)
{
	(void)fprintf(stderr, "bench_fetch: %s: %s\n", what, cdx_strerror(rc));
	exit(1);
}

static void must(const char *what, int rc)
{
	if (rc < 0)
		die(what, rc);
}

/* Seconds of CPU time of this process, system calls included */
static double cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct cdx_loop *loop;
static struct cdx_http *http;
static struct cdx_pool *pool;
static struct cdx_store *store;
static struct cdx_log quiet;
static struct cdx_identity who;
static pthread_t thread;

static void *run(void *arg)
{
	must("loop", cdx_loop_run(arg));
	return NULL;
}

static void begin(const char *path, uint64_t cache)
{
	struct cdx_store_config config = {
		.share = {SHARE, SHARE, cache},
		.log_bytes = 16u << 20,
		.k = 10,
		.m = 5,
	};
	struct cdx_store_opts opts = {.path = path, .log = &quiet};
	char holder[256];

	cdx_log_init(&quiet, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	must("init", cdx_store_init(path, &config));
	must("open", cdx_store_open(&store, &opts, holder, sizeof(holder)));
	must("start", cdx_store_start(store, NULL, NULL, NULL, NULL));
	must("loop", cdx_loop_new(&loop));
	must("http", cdx_http_new(&http, loop));
	must("pool", cdx_pool_new(&pool, cdx_pool_processors()));
	cdx_seckey_random(&who.key);
	must("key", cdx_seckey_public(who.id.b, &who.key));
	cdx_network_of(&who.network, "codexfs");
	must("thread", -pthread_create(&thread, NULL, run, loop));
}

static void end(void)
{
	cdx_loop_stop(loop);
	(void)pthread_join(thread, NULL);
	cdx_http_free(http);
	cdx_loop_free(loop);
	cdx_pool_free(pool);
	must("close", cdx_store_close(store));
}

/* ---- the provider ---- */

static struct cdx_exchange_server *server;
static const char *listen_at;

static void serve(void *arg, struct cdx_await *a)
{
	const struct cdx_exchange_server_opts opts = {
		.store = store,
		.loop = loop,
		.http = http,
		.network = who.network,
		.listen = listen_at,
	};
	char why[256];
	int rc = cdx_exchange_server_new(&server, &opts, why);

	(void)arg;
	if (rc != 0)
		(void)fprintf(stderr, "%s\n", why);
	cdx_await_done(a, rc);
}

static void unserve(void *arg, struct cdx_await *a)
{
	(void)arg;
	cdx_exchange_server_free(server);
	cdx_await_done(a, 0);
}

static void add(const char *file, struct cdx_cid *plain)
{
	FILE *f = fopen(file, "re");
	static uint8_t buf[1 << 20];
	struct cdx_ingest *in;
	size_t n;

	if (f == NULL)
		die(file, -errno);
	must("ingest", cdx_ingest_new(&in, store, NULL));
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		must("feed", cdx_ingest_feed(in, buf, n));
	must("ingest", cdx_ingest_end(in, plain));
	cdx_ingest_free(in);
	(void)fclose(f);
}

static unsigned record(struct cdx_buf *out)
{
	struct cdx_peer_record r = {
		.seq = 1,
		.expires = cdx_clock_wall_s() + 3600,
		.n_addrs = 1,
	};
	struct sockaddr_storage at;

	cdx_exchange_server_addr(server, &at);
	r.addr[0].kind = CDX_MADDR_IP4;
	(void)snprintf(r.addr[0].host, sizeof(r.addr[0].host), "127.0.0.1");
	r.addr[0].port = ntohs(((struct sockaddr_in *)&at)->sin_port);
	r.addr[0].http = true;
	must("sign", cdx_peer_record_sign(out, &r, &who));
	return r.addr[0].port;
}

static void lose(const struct cdx_cid *cid, unsigned n)
{
	struct cdx_dataset_info info;
	struct cdx_protection p;

	must("dataset", cdx_dataset_info(store, cid, &info));
	for (unsigned i = 0; i < n; i++) {
		must("protection", cdx_protection_of(store, &info, &p));
		must("evict", cdx_slot_evict(store, &p, i));
	}
	printf("lost %u\n", n);
	(void)fflush(stdout);
}

static void say(const struct cdx_cid *cid)
{
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, cid);
	printf("%s\n", text);
	(void)fflush(stdout);
}

static void protect(const struct cdx_cid *plain, struct cdx_cid *cid)
{
	const struct cdx_protect_opts o = {
		.k = 10,
		.m = 5,
		.codec = CDX_EC_ISA_L_CAUCHY,
		.refs = CDX_REF_PIN,
		.pool = pool,
		.prio = CDX_POOL_WRITE,
	};
	char why[CDX_PROTECT_WHY_MAX];

	must("protect", cdx_protect_run(store, plain, &o, cid, why));
}

static void provide(char **arg)
{
	struct cdx_buf rec = {0};
	char line[64];
	struct cdx_cid plain;
	struct cdx_cid cid;
	unsigned n;

	listen_at = arg[2];
	begin(arg[0], 0);
	add(arg[1], &plain);
	must("serve", cdx_await(loop, serve, NULL));
	n = record(&rec);
	must("record", cdx_exchange_server_record(server, rec.p, rec.len));
	cdx_buf_free(&rec);
	printf("%u ", n);
	say(&plain);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "protect\n") == 0) {
			protect(&plain, &cid);
			say(&cid);
		} else if (sscanf(line, "lose %u", &n) == 1) {
			lose(&cid, n);
		} else if (strcmp(line, "cpu\n") == 0) {
			printf("%.3f\n", cpu_s());
			(void)fflush(stdout);
		}
	}
	must("end", cdx_await(loop, unserve, NULL));
	end();
}

/* ---- who fetches ---- */

static struct cdx_exchange *ex;

static void make(void *arg, struct cdx_await *a)
{
	const struct cdx_exchange_opts opts = {
		.loop = loop,
		.http = http,
		.pool = pool,
		.store = store,
		.who = &who,
		.log = &quiet,
	};

	(void)arg;
	cdx_await_done(a, cdx_exchange_new(&ex, &opts));
}

static void drop(void *arg, struct cdx_await *a)
{
	(void)arg;
	cdx_exchange_free(ex);
	cdx_await_done(a, 0);
}

static sem_t connected;

static void on_connect(void *arg, int rc, const struct cdx_peer_record *r,
		       const char *why)
{
	(void)arg;
	(void)r;
	if (rc != 0) {
		(void)fprintf(stderr, "bench_fetch: %s\n", why);
		exit(1);
	}
	(void)sem_post(&connected);
}

static void put(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0)
			die("write", -errno);
		p += done;
		n -= (size_t)done;
	}
}

/* All of it, in pieces: bytes */
static uint64_t drain(struct cdx_reader *rd, size_t piece, int fd)
{
	uint8_t *buf = malloc(piece);
	uint64_t off = 0;
	ssize_t n;

	while ((n = cdx_reader_read_wait(rd, buf, off, piece, 0, NULL, NULL)) >
	       0) {
		if (fd >= 0)
			put(fd, buf, (size_t)n);
		off += (size_t)n;
	}
	must("read", (int)n);
	free(buf);
	return off;
}

static void connect_all(char **peer)
{
	struct cdx_maddr at;

	(void)sem_init(&connected, 0, 0);
	for (; *peer != NULL; peer++) {
		must("address", cdx_maddr_parse(&at, *peer));
		must("connect", cdx_exchange_connect(ex, NULL, &at, NULL,
						     on_connect, NULL));
		(void)sem_wait(&connected);
	}
}

static void get(char **arg)
{
	struct cdx_exchange_stats st;
	struct cdx_reader *rd;
	struct cdx_cid cid;
	char why[256] = "";
	int fd = -1;
	uint64_t bytes;
	uint64_t t0;
	double cpu;
	int rc;

	begin(arg[0], strtoull(arg[1], NULL, 10) << 20);
	must("exchange", cdx_await(loop, make, NULL));
	must("CID", cdx_cid_parse(&cid, arg[2], strlen(arg[2])));
	if (strcmp(arg[3], "-") != 0) {
		fd = open(arg[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			  0644);
		if (fd < 0)
			die(arg[3], -errno);
	}
	connect_all(arg + 5);
	t0 = cdx_clock_mono_ns();
	cpu = cpu_s();
	rc = cdx_exchange_open_wait(ex, &rd, &cid, false, 0, NULL, NULL, why);
	if (rc != 0)
		die(why, rc);
	bytes = drain(rd, strtoul(arg[4], NULL, 10) << 10, fd);
	t0 = cdx_clock_mono_ns() - t0;
	cpu = cpu_s() - cpu;
	cdx_exchange_stats(ex, &st);
	printf("%llu %.4f cpu %.3f blocks %llu requests %llu hedged %llu spurious %llu "
	       "degraded %llu failed %llu\n",
	       (unsigned long long)bytes, (double)t0 / 1e9, cpu,
	       (unsigned long long)st.blocks_received,
	       (unsigned long long)st.requests, (unsigned long long)st.hedged,
	       (unsigned long long)st.spurious, (unsigned long long)st.degraded,
	       (unsigned long long)st.failed);
	cdx_reader_put(rd);
	must("end", cdx_await(loop, drop, NULL));
	end();
	if (fd >= 0)
		(void)close(fd);
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc == 5 && strcmp(argv[1], "provide") == 0)
		provide(argv + 2);
	else if (argc >= 8 && strcmp(argv[1], "get") == 0)
		get(argv + 2);
	else
		return 77;
	return 0;
}
