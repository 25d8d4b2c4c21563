/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What of msm.c has a group's types in it: a template (no guard), included for
 * G1 and G2.
 */

/* What the kernel gives is below q, so it is decoded without error; infinity
 * stands for what it is not */
static void NAME(read)(JACOBIAN *out, const uint8_t *bytes)
{
	AFFINE p = AFFINE_NAME(infinity);

	(void)!AFFINE_NAME(decode)(&p, bytes);
	JACOBIAN_NAME(from_affine)(out, &p);
}

/* See msm.h, as for the next two */
int NAME(window)(JACOBIAN *out, const struct cdx_msm_plan *plan,
		 const uint8_t *points, size_t first, size_t n, unsigned window)
{
	uint8_t bytes[MAX_DIGIT + 1][POINT_BYTES];
	JACOBIAN acc;
	JACOBIAN t;
	int count;

	if (n == 0) {
		JACOBIAN_NAME(from_affine)(out, &AFFINE_NAME(infinity));
		return 0;
	}
	count = window_run(bytes[0], plan, KERNEL(), points, first, n, window);
	if (count < 0)
		return count;
	/* bits from the top: acc = 2 acc + next; then the sum of all once */
	JACOBIAN_NAME(from_affine)(&acc, &AFFINE_NAME(infinity));
	for (int k = count; k-- > 1;) {
		JACOBIAN_NAME(double)(&acc, &acc);
		NAME(read)(&t, bytes[k]);
		JACOBIAN_NAME(add)(&acc, &acc, &t);
	}
	NAME(read)(&t, bytes[0]);
	JACOBIAN_NAME(add)(out, &acc, &t);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(&acc, sizeof(acc));
	explicit_bzero(&t, sizeof(t));
	return 0;
}

/* From the top window: shifted by the bits of one, and the next added */
void NAME(join)(JACOBIAN *out, const struct cdx_msm_plan *plan,
		const JACOBIAN *windows)
{
	JACOBIAN acc = windows[plan->windows - 1];

	for (size_t w = plan->windows - 1; w-- > 0;) {
		for (unsigned i = 0; i < plan->bits; i++)
			JACOBIAN_NAME(double)(&acc, &acc);
		JACOBIAN_NAME(add)(&acc, &acc, &windows[w]);
	}
	*out = acc;
	explicit_bzero(&acc, sizeof(acc));
}

/* One window after the other */
int WHOLE(JACOBIAN *out, const uint8_t *scalars, const uint8_t *points,
	  size_t n)
{
	JACOBIAN windows[SCALAR_BITS / MIN_DIGIT + 1];
	struct cdx_msm_plan *plan = NULL;
	int rc;

	if (n == 0) {
		JACOBIAN_NAME(from_affine)(out, &AFFINE_NAME(infinity));
		return 0;
	}
	rc = cdx_msm_plan_new(&plan, scalars, n);
	for (unsigned w = 0; rc == 0 && w < plan->windows; w++)
		rc = NAME(window)(&windows[w], plan, points, 0, n, w);
	if (rc == 0)
		NAME(join)(out, plan, windows);
	explicit_bzero(windows, sizeof(windows));
	cdx_msm_plan_free(plan);
	return rc;
}
