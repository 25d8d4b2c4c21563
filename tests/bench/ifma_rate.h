/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_BENCH_IFMA_RATE_H
#define CDX_TESTS_BENCH_IFMA_RATE_H

#include <stddef.h>

/* The rate at which this machine issues independent IFMA instructions; a
 * product modulo r or q, for eight lanes, takes 105. */

#ifdef __x86_64__
#define IFMA_PAIR(n)                             \
	"vpmadd52luq %%zmm30, %%zmm31, %%zmm" #n \
	"\n\tvpmadd52huq %%zmm30, %%zmm31, %%zmm1" #n "\n\t"
#define IFMA_PAIRS   \
	IFMA_PAIR(0) \
	IFMA_PAIR(1) \
	IFMA_PAIR(2) \
	IFMA_PAIR(3) IFMA_PAIR(4) IFMA_PAIR(5) IFMA_PAIR(6) IFMA_PAIR(7)

/* @n of them, a multiple of 64, when the processor has them.  Sixteen sums,
 * each used again after eight cycles at two a cycle: more than the
 * instruction's latency. */
__attribute__((target("avx512f,avx512ifma"))) static inline void
ifma_rate_run(size_t n)
{
	for (size_t i = 0; i < n / 64; i++) {
		__asm__ volatile(IFMA_PAIRS IFMA_PAIRS IFMA_PAIRS IFMA_PAIRS ::
					 : "xmm0", "xmm1", "xmm2", "xmm3",
					   "xmm4", "xmm5", "xmm6", "xmm7",
					   "xmm10", "xmm11", "xmm12", "xmm13",
					   "xmm14", "xmm15", "xmm16", "xmm17");
	}
}
#else
static inline void ifma_rate_run(size_t n)
{
	(void)n;
}
#endif

#endif
