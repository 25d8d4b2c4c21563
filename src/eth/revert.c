/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/revert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/u256.h"
#include "crypto/secp.h"

/* An error that a contract declares */
struct row {
	uint8_t selector[4]; /* keccak256(signature), its first bytes */
	enum cdx_revert_code code;
	const char *name;
	const char *words;
};

/* Selectors: spec/marketplace.md 1.5, and computed for those that are ours
 * (docs/CHAIN.md); tests/unit/test_eth_revert.c computes all of them again. */
/* clang-format off */
#define ROW(a, b, c, d, code_, name_, words_) \
	{ { 0x##a, 0x##b, 0x##c, 0x##d }, CDX_REVERT_##code_, name_, words_ }
/* clang-format on */
static const struct row rows[] = {
	/* Marketplace */
	ROW(c2, cb, f7, 77, ALREADY_PAID, "Marketplace_AlreadyPaid",
	    "this slot was paid out already; nothing is left to collect"),
	ROW(12, 67, b3, f2, DURATION_EXCEEDS_LIMIT,
	    "Marketplace_DurationExceedsLimit",
	    "the request runs longer than the contract allows; ask for a "
	    "shorter duration"),
	ROW(fb, 7d, f0, c7, INSUFFICIENT_COLLATERAL,
	    "Marketplace_InsufficientCollateral",
	    "the request asks hosts for no collateral; it must be above zero"),
	ROW(09, 0a, 5e, cd, INSUFFICIENT_DURATION,
	    "Marketplace_InsufficientDuration",
	    "the request has no duration; it must be above zero"),
	ROW(6a, ba, 7a, ae, INSUFFICIENT_PROOF_PROBABILITY,
	    "Marketplace_InsufficientProofProbability",
	    "the request asks for no proofs; one in how many periods must be "
	    "above zero"),
	ROW(47, ba, 51, c7, INSUFFICIENT_REWARD,
	    "Marketplace_InsufficientReward",
	    "the request pays nothing; its price must be above zero"),
	ROW(53, 5e, d2, be, INSUFFICIENT_SLOTS, "Marketplace_InsufficientSlots",
	    "the request has no slots; it needs one at least"),
	ROW(f0, 47, 4f, 2f, INSUFFICIENT_SLOT_SIZE,
	    "Marketplace_InsufficientSlotSize",
	    "the request's slots hold no bytes; their size must be above "
	    "zero"),
	ROW(86, f8, cf, 9b, INVALID_CID, "Marketplace_InvalidCid",
	    "the request names no content; it needs the manifest's CID"),
	ROW(69, 8d, 3c, 62, INVALID_CLIENT_ADDRESS,
	    "Marketplace_InvalidClientAddress",
	    "the request belongs to another account; send it from the "
	    "client's own"),
	ROW(df, 63, f6, 1a, INVALID_EXPIRY, "Marketplace_InvalidExpiry",
	    "the request's expiry must be above zero and before its end"),
	ROW(b9, 55, 1a, b1, INVALID_MAX_SLOT_LOSS,
	    "Marketplace_InvalidMaxSlotLoss",
	    "the request may lose more slots than it has; lower the loss"),
	ROW(3b, 92, 0b, 88, INVALID_SLOT, "Marketplace_InvalidSlot",
	    "the request has no slot of this number"),
	ROW(57, a6, f4, e9, INVALID_SLOT_HOST, "Marketplace_InvalidSlotHost",
	    "this account does not host the slot; only its host may free it"),
	ROW(c0, 0b, 5b, 57, INVALID_STATE, "Marketplace_InvalidState",
	    "the request is still new or running; its money comes back once "
	    "it was cancelled, has failed or has ended"),
	ROW(5f, fe, 74, 3c, MAXIMUM_SLASHING_TOO_HIGH,
	    "Marketplace_MaximumSlashingTooHigh",
	    "all slashes together take more than the whole collateral; lower "
	    "their number or percentage"),
	ROW(bd, 8b, dd, 94, NOTHING_TO_WITHDRAW,
	    "Marketplace_NothingToWithdraw",
	    "nothing of this request is left to withdraw"),
	ROW(ce, 35, 1b, 94, PROOF_NOT_SUBMITTED_BY_HOST,
	    "Marketplace_ProofNotSubmittedByHost",
	    "this account neither hosts the slot nor was named by its host to "
	    "carry its proofs"),
	ROW(2b, d8, 16, 30, REPAIR_REWARD_PERCENTAGE_TOO_HIGH,
	    "Marketplace_RepairRewardPercentageTooHigh",
	    "the repair reward is more than the contract can pay; lower its "
	    "percentage"),
	ROW(fc, 7d, 06, 90, REQUEST_ALREADY_EXISTS,
	    "Marketplace_RequestAlreadyExists",
	    "this very request was posted already; a new one needs another "
	    "nonce"),
	ROW(d6, 51, ce, 18, RESERVATION_REQUIRED,
	    "Marketplace_ReservationRequired",
	    "this account holds no reservation for the slot; reserve it "
	    "first"),
	ROW(a9, cb, c1, 56, SLASH_PERCENTAGE_TOO_HIGH,
	    "Marketplace_SlashPercentageTooHigh",
	    "a slash takes more than the whole collateral; lower its "
	    "percentage"),
	ROW(8b, 41, ec, 7f, SLOT_IS_FREE, "Marketplace_SlotIsFree",
	    "nobody hosts this slot"),
	ROW(ae, 9d, cf, fd, SLOT_NOT_ACCEPTING_PROOFS,
	    "Marketplace_SlotNotAcceptingProofs",
	    "the slot is not filled now, so no proof of it can be missing"),
	ROW(ff, 55, 6a, cf, SLOT_NOT_FREE, "Marketplace_SlotNotFree",
	    "the slot is taken; somebody else filled it first, or its request "
	    "is over"),
	ROW(56, 60, 7c, b0, START_NOT_BEFORE_EXPIRY,
	    "Marketplace_StartNotBeforeExpiry",
	    "the slot was filled too late to earn anything"),
	ROW(f8, 59, 9f, fa, TRANSFER_FAILED, "Marketplace_TransferFailed",
	    "the token did not move; check balance and allowance"),
	ROW(bd, d6, 4a, 7a, UNKNOWN_REQUEST, "Marketplace_UnknownRequest",
	    "the contract knows no such request; check its id, and that this "
	    "is the right contract"),
	ROW(cf, 07, 20, 12, VALIDATOR_REWARD_PERCENTAGE_TOO_HIGH,
	    "Marketplace_ValidatorRewardPercentageTooHigh",
	    "the validator's reward is more than the contract can pay; lower "
	    "its percentage"),
	ROW(b4, fe, ce, ac, REWARDS_EXCEED_COLLATERAL,
	    "Marketplace_RewardsExceedCollateral",
	    "slashes and rewards together take more than the whole "
	    "collateral; lower a percentage"),
	ROW(77, 37, 61, 7f, TOO_MANY_SLOTS, "Marketplace_TooManySlots",
	    "the request has more slots than the contract counts; ask for "
	    "fewer, larger ones"),
	ROW(6c, 58, 19, 63, COLLATERAL_TOO_HIGH,
	    "Marketplace_CollateralTooHigh",
	    "the collateral of all slots fits into no amount; lower it"),
	ROW(ce, af, d1, 2b, PRICE_TOO_HIGH, "Marketplace_PriceTooHigh",
	    "the price of the whole request fits into no amount; lower it"),
	/* Proofs, and what they rest on */
	ROW(71, eb, ec, c2, INSUFFICIENT_BLOCK_HEIGHT,
	    "Proofs_InsufficientBlockHeight",
	    "the chain is too young for the contract; deploy it after block "
	    "256"),
	ROW(fc, d0, 3a, 47, INVALID_PROOF, "Proofs_InvalidProof",
	    "the proof does not verify; it may be of another period, slot, "
	    "dataset or key"),
	ROW(6b, 4b, 1a, 4e, PERIOD_NOT_ENDED, "Proofs_PeriodNotEnded",
	    "the period is not over; a proof can still arrive"),
	ROW(98, e7, e5, 51, PROOF_ALREADY_MARKED_MISSING,
	    "Proofs_ProofAlreadyMarkedMissing",
	    "somebody marked this proof as missing already"),
	ROW(3e, de, f7, db, PROOF_ALREADY_SUBMITTED,
	    "Proofs_ProofAlreadySubmitted",
	    "the slot was proven in this period already; nothing is to be "
	    "done"),
	ROW(00, fa, b7, d9, PROOF_NOT_MISSING, "Proofs_ProofNotMissing",
	    "the proof of this period did arrive"),
	ROW(d3, ff, a6, 6b, PROOF_NOT_REQUIRED, "Proofs_ProofNotRequired",
	    "no proof was asked for in this period"),
	ROW(de, 55, 69, 8e, VALIDATION_TIMED_OUT, "Proofs_ValidationTimedOut",
	    "the period is too long past; a missing proof must be marked soon "
	    "after its end"),
	ROW(47, 58, 8d, 2d, TIMEOUT_TOO_LONG, "Proofs_TimeoutTooLong",
	    "proofs could be marked for longer than the contract remembers "
	    "them; shorten the timeout to 78 periods or less"),
	ROW(01, 30, 6e, 09, LENGTH_MISMATCH, "Proofs_LengthMismatch",
	    "there are not as many proofs as slots"),
	ROW(85, fb, bb, 56, INVALID_KEY, "Groth16Verifier_InvalidKey",
	    "the verification key is none; check the file that it was read "
	    "from"),
	ROW(2a, a6, d8, e0, INVALID_SECONDS_PER_PERIOD,
	    "Periods_InvalidSecondsPerPeriod",
	    "a period lasts no time; it must be above zero"),
	ROW(42, 4a, 04, ab, RESERVATION_NOT_ALLOWED,
	    "SlotReservations_ReservationNotAllowed",
	    "the slot cannot be reserved: it is taken, all its places are, or "
	    "this account holds one already"),
	/* the token, of OpenZeppelin's names (ERC-6093) */
	ROW(fb, 8f, 41, b2, INSUFFICIENT_ALLOWANCE,
	    "ERC20InsufficientAllowance",
	    "the contract may not take so many tokens; approve more"),
	ROW(e4, 50, d3, 8c, INSUFFICIENT_BALANCE, "ERC20InsufficientBalance",
	    "the account does not hold enough tokens; send it more"),
	ROW(96, c6, fd, 1e, INVALID_ADDRESS, "ERC20InvalidSender",
	    "tokens cannot come from this address"),
	ROW(ec, 44, 2f, 05, INVALID_ADDRESS, "ERC20InvalidReceiver",
	    "tokens cannot go to this address"),
	ROW(e6, 02, df, 05, INVALID_ADDRESS, "ERC20InvalidApprover",
	    "this address cannot allow anybody to take tokens"),
	ROW(94, 28, 0d, 62, INVALID_ADDRESS, "ERC20InvalidSpender",
	    "this address cannot be allowed to take tokens"),
};
#undef ROW

/* Solidity's reasons of Panic(uint256) */
static const struct {
	uint8_t reason;
	const char *words;
} panics[] = {
	{0x00, "of a check that its compiler put in"},
	{0x01, "an assertion does not hold"},
	{0x11, "a number is too large, or below zero"},
	{0x12, "of a division by zero"},
	{0x21, "a number stands for no value of its type"},
	{0x22, "of damaged bytes in its storage"},
	{0x31, "of taking from an empty list"},
	{0x32, "an index is out of range"},
	{0x41, "it needs too much memory"},
	{0x51, "of a call to nowhere"},
};

enum cdx_revert_code cdx_revert_code(const char *name)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].code;
	return CDX_REVERT_NONE;
}

