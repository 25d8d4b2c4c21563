/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/internal.h"
#include "crypto/secp.h"
#include "tests/unit/seed.h"

/* Keys, signatures and addresses of Ethereum, derivation from the words. */

/* Order of secp256k1 and its half; SEC 2 version 2.0, 2.4.1 */
#define N_TEXT \
	"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define N_LESS_1 \
	"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140"
#define N_HALF \
	"7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
/* The example of EIP-155 */
#define KEY_155 \
	"4646464646464646464646464646464646464646464646464646464646464646"
#define HASH_155 \
	"daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"
#define R_155 "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
#define S_155 "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
#define ADDR_155 "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"

static void unhex(void *out, size_t len, const char *hex)
{
	assert_int_equal(cdx_unhex(out, len, hex), 0);
}

static void is_hex(const uint8_t *p, size_t len, const char *want)
{
	char got[2 * 65 + 1];

	assert_true(len <= 65);
	cdx_hex(got, p, len);
	assert_string_equal(got, want);
}

static void keys(void **state)
{
	static const char *const bad[] = {
		ZERO,
		N_TEXT,
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364"
		"142",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffff",
	};
	/* made by hand with cast 1.7.1: cast wallet address KEY */
	static const struct {
		const char *key;
		const char *addr;
	} good[] = {
		{ONE, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"},
		{N_LESS_1, "0x80C0dbf239224071c59dD8970ab9d542E3414aB2"},
		{KEY_155, ADDR_155},
	};
	uint8_t hash[32] = {0};
	struct cdx_secp_sig sig;
	struct cdx_seckey k;
	struct cdx_seckey other;
	struct cdx_addr a;
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		unhex(k.b, sizeof(k.b), bad[i]);
		assert_int_equal(cdx_seckey_check(&k), CDX_E_FORMAT);
		assert_int_equal(cdx_seckey_addr(&a, &k), CDX_E_FORMAT);
		assert_int_equal(cdx_secp_sign(&sig, &k, hash), CDX_E_FORMAT);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		unhex(k.b, sizeof(k.b), good[i].key);
		assert_int_equal(cdx_seckey_check(&k), 0);
		assert_int_equal(cdx_seckey_addr(&a, &k), 0);
		cdx_addr_text(text, &a);
		assert_string_equal(text, good[i].addr);
	}
	cdx_seckey_random(&k);
	cdx_seckey_random(&other);
	assert_int_equal(cdx_seckey_check(&k), 0);
	assert_memory_not_equal(k.b, other.b, sizeof(k.b));
}

static void read_sig(struct cdx_secp_sig *out, const char *r, const char *s,
		     unsigned parity)
{
	unhex(out->r, sizeof(out->r), r);
	unhex(out->s, sizeof(out->s), s);
	out->parity = (uint8_t)parity;
}

static void signatures(void **state)
{
	struct cdx_secp_sig sig;
	struct cdx_secp_sig want;
	struct cdx_seckey k;
	struct cdx_addr a;
	uint8_t hash[32];
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	unhex(k.b, sizeof(k.b), KEY_155);
	unhex(hash, sizeof(hash), HASH_155);
	read_sig(&want, R_155, S_155, 0);
	assert_int_equal(cdx_secp_sign(&sig, &k, hash), 0);
	assert_memory_equal(&sig, &want, sizeof(sig));
	assert_int_equal(cdx_secp_recover(&a, &sig, hash), 0);
	cdx_addr_text(text, &a);
	assert_string_equal(text, ADDR_155);
}

