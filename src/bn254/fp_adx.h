/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FP_ADX_H
#define CDX_BN254_FP_ADX_H

#include <stdint.h>

#include "bn254/fp_portable.h"

/*
 * Building blocks in assembly for processors with BMI2 and ADX.  Operands and
 * results are in memory, so that the compiler has nothing to schedule between
 * the blocks, and no block needs more than 13 registers.
 *
 * Elements are loose here: any four limbs congruent to the value.  Bounds are
 * written in multiples of r; 2^256 is 5.29 r.  For a Montgomery product of
 * operands below a r and b r the result is below (a b / 5.29 + 1) r, because
 * the reduction adds less than r * 2^256 before the division by 2^256.
 *
 * r stands for either modulus here; they agree in the upper half.  Whoever
 * includes this says which: ADX_P is a static constant (not a pointer, whose
 * register would be one too many when nothing is optimised).
 */
#ifndef ADX_P
#error "ADX_P is not defined"
#endif

/* t += a * b, for the limbs of a and one of b; carries are clear at first */
#define ADX_ROW_SUMS(a0, a1, a2, a3, t0, t1, t2, t3, t4) \
	"mulxq " a0 ", %[lo], %[hi]\n\t"                 \
	"adcxq %[lo], %[" t0 "]\n\t"                     \
	"adoxq %[hi], %[" t1 "]\n\t"                     \
	"mulxq " a1 ", %[lo], %[hi]\n\t"                 \
	"adcxq %[lo], %[" t1 "]\n\t"                     \
	"adoxq %[hi], %[" t2 "]\n\t"                     \
	"mulxq " a2 ", %[lo], %[hi]\n\t"                 \
	"adcxq %[lo], %[" t2 "]\n\t"                     \
	"adoxq %[hi], %[" t3 "]\n\t"                     \
	"mulxq " a3 ", %[lo], %[hi]\n\t"                 \
	"adcxq %[lo], %[" t3 "]\n\t"                     \
	"adoxq %[hi], %[" t4 "]\n\t"                     \
	"adcq $0, %[" t4 "]\n\t"

/* Row of the product: t += a * b, t4 is new */
#define ADX_ROW(b, t0, t1, t2, t3, t4)                                        \
	"movq " b ", %%rdx\n\t"                                               \
	"xorl %k[" t4 "], %k[" t4 "]\n\t" /* and both carries */              \
		ADX_ROW_SUMS("(%[a])", "8(%[a])", "16(%[a])", "24(%[a])", t0, \
			     t1, t2, t3, t4)

/* Row of a second product: t += c * d */
#define ADX_ROW_MORE(d, t0, t1, t2, t3, t4)                                   \
	"movq " d ", %%rdx\n\t"                                               \
	"xorl %k[lo], %k[lo]\n\t" /* both carries */                          \
		ADX_ROW_SUMS("(%[c])", "8(%[c])", "16(%[c])", "24(%[c])", t0, \
			     t1, t2, t3, t4)

/* Step of the reduction: t += q * r with q such that t0 becomes zero */
#define ADX_RED(t0, t1, t2, t3, t4)     \
	"movq %[inv], %%rdx\n\t"        \
	"imulq %[" t0 "], %%rdx\n\t"    \
	"xorl %k[lo], %k[lo]\n\t"       \
	"mulxq %[m0], %[lo], %[hi]\n\t" \
	"adcxq %[lo], %[" t0 "]\n\t"    \
	"adoxq %[hi], %[" t1 "]\n\t"    \
	"mulxq %[m1], %[lo], %[hi]\n\t" \
	"adcxq %[lo], %[" t1 "]\n\t"    \
	"adoxq %[hi], %[" t2 "]\n\t"    \
	"mulxq %[m2], %[lo], %[hi]\n\t" \
	"adcxq %[lo], %[" t2 "]\n\t"    \
	"adoxq %[hi], %[" t3 "]\n\t"    \
	"mulxq %[m3], %[lo], %[hi]\n\t" \
	"adcxq %[lo], %[" t3 "]\n\t"    \
	"adoxq %[hi], %[" t4 "]\n\t"    \
	"adcq $0, %[" t4 "]\n\t"

