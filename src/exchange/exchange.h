/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_EXCHANGE_H
#define CDX_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"
#include "codec/cid.h"
#include "dataset/manifest.h"
#include "discovery/discovery.h"
#include "net/http.h"
#include "store/store.h"

/*
 * Datasets wherever their blocks are: in the store, in the cache, with peers, or
 * to be decoded from k others of a step (docs/PEERS.md "Fetching").  Everything
 * that is handed out was verified.
 *
 * Calls are thread-safe and do not wait; functions that are called back run on a
 * worker of the CPU pool or on the loop, with no lock held, once, and never before
 * the call that was given them returns.  They must not block for long.
 */
struct cdx_exchange;

struct cdx_exchange_opts {
	struct cdx_loop *loop;		 /* kept */
	struct cdx_http *http;		 /* kept; of that loop */
	struct cdx_pool *pool;		 /* kept */
	struct cdx_store *store;	 /* kept */
	struct cdx_discovery *discovery; /* kept; NULL: known peers alone */
	const struct cdx_identity *who;	 /* copied: we do not ask ourselves */
	const struct cdx_log *log;
	size_t memory;	   /* of blocks on their way; 0: 64 MiB */
	unsigned block_ms; /* what an own timeout of 0 means; 0: 60,000 */
	unsigned find_ms;  /* a search for peers; 0: 10,000 */
	unsigned lie_s;	   /* how long a liar is out; 0: 3600 */
};
/* Returns new; on the loop's thread, as cdx_exchange_free.  -ENOMEM. */
CDX_MUST_CHECK int cdx_exchange_new(struct cdx_exchange **out,
				    const struct cdx_exchange_opts *opts);
/* Everything under way ends with -ECANCELED before it returns.  No reader may be
 * used after it; those still open are closed as ever. */
void cdx_exchange_free(struct cdx_exchange *ex);

/* One asynchronous call.  Cancelling calls its function with -ECANCELED soon, if
 * it was not called already; @op must be given back with cdx_op_put either way. */
struct cdx_op;
void cdx_op_cancel(struct cdx_op *op);
/* NULL is allowed. */
void cdx_op_put(struct cdx_op *op);

/* ---- datasets ---- */

/* An open dataset: its manifest is here and was checked.  Counted. */
struct cdx_reader;
/* @rd: a new reference; NULL with an error: -ENOENT nobody has it; CDX_E_FORMAT,
 * CDX_E_PROOF it is no manifest, or contradicts itself; -ETIMEDOUT; -ECANCELED.
 * @why: in words, "" for none */
typedef void cdx_reader_fn(void *arg, int rc, struct cdx_reader *rd,
			   const char *why);
/**
 * cdx_exchange_open - find a dataset and have its manifest
 *
 * @op:    returns a reference; NULL: not wanted
 * @cid:   of a manifest; -EINVAL for others
 * @local: only what this store and its cache have: -ENOENT otherwise
 * @ms:    0: the exchange's own limit
 */
CDX_MUST_CHECK int cdx_exchange_open(struct cdx_exchange *ex,
				     struct cdx_op **op,
				     const struct cdx_cid *cid, bool local,
				     unsigned ms, cdx_reader_fn *fn, void *arg);
struct cdx_reader *cdx_reader_ref(struct cdx_reader *rd);
/* NULL is allowed.  Thread: safe. */
void cdx_reader_put(struct cdx_reader *rd);
/* Immutable; borrowed for the reader's life */
const struct cdx_manifest *cdx_reader_manifest(const struct cdx_reader *rd);
const struct cdx_cid *cdx_reader_cid(const struct cdx_reader *rd);
uint64_t cdx_reader_size(const struct cdx_reader *rd); /* bytes of the file */
/* Is every block of its data here?  Looks each up: blocks a little. */
bool cdx_reader_complete(struct cdx_reader *rd);

/* @n: bytes at @buf, 0 at the end, or an error: -ENODATA nobody has what is
 * missing and too little is left to decode it; -ETIMEDOUT; -ECANCELED; -EIO.
 * @buf is borrowed for the call. */
typedef void cdx_reader_read_fn(void *arg, const uint8_t *buf, ssize_t n);
/**
 * cdx_reader_read - bytes of the file
 *
 * @len: at most 16 MiB
 * @ms:  0: the exchange's own limit
 *
 * Reads in order are seen, and what follows is fetched before it is asked for (up
 * to 32 MiB ahead, within the memory).  -EINVAL, -ENOMEM: @fn is not called.
 */
CDX_MUST_CHECK int cdx_reader_read(struct cdx_reader *rd, struct cdx_op **op,
				   uint64_t off, size_t len, unsigned ms,
				   cdx_reader_read_fn *fn, void *arg);

/* The same two for a thread that may wait: it blocks.  @cancel: asked some times
 * a second; NULL: never. */
CDX_MUST_CHECK int
cdx_exchange_open_wait(struct cdx_exchange *ex, struct cdx_reader **out,
		       const struct cdx_cid *cid, bool local, unsigned ms,
		       bool (*cancel)(void *arg), void *arg, char why[256]);
CDX_MUST_CHECK ssize_t cdx_reader_read_wait(struct cdx_reader *rd, uint8_t *out,
					    uint64_t off, size_t len,
					    unsigned ms,
					    bool (*cancel)(void *arg),
					    void *arg);

