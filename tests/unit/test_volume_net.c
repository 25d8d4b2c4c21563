/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "far_kit.h"

/* Reads of what is elsewhere: late, never, wrong, cancelled, out of order. */

/* Static in each test: threads that a failed one leaves still use it */
struct world {
	struct seg_env e;
	struct far_kit k;
	struct seed s;
	struct cdx_pool *pool;
	uint8_t *p; /* what file "a" has */
	size_t len;
	uint64_t ino;
};

/* A file in protected segments */
static void world_begin(struct world *w, const char *name, unsigned timeout_ms)
{
	memset(w, 0, sizeof(*w));
	w->s = seed_start(name);
	w->len = 60 * BLOCK + 123;
	w->p = noise(&w->s, w->len);
	assert_int_equal(cdx_pool_new(&w->pool, 2), 0);
	seg_env_new(&w->e, SHARE, 4, 2);
	seg_env_close(&w->e);
	w->e.pool = w->pool;
	seg_env_open(&w->e);
	w->ino = put_file(&w->e, "a", w->p, w->len);
	protect(&w->e);
	far_new(&w->k, &w->e, seed_u64(&w->s));
	w->k.timeout_ms = timeout_ms;
}

/* All of whose blocks are elsewhere */
static void world_new(struct world *w, const char *name, unsigned timeout_ms)
{
	world_begin(w, name, timeout_ms);
	far_evict(&w->k);
	far_set(&w->k);
}

static void world_free(struct world *w)
{
	seg_env_free(&w->e);
	cdx_pool_free(w->pool);
	far_end_kit(&w->k);
	free(w->p);
}

/* Forgets what was fetched */
static void world_reopen(struct world *w)
{
	seg_env_reopen(&w->e);
	w->ino = seg_env_find(&w->e, "a");
	far_set(&w->k);
}

/* A read is told before it is taken from the list. */
static void none_waits(struct world *w)
{
	while (status(&w->e).far_waiting > 0)
		usleep(1000);
}

static void test_fetched(void **state)
{
	uint8_t small[4096];
	static struct world w;
	uint64_t blocks;
	uint64_t asked;

	(void)state;
	world_new(&w, "fetched", 0);
	/* 4 KiB at a time, anywhere: a block is asked for once */
	for (size_t at = 5; at + sizeof(small) < 4 * BLOCK; at += 4000) {
		assert_int_equal(seg_env_read(&w.e, w.ino, at, small,
					      sizeof(small)),
				 sizeof(small));
		assert_memory_equal(small, w.p + at, sizeof(small));
	}
	seg_env_same(&w.e, w.ino, w.p, w.len);
	/* what was asked for ahead may still come */
	asked = far_asked(&w.k);
	while ((blocks = status(&w.e).far_blocks) < asked)
		usleep(1000);
	assert_true(blocks >= 61 && blocks <= 64);
	assert_int_equal(asked, blocks);
	seg_env_same(&w.e, w.ino, w.p, w.len);
	assert_int_equal(far_asked(&w.k), asked);
	assert_int_equal(status(&w.e).read_errors, 0);
	none_waits(&w);
	assert_int_equal(bad_blocks(&w.e), 0);
	assert_int_equal(state_of(&w.e, w.ino), CDX_STATE_PROTECTED);
	seg_env_clean(&w.e);
	world_free(&w);
}

/* The biggest read there is, and one whose blocks lie all over the place */
static void test_large(void **state)
{
	const size_t len = 16 * ENV_MIB;
	static struct world w;
	uint8_t *p;
	uint8_t *got;
	uint64_t ino;

	(void)state;
	world_new(&w, "large", 0);
	p = noise(&w.s, len);
	got = malloc(len);
	assert_non_null(got);
	far_unset(&w.k);
	ino = put_file(&w.e, "b", p, len);
	/* pages of the other file in between */
	for (size_t i = 0; i < 60; i++) {
		size_t at = seed_below(&w.s, len / 4096) * 4096;
		size_t from = i * BLOCK + 4096 * seed_below(&w.s, 16);

		protect(&w.e);
		assert_int_equal(cdx_vol_copy_range(w.e.v, w.ino, from, ino, at,
						    4096),
				 4096);
		memcpy(p + at, w.p + from, 4096);
	}
	protect(&w.e);
	far_evict(&w.k);
	far_set(&w.k);
	assert_int_equal(seg_env_read(&w.e, ino, 0, got, len), len);
	assert_memory_equal(got, p, len);
	free(p);
	free(got);
	world_free(&w);
}

static void on_wait(void *arg, struct cdx_vol_op *op)
{
	(void)arg;
	(void)op;
}

