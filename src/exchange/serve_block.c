/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "exchange/serve_internal.h"
#include "store/block.h"
#include "store/cache.h"
#include "store/protection.h"
#include "store/public.h"

#define CODEC_RAW 0x55u
#define NS_PER_S UINT64_C(1000000000)
/* in which the time is kept when a block was seen: 16 bits are 45 days */
#define SEEN_UNIT_S 60u
#define SEEN_TIME UINT64_C(0xffff)
#define TYPE_RAW "application/vnd.ipld.raw"

/* ---- blocks ---- */

static bool is_bad(struct cdx_exchange_server *s, const struct cdx_digest *d)
{
	bool found = false;

	pthread_mutex_lock(&s->mu);
	for (unsigned i = 0; i < CDX_SERVE_BAD && i < s->n_bad && !found; i++)
		found = memcmp(&s->bad[i], d, sizeof(*d)) == 0;
	pthread_mutex_unlock(&s->mu);
	return found;
}

static void note_bad(struct cdx_exchange_server *s, const struct cdx_digest *d)
{
	pthread_mutex_lock(&s->mu);
	s->bad[s->n_bad++ % CDX_SERVE_BAD] = *d;
	pthread_mutex_unlock(&s->mu);
}

/* Mended meanwhile */
static void forget_bad(struct cdx_exchange_server *s,
		       const struct cdx_digest *d)
{
	pthread_mutex_lock(&s->mu);
	for (unsigned i = 0; i < CDX_SERVE_BAD && i < s->n_bad; i++) {
		if (memcmp(&s->bad[i], d, sizeof(*d)) == 0)
			memset(&s->bad[i], 0, sizeof(*d));
	}
	pthread_mutex_unlock(&s->mu);
}

int cdx_serve_block_size(struct cdx_exchange_server *s,
			 const struct cdx_digest *digest)
{
	struct cdx_block_info info;
	int rc = cdx_block_info(s->store, digest, &info);

	if (rc == 0 && info.locs > 0 && !is_bad(s, digest))
		return info.size <= CDX_BLOCK_SIZE_MAX ? (int)info.size
						       : -ENOENT;
	return cdx_cache_block_size(s->store, digest);
}

static int read_block(struct cdx_exchange_server *s, struct cdx_hot_block **out,
		      const struct cdx_digest *digest)
{
	struct cdx_block_info info;
	struct cdx_hot_block *b;
	int rc = cdx_block_info(s->store, digest, &info);
	int size = rc == 0 && info.locs > 0
			   ? (int)info.size
			   : cdx_cache_block_size(s->store, digest);

	if (size < 0 || (uint32_t)size > CDX_BLOCK_SIZE_MAX)
		return -ENOENT;
	rc = cdx_hot_block_new(s->hot, &b, digest, (uint32_t)size);
	if (rc < 0)
		return rc;
	rc = cdx_block_read(s->store, b->bytes, b->size, digest);
	if (rc < 0) {
		cdx_hot_release(b);
		return rc;
	}
	*out = b;
	return 0;
}

int cdx_serve_block_get(struct cdx_exchange_server *s,
			struct cdx_hot_block **out,
			const struct cdx_digest *digest)
{
	int rc;

	*out = cdx_hot_get(s->hot, digest);
	if (*out != NULL) {
		atomic_fetch_add_explicit(&s->hot_hits, 1,
					  memory_order_relaxed);
		return 0;
	}
	rc = read_block(s, out, digest);
	if (rc == 0) {
		cdx_hot_put(s->hot, *out);
		forget_bad(s, digest);
	} else if (rc != -ENOENT && rc != -ENOMEM && rc != -EAGAIN) {
		note_bad(s, digest);
	}
	return rc;
}

/* Where a digest is among those seen lately: one of so many places */
#define SEEN_WAYS 8u

static _Atomic uint64_t *seen_places(struct cdx_exchange_server *s,
				     const struct cdx_digest *d)
{
	return &s->seen[cdx_get_be32(d->b) % (CDX_SERVE_SEEN / SEEN_WAYS) *
			SEEN_WAYS];
}

/* What is kept: 48 bits of the digest, and the time */
static uint64_t seen_tag(const struct cdx_digest *d)
{
	return cdx_get_be64(d->b + 4) & ~SEEN_TIME;
}

static uint64_t seen_time(void)
{
	return cdx_clock_mono_ns() / NS_PER_S / SEEN_UNIT_S & SEEN_TIME;
}

