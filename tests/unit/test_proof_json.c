/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proof/proof_json.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/vector_file.h"

/* proof.json, public.json, verification_key.json, words for the contract.  The
 * vectors are files that Codex published (tests/vectors). */

#define PROOF "hardhat_example_proof.json"
#define PUBLIC "hardhat_example_public.json"
#define VK "hardhat_verification_key.json"

/* q and r, and the least number of two digits more than they have */
#define Q                                                                     \
	"2188824287183927522224640574525727508869631115729782366268903789464" \
	"5226208583"
#define R                                                                     \
	"2188824287183927522224640574525727508854836440041603434369820418657" \
	"5808495617"
#define LONG                                                                  \
	"1000000000000000000000000000000000000000000000000000000000000000000" \
	"000000000000"

enum kind {
	KIND_PROOF,
	KIND_PUBLIC,
	KIND_VK
};

/* Reads what is exactly @len bytes, in memory of its own; what is right is
 * written to @again unless that is NULL */
static int read_any(enum kind kind, const char *text, size_t len,
		    char why[CDX_PROOF_WHY_MAX], struct cdx_buf *again)
{
	char *copy = malloc(len ? len : 1);
	struct cdx_proof proof;
	struct cdx_vk vk = {.ic = NULL};
	struct cdx_fr *x = NULL;
	uint32_t n = 0;
	int r;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, text, len);
	why[0] = '\0';
	if (kind == KIND_PROOF)
		r = cdx_proof_read(&proof, copy, len, why);
	else if (kind == KIND_PUBLIC)
		r = cdx_public_read(&x, &n, copy, len, why);
	else
		r = cdx_vk_read(&vk, copy, len, why);
	free(copy);
	if (r == 0 && again && kind == KIND_PROOF)
		assert_int_equal(cdx_proof_write(again, &proof), 0);
	else if (r == 0 && again && kind == KIND_PUBLIC)
		assert_int_equal(cdx_public_write(again, x, n), 0);
	else if (r == 0 && again)
		assert_int_equal(cdx_vk_write(again, &vk), 0);
	cdx_vk_free(&vk);
	free(x);
	return r;
}

/* What snarkjs wrote comes back byte for byte */
static void published_files_come_back(void **state)
{
	static const char *const names[] = {PROOF, PUBLIC, VK};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(names); i++) {
		char why[CDX_PROOF_WHY_MAX];
		struct cdx_buf text = {0};
		struct cdx_buf again = {0};

		vector_raw(&text, names[i]);
		assert_int_equal(read_any((enum kind)i, (char *)text.p,
					  text.len, why, &again),
				 0);
		assert_int_equal(again.len, text.len);
		assert_memory_equal(again.p, text.p, text.len);
		cdx_buf_free(&text);
		cdx_buf_free(&again);
	}
}

static void every_cut_is_refused(void **state)
{
	static const char *const names[] = {PROOF, PUBLIC, VK};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(names); i++) {
		char why[CDX_PROOF_WHY_MAX];
		struct cdx_buf text = {0};

		vector_raw(&text, names[i]);
		for (size_t len = 0; len < text.len; len++) {
			assert_int_equal(read_any((enum kind)i, (char *)text.p,
						  len, why, NULL),
					 CDX_E_FORMAT);
			assert_string_not_equal(why, "");
		}
		cdx_buf_u8(&text, '0');
		assert_int_equal(read_any((enum kind)i, (char *)text.p,
					  text.len, why, NULL),
				 CDX_E_FORMAT);
		text.p[text.len - 1] = '\0';
		assert_int_equal(read_any((enum kind)i, (char *)text.p,
					  text.len, why, NULL),
				 CDX_E_FORMAT);
		text.p[text.len - 1] = '\n';
		assert_int_equal(read_any((enum kind)i, (char *)text.p,
					  text.len, why, NULL),
				 0);
		cdx_buf_free(&text);
	}
}

/* The file @name with the value at @path, names and numbers with points
 * between, replaced by @value (taken; NULL removes a member), must be refused
 * with @want as @why */
