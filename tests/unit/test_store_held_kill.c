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
#include "held_env.h"
#include "kill_kit.h"
#include "seed.h"
#include "store/held_internal.h"
#include "store/offer.h"

/* kill -9 of a process that makes and changes offers, reserves, adopts, fills,
 * renews and releases, CDX_COUNT times (12 without it).  After each, and before
 * anything is finished too, all sums are exact. */

#define DATASETS 3u
#define GENERATIONS 2u /* of sales of one slot at a time */

/* The last one has leaves for several batches, nearly all of equal blocks. */
static struct hk H[DATASETS];

static int make_all(void)
{
	int rc = hk_make(&H[0], 1, 12, 2, 1, 0);

	if (rc == 0)
		rc = hk_make(&H[1], 2, 6, 1, 2, 4);
	return rc < 0 ? rc : hk_make(&H[2], 3, 1100, 2, 1, 1096);
}

/* ---- a sale: slot = (dataset, slot, generation) ---- */

static void name_sale(uint8_t out[32], unsigned d, unsigned slot, unsigned gen)
{
	memset(out, 0, 32);
	out[0] = (uint8_t)d;
	out[1] = (uint8_t)slot;
	out[2] = (uint8_t)gen;
}

static int has_sale(unsigned d, unsigned slot, unsigned gen,
		    struct cdx_reservation *r)
{
	uint8_t id[32];
	int rc;

	name_sale(id, d, slot, gen);
	rc = cdx_reservation_get(T.s, id, r);
	return rc == -ENOENT ? 0 : rc < 0 ? rc : 1;
}

/* ---- offers ---- */

struct offers {
	struct cdx_offer o[4];
	unsigned n;
};

static int note_offer(void *arg, const struct cdx_offer *o)
{
	struct offers *l = arg;

	if (l->n < CDX_ARRAY_LEN(l->o))
		l->o[l->n++] = *o;
	return 0;
}

/* One more, or one is changed; what the rules refuse is no failure. */
static int do_offer(struct seed *rnd)
{
	struct offers l = {.n = 0};
	struct cdx_offer o = {
		.duration = 5, .min_price = cdx_u256_of(1), .enabled = true};
	int rc = cdx_offer_list(T.s, note_offer, &l);

	if (rc < 0)
		return rc;
	o.total = 1 + seed_below(rnd, 96u << 20);
	o.collateral = cdx_u256_of(1 + seed_below(rnd, 1000));
	if (l.n < CDX_ARRAY_LEN(l.o)) {
		rc = cdx_offer_add(T.s, &o);
	} else {
		memcpy(o.id, l.o[seed_below(rnd, l.n)].id, sizeof(o.id));
		rc = cdx_offer_change(
			T.s, &o, CDX_OFFER_TOTAL | CDX_OFFER_COLLATERAL, NULL);
	}
	return rc == CDX_E_QUOTA || rc == -ERANGE ? 0 : rc;
}

static int reserve(struct seed *rnd, unsigned d, unsigned slot, unsigned gen,
		   bool renewal)
{
	struct cdx_reservation r = {.valid_until = 9};
	struct offers l = {.n = 0};
	int rc = cdx_offer_list(T.s, note_offer, &l);

	if (rc < 0 || l.n == 0)
		return rc < 0 ? rc : 1;
	name_sale(r.slot, d, slot, gen);
	memcpy(r.offer, l.o[seed_below(rnd, l.n)].id, sizeof(r.offer));
	r.bytes = renewal ? 0 : H[d].steps * CDX_BLOCK_SIZE;
	r.collateral = cdx_u256_of(seed_below(rnd, 100));
	rc = cdx_reservation_add(T.s, &r);
	return rc == -ERANGE ? 1 : rc;
}

/* ---- slots ---- */

