/* SPDX-License-Identifier: Apache-2.0 OR MIT */

/*
 * Laws of a group, for G1 and G2: included twice by test_bn254_curve.c, which
 * defines before
 *
 *	AFFINE	the struct of an affine point, A(name) a function on it
 *	JACOBI	the struct of a Jacobian point, J(name) a function on it
 *	T(name)	a name of this test's own
 *	BYTES	bytes of an encoded point
 */

/* Is @p the point @q? */
static bool T(is)(const struct JACOBI *p, const struct AFFINE *q)
{
	struct JACOBI j;
	struct AFFINE a;

	J(from_affine)(&j, q);
	J(to_affine)(&a, p);
	assert_int_equal(J(equal)(p, &j), A(equal)(&a, q));
	return A(equal)(&a, q);
}

/* @p by other coordinates: of the same point, if it is one */
static void T(rescale)(struct JACOBI *p, struct seed *s)
{
	struct JACOBI t = *p;

	/* through 2 p - p, which has coordinates of its own */
	J(double)(&t, p);
	J(neg)(p, p);
	if (seed_below(s, 2) == 0)
		J(add)(p, &t, p);
	else
		J(add)(p, p, &t);
}

/* k times the generator; infinity now and then */
static void T(any)(struct JACOBI *out, struct seed *s)
{
	struct cdx_fr k;

	bn254_any(&k, s);
	A(mul)(out, &A(generator), &k);
	T(rescale)(out, s);
}

static void T(check_sums)(void)
{
	struct seed s = seed_start("sums");

	for (size_t i = 0; i < 60; i++) {
		struct JACOBI p[3];
		struct JACOBI t;
		struct JACOBI u;
		struct AFFINE a[3];

		for (size_t j = 0; j < 3; j++)
			T(any)(&p[j], &s);
		if (i % 4 == 1)
			p[1] = p[0];
		if (i % 4 == 2)
			J(neg)(&p[1], &p[0]);
		if (i % 5 == 3)
			J(from_affine)(&p[i % 3], &A(infinity));
		T(rescale)(&p[1], &s);
		J(to_affine_many)(a, p, 3);
		for (size_t j = 0; j < 3; j++) {
			assert_true(A(on_curve)(&a[j]));
			assert_true(T(is)(&p[j], &a[j]));
			assert_int_equal(J(is_infinity)(&p[j]),
					 A(is_infinity)(&a[j]));
		}
		/* commutative, mixed, in place */
		J(add)(&t, &p[0], &p[1]);
		J(add)(&u, &p[1], &p[0]);
		assert_true(J(equal)(&t, &u));
		J(add_affine)(&u, &p[0], &a[1]);
		assert_true(J(equal)(&t, &u));
		u = p[1];
		J(add)(&u, &p[0], &u);
		assert_true(J(equal)(&t, &u));
		u = p[0];
		J(add_affine)(&u, &u, &a[1]);
		assert_true(J(equal)(&t, &u));
		/* associative */
		J(add)(&t, &t, &p[2]);
		J(add)(&u, &p[1], &p[2]);
		J(add)(&u, &u, &p[0]);
		assert_true(J(equal)(&t, &u));
		/* twice, and back */
		J(double)(&t, &p[0]);
		J(add)(&u, &p[0], &p[0]);
		assert_true(J(equal)(&t, &u));
		J(double)(&u, &p[0]);
		A(neg)(&a[0], &a[0]);
		J(add_affine)(&u, &u, &a[0]);
		assert_true(J(equal)(&u, &p[0]));
		J(add_affine)(&u, &u, &a[0]);
		assert_true(J(is_infinity)(&u));
		assert_true(J(equal)(&t, &t));
		assert_int_equal(J(equal)(&t, &p[0]), J(is_infinity)(&p[0]));
	}
}

static void T(check_multiples)(void)
{
	struct seed s = seed_start("multiples");
	struct JACOBI sum;

	/* small ones, and those that lack little to r */
	J(from_affine)(&sum, &A(infinity));
	for (uint64_t k = 0; k < 70; k++) {
		struct cdx_fr n;
		struct JACOBI t;

		cdx_fr_from_u64(&n, k);
		A(mul)(&t, &A(generator), &n);
		assert_true(J(equal)(&t, &sum));
		cdx_fr_neg(&n, &n);
		A(mul)(&t, &A(generator), &n);
		J(neg)(&t, &t);
		assert_true(J(equal)(&t, &sum));
		J(add_affine)(&sum, &sum, &A(generator));
	}
	for (size_t i = 0; i < 60; i++) {
		struct cdx_fr j;
		struct cdx_fr k;
		struct JACOBI p;
		struct JACOBI t;
		struct JACOBI u;

		T(any)(&p, &s);
		bn254_any(&j, &s);
		bn254_any(&k, &s);
		J(mul)(&t, &p, &j);
		J(mul)(&u, &p, &k);
		J(add)(&t, &t, &u);
		cdx_fr_add(&j, &j, &k);
		J(mul)(&u, &p, &j);
		assert_true(J(equal)(&t, &u));
		J(mul)(&t, &u, &k);
		cdx_fr_mul(&j, &j, &k);
		J(mul)(&p, &p, &j);
		assert_true(J(equal)(&t, &p));
	}
}

static void T(codec)(void **state)
{
	struct seed s = seed_start("codec");
	uint8_t bytes[BYTES];
	uint8_t again[BYTES];
	struct AFFINE a;
	struct AFFINE b;
	struct JACOBI p;

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		T(any)(&p, &s);
		J(to_affine)(&a, &p);
		A(encode)(bytes, &a);
		assert_int_equal(A(decode)(&b, bytes), 0);
		assert_true(A(equal)(&a, &b));
		A(encode)(again, &b);
		assert_memory_equal(bytes, again, sizeof(bytes));
		for (size_t at = 0; at < BYTES; at += CDX_FQ_BYTES) {
			memcpy(again, bytes, sizeof(again));
			memset(again + at, 0xff, CDX_FQ_BYTES);
			assert_int_equal(A(decode)(&b, again), CDX_E_FORMAT);
			assert_true(A(equal)(&a, &b));
		}
		bytes[0] ^= 1; /* -x never lacks a bit: both are never points */
		if (A(decode)(&b, bytes) == 0)
			assert_false(A(on_curve)(&b));
	}
	memset(bytes, 0, sizeof(bytes));
	A(encode)(again, &A(infinity));
	assert_memory_equal(bytes, again, sizeof(bytes));
	assert_true(A(on_curve)(&A(generator)));
	assert_true(A(on_curve)(&A(infinity)));
}

static void T(sums)(void **state)
{
	(void)state;
	bn254_each_backend(T(check_sums));
}

static void T(multiples)(void **state)
{
	(void)state;
	bn254_each_backend(T(check_multiples));
}

#undef AFFINE
#undef A
#undef JACOBI
#undef J
#undef T
#undef BYTES
