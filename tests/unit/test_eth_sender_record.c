/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "eth/persist.h"
#include "eth/sender_internal.h"
#include "tests/unit/seed.h"

/* The sender's pure parts: records, fees, what refusals mean */

/* ---- records ---- */

static void fill_text(struct seed *s, char *out, size_t cap)
{
	size_t len = seed_below(s, cap);

	for (size_t i = 0; i < len; i++)
		out[i] = (char)(0x20 + seed_below(s, 0x5f));
	out[len] = 0;
}

static void fill_end(struct seed *s, struct cdx_send_rec *rec)
{
	struct cdx_send_end *end = calloc(1, sizeof(*end));

	assert_non_null(end);
	rec->end = end;
	end->err = -(int)seed_below(s, 5000);
	end->at = (int64_t)seed_u64(s);
	end->why.code =
		(enum cdx_revert_code)seed_below(s, CDX_REVERT_UNKNOWN + 1);
	fill_text(s, end->why.words, sizeof(end->why.words));
	if (seed_below(s, 3) == 0) {
		end->why.code = CDX_REVERT_SLOT_NOT_FREE;
		snprintf(end->why.name, sizeof(end->why.name),
			 "Marketplace_SlotNotFree");
	}
	if (seed_below(s, 2))
		return;
	end->has_sent = true;
	seed_fill(s, &end->sent.hash, sizeof(end->sent.hash));
	seed_fill(s, &end->sent.block_hash, sizeof(end->sent.block_hash));
	seed_fill(s, &end->sent.contract, sizeof(end->sent.contract));
	seed_fill(s, &end->sent.gas_price, sizeof(end->sent.gas_price));
	end->sent.nonce = seed_u64(s);
	end->sent.block = seed_u64(s);
	end->sent.gas_used = seed_u64(s);
	end->sent.replaced = (unsigned)seed_below(s, 48);
	end->n_logs = seed_below(s, 4);
	end->logs = calloc(4, sizeof(*end->logs));
	assert_non_null(end->logs);
	for (size_t i = 0; i < end->n_logs; i++) {
		struct cdx_chain_log *log = &end->logs[i];
		uint8_t *data;

		log->n_topics = (unsigned)seed_below(s, 5);
		seed_fill(s, log->topics, log->n_topics * 32);
		seed_fill(s, &log->contract, sizeof(log->contract));
		log->index = seed_u64(s);
		log->len = seed_below(s, 100);
		data = cdx_buf_extend(&end->data, log->len);
		if (log->len)
			seed_fill(s, data, log->len);
	}
	cdx_send_end_settle(end);
}

static struct cdx_send_rec *random_rec(struct seed *s)
{
	struct cdx_send_rec *rec = calloc(1, sizeof(*rec));
	size_t len = seed_below(s, 300);
	uint8_t *data;

	assert_non_null(rec);
	cdx_list_init(&rec->waiters);
	rec->chain_id = 1 + seed_below(s, 100000);
	rec->has_nonce = true;
	rec->nonce = seed_u64(s);
	rec->gas = seed_u64(s);
	rec->gas_num = 1 + (uint32_t)seed_below(s, 10);
	rec->gas_den = 1 + (uint32_t)seed_below(s, 10);
	rec->deadline = (int64_t)seed_u64(s);
	rec->create = seed_below(s, 2);
	rec->filler = seed_below(s, 2);
	rec->given_up = seed_below(s, 2);
	seed_fill(s, &rec->to, sizeof(rec->to));
	seed_fill(s, &rec->value, sizeof(rec->value));
	seed_fill(s, &rec->stake, sizeof(rec->stake));
	fill_text(s, rec->tag, sizeof(rec->tag));
	data = cdx_buf_extend(&rec->data, len);
	if (len)
		seed_fill(s, data, len);
	rec->n_versions = 1 + (unsigned)seed_below(s, CDX_SEND_VERSIONS_MAX);
	for (unsigned i = 0; i < rec->n_versions; i++) {
		struct cdx_version *v = &rec->versions[i];

		v->empty = seed_below(s, 2);
		v->fees.legacy = seed_below(s, 2);
		seed_fill(s, &v->fees.cap, sizeof(v->fees.cap));
		seed_fill(s, &v->fees.tip, sizeof(v->fees.tip));
		seed_fill(s, &v->hash, sizeof(v->hash));
	}
	if (seed_below(s, 2))
		fill_end(s, rec);
	return rec;
}

