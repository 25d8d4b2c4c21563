/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/kv.h"
#include "store/store.h"

/*
 * What fsync costs, as a part of a 4 KiB write in place + fdatasync on the
 * same disk in the same run, and what batches and lookups cost beside plain
 * LMDB.  CDX_COUNT rounds (5 without it) of 0.4 s a row, the rows in turn, the
 * median counts.  Works in $TMPDIR or the folder given.
 */

#define ROW_NS UINT64_C(400000000)
#define LOG_BYTES (32u << 20)
#define ROUNDS_MAX 99
#define KV_KEYS 1000000u
#define KV_GROUP 150000u /* fits a group */
#define PUTS_IN_BATCH 5u

static char dir[256];
static struct cdx_store *store;
static MDB_env *mdb;
static MDB_dbi dbi;
static int raw_fd;
static int append_fd;

static void die(const char *what, int r)
{
	fprintf(stderr, "%s: %s\n", what,
		r < 0 ? cdx_strerror(r) : strerror(r));
	exit(1);
}

static void check(const char *what, int r)
{
	if (r != 0)
		die(what, r);
}

/* ---- one durable operation of each kind ---- */

static void raw_op(unsigned thread, uint64_t i)
{
	static const uint8_t page[4096] = {1};
	off_t off = (off_t)(((i * 8 + thread) % (LOG_BYTES / 4096)) * 4096);

	if (pwrite(raw_fd, page, sizeof(page), off) != (ssize_t)sizeof(page) ||
	    fdatasync(raw_fd) < 0)
		die("raw write", errno);
}

static void put_batch(unsigned thread, uint64_t i)
{
	uint8_t val[200] = {0};
	struct cdx_batch *b;
	uint8_t key[12];

	check("batch", cdx_batch_new(&b, store));
	cdx_put_be32(key, thread);
	cdx_put_be64(key + 4, i % 1000);
	cdx_batch_put(b, CDX_DB_INODE, key, sizeof(key), val, sizeof(val));
	check("apply", cdx_batch_apply(b));
}

static void log_op(unsigned thread, uint64_t i)
{
	put_batch(thread, i);
	check("log sync", cdx_store_log_sync(store));
}

static void commit_op(unsigned thread, uint64_t i)
{
	put_batch(thread, i);
	check("commit", cdx_store_commit(store));
}

static void mdb_op(unsigned thread, uint64_t i)
{
	uint64_t key = i % 1000;
	uint8_t val[200] = {0};
	MDB_val k = {sizeof(key), &key};
	MDB_val v = {sizeof(val), val};
	MDB_txn *txn;

	(void)thread;
	check("mdb", mdb_txn_begin(mdb, NULL, 0, &txn));
	check("mdb", mdb_put(txn, dbi, &k, &v, 0));
	check("mdb", mdb_txn_commit(txn));
}

static void append_op(unsigned thread, uint64_t i)
{
	static const uint8_t page[4096] = {1};

	if (write(append_fd, page, sizeof(page)) != (ssize_t)sizeof(page) ||
	    fdatasync(append_fd) < 0)
		die("append", errno);
	mdb_op(thread, i);
}

/* ---- rows ---- */

struct row {
	const char *name;
	void (*op)(unsigned thread, uint64_t i);
	unsigned threads;
	double rate[ROUNDS_MAX];
};

struct worker {
	const struct row *row;
	unsigned thread;
	uint64_t until;
	uint64_t done;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	while (cdx_clock_mono_ns() < w->until)
		w->row->op(w->thread, w->done++);
	return NULL;
}

static double run(const struct row *row)
{
	struct worker w[8];
	pthread_t t[8];
	uint64_t start = cdx_clock_mono_ns();
	uint64_t done = 0;

	for (unsigned i = 0; i < row->threads; i++) {
		w[i] = (struct worker){row, i, start + ROW_NS, 0};
		check("thread", pthread_create(&t[i], NULL, work, &w[i]));
	}
	for (unsigned i = 0; i < row->threads; i++) {
		(void)pthread_join(t[i], NULL);
		done += w[i].done;
	}
	return (double)done * 1e9 / (double)(cdx_clock_mono_ns() - start);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, long n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[n / 2];
}

