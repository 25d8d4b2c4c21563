/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/wnaf.h"

#include <stddef.h>

/* @count bits from bit @at on; those above the limbs are zero */
static unsigned bits(const uint64_t k[4], unsigned at, unsigned count)
{
	const unsigned limb = at / 64;
	const unsigned shift = at % 64;
	uint64_t v;

	if (limb >= 4)
		return 0;
	v = k[limb] >> shift;
	if (shift + count > 64 && limb < 3)
		v |= k[limb + 1] << (64 - shift);
	return (unsigned)v & ((1u << count) - 1);
}

void cdx_wnaf(struct cdx_wnaf *out, const uint64_t k[4], unsigned width,
	      bool negate)
{
	const int most = (1 << (width - 1)) - 1;
	unsigned carry = 0;
	unsigned at = 0;

	out->n = 0;
	while (at < CDX_WNAF_DIGITS) {
		int digit;

		if (bits(k, at, 1) == carry) {
			out->d[at++] = 0;
			continue;
		}
		/* odd, with the carry; taken from the nearer side */
		digit = (int)(bits(k, at, width) + carry);
		carry = digit > most;
		if (carry)
			digit -= 1 << width;
		out->d[at] = (int8_t)(negate ? -digit : digit);
		out->n = at + 1;
		for (unsigned i = 1; i < width; i++)
			if (at + i < CDX_WNAF_DIGITS)
				out->d[at + i] = 0;
		at += width;
	}
}
