/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seg_env.h"
#include "store/dataset_store.h"
#include "store/internal.h"
#include "volume/footer.h"

#define SHARE (128 * ENV_MIB) /* k 4, m 2: segments of 64 blocks */

static uint8_t *noise(struct seed *s, size_t len)
{
	uint8_t *p = malloc(len);

	assert_non_null(p);
	seed_fill(s, p, len);
	return p;
}

/* ---- footer ---- */

static struct cdx_footer *sample(struct seed *s)
{
	struct cdx_footer *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	seed_fill(s, f->id, sizeof(f->id));
	f->k = 10;
	f->m = 5;
	f->blocks = 80;
	f->epochs = 2;
	f->epoch[0].cipher = CDX_CIPHER_AES256_CTR;
	f->epoch[1].first = 9;
	f->epoch[1].cipher = CDX_CIPHER_XCHACHA20;
	seed_fill(s, f->epoch[1].wrapped, CDX_WRAPPED_LEN);
	f->runs = 3;
	f->run = calloc(3, sizeof(*f->run));
	f->run[0] = (struct cdx_footer_run){CDX_LEAF_DATA, 50};
	f->run[1] = (struct cdx_footer_run){CDX_LEAF_PADDING, 28};
	f->run[2] = (struct cdx_footer_run){CDX_LEAF_FOOTER, 2};
	return f;
}

static void test_footer_codec(void **state)
{
	struct seed s = seed_start("footer_codec");
	struct cdx_footer *f = sample(&s);
	struct cdx_footer_extent prev = {0};
	struct cdx_footer_extent ext[300];
	struct cdx_footer out;
	struct cdx_buf buf = {0};

	(void)state;
	cdx_footer_begin(&buf, f);
	for (size_t i = 0; i < 300; i++) {
		ext[i].off = prev.off + seed_below(&s, 9000);
		ext[i].len = 1 + seed_below(&s, 70000);
		ext[i].ino = seed_u64(&s) >> seed_below(&s, 64);
		ext[i].file_off = seed_u64(&s) >> seed_below(&s, 64);
		assert_true(cdx_footer_add(&buf, &prev, &ext[i], SIZE_MAX));
		prev = ext[i];
	}
	assert_int_equal(cdx_footer_end(&buf, true), 0);
	assert_int_equal(cdx_footer_decode(&out, buf.p, buf.len), 0);
	assert_true(out.complete);
	assert_int_equal(out.extents, 300);
	assert_memory_equal(out.extent, ext, sizeof(ext));
	assert_memory_equal(out.epoch, f->epoch, sizeof(out.epoch));
	assert_int_equal(out.runs, 3);
	cdx_footer_free(&out);
	for (size_t n = 0; n < buf.len; n += 1 + n / 16)
		assert_true(cdx_footer_decode(&out, buf.p, n) < 0);
	cdx_buf_free(&buf);
	cdx_footer_free(f);
	free(f);
}

static void test_footer_cut(void **state)
{
	struct seed s = seed_start("footer_cut");
	struct cdx_footer *f = sample(&s);
	struct cdx_footer_extent e = {.len = 5, .ino = 7};
	struct cdx_footer out;
	struct cdx_buf buf = {0};
	unsigned n = 0;

	(void)state;
	cdx_footer_begin(&buf, f);
	while (cdx_footer_add(&buf, &e, &e, 1000))
		n++;
	assert_true(n > 10);
	assert_int_equal(cdx_footer_end(&buf, false), 0);
	assert_true(buf.len <= 1000);
	assert_int_equal(cdx_footer_decode(&out, buf.p, buf.len), 0);
	assert_false(out.complete);
	cdx_footer_free(&out);
	cdx_buf_free(&buf);
	cdx_footer_free(f);
	free(f);
}

