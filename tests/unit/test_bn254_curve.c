/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "bn254/g1.h"
#include "bn254/g2.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/* G1 and G2: laws of a group, order, encodings, and who is in the subgroup. */

#define AFFINE cdx_g1
#define A(name) cdx_g1_##name
#define JACOBI cdx_g1j
#define J(name) cdx_g1j_##name
#define T(name) g1_##name
#define BYTES CDX_G1_BYTES
#include "tests/unit/curve_laws.h"

#define AFFINE cdx_g2
#define A(name) cdx_g2_##name
#define JACOBI cdx_g2j
#define J(name) cdx_g2j_##name
#define T(name) g2_##name
#define BYTES CDX_G2_BYTES
#include "tests/unit/curve_laws.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g1_sums),	cmocka_unit_test(g1_multiples),
		cmocka_unit_test(g1_codec),	cmocka_unit_test(g2_sums),
		cmocka_unit_test(g2_multiples), cmocka_unit_test(g2_codec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
