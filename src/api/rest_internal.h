/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_REST_INTERNAL_H
#define CDX_API_REST_INTERNAL_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/rest.h"
#include "api/rest_body.h"
#include "api/rest_text.h"
#include "base/attr.h"
#include "base/bytes.h"
#include "codec/cid.h"
#include "dataset/manifest.h"
#include "exchange/exchange.h"
#include "net/server.h"
#include "node/market.h"

/* What the files of the REST API share. */

#define CDX_REST_PREFIX "/api/codex/v1"

/* ---- who may (rest_guard.c, rest_token.c) ---- */

/* What a call needs; bits of a route */
enum cdx_rest_need {
	CDX_REST_OPEN = 1,   /* answered to whoever asks by a right Host */
	CDX_REST_SPENDS = 2, /* spends or deletes */
	CDX_REST_ACTS =
		4, /* a GET that does something: not for foreign pages */
};

/* immutable */
struct cdx_rest_guard {
	struct cdx_rest_host listen;
	char *origin_text[CDX_CONF_ORIGINS_MAX]; /* owned */
	unsigned n_origins;
	char token[CDX_REST_TOKEN_MAX];
};

/* @conf: listen and origins, copied; the token is set apart.  -EINVAL an
 * address that is none; -ENOMEM. */
CDX_MUST_CHECK int cdx_rest_guard_init(struct cdx_rest_guard *g,
				       const struct cdx_conf_api *conf,
				       char why[CDX_REST_WHY_MAX]);
/* Frees and wipes.  An all-zero one is allowed. */
void cdx_rest_guard_end(struct cdx_rest_guard *g);
/**
 * cdx_rest_guard_check - may this call be answered?
 *
 * @need:   bits of the route
 * @origin: returns the Origin when it is one that may read answers (borrowed),
 *          or NULL
 * @why:    returns a static text
 *
 * 0, or the status to refuse it with (400, 401, 403).
 */
CDX_MUST_CHECK int cdx_rest_guard_check(const struct cdx_rest_guard *g,
					struct cdx_call *call, unsigned need,
					const char **origin, const char **why);
/**
 * cdx_rest_token - read the token, make it when there is none
 *
 * @out:  wipe it
 * @conf: NULL or a file; NULL: api-token in @store
 * @why:  in words
 *
 * -EPERM others can read the file, or it is not ours; -EINVAL what is in it;
 * other -errno.
 */
CDX_MUST_CHECK int cdx_rest_token(char out[CDX_REST_TOKEN_MAX],
				  const char *store, const char *conf,
				  char why[CDX_REST_WHY_MAX]);

/* ---- the server (rest.c) ---- */

/* Fetches of POST network (rest_network.c).  Locked by mu. */
#define CDX_REST_FETCHES_MAX 16u
struct cdx_rest_fetches {
	pthread_mutex_t mu;
	pthread_cond_t cv; /* one has ended */
	struct cdx_rest_fetch {
		struct cdx_rest_fetches *all;
		struct cdx_peers *peers; /* borrowed */
		bool used;
		bool ended; /* nobody calls back any more */
		struct cdx_cid cid;
		struct cdx_reader *reader; /* a reference */
		struct cdx_op *op;	   /* a reference */
	} one[CDX_REST_FETCHES_MAX];
};

struct cdx_rest {
	struct cdx_api *api; /* borrowed */
	struct cdx_server *server;
	struct cdx_rest_guard guard; /* immutable once it listens */
	struct cdx_rest_fetches fetches;
	atomic_uint_fast64_t requests;
	atomic_uint_fast64_t refused; /* by the guard */
	atomic_uint_fast64_t uploads;
	atomic_uint_fast64_t downloads;
};

/* One call being answered; belongs to the thread that answers it */
struct cdx_rest_call {
	struct cdx_rest *rest;
	struct cdx_api *api;
	struct cdx_call *call;
	bool head;		   /* HEAD: no body is sent */
	const char *origin;	   /* that may read the answer, or NULL */
	char id[CDX_CID_TEXT_MAX]; /* what stands for "*" in the route's path;
				    * "" when that is too long to be anything */
};

