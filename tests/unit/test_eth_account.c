/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "eth/account.h"

/* Accounts: keystores of other programs, raw keys, refusals; nothing secret is
 * in a reason. */

#define KEY "4646464646464646464646464646464646464646464646464646464646464646"
#define ADDR "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"
#define KEY_N "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

/* The shape of all; kdf, kdfparams, then iv, ciphertext, mac, rest */
#define STORE(kdf, params, iv, text, mac, rest)                                  \
	"{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"" iv \
	"\"},\"ciphertext\":\"" text "\",\"kdf\":\"" kdf                         \
	"\",\"kdfparams\":{" params "},\"mac\":\"" mac "\"}," rest               \
	"\"version\":3}"

/* The smallest cost: all that is refused starts from this one.  go-ethereum,
 * accounts/keystore/testdata/v3_test_vector.json, "31_byte_key" */
#define CHEAP                                                            \
	STORE("scrypt",                                                  \
	      "\"dklen\":32,\"n\":2,\"r\":8,\"p\":1,\"salt\":\""         \
	      "711f816911c92d649fb4c84b047915679933555030b3552c1212609b" \
	      "38208c63\"",                                              \
	      "e0c41130a323adc1446fc82f724bca2f",                        \
	      "9517cd5bdbe69076f9bf5057248c6c050141e970efa36ce53692d5d5" \
	      "9a3984",                                                  \
	      "d5e116151c6aa71470e67a7d42c9620c75c4d23229847dcc127794f0" \
	      "732b0db5",                                                \
	      "")
#define CHEAP_KEY \
	"00fa7b3db73dc7dfdf8c5fbdb796d741e4488628c41fc4febd9160a866ba0f35"

static const struct {
	const char *json;
	const char *password;
	const char *key;
} vectors[] = {
	/* Ethereum's wiki, "Web3 Secret Storage Definition": PBKDF2 and
	 * scrypt */
	{STORE("pbkdf2",
	       "\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\",\"salt\":"
	       "\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624c"
	       "e0bd\"",
	       "6087dab2f9fdbbfaddc31a909735c1e6",
	       "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa"
	       "46",
	       "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9"
	       "b2",
	       "\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\","),
	 "testpassword",
	 "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"},
	{STORE("scrypt",
	       "\"dklen\":32,\"n\":262144,\"r\":1,\"p\":8,\"salt\":"
	       "\"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334"
	       "ba19\"",
	       "83dbcc02d8ccb40e466191a123791e0e",
	       "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde47"
	       "9c",
	       "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e30"
	       "97",
	       "\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\","),
	 "testpassword",
	 "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"},
	{CHEAP, "foo", CHEAP_KEY},
	/* the same file of go-ethereum, "30_byte_key" */
	{STORE("scrypt",
	       "\"dklen\":32,\"n\":2,\"r\":8,\"p\":1,\"salt\":"
	       "\"d0769e608fb86cda848065642a9c6fa046845c928175662b8e356c77f914"
	       "cd3b\"",
	       "3ca92af36ad7c2cd92454c59cea5ef00",
	       "108b7d34f3442fc26ab1ab90ca91476ba6bfa8c00975a49ef9051dc675aa",
	       "75d0e6759f7b3cefa319c3be41680ab6beea7d8328653474bd06706d4cc674"
	       "20",
	       ""),
	 "foo",
	 "000081c29e8142bb6a81bef5a92bda7a8328a5c85bb2f9542e76f9b0f94fc018"},
	/* made by hand with cast 1.7.1: cast wallet import --keystore-dir DIR
	 * --private-key KEY --unsafe-password 'pass wörd' made; the address,
	 * which cast leaves out, is that of cast wallet address KEY */
	{STORE("scrypt",
	       "\"dklen\":32,\"n\":8192,\"p\":1,\"r\":8,\"salt\":"
	       "\"fa1255e063f1db61aef0982ffe374e87282777d278d64b417bf0c124380d"
	       "4e30\"",
	       "48f4e0aeea6b98229eef09e16b66164e",
	       "26be01a42d9b5753699611519035876e72d240b5b20c0a81b0d1c71b03195a"
	       "16",
	       "f7db7d80e35877035c88d905f766fdde75ead56e875005d1263e03956f0493"
	       "16",
	       "\"address\":\"9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f\","),
	 "pass w\xc3\xb6rd", KEY},
};

static bool is_key(const struct cdx_seckey *k, const char *hex)
{
	char got[65];

	cdx_hex(got, k->b, sizeof(k->b));
	return strcmp(got, hex) == 0;
}