/* For how long it has been there; one that is none is as old as can be */
static uint64_t seen_age(uint64_t v, uint64_t now)
{
	return v == 0 ? SEEN_TIME : (now - v) & SEEN_TIME;
}

static bool seen_lately(struct cdx_exchange_server *s,
			const struct cdx_digest *d)
{
	_Atomic uint64_t *place = seen_places(s, d);
	uint64_t tag = seen_tag(d);
	uint64_t now = seen_time();

	for (unsigned i = 0; i < SEEN_WAYS; i++) {
		uint64_t v =
			atomic_load_explicit(&place[i], memory_order_relaxed);

		if ((v & ~SEEN_TIME) == tag &&
		    seen_age(v, now) < CDX_SERVE_SEEN_S / SEEN_UNIT_S)
			return true;
	}
	return false;
}

/* In the place of itself, or of the oldest */
static void see(struct cdx_exchange_server *s, const struct cdx_digest *d)
{
	_Atomic uint64_t *place = seen_places(s, d);
	uint64_t tag = seen_tag(d);
	uint64_t now = seen_time();
	uint64_t most = 0;
	unsigned at = 0;

	for (unsigned i = 0; i < SEEN_WAYS; i++) {
		uint64_t v =
			atomic_load_explicit(&place[i], memory_order_relaxed);

		if ((v & ~SEEN_TIME) == tag) {
			at = i;
			break;
		}
		if (seen_age(v, now) > most) {
			most = seen_age(v, now);
			at = i;
		}
	}
	atomic_store_explicit(&place[at], tag | now, memory_order_relaxed);
}

/* Blocks that many want are in memory; of others the kernel has them as near, and
 * a copy of ours would only push out those. */
int cdx_serve_block_into(struct cdx_exchange_server *s, uint8_t *out,
			 uint32_t size, const struct cdx_digest *digest)
{
	struct cdx_hot_block *b = cdx_hot_get(s->hot, digest);
	bool seen;
	int rc;

	if (b != NULL) {
		rc = b->size == size ? 0 : CDX_E_CORRUPT;
		if (rc == 0)
			memcpy(out, b->bytes, size);
		cdx_hot_release(b);
		atomic_fetch_add_explicit(&s->hot_hits, 1,
					  memory_order_relaxed);
		return rc;
	}
	seen = seen_lately(s, digest);
	rc = cdx_block_read_how(s->store, out, size, digest,
				seen ? CDX_BLOCK_TRUST : 0);
	if (rc == 0 && !seen) {
		see(s, digest);
		forget_bad(s, digest);
	} else if (rc != 0 && rc != -ENOENT && rc != -ENOMEM) {
		note_bad(s, digest);
	}
	return rc;
}

/* ---- answers ---- */

static bool not_modified(struct cdx_web_req *r, const char *etag)
{
	if (!cdx_serve_etag_matches(cdx_web_header(r, "If-None-Match"), etag))
		return false;
	cdx_web_reply(r, 304, "", "", 0);
	return true;
}

/* The CID's text as it was asked for, which is one of its names and saves making
 * another; its usual text when that is longer, or not made of letters and digits. */
static void name_of(char out[CDX_CID_TEXT_MAX], const struct cdx_web_req *r,
		    const struct cdx_cid *cid)
{
	const char *asked = cdx_web_path(r) + strlen("/ipfs/");
	size_t n = 0;

	while (n < CDX_CID_TEXT_MAX - 1 &&
	       ((asked[n] >= '0' && asked[n] <= '9') ||
		(asked[n] >= 'A' && asked[n] <= 'Z') ||
		(asked[n] >= 'a' && asked[n] <= 'z'))) {
		out[n] = asked[n];
		n++;
	}
	out[n] = '\0';
	if (asked[n] != '\0')
		cdx_cid_text(out, cid);
}

/* Headers of an answer whose bytes the CID names; false: it was answered. */
static bool begin(struct cdx_web_req *r, const struct cdx_cid *cid)
{
	char text[CDX_CID_TEXT_MAX];
	char etag[CDX_CID_TEXT_MAX + 2];
	char file[CDX_CID_TEXT_MAX + 64];

	name_of(text, r, cid);
	snprintf(etag, sizeof(etag), "\"%s\"", text);
	snprintf(file, sizeof(file), "attachment; filename=\"%s.bin\"", text);
	return cdx_serve_forever(r, etag) &&
	       cdx_serve_set(r, "Content-Disposition", file) &&
	       !not_modified(r, etag);
}

