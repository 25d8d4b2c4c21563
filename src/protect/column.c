/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "protect/column.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "store/area.h"
#include "store/block.h"
#include "store/block_set.h"
#include "store/held.h"

/* Blocks that lie one behind the other in a file and in memory */
struct run {
	struct cdx_block_loc loc;
	size_t first;
	size_t n;
};

struct reader {
	struct cdx_store *s;
	const struct cdx_protection *p;
	uint8_t *out;
	uint8_t *state;
	struct run run;
};

/* A failed read costs the blocks of the run, not the column. */
static int flush(struct reader *c)
{
	size_t size = c->p->block_size;
	struct run *r = &c->run;
	int rc;

	if (r->n == 0)
		return 0;
	rc = cdx_area_read_once(c->s, r->loc.area, r->loc.off,
				c->out + r->first * size, r->n * size);
	if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
		return rc;
	if (rc < 0)
		memset(c->out + r->first * size, 0, r->n * size);
	memset(c->state + r->first, rc < 0 ? CDX_BLOCK_BAD : CDX_BLOCK_READ,
	       r->n);
	r->n = 0;
	return 0;
}

static bool follows(const struct reader *c, const struct cdx_block_loc *loc,
		    size_t i)
{
	const struct run *r = &c->run;
	uint64_t size = c->p->block_size;

	return r->n != 0 && r->first + r->n == i &&
	       cdx_block_room(c->p->block_size) == size &&
	       loc->area == r->loc.area && loc->off == r->loc.off + r->n * size;
}

/* Puts block @i at one of its places into the run, or begins a new one. */
static int add(struct reader *c, const struct cdx_block_info *info, size_t i)
{
	int rc;

	for (uint32_t l = 0; l < info->locs; l++)
		if (follows(c, &info->loc[l], i)) {
			c->run.n++;
			return 0;
		}
	rc = flush(c);
	c->run = (struct run){.loc = info->loc[0], .first = i, .n = 1};
	return rc;
}

static int missing(struct reader *c, size_t i, enum cdx_block_state state)
{
	memset(c->out + i * c->p->block_size, 0, c->p->block_size);
	c->state[i] = (uint8_t)state;
	return 0;
}

static int look_up(struct reader *c, uint64_t index, size_t i,
		   struct cdx_digest *digest)
{
	struct cdx_block_info info;
	struct cdx_leaf leaf;
	int rc;

	memset(digest, 0, sizeof(*digest));
	rc = cdx_protection_leaf(c->s, c->p, index, &leaf);
	if (rc == -ENOENT || (rc == 0 && leaf.state == CDX_LEAF_BURNT))
		return missing(c, i, CDX_BLOCK_MISSING);
	if (rc < 0)
		return rc;
	*digest = leaf.digest;
	if (memcmp(digest, &cdx_digest_empty, sizeof(*digest)) == 0)
		return missing(c, i, CDX_BLOCK_EMPTY);
	rc = cdx_block_info(c->s, digest, &info);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc < 0 || info.locs == 0 || info.size != c->p->block_size ||
	    !cdx_held_may_use(c->s, c->p, index, digest, &info))
		return missing(c, i, CDX_BLOCK_MISSING);
	return add(c, &info, i);
}

int cdx_column_read(struct cdx_store *s, const struct cdx_protection *p,
		    uint32_t slot, uint64_t step, size_t n,
		    const struct cdx_column *out)
{
	struct reader c = {
		.s = s, .p = p, .out = out->blocks, .state = out->state};
	uint64_t token = cdx_store_read_begin(s);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = look_up(&c, slot * p->steps + step + i, i,
			     &out->digest[i]);
	if (rc == 0)
		rc = flush(&c);
	cdx_store_read_end(s, token);
	return rc;
}
