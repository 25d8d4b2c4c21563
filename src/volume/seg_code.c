/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>

#include "base/err.h"
#include "crypto/block.h"
#include "erasure/codec.h"
#include "protect/protect.h"

/* The volume's policy: what new segments are protected with. */

static uint64_t share_free(struct cdx_volume *v)
{
	struct cdx_space sp;

	cdx_quota_space(v->store, CDX_SHARE_VOLUME, &sp);
	return sp.free;
}

static int check(const struct cdx_volume *v, const struct cdx_seg_code *c)
{
	struct cdx_protect_opts o = {.k = c->k, .m = c->m, .codec = c->codec};
	char why[CDX_PROTECT_WHY_MAX] = "";
	int r = cdx_protect_check(&o, c->cap, CDX_BLOCK_SIZE, why);

	if (r < 0)
		cdx_log(v->log, WARN, "segment",
			"segments of %u + %u are not possible: %s", c->k, c->m,
			why);
	return r;
}

/* Caller holds open_mu: no segment is just being opened */
static int change(struct cdx_volume *v, const struct cdx_seg_code *c)
{
	struct cdx_segs *s = v->segs;
	uint64_t free_bytes = share_free(v);
	bool fits;
	int r;

	pthread_mutex_lock(&s->mu);
	fits = cdx_space_fits(v, c, free_bytes) ||
	       !cdx_space_fits(v, &s->code, free_bytes);
	pthread_mutex_unlock(&s->mu);
	if (!fits)
		return -ENOSPC;
	r = cdx_store_set_code(v->store, c->k, c->m, c->codec);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->mu);
	s->code = *c;
	pthread_mutex_unlock(&s->mu);
	return 0;
}

int cdx_vol_set_code(struct cdx_volume *v, uint32_t k, uint32_t m,
		     uint32_t codec)
{
	struct cdx_seg_code c;
	int r;

	if (v->opts.readonly)
		return -EROFS;
	if (k == 0 || k > CDX_EC_COLUMNS_MAX || m > CDX_EC_COLUMNS_MAX)
		return -EINVAL;
	if (!codec)
		cdx_store_code(v->store, NULL, NULL, &codec);
	cdx_seg_code_init(&c, k, m, codec, cdx_seg_share(v));
	r = check(v, &c);
	/* what is dirty is promised by the old sum: write it out first */
	if (r == 0)
		r = cdx_store_commit(v->store);
	if (r < 0)
		return r;
	pthread_mutex_lock(&v->segs->open_mu);
	r = change(v, &c);
	pthread_mutex_unlock(&v->segs->open_mu);
	return r < 0 ? r : cdx_store_commit(v->store);
}
