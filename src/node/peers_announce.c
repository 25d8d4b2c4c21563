/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/await.h"
#include "base/bytes.h"
#include "base/err.h"
#include "dataset/manifest.h"
#include "node/peers_internal.h"
#include "store/cache.h"
#include "store/dataset_store.h"
#include "store/protection.h"

/* Of one turn of the loop */
#define AT_ONCE 128u

/* ---- the set ---- */

void cdx_announced_free(struct announced_set *set)
{
	free(set->v);
	memset(set, 0, sizeof(*set));
}

static int by_manifest(const void *a, const void *b)
{
	const struct announced *x = a;
	const struct announced *y = b;

	return memcmp(x->manifest.digest, y->manifest.digest,
		      sizeof(x->manifest.digest));
}

static struct announced *find(const struct announced_set *set,
			      const struct cdx_cid *manifest)
{
	struct announced key = {.manifest = *manifest};

	return set->n == 0 ? NULL
			   : bsearch(&key, set->v, set->n, sizeof(key),
				     by_manifest);
}

static struct announced *append(struct announced_set *set)
{
	struct announced *more;
	size_t cap;

	if (set->n == set->cap) {
		cap = set->cap == 0 ? 64 : 2 * set->cap;
		more = realloc(set->v, cap * sizeof(*more));
		if (more == NULL)
			return NULL;
		set->v = more;
		set->cap = cap;
	}
	more = &set->v[set->n++];
	memset(more, 0, sizeof(*more));
	return more;
}

/* ---- what is here ---- */

/* One look at the store */
struct scan {
	struct cdx_peers *p;
	struct announced_set set; /* sorted once the store's own are in it */
	size_t own;		  /* of them */
};

/* Private ones too: a copy in the cache does not make them public. */
static int on_dataset(void *arg, const struct cdx_dataset_info *info,
		      const struct cdx_manifest *m CDX_UNUSED)
{
	struct scan *s = arg;
	struct announced *a;

	if (cdx_peers_stopping(s->p))
		return -ECANCELED;
	if (info->kind == CDX_DATASET_PROTECTED)
		return 0;
	a = append(&s->set);
	if (a == NULL)
		return -ENOMEM;
	a->manifest = info->cid;
	a->tree = info->tree;
	if (cdx_dataset_is_public(info) && !info->dropping)
		a->holding = CDX_HOLDS_ALL;
	return 0;
}

static void set_holding(struct scan *s, const struct cdx_digest *manifest,
			enum cdx_holding holding, uint32_t slots)
{
	const struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, manifest);
	struct announced *a = find(&s->set, &cid);

	if (a == NULL || a->holding == 0)
		return;
	a->holding = holding;
	for (unsigned i = 0; i < 32; i++)
		if ((slots & UINT32_C(1) << i) != 0)
			a->slots.b[i / 8] |= (uint8_t)(1u << i % 8);
}

/* Slots that were evicted or are damaged are not offered. */
static int on_protection(void *arg, const struct cdx_protection *pr)
{
	uint32_t columns = pr->k + pr->m;
	uint32_t all =
		columns >= 32 ? UINT32_MAX : (UINT32_C(1) << columns) - 1;
	uint32_t data = pr->k >= 32 ? UINT32_MAX : (UINT32_C(1) << pr->k) - 1;
	uint32_t gone = (pr->absent | pr->damaged) & all;

	if (pr->state != CDX_PROTECTION_DONE || gone == 0)
		return 0;
	set_holding(arg, &pr->verifiable,
		    gone == all ? CDX_HOLDS_NOTHING : CDX_HOLDS_SLOTS,
		    all & ~gone);
	if ((gone & data) != 0)
		set_holding(arg, &pr->plain,
			    gone == all ? CDX_HOLDS_NOTHING : CDX_HOLDS_SOME,
			    0);
	return 0;
}

/* The tree of a manifest that the cache has */
static int tree_of(struct scan *s, struct cdx_cid *out,
		   const struct cdx_cid *manifest)
{
	const struct announced *before = find(&s->p->now, manifest);
	struct cdx_buf b = {0};
	struct cdx_digest d;
	struct cdx_manifest m;
	int rc;

	if (before != NULL) {
		*out = before->tree;
		return 0;
	}
	memcpy(d.b, manifest->digest, sizeof(d.b));
	rc = cdx_cache_get_manifest(s->p->store, &b, &d);
	if (rc == 0)
		rc = cdx_manifest_decode(&m, b.p, b.len);
	if (rc == 0) {
		*out = m.tree;
		cdx_manifest_free(&m);
	}
	cdx_buf_free(&b);
	return rc;
}

static int on_cached(void *arg, const struct cdx_cid *cid)
{
	struct scan *s = arg;
	const struct announced_set own = {.v = s->set.v, .n = s->own};
	struct cdx_cid tree;
	struct announced *a;

	if (cdx_peers_stopping(s->p))
		return -ECANCELED;
	/* it may be gone again, or of a kind that we do not know */
	if (find(&own, cid) != NULL || tree_of(s, &tree, cid) < 0)
		return 0;
	a = append(&s->set);
	if (a == NULL)
		return -ENOMEM;
	a->manifest = *cid;
	a->tree = tree;
	a->holding = CDX_HOLDS_SOME;
	return 0;
}