static void bent(enum kind kind, const char *path, json_t *value, int want,
		 const char *want_why)
{
	static const char *const names[] = {PROOF, PUBLIC, VK};
	json_t *v = vector_load(names[kind]);
	json_t *at = v;
	char why[CDX_PROOF_WHY_MAX];
	char *text;

	for (;;) {
		size_t n = strcspn(path, ".");
		char key[32] = "";

		assert_true(n < sizeof(key));
		memcpy(key, path, n);
		if (path[n] == '\0') {
			if (json_is_array(at))
				json_array_set_new(at, strtoul(key, NULL, 10),
						   value);
			else if (value)
				json_object_set_new(at, key, value);
			else
				json_object_del(at, key);
			break;
		}
		at = json_is_array(at)
			     ? json_array_get(at, strtoul(key, NULL, 10))
			     : json_object_get(at, key);
		path += n + 1;
	}
	text = json_dumps(v, 0);
	assert_non_null(text);
	assert_int_equal(read_any(kind, text, strlen(text), why, NULL), want);
	if (want_why)
		assert_string_equal(why, want_why);
	free(text);
	json_decref(v);
}

static json_t *str(const char *s)
{
	return json_string(s);
}

/* What is no number: in the first coordinate of everything that has one */
static void numbers_are_strict(void **state)
{
	static const char *const bad[] = {
		"",    "-1",  "+1",   " 1",   "1 ", "01", "00",	     "0x1",
		"1e3", "1.0", "1_0",  "a",    "-0", Q,	  LONG,	     "\t1",
		"1\n", "NaN", "true", "null", "[]", "1,", "\xc2\xb9"};
	static const struct {
		enum kind kind;
		const char *path;
		const char *why;
	} at[] = {
		{KIND_PROOF, "pi_a.0",
		 "pi_a: not three decimal numbers below q"},
		{KIND_PROOF, "pi_a.2",
		 "pi_a: not three decimal numbers below q"},
		{KIND_PROOF, "pi_b.1.0",
		 "pi_b: not three pairs of decimal numbers below q"},
		{KIND_PROOF, "pi_c.1",
		 "pi_c: not three decimal numbers below q"},
		{KIND_PUBLIC, "1", "input 1: not a decimal number below r"},
		{KIND_VK, "vk_alpha_1.0",
		 "vk_alpha_1: not three decimal numbers below q"},
		{KIND_VK, "vk_delta_2.0.1",
		 "vk_delta_2: not three pairs of decimal numbers below q"},
		{KIND_VK, "vk_alphabeta_12.1.2.0",
		 "vk_alphabeta_12: not two triples of pairs of decimal "
		 "numbers below q"},
		{KIND_VK, "IC.3.1", "IC[3]: not three decimal numbers below q"},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(at); i++) {
		for (size_t j = 0; j < CDX_ARRAY_LEN(bad); j++)
			bent(at[i].kind, at[i].path, str(bad[j]), CDX_E_FORMAT,
			     at[i].why);
		bent(at[i].kind, at[i].path, json_integer(1), CDX_E_FORMAT,
		     at[i].why);
		bent(at[i].kind, at[i].path, json_null(), CDX_E_FORMAT,
		     at[i].why);
		bent(at[i].kind, at[i].path, json_real(1.0), CDX_E_FORMAT,
		     at[i].why);
		bent(at[i].kind, at[i].path, json_array(), CDX_E_FORMAT,
		     at[i].why);
	}
	bent(KIND_PUBLIC, "0", str(R), CDX_E_FORMAT,
	     "input 0: not a decimal number below r");
}

