/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_ENVELOPE_H
#define CDX_DISCOVERY_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/pb.h"
#include "crypto/secp.h"

/* libp2p's signed envelopes of secp256k1 keys (docs/PEERS.md "Envelope").
 * Thread: safe. */

/* What is signed: @domain is text and not in the envelope */
struct cdx_envelope_kind {
	const char *domain;
	const uint8_t *type; /* payload type; static */
	size_t type_len;
};

struct cdx_envelope {
	uint8_t key[CDX_PUBLIC_LEN]; /* the signer's */
	struct cdx_pb_span payload;  /* borrowed from the input */
	struct cdx_pb_span sig;	     /* borrowed too */
};

/* Appended to @out.  CDX_E_FORMAT for a key that is none; -EMSGSIZE longer than
 * @max bytes; -ENOMEM. */
CDX_MUST_CHECK int cdx_envelope_sign(struct cdx_buf *out,
				     const struct cdx_envelope_kind *kind,
				     const struct cdx_buf *payload, size_t max,
				     const struct cdx_seckey *key);
/* Reads one without looking at the signature, which costs a thousand times as
 * much: do that once the payload is worth it.  CDX_E_FORMAT: malformed, of
 * another type, of another kind of key, or not the one encoding of it. */
CDX_MUST_CHECK int cdx_envelope_read(struct cdx_envelope *out, const void *in,
				     size_t len,
				     const struct cdx_envelope_kind *kind);
/* CDX_E_AUTH the signature; CDX_E_FORMAT the key is none; -ENOMEM */
CDX_MUST_CHECK int cdx_envelope_verify(const struct cdx_envelope *e,
				       const struct cdx_envelope_kind *kind);

#endif
