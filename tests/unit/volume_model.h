/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_VOLUME_MODEL_H
#define CDX_TESTS_UNIT_VOLUME_MODEL_H

/* The model of test_volume_model: a tree in memory, the volume beside it, and
 * the steps that change and compare both.  Failures fail the test. */

#include <stdbool.h>

#include "seed.h"
#include "volume_env.h"

#define VM_NODES 48
#define VM_NAMES 6
#define VM_SIZE_MAX (400u << 10)
#define VM_NONE (-1)

/* Contents, shared between the present and what a crash would leave */
struct vm_blob {
	unsigned refs;
	size_t len;
	uint8_t *p;
};

struct vm_node {
	bool used;
	bool durable; /* the content is on disk as it is */
	bool gated;   /* renamed over a file: durable with the next sync */
	uint64_t ino;
	mode_t mode;
	unsigned nlink;
	unsigned opens; /* kernel references */
	int parent;
	int child[VM_NAMES];
	struct vm_blob *data;
	size_t xattr; /* length + 1 of user.x, 0 = none */
	unsigned target;
};

struct vm_model {
	struct vm_node n[VM_NODES];
};

struct vm_run {
	struct volume_env e;
	struct seed rnd;
	struct vm_model now;
	struct vm_model safe;	/* after a crash */
	struct vm_model before; /* the last change */
	unsigned step;
};

extern const char *const vm_names[VM_NAMES];

/* ---- volume_model.c: contents and nodes ---- */

struct vm_blob *vm_blob_new(size_t len);
void vm_blob_drop(struct vm_blob *b);
/* The node's own content with @len bytes, old ones kept, new ones zero */
struct vm_blob *vm_blob_own(struct vm_node *n, size_t len);
void vm_copy(struct vm_model *to, const struct vm_model *from);
void vm_free(struct vm_model *m);
void vm_node_drop_if_dead(struct vm_node *n);
/* Its index, or VM_NONE */
int vm_node_new(struct vm_run *r, uint64_t ino, mode_t mode, int parent);
bool vm_full(const struct vm_run *r);
/* A random node of a type; 0 for any that has a name */
int vm_pick(struct vm_run *r, mode_t type);
bool vm_empty(const struct vm_node *n);
/* One random change of names */
void vm_name_step(struct vm_run *r);

/* ---- volume_model_check.c: comparing, durability ---- */

ssize_t vm_read(struct vm_run *r, uint64_t ino, uint64_t off, size_t len,
		uint8_t *out);
void vm_compare_all(struct vm_run *r);
/* Everything is on disk as it is now */
void vm_all_durable(struct vm_run *r);
void vm_fsync(struct vm_run *r);
void vm_commit(struct vm_run *r);
void vm_reopen(struct vm_run *r);
void vm_crash(struct vm_run *r);
void vm_seal(struct vm_run *r);

#endif
