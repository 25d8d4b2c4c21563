/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/dataset_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"
#include "dataset/chunker.h"
#include "store/area_internal.h"
#include "store/dataset_internal.h"
#include "store/public.h"
#include "store/records.h"

/* Blocks that wait for their batch: about 4 MiB, written and recorded under one
 * taking of the block lock, so that a slow source never holds it. */
#define BATCH_BYTES (4u << 20)
#define BATCH_BLOCKS_MAX 512u

struct cdx_ingest {
	struct cdx_store *s;
	struct cdx_chunker *chunker;
	char *filename;
	char *mimetype;
	bool is_private;
	bool was_private; /* a dataset that is here already */
	uint32_t block_size;
	bool started; /* a batch with the marker was applied */
	bool done;    /* nothing is left to give back */
	int err;      /* sticky: feeding on would leave a hole */
	uint64_t dsid;
	uint64_t blocks; /* applied */
	unsigned waiting;
	unsigned batch; /* blocks of a batch */
	struct cdx_digest digest[BATCH_BLOCKS_MAX];
	uint8_t *block; /* @batch blocks */
};

/* Everything that waits goes into one batch. */
static int put_waiting(struct cdx_ingest *in, struct cdx_block_set *set)
{
	struct cdx_batch *b = cdx_block_set_batch(set);
	char mark[CDX_MARK_MAX];
	int rc;

	if (!in->started) {
		cdx_mark_put(b, mark, cdx_mark_ingest(mark, in->dsid));
		cdx_batch_max(b, CDX_CNT_NEXT_AREA, in->dsid + 1);
	}
	for (unsigned i = 0; i < in->waiting; i++) {
		struct cdx_leaf leaf = {.state = CDX_LEAF_DATA};

		leaf.digest = in->digest[i];
		rc = cdx_block_set_append(
			set, &leaf.digest,
			in->block + (size_t)i * in->block_size, in->block_size);
		if (rc < 0)
			return rc;
		cdx_leaf_put(b, in->dsid, (uint32_t)(in->blocks + i), &leaf);
		if (!in->is_private)
			cdx_public_add(b, &leaf.digest, in->dsid);
	}
	return 0;
}

static int flush(struct cdx_ingest *in)
{
	uint64_t need = in->waiting * cdx_block_charge(in->s, in->block_size);
	struct cdx_block_set *set;
	int rc;

	if (in->waiting == 0)
		return 0;
	rc = cdx_quota_hold(in->s, CDX_SHARE_VOLUME, need, 0);
	if (rc < 0)
		return rc;
	rc = cdx_block_set_begin(&set, in->s);
	if (rc == 0) {
		rc = put_waiting(in, set);
		if (rc == 0)
			rc = cdx_block_set_apply(set);
		else
			cdx_block_set_drop(set);
	}
	cdx_quota_release(in->s, CDX_SHARE_VOLUME, need);
	if (rc < 0)
		return rc;
	in->started = true;
	in->blocks += in->waiting;
	in->waiting = 0;
	return 0;
}

static int take_block(void *arg, uint64_t index, const uint8_t *block,
		      const struct cdx_digest *digest)
{
	struct cdx_ingest *in = arg;

	if (index > UINT32_MAX)
		return -EFBIG;
	memcpy(in->block + (size_t)in->waiting * in->block_size, block,
	       in->block_size);
	in->digest[in->waiting++] = *digest;
	return in->waiting == in->batch ? flush(in) : 0;
}

static int copy_text(char **out, const char *text)
{
	*out = NULL;
	if (text == NULL)
		return 0;
	*out = strdup(text);
	return *out == NULL ? -ENOMEM : 0;
}

static unsigned batch_blocks(uint32_t block_size)
{
	unsigned n = BATCH_BYTES / block_size;

	return n > BATCH_BLOCKS_MAX ? BATCH_BLOCKS_MAX : n;
}

_Static_assert(BATCH_BYTES >= CDX_BLOCK_SIZE_MAX, "a batch has a block");

int cdx_ingest_new(struct cdx_ingest **out, struct cdx_store *s,
		   const struct cdx_ingest_opts *opts)
{
	static const struct cdx_ingest_opts none;
	const struct cdx_ingest_opts *o = opts != NULL ? opts : &none;
	struct cdx_ingest *in;
	int rc;

	*out = NULL;
	if (o->block_size > CDX_BLOCK_SIZE_MAX)
		return -EINVAL;
	in = calloc(1, sizeof(*in));
	if (in == NULL)
		return -ENOMEM;
	in->s = s;
	in->is_private = o->is_private;
	in->block_size = o->block_size != 0 ? o->block_size : CDX_BLOCK_SIZE;
	in->batch = batch_blocks(in->block_size);
	in->block = malloc((size_t)in->batch * in->block_size);
	rc = in->block == NULL ? -ENOMEM
			       : copy_text(&in->filename, o->filename);
	if (rc == 0)
		rc = copy_text(&in->mimetype, o->mimetype);
	if (rc == 0)
		rc = cdx_chunker_new(&in->chunker, in->block_size, take_block,
				     in);
	if (rc < 0) {
		cdx_ingest_free(in);
		return rc;
	}
	in->dsid = cdx_area_next_id(s);
	*out = in;
	return 0;
}

int cdx_ingest_feed(struct cdx_ingest *in, const void *p, size_t len)
{
	if (in->err == 0 && in->done)
		in->err = CDX_E_SEQUENCE;
	if (in->err == 0)
		in->err = cdx_chunker_feed(in->chunker, p, len);
	return in->err;
}

