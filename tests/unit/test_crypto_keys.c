/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/internal.h"
#include "crypto/keys.h"
#include "tests/unit/seed.h"

/* cheap enough for thousands of runs */
static const struct cdx_argon2 cheap = {1, 8192};

static void check_hex(const void *got, const char *want)
{
	char text[65];

	cdx_hex(text, got, 32);
	assert_string_equal(text, want);
}

static const struct {
	const char *hex;
	const char *words;
} bip39[] = {
	/* from BIP-39's reference vectors, those with 24 words */
	{"00000000000000000000000000000000"
	 "00000000000000000000000000000000",
	 "abandon abandon abandon abandon abandon abandon abandon abandon "
	 "abandon abandon abandon abandon abandon abandon abandon abandon "
	 "abandon abandon abandon abandon abandon abandon abandon art"},
	{"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f"
	 "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
	 "legal winner thank year wave sausage worth useful legal winner thank "
	 "year wave sausage worth useful legal winner thank year wave sausage "
	 "worth title"},
	{"80808080808080808080808080808080"
	 "80808080808080808080808080808080",
	 "letter advice cage absurd amount doctor acoustic avoid letter advice "
	 "cage absurd amount doctor acoustic avoid letter advice cage absurd "
	 "amount doctor acoustic bless"},
	{"ffffffffffffffffffffffffffffffff"
	 "ffffffffffffffffffffffffffffffff",
	 "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
	 "zoo zoo zoo zoo zoo zoo vote"},
	{"68a79eaca2324873eacc50cb9c6eca8c"
	 "c68ea5d936f98787c60c7ebc74e6ce7c",
	 "hamster diagram private dutch cause delay private meat slide toddler "
	 "razor book happy fancy gospel tennis maple dilemma loan word shrug "
	 "inflict delay length"},
	{"9f6a2878b2520799a44ef18bc7df394e"
	 "7061a224d2c33cd015b157d746869863",
	 "panda eyebrow bullet gorilla call smoke muffin taste mesh discover "
	 "soft ostrich alcohol speed nation flash devote level hobby quick "
	 "inner drive ghost inside"},
	{"066dca1a2bb7e8a1db2832148ce9933e"
	 "ea0f3ac9548d793112d9a95c9407efad",
	 "all hour make first leader extend hole alien behind guard gospel lava "
	 "path output census museum junior mass reopen famous sing advance salt "
	 "reform"},
	{"f585c11aec520db57dd353c69554b21a"
	 "89b20fb0650966fa0a9d6f74fd989d8f",
	 "void come effort suffer camp survey warrior heavy shoot primary "
	 "clutch crush open amazing screen patrol group space point ten exist "
	 "slush involve unfold"},
};

static void test_words_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bip39); i++) {
		struct cdx_root root;
		struct cdx_root back;
		char text[CDX_WORDS_TEXT_MAX];
		unsigned bad = 99;

		assert_int_equal(cdx_unhex(root.b, 32, bip39[i].hex), 0);
		cdx_words_encode(text, &root);
		assert_string_equal(text, bip39[i].words);
		assert_int_equal(
			cdx_words_decode(&back, &bad, text, strlen(text)), 0);
		assert_memory_equal(back.b, root.b, 32);
		assert_int_equal(bad, 0);
	}
}

static void test_wordlist(void **state)
{
	struct cdx_digest d;
	struct cdx_buf b = {0};

	(void)state;
	for (size_t i = 0; i < CDX_WORDLIST_LEN; i++) {
		assert_true(!i ||
			    strcmp(cdx_wordlist[i - 1], cdx_wordlist[i]) < 0);
		cdx_buf_put(&b, cdx_wordlist[i], strlen(cdx_wordlist[i]));
		cdx_buf_u8(&b, '\n');
	}
	assert_int_equal(cdx_buf_ok(&b), 0);
	cdx_sha256(&d, b.p, b.len);
	cdx_buf_free(&b);
	check_hex(d.b, "2f5eed53a4727b4bf8880d8f3f199efc"
		       "90e58503646d9ff8eff3a2ed3b24dbda");
}

static void check_words(const char *text, size_t len, int want, unsigned bad)
{
	struct cdx_root root;
	unsigned got = 99;

	assert_int_equal(cdx_words_decode(&root, &got, text, len), want);
	assert_int_equal(got, bad);
	assert_int_equal(cdx_words_decode(&root, NULL, text, len), want);
}