#define ADX_MODULUS                                                       \
	[inv] "m"(ADX_P.inv), [m0] "m"(ADX_P.m[0]), [m1] "m"(ADX_P.m[1]), \
		[m2] "m"(ADX_P.m[2]), [m3] "m"(ADX_P.m[3])

#define ADX_LOAD                   \
	"movq (%[a]), %[t0]\n\t"   \
	"movq 8(%[a]), %[t1]\n\t"  \
	"movq 16(%[a]), %[t2]\n\t" \
	"movq 24(%[a]), %[t3]\n\t"

#define ADX_PLUS(b)                    \
	"addq (%[" b "]), %[t0]\n\t"   \
	"adcq 8(%[" b "]), %[t1]\n\t"  \
	"adcq 16(%[" b "]), %[t2]\n\t" \
	"adcq 24(%[" b "]), %[t3]\n\t"

#define ADX_STORE(t0, t1, t2, t3)      \
	"movq %[" t0 "], (%[o])\n\t"   \
	"movq %[" t1 "], 8(%[o])\n\t"  \
	"movq %[" t2 "], 16(%[o])\n\t" \
	"movq %[" t3 "], 24(%[o])\n\t"

/*
 * t less r, or t as it was when that is negative; s are scratch.  Products are
 * seldom above r, and the top limb tells but for once in 2^62: guessing that it
 * is below costs less than waiting for the subtraction.
 */
#define ADX_SUB_ONCE(t0, t1, t2, t3, s0, s1, s2, s3) \
	"cmpq %[m3], %[" t3 "]\n\t"                  \
	"jb 1f\n\t"                                  \
	"movq %[" t0 "], %[" s0 "]\n\t"              \
	"movq %[" t1 "], %[" s1 "]\n\t"              \
	"movq %[" t2 "], %[" s2 "]\n\t"              \
	"movq %[" t3 "], %[" s3 "]\n\t"              \
	"subq %[m0], %[" t0 "]\n\t"                  \
	"sbbq %[m1], %[" t1 "]\n\t"                  \
	"sbbq %[m2], %[" t2 "]\n\t"                  \
	"sbbq %[m3], %[" t3 "]\n\t"                  \
	"cmovcq %[" s0 "], %[" t0 "]\n\t"            \
	"cmovcq %[" s1 "], %[" t1 "]\n\t"            \
	"cmovcq %[" s2 "], %[" t2 "]\n\t"            \
	"cmovcq %[" s3 "], %[" t3 "]\n\t"            \
	"1:\n\t"

/* clang-format off */
#define ADX_MUL                                            \
	"movq (%[b]), %%rdx\n\t"                           \
	"mulxq (%[a]), %[t0], %[t1]\n\t"                   \
	"mulxq 8(%[a]), %[lo], %[t2]\n\t"                  \
	"addq %[lo], %[t1]\n\t"                            \
	"mulxq 16(%[a]), %[lo], %[t3]\n\t"                 \
	"adcq %[lo], %[t2]\n\t"                            \
	"mulxq 24(%[a]), %[lo], %[t4]\n\t"                 \
	"adcq %[lo], %[t3]\n\t"                            \
	"adcq $0, %[t4]\n\t"                               \
	ADX_RED("t0", "t1", "t2", "t3", "t4")              \
	ADX_ROW("8(%[b])", "t1", "t2", "t3", "t4", "t0")   \
	ADX_RED("t1", "t2", "t3", "t4", "t0")              \
	ADX_ROW("16(%[b])", "t2", "t3", "t4", "t0", "t1")  \
	ADX_RED("t2", "t3", "t4", "t0", "t1")              \
	ADX_ROW("24(%[b])", "t3", "t4", "t0", "t1", "t2")  \
	ADX_RED("t3", "t4", "t0", "t1", "t2")
