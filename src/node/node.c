/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/node.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "node/node_net.h"

static int store_error(char error[CDX_NODE_ERROR_MAX], int rc, const char *path,
		       const char *holder)
{
	if (rc == CDX_E_LOCKED)
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "%s is in use by %s; end that first (codexfs umount)",
			 path, holder);
	else if (rc == CDX_E_VERSION)
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "%s was made by a newer codexfs; update this one",
			 path);
	else if (rc == -ENOENT || rc == -ENOTDIR || rc == CDX_E_FORMAT)
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "%s is not a codexfs store; make one with: codexfs "
			 "init %s",
			 path, path);
	else if (rc == CDX_E_CORRUPT || rc == CDX_E_HASH)
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "cannot open store %s: %s; codexfs fsck %s says where",
			 path, cdx_strerror(rc), path);
	else
		snprintf(error, CDX_NODE_ERROR_MAX, "cannot open store %s: %s",
			 path, cdx_strerror(rc));
	return rc;
}

static int volume_error(char error[CDX_NODE_ERROR_MAX], int rc,
			const char *path)
{
	if (rc == CDX_E_AUTH)
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "the key file is not the one of store %s; give the "
			 "right one with --key",
			 path);
	else
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "cannot open the volume in %s: %s; codexfs fsck %s "
			 "may tell more",
			 path, cdx_strerror(rc), path);
	return rc;
}

static int make_chain(struct cdx_node *n, const struct cdx_node_opts *o,
		      const struct cdx_keyfile *keys)
{
	const struct cdx_chain_opts co = {
		.store = n->store,
		.keys = keys,
		.options = o->conf,
		.conf_file = o->conf_file,
		.log = o->log,
		.brief = o->no_background,
	};

	return cdx_chain_new(&n->chain, &co);
}

static int open_parts(struct cdx_node *n, const struct cdx_node_opts *o,
		      const struct cdx_keyfile *keys,
		      char error[CDX_NODE_ERROR_MAX])
{
	struct cdx_store_opts so = {
		.path = n->path,
		.log = o->log,
		.readonly = o->readonly,
		.check_db = o->check_db,
		.commit_ms = o->commit_ms,
	};
	struct cdx_volume_opts vo = {
		.keys = keys,
		.log = o->log,
		.readonly = o->readonly,
		.noatime = o->noatime,
		.sync_write = o->sync_write,
		.kernel_times = o->kernel_times,
		.dirty_bytes = o->dirty_bytes,
		.cache_inodes = o->cache_inodes,
		.seal_age_s = o->seal_age_s,
		.no_background = o->no_background || o->readonly,
	};
	char holder[512] = "another process";
	int rc = cdx_store_open(&n->store, &so, holder, sizeof(holder));

	if (rc < 0)
		return store_error(error, rc, n->path, holder);
	rc = cdx_pool_new(&n->pool, cdx_pool_processors());
	if (rc == 0)
		rc = cdx_proof_keys_new(&n->proof_keys, n->store, o->log);
	if (rc == 0)
		rc = make_chain(n, o, keys);
	if (rc < 0)
		return volume_error(error, rc, n->path);
	vo.store = n->store;
	vo.pool = n->pool;
	rc = cdx_volume_open(&n->volume, &vo);
	if (rc < 0)
		return volume_error(error, rc, n->path);
	return cdx_node_net_start(n, o, keys, error);
}

int cdx_node_open(struct cdx_node *out, const struct cdx_node_opts *opts,
		  char error[CDX_NODE_ERROR_MAX])
{
	struct cdx_keyfile keys;
	int rc;

	memset(out, 0, sizeof(*out));
	error[0] = '\0';
	out->log = opts->log;
	out->path = realpath(opts->path, NULL);
	if (out->path == NULL)
		return store_error(error, -errno, opts->path, "");
	rc = 0;
	if (opts->keys != NULL)
		keys = *opts->keys;
	else
		rc = cdx_node_keys(&keys, out->path, opts->key_file,
				   opts->password_file, error);
	if (rc == 0) {
		rc = open_parts(out, opts, &keys, error);
		cdx_wipe(&keys, sizeof(keys));
	}
	if (rc < 0)
		(void)!cdx_node_close(out);
	return rc;
}

int cdx_node_open_chain(struct cdx_node *out, const struct cdx_node_opts *opts)
{
	memset(out, 0, sizeof(*out));
	out->log = opts->log;
	return make_chain(out, opts, NULL);
}

int cdx_node_close(struct cdx_node *n)
{
	int rc = 0;
	int rc2 = 0;

	cdx_node_net_end(n);
	/* what it has under way is in the store */
	cdx_chain_free(n->chain);
	if (n->volume != NULL)
		rc = cdx_volume_close(n->volume);
	cdx_proof_keys_free(n->proof_keys);
	if (n->store != NULL)
		rc2 = cdx_store_close(n->store);
	cdx_pool_free(n->pool);
	free(n->alone_why);
	free(n->path);
	memset(n, 0, sizeof(*n));
	return rc < 0 ? rc : rc2;
}
