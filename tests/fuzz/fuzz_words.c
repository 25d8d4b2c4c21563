/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encoding and decoding again gives the same secret. */
static void round_trip(const struct cdx_root *root)
{
	char text[CDX_WORDS_TEXT_MAX];
	struct cdx_root back;
	unsigned bad;

	cdx_words_encode(text, root);
	if (strnlen(text, sizeof(text)) == sizeof(text))
		abort();
	if (cdx_words_decode(&back, &bad, text, strlen(text)) != 0 || bad)
		abort();
	if (memcmp(back.b, root->b, sizeof(back.b)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_root root;
	unsigned bad = 0;

	if (cdx_words_decode(&root, &bad, (const char *)data, size) == 0)
		round_trip(&root);
	else if (bad > size)
		abort();
	/* few inputs have a right checksum: take the bytes as a secret too */
	if (size >= sizeof(root.b)) {
		memcpy(root.b, data, sizeof(root.b));
		round_trip(&root);
	}
	return 0;
}
