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
#include "bn254/poseidon2.h"
#include "codec/pb.h"
#include "merkle/poseidon2_tree.h"
#include "tests/unit/vector_file.h"

#define LEAVES 40
#define NODES 128 /* of a tree of LEAVES leaves, and some */
#define BIG (1u << 17)

static struct cdx_fr nodes[NODES];

/* Leaves 1..n, as in the vectors */
static void count_up(struct cdx_fr *out, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		cdx_fr_from_u64(&out[i], i + 1);
}

static void assert_fr(const struct cdx_fr *a, const struct cdx_fr *b)
{
	assert_memory_equal(a, b, sizeof(*a));
}

static void shapes(void **state)
{
	(void)state;
	assert_int_equal(cdx_p2tree_depth(1), 1);
	assert_int_equal(cdx_p2tree_depth(2), 1);
	assert_int_equal(cdx_p2tree_depth(3), 2);
	assert_int_equal(cdx_p2tree_depth(1 << 17), 17);
	assert_int_equal(cdx_p2tree_depth((1 << 17) + 1), 18);
	assert_int_equal(cdx_p2tree_width(11, 0), 11);
	assert_int_equal(cdx_p2tree_width(11, 1), 6);
	assert_int_equal(cdx_p2tree_width(11, 2), 3);
	assert_int_equal(cdx_p2tree_width(11, 3), 2);
	assert_int_equal(cdx_p2tree_width(11, 4), 1);
	assert_int_equal(cdx_p2tree_width(1, 1), 1);
	assert_int_equal(cdx_p2tree_nodes(1), 2);
	assert_int_equal(cdx_p2tree_nodes(2), 3);
	assert_int_equal(cdx_p2tree_nodes(11), 23);
	assert_int_equal(cdx_p2tree_nodes(1 << 17), (2 << 17) - 1);
}

static void published_roots(void **state)
{
	json_t *v = vector_load("poseidon2_merkle_fields.json");
	const json_t *roots = vector_get(v, "root");

	(void)state;
	assert_int_equal(json_array_size(roots), LEAVES);
	for (size_t n = 1; n <= LEAVES; n++) {
		const char *text =
			json_string_value(json_array_get(roots, n - 1));
		struct cdx_fr want;
		struct cdx_fr root;

		assert_int_equal(cdx_fr_from_text(&want, text), 0);
		count_up(nodes, n);
		assert_int_equal(cdx_p2tree_root(&root, nodes, n), 0);
		assert_fr(&root, &want);
		assert_int_equal(cdx_p2tree_build(nodes, n), 0);
		assert_fr(&nodes[cdx_p2tree_nodes(n) - 1], &want);
	}
	json_decref(v);
}

static void published_root_of_a_large_tree(void **state)
{
	json_t *v = vector_load("poseidon2_merkle_fields.json");
	struct cdx_fr *leaves = calloc(BIG, sizeof(*leaves));
	uint8_t bytes[CDX_FR_BYTES];
	struct cdx_fr want;
	struct cdx_fr root;

	(void)state;
	assert_non_null(leaves);
	assert_int_equal(
		cdx_unhex(bytes, sizeof(bytes),
			  vector_text(v,
				      "root_2pow17_elements_1..131072_LEhex")),
		0);
	assert_int_equal(cdx_fr_from_bytes(&want, bytes), 0);
	count_up(leaves, BIG);
	assert_int_equal(cdx_p2tree_root(&root, leaves, BIG), 0);
	assert_fr(&root, &want);
	free(leaves);
	json_decref(v);
}

static void nothing_has_no_tree(void **state)
{
	struct cdx_p2tree_proof p;
	struct cdx_fr root;

	(void)state;
	assert_int_equal(cdx_p2tree_build(nodes, 0), -EINVAL);
	assert_int_equal(cdx_p2tree_root(&root, nodes, 0), -EINVAL);
	assert_int_equal(cdx_p2tree_prove_nodes(&p, nodes, 0, 0), -EINVAL);
	assert_int_equal(cdx_p2tree_prove_nodes(&p, nodes, 3, 3), -EINVAL);
}

