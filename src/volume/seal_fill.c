/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"
#include "volume/footer.h"

#define PAD_A_BATCH 64u
#define EXTENTS_A_READ 4096u

/* A segment on its way to its final form */
struct fill {
	struct cdx_volume *v;
	struct cdx_oseg *o;
	struct cdx_seg_rec rec; /* what counts in it does not change now */
	uint8_t *state;		/* o->slots, as they will be */
	struct cdx_buf ext;	/* encoded extents */
	bool complete;
	struct cdx_buf body;
	uint32_t blocks; /* final size */
	uint32_t footers;
};

static void fill_free(struct fill *f)
{
	free(f->state);
	cdx_buf_free(&f->ext);
	cdx_buf_wipe(&f->body);
}

/* ---- the index of extents ---- */

struct refs {
	struct cdx_backref ref[EXTENTS_A_READ];
	size_t n;
};

/* Back references behind *from, which moves */
static int read_refs(struct cdx_volume *v, uint64_t area, struct refs *out,
		     uint8_t from[CDX_BACKREF_KEY])
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	uint8_t prefix[8];
	int r;

	out->n = 0;
	cdx_put_be64(prefix, area);
	r = cdx_kv_iter_open(v->store, &it, CDX_DB_BACKREF, prefix,
			     sizeof(prefix), from, CDX_BACKREF_KEY);
	if (r < 0)
		return r;
	while (out->n < EXTENTS_A_READ &&
	       (r = cdx_kv_iter_next(it, &pair)) > 0) {
		r = cdx_backref_decode(&out->ref[out->n], CDX_LOC_SEGMENT,
				       &pair);
		if (r < 0)
			return r;
		if (memcmp(pair.key, from, CDX_BACKREF_KEY) == 0)
			continue;
		memcpy(from, pair.key, CDX_BACKREF_KEY);
		out->n++;
	}
	return r < 0 ? r : 0;
}

static int encode_extents(struct fill *f, struct refs *list, size_t max)
{
	struct cdx_footer_extent prev = {0};
	uint8_t from[CDX_BACKREF_KEY] = {0};
	int r;

	cdx_put_be64(from, f->o->area);
	f->complete = true;
	do {
		r = read_refs(f->v, f->o->area, list, from);
		for (size_t i = 0; r == 0 && i < list->n; i++) {
			struct cdx_footer_extent e = {
				.off = list->ref[i].loc.off,
				.len = list->ref[i].len,
				.ino = list->ref[i].ino,
				.file_off = list->ref[i].file_off,
			};

			if (!cdx_footer_add(&f->ext, &prev, &e, max)) {
				f->complete = false;
				return 0;
			}
			prev = e;
		}
	} while (r == 0 && list->n == EXTENTS_A_READ);
	return r < 0 ? r : cdx_buf_ok(&f->ext);
}

/* ---- sizes and the body ---- */

static size_t header_max(const struct cdx_seg_rec *rec)
{
	return 64 + CDX_SEG_EPOCHS_MAX * (5 + CDX_WRAPPED_LEN) +
	       (size_t)5 * (rec->cap + 2);
}

static uint32_t blocks_for(size_t bytes)
{
	return (uint32_t)((bytes + CDX_BLOCK_SIZE - 1) / CDX_BLOCK_SIZE);
}

static int find_size(struct fill *f)
{
	const struct cdx_seg_rec *rec = &f->rec;
	uint32_t room = cdx_seg_footer_room(rec->cap) - 1;
	size_t max = (size_t)room * CDX_BLOCK_SIZE - header_max(rec);
	struct refs *list = malloc(sizeof(*list));
	uint32_t body;
	int r;

	if (!list)
		return -ENOMEM;
	r = encode_extents(f, list, max);
	free(list);
	if (r < 0)
		return r;
	body = blocks_for(header_max(rec) + f->ext.len);
	f->footers = body + 1;
	f->blocks = cdx_seg_round(rec->k, rec->next + f->footers);
	return f->blocks <= rec->cap ? 0 : CDX_E_CORRUPT;
}

