/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "exchange/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* docs/PEERS.md "Blocks in a stream" */
static const uint8_t stream_head[5] = {'c', 'd', 'x', 'b', 1};

enum frame {
	FRAME_PAGE = 1,
	FRAME_BLOCK = 2,
	FRAME_ABSENT = 3,
	FRAME_HAVE = 4,
	FRAME_END = 5,
};

#define DIGEST_LEN sizeof(struct cdx_digest)
/* What follows the kind */
#define PAGE_NUMBERS 11u /* page, last leaf, count, length of the path */
#define BLOCK_NUMBERS 8u /* index, length */

_Static_assert(CDX_WIRE_BLOCK_HEAD == 1 + BLOCK_NUMBERS, "head of a block");
_Static_assert(CDX_WIRE_PAGE_MAX ==
		       1 + PAGE_NUMBERS +
			       (CDX_TREE_PAGE + CDX_TREE_PAGE_PATH_MAX) *
				       DIGEST_LEN,
	       "longest page");

void cdx_wire_put_head(struct cdx_buf *out)
{
	cdx_buf_put(out, stream_head, sizeof(stream_head));
}

void cdx_wire_put_page(struct cdx_buf *out, const struct cdx_tree_page *p)
{
	cdx_buf_u8(out, FRAME_PAGE);
	cdx_buf_be32(out, p->page);
	/* 2^32 leaves have a last one that fits */
	cdx_buf_be32(out, (uint32_t)(p->leaves - 1));
	cdx_buf_be16(out, (uint16_t)p->n);
	cdx_buf_u8(out, (uint8_t)p->path_len);
	cdx_buf_put(out, p->leaf, p->n * DIGEST_LEN);
	cdx_buf_put(out, p->path, p->path_len * DIGEST_LEN);
}

void cdx_wire_block_head(uint8_t out[CDX_WIRE_BLOCK_HEAD], uint32_t index,
			 uint32_t len)
{
	out[0] = FRAME_BLOCK;
	cdx_put_be32(out + 1, index);
	cdx_put_be32(out + 5, len);
}

static void put_number(struct cdx_buf *out, enum frame kind, uint32_t v)
{
	cdx_buf_u8(out, (uint8_t)kind);
	cdx_buf_be32(out, v);
}

void cdx_wire_put_absent(struct cdx_buf *out, uint32_t index)
{
	put_number(out, FRAME_ABSENT, index);
}

void cdx_wire_put_have(struct cdx_buf *out, uint32_t index)
{
	put_number(out, FRAME_HAVE, index);
}

void cdx_wire_put_end(struct cdx_buf *out, uint32_t frames)
{
	put_number(out, FRAME_END, frames);
}

/* Which piece of the stream comes next */
enum piece {
	PIECE_HEAD,
	PIECE_KIND,
	PIECE_NUMBERS, /* of a frame of @kind */
	PIECE_LEAVES,
	PIECE_PATH,
	PIECE_BLOCK,
	PIECE_NONE, /* the end was there */
};

struct cdx_wire_reader {
	const struct cdx_wire_events *events;
	void *arg;
	uint32_t block_max;
	int rc; /* sticky */
	enum piece piece;
	uint8_t *to; /* where its bytes go; NULL: nowhere */
	size_t left; /* bytes of it to come, 0 after the end only */
	uint8_t small[PAGE_NUMBERS];
	uint8_t kind;
	uint32_t blocks; /* frames that the end counts */
	uint32_t pages;
	uint32_t index; /* of the block that is coming */
	uint32_t len;
	struct cdx_tree_page page;
};

static void expect(struct cdx_wire_reader *r, enum piece piece, void *to,
		   size_t len)
{
	r->piece = piece;
	r->to = to;
	r->left = len;
}

static void expect_kind(struct cdx_wire_reader *r)
{
	expect(r, PIECE_KIND, r->small, 1);
}

int cdx_wire_reader_new(struct cdx_wire_reader **out, uint32_t block_max,
			const struct cdx_wire_events *events, void *arg)
{
	struct cdx_wire_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->events = events;
	r->arg = arg;
	r->block_max = block_max;
	expect(r, PIECE_HEAD, r->small, sizeof(stream_head));
	*out = r;
	return 0;
}

void cdx_wire_reader_free(struct cdx_wire_reader *r)
{
	free(r);
}

