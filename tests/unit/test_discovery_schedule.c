/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "discovery/internal.h"
#include "discovery/schedule.h"
#include "discovery/seen.h"
#include "tests/unit/seed.h"

/* When what is announced is put again, simulated; and the two tables that keep
 * strangers' records cheap. */

#define MS UINT64_C(1000000)
#define S (1000 * MS)
#define INTERVAL (480 * S)
#define PACE (S / 64)

struct sim {
	struct cdx_schedule s;
	struct cdx_due *due;
	unsigned n;
	uint64_t now;
	uint64_t puts;
	uint64_t longest; /* between two puts of the same */
};

static void sim_start(struct sim *sim, unsigned n)
{
	memset(sim, 0, sizeof(*sim));
	cdx_schedule_init(&sim->s, INTERVAL, PACE);
	sim->due = calloc(n ? n : 1, sizeof(*sim->due));
	assert_non_null(sim->due);
	sim->n = n;
	sim->now = 1000 * S;
}

static void sim_put(struct sim *sim, struct cdx_due *d)
{
	if (d->put_ns && sim->now - d->put_ns > sim->longest)
		sim->longest = sim->now - d->put_ns;
	sim->puts++;
	cdx_schedule_put(&sim->s, d, sim->now);
}

/* Until @until; the most puts in any second of it */
static uint64_t sim_run(struct sim *sim, uint64_t until)
{
	uint64_t second = sim->now;
	uint64_t in_second = 0;
	uint64_t most = 0;

	while (sim->now < until) {
		uint64_t wait = 0;
		struct cdx_due *d = cdx_schedule_take(&sim->s, sim->now, &wait);

		if (sim->now - second >= S) {
			second = sim->now;
			in_second = 0;
		}
		if (d) {
			sim_put(sim, d);
			if (++in_second > most)
				most = in_second;
			continue;
		}
		if (wait == UINT64_MAX || wait > until - sim->now)
			sim->now = until;
		else
			sim->now += wait;
	}
	return most;
}

static void nothing(void **state)
{
	struct sim sim;
	uint64_t wait = 0;
	struct cdx_due d = {.list = 0};

	(void)state;
	sim_start(&sim, 0);
	assert_null(cdx_schedule_take(&sim.s, sim.now, &wait));
	assert_true(wait == UINT64_MAX);
	cdx_schedule_soon(&sim.s, &d);
	cdx_schedule_soon(&sim.s, &d);
	assert_int_equal(sim.s.n_fresh, 1);
	cdx_schedule_drop(&sim.s, &d);
	cdx_schedule_drop(&sim.s, &d);
	assert_int_equal(sim.s.n_fresh, 0);
	assert_null(cdx_schedule_take(&sim.s, sim.now, &wait));
	free(sim.due);
}

/* The first at once, and then in turn */
static void few(void **state)
{
	struct sim sim;
	uint64_t wait = 0;

	(void)state;
	sim_start(&sim, 2);
	cdx_schedule_soon(&sim.s, &sim.due[0]);
	assert_ptr_equal(cdx_schedule_take(&sim.s, sim.now, &wait),
			 &sim.due[0]);
	sim_put(&sim, &sim.due[0]);
	assert_null(cdx_schedule_take(&sim.s, sim.now, &wait));
	assert_true(wait == INTERVAL);
	cdx_schedule_soon(&sim.s, &sim.due[1]);
	sim.now += S;
	assert_ptr_equal(cdx_schedule_take(&sim.s, sim.now, &wait),
			 &sim.due[1]);
	sim_put(&sim, &sim.due[1]);
	assert_null(cdx_schedule_take(&sim.s, sim.now, &wait));
	assert_true(wait == INTERVAL / 2 - S);
	sim_run(&sim, sim.now + 10 * INTERVAL);
	assert_true(sim.longest <= INTERVAL);
	assert_true(sim.puts >= 2 + 20 && sim.puts <= 2 + 21);
	free(sim.due);
}

/* Twenty thousand keys: new ones at the pace, then interval / number, for ever */
static void many(void **state)
{
	enum {
		N = 20000
	};
	struct sim sim;
	uint64_t most;

	(void)state;
	sim_start(&sim, N);
	for (unsigned i = 0; i < N; i++)
		cdx_schedule_soon(&sim.s, &sim.due[i]);
	most = sim_run(&sim, sim.now + 2 * INTERVAL);
	assert_int_equal(sim.s.n_ring, N);
	/* half an interval for all of them */
	assert_true(most <= 85);
	sim.puts = 0;
	sim.longest = 0;
	most = sim_run(&sim, sim.now + 10 * INTERVAL);
	/* 41.7 a second, no second with more than 42 */
	assert_true(most <= 42);
	assert_true(sim.puts >= 10 * N - 1 && sim.puts <= 10 * N + 1);
	assert_true(sim.longest <= INTERVAL + PACE);
	free(sim.due);
}

