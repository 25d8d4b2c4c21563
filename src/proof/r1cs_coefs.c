/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/r1cs_coefs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 1024u

/* A file can be made so that all of its coefficients meet here: reading it takes
 * long then, and does no other harm */
static uint32_t hash(const struct cdx_fr *v)
{
	const uint64_t mixed =
		(v->l[0] ^ v->l[1] << 1 ^ v->l[2] << 2 ^ v->l[3] << 3) *
		UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(mixed >> 32);
}

static uint32_t *find_slot(const struct cdx_r1cs_coefs *c,
			   const struct cdx_fr *v)
{
	const uint32_t mask = 2 * c->cap - 1;
	uint32_t i = hash(v) & mask;

	while (c->slot[i] != 0 && !cdx_fr_equal(&c->coef[c->slot[i] - 1], v))
		i = (i + 1) & mask;
	return &c->slot[i];
}

static int grow(struct cdx_r1cs_coefs *c)
{
	const uint32_t cap = c->cap ? 2 * c->cap : CAP_FIRST;
	struct cdx_fr *coef;
	uint32_t *slot;

	if (cap > UINT32_MAX / 4)
		return -ENOMEM;
	coef = realloc(c->coef, cap * sizeof(*coef));
	if (!coef)
		return -ENOMEM;
	c->coef = coef;
	slot = calloc((size_t)2 * cap, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	free(c->slot);
	c->slot = slot;
	c->cap = cap;
	for (uint32_t i = 0; i < c->count; i++)
		*find_slot(c, &coef[i]) = i + 1;
	return 0;
}

int cdx_r1cs_coefs_find(struct cdx_r1cs_coefs *c, uint32_t *number,
			const struct cdx_fr *v)
{
	uint32_t *slot;

	if (c->count == c->cap && grow(c) < 0)
		return -ENOMEM;
	slot = find_slot(c, v);
	if (*slot == 0) {
		c->coef[c->count++] = *v;
		*slot = c->count;
	}
	*number = *slot - 1;
	return 0;
}

struct cdx_fr *cdx_r1cs_coefs_take(struct cdx_r1cs_coefs *c)
{
	struct cdx_fr *coef = c->coef;

	free(c->slot);
	memset(c, 0, sizeof(*c));
	return coef;
}

void cdx_r1cs_coefs_free(struct cdx_r1cs_coefs *c)
{
	free(cdx_r1cs_coefs_take(c));
}
