/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/cid.h"
#include "codec/multicodec.h"
#include "tests/unit/vector_file.h"

static void assert_text(const struct cdx_cid *cid, const char *want)
{
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, cid);
	assert_string_equal(text, want);
}

static struct cdx_cid parse(const char *text)
{
	struct cdx_cid cid;

	assert_int_equal(cdx_cid_parse(&cid, text, strlen(text)), 0);
	return cid;
}

/* text -> CID -> text, and through the binary form */
static void assert_round_trip(const char *text)
{
	struct cdx_cid cid = parse(text);
	struct cdx_cid again;
	uint8_t bin[CDX_CID_BIN_MAX];
	size_t len = cdx_cid_encode(bin, &cid);

	assert_text(&cid, text);
	assert_int_equal(cdx_cid_decode(&again, bin, len), 0);
	assert_true(cdx_cid_equal(&cid, &again));
	assert_int_equal(again.version, cid.version);
}

static void blocks_have_the_published_cids(void **state)
{
	static const uint8_t zeros[65536];
	static uint8_t padded[65536];
	json_t *v = vector_load("cids.json");
	const json_t *up = vector_get(v, "upload_some_file_contents");
	const char *data = vector_text(up, "data");
	struct cdx_buf hex = {0};
	uint8_t bin[CDX_CID_BIN_MAX];
	struct cdx_cid cid;

	(void)state;
	cid = cdx_cid_empty();
	assert_text(&cid, vector_text(v, "emptyBlockCid"));
	vector_hex(&hex, vector_text(v, "emptyBlockCidHex"));
	assert_int_equal(cdx_cid_encode(bin, &cid), hex.len);
	assert_memory_equal(bin, hex.p, hex.len);
	assert_true(cdx_cid_is_empty(&cid));
	cid = cdx_cid_block("", 0);
	assert_true(cdx_cid_is_empty(&cid));

	cid = cdx_cid_block(zeros, sizeof(zeros));
	assert_text(&cid, vector_text(v, "zero64KiBBlockCid_forContrast"));
	assert_false(cdx_cid_is_empty(&cid));

	memcpy(padded, data, strlen(data));
	cid = cdx_cid_block(padded, sizeof(padded));
	assert_text(&cid, vector_text(up, "blockCid"));
	cdx_buf_free(&hex);
	json_decref(v);
}

static void published_texts_round_trip(void **state)
{
	json_t *v = vector_load("cids.json");
	json_t *small = vector_load("derived_small_k3m2.json");
	const json_t *up = vector_get(v, "upload_some_file_contents");
	const json_t *conv = vector_get(v, "converters_12345");
	const json_t *arrays[] = {vector_get(small, "blockCids"),
				  vector_get(small, "encodedLeafCids"),
				  vector_get(small, "slotRootCids")};
	const struct {
		const char *text;
		uint32_t codec;
		uint32_t mhash;
	} kinds[] = {
		{vector_text(up, "manifestCid_derived"), CDX_CODEC_MANIFEST,
		 CDX_MHASH_SHA256},
		{vector_text(up, "blockCid"), CDX_CODEC_BLOCK,
		 CDX_MHASH_SHA256},
		{vector_text(up, "treeCid"), CDX_CODEC_ROOT, CDX_MHASH_SHA256},
		{vector_text(conv, "slotCid"), CDX_CODEC_SLOT_ROOT,
		 CDX_MHASH_IDENTITY},
		{vector_text(conv, "verifyCid"), CDX_CODEC_PROVING_ROOT,
		 CDX_MHASH_IDENTITY},
		{vector_text(conv, "cellCid"), CDX_CODEC_SLOT_CELL,
		 CDX_MHASH_POSEIDON2_MERKLE},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(kinds); i++) {
		struct cdx_cid cid = parse(kinds[i].text);

		assert_int_equal(cid.version, 1);
		assert_int_equal(cid.codec, kinds[i].codec);
		assert_int_equal(cid.mhash, kinds[i].mhash);
		assert_int_equal(cid.len, 32);
		assert_round_trip(kinds[i].text);
	}
	for (size_t a = 0; a < CDX_ARRAY_LEN(arrays); a++)
		for (size_t i = 0; i < json_array_size(arrays[a]); i++)
			assert_round_trip(json_string_value(
				json_array_get(arrays[a], i)));
	json_decref(small);
	json_decref(v);
}