static void same_end(const struct cdx_send_end *a, const struct cdx_send_end *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (!a)
		return;
	assert_int_equal(a->err, b->err);
	assert_int_equal(a->at, b->at);
	assert_int_equal(a->why.code, b->why.code);
	assert_string_equal(a->why.words, b->why.words);
	assert_int_equal(a->has_sent, b->has_sent);
	assert_int_equal(a->sent.n_logs, b->sent.n_logs);
	for (size_t i = 0; i < a->n_logs; i++) {
		assert_int_equal(a->logs[i].len, b->logs[i].len);
		if (a->logs[i].len)
			assert_memory_equal(a->logs[i].data, b->logs[i].data,
					    a->logs[i].len);
		assert_memory_equal(a->logs[i].topics, b->logs[i].topics,
				    sizeof(a->logs[i].topics));
		assert_memory_equal(&b->logs[i].tx, &b->sent.hash, 32);
	}
}

/* Encoded, decoded and encoded again it is the same; cut short it is nothing. */
static void test_records(void **state)
{
	struct seed s = seed_start("records");

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct cdx_send_rec *rec = random_rec(&s);
		struct cdx_send_rec *back = calloc(1, sizeof(*back));
		struct cdx_send_rec *cut = calloc(1, sizeof(*cut));
		struct cdx_buf a = {0};
		struct cdx_buf b = {0};

		assert_non_null(back);
		assert_non_null(cut);
		cdx_list_init(&back->waiters);
		cdx_list_init(&cut->waiters);
		assert_int_equal(cdx_send_rec_encode(&a, rec), 0);
		assert_int_equal(cdx_send_rec_decode(back, a.p, a.len), 0);
		assert_int_equal(back->state, rec->state);
		assert_string_equal(back->tag, rec->tag);
		same_end(rec->end, back->end);
		assert_int_equal(cdx_send_rec_encode(&b, back), 0);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.p, b.p, a.len);
		assert_int_equal(cdx_send_rec_decode(cut, a.p,
						     seed_below(&s, a.len)),
				 CDX_E_CORRUPT);
		cdx_buf_free(&a);
		cdx_buf_free(&b);
		cdx_send_rec_dispose(rec);
		cdx_send_rec_dispose(back);
		cdx_send_rec_dispose(cut);
	}
}

/* Logs that do not fit into a value are left out. */
static void test_long_logs(void **state)
{
	struct cdx_send_rec *rec = calloc(1, sizeof(*rec));
	struct cdx_send_rec *back = calloc(1, sizeof(*back));
	struct cdx_send_end *end = calloc(1, sizeof(*end));
	struct cdx_buf b = {0};

	(void)state;
	assert_non_null(rec);
	assert_non_null(back);
	assert_non_null(end);
	cdx_list_init(&rec->waiters);
	cdx_list_init(&back->waiters);
	rec->gas_num = rec->gas_den = 1;
	rec->end = end;
	end->has_sent = true;
	end->logs = calloc(1, sizeof(*end->logs));
	assert_non_null(end->logs);
	end->n_logs = 1;
	end->logs[0].len = CDX_PERSIST_VAL_MAX;
	assert_non_null(cdx_buf_extend(&end->data, CDX_PERSIST_VAL_MAX));
	memset(end->data.p, 1, end->data.len);
	cdx_send_end_settle(end);
	assert_int_equal(cdx_send_rec_encode(&b, rec), 0);
	assert_true(b.len <= CDX_PERSIST_VAL_MAX);
	assert_int_equal(cdx_send_rec_decode(back, b.p, b.len), 0);
	assert_int_equal(back->end->n_logs, 0);
	cdx_buf_free(&b);
	cdx_send_rec_dispose(rec);
	cdx_send_rec_dispose(back);
}

