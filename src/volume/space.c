/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/far.h"
#include "volume/segs.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"

/*
 * What can still be written: blocks of the open segment that have no content
 * yet, and what the free part of the share gives when it is cut into segments.
 * The reserve (one whole segment and a little) is no part of it, and what of
 * the reserve is in use, because a compaction opened a segment with it, comes
 * off the blocks of the open segment.  So does what is promised to dirty bytes
 * and preallocated (CDX_CNT_ZERO_BYTES).  statfs and every hold use this one
 * sum.
 *
 * Dirty bytes may become records after all, and the rest of the space is then
 * cut into other segments than was thought; the slack pays for that, so that
 * every promise can be kept.
 */

/* an inode with a name takes about this much of the database */
#define INODE_BYTES 512u
#define HOLD_TRIES 16

static uint64_t usable_blocks(uint32_t cap)
{
	uint32_t room = cdx_seg_footer_room(cap);

	return cap > room ? cap - room : 0;
}

/* Bytes of data that @bytes of the share hold: full segments, then smaller
 * ones */
static uint64_t data_of(const struct cdx_seg_code *c, uint64_t bytes)
{
	uint64_t whole = cdx_seg_charge(c->k, c->m, c->cap);
	uint64_t full = bytes / whole;
	uint64_t blocks = full * usable_blocks(c->cap);
	uint64_t rest = bytes - full * whole;

	for (uint32_t cap = c->cap; cap % (2 * c->k) == 0;) {
		cap /= 2;
		if (cap < CDX_SEG_MIN_BLOCKS)
			break;
		if (rest < cdx_seg_charge(c->k, c->m, cap))
			continue;
		rest -= cdx_seg_charge(c->k, c->m, cap);
		blocks += usable_blocks(cap);
	}
	return blocks * CDX_BLOCK_SIZE;
}

/* Caller holds mu */
static uint64_t unwritten_locked(const struct cdx_segs *s)
{
	const struct cdx_oseg *o = s->open;

	if (!o || o->full || o->next >= o->limit)
		return 0;
	return (uint64_t)(o->limit - o->next) * CDX_BLOCK_SIZE;
}

