/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "seed.h"
#include "store_kit.h"

static uint64_t records(struct kit *k)
{
	struct cdx_store_stats st;

	cdx_store_stats(k->s, &st);
	return st.log_records;
}

static uint64_t replayed(struct kit *k)
{
	struct cdx_store_stats st;

	cdx_store_stats(k->s, &st);
	return st.log_replayed;
}

static void fault(struct kit *k, enum cdx_fault_at at, int err)
{
	k->s->fault.err[at] = err;
	atomic_store(&k->s->fault.times[at], 1);
	atomic_store(&k->s->fault.after[at], 1);
}

/* One batch: key n in two tables and a counter */
static int put_n(struct kit *k, unsigned n)
{
	struct cdx_batch *b;
	char key[16];
	size_t len = (size_t)snprintf(key, sizeof(key), "%08u", n);
	int r = cdx_batch_new(&b, k->s);

	if (r < 0)
		return r;
	cdx_batch_put(b, CDX_DB_INODE, key, len, key, len);
	cdx_batch_put(b, CDX_DB_DENTRY, key, len, key, len);
	cdx_batch_add(b, CDX_CNT_INODES, 1);
	return cdx_batch_apply(b);
}

static unsigned count(struct kit *k, enum cdx_db db)
{
	struct cdx_kv_pair pair;
	struct cdx_kv_iter *it;
	unsigned n = 0;

	assert_int_equal(cdx_kv_iter_open(k->s, &it, db, NULL, 0, NULL, 0), 0);
	while (cdx_kv_iter_next(it, &pair) > 0) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%08u", n++);
		assert_int_equal(pair.key_len, 8);
		assert_memory_equal(pair.key, key, 8);
	}
	cdx_kv_iter_close(it);
	return n;
}

/* Exactly keys 0 .. n-1 are there, whole. */
static void check_n(struct kit *k, unsigned n)
{
	assert_int_equal(count(k, CDX_DB_INODE), n);
	assert_int_equal(count(k, CDX_DB_DENTRY), n);
	assert_int_equal(cdx_kv_counter(k->s, CDX_CNT_INODES), n);
}

/* ---- records ---- */

static void crash_three(struct kit *k)
{
	/* the first group may remember the key */
	KIT_CHILD(cdx_store_commit(k->s) == 0);
	for (unsigned i = 0; i < 6; i++) {
		KIT_CHILD(put_n(k, i) == 0);
		if (i % 2)
			KIT_CHILD(cdx_store_log_sync(k->s) == 0);
	}
	KIT_CHILD(put_n(k, 6) == 0); /* not synced: may be lost */
	KIT_CHILD(records(k) == 3);
}

static void test_replay(void **state)
{
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_crash(&k, crash_three);
	kit_open(&k);
	assert_int_equal(replayed(&k), 3);
	check_n(&k, 6);
	/* replayed is logged: nothing to do */
	assert_int_equal(cdx_store_log_sync(k.s), 0);
	assert_int_equal(records(&k), 0);
	assert_int_equal(put_n(&k, 6), 0);
	assert_int_equal(cdx_store_log_sync(k.s), 0);
	assert_int_equal(records(&k), 1);
	kit_reopen(&k);
	assert_int_equal(replayed(&k), 0);
	check_n(&k, 7);
	kit_free(&k);
}

static void test_readonly(void **state)
{
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_crash(&k, crash_three);
	k.readonly = true;
	for (int i = 0; i < 2; i++) {
		/* into memory only: the next one has to do it again */
		kit_open(&k);
		assert_int_equal(replayed(&k), 3);
		check_n(&k, 6);
		kit_close(&k);
	}
	kit_free(&k);
}

static void flip(struct kit *k, const char *name, off_t off)
{
	char path[300];
	uint8_t c;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", k->path, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, off), 1);
	c ^= 0x01;
	assert_int_equal(pwrite(fd, &c, 1, off), 1);
	assert_int_equal(close(fd), 0);
}

/* A record that does not verify is the end, wherever it was hurt; those before
 * it count, those after it do not. */