bool cdx_revert_known(const char *name)
{
	return cdx_revert_code(name) != CDX_REVERT_NONE;
}

/* The ABI's arguments of Error(string): what is in it, printable.  NULL when
 * they are not so encoded. */
static const uint8_t *text_arg(const uint8_t *p, size_t len, size_t *n)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_u256 word;
	uint8_t be[32];
	uint64_t v;

	cdx_cursor_get(&c, be, sizeof(be));
	word = cdx_u256_from_be(be);
	if (cdx_u256_to_u64(&v, &word) || v != 32)
		return NULL;
	cdx_cursor_get(&c, be, sizeof(be));
	word = cdx_u256_from_be(be);
	if (cdx_cursor_ok(&c) || cdx_u256_to_u64(&v, &word) || v > c.left)
		return NULL;
	*n = (size_t)v;
	return c.p;
}

/* Appends bytes of a stranger to the words: what is not printable ASCII becomes
 * '?', what is too long is cut. */
static void quote(struct cdx_revert *out, const uint8_t *p, size_t len)
{
	size_t at = strlen(out->words);

	while (len > 0 && at + 1 < sizeof(out->words)) {
		out->words[at++] =
			(char)(*p >= 0x20 && *p < 0x7f ? *p : (uint8_t)'?');
		p++;
		len--;
	}
	out->words[at] = 0;
}

