/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_model.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	sem_t done;
	uint8_t *buf;
	ssize_t result;
};

static void have_read(void *arg, const uint8_t *buf, ssize_t result)
{
	struct reading *rd = arg;

	rd->result = result;
	if (result > 0)
		memcpy(rd->buf, buf, (size_t)result);
	sem_post(&rd->done);
}

ssize_t vm_read(struct vm_run *r, uint64_t ino, uint64_t off, size_t len,
		uint8_t *out)
{
	struct reading rd = {.buf = out};

	sem_init(&rd.done, 0, 0);
	cdx_vol_read(r->e.v, ino, off, len, have_read, &rd);
	while (sem_wait(&rd.done) < 0)
		;
	sem_destroy(&rd.done);
	return rd.result;
}

/* ---- comparing ---- */

struct listing {
	struct vm_run *r;
	const struct vm_node *dir;
	unsigned found;
};

static int compare_entry(void *arg, const struct cdx_dirent *e)
{
	struct listing *l = arg;

	if (e->cookie < 3)
		return 1;
	for (int k = 0; k < VM_NAMES; k++) {
		const struct vm_node *n;

		if (strcmp(e->name, vm_names[k]) != 0)
			continue;
		assert_int_not_equal(l->dir->child[k], VM_NONE);
		n = &l->r->now.n[l->dir->child[k]];
		assert_int_equal(e->ino, n->ino);
		assert_int_equal(e->type, n->mode & S_IFMT);
		l->found++;
	}
	return 1;
}

static void compare_dir(struct vm_run *r, const struct vm_node *n)
{
	struct listing l = {.r = r, .dir = n};
	unsigned want = 0;

	assert_int_equal(cdx_vol_readdir(r->e.v, n->ino, 0, compare_entry, &l),
			 0);
	for (int k = 0; k < VM_NAMES; k++)
		want += n->child[k] != VM_NONE;
	assert_int_equal(l.found, want);
}

static void compare_link(struct vm_run *r, const struct vm_node *n)
{
	char want[64];
	char got[64];
	int len = snprintf(want, sizeof(want), "../to/%u", n->target);

	assert_int_equal(cdx_vol_readlink(r->e.v, n->ino, got, sizeof(got)),
			 len);
	assert_memory_equal(got, want, (size_t)len);
}

static void compare_file(struct vm_run *r, const struct vm_node *n)
{
	uint8_t *buf = malloc(VM_SIZE_MAX + 1);

	assert_non_null(buf);
	assert_int_equal(vm_read(r, n->ino, 0, VM_SIZE_MAX + 1, buf),
			 n->data->len);
	if (n->data->len > 0)
		assert_memory_equal(buf, n->data->p, n->data->len);
	free(buf);
}

void vm_compare_all(struct vm_run *r)
{
	for (int i = 0; i < VM_NODES; i++) {
		const struct vm_node *n = &r->now.n[i];
		struct cdx_attr a;

		if (!n->used)
			continue;
		assert_int_equal(cdx_vol_getattr(r->e.v, n->ino, &a), 0);
		assert_int_equal(a.nlink, n->nlink);
		if (i != 0)
			assert_int_equal(a.mode, n->mode);
		assert_int_equal(cdx_vol_getxattr(r->e.v, n->ino, "user.x",
						  NULL, 0),
				 n->xattr != 0 ? (int)n->xattr - 1 : -ENODATA);
		if (S_ISDIR(n->mode)) {
			compare_dir(r, n);
		} else if (S_ISLNK(n->mode)) {
			compare_link(r, n);
		} else if (S_ISREG(n->mode)) {
			assert_int_equal(a.size, n->data->len);
			compare_file(r, n);
		}
	}
}

/* ---- durability ---- */

static void synced(struct vm_run *r)
{
	for (int i = 0; i < VM_NODES; i++) {
		struct vm_node *n = &r->now.n[i];

		if (n->gated)
			n->durable = true;
		n->gated = false;
	}
	vm_copy(&r->safe, &r->now);
}

void vm_all_durable(struct vm_run *r)
{
	for (int i = 0; i < VM_NODES; i++)
		r->now.n[i].durable = true;
	synced(r);
}

void vm_fsync(struct vm_run *r)
{
	int i = vm_pick(r, seed_below(&r->rnd, 4) == 0 ? S_IFDIR : S_IFREG);
	struct vm_node *n;

	if (i == VM_NONE)
		return;
	n = &r->now.n[i];
	assert_int_equal(
		cdx_vol_fsync(r->e.v, n->ino, seed_below(&r->rnd, 2) == 0), 0);
	if (S_ISREG(n->mode))
		n->durable = true;
	synced(r);
}

void vm_commit(struct vm_run *r)
{
	volume_env_commit(&r->e);
	vm_all_durable(r);
}

/* What the kernel held goes with the mount. */
static void forget_all(struct vm_run *r)
{
	for (int i = 0; i < VM_NODES; i++) {
		struct vm_node *n = &r->now.n[i];

		n->opens = 0;
		if (n->used)
			vm_node_drop_if_dead(n);
	}
}

void vm_reopen(struct vm_run *r)
{
	volume_env_reopen(&r->e);
	forget_all(r);
	vm_all_durable(r);
	vm_compare_all(r);
}

static void adopt(struct vm_run *r, struct vm_node *n)
{
	struct cdx_attr a = volume_env_stat(&r->e, n->ino);

	assert_true(a.size <= VM_SIZE_MAX);
	vm_blob_drop(n->data);
	n->data = vm_blob_new(a.size);
	assert_int_equal(vm_read(r, n->ino, 0, VM_SIZE_MAX + 1, n->data->p),
			 a.size);
}

void vm_crash(struct vm_run *r)
{
	volume_env_crash(&r->e);
	vm_copy(&r->now, &r->safe);
	forget_all(r);
	for (int i = 0; i < VM_NODES; i++) {
		struct vm_node *n = &r->now.n[i];

		if (n->used && S_ISREG(n->mode) && !n->durable)
			adopt(r, n);
	}
	/* replayed data may still be on its way to the disk */
	vm_commit(r);
	vm_compare_all(r);
}

void vm_seal(struct vm_run *r)
{
	assert_int_equal(cdx_vol_sync(r->e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	vm_all_durable(r);
	vm_compare_all(r);
}
