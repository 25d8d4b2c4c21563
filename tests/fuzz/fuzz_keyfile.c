/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/internal.h"
#include "crypto/keys.h"

#define PASSES_MAX 2u
#define MEM_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sealed file whose cost a fuzzer can afford thousands of times? */
static bool affordable(const uint8_t *data, size_t size)
{
	return size == CDX_KEYFILE_SEALED_LEN &&
	       cdx_get_be32(data + CDX_KEYFILE_AT_PASSES) <= PASSES_MAX &&
	       cdx_get_be64(data + CDX_KEYFILE_AT_MEM) <= MEM_MAX;
}

static void encode_again(const struct cdx_keyfile *k, const uint8_t *data,
			 size_t size)
{
	struct cdx_keyfile back;
	struct cdx_buf b = {0};

	if (cdx_keyfile_encode(&b, k, NULL) != 0)
		abort();
	/* there is one plain encoding; a sealed one has its own salt */
	if (!cdx_keyfile_is_sealed(data, size) &&
	    (b.len != size || memcmp(b.p, data, size) != 0))
		abort();
	if (cdx_keyfile_decode(&back, b.p, b.len, NULL) != 0 ||
	    back.volume != k->volume ||
	    memcmp(back.root.b, k->root.b, sizeof(back.root.b)) != 0)
		abort();
	cdx_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_keyfile k;
	const char *password = affordable(data, size) ? "fuzz" : NULL;

	if (cdx_keyfile_decode(&k, data, size, password) == 0)
		encode_again(&k, data, size);
	return 0;
}
