/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "store/offer_internal.h"

/* Offers and reservations: do they add up, and to what is reserved? */

struct sums {
	struct cdx_fsck_run *r;
	uint64_t free;
	uint64_t size;
};

static void name_of(char out[17], const uint8_t id[32])
{
	cdx_hex(out, id, 8);
}

/* Is it kept under its own name? */
static bool is_at(struct cdx_fsck_run *r, const char *prefix,
		  const uint8_t id[32])
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};

	return cdx_offer_row(r->s, prefix, id, &row) == 0;
}

static int check_offer(void *arg, const uint8_t *val, size_t len)
{
	struct sums *v = arg;
	struct cdx_u256 left;
	struct cdx_offer_use use;
	struct cdx_offer o;
	char name[17];

	if (cdx_offer_decode(&o, val, len) < 0 ||
	    !is_at(v->r, CDX_OFFER_PREFIX, o.id)) {
		cdx_fsck_say(v->r, "offer-record-bad", "row of %zu bytes", len);
		return 0;
	}
	v->free += o.free;
	name_of(name, o.id);
	/* rows that do not decode are told of by themselves */
	if (cdx_offer_use(v->r->s, o.id, NULL, &use) < 0)
		return 0;
	if (o.total - o.free != use.bytes)
		cdx_fsck_say(v->r, "offer-sum",
			     "%s…: %" PRIu64 " bytes are taken, its "
			     "reservations have %" PRIu64,
			     name, o.total - o.free, use.bytes);
	left = cdx_offer_remaining(&o.collateral, &use.collateral);
	if (cdx_u256_cmp(&left, &o.remaining) != 0)
		cdx_fsck_say(v->r, "offer-sum",
			     "%s…: its collateral does not add up", name);
	return 0;
}

static int check_reservation(void *arg, const uint8_t *val, size_t len)
{
	struct sums *v = arg;
	struct cdx_reservation r;
	char name[17];

	if (cdx_reservation_decode(&r, val, len) < 0 ||
	    !is_at(v->r, CDX_RESERVATION_PREFIX, r.slot)) {
		cdx_fsck_say(v->r, "reservation-record-bad", "row of %zu bytes",
			     len);
		return 0;
	}
	v->size += r.size;
	name_of(name, r.slot);
	if (!is_at(v->r, CDX_OFFER_PREFIX, r.offer) ||
	    !is_at(v->r, CDX_OFFER_PREFIX, r.bytes_of))
		cdx_fsck_say(v->r, "reservation-without-offer", "slot %s…",
			     name);
	return 0;
}

int cdx_fsck_offers(struct cdx_fsck_run *r)
{
	int64_t reserved = cdx_kv_counter(r->s, CDX_CNT_RESERVED_PROVIDER);
	struct sums v = {.r = r};
	int rc;

	rc = cdx_offer_rows(r->s, CDX_OFFER_PREFIX, check_offer, &v);
	if (rc == 0)
		rc = cdx_offer_rows(r->s, CDX_RESERVATION_PREFIX,
				    check_reservation, &v);
	if (rc == 0 && reserved >= 0 && (uint64_t)reserved != v.free + v.size)
		cdx_fsck_say(r, "counter-reserved",
			     "provider share: counter says %" PRId64
			     " bytes, offers and reservations %" PRIu64,
			     reserved, v.free + v.size);
	return rc;
}