/* clang-format on */

/*
 * Product, loose.  The running value stays below a + r (see fp_mul), so @a must
 * be below 4.29 r; @b may be any four limbs.
 */
static inline void adx_fp_mul_loose(uint64_t *o, const uint64_t *a,
				    const uint64_t *b)
{
	uint64_t t0, t1, t2, t3, t4, lo, hi;

	__asm__ volatile(
		ADX_MUL ADX_STORE("t4", "t0", "t1", "t2")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2),
		  [t3] "=&r"(t3), [t4] "=&r"(t4), [lo] "=&r"(lo), [hi] "=&r"(hi)
		: [o] "r"(o), [a] "r"(a), [b] "r"(b), ADX_MODULUS
		: "rdx", "cc", "memory");
}

/* Product less r once when it is not below: below r when the loose one is
 * below 2 r */
static inline void adx_fp_mul_once(uint64_t *o, const uint64_t *a,
				   const uint64_t *b)
{
	uint64_t t0, t1, t2, t3, t4, lo, hi, s;

	__asm__ volatile(
		ADX_MUL ADX_SUB_ONCE("t4", "t0", "t1", "t2", "lo", "hi", "t3",
				     "s") ADX_STORE("t4", "t0", "t1", "t2")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3),
		  [t4] "=&r"(t4), [lo] "=&r"(lo), [hi] "=&r"(hi), [s] "=&r"(s)
		: [o] "r"(o), [a] "r"(a), [b] "r"(b), ADX_MODULUS
		: "rdx", "cc", "memory");
}

/* Ten products instead of sixteen: those off the diagonal count twice */
#define ADX_SQUARE                                               \
	"movq (%[a]), %%rdx\n\t"                                 \
	"xorl %k[t5], %k[t5]\n\t"                                \
	"mulxq 8(%[a]), %[t1], %[t2]\n\t"                        \
	"mulxq 16(%[a]), %[lo], %[t3]\n\t"                       \
	"adcxq %[lo], %[t2]\n\t"                                 \
	"mulxq 24(%[a]), %[lo], %[t4]\n\t"                       \
	"adcxq %[lo], %[t3]\n\t"                                 \
	"movq 8(%[a]), %%rdx\n\t"                                \
	"mulxq 16(%[a]), %[lo], %[hi]\n\t"                       \
	"adoxq %[lo], %[t3]\n\t"                                 \
	"adcxq %[hi], %[t4]\n\t"                                 \
	"mulxq 24(%[a]), %[lo], %[hi]\n\t"                       \
	"adoxq %[lo], %[t4]\n\t"                                 \
	"adcxq %[hi], %[t5]\n\t"                                 \
	"movq 16(%[a]), %%rdx\n\t"                               \
	"mulxq 24(%[a]), %[lo], %[t6]\n\t"                       \
	"adoxq %[lo], %[t5]\n\t"                                 \
	"movl $0, %k[t7]\n\t" /* mov leaves the carries alone */ \
	"adoxq %[t7], %[t6]\n\t"                                 \
	"adcq $0, %[t6]\n\t"                                     \
	"xorl %k[lo], %k[lo]\n\t"                                \
	"movq (%[a]), %%rdx\n\t"                                 \
	"mulxq %%rdx, %[t0], %[hi]\n\t"                          \
	"adcxq %[t1], %[t1]\n\t"                                 \
	"adoxq %[hi], %[t1]\n\t"                                 \
	"movq 8(%[a]), %%rdx\n\t"                                \
	"mulxq %%rdx, %[lo], %[hi]\n\t"                          \
	"adcxq %[t2], %[t2]\n\t"                                 \
	"adoxq %[lo], %[t2]\n\t"                                 \
	"adcxq %[t3], %[t3]\n\t"                                 \
	"adoxq %[hi], %[t3]\n\t"                                 \
	"movq 16(%[a]), %%rdx\n\t"                               \
	"mulxq %%rdx, %[lo], %[hi]\n\t"                          \
	"adcxq %[t4], %[t4]\n\t"                                 \
	"adoxq %[lo], %[t4]\n\t"                                 \
	"adcxq %[t5], %[t5]\n\t"                                 \
	"adoxq %[hi], %[t5]\n\t"                                 \
	"movq 24(%[a]), %%rdx\n\t"                               \
	"mulxq %%rdx, %[lo], %[hi]\n\t"                          \
	"adcxq %[t6], %[t6]\n\t"                                 \
	"adoxq %[lo], %[t6]\n\t"                                 \
	"adcxq %[t7], %[t7]\n\t"                                 \
	"adoxq %[hi], %[t7]\n\t"

