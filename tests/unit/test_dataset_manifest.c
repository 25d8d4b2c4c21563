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
#include "codec/pb.h"
#include "crypto/block.h"
#include "dataset/manifest.h"
#include "dataset/manifest_json.h"
#include "tests/unit/vector_file.h"

static void assert_cid(const struct cdx_cid *cid, const char *want)
{
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, cid);
	assert_string_equal(text, want);
}

static void decode_hex(struct cdx_manifest *m, const char *hex)
{
	struct cdx_buf b = {0};

	vector_hex(&b, hex);
	assert_int_equal(cdx_manifest_decode(m, b.p, b.len), 0);
	cdx_buf_free(&b);
}

/* @m encodes to exactly these bytes, which have this CID */
static void assert_bytes(const struct cdx_manifest *m, const char *hex,
			 const char *cid_text)
{
	struct cdx_buf want = {0};
	struct cdx_buf got = {0};
	struct cdx_cid cid;

	vector_hex(&want, hex);
	assert_int_equal(cdx_manifest_encode(&got, m), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	cid = cdx_manifest_cid(got.p, got.len);
	assert_cid(&cid, cid_text);
	cdx_buf_free(&want);
	cdx_buf_free(&got);
}

static void plain_upload(void **state)
{
	json_t *v = vector_load("cids.json");
	const json_t *up = vector_get(v, "upload_some_file_contents");
	const char *hex = vector_text(up, "manifestHex_noNameNoMime_derived");
	const char *tree = vector_text(up, "treeCid");
	struct cdx_manifest m;
	struct cdx_manifest made;
	struct cdx_digest root;

	(void)state;
	decode_hex(&m, hex);
	assert_cid(&m.tree, tree);
	assert_int_equal(m.block_size, 65536);
	assert_int_equal(m.dataset_size, 18);
	assert_int_equal(m.codec, CDX_CODEC_BLOCK);
	assert_int_equal(m.hcodec, CDX_MHASH_SHA256);
	assert_int_equal(m.version, 1);
	assert_false(m.is_protected);
	assert_false(m.is_verifiable);
	assert_null(m.filename);
	assert_null(m.mimetype);
	assert_int_equal(cdx_manifest_blocks(&m), 1);
	assert_int_equal(cdx_manifest_file_size(&m), 18);
	assert_bytes(&m, hex, vector_text(up, "manifestCid_derived"));

	memcpy(root.b, m.tree.digest, sizeof(root.b));
	assert_int_equal(cdx_manifest_plain(&made, &root, 18, CDX_BLOCK_SIZE,
					    NULL, ""),
			 0);
	assert_bytes(&made, hex, vector_text(up, "manifestCid_derived"));
	cdx_manifest_free(&made);
	cdx_manifest_free(&m);
	json_decref(v);
}

static void small_plain_protected_verifiable(void **state)
{
	json_t *v = vector_load("derived_small_k3m2.json");
	const json_t *roots = vector_get(v, "slotRootCids");
	struct cdx_manifest m;

	(void)state;
	decode_hex(&m, vector_text(v, "plainManifestHex"));
	assert_cid(&m.tree, vector_text(v, "treeCid"));
	assert_int_equal(cdx_manifest_blocks(&m), 8);
	assert_int_equal(cdx_manifest_file_size(&m), 7892);
	assert_bytes(&m, vector_text(v, "plainManifestHex"),
		     vector_text(v, "plainManifestCid"));
	cdx_manifest_free(&m);

	decode_hex(&m, vector_text(v, "protectedManifestHex"));
	assert_true(m.is_protected);
	assert_false(m.is_verifiable);
	assert_int_equal(m.erasure.k, 3);
	assert_int_equal(m.erasure.m, 2);
	assert_int_equal(m.erasure.strategy, 1);
	assert_int_equal(m.dataset_size, 15 * 1024);
	assert_int_equal(cdx_manifest_blocks(&m), 15);
	assert_int_equal(cdx_manifest_file_size(&m), 7892);
	assert_cid(&m.tree, vector_text(v, "encodedTreeCid"));
	assert_cid(&m.erasure.original_tree, vector_text(v, "treeCid"));
	assert_bytes(&m, vector_text(v, "protectedManifestHex"),
		     vector_text(v, "protectedManifestCid"));
	cdx_manifest_free(&m);

	decode_hex(&m, vector_text(v, "verifiableManifestHex"));
	assert_true(m.is_verifiable);
	assert_cid(&m.verification.verify_root,
		   vector_text(v, "verifyRootCid"));
	assert_int_equal(m.verification.cell_size, 64);
	assert_int_equal(m.verification.strategy, 0);
	assert_int_equal(m.verification.slots, 5);
	for (size_t i = 0; i < 5; i++)
		assert_cid(&m.verification.slot_roots[i],
			   json_string_value(json_array_get(roots, i)));
	assert_bytes(&m, vector_text(v, "verifiableManifestHex"),
		     vector_text(v, "verifiableManifestCid"));
	cdx_manifest_free(&m);
	/* freed means empty, and twice is safe */
	assert_null(m.verification.slot_roots);
	cdx_manifest_free(&m);
	json_decref(v);
}

static void names_are_kept(void **state)
{
	struct cdx_digest root = {{1, 2, 3}};
	struct cdx_manifest m;
	struct cdx_manifest again;
	struct cdx_buf b = {0};
	char *name = malloc(CDX_FILENAME_MAX + 2);

	(void)state;
	assert_non_null(name);
	assert_int_equal(cdx_manifest_plain(&m, &root, 70000, CDX_BLOCK_SIZE,
					    "caf\xc3\xa9.txt", "text/plain"),
			 0);
	assert_int_equal(cdx_manifest_encode(&b, &m), 0);
	/* field 8 and field 9 end the header */
	assert_memory_equal(b.p + b.len - 23,
			    "\x42\x09"
			    "caf\xc3\xa9.txt"
			    "\x4a\x0atext/plain",
			    23);
	assert_int_equal(cdx_manifest_decode(&again, b.p, b.len), 0);
	assert_string_equal(again.filename, "caf\xc3\xa9.txt");
	assert_string_equal(again.mimetype, "text/plain");
	assert_int_equal(cdx_manifest_blocks(&again), 2);
	cdx_manifest_free(&again);
	cdx_manifest_free(&m);
	cdx_buf_free(&b);

	memset(name, 'n', CDX_FILENAME_MAX + 1);
	name[CDX_FILENAME_MAX + 1] = '\0';
	assert_int_equal(cdx_manifest_plain(&m, &root, 1, CDX_BLOCK_SIZE, name,
					    NULL),
			 -ENAMETOOLONG);
	name[CDX_FILENAME_MAX] = '\0';
	assert_int_equal(cdx_manifest_plain(&m, &root, 1, CDX_BLOCK_SIZE, name,
					    NULL),
			 0);
	assert_int_equal(cdx_manifest_encode(&b, &m), 0);
	assert_int_equal(cdx_manifest_decode(&again, b.p, b.len), 0);
	assert_string_equal(again.filename, name);
	cdx_manifest_free(&again);
	cdx_manifest_free(&m);
	cdx_buf_free(&b);
	name[CDX_MIMETYPE_MAX + 1] = '\0';
	assert_int_equal(cdx_manifest_plain(&m, &root, 1, CDX_BLOCK_SIZE, NULL,
					    name),
			 -ENAMETOOLONG);
	free(name);
}

/*
 * Manifests that running nodes have published.  They number filename and
 * mimetype 7 and 8 (newer builds dropped the erasure info), so the header is
 * ours without names and theirs after it.
 */
static void published_node_outputs(void **state)
{
	json_t *v = vector_load("cids.json");
	const json_t *list = vector_get(v, "realworld_newer_logos_storage");

	(void)state;
	assert_int_equal(json_array_size(list), 3);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const char *tree = vector_text(o, "treeCid");
		const json_t *name = vector_get(o, "filename");
		const char *mime = vector_text(o, "mimetype");
		struct cdx_buf ours = {0};
		struct cdx_buf header = {0};
		struct cdx_buf theirs = {0};
		struct cdx_manifest m;
		struct cdx_digest root;
		struct cdx_cid cid;

		assert_int_equal(cdx_cid_parse(&cid, tree, strlen(tree)), 0);
		memcpy(root.b, cid.digest, sizeof(root.b));
		assert_int_equal(
			cdx_manifest_plain(&m, &root,
					   vector_u64(o, "datasetSize"),
					   CDX_BLOCK_SIZE, NULL, NULL),
			0);
		assert_int_equal(cdx_manifest_encode(&ours, &m), 0);
		cdx_buf_put(&header, ours.p + 2, ours.len - 2);
		if (json_is_string(name))
			cdx_pb_put_bytes(&header, 7, json_string_value(name),
					 json_string_length(name));
		cdx_pb_put_bytes(&header, 8, mime, strlen(mime));
		cdx_pb_put_msg(&theirs, 1, &header);
		assert_int_equal(cdx_buf_ok(&theirs), 0);
		cid = cdx_manifest_cid(theirs.p, theirs.len);
		assert_cid(&cid, vector_text(o, "manifestCid"));
		cdx_manifest_free(&m);
		cdx_buf_free(&ours);
		cdx_buf_free(&header);
		cdx_buf_free(&theirs);
	}
	json_decref(v);
}

