/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "exchange/internal.h"

/* Asking an address who is there. */

#define TOTAL_MS 10000u

struct connect_op {
	struct cdx_op op;
	struct cdx_exchange *ex;
	struct cdx_maddr addr;
	bool has_expect;
	struct cdx_peer_id expect;
	cdx_connect_fn *fn;
	void *arg;
	struct cdx_http_transfer *transfer;
	struct cdx_peer_record record;
	char why[CDX_X_WHY_MAX];
};

static void say(struct connect_op *c, const char *why)
{
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
}

static int check(struct connect_op *c, const struct cdx_http_res *res)
{
	struct cdx_xpeer *p;
	int rc;

	if (res->status != 200) {
		(void)snprintf(c->why, sizeof(c->why),
			       "it answered with status %d", res->status);
		return -EPROTO;
	}
	rc = cdx_peer_record_open(&c->record, res->body, res->len,
				  &c->ex->network, cdx_clock_wall_s());
	if (rc == -ENOENT)
		say(c, "it is of another network");
	else if (rc != 0)
		(void)snprintf(c->why, sizeof(c->why),
			       "what it says about itself is no valid record: "
			       "%s",
			       cdx_strerror(rc));
	if (rc != 0)
		return rc;
	if (c->has_expect &&
	    memcmp(&c->record.id, &c->expect, sizeof(c->expect)) != 0) {
		say(c, "another peer answers there");
		return CDX_E_AUTH;
	}
	p = cdx_xpeer_at(c->ex, &c->addr, &c->record.id);
	if (p == NULL) {
		say(c, "it is this node itself, or has lied before");
		return -EPERM;
	}
	p->known = true;
	p->has_tls_key = c->record.has_tls_key;
	p->tls_key = c->record.tls_key;
	return 0;
}

static void on_answer(void *arg, int err, const struct cdx_http_res *res,
		      const char *why)
{
	struct connect_op *c = arg;

	c->transfer = NULL;
	if (err != 0)
		say(c, why[0] ? why : cdx_strerror(err));
	else
		err = check(c, res);
	cdx_xop_end(c->ex, &c->op, err);
}

static void connect_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct connect_op *c = CDX_CONTAINER(op, struct connect_op, op);
	char base[CDX_MADDR_TEXT_MAX];
	char url[CDX_MADDR_TEXT_MAX + 32];
	struct cdx_http_req req = {
		.method = "GET",
		.url = url,
		.connect_ms = CDX_X_CONNECT_MS,
		.total_ms = TOTAL_MS,
		.max_body = CDX_RECORD_MAX,
	};
	int rc;

	cdx_maddr_url(base, &c->addr);
	(void)snprintf(url, sizeof(url), "%s/codex/v1/peer", base);
	rc = cdx_http_start(ex->http, &c->transfer, &req, on_answer, c);
	if (rc != 0)
		cdx_xop_end(ex, op, rc);
}

static void connect_detach(struct cdx_op *op)
{
	struct connect_op *c = CDX_CONTAINER(op, struct connect_op, op);

	if (op->rc == -ETIMEDOUT && c->why[0] == '\0')
		say(c, "it did not answer in time");
	cdx_http_cancel(c->transfer);
	c->transfer = NULL;
}

static void connect_tell(struct cdx_op *op)
{
	struct connect_op *c = CDX_CONTAINER(op, struct connect_op, op);

	c->fn(c->arg, op->rc, op->rc == 0 ? &c->record : NULL, c->why);
}

static void connect_destroy(struct cdx_op *op)
{
	free(CDX_CONTAINER(op, struct connect_op, op));
}

int cdx_exchange_connect(struct cdx_exchange *ex, struct cdx_op **op,
			 const struct cdx_maddr *addr,
			 const struct cdx_peer_id *expect, cdx_connect_fn *fn,
			 void *arg)
{
	struct connect_op *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->op.begin = connect_begin;
	c->op.detach = connect_detach;
	c->op.tell = connect_tell;
	c->op.destroy = connect_destroy;
	c->ex = ex;
	c->addr = *addr;
	if (expect != NULL) {
		c->has_expect = true;
		c->expect = *expect;
	}
	c->fn = fn;
	c->arg = arg;
	return cdx_xop_start(ex, &c->op, op, TOTAL_MS);
}
