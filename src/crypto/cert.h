/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CRYPTO_CERT_H
#define CDX_CRYPTO_CERT_H

#include "base/attr.h"
#include "crypto/hash.h"

/**
 * cdx_cert_key_digest - what a certificate's key is known by
 *
 * @pem: text of one or more certificates; the first counts
 *
 * SHA-256 of its SubjectPublicKeyInfo.  CDX_E_FORMAT it is no certificate;
 * -ENOMEM.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_cert_key_digest(struct cdx_digest *out, const char *pem);

#endif
