/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codec/rlp.h"
#include "eth/tx.h"
#include "tests/unit/seed.h"

/* Transactions: published and foreign ones, round trips, refusals. */

#define KEY "4646464646464646464646464646464646464646464646464646464646464646"
#define SIGNER "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"
#define GWEI UINT64_C(1000000000)
#define TO                                                                    \
	{                                                                     \
		{                                                             \
			0x70, 0x99, 0x79, 0x70, 0xc5, 0x18, 0x12, 0xdc, 0x3a, \
				0x01, 0x0c, 0x7d, 0x01, 0xb5, 0x0e, 0x0d,     \
				0x17, 0xdc, 0x79, 0xc8                        \
		}                                                             \
	}

/* transfer(0x3535..., 10^18) */
static const uint8_t transfer[68] = {
	0xa9, 0x05, 0x9c, 0xbb, [16] = 0x35, 0x35, 0x35, 0x35, 0x35, 0x35,
	0x35, 0x35, 0x35, 0x35, 0x35,	     0x35, 0x35, 0x35, 0x35, 0x35,
	0x35, 0x35, 0x35, 0x35, [60] = 0x0d, 0xe0, 0xb6, 0xb3, 0xa7, 0x64};
static const uint8_t code[] = {0x60, 0x01, 0x60, 0x01, 0x55};
static const uint8_t stop[] = {0x00};

/* The first is the example of EIP-155.  The others were made by hand with cast
 * 1.7.1: cast mktx --private-key KEY --chain CHAIN --nonce NONCE --gas-limit
 * GAS --gas-price FEE [--priority-gas-price TIP | --legacy] --value VALUE
 * 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 ['transfer(address,uint256)'
 * 0x3535353535353535353535353535353535353535 1000000000000000000], or --create
 * CODE in place of the address; the name of the first with cast keccak. */
static const struct {
	struct cdx_tx tx;
	const char *raw;
	const char *hash; /* NULL: not known */
} vectors[] = {
	{{.chain_id = 1,
	  .nonce = 9,
	  .gas = 21000,
	  .legacy = true,
	  .gas_price = {{20 * GWEI}},
	  .to = {{0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35,
		  0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35, 0x35}},
	  .value = {{GWEI * GWEI}}},
	 "f86c098504a817c800825208943535353535353535353535353535353535353535"
	 "880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c"
	 "71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc"
	 "64214b297fb1966a3b6d83",
	 "33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788"},
	{{.chain_id = 31337,
	  .nonce = 5,
	  .gas = 100000,
	  .max_fee = {{2 * GWEI}},
	  .max_tip = {{GWEI}},
	  .to = TO,
	  .value = {{123456789}},
	  .data = transfer,
	  .len = sizeof(transfer)},
	 "02f8b6827a6905843b9aca008477359400830186a09470997970c51812dc3a010c"
	 "7d01b50e0d17dc79c884075bcd15b844a9059cbb00000000000000000000000035"
	 "353535353535353535353535353535353535350000000000000000000000000000"
	 "000000000000000000000de0b6b3a7640000c080a0a273714fb7ca300db5756d65"
	 "14a9f8b95661220ee4470572ba2175cc460b34f9a02d9b2e1b40f936de9e56eb00"
	 "6f8d89d96abd510e3b2ddb0611be3d448d97a4b8",
	 NULL},
	{{.chain_id = 789987,
	  .gas = 3000000,
	  .create = true,
	  .data = code,
	  .len = sizeof(code)},
	 "02f857830c0de3808080832dc6c08080856001600155c001a0ea62f7f9afac467a"
	 "dc804f151d1daf79393ae4a0db93f3d5692361d7192b2d3aa071cf373ca749fcbe"
	 "851378259999d7f838fd90323d7afdbf1468998ecf7a1727",
	 NULL},
	/* its v has 65 bits */
	{{.chain_id = UINT64_C(9223372036854775790),
	  .gas = 21000,
	  .legacy = true,
	  .gas_price = {{7}},
	  .to = TO,
	  .value = {{1}}},
	 "f86880078252089470997970c51812dc3a010c7d01b50e0d17dc79c80180890100"
	 "00000000000000a0b0ca3b4193c1f1314faf14f24d8001f19a07c81c9667b114dd"
	 "b7b79d35351c1da02c0804c61cce3dbfe14cdd5b6de3616db5da849d2c971a8718"
	 "b053f52747f034",
	 NULL},
	{{.chain_id = 167005,
	  .nonce = 300,
	  .gas = 21000,
	  .legacy = true,
	  .gas_price = {{7}},
	  .create = true,
	  .data = stop,
	  .len = sizeof(stop)},
	 "f85082012c07825208808000830518dea0dc4114d5ab523fc9a1ef258fb03e7b7c"
	 "487706e8f77cd4439c6d5dd2b508940fa035f7986e0cb46b980599c107269d24c6"
	 "7a75c1ef982c8b11aed69ba7b2465246",
	 NULL},
};

