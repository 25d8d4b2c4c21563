/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_GROTH16_H
#define CDX_PROOF_GROTH16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/pool.h"
#include "bn254/fr.h"
#include "bn254/g1.h"
#include "bn254/g2.h"
#include "bn254/pairing.h"

/* Groth16 over BN254 (spec/proofs.md 5). */

struct cdx_zkey;
struct cdx_r1cs;

struct cdx_proof {
	struct cdx_g1 a;
	struct cdx_g2 b;
	struct cdx_g1 c;
};

/* Verification key */
struct cdx_vk {
	struct cdx_g1 alpha1;
	struct cdx_g2 beta2;
	struct cdx_g2 gamma2;
	struct cdx_g2 delta2;
	uint32_t public_inputs;
	struct cdx_g1 *ic; /* public_inputs + 1; owned */
	bool development;  /* says itself that its maker can forge proofs */
};

void cdx_vk_free(struct cdx_vk *vk);

/* How long work is done */
struct cdx_groth16_run {
	/* Does the work, at priority CDX_POOL_PROOF; NULL: the calling thread
	 * does.  The caller waits, so it must not be a worker of it. */
	struct cdx_pool *pool;
	/* Asked some twenty times a second, on the calling thread, while a pool
	 * works; true: give up.  May be NULL. */
	bool (*cancel)(void *arg);
	/* Told at the same times: pieces of work done, and pieces so far (more
	 * may come).  May be NULL. */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/* ---- prove ---- */

/**
 * cdx_groth16_prove - makes a proof and verifies it
 *
 * @out: written on success only
 * @k:   borrowed; checked before by cdx_zkey_check or known by its hash
 * @w:   k->wires elements, Montgomery form; borrowed
 * @run: borrowed
 *
 * r and s are drawn from the kernel.  Everything that depends on the witness is
 * wiped.
 * Errors: -ECANCELED; -ENOMEM; -EINVAL another number of wires, or wire 0 is not
 * one; CDX_E_PROOF the proof does not verify: the witness does not satisfy
 * the circuit, the key is another circuit's, or the machine miscalculates.
 */
CDX_MUST_CHECK int cdx_groth16_prove(struct cdx_proof *out,
				     const struct cdx_zkey *k,
				     const struct cdx_fr *w, uint32_t wires,
				     const struct cdx_groth16_run *run);

/* ---- verify ---- */

struct cdx_verifier; /* immutable; shared by threads */

/* Prepares a verification key, which is borrowed; returns new.  Its points are
 * in their subgroups, as cdx_vk_read and cdx_zkey_vk make sure; the rest is
 * looked at again: CDX_E_FORMAT off their curves, or at infinity where that makes
 * a key accept anything.  -ENOMEM. */
CDX_MUST_CHECK int cdx_verifier_new(struct cdx_verifier **out,
				    const struct cdx_vk *vk);
void cdx_verifier_free(struct cdx_verifier *v);

/**
 * cdx_verify - is a proof right?
 *
 * @public: @n canonical integers, 32 bytes each, little endian: values >= r are
 *          refused, since they would be a second name for the same statement
 *
 * 0 when it is; CDX_E_PROOF when not; CDX_E_FORMAT points off their curve or
 * subgroup, public inputs out of range; -EINVAL another number of inputs;
 * -ENOMEM.
 */
CDX_MUST_CHECK int cdx_verify(const struct cdx_verifier *v,
			      const struct cdx_proof *proof,
			      const uint8_t (*public)[32], uint32_t n);

/**
 * cdx_verify_batch - are all of these proofs right?
 *
 * @proofs: @count of them
 * @public: @count * @n integers, those of proof 0 first
 *
 * One random linear combination, with 128 random bits from the kernel for each
 * proof: one wrong proof passes with probability 2^-128.  Errors as cdx_verify;
 * which proof it was is found by cdx_verify on each.
 */
CDX_MUST_CHECK int cdx_verify_batch(const struct cdx_verifier *v,
				    const struct cdx_proof *proofs,
				    size_t count, const uint8_t (*public)[32],
				    uint32_t n);

/* ---- set up ---- */

/* A file that grows; 0 or negative */
typedef int cdx_setup_write_fn(void *arg, const void *p, size_t len);

/**
 * cdx_groth16_setup - a development key pair
 *
 * @write: gets the .zkey in order; @arg is passed
 * @run:   borrowed
 *
 * The secrets come from the kernel and are wiped; still, whoever runs this
 * could keep them and forge.  The file says so.
 * Errors: those of @write; -ECANCELED; -ENOMEM; -EINVAL more than 2^27 rows.
 */
CDX_MUST_CHECK int cdx_groth16_setup(const struct cdx_r1cs *r,
				     cdx_setup_write_fn *write, void *arg,
				     const struct cdx_groth16_run *run);

#endif
