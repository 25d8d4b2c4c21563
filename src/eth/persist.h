/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_PERSIST_H
#define CDX_ETH_PERSIST_H

#include <stddef.h>

#include "base/attr.h"

/*
 * Where the chain client keeps what must survive the process: transactions
 * under way, places in the log.  The node gives one over its store's LMDB;
 * eth/persist_memory.h has one for programs that need none.  All calls come
 * from the loop thread.
 */

/* Result of a change, once it is durable, on the loop, never from within the
 * call that asked for it */
typedef void cdx_persist_fn(void *arg, int err);

#define CDX_PERSIST_KEY_MAX 160u
#define CDX_PERSIST_VAL_MAX (256u << 10)

struct cdx_persist {
	/* Keys are text.  A negative result: nothing was changed, @fn (may be
	 * NULL) is not called.  Later changes are durable no sooner. */
	int (*put)(void *arg, const char *key, const void *val, size_t len,
		   cdx_persist_fn *fn, void *fn_arg);
	int (*del)(void *arg, const char *key, cdx_persist_fn *fn,
		   void *fn_arg);
	/* Values whose keys begin with @prefix, in the order of the keys, until
	 * @each is not 0: that result; else 0 or a negative error.  @each must
	 * not change anything. */
	int (*list)(void *arg, const char *prefix,
		    int (*each)(void *each_arg, const char *key,
				const void *val, size_t len),
		    void *each_arg);
	/* Ends the wait of all changes asked for with this @fn_arg: their
	 * functions are not called any more. */
	void (*forget)(void *arg, void *fn_arg);
	void *arg;
};

#endif
