/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/err.h"
#include "base/io.h"

#define PIECE (1u << 20)

/* ---- headers ---- */

static void describe(struct cdx_rest_call *q, const struct cdx_rest_source *s)
{
	const struct cdx_manifest *m = cdx_rest_source_manifest(s);
	char disposition[CDX_REST_DISPOSITION_MAX];
	struct cdx_call *c = q->call;

	cdx_rest_disposition(disposition, m == NULL ? NULL : m->filename);
	(void)!c->set(c, "Content-Disposition", disposition);
	/* A page that somebody stored is not one of ours: it runs nothing,
	 * and has no origin that could call back here. */
	(void)!c->set(c, "Content-Security-Policy", "sandbox");
	(void)!c->set(c, "Accept-Ranges", "bytes");
}

static const char *type_of(const struct cdx_rest_source *s)
{
	const struct cdx_manifest *m = cdx_rest_source_manifest(s);

	return m != NULL && m->mimetype != NULL &&
			       cdx_rest_mimetype(m->mimetype)
		       ? m->mimetype
		       : "application/octet-stream";
}

/* ---- the body ---- */

/* What is asked for: 200 the whole, 206 a part, 416 */
static int wanted(struct cdx_rest_call *q, const struct cdx_rest_source *s,
		  const char *etag, struct cdx_rest_range *r)
{
	struct cdx_call *c = q->call;
	const char *only = c->header(c, "If-Range");
	int rc;

	r->first = 0;
	r->len = s->size;
	if (q->head ||
	    (only != NULL && !cdx_rest_etag_match(only, etag, false)))
		return 200;
	rc = cdx_rest_range(r, c->header(c, "Range"), s->size);
	if (rc < 0)
		return 416;
	return rc == 1 ? 206 : 200;
}

static void refuse_range(struct cdx_rest_call *q, uint64_t size)
{
	char text[64];

	snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
	(void)!q->call->set(q->call, "Content-Range", text);
	cdx_rest_text(q, 416, "it has %" PRIu64 " bytes", size);
}

static void refuse(struct cdx_rest_call *q, int rc)
{
	if (rc == -ENODATA)
		cdx_rest_text(q, 404,
			      "not all of it is here, and what is missing "
			      "could not be had");
	else
		cdx_rest_error(q, rc, NULL);
}

/* The first @n bytes are in @buf.  What cannot be read breaks the answer off:
 * the client sees that it is shorter than was said. */
static void send_rest(struct cdx_rest_call *q, struct cdx_rest_source *s,
		      const struct cdx_rest_range *r, uint8_t *buf, size_t n)
{
	struct cdx_call *c = q->call;
	uint64_t done = 0;

	while (n > 0 && c->write(c, buf, n) == 0) {
		uint64_t left;
		ssize_t got;

		done += n;
		left = r->len - done;
		got = left == 0
			      ? 0
			      : cdx_rest_source_read(s, q, buf, r->first + done,
						     left < PIECE ? (size_t)left
								  : PIECE);
		if (got < 0 || (got == 0 && left > 0))
			cdx_log(q->api->node->log, WARN, "api",
				"a download of %s ended early: %s", q->id,
				cdx_strerror(got < 0 ? (int)got : -EIO));
		n = got < 0 ? 0 : (size_t)got;
	}
}

static void send_part(struct cdx_rest_call *q, struct cdx_rest_source *s,
		      int status, const struct cdx_rest_range *r)
{
	CDX_CLEANUP(cdx_freep) uint8_t *buf = NULL;
	struct cdx_call *c = q->call;
	size_t piece = r->len < PIECE ? (size_t)r->len : PIECE;
	ssize_t n = 0;

	if (!q->head && piece > 0) {
		buf = malloc(piece);
		/* read before the status is said, so that what is damaged is
		 * an error and not a short file */
		n = buf == NULL
			    ? -ENOMEM
			    : cdx_rest_source_read(s, q, buf, r->first, piece);
		if (n == 0)
			n = -EIO;
	}
	if (n < 0) {
		refuse(q, (int)n);
		return;
	}
	if (status == 206) {
		char text[96];

		snprintf(text, sizeof(text),
			 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r->first,
			 r->first + r->len - 1, s->size);
		(void)!c->set(c, "Content-Range", text);
	}
	describe(q, s);
	cdx_rest_headers(q);
	c->length(c, r->len);
	if (c->begin(c, status, type_of(s)) < 0 || q->head)
		return;
	atomic_fetch_add(&q->rest->downloads, 1);
	send_rest(q, s, r, buf, (size_t)n);
}

void cdx_rest_download(struct cdx_rest_call *q, struct cdx_rest_source *s)
{
	char etag[CDX_CID_TEXT_MAX + 3];
	struct cdx_call *c = q->call;
	struct cdx_rest_range r;
	int status;

	etag[0] = '"';
	cdx_cid_text(etag + 1, &s->cid);
	(void)stpcpy(etag + strlen(etag), "\"");
	status = wanted(q, s, etag, &r);
	(void)!c->set(c, "ETag", etag);
	/* whoever uses it again asks first: it may have been deleted */
	(void)!c->set(c, "Cache-Control", "private, no-cache");
	if (cdx_rest_etag_match(c->header(c, "If-None-Match"), etag, true))
		cdx_rest_nothing(q, 304);
	else if (status == 416)
		refuse_range(q, s->size);
	else if (!cdx_rest_source_here(s, r.first, r.len))
		cdx_rest_text(q, 404,
			      "not all of it is here: ask for network/stream");
	else
		send_part(q, s, status, &r);
}
