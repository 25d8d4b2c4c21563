/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "exchange/internal.h"
#include "store/cache.h"

/* Having a manifest: of the store, of its cache, of peers. */

#define ASKS_MAX 3u
#define TOTAL_MS 15000u

struct open_op {
	struct cdx_op op;
	struct cdx_list node; /* in s->openers */
	struct cdx_exchange *ex;
	struct cdx_xsession *s;
	struct cdx_cid cid;
	bool local;
	uint64_t since;
	cdx_reader_fn *fn;
	void *arg;
	struct cdx_reader *rd;
	char why[CDX_X_WHY_MAX];
};

/* One peer that is asked, and what it said */
struct ask {
	struct cdx_xjob job;
	struct cdx_list node; /* in s->asks until the answer is here */
	struct cdx_xsession *s;
	unsigned at;
	struct cdx_xpeer *peer;
	struct cdx_http_transfer *transfer;
	struct cdx_buf bytes;
	struct cdx_xset *set;
	int rc;
	char why[CDX_X_WHY_MAX];
};

static struct open_op *opener(struct cdx_list *node)
{
	return cdx_list_entry(node, struct open_op, node);
}

/* Ends those who wait for it; @local_only: those who want no others asked */
static void end_openers(struct cdx_xsession *s, int rc, const char *why,
			bool local_only)
{
	struct cdx_list ending;

	cdx_list_init(&ending);
	cdx_list_foreach_safe(pos, tmp, &s->openers) {
		if (local_only && !opener(pos)->local)
			continue;
		cdx_list_del(pos);
		cdx_list_add_tail(&ending, pos);
	}
	cdx_list_foreach_safe(pos, tmp, &ending) {
		struct open_op *o = opener(pos);
		int end = rc;

		if (rc == 0) {
			o->rd = cdx_xreader_new(s);
			if (o->rd == NULL)
				end = -ENOMEM;
		}
		(void)snprintf(o->why, sizeof(o->why), "%s", why);
		cdx_xop_end(s->ex, &o->op, end);
	}
}

/* Takes the set.  It may have come from here and from a peer at once. */
static void opened(struct cdx_xsession *s, struct cdx_xset *set)
{
	if (s->set == NULL)
		s->set = set;
	else
		cdx_xset_put(set);
	cdx_xopen_cancel(s);
	end_openers(s, 0, "", false);
}

/* ---- here ---- */

struct local {
	struct cdx_xjob job;
	struct cdx_xsession *s;
	struct cdx_xset *set;
	int rc;
	char why[CDX_X_WHY_MAX];
};

static size_t block_max(const struct cdx_exchange *ex)
{
	return ex->memory / 4;
}

static void local_work(struct cdx_xjob *j)
{
	struct local *l = CDX_CONTAINER(j, struct local, job);

	l->rc = cdx_xset_local(&l->set, j->ex->store, &l->s->cid,
			       block_max(j->ex), l->why);
}

static void local_done(struct cdx_xjob *j)
{
	struct local *l = CDX_CONTAINER(j, struct local, job);
	struct cdx_xsession *s = l->s;

	s->looking = false;
	s->looked = true;
	if (l->rc == 0)
		opened(s, l->set);
	else if (l->rc == -ENOENT)
		end_openers(s, -ENOENT, "it is not in this store", true);
	else
		end_openers(s, l->rc, l->why, false);
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(l);
}

static void look_local(struct cdx_xsession *s)
{
	struct local *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		end_openers(s, -ENOMEM, "", false);
		return;
	}
	l->s = s;
	l->job.work = local_work;
	l->job.done = local_done;
	s->looking = true;
	cdx_xsession_use(s);
	cdx_xjob_submit(s->ex, &l->job, CDX_POOL_READ);
}

/* ---- from others ---- */

static void ask_free(struct ask *a)
{
	struct cdx_xsession *s = a->s;

	s->source[a->at].asking = false;
	s->asking--;
	a->peer->users--;
	cdx_list_del(&a->node);
	cdx_buf_free(&a->bytes);
	cdx_xsession_kick(s);
	cdx_xsession_unuse(s);
	free(a);
}