static void bench_fsync(long rounds)
{
	static struct row rows[] = {
		{.name = "write in place", .op = raw_op, .threads = 1},
		{.name = "log sync", .op = log_op, .threads = 1},
		{.name = "group commit", .op = commit_op, .threads = 1},
		{.name = "append + LMDB", .op = append_op, .threads = 1},
		{.name = "LMDB alone", .op = mdb_op, .threads = 1},
		{.name = "write in place, 8 threads",
		 .op = raw_op,
		 .threads = 8},
		{.name = "log sync, 8 threads", .op = log_op, .threads = 8},
	};
	const size_t n = sizeof(rows) / sizeof(rows[0]);
	double base[2] = {0, 0};
	double m;

	for (long r = 0; r < rounds; r++) {
		for (size_t i = 0; i < n; i++)
			rows[i].rate[r] = run(&rows[i]);
	}
	printf("%-28s %10s %8s\n", "durable operations", "1/s", "ratio");
	for (size_t i = 0; i < n; i++) {
		m = median(rows[i].rate, rounds);
		if (rows[i].op == raw_op)
			base[rows[i].threads > 1] = m;
		printf("%-28s %10.0f %8.2f\n", rows[i].name, m,
		       m / base[rows[i].threads > 1]);
	}
}

/* ---- keys and values ---- */

/* Keys as inodes have them, or spread over the whole range */
static void make_key(uint8_t out[8], uint64_t i, bool spread)
{
	cdx_put_be64(out, spread ? i * UINT64_C(0x9e3779b97f4a7c15) : i);
}

static double since(uint64_t start)
{
	return (double)(cdx_clock_mono_ns() - start) / 1e9;
}

static void row(const char *name, double count, double s, double base)
{
	printf("%-28s %10.0f %8.2f   %6.2f us\n", name, count / s,
	       base > 0 ? count / s / base : 1.0, s * 1e6 / count);
}

/* @table: the first of four that the keys go to */
static double kv_put(bool spread, unsigned table, uint64_t n)
{
	uint64_t start = cdx_clock_mono_ns();
	uint8_t val[100] = {0};
	struct cdx_batch *b;
	uint8_t key[8];

	for (uint64_t i = 0; i < n; i += PUTS_IN_BATCH) {
		check("batch", cdx_batch_new(&b, store));
		for (uint64_t j = 0; j < PUTS_IN_BATCH; j++) {
			/* a create touches several tables */
			make_key(key, i + j, spread);
			cdx_batch_put(b, table + (unsigned)(j % 4), key,
				      sizeof(key), val, sizeof(val));
		}
		cdx_batch_add(b, CDX_CNT_INODES, 1);
		check("apply", cdx_batch_apply(b));
	}
	return since(start);
}

static double kv_get(bool spread, unsigned table, uint64_t keys)
{
	uint64_t start = cdx_clock_mono_ns();
	uint8_t val[100];
	uint8_t key[8];

	for (uint64_t i = 0; i < keys; i++) {
		uint64_t n = (i * 7919) % keys;

		make_key(key, n, spread);
		if (cdx_kv_get(store, table + (unsigned)(n % PUTS_IN_BATCH % 4),
			       key, sizeof(key), val, sizeof(val)) != 100)
			die("get", -ENOENT);
	}
	return since(start);
}

static double mdb_put_all(bool spread)
{
	uint64_t start = cdx_clock_mono_ns();
	uint8_t val[100] = {0};
	MDB_val v = {sizeof(val), val};
	uint8_t key[8];
	MDB_val k = {sizeof(key), key};
	MDB_txn *txn;

	check("mdb", mdb_txn_begin(mdb, NULL, 0, &txn));
	for (uint64_t i = 0; i < KV_KEYS; i++) {
		make_key(key, i, spread);
		check("mdb", mdb_put(txn, dbi, &k, &v, 0));
	}
	check("mdb", mdb_txn_commit(txn));
	return since(start);
}

static double mdb_get_all(bool spread)
{
	uint64_t start = cdx_clock_mono_ns();
	uint8_t key[8];
	MDB_val k = {sizeof(key), key};
	MDB_val v;
	MDB_txn *txn;

	for (uint64_t i = 0; i < KV_KEYS; i++) {
		make_key(key, (i * 7919) % KV_KEYS, spread);
		check("mdb", mdb_txn_begin(mdb, NULL, MDB_RDONLY, &txn));
		check("mdb", mdb_get(txn, dbi, &k, &v));
		mdb_txn_abort(txn);
	}
	return since(start);
}

