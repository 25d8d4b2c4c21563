/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data_kit.h"

#include "base/bytes.h"

/* ---- records ---- */

static void round_trip(const struct cdx_extent *x, uint64_t ino)
{
	uint8_t key[CDX_EXTENT_KEY];
	uint8_t val[CDX_EXTENT_VAL_MAX + 1];
	struct cdx_kv_pair pair = {key, sizeof(key), val, 0};
	struct cdx_extent y;
	uint64_t owner;
	size_t len = cdx_extent_encode(val, x);

	cdx_extent_key(key, ino, x->off + x->len);
	pair.val_len = len;
	assert_int_equal(cdx_extent_decode(&y, &owner, &pair), 0);
	assert_int_equal(owner, ino);
	assert_int_equal(y.off, x->off);
	assert_int_equal(y.len, x->len);
	assert_int_equal(y.loc.kind, x->loc.kind);
	assert_int_equal(y.loc.area, x->loc.area);
	assert_int_equal(y.loc.off, x->loc.off);
	assert_int_equal(y.loc.plain, x->loc.plain);
	assert_int_equal(y.loc.skip, x->loc.skip);
	assert_int_equal(y.sealed_len, x->sealed_len);
	for (size_t cut = 0; cut < len; cut++) {
		pair.val_len = cut;
		assert_int_equal(cdx_extent_decode(&y, &owner, &pair),
				 CDX_E_CORRUPT);
	}
	val[len] = 0;
	pair.val_len = len + 1;
	assert_int_equal(cdx_extent_decode(&y, &owner, &pair), CDX_E_CORRUPT);
}

static void test_records(void **state)
{
	uint8_t sealed[CDX_INLINE_MAX + CDX_SEAL_OVERHEAD] = {1};
	struct cdx_extent x = {.off = 4096, .len = 8192};

	(void)state;
	x.loc.kind = CDX_LOC_ZERO;
	round_trip(&x, 7);
	x.loc.kind = CDX_LOC_SEGMENT;
	x.loc.area = 3;
	x.loc.off = 65536 * 4 + 12;
	round_trip(&x, UINT64_MAX);
	x.loc.kind = CDX_LOC_RECORD;
	x.loc.plain = 9000;
	x.loc.skip = 808;
	round_trip(&x, 1);
	x = (struct cdx_extent){.len = CDX_INLINE_MAX,
				.sealed = sealed,
				.sealed_len = sizeof(sealed)};
	x.loc.kind = CDX_LOC_INLINE;
	round_trip(&x, 2);
}

static void test_bad_records(void **state)
{
	uint8_t key[CDX_EXTENT_KEY];
	uint8_t val[CDX_EXTENT_VAL_MAX];
	struct cdx_kv_pair pair = {key, sizeof(key), val, 0};
	struct cdx_extent x = {.off = 100, .len = 50};
	struct cdx_extent y;
	uint64_t ino;

	(void)state;
	cdx_extent_key(key, 1, 150);
	x.loc.kind = CDX_LOC_RECORD;
	x.loc.plain = 60;
	x.loc.skip = 11; /* the run ends behind the record */
	pair.val_len = cdx_extent_encode(val, &x);
	assert_int_equal(cdx_extent_decode(&y, &ino, &pair), CDX_E_CORRUPT);
	x.loc.skip = 10;
	pair.val_len = cdx_extent_encode(val, &x);
	assert_int_equal(cdx_extent_decode(&y, &ino, &pair), 0);
	val[0] = 2;
	assert_int_equal(cdx_extent_decode(&y, &ino, &pair), CDX_E_CORRUPT);
	val[0] = 1;
	val[1] = 5;
	assert_int_equal(cdx_extent_decode(&y, &ino, &pair), CDX_E_CORRUPT);
	val[1] = 3;
	cdx_extent_key(key, 1, 49); /* begins before the file */
	assert_int_equal(cdx_extent_decode(&y, &ino, &pair), CDX_E_CORRUPT);
	cdx_extent_key(key, 1, (uint64_t)CDX_FILE_MAX + 1);
	assert_int_equal(cdx_extent_decode(&y, &ino, &pair), CDX_E_CORRUPT);
	cdx_put_be64(val + 2, 0); /* empty */
	assert_int_equal(cdx_extent_decode(&y, &ino, &pair), CDX_E_CORRUPT);
}

/* ---- edits against a model: which location each byte has ---- */

#define BYTES 600u
#define PLAIN 4096u

struct map {
	struct dk k;
	struct cdx_vnode *n;
	struct cdx_loc rec[3]; /* records to point to */
	/* 0 hole, 1 zero, 2 inline, 3 + i: record i; and which byte of it */
	uint8_t kind[BYTES];
	uint16_t at[BYTES];
};

