/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_SERVE_INTERNAL_H
#define CDX_EXCHANGE_SERVE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "dataset/manifest.h"
#include "exchange/hot.h"
#include "exchange/serve_request.h"
#include "exchange/server.h"
#include "net/web.h"
#include "store/dataset_store.h"
#include "store/leaf_page.h"
#include "store/protection.h"

/* Blocks that lately could not be read though the store knows them: promised
 * no more */
#define CDX_SERVE_BAD 64u
/* Blocks that were read and compared with their digests in the last minutes, by
 * their digests: not hashed again for each who asks.  4 GiB of usual ones */
#define CDX_SERVE_SEEN 65536u
#define CDX_SERVE_SEEN_S 600u

struct cdx_exchange_server {
	/* immutable */
	struct cdx_store *store;
	struct cdx_loop *loop;
	struct cdx_http *http;
	struct cdx_network network;
	struct cdx_web *web;
	struct cdx_hot *hot;
	struct cdx_leaf_pages *pages;
	pthread_mutex_t mu;
	/* guarded by mu: */
	uint8_t record[CDX_RECORD_MAX];
	size_t record_len;
	struct cdx_digest bad[CDX_SERVE_BAD];
	unsigned n_bad; /* ever */
	struct cdx_list dials;
	unsigned n_dials;
	struct cdx_map dialled; /* address -> when, in struct */
	/* 48 bits of a digest, and when; 0: none */
	_Atomic uint64_t seen[CDX_SERVE_SEEN];
	/* statistics */
	_Atomic uint64_t blocks_sent;
	_Atomic uint64_t not_served;
	_Atomic uint64_t hot_hits;
};

/* ---- serve.c: what all answers share ---- */

/* An error in words */
void cdx_serve_fail(struct cdx_web_req *r, int status, const char *text);
/* Headers of what a CID names and never changes.  @etag: of it, or NULL.
 * False: there was no memory; the request was answered. */
bool cdx_serve_forever(struct cdx_web_req *r, const char *etag);
/* One header; false as above */
bool cdx_serve_set(struct cdx_web_req *r, const char *name, const char *value);

/* ---- serve_block.c ---- */

/* Answers /ipfs/CID. */
void cdx_serve_ipfs(struct cdx_exchange_server *s, struct cdx_web_req *r,
		    const struct cdx_cid *cid);
/* Is a block here, and how long?  Its size; -ENOENT */
CDX_MUST_CHECK int cdx_serve_block_size(struct cdx_exchange_server *s,
					const struct cdx_digest *digest);
/* A verified block, with a reference; whether it may be served was asked.
 * -ENOENT; -ENOMEM; -EAGAIN too much is being sent; CDX_E_HASH and others of
 * reading */
CDX_MUST_CHECK int cdx_serve_block_get(struct cdx_exchange_server *s,
				       struct cdx_hot_block **out,
				       const struct cdx_digest *digest);
/* The same into @out, @size bytes.  Who gets it compares it himself: one that was
 * compared in the last minutes is only read.  Errors as above; CDX_E_CORRUPT it has
 * another size. */
CDX_MUST_CHECK int cdx_serve_block_into(struct cdx_exchange_server *s,
					uint8_t *out, uint32_t size,
					const struct cdx_digest *digest);

/* ---- serve_dataset.c ---- */

/* A dataset that may be served, by the CID of its manifest or tree */
struct cdx_serve_dataset {
	bool local; /* a dataset of the store; else of the cache */
	struct cdx_dataset_info info; /* when local */
	struct cdx_cid cid;	      /* of the manifest */
	struct cdx_buf bytes;	      /* the manifest */
	struct cdx_manifest manifest;
	struct cdx_digest tree;
	uint64_t leaves;
	bool held; /* somebody else's (store/held.h): some slots are here */
	struct cdx_protection rec; /* when held */
};
/* May the block at this index be given?  Of a held dataset only what is here and
 * whole: others may have named blocks in it that are here for other reasons. */
bool cdx_serve_may_give(const struct cdx_serve_dataset *d, uint64_t index);
/* -ENOENT not here or private (counted); CDX_E_* and -errno.  Free it. */
CDX_MUST_CHECK int cdx_serve_dataset_open(struct cdx_exchange_server *s,
					  struct cdx_serve_dataset *out,
					  const struct cdx_cid *cid);
void cdx_serve_dataset_free(struct cdx_serve_dataset *d);
/* A page of its tree from the store or the cache; -ENOENT */
CDX_MUST_CHECK int cdx_serve_page(struct cdx_exchange_server *s,
				  const struct cdx_serve_dataset *d,
				  uint32_t page, struct cdx_tree_page *out);
/* Answers the paths of datasets; @kind says which. */
void cdx_serve_of_dataset(struct cdx_exchange_server *s, struct cdx_web_req *r,
			  const struct cdx_serve_request *q);

/* ---- serve_stream.c ---- */

/* Answers .../blocks; takes what @d holds. */
void cdx_serve_blocks(struct cdx_exchange_server *s, struct cdx_web_req *r,
		      struct cdx_serve_dataset *d);

/* ---- serve_dialback.c ---- */

/* Answers /codex/v1/dialback, later. */
void cdx_serve_dialback(struct cdx_exchange_server *s, struct cdx_web_req *r);
/* On the loop's thread, after the web server has ended */
void cdx_serve_dialback_end(struct cdx_exchange_server *s);

#endif
