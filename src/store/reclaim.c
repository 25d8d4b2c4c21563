/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/area.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/area_internal.h"
#include "store/records.h"

/*
 * A free record is written by the batch that drops the last use of its bytes,
 * and its key begins with the number of the group that this batch landed in:
 * it may be carried out when that group and the one after it are durable, and
 * when every reader that began before the batch was applied has ended.
 *
 * Readers count themselves under one of two parities.  After a list of old
 * enough records is read the parity is changed; when the count of the old
 * parity is zero, every reader that began before has ended, and those that
 * began later see that the bytes are not referenced.  The change waits until
 * the count that it switches to is zero, so that no reader is ever counted
 * under a parity that nobody waits for.
 */

#define FREES_MAX 65536u    /* records in one list, 2 MiB */
#define SLICE_NS 250000000u /* time on the committer thread per call */
#define DELETES_MAX 1024u   /* records deleted by one batch */
#define PAGE 4096u	    /* least hole that gives space back */
#define WAIT_TRIES 60u	    /* commits that a waiter for frees makes */

static unsigned own_stripe(void)
{
	static atomic_uint next;
	static _Thread_local unsigned mine;

	if (mine == 0)
		mine = 1 + atomic_fetch_add(&next, 1) % CDX_READER_STRIPES;
	return mine - 1;
}

uint64_t cdx_store_read_begin(struct cdx_store *s)
{
	struct cdx_areas *a = cdx_store_areas(s);
	unsigned stripe = own_stripe();
	unsigned parity = atomic_load(&a->parity) & 1;

	atomic_fetch_add(&a->readers[stripe].count[parity], 1);
	return (uint64_t)stripe << 1 | parity;
}

void cdx_store_read_end(struct cdx_store *s, uint64_t token)
{
	struct cdx_areas *a = cdx_store_areas(s);

	atomic_fetch_sub(&a->readers[token >> 1].count[token & 1], 1);
}

static bool readers_left(struct cdx_areas *a, unsigned parity)
{
	for (unsigned i = 0; i < CDX_READER_STRIPES; i++)
		if (atomic_load(&a->readers[i].count[parity]) != 0)
			return true;
	return false;
}

void cdx_reclaim_init(struct cdx_reclaim *r)
{
	(void)pthread_mutex_init(&r->mu, NULL);
}

void cdx_reclaim_fini(struct cdx_reclaim *r)
{
	free(r->v);
	(void)pthread_mutex_destroy(&r->mu);
}

static int by_place(const void *pa, const void *pb)
{
	const struct cdx_free *x = pa;
	const struct cdx_free *y = pb;

	if (x->area != y->area)
		return x->area < y->area ? -1 : 1;
	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return 0;
}

/* Records whose group and the next are durable.  Returns 1 when others must
 * still wait. */
static int read_list(struct cdx_areas *a, struct cdx_reclaim *r)
{
	uint64_t durable = cdx_store_durable(a->s);
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	size_t cap = 0;
	int rc;

	rc = cdx_kv_iter_open(a->s, &it, CDX_DB_FREE, NULL, 0, NULL, 0);
	if (rc < 0)
		return rc;
	while (r->n < FREES_MAX && (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (r->n == cap) {
			struct cdx_free *v;

			cap = cap == 0 ? 64 : cap * 2;
			v = realloc(r->v, cap * sizeof(*v));
			if (v == NULL)
				return -ENOMEM;
			r->v = v;
		}
		rc = cdx_free_decode(&r->v[r->n], &pair);
		if (rc < 0)
			return rc;
		/* in order of groups: the rest is younger */
		if (r->v[r->n].group >= durable)
			return 1;
		r->n++;
	}
	return rc;
}

static void clear(struct cdx_reclaim *r)
{
	free(r->v);
	r->v = NULL;
	r->n = 0;
	r->done = 0;
}

/* Reads the next list and begins to wait for the readers there are; 1 when
 * there is something to wait for. */
static int stage(struct cdx_areas *a, struct cdx_reclaim *r)
{
	unsigned next = (atomic_load(&a->parity) + 1) & 1;
	int rc;

	rc = read_list(a, r);
	if (rc < 0 || r->n == 0) {
		clear(r);
		return rc;
	}
	if (readers_left(a, next)) {
		clear(r);
		return 1;
	}
	atomic_fetch_add(&a->parity, 1);
	qsort(r->v, r->n, sizeof(*r->v), by_place);
	return 1;
}

/* Punches the whole pages of a dead range. */
static int punch(struct cdx_areas *a, uint64_t area, uint64_t off, uint64_t end)
{
	struct cdx_area_file *f;
	int rc;

	/* What is left of a page shared with live bytes goes when the file is
	 * rewritten; zeroing it would only cost a write. */
	off = (off + PAGE - 1) / PAGE * PAGE;
	end = end / PAGE * PAGE;
	if (off >= end)
		return 0;
	rc = cdx_area_file_get(a, &f, area);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)off, (off_t)(end - off)) < 0 &&
	    errno != EOPNOTSUPP)
		rc = -errno;
	/* synced before the group that deletes the free record commits, or a
	 * crash could bring the space back with nobody to give it back again */
	cdx_area_file_dirty(a, f, 0, 0);
	cdx_area_file_put(a, f);
	return rc;
}

