/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which period wants a proof of what: numbers that were computed elsewhere, and
 * which block's header it is (tests/market/challenge.c asks the contract). */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "chain_env.h"
#include "crypto/hash.h"
#include "fake_chain.h"
#include "market/challenge.h"

#define HEIGHT 300

/* python: (block % 256 + (period * product) % 256 + slot % 256) % 256 */
static const struct {
	const char *slot;
	uint64_t block;
	uint64_t period;
	uint8_t product;
	uint8_t pointer;
} pointers[] = {
	{"0000000000000000000000000000000000000000000000000000000000000000", 0,
	 0, 0, 0},
	{"00000000000000000000000000000000000000000000000000000000000000ff",
	 255, 255, 255, 255},
	{"00000000000000000000000000000000000000000000000000000000000001ff",
	 257, 1, 67, 67},
	{"d23f0824128b2f330c5c7fd0a6a3a4506513270e269e0d37f2a74de452e6b438",
	 105380810795, 40225327608, 67, 75},
	{"11e20b8f6b0d549b6f03675a1600a35a099950d836f675cc81e74ef5e8e25d94",
	 99817887524, 28136533710, 67, 162},
	{"953f48f1a09f76b5a170b33839263059f28c105d1fb17c2390c192cfd3ac94af",
	 68494888361, 41133343951, 1, 39},
	{"4a23d5962217beaddbc496cb8e81973e0becd7b03898d190f9ebdacc0cb1e29c",
	 156419011138, 6617195500, 255, 242},
	{"a38fd547923a736994e3bf911a61dbe22e44158bae97ba94d0eda82f8f6d0558",
	 408828793029, 34778199506, 67, 19},
	{"6d76b07e881ed162ae2eb1547f15052434b9b5df9e7769b10f4205b4907a70c3",
	 346935555864, 40654450448, 1, 235},
	{"3e7d1bfbc7a2ea20b2f14c942e05319acb5c74273f98e2774cbd87ad5c90a958",
	 631711757119, 35649298517, 1, 236},
	{"12bd4acefaecbd389be4bcfc49b64a0872e6cc3ababced2057ee05cde00902c7",
	 563147804432, 10385758440, 255, 239},
};

static void test_pointer(void **state)
{
	struct cdx_b32 slot;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(pointers); i++) {
		assert_int_equal(
			cdx_unhex(slot.b, sizeof(slot.b), pointers[i].slot), 0);
		assert_int_equal(cdx_challenge_pointer(&slot, pointers[i].block,
						       pointers[i].period,
						       pointers[i].product),
				 pointers[i].pointer);
	}
}

/* python: min(probability * (256 - downtime) // 256, 2**64 - 1) */
static const struct {
	const char *probability;
	uint8_t downtime;
	uint64_t odds;
} odds[] = {
	{"0", 64, 0},
	{"1", 64, 0},
	{"4", 64, 3},
	{"4", 0, 4},
	{"100", 64, 75},
	{"3", 16, 2},
	{"256", 255, 1},
	{"255", 255, 0},
	{"9223372036854775808", 128, UINT64_C(4611686018427387904)},
	{"18446744073709551616", 128, UINT64_C(9223372036854775808)},
	{"36893488147419103232", 128, UINT64_MAX},
	{"36893488147419103231", 128, UINT64_MAX},
	{"115792089237316195423570985008687907853269984665640564039457584007"
	 "913129639935",
	 0, UINT64_MAX},
	{"115792089237316195423570985008687907853269984665640564039457584007"
	 "913129639935",
	 255, UINT64_MAX},
};

static void test_probability(void **state)
{
	struct cdx_u256 v;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(odds); i++) {
		assert_int_equal(cdx_u256_parse(&v, odds[i].probability), 0);
		assert_true(cdx_challenge_probability(&v, odds[i].downtime) ==
			    odds[i].odds);
	}
}

/* ---- with headers ---- */

struct env {
	struct fake_chain chain;
	struct fake_node node;
	struct rpc_kit *kit;
	struct chain_env c;
	uint64_t oldest; /* to wait for */
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	fake_chain_start(&e->chain, HEIGHT);
	e->node.chain = &e->chain;
	e->kit = rpc_kit_start(fake_node_answer, &e->node);
	chain_env_start(&e->c, &e->kit, 1, 400);
	chain_env_head(&e->c, 5);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	chain_env_end(&e->c);
	rpc_kit_stop(e->kit);
	fake_chain_end(&e->chain);
	free(e);
	return 0;
}