/**
 * cdx_reader_fetch - have all of a dataset in the cache (or find it here)
 *
 * @parity: also the parity blocks of a protected one
 * @progress: now and then, blocks; NULL: not wanted
 * @done: 0, or the error of the first block that could not be had (the others
 *        were fetched all the same); -ENOSPC the cache cannot hold it
 */
CDX_MUST_CHECK int
cdx_reader_fetch(struct cdx_reader *rd, struct cdx_op **op, bool parity,
		 void (*progress)(void *arg, uint64_t done, uint64_t total),
		 void (*done)(void *arg, int rc), void *arg);

/* ---- single blocks ---- */

/* @block: @size bytes, borrowed for the call; NULL with an error as above */
typedef void cdx_block_fn(void *arg, int rc, const uint8_t *block, size_t size);
/**
 * cdx_exchange_block - one block of a dataset's tree
 *
 * @manifest: CID of its manifest, which is in this store (a segment's verifiable
 *            one): nobody is asked for that
 * @index:    in its tree
 *
 * Degraded decoding as for readers.
 */
CDX_MUST_CHECK int cdx_exchange_block(struct cdx_exchange *ex,
				      struct cdx_op **op,
				      const struct cdx_cid *manifest,
				      uint32_t index, unsigned ms,
				      cdx_block_fn *fn, void *arg);

/* The same of an open dataset, for who keeps the block himself: the cache is looked
 * into, and neither it nor what it may be decoded from is put there. */
CDX_MUST_CHECK int cdx_reader_block(struct cdx_reader *rd, struct cdx_op **op,
				    uint32_t index, unsigned ms,
				    cdx_block_fn *fn, void *arg);

/**
 * cdx_reader_page - a page of a dataset's tree
 *
 * What proves blocks page * CDX_TREE_PAGE and on: verified against the manifest's
 * tree, from here or from others.  @fn: NULL with an error as above; borrowed for the
 * call.  -EINVAL there is no such page.
 */
struct cdx_tree_page;
typedef void cdx_page_fn(void *arg, int rc, const struct cdx_tree_page *page);
CDX_MUST_CHECK int cdx_reader_page(struct cdx_reader *rd, struct cdx_op **op,
				   uint32_t page, unsigned ms, cdx_page_fn *fn,
				   void *arg);

/**
 * cdx_exchange_probe - does somebody else have this block?
 *
 * @manifest: CID of a verifiable manifest, which is in this store
 * @slot, @step: which block
 *
 * Asks peers that say they hold the slot, one after another, never the store or the
 * cache, and keeps nothing.  @rc: 0 @by gave it, and it was right; -ENODATA nobody
 * who says that he holds the slot gave it; CDX_E_HASH what @by gave was not it (and
 * nobody gave it right); -ETIMEDOUT.
 */
typedef void cdx_probe_fn(void *arg, int rc, const struct cdx_peer_id *by);
CDX_MUST_CHECK int cdx_exchange_probe(struct cdx_exchange *ex,
				      struct cdx_op **op,
				      const struct cdx_cid *manifest,
				      uint32_t slot, uint64_t step, unsigned ms,
				      cdx_probe_fn *fn, void *arg);

/* ---- peers ---- */

/* @rc: 0 and who answered; an error of the connection; CDX_E_AUTH another one than
 * was expected; -ENOENT of another network */
typedef void cdx_connect_fn(void *arg, int rc, const struct cdx_peer_record *r,
			    const char *why);
/* Asks an address who is there, and keeps it as a peer to ask for datasets.
 * @expect: NULL: whoever it is */
CDX_MUST_CHECK int cdx_exchange_connect(struct cdx_exchange *ex,
					struct cdx_op **op,
					const struct cdx_maddr *addr,
					const struct cdx_peer_id *expect,
					cdx_connect_fn *fn, void *arg);

struct cdx_peer_info {
	struct cdx_peer_id id;
	bool has_id; /* false: not asked yet */
	struct cdx_maddr addr;
	uint64_t bytes; /* had from it, since start */
	uint64_t blocks;
	uint64_t rate;	   /* bytes a second lately */
	uint32_t rtt_us;   /* until the first byte, lately */
	uint32_t failures; /* since start */
	uint32_t lies;
	uint32_t inflight; /* requests */
	uint32_t out_s;	   /* it is not asked for so many seconds more */
	bool kept;	   /* it was called by its address: stays in the list */
};
/* Copies up to @max; how many there are.  Blocks for a turn of the loop.
 * Thread: any but the loop's. */
unsigned cdx_exchange_peers(struct cdx_exchange *ex, struct cdx_peer_info *out,
			    unsigned max);

struct cdx_exchange_stats {
	uint64_t blocks_received;
	uint64_t bytes_received;
	uint64_t spurious; /* blocks that somebody else was faster with */
	uint64_t bad;	   /* blocks, pages, manifests that did not verify */
	uint64_t requests;
	uint64_t failed;   /* requests */
	uint64_t timeouts; /* requests */
	uint64_t hedged;   /* requests */
	uint64_t degraded; /* blocks decoded from others */
	uint64_t finds;	   /* searches for peers */
	uint64_t wait_us;  /* of the last block, from asked to there */
	uint64_t memory;   /* bytes on their way */
	uint32_t pending;  /* blocks that are waited for */
	uint32_t sessions;
	uint32_t peers;
};
/* Thread: safe. */
void cdx_exchange_stats(struct cdx_exchange *ex,
			struct cdx_exchange_stats *out);

#endif
