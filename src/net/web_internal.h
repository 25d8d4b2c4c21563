/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_WEB_INTERNAL_H
#define CDX_NET_WEB_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "net/web.h"

/* Which reservations the next bytes of an answer have */
#define CDX_WEB_PAID_PEER 1u
#define CDX_WEB_PAID_ALL 2u

/*
 * Bytes a second as the time at which the next may go: a piece of n bytes moves it
 * on by n / rate.  It lags behind the clock by a burst at most.  Guarded by the
 * server's mu.
 */
struct cdx_web_bucket {
	uint64_t rate; /* 0: no limit */
	uint64_t next_ns;
};

/* An address that has connections, or had enough lately to be slowed down.
 * Guarded by the server's mu. */
struct cdx_web_peer {
	uint64_t key;
	unsigned connections;
	struct cdx_web_bucket bucket;
};

/* A connection.  The list and the end of it: guarded by the server's mu. */
struct cdx_web_conn {
	struct cdx_list node; /* in web->conns */
	struct cdx_web *web;
	struct cdx_web_peer *peer;
	int fd;
	bool cut;     /* guarded by mu: it was shut down for its time */
	bool waiting; /* guarded by mu: suspended, so it is not idle */
	/* when what it does now must have ended: a request be here, or an
	 * answer have gone */
	_Atomic uint64_t deadline_ns;
	/* it has had an answer and is kept: its end is no time-out */
	_Atomic bool kept;
};

struct cdx_web {
	struct cdx_web_opts opts; /* the numbers, with defaults; fn, arg */
	struct MHD_Daemon *daemon;
	struct sockaddr_storage addr;
	pthread_t timer;
	bool timer_runs;
	pthread_mutex_t mu;
	pthread_cond_t cv; /* for the timer; CLOCK_MONOTONIC */
	/* guarded by mu: */
	bool ending;
	struct cdx_list conns;
	struct cdx_list waiting; /* requests that are suspended */
	struct cdx_map peers;	 /* by key */
	struct cdx_web_bucket all;
	uint32_t n_conns;
	uint64_t refused;
	uint64_t timed_out;
	/* statistics of the workers */
	_Atomic uint64_t requests;
	_Atomic uint64_t bytes_sent;
};

/* What a suspended request waits for */
enum cdx_web_wait {
	CDX_WEB_RUNS,
	CDX_WEB_THROTTLED, /* its turn to send */
	CDX_WEB_DEFERRED,  /* its answer */
};

/* A request.  Its worker's but for what mu guards while it waits. */
struct cdx_web_req {
	struct cdx_web *web;
	struct cdx_web_conn *conn;
	struct MHD_Connection *mhd;
	const char *method;
	const char *path;
	struct cdx_buf body;
	size_t thrown;	     /* bytes of a body that is too long */
	bool asleep;	     /* suspended within the callback that runs */
	struct cdx_buf head; /* headers of the answer: name, NUL, value, NUL */
	/* guarded by mu: */
	struct cdx_list node; /* in web->waiting */
	enum cdx_web_wait wait;
	uint64_t until_ns;
	void (*gone)(void *arg);
	void *gone_arg;
	bool answered; /* guarded by mu while deferred */
	bool told;     /* gone was called */
	/* the answer; written before answered is set */
	struct MHD_Response *answer;
	unsigned status;
	uint64_t len; /* to be paid before it begins */
	unsigned paid;
	/* of a stream */
	ssize_t (*next)(void *arg, void *out, size_t cap);
	void (*done)(void *arg);
	void *stream_arg;
};

/* ---- web_limits.c: addresses, connections, rates; mu is not held ---- */

/* Is there room for one more connection of this address?  Counts those that are
 * refused. */
bool cdx_web_admit(struct cdx_web *w, const struct sockaddr *sa);
/* Returns new; NULL without memory */
struct cdx_web_conn *cdx_web_conn_new(struct cdx_web *w,
				      const struct sockaddr *sa, int fd);
void cdx_web_conn_free(struct cdx_web_conn *c);
/* From now on, so many seconds */
void cdx_web_conn_deadline(struct cdx_web_conn *c, unsigned s);
/* When @n bytes may go out: a time in the future, or 0 for now.  Called again
 * then, it may name another time. */
uint64_t cdx_web_pay(struct cdx_web_req *r, uint64_t n);
/* What was paid for and not sent */
void cdx_web_refund(struct cdx_web_req *r, uint64_t n);
/* Forgets addresses that are back to normal.  mu is held. */
void cdx_web_sweep(struct cdx_web *w, uint64_t now);

/* ---- web_wait.c: what waits, and the thread that ends it ---- */

/* -errno of the thread */
CDX_MUST_CHECK int cdx_web_timer_start(struct cdx_web *w);
/* Answers and resumes everything that waits; nothing waits any more then. */
void cdx_web_timer_stop(struct cdx_web *w);
/* Suspends the connection until then.  On its worker, within a callback.  False:
 * the server is ending, it goes on at once. */
bool cdx_web_suspend(struct cdx_web_req *r, enum cdx_web_wait wait,
		     uint64_t until_ns);

/* The answer of a deferred request; taken.  Any thread. */
void cdx_web_deliver(struct cdx_web_req *r, struct MHD_Response *answer,
		     unsigned status);

/* Tells who deferred it that the request is dead, once. */
void cdx_web_gone(struct cdx_web_req *r);

/* ---- web_req.c ---- */

/* libmicrohttpd's callbacks; @arg is the server */
enum MHD_Result cdx_web_on_access(void *arg, struct MHD_Connection *conn,
				  const char *url, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_len, void **state);
void cdx_web_on_completed(void *arg, struct MHD_Connection *conn, void **state,
			  enum MHD_RequestTerminationCode why);
/* Makes the short answer of an error; no thread but the caller's knows the
 * request. */
void cdx_web_fail(struct cdx_web_req *r, int status, const char *text);

/* ---- web_tls.c ---- */

/* Do these PEM texts make a pair?  0 or -EINVAL, with words. */
CDX_MUST_CHECK int cdx_web_tls_check(const char *cert, const char *key,
				     char why[256]);

#endif