static void points_are_checked(void **state)
{
	static const char x2[] = "pi_b: not three pairs of decimal numbers "
				 "below q";

	(void)state;
	bent(KIND_PROOF, "pi_a.0", str("1"), CDX_E_FORMAT,
	     "pi_a: not a point of G1");
	bent(KIND_PROOF, "pi_a.2", str("0"), CDX_E_FORMAT,
	     "pi_a: not a point of G1");
	bent(KIND_PROOF, "pi_a.2", str("2"), CDX_E_FORMAT,
	     "pi_a: not a point of G1");
	/* what stands for infinity in memory is no point in a file */
	bent(KIND_PROOF, "pi_c", json_pack("[sss]", "0", "0", "1"),
	     CDX_E_FORMAT, "pi_c: not a point of G1");
	bent(KIND_PROOF, "pi_c", json_pack("[sss]", "0", "0", "0"),
	     CDX_E_FORMAT, "pi_c: not a point of G1");
	bent(KIND_PROOF, "pi_c", json_pack("[sss]", "0", "2", "0"),
	     CDX_E_FORMAT, "pi_c: not a point of G1");
	bent(KIND_PROOF, "pi_b.1.1", str("1"), CDX_E_FORMAT,
	     "pi_b: not a point of G2");
	bent(KIND_PROOF, "pi_b.2.1", str("1"), CDX_E_FORMAT,
	     "pi_b: not a point of G2");
	bent(KIND_PROOF, "pi_b",
	     json_pack("[[ss][ss][ss]]", "0", "0", "0", "0", "1", "0"),
	     CDX_E_FORMAT, "pi_b: not a point of G2");
	/* on the twist, outside the subgroup (see zkey_kit.h) */
	bent(KIND_PROOF, "pi_b",
	     json_pack("[[ss][ss][ss]]", "1", "0",
		       "182781510054531087937788601322952910983636474559263401"
		       "52056652516292830556603",
		       "591265419973672148668017501617623195619508505569868713"
		       "5131307249486702594212",
		       "1", "0"),
	     CDX_E_FORMAT, "pi_b: not a point of G2");
	bent(KIND_PROOF, "pi_b", json_array(), CDX_E_FORMAT, x2);
	bent(KIND_PROOF, "pi_b", json_object(), CDX_E_FORMAT, x2);
	bent(KIND_PROOF, "pi_b.0", json_array(), CDX_E_FORMAT, x2);
	bent(KIND_PROOF, "pi_b.0", json_pack("[sss]", "1", "2", "3"),
	     CDX_E_FORMAT, x2);
	bent(KIND_PROOF, "pi_a", json_pack("[ss]", "1", "2"), CDX_E_FORMAT,
	     "pi_a: not three decimal numbers below q");
	bent(KIND_PROOF, "pi_a", json_pack("[ssss]", "1", "2", "1", "1"),
	     CDX_E_FORMAT, "pi_a: not three decimal numbers below q");
	bent(KIND_PROOF, "pi_a", json_pack("[sss]", "1", "2", "1"), 0, "");
	bent(KIND_VK, "IC.2.0", str("5"), CDX_E_FORMAT,
	     "IC[2]: not a point of G1");
	bent(KIND_VK, "vk_gamma_2.0.0", str("5"), CDX_E_FORMAT,
	     "vk_gamma_2: not a point of G2");
}

static void members_are_known(void **state)
{
	static const char *const proof[] = {"pi_a", "pi_b", "pi_c"};
	static const char *const vk[] = {"nPublic",    "vk_alpha_1",
					 "vk_beta_2",  "vk_gamma_2",
					 "vk_delta_2", "IC"};
	char want[64];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(proof); i++) {
		snprintf(want, sizeof(want), "%s is missing", proof[i]);
		bent(KIND_PROOF, proof[i], NULL, CDX_E_FORMAT, want);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(vk); i++) {
		snprintf(want, sizeof(want), "%s is missing", vk[i]);
		bent(KIND_VK, vk[i], NULL, CDX_E_FORMAT, want);
	}
	bent(KIND_PROOF, "more", json_null(), CDX_E_FORMAT,
	     "members that no such file has");
	bent(KIND_PROOF, "development", json_false(), CDX_E_FORMAT,
	     "members that no such file has");
	bent(KIND_VK, "more", json_null(), CDX_E_FORMAT,
	     "members that no such file has");
	bent(KIND_PROOF, "protocol", NULL, CDX_E_FORMAT,
	     "protocol is not a text");
	bent(KIND_PROOF, "protocol", str("plonk"), CDX_E_CODEC,
	     "protocol plonk, not groth16");
	bent(KIND_VK, "protocol", str("fflonk\x1b"), CDX_E_CODEC,
	     "protocol fflonk?, not groth16");
	bent(KIND_VK, "curve", str("bls12381"), CDX_E_CODEC,
	     "curve bls12381, not bn128");
	bent(KIND_VK, "curve", json_integer(3), CDX_E_FORMAT,
	     "curve is not a text");
	/* as rapidsnark writes */
	bent(KIND_PROOF, "curve", NULL, 0, "");
}

