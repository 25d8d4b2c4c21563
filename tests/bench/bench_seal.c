/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "bn254/backend.h"
#include "crypto/block.h"
#include "erasure/codec.h"
#include "protect/protect.h"
#include "protect/slot.h"
#include "repair/repair.h"
#include "slots/builder.h"
#include "store/area.h"
#include "store/dataset_store.h"

/*
 * Sealing: a dataset is protected with 4 + 2 on a pool of two threads, against
 * what the Poseidon2 kernel alone does with as many bytes, data and parity, on
 * two threads in the same run.  The kernel's figure is the mean of one taken
 * before and one after, because the machine may have other work; for the same
 * reason the workers are not idle ones, which would yield to it.  Then a slot
 * is evicted, read through the others, and rebuilt.
 *   bench_seal [DIR [MIB]]
 * makes a fresh directory in DIR (here) and removes it; MIB is CDX_COUNT or 256
 */

#define THREADS 2u
#define DATA_COLUMNS 4u
#define PARITY_COLUMNS 2u
#define MIB (1024.0 * 1024.0)
#define FEED ((size_t)1 << 20)
/* eight blocks at a time, as sealing does it */
#define KERNEL_BLOCKS 8u

struct bench {
	char dir[512];
	struct cdx_store *s;
	struct cdx_log log;
	struct cdx_pool *pool;
	uint64_t mib;
	uint64_t rnd;
	uint8_t *buf; /* FEED */
	size_t peak;  /* bytes of heap, at the most */
	size_t at_start;
};

static void must(const char *what, int rc)
{
	if (rc >= 0)
		return;
	(void)fprintf(stderr, "bench_seal: %s: %s\n", what, cdx_strerror(rc));
	exit(1);
}

static double seconds(uint64_t since)
{
	return (double)(cdx_clock_mono_ns() - since) / 1e9;
}

/* Processor time of all threads: what other processes do does not count */
static double cpu_seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void refill(struct bench *b)
{
	for (size_t i = 0; i < FEED; i += 8) {
		b->rnd ^= b->rnd << 13;
		b->rnd ^= b->rnd >> 7;
		b->rnd ^= b->rnd << 17;
		memcpy(b->buf + i, &b->rnd, 8);
	}
}

/* ---- the kernel ---- */

struct kernel {
	const struct cdx_geometry *g;
	const uint8_t *blocks;
	atomic_llong left; /* runs of KERNEL_BLOCKS */
};

static void *kernel_thread(void *arg)
{
	struct cdx_fr out[KERNEL_BLOCKS];
	struct kernel *k = arg;

	while (atomic_fetch_sub(&k->left, 1) > 0)
		must("digests",
		     cdx_block_digests(out, k->g, k->blocks, KERNEL_BLOCKS));
	return NULL;
}

/* MB of data and parity a second; adds to @cpu */
static double kernel(struct bench *b, const struct cdx_geometry *g,
		     uint64_t bytes, double *cpu)
{
	struct kernel k = {.g = g, .blocks = b->buf};
	uint64_t start = cdx_clock_mono_ns();
	double cpu_start = cpu_seconds();
	pthread_t t[THREADS];

	atomic_init(&k.left,
		    (long long)(bytes / g->block_size / KERNEL_BLOCKS));
	for (unsigned i = 0; i < THREADS; i++)
		must("thread", -pthread_create(&t[i], NULL, kernel_thread, &k));
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(t[i], NULL);
	*cpu += cpu_seconds() - cpu_start;
	return (double)bytes / 1e6 / seconds(start);
}

/* ---- a store ---- */

