/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>

#include "base/err.h"

#define STATE_AT_ONCE 256u

/* Late error, told once.  Caller holds the vnode exclusively. */
static int take_error(struct cdx_vnode *n)
{
	int err = n->error;

	n->error = 0;
	return err;
}

/* Brings everything of the inode into batches */
static int sync_locked(struct cdx_volume *v, struct cdx_vnode *n)
{
	int rc = 0;

	if (cdx_data_unlogged(n) * CDX_PAGE_SIZE > CDX_FSYNC_LOG_MAX)
		rc = cdx_out_all(v, n);
	if (rc == 0 && (n->dirty != NULL || n->attr_dirty))
		rc = cdx_data_log_apply(v, n, false);
	return rc;
}

int cdx_vol_fsync(struct cdx_volume *v, uint64_t ino, bool datasync)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	int err;
	int rc;

	/* size and extents are one record with the times: no use in less */
	(void)datasync;
	if (v->opts.readonly)
		return 0;
	rc = cdx_vnode_get(v, &pin.n, ino);
	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&pin.n->lock);
	err = take_error(pin.n);
	rc = sync_locked(v, pin.n);
	pthread_rwlock_unlock(&pin.n->lock);
	if (rc == 0)
		rc = cdx_store_log_sync(v->store);
	return cdx_data_result(rc < 0 ? rc : err);
}

int cdx_vol_error(struct cdx_volume *v, uint64_t ino)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	int rc = cdx_vnode_get(v, &pin.n, ino);

	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&pin.n->lock);
	rc = take_error(pin.n);
	pthread_rwlock_unlock(&pin.n->lock);
	return cdx_data_result(rc);
}

/* ---- state ---- */

/* Locations of up to STATE_AT_ONCE extents behind *@off; returns how many */
static int some_locs(struct cdx_volume *v, uint64_t ino, uint64_t *off,
		     struct cdx_loc out[STATE_AT_ONCE])
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_extent x;
	int n = 0;
	int rc = cdx_extent_iter(v, &it, ino, *off);

	while (rc >= 0 && n < (int)STATE_AT_ONCE) {
		rc = cdx_extent_next(it, &x);
		if (rc <= 0)
			break;
		out[n++] = x.loc;
		*off = x.off + x.len;
	}
	return rc < 0 ? rc : n;
}

typedef int loc_fn(void *arg, const struct cdx_loc *loc);

/* Tells @fn where the bytes of a file are, until it returns something else than 0.
 * Caller holds the lock. */
static int each_loc(struct cdx_volume *v, const struct cdx_vnode *n, loc_fn *fn,
		    void *arg)
{
	struct cdx_loc loc[STATE_AT_ONCE];
	uint64_t off = 0;
	int rc;

	while ((rc = some_locs(v, n->ino, &off, loc)) > 0) {
		for (int i = 0; i < rc; i++) {
			int r = loc[i].kind == CDX_LOC_ZERO ? 0
							    : fn(arg, &loc[i]);

			if (r != 0)
				return r;
		}
	}
	return rc;
}

/* The least of all */
struct least {
	struct cdx_volume *v;
	bool any;
	enum cdx_file_state state;
	struct cdx_vol_lasts lasts;
};

static int least_state(void *arg, const struct cdx_loc *loc)
{
	struct least *l = arg;
	enum cdx_file_state st = cdx_loc_state(l->v, loc);

	if (!l->any || st < l->state)
		l->state = st;
	l->any = true;
	return st == CDX_STATE_OPEN;
}

static int least_lasts(void *arg, const struct cdx_loc *loc)
{
	struct least *l = arg;
	struct cdx_vol_lasts is;

	if (!cdx_loc_lasts(l->v, &is, loc))
		return -ENODATA;
	if (!l->any || is.end < l->lasts.end)
		l->lasts.end = is.end;
	if (!l->any || is.nines < l->lasts.nines)
		l->lasts.nines = is.nines;
	l->any = true;
	return 0;
}

/* Caller holds the lock */
static int state_of(struct cdx_volume *v, const struct cdx_vnode *n,
		    enum cdx_file_state *out)
{
	struct least l = {.v = v};
	int rc;

	if (n->dirty != NULL) {
		*out = CDX_STATE_DIRTY;
		return 0;
	}
	rc = each_loc(v, n, least_state, &l);
	if (rc < 0)
		return rc;
	*out = l.any ? l.state : CDX_STATE_OPEN;
	return 0;
}

int cdx_vol_state(struct cdx_volume *v, uint64_t ino, enum cdx_file_state *out)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	int rc = cdx_vnode_get(v, &pin.n, ino);

	if (rc < 0)
		return rc;
	if (!S_ISREG(pin.n->attr.mode)) {
		*out = CDX_STATE_OPEN;
		return 0;
	}
	pthread_rwlock_rdlock(&pin.n->lock);
	rc = state_of(v, pin.n, out);
	pthread_rwlock_unlock(&pin.n->lock);
	return rc;
}

int cdx_vol_lasts(struct cdx_volume *v, uint64_t ino, struct cdx_vol_lasts *out)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	struct least l = {.v = v};
	int rc = cdx_vnode_get(v, &pin.n, ino);

	if (rc < 0)
		return rc;
	pthread_rwlock_rdlock(&pin.n->lock);
	rc = pin.n->dirty != NULL ? -ENODATA
				  : each_loc(v, pin.n, least_lasts, &l);
	pthread_rwlock_unlock(&pin.n->lock);
	if (rc < 0)
		return rc;
	if (!l.any)
		return -ENODATA;
	*out = l.lasts;
	return 0;
}
