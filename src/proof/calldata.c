/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/proof_json.h"

#include <errno.h>
#include <stdlib.h>

#define WORD 32u

/* An element as a word of the EVM: big endian */
static void put_word(uint8_t out[WORD], const struct cdx_fq *a)
{
	uint8_t le[CDX_FQ_BYTES];

	cdx_fq_to_bytes(le, a);
	for (size_t i = 0; i < WORD; i++)
		out[i] = le[WORD - 1 - i];
}

static void put_g1(uint8_t out[2][WORD], const struct cdx_g1 *p)
{
	put_word(out[0], &p->x);
	put_word(out[1], &p->y);
}

/* Codex's contract names the halves of Fq2 (real, imag), and turns them round
 * itself for the precompile, which wants the imaginary one first
 * (spec/proofs.md 4) */
static void put_g2(uint8_t out[4][WORD], const struct cdx_g2 *p)
{
	put_word(out[0], &p->x.c0);
	put_word(out[1], &p->x.c1);
	put_word(out[2], &p->y.c0);
	put_word(out[3], &p->y.c1);
}

void cdx_proof_calldata(uint8_t out[8][32], const struct cdx_proof *proof)
{
	put_g1(out, &proof->a);
	put_g2(out + 2, &proof->b);
	put_g1(out + 6, &proof->c);
}

int cdx_vk_calldata(struct cdx_vk_words *out, const struct cdx_vk *vk)
{
	size_t n = (size_t)vk->public_inputs + 1;
	uint8_t(*ic)[2][WORD] = calloc(n, sizeof(*ic));

	if (!ic)
		return -ENOMEM;
	put_g1(out->alpha1, &vk->alpha1);
	put_g2(out->beta2, &vk->beta2);
	put_g2(out->gamma2, &vk->gamma2);
	put_g2(out->delta2, &vk->delta2);
	for (size_t i = 0; i < n; i++)
		put_g1(ic[i], &vk->ic[i]);
	out->ic = ic;
	out->n_ic = n;
	return 0;
}