typedef void cdx_rest_fn(struct cdx_rest_call *q);

/* A cdx_call_fn; @arg is a struct cdx_rest */
void cdx_rest_answer(void *arg, struct cdx_call *call);

/* ---- routes (rest_route.c) ---- */

enum cdx_rest_method {
	CDX_REST_GET, /* and HEAD */
	CDX_REST_POST,
	CDX_REST_PATCH,
	CDX_REST_DELETE,
	CDX_REST_METHODS,
};
struct cdx_rest_route {
	const char *path; /* "*": one segment, the id */
	unsigned need[CDX_REST_METHODS];
	cdx_rest_fn *fn[CDX_REST_METHODS]; /* NULL: not allowed */
};
/**
 * cdx_rest_route_find - which route is this?
 *
 * @path: decoded; anything
 * @id:   returns the id in it, cut to nothing when it is too long
 *
 * NULL: there is no such path.  Pure.
 */
const struct cdx_rest_route *cdx_rest_route_find(const char *path,
						 char id[CDX_CID_TEXT_MAX]);
/* "GET, HEAD, OPTIONS" and so on */
void cdx_rest_route_allow(const struct cdx_rest_route *route, char out[64]);

/* ---- answers (rest_reply.c) ---- */

/* Headers that every answer has */
void cdx_rest_headers(struct cdx_rest_call *q);
/* A body that is all here */
void cdx_rest_reply(struct cdx_rest_call *q, int status, const char *type,
		    const void *p, size_t len);
/* Plain text; a line break is added to errors */
void cdx_rest_text(struct cdx_rest_call *q, int status, const char *fmt, ...)
	CDX_PRINTF(3, 4);
/* The status of a result, and why; NULL or "": cdx_strerror's text */
void cdx_rest_error(struct cdx_rest_call *q, int rc, const char *why);
/* Takes @json; NULL is "no memory" */
void cdx_rest_json(struct cdx_rest_call *q, int status, json_t *json);
/* Status alone, 204 */
void cdx_rest_nothing(struct cdx_rest_call *q, int status);
/* The CID in the path.  False: it is none, answered with 400. */
bool cdx_rest_cid(struct cdx_rest_call *q, struct cdx_cid *out);
/* The process is ending: a cancel function; @arg is the call */
bool cdx_rest_cancelled(void *arg);

/* ---- contents (rest_source.c) ---- */

/* Something that can be read: a dataset of the store, one of the cache, a single
 * block, or one that others have */
struct cdx_rest_source {
	struct cdx_store *store;
	struct cdx_cid cid;
	uint64_t size;		      /* bytes */
	struct cdx_manifest manifest; /* owned; none of a block */
	enum {
		CDX_REST_STORED,
		CDX_REST_CACHED,
		CDX_REST_BLOCK,
		CDX_REST_REMOTE,
	} kind;
	struct cdx_dataset_info *info; /* owned; of a stored one */
	struct cdx_tree_page *page; /* owned; of a cached one, the last read */
	uint8_t *block;		    /* owned; the block, or the last one read */
	struct cdx_reader *reader;  /* a reference; of a remote one */
};
/* Whatever this store or its cache has of that name.  -ENOENT.  Close it. */
CDX_MUST_CHECK int cdx_rest_source_local(struct cdx_rest_source *out,
					 struct cdx_store *s,
					 const struct cdx_cid *cid);
/* The same from others, as far as there are any; blocks.  @why: 256 bytes */
CDX_MUST_CHECK int cdx_rest_source_open(struct cdx_rest_source *out,
					struct cdx_rest_call *q,
					const struct cdx_cid *cid, char *why);