static void json_view(void **state)
{
	struct cdx_digest root = {{0}};
	struct cdx_manifest m;
	json_t *v = vector_load("derived_small_k3m2.json");
	json_t *j;

	(void)state;
	assert_int_equal(cdx_manifest_plain(&m, &root, 18, CDX_BLOCK_SIZE, NULL,
					    NULL),
			 0);
	j = cdx_manifest_json(&m);
	assert_non_null(j);
	assert_int_equal(json_object_size(j), 6);
	assert_true(json_is_null(vector_get(j, "filename")));
	assert_true(json_is_null(vector_get(j, "mimetype")));
	assert_true(json_is_false(vector_get(j, "protected")));
	assert_int_equal(vector_u64(j, "datasetSize"), 18);
	assert_int_equal(vector_u64(j, "blockSize"), 65536);
	json_decref(j);
	cdx_manifest_free(&m);

	decode_hex(&m, vector_text(v, "protectedManifestHex"));
	j = cdx_manifest_json(&m);
	assert_non_null(j);
	assert_true(json_is_true(vector_get(j, "protected")));
	assert_string_equal(vector_text(j, "treeCid"),
			    vector_text(v, "encodedTreeCid"));
	json_decref(j);
	cdx_manifest_free(&m);
	json_decref(v);

	/* bytes that are not UTF-8, also cut off at the end */
	assert_int_equal(cdx_manifest_plain(&m, &root, UINT64_MAX,
					    CDX_BLOCK_SIZE,
					    "a\xff"
					    "b\xc3\xa9\xf0\x9f",
					    "\xed\xa0\x80"),
			 0);
	j = cdx_manifest_json(&m);
	assert_non_null(j);
	assert_string_equal(vector_text(j, "filename"),
			    "a\xef\xbf\xbd"
			    "b\xc3\xa9"
			    "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(vector_text(j, "mimetype"),
			    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_true(vector_u64(j, "datasetSize") == INT64_MAX);
	json_decref(j);
	cdx_manifest_free(&m);
}

static void assert_json_cid(const json_t *o, const char *name,
			    const struct cdx_cid *cid)
{
	assert_cid(cid, vector_text(o, name));
}

static void json_of_all_kinds(void **state)
{
	json_t *v = vector_load("derived_small_k3m2.json");
	const json_t *want = vector_get(v, "slotRootCids");
	struct cdx_manifest m;
	json_t *j;

	(void)state;
	decode_hex(&m, vector_text(v, "protectedManifestHex"));
	m.erasure.codec = 1;
	j = cdx_manifest_json(&m);
	assert_non_null(j);
	assert_int_equal(json_object_size(j), 12);
	assert_int_equal(vector_u64(j, "datasetSize"), 15 * 1024);
	assert_int_equal(vector_u64(j, "ecK"), 3);
	assert_int_equal(vector_u64(j, "ecM"), 2);
	assert_json_cid(j, "originalTreeCid", &m.erasure.original_tree);
	assert_int_equal(vector_u64(j, "originalDatasetSize"), 7892);
	assert_int_equal(vector_u64(j, "protectedStrategy"), 1);
	assert_string_equal(vector_text(j, "codec"), "isa_l_rs_cauchy");
	json_decref(j);
	m.erasure.codec = 99;
	j = cdx_manifest_json(&m);
	assert_int_equal(vector_u64(j, "codec"), 99);
	json_decref(j);
	cdx_manifest_free(&m);

	decode_hex(&m, vector_text(v, "verifiableManifestHex"));
	j = cdx_manifest_json(&m);
	assert_non_null(j);
	assert_int_equal(json_object_size(j), 16);
	assert_string_equal(vector_text(j, "codec"), "leopard");
	assert_string_equal(vector_text(j, "verifyRoot"),
			    vector_text(v, "verifyRootCid"));
	assert_true(json_equal(vector_get(j, "slotRoots"), want));
	assert_int_equal(vector_u64(j, "cellSize"), 64);
	assert_int_equal(vector_u64(j, "verifiableStrategy"), 0);
	json_decref(j);
	cdx_manifest_free(&m);
	json_decref(v);
}

static void block_sizes(void **state)
{
	static const uint32_t good[] = {1, 1000, CDX_BLOCK_SIZE,
					CDX_BLOCK_SIZE_MAX};
	struct cdx_digest root = {{4}};
	struct cdx_manifest m;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		assert_int_equal(cdx_manifest_plain(&m, &root, 5000, good[i],
						    NULL, NULL),
				 0);
		assert_int_equal(m.block_size, good[i]);
		assert_int_equal(cdx_manifest_blocks(&m),
				 (5000 + good[i] - 1) / good[i]);
		cdx_manifest_free(&m);
	}
	assert_int_equal(cdx_manifest_plain(&m, &root, 1, 0, NULL, NULL),
			 -EINVAL);
	assert_int_equal(cdx_manifest_plain(&m, &root, 1,
					    CDX_BLOCK_SIZE_MAX + 1, NULL, NULL),
			 -EINVAL);
}

