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
#include "discovery/internal.h"
#include "discovery/peer.h"
#include "tests/unit/record_kit.h"

/* Peer ids, envelopes and peer records.  The numbers below
 * were computed by a Python script with nothing but hashlib and whole numbers;
 * the SPRs are those that Codex nodes have made public. */

/* of the key 46 46 ... */
#define ID_TEXT "16Uiu2HAkzXQhHBZuBQoR5rJ3h3fK9mgWJNAYK6bhDgqU5Jg753tD"
#define ID_CID \
	"bafzaajiiaijccaslykrrezivh4d6odqlvmehettlqxrbp6gnmkgowyuxijd3wsjtqi"
#define ID_KEY \
	"024bc2a31265153f07e70e0bab08724e6b85e217f8cd628ceb62974247bb493382"

#define PEER_RECORD                                                          \
	"0a2508021221024bc2a31265153f07e70e0bab08724e6b85e217f8cd628ceb6297" \
	"4247bb493382120203011a8e010a27002508021221024bc2a31265153f07e70e0b" \
	"ab08724e6b85e217f8cd628ceb62974247bb49338210fbd095ffbc311a0c0a0a04" \
	"cb007105061f86e0031a160a14350b6578616d706c652e6f72670601bbc003e003" \
	"a00601a806d8e6cfaa06b206085c42fe82b41194f3ba0620000102030405060708" \
	"090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2a473045022100e073ba" \
	"139cb645614ad561519a07aff29f3ebf7b56370def3936cd0a6453fcec02201de8" \
	"af351e7c30014ed9ea3303adcfd17eaff2cac21391270c3df755ce059706"
#define PEER_SPR                                                             \
	"spr:CiUIAhIhAkvCoxJlFT8H5w4LqwhyTmuF4hf4zWKM62KXQke7STOCEgIDARqOAQ" \
	"onACUIAhIhAkvCoxJlFT8H5w4LqwhyTmuF4hf4zWKM62KXQke7STOCEPvQlf-8MRoM" \
	"CgoEywBxBQYfhuADGhYKFDULZXhhbXBsZS5vcmcGAbvAA-ADoAYBqAbY5s-qBrIGCF" \
	"xC_oK0EZTzugYgAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8qRzBFAiEA" \
	"4HO6E5y2RWFK1WFRmgev8p8-v3tWNw3vOTbNCmRT_OwCIB3orzUefDABTtnqMwOtz9" \
	"F-r_LKwhORJww991XOBZcG"
#define PEER_HIGH_S                                                          \
	"0a2508021221024bc2a31265153f07e70e0bab08724e6b85e217f8cd628ceb6297" \
	"4247bb493382120203011a8e010a27002508021221024bc2a31265153f07e70e0b" \
	"ab08724e6b85e217f8cd628ceb62974247bb49338210fbd095ffbc311a0c0a0a04" \
	"cb007105061f86e0031a160a14350b6578616d706c652e6f72670601bbc003e003" \
	"a00601a806d8e6cfaa06b206085c42fe82b41194f3ba0620000102030405060708" \
	"090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2a483046022100e073ba" \
	"139cb645614ad561519a07aff29f3ebf7b56370def3936cd0a6453fcec022100e2" \
	"1750cae183cffeb12615ccfc52302d3bfeea1bed350f14b39467370230aa3b"
#define MANIFEST_CID "zDvZRwzkw5q8ibJqRZXe577cYL2pobbL9pXkXxStCnqKTYtipcPG"

/* a bootstrap node: one address, UDP */
#define CODEX_SPR                                                            \
	"spr:CiUIAhIhAiJvIcA_ZwPZ9ugVKDbmqwhJZaig5zKyLiuaicRcCGqLEgIDARo8Ci" \
	"cAJQgCEiECIm8hwD9nA9n26BUoNuarCEllqKDnMrIuK5qJxFwIaosQ3d6esAYaCwoJ" \
	"BJ_f8zKRAnU6KkYwRAIgM0MvWNJL296kJ9gWvfatfmVvT-A7O2s8Mxp8l9c8EW0CIC" \
	"-h-H-jBVSgFjg3Eny2u33qF7BDnWFzo7fGfZ7_qc9P"
