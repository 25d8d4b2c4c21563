/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/multiaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An address has one binary form and one text of ours, and a URL; all of them
 * read back as the same address. */
static void check(const struct cdx_maddr *a)
{
	uint8_t bin[CDX_MADDR_BIN_MAX];
	char text[CDX_MADDR_TEXT_MAX];
	struct cdx_maddr again;
	size_t len = cdx_maddr_encode(bin, a);

	if (len == 0 || len > sizeof(bin) ||
	    cdx_maddr_decode(&again, bin, len) < 0 ||
	    !cdx_maddr_equal(a, &again))
		abort();
	cdx_maddr_text(text, a);
	if (cdx_maddr_parse(&again, text) < 0 || !cdx_maddr_equal(a, &again))
		abort();
	cdx_maddr_url(text, a);
	if (cdx_maddr_parse(&again, text) < 0 || again.port != a->port ||
	    again.tls != a->tls || strcmp(again.host, a->host) != 0)
		abort();
}

/* The input is taken for bytes and for a text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_maddr a;
	char *text;

	if (cdx_maddr_decode(&a, data, size) == 0)
		check(&a);
	text = malloc(size + 1);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (cdx_maddr_parse(&a, text) == 0)
		check(&a);
	free(text);
	return 0;
}