static uint64_t counter(struct cdx_volume *v, enum cdx_counter c)
{
	int64_t n = cdx_kv_counter(v->store, c);

	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t share_free(struct cdx_volume *v)
{
	struct cdx_space sp;

	cdx_quota_space(v->store, CDX_SHARE_VOLUME, &sp);
	return sp.free;
}

static uint64_t sub0(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Blocks that the missing part of the reserve would be */
static uint64_t deficit(const struct cdx_seg_code *c, uint64_t free_bytes)
{
	uint64_t a_block = cdx_seg_charge(c->k, c->m, c->cap) / c->cap;

	return (sub0(c->reserve, free_bytes) + a_block - 1) / a_block;
}

/* Data that there is room for, promised or not; caller holds mu */
static uint64_t room_locked(const struct cdx_segs *s,
			    const struct cdx_seg_code *c, uint64_t free_bytes)
{
	uint64_t left = sub0(free_bytes, c->reserve + c->slack);

	return data_of(c, left) + sub0(unwritten_locked(s),
				       deficit(c, free_bytes) * CDX_BLOCK_SIZE);
}

static uint64_t sum_locked(struct cdx_volume *v, uint64_t free_bytes)
{
	const struct cdx_segs *s = v->segs;
	uint64_t zero = counter(v, CDX_CNT_ZERO_BYTES);
	uint64_t sum = room_locked(s, &s->code, free_bytes);

	return sub0(sub0(sum, s->held), zero);
}

uint64_t cdx_space_short(struct cdx_volume *v, uint64_t want)
{
	struct cdx_segs *s = v->segs;
	uint64_t free_bytes = share_free(v);
	struct cdx_seg_code c;
	uint64_t left;
	uint64_t goal;

	pthread_mutex_lock(&s->mu);
	c = s->code;
	left = sum_locked(v, free_bytes);
	pthread_mutex_unlock(&s->mu);
	goal = usable_blocks(c.cap) * CDX_BLOCK_SIZE + want;
	if (left >= goal)
		return 0;
	/* what is missing, as a share of a whole segment */
	return cdx_seg_charge(c.k, c.m, c.cap) / c.cap *
		       ((goal - left) / CDX_BLOCK_SIZE + 1) +
	       sub0(c.reserve + c.slack, free_bytes);
}

bool cdx_space_fits(struct cdx_volume *v, const struct cdx_seg_code *code,
		    uint64_t free_bytes)
{
	return room_locked(v->segs, code, free_bytes) >=
	       v->segs->held + counter(v, CDX_CNT_ZERO_BYTES);
}

uint64_t cdx_space_free(struct cdx_volume *v)
{
	struct cdx_segs *s = v->segs;
	uint64_t free_bytes = share_free(v);
	uint64_t sum;

	pthread_mutex_lock(&s->mu);
	sum = sum_locked(v, free_bytes);
	pthread_mutex_unlock(&s->mu);
	return sum;
}

static bool try_hold(struct cdx_volume *v, uint64_t bytes)
{
	struct cdx_segs *s = v->segs;
	uint64_t free_bytes = share_free(v);
	uint64_t sum;
	bool tight;
	bool fits;

	pthread_mutex_lock(&s->mu);
	sum = sum_locked(v, free_bytes);
	fits = sum >= bytes;
	if (fits)
		s->held += bytes;
	tight = sub0(sum, bytes) < usable_blocks(s->code.cap) * CDX_BLOCK_SIZE;
	pthread_mutex_unlock(&s->mu);
	if (tight)
		cdx_evict_ask(v);
	return fits;
}

int cdx_space_hold(struct cdx_volume *v, uint64_t bytes)
{
	if (try_hold(v, bytes))
		return 0;
	for (int i = 0; i < HOLD_TRIES; i++) {
		bool gained = cdx_compact_now(v);

		if (try_hold(v, bytes))
			return 0;
		if (!gained)
			break;
	}
	cdx_background_kick(v);
	return -ENOSPC;
}

int cdx_space_hold_wait(struct cdx_volume *v, uint64_t bytes)
{
	if (try_hold(v, bytes))
		return 0;
	/* What is safe elsewhere goes before anything is moved: what has moved is
	 * only here, until it is protected and stored again. */
	for (int i = 0; i < HOLD_TRIES; i++) {
		bool gained = cdx_evict_wait(v, bytes);

		/* an earlier round may have made the room, and left nothing for
		 * this one to gain */
		if (try_hold(v, bytes))
			return 0;
		if (!gained)
			break;
	}
	return cdx_space_hold(v, bytes);
}

void cdx_space_release(struct cdx_volume *v, uint64_t bytes)
{
	struct cdx_segs *s = v->segs;

	pthread_mutex_lock(&s->mu);
	s->held = sub0(s->held, bytes);
	pthread_mutex_unlock(&s->mu);
}

void cdx_vol_statfs(struct cdx_volume *v, struct cdx_statfs *out)
{
	struct cdx_segs *s = v->segs;
	struct cdx_seg_code c;
	struct cdx_space sp;

	memset(out, 0, sizeof(*out));
	cdx_quota_space(v->store, CDX_SHARE_VOLUME, &sp);
	pthread_mutex_lock(&s->mu);
	c = s->code;
	pthread_mutex_unlock(&s->mu);
	out->bytes = data_of(&c, sub0(sp.limit, c.reserve + c.slack));
	out->bytes_free = cdx_space_free(v);
	if (out->bytes_free > out->bytes)
		out->bytes_free = out->bytes;
	/* what is elsewhere comes on top of what fits here */
	out->bytes += atomic_load(&v->segs->evicted_bytes);
	out->inodes = counter(v, CDX_CNT_INODES);
	out->inodes_free = sp.disk_free / INODE_BYTES;
}

void cdx_segs_status(struct cdx_volume *v, struct cdx_vol_status *out)
{
	out->record_bytes = counter(v, CDX_CNT_RECORD_LIVE);
	out->inline_bytes = counter(v, CDX_CNT_INLINE_LIVE);
	out->seg_open = counter(v, CDX_CNT_SEG_OPEN);
	out->seg_sealed = counter(v, CDX_CNT_SEG_SEALED);
	out->seg_bytes = counter(v, CDX_CNT_SEG_BYTES);
	out->seg_live_bytes = counter(v, CDX_CNT_SEG_LIVE);
	out->seals = atomic_load(&v->segs->seals);
	out->compactions = atomic_load(&v->segs->compactions);
	out->seg_evicted = atomic_load(&v->segs->evicted);
	out->evicted_bytes = atomic_load(&v->segs->evicted_bytes);
	out->evictions = atomic_load(&v->segs->evictions);
	out->degraded_reads = atomic_load(&v->segs->remade);
	cdx_protector_status(v, out);
	cdx_far_status(v, out);
}
