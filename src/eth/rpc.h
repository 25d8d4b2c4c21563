/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_RPC_H
#define CDX_ETH_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "net/http.h"

/*
 * JSON-RPC over HTTP to one or several nodes of one chain.  loop-confined.
 *
 * A request goes to the first endpoint that is well; when that does not answer,
 * it goes to the next, after a pause that grows (with some chance in it, so that
 * many clients do not come back at once).  An endpoint is asked for its chain id
 * before anything else, again after each failure, and is left aside while it
 * says another.  Every request of ours may be sent twice without harm: reading
 * is, and so is a signed transaction.
 */
struct cdx_rpc;
struct cdx_rpc_call;

#define CDX_RPC_ENDPOINTS_MAX 8u
#define CDX_RPC_WHY_MAX 512u

struct cdx_rpc_opts {
	const char *const *urls; /* copied; in the order of preference */
	size_t n_urls;
	uint64_t chain_id;	   /* 0: that of the first to answer */
	unsigned timeout_ms;	   /* of one attempt; 0 = 10,000 */
	unsigned give_up_ms;	   /* no attempt begins after it; 0 = 60,000 */
	size_t max_reply;	   /* bytes; 0 = 16 MiB */
	const struct cdx_log *log; /* kept */
};

/* What came of a request */
struct cdx_rpc_reply {
	json_t *result; /* borrowed; NULL on failure */
	/* CDX_E_CHAIN: the node's error object */
	int64_t code;
	const char *message; /* printable; "" if none */
	const uint8_t *data; /* bytes that a contract reverted with */
	size_t data_len;
	bool has_data;
	/* it was sent before, and that answer was lost: what it asks for may
	 * have been done then */
	bool again;
	const char *endpoint; /* that answered: scheme, host and port */
	const char *why;      /* what went wrong, in words; "" on success */
};

/* Called once, on the loop, never from within the call that begins it.  @err:
 * 0; CDX_E_CHAIN the node answered with an error; CDX_E_FORMAT what it sent is
 * no JSON-RPC; -ETIMEDOUT, -ECONNREFUSED, ... of the last endpoint tried;
 * -EREMOTEIO an HTTP status that is an error; -EMSGSIZE the answer is too long
 * on all endpoints, or what was asked too much; -EXDEV all endpoints are of
 * another chain. */
typedef void cdx_rpc_fn(void *arg, int err, const struct cdx_rpc_reply *reply);

/* One request of a batch */
struct cdx_rpc_req {
	const char *method;
	json_t *params; /* an array; taken, also on failure */
};
/* @replies: @n, in the order of the requests; @err: 0 when every request has an
 * answer (which may be an error of its own: reply.result is NULL and
 * reply.code and message are set), else as above and @replies is one. */
typedef void cdx_rpc_batch_fn(void *arg, int err,
			      const struct cdx_rpc_reply *replies, size_t n);

/* URLs with a user and password are taken; these never appear in a log or
 * message.  Returns new.  -EINVAL a URL is not http or https (@why); -ENOMEM. */
CDX_MUST_CHECK int cdx_rpc_new(struct cdx_rpc **out, struct cdx_loop *loop,
			       struct cdx_http *http,
			       const struct cdx_rpc_opts *opts,
			       char why[CDX_RPC_WHY_MAX]);
/* Ends what is in flight without calling back.  NULL is allowed. */
void cdx_rpc_free(struct cdx_rpc *rpc);

/**
 * cdx_rpc_call - one request
 *
 * @out:    for cdx_rpc_cancel, dead once @fn was called; may be NULL
 * @params: an array; taken, also on failure
 *
 * -ENOMEM: @fn is not called.
 */
CDX_MUST_CHECK int cdx_rpc_call(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
				const char *method, json_t *params,
				cdx_rpc_fn *fn, void *arg);
/* Several in one HTTP request, answered by one endpoint from about the same
 * state; 1 to 64, else -EINVAL. */
CDX_MUST_CHECK int cdx_rpc_batch(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
				 const struct cdx_rpc_req *reqs, size_t n,
				 cdx_rpc_batch_fn *fn, void *arg);
/* The function is not called any more.  NULL is allowed. */
void cdx_rpc_cancel(struct cdx_rpc_call *call);
/* Memory of malloc that belongs to a call: freed when the call is over, behind
 * its function, also when it is cancelled or the rpc freed.  For who wraps
 * functions; several times if need be.  -ENOMEM: @mem is still the caller's. */
CDX_MUST_CHECK int cdx_rpc_call_own(struct cdx_rpc_call *call, void *mem);

/* 0 until an endpoint has said it (and none was given) */
uint64_t cdx_rpc_chain_id(const struct cdx_rpc *rpc);

/* How an endpoint does */
struct cdx_rpc_endpoint {
	const char *url; /* scheme, host, port; the rest is secret; borrowed */
	bool used;	 /* has answered, of the right chain */
	bool well;	 /* its last answer was good */
	uint64_t chain_id; /* that it said; 0 not asked yet */
	uint64_t requests;
	uint64_t failures;
	const char *why; /* last failure in words, "" for none; borrowed */
};
/* -ENOENT: there are not so many */
CDX_MUST_CHECK int cdx_rpc_endpoint(const struct cdx_rpc *rpc, size_t i,
				    struct cdx_rpc_endpoint *out);

#endif
