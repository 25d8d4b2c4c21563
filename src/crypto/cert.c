/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "crypto/cert.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/err.h"

int cdx_cert_key_digest(struct cdx_digest *out, const char *pem)
{
	/* nobody is asked for a password */
	static char none[] = "";
	size_t len = strlen(pem);
	unsigned char *der = NULL;
	X509 *cert = NULL;
	BIO *bio;
	int n;

	if (len > INT_MAX)
		return CDX_E_FORMAT;
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio == NULL)
		return -ENOMEM;
	cert = PEM_read_bio_X509(bio, NULL, NULL, none);
	BIO_free(bio);
	if (cert == NULL) {
		ERR_clear_error();
		return CDX_E_FORMAT;
	}
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (n > 0)
		cdx_sha256(out, der, (size_t)n);
	OPENSSL_free(der);
	X509_free(cert);
	return n > 0 ? 0 : -ENOMEM;
}