static void test_torn(void **state)
{
	static const struct {
		unsigned record;
		off_t byte;
	} hurt[] = {
		{2, 0},	 {2, 5},  {2, 12},  {2, 20}, {2, 30}, {2, 39},
		{2, 41}, {2, 70}, {2, 150}, {0, 50}, {1, 50},
	};
	struct kit k;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(hurt); i++) {
		kit_defaults(&k);
		kit_init(&k);
		kit_crash(&k, crash_three);
		flip(&k, "log",
		     4096 * (1 + (off_t)hurt[i].record) + hurt[i].byte);
		kit_open(&k);
		assert_int_equal(replayed(&k), hurt[i].record);
		check_n(&k, 2 * hurt[i].record);
		/* and the log goes on there */
		assert_int_equal(put_n(&k, 2 * hurt[i].record), 0);
		assert_int_equal(cdx_store_log_sync(k.s), 0);
		kit_free(&k);
	}
}

/* The log of another store, or of an older state of this one */
/* All of the log but its first page */
static void copy_records(const struct kit *to, const struct kit *from)
{
	char path[300];
	char page[4096];
	ssize_t n;
	off_t at;
	int in;
	int out;

	(void)snprintf(path, sizeof(path), "%s/log", from->path);
	in = open(path, O_RDONLY);
	(void)snprintf(path, sizeof(path), "%s/log", to->path);
	out = open(path, O_WRONLY);
	assert_true(in >= 0 && out >= 0);
	for (at = sizeof(page); (n = pread(in, page, sizeof(page), at)) > 0;
	     at += n)
		assert_int_equal(pwrite(out, page, (size_t)n, at), n);
	assert_int_equal(n, 0);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

static void test_foreign(void **state)
{
	struct kit k;
	struct kit other;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_defaults(&other);
	kit_init(&other);
	kit_crash(&k, crash_three);
	kit_crash(&other, crash_three);
	/* only the records of the other one, under our header */
	copy_records(&k, &other);
	kit_open(&k);
	assert_int_equal(replayed(&k), 0);
	check_n(&k, 0);
	kit_free(&other);
	kit_free(&k);
}

static void test_keys(void **state)
{
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_crash(&k, crash_three);
	/* another key would throw the log away */
	k.key.b[0] ^= 1;
	assert_int_equal(kit_try_open(&k, NULL, 0), 0);
	assert_int_equal(kit_try_start(&k), CDX_E_AUTH);
	assert_int_equal(cdx_store_close(k.s), 0);
	k.key.b[0] ^= 1;
	/* so would none */
	k.no_key = true;
	assert_int_equal(kit_try_open(&k, NULL, 0), 0);
	assert_int_equal(kit_try_start(&k), -ENOKEY);
	assert_int_equal(cdx_store_close(k.s), 0);
	k.readonly = true;
	kit_open(&k);
	check_n(&k, 0);
	kit_close(&k);
	k.readonly = false;
	k.no_key = false;
	kit_open(&k);
	check_n(&k, 6);
	kit_close(&k);
	/* all is committed: now it does without */
	k.no_key = true;
	kit_open(&k);
	check_n(&k, 6);
	assert_int_equal(put_n(&k, 6), 0);
	assert_int_equal(cdx_store_log_sync(k.s), 0);
	assert_int_equal(records(&k), 0);
	kit_free(&k);
}

/* ---- laps ---- */

static void crash_laps(struct kit *k)
{
	struct seed seed = {.state = 4711};
	uint8_t fill[9000] = {0};
	struct cdx_batch *b;
	uint64_t laps;

	for (unsigned i = 0; i < 400; i++) {
		KIT_CHILD(put_n(k, i) == 0);
		KIT_CHILD(cdx_batch_new(&b, k->s) == 0);
		cdx_batch_put(b, CDX_DB_XATTR, "fill", 4, fill,
			      seed_below(&seed, sizeof(fill)));
		KIT_CHILD(cdx_batch_apply(b) == 0);
		KIT_CHILD(cdx_store_log_sync(k->s) == 0);
		if (seed_below(&seed, 5) == 0)
			KIT_CHILD(cdx_store_commit(k->s) == 0);
	}
	laps = k->s->ilog.head / k->s->ilog.cap;
	KIT_CHILD(laps > 5);
	KIT_CHILD(records(k) > 350);
}

static void test_laps(void **state)
{
	struct kit k;

	(void)state;
	kit_defaults(&k);
	k.log_bytes = CDX_ILOG_MIN;
	kit_init(&k);
	kit_crash(&k, crash_laps);
	kit_open(&k);
	check_n(&k, 400);
	kit_free(&k);
}

/* A log that is full, a record that is too large, a queue that overflowed: a
 * group commit answers instead. */
static void crash_full(struct kit *k)
{
	uint8_t *big = calloc(1, 9u << 20);
	struct cdx_batch *b;
	uint64_t n;
	unsigned i;

	KIT_CHILD(big != NULL);
	for (i = 0; i < 40; i++) {
		KIT_CHILD(put_n(k, i) == 0);
		KIT_CHILD(cdx_store_log_sync(k->s) == 0);
	}
	n = records(k);
	/* fifteen pages of body: groups made room in time */
	KIT_CHILD(n >= 30);
	KIT_CHILD(k->s->commits >= 2);

	KIT_CHILD(cdx_batch_new(&b, k->s) == 0);
	cdx_batch_put(b, CDX_DB_XATTR, "big", 3, big, 40000);
	KIT_CHILD(cdx_batch_apply(b) == 0);
	n = records(k);
	KIT_CHILD(put_n(k, i++) == 0);
	KIT_CHILD(cdx_store_log_sync(k->s) == 0);
	KIT_CHILD(records(k) == n);

	KIT_CHILD(put_n(k, i++) == 0);
	KIT_CHILD(cdx_batch_new(&b, k->s) == 0);
	cdx_batch_data(b, 1, 0, big, 9u << 20);
	KIT_CHILD(cdx_batch_apply(b) == 0);
	KIT_CHILD(k->s->fifo.gap == k->s->seq);
	KIT_CHILD(put_n(k, i++) == 0);
	KIT_CHILD(cdx_store_log_sync(k->s) == 0);
	KIT_CHILD(records(k) == n);
	KIT_CHILD(put_n(k, i++) == 0);
	KIT_CHILD(cdx_store_log_sync(k->s) == 0);
	KIT_CHILD(records(k) == n + 1);
	KIT_CHILD(i == 44);
	free(big);
}

/* Nothing makes room: fsync says so, and works again afterwards. */
static void test_no_room(void **state)
{
	struct kit k;
	unsigned n = 0;
	int r = 0;

	(void)state;
	kit_defaults(&k);
	k.log_bytes = CDX_ILOG_MIN;
	kit_init(&k);
	kit_open(&k);
	k.s->fault.err[CDX_FAULT_COMMIT] = -ENOSPC;
	atomic_store(&k.s->fault.times[CDX_FAULT_COMMIT], INT32_MAX);
	atomic_store(&k.s->fault.after[CDX_FAULT_COMMIT], 1);
	while (n < 100 && r == 0) {
		assert_int_equal(put_n(&k, n++), 0);
		r = cdx_store_log_sync(k.s);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(n, 16);
	assert_int_equal(cdx_store_failed(k.s), 0);
	atomic_store(&k.s->fault.after[CDX_FAULT_COMMIT], 0);
	assert_int_equal(cdx_store_log_sync(k.s), 0);
	kit_reopen(&k);
	check_n(&k, 16);
	kit_free(&k);
}

static void test_full(void **state)
{
	struct kit k;

	(void)state;
	kit_defaults(&k);
	k.log_bytes = CDX_ILOG_MIN;
	kit_init(&k);
	kit_crash(&k, crash_full);
	kit_open(&k);
	check_n(&k, 44);
	kit_free(&k);
}

/* ---- data ---- */

struct replayed_data {
	char what[512];
};

static int on_data(void *arg, uint64_t ino, uint64_t off, const uint8_t *p,
		   size_t len)
{
	struct replayed_data *r = arg;
	size_t at = strlen(r->what);

	(void)snprintf(r->what + at, sizeof(r->what) - at, "+%llu:%llu:%.*s ",
		       (unsigned long long)ino, (unsigned long long)off,
		       (int)len, (const char *)p);
	return 0;
}

static int on_clean(void *arg, uint64_t ino, uint64_t off, uint64_t len)
{
	struct replayed_data *r = arg;
	size_t at = strlen(r->what);

	(void)snprintf(r->what + at, sizeof(r->what) - at, "-%llu:%llu:%llu ",
		       (unsigned long long)ino, (unsigned long long)off,
		       (unsigned long long)len);
	return 0;
}

static void crash_data(struct kit *k)
{
	struct cdx_batch *b;

	KIT_CHILD(cdx_batch_new(&b, k->s) == 0);
	cdx_batch_data(b, 5, UINT64_C(1) << 40, "abc", 3);
	cdx_batch_put(b, CDX_DB_INODE, "00000000", 8, "x", 1);
	cdx_batch_clean(b, 6, 0, UINT64_MAX);
	KIT_CHILD(cdx_batch_apply(b) == 0);
	KIT_CHILD(cdx_batch_new(&b, k->s) == 0);
	cdx_batch_data(b, 5, 3, "", 0);
	KIT_CHILD(cdx_batch_apply(b) == 0);
	KIT_CHILD(cdx_store_log_sync(k->s) == 0);
	KIT_CHILD(cdx_batch_new(&b, k->s) == 0);
	cdx_batch_data(b, 5, 9, "d", 1);
	KIT_CHILD(cdx_batch_apply(b) == 0);
	KIT_CHILD(cdx_store_log_sync(k->s) == 0);
}

static void test_data(void **state)
{
	struct replayed_data got = {""};
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_crash(&k, crash_data);
	/* nobody takes it: not thrown away silently */
	assert_int_equal(kit_try_open(&k, NULL, 0), 0);
	assert_int_equal(kit_try_start(&k), CDX_E_SEQUENCE);
	assert_int_equal(cdx_store_close(k.s), 0);
	k.replay = (struct cdx_store_replay){on_data, on_clean, &got};
	kit_open(&k);
	assert_string_equal(got.what,
			    "+5:1099511627776:abc -6:0:18446744073709551615 "
			    "+5:3: +5:9:d ");
	kit_free(&k);
}

/* ---- failures ---- */

static void test_faults(void **state)
{
	static const enum cdx_fault_at at[] = {CDX_FAULT_LOG_WRITE,
					       CDX_FAULT_FDATASYNC};
	struct kit k;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(at); i++) {
		kit_defaults(&k);
		kit_init(&k);
		kit_open(&k);
		assert_int_equal(put_n(&k, 0), 0);
		assert_int_equal(cdx_store_log_sync(k.s), 0);
		assert_int_equal(put_n(&k, 1), 0);
		fault(&k, at[i], -EIO);
		assert_int_equal(cdx_store_log_sync(k.s), -EIO);
		/* for good: a second fdatasync would lie */
		assert_int_equal(cdx_store_failed(k.s), -EIO);
		assert_int_equal(cdx_store_log_sync(k.s), -EIO);
		assert_int_equal(cdx_store_commit(k.s), -EIO);
		assert_int_equal(put_n(&k, 2), -EIO);
		assert_true(kit_has(&k, CDX_DB_INODE, "00000001", "00000001"));
		assert_int_equal(cdx_store_close(k.s), -EIO);
		kit_open(&k);
		assert_int_equal(cdx_store_failed(k.s), 0);
		assert_true(count(&k, CDX_DB_INODE) >= 1);
		kit_free(&k);
	}
}

/* ---- many at once ---- */

struct many {
	struct kit *k;
	unsigned t;
};

enum {
	SYNCERS = 8,
	SYNCS = 60
};

static void *syncer(void *arg)
{
	struct many *m = arg;

	for (unsigned i = 0; i < SYNCS; i++) {
		KIT_CHILD(put_n(m->k, m->t * SYNCS + i) == 0);
		KIT_CHILD(cdx_store_log_sync(m->k->s) == 0);
	}
	return NULL;
}

static void crash_many(struct kit *k)
{
	struct many m[SYNCERS];
	pthread_t t[SYNCERS];

	for (unsigned i = 0; i < SYNCERS; i++) {
		m[i] = (struct many){k, i};
		KIT_CHILD(pthread_create(&t[i], NULL, syncer, &m[i]) == 0);
	}
	for (unsigned i = 0; i < SYNCERS; i++)
		KIT_CHILD(pthread_join(t[i], NULL) == 0);
	/* they shared flushes */
	KIT_CHILD(records(k) < SYNCERS * SYNCS);
}

static void test_many(void **state)
{
	struct kit k;

	(void)state;
	kit_defaults(&k);
	k.commit_ms = 7;
	kit_init(&k);
	kit_crash(&k, crash_many);
	kit_open(&k);
	check_n(&k, SYNCERS * SYNCS);
	kit_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay), cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_torn),   cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_keys),   cmocka_unit_test(test_laps),
		cmocka_unit_test(test_full),   cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_data),   cmocka_unit_test(test_faults),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