static void check_work(struct cdx_xjob *j)
{
	struct ask *a = CDX_CONTAINER(j, struct ask, job);

	a->rc = cdx_xset_new(&a->set, &a->s->cid, &a->bytes, block_max(j->ex),
			     a->why);
	if (a->rc == 0 && j->ex->caching)
		/* without room for it, it is asked for again another time */
		(void)!cdx_cache_put_manifest(j->ex->store, &a->set->cid,
					      &a->set->tree, a->bytes.p,
					      a->bytes.len);
}

static void check_done(struct cdx_xjob *j)
{
	struct ask *a = CDX_CONTAINER(j, struct ask, job);
	struct cdx_xsession *s = a->s;

	if (a->rc == CDX_E_HASH)
		cdx_xpeer_lied(s->ex, a->peer, NULL, "another manifest");
	else if (a->rc == 0)
		opened(s, a->set);
	else
		/* the CID names just these bytes: nobody has better ones */
		end_openers(s, a->rc, a->why, false);
	ask_free(a);
}

static void on_manifest(void *arg, int err, const struct cdx_http_res *res,
			const char *why)
{
	struct ask *a = arg;
	struct cdx_xsession *s = a->s;
	struct cdx_exchange *ex = s->ex;

	(void)why;
	a->transfer = NULL;
	if (err == -EMSGSIZE) {
		cdx_xpeer_lied(ex, a->peer, NULL, "an endless manifest");
	} else if (err != 0) {
		if (err == -ETIMEDOUT)
			cdx_xcount(ex, timeouts);
		cdx_xpeer_failed(ex, a->peer, 0);
	} else if (res->status == 404) {
		s->source[a->at].gone_until =
			cdx_clock_mono_ns() + CDX_X_IDLE_S * CDX_X_NS_S;
	} else if (res->status != 200) {
		cdx_xpeer_failed(ex, a->peer, res->retry_after_s);
	} else {
		cdx_buf_put(&a->bytes, res->body, res->len);
		if (cdx_buf_ok(&a->bytes) == 0) {
			cdx_xpeer_worked(a->peer);
			cdx_list_del(&a->node);
			a->job.work = check_work;
			a->job.done = check_done;
			cdx_xjob_submit(ex, &a->job, CDX_POOL_READ);
			return;
		}
	}
	ask_free(a);
}

static int ask_for(struct cdx_xsession *s, unsigned at)
{
	char base[CDX_MADDR_TEXT_MAX];
	char cid[CDX_CID_TEXT_MAX];
	char url[CDX_MADDR_TEXT_MAX + CDX_CID_TEXT_MAX + 64];
	struct ask *a = calloc(1, sizeof(*a));
	struct cdx_http_req req = {
		.method = "GET",
		.url = url,
		.connect_ms = CDX_X_CONNECT_MS,
		.total_ms = TOTAL_MS,
		.max_body = CDX_MANIFEST_MAX,
	};
	int rc;

	if (a == NULL)
		return -ENOMEM;
	a->s = s;
	a->at = at;
	a->peer = s->source[at].peer;
	cdx_list_init(&a->node);
	cdx_xpeer_url(base, a->peer);
	cdx_cid_text(cid, &s->cid);
	(void)snprintf(url, sizeof(url), "%s/codex/v1/datasets/%s/manifest",
		       base, cid);
	req.tls_key = cdx_xpeer_tls(a->peer);
	rc = cdx_http_start(s->ex->http, &a->transfer, &req, on_manifest, a);
	if (rc != 0) {
		free(a);
		return rc;
	}
	cdx_list_add_tail(&s->asks, &a->node);
	s->source[at].asking = true;
	s->asking++;
	a->peer->users++;
	cdx_xsession_use(s);
	return 0;
}

void cdx_xopen_cancel(struct cdx_xsession *s)
{
	cdx_list_foreach_safe(pos, tmp, &s->asks) {
		struct ask *a = cdx_list_entry(pos, struct ask, node);

		cdx_http_cancel(a->transfer);
		ask_free(a);
	}
}

