/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "eth/json.h"

/* Values of JSON-RPC: both ways, and what is not exactly such a value. */

#define ADDR "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"
/* 30 bytes of zeros; HASH wants one byte more */
#define Z30 "000000000000000000000000000000000000000000000000000000000000"
#define HASH "0xab" Z30

static json_t *parse(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(v);
	return v;
}

static void made(json_t *v, const char *want)
{
	assert_non_null(v);
	assert_string_equal(json_string_value(v), want);
	json_decref(v);
}

static void writing(void **state)
{
	const struct cdx_addr a = {{0x9d, [19] = 0x4f}};
	const struct cdx_b32 h = {{0xab, [31] = 1}};

	(void)state;
	made(cdx_json_u64(0), "0x0");
	made(cdx_json_u64(31), "0x1f");
	made(cdx_json_u64(UINT64_MAX), "0xffffffffffffffff");
	made(cdx_json_u256(&cdx_u256_max),
	     "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	     "ffff");
	made(cdx_json_addr(&a), "0x9d0000000000000000000000000000000000004f");
	made(cdx_json_b32(&h), "0xab" Z30 "01");
	made(cdx_json_bytes("\1\2", 2), "0x0102");
	made(cdx_json_bytes(NULL, 0), "0x");
	assert_string_equal(cdx_json_at(CDX_AT_LATEST), "latest");
	assert_string_equal(cdx_json_at(CDX_AT_PENDING), "pending");
}

static void reading(void **state)
{
	json_t *v = parse("[\"0x1f\", \"0x001f\", \"0xffffffffffffffff\","
			  " \"" ADDR "\", \"" HASH "01\", \"0x\","
			  " \"0x0A0b\","
			  " \"0x10000000000000000\"]");
	struct cdx_buf b = {0};
	struct cdx_u256 wide;
	struct cdx_addr a;
	struct cdx_b32 h;
	uint64_t n;

	(void)state;
	assert_int_equal(cdx_json_get_u64(json_array_get(v, 0), &n), 0);
	assert_true(n == 31);
	assert_int_equal(cdx_json_get_u64(json_array_get(v, 1), &n), 0);
	assert_true(n == 31);
	assert_int_equal(cdx_json_get_u64(json_array_get(v, 2), &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(cdx_json_get_addr(json_array_get(v, 3), &a), 0);
	assert_int_equal(a.b[0], 0x9d);
	assert_int_equal(a.b[19], 0x4f);
	assert_int_equal(cdx_json_get_b32(json_array_get(v, 4), &h), 0);
	assert_int_equal(h.b[0], 0xab);
	assert_int_equal(h.b[31], 1);
	assert_int_equal(cdx_json_get_bytes(json_array_get(v, 5), &b), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(cdx_json_get_bytes(json_array_get(v, 6), &b), 0);
	assert_int_equal(cdx_json_get_bytes(json_array_get(v, 6), &b), 0);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.p, "\x0a\x0b\x0a\x0b", 4);
	assert_int_equal(cdx_json_get_u256(json_array_get(v, 7), &wide), 0);
	assert_true(wide.v[0] == 0 && wide.v[1] == 1);
	assert_int_equal(cdx_json_get_u64(json_array_get(v, 7), &n),
			 CDX_E_FORMAT);
	assert_true(n == UINT64_MAX);
	cdx_buf_free(&b);
	json_decref(v);
}

static void refusals(void **state)
{
	static const char *const bad[] = {
		"null",	    "true",	"5",	    "{}",
		"[]",	    "[5]",	"\"\"",	    "\"0\"",
		"\"5\"",    "\"x1\"",	"\"1f\"",   "\"0X1f\"",
		"\"0xg0\"", "\"0x1 \"", "\" 0x1\"", "\"-0x1\"",
	};
	/* one digit or byte more or less */
	static const char *const lengths[] = {
		"\"" ADDR "0\"",
		"\"" ADDR "00\"",
		"\"0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a\"",
		"\"" HASH "\"",
		"\"" HASH "0\"",
		"\"" HASH "010\"",
		"\"" HASH "0100\"",
		"\"0x1\"",
		"\"0x\"",
	};
	struct cdx_buf b = {0};
	struct cdx_u256 wide;
	struct cdx_addr a;
	struct cdx_b32 h;
	uint64_t n = 7;

	(void)state;
	cdx_buf_u8(&b, 1);
	for (size_t i = 0; i <= CDX_ARRAY_LEN(bad); i++) {
		json_t *v = i < CDX_ARRAY_LEN(bad) ? parse(bad[i]) : NULL;

		assert_int_equal(cdx_json_get_u64(v, &n), CDX_E_FORMAT);
		assert_int_equal(cdx_json_get_u256(v, &wide), CDX_E_FORMAT);
		assert_int_equal(cdx_json_get_addr(v, &a), CDX_E_FORMAT);
		assert_int_equal(cdx_json_get_b32(v, &h), CDX_E_FORMAT);
		assert_int_equal(cdx_json_get_bytes(v, &b), CDX_E_FORMAT);
		json_decref(v);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(lengths); i++) {
		json_t *v = parse(lengths[i]);

		assert_int_equal(cdx_json_get_addr(v, &a), CDX_E_FORMAT);
		assert_int_equal(cdx_json_get_b32(v, &h), CDX_E_FORMAT);
		json_decref(v);
	}
	assert_true(n == 7);
	assert_int_equal(b.len, 1);
	cdx_buf_free(&b);
}

/* A member of an object, and how to spoil it */
struct spoil {
	const char *name;
	const char *value; /* NULL: left out */
};

static json_t *spoiled(const char *text, const struct spoil *s)
{
	json_t *v = parse(text);

	assert_non_null(json_object_get(v, s->name));
	assert_int_equal(s->value ? json_object_set_new(v, s->name,
							parse(s->value))
				  : json_object_del(v, s->name),
			 0);
	return v;
}

static void blocks(void **state)
{
	static const char text[] =
		"{\"number\": \"0x10\", \"timestamp\": \"0x65\", \"hash\": "
		"\"" HASH "01\", \"parentHash\": \"" HASH "02\", "
		"\"gasLimit\": \"0x1c9c380\", \"baseFeePerGas\": \"0x7\", "
		"\"transactions\": []}";
	static const struct spoil bad[] = {
		{"number", NULL},
		{"number", "null"},
		{"number", "16"},
		{"timestamp", NULL},
		{"timestamp", "\"\""},
		{"hash", NULL},
		{"hash", "null"},
		{"hash", "\"0x\""},
		{"parentHash", NULL},
		{"parentHash", "\"0x01\""},
		{"gasLimit", NULL},
		{"gasLimit", "[]"},
		{"baseFeePerGas", "null"},
		{"baseFeePerGas", "7"},
		{"timestamp", "\"0x10000000000000000\""},
	};
	struct spoil no_fee = {"baseFeePerGas", NULL};
	struct cdx_block b;
	json_t *v = parse(text);

	(void)state;
	assert_int_equal(cdx_json_get_block(v, &b), 0);
	assert_true(b.number == 16 && b.timestamp == 101 &&
		    b.gas_limit == 30000000 && b.base_fee.v[0] == 7);
	assert_true(b.has_base_fee);
	assert_int_equal(b.hash.b[31], 1);
	assert_int_equal(b.parent.b[31], 2);
	json_decref(v);
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		v = spoiled(text, &bad[i]);
		b.number = 3;
		assert_int_equal(cdx_json_get_block(v, &b), CDX_E_FORMAT);
		assert_true(b.number == 3);
		json_decref(v);
	}
	v = spoiled(text, &no_fee);
	assert_int_equal(cdx_json_get_block(v, &b), 0);
	assert_false(b.has_base_fee);
	json_decref(v);
	assert_int_equal(cdx_json_get_block(NULL, &b), CDX_E_FORMAT);
	v = parse("[]");
	assert_int_equal(cdx_json_get_block(v, &b), CDX_E_FORMAT);
	json_decref(v);
}

static void logs(void **state)
{
	static const char text[] =
		"{\"address\": \"" ADDR "\", \"topics\": [\"" HASH "01\", "
		"\"" HASH "02\"], \"data\": \"0x0102\", \"blockNumber\": "
		"\"0x10\", \"blockHash\": \"" HASH "03\", "
		"\"transactionHash\": \"" HASH "04\", \"logIndex\": \"0x5\", "
		"\"removed\": true}";
	static const struct spoil bad[] = {
		{"address", NULL},
		{"address", "\"0x\""},
		{"topics", NULL},
		{"topics", "null"},
		{"topics", "{}"},
		{"topics", "[null]"},
		{"topics", "[\"0x01\"]"},
		{"data", NULL},
		{"data", "\"0x1\""},
		{"data", "\"0xgg\""},
		{"blockNumber", "null"},
		{"blockHash", "null"},
		{"transactionHash", NULL},
		{"logIndex", "5"},
		{"removed", "\"true\""},
		{"removed", "null"},
		{"topics", "[\"" HASH "01\",\"" HASH "01\",\"" HASH
			   "01\",\"" HASH "01\",\"" HASH "01\"]"},
	};
	static const struct spoil good[] = {
		{"removed", NULL},
		{"topics", "[]"},
		{"topics", "[\"" HASH "01\",\"" HASH "01\",\"" HASH
			   "01\",\"" HASH "01\"]"},
		{"data", "\"0x\""},
	};
	struct cdx_chain_log l;
	struct cdx_buf data = {0};
	json_t *v = parse(text);

	(void)state;
	cdx_buf_u8(&data, 9);
	assert_int_equal(cdx_json_get_log(v, &l, &data), 0);
	assert_int_equal(l.contract.b[0], 0x9d);
	assert_int_equal(l.n_topics, 2);
	assert_int_equal(l.topics[1].b[31], 2);
	assert_int_equal(l.len, 2);
	assert_memory_equal(l.data, "\1\2", 2);
	assert_true(l.block == 16 && l.index == 5 && l.removed);
	assert_int_equal(l.block_hash.b[31], 3);
	assert_int_equal(l.tx.b[31], 4);
	json_decref(v);
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		size_t before = data.len;

		v = spoiled(text, &bad[i]);
		l.block = 3;
		assert_int_equal(cdx_json_get_log(v, &l, &data), CDX_E_FORMAT);
		assert_true(l.block == 3 && data.len == before);
		json_decref(v);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		v = spoiled(text, &good[i]);
		assert_int_equal(cdx_json_get_log(v, &l, &data), 0);
		assert_int_equal(l.removed, i > 0);
		assert_int_equal(l.len, i < 3 ? 2 : 0);
		assert_int_equal(l.n_topics, i == 1 ? 0 : (i == 2 ? 4 : 2));
		json_decref(v);
	}
	cdx_buf_free(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writing),  cmocka_unit_test(reading),
		cmocka_unit_test(refusals), cmocka_unit_test(blocks),
		cmocka_unit_test(logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
