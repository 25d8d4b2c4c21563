/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The thread that may wait: for the volume and for the store. */
#include "config.h"

#include "market/purchase_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "dataset/manifest.h"
#include "slots/geometry.h"
#include "store/dataset_store.h"
#include "store/public.h"

/* ---- what is asked for a dataset ---- */

static int request_of(struct cdx_storage_request *out,
		      const struct cdx_manifest *m,
		      const struct cdx_cid *verifiable,
		      char why[CDX_MARKET_WHY_MAX])
{
	char words[CDX_SLOTS_WHY_MAX] = "";
	struct cdx_geometry g;
	int rc;

	if (!m->is_verifiable) {
		snprintf(why, CDX_MARKET_WHY_MAX,
			 "this dataset is not protected: codexfs dataset "
			 "protect makes one that is");
		return -EINVAL;
	}
	rc = cdx_geometry_of(&g, m, m->verification.cell_size, words);
	if (rc < 0) {
		snprintf(why, CDX_MARKET_WHY_MAX, "its slots: %s",
			 words[0] != '\0' ? words : cdx_strerror(rc));
		return -EINVAL;
	}
	if (m->verification.verify_root.len != sizeof(out->merkle_root.b))
		return CDX_E_CORRUPT;
	memset(out, 0, sizeof(*out));
	out->ask.slots = g.slots;
	out->ask.slot_size = g.slot_bytes;
	out->ask.max_slot_loss = g.m;
	out->cid_len = cdx_cid_encode(out->cid, verifiable);
	/* the digest is the root as it goes on the chain, little endian */
	memcpy(out->merkle_root.b, m->verification.verify_root.digest,
	       sizeof(out->merkle_root.b));
	return 0;
}

int purchase_request_of(const struct cdx_purchasing *p,
			struct cdx_storage_request *out,
			const struct cdx_cid *verifiable,
			char why[CDX_MARKET_WHY_MAX])
{
	struct cdx_buf bytes = {.p = NULL};
	struct cdx_manifest m = {.tree = {0}};
	int rc = cdx_dataset_manifest(p->env->store, verifiable, &bytes);

	if (rc == 0)
		rc = cdx_buf_ok(&bytes);
	if (rc == 0)
		rc = cdx_manifest_decode(&m, bytes.p, bytes.len);
	cdx_buf_free(&bytes);
	if (rc < 0) {
		snprintf(why, CDX_MARKET_WHY_MAX,
			 rc == -ENOENT ? "this store has no such dataset"
				       : "its manifest cannot be read");
		return rc;
	}
	rc = request_of(out, &m, verifiable, why);
	cdx_manifest_free(&m);
	return rc;
}

/* ---- work ---- */

struct purchase_work *purchase_work_new(enum purchase_work_kind kind)
{
	struct purchase_work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->kind = kind;
	cdx_list_init(&w->link);
	return w;
}

static void work_free(struct purchase_work *w)
{
	free(w->segs);
	free(w);
}

void purchase_work_give(struct cdx_purchasing *p, struct purchase_work *w)
{
	pthread_mutex_lock(&p->mu);
	cdx_list_add_tail(&p->work, &w->link);
	pthread_cond_signal(&p->cv);
	pthread_mutex_unlock(&p->mu);
}

static void give_back(struct cdx_purchasing *p, struct purchase_work *w)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&p->mu);
	cdx_list_add_tail(&p->worked, &w->link);
	pthread_mutex_unlock(&p->mu);
	/* a full counter has been rung already */
	(void)!write(p->event, &one, sizeof(one));
}

static int publish(struct cdx_purchasing *p, const struct purchase_work *w)
{
	if (w->area != 0)
		return p->has_volume ? p->volume.publish(p->volume.arg,
							 &w->verifiable)
				     : 0;
	return cdx_dataset_publish(p->env->store, &w->verifiable, true);
}

static void work(struct cdx_purchasing *p, struct purchase_work *w)
{
	switch (w->kind) {
	case PURCHASE_WORK_REQUEST:
		w->rc = purchase_request_of(p, &w->request, &w->verifiable,
					    w->why);
		break;
	case PURCHASE_WORK_PUBLISH:
		w->rc = publish(p, w);
		break;
	case PURCHASE_WORK_COMPACT:
		w->rc = p->volume.compact(p->volume.arg, w->area);
		break;
	case PURCHASE_WORK_ROUND:
		break;
	}
	if (w->rc < 0 && w->why[0] == '\0')
		snprintf(w->why, sizeof(w->why), "%s", cdx_strerror(w->rc));
	give_back(p, w);
}

/* ---- rounds ---- */