/* Are these bytes here?  Of a cached one; true for others. */
bool cdx_rest_source_here(struct cdx_rest_source *s, uint64_t off,
			  uint64_t len);
/* Up to @len bytes; what was read, 0 at the end, or an error */
CDX_MUST_CHECK ssize_t cdx_rest_source_read(struct cdx_rest_source *s,
					    struct cdx_rest_call *q,
					    uint8_t *out, uint64_t off,
					    size_t len);
/* Its manifest, borrowed; NULL: a single block has none */
const struct cdx_manifest *
cdx_rest_source_manifest(const struct cdx_rest_source *s);
/* An all-zero one is allowed. */
void cdx_rest_source_close(struct cdx_rest_source *s);
/* The whole answer of a download: ranges, HEAD, entity tags */
void cdx_rest_download(struct cdx_rest_call *q, struct cdx_rest_source *s);

/* ---- the market's calls (rest_market.c) ---- */

/* 503 with Codex's words for a node without this part of the market, and @why */
void cdx_rest_market_none(struct cdx_rest_call *q, const char *why);
/* Does this process sell?  False: it does not, answered with 503. */
bool cdx_rest_sells(struct cdx_rest_call *q);
/* cdx_node_market_enter; false: answered with 503 and why */
bool cdx_rest_market_enter(struct cdx_rest_call *q,
			   struct cdx_market_parts *out);
void cdx_rest_market_leave(struct cdx_rest_call *q);
/* The whole body, one byte more than CDX_REST_BODY_MAX when it has more; returns
 * new.  NULL: it broke off, or there is no memory, answered. */
uint8_t *cdx_rest_body(struct cdx_rest_call *q, size_t *len);
/* The id in the path; false: it is none, answered with 400 */
bool cdx_rest_id(struct cdx_rest_call *q, uint8_t out[32]);

/* ---- calls ---- */

/* rest_data.c */
void cdx_rest_data_list(struct cdx_rest_call *q);
void cdx_rest_data_upload(struct cdx_rest_call *q);
void cdx_rest_data_get(struct cdx_rest_call *q);
void cdx_rest_data_delete(struct cdx_rest_call *q);
void cdx_rest_data_exists(struct cdx_rest_call *q);
void cdx_rest_space(struct cdx_rest_call *q);
/* rest_network.c */
void cdx_rest_network_fetch(struct cdx_rest_call *q);
void cdx_rest_network_stream(struct cdx_rest_call *q);
void cdx_rest_network_manifest(struct cdx_rest_call *q);
void cdx_rest_fetches_init(struct cdx_rest_fetches *f);
/* Ends those under way and waits for them */
void cdx_rest_fetches_end(struct cdx_rest_fetches *f);
/* How many are under way */
unsigned cdx_rest_fetches_count(struct cdx_rest_fetches *f);
/* rest_node.c */
void cdx_rest_spr(struct cdx_rest_call *q);
void cdx_rest_peerid(struct cdx_rest_call *q);
void cdx_rest_connect(struct cdx_rest_call *q);
void cdx_rest_info(struct cdx_rest_call *q);
void cdx_rest_loglevel(struct cdx_rest_call *q);
/* rest_metrics.c */
void cdx_rest_metrics(struct cdx_rest_call *q);
void cdx_rest_health(struct cdx_rest_call *q);
/* rest_offers.c, rest_sales.c, rest_purchases.c */
void cdx_rest_offers(struct cdx_rest_call *q);
void cdx_rest_offer_add(struct cdx_rest_call *q);
void cdx_rest_offer_change(struct cdx_rest_call *q);
void cdx_rest_reservations(struct cdx_rest_call *q);
void cdx_rest_slots(struct cdx_rest_call *q);
void cdx_rest_slot(struct cdx_rest_call *q);
void cdx_rest_purchases(struct cdx_rest_call *q);
void cdx_rest_purchase(struct cdx_rest_call *q);
void cdx_rest_request(struct cdx_rest_call *q);

#endif
