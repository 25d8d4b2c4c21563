/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/leaf_page.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "store/held.h"

/* ---- leaves by their index in the dataset's own tree ---- */

/* A dataset's leaves: up to three runs, data, padding and parity */
struct leaves {
	struct cdx_store *s;
	uint64_t n;
	uint64_t data;	 /* below this: records of @base */
	uint64_t parity; /* from here on: of @id; in between there are none */
	uint64_t base;
	uint64_t id;
	bool held; /* adopted (held.h): most of them are not here */
};

static int leaves_of(struct cdx_store *s, const struct cdx_dataset_info *info,
		     struct leaves *out)
{
	struct cdx_protection p;
	int rc;

	memset(out, 0, sizeof(*out));
	out->s = s;
	out->base = info->base;
	out->id = info->dsid;
	if (info->kind == CDX_DATASET_PLAIN) {
		out->n = info->blocks;
		out->data = info->blocks;
		out->parity = info->blocks;
		return 0;
	}
	rc = cdx_protection_of(s, info, &p);
	if (rc < 0)
		return rc;
	out->held = cdx_held_is(&p);
	out->n = p.steps * (p.k + p.m);
	out->data = p.blocks;
	out->parity = p.steps * p.k;
	return 0;
}

/* @n leaves of one id from @first on, which must all be there. */
static int read_run(struct cdx_store *s, uint64_t id, uint64_t first, size_t n,
		    struct cdx_digest *out)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	struct cdx_leaf leaf;
	uint8_t from[12];
	uint32_t index;
	int rc;

	cdx_put_be64(from, id);
	cdx_put_be32(from + 8, (uint32_t)first);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_LEAF, from, 8, from, sizeof(from));
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			return rc < 0 ? rc : -ENOENT;
		rc = cdx_leaf_decode(&leaf, &index, &pair);
		if (rc < 0)
			return rc;
		if (index != first + i)
			return -ENOENT;
		out[i] = leaf.digest;
	}
	return 0;
}

/* The part of [first, first + n) below @end; moves it along. */
static size_t part(uint64_t *first, size_t *n, uint64_t end)
{
	size_t len;

	if (*first >= end)
		return 0;
	len = end - *first < *n ? (size_t)(end - *first) : *n;
	*first += len;
	*n -= len;
	return len;
}

/* @n leaves from @first on, all of the tree */
static int read_leaves(const struct leaves *l, uint64_t first, size_t n,
		       struct cdx_digest *out)
{
	uint64_t at = first;
	size_t len = part(&first, &n, l->data);
	int rc = 0;

	if (len > 0)
		rc = read_run(l->s, l->base, at, len, out);
	out += len;
	len = part(&first, &n, l->parity);
	for (size_t i = 0; i < len; i++)
		*out++ = cdx_digest_empty;
	if (n > 0 && rc == 0)
		rc = read_run(l->s, l->id, first, n, out);
	return rc;
}

int cdx_dataset_leaf(struct cdx_store *s, const struct cdx_dataset_info *info,
		     uint64_t index, struct cdx_digest *out)
{
	struct leaves l;
	int rc;

	rc = leaves_of(s, info, &l);
	if (rc < 0)
		return rc;
	return index < l.n ? read_leaves(&l, index, 1, out) : -ENOENT;
}

int cdx_dataset_leaves(struct cdx_store *s, const struct cdx_dataset_info *info,
		       uint64_t *out)
{
	struct leaves l;
	int rc;

	rc = leaves_of(s, info, &l);
	if (rc == 0)
		*out = l.n;
	return rc;
}

/* ---- kept roots ---- */

/* The upper layers of one dataset's tree.  Ids are never used twice, and what
 * one means never changes. */
struct tree {
	struct cdx_list node; /* most lately used first */
	uint64_t id;
	bool ready; /* else a thread is at it */
	size_t bytes;
	struct cdx_digest *nodes;
};

/* A page that was made lately: who reads a dataset asks for parts of one page one
 * after the other, and making it costs more than sending some of its blocks. */
