/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/logs_internal.h"

#define RANGE 2000u
#define RETRY_NS UINT64_C(1000000000)
/* Blocks without logs after which the place is put down all the same: a restart
 * reads no more than these again */
#define SAVE_EVERY 64u

static void on_retry(void *arg)
{
	struct cdx_logs *l = arg;

	cdx_loop_timer_del(l->retry);
	l->retry = NULL;
	cdx_logs_go(l);
}

/* Without memory for the timer the next head does it. */
void cdx_logs_wait(struct cdx_logs *l, const char *why)
{
	if (strcmp(l->why, why) != 0)
		cdx_log(l->log, DEBUG, "chain", "events: %s", why);
	snprintf(l->why, sizeof(l->why), "%s", why);
	if (!l->retry && cdx_loop_timer_add(l->loop, &l->retry, RETRY_NS, 0,
					    on_retry, l) != 0)
		l->retry = NULL;
}

static void destroy(struct cdx_logs *l)
{
	cdx_logs_drop(&l->pending);
	cdx_logs_drop(&l->delivered);
	free(l->key);
	free(l);
}

/* Gives the handler a log.  0; its error, when it wants it again later;
 * -ECANCELED: the poller is gone. */
static int hand_over(struct cdx_logs *l, const struct cdx_chain_log *log)
{
	char why[CDX_RPC_WHY_MAX];
	int rc;

	l->calling = true;
	rc = l->fn(l->arg, log);
	l->calling = false;
	if (l->dead) {
		destroy(l);
		return -ECANCELED;
	}
	if (rc >= 0)
		return 0;
	snprintf(why, sizeof(why),
		 "an event of block %" PRIu64 " could not be taken in: %s",
		 log->block, cdx_strerror(rc));
	cdx_logs_wait(l, why);
	/* whatever it was, it is not that the poller is gone */
	return rc == -ECANCELED ? -EAGAIN : rc;
}

static struct cdx_log_item *last_of(struct cdx_list *items)
{
	return cdx_list_entry(items->prev, struct cdx_log_item, node);
}

static struct cdx_log_item *first_of(struct cdx_list *items)
{
	return cdx_list_entry(items->next, struct cdx_log_item, node);
}

static void item_free(struct cdx_log_item *item)
{
	cdx_list_del(&item->node);
	free(item);
}

static void go_below(uint64_t *place, uint64_t limit, uint64_t least)
{
	if (*place > limit)
		*place = limit > least ? limit : least;
}

/* Takes back what was delivered of blocks that are void, newest first. */
static int undo(struct cdx_logs *l)
{
	while (!cdx_list_empty(&l->delivered) &&
	       last_of(&l->delivered)->log.block > l->undo_to) {
		struct cdx_log_item *item = last_of(&l->delivered);
		int rc;

		item->log.removed = true;
		rc = hand_over(l, &item->log);
		if (rc != 0)
			return rc;
		item_free(item);
	}
	l->undoing = false;
	l->why[0] = '\0';
	go_below(&l->next, l->undo_to + 1, l->from);
	go_below(&l->quiet, l->undo_to + 1, l->from);
	if (l->next == l->quiet)
		cdx_logs_place_save(l);
	return 0;
}

/* Some of a range that was cut short by a reorganisation may have been
 * delivered. */
static bool was_delivered(struct cdx_logs *l, const struct cdx_chain_log *log)
{
	for (struct cdx_list *pos = l->delivered.prev; pos != &l->delivered;
	     pos = pos->prev) {
		const struct cdx_chain_log *d =
			&cdx_list_entry(pos, struct cdx_log_item, node)->log;

		if (d->block < log->block)
			return false;
		if (d->index == log->index &&
		    memcmp(&d->block_hash, &log->block_hash,
			   sizeof(d->block_hash)) == 0)
			return true;
	}
	return false;
}

/* What no reorganisation that is followed can take back any more */
static void forget_old(struct cdx_logs *l)
{
	uint64_t head = cdx_head_latest(l->head)->number;

	while (!cdx_list_empty(&l->delivered) &&
	       first_of(&l->delivered)->log.block + CDX_HEAD_KEEP < head)
		item_free(first_of(&l->delivered));
}

