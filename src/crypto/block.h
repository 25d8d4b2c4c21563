/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CRYPTO_BLOCK_H
#define CDX_CRYPTO_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/aead.h"

#define CDX_BLOCK_SIZE 65536u

/* Stream ciphers for segment blocks; numbers are stored on disk. */
enum cdx_block_cipher {
	CDX_CIPHER_AES256_CTR = 1,
	CDX_CIPHER_XCHACHA20 = 2,
};

/* AES-256-CTR when this CPU has AES instructions, else XChaCha20. */
enum cdx_block_cipher cdx_block_cipher_best(void);

/**
 * cdx_block_crypt - en- or decrypt a piece of one segment block
 *
 * @out:    @len bytes; may be the same memory as @in
 * @cipher: which stream cipher
 * @key:    the epoch's key
 * @index:  index of the block in its segment
 * @off:    first byte inside the block, off + len <= CDX_BLOCK_SIZE; any
 *          alignment
 *
 * Key streams of different indexes are disjoint: AES-256-CTR starts at the
 * counter block BE64(index) || 0^64; XChaCha20 takes the 24-byte nonce
 * 0^16 || BE64(index).
 *
 * Errors: -EINVAL unknown cipher or range; -ENOMEM.  Thread: safe; reuses a
 * per-thread cipher context.  Source: design/privacy "Data".
 */
CDX_MUST_CHECK int cdx_block_crypt(uint8_t *out, enum cdx_block_cipher cipher,
				   const struct cdx_key *key, uint64_t index,
				   size_t off, const uint8_t *in, size_t len);

/* @len bytes of a stream cipher's output under a key that is drawn from the
 * kernel and thrown away: indistinguishable from ciphertext, and nobody can
 * ever open it. */
void cdx_block_padding(uint8_t *out, size_t len);

/* Checksums of a block's sixteen 4 KiB pages, keyed, 8 bytes each */
#define CDX_PAGE_SIZE 4096u
#define CDX_PAGES_PER_BLOCK 16u
#define CDX_PAGE_SUM_LEN 8u

/**
 * cdx_page_sum - keyed checksum of one page of stored bytes
 *
 * @out:   8 bytes
 * @key:   first 16 bytes are used (SipHash-2-4)
 * @area:  data file the page lies in
 * @page:  number of the page in that file
 * @in:    CDX_PAGE_SIZE bytes of ciphertext
 *
 * The file and page number are mixed in, so that a misplaced page does not
 * verify.
 */
void cdx_page_sum(uint8_t out[CDX_PAGE_SUM_LEN], const struct cdx_key *key,
		  uint64_t area, uint64_t page, const uint8_t *in);

#endif