static void say(struct cdx_revert *out, const char *words)
{
	snprintf(out->words, sizeof(out->words), "%s", words);
}

static void unknown(struct cdx_revert *out, const uint8_t *p, size_t len)
{
	char hex[2 * 32 + 1];

	out->code = CDX_REVERT_UNKNOWN;
	out->name[0] = 0;
	cdx_hex(hex, p, len < 32 ? len : 32);
	snprintf(out->words, sizeof(out->words),
		 "the contract refused with something that codexfs does not "
		 "know: 0x%s%s",
		 hex, len > 32 ? "..." : "");
}

static void decode_text(struct cdx_revert *out, const uint8_t *p, size_t len)
{
	size_t n = 0;
	const uint8_t *text = text_arg(p + 4, len - 4, &n);

	if (!text) {
		unknown(out, p, len);
		return;
	}
	out->code = CDX_REVERT_TEXT;
	snprintf(out->name, sizeof(out->name), "Error");
	say(out, n ? "the contract refused: "
		   : "the contract refused, with an empty text");
	quote(out, text, n);
}

static void decode_panic(struct cdx_revert *out, const uint8_t *p, size_t len)
{
	struct cdx_u256 word;
	const char *words = "of something that codexfs does not know";
	uint64_t reason;

	if (len != 4 + 32) {
		unknown(out, p, len);
		return;
	}
	word = cdx_u256_from_be(p + 4);
	if (cdx_u256_to_u64(&reason, &word))
		reason = UINT64_MAX;
	for (size_t i = 0; i < CDX_ARRAY_LEN(panics); i++)
		if (panics[i].reason == reason)
			words = panics[i].words;
	out->code = CDX_REVERT_PANIC;
	snprintf(out->name, sizeof(out->name), "Panic");
	snprintf(out->words, sizeof(out->words),
		 "the contract stopped (panic 0x%02" PRIx64 ") because %s; an "
		 "argument may be far out of range",
		 reason, words);
}

