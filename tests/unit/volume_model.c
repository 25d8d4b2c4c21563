/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const vm_names[VM_NAMES] = {"a", "b", "cc", "d.tmp", "e", "\xff"};

/* ---- contents ---- */

struct vm_blob *vm_blob_new(size_t len)
{
	struct vm_blob *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->refs = 1;
	b->len = len;
	b->p = calloc(1, len + 1);
	assert_non_null(b->p);
	return b;
}

void vm_blob_drop(struct vm_blob *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	free(b->p);
	free(b);
}

/* The node's own content with @len bytes, old ones kept, new ones zero */
struct vm_blob *vm_blob_own(struct vm_node *n, size_t len)
{
	struct vm_blob *b = vm_blob_new(len);

	memcpy(b->p, n->data->p, n->data->len < len ? n->data->len : len);
	vm_blob_drop(n->data);
	n->data = b;
	n->durable = false;
	n->gated = false;
	return b;
}

void vm_copy(struct vm_model *to, const struct vm_model *from)
{
	for (int i = 0; i < VM_NODES; i++) {
		if (from->n[i].data != NULL)
			from->n[i].data->refs++;
		vm_blob_drop(to->n[i].data);
		to->n[i] = from->n[i];
	}
}

void vm_free(struct vm_model *m)
{
	for (int i = 0; i < VM_NODES; i++) {
		vm_blob_drop(m->n[i].data);
		m->n[i].data = NULL;
	}
}

/* ---- nodes ---- */

void vm_node_drop_if_dead(struct vm_node *n)
{
	if (n->nlink > 0 || n->opens > 0)
		return;
	vm_blob_drop(n->data);
	memset(n, 0, sizeof(*n));
}

int vm_node_new(struct vm_run *r, uint64_t ino, mode_t mode, int parent)
{
	for (int i = 0; i < VM_NODES; i++) {
		struct vm_node *n = &r->now.n[i];

		if (n->used)
			continue;
		memset(n, 0, sizeof(*n));
		n->used = true;
		n->ino = ino;
		n->mode = mode;
		n->nlink = S_ISDIR(mode) ? 2 : 1;
		n->parent = parent;
		for (int k = 0; k < VM_NAMES; k++)
			n->child[k] = VM_NONE;
		if (S_ISREG(mode)) {
			n->data = vm_blob_new(0);
			n->durable = true;
		}
		return i;
	}
	return VM_NONE;
}

bool vm_full(const struct vm_run *r)
{
	for (int i = 0; i < VM_NODES; i++) {
		if (!r->now.n[i].used)
			return false;
	}
	return true;
}

/* A random node of a type; 0 for any that has a name */
int vm_pick(struct vm_run *r, mode_t type)
{
	int start = (int)seed_below(&r->rnd, VM_NODES);

	for (int k = 0; k < VM_NODES; k++) {
		int i = (start + k) % VM_NODES;
		const struct vm_node *n = &r->now.n[i];

		if (n->used && (type == 0 || (n->mode & S_IFMT) == type) &&
		    (type == S_IFREG || n->nlink > 0))
			return i;
	}
	return VM_NONE;
}

bool vm_empty(const struct vm_node *n)
{
	for (int k = 0; k < VM_NAMES; k++) {
		if (n->child[k] != VM_NONE)
			return false;
	}
	return true;
}

/* ---- names ---- */

static void do_create(struct vm_run *r, mode_t type)
{
	int d = vm_pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, VM_NAMES);
	struct vm_node *dir = &r->now.n[d];
	mode_t mode = type | (mode_t)seed_below(&r->rnd, 01000);
	struct cdx_attr a;
	char target[64];
	unsigned t = (unsigned)seed_below(&r->rnd, 1000);
	int rc;
	int i;

	if (vm_full(r))
		return;
	(void)snprintf(target, sizeof(target), "../to/%u", t);
	if (type == S_IFDIR)
		rc = cdx_vol_mkdir(r->e.v, dir->ino, vm_names[k], mode,
				   &volume_env_cred, &a);
	else if (type == S_IFLNK)
		rc = cdx_vol_symlink(r->e.v, dir->ino, vm_names[k], target,
				     &volume_env_cred, &a);
	else
		rc = cdx_vol_mknod(r->e.v, dir->ino, vm_names[k], mode, 0,
				   &volume_env_cred, &a);
	assert_int_equal(rc, dir->child[k] == VM_NONE ? 0 : -EEXIST);
	if (rc < 0)
		return;
	if (type == S_IFLNK)
		mode = S_IFLNK | 0777;
	else
		mode &= ~(mode_t)022;
	i = vm_node_new(r, a.ino, mode, d);
	r->now.n[i].target = t;
	dir->child[k] = i;
	if (type == S_IFDIR)
		dir->nlink++;
	if (seed_below(&r->rnd, 4) == 0)
		r->now.n[i].opens = 1;
	else
		cdx_vol_forget(r->e.v, a.ino, 1);
}

static void do_link(struct vm_run *r)
{
	int i = vm_pick(r, 0);
	int d = vm_pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, VM_NAMES);
	struct vm_node *n = &r->now.n[i];
	struct vm_node *dir = &r->now.n[d];
	struct cdx_attr a;
	int rc = cdx_vol_link(r->e.v, n->ino, dir->ino, vm_names[k], &a);

	if (S_ISDIR(n->mode)) {
		assert_int_equal(rc, -EPERM);
		return;
	}
	assert_int_equal(rc, dir->child[k] == VM_NONE ? 0 : -EEXIST);
	if (rc < 0)
		return;
	cdx_vol_forget(r->e.v, n->ino, 1);
	n->nlink++;
	dir->child[k] = i;
	assert_int_equal(a.nlink, n->nlink);
}

