/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The transforms for one element at a time: a template (no guard), included
 * once by each scalar back end after NTT_NAME(x), which makes the names, and
 *   mul(b, c)      b := b c, c below r
 *   cross(a, b)    (a, b) := (a + b, a - b), b a product or settled
 *   settle(b)      b as small as a product
 *   finish(b)      below r
 * which may leave elements a few times r too large until they are finished.
 */

/* Natural order to reversed order */
void NTT_NAME(down)(const struct cdx_ntt *t, struct cdx_fr *a)
{
	const size_t n = (size_t)1 << t->log_n;

	for (size_t half = n / 2; half > 0; half /= 2) {
		/* the first block's c is 1 */
		for (size_t i = 0; i < half; i++) {
			settle(&a[half + i]);
			cross(&a[i], &a[half + i]);
		}
		for (size_t block = 1; block < n / 2 / half; block++) {
			struct cdx_fr *p = a + 2 * half * block;

			for (size_t i = 0; i < half; i++) {
				mul(&p[half + i], &t->down[block]);
				cross(&p[i], &p[half + i]);
			}
		}
	}
	for (size_t i = 0; i < n; i++)
		finish(&a[i]);
}

/* Reversed order to natural order, on the coset */
void NTT_NAME(up)(const struct cdx_ntt *t, struct cdx_fr *a)
{
	const size_t n = (size_t)1 << t->log_n;

	for (size_t half = 1; half < n; half *= 2) {
		for (struct cdx_fr *p = a; p < a + n; p += 2 * half) {
			for (size_t i = 0; i < half; i++) {
				mul(&p[half + i], &t->up[half + i]);
				cross(&p[i], &p[half + i]);
			}
		}
	}
	for (size_t i = 0; i < n; i++)
		finish(&a[i]);
}

/* Each times @c */
void NTT_NAME(scale)(struct cdx_fr *a, size_t n, const struct cdx_fr *c)
{
	for (size_t i = 0; i < n; i++) {
		mul(&a[i], c);
		finish(&a[i]);
	}
}