/* one address, TCP */
#define CODEX_SPR_TCP                                                        \
	"spr:CiUIAhIhAs8AX5JLuRffkJiqakPZmpE_WeRw_xFzpYfWF13jGgupEgIDARo7Ci" \
	"cAJQgCEiECzwBfkku5F9-QmKpqQ9makT9Z5HD_EXOlh9YXXeMaC6kQiOWy1QYaCgoI" \
	"BICMN4AGIAcqRzBFAiEApW6gyJWos3KuqcV6DfAYwnwddjGni2ryZqjI7ud6MtMCIC" \
	"qFNyyEC3YgjiYHN0Wr3XZRn0ESD8v00Sv6cWynXTvK"
/* four addresses, UDP */
#define CODEX_SPR_FOUR                                                       \
	"spr:CiUIAhIhAzOHIp2Ls2E8VmU6h9Ci4b5outaMpNNUjJ8o4O2em8_GEgIDARpjCi" \
	"cAJQgCEiEDM4cinYuzYTxWZTqH0KLhvmi61oyk01SMnyjg7Z6bz8YQxdvTywYaCwoJ" \
	"BH8AAAGRAh-aGgsKCQTAqABGkQIfmhoLCgkEZFkjf5ECH5oaCwoJBKwTIAGRAh-aKk" \
	"YwRAIgT1lg0R2-ulHNCWhYBri2nuzAvPo9cifdXWf1I-xcMhgCIEOAau5LjDGFLu9o" \
	"zYZoXzKjL-HWUWkz9Kf4zsz_B94E"

static const uint8_t peer_type[] = {3, 1};
static const struct cdx_envelope_kind peer_kind = {
	"libp2p-peer-record", peer_type, sizeof(peer_type)};
static const uint8_t other_type[] = {3, 2};
static const struct cdx_envelope_kind other_kind = {
	"libp2p-peer-record", other_type, sizeof(other_type)};

/* ---- names */

static void ids(void **state)
{
	static const char *const bad[] = {
		"",
		"16Uiu2HA",
		"16Uiu2HAkzXQhHBZuBQoR5rJ3h3fK9mgWJNAYK6bhDgqU5Jg753t",
		"16Uiu2HAkzXQhHBZuBQoR5rJ3h3fK9mgWJNAYK6bhDgqU5Jg753tDD",
		"16Uiu2HAkzXQhHBZuBQoR5rJ3h3fK9mgWJNAYK6bhDgqU5Jg753t0",
		/* an Ed25519 key and a hash of an RSA one */
		"12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
		"QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
		/* a CID of something else */
		"bafzaajiiaijccaslykrrezivh4d6odqlvmehettlqxrbp6gnmkgowyuxijd3w",
		MANIFEST_CID,
	};
	char text[CDX_PEER_ID_TEXT_MAX];
	struct cdx_identity who = record_us();
	struct cdx_peer_id id;

	(void)state;
	record_is_hex(who.id.b, sizeof(who.id.b), ID_KEY);
	cdx_peer_id_text(text, &who.id);
	assert_string_equal(text, ID_TEXT);
	assert_int_equal(cdx_peer_id_parse(&id, ID_TEXT), 0);
	assert_memory_equal(&id, &who.id, sizeof(id));
	memset(&id, 0, sizeof(id));
	assert_int_equal(cdx_peer_id_parse(&id, ID_CID), 0);
	assert_memory_equal(&id, &who.id, sizeof(id));
	/* the generator itself */
	assert_int_equal(
		cdx_peer_id_parse(
			&id,
			"16Uiu2HAm3cuhhRL2msUuLF62KRSfneFDx94RsuouyW25Ho42cFMq"),
		0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_peer_id_parse(&id, bad[i]), CDX_E_FORMAT);
	/* no point of the curve */
	memset(id.b, 0xff, sizeof(id.b));
	id.b[0] = 2;
	cdx_peer_id_text(text, &id);
	assert_int_equal(cdx_peer_id_parse(&id, text), CDX_E_FORMAT);
}