static void keystores(void **state)
{
	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(vectors); i++) {
		struct cdx_seckey k = {{0}};
		char why[CDX_ACCOUNT_WHY_MAX];

		assert_int_equal(cdx_keystore_decode(&k, vectors[i].json,
						     strlen(vectors[i].json),
						     vectors[i].password, why),
				 0);
		assert_true(is_key(&k, vectors[i].key));
		assert_string_equal(why, "");
	}
}

static void wrong_passwords(void **state)
{
	static const char *const bad[] = {"", "fo", "fooo", "Foo", "secret"};
	char why[CDX_ACCOUNT_WHY_MAX];
	struct cdx_seckey k = {{1}};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		assert_int_equal(cdx_keystore_decode(&k, CHEAP, strlen(CHEAP),
						     bad[i], why),
				 CDX_E_AUTH);
		assert_non_null(strstr(why, "password"));
		assert_null(strstr(why, "secret"));
	}
	assert_int_equal(cdx_keystore_decode(&k, CHEAP, strlen(CHEAP), NULL,
					     why),
			 -ENOKEY);
	assert_non_null(strstr(why, "password"));
	assert_int_equal(k.b[0], 1);
}

/* A member, by its path, that gets another value */
struct spoil {
	const char *at[3];
	const char *value; /* JSON; NULL: left out */
	int want;
};

static char *spoiled(const char *text, const struct spoil *s)
{
	json_t *file = json_loads(text, 0, NULL);
	json_t *in = file;
	size_t i = 0;
	char *out;

	assert_non_null(file);
	for (; i < 2 && s->at[i + 1]; i++)
		in = json_object_get(in, s->at[i]);
	if (s->value)
		assert_int_equal(json_object_set_new(in, s->at[i],
						     json_loads(s->value,
								JSON_DECODE_ANY,
								NULL)),
				 0);
	else
		assert_int_equal(json_object_del(in, s->at[i]), 0);
	out = json_dumps(file, 0);
	assert_non_null(out);
	json_decref(file);
	return out;
}

static int decode(const char *text, const struct spoil *s, const char *password)
{
	char *json = spoiled(text, s);
	char why[CDX_ACCOUNT_WHY_MAX];
	struct cdx_seckey k;
	int err = cdx_keystore_decode(&k, json, strlen(json), password, why);

	assert_true(!err == !*why);
	free(json);
	return err;
}

#define IN(name)               \
	{                      \
		"crypto", name \
	}
#define PARAM(name)                         \
	{                                   \
		"crypto", "kdfparams", name \
	}
#define D32 \
	"\"0000000000000000000000000000000000000000000000000000000000000000\""

