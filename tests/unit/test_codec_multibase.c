/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/multibase.h"
#include "tests/unit/seed.h"

static const char plain[] = "Decentralize everything!!!";

/* The same bytes in every base, from the multibase project's table (the ones
 * that nim-libp2p tests) or, for the rest, computed with Python. */
static const char *const texts[] = {
	"f446563656e7472616c697a652065766572797468696e67212121",
	"F446563656E7472616C697A652065766572797468696E67212121",
	"birswgzloorzgc3djpjssazlwmvzhs5dinfxgoijbee",
	"BIRSWGZLOORZGC3DJPJSSAZLWMVZHS5DINFXGOIJBEE",
	"cirswgzloorzgc3djpjssazlwmvzhs5dinfxgoijbee======",
	"CIRSWGZLOORZGC3DJPJSSAZLWMVZHS5DINFXGOIJBEE======",
	"v8him6pbeehp62r39f9ii0pbmclp7it38d5n6e89144",
	"V8HIM6PBEEHP62R39F9II0PBMCLP7IT38D5N6E89144",
	"t8him6pbeehp62r39f9ii0pbmclp7it38d5n6e89144======",
	"T8HIM6PBEEHP62R39F9II0PBMCLP7IT38D5N6E89144======",
	"het1sg3mqqt3gn5djxj11y3msci3817depfzgqejbrr",
	"z36UQrhJq9fNDS7DiAHM9YXqDHMPfr4EMArvt",
	"Z36tpRGiQ9Endr7dHahm9xwQdhmoER4emaRVT",
	"mRGVjZW50cmFsaXplIGV2ZXJ5dGhpbmchISE",
	"uRGVjZW50cmFsaXplIGV2ZXJ5dGhpbmchISE",
	"MRGVjZW50cmFsaXplIGV2ZXJ5dGhpbmchISE=",
	"URGVjZW50cmFsaXplIGV2ZXJ5dGhpbmchISE=",
	("0010001000110010101100011011001010110111001110100011100100110000"
	 "1011011000110100101111010011001010010000001100101011101100110010"
	 "1011100100111100101110100011010000110100101101110011001110010000"
	 "10010000100100001"),
	("7210625433126716434460554322751451006256631271171350641513346344"
	 "1102204"),
	"9109908211473026300072608683330054595334719246534349983154512161",
	"\0Decentralize everything!!!",
};

static void decodes_every_base(void **state)
{
	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(texts); i++) {
		size_t len = texts[i][0] ? strlen(texts[i]) : sizeof(plain);
		uint8_t out[64];
		ssize_t n;

		n = cdx_multibase_decode(out, sizeof(out), texts[i], len);
		if (n != (ssize_t)sizeof(plain) - 1)
			fail_msg("%s: %zd", texts[i], n);
		assert_memory_equal(out, plain, (size_t)n);
		/* exactly enough room, and one byte too little */
		n = cdx_multibase_decode(out, sizeof(plain) - 1, texts[i], len);
		assert_int_equal(n, sizeof(plain) - 1);
		n = cdx_multibase_decode(out, sizeof(plain) - 2, texts[i], len);
		assert_int_equal(n, CDX_E_FORMAT);
	}
}