struct made {
	uint64_t id;
	uint64_t used; /* 0: there is none */
	struct cdx_tree_page page;
};
#define MADE_MAX 16u

struct cdx_leaf_pages {
	struct cdx_store *s;
	size_t max;
	pthread_mutex_t mu;
	pthread_cond_t built;	    /* a tree is ready, or was given up */
	struct cdx_list trees;	    /* guarded by mu */
	size_t bytes;		    /* guarded by mu */
	uint64_t uses;		    /* guarded by mu */
	struct made made[MADE_MAX]; /* guarded by mu */
};

int cdx_leaf_pages_new(struct cdx_leaf_pages **out, struct cdx_store *s,
		       size_t bytes)
{
	struct cdx_leaf_pages *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->s = s;
	p->max = bytes;
	(void)pthread_mutex_init(&p->mu, NULL);
	(void)pthread_cond_init(&p->built, NULL);
	cdx_list_init(&p->trees);
	*out = p;
	return 0;
}

static void tree_free(struct tree *t)
{
	free(t->nodes);
	free(t);
}

void cdx_leaf_pages_free(struct cdx_leaf_pages *p)
{
	if (p == NULL)
		return;
	while (!cdx_list_empty(&p->trees)) {
		struct tree *t =
			cdx_list_entry(p->trees.next, struct tree, node);

		cdx_list_del(&t->node);
		tree_free(t);
	}
	(void)pthread_cond_destroy(&p->built);
	(void)pthread_mutex_destroy(&p->mu);
	free(p);
}

/* Caller holds mu. */
static struct tree *find(struct cdx_leaf_pages *p, uint64_t id)
{
	struct cdx_list *at;

	for (at = p->trees.next; at != &p->trees; at = at->next) {
		struct tree *t = cdx_list_entry(at, struct tree, node);

		if (t->id == id)
			return t;
	}
	return NULL;
}

/* The least lately used ones go, but for the first and those that are being
 * built.  Caller holds mu. */
static void shrink(struct cdx_leaf_pages *p)
{
	struct cdx_list *at = p->trees.prev;

	while (p->bytes > p->max && at != &p->trees && at != p->trees.next) {
		struct tree *t = cdx_list_entry(at, struct tree, node);

		at = at->prev;
		if (!t->ready)
			continue;
		cdx_list_del(&t->node);
		p->bytes -= t->bytes;
		tree_free(t);
	}
}

/* Roots of all pages, then what is above them; no lock held. */
static int build(struct tree *t, const struct leaves *l,
		 const struct cdx_digest *root)
{
	struct cdx_digest leaf[CDX_TREE_PAGE];
	uint64_t nodes = cdx_tree_page_nodes(l->n);
	int rc;

	t->bytes = (size_t)nodes * sizeof(t->nodes[0]);
	t->nodes = malloc(t->bytes);
	if (t->nodes == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < cdx_tree_pages(l->n); i++) {
		rc = read_leaves(l, i * CDX_TREE_PAGE,
				 cdx_tree_page_leaves(l->n, (uint32_t)i), leaf);
		if (rc < 0)
			return rc;
		cdx_tree_page_root(&t->nodes[i], leaf, l->n, (uint32_t)i);
	}
	cdx_tree_page_climb(t->nodes, l->n);
	return memcmp(&t->nodes[nodes - 1], root, sizeof(*root)) == 0
		       ? 0
		       : CDX_E_CORRUPT;
}

/* Makes the entry and what is in it.  Caller holds mu, and holds it again. */
static int add_tree(struct cdx_leaf_pages *p, struct tree **out,
		    const struct leaves *l, uint64_t id,
		    const struct cdx_digest *root)
{
	struct tree *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return -ENOMEM;
	t->id = id;
	cdx_list_add(&p->trees, &t->node);
	(void)pthread_mutex_unlock(&p->mu);
	rc = build(t, l, root);
	(void)pthread_mutex_lock(&p->mu);
	(void)pthread_cond_broadcast(&p->built);
	cdx_list_del(&t->node);
	if (rc < 0) {
		tree_free(t);
		return rc;
	}
	cdx_list_add(&p->trees, &t->node);
	t->ready = true;
	p->bytes += t->bytes;
	shrink(p);
	*out = t;
	return 0;
}