/* Brings a slot on, as far as it happens to. */
static int fill(struct seed *rnd, unsigned d, unsigned slot, unsigned gen)
{
	struct cdx_rider_reservation a = {.s = T.s};
	const struct cdx_rider also = {cdx_reservation_filled, &a};
	struct cdx_protection p;
	uint64_t to = H[d].steps;
	int rc;

	name_sale(a.slot, d, slot, gen);
	rc = hk_adopt(T.s, &H[d], &p);
	if (rc == 0)
		rc = hk_leaves(T.s, &H[d], &p, slot);
	if (rc < 0 || seed_below(rnd, 4) == 0)
		return rc;
	rc = cdx_held_begin(T.s, &p, slot, &also);
	if (rc < 0 || cdx_held_whole(&p, slot))
		return rc;
	/* the long ones are not worth the time */
	if (to > 100 || seed_below(rnd, 4) == 0)
		return hk_put(T.s, &H[d], &p, slot, 0, 1 + seed_below(rnd, 5));
	rc = hk_put(T.s, &H[d], &p, slot, 0, to);
	if (rc == 0)
		rc = hk_nodes(T.s, &p, slot);
	return rc < 0 ? rc : cdx_slot_restore_end(T.s, &p, slot);
}

static int end_sale(unsigned d, unsigned slot, const struct cdx_reservation *r,
		    const struct cdx_reservation *other)
{
	struct cdx_rider_reservation a = {.s = T.s};
	const struct cdx_rider also = {cdx_reservation_ended, &a};

	memcpy(a.slot, r->slot, sizeof(a.slot));
	if (other == NULL)
		return cdx_held_release(T.s, &H[d].cid, slot, &also);
	a.has_heir = r->bytes != 0;
	memcpy(a.heir, other->slot, sizeof(a.heir));
	return cdx_reservation_end(T.s, &a);
}

