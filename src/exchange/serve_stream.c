/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "exchange/serve_internal.h"
#include "exchange/wire.h"
#include "store/cache.h"
#include "store/protection.h"

#define PAGE_NONE UINT32_MAX
#define ABSENT UINT32_MAX
/* bytes of a frame that is a number, and of the head */
#define NUMBER_LEN 5u
#define HEAD_LEN 5u
#define PAGE_HEAD_LEN 12u

/*
 * One answer under way.  What is sent is settled first: what is here and how long
 * it is, so that the answer has a length.  Then one block at a time is read.  One
 * that is gone meanwhile ends the answer early, and the next one says so.
 */
struct item {
	uint32_t index;
	uint32_t size; /* 0 the empty block; ABSENT */
	uint32_t page; /* goes before it, or PAGE_NONE */
	struct cdx_digest digest;
};

struct stream {
	struct cdx_exchange_server *server;
	struct cdx_serve_dataset dataset;
	struct cdx_tree_page page; /* the one read last */
	uint32_t page_here;	   /* its number, or PAGE_NONE */
	bool with_pages;
	bool have_only;
	bool all; /* nothing is absent */
	uint32_t n;
	uint32_t next;	    /* item */
	bool ended;	    /* the end is in @out */
	int err;	    /* it ends early, with this */
	struct cdx_buf out; /* frames but for blocks' bytes */
	size_t out_at;
	const struct item *due;	     /* its block is sent after @out; or NULL */
	struct cdx_hot_block *block; /* of that, when it is sent in parts */
	size_t block_at;
	struct item item[];
};

static void stream_free(void *arg)
{
	struct stream *st = arg;

	if (st->block != NULL)
		cdx_hot_release(st->block);
	cdx_serve_dataset_free(&st->dataset);
	cdx_buf_free(&st->out);
	free(st);
}

/* ---- settling ---- */

/* Has the page of @index in st->page; false: it is not here */
static bool load_page(struct stream *st, uint32_t index)
{
	uint32_t page = index / CDX_TREE_PAGE;

	if (st->page_here == page)
		return true;
	st->page_here = PAGE_NONE;
	if (cdx_serve_page(st->server, &st->dataset, page, &st->page) < 0)
		return false;
	st->page_here = page;
	return true;
}

static void settle_item(struct stream *st, uint32_t index, uint32_t *last_page)
{
	struct item *it = &st->item[st->n++];
	int size = -ENOENT;

	it->index = index;
	it->page = PAGE_NONE;
	if (load_page(st, index)) {
		it->digest = st->page.leaf[index % CDX_TREE_PAGE];
		if (memcmp(&it->digest, &cdx_digest_empty,
			   sizeof(cdx_digest_empty)) == 0)
			size = 0;
		else if (cdx_serve_may_give(&st->dataset, index))
			size = cdx_serve_block_size(st->server, &it->digest);
		else
			size = cdx_cache_block_size(st->server->store,
						    &it->digest);
		if (st->with_pages && *last_page != st->page_here)
			it->page = st->page_here;
		*last_page = st->page_here;
	}
	it->size = size < 0 ? ABSENT : (uint32_t)size;
	st->all &= size >= 0;
}

static uint64_t length_of(const struct stream *st)
{
	uint64_t leaves = st->dataset.leaves;
	uint64_t len = HEAD_LEN + NUMBER_LEN;

	for (uint32_t i = 0; i < st->n; i++) {
		const struct item *it = &st->item[i];

		if (it->page != PAGE_NONE)
			len += PAGE_HEAD_LEN +
			       sizeof(struct cdx_digest) *
				       ((uint64_t)cdx_tree_page_leaves(
						leaves, it->page) +
					cdx_tree_page_depth(leaves));
		if (it->size == ABSENT || st->have_only)
			len += NUMBER_LEN;
		else
			len += CDX_WIRE_BLOCK_HEAD + (uint64_t)it->size;
	}
	return len;
}

/* ---- sending ---- */

/* Puts the next item's frames into st->out, but for a block's bytes, which are to
 * follow. */
static int next_item(struct stream *st)
{
	const struct item *it = &st->item[st->next];
	uint8_t head[CDX_WIRE_BLOCK_HEAD];

	if (it->page != PAGE_NONE && !load_page(st, it->index))
		return -EIO;
	if (it->page != PAGE_NONE)
		cdx_wire_put_page(&st->out, &st->page);
	st->next++;
	if (it->size == ABSENT) {
		cdx_wire_put_absent(&st->out, it->index);
		return 0;
	}
	if (st->have_only) {
		cdx_wire_put_have(&st->out, it->index);
		return 0;
	}
	cdx_wire_block_head(head, it->index, it->size);
	cdx_buf_put(&st->out, head, sizeof(head));
	st->due = it->size > 0 ? it : NULL;
	return 0;
}

/* Copies what is left of @p from *@at on, as far as @room goes: how much. */
static size_t copy(uint8_t *out, size_t room, const uint8_t *p, size_t len,
		   size_t *at)
{
	size_t n = len - *at < room ? len - *at : room;

	if (n > 0)
		memcpy(out, p + *at, n);
	*at += n;
	return n;
}

