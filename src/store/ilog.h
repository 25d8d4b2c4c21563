/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_ILOG_H
#define CDX_STORE_ILOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/list.h"
#include "crypto/aead.h"
#include "store/store.h"

/*
 * The intent log: file `log`, a header page and a body of @cap bytes used in
 * laps.  Positions count bytes from the first lap on and never go back; the
 * byte of position p is at CDX_ILOG_HEAD + p % cap.  A record begins at a
 * multiple of CDX_ILOG_ALIGN and does not cross the end of the body: one that
 * would begins at the next lap instead.  docs/FORMATS.md "Intent log".
 */
#define CDX_ILOG_ALIGN 4096u
#define CDX_ILOG_HEAD 4096u
#define CDX_ILOG_MIN 65536u
#define CDX_ILOG_MAX (1u << 30)
#define CDX_ILOG_REC_HEAD 40u

struct cdx_store;

struct cdx_ilog {
	int fd;
	uint64_t cap; /* bytes of the body; immutable */
	struct cdx_key key;
	uint8_t id[CDX_STORE_ID_LEN];
	uint64_t head; /* guarded by mu: where the next record goes */
	uint64_t seq;  /* guarded by mu: its number */
	uint64_t tail; /* guarded by mu: nothing before it is needed */
	/* of the one flush under way: record, then plaintext */
	uint8_t *buf;
	size_t buf_cap;
};

/* What stands in front of the sealed body of a record */
struct cdx_ilog_rec {
	uint32_t body; /* sealed bytes that follow */
	uint64_t group;
	uint64_t seq;
	uint64_t first; /* batches in it */
	uint64_t last;
};

void cdx_ilog_rec_encode(uint8_t out[CDX_ILOG_REC_HEAD],
			 const struct cdx_ilog_rec *r);
/* CDX_E_FORMAT: not the beginning of a record */
CDX_MUST_CHECK int cdx_ilog_rec_decode(struct cdx_ilog_rec *out,
				       const uint8_t in[CDX_ILOG_REC_HEAD]);

/* Makes the zero-filled file and syncs it; replaces nothing. */
CDX_MUST_CHECK int cdx_ilog_create(int dirfd, uint64_t bytes,
				   const uint8_t id[CDX_STORE_ID_LEN]);
/* Opens and checks header and size.  CDX_E_CORRUPT. */
CDX_MUST_CHECK int cdx_ilog_open(struct cdx_ilog *l, int dirfd, uint64_t bytes,
				 const uint8_t id[CDX_STORE_ID_LEN]);
void cdx_ilog_close(struct cdx_ilog *l);

/* Bytes that a record with @plain bytes of batches takes in the file */
uint64_t cdx_ilog_rec_len(uint64_t plain);
/**
 * cdx_ilog_place - find the place of the next record and take it
 *
 * @pos: out, position
 * @len: from cdx_ilog_rec_len
 *
 * -ENOSPC the log is full of records that are still needed; -EMSGSIZE over a
 * quarter of the log.  Caller holds mu.
 */
CDX_MUST_CHECK int cdx_ilog_place(struct cdx_ilog *l, uint64_t *pos,
				  uint64_t len);

/* Memory for a record of @len bytes in the file and its plaintext (then
 * @plain set), kept in @l->buf until the next call.  -ENOMEM. */
CDX_MUST_CHECK int cdx_ilog_buffer(struct cdx_ilog *l, uint8_t **plain,
				   uint64_t len, size_t plain_len);

/* Seals batches into @out, cdx_ilog_rec_len bytes, all set.  @plain is the
 * batches' encoding; r->body is filled in. */
void cdx_ilog_seal(const struct cdx_ilog *l, uint8_t *out,
		   struct cdx_ilog_rec *r, const uint8_t *plain, size_t len);

/**
 * cdx_ilog_read - the record with a number, if it is there
 *
 * @pos:  in-out: position to look at; afterwards the record's end
 * @out:  header
 * @body: emptied, then gets the opened batches
 * @seq:  number it must have
 *
 * 1 found; 0 not (torn, old, of another store, another key); negative errors.
 */
CDX_MUST_CHECK int cdx_ilog_read(const struct cdx_ilog *l, uint64_t *pos,
				 struct cdx_ilog_rec *out, struct cdx_buf *body,
				 uint64_t seq);
/**
 * cdx_ilog_cut - destroy records behind the end of a replay
 *
 * @pos: where the record that ended it should be
 * @seq: its number
 * @dry: only count
 *
 * A damaged record has whole ones behind it.  The next records get the same
 * numbers again; one from then, met right behind one from now, would be
 * replayed into a state that it is not of.  Call before anything is logged.
 * Returns how many there were; negative errors.
 */
CDX_MUST_CHECK int cdx_ilog_cut(const struct cdx_ilog *l, uint64_t pos,
				uint64_t seq, bool dry);
/* Walks an opened body.  1 and the next batch (borrowed), 0 at the end,
 * CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_ilog_body_next(struct cdx_cursor *c, const uint8_t **p,
				      size_t *len);
/* Is there the plaintext header of record @seq?  For stores without key. */
CDX_MUST_CHECK int cdx_ilog_peek(const struct cdx_ilog *l, uint64_t pos,
				 uint64_t seq);

#endif
