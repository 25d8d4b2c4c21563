/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

static uint64_t counter(struct cdx_volume *v, enum cdx_counter c)
{
	int64_t n = cdx_kv_counter(v->store, c);

	return n < 0 ? 0 : (uint64_t)n;
}

void cdx_vol_status(struct cdx_volume *v, struct cdx_vol_status *out)
{
	memset(out, 0, sizeof(*out));
	out->inodes = counter(v, CDX_CNT_INODES);
	out->file_bytes = counter(v, CDX_CNT_FILE_BYTES);
	pthread_mutex_lock(&v->dirty_mu);
	out->dirty_bytes = v->dirty_bytes;
	pthread_mutex_unlock(&v->dirty_mu);
	pthread_mutex_lock(&v->cache_mu);
	out->cached_inodes = v->vnodes.len;
	pthread_mutex_unlock(&v->cache_mu);
	out->read_errors = atomic_load(&v->read_errors);
	cdx_segs_status(v, out);
}

int cdx_vol_sync(struct cdx_volume *v, enum cdx_sync_until until,
		 cdx_progress_fn *progress, void *arg)
{
	return cdx_vol_sync_until(v, until, progress, NULL, arg);
}

int cdx_vol_sync_until(struct cdx_volume *v, enum cdx_sync_until until,
		       cdx_progress_fn *progress, cdx_cancel_fn *cancel,
		       void *arg)
{
	int bad = 0;
	int rc;

	if (v->opts.readonly)
		return 0;
	if (progress != NULL)
		progress(arg, "commit", 0, 1);
	rc = cdx_store_commit(v->store);
	if (rc == 0 && progress != NULL)
		progress(arg, "commit", 1, 1);
	if (rc < 0 || until == CDX_SYNC_COMMITTED)
		return rc;
	rc = cdx_pack(v, cdx_clock_mono_ns(), progress, arg);
	if (rc == 0)
		rc = cdx_seal_open(v, progress, arg);
	if (rc == 0 && cancel != NULL && cancel(arg))
		rc = -ECANCELED;
	/* what could be protected is committed all the same */
	if (rc == 0 && until == CDX_SYNC_PROTECTED)
		bad = cdx_protect_all(v, progress, cancel, arg);
	if (rc == 0)
		rc = cdx_store_commit(v->store);
	return bad < 0 ? bad : rc;
}

int cdx_vol_fsck(struct cdx_volume *v, struct cdx_fsck *f)
{
	int rc = cdx_store_commit(v->store);

	if (rc == 0)
		rc = cdx_fsck_namespace(v, f);
	if (rc == 0)
		rc = cdx_fsck_extents(v, f);
	return rc == 0 ? cdx_fsck_segments(v, f) : rc;
}

void cdx_vol_set_stages(struct cdx_volume *v, const struct cdx_vol_stages *st)
{
	pthread_rwlock_wrlock(&v->stages_lock);
	if (st != NULL)
		v->stages = *st;
	else
		memset(&v->stages, 0, sizeof(v->stages));
	pthread_rwlock_unlock(&v->stages_lock);
}

enum cdx_file_state cdx_stage_of(struct cdx_volume *v,
				 const struct cdx_cid *verifiable)
{
	enum cdx_file_state st = CDX_STATE_PROTECTED;

	pthread_rwlock_rdlock(&v->stages_lock);
	if (v->stages.stage != NULL)
		st = v->stages.stage(v->stages.arg, verifiable);
	pthread_rwlock_unlock(&v->stages_lock);
	return st < CDX_STATE_PROTECTED ? CDX_STATE_PROTECTED : st;
}

bool cdx_lasts_of(struct cdx_volume *v, struct cdx_vol_lasts *out,
		  const struct cdx_cid *verifiable)
{
	bool known;

	pthread_rwlock_rdlock(&v->stages_lock);
	known = v->stages.lasts != NULL &&
		v->stages.lasts(v->stages.arg, out, verifiable);
	pthread_rwlock_unlock(&v->stages_lock);
	return known;
}

const char *cdx_file_state_name(enum cdx_file_state st)
{
	switch (st) {
	case CDX_STATE_DIRTY:
		return "dirty";
	case CDX_STATE_OPEN:
		return "open";
	case CDX_STATE_SEALED:
		return "sealed";
	case CDX_STATE_PROTECTED:
		return "protected";
	case CDX_STATE_REQUESTED:
		return "requested";
	case CDX_STATE_STORED:
		return "stored";
	case CDX_STATE_PROVEN:
		return "proven";
	}
	return "unknown";
}
