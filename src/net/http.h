/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_HTTP_H
#define CDX_NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "crypto/hash.h"

/*
 * HTTP requests on the loop (libcurl's multi interface): many in flight, kept
 * connections, the whole answer at the end or as it comes.  loop-confined.
 */
struct cdx_http;
struct cdx_http_transfer;

struct cdx_http_req {
	const char *method; /* "GET", "HEAD", "POST", ... */
	const char *url;    /* http or https; nothing else is followed */
	const char *const *headers; /* "Name: value", NULL at the end, or NULL */
	const void *body;	    /* copied */
	size_t body_len;
	unsigned connect_ms; /* until connected */
	unsigned total_ms;   /* until all is there; 0: no limit but idle_ms */
	size_t max_body;     /* a longer answer is -EMSGSIZE */
	unsigned idle_ms; /* without a byte for so long: -ETIMEDOUT; 0: no limit */
	/* Bytes of an answer of status 200 to 299 as they come, on the loop; what
	 * it was given is then not in the answer's body.  0 goes on; 1 stops
	 * reading after these until cdx_http_resume (the socket fills up; an end
	 * that is known already may be told meanwhile); negative ends the request
	 * with that error.  It may start, cancel and resume any request.  NULL:
	 * all at the end. */
	int (*data)(void *arg, const uint8_t *p, size_t len);
	/* SHA-256 of the server's SubjectPublicKeyInfo: that key and no other,
	 * whoever signed its certificate.  NULL: the system's authorities. */
	const struct cdx_digest *tls_key;
};

/* An answer; borrowed for the call */
struct cdx_http_res {
	int status;
	const uint8_t *body;
	size_t len;
	unsigned retry_after_s; /* what the header of this name asks for, or 0 */
};

/* Called once, on the loop, never from within cdx_http_start.  @err: 0 with an
 * answer of whatever status; -ETIMEDOUT; -ECONNREFUSED and other -errno of the
 * connection; -EHOSTUNREACH no such host; -EPROTO not HTTP, or a bad
 * certificate; -EPIPE cut short; -EMSGSIZE; -ENOMEM; what
 * the data function said.  @res is NULL then.
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
/* Goes on reading after the data function said 1 (nothing happens when it did
 * not).  Never calls back before it returns. */
void cdx_http_resume(struct cdx_http_transfer *t);
/* Ends a request; its function is not called any more.  NULL is allowed. */
void cdx_http_cancel(struct cdx_http_transfer *t);

#endif
