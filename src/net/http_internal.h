/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_HTTP_INTERNAL_H
#define CDX_NET_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/list.h"
#include "net/http.h"

/* loop-confined */
struct cdx_http {
	struct cdx_loop *loop;
	CURLM *multi;
	struct cdx_loop_timer *timer; /* when libcurl wants to be called */
	struct cdx_list transfers;    /* in flight */
	struct cdx_list starting;     /* begun from within libcurl */
	struct cdx_list failing;      /* to be ended for want of memory */
	struct cdx_list cancelled;    /* from within libcurl */
	struct cdx_list resuming;     /* by their .resume */
	struct cdx_list watches;
	int wake_fd; /* eventfd: there is something to resume */
	struct cdx_loop_io *wake;
	/* libcurl asked for a timer or a watch and there was no memory: nothing
	 * would wake its transfers any more */
	bool starved;
	/* libcurl is at work and takes no calls but curl_easy_pause: a data
	 * function's wishes are done after it */
	bool inside;
	/* freed from within a callback: what is left is done after it */
	bool calling;
	bool dead;
};

/* loop-confined */
struct cdx_http_transfer {
	struct cdx_list node;	/* in one of the lists of http but resuming */
	struct cdx_list resume; /* in http->resuming */
	struct cdx_http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct cdx_buf body;
	size_t max_body;
	size_t received; /* of the body */
	size_t header_bytes;
	bool too_long;
	bool cancelled;
	bool paused;  /* the data function said so */
	bool stopped; /* and libcurl knows */
	int (*data)(void *arg, const uint8_t *p, size_t len);
	int data_err; /* what it ended the request with */
	/* looks a few times in idle_ms whether anything moved */
	struct cdx_loop_timer *idle;
	uint64_t moved; /* bytes by then, up and down */
	unsigned quiet; /* how often nothing had */
	char why[CURL_ERROR_SIZE];
	cdx_http_fn *fn;
	void *arg;
};

/* Called by libcurl: a line of the header, bytes of the body; @arg is the
 * transfer. */
size_t cdx_http_on_header(char *p, size_t size, size_t n, void *arg);
size_t cdx_http_on_body(char *p, size_t size, size_t n, void *arg);

/* Makes t->easy what the request wants.  -ENOMEM. */
CDX_MUST_CHECK int cdx_http_setup(struct cdx_http_transfer *t,
				  const struct cdx_http_req *req);

#endif
