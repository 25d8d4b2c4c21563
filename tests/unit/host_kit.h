/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_HOST_KIT_H
#define CDX_TESTS_UNIT_HOST_KIT_H

/* Peers that serve a store's datasets over real sockets and may do everything
 * that a peer must not do.  Include after cmocka.h. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "discovery/peer.h"
#include "store/dataset_store.h"
#include "store/leaf_page.h"

enum host_way {
	HOST_HONEST,
	HOST_WRONG_BLOCK, /* a bit of each block is another one */
	HOST_FALSE_PAGE,  /* a digest of each path is another one */
	HOST_FALSE_LEAF,  /* wrong blocks, and pages that name them */
	HOST_OTHER_TREE,  /* blocks and pages of another dataset */
	HOST_NO_PAGE,	  /* blocks without their proof */
	HOST_UNREQUESTED, /* a block more than was asked for */
	HOST_TWICE,	  /* each block twice */
	HOST_SHORT_BLOCK, /* blocks of another size */
	HOST_HUGE_FRAME,  /* a block of nearly 4 GiB begins */
	HOST_GARBAGE,	  /* no stream at all */
	HOST_ENDLESS,	  /* as many absent frames as anybody reads */
	HOST_STALL,	  /* half an answer, and nothing more */
	HOST_CUT,	  /* half an answer, and the connection ends */
	HOST_TRUNCATED,	  /* a whole answer without its end */
	HOST_ABSENT,	  /* has it, but none of its blocks */
	HOST_REDIRECT,
	HOST_BUSY,	     /* 503, Retry-After: 1 */
	HOST_NOT_FOUND,	     /* 404 for blocks */
	HOST_WRONG_MANIFEST, /* other bytes */
	HOST_SILENT,	     /* takes requests and says nothing */
	HOST_WAYS,
};

#define HOST_CONNS 128u

struct host {
	int fd;
	uint16_t port;
	struct cdx_store *store;
	struct cdx_leaf_pages *pages;
	struct cdx_identity who;
	struct cdx_buf record; /* guarded by mu */
	_Atomic enum host_way way;
	struct cdx_cid other; /* for HOST_OTHER_TREE */
	/* NULL: everything */
	bool (*has)(void *arg, uint32_t index);
	void *arg;
	/* whether it says what it has of a dataset, to who asks as a static peer
	 * is asked: these slots; 0: everything */
	bool tells;
	uint32_t slots;
	unsigned delay_ms; /* before each answer */
	uint64_t rate;	   /* bytes a second of one answer; 0: all at once */
	/* what it did */
	atomic_uint requests; /* for blocks */
	atomic_uint manifests;
	atomic_uint blocks;
	atomic_uint pages_sent;
	/* inside */
	atomic_bool stop;
	pthread_t thread;
	pthread_mutex_t mu;
	struct host_conn {
		struct host *host;
		int fd;
		pthread_t thread;
	} conn[HOST_CONNS];
	unsigned n_conns;
};

/* Serves all of @store's datasets, whatever is private in it. */
void host_start(struct host *h, struct cdx_store *store, enum host_way way);
/* Breaks everything off; does nothing the second time. */
void host_stop(struct host *h);
void host_addr(const struct host *h, struct cdx_maddr *out);

#endif
