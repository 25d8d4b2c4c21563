/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "dataset/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "codec/pb.h"
#include "dataset/indexing.h"
#include "dataset/manifest_fields.h"

/* Sub-messages and byte strings of a header, walked after it */
struct header_spans {
	struct cdx_pb_span tree;
	struct cdx_pb_span erasure;
	struct cdx_pb_span filename;
	struct cdx_pb_span mimetype;
};

struct erasure_spans {
	struct cdx_pb_span original_tree;
	struct cdx_pb_span verification;
};

static struct cdx_cursor cursor_of(struct cdx_pb_span span)
{
	return cdx_cursor_init(span.p, span.len);
}

/* A CID that must have @codec and 32 bytes of @mhash */
static int decode_cid(struct cdx_cid *out, struct cdx_pb_span span,
		      enum cdx_codec codec, enum cdx_mhash mhash)
{
	int r = cdx_cid_decode(out, span.p, span.len);

	if (r < 0)
		return r;
	if (out->version != 1 || out->codec != (uint32_t)codec ||
	    out->mhash != (uint32_t)mhash || out->len != 32)
		return CDX_E_CODEC;
	return 0;
}

/* An empty text counts as none.  Texts are NUL-terminated for us, so one with
 * a NUL inside could not be written back. */
static int decode_text(char **out, struct cdx_pb_span span, size_t max)
{
	if (span.len == 0)
		return 0;
	if (span.len > max || memchr(span.p, 0, span.len))
		return CDX_E_FORMAT;
	*out = malloc(span.len + 1);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, span.p, span.len);
	(*out)[span.len] = '\0';
	return 0;
}

static int walk_wrapper(struct cdx_pb_span *header, const void *in, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(in, len);
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f))
		if (f.number == WRAPPER_HEADER)
			cdx_pb_get_bytes(header, &f);
	return cdx_cursor_done(&c);
}

static int walk_header(struct cdx_manifest *m, struct header_spans *spans,
		       struct cdx_pb_span msg)
{
	struct cdx_cursor c = cursor_of(msg);
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f)) {
		switch (f.number) {
		case HEADER_TREE:
			cdx_pb_get_bytes(&spans->tree, &f);
			break;
		case HEADER_BLOCK_SIZE:
			cdx_pb_get_u32(&m->block_size, &c, &f);
			break;
		case HEADER_DATASET_SIZE:
			cdx_pb_get_u64(&m->dataset_size, &f);
			break;
		case HEADER_CODEC:
			cdx_pb_get_u32(&m->codec, &c, &f);
			break;
		case HEADER_HCODEC:
			cdx_pb_get_u32(&m->hcodec, &c, &f);
			break;
		case HEADER_VERSION:
			cdx_pb_get_u32(&m->version, &c, &f);
			break;
		case HEADER_ERASURE:
			cdx_pb_get_bytes(&spans->erasure, &f);
			break;
		case HEADER_FILENAME:
			cdx_pb_get_bytes(&spans->filename, &f);
			break;
		case HEADER_MIMETYPE:
			cdx_pb_get_bytes(&spans->mimetype, &f);
			break;
		default:
			break;
		}
	}
	return cdx_cursor_done(&c);
}

static int walk_erasure(struct cdx_erasure_info *e, struct erasure_spans *spans,
			struct cdx_pb_span msg)
{
	struct cdx_cursor c = cursor_of(msg);
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f)) {
		switch (f.number) {
		case ERASURE_K:
			cdx_pb_get_u32(&e->k, &c, &f);
			break;
		case ERASURE_M:
			cdx_pb_get_u32(&e->m, &c, &f);
			break;
		case ERASURE_ORIGINAL_TREE:
			cdx_pb_get_bytes(&spans->original_tree, &f);
			break;
		case ERASURE_ORIGINAL_SIZE:
			cdx_pb_get_u64(&e->original_size, &f);
			break;
		case ERASURE_STRATEGY:
			cdx_pb_get_u32(&e->strategy, &c, &f);
			break;
		case ERASURE_VERIFICATION:
			cdx_pb_get_bytes(&spans->verification, &f);
			break;
		case ERASURE_CODEC:
			cdx_pb_get_u32(&e->codec, &c, &f);
			break;
		default:
			break;
		}
	}
	return cdx_cursor_done(&c);
}

/* Everything but the slot roots, which are only counted */
static int walk_verification(struct cdx_verification_info *v, uint64_t *slots,
			     struct cdx_pb_span *root, struct cdx_pb_span msg)
{
	struct cdx_cursor c = cursor_of(msg);
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f)) {
		switch (f.number) {
		case VERIFICATION_ROOT:
			cdx_pb_get_bytes(root, &f);
			break;
		case VERIFICATION_SLOT_ROOT:
			*slots += f.wire == CDX_PB_BYTES;
			break;
		case VERIFICATION_CELL_SIZE:
			cdx_pb_get_u32(&v->cell_size, &c, &f);
			break;
		case VERIFICATION_STRATEGY:
			cdx_pb_get_u32(&v->strategy, &c, &f);
			break;
		default:
			break;
		}
	}
	return cdx_cursor_done(&c);
}

