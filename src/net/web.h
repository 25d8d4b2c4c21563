/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_WEB_H
#define CDX_NET_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/attr.h"

/*
 * HTTP for strangers: libmicrohttpd with epoll and a small pool of threads.  A
 * handler answers at once from what is here (it may read the disk); it never
 * waits for others.  Bodies of answers are made piece by piece while the socket
 * takes them.  Everything has a limit: connections in all and of one address,
 * idle time, time for a whole answer, bytes of a header, bytes a second of one
 * address and in all.
 */
struct cdx_web;
struct cdx_web_req; /* one request; lives until its answer has gone */

/* Called once a request, when its header is here (a body of more than @max_body
 * is 413; a smaller one is here whole), on a thread of the pool.  It must call one
 * of cdx_web_reply* before it returns, or cdx_web_defer. */
typedef void cdx_web_fn(void *arg, struct cdx_web_req *r);

struct cdx_web_opts {
	const char
		*listen; /* "ADDR:PORT", "[ADDR6]:PORT", ":PORT"; port 0: any */
	unsigned threads;	     /* 0: one a processor, at most 4 */
	unsigned connections;	     /* 0: 512 */
	unsigned connections_a_peer; /* 0: 64 */
	unsigned idle_s;	     /* 0: 30 */
	unsigned answer_s;	     /* a whole answer; 0: 600 */
	size_t max_body;
	uint64_t rate;	      /* bytes a second in all; 0: no limit */
	uint64_t rate_a_peer; /* of one address (IPv6: its /64); 0: no limit */
	const char *tls_cert; /* PEM texts; NULL: no TLS */
	const char *tls_key;
	cdx_web_fn *fn;
	void *arg;
};

/**
 * cdx_web_new - listen and serve
 *
 * @why: 256 bytes: in words, for -EADDRINUSE with who holds the port where that
 *       can be told
 *
 * Errors: -EINVAL an address that is none, or TLS texts that do not parse;
 * -EADDRINUSE, -EACCES and other -errno; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_web_new(struct cdx_web **out,
			       const struct cdx_web_opts *opts, char why[256]);
/* Breaks what is under way off; waits for handlers.  NULL is allowed. */
void cdx_web_free(struct cdx_web *w);
/* Where it listens: port 0 is filled in */
void cdx_web_addr(const struct cdx_web *w, struct sockaddr_storage *out);

struct cdx_web_stats {
	uint64_t requests;
	uint64_t bytes_sent;  /* of bodies */
	uint64_t refused;     /* connections over a limit */
	uint64_t timed_out;   /* while asking or answered; not kept idle ones */
	uint32_t connections; /* now */
};
/* Thread: safe. */
void cdx_web_stats(struct cdx_web *w, struct cdx_web_stats *out);

/* ---- the request; all borrowed until its answer has gone ---- */

/* As it was sent: any token */
const char *cdx_web_method(const struct cdx_web_req *r);
/* Decoded, from '/' */
const char *cdx_web_path(const struct cdx_web_req *r);
/* NULL when it is not there */
const char *cdx_web_param(const struct cdx_web_req *r, const char *name);
const char *cdx_web_header(const struct cdx_web_req *r, const char *name);
/* All of it */
const void *cdx_web_body(const struct cdx_web_req *r, size_t *len);
/* Who asks */
const struct sockaddr *cdx_web_peer(const struct cdx_web_req *r);
/* What limits of one address count by: IPv4 whole, IPv6 its /64.  Pure. */
uint64_t cdx_web_peer_key(const struct sockaddr *sa);

/* ---- the answer ---- */

/* "Name: value" lines for the answer, before cdx_web_reply*; copied.  -ENOMEM,
 * -EINVAL a line break in it. */
CDX_MUST_CHECK int cdx_web_set(struct cdx_web_req *r, const char *name,
			       const char *value);
/* A short text, copied.  HEAD gets its length only. */
void cdx_web_reply(struct cdx_web_req *r, int status, const char *type,
		   const void *p, size_t len);
/* Bytes that somebody else keeps: @release is called when they have gone out */
void cdx_web_reply_static(struct cdx_web_req *r, int status, const char *type,
			  const void *p, size_t len, void (*release)(void *arg),
			  void *arg);
/* Made while it goes out.  @next: up to @cap bytes into @out: the count, 0 at the
 * end, negative breaks the connection off; may read the disk, must not wait.
 * @len: of all, or UINT64_MAX when not known (chunked).  @done is called once,
 * whatever comes of it. */
void cdx_web_reply_stream(struct cdx_web_req *r, int status, const char *type,
			  uint64_t len,
			  ssize_t (*next)(void *arg, void *out, size_t cap),
			  void (*done)(void *arg), void *arg);
/* The answer comes later, from any thread, by a cdx_web_reply*: the connection
 * rests until then.  When the server ends first, or @ms pass, the request is
 * answered with 503.  @gone is called once, when @r is dead: before that 503, or
 * when the answer has gone out; no lock is held.  An answer given until it has
 * returned is allowed, and dropped when it comes too late. */
void cdx_web_defer(struct cdx_web_req *r, unsigned ms, void (*gone)(void *arg),
		   void *arg);

#endif
