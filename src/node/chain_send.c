/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/chain_send.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/await.h"
#include "base/bytes.h"
#include "base/err.h"
#include "codec/abi.h"
#include "crypto/hash.h"

#define LOOK_NS 200000000L

/* A transaction that a thread waits for.  On its stack: when it waits no longer,
 * it takes itself off the loop first. */
struct send_wait {
	const struct cdx_chain_parts *parts;
	struct cdx_sender *sender;
	struct cdx_send_req req;
	struct cdx_chain_sent *out;
	char *why;
	struct cdx_send *handle; /* loop-confined; NULL: done */
	char in_the_way[256];	 /* copied on the loop while the thread waits */
	pthread_mutex_t mu;
	pthread_cond_t cv;
	bool done; /* guarded by mu */
	int err;   /* guarded by mu */
};

static void finish(struct send_wait *w, int err)
{
	pthread_mutex_lock(&w->mu);
	w->handle = NULL;
	w->err = err;
	w->done = true;
	pthread_cond_signal(&w->cv);
	pthread_mutex_unlock(&w->mu);
}

static void on_sent(void *arg, int err, const struct cdx_sent *sent,
		    const struct cdx_revert *why)
{
	struct send_wait *w = arg;
	struct cdx_chain_sent *out = w->out;

	if (sent != NULL) {
		out->hash = sent->hash;
		out->nonce = sent->nonce;
		out->block = sent->block;
		out->gas_used = sent->gas_used;
		out->gas_price = sent->gas_price;
		out->contract = sent->contract;
		out->replaced = sent->replaced;
		/* gas of a block times a price that somebody paid */
		if (cdx_u256_mul_u64(&out->cost, &sent->gas_price,
				     sent->gas_used) < 0)
			out->cost = cdx_u256_max;
	}
	if (err < 0)
		snprintf(w->why, CDX_CHAIN_WHY_MAX, "%s",
			 why != NULL && why->words[0] != '\0'
				 ? why->words
				 : cdx_strerror(err));
	finish(w, err);
}

static void begin(void *arg, struct cdx_await *a)
{
	struct send_wait *w = arg;

	w->out->joined =
		w->req.tag != NULL && cdx_sender_has(w->sender, w->req.tag);
	cdx_await_done(a, cdx_sender_send(w->sender, &w->handle, &w->req,
					  on_sent, w));
}

static void look(void *arg, struct cdx_await *a)
{
	struct send_wait *w = arg;
	struct cdx_sender_stats st;

	cdx_sender_stats(w->sender, &st);
	snprintf(w->in_the_way, sizeof(w->in_the_way), "%.250s", st.why);
	cdx_await_done(a, 0);
}

static void leave(void *arg, struct cdx_await *a)
{
	struct send_wait *w = arg;

	cdx_send_leave(w->handle);
	cdx_await_done(a, 0);
}

/* True when it is done */
static bool wait_a_little(struct send_wait *w)
{
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&w->mu);
	if (!w->done)
		(void)pthread_cond_timedwait(&w->cv, &w->mu, &until);
	done = w->done;
	pthread_mutex_unlock(&w->mu);
	return done;
}

static int run(struct send_wait *w, cdx_chain_wait_fn *wait, void *arg)
{
	int rc = cdx_await(w->parts->loop, begin, w);

	if (rc < 0) {
		snprintf(w->why, CDX_CHAIN_WHY_MAX,
			 "cannot send the transaction: %s", cdx_strerror(rc));
		return rc;
	}
	while (!wait_a_little(w)) {
		if (cdx_await(w->parts->loop, look, w) == 0 &&
		    !wait(arg, w->in_the_way))
			continue;
		/* without memory it cannot be left, so it is waited for */
		if (cdx_await(w->parts->loop, leave, w) < 0)
			continue;
		if (w->done)
			break;
		snprintf(w->why, CDX_CHAIN_WHY_MAX,
			 "ended before the transaction was certain; it goes "
			 "on, and the same command waits for it");
		return -ECANCELED;
	}
	return w->err;
}

