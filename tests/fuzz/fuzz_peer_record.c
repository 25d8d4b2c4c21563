/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/record_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t type[] = {3, 1};
static const struct cdx_envelope_kind kind = {"libp2p-peer-record", type,
					      sizeof(type)};

/* What was opened signs to what opens as the same. */
static void again(struct cdx_peer_record *r, const struct cdx_identity *who)
{
	struct cdx_buf b = {0};
	struct cdx_peer_record got;

	if (cdx_peer_record_sign(&b, r, who) < 0 ||
	    cdx_peer_record_open(&got, b.p, b.len, &who->network, NOW) < 0 ||
	    got.seq != r->seq || got.expires != r->expires ||
	    got.n_addrs != r->n_addrs || got.has_tls_key != r->has_tls_key)
		abort();
	for (uint32_t i = 0; i < r->n_addrs; i++)
		if (!cdx_maddr_equal(&got.addr[i], &r->addr[i]))
			abort();
	cdx_buf_free(&b);
}

/* The input is taken for a record, for its text, and for a payload that we sign:
 * so what is behind the signature is looked at too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_identity who = us();
	struct cdx_peer_record r;
	struct cdx_buf payload = {0};
	struct cdx_buf b = {0};
	char *text;

	if (cdx_peer_record_open(&r, data, size, &who.network, NOW) == 0 &&
	    cdx_peer_record_foreign(&r, data, size) < 0)
		abort();
	(void)!cdx_peer_record_foreign(&r, data, size);
	text = malloc(size + 1);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (cdx_spr_parse(&b, text) == 0) {
		char *same = cdx_spr_text(b.p, b.len);

		if (!same || strcmp(same, text) != 0)
			abort();
		free(same);
	}
	free(text);
	cdx_buf_free(&b);
	cdx_buf_put(&payload, data, size);
	if (cdx_envelope_sign(&b, &kind, &payload, CDX_RECORD_MAX, &who.key) ==
		    0 &&
	    cdx_peer_record_open(&r, b.p, b.len, &who.network, NOW) == 0)
		again(&r, &who);
	(void)!cdx_peer_record_foreign(&r, b.p, b.len);
	cdx_buf_free(&payload);
	cdx_buf_free(&b);
	return 0;
}
