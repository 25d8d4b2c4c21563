/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/slot_fetch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define WINDOW_BYTES ((size_t)16 << 20)
#define WINDOW_MAX 1024u
/* What is asked for ahead at first; doubled as long as the next one is wanted.  Who
 * mends single blocks has few looked for in vain. */
#define AHEAD_MIN 8u
#define PAGES_AT_ONCE 4u
#define STALL_MS 60000u
/* Of one block: whether something comes at all is what counts */
#define ONE_MS 3600000u
#define POLL_MS 100u
#define NS_MS UINT64_C(1000000)
#define NS_S UINT64_C(1000000000)

enum entry_state {
	IDLE,
	ASKED,
	HERE,
	LOST,
};

struct entry {
	struct cdx_slot_fetch *f;
	enum entry_state state; /* under mu */
	uint64_t step;
	struct cdx_op *op; /* of the thread that asks */
	uint8_t *bytes;
};

struct cdx_slot_fetch {
	struct cdx_reader *rd;
	struct cdx_geometry g;
	uint32_t slot;
	const struct cdx_slot_run *run;
	pthread_mutex_t mu;
	pthread_cond_t cv; /* an entry is not ASKED any more */
	uint64_t came_at; /* under mu: the last answer, or the first question */
	unsigned asked;	  /* under mu: entries */
	/* of the thread that asks */
	uint8_t *bytes;
	struct entry *entry;
	unsigned n;	 /* entries: block of step s is in s % n */
	uint64_t wanted; /* the step that is asked for if nothing is passed over */
	uint64_t next; /* not asked for yet */
	unsigned ahead;
	uint64_t count;
	int err;
};

/* ---- waiting ---- */

static void cond_init(pthread_cond_t *cv)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cv, &attr);
	(void)pthread_condattr_destroy(&attr);
}

/* Caller holds @mu; wakes up to ask whether to go on. */
static void nap(pthread_cond_t *cv, pthread_mutex_t *mu)
{
	uint64_t until = cdx_clock_mono_ns() + POLL_MS * NS_MS;
	struct timespec ts = {
		.tv_sec = (time_t)(until / NS_S),
		.tv_nsec = (long)(until % NS_S),
	};

	(void)pthread_cond_timedwait(cv, mu, &ts);
}

static unsigned stall_ms(const struct cdx_slot_run *run)
{
	return run->stall_ms != 0 ? run->stall_ms : STALL_MS;
}

static bool canceled(const struct cdx_slot_run *run)
{
	return run->cancel != NULL && run->cancel(run->arg);
}

/* Until it is not ASKED; an error stays. */
static int wait_for(struct cdx_slot_fetch *f, const struct entry *e)
{
	(void)pthread_mutex_lock(&f->mu);
	while (f->err == 0 && e->state == ASKED) {
		nap(&f->cv, &f->mu);
		if (e->state != ASKED)
			break;
		if (cdx_clock_mono_ns() - f->came_at > stall_ms(f->run) * NS_MS)
			f->err = -ETIMEDOUT;
		(void)pthread_mutex_unlock(&f->mu);
		if (canceled(f->run))
			f->err = -ECANCELED;
		(void)pthread_mutex_lock(&f->mu);
	}
	(void)pthread_mutex_unlock(&f->mu);
	return f->err;
}

/* ---- asking ---- */

static void on_block(void *arg, int rc, const uint8_t *block, size_t size)
{
	struct entry *e = arg;
	struct cdx_slot_fetch *f = e->f;
	bool here = rc == 0 && size == f->g.block_size;

	if (here)
		memcpy(e->bytes, block, size);
	(void)pthread_mutex_lock(&f->mu);
	e->state = here ? HERE : LOST;
	f->came_at = cdx_clock_mono_ns();
	f->asked--;
	(void)pthread_cond_signal(&f->cv);
	(void)pthread_mutex_unlock(&f->mu);
}

