/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Arithmetic in eight lanes a vector, for IFMA_STREAMS vectors at once: a
 * template (no guard), included once for each modulus and number of streams
 * that a file needs.  IFMA_NAME(x) makes the names, IFMA_MOD(x) those of the
 * modulus's constants (ifma_modulus.h).  Below, m is the modulus.
 *
 * Five limbs of 52 bits; an element a is kept as a * 2^260 mod m, plus a
 * multiple of m.  Two kinds of limbs:
 *
 *   ready  limbs 0 to 3 may have anything above bit 51 (already carried into
 *          the next limb; vpmadd52 reads 52 bits only), limb 4 is below 2^52
 *   raw    the value is the sum of l[i] * 2^(52 i); limbs up to 64 bits
 *
 * Bounds of values are given as multiples of m; 2^260 is 84.6 m for both.
 *
 * Long functions are IFMA_BODY: IFMA_INLINE or, for a file that has too many
 * uses of them for that, IFMA_CALL.
 *
 * The streams do the same at the same time, instruction by instruction, so
 * that one has work while the other waits for a result.
 */

/* One element in each lane */
struct IFMA_NAME(fe) {
	__m512i l[IFMA_STREAMS][IFMA_LIMBS];
};

#define LO(k, a, b) EACH(t[s][k] = madd_lo(t[s][k], a, b))
#define HI(k, a, b) EACH(t[s][k] = madd_hi(t[s][k], a, b))
/* the part of column k above 52 bits belongs to column k + 1 */
#define CARRY(k) EACH(t[s][(k) + 1] = add(t[s][(k) + 1], high(t[s][k])))

/* t += x[i] * y * 2^(52 i) */
#define ROW(i, x, y)                                     \
	do {                                             \
		LO((i), (x)->l[s][i], (y)->l[s][0]);     \
		LO((i) + 1, (x)->l[s][i], (y)->l[s][1]); \
		LO((i) + 2, (x)->l[s][i], (y)->l[s][2]); \
		LO((i) + 3, (x)->l[s][i], (y)->l[s][3]); \
		LO((i) + 4, (x)->l[s][i], (y)->l[s][4]); \
		HI((i) + 1, (x)->l[s][i], (y)->l[s][0]); \
		HI((i) + 2, (x)->l[s][i], (y)->l[s][1]); \
		HI((i) + 3, (x)->l[s][i], (y)->l[s][2]); \
		HI((i) + 4, (x)->l[s][i], (y)->l[s][3]); \
		HI((i) + 5, (x)->l[s][i], (y)->l[s][4]); \
	} while (0)

/*
 * Column j < 3 is replaced by its 52 bits times 2^(52 (j - 3)) mod m, at
 * columns 3 and up: congruent, with everything divided by 2^156.
 */
#define FOLD(j)                                              \
	do {                                                 \
		LO(3, t[s][j], bcast(IFMA_MOD(fold)[j][0])); \
		LO(4, t[s][j], bcast(IFMA_MOD(fold)[j][1])); \
		LO(5, t[s][j], bcast(IFMA_MOD(fold)[j][2])); \
		LO(6, t[s][j], bcast(IFMA_MOD(fold)[j][3])); \
		LO(7, t[s][j], bcast(IFMA_MOD(fold)[j][4])); \
		HI(4, t[s][j], bcast(IFMA_MOD(fold)[j][0])); \
		HI(5, t[s][j], bcast(IFMA_MOD(fold)[j][1])); \
		HI(6, t[s][j], bcast(IFMA_MOD(fold)[j][2])); \
		HI(7, t[s][j], bcast(IFMA_MOD(fold)[j][3])); \
		HI(8, t[s][j], bcast(IFMA_MOD(fold)[j][4])); \
	} while (0)

/*
 * Montgomery's step for column k: t += q m with q = -t[k] / m mod 2^52, and
 * column k becomes a multiple of 2^52.  Column k started at 2^52 - 1, so
 * that its high part is the quotient by 2^52 rounded up: what the addition
 * would leave of it, which is thus not done.  q makes up for the -1.
 */
#define MONT_Q(k)                                                             \
	do {                                                                  \
		EACH(q[(k)-3][s] = madd_lo(bcast(IFMA_MOD(neg_inv)), t[s][k], \
					   bcast(IFMA_MOD(neg_inv))));        \
		CARRY(k);                                                     \
	} while (0)
