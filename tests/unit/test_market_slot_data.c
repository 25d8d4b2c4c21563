/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "store/public.h"
#include "seed.h"
#include "store_tmp.h"

#include "exchange_kit.h"
#include "protect_kit.h"
#include "slot_kit.h"

/* Slots had from others over real sockets: from one, from several, from what is left
 * of them; from liars; with interruptions. */

#define K 4u
#define M 2u
#define BLOCKS 83u /* one of padding */
#define LONG_BLOCKS 401u

static struct seed seed;
static struct sk_client client;
/* More steps, so that there are several parts */
static struct sk_client longer;

static int group_setup(void **state)
{
	(void)state;
	seed = seed_start("slot data");
	sk_client_new(&client, &seed, K, M, BLOCKS);
	sk_client_new(&longer, &seed, 2, 1, LONG_BLOCKS);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sk_client_free(&longer);
	sk_client_free(&client);
	return 0;
}

/* Columns that a host has; bits */
struct columns {
	uint32_t bits;
	uint64_t steps;
};

static bool has_columns(void *arg, uint32_t index)
{
	const struct columns *c = arg;

	return (c->bits >> (index / c->steps) & 1) != 0;
}

static void fsck_clean(struct sk *s)
{
	struct tmp_findings v;

	tmp_fsck(s->x.store, &v);
	assert_int_equal(v.n, 0);
}

static void from_one(void **state)
{
	struct sk s = {0};
	struct host h;
	struct cdx_slot_got got;
	uint64_t padding = 0;

	(void)state;
	host_start(&h, client.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h);
	for (uint32_t slot = 0; slot < K + M; slot++) {
		assert_int_equal(sk_obtain(&s, &client, slot, &got), 0);
		assert_string_equal(s.why, "");
		assert_true(sk_whole(&s, &client, slot));
		padding = slot == K - 1 ? 1 : 0;
		assert_int_equal(got.fetched, client.sl.g.steps - padding);
		assert_int_equal(got.kept, padding);
	}
	/* a page is asked for with a block of it, which is all that comes twice */
	assert_true(atomic_load(&h.blocks) <= client.sl.g.total + 2 * (K + M));
	/* nothing of it went to the cache, but the manifest and pages */
	{
		struct cdx_cache_stats st;

		cdx_cache_stats(s.x.store->s, &st);
		assert_true(st.used < 4 * SK_BLOCK);
	}
	/* once more: all is here */
	assert_int_equal(s.charged, K + M);
	assert_int_equal(sk_obtain(&s, &client, 2, &got), 0);
	assert_int_equal(got.fetched, 0);
	assert_int_equal(got.kept, client.sl.g.steps);
	assert_int_equal(s.charged, K + M);
	fsck_clean(&s);
	xk_free_exchange(&s.x);
	tmp_store_reopen(s.x.store);
	fsck_clean(&s);
	sk_end(&s);
	host_stop(&h);
}

/* Each has half of the slots' blocks. */
static bool even(void *arg, uint32_t index)
{
	return (index & 1) == (arg != NULL);
}

static void from_several(void **state)
{
	struct sk s = {0};
	struct host h[3];
	struct cdx_slot_got got;
	int odd;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		host_start(&h[i], client.t.s,
			   i < 2 ? HOST_HONEST : HOST_ABSENT);
	h[0].has = even;
	h[1].has = even;
	h[1].arg = &odd;
	sk_start(&s);
	for (unsigned i = 0; i < 3; i++)
		xk_know(&s.x, &h[i]);
	assert_int_equal(sk_obtain(&s, &client, 1, &got), 0);
	assert_true(sk_whole(&s, &client, 1));
	assert_true(atomic_load(&h[0].blocks) > 0);
	assert_true(atomic_load(&h[1].blocks) > 0);
	assert_int_equal(xk_stats(&s.x).degraded, 0);
	sk_end(&s);
	for (unsigned i = 0; i < 3; i++)
		host_stop(&h[i]);
}

