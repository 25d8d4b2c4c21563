/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "node/market_internal.h"
#include "node/room.h"
#include "store/offer.h"

/*
 * The availability that the configuration asks for with `provide`: one of a known id,
 * kept in step with it at each start.  Others are left alone.
 */

#define LABEL "codexfs provide v1"

static void own_id(struct cdx_store *s, uint8_t id[CDX_OFFER_ID_LEN])
{
	const struct cdx_store_config *c = cdx_store_config(s);
	uint8_t text[sizeof(LABEL) - 1 + CDX_STORE_ID_LEN];
	struct cdx_digest d;

	memcpy(text, LABEL, sizeof(LABEL) - 1);
	memcpy(text + sizeof(LABEL) - 1, c->id, CDX_STORE_ID_LEN);
	cdx_sha256(&d, text, sizeof(text));
	memcpy(id, d.b, CDX_OFFER_ID_LEN);
}

static void describe(struct cdx_offer *o, const struct cdx_conf_market *c)
{
	memset(o, 0, sizeof(*o));
	o->total = c->provide;
	o->duration = c->max_duration;
	o->min_price = c->min_price;
	o->collateral = c->collateral;
	o->enabled = true;
	o->until = c->until;
}

static unsigned differences(const struct cdx_offer *is,
			    const struct cdx_offer *wanted)
{
	unsigned which = 0;

	if (is->total != wanted->total)
		which |= CDX_OFFER_TOTAL;
	if (is->duration != wanted->duration)
		which |= CDX_OFFER_DURATION;
	if (cdx_u256_cmp(&is->min_price, &wanted->min_price) != 0)
		which |= CDX_OFFER_PRICE;
	if (cdx_u256_cmp(&is->collateral, &wanted->collateral) != 0)
		which |= CDX_OFFER_COLLATERAL;
	if (!is->enabled)
		which |= CDX_OFFER_ENABLED;
	if (is->until != wanted->until)
		which |= CDX_OFFER_UNTIL;
	return which;
}

/* Each by itself: what cannot be changed yet keeps none of the others back */
static int change(struct cdx_store *s, const struct cdx_offer *is,
		  const struct cdx_offer *wanted, char why[CDX_CHAIN_WHY_MAX])
{
	unsigned which = differences(is, wanted);
	int first = 0;

	for (unsigned bit = CDX_OFFER_TOTAL; bit <= CDX_OFFER_UNTIL;
	     bit <<= 1) {
		int rc;

		if ((which & bit) == 0)
			continue;
		rc = cdx_offer_change(s, wanted, bit, NULL);
		if (rc == -ERANGE)
			snprintf(why, CDX_CHAIN_WHY_MAX,
				 "%s; what is sold already stays as it is, and "
				 "the old value holds until the next start "
				 "after it has ended",
				 bit == CDX_OFFER_TOTAL
					 ? "provide is less than what slots "
					   "take now"
					 : "until is before the end of a slot "
					   "that is kept");
		if (rc < 0 && first == 0)
			first = rc;
	}
	return first;
}

static int bring_in_step(struct cdx_store *s, struct cdx_offer *wanted,
			 char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_offer is;
	uint64_t was = 0;
	uint64_t more;
	int rc = cdx_offer_get(s, wanted->id, &is);
	bool is_new = rc == -ENOENT;

	if (rc < 0 && !is_new)
		return rc;
	more = is_new			  ? wanted->total
	       : wanted->total > is.total ? wanted->total - is.total
					  : 0;
	rc = more > 0 ? cdx_node_room(s, more, &was, why) : 0;
	if (rc == 0)
		rc = is_new ? cdx_offer_add(s, wanted)
			    : change(s, &is, wanted, why);
	if ((rc == -ENOSPC || rc == CDX_E_QUOTA) && more > 0)
		cdx_node_room_undo(s, was);
	return rc;
}

/* The configuration does not offer any more: slots that are kept stay */
static int withdraw(struct cdx_store *s, const uint8_t id[CDX_OFFER_ID_LEN])
{
	struct cdx_offer o;
	int rc = cdx_offer_get(s, id, &o);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0 || !o.enabled)
		return rc;
	o.enabled = false;
	return cdx_offer_change(s, &o, CDX_OFFER_ENABLED, NULL);
}

int cdx_node_market_offer(struct cdx_node_market *m,
			  char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_store *s = m->n->store;
	struct cdx_offer wanted;
	int flushed;
	int rc;

	why[0] = '\0';
	describe(&wanted, &m->conf);
	own_id(s, wanted.id);
	rc = m->conf.provide > 0 ? bring_in_step(s, &wanted, why)
				 : withdraw(s, wanted.id);
	/* also what could be done of it */
	flushed = cdx_store_log_sync(s);
	if (rc == 0)
		rc = flushed;
	if (rc < 0 && why[0] == '\0')
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "the configured availability cannot be offered: %s",
			 cdx_strerror(rc));
	return rc;
}
