/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What of fixed_base.c has a group's types in it: a template (no guard),
 * included for G1 and G2.
 */

/* The table, see place */
TABLE
{
	uint8_t points[POSITIONS * VALUES][POINT_BYTES];
};

/* The base times all powers of two that the table has */
static int NAME(powers)(TABLE *t, const AFFINE *base)
{
	const size_t n = (size_t)POSITIONS * DIGIT;
	JACOBIAN *all = malloc(n * sizeof(*all));
	AFFINE *affine = malloc(n * sizeof(*affine));

	if (!all || !affine) {
		free(all);
		free(affine);
		return -ENOMEM;
	}
	JACOBIAN_NAME(from_affine)(&all[0], base);
	for (size_t i = 1; i < n; i++)
		JACOBIAN_NAME(double)(&all[i], &all[i - 1]);
	JACOBIAN_NAME(to_affine_many)(affine, all, n);
	for (size_t i = 0; i < n; i++)
		AFFINE_NAME(encode)
	(t->points[place(i / DIGIT, (size_t)1 << i % DIGIT)], &affine[i]);
	free(all);
	free(affine);
	return 0;
}

/* See fixed_base.h, as for the next two */
int NAME(new)(TABLE **out, const AFFINE *base)
{
	TABLE *t = malloc(sizeof(*t));
	int rc = t ? NAME(powers)(t, base) : -ENOMEM;

	if (rc == 0)
		rc = fill(KERNEL(), t->points[0]);
	if (rc == 0)
		*out = t;
	else
		free(t);
	return rc;
}

/* A table holds nothing secret */
void NAME(free)(TABLE *t)
{
	free(t);
}

/* The kernel's points are a table's, so it may be another than the one that
 * made it */
int NAME(mul)(const TABLE *t, uint8_t *out, const struct cdx_fr *k, size_t n)
{
	return multiply(KERNEL(), t->points[0], out, k, n);
}