/* Every slot, from each choice of k others where there are few of them. */
static void rebuilt_from(struct sk_client *c, uint32_t slot, uint32_t others)
{
	struct columns left = {.bits = others, .steps = c->sl.g.steps};
	struct sk s = {0};
	struct host h;
	struct cdx_slot_got got;

	host_start(&h, c->t.s, HOST_HONEST);
	h.has = has_columns;
	h.arg = &left;
	sk_start(&s);
	xk_know(&s.x, &h);
	assert_int_equal(sk_obtain(&s, c, slot, &got), 0);
	assert_true(sk_whole(&s, c, slot));
	/* as for a slot that somebody has: promised bytes become charged ones */
	assert_int_equal(s.charged, 1);
	assert_true(xk_stats(&s.x).degraded > 0);
	/* the slot alone, and not k of them, is kept */
	{
		struct cdx_cache_stats st;

		cdx_cache_stats(s.x.store->s, &st);
		assert_true(st.used < 4 * SK_BLOCK);
	}
	sk_end(&s);
	host_stop(&h);
}

static void rebuilt_of_three(void **state)
{
	struct sk_client c;

	(void)state;
	sk_client_new(&c, &seed, 2, 1, 41);
	for (uint32_t slot = 0; slot < 3; slot++)
		rebuilt_from(&c, slot, 7u & ~(1u << slot));
	sk_client_free(&c);
}

static void rebuilt_of_six(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < K + M; slot++) {
		uint32_t gone = seed_u64(&seed) % (K + M);

		if (gone == slot)
			gone = (gone + 1) % (K + M);
		rebuilt_from(&client, slot, 63u & ~(1u << slot | 1u << gone));
	}
}

/* Fewer than k: it says so, and nothing is marked. */
static void too_few(void **state)
{
	struct columns left = {.bits = 0x0e, .steps = client.sl.g.steps};
	struct sk s = {0};
	struct host h;
	struct cdx_slot_got got;

	(void)state;
	host_start(&h, client.t.s, HOST_HONEST);
	h.has = has_columns;
	h.arg = &left;
	sk_start(&s);
	xk_know(&s.x, &h);
	assert_int_equal(sk_obtain(&s, &client, 4, &got), -ENODATA);
	assert_non_null(strstr(s.why, "nobody has"));
	assert_false(sk_whole(&s, &client, 4));
	assert_int_equal(got.fetched, 0);
	sk_end(&s);
	host_stop(&h);
}

/* ---- liars ---- */

static void liars(void **state)
{
	static const enum host_way way[] = {
		HOST_WRONG_BLOCK, HOST_FALSE_PAGE, HOST_FALSE_LEAF,
		HOST_SHORT_BLOCK, HOST_GARBAGE,	   HOST_TRUNCATED,
		HOST_BUSY,	  HOST_CUT,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		struct sk s = {0};
		struct host bad;
		struct host good;
		struct cdx_slot_got got;

		host_start(&bad, client.t.s, way[i]);
		host_start(&good, client.t.s, HOST_HONEST);
		good.delay_ms = 20;
		sk_start(&s);
		xk_know(&s.x, &bad);
		xk_know(&s.x, &good);
		assert_int_equal(sk_obtain(&s, &client, 3, &got), 0);
		assert_true(sk_whole(&s, &client, 3));
		sk_end(&s);
		host_stop(&bad);
		host_stop(&good);
	}
}

/* With nobody but them nothing is had, and nothing counts as had. */
static void only_liars(void **state)
{
	static const enum host_way way[] = {
		HOST_WRONG_BLOCK,
		HOST_FALSE_LEAF,
		HOST_GARBAGE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		struct sk s = {.x.find_ms = 100};
		struct host bad;
		struct cdx_slot_got got;

		host_start(&bad, client.t.s, way[i]);
		sk_start(&s);
		xk_know(&s.x, &bad);
		assert_int_not_equal(sk_obtain(&s, &client, 3, &got), 0);
		assert_string_not_equal(s.why, "");
		assert_false(sk_whole(&s, &client, 3));
		sk_end(&s);
		host_stop(&bad);
	}
}

/* ---- interruptions ---- */

/* Stops somebody after so many blocks */
struct after {
	struct sk *s;
	struct host *host;
	atomic_bool cancel;
	uint64_t blocks;
};

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct after *a = arg;

	(void)total;
	if (done < a->blocks)
		return;
	if (a->host != NULL)
		host_stop(a->host);
	else
		atomic_store(&a->cancel, true);
}

static bool on_cancel(void *arg)
{
	struct after *a = arg;

	return atomic_load(&a->cancel);
}

