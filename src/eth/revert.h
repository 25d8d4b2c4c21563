/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_REVERT_H
#define CDX_ETH_REVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Every custom error of the marketplace, its parts and the token (docs/CHAIN.md
 * and the ABI), and what contracts say without one. */
enum cdx_revert_code {
	CDX_REVERT_NONE,    /* it did not revert, or nobody knows why */
	CDX_REVERT_EMPTY,   /* it did, without data */
	CDX_REVERT_TEXT,    /* Error(string) */
	CDX_REVERT_PANIC,   /* Panic(uint256) */
	CDX_REVERT_UNKNOWN, /* data that no error of ours begins with */
	/* names in the ABI without underscores: Marketplace_SlotNotFree */
	CDX_REVERT_ALREADY_PAID,
	CDX_REVERT_DURATION_EXCEEDS_LIMIT,
	CDX_REVERT_INSUFFICIENT_COLLATERAL,
	CDX_REVERT_INSUFFICIENT_DURATION,
	CDX_REVERT_INSUFFICIENT_PROOF_PROBABILITY,
	CDX_REVERT_INSUFFICIENT_REWARD,
	CDX_REVERT_INSUFFICIENT_SLOTS,
	CDX_REVERT_INSUFFICIENT_SLOT_SIZE, /* ours */
	CDX_REVERT_INVALID_CID,
	CDX_REVERT_INVALID_CLIENT_ADDRESS,
	CDX_REVERT_INVALID_EXPIRY,
	CDX_REVERT_INVALID_MAX_SLOT_LOSS,
	CDX_REVERT_INVALID_SLOT,
	CDX_REVERT_INVALID_SLOT_HOST,
	CDX_REVERT_INVALID_STATE,
	CDX_REVERT_MAXIMUM_SLASHING_TOO_HIGH,
	CDX_REVERT_NOTHING_TO_WITHDRAW,
	CDX_REVERT_PROOF_NOT_SUBMITTED_BY_HOST,
	CDX_REVERT_REPAIR_REWARD_PERCENTAGE_TOO_HIGH,
	CDX_REVERT_REQUEST_ALREADY_EXISTS,
	CDX_REVERT_RESERVATION_REQUIRED,
	CDX_REVERT_SLASH_PERCENTAGE_TOO_HIGH,
	CDX_REVERT_SLOT_IS_FREE,
	CDX_REVERT_SLOT_NOT_ACCEPTING_PROOFS,
	CDX_REVERT_SLOT_NOT_FREE,
	CDX_REVERT_START_NOT_BEFORE_EXPIRY,
	CDX_REVERT_TRANSFER_FAILED,
	CDX_REVERT_UNKNOWN_REQUEST,
	CDX_REVERT_VALIDATOR_REWARD_PERCENTAGE_TOO_HIGH, /* ours */
	CDX_REVERT_REWARDS_EXCEED_COLLATERAL,		 /* ours */
	CDX_REVERT_TOO_MANY_SLOTS,			 /* ours */
	CDX_REVERT_COLLATERAL_TOO_HIGH,			 /* ours */
	CDX_REVERT_PRICE_TOO_HIGH,			 /* ours */
	CDX_REVERT_INSUFFICIENT_BLOCK_HEIGHT,
	CDX_REVERT_INVALID_PROOF,
	CDX_REVERT_PERIOD_NOT_ENDED,
	CDX_REVERT_PROOF_ALREADY_MARKED_MISSING,
	CDX_REVERT_PROOF_ALREADY_SUBMITTED,
	CDX_REVERT_PROOF_NOT_MISSING,
	CDX_REVERT_PROOF_NOT_REQUIRED,
	CDX_REVERT_VALIDATION_TIMED_OUT,
	CDX_REVERT_TIMEOUT_TOO_LONG, /* ours */
	CDX_REVERT_LENGTH_MISMATCH,  /* ours */
	CDX_REVERT_INVALID_KEY,	     /* ours; of the verifier */
	CDX_REVERT_INVALID_SECONDS_PER_PERIOD,
	CDX_REVERT_RESERVATION_NOT_ALLOWED,
	CDX_REVERT_INSUFFICIENT_ALLOWANCE, /* ERC20 */
	CDX_REVERT_INSUFFICIENT_BALANCE,   /* ERC20 */
	CDX_REVERT_INVALID_ADDRESS,	   /* ERC20: four names */
	CDX_REVERT_CODES,
};

#define CDX_REVERT_WORDS_MAX 320u

/* Why a contract refused */
struct cdx_revert {
	enum cdx_revert_code code;
	/* name of the error in the ABI, "" where there is none */
	char name[64];
	/* a sentence for the user, with what to do where there is something;
	 * bytes of the contract's own text are printable */
	char words[CDX_REVERT_WORDS_MAX];
};

/* From the bytes that a revert came with.  Never fails. */
void cdx_revert_decode(struct cdx_revert *out, const void *data, size_t len);
/* What one says that refuses with this code, without its arguments; no words for a
 * code that is no error's.  Never fails. */
void cdx_revert_of_code(struct cdx_revert *out, enum cdx_revert_code code);
/* Code of a name in the ABI; CDX_REVERT_NONE for one that is not known */
enum cdx_revert_code cdx_revert_code(const char *name);
/* Whether a name is one of the errors that cdx_revert_decode knows */
bool cdx_revert_known(const char *name);

#endif