#define MONT_FIRST(k)                                                  \
	do {                                                           \
		LO((k) + 1, q[(k)-3][s], bcast(IFMA_MOD(modulus)[1])); \
		HI((k) + 1, q[(k)-3][s], bcast(IFMA_MOD(modulus)[0])); \
	} while (0)
#define MONT_REST(k)                                                   \
	do {                                                           \
		LO((k) + 2, q[(k)-3][s], bcast(IFMA_MOD(modulus)[2])); \
		HI((k) + 2, q[(k)-3][s], bcast(IFMA_MOD(modulus)[1])); \
		LO((k) + 3, q[(k)-3][s], bcast(IFMA_MOD(modulus)[3])); \
		HI((k) + 3, q[(k)-3][s], bcast(IFMA_MOD(modulus)[2])); \
		LO((k) + 4, q[(k)-3][s], bcast(IFMA_MOD(modulus)[4])); \
		HI((k) + 4, q[(k)-3][s], bcast(IFMA_MOD(modulus)[3])); \
		HI((k) + 5, q[(k)-3][s], bcast(IFMA_MOD(modulus)[4])); \
	} while (0)

#define START(init)                                                \
	do {                                                       \
		EACH(t[s][0] = zero());                            \
		EACH(t[s][1] = zero());                            \
		EACH(t[s][2] = zero());                            \
		EACH(t[s][3] = bcast(IFMA_MASK));                  \
		EACH(t[s][4] = bcast(IFMA_MASK));                  \
		EACH(t[s][5] = (init) ? (init)->l[s][0] : zero()); \
		EACH(t[s][6] = (init) ? (init)->l[s][1] : zero()); \
		EACH(t[s][7] = (init) ? (init)->l[s][2] : zero()); \
		EACH(t[s][8] = (init) ? (init)->l[s][3] : zero()); \
		EACH(t[s][9] = (init) ? (init)->l[s][4] : zero()); \
	} while (0)

#define FINISH()                              \
	do {                                  \
		EACH(out->l[s][0] = t[s][5]); \
		EACH(out->l[s][1] = t[s][6]); \
		EACH(out->l[s][2] = t[s][7]); \
		EACH(out->l[s][3] = t[s][8]); \
		EACH(out->l[s][4] = t[s][9]); \
	} while (0)

/* raw -> ready; the value is below 2^260 and does not change */
static IFMA_INLINE void IFMA_NAME(ready)(struct IFMA_NAME(fe) * x)
{
	EACH(x->l[s][1] = add(x->l[s][1], high(x->l[s][0])));
	EACH(x->l[s][2] = add(x->l[s][2], high(x->l[s][1])));
	EACH(x->l[s][3] = add(x->l[s][3], high(x->l[s][2])));
	EACH(x->l[s][4] = add(x->l[s][4], high(x->l[s][3])));
	EACH(CHECK_MAX(x->l[s][4], IFMA_MASK));
}

/**
 * mul - out = x * y / 2^260 + init (or nothing)
 *
 * x and y ready, out raw, below x y / 2^260 + 1.01 m + init: after the folds
 * there is less than x y / 2^156 + 3 * 2^52 m, and the two steps divide that by
 * 2^104 and add less than m + m / 2^52.
 * No column wraps: column 5 has the most terms, 9 of the product, 6 of folds
 * and 4 of the steps, each below 2^52, a carry and init.
 */
static IFMA_BODY void IFMA_NAME(mul)(struct IFMA_NAME(fe) * out,
				     const struct IFMA_NAME(fe) * x,
				     const struct IFMA_NAME(fe) * y,
				     const struct IFMA_NAME(fe) * init)
{
	__m512i t[IFMA_STREAMS][2 * IFMA_LIMBS];
	__m512i q[2][IFMA_STREAMS];

	START(init);
	ROW(0, x, y);
	FOLD(0);
	ROW(1, x, y);
	FOLD(1);
	CARRY(1);
	ROW(2, x, y);
	FOLD(2);
	CARRY(2);
	ROW(3, x, y);
	MONT_Q(3);
	ROW(4, x, y);
	MONT_FIRST(3);
	MONT_Q(4);
	MONT_REST(3);
	MONT_FIRST(4);
	MONT_REST(4);
	FINISH();
}

/**
 * mul2 - out = (x * y + z * w) / 2^260 + init (or nothing)
 *
 * All ready, out raw, below (x y + z w) / 2^260 + 1.01 m + init; column 5 has
 * 9 terms more than in mul.
 */