static void test_footer_tail(void **state)
{
	struct seed s = seed_start("footer_tail");
	struct cdx_footer_tail t = {.body_blocks = 3,
				    .cipher = CDX_CIPHER_XCHACHA20,
				    .len = 3 * CDX_BLOCK_SIZE - 5};
	struct cdx_footer_tail out;
	struct cdx_key key;
	struct cdx_key other;
	uint8_t *a = malloc(CDX_BLOCK_SIZE);
	uint8_t *b = malloc(CDX_BLOCK_SIZE);

	(void)state;
	seed_fill(&s, t.id, sizeof(t.id));
	seed_fill(&s, t.key.b, sizeof(t.key.b));
	seed_fill(&s, t.digest.b, sizeof(t.digest.b));
	seed_fill(&s, key.b, sizeof(key.b));
	seed_fill(&s, other.b, sizeof(other.b));
	assert_int_equal(cdx_footer_tail_seal(a, &key, &t), 0);
	assert_int_equal(cdx_footer_tail_seal(b, &key, &t), 0);
	/* the nonce is drawn anew, and everything depends on it */
	assert_memory_not_equal(a, b, 24);
	assert_memory_not_equal(a + 24, b + 24, 32);
	assert_int_equal(cdx_footer_tail_open(&out, &key, a), 0);
	assert_memory_equal(&out, &t, sizeof(t));
	assert_int_equal(cdx_footer_tail_open(&out, &other, a), CDX_E_HASH);
	for (int i = 0; i < 50; i++) {
		size_t at = seed_below(&s, CDX_BLOCK_SIZE);

		a[at] ^= 1;
		assert_int_equal(cdx_footer_tail_open(&out, &key, a),
				 CDX_E_HASH);
		a[at] ^= 1;
	}
	free(a);
	free(b);
}

/* ---- sealing ---- */

static void check_sealed(struct seg_env *e, const struct cdx_segment_info *i)
{
	struct cdx_dataset_info info;
	uint8_t *block = malloc(CDX_BLOCK_SIZE);
	struct cdx_footer f;

	assert_int_equal(cdx_dataset_info(e->s, &i->manifest, &info), 0);
	assert_int_equal(info.blocks, i->capacity);
	assert_int_equal(info.size, (uint64_t)i->capacity * CDX_BLOCK_SIZE);
	assert_true(info.is_private);
	/* every block of it is there and hashes */
	for (uint64_t b = 0; b < info.blocks; b++)
		assert_int_equal(cdx_dataset_read(e->s, block, &info,
						  b * CDX_BLOCK_SIZE,
						  CDX_BLOCK_SIZE),
				 CDX_BLOCK_SIZE);
	assert_int_equal(cdx_footer_read(e->v, &f, i->area, i->capacity), 0);
	assert_int_equal(f.blocks, i->capacity);
	assert_true(f.complete);
	cdx_footer_free(&f);
	free(block);
}

static void test_seal(void **state)
{
	struct seed s = seed_start("seal");
	size_t len = 13 * CDX_BLOCK_SIZE + 777;
	uint8_t *p = noise(&s, len);
	struct seg_env_count c;
	struct cdx_footer f;
	struct seg_env e;
	uint64_t used;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	seg_env_commit(&e);
	used = (uint64_t)cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	c = seg_env_segments(&e);
	assert_int_equal(c.open + c.sealing, 0);
	assert_int_equal(c.sealed, 1);
	/* 13 blocks, one with the packed tail, two of the footer: 16 */
	assert_int_equal(c.last_sealed.capacity, 16);
	assert_int_equal(c.last_sealed.live, len);
	assert_true((uint64_t)cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME) < used);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_RECORD_LIVE), 0);
	check_sealed(&e, &c.last_sealed);
	assert_int_equal(cdx_footer_read(e.v, &f, c.last_sealed.area, 16), 0);
	assert_int_equal(f.extents, 1);
	assert_int_equal(f.extent[0].ino, ino);
	assert_int_equal(f.extent[0].len, len);
	cdx_footer_free(&f);
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_reopen(&e);
	seg_env_same(&e, seg_env_find(&e, "a"), p, len);
	seg_env_clean(&e);
	/* everything goes away again */
	seg_env_drop(&e, "a");
	assert_int_equal(cdx_vol_compact(e.v, 50, NULL, NULL), 0);
	seg_env_reclaim(&e);
	c = seg_env_segments(&e);
	assert_int_equal(c.open + c.sealing + c.sealed + c.dropping, 0);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME), 0);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_BLOCKS), 0);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_DATASETS), 0);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* Blocks without content are padding: never the epoch's key stream, never
 * zeros, and nobody's old bytes */