/* End of the run of records that begins at @i and touches without a gap */
static size_t run_end(const struct cdx_reclaim *r, size_t i, uint64_t *end)
{
	*end = r->v[i].off + r->v[i].len;
	for (i++; i < r->n && r->v[i].area == r->v[i - 1].area &&
		  r->v[i].len != CDX_FREE_WHOLE && r->v[i].off <= *end;
	     i++) {
		uint64_t e = r->v[i].off + r->v[i].len;

		if (e > *end)
			*end = e;
	}
	return i;
}

/* Carries out the record at @i and those that join it; *next is the first
 * that is left. */
static int carry_out(struct cdx_areas *a, struct cdx_reclaim *r, size_t i,
		     size_t *next)
{
	const struct cdx_free *f = &r->v[i];
	uint64_t end;

	if (f->len == CDX_FREE_WHOLE) {
		*next = i + 1;
		return cdx_area_file_unlink(a, f->area);
	}
	*next = run_end(r, i, &end);
	return punch(a, f->area, f->off, end);
}

static int delete_records(struct cdx_areas *a, const struct cdx_free *v,
			  size_t n)
{
	struct cdx_batch *b;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0;) {
		rc = cdx_batch_new(&b, a->s);
		if (rc < 0)
			return rc;
		for (size_t j = 0; j < DELETES_MAX && i < n; j++, i++) {
			uint8_t key[CDX_FREE_KEY_LEN];
			uint8_t val[8];

			cdx_free_encode(key, val, &v[i]);
			cdx_batch_del(b, CDX_DB_FREE, key, sizeof(key));
		}
		rc = cdx_batch_apply(b);
	}
	return rc;
}

/* As much of the list as a call may take.  Once its readers have gone it stays
 * ready: later ones are counted under the other parity. */
static int execute(struct cdx_areas *a, struct cdx_reclaim *r)
{
	uint64_t stop = cdx_clock_mono_ns() + SLICE_NS;
	size_t from = r->done;
	size_t next = from;
	int rc = 0;
	int del;

	while (next < r->n && rc == 0 && cdx_clock_mono_ns() < stop)
		rc = carry_out(a, r, next, &next);
	del = delete_records(a, r->v + from, next - from);
	if (rc < 0 || del < 0) {
		/* the records are still there: read again next time */
		clear(r);
		return rc < 0 ? rc : del;
	}
	r->done = next;
	if (next == r->n)
		clear(r);
	return 1;
}

int cdx_store_reclaim(struct cdx_store *s)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_reclaim *r = &a->reclaim;
	int rc = 1;

	(void)pthread_mutex_lock(&r->mu);
	if (r->n == 0)
		rc = stage(a, r);
	if (r->n != 0 && !readers_left(a, (atomic_load(&a->parity) + 1) & 1))
		rc = execute(a, r);
	(void)pthread_mutex_unlock(&r->mu);
	return rc;
}

static void nap(void)
{
	struct timespec t = {.tv_nsec = 2000000};

	(void)nanosleep(&t, NULL);
}

int cdx_area_frees_wait(struct cdx_store *s, uint64_t id)
{
	bool pending;
	int rc;

	for (unsigned i = 0; i < WAIT_TRIES; i++) {
		rc = cdx_area_frees_pending(s, id, &pending);
		if (rc < 0 || !pending)
			return rc;
		rc = cdx_store_commit(s);
		if (rc == 0)
			rc = cdx_store_reclaim(s);
		if (rc < 0)
			return rc;
		/* two groups are enough unless somebody is reading */
		if (i > 4)
			nap();
	}
	return CDX_E_AGAIN;
}

int cdx_area_frees_pending(struct cdx_store *s, uint64_t id, bool *out)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	struct cdx_free f;
	int rc;

	rc = cdx_kv_iter_open(s, &it, CDX_DB_FREE, NULL, 0, NULL, 0);
	if (rc < 0)
		return rc;
	while ((rc = cdx_kv_iter_next(it, &pair)) > 0) {
		rc = cdx_free_decode(&f, &pair);
		if (rc < 0)
			return rc;
		if (f.area == id) {
			*out = true;
			return 0;
		}
	}
	if (rc == 0)
		*out = false;
	return rc;
}