static bool has_oldest(void *arg)
{
	struct env *e = arg;

	return cdx_head_latest(e->c.head) &&
	       cdx_head_block(e->c.head, e->oldest);
}

static const struct cdx_market_config config = {
	.period = 120, .downtime = 64, .downtime_product = 1};

static void until_kept(struct env *e, uint64_t number)
{
	e->oldest = number;
	loop_kit_until(&e->c.loop, has_oldest, e);
}

/* All headers of which dice are made */
static void deepen(struct env *e)
{
	until_kept(e, HEIGHT);
	cdx_head_deepen(e->c.head);
	until_kept(e, HEIGHT - 255);
}

/* A slot that has this pointer in period 0, in the block behind HEIGHT */
static struct cdx_b32 slot_of(unsigned pointer)
{
	struct cdx_b32 slot = {{0}};

	slot.b[31] = (uint8_t)(pointer - (HEIGHT + 1));
	return slot;
}

static struct cdx_challenge
dice(const struct env *e, const struct cdx_b32 *slot, uint64_t probability)
{
	struct cdx_challenge c;

	assert_int_equal(cdx_challenge_of(&c, e->c.head, &config, slot, 0,
					  probability),
			 0);
	return c;
}

/* All 256 blocks that may be meant, by the last byte of the slot's id */
static void test_blocks(void **state)
{
	struct env *e = *state;
	struct cdx_b32 slot = slot_of(255);
	struct cdx_challenge c;
	struct cdx_u256 number;
	uint64_t rest;
	uint8_t want[32];
	unsigned rolled = 0;

	until_kept(e, HEIGHT);
	assert_int_equal(cdx_challenge_of(&c, e->c.head, &config, &slot, 0, 1),
			 -ENODATA);
	deepen(e);
	for (unsigned pointer = 0; pointer < 256; pointer++) {
		const struct cdx_block *b =
			cdx_head_block(e->c.head, HEIGHT - pointer);

		slot = slot_of(pointer);
		c = dice(e, &slot, 3);
		assert_int_equal(c.pointer, pointer);
		assert_int_equal(c.downtime, pointer < 64);
		cdx_keccak256(want, b->hash.b, sizeof(b->hash.b));
		assert_memory_equal(c.challenge.b, want, sizeof(want));
		number = cdx_u256_from_be(want);
		(void)cdx_u256_div_u64(&number, 3, &rest);
		assert_int_equal(c.rolled, rest == 0);
		rolled += c.rolled;
		/* none is left out */
		assert_true(dice(e, &slot, 0).rolled);
	}
	assert_true(rolled > 256 / 6 && rolled < 256 * 2 / 3);
}

/* The block that is meant stays while blocks come, until the pointer wraps. */
static void test_stays(void **state)
{
	struct env *e = *state;
	const struct cdx_b32 slot = slot_of(254);
	struct cdx_challenge before;
	struct cdx_challenge c;

	deepen(e);
	before = dice(e, &slot, 0);
	fake_chain_grow(&e->chain, 1);
	until_kept(e, HEIGHT + 1);
	c = dice(e, &slot, 0);
	assert_int_equal(c.pointer, 255);
	assert_memory_equal(&c.challenge, &before.challenge,
			    sizeof(c.challenge));
	fake_chain_grow(&e->chain, 1);
	until_kept(e, HEIGHT + 2);
	c = dice(e, &slot, 0);
	assert_int_equal(c.pointer, 0);
	assert_true(memcmp(&c.challenge, &before.challenge,
			   sizeof(c.challenge)) != 0);
}

/* What cannot be read does not keep the newest block from being known. */
static void test_forgotten(void **state)
{
	struct env *e = *state;

	fake_chain_lock(&e->chain);
	e->node.forgotten = 200;
	fake_chain_unlock(&e->chain);
	until_kept(e, HEIGHT);
	cdx_head_deepen(e->c.head);
	for (unsigned i = 1; i <= 3; i++) {
		fake_chain_grow(&e->chain, 1);
		until_kept(e, HEIGHT + i);
	}
	assert_null(cdx_head_block(e->c.head, 150));
	fake_chain_lock(&e->chain);
	e->node.forgotten = 0;
	fake_chain_unlock(&e->chain);
	until_kept(e, HEIGHT + 3 - 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_probability),
		cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("market/challenge", tests, NULL,
					   NULL);
}