static void keys_are_consistent(void **state)
{
	(void)state;
	bent(KIND_VK, "nPublic", json_integer(4), CDX_E_FORMAT,
	     "IC: not an array of nPublic + 1 points");
	bent(KIND_VK, "nPublic", json_integer(-1), CDX_E_FORMAT,
	     "nPublic: not a number from 0 to 1024");
	bent(KIND_VK, "nPublic", json_integer(1025), CDX_E_FORMAT,
	     "nPublic: not a number from 0 to 1024");
	bent(KIND_VK, "nPublic", str("3"), CDX_E_FORMAT,
	     "nPublic: not a number from 0 to 1024");
	bent(KIND_VK, "IC", json_object(), CDX_E_FORMAT,
	     "IC: not an array of nPublic + 1 points");
	bent(KIND_VK, "vk_alphabeta_12", NULL, 0, "");
	bent(KIND_VK, "vk_alphabeta_12.0.0.0", str("1"), CDX_E_FORMAT,
	     "vk_alphabeta_12: not the pairing of alpha and beta");
	bent(KIND_VK, "vk_alphabeta_12.1", json_array(), CDX_E_FORMAT, NULL);
	bent(KIND_VK, "vk_alphabeta_12", json_array(), CDX_E_FORMAT, NULL);
	bent(KIND_VK, "vk_alpha_1", json_pack("[sss]", "0", "1", "0"),
	     CDX_E_FORMAT, "a point of the key is at infinity");
	bent(KIND_VK, "vk_gamma_2",
	     json_pack("[[ss][ss][ss]]", "0", "0", "1", "0", "0", "0"),
	     CDX_E_FORMAT, "a point of the key is at infinity");
	bent(KIND_VK, "development", json_integer(1), CDX_E_FORMAT,
	     "development: neither true nor false");
	bent(KIND_VK, "development", json_false(), 0, "");
}

static void development_keys_say_so(void **state)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf text = {0};
	struct cdx_buf marked = {0};
	struct cdx_vk vk;
	struct cdx_vk again;

	(void)state;
	vector_raw(&text, VK);
	assert_int_equal(cdx_vk_read(&vk, (char *)text.p, text.len, why), 0);
	assert_false(vk.development);
	vk.development = true;
	assert_int_equal(cdx_vk_write(&marked, &vk), 0);
	assert_int_equal(marked.len,
			 text.len + strlen(" \"development\": true,\n"));
	assert_int_equal(cdx_vk_read(&again, (char *)marked.p, marked.len, why),
			 0);
	assert_true(again.development);
	cdx_vk_free(&vk);
	cdx_vk_free(&again);
	cdx_buf_free(&text);
	cdx_buf_free(&marked);
}

