/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/allowance.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"

/* Approvals for one hold: what was under way under its tag from an earlier life may
 * be of a lower sum */
#define ROUNDS_MAX 4u

struct cdx_allowance_hold {
	struct cdx_list link; /* in all */
	struct cdx_allowance *of;
	struct cdx_u256 amount;
	char tag[CDX_SEND_TAG_MAX + 1];
	struct cdx_u256 stake;
	int64_t deadline;
	cdx_allowance_fn *fn; /* NULL: was called */
	void *arg;
	unsigned rounds;
};

struct cdx_allowance {
	const struct cdx_market_env *env;
	struct cdx_sender *sender;
	struct cdx_list all;
	struct cdx_allowance_hold *now; /* that is seen to; NULL: it was
					 * released meanwhile, or none is */
	bool busy;			/* a call is under way */
	struct cdx_loop_timer *turn;	/* soon */
};

static void go_on(void *arg);

static void soon(struct cdx_allowance *a)
{
	if (a->turn != NULL || a->busy)
		return;
	/* without memory the next call tries again */
	(void)!cdx_loop_timer_add(a->env->loop, &a->turn, 0, 0, go_on, a);
}

/* The sum of all holds; more than there can be of a token stays at that */
static struct cdx_u256 sum(const struct cdx_allowance *a)
{
	struct cdx_u256 total = cdx_u256_of(0);

	cdx_list_foreach(pos, &a->all) {
		const struct cdx_allowance_hold *h =
			cdx_list_entry(pos, struct cdx_allowance_hold, link);

		if (cdx_u256_add(&total, &total, &h->amount) < 0)
			return cdx_u256_max;
	}
	return total;
}

/* The call is over: tells the hold that it was for, unless @err is 1 (it is to be
 * looked at again) */
static void ended(struct cdx_allowance *a, int err, const char *why)
{
	struct cdx_allowance_hold *h = a->now;
	cdx_allowance_fn *fn = h != NULL ? h->fn : NULL;

	a->busy = false;
	a->now = NULL;
	soon(a);
	if (fn == NULL || err > 0)
		return;
	h->fn = NULL;
	fn(h->arg, err, why);
}

static const char *words(const struct cdx_revert *why, int err)
{
	return why != NULL && why->words[0] != '\0' ? why->words
						    : cdx_strerror(err);
}

static void on_approved(void *arg, int err,
			const struct cdx_sent *sent CDX_UNUSED,
			const struct cdx_revert *why)
{
	struct cdx_allowance *a = arg;

	/* looked at again: it may have been another one than asked for */
	if (err == 0)
		ended(a, 1, "");
	else
		ended(a, err, words(why, err));
}

static void approve(struct cdx_allowance *a, const struct cdx_u256 *total)
{
	const struct cdx_market_how how = {.tag = a->now->tag,
					   .stake = a->now->stake,
					   .deadline = a->now->deadline};
	const struct cdx_addr *to = cdx_marketplace_addr(a->env->market);
	int rc;

	if (++a->now->rounds > ROUNDS_MAX) {
		ended(a, -EAGAIN,
		      "the allowance does not become what was approved: does "
		      "another program use this account?");
		return;
	}
	rc = cdx_token_approve(a->env->market, a->sender, to, total, &how,
			       on_approved, a);
	if (rc < 0)
		ended(a, rc, cdx_strerror(rc));
}

static void on_allowance(void *arg, int err, const struct cdx_u256 *v,
			 const struct cdx_revert *why)
{
	struct cdx_allowance *a = arg;
	struct cdx_u256 total;

	if (err < 0 || a->now == NULL) {
		ended(a, err, words(why, err));
		return;
	}
	total = sum(a);
	if (cdx_u256_cmp(v, &total) >= 0)
		ended(a, 0, "");
	else
		approve(a, &total);
}

/* The next hold whose owner waits */
static void go_on(void *arg)
{
	struct cdx_allowance *a = arg;
	int rc;

	cdx_loop_timer_del(a->turn);
	a->turn = NULL;
	cdx_list_foreach(pos, &a->all) {
		struct cdx_allowance_hold *h =
			cdx_list_entry(pos, struct cdx_allowance_hold, link);

		if (h->fn == NULL)
			continue;
		a->now = h;
		a->busy = true;
		rc = cdx_token_allowance(a->env->market,
					 cdx_sender_addr(a->sender),
					 cdx_marketplace_addr(a->env->market),
					 on_allowance, a);
		if (rc < 0)
			ended(a, rc, cdx_strerror(rc));
		return;
	}
}

int cdx_allowance_take(struct cdx_allowance *a, struct cdx_allowance_hold **out,
		       const char *tag, const struct cdx_u256 *amount,
		       const struct cdx_market_how *how, cdx_allowance_fn *fn,
		       void *arg)
{
	struct cdx_allowance_hold *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->of = a;
	h->amount = *amount;
	snprintf(h->tag, sizeof(h->tag), "%s", tag);
	if (how != NULL) {
		h->stake = how->stake;
		h->deadline = how->deadline;
	}
	h->fn = fn;
	h->arg = arg;
	cdx_list_add_tail(&a->all, &h->link);
	soon(a);
	*out = h;
	return 0;
}

void cdx_allowance_release(struct cdx_allowance_hold *h)
{
	if (h == NULL)
		return;
	if (h->of->now == h)
		h->of->now = NULL;
	cdx_list_del(&h->link);
	free(h);
}

int cdx_allowance_new(struct cdx_allowance **out,
		      const struct cdx_market_env *env,
		      struct cdx_sender *sender)
{
	struct cdx_allowance *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	a->env = env;
	a->sender = sender;
	cdx_list_init(&a->all);
	*out = a;
	return 0;
}

void cdx_allowance_free(struct cdx_allowance *a)
{
	if (a == NULL)
		return;
	cdx_marketplace_forget(a->env->market, a);
	cdx_sender_forget(a->sender, a);
	cdx_loop_timer_del(a->turn);
	free(a);
}
