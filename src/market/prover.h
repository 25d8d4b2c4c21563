/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PROVER_H
#define CDX_MARKET_PROVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"
#include "market/env.h"
#include "proof/key.h"

/*
 * Proofs for the market, two at a time on threads of its own (each is divided over
 * the pool, before sealing and behind reads), the earliest deadline first.  Every
 * proof was verified before anybody gets it.  loop-confined, but for what says
 * otherwise.
 */
struct cdx_prover;
struct cdx_prover_job;

/* Where the proving key is (node/proof_keys.h).  Called on the prover's threads,
 * also by two at once. */
struct cdx_prover_keys {
	/* Borrowed until put.  @why: CDX_MARKET_WHY_MAX bytes */
	int (*get)(void *arg, const struct cdx_proof_key **out, char *why);
	void (*put)(void *arg, const struct cdx_proof_key *key);
	void *arg;
};

/* @env: kept; @keys: copied.  Returns new; -ENOMEM, -EAGAIN no thread. */
CDX_MUST_CHECK int cdx_prover_new(struct cdx_prover **out,
				  const struct cdx_market_env *env,
				  const struct cdx_prover_keys *keys);
/* Ends what is under way; functions are not called any more.  Not from within one
 * of them.  NULL is allowed. */
void cdx_prover_free(struct cdx_prover *p);

struct cdx_prover_req {
	struct cdx_cid manifest; /* verifiable, in the store */
	uint32_t slot;
	struct cdx_b32 challenge;
	int64_t deadline; /* the chain's time; a proof that cannot be in time by
			   * then is not begun; INT64_MAX: none */
};
/* @rc: 0 with the proof; -ETIME too late; -ENODATA blocks of the slot are gone;
 * others of reading, of the key, of cdx_proof_make.  @why: in words, "" for none */
typedef void cdx_prover_fn(void *arg, int rc,
			   const struct cdx_proof_words *proof,
			   const char *why);
/* @out: for cdx_prover_leave, dead once @fn was called.  @fn is called once, never
 * from within.  -ENOMEM. */
CDX_MUST_CHECK int cdx_prover_ask(struct cdx_prover *p,
				  struct cdx_prover_job **out,
				  const struct cdx_prover_req *req,
				  cdx_prover_fn *fn, void *arg);
/* Its function is not called any more.  NULL is allowed. */
void cdx_prover_leave(struct cdx_prover_job *job);

/* Wall nanoseconds that a proof takes lately, reading included; 0: none was made.
 * Thread: safe. */
uint64_t cdx_prover_time_ns(struct cdx_prover *p);
/* How many are made at once.  Thread: safe. */
unsigned cdx_prover_lanes(const struct cdx_prover *p);

struct cdx_prover_stats {
	uint64_t made;
	uint64_t failed;
	uint64_t late; /* deadline passed before it was made */
	uint64_t last_ns;
	uint32_t waiting;
};
/* Thread: safe. */
void cdx_prover_stats(struct cdx_prover *p, struct cdx_prover_stats *out);

#endif
