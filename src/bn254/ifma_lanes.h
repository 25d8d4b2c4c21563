/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Elements between lanes and memory: a template like ifma_field.h, which comes
 * before it.  In memory an element is four limbs of 64 bits.
 */

/* Four limbs of 64 bits, any, to ready ones */
static IFMA_INLINE void
IFMA_NAME(unpack)(struct IFMA_NAME(fe) * x,
		  const __m512i v[IFMA_STREAMS][IFMA_WORDS])
{
	EACH(x->l[s][0] = v[s][0]);
	EACH(x->l[s][1] = join(v[s][0], 52, v[s][1], 12));
	EACH(x->l[s][2] = join(v[s][1], 40, v[s][2], 24));
	EACH(x->l[s][3] = join(v[s][2], 28, v[s][3], 36));
	EACH(x->l[s][4] = _mm512_srli_epi64(v[s][3], 16));
}

/* The way back; limbs of 52 bits, the value below 2^256 */
static IFMA_INLINE void IFMA_NAME(pack)(__m512i v[IFMA_STREAMS][IFMA_WORDS],
					const struct IFMA_NAME(fe) * x)
{
	EACH(CHECK_MAX(x->l[s][4], (UINT64_C(1) << 48) - 1));
	EACH(v[s][0] = join(x->l[s][0], 0, x->l[s][1], 52));
	EACH(v[s][1] = join(x->l[s][1], 12, x->l[s][2], 40));
	EACH(v[s][2] = join(x->l[s][2], 24, x->l[s][3], 28));
	EACH(v[s][3] = join(x->l[s][3], 36, x->l[s][4], 16));
}

/* raw, below 2 m, to the number below m in limbs of 52 bits */
static IFMA_INLINE void IFMA_NAME(canonical)(struct IFMA_NAME(fe) * x)
{
	__m512i(*t)[IFMA_LIMBS] = x->l;
	struct IFMA_NAME(fe) d;
	__mmask8 less[IFMA_STREAMS];

	CARRY(0);
	CARRY(1);
	CARRY(2);
	CARRY(3);
	EACH_LIMB(t[s][i] = low(t[s][i]));
	EACH(CHECK_MAX(t[s][4], 2 * IFMA_MOD(modulus)[4]));
	EACH_LIMB(d.l[s][i] = _mm512_sub_epi64(t[s][i],
					       bcast(IFMA_MOD(modulus)[i])));
	EACH(d.l[s][1] = add(d.l[s][1], _mm512_srai_epi64(d.l[s][0], 52)));
	EACH(d.l[s][2] = add(d.l[s][2], _mm512_srai_epi64(d.l[s][1], 52)));
	EACH(d.l[s][3] = add(d.l[s][3], _mm512_srai_epi64(d.l[s][2], 52)));
	EACH(d.l[s][4] = add(d.l[s][4], _mm512_srai_epi64(d.l[s][3], 52)));
	EACH(less[s] = _mm512_movepi64_mask(d.l[s][4]));
	EACH_LIMB(t[s][i] = _mm512_mask_mov_epi64(low(d.l[s][i]), less[s],
						  t[s][i]));
}

/* Consecutive elements, as many as there are lanes.  Of each eight, lanes hold
 * number 0, 2, 1, 3, 4, 6, 5, 7: what costs the fewest shuffles. */
static IFMA_INLINE void IFMA_NAME(load_run)(struct IFMA_NAME(fe) * x,
					    const void *from)
{
	const uint8_t *p = from;
	__m512i z[IFMA_STREAMS][4];
	__m512i t[IFMA_STREAMS][4];
	__m512i v[IFMA_STREAMS][IFMA_WORDS];

	EACH(z[s][0] = _mm512_loadu_si512(p + 256 * s));
	EACH(z[s][1] = _mm512_loadu_si512(p + 256 * s + 64));
	EACH(z[s][2] = _mm512_loadu_si512(p + 256 * s + 128));
	EACH(z[s][3] = _mm512_loadu_si512(p + 256 * s + 192));
	EACH(t[s][0] = _mm512_unpacklo_epi64(z[s][0], z[s][1]));
	EACH(t[s][1] = _mm512_unpackhi_epi64(z[s][0], z[s][1]));
	EACH(t[s][2] = _mm512_unpacklo_epi64(z[s][2], z[s][3]));
	EACH(t[s][3] = _mm512_unpackhi_epi64(z[s][2], z[s][3]));
	EACH(v[s][0] = _mm512_shuffle_i64x2(t[s][0], t[s][2], 0x88));
	EACH(v[s][1] = _mm512_shuffle_i64x2(t[s][1], t[s][3], 0x88));
	EACH(v[s][2] = _mm512_shuffle_i64x2(t[s][0], t[s][2], 0xdd));
	EACH(v[s][3] = _mm512_shuffle_i64x2(t[s][1], t[s][3], 0xdd));
	IFMA_NAME(unpack)(x, (const __m512i(*)[IFMA_WORDS])v);
}

/* To where load_run took them from; limbs of 52 bits, values below 2^256 */
static IFMA_INLINE void IFMA_NAME(store_run)(void *to,
					     const struct IFMA_NAME(fe) * x)
{
	const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
	const __m512i last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
	uint8_t *p = to;
	__m512i t[IFMA_STREAMS][4];
	__m512i v[IFMA_STREAMS][IFMA_WORDS];

	IFMA_NAME(pack)(v, x);
	EACH(t[s][0] = _mm512_unpacklo_epi64(v[s][0], v[s][1]));
	EACH(t[s][1] = _mm512_unpackhi_epi64(v[s][0], v[s][1]));
	EACH(t[s][2] = _mm512_unpacklo_epi64(v[s][2], v[s][3]));
	EACH(t[s][3] = _mm512_unpackhi_epi64(v[s][2], v[s][3]));
	EACH(_mm512_storeu_si512(p + 256 * s,
				 _mm512_permutex2var_epi64(t[s][0], first,
							   t[s][2])));
	EACH(_mm512_storeu_si512(p + 256 * s + 64,
				 _mm512_permutex2var_epi64(t[s][1], first,
							   t[s][3])));
	EACH(_mm512_storeu_si512(p + 256 * s + 128,
				 _mm512_permutex2var_epi64(t[s][0], last,
							   t[s][2])));
	EACH(_mm512_storeu_si512(p + 256 * s + 192,
				 _mm512_permutex2var_epi64(t[s][1], last,
							   t[s][3])));
}
