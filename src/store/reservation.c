/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/offer.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "store/block.h"
#include "store/offer_internal.h"
#include "store/quota.h"

/* ---- reading ---- */

int cdx_reservation_get(struct cdx_store *s, const uint8_t slot[32],
			struct cdx_reservation *out)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	int rc;

	rc = cdx_offer_row(s, CDX_RESERVATION_PREFIX, slot, &val);
	if (rc == 0)
		rc = cdx_reservation_decode(out, val.p, val.len);
	if (rc == 0 && memcmp(out->slot, slot, sizeof(out->slot)) != 0)
		rc = CDX_E_CORRUPT;
	return rc;
}

struct list {
	cdx_reservation_fn *fn;
	void *arg;
};

static int list_row(void *arg, const uint8_t *val, size_t len)
{
	struct list *l = arg;
	struct cdx_reservation r;
	int rc = cdx_reservation_decode(&r, val, len);

	return rc < 0 ? rc : l->fn(l->arg, &r);
}

int cdx_reservation_list(struct cdx_store *s, cdx_reservation_fn *fn, void *arg)
{
	struct list l = {fn, arg};

	return cdx_offer_rows(s, CDX_RESERVATION_PREFIX, list_row, &l);
}

/* ---- what they have of an offer ---- */

struct use {
	const uint8_t *id;
	const uint8_t *except;
	struct cdx_offer_use *sum;
};

static int add_use(void *arg, const struct cdx_reservation *r)
{
	struct use *u = arg;
	bool own = memcmp(r->offer, u->id, sizeof(r->offer)) == 0;
	bool bytes = memcmp(r->bytes_of, u->id, sizeof(r->bytes_of)) == 0;
	int rc = 0;

	if ((!own && !bytes) ||
	    (u->except != NULL &&
	     memcmp(r->slot, u->except, sizeof(r->slot)) == 0))
		return 0;
	if (u->sum->until < r->valid_until)
		u->sum->until = r->valid_until;
	if (bytes && r->bytes > INT64_MAX - u->sum->bytes)
		return CDX_E_CORRUPT;
	if (bytes)
		u->sum->bytes += r->bytes;
	if (own)
		rc = cdx_u256_add(&u->sum->collateral, &u->sum->collateral,
				  &r->collateral);
	return rc < 0 ? CDX_E_CORRUPT : 0;
}

int cdx_offer_use(struct cdx_store *s, const uint8_t id[CDX_OFFER_ID_LEN],
		  const uint8_t *except, struct cdx_offer_use *out)
{
	struct use u = {.id = id, .except = except, .sum = out};

	memset(out, 0, sizeof(*out));
	return cdx_reservation_list(s, add_use, &u);
}

struct cdx_u256 cdx_offer_remaining(const struct cdx_u256 *total,
				    const struct cdx_u256 *used)
{
	struct cdx_u256 left;

	return cdx_u256_sub(&left, total, used) == 0 ? left : cdx_u256_of(0);
}

/* ---- making ---- */

static int add_locked(struct cdx_store *s, const struct cdx_reservation *r)
{
	struct cdx_buf old CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_offer o;
	struct cdx_batch *b;
	int rc;

	rc = cdx_offer_row(s, CDX_RESERVATION_PREFIX, r->slot, &old);
	if (rc != -ENOENT)
		return rc < 0 ? rc : -EEXIST;
	rc = cdx_offer_get(s, r->offer, &o);
	if (rc < 0)
		return rc;
	if (r->bytes > o.free ||
	    cdx_u256_sub(&o.remaining, &o.remaining, &r->collateral) < 0)
		return -ERANGE;
	o.free -= r->bytes;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	/* from free to size: as much is reserved as before */
	cdx_offer_put(b, &o);
	cdx_reservation_put(b, r);
	return cdx_batch_apply(b);
}

int cdx_reservation_add(struct cdx_store *s, struct cdx_reservation *r)
{
	struct cdx_reservation n;
	int rc;

	if (r->note_len > CDX_SALE_NOTE_MAX)
		return -EINVAL;
	n = *r;
	cdx_random(n.id, sizeof(n.id));
	n.size = n.bytes;
	memcpy(n.bytes_of, n.offer, sizeof(n.bytes_of));
	cdx_block_lock(s);
	rc = add_locked(s, &n);
	cdx_block_unlock(s);
	if (rc == 0)
		*r = n;
	return rc;
}

