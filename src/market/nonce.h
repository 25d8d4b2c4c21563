/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_NONCE_H
#define CDX_MARKET_NONCE_H

#include <stdint.h>

#include "base/attr.h"
#include "crypto/aead.h"
#include "eth/types.h"

/*
 * The nonce of a volume's requests: to others 32 random bytes, to who has the
 * volume's location key what was bought (docs/FORMATS.md "Nonces of requests").
 * Pure, safe on any thread.
 */

enum cdx_nonce_kind {
	CDX_NONCE_SEGMENT = 1,
	CDX_NONCE_SNAPSHOT = 2,
};

/* The number of a segment or snapshot is below this */
#define CDX_NONCE_NUMBER_LIMIT (UINT64_C(1) << 48)

struct cdx_nonce_what {
	enum cdx_nonce_kind kind;
	uint64_t number;     /* area of the segment; sequence of the snapshot */
	uint32_t generation; /* which request of it, from 0 */
	uint8_t random[4];
};

/* -ERANGE a number that does not fit */
CDX_MUST_CHECK int cdx_nonce_make(struct cdx_b32 *out,
				  const struct cdx_key *location,
				  const struct cdx_nonce_what *what);
/* What is in a nonce of this volume.  -ENOENT: it is none (another volume's,
 * random, or one that was tampered with); CDX_E_VERSION a newer codexfs made it. */
CDX_MUST_CHECK int cdx_nonce_read(struct cdx_nonce_what *out,
				  const struct cdx_key *location,
				  const struct cdx_b32 *nonce);

#endif
