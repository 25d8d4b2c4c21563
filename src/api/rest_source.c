/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_internal.h"
#include "merkle/sha256_page.h"
#include "node/peers.h"
#include "repair/repair.h"
#include "store/block.h"
#include "store/cache.h"

/* ---- what is here ---- */

static bool digest_of(struct cdx_digest *out, const struct cdx_cid *cid)
{
	if (cid->mhash != CDX_MHASH_SHA256 || cid->len != sizeof(out->b))
		return false;
	memcpy(out->b, cid->digest, sizeof(out->b));
	return true;
}

static int open_stored(struct cdx_rest_source *out)
{
	struct cdx_buf b = {0};
	int rc;

	out->info = malloc(sizeof(*out->info));
	if (out->info == NULL)
		return -ENOMEM;
	rc = cdx_dataset_info(out->store, &out->cid, out->info);
	if (rc == 0)
		rc = cdx_dataset_manifest(out->store, &out->cid, &b);
	if (rc >= 0)
		rc = cdx_manifest_decode(&out->manifest, b.p, b.len);
	cdx_buf_free(&b);
	if (rc < 0)
		return rc;
	out->kind = CDX_REST_STORED;
	out->size = out->info->size;
	return 0;
}

static int open_cached(struct cdx_rest_source *out,
		       const struct cdx_digest *digest)
{
	struct cdx_buf b = {0};
	struct cdx_cid found;
	int rc = cdx_cache_get_manifest(out->store, &b, digest);

	if (rc >= 0) {
		/* it is found by its tree's digest too, but was not named so */
		found = cdx_manifest_cid(b.p, b.len);
		rc = cdx_cid_equal(&found, &out->cid)
			     ? cdx_manifest_decode(&out->manifest, b.p, b.len)
			     : -ENOENT;
	}
	cdx_buf_free(&b);
	if (rc < 0)
		return rc;
	/* nobody would have fetched larger blocks */
	if (out->manifest.block_size > CDX_BLOCK_SIZE_MAX)
		return -ENOENT;
	out->block = malloc(out->manifest.block_size);
	out->page = malloc(sizeof(*out->page));
	if (out->block == NULL || out->page == NULL)
		return -ENOMEM;
	out->page->n = 0;
	out->kind = CDX_REST_CACHED;
	out->size = cdx_manifest_file_size(&out->manifest);
	return 0;
}

/* Bytes of a block that is here; -ENOENT */
static int block_size(struct cdx_store *s, const struct cdx_digest *digest)
{
	struct cdx_block_info info;
	int rc = cdx_block_info(s, digest, &info);

	if (rc == 0 && info.locs > 0)
		return (int)info.size;
	return rc < 0 && rc != -ENOENT ? rc : cdx_cache_block_size(s, digest);
}

static int open_block(struct cdx_rest_source *out,
		      const struct cdx_digest *digest)
{
	int size = 0;
	int rc = 0;

	if (!cdx_cid_is_empty(&out->cid)) {
		size = block_size(out->store, digest);
		if (size < 0)
			return size;
		out->block = malloc((size_t)size);
		if (out->block == NULL)
			return -ENOMEM;
		rc = cdx_block_read_quiet(out->store, out->block,
					  (uint32_t)size, digest);
	}
	out->kind = CDX_REST_BLOCK;
	out->size = (uint64_t)size;
	return rc;
}

int cdx_rest_source_local(struct cdx_rest_source *out, struct cdx_store *s,
			  const struct cdx_cid *cid)
{
	struct cdx_digest digest;
	int rc = -ENOENT;

	memset(out, 0, sizeof(*out));
	out->store = s;
	out->cid = *cid;
	if (!digest_of(&digest, cid))
		return -ENOENT;
	if (cid->codec == CDX_CODEC_BLOCK) {
		rc = open_block(out, &digest);
	} else if (cid->codec == CDX_CODEC_MANIFEST) {
		rc = open_stored(out);
		if (rc == -ENOENT)
			rc = open_cached(out, &digest);
	}
	if (rc < 0)
		cdx_rest_source_close(out);
	return rc;
}

/* ---- what others have ---- */

static int open_reader(struct cdx_reader **out, struct cdx_rest_call *q,
		       const struct cdx_cid *cid, char *why)
{
	struct cdx_peers *p = q->api->node->peers;

	if (p == NULL || cid->codec != CDX_CODEC_MANIFEST)
		return -ENOENT;
	return cdx_exchange_open_wait(cdx_peers_exchange(p), out, cid, false, 0,
				      cdx_rest_cancelled, q, why);
}

