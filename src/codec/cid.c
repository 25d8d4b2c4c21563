/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/cid.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codec/multibase.h"
#include "codec/multicodec.h"

#define DAG_PB 0x70u
#define V0_BIN_LEN 34u	/* sha2-256, length 32, digest: nothing else */
#define V0_TEXT_LEN 46u /* of those 34 bytes in base58, "Qm..." */

/* Digests of the empty string, of the two hashes that the empty block has */
static const uint8_t empty_sha256[32] = {
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
	0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
	0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
};

static const uint8_t empty_sha512[64] = {
	0xcf, 0x83, 0xe1, 0x35, 0x7e, 0xef, 0xb8, 0xbd, 0xf1, 0x54, 0x28,
	0x50, 0xd6, 0x6d, 0x80, 0x07, 0xd6, 0x20, 0xe4, 0x05, 0x0b, 0x57,
	0x15, 0xdc, 0x83, 0xf4, 0xa9, 0x21, 0xd3, 0x6c, 0xe9, 0xce, 0x47,
	0xd0, 0xd1, 0x3c, 0x5d, 0x85, 0xf2, 0xb0, 0xff, 0x83, 0x18, 0xd2,
	0x87, 0x7e, 0xec, 0x2f, 0x63, 0xb9, 0x31, 0xbd, 0x47, 0x41, 0x7a,
	0x81, 0xa5, 0x38, 0x32, 0x7a, 0xf9, 0x27, 0xda, 0x3e,
};

struct cdx_cid cdx_cid_sha256(enum cdx_codec codec,
			      const struct cdx_digest *digest)
{
	struct cdx_cid cid = {
		.version = 1,
		.len = sizeof(digest->b),
		.codec = (uint32_t)codec,
		.mhash = CDX_MHASH_SHA256,
	};

	memcpy(cid.digest, digest->b, sizeof(digest->b));
	return cid;
}

struct cdx_cid cdx_cid_block(const void *p, size_t len)
{
	struct cdx_digest digest;

	cdx_sha256(&digest, p, len);
	return cdx_cid_sha256(CDX_CODEC_BLOCK, &digest);
}

struct cdx_cid cdx_cid_empty(void)
{
	struct cdx_digest digest;

	memcpy(digest.b, empty_sha256, sizeof(digest.b));
	return cdx_cid_sha256(CDX_CODEC_BLOCK, &digest);
}

bool cdx_cid_is_empty(const struct cdx_cid *cid)
{
	if (cid->version != 1 || cid->codec != CDX_CODEC_BLOCK)
		return false;
	if (cid->mhash == CDX_MHASH_SHA256)
		return cid->len == sizeof(empty_sha256) &&
		       memcmp(cid->digest, empty_sha256, cid->len) == 0;
	if (cid->mhash == CDX_MHASH_SHA512)
		return cid->len == sizeof(empty_sha512) &&
		       memcmp(cid->digest, empty_sha512, cid->len) == 0;
	return false;
}

bool cdx_cid_equal(const struct cdx_cid *a, const struct cdx_cid *b)
{
	return a->codec == b->codec && a->mhash == b->mhash &&
	       a->len == b->len && memcmp(a->digest, b->digest, a->len) == 0;
}

static size_t put_varint(uint8_t *out, uint32_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

size_t cdx_cid_encode(uint8_t out[CDX_CID_BIN_MAX], const struct cdx_cid *cid)
{
	size_t n = 0;

	if (cid->version != 0) {
		n += put_varint(out + n, cid->version);
		n += put_varint(out + n, cid->codec);
	}
	n += put_varint(out + n, cid->mhash);
	n += put_varint(out + n, cid->len);
	memcpy(out + n, cid->digest, cid->len);
	return n + cid->len;
}

static int decode_v0(struct cdx_cid *out, const uint8_t *in)
{
	*out = (struct cdx_cid){
		.version = 0,
		.len = 32,
		.codec = DAG_PB,
		.mhash = CDX_MHASH_SHA256,
	};
	memcpy(out->digest, in + 2, 32);
	return 0;
}

int cdx_cid_decode(struct cdx_cid *out, const void *in, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(in, len);
	const uint8_t *bytes = in;
	struct cdx_cid cid = {.version = 1};
	uint64_t version;
	uint64_t codec;
	uint64_t mhash;
	uint64_t digest_len;
	int want;

	if (len == V0_BIN_LEN && bytes[0] == CDX_MHASH_SHA256 && bytes[1] == 32)
		return decode_v0(out, bytes);

	version = cdx_cursor_varint(&c);
	codec = cdx_cursor_varint(&c);
	mhash = cdx_cursor_varint(&c);
	digest_len = cdx_cursor_varint(&c);
	if (cdx_cursor_ok(&c) < 0 || version != 1 ||
	    digest_len > CDX_CID_DIGEST_MAX)
		return CDX_E_FORMAT;
	if (!cdx_multicodec_is_content(codec))
		return CDX_E_FORMAT;
	want = cdx_multicodec_digest_len(mhash);
	if (want < 0 || (want > 0 && (uint64_t)want != digest_len))
		return CDX_E_FORMAT;

	cid.codec = (uint32_t)codec;
	cid.mhash = (uint32_t)mhash;
	cid.len = (uint8_t)digest_len;
	cdx_cursor_get(&c, cid.digest, cid.len);
	if (cdx_cursor_done(&c) < 0)
		return CDX_E_FORMAT;
	*out = cid;
	return 0;
}

void cdx_cid_text(char out[CDX_CID_TEXT_MAX], const struct cdx_cid *cid)
{
	uint8_t bin[CDX_CID_BIN_MAX];
	size_t len = cdx_cid_encode(bin, cid);
	size_t at = 0;

	if (cid->version != 0)
		out[at++] = 'z';
	/* 80 bytes are 111 digits, so it always fits */
	if (cdx_base58_encode(out + at, CDX_CID_TEXT_MAX - at, bin, len) < 0)
		out[0] = '\0';
}

int cdx_cid_parse(struct cdx_cid *out, const char *text, size_t len)
{
	uint8_t bin[CDX_CID_BIN_MAX];
	ssize_t n;

	if (len == V0_TEXT_LEN && text[0] == 'Q' && text[1] == 'm') {
		n = cdx_base58_decode(bin, sizeof(bin), text, len);
		if (n != V0_BIN_LEN)
			return CDX_E_FORMAT;
		return cdx_cid_decode(out, bin, (size_t)n);
	}
	n = cdx_multibase_decode(bin, sizeof(bin), text, len);
	/* version 0 has no multibase form */
	if (n < 1 || bin[0] == CDX_MHASH_SHA256)
		return CDX_E_FORMAT;
	return cdx_cid_decode(out, bin, (size_t)n);
}