static int kind_read(struct cdx_wire_reader *r)
{
	size_t len = sizeof(uint32_t);

	r->kind = r->small[0];
	switch (r->kind) {
	case FRAME_PAGE:
		r->pages++;
		len = PAGE_NUMBERS;
		break;
	case FRAME_BLOCK:
		r->blocks++;
		len = BLOCK_NUMBERS;
		break;
	case FRAME_ABSENT:
	case FRAME_HAVE:
		r->blocks++;
		break;
	case FRAME_END:
		break;
	default:
		return CDX_E_FORMAT;
	}
	if (r->pages > CDX_WIRE_BLOCKS_MAX || r->blocks > CDX_WIRE_BLOCKS_MAX)
		return CDX_E_FORMAT;
	expect(r, PIECE_NUMBERS, r->small, len);
	return 0;
}

static int page_begins(struct cdx_wire_reader *r)
{
	struct cdx_tree_page *p = &r->page;

	p->page = cdx_get_be32(r->small);
	p->leaves = (uint64_t)cdx_get_be32(r->small + 4) + 1;
	p->n = cdx_get_be16(r->small + 8);
	p->path_len = r->small[10];
	if (p->n == 0 || p->n != cdx_tree_page_leaves(p->leaves, p->page) ||
	    p->path_len != cdx_tree_page_depth(p->leaves))
		return CDX_E_FORMAT;
	expect(r, PIECE_LEAVES, p->leaf, p->n * DIGEST_LEN);
	return 0;
}

static int page_read(struct cdx_wire_reader *r)
{
	expect_kind(r);
	return r->events->page(r->arg, &r->page);
}

static int leaves_read(struct cdx_wire_reader *r)
{
	if (r->page.path_len == 0)
		return page_read(r);
	expect(r, PIECE_PATH, r->page.path, r->page.path_len * DIGEST_LEN);
	return 0;
}

static int block_read(struct cdx_wire_reader *r)
{
	bool passed_over = r->len > 0 && !r->to;

	expect_kind(r);
	return passed_over ? 0 : r->events->block(r->arg, r->index, r->len);
}

static int block_begins(struct cdx_wire_reader *r)
{
	r->index = cdx_get_be32(r->small);
	r->len = cdx_get_be32(r->small + 4);
	if (r->len > r->block_max)
		return CDX_E_FORMAT;
	if (r->len == 0)
		return block_read(r);
	expect(r, PIECE_BLOCK, r->events->block_begin(r->arg, r->index, r->len),
	       r->len);
	return 0;
}

static int numbers_read(struct cdx_wire_reader *r)
{
	uint32_t v = cdx_get_be32(r->small);

	switch (r->kind) {
	case FRAME_PAGE:
		return page_begins(r);
	case FRAME_BLOCK:
		return block_begins(r);
	case FRAME_ABSENT:
		expect_kind(r);
		return r->events->absent(r->arg, v);
	case FRAME_HAVE:
		expect_kind(r);
		return r->events->have(r->arg, v);
	default:
		expect(r, PIECE_NONE, NULL, 0); /* more is too much */
		return v == r->blocks ? 0 : CDX_E_FORMAT;
	}
}

/* All bytes of a piece are there. */
static int piece_read(struct cdx_wire_reader *r)
{
	switch (r->piece) {
	case PIECE_HEAD:
		if (memcmp(r->small, stream_head, sizeof(stream_head)) != 0)
			return CDX_E_FORMAT;
		expect_kind(r);
		return 0;
	case PIECE_KIND:
		return kind_read(r);
	case PIECE_NUMBERS:
		return numbers_read(r);
	case PIECE_LEAVES:
		return leaves_read(r);
	case PIECE_PATH:
		return page_read(r);
	case PIECE_BLOCK:
		return block_read(r);
	case PIECE_NONE:
		break;
	}
	return CDX_E_FORMAT;
}

int cdx_wire_read(struct cdx_wire_reader *r, const uint8_t *p, size_t len)
{
	while (len > 0 && r->rc == 0) {
		size_t n = len < r->left ? len : r->left;

		if (r->to) {
			memcpy(r->to, p, n);
			r->to += n;
		}
		p += n;
		len -= n;
		r->left -= n;
		if (r->left == 0) {
			int e = piece_read(r);

			r->rc = e < 0 ? e : 0;
		}
	}
	return r->rc;
}

bool cdx_wire_ended(const struct cdx_wire_reader *r)
{
	return r->rc == 0 && r->piece == PIECE_NONE;
}
