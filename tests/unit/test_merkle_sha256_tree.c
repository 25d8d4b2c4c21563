/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/cid.h"
#include "merkle/sha256_tree.h"
#include "tests/unit/vector_file.h"

#define LEAVES_MAX 300
#define DEPTH_MAX 9 /* layers above 300 leaves */

/* The whole tree, layer by layer, straight from spec/datasets.md 3 */
struct slow_tree {
	struct cdx_digest layer[DEPTH_MAX + 1][LEAVES_MAX];
	size_t len[DEPTH_MAX + 1];
	unsigned depth;
};

static const struct cdx_digest none;
static struct slow_tree slow;
static struct cdx_digest leaves[LEAVES_MAX];

static struct cdx_digest pair(const struct cdx_digest *x,
			      const struct cdx_digest *y, uint8_t key)
{
	uint8_t in[65];
	struct cdx_digest out;

	memcpy(in, x->b, 32);
	memcpy(in + 32, y->b, 32);
	in[64] = key;
	cdx_sha256(&out, in, sizeof(in));
	return out;
}

static void slow_build(size_t n)
{
	unsigned d = 0;

	memcpy(slow.layer[0], leaves, n * sizeof(leaves[0]));
	slow.len[0] = n;
	do {
		const struct cdx_digest *in = slow.layer[d];
		size_t m = slow.len[d];
		uint8_t b = d == 0;

		slow.len[d + 1] = (m + 1) / 2;
		for (size_t i = 0; i < m / 2; i++)
			slow.layer[d + 1][i] =
				pair(&in[2 * i], &in[2 * i + 1], b);
		if (m % 2)
			slow.layer[d + 1][m / 2] =
				pair(&in[m - 1], &none, b + 2);
		d++;
	} while (slow.len[d] > 1);
	slow.depth = d;
}

static const struct cdx_digest *slow_root(void)
{
	return &slow.layer[slow.depth][0];
}

static int make_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEAVES_MAX; i++)
		cdx_sha256(&leaves[i], &i, sizeof(i));
	return 0;
}

static void assert_hex(const struct cdx_digest *d, const char *want)
{
	char hex[65];

	cdx_hex(hex, d->b, sizeof(d->b));
	assert_string_equal(hex, want);
}

static void stream_equals_whole_tree(void **state)
{
	struct cdx_tree_stream t = {0};
	struct cdx_digest root;

	(void)state;
	assert_int_equal(cdx_tree_stream_root(&root, &t), -EINVAL);
	for (size_t n = 1; n <= LEAVES_MAX; n++) {
		cdx_tree_stream_add(&t, &leaves[n - 1]);
		slow_build(n);
		/* asking does not disturb: the same stream goes on */
		assert_int_equal(cdx_tree_stream_root(&root, &t), 0);
		if (memcmp(&root, slow_root(), sizeof(root)) != 0)
			fail_msg("%zu leaves", n);
	}
	assert_int_equal(t.leaves, LEAVES_MAX);
}

static void proofs_equal_whole_tree(void **state)
{
	(void)state;
	for (size_t n = 1; n <= LEAVES_MAX; n += n < 40 ? 1 : 37) {
		slow_build(n);
		for (size_t i = 0; i < n; i++) {
			struct cdx_tree_proof p;
			size_t at = i;

			assert_int_equal(cdx_tree_prove(&p, leaves, n, i), 0);
			assert_int_equal(p.depth, slow.depth);
			assert_int_equal(p.mcodec, 0x12);
			for (unsigned d = 0; d < p.depth; d++, at >>= 1) {
				size_t j = at ^ 1;
				const struct cdx_digest *want =
					j < slow.len[d] ? &slow.layer[d][j]
							: &none;

				assert_memory_equal(&p.path[d], want,
						    sizeof(*want));
			}
			assert_int_equal(cdx_tree_verify(&p, &leaves[i],
							 slow_root()),
					 0);
		}
	}
}

static void assert_refused(const struct cdx_tree_proof *p,
			   const struct cdx_digest *leaf)
{
	assert_int_equal(cdx_tree_verify(p, leaf, slow_root()), CDX_E_PROOF);
}

