/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/chain_persist.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "base/list.h"
#include "store/kv.h"

/* One change that somebody waits for */
struct waiter {
	struct cdx_list link;
	cdx_persist_fn *fn;
	void *arg;
	int err;
};

struct cdx_chain_persist {
	struct cdx_persist ops;	 /* immutable */
	struct cdx_store *store; /* immutable */
	int event;		 /* immutable: rung when something is flushed */
	struct cdx_loop_io *io;	 /* loop-confined */
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t cv;
	struct cdx_list waiting;  /* guarded by mu: for the next flush */
	struct cdx_list flushing; /* guarded by mu: of the one under way */
	struct cdx_list flushed;  /* guarded by mu: to be told, on the loop */
	bool dirty;		  /* guarded by mu: a flush is wanted */
	bool stop;		  /* guarded by mu */
};

static struct waiter *take_first(struct cdx_list *list)
{
	struct waiter *w;

	if (cdx_list_empty(list))
		return NULL;
	w = CDX_CONTAINER(list->next, struct waiter, link);
	cdx_list_del(&w->link);
	return w;
}

static void drop_all(struct cdx_list *list)
{
	struct waiter *w = take_first(list);

	while (w != NULL) {
		free(w);
		w = take_first(list);
	}
}

static void move_all(struct cdx_list *to, struct cdx_list *from, int err)
{
	struct waiter *w;

	while ((w = take_first(from)) != NULL) {
		w->err = err;
		cdx_list_add_tail(to, &w->link);
	}
}

/* ---- the thread that flushes ---- */

static void *flush_main(void *arg)
{
	struct cdx_chain_persist *p = arg;
	const uint64_t one = 1;
	int rc;

	pthread_mutex_lock(&p->mu);
	for (;;) {
		while (!p->dirty && !p->stop)
			pthread_cond_wait(&p->cv, &p->mu);
		if (!p->dirty)
			break;
		p->dirty = false;
		move_all(&p->flushing, &p->waiting, 0);
		pthread_mutex_unlock(&p->mu);
		/* all changes of before are in it, those of others too */
		rc = cdx_store_log_sync(p->store);
		pthread_mutex_lock(&p->mu);
		move_all(&p->flushed, &p->flushing, rc);
		/* a full counter has been rung already */
		(void)!write(p->event, &one, sizeof(one));
	}
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

/* On the loop: one after the other, since each may forget others */
static void tell(void *arg, int fd, uint32_t events CDX_UNUSED)
{
	struct cdx_chain_persist *p = arg;
	struct waiter *w;
	uint64_t rung;

	(void)!read(fd, &rung, sizeof(rung));
	for (;;) {
		pthread_mutex_lock(&p->mu);
		w = take_first(&p->flushed);
		pthread_mutex_unlock(&p->mu);
		if (w == NULL)
			return;
		w->fn(w->arg, w->err);
		free(w);
	}
}

/* ---- calls ---- */

static int change(struct cdx_chain_persist *p, const char *key, const void *val,
		  size_t len, cdx_persist_fn *fn, void *fn_arg)
{
	struct cdx_batch *b = NULL;
	struct waiter *w = NULL;
	int rc;

	if (strlen(key) > CDX_PERSIST_KEY_MAX || len > CDX_PERSIST_VAL_MAX)
		return -E2BIG;
	if (fn != NULL) {
		w = malloc(sizeof(*w));
		if (w == NULL)
			return -ENOMEM;
		w->fn = fn;
		w->arg = fn_arg;
	}
	rc = cdx_batch_new(&b, p->store);
	if (rc == 0) {
		if (val != NULL)
			cdx_batch_put(b, CDX_DB_META, key, strlen(key), val,
				      len);
		else
			cdx_batch_del(b, CDX_DB_META, key, strlen(key));
		rc = cdx_batch_apply(b);
	}
	if (rc < 0) {
		free(w);
		return rc;
	}
	pthread_mutex_lock(&p->mu);
	if (w != NULL)
		cdx_list_add_tail(&p->waiting, &w->link);
	p->dirty = true;
	pthread_cond_signal(&p->cv);
	pthread_mutex_unlock(&p->mu);
	return 0;
}

static int put(void *arg, const char *key, const void *val, size_t len,
	       cdx_persist_fn *fn, void *fn_arg)
{
	/* an empty value is a value */
	return change(arg, key, len == 0 ? "" : val, len, fn, fn_arg);
}

static int del(void *arg, const char *key, cdx_persist_fn *fn, void *fn_arg)
{
	return change(arg, key, NULL, 0, fn, fn_arg);
}

static int list(void *arg, const char *prefix,
		int (*each)(void *each_arg, const char *key, const void *val,
			    size_t len),
		void *each_arg)
{
	struct cdx_chain_persist *p = arg;
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	char key[CDX_PERSIST_KEY_MAX + 1];
	struct cdx_kv_pair kv;
	int rc = cdx_kv_iter_open(p->store, &it, CDX_DB_META, prefix,
				  strlen(prefix), NULL, 0);

	while (rc == 0) {
		rc = cdx_kv_iter_next(it, &kv);
		if (rc <= 0)
			return rc;
		if (kv.key_len > CDX_PERSIST_KEY_MAX)
			return CDX_E_CORRUPT;
		memcpy(key, kv.key, kv.key_len);
		key[kv.key_len] = '\0';
		rc = each(each_arg, key, kv.val, kv.val_len);
	}
	return rc;
}

static void forget_in(struct cdx_list *list_, const void *fn_arg)
{
	cdx_list_foreach_safe(pos, tmp, list_) {
		struct waiter *w = CDX_CONTAINER(pos, struct waiter, link);

		if (w->arg == fn_arg) {
			cdx_list_del(&w->link);
			free(w);
		}
	}
}

static void forget(void *arg, void *fn_arg)
{
	struct cdx_chain_persist *p = arg;

	pthread_mutex_lock(&p->mu);
	forget_in(&p->waiting, fn_arg);
	forget_in(&p->flushing, fn_arg);
	forget_in(&p->flushed, fn_arg);
	pthread_mutex_unlock(&p->mu);
}

/* ---- the object ---- */

int cdx_chain_persist_new(struct cdx_chain_persist **out,
			  struct cdx_store *store, struct cdx_loop *loop)
{
	struct cdx_chain_persist *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	p->ops = (struct cdx_persist){.put = put,
				      .del = del,
				      .list = list,
				      .forget = forget,
				      .arg = p};
	p->store = store;
	cdx_list_init(&p->waiting);
	cdx_list_init(&p->flushing);
	cdx_list_init(&p->flushed);
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->cv, NULL);
	p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = p->event < 0 ? -errno
			  : cdx_loop_io_add(loop, &p->io, p->event, EPOLLIN,
					    tell, p);
	if (rc == 0)
		rc = -pthread_create(&p->thread, NULL, flush_main, p);
	if (rc < 0) {
		cdx_loop_io_del(p->io);
		cdx_closep(&p->event);
		pthread_cond_destroy(&p->cv);
		pthread_mutex_destroy(&p->mu);
		free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void cdx_chain_persist_free(struct cdx_chain_persist *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->mu);
	p->stop = true;
	pthread_cond_signal(&p->cv);
	pthread_mutex_unlock(&p->mu);
	pthread_join(p->thread, NULL);
	cdx_loop_io_del(p->io);
	cdx_closep(&p->event);
	drop_all(&p->waiting);
	drop_all(&p->flushing);
	drop_all(&p->flushed);
	pthread_cond_destroy(&p->cv);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

const struct cdx_persist *cdx_chain_persist(struct cdx_chain_persist *p)
{
	return &p->ops;
}
