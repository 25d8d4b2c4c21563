/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_NTT_H
#define CDX_BN254_NTT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"

/*
 * Number-theoretic transforms over Fr.  The roots of unity are those of
 * snarkjs: w_28 = 5^((r - 1) / 2^28), and w_(k-1) = w_k^2 (spec/proofs.md 5).
 */
#define CDX_NTT_LOG_MAX 28u

/*
 * Roots for one size, made for the back end that was in use then; immutable,
 * shared by threads.  48 bytes for each element, 78 with vectors.
 */
struct cdx_ntt;

/* The primitive root of unity of order 2^@log_n, @log_n <= 28 */
void cdx_ntt_root(struct cdx_fr *out, unsigned log_n);

/* Returns new.  @log_n: at most 27 (the coset needs the next root).
 * -ENOMEM, -EINVAL. */
CDX_MUST_CHECK int cdx_ntt_new(struct cdx_ntt **out, unsigned log_n);
/* NULL is allowed */
void cdx_ntt_free(struct cdx_ntt *t);

/*
 * All three: in place, natural order, @a has 2^log_n elements; 0, or -ENOMEM
 * with @a as it was (with vectors there is scratch of 40 bytes for each
 * element, wiped at the end).  Safe on any thread.
 */

/* a[i] becomes the sum of a[j] w^(ij) */
CDX_MUST_CHECK int cdx_ntt_forward(const struct cdx_ntt *t, struct cdx_fr *a);
/* The way back */
CDX_MUST_CHECK int cdx_ntt_inverse(const struct cdx_ntt *t, struct cdx_fr *a);
/* Values of a polynomial at w^i become its values at s w^i, s the root of order
 * 2^(log_n + 1); about twice the time of the others, which lose a little by
 * their reordering */
CDX_MUST_CHECK int cdx_ntt_to_coset(const struct cdx_ntt *t, struct cdx_fr *a);

/**
 * cdx_fr_quotients - a b - c
 *
 * @out:     @n * 32 bytes: the canonical integers a[i] b[i] - c[i], little
 *           endian; may be the memory of @a
 * @a, b, c: @n elements
 */
void cdx_fr_quotients(uint8_t *out, const struct cdx_fr *a,
		      const struct cdx_fr *b, const struct cdx_fr *c, size_t n);

#endif