static void nobodys_signatures(void **state)
{
	static const struct {
		const char *r;
		const char *s;
		unsigned parity;
	} bad[] = {
		{R_155, S_155, 2},
		{R_155, S_155, 27},
		{ZERO, S_155, 0},
		{R_155, ZERO, 0},
		{N_TEXT, S_155, 0},
		{R_155, N_TEXT, 0},
		{R_155, N_LESS_1, 0},
		/* no point has this x: 5^3 + 7 is no square */
		{"0000000000000000000000000000000000000000000000000000000000"
		 "000005",
		 S_155, 0},
	};
	struct cdx_addr a = {{1}};
	struct cdx_secp_sig sig;
	uint8_t hash[32];
	uint8_t n[32];
	unsigned borrow = 0;

	(void)state;
	unhex(hash, sizeof(hash), HASH_155);
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		read_sig(&sig, bad[i].r, bad[i].s, bad[i].parity);
		assert_int_equal(cdx_secp_recover(&a, &sig, hash), CDX_E_AUTH);
	}
	assert_int_equal(a.b[0], 1);
	/* the same signature with n - s and the other parity */
	read_sig(&sig, R_155, S_155, 1);
	unhex(n, sizeof(n), N_TEXT);
	for (size_t i = 32; i-- > 0;) {
		unsigned t = 256u + n[i] - sig.s[i] - borrow;

		sig.s[i] = (uint8_t)t;
		borrow = t < 256;
	}
	assert_int_equal(cdx_secp_recover(&a, &sig, hash), CDX_E_AUTH);
	/* the greatest that is taken is somebody's, one more is not */
	read_sig(&sig, R_155, N_HALF, 0);
	assert_int_equal(cdx_secp_recover(&a, &sig, hash), 0);
	sig.s[31]++;
	assert_int_equal(cdx_secp_recover(&a, &sig, hash), CDX_E_AUTH);
	/* of another hash it is somebody else's */
	read_sig(&sig, R_155, S_155, 0);
	hash[0] ^= 1;
	assert_int_equal(cdx_secp_recover(&a, &sig, hash), 0);
	assert_int_not_equal(a.b[0], 0x9d);
}

static void sign_many(void)
{
	struct seed s = seed_start("signatures");

	for (size_t i = 0; i < 100; i++) {
		struct cdx_seckey k;
		struct cdx_addr a;
		struct cdx_addr b;
		struct cdx_secp_sig sig;
		struct cdx_secp_sig again;
		uint8_t hash[32];

		seed_fill(&s, k.b, sizeof(k.b));
		seed_fill(&s, hash, sizeof(hash));
		assert_int_equal(cdx_seckey_addr(&a, &k), 0);
		assert_int_equal(cdx_secp_sign(&sig, &k, hash), 0);
		assert_int_equal(cdx_secp_sign(&again, &k, hash), 0);
		assert_memory_equal(&sig, &again, sizeof(sig));
		assert_true(sig.parity <= 1 && sig.s[0] < 0x80);
		assert_int_equal(cdx_secp_recover(&b, &sig, hash), 0);
		assert_memory_equal(a.b, b.b, sizeof(a.b));
		sig.parity ^= 1;
		if (cdx_secp_recover(&b, &sig, hash) == 0)
			assert_memory_not_equal(a.b, b.b, sizeof(a.b));
	}
}

static void *sign_in_thread(void *arg)
{
	(void)arg;
	sign_many();
	return NULL;
}

static void threads(void **state)
{
	pthread_t t[4];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++)
		assert_int_equal(
			pthread_create(&t[i], NULL, sign_in_thread, NULL), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
}

/* Examples of EIP-55 */
static void addresses(void **state)
{
	static const char *const good[] = {
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
		"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
		"0x52908400098527886E0F7030069857D2E4169EE7",
		"0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77",
		"0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x0000000000000000000000000000000000000000",
	};
	static const char *const bad[] = {
		"",
		"0x",
		"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed0",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae ",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
		" 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
	};
	struct cdx_addr a = {{1}};
	struct cdx_addr b;
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_addr_parse(&a, bad[i]), CDX_E_FORMAT);
	/* one letter of another case */
	assert_int_equal(
		cdx_addr_parse(&a,
			       "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"),
		CDX_E_HASH);
	assert_int_equal(a.b[0], 1);
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		assert_int_equal(cdx_addr_parse(&a, good[i]), 0);
		cdx_addr_text(text, &a);
		assert_string_equal(text, good[i]);
		/* in one case, the checksum is not there */
		for (char *p = text + 2; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'F' ? *p + 32 : *p);
		assert_int_equal(cdx_addr_parse(&b, text), 0);
		assert_memory_equal(a.b, b.b, sizeof(a.b));
		for (char *p = text + 2; *p; p++)
			*p = (char)(*p >= 'a' ? *p - 32 : *p);
		assert_int_equal(cdx_addr_parse(&b, text), 0);
		assert_memory_equal(a.b, b.b, sizeof(a.b));
	}
}

#define HARD 0x80000000u
#define MASTER UINT32_MAX