static void start(struct bench *b, const char *dir)
{
	struct cdx_store_config config = {.k = 10, .m = 5};
	struct cdx_store_opts opts = {.path = b->dir, .log = &b->log};
	char holder[64];

	config.share[CDX_SHARE_VOLUME] = (b->mib << 20) * 4 + (1u << 30);
	cdx_log_init(&b->log, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	must("name", snprintf(b->dir, sizeof(b->dir), "%s/bench-seal-XXXXXX",
			      dir) < (int)sizeof(b->dir)
			     ? 0
			     : -ENAMETOOLONG);
	must("mkdtemp", mkdtemp(b->dir) ? 0 : -errno);
	must("init", cdx_store_init(b->dir, &config));
	must("open", cdx_store_open(&b->s, &opts, holder, sizeof(holder)));
	must("start", cdx_store_start(b->s, NULL, NULL, NULL, NULL));
	must("pool", cdx_pool_new(&b->pool, THREADS));
}

static void add(struct bench *b, struct cdx_cid *plain)
{
	struct cdx_ingest *in;

	must("ingest", cdx_ingest_new(&in, b->s, NULL));
	for (uint64_t i = 0; i < b->mib; i++) {
		refill(b);
		must("feed", cdx_ingest_feed(in, b->buf, FEED));
	}
	must("end", cdx_ingest_end(in, plain));
	cdx_ingest_free(in);
	must("commit", cdx_store_commit(b->s));
}

static void note_heap(void *arg, uint64_t done, uint64_t total)
{
	struct bench *b = arg;
	size_t now = heap();

	(void)done;
	(void)total;
	if (now > b->peak)
		b->peak = now;
}

static void seal(struct bench *b, const struct cdx_cid *plain,
		 struct cdx_cid *out)
{
	const struct cdx_protect_opts o = {
		.k = DATA_COLUMNS,
		.m = PARITY_COLUMNS,
		.codec = CDX_EC_ISA_L_CAUCHY,
		.refs = CDX_REF_PIN,
		.pool = b->pool,
		.prio = CDX_POOL_PROOF,
		.progress = note_heap,
		.arg = b,
	};
	char why[CDX_PROTECT_WHY_MAX];
	struct cdx_geometry g;
	uint64_t bytes;
	uint64_t begun;
	double before;
	double after;
	double took;
	double cpu;
	double kernel_cpu = 0;

	must("geometry",
	     cdx_geometry_init(&g, b->mib << 4, DATA_COLUMNS, PARITY_COLUMNS,
			       CDX_BLOCK_SIZE, CDX_CELL_SIZE, NULL));
	bytes = g.total * g.block_size;
	b->at_start = heap();
	before = kernel(b, &g, bytes / 2, &kernel_cpu);
	cpu = cpu_seconds();
	begun = cdx_clock_mono_ns();
	must("protect", cdx_protect_run(b->s, plain, &o, out, why));
	must("commit", cdx_store_commit(b->s));
	took = seconds(begun);
	cpu = cpu_seconds() - cpu;
	after = kernel(b, &g, bytes / 2, &kernel_cpu);
	(void)printf("seal 4+2, %" PRIu64 " MiB: %.1f MB/s of data, %.1f MB/s "
		     "of data and parity; kernel alone (%s) %.1f MB/s; "
		     "ratio %.3f (goal 0.85)\n",
		     b->mib, (double)b->mib * MIB / 1e6 / took,
		     (double)bytes / 1e6 / took,
		     cdx_bn254_backend_name(cdx_bn254_backend()),
		     (before + after) / 2,
		     (double)bytes / 1e6 / took / ((before + after) / 2));
	(void)printf("processor time, all threads: sealing %.2f s, kernel %.2f "
		     "s (ratio %.3f)\n",
		     cpu, kernel_cpu, kernel_cpu / cpu);
	(void)printf("heap: %.1f MiB more than before, at the most (goal: "
		     "under 256)\n",
		     (double)(b->peak > b->at_start ? b->peak - b->at_start
						    : 0) /
			     MIB);
}

/* ---- without a slot ---- */

static double read_all(struct bench *b, const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;
	uint64_t begun = cdx_clock_mono_ns();

	must("info", cdx_dataset_info(b->s, cid, &info));
	for (uint64_t off = 0; off < info.size; off += FEED)
		must("read", cdx_repair_read(b->s, b->buf, &info, off, FEED));
	return (double)info.size / 1e6 / seconds(begun);
}

static void lose_one(struct bench *b, const struct cdx_cid *cid)
{
	const struct cdx_rebuild o = {
		.pool = b->pool,
		.prio = CDX_POOL_PROOF,
	};
	struct cdx_rebuild_report report;
	char why[CDX_REPAIR_WHY_MAX];
	struct cdx_slots sl = {0};
	double whole = read_all(b, cid);
	double degraded;
	uint64_t begun;
	double took;

	must("slots", cdx_slots_open(&sl, b->s, cid));
	must("evict", cdx_slot_evict(b->s, &sl.rec, 1));
	degraded = read_all(b, cid);
	(void)printf("read in order, one thread: %.0f MB/s; with a data slot "
		     "missing %.0f MB/s (ratio %.2f)\n",
		     whole, degraded, degraded / whole);
	begun = cdx_clock_mono_ns();
	must("rebuild", cdx_rebuild_slot(b->s, &sl, 1, &o, &report, why));
	took = seconds(begun);
	(void)printf("rebuild of a slot: %.1f MB/s of the slot (its tree "
		     "included), %" PRIu64 " blocks\n",
		     (double)(sl.g.steps * sl.g.block_size) / 1e6 / took,
		     report.blocks);
	cdx_slots_free(&sl);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	const char *count = getenv("CDX_COUNT");
	struct bench b = {.rnd = 88172645463325252u, .mib = 256};
	struct cdx_cid plain;
	struct cdx_cid verifiable;

	if (count)
		b.mib = strtoull(count, NULL, 10);
	if (argc > 2)
		b.mib = strtoull(argv[2], NULL, 10);
	if (b.mib < 8)
		b.mib = 8;
	b.buf = aligned_alloc(CDX_PAGE_SIZE, FEED);
	must("memory", b.buf ? 0 : -ENOMEM);
	refill(&b);
	start(&b, argc > 1 ? argv[1] : ".");
	add(&b, &plain);
	seal(&b, &plain, &verifiable);
	lose_one(&b, &verifiable);
	cdx_pool_free(b.pool);
	must("close", cdx_store_close(b.s));
	(void)nftw(b.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b.buf);
	return 0;
}