static void malformed(void **state)
{
	static const struct spoil cases[] = {
		{{"version"}, NULL, CDX_E_FORMAT},
		{{"version"}, "1", CDX_E_FORMAT},
		{{"version"}, "4", CDX_E_FORMAT},
		{{"version"}, "\"3\"", CDX_E_FORMAT},
		{{"crypto"}, NULL, CDX_E_CODEC},
		{{"crypto"}, "[]", CDX_E_CODEC},
		{{"address"}, "5", CDX_E_FORMAT},
		{{"address"}, "null", CDX_E_FORMAT},
		{{"address"}, "\"\"", CDX_E_FORMAT},
		{{"address"}, "\"0x9d8a62\"", CDX_E_FORMAT},
		/* somebody else's */
		{{"address"},
		 "\"9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f\"",
		 CDX_E_FORMAT},
		{IN("cipher"), NULL, CDX_E_CODEC},
		{IN("cipher"), "\"aes-128-cbc\"", CDX_E_CODEC},
		{IN("cipherparams"), NULL, CDX_E_FORMAT},
		{{"crypto", "cipherparams", "iv"}, NULL, CDX_E_FORMAT},
		{{"crypto", "cipherparams", "iv"}, "\"00\"", CDX_E_FORMAT},
		{{"crypto", "cipherparams", "iv"}, D32, CDX_E_FORMAT},
		{IN("ciphertext"), NULL, CDX_E_FORMAT},
		{IN("ciphertext"), "\"\"", CDX_E_FORMAT},
		{IN("ciphertext"), "\"0\"", CDX_E_FORMAT},
		{IN("ciphertext"), "\"0x\"", CDX_E_FORMAT},
		{IN("ciphertext"), "\"gg\"", CDX_E_FORMAT},
		{IN("ciphertext"),
		 "\"00000000000000000000000000000000000000000000000000000000"
		 "0000000000\"",
		 CDX_E_FORMAT},
		{IN("ciphertext"), D32, CDX_E_AUTH},
		{IN("mac"), NULL, CDX_E_FORMAT},
		{IN("mac"), "\"00\"", CDX_E_FORMAT},
		{IN("mac"), D32, CDX_E_AUTH},
		{IN("kdf"), NULL, CDX_E_CODEC},
		{IN("kdf"), "\"argon2\"", CDX_E_CODEC},
		/* of PBKDF2, of which there are no parameters */
		{IN("kdf"), "\"pbkdf2\"", CDX_E_CODEC},
		{IN("kdfparams"), NULL, CDX_E_FORMAT},
		{PARAM("salt"), NULL, CDX_E_FORMAT},
		{PARAM("salt"), "\"\"", CDX_E_FORMAT},
		{PARAM("salt"), "\"0\"", CDX_E_FORMAT},
		{PARAM("salt"), "\"00\"", CDX_E_AUTH},
		{PARAM("dklen"), NULL, CDX_E_FORMAT},
		{PARAM("dklen"), "31", CDX_E_FORMAT},
		{PARAM("dklen"), "-32", CDX_E_FORMAT},
		{PARAM("dklen"), "\"32\"", CDX_E_FORMAT},
		/* a longer key begins with the same bytes */
		{PARAM("dklen"), "64", 0},
		{PARAM("n"), NULL, CDX_E_FORMAT},
		{PARAM("n"), "0", CDX_E_FORMAT},
		{PARAM("n"), "1", CDX_E_FORMAT},
		{PARAM("n"), "3", CDX_E_FORMAT},
		{PARAM("n"), "-2", CDX_E_FORMAT},
		{PARAM("n"), "2.0", CDX_E_FORMAT},
		{PARAM("n"), "4", CDX_E_AUTH},
		{PARAM("r"), NULL, CDX_E_FORMAT},
		{PARAM("r"), "0", CDX_E_FORMAT},
		{PARAM("p"), NULL, CDX_E_FORMAT},
		{PARAM("p"), "0", CDX_E_FORMAT},
		{PARAM("p"), "true", CDX_E_FORMAT},
	};
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"5",
		"null",
		"{}",
		"{\"version\":3}x",
		"{\"version\":3,\"version\":3}",
	};
	struct cdx_seckey k = {{1}};
	char why[CDX_ACCOUNT_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		int err = decode(CHEAP, &cases[i], "foo");

		if (err != cases[i].want)
			print_message("case %zu: %d\n", i, err);
		assert_int_equal(err, cases[i].want);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_keystore_decode(&k, bad[i], strlen(bad[i]),
						     "foo", why),
				 CDX_E_FORMAT);
	for (size_t len = 0; len < strlen(CHEAP); len++)
		assert_int_equal(cdx_keystore_decode(&k, CHEAP, len, "foo",
						     why),
				 CDX_E_FORMAT);
	assert_int_equal(k.b[0], 1);
}

/* With no password nothing is spent: what is in bounds then wants one. */
static void bounds(void **state)
{
	static const struct {
		int64_t n, r, p;
		bool fits;
	} costs[] = {
		{1 << 18, 8, 1, true},
		{1 << 18, 1, 8, true},
		{1 << 20, 8, 1, true},
		{1 << 20, 8, 2, true},
		{1 << 20, 8, 3, false},
		{1 << 21, 1, 1, false},
		{1 << 20, 9, 1, false},
		{1 << 13, 1024, 1, true},
		{1 << 14, 1024, 1, false},
		{2, 1024, 1, true},
		{2, 1025, 1, false},
		{2, 1, 1024, true},
		{2, 1, 1025, false},
		{2, 32, 32, true},
		{2, 33, 32, false},
		{INT64_MAX, 8, 1, false},
		{2, INT64_MAX, 8, false},
		{2, 8, INT64_MAX, false},
		{(INT64_C(1) << 32) + 2, 8, 1, false},
	};
	static const struct spoil counts[] = {
		{PARAM("c"), "10000000", -ENOKEY},
		{PARAM("c"), "10000001", CDX_E_FORMAT},
		{PARAM("c"), "4294967297", CDX_E_FORMAT},
		{PARAM("c"), "1", -ENOKEY},
		{PARAM("c"), "0", CDX_E_FORMAT},
		{PARAM("c"), "-1", CDX_E_FORMAT},
		{PARAM("c"), NULL, CDX_E_FORMAT},
		{PARAM("prf"), "\"hmac-sha512\"", CDX_E_CODEC},
		{PARAM("prf"), NULL, CDX_E_CODEC},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(costs); i++) {
		char params[256];
		struct spoil s = {IN("kdfparams"), params, 0};

		(void)snprintf(params, sizeof(params),
			       "{\"dklen\":32,\"salt\":\"00\",\"n\":%lld,"
			       "\"r\":%lld,\"p\":%lld}",
			       (long long)costs[i].n, (long long)costs[i].r,
			       (long long)costs[i].p);
		if (decode(CHEAP, &s, NULL) !=
		    (costs[i].fits ? -ENOKEY : CDX_E_FORMAT))
			fail_msg("cost %zu", i);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(counts); i++)
		assert_int_equal(decode(vectors[0].json, &counts[i], NULL),
				 counts[i].want);
}

