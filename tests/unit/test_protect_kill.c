/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kill_kit.h"
#include "seed.h"
#include "store_tmp.h"

#include "protect_kit.h"

/* kill -9 at any moment while a dataset is being protected, CDX_COUNT times
 * (5 without it): what comes out in the end is what an undisturbed run gives,
 * and no step that was durable is done again. */

#define SHARE ((uint64_t)1 << 30)
#define BLOCKS 700u
#define BLOCK_SIZE 8192u

/* In memory that the parent shares */
struct shared {
	_Atomic uint64_t durable; /* steps that were done at a commit */
	_Atomic uint64_t begun;	  /* where the last child went on */
	_Atomic bool bad;	  /* a child saw steps being lost */
};

struct child {
	struct shared *sh;
	struct cdx_store *s;
	struct seed seed;
	bool first;
};

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct child *c = arg;

	(void)total;
	/* some of what is done is made durable at odd moments */
	if (seed_below(&c->seed, 3) == 0 && cdx_store_commit(c->s) == 0)
		atomic_store(&c->sh->durable, done);
	else if (seed_below(&c->seed, 3) == 0 && cdx_store_log_sync(c->s) == 0)
		atomic_store(&c->sh->durable, done);
}

static struct cdx_protect_opts options(void)
{
	struct cdx_protect_opts o = pk_opts(4, 2);

	o.cell_size = 512;
	return o;
}

/* Steps done by the record, 0 when there is none */
static int note_done(void *arg, const struct cdx_protection *p)
{
	uint64_t *done = arg;

	*done = p->state == CDX_PROTECTION_DONE ? p->steps : p->done;
	return 0;
}

static uint64_t done_of(struct cdx_store *s)
{
	uint64_t done = 0;

	assert_int_equal(cdx_protection_list(s, 0, note_done, &done), 0);
	return done;
}

static void victim(struct tmp_store *t, const struct pk_data *d,
		   struct shared *sh, uint64_t seed)
{
	struct cdx_store_opts so = {
		.path = t->path, .log = &t->log, .commit_ms = 20};
	struct cdx_protect_opts o = options();
	struct child c = {.sh = sh, .seed = {.state = seed}};
	char why[CDX_PROTECT_WHY_MAX];
	struct cdx_cid out;
	char holder[64];

	/* a child must not run cmocka's checks */
	if (cdx_store_open(&c.s, &so, holder, sizeof(holder)) < 0 ||
	    cdx_store_start(c.s, NULL, NULL, NULL, NULL) < 0 ||
	    cdx_pool_new(&o.pool, 2) < 0)
		_exit(90);
	o.progress = on_progress;
	o.arg = &c;
	if (cdx_protect_run(c.s, &d->plain, &o, &out, why) < 0)
		_exit(91);
	if (cdx_store_commit(c.s) < 0)
		_exit(92);
	atomic_store(&sh->durable, (BLOCKS + 3) / 4);
	for (;;)
		(void)pause();
}

static void kill_one(struct tmp_store *t, const struct pk_data *d,
		     struct shared *sh, struct seed *seed)
{
	long us = 1000 + (long)seed_below(seed, 60000);
	uint64_t child_seed = seed_u64(seed);
	pid_t pid;

	tmp_store_close(t);
	pid = kill_fork();
	if (pid == 0)
		victim(t, d, sh, child_seed);
	kill_after(pid, us);
	tmp_store_open(t);
}

/* Not yet finished: the protection is nowhere to be seen. */
static void check_between(struct tmp_store *t, const struct pk_data *d,
			  const struct cdx_cid *verifiable, struct shared *sh)
{
	uint64_t done = done_of(t->s);
	struct cdx_dataset_info info;
	int rc;

	assert_true(done >= atomic_load(&sh->durable));
	rc = cdx_dataset_info(t->s, verifiable, &info);
	assert_true(rc == 0 || rc == -ENOENT);
	pk_same(t, d, &d->plain);
	tmp_fsck_clean(t);
}

static void end_round(struct tmp_store *t, struct pk_data *d,
		      const struct cdx_cid *verifiable)
{
	struct cdx_protect_opts o = options();
	struct cdx_verify_report report;

	pk_protect(t, d, &o);
	assert_true(cdx_cid_equal(&d->verifiable, verifiable));
	pk_same(t, d, verifiable);
	assert_true(pk_verify(t, verifiable, &report));
	tmp_fsck_clean(t);
}

/* Takes the protection back, so that the next round begins anew. */
static void start_over(struct tmp_store *t, const struct pk_data *d)
{
	struct cdx_slots sl;

	pk_slots(t, d, &sl);
	assert_int_equal(
		cdx_protection_drop(t->s, sl.rec.base, sl.rec.id, false), 0);
	cdx_slots_free(&sl);
	tmp_reclaim(t);
	tmp_fsck_clean(t);
}

static void test_kill(void **state)
{
	const char *given = getenv("CDX_COUNT");
	long rounds = given ? strtol(given, NULL, 10) : 5;
	struct seed seed = seed_start("protect_kill");
	struct cdx_protect_opts o = options();
	struct cdx_cid verifiable;
	struct shared *sh;
	struct tmp_store t;
	struct pk_data d;
	unsigned finished = 0;

	(void)state;
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(sh, MAP_FAILED);
	tmp_store_new(&t, SHARE);
	pk_add(&t, &d, &seed, NULL, BLOCKS * BLOCK_SIZE - 3, BLOCK_SIZE);
	pk_protect(&t, &d, &o);
	verifiable = d.verifiable;
	start_over(&t, &d);
	for (long i = 0; i < rounds; i++) {
		kill_one(&t, &d, sh, &seed);
		check_between(&t, &d, &verifiable, sh);
		if (done_of(t.s) < (BLOCKS + 3) / 4 && seed_below(&seed, 4))
			continue;
		end_round(&t, &d, &verifiable);
		start_over(&t, &d);
		atomic_store(&sh->durable, 0);
		finished++;
	}
	end_round(&t, &d, &verifiable);
	printf("protect_kill: %ld kills, %u times finished and begun anew\n",
	       rounds, finished);
	pk_free(&d);
	tmp_store_free(&t);
	(void)munmap(sh, sizeof(*sh));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
