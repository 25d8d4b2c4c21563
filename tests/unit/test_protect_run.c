/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protect/window.h"
#include "seed.h"
#include "slots/builder.h"
#include "store/quota.h"
#include "store_tmp.h"

#include "protect_kit.h"
#include "vector_file.h"

#define SHARE ((uint64_t)1 << 30)

static uint64_t used(struct tmp_store *t)
{
	struct cdx_space space;

	cdx_quota_space(t->s, CDX_SHARE_VOLUME, &space);
	return space.used;
}

/* ---- shapes ---- */

struct shape {
	size_t blocks;
	size_t cut; /* bytes that the last block lacks */
	uint32_t block_size;
	uint32_t cell_size;
	uint32_t k;
	uint32_t m;
};

/* Parity is what the codec makes of the data, block by block. */
static void check_parity(struct tmp_store *t, const struct pk_data *d,
			 const struct cdx_slots *sl)
{
	size_t size = sl->g.block_size;
	uint8_t *stripe = malloc(sl->g.k * size);
	uint8_t *block = malloc(size);
	struct cdx_ec_parity parity;
	struct cdx_ec *ec;

	(void)d;
	assert_int_equal(cdx_ec_new(&ec, CDX_EC_ISA_L_CAUCHY, sl->g.k, sl->g.m,
				    (uint32_t)size),
			 0);
	for (uint64_t s = 0; s < sl->g.steps; s++) {
		for (uint32_t c = 0; c < sl->g.k; c++)
			assert_int_equal(
				cdx_protection_read(
					t->s, stripe + c * size, &sl->rec,
					cdx_geometry_index(&sl->g, c, s)),
				0);
		assert_int_equal(cdx_ec_encode(ec, &parity, stripe), 0);
		for (uint32_t j = 0; j < sl->g.m; j++) {
			assert_int_equal(cdx_protection_read(
						 t->s, block, &sl->rec,
						 cdx_geometry_index(&sl->g,
								    sl->g.k + j,
								    s)),
					 0);
			assert_memory_equal(block, parity.block[j], size);
		}
		cdx_ec_parity_free(ec, &parity);
	}
	cdx_ec_free(ec);
	free(block);
	free(stripe);
}

/* Slot roots are those of the slot's blocks, read one by one. */
static void check_roots(struct tmp_store *t, const struct cdx_slots *sl)
{
	uint64_t nodes = cdx_p2tree_nodes(sl->g.slot_blocks);
	struct cdx_fr *digest = calloc(sl->g.steps, sizeof(*digest));
	struct cdx_fr *tree = calloc(nodes, sizeof(*tree));
	uint8_t *block = malloc(sl->g.block_size);

	for (uint32_t c = 0; c < sl->g.slots; c++) {
		for (uint64_t s = 0; s < sl->g.steps; s++) {
			assert_int_equal(
				cdx_protection_read(t->s, block, &sl->rec,
						    cdx_geometry_index(&sl->g,
								       c, s)),
				0);
			assert_int_equal(cdx_block_digests(&digest[s], &sl->g,
							   block, 1),
					 0);
		}
		assert_int_equal(cdx_slot_tree(tree, &sl->g, digest), 0);
		assert_true(cdx_fr_equal(&tree[nodes - 1], &sl->roots[c]));
	}
	free(block);
	free(tree);
	free(digest);
}

static void check_shape(struct tmp_store *t, struct cdx_pool *pool,
			struct seed *seed, const struct shape *sh)
{
	struct cdx_protect_opts o = pk_opts(sh->k, sh->m);
	size_t len = sh->blocks * sh->block_size - sh->cut;
	struct cdx_verify_report report;
	struct cdx_slots sl;
	struct pk_data d;

	o.cell_size = sh->cell_size;
	o.pool = pool;
	pk_add(t, &d, seed, NULL, len, sh->block_size);
	pk_protect(t, &d, &o);
	pk_slots(t, &d, &sl);
	assert_int_equal(sl.g.blocks, sh->blocks);
	assert_int_equal(sl.rec.done, sl.rec.steps);
	if (sh->m > 0)
		check_parity(t, &d, &sl);
	check_roots(t, &sl);
	pk_same(t, &d, &d.plain);
	pk_same(t, &d, &d.verifiable);
	assert_true(pk_verify(t, &d.verifiable, &report));
	assert_int_equal(report.slots, sh->k + sh->m);
	assert_true(pk_verify(t, &d.plain, &report));
	assert_int_equal(report.blocks, sh->blocks);
	cdx_slots_free(&sl);
	pk_free(&d);
}

