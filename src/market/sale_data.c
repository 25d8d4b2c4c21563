/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "market/sales_internal.h"

/* Manifests and slots: had, checked, looked at, on threads that may wait */

/* What is missing is looked for again so soon */
#define LOOK_AGAIN_S 600u
#define SECOND_NS UINT64_C(1000000000)

enum data_what {
	DATA_CHECK,
	DATA_OBTAIN,
	DATA_LOOK,
};

struct data {
	struct sale_job job; /* first */
	enum data_what what;
	struct sale_agent *agent; /* the loop's */
	struct cdx_sales *sales;  /* outlives the job */
	const struct cdx_market_env *env;
	sale_data_fn *fn;
	int rc;
	char why[CDX_MARKET_WHY_MAX];
	/* check: returns */
	struct cdx_storage_request request;
	struct cdx_cid manifest;
	/* obtain, look */
	uint32_t index;
	uint64_t rate;
	bool has_rider;
	struct cdx_rider_reservation rider;
	struct cdx_slot_got got;
	struct cdx_slot_look look;
};

/* ---- on the thread ---- */

static bool is_cancelled(void *arg)
{
	struct data *d = arg;

	return atomic_load(&d->job.cancel);
}

/* The agent is there as long as its job is, but it is the loop's: what others read
 * of it is changed under mu */
static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct data *d = arg;

	pthread_mutex_lock(&d->sales->mu);
	d->agent->info.done = done;
	d->agent->info.total = total;
	pthread_mutex_unlock(&d->sales->mu);
}

static void run(struct sale_job *j)
{
	struct data *d = CDX_CONTAINER(j, struct data, job);
	const struct cdx_rider begin = {.put = cdx_reservation_filled,
					.arg = &d->rider};
	const struct cdx_slot_run how = {
		.cancel = is_cancelled, .progress = on_progress, .arg = d};
	const struct cdx_slot_run quietly = {.cancel = is_cancelled, .arg = d};

	switch (d->what) {
	case DATA_CHECK:
		d->rc = cdx_slot_check(d->env, &d->request, &d->manifest,
				       &quietly, d->why);
		return;
	case DATA_OBTAIN:
		d->rc = cdx_slot_obtain(d->env, &d->manifest, d->index,
					d->has_rider ? &begin : NULL, &how,
					&d->got, d->why);
		return;
	case DATA_LOOK:
		d->rc = cdx_slot_mend(d->env, &d->manifest, d->index, d->rate,
				      &quietly, &d->look, d->why);
		return;
	}
}

/* ---- back on the loop ---- */

static void look_ended(struct sale_agent *a, const struct data *d)
{
	char words[CDX_MARKET_WHY_MAX];
	unsigned next = a->sales->opts.check_s;

	pthread_mutex_lock(&a->sales->mu);
	a->sales->stats.mended += d->look.mended;
	pthread_mutex_unlock(&a->sales->mu);
	if (a->closing || a->proving == NULL)
		return;
	if (d->look.mended > 0)
		cdx_log(a->sales->env->log, WARN, "market",
			"%" PRIu64 " blocks of a slot were not here any more, "
			"and were had again from others",
			d->look.mended);
	if (d->rc == 0) {
		sale_alarm(a, "");
	} else if (d->rc != -ECANCELED) {
		snprintf(words, sizeof(words),
			 "a slot that we are paid for is not whole, proofs of "
			 "it will fail: %.400s",
			 d->why[0] != '\0' ? d->why : cdx_strerror(d->rc));
		sale_alarm(a, words);
		sale_error(a, d->rc, words);
		next = LOOK_AGAIN_S;
	}
	sale_data_look(a, next);
}

static void end(struct sale_job *j, bool gone)
{
	struct data *d = CDX_CONTAINER(j, struct data, job);
	struct sale_agent *a = d->agent;
	bool stopped = !j->ran || atomic_load(&j->cancel);

	if (d->what == DATA_LOOK)
		a->look = NULL;
	else
		a->data = NULL;
	if (gone) {
		free(d);
		return;
	}
	if (d->what == DATA_LOOK) {
		if (!j->ran)
			d->rc = -ECANCELED;
		look_ended(a, d);
		sale_close_go_on(a);
		free(d);
		return;
	}
	if (d->what == DATA_CHECK && d->rc == 0 && !stopped) {
		a->note.manifest = d->manifest;
		a->has_manifest = true;
	}
	if (a->closing)
		sale_close_go_on(a);
	else if (stopped)
		sale_job_stopped(a);
	else
		d->fn(a, d->rc, d->why);
	free(d);
}

static struct data *data_new(struct sale_agent *a, enum data_what what)
{
	struct data *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->job.run = run;
	d->job.end = end;
	d->what = what;
	d->agent = a;
	d->sales = a->sales;
	d->env = a->sales->env;
	d->manifest = a->note.manifest;
	d->index = (uint32_t)a->info.index;
	return d;
}

static void begin(struct sale_agent *a, struct data *d, sale_data_fn *fn)
{
	if (d == NULL) {
		sale_retry(a, -ENOMEM, NULL);
		return;
	}
	d->fn = fn;
	a->data = &d->job;
	sale_work_add(a->sales->work, SALE_LANE_DATA, &d->job);
}

void sale_data_check(struct sale_agent *a, sale_data_fn *fn)
{
	struct data *d = data_new(a, DATA_CHECK);

	if (d != NULL)
		d->request = a->info.what;
	begin(a, d, fn);
}

void sale_data_obtain(struct sale_agent *a, sale_data_fn *fn)
{
	struct data *d = data_new(a, DATA_OBTAIN);
	const struct sale_agent *owner = a;

	if (d != NULL && a->info.has_reservation) {
		/* bytes may be promised to another sale of the same slot */
		if (a->info.reservation.bytes == 0 && sale_sibling(a) != NULL)
			owner = sale_sibling(a);
		d->has_rider = owner->info.has_reservation;
		d->rider.s = a->sales->env->store;
		memcpy(d->rider.slot, owner->info.slot.b,
		       sizeof(d->rider.slot));
	}
	begin(a, d, fn);
}

static void begin_look(void *arg)
{
	struct sale_agent *a = arg;
	struct data *d;

	cdx_loop_timer_del(a->look_at);
	a->look_at = NULL;
	if (a->look != NULL || a->data != NULL)
		return;
	d = data_new(a, DATA_LOOK);
	if (d == NULL) {
		sale_data_look(a, LOOK_AGAIN_S);
		return;
	}
	d->rate = a->sales->opts.check_rate;
	a->look = &d->job;
	sale_work_add(a->sales->work, SALE_LANE_LOOK, &d->job);
}

void sale_data_look(struct sale_agent *a, unsigned after)
{
	uint64_t ns = after * SECOND_NS;
	uint64_t spread;

	/* so that many slots are not looked at all at once */
	cdx_random(&spread, sizeof(spread));
	ns += ns / 8 > 0 ? spread % (ns / 8) : 0;
	cdx_loop_timer_del(a->look_at);
	a->look_at = NULL;
	if (cdx_loop_timer_add(a->sales->env->loop, &a->look_at, ns, 0,
			       begin_look, a) < 0)
		sale_error(a, -ENOMEM, NULL);
}
