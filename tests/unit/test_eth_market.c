/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/abi.h"
#include "eth/market.h"
#include "eth/revert.h"
#include "tests/unit/market_kit.h"
#include "tests/unit/seed.h"

/* The marketplace's values: ids, amounts, what the contract would refuse,
 * events.  Vectors: spec/marketplace.md, whose were made with the
 * compiled contract of Codex and with ethers. */

static void unhex32(uint8_t out[32], const char *hex)
{
	assert_int_equal(cdx_unhex(out, 32, hex), 0);
}

static void test_ids(void **state)
{
	static const struct {
		uint64_t index;
		const char *id;
	} slots[] = {
		{0, "951c0c64e38e8d59e0d47cb3a163aca3"
		    "8663126bb7d198ad0dd1dbf0ac366d34"},
		{1, "aa5ce3bb0c427bd1c84c1b046789b843"
		    "f375c232d822512507a9a3be9c2887ba"},
		{3, "3bcefe2c87127d81718be89dca060341"
		    "ade6903791ac9c4bc39018fc76fb46f0"},
	};
	struct cdx_storage_request r = mk_vector();
	struct cdx_buf b = {.p = NULL};
	struct cdx_b32 id;
	struct cdx_b32 slot;
	uint8_t want[32];

	(void)state;
	assert_int_equal(cdx_storage_request_encode(&b, &r), 0);
	assert_int_equal(b.len, 544);
	cdx_buf_free(&b);
	assert_int_equal(cdx_request_id(&id, &r), 0);
	unhex32(want, "886a54d99c188e79791b1b6223c7eb54"
		      "623f11b6f1b14f5b809192b94af274e5");
	assert_memory_equal(id.b, want, 32);
	for (size_t i = 0; i < CDX_ARRAY_LEN(slots); i++) {
		cdx_slot_id(&slot, &id, slots[i].index);
		unhex32(want, slots[i].id);
		assert_memory_equal(slot.b, want, 32);
	}
	r.cid_len = sizeof(r.cid) + 1;
	assert_int_equal(cdx_request_id(&id, &r), -EINVAL);
}

/* spec/marketplace.md 1.4; the token's are those of every ERC-20 (EIP-20) */
static void test_topics(void **state)
{
	static const char *const topics[] = {
		[CDX_EVENT_STORAGE_REQUESTED] =
			"1bf9c457accf8703dbf7cdf1b58c2f74"
			"ddf2e525f98155c70b3d318d74609bd8",
		[CDX_EVENT_REQUEST_FULFILLED] =
			"85e1543bf2f84fe80c6badbce3648c85"
			"39ad1df4d2b3d822938ca0538be727e6",
		[CDX_EVENT_REQUEST_CANCELLED] =
			"f903f4774c7bd27355f9d7fcbc382b07"
			"9b164a697a44ac5d95267a4c3cb3bb22",
		[CDX_EVENT_REQUEST_FAILED] = "4769361a442504ecaf038f35e119bccc"
					     "dd5e42096b24c09e3c17fd17c6684c02",
		[CDX_EVENT_SLOT_FILLED] = "8f301470a994578b52323d625dfbf827"
					  "ca5208c81747d3459be7b8867baec3ec",
		[CDX_EVENT_SLOT_FREED] = "33ba8f7627565d89f7ada2a6b81ea532"
					 "b7aa9b11e91a78312d6e1fca0bfcd1dc",
		[CDX_EVENT_SLOT_RESERVATIONS_FULL] =
			"c8e6c955744189a19222ec226b72ac14"
			"35d88d5745252dac56e6f679f64c037a",
		[CDX_EVENT_PROOF_SUBMITTED] =
			"3b989d183b84b02259d7c14b34a9c9eb"
			"0fccb4c355a920d25e581e25aef4993d",
		[CDX_EVENT_TRANSFER] = "ddf252ad1be2c89b69c2b068fc378daa"
				       "952ba7f163c4a11628f55a4df523b3ef",
		[CDX_EVENT_APPROVAL] = "8c5be1e5ebec7d5bd14f71427d1e84f3"
				       "dd0314c0f7b2291e5b200ac8c7c3b925",
	};
	struct cdx_b32 topic;
	uint8_t want[32];

	(void)state;
	for (unsigned i = 0; i < CDX_ARRAY_LEN(topics); i++) {
		assert_non_null(cdx_market_event_signature(i));
		if (!topics[i])
			continue; /* ours; the ABI is compared on a chain */
		cdx_market_event_topic(&topic, (enum cdx_market_event_kind)i);
		unhex32(want, topics[i]);
		assert_memory_equal(topic.b, want, 32);
	}
	assert_null(cdx_market_event_signature(CDX_ARRAY_LEN(topics)));
}

static void assert_u256(const struct cdx_u256 *a, const char *decimal)
{
	char text[CDX_U256_TEXT_MAX];

	cdx_u256_dec(text, a);
	assert_string_equal(text, decimal);
}