static void answer_bytes(struct cdx_web_req *r, const struct cdx_cid *cid,
			 const void *p, size_t len)
{
	if (begin(r, cid))
		cdx_web_reply(r, 200, TYPE_RAW, p, len);
}

static void answer_block(struct cdx_exchange_server *s, struct cdx_web_req *r,
			 const struct cdx_cid *cid, struct cdx_hot_block *b)
{
	if (!begin(r, cid)) {
		cdx_hot_release(b);
		return;
	}
	atomic_fetch_add_explicit(&s->blocks_sent, 1, memory_order_relaxed);
	cdx_web_reply_static(r, 200, TYPE_RAW, b->bytes, b->size,
			     cdx_hot_release, b);
}

/* -ENOENT: no such manifest may be served */
static int try_manifest(struct cdx_exchange_server *s, struct cdx_web_req *r,
			const struct cdx_cid *cid,
			const struct cdx_digest *digest)
{
	struct cdx_buf CDX_CLEANUP(cdx_buf_free) bytes = {0};
	struct cdx_cid name = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);
	struct cdx_dataset_info info;
	struct cdx_digest hash;
	int rc = cdx_dataset_info(s->store, &name, &info);

	if (rc == 0 && cdx_dataset_is_public(&info) && !info.dropping)
		rc = cdx_dataset_manifest(s->store, &name, &bytes);
	else
		rc = cdx_cache_get_manifest(s->store, &bytes, digest);
	if (rc < 0)
		return rc;
	/* the cache finds it by its tree as well */
	cdx_sha256(&hash, bytes.p, bytes.len);
	if (memcmp(&hash, digest, sizeof(hash)) != 0)
		return -ENOENT;
	answer_bytes(r, cid, bytes.p, bytes.len);
	return 0;
}

static int try_block(struct cdx_exchange_server *s, struct cdx_web_req *r,
		     const struct cdx_cid *cid, const struct cdx_digest *digest)
{
	struct cdx_hot_block *b;
	int rc;

	if (!cdx_public_block(s->store, digest))
		return -ENOENT;
	rc = cdx_serve_block_get(s, &b, digest);
	if (rc == 0)
		answer_block(s, r, cid, b);
	return rc;
}

/* Is it here, and only not for others? */
static bool is_ours(struct cdx_exchange_server *s,
		    const struct cdx_digest *digest)
{
	struct cdx_cid name = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);
	struct cdx_dataset_info dataset;
	struct cdx_block_info block;

	return cdx_block_info(s->store, digest, &block) == 0 ||
	       cdx_dataset_info(s->store, &name, &dataset) == 0;
}

void cdx_serve_ipfs(struct cdx_exchange_server *s, struct cdx_web_req *r,
		    const struct cdx_cid *cid)
{
	struct cdx_digest digest;
	int rc = -ENOENT;

	if (!cdx_serve_wants_raw(cdx_web_param(r, "format"),
				 cdx_web_header(r, "Accept"))) {
		cdx_serve_fail(r, 406,
			       "only the bytes as they are: format=raw, or "
			       "Accept: " TYPE_RAW "\n");
		return;
	}
	/* such a CID is its own content; gateways are probed with it */
	if (cdx_cid_is_empty(cid) || cid->mhash == CDX_MHASH_IDENTITY) {
		answer_bytes(r, cid, cid->digest,
			     cid->mhash == CDX_MHASH_IDENTITY ? cid->len : 0);
		return;
	}
	if (cid->mhash != CDX_MHASH_SHA256 || cid->len != sizeof(digest)) {
		cdx_serve_fail(r, 404, "not here\n");
		return;
	}
	memcpy(digest.b, cid->digest, sizeof(digest.b));
	if (cid->codec == CDX_CODEC_BLOCK || cid->codec == CODEC_RAW)
		rc = try_block(s, r, cid, &digest);
	if (rc == -ENOENT &&
	    (cid->codec == CDX_CODEC_MANIFEST || cid->codec == CODEC_RAW))
		rc = try_manifest(s, r, cid, &digest);
	if (rc == 0)
		return;
	if (rc == -ENOENT && is_ours(s, &digest))
		atomic_fetch_add_explicit(&s->not_served, 1,
					  memory_order_relaxed);
	if (rc == -ENOMEM || rc == -EAGAIN)
		cdx_serve_fail(r, 503, "too much is being sent just now\n");
	else
		cdx_serve_fail(r, 404, "not here\n");
}
