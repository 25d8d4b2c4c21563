/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "eth/revert.h"
#include "tests/unit/seed.h"

/* Signatures of every error: spec/marketplace.md 1.5, ERC-6093 for the token's,
 * docs/CHAIN.md and src/contracts for ours */
static const struct {
	enum cdx_revert_code code;
	const char *signature;
} errors[] = {
	{CDX_REVERT_ALREADY_PAID, "Marketplace_AlreadyPaid()"},
	{CDX_REVERT_DURATION_EXCEEDS_LIMIT,
	 "Marketplace_DurationExceedsLimit()"},
	{CDX_REVERT_INSUFFICIENT_COLLATERAL,
	 "Marketplace_InsufficientCollateral()"},
	{CDX_REVERT_INSUFFICIENT_DURATION,
	 "Marketplace_InsufficientDuration()"},
	{CDX_REVERT_INSUFFICIENT_PROOF_PROBABILITY,
	 "Marketplace_InsufficientProofProbability()"},
	{CDX_REVERT_INSUFFICIENT_REWARD, "Marketplace_InsufficientReward()"},
	{CDX_REVERT_INSUFFICIENT_SLOTS, "Marketplace_InsufficientSlots()"},
	{CDX_REVERT_INSUFFICIENT_SLOT_SIZE,
	 "Marketplace_InsufficientSlotSize()"},
	{CDX_REVERT_INVALID_CID, "Marketplace_InvalidCid()"},
	{CDX_REVERT_INVALID_CLIENT_ADDRESS,
	 "Marketplace_InvalidClientAddress()"},
	{CDX_REVERT_INVALID_EXPIRY, "Marketplace_InvalidExpiry()"},
	{CDX_REVERT_INVALID_MAX_SLOT_LOSS, "Marketplace_InvalidMaxSlotLoss()"},
	{CDX_REVERT_INVALID_SLOT, "Marketplace_InvalidSlot()"},
	{CDX_REVERT_INVALID_SLOT_HOST, "Marketplace_InvalidSlotHost()"},
	{CDX_REVERT_INVALID_STATE, "Marketplace_InvalidState()"},
	{CDX_REVERT_MAXIMUM_SLASHING_TOO_HIGH,
	 "Marketplace_MaximumSlashingTooHigh()"},
	{CDX_REVERT_NOTHING_TO_WITHDRAW, "Marketplace_NothingToWithdraw()"},
	{CDX_REVERT_PROOF_NOT_SUBMITTED_BY_HOST,
	 "Marketplace_ProofNotSubmittedByHost()"},
	{CDX_REVERT_REPAIR_REWARD_PERCENTAGE_TOO_HIGH,
	 "Marketplace_RepairRewardPercentageTooHigh()"},
	{CDX_REVERT_REQUEST_ALREADY_EXISTS,
	 "Marketplace_RequestAlreadyExists()"},
	{CDX_REVERT_RESERVATION_REQUIRED, "Marketplace_ReservationRequired()"},
	{CDX_REVERT_SLASH_PERCENTAGE_TOO_HIGH,
	 "Marketplace_SlashPercentageTooHigh()"},
	{CDX_REVERT_SLOT_IS_FREE, "Marketplace_SlotIsFree()"},
	{CDX_REVERT_SLOT_NOT_ACCEPTING_PROOFS,
	 "Marketplace_SlotNotAcceptingProofs()"},
	{CDX_REVERT_SLOT_NOT_FREE, "Marketplace_SlotNotFree()"},
	{CDX_REVERT_START_NOT_BEFORE_EXPIRY,
	 "Marketplace_StartNotBeforeExpiry()"},
	{CDX_REVERT_TRANSFER_FAILED, "Marketplace_TransferFailed()"},
	{CDX_REVERT_UNKNOWN_REQUEST, "Marketplace_UnknownRequest()"},
	{CDX_REVERT_VALIDATOR_REWARD_PERCENTAGE_TOO_HIGH,
	 "Marketplace_ValidatorRewardPercentageTooHigh()"},
	{CDX_REVERT_REWARDS_EXCEED_COLLATERAL,
	 "Marketplace_RewardsExceedCollateral()"},
	{CDX_REVERT_TOO_MANY_SLOTS, "Marketplace_TooManySlots()"},
	{CDX_REVERT_COLLATERAL_TOO_HIGH, "Marketplace_CollateralTooHigh()"},
	{CDX_REVERT_PRICE_TOO_HIGH, "Marketplace_PriceTooHigh()"},
	{CDX_REVERT_INSUFFICIENT_BLOCK_HEIGHT,
	 "Proofs_InsufficientBlockHeight()"},
	{CDX_REVERT_INVALID_PROOF, "Proofs_InvalidProof()"},
	{CDX_REVERT_PERIOD_NOT_ENDED, "Proofs_PeriodNotEnded()"},
	{CDX_REVERT_PROOF_ALREADY_MARKED_MISSING,
	 "Proofs_ProofAlreadyMarkedMissing()"},
	{CDX_REVERT_PROOF_ALREADY_SUBMITTED, "Proofs_ProofAlreadySubmitted()"},
	{CDX_REVERT_PROOF_NOT_MISSING, "Proofs_ProofNotMissing()"},
	{CDX_REVERT_PROOF_NOT_REQUIRED, "Proofs_ProofNotRequired()"},
	{CDX_REVERT_VALIDATION_TIMED_OUT, "Proofs_ValidationTimedOut()"},
	{CDX_REVERT_TIMEOUT_TOO_LONG, "Proofs_TimeoutTooLong()"},
	{CDX_REVERT_LENGTH_MISMATCH, "Proofs_LengthMismatch()"},
	{CDX_REVERT_INVALID_KEY, "Groth16Verifier_InvalidKey()"},
	{CDX_REVERT_INVALID_SECONDS_PER_PERIOD,
	 "Periods_InvalidSecondsPerPeriod()"},
	{CDX_REVERT_RESERVATION_NOT_ALLOWED,
	 "SlotReservations_ReservationNotAllowed()"},
	{CDX_REVERT_INSUFFICIENT_ALLOWANCE,
	 "ERC20InsufficientAllowance(address,uint256,uint256)"},
	{CDX_REVERT_INSUFFICIENT_BALANCE,
	 "ERC20InsufficientBalance(address,uint256,uint256)"},
	{CDX_REVERT_INVALID_ADDRESS, "ERC20InvalidSender(address)"},
	{CDX_REVERT_INVALID_ADDRESS, "ERC20InvalidReceiver(address)"},
	{CDX_REVERT_INVALID_ADDRESS, "ERC20InvalidApprover(address)"},
	{CDX_REVERT_INVALID_ADDRESS, "ERC20InvalidSpender(address)"},
};

