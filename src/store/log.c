/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "store/internal.h"

/* Log flushes: one thread at a time writes what is queued for everybody that
 * waits; whoever comes meanwhile waits for the next flush. */

/* After so many rounds of prelogging a commit is the answer. */
#define PRELOG_TRIES 16

/* A flush under way, of its leader */
struct flush {
	struct cdx_list batches;
	struct cdx_ilog_rec rec;
	uint8_t *plain;
	size_t plain_len;
	uint64_t pos;
	bool names_data;
};

/* Takes the queue and a place in the log.  CDX_E_AGAIN: a group commit is
 * needed instead, nothing was taken.  Caller holds mu. */
static int begin_locked(struct cdx_store *s, struct flush *f)
{
	uint64_t len = cdx_ilog_rec_len(s->fifo.enc);
	struct cdx_batch *first;

	if (cdx_list_empty(&s->fifo.list) || s->fifo.gap > s->covered ||
	    len > s->ilog.cap / 4)
		return CDX_E_AGAIN;
	if (cdx_ilog_buffer(&s->ilog, &f->plain, len, s->fifo.enc) < 0)
		return CDX_E_AGAIN;
	first = cdx_list_entry(s->fifo.list.next, struct cdx_batch, node);
	f->rec.group = atomic_load(&s->group);
	f->rec.seq = s->ilog.seq;
	f->rec.first = first->seq;
	f->rec.last = s->seq;
	if (cdx_ilog_place(&s->ilog, &f->pos, len) < 0)
		return CDX_E_AGAIN;
	f->plain_len = s->fifo.enc;
	f->names_data = s->fifo.names_data;
	cdx_list_init(&f->batches);
	cdx_fifo_take(&s->fifo, &f->batches);
	s->log_busy = true;
	/* A group in good time: nobody is to wait because the log is full. */
	if (s->ilog.head - s->ilog.tail > s->ilog.cap / 2 && !s->asked &&
	    !s->commit_err) {
		s->asked = true;
		pthread_cond_signal(&s->work_cv);
	}
	return 0;
}

static void gather(const struct flush *f)
{
	uint8_t *p = f->plain;

	cdx_list_foreach(node, &f->batches) {
		const struct cdx_batch *b =
			cdx_list_entry(node, struct cdx_batch, node);

		cdx_put_be32(p, (uint32_t)b->len);
		memcpy(p + 4, b->p, b->len);
		p += 4 + b->len;
	}
}

/* No lock held; the buffer is ours while log_busy is set. */
static int write_record(struct cdx_store *s, struct flush *f)
{
	off_t off = (off_t)(CDX_ILOG_HEAD + f->pos % s->ilog.cap);
	int r = 0;

	if (f->names_data)
		r = cdx_area_sync_dirty(s);
	if (r < 0)
		return r;
	gather(f);
	cdx_ilog_seal(&s->ilog, s->ilog.buf, &f->rec, f->plain, f->plain_len);
	r = cdx_store_fault_hit(s, CDX_FAULT_LOG_WRITE);
	if (!r)
		r = cdx_pwrite_full(s->ilog.fd, s->ilog.buf,
				    (size_t)cdx_ilog_rec_len(f->plain_len),
				    off);
	if (!r)
		r = cdx_store_fault_hit(s, CDX_FAULT_FDATASYNC);
	if (!r && fdatasync(s->ilog.fd) < 0)
		r = -errno;
	return r;
}

/* One flush by this thread.  Takes mu held, gives it back held. */
static int flush_locked(struct cdx_store *s)
{
	struct flush f;
	int r = begin_locked(s, &f);

	if (r < 0)
		return r;
	pthread_mutex_unlock(&s->mu);
	r = write_record(s, &f);
	cdx_batch_list_free(&f.batches);
	pthread_mutex_lock(&s->mu);
	s->log_busy = false;
	if (r < 0) {
		/* What the kernel dropped after a failed write cannot be
		 * synced by asking again. */
		cdx_store_fail_locked(s, r, "log flush");
	} else {
		s->logged = f.rec.last;
		atomic_fetch_add(&s->log_records, 1);
	}
	pthread_cond_broadcast(&s->log_cv);
	return r;
}

/* CDX_E_AGAIN: commit instead.  Caller holds mu. */
static int sync_locked(struct cdx_store *s)
{
	uint64_t target = s->seq;
	int tries = 0;
	int r;

	for (;;) {
		r = cdx_store_failed(s);
		if (r < 0)
			return r;
		if (s->logged >= target || s->covered >= target)
			return 0;
		if (s->log_busy) {
			pthread_cond_wait(&s->log_cv, &s->mu);
			continue;
		}
		if (!cdx_hooks_gate_locked(s)) {
			r = flush_locked(s);
			if (r < 0)
				return r;
			continue;
		}
		if (++tries > PRELOG_TRIES)
			return CDX_E_AGAIN;
		pthread_mutex_unlock(&s->mu);
		r = cdx_hooks_prelog(s);
		pthread_mutex_lock(&s->mu);
		if (r < 0)
			return r;
	}
}

int cdx_store_log_sync(struct cdx_store *s)
{
	int r;

	if (!s->started)
		return CDX_E_SEQUENCE;
	if (s->readonly)
		return 0;
	if (!s->has_key)
		return cdx_store_commit(s);
	r = cdx_hooks_prelog(s);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->mu);
	r = sync_locked(s);
	pthread_mutex_unlock(&s->mu);
	return r == CDX_E_AGAIN ? cdx_store_commit(s) : r;
}