static void bench_kv(bool spread)
{
	double put_base;
	double get_base;
	uint64_t start;
	double s;

	printf("\n%-28s %10s %8s   %s\n",
	       spread ? "keys spread" : "keys in order", "1/s", "ratio",
	       "each");
	s = mdb_put_all(spread);
	put_base = KV_KEYS / s;
	row("LMDB put, one transaction", KV_KEYS, s, 0);
	s = mdb_get_all(spread);
	get_base = KV_KEYS / s;
	row("LMDB get", KV_KEYS, s, 0);
	check("commit", cdx_store_commit(store));
	s = kv_put(spread, CDX_DB_SEGMENT, KV_GROUP);
	row("puts applied, one group", KV_GROUP, s, put_base);
	row("batches of five", KV_GROUP / (double)PUTS_IN_BATCH, s,
	    put_base / PUTS_IN_BATCH);
	s = kv_get(spread, CDX_DB_SEGMENT, KV_GROUP);
	row("get, group filling", KV_GROUP, s, get_base);
	start = cdx_clock_mono_ns();
	(void)kv_put(spread, CDX_DB_DENTRY, KV_KEYS);
	check("commit", cdx_store_commit(store));
	row("puts durable", KV_KEYS, since(start), put_base);
	s = kv_get(spread, CDX_DB_DENTRY, KV_KEYS);
	row("get, committed", KV_KEYS, s, get_base);
}

/* ---- set-up ---- */

static int rm_one(const char *path, const struct stat *st, int flag,
		  struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int open_in(const char *name, int flags)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | flags, 0600);
	if (fd < 0)
		die(path, errno);
	return fd;
}

static void open_raw(void)
{
	uint8_t *zero = calloc(1, LOG_BYTES);

	raw_fd = open_in("raw", 0);
	append_fd = open_in("append", O_APPEND);
	if (!zero || write(raw_fd, zero, LOG_BYTES) != LOG_BYTES ||
	    fsync(raw_fd) < 0)
		die("raw file", errno);
	free(zero);
}

static void open_mdb(void)
{
	char path[300];
	MDB_txn *txn;

	(void)snprintf(path, sizeof(path), "%s/mdb", dir);
	check("mdb", mdb_env_create(&mdb));
	check("mdb", mdb_env_set_mapsize(mdb, (size_t)1 << 36));
	check("mdb", mdb_env_open(mdb, path, MDB_NOSUBDIR, 0600));
	check("mdb", mdb_txn_begin(mdb, NULL, 0, &txn));
	check("mdb", mdb_dbi_open(txn, NULL, 0, &dbi));
	check("mdb", mdb_txn_commit(txn));
}

static void open_store(void)
{
	struct cdx_store_config c = {
		.share = {UINT64_C(1) << 30}, .k = 10, .log_bytes = LOG_BYTES};
	struct cdx_store_opts opts = {0};
	struct cdx_key key = {{1}};
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/store", dir);
	opts.path = path;
	check("init", cdx_store_init(path, &c));
	check("open", cdx_store_open(&store, &opts, NULL, 0));
	check("start", cdx_store_start(store, &key, NULL, NULL, NULL));
}

int main(int argc, char **argv)
{
	const char *count = getenv("CDX_COUNT");
	const char *tmp = getenv("TMPDIR");
	long rounds = count ? strtol(count, NULL, 10) : 5;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		die("CDX_COUNT", -EINVAL);
	if (argc > 1)
		tmp = argv[1];
	(void)snprintf(dir, sizeof(dir), "%s/cdx-bench-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		die(dir, errno);
	open_raw();
	open_mdb();
	open_store();
	bench_fsync(rounds);
	bench_kv(false);
	bench_kv(true);
	check("close", cdx_store_close(store));
	mdb_env_close(mdb);
	(void)close(raw_fd);
	(void)close(append_fd);
	return nftw(dir, rm_one, 16, FTW_DEPTH | FTW_PHYS) ? 1 : 0;
}