static void a_tampered_proof_is_refused(const struct cdx_p2tree_proof *proof,
					const struct cdx_fr *leaf,
					const struct cdx_fr *root)
{
	struct cdx_p2tree_proof p;
	struct cdx_fr other;

	cdx_fr_add(&other, leaf, &cdx_fr_one);
	assert_int_equal(cdx_p2tree_verify(proof, &other, root), CDX_E_PROOF);
	cdx_fr_add(&other, root, &cdx_fr_one);
	assert_int_equal(cdx_p2tree_verify(proof, leaf, &other), CDX_E_PROOF);
	for (unsigned d = 0; d < proof->depth; d++) {
		p = *proof;
		cdx_fr_add(&p.path[d], &p.path[d], &cdx_fr_one);
		assert_int_equal(cdx_p2tree_verify(&p, leaf, root),
				 CDX_E_PROOF);
	}
	p = *proof;
	p.depth--;
	assert_int_equal(cdx_p2tree_verify(&p, leaf, root), CDX_E_PROOF);
	p = *proof;
	p.depth++;
	assert_int_equal(cdx_p2tree_verify(&p, leaf, root), CDX_E_PROOF);
	p = *proof;
	p.index = p.leaves;
	assert_int_equal(cdx_p2tree_verify(&p, leaf, root), CDX_E_PROOF);
	p = *proof;
	p.leaves = 0;
	assert_int_equal(cdx_p2tree_verify(&p, leaf, root), CDX_E_PROOF);
	p.leaves = UINT64_MAX;
	p.depth = 64;
	assert_int_equal(cdx_p2tree_verify(&p, leaf, root), CDX_E_PROOF);
	if (proof->leaves > 1) {
		p = *proof;
		p.index ^= 1;
		if (p.index < p.leaves)
			assert_int_equal(cdx_p2tree_verify(&p, leaf, root),
					 CDX_E_PROOF);
	}
}

static void every_leaf_is_proved(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= LEAVES; n++) {
		const struct cdx_fr *root = &nodes[cdx_p2tree_nodes(n) - 1];

		count_up(nodes, n);
		assert_int_equal(cdx_p2tree_build(nodes, n), 0);
		for (uint64_t i = 0; i < n; i++) {
			struct cdx_p2tree_proof p;

			assert_int_equal(
				cdx_p2tree_prove_nodes(&p, nodes, n, i), 0);
			assert_int_equal(p.depth, cdx_p2tree_depth(n));
			assert_int_equal(cdx_p2tree_verify(&p, &nodes[i], root),
					 0);
			/* all indexes of some trees, edges of the others */
			if (n < 8 || n == LEAVES || i == 0 || i == n - 1)
				a_tampered_proof_is_refused(&p, &nodes[i],
							    root);
		}
	}
}

static void a_single_leaf_has_a_zero_beside_it(void **state)
{
	struct cdx_p2tree_proof p;
	struct cdx_fr root;

	(void)state;
	count_up(nodes, 1);
	assert_int_equal(cdx_p2tree_build(nodes, 1), 0);
	assert_int_equal(cdx_p2tree_prove_nodes(&p, nodes, 1, 0), 0);
	assert_int_equal(p.depth, 1);
	assert_true(cdx_fr_is_zero(&p.path[0]));
	cdx_poseidon2_compress(&root, &nodes[0], &cdx_fr_zero, 3);
	assert_fr(&nodes[1], &root);
}

static int no_node(void *arg, unsigned layer, uint64_t i, struct cdx_fr *out)
{
	unsigned *calls = arg;

	(void)out;
	++*calls;
	/* what does not exist is not asked for */
	assert_true(i < cdx_p2tree_width(5, layer));
	return layer == 2 ? -EIO : 0;
}

static void failing_source_of_nodes(void **state)
{
	struct cdx_p2tree_proof p = {.depth = 77};
	unsigned calls = 0;

	(void)state;
	/* leaf 4 of 5 is alone in its layer and in the next */
	assert_int_equal(cdx_p2tree_prove(&p, 5, 4, no_node, &calls), -EIO);
	assert_int_equal(calls, 1);
	assert_int_equal(p.depth, 77);
}