/* Vectors of nim-libp2p's testcid.nim */
static void reads_version_0_and_other_content(void **state)
{
	const char *v0 = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";
	const char *raw = "zb2rhhFAEMepUBbGyP1k8tGfz7BSciKXP6GHuUeUsJBaK6cqG";
	struct cdx_cid cid = parse(v0);
	struct cdx_cid one = cid;
	struct cdx_cid out;

	(void)state;
	assert_int_equal(cid.version, 0);
	assert_int_equal(cid.codec, 0x70);
	assert_int_equal(cid.mhash, CDX_MHASH_SHA256);
	assert_round_trip(v0);
	one.version = 1;
	assert_true(cdx_cid_equal(&cid, &one));
	one.digest[31] ^= 1;
	assert_false(cdx_cid_equal(&cid, &one));

	cid = parse(raw);
	assert_int_equal(cid.version, 1);
	assert_int_equal(cid.codec, 0x55);
	assert_round_trip(raw);
	assert_int_equal(cdx_cid_parse(&out,
				       "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJ"
				       "gS1zIII",
				       46),
			 CDX_E_FORMAT);
}

/* The same CID in other bases */
static void reads_other_bases(void **state)
{
	const char *want = "zDxWB8EDDsokSpiTXNRpv1jS2LXjEdLgTiDfxFd7Eo8CSPKVj93"
			   "r";
	const char *const same[] = {
		("f01829a031220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934"
		 "ca495991b7852b855"),
		"bagbjuaysedr3brcctd6byfe27p2mrglpxescplsb4rsjxe2muskzsg3ykk4fk",
		"mAYKaAxIg47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		"uAYKaAxIg47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
	};
	struct cdx_cid empty = cdx_cid_empty();

	(void)state;
	assert_text(&empty, want);
	for (size_t i = 0; i < CDX_ARRAY_LEN(same); i++) {
		struct cdx_cid cid = parse(same[i]);

		assert_true(cdx_cid_equal(&cid, &empty));
	}
}

static int decode_hex(const char *hex)
{
	struct cdx_buf b = {0};
	struct cdx_cid cid;
	int r;

	vector_hex(&b, hex);
	r = cdx_cid_decode(&cid, b.p, b.len);
	cdx_buf_free(&b);
	return r;
}

#define D32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void refuses_malformed_cids(void **state)
{
	static const char *const bad[] = {
		"",
		"01",
		"0155",
		"015512",
		"01551220",
		"01551220" D32 "00", /* left over */
		"02551220" D32,	     /* version */
		"00551220" D32,
		"0151"
		"1220" D32,	    /* cbor is no content codec */
		"01ff9a031220" D32, /* 0xCD7F */
		"0187"
		"9a031220" D32, /* 0xCD07 */
		"0155"
		"22"
		"20" D32, /* murmur3 is no registered hash */
		"0155"
		"121f" D32, /* sha2-256 of 31 bytes */
		"0155"
		"1221" D32 "00",
		"0155"
		"1321" D32 "00",
		"01d5001220" D32,	 /* overlong codec */
		"01550041" D32 D32 "00", /* identity above 64 bytes */
		"1220" D32 "00",	 /* version 0, one byte too many */
		"01829a031220",		 /* no digest */
	};
	struct cdx_cid cid;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		if (decode_hex(bad[i]) != CDX_E_FORMAT)
			fail_msg("%s accepted", bad[i]);
	assert_int_equal(decode_hex("01551220" D32), 0);
	assert_int_equal(decode_hex("01ed011220" D32), 0);
	assert_int_equal(decode_hex("01a9021220" D32), 0);
	assert_int_equal(decode_hex("01550040" D32 D32), 0);
	assert_int_equal(decode_hex("015500"
				    "00"),
			 0);
	assert_int_equal(decode_hex("0155c0e40240" D32 D32), 0); /* blake2b */
	assert_int_equal(decode_hex("1220" D32), 0);

	/* version 0 has no multibase text */
	assert_int_equal(cdx_cid_parse(&cid, "f1220" D32, 69), CDX_E_FORMAT);
	assert_int_equal(cdx_cid_parse(&cid, "f01551220" D32, 73), 0);
	assert_int_equal(cdx_cid_parse(&cid, "", 0), CDX_E_FORMAT);
	assert_int_equal(cdx_cid_parse(&cid, "z", 1), CDX_E_FORMAT);
	assert_int_equal(cdx_cid_parse(&cid, "Qm", 2), CDX_E_FORMAT);
}