#define TWENTY_TWO                                     \
	"zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo " \
	"zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "

static void test_words_refused(void **state)
{
	static const char ok[] = "\n\tZoo  " TWENTY_TWO "\r\n\v\fvOTE \n";
	static const char nul[] = TWENTY_TWO "zoo vote\0";
	static const char nul_inside[] = TWENTY_TWO "zoo\0 vote";

	(void)state;
	check_words(ok, sizeof(ok) - 1, 0, 0);
	check_words("", 0, CDX_E_FORMAT, 0);
	check_words("   ", 3, CDX_E_FORMAT, 0);
	check_words(TWENTY_TWO "vote", strlen(TWENTY_TWO) + 4, CDX_E_FORMAT, 0);
	check_words(TWENTY_TWO "zoo zoo", strlen(TWENTY_TWO) + 7, CDX_E_AUTH,
		    0);
	check_words(TWENTY_TWO "zoo zoo vote", strlen(TWENTY_TWO) + 12,
		    CDX_E_FORMAT, 0);
	check_words(TWENTY_TWO "zoon vote", strlen(TWENTY_TWO) + 9,
		    CDX_E_FORMAT, 23);
	check_words(TWENTY_TWO "zo vote", strlen(TWENTY_TWO) + 7, CDX_E_FORMAT,
		    23);
	check_words(TWENTY_TWO "abandonabandon x", strlen(TWENTY_TWO) + 16,
		    CDX_E_FORMAT, 23);
	check_words("z\xc3\xb6o zoo", 8, CDX_E_FORMAT, 1);
	check_words(nul, sizeof(nul) - 1, CDX_E_FORMAT, 24);
	check_words(nul_inside, sizeof(nul_inside) - 1, CDX_E_FORMAT, 23);
	/* only @len bytes count */
	check_words(TWENTY_TWO "zoo votex", strlen(TWENTY_TWO) + 8, 0, 0);
}

static void test_words_random(void **state)
{
	struct seed seed = seed_start("words");
	unsigned caught = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct cdx_root root;
		struct cdx_root back;
		char text[CDX_WORDS_TEXT_MAX];

		seed_fill(&seed, root.b, sizeof(root.b));
		cdx_words_encode(text, &root);
		assert_int_equal(
			cdx_words_decode(&back, NULL, text, strlen(text)), 0);
		assert_memory_equal(back.b, root.b, 32);
		/* another first word: the checksum tells, but for 1 in 256 */
		memmove(strchr(text, ' ') - 3, "zoo", 3);
		if (strncmp(text, "zoo ", 4) == 0 &&
		    cdx_words_decode(&back, NULL, text, strlen(text)) ==
			    CDX_E_AUTH)
			caught++;
	}
	assert_true(caught > 0);
}

/* RFC 5869 case 3: no salt, no info; its first 32 bytes of output */
static void test_hkdf_known(void **state)
{
	uint8_t secret[22];
	struct cdx_key out;

	(void)state;
	memset(secret, 0x0b, sizeof(secret));
	cdx_hkdf(&out, secret, sizeof(secret), "", NULL, 0);
	check_hex(out.b, "8da4e775a563c18f715f802a063c5a31"
			 "b8a11f5c5ee1879ec3454e5f3c738d2d");
}

static void openssl_hkdf(uint8_t out[32], const uint8_t *secret, size_t len,
			 const uint8_t *info, size_t info_len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t n = 32;

	assert_non_null(ctx);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_hkdf_key(ctx, secret, (int)len), 1);
	assert_int_equal(EVP_PKEY_CTX_add1_hkdf_info(ctx, info, (int)info_len),
			 1);
	assert_int_equal(EVP_PKEY_derive(ctx, out, &n), 1);
	assert_int_equal(n, 32);
	EVP_PKEY_CTX_free(ctx);
}

static void test_hkdf_openssl(void **state)
{
	struct seed seed = seed_start("hkdf");

	(void)state;
	for (int i = 0; i < 500; i++) {
		uint8_t secret[100];
		uint8_t info[60] = "label";
		size_t len = 1 + seed_below(&seed, sizeof(secret));
		size_t extra = seed_below(&seed, sizeof(info) - 5);
		uint8_t want[32];
		struct cdx_key got;

		seed_fill(&seed, secret, len);
		seed_fill(&seed, info + 5, extra);
		openssl_hkdf(want, secret, len, info, 5 + extra);
		cdx_hkdf(&got, secret, len, "label", info + 5, extra);
		assert_memory_equal(got.b, want, 32);
	}
}