static struct cdx_seckey key_of(const char *hex)
{
	struct cdx_seckey k;

	assert_int_equal(cdx_unhex(k.b, sizeof(k.b), hex), 0);
	return k;
}

static void same_tx(const struct cdx_tx *a, const struct cdx_tx *b)
{
	assert_true(a->chain_id == b->chain_id && a->nonce == b->nonce &&
		    a->gas == b->gas && a->legacy == b->legacy &&
		    a->create == b->create);
	assert_int_equal(cdx_u256_cmp(&a->gas_price, &b->gas_price), 0);
	assert_int_equal(cdx_u256_cmp(&a->max_fee, &b->max_fee), 0);
	assert_int_equal(cdx_u256_cmp(&a->max_tip, &b->max_tip), 0);
	assert_int_equal(cdx_u256_cmp(&a->value, &b->value), 0);
	assert_memory_equal(a->to.b, b->to.b, sizeof(a->to.b));
	assert_int_equal(a->len, b->len);
	if (a->len)
		assert_memory_equal(a->data, b->data, a->len);
}

static void published(void **state)
{
	struct cdx_seckey key = key_of(KEY);
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(vectors); i++) {
		struct cdx_buf out = {0};
		struct cdx_tx tx;
		struct cdx_addr from;
		struct cdx_b32 hash;
		struct cdx_b32 again;
		char hex[1024];

		/* what was there stays */
		cdx_buf_u8(&out, 9);
		assert_int_equal(cdx_tx_sign(&out, &hash, &vectors[i].tx, &key),
				 0);
		assert_int_equal(out.p[0], 9);
		assert_true(out.len < sizeof(hex) / 2);
		cdx_hex(hex, out.p + 1, out.len - 1);
		assert_string_equal(hex, vectors[i].raw);
		cdx_hex(hex, hash.b, sizeof(hash.b));
		if (vectors[i].hash)
			assert_string_equal(hex, vectors[i].hash);
		assert_int_equal(cdx_tx_read(&tx, &from, &again, out.p + 1,
					     out.len - 1),
				 0);
		same_tx(&tx, &vectors[i].tx);
		assert_memory_equal(hash.b, again.b, sizeof(hash.b));
		cdx_addr_text(text, &from);
		assert_string_equal(text, SIGNER);
		cdx_buf_free(&out);
	}
}

static struct cdx_u256 any(struct seed *s)
{
	struct cdx_u256 a = {{0}};
	size_t limbs = seed_below(s, 5);

	for (size_t i = 0; i < limbs; i++)
		a.v[i] = seed_u64(s) >> seed_below(s, 64);
	return a;
}

static void round_trips(void **state)
{
	struct seed s = seed_start("round trips");
	struct cdx_seckey key = key_of(KEY);
	static uint8_t data[2000];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		struct cdx_tx tx = {
			.chain_id = 1 + (seed_u64(&s) >> seed_below(&s, 64)),
			.nonce = seed_u64(&s) >> seed_below(&s, 64),
			.gas = seed_u64(&s) >> seed_below(&s, 64),
			.legacy = i % 2,
			.create = i % 3 == 0,
			.value = any(&s),
			.data = data,
			.len = seed_below(&s, i < 100 ? 60 : sizeof(data)),
		};
		struct cdx_tx got;
		struct cdx_addr from;
		struct cdx_addr signer;
		struct cdx_b32 hash;
		struct cdx_b32 again;
		struct cdx_buf out = {0};

		seed_fill(&s, data, tx.len);
		if (tx.legacy)
			tx.gas_price = any(&s);
		else
			tx.max_fee = tx.max_tip = any(&s);
		if (!tx.create)
			seed_fill(&s, tx.to.b, sizeof(tx.to.b));
		tx.chain_id = tx.chain_id ? tx.chain_id : 1;
		seed_fill(&s, key.b, sizeof(key.b));
		assert_int_equal(cdx_tx_sign(&out, &hash, &tx, &key), 0);
		assert_int_equal(
			cdx_tx_read(&got, &from, &again, out.p, out.len), 0);
		same_tx(&got, &tx);
		assert_memory_equal(hash.b, again.b, sizeof(hash.b));
		assert_int_equal(cdx_seckey_addr(&signer, &key), 0);
		assert_memory_equal(from.b, signer.b, sizeof(from.b));
		cdx_buf_free(&out);
	}
}