int cdx_rest_source_open(struct cdx_rest_source *out, struct cdx_rest_call *q,
			 const struct cdx_cid *cid, char *why)
{
	struct cdx_store *s = q->api->node->store;
	struct cdx_reader *reader = NULL;
	bool here;
	int rc = cdx_rest_source_local(out, s, cid);

	why[0] = '\0';
	if (rc < 0 && rc != -ENOENT)
		return rc;
	here = rc == 0;
	rc = open_reader(&reader, q, cid, why);
	/* a dataset whose slots went, or of which the cache has some, is read
	 * by the exchange: it sees to what is missing */
	if (here && (rc < 0 || cdx_reader_complete(reader))) {
		cdx_reader_put(reader);
		return 0;
	}
	if (rc < 0)
		return rc;
	cdx_rest_source_close(out);
	out->store = s;
	out->cid = *cid;
	out->kind = CDX_REST_REMOTE;
	out->reader = reader;
	out->size = cdx_reader_size(reader);
	return 0;
}

void cdx_rest_source_close(struct cdx_rest_source *s)
{
	cdx_manifest_free(&s->manifest);
	free(s->info);
	free(s->page);
	free(s->block);
	cdx_reader_put(s->reader);
	memset(s, 0, sizeof(*s));
}

const struct cdx_manifest *
cdx_rest_source_manifest(const struct cdx_rest_source *s)
{
	switch (s->kind) {
	case CDX_REST_STORED:
	case CDX_REST_CACHED:
		return &s->manifest;
	case CDX_REST_REMOTE:
		return cdx_reader_manifest(s->reader);
	case CDX_REST_BLOCK:
		break;
	}
	return NULL;
}

/* ---- reading ---- */

/* The digest of a block of a cached dataset; NULL: its page is not here */
static const struct cdx_digest *cached_leaf(struct cdx_rest_source *s,
					    uint64_t index)
{
	uint32_t page = (uint32_t)(index / CDX_TREE_PAGE);
	uint32_t at = (uint32_t)(index % CDX_TREE_PAGE);
	struct cdx_digest tree;

	if (s->page->n == 0 || s->page->page != page) {
		s->page->n = 0;
		if (!digest_of(&tree, &s->manifest.tree) ||
		    cdx_cache_get_page(s->store, s->page, &tree, page) < 0) {
			s->page->n = 0;
			return NULL;
		}
	}
	return at < s->page->n ? &s->page->leaf[at] : NULL;
}

bool cdx_rest_source_here(struct cdx_rest_source *s, uint64_t off, uint64_t len)
{
	uint32_t bs = s->manifest.block_size;
	const struct cdx_digest *leaf;

	if (s->kind != CDX_REST_CACHED || len == 0)
		return true;
	for (uint64_t i = off / bs; i <= (off + len - 1) / bs; i++) {
		leaf = cached_leaf(s, i);
		if (leaf == NULL || block_size(s->store, leaf) < 0)
			return false;
	}
	return true;
}

static ssize_t read_cached(struct cdx_rest_source *s, uint8_t *out,
			   uint64_t off, size_t len)
{
	uint32_t bs = s->manifest.block_size;
	size_t done = 0;

	while (done < len) {
		uint64_t at = off + done;
		size_t skip = (size_t)(at % bs);
		size_t n = bs - skip < len - done ? bs - skip : len - done;
		const struct cdx_digest *leaf = cached_leaf(s, at / bs);
		int rc = leaf == NULL ? -ENODATA
				      : cdx_block_read_quiet(s->store, s->block,
							     bs, leaf);

		if (rc < 0)
			return rc == -ENOENT ? -ENODATA : rc;
		memcpy(out + done, s->block + skip, n);
		done += n;
	}
	return (ssize_t)done;
}

ssize_t cdx_rest_source_read(struct cdx_rest_source *s, struct cdx_rest_call *q,
			     uint8_t *out, uint64_t off, size_t len)
{
	if (off >= s->size)
		return 0;
	if (len > s->size - off)
		len = (size_t)(s->size - off);
	switch (s->kind) {
	case CDX_REST_STORED:
		return cdx_repair_read(s->store, out, s->info, off, len);
	case CDX_REST_CACHED:
		return read_cached(s, out, off, len);
	case CDX_REST_REMOTE:
		return cdx_reader_read_wait(s->reader, out, off, len, 0,
					    cdx_rest_cancelled, q);
	case CDX_REST_BLOCK:
		break;
	}
	memcpy(out, s->block + off, len);
	return (ssize_t)len;
}
