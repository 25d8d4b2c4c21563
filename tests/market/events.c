/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The marketplace's events for all parts of a process: those of before it came,
 * once each, undone ones too, and with a node that does not answer at first.
 *
 * usage: events URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market/events.h"
#include "market_kit.h"

#define HEARD_MAX 64

static char **args;

struct heard {
	struct cdx_market_event e;
	uint64_t block;
	bool removed;
};

static struct {
	struct mk kit;
	struct mk_account client;
	struct cdx_market_events *events;
	struct cdx_market_watch *first;
	struct cdx_market_watch *second;
	struct heard heard[HEARD_MAX];
	unsigned n;
	unsigned n_first; /* told to the first, which leaves after one */
} t;

static void on_first(void *arg, const struct cdx_market_event *e,
		     uint64_t block, bool removed)
{
	(void)arg;
	(void)e;
	(void)block;
	(void)removed;
	/* before the other one */
	assert_int_equal(t.n, 0);
	t.n_first++;
	cdx_market_watch_del(t.first);
	t.first = NULL;
}

static void on_second(void *arg, const struct cdx_market_event *e,
		      uint64_t block, bool removed)
{
	(void)arg;
	if (e->kind == CDX_EVENT_TRANSFER || e->kind == CDX_EVENT_APPROVAL)
		return;
	assert_true(t.n < HEARD_MAX);
	t.heard[t.n++] = (struct heard){*e, block, removed};
}

static void begin(void *arg)
{
	(void)arg;
	t.n = 0;
	t.n_first = 0;
	assert_int_equal(cdx_market_events_new(&t.events, &t.kit.env), 0);
	assert_int_equal(
		cdx_market_watch_add(t.events, &t.first, on_first, NULL), 0);
	assert_int_equal(
		cdx_market_watch_add(t.events, &t.second, on_second, NULL), 0);
	assert_false(cdx_market_events_caught_up(t.events));
}

static void end(void *arg)
{
	(void)arg;
	cdx_market_watch_del(t.first);
	t.first = NULL;
	cdx_market_watch_del(t.second);
	cdx_market_events_free(t.events);
	t.events = NULL;
}

static bool caught_up(void *arg)
{
	(void)arg;
	return cdx_market_events_caught_up(t.events);
}

static bool in_trouble(void *arg)
{
	(void)arg;
	return cdx_market_events_why(t.events)[0] != '\0';
}

static bool no_trouble(void *arg)
{
	return !in_trouble(arg);
}

static bool heard_n(void *arg)
{
	return t.n >= *(unsigned *)arg;
}

static int setup(void **state)
{
	(void)state;
	mk_start(&t.kit, "market/events", args,
		 &(struct mk_opts){.no_data = true, .gate = true});
	mk_account(&t.kit, &t.client);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mk_sender_drop(&t.kit, &t.client);
	mk_stop(&t.kit);
	return 0;
}

/* A request without a dataset: the contract does not look */
static void post(struct mk_request *rq)
{
	memset(rq, 0, sizeof(*rq));
	rq->r = (struct cdx_storage_request){
		.client = t.client.account.addr,
		.ask = {.proof_probability = cdx_u256_of(1),
			.price = cdx_u256_of(1),
			.collateral = cdx_u256_of(1),
			.slots = 3,
			.slot_size = 65536,
			.duration = 7200,
			.max_slot_loss = 1},
		.expiry = 3600,
		.cid_len = 36,
	};
	cdx_random(rq->r.nonce.b, sizeof(rq->r.nonce.b));
	mk_post(&t.kit, &t.client, rq);
}

static void test_past_and_present(void **state)
{
	unsigned want = 2;
	struct mk_request old;
	struct mk_request rq[2];

	(void)state;
	post(&old);
	mk_go_to(&t.kit,
		 mk_now(&t.kit) + t.kit.env.config.duration_limit + 86400);
	post(&rq[0]);
	mk_sync(&t.kit);
	mk_on_loop(&t.kit, begin, NULL);
	mk_until(&t.kit, caught_up, NULL, "the past");
	assert_int_equal(t.n_first, 1);
	/* what can not run any more is not asked for */
	assert_int_equal(t.n, 1);
	assert_int_equal(t.heard[0].e.kind, CDX_EVENT_STORAGE_REQUESTED);
	assert_memory_equal(&t.heard[0].e.request, &rq[0].id, sizeof(rq[0].id));
	post(&rq[1]);
	mk_until(&t.kit, heard_n, &want, "the present");
	assert_memory_equal(&t.heard[1].e.request, &rq[1].id, sizeof(rq[1].id));
	assert_false(t.heard[1].removed);
	/* and it is undone */
	mk_reorg(&t.kit, 1);
	mk_mine(&t.kit, 1);
	want = 3;
	mk_until(&t.kit, heard_n, &want, "what was undone");
	assert_true(t.heard[2].removed);
	assert_memory_equal(&t.heard[2].e.request, &rq[1].id, sizeof(rq[1].id));
	assert_int_equal(t.heard[2].block, t.heard[1].block);
	mk_on_loop(&t.kit, end, NULL);
}

static void test_node_is_down(void **state)
{
	struct mk_request rq;
	unsigned want = 1;

	(void)state;
	post(&rq);
	mk_sync(&t.kit);
	/* before it has asked where to begin, and ended then */
	mk_gate(&t.kit, false);
	mk_on_loop(&t.kit, begin, NULL);
	mk_until(&t.kit, in_trouble, NULL, "trouble");
	mk_on_loop(&t.kit, end, NULL);
	mk_on_loop(&t.kit, begin, NULL);
	mk_until(&t.kit, in_trouble, NULL, "trouble");
	mk_gate(&t.kit, true);
	mk_until(&t.kit, caught_up, NULL, "the past");
	mk_until(&t.kit, heard_n, &want, "the request");
	mk_until(&t.kit, no_trouble, NULL, "no trouble");
	mk_on_loop(&t.kit, end, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_past_and_present),
		cmocka_unit_test(test_node_is_down),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: events URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	return cmocka_run_group_tests_name("market/events", tests, setup,
					   teardown);
}
