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
#include "dataset/chunker.h"
#include "merkle/sha256_tree.h"
#include "slots/builder.h"
#include "tests/unit/seed.h"
#include "tests/unit/vector_file.h"

#define SMALL_BLOCKS 8u
#define SMALL_BLOCK 1024u
#define SMALL_STEPS 3u

static void assert_fr(const struct cdx_fr *a, const struct cdx_fr *b)
{
	assert_memory_equal(a, b, sizeof(*a));
}

static void assert_decimal(const struct cdx_fr *a, const char *want)
{
	char text[CDX_FR_TEXT_MAX];

	cdx_fr_to_text(text, a);
	assert_string_equal(text, want);
}

static void assert_cid(const struct cdx_cid *cid, const char *want)
{
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, cid);
	assert_string_equal(text, want);
}

static const char *item(const json_t *list, size_t i)
{
	return json_string_value(json_array_get(list, i));
}

/* ---- the published small dataset: 8 blocks of 16 cells, 3 + 2 slots ---- */

struct small {
	json_t *v;
	struct cdx_geometry g;
	size_t size;
	/* with the empty block at the end of the data slots */
	uint8_t data[(SMALL_BLOCKS + 1) * SMALL_BLOCK];
	struct cdx_fr roots[5]; /* as published */
};

