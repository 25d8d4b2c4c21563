/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Poseidon2 in vectors: a template like ifma_field.h, which comes before it.
 * Bounds of values are multiples of r.
 */

/**
 * sbox - out = x^5 + init
 *
 * x raw, at most 42 r (sqr doubles limb 4); out raw, and may be x or init.
 * Bounds: z = x x / 84.6 + 1.01, w = z z / 84.6 + 1.01,
 * out = w x / 84.6 + 1.01 + init.  When x is 42 then z is 21.9, w 6.7.
 */
static IFMA_INLINE void IFMA_NAME(sbox)(struct IFMA_NAME(fe) * out,
					const struct IFMA_NAME(fe) * from,
					const struct IFMA_NAME(fe) * init)
{
	struct IFMA_NAME(fe) x = *from;
	struct IFMA_NAME(fe) z;

	IFMA_NAME(ready)(&x);
	IFMA_NAME(sqr)(&z, &x);
	IFMA_NAME(ready)(&z);
	IFMA_NAME(sqr)(&z, &z);
	IFMA_NAME(ready)(&z);
	IFMA_NAME(mul)(out, &z, &x, init);
}

/* st := x^5 + c */
static IFMA_INLINE void IFMA_NAME(sbox_add)(struct IFMA_NAME(fe) * st,
					    const uint64_t c[IFMA_LIMBS])
{
	struct IFMA_NAME(fe) k;

	IFMA_NAME(set)(&k, c);
	IFMA_NAME(sbox)(st, st, &k);
}

/* The S-box on all three, and the matrix [[2,1,1],[1,2,1],[1,1,2]]; @c: added
 * to each in between */
static IFMA_CALL void IFMA_NAME(external)(struct IFMA_NAME(fe) st[3],
					  const uint64_t c[3][IFMA_LIMBS])
{
	struct IFMA_NAME(fe) sum;

	IFMA_NAME(sbox_add)(&st[0], c[0]);
	IFMA_NAME(sbox_add)(&st[1], c[1]);
	IFMA_NAME(sbox_add)(&st[2], c[2]);
	IFMA_NAME(plus)(&sum, &st[0], &st[1]);
	IFMA_NAME(plus)(&sum, &sum, &st[2]);
	for (size_t j = 0; j < 3; j++)
		IFMA_NAME(plus)(&st[j], &st[j], &sum);
}

/* What round @n adds to y: see internal */
static IFMA_INLINE void IFMA_NAME(off)(struct IFMA_NAME(fe) * out,
				       const struct IFMA_NAME(fe) * ab,
				       size_t n, const struct ifma_tables *k)
{
	const unsigned shift = 49 + (n & 1);
	__m512i which[IFMA_STREAMS];

	if (n % IFMA_GROUP < 2) {
		IFMA_NAME(set)(out, k->internal[n]);
		return;
	}
	EACH(which[s] = _mm512_srli_epi64(ab->l[s][4], shift));
	EACH(CHECK_MAX(which[s], IFMA_LANES - 1));
	EACH_LIMB(out->l[s][i] = _mm512_permutexvar_epi64(
			  which[s], _mm512_load_si512(k->off[n][i])));
}

/*
 * The 56 rounds in which only element 0, x, goes through the S-box; with a and
 * b the others and y = x^5 + c the matrix makes
 *   x = 2 y + a + b,  a = y + 2 a + b,  b = y + a + 3 b.
 * a and b are made small after every group of four rounds; limbs would not hold
 * a fifth: y's are below 19 * 2^52, and those of b after four rounds below
 * (75 * 19 + 200) * 2^52 < 2^63.
 *
 * In the last two rounds of a group a + b is too much for x.  There a multiple
 * of r, the largest that is not above half of a + b rounded down to 2^257 or
 * 2^258 (10.6 and 21.2), is taken off y, which takes no more than looking it
 * up: mul starts from it.  x stays positive, and limb 4 of a and b too: it
 * becomes at least half of their sum, less one.
 *
 * Bounds, with c below 1 and the bound of sbox; a and b 1.03 at first:
 *   x 28.0: y 2.9, then a  6.0, b  7.1, x  7.9
 *   x  7.9: y 2.2, then a 21.3, b 29.5, x 17.5
 *   x 17.5: y 2.4 less (a + b) / 2, then x 4.8 + 10.6 + 2.0 = 17.4;
 *           a + b = 2 a + 3 b + x before it, so 148, and 148 / 21.2 < 8
 *   x 17.4: y 2.4 less (a + b) / 2, then x 4.8 + 21.2 + 2.0 = 28.0
 */
