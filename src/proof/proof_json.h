/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_PROOF_JSON_H
#define CDX_PROOF_PROOF_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "eth/vk_words.h"
#include "proof/groth16.h"
#include "proof/why.h"

/* proof.json, public.json and verification_key.json as snarkjs has them
 * (docs/FORMATS.md). */

/* Public inputs that a file may have */
#define CDX_PUBLIC_MAX 1024u

/* Reads check everything: shapes, digits, ranges, points on the curve and in
 * the subgroup.  @why: what is wrong, and where.  CDX_E_FORMAT, -ENOMEM; and
 * CDX_E_CODEC for another protocol or curve. */
CDX_MUST_CHECK int cdx_proof_read(struct cdx_proof *out, const char *text,
				  size_t len, char why[CDX_PROOF_WHY_MAX]);
CDX_MUST_CHECK int cdx_proof_write(struct cdx_buf *out,
				   const struct cdx_proof *proof);

/* @out: returns new, malloc'd, @n elements */
CDX_MUST_CHECK int cdx_public_read(struct cdx_fr **out, uint32_t *n,
				   const char *text, size_t len,
				   char why[CDX_PROOF_WHY_MAX]);
CDX_MUST_CHECK int cdx_public_write(struct cdx_buf *out, const struct cdx_fr *x,
				    uint32_t n);

/* Free with cdx_vk_free.  The member "development" is true in keys that
 * cdx_groth16_setup made. */
CDX_MUST_CHECK int cdx_vk_read(struct cdx_vk *out, const char *text, size_t len,
			       char why[CDX_PROOF_WHY_MAX]);
CDX_MUST_CHECK int cdx_vk_write(struct cdx_buf *out, const struct cdx_vk *vk);

/**
 * cdx_proof_calldata - a proof as Codex's contract takes it
 *
 * @out: the eight words a.x, a.y, b.x.real, b.x.imag, b.y.real, b.y.imag, c.x,
 *       c.y, big endian
 */
void cdx_proof_calldata(uint8_t out[8][32], const struct cdx_proof *proof);
/* A verification key as the verifier's constructor takes it.  @out: written on
 * success only; its ic is new memory, for free().  -ENOMEM. */
CDX_MUST_CHECK int cdx_vk_calldata(struct cdx_vk_words *out,
				   const struct cdx_vk *vk);

#endif