static void test_padding(void **state)
{
	struct seed s = seed_start("padding");
	size_t len = 10 * CDX_BLOCK_SIZE;
	uint8_t *p = noise(&s, len);
	uint8_t *before = malloc(len);
	uint8_t *after = malloc(len);
	struct seg_env_count c;
	struct cdx_extent x;
	struct cdx_leaf leaf;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	seg_env_commit(&e);
	x = seg_env_extent(&e, ino, 0);
	assert_int_equal(cdx_area_read(e.s, x.loc.area, 0, before, len), 0);
	assert_int_equal(
		cdx_vol_fallocate(e.v, ino,
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  3 * CDX_BLOCK_SIZE, 2 * CDX_BLOCK_SIZE),
		0);
	memset(p + 3 * CDX_BLOCK_SIZE, 0, 2 * CDX_BLOCK_SIZE);
	assert_int_equal(cdx_seal_open(e.v, NULL, NULL), 0);
	c = seg_env_segments(&e);
	assert_int_equal(c.last_sealed.capacity, 16);
	assert_int_equal(cdx_area_read(e.s, x.loc.area, 0, after, len), 0);
	for (uint32_t i = 0; i < 16; i++) {
		enum cdx_leaf_state want = CDX_LEAF_DATA;

		if (i == 3 || i == 4 || i >= 10)
			want = CDX_LEAF_PADDING;
		if (i >= 14)
			want = CDX_LEAF_FOOTER;
		assert_int_equal(cdx_leaf_get(e.s, x.loc.area, i, &leaf), 0);
		assert_int_equal(leaf.state, want);
	}
	for (size_t i = 0; i < 10; i++) {
		size_t at = i * CDX_BLOCK_SIZE;
		int differs = memcmp(before + at, after + at, CDX_BLOCK_SIZE);

		assert_int_equal(differs != 0, i == 3 || i == 4);
	}
	/* a random block has about 256 zero bytes */
	for (size_t i = 3; i < 5; i++) {
		unsigned zeros = 0;

		for (size_t k = 0; k < CDX_BLOCK_SIZE; k++)
			zeros += !after[i * CDX_BLOCK_SIZE + k];
		assert_in_range(zeros, 128, 512);
	}
	seg_env_same(&e, ino, p, len);
	check_sealed(&e, &c.last_sealed);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
	free(before);
	free(after);
}

