/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_IFMA_MODULUS_H
#define CDX_BN254_IFMA_MODULUS_H

#include <stdint.h>

/*
 * The two moduli (spec/proofs.md 5) as the vector code wants them: five limbs
 * of 52 bits, least significant first.  For m, r or q:
 *
 *   modulus      m
 *   neg_modulus  2^260 - m
 *   neg_inv      -1 / m mod 2^52
 *   fold[j]      2^(-52 (3 - j)) mod m, as it is
 *
 * They agree in their upper 128 bits, so bounds that are multiples of m are the
 * same for both.
 */

#define IFMA_LIMBS 5
#define IFMA_LANES 8
#define IFMA_WORDS 4 /* limbs of 64 bits */
#define IFMA_LIMB (UINT64_C(1) << 52)
#define IFMA_MASK (IFMA_LIMB - 1)
/* 2^300 / m, rounded down */
#define IFMA_QUOTIENT UINT64_C(0x54a47462623a)

/* Of r */
static const uint64_t ifma_r_modulus[IFMA_LIMBS] = {
	0x1f593f0000001, 0x4879b9709143e, 0x181585d2833e8, 0xa029b85045b68,
	0x30644e72e131};
static const uint64_t ifma_r_neg_modulus[IFMA_LIMBS] = {
	0xe0a6c0fffffff, 0xb786468f6ebc1, 0xe7ea7a2d7cc17, 0x5fd647afba497,
	0xfcf9bb18d1ece};
/* A factor: see MONT_Q */
static const uint64_t ifma_r_neg_inv = UINT64_C(0x1f593efffffff);
static const uint64_t ifma_r_fold[3][IFMA_LIMBS] = {
	{0xe8c656567d77, 0x430d05713ae61, 0xea3ba6b167128, 0xa7dae55c5a296,
	 0x1b4afd513572},
	{0x74eccce9a797a, 0x16ddcc30bd8a4, 0x49ecd3539499e, 0xb23a6fcc592b8,
	 0xe3bd49f6ee5},
	{0x82e644ee4c3d2, 0xf93893c98b1de, 0xd46fe04d0a4c7, 0x8f0aad55e2a1f,
	 0x5ed0447de83}};

/* Of q */
static const uint64_t ifma_q_modulus[IFMA_LIMBS] = {
	0x8c16d87cfd47, 0x916871ca8d3c2, 0x181585d97816a, 0xa029b85045b68,
	0x30644e72e131};
static const uint64_t ifma_q_neg_modulus[IFMA_LIMBS] = {
	0xf73e9278302b9, 0x6e978e3572c3d, 0xe7ea7a2687e95, 0x5fd647afba497,
	0xfcf9bb18d1ece};
/* The same for q */
static const uint64_t ifma_q_neg_inv = UINT64_C(0x20782e4866389);
static const uint64_t ifma_q_fold[3][IFMA_LIMBS] = {
	{0xe331848a197b9, 0xde3536be7dcf5, 0x9351997b47594, 0xe341794cfadd0,
	 0x18cefbcf2e96},
	{0xad9de1582c255, 0x8ad2bc2a5fd8b, 0x9ad1fe489ff8, 0x8774e6c3bdfd7,
	 0x131d64f7d9d6},
	{0xc93a3dee22c55, 0xe15f4ea250777, 0x37f0b49e7cd63, 0x2079e650a0895,
	 0x6234192d7a1}};

#endif