/* Computed with Python's hmac module for the root 00 01 .. 1f */
static void test_volume_keys(void **state)
{
	struct cdx_root root;
	struct cdx_volume_keys k;
	static const struct cdx_volume_keys zero;

	(void)state;
	for (size_t i = 0; i < sizeof(root.b); i++)
		root.b[i] = (uint8_t)i;
	cdx_volume_keys_derive(&k, &root, 0);
	check_hex(k.w.b, "4494a00d64d72ff8194df198ab7c3096"
			 "a3cb76b45180a2e66d0d9d344381fe0d");
	check_hex(k.local.b, "42fcae99fbba6761fa127ee32a5e7b75"
			     "42be903e38345b209c804499edeaac64");
	check_hex(k.read.b, "5f57d9b3182ac6543c964629322f63d1"
			    "b838c7bb05863be731bc92f1712c8d53");
	check_hex(k.sign.b, "1c476097da35a6815deabefc36675f04"
			    "dffbd63b0259c7ba2fdcbfcad25afc23");
	check_hex(k.location.b, "19eb79bd786ddeadd946bf48604826e3"
				"eb22bfcfc77841984e9f127b2896c986");
	check_hex(k.chunk.b, "fbeee33a1ccff5c4b81fc198ccedcebf"
			     "0f8805942e77f9ea02de75ffc8828518");
	check_hex(k.footer.b, "717998247a02caa762d0d57d9703ceeb"
			      "b3277cc9299df8fe6ebd2cc117d67ec3");
	check_hex(k.wrap.b, "957f4f4bcaee1ce99db0197c766b5dfc"
			    "9ba315bead024b54f436d88336f98293");
	check_hex(k.sum.b, "4f9e5ffd81dce90d503887893a3c22fc"
			   "1c56107417aa9b9110b5feb8d8379fc1");
	cdx_volume_keys_derive(&k, &root, 1);
	check_hex(k.w.b, "0970245cae905c0e514d75c62f8a7419"
			 "a3ce7b6529c7ce2f60d5084ceee1175a");
	check_hex(k.sum.b, "aab42fb26dc80622b03aa6279edebd4d"
			   "562848cef168cce009b871400db3ef8c");
	cdx_volume_keys_wipe(&k);
	assert_memory_equal(&k, &zero, sizeof(k));
}

static void some_keyfile(struct cdx_keyfile *k)
{
	cdx_root_random(&k->root);
	k->volume = 0x01020304;
}

/* Every byte that is altered and every length that is cut is noticed. */
static void check_damage(const struct cdx_buf *b, const char *password)
{
	uint8_t raw[CDX_KEYFILE_SEALED_LEN + 1];
	struct cdx_keyfile got;

	assert_true(b->len < sizeof(raw));
	memset(&got, 0x55, sizeof(got));
	memcpy(raw, b->p, b->len);
	for (size_t i = 0; i < b->len; i++) {
		/* an altered cost may be in bounds, and then takes seconds */
		if (password && i >= CDX_KEYFILE_AT_PASSES &&
		    i < CDX_KEYFILE_AT_MEM + 8)
			continue;
		raw[i] ^= 0x04;
		assert_true(cdx_keyfile_decode(&got, raw, b->len, password) <
			    0);
		raw[i] ^= 0x04;
	}
	for (size_t len = 0; len < b->len; len++)
		assert_int_equal(cdx_keyfile_decode(&got, raw, len, password),
				 CDX_E_FORMAT);
	raw[b->len] = 0;
	assert_int_equal(cdx_keyfile_decode(&got, raw, b->len + 1, password),
			 CDX_E_FORMAT);
	/* nothing is written before all is known to be good */
	assert_int_equal(got.volume, 0x55555555);
	assert_int_equal(cdx_keyfile_decode(&got, raw, b->len, password), 0);
}

static void test_keyfile_plain(void **state)
{
	struct cdx_keyfile k;
	struct cdx_keyfile got;
	struct cdx_buf b = {0};

	(void)state;
	some_keyfile(&k);
	assert_int_equal(cdx_keyfile_encode(&b, &k, NULL), 0);
	assert_int_equal(b.len, CDX_KEYFILE_PLAIN_LEN);
	assert_false(cdx_keyfile_is_sealed(b.p, b.len));
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, NULL), 0);
	assert_memory_equal(got.root.b, k.root.b, 32);
	assert_int_equal(got.volume, k.volume);
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, "x"), 0);
	check_damage(&b, NULL);
	b.p[30] ^= 1;
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, NULL),
			 CDX_E_HASH);
	b.p[CDX_KEYFILE_AT_VERSION] = 2;
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, NULL),
			 CDX_E_VERSION);
	cdx_buf_wipe(&b);
}

