/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/sale_work.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"

struct lane {
	struct sale_work *of;
	struct cdx_list waiting; /* guarded by mu */
	pthread_cond_t cv;
	pthread_t *threads;
	unsigned n_threads;
};

struct sale_work {
	cdx_loop_fn *woken; /* immutable */
	void *arg;
	int event; /* immutable: rung when there is something to tell */
	struct cdx_loop_io *io; /* loop-confined */
	pthread_mutex_t mu;
	struct lane lanes[SALE_LANES];
	struct cdx_list running; /* guarded by mu */
	struct cdx_list done;	 /* guarded by mu: to be told, on the loop */
	bool wake;		 /* guarded by mu */
	bool stop;		 /* guarded by mu */
};

static void ring(struct sale_work *w)
{
	const uint64_t one = 1;

	/* a full counter has been rung already */
	(void)!write(w->event, &one, sizeof(one));
}

static struct sale_job *take_first(struct cdx_list *list)
{
	struct sale_job *j;

	if (cdx_list_empty(list))
		return NULL;
	j = cdx_list_entry(list->next, struct sale_job, link);
	cdx_list_del(&j->link);
	return j;
}

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	struct sale_work *w = l->of;
	struct sale_job *j;

	pthread_mutex_lock(&w->mu);
	for (;;) {
		while (cdx_list_empty(&l->waiting) && !w->stop)
			pthread_cond_wait(&l->cv, &w->mu);
		if (w->stop)
			break;
		j = take_first(&l->waiting);
		cdx_list_add_tail(&w->running, &j->link);
		pthread_mutex_unlock(&w->mu);
		if (!atomic_load(&j->cancel)) {
			j->ran = true;
			j->run(j);
		}
		pthread_mutex_lock(&w->mu);
		cdx_list_del(&j->link);
		cdx_list_add_tail(&w->done, &j->link);
		ring(w);
	}
	pthread_mutex_unlock(&w->mu);
	return NULL;
}

/* On the loop: one after the other, since each may add others */
static void tell(void *arg, int fd, uint32_t events CDX_UNUSED)
{
	struct sale_work *w = arg;
	struct sale_job *j;
	uint64_t rung;
	bool wake;

	(void)!read(fd, &rung, sizeof(rung));
	pthread_mutex_lock(&w->mu);
	wake = w->wake;
	w->wake = false;
	while ((j = take_first(&w->done)) != NULL) {
		pthread_mutex_unlock(&w->mu);
		j->end(j, false);
		pthread_mutex_lock(&w->mu);
	}
	pthread_mutex_unlock(&w->mu);
	if (wake)
		w->woken(w->arg);
}

void sale_work_add(struct sale_work *w, enum sale_lane lane, struct sale_job *j)
{
	atomic_init(&j->cancel, false);
	j->ran = false;
	cdx_list_init(&j->link);
	pthread_mutex_lock(&w->mu);
	cdx_list_add_tail(&w->lanes[lane].waiting, &j->link);
	pthread_cond_signal(&w->lanes[lane].cv);
	pthread_mutex_unlock(&w->mu);
}

void sale_work_wake(struct sale_work *w)
{
	pthread_mutex_lock(&w->mu);
	w->wake = true;
	pthread_mutex_unlock(&w->mu);
	ring(w);
}

static void end_all(struct cdx_list *list)
{
	struct sale_job *j;

	while ((j = take_first(list)) != NULL)
		j->end(j, true);
}

void sale_work_free(struct sale_work *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mu);
	w->stop = true;
	cdx_list_foreach(pos, &w->running)
		atomic_store(
			&cdx_list_entry(pos, struct sale_job, link)->cancel,
			true);
	for (unsigned i = 0; i < SALE_LANES; i++)
		pthread_cond_broadcast(&w->lanes[i].cv);
	pthread_mutex_unlock(&w->mu);
	for (unsigned i = 0; i < SALE_LANES; i++) {
		struct lane *l = &w->lanes[i];

		for (unsigned t = 0; t < l->n_threads; t++)
			pthread_join(l->threads[t], NULL);
		free(l->threads);
		end_all(&l->waiting);
		pthread_cond_destroy(&l->cv);
	}
	end_all(&w->done);
	cdx_loop_io_del(w->io);
	cdx_closep(&w->event);
	pthread_mutex_destroy(&w->mu);
	free(w);
}

static int lane_start(struct lane *l, unsigned threads)
{
	int rc = 0;

	l->threads = calloc(threads, sizeof(l->threads[0]));
	if (l->threads == NULL)
		return -ENOMEM;
	for (unsigned t = 0; t < threads && rc == 0; t++) {
		rc = -pthread_create(&l->threads[t], NULL, lane_main, l);
		if (rc == 0)
			l->n_threads++;
	}
	return rc;
}

int sale_work_new(struct sale_work **out, struct cdx_loop *loop,
		  unsigned threads, cdx_loop_fn *woken, void *arg)
{
	struct sale_work *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return -ENOMEM;
	w->woken = woken;
	w->arg = arg;
	pthread_mutex_init(&w->mu, NULL);
	cdx_list_init(&w->running);
	cdx_list_init(&w->done);
	for (unsigned i = 0; i < SALE_LANES; i++) {
		w->lanes[i].of = w;
		cdx_list_init(&w->lanes[i].waiting);
		pthread_cond_init(&w->lanes[i].cv, NULL);
	}
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = w->event < 0 ? -errno
			  : cdx_loop_io_add(loop, &w->io, w->event, EPOLLIN,
					    tell, w);
	for (unsigned i = 0; i < SALE_LANES && rc == 0; i++)
		rc = lane_start(&w->lanes[i],
				i == SALE_LANE_DATA ? threads : 1);
	if (rc < 0) {
		sale_work_free(w);
		return rc;
	}
	*out = w;
	return 0;
}