static void small_open(struct small *x)
{
	memset(x, 0, sizeof(*x));
	x->v = vector_load("derived_small_k3m2.json");
	x->size = vector_u64(x->v, "datasetSize");
	for (size_t o = 0; o < x->size; o++)
		x->data[o] =
			(uint8_t)(o * 31 + (o >> 8) * 17 + (o >> 16) * 7 + 5);
	assert_int_equal(
		cdx_geometry_init(&x->g, SMALL_BLOCKS, 3, 2, SMALL_BLOCK,
				  (uint32_t)vector_u64(x->v, "cellSize"), NULL),
		0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(
			cdx_fr_from_text(&x->roots[i],
					 item(vector_get(x->v, "slotRoots"),
					      i)),
			0);
}

static void published_data_slots(void **state)
{
	static struct small x;
	struct cdx_fr digest[SMALL_BLOCKS + 1];
	struct cdx_fr nodes[16];
	struct cdx_fr zero;
	const json_t *want;

	(void)state;
	small_open(&x);
	want = vector_get(x.v, "slot0BlockDigests");
	assert_int_equal(cdx_block_digest_zero(&zero, &x.g), 0);
	assert_decimal(&zero, vector_text(x.v, "zeroBlockDigest"));
	assert_int_equal(
		cdx_block_digests(digest, &x.g, x.data, SMALL_BLOCKS + 1), 0);
	/* block 8 is empty, and means zeros */
	assert_fr(&digest[SMALL_BLOCKS], &zero);
	assert_int_equal(cdx_p2tree_nodes(x.g.slot_blocks), 7);
	for (uint32_t slot = 0; slot < x.g.k; slot++) {
		struct cdx_cid cid;

		assert_int_equal(cdx_slot_tree(nodes, &x.g,
					       &digest[slot * SMALL_STEPS]),
				 0);
		for (size_t i = 0; slot == 0 && i < x.g.slot_blocks; i++)
			assert_decimal(&nodes[i], item(want, i));
		assert_fr(&nodes[6], &x.roots[slot]);
		cid = cdx_slot_root_cid(&nodes[6]);
		assert_cid(&cid, item(vector_get(x.v, "slotRootCids"), slot));
	}
	json_decref(x.v);
}

static void published_verification_root(void **state)
{
	static struct small x;
	uint8_t bytes[CDX_FR_BYTES];
	char hex[2 * CDX_FR_BYTES + 1];
	struct cdx_fr root;
	struct cdx_cid cid;

	(void)state;
	small_open(&x);
	assert_int_equal(cdx_verify_root(&root, x.roots, 5), 0);
	assert_decimal(&root, vector_text(x.v, "verifyRoot"));
	cdx_fr_to_bytes(bytes, &root);
	cdx_hex(hex, bytes, sizeof(bytes));
	assert_string_equal(hex,
			    vector_text(x.v, "verifyRootLE_onchainMerkleRoot"));
	cid = cdx_verify_root_cid(&root);
	assert_cid(&cid, vector_text(x.v, "verifyRootCid"));
	json_decref(x.v);
}

static void assert_manifest(const struct cdx_manifest *m, const json_t *v,
			    const char *hex_key, const char *cid_key)
{
	struct cdx_buf want = {0};
	struct cdx_buf got = {0};
	struct cdx_cid cid;

	vector_hex(&want, vector_text(v, hex_key));
	assert_int_equal(cdx_manifest_encode(&got, m), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	cid = cdx_manifest_cid(got.p, got.len);
	assert_cid(&cid, vector_text(v, cid_key));
	cdx_buf_free(&want);
	cdx_buf_free(&got);
}

static int no_block(void *arg, uint64_t index, const uint8_t *block,
		    const struct cdx_digest *digest)
{
	(void)arg;
	(void)index;
	(void)block;
	(void)digest;
	return 0;
}

static void plain_of_small(struct cdx_manifest *m, const struct small *x,
			   const char *filename, const char *mimetype)
{
	struct cdx_chunker *c;
	struct cdx_digest root;
	uint64_t size;

	assert_int_equal(cdx_chunker_new(&c, SMALL_BLOCK, no_block, NULL), 0);
	assert_int_equal(cdx_chunker_feed(c, x->data, x->size), 0);
	assert_int_equal(cdx_chunker_end(c, &root, &size), 0);
	cdx_chunker_free(c);
	assert_int_equal(cdx_manifest_plain(m, &root, size, SMALL_BLOCK,
					    filename, mimetype),
			 0);
}

/* Leopard made that parity, which is what codec 0 says. */
static void published_manifests(void **state)
{
	static struct small x;
	struct cdx_manifest plain;
	struct cdx_manifest protected;
	struct cdx_manifest verifiable;
	struct cdx_digest tree;
	struct cdx_cid cid;
	struct cdx_fr roots[CDX_SLOTS_MAX];
	const char *text;

	(void)state;
	small_open(&x);
	plain_of_small(&plain, &x, NULL, NULL);
	assert_manifest(&plain, x.v, "plainManifestHex", "plainManifestCid");
	text = vector_text(x.v, "encodedTreeCid");
	assert_int_equal(cdx_cid_parse(&cid, text, strlen(text)), 0);
	memcpy(tree.b, cid.digest, sizeof(tree.b));

	assert_int_equal(
		cdx_manifest_protect(&protected, &plain, &x.g, 0, &tree), 0);
	assert_manifest(&protected, x.v, "protectedManifestHex",
			"protectedManifestCid");
	assert_int_equal(cdx_manifest_verifiable(&verifiable, &protected, &x.g,
						 x.roots),
			 0);
	assert_manifest(&verifiable, x.v, "verifiableManifestHex",
			"verifiableManifestCid");
	assert_int_equal(cdx_manifest_check_roots(&verifiable, roots), 0);
	for (size_t i = 0; i < 5; i++)
		assert_fr(&roots[i], &x.roots[i]);
	cdx_manifest_free(&plain);
	cdx_manifest_free(&protected);
	cdx_manifest_free(&verifiable);
	json_decref(x.v);
}

static void names_go_along(void **state)
{
	static struct small x;
	struct cdx_digest tree = {{7}};
	struct cdx_manifest plain;
	struct cdx_manifest protected;
	struct cdx_manifest verifiable;

	(void)state;
	small_open(&x);
	plain_of_small(&plain, &x, "name", "text/plain");
	assert_int_equal(
		cdx_manifest_protect(&protected, &plain, &x.g, 9, &tree), 0);
	assert_int_equal(cdx_manifest_verifiable(&verifiable, &protected, &x.g,
						 x.roots),
			 0);
	/* nothing is shared with what they were made of */
	cdx_manifest_free(&plain);
	cdx_manifest_free(&protected);
	assert_string_equal(verifiable.filename, "name");
	assert_string_equal(verifiable.mimetype, "text/plain");
	assert_int_equal(verifiable.erasure.codec, 9);
	assert_int_equal(verifiable.dataset_size, 15 * SMALL_BLOCK);
	assert_int_equal(verifiable.erasure.original_size, x.size);
	cdx_manifest_free(&verifiable);
	json_decref(x.v);
}

static void manifests_of_another_geometry(void **state)
{
	static struct small x;
	struct cdx_digest tree = {{7}};
	struct cdx_manifest plain;
	struct cdx_manifest protected;
	struct cdx_manifest out = {.block_size = 77};
	struct cdx_geometry other;

	(void)state;
	small_open(&x);
	plain_of_small(&plain, &x, NULL, NULL);
	assert_int_equal(cdx_geometry_init(&other, SMALL_BLOCKS + 1, 3, 2,
					   SMALL_BLOCK, 64, NULL),
			 0);
	assert_int_equal(cdx_manifest_protect(&out, &plain, &other, 0, &tree),
			 -EINVAL);
	assert_int_equal(cdx_manifest_verifiable(&out, &plain, &x.g, x.roots),
			 -EINVAL);
	assert_int_equal(cdx_manifest_check_roots(&plain, NULL), -EINVAL);
	assert_int_equal(
		cdx_manifest_protect(&protected, &plain, &x.g, 0, &tree), 0);
	assert_int_equal(cdx_manifest_protect(&out, &protected, &x.g, 0, &tree),
			 -EINVAL);
	assert_int_equal(cdx_manifest_verifiable(&out, &protected, &other,
						 x.roots),
			 -EINVAL);
	assert_int_equal(cdx_manifest_check_roots(&protected, NULL), -EINVAL);
	assert_int_equal(out.block_size, 77);
	cdx_manifest_free(&plain);
	cdx_manifest_free(&protected);
	json_decref(x.v);
}

static void wrong_roots_are_found(void **state)
{
	static struct small x;
	struct cdx_digest tree = {{7}};
	struct cdx_manifest plain;
	struct cdx_manifest protected;
	struct cdx_manifest m;
	struct cdx_cid kept;

	(void)state;
	small_open(&x);
	plain_of_small(&plain, &x, NULL, NULL);
	assert_int_equal(
		cdx_manifest_protect(&protected, &plain, &x.g, 0, &tree), 0);
	assert_int_equal(cdx_manifest_verifiable(&m, &protected, &x.g, x.roots),
			 0);
	assert_int_equal(cdx_manifest_check_roots(&m, NULL), 0);
	for (size_t i = 0; i < 5; i++) {
		m.verification.slot_roots[i].digest[0] ^= 1;
		assert_int_equal(cdx_manifest_check_roots(&m, NULL),
				 CDX_E_PROOF);
		m.verification.slot_roots[i].digest[0] ^= 1;
	}
	m.verification.slots = 4;
	assert_int_equal(cdx_manifest_check_roots(&m, NULL), CDX_E_PROOF);
	m.verification.slots = 5;
	kept = m.verification.slot_roots[2];
	memset(m.verification.slot_roots[2].digest, 0xff, CDX_FR_BYTES);
	assert_int_equal(cdx_manifest_check_roots(&m, NULL), CDX_E_FORMAT);
	m.verification.slot_roots[2] = m.verification.verify_root;
	assert_int_equal(cdx_manifest_check_roots(&m, NULL), CDX_E_CODEC);
	m.verification.slot_roots[2] = kept;
	m.verification.verify_root.digest[5] ^= 1;
	assert_int_equal(cdx_manifest_check_roots(&m, NULL), CDX_E_PROOF);
	cdx_manifest_free(&plain);
	cdx_manifest_free(&protected);
	cdx_manifest_free(&m);
	json_decref(x.v);
}

/* ---- digests of any geometry ---- */

static void zeros_of_default_blocks(void **state)
{
	struct cdx_geometry g;
	struct cdx_fr digest;

	(void)state;
	assert_int_equal(cdx_geometry_init(&g, 4, 2, 2, 65536, 2048, NULL), 0);
	assert_int_equal(cdx_block_digest_zero(&digest, &g), 0);
	assert_decimal(&digest, "395263317511581771965282636507720822623519774"
				"3380403001936311199014828401604");
}

/* Straight from spec/datasets.md 6.4, one compression at a time */
static void slow_digest(struct cdx_fr *out, const struct cdx_geometry *g,
			const uint8_t *block)
{
	struct cdx_fr node[64];
	unsigned bottom = 1;
	uint32_t n = g->cells_per_block;

	for (uint32_t i = 0; i < n; i++)
		cdx_poseidon2_hash(&node[i], block + (size_t)i * g->cell_size,
				   g->cell_size);
	do {
		uint32_t pairs = n / 2;

		for (uint32_t i = 0; i < pairs; i++)
			cdx_poseidon2_compress(&node[i], &node[2 * i],
					       &node[2 * i + 1], bottom);
		if (n & 1)
			cdx_poseidon2_compress(&node[pairs], &node[n - 1],
					       &cdx_fr_zero, bottom + 2);
		n = pairs + (n & 1);
		bottom = 0;
	} while (n > 1);
	*out = node[0];
}

static void digests_of_many_blocks(void **state)
{
	static const struct {
		uint32_t block;
		uint32_t cell;
	} sizes[] = {{320, 320}, {62, 62}, {128, 64}, {31, 31},
		     {248, 31},	 {512, 8}, {64, 1}};
	struct seed seed = seed_start("digests");
	uint8_t *data = malloc((size_t)20 * 512);

	(void)state;
	assert_non_null(data);
	seed_fill(&seed, data, (size_t)20 * 512);
	for (size_t k = 0; k < CDX_ARRAY_LEN(sizes); k++) {
		struct cdx_geometry g;
		struct cdx_fr digest[20];
		struct cdx_fr want[20];
		struct cdx_fr nodes[128];

		assert_int_equal(cdx_geometry_init(&g, 20, 1, 1, sizes[k].block,
						   sizes[k].cell, NULL),
				 0);
		for (size_t i = 0; i < 20; i++) {
			const uint8_t *block = data + i * g.block_size;
			uint64_t count = cdx_p2tree_nodes(g.cells_per_block);

			slow_digest(&want[i], &g, block);
			assert_int_equal(cdx_block_tree(nodes, &g, block), 0);
			assert_fr(&nodes[count - 1], &want[i]);
		}
		for (size_t n = 0; n <= 20; n++) {
			memset(digest, 0, sizeof(digest));
			assert_int_equal(cdx_block_digests(digest, &g, data, n),
					 0);
			assert_memory_equal(digest, want, n * sizeof(want[0]));
			/* and nothing behind them */
			for (size_t i = n; i < 20; i++)
				assert_true(cdx_fr_is_zero(&digest[i]));
		}
		memset(data, 0, g.block_size);
		assert_int_equal(cdx_block_digests(digest, &g, data, 1), 0);
		assert_int_equal(cdx_block_digest_zero(&want[0], &g), 0);
		assert_fr(&digest[0], &want[0]);
		seed_fill(&seed, data, g.block_size);
	}
	free(data);
}

/* Padding to a power of two of cells; every block's path leads to the root */
static void slot_trees(void **state)
{
	(void)state;
	for (uint64_t blocks = 1; blocks <= 21; blocks++) {
		struct cdx_fr digest[21];
		struct cdx_fr nodes[64];
		struct cdx_fr zero;
		struct cdx_geometry g;
		uint64_t count;

		assert_int_equal(
			cdx_geometry_init(&g, blocks, 1, 0, 128, 64, NULL), 0);
		assert_int_equal(cdx_block_digest_zero(&zero, &g), 0);
		for (uint64_t i = 0; i < blocks; i++)
			cdx_fr_from_u64(&digest[i], 1000 + i);
		assert_int_equal(cdx_slot_tree(nodes, &g, digest), 0);
		count = cdx_p2tree_nodes(g.slot_blocks);
		for (uint64_t i = 0; i < g.slot_blocks; i++) {
			struct cdx_p2tree_proof p;

			assert_fr(&nodes[i], i < blocks ? &digest[i] : &zero);
			assert_int_equal(cdx_p2tree_prove_nodes(
						 &p, nodes, g.slot_blocks, i),
					 0);
			assert_int_equal(cdx_p2tree_verify(&p, &nodes[i],
							   &nodes[count - 1]),
					 0);
		}
		/* digests may lie where the nodes go */
		memcpy(nodes, digest, blocks * sizeof(nodes[0]));
		zero = nodes[count - 1];
		assert_int_equal(cdx_slot_tree(nodes, &g, nodes), 0);
		assert_fr(&nodes[count - 1], &zero);
	}
}

static void cids_and_back(void **state)
{
	struct cdx_fr v;
	struct cdx_fr back;
	struct cdx_digest digest = {{1}};
	struct cdx_cid cids[3];
	struct cdx_cid bad;
	json_t *file = vector_load("cids.json");
	const json_t *want = vector_get(file, "converters_12345");

	(void)state;
	cdx_fr_from_u64(&v, 12345);
	cids[0] = cdx_slot_root_cid(&v);
	cids[1] = cdx_verify_root_cid(&v);
	cids[2] = cdx_block_digest_cid(&v);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(cdx_root_from_cid(&back, &cids[i]), 0);
		assert_fr(&back, &v);
	}
	assert_cid(&cids[0], vector_text(want, "slotCid"));
	assert_cid(&cids[1], vector_text(want, "verifyCid"));
	assert_cid(&cids[2], vector_text(want, "cellCid"));

	bad = cdx_cid_sha256(CDX_CODEC_ROOT, &digest);
	assert_int_equal(cdx_root_from_cid(&back, &bad), CDX_E_CODEC);
	bad = cids[0];
	bad.mhash = CDX_MHASH_SHA256;
	assert_int_equal(cdx_root_from_cid(&back, &bad), CDX_E_CODEC);
	bad = cids[0];
	bad.len = 31;
	assert_int_equal(cdx_root_from_cid(&back, &bad), CDX_E_CODEC);
	memset(cids[0].digest, 0xff, 32);
	assert_int_equal(cdx_root_from_cid(&back, &cids[0]), CDX_E_FORMAT);
	json_decref(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_data_slots),
		cmocka_unit_test(published_verification_root),
		cmocka_unit_test(published_manifests),
		cmocka_unit_test(names_go_along),
		cmocka_unit_test(manifests_of_another_geometry),
		cmocka_unit_test(wrong_roots_are_found),
		cmocka_unit_test(zeros_of_default_blocks),
		cmocka_unit_test(digests_of_many_blocks),
		cmocka_unit_test(slot_trees),
		cmocka_unit_test(cids_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
