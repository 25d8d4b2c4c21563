/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/envelope.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"

enum {
	FIELD_KEY = 1,
	FIELD_TYPE = 2,
	FIELD_PAYLOAD = 3,
	FIELD_SIG = 5,
};

/* The public key's message up to the key itself: {1: varint 2 (secp256k1), 2: 33
 * bytes} */
static const uint8_t key_head[] = {0x08, 0x02, 0x12, CDX_PUBLIC_LEN};
#define KEY_MSG_LEN (sizeof(key_head) + CDX_PUBLIC_LEN)

static void put_counted(struct cdx_buf *b, const void *p, size_t len)
{
	cdx_buf_varint(b, len);
	if (len)
		cdx_buf_put(b, p, len);
}

/* What the signature is over */
static int hash_of(struct cdx_digest *out, const struct cdx_envelope_kind *kind,
		   const void *payload, size_t len)
{
	struct cdx_buf b CDX_CLEANUP(cdx_buf_free) = {0};

	put_counted(&b, kind->domain, strlen(kind->domain));
	put_counted(&b, kind->type, kind->type_len);
	put_counted(&b, payload, len);
	if (cdx_buf_ok(&b) < 0)
		return -ENOMEM;
	cdx_sha256(out, b.p, b.len);
	return 0;
}

int cdx_envelope_sign(struct cdx_buf *out, const struct cdx_envelope_kind *kind,
		      const struct cdx_buf *payload, size_t max,
		      const struct cdx_seckey *key)
{
	struct cdx_buf b CDX_CLEANUP(cdx_buf_free) = {0};
	uint8_t msg[KEY_MSG_LEN];
	uint8_t sig[CDX_DER_SIG_MAX];
	struct cdx_digest hash;
	int sig_len;
	int err = cdx_buf_ok(payload);

	if (err < 0)
		return err;
	memcpy(msg, key_head, sizeof(key_head));
	err = cdx_seckey_public(msg + sizeof(key_head), key);
	if (err < 0)
		return err;
	err = hash_of(&hash, kind, payload->p, payload->len);
	if (err < 0)
		return err;
	sig_len = cdx_der_sign(sig, key, hash.b);
	if (sig_len < 0)
		return sig_len;
	cdx_pb_put_bytes(&b, FIELD_KEY, msg, sizeof(msg));
	cdx_pb_put_bytes(&b, FIELD_TYPE, kind->type, kind->type_len);
	cdx_pb_put_bytes(&b, FIELD_PAYLOAD, payload->p, payload->len);
	cdx_pb_put_bytes(&b, FIELD_SIG, sig, (size_t)sig_len);
	if (cdx_buf_ok(&b) < 0)
		return -ENOMEM;
	if (b.len > max)
		return -EMSGSIZE;
	cdx_buf_put(out, b.p, b.len);
	return cdx_buf_ok(out);
}

int cdx_envelope_read(struct cdx_envelope *out, const void *in, size_t len,
		      const struct cdx_envelope_kind *kind)
{
	static const uint32_t order[] = {FIELD_KEY, FIELD_TYPE, FIELD_PAYLOAD,
					 FIELD_SIG};
	struct cdx_cursor c = cdx_cursor_init(in, len);
	struct cdx_pb_span span[CDX_ARRAY_LEN(order)];
	struct cdx_pb_field f;

	/* every field once, in ascending order, and varints are read in their
	 * shortest form only: so there is one encoding */
	for (size_t i = 0; i < CDX_ARRAY_LEN(order); i++) {
		if (!cdx_pb_next(&c, &f) || f.number != order[i] ||
		    f.wire != CDX_PB_BYTES)
			return CDX_E_FORMAT;
		span[i] = f.bytes;
	}
	if (cdx_cursor_done(&c) < 0 || span[0].len != KEY_MSG_LEN ||
	    memcmp(span[0].p, key_head, sizeof(key_head)) != 0 ||
	    span[1].len != kind->type_len ||
	    memcmp(span[1].p, kind->type, kind->type_len) != 0 ||
	    span[2].len == 0 || span[3].len == 0 ||
	    span[3].len > CDX_DER_SIG_MAX)
		return CDX_E_FORMAT;
	memcpy(out->key, span[0].p + sizeof(key_head), CDX_PUBLIC_LEN);
	out->payload = span[2];
	out->sig = span[3];
	return 0;
}

int cdx_envelope_verify(const struct cdx_envelope *e,
			const struct cdx_envelope_kind *kind)
{
	struct cdx_digest hash;
	int err = hash_of(&hash, kind, e->payload.p, e->payload.len);

	if (err < 0)
		return err;
	return cdx_der_verify(e->sig.p, e->sig.len, e->key, hash.b);
}
