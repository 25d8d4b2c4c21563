/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_IFMA_TABLES_H
#define CDX_BN254_IFMA_TABLES_H

#include <stdint.h>

#include "bn254/fr.h"
#include "bn254/internal.h"

/*
 * Constants of the vector code.  Five limbs of 52 bits, least significant
 * first; elements as a * 2^260 mod r unless said otherwise.
 */

#define IFMA_LIMBS 5
#define IFMA_LANES 8
#define IFMA_LIMB (UINT64_C(1) << 52)
#define IFMA_MASK (IFMA_LIMB - 1)
/* Rounds after which the internal rounds make their numbers small again */
#define IFMA_GROUP 4

struct ifma_tables {
	/* What the last two rounds of a group add to their y: multiples of r to
	 * take off, by what limb 4 of a + b says, and the constant.  [limb]
	 * [which], the top limb signed. */
	_Alignas(64)
		uint64_t off[CDX_POSEIDON2_INTERNAL][IFMA_LIMBS][IFMA_LANES];
	/* The constant alone */
	uint64_t internal[CDX_POSEIDON2_INTERNAL][IFMA_LIMBS];
	/* Added after the first matrix */
	uint64_t first[3][IFMA_LIMBS];
	/* Added before the matrix of each external round */
	uint64_t external[CDX_POSEIDON2_EXTERNAL][3][IFMA_LIMBS];
	uint64_t one[IFMA_LIMBS];
	uint64_t sponge[IFMA_LIMBS]; /* what the capacity starts with, rate 2 */
	/* Plain integers; a product with one of them (divided by 2^260)
	 * changes the form of an element */
	uint64_t from_plain[IFMA_LIMBS]; /* 2^520: a to a 2^260 */
	uint64_t from_fr[IFMA_LIMBS];	 /* 2^264: a 2^256 to a 2^260 */
	uint64_t to_fr[IFMA_LIMBS];	 /* 2^256: a 2^260 to a 2^256 */
};

/* Made by the first call.  Thread: safe. */
const struct ifma_tables *cdx_ifma_tables(void);
/* One element; below r */
void cdx_ifma_element(uint64_t out[IFMA_LIMBS], const struct cdx_fr *a);

/* r */
static const uint64_t ifma_modulus[IFMA_LIMBS] = {
	0x1f593f0000001, 0x4879b9709143e, 0x181585d2833e8, 0xa029b85045b68,
	0x30644e72e131};
/* 2^260 - r */
static const uint64_t ifma_neg_modulus[IFMA_LIMBS] = {
	0xe0a6c0fffffff, 0xb786468f6ebc1, 0xe7ea7a2d7cc17, 0x5fd647afba497,
	0xfcf9bb18d1ece};
/* -1 / r mod 2^52 */
#define IFMA_NEG_INV UINT64_C(0x1f593efffffff)
/* 2^300 / r, rounded down */
#define IFMA_QUOTIENT UINT64_C(0x54a47462623a)
/* 2^(-52 (3 - j)) mod r, as it is */
static const uint64_t ifma_fold[3][IFMA_LIMBS] = {
	{0xe8c656567d77, 0x430d05713ae61, 0xea3ba6b167128, 0xa7dae55c5a296,
	 0x1b4afd513572},
	{0x74eccce9a797a, 0x16ddcc30bd8a4, 0x49ecd3539499e, 0xb23a6fcc592b8,
	 0x0e3bd49f6ee5},
	{0x82e644ee4c3d2, 0xf93893c98b1de, 0xd46fe04d0a4c7, 0x8f0aad55e2a1f,
	 0x05ed0447de83}};

#endif
