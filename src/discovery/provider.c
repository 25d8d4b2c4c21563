/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/provider.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "discovery/envelope.h"
#include "discovery/record.h"

enum {
	FIELD_VERSION = 1,
	FIELD_NETWORK = 2,
	FIELD_KEY = 3,
	FIELD_SEQ = 4,
	FIELD_EXPIRES = 5,
	FIELD_HOLDING = 6,
	FIELD_SLOTS = 7,
	FIELD_ADDRS = 8,
	FIELD_TLS_KEY = 9,
};
#define VERSION 1u
/* What expires later is not believed */
#define EXPIRES_MAX_S 3600

static const uint8_t payload_type[] = {'c', 'd', 'x', 0x01};
static const struct cdx_envelope_kind kind = {
	.domain = "codexfs-provider-record",
	.type = payload_type,
	.type_len = sizeof(payload_type),
};

void cdx_provider_key(struct cdx_digest *out, const struct cdx_cid *cid)
{
	uint8_t raw[CDX_CID_BIN_MAX];
	size_t len = cdx_cid_encode(raw, cid);

	cdx_sha256(out, raw, len);
}

/* Bytes up to the last one that says something */
static size_t slots_len(const struct cdx_slot_set *s)
{
	size_t len = sizeof(s->b);

	while (len && s->b[len - 1] == 0)
		len--;
	return len;
}

int cdx_provider_sign(struct cdx_buf *out, struct cdx_provider_record *r,
		      const struct cdx_identity *who)
{
	struct cdx_buf b CDX_CLEANUP(cdx_buf_free) = {0};
	size_t len = slots_len(&r->slots);
	int err;

	if (r->expires < 0 || (r->holding == CDX_HOLDS_SLOTS && len == 0))
		return -EINVAL;
	r->id = who->id;
	r->network = who->network;
	cdx_pb_put_u64(&b, FIELD_VERSION, VERSION);
	cdx_pb_put_bytes(&b, FIELD_NETWORK, r->network.b, sizeof(r->network.b));
	cdx_pb_put_bytes(&b, FIELD_KEY, r->key.b, sizeof(r->key.b));
	cdx_pb_put_u64(&b, FIELD_SEQ, r->seq);
	cdx_pb_put_u64(&b, FIELD_EXPIRES, (uint64_t)r->expires);
	cdx_pb_put_u64(&b, FIELD_HOLDING, (uint64_t)r->holding);
	if (r->holding == CDX_HOLDS_SLOTS)
		cdx_pb_put_bytes(&b, FIELD_SLOTS, r->slots.b, len);
	err = cdx_put_addrs(&b, FIELD_ADDRS, false, r->addr, r->n_addrs);
	if (err < 0)
		return err;
	if (r->has_tls_key)
		cdx_pb_put_bytes(&b, FIELD_TLS_KEY, r->tls_key.b,
				 sizeof(r->tls_key.b));
	return cdx_envelope_sign(out, &kind, &b, CDX_RECORD_MAX, &who->key);
}

/* Fields 6 and 7; false: malformed */
static bool read_holding(struct cdx_provider_record *r, struct cdx_fields *f)
{
	uint64_t v = cdx_fields_u64(f, FIELD_HOLDING);
	struct cdx_pb_span s;

	if (v < CDX_HOLDS_ALL || v > CDX_HOLDS_NOTHING)
		return false;
	r->holding = (enum cdx_holding)v;
	if (r->holding != CDX_HOLDS_SLOTS)
		return true;
	s = cdx_fields_bytes(f, FIELD_SLOTS);
	if (s.len == 0 || s.len > sizeof(r->slots.b) || s.p[s.len - 1] == 0)
		return false;
	memcpy(r->slots.b, s.p, s.len);
	return true;
}

/* The payload; the signer is not known yet */
static int read_payload(struct cdx_provider_record *r, struct cdx_pb_span in)
{
	struct cdx_fields f;

	cdx_fields_init(&f, in);
	if (cdx_fields_u64(&f, FIELD_VERSION) != VERSION)
		return CDX_E_FORMAT;
	cdx_fields_get(&f, FIELD_NETWORK, r->network.b, sizeof(r->network.b));
	cdx_fields_get(&f, FIELD_KEY, r->key.b, sizeof(r->key.b));
	r->seq = cdx_fields_u64(&f, FIELD_SEQ);
	r->expires = cdx_fields_time(&f, FIELD_EXPIRES);
	if (!read_holding(r, &f))
		return CDX_E_FORMAT;
	r->n_addrs = cdx_fields_addrs(&f, FIELD_ADDRS, false, r->addr);
	r->has_tls_key = cdx_fields_at(&f, FIELD_TLS_KEY);
	if (r->has_tls_key)
		cdx_fields_get(&f, FIELD_TLS_KEY, r->tls_key.b,
			       sizeof(r->tls_key.b));
	return cdx_fields_done(&f);
}

int cdx_provider_open(struct cdx_provider_record *out, const void *in,
		      size_t len, const struct cdx_network *network,
		      const struct cdx_digest *key, int64_t now)
{
	struct cdx_provider_record r = {.seq = 0};
	struct cdx_envelope e;
	int err;

	if (len > CDX_RECORD_MAX || cdx_envelope_read(&e, in, len, &kind) < 0 ||
	    read_payload(&r, e.payload) < 0)
		return CDX_E_FORMAT;
	if (memcmp(r.network.b, network->b, sizeof(network->b)) != 0)
		return -ENOENT;
	if (memcmp(r.key.b, key->b, sizeof(key->b)) != 0)
		return -EINVAL;
	if (r.expires < now - CDX_RECORD_SKEW_S)
		return -ESTALE;
	if (r.expires > now + EXPIRES_MAX_S)
		return CDX_E_FORMAT;
	err = cdx_envelope_verify(&e, &kind);
	if (err < 0)
		return err;
	memcpy(r.id.b, e.key, sizeof(r.id.b));
	*out = r;
	return 0;
}