/* BIP-32, test vectors 1 to 4: key and chain code, which the xprv there hold */
static const struct {
	uint32_t index; /* MASTER: of the seed */
	const char *seed;
	const char *key;
	const char *chain;
} derivations[] = {
	{MASTER, "000102030405060708090a0b0c0d0e0f",
	 "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
	 "873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ffed37d508"},
	{0 | HARD, NULL,
	 "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea",
	 "47fdacbd0f1097043b78c63c20c34ef4ed9a111d980047ad16282c7ae6236141"},
	{1, NULL,
	 "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368",
	 "2a7857631386ba23dacac34180dd1983734e444fdbf774041578e9b6adb37c19"},
	{2 | HARD, NULL,
	 "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca",
	 "04466b9cc8e161e966409ca52986c584f07e9dc81f735db683c3ff6ec7b1503f"},
	{2, NULL,
	 "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4",
	 "cfb71883f01676f587d023cc53a35bc7f88f724b1f8c2892ac1275ac822a3edd"},
	{1000000000, NULL,
	 "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8",
	 "c783e67b921d2beb8f6b389cc646d7263b4145701dadd2161548a8b078e65e9e"},
	{MASTER,
	 "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2"
	 "9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
	 "4b03d6fc340455b363f51020ad3ecca4f0850280cf436c70c727923f6db46c3e",
	 "60499f801b896d83179a4374aeb7822aaeaceaa0db1f85ee3e904c4defbd9689"},
	{0, NULL,
	 "abe74a98f6c7eabee0428f53798f0ab8aa1bd37873999041703c742f15ac7e1e",
	 "f0909affaa7ee7abe5dd4e100598d4dc53cd709d5a5c2cac40e7412f232f7c9c"},
	{2147483647 | HARD, NULL,
	 "877c779ad9687164e9c2f4f0f4ff0340814392330693ce95a58fe18fd52e6e93",
	 "be17a268474a6bb9c61e1d720cf6215e2a88c5406c4aee7b38547f585c9a37d9"},
	{1, NULL,
	 "704addf544a06e5ee4bea37098463c23613da32020d604506da8c0518e1da4b7",
	 "f366f48f1ea9f2d1d3fe958c95ca84ea18e4c4ddb9366c336c927eb246fb38cb"},
	{2147483646 | HARD, NULL,
	 "f1c7c871a54a804afe328b4c83a1c33b8e5ff48f5087273f04efa83b247d6a2d",
	 "637807030d55d01f9a0cb3a7839515d796bd07706386a6eddf06cc29a65a0e29"},
	{2, NULL,
	 "bb7d39bdb83ecf58f2fd82b6d918341cbef428661ef01ab97c28a4842125ac23",
	 "9452b549be8cea3ecb7a84bec10dcfd94afe4d129ebfd3b3cb58eedf394ed271"},
	{MASTER,
	 "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4ac"
	 "ba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be",
	 "00ddb80b067e0d4993197fe10f2657a844a384589847602d56f0c629c81aae32",
	 "01d28a3e53cffa419ec122c968b3259e16b65076495494d97cae10bbfec3c36f"},
	{0 | HARD, NULL,
	 "491f7a2eebc7b57028e0d3faa0acda02e75c33b03c48fb288c41e2ea44e1daef",
	 "e5fea12a97b927fc9dc3d2cb0d1ea1cf50aa5a1fdc1f933e8906bb38df3377bd"},
	{MASTER,
	 "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678",
	 "12c0d59c7aa3a10973dbd3f478b65f2516627e3fe61e00c345be9a477ad2e215",
	 "d0c8a1f6edf2500798c3e0b54f1b56e45f6d03e6076abd36e5e2f54101e44ce6"},
	{0 | HARD, NULL,
	 "00d948e9261e41362a688b916f297121ba6bfb2274a3575ac0e456551dfd7f7e",
	 "cdc0f06456a14876c898790e0b3b1a41c531170aec69da44ff7b7265bfe7743b"},
	{1 | HARD, NULL,
	 "3a2086edd7d9df86c3487a5905a1712a9aa664bce8cc268141e07549eaa8661d",
	 "a48ee6674c5264a237703fd383bccd9fad4d9378ac98ab05e6e7029b06360c0d"},
};

