/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_PROOF_JSON_PARTS_H
#define CDX_PROOF_PROOF_JSON_PARTS_H

#include <jansson.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "bn254/g1.h"
#include "bn254/g2.h"
#include "bn254/pairing.h"
#include "proof/why.h"

/*
 * What the JSON files of snarkjs are made of: numbers are strings of decimal
 * digits; points are projective, with a third coordinate that is one, or, for
 * the point at infinity, (0, 1, 0); an element of Fq2 is [c0, c1].
 *
 * Readers: written on success only; @name says in @why what is wrong.
 * CDX_E_FORMAT.  Makers return new, NULL without memory.
 */

/* A whole file, duplicate members refused; returns new.  -ENOMEM,
 * CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_json_load(json_t **out, const char *text, size_t len,
				 char why[CDX_PROOF_WHY_MAX]);
/* The file's text, appended, as snarkjs lays it out; takes @j, also on failure
 * and when it is NULL, which counts as out of memory.  -ENOMEM. */
CDX_MUST_CHECK int cdx_json_dump(struct cdx_buf *out, json_t *j);

/**
 * cdx_json_kind - is it about groth16 over this curve?
 *
 * @required: @n names that must be members
 * @optional: @m names that may be
 *
 * "protocol" and "curve" need not be named: one is required, the other, which
 * rapidsnark leaves out, optional.  Other members are refused.
 * Errors: CDX_E_FORMAT; CDX_E_CODEC another protocol or curve.
 */
CDX_MUST_CHECK int cdx_json_kind(const json_t *j, const char *const *required,
				 size_t n, const char *const *optional,
				 size_t m, char why[CDX_PROOF_WHY_MAX]);

/* Member @name of @j, a point of G1 */
CDX_MUST_CHECK int cdx_json_read_g1(struct cdx_g1 *out, const json_t *j,
				    const char *name,
				    char why[CDX_PROOF_WHY_MAX]);
/* Member @name of @j, a point of G2, in the subgroup */
CDX_MUST_CHECK int cdx_json_read_g2(struct cdx_g2 *out, const json_t *j,
				    const char *name,
				    char why[CDX_PROOF_WHY_MAX]);
/* Element @i of array @j, which is called @name, a point of G1 */
CDX_MUST_CHECK int cdx_json_read_g1_at(struct cdx_g1 *out, const json_t *j,
				       size_t i, const char *name,
				       char why[CDX_PROOF_WHY_MAX]);
/* Member @name of @j, an element of Fq12 */
CDX_MUST_CHECK int cdx_json_read_gt(struct cdx_gt *out, const json_t *j,
				    const char *name,
				    char why[CDX_PROOF_WHY_MAX]);

/* [x, y, z] */
json_t *cdx_json_g1(const struct cdx_g1 *p);
/* [[x.c0, x.c1], [y.c0, y.c1], [z.c0, z.c1]] */
json_t *cdx_json_g2(const struct cdx_g2 *p);
/* The two elements of Fq6, each three of Fq2 */
json_t *cdx_json_gt(const struct cdx_gt *a);

#endif
