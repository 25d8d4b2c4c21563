/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seg_protect.h"

#include <time.h>

#include "erasure/codec.h"
#include "store/dataset_store.h"

/* ---- the record ---- */

static struct cdx_seg_rec some_rec(void)
{
	struct cdx_seg_rec rec;

	memset(&rec, 0, sizeof(rec));
	rec.state = CDX_SEG_SEALED;
	rec.k = 4;
	rec.m = 2;
	rec.codec = CDX_EC_ISA_L_CAUCHY;
	rec.cap = 16;
	rec.next = 13;
	rec.footers = 2;
	rec.epochs = 1;
	rec.epoch[0].cipher = CDX_CIPHER_XCHACHA20;
	return rec;
}

static void test_record(void **state)
{
	uint8_t out[CDX_SEG_REC_MAX];
	struct cdx_seg_rec rec = some_rec();
	struct cdx_seg_rec got;
	size_t len;

	(void)state;
	/* of version 1: without what this one has at the end */
	len = cdx_seg_rec_encode(out, &rec);
	out[0] = 1;
	assert_int_equal(cdx_seg_rec_decode(&got, out, len - 5), 0);
	assert_memory_equal(&got, &rec, sizeof(rec));
	assert_int_equal(cdx_seg_rec_decode(&got, out, len), CDX_E_CORRUPT);
	out[0] = 3;
	assert_int_equal(cdx_seg_rec_decode(&got, out, len), CDX_E_VERSION);

	rec.codec = CDX_EC_JERASURE_VAND;
	rec.has_manifest = true;
	rec.has_verifiable = true;
	memset(rec.manifest.b, 1, sizeof(rec.manifest.b));
	memset(rec.verifiable.b, 2, sizeof(rec.verifiable.b));
	len = cdx_seg_rec_encode(out, &rec);
	assert_true(len <= sizeof(out));
	assert_int_equal(cdx_seg_rec_decode(&got, out, len), 0);
	assert_memory_equal(&got, &rec, sizeof(rec));
	for (size_t i = 0; i < len; i++)
		assert_int_not_equal(cdx_seg_rec_decode(&got, out, i), 0);

	rec.has_manifest = false;
	len = cdx_seg_rec_encode(out, &rec);
	assert_int_equal(cdx_seg_rec_decode(&got, out, len), CDX_E_CORRUPT);
}

/* ---- sync ---- */

struct told {
	uint64_t last;
	uint64_t total;
	unsigned calls;
	bool backwards;
};

static void on_progress(void *arg, const char *phase, uint64_t done,
			uint64_t total)
{
	struct told *t = arg;

	if (strcmp(phase, "protecting") != 0)
		return;
	t->backwards |= done < t->last || done > total;
	t->last = done;
	t->total = total;
	t->calls++;
}

