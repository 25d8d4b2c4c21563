/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>

int cdx_view_new(struct cdx_view **out, struct cdx_memtable *fill,
		 struct cdx_memtable *frozen)
{
	struct cdx_view *v = malloc(sizeof(*v));

	if (!v)
		return -ENOMEM;
	atomic_init(&v->refs, 1);
	v->fill = cdx_memtable_ref(fill);
	v->frozen = frozen ? cdx_memtable_ref(frozen) : NULL;
	*out = v;
	return 0;
}

struct cdx_view *cdx_view_get(struct cdx_store *s)
{
	struct cdx_view *v;

	pthread_mutex_lock(&s->view_mu);
	v = s->view;
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&s->view_mu);
	return v;
}

int cdx_view_get_txn(struct cdx_store *s, struct cdx_view **out, MDB_txn **txn)
{
	int r;

	/* One moment for both: a group that is published between them would
	 * be seen in LMDB beside the older memtable. */
	pthread_mutex_lock(&s->view_mu);
	r = cdx_env_read_begin(&s->env, txn);
	if (!r) {
		*out = s->view;
		atomic_fetch_add_explicit(&s->view->refs, 1,
					  memory_order_relaxed);
	}
	pthread_mutex_unlock(&s->view_mu);
	return r;
}

void cdx_view_put(struct cdx_view *v)
{
	if (!v ||
	    atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	cdx_memtable_unref(v->fill);
	cdx_memtable_unref(v->frozen);
	free(v);
}

void cdx_view_publish(struct cdx_store *s, struct cdx_view *v)
{
	struct cdx_view *old;

	pthread_mutex_lock(&s->view_mu);
	old = s->view;
	s->view = v;
	pthread_mutex_unlock(&s->view_mu);
	cdx_view_put(old);
}
