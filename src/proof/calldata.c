/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/proof_json.h"

#define WORD 32u

/* An element as a word of the EVM: big endian */
static void put_word(uint8_t out[WORD], const struct cdx_fq *a)
{
	uint8_t le[CDX_FQ_BYTES];

	cdx_fq_to_bytes(le, a);
	for (size_t i = 0; i < WORD; i++)
		out[i] = le[WORD - 1 - i];
}

/* Codex's contract names the halves of Fq2 (real, imag), and turns them round
 * itself for the precompile, which wants the imaginary one first
 * (spec/proofs.md 4) */
void cdx_proof_calldata(uint8_t out[8][32], const struct cdx_proof *proof)
{
	const struct cdx_fq *const words[8] = {
		&proof->a.x,	&proof->a.y,	&proof->b.x.c0, &proof->b.x.c1,
		&proof->b.y.c0, &proof->b.y.c1, &proof->c.x,	&proof->c.y,
	};

	for (size_t i = 0; i < CDX_ARRAY_LEN(words); i++)
		put_word(out[i], words[i]);
}
