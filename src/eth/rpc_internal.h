/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_RPC_INTERNAL_H
#define CDX_ETH_RPC_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/list.h"
#include "eth/rpc.h"

/* Parts of the client of JSON-RPC: rpc_reply.c takes answers apart, rpc_node.c
 * knows how the endpoints do, rpc.c carries the calls. */

#define CDX_RPC_BATCH_MAX 64u
/* Of a node's words, escapes included, with NUL */
#define CDX_RPC_MESSAGE_MAX 320u

/* What was asked for */
struct cdx_rpc_asked {
	uint64_t first_id; /* of n ids in a row */
	size_t n;
	bool batch;
};

/* An HTTP body taken apart.  Zero-initialise. */
struct cdx_rpc_answers {
	json_t *root;
	struct cdx_rpc_reply *replies; /* result, code, message, data */
	char (*messages)[CDX_RPC_MESSAGE_MAX];
	struct cdx_buf *data;
	bool *given;
	size_t n;
};

/**
 * cdx_rpc_decode - an answer's bytes, from a stranger
 *
 * @out: freed by cdx_rpc_answers_free in any case
 * @why: what is wrong, printable
 *
 * 0: there is an answer to every request, in the order of the requests, which
 * may be an error (result is NULL then).  CDX_E_CHAIN: the first reply is an
 * error for all of them.  CDX_E_FORMAT; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_rpc_decode(struct cdx_rpc_answers *out, const void *p,
				  size_t len, const struct cdx_rpc_asked *asked,
				  char why[CDX_RPC_WHY_MAX]);
void cdx_rpc_answers_free(struct cdx_rpc_answers *a);
/* Whether an error says something of the endpoint, and not of the request: the
 * next endpoint may do better */
bool cdx_rpc_speaks_of_node(const struct cdx_rpc_reply *reply);
/* Bytes of a stranger as printable ASCII: others as \xNN, cut with "..." */
void cdx_rpc_printable(char *out, size_t cap, const char *in, size_t len);

/* An endpoint.  loop-confined */
struct cdx_rpc_node {
	struct cdx_rpc *rpc;
	char *url;   /* with user, password and keys: never shown */
	char *shown; /* scheme, host and port */
	uint64_t chain_id;
	bool checked;	   /* said the right chain, and has not failed since */
	bool foreign;	   /* said another */
	bool sick;	   /* has failed; not asked while others are well */
	bool answered;	   /* once, of the right chain */
	unsigned falls;	   /* failures since a request was answered well */
	uint64_t again_ns; /* when one that is sick is tried once more */
	uint64_t requests;
	uint64_t failures;
	char why[CDX_RPC_WHY_MAX];
	struct cdx_http_transfer *check; /* its chain id, asked for */
	struct cdx_list waiting;	 /* calls, for that */
};

/* loop-confined */
struct cdx_rpc {
	struct cdx_loop *loop;
	struct cdx_http *http;
	const struct cdx_log *log;
	uint64_t chain_id;
	unsigned timeout_ms; /* not above give_up_ms */
	unsigned give_up_ms;
	size_t max_reply;
	uint64_t next_id;
	size_t n_nodes;
	struct cdx_rpc_node nodes[CDX_RPC_ENDPOINTS_MAX];
	struct cdx_list calls;
	/* freed from within a callback: memory goes after it */
	bool calling;
	bool dead;
};

/* Takes the URL apart.  -EINVAL; -ENOMEM. */
CDX_MUST_CHECK int cdx_rpc_node_init(struct cdx_rpc_node *n,
				     struct cdx_rpc *rpc, const char *url);
void cdx_rpc_node_fini(struct cdx_rpc_node *n);
/* The one to ask next: not of @tried (a bit each) as long as there are others.
 * Sets the bit. */
struct cdx_rpc_node *cdx_rpc_node_pick(struct cdx_rpc *rpc, unsigned *tried);
/* Whether each one is of another chain */
bool cdx_rpc_nodes_foreign(const struct cdx_rpc *rpc);
/* It answered a request. */
void cdx_rpc_node_well(struct cdx_rpc_node *n);
/* It did not. */
void cdx_rpc_node_failed(struct cdx_rpc_node *n, const char *why);
/* Begins to ask for its chain id unless that is under way; then
 * cdx_rpc_node_checked is called.  -ENOMEM. */
CDX_MUST_CHECK int cdx_rpc_node_check(struct cdx_rpc_node *n);
/* Asks those before @n that are sick whether they are well again, when it is
 * time. */
void cdx_rpc_nodes_visit(struct cdx_rpc *rpc, const struct cdx_rpc_node *n);
/* In rpc.c: the calls that wait go on.  @err: what became of the check */
void cdx_rpc_node_checked(struct cdx_rpc_node *n, int err);

/* POSTs JSON to an endpoint. */
CDX_MUST_CHECK int cdx_rpc_post(struct cdx_rpc_node *n,
				struct cdx_http_transfer **out,
				const char *body, cdx_http_fn *fn, void *arg);
/**
 * cdx_rpc_receive - what an HTTP answer says
 *
 * @out: as of cdx_rpc_decode, also for how it is freed
 *
 * As cdx_rpc_decode, and the errors of cdx_http_fn, and -EREMOTEIO for an HTTP
 * status that is an error.  @why: in, libcurl's words for @err; out, what is
 * wrong.
 */
CDX_MUST_CHECK int cdx_rpc_receive(struct cdx_rpc_answers *out,
				   const struct cdx_rpc_asked *asked, int err,
				   const struct cdx_http_res *res,
				   char why[CDX_RPC_WHY_MAX]);

#endif
