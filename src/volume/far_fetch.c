/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/far.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "volume/segs.h"

/*
 * Blocks on their way from others.  A fetch is in far->fetches from the moment
 * somebody wants it until the hook has answered, so a block is asked for once.
 * The hook is called, and its operations are ended, with no lock held: what is
 * to be done is queued under mu and done by cdx_far_work.
 */

#define AHEAD_BLOCKS 64u /* beyond what a reader in order has asked for */
#define AHEAD_MAX 128u	 /* of all readers */

static uint64_t key_of(uint64_t area, uint32_t index)
{
	return area << 20 | index;
}

void cdx_fetch_put(struct cdx_far *f, struct cdx_fetch *x)
{
	if (--x->refs)
		return;
	free(x);
	if (--f->busy == 0)
		pthread_cond_broadcast(&f->cv);
}

static void unlist(struct cdx_far *f, struct cdx_fetch *x)
{
	if (!x->listed)
		return;
	x->listed = false;
	(void)cdx_map_del(&f->fetches, key_of(x->area, x->index));
	if (x->ahead)
		f->ahead--;
}

/* Queues it to be asked for */
static struct cdx_fetch *fetch_new(struct cdx_far *f, struct cdx_volume *v,
				   uint64_t area, uint32_t index)
{
	struct cdx_fetch *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	cdx_list_init(&x->wants);
	x->v = v;
	x->area = area;
	x->index = index;
	if (cdx_map_put(&f->fetches, key_of(area, index), x) < 0) {
		free(x);
		return NULL;
	}
	x->listed = true;
	x->refs = 1;
	f->busy++;
	cdx_list_add_tail(&f->starts, &x->link);
	return x;
}

/* ---- wants of reads ---- */

int cdx_fetch_wants(struct cdx_far *f, struct cdx_vol_op *op)
{
	for (size_t i = 0; i < op->n; i++) {
		struct cdx_want *w = &op->want[i];
		struct cdx_fetch *x;

		if (cdx_recovered_pin(op->v, w->area, w->index)) {
			w->pinned = true;
			op->left--;
			continue;
		}
		x = cdx_map_get(&f->fetches, key_of(w->area, w->index));
		w->joined = x != NULL;
		if (!x)
			x = fetch_new(f, op->v, w->area, w->index);
		if (!x)
			return -ENOMEM;
		if (x->ahead) {
			x->ahead = false;
			f->ahead--;
		}
		cdx_list_add_tail(&x->wants, &w->link);
	}
	return 0;
}

void cdx_fetch_drop(struct cdx_far *f, struct cdx_fetch *x)
{
	unlist(f, x);
	x->dropped = true;
	if (!x->has_op)
		return;
	/* who asks for it now ends it, too */
	x->has_op = false;
	x->cancel = true;
	x->refs++;
	cdx_list_add_tail(&f->ends, &x->link);
}

void cdx_fetch_unwant(struct cdx_far *f, struct cdx_vol_op *op)
{
	for (size_t i = 0; i < op->n; i++) {
		struct cdx_want *w = &op->want[i];
		struct cdx_fetch *x;

		if (cdx_list_empty(&w->link))
			continue;
		cdx_list_del(&w->link);
		x = cdx_map_get(&f->fetches, key_of(w->area, w->index));
		if (x && cdx_list_empty(&x->wants))
			cdx_fetch_drop(f, x);
	}
}

/* ---- answers ---- */

/* Is it the block that was asked for? */
static int check(const struct cdx_fetch *x, const uint8_t *block)
{
	struct cdx_digest digest;
	struct cdx_leaf leaf;
	int r = cdx_leaf_get(x->v->store, x->area, x->index, &leaf);

	if (r < 0)
		return r;
	cdx_sha256(&digest, block, CDX_BLOCK_SIZE);
	return memcmp(&digest, &leaf.digest, sizeof(digest)) == 0 ? 0
								  : CDX_E_HASH;
}

static uint32_t count_wants(const struct cdx_fetch *x)
{
	uint32_t n = 0;

	cdx_list_foreach(pos, &x->wants) {
		n++;
	}
	return n;
}