/* What it was for is not wanted any more. */
static void drop(struct cdx_slot_fetch *f, struct entry *e)
{
	if (e->op == NULL)
		return;
	(void)pthread_mutex_lock(&f->mu);
	if (e->state == ASKED) {
		(void)pthread_mutex_unlock(&f->mu);
		cdx_op_cancel(e->op);
	} else {
		e->state = IDLE;
		(void)pthread_mutex_unlock(&f->mu);
	}
	cdx_op_put(e->op);
	e->op = NULL;
}

static int ask(struct cdx_slot_fetch *f, uint64_t step)
{
	struct entry *e = &f->entry[step % f->n];
	int rc;

	drop(f, e);
	rc = wait_for(f, e);
	if (rc != 0)
		return rc;
	e->step = step;
	(void)pthread_mutex_lock(&f->mu);
	e->state = ASKED;
	if (f->asked++ == 0)
		f->came_at = cdx_clock_mono_ns();
	(void)pthread_mutex_unlock(&f->mu);
	rc = cdx_reader_block(f->rd, &e->op,
			      (uint32_t)cdx_geometry_index(&f->g, f->slot,
							   step),
			      ONE_MS, on_block, e);
	if (rc == 0)
		return 0;
	(void)pthread_mutex_lock(&f->mu);
	e->state = LOST;
	f->asked--;
	(void)pthread_mutex_unlock(&f->mu);
	/* the exchange is going; what else there is is this block's alone */
	if (rc == -ECANCELED)
		f->err = rc;
	return f->err;
}

static int fill(struct cdx_slot_fetch *f, uint64_t step)
{
	uint64_t end;
	int rc = 0;

	if (step != f->wanted)
		f->ahead = AHEAD_MIN;
	else if (f->ahead < f->n)
		f->ahead *= 2;
	if (f->ahead > f->n)
		f->ahead = f->n;
	f->wanted = step + 1;
	end = step + f->ahead;
	if (end > f->g.steps)
		end = f->g.steps;
	if (f->next < step)
		f->next = step;
	while (rc == 0 && f->next < end)
		rc = ask(f, f->next++);
	return rc;
}

int cdx_slot_fetch_block(void *fetch, uint32_t slot, uint64_t step,
			 uint8_t *out)
{
	struct cdx_slot_fetch *f = fetch;
	struct entry *e = &f->entry[step % f->n];
	int rc = f->err;

	if (slot != f->slot)
		return -ENODATA;
	if (rc == 0)
		rc = fill(f, step);
	if (rc == 0)
		rc = wait_for(f, e);
	if (rc < 0)
		return rc;
	/* asked for once more than it was wanted: it was passed over */
	if (e->step != step || e->state != HERE)
		return -ENODATA;
	memcpy(out, e->bytes, f->g.block_size);
	f->count++;
	return 0;
}

int cdx_slot_fetch_error(const struct cdx_slot_fetch *f)
{
	return f->err;
}

uint64_t cdx_slot_fetch_count(const struct cdx_slot_fetch *f)
{
	return f->count;
}

/* ---- its beginning and end ---- */

int cdx_slot_fetch_new(struct cdx_slot_fetch **out, struct cdx_reader *rd,
		       const struct cdx_geometry *g, uint32_t slot,
		       const struct cdx_slot_run *run)
{
	struct cdx_slot_fetch *f = calloc(1, sizeof(*f));
	size_t n = WINDOW_BYTES / g->block_size;

	*out = NULL;
	if (f == NULL)
		return -ENOMEM;
	if (n > WINDOW_MAX)
		n = WINDOW_MAX;
	f->n = n > 1 ? (unsigned)n : 1;
	f->rd = rd;
	f->g = *g;
	f->slot = slot;
	f->run = run;
	f->wanted = UINT64_MAX;
	(void)pthread_mutex_init(&f->mu, NULL);
	cond_init(&f->cv);
	f->bytes = malloc((size_t)f->n * g->block_size);
	f->entry = calloc(f->n, sizeof(*f->entry));
	if (f->bytes == NULL || f->entry == NULL) {
		cdx_slot_fetch_free(f);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < f->n; i++) {
		f->entry[i].f = f;
		f->entry[i].bytes = f->bytes + (size_t)i * g->block_size;
	}
	*out = f;
	return 0;
}

