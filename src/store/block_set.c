/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/block_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/map.h"
#include "crypto/block.h"
#include "store/area_internal.h"
#include "store/block_set_internal.h"
#include "store/records.h"

static void set_init(struct cdx_block_set *set, struct cdx_store *s,
		     struct cdx_batch *b)
{
	memset(set, 0, sizeof(*set));
	set->s = s;
	set->a = cdx_store_areas(s);
	set->b = b;
	set->loose_id = set->a->loose_id;
	set->loose_off = set->a->loose_off;
}

static void set_clear(struct cdx_block_set *set)
{
	struct cdx_block_entry *e;
	struct cdx_loose *l;

	while ((e = set->entries) != NULL) {
		set->entries = e->next;
		free(e);
	}
	while ((l = set->areas) != NULL) {
		set->areas = l->next;
		free(l);
	}
	cdx_map_free(&set->map);
}

int cdx_block_set_begin(struct cdx_block_set **out, struct cdx_store *s)
{
	struct cdx_block_set *set;
	struct cdx_batch *b;
	int rc;

	*out = NULL;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	set = malloc(sizeof(*set));
	if (set == NULL) {
		cdx_batch_drop(b);
		return -ENOMEM;
	}
	cdx_block_lock(s);
	set_init(set, s, b);
	*out = set;
	return 0;
}

struct cdx_batch *cdx_block_set_batch(struct cdx_block_set *set)
{
	return set->b;
}

static void set_end(struct cdx_block_set *set)
{
	struct cdx_store *s = set->s;

	set_clear(set);
	free(set);
	cdx_block_unlock(s);
}

void cdx_block_set_drop(struct cdx_block_set *set)
{
	if (set == NULL)
		return;
	cdx_batch_drop(set->b);
	set_end(set);
}

void cdx_block_set_dropp(struct cdx_block_set **set)
{
	cdx_block_set_drop(*set);
	*set = NULL;
}

/* ---- entries ---- */

static int entry_new(struct cdx_block_set *set, struct cdx_block_entry **out,
		     struct cdx_block_entry *same,
		     const struct cdx_digest *digest)
{
	struct cdx_block_entry *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return -ENOMEM;
	e->digest = *digest;
	e->same = same;
	rc = cdx_block_info(set->s, digest, &e->info);
	if (rc < 0 && rc != -ENOENT)
		goto out;
	e->existed = rc != -ENOENT;
	e->exists = e->existed;
	rc = cdx_map_put(&set->map, cdx_get_be64(digest->b), e);
	if (rc < 0)
		goto out;
	e->next = set->entries;
	set->entries = e;
	*out = e;
	return 0;
out:
	free(e);
	return rc;
}

static int entry_get(struct cdx_block_set *set, struct cdx_block_entry **out,
		     const struct cdx_digest *digest)
{
	struct cdx_block_entry *same =
		cdx_map_get(&set->map, cdx_get_be64(digest->b));

	for (struct cdx_block_entry *e = same; e != NULL; e = e->same)
		if (memcmp(&e->digest, digest, sizeof(*digest)) == 0) {
			*out = e;
			return 0;
		}
	return entry_new(set, out, same, digest);
}

void cdx_block_info_add_loc(struct cdx_block_info *info,
			    const struct cdx_block_loc *loc)
{
	for (uint32_t i = 0; i < info->locs; i++)
		if (info->loc[i].area == loc->area &&
		    info->loc[i].off == loc->off)
			return;
	/* with eight copies at hand a ninth is not worth knowing */
	if (info->locs < CDX_BLOCK_LOCS_MAX)
		info->loc[info->locs++] = *loc;
}

static void info_del_loc(struct cdx_block_info *info,
			 const struct cdx_block_loc *loc)
{
	for (uint32_t i = 0; i < info->locs; i++)
		if (info->loc[i].area == loc->area &&
		    info->loc[i].off == loc->off) {
			info->loc[i] = info->loc[--info->locs];
			memset(&info->loc[info->locs], 0, sizeof(info->loc[0]));
			return;
		}
}

/* One more reference to what may be a new record */
static int entry_ref(struct cdx_block_entry *e, uint32_t size)
{
	if (!e->exists) {
		memset(&e->info, 0, sizeof(e->info));
		e->info.size = size;
	}
	/* equal digests, different lengths: no file has that */
	if (e->info.size != size)
		return CDX_E_CORRUPT;
	if (e->info.refs == UINT32_MAX)
		return -EOVERFLOW;
	e->exists = true;
	e->changed = true;
	e->info.refs++;
	return 0;
}