bool cdx_fetch_tell(struct cdx_far *f, uint64_t area)
{
	if (cdx_map_get(&f->told, area))
		return false;
	(void)!cdx_map_put(&f->told, area, f);
	return true;
}

/* What failed was begun for somebody else, and maybe long ago: asked for again,
 * once.  Caller holds mu. */
static bool again(struct cdx_far *f, struct cdx_fetch *x, struct cdx_want *w)
{
	struct cdx_fetch *next;

	if (!w->joined || !f->open)
		return false;
	next = cdx_map_get(&f->fetches, key_of(x->area, x->index));
	if (!next)
		next = fetch_new(f, x->v, x->area, x->index);
	if (!next)
		return false;
	w->joined = false;
	cdx_list_add_tail(&next->wants, &w->link);
	return true;
}

/* Caller holds mu.  Who waits gets the block or the error. */
static bool deliver(struct cdx_far *f, struct cdx_fetch *x, int rc)
{
	bool tell = false;

	while (!cdx_list_empty(&x->wants)) {
		struct cdx_want *w =
			cdx_list_entry(x->wants.next, struct cdx_want, link);

		cdx_list_del(&w->link);
		w->pinned = rc == 0;
		if (rc < 0 && again(f, x, w))
			continue;
		if (rc == 0 && --w->op->left == 0) {
			cdx_far_finish(f, w->op, 0);
		} else if (rc < 0) {
			tell |= cdx_fetch_tell(f, x->area);
			cdx_far_finish(f, w->op, -EIO);
		}
	}
	return tell;
}

static const char *reason(int rc)
{
	switch (rc) {
	case -ECANCELED:
		return "the search was given up";
	case -ETIMEDOUT:
		return "nobody gave it in time";
	case -ENODATA:
		return "nobody has it, and too few others to make it";
	case CDX_E_HASH:
		return "what came is another block";
	default:
		return cdx_strerror(rc);
	}
}

void cdx_fetch_log(struct cdx_volume *v, const struct cdx_need_block *b, int rc)
{
	char text[CDX_CID_TEXT_MAX] = "-";
	struct cdx_leaf leaf;
	struct cdx_cid cid;

	if (cdx_leaf_get(v->store, b->area, b->index, &leaf) == 0) {
		cid = cdx_cid_sha256(CDX_CODEC_BLOCK, &leaf.digest);
		cdx_cid_text(text, &cid);
	}
	cdx_log(v->log, ERROR, "segment",
		"segment %" PRIx64 " block %u CID %s is not here: %s; reading "
		"files with bytes in this segment fails until peers that "
		"hold it answer",
		b->area, b->index, text, reason(rc));
}

static void answer(struct cdx_fetch *x, int rc, const uint8_t *block)
{
	struct cdx_far *f = x->v->far;
	struct cdx_need_block at = {x->area, x->index};
	bool tell;

	if (rc == 0)
		rc = check(x, block);
	pthread_mutex_lock(&f->mu);
	unlist(f, x);
	x->done = true;
	if (rc == 0)
		rc = cdx_recovered_keep(x->v, x->area, x->index, block,
					count_wants(x), true);
	if (rc == 0) {
		f->blocks++;
		(void)cdx_map_del(&f->told, x->area);
	}
	tell = deliver(f, x, rc);
	if (x->has_op) {
		x->has_op = false;
		x->refs++;
		cdx_list_add_tail(&f->ends, &x->link);
	}
	pthread_mutex_unlock(&f->mu);
	if (tell)
		cdx_fetch_log(x->v, &at, rc);
	pthread_mutex_lock(&f->mu);
	cdx_fetch_put(f, x);
	pthread_mutex_unlock(&f->mu);
}

/* The hook's callback */
static void on_block(void *arg, int rc, const uint8_t *block)
{
	struct cdx_fetch *x = arg;
	struct cdx_far *f = x->v->far;

	cdx_far_enter(f);
	answer(x, rc, block);
	cdx_far_work(f);
	cdx_far_leave(f);
}

/* ---- asking ---- */

/* Only what was protected can be anywhere else */
static int dataset_of(const struct cdx_fetch *x, struct cdx_cid *out)
{
	struct cdx_seg_rec rec;
	int r = cdx_seg_rec_get(x->v, &rec, x->area);

	if (r < 0)
		return r;
	if (!rec.has_verifiable)
		return -ENODATA;
	*out = cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec.verifiable);
	return 0;
}

