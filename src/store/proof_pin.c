/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/proof_pin.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/kv.h"

/* "proof-key/", number of samples */
#define PREFIX "proof-key/"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define KEY_LEN (PREFIX_LEN + 4)
#define VALUE_VERSION 1u
#define VALUE_LEN (1 + 1 + 8 + 32)
#define FLAG_DEVELOPMENT 1u

static void make_key(uint8_t out[KEY_LEN], uint32_t samples)
{
	memcpy(out, PREFIX, PREFIX_LEN);
	cdx_put_be32(out + PREFIX_LEN, samples);
}

static int decode(struct cdx_proof_pin *out, uint32_t samples, const void *p,
		  size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_proof_pin pin = {.samples = samples};
	uint8_t version = cdx_cursor_u8(&c);
	uint8_t flags = cdx_cursor_u8(&c);

	pin.bytes = cdx_cursor_be64(&c);
	cdx_cursor_get(&c, pin.sha256.b, sizeof(pin.sha256.b));
	pin.development = (flags & FLAG_DEVELOPMENT) != 0;
	if (cdx_cursor_done(&c) < 0 || version != VALUE_VERSION ||
	    (flags & ~FLAG_DEVELOPMENT) != 0 || samples == 0)
		return CDX_E_CORRUPT;
	*out = pin;
	return 0;
}

void cdx_proof_pin_name(char out[CDX_PROOF_PIN_NAME_MAX],
			const struct cdx_digest *sha256)
{
	cdx_hex(out, sha256->b, sizeof(sha256->b));
	memcpy(out + 2 * sizeof(sha256->b), ".zkey", sizeof(".zkey"));
}

int cdx_proof_pin_put(struct cdx_store *s, const struct cdx_proof_pin *pin)
{
	uint8_t key[KEY_LEN];
	uint8_t value[VALUE_LEN];
	struct cdx_batch *b;
	int rc = cdx_batch_new(&b, s);

	if (rc < 0)
		return rc;
	make_key(key, pin->samples);
	value[0] = VALUE_VERSION;
	value[1] = pin->development ? FLAG_DEVELOPMENT : 0;
	cdx_put_be64(value + 2, pin->bytes);
	memcpy(value + 10, pin->sha256.b, sizeof(pin->sha256.b));
	cdx_batch_put(b, CDX_DB_META, key, sizeof(key), value, sizeof(value));
	return cdx_batch_apply(b);
}

int cdx_proof_pin_get(struct cdx_store *s, uint32_t samples,
		      struct cdx_proof_pin *out)
{
	uint8_t key[KEY_LEN];
	uint8_t value[VALUE_LEN];
	int n;

	make_key(key, samples);
	n = cdx_kv_get(s, CDX_DB_META, key, sizeof(key), value, sizeof(value));
	return n < 0 ? n : decode(out, samples, value, (size_t)n);
}

int cdx_proof_pin_next(struct cdx_store *s, uint32_t samples,
		       struct cdx_proof_pin *out)
{
	uint8_t from[KEY_LEN];
	struct cdx_kv_iter *it;
	struct cdx_kv_pair kv;
	int rc;

	if (samples == UINT32_MAX)
		return 0;
	make_key(from, samples + 1);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_META, PREFIX, PREFIX_LEN, from,
			      sizeof(from));
	if (rc < 0)
		return rc;
	rc = cdx_kv_iter_next(it, &kv);
	if (rc > 0) {
		rc = CDX_E_CORRUPT;
		if (kv.key_len == KEY_LEN)
			rc = decode(out, cdx_get_be32(kv.key + PREFIX_LEN),
				    kv.val, kv.val_len);
		if (rc == 0)
			rc = 1;
	}
	cdx_kv_iter_close(it);
	return rc;
}
