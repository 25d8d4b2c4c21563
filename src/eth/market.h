/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_MARKET_H
#define CDX_ETH_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "eth/types.h"

/* The marketplace contract's values, their ids and encodings (spec/marketplace.md
 * 1).  Pure, safe on any thread. */

enum cdx_request_state {
	CDX_REQUEST_NEW,
	CDX_REQUEST_STARTED,
	CDX_REQUEST_CANCELLED,
	CDX_REQUEST_FINISHED,
	CDX_REQUEST_FAILED,
};

enum cdx_slot_state {
	CDX_SLOT_FREE,
	CDX_SLOT_FILLED,
	CDX_SLOT_FINISHED,
	CDX_SLOT_FAILED,
	CDX_SLOT_PAID,
	CDX_SLOT_CANCELLED,
	CDX_SLOT_REPAIR,
};

/* "new", "started", ...; "filled", ...; "unknown" for anything else */
const char *cdx_request_state_name(unsigned state);
const char *cdx_slot_state_name(unsigned state);

/* What a client asks for */
struct cdx_ask {
	struct cdx_u256 proof_probability; /* one proof in so many periods */
	struct cdx_u256 price;		   /* tokens' units a byte and second */
	struct cdx_u256 collateral;	   /* a byte */
	uint64_t slots;
	uint64_t slot_size; /* bytes */
	uint64_t duration;  /* seconds, from the posting on */
	uint64_t max_slot_loss;
};

/* Longest content CID that is read; the contract allows any length */
#define CDX_CONTENT_CID_MAX 128u

struct cdx_storage_request {
	struct cdx_addr client;
	struct cdx_ask ask;
	uint8_t cid[CDX_CONTENT_CID_MAX]; /* manifest, as bytes of a CIDv1 */
	size_t cid_len;
	struct cdx_b32 merkle_root; /* verification root, little endian */
	uint64_t expiry;	    /* seconds from the posting on */
	struct cdx_b32 nonce;
};

/* A proof in the contract's words: a.x, a.y, b.x.real, b.x.imag, b.y.real,
 * b.y.imag, c.x, c.y (cdx_proof_calldata) */
struct cdx_proof_words {
	uint8_t w[8][32];
};

struct cdx_market_config {
	uint8_t repair_reward; /* percent of a slot's collateral */
	uint8_t max_slashes;
	uint8_t slash;		  /* percent of a slot's collateral */
	uint8_t validator_reward; /* percent of a slash */
	uint64_t period;	  /* seconds */
	uint64_t timeout;	  /* seconds */
	uint8_t downtime;	  /* blocks */
	uint8_t downtime_product;
	char zkey_hash[129]; /* text; longer ones are refused */
	uint8_t max_reservations;
	uint64_t duration_limit; /* seconds */
};

/* Every event of the marketplace and of the token */
enum cdx_market_event_kind {
	CDX_EVENT_STORAGE_REQUESTED,
	CDX_EVENT_REQUEST_FULFILLED,
	CDX_EVENT_REQUEST_CANCELLED,
	CDX_EVENT_REQUEST_FAILED,
	CDX_EVENT_SLOT_FILLED,
	CDX_EVENT_SLOT_FREED,
	CDX_EVENT_SLOT_RESERVATIONS_FULL,
	CDX_EVENT_PROOF_SUBMITTED,
	CDX_EVENT_PROOF_SUBMITTER_SET,
	CDX_EVENT_TRANSFER, /* token */
	CDX_EVENT_APPROVAL, /* token */
};

struct cdx_market_event {
	enum cdx_market_event_kind kind;
	struct cdx_b32 request; /* all but the last four */
	uint64_t slot_index;	/* filled, freed, reservations full */
	struct cdx_ask ask;	/* requested */
	uint64_t expiry;	/* requested: absolute, seconds since 1970 */
	struct cdx_b32 slot;	/* proof submitted */
	struct cdx_addr from;	/* transfer; approval: owner; submitter: host */
	struct cdx_addr to;	/* transfer; approval: spender; submitter */
	struct cdx_u256 value;	/* transfer, approval */
};

/* keccak256 of the ABI encoding.  -EINVAL a CID that is too long; -ENOMEM. */
CDX_MUST_CHECK int cdx_request_id(struct cdx_b32 *out,
				  const struct cdx_storage_request *r);
void cdx_slot_id(struct cdx_b32 *out, const struct cdx_b32 *request,
		 uint64_t index);

/* Amounts that follow from an ask; -ERANGE when they do not fit */
CDX_MUST_CHECK int cdx_ask_slot_price(struct cdx_u256 *out,
				      const struct cdx_ask *a); /* a second */
CDX_MUST_CHECK int cdx_ask_slot_collateral(struct cdx_u256 *out,
					   const struct cdx_ask *a);
CDX_MUST_CHECK int cdx_ask_max_price(struct cdx_u256 *out,
				     const struct cdx_ask *a);

/* What requestStorage of our contract would say to it, in its order of checks,
 * but for what only the chain knows (whether the request exists, its time, the
 * token); 0 or a code of eth/revert.h.  @limit: duration limit. */
int cdx_storage_request_check(const struct cdx_storage_request *r,
			      const struct cdx_addr *sender, uint64_t limit);

/* Encodings, of the tuple alone (with the offset word where it is dynamic: as
 * one argument or result).  Appended to @out: -EINVAL a text or CID that is too
 * long; -ENOMEM.  Read: CDX_E_FORMAT, @out unchanged. */
CDX_MUST_CHECK int
cdx_storage_request_encode(struct cdx_buf *out,
			   const struct cdx_storage_request *r);
CDX_MUST_CHECK int cdx_storage_request_decode(struct cdx_storage_request *out,
					      const void *p, size_t len);
/* Result of getActiveSlot */
CDX_MUST_CHECK int cdx_active_slot_decode(struct cdx_storage_request *out,
					  uint64_t *index, const void *p,
					  size_t len);
CDX_MUST_CHECK int cdx_market_config_encode(struct cdx_buf *out,
					    const struct cdx_market_config *c);
CDX_MUST_CHECK int cdx_market_config_decode(struct cdx_market_config *out,
					    const void *p, size_t len);

/* -ENOENT: a log of something else; CDX_E_FORMAT it is not what its topic
 * says */
CDX_MUST_CHECK int cdx_market_event_decode(struct cdx_market_event *out,
					   const struct cdx_chain_log *log);
/* Signature of an event as it is hashed, NULL for a kind that there is not;
 * kinds are numbered from 0 on */
const char *cdx_market_event_signature(unsigned kind);
/* topic0 of an event */
void cdx_market_event_topic(struct cdx_b32 *out,
			    enum cdx_market_event_kind kind);

#endif
