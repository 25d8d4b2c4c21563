/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "discovery/envelope.h"
#include "discovery/internal.h"
#include "discovery/record.h"

enum {
	FIELD_ID = 1,
	FIELD_SEQ = 2,
	FIELD_ADDRS = 3,
	FIELD_VERSION = 100,
	FIELD_EXPIRES = 101,
	FIELD_NETWORK = 102,
	FIELD_TLS_KEY = 103,
};
#define VERSION 1u
#define FOREIGN_ADDR 1u

static const char spr_prefix[] = "spr:";
#define SPR_PREFIX_LEN (sizeof(spr_prefix) - 1)
#define SPR_VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static const uint8_t payload_type[] = {0x03, 0x01};
static const struct cdx_envelope_kind kind = {
	.domain = "libp2p-peer-record",
	.type = payload_type,
	.type_len = sizeof(payload_type),
};

int cdx_peer_record_sign(struct cdx_buf *out, struct cdx_peer_record *r,
			 const struct cdx_identity *who)
{
	struct cdx_buf b CDX_CLEANUP(cdx_buf_free) = {0};
	uint8_t id[CDX_PEER_ID_BIN_LEN];
	int err;

	if (r->expires < 0)
		return -EINVAL;
	r->id = who->id;
	r->network = who->network;
	cdx_peer_id_bin(id, &r->id);
	cdx_pb_put_bytes(&b, FIELD_ID, id, sizeof(id));
	cdx_pb_put_u64(&b, FIELD_SEQ, r->seq);
	err = cdx_put_addrs(&b, FIELD_ADDRS, true, r->addr, r->n_addrs);
	if (err < 0)
		return err;
	cdx_pb_put_u64(&b, FIELD_VERSION, VERSION);
	cdx_pb_put_u64(&b, FIELD_EXPIRES, (uint64_t)r->expires);
	cdx_pb_put_bytes(&b, FIELD_NETWORK, r->network.b, sizeof(r->network.b));
	if (r->has_tls_key)
		cdx_pb_put_bytes(&b, FIELD_TLS_KEY, r->tls_key.b,
				 sizeof(r->tls_key.b));
	return cdx_envelope_sign(out, &kind, &b, CDX_RECORD_MAX, &who->key);
}

/* Is this the id of the key that signed? */
static bool is_id_of(const struct cdx_pb_span *id, const uint8_t *key)
{
	uint8_t want[CDX_PEER_ID_BIN_LEN];
	struct cdx_peer_id signer;

	memcpy(signer.b, key, sizeof(signer.b));
	cdx_peer_id_bin(want, &signer);
	return id->len == sizeof(want) &&
	       memcmp(id->p, want, sizeof(want)) == 0;
}

int cdx_peer_record_open(struct cdx_peer_record *out, const void *in,
			 size_t len, const struct cdx_network *network,
			 int64_t now)
{
	struct cdx_peer_record r = {.seq = 0};
	struct cdx_envelope e;
	struct cdx_pb_span id;
	struct cdx_fields f;
	int err;

	if (len > CDX_RECORD_MAX || cdx_envelope_read(&e, in, len, &kind) < 0)
		return CDX_E_FORMAT;
	cdx_fields_init(&f, e.payload);
	id = cdx_fields_bytes(&f, FIELD_ID);
	r.seq = cdx_fields_u64(&f, FIELD_SEQ);
	r.n_addrs = cdx_fields_addrs(&f, FIELD_ADDRS, true, r.addr);
	if (cdx_fields_u64(&f, FIELD_VERSION) != VERSION)
		return CDX_E_FORMAT;
	r.expires = cdx_fields_time(&f, FIELD_EXPIRES);
	cdx_fields_get(&f, FIELD_NETWORK, r.network.b, sizeof(r.network.b));
	r.has_tls_key = cdx_fields_at(&f, FIELD_TLS_KEY);
	if (r.has_tls_key)
		cdx_fields_get(&f, FIELD_TLS_KEY, r.tls_key.b,
			       sizeof(r.tls_key.b));
	if (cdx_fields_done(&f) < 0 || !is_id_of(&id, e.key))
		return CDX_E_FORMAT;
	if (memcmp(r.network.b, network->b, sizeof(network->b)) != 0)
		return -ENOENT;
	if (r.expires < now - CDX_RECORD_SKEW_S)
		return -ESTALE;
	err = cdx_envelope_verify(&e, &kind);
	if (err < 0)
		return err;
	memcpy(r.id.b, e.key, sizeof(r.id.b));
	*out = r;
	return 0;
}