static void identities(void **state)
{
	struct cdx_root root;
	uint8_t store[16];
	struct cdx_identity a;
	struct cdx_identity b;
	char text[CDX_PEER_ID_TEXT_MAX];

	(void)state;
	memset(root.b, 7, sizeof(root.b));
	for (size_t i = 0; i < sizeof(store); i++)
		store[i] = (uint8_t)i;
	assert_int_equal(cdx_identity_derive(&a, &root, store, "codexfs"), 0);
	record_is_hex(
		a.key.b, sizeof(a.key.b),
		"2dd2c928a1152183f2bf81471307183be2f85931af25687e3b0909c639a6f5"
		"fd");
	record_is_hex(a.network.b, sizeof(a.network.b), "5c42fe82b41194f3");
	cdx_peer_id_text(text, &a.id);
	assert_string_equal(
		text, "16Uiu2HAmTYJYB28zhiNwWKznXCy675UD6jkrCtDf2aKFbeAJu5gv");
	assert_int_equal(cdx_identity_derive(&b, &root, store, "lab"), 0);
	assert_memory_equal(&b.id, &a.id, sizeof(a.id));
	record_is_hex(b.network.b, sizeof(b.network.b), "b441cbf803ebac2e");
	store[0] = 9;
	assert_int_equal(cdx_identity_derive(&b, &root, store, "codexfs"), 0);
	assert_memory_not_equal(&b.id, &a.id, sizeof(a.id));
}

/* ---- peer records */

static struct cdx_peer_record sample(void)
{
	struct cdx_peer_record r;

	memset(&r, 0, sizeof(r));
	r.seq = SEQ;
	r.expires = EXPIRES;
	r.has_tls_key = true;
	for (size_t i = 0; i < sizeof(r.tls_key.b); i++)
		r.tls_key.b[i] = (uint8_t)i;
	r.n_addrs = 2;
	assert_int_equal(cdx_maddr_parse(&r.addr[0], "203.0.113.5:8070"), 0);
	assert_int_equal(cdx_maddr_parse(&r.addr[1], "https://example.org:443"),
			 0);
	return r;
}

static int open_peer(struct cdx_peer_record *out, const struct cdx_buf *b)
{
	struct cdx_network net;

	cdx_network_of(&net, "codexfs");
	return cdx_peer_record_open(out, b->p, b->len, &net, NOW);
}

static void peer_known(void **state)
{
	struct cdx_identity who = record_us();
	struct cdx_peer_record r = sample();
	struct cdx_peer_record got;
	struct cdx_buf b = {0};
	struct cdx_buf c = {0};
	char *text;

	(void)state;
	assert_int_equal(cdx_peer_record_sign(&b, &r, &who), 0);
	record_is_hex(b.p, b.len, PEER_RECORD);
	text = cdx_spr_text(b.p, b.len);
	assert_string_equal(text, PEER_SPR);
	assert_int_equal(cdx_spr_parse(&c, text), 0);
	assert_int_equal(c.len, b.len);
	assert_memory_equal(c.p, b.p, b.len);
	free(text);
	assert_int_equal(open_peer(&got, &c), 0);
	assert_memory_equal(&got.id, &who.id, sizeof(got.id));
	assert_memory_equal(&got.network, &who.network, sizeof(got.network));
	assert_true(got.seq == SEQ && got.expires == EXPIRES);
	assert_true(got.has_tls_key);
	assert_memory_equal(&got.tls_key, &r.tls_key, sizeof(r.tls_key));
	assert_int_equal(got.n_addrs, 2);
	assert_true(cdx_maddr_equal(&got.addr[0], &r.addr[0]));
	assert_true(cdx_maddr_equal(&got.addr[1], &r.addr[1]));
	/* others' libraries read it too */
	assert_int_equal(cdx_peer_record_foreign(&got, c.p, c.len), 0);
	assert_int_equal(got.n_addrs, 2);
	assert_true(got.seq == SEQ);
	cdx_buf_free(&b);
	cdx_buf_free(&c);
}

