/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_VK_WORDS_H
#define CDX_ETH_VK_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* A verification key in the words of the verifier's constructor, big endian: the
 * order of coordinates is that of struct cdx_proof_words (real, imaginary) */
struct cdx_vk_words {
	uint8_t alpha1[2][32];
	uint8_t beta2[4][32];
	uint8_t gamma2[4][32];
	uint8_t delta2[4][32];
	uint8_t (*ic)[2][32]; /* @n_ic of them */
	size_t n_ic;
};

#endif
