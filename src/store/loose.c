/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/block_set_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "store/area_internal.h"

/* Where loose blocks lie */

/* They begin at multiples of this: whole pages can be punched */
#define LOOSE_ALIGN 4096u

uint64_t cdx_block_room(uint32_t size)
{
	return ((uint64_t)size + LOOSE_ALIGN - 1) / LOOSE_ALIGN * LOOSE_ALIGN;
}

uint64_t cdx_block_charge(const struct cdx_store *s, uint32_t size)
{
	const struct cdx_store_config *c = cdx_store_config(s);
	uint64_t k = c->loose_k != 0 ? c->loose_k : 1;

	return (cdx_block_room(size) * (k + c->loose_m) + k - 1) / k;
}

/* The record of an area when it is a loose file; *out NULL when it is not. */
static int loose_get(struct cdx_block_set *set, struct cdx_loose **out,
		     uint64_t id)
{
	struct cdx_area_info info;
	struct cdx_loose *l;
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

static int loose_create(struct cdx_block_set *set, struct cdx_loose **out)
{
	struct cdx_loose *l = calloc(1, sizeof(*l));
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

/* The loose file to append to, with room for so many bytes */
static int loose_current(struct cdx_block_set *set, struct cdx_loose **out,
			 uint64_t room)
{
	int rc;

	*out = NULL;
	if (set->loose_id != 0) {
		rc = loose_get(set, out, set->loose_id);
		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	if (*out != NULL) {
		if (set->loose_off == 0 ||
		    set->loose_off + room <= set->a->loose_max)
			return 0;
		(*out)->info.closed = true;
		(*out)->changed = true;
	}
	return loose_create(set, out);
}

/* A block and the zeros up to where the next one begins: the file is as long
 * as its record says. */
static int write_loose(struct cdx_block_set *set, uint64_t id,
		       const uint8_t *block, uint32_t size)
{
	static const uint8_t zero[LOOSE_ALIGN];
	uint64_t room = cdx_block_room(size);
	int rc;

	rc = cdx_area_write(set->s, id, set->loose_off, block, size);
	if (rc == 0 && room != size)
		rc = cdx_area_write(set->s, id, set->loose_off + size, zero,
				    (size_t)(room - size));
	return rc;
}

int cdx_loose_append(struct cdx_block_set *set, struct cdx_block_entry *e,
		     const uint8_t *block)
{
	uint64_t room = cdx_block_room(e->info.size);
	struct cdx_block_loc loc;
	struct cdx_loose *l;
	int rc;

	rc = loose_current(set, &l, room);
	if (rc < 0)
		return rc;
	rc = write_loose(set, l->id, block, e->info.size);
	if (rc == -ENOENT) {
		/* somebody removed the file: what it held is lost, what comes
		 * is not */
		rc = loose_create(set, &l);
		if (rc == 0)
			rc = write_loose(set, l->id, block, e->info.size);
	}
	if (rc < 0)
		return rc;
	loc.area = l->id;
	loc.off = set->loose_off;
	set->loose_off += room;
	set->appended = true;
	l->info.size = set->loose_off;
	l->info.live += room;
	l->changed = true;
	cdx_block_info_add_loc(&e->info, &loc);
	e->changed = true;
	cdx_quota_charge(set->b, CDX_SHARE_VOLUME,
			 (int64_t)cdx_block_charge(set->s, e->info.size));
	return 0;
}

int cdx_loose_give_back(struct cdx_block_set *set,
			const struct cdx_block_entry *e,
			const struct cdx_block_loc *loc)
{
	uint64_t room = cdx_block_room(e->info.size);
	struct cdx_loose *l;
	int rc;

	rc = loose_get(set, &l, loc->area);
	/* a location in a file that is gone: nothing to give back */
	if (rc == -ENOENT || (rc == 0 && l == NULL))
		return 0;
	if (rc < 0)
		return rc;
	cdx_area_free_range(set->b, loc->area, loc->off, room);
	l->info.live -= l->info.live < room ? l->info.live : room;
	l->changed = true;
	cdx_quota_charge(set->b, CDX_SHARE_VOLUME,
			 -(int64_t)cdx_block_charge(set->s, e->info.size));
	return 1;
}