/* ---- changes ---- */

int cdx_block_set_append(struct cdx_block_set *set,
			 const struct cdx_digest *digest, const uint8_t *block,
			 uint32_t size)
{
	struct cdx_block_entry *e;
	int rc;

	rc = entry_get(set, &e, digest);
	if (rc == 0)
		rc = entry_ref(e, size);
	if (rc == 0 && e->info.locs == 0)
		rc = cdx_loose_append(set, e, block);
	return rc;
}

int cdx_block_set_add(struct cdx_block_set *set,
		      const struct cdx_digest *digest, uint32_t size,
		      const struct cdx_block_loc *loc)
{
	struct cdx_block_entry *e;
	int rc;

	rc = entry_get(set, &e, digest);
	if (rc < 0)
		return rc;
	if (!e->exists && loc == NULL)
		return -ENOENT;
	rc = entry_ref(e, size);
	if (rc == 0 && loc != NULL)
		cdx_block_info_add_loc(&e->info, loc);
	return rc;
}

int cdx_block_set_name(struct cdx_block_set *set,
		       const struct cdx_digest *digest, uint32_t size)
{
	struct cdx_block_entry *e;
	int rc;

	rc = entry_get(set, &e, digest);
	return rc < 0 ? rc : entry_ref(e, size);
}

/* Copies a block whose last location goes away but that others still name. */
static int rehome(struct cdx_block_set *set, struct cdx_block_entry *e,
		  const struct cdx_block_loc *loc)
{
	uint8_t *block CDX_CLEANUP(cdx_freep) = malloc(e->info.size);
	struct cdx_digest digest;
	int rc;

	if (block == NULL)
		return -ENOMEM;
	rc = cdx_area_read(set->s, loc->area, loc->off, block, e->info.size);
	/* that says nothing about the block */
	if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
		return rc;
	if (rc == 0) {
		cdx_sha256(&digest, block, e->info.size);
		if (memcmp(&digest, &e->digest, sizeof(digest)) == 0)
			return cdx_loose_append(set, e, block);
	}
	/* A bad copy is worth no less than none: the reference stays and says
	 * that the block is missing. */
	cdx_store_count_bad(set->s);
	if (cdx_area_bad_line(set->a, loc->area))
		cdx_log(cdx_store_log(set->s), ERROR, "store",
			"last copy of a block that is still in use is bad");
	return 0;
}

int cdx_block_set_del(struct cdx_block_set *set,
		      const struct cdx_digest *digest,
		      const struct cdx_block_loc *loc)
{
	struct cdx_block_entry *e;
	uint32_t had;
	int rc;

	rc = entry_get(set, &e, digest);
	if (rc < 0)
		return rc;
	if (!e->exists || e->info.refs == 0)
		return -ENOENT;
	e->changed = true;
	e->info.refs--;
	had = e->info.locs;
	if (loc != NULL)
		info_del_loc(&e->info, loc);
	if (e->info.refs != 0)
		return had != 0 && e->info.locs == 0 ? rehome(set, e, loc) : 0;
	for (uint32_t i = 0; i < e->info.locs && rc >= 0; i++)
		rc = cdx_loose_give_back(set, e, &e->info.loc[i]);
	e->info.locs = 0;
	e->exists = false;
	return rc < 0 ? rc : 0;
}

/* Gives back the loose locations; with @bad those alone that do not verify. */
static int lose(struct cdx_block_set *set, struct cdx_block_entry *e,
		const struct cdx_digest *bad)
{
	uint8_t *block CDX_CLEANUP(cdx_freep) = malloc(e->info.size);
	struct cdx_digest digest;
	uint32_t i = 0;
	int rc;

	if (block == NULL)
		return -ENOMEM;
	while (i < e->info.locs) {
		struct cdx_block_loc loc = e->info.loc[i];

		rc = bad == NULL ? CDX_E_HASH
				 : cdx_area_read(set->s, loc.area, loc.off,
						 block, e->info.size);
		if (rc == 0)
			cdx_sha256(&digest, block, e->info.size);
		if (rc == 0 && memcmp(&digest, bad, sizeof(digest)) == 0)
			return 1;
		rc = cdx_loose_give_back(set, e, &loc);
		if (rc < 0)
			return rc;
		/* the last one takes its place */
		if (rc == 1) {
			info_del_loc(&e->info, &loc);
			e->changed = true;
		} else {
			i++;
		}
	}
	return 0;
}

