/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/codex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum codex_kind cdx_codex_fixed_kind(uint64_t ino)
{
	uint64_t k = ino - CDX_FS_VIRTUAL;

	return k >= CODEX_ROOT && k <= CODEX_STATUS ? (enum codex_kind)k : 0;
}

int cdx_codex_find_node(struct cdx_fs *fs, uint64_t ino, struct codex_node *out)
{
	const struct codex_node *n;

	if (cdx_codex_fixed_kind(ino) != 0) {
		memset(out, 0, sizeof(*out));
		out->ino = ino;
		out->kind = cdx_codex_fixed_kind(ino);
		return 0;
	}
	pthread_mutex_lock(&fs->codex_mu);
	n = cdx_map_get(&fs->codex_nodes, ino);
	if (n != NULL)
		*out = *n;
	pthread_mutex_unlock(&fs->codex_mu);
	return n != NULL ? 0 : -ESTALE;
}

int cdx_codex_ref_node(struct cdx_fs *fs, struct codex_node *want)
{
	struct codex_node *n = NULL;
	size_t pos = 0;
	uint64_t key;
	void *val;
	int rc = 0;

	pthread_mutex_lock(&fs->codex_mu);
	while (cdx_map_next(&fs->codex_nodes, &pos, &key, &val)) {
		struct codex_node *c = val;

		if (c->kind == want->kind && c->area == want->area &&
		    cdx_cid_equal(&c->cid, &want->cid)) {
			n = c;
			break;
		}
	}
	if (n == NULL) {
		n = malloc(sizeof(*n));
		if (n == NULL) {
			rc = -ENOMEM;
		} else {
			*n = *want;
			n->lookups = 0;
			n->ino = fs->codex_next++;
			rc = cdx_map_put(&fs->codex_nodes, n->ino, n);
			if (rc < 0)
				free(n);
		}
	}
	if (rc == 0) {
		n->far = want->far;
		n->size = want->size;
		if (n->seen == 0)
			n->seen = want->seen;
		n->lookups++;
		/* when it was first seen is its mtime, which must not change
		 * while the kernel has pages of it */
		want->ino = n->ino;
		want->seen = n->seen;
	}
	pthread_mutex_unlock(&fs->codex_mu);
	return rc;
}

void cdx_codex_forget(struct cdx_fs *fs, fuse_ino_t ino, uint64_t count)
{
	struct codex_node *n;

	pthread_mutex_lock(&fs->codex_mu);
	n = cdx_map_get(&fs->codex_nodes, ino);
	if (n != NULL) {
		n->lookups -= count < n->lookups ? count : n->lookups;
		if (n->lookups == 0) {
			cdx_map_del(&fs->codex_nodes, ino);
			free(n);
		}
	}
	pthread_mutex_unlock(&fs->codex_mu);
}

void cdx_codex_free(struct cdx_fs *fs)
{
	size_t pos = 0;
	uint64_t key;
	void *val;

	while (cdx_map_next(&fs->codex_nodes, &pos, &key, &val))
		free(val);
	cdx_map_free(&fs->codex_nodes);
}