static void wrong_proofs_are_refused(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 17; n++) {
		slow_build(n);
		for (size_t i = 0; i < n; i++) {
			struct cdx_tree_proof good;
			struct cdx_tree_proof p;

			assert_int_equal(cdx_tree_prove(&good, leaves, n, i),
					 0);
			assert_refused(&good, &leaves[(i + 1) % LEAVES_MAX]);
			for (unsigned d = 0; d < good.depth; d++) {
				p = good;
				p.path[d].b[7] ^= 0x10;
				assert_refused(&p, &leaves[i]);
			}
			for (size_t j = 0; j < 20; j++) {
				p = good;
				p.index = j;
				if (j != i)
					assert_refused(&p, &leaves[i]);
			}
			p = good;
			p.mcodec = 0;
			assert_refused(&p, &leaves[i]);
			p = good;
			p.depth--;
			assert_refused(&p, &leaves[i]);
			p = good;
			p.depth++;
			assert_refused(&p, &leaves[i]);
			p = good;
			p.leaves = 0;
			assert_refused(&p, &leaves[i]);
			p.leaves = UINT64_MAX;
			assert_refused(&p, &leaves[i]);
		}
	}
}

static void prove_checks_its_arguments(void **state)
{
	struct cdx_tree_proof p;

	(void)state;
	assert_int_equal(cdx_tree_prove(&p, leaves, 0, 0), -EINVAL);
	assert_int_equal(cdx_tree_prove(&p, leaves, 4, 4), -EINVAL);
}

static void assert_encodes(const struct cdx_tree_proof *p, const char *want)
{
	struct cdx_buf wire = {0};
	struct cdx_buf bytes = {0};
	struct cdx_tree_proof again;

	vector_hex(&bytes, want);
	cdx_tree_proof_encode(&wire, p);
	assert_int_equal(cdx_buf_ok(&wire), 0);
	assert_int_equal(wire.len, bytes.len);
	assert_memory_equal(wire.p, bytes.p, bytes.len);
	assert_int_equal(cdx_tree_proof_decode(&again, wire.p, wire.len), 0);
	assert_int_equal(again.index, p->index);
	assert_int_equal(again.leaves, p->leaves);
	assert_int_equal(again.mcodec, p->mcodec);
	assert_int_equal(again.depth, p->depth);
	assert_memory_equal(again.path, p->path, p->depth * sizeof(*p->path));
	/* no prefix of a proof with whole nodes missing passes for the proof */
	for (size_t n = 0; n < wire.len; n++)
		if (cdx_tree_proof_decode(&again, wire.p, n) == 0)
			assert_true(again.depth < p->depth);
	cdx_buf_free(&wire);
	cdx_buf_free(&bytes);
}

static void roots_and_proofs_of_the_vectors(void **state)
{
	json_t *v = vector_load("sha256_tree.json");
	const json_t *texts = vector_get(v, "leavesAscii");
	const json_t *roots = vector_get(v, "roots");
	struct cdx_tree_stream t = {0};
	struct cdx_digest ascii[10];
	static const size_t proved[] = {4, 9};

	(void)state;
	assert_int_equal(json_array_size(texts), 10);
	for (size_t i = 0; i < 10; i++) {
		const char *s = json_string_value(json_array_get(texts, i));
		struct cdx_digest root;
		char key[8];

		memcpy(ascii[i].b, s, sizeof(ascii[i].b));
		cdx_tree_stream_add(&t, &ascii[i]);
		assert_int_equal(cdx_tree_stream_root(&root, &t), 0);
		snprintf(key, sizeof(key), "%zu", i + 1);
		assert_hex(&root, vector_text(roots, key));
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(proved); i++) {
		const json_t *want;
		struct cdx_tree_proof p;
		char key[16];

		snprintf(key, sizeof(key), "proof%zu", proved[i]);
		want = vector_get(v, key);
		assert_int_equal(cdx_tree_prove(&p, ascii, 10, proved[i]), 0);
		assert_int_equal(p.depth,
				 json_array_size(vector_get(want, "path")));
		for (size_t d = 0; d < p.depth; d++)
			assert_hex(&p.path[d],
				   json_string_value(json_array_get(
					   vector_get(want, "path"), d)));
		assert_encodes(&p, vector_text(want, "encodedHex"));
	}
	json_decref(v);
}