static void set_states(struct fill *f)
{
	for (uint32_t i = 0; i < f->blocks; i++) {
		uint8_t st = CDX_LEAF_PADDING;

		if (f->o->leaf[i] == CDX_LEAF_DATA)
			st = CDX_LEAF_DATA;
		if (i >= f->blocks - f->footers)
			st = CDX_LEAF_FOOTER;
		f->state[i] = st;
	}
}

static uint32_t find_runs(const struct fill *f, struct cdx_footer_run *run)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->blocks; i++) {
		if (!n || run[n - 1].state != f->state[i]) {
			run[n].state = f->state[i];
			run[n++].n = 0;
		}
		run[n - 1].n++;
	}
	return n;
}

static int make_body(struct fill *f)
{
	const struct cdx_seg_rec *rec = &f->rec;
	struct cdx_footer *foot = calloc(1, sizeof(*foot));
	int r;

	if (!foot)
		return -ENOMEM;
	memcpy(foot->id, rec->id, sizeof(foot->id));
	foot->k = rec->k;
	foot->m = rec->m;
	foot->blocks = f->blocks;
	foot->epochs = rec->epochs;
	memcpy(foot->epoch, rec->epoch, sizeof(foot->epoch));
	foot->run = calloc(f->blocks, sizeof(*foot->run));
	if (!foot->run) {
		free(foot);
		return -ENOMEM;
	}
	foot->runs = find_runs(f, foot->run);
	cdx_footer_begin(&f->body, foot);
	cdx_buf_put(&f->body, f->ext.p, f->ext.len);
	r = cdx_footer_end(&f->body, f->complete);
	cdx_footer_free(foot);
	free(foot);
	return r;
}

/* ---- padding ---- */

static void put_block(struct fill *f, struct cdx_batch *b, uint32_t index,
		      const uint8_t *p, enum cdx_leaf_state state)
{
	struct cdx_leaf leaf = {.state = state};

	cdx_sha256(&leaf.digest, p, CDX_BLOCK_SIZE);
	cdx_leaf_put(b, f->o->area, index, &leaf);
}

/* Padding for up to PAD_A_BATCH indexes from *at on, in one batch */
static int pad_some(struct fill *f, uint32_t *at, uint32_t end, uint8_t *buf)
{
	struct cdx_store *s = f->v->store;
	struct cdx_batch *b;
	uint32_t done = 0;
	uint32_t i = *at;
	int r = cdx_batch_new(&b, s);

	if (r < 0)
		return r;
	for (; r == 0 && i < end && done < PAD_A_BATCH; i++) {
		/* an interrupted attempt may have made it already */
		if (f->state[i] != CDX_LEAF_PADDING ||
		    f->o->leaf[i] == CDX_LEAF_PADDING)
			continue;
		cdx_block_padding(buf, CDX_BLOCK_SIZE);
		r = cdx_area_write(s, f->o->area, (uint64_t)i * CDX_BLOCK_SIZE,
				   buf, CDX_BLOCK_SIZE);
		put_block(f, b, i, buf, CDX_LEAF_PADDING);
		done++;
	}
	if (r < 0) {
		cdx_batch_drop(b);
		return r;
	}
	cdx_batch_names_data(b);
	r = cdx_batch_apply(b);
	/* only sealing touches these while the segment is SEALING */
	for (uint32_t j = *at; r == 0 && j < i; j++) {
		if (f->state[j] == CDX_LEAF_PADDING)
			f->o->leaf[j] = CDX_LEAF_PADDING;
	}
	*at = i;
	return r;
}

static int pad(struct fill *f, cdx_progress_fn *progress, void *arg)
{
	uint32_t end = f->blocks - f->footers;
	uint8_t *buf = malloc(CDX_BLOCK_SIZE);
	uint32_t at = 0;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	while (r == 0 && at < end) {
		r = cdx_background_stopping(f->v) ? CDX_E_AGAIN
						  : pad_some(f, &at, end, buf);
		if (progress)
			progress(arg, "padding", at, end);
	}
	free(buf);
	return r;
}

