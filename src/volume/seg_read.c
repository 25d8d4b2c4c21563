/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/far.h"
#include "volume/segs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"

/* What is known of the block that is being read */
struct reader {
	struct cdx_volume *v;
	uint64_t area;
	uint32_t index; /* of the loaded block */
	bool loaded;
	bool missing; /* that block is to come from others */
	struct cdx_need *need;
	struct cdx_leaf leaf;
	struct cdx_key key;
	uint8_t cipher;
};

static int load_block(struct reader *rd, uint32_t index)
{
	int r;

	if (rd->loaded && rd->index == index)
		return 0;
	rd->loaded = false;
	rd->missing = false;
	r = cdx_leaf_get(rd->v->store, rd->area, index, &rd->leaf);
	if (r == -ENOENT || (r == 0 && rd->leaf.state != CDX_LEAF_DATA))
		r = CDX_E_CORRUPT;
	if (r == 0)
		r = cdx_seg_key(rd->v, &rd->key, &rd->cipher, rd->area, index);
	if (r < 0) {
		cdx_log(rd->v->log, ERROR, "segment",
			"area %" PRIx64 " block %u cannot be located: %s",
			rd->area, index, cdx_strerror(r));
		return r;
	}
	rd->index = index;
	rd->loaded = true;
	return 0;
}

static bool page_ok(const struct reader *rd, uint64_t page, const uint8_t *p)
{
	uint8_t sum[CDX_PAGE_SUM_LEN];
	const uint8_t *want = rd->leaf.sums[page % CDX_PAGES_PER_BLOCK];

	cdx_page_sum(sum, &rd->v->keys.sum, rd->area, page, p);
	return memcmp(sum, want, sizeof(sum)) == 0;
}

/* Nothing here helps: told with the CID */
static void bad_block(const struct reader *rd, const char *what)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_BLOCK, &rd->leaf.digest);
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, &cid);
	if (cdx_seg_bad_line(rd->v, rd->area))
		cdx_log(rd->v->log, ERROR, "segment",
			"segment %" PRIx64 " block %u CID %s %s", rd->area,
			rd->index, text, what);
	cdx_store_count_bad(rd->v->store);
}

/* The block's own hash decides about its page at @off */
static int whole_block(const struct reader *rd, size_t off, uint8_t *p)
{
	CDX_CLEANUP(cdx_freep) uint8_t *block = malloc(CDX_BLOCK_SIZE);
	struct cdx_digest digest;
	int r;

	if (!block)
		return -ENOMEM;
	r = cdx_area_read(rd->v->store, rd->area,
			  (uint64_t)rd->index * CDX_BLOCK_SIZE, block,
			  CDX_BLOCK_SIZE);
	if (r < 0)
		return r;
	cdx_sha256(&digest, block, CDX_BLOCK_SIZE);
	if (memcmp(digest.b, rd->leaf.digest.b, sizeof(digest.b)) != 0)
		return CDX_E_HASH;
	memcpy(p, block + off, CDX_PAGE_SIZE);
	return 0;
}

/* The page once more, then the block's own hash */
static int look_again(const struct reader *rd, uint64_t page, size_t off,
		      uint8_t *p)
{
	int r = cdx_area_read(rd->v->store, rd->area, page * CDX_PAGE_SIZE, p,
			      CDX_PAGE_SIZE);

	if (r < 0 || (rd->leaf.has_sums && page_ok(rd, page, p)))
		return r;
	return whole_block(rd, off, p);
}

/* Neither here nor to be made: 1 when it may be had from others, and is noted */
static int block_lost(struct reader *rd, bool absent, int why)
{
	int r;

	if (!rd->need) {
		if (absent)
			bad_block(rd, "is not here");
		else if (why == CDX_E_HASH)
			bad_block(rd, "does not match");
		return why;
	}
	if (!absent && cdx_recovered_tell(rd->v, rd->area, rd->index))
		bad_block(rd, why == CDX_E_HASH
				      ? "does not match; looked for elsewhere"
				      : "cannot be read; looked for elsewhere");
	r = cdx_need_add(rd->need, rd->area, rd->index);
	rd->missing = r == 0;
	return r < 0 ? r : 1;
}

/* A page did not verify: what was made or fetched before; look again, unless it
 * was given away on purpose; other places; others of its step.  1: the block is
 * missing. */
static int second_look(struct reader *rd, uint64_t page, uint8_t *p)
{
	size_t off = (size_t)(page % CDX_PAGES_PER_BLOCK) * CDX_PAGE_SIZE;
	int bad = -ENODATA;
	bool absent;
	int r;

	if (cdx_seg_recovered(rd->v, p, rd->area, rd->index, off,
			      CDX_PAGE_SIZE)) {
		if (rd->need &&
		    cdx_recovered_fetched(rd->v, rd->area, rd->index))
			cdx_need_touch(rd->need, rd->area, rd->index);
		return 0;
	}
	absent = cdx_seg_absent(rd->v, rd->area, rd->index);
	if (!absent)
		bad = look_again(rd, page, off, p);
	if (bad == 0 || bad == -ENOMEM)
		return bad;
	r = cdx_seg_recover(rd->v, p, rd->area, rd->index, off, CDX_PAGE_SIZE,
			    bad);
	if (r == 0 || r == -ENOMEM)
		return r;
	return block_lost(rd, absent, bad);
}