/* "Crypto", 0x before each hex, and a key that is none */
static void other_writers(void **state)
{
	static const char old[] =
		"{\"version\":3,\"Crypto\":{\"cipher\":\"aes-128-ctr\","
		"\"cipherparams\":{\"iv\":\"0xe0c41130a323adc1446fc82f724bca2f"
		"\"},\"ciphertext\":\"0x9517cd5bdbe69076f9bf5057248c6c050141e9"
		"70efa36ce53692d5d59a3984\",\"kdf\":\"scrypt\",\"kdfparams\":{"
		"\"dklen\":32,\"n\":2,\"r\":8,\"p\":1,\"salt\":\"0x711f816911"
		"c92d649fb4c84b047915679933555030b3552c1212609b38208c63\"},"
		"\"mac\":\"0xd5e116151c6aa71470e67a7d42c9620c75c4d23229847dcc1"
		"27794f0732b0db5\"}}";
	/* its key is the order of the group; made by hand with Python's
	 * hashlib.scrypt, openssl enc -aes-128-ctr and cast keccak */
	static const char none[] =
		STORE("scrypt",
		      "\"dklen\":32,\"n\":2,\"r\":8,\"p\":1,\"salt\":"
		      "\"1111111111111111111111111111111111111111"
		      "111111111111111111111111\"",
		      "00000000000000000000000000000000",
		      "85957d5394aee5db236dc7efd66da6af"
		      "cf5742b8a4b92bd190d993c36b9fae12",
		      "3736129883e4e2c2c71711f4ff40069d"
		      "388b6ab1746f6cea4565a1d9052b3e0d",
		      "");
	struct cdx_seckey k;
	char why[CDX_ACCOUNT_WHY_MAX];

	(void)state;
	assert_int_equal(cdx_keystore_decode(&k, old, strlen(old), "foo", why),
			 0);
	assert_true(is_key(&k, CHEAP_KEY));
	assert_int_equal(cdx_keystore_decode(&k, none, strlen(none), "foo",
					     why),
			 CDX_E_FORMAT);
	assert_true(is_key(&k, CHEAP_KEY));
	assert_null(strstr(why, "ffff"));
}

/* ---- files */

static char dir[64];

static const char *write_file(const char *text, mode_t mode)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/key", dir);
	(void)unlink(path);
	{
		CDX_CLEANUP(cdx_closep)
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			      0600);

		assert_true(fd >= 0);
		assert_int_equal(cdx_write_full(fd, text, strlen(text)), 0);
		assert_int_equal(fchmod(fd, mode), 0);
	}
	return path;
}

static void raw_files(void **state)
{
	static const char *const good[] = {KEY, "0x" KEY, KEY "\n",
					   " \t\r\n" KEY "\v\f \r\n",
					   "\n0x" KEY "\n\n"};
	static const char *const bad[] = {
		"",
		"\n",
		"0x",
		KEY "0",
		"0" KEY,
		"0X" KEY,
		"0x" KEY "00",
		KEY " " KEY,
		"4646464646464646 4646464646464646464646464646464"
		"6464646464646464646",
		"46464646464646464646464646464646464646464646464646464646464646"
		"4g",
		"46464646464646464646464646464646464646464646464646464646464646"
		"4"};
	struct cdx_account a = {{{0}}, {{0}}};
	char why[CDX_ACCOUNT_WHY_MAX];
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		const char *path = write_file(good[i], 0600);

		memset(&a, 0, sizeof(a));
		assert_int_equal(cdx_account_file_sealed(path, why), 0);
		assert_int_equal(cdx_account_file(&a, path, NULL, why), 0);
		assert_true(is_key(&a.key, KEY));
		cdx_addr_text(text, &a.addr);
		assert_string_equal(text, ADDR);
		/* a password is not looked at */
		assert_int_equal(cdx_account_file(&a, path, "x", why), 0);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		const char *path = write_file(bad[i], 0600);

		assert_int_equal(cdx_account_file_sealed(path, why),
				 CDX_E_FORMAT);
		assert_int_equal(cdx_account_file(&a, path, NULL, why),
				 CDX_E_FORMAT);
		assert_null(strstr(why, "4646"));
	}
	assert_int_equal(cdx_account_file(&a, write_file(KEY_N, 0600), NULL,
					  why),
			 CDX_E_FORMAT);
	assert_null(strstr(why, "ffff"));
	assert_true(is_key(&a.key, KEY));
}

