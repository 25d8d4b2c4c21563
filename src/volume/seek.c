/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"

/* Walks the extents that hold data, in order */
struct walk {
	struct cdx_kv_iter *it;
	struct cdx_extent x;
	bool has_x;
	bool end;
};

/* First extent with data that ends behind @pos; 1, 0 */
static int walk_to(struct walk *w, uint64_t pos)
{
	while (!w->end) {
		int rc;

		if (w->has_x && w->x.loc.kind != CDX_LOC_ZERO &&
		    w->x.off + w->x.len > pos)
			return 1;
		rc = cdx_extent_next(w->it, &w->x);
		if (rc < 0)
			return rc;
		w->has_x = rc == 1;
		w->end = rc == 0;
	}
	return 0;
}

static int seek_data(struct walk *w, const struct cdx_vnode *n, uint64_t *pos)
{
	uint64_t best = UINT64_MAX;
	uint64_t lo;
	uint64_t hi;
	int rc = walk_to(w, *pos);

	if (rc < 0)
		return rc;
	if (rc == 1)
		best = w->x.off > *pos ? w->x.off : *pos;
	if (n->dirty != NULL &&
	    cdx_dirty_next(n->dirty, *pos, n->attr.size, &lo, &hi) && lo < best)
		best = lo;
	if (best >= n->attr.size)
		return -ENXIO;
	*pos = best;
	return 0;
}

static int seek_hole(struct walk *w, const struct cdx_vnode *n, uint64_t *pos)
{
	uint64_t size = n->attr.size;

	while (*pos < size) {
		uint64_t lo;
		uint64_t hi;
		int rc = walk_to(w, *pos);

		if (rc < 0)
			return rc;
		if (rc == 1 && w->x.off <= *pos)
			*pos = w->x.off + w->x.len;
		else if (n->dirty != NULL &&
			 cdx_dirty_next(n->dirty, *pos, size, &lo, &hi) &&
			 lo == *pos)
			*pos = hi;
		else
			return 0;
	}
	*pos = size;
	return 0;
}

static int seek(struct cdx_volume *v, const struct cdx_vnode *n, int whence,
		uint64_t *pos)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct walk w = {0};
	int rc;

	if (*pos >= n->attr.size)
		return -ENXIO;
	rc = cdx_extent_iter(v, &it, n->ino, *pos);
	if (rc < 0)
		return rc;
	w.it = it;
	return whence == SEEK_DATA ? seek_data(&w, n, pos)
				   : seek_hole(&w, n, pos);
}

int64_t cdx_vol_lseek(struct cdx_volume *v, uint64_t ino, uint64_t off,
		      int whence)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	int rc;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	rc = cdx_data_file(v, &pin.n, ino);
	if (rc < 0)
		return rc;
	pthread_rwlock_rdlock(&pin.n->lock);
	rc = seek(v, pin.n, whence, &off);
	pthread_rwlock_unlock(&pin.n->lock);
	if (rc < 0)
		return cdx_data_result(rc);
	return (int64_t)off;
}
