/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_HTTP_H
#define CDX_NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"

/*
 * HTTP requests on the loop (libcurl's multi interface): many in flight, kept
 * connections, the whole answer at the end.  loop-confined.
 */
struct cdx_http;
struct cdx_http_transfer;

struct cdx_http_req {
	const char *method; /* "GET", "POST" */
	const char *url;    /* http or https; nothing else is followed */
	const char *const *headers; /* "Name: value", NULL at the end, or NULL */
	const void *body;	    /* copied */
	size_t body_len;
	unsigned connect_ms; /* until connected */
	unsigned total_ms;   /* until all is there */
	size_t max_body;     /* a longer answer is -EMSGSIZE */
};

/* An answer; borrowed for the call */
struct cdx_http_res {
	int status;
	const uint8_t *body;
	size_t len;
};

/* Called once, on the loop, never from within cdx_http_start.  @err: 0 with an
 * answer of whatever status; -ETIMEDOUT; -ECONNREFUSED and other -errno of the
 * connection; -EHOSTUNREACH no such host; -EPROTO not HTTP, or a bad
 * certificate; -EPIPE cut short; -EMSGSIZE; -ENOMEM.  @res is NULL then.
 * @why: libcurl's words for it, "" on success. */
typedef void cdx_http_fn(void *arg, int err, const struct cdx_http_res *res,
			 const char *why);

/* Returns new; @loop is kept.  -ENOMEM. */
CDX_MUST_CHECK int cdx_http_new(struct cdx_http **out, struct cdx_loop *loop);
/* Ends what is in flight without calling back.  NULL is allowed. */
void cdx_http_free(struct cdx_http *h);

/* Whether a URL is one that cdx_http_start takes: 0, -EINVAL, -ENOMEM */
CDX_MUST_CHECK int cdx_http_url_check(const char *url);

/**
 * cdx_http_start - begin a request
 *
 * @out: a handle for cdx_http_cancel, dead once @fn was called; may be NULL
 *
 * Redirects are not followed; no proxy of the environment is used.
 * Errors: -EINVAL a bad URL; -ENOMEM.  @fn is not called then.
 */
CDX_MUST_CHECK int cdx_http_start(struct cdx_http *h,
				  struct cdx_http_transfer **out,
				  const struct cdx_http_req *req,
				  cdx_http_fn *fn, void *arg);
/* Ends a request; its function is not called any more.  NULL is allowed. */
void cdx_http_cancel(struct cdx_http_transfer *t);

#endif