static void peer_refused(void **state)
{
	struct cdx_buf b = record_unhex(PEER_RECORD);
	struct cdx_buf high = record_unhex(PEER_HIGH_S);
	struct cdx_peer_record r;
	struct cdx_network net;

	(void)state;
	assert_int_equal(open_peer(&r, &high), CDX_E_AUTH);
	cdx_network_of(&net, "codexfs");
	/* clocks may differ by ten minutes */
	assert_int_equal(cdx_peer_record_open(&r, b.p, b.len, &net,
					      EXPIRES + CDX_RECORD_SKEW_S),
			 0);
	assert_int_equal(cdx_peer_record_open(&r, b.p, b.len, &net,
					      EXPIRES + CDX_RECORD_SKEW_S + 1),
			 -ESTALE);
	cdx_network_of(&net, "lab");
	assert_int_equal(cdx_peer_record_open(&r, b.p, b.len, &net, NOW),
			 -ENOENT);
	/* cut anywhere, a bit changed anywhere, a byte more */
	for (size_t len = 0; len < b.len; len++) {
		struct cdx_buf cut = {.p = b.p, .len = len};

		assert_int_equal(open_peer(&r, &cut), CDX_E_FORMAT);
	}
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(open_peer(&r, &b) < 0);
		assert_true(cdx_peer_record_foreign(&r, b.p, b.len) < 0);
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(open_peer(&r, &b), 0);
	cdx_buf_u8(&b, 0);
	assert_int_equal(open_peer(&r, &b), CDX_E_FORMAT);
	cdx_buf_free(&b);
	cdx_buf_free(&high);
}

static void peer_limits(void **state)
{
	struct cdx_identity who = record_us();
	struct cdx_peer_record r = sample();
	struct cdx_buf b = {0};

	(void)state;
	r.n_addrs = CDX_PEER_ADDRS_MAX + 1;
	assert_int_equal(cdx_peer_record_sign(&b, &r, &who), -EINVAL);
	r.n_addrs = 0;
	r.expires = -1;
	assert_int_equal(cdx_peer_record_sign(&b, &r, &who), -EINVAL);
	r.expires = EXPIRES;
	r.n_addrs = CDX_PEER_ADDRS_MAX;
	for (size_t i = 0; i < r.n_addrs; i++) {
		r.addr[i] = r.addr[1];
		r.addr[i].kind = CDX_MADDR_DNS;
		for (size_t c = 0; c < 253; c++)
			r.addr[i].host[c] = c % 2 ? '.' : 'a';
		r.addr[i].port = 1;
	}
	assert_int_equal(cdx_peer_record_sign(&b, &r, &who), -EMSGSIZE);
	memcpy(r.addr[0].host, "127.1", sizeof("127.1"));
	assert_int_equal(cdx_peer_record_sign(&b, &r, &who), -EINVAL);
	assert_int_equal(b.len, 0);
	memset(who.key.b, 0, sizeof(who.key.b));
	r.n_addrs = 0;
	assert_int_equal(cdx_peer_record_sign(&b, &r, &who), CDX_E_FORMAT);
	cdx_buf_free(&b);
}

/* A payload of a peer record, one part at a time */
enum part {
	PART_ID,
	PART_SEQ,
	PART_ADDR,
	PART_VERSION,
	PART_EXPIRES,
	PART_NETWORK,
	PART_TLS,
	PART_STRANGE,
	PART_ID_ADDR,  /* an address of a kind that we do not know */
	PART_TWO_ADDR, /* two addresses in one message */
	PART_SHORT_NETWORK,
	PART_VERSION_2,
	PART_FAR, /* a time that is none */
	PART_WRONG_ID,
	PART_EMPTY_ADDR,
	PARTS,
};

static void put_addr(struct cdx_buf *b, const char *hex, unsigned times)
{
	struct cdx_buf raw = record_unhex(hex);
	struct cdx_buf msg = {0};

	while (times--)
		cdx_pb_put_bytes(&msg, 1, raw.p, raw.len);
	cdx_pb_put_msg(b, 3, &msg);
	cdx_buf_free(&raw);
	cdx_buf_free(&msg);
}