/* A full segment makes room for the next one; all are sealed in the end */
static void test_full(void **state)
{
	struct seed s = seed_start("full");
	size_t len = 20 * ENV_MIB;
	uint8_t *p = noise(&s, len);
	struct seg_env_count c;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	seg_env_commit(&e);
	c = seg_env_segments(&e);
	assert_true(c.open >= 5);
	seg_env_clean(&e);
	assert_int_equal(cdx_seal_open(e.v, NULL, NULL), 0);
	c = seg_env_segments(&e);
	assert_int_equal(c.open, 0);
	assert_true(c.sealed >= 5);
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* Whatever step a crash interrupts, sealing is done again and comes to the
 * same end: copies of the directory are taken at every progress call. */
struct snaps {
	struct seg_env *e;
	struct seg_env copy[12];
	unsigned n;
	unsigned calls;
};

static void take_snap(void *arg, const char *phase, uint64_t done,
		      uint64_t total)
{
	struct snaps *s = arg;
	struct seg_env copy;

	(void)phase;
	(void)done;
	(void)total;
	s->calls++;
	if (s->n == 12)
		return;
	if (s->calls % 2)
		assert_int_equal(cdx_store_log_sync(s->e->s), 0);
	else
		assert_int_equal(cdx_store_commit(s->e->s), 0);
	seg_env_copy(s->e, &copy);
	(void)snprintf(s->copy[s->n].path, PATH_MAX, "%.3000s.%u", copy.path,
		       s->n);
	assert_int_equal(rename(copy.path, s->copy[s->n].path), 0);
	s->n++;
}

static void test_interrupted(void **state)
{
	struct seed s = seed_start("interrupted");
	size_t len = 17 * CDX_BLOCK_SIZE + 5;
	uint8_t *p = noise(&s, len);
	struct seg_env_count c;
	struct snaps *snaps = calloc(1, sizeof(*snaps));
	struct seg_env e;
	uint64_t ino;

	(void)state;
	assert_non_null(snaps);
	seg_env_new(&e, SHARE, 4, 2);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	seg_env_commit(&e);
	snaps->e = &e;
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, take_snap, snaps),
			 0);
	assert_true(snaps->n >= 4);
	for (unsigned i = 0; i < snaps->n; i++) {
		struct seg_env copy = e;

		memcpy(copy.path, snaps->copy[i].path, PATH_MAX);
		seg_env_open(&copy);
		seg_env_clean(&copy);
		seg_env_same(&copy, seg_env_find(&copy, "a"), p, len);
		assert_int_equal(
			cdx_vol_sync(copy.v, CDX_SYNC_SEALED, NULL, NULL), 0);
		c = seg_env_segments(&copy);
		assert_int_equal(c.open + c.sealing + c.dropping, 0);
		assert_int_equal(c.sealed, 1);
		check_sealed(&copy, &c.last_sealed);
		seg_env_same(&copy, seg_env_find(&copy, "a"), p, len);
		seg_env_clean(&copy);
		seg_env_free(&copy);
	}
	free(snaps);
	seg_env_free(&e);
	free(p);
}

/* A damaged footer is found */
static void test_bad_footer(void **state)
{
	struct seg_env_count c;
	struct cdx_footer f;
	struct seg_env e;
	uint8_t *p = calloc(4, CDX_BLOCK_SIZE);
	uint64_t ino;
	uint64_t size;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, 4 * CDX_BLOCK_SIZE);
	seg_env_commit(&e);
	assert_int_equal(cdx_seal_open(e.v, NULL, NULL), 0);
	c = seg_env_segments(&e);
	assert_int_equal(c.sealed, 1);
	size = (uint64_t)c.last_sealed.capacity * CDX_BLOCK_SIZE;
	seg_env_flip(&e, c.last_sealed.area, (off_t)size - 100);
	assert_int_equal(cdx_footer_read(e.v, &f, c.last_sealed.area,
					 c.last_sealed.capacity),
			 CDX_E_HASH);
	assert_true(seg_env_fsck(&e) > 0);
	seg_env_flip(&e, c.last_sealed.area, (off_t)size - 100);
	seg_env_flip(&e, c.last_sealed.area,
		     (off_t)(size - 2 * CDX_BLOCK_SIZE) + 9);
	assert_int_equal(cdx_footer_read(e.v, &f, c.last_sealed.area,
					 c.last_sealed.capacity),
			 CDX_E_HASH);
	seg_env_flip(&e, c.last_sealed.area,
		     (off_t)(size - 2 * CDX_BLOCK_SIZE) + 9);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_footer_codec),
		cmocka_unit_test(test_footer_cut),
		cmocka_unit_test(test_footer_tail),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_bad_footer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
