/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/move.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"

/* Ranges so long are kept aligned to pages, or every page of them would be
 * spread over two */
#define ALIGN_FROM 32768u

static struct cdx_move_item *add_item(struct cdx_move *m,
				      const struct cdx_backref *ref)
{
	struct cdx_move_item *i = &m->item[m->items++];

	i->ino = ref->ino;
	i->file_off = ref->file_off;
	i->len = ref->len;
	i->loc = ref->loc;
	i->src = m->srcs;
	return i;
}

static int next_ref(struct cdx_kv_iter *it, enum cdx_loc_kind kind,
		    struct cdx_backref *out)
{
	struct cdx_kv_pair pair;
	int r = cdx_kv_iter_next(it, &pair);

	if (r <= 0)
		return r;
	r = cdx_backref_decode(out, kind, &pair);
	return r < 0 ? r : 1;
}

/* ---- records ---- */

/* Gives the items [first, items) of one record a source that spans what they
 * use; false (and the items are gone) when it does not fit. */
static bool end_record(struct cdx_move *m, uint32_t first)
{
	struct cdx_move_src *s = &m->src[m->srcs];
	uint32_t lo = UINT32_MAX;
	uint32_t hi = 0;

	if (first == m->items)
		return true;
	for (uint32_t k = first; k < m->items; k++) {
		const struct cdx_move_item *i = &m->item[k];

		if (i->loc.skip < lo)
			lo = i->loc.skip;
		if (i->loc.skip + i->len > hi)
			hi = i->loc.skip + (uint32_t)i->len;
	}
	if (hi - lo > CDX_MOVE_BYTES - m->used) {
		m->items = first;
		return false;
	}
	s->loc = m->item[first].loc;
	s->loc.skip = lo;
	s->len = hi - lo;
	s->pos = m->used;
	for (uint32_t k = first; k < m->items; k++)
		m->item[k].pos = s->pos + m->item[k].loc.skip - lo;
	m->used += s->len;
	m->srcs++;
	return true;
}

static int gather_records(struct cdx_move *m, struct cdx_kv_iter *it,
			  uint64_t *cursor)
{
	uint32_t first = m->items;
	struct cdx_backref ref;
	uint64_t off = *cursor;
	int r;

	while ((r = next_ref(it, CDX_LOC_RECORD, &ref)) > 0) {
		if (first == m->items)
			off = ref.loc.off;
		if (ref.loc.off != off) {
			if (!end_record(m, first))
				break;
			first = m->items;
			off = ref.loc.off;
		}
		/* a record with thousands of extents is left as it is */
		if (m->items == CDX_MOVE_ITEMS) {
			m->items = first;
			if (!first)
				off = ref.loc.off + 1;
			break;
		}
		add_item(m, &ref);
	}
	*cursor = off;
	if (r < 0)
		return r;
	if (r > 0)
		return 0;
	return end_record(m, first);
}

/* ---- segments ---- */

static uint64_t src_end(const struct cdx_move_src *s)
{
	return s->loc.off + s->len;
}

/* A new source at the item's place; false when there is no room for it */
static bool begin_src(struct cdx_move *m, const struct cdx_backref *ref)
{
	struct cdx_move_src *s = &m->src[m->srcs];
	size_t pos = m->used;
	size_t room;

	if (ref->len >= ALIGN_FROM && ref->loc.off % CDX_PAGE_SIZE == 0)
		pos = (pos + CDX_PAGE_SIZE - 1) / CDX_PAGE_SIZE * CDX_PAGE_SIZE;
	room = pos < CDX_MOVE_BYTES ? CDX_MOVE_BYTES - pos : 0;
	/* no crumbs of a long range at the end */
	if (room < ref->len && room < CDX_BLOCK_SIZE)
		return false;
	s->loc = ref->loc;
	s->pos = pos;
	s->len = 0;
	m->used = pos;
	m->srcs++;
	return true;
}

/* Adds as much of a range as there is room for to the last source, which it
 * touches; false when nothing of it lies in the source. */
static bool extend_src(struct cdx_move *m, const struct cdx_backref *ref)
{
	struct cdx_move_src *s = &m->src[m->srcs - 1];
	uint64_t end = ref->loc.off + ref->len;
	struct cdx_move_item *i;
	size_t more;

	if (end > src_end(s)) {
		more = (size_t)(end - src_end(s));
		if (more > CDX_MOVE_BYTES - m->used)
			more = CDX_MOVE_BYTES - m->used;
		s->len += more;
		m->used += more;
	}
	if (end > src_end(s))
		end = src_end(s);
	if (end <= ref->loc.off)
		return false;
	i = add_item(m, ref);
	i->len = end - ref->loc.off;
	i->pos = s->pos + (size_t)(ref->loc.off - s->loc.off);
	i->src = m->srcs - 1;
	return true;
}

static int gather_segment(struct cdx_move *m, struct cdx_kv_iter *it,
			  uint64_t *cursor)
{
	struct cdx_backref ref;
	bool begun = false;
	int r;

	while ((r = next_ref(it, CDX_LOC_SEGMENT, &ref)) > 0) {
		bool joins =
			begun && ref.loc.off <= src_end(&m->src[m->srcs - 1]);

		if (m->items == CDX_MOVE_ITEMS || m->srcs == CDX_MOVE_ITEMS)
			break;
		if (!joins && !begin_src(m, &ref))
			break;
		begun = true;
		if (!extend_src(m, &ref))
			break;
		*cursor = src_end(&m->src[m->srcs - 1]);
	}
	if (r < 0)
		return r;
	/* what was cut off at the end of the buffer begins there now */
	if (begun && m->used == CDX_MOVE_BYTES)
		return 0;
	return r == 0;
}

int cdx_move_gather(struct cdx_move *m, uint64_t area, enum cdx_loc_kind kind,
		    uint64_t *cursor)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	uint8_t from[CDX_BACKREF_KEY] = {0};
	int r;

	if (!m->reading)
		m->token = cdx_store_read_begin(m->v->store);
	m->reading = true;
	cdx_put_be64(from, area);
	cdx_put_be64(from + 8, *cursor);
	r = cdx_kv_iter_open(m->v->store, &it, CDX_DB_BACKREF, from, 8, from,
			     sizeof(from));
	if (r < 0)
		return r;
	if (kind == CDX_LOC_RECORD)
		return gather_records(m, it, cursor);
	return gather_segment(m, it, cursor);
}