/* v->slot_roots has room for what walk_verification counted */
static int walk_slot_roots(struct cdx_verification_info *v,
			   struct cdx_pb_span msg)
{
	struct cdx_cursor c = cursor_of(msg);
	struct cdx_pb_field f;
	int r;

	while (cdx_pb_next(&c, &f)) {
		if (f.number != VERIFICATION_SLOT_ROOT ||
		    f.wire != CDX_PB_BYTES)
			continue;
		r = decode_cid(&v->slot_roots[v->slots], f.bytes,
			       CDX_CODEC_SLOT_ROOT, CDX_MHASH_IDENTITY);
		if (r < 0)
			return r;
		v->slots++;
	}
	return cdx_cursor_done(&c);
}

static int decode_verification(struct cdx_manifest *m, struct cdx_pb_span msg)
{
	struct cdx_verification_info *v = &m->verification;
	struct cdx_pb_span root = {NULL, 0};
	uint64_t want = (uint64_t)m->erasure.k + m->erasure.m;
	uint64_t slots = 0;
	int r;

	r = walk_verification(v, &slots, &root, msg);
	if (r < 0)
		return r;
	if (slots == 0 || slots != want || slots > CDX_SLOTS_MAX ||
	    v->cell_size == 0 || v->strategy > CDX_STRATEGY_STEPPED)
		return CDX_E_FORMAT;
	r = decode_cid(&v->verify_root, root, CDX_CODEC_PROVING_ROOT,
		       CDX_MHASH_IDENTITY);
	if (r < 0)
		return r;
	v->slot_roots = calloc((size_t)slots, sizeof(*v->slot_roots));
	if (!v->slot_roots)
		return -ENOMEM;
	m->is_verifiable = true;
	return walk_slot_roots(v, msg);
}

/* spec/datasets.md 4.5: the encoded dataset has steps * (K + M) blocks */
static int check_geometry(const struct cdx_manifest *m)
{
	const struct cdx_erasure_info *e = &m->erasure;
	uint64_t original = 0;
	uint64_t steps = 0;
	uint64_t total;

	if (e->k == 0)
		return CDX_E_FORMAT;
	if (e->original_size)
		original = (e->original_size - 1) / m->block_size + 1;
	if (original)
		steps = (original - 1) / e->k + 1;
	if (__builtin_mul_overflow(steps, (uint64_t)e->k + e->m, &total) ||
	    total != cdx_manifest_blocks(m))
		return CDX_E_FORMAT;
	return 0;
}

static int decode_erasure(struct cdx_manifest *m, struct cdx_pb_span msg)
{
	struct erasure_spans spans = {0};
	int r;

	r = walk_erasure(&m->erasure, &spans, msg);
	if (r < 0)
		return r;
	if (m->erasure.strategy > CDX_STRATEGY_STEPPED)
		return CDX_E_FORMAT;
	m->is_protected = true;
	r = check_geometry(m);
	if (r < 0)
		return r;
	r = decode_cid(&m->erasure.original_tree, spans.original_tree,
		       CDX_CODEC_ROOT, CDX_MHASH_SHA256);
	if (r < 0 || spans.verification.len == 0)
		return r;
	return decode_verification(m, spans.verification);
}

/* Fills @m, which the caller frees whatever the result is */
static int decode_into(struct cdx_manifest *m, const void *in, size_t len)
{
	struct cdx_pb_span header = {NULL, 0};
	struct header_spans spans = {0};
	int r;

	r = walk_wrapper(&header, in, len);
	if (r < 0)
		return r;
	r = walk_header(m, &spans, header);
	if (r < 0)
		return r;
	if (m->block_size == 0 || m->version < MANIFEST_VERSION_BIAS ||
	    m->version > MANIFEST_VERSION_BIAS + 1)
		return CDX_E_FORMAT;
	m->version -= MANIFEST_VERSION_BIAS;
	if (m->codec != CDX_CODEC_BLOCK || m->hcodec != CDX_MHASH_SHA256)
		return CDX_E_CODEC;
	r = decode_cid(&m->tree, spans.tree, CDX_CODEC_ROOT, CDX_MHASH_SHA256);
	if (r < 0)
		return r;
	r = decode_text(&m->filename, spans.filename, CDX_FILENAME_MAX);
	if (r < 0)
		return r;
	r = decode_text(&m->mimetype, spans.mimetype, CDX_MIMETYPE_MAX);
	if (r < 0 || spans.erasure.len == 0)
		return r;
	return decode_erasure(m, spans.erasure);
}

int cdx_manifest_decode(struct cdx_manifest *out, const void *in, size_t len)
{
	struct cdx_manifest m = {0};
	int r;

	if (len > CDX_MANIFEST_MAX)
		return CDX_E_FORMAT;
	r = decode_into(&m, in, len);
	if (r < 0) {
		cdx_manifest_free(&m);
		return r;
	}
	*out = m;
	return 0;
}
