/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "net/web_internal.h"

static BIO *text_bio(const char *text)
{
	return BIO_new_mem_buf(text, (int)strlen(text));
}

/* Nobody is asked for a password. */
static int no_password(char *buf CDX_UNUSED, int size CDX_UNUSED,
		       int rwflag CDX_UNUSED, void *arg CDX_UNUSED)
{
	return -1;
}

int cdx_web_tls_check(const char *cert, const char *key, char why[256])
{
	BIO *cert_text = text_bio(cert);
	BIO *key_text = text_bio(key);
	X509 *c = NULL;
	EVP_PKEY *k = NULL;
	int rc = -EINVAL;

	if (cert_text != NULL)
		c = PEM_read_bio_X509(cert_text, NULL, no_password, NULL);
	if (key_text != NULL)
		k = PEM_read_bio_PrivateKey(key_text, NULL, no_password, NULL);
	if (c == NULL)
		snprintf(why, 256, "the TLS certificate is no PEM text of one");
	else if (k == NULL)
		snprintf(why, 256,
			 "the TLS key is no PEM text of one without password");
	else if (X509_check_private_key(c, k) != 1)
		snprintf(why, 256,
			 "the TLS key is not that of the certificate");
	else
		rc = 0;
	X509_free(c);
	EVP_PKEY_free(k);
	BIO_free(cert_text);
	BIO_free(key_text);
	ERR_clear_error();
	return rc;
}
