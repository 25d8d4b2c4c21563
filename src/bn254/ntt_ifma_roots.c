/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/ntt_internal.h"

#include <errno.h>

#ifdef __x86_64__

#include <stdlib.h>

#include "bn254/ifma_tables.h"
#include "bn254/ntt.h"
#include "bn254/ntt_ifma.h"

/*
 * The tables of the vector code: the first vectors from scalar numbers, then
 * twice as many again and again by products of vectors with one number.
 */

/* What the middle takes of down for its first 64 elements, and the scalar code
 * must make */
#define DOWN_BITS_MIN 5u

/* Eight elements to the form of the vector code */
static IFMA_CALL void convert(struct fe *out, const struct cdx_fr *a)
{
	struct fe c;

	set(&c, cdx_ifma_tables()->from_fr);
	load_run(out, a);
	mul(out, out, &c, NULL);
	canonical(out);
}

/* The @have vectors at @x, each @stride from the one before, times @factor into
 * the places that follow */
static IFMA_CALL void twice_as_many(struct fe *x, size_t have, size_t stride,
				    const struct cdx_fr *factor)
{
	struct fe *out = x + have * stride;
	uint64_t v[IFMA_LIMBS];
	struct fe c;

	cdx_ifma_element(v, factor);
	set(&c, v);
	for (size_t i = 0; i < have * stride; i += stride) {
		mul(&out[i], &x[i], &c, NULL);
		canonical(&out[i]);
	}
}

/* Odd powers for blocks of 2 * 8 * @half elements: the root w of order 32
 * @half, and from one vector to the next w^16 */
static void make_up_level(struct fe *up, unsigned bits)
{
	const size_t half = (size_t)1 << bits;
	struct cdx_fr power[IFMA_LANES];
	struct cdx_fr w;

	cdx_ntt_root(&power[0], bits + 5);
	cdx_fr_sqr(&w, &power[0]);
	for (size_t i = 1; i < IFMA_LANES; i++)
		cdx_fr_mul(&power[i], &power[i - 1], &w);
	convert(&up[half], power);
	for (unsigned i = 0; i < 3; i++)
		cdx_fr_sqr(&w, &w);
	for (size_t have = 1; have < half; have *= 2) {
		twice_as_many(up + half, have, 1, &w);
		cdx_fr_sqr(&w, &w);
	}
}

/*
 * One of the seven vectors for every 64 elements: lane j of group g is about
 * part @u of @parts (1, 2, 4) of block number 8 g + j of those of eight
 * elements.  A group number's new bit is one of 8 @parts times that in the place
 * in down: see cdx_ntt_make_down.
 */
static void make_middle(struct fe *out, const struct cdx_fr *down,
			unsigned parts_log, size_t u, unsigned group_bits)
{
	struct cdx_fr c[IFMA_LANES];

	for (size_t j = 0; j < IFMA_LANES; j++)
		c[place[j]] = down[(j << parts_log) + u];
	convert(out, c);
	for (unsigned bits = 0; bits < group_bits; bits++) {
		struct cdx_fr w;

		cdx_ntt_root(&w, bits + parts_log + 5);
		cdx_fr_inv(&w, &w);
		twice_as_many(out, (size_t)1 << bits, 7, &w);
	}
}

static int make(struct ntt_vectors *v, unsigned log_n)
{
	const unsigned down_bits =
		log_n - 4 > DOWN_BITS_MIN ? log_n - 4 : DOWN_BITS_MIN;
	const size_t down_count = (size_t)1 << down_bits;
	struct cdx_fr low[IFMA_LANES];
	struct cdx_fr *down;

	v->down = ntt_vectors_alloc(down_count / IFMA_LANES);
	v->up = ntt_vectors_alloc((size_t)1 << log_n >> 3);
	v->middle = (struct fe(*)[7])ntt_vectors_alloc(
		((size_t)1 << log_n >> 6) * 7);
	down = malloc(down_count * sizeof(*down));
	if (!v->down || !v->up || !v->middle || !down) {
		free(down);
		return -ENOMEM;
	}
	cdx_ntt_make_down(down, down_bits);
	for (size_t i = 0; i < down_count; i += IFMA_LANES)
		convert(&v->down[i / IFMA_LANES], down + i);
	for (unsigned parts_log = 0; parts_log < 3; parts_log++)
		for (size_t u = 0; u < (size_t)1 << parts_log; u++)
			make_middle(
				&v->middle[0][((size_t)1 << parts_log) - 1 + u],
				down, parts_log, u, log_n - 6);
	free(down);
	cdx_ntt_make_up(low, 3);
	convert(&v->up[0], low);
	for (unsigned bits = 0; bits < log_n - 3; bits++)
		make_up_level(v->up, bits);
	return 0;
}

int cdx_ntt_ifma_new(struct cdx_ntt *t)
{
	struct ntt_vectors *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	t->vectors = v;
	cdx_ifma_element(v->inv_n, &t->inv_n);
	return make(v, t->log_n);
}

void cdx_ntt_ifma_free(struct ntt_vectors *v)
{
	if (!v)
		return;
	free(v->down);
	free(v->up);
	free(v->middle);
	free(v);
}

#else

int cdx_ntt_ifma_new(struct cdx_ntt *t)
{
	(void)t;
	return -ENOMEM;
}

void cdx_ntt_ifma_free(struct ntt_vectors *v)
{
	(void)v;
}

#endif