/* Path of a page, and its root for comparison */
static int path_of(struct cdx_leaf_pages *p, struct cdx_tree_page *out,
		   struct cdx_digest *own, const struct leaves *l, uint64_t id,
		   const struct cdx_digest *root)
{
	struct tree *t;
	int rc = 0;

	(void)pthread_mutex_lock(&p->mu);
	while ((t = find(p, id)) != NULL && !t->ready)
		(void)pthread_cond_wait(&p->built, &p->mu);
	if (t == NULL)
		rc = add_tree(p, &t, l, id, root);
	if (rc == 0) {
		cdx_list_del(&t->node);
		cdx_list_add(&p->trees, &t->node);
		*own = t->nodes[out->page];
		rc = cdx_tree_page_path(out->path, t->nodes, l->n, out->page);
	}
	(void)pthread_mutex_unlock(&p->mu);
	return rc;
}

static bool made_get(struct cdx_leaf_pages *p, uint64_t id, uint32_t page,
		     struct cdx_tree_page *out)
{
	bool found = false;

	(void)pthread_mutex_lock(&p->mu);
	for (size_t i = 0; i < MADE_MAX && !found; i++) {
		struct made *m = &p->made[i];

		found = m->used != 0 && m->id == id && m->page.page == page;
		if (found) {
			m->used = ++p->uses;
			*out = m->page;
		}
	}
	(void)pthread_mutex_unlock(&p->mu);
	return found;
}

static void made_put(struct cdx_leaf_pages *p, uint64_t id,
		     const struct cdx_tree_page *page)
{
	struct made *oldest = &p->made[0];

	(void)pthread_mutex_lock(&p->mu);
	for (size_t i = 1; i < MADE_MAX; i++) {
		if (p->made[i].used < oldest->used)
			oldest = &p->made[i];
	}
	oldest->id = id;
	oldest->used = ++p->uses;
	oldest->page = *page;
	(void)pthread_mutex_unlock(&p->mu);
}

static int make_page(struct cdx_leaf_pages *p,
		     const struct cdx_dataset_info *info, uint32_t page,
		     struct cdx_tree_page *out)
{
	struct cdx_digest want;
	struct cdx_digest root;
	struct leaves l;
	int rc;

	rc = leaves_of(p->s, info, &l);
	if (rc < 0)
		return rc;
	if (page >= cdx_tree_pages(l.n) || info->tree.len != sizeof(root.b))
		return -ENOENT;
	if (l.held)
		return cdx_held_page(p->s, info, page, out);
	out->leaves = l.n;
	out->page = page;
	out->n = cdx_tree_page_leaves(l.n, page);
	out->path_len = cdx_tree_page_depth(l.n);
	memcpy(root.b, info->tree.digest, sizeof(root.b));
	want = root;
	rc = read_leaves(&l, (uint64_t)page * CDX_TREE_PAGE, out->n, out->leaf);
	if (rc == 0 && out->path_len > 0)
		rc = path_of(p, out, &want, &l, info->dsid, &root);
	if (rc < 0)
		return rc;
	/* others would take a false one for a lie */
	cdx_tree_page_root(&root, out->leaf, l.n, page);
	return memcmp(&root, &want, sizeof(root)) == 0 ? 0 : CDX_E_CORRUPT;
}

int cdx_leaf_page(struct cdx_leaf_pages *p, const struct cdx_dataset_info *info,
		  uint32_t page, struct cdx_tree_page *out)
{
	int rc;

	if (made_get(p, info->dsid, page, out))
		return 0;
	rc = make_page(p, info, page, out);
	if (rc == 0)
		made_put(p, info->dsid, out);
	return rc;
}
