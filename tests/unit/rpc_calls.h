/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_RPC_CALLS_H
#define CDX_TESTS_UNIT_RPC_CALLS_H

/* Calls of JSON-RPC to three nodes (rpc_kit), and what came of them */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eth/rpc.h"
#include "loop_kit.h"
#include "rpc_kit.h"

#define NODES 3

/* What the last answer was */
struct seen {
	unsigned calls;
	int err;
	size_t n;
	int64_t code;
	bool has_data;
	char data[64]; /* as hex */
	char message[512];
	char why[512];
	char endpoint[128];
	char results[CDX_RPC_ENDPOINTS_MAX][64]; /* as JSON, or "error CODE" */
};

/* Nodes of a test, a client, and what it was told last */
struct env {
	struct loop_kit loop;
	struct rpc_kit *kits[NODES];
	struct cdx_http *http;
	struct cdx_rpc *rpc;
	struct seen seen;
	struct cdx_rpc_call *cancel; /* done by the callback */
	bool free_all;
	/* how the nodes fail; under the kit's lock */
	struct {
		int64_t code;
		const char *message;
		const char *data; /* JSON */
	} error;
};

/* Setup and teardown of a test */
int rpc_calls_setup(void **state);
int rpc_calls_teardown(void **state);
/* A node's answers: "fail" is e->error, "null" null, others the first
 * parameter */
json_t *rpc_calls_node(void *arg, const char *method, const json_t *params,
		       struct rpc_kit_answer *out);

/* A client of these endpoints */
struct cdx_rpc *rpc_of(struct env *e, const char *const *urls, size_t n,
		       const struct cdx_rpc_opts *base);
/* e->rpc becomes one of the first @n nodes. */
void use(struct env *e, size_t n, unsigned timeout_ms, unsigned give_up_ms);
/* Begins a call, whose end stops the loop. */
void begin(struct env *e, struct cdx_rpc_call **out, const char *method);
/* Until its end */
void call(struct env *e, const char *method);
/* "echo" of 1, of 2, ..., and @last of @n */
void batch(struct env *e, size_t n, const char *last);
/* For calls that the test begins itself */
void on_batch(void *arg, int err, const struct cdx_rpc_reply *r, size_t n);
void on_call(void *arg, int err, const struct cdx_rpc_reply *r);
/* Fails unless @part is in @text. */
void said(const char *text, const char *part);
struct cdx_rpc_endpoint endpoint(struct env *e, size_t i);

#endif
