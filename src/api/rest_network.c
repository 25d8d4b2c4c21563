/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/err.h"
#include "dataset/manifest_json.h"
#include "node/peers.h"

/* ---- finding ---- */

static void not_found(struct cdx_rest_call *q, int rc, const char *why)
{
	if (rc == -ENOENT || rc == -ENODATA || rc == -ETIMEDOUT)
		cdx_rest_text(q, 404, "%s",
			      q->api->node->peers == NULL
				      ? "it is not here, and this store asks "
					"nobody: it has no peers"
			      : why[0] != '\0' ? why
					       : "nobody who has it was found");
	else
		cdx_rest_error(q, rc, why);
}

/* False: answered */
static bool find(struct cdx_rest_call *q, struct cdx_rest_source *s)
{
	char why[CDX_API_WHY_MAX];
	struct cdx_cid cid;
	int rc;

	if (!cdx_rest_cid(q, &cid))
		return false;
	rc = cdx_rest_source_open(s, q, &cid, why);
	if (rc < 0)
		not_found(q, rc, why);
	return rc == 0;
}

/* The same for who wants a dataset, not a block */
static bool find_dataset(struct cdx_rest_call *q, struct cdx_rest_source *s)
{
	if (!find(q, s))
		return false;
	if (cdx_rest_source_manifest(s) != NULL)
		return true;
	cdx_rest_source_close(s);
	cdx_rest_text(q, 400, "that is the CID of a block, not of a manifest");
	return false;
}

static void show(struct cdx_rest_call *q, const struct cdx_rest_source *s)
{
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, &s->cid);
	cdx_rest_json(
		q, 200,
		json_pack("{s:s, s:o}", "cid", text, "manifest",
			  cdx_manifest_json(cdx_rest_source_manifest(s))));
}

void cdx_rest_network_stream(struct cdx_rest_call *q)
{
	struct cdx_rest_source s;

	if (!find(q, &s))
		return;
	cdx_rest_download(q, &s);
	cdx_rest_source_close(&s);
}

void cdx_rest_network_manifest(struct cdx_rest_call *q)
{
	struct cdx_rest_source s;

	if (!find_dataset(q, &s))
		return;
	show(q, &s);
	cdx_rest_source_close(&s);
}

/* ---- fetches ---- */

void cdx_rest_fetches_init(struct cdx_rest_fetches *f)
{
	pthread_mutex_init(&f->mu, NULL);
	pthread_cond_init(&f->cv, NULL);
	for (size_t i = 0; i < CDX_ARRAY_LEN(f->one); i++)
		f->one[i].all = f;
}

/* On a worker or the loop */
static void ended(void *arg, int rc CDX_UNUSED)
{
	struct cdx_rest_fetch *one = arg;
	struct cdx_rest_fetches *f = one->all;

	/* what the cache has of it can be announced */
	cdx_peers_changed(one->peers);
	pthread_mutex_lock(&f->mu);
	one->ended = true;
	pthread_cond_broadcast(&f->cv);
	pthread_mutex_unlock(&f->mu);
}

/* Lets go of those that have ended; under the lock */
static void collect(struct cdx_rest_fetches *f)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(f->one); i++) {
		struct cdx_rest_fetch *one = &f->one[i];

		/* without an op its beginning is still under way */
		if (!one->used || !one->ended || one->op == NULL)
			continue;
		cdx_op_put(one->op);
		cdx_reader_put(one->reader);
		one->op = NULL;
		one->reader = NULL;
		one->used = false;
	}
}

/* A place for a fetch.  1 and a place; 0 it is being fetched already; -EAGAIN
 * there are too many. */
static int take_place(struct cdx_rest_fetches *f, const struct cdx_cid *cid,
		      struct cdx_rest_fetch **out)
{
	struct cdx_rest_fetch *free_one = NULL;
	int rc = 1;

	pthread_mutex_lock(&f->mu);
	collect(f);
	for (size_t i = 0; i < CDX_ARRAY_LEN(f->one); i++) {
		if (!f->one[i].used)
			free_one = &f->one[i];
		else if (cdx_cid_equal(&f->one[i].cid, cid))
			rc = 0;
	}
	if (rc == 1 && free_one == NULL)
		rc = -EAGAIN;
	if (rc == 1) {
		free_one->used = true;
		free_one->ended = false;
		free_one->cid = *cid;
		*out = free_one;
	}
	pthread_mutex_unlock(&f->mu);
	return rc;
}

static int fetch(struct cdx_rest_call *q, const struct cdx_rest_source *s)
{
	struct cdx_rest_fetch *one = NULL;
	struct cdx_op *op = NULL;
	int rc = take_place(&q->rest->fetches, &s->cid, &one);

	if (rc <= 0)
		return rc;
	one->peers = q->api->node->peers;
	one->reader = cdx_reader_ref(s->reader);
	rc = cdx_reader_fetch(s->reader, &op, false, NULL, ended, one);
	pthread_mutex_lock(&q->rest->fetches.mu);
	one->op = op;
	if (rc < 0) {
		cdx_reader_put(one->reader);
		one->reader = NULL;
		one->used = false;
	}
	pthread_mutex_unlock(&q->rest->fetches.mu);
	return rc;
}

void cdx_rest_network_fetch(struct cdx_rest_call *q)
{
	struct cdx_rest_source s;
	int rc = 0;

	if (!find_dataset(q, &s))
		return;
	/* what is in the store needs no fetching */
	if (s.kind == CDX_REST_REMOTE)
		rc = fetch(q, &s);
	if (rc == -EAGAIN)
		cdx_rest_text(q, 503,
			      "%u datasets are being fetched; try again when "
			      "one of them is here",
			      CDX_REST_FETCHES_MAX);
	else if (rc < 0)
		cdx_rest_error(q, rc, NULL);
	else
		show(q, &s);
	cdx_rest_source_close(&s);
}

unsigned cdx_rest_fetches_count(struct cdx_rest_fetches *f)
{
	unsigned n = 0;

	pthread_mutex_lock(&f->mu);
	for (size_t i = 0; i < CDX_ARRAY_LEN(f->one); i++)
		n += f->one[i].used && !f->one[i].ended;
	pthread_mutex_unlock(&f->mu);
	return n;
}

void cdx_rest_fetches_end(struct cdx_rest_fetches *f)
{
	/* nobody begins one any more: the server has gone */
	for (size_t i = 0; i < CDX_ARRAY_LEN(f->one); i++)
		if (f->one[i].used && f->one[i].op != NULL)
			cdx_op_cancel(f->one[i].op);
	pthread_mutex_lock(&f->mu);
	for (size_t i = 0; i < CDX_ARRAY_LEN(f->one); i++)
		while (f->one[i].used && !f->one[i].ended)
			pthread_cond_wait(&f->cv, &f->mu);
	collect(f);
	pthread_mutex_unlock(&f->mu);
	pthread_mutex_destroy(&f->mu);
	pthread_cond_destroy(&f->cv);
}
