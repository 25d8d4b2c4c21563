/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_TLS_KIT_H
#define CDX_TESTS_UNIT_TLS_KIT_H

/* A self-made key and certificate, as a node would make them.  Include after
 * cmocka.h. */

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"

struct tls_kit {
	char cert[4096];
	char key[4096];
	struct cdx_digest pin; /* SHA-256 of the SubjectPublicKeyInfo */
};

static inline void tls_kit_text(char out[4096], BIO *bio)
{
	int n = BIO_read(bio, out, 4095);

	assert_true(n > 0);
	out[n] = '\0';
	BIO_free(bio);
}

static inline void tls_kit_make(struct tls_kit *k)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	BIO *cert_text = BIO_new(BIO_s_mem());
	BIO *key_text = BIO_new(BIO_s_mem());
	unsigned char *spki = NULL;
	int len;

	assert_non_null(key);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"a node", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(cert_text, cert), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0,
						  NULL, NULL),
			 1);
	tls_kit_text(k->cert, cert_text);
	tls_kit_text(k->key, key_text);
	len = i2d_PUBKEY(key, &spki);
	assert_true(len > 0);
	cdx_sha256(&k->pin, spki, (size_t)len);
	OPENSSL_free(spki);
	X509_free(cert);
	EVP_PKEY_free(key);
}

#endif