static void test_sync(void **state)
{
	struct seed s = seed_start("sync");
	size_t len = 40 * BLOCK + 777;
	uint8_t *p = noise(&s, len);
	struct cdx_segment_info info;
	struct cdx_dataset_info set;
	struct cdx_vol_status st;
	struct told t = {0};
	struct seg_env e;
	uint64_t ino;
	int64_t before;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = put_file(&e, "a", p, len);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	assert_int_equal(state_of(&e, ino), CDX_STATE_SEALED);
	st = status(&e);
	assert_true(st.seg_sealed > 0);
	assert_int_equal(st.seg_waiting, st.seg_sealed);
	assert_int_equal(st.seg_protected, 0);
	assert_int_equal(st.protect_backlog, st.seg_bytes);
	before = used(&e);

	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_PROTECTED, on_progress, &t),
			 0);
	assert_true(t.calls > 0 && !t.backwards);
	assert_int_equal(t.last, t.total);
	assert_int_equal(t.total, st.seg_bytes);
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	assert_string_equal(cdx_file_state_name(CDX_STATE_PROTECTED),
			    "protected");
	/* its parity was charged when it was opened */
	assert_int_equal(used(&e), before);
	st = status(&e);
	assert_int_equal(st.seg_waiting, 0);
	assert_int_equal(st.seg_protected, st.seg_sealed);
	assert_int_equal(st.protections, st.seg_sealed);
	assert_int_equal(st.protect_backlog, 0);
	assert_int_equal(st.protect_steps * 4 * BLOCK, st.seg_bytes);
	assert_int_equal(st.protect_error, 0);

	info = seg_env_segments(&e).last_sealed;
	assert_true(info.is_protected);
	assert_int_equal(cdx_dataset_info(e.s, &info.verifiable, &set), 0);
	assert_int_equal(set.kind, CDX_DATASET_VERIFIABLE);
	assert_int_equal(set.base, info.area);
	assert_int_equal(set.refs, CDX_REF_VOLUME);
	seg_env_clean(&e);

	seg_env_reopen(&e);
	protect(&e);
	st = status(&e);
	assert_int_equal(st.protect_steps, 0);
	assert_int_equal(st.seg_protected, st.seg_sealed);
	ino = seg_env_find(&e, "a");
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	seg_env_same(&e, ino, p, len);

	/* what follows makes the file's state the lesser one again */
	seg_env_write(&e, ino, len, p, 3 * BLOCK);
	seg_env_commit(&e);
	assert_int_equal(state_of(&e, ino), CDX_STATE_OPEN);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	assert_int_equal(state_of(&e, ino), CDX_STATE_SEALED);
	seg_env_free(&e);
	free(p);
}

static void test_no_parity(void **state)
{
	struct seed s = seed_start("no_parity");
	size_t len = 20 * BLOCK;
	uint8_t *p = noise(&s, len);
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 3, 0);
	ino = put_file(&e, "a", p, len);
	protect(&e);
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

struct patience {
	unsigned windows;
	unsigned max;
};

static void count_window(void *arg, const char *phase, uint64_t done,
			 uint64_t total)
{
	struct patience *p = arg;

	(void)total;
	if (strcmp(phase, "protecting") == 0 && done)
		p->windows++;
}

static bool out_of_patience(void *arg)
{
	const struct patience *p = arg;

	return p->windows >= p->max;
}

/* Given up after each window, with a reopen in between: nothing is coded
 * twice */
