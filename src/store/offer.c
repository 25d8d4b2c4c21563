/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/offer.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "store/block.h"
#include "store/offer_internal.h"
#include "store/quota.h"

/* ---- reading ---- */

int cdx_offer_get(struct cdx_store *s, const uint8_t id[CDX_OFFER_ID_LEN],
		  struct cdx_offer *out)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_offer o;
	int rc;

	rc = cdx_offer_row(s, CDX_OFFER_PREFIX, id, &val);
	if (rc == 0)
		rc = cdx_offer_decode(&o, val.p, val.len);
	if (rc == 0 && memcmp(o.id, id, sizeof(o.id)) != 0)
		rc = CDX_E_CORRUPT;
	if (rc == 0)
		*out = o;
	return rc;
}

struct list {
	cdx_offer_fn *fn;
	void *arg;
};

static int list_row(void *arg, const uint8_t *val, size_t len)
{
	struct list *l = arg;
	struct cdx_offer o;
	int rc = cdx_offer_decode(&o, val, len);

	return rc < 0 ? rc : l->fn(l->arg, &o);
}

int cdx_offer_list(struct cdx_store *s, cdx_offer_fn *fn, void *arg)
{
	struct list l = {fn, arg};

	return cdx_offer_rows(s, CDX_OFFER_PREFIX, list_row, &l);
}

/* ---- making ---- */

static bool is_zero(const uint8_t id[CDX_OFFER_ID_LEN])
{
	static const uint8_t zero[CDX_OFFER_ID_LEN];

	return memcmp(id, zero, sizeof(zero)) == 0;
}

static int add_locked(struct cdx_store *s, const struct cdx_offer *o)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_batch *b;
	int rc;

	rc = cdx_offer_row(s, CDX_OFFER_PREFIX, o->id, &val);
	if (rc != -ENOENT)
		return rc < 0 ? rc : -EEXIST;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	rc = cdx_quota_reserve(s, b, CDX_SHARE_PROVIDER, o->total);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	cdx_offer_put(b, o);
	return cdx_batch_apply(b);
}

int cdx_offer_add(struct cdx_store *s, struct cdx_offer *o)
{
	struct cdx_offer n = *o;
	int rc;

	if (n.total == 0 || n.duration == 0 || cdx_u256_is_zero(&n.min_price) ||
	    cdx_u256_is_zero(&n.collateral) || n.until < 0)
		return -EINVAL;
	if (is_zero(n.id))
		cdx_random(n.id, sizeof(n.id));
	n.free = n.total;
	n.remaining = n.collateral;
	n.created = cdx_clock_wall_s();
	cdx_block_lock(s);
	rc = add_locked(s, &n);
	cdx_block_unlock(s);
	if (rc == 0)
		*o = n;
	return rc;
}

/* ---- changing ---- */

static int check(const struct cdx_offer *o, unsigned which)
{
	if (((which & CDX_OFFER_TOTAL) && o->total == 0) ||
	    ((which & CDX_OFFER_DURATION) && o->duration == 0) ||
	    ((which & CDX_OFFER_PRICE) && cdx_u256_is_zero(&o->min_price)) ||
	    ((which & CDX_OFFER_COLLATERAL) &&
	     cdx_u256_is_zero(&o->collateral)) ||
	    ((which & CDX_OFFER_UNTIL) && o->until < 0))
		return -EINVAL;
	return 0;
}

/* The new total, and the reserve that goes with it: only the difference */
static int change_total(struct cdx_store *s, struct cdx_batch *b,
			struct cdx_offer *now, uint64_t total)
{
	uint64_t in_use = now->total - now->free;
	int rc = 0;

	if (total < in_use)
		return -ERANGE;
	if (total > now->total)
		rc = cdx_quota_reserve(s, b, CDX_SHARE_PROVIDER,
				       total - now->total);
	else if (total < now->total)
		cdx_quota_unreserve(b, CDX_SHARE_PROVIDER, now->total - total);
	now->free = total - in_use;
	now->total = total;
	return rc;
}

static int change(struct cdx_store *s, struct cdx_batch *b,
		  struct cdx_offer *now, const struct cdx_offer *o,
		  unsigned which)
{
	struct cdx_offer_use use;
	int rc;

	rc = cdx_offer_use(s, now->id, NULL, &use);
	if (rc < 0)
		return rc;
	if (which & CDX_OFFER_UNTIL) {
		if (o->until != 0 && o->until < use.until)
			return -ERANGE;
		now->until = o->until;
	}
	if (which & CDX_OFFER_DURATION)
		now->duration = o->duration;
	if (which & CDX_OFFER_PRICE)
		now->min_price = o->min_price;
	if (which & CDX_OFFER_ENABLED)
		now->enabled = o->enabled;
	if (which & CDX_OFFER_COLLATERAL) {
		now->collateral = o->collateral;
		now->remaining =
			cdx_offer_remaining(&o->collateral, &use.collateral);
	}
	return which & CDX_OFFER_TOTAL ? change_total(s, b, now, o->total) : 0;
}

static int change_locked(struct cdx_store *s, const struct cdx_offer *o,
			 unsigned which, struct cdx_offer *now)
{
	struct cdx_batch *b;
	int rc;

	rc = cdx_offer_get(s, o->id, now);
	if (rc == 0)
		rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	rc = change(s, b, now, o, which);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	cdx_offer_put(b, now);
	return cdx_batch_apply(b);
}

int cdx_offer_change(struct cdx_store *s, const struct cdx_offer *o,
		     unsigned which, struct cdx_offer *now)
{
	struct cdx_offer n;
	int rc = check(o, which);

	if (rc < 0)
		return rc;
	cdx_block_lock(s);
	rc = change_locked(s, o, which, &n);
	cdx_block_unlock(s);
	if (rc == 0 && now != NULL)
		*now = n;
	return rc;
}
