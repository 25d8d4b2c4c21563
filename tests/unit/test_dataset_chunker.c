/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/cid.h"
#include "crypto/block.h"
#include "dataset/chunker.h"
#include "dataset/manifest.h"
#include "tests/unit/seed.h"
#include "tests/unit/vector_file.h"

#define BLOCKS_MAX 5

/* Collects the blocks and checks what comes with them */
struct sink {
	uint8_t bytes[BLOCKS_MAX * CDX_BLOCK_SIZE];
	uint64_t blocks;
	uint64_t fail_at; /* block that is refused, UINT64_MAX for none */
	size_t block_size;
};

static struct sink sink;
static uint8_t input[BLOCKS_MAX * CDX_BLOCK_SIZE];

static int take(void *arg, uint64_t index, const uint8_t *block,
		const struct cdx_digest *digest)
{
	struct sink *s = arg;
	struct cdx_digest want;

	assert_int_equal(index, s->blocks);
	assert_true((index + 1) * s->block_size <= sizeof(s->bytes));
	if (index == s->fail_at)
		return -ENOSPC;
	cdx_sha256(&want, block, s->block_size);
	assert_memory_equal(&want, digest, sizeof(want));
	memcpy(s->bytes + index * s->block_size, block, s->block_size);
	s->blocks++;
	return 1; /* a count is no failure */
}

static void reset_sink(void)
{
	memset(&sink, 0, sizeof(sink));
	sink.fail_at = UINT64_MAX;
	sink.block_size = CDX_BLOCK_SIZE;
}

static void check_blocks(size_t size)
{
	size_t want = (size + CDX_BLOCK_SIZE - 1) / CDX_BLOCK_SIZE;

	assert_int_equal(sink.blocks, want);
	assert_memory_equal(sink.bytes, input, size);
	for (size_t i = size; i < want * CDX_BLOCK_SIZE; i++)
		assert_int_equal(sink.bytes[i], 0);
}

static void upload_has_the_published_tree(void **state)
{
	json_t *v = vector_load("cids.json");
	const json_t *up = vector_get(v, "upload_some_file_contents");
	const char *data = vector_text(up, "data");
	struct cdx_chunker *c;
	struct cdx_digest root;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];
	uint64_t size;

	(void)state;
	reset_sink();
	assert_int_equal(cdx_chunker_new(&c, CDX_BLOCK_SIZE, take, &sink), 0);
	assert_int_equal(cdx_chunker_feed(c, data, strlen(data)), 0);
	assert_int_equal(sink.blocks, 0);
	assert_int_equal(cdx_chunker_end(c, &root, &size), 0);
	assert_int_equal(size, vector_u64(up, "datasetSize"));
	assert_int_equal(sink.blocks, 1);
	cid = cdx_cid_sha256(CDX_CODEC_ROOT, &root);
	cdx_cid_text(text, &cid);
	assert_string_equal(text, vector_text(up, "treeCid"));
	assert_int_equal(cdx_chunker_end(c, &root, &size), CDX_E_SEQUENCE);
	assert_int_equal(cdx_chunker_feed(c, data, 1), CDX_E_SEQUENCE);
	cdx_chunker_free(c);
	json_decref(v);
}

/* Data that a running node has published the tree of */
static void published_data_has_the_published_tree(void **state)
{
	static const char data[] =
		"TFAtMDAwOCBTdG9yYWdlIGV2aWRlbmNlIDIwMjYtMDYtMTc=";
	json_t *v = vector_load("cids.json");
	const json_t *o = json_array_get(
		vector_get(v, "realworld_newer_logos_storage"), 2);
	struct cdx_chunker *c;
	struct cdx_digest root;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];
	uint64_t size;

	(void)state;
	reset_sink();
	assert_int_equal(cdx_chunker_new(&c, CDX_BLOCK_SIZE, take, &sink), 0);
	assert_int_equal(cdx_chunker_feed(c, data, sizeof(data) - 1), 0);
	assert_int_equal(cdx_chunker_end(c, &root, &size), 0);
	cdx_chunker_free(c);
	assert_int_equal(size, vector_u64(o, "datasetSize"));
	cid = cdx_cid_sha256(CDX_CODEC_ROOT, &root);
	cdx_cid_text(text, &cid);
	assert_string_equal(text, vector_text(o, "treeCid"));
	json_decref(v);
}

/* The root does not depend on how the bytes are cut when they are fed. */
static void any_feeding_gives_the_same(void **state)
{
	static const size_t sizes[] = {
		1,
		CDX_BLOCK_SIZE - 1,
		CDX_BLOCK_SIZE,
		CDX_BLOCK_SIZE + 1,
		2 * CDX_BLOCK_SIZE,
		3 * CDX_BLOCK_SIZE - 7,
		BLOCKS_MAX * CDX_BLOCK_SIZE,
	};
	struct seed seed = seed_start("test_dataset_chunker");

	(void)state;
	seed_fill(&seed, input, sizeof(input));
	for (unsigned round = 0; round < 60; round++) {
		size_t total = sizes[round % CDX_ARRAY_LEN(sizes)];
		struct cdx_tree_stream t = {0};
		struct cdx_chunker *c;
		struct cdx_digest want;
		struct cdx_digest root;
		uint64_t size;
		size_t at = 0;

		reset_sink();
		assert_int_equal(
			cdx_chunker_new(&c, CDX_BLOCK_SIZE, take, &sink), 0);
		while (at < total) {
			size_t n = seed_below(&seed, 3 * CDX_BLOCK_SIZE);

			if (seed_below(&seed, 3) == 0)
				n %= 100;
			if (n > total - at)
				n = total - at;
			assert_int_equal(cdx_chunker_feed(c, input + at, n), 0);
			at += n;
		}
		assert_int_equal(cdx_chunker_end(c, &root, &size), 0);
		assert_int_equal(size, total);
		cdx_chunker_free(c);
		check_blocks(total);
		for (size_t b = 0; b < sink.blocks; b++) {
			struct cdx_digest d;

			cdx_sha256(&d, sink.bytes + b * CDX_BLOCK_SIZE,
				   CDX_BLOCK_SIZE);
			cdx_tree_stream_add(&t, &d);
		}
		assert_int_equal(cdx_tree_stream_root(&want, &t), 0);
		assert_memory_equal(&root, &want, sizeof(root));
	}
}

