/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/persist_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

/* loop-confined */
struct cdx_persist_memory {
	struct cdx_persist calls;
	struct cdx_loop *loop;
	struct cdx_loop_timer *timer; /* tells who waits */
	struct cdx_list entries;      /* in the order of their keys */
	struct cdx_list waiting;
	struct cdx_list telling; /* those of this turn */
	/* freed from within a callback: memory goes after it */
	bool calling;
	bool dead;
};

struct entry {
	struct cdx_list node;
	void *val;
	size_t len;
	char key[];
};

struct wait {
	struct cdx_list node;
	cdx_persist_fn *fn;
	void *arg;
};

static void drop_waits(struct cdx_list *list, const void *arg, bool all)
{
	cdx_list_foreach_safe(pos, tmp, list) {
		struct wait *w = cdx_list_entry(pos, struct wait, node);

		if (!all && w->arg != arg)
			continue;
		cdx_list_del(pos);
		free(w);
	}
}

static void on_timer(void *arg)
{
	struct cdx_persist_memory *m = arg;

	cdx_loop_timer_del(m->timer);
	m->timer = NULL;
	/* what a callback asks for comes in the next turn */
	cdx_list_foreach_safe(pos, tmp, &m->waiting) {
		cdx_list_del(pos);
		cdx_list_add_tail(&m->telling, pos);
	}
	m->calling = true;
	while (!cdx_list_empty(&m->telling)) {
		struct wait *w =
			cdx_list_entry(m->telling.next, struct wait, node);
		struct wait it = *w;

		cdx_list_del(&w->node);
		free(w);
		it.fn(it.arg, 0);
	}
	m->calling = false;
	if (m->dead)
		cdx_persist_memory_free(m);
}

/* Before a change, so that it can be refused */
static int add_wait(struct cdx_persist_memory *m, cdx_persist_fn *fn, void *arg)
{
	struct wait *w;

	if (!fn)
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	if (!m->timer &&
	    cdx_loop_timer_add(m->loop, &m->timer, 0, 0, on_timer, m) != 0) {
		free(w);
		return -ENOMEM;
	}
	w->fn = fn;
	w->arg = arg;
	cdx_list_add_tail(&m->waiting, &w->node);
	return 0;
}

/* The first entry whose key is not below @key; the list's head when there is
 * none */
static struct cdx_list *find(struct cdx_persist_memory *m, const char *key)
{
	cdx_list_foreach(pos, &m->entries) {
		if (strcmp(cdx_list_entry(pos, struct entry, node)->key, key) >=
		    0)
			return pos;
	}
	return &m->entries;
}

static bool is_at(struct cdx_persist_memory *m, struct cdx_list *pos,
		  const char *key)
{
	return pos != &m->entries &&
	       strcmp(cdx_list_entry(pos, struct entry, node)->key, key) == 0;
}

static void entry_free(struct cdx_list *pos)
{
	struct entry *e = cdx_list_entry(pos, struct entry, node);

	cdx_list_del(pos);
	free(e->val);
	free(e);
}

static struct entry *entry_new(const char *key, const void *val, size_t len)
{
	size_t key_len = strlen(key) + 1;
	struct entry *e = calloc(1, sizeof(*e) + key_len);

	if (!e)
		return NULL;
	e->val = malloc(len ? len : 1);
	if (!e->val) {
		free(e);
		return NULL;
	}
	if (len)
		memcpy(e->val, val, len);
	e->len = len;
	memcpy(e->key, key, key_len);
	return e;
}

static int put(void *arg, const char *key, const void *val, size_t len,
	       cdx_persist_fn *fn, void *fn_arg)
{
	struct cdx_persist_memory *m = arg;
	struct cdx_list *pos;
	struct entry *e;

	if (strlen(key) > CDX_PERSIST_KEY_MAX)
		return -EINVAL;
	if (len > CDX_PERSIST_VAL_MAX)
		return -E2BIG;
	e = entry_new(key, val, len);
	if (!e || add_wait(m, fn, fn_arg) != 0) {
		if (e) {
			cdx_list_init(&e->node);
			entry_free(&e->node);
		}
		return -ENOMEM;
	}
	pos = find(m, key);
	/* before the one that it takes the place of */
	cdx_list_add_tail(pos, &e->node);
	if (is_at(m, pos, key))
		entry_free(pos);
	return 0;
}

static int del(void *arg, const char *key, cdx_persist_fn *fn, void *fn_arg)
{
	struct cdx_persist_memory *m = arg;
	struct cdx_list *pos = find(m, key);

	if (add_wait(m, fn, fn_arg) != 0)
		return -ENOMEM;
	if (is_at(m, pos, key))
		entry_free(pos);
	return 0;
}

static int list(void *arg, const char *prefix,
		int (*each)(void *each_arg, const char *key, const void *val,
			    size_t len),
		void *each_arg)
{
	struct cdx_persist_memory *m = arg;
	size_t len = strlen(prefix);

	for (struct cdx_list *pos = find(m, prefix); pos != &m->entries;
	     pos = pos->next) {
		const struct entry *e = cdx_list_entry(pos, struct entry, node);
		int rc;

		if (strncmp(e->key, prefix, len) != 0)
			break;
		rc = each(each_arg, e->key, e->val, e->len);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void forget(void *arg, void *fn_arg)
{
	struct cdx_persist_memory *m = arg;

	drop_waits(&m->waiting, fn_arg, false);
	drop_waits(&m->telling, fn_arg, false);
}

int cdx_persist_memory_new(struct cdx_persist_memory **out,
			   struct cdx_loop *loop)
{
	struct cdx_persist_memory *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->loop = loop;
	m->calls = (struct cdx_persist){.put = put,
					.del = del,
					.list = list,
					.forget = forget,
					.arg = m};
	cdx_list_init(&m->entries);
	cdx_list_init(&m->waiting);
	cdx_list_init(&m->telling);
	*out = m;
	return 0;
}

void cdx_persist_memory_free(struct cdx_persist_memory *m)
{
	if (!m)
		return;
	drop_waits(&m->waiting, NULL, true);
	drop_waits(&m->telling, NULL, true);
	m->dead = true;
	if (m->calling)
		return;
	cdx_list_foreach_safe(pos, tmp, &m->entries)
		entry_free(pos);
	cdx_loop_timer_del(m->timer);
	free(m);
}

const struct cdx_persist *cdx_persist_memory(struct cdx_persist_memory *m)
{
	return &m->calls;
}
