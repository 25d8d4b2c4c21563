/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_FOOTER_H
#define CDX_VOLUME_FOOTER_H

/*
 * The encrypted end of a sealed segment (docs/FORMATS.md "Segment footer").
 *
 * Body: what the segment holds, in @n blocks before the last one, encrypted
 * with a stream cipher under a key that is used once.  Tail: the last block,
 * 24 random bytes and 65,496 authenticated ones under the volume's footer key:
 * version, segment id, number of body blocks, that one-time key, its cipher,
 * length and SHA-256 of the body.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "volume/segs.h"

#define CDX_FOOTER_VERSION 1u
/* zero-filled plaintext of the last block */
#define CDX_FOOTER_TAIL_PLAIN (CDX_BLOCK_SIZE - CDX_SEAL_OVERHEAD)
/* nobody writes more; longer ones are refused */
#define CDX_FOOTER_BODY_MAX ((size_t)256 << 20)

/* Blocks in a row that have one state */
struct cdx_footer_run {
	uint8_t state; /* enum cdx_leaf_state */
	uint32_t n;
};

/* Where a range of a file lies */
struct cdx_footer_extent {
	uint64_t off; /* plain byte in the segment */
	uint64_t len;
	uint64_t ino;
	uint64_t file_off;
};

/* A decoded body.  Zero-initialise; free with cdx_footer_free. */
struct cdx_footer {
	uint8_t id[CDX_SEG_ID_LEN];
	uint32_t k;
	uint32_t m;
	uint32_t blocks; /* of the segment, footer included */
	uint32_t epochs;
	struct cdx_epoch epoch[CDX_SEG_EPOCHS_MAX];
	uint32_t runs;
	struct cdx_footer_run *run; /* owned */
	bool complete; /* no extent was left out for want of room */
	uint32_t extents;
	struct cdx_footer_extent *extent; /* owned, in order of @off */
};

/* Everything before the extents: appended to @out (sticky failure) */
void cdx_footer_begin(struct cdx_buf *out, const struct cdx_footer *f);
/**
 * cdx_footer_add - append one extent
 *
 * @prev: the one before, zero for the first; in order of @off
 * @max:  bytes that @out may have in the end
 *
 * Returns false when it does not fit.
 */
bool cdx_footer_add(struct cdx_buf *out, const struct cdx_footer_extent *prev,
		    const struct cdx_footer_extent *e, size_t max);
/* The end; -ENOMEM when anything failed */
CDX_MUST_CHECK int cdx_footer_end(struct cdx_buf *out, bool complete);
/* CDX_E_FORMAT, CDX_E_VERSION, -ENOMEM; nothing but what the functions above
 * write is accepted. */
CDX_MUST_CHECK int cdx_footer_decode(struct cdx_footer *out, const void *p,
				     size_t len);
void cdx_footer_free(struct cdx_footer *f);

/* What the last block says */
struct cdx_footer_tail {
	uint8_t id[CDX_SEG_ID_LEN];
	uint32_t body_blocks;
	uint32_t cipher;
	struct cdx_key key;
	uint64_t len;		  /* of the body */
	struct cdx_digest digest; /* of the body */
};

/* @out: one block; the nonce is drawn here */
CDX_MUST_CHECK int cdx_footer_tail_seal(uint8_t out[CDX_BLOCK_SIZE],
					const struct cdx_key *footer_key,
					const struct cdx_footer_tail *t);
/* CDX_E_HASH it is no tail under this key; CDX_E_FORMAT, CDX_E_VERSION */
CDX_MUST_CHECK int cdx_footer_tail_open(struct cdx_footer_tail *out,
					const struct cdx_key *footer_key,
					const uint8_t in[CDX_BLOCK_SIZE]);
/* Plain text of the last block: for the two above and the fuzzer.
 * @out: CDX_FOOTER_TAIL_PLAIN bytes */
void cdx_footer_tail_encode(uint8_t *out, const struct cdx_footer_tail *t);
CDX_MUST_CHECK int cdx_footer_tail_decode(struct cdx_footer_tail *out,
					  const uint8_t *p, size_t len);

/**
 * cdx_footer_read - read, open and decode the footer of a sealed segment
 *
 * Verifies the tail, the body's digest and form; not that it agrees with the
 * tables.  Errors: those of the functions above; those of cdx_seg_block.
 */
CDX_MUST_CHECK int cdx_footer_read(struct cdx_volume *v, struct cdx_footer *out,
				   uint64_t area, uint32_t blocks);

#endif