/* Delivers what was read; then the next range may come. */
static int deliver(struct cdx_logs *l)
{
	bool any = !cdx_list_empty(&l->pending);

	while (!cdx_list_empty(&l->pending)) {
		struct cdx_log_item *item = first_of(&l->pending);
		int rc = 0;

		if (was_delivered(l, &item->log)) {
			item_free(item);
			continue;
		}
		if (item->log.block >= l->quiet)
			rc = hand_over(l, &item->log);
		if (rc != 0)
			return rc;
		cdx_list_del(&item->node);
		cdx_list_add_tail(&l->delivered, &item->node);
	}
	l->reading = false;
	l->next = l->to + 1;
	l->why[0] = '\0';
	/* one that was too long stays in mind for a while */
	if (l->range_max - l->range > l->range / 8 + 1)
		l->range += l->range / 8 + 1;
	else
		l->range = l->range_max;
	forget_old(l);
	if (l->next <= l->quiet)
		return 0;
	l->quiet = l->next;
	if (any || l->next - l->saved >= SAVE_EVERY)
		cdx_logs_place_save(l);
	return 0;
}

/* The block to read up to; false: there is none yet */
static bool target_of(const struct cdx_logs *l, uint64_t *out)
{
	const struct cdx_block *head = cdx_head_latest(l->head);

	if (!head || head->number < l->depth)
		return false;
	*out = head->number - l->depth;
	return true;
}

void cdx_logs_go(struct cdx_logs *l)
{
	uint64_t target;

	if (l->call || !cdx_head_latest(l->head))
		return;
	if (!l->placed) {
		cdx_logs_place_find(l);
		return;
	}
	if (l->undoing && undo(l) != 0)
		return;
	if (l->reading && deliver(l) != 0)
		return;
	if (target_of(l, &target) && l->next <= target)
		cdx_logs_read(l, target);
}

/* Blocks after @fork are void: so is what is being read of them, or asked about
 * the place. */
static void turn_back(struct cdx_logs *l, uint64_t fork)
{
	bool read = l->next > fork + 1;

	if (l->placed && !read && (!l->reading || l->to <= fork))
		return;
	cdx_rpc_cancel(l->call);
	l->call = NULL;
	if (!l->placed)
		return;
	cdx_logs_drop(&l->pending);
	l->reading = false;
	l->undo_to = l->undoing && l->undo_to < fork ? l->undo_to : fork;
	l->undoing = true;
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	struct cdx_logs *l = arg;

	(void)head;
	if (fork != UINT64_MAX)
		turn_back(l, fork);
	cdx_logs_go(l);
}

static int begin(struct cdx_logs *l, const char *name)
{
	int rc;

	if (asprintf(&l->key, "eth/logs/%s", name) < 0) {
		l->key = NULL;
		return -ENOMEM;
	}
	rc = cdx_logs_place_load(l);
	if (rc != 0)
		return rc;
	return cdx_head_watch_add(l->head, &l->watch, on_head, l);
}

int cdx_logs_new(struct cdx_logs **out, struct cdx_loop *loop,
		 struct cdx_rpc *rpc, struct cdx_head *head,
		 const struct cdx_logs_opts *opts, cdx_logs_fn *fn, void *arg)
{
	struct cdx_logs *l = calloc(1, sizeof(*l));
	int rc;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->rpc = rpc;
	l->head = head;
	l->persist = opts->persist;
	l->log = opts->log;
	l->contract = opts->contract;
	l->from = opts->from;
	l->depth = opts->depth;
	l->range_max = opts->range ? opts->range : RANGE;
	l->range = l->range_max;
	l->fn = fn;
	l->arg = arg;
	cdx_list_init(&l->pending);
	cdx_list_init(&l->delivered);
	rc = begin(l, opts->name);
	if (rc != 0) {
		destroy(l);
		return rc;
	}
	*out = l;
	return 0;
}

void cdx_logs_free(struct cdx_logs *l)
{
	if (!l)
		return;
	cdx_rpc_cancel(l->call);
	l->call = NULL;
	cdx_loop_timer_del(l->retry);
	l->retry = NULL;
	cdx_head_watch_del(l->watch);
	l->watch = NULL;
	l->persist->forget(l->persist->arg, l);
	l->dead = true;
	if (!l->calling)
		destroy(l);
}

uint64_t cdx_logs_at(const struct cdx_logs *l)
{
	return l->placed && l->quiet > l->from ? l->quiet - 1 : 0;
}

bool cdx_logs_caught_up(const struct cdx_logs *l)
{
	uint64_t target;

	if (!cdx_head_latest(l->head) || !l->placed || l->undoing || l->reading)
		return false;
	return !target_of(l, &target) || l->next > target;
}

const char *cdx_logs_why(const struct cdx_logs *l)
{
	return l->why[0] ? l->why : cdx_head_why(l->head);
}