/* ---- decoding what no encoder writes ---- */

/* A verifiable manifest whose every part a test can bend before it is built */
struct bent {
	struct cdx_cid tree;
	uint64_t block_size;
	uint64_t dataset_size;
	uint64_t codec;
	uint64_t hcodec;
	uint64_t version;
	uint64_t k;
	uint64_t m;
	uint64_t original_size;
	uint64_t strategy;
	struct cdx_cid original_tree;
	struct cdx_cid verify_root;
	struct cdx_cid slot_root;
	unsigned slots;
	uint64_t cell_size;
	uint64_t slot_strategy;
	const char *filename;
	size_t filename_len;
	bool plain; /* no erasure info */
	bool no_verification;
	bool extra;	   /* unknown fields everywhere */
	uint64_t ec_codec; /* written when not 0 */
};

static struct cdx_cid some_cid(uint32_t codec, uint32_t mhash)
{
	struct cdx_cid cid = {
		.version = 1, .len = 32, .codec = codec, .mhash = mhash};

	memset(cid.digest, 0x5a, 32);
	return cid;
}

static struct bent straight(void)
{
	return (struct bent){
		.tree = some_cid(CDX_CODEC_ROOT, CDX_MHASH_SHA256),
		.block_size = 1024,
		.dataset_size = (uint64_t)15 * 1024,
		.codec = CDX_CODEC_BLOCK,
		.hcodec = CDX_MHASH_SHA256,
		.version = 2,
		.k = 3,
		.m = 2,
		.original_size = 7892,
		.strategy = 1,
		.original_tree = some_cid(CDX_CODEC_ROOT, CDX_MHASH_SHA256),
		.verify_root =
			some_cid(CDX_CODEC_PROVING_ROOT, CDX_MHASH_IDENTITY),
		.slot_root = some_cid(CDX_CODEC_SLOT_ROOT, CDX_MHASH_IDENTITY),
		.slots = 5,
		.cell_size = 64,
	};
}

