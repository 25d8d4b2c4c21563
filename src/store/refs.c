/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/refs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

void cdx_refs_init(struct cdx_refs *r)
{
	memset(r, 0, sizeof(*r));
	cdx_random(r->mul, sizeof(r->mul));
}

static struct cdx_ref_slot *slot(struct cdx_ref_slot *slots, size_t cap,
				 uint64_t key)
{
	size_t i = (size_t)(key >> 7) & (cap - 1);

	while (slots[i].key != 0 && slots[i].key != key)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static int grow(struct cdx_refs *r)
{
	size_t cap = r->cap == 0 ? 1024 : r->cap * 2;
	struct cdx_ref_slot *slots = calloc(cap, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->cap; i++)
		if (r->slots[i].key != 0)
			*slot(slots, cap, r->slots[i].key) = r->slots[i];
	free(r->slots);
	r->slots = slots;
	r->cap = cap;
	return 0;
}

static uint64_t key_of(const struct cdx_refs *r,
		       const struct cdx_digest *digest)
{
	uint64_t key = 0;

	for (size_t i = 0; i < 4; i++)
		key += (cdx_get_be64(digest->b + 8 * i) ^ r->mul[i]) *
		       (r->mul[(i + 1) % 4] | 1);
	key ^= key >> 29;
	return key != 0 ? key : 1;
}

uint32_t cdx_refs_count(const struct cdx_refs *r,
			const struct cdx_digest *digest)
{
	if (r->cap == 0)
		return 0;
	return slot(r->slots, r->cap, key_of(r, digest))->refs;
}

int cdx_refs_get(struct cdx_refs *r, struct cdx_ref_slot **out,
		 const struct cdx_digest *digest)
{
	struct cdx_ref_slot *sl;
	uint64_t key = key_of(r, digest);
	int rc;

	if (r->len + 1 > r->cap / 4 * 3) {
		rc = grow(r);
		if (rc < 0)
			return rc;
	}
	sl = slot(r->slots, r->cap, key);
	if (sl->key == 0) {
		sl->key = key;
		r->len++;
	}
	*out = sl;
	return 0;
}

void cdx_refs_free(struct cdx_refs *r)
{
	free(r->slots);
	memset(r, 0, sizeof(*r));
}