/* ---- fees ---- */

static struct cdx_u256 gwei(uint64_t n)
{
	return cdx_u256_of(n * UINT64_C(1000000000));
}

static bool below(const struct cdx_u256 *a, const struct cdx_u256 *b)
{
	return cdx_u256_cmp(a, b) < 0;
}

static void test_first_fees(void **state)
{
	struct cdx_prices now = {.base = gwei(10), .tip = gwei(1)};
	struct cdx_u256 limit = gwei(100);
	struct cdx_fees fees;

	(void)state;
	assert_int_equal(cdx_fees_first(&fees, &now, &limit), 0);
	assert_int_equal(fees.cap.v[0], gwei(21).v[0]);
	assert_int_equal(fees.tip.v[0], gwei(1).v[0]);
	limit = gwei(10);
	assert_int_equal(cdx_fees_first(&fees, &now, &limit), 0);
	assert_int_equal(fees.cap.v[0], gwei(10).v[0]);
	limit = gwei(9);
	assert_int_equal(cdx_fees_first(&fees, &now, &limit), -ENOBUFS);
	/* base fees of 2^256 - 1 do not wrap */
	now.base = cdx_u256_max;
	limit = cdx_u256_max;
	assert_int_equal(cdx_fees_first(&fees, &now, &limit), 0);
	assert_int_equal(cdx_u256_cmp(&fees.cap, &cdx_u256_max), 0);
	now = (struct cdx_prices){.legacy = true, .suggested = gwei(3)};
	limit = gwei(3);
	assert_int_equal(cdx_fees_first(&fees, &now, &limit), 0);
	assert_true(fees.legacy);
	assert_int_equal(fees.cap.v[0], gwei(3).v[0]);
	limit = gwei(2);
	assert_int_equal(cdx_fees_first(&fees, &now, &limit), -ENOBUFS);
}

/* Whatever the prices: at least an eighth more of both, tip not above cap, cap
 * not above the limit, and enough for the base fee where the limit allows it */
static void test_raised_fees(void **state)
{
	struct seed s = seed_start("raised fees");
	unsigned raised = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct cdx_prices now = {
			.base = cdx_u256_of(seed_u64(&s) >> seed_below(&s, 64)),
			.suggested =
				cdx_u256_of(seed_u64(&s) >> seed_below(&s, 64)),
		};
		struct cdx_u256 limit =
			cdx_u256_of(seed_u64(&s) >> seed_below(&s, 64));
		struct cdx_fees old = {
			.cap = cdx_u256_of(seed_u64(&s) >> seed_below(&s, 64)),
		};
		struct cdx_fees fees;
		struct cdx_u256 least;
		int rc;

		old.tip =
			cdx_u256_of(seed_below(&s, (size_t)(old.cap.v[0] | 1)));
		if (seed_below(&s, 50) == 0)
			limit = cdx_u256_max;
		rc = cdx_fees_raise(&fees, &old, &now, &limit);
		assert_int_equal(cdx_u256_scale(&least, &old.cap, 1125, 1000),
				 0);
		if (rc < 0) {
			struct cdx_u256 one = cdx_u256_of(2);

			assert_int_equal(cdx_u256_add(&least, &least, &one), 0);
			assert_true(below(&limit, &least));
			continue;
		}
		raised++;
		assert_false(below(&fees.cap, &least));
		assert_false(below(&limit, &fees.cap));
		assert_false(below(&fees.cap, &fees.tip));
		assert_int_equal(cdx_u256_scale(&least, &old.tip, 1125, 1000),
				 0);
		assert_false(below(&fees.tip, &least));
		assert_true(cdx_u256_cmp(&old.tip, &fees.tip) < 0);
		if (!below(&limit, &now.base))
			assert_true(cdx_fees_enough(&fees, &now));
	}
	assert_true(raised > 1000);
}