static void map_init(struct map *m)
{
	uint8_t buf[PLAIN];
	struct cdx_batch *b;
	uint64_t ino;

	memset(m, 0, sizeof(*m));
	dk_init(&m->k, 0);
	dk_open(&m->k);
	ino = dk_file(&m->k, "f");
	assert_int_equal(cdx_segs_ready(m->k.v), 0);
	assert_int_equal(cdx_vnode_get(m->k.v, &m->n, ino), 0);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t keep =
			dk_file(&m->k, (char[]){'r', (char)('0' + i), 0});
		struct cdx_vnode *n;

		/* another file keeps the record alive */
		dk_fill(buf, sizeof(buf), 0, i);
		assert_int_equal(cdx_vnode_get(m->k.v, &n, keep), 0);
		assert_int_equal(cdx_batch_new(&b, m->k.s), 0);
		assert_int_equal(cdx_rec_write(m->k.v, b, &m->rec[i], buf,
					       sizeof(buf)),
				 0);
		assert_int_equal(cdx_extent_replace(m->k.v, n, b, 0,
						    sizeof(buf), &m->rec[i],
						    NULL),
				 0);
		n->attr.size = sizeof(buf);
		n->disk_size = sizeof(buf);
		cdx_vnode_store(b, n);
		assert_int_equal(cdx_batch_apply(b), 0);
		cdx_vnode_put(m->k.v, n);
	}
}

static void put(struct map *m, struct cdx_extent_edit *e, unsigned off,
		unsigned len, unsigned kind, unsigned at)
{
	uint8_t plain[BYTES];
	uint8_t sealed[BYTES + CDX_SEAL_OVERHEAD];
	struct cdx_sealed s = {sealed, len + CDX_SEAL_OVERHEAD};
	struct cdx_loc loc = {.kind = CDX_LOC_ZERO};

	for (unsigned i = 0; i < len; i++) {
		m->kind[off + i] = (uint8_t)kind;
		m->at[off + i] = (uint16_t)(at + i);
		plain[i] = (uint8_t)(at + i);
	}
	if (kind == 2) {
		loc.kind = CDX_LOC_INLINE;
		cdx_inline_seal(m->k.v, sealed, m->n->ino, off, plain, len);
	} else if (kind > 2) {
		loc = m->rec[kind - 3];
		loc.skip = at;
	}
	assert_int_equal(cdx_extent_put(e, off, len, kind ? &loc : NULL,
					kind == 2 ? &s : NULL),
			 0);
}

static uint8_t want_byte(const struct map *m, unsigned i)
{
	uint8_t b;

	if (m->kind[i] < 2)
		return 0;
	if (m->kind[i] == 2)
		return (uint8_t)m->at[i];
	dk_fill(&b, 1, m->at[i], m->kind[i] - 3u);
	return b;
}

static void map_check(struct map *m)
{
	uint8_t got[BYTES];
	uint64_t alloc = 0;
	uint64_t zero = 0;

	assert_int_equal(dk_read(&m->k, m->n->ino, 0, got, BYTES), BYTES);
	for (unsigned i = 0; i < BYTES; i++) {
		if (got[i] != want_byte(m, i))
			print_error("byte %u\n", i);
		assert_int_equal(got[i], want_byte(m, i));
		alloc += m->kind[i] != 0;
		zero += m->kind[i] == 1;
	}
	assert_int_equal(m->n->alloc, alloc);
	assert_int_equal(cdx_kv_counter(m->k.s, CDX_CNT_ZERO_BYTES), zero);
	assert_int_equal(cdx_kv_counter(m->k.s, CDX_CNT_FILE_BYTES),
			 alloc - zero + 3u * PLAIN);
}

static void map_free(struct map *m)
{
	cdx_vnode_put(m->k.v, m->n);
	dk_check(&m->k);
	dk_close(&m->k);
	dk_free(&m->k);
}

static void commit(struct map *m, struct cdx_extent_edit *e)
{
	cdx_extent_end(e);
	m->n->attr.size = BYTES;
	m->n->disk_size = BYTES;
	cdx_vnode_store(e->b, m->n);
	assert_int_equal(cdx_batch_apply(e->b), 0);
}

static void begin(struct map *m, struct cdx_extent_edit *e)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, m->k.s), 0);
	cdx_extent_begin(e, m->k.v, m->n, b);
}

/* Several ranges of one batch cut the same old extent */
static void test_one_extent(void **state)
{
	struct cdx_extent_edit e;
	struct map m;

	(void)state;
	map_init(&m);
	begin(&m, &e);
	put(&m, &e, 0, BYTES, 3, 0);
	commit(&m, &e);
	map_check(&m);
	assert_int_equal(dk_extents(&m.k, m.n->ino), 1);
	begin(&m, &e);
	put(&m, &e, 10, 5, 4, 10);
	put(&m, &e, 20, 5, 0, 0);
	put(&m, &e, 30, 5, 1, 0);
	put(&m, &e, 35, 5, 1, 0);
	put(&m, &e, 50, 5, 2, 9);
	put(&m, &e, BYTES - 5, 5, 5, 0);
	/* back is not allowed */
	assert_int_equal(cdx_extent_put(&e, 40, 5, NULL, NULL), -EINVAL);
	commit(&m, &e);
	map_check(&m);
	/* 0-10 10-15 15-20 25-30 30-40 40-50 50-55 55-595 595-600 */
	assert_int_equal(dk_extents(&m.k, m.n->ino), 9);
	/* put back piece by piece it is one again, in one batch or in two */
	begin(&m, &e);
	put(&m, &e, 10, 10, 3, 10);
	put(&m, &e, 20, 100, 3, 20);
	commit(&m, &e);
	begin(&m, &e);
	put(&m, &e, 120, BYTES - 120, 3, 120);
	commit(&m, &e);
	map_check(&m);
	assert_int_equal(dk_extents(&m.k, m.n->ino), 1);
	begin(&m, &e);
	put(&m, &e, 0, BYTES, 0, 0);
	commit(&m, &e);
	map_check(&m);
	assert_int_equal(dk_extents(&m.k, m.n->ino), 0);
	map_free(&m);
}

