/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_SEED_H
#define CDX_TESTS_UNIT_SEED_H

/* Repeatable randomness for tests.  The seed is the environment variable CDX_SEED's,
 * and one of the test's own without it: what passed once passes again.  The full
 * column of counts.tab runs with another seed each time. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct seed {
	uint64_t state;
};

static inline struct seed seed_start(const char *what)
{
	const char *given = getenv("CDX_SEED");
	struct seed s = {UINT64_C(0xcbf29ce484222325)};

	for (const char *c = what; *c != '\0'; c++) /* FNV-1a */
		s.state = (s.state ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	if (given != NULL)
		s.state = strtoull(given, NULL, 0);
	printf("%s: CDX_SEED=%llu\n", what, (unsigned long long)s.state);
	return s;
}

/* The next 64 bits: a counter through a mixer (splitmix64) */
static inline uint64_t seed_u64(struct seed *s)
{
	uint64_t z = s->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 <= result < @n */
static inline size_t seed_below(struct seed *s, size_t n)
{
	return (size_t)(seed_u64(s) % n);
}

static inline void seed_fill(struct seed *s, void *out, size_t len)
{
	uint8_t *p = out;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)seed_u64(s);
}

#endif
