/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/internal.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Requests that wait for others hold no worker: whoever has the answer replies.
 * They are listed, so that an interrupted caller, and the end of the mount, can
 * end what they wait for.
 *
 * libfuse calls on_interrupt with a lock of the request held, which it also takes
 * when the function is set: so that is never done under waits_mu.
 */

static void no_longer_cancelling(struct cdx_fs *fs, struct cdx_fs_wait *w)
{
	w->cancelling--;
	pthread_cond_broadcast(&fs->waits_cv);
}

/* Ends what it waits for, if that is known and not ended; caller holds waits_mu,
 * which is given up meanwhile */
static void cancel_locked(struct cdx_fs *fs, struct cdx_fs_wait *w)
{
	if (w->op == NULL || w->answered || w->cancelled)
		return;
	w->cancelled = true;
	w->cancelling++;
	pthread_mutex_unlock(&fs->waits_mu);
	w->cancel(w->op);
	pthread_mutex_lock(&fs->waits_mu);
	no_longer_cancelling(fs, w);
}

static void on_interrupt(fuse_req_t req, void *data)
{
	struct cdx_fs_wait *w = data;

	(void)req;
	pthread_mutex_lock(&w->fs->waits_mu);
	w->interrupted = true;
	cancel_locked(w->fs, w);
	pthread_mutex_unlock(&w->fs->waits_mu);
}

/* Caller holds waits_mu, and gives it back here */
static void unref(struct cdx_fs *fs, struct cdx_fs_wait *w)
{
	bool last = --w->refs == 0;

	pthread_mutex_unlock(&fs->waits_mu);
	if (!last)
		return;
	if (w->put != NULL && w->op != NULL)
		w->put(w->op);
	free(w);
}

void cdx_fs_wait_begin(struct cdx_fs_wait *w)
{
	struct cdx_fs *fs = w->fs;

	pthread_mutex_lock(&fs->waits_mu);
	w->refs = 2;
	w->listed = true;
	cdx_list_add_tail(&fs->waits, &w->link);
	pthread_mutex_unlock(&fs->waits_mu);
	fuse_req_interrupt_func(w->req, on_interrupt, w);
}

void cdx_fs_wait_begun(struct cdx_fs_wait *w, void *op)
{
	struct cdx_fs *fs = w->fs;

	pthread_mutex_lock(&fs->waits_mu);
	w->op = op;
	if (w->interrupted || fs->ending)
		cancel_locked(fs, w);
	unref(fs, w);
}

void cdx_fs_wait_answer(struct cdx_fs_wait *w)
{
	struct cdx_fs *fs = w->fs;

	if (!w->listed)
		return;
	/* waits for on_interrupt, where that runs */
	fuse_req_interrupt_func(w->req, NULL, NULL);
	pthread_mutex_lock(&fs->waits_mu);
	w->answered = true;
	while (w->cancelling > 0)
		(void)pthread_cond_wait(&fs->waits_cv, &fs->waits_mu);
	pthread_mutex_unlock(&fs->waits_mu);
}

void cdx_fs_wait_end(struct cdx_fs_wait *w)
{
	struct cdx_fs *fs = w->fs;

	if (!w->listed) {
		free(w);
		return;
	}
	pthread_mutex_lock(&fs->waits_mu);
	cdx_list_del(&w->link);
	pthread_cond_broadcast(&fs->waits_cv);
	unref(fs, w);
}

/* One that can be ended now, and was not */
static struct cdx_fs_wait *next_to_cancel(struct cdx_fs *fs)
{
	cdx_list_foreach(pos, &fs->waits) {
		struct cdx_fs_wait *w =
			cdx_list_entry(pos, struct cdx_fs_wait, link);

		if (w->op != NULL && !w->answered && !w->cancelled)
			return w;
	}
	return NULL;
}

void cdx_fs_wait_all(struct cdx_fs *fs)
{
	struct cdx_fs_wait *w;

	pthread_mutex_lock(&fs->waits_mu);
	fs->ending = true;
	while (!cdx_list_empty(&fs->waits)) {
		w = next_to_cancel(fs);
		if (w != NULL)
			cancel_locked(fs, w);
		else
			(void)pthread_cond_wait(&fs->waits_cv, &fs->waits_mu);
	}
	pthread_mutex_unlock(&fs->waits_mu);
}