/* One address of a foreign record, whose message may have more fields */
static void foreign_addr(struct cdx_peer_record *r, struct cdx_pb_span msg)
{
	struct cdx_cursor c = cdx_cursor_init(msg.p, msg.len);
	struct cdx_pb_span addr = {NULL, 0};
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f))
		if (f.number == FOREIGN_ADDR)
			cdx_pb_get_bytes(&addr, &f);
	if (cdx_cursor_done(&c) == 0 && r->n_addrs < CDX_PEER_ADDRS_MAX &&
	    cdx_maddr_decode(&r->addr[r->n_addrs], addr.p, addr.len) == 0)
		r->n_addrs++;
}

int cdx_peer_record_foreign(struct cdx_peer_record *out, const void *in,
			    size_t len)
{
	struct cdx_peer_record r = {.seq = 0};
	struct cdx_pb_span id = {NULL, 0};
	struct cdx_envelope e;
	struct cdx_pb_field f;
	struct cdx_cursor c;
	int err;

	if (len > CDX_RECORD_MAX || cdx_envelope_read(&e, in, len, &kind) < 0)
		return CDX_E_FORMAT;
	c = cdx_cursor_init(e.payload.p, e.payload.len);
	while (cdx_pb_next(&c, &f)) {
		if (f.number == FIELD_ID)
			cdx_pb_get_bytes(&id, &f);
		else if (f.number == FIELD_SEQ)
			cdx_pb_get_u64(&r.seq, &f);
		else if (f.number == FIELD_ADDRS && f.wire == CDX_PB_BYTES)
			foreign_addr(&r, f.bytes);
	}
	if (cdx_cursor_done(&c) < 0 || !is_id_of(&id, e.key))
		return CDX_E_FORMAT;
	err = cdx_envelope_verify(&e, &kind);
	if (err < 0)
		return err;
	memcpy(r.id.b, e.key, sizeof(r.id.b));
	*out = r;
	return 0;
}

/* ---- text */

char *cdx_spr_text(const void *envelope, size_t len)
{
	size_t cap = sodium_base64_encoded_len(len, SPR_VARIANT);
	char *text = malloc(SPR_PREFIX_LEN + cap);

	if (!text)
		return NULL;
	memcpy(text, spr_prefix, SPR_PREFIX_LEN);
	(void)sodium_bin2base64(text + SPR_PREFIX_LEN, cap, envelope, len,
				SPR_VARIANT);
	return text;
}

int cdx_spr_parse(struct cdx_buf *out, const char *text)
{
	/* libsodium takes some bytes above 127 for letters of it */
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t raw[CDX_RECORD_MAX];
	size_t max = sodium_base64_ENCODED_LEN(CDX_RECORD_MAX, SPR_VARIANT);
	size_t text_len = strnlen(text, SPR_PREFIX_LEN + max);
	size_t len;

	if (strncmp(text, spr_prefix, SPR_PREFIX_LEN) != 0 ||
	    strspn(text + SPR_PREFIX_LEN, alphabet) !=
		    text_len - SPR_PREFIX_LEN ||
	    sodium_base642bin(raw, sizeof(raw), text + SPR_PREFIX_LEN,
			      text_len - SPR_PREFIX_LEN, NULL, &len, NULL,
			      SPR_VARIANT) != 0 ||
	    len == 0)
		return CDX_E_FORMAT;
	cdx_buf_put(out, raw, len);
	return cdx_buf_ok(out);
}
