/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exchange/internal.h"

/* Mail for the loop's thread.  An eventfd and nodes in the senders' memory: what
 * a worker has done can be said without memory, and nothing dangles in the loop
 * when the exchange goes. */

int cdx_xbox_new(struct cdx_xbox **out, struct cdx_exchange *ex)
{
	struct cdx_xbox *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -ENOMEM;
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->fd < 0) {
		int rc = -errno;

		free(b);
		return rc;
	}
	atomic_init(&b->refs, 1);
	(void)pthread_mutex_init(&b->mu, NULL);
	(void)pthread_cond_init(&b->cv, NULL);
	cdx_list_init(&b->mail);
	b->ex = ex;
	b->open = true;
	*out = b;
	return 0;
}

struct cdx_xbox *cdx_xbox_ref(struct cdx_xbox *b)
{
	atomic_fetch_add(&b->refs, 1);
	return b;
}

void cdx_xbox_put(struct cdx_xbox *b)
{
	if (b == NULL || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	(void)pthread_mutex_destroy(&b->mu);
	(void)pthread_cond_destroy(&b->cv);
	(void)close(b->fd);
	free(b);
}

/* Under mu */
static void wake(struct cdx_xbox *b)
{
	const uint64_t one = 1;

	if (b->woken)
		return;
	b->woken = true;
	/* it can only fail when the counter is full, and then it is readable */
	if (write(b->fd, &one, sizeof(one)) < 0)
		return;
}

static void put(struct cdx_xbox *b, struct cdx_xmail *m)
{
	cdx_list_add_tail(&b->mail, &m->node);
	wake(b);
	(void)pthread_cond_signal(&b->cv);
}

int cdx_xbox_send(struct cdx_xbox *b, struct cdx_xmail *m)
{
	int rc = 0;

	(void)pthread_mutex_lock(&b->mu);
	if (b->open)
		put(b, m);
	else
		rc = -ECANCELED;
	(void)pthread_mutex_unlock(&b->mu);
	return rc;
}

void cdx_xbox_wake(struct cdx_xbox *b)
{
	(void)pthread_mutex_lock(&b->mu);
	wake(b);
	(void)pthread_mutex_unlock(&b->mu);
}

void cdx_xbox_close(struct cdx_xbox *b)
{
	(void)pthread_mutex_lock(&b->mu);
	b->open = false;
	(void)pthread_mutex_unlock(&b->mu);
}

bool cdx_xbox_run(struct cdx_exchange *ex, bool wait)
{
	struct cdx_xbox *b = ex->box;
	struct cdx_list take;
	uint64_t count;
	bool any;

	cdx_list_init(&take);
	(void)pthread_mutex_lock(&b->mu);
	while (wait && cdx_list_empty(&b->mail))
		(void)pthread_cond_wait(&b->cv, &b->mu);
	any = !cdx_list_empty(&b->mail);
	if (any) {
		take = b->mail;
		take.next->prev = &take;
		take.prev->next = &take;
		cdx_list_init(&b->mail);
	}
	if (b->woken && read(b->fd, &count, sizeof(count)) > 0)
		b->woken = false;
	(void)pthread_mutex_unlock(&b->mu);
	while (!cdx_list_empty(&take)) {
		struct cdx_xmail *m =
			cdx_list_entry(take.next, struct cdx_xmail, node);

		cdx_list_del(&m->node);
		m->fn(ex, m);
	}
	return any;
}

/* ---- jobs ---- */

static void job_mail(struct cdx_exchange *ex, struct cdx_xmail *m)
{
	struct cdx_xjob *j = CDX_CONTAINER(m, struct cdx_xjob, mail);

	ex->jobs--;
	j->done(j);
}

static void job_work(void *arg)
{
	struct cdx_xjob *j = arg;
	struct cdx_xbox *b = cdx_xbox_ref(j->ex->box);

	j->work(j);
	/* from here on the loop may free the job, and the exchange */
	(void)pthread_mutex_lock(&b->mu);
	put(b, &j->mail);
	(void)pthread_mutex_unlock(&b->mu);
	cdx_xbox_put(b);
}

void cdx_xjob_submit(struct cdx_exchange *ex, struct cdx_xjob *j,
		     enum cdx_pool_prio prio)
{
	j->ex = ex;
	j->mail.fn = job_mail;
	ex->jobs++;
	if (cdx_pool_submit(ex->pool, prio, job_work, j) != 0)
		job_work(j);
}
