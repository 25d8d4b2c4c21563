/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/validator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "market/validator_internal.h"

#define GROUPS_MIN 2u
#define GROUPS_MAX 65535u
#define TICK_NS UINT64_C(200000000)

/* ---- numbers ---- */

void validator_tell(struct cdx_validator *v)
{
	pthread_mutex_lock(&v->mu);
	v->stats.slots = v->n_watched;
	v->stats.left_out = v->n_slots - v->n_off - v->n_watched;
	pthread_mutex_unlock(&v->mu);
}

void cdx_validator_stats(struct cdx_validator *v,
			 struct cdx_validator_stats *out)
{
	pthread_mutex_lock(&v->mu);
	*out = v->stats;
	pthread_mutex_unlock(&v->mu);
}

/* ---- time ---- */

static int64_t end_of(const struct cdx_validator *v, uint64_t period)
{
	return (int64_t)((period + 1) * v->env->config.period);
}

int64_t validator_deadline(const struct cdx_validator *v, uint64_t period)
{
	return end_of(v, period) + (int64_t)v->env->config.timeout;
}

static void on_alarm(void *arg);

/* Begins with the periods that have ended, each once, and has itself called at
 * the end of the next. */
static void begin_ended(struct cdx_validator *v)
{
	int64_t now = cdx_head_now(v->env->head);
	uint64_t period = cdx_market_period(v->env, now);

	if (period > v->next + VALIDATOR_PERIODS) {
		cdx_log(v->env->log, WARN, "market",
			"%" PRIu64 " periods were not looked at: the chain's "
			"time has jumped",
			period - VALIDATOR_PERIODS - v->next);
		v->next = period - VALIDATOR_PERIODS;
	}
	/* behind the last second, not in it: that is when marks are taken */
	while (end_of(v, v->next) < now) {
		validator_sweep(v, v->next);
		v->next++;
		validator_refresh(v);
	}
	cdx_head_alarm_del(v->alarm);
	v->alarm = NULL;
	if (cdx_head_alarm_add(v->env->head, &v->alarm, end_of(v, v->next) + 1,
			       on_alarm, v) != 0)
		v->alarm = NULL; /* the next head does it */
}

static void on_alarm(void *arg)
{
	begin_ended(arg);
}

/* The first period that can still be marked, or goes on */
static uint64_t first_open(const struct cdx_validator *v)
{
	int64_t now = cdx_head_now(v->env->head);
	int64_t timeout = (int64_t)v->env->config.timeout;
	uint64_t period = cdx_market_period(v->env, now);
	uint64_t first =
		now > timeout ? cdx_market_period(v->env, now - timeout) : 0;

	return first + VALIDATOR_PERIODS < period ? period - VALIDATOR_PERIODS
						  : first;
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	struct cdx_validator *v = arg;

	if (!v->timed) {
		v->timed = true;
		v->next = first_open(v);
	}
	if (fork < v->head_number) {
		validator_sweeps_undone(v);
		validator_refresh(v);
	}
	v->head_number = head->number;
	begin_ended(v);
	validator_sweeps_go(v);
}

/* ---- until it is ready ---- */

static void on_tick(void *arg)
{
	struct cdx_validator *v = arg;

	if (cdx_market_events_caught_up(v->opts.events) && !v->refresh.running)
		validator_refresh(v);
}

void validator_is_ready(struct cdx_validator *v)
{
	if (v->ready)
		return;
	v->ready = true;
	cdx_loop_timer_del(v->tick);
	v->tick = NULL;
	cdx_log(v->env->log, INFO, "market",
		"validator: watches %" PRIu32 " slots", v->n_watched);
	validator_sweeps_go(v);
}

/* ---- public ---- */

static int begin(struct cdx_validator *v)
{
	int rc;

	cdx_head_deepen(v->env->head);
	rc = cdx_market_watch_add(v->opts.events, &v->watch, validator_on_event,
				  v);
	if (rc == 0)
		rc = cdx_head_watch_add(v->env->head, &v->head, on_head, v);
	if (rc == 0)
		rc = cdx_loop_timer_add(v->env->loop, &v->tick, TICK_NS,
					TICK_NS, on_tick, v);
	if (rc == 0)
		validator_marks_join(v);
	return rc;
}

int cdx_validator_new(struct cdx_validator **out,
		      const struct cdx_market_env *env,
		      const struct cdx_validator_opts *opts)
{
	struct cdx_validator *v;
	int rc;

	*out = NULL;
	if (opts->groups != 0 &&
	    (opts->groups < GROUPS_MIN || opts->groups > GROUPS_MAX ||
	     opts->group >= opts->groups))
		return -EINVAL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->env = env;
	v->opts = *opts;
	pthread_mutex_init(&v->mu, NULL);
	validator_slots_init(v);
	validator_sweeps_init(v);
	rc = begin(v);
	if (rc != 0) {
		cdx_validator_free(v);
		return rc;
	}
	*out = v;
	return 0;
}

void cdx_validator_free(struct cdx_validator *v)
{
	if (!v)
		return;
	cdx_market_watch_del(v->watch);
	cdx_head_watch_del(v->head);
	cdx_head_alarm_del(v->alarm);
	cdx_loop_timer_del(v->tick);
	validator_sweeps_free(v);
	validator_slots_free(v);
	pthread_mutex_destroy(&v->mu);
	free(v);
}
