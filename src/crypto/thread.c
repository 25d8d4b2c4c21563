/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/internal.h"

#include <pthread.h>
#include <stdlib.h>

#include <sodium.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static struct cdx_crypto_algs algs;

static void thread_end(void *arg)
{
	struct cdx_crypto_thread *t = arg;

	/* both wipe what they held */
	EVP_CIPHER_CTX_free(t->ctr);
	EVP_MD_CTX_free(t->sha256);
	free(t);
}

static void prepare(void)
{
	/* picks the fastest code for this CPU */
	if (sodium_init() < 0)
		abort();
	algs.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	algs.aes256_ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	if (!algs.sha256 || !algs.aes256_ctr)
		abort();
	if (pthread_key_create(&thread_key, thread_end) != 0)
		abort();
}

const struct cdx_crypto_algs *cdx_crypto_algs(void)
{
	(void)pthread_once(&once, prepare);
	return &algs;
}

struct cdx_crypto_thread *cdx_crypto_thread(void)
{
	struct cdx_crypto_thread *t;

	(void)cdx_crypto_algs();
	t = pthread_getspecific(thread_key);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->sha256 = EVP_MD_CTX_new();
	if (!t->sha256 || pthread_setspecific(thread_key, t) != 0) {
		thread_end(t);
		return NULL;
	}
	return t;
}