static void put_cid(struct cdx_buf *b, uint32_t number,
		    const struct cdx_cid *cid)
{
	uint8_t bin[CDX_CID_BIN_MAX];

	cdx_pb_put_bytes(b, number, bin, cdx_cid_encode(bin, cid));
}

static void build(struct cdx_buf *out, const struct bent *x)
{
	struct cdx_buf v = {0};
	struct cdx_buf e = {0};
	struct cdx_buf h = {0};

	put_cid(&v, 1, &x->verify_root);
	for (unsigned i = 0; i < x->slots; i++)
		put_cid(&v, 2, &x->slot_root);
	cdx_pb_put_u64(&v, 3, x->cell_size);
	cdx_pb_put_u64(&v, 4, x->slot_strategy);
	if (x->extra) {
		cdx_pb_put_u64(&v, 15, 1);
		cdx_pb_put_u64(&e, 15, 1);
		cdx_pb_put_bytes(&h, 15, "?", 1);
	}
	cdx_pb_put_u64(&e, 1, x->k);
	cdx_pb_put_u64(&e, 2, x->m);
	put_cid(&e, 3, &x->original_tree);
	cdx_pb_put_u64(&e, 4, x->original_size);
	cdx_pb_put_u64(&e, 5, x->strategy);
	if (!x->no_verification)
		cdx_pb_put_msg(&e, 6, &v);
	if (x->ec_codec)
		cdx_pb_put_u64(&e, 100, x->ec_codec);
	put_cid(&h, 1, &x->tree);
	cdx_pb_put_u64(&h, 2, x->block_size);
	cdx_pb_put_u64(&h, 3, x->dataset_size);
	cdx_pb_put_u64(&h, 4, x->codec);
	cdx_pb_put_u64(&h, 5, x->hcodec);
	cdx_pb_put_u64(&h, 6, x->version);
	if (!x->plain)
		cdx_pb_put_msg(&h, 7, &e);
	if (x->filename)
		cdx_pb_put_bytes(&h, 8, x->filename, x->filename_len);
	cdx_pb_put_msg(out, 1, &h);
	assert_int_equal(cdx_buf_ok(out), 0);
	cdx_buf_free(&v);
	cdx_buf_free(&e);
	cdx_buf_free(&h);
}

