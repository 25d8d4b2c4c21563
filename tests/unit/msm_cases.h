/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Cases of test_bn254_msm.c for one group: a template (no guard), included for
 * G1 and G2 after NAME, AFFINE, JACOBIAN, AFFINE_NAME, JACOBIAN_NAME, WHOLE and
 * POINT_BYTES as in bn254/msm_group.h, and CASE(x), which makes the names here.
 *
 * All points are known multiples of the generator, so that a sum of them is
 * one product: with logs a[i] and scalars k[i], the sum of a[i] k[i] times the
 * generator.
 */

/* Multiples 1 to POOL of the generator */
static AFFINE CASE(pool)[POOL];

static void CASE(make_pool)(void)
{
	static JACOBIAN sums[POOL];

	JACOBIAN_NAME(from_affine)(&sums[0], &AFFINE_NAME(generator));
	for (size_t i = 1; i < POOL; i++)
		JACOBIAN_NAME(add_affine)
	(&sums[i], &sums[i - 1], &AFFINE_NAME(generator));
	JACOBIAN_NAME(to_affine_many)(CASE(pool), sums, POOL);
}

/* The points of @terms as a key file has them, one byte off any alignment;
 * returns new memory, points begin at 1 */
static uint8_t *CASE(encode)(const struct term *terms, size_t n)
{
	uint8_t *bytes = malloc(1 + n * POINT_BYTES);

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++) {
		AFFINE p = AFFINE_NAME(infinity);

		if (terms[i].log > 0)
			p = CASE(pool)[terms[i].log - 1];
		if (terms[i].log < 0)
			AFFINE_NAME(neg)(&p, &CASE(pool)[-terms[i].log - 1]);
		AFFINE_NAME(encode)(bytes + 1 + i * POINT_BYTES, &p);
	}
	return bytes;
}

static void CASE(expect)(const JACOBIAN *got, const struct term *terms,
			 size_t n, const char *what)
{
	struct cdx_fr sum = cdx_fr_zero;
	JACOBIAN want;

	for (size_t i = 0; i < n; i++) {
		struct cdx_fr t;

		from_log(&t, terms[i].log);
		cdx_fr_mul(&t, &t, &terms[i].k);
		cdx_fr_add(&sum, &sum, &t);
	}
	AFFINE_NAME(mul)(&want, &AFFINE_NAME(generator), &sum);
	if (!JACOBIAN_NAME(equal)(got, &want))
		fail_msg("%s: n %zu, back end %s", what, n,
			 cdx_bn254_backend_name(cdx_bn254_backend()));
}

/* The whole sum, and a part of it from a plan for all */
static void CASE(check)(const struct term *terms, size_t n, size_t first,
			size_t count, const char *what)
{
	uint8_t *scalars = encode_scalars(terms, n);
	uint8_t *points = CASE(encode)(terms, n);
	struct cdx_msm_plan *plan;
	JACOBIAN *windows;
	JACOBIAN got;

	assert_int_equal(WHOLE(&got, scalars, points + 1, n), 0);
	CASE(expect)(&got, terms, n, what);
	assert_int_equal(cdx_msm_plan_new(&plan, scalars, n), 0);
	windows = calloc(cdx_msm_windows(plan), sizeof(*windows));
	assert_non_null(windows);
	for (unsigned w = 0; count < n && w < cdx_msm_windows(plan); w++)
		assert_int_equal(NAME(window)(&windows[w], plan,
					      points + 1 + first * POINT_BYTES,
					      first, count, w),
				 0);
	if (count < n) {
		NAME(join)(&got, plan, windows);
		CASE(expect)(&got, terms + first, count, what);
	}
	free(windows);
	cdx_msm_plan_free(plan);
	free(scalars);
	free(points);
}

static void CASE(small)(void)
{
	struct seed seed = seed_start("small");
	struct term terms[200];

	for (size_t n = 1; n <= CDX_ARRAY_LEN(terms); n += n < 40 ? 1 : 16) {
		any_terms(terms, n, &seed);
		CASE(check)(terms, n, n / 3, n / 2, "small");
	}
}

/* Points and scalars of every awkward kind */
static void CASE(structured)(void)
{
	struct seed seed = seed_start("structured");
	static struct term terms[LARGE];

	for (int points = 0; points < POINT_KINDS; points++) {
		for (int scalars = 0; scalars < SCALAR_KINDS; scalars++) {
			const size_t n = 40 + seed_below(&seed, 60);

			make_terms(terms, n, points, scalars, &seed);
			CASE(check)(terms, n, n, 0, "structured");
		}
	}
	for (int kind = 0; kind < POINT_KINDS; kind++) {
		make_terms(terms, LARGE, kind, kind % SCALAR_KINDS, &seed);
		CASE(check)(terms, LARGE, 0, LARGE, "structured");
	}
}

static void CASE(large)(void)
{
	struct seed seed = seed_start("large");
	static struct term terms[2 * LARGE];

	any_terms(terms, CDX_ARRAY_LEN(terms), &seed);
	CASE(check)(terms, CDX_ARRAY_LEN(terms), 100, LARGE, "large");
}

/* Additions one by one, nothing shared with the code under test */
static void CASE(naive)(void)
{
	struct seed seed = seed_start("naive");
	struct term terms[20];
	uint8_t *scalars;
	uint8_t *points;
	JACOBIAN want;
	JACOBIAN got;

	any_terms(terms, CDX_ARRAY_LEN(terms), &seed);
	scalars = encode_scalars(terms, CDX_ARRAY_LEN(terms));
	points = CASE(encode)(terms, CDX_ARRAY_LEN(terms));
	JACOBIAN_NAME(from_affine)(&want, &AFFINE_NAME(infinity));
	for (size_t i = 0; i < CDX_ARRAY_LEN(terms); i++) {
		AFFINE p;
		JACOBIAN t;

		assert_int_equal(
			AFFINE_NAME(decode)(&p, points + 1 + i * POINT_BYTES),
			0);
		AFFINE_NAME(mul)(&t, &p, &terms[i].k);
		JACOBIAN_NAME(add)(&want, &want, &t);
	}
	assert_int_equal(WHOLE(&got, scalars, points + 1, CDX_ARRAY_LEN(terms)),
			 0);
	assert_true(JACOBIAN_NAME(equal)(&got, &want));
	free(scalars);
	free(points);
}