struct parked {
	struct seg_env_read r; /* first: the read's argument */
	struct cdx_vol_op *op;
	uint8_t buf[4096];
};

static void note_op(void *arg, struct cdx_vol_op *op)
{
	struct parked *p = arg;

	p->op = op;
}

static void cancel_at_once(void *arg, struct cdx_vol_op *op)
{
	(void)arg;
	cdx_vol_op_cancel(op);
}

static void park(struct world *w, struct parked *p, uint64_t off)
{
	p->op = NULL;
	seg_env_read_init(&p->r, p->buf);
	cdx_vol_read_op(w->e.v, w->ino, off, sizeof(p->buf), note_op,
			seg_env_got, &p->r);
}

static void test_cancelled(void **state)
{
	struct seg_env_read r;
	struct parked a;
	struct parked b;
	static struct world w;
	uint8_t c;

	(void)state;
	world_new(&w, "cancelled", 0);
	far_mode(&w.k, FAR_HOLD);
	park(&w, &a, 0);
	park(&w, &b, 8192); /* of the same block */
	assert_non_null(a.op);
	assert_non_null(b.op);
	assert_int_equal(status(&w.e).far_waiting, 2);
	far_wait(&w.k, 1);
	cdx_vol_op_cancel(a.op);
	assert_int_equal(seg_env_wait(&a.r), -EINTR);
	/* before it could be listed */
	seg_env_read_init(&r, &c);
	cdx_vol_read_op(w.e.v, w.ino, 9 * BLOCK, 1, cancel_at_once, seg_env_got,
			&r);
	assert_int_equal(seg_env_wait(&r), -EINTR);
	assert_int_equal(status(&w.e).read_errors, 0);
	/* the other still gets what both wanted */
	far_mode(&w.k, FAR_GIVE);
	assert_int_equal(seg_env_wait(&b.r), sizeof(b.buf));
	assert_memory_equal(b.buf, w.p + 8192, sizeof(b.buf));
	/* nothing waits for what is here */
	seg_env_read_init(&r, &c);
	cdx_vol_read_op(w.e.v, w.ino, 1, 1, on_wait, seg_env_got, &r);
	assert_true(r.done);
	assert_int_equal(seg_env_wait(&r), 1);
	seg_env_same(&w.e, w.ino, w.p, w.len);
	world_free(&w);
}

/* Who reads in order finds the next blocks there already */
static void test_ahead(void **state)
{
	struct parked a;
	struct parked b;
	static struct world w;
	uint8_t c;

	(void)state;
	world_new(&w, "ahead", 0);
	far_mode(&w.k, FAR_HOLD);
	park(&w, &a, 3 * BLOCK);
	far_wait(&w.k, 1);
	assert_int_equal(far_asked(&w.k), 1);
	park(&w, &b, 4 * BLOCK);
	far_wait(&w.k, 50);
	/* nobody waits for them when the ones that do are gone */
	cdx_vol_op_cancel(a.op);
	assert_int_equal(seg_env_wait(&a.r), -EINTR);
	far_mode(&w.k, FAR_GIVE);
	assert_int_equal(seg_env_wait(&b.r), sizeof(b.buf));
	while (status(&w.e).far_blocks < 50)
		usleep(1000);
	/* one of them: it is here, or on its way */
	assert_int_equal(seg_env_read(&w.e, w.ino, 20 * BLOCK, &c, 1), 1);
	world_reopen(&w);
	/* and it ends with the mount */
	far_mode(&w.k, FAR_HOLD);
	park(&w, &a, 3 * BLOCK);
	park(&w, &b, 4 * BLOCK);
	far_wait(&w.k, 50);
	far_unset(&w.k);
	assert_int_equal(seg_env_wait(&a.r), -EIO);
	assert_int_equal(seg_env_wait(&b.r), -EIO);
	world_free(&w);
}

static void test_never(void **state)
{
	static struct world w;
	uint8_t c;

	(void)state;
	world_new(&w, "never", 30);
	far_mode(&w.k, FAR_HOLD);
	assert_int_equal(seg_env_read(&w.e, w.ino, 70000, &c, 1), -EIO);
	assert_int_equal(seg_env_read(&w.e, w.ino, 7, &c, 1), -EIO);
	assert_int_equal(status(&w.e).read_errors, 2);
	none_waits(&w);
	/* metadata and writes do not care */
	assert_int_equal(state_of(&w.e, w.ino), CDX_STATE_PROTECTED);
	w.k.timeout_ms = 0;
	far_set(&w.k);
	far_mode(&w.k, FAR_GIVE);
	seg_env_same(&w.e, w.ino, w.p, w.len);
	world_free(&w);
}