static int try(const struct bent *x)
{
	struct cdx_buf b = {0};
	struct cdx_manifest m;
	int r;

	build(&b, x);
	r = cdx_manifest_decode(&m, b.p, b.len);
	if (r == 0)
		cdx_manifest_free(&m);
	cdx_buf_free(&b);
	return r;
}

#define TRY(want, ...)                           \
	do {                                     \
		struct bent x = straight();      \
		__VA_ARGS__;                     \
		assert_int_equal(try(&x), want); \
	} while (0)

static void bent_headers_are_refused(void **state)
{
	(void)state;
	TRY(0, (void)x);
	TRY(0, x.extra = true);
	TRY(CDX_E_FORMAT, x.block_size = 0);
	TRY(CDX_E_FORMAT, x.block_size = UINT64_C(1) << 32);
	TRY(CDX_E_FORMAT, x.version = 0);
	TRY(CDX_E_FORMAT, x.version = 3);
	TRY(0, x.version = 1);
	TRY(CDX_E_CODEC, x.codec = 0x55);
	TRY(CDX_E_CODEC, x.hcodec = CDX_MHASH_SHA512);
	TRY(CDX_E_CODEC, x.tree.codec = CDX_CODEC_BLOCK);
	TRY(CDX_E_CODEC, x.tree.mhash = CDX_MHASH_IDENTITY);
	TRY(CDX_E_FORMAT, x.tree.codec = 0xCD07);
	TRY(CDX_E_FORMAT, x.filename = "a\0b"; x.filename_len = 3);
	TRY(0, x.filename = ""; x.filename_len = 0);
	/* plain: any size is as good as another */
	TRY(0, x.plain = true; x.dataset_size = UINT64_MAX);
	TRY(0, x.plain = true; x.dataset_size = 1);
	TRY(0, x.plain = true; x.dataset_size = 0);
}