/* More than the pace of new ones would do */
static void very_many(void **state)
{
	enum {
		N = 100000
	};
	struct sim sim;

	(void)state;
	sim_start(&sim, N);
	for (unsigned i = 0; i < N; i++)
		cdx_schedule_put(&sim.s, &sim.due[i], sim.now);
	sim_run(&sim, sim.now + INTERVAL);
	sim.longest = 0;
	assert_true(sim_run(&sim, sim.now + 2 * INTERVAL) <= 210);
	assert_true(sim.longest <= INTERVAL + PACE);
	free(sim.due);
}

/* Entries come and go, and the loop is late at times: nobody waits longer than the
 * interval and what the loop was late. */
static void changes(void **state)
{
	enum {
		N = 500
	};
	struct seed s = seed_start("changes");
	struct sim sim;
	uint64_t late = 0;

	(void)state;
	sim_start(&sim, N);
	for (unsigned step = 0; step < 4000; step++) {
		struct cdx_due *d = &sim.due[seed_below(&s, N)];

		switch (seed_below(&s, 4)) {
		case 0:
			cdx_schedule_drop(&sim.s, d);
			d->put_ns = 0;
			break;
		case 1:
			cdx_schedule_soon(&sim.s, d);
			break;
		default:
			break;
		}
		if (seed_below(&s, 100) == 0) {
			/* most of them at once */
			for (unsigned i = 0; i < N - 3; i++) {
				cdx_schedule_drop(&sim.s, &sim.due[i]);
				sim.due[i].put_ns = 0;
			}
		}
		late = seed_below(&s, 3) == 0 ? seed_below(&s, 5 * S) : 0;
		sim.now += late;
		sim_run(&sim, sim.now + seed_below(&s, 10 * S));
	}
	assert_true(sim.longest <= INTERVAL + 5 * S + N * PACE);
	free(sim.due);
}

/* After a long sleep all are late: they are caught up with, at a pace. */
static void after_a_sleep(void **state)
{
	enum {
		N = 1000
	};
	struct sim sim;

	(void)state;
	sim_start(&sim, N);
	for (unsigned i = 0; i < N; i++)
		cdx_schedule_put(&sim.s, &sim.due[i], sim.now);
	sim.now += 10 * INTERVAL;
	assert_true(sim_run(&sim, sim.now + 20 * S) <= 65);
	for (unsigned i = 0; i < N; i++)
		assert_true(sim.now - sim.due[i].put_ns <= 20 * S);
	free(sim.due);
}

static void newest_sequence(void **state)
{
	struct cdx_provider_record r;
	struct cdx_seen *seen;

	(void)state;
	memset(&r, 0, sizeof(r));
	assert_int_equal(cdx_seen_new(&seen), 0);
	r.seq = 5;
	assert_true(cdx_seen_note(seen, &r));
	assert_true(cdx_seen_note(seen, &r));
	r.seq = 4;
	assert_false(cdx_seen_note(seen, &r));
	/* of another signer, of another key */
	r.id.b[32] = 1;
	assert_true(cdx_seen_note(seen, &r));
	r.key.b[31] = 1;
	assert_true(cdx_seen_note(seen, &r));
	r.seq = 6;
	assert_true(cdx_seen_note(seen, &r));
	r.seq = 5;
	assert_false(cdx_seen_note(seen, &r));
	/* a flood of others may push it out, and does no other harm */
	r.seq = 7;
	for (unsigned i = 0; i < 100000; i++) {
		memcpy(r.id.b, &i, sizeof(i));
		assert_true(cdx_seen_note(seen, &r));
	}
	cdx_seen_free(seen);
	cdx_seen_free(NULL);
}

static void checks_a_second(void **state)
{
	struct cdx_checks c = {.left = CDX_CHECKS_BURST};
	uint64_t now = 77 * S;
	unsigned n = 0;

	(void)state;
	while (cdx_checks_take(&c, now))
		n++;
	assert_int_equal(n, CDX_CHECKS_BURST);
	assert_false(cdx_checks_take(&c, now + MS));
	for (unsigned ms = 1, got = 0; ms <= 10000; ms++) {
		while (cdx_checks_take(&c, now + ms * MS))
			got++;
		assert_true(got <= ms * CDX_CHECKS_PER_S / 1000 + 1);
		if (ms == 10000)
			assert_true(got >= 10 * CDX_CHECKS_PER_S - 1);
	}
	/* nothing is saved up beyond the burst */
	n = 0;
	while (cdx_checks_take(&c, now + 1000 * S))
		n++;
	assert_int_equal(n, CDX_CHECKS_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(few),
		cmocka_unit_test(many),
		cmocka_unit_test(very_many),
		cmocka_unit_test(changes),
		cmocka_unit_test(after_a_sleep),
		cmocka_unit_test(newest_sequence),
		cmocka_unit_test(checks_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