static IFMA_BODY void IFMA_NAME(mul2)(struct IFMA_NAME(fe) * out,
				      const struct IFMA_NAME(fe) * x,
				      const struct IFMA_NAME(fe) * y,
				      const struct IFMA_NAME(fe) * z,
				      const struct IFMA_NAME(fe) * w,
				      const struct IFMA_NAME(fe) * init)
{
	__m512i t[IFMA_STREAMS][2 * IFMA_LIMBS];
	__m512i q[2][IFMA_STREAMS];

	START(init);
	ROW(0, x, y);
	ROW(0, z, w);
	CARRY(0); /* there are two terms in it */
	FOLD(0);
	ROW(1, x, y);
	ROW(1, z, w);
	FOLD(1);
	CARRY(1);
	ROW(2, x, y);
	ROW(2, z, w);
	FOLD(2);
	CARRY(2);
	ROW(3, x, y);
	ROW(3, z, w);
	MONT_Q(3);
	ROW(4, x, y);
	ROW(4, z, w);
	MONT_FIRST(3);
	MONT_Q(4);
	MONT_REST(3);
	MONT_FIRST(4);
	MONT_REST(4);
	FINISH();
}

/* out = x^2 / 2^260; as mul.  The products of two different limbs are added
 * once and doubled, those with limb 4 by doubling that one. */
static IFMA_BODY void IFMA_NAME(sqr)(struct IFMA_NAME(fe) * out,
				     const struct IFMA_NAME(fe) * x)
{
	const struct IFMA_NAME(fe) *none = NULL;
	__m512i t[IFMA_STREAMS][2 * IFMA_LIMBS];
	__m512i q[2][IFMA_STREAMS];
	__m512i d[IFMA_STREAMS]; /* twice limb 4 */

	START(none);
	/* doubled and with the carries they are 2^52 - 1, see MONT_Q */
	EACH(t[s][2] = bcast(IFMA_LIMB / 2));
	EACH(t[s][3] = bcast(IFMA_LIMB - 1));
	EACH(t[s][4] = bcast(IFMA_LIMB / 2 - 1));
	LO(1, x->l[s][0], x->l[s][1]);
	LO(2, x->l[s][0], x->l[s][2]);
	LO(3, x->l[s][0], x->l[s][3]);
	LO(4, x->l[s][1], x->l[s][3]);
	LO(5, x->l[s][2], x->l[s][3]);
	HI(2, x->l[s][0], x->l[s][1]);
	HI(3, x->l[s][0], x->l[s][2]);
	HI(4, x->l[s][0], x->l[s][3]);
	HI(5, x->l[s][1], x->l[s][3]);
	HI(6, x->l[s][2], x->l[s][3]);
	LO(3, x->l[s][1], x->l[s][2]);
	HI(4, x->l[s][1], x->l[s][2]);
	EACH(d[s] = add(x->l[s][4], x->l[s][4]));
	EACH(CHECK_MAX(d[s], IFMA_MASK));
	LO(0, x->l[s][0], x->l[s][0]);
	EACH(t[s][1] = add(t[s][1], t[s][1]));
	EACH(t[s][2] = add(t[s][2], t[s][2]));
	HI(1, x->l[s][0], x->l[s][0]);
	LO(2, x->l[s][1], x->l[s][1]);
	EACH(t[s][3] = add(t[s][3], t[s][3]));
	EACH(t[s][4] = add(t[s][4], t[s][4]));
	EACH(t[s][5] = add(t[s][5], t[s][5]));
	EACH(t[s][6] = add(t[s][6], t[s][6]));
	FOLD(0);
	HI(3, x->l[s][1], x->l[s][1]);
	LO(4, x->l[s][2], x->l[s][2]);
	LO(4, x->l[s][0], d[s]);
	FOLD(1);
	CARRY(1);
	HI(5, x->l[s][2], x->l[s][2]);
	LO(6, x->l[s][3], x->l[s][3]);
	LO(5, x->l[s][1], d[s]);
	HI(6, x->l[s][1], d[s]);
	FOLD(2);
	CARRY(2);
	HI(5, x->l[s][0], d[s]);
	HI(7, x->l[s][3], x->l[s][3]);
	MONT_Q(3);
	LO(6, x->l[s][2], d[s]);
	HI(7, x->l[s][2], d[s]);
	LO(8, x->l[s][4], x->l[s][4]);
	LO(7, x->l[s][3], d[s]);
	HI(9, x->l[s][4], x->l[s][4]);
	HI(8, x->l[s][3], d[s]);
	MONT_FIRST(3);
	MONT_Q(4);
	MONT_REST(3);
	MONT_FIRST(4);
	MONT_REST(4);
	FINISH();
}

