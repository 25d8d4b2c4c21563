/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/quota.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/area_internal.h"
#include "store/internal.h"

#define CACHE_NS 1000000000u
#define HEADROOM (64u << 20)

void cdx_quota_init(struct cdx_quota *q)
{
	(void)pthread_mutex_init(&q->mu, NULL);
}

void cdx_quota_fini(struct cdx_quota *q)
{
	(void)pthread_mutex_destroy(&q->mu);
}

static uint64_t sub0(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t counter(struct cdx_store *s, enum cdx_counter first,
			enum cdx_share share)
{
	int64_t v = cdx_kv_counter(s, first + (unsigned)share);

	return v > 0 ? (uint64_t)v : 0;
}

/* What is left of the file system after room for LMDB and the log.  A failing
 * statvfs leaves the last answer. */
static void read_disk_locked(struct cdx_areas *a)
{
	struct cdx_quota *q = &a->quota;
	struct statvfs vfs;
	uint64_t room;

	q->read_at = cdx_clock_mono_ns();
	if (fstatvfs(a->dirfd, &vfs) < 0)
		return;
	room = (uint64_t)vfs.f_blocks * vfs.f_frsize / 20;
	if (room > HEADROOM)
		room = HEADROOM;
	q->avail = sub0((uint64_t)vfs.f_bavail * vfs.f_frsize, room);
}

static uint64_t disk_free_locked(struct cdx_areas *a)
{
	struct cdx_quota *q = &a->quota;
	uint64_t held = 0;

	if (q->read_at == 0 || cdx_clock_mono_ns() - q->read_at > CACHE_NS)
		read_disk_locked(a);
	for (unsigned i = 0; i < CDX_SHARES; i++)
		held += q->held[i];
	return sub0(q->avail, held);
}

static void space_locked(struct cdx_areas *a, enum cdx_share share,
			 struct cdx_space *out)
{
	out->limit = cdx_store_share(a->s, share);
	out->used = counter(a->s, CDX_CNT_USED_VOLUME, share);
	out->reserved = counter(a->s, CDX_CNT_RESERVED_VOLUME, share);
	out->held = a->quota.held[share];
	out->disk_free = disk_free_locked(a);
	out->free = sub0(out->limit, out->used);
	out->free = sub0(out->free, out->reserved);
	out->free = sub0(out->free, out->held);
	if (out->free > out->disk_free)
		out->free = out->disk_free;
}

void cdx_quota_space(struct cdx_store *s, enum cdx_share share,
		     struct cdx_space *out)
{
	struct cdx_areas *a = cdx_store_areas(s);

	(void)pthread_mutex_lock(&a->quota.mu);
	space_locked(a, share, out);
	(void)pthread_mutex_unlock(&a->quota.mu);
}

static int check_locked(struct cdx_areas *a, enum cdx_share share,
			uint64_t bytes, uint64_t keep)
{
	struct cdx_space sp;
	uint64_t left;

	space_locked(a, share, &sp);
	left = sub0(sub0(sub0(sub0(sp.limit, sp.used), sp.reserved), sp.held),
		    keep);
	if (left < bytes)
		return CDX_E_QUOTA;
	if (sp.disk_free >= bytes)
		return 0;
	/* the cached figure errs on the low side: look before refusing */
	read_disk_locked(a);
	return disk_free_locked(a) >= bytes ? 0 : -ENOSPC;
}

int cdx_quota_hold(struct cdx_store *s, enum cdx_share share, uint64_t bytes,
		   uint64_t keep)
{
	struct cdx_areas *a = cdx_store_areas(s);
	int rc;

	(void)pthread_mutex_lock(&a->quota.mu);
	rc = check_locked(a, share, bytes, keep);
	if (rc == 0)
		a->quota.held[share] += bytes;
	(void)pthread_mutex_unlock(&a->quota.mu);
	return rc;
}

void cdx_quota_release(struct cdx_store *s, enum cdx_share share,
		       uint64_t bytes)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_quota *q = &a->quota;

	(void)pthread_mutex_lock(&q->mu);
	q->held[share] = sub0(q->held[share], bytes);
	/* Most promises end because the bytes were written since statvfs was
	 * asked; counting them as written until it is asked again never shows
	 * space that is gone. */
	q->avail = sub0(q->avail, bytes);
	(void)pthread_mutex_unlock(&q->mu);
}

void cdx_quota_charge(struct cdx_batch *b, enum cdx_share share, int64_t bytes)
{
	if (bytes != 0)
		cdx_batch_add(b, CDX_CNT_USED_VOLUME + (unsigned)share, bytes);
}

int cdx_quota_reserve(struct cdx_store *s, struct cdx_batch *b,
		      enum cdx_share share, uint64_t bytes)
{
	struct cdx_areas *a = cdx_store_areas(s);
	int rc;

	if (bytes > INT64_MAX)
		return CDX_E_QUOTA;
	(void)pthread_mutex_lock(&a->quota.mu);
	rc = check_locked(a, share, bytes, 0);
	(void)pthread_mutex_unlock(&a->quota.mu);
	if (rc == 0)
		cdx_batch_add(b, CDX_CNT_RESERVED_VOLUME + (unsigned)share,
			      (int64_t)bytes);
	return rc;
}

void cdx_quota_unreserve(struct cdx_batch *b, enum cdx_share share,
			 uint64_t bytes)
{
	cdx_batch_add(b, CDX_CNT_RESERVED_VOLUME + (unsigned)share,
		      -(int64_t)bytes);
}
