/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "kill_kit.h"
#include "protection_env.h"
#include "seed.h"

/* kill -9 of a process that makes protections and evicts slots, CDX_COUNT times
 * (12 without it) */

/* ---- killed at any moment ---- */

#define SEGMENT (12u * CDX_BLOCK_SIZE) /* charged by whoever makes one */

static int evict_all(struct cdx_protection *p, uint64_t seed)
{
	int rc = cdx_protection_evict(T.s, p);

	for (uint32_t i = 0; i < p->k + p->m && rc == 0; i++)
		rc = pk_restore(T.s, p, seed, 0, i);
	return rc;
}

/* A child does the whole life over and over; what it leaves is sound. */
static void child(uint64_t seed)
{
	struct seed rnd = {.state = seed};
	struct cdx_dataset_info base;
	struct cdx_protection p;

	T.commit_ms = 1;
	tmp_store_open(&T);
	kill_works();
	for (uint64_t n = 1;; n++) {
		bool seg = seed_below(&rnd, 2) == 0;
		uint32_t slot = (uint32_t)seed_below(&rnd, 3);
		struct cdx_cid cid;
		int rc;

		rc = seg ? pk_segment(T.s, &base, seed + n, 12, SEGMENT)
			 : pk_loose(T.s, &base, seed + n, 700, 64, 0);
		if (rc == 0)
			rc = pk_protect(T.s, &p, &base, 2, 1, false);
		if (rc == 0)
			rc = cdx_slot_evict(T.s, &p, slot);
		if (rc == 0)
			rc = pk_restore(T.s, &p, seed + n, 0, slot);
		for (size_t i = seed_below(&rnd, 12); i > 0 && rc == 0; i--)
			rc = evict_all(&p, seed + n);
		if (rc == 0)
			rc = cdx_slot_evict(T.s, &p, (slot + 1) % 3);
		if (rc < 0)
			_exit(1);
		if (seed_below(&rnd, 2) == 0)
			continue;
		cid = cid_of(&p.verifiable);
		if (!seg && cdx_dataset_unpin(T.s, &base.cid) < 0)
			_exit(2);
		if (!seg && cdx_dataset_unpin(T.s, &cid) < 0)
			_exit(3);
		if (seg && (pk_restore(T.s, &p, seed + n, 0, (slot + 1) % 3) ||
			    cdx_protection_drop(T.s, p.base, p.id, false)))
			_exit(4);
	}
}

static int drop_one(void *arg, const struct cdx_protection *p)
{
	(void)arg;
	assert_int_equal(p->evicting, 0);
	assert_int_not_equal(p->state, CDX_PROTECTION_DROPPING);
	return cdx_protection_drop(T.s, p->base, p->id, true);
}

struct plain_list {
	unsigned n;
	struct cdx_cid cid[256];
};

static int note_plain(void *arg, const struct cdx_dataset_info *info,
		      const struct cdx_manifest *m)
{
	struct plain_list *l = arg;

	(void)m;
	assert_int_equal(info->kind, CDX_DATASET_PLAIN);
	assert_true(l->n < CDX_ARRAY_LEN(l->cid));
	l->cid[l->n++] = info->cid;
	return 0;
}

/* Whoever made it lets it go. */
static void drop_plain(const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;
	struct cdx_buf m = {0};
	struct cdx_batch *b;

	assert_int_equal(cdx_dataset_info(T.s, cid, &info), 0);
	if (info.refs == CDX_REF_PIN) {
		assert_int_equal(cdx_dataset_unpin(T.s, cid), 1);
		return;
	}
	assert_int_equal(info.refs, CDX_REF_VOLUME);
	assert_int_equal(cdx_dataset_manifest(T.s, cid, &m), 0);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	info.refs = 0;
	cdx_dataset_put(b, &info, m.p, m.len, false);
	cdx_quota_charge(b, CDX_SHARE_VOLUME, -(int64_t)SEGMENT);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_dataset_drop(T.s, cid), 0);
	cdx_buf_free(&m);
}

/* How far the children had come when they were killed */
struct cut {
	unsigned coding;
	unsigned evicting;
	unsigned all;
	unsigned restoring;
	unsigned dropping;
};

static int note_cut(void *arg, const struct cdx_protection *p)
{
	struct cut *c = arg;

	c->coding += p->state == CDX_PROTECTION_CODING;
	c->dropping += p->state == CDX_PROTECTION_DROPPING;
	c->evicting += p->evicting != 0;
	c->all += p->evict_all;
	c->restoring += p->damaged != 0;
	return 0;
}

/* Before anything is finished or given back it is sound too. */
static void check_unfinished(struct cut *cut)
{
	struct cdx_store_opts opts = {
		.path = T.path, .log = &T.log, .readonly = true};

	assert_int_equal(cdx_store_open(&T.s, &opts, NULL, 0), 0);
	assert_int_equal(cdx_store_start(T.s, NULL, NULL, NULL, NULL), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_protection_list(T.s, 0, note_cut, cut), 0);
	tmp_store_close(&T);
}

