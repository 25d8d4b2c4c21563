/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "dataset/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/pb.h"
#include "dataset/manifest_fields.h"

static int copy_text(char **out, const char *text, size_t max)
{
	size_t len = text ? strnlen(text, max + 1) : 0;

	if (len == 0)
		return 0;
	if (len > max)
		return -ENAMETOOLONG;
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

int cdx_manifest_plain(struct cdx_manifest *out,
		       const struct cdx_digest *tree_root, uint64_t size,
		       uint32_t block_size, const char *filename,
		       const char *mimetype)
{
	struct cdx_manifest m = {
		.tree = cdx_cid_sha256(CDX_CODEC_ROOT, tree_root),
		.block_size = block_size,
		.dataset_size = size,
		.codec = CDX_CODEC_BLOCK,
		.hcodec = CDX_MHASH_SHA256,
		.version = 1,
	};
	int r;

	if (block_size == 0 || block_size > CDX_BLOCK_SIZE_MAX)
		return -EINVAL;
	r = copy_text(&m.filename, filename, CDX_FILENAME_MAX);
	if (r == 0)
		r = copy_text(&m.mimetype, mimetype, CDX_MIMETYPE_MAX);
	if (r < 0) {
		cdx_manifest_free(&m);
		return r;
	}
	*out = m;
	return 0;
}

static void put_cid(struct cdx_buf *out, uint32_t number,
		    const struct cdx_cid *cid)
{
	uint8_t bin[CDX_CID_BIN_MAX];

	cdx_pb_put_bytes(out, number, bin, cdx_cid_encode(bin, cid));
}

static void put_verification(struct cdx_buf *out,
			     const struct cdx_verification_info *v)
{
	struct cdx_buf msg = {0};

	put_cid(&msg, VERIFICATION_ROOT, &v->verify_root);
	for (uint32_t i = 0; i < v->slots; i++)
		put_cid(&msg, VERIFICATION_SLOT_ROOT, &v->slot_roots[i]);
	cdx_pb_put_u64(&msg, VERIFICATION_CELL_SIZE, v->cell_size);
	cdx_pb_put_u64(&msg, VERIFICATION_STRATEGY, v->strategy);
	cdx_pb_put_msg(out, ERASURE_VERIFICATION, &msg);
	cdx_buf_free(&msg);
}

static void put_erasure(struct cdx_buf *out, const struct cdx_manifest *m)
{
	const struct cdx_erasure_info *e = &m->erasure;
	struct cdx_buf msg = {0};

	cdx_pb_put_u64(&msg, ERASURE_K, e->k);
	cdx_pb_put_u64(&msg, ERASURE_M, e->m);
	put_cid(&msg, ERASURE_ORIGINAL_TREE, &e->original_tree);
	cdx_pb_put_u64(&msg, ERASURE_ORIGINAL_SIZE, e->original_size);
	cdx_pb_put_u64(&msg, ERASURE_STRATEGY, e->strategy);
	if (m->is_verifiable)
		put_verification(&msg, &m->verification);
	if (e->codec)
		cdx_pb_put_u64(&msg, ERASURE_CODEC, e->codec);
	cdx_pb_put_msg(out, HEADER_ERASURE, &msg);
	cdx_buf_free(&msg);
}

int cdx_manifest_encode(struct cdx_buf *out, const struct cdx_manifest *m)
{
	struct cdx_buf msg = {0};

	put_cid(&msg, HEADER_TREE, &m->tree);
	cdx_pb_put_u64(&msg, HEADER_BLOCK_SIZE, m->block_size);
	cdx_pb_put_u64(&msg, HEADER_DATASET_SIZE, m->dataset_size);
	cdx_pb_put_u64(&msg, HEADER_CODEC, m->codec);
	cdx_pb_put_u64(&msg, HEADER_HCODEC, m->hcodec);
	cdx_pb_put_u64(&msg, HEADER_VERSION,
		       (uint64_t)m->version + MANIFEST_VERSION_BIAS);
	if (m->is_protected)
		put_erasure(&msg, m);
	if (m->filename)
		cdx_pb_put_bytes(&msg, HEADER_FILENAME, m->filename,
				 strlen(m->filename));
	if (m->mimetype)
		cdx_pb_put_bytes(&msg, HEADER_MIMETYPE, m->mimetype,
				 strlen(m->mimetype));
	cdx_pb_put_msg(out, WRAPPER_HEADER, &msg);
	cdx_buf_free(&msg);
	return cdx_buf_ok(out);
}

struct cdx_cid cdx_manifest_cid(const void *encoded, size_t len)
{
	struct cdx_digest digest;

	cdx_sha256(&digest, encoded, len);
	return cdx_cid_sha256(CDX_CODEC_MANIFEST, &digest);
}

uint64_t cdx_manifest_blocks(const struct cdx_manifest *m)
{
	if (m->dataset_size == 0 || m->block_size == 0)
		return 0;
	return (m->dataset_size - 1) / m->block_size + 1;
}

uint64_t cdx_manifest_file_size(const struct cdx_manifest *m)
{
	return m->is_protected ? m->erasure.original_size : m->dataset_size;
}

void cdx_manifest_free(struct cdx_manifest *m)
{
	free(m->filename);
	free(m->mimetype);
	free(m->verification.slot_roots);
	memset(m, 0, sizeof(*m));
}