static void test_wrong(void **state)
{
	static struct world w;
	uint8_t c;

	(void)state;
	world_new(&w, "wrong", 0);
	far_mode(&w.k, FAR_ERROR);
	assert_int_equal(seg_env_read(&w.e, w.ino, 5, &c, 1), -EIO);
	far_mode(&w.k, FAR_WRONG);
	assert_int_equal(seg_env_read(&w.e, w.ino, 5, &c, 1), -EIO);
	far_refuse(&w.k, true);
	assert_int_equal(seg_env_read(&w.e, w.ino, 5, &c, 1), -EIO);
	far_refuse(&w.k, false);
	assert_int_equal(bad_blocks(&w.e), 0);
	far_mode(&w.k, FAR_GIVE);
	seg_env_same(&w.e, w.ino, w.p, w.len);
	/* without anybody to ask it is an error as ever, and no loss */
	far_unset(&w.k);
	world_reopen(&w);
	far_unset(&w.k);
	assert_int_equal(seg_env_read(&w.e, w.ino, 5, &c, 1), -EIO);
	far_set(&w.k);
	seg_env_same(&w.e, w.ino, w.p, w.len);
	world_free(&w);
}

/* More is damaged than can be made from the rest: others have it, too */
static void test_damaged(void **state)
{
	struct cdx_extent x;
	static struct world w;
	uint8_t c;

	(void)state;
	world_begin(&w, "damaged", 0);
	x = seg_env_extent(&w.e, w.ino, 0);
	far_copy_segment(&w.k, x.loc.area);
	for (uint64_t i = 0; i < 3; i++)
		seg_env_flip(
			&w.e, x.loc.area,
			(off_t)(x.loc.off + 100 +
				i * BLOCK *
					protection_of(&w.e, x.loc.area).steps));
	assert_int_equal(seg_env_read(&w.e, w.ino, 0, &c, 1), -EIO);
	far_set(&w.k);
	seg_env_same(&w.e, w.ino, w.p, w.len);
	assert_int_equal(far_asked(&w.k), 3);
	assert_true(bad_blocks(&w.e) > 0);
	assert_int_equal(status(&w.e).read_errors, 1);
	world_free(&w);
}

#define PARKED 40

static void test_reset(void **state)
{
	struct parked *p = calloc(PARKED, sizeof(*p));
	static struct world w;

	(void)state;
	assert_non_null(p);
	world_new(&w, "reset", 0);
	far_mode(&w.k, FAR_HOLD);
	for (unsigned i = 0; i < PARKED; i++)
		park(&w, &p[i], i * BLOCK);
	far_wait(&w.k, PARKED);
	far_unset(&w.k);
	assert_int_equal(far_waiting(&w.k), 0);
	for (unsigned i = 0; i < PARKED; i++) {
		assert_true(p[i].r.done);
		assert_int_equal(seg_env_wait(&p[i].r), -EIO);
	}
	/* closing does the same */
	far_set(&w.k);
	park(&w, &p[0], 0);
	far_wait(&w.k, 1);
	seg_env_close(&w.e);
	assert_int_equal(seg_env_wait(&p[0].r), -EIO);
	seg_env_open(&w.e);
	far_mode(&w.k, FAR_GIVE);
	w.ino = seg_env_find(&w.e, "a");
	far_set(&w.k);
	seg_env_same(&w.e, w.ino, w.p, w.len);
	free(p);
	world_free(&w);
}

/* ---- writing over what is elsewhere waits for nobody ---- */

static void put(struct world *w, uint64_t off, size_t len)
{
	seed_fill(&w->s, w->p + off, len);
	seg_env_write(&w->e, w->ino, off, w->p + off, len);
}