/* Infinity as snarkjs has it */
static void points_at_infinity_come_back(void **state)
{
	const struct cdx_proof none = {.a = cdx_g1_infinity,
				       .b = cdx_g2_infinity,
				       .c = cdx_g1_infinity};
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf text = {0};
	struct cdx_proof p;
	json_t *j;
	json_t *want =
		json_pack("[[ss][ss][ss]]", "0", "0", "1", "0", "0", "0");

	(void)state;
	assert_int_equal(cdx_proof_write(&text, &none), 0);
	j = json_loadb((char *)text.p, text.len, 0, NULL);
	assert_true(json_equal(json_object_get(j, "pi_b"), want));
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(j, "pi_a"), 1)),
			    "1");
	assert_int_equal(cdx_proof_read(&p, (char *)text.p, text.len, why), 0);
	assert_true(cdx_g1_is_infinity(&p.a));
	assert_true(cdx_g2_is_infinity(&p.b));
	json_decref(j);
	json_decref(want);
	cdx_buf_free(&text);
}

static void public_inputs(void **state)
{
	static const char *const shapes[] = {
		"{}", "[[\"1\"]]", "\"1\"", "[1]", "[\"1\",]", "1", "null"};
	struct seed s = seed_start("public_inputs");
	struct cdx_fr x[CDX_PUBLIC_MAX + 1];
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf b = {0};
	struct cdx_fr *again;
	uint32_t n;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(x); i++)
		bn254_any(&x[i], &s);
	for (uint32_t count = 0; count < 5; count++) {
		assert_int_equal(cdx_public_write(&b, x, count), 0);
		assert_int_equal(cdx_public_read(&again, &n, (char *)b.p, b.len,
						 why),
				 0);
		assert_int_equal(n, count);
		if (count > 0)
			assert_memory_equal(again, x, count * sizeof(x[0]));
		free(again);
		cdx_buf_free(&b);
	}
	assert_int_equal(cdx_public_write(&b, x, CDX_PUBLIC_MAX), 0);
	assert_int_equal(cdx_public_read(&again, &n, (char *)b.p, b.len, why),
			 0);
	free(again);
	cdx_buf_free(&b);
	assert_int_equal(cdx_public_write(&b, x, CDX_PUBLIC_MAX + 1), 0);
	assert_int_equal(cdx_public_read(&again, &n, (char *)b.p, b.len, why),
			 CDX_E_FORMAT);
	assert_string_equal(why, "not an array of at most 1024 inputs");
	cdx_buf_free(&b);
	for (size_t i = 0; i < CDX_ARRAY_LEN(shapes); i++)
		assert_int_equal(read_any(KIND_PUBLIC, shapes[i],
					  strlen(shapes[i]), why, NULL),
				 CDX_E_FORMAT);
}

/* Texts that are no such JSON at all */
static void other_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"protocol\": \"groth16\", \"protocol\": \"groth16\"}",
		"{\"protocol\": \"groth16\", \"pi_a\": [\"1\", \"2\\u0000\"]}",
		"{\"protocol\": \"gro\xffth\"}",
		"\xef\xbb\xbf{}",
	};
	char why[CDX_PROOF_WHY_MAX];
	char *deep = malloc(100000);

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(texts); i++) {
		assert_int_equal(read_any(KIND_PROOF, texts[i],
					  strlen(texts[i]), why, NULL),
				 CDX_E_FORMAT);
		assert_int_equal(read_any(KIND_VK, texts[i], strlen(texts[i]),
					  why, NULL),
				 CDX_E_FORMAT);
	}
	assert_non_null(deep);
	memset(deep, '[', 100000);
	for (int kind = KIND_PROOF; kind <= KIND_VK; kind++)
		assert_int_equal(read_any((enum kind)kind, deep, 100000, why,
					  NULL),
				 CDX_E_FORMAT);
	free(deep);
	deep = calloc(1, (1 << 20) + 1);
	assert_non_null(deep);
	assert_int_equal(read_any(KIND_VK, deep, (1 << 20) + 1, why, NULL),
			 CDX_E_FORMAT);
	assert_string_equal(why, "1048577 bytes: longer than any such file");
	free(deep);
}

/* Word @word is the number at @at, a string */
static void assert_word(const uint8_t word[32], const json_t *at)
{
	char got[CDX_FQ_TEXT_MAX];
	uint8_t le[32];
	struct cdx_fq x;

	for (size_t j = 0; j < 32; j++)
		le[j] = word[31 - j];
	assert_int_equal(cdx_fq_from_bytes(&x, le), 0);
	cdx_fq_to_text(got, &x);
	assert_string_equal(got, json_string_value(at));
}

