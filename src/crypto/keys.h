/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CRYPTO_KEYS_H
#define CDX_CRYPTO_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/aead.h"

/* The root secret R: 32 bytes, the entropy of 24 BIP-39 words. */
struct cdx_root {
	uint8_t b[32];
};

#define CDX_WORDS 24
/* longest text of 24 words: 24 x 8 letters, 23 blanks, NUL */
#define CDX_WORDS_TEXT_MAX 216

/* Fresh root secret from the kernel's generator */
void cdx_root_random(struct cdx_root *out);

/**
 * cdx_words_encode - root secret to 24 words
 *
 * @out: CDX_WORDS_TEXT_MAX bytes, blanks between, ends with NUL; wipe it
 *
 * Source: BIP-39, English list, 8-bit checksum.
 */
CDX_API void cdx_words_encode(char out[CDX_WORDS_TEXT_MAX],
			      const struct cdx_root *root);

/**
 * cdx_words_decode - 24 words to the root secret
 *
 * @text: @len bytes; any white space between words, any case
 * @bad:  out, may be NULL: 1-based number of the first unknown word, 0 when
 *        the checksum or the count is what is wrong
 *
 * Errors: CDX_E_FORMAT (not 24 words, or an unknown word); CDX_E_AUTH
 * (checksum).
 */
CDX_API CDX_MUST_CHECK int cdx_words_decode(struct cdx_root *out, unsigned *bad,
					    const char *text, size_t len);

/* What a key file holds.  A full one has the root; a store made from a
 * capability (later) has only W. */
struct cdx_keyfile {
	struct cdx_root root;
	uint32_t volume; /* index v */
};

/**
 * cdx_keyfile_encode - bytes of a key file
 *
 * @out:      buffer, appended to
 * @password: NULL for a plain file; else it is sealed: Argon2id
 *            (crypto_pwhash, moderate limits recorded in the file), then
 *            XChaCha20-Poly1305
 *
 * Errors: -ENOMEM.  Source: docs/FORMATS.md "Key file".
 */
struct cdx_buf;
CDX_MUST_CHECK int cdx_keyfile_encode(struct cdx_buf *out,
				      const struct cdx_keyfile *k,
				      const char *password);

/**
 * cdx_keyfile_decode - read a key file's bytes
 *
 * Errors: CDX_E_FORMAT not a key file or truncated; CDX_E_VERSION made by a
 * newer version; CDX_E_HASH a plain one whose bytes were altered; -ENOKEY it is
 * sealed and @password is NULL; CDX_E_AUTH wrong password (or altered bytes);
 * -ENOMEM.  @password is not looked at for a plain file.  Limits for Argon2id read from the
 * file are bounded (1 GiB of memory, 16 passes) before they are used.
 */
CDX_MUST_CHECK int cdx_keyfile_decode(struct cdx_keyfile *out, const void *in,
				      size_t len, const char *password);

/* Is this the beginning of a password-sealed key file? */
bool cdx_keyfile_is_sealed(const void *in, size_t len);

/* HKDF-SHA256 (extract and expand), 32 bytes out.
 * @secret: @secret_len bytes; @label: text; @info: extra bytes after it */
void cdx_hkdf(struct cdx_key *out, const void *secret, size_t secret_len,
	      const char *label, const void *info, size_t info_len);

/* Keys of one volume: W = HKDF(R, "codexfs volume v1", BE32(v)) and its
 * children.  Wipe with cdx_volume_keys_wipe. */
struct cdx_volume_keys {
	struct cdx_key w;
	struct cdx_key local;	 /* "codexfs local v1" */
	struct cdx_key read;	 /* "codexfs read v1" */
	struct cdx_key sign;	 /* "codexfs sign v1", Ed25519 seed */
	struct cdx_key location; /* "codexfs location v1" */
	struct cdx_key chunk;	 /* "codexfs chunk v1" */
	struct cdx_key footer;	 /* HKDF(read, "codexfs footer v1") */
	struct cdx_key wrap;	 /* HKDF(read, "codexfs segment-key v1") */
	struct cdx_key sum;	 /* HKDF(local, "codexfs page-sum v1") */
};

void cdx_volume_keys_derive(struct cdx_volume_keys *out,
			    const struct cdx_root *root, uint32_t volume);
void cdx_volume_keys_wipe(struct cdx_volume_keys *k);

#endif