static void wire_form(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= LEAVES; n += 3) {
		struct cdx_p2tree_proof p;
		struct cdx_p2tree_proof again;
		struct cdx_buf b = {0};

		count_up(nodes, n);
		assert_int_equal(cdx_p2tree_build(nodes, n), 0);
		assert_int_equal(cdx_p2tree_prove_nodes(&p, nodes, n, n / 2),
				 0);
		cdx_p2tree_proof_encode(&b, &p);
		assert_int_equal(cdx_buf_ok(&b), 0);
		/* hash code 0, index, leaves, then nodes of 34 + 2 bytes */
		assert_int_equal(b.len, 6 + 36 * p.depth);
		assert_int_equal(b.p[1], 0);
		assert_int_equal(cdx_p2tree_proof_decode(&again, b.p, b.len),
				 0);
		assert_int_equal(again.index, p.index);
		assert_int_equal(again.leaves, p.leaves);
		assert_int_equal(again.depth, p.depth);
		assert_memory_equal(again.path, p.path,
				    p.depth * sizeof(p.path[0]));
		for (size_t len = 0; len < b.len; len++) {
			int r = cdx_p2tree_proof_decode(&again, b.p, len);

			/* whole nodes may be cut off: that is for verify */
			if (r == 0)
				assert_true(again.depth < p.depth);
			else
				assert_int_equal(r, CDX_E_FORMAT);
		}
		cdx_buf_free(&b);
	}
}

/* A proof of @depth nodes of @len bytes that are @fill */
static int try_wire(uint64_t mcodec, unsigned depth, size_t len, int fill)
{
	struct cdx_p2tree_proof p;
	struct cdx_buf b = {0};
	uint8_t node[64];
	int r;

	memset(node, fill, sizeof(node));
	cdx_pb_put_u64(&b, 1, mcodec);
	cdx_pb_put_u64(&b, 2, 0);
	cdx_pb_put_u64(&b, 3, 1);
	for (unsigned d = 0; d < depth; d++) {
		struct cdx_buf msg = {0};

		cdx_pb_put_bytes(&msg, 1, node, len);
		cdx_pb_put_msg(&b, 4, &msg);
		cdx_buf_free(&msg);
	}
	assert_int_equal(cdx_buf_ok(&b), 0);
	r = cdx_p2tree_proof_decode(&p, b.p, b.len);
	cdx_buf_free(&b);
	return r;
}

static void wire_forms_that_are_refused(void **state)
{
	(void)state;
	assert_int_equal(try_wire(0, 1, 32, 1), 0);
	assert_int_equal(try_wire(0, CDX_P2TREE_DEPTH_MAX, 32, 1), 0);
	assert_int_equal(try_wire(0, CDX_P2TREE_DEPTH_MAX + 1, 32, 1),
			 CDX_E_FORMAT);
	assert_int_equal(try_wire(0, 0, 32, 1), CDX_E_FORMAT);
	assert_int_equal(try_wire(0, 1, 31, 1), CDX_E_FORMAT);
	assert_int_equal(try_wire(0, 1, 33, 1), CDX_E_FORMAT);
	/* not below r */
	assert_int_equal(try_wire(0, 1, 32, 0xff), CDX_E_FORMAT);
	/* another hash, a hash code of 33 bits */
	assert_int_equal(try_wire(0x12, 1, 32, 1), CDX_E_FORMAT);
	assert_int_equal(try_wire(UINT64_C(1) << 32, 1, 32, 1), CDX_E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes),
		cmocka_unit_test(published_roots),
		cmocka_unit_test(published_root_of_a_large_tree),
		cmocka_unit_test(nothing_has_no_tree),
		cmocka_unit_test(every_leaf_is_proved),
		cmocka_unit_test(a_single_leaf_has_a_zero_beside_it),
		cmocka_unit_test(failing_source_of_nodes),
		cmocka_unit_test(wire_form),
		cmocka_unit_test(wire_forms_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