static void lose_name(struct vm_run *r, int d, int i)
{
	struct vm_node *n = &r->now.n[i];

	if (S_ISDIR(n->mode)) {
		n->nlink = 0;
		r->now.n[d].nlink--;
	} else {
		n->nlink--;
	}
	vm_node_drop_if_dead(n);
}

static void do_remove(struct vm_run *r, bool is_rmdir)
{
	int d = vm_pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, VM_NAMES);
	struct vm_node *dir = &r->now.n[d];
	int i = dir->child[k];
	int want = 0;
	int rc = is_rmdir ? cdx_vol_rmdir(r->e.v, dir->ino, vm_names[k])
			  : cdx_vol_unlink(r->e.v, dir->ino, vm_names[k]);

	if (i == VM_NONE)
		want = -ENOENT;
	else if (is_rmdir && !S_ISDIR(r->now.n[i].mode))
		want = -ENOTDIR;
	else if (!is_rmdir && S_ISDIR(r->now.n[i].mode))
		want = -EISDIR;
	else if (is_rmdir && !vm_empty(&r->now.n[i]))
		want = -ENOTEMPTY;
	assert_int_equal(rc, want);
	if (rc < 0)
		return;
	dir->child[k] = VM_NONE;
	lose_name(r, d, i);
}

static bool below(const struct vm_run *r, int d, int top)
{
	while (d != top) {
		if (d == 0)
			return false;
		d = r->now.n[d].parent;
	}
	return true;
}

static int rename_result(const struct vm_run *r, int from, int s, int to, int t,
			 unsigned flags)
{
	const struct vm_node *src = s == VM_NONE ? NULL : &r->now.n[s];
	const struct vm_node *dst = t == VM_NONE ? NULL : &r->now.n[t];

	if (src == NULL)
		return -ENOENT;
	if (dst != NULL && flags == RENAME_NOREPLACE)
		return -EEXIST;
	if (dst == NULL && flags == RENAME_EXCHANGE)
		return -ENOENT;
	if (s == t)
		return 1; /* nothing */
	if (S_ISDIR(src->mode) && from != to && below(r, to, s))
		return -EINVAL;
	if (flags == RENAME_EXCHANGE)
		return S_ISDIR(dst->mode) && from != to && below(r, from, t)
			       ? -EINVAL
			       : 0;
	if (dst == NULL)
		return 0;
	if (S_ISDIR(src->mode) && !S_ISDIR(dst->mode))
		return -ENOTDIR;
	if (!S_ISDIR(src->mode) && S_ISDIR(dst->mode))
		return -EISDIR;
	return S_ISDIR(dst->mode) && !vm_empty(dst) ? -ENOTEMPTY : 0;
}

static void move_dir(struct vm_run *r, int i, int from, int to)
{
	if (!S_ISDIR(r->now.n[i].mode))
		return;
	r->now.n[i].parent = to;
	r->now.n[from].nlink--;
	r->now.n[to].nlink++;
}

static void do_rename(struct vm_run *r)
{
	static const unsigned kinds[] = {0, 0, 0, RENAME_NOREPLACE,
					 RENAME_EXCHANGE};
	unsigned flags = kinds[seed_below(&r->rnd, 5)];
	int from = vm_pick(r, S_IFDIR);
	int to = vm_pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, VM_NAMES);
	int l = (int)seed_below(&r->rnd, VM_NAMES);
	int s = r->now.n[from].child[k];
	int t = r->now.n[to].child[l];
	int want = rename_result(r, from, s, to, t, flags);
	int rc = cdx_vol_rename(r->e.v, r->now.n[from].ino, vm_names[k],
				r->now.n[to].ino, vm_names[l], flags);

	assert_int_equal(rc, want > 0 ? 0 : want);
	if (want != 0)
		return;
	r->now.n[to].child[l] = s;
	move_dir(r, s, from, to);
	if (flags == RENAME_EXCHANGE) {
		r->now.n[from].child[k] = t;
		move_dir(r, t, to, from);
		return;
	}
	r->now.n[from].child[k] = VM_NONE;
	if (t == VM_NONE)
		return;
	if (!r->now.n[s].durable)
		r->now.n[s].gated = true;
	lose_name(r, to, t);
}

static void do_open_close(struct vm_run *r)
{
	int i = vm_pick(r, seed_below(&r->rnd, 2) ? S_IFREG : 0);
	struct vm_node *n;
	struct cdx_attr a;

	if (i == VM_NONE)
		return;
	n = &r->now.n[i];
	if (n->opens > 0) {
		uint64_t ino = n->ino;

		n->opens--;
		vm_node_drop_if_dead(n);
		cdx_vol_forget(r->e.v, ino, 1);
		return;
	}
	assert_int_equal(cdx_vol_ref(r->e.v, n->ino, &a), 0);
	n->opens++;
}

void vm_name_step(struct vm_run *r)
{
	switch (seed_below(&r->rnd, 9)) {
	case 0:
	case 1:
		do_create(r, S_IFREG);
		break;
	case 2:
		do_create(r, S_IFDIR);
		break;
	case 3:
		do_create(r, seed_below(&r->rnd, 3) == 0 ? S_IFIFO : S_IFLNK);
		break;
	case 4:
		do_link(r);
		break;
	case 5:
		do_remove(r, seed_below(&r->rnd, 3) == 0);
		break;
	case 6:
		do_open_close(r);
		break;
	default:
		do_rename(r);
		break;
	}
}