static int take_segment(void *arg, const struct cdx_market_segment *s)
{
	struct purchase_work *w = arg;
	struct cdx_market_segment *more;

	if (w->n_segs == w->room) {
		size_t room = w->room > 0 ? 2 * w->room : 16;

		more = reallocarray(w->segs, room, sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		w->segs = more;
		w->room = room;
	}
	w->segs[w->n_segs++] = *s;
	return 0;
}

/* The areas first: what is made meanwhile has a higher one */
static void look_round(struct cdx_purchasing *p, bool hurry)
{
	struct purchase_work *w = purchase_work_new(PURCHASE_WORK_ROUND);

	if (w == NULL)
		return;
	w->hurry = hurry;
	w->newest = p->volume.newest(p->volume.arg);
	w->rc = p->volume.list(p->volume.arg, take_segment, w);
	if (w->rc < 0)
		cdx_log(p->env->log, WARN, "purchasing",
			"segments cannot be listed: %s", cdx_strerror(w->rc));
	give_back(p, w);
}

static void wait_for_work(struct cdx_purchasing *p)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += p->opts.poll_s;
	while (!p->stop && !p->kicked && !p->changed &&
	       cdx_list_empty(&p->work))
		if (pthread_cond_timedwait(&p->cv, &p->mu, &until) != 0)
			return;
}

static void *thread_main(void *arg)
{
	struct cdx_purchasing *p = arg;
	struct purchase_work *w;
	bool hurry;

	pthread_mutex_lock(&p->mu);
	while (!p->stop) {
		if (!cdx_list_empty(&p->work)) {
			w = cdx_list_entry(p->work.next, struct purchase_work,
					   link);
			cdx_list_del(&w->link);
			pthread_mutex_unlock(&p->mu);
			work(p, w);
			pthread_mutex_lock(&p->mu);
			continue;
		}
		if (p->changed) {
			p->changed = false;
			pthread_mutex_unlock(&p->mu);
			p->volume.changed(p->volume.arg);
			pthread_mutex_lock(&p->mu);
			continue;
		}
		if (p->has_volume) {
			hurry = p->hurry;
			p->hurry = false;
			p->kicked = false;
			pthread_mutex_unlock(&p->mu);
			look_round(p, hurry);
			pthread_mutex_lock(&p->mu);
		}
		wait_for_work(p);
	}
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

/* ---- results, on the loop ---- */

static struct purchase_work *take_worked(struct cdx_purchasing *p)
{
	struct purchase_work *w = NULL;

	pthread_mutex_lock(&p->mu);
	if (!cdx_list_empty(&p->worked)) {
		w = cdx_list_entry(p->worked.next, struct purchase_work, link);
		cdx_list_del(&w->link);
	}
	pthread_mutex_unlock(&p->mu);
	return w;
}

static void on_worked(void *arg, int fd, uint32_t events)
{
	struct cdx_purchasing *p = arg;
	struct purchase_work *w;
	struct purchase *b;
	uint64_t rung;

	(void)events;
	(void)!read(fd, &rung, sizeof(rung));
	while ((w = take_worked(p)) != NULL) {
		switch (w->kind) {
		case PURCHASE_WORK_PUBLISH:
			b = purchase_find(p, &w->id);
			if (b != NULL)
				purchase_published(b, w->rc, w->why);
			break;
		case PURCHASE_WORK_REQUEST:
		case PURCHASE_WORK_COMPACT:
			purchase_worked(p, w);
			break;
		case PURCHASE_WORK_ROUND:
			purchase_round(p, w);
			break;
		}
		work_free(w);
	}
}

int purchase_thread_begin(struct cdx_purchasing *p)
{
	pthread_condattr_t attr;
	int rc;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->cv, &attr);
	pthread_condattr_destroy(&attr);
	p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = p->event < 0 ? -errno
			  : cdx_loop_io_add(p->env->loop, &p->io, p->event,
					    EPOLLIN, on_worked, p);
	if (rc == 0)
		rc = -pthread_create(&p->thread, NULL, thread_main, p);
	p->has_thread = rc == 0;
	if (rc < 0)
		pthread_cond_destroy(&p->cv);
	return rc;
}

static void drop_all(struct cdx_list *list)
{
	cdx_list_foreach_safe(pos, tmp, list)
		work_free(cdx_list_entry(pos, struct purchase_work, link));
	cdx_list_init(list);
}

void purchase_thread_end(struct cdx_purchasing *p)
{
	if (p->has_thread) {
		pthread_mutex_lock(&p->mu);
		p->stop = true;
		pthread_cond_signal(&p->cv);
		pthread_mutex_unlock(&p->mu);
		pthread_join(p->thread, NULL);
		pthread_cond_destroy(&p->cv);
	}
	cdx_loop_io_del(p->io);
	cdx_closep(&p->event);
	drop_all(&p->work);
	drop_all(&p->worked);
}

void cdx_purchasing_hurry(struct cdx_purchasing *p)
{
	pthread_mutex_lock(&p->mu);
	p->hurry = true;
	p->kicked = true;
	pthread_cond_signal(&p->cv);
	pthread_mutex_unlock(&p->mu);
}
