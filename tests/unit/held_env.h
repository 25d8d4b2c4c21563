/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_HELD_ENV_H
#define CDX_TESTS_UNIT_HELD_ENV_H

/* Slots of held_kit.h in the store of protection_env.h.  Include after cmocka.h. */

#include "held_kit.h"
#include "protection_env.h"

/* What is charged to the provider's share */
static inline int64_t provider(void)
{
	return cdx_kv_counter(T.s, CDX_CNT_USED_PROVIDER);
}

/* Slots of @here (bits) read as they should; the others are not here. */
static inline void check_held(const struct hk *h,
			      const struct cdx_protection *p, uint32_t here)
{
	uint8_t *got = malloc(CDX_BLOCK_SIZE);
	uint8_t *want = malloc(CDX_BLOCK_SIZE);

	for (uint64_t i = 0; i < h->total; i++) {
		bool pad = i >= h->blocks && i < h->steps * h->k;
		int rc = cdx_protection_read(T.s, got, p, i);

		if ((here >> (i / h->steps) & 1) == 0 && !pad) {
			assert_int_equal(rc, -ENODATA);
			continue;
		}
		assert_int_equal(rc, 0);
		hk_block(want, h, i);
		assert_memory_equal(got, want, CDX_BLOCK_SIZE);
	}
	free(got);
	free(want);
}

#endif
