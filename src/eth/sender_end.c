/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

void cdx_send_rec_end(struct cdx_send_rec *rec, struct cdx_send_end *end)
{
	struct cdx_sender *s = rec->sender;

	if (rec->call && rec->state == CDX_SEND_NEW)
		s->n_estimates--;
	cdx_rpc_cancel(rec->call);
	rec->call = NULL;
	end->at = cdx_clock_wall_s();
	if (rec->end != end)
		cdx_send_end_free(rec->end);
	rec->end = end;
	rec->state = CDX_SEND_ENDED;
	rec->trouble[0] = 0;
	cdx_sender_kick(s);
}

void cdx_send_rec_refuse(struct cdx_send_rec *rec, int err,
			 const struct cdx_revert *why)
{
	struct cdx_send_end *end = calloc(1, sizeof(*end));

	/* without memory it stays as it is, and the next tick tries again */
	if (!end)
		return;
	end->err = err;
	end->why = *why;
	cdx_send_rec_end(rec, end);
}

void cdx_send_rec_fail(struct cdx_send_rec *rec, int err, const char *words)
{
	struct cdx_revert why = {.code = CDX_REVERT_NONE};

	snprintf(why.words, sizeof(why.words), "%s",
		 words ? words : cdx_strerror(err));
	cdx_send_rec_refuse(rec, err, &why);
}

/* Tells everybody who waits; false: one of them freed the sender.  The record is
 * on no list meanwhile: who asks for the same tag from within its function wants
 * a new one. */
static bool tell(struct cdx_send_rec *rec)
{
	struct cdx_sender *s = rec->sender;
	const struct cdx_send_end *end = rec->end;
	bool gone = false;

	s->persist->forget(s->persist->arg, rec);
	s->gone = &gone;
	while (!cdx_list_empty(&rec->waiters)) {
		struct cdx_send *w = cdx_list_entry(rec->waiters.next,
						    struct cdx_send, link);
		cdx_send_fn *fn = w->fn;
		void *arg = w->arg;

		cdx_send_leave(w);
		fn(arg, end->err, end->has_sent ? &end->sent : NULL,
		   end->err ? &end->why : NULL);
		if (gone)
			return false;
	}
	s->gone = NULL;
	return true;
}

/* Its nonce may be used by another only now that a crash would not bring it
 * back. */
static void release(struct cdx_send_rec *rec)
{
	if (!rec->unused)
		return;
	rec->unused = false;
	cdx_send_rec_release(rec);
}

/* An end that nobody waits for */
static void keep(struct cdx_send_rec *rec)
{
	if (!rec->end_stored)
		cdx_send_rec_put_end(rec);
	if (rec->end_stored)
		release(rec);
}

static struct cdx_send_rec *next_ended(struct cdx_sender *s)
{
	cdx_list_foreach_safe(pos, tmp, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->state != CDX_SEND_ENDED)
			continue;
		if (!rec->tag[0] || !cdx_list_empty(&rec->waiters))
			return rec;
		keep(rec);
	}
	return NULL;
}

void cdx_sender_tell(struct cdx_sender *s)
{
	struct cdx_send_rec *rec;

	while ((rec = next_ended(s)) != NULL) {
		cdx_list_del(&rec->link);
		if (!tell(rec)) {
			cdx_send_rec_dispose(rec);
			return;
		}
		cdx_send_rec_del(rec);
		release(rec);
		cdx_send_rec_free(rec);
	}
}
