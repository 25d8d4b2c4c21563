/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_SEG_PROTECT_H
#define CDX_TESTS_UNIT_SEG_PROTECT_H

/* For the tests of protected segments.  Include after cmocka.h. */

#include "seg_env.h"
#include "store/protection.h"

#define SHARE (128 * ENV_MIB) /* k 4, m 2: segments of 64 blocks */
#define BLOCK ((size_t)CDX_BLOCK_SIZE)

static inline uint8_t *noise(struct seed *s, size_t len)
{
	uint8_t *p = malloc(len);

	assert_non_null(p);
	seed_fill(s, p, len);
	return p;
}

static inline struct cdx_vol_status status(struct seg_env *e)
{
	struct cdx_vol_status st;

	cdx_vol_status(e->v, &st);
	return st;
}

static inline uint64_t bad_blocks(struct seg_env *e)
{
	struct cdx_store_stats st;

	cdx_store_stats(e->s, &st);
	return st.bad_blocks;
}

static inline int64_t used(struct seg_env *e)
{
	return cdx_kv_counter(e->s, CDX_CNT_USED_VOLUME);
}

static inline void protect(struct seg_env *e)
{
	assert_int_equal(cdx_vol_sync(e->v, CDX_SYNC_PROTECTED, NULL, NULL), 0);
}

static inline enum cdx_file_state state_of(struct seg_env *e, uint64_t ino)
{
	enum cdx_file_state st;

	assert_int_equal(cdx_vol_state(e->v, ino, &st), 0);
	return st;
}

/* A file of @len random bytes */
static inline uint64_t put_file(struct seg_env *e, const char *name,
				const uint8_t *p, size_t len)
{
	uint64_t ino = seg_env_make(e, name);

	seg_env_write(e, ino, 0, p, len);
	return ino;
}

/* The same with a volume alone, protected when it returns: file "a" */
static inline uint64_t put_protected(struct cdx_volume *v, const uint8_t *p,
				     size_t len)
{
	struct cdx_cred cred = {0};
	struct cdx_attr attr;

	assert_int_equal(cdx_vol_mknod(v, CDX_ROOT_INO, "a", S_IFREG | 0644, 0,
				       &cred, &attr),
			 0);
	assert_int_equal(cdx_vol_write(v, attr.ino, 0, p, len, false), 0);
	assert_int_equal(cdx_vol_sync(v, CDX_SYNC_PROTECTED, NULL, NULL), 0);
	return attr.ino;
}

/* The last protected one */
static inline int one_segment(void *arg, const struct cdx_segment_info *i)
{
	if (i->is_protected)
		*(struct cdx_segment_info *)arg = *i;
	return 0;
}

static inline int one_protection(void *arg, const struct cdx_protection *p)
{
	*(struct cdx_protection *)arg = *p;
	return 0;
}

static inline struct cdx_protection protection_of(struct seg_env *e,
						  uint64_t area)
{
	struct cdx_protection p = {0};

	assert_int_equal(cdx_protection_list(e->s, area, one_protection, &p),
			 0);
	assert_int_equal(p.state, CDX_PROTECTION_DONE);
	return p;
}

struct areas {
	uint64_t area[64];
	unsigned n;
};

static inline int note_area(void *arg, const struct cdx_segment_info *i)
{
	struct areas *a = arg;

	assert_true(a->n < CDX_ARRAY_LEN(a->area));
	if (i->is_protected)
		a->area[a->n++] = i->area;
	return 0;
}

static inline struct areas protected_areas(struct seg_env *e)
{
	struct areas a = {.n = 0};

	assert_int_equal(cdx_vol_segments(e->v, note_area, &a), 0);
	assert_true(a.n > 0);
	return a;
}

/* Gives @n slots of every segment away, data ones first */
static inline void evict(struct seg_env *e, uint32_t n)
{
	struct areas a = protected_areas(e);

	for (unsigned i = 0; i < a.n; i++) {
		for (uint32_t slot = 0; slot < n; slot++) {
			struct cdx_protection p = protection_of(e, a.area[i]);

			assert_int_equal(cdx_slot_evict(e->s, &p, slot), 0);
		}
	}
	/* until the bytes are really gone */
	seg_env_reclaim(e);
}

#endif