static void modes(void **state)
{
	static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610,
				     0601, 0644, 0660, 0777};
	struct cdx_account a = {{{0}}, {{1}}};
	char why[CDX_ACCOUNT_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		assert_int_equal(cdx_account_file(&a, write_file(KEY, bad[i]),
						  NULL, why),
				 -EPERM);
		assert_non_null(strstr(why, "chmod 600"));
		assert_null(strstr(why, "4646"));
	}
	assert_int_equal(a.key.b[0], 1);
	assert_int_equal(cdx_account_file(&a, write_file(KEY, 0400), NULL, why),
			 0);
	/* a keystore has its password */
	assert_int_equal(
		cdx_account_file(&a, write_file(CHEAP, 0644), "foo", why), 0);
	assert_true(is_key(&a.key, CHEAP_KEY));
}

static void other_files(void **state)
{
	static char longer[65538];
	struct cdx_account a = {{{0}}, {{1}}};
	char why[CDX_ACCOUNT_WHY_MAX];
	const char *path = write_file("\n " CHEAP, 0600);

	(void)state;
	assert_int_equal(cdx_account_file_sealed(path, why), 1);
	assert_int_equal(cdx_account_file(&a, path, NULL, why), -ENOKEY);
	assert_int_equal(cdx_account_file(&a, path, "no", why), CDX_E_AUTH);
	assert_int_equal(cdx_account_file(&a, path, "foo", why), 0);
	assert_int_equal(cdx_account_file_sealed(dir, why), -EINVAL);
	assert_string_not_equal(why, "");
	a.key.b[0] = 1;
	memset(longer, ' ', sizeof(longer) - 1);
	memcpy(longer, KEY, strlen(KEY));
	path = write_file(longer, 0600);
	assert_int_equal(cdx_account_file_sealed(path, why), CDX_E_FORMAT);
	assert_int_equal(cdx_account_file(&a, path, NULL, why), CDX_E_FORMAT);
	longer[sizeof(longer) - 2] = '\0';
	path = write_file(longer, 0600);
	assert_int_equal(cdx_account_file_sealed(path, why), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(cdx_account_file(&a, path, NULL, why), -ENOENT);
	assert_string_equal(why, cdx_strerror(-ENOENT));
	/* a pipe that nobody writes to */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(cdx_account_file(&a, path, NULL, why), -EINVAL);
	assert_int_equal(a.key.b[0], 1);
}

static void of_words(void **state)
{
	/* test_crypto_secp.c, accounts: 24 words of zeros, index 1 */
	static const char want[] = "0xf785bD075874b8423D3583728a981399f31e95aA";
	const struct cdx_root root = {{0}};
	const struct cdx_account zero = {{{0}}, {{0}}};
	struct cdx_account a;
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(cdx_account_words(&a, &root, 1), 0);
	cdx_addr_text(text, &a.addr);
	assert_string_equal(text, want);
	assert_int_equal(cdx_account_words(&a, &root, UINT32_MAX), -ERANGE);
	cdx_account_wipe(&a);
	assert_memory_equal(&a, &zero, sizeof(a));
	assert_int_equal(cdx_account_of(&a, &zero.key), CDX_E_FORMAT);
}

static int start(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/cdx-account-XXXXXX",
		       tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int stop(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/key", dir);
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keystores),
		cmocka_unit_test(wrong_passwords),
		cmocka_unit_test(malformed),
		cmocka_unit_test(bounds),
		cmocka_unit_test(other_writers),
		cmocka_unit_test(raw_files),
		cmocka_unit_test(modes),
		cmocka_unit_test(other_files),
		cmocka_unit_test(of_words),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
