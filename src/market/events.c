/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "eth/logs.h"
#include "eth/persist_memory.h"

#define RETRY_NS UINT64_C(1000000000)

struct cdx_market_watch {
	struct cdx_list link;
	struct cdx_market_events *ev;
	cdx_market_event_fn *fn;
	void *arg;
};

struct cdx_market_events {
	const struct cdx_market_env *env;
	struct cdx_list watches;
	struct cdx_list *next; /* the watch to be told next, while telling */
	struct cdx_persist_memory *place; /* of the logs: not kept */
	struct cdx_logs *logs;		  /* once it is known where to begin */
	struct cdx_block_search *search;
	struct cdx_loop_timer *retry;
	/* Until the search is begun: the chain's time is not ours, so that
	 * nothing can be asked for before there is a head. */
	struct cdx_head_watch *head;
	char why[CDX_MARKET_WHY_MAX];
};

static void search(struct cdx_market_events *ev);

/* ---- telling ---- */

static int on_log(void *arg, const struct cdx_chain_log *log)
{
	struct cdx_market_events *ev = arg;
	struct cdx_market_event e;

	/* what is no event of the contract's says nothing to anybody */
	if (cdx_market_event_decode(&e, log) != 0)
		return 0;
	ev->next = ev->watches.next;
	while (ev->next != &ev->watches) {
		struct cdx_market_watch *w =
			cdx_list_entry(ev->next, struct cdx_market_watch, link);

		ev->next = ev->next->next;
		w->fn(w->arg, &e, log->block, log->removed);
	}
	ev->next = NULL;
	return 0;
}

/* ---- where to begin ---- */

static void on_retry(void *arg)
{
	struct cdx_market_events *ev = arg;

	cdx_loop_timer_del(ev->retry);
	ev->retry = NULL;
	search(ev);
}

/* Only a full memory can end this. */
static void again(struct cdx_market_events *ev, int err)
{
	snprintf(ev->why, sizeof(ev->why),
		 "where the marketplace's events begin could not be found out "
		 "yet: %s",
		 cdx_strerror(err));
	cdx_log(ev->env->log, DEBUG, "market", "%s", ev->why);
	if (cdx_loop_timer_add(ev->env->loop, &ev->retry, RETRY_NS, 0, on_retry,
			       ev) != 0)
		cdx_log(ev->env->log, ERROR, "market",
			"no memory to follow the marketplace's events: restart "
			"codexfs");
}

static void on_found(void *arg, int err, uint64_t number)
{
	struct cdx_market_events *ev = arg;
	const struct cdx_logs_opts opts = {
		.persist = cdx_persist_memory(ev->place),
		.name = "market",
		.contract = *cdx_marketplace_addr(ev->env->market),
		.from = number,
		.log = ev->env->log,
	};

	ev->search = NULL;
	if (err == 0)
		err = cdx_logs_new(&ev->logs, ev->env->loop, ev->env->rpc,
				   ev->env->head, &opts, on_log, ev);
	if (err != 0)
		again(ev, err);
	else
		ev->why[0] = '\0';
}

static void search(struct cdx_market_events *ev)
{
	uint64_t limit = ev->env->config.duration_limit;
	int64_t now = cdx_head_now(ev->env->head);
	uint64_t time = now > 0 ? (uint64_t)now : 0;
	int rc;

	rc = cdx_block_at_time(&ev->search, ev->env->rpc,
			       time > limit ? time - limit : 0, on_found, ev);
	if (rc != 0)
		again(ev, rc);
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	struct cdx_market_events *ev = arg;

	(void)head;
	(void)fork;
	cdx_head_watch_del(ev->head);
	ev->head = NULL;
	search(ev);
}

/* ---- public ---- */

int cdx_market_events_new(struct cdx_market_events **out,
			  const struct cdx_market_env *env)
{
	struct cdx_market_events *ev = calloc(1, sizeof(*ev));
	int rc;

	*out = NULL;
	if (!ev)
		return -ENOMEM;
	ev->env = env;
	cdx_list_init(&ev->watches);
	rc = cdx_persist_memory_new(&ev->place, env->loop);
	if (rc == 0)
		rc = cdx_head_watch_add(env->head, &ev->head, on_head, ev);
	if (rc != 0) {
		cdx_market_events_free(ev);
		return rc;
	}
	*out = ev;
	return 0;
}

void cdx_market_events_free(struct cdx_market_events *ev)
{
	if (!ev)
		return;
	if (ev->head)
		cdx_head_watch_del(ev->head);
	cdx_block_search_end(ev->search);
	cdx_loop_timer_del(ev->retry);
	cdx_logs_free(ev->logs);
	cdx_persist_memory_free(ev->place);
	free(ev);
}

int cdx_market_watch_add(struct cdx_market_events *ev,
			 struct cdx_market_watch **out, cdx_market_event_fn *fn,
			 void *arg)
{
	struct cdx_market_watch *w = calloc(1, sizeof(*w));

	*out = w;
	if (!w)
		return -ENOMEM;
	w->ev = ev;
	w->fn = fn;
	w->arg = arg;
	cdx_list_add_tail(&ev->watches, &w->link);
	return 0;
}

void cdx_market_watch_del(struct cdx_market_watch *w)
{
	if (!w)
		return;
	if (w->ev->next == &w->link)
		w->ev->next = w->link.next;
	cdx_list_del(&w->link);
	free(w);
}

bool cdx_market_events_caught_up(const struct cdx_market_events *ev)
{
	return ev->logs && cdx_logs_caught_up(ev->logs);
}

const char *cdx_market_events_why(const struct cdx_market_events *ev)
{
	if (ev->why[0])
		return ev->why;
	return ev->logs ? cdx_logs_why(ev->logs) : cdx_head_why(ev->env->head);
}