static IFMA_CALL void IFMA_NAME(internal)(struct IFMA_NAME(fe) st[3],
					  const struct ifma_tables *k)
{
	struct IFMA_NAME(fe) x = st[0];
	struct IFMA_NAME(fe) a = st[1];
	struct IFMA_NAME(fe) b = st[2];

	IFMA_NAME(shrink)(&a);
	IFMA_NAME(shrink)(&b);
	for (size_t n = 0; n < CDX_POSEIDON2_INTERNAL; n++) {
		struct IFMA_NAME(fe) y;
		struct IFMA_NAME(fe) t;

		IFMA_NAME(plus)(&t, &a, &b);
		IFMA_NAME(off)(&y, &t, n, k);
		IFMA_NAME(sbox)(&y, &x, &y);
		IFMA_NAME(plus)(&t, &t, &y);
		IFMA_NAME(plus)(&x, &y, &t);
		IFMA_NAME(plus)(&a, &a, &t);
		IFMA_NAME(plus)(&b, &b, &b);
		IFMA_NAME(plus)(&b, &b, &t);
		if (n % IFMA_GROUP == IFMA_GROUP - 1) {
			IFMA_NAME(shrink)(&a);
			IFMA_NAME(shrink)(&b);
		}
	}
	st[0] = x;
	st[1] = a;
	st[2] = b;
}

/**
 * permute - Poseidon2
 *
 * @st: raw; in: together below 16.5, each below 6; out: each below 4.6
 *
 * S-boxes get 16.5 + 6 + 1 after the first matrix and constant; then y is at
 * most 1.5 + 1 and the next ones get 4 times that, 10.0, then 8.6, 8.5 and 8.5,
 * so the internal rounds begin with x 8.5.  After them x is 28.0 and the others
 * 1.03, y are 2.8, 2.1 and 2.1, and the S-boxes get 9.8, 8.6, 8.5; the last
 * round adds no constant: y 1.14.
 */
static IFMA_CALL void IFMA_NAME(permute)(struct IFMA_NAME(fe) st[3],
					 const struct ifma_tables *k)
{
	const size_t half = CDX_POSEIDON2_EXTERNAL / 2;
	struct IFMA_NAME(fe) sum;

	IFMA_NAME(plus)(&sum, &st[0], &st[1]);
	IFMA_NAME(plus)(&sum, &sum, &st[2]);
	for (size_t j = 0; j < 3; j++) {
		struct IFMA_NAME(fe) c;

		IFMA_NAME(set)(&c, k->first[j]);
		IFMA_NAME(plus)(&st[j], &st[j], &sum);
		IFMA_NAME(plus)(&st[j], &st[j], &c);
	}
	for (size_t i = 0; i < half; i++)
		IFMA_NAME(external)(st, k->external[i]);
	IFMA_NAME(internal)(st, k);
	for (size_t i = half; i < CDX_POSEIDON2_EXTERNAL; i++)
		IFMA_NAME(external)(st, k->external[i]);
}

/* Where each lane's piece begins, in bytes; lanes past @n repeat the last */
static IFMA_INLINE void IFMA_NAME(places)(__m512i at[IFMA_STREAMS], size_t n,
					  size_t stride)
{
	uint64_t v[IFMA_STREAMS][IFMA_LANES];

	for (size_t j = 0; j < (size_t)IFMA_STREAMS * IFMA_LANES; j++)
		v[j / IFMA_LANES][j % IFMA_LANES] =
			(j < n ? j : n - 1) * stride;
	EACH(at[s] = _mm512_loadu_si512(v[s]));
}

/**
 * absorb - acc += v * form / 2^260
 *
 * @acc:  raw; becomes 1.02 more
 * @base: v of a lane is @len bytes, 31 or 32, at @base + its place, little
 *        endian; no others are read; below r
 * @form: from_plain or from_fr
 */
static IFMA_CALL void IFMA_NAME(absorb)(struct IFMA_NAME(fe) * acc,
					const uint8_t *base, size_t len,
					const __m512i at[IFMA_STREAMS],
					const uint64_t form[IFMA_LIMBS])
{
	const unsigned over = (unsigned)(8 * (CDX_FR_BYTES - len));
	struct IFMA_NAME(fe) x;
	struct IFMA_NAME(fe) c;
	__m512i v[IFMA_STREAMS][IFMA_WORDS];

	EACH(v[s][0] = _mm512_i64gather_epi64(at[s], base, 1));
	EACH(v[s][1] = _mm512_i64gather_epi64(at[s], base + 8, 1));
	EACH(v[s][2] = _mm512_i64gather_epi64(at[s], base + 16, 1));
	EACH(v[s][3] = _mm512_i64gather_epi64(at[s], base + len - 8, 1));
	EACH(v[s][3] = _mm512_srli_epi64(v[s][3], over));
	IFMA_NAME(unpack)(&x, (const __m512i(*)[IFMA_WORDS])v);
	IFMA_NAME(set)(&c, form);
	IFMA_NAME(mul)(acc, &x, &c, acc);
}

/* The elements of the first @n lanes into out[0], out[stride], ...; @from raw,
 * at most 20: after the product with to_fr it is below 2 r */