static int note_locked(struct cdx_store *s, const struct cdx_reservation *r)
{
	struct cdx_reservation now;
	struct cdx_batch *b;
	int rc;

	rc = cdx_reservation_get(s, r->slot, &now);
	if (rc == 0)
		rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	now.valid_until = r->valid_until;
	now.note_len = r->note_len;
	memcpy(now.note, r->note, r->note_len);
	cdx_reservation_put(b, &now);
	return cdx_batch_apply(b);
}

int cdx_reservation_note(struct cdx_store *s, const struct cdx_reservation *r)
{
	int rc;

	if (r->note_len > CDX_SALE_NOTE_MAX)
		return -EINVAL;
	cdx_block_lock(s);
	rc = note_locked(s, r);
	cdx_block_unlock(s);
	return rc;
}

/* ---- charged ---- */

static int put_filled(struct cdx_store *s, const uint8_t slot[32],
		      struct cdx_batch *b)
{
	struct cdx_reservation r;
	int rc;

	rc = cdx_reservation_get(s, slot, &r);
	if (rc < 0 || r.size == 0)
		return rc;
	cdx_quota_unreserve(b, CDX_SHARE_PROVIDER, r.size);
	r.size = 0;
	cdx_reservation_put(b, &r);
	return 0;
}

int cdx_reservation_filled(void *arg, struct cdx_batch *b)
{
	struct cdx_rider_reservation *a = arg;

	a->rc = put_filled(a->s, a->slot, b);
	return a->rc;
}

/* ---- over ---- */

/* Its bytes become the heir's, charged or reserved as they are. */
static int inherit(struct cdx_store *s, const struct cdx_reservation *r,
		   const uint8_t heir[32], struct cdx_batch *b)
{
	struct cdx_reservation h;
	int rc;

	if (r->bytes == 0)
		return 0;
	rc = cdx_reservation_get(s, heir, &h);
	if (rc < 0)
		return rc;
	if (h.bytes != 0)
		return -EINVAL;
	h.bytes = r->bytes;
	h.size = r->size;
	memcpy(h.bytes_of, r->bytes_of, sizeof(h.bytes_of));
	cdx_reservation_put(b, &h);
	return 0;
}

/* The collateral to its offer, the bytes to theirs, which mostly is the same */
static int give_back(struct cdx_store *s, const struct cdx_reservation *r,
		     bool bytes, struct cdx_batch *b)
{
	bool same = memcmp(r->offer, r->bytes_of, sizeof(r->offer)) == 0;
	struct cdx_offer_use use;
	struct cdx_offer o;
	int rc;

	rc = cdx_offer_get(s, r->offer, &o);
	if (rc == 0)
		rc = cdx_offer_use(s, r->offer, r->slot, &use);
	if (rc < 0)
		return rc;
	o.remaining = cdx_offer_remaining(&o.collateral, &use.collateral);
	if (bytes && !same) {
		cdx_offer_put(b, &o);
		rc = cdx_offer_get(s, r->bytes_of, &o);
		if (rc < 0)
			return rc;
	}
	if (bytes && r->bytes > o.total - o.free)
		return CDX_E_CORRUPT;
	if (bytes) {
		o.free += r->bytes;
		cdx_batch_add(b, CDX_CNT_RESERVED_PROVIDER,
			      (int64_t)(r->bytes - r->size));
	}
	cdx_offer_put(b, &o);
	return 0;
}

static int put_ended(const struct cdx_rider_reservation *a, struct cdx_batch *b)
{
	struct cdx_reservation r;
	int rc;

	rc = cdx_reservation_get(a->s, a->slot, &r);
	if (rc < 0)
		return rc;
	if (a->has_heir)
		rc = inherit(a->s, &r, a->heir, b);
	if (rc == 0)
		rc = give_back(a->s, &r, !a->has_heir, b);
	if (rc == 0)
		cdx_reservation_del(b, r.slot);
	return rc;
}

static bool is_gone(const struct cdx_rider_reservation *a)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};

	return cdx_offer_row(a->s, CDX_RESERVATION_PREFIX, a->slot, &val) ==
	       -ENOENT;
}

int cdx_reservation_ended(void *arg, struct cdx_batch *b)
{
	struct cdx_rider_reservation *a = arg;

	a->rc = is_gone(a) ? 0 : put_ended(a, b);
	return a->rc;
}

int cdx_reservation_end(struct cdx_store *s, struct cdx_rider_reservation *r)
{
	struct cdx_batch *b;

	r->s = s;
	r->rc = cdx_batch_new(&b, s);
	if (r->rc < 0)
		return r->rc;
	cdx_block_lock(s);
	r->rc = put_ended(r, b);
	if (r->rc < 0)
		cdx_batch_drop(b);
	else
		r->rc = cdx_batch_apply(b);
	cdx_block_unlock(s);
	return r->rc;
}