bool cdx_fetch_start(struct cdx_far *f)
{
	struct cdx_fetch *x;
	struct cdx_cid cid;
	void *op = NULL;
	bool dropped;
	int rc;

	pthread_mutex_lock(&f->mu);
	if (cdx_list_empty(&f->starts)) {
		pthread_mutex_unlock(&f->mu);
		return false;
	}
	x = cdx_list_entry(f->starts.next, struct cdx_fetch, link);
	cdx_list_del(&x->link);
	x->refs++;
	dropped = x->dropped;
	pthread_mutex_unlock(&f->mu);
	rc = dropped ? -ECANCELED : dataset_of(x, &cid);
	if (rc == 0)
		rc = f->net.fetch(f->net.arg, &op, &cid, x->index, on_block, x);
	if (rc < 0)
		answer(x, rc, NULL);
	pthread_mutex_lock(&f->mu);
	if (rc >= 0) {
		x->op = op;
		x->has_op = !x->done && !x->dropped;
	}
	if (rc >= 0 && !x->has_op) {
		/* it was answered, or nobody wants it, since it was asked for */
		x->cancel = x->dropped && !x->done;
		cdx_list_add_tail(&f->ends, &x->link);
	} else {
		cdx_fetch_put(f, x);
	}
	pthread_mutex_unlock(&f->mu);
	return true;
}

bool cdx_fetch_end(struct cdx_far *f)
{
	struct cdx_fetch *x;
	bool cancel;

	pthread_mutex_lock(&f->mu);
	if (cdx_list_empty(&f->ends)) {
		pthread_mutex_unlock(&f->mu);
		return false;
	}
	x = cdx_list_entry(f->ends.next, struct cdx_fetch, link);
	cdx_list_del(&x->link);
	cancel = x->cancel;
	pthread_mutex_unlock(&f->mu);
	f->net.end(f->net.arg, x->op, cancel);
	pthread_mutex_lock(&f->mu);
	cdx_fetch_put(f, x);
	pthread_mutex_unlock(&f->mu);
	return true;
}

/* ---- before it is asked for ---- */

/* 1: under way or had already, 0: not, as it seems, -1: no more */
static int known(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct cdx_far *f = v->far;
	bool there;
	int r;

	if (cdx_recovered_has(v, area, index))
		return 1;
	pthread_mutex_lock(&f->mu);
	there = cdx_map_get(&f->fetches, key_of(area, index)) != NULL;
	r = there ? 1 : 0;
	if (!there && (!f->open || f->ahead >= AHEAD_MAX))
		r = -1;
	pthread_mutex_unlock(&f->mu);
	return r;
}

static bool ask(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct cdx_far *f = v->far;
	struct cdx_fetch *x = NULL;

	pthread_mutex_lock(&f->mu);
	/* it may have come since it was looked for: only under mu is it one or
	 * the other */
	if (f->open && !cdx_map_get(&f->fetches, key_of(area, index)) &&
	    !cdx_recovered_has(v, area, index))
		x = fetch_new(f, v, area, index);
	if (x) {
		x->ahead = true;
		f->ahead++;
	}
	pthread_mutex_unlock(&f->mu);
	return x != NULL;
}

void cdx_fetch_ahead(struct cdx_volume *v, const struct cdx_need *need)
{
	bool asked = false;

	if (!need->touched || !need->in_order)
		return;
	for (uint32_t i = 1; i <= AHEAD_BLOCKS; i++) {
		uint32_t index = need->index + i;
		struct cdx_leaf leaf;
		int r = known(v, need->area, index);

		if (r < 0)
			break;
		if (r > 0)
			continue;
		/* what is here after all, or has no bytes of files, ends it */
		if (cdx_leaf_get(v->store, need->area, index, &leaf) < 0 ||
		    leaf.state != CDX_LEAF_DATA ||
		    !cdx_seg_absent(v, need->area, index))
			break;
		asked |= ask(v, need->area, index);
	}
	if (asked)
		cdx_far_work(v->far);
}