static int send_and_wait(struct cdx_chain *c, struct cdx_chain_sent *out,
			 const struct cdx_send_req *req,
			 cdx_chain_wait_fn *wait, void *arg,
			 char why[CDX_CHAIN_WHY_MAX])
{
	struct send_wait w = {.req = *req,
			      .out = out,
			      .why = why,
			      .mu = PTHREAD_MUTEX_INITIALIZER};
	pthread_condattr_t attr;
	int rc = cdx_chain_start(c, &w.parts, why);

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.cv, &attr);
	pthread_condattr_destroy(&attr);
	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = cdx_chain_sender(c, CDX_CHAIN_CLIENT, &w.sender, why);
	if (rc == 0)
		rc = run(&w, wait, arg);
	pthread_cond_destroy(&w.cv);
	pthread_mutex_destroy(&w.mu);
	return rc;
}

/* The same intent has the same name, whatever process has it */
static void transfer_tag(char out[CDX_SEND_TAG_MAX],
			 const struct cdx_chain_transfer *t)
{
	uint8_t in[sizeof(t->token.b) + sizeof(t->to.b) + 32];
	struct cdx_digest d;
	char hex[2 * sizeof(d.b) + 1];

	memcpy(in, t->token.b, sizeof(t->token.b));
	memcpy(in + sizeof(t->token.b), t->to.b, sizeof(t->to.b));
	cdx_u256_to_be(in + sizeof(t->token.b) + sizeof(t->to.b), &t->amount);
	cdx_sha256(&d, in, sizeof(in));
	cdx_hex(hex, d.b, sizeof(d.b));
	snprintf(out, CDX_SEND_TAG_MAX, "send-token-%.32s", hex);
}

struct known {
	struct cdx_sender *sender;
	char tag[CDX_SEND_TAG_MAX];
};

static void ask_known(void *arg, struct cdx_await *a)
{
	const struct known *k = arg;

	cdx_await_done(a, cdx_sender_has(k->sender, k->tag));
}

int cdx_chain_transfer_known(struct cdx_chain *c,
			     const struct cdx_chain_transfer *t,
			     char why[CDX_CHAIN_WHY_MAX])
{
	const struct cdx_chain_parts *parts;
	struct known k;
	int rc = cdx_chain_start(c, &parts, why);

	if (rc == 0)
		rc = cdx_chain_sender(c, CDX_CHAIN_CLIENT, &k.sender, why);
	if (rc < 0)
		return rc;
	transfer_tag(k.tag, t);
	return cdx_await(parts->loop, ask_known, &k);
}

int cdx_chain_transfer(struct cdx_chain *c, struct cdx_chain_sent *out,
		       const struct cdx_chain_transfer *t,
		       cdx_chain_wait_fn *wait, void *arg,
		       char why[CDX_CHAIN_WHY_MAX])
{
	uint8_t selector[4];
	char tag[CDX_SEND_TAG_MAX];
	struct cdx_send_req req = {.to = t->token, .tag = tag};
	struct cdx_buf call = {0};
	struct cdx_abi args;
	int rc;

	transfer_tag(tag, t);
	cdx_abi_selector(selector, "transfer(address,uint256)");
	cdx_buf_put(&call, selector, sizeof(selector));
	cdx_abi_begin(&args, 2);
	cdx_abi_addr(&args, t->to.b);
	cdx_abi_u256(&args, &t->amount);
	rc = cdx_abi_end(&args, &call);
	if (rc < 0) {
		snprintf(why, CDX_CHAIN_WHY_MAX, "%s", cdx_strerror(rc));
	} else {
		req.data = call.p;
		req.len = call.len;
		rc = send_and_wait(c, out, &req, wait, arg, why);
	}
	cdx_buf_free(&call);
	return rc;
}

int cdx_chain_create(struct cdx_chain *c, struct cdx_chain_sent *out,
		     const void *code, size_t len, cdx_chain_wait_fn *wait,
		     void *arg, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_send_req req = {.create = true, .data = code, .len = len};

	return send_and_wait(c, out, &req, wait, arg, why);
}
