/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"

/* Blocks that must have passed it by */
#define STUCK_BLOCKS 2u
/* Between two versions of one at least */
#define PACE_NS UINT64_C(500000000)
/* Empty ones that are begun at a time for a gap */
#define GAP_MAX 64u

/* ---- deadlines ---- */

static void expire(struct cdx_send_rec *rec)
{
	switch (rec->state) {
	case CDX_SEND_NEW:
	case CDX_SEND_READY:
		cdx_send_rec_expired(rec);
		return;
	case CDX_SEND_OUT:
		if (rec->given_up || rec->putting)
			return;
		/* nobody has seen it: the nonce is as good as new */
		if (!rec->doubt && !cdx_sender_is_out(rec)) {
			cdx_send_rec_expired(rec);
			rec->unused = rec->state == CDX_SEND_ENDED;
			return;
		}
		rec->given_up = true;
		cdx_log(rec->sender->opts.log, INFO, "sender",
			"the time of nonce %" PRIu64 " has passed; it is freed",
			rec->nonce);
		return;
	case CDX_SEND_MINED:
	case CDX_SEND_ENDED:
		return;
	}
}

void cdx_sender_expire(struct cdx_sender *s)
{
	int64_t now = cdx_head_now(s->head);

	/* until there is a head it is our own time, not the chain's */
	if (!cdx_head_latest(s->head))
		return;
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->deadline != 0 && now >= rec->deadline)
			expire(rec);
	}
}

/* ---- higher fees ---- */

static bool is_first(const struct cdx_send_rec *rec)
{
	cdx_list_foreach(pos, &rec->sender->recs) {
		const struct cdx_send_rec *other =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (other->state == CDX_SEND_OUT && other->nonce < rec->nonce)
			return false;
	}
	return true;
}

uint64_t cdx_sender_patience(const struct cdx_sender *s)
{
	return s->opts.fees.stuck_s * UINT64_C(1000000000);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* In no block for so long, counted from when it was signed last and from when
 * any of the account's got in.  Those behind the first wait for it, not for a
 * price, unless theirs is too low as well. */
static bool stuck(const struct cdx_send_rec *rec, const struct cdx_prices *now)
{
	const struct cdx_sender *s = rec->sender;
	uint64_t since = later(rec->signed_ns, s->progress_ns);
	uint64_t head = later(rec->signed_head, s->progress_head);

	if (cdx_clock_mono_ns() - since < cdx_sender_patience(s) ||
	    s->height < head + STUCK_BLOCKS || rec->nonce < s->count)
		return false;
	return is_first(rec) ||
	       !cdx_fees_enough(&rec->versions[rec->n_versions - 1].fees, now);
}

static void raise(struct cdx_send_rec *rec, const struct cdx_prices *now)
{
	struct cdx_sender *s = rec->sender;
	const struct cdx_version *last = &rec->versions[rec->n_versions - 1];
	bool empty = rec->given_up || rec->filler;
	struct cdx_u256 limit;
	struct cdx_fees fees;
	int rc;

	cdx_send_rec_limit(rec, empty, &limit);
	rc = cdx_fees_raise(&fees, &last->fees, now, &limit);
	if (rc < 0 && empty && !last->empty) {
		/* no dearer one is allowed: it gets in where nodes have
		 * forgotten the real one */
		fees = last->fees;
		rc = 0;
	}
	if (rc < 0) {
		snprintf(rec->trouble, sizeof(rec->trouble),
			 "a transaction waits for lower prices: its fee is as "
			 "high as it may be");
		return;
	}
	cdx_log(s->opts.log, INFO, "sender",
		"nonce %" PRIu64 " is signed anew, with higher fees",
		rec->nonce);
	cdx_send_rec_sign(rec, empty, &fees);
}

/* Which of them wants another version now */
static bool wants_raise(const struct cdx_send_rec *rec,
			const struct cdx_prices *now)
{
	if (rec->state != CDX_SEND_OUT || rec->putting || rec->n_durable == 0 ||
	    rec->n_versions == CDX_SEND_VERSIONS_MAX)
		return false;
	/* soon, but not in every turn when it cannot be written down */
	if (rec->given_up && !rec->versions[rec->n_versions - 1].empty)
		return cdx_clock_mono_ns() - rec->signed_ns >= PACE_NS;
	if (rec->refused == CDX_REFUSED_PRICE)
		return rec->signed_head < rec->sender->height;
	/* who cannot pay this cannot pay more */
	return rec->refused != CDX_REFUSED_FUNDS && stuck(rec, now);
}

void cdx_sender_raise(struct cdx_sender *s)
{
	struct cdx_prices now;

	if (cdx_sender_prices(s, &now) < 0)
		return;
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (wants_raise(rec, &now))
			raise(rec, &now);
	}
}

/* ---- gaps ---- */

/* Where the nonces that are nobody's begin, and those of ours that wait for
 * them */
static bool find_gap(const struct cdx_sender *s, uint64_t *from, uint64_t *to)
{
	bool any = false;

	*from = later(s->count, s->pending);
	*to = UINT64_MAX;
	cdx_list_foreach(pos, &s->recs) {
		const struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (!cdx_send_rec_live(rec) || rec->nonce >= *to)
			continue;
		any = true;
		*to = rec->nonce;
	}
	return s->counted && any && *from < *to;
}

void cdx_sender_gaps(struct cdx_sender *s)
{
	uint64_t now = cdx_clock_mono_ns();
	uint64_t from;
	uint64_t to;

	if (!find_gap(s, &from, &to)) {
		s->gap = false;
		return;
	}
	if (!s->gap) {
		s->gap = true;
		s->gap_ns = now;
		s->gap_head = s->height;
	}
	if (now - s->gap_ns < cdx_sender_patience(s) ||
	    s->height < s->gap_head + STUCK_BLOCKS)
		return;
	s->gap = false;
	cdx_log(s->opts.log, WARN, "sender",
		"nonces from %" PRIu64 " to %" PRIu64 " of this account are "
		"nobody's: empty transactions take them",
		from, to - 1);
	for (unsigned i = 0; i < GAP_MAX && from < to; i++, from++)
		if (cdx_sender_fill(s, from) < 0)
			return;
}