/* Reduction of the low half alone; what it leaves is below r + 1 */
#define ADX_RED_LOW(t0, t1, t2, t3)                      \
	"movq %[inv], %%rdx\n\t"                         \
	"imulq %[" t0 "], %%rdx\n\t"                     \
	"xorl %k[lo], %k[lo]\n\t"                        \
	"mulxq %[m0], %[lo], %[hi]\n\t"                  \
	"adcxq %[" t0 "], %[lo]\n\t" /* for the carry */ \
	"adoxq %[hi], %[" t1 "]\n\t"                     \
	"mulxq %[m1], %[lo], %[hi]\n\t"                  \
	"adcxq %[lo], %[" t1 "]\n\t"                     \
	"adoxq %[hi], %[" t2 "]\n\t"                     \
	"mulxq %[m2], %[lo], %[hi]\n\t"                  \
	"adcxq %[lo], %[" t2 "]\n\t"                     \
	"adoxq %[hi], %[" t3 "]\n\t"                     \
	"mulxq %[m3], %[lo], %[" t0 "]\n\t"              \
	"movl $0, %k[hi]\n\t"                            \
	"adcxq %[lo], %[" t3 "]\n\t"                     \
	"adoxq %[hi], %[" t0 "]\n\t"                     \
	"adcq $0, %[" t0 "]\n\t"

/* clang-format off */
#define ADX_SQR                              \
	ADX_SQUARE                           \
	ADX_RED_LOW("t0", "t1", "t2", "t3")  \
	ADX_RED_LOW("t1", "t2", "t3", "t0")  \
	ADX_RED_LOW("t2", "t3", "t0", "t1")  \
	ADX_RED_LOW("t3", "t0", "t1", "t2")  \
	"addq %[t0], %[t4]\n\t"              \
	"adcq %[t1], %[t5]\n\t"              \
	"adcq %[t2], %[t6]\n\t"              \
	"adcq %[t3], %[t7]\n\t"
/* clang-format on */

/* Square, loose; @a below 4.76 r, else the result would not fit */
static inline void adx_fp_sqr_loose(uint64_t *o, const uint64_t *a)
{
	uint64_t t0, t1, t2, t3, t4, t5, t6, t7, lo, hi;

	__asm__ volatile(
		ADX_SQR ADX_STORE("t4", "t5", "t6", "t7")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2),
		  [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
		  [t6] "=&r"(t6), [t7] "=&r"(t7), [lo] "=&r"(lo), [hi] "=&r"(hi)
		: [o] "r"(o), [a] "r"(a), ADX_MODULUS
		: "rdx", "cc", "memory");
}

/* Square less r once when it is not below */
static inline void adx_fp_sqr_once(uint64_t *o, const uint64_t *a)
{
	uint64_t t0, t1, t2, t3, t4, t5, t6, t7, lo, hi;

	__asm__ volatile(
		ADX_SQR ADX_SUB_ONCE("t4", "t5", "t6", "t7", "t0", "t1", "t2",
				     "t3") ADX_STORE("t4", "t5", "t6", "t7")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2),
		  [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
		  [t6] "=&r"(t6), [t7] "=&r"(t7), [lo] "=&r"(lo), [hi] "=&r"(hi)
		: [o] "r"(o), [a] "r"(a), ADX_MODULUS
		: "rdx", "cc", "memory");
}

