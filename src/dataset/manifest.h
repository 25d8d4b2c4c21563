/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DATASET_MANIFEST_H
#define CDX_DATASET_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/cid.h"

#define CDX_FILENAME_MAX 4096
#define CDX_MIMETYPE_MAX 255
/* a verifiable manifest of 256 slots has under 16 KiB; longer input is
 * refused */
#define CDX_MANIFEST_MAX 65536
/* slots of a verifiable manifest, K + M; the proof circuit has room for 2^8 */
#define CDX_SLOTS_MAX 256
/* bytes of a block in the datasets that are made here; reading is not bound */
#define CDX_BLOCK_SIZE_MAX 4194304u

/* ErasureInfo, VerificationInfo: taken apart into these fields, checked
 * against each other (spec/datasets.md 4.5) and written back in the order and
 * form of spec/datasets.md 4.2 and 4.3, so that what a Codex node wrote comes
 * out byte for byte.  Of fields that those tables do not list only the codec
 * (docs/FORMATS.md) is kept, and written when it is not 0. */
struct cdx_erasure_info {
	uint32_t k; /* data columns */
	uint32_t m; /* parity columns */
	struct cdx_cid original_tree;
	uint64_t original_size; /* bytes, unpadded */
	uint32_t strategy;	/* enum cdx_strategy of the code's steps */
	uint32_t codec; /* enum cdx_ec_codec; unknown numbers are kept */
};

struct cdx_verification_info {
	struct cdx_cid verify_root;
	uint32_t cell_size;	    /* bytes */
	uint32_t strategy;	    /* enum cdx_strategy of the slots */
	uint32_t slots;		    /* entries in slot_roots */
	struct cdx_cid *slot_roots; /* owned by the manifest */
};

/* A manifest.  Zero-initialise; free with cdx_manifest_free. */
struct cdx_manifest {
	struct cdx_cid tree;
	uint32_t block_size;   /* bytes */
	uint64_t dataset_size; /* bytes; plain: unpadded, protected: padded */
	uint32_t codec;	       /* CDX_CODEC_BLOCK */
	uint32_t hcodec;       /* CDX_MHASH_SHA256 */
	uint32_t version;      /* 1 for CIDv1 (written as 2) */
	bool is_protected;
	bool is_verifiable; /* implies is_protected */
	struct cdx_erasure_info erasure;
	struct cdx_verification_info verification;
	char *filename; /* owned; NULL when unset; any bytes but NUL */
	char *mimetype; /* owned; NULL when unset; any bytes but NUL */
};

/**
 * cdx_manifest_plain - a plain manifest
 *
 * @out:        written on success only; free with cdx_manifest_free
 * @tree_root:  root of the dataset's tree
 * @size:       bytes of the dataset, unpadded
 * @block_size: bytes, 1 to CDX_BLOCK_SIZE_MAX
 * @filename:   copied; NULL or empty for none
 * @mimetype:   copied; NULL or empty for none
 *
 * Errors: -EINVAL block size out of range; -ENOMEM; -ENAMETOOLONG above
 * CDX_FILENAME_MAX, CDX_MIMETYPE_MAX.
 */
CDX_API CDX_MUST_CHECK int
cdx_manifest_plain(struct cdx_manifest *out, const struct cdx_digest *tree_root,
		   uint64_t size, uint32_t block_size, const char *filename,
		   const char *mimetype);

/* Exact bytes; appended to @out.  -ENOMEM (also when @out had failed). */
CDX_API CDX_MUST_CHECK int cdx_manifest_encode(struct cdx_buf *out,
					       const struct cdx_manifest *m);
/**
 * cdx_manifest_decode - read a manifest
 *
 * @out: written on success only; free with cdx_manifest_free
 * @in:  @len bytes; borrowed.  Their CID is not checked here.
 *
 * A filename is whatever the sender wrote, slashes and dots included: never
 * take it for a path.
 *
 * Errors: CDX_E_FORMAT malformed, or one of the checks of spec/datasets.md 4.5
 * fails, or it is above one of the limits here; CDX_E_CODEC block, hash or
 * tree codecs that are not Codex's; -ENOMEM.  Thread: safe.
 */
CDX_API CDX_MUST_CHECK int cdx_manifest_decode(struct cdx_manifest *out,
					       const void *in, size_t len);
/* CID of encoded bytes (hashes them).  Thread: safe. */
CDX_API struct cdx_cid cdx_manifest_cid(const void *encoded, size_t len);
/* Blocks under the tree: ceil(dataset_size / block_size).  Pure. */
CDX_API uint64_t cdx_manifest_blocks(const struct cdx_manifest *m);
/* Bytes of the file that a reader sees: original size when protected.  Pure. */
CDX_API uint64_t cdx_manifest_file_size(const struct cdx_manifest *m);
/* Frees what @m owns and zeroes it. */
CDX_API void cdx_manifest_free(struct cdx_manifest *m);

#endif
