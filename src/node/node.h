/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_NODE_H
#define CDX_NODE_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/pool.h"
#include "crypto/keys.h"
#include "node/chain.h"
#include "node/proof_keys.h"
#include "store/store.h"
#include "volume/volume.h"

struct cdx_node_market;
struct cdx_peers;

/* One process's services, put together: pool, store, volume, proving keys, the
 * chain.  Without a store (cdx_node_open_chain) there is the chain alone. */
struct cdx_node {
	char *path; /* of the store, absolute */
	struct cdx_store *store;
	struct cdx_volume *volume;
	struct cdx_pool *pool;
	struct cdx_proof_keys *proof_keys;
	struct cdx_chain *chain;
	struct cdx_peers *peers;	/* node/peers.h; NULL: alone */
	struct cdx_node_market *market; /* node/market.h; NULL: no part in it */
	char *alone_why; /* though it was to have peers; else NULL */
	const struct cdx_log *log;
};

struct cdx_node_opts {
	const char *path;	   /* store directory */
	const char *key_file;	   /* NULL: STORE/key */
	const char *password_file; /* NULL: ask on the terminal when needed */
	const struct cdx_keyfile *keys; /* read already (before a fork), or
					 * NULL: read them here */
	const struct cdx_log *log;	/* kept */
	const char *conf_file;	     /* codexfs.conf; NULL: its usual places */
	const struct cdx_conf *conf; /* what options say of it, or NULL */
	/* What it is among others; NULL: it is alone, as every verb that opens
	 * the store for a moment must be */
	const struct cdx_conf_node *peers;
	bool alone_too; /* open it also when they cannot be had */
	/* Its part in the market; NULL, or nothing wanted: none */
	const struct cdx_conf_market *market;
	unsigned look_ms; /* between looks at what must be fetched back; 0: a
			   * minute */
	bool readonly;
	bool noatime;
	bool sync_write;
	bool kernel_times;
	bool no_background;    /* a verb that opens the store for a moment */
	bool check_db;	       /* fsck: read all of the databases first */
	unsigned commit_ms;    /* 0 = 5000 */
	unsigned seal_age_s;   /* 0 = 3600 */
	unsigned cache_inodes; /* 0 = default */
	size_t dirty_bytes;    /* 0 = default */
};

/* What went wrong, in words for the user */
#define CDX_NODE_ERROR_MAX 1024

/**
 * cdx_node_open - open a store with its volume
 *
 * @out:   filled in; close with cdx_node_close
 * @opts:  borrowed
 * @error: CDX_NODE_ERROR_MAX bytes: on failure what failed and what to do
 *
 * Starts threads; call after the fork of a daemon.
 */
CDX_MUST_CHECK int cdx_node_open(struct cdx_node *out,
				 const struct cdx_node_opts *opts,
				 char error[CDX_NODE_ERROR_MAX]);

/* The chain alone, without a store: @opts->path is NULL.  -ENOMEM. */
CDX_MUST_CHECK int cdx_node_open_chain(struct cdx_node *out,
				       const struct cdx_node_opts *opts);

/* Commits and closes.  The result of the last commit. */
int cdx_node_close(struct cdx_node *n);

/**
 * cdx_node_keys - read a key file
 *
 * @store: store directory, for the default place
 *
 * Refuses a file that others can read.  @error as above.
 */
CDX_MUST_CHECK int cdx_node_keys(struct cdx_keyfile *out, const char *store,
				 const char *key_file,
				 const char *password_file,
				 char error[CDX_NODE_ERROR_MAX]);

/* Longest password, with NUL */
#define CDX_PASSWORD_MAX 1025
/**
 * cdx_node_password - a password from a file's first line or the terminal
 *
 * @file:   NULL: the terminal, echo off
 * @prompt: what to ask
 * @twice:  ask again and compare
 *
 * Errors: -ENOKEY no terminal, -EINVAL empty, too long or not the same twice,
 * -errno of the file.  Wipe @out after use.
 */
CDX_MUST_CHECK int cdx_node_password(char out[CDX_PASSWORD_MAX],
				     const char *file, const char *prompt,
				     bool twice);

#endif