void cdx_slot_fetch_free(struct cdx_slot_fetch *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; f->entry != NULL && i < f->n; i++)
		drop(f, &f->entry[i]);
	(void)pthread_mutex_lock(&f->mu);
	while (f->asked > 0)
		(void)pthread_cond_wait(&f->cv, &f->mu);
	(void)pthread_mutex_unlock(&f->mu);
	(void)pthread_mutex_destroy(&f->mu);
	(void)pthread_cond_destroy(&f->cv);
	free(f->entry);
	free(f->bytes);
	free(f);
}

/* ---- pages ---- */

struct page_wait {
	struct pages *w;
	bool done; /* under mu */
	int rc;
	struct cdx_op *op;
	struct cdx_tree_page page;
};

struct pages {
	pthread_mutex_t mu;
	pthread_cond_t cv;
	const struct cdx_slot_run *run;
	struct page_wait wait[PAGES_AT_ONCE];
};

static void on_page(void *arg, int rc, const struct cdx_tree_page *page)
{
	struct page_wait *p = arg;

	if (rc == 0)
		p->page = *page;
	(void)pthread_mutex_lock(&p->w->mu);
	p->rc = rc;
	p->done = true;
	(void)pthread_cond_signal(&p->w->cv);
	(void)pthread_mutex_unlock(&p->w->mu);
}

/* Until it has ended, also when it was cancelled */
static int page_end(struct page_wait *p)
{
	struct pages *w = p->w;
	bool stop = false;

	(void)pthread_mutex_lock(&w->mu);
	while (!p->done) {
		nap(&w->cv, &w->mu);
		if (p->done || stop)
			continue;
		(void)pthread_mutex_unlock(&w->mu);
		stop = canceled(w->run);
		if (stop)
			cdx_op_cancel(p->op);
		(void)pthread_mutex_lock(&w->mu);
	}
	(void)pthread_mutex_unlock(&w->mu);
	cdx_op_put(p->op);
	p->op = NULL;
	return p->rc;
}

static int page_begin(struct page_wait *p, struct cdx_reader *rd, uint32_t page)
{
	p->done = false;
	return cdx_reader_page(rd, &p->op, page, stall_ms(p->w->run), on_page,
			       p);
}

static int run_pages(struct pages *w, struct cdx_reader *rd, uint32_t first,
		     uint32_t last, cdx_slot_page_fn *fn, void *arg)
{
	uint64_t next = first;
	int rc = 0;

	for (uint64_t at = first; rc == 0 && at <= last; at++) {
		struct page_wait *p = &w->wait[at % PAGES_AT_ONCE];

		for (; rc == 0 && next <= last && next < at + PAGES_AT_ONCE;
		     next++)
			rc = page_begin(&w->wait[next % PAGES_AT_ONCE], rd,
					(uint32_t)next);
		if (rc == 0)
			rc = page_end(p);
		if (rc == 0)
			rc = fn(arg, &p->page);
	}
	return rc;
}

int cdx_slot_fetch_pages(struct cdx_reader *rd, const struct cdx_geometry *g,
			 uint32_t slot, const struct cdx_slot_run *run,
			 cdx_slot_page_fn *fn, void *arg)
{
	uint64_t first = cdx_geometry_index(g, slot, 0);
	uint64_t last = cdx_geometry_index(g, slot, g->steps - 1);
	struct pages *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return -ENOMEM;
	(void)pthread_mutex_init(&w->mu, NULL);
	cond_init(&w->cv);
	w->run = run;
	for (unsigned i = 0; i < PAGES_AT_ONCE; i++)
		w->wait[i].w = w;
	rc = run_pages(w, rd, (uint32_t)(first / CDX_TREE_PAGE),
		       (uint32_t)(last / CDX_TREE_PAGE), fn, arg);
	for (unsigned i = 0; i < PAGES_AT_ONCE; i++) {
		if (w->wait[i].op == NULL)
			continue;
		cdx_op_cancel(w->wait[i].op);
		(void)page_end(&w->wait[i]);
	}
	(void)pthread_mutex_destroy(&w->mu);
	(void)pthread_cond_destroy(&w->cv);
	free(w);
	return rc;
}