static void every_truncation_is_refused(void **state)
{
	const char *text = "z5Q2wLtjGk4wABVFmPxiSALE3Cur8L3NGEYLySQhAKGVNmBkCir"
			   "kpyD";
	struct cdx_cid cid = parse(text);
	uint8_t bin[CDX_CID_BIN_MAX];
	size_t len = cdx_cid_encode(bin, &cid);

	(void)state;
	assert_int_equal(len, 40);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(cdx_cid_decode(&cid, bin, n), CDX_E_FORMAT);
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(cdx_cid_parse(&cid, text, n), CDX_E_FORMAT);
}

static void empty_block_has_a_sha512_twin(void **state)
{
	struct cdx_cid cid = cdx_cid_empty();
	struct cdx_buf b = {0};

	(void)state;
	vector_hex(&b, "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a92"
		       "1d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a"
		       "81a538327af927da3e");
	cid.mhash = CDX_MHASH_SHA512;
	cid.len = 64;
	memcpy(cid.digest, b.p, 64);
	cdx_buf_free(&b);
	assert_true(cdx_cid_is_empty(&cid));
	cid.mhash = CDX_MHASH_IDENTITY;
	assert_false(cdx_cid_is_empty(&cid));
	cid.mhash = CDX_MHASH_SHA512;
	cid.codec = CDX_CODEC_ROOT;
	assert_false(cdx_cid_is_empty(&cid));
	cid.codec = CDX_CODEC_BLOCK;
	cid.digest[63] ^= 1;
	assert_false(cdx_cid_is_empty(&cid));
}

static void digest_lengths_are_the_registered_ones(void **state)
{
	(void)state;
	assert_int_equal(cdx_multicodec_digest_len(0x00), 0);
	assert_int_equal(cdx_multicodec_digest_len(0x11), 20);
	assert_int_equal(cdx_multicodec_digest_len(0x15), 48);
	assert_int_equal(cdx_multicodec_digest_len(0x17), 28);
	assert_int_equal(cdx_multicodec_digest_len(0xB201), 1);
	assert_int_equal(cdx_multicodec_digest_len(0xB220), 32);
	assert_int_equal(cdx_multicodec_digest_len(0xB240), 64);
	assert_int_equal(cdx_multicodec_digest_len(0xB260), 32);
	assert_int_equal(cdx_multicodec_digest_len(0xCD10), 32);
	assert_int_equal(cdx_multicodec_digest_len(0xCD12), CDX_E_CODEC);
	assert_int_equal(cdx_multicodec_digest_len(UINT64_MAX), CDX_E_CODEC);
	assert_false(cdx_multicodec_is_content(0xCD00));
	assert_true(cdx_multicodec_is_content(0xCD06));
	assert_false(cdx_multicodec_is_content(0x10000CD01));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_have_the_published_cids),
		cmocka_unit_test(published_texts_round_trip),
		cmocka_unit_test(reads_version_0_and_other_content),
		cmocka_unit_test(reads_other_bases),
		cmocka_unit_test(refuses_malformed_cids),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(empty_block_has_a_sha512_twin),
		cmocka_unit_test(digest_lengths_are_the_registered_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