static void test_amounts(void **state)
{
	struct cdx_ask a = mk_vector().ask;
	struct cdx_u256 v;

	(void)state;
	a.price = cdx_u256_of(3);
	a.collateral = cdx_u256_of(5);
	assert_int_equal(cdx_ask_slot_price(&v, &a), 0);
	assert_u256(&v, "3221225472");
	assert_int_equal(cdx_ask_slot_collateral(&v, &a), 0);
	assert_u256(&v, "5368709120");
	assert_int_equal(cdx_ask_max_price(&v, &a), 0);
	assert_u256(&v, "463856467968000");

	a.price = cdx_u256_max;
	a.slot_size = 1;
	assert_int_equal(cdx_ask_slot_price(&v, &a), 0);
	assert_int_equal(cdx_ask_max_price(&v, &a), -ERANGE);
	a.slot_size = 2;
	assert_int_equal(cdx_ask_slot_price(&v, &a), -ERANGE);
	a.collateral = cdx_u256_max;
	assert_int_equal(cdx_ask_slot_collateral(&v, &a), -ERANGE);
}

/* ---- what the contract would refuse ---- */

/* Of two faults the earlier one is told, whichever they are */
static void test_check(void **state)
{
	const uint64_t limit = 36000;
	const struct cdx_storage_request good = mk_vector();
	struct cdx_storage_request r;

	(void)state;
	assert_int_equal(cdx_storage_request_check(&good, &good.client, limit),
			 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(mk_refusals); i++) {
		for (size_t j = i; j < CDX_ARRAY_LEN(mk_refusals); j++) {
			r = good;
			/* the earlier fault last: it may overwrite the later */
			mk_refusals[j].spoil(&r, limit);
			if (i != j)
				mk_refusals[i].spoil(&r, limit);
			assert_int_equal(cdx_storage_request_check(
						 &r, &good.client, limit),
					 mk_refusals[i].code);
		}
	}
}

static void test_check_bounds(void **state)
{
	const struct cdx_storage_request good = mk_vector();
	struct cdx_storage_request r = good;

	(void)state;
	r.expiry = 0;
	assert_int_equal(cdx_storage_request_check(&r, &r.client, UINT64_MAX),
			 CDX_REVERT_INVALID_EXPIRY);
	r.expiry = r.ask.duration - 1;
	assert_int_equal(cdx_storage_request_check(&r, &r.client, 36000), 0);
	/* no duration is no expiry either */
	r.ask.duration = 0;
	assert_int_equal(cdx_storage_request_check(&r, &r.client, 36000),
			 CDX_REVERT_INVALID_EXPIRY);
	r = good;
	r.ask.max_slot_loss = r.ask.slots;
	assert_int_equal(cdx_storage_request_check(&r, &r.client, 36000), 0);
	r.ask.max_slot_loss = r.ask.slots + 1;
	assert_int_equal(cdx_storage_request_check(&r, &r.client, 36000),
			 CDX_REVERT_INVALID_MAX_SLOT_LOSS);
	r = good;
	r.ask.slots = 0xffffff;
	assert_int_equal(cdx_storage_request_check(&r, &r.client, 36000), 0);
	/* the collateral of all slots together has to fit */
	r = good;
	r.ask.slot_size = 1;
	r.ask.collateral = cdx_u256_div_u64(&cdx_u256_max, 4, NULL);
	assert_int_equal(cdx_storage_request_check(&r, &r.client, 36000), 0);
	assert_int_equal(cdx_u256_add(&r.ask.collateral, &r.ask.collateral,
				      &r.ask.proof_probability),
			 0);
	assert_int_equal(cdx_storage_request_check(&r, &r.client, 36000),
			 CDX_REVERT_COLLATERAL_TOO_HIGH);
}

/* ---- events ---- */

/* A log of an event of one request and an index */
static struct cdx_chain_log log_of(enum cdx_market_event_kind kind,
				   unsigned topics, const uint8_t *data,
				   size_t len)
{
	struct cdx_chain_log l = {.n_topics = topics, .data = data, .len = len};

	cdx_market_event_topic(&l.topics[0], kind);
	for (unsigned i = 1; i < topics; i++)
		memset(l.topics[i].b + 12, (int)(0xa0 + i), 20);
	return l;
}

static void test_requested(void **state)
{
	struct seed s = seed_start("eth_market events");
	struct cdx_market_event e;
	struct cdx_chain_log l;
	struct cdx_ask ask = mk_any_ask(&s);
	struct cdx_buf b = {.p = NULL};
	struct cdx_b32 id;
	struct cdx_abi w;

	(void)state;
	seed_fill(&s, id.b, sizeof(id.b));
	cdx_abi_begin(&w, 9);
	cdx_abi_b32(&w, id.b);
	cdx_abi_u256(&w, &ask.proof_probability);
	cdx_abi_u256(&w, &ask.price);
	cdx_abi_u256(&w, &ask.collateral);
	cdx_abi_u64(&w, ask.slots);
	cdx_abi_u64(&w, ask.slot_size);
	cdx_abi_u64(&w, ask.duration);
	cdx_abi_u64(&w, ask.max_slot_loss);
	cdx_abi_u64(&w, 1900000000);
	assert_int_equal(cdx_abi_end(&w, &b), 0);
	l = log_of(CDX_EVENT_STORAGE_REQUESTED, 1, b.p, b.len);
	assert_int_equal(cdx_market_event_decode(&e, &l), 0);
	assert_int_equal(e.kind, CDX_EVENT_STORAGE_REQUESTED);
	assert_memory_equal(e.request.b, id.b, 32);
	mk_same_ask(&e.ask, &ask);
	assert_true(e.expiry == 1900000000);
	b.p[8 * 32] = 1;
	assert_int_equal(cdx_market_event_decode(&e, &l), CDX_E_FORMAT);
	cdx_buf_free(&b);
}