static void sel(uint8_t out[4], const char *signature)
{
	uint8_t hash[32];

	cdx_keccak256(hash, signature, strlen(signature));
	memcpy(out, hash, 4);
}

/* Words of the ABI behind a selector */
static void word(struct cdx_buf *b, uint64_t v)
{
	static const uint8_t zeros[24];

	cdx_buf_put(b, zeros, sizeof(zeros));
	cdx_buf_be64(b, v);
}

static void check_words(const struct cdx_revert *r)
{
	size_t n = strlen(r->words);

	assert_true(n > 10 && n < sizeof(r->words));
	for (size_t i = 0; i < n; i++)
		assert_in_range(r->words[i], 0x20, 0x7e);
}

/* The table's selectors are those of the signatures; every code has one */
static void test_errors(void **state)
{
	bool seen[CDX_REVERT_CODES] = {false};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(errors); i++) {
		const char *signature = errors[i].signature;
		size_t name = strcspn(signature, "(");
		struct cdx_revert r;
		uint8_t data[4];

		sel(data, signature);
		cdx_revert_decode(&r, data, sizeof(data));
		assert_int_equal(r.code, errors[i].code);
		assert_int_equal(strlen(r.name), name);
		assert_memory_equal(r.name, signature, name);
		assert_true(cdx_revert_known(r.name));
		check_words(&r);
		seen[r.code] = true;
	}
	for (int code = CDX_REVERT_UNKNOWN + 1; code < CDX_REVERT_CODES; code++)
		assert_true(seen[code]);
	assert_false(cdx_revert_known("Marketplace_Nothing"));
	assert_false(cdx_revert_known(""));
}

static void test_amounts(void **state)
{
	struct cdx_buf b = {0};
	struct cdx_revert r;
	uint8_t data[4];

	(void)state;
	sel(data, "ERC20InsufficientBalance(address,uint256,uint256)");
	cdx_buf_put(&b, data, sizeof(data));
	word(&b, 0x1234);
	word(&b, 7);
	word(&b, 12345678901ull);
	assert_int_equal(cdx_buf_ok(&b), 0);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.code, CDX_REVERT_INSUFFICIENT_BALANCE);
	assert_non_null(strstr(r.words, "there are 7 units"));
	assert_non_null(strstr(r.words, "12345678901 are wanted"));
	assert_non_null(
		strstr(r.words, "0x0000000000000000000000000000000000001234"));
	check_words(&r);
	/* the longest numbers fit */
	memset(b.p + 4 + 32, 0xff, 64);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.words[strlen(r.words) - 1], ')');
	/* other lengths say nothing of amounts */
	cdx_revert_decode(&r, b.p, b.len - 1);
	assert_int_equal(r.code, CDX_REVERT_INSUFFICIENT_BALANCE);
	assert_null(strstr(r.words, "units"));
	cdx_buf_free(&b);
}