static int known(struct cdx_block_set *set, struct cdx_block_entry **out,
		 const struct cdx_digest *digest)
{
	int rc = entry_get(set, out, digest);

	return rc == 0 && !(*out)->exists ? -ENOENT : rc;
}

int cdx_block_set_evict(struct cdx_block_set *set,
			const struct cdx_digest *digest,
			const struct cdx_block_loc *loc, uint32_t own)
{
	struct cdx_block_entry *e;
	uint32_t had;
	int rc;

	rc = known(set, &e, digest);
	if (rc < 0)
		return rc;
	if (loc == NULL)
		return e->info.refs > own ? 0 : lose(set, e, NULL);
	had = e->info.locs;
	info_del_loc(&e->info, loc);
	e->changed = true;
	if (had == 0 || e->info.locs != 0 || e->info.refs <= own)
		return 0;
	return rehome(set, e, loc);
}

int cdx_block_set_place(struct cdx_block_set *set,
			const struct cdx_digest *digest,
			const struct cdx_block_loc *loc)
{
	struct cdx_block_entry *e;
	int rc;

	rc = known(set, &e, digest);
	if (rc < 0)
		return rc;
	cdx_block_info_add_loc(&e->info, loc);
	e->changed = true;
	return 0;
}

int cdx_block_set_refill(struct cdx_block_set *set,
			 const struct cdx_digest *digest, const uint8_t *block,
			 uint32_t size)
{
	struct cdx_block_entry *e;
	int rc;

	rc = known(set, &e, digest);
	if (rc < 0)
		return rc;
	if (e->info.size != size)
		return CDX_E_CORRUPT;
	rc = lose(set, e, digest);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return cdx_loose_append(set, e, block);
}

/* ---- into the batch ---- */

static void put_entry(struct cdx_block_set *set,
		      const struct cdx_block_entry *e)
{
	uint8_t val[CDX_BLOCK_VAL_MAX];

	if (e->exists && !e->existed)
		cdx_batch_add(set->b, CDX_CNT_BLOCKS, 1);
	if (!e->exists && e->existed)
		cdx_batch_add(set->b, CDX_CNT_BLOCKS, -1);
	if (e->exists)
		cdx_batch_put(set->b, CDX_DB_BLOCK, e->digest.b,
			      sizeof(e->digest.b), val,
			      cdx_block_info_encode(val, &e->info));
	else
		cdx_batch_del(set->b, CDX_DB_BLOCK, e->digest.b,
			      sizeof(e->digest.b));
}

static void put_all(struct cdx_block_set *set)
{
	for (const struct cdx_block_entry *e = set->entries; e != NULL;
	     e = e->next)
		if (e->changed)
			put_entry(set, e);
	for (const struct cdx_loose *l = set->areas; l != NULL; l = l->next) {
		if (!l->changed)
			continue;
		/* one that is not appended to any more is as good as closed */
		if (l->info.live == 0 &&
		    (l->info.closed || l->id != set->loose_id))
			cdx_area_remove(set->b, l->id);
		else
			cdx_area_set_info(set->b, l->id, &l->info);
	}
	if (set->appended)
		cdx_batch_names_data(set->b);
}

int cdx_block_set_apply(struct cdx_block_set *set)
{
	int rc;

	put_all(set);
	rc = cdx_batch_apply(set->b);
	if (rc == 0) {
		set->a->loose_id = set->loose_id;
		set->a->loose_off = set->loose_off;
	}
	set_end(set);
	return rc;
}

int cdx_block_set_one(struct cdx_store *s, struct cdx_batch *b,
		      const struct cdx_digest *digest, uint32_t size,
		      const struct cdx_block_loc *loc, bool add)
{
	struct cdx_block_set set;
	int rc;

	set_init(&set, s, b);
	if (add)
		rc = cdx_block_set_add(&set, digest, size, loc);
	else
		rc = cdx_block_set_del(&set, digest, loc);
	if (rc == 0) {
		put_all(&set);
		/* Whether the batch is ever applied is not known here.  If not,
		 * the next append leaves a gap that fsck counts. */
		set.a->loose_id = set.loose_id;
		set.a->loose_off = set.loose_off;
	}
	set_clear(&set);
	return rc;
}