/* The block that is due, or the next part of it, into @room bytes: read to where it
 * is sent from when it fits, through memory of ours when it never will.  Bytes; 0:
 * there is more room in the next piece. */
static ssize_t put_block(struct stream *st, uint8_t *out, size_t room,
			 bool whole)
{
	const struct item *it = st->due;
	size_t n;
	int rc;

	if (st->block == NULL && it->size <= room) {
		rc = cdx_serve_block_into(st->server, out, it->size,
					  &it->digest);
		if (rc < 0)
			return rc;
		st->due = NULL;
		return (ssize_t)it->size;
	}
	if (st->block == NULL && !whole)
		return 0;
	if (st->block == NULL) {
		rc = cdx_serve_block_get(st->server, &st->block, &it->digest);
		if (rc < 0)
			return rc;
		if (st->block->size != it->size)
			return -EIO;
		st->block_at = 0;
	}
	n = copy(out, room, st->block->bytes, st->block->size, &st->block_at);
	if (st->block_at == st->block->size) {
		cdx_hot_release(st->block);
		st->block = NULL;
		st->due = NULL;
	}
	return (ssize_t)n;
}

/* What comes behind all that was sent; false: nothing, or an error */
static bool advance(struct stream *st)
{
	if (st->ended)
		return false;
	st->out.len = 0;
	st->out_at = 0;
	if (st->next < st->n) {
		st->err = next_item(st);
	} else {
		cdx_wire_put_end(&st->out, st->n);
		st->ended = true;
	}
	if (st->err == 0)
		st->err = cdx_buf_ok(&st->out);
	return st->err == 0;
}

static ssize_t stream_next(void *arg, void *out, size_t cap)
{
	struct stream *st = arg;
	uint8_t *p = out;
	size_t n = 0;

	while (st->err == 0) {
		ssize_t got;

		n += copy(p + n, cap - n, st->out.p, st->out.len, &st->out_at);
		if (st->out_at < st->out.len)
			break;
		if (st->due == NULL) {
			if (!advance(st))
				break;
			continue;
		}
		got = put_block(st, p + n, cap - n, n == 0);
		if (got < 0)
			st->err = (int)got;
		else if (got == 0)
			break;
		else
			n += (size_t)got;
		if (got > 0 && st->due == NULL)
			atomic_fetch_add_explicit(&st->server->blocks_sent, 1,
						  memory_order_relaxed);
		if (n == cap)
			break;
	}
	/* what is here goes out before the end that comes too early */
	return n > 0 ? (ssize_t)n : st->err;
}

/* ---- the answer ---- */

static bool is_set(struct cdx_web_req *r, const char *name, bool otherwise)
{
	const char *value = cdx_web_param(r, name);

	return value == NULL ? otherwise : strcmp(value, "0") != 0;
}

static void settle(struct stream *st, const struct cdx_range *ranges, int n)
{
	uint32_t last_page = PAGE_NONE;

	st->all = true;
	st->page_here = PAGE_NONE;
	for (int i = 0; i < n; i++) {
		for (uint64_t at = ranges[i].first; at <= ranges[i].last; at++)
			settle_item(st, (uint32_t)at, &last_page);
	}
	cdx_wire_put_head(&st->out);
}

static void answer(struct cdx_web_req *r, struct stream *st)
{
	/* what is not here now may be tomorrow */
	bool ok = st->all && !st->have_only
			  ? cdx_serve_forever(r, NULL)
			  : cdx_serve_set(r, "Cache-Control", "no-store");

	if (!ok) {
		stream_free(st);
		return;
	}
	cdx_web_reply_stream(r, 200, CDX_WIRE_TYPE, length_of(st), stream_next,
			     stream_free, st);
}

void cdx_serve_blocks(struct cdx_exchange_server *s, struct cdx_web_req *r,
		      struct cdx_serve_dataset *d)
{
	struct cdx_range ranges[CDX_WIRE_RANGES_MAX];
	const char *text = cdx_web_param(r, "r");
	int n = text != NULL ? cdx_wire_ranges(ranges, text) : CDX_E_FORMAT;
	struct stream *st;
	size_t blocks = 0;

	if (n < 0 || ranges[n - 1].last >= d->leaves) {
		cdx_serve_fail(r, 400,
			       "r wants ranges of the dataset's blocks: "
			       "r=0-255,300-310, ascending, at most 64 of them "
			       "and 1024 blocks\n");
		cdx_serve_dataset_free(d);
		return;
	}
	for (int i = 0; i < n; i++)
		blocks += (size_t)ranges[i].last - ranges[i].first + 1;
	st = calloc(1, sizeof(*st) + blocks * sizeof(st->item[0]));
	if (st == NULL) {
		cdx_serve_fail(r, 503, "out of memory\n");
		cdx_serve_dataset_free(d);
		return;
	}
	st->server = s;
	st->dataset = *d;
	st->have_only = is_set(r, "h", false);
	st->with_pages = !st->have_only && is_set(r, "p", true);
	settle(st, ranges, n);
	answer(r, st);
}