static void vanishing(void **state)
{
	struct sk s = {0};
	struct host h[2];
	struct after a = {.s = &s, .host = &h[0], .blocks = 1};
	const struct cdx_slot_run run = {
		.progress = on_progress,
		.arg = &a,
		.stall_ms = XK_MS,
	};
	struct cdx_slot_got got;

	(void)state;
	host_start(&h[0], longer.t.s, HOST_HONEST);
	host_start(&h[1], longer.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h[0]);
	xk_know(&s.x, &h[1]);
	assert_int_equal(cdx_slot_obtain(&s.env, &longer.data.verifiable, 2,
					 NULL, &run, &got, s.why),
			 0);
	assert_true(sk_whole(&s, &longer, 2));
	sk_end(&s);
	host_stop(&h[0]);
	host_stop(&h[1]);
}

/* Told to stop; the next one fetches what is missing, and no more. */
static void resumed(void **state)
{
	struct sk s = {0};
	struct host h;
	struct after a = {.s = &s, .blocks = 1};
	const struct cdx_slot_run run = {
		.cancel = on_cancel,
		.progress = on_progress,
		.arg = &a,
		.stall_ms = XK_MS,
	};
	const struct cdx_rider charge = {.put = sk_charge, .arg = &s};
	struct cdx_slot_got got;

	(void)state;
	host_start(&h, longer.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h);
	assert_int_equal(cdx_slot_obtain(&s.env, &longer.data.verifiable, 0,
					 &charge, &run, &got, s.why),
			 -ECANCELED);
	assert_int_equal(s.charged, 1);
	assert_false(sk_whole(&s, &longer, 0));
	assert_true(got.fetched > 0);
	/* as after a crash */
	xk_free_exchange(&s.x);
	tmp_store_reopen(s.x.store);
	s.env.store = s.x.store->s;
	assert_int_equal(cdx_await(s.x.loop, xk_make, &s.x), 0);
	s.env.exchange = s.x.ex;
	xk_know(&s.x, &h);
	assert_int_equal(sk_obtain(&s, &longer, 0, &got), 0);
	assert_true(got.kept >= 64);
	assert_int_equal(got.fetched + got.kept, longer.sl.g.steps);
	assert_int_equal(s.charged, 1);
	assert_true(sk_whole(&s, &longer, 0));
	fsck_clean(&s);
	sk_end(&s);
	host_stop(&h);
}

/* ---- what is here for other reasons ---- */

/* The same bytes are here as a private dataset.  That somebody names them in a
 * request neither fills the slot nor tells that they are here; when they are public
 * they are taken. */
static void private_blocks(void **state)
{
	struct columns left = {.bits = 0, .steps = client.sl.g.steps};
	struct sk s = {0};
	struct pk_data own;
	struct host h;
	struct cdx_slot_got got;

	(void)state;
	host_start(&h, client.t.s, HOST_HONEST);
	h.has = has_columns;
	h.arg = &left;
	sk_start(&s);
	pk_add(s.x.store, &own, &seed, client.data.p, client.data.len,
	       SK_BLOCK);
	assert_int_equal(cdx_dataset_publish(s.x.store->s, &own.plain, false),
			 0);
	xk_know(&s.x, &h);
	assert_int_equal(sk_obtain(&s, &client, 1, &got), -ENODATA);
	assert_int_equal(got.fetched, 0);
	assert_false(sk_whole(&s, &client, 1));
	assert_int_equal(cdx_dataset_publish(s.x.store->s, &own.plain, true),
			 0);
	assert_int_equal(sk_obtain(&s, &client, 1, &got), 0);
	assert_int_equal(got.kept, client.sl.g.steps);
	assert_true(sk_whole(&s, &client, 1));
	fsck_clean(&s);
	/* what came for the slot stays, whatever becomes of them */
	assert_int_equal(cdx_dataset_publish(s.x.store->s, &own.plain, false),
			 0);
	assert_true(sk_whole(&s, &client, 1));
	pk_free(&own);
	sk_end(&s);
	host_stop(&h);
}

/* ---- two at once ---- */

struct both {
	struct sk *s;
	uint32_t slot;
	struct cdx_slot_got got;
	char why[CDX_MARKET_WHY_MAX];
	int rc;
};