/* ---- footer ---- */

static int to_final(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	const struct fill *f = arg;
	struct cdx_area_info info = {
		.kind = CDX_AREA_SEGMENT,
		.size = (uint64_t)f->blocks * CDX_BLOCK_SIZE,
		.closed = true,
	};
	int64_t before = (int64_t)cdx_seg_charge(rec->k, rec->m, rec->cap);
	int64_t after = (int64_t)cdx_seg_charge(rec->k, rec->m, f->blocks);

	cdx_quota_charge(b, CDX_SHARE_VOLUME, after - before);
	cdx_batch_add(b, CDX_CNT_SEG_BYTES,
		      ((int64_t)f->blocks - rec->cap) * CDX_BLOCK_SIZE);
	cdx_area_set_info(b, f->o->area, &info);
	rec->cap = f->blocks;
	rec->footers = f->footers;
	rec->progress = 0;
	return 0;
}

static int write_footer(struct fill *f, struct cdx_batch *b, uint8_t *block)
{
	uint32_t body = f->footers - 1;
	uint32_t first = f->blocks - f->footers;
	struct cdx_footer_tail t = {
		.body_blocks = body,
		.cipher = cdx_block_cipher_best(),
		.len = f->body.len,
	};
	int r = 0;

	memcpy(t.id, f->rec.id, sizeof(t.id));
	cdx_random(t.key.b, sizeof(t.key.b));
	cdx_sha256(&t.digest, f->body.p, f->body.len);
	for (uint32_t i = 0; r == 0 && i < f->footers; i++) {
		size_t from = (size_t)i * CDX_BLOCK_SIZE;
		size_t n = from < f->body.len ? f->body.len - from : 0;

		memset(block, 0, CDX_BLOCK_SIZE);
		if (n)
			memcpy(block, f->body.p + from,
			       n < CDX_BLOCK_SIZE ? n : CDX_BLOCK_SIZE);
		if (i < body)
			r = cdx_block_crypt(block,
					    (enum cdx_block_cipher)t.cipher,
					    &t.key, first + i, 0, block,
					    CDX_BLOCK_SIZE);
		else
			r = cdx_footer_tail_seal(block, &f->v->keys.footer, &t);
		if (r == 0)
			r = cdx_area_write(f->v->store, f->o->area,
					   (uint64_t)(first + i) *
						   CDX_BLOCK_SIZE,
					   block, CDX_BLOCK_SIZE);
		put_block(f, b, first + i, block, CDX_LEAF_FOOTER);
	}
	cdx_wipe(&t.key, sizeof(t.key));
	return r;
}

static int put_footer(struct fill *f)
{
	struct cdx_batch *b;
	uint8_t *block;
	int r = cdx_batch_new(&b, f->v->store);

	if (r < 0)
		return r;
	block = malloc(CDX_BLOCK_SIZE);
	r = block ? write_footer(f, b, block) : -ENOMEM;
	free(block);
	if (r < 0) {
		cdx_batch_drop(b);
		return r;
	}
	/* what an attempt with more to say had padded behind the new end */
	for (uint32_t i = f->blocks; i < f->o->slots; i++) {
		if (f->o->leaf[i])
			cdx_leaf_del(b, f->o->area, i);
	}
	cdx_batch_names_data(b);
	return cdx_seal_act(f->v, b, f->o->area, to_final, f);
}

int cdx_seal_fill(struct cdx_volume *v, struct cdx_oseg *o,
		  cdx_progress_fn *progress, void *arg)
{
	struct fill f = {.v = v, .o = o};
	int r;

	cdx_oseg_rec(v->segs, o, &f.rec);
	f.state = calloc(o->slots, 1);
	r = f.state ? find_size(&f) : -ENOMEM;
	if (r == 0) {
		set_states(&f);
		r = make_body(&f);
	}
	if (r == 0)
		r = pad(&f, progress, arg);
	if (r == 0)
		r = put_footer(&f);
	fill_free(&f);
	return r;
}
