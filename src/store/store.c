/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/store.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "store/block.h"
#include "store/internal.h"

/* What others may ask about a store, and how it fails. */

const struct cdx_store_config *cdx_store_config(const struct cdx_store *s)
{
	return &s->config;
}

const struct cdx_log *cdx_store_log(const struct cdx_store *s)
{
	return s->log;
}

const char *cdx_store_path(const struct cdx_store *s)
{
	return s->path;
}

int cdx_store_dirfd(const struct cdx_store *s)
{
	return s->dirfd;
}

struct cdx_areas *cdx_store_areas(const struct cdx_store *s)
{
	return s->areas;
}

uint64_t cdx_store_share(const struct cdx_store *s, enum cdx_share share)
{
	return __atomic_load_n(&s->config.share[share], __ATOMIC_RELAXED);
}

/* Applies a changed configuration and lets others see it. */
static int set_config(struct cdx_store *s, const struct cdx_store_config *c)
{
	uint8_t value[CDX_META_CONFIG_LEN];
	struct cdx_batch *b;
	unsigned i;
	int r;

	r = cdx_batch_new(&b, s);
	if (r < 0)
		return r;
	cdx_meta_config_encode(value, c);
	cdx_batch_put(b, CDX_DB_META, CDX_META_CONFIG, strlen(CDX_META_CONFIG),
		      value, sizeof(value));
	r = cdx_batch_apply(b);
	if (r < 0)
		return r;
	for (i = 0; i < CDX_SHARES; i++)
		__atomic_store_n(&s->config.share[i], c->share[i],
				 __ATOMIC_RELAXED);
	__atomic_store_n(&s->config.k, c->k, __ATOMIC_RELAXED);
	__atomic_store_n(&s->config.m, c->m, __ATOMIC_RELAXED);
	__atomic_store_n(&s->config.codec, c->codec, __ATOMIC_RELAXED);
	return 0;
}

static bool shares_fit(const uint64_t share[CDX_SHARES])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CDX_SHARES; i++)
		if (__builtin_add_overflow(sum, share[i], &sum))
			return false;
	return sum != 0 && sum <= INT64_MAX;
}

int cdx_store_set_shares(struct cdx_store *s, const uint64_t share[CDX_SHARES])
{
	struct cdx_store_config c;
	int r;

	if (!shares_fit(share))
		return -EINVAL;
	cdx_block_lock(s);
	c = s->config;
	memcpy(c.share, share, sizeof(c.share));
	r = set_config(s, &c);
	cdx_block_unlock(s);
	return r;
}

int cdx_store_set_share(struct cdx_store *s, enum cdx_share share,
			uint64_t bytes)
{
	struct cdx_store_config c;
	int r;

	cdx_block_lock(s);
	c = s->config;
	c.share[share] = bytes;
	r = shares_fit(c.share) ? set_config(s, &c) : -EINVAL;
	cdx_block_unlock(s);
	return r;
}

int cdx_store_set_code(struct cdx_store *s, uint32_t k, uint32_t m,
		       uint32_t codec)
{
	struct cdx_store_config c;
	int r;

	if (k == 0 || k > CDX_COLUMNS_MAX || m > CDX_COLUMNS_MAX || codec == 0)
		return -EINVAL;
	cdx_block_lock(s);
	c = s->config;
	c.k = k;
	c.m = m;
	c.codec = codec;
	r = set_config(s, &c);
	cdx_block_unlock(s);
	return r;
}

void cdx_store_code(const struct cdx_store *s, uint32_t *k, uint32_t *m,
		    uint32_t *codec)
{
	if (k != NULL)
		*k = __atomic_load_n(&s->config.k, __ATOMIC_RELAXED);
	if (m != NULL)
		*m = __atomic_load_n(&s->config.m, __ATOMIC_RELAXED);
	if (codec != NULL)
		*codec = __atomic_load_n(&s->config.codec, __ATOMIC_RELAXED);
}

int cdx_store_failed(struct cdx_store *s)
{
	return atomic_load_explicit(&s->failed, memory_order_relaxed);
}

void cdx_store_fail_locked(struct cdx_store *s, int err, const char *what)
{
	if (atomic_load(&s->failed))
		return;
	atomic_store(&s->failed, err);
	cdx_log(s->log, ERROR, "store",
		"%s: %s: %s; no more changes are taken until it is opened again",
		s->path, what, cdx_strerror(err));
	pthread_cond_broadcast(&s->room_cv);
	pthread_cond_broadcast(&s->log_cv);
}

int cdx_store_fault_hit(struct cdx_store *s, enum cdx_fault_at at)
{
	int n = atomic_load_explicit(&s->fault.after[at], memory_order_relaxed);

	if (n == 0)
		return 0;
	if (n > 1) {
		atomic_fetch_sub(&s->fault.after[at], 1);
		return 0;
	}
	if (atomic_fetch_sub(&s->fault.times[at], 1) <= 1)
		atomic_store(&s->fault.after[at], 0);
	return s->fault.err[at];
}

void cdx_store_stats(struct cdx_store *s, struct cdx_store_stats *out)
{
	struct cdx_view *v = cdx_view_get(s);

	out->memtable_bytes = cdx_memtable_bytes(v->fill);
	if (v->frozen)
		out->memtable_bytes += cdx_memtable_bytes(v->frozen);
	cdx_view_put(v);
	out->group = atomic_load(&s->group);
	out->commits = atomic_load(&s->commits);
	out->log_records = atomic_load(&s->log_records);
	out->log_replayed = atomic_load(&s->log_replayed);
	out->bad_blocks = atomic_load(&s->bad_blocks);
	out->last_commit_us = atomic_load(&s->last_commit_us);
}

void cdx_store_count_bad(struct cdx_store *s)
{
	atomic_fetch_add(&s->bad_blocks, 1);
}
