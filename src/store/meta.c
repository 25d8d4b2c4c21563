/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "store/internal.h"

static const uint8_t carry_label[16] = "codexfs carry 1";

void cdx_meta_state_encode(uint8_t out[CDX_META_STATE_LEN],
			   const struct cdx_meta_state *st)
{
	cdx_put_be64(out, st->group);
	cdx_put_be64(out + 8, st->seq);
	cdx_put_be64(out + 16, st->log_pos);
	cdx_put_be64(out + 24, st->log_seq);
}

int cdx_meta_state_decode(struct cdx_meta_state *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);

	out->group = cdx_cursor_be64(&c);
	out->seq = cdx_cursor_be64(&c);
	out->log_pos = cdx_cursor_be64(&c);
	out->log_seq = cdx_cursor_be64(&c);
	if (out->log_pos % CDX_ILOG_ALIGN != 0)
		return CDX_E_FORMAT;
	return cdx_cursor_done(&c);
}

void cdx_meta_config_encode(uint8_t out[CDX_META_CONFIG_LEN],
			    const struct cdx_store_config *c)
{
	uint8_t *p = out;
	unsigned i;

	memcpy(p, c->id, sizeof(c->id));
	p += sizeof(c->id);
	for (i = 0; i < CDX_SHARES; i++, p += 8)
		cdx_put_be64(p, c->share[i]);
	cdx_put_be32(p, c->k);
	cdx_put_be32(p + 4, c->m);
	cdx_put_be64(p + 8, c->log_bytes);
	cdx_put_be64(p + 16, (uint64_t)c->created);
	cdx_put_be32(p + 24, c->codec);
	cdx_put_be32(p + 28, c->loose_k);
	cdx_put_be32(p + 32, c->loose_m);
}

int cdx_meta_config_decode(struct cdx_store_config *out, const void *p,
			   size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	unsigned i;

	cdx_cursor_get(&c, out->id, sizeof(out->id));
	for (i = 0; i < CDX_SHARES; i++)
		out->share[i] = cdx_cursor_be64(&c);
	out->k = cdx_cursor_be32(&c);
	out->m = cdx_cursor_be32(&c);
	out->log_bytes = cdx_cursor_be64(&c);
	out->created = (int64_t)cdx_cursor_be64(&c);
	out->codec = 1;
	out->loose_k = out->k;
	out->loose_m = out->m;
	if (len != CDX_META_CONFIG_OLD_LEN) {
		out->codec = cdx_cursor_be32(&c);
		out->loose_k = cdx_cursor_be32(&c);
		out->loose_m = cdx_cursor_be32(&c);
	}
	return cdx_cursor_done(&c);
}

void cdx_carry_ad(uint8_t out[CDX_CARRY_AD_LEN],
		  const uint8_t id[CDX_STORE_ID_LEN], uint64_t group)
{
	memcpy(out, carry_label, sizeof(carry_label));
	memcpy(out + sizeof(carry_label), id, CDX_STORE_ID_LEN);
	cdx_put_be64(out + sizeof(carry_label) + CDX_STORE_ID_LEN, group);
}

void cdx_meta_logkey(uint8_t out[CDX_META_LOGKEY_LEN],
		     const struct cdx_key *key,
		     const uint8_t id[CDX_STORE_ID_LEN])
{
	static const char label[] = "codexfs log key check v1";
	uint8_t in[sizeof(label) + CDX_STORE_ID_LEN];
	struct cdx_digest d;

	memcpy(in, label, sizeof(label));
	memcpy(in + sizeof(label), id, CDX_STORE_ID_LEN);
	cdx_hmac_sha256(&d, key->b, sizeof(key->b), in, sizeof(in));
	memcpy(out, d.b, sizeof(d.b));
}