static void error_string(struct cdx_buf *b, const char *text, uint64_t offset,
			 uint64_t len)
{
	static const uint8_t zeros[32];
	uint8_t data[4];
	size_t n = strlen(text);

	cdx_buf_free(b);
	sel(data, "Error(string)");
	cdx_buf_put(b, data, sizeof(data));
	word(b, offset);
	word(b, len);
	cdx_buf_put(b, text, n);
	cdx_buf_put(b, zeros, (32 - n % 32) % 32);
	assert_int_equal(cdx_buf_ok(b), 0);
}

static void test_text(void **state)
{
	struct cdx_buf b = {0};
	struct cdx_revert r;
	char longest[1001];

	(void)state;
	error_string(&b, "not enough \x1b[31m\n", 32, 17);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.code, CDX_REVERT_TEXT);
	assert_string_equal(r.name, "Error");
	assert_non_null(strstr(r.words, "refused: not enough ?[31m?"));
	/* no padding: taken too */
	cdx_revert_decode(&r, b.p, 4 + 64 + 17);
	assert_int_equal(r.code, CDX_REVERT_TEXT);
	/* cut short, or of another shape */
	cdx_revert_decode(&r, b.p, 4 + 64 + 16);
	assert_int_equal(r.code, CDX_REVERT_UNKNOWN);
	error_string(&b, "x", 64, 1);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.code, CDX_REVERT_UNKNOWN);
	error_string(&b, "x", 32, UINT64_MAX);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.code, CDX_REVERT_UNKNOWN);
	error_string(&b, "", 32, 0);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.code, CDX_REVERT_TEXT);
	check_words(&r);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	error_string(&b, longest, 32, sizeof(longest) - 1);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(strlen(r.words), sizeof(r.words) - 1);
	cdx_buf_free(&b);
}

static void test_panic(void **state)
{
	struct cdx_buf b = {0};
	struct cdx_revert r;
	uint8_t data[4];

	(void)state;
	sel(data, "Panic(uint256)");
	cdx_buf_put(&b, data, sizeof(data));
	word(&b, 0x11);
	assert_int_equal(cdx_buf_ok(&b), 0);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.code, CDX_REVERT_PANIC);
	assert_non_null(strstr(r.words, "0x11"));
	assert_non_null(strstr(r.words, "too large"));
	memset(b.p + 4, 0xff, 32);
	cdx_revert_decode(&r, b.p, b.len);
	assert_int_equal(r.code, CDX_REVERT_PANIC);
	check_words(&r);
	cdx_revert_decode(&r, b.p, b.len - 1);
	assert_int_equal(r.code, CDX_REVERT_UNKNOWN);
	cdx_buf_free(&b);
}

static void test_others(void **state)
{
	static const uint8_t odd[40] = {0xde, 0xad, 0xbe, 0xef};
	struct cdx_revert r;

	(void)state;
	cdx_revert_decode(&r, NULL, 0);
	assert_int_equal(r.code, CDX_REVERT_EMPTY);
	assert_string_equal(r.name, "");
	check_words(&r);
	for (size_t len = 1; len <= sizeof(odd); len++) {
		cdx_revert_decode(&r, odd, len);
		assert_int_equal(r.code, CDX_REVERT_UNKNOWN);
		assert_non_null(strstr(r.words, "0xde"));
	}
	assert_non_null(strstr(r.words, "..."));
}

/* Whatever the bytes: printable words, a code in range */
static void test_random(void **state)
{
	static const char *const starts[] = {"Error(string)", "Panic(uint256)"};
	struct seed seed = seed_start("revert");
	uint8_t data[300];
	struct cdx_revert r;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t len = seed_below(&seed, sizeof(data) + 1);

		seed_fill(&seed, data, len);
		if (len >= 4 && i % 2)
			sel(data, starts[i / 2 % 2]);
		if (len >= 36 && i % 4 == 1) {
			memset(data + 4, 0, 32);
			data[35] = 32;
		}
		cdx_revert_decode(&r, data, len);
		assert_true(r.code < CDX_REVERT_CODES);
		check_words(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors), cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_text),   cmocka_unit_test(test_panic),
		cmocka_unit_test(test_others), cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