static void test_limits(void **state)
{
	struct cdx_u256 max_fee = gwei(200);
	struct cdx_u256 stake = cdx_u256_of(0);
	struct cdx_u256 limit;

	(void)state;
	cdx_fees_limit(&limit, &max_fee, &stake, 50000);
	assert_int_equal(limit.v[0], gwei(200).v[0]);
	stake = cdx_u256_of(UINT64_C(1000000000000000000));
	cdx_fees_limit(&limit, &max_fee, &stake, 50000);
	assert_int_equal(limit.v[0], gwei(20000).v[0]);
	cdx_fees_limit(&limit, &max_fee, &stake, 0);
	assert_int_equal(limit.v[0], gwei(200).v[0]);
}

/* ---- refusals ---- */

/* Messages of geth 1.15 (core/txpool/errors.go, core/error.go), anvil 1.7.1
 * (tried in tests/chain/sender.sh), Nethermind's AcceptTxResult, Besu's
 * TransactionInvalidReason */
static void test_refusals(void **state)
{
	static const struct {
		const char *message;
		enum cdx_refusal kind;
	} cases[] = {
		{"already known", CDX_REFUSED_KNOWN},
		{"AlreadyKnown", CDX_REFUSED_KNOWN},
		{"transaction already imported", CDX_REFUSED_KNOWN},
		{"Known transaction", CDX_REFUSED_KNOWN},
		{"nonce too low: next nonce 7, tx nonce 5",
		 CDX_REFUSED_NONCE_LOW},
		{"OldNonce, Current nonce: 7, nonce of rejected tx: 5",
		 CDX_REFUSED_NONCE_LOW},
		{"nonce too high", CDX_REFUSED_NONCE_HIGH},
		{"Transaction nonce is too distant from next",
		 CDX_REFUSED_NONCE_HIGH},
		{"replacement transaction underpriced", CDX_REFUSED_OTHER},
		{"ReplacementNotAllowed", CDX_REFUSED_OTHER},
		{"transaction underpriced: gas tip cap 1", CDX_REFUSED_PRICE},
		{"max fee per gas less than block base fee: address 0x",
		 CDX_REFUSED_PRICE},
		{"FeeTooLow, MaxFeePerGas too low", CDX_REFUSED_PRICE},
		{"Gas price below configured minimum gas price",
		 CDX_REFUSED_PRICE},
		{"insufficient funds for gas * price + value: balance 0",
		 CDX_REFUSED_FUNDS},
		{"InsufficientFunds, Balance is 0", CDX_REFUSED_FUNDS},
		{"Upfront cost exceeds account balance", CDX_REFUSED_FUNDS},
		{"intrinsic gas too low: gas 20000, minimum needed 21000",
		 CDX_REFUSED_GAS},
		{"Intrinsic gas exceeds gas limit", CDX_REFUSED_GAS},
		{"exceeds block gas limit", CDX_REFUSED_BLOCK_GAS},
		{"Transaction gas limit too high", CDX_REFUSED_BLOCK_GAS},
		{"txpool is full", CDX_REFUSED_LATER},
		{"a goose has eaten it", CDX_REFUSED},
		{"", CDX_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		struct cdx_revert why;

		assert_int_equal(cdx_refusal_of(cases[i].message),
				 cases[i].kind);
		cdx_refusal_words(&why, cases[i].kind, cases[i].message);
		assert_non_null(strstr(why.words, cases[i].message));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_long_logs),
		cmocka_unit_test(test_first_fees),
		cmocka_unit_test(test_raised_fees),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