static int step(struct seed *rnd)
{
	unsigned d = (unsigned)seed_below(rnd, DATASETS);
	unsigned slot = (unsigned)seed_below(rnd, 3);
	unsigned gen = (unsigned)seed_below(rnd, GENERATIONS);
	struct cdx_reservation mine;
	struct cdx_reservation other;
	int has = has_sale(d, slot, gen, &mine);
	int more = has_sale(d, slot, 1 - gen, &other);
	int rc;

	if (has < 0 || more < 0)
		return has < 0 ? has : more;
	if (seed_below(rnd, 4) == 0)
		return do_offer(rnd);
	if (has && seed_below(rnd, 3) != 0)
		return end_sale(d, slot, &mine, more ? &other : NULL);
	if (!has) {
		rc = reserve(rnd, d, slot, gen, more != 0);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	/* a renewal has nothing to fill that the first one has not */
	if (!has && more)
		return 0;
	return fill(rnd, d, slot,
		    has && mine.bytes == 0 && more ? 1 - gen : gen);
}

static void *commit_on(void *arg)
{
	(void)arg;
	/* every batch is a group of its own, nearly */
	while (cdx_store_commit(T.s) == 0)
		;
	return NULL;
}

static void child(uint64_t seed)
{
	struct seed rnd = {.state = seed};
	pthread_t t;

	tmp_store_open(&T);
	if (pthread_create(&t, NULL, commit_on, NULL) != 0)
		_exit(1);
	for (unsigned i = 0;; i++) {
		int rc = step(&rnd);

		if (rc < 0) {
			print_error("child: %s\n", cdx_strerror(rc));
			_exit(2);
		}
		if (i == 0)
			kill_works();
	}
}

/* ---- after a kill ---- */

struct tally {
	uint64_t charged; /* bytes that reservations say are */
	uint32_t slots[DATASETS];
	unsigned reservations;
	/* how far the children had come */
	unsigned datasets;
	unsigned coming;
	unsigned whole;
	unsigned going; /* or not begun yet: leaves of what is not sold */
};

static int add_reservation(void *arg, const struct cdx_reservation *r)
{
	struct tally *t = arg;

	t->reservations++;
	t->charged += r->bytes - r->size;
	if (r->bytes != r->size)
		t->slots[r->slot[0]] |= 1u << r->slot[1];
	return 0;
}

static int add_held(void *arg, const struct cdx_protection *p)
{
	struct tally *t = arg;
	uint32_t here = 0;

	t->datasets++;
	for (uint32_t i = 0; i < p->k + p->m; i++) {
		here |= (uint32_t)!cdx_slot_is_off(p, i) << i;
		t->coming += p->damaged >> i & 1;
		t->whole += cdx_held_whole(p, i);
		t->going +=
			(p->sold >> i & 1) == 0 &&
			cdx_held_any_leaf(T.s, p, i * p->steps,
					  cdx_protection_slot_blocks(p, i)) ==
				1;
	}
	assert_int_equal(here, p->sold);
	if (p->state == CDX_PROTECTION_DROPPING) {
		assert_int_equal(here, 0);
		return 0;
	}
	for (unsigned d = 0; d < DATASETS; d++)
		if (memcmp(p->verifiable.b, H[d].cid.digest, 32) == 0) {
			/* what is charged has a reservation that says so, and the
			 * other way round */
			assert_int_equal(here, t->slots[d]);
			t->slots[d] = 0;
			return 0;
		}
	fail();
	return 0;
}

static void check(struct tally *total)
{
	struct tally t = {.charged = 0};

	tmp_fsck_clean(&T);
	assert_int_equal(cdx_reservation_list(T.s, add_reservation, &t), 0);
	assert_int_equal(cdx_protection_list(T.s, 0, add_held, &t), 0);
	for (unsigned d = 0; d < DATASETS; d++)
		assert_int_equal(t.slots[d], 0);
	assert_int_equal(provider(), t.charged);
	total->reservations += t.reservations;
	total->datasets += t.datasets;
	total->coming += t.coming;
	total->whole += t.whole;
	total->going += t.going;
}

static void check_unfinished(struct tally *total)
{
	struct cdx_store_opts opts = {
		.path = T.path, .log = &T.log, .readonly = true};

	assert_int_equal(cdx_store_open(&T.s, &opts, NULL, 0), 0);
	assert_int_equal(cdx_store_start(T.s, NULL, NULL, NULL, NULL), 0);
	check(total);
	tmp_store_close(&T);
}

static int sum_totals(void *arg, const struct cdx_offer *o)
{
	int64_t *sum = arg;

	assert_int_equal(o->free, o->total);
	assert_int_equal(cdx_u256_cmp(&o->remaining, &o->collateral), 0);
	*sum += (int64_t)o->total;
	return 0;
}

/* Everything ends; nothing is left of it, to the byte. */
static void end_all(void)
{
	struct cdx_reservation r;
	struct cdx_reservation other;
	int64_t sum = 0;

	for (unsigned i = 0; i < DATASETS * 3 * GENERATIONS; i++) {
		unsigned d = i / (3 * GENERATIONS);
		unsigned slot = i / GENERATIONS % 3;
		unsigned gen = i % GENERATIONS;
		int more = has_sale(d, slot, 1 - gen, &other);

		if (has_sale(d, slot, gen, &r) == 1)
			assert_int_equal(end_sale(d, slot, &r,
						  more == 1 ? &other : NULL),
					 0);
	}
	assert_int_equal(cdx_offer_list(T.s, sum_totals, &sum), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_RESERVED_PROVIDER), sum);
	assert_int_equal(provider(), 0);
	assert_int_equal(used(), 0);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	assert_int_equal(rows(CDX_DB_LEAF, 0), 0);
	assert_int_equal(rows(CDX_DB_BLOCK, 0), 0);
	assert_int_equal(rows(CDX_DB_SLOT_NODE, 0), 0);
	assert_int_equal(rows(CDX_DB_HELD_PAGE, 0), 0);
	assert_int_equal(rows(CDX_DB_PUBLIC, 0), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

static void killed(void **state)
{
	const char *given = getenv("CDX_COUNT");
	long rounds = given != NULL ? strtol(given, NULL, 10) : 12;
	struct seed rnd = seed_start("held kill");
	struct tally total = {.charged = 0};

	(void)state;
	assert_int_equal(make_all(), 0);
	tmp_store_close(&T);
	for (long i = 0; i < rounds; i++) {
		uint64_t seed = seed_u64(&rnd);
		long ms = 3 + (long)seed_below(&rnd, 120);
		pid_t pid;

		pid = kill_fork();
		if (pid == 0)
			child(seed);
		/* else while it opens the store */
		if (seed_below(&rnd, 4) != 0)
			kill_wait();
		kill_after(pid, ms * 1000);
		check_unfinished(&total);
		tmp_store_open(&T);
		check(&total);
		if (i % 8 == 7 || i + 1 == rounds)
			end_all();
		tmp_store_close(&T);
	}
	printf("killed %ld times: %u reservations, %u datasets, %u slots "
	       "coming, %u whole, %u not begun or going\n",
	       rounds, total.reservations, total.datasets, total.coming,
	       total.whole, total.going);
	assert_true(total.reservations > 0 && total.datasets > 0);
	tmp_store_open(&T);
	for (unsigned d = 0; d < DATASETS; d++)
		hk_free(&H[d]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {CASE(killed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