/* How many topics and words of data each of the others has: spec/marketplace.md
 * 1.4; docs/CHAIN.md; EIP-20 */
static const struct {
	enum cdx_market_event_kind kind;
	unsigned topics;
	size_t words;
} shapes[] = {
	{CDX_EVENT_REQUEST_FULFILLED, 2, 0},
	{CDX_EVENT_REQUEST_CANCELLED, 2, 0},
	{CDX_EVENT_REQUEST_FAILED, 2, 0},
	{CDX_EVENT_SLOT_FILLED, 2, 1},
	{CDX_EVENT_SLOT_FREED, 2, 1},
	{CDX_EVENT_SLOT_RESERVATIONS_FULL, 2, 1},
	{CDX_EVENT_PROOF_SUBMITTED, 1, 1},
	{CDX_EVENT_PROOF_SUBMITTER_SET, 3, 0},
	{CDX_EVENT_TRANSFER, 3, 1},
	{CDX_EVENT_APPROVAL, 3, 1},
};

static void check_members(const struct cdx_market_event *e, unsigned topics)
{
	uint8_t a1[20];
	uint8_t a2[20];

	memset(a1, 0xa1, sizeof(a1));
	memset(a2, 0xa2, sizeof(a2));
	if (topics == 2)
		assert_memory_equal(e->request.b + 12, a1, 20);
	if (topics == 3) {
		assert_memory_equal(e->from.b, a1, 20);
		assert_memory_equal(e->to.b, a2, 20);
	}
	if (e->kind == CDX_EVENT_SLOT_FILLED ||
	    e->kind == CDX_EVENT_SLOT_FREED ||
	    e->kind == CDX_EVENT_SLOT_RESERVATIONS_FULL)
		assert_true(e->slot_index == 0x0102);
	if (e->kind == CDX_EVENT_TRANSFER || e->kind == CDX_EVENT_APPROVAL)
		assert_u256(&e->value, "258");
	if (e->kind == CDX_EVENT_PROOF_SUBMITTED)
		assert_int_equal(e->slot.b[30], 1);
}

static void test_events(void **state)
{
	static uint8_t data[64] = {[30] = 1, [31] = 2};
	struct cdx_market_event e;
	struct cdx_chain_log l;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(shapes); i++) {
		unsigned topics = shapes[i].topics;
		size_t len = shapes[i].words * 32;

		l = log_of(shapes[i].kind, topics, data, len);
		assert_int_equal(cdx_market_event_decode(&e, &l), 0);
		assert_int_equal(e.kind, shapes[i].kind);
		check_members(&e, topics);
		/* a topic or a word more or less */
		l.n_topics = topics + 1;
		assert_int_equal(cdx_market_event_decode(&e, &l), CDX_E_FORMAT);
		l.n_topics = topics;
		l.len = len + 32;
		assert_int_equal(cdx_market_event_decode(&e, &l), CDX_E_FORMAT);
		if (len > 0) {
			l.len = len - 1;
			assert_int_equal(cdx_market_event_decode(&e, &l),
					 CDX_E_FORMAT);
		}
		l = log_of(shapes[i].kind, topics, data, len);
		l.topics[0].b[31] ^= 1;
		assert_int_equal(cdx_market_event_decode(&e, &l), -ENOENT);
	}
	/* an address of 21 bytes in a topic */
	l = log_of(CDX_EVENT_TRANSFER, 3, data, 32);
	l.topics[2].b[11] = 1;
	assert_int_equal(cdx_market_event_decode(&e, &l), CDX_E_FORMAT);
	/* anonymous, and more topics than there are */
	l.n_topics = 0;
	assert_int_equal(cdx_market_event_decode(&e, &l), -ENOENT);
	l.n_topics = 5;
	assert_int_equal(cdx_market_event_decode(&e, &l), -ENOENT);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(cdx_request_state_name(CDX_REQUEST_NEW), "new");
	assert_string_equal(cdx_request_state_name(CDX_REQUEST_FAILED),
			    "failed");
	assert_string_equal(cdx_request_state_name(5), "unknown");
	assert_string_equal(cdx_slot_state_name(CDX_SLOT_FREE), "free");
	assert_string_equal(cdx_slot_state_name(CDX_SLOT_REPAIR), "repair");
	assert_string_equal(cdx_slot_state_name(7), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_topics),
		cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_bounds),
		cmocka_unit_test(test_requested),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
