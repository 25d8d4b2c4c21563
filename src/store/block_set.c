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
#include "store/records.h"

/* A block record as the batch will leave it */
struct entry {
	struct entry *next; /* all entries */
	struct entry *same; /* equal first eight bytes */
	struct cdx_digest digest;
	struct cdx_block_info info;
	bool existed; /* in the store before the batch */
	bool exists;
	bool changed;
};

/* A loose file's record as the batch will leave it */
struct loose {
	struct loose *next;
	uint64_t id;
	struct cdx_area_info info;
	bool changed;
};

struct cdx_block_set {
	struct cdx_store *s;
	struct cdx_areas *a;
	struct cdx_batch *b;
	struct cdx_map map; /* first digest bytes -> entries */
	struct entry *entries;
	struct loose *areas;
	uint64_t loose_id; /* where to append; 0 none */
	uint64_t loose_off;
	bool appended;
};

uint64_t cdx_block_charge(const struct cdx_store *s)
{
	const struct cdx_store_config *c = cdx_store_config(s);
	uint64_t k = c->k != 0 ? c->k : 1;

	return ((uint64_t)CDX_BLOCK_SIZE * (k + c->m) + k - 1) / k;
}

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
	struct entry *e;
	struct loose *l;

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

static int entry_new(struct cdx_block_set *set, struct entry **out,
		     struct entry *same, const struct cdx_digest *digest)
{
	struct entry *e = calloc(1, sizeof(*e));
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

static int entry_get(struct cdx_block_set *set, struct entry **out,
		     const struct cdx_digest *digest)
{
	struct entry *same = cdx_map_get(&set->map, cdx_get_be64(digest->b));

	for (struct entry *e = same; e != NULL; e = e->same)
		if (memcmp(&e->digest, digest, sizeof(*digest)) == 0) {
			*out = e;
			return 0;
		}
	return entry_new(set, out, same, digest);
}

static void info_add_loc(struct cdx_block_info *info,
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
static int entry_ref(struct entry *e)
{
	if (!e->exists)
		memset(&e->info, 0, sizeof(e->info));
	if (e->info.refs == UINT32_MAX)
		return -EOVERFLOW;
	e->exists = true;
	e->changed = true;
	e->info.refs++;
	return 0;
}

/* ---- loose files ---- */

/* The record of an area when it is a loose file; *out NULL when it is not. */
static int loose_get(struct cdx_block_set *set, struct loose **out, uint64_t id)
{
	struct cdx_area_info info;
	struct loose *l;
	int rc;

	*out = NULL;
	for (l = set->areas; l != NULL; l = l->next)
		if (l->id == id) {
			*out = l;
			return 0;
		}
	rc = cdx_area_info(set->s, id, &info);
	if (rc < 0)
		return rc;
	if (info.kind != CDX_AREA_LOOSE)
		return 0;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	l->id = id;
	l->info = info;
	l->next = set->areas;
	set->areas = l;
	*out = l;
	return 0;
}

static int loose_create(struct cdx_block_set *set, struct loose **out)
{
	struct loose *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return -ENOMEM;
	rc = cdx_area_create(set->s, &l->id, CDX_AREA_LOOSE, 0, set->b);
	if (rc < 0) {
		free(l);
		return rc;
	}
	l->info.kind = CDX_AREA_LOOSE;
	l->next = set->areas;
	set->areas = l;
	set->loose_id = l->id;
	set->loose_off = 0;
	*out = l;
	return 0;
}

/* The loose file to append to, with room for a block */
static int loose_current(struct cdx_block_set *set, struct loose **out)
{
	int rc;

	*out = NULL;
	if (set->loose_id != 0) {
		rc = loose_get(set, out, set->loose_id);
		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	if (*out != NULL) {
		if (set->loose_off + CDX_BLOCK_SIZE <= set->a->loose_max)
			return 0;
		(*out)->info.closed = true;
		(*out)->changed = true;
	}
	return loose_create(set, out);
}

static int append(struct cdx_block_set *set, struct entry *e,
		  const uint8_t *block)
{
	struct cdx_block_loc loc;
	struct loose *l;
	int rc;

	rc = loose_current(set, &l);
	if (rc < 0)
		return rc;
	rc = cdx_area_write(set->s, l->id, set->loose_off, block,
			    CDX_BLOCK_SIZE);
	if (rc == -ENOENT) {
		/* somebody removed the file: what it held is lost, what comes
		 * is not */
		rc = loose_create(set, &l);
		if (rc == 0)
			rc = cdx_area_write(set->s, l->id, 0, block,
					    CDX_BLOCK_SIZE);
	}
	if (rc < 0)
		return rc;
	loc.area = l->id;
	loc.off = set->loose_off;
	set->loose_off += CDX_BLOCK_SIZE;
	set->appended = true;
	l->info.size = set->loose_off;
	l->info.live += CDX_BLOCK_SIZE;
	l->changed = true;
	info_add_loc(&e->info, &loc);
	e->changed = true;
	cdx_quota_charge(set->b, CDX_SHARE_VOLUME,
			 (int64_t)cdx_block_charge(set->s));
	return 0;
}

/* Gives back the bytes of a location that lies in a loose file. */
static int give_back(struct cdx_block_set *set, const struct cdx_block_loc *loc)
{
	struct loose *l;
	int rc;

	rc = loose_get(set, &l, loc->area);
	/* a location in a file that is gone: nothing to give back */
	if (rc == -ENOENT || (rc == 0 && l == NULL))
		return 0;
	if (rc < 0)
		return rc;
	cdx_area_free_range(set->b, loc->area, loc->off, CDX_BLOCK_SIZE);
	l->info.live -=
		l->info.live < CDX_BLOCK_SIZE ? l->info.live : CDX_BLOCK_SIZE;
	l->changed = true;
	cdx_quota_charge(set->b, CDX_SHARE_VOLUME,
			 -(int64_t)cdx_block_charge(set->s));
	return 0;
}

/* ---- changes ---- */

int cdx_block_set_append(struct cdx_block_set *set,
			 const struct cdx_digest *digest, const uint8_t *block)
{
	struct entry *e;
	int rc;

	rc = entry_get(set, &e, digest);
	if (rc == 0)
		rc = entry_ref(e);
	if (rc == 0 && e->info.locs == 0)
		rc = append(set, e, block);
	return rc;
}

int cdx_block_set_add(struct cdx_block_set *set,
		      const struct cdx_digest *digest,
		      const struct cdx_block_loc *loc)
{
	struct entry *e;
	int rc;

	rc = entry_get(set, &e, digest);
	if (rc < 0)
		return rc;
	if (!e->exists && loc == NULL)
		return -ENOENT;
	rc = entry_ref(e);
	if (rc == 0 && loc != NULL)
		info_add_loc(&e->info, loc);
	return rc;
}

/* Copies a block whose last location goes away but that others still name. */
static int rehome(struct cdx_block_set *set, struct entry *e,
		  const struct cdx_block_loc *loc)
{
	uint8_t *block CDX_CLEANUP(cdx_freep) = malloc(CDX_BLOCK_SIZE);
	struct cdx_digest digest;
	int rc;

	if (block == NULL)
		return -ENOMEM;
	rc = cdx_area_read(set->s, loc->area, loc->off, block, CDX_BLOCK_SIZE);
	if (rc == -ENOMEM)
		return rc;
	if (rc == 0) {
		cdx_sha256(&digest, block, CDX_BLOCK_SIZE);
		if (memcmp(&digest, &e->digest, sizeof(digest)) == 0)
			return append(set, e, block);
	}
	/* A bad copy is worth no less than none: the reference stays and says
	 * that the block is missing. */
	cdx_store_count_bad(set->s);
	cdx_log(cdx_store_log(set->s), ERROR, "store",
		"last copy of a block that is still in use is bad");
	return 0;
}

int cdx_block_set_del(struct cdx_block_set *set,
		      const struct cdx_digest *digest,
		      const struct cdx_block_loc *loc)
{
	struct entry *e;
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
	for (uint32_t i = 0; i < e->info.locs && rc == 0; i++)
		rc = give_back(set, &e->info.loc[i]);
	e->info.locs = 0;
	e->exists = false;
	return rc;
}

/* ---- into the batch ---- */

static void put_entry(struct cdx_block_set *set, const struct entry *e)
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
	for (const struct entry *e = set->entries; e != NULL; e = e->next)
		if (e->changed)
			put_entry(set, e);
	for (const struct loose *l = set->areas; l != NULL; l = l->next) {
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
		      const struct cdx_digest *digest,
		      const struct cdx_block_loc *loc, bool add)
{
	struct cdx_block_set set;
	int rc;

	set_init(&set, s, b);
	if (add)
		rc = cdx_block_set_add(&set, digest, loc);
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