static void test_overwrite(void **state)
{
	struct cdx_attr attr = {0};
	struct cdx_attr out;
	static struct world w;
	uint64_t ino;

	(void)state;
	world_new(&w, "overwrite", 0);
	far_mode(&w.k, FAR_HOLD);
	/* gaps in pages, in one write and in several, across pages */
	put(&w, 100, 50);
	put(&w, 300, 50);
	put(&w, 3000, 2000);
	put(&w, 4096 + 3000, 10);
	put(&w, 10, 20);
	put(&w, 5 * BLOCK + 5, 3 * BLOCK);
	put(&w, 5 * BLOCK - 1000, 100);
	for (int i = 0; i < 200; i++) {
		size_t at = seed_below(&w.s, w.len - 6000);

		put(&w, at, 1 + seed_below(&w.s, 6000));
		if (i % 20 == 7)
			assert_int_equal(cdx_vol_fsync(w.e.v, w.ino, false), 0);
	}
	seg_env_commit(&w.e);
	ino = seg_env_make(&w.e, "b");
	assert_int_equal(cdx_vol_copy_range(w.e.v, w.ino, 0, ino, 0, w.len),
			 w.len);
	/* what gets tiny keeps its bytes where they are */
	attr.size = 1500;
	assert_int_equal(cdx_vol_setattr(w.e.v, w.ino, &attr, CDX_SET_SIZE,
					 &(struct cdx_cred){0}, &out),
			 0);
	put(&w, 700, 10);
	seg_env_commit(&w.e);
	assert_int_equal(far_waiting(&w.k), 0);
	assert_int_equal(far_asked(&w.k), 0);
	far_mode(&w.k, FAR_GIVE);
	seg_env_same(&w.e, w.ino, w.p, 1500);
	/* the copy has what was there before the last write */
	assert_int_equal(cdx_vol_copy_range(w.e.v, w.ino, 0, ino, 0, 1500),
			 1500);
	seg_env_same(&w.e, ino, w.p, w.len);
	seg_env_clean(&w.e);
	seg_env_reopen(&w.e);
	far_set(&w.k);
	seg_env_same(&w.e, seg_env_find(&w.e, "b"), w.p, w.len);
	seg_env_same(&w.e, seg_env_find(&w.e, "a"), w.p, 1500);
	world_free(&w);
}

/* The plan of a read that waited is an old one: it reads what is there then */
static void test_changed(void **state)
{
	struct parked a;
	static struct world w;

	(void)state;
	world_new(&w, "changed", 0);
	far_mode(&w.k, FAR_HOLD);
	park(&w, &a, 0);
	far_wait(&w.k, 1);
	put(&w, 0, 2 * BLOCK);
	seg_env_commit(&w.e);
	far_mode(&w.k, FAR_GIVE);
	assert_int_equal(seg_env_wait(&a.r), sizeof(a.buf));
	assert_memory_equal(a.buf, w.p, sizeof(a.buf));
	/* it was unlinked while somebody waited */
	world_reopen(&w);
	far_mode(&w.k, FAR_HOLD);
	park(&w, &a, 10 * BLOCK);
	far_wait(&w.k, 1);
	seg_env_drop(&w.e, "a");
	far_mode(&w.k, FAR_GIVE);
	assert_int_equal(seg_env_wait(&a.r), -ESTALE);
	assert_int_equal(cdx_vol_compact(w.e.v, 50, NULL, NULL), 0);
	seg_env_reclaim(&w.e);
	assert_int_equal(status(&w.e).seg_protected, 0);
	seg_env_clean(&w.e);
	world_free(&w);
}

/* ---- many at once ---- */

#define THREADS 4
#define READS 200

struct reader {
	struct world *w;
	uint64_t seed;
	atomic_uint *wrong;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct seed s = {.state = r->seed};
	uint8_t *buf = malloc(3 * BLOCK);

	for (int i = 0; buf && i < READS; i++) {
		size_t off = seed_below(&s, r->w->len);
		size_t n = 1 + seed_below(&s, i % 2 ? 5000 : 3 * BLOCK - 1);
		struct seg_env_read rd;
		ssize_t got;

		if (n > r->w->len - off)
			n = r->w->len - off;
		seg_env_read_init(&rd, buf);
		cdx_vol_read_op(r->w->e.v, r->w->ino, off, n,
				i % 5 == 0 ? cancel_at_once : on_wait,
				seg_env_got, &rd);
		got = seg_env_wait(&rd);
		if (got == -EINTR && i % 5 == 0)
			continue;
		if (got != (ssize_t)n || memcmp(buf, r->w->p + off, n) != 0)
			atomic_fetch_add(r->wrong, 1);
	}
	if (!buf)
		atomic_fetch_add(r->wrong, 1);
	free(buf);
	return NULL;
}

static void test_threads(void **state)
{
	struct reader r[THREADS];
	pthread_t id[THREADS];
	atomic_uint wrong;
	static struct world w;

	(void)state;
	atomic_init(&wrong, 0);
	world_new(&w, "threads", 0);
	for (unsigned i = 0; i < THREADS; i++) {
		r[i] = (struct reader){&w, seed_u64(&w.s), &wrong};
		assert_int_equal(pthread_create(&id[i], NULL, read_on, &r[i]),
				 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(id[i], NULL), 0);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_int_equal(status(&w.e).read_errors, 0);
	assert_int_equal(bad_blocks(&w.e), 0);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fetched),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_overwrite),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