static void test_shapes(void **state)
{
	static const struct shape shapes[] = {
		{1, 65535, 65536, 0, 1, 0}, /* one byte */
		{1, 0, 65536, 0, 1, 1},
		{1, 1, 65536, 0, 1, 4},
		{4, 0, 65536, 0, 4, 2}, /* exactly k */
		{5, 100, 65536, 0, 4, 2},
		{10, 0, 65536, 0, 10, 5},
		{11, 1, 65536, 0, 10, 5},
		{67, 0, 65536, 0, 10, 5}, /* a prime number */
		{131, 5, 65536, 0, 4, 2}, /* several windows */
		{37, 0, 65536, 0, 3, 0},  /* no parity */
		{8, 300, 1024, 64, 3, 2},
		{3001, 17, 1024, 64, 5, 3}, /* rows of nodes */
		{97, 0, 1000, 125, 4, 3},   /* no multiple of a page */
		{7, 0, 524288, 2048, 3, 2}, /* coded in pieces */
		{64, 0, 4096, 2048, 31, 1},
		{17, 0, 4096, 4096, 16, 16},
	};
	struct seed seed = seed_start("shapes");
	struct cdx_pool *pool;
	struct tmp_store t;

	(void)state;
	assert_int_equal(cdx_pool_new(&pool, 2), 0);
	tmp_store_new(&t, SHARE);
	for (size_t i = 0; i < CDX_ARRAY_LEN(shapes); i++)
		check_shape(&t, i % 3 == 2 ? NULL : pool, &seed, &shapes[i]);
	tmp_store_reopen(&t);
	tmp_fsck_clean(&t);
	tmp_store_free(&t);
	cdx_pool_free(pool);
}

/* Numbers of docs: the vector's parity is Leopard's, its data slots are ours */
static void test_vector(void **state)
{
	json_t *v = vector_load("derived_small_k3m2.json");
	size_t len = vector_u64(v, "datasetSize");
	struct cdx_protect_opts o = pk_opts(3, 2);
	char text[CDX_CID_TEXT_MAX];
	struct cdx_slots sl;
	struct tmp_store t;
	struct pk_data d;
	uint8_t *p = malloc(len);
	struct seed seed = {0};

	(void)state;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 31 + (i >> 8) * 17 + (i >> 16) * 7 + 5);
	tmp_store_new(&t, SHARE);
	o.cell_size = (uint32_t)vector_u64(v, "cellSize");
	pk_add(&t, &d, &seed, p, len, (uint32_t)vector_u64(v, "blockSize"));
	cdx_cid_text(text, &d.plain);
	assert_string_equal(text, vector_text(v, "plainManifestCid"));
	pk_protect(&t, &d, &o);
	pk_slots(&t, &d, &sl);
	assert_int_equal(sl.g.steps, vector_u64(v, "steps"));
	for (uint32_t i = 0; i < 3; i++) {
		const struct cdx_cid cid = cdx_slot_root_cid(&sl.roots[i]);
		const json_t *all = vector_get(v, "slotRootCids");

		cdx_cid_text(text, &cid);
		assert_string_equal(text,
				    json_string_value(json_array_get(all, i)));
	}
	cdx_slots_free(&sl);
	pk_free(&d);
	free(p);
	tmp_store_free(&t);
	json_decref(v);
}

/* ---- the same again, and other parameters ---- */

