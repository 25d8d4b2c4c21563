/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store_kit.h"

/* ---- hooks ---- */

struct owner {
	struct kit *k;
	atomic_int prepares;
	atomic_int prelogs;
	atomic_int gates;
	atomic_int gate_true; /* so many times more */
	atomic_int fail;      /* prepare's result */
	_Atomic uint64_t committed;
	atomic_bool put_in_prepare;
	atomic_bool data_in_prepare;
};

static int on_prepare(void *arg)
{
	struct owner *o = arg;
	struct cdx_batch *b;
	char val[16];
	int n = atomic_fetch_add(&o->prepares, 1);

	(void)snprintf(val, sizeof(val), "%d", n);
	if (atomic_load(&o->put_in_prepare) &&
	    kit_put(o->k, CDX_DB_EXTENT, "prepared", val) < 0)
		return -EINVAL;
	if (atomic_load(&o->data_in_prepare)) {
		/* somebody fsyncs while this hook has already passed his
		 * file */
		if (cdx_batch_new(&b, o->k->s) < 0)
			return -ENOMEM;
		cdx_batch_data(b, 7, 100, "stale", 5);
		cdx_batch_clean(b, 7, 100, 5);
		cdx_batch_data(b, 7, 200, "fresh", 5);
		cdx_batch_put(b, CDX_DB_INODE, "seven", 5, "x", 1);
		if (cdx_batch_apply(b) < 0)
			return -EIO;
	}
	return atomic_load(&o->fail);
}

static int on_prelog(void *arg)
{
	struct owner *o = arg;

	atomic_fetch_add(&o->prelogs, 1);
	return 0;
}

static bool on_gate(void *arg)
{
	struct owner *o = arg;

	atomic_fetch_add(&o->gates, 1);
	if (atomic_load(&o->gate_true) == 0)
		return false;
	atomic_fetch_sub(&o->gate_true, 1);
	return true;
}

static void on_committed(void *arg, uint64_t group)
{
	struct owner *o = arg;

	atomic_store(&o->committed, group);
}

static void kit_hooks(struct kit *k, struct owner *o)
{
	memset(o, 0, sizeof(*o));
	o->k = k;
	k->hooks = (struct cdx_store_hooks){.prepare = on_prepare,
					    .prelog = on_prelog,
					    .gate = on_gate,
					    .committed = on_committed};
	k->hooks_arg = o;
}

static struct cdx_store_stats stats(struct kit *k)
{
	struct cdx_store_stats st;

	cdx_store_stats(k->s, &st);
	return st;
}

static void test_hooks(void **state)
{
	struct owner o;
	struct kit k;
	uint64_t group;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_hooks(&k, &o);
	kit_open(&k);
	assert_int_equal(cdx_store_commit(k.s), 0);
	atomic_store(&o.put_in_prepare, true);
	atomic_store(&o.gate_true, 3);
	group = cdx_store_group(k.s);
	atomic_store(&o.prepares, 0);
	assert_int_equal(cdx_store_commit(k.s), 0);
	/* once, and again for every time the gate was not satisfied; what it
	 * applied is in this very group */
	assert_int_equal(atomic_load(&o.prepares), 4);
	assert_int_equal(atomic_load(&o.committed), group);
	assert_int_equal(cdx_store_durable(k.s), group);
	assert_int_equal(cdx_store_group(k.s), group + 1);
	assert_true(kit_has(&k, CDX_DB_EXTENT, "prepared", "3"));
	assert_int_equal(stats(&k).memtable_bytes, 0);

	/* the hook's failure is told, the next one works */
	atomic_store(&o.fail, -ENOSPC);
	assert_int_equal(cdx_store_commit(k.s), -ENOSPC);
	assert_int_equal(cdx_store_durable(k.s), group);
	atomic_store(&o.fail, 0);
	assert_int_equal(cdx_store_commit(k.s), 0);

	/* a gate that is never satisfied is not a hang */
	atomic_store(&o.gate_true, INT32_MAX);
	assert_int_equal(cdx_store_commit(k.s), -EBUSY);
	atomic_store(&o.gate_true, 0);

	/* prelog: first, and while the gate says so */
	assert_int_equal(cdx_store_commit(k.s), 0);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), 0);
	atomic_store(&o.gate_true, 2);
	assert_int_equal(cdx_store_log_sync(k.s), 0);
	assert_int_equal(atomic_load(&o.prelogs), 3);
	assert_int_equal(stats(&k).log_records, 1);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "2"), 0);
	atomic_store(&o.gate_true, 20);
	assert_int_equal(cdx_store_log_sync(k.s), 0);
	assert_int_equal(stats(&k).log_records, 1);
	kit_free(&k);
}

static void test_nothing_to_do(void **state)
{
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	assert_int_equal(cdx_store_commit(k.s), 0);
	assert_int_equal(cdx_store_commit(k.s), 0);
	{
		uint64_t n = stats(&k).commits;
		uint64_t group = cdx_store_group(k.s);

		assert_int_equal(cdx_store_commit(k.s), 0);
		assert_int_equal(cdx_store_log_sync(k.s), 0);
		assert_int_equal(stats(&k).commits, n);
		assert_int_equal(cdx_store_group(k.s), group);
		assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), 0);
		assert_int_equal(cdx_store_commit(k.s), 0);
		assert_int_equal(stats(&k).commits, n + 1);
		assert_int_equal(cdx_store_group(k.s), group + 1);
	}
	kit_free(&k);
}