static void *both_run(void *arg)
{
	const struct cdx_slot_run run = {.stall_ms = XK_MS};
	struct both *b = arg;

	b->rc = cdx_slot_obtain(&b->s->env, &client.data.verifiable, b->slot,
				NULL, &run, &b->got, b->why);
	return NULL;
}

static void two_at_once(void **state)
{
	struct sk s = {0};
	struct host h;
	struct both b[2] = {{.s = &s, .slot = 5}, {.s = &s, .slot = 5}};
	pthread_t thread[2];

	(void)state;
	host_start(&h, client.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, both_run, &b[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(b[i].rc, 0);
	assert_int_equal(b[0].got.fetched + b[1].got.fetched,
			 client.sl.g.steps);
	assert_int_equal(b[0].got.kept + b[1].got.kept, client.sl.g.steps);
	assert_true(sk_whole(&s, &client, 5));
	sk_end(&s);
	host_stop(&h);
}

/* Three workers of one host, all of whom want something of the same peer, who is
 * never idle */
static void three_slots_at_once(void **state)
{
	struct sk s = {0};
	struct host h;
	struct both b[3];
	pthread_t thread[3];

	(void)state;
	host_start(&h, client.t.s, HOST_HONEST);
	h.rate = 4u << 20;
	sk_start(&s);
	xk_know(&s.x, &h);
	for (unsigned i = 0; i < 3; i++) {
		b[i] = (struct both){.s = &s, .slot = i};
		assert_int_equal(
			pthread_create(&thread[i], NULL, both_run, &b[i]), 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(b[i].rc, 0);
		assert_true(sk_whole(&s, &client, i));
	}
	fsck_clean(&s);
	sk_end(&s);
	host_stop(&h);
}

/* ---- room ---- */

static void no_room(void **state)
{
	struct sk s = {0};
	struct host h;
	struct cdx_slot_got got;
	const struct cdx_slot_run run = {.stall_ms = XK_MS};
	struct tmp_store small;
	struct cdx_dataset_info info;

	(void)state;
	tmp_store_new(&small, 1u << 20);
	s.x.store = &small;
	host_start(&h, client.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h);
	assert_int_equal(cdx_slot_obtain(&s.env, &client.data.verifiable, 0,
					 NULL, &run, &got, s.why),
			 CDX_E_QUOTA);
	assert_false(sk_whole(&s, &client, 0));
	/* what was not begun is not left behind */
	assert_int_equal(cdx_dataset_info(small.s, &client.data.verifiable,
					  &info),
			 -ENOENT);
	sk_end(&s);
	host_stop(&h);
	tmp_store_free(&small);
}

/* ---- hosts among themselves ---- */

/* Three hold a slot each, and serve it as nodes do; the client goes, and then one of
 * them: a fourth makes the slot again from the others. */
static void repaired(void **state)
{
	struct sk_client c;
	struct sk s[4] = {0};
	struct host h;
	struct cdx_slot_got got;

	(void)state;
	sk_client_new(&c, &seed, 2, 1, 61);
	host_start(&h, c.t.s, HOST_HONEST);
	for (unsigned i = 0; i < 3; i++) {
		sk_start(&s[i]);
		xk_know(&s[i].x, &h);
		assert_int_equal(sk_obtain(&s[i], &c, i, &got), 0);
		sk_serve(&s[i]);
		s[3].x.peer[i] = s[i].addr;
	}
	host_stop(&h);
	sk_silence(&s[1]);
	s[3].x.n_peers = 3;
	sk_start(&s[3]);
	assert_int_equal(sk_obtain(&s[3], &c, 1, &got), 0);
	assert_true(sk_whole(&s[3], &c, 1));
	assert_true(xk_stats(&s[3].x).degraded > 0);
	for (unsigned i = 0; i < 4; i++)
		sk_end(&s[i]);
	sk_client_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_one),
		cmocka_unit_test(from_several),
		cmocka_unit_test(rebuilt_of_three),
		cmocka_unit_test(rebuilt_of_six),
		cmocka_unit_test(too_few),
		cmocka_unit_test(liars),
		cmocka_unit_test(only_liars),
		cmocka_unit_test(vanishing),
		cmocka_unit_test(resumed),
		cmocka_unit_test(private_blocks),
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(three_slots_at_once),
		cmocka_unit_test(no_room),
		cmocka_unit_test(repaired),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
