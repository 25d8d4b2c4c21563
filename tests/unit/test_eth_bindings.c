/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/abi.h"
#include "crypto/hash.h"
#include "eth/deploy.h"
#include "eth/marketplace.h"
#include "eth/revert.h"

/* The compiled contracts of src/contracts/artifacts against what the client
 * knows: a function, event or error that a contract gains has no binding until
 * this test passes again.  And their deployment. */

#define TEXT_MAX 512u

static char *artifacts_dir(char out[PATH_MAX])
{
	const char *srcdir = getenv("CDX_SRCDIR");

	snprintf(out, PATH_MAX, "%s/src/contracts/artifacts",
		 srcdir ? srcdir : ".");
	return out;
}

static json_t *load_abi(const char *name)
{
	char path[PATH_MAX + 64];
	char dir[PATH_MAX];
	json_error_t error;
	json_t *artifact;
	json_t *abi;

	snprintf(path, sizeof(path), "%s/%s.json", artifacts_dir(dir), name);
	artifact = json_load_file(path, 0, &error);
	if (!artifact)
		fail_msg("%s: %s", path, error.text);
	abi = json_incref(json_object_get(artifact, "abi"));
	assert_true(json_is_array(abi));
	json_decref(artifact);
	return abi;
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	return text ? text : "";
}

static void add(char out[TEXT_MAX], const char *more)
{
	size_t len = strlen(out);

	assert_true(len + strlen(more) < TEXT_MAX);
	snprintf(out + len, TEXT_MAX - len, "%s", more);
}

/* A list of parameters that is being written */
struct level {
	const json_t *params;
	size_t at;
	const char *suffix; /* what follows its parenthesis: [] or nothing */
};

/* The types of a list of parameters as a signature has them: tuples in
 * parentheses */
static void add_types(char out[TEXT_MAX], const json_t *params)
{
	const size_t tuple = strlen("tuple");
	struct level levels[6] = {{params, 0, ""}};
	size_t depth = 1;

	add(out, "(");
	while (depth > 0) {
		struct level *l = &levels[depth - 1];
		const json_t *param = json_array_get(l->params, l->at);
		const char *type = text_of(param, "type");

		if (!param) {
			add(out, ")");
			add(out, l->suffix);
			depth--;
			continue;
		}
		add(out, l->at++ > 0 ? "," : "");
		if (strncmp(type, "tuple", tuple) != 0) {
			add(out, type);
			continue;
		}
		assert_true(depth < CDX_ARRAY_LEN(levels));
		levels[depth++] = (struct level){
			json_object_get(param, "components"), 0, type + tuple};
		add(out, "(");
	}
}

static void signature_of(char out[TEXT_MAX], const json_t *entry)
{
	out[0] = '\0';
	add(out, text_of(entry, "name"));
	add_types(out, json_object_get(entry, "inputs"));
}

static bool is(const json_t *entry, const char *type)
{
	return strcmp(text_of(entry, "type"), type) == 0;
}

/* ---- functions, events, errors ---- */

static void test_functions(void **state)
{
	static const char *const names[] = {"Marketplace", "TestToken"};
	char signature[TEXT_MAX];
	unsigned n = 0;

	(void)state;
	for (size_t k = 0; k < CDX_ARRAY_LEN(names); k++) {
		json_t *abi = load_abi(names[k]);

		for (size_t i = 0; i < json_array_size(abi); i++) {
			const json_t *entry = json_array_get(abi, i);

			if (!is(entry, "function"))
				continue;
			signature_of(signature, entry);
			if (!cdx_marketplace_calls(signature))
				fail_msg("%s: no binding", signature);
			n++;
		}
		json_decref(abi);
	}
	/* spec/marketplace.md 1.3, docs/CHAIN.md, ERC-20 with its metadata */
	assert_in_range(n, 29 + 9 + 10, 100);
	assert_false(cdx_marketplace_calls("freeSlot(bytes32,address)"));
	assert_false(cdx_marketplace_calls(""));
}