static uint64_t newest(const struct cdx_xsession *s)
{
	uint64_t since = 0;

	cdx_list_foreach(pos, &s->openers) {
		if (opener(pos)->since > since)
			since = opener(pos)->since;
	}
	return since;
}

void cdx_xopen_pump(struct cdx_xsession *s)
{
	uint64_t now = cdx_clock_mono_ns();
	bool waiting = false;

	if (cdx_list_empty(&s->openers)) {
		cdx_xopen_cancel(s);
		return;
	}
	if (!s->looked && !s->looking)
		look_local(s);
	if (!s->looked)
		return;
	for (unsigned i = 0; i < s->n_sources; i++) {
		struct cdx_xsource *src = &s->source[i];

		if (cdx_xpeer_out(src->peer, now) || src->gone_until > now)
			continue;
		waiting = true;
		if (!src->asking && s->asking < ASKS_MAX &&
		    src->peer->rest_until <= now)
			(void)!ask_for(s, i);
	}
	if (waiting || s->asking > 0)
		return;
	cdx_xsession_find(s);
	/* peers that this brought are asked in the next turn */
	if (s->dirty || !cdx_xsession_found(s, newest(s)))
		return;
	end_openers(s, -ENOENT,
		    s->n_sources == 0
			    ? "nobody was found who has it"
			    : "those who were said to have it do not give it",
		    false);
}

/* ---- the call ---- */

static void open_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct open_op *o = CDX_CONTAINER(op, struct open_op, op);
	struct cdx_xsession *s;
	int rc = cdx_xsession_get(ex, &s, &o->cid);

	if (rc != 0) {
		cdx_xop_end(ex, op, rc);
		return;
	}
	o->s = s;
	o->since = cdx_clock_mono_ns();
	cdx_xsession_use(s);
	cdx_list_add_tail(&s->openers, &o->node);
	if (s->set != NULL) {
		end_openers(s, 0, "", false);
		return;
	}
	/* it may have come by other ways since it was looked for, or somebody
	 * may have announced it since others were searched for */
	if (!s->looking)
		s->looked = false;
	if (s->find == NULL)
		s->found_at = 0;
	/* nobody announces for those who were named: they may have it now */
	for (unsigned i = 0; i < s->n_sources; i++) {
		if (s->source[i].peer->known &&
		    s->source[i].holding != CDX_HOLDS_NOTHING)
			s->source[i].gone_until = 0;
	}
	cdx_xsession_kick(s);
}

static void open_detach(struct cdx_op *op)
{
	struct open_op *o = CDX_CONTAINER(op, struct open_op, op);

	cdx_list_del(&o->node);
	if (o->s == NULL)
		return;
	if (op->rc == -ETIMEDOUT)
		(void)snprintf(o->why, sizeof(o->why),
			       o->s->n_sources == 0
				       ? "nobody was found in time who has it"
				       : "nobody who has it answered in time");
	cdx_xsession_kick(o->s);
	cdx_xsession_unuse(o->s);
}

static void open_tell(struct cdx_op *op)
{
	struct open_op *o = CDX_CONTAINER(op, struct open_op, op);

	o->fn(o->arg, op->rc, op->rc == 0 ? o->rd : NULL, o->why);
	if (op->rc != 0)
		cdx_reader_put(o->rd);
}

static void open_destroy(struct cdx_op *op)
{
	free(CDX_CONTAINER(op, struct open_op, op));
}

int cdx_exchange_open(struct cdx_exchange *ex, struct cdx_op **op,
		      const struct cdx_cid *cid, bool local, unsigned ms,
		      cdx_reader_fn *fn, void *arg)
{
	struct open_op *o;

	if (cid->codec != CDX_CODEC_MANIFEST ||
	    cid->mhash != CDX_MHASH_SHA256 || cid->len != 32)
		return -EINVAL;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -ENOMEM;
	o->op.begin = open_begin;
	o->op.detach = open_detach;
	o->op.tell = open_tell;
	o->op.destroy = open_destroy;
	o->ex = ex;
	o->cid = *cid;
	o->local = local;
	o->fn = fn;
	o->arg = arg;
	cdx_list_init(&o->node);
	return cdx_xop_start(ex, &o->op, op, ms);
}