static int look(struct scan *s)
{
	int rc = cdx_dataset_list(s->p->store, on_dataset, s);

	if (rc < 0)
		return rc;
	s->own = s->set.n;
	if (s->own > 0)
		qsort(s->set.v, s->own, sizeof(*s->set.v), by_manifest);
	rc = cdx_protection_list(s->p->store, 0, on_protection, s);
	if (rc == 0)
		rc = cdx_cache_list(s->p->store, on_cached, s);
	if (rc == 0 && s->set.n > 0)
		qsort(s->set.v, s->set.n, sizeof(*s->set.v), by_manifest);
	return rc;
}

/* ---- telling it ---- */

/* Keys of one turn of the loop */
struct turn {
	struct cdx_peers *p;
	const struct announced **trees; /* of what is here now; by_tree */
	size_t n_trees;
	struct {
		const struct cdx_cid *cid;
		enum cdx_holding holding;
		const struct cdx_slot_set *slots;
	} key[AT_ONCE];
	size_t n;
	int rc;
};

static void tell(void *arg, struct cdx_await *a)
{
	struct turn *t = arg;
	int rc = 0;

	for (size_t i = 0; i < t->n && rc == 0; i++)
		rc = cdx_discovery_announce(t->p->discovery, t->key[i].cid,
					    t->key[i].holding,
					    t->key[i].holding == CDX_HOLDS_SLOTS
						    ? t->key[i].slots
						    : NULL);
	cdx_await_done(a, rc);
}

static void flush(struct turn *t)
{
	if (t->n > 0 && t->rc == 0)
		t->rc = cdx_await(t->p->loop, tell, t);
	t->n = 0;
}

static void put(struct turn *t, const struct cdx_cid *cid,
		const struct announced *as)
{
	t->key[t->n].cid = cid;
	t->key[t->n].holding = as == NULL ? CDX_HOLDS_NOTHING : as->holding;
	t->key[t->n].slots = as == NULL ? NULL : &as->slots;
	if (++t->n == AT_ONCE)
		flush(t);
}

/* Of one tree the fullest copy first */
static int by_tree(const void *a, const void *b)
{
	const struct announced *x = *(const struct announced *const *)a;
	const struct announced *y = *(const struct announced *const *)b;
	int c = memcmp(x->tree.digest, y->tree.digest, sizeof(x->tree.digest));

	return c != 0 ? c : (int)x->holding - (int)y->holding;
}

/* Several manifests may name one tree: a name or a type makes another. */
static const struct announced *best_of(const struct turn *t,
				       const struct cdx_cid *tree)
{
	size_t lo = 0;
	size_t hi = t->n_trees;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(t->trees[mid]->tree.digest, tree->digest,
			   sizeof(tree->digest)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n_trees && cdx_cid_equal(&t->trees[lo]->tree, tree)
		       ? t->trees[lo]
		       : NULL;
}

/* @as: what is to be said of @one now; NULL: it is gone */
static void change(struct turn *t, const struct announced *one,
		   const struct announced *as)
{
	put(t, &one->manifest, as);
	put(t, &one->tree, best_of(t, &one->tree));
}

static bool is_told(const struct announced *a)
{
	return a != NULL && a->holding != 0 && a->holding != CDX_HOLDS_NOTHING;
}

static void tell_changes(struct turn *t, const struct announced_set *old,
			 const struct announced_set *now)
{
	for (size_t i = 0; i < old->n; i++)
		if (is_told(&old->v[i]) &&
		    !is_told(find(now, &old->v[i].manifest)))
			change(t, &old->v[i], NULL);
	for (size_t i = 0; i < now->n; i++) {
		const struct announced *one = &now->v[i];
		const struct announced *was = find(old, &one->manifest);

		if (is_told(one) &&
		    (!is_told(was) || was->holding != one->holding ||
		     memcmp(&was->slots, &one->slots, sizeof(one->slots)) != 0))
			change(t, one, one);
	}
	flush(t);
}

static int sort_trees(struct turn *t, const struct announced_set *now)
{
	if (now->n == 0)
		return 0;
	t->trees = calloc(now->n, sizeof(const struct announced *));
	if (t->trees == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < now->n; i++)
		if (is_told(&now->v[i]))
			t->trees[t->n_trees++] = &now->v[i];
	qsort(t->trees, t->n_trees, sizeof(const struct announced *), by_tree);
	return 0;
}

void cdx_peers_scan(struct cdx_peers *p)
{
	struct scan s = {.p = p};
	struct turn t = {.p = p};
	int rc = look(&s);

	if (rc == 0)
		rc = sort_trees(&t, &s.set);
	if (rc == 0) {
		tell_changes(&t, &p->now, &s.set);
		rc = t.rc;
	}
	free(t.trees);
	if (rc == 0) {
		cdx_announced_free(&p->now);
		p->now = s.set;
		return;
	}
	cdx_announced_free(&s.set);
	if (rc == -ECANCELED)
		return;
	cdx_log(p->log, ERROR, "peers",
		"what this store has cannot be announced: %s",
		cdx_strerror(rc));
}