/* An event of a contract as a log that holds zeros */
static void check_event(const json_t *entry)
{
	static const uint8_t zeros[32 * 16];
	const json_t *inputs = json_object_get(entry, "inputs");
	struct cdx_chain_log log = {.n_topics = 1, .data = zeros};
	struct cdx_market_event e;
	char signature[TEXT_MAX];

	signature_of(signature, entry);
	cdx_keccak256(log.topics[0].b, signature, strlen(signature));
	for (size_t i = 0; i < json_array_size(inputs); i++) {
		const json_t *in = json_array_get(inputs, i);
		const json_t *parts = json_object_get(in, "components");

		if (json_is_true(json_object_get(in, "indexed")))
			log.n_topics++;
		else
			log.len += 32 * (parts ? json_array_size(parts) : 1);
	}
	assert_in_range(log.n_topics, 1, 4);
	assert_in_range(log.len, 0, sizeof(zeros));
	if (cdx_market_event_decode(&e, &log) != 0)
		fail_msg("%s: not read", signature);
	assert_string_equal(cdx_market_event_signature(e.kind), signature);
}

static void test_events(void **state)
{
	static const char *const names[] = {"Marketplace", "TestToken"};
	unsigned n = 0;

	(void)state;
	for (size_t k = 0; k < CDX_ARRAY_LEN(names); k++) {
		json_t *abi = load_abi(names[k]);

		for (size_t i = 0; i < json_array_size(abi); i++) {
			const json_t *entry = json_array_get(abi, i);

			if (!is(entry, "event"))
				continue;
			check_event(entry);
			n++;
		}
		json_decref(abi);
	}
	/* nor do we know one that they do not have */
	assert_non_null(cdx_market_event_signature(n - 1));
	assert_null(cdx_market_event_signature(n));
}

static void test_errors(void **state)
{
	static const char *const names[] = {"Marketplace", "Groth16Verifier",
					    "TestToken"};

	(void)state;
	for (size_t k = 0; k < CDX_ARRAY_LEN(names); k++) {
		json_t *abi = load_abi(names[k]);

		for (size_t i = 0; i < json_array_size(abi); i++) {
			const json_t *entry = json_array_get(abi, i);

			if (is(entry, "error") &&
			    !cdx_revert_known(text_of(entry, "name")))
				fail_msg("%s: no words for it",
					 text_of(entry, "name"));
		}
		json_decref(abi);
	}
}

/* spec/marketplace.md 1.3: selectors of Codex's compiled contract */
static void test_selectors(void **state)
{
#define G16                                      \
	"((uint256,uint256),((uint256,uint256)," \
	"(uint256,uint256)),(uint256,uint256))"
#define REQUEST                                                           \
	"(address,(uint256,uint256,uint256,uint64,uint64,uint64,uint64)," \
	"(bytes,bytes32),uint64,bytes32)"
	static const struct {
		uint32_t selector;
		const char *signature;
	} functions[] = {
		{0x99b6da0c, "requestStorage(" REQUEST ")"},
		{0x12827602, "reserveSlot(bytes32,uint64)"},
		{0xd02bbe33, "canReserveSlot(bytes32,uint64)"},
		{0x1d873c1b, "fillSlot(bytes32,uint64," G16 ")"},
		{0xa29c29a4, "freeSlot(bytes32)"},
		{0x0aefaabe, "freeSlot(bytes32,address,address)"},
		{0xe8aa0a07, "submitProof(bytes32," G16 ")"},
		{0x237d8482, "markProofAsMissing(bytes32,uint64)"},
		{0xd1bb36b6, "canMarkProofAsMissing(bytes32,uint64)"},
		{0x6e2b54ee, "withdrawFunds(bytes32)"},
		{0xc5d43351, "withdrawFunds(bytes32,address)"},
		{0x6c70bee9, "configuration()"},
		{0xfc0c546a, "token()"},
		{0xfb1e61ca, "getRequest(bytes32)"},
		{0xb396dc79, "getActiveSlot(bytes32)"},
		{0x6b00c8cf, "getHost(bytes32)"},
		{0x26d6f834, "currentCollateral(bytes32)"},
		{0x05b90773, "requestState(bytes32)"},
		{0xbe5cdc48, "slotState(bytes32)"},
		{0x02fa8e65, "requestEnd(bytes32)"},
		{0x329b5a0b, "requestExpiry(bytes32)"},
		{0x9777b72c, "myRequests()"},
		{0x5da73835, "mySlots()"},
		{0xf752196b, "missingProofs(bytes32)"},
		{0xc0cc4add, "isProofRequired(bytes32)"},
		{0xa3a0807e, "willProofBeRequired(bytes32)"},
		{0x458d2bf1, "getChallenge(bytes32)"},
		{0x4641dce6, "getPointer(bytes32)"},
		{0x51a76642, "slotProbability(bytes32)"},
		{0x40c10f19, "mint(address,uint256)"},
	};
	uint8_t selector[4];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(functions); i++) {
		cdx_abi_selector(selector, functions[i].signature);
		assert_int_equal(cdx_get_be32(selector), functions[i].selector);
		assert_true(cdx_marketplace_calls(functions[i].signature));
	}
}

