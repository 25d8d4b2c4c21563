/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/step.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "erasure/cache.h"

static bool is_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

int cdx_step_verify(struct cdx_store *s, const struct cdx_protection *p,
		    uint64_t index, const uint8_t *block)
{
	struct cdx_digest got;
	struct cdx_leaf leaf;
	int rc;

	rc = cdx_protection_leaf(s, p, index, &leaf);
	if (rc < 0)
		return rc;
	if (memcmp(&leaf.digest, &cdx_digest_empty, sizeof(got)) == 0)
		return is_zero(block, p->block_size) ? 0 : CDX_E_HASH;
	cdx_sha256(&got, block, p->block_size);
	return memcmp(&got, &leaf.digest, sizeof(got)) == 0 ? 0 : CDX_E_HASH;
}

int cdx_step_decode(const struct cdx_ec *ec, uint32_t slice,
		    const struct cdx_protection *p, uint32_t want,
		    const uint8_t *const *blocks, uint8_t *out)
{
	const uint8_t *piece[CDX_EC_COLUMNS_MAX] = {NULL};
	int rc = 0;

	for (size_t off = 0; off < p->block_size && rc == 0; off += slice) {
		for (uint32_t c = 0; c < p->k + p->m; c++)
			piece[c] = blocks[c] ? blocks[c] + off : NULL;
		rc = cdx_ec_rebuild(ec, out + off, want, piece);
	}
	return rc;
}

static void blame(struct cdx_step *st, uint32_t column, uint64_t index)
{
	unsigned line;

	if (st->suspects >> column & 1)
		return;
	st->bad++;
	st->blamed |= UINT32_C(1) << column;
	line = cdx_store_bad_line(st->s, st->p->id);
	if (line > CDX_BAD_LINES)
		cdx_log(cdx_store_log(st->s), WARN, "repair",
			"further bad blocks of this dataset are not shown");
	else if (line != 0)
		cdx_log(cdx_store_log(st->s), WARN, "repair",
			"slot %" PRIu32 ": block %" PRIu64
			" of the encoded dataset does not verify, passed over",
			column, index);
}

/* 1: @out is good; 0: there is no good block of this column */
static int get_block(struct cdx_step *st, uint32_t column, uint64_t step,
		     uint8_t *out)
{
	uint64_t index = column * st->p->steps + step;
	int rc = -ENODATA;

	if (st->source)
		rc = st->source(st->source_arg, column, step, out);
	if (rc >= 0) {
		rc = cdx_step_verify(st->s, st->p, index, out);
		if (rc == 0)
			return 1;
		if (rc == CDX_E_HASH)
			blame(st, column, index);
	}
	rc = cdx_protection_read(st->s, out, st->p, index);
	if (rc == 0)
		return 1;
	if (rc == CDX_E_HASH)
		blame(st, column, index);
	return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE ? rc : 0;
}

static bool is_trusted(const struct cdx_step *st, uint32_t column)
{
	uint32_t doubtful = st->p->absent | st->p->damaged | st->suspects;

	return !(doubtful >> column & 1);
}

/* Fills @blocks with up to k good ones, which lie in @bytes. */
static int gather(struct cdx_step *st, uint32_t want, uint64_t step,
		  uint8_t *bytes, const uint8_t **blocks)
{
	const struct cdx_protection *p = st->p;
	int rc;

	st->found = 0;
	for (int trusted = 1; trusted >= 0; trusted--)
		for (uint32_t c = 0; c < p->k + p->m; c++) {
			uint8_t *at = bytes + (size_t)st->found * p->block_size;

			if (c == want || is_trusted(st, c) != trusted)
				continue;
			rc = get_block(st, c, step, at);
			if (rc < 0)
				return rc;
			if (rc == 0)
				continue;
			blocks[c] = at;
			if (++st->found == p->k)
				return 0;
		}
	return -ENODATA;
}

int cdx_step_rebuild(struct cdx_step *st, uint32_t want, uint64_t step,
		     uint8_t *out)
{
	const struct cdx_protection *p = st->p;
	uint32_t slice = cdx_ec_slice(p->codec, p->block_size);
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX] = {NULL};
	struct cdx_ec *ec CDX_CLEANUP(cdx_ec_putp) = NULL;
	uint8_t *bytes CDX_CLEANUP(cdx_freep) = NULL;
	int rc;

	st->found = 0;
	if (p->m == 0)
		return -ENODATA;
	bytes = malloc((size_t)p->k * p->block_size);
	if (!bytes)
		return -ENOMEM;
	rc = gather(st, want, step, bytes, blocks);
	if (rc == 0)
		rc = cdx_ec_get(&ec, p->codec, p->k, p->m, slice);
	if (rc == 0)
		rc = cdx_step_decode(ec, slice, p, want, blocks, out);
	if (rc == 0)
		rc = cdx_step_verify(st->s, p, want * p->steps + step, out);
	return rc;
}