/* The small vector has blocks of 1 KiB. */
static void small_blocks(void **state)
{
	json_t *v = vector_load("derived_small_k3m2.json");
	size_t size = (size_t)vector_u64(v, "datasetSize");
	struct cdx_chunker *c;
	struct cdx_digest root;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];
	uint64_t fed;

	(void)state;
	reset_sink();
	sink.block_size = (size_t)vector_u64(v, "blockSize");
	for (size_t i = 0; i < size; i++)
		input[i] =
			(uint8_t)(i * 31 + (i >> 8) * 17 + (i >> 16) * 7 + 5);
	assert_int_equal(cdx_chunker_new(&c, 1024, take, &sink), 0);
	assert_int_equal(cdx_chunker_feed(c, input, 3000), 0);
	assert_int_equal(cdx_chunker_feed(c, input + 3000, size - 3000), 0);
	assert_int_equal(cdx_chunker_end(c, &root, &fed), 0);
	assert_int_equal(fed, size);
	assert_int_equal(sink.blocks, vector_u64(v, "blocks"));
	assert_memory_equal(sink.bytes, input, size);
	cid = cdx_cid_sha256(CDX_CODEC_ROOT, &root);
	cdx_cid_text(text, &cid);
	assert_string_equal(text, vector_text(v, "treeCid"));
	cdx_chunker_free(c);
	json_decref(v);
}

static void any_block_size(void **state)
{
	static const uint32_t good[] = {1, 7, 65535, CDX_BLOCK_SIZE_MAX};
	struct cdx_chunker *c = NULL;
	struct cdx_digest root;
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		size_t len = good[i] == CDX_BLOCK_SIZE_MAX ? 0 : 100;

		reset_sink();
		sink.block_size = good[i];
		assert_int_equal(cdx_chunker_new(&c, good[i], take, &sink), 0);
		assert_int_equal(cdx_chunker_feed(c, input, len), 0);
		assert_int_equal(cdx_chunker_end(c, &root, &size),
				 len ? 0 : -ENODATA);
		assert_int_equal(sink.blocks, (len + good[i] - 1) / good[i]);
		cdx_chunker_free(c);
	}
	assert_int_equal(cdx_chunker_new(&c, 0, take, &sink), -EINVAL);
	assert_null(c);
	assert_int_equal(cdx_chunker_new(&c, CDX_BLOCK_SIZE_MAX + 1, take,
					 &sink),
			 -EINVAL);
	assert_null(c);
}

static void nothing_fed_is_an_error(void **state)
{
	struct cdx_chunker *c;
	struct cdx_digest root;
	uint64_t size;

	(void)state;
	reset_sink();
	assert_int_equal(cdx_chunker_new(&c, CDX_BLOCK_SIZE, take, &sink), 0);
	assert_int_equal(cdx_chunker_feed(c, NULL, 0), 0);
	assert_int_equal(cdx_chunker_end(c, &root, &size), -ENODATA);
	assert_int_equal(sink.blocks, 0);
	cdx_chunker_free(c);
	cdx_chunker_free(NULL);
}

static void refusal_sticks(void **state)
{
	struct cdx_chunker *c;
	struct cdx_digest root;
	uint64_t size;

	(void)state;
	reset_sink();
	sink.fail_at = 1;
	assert_int_equal(cdx_chunker_new(&c, CDX_BLOCK_SIZE, take, &sink), 0);
	assert_int_equal(cdx_chunker_feed(c, input, 3 * CDX_BLOCK_SIZE),
			 -ENOSPC);
	assert_int_equal(sink.blocks, 1);
	sink.fail_at = UINT64_MAX;
	assert_int_equal(cdx_chunker_feed(c, input, 1), -ENOSPC);
	assert_int_equal(cdx_chunker_end(c, &root, &size), -ENOSPC);
	assert_int_equal(sink.blocks, 1);
	cdx_chunker_free(c);

	/* also when the padded block is refused */
	reset_sink();
	sink.fail_at = 0;
	assert_int_equal(cdx_chunker_new(&c, CDX_BLOCK_SIZE, take, &sink), 0);
	assert_int_equal(cdx_chunker_feed(c, input, 5), 0);
	assert_int_equal(cdx_chunker_end(c, &root, &size), -ENOSPC);
	assert_int_equal(cdx_chunker_end(c, &root, &size), -ENOSPC);
	cdx_chunker_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upload_has_the_published_tree),
		cmocka_unit_test(published_data_has_the_published_tree),
		cmocka_unit_test(any_feeding_gives_the_same),
		cmocka_unit_test(small_blocks),
		cmocka_unit_test(any_block_size),
		cmocka_unit_test(nothing_fed_is_an_error),
		cmocka_unit_test(refusal_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
