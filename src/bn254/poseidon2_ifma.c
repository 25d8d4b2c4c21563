/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/internal.h"

#ifdef __x86_64__

/*
 * gcc 12 otherwise keeps the order of the source, which leaves one processor
 * port idle for a thirtieth of the time.
 */
#ifndef __clang__
#pragma GCC optimize("schedule-insns")
#endif

#include "bn254/ifma_tables.h"
#include "bn254/ifma_vector.h"

#include <stdbool.h>
#include <string.h>

#define IFMA_BYTES 31u /* of an element of a message */

#define IFMA_MOD(x) ifma_r_##x

#define IFMA_STREAMS 2
#define IFMA_NAME(x) x##_2
#include "bn254/ifma_field.h"
#include "bn254/ifma_lanes.h"
#include "bn254/ifma_rounds.h"
#undef IFMA_STREAMS
#undef IFMA_NAME

/* For what is left when it fills one vector only */
#define IFMA_STREAMS 1
#define IFMA_NAME(x) x##_1
#include "bn254/ifma_field.h"
#include "bn254/ifma_lanes.h"
#include "bn254/ifma_rounds.h"

bool cdx_ifma_have(void)
{
	/* what the processor says and what the system saves */
	return __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512ifma");
}

void cdx_ifma_permute(struct cdx_fr (*state)[3], size_t n)
{
	const struct ifma_tables *k = cdx_ifma_tables();

	while (n > IFMA_LANES) {
		const size_t some = n < 2 * IFMA_LANES ? n : 2 * IFMA_LANES;

		permute_some_2(state, some, k);
		state += some;
		n -= some;
	}
	if (n > 0)
		permute_some_1(state, n, k);
}

void cdx_ifma_compress_pairs(struct cdx_fr *out, const struct cdx_fr *in,
			     size_t n, unsigned key)
{
	const struct ifma_tables *k = cdx_ifma_tables();
	uint64_t third[IFMA_LIMBS];
	struct cdx_fr t;

	cdx_fr_from_u64(&t, key);
	cdx_ifma_element(third, &t);
	/* a group is read before it is written, and @out stays behind @in */
	while (n > IFMA_LANES) {
		const size_t some = n < 2 * IFMA_LANES ? n : 2 * IFMA_LANES;

		compress_some_2(out, in, some, third, k);
		out += some;
		in += 2 * some;
		n -= some;
	}
	if (n > 0)
		compress_some_1(out, in, n, third, k);
}

void cdx_ifma_hash_cells(struct cdx_fr *out, const uint8_t *cells, size_t len,
			 size_t n)
{
	const struct ifma_tables *k = cdx_ifma_tables();

	while (n > IFMA_LANES) {
		const size_t some = n < 2 * IFMA_LANES ? n : 2 * IFMA_LANES;

		hash_some_2(out, cells, len, some, k);
		out += some;
		cells += some * len;
		n -= some;
	}
	if (n > 0)
		hash_some_1(out, cells, len, n, k);
}

#else

bool cdx_ifma_have(void)
{
	return false;
}

void cdx_ifma_permute(struct cdx_fr (*state)[3], size_t n)
{
	(void)state;
	(void)n;
}

void cdx_ifma_compress_pairs(struct cdx_fr *out, const struct cdx_fr *in,
			     size_t n, unsigned key)
{
	(void)out;
	(void)in;
	(void)n;
	(void)key;
}

void cdx_ifma_hash_cells(struct cdx_fr *out, const uint8_t *cells, size_t len,
			 size_t n)
{
	(void)out;
	(void)cells;
	(void)len;
	(void)n;
}

#endif