static void on_ticket(void *arg, int result)
{
	atomic_store((atomic_int *)arg, result + 1000);
}

static void test_tickets(void **state)
{
	atomic_int got = 0;
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), 0);
	assert_int_equal(cdx_store_commit_async(k.s, on_ticket, &got), 0);
	for (int i = 0; i < 5000 && atomic_load(&got) == 0; i++)
		usleep(1000);
	assert_int_equal(atomic_load(&got), 1000);
	assert_true(cdx_store_durable(k.s) > 0);
	/* one that is posted right before the end is answered too */
	atomic_store(&got, 0);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "2"), 0);
	assert_int_equal(cdx_store_commit_async(k.s, on_ticket, &got), 0);
	kit_close(&k);
	assert_int_equal(atomic_load(&got), 1000);
	kit_open(&k);
	assert_true(kit_has(&k, CDX_DB_INODE, "a", "2"));
	kit_free(&k);
}

static void wait_durable(struct kit *k, uint64_t group)
{
	for (int i = 0; i < 10000 && cdx_store_durable(k->s) < group; i++)
		usleep(1000);
	assert_true(cdx_store_durable(k->s) >= group);
}

static void test_interval_and_size(void **state)
{
	char val[1000];
	char key[16];
	struct cdx_batch *b;
	struct kit k;
	uint64_t group;

	(void)state;
	memset(val, 'v', sizeof(val));
	kit_defaults(&k);
	kit_init(&k);
	k.commit_ms = 20;
	kit_open(&k);
	group = cdx_store_group(k.s);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), 0);
	wait_durable(&k, group);
	kit_close(&k);

	k.commit_ms = 3600000;
	k.group_bytes = 64 << 10;
	kit_open(&k);
	group = cdx_store_group(k.s);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(cdx_batch_new(&b, k.s), 0);
		cdx_batch_put(b, CDX_DB_INODE, key,
			      (size_t)snprintf(key, sizeof(key), "%d", i), val,
			      sizeof(val));
		assert_int_equal(cdx_batch_apply(b), 0);
	}
	wait_durable(&k, group);
	kit_free(&k);
}

/* ---- failures ---- */

static void fault(struct kit *k, enum cdx_fault_at at, int after, int times,
		  int err)
{
	k->s->fault.err[at] = err;
	atomic_store(&k->s->fault.times[at], times);
	atomic_store(&k->s->fault.after[at], after);
}

/* No room for LMDB: what was applied stays readable, more is taken up to a
 * bound, and everything is written once there is room. */
static void test_commit_fails(void **state)
{
	char val[1000];
	char key[16];
	struct cdx_batch *b;
	struct kit k;
	int r = 0;
	int n;

	(void)state;
	memset(val, 'v', sizeof(val));
	kit_defaults(&k);
	k.group_bytes = 64 << 10;
	kit_init(&k);
	kit_open(&k);
	fault(&k, CDX_FAULT_COMMIT, 1, INT32_MAX, -ENOSPC);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "first", "1"), 0);
	assert_int_equal(cdx_store_commit(k.s), -ENOSPC);
	assert_int_equal(cdx_store_failed(k.s), 0);
	assert_true(kit_has(&k, CDX_DB_INODE, "first", "1"));
	for (n = 0; n < 10000 && r == 0; n++) {
		assert_int_equal(cdx_batch_new(&b, k.s), 0);
		cdx_batch_put(b, CDX_DB_INODE, key,
			      (size_t)snprintf(key, sizeof(key), "%d", n), val,
			      sizeof(val));
		r = cdx_batch_apply(b);
	}
	assert_int_equal(r, -ENOSPC);
	assert_in_range(n, 100, 400);
	assert_int_equal(cdx_store_commit(k.s), -ENOSPC);
	/* fsync still works: the log has its own space */
	fault(&k, CDX_FAULT_COMMIT, 0, 0, 0);
	assert_int_equal(cdx_store_commit(k.s), 0);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "last", "1"), 0);
	kit_reopen(&k);
	assert_true(kit_has(&k, CDX_DB_INODE, "first", "1"));
	assert_true(kit_has(&k, CDX_DB_INODE, "last", "1"));
	(void)snprintf(key, sizeof(key), "%d", n - 2);
	assert_int_equal(cdx_kv_get(k.s, CDX_DB_INODE, key, strlen(key), val,
				    sizeof(val)),
			 1000);
	kit_free(&k);
}

/* It is retried without being asked. */
static void test_retry(void **state)
{
	struct kit k;
	uint64_t group;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	assert_int_equal(cdx_store_commit(k.s), 0);
	group = cdx_store_group(k.s);
	fault(&k, CDX_FAULT_COMMIT, 1, 2, -EIO);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), 0);
	assert_int_equal(cdx_store_commit(k.s), -EIO);
	wait_durable(&k, group);
	kit_free(&k);
}