static void put_part(struct cdx_buf *b, enum part part,
		     const struct cdx_identity *who)
{
	uint8_t id[CDX_PEER_ID_BIN_LEN];
	uint8_t raw[32] = {0};

	cdx_peer_id_bin(id, &who->id);
	switch (part) {
	case PART_ID:
		cdx_pb_put_bytes(b, 1, id, sizeof(id));
		break;
	case PART_WRONG_ID:
		id[38] ^= 1;
		cdx_pb_put_bytes(b, 1, id, sizeof(id));
		break;
	case PART_SEQ:
		cdx_pb_put_u64(b, 2, SEQ);
		break;
	case PART_ADDR:
		put_addr(b, "04cb007105061f86e003", 1);
		break;
	case PART_ID_ADDR:
		put_addr(b, "04cb007105910202753a", 1);
		break;
	case PART_TWO_ADDR:
		put_addr(b, "04cb007105061f86e003", 2);
		break;
	case PART_EMPTY_ADDR:
		put_addr(b, "", 1);
		break;
	case PART_VERSION:
		cdx_pb_put_u64(b, 100, 1);
		break;
	case PART_VERSION_2:
		cdx_pb_put_u64(b, 100, 2);
		break;
	case PART_EXPIRES:
		cdx_pb_put_u64(b, 101, EXPIRES);
		break;
	case PART_FAR:
		cdx_pb_put_u64(b, 101, UINT64_C(1) << 63);
		break;
	case PART_NETWORK:
		cdx_pb_put_bytes(b, 102, who->network.b, 8);
		break;
	case PART_SHORT_NETWORK:
		cdx_pb_put_bytes(b, 102, who->network.b, 7);
		break;
	case PART_TLS:
		cdx_pb_put_bytes(b, 103, raw, sizeof(raw));
		break;
	case PART_STRANGE:
		cdx_pb_put_u64(b, 104, 0);
		break;
	case PARTS:
		break;
	}
}