static void test_again(void **state)
{
	struct seed seed = seed_start("again");
	struct cdx_protect_opts o = pk_opts(4, 2);
	struct cdx_dataset_info info;
	struct cdx_cid other;
	struct cdx_cid first;
	struct cdx_slots sl;
	struct tmp_store t;
	struct pk_data d;
	uint64_t before;

	(void)state;
	tmp_store_new(&t, SHARE);
	pk_add(&t, &d, &seed, NULL, 9 * 65536, 65536);
	before = used(&t);
	pk_protect(&t, &d, &o);
	assert_true(used(&t) > before);
	first = d.verifiable;
	before = used(&t);
	o.refs = CDX_REF_VOLUME;
	pk_protect(&t, &d, &o);
	assert_true(cdx_cid_equal(&first, &d.verifiable));
	assert_int_equal(used(&t), before);
	assert_int_equal(cdx_dataset_info(t.s, &first, &info), 0);
	assert_int_equal(info.refs, CDX_REF_PIN | CDX_REF_VOLUME);
	/* the plain dataset means the only protection on it, until there are
	 * two */
	assert_int_equal(cdx_slots_open(&sl, t.s, &d.plain), 0);
	other = cdx_cid_sha256(CDX_CODEC_MANIFEST, &sl.rec.protected_);
	cdx_slots_free(&sl);
	assert_int_equal(cdx_slots_open(&sl, t.s, &other), 0);
	assert_true(cdx_cid_equal(&sl.info.cid, &first));
	cdx_slots_free(&sl);
	o = pk_opts(2, 1);
	pk_protect(&t, &d, &o);
	assert_false(cdx_cid_equal(&first, &d.verifiable));
	assert_int_equal(cdx_slots_open(&sl, t.s, &d.plain), -EINVAL);
	assert_int_equal(cdx_slots_open(&sl, t.s, &first), 0);
	assert_int_equal(sl.g.k, 4);
	cdx_slots_free(&sl);
	tmp_fsck_clean(&t);
	pk_free(&d);
	tmp_store_free(&t);
}

static void test_refused(void **state)
{
	struct seed seed = seed_start("refused");
	struct cdx_protect_opts o = pk_opts(4, 2);
	char why[CDX_PROTECT_WHY_MAX];
	struct cdx_cid none = {0};
	struct tmp_store t;
	struct cdx_cid out;
	struct pk_data d;
	uint64_t before;

	(void)state;
	tmp_store_new(&t, SHARE);
	pk_add(&t, &d, &seed, NULL, 3 * 65536, 65536);
	before = used(&t);
	assert_int_equal(cdx_protect_run(t.s, &d.plain, &o, &out, why),
			 -EINVAL);
	assert_non_null(strstr(why, "262144"));
	o.k = 30;
	o.m = 3;
	assert_int_equal(cdx_protect_run(t.s, &d.plain, &o, &out, why),
			 -EINVAL);
	assert_true(why[0] != '\0');
	o = pk_opts(2, 1);
	o.codec = CDX_EC_LEOPARD;
	assert_int_equal(cdx_protect_run(t.s, &d.plain, &o, &out, why),
			 CDX_E_CODEC);
	assert_true(why[0] != '\0');
	o = pk_opts(2, 1);
	o.cell_size = 1000;
	assert_int_equal(cdx_protect_run(t.s, &d.plain, &o, &out, why),
			 -EINVAL);
	o = pk_opts(2, 1);
	assert_int_equal(cdx_protect_run(t.s, &none, &o, &out, why), -ENOENT);
	pk_protect(&t, &d, &o);
	assert_int_equal(cdx_protect_run(t.s, &d.verifiable, &o, &out, why),
			 -EINVAL);
	assert_true(used(&t) > before);
	pk_free(&d);
	tmp_store_free(&t);
}

/* ---- damaged data ---- */

static void test_bad_block(void **state)
{
	struct seed seed = seed_start("bad block");
	struct cdx_protect_opts o = pk_opts(4, 2);
	char why[CDX_PROTECT_WHY_MAX];
	struct cdx_dataset_info info;
	struct cdx_block_info where;
	struct tmp_findings found;
	struct cdx_leaf leaf;
	struct tmp_store t;
	struct cdx_cid out;
	struct pk_data d;
	uint64_t before;

	(void)state;
	tmp_store_new(&t, SHARE);
	pk_add(&t, &d, &seed, NULL, 140 * 65536, 65536);
	before = used(&t);
	assert_int_equal(cdx_dataset_info(t.s, &d.plain, &info), 0);
	assert_int_equal(cdx_leaf_get(t.s, info.dsid, 101, &leaf), 0);
	assert_int_equal(cdx_block_info(t.s, &leaf.digest, &where), 0);
	tmp_area_flip(&t, where.loc[0].area, (off_t)where.loc[0].off + 9);
	assert_int_equal(cdx_protect_run(t.s, &d.plain, &o, &out, why),
			 CDX_E_HASH);
	assert_non_null(strstr(why, "block 101"));
	assert_int_equal(used(&t), before);
	tmp_fsck(&t, &found);
	assert_int_equal(found.n, tmp_found(&found, "block-hash"));
	/* mended, it can be protected */
	tmp_area_flip(&t, where.loc[0].area, (off_t)where.loc[0].off + 9);
	pk_protect(&t, &d, &o);
	tmp_fsck_clean(&t);
	pk_free(&d);
	tmp_store_free(&t);
}