static int read_it(const void *raw, size_t len)
{
	struct cdx_tx tx;
	struct cdx_addr from;
	struct cdx_b32 hash;
	/* exactly as long, so that ASan sees one byte too many */
	uint8_t *p = malloc(len ? len : 1);
	int err;

	assert_non_null(p);
	memcpy(p, raw, len);
	err = cdx_tx_read(&tx, &from, &hash, p, len);
	free(p);
	return err;
}

/* Each vector cut at each place, with a byte behind it, with each byte changed:
 * refused, or of another signer (what is signed was changed, or r) */
static void altered(void **state)
{
	struct cdx_addr signer;

	(void)state;
	assert_int_equal(cdx_addr_parse(&signer, SIGNER), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(vectors); i++) {
		size_t len = strlen(vectors[i].raw) / 2;
		uint8_t raw[512] = {0};

		assert_true(len < sizeof(raw));
		assert_int_equal(cdx_unhex(raw, len, vectors[i].raw), 0);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(read_it(raw, cut), CDX_E_FORMAT);
		assert_int_equal(read_it(raw, len), 0);
		assert_int_equal(read_it(raw, len + 1), CDX_E_FORMAT);
		for (size_t at = 0; at < len; at++) {
			struct cdx_tx tx;
			struct cdx_addr from;
			struct cdx_b32 hash;
			int err;

			raw[at] ^= 1;
			err = cdx_tx_read(&tx, &from, &hash, raw, len);
			raw[at] ^= 1;
			if (!err)
				assert_memory_not_equal(from.b, signer.b,
							sizeof(from.b));
			else
				assert_true(err == CDX_E_FORMAT ||
					    err == CDX_E_AUTH);
		}
	}
}

/* A list of EIP-1559 with one field that is not as it has to be */
enum wrong {
	NOTHING,
	CHAIN_0,
	TO_19,
	TO_21,
	ACCESS,
	NO_ACCESS,
	PARITY_2,
	LEADING_ZERO,
	R_33,
	ONE_MORE,
	ONE_LESS,
	HIGH_S,
	TYPE_1,
	WRONGS,
};

static void build(struct cdx_buf *out, enum wrong wrong)
{
	struct cdx_buf none = {0};
	struct cdx_buf access = {0};
	struct cdx_buf items = {0};
	uint8_t r[33] = {1};

	cdx_rlp_u64(&access, 1);
	cdx_buf_u8(out, wrong == TYPE_1 ? 1 : 2);
	cdx_rlp_u64(&items, wrong != CHAIN_0);
	if (wrong == LEADING_ZERO)
		cdx_rlp_bytes(&items, "\0\1", 2);
	else
		cdx_rlp_u64(&items, 1);
	cdx_rlp_u64(&items, 1);
	cdx_rlp_u64(&items, 1);
	cdx_rlp_u64(&items, 1);
	cdx_rlp_bytes(&items, r,
		      wrong == TO_19 ? 19 : (wrong == TO_21 ? 21 : 20));
	cdx_rlp_u64(&items, 0);
	cdx_rlp_u64(&items, 0);
	if (wrong == NO_ACCESS)
		cdx_rlp_bytes(&items, NULL, 0);
	else
		cdx_rlp_list(&items, wrong == ACCESS ? &access : &none);
	cdx_rlp_u64(&items, wrong == PARITY_2 ? 2 : 0);
	if (wrong == R_33)
		cdx_rlp_bytes(&items, r, sizeof(r));
	else
		cdx_rlp_u64(&items, 1);
	if (wrong == HIGH_S)
		cdx_rlp_u256(&items, &cdx_u256_max);
	else if (wrong != ONE_LESS)
		cdx_rlp_u64(&items, 1);
	if (wrong == ONE_MORE)
		cdx_rlp_u64(&items, 1);
	cdx_rlp_list(out, &items);
	assert_int_equal(cdx_buf_ok(out), 0);
	cdx_buf_free(&items);
	cdx_buf_free(&access);
}

