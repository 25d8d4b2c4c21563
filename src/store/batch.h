/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_BATCH_H
#define CDX_STORE_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/list.h"
#include "store/kv.h"

/* Batches from the inside: encoding, reference counts, the queue of those
 * that the log does not have yet.  docs/FORMATS.md "Batches".
 *
 * A put that must know in which group it becomes durable (free records) uses
 * cdx_batch_put_group: cdx_store_group at the time of building may be one too
 * low by the time of apply. */

/* First byte of an encoded change; numbers are stored on disk. */
enum cdx_op_kind {
	CDX_OP_PUT = 1,
	CDX_OP_DEL = 2,
	CDX_OP_ADD = 3,
	CDX_OP_MAX = 4,
	CDX_OP_DATA = 5,
	CDX_OP_CLEAN = 6,
	/* a put whose key begins with the number of the group it is applied
	 * in, filled in by apply */
	CDX_OP_PUT_GROUP = 7,
};

/* One decoded change; pointers lie in the encoding. */
struct cdx_op {
	enum cdx_op_kind kind;
	uint8_t db; /* put, del: enum cdx_db; add, max: counter */
	const uint8_t *key;
	const uint8_t *val; /* put: value; data: bytes */
	size_t key_len;
	size_t val_len;
	uint64_t num; /* add (two's complement), max; data, clean: ino */
	uint64_t off; /* data, clean */
	uint64_t len; /* clean; data: val_len */
};

/* 1 and a change, 0 at the end, CDX_E_FORMAT */
CDX_MUST_CHECK int cdx_op_decode(struct cdx_op *out, struct cdx_cursor *c);
/* Appends one change; the counterpart of cdx_op_decode. */
void cdx_op_encode(struct cdx_buf *out, const struct cdx_op *op);
/* Bytes that cdx_op_write writes at most; writes and returns the end. */
size_t cdx_op_bound(const struct cdx_op *op);
uint8_t *cdx_op_write(uint8_t *p, const struct cdx_op *op);
/* 0 when @len bytes are a sound batch, else CDX_E_FORMAT */
CDX_MUST_CHECK int cdx_batch_check(const uint8_t *p, size_t len);

#define CDX_BATCH_INLINE 512u

/* Built by one thread; after apply immutable but for what mu guards. */
struct cdx_batch {
	struct cdx_store *s;
	struct cdx_list node; /* guarded by mu: in the queue */
	uint64_t seq;
	atomic_uint refs;
	int err; /* first failure while building */
	bool names_data;
	bool has_data; /* data or clean changes */
	uint8_t *p;    /* own[] or heap */
	size_t len;
	size_t cap;
	size_t mem; /* bytes of memtable it can take at most */
	const struct cdx_batch_hook *hook; /* NULL: none */
	void *hook_arg;
	uint8_t own[CDX_BATCH_INLINE];
};

/* Like cdx_batch_put with a key of 8 + @rest_len bytes that begins with the
 * number (BE64) of the group the batch turns out to be applied in. */
void cdx_batch_put_group(struct cdx_batch *b, enum cdx_db db, const void *rest,
			 size_t rest_len, const void *val, size_t val_len);

/* References.  Thread: safe. */
struct cdx_batch *cdx_batch_ref(struct cdx_batch *b);
void cdx_batch_unref(struct cdx_batch *b);

/* A growing list of references. Zero-initialise. */
struct cdx_batch_refs {
	struct cdx_batch **v;
	size_t len;
	size_t cap;
	size_t bytes;
};
/* -ENOMEM: not added */
CDX_MUST_CHECK int cdx_batch_refs_add(struct cdx_batch_refs *r,
				      struct cdx_batch *b);
void cdx_batch_refs_clear(struct cdx_batch_refs *r);

/* Batches applied and not logged, in order; guarded by the store's mu. */
struct cdx_fifo {
	struct cdx_list list;
	size_t bytes; /* memory held */
	size_t enc;   /* encoded bytes, with the length in front of each */
	size_t max;   /* bound of bytes */
	uint64_t gap; /* last batch that was dropped unlogged */
	bool names_data;
};

void cdx_fifo_init(struct cdx_fifo *f, size_t max);
/* Takes a reference; over the bound everything is dropped and @gap set. */
void cdx_fifo_push(struct cdx_fifo *f, struct cdx_batch *b);
/* Moves everything to @out (an initialised list); references move along. */
void cdx_fifo_take(struct cdx_fifo *f, struct cdx_list *out);
/* Moves what a durable group covers to @out, as above. */
void cdx_fifo_retire(struct cdx_fifo *f, struct cdx_list *out,
		     uint64_t covered);
/* Drops the references in such a list; takes no lock. */
void cdx_batch_list_free(struct cdx_list *list);
/* Bytes of a batch in a log record: length and encoding */
size_t cdx_fifo_enc_len(const struct cdx_batch *b);

#endif
