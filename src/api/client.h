/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_CLIENT_H
#define CDX_API_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "api/api.h"
#include "base/attr.h"
#include "net/client.h"
#include "node/node.h"

/*
 * A verb's way to a store: the process that has it open is asked over its
 * control socket; when none has, the store is opened here and the same code
 * answers.  One thread.
 */
struct cdx_client {
	char *store;	  /* directory, absolute */
	char *mountpoint; /* set when named by its mount point */
	char *socket;	  /* set: a live process is asked */
	struct cdx_node node;
	struct cdx_api api;
};

/**
 * cdx_client_open - find the store and who has it
 *
 * @where: a store directory or a mount point
 * @opts:  for opening it here; @opts->path is ignored
 * @error: what went wrong, in words
 */
CDX_MUST_CHECK int cdx_client_open(struct cdx_client *out, const char *where,
				   const struct cdx_node_opts *opts,
				   char error[CDX_NODE_ERROR_MAX]);
/* The same without a store: calls of the chain alone.  -ENOMEM. */
CDX_MUST_CHECK int cdx_client_open_chain(struct cdx_client *out,
					 const struct cdx_node_opts *opts);
/* Result of the last commit when the store was opened here */
int cdx_client_close(struct cdx_client *c);

/* One request, by socket or here; the HTTP status or a negative result */
CDX_MUST_CHECK int cdx_client_request(struct cdx_client *c,
				      const struct cdx_request *req);

/**
 * cdx_client_json - a request whose answer is one JSON object
 *
 * @out: returns new; also for errors (its "error" then says why), or NULL
 *
 * Returns 0, or the "code" of the error.
 */
CDX_MUST_CHECK int cdx_client_json(struct cdx_client *c, json_t **out,
				   const char *method, const char *path);

/* Called for every line but the last of a long answer */
typedef void cdx_client_line_fn(void *arg, json_t *line);
/* The same for long work; @out is the last line */
CDX_MUST_CHECK int cdx_client_lines(struct cdx_client *c, json_t **out,
				    const char *method, const char *path,
				    cdx_client_line_fn *fn, void *arg);

/**
 * cdx_client_source - the store behind a mount point
 *
 * @path: absolute
 *
 * Returns new text; NULL when nothing of ours is mounted exactly there.
 */
char *cdx_client_source(const char *path);

/* Is this store directory (absolute) mounted anywhere? */
bool cdx_client_mounted(const char *store);

/* Does a process hold the lock of this store directory? */
bool cdx_client_locked(const char *store);

/* Percent-encodes text for a query; returns new, NULL without memory */
char *cdx_client_escape(const char *text);

#endif
