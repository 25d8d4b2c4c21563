/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* Calls of users: begun on the loop, ended there once, told on the pool. */

static void op_put(struct cdx_op *op)
{
	if (atomic_fetch_sub(&op->refs, 1) != 1)
		return;
	cdx_xbox_put(op->box);
	op->destroy(op);
}

void cdx_op_put(struct cdx_op *op)
{
	if (op != NULL)
		op_put(op);
}

void cdx_xop_ref(struct cdx_op *op)
{
	atomic_fetch_add(&op->refs, 1);
}

static void on_start(struct cdx_exchange *ex, struct cdx_xmail *m)
{
	struct cdx_op *op = CDX_CONTAINER(m, struct cdx_op, start);

	cdx_list_add_tail(&ex->ops, &op->node);
	op->deadline = cdx_clock_mono_ns() + op->ms * CDX_X_NS_MS;
	if (ex->closing)
		cdx_xop_end(ex, op, -ECANCELED);
	else
		op->begin(ex, op);
}

static void on_stop(struct cdx_exchange *ex, struct cdx_xmail *m)
{
	struct cdx_op *op = CDX_CONTAINER(m, struct cdx_op, stop);

	cdx_xop_end(ex, op, -ECANCELED);
	op_put(op);
}

void cdx_op_cancel(struct cdx_op *op)
{
	if (atomic_exchange(&op->stopped, true))
		return;
	cdx_xop_ref(op);
	/* when it is too late the exchange ends it, or has ended it */
	if (cdx_xbox_send(op->box, &op->stop) != 0)
		op_put(op);
}

int cdx_xop_start(struct cdx_exchange *ex, struct cdx_op *op,
		  struct cdx_op **out, unsigned ms)
{
	int rc;

	/* one of the exchange until the user was told, one of the caller */
	atomic_init(&op->refs, 2);
	atomic_init(&op->stopped, false);
	op->box = cdx_xbox_ref(ex->box);
	op->start.fn = on_start;
	op->stop.fn = on_stop;
	op->ms = ms != 0 ? ms : ex->block_ms;
	cdx_list_init(&op->node);
	if (out != NULL)
		*out = op;
	rc = cdx_xbox_send(op->box, &op->start);
	if (rc != 0) {
		if (out != NULL)
			*out = NULL;
		op_put(op);
	}
	if (rc != 0 || out == NULL)
		op_put(op);
	return rc;
}

static void tell_work(struct cdx_xjob *j)
{
	struct cdx_op *op = CDX_CONTAINER(j, struct cdx_op, call);

	op->tell(op);
}

static void tell_done(struct cdx_xjob *j)
{
	op_put(CDX_CONTAINER(j, struct cdx_op, call));
}

static void tell(struct cdx_exchange *ex, struct cdx_op *op)
{
	op->call.work = tell_work;
	op->call.done = tell_done;
	cdx_xjob_submit(ex, &op->call, CDX_POOL_READ);
}

void cdx_xop_end(struct cdx_exchange *ex, struct cdx_op *op, int rc)
{
	if (op->ended)
		return;
	op->ended = true;
	op->rc = rc;
	cdx_list_del(&op->node);
	op->detach(op);
	if (op->pins == 0)
		tell(ex, op);
}

void cdx_xop_pin(struct cdx_op *op)
{
	cdx_xop_ref(op);
	op->pins++;
}

void cdx_xop_unpin(struct cdx_op *op)
{
	if (--op->pins == 0 && op->ended)
		tell(op->box->ex, op);
	op_put(op);
}