static void refuses_malformed_text(void **state)
{
	static const struct {
		const char *text;
		int err;
	} bad[] = {
		{"", CDX_E_FORMAT},
		{"1", CDX_E_CODEC}, /* unary */
		{"x00", CDX_E_CODEC},
		{"z0", CDX_E_FORMAT}, /* no 0 in base58 */
		{"zl", CDX_E_FORMAT},
		{"zI", CDX_E_FORMAT},
		{"zO", CDX_E_FORMAT},
		{"z 1", CDX_E_FORMAT},
		{"z\xff", CDX_E_FORMAT},
		{"fABCD", CDX_E_FORMAT}, /* case */
		{"Fabcd", CDX_E_FORMAT},
		{"fabc", CDX_E_FORMAT},	 /* half a byte */
		{"bi", CDX_E_FORMAT},	 /* a digit too many */
		{"bir", CDX_E_FORMAT},	 /* leftover bits not 0 */
		{"bia==", CDX_E_FORMAT}, /* no padding in b */
		{"mRA=", CDX_E_FORMAT},
		{"mRB", CDX_E_FORMAT},
		{"m-_8", CDX_E_FORMAT}, /* the other alphabet */
		{"u+/8", CDX_E_FORMAT},
		{"02", CDX_E_FORMAT},
		{"00101", CDX_E_FORMAT},
		{"78", CDX_E_FORMAT},
		{"9a", CDX_E_FORMAT},
	};
	uint8_t out[64];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		ssize_t n = cdx_multibase_decode(out, sizeof(out), bad[i].text,
						 strlen(bad[i].text));
		if (n != bad[i].err)
			fail_msg("\"%s\": %zd", bad[i].text, n);
	}
	/* a prefix alone is no bytes */
	assert_int_equal(cdx_multibase_decode(out, sizeof(out), "z", 1), 0);
	assert_int_equal(cdx_multibase_decode(out, sizeof(out), "b", 1), 0);
	assert_int_equal(cdx_multibase_decode(out, sizeof(out), "\0", 1), 0);
	/* any number of pads */
	assert_int_equal(cdx_multibase_decode(out, sizeof(out), "MRA", 3), 1);
	assert_int_equal(cdx_multibase_decode(out, sizeof(out), "MRA====", 7),
			 1);
}

static void bounds_the_work(void **state)
{
	static char text[1 << 16];
	uint8_t out[CDX_MULTIBASE_BYTES_MAX];
	char enc[256];
	uint8_t in[CDX_MULTIBASE_BYTES_MAX + 1] = {0};

	(void)state;
	memset(text, 'z', sizeof(text));
	assert_int_equal(cdx_multibase_decode(out, sizeof(out), text,
					      sizeof(text)),
			 CDX_E_FORMAT);
	assert_int_equal(cdx_base58_decode(out, sizeof(out), text,
					   sizeof(text)),
			 CDX_E_FORMAT);
	/* 175 digits 'z' are 128 bytes, one more is too long */
	assert_int_equal(cdx_base58_decode(out, sizeof(out), text, 174), 128);
	assert_int_equal(cdx_base58_decode(out, sizeof(out), text, 176),
			 CDX_E_FORMAT);
	assert_int_equal(cdx_base58_encode(enc, sizeof(enc), in, sizeof(in)),
			 -EINVAL);
	/* room for the NUL counts */
	assert_int_equal(cdx_base58_encode(enc, 3, in, 3), -EINVAL);
	assert_int_equal(cdx_base58_encode(enc, 4, in, 3), 3);
	assert_string_equal(enc, "111");
	assert_int_equal(cdx_base58_encode(enc, 1, in, 0), 0);
	assert_string_equal(enc, "");
}

static void base58_round_trips(void **state)
{
	struct seed seed = seed_start("test_codec_multibase");

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		size_t len = seed_below(&seed, CDX_MULTIBASE_BYTES_MAX + 1);
		size_t zeros = seed_below(&seed, 4);
		uint8_t in[CDX_MULTIBASE_BYTES_MAX];
		uint8_t out[CDX_MULTIBASE_BYTES_MAX];
		char text[256];
		ssize_t n;

		for (size_t i = 0; i < len; i++)
			in[i] = i < zeros ? 0 : (uint8_t)seed_u64(&seed);
		n = cdx_base58_encode(text, sizeof(text), in, len);
		assert_true(n >= 0);
		assert_int_equal(strlen(text), n);
		n = cdx_base58_decode(out, sizeof(out), text, (size_t)n);
		assert_int_equal(n, len);
		assert_memory_equal(in, out, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_every_base),
		cmocka_unit_test(refuses_malformed_text),
		cmocka_unit_test(bounds_the_work),
		cmocka_unit_test(base58_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
