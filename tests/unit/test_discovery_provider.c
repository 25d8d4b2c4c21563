/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codec/pb.h"
#include "discovery/envelope.h"
#include "discovery/provider.h"
#include "tests/unit/record_kit.h"
#include "tests/unit/seed.h"

/* Provider records.  The numbers were computed by a Python script with nothing
 * but hashlib and whole numbers. */

#define PROVIDER_RECORD                                                      \
	"0a2508021221024bc2a31265153f07e70e0bab08724e6b85e217f8cd628ceb6297" \
	"4247bb4933821204636478011a4e080112085c42fe82b41194f31a206827482d61" \
	"2d8f51b1e1d34f534afc589a48f252df629939e6b9412bf2f1420f20fbd095ffbc" \
	"3128d8e6cfaa0630023a03810010420a04cb007105061f86e0032a473045022100" \
	"8f2a7cf7d8815c4611df758b1cfed5929163c1c0db2eaa53f68e70eee91f081002" \
	"20308cd630e36dcb9e4becee8035c7d0fdfe2a3ad9fcd7600f32b8cbaa8857adaf"
#define MANIFEST_CID "zDvZRwzkw5q8ibJqRZXe577cYL2pobbL9pXkXxStCnqKTYtipcPG"
#define MANIFEST_KEY \
	"6827482d612d8f51b1e1d34f534afc589a48f252df629939e6b9412bf2f1420f"

static const uint8_t provider_type[] = {'c', 'd', 'x', 1};
static const struct cdx_envelope_kind provider_kind = {
	"codexfs-provider-record", provider_type, sizeof(provider_type)};

static struct cdx_provider_record provider(void)
{
	struct cdx_provider_record r;
	struct cdx_cid cid;

	memset(&r, 0, sizeof(r));
	assert_int_equal(
		cdx_cid_parse(&cid, MANIFEST_CID, strlen(MANIFEST_CID)), 0);
	cdx_provider_key(&r.key, &cid);
	r.seq = SEQ;
	r.expires = EXPIRES;
	r.holding = CDX_HOLDS_SLOTS;
	r.slots.b[0] = 0x81;
	r.slots.b[2] = 0x10;
	r.n_addrs = 1;
	assert_int_equal(cdx_maddr_parse(&r.addr[0], "203.0.113.5:8070"), 0);
	return r;
}

static int open_provider(struct cdx_provider_record *out,
			 const struct cdx_buf *b, int64_t now)
{
	struct cdx_provider_record want = provider();
	struct cdx_network net;

	cdx_network_of(&net, "codexfs");
	return cdx_provider_open(out, b->p, b->len, &net, &want.key, now);
}

static void provider_known(void **state)
{
	struct cdx_identity who = record_us();
	struct cdx_provider_record r = provider();
	struct cdx_provider_record got;
	struct cdx_buf b = {0};

	(void)state;
	record_is_hex(r.key.b, sizeof(r.key.b), MANIFEST_KEY);
	assert_int_equal(cdx_provider_sign(&b, &r, &who), 0);
	record_is_hex(b.p, b.len, PROVIDER_RECORD);
	assert_int_equal(open_provider(&got, &b, NOW), 0);
	assert_memory_equal(&got.id, &who.id, sizeof(got.id));
	assert_memory_equal(&got.key, &r.key, sizeof(got.key));
	assert_true(got.seq == SEQ && got.expires == EXPIRES);
	assert_int_equal(got.holding, CDX_HOLDS_SLOTS);
	assert_memory_equal(&got.slots, &r.slots, sizeof(got.slots));
	assert_false(got.has_tls_key);
	assert_int_equal(got.n_addrs, 1);
	assert_true(cdx_maddr_equal(&got.addr[0], &r.addr[0]));
	cdx_buf_free(&b);
}

static void provider_refused(void **state)
{
	struct cdx_buf b = record_unhex(PROVIDER_RECORD);
	struct cdx_provider_record want = provider();
	struct cdx_provider_record r;
	struct cdx_network net;

	(void)state;
	assert_int_equal(open_provider(&r, &b, EXPIRES + 600), 0);
	assert_int_equal(open_provider(&r, &b, EXPIRES + 601), -ESTALE);
	assert_int_equal(open_provider(&r, &b, EXPIRES - 3600), 0);
	assert_int_equal(open_provider(&r, &b, EXPIRES - 3601), CDX_E_FORMAT);
	cdx_network_of(&net, "lab");
	assert_int_equal(cdx_provider_open(&r, b.p, b.len, &net, &want.key,
					   NOW),
			 -ENOENT);
	cdx_network_of(&net, "codexfs");
	want.key.b[0] ^= 1;
	assert_int_equal(cdx_provider_open(&r, b.p, b.len, &net, &want.key,
					   NOW),
			 -EINVAL);
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(open_provider(&r, &b, NOW) < 0);
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < b.len; len++) {
		struct cdx_buf cut = {.p = b.p, .len = len};

		assert_int_equal(open_provider(&r, &cut, NOW), CDX_E_FORMAT);
	}
	assert_int_equal(open_provider(&r, &b, NOW), 0);
	cdx_buf_free(&b);
}