/* The token says whom it is about, what there is and what it wants; in its
 * smallest unit, since it does not say another. */
static void token_amounts(struct cdx_revert *out, const uint8_t *args)
{
	struct cdx_u256 has = cdx_u256_from_be(args + 32);
	struct cdx_u256 wants = cdx_u256_from_be(args + 64);
	char has_text[CDX_U256_TEXT_MAX];
	char wants_text[CDX_U256_TEXT_MAX];
	char addr_text[CDX_ADDR_TEXT_MAX];
	struct cdx_addr addr;
	size_t at = strlen(out->words);

	memcpy(addr.b, args + 12, sizeof(addr.b));
	cdx_addr_text(addr_text, &addr);
	cdx_u256_dec(has_text, &has);
	cdx_u256_dec(wants_text, &wants);
	snprintf(out->words + at, sizeof(out->words) - at,
		 " (%s: there are %s units, %s are wanted)", addr_text,
		 has_text, wants_text);
}

static void decode_row(struct cdx_revert *out, const struct row *row,
		       const uint8_t *p, size_t len)
{
	out->code = row->code;
	snprintf(out->name, sizeof(out->name), "%s", row->name);
	say(out, row->words);
	if ((row->code == CDX_REVERT_INSUFFICIENT_ALLOWANCE ||
	     row->code == CDX_REVERT_INSUFFICIENT_BALANCE) &&
	    len == 4 + 3 * 32)
		token_amounts(out, p + 4);
}

void cdx_revert_of_code(struct cdx_revert *out, enum cdx_revert_code code)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++)
		if (rows[i].code == code) {
			decode_row(out, &rows[i], NULL, 0);
			return;
		}
}

void cdx_revert_decode(struct cdx_revert *out, const void *data, size_t len)
{
	static const uint8_t text[4] = {0x08, 0xc3, 0x79, 0xa0};
	static const uint8_t panic[4] = {0x4e, 0x48, 0x7b, 0x71};
	const uint8_t *p = data;

	memset(out, 0, sizeof(*out));
	if (len == 0) {
		out->code = CDX_REVERT_EMPTY;
		say(out, "the contract refused without saying why; there may "
			 "be no such contract or function at this address");
		return;
	}
	if (len >= 4 && memcmp(p, text, 4) == 0) {
		decode_text(out, p, len);
		return;
	}
	if (len >= 4 && memcmp(p, panic, 4) == 0) {
		decode_panic(out, p, len);
		return;
	}
	for (size_t i = 0; len >= 4 && i < CDX_ARRAY_LEN(rows); i++)
		if (memcmp(rows[i].selector, p, 4) == 0) {
			decode_row(out, &rows[i], p, len);
			return;
		}
	unknown(out, p, len);
}
