/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/provider.h"
#include "tests/fuzz/record_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t type[] = {'c', 'd', 'x', 1};
static const struct cdx_envelope_kind kind = {"codexfs-provider-record", type,
					      sizeof(type)};

/* of the corpus: SHA-256 of the CID of SHA-256("manifest") */
static const struct cdx_digest key = {
	{0x68, 0x27, 0x48, 0x2d, 0x61, 0x2d, 0x8f, 0x51, 0xb1, 0xe1, 0xd3,
	 0x4f, 0x53, 0x4a, 0xfc, 0x58, 0x9a, 0x48, 0xf2, 0x52, 0xdf, 0x62,
	 0x99, 0x39, 0xe6, 0xb9, 0x41, 0x2b, 0xf2, 0xf1, 0x42, 0x0f}};

/* What was opened signs to what opens as the same. */
static void again(struct cdx_provider_record *r, const struct cdx_identity *who)
{
	struct cdx_buf b = {0};
	struct cdx_provider_record got;

	if (cdx_provider_sign(&b, r, who) < 0 ||
	    cdx_provider_open(&got, b.p, b.len, &who->network, &key, NOW) < 0 ||
	    got.seq != r->seq || got.expires != r->expires ||
	    got.holding != r->holding || got.n_addrs != r->n_addrs ||
	    got.has_tls_key != r->has_tls_key ||
	    memcmp(&got.slots, &r->slots, sizeof(got.slots)) != 0)
		abort();
	for (uint32_t i = 0; i < r->n_addrs; i++)
		if (!cdx_maddr_equal(&got.addr[i], &r->addr[i]))
			abort();
	cdx_buf_free(&b);
}

/* The input is taken for a record, and for a payload that we sign: so what is
 * behind the signature is looked at too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_identity who = us();
	struct cdx_provider_record r;
	struct cdx_buf payload = {0};
	struct cdx_buf b = {0};

	if (cdx_provider_open(&r, data, size, &who.network, &key, NOW) == 0)
		again(&r, &who);
	cdx_buf_put(&payload, data, size);
	if (cdx_envelope_sign(&b, &kind, &payload, CDX_RECORD_MAX, &who.key) ==
		    0 &&
	    cdx_provider_open(&r, b.p, b.len, &who.network, &key, NOW) == 0)
		again(&r, &who);
	cdx_buf_free(&payload);
	cdx_buf_free(&b);
	return 0;
}
