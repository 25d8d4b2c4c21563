/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_BINFILE_H
#define CDX_PROOF_BINFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "proof/why.h"

/*
 * The container that .r1cs, .wtns, .zkey and .ptau files share (docs/FORMATS.md,
 * spec/proofs.md 4), little endian: four letters, u32 version, u32 number of
 * sections, then sections of u32 id, u64 size and so many bytes, in any order.
 */

/* Files of snarkjs have 10 at most, for this proof system */
#define CDX_BINFILE_SECTIONS_MAX 64u
/* u32 32 and the modulus */
#define CDX_BINFILE_MODULUS_BYTES 36u

struct cdx_binfile_section {
	uint32_t id;
	const uint8_t *p;
	size_t len;
};

/* An opened file: where its sections are; borrows the file's bytes */
struct cdx_binfile {
	unsigned sections;
	struct cdx_binfile_section section[CDX_BINFILE_SECTIONS_MAX];
};

/**
 * cdx_binfile_open - finds the sections
 *
 * @out:     written on success only; points into @p
 * @p, @len: the whole file
 * @magic:   its four letters
 * @version: the one that we know
 * @why:     what is wrong
 *
 * Sections beyond the end, two of one number, and bytes after the last are
 * refused; sections that nobody asks for are passed over.
 * Errors: CDX_E_FORMAT, CDX_E_VERSION a later one than @version.
 */
CDX_MUST_CHECK int cdx_binfile_open(struct cdx_binfile *out, const uint8_t *p,
				    size_t len, const char magic[5],
				    uint32_t version,
				    char why[CDX_PROOF_WHY_MAX]);

/* Is there a section @id? */
bool cdx_binfile_has(const struct cdx_binfile *f, uint32_t id);

/* The bytes of section @id; CDX_E_FORMAT when there is none */
CDX_MUST_CHECK int cdx_binfile_section(struct cdx_cursor *out,
				       const struct cdx_binfile *f, uint32_t id,
				       char why[CDX_PROOF_WHY_MAX]);
/* The bytes of section @id, in place, which must be @count items of @size bytes
 * each; CDX_E_FORMAT */
CDX_MUST_CHECK int cdx_binfile_array(const uint8_t **out,
				     const struct cdx_binfile *f, uint32_t id,
				     uint64_t count, size_t size,
				     char why[CDX_PROOF_WHY_MAX]);

/* Reads the length of field elements and the modulus, which must be @m (limbs,
 * least significant first); @name for @why.  CDX_E_CODEC when it is another. */
CDX_MUST_CHECK int cdx_binfile_modulus(struct cdx_cursor *c,
				       const uint64_t m[4], const char *name,
				       char why[CDX_PROOF_WHY_MAX]);

/* ---- write; failure sticks to the buffer ---- */

/* The file's beginning: @sections are to follow */
void cdx_binfile_put_header(struct cdx_buf *b, const char magic[5],
			    uint32_t version, uint32_t sections);
/* Begins a section: @size bytes are to follow */
void cdx_binfile_put_section(struct cdx_buf *b, uint32_t id, uint64_t size);
/* CDX_BINFILE_MODULUS_BYTES */
void cdx_binfile_put_modulus(struct cdx_buf *b, const uint64_t m[4]);

#endif