static IFMA_CALL void IFMA_NAME(store)(struct cdx_fr *out, size_t stride,
				       size_t n,
				       const struct IFMA_NAME(fe) * from,
				       const struct ifma_tables *k)
{
	struct IFMA_NAME(fe) x = *from;
	struct IFMA_NAME(fe) d;
	__m512i w[IFMA_STREAMS][IFMA_WORDS];
	uint64_t v[IFMA_STREAMS][IFMA_WORDS][IFMA_LANES];

	IFMA_NAME(ready)(&x);
	IFMA_NAME(set)(&d, k->to_fr);
	IFMA_NAME(mul)(&x, &x, &d, NULL);
	IFMA_NAME(canonical)(&x);
	IFMA_NAME(pack)(w, &x);
	EACH(_mm512_storeu_si512(v[s][0], w[s][0]));
	EACH(_mm512_storeu_si512(v[s][1], w[s][1]));
	EACH(_mm512_storeu_si512(v[s][2], w[s][2]));
	EACH(_mm512_storeu_si512(v[s][3], w[s][3]));
	for (size_t j = 0; j < n; j++) {
		for (size_t m = 0; m < 4; m++)
			out[j * stride].l[m] =
				v[j / IFMA_LANES][m][j % IFMA_LANES];
	}
}

/* @n: 1 to the number of lanes, also below */
static IFMA_TARGET void IFMA_NAME(permute_some)(struct cdx_fr (*state)[3],
						size_t n,
						const struct ifma_tables *k)
{
	static const uint64_t nothing[IFMA_LIMBS];
	struct IFMA_NAME(fe) st[3];
	__m512i at[IFMA_STREAMS];

	IFMA_NAME(places)(at, n, sizeof(state[0]));
	for (size_t j = 0; j < 3; j++) {
		IFMA_NAME(set)(&st[j], nothing);
		IFMA_NAME(absorb)
		(&st[j], (const uint8_t *)&state[0][j], CDX_FR_BYTES, at,
		 k->from_fr);
	}
	IFMA_NAME(permute)(st, k);
	for (size_t j = 0; j < 3; j++)
		IFMA_NAME(store)(&state[0][j], 3, n, &st[j], k);
}

/* @key: the third element */
static IFMA_TARGET void IFMA_NAME(compress_some)(struct cdx_fr *out,
						 const struct cdx_fr *in,
						 size_t n,
						 const uint64_t key[IFMA_LIMBS],
						 const struct ifma_tables *k)
{
	static const uint64_t nothing[IFMA_LIMBS];
	struct IFMA_NAME(fe) st[3];
	__m512i at[IFMA_STREAMS];

	IFMA_NAME(places)(at, n, 2 * sizeof(*in));
	for (size_t j = 0; j < 2; j++) {
		IFMA_NAME(set)(&st[j], nothing);
		IFMA_NAME(absorb)
		(&st[j], (const uint8_t *)&in[j], CDX_FR_BYTES, at, k->from_fr);
	}
	IFMA_NAME(set)(&st[2], key);
	IFMA_NAME(permute)(st, k);
	IFMA_NAME(store)(out, 1, n, &st[0], k);
}

/* The bytes after the last whole element and the end mark, as 31 bytes each */
static void IFMA_NAME(ends)(uint8_t (*ends)[IFMA_BYTES], const uint8_t *cells,
			    size_t len, size_t n)
{
	const size_t left = len % IFMA_BYTES;

	for (size_t j = 0; j < n; j++) {
		memset(ends[j], 0, sizeof(ends[j]));
		if (left > 0)
			memcpy(ends[j], cells + (j + 1) * len - left, left);
		ends[j][left] = 0x01;
	}
}

/* The sponge of rate 2 over each cell's elements, all lanes in step */
static IFMA_TARGET void IFMA_NAME(hash_some)(struct cdx_fr *out,
					     const uint8_t *cells, size_t len,
					     size_t n,
					     const struct ifma_tables *k)
{
	static const uint64_t nothing[IFMA_LIMBS];
	const size_t whole = len / IFMA_BYTES;
	uint8_t ends[IFMA_STREAMS * IFMA_LANES][IFMA_BYTES];
	struct IFMA_NAME(fe) st[3];
	struct IFMA_NAME(fe) one;
	__m512i at[IFMA_STREAMS];

	IFMA_NAME(places)(at, n, len);
	IFMA_NAME(set)(&st[0], nothing);
	IFMA_NAME(set)(&st[1], nothing);
	IFMA_NAME(set)(&st[2], k->sponge);
	for (size_t j = 0; j < whole; j++) {
		IFMA_NAME(absorb)
		(&st[j % 2], cells + j * IFMA_BYTES, IFMA_BYTES, at,
		 k->from_plain);
		if (j % 2 == 1)
			IFMA_NAME(permute)(st, k);
	}
	IFMA_NAME(ends)(ends, cells, len, n);
	IFMA_NAME(places)(at, n, sizeof(ends[0]));
	IFMA_NAME(absorb)
	(&st[whole % 2], ends[0], IFMA_BYTES, at, k->from_plain);
	if (whole % 2 == 1)
		IFMA_NAME(permute)(st, k);
	/* the end mark of the elements, and zeros */
	IFMA_NAME(set)(&one, k->one);
	IFMA_NAME(plus)(&st[(whole + 1) % 2], &st[(whole + 1) % 2], &one);
	IFMA_NAME(permute)(st, k);
	IFMA_NAME(store)(out, 1, n, &st[0], k);
}
