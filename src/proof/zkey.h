/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_ZKEY_H
#define CDX_PROOF_ZKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/g1.h"
#include "bn254/g2.h"
#include "proof/groth16.h"
#include "proof/r1cs.h"
#include "proof/why.h"

/*
 * A proving key in the format of snarkjs (.zkey version 1, groth16 over bn128;
 * docs/FORMATS.md), read in place: points and coefficients stay in the file's
 * memory, at any alignment.
 */
struct cdx_zkey {
	uint32_t wires;
	uint32_t public_inputs; /* with outputs; without the constant wire */
	unsigned log_domain;
	struct cdx_g1 alpha1;
	struct cdx_g1 beta1;
	struct cdx_g1 delta1;
	struct cdx_g2 beta2;
	struct cdx_g2 gamma2;
	struct cdx_g2 delta2;
	uint32_t coefs;
	const uint8_t *ic;   /* public_inputs + 1 points of G1 */
	const uint8_t *coef; /* coefs entries of CDX_ZKEY_COEF_BYTES */
	const uint8_t *a;    /* wires points of G1 */
	const uint8_t *b1;   /* the same */
	const uint8_t *b2;   /* wires points of G2 */
	const uint8_t *c;    /* wires - public_inputs - 1 points of G1 */
	const uint8_t *h;    /* 2^log_domain points of G1 */
	uint8_t circuit_hash[64];
	uint32_t contributions;
	/* Made by cdx_groth16_setup, or by nobody's contribution: whoever made
	 * it can forge proofs */
	bool development;
};

#define CDX_ZKEY_COEF_BYTES 44u /* u32 matrix, u32 row, u32 wire, v 2^512 */
/* A section of ours, which others pass over: text that says what the key is */
#define CDX_ZKEY_SECTION_DEVELOPMENT 0x43445846u
/* What is in it */
#define CDX_ZKEY_DEVELOPMENT_TEXT \
	"codexfs development key: its maker can forge proofs; not for value\n"

/**
 * cdx_zkey_open - finds the parts of a key
 *
 * @out:     written on success only; points into @p, which must outlive it
 * @p, @len: the whole file
 * @why:     what is wrong, and where
 *
 * Checks sections, sizes, and bounds of rows and wires in the coefficients;
 * coordinates of the header's points, that these are on the curve and in the
 * subgroup.  Not the other points: cdx_zkey_check.
 * Errors: CDX_E_FORMAT, CDX_E_VERSION, CDX_E_CODEC another protocol or curve.
 */
CDX_MUST_CHECK int cdx_zkey_open(struct cdx_zkey *out, const uint8_t *p,
				 size_t len, char why[CDX_PROOF_WHY_MAX]);

/**
 * cdx_zkey_check - everything else that can be checked without the ceremony
 *
 * Every point on its curve and in its subgroup, coordinates below q; beta, delta
 * and the points of B the same in G1 and in G2; and, with @r (which may be
 * NULL), that the key is for this circuit: counts, domain, and coefficients
 * entry by entry (in any order, each once).
 * @random: 32 bytes that whoever made the key cannot know, for checks by random
 *          combination.
 * Errors: CDX_E_FORMAT a bad value, -EINVAL another circuit, -ENOMEM.
 */
CDX_MUST_CHECK int cdx_zkey_check(const struct cdx_zkey *k,
				  const struct cdx_r1cs *r,
				  const uint8_t random[32],
				  char why[CDX_PROOF_WHY_MAX]);

/* The verification key that belongs to it.  Free with cdx_vk_free.  -ENOMEM,
 * CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_zkey_vk(struct cdx_vk *out, const struct cdx_zkey *k);

#endif
