/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_WTNS_H
#define CDX_PROOF_WTNS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "bn254/fr.h"
#include "proof/why.h"

/**
 * cdx_wtns_read - a .wtns file, version 2 (docs/FORMATS.md)
 *
 * @out:     returns new, malloc'd: @wires elements, Montgomery form; wipe and
 *           free
 * @wires:   out
 * @p, @len: the whole file
 *
 * Errors: CDX_E_FORMAT, CDX_E_VERSION, -ENOMEM.
 */
CDX_MUST_CHECK int cdx_wtns_read(struct cdx_fr **out, uint32_t *wires,
				 const uint8_t *p, size_t len,
				 char why[CDX_PROOF_WHY_MAX]);
/* The file, appended, as snarkjs and circom's calculators write it.  -ENOMEM. */
CDX_MUST_CHECK int cdx_wtns_write(struct cdx_buf *out, const struct cdx_fr *w,
				  uint32_t wires);

#endif