static void test_cancel(void **state)
{
	struct seed s = seed_start("cancel");
	size_t len = 24 * ENV_MIB;
	uint8_t *p = noise(&s, len);
	struct seg_env e;
	uint64_t steps = 0;
	uint64_t want = 0;
	unsigned times = 0;
	uint64_t ino;
	int r;

	(void)state;
	seg_env_new(&e, 1024 * ENV_MIB, 4, 1);
	ino = put_file(&e, "a", p, len);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	want = status(&e).seg_bytes / BLOCK / 4;
	do {
		struct patience few = {.max = 1};

		r = cdx_vol_sync_until(e.v, CDX_SYNC_PROTECTED, count_window,
				       out_of_patience, &few);
		steps += status(&e).protect_steps;
		if (r == 0)
			break;
		assert_int_equal(r, -ECANCELED);
		assert_true(status(&e).seg_waiting > 0);
		assert_int_equal(status(&e).protect_error, 0);
		seg_env_reopen(&e);
		times++;
	} while (times < 1000);
	assert_true(times > 0);
	assert_int_equal(steps, want);
	ino = seg_env_find(&e, "a");
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* ---- background ---- */

/* A minute at most */
static void wait_protected(struct seg_env *e, uint64_t ino)
{
	const struct timespec ms = {.tv_nsec = 10000000};

	for (int i = 0; state_of(e, ino) != CDX_STATE_PROTECTED; i++) {
		assert_true(i < 6000);
		(void)nanosleep(&ms, NULL);
	}
}

static void test_background(void **state)
{
	struct seed s = seed_start("background");
	size_t len = 70 * BLOCK;
	uint8_t *p = noise(&s, len);
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	seg_env_close(&e);
	assert_int_equal(cdx_pool_new(&e.pool, 2), 0);
	e.background = true;
	e.seal_age_s = 1;
	e.pack_age_s = 1;
	e.commit_ms = 100;
	seg_env_open(&e);
	ino = put_file(&e, "a", p, len);
	wait_protected(&e, ino);
	/* the thread and a caller at once */
	seg_env_write(&e, ino, 0, p + 7, len - 7);
	protect(&e);
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	seg_env_close(&e);
	e.background = false;
	seg_env_open(&e);
	seg_env_clean(&e);
	seg_env_free(&e);
	cdx_pool_free(e.pool);
	free(p);
}

/* ---- policy ---- */

struct codes {
	unsigned n42;
	unsigned n32;
	unsigned others;
};

static int count_codes(void *arg, const struct cdx_segment_info *i)
{
	struct codes *c = arg;

	if (i->k == 4 && i->m == 2)
		c->n42++;
	else if (i->k == 3 && i->m == 3)
		c->n32++;
	else
		c->others++;
	return 0;
}

static void test_policy(void **state)
{
	struct seed s = seed_start("policy");
	size_t len = 150 * BLOCK + 5000;
	uint8_t *p = noise(&s, len);
	struct codes c = {0};
	struct seg_env e;
	int64_t empty;
	uint64_t ino;
	uint64_t b;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	empty = used(&e);
	ino = put_file(&e, "a", p, len);
	seg_env_commit(&e);
	assert_int_equal(cdx_vol_set_code(e.v, 0, 1, 0), -EINVAL);
	assert_int_equal(cdx_vol_set_code(e.v, 20, 13, 0), -EINVAL);
	assert_int_equal(cdx_vol_set_code(e.v, 8, 8, CDX_EC_ISA_L_VAND),
			 -EINVAL);
	/* half of the share is in use: this much parity cannot be promised */
	assert_int_equal(cdx_vol_set_code(e.v, 3, 3, 0), 0);
	b = put_file(&e, "b", p, len);
	protect(&e);
	assert_int_equal(cdx_vol_segments(e.v, count_codes, &c), 0);
	assert_true(c.n42 > 0 && c.n32 > 0);
	assert_int_equal(c.others, 0);
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	assert_int_equal(state_of(&e, b), CDX_STATE_PROTECTED);
	seg_env_clean(&e);

	seg_env_reopen(&e);
	memset(&c, 0, sizeof(c));
	put_file(&e, "c", p, 10 * BLOCK);
	protect(&e);
	assert_int_equal(cdx_vol_segments(e.v, count_codes, &c), 0);
	assert_int_equal(c.others, 0);
	seg_env_clean(&e);
	/* everything that was charged is given back, whatever it was by */
	seg_env_drop(&e, "a");
	seg_env_drop(&e, "b");
	seg_env_drop(&e, "c");
	assert_int_equal(cdx_vol_compact(e.v, 101, NULL, NULL), 0);
	seg_env_reclaim(&e);
	assert_int_equal(used(&e), empty);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* ---- the end while it works ---- */

struct killer {
	struct seg_env *e;
	bool done;
};

static void kill_it(void *arg, const char *phase, uint64_t done, uint64_t total)
{
	struct killer *k = arg;

	(void)total;
	if (k->done || !done || strcmp(phase, "protecting") != 0)
		return;
	k->done = true;
	seg_env_drop(k->e, "a");
	/* a job works on it: it must stay */
	pthread_mutex_lock(&k->e->v->segs->job_mu);
	assert_int_equal(cdx_drop_due(k->e->v), 0);
	pthread_mutex_unlock(&k->e->v->segs->job_mu);
	assert_true(seg_env_segments(k->e).dropping > 0);
}

static void test_drop_meanwhile(void **state)
{
	struct seed s = seed_start("drop_meanwhile");
	size_t len = 24 * ENV_MIB;
	uint8_t *p = noise(&s, len);
	struct killer k = {0};
	struct seg_env e;
	int64_t empty;

	(void)state;
	seg_env_new(&e, 1024 * ENV_MIB, 4, 1);
	empty = used(&e);
	put_file(&e, "a", p, len);
	k.e = &e;
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_PROTECTED, kill_it, &k), 0);
	assert_true(k.done);
	assert_int_equal(cdx_vol_compact(e.v, 101, NULL, NULL), 0);
	assert_int_equal(seg_env_segments(&e).dropping, 0);
	assert_int_equal(status(&e).seg_waiting, 0);
	assert_int_equal(status(&e).seg_protected, 0);
	seg_env_reclaim(&e);
	assert_int_equal(used(&e), empty);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* ---- what cannot be protected ---- */

static void test_bad_block(void **state)
{
	struct seed s = seed_start("bad_block");
	size_t len = 150 * BLOCK;
	uint8_t *p = noise(&s, len);
	struct cdx_vol_status st;
	struct cdx_extent x;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = put_file(&e, "a", p, len);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	assert_true(status(&e).seg_sealed > 1);
	x = seg_env_extent(&e, ino, 0);
	seg_env_flip(&e, x.loc.area, (off_t)x.loc.off);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_PROTECTED, NULL, NULL),
			 CDX_E_HASH);
	st = status(&e);
	/* the others are protected all the same */
	assert_int_equal(st.seg_waiting, 1);
	assert_int_equal(st.seg_protected, st.seg_sealed - 1);
	assert_int_equal(st.seg_unprotectable, 1);
	assert_int_equal(st.protect_error, CDX_E_HASH);
	assert_true(st.protect_why[0] != '\0');
	/* nothing is left behind, and mended it goes */
	seg_env_flip(&e, x.loc.area, (off_t)x.loc.off);
	seg_env_clean(&e);
	protect(&e);
	st = status(&e);
	assert_int_equal(st.seg_waiting + st.seg_unprotectable, 0);
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* More parity than what is promised leaves room for is refused */
static void test_policy_promises(void **state)
{
	struct cdx_statfs fs;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = seg_env_make(&e, "a");
	cdx_vol_statfs(e.v, &fs);
	assert_int_equal(cdx_vol_fallocate(e.v, ino, 0, 0, fs.bytes_free / 2),
			 0);
	assert_int_equal(cdx_vol_set_code(e.v, 1, 15, 0), -ENOSPC);
	cdx_vol_statfs(e.v, &fs);
	assert_int_equal(cdx_vol_set_code(e.v, 4, 1, 0), 0);
	assert_int_equal(cdx_vol_set_code(e.v, 4, 2, 0), 0);
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* ---- records as others left them ---- */

/* Lets @change turn the bytes of a record into others */
static void rewrite(struct seg_env *e, uint64_t area,
		    size_t (*change)(uint8_t *p, size_t len))
{
	uint8_t val[CDX_SEG_REC_MAX];
	uint8_t key[8];
	struct cdx_batch *b;
	int len;

	cdx_put_be64(key, area);
	len = cdx_kv_get(e->s, CDX_DB_SEGMENT, key, sizeof(key), val,
			 sizeof(val));
	assert_true(len > 0);
	assert_int_equal(cdx_batch_new(&b, e->s), 0);
	cdx_batch_put(b, CDX_DB_SEGMENT, key, sizeof(key), val,
		      change(val, (size_t)len));
	assert_int_equal(cdx_batch_apply(b), 0);
}

static size_t to_version_1(uint8_t *p, size_t len)
{
	p[0] = 1;
	return len - 5;
}

static size_t to_another(uint8_t *p, size_t len)
{
	p[len - 1] ^= 1;
	return len;
}

static void test_old_store(void **state)
{
	struct seed s = seed_start("old_store");
	size_t len = 30 * BLOCK;
	uint8_t *p = noise(&s, len);
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	put_file(&e, "a", p, len);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	rewrite(&e, seg_env_segments(&e).last_sealed.area, to_version_1);
	seg_env_reopen(&e);
	seg_env_clean(&e);
	assert_int_equal(status(&e).seg_waiting, 1);
	protect(&e);
	ino = seg_env_find(&e, "a");
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	seg_env_clean(&e);
	/* fsck sees a record that names another protection */
	rewrite(&e, seg_env_segments(&e).last_sealed.area, to_another);
	assert_int_equal(seg_env_fsck(&e), 1);
	seg_env_free(&e);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_no_parity),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_policy_promises),
		cmocka_unit_test(test_old_store),
		cmocka_unit_test(test_drop_meanwhile),
		cmocka_unit_test(test_bad_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
