/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "seg_env.h"

/*
 * No (key, index) ever encrypts two contents: every block that any process of
 * this test encrypts is noted in memory they share, across reopening, kill -9,
 * batches that fail, and copies of the directory that are all opened again.
 */

#define SHARE (128 * ENV_MIB) /* k 4, m 2: segments of 64 blocks */
#define NOTES 400000u

struct note {
	struct cdx_digest key;
	uint64_t index;
	struct cdx_digest content;
};

struct notes {
	atomic_uint n;
	atomic_uint opens;
	struct note note[NOTES];
};

static struct notes *notes;

static void on_crypt(void *arg, const struct cdx_key *key, uint64_t index,
		     const uint8_t *cipher)
{
	unsigned i = atomic_fetch_add(&notes->n, 1);

	(void)arg;
	if (i >= NOTES)
		abort();
	cdx_sha256(&notes->note[i].key, key->b, sizeof(key->b));
	notes->note[i].index = index;
	cdx_sha256(&notes->note[i].content, cipher, CDX_BLOCK_SIZE);
}

static int by_key(const void *pa, const void *pb)
{
	const struct note *a = pa;
	const struct note *b = pb;
	int r = memcmp(a->key.b, b->key.b, sizeof(a->key.b));

	if (r)
		return r;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* Number of keys seen; fails the test on a second use */
static unsigned check_notes(void)
{
	unsigned n = atomic_load(&notes->n);
	unsigned keys = n > 0;

	qsort(notes->note, n, sizeof(notes->note[0]), by_key);
	for (unsigned i = 1; i < n; i++) {
		const struct note *a = &notes->note[i - 1];
		const struct note *b = &notes->note[i];

		if (memcmp(a->key.b, b->key.b, sizeof(a->key.b)) != 0) {
			keys++;
			continue;
		}
		/* not even the same content again: nothing is repeated */
		assert_int_not_equal(a->index, b->index);
	}
	return keys;
}

static void notes_new(void)
{
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(notes != MAP_FAILED);
}

static void notes_free(void)
{
	(void)munmap(notes, sizeof(*notes));
	notes = NULL;
}

/* ---- what the children do ---- */

static void open_noted(struct seg_env *e)
{
	seg_env_open(e);
	e->v->segs->on_crypt = on_crypt;
	atomic_fetch_add(&notes->opens, 1);
}

/* Blocks that are written, and a batch that never comes */
static void lose_a_batch(struct seg_env *e, struct seed *s)
{
	uint32_t n = 1 + (uint32_t)seed_below(s, 3);
	uint8_t *p = calloc(n, CDX_BLOCK_SIZE);
	struct iovec iov = {p, n * CDX_BLOCK_SIZE};
	struct cdx_seg_run run;
	struct cdx_batch *b;

	seed_fill(s, p, 4096);
	if (cdx_segs_ready(e->v) == 0 &&
	    cdx_seg_write(e->v, &run, &iov, 1, n) == 0) {
		if (seed_below(s, 2) && cdx_batch_new(&b, e->s) == 0) {
			cdx_seg_run_commit(e->v, b, &run);
			cdx_batch_drop(b);
		} else {
			cdx_seg_run_burn(e->v, &run);
		}
	}
	free(p);
}

static void write_some(struct seg_env *e, struct seed *s)
{
	char name[16];
	size_t len = 1 + seed_below(s, 6 * CDX_BLOCK_SIZE);
	uint8_t *p = malloc(len);
	uint64_t ino;

	(void)snprintf(name, sizeof(name), "f%zu", seed_below(s, 6));
	seed_fill(s, p, len < 64 ? len : 64);
	memset(p + (len < 64 ? len : 64), 'w', len - (len < 64 ? len : 64));
	ino = seg_env_find(e, name);
	if (!ino)
		ino = seg_env_make(e, name);
	if (cdx_vol_write(e->v, ino, seed_below(s, 4) * CDX_BLOCK_SIZE, p, len,
			  false) < 0)
		seg_env_drop(e, name);
	if (seed_below(s, 3) == 0)
		(void)!cdx_vol_fsync(e->v, ino, true);
	free(p);
}

static void step(struct seg_env *e, struct seed *s)
{
	switch (seed_below(s, 12)) {
	case 0:
		lose_a_batch(e, s);
		return;
	case 1:
	case 2:
		(void)!cdx_store_commit(e->s);
		return;
	case 3:
		if (seed_below(s, 4) == 0)
			(void)!cdx_vol_sync(e->v, CDX_SYNC_SEALED, NULL, NULL);
		return;
	case 4:
		if (seg_env_find(e, "f0"))
			seg_env_drop(e, "f0");
		return;
	default:
		write_some(e, s);
		return;
	}
}

/* A life: some steps, and an end that is clean or not */
static void live(struct seg_env *e, uint64_t seed)
{
	struct seed s = {.state = seed};
	size_t steps = 1 + seed_below(&s, 30);

	open_noted(e);
	for (size_t i = 0; i < steps; i++)
		step(e, &s);
	if (seed_below(&s, 3) == 0)
		seg_env_close(e);
	else
		(void)kill(getpid(), SIGKILL);
}

static void run_life(struct seg_env *e, uint64_t seed)
{
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		live(e, seed);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
		    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

static void test_never_twice(void **state)
{
	struct seed s = seed_start("never_twice");
	const char *given = getenv("CDX_COUNT");
	long rounds = given ? strtol(given, NULL, 10) : 40;
	struct seg_env e;
	struct seg_env copy;
	unsigned copies = 0;

	(void)state;
	notes_new();
	seg_env_new(&e, SHARE, 4, 2);
	seg_env_close(&e);
	for (long i = 0; i < rounds; i++) {
		bool fork_it = seed_below(&s, 4) == 0;

		if (fork_it)
			seg_env_copy(&e, &copy);
		run_life(&e, seed_u64(&s));
		if (!fork_it)
			continue;
		/* the copy has the same past and goes its own way */
		copies++;
		run_life(&copy, seed_u64(&s));
		run_life(&copy, seed_u64(&s));
		seg_env_open(&copy);
		seg_env_clean(&copy);
		seg_env_free(&copy);
	}
	seg_env_open(&e);
	seg_env_clean(&e);
	seg_env_free(&e);
	print_message("%u blocks, %u keys, %u opens, %u copies\n",
		      atomic_load(&notes->n), check_notes(),
		      atomic_load(&notes->opens), copies);
	assert_true(atomic_load(&notes->n) > 200);
	notes_free();
}

/* A store that is copied while it is open: both go on with what they have */
static void test_copied_open(void **state)
{
	struct seed s = seed_start("copied_open");
	size_t len = 4 * CDX_BLOCK_SIZE;
	uint8_t *p = malloc(len);
	struct seg_env e;
	struct seg_env copy;
	uint64_t a;
	uint64_t b;

	(void)state;
	notes_new();
	seed_fill(&s, p, len);
	seg_env_new(&e, SHARE, 4, 2);
	e.v->segs->on_crypt = on_crypt;
	a = seg_env_make(&e, "a");
	seg_env_write(&e, a, 0, p, len);
	seg_env_commit(&e);
	seg_env_copy(&e, &copy);
	open_noted(&copy);
	b = seg_env_find(&copy, "a");
	seg_env_same(&copy, b, p, len);
	for (int i = 0; i < 4; i++) {
		seed_fill(&s, p, 4096);
		seg_env_write(&e, a, 0, p, len);
		seg_env_commit(&e);
		seed_fill(&s, p, 4096);
		seg_env_write(&copy, b, 0, p, len);
		seg_env_commit(&copy);
	}
	assert_int_equal(check_notes(), 2);
	seg_env_clean(&e);
	seg_env_clean(&copy);
	seg_env_free(&copy);
	seg_env_free(&e);
	notes_free();
	free(p);
}

/* ---- epochs in the record ---- */

static struct cdx_seg_rec open_rec(struct seg_env *e)
{
	struct cdx_seg_rec rec;

	assert_int_equal(cdx_seg_rec_get(e->v, &rec,
					 seg_env_segments(e).last_open.area),
			 0);
	return rec;
}

static void write_block(struct seg_env *e, const char *name)
{
	uint8_t *p = calloc(1, CDX_BLOCK_SIZE);
	uint64_t ino = seg_env_make(e, name);

	assert_non_null(p);
	seg_env_write(e, ino, 0, p, CDX_BLOCK_SIZE);
	seg_env_commit(e);
	free(p);
}

static void test_epochs(void **state)
{
	struct cdx_seg_rec rec;
	struct seg_env e;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	write_block(&e, "a");
	rec = open_rec(&e);
	assert_int_equal(rec.epochs, 1);
	assert_int_equal(rec.next, 1);
	/* opening and closing alone starts nothing */
	seg_env_reopen(&e);
	seg_env_reopen(&e);
	assert_int_equal(open_rec(&e).epochs, 1);
	write_block(&e, "b");
	rec = open_rec(&e);
	assert_int_equal(rec.epochs, 2);
	assert_int_equal(rec.epoch[1].first, 1);
	assert_memory_not_equal(rec.epoch[0].wrapped, rec.epoch[1].wrapped,
				CDX_WRAPPED_LEN);
	/* an epoch that no block used is replaced, not kept */
	seg_env_reopen(&e);
	assert_int_equal(cdx_segs_ready(e.v), 0);
	seg_env_reopen(&e);
	assert_int_equal(cdx_segs_ready(e.v), 0);
	assert_int_equal(open_rec(&e).epochs, 3);
	assert_int_equal(open_rec(&e).epoch[2].first, 2);
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* A segment takes so many epochs and no more; then the next one is opened */
static void test_many_epochs(void **state)
{
	struct seg_env_count c;
	struct seg_env e;
	char name[16];

	(void)state;
	seg_env_new(&e, 256 * ENV_MIB, 4, 2);
	for (unsigned i = 0; i < CDX_SEG_EPOCHS_MAX + 3; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		write_block(&e, name);
		seg_env_reopen(&e);
	}
	c = seg_env_segments(&e);
	assert_int_equal(c.open, 2);
	seg_env_clean(&e);
	assert_int_equal(cdx_seal_open(e.v, NULL, NULL), 0);
	seg_env_clean(&e);
	assert_int_equal(seg_env_segments(&e).sealed, 2);
	seg_env_free(&e);
}

/* Keys in the tables are wrapped: with other words nothing opens */
static void test_wrapped(void **state)
{
	struct cdx_volume_keys other;
	struct cdx_seg_rec rec;
	struct cdx_root root = {{99}};
	struct cdx_key key;
	struct cdx_epoch moved;
	struct seg_env e;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	write_block(&e, "a");
	rec = open_rec(&e);
	assert_int_equal(cdx_seg_unwrap(&key, e.v, rec.id, &rec.epoch[0]), 0);
	moved = rec.epoch[0];
	moved.first = 1;
	assert_int_equal(cdx_seg_unwrap(&key, e.v, rec.id, &moved), CDX_E_HASH);
	rec.id[3] ^= 1;
	assert_int_equal(cdx_seg_unwrap(&key, e.v, rec.id, &rec.epoch[0]),
			 CDX_E_HASH);
	rec.id[3] ^= 1;
	cdx_volume_keys_derive(&other, &root, 0);
	e.v->keys.wrap = other.wrap;
	assert_int_equal(cdx_seg_unwrap(&key, e.v, rec.id, &rec.epoch[0]),
			 CDX_E_HASH);
	seg_env_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_many_epochs),
		cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_copied_open),
		cmocka_unit_test(test_never_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