/* ---- data that comes while a group is prepared ---- */

struct replayed {
	char what[512];
};

static int on_data(void *arg, uint64_t ino, uint64_t off, const uint8_t *p,
		   size_t len)
{
	struct replayed *r = arg;
	size_t at = strlen(r->what);

	(void)snprintf(r->what + at, sizeof(r->what) - at, "+%llu:%llu:%.*s ",
		       (unsigned long long)ino, (unsigned long long)off,
		       (int)len, (const char *)p);
	return 0;
}

static int on_clean(void *arg, uint64_t ino, uint64_t off, uint64_t len)
{
	struct replayed *r = arg;
	size_t at = strlen(r->what);

	(void)snprintf(r->what + at, sizeof(r->what) - at, "-%llu:%llu:%llu ",
		       (unsigned long long)ino, (unsigned long long)off,
		       (unsigned long long)len);
	return 0;
}

static void crash_carry(struct kit *k)
{
	struct owner *o = k->hooks_arg;

	atomic_store(&o->data_in_prepare, true);
	KIT_CHILD(cdx_store_commit(k->s) == 0);
	/* the log has nothing of it: it was retired with the group */
	KIT_CHILD(k->s->ilog.head == k->s->ilog.tail);
}

static void crash_after_carry(struct kit *k)
{
	struct owner *o = k->hooks_arg;

	/* this prepare ran after the data came: it wrote them */
	atomic_store(&o->put_in_prepare, true);
	KIT_CHILD(cdx_store_commit(k->s) == 0);
}

static void test_carry(void **state)
{
	struct replayed got = {""};
	struct owner o;
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_hooks(&k, &o);
	k.replay = (struct cdx_store_replay){on_data, on_clean, &got};
	kit_crash(&k, crash_carry);
	kit_open(&k);
	assert_string_equal(got.what, "+7:100:stale -7:100:5 +7:200:fresh ");
	assert_true(kit_has(&k, CDX_DB_INODE, "seven", "x"));
	/* sealed: not a byte of it in the clear */
	{
		uint8_t val[512];
		int n = cdx_kv_get(k.s, CDX_DB_META, "carry", 5, val,
				   sizeof(val));

		assert_true(n > 40);
		assert_null(memmem(val, (size_t)n, "fresh", 5));
	}
	(void)cdx_store_close(k.s);
	k.s = NULL;

	got.what[0] = '\0';
	kit_crash(&k, crash_after_carry);
	got.what[0] = '\0';
	kit_open(&k);
	assert_string_equal(got.what, "");
	kit_free(&k);
}

/* ---- pressure ---- */

struct filler {
	struct kit *k;
	atomic_bool done;
	int r;
};

static void *fill(void *arg)
{
	struct filler *f = arg;
	uint8_t val[4000] = {1};
	struct cdx_batch *b;
	char key[32];

	for (int i = 0; i < 300 && f->r == 0; i++) {
		f->r = cdx_batch_new(&b, f->k->s);
		if (f->r < 0)
			break;
		cdx_batch_put(b, CDX_DB_INODE, key,
			      (size_t)snprintf(key, sizeof(key), "%d", i), val,
			      sizeof(val));
		cdx_batch_add(b, CDX_CNT_INODES, 1);
		f->r = cdx_batch_apply(b);
	}
	atomic_store(&f->done, true);
	return NULL;
}

/* A writer waits while a group is being committed and the next one is over
 * its size twice, and goes on when it is durable. */
static void test_pressure(void **state)
{
	struct filler f = {0};
	atomic_int got = 0;
	struct kit k;
	MDB_txn *txn;
	pthread_t t;

	(void)state;
	kit_defaults(&k);
	k.group_bytes = 32 << 10;
	kit_init(&k);
	kit_open(&k);
	f.k = &k;
	/* the committer cannot get at LMDB */
	assert_int_equal(mdb_txn_begin(k.s->env.mdb, NULL, 0, &txn), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(kit_put(&k, CDX_DB_XATTR, "a", "1"), 0);
	assert_int_equal(cdx_store_commit_async(k.s, on_ticket, &got), 0);
	for (int i = 0; i < 10000 && !stats(&k).commits; i++) {
		bool frozen;

		pthread_mutex_lock(&k.s->mu);
		frozen = k.s->is_frozen;
		pthread_mutex_unlock(&k.s->mu);
		if (frozen)
			break;
		usleep(1000);
	}
	assert_int_equal(pthread_create(&t, NULL, fill, &f), 0);
	for (int i = 0; i < 10000 && stats(&k).memtable_bytes <= 2 * (32 << 10);
	     i++)
		usleep(1000);
	usleep(50000);
	assert_false(atomic_load(&f.done));
	assert_in_range(stats(&k).memtable_bytes, 2 * (32 << 10),
			3 * (32 << 10));
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_INODES), 17);
	mdb_txn_abort(txn);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(f.r, 0);
	kit_reopen(&k);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_INODES), 300);
	kit_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_interval_and_size),
		cmocka_unit_test(test_commit_fails),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