/* clang-format off */
#define ADX_MUL2                                                \
	"movq (%[b]), %%rdx\n\t"                                \
	"mulxq (%[a]), %[t0], %[t1]\n\t"                        \
	"mulxq 8(%[a]), %[lo], %[t2]\n\t"                       \
	"addq %[lo], %[t1]\n\t"                                 \
	"mulxq 16(%[a]), %[lo], %[t3]\n\t"                      \
	"adcq %[lo], %[t2]\n\t"                                 \
	"mulxq 24(%[a]), %[lo], %[t4]\n\t"                      \
	"adcq %[lo], %[t3]\n\t"                                 \
	"adcq $0, %[t4]\n\t"                                    \
	ADX_ROW_MORE("(%[d])", "t0", "t1", "t2", "t3", "t4")    \
	ADX_RED("t0", "t1", "t2", "t3", "t4")                   \
	ADX_ROW("8(%[b])", "t1", "t2", "t3", "t4", "t0")        \
	ADX_ROW_MORE("8(%[d])", "t1", "t2", "t3", "t4", "t0")   \
	ADX_RED("t1", "t2", "t3", "t4", "t0")                   \
	ADX_ROW("16(%[b])", "t2", "t3", "t4", "t0", "t1")       \
	ADX_ROW_MORE("16(%[d])", "t2", "t3", "t4", "t0", "t1")  \
	ADX_RED("t2", "t3", "t4", "t0", "t1")                   \
	ADX_ROW("24(%[b])", "t3", "t4", "t0", "t1", "t2")       \
	ADX_ROW_MORE("24(%[d])", "t3", "t4", "t0", "t1", "t2")  \
	ADX_RED("t3", "t4", "t0", "t1", "t2")
/* clang-format on */

/*
 * a b + c d with one reduction, less r once: below r for factors such that
 * a b + c d < 5.29 r^2.  The running value stays below a + c + r, so that must
 * fit: a and c below 2 r each at most.
 */
static inline void adx_fp_mul2_once(uint64_t *o, const uint64_t *a,
				    const uint64_t *b, const uint64_t *c,
				    const uint64_t *d)
{
	uint64_t t0, t1, t2, t3, t4, lo, hi, s;

	__asm__ volatile(
		ADX_MUL2 ADX_SUB_ONCE("t4", "t0", "t1", "t2", "lo", "hi", "t3",
				      "s") ADX_STORE("t4", "t0", "t1", "t2")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3),
		  [t4] "=&r"(t4), [lo] "=&r"(lo), [hi] "=&r"(hi), [s] "=&d"(s)
		: [o] "r"(o), [a] "r"(a), [b] "r"(b), [c] "r"(c), [d] "r"(d),
		  ADX_MODULUS
		: "cc", "memory");
}

/* a + b; below r when both are */
static inline void adx_fp_add_once(uint64_t *o, const uint64_t *a,
				   const uint64_t *b)
{
	uint64_t t0, t1, t2, t3, s0, s1, s2, s3;

	__asm__ volatile(
		ADX_LOAD ADX_PLUS("b") "movq %[t0], %[s0]\n\t"
				       "movq %[t1], %[s1]\n\t"
				       "movq %[t2], %[s2]\n\t"
				       "movq %[t3], %[s3]\n\t"
				       "subq %[m0], %[t0]\n\t"
				       "sbbq %[m1], %[t1]\n\t"
				       "sbbq %[m2], %[t2]\n\t"
				       "sbbq %[m3], %[t3]\n\t"
				       "cmovcq %[s0], %[t0]\n\t"
				       "cmovcq %[s1], %[t1]\n\t"
				       "cmovcq %[s2], %[t2]\n\t"
				       "cmovcq %[s3], %[t3]\n\t" ADX_STORE(
					       "t0", "t1", "t2", "t3")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3),
		  [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
		: [o] "r"(o), [a] "r"(a), [b] "r"(b), ADX_MODULUS
		: "cc", "memory");
}