static void killed(void **state)
{
	const char *given = getenv("CDX_COUNT");
	long rounds = given != NULL ? strtol(given, NULL, 10) : 12;
	struct seed rnd = seed_start("protection kill");
	struct cut cut = {0};

	(void)state;
	tmp_store_close(&T);
	for (long i = 0; i < rounds; i++) {
		struct plain_list list = {0};
		uint64_t seed = seed_u64(&rnd);
		long ms = 10 + (long)seed_below(&rnd, 150);
		pid_t pid;

		pid = kill_fork();
		if (pid == 0)
			child(seed);
		/* else while it opens the store */
		if (seed_below(&rnd, 4) != 0)
			kill_wait();
		kill_after(pid, ms * 1000);
		check_unfinished(&cut);
		tmp_store_open(&T);
		tmp_fsck_clean(&T);
		/* every charge is found again */
		assert_int_equal(cdx_protection_list(T.s, 0, drop_one, NULL),
				 0);
		assert_int_equal(cdx_dataset_list(T.s, note_plain, &list), 0);
		for (unsigned j = 0; j < list.n; j++)
			drop_plain(&list.cid[j]);
		assert_int_equal(used(), 0);
		tmp_reclaim(&T);
		tmp_fsck_clean(&T);
		tmp_store_close(&T);
	}
	printf("killed %ld times: %u coding, %u evicting (%u all), "
	       "%u restoring, "
	       "%u dropping\n",
	       rounds, cut.coding, cut.evicting, cut.all, cut.restoring,
	       cut.dropping);
	T.commit_ms = 0;
	tmp_store_open(&T);
}

/* ---- killed while slots come and go ---- */

#define BUSY_SEED 77
#define BUSY_BLOCKS 4000

static void *commit_on(void *arg)
{
	(void)arg;
	/* every batch is a group of its own, nearly */
	while (cdx_store_commit(T.s) == 0)
		;
	return NULL;
}

static int first_one(void *arg, const struct cdx_protection *p)
{
	*(struct cdx_protection *)arg = *p;
	return -ECANCELED;
}

/* Brings the one protection there is further, from whatever it is in. */
static int go_on(struct cdx_dataset_info *base, struct seed *rnd)
{
	struct cdx_protection p;
	uint32_t slot = (uint32_t)seed_below(rnd, 3);
	int rc;

	rc = cdx_protection_list(T.s, base->dsid, first_one, &p);
	if (rc == 0)
		return pk_protect(T.s, &p, base, 2, 1, false);
	if (p.state == CDX_PROTECTION_CODING)
		return cdx_protection_drop(T.s, p.base, p.id, false);
	for (uint32_t i = 0; i < 3; i++)
		if (((p.absent | p.damaged) >> i & 1) != 0)
			return pk_restore(T.s, &p, BUSY_SEED, 0, i);
	if (seed_below(rnd, 3) == 0)
		return cdx_protection_drop(T.s, p.base, p.id, false);
	return cdx_slot_evict(T.s, &p, slot);
}

static void busy_child(const struct cdx_cid *cid, uint64_t seed)
{
	struct seed rnd = {.state = seed};
	struct cdx_dataset_info base;
	pthread_t t;

	tmp_store_open(&T);
	if (cdx_dataset_info(T.s, cid, &base) < 0 ||
	    pthread_create(&t, NULL, commit_on, NULL) != 0)
		_exit(1);
	kill_works();
	for (;;)
		if (go_on(&base, &rnd) < 0)
			_exit(2);
}

static void killed_in_slots(void **state)
{
	const char *given = getenv("CDX_COUNT");
	long rounds = given != NULL ? strtol(given, NULL, 10) : 12;
	struct seed rnd = seed_start("slot kill");
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct cut cut = {0};

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, BUSY_SEED, BUSY_BLOCKS, 64, 0),
			 0);
	tmp_store_close(&T);
	for (long i = 0; i < rounds; i++) {
		uint64_t seed = seed_u64(&rnd);
		long ms = 3 + (long)seed_below(&rnd, 60);
		int64_t want = 0;
		pid_t pid;

		pid = kill_fork();
		if (pid == 0)
			busy_child(&base.cid, seed);
		/* else while it opens the store */
		if (seed_below(&rnd, 4) != 0)
			kill_wait();
		kill_after(pid, ms * 1000);
		check_unfinished(&cut);
		/* the last batches bring everything to rest */
		tmp_store_open(&T);
		tmp_fsck_clean(&T);
		assert_int_equal(cdx_store_charged(T.s, &want), 0);
		assert_int_equal(used(), want);
		tmp_store_close(&T);
	}
	printf("killed %ld times: %u coding, %u evicting (%u all), "
	       "%u restoring, "
	       "%u dropping\n",
	       rounds, cut.coding, cut.evicting, cut.all, cut.restoring,
	       cut.dropping);
	tmp_store_open(&T);
	if (cdx_protection_list(T.s, 0, first_one, &p) == -ECANCELED) {
		for (uint32_t j = 0; j < 3; j++)
			if (((p.absent | p.damaged) >> j & 1) != 0)
				assert_int_equal(pk_restore(T.s, &p, BUSY_SEED,
							    0, j),
						 0);
		if (p.state == CDX_PROTECTION_DONE)
			check_all(&p, BUSY_SEED, 0);
		assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false),
				 0);
	}
	assert_int_equal(cdx_dataset_unpin(T.s, &base.cid), 1);
	assert_int_equal(used(), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(killed),
		CASE(killed_in_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