static void bent_geometry_is_refused(void **state)
{
	(void)state;
	TRY(0, x.no_verification = true);
	TRY(CDX_E_FORMAT, x.k = 0);
	TRY(CDX_E_FORMAT, x.k = 4);
	TRY(CDX_E_FORMAT, x.m = 1);
	TRY(CDX_E_FORMAT, x.original_size = 9 * 1024 + 1);
	TRY(CDX_E_FORMAT, x.original_size = 6 * 1024);
	TRY(0, x.original_size = 9 * 1024);
	TRY(0, x.original_size = 6 * 1024 + 1);
	TRY(CDX_E_FORMAT, x.original_size = 0);
	TRY(0, x.original_size = 0; x.dataset_size = 0);
	TRY(CDX_E_FORMAT, x.dataset_size += 1);
	TRY(CDX_E_FORMAT, x.dataset_size -= 1024);
	TRY(CDX_E_FORMAT, x.strategy = 2);
	TRY(CDX_E_FORMAT, x.k = UINT64_C(1) << 32);
	/* steps * (K + M) beyond 64 bits */
	TRY(CDX_E_FORMAT, x.block_size = 1; x.k = 1; x.m = UINT32_MAX;
	    x.original_size = UINT64_MAX; x.no_verification = true);
	TRY(CDX_E_CODEC, x.original_tree.codec = CDX_CODEC_BLOCK);
	/* K and M whose sum wraps in 32 bits to the number of slots */
	TRY(CDX_E_FORMAT, x.k = UINT32_MAX; x.m = 6);
}

static void bent_verification_is_refused(void **state)
{
	(void)state;
	TRY(CDX_E_FORMAT, x.slots = 4);
	TRY(CDX_E_FORMAT, x.slots = 6);
	TRY(CDX_E_FORMAT, x.slots = 0);
	TRY(CDX_E_FORMAT, x.cell_size = 0);
	TRY(CDX_E_FORMAT, x.slot_strategy = 2);
	TRY(0, x.slot_strategy = 1);
	TRY(CDX_E_CODEC, x.verify_root.codec = CDX_CODEC_SLOT_ROOT);
	TRY(CDX_E_CODEC, x.verify_root.mhash = CDX_MHASH_SHA256);
	TRY(CDX_E_CODEC, x.slot_root.codec = CDX_CODEC_ROOT);
	TRY(CDX_E_CODEC, x.slot_root.len = 31);
	/* as many slots as there may be, and one more */
	TRY(0, x.k = 200; x.m = 56; x.slots = 256; x.original_size = 1;
	    x.dataset_size = 256 * 1024);
	TRY(CDX_E_FORMAT, x.k = 200; x.m = 57; x.slots = 257;
	    x.original_size = 1; x.dataset_size = 257 * 1024);
}

/* Who made the parity: field 100 of the erasure info, kept whatever its number
 * is; decoders that do not know it skip it. */