static void derivation(void **state)
{
	struct cdx_hd_node node;
	uint8_t seed[64];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(derivations); i++) {
		if (derivations[i].seed) {
			size_t len = strlen(derivations[i].seed) / 2;

			unhex(seed, len, derivations[i].seed);
			assert_int_equal(cdx_hd_master(&node, seed, len), 0);
		} else {
			assert_int_equal(
				cdx_hd_child(&node, derivations[i].index), 0);
		}
		is_hex(node.key.b, 32, derivations[i].key);
		is_hex(node.chain, 32, derivations[i].chain);
	}
	/* no key: the sum is 0, or the term is not below n */
	unhex(node.key.b, 32, N_LESS_1);
	unhex(seed, 32, ONE);
	assert_int_equal(cdx_seckey_add(&node.key, seed), CDX_E_FORMAT);
	unhex(node.key.b, 32, ONE);
	unhex(seed, 32, N_TEXT);
	assert_int_equal(cdx_seckey_add(&node.key, seed), CDX_E_FORMAT);
	unhex(node.key.b, 32, ZERO);
	assert_int_equal(cdx_hd_child(&node, 0), CDX_E_FORMAT);
}

/* trezor/python-mnemonic, vectors.json: entropy of 24 words and the seed with
 * the passphrase TREZOR */
static void seeds(void **state)
{
	static const struct {
		uint8_t byte; /* repeated */
		const char *seed;
	} cases[] = {
		{0x00,
		 "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd30971"
		 "70af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8"},
		{0xff,
		 "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e16"
		 "13912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad"},
	};
	char words[CDX_WORDS_TEXT_MAX];
	char longer[CDX_HD_PASSPHRASE_MAX + 2];
	uint8_t seed[CDX_HD_SEED_LEN];
	struct cdx_root root;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		memset(root.b, cases[i].byte, sizeof(root.b));
		cdx_words_encode(words, &root);
		assert_int_equal(cdx_hd_seed(seed, words, "TREZOR"), 0);
		is_hex(seed, sizeof(seed), cases[i].seed);
	}
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(cdx_hd_seed(seed, "", longer), -EINVAL);
	longer[CDX_HD_PASSPHRASE_MAX] = '\0';
	assert_int_equal(cdx_hd_seed(seed, "", longer), 0);
}

/* Made by hand with cast 1.7.1, cast wallet private-key "WORDS"
 * "m/44'/60'/0'/0/INDEX" and cast wallet address KEY; @scure/bip32 1.7.0 with
 * @scure/bip39 1.6.0 gives the same keys.  WORDS is 23 times abandon and art,
 * and 23 times zoo and vote. */
static void accounts(void **state)
{
	static const struct {
		uint8_t byte; /* of the entropy, repeated */
		uint32_t index;
		const char *key;
		const char *addr;
	} cases[] = {
		{0x00, 0,
		 "1053fae1b3ac64f178bcc21026fd06a3f4544ec2f35338b001f02d1d8efa3d5f",
		 "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"},
		{0x00, 1,
		 "0855b75d03a8830e390b5483d81694c9c7121d971e092145cf8b9c6fa3a5b373",
		 "0xf785bD075874b8423D3583728a981399f31e95aA"},
		{0x00, 2,
		 "86015375c36a7a3d263edc84aeaed9bc001f4a137206c52a7dae7828148cd34d",
		 "0x60Af1c6A5D03F9f1B1b74931499bC99E72fF8DA9"},
		{0x00, 3,
		 "031805459f6122a0c713ca74ab72f4b306a625db587c1a8755e5c9e535bd95a9",
		 "0xDF7F9c4b9B9b9580B265DCD892173e9bD90e067F"},
		{0x00, HARD - 1,
		 "1592927729109c6595d47e278b15254e34cdd7b1bcd817331f8ba4ed23fe7e19",
		 "0xeD0092C60c525E6DB9c131F5971Ed5Fed05E496C"},
		{0xff, 0,
		 "105434ca932be16664cb5e44e5b006728577dd757440d068e6d15ef52c15a82f",
		 "0x1959f5f4979c5Cd87D5CB75c678c770515cb5E0E"},
		{0xff, 1,
		 "a9fe0d531d6059f699426fb4476352843549b59849d85354b0e00a61de8285fc",
		 "0xEFC840572B9889de6bF172Da76b7fA59B53a0Ea0"},
	};
	struct cdx_seckey k = {{1}};
	struct cdx_root root = {{0}};
	struct cdx_addr a;
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(cdx_hd_account(&k, &root, HARD), -ERANGE);
	assert_int_equal(cdx_hd_account(&k, &root, UINT32_MAX), -ERANGE);
	assert_int_equal(k.b[0], 1);
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		memset(root.b, cases[i].byte, sizeof(root.b));
		assert_int_equal(cdx_hd_account(&k, &root, cases[i].index), 0);
		is_hex(k.b, sizeof(k.b), cases[i].key);
		assert_int_equal(cdx_seckey_addr(&a, &k), 0);
		cdx_addr_text(text, &a);
		assert_string_equal(text, cases[i].addr);
	}
}