static void refusals(void **state)
{
	/* EIP-155's example as it was before: v is 27 */
	static const char old[] =
		"f86c098504a817c800825208943535353535353535353535353535353535"
		"353535880de0b6b3a7640000801ba028ef61340bd939bc2195fe53756786"
		"6003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb70330"
		"4b3800ccf555c9f3dc64214b297fb1966a3b6d83";
	static uint8_t raw[CDX_TX_MAX + 1];

	(void)state;
	for (int wrong = NOTHING; wrong < WRONGS; wrong++) {
		struct cdx_buf b = {0};
		int want = CDX_E_FORMAT;

		if (wrong == NOTHING)
			want = 0;
		else if (wrong == HIGH_S)
			want = CDX_E_AUTH;
		build(&b, (enum wrong)wrong);
		assert_int_equal(read_it(b.p, b.len), want);
		cdx_buf_free(&b);
	}
	assert_int_equal(cdx_unhex(raw, strlen(old) / 2, old), 0);
	assert_int_equal(read_it(raw, strlen(old) / 2), CDX_E_FORMAT);
	/* v of chain 0 */
	assert_int_equal(raw[42], 0x80);
	assert_int_equal(raw[43], 27);
	raw[43] = 35;
	assert_int_equal(read_it(raw, strlen(old) / 2), CDX_E_FORMAT);
	raw[43] = 37;
	assert_int_equal(read_it(raw, strlen(old) / 2), 0);
	assert_int_equal(read_it(raw, sizeof(raw)), CDX_E_FORMAT);
}

static void not_signed(void **state)
{
	static uint8_t data[CDX_TX_MAX];
	struct cdx_tx tx = {.chain_id = 1, .data = data, .len = sizeof(data)};
	struct cdx_seckey key = key_of(KEY);
	struct cdx_seckey none = {{0}};
	struct cdx_b32 hash;
	struct cdx_tx got;
	struct cdx_addr from;
	struct cdx_buf out = {0};

	(void)state;
	assert_int_equal(cdx_tx_sign(&out, &hash, &tx, &key), -E2BIG);
	tx.len++;
	assert_int_equal(cdx_tx_sign(&out, &hash, &tx, &key), -E2BIG);
	tx.len = 0;
	assert_int_equal(cdx_tx_sign(&out, &hash, &tx, &none), CDX_E_FORMAT);
	tx.chain_id = 0;
	assert_int_equal(cdx_tx_sign(&out, &hash, &tx, &key), -EINVAL);
	assert_int_equal(out.len, 0);
	tx.chain_id = 1;
	/* up to the longest, beside whose data there are some 104 bytes */
	for (tx.len = sizeof(data) - 120; out.len < CDX_TX_MAX; tx.len++) {
		cdx_buf_free(&out);
		assert_int_equal(cdx_tx_sign(&out, &hash, &tx, &key), 0);
		assert_int_equal(
			cdx_tx_read(&got, &from, &hash, out.p, out.len), 0);
	}
	assert_int_equal(out.len, CDX_TX_MAX);
	cdx_buf_free(&out);
	assert_int_equal(cdx_tx_sign(&out, &hash, &tx, &key), -E2BIG);
	assert_int_equal(out.len, 0);
	cdx_buf_free(&out);
}

/* Made by hand with cast 1.7.1: cast compute-address --nonce NONCE SIGNER */
static void contracts(void **state)
{
	static const struct {
		uint64_t nonce;
		const char *addr;
	} cases[] = {
		{0, "0x72665d3e94Cb4f374b7728F1ab21A3115C4D50Eb"},
		{1, "0x20bB3edD03cDB25B85F5e7e5F107c801869cC3AE"},
		{127, "0xedcbE1825489a8395A9d09876654bC8ea3d19e0e"},
		{128, "0x330EDd805D34afcB7c5F87c87Cb886945714ccb7"},
		{255, "0xF4c9094f073e78359A8d3B204A640a7d9EC0C62F"},
		{256, "0x768F034922Ad0cE5306B93210a6e846589957dEb"},
		{UINT64_MAX - 1, "0x05DCb638dF71e9251C10bC5Ddb2f45Fcb0eA4281"},
	};
	struct cdx_addr from;
	struct cdx_addr a;
	char text[CDX_ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(cdx_addr_parse(&from, SIGNER), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		cdx_tx_contract(&a, &from, cases[i].nonce);
		cdx_addr_text(text, &a);
		assert_string_equal(text, cases[i].addr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published),  cmocka_unit_test(round_trips),
		cmocka_unit_test(altered),    cmocka_unit_test(refusals),
		cmocka_unit_test(not_signed), cmocka_unit_test(contracts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