static void codec_of_the_parity(void **state)
{
	static const uint32_t codecs[] = {0, 1, 5, 6, 300, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(codecs); i++) {
		struct bent x = straight();
		struct cdx_manifest m;
		struct cdx_buf b = {0};
		struct cdx_buf got = {0};

		x.ec_codec = codecs[i];
		build(&b, &x);
		assert_int_equal(cdx_manifest_decode(&m, b.p, b.len), 0);
		assert_int_equal(m.erasure.codec, codecs[i]);
		assert_int_equal(cdx_manifest_encode(&got, &m), 0);
		assert_int_equal(got.len, b.len);
		assert_memory_equal(got.p, b.p, b.len);
		cdx_manifest_free(&m);
		cdx_buf_free(&got);
		cdx_buf_free(&b);
	}
	TRY(CDX_E_FORMAT, x.ec_codec = UINT64_C(1) << 32);
}

/* A protected manifest of codec 1 ends in its field: tag 0xa0 0x06, value. */
static void codec_on_the_wire(void **state)
{
	struct bent x = straight();
	struct cdx_manifest m;
	struct cdx_buf b = {0};

	(void)state;
	x.no_verification = true;
	build(&b, &x);
	assert_int_equal(cdx_manifest_decode(&m, b.p, b.len), 0);
	cdx_buf_free(&b);
	m.erasure.codec = 1;
	assert_int_equal(cdx_manifest_encode(&b, &m), 0);
	assert_memory_equal(b.p + b.len - 3, "\xa0\x06\x01", 3);
	cdx_manifest_free(&m);
	cdx_buf_free(&b);
}

/* spec/datasets.md 0: last wins, wrong types and unknown fields are skipped */
static void dialect_of_the_header(void **state)
{
	struct bent first = straight();
	struct bent last = straight();
	struct cdx_manifest m;
	struct cdx_buf b = {0};
	struct cdx_buf want = {0};
	struct cdx_buf got = {0};

	(void)state;
	first.k = 0; /* would be refused if it were looked at */
	last.plain = true;
	cdx_pb_put_u64(&b, 1, 77); /* the header's number, wrong type */
	build(&b, &first);
	cdx_pb_put_bytes(&b, 9, "unknown", 7);
	build(&b, &last);
	build(&want, &last);
	assert_int_equal(cdx_manifest_decode(&m, b.p, b.len), 0);
	assert_false(m.is_protected);
	assert_int_equal(cdx_manifest_encode(&got, &m), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	cdx_manifest_free(&m);
	cdx_buf_free(&b);
	cdx_buf_free(&got);
	cdx_buf_free(&want);
}

static void truncated_and_empty_are_refused(void **state)
{
	struct bent x = straight();
	struct cdx_manifest m;
	struct cdx_buf b = {0};
	uint8_t *long_one = calloc(1, CDX_MANIFEST_MAX + 1);

	(void)state;
	assert_non_null(long_one);
	x.filename = "name";
	x.filename_len = 4;
	build(&b, &x);
	for (size_t n = 0; n < b.len; n++)
		assert_true(cdx_manifest_decode(&m, b.p, n) < 0);
	assert_int_equal(cdx_manifest_decode(&m, b.p, 0), CDX_E_FORMAT);
	assert_int_equal(cdx_manifest_decode(&m, "\x0a\x00", 2), CDX_E_FORMAT);
	assert_int_equal(cdx_manifest_decode(&m, long_one,
					     CDX_MANIFEST_MAX + 1),
			 CDX_E_FORMAT);
	free(long_one);
	cdx_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_upload),
		cmocka_unit_test(small_plain_protected_verifiable),
		cmocka_unit_test(names_are_kept),
		cmocka_unit_test(published_node_outputs),
		cmocka_unit_test(json_view),
		cmocka_unit_test(bent_headers_are_refused),
		cmocka_unit_test(bent_geometry_is_refused),
		cmocka_unit_test(bent_verification_is_refused),
		cmocka_unit_test(codec_of_the_parity),
		cmocka_unit_test(codec_on_the_wire),
		cmocka_unit_test(json_of_all_kinds),
		cmocka_unit_test(block_sizes),
		cmocka_unit_test(dialect_of_the_header),
		cmocka_unit_test(truncated_and_empty_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