/* Signatures as libp2p has them; the numbers were computed by a Python script
 * with nothing but hashlib and whole numbers. */
static void der_signatures(void **state)
{
	/* of SHA-256("abc") with KEY_155, and with n - s instead of s */
	static const char low[] =
		"3045022100eb09d509499990eca5f2dda1d3b3b01b05eb4efbe2fe366cf8a4"
		"c4c0d2b8c96a0220565a1eef5192f92b470f2e02d763530d238e9db7b0c560"
		"b8a9ef35dcaa39f803";
	static const char high[] =
		"3046022100eb09d509499990eca5f2dda1d3b3b01b05eb4efbe2fe366cf8a4"
		"c4c0d2b8c96a022100a9a5e110ae6d06d4b8f0d1fd289cacf197203f2efe83"
		"3f8315e328b025fc493e";
	uint8_t key[CDX_PUBLIC_LEN];
	uint8_t sig[CDX_DER_SIG_MAX];
	uint8_t got[CDX_DER_SIG_MAX];
	struct cdx_digest hash;
	struct cdx_seckey k;
	int len;

	(void)state;
	cdx_sha256(&hash, "abc", 3);
	unhex(k.b, sizeof(k.b), KEY_155);
	assert_int_equal(cdx_seckey_public(key, &k), 0);
	assert_int_equal(cdx_public_check(key), 0);
	unhex(sig, 71, low);
	len = cdx_der_sign(got, &k, hash.b);
	assert_int_equal(len, 71);
	assert_memory_equal(got, sig, 71);
	assert_int_equal(cdx_der_verify(got, 71, key, hash.b), 0);
	/* another hash, another key, a high s, every bit and every length */
	hash.b[0] ^= 1;
	assert_int_equal(cdx_der_verify(sig, 71, key, hash.b), CDX_E_AUTH);
	hash.b[0] ^= 1;
	key[0] ^= 1;
	assert_int_equal(cdx_der_verify(sig, 71, key, hash.b), CDX_E_AUTH);
	key[0] ^= 1;
	unhex(got, 72, high);
	assert_int_equal(cdx_der_verify(got, 72, key, hash.b), CDX_E_AUTH);
	for (size_t bit = 0; bit < 8 * 71u; bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(cdx_der_verify(sig, 71, key, hash.b),
				 CDX_E_AUTH);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < 71; cut++)
		assert_int_equal(cdx_der_verify(sig, cut, key, hash.b),
				 CDX_E_AUTH);
	sig[71] = 0;
	assert_int_equal(cdx_der_verify(sig, 72, key, hash.b), CDX_E_AUTH);
	/* keys that are none */
	key[0] = 4;
	assert_int_equal(cdx_public_check(key), CDX_E_FORMAT);
	assert_int_equal(cdx_der_verify(sig, 71, key, hash.b), CDX_E_FORMAT);
	memset(key + 1, 0xff, sizeof(key) - 1);
	key[0] = 2;
	assert_int_equal(cdx_public_check(key), CDX_E_FORMAT);
	memset(k.b, 0, sizeof(k.b));
	assert_int_equal(cdx_der_sign(got, &k, hash.b), CDX_E_FORMAT);
	assert_int_equal(cdx_seckey_public(key, &k), CDX_E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads),
		cmocka_unit_test(keys),
		cmocka_unit_test(signatures),
		cmocka_unit_test(nobodys_signatures),
		cmocka_unit_test(der_signatures),
		cmocka_unit_test(addresses),
		cmocka_unit_test(derivation),
		cmocka_unit_test(seeds),
		cmocka_unit_test(accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