/* The same in all lanes */
static IFMA_INLINE void IFMA_NAME(set)(struct IFMA_NAME(fe) * out,
				       const uint64_t v[IFMA_LIMBS])
{
	EACH_LIMB(out->l[s][i] = bcast(v[i]));
}

/* All raw */
static IFMA_INLINE void IFMA_NAME(plus)(struct IFMA_NAME(fe) * out,
					const struct IFMA_NAME(fe) * a,
					const struct IFMA_NAME(fe) * b)
{
	EACH_LIMB(out->l[s][i] = add(a->l[s][i], b->l[s][i]));
}

/**
 * shrink - the value to below 1.03, all limbs to 52 bits
 *
 * @x: raw, not negative and below 2^60 in limb 4
 *
 * Limb 4 in units of 2^40, which are 2^248 or a 47th of m, times 2^248 / m, is
 * a quotient that is never too large, and too small by the rest of limb 4 and
 * what limb 3 holds above 52 bits (2^11 in limb 4) only.  quotient * m is taken
 * off by adding quotient * (2^260 - m) and dropping what is above 2^260.
 */
static IFMA_BODY void IFMA_NAME(shrink)(struct IFMA_NAME(fe) * x)
{
	__m512i(*t)[IFMA_LIMBS] = x->l;
	__m512i q[IFMA_STREAMS];

	EACH(CHECK_MAX(t[s][4], UINT64_C(1) << 60));
	EACH(q[s] = _mm512_srli_epi64(t[s][4], 40));
	EACH(q[s] = madd_hi(zero(), q[s], bcast(IFMA_QUOTIENT)));
	LO(0, q[s], bcast(IFMA_MOD(neg_modulus)[0]));
	LO(1, q[s], bcast(IFMA_MOD(neg_modulus)[1]));
	LO(2, q[s], bcast(IFMA_MOD(neg_modulus)[2]));
	LO(3, q[s], bcast(IFMA_MOD(neg_modulus)[3]));
	LO(4, q[s], bcast(IFMA_MOD(neg_modulus)[4]));
	HI(1, q[s], bcast(IFMA_MOD(neg_modulus)[0]));
	HI(2, q[s], bcast(IFMA_MOD(neg_modulus)[1]));
	HI(3, q[s], bcast(IFMA_MOD(neg_modulus)[2]));
	HI(4, q[s], bcast(IFMA_MOD(neg_modulus)[3]));
	CARRY(0);
	CARRY(1);
	CARRY(2);
	CARRY(3);
	EACH_LIMB(t[s][i] = low(t[s][i]));
	EACH(CHECK_MAX(t[s][4], IFMA_MOD(modulus)[4] / 100 * 103));
}

/* What limb i of a multiple of m is raised by, so that limbs up to 2^bits can
 * be taken from it: together nothing, and limb 4 loses 2^(bits - 52) */
#define IFMA_RAISE(i, bits)                      \
	(((i) < 4 ? UINT64_C(1) << (bits) : 0) - \
	 ((i) > 0 ? UINT64_C(1) << ((bits)-52) : 0))

/* out = a - b + times * m; all raw, b's limbs up to 2^58 and b below
 * (times - 2^-39) m; times at most 32 */
static IFMA_INLINE void IFMA_NAME(minus)(struct IFMA_NAME(fe) * out,
					 const struct IFMA_NAME(fe) * a,
					 const struct IFMA_NAME(fe) * b,
					 const uint64_t times)
{
	EACH_LIMB(out->l[s][i] = add(a->l[s][i],
				     diff(bcast(times * IFMA_MOD(modulus)[i] +
						IFMA_RAISE(i, 58)),
					  b->l[s][i])));
}

/* out = times * m - b; as minus */
static IFMA_INLINE void IFMA_NAME(negative)(struct IFMA_NAME(fe) * out,
					    const struct IFMA_NAME(fe) * b,
					    const uint64_t times)
{
	EACH_LIMB(out->l[s][i] = diff(bcast(times * IFMA_MOD(modulus)[i] +
					    IFMA_RAISE(i, 58)),
				      b->l[s][i]));
}