/* ---- deployment ---- */

static void test_constructors(void **state)
{
	static const struct {
		const char *name;
		const char *types;
	} want[] = {
		{"Marketplace",
		 "(((uint8,uint8,uint8,uint8),(uint64,uint64,uint8,uint8,"
		 "string),(uint8),uint64),address,address)"},
		{"Groth16Verifier",
		 "(((uint256,uint256),((uint256,uint256),(uint256,uint256)),"
		 "((uint256,uint256),(uint256,uint256)),((uint256,uint256),"
		 "(uint256,uint256)),(uint256,uint256)[]))"},
		{"TestToken", "()"},
	};
	char types[TEXT_MAX];

	(void)state;
	for (size_t k = 0; k < CDX_ARRAY_LEN(want); k++) {
		json_t *abi = load_abi(want[k].name);

		for (size_t i = 0; i < json_array_size(abi); i++) {
			const json_t *entry = json_array_get(abi, i);

			if (!is(entry, "constructor"))
				continue;
			signature_of(types, entry);
			assert_string_equal(types, want[k].types);
		}
		json_decref(abi);
	}
}

/* The word at @i */
static uint64_t word(const struct cdx_buf *b, size_t i)
{
	assert_true(b->len >= (i + 1) * 32);
	return cdx_get_be64(b->p + i * 32 + 24);
}

static void test_args(void **state)
{
	const struct cdx_market_config config = {
		.repair_reward = 10, .period = 15, .zkey_hash = "ab"};
	struct cdx_addr token = {{1}};
	struct cdx_addr verifier = {{2}};
	uint8_t ic[2][2][32] = {{{0}}};
	struct cdx_vk_words vk = {.ic = ic, .n_ic = 2};
	struct cdx_buf b = {.p = NULL};

	(void)state;
	assert_int_equal(
		cdx_deploy_marketplace_args(&b, &config, &token, &verifier), 0);
	assert_int_equal(word(&b, 0), 3 * 32);
	assert_int_equal(b.p[32 + 12], 1);
	assert_int_equal(b.p[64 + 12], 2);
	assert_int_equal(word(&b, 3), 10);  /* repair reward */
	assert_int_equal(word(&b, 10), 15); /* period */
	assert_int_equal(b.len, (3 + 7 + 5 + 2) * 32);

	b.len = 0;
	vk.alpha1[0][31] = 1;
	vk.beta2[0][31] = 3;
	vk.gamma2[0][31] = 7;
	vk.delta2[3][31] = 14;
	ic[0][0][31] = 16;
	ic[1][1][31] = 19;
	assert_int_equal(cdx_deploy_verifier_args(&b, &vk), 0);
	assert_int_equal(word(&b, 0), 32);
	assert_int_equal(word(&b, 1), 1);
	assert_int_equal(word(&b, 3), 3);
	assert_int_equal(word(&b, 7), 7);
	assert_int_equal(word(&b, 14), 14);
	assert_int_equal(word(&b, 15), 15 * 32);
	assert_int_equal(word(&b, 16), 2);
	assert_int_equal(word(&b, 17), 16);
	assert_int_equal(word(&b, 20), 19);
	assert_int_equal(b.len, 21 * 32);
	vk.n_ic = 0;
	assert_int_equal(cdx_deploy_verifier_args(&b, &vk), -EINVAL);
	vk.n_ic = SIZE_MAX / 32;
	assert_int_equal(cdx_deploy_verifier_args(&b, &vk), -EINVAL);
	cdx_buf_free(&b);
}