/* ---- in pieces ---- */

struct stop {
	unsigned after; /* windows */
	uint64_t last;	/* steps done */
	uint64_t first; /* steps done at the first report of a run */
	struct seed *seed;
};

static bool stop_now(void *arg)
{
	struct stop *s = arg;

	return s->after-- == 0;
}

static void note_progress(void *arg, uint64_t done, uint64_t total)
{
	struct stop *s = arg;

	assert_true(done <= total);
	assert_true(done > s->last);
	if (s->first == 0)
		s->first = s->last;
	s->last = done;
}

/* Cancelled after every few windows, with the store closed in between: the
 * same dataset, and no step is done twice. */
static void check_resumed(struct seed *seed, uint32_t block_size, size_t blocks,
			  uint32_t k, uint32_t m, unsigned every)
{
	struct cdx_protect_opts o = pk_opts(k, m);
	char why[CDX_PROTECT_WHY_MAX];
	struct stop stop = {.seed = seed};
	struct tmp_store whole;
	struct tmp_store t;
	struct pk_data d[2];
	unsigned runs = 0;
	int rc;

	o.cell_size = block_size / 16;
	tmp_store_new(&whole, SHARE);
	tmp_store_new(&t, SHARE);
	pk_add(&whole, &d[0], seed, NULL, blocks * block_size, block_size);
	pk_add(&t, &d[1], seed, d[0].p, d[0].len, block_size);
	pk_protect(&whole, &d[0], &o);
	o.cancel = stop_now;
	o.progress = note_progress;
	o.arg = &stop;
	do {
		stop.after = every;
		rc = cdx_protect_run(t.s, &d[1].plain, &o, &d[1].verifiable,
				     why);
		if (runs++ % 2 == 0)
			tmp_store_reopen(&t);
	} while (rc == -ECANCELED);
	assert_int_equal(rc, 0);
	assert_true(runs > 1);
	assert_true(cdx_cid_equal(&d[0].verifiable, &d[1].verifiable));
	pk_same(&t, &d[1], &d[1].verifiable);
	tmp_fsck_clean(&t);
	pk_free(&d[0]);
	pk_free(&d[1]);
	tmp_store_free(&t);
	tmp_store_free(&whole);
}

static void test_resumed(void **state)
{
	struct seed seed = seed_start("resumed");

	(void)state;
	check_resumed(&seed, 65536, 270, 4, 2, 0);
	check_resumed(&seed, 1024, 4000, 2, 1, 1);
	check_resumed(&seed, 1024, 900, 1, 0, 0);
}

/* Windows are powers of two, so rows of nodes end where windows end. */
static void test_windows(void **state)
{
	struct cdx_protection p = {.k = 4, .m = 2, .block_size = 65536};

	(void)state;
	p.steps = 1;
	assert_int_equal(cdx_window_steps(&p), 1);
	p.steps = 1000000;
	assert_int_equal(cdx_window_steps(&p), 32);
	assert_int_equal(cdx_window_depth(&p), 2);
	p.block_size = 1;
	p.k = 1;
	p.m = 0;
	assert_int_equal(cdx_window_steps(&p), CDX_NODES_A_ROW);
	p.block_size = 4u << 20;
	p.k = 16;
	p.m = 16;
	assert_int_equal(cdx_window_steps(&p), 1);
	assert_int_equal(cdx_window_depth(&p), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_block),
		cmocka_unit_test(test_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