/* Verifies the page at @p and decrypts [@skip, @skip + @len) of it to @out */
static int take_page(struct reader *rd, uint8_t *out, uint64_t page, uint8_t *p,
		     size_t skip, size_t len)
{
	size_t off = (size_t)(page % CDX_PAGES_PER_BLOCK) * CDX_PAGE_SIZE;
	int r = load_block(rd, (uint32_t)(page / CDX_PAGES_PER_BLOCK));

	if (r < 0 || rd->missing)
		return r;
	if (!rd->leaf.has_sums || !page_ok(rd, page, p)) {
		r = second_look(rd, page, p);
		if (r)
			return r < 0 ? r : 0;
	}
	return cdx_block_crypt(out, rd->cipher, &rd->key, rd->index, off + skip,
			       p + skip, len);
}

/* A piece of one page, through a page on the stack */
static int read_piece(struct reader *rd, uint8_t *out, uint64_t pos, size_t len)
{
	uint8_t page[CDX_PAGE_SIZE];
	uint64_t no = pos / CDX_PAGE_SIZE;

	/* what cannot be read does not verify either: second_look tries again */
	if (cdx_area_read(rd->v->store, rd->area, no * CDX_PAGE_SIZE, page,
			  CDX_PAGE_SIZE) < 0)
		memset(page, 0, sizeof(page));
	return take_page(rd, out, no, page, (size_t)(pos % CDX_PAGE_SIZE), len);
}

/* Whole pages of one block that lie in @out already: sums first, then one call
 * of the cipher */
static int open_block(struct reader *rd, uint8_t *out, uint64_t pos, size_t len)
{
	uint64_t page = pos / CDX_PAGE_SIZE;
	int r = load_block(rd, (uint32_t)(pos / CDX_BLOCK_SIZE));

	if (r < 0 || rd->missing)
		return r;
	for (size_t done = 0; done < len; done += CDX_PAGE_SIZE, page++) {
		if (rd->leaf.has_sums && page_ok(rd, page, out + done))
			continue;
		r = second_look(rd, page, out + done);
		if (r)
			return r < 0 ? r : 0;
	}
	return cdx_block_crypt(out, rd->cipher, &rd->key, rd->index,
			       (size_t)(pos % CDX_BLOCK_SIZE), out, len);
}

/* Whole pages in a row: one read into the caller's memory, then in place */
static int read_pages(struct reader *rd, uint8_t *out, uint64_t pos, size_t len)
{
	bool all = cdx_area_read(rd->v->store, rd->area, pos, out, len) == 0;
	int r = 0;

	for (size_t done = 0; r == 0 && done < len;) {
		size_t n = CDX_BLOCK_SIZE - (pos + done) % CDX_BLOCK_SIZE;

		if (n > len - done)
			n = len - done;
		/* some of it cannot be read: which, block by block */
		if (!all && cdx_area_read(rd->v->store, rd->area, pos + done,
					  out + done, n) < 0)
			memset(out + done, 0, n);
		r = open_block(rd, out + done, pos + done, n);
		done += n;
	}
	return r;
}

static int seg_read(struct cdx_volume *v, uint8_t *out, uint64_t area,
		    uint64_t pos, size_t len, struct cdx_need *need)
{
	struct reader rd = {.v = v, .area = area, .need = need};
	int r = 0;

	while (len && r == 0) {
		size_t in = (size_t)(pos % CDX_PAGE_SIZE);
		size_t n = len - len % CDX_PAGE_SIZE;

		if (in || !n) {
			n = CDX_PAGE_SIZE - in < len ? CDX_PAGE_SIZE - in : len;
			r = read_piece(&rd, out, pos, n);
		} else {
			r = read_pages(&rd, out, pos, n);
		}
		out += n;
		pos += n;
		len -= n;
	}
	cdx_wipe(&rd.key, sizeof(rd.key));
	return r;
}

static int rec_piece(struct cdx_volume *v, uint8_t *out,
		     const struct cdx_loc *loc, uint64_t skip, size_t len)
{
	CDX_CLEANUP(cdx_freep) uint8_t *plain = NULL;
	uint64_t from;
	int r;

	if (__builtin_add_overflow(skip, loc->skip, &from) ||
	    from > loc->plain || len > loc->plain - from)
		return CDX_E_CORRUPT;
	if (from == 0 && len == loc->plain)
		return cdx_rec_read(v, out, loc);
	plain = malloc(loc->plain);
	if (!plain)
		return -ENOMEM;
	r = cdx_rec_read(v, plain, loc);
	if (r == 0)
		memcpy(out, plain + from, len);
	return r;
}

int cdx_loc_read(struct cdx_volume *v, uint8_t *out, const struct cdx_loc *loc,
		 uint64_t skip, size_t len, struct cdx_need *need)
{
	uint64_t pos;
	int r;

	if (!len)
		return 0;
	if (loc->kind == CDX_LOC_RECORD) {
		r = rec_piece(v, out, loc, skip, len);
	} else if (loc->kind == CDX_LOC_SEGMENT) {
		if (__builtin_add_overflow(loc->off, skip, &pos))
			return CDX_E_CORRUPT;
		r = seg_read(v, out, loc->area, pos, len, need);
	} else {
		return -EINVAL;
	}
	if (r < 0)
		atomic_fetch_add(&v->read_errors, 1);
	return r;
}