static void test_artifacts(void **state)
{
	static const char *const names[] = {"Marketplace", "Groth16Verifier",
					    "TestToken"};
	char why[CDX_DEPLOY_WHY_MAX] = "";
	char dir[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(names); i++) {
		struct cdx_buf b = {.p = NULL};

		if (cdx_artifact_read(&b, artifacts_dir(dir), names[i], why))
			fail_msg("%s", why);
		assert_in_range(b.len, 1000, CDX_INIT_CODE_MAX);
		cdx_buf_free(&b);
	}
}

/* What is in the file, what is said of it */
static void check_artifact(const char *dir, const char *text, int want,
			   const char *says)
{
	char why[CDX_DEPLOY_WHY_MAX] = "";
	struct cdx_buf b = {.p = NULL};
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/X.json", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(cdx_artifact_read(&b, dir, "X", why), want);
	if (want < 0) {
		assert_int_equal(b.len, 0);
		assert_non_null(strstr(why, "X.json: "));
		if (!strstr(why, says))
			fail_msg("%s, not: %s", why, says);
	}
	cdx_buf_free(&b);
	assert_int_equal(unlink(path), 0);
}

/* An artifact whose codes have so many bytes */
static char *sized(size_t code, size_t deployed)
{
	const size_t room = 2 * (code + deployed) + 200;
	char *text = malloc(room);
	char *zeros = malloc(2 * (code > deployed ? code : deployed) + 1);

	assert_non_null(text);
	assert_non_null(zeros);
	memset(zeros, '0', 2 * (code > deployed ? code : deployed));
	snprintf(text, room,
		 "{\"contractName\":\"X\",\"bytecode\":\"0x%.*s\","
		 "\"deployedBytecode\":\"0x%.*s\"}",
		 (int)(2 * code), zeros, (int)(2 * deployed), zeros);
	free(zeros);
	return text;
}

static void check_sized(const char *dir, size_t code, size_t deployed, int want)
{
	char *text = sized(code, deployed);

	check_artifact(dir, text, want, "larger than a chain takes");
	free(text);
}

static void test_bad_artifacts(void **state)
{
	char dir[] = "/tmp/test_eth_bindings.XXXXXX";
	char why[CDX_DEPLOY_WHY_MAX] = "";
	struct cdx_buf b = {.p = NULL};

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(cdx_artifact_read(&b, dir, "X", why), -ENOENT);
	assert_non_null(strstr(why, "X.json"));
	check_artifact(dir, "{", CDX_E_FORMAT, "no JSON");
	check_artifact(dir, "[]", CDX_E_FORMAT, "not of the contract");
	check_artifact(dir, "{\"contractName\":\"Y\"}", CDX_E_FORMAT,
		       "not of the contract");
	check_artifact(dir, "{\"contractName\":\"X\",\"bytecode\":\"0x\"}",
		       CDX_E_FORMAT, "no artifact");
	check_artifact(dir, "{\"contractName\":\"X\",\"bytecode\":\"6000\"}",
		       CDX_E_FORMAT, "no artifact");
	check_artifact(dir, "{\"contractName\":\"X\",\"bytecode\":\"0x600\"}",
		       CDX_E_FORMAT, "no artifact");
	check_artifact(
		dir,
		"{\"contractName\":\"X\",\"bytecode\":\"0x73__$ab$__00\","
		"\"deployedBytecode\":\"0x00\"}",
		CDX_E_FORMAT, "linked");
	check_sized(dir, CDX_INIT_CODE_MAX, CDX_CODE_MAX, 0);
	check_sized(dir, CDX_INIT_CODE_MAX + 1, CDX_CODE_MAX, -E2BIG);
	check_sized(dir, CDX_INIT_CODE_MAX, CDX_CODE_MAX + 1, -E2BIG);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_constructors),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_artifacts),
		cmocka_unit_test(test_bad_artifacts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