/* a - b; below r when both are */
static inline void adx_fp_sub_once(uint64_t *o, const uint64_t *a,
				   const uint64_t *b)
{
	uint64_t t0, t1, t2, t3, s0, s1, s2, s3;

	__asm__ volatile(
		ADX_LOAD
		"subq (%[b]), %[t0]\n\t"
		"sbbq 8(%[b]), %[t1]\n\t"
		"sbbq 16(%[b]), %[t2]\n\t"
		"sbbq 24(%[b]), %[t3]\n\t"
		"sbbq %[s0], %[s0]\n\t" /* r or nothing, in s */
		"movq %[s0], %[s1]\n\t"
		"movq %[s0], %[s2]\n\t"
		"movq %[s0], %[s3]\n\t"
		"andq %[m0], %[s0]\n\t"
		"andq %[m1], %[s1]\n\t"
		"andq %[m2], %[s2]\n\t"
		"andq %[m3], %[s3]\n\t"
		"addq %[s0], %[t0]\n\t"
		"adcq %[s1], %[t1]\n\t"
		"adcq %[s2], %[t2]\n\t"
		"adcq %[s3], %[t3]\n\t" ADX_STORE("t0", "t1", "t2", "t3")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3),
		  [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
		: [o] "r"(o), [a] "r"(a), [b] "r"(b), ADX_MODULUS
		: "cc", "memory");
}

/* a + b, not reduced; the sum must be below 2^256 */
static inline void adx_fp_add_loose(uint64_t *o, const uint64_t *a,
				    const uint64_t *b)
{
	uint64_t t0, t1, t2, t3;

	__asm__ volatile(
		ADX_LOAD ADX_PLUS("b") ADX_STORE("t0", "t1", "t2", "t3")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3)
		: [o] "r"(o), [a] "r"(a), [b] "r"(b)
		: "cc", "memory");
}

/*
 * a, or r - a when @sign is 1; a not zero.  Signs are not to be guessed, so
 * without a branch: -a is ~a + 1, so the result is a ^ mask plus what r & mask
 * and -mask add up to, which stays in the low limb: that of r is not all ones.
 */
static inline void adx_fp_neg_if(uint64_t *o, const uint64_t *a, uint64_t sign)
{
	const uint64_t mask = 0 - sign;
	uint64_t t0, t1, t2, t3, s0, s1, s2, s3;

	__asm__ volatile(
		ADX_LOAD
		"movq %[mask], %[s0]\n\t"
		"movq %[mask], %[s1]\n\t"
		"movq %[mask], %[s2]\n\t"
		"movq %[mask], %[s3]\n\t"
		"andq %[m0], %[s0]\n\t"
		"andq %[m1], %[s1]\n\t"
		"andq %[m2], %[s2]\n\t"
		"andq %[m3], %[s3]\n\t"
		"subq %[mask], %[s0]\n\t"
		"xorq %[mask], %[t0]\n\t"
		"xorq %[mask], %[t1]\n\t"
		"xorq %[mask], %[t2]\n\t"
		"xorq %[mask], %[t3]\n\t"
		"addq %[s0], %[t0]\n\t"
		"adcq %[s1], %[t1]\n\t"
		"adcq %[s2], %[t2]\n\t"
		"adcq %[s3], %[t3]\n\t" ADX_STORE("t0", "t1", "t2", "t3")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3),
		  [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
		: [o] "r"(o), [a] "r"(a), [mask] "r"(mask), ADX_MODULUS
		: "cc", "memory");
}

#endif
