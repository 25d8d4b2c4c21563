/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_ABI_H
#define CDX_CODEC_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/u256.h"

/*
 * Solidity's contract ABI: arguments and results as 32-byte words, dynamic ones
 * by an offset into what follows.  Source: the Solidity documentation, "Contract
 * ABI Specification".
 *
 * A writer builds one tuple (an argument list is one): its members in their
 * order, then cdx_abi_end.  Static tuples and arrays of fixed length are
 * written member by member, in the head of what holds them.
 */
struct cdx_abi {
	struct cdx_buf head;
	struct cdx_buf tail;
	size_t head_words; /* that the tuple's head will have */
};

/* @head_words: words of the head: 1 for each word and each dynamic member */
void cdx_abi_begin(struct cdx_abi *w, size_t head_words);
void cdx_abi_u64(struct cdx_abi *w, uint64_t v);
void cdx_abi_u256(struct cdx_abi *w, const struct cdx_u256 *v);
void cdx_abi_bool(struct cdx_abi *w, bool v);
void cdx_abi_b32(struct cdx_abi *w, const uint8_t v[32]);
void cdx_abi_addr(struct cdx_abi *w, const uint8_t v[20]);
/* bytes, string: length, then the bytes, padded */
void cdx_abi_bytes(struct cdx_abi *w, const void *p, size_t len);
/* A dynamic member that is encoded already (a tuple that has dynamic members,
 * an array with its length in front) */
void cdx_abi_dynamic(struct cdx_abi *w, const struct cdx_buf *encoded);
/* Appends the tuple to @out, frees the writer.  -ENOMEM; -EINVAL the head has
 * not as many words as was said. */
CDX_MUST_CHECK int cdx_abi_end(struct cdx_abi *w, struct cdx_buf *out);

/*
 * A reader over untrusted bytes, with sticky failure: read the members in their
 * order, check once with cdx_abi_ok.  Words must be what their type allows
 * (zero above 64 bits, 20 bytes; 0 or 1), offsets and lengths must lie inside.
 */
struct cdx_abi_in {
	const uint8_t *p; /* of the tuple: offsets count from here */
	size_t len;
	size_t at; /* of the next word of the head */
	bool fail;
};

struct cdx_abi_in cdx_abi_in(const void *p, size_t len);
uint64_t cdx_abi_get_u64(struct cdx_abi_in *r);
struct cdx_u256 cdx_abi_get_u256(struct cdx_abi_in *r);
bool cdx_abi_get_bool(struct cdx_abi_in *r);
void cdx_abi_get_b32(struct cdx_abi_in *r, uint8_t out[32]);
void cdx_abi_get_addr(struct cdx_abi_in *r, uint8_t out[20]);
/* A pointer into the input; NULL after failure */
const uint8_t *cdx_abi_get_bytes(struct cdx_abi_in *r, size_t *len);
/* A dynamic tuple; a failed reader after failure */
struct cdx_abi_in cdx_abi_get_tuple(struct cdx_abi_in *r);
/* An array whose elements take @words words each: their number in @n, the
 * reader stands before the first */
struct cdx_abi_in cdx_abi_get_array(struct cdx_abi_in *r, size_t words,
				    size_t *n);
/* 0, or CDX_E_FORMAT when anything failed.  Bytes may be left. */
CDX_MUST_CHECK int cdx_abi_ok(const struct cdx_abi_in *r);

/* First four bytes of the Keccak-256 of a signature like
 * "freeSlot(bytes32)" */
void cdx_abi_selector(uint8_t out[4], const char *signature);

#endif