static void provider_signing(void **state)
{
	struct cdx_identity who = record_us();
	struct cdx_provider_record r = provider();
	struct cdx_buf b = {0};

	(void)state;
	memset(&r.slots, 0, sizeof(r.slots));
	assert_int_equal(cdx_provider_sign(&b, &r, &who), -EINVAL);
	r.holding = CDX_HOLDS_ALL;
	r.n_addrs = CDX_PEER_ADDRS_MAX + 1;
	assert_int_equal(cdx_provider_sign(&b, &r, &who), -EINVAL);
	r.n_addrs = 1;
	r.expires = -1;
	assert_int_equal(cdx_provider_sign(&b, &r, &who), -EINVAL);
	assert_int_equal(b.len, 0);
}

/* Payloads that are signed properly and wrong nevertheless */
static void provider_shapes(void **state)
{
	static const struct {
		uint64_t version;
		uint64_t holding;
		const char *slots; /* NULL: no such field */
		int want;
	} cases[] = {
		{1, 1, NULL, 0},
		{1, 3, NULL, 0},
		{1, 4, NULL, 0},
		{1, 2, "01", 0},
		{1, 2,
		 "000000000000000000000000000000000000000000000000000000"
		 "0000000080",
		 0},
		{1, 0, NULL, CDX_E_FORMAT},
		{1, 5, NULL, CDX_E_FORMAT},
		{1, UINT64_C(0x100000001), NULL, CDX_E_FORMAT},
		{2, 1, NULL, CDX_E_FORMAT},
		{1, 1, "01", CDX_E_FORMAT},
		{1, 2, NULL, CDX_E_FORMAT},
		{1, 2, "", CDX_E_FORMAT},
		{1, 2, "0100", CDX_E_FORMAT},
		{1, 2,
		 "000000000000000000000000000000000000000000000000000000"
		 "000000000001",
		 CDX_E_FORMAT},
	};
	struct cdx_identity who = record_us();
	struct cdx_provider_record want = provider();

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		struct cdx_provider_record r;
		struct cdx_buf p = {0};
		struct cdx_buf b = {0};
		struct cdx_buf slots = {0};

		cdx_pb_put_u64(&p, 1, cases[i].version);
		cdx_pb_put_bytes(&p, 2, who.network.b, 8);
		cdx_pb_put_bytes(&p, 3, want.key.b, 32);
		cdx_pb_put_u64(&p, 4, SEQ);
		cdx_pb_put_u64(&p, 5, EXPIRES);
		cdx_pb_put_u64(&p, 6, cases[i].holding);
		if (cases[i].slots) {
			if (cases[i].slots[0])
				slots = record_unhex(cases[i].slots);
			cdx_pb_put_bytes(&p, 7, slots.p, slots.len);
		}
		assert_int_equal(cdx_envelope_sign(&b, &provider_kind, &p,
						   CDX_RECORD_MAX, &who.key),
				 0);
		assert_int_equal(open_provider(&r, &b, NOW), cases[i].want);
		cdx_buf_free(&p);
		cdx_buf_free(&b);
		cdx_buf_free(&slots);
	}
}

/* Whatever is signed is opened as the same. */
static void round_trips(void **state)
{
	struct seed s = seed_start("record");
	struct cdx_identity who = record_us();

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct cdx_provider_record r = provider();
		struct cdx_provider_record got;
		struct cdx_buf b = {0};

		seed_fill(&s, who.key.b, sizeof(who.key.b));
		who.key.b[0] = 1;
		assert_int_equal(cdx_seckey_public(who.id.b, &who.key), 0);
		r.seq = seed_u64(&s);
		r.expires = NOW + (int64_t)seed_below(&s, 3600);
		r.holding = (enum cdx_holding)(1 + seed_below(&s, 4));
		memset(&r.slots, 0, sizeof(r.slots));
		if (r.holding == CDX_HOLDS_SLOTS)
			r.slots.b[seed_below(&s, sizeof(r.slots.b))] =
				(uint8_t)(1 + seed_below(&s, 255));
		r.has_tls_key = seed_u64(&s) & 1;
		if (r.has_tls_key)
			seed_fill(&s, r.tls_key.b, sizeof(r.tls_key.b));
		r.n_addrs = (uint32_t)seed_below(&s, CDX_PEER_ADDRS_MAX + 1);
		for (uint32_t i = 0; i < r.n_addrs; i++) {
			r.addr[i] = r.addr[0];
			r.addr[i].port = (uint16_t)(1 + seed_below(&s, 65535));
			r.addr[i].tls = seed_u64(&s) & 1;
			r.addr[i].http = seed_u64(&s) & 1;
		}
		assert_int_equal(cdx_provider_sign(&b, &r, &who), 0);
		assert_true(b.len <= CDX_RECORD_MAX);
		assert_int_equal(open_provider(&got, &b, NOW), 0);
		assert_true(got.seq == r.seq && got.expires == r.expires);
		assert_int_equal(got.holding, r.holding);
		assert_memory_equal(&got.slots, &r.slots, sizeof(got.slots));
		assert_int_equal(got.has_tls_key, r.has_tls_key);
		assert_int_equal(got.n_addrs, r.n_addrs);
		for (uint32_t i = 0; i < r.n_addrs; i++)
			assert_true(cdx_maddr_equal(&got.addr[i], &r.addr[i]));
		cdx_buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(provider_known),
		cmocka_unit_test(provider_refused),
		cmocka_unit_test(provider_signing),
		cmocka_unit_test(provider_shapes),
		cmocka_unit_test(round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