/* ---- the end ---- */

/* A dataset that is here already is pinned; 1 when so, 0 when it is not. */
static int pin_existing(struct cdx_ingest *in, const struct cdx_cid *cid)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;
	struct cdx_batch *b;
	int rc;

	rc = cdx_dataset_load(in->s, cid, &info, &manifest);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	if (info.dropping)
		return CDX_E_AGAIN;
	rc = cdx_batch_new(&b, in->s);
	if (rc < 0)
		return rc;
	/* what a volume uses is published by name alone */
	in->was_private = !cdx_dataset_is_public(&info) &&
			  (info.refs & CDX_REF_VOLUME) == 0;
	info.refs |= CDX_REF_PIN;
	cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
	rc = cdx_batch_apply(b);
	return rc < 0 ? rc : 1;
}

static int put_new(struct cdx_ingest *in, const struct cdx_dataset_info *info,
		   const struct cdx_buf *manifest)
{
	char mark[CDX_MARK_MAX];
	struct cdx_batch *b;
	int rc;

	rc = cdx_batch_new(&b, in->s);
	if (rc < 0)
		return rc;
	cdx_dataset_put(b, info, manifest->p, manifest->len, true);
	cdx_quota_charge(b, CDX_SHARE_VOLUME, (int64_t)manifest->len);
	cdx_mark_del(b, mark, cdx_mark_ingest(mark, in->dsid));
	rc = cdx_batch_apply(b);
	if (rc == 0)
		in->done = true;
	return rc;
}

/* Puts the new dataset, or pins the old one, whichever there is. */
static int put_or_pin(struct cdx_ingest *in,
		      const struct cdx_dataset_info *info,
		      const struct cdx_buf *manifest)
{
	int rc;

	do {
		cdx_block_lock(in->s);
		rc = pin_existing(in, &info->cid);
		if (rc == 0)
			rc = put_new(in, info, manifest);
		cdx_block_unlock(in->s);
		if (rc != CDX_E_AGAIN)
			return rc < 0 ? rc : 0;
		/* it is being removed: see that through first */
		rc = cdx_dataset_drop(in->s, &info->cid);
	} while (rc == 0 || rc == -ENOENT);
	return rc;
}

static int give_back(struct cdx_ingest *in)
{
	char mark[CDX_MARK_MAX];
	struct cdx_batch *b;
	int rc;

	in->waiting = 0;
	if (!in->started || in->done)
		return 0;
	rc = cdx_leaves_drop(in->s, in->dsid, 0);
	if (rc < 0)
		return rc;
	rc = cdx_batch_new(&b, in->s);
	if (rc < 0)
		return rc;
	cdx_mark_del(b, mark, cdx_mark_ingest(mark, in->dsid));
	rc = cdx_batch_apply(b);
	if (rc == 0)
		in->done = true;
	return rc;
}

static int make_manifest(struct cdx_ingest *in, struct cdx_dataset_info *info,
			 struct cdx_buf *out)
{
	struct cdx_manifest m CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_digest root;
	int rc;

	rc = cdx_chunker_end(in->chunker, &root, &info->size);
	if (rc == 0)
		rc = flush(in);
	if (rc == 0)
		rc = cdx_manifest_plain(&m, &root, info->size, in->block_size,
					in->filename, in->mimetype);
	if (rc == 0)
		rc = cdx_manifest_encode(out, &m);
	if (rc < 0)
		return rc;
	info->cid = cdx_manifest_cid(out->p, out->len);
	info->tree = m.tree;
	info->dsid = in->dsid;
	info->base = in->dsid;
	info->block_size = in->block_size;
	info->blocks = in->blocks;
	info->refs = CDX_REF_PIN;
	info->is_private = in->is_private;
	info->created = cdx_clock_wall_s();
	return 0;
}

static int end(struct cdx_ingest *in, struct cdx_cid *manifest_cid)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info = {0};
	int rc;

	rc = make_manifest(in, &info, &manifest);
	if (rc == 0)
		rc = cdx_quota_hold(in->s, CDX_SHARE_VOLUME, manifest.len, 0);
	if (rc < 0)
		return rc;
	rc = put_or_pin(in, &info, &manifest);
	cdx_quota_release(in->s, CDX_SHARE_VOLUME, manifest.len);
	/* the leaves of a second copy */
	if (rc == 0)
		rc = give_back(in);
	if (rc == 0 && in->was_private && !in->is_private)
		rc = cdx_dataset_publish(in->s, &info.cid, true);
	if (rc == 0)
		rc = cdx_store_commit(in->s);
	if (rc == 0)
		*manifest_cid = info.cid;
	return rc;
}

int cdx_ingest_end(struct cdx_ingest *in, struct cdx_cid *manifest_cid)
{
	int rc;

	if (in->err < 0)
		return in->err;
	rc = end(in, manifest_cid);
	/* once ended, whatever came of it */
	in->err = rc < 0 ? rc : CDX_E_SEQUENCE;
	return rc;
}

void cdx_ingest_free(struct cdx_ingest *in)
{
	if (in == NULL)
		return;
	/* What cannot be given back now is given back at the next open, by the
	 * marker. */
	if (give_back(in) < 0)
		cdx_log(cdx_store_log(in->s), WARN, "store",
			"blocks of an unfinished dataset stay until the next "
			"start");
	cdx_chunker_free(in->chunker);
	free(in->filename);
	free(in->mimetype);
	free(in->block);
	free(in);
}
