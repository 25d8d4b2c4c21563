/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_WIRE_H
#define CDX_EXCHANGE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "merkle/sha256_page.h"

/* Many blocks in one answer (docs/PEERS.md "Blocks in a stream"). */

#define CDX_WIRE_RANGES_MAX 64u
#define CDX_WIRE_BLOCKS_MAX 1024u
#define CDX_WIRE_TYPE "application/vnd.codexfs.blocks"

struct cdx_range {
	uint32_t first;
	uint32_t last; /* inclusive */
};
/* "0-255,300-300": ascending, apart, within the limits above.  Returns their
 * number; CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_wire_ranges(struct cdx_range out[CDX_WIRE_RANGES_MAX],
				   const char *text);
/* The text of it; @out 24 * n + 1 bytes */
void cdx_wire_ranges_text(char *out, const struct cdx_range *r, size_t n);

/* ---- writing; appended to @out ---- */

/* The first bytes of a stream */
void cdx_wire_put_head(struct cdx_buf *out);
/* @p: its numbers agree, as cdx_tree_page_verify wants them */
void cdx_wire_put_page(struct cdx_buf *out, const struct cdx_tree_page *p);
/* Bytes of the longest page; what one of these is */
#define CDX_WIRE_PAGE_MAX (12u + (CDX_TREE_PAGE + CDX_TREE_PAGE_PATH_MAX) * 32u)
/* What goes before a block's bytes */
#define CDX_WIRE_BLOCK_HEAD 9u
void cdx_wire_block_head(uint8_t out[CDX_WIRE_BLOCK_HEAD], uint32_t index,
			 uint32_t len);
void cdx_wire_put_absent(struct cdx_buf *out, uint32_t index);
void cdx_wire_put_have(struct cdx_buf *out, uint32_t index);
void cdx_wire_put_end(struct cdx_buf *out, uint32_t frames);

/* ---- reading: bytes as they come ---- */

/*
 * At most CDX_WIRE_BLOCKS_MAX frames of blocks (here, absent or sent) and as many
 * pages are read; more are CDX_E_FORMAT.  Indices and the number of leaves are
 * what the peer says: they are compared with the request and the manifest by who
 * has those.  Memory: one page.  One thread at a time.
 */
struct cdx_wire_reader;
/* Negative results end the reading with them. */
struct cdx_wire_events {
	/* A page whose numbers agree; not verified against anything */
	int (*page)(void *arg, const struct cdx_tree_page *p);
	/* A block begins: where its @len bytes are to go, or NULL: passed over.
	 * Not called for an empty one. */
	uint8_t *(*block_begin)(void *arg, uint32_t index, uint32_t len);
	/* All its bytes are there (none for an empty one); not verified.  Not
	 * called for one that was passed over. */
	int (*block)(void *arg, uint32_t index, uint32_t len);
	int (*absent)(void *arg, uint32_t index);
	int (*have)(void *arg, uint32_t index);
};
/* @block_max: a longer block is CDX_E_FORMAT.  @events, @arg are kept.  -ENOMEM. */
CDX_MUST_CHECK int cdx_wire_reader_new(struct cdx_wire_reader **out,
				       uint32_t block_max,
				       const struct cdx_wire_events *events,
				       void *arg);
/* NULL is allowed. */
void cdx_wire_reader_free(struct cdx_wire_reader *r);
/* 0; CDX_E_FORMAT what comes is no such stream, or goes on after its end.  An
 * error stays: every later call returns it. */
CDX_MUST_CHECK int cdx_wire_read(struct cdx_wire_reader *r, const uint8_t *p,
				 size_t len);
/* Was the end there?  Else the stream was cut. */
bool cdx_wire_ended(const struct cdx_wire_reader *r);

#endif
