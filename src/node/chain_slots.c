/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/chain_slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/await.h"
#include "base/err.h"
#include "eth/marketplace.h"
#include "eth/revert.h"

/* One question under way */
struct ask {
	const struct cdx_chain_parts *parts;
	struct cdx_await *a;
	const struct cdx_addr *host;
	const struct cdx_b32 *slot;
	struct cdx_chain_slot *out;
	struct cdx_b32 *ids; /* new */
	size_t n;
	char *why;
};

static void end(struct ask *q, int err, const struct cdx_revert *why)
{
	if (err < 0)
		snprintf(q->why, CDX_CHAIN_WHY_MAX, "%s",
			 why != NULL && why->words[0] != '\0'
				 ? why->words
				 : cdx_strerror(err));
	cdx_await_done(q->a, err);
}

static int start(struct ask *q, struct cdx_chain *c)
{
	int rc = cdx_chain_start(c, &q->parts, q->why);

	if (rc < 0 || q->parts->market != NULL)
		return rc;
	snprintf(q->why, CDX_CHAIN_WHY_MAX,
		 "no marketplace is configured; name its contract with "
		 "marketplace in section [chain]");
	return -ENODATA;
}

/* ---- all of a host ---- */

static void on_ids(void *arg, int err, const struct cdx_b32 *ids, size_t n,
		   const struct cdx_revert *why)
{
	struct ask *q = arg;

	if (err == 0 && n > 0) {
		q->ids = calloc(n, sizeof(*ids));
		if (q->ids == NULL)
			err = -ENOMEM;
		else
			memcpy(q->ids, ids, n * sizeof(*ids));
		q->n = n;
	}
	end(q, err, why);
}

static void ask_ids(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;
	int rc;

	q->a = a;
	rc = cdx_market_my_slots(q->parts->market, q->host, on_ids, q);
	if (rc < 0)
		end(q, rc, NULL);
}

int cdx_chain_slots(struct cdx_chain *c, const struct cdx_addr *host,
		    struct cdx_b32 **out, size_t *n,
		    char why[CDX_CHAIN_WHY_MAX])
{
	struct ask q = {.host = host, .why = why};
	int rc = start(&q, c);

	if (rc == 0)
		rc = cdx_await(q.parts->loop, ask_ids, &q);
	*out = q.ids;
	*n = rc == 0 ? q.n : 0;
	return rc;
}

/* ---- one ---- */

static void on_slot(void *arg, int err, const struct cdx_storage_request *r,
		    uint64_t index, const struct cdx_revert *why)
{
	struct ask *q = arg;

	if (err == 0) {
		q->out->request = *r;
		q->out->index = index;
	} else if (why != NULL && why->code == CDX_REVERT_SLOT_IS_FREE) {
		err = -ENOENT;
	}
	end(q, err, why);
}

static void ask_slot(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;
	int rc;

	q->a = a;
	rc = cdx_market_get_active_slot(q->parts->market, q->slot, on_slot, q);
	if (rc < 0)
		end(q, rc, NULL);
}

static void on_host(void *arg, int err, const struct cdx_addr *v,
		    const struct cdx_revert *why)
{
	struct ask *q = arg;

	if (err == 0)
		q->out->host = *v;
	end(q, err, why);
}

static void ask_host(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;
	int rc;

	q->a = a;
	rc = cdx_market_get_host(q->parts->market, q->slot, on_host, q);
	if (rc < 0)
		end(q, rc, NULL);
}

int cdx_chain_slot(struct cdx_chain *c, const struct cdx_b32 *slot,
		   struct cdx_chain_slot *out, char why[CDX_CHAIN_WHY_MAX])
{
	struct ask q = {.slot = slot, .out = out, .why = why};
	int rc = start(&q, c);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = cdx_await(q.parts->loop, ask_slot, &q);
	if (rc == 0)
		rc = cdx_await(q.parts->loop, ask_host, &q);
	return rc;
}
