/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CHAIN_H
#define CDX_NODE_CHAIN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "crypto/keys.h"
#include "eth/head.h"
#include "eth/marketplace.h"
#include "eth/persist.h"
#include "eth/rpc.h"
#include "eth/sender.h"
#include "node/conf.h"
#include "store/store.h"

/*
 * A process's way to the chain: configuration, accounts, and one thread with a
 * loop on which the parts of eth/ run.  Nothing happens before the first call
 * that needs it, so that a volume is there whatever the chain does.  Locked by
 * mu; the parts are loop-confined.
 */
struct cdx_chain;

/* What went wrong and what to do, in words */
#define CDX_CHAIN_WHY_MAX 1280u

/* Which account: that of the configuration, or the provider's of the words */
enum cdx_chain_role {
	CDX_CHAIN_CLIENT,
	CDX_CHAIN_PROVIDER,
	CDX_CHAIN_ROLES,
};

struct cdx_chain_opts {
	struct cdx_store *store;	/* kept; NULL: nothing is remembered */
	const struct cdx_keyfile *keys; /* copied; NULL: there are no words */
	const struct cdx_conf *options; /* copied; what options said, or NULL */
	const char *conf_file;		/* copied; --config, or NULL */
	const struct cdx_log *log;	/* kept */
	bool brief; /* a verb: dead endpoints are given up sooner, a password
		     * may be asked for on the terminal */
};

/* Returns new; reads and starts nothing.  -ENOMEM. */
CDX_MUST_CHECK int cdx_chain_new(struct cdx_chain **out,
				 const struct cdx_chain_opts *opts);
/* Ends the thread; transactions under way stay written down.  After the last
 * call, before the store is closed.  NULL is allowed. */
void cdx_chain_free(struct cdx_chain *c);

/* The configuration, read at the first call; borrowed for the object's life.
 * @text may be NULL.  Errors of cdx_conf_find and cdx_conf_read. */
CDX_MUST_CHECK int cdx_chain_conf(struct cdx_chain *c,
				  const struct cdx_conf **text,
				  const struct cdx_conf_chain **out,
				  char why[CDX_CHAIN_WHY_MAX]);

/* Index i of m/44'/60'/0'/0/i of an account of the words; -1: it is another's,
 * or there are none */
int64_t cdx_chain_index(struct cdx_chain *c, enum cdx_chain_role role);
/**
 * cdx_chain_addr - the address of an account
 *
 * May read a keystore and ask for its password: blocks.
 * -ENOENT there is none (@why says what to do); -EPERM, CDX_E_AUTH, -ENOKEY and
 * others of cdx_account_file.
 */
CDX_MUST_CHECK int cdx_chain_addr(struct cdx_chain *c, enum cdx_chain_role role,
				  struct cdx_addr *out,
				  char why[CDX_CHAIN_WHY_MAX]);

/* The parts, for functions that run on the loop; immutable once started */
struct cdx_chain_parts {
	struct cdx_loop *loop;
	struct cdx_rpc *rpc;
	struct cdx_head *head;
	struct cdx_marketplace *market; /* NULL: none is configured */
	const struct cdx_persist *persist;
};

/**
 * cdx_chain_start - have the thread and the parts
 *
 * @out: borrowed for the object's life
 *
 * Does nothing when they are there.  Does not wait for an endpoint.
 * -ENODATA no endpoint is configured; -EINVAL; -ENOMEM, -EAGAIN.
 */
CDX_MUST_CHECK int cdx_chain_start(struct cdx_chain *c,
				   const struct cdx_chain_parts **out,
				   char why[CDX_CHAIN_WHY_MAX]);
/* The sender of an account, made at the first call, after cdx_chain_start.
 * Blocks.  Errors of cdx_chain_addr and cdx_sender_new. */
CDX_MUST_CHECK int cdx_chain_sender(struct cdx_chain *c,
				    enum cdx_chain_role role,
				    struct cdx_sender **out,
				    char why[CDX_CHAIN_WHY_MAX]);

#endif
