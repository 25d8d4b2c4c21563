/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "store/internal.h"

/* The owner of the data may go away before the store does: calls of its hooks
 * are counted, and taking them back waits until none is under way. */

static struct cdx_store_hooks enter(struct cdx_store *s)
{
	struct cdx_store_hooks h;

	pthread_mutex_lock(&s->mu);
	h = s->hooks;
	s->hooks_busy++;
	pthread_mutex_unlock(&s->mu);
	return h;
}

static void leave(struct cdx_store *s)
{
	pthread_mutex_lock(&s->mu);
	s->hooks_busy--;
	pthread_cond_broadcast(&s->log_cv);
	pthread_mutex_unlock(&s->mu);
}

int cdx_hooks_prepare(struct cdx_store *s)
{
	struct cdx_store_hooks h = enter(s);
	int r = h.prepare ? h.prepare(s->hooks_arg) : 0;

	leave(s);
	return r;
}

int cdx_hooks_prelog(struct cdx_store *s)
{
	struct cdx_store_hooks h = enter(s);
	bool was;
	int r = 0;

	if (h.prelog) {
		was = cdx_store_set_in_hook(true);
		r = h.prelog(s->hooks_arg);
		(void)cdx_store_set_in_hook(was);
	}
	leave(s);
	return r;
}

bool cdx_hooks_gate_locked(struct cdx_store *s)
{
	return s->hooks.gate && s->hooks.gate(s->hooks_arg);
}

void cdx_hooks_committed(struct cdx_store *s, uint64_t group)
{
	struct cdx_store_hooks h = enter(s);

	if (h.committed)
		h.committed(s->hooks_arg, group);
	leave(s);
}

void cdx_store_unhook(struct cdx_store *s)
{
	pthread_mutex_lock(&s->mu);
	memset(&s->hooks, 0, sizeof(s->hooks));
	while (s->hooks_busy > 0)
		pthread_cond_wait(&s->log_cv, &s->mu);
	pthread_mutex_unlock(&s->mu);
}