/* The contract's struct is a, b as {real, imag}, c: big endian words.  That
 * they are c0 first, as in the file, is the contract's own order
 * (spec/proofs.md 4). */
static void words_for_the_contract(void **state)
{
	static const char *const where[8][3] = {
		{"pi_a", "0", NULL}, {"pi_a", "1", NULL}, {"pi_b", "0", "0"},
		{"pi_b", "0", "1"},  {"pi_b", "1", "0"},  {"pi_b", "1", "1"},
		{"pi_c", "0", NULL}, {"pi_c", "1", NULL}};
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf text = {0};
	struct cdx_proof proof;
	uint8_t words[8][32];
	json_t *v = vector_load(PROOF);
	char hex[65];

	(void)state;
	vector_raw(&text, PROOF);
	assert_int_equal(cdx_proof_read(&proof, (char *)text.p, text.len, why),
			 0);
	cdx_proof_calldata(words, &proof);
	for (size_t i = 0; i < 8; i++) {
		const json_t *at = json_object_get(v, where[i][0]);

		at = json_array_get(at, strtoul(where[i][1], NULL, 10));
		if (where[i][2])
			at = json_array_get(at, strtoul(where[i][2], NULL, 10));
		assert_word(words[i], at);
	}
	/* the first and the last by Python's hex() */
	cdx_hex(hex, words[0], 32);
	assert_string_equal(
		hex,
		"0e724205cea5eae849fff7d9ea6f8ecb872b4e4259aad9beaa1149183c32f3ca");
	cdx_hex(hex, words[7], 32);
	assert_string_equal(
		hex,
		"239d99e58bbe6554da5e4d35a66efa3145121e2860b84ae5279e33a41d28ae90");
	json_decref(v);
	cdx_buf_free(&text);
}

static void assert_g1_words(uint8_t (*words)[32], const json_t *point)
{
	for (size_t i = 0; i < 2; i++)
		assert_word(words[i], json_array_get(point, i));
}

/* x.real, x.imag, y.real, y.imag: as the file has them */
static void assert_g2_words(uint8_t (*words)[32], const json_t *point)
{
	for (size_t i = 0; i < 4; i++)
		assert_word(words[i],
			    json_array_get(json_array_get(point, i / 2),
					   i % 2));
}

static void key_in_words(void **state)
{
	struct cdx_vk_words words;
	struct cdx_buf text = {0};
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_vk vk;
	json_t *v = vector_load(VK);

	(void)state;
	vector_raw(&text, VK);
	assert_int_equal(cdx_vk_read(&vk, (char *)text.p, text.len, why), 0);
	assert_int_equal(cdx_vk_calldata(&words, &vk), 0);
	assert_g1_words(words.alpha1, vector_get(v, "vk_alpha_1"));
	assert_g2_words(words.beta2, vector_get(v, "vk_beta_2"));
	assert_g2_words(words.gamma2, vector_get(v, "vk_gamma_2"));
	assert_g2_words(words.delta2, vector_get(v, "vk_delta_2"));
	assert_int_equal(words.n_ic, json_array_size(vector_get(v, "IC")));
	for (size_t i = 0; i < words.n_ic; i++)
		assert_g1_words(words.ic[i],
				json_array_get(vector_get(v, "IC"), i));
	free(words.ic);
	cdx_vk_free(&vk);
	json_decref(v);
	cdx_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_files_come_back),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(points_are_checked),
		cmocka_unit_test(members_are_known),
		cmocka_unit_test(keys_are_consistent),
		cmocka_unit_test(development_keys_say_so),
		cmocka_unit_test(points_at_infinity_come_back),
		cmocka_unit_test(public_inputs),
		cmocka_unit_test(other_texts),
		cmocka_unit_test(words_for_the_contract),
		cmocka_unit_test(key_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