static void small_dataset(void **state)
{
	json_t *v = vector_load("derived_small_k3m2.json");
	const json_t *plain = vector_get(v, "blockCids");
	const json_t *encoded = vector_get(v, "encodedLeafCids");
	struct cdx_tree_stream t = {0};
	struct cdx_digest d[16];
	struct cdx_tree_proof p;
	struct cdx_digest root;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < json_array_size(plain); i++) {
		const char *s = json_string_value(json_array_get(plain, i));

		assert_int_equal(cdx_cid_parse(&cid, s, strlen(s)), 0);
		memcpy(d[i].b, cid.digest, 32);
		cdx_tree_stream_add(&t, &d[i]);
	}
	assert_int_equal(cdx_tree_stream_root(&root, &t), 0);
	assert_hex(&root, vector_text(v, "treeRoot"));
	assert_int_equal(cdx_tree_prove(&p, d, 8, 7), 0);
	assert_encodes(&p, vector_text(v, "proofOfLastBlockHex"));
	assert_int_equal(cdx_tree_prove(&p, d, 8, 0), 0);
	assert_encodes(&p, vector_text(v, "proofOfBlock0Hex"));

	memset(&t, 0, sizeof(t));
	for (size_t i = 0; i < json_array_size(encoded); i++) {
		const char *s = json_string_value(json_array_get(encoded, i));

		assert_int_equal(cdx_cid_parse(&cid, s, strlen(s)), 0);
		memcpy(d[0].b, cid.digest, 32);
		cdx_tree_stream_add(&t, &d[0]);
	}
	assert_int_equal(cdx_tree_stream_root(&root, &t), 0);
	cid = cdx_cid_sha256(CDX_CODEC_ROOT, &root);
	cdx_cid_text(text, &cid);
	assert_string_equal(text, vector_text(v, "encodedTreeCid"));
	json_decref(v);
}

static int decode_hex(const char *hex)
{
	struct cdx_buf b = {0};
	struct cdx_tree_proof p;
	int r;

	vector_hex(&b, hex);
	r = cdx_tree_proof_decode(&p, b.p, b.len);
	cdx_buf_free(&b);
	return r;
}

#define N32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NODE "22220a20" N32

static void malformed_proofs_are_refused(void **state)
{
	struct cdx_tree_proof p = {.mcodec = 0x12, .depth = 64};
	struct cdx_buf wire = {0};

	(void)state;
	assert_int_equal(decode_hex("0812"
				    "1000"
				    "1801" NODE),
			 0);
	/* identity, as stored slot proofs have it */
	assert_int_equal(decode_hex("0800"
				    "1000"
				    "1801" NODE),
			 0);
	/* absent: zero, which is identity */
	assert_int_equal(decode_hex(NODE), 0);
	/* unknown fields, and a path element of the wrong wire type */
	assert_int_equal(decode_hex(NODE "2005"
					 "2801"
					 "3a00"),
			 0);
	assert_int_equal(decode_hex(""), CDX_E_FORMAT);
	assert_int_equal(decode_hex("0812"
				    "1000"
				    "1801"),
			 CDX_E_FORMAT);
	assert_int_equal(decode_hex("0822"
				    "1000"
				    "1801" NODE),
			 CDX_E_FORMAT);
	assert_int_equal(decode_hex("0812"
				    "2200"),
			 CDX_E_FORMAT);
	assert_int_equal(decode_hex("0812"
				    "22020a00"),
			 CDX_E_FORMAT);
	assert_int_equal(decode_hex("0812"
				    "22230a21" N32 "00"),
			 CDX_E_FORMAT);
	assert_int_equal(decode_hex("0812"
				    "22240a20" N32 "08"),
			 CDX_E_FORMAT);

	cdx_tree_proof_encode(&wire, &p);
	assert_int_equal(cdx_tree_proof_decode(&p, wire.p, wire.len), 0);
	assert_int_equal(p.depth, 64);
	p.depth = 1;
	cdx_tree_proof_encode(&wire, &p); /* a 65th node */
	assert_int_equal(cdx_tree_proof_decode(&p, wire.p, wire.len),
			 CDX_E_FORMAT);
	cdx_buf_free(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream_equals_whole_tree),
		cmocka_unit_test(proofs_equal_whole_tree),
		cmocka_unit_test(wrong_proofs_are_refused),
		cmocka_unit_test(prove_checks_its_arguments),
		cmocka_unit_test(roots_and_proofs_of_the_vectors),
		cmocka_unit_test(small_dataset),
		cmocka_unit_test(malformed_proofs_are_refused),
	};

	return cmocka_run_group_tests(tests, make_leaves, NULL);
}