static void test_random_edits(void **state)
{
	struct seed sd = seed_start("extent edits");
	struct cdx_extent_edit e;
	struct map m;

	(void)state;
	map_init(&m);
	begin(&m, &e);
	put(&m, &e, 0, 1, 3, 0);
	commit(&m, &e);
	for (unsigned round = 0; round < 300; round++) {
		unsigned off = 0;

		begin(&m, &e);
		for (unsigned i = 0; i < 8 && off < BYTES; i++) {
			unsigned len;
			unsigned kind = (unsigned)seed_below(&sd, 6);

			off += (unsigned)seed_below(&sd, 3) == 0
				       ? 0
				       : (unsigned)seed_below(&sd, 80);
			if (off >= BYTES)
				break;
			len = 1 + (unsigned)seed_below(&sd, BYTES - off);
			if (seed_below(&sd, 3))
				len = len % 40 + 1;
			if (len > BYTES - off)
				len = BYTES - off;
			put(&m, &e, off, len, kind, off);
			off += len;
		}
		commit(&m, &e);
		map_check(&m);
	}
	map_free(&m);
}

/* A batch that is dropped leaves everything as it was */
static void test_dropped(void **state)
{
	struct cdx_extent_edit e;
	struct map m;
	struct map copy;

	(void)state;
	map_init(&m);
	begin(&m, &e);
	put(&m, &e, 0, BYTES, 3, 0);
	commit(&m, &e);
	copy = m;
	begin(&copy, &e);
	put(&copy, &e, 5, 100, 1, 0);
	cdx_batch_drop(e.b);
	map_check(&m);
	map_free(&m);
}

/* An inline value that was altered is an error, not other bytes */
static void test_altered(void **state)
{
	uint8_t key[CDX_EXTENT_KEY];
	uint8_t val[CDX_EXTENT_VAL_MAX];
	struct cdx_batch *b;
	struct dk k;
	uint64_t ino;
	uint8_t got[10];
	int len;

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	assert_int_equal(dk_write(&k, ino, 0, "0123456789", 10), 0);
	dk_check(&k);
	cdx_extent_key(key, ino, 10);
	len = cdx_kv_get(k.s, CDX_DB_EXTENT, key, sizeof(key), val,
			 sizeof(val));
	assert_true(len > 0);
	val[len - 1] ^= 1;
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_EXTENT, key, sizeof(key), val, (size_t)len);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(dk_read(&k, ino, 0, got, sizeof(got)), -EIO);
	assert_int_equal(atomic_load(&k.v->read_errors), 1);
	/* whole replacement needs no old byte */
	assert_int_equal(dk_truncate(&k, ino, 0), 0);
	assert_int_equal(dk_write(&k, ino, 0, "abc", 3), 0);
	dk_check(&k);
	assert_int_equal(dk_read(&k, ino, 0, got, sizeof(got)), 3);
	dk_close(&k);
	dk_free(&k);
}

struct found {
	unsigned overlap;
	unsigned alloc;
	unsigned other;
};

static void finding(void *arg, const char *what, const char *detail)
{
	struct found *f = arg;

	(void)detail;
	if (strcmp(what, "extents-overlap") == 0)
		f->overlap++;
	else if (strcmp(what, "inode-alloc") == 0)
		f->alloc++;
	else
		f->other++;
}

/* The check notices what it is for */
static void test_fsck(void **state)
{
	uint8_t key[CDX_EXTENT_KEY];
	uint8_t val[CDX_EXTENT_VAL_MAX];
	struct cdx_extent x = {.off = 5, .len = 10};
	struct found found = {0};
	struct cdx_fsck f = {.report = finding, .arg = &found};
	struct cdx_batch *b;
	struct dk k;
	uint64_t ino;

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	assert_int_equal(dk_write(&k, ino, 0, "0123456789", 10), 0);
	dk_check(&k);
	x.loc.kind = CDX_LOC_ZERO;
	cdx_extent_key(key, ino, 15);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_EXTENT, key, sizeof(key), val,
		      cdx_extent_encode(val, &x));
	cdx_batch_add(b, CDX_CNT_ZERO_BYTES, 10);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_fsck_extents(k.v, &f), 0);
	assert_int_equal(found.overlap, 1);
	assert_int_equal(found.alloc, 1);
	assert_int_equal(found.other, 0);
	assert_int_equal(f.errors, 2);
	dk_close(&k);
	dk_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_one_extent),
		cmocka_unit_test(test_random_edits),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_fsck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
