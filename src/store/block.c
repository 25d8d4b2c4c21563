/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/block.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "crypto/block.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/cache.h"
#include "store/records.h"

void cdx_block_lock(struct cdx_store *s)
{
	(void)pthread_mutex_lock(&cdx_store_areas(s)->block_mu);
}

void cdx_block_unlock(struct cdx_store *s)
{
	(void)pthread_mutex_unlock(&cdx_store_areas(s)->block_mu);
}

int cdx_block_info(struct cdx_store *s, const struct cdx_digest *digest,
		   struct cdx_block_info *out)
{
	uint8_t val[CDX_BLOCK_VAL_MAX];
	int rc;

	rc = cdx_kv_get(s, CDX_DB_BLOCK, digest->b, sizeof(digest->b), val,
			sizeof(val));
	if (rc == -ENOBUFS)
		return CDX_E_CORRUPT;
	if (rc < 0)
		return rc;
	return cdx_block_info_decode(out, val, (size_t)rc);
}

int cdx_block_add(struct cdx_store *s, struct cdx_batch *b,
		  const struct cdx_digest *digest,
		  const struct cdx_block_loc *loc)
{
	return cdx_block_set_one(s, b, digest, CDX_BLOCK_SIZE, loc, true);
}

int cdx_block_del(struct cdx_store *s, struct cdx_batch *b,
		  const struct cdx_digest *digest,
		  const struct cdx_block_loc *loc)
{
	return cdx_block_set_one(s, b, digest, CDX_BLOCK_SIZE, loc, false);
}

static void report_bad(struct cdx_store *s, const struct cdx_digest *digest,
		       const struct cdx_block_loc *loc, int err)
{
	const struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_BLOCK, digest);
	char text[CDX_CID_TEXT_MAX];

	cdx_store_count_bad(s);
	if (err == -ENOENT) {
		cdx_area_missing(cdx_store_areas(s), loc->area);
		return;
	}
	if (!cdx_area_bad_line(cdx_store_areas(s), loc->area))
		return;
	cdx_cid_text(text, &cid);
	cdx_log(cdx_store_log(s), ERROR, "store",
		"block %s at %" PRIu64 " of areas/%016" PRIx64 ": %s", text,
		loc->off, loc->area, cdx_strerror(err));
}

static int read_loc(struct cdx_store *s, uint8_t *out, uint32_t size,
		    const struct cdx_digest *digest,
		    const struct cdx_block_loc *loc, unsigned how)
{
	struct cdx_digest got;
	int rc;

	rc = cdx_area_read(s, loc->area, loc->off, out, size);
	if (rc < 0 || (how & CDX_BLOCK_TRUST) != 0)
		return rc;
	cdx_sha256(&got, out, size);
	return memcmp(&got, digest, sizeof(got)) == 0 ? 0 : CDX_E_HASH;
}

static int read_own(struct cdx_store *s, uint8_t *out, uint32_t size,
		    const struct cdx_digest *digest, unsigned how)
{
	struct cdx_block_info info;
	int rc;

	rc = cdx_block_info(s, digest, &info);
	if (rc < 0)
		return rc;
	if (info.size != size)
		return CDX_E_CORRUPT;
	if (info.locs == 0)
		return -ENODATA;
	for (uint32_t i = 0; i < info.locs; i++) {
		rc = read_loc(s, out, size, digest, &info.loc[i], how);
		if (rc == 0 || rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
			return rc;
		if ((how & CDX_BLOCK_QUIET) == 0)
			report_bad(s, digest, &info.loc[i], rc);
	}
	return CDX_E_HASH;
}

int cdx_block_read_how(struct cdx_store *s, uint8_t *out, uint32_t size,
		       const struct cdx_digest *digest, unsigned how)
{
	uint64_t token = cdx_store_read_begin(s);
	int rc;

	rc = read_own(s, out, size, digest, how);
	cdx_store_read_end(s, token);
	if ((how & CDX_BLOCK_OWN) != 0 ||
	    (rc != -ENOENT && rc != -ENODATA && rc != CDX_E_HASH))
		return rc;
	/* what is not here, or bad, may have been fetched before */
	return cdx_cache_get_block(s, out, size, digest) == 0 ? 0 : rc;
}

int cdx_block_read(struct cdx_store *s, uint8_t *out, uint32_t size,
		   const struct cdx_digest *digest)
{
	return cdx_block_read_how(s, out, size, digest, 0);
}

int cdx_block_read_quiet(struct cdx_store *s, uint8_t *out, uint32_t size,
			 const struct cdx_digest *digest)
{
	return cdx_block_read_how(s, out, size, digest, CDX_BLOCK_QUIET);
}