static void test_keyfile_sealed(void **state)
{
	struct cdx_keyfile k;
	struct cdx_keyfile got;
	struct cdx_buf b = {0};

	(void)state;
	some_keyfile(&k);
	assert_int_equal(cdx_keyfile_seal(&b, &k, "pass word", &cheap), 0);
	assert_int_equal(b.len, CDX_KEYFILE_SEALED_LEN);
	assert_true(cdx_keyfile_is_sealed(b.p, b.len));
	assert_false(cdx_keyfile_is_sealed(b.p, CDX_KEYFILE_AT_KIND));
	assert_true(cdx_keyfile_is_sealed(b.p, CDX_KEYFILE_AT_KIND + 1));
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, NULL), -ENOKEY);
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, "password"),
			 CDX_E_AUTH);
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, ""), CDX_E_AUTH);
	assert_int_equal(cdx_keyfile_decode(&got, b.p, b.len, "pass word"), 0);
	assert_memory_equal(got.root.b, k.root.b, 32);
	assert_int_equal(got.volume, k.volume);
	check_damage(&b, "pass word");
	/* the secret is not in there */
	assert_null(memmem(b.p, b.len, k.root.b, 8));
	cdx_buf_free(&b);
}

/* Limits of the file are bounded before they cost anything. */
static void test_keyfile_limits(void **state)
{
	static const struct cdx_argon2 bad[] = {
		{0, 8192},	 {17, 8192}, {UINT32_MAX, 8192},
		{1, 8191},	 {1, 0},     {1, (UINT64_C(1) << 30) + 1},
		{1, UINT64_MAX},
	};
	struct cdx_keyfile k;
	struct cdx_buf b = {0};

	(void)state;
	some_keyfile(&k);
	assert_int_equal(cdx_keyfile_seal(&b, &k, "x", &cheap), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		cdx_put_be32(b.p + CDX_KEYFILE_AT_PASSES, bad[i].passes);
		cdx_put_be64(b.p + CDX_KEYFILE_AT_MEM, bad[i].mem);
		assert_int_equal(cdx_keyfile_decode(&k, b.p, b.len, "x"),
				 CDX_E_FORMAT);
	}
	/* another cost within bounds: simply another key */
	cdx_put_be32(b.p + CDX_KEYFILE_AT_PASSES, 2);
	cdx_put_be64(b.p + CDX_KEYFILE_AT_MEM, 8192);
	assert_int_equal(cdx_keyfile_decode(&k, b.p, b.len, "x"), CDX_E_AUTH);
	cdx_buf_free(&b);
}

/* One at the cost that real files have */
static void test_keyfile_moderate(void **state)
{
	struct cdx_keyfile k;
	struct cdx_keyfile got;
	struct cdx_buf b = {0};

	(void)state;
	some_keyfile(&k);
	cdx_buf_put(&b, "head", 4);
	assert_int_equal(cdx_keyfile_encode(&b, &k, "x"), 0);
	assert_int_equal(b.len, 4 + CDX_KEYFILE_SEALED_LEN);
	assert_memory_equal(b.p, "head", 4);
	assert_int_equal(cdx_get_be32(b.p + 4 + CDX_KEYFILE_AT_PASSES), 3);
	assert_int_equal(cdx_get_be64(b.p + 4 + CDX_KEYFILE_AT_MEM), 256 << 20);
	assert_int_equal(cdx_keyfile_decode(&got, b.p + 4, b.len - 4, "x"), 0);
	assert_memory_equal(got.root.b, k.root.b, 32);
	cdx_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wordlist),
		cmocka_unit_test(test_words_known),
		cmocka_unit_test(test_words_refused),
		cmocka_unit_test(test_words_random),
		cmocka_unit_test(test_hkdf_known),
		cmocka_unit_test(test_hkdf_openssl),
		cmocka_unit_test(test_volume_keys),
		cmocka_unit_test(test_keyfile_plain),
		cmocka_unit_test(test_keyfile_sealed),
		cmocka_unit_test(test_keyfile_limits),
		cmocka_unit_test(test_keyfile_moderate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
