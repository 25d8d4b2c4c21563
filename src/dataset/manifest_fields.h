/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DATASET_MANIFEST_FIELDS_H
#define CDX_DATASET_MANIFEST_FIELDS_H

/*
 * Field numbers of a manifest (spec/datasets.md 4), shared by its encoder and
 * decoder only.  A wrapper message holds the header as its one field.
 */

enum manifest_wrapper_field {
	WRAPPER_HEADER = 1,
};

enum manifest_header_field {
	HEADER_TREE = 1,	 /* bytes, CID */
	HEADER_BLOCK_SIZE = 2,	 /* uint32 */
	HEADER_DATASET_SIZE = 3, /* uint64 */
	HEADER_CODEC = 4,	 /* uint32 */
	HEADER_HCODEC = 5,	 /* uint32 */
	HEADER_VERSION = 6,	 /* uint32, CID version + 1 */
	HEADER_ERASURE = 7,	 /* message, protected only */
	HEADER_FILENAME = 8,	 /* string, when set */
	HEADER_MIMETYPE = 9,	 /* string, when set */
};

enum manifest_erasure_field {
	ERASURE_K = 1,		   /* uint32 */
	ERASURE_M = 2,		   /* uint32 */
	ERASURE_ORIGINAL_TREE = 3, /* bytes, CID */
	ERASURE_ORIGINAL_SIZE = 4, /* uint64 */
	ERASURE_STRATEGY = 5,	   /* uint32 */
	ERASURE_VERIFICATION = 6,  /* message, verifiable only */
	ERASURE_CODEC = 100,	   /* uint32, ours; never written as 0 */
};

enum manifest_verification_field {
	VERIFICATION_ROOT = 1,	    /* bytes, CID */
	VERIFICATION_SLOT_ROOT = 2, /* repeated bytes, CID */
	VERIFICATION_CELL_SIZE = 3, /* uint32 */
	VERIFICATION_STRATEGY = 4,  /* uint32 */
};

/* The wire writes CID versions as 0 incorrect, 1 = version 0, 2 = version 1 */
#define MANIFEST_VERSION_BIAS 1u

#endif