static void peer_shapes(void **state)
{
	/* what is signed properly is still to be of one form */
	static const struct {
		enum part part[16];
		int want;	  /* as ours */
		int want_foreign; /* as anybody's */
		uint32_t addrs;
	} cases[] = {
		{{PART_ID, PART_SEQ, PART_VERSION, PART_EXPIRES, PART_NETWORK,
		  PARTS},
		 0,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_ADDR, PART_ID_ADDR, PART_ADDR,
		  PART_VERSION, PART_EXPIRES, PART_NETWORK, PART_TLS, PARTS},
		 0,
		 0,
		 2},
		/* foreign: nothing from 100 on */
		{{PART_ID, PART_SEQ, PART_ADDR, PARTS}, CDX_E_FORMAT, 0, 1},
		{{PART_STRANGE, PART_SEQ, PART_ADDR, PART_ID, PARTS},
		 CDX_E_FORMAT,
		 0,
		 1},
		{{PART_SEQ, PART_ADDR, PARTS}, CDX_E_FORMAT, CDX_E_FORMAT, 0},
		{{PART_ID, PART_ADDR, PART_VERSION, PART_EXPIRES, PART_NETWORK,
		  PARTS},
		 CDX_E_FORMAT,
		 0,
		 1},
		{{PART_ID, PART_SEQ, PART_EXPIRES, PART_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_VERSION, PART_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_VERSION, PART_EXPIRES, PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_VERSION, PART_EXPIRES,
		  PART_SHORT_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_VERSION_2, PART_EXPIRES, PART_NETWORK,
		  PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_VERSION, PART_FAR, PART_NETWORK,
		  PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_WRONG_ID, PART_SEQ, PART_VERSION, PART_EXPIRES,
		  PART_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 CDX_E_FORMAT,
		 0},
		{{PART_ID, PART_SEQ, PART_VERSION, PART_EXPIRES, PART_NETWORK,
		  PART_STRANGE, PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_SEQ, PART_VERSION, PART_EXPIRES,
		  PART_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_VERSION, PART_NETWORK, PART_EXPIRES,
		  PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		{{PART_ID, PART_SEQ, PART_TWO_ADDR, PART_VERSION, PART_EXPIRES,
		  PART_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 0,
		 1},
		{{PART_ID, PART_SEQ, PART_EMPTY_ADDR, PART_VERSION,
		  PART_EXPIRES, PART_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 0,
		 0},
		/* nine addresses */
		{{PART_ID, PART_SEQ, PART_ADDR, PART_ADDR, PART_ADDR, PART_ADDR,
		  PART_ADDR, PART_ADDR, PART_ADDR, PART_ADDR, PART_ADDR,
		  PART_VERSION, PART_EXPIRES, PART_NETWORK, PARTS},
		 CDX_E_FORMAT,
		 0,
		 8},
	};
	struct cdx_identity who = record_us();

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		struct cdx_peer_record r = {.n_addrs = 0};
		struct cdx_buf payload = {0};
		struct cdx_buf b = {0};

		for (const enum part *p = cases[i].part; *p != PARTS; p++)
			put_part(&payload, *p, &who);
		assert_int_equal(cdx_envelope_sign(&b, &peer_kind, &payload,
						   CDX_RECORD_MAX, &who.key),
				 0);
		assert_int_equal(open_peer(&r, &b), cases[i].want);
		if (cases[i].want == 0)
			assert_int_equal(r.n_addrs, cases[i].addrs);
		assert_int_equal(cdx_peer_record_foreign(&r, b.p, b.len),
				 cases[i].want_foreign);
		if (cases[i].want_foreign == 0)
			assert_int_equal(r.n_addrs, cases[i].addrs);
		cdx_buf_free(&payload);
		cdx_buf_free(&b);
	}
}

/* A second way to write the same envelope is refused, whoever signed it. */
static void one_encoding(void **state)
{
	struct cdx_buf b = record_unhex(PEER_RECORD);
	struct cdx_peer_record r;
	struct cdx_buf c = {0};
	struct cdx_pb_field f[4];
	struct cdx_cursor in = cdx_cursor_init(b.p, b.len);

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_true(cdx_pb_next(&in, &f[i]));
	/* the type before the key */
	cdx_pb_put_bytes(&c, 2, f[1].bytes.p, f[1].bytes.len);
	cdx_pb_put_bytes(&c, 1, f[0].bytes.p, f[0].bytes.len);
	cdx_pb_put_bytes(&c, 3, f[2].bytes.p, f[2].bytes.len);
	cdx_pb_put_bytes(&c, 5, f[3].bytes.p, f[3].bytes.len);
	assert_int_equal(open_peer(&r, &c), CDX_E_FORMAT);
	/* a field that nobody knows */
	cdx_buf_free(&c);
	cdx_buf_put(&c, b.p, b.len);
	cdx_pb_put_u64(&c, 6, 1);
	assert_int_equal(open_peer(&r, &c), CDX_E_FORMAT);
	/* a length in two bytes instead of one */
	cdx_buf_free(&c);
	cdx_buf_u8(&c, b.p[0]);
	cdx_buf_u8(&c, b.p[1] | 0x80);
	cdx_buf_u8(&c, 0);
	cdx_buf_put(&c, b.p + 2, b.len - 2);
	assert_int_equal(open_peer(&r, &c), CDX_E_FORMAT);
	/* a zero before r */
	cdx_buf_free(&c);
	cdx_pb_put_bytes(&c, 1, f[0].bytes.p, f[0].bytes.len);
	cdx_pb_put_bytes(&c, 2, f[1].bytes.p, f[1].bytes.len);
	cdx_pb_put_bytes(&c, 3, f[2].bytes.p, f[2].bytes.len);
	cdx_buf_u8(&c, 0x2a);
	cdx_buf_u8(&c, (uint8_t)(f[3].bytes.len + 1));
	cdx_buf_u8(&c, f[3].bytes.p[0]);
	cdx_buf_u8(&c, f[3].bytes.p[1] + 1);
	cdx_buf_u8(&c, f[3].bytes.p[2]);
	cdx_buf_u8(&c, f[3].bytes.p[3] + 1);
	cdx_buf_u8(&c, 0);
	cdx_buf_put(&c, f[3].bytes.p + 4, f[3].bytes.len - 4);
	assert_int_equal(open_peer(&r, &c), CDX_E_AUTH);
	cdx_buf_free(&b);
	cdx_buf_free(&c);
}

/* The same bytes, signed for another purpose or by another key */
static void forged(void **state)
{
	static const struct cdx_envelope_kind other = {
		"libp2p-routing-state", peer_type, sizeof(peer_type)};
	struct cdx_identity who = record_us();
	struct cdx_identity thief = record_us();
	struct cdx_buf known = record_unhex(PEER_RECORD);
	struct cdx_buf payload = {0};
	struct cdx_envelope e;
	struct cdx_peer_record r;
	struct cdx_buf b = {0};

	(void)state;
	assert_int_equal(cdx_envelope_read(&e, known.p, known.len, &peer_kind),
			 0);
	assert_int_equal(cdx_envelope_verify(&e, &peer_kind), 0);
	assert_int_equal(cdx_envelope_verify(&e, &other), CDX_E_AUTH);
	assert_int_equal(cdx_envelope_read(&e, known.p, known.len, &other_kind),
			 CDX_E_FORMAT);
	cdx_buf_put(&payload, e.payload.p, e.payload.len);
	assert_int_equal(
		cdx_envelope_sign(&b, &other, &payload, 1024, &who.key), 0);
	assert_int_equal(open_peer(&r, &b), CDX_E_AUTH);
	/* our record under another's signature: the id is not the signer's */
	cdx_buf_free(&b);
	thief.key.b[0] = 1;
	assert_int_equal(cdx_seckey_public(thief.id.b, &thief.key), 0);
	assert_int_equal(cdx_envelope_sign(&b, &peer_kind, &payload, 1024,
					   &thief.key),
			 0);
	assert_int_equal(open_peer(&r, &b), CDX_E_FORMAT);
	/* and another's signature beside our key */
	assert_int_equal(cdx_envelope_read(&e, b.p, b.len, &peer_kind), 0);
	memcpy(e.key, who.id.b, sizeof(e.key));
	assert_int_equal(cdx_envelope_verify(&e, &peer_kind), CDX_E_AUTH);
	/* a key that is none */
	memset(e.key, 0xff, sizeof(e.key));
	assert_int_equal(cdx_envelope_verify(&e, &peer_kind), CDX_E_FORMAT);
	cdx_buf_free(&b);
	cdx_buf_free(&payload);
	cdx_buf_free(&known);
}

/* ---- Codex's own records */

static void codex_nodes(void **state)
{
	static const struct {
		const char *spr;
		uint64_t seq;
		const char *addr; /* NULL: none that we follow */
	} nodes[] = {
		{CODEX_SPR, 1711779677, NULL},
		{CODEX_SPR_TCP, 0, "/ip4/128.140.55.128/tcp/8199"},
		{CODEX_SPR_FOUR, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(nodes); i++) {
		struct cdx_peer_record r;
		struct cdx_buf b = {0};
		char text[CDX_MADDR_TEXT_MAX];
		char *again;

		assert_int_equal(cdx_spr_parse(&b, nodes[i].spr), 0);
		assert_int_equal(cdx_peer_record_foreign(&r, b.p, b.len), 0);
		assert_int_equal(r.n_addrs, nodes[i].addr ? 1 : 0);
		if (nodes[i].seq)
			assert_true(r.seq == nodes[i].seq);
		if (nodes[i].addr) {
			cdx_maddr_text(text, &r.addr[0]);
			assert_string_equal(text, nodes[i].addr);
		}
		/* good for an address, never stored as a peer */
		assert_int_equal(open_peer(&r, &b), CDX_E_FORMAT);
		again = cdx_spr_text(b.p, b.len);
		assert_string_equal(again, nodes[i].spr);
		free(again);
		cdx_buf_free(&b);
	}
}

static void spr_refused(void **state)
{
	static const char *const bad[] = {
		"",	     "spr",	   "spr:",	"spr:C",    "SPR:CiUI",
		"enr:CiUI",  "CiUI",	   "spr:CiUI=", "spr:Ci+I", "spr:Ci/I",
		"spr:CiU I", "spr:CiUI\n", "spr:CiV", /* bits left over */
	};
	struct cdx_buf b = {0};
	char *text;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_spr_parse(&b, bad[i]), CDX_E_FORMAT);
	assert_int_equal(b.len, 0);
	assert_non_null(cdx_buf_extend(&b, CDX_RECORD_MAX + 1));
	memset(b.p, 0, b.len);
	text = cdx_spr_text(b.p, b.len - 1);
	assert_int_equal(cdx_spr_parse(&b, text), 0);
	free(text);
	text = cdx_spr_text(b.p, CDX_RECORD_MAX + 1);
	assert_int_equal(cdx_spr_parse(&b, text), CDX_E_FORMAT);
	free(text);
	cdx_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids),		cmocka_unit_test(identities),
		cmocka_unit_test(peer_known),	cmocka_unit_test(peer_refused),
		cmocka_unit_test(peer_limits),	cmocka_unit_test(peer_shapes),
		cmocka_unit_test(one_encoding), cmocka_unit_test(forged),
		cmocka_unit_test(codex_nodes),	cmocka_unit_test(spr_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
