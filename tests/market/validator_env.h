/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MARKET_VALIDATOR_ENV_H
#define CDX_TESTS_MARKET_VALIDATOR_ENV_H

/* Who and what tests/market/validator.c is about, and its time.  Include after
 * cmocka.h. */

#include "market/validator.h"
#include "market_kit.h"

#define SLOTS 3u
#define VALIDATORS 2u

static char **args; /* of the program */

static struct {
	bool up;
	struct cdx_market_config config;
	struct mk kit;
	struct mk_account client;
	struct mk_account host[SLOTS];
	struct mk_account account[VALIDATORS];
	struct cdx_market_events *events[VALIDATORS];
	struct cdx_validator *v[VALIDATORS];
	struct cdx_validator_opts opts[VALIDATORS];
	struct mk_request rq;
} t;

/* Slashes that take no slot away, and a timeout shorter than a period */
static struct cdx_market_config gentle(void)
{
	struct cdx_market_config c = mk_config;

	c.max_slashes = 20;
	c.slash = 4;
	return c;
}

/* ---- a market, and validators of it ---- */

static void stop_market(void)
{
	if (!t.up)
		return;
	for (unsigned i = 0; i < VALIDATORS; i++)
		mk_sender_drop(&t.kit, &t.account[i]);
	mk_sender_drop(&t.kit, &t.client);
	for (unsigned i = 0; i < SLOTS; i++)
		mk_sender_drop(&t.kit, &t.host[i]);
	mk_stop(&t.kit);
	t.up = false;
}

/* The market of the test before, when that was of the same configuration: what was
 * stored in it has ended. */
static void start(const struct cdx_market_config *config)
{
	memset(t.opts, 0, sizeof(t.opts));
	if (t.up && memcmp(&t.config, config, sizeof(*config)) == 0) {
		mk_go_to(&t.kit, t.rq.posted + t.rq.r.ask.duration + 1);
		return;
	}
	stop_market();
	memset(&t, 0, sizeof(t));
	t.config = *config;
	t.up = true;
	mk_start(&t.kit, "market/validator", args,
		 &(struct mk_opts){.config = config, .gate = true});
	mk_account(&t.kit, &t.client);
	for (unsigned i = 0; i < SLOTS; i++)
		mk_account(&t.kit, &t.host[i]);
	for (unsigned i = 0; i < VALIDATORS; i++)
		mk_account(&t.kit, &t.account[i]);
}

static void begin_here(void *arg)
{
	unsigned i = *(unsigned *)arg;

	t.opts[i].sender = t.account[i].sender;
	assert_int_equal(cdx_market_events_new(&t.events[i], &t.kit.env), 0);
	t.opts[i].events = t.events[i];
	assert_int_equal(cdx_validator_new(&t.v[i], &t.kit.env, &t.opts[i]), 0);
}

static void begin(unsigned i)
{
	mk_on_loop(&t.kit, begin_here, &i);
}

static void end_here(void *arg)
{
	unsigned i = *(unsigned *)arg;

	cdx_validator_free(t.v[i]);
	cdx_market_events_free(t.events[i]);
	t.v[i] = NULL;
	t.events[i] = NULL;
}

static void end(unsigned i)
{
	mk_on_loop(&t.kit, end_here, &i);
}

static int stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VALIDATORS; i++)
		if (t.v[i] != NULL)
			end(i);
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	stop_market();
	return 0;
}

static void post_and_fill(unsigned slots)
{
	mk_request(&t.kit, &t.client, &t.rq);
	mk_post(&t.kit, &t.client, &t.rq);
	for (unsigned i = 0; i < slots; i++)
		mk_fill(&t.kit, &t.host[i], &t.rq, i);
}

static struct cdx_validator_stats stats(unsigned i)
{
	struct cdx_validator_stats s;

	cdx_validator_stats(t.v[i], &s);
	return s;
}

struct wanted {
	unsigned i;
	uint64_t slots, marked, late, left_out;
	uint64_t period;
};

static bool has_slots(void *arg)
{
	const struct wanted *w = arg;
	struct cdx_validator_stats s = stats(w->i);

	return cdx_market_events_caught_up(t.events[w->i]) &&
	       s.slots == w->slots && s.left_out == w->left_out;
}

static void until_slots(unsigned i, unsigned slots, unsigned left_out)
{
	struct wanted w = {.i = i, .slots = slots, .left_out = left_out};

	mk_until(&t.kit, has_slots, &w, "slots that are watched");
}

static bool has_marked(void *arg)
{
	const struct wanted *w = arg;

	return stats(w->i).marked >= w->marked;
}

static void until_marked(unsigned i, unsigned marked)
{
	struct wanted w = {.i = i, .marked = marked};

	mk_until(&t.kit, has_marked, &w, "marks");
	assert_int_equal(stats(i).marked, marked);
}

static bool is_past(void *arg)
{
	const struct wanted *w = arg;

	return stats(w->i).last_period >= w->period;
}

/* ---- time ---- */

static bool all_settled(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (!mk_settled(&t.kit, &t.rq.slot[i]))
			return false;
	return true;
}

/* Into a period in which all slots want proofs up to its end, and so far into it
 * that nothing can be marked of the one before */
static uint64_t quiet_period(void)
{
	const struct cdx_market_config *c = &t.kit.env.config;
	uint64_t period;

	do {
		mk_next_period(&t.kit);
	} while (!all_settled());
	period = mk_period(&t.kit);
	if (c->timeout < c->period)
		mk_go_to(&t.kit, period * c->period + c->timeout + 1);
	mk_sync(&t.kit);
	return period;
}

static void end_period(uint64_t period)
{
	mk_go_to(&t.kit, (period + 1) * t.kit.env.config.period + 1);
}

/* The first validator begins, and a period ends that all proofs are missing of; no
 * transaction gets into a block from then on. */
static uint64_t end_period_unmined(void)
{
	uint64_t period = quiet_period();

	begin(0);
	until_slots(0, SLOTS, 0);
	mk_automine(&t.kit, false);
	end_period(period);
	return period;
}

/* Until the validator is done with a period; blocks are mined in the time after
 * it, since what was late is said when the chain is there */
static void until_past(unsigned i, uint64_t period)
{
	const struct cdx_market_config *c = &t.kit.env.config;
	struct wanted w = {.i = i, .period = period};

	mk_go_to(&t.kit, (period + 1) * c->period + c->timeout + 1);
	mk_until(&t.kit, is_past, &w, "a period that was looked at");
}

static void assert_missing(unsigned slot, uint64_t n)
{
	assert_int_equal(mk_missing(&t.kit, &t.rq.slot[slot]), n);
}

/* Misses that can be marked of these periods */
static unsigned open_misses(uint64_t from, uint64_t to)
{
	unsigned n = 0;

	for (uint64_t p = from; p <= to; p++)
		for (unsigned i = 0; i < SLOTS; i++)
			n += mk_can_mark(&t.kit, &t.rq.slot[i], p);
	return n;
}

static void until_no_open(uint64_t from, uint64_t to)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	unsigned i = 0;

	while (open_misses(from, to) > 0) {
		assert_true(i++ < MK_WAIT_S * 10);
		nanosleep(&pause, NULL);
	}
}

#endif
