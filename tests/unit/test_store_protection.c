/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "protection_env.h"
#include "store/records.h"

/* Records, the life of a protection, what fsck finds */

/* ---- records ---- */

static void record_forms(void **state)
{
	struct cdx_protection p;
	struct cdx_protection out;
	struct cdx_dataset_info base = {
		.dsid = 7, .blocks = 11, .block_size = 65536};
	uint8_t key[CDX_PROTECTION_KEY_LEN];
	uint8_t val[CDX_PROTECTION_VAL_MAX];
	struct cdx_kv_pair pair = {key, sizeof(key), val,
				   CDX_PROTECTION_VAL_LEN};

	(void)state;
	pk_record(&p, &base, 4, 2);
	p.id = 9;
	p.area = 8;
	p.state = CDX_PROTECTION_DONE;
	p.done = p.steps;
	p.charge = cdx_protection_parity_bytes(&p);
	p.absent = 1;
	p.evicting = 1;
	p.evicted = 2;
	pair.val_len = cdx_protection_encode(key, val, &p);
	assert_int_equal(pair.val_len, CDX_PROTECTION_VAL_LEN);
	assert_int_equal(cdx_protection_decode(&out, &pair), 0);
	assert_memory_equal(&out, &p, sizeof(p));
	pair.val_len--;
	assert_int_equal(cdx_protection_decode(&out, &pair), CDX_E_CORRUPT);
	pair.val_len++;
	/* all slots are being evicted, but they are not all absent */
	val[0] = 2;
	assert_int_equal(cdx_protection_decode(&out, &pair), CDX_E_CORRUPT);
	val[0] = 4;
	assert_int_equal(cdx_protection_decode(&out, &pair), CDX_E_VERSION);
#define REFUSED(member, value)                                       \
	do {                                                         \
		struct cdx_protection q = p;                         \
		q.member = (value);                                  \
		pair.val_len = cdx_protection_encode(key, val, &q);  \
		assert_int_equal(cdx_protection_decode(&out, &pair), \
				 CDX_E_CORRUPT);                     \
	} while (0)
	REFUSED(k, 0);
	REFUSED(k, 31);
	REFUSED(m, 0);
	REFUSED(steps, 4);
	REFUSED(done, 2);
	REFUSED(block_size, 0);
	REFUSED(block_size, CDX_BLOCK_SIZE_MAX * 2);
	REFUSED(cell_size, 3);
	REFUSED(absent, 1u << 6);
	REFUSED(absent, 2);
	REFUSED(evicting, 0);
	REFUSED(evicting, 7);
	REFUSED(evicted, 4);
	REFUSED(charge, 1);
	REFUSED(area, 0);
	REFUSED(id, 7);
	REFUSED(base, 0);
	REFUSED(state, 0);
	REFUSED(state, CDX_PROTECTION_CODING);
	REFUSED(state, 4);
	REFUSED(sold, 1u << 6);
	REFUSED(share, CDX_SHARE_CACHE);
	/* held ones are neither evicted nor charged as a whole */
	REFUSED(share, CDX_SHARE_PROVIDER);
	p.sold = 2;
	pair.val_len = cdx_protection_encode(key, val, &p);
	assert_int_equal(val[0], 3);
	assert_int_equal(pair.val_len, CDX_PROTECTION_VAL_MAX);
	assert_int_equal(cdx_protection_decode(&out, &pair), 0);
	assert_memory_equal(&out, &p, sizeof(p));
	/* what the version before can say */
	memset(val + CDX_PROTECTION_VAL_LEN, 0, 5);
	assert_int_equal(cdx_protection_decode(&out, &pair), CDX_E_CORRUPT);
	p.sold = 0;
	p.absent = 0x3f;
	p.evict_all = true;
	pair.val_len = cdx_protection_encode(key, val, &p);
	assert_int_equal(val[0], 2);
	assert_int_equal(cdx_protection_decode(&out, &pair), 0);
	assert_memory_equal(&out, &p, sizeof(p));
	REFUSED(absent, 0x1f);
	REFUSED(damaged, 1);
	REFUSED(evicting, 0);

	/* held: what is not sold is not here */
	p.evict_all = false;
	p.evicting = 0;
	p.evicted = 0;
	p.charge = 0;
	p.segment = 11;
	p.share = CDX_SHARE_PROVIDER;
	p.sold = 6;
	p.absent = 0x3b;
	p.damaged = 2;
	pair.val_len = cdx_protection_encode(key, val, &p);
	assert_int_equal(cdx_protection_decode(&out, &pair), 0);
	assert_memory_equal(&out, &p, sizeof(p));
	REFUSED(sold, 4);
	REFUSED(sold, 2);
	REFUSED(segment, 0);
	REFUSED(evicting, 1);
	REFUSED(absent, 0x3a);
	REFUSED(damaged, 3);
	REFUSED(charge, cdx_protection_parity_bytes(&p));
#undef REFUSED
}

static void old_rows(void **state)
{
	/* rows as the version before wrote them */
	static const uint8_t block[22] = {1, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0,
					  0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 0};
	struct cdx_block_info bi;
	uint8_t again[CDX_BLOCK_VAL_MAX];
	struct cdx_dataset_info info = {.dsid = 3,
					.base = 3,
					.blocks = 1,
					.block_size = 65536,
					.size = 9,
					.refs = CDX_REF_PIN};
	struct cdx_dataset_info out;
	struct cdx_buf buf = {0};
	const uint8_t *m;
	size_t len;

	(void)state;
	assert_int_equal(cdx_block_info_decode(&bi, block, sizeof(block)), 0);
	assert_int_equal(bi.size, 65536);
	assert_int_equal(bi.refs, 3);
	assert_int_equal(bi.loc[0].area, 5);
	assert_int_equal(bi.loc[0].off, 65536);
	assert_int_equal(cdx_block_info_encode(again, &bi), sizeof(block));
	assert_memory_equal(again, block, sizeof(block));
	/* another size cannot be said in that form */
	bi.size = 4095;
	len = cdx_block_info_encode(again, &bi);
	assert_int_equal(again[0], 2);
	assert_int_equal(cdx_block_info_decode(&bi, again, len), 0);
	assert_int_equal(bi.size, 4095);
	/* nor 64 KiB in the new one */
	cdx_put_be32(again + 5, 65536);
	assert_int_equal(cdx_block_info_decode(&bi, again, len), CDX_E_CORRUPT);

	info.cid = cdx_manifest_cid("m", 1);
	info.tree = cdx_cid_sha256(CDX_CODEC_ROOT, &cdx_digest_empty);
	cdx_dataset_encode(&buf, &info, "m", 1);
	assert_int_equal(buf.p[0], 1);
	assert_int_equal(cdx_dataset_decode(&out, &m, &len, buf.p, buf.len), 0);
	assert_int_equal(out.base, 3);
	assert_int_equal(out.block_size, 65536);
	assert_int_equal(out.kind, CDX_DATASET_PLAIN);
	buf.len = 0;
	info.refs |= CDX_REF_PROTECTED;
	cdx_dataset_encode(&buf, &info, "m", 1);
	assert_int_equal(buf.p[0], 2);
	assert_int_equal(cdx_dataset_decode(&out, &m, &len, buf.p, buf.len), 0);
	assert_int_equal(out.refs, CDX_REF_PIN | CDX_REF_PROTECTED);
	cdx_buf_free(&buf);
}

/* ---- nodes ---- */

static void nodes(void **state)
{
	uint8_t v[CDX_NODES_A_ROW * 32];
	uint8_t got[CDX_NODES_A_ROW * 32];
	struct cdx_batch *b;

	(void)state;
	for (size_t i = 0; i < sizeof(v); i++)
		v[i] = (uint8_t)(i / 32 + i);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_slot_nodes_put(b, 5, 1, 0, 0, v, CDX_NODES_A_ROW);
	cdx_slot_nodes_put(b, 5, 1, 0, 1, v + 32, 3);
	cdx_slot_nodes_put(b, 5, 2, 1, 0, v, 1);
	for (uint32_t i = 0; i < 600; i++)
		cdx_slot_nodes_put(b, 6, 0, 0, i, v, 1);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_slot_node_get(T.s, 5, 1, 0, 511, got), 0);
	assert_memory_equal(got, v + 511 * 32, 32);
	assert_int_equal(cdx_slot_node_get(T.s, 5, 1, 0, 514, got), 0);
	assert_memory_equal(got, v + 3 * 32, 32);
	assert_int_equal(cdx_slot_node_get(T.s, 5, 1, 0, 515, got), -ENOENT);
	assert_int_equal(cdx_slot_node_get(T.s, 5, 1, 1, 0, got), -ENOENT);
	assert_int_equal(cdx_slot_nodes_get(T.s, 5, 1, 0, 1, got), 3);
	assert_memory_equal(got, v + 32, 96);
	tmp_store_reopen(&T);
	assert_int_equal(cdx_slot_nodes_get(T.s, 5, 1, 0, 0, got), 512);
	assert_memory_equal(got, v, sizeof(v));
	assert_int_equal(cdx_slot_nodes_drop(T.s, 5, 1), 0);
	assert_int_equal(rows(CDX_DB_SLOT_NODE, 5), 1);
	assert_int_equal(cdx_slot_nodes_drop(T.s, 6, UINT32_MAX), 0);
	assert_int_equal(rows(CDX_DB_SLOT_NODE, 0), 1);
}

/* ---- life of a protection ---- */

static int count_listed(void *arg, const struct cdx_dataset_info *info,
			const struct cdx_manifest *m)
{
	unsigned *n = arg;

	(void)m;
	n[info->kind]++;
	return 0;
}

static void life(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info ver;
	struct cdx_protection p;
	struct counts start;
	struct cdx_cid cid;
	uint8_t a[5000];
	uint8_t b[5000];
	unsigned listed[3] = {0};

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 23, 1000, 0), 0);
	start = counts();
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	assert_int_equal(used(), start.used + 6 * 2 * 4096);
	tmp_fsck_clean(&T);
	check_all(&p, 1, 0);
	assert_int_equal(cdx_dataset_list(T.s, count_listed, listed), 0);
	assert_int_equal(listed[CDX_DATASET_PLAIN], 1);
	assert_int_equal(listed[CDX_DATASET_PROTECTED], 0);
	assert_int_equal(listed[CDX_DATASET_VERIFIABLE], 1);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_DATASETS), 2);

	/* all three read as the same file */
	cid = cid_of(&p.verifiable);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &ver), 0);
	assert_int_equal(ver.size, base.size);
	assert_int_equal(ver.kind, CDX_DATASET_VERIFIABLE);
	assert_int_equal(cdx_dataset_read(T.s, a, &base, 700, 5000), 5000);
	assert_int_equal(cdx_dataset_read(T.s, b, &ver, 700, 5000), 5000);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(cdx_dataset_read(T.s, b, &ver, 22999, 5000), 1);
	cid = cid_of(&p.protected_);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &ver), 0);
	assert_int_equal(ver.kind, CDX_DATASET_PROTECTED);
	assert_int_equal(cdx_dataset_drop(T.s, &cid), -EBUSY);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), -ENOENT);
	assert_int_equal(cdx_dataset_drop(T.s, &base.cid), -EBUSY);

	tmp_store_reopen(&T);
	tmp_fsck_clean(&T);
	cid = cid_of(&p.verifiable);
	assert_int_equal(cdx_dataset_drop(T.s, &cid), -EBUSY);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
	same_counts(start);
	assert_int_equal(rows(CDX_DB_SLOT_NODE, 0), 0);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	assert_int_equal(rows(CDX_DB_LEAF, p.id), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
	/* the pin of the plain one was never touched */
	assert_int_equal(cdx_dataset_unpin(T.s, &base.cid), 1);
	assert_int_equal(used(), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

/* The plain one is unpinned first: it stays as long as its protection. */
static void last_one_takes_base(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct cdx_protection q;
	struct cdx_cid cid;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 10, 65536, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	assert_int_equal(pk_protect(T.s, &q, &base, 3, 0, false), 0);
	assert_int_equal(q.area, 0);
	assert_int_equal(cdx_dataset_unpin(T.s, &base.cid), 0);
	tmp_fsck_clean(&T);
	cid = cid_of(&p.verifiable);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
	tmp_fsck_clean(&T);
	check_all(&q, 1, 0);
	cid = cid_of(&q.verifiable);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
	assert_int_equal(cdx_dataset_info(T.s, &base.cid, &base), -ENOENT);
	assert_int_equal(used(), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

static void refusals(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct cdx_protection q;
	struct cdx_buf none = {0};
	int64_t before;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 10, 65536, 0), 0);
	before = used();
	pk_record(&p, &base, 20, 13);
	assert_int_equal(cdx_protection_begin(T.s, &p, false), -EINVAL);
	pk_record(&p, &base, 4, 2);
	p.steps++;
	assert_int_equal(cdx_protection_begin(T.s, &p, false), -EINVAL);
	pk_record(&p, &base, 4, 2);
	p.plain.b[0] ^= 1;
	assert_int_equal(cdx_protection_begin(T.s, &p, false), -ENOENT);
	pk_record(&p, &base, 4, 2);
	p.base++;
	assert_int_equal(cdx_protection_begin(T.s, &p, false), -EINVAL);
	assert_int_equal(
		cdx_store_set_shares(T.s, (const uint64_t[]){4u << 20, 1, 1}),
		0);
	pk_record(&p, &base, 1, 31);
	assert_int_equal(cdx_protection_begin(T.s, &p, false), CDX_E_QUOTA);
	assert_int_equal(used(), before);
	tmp_fsck_clean(&T);
	pk_record(&p, &base, 4, 2);
	assert_int_equal(cdx_protection_begin(T.s, &p, false), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 5), -EBUSY);
	assert_int_equal(cdx_slot_evict(T.s, &p, 6), -EINVAL);
	assert_int_equal(pk_finish(T.s, &p, &base, 0), -ENOENT);
	assert_true(cdx_protection_finish(T.s, &p, &none, &none,
					  &cdx_digest_empty, 0) < 0);
	assert_int_equal(pk_code_some(T.s, &p), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(pk_nodes(T.s, &p), 0);
	assert_int_equal(pk_finish(T.s, &p, &base, CDX_REF_PIN), 0);
	assert_int_equal(pk_finish(T.s, &p, &base, CDX_REF_PIN),
			 CDX_E_SEQUENCE);
	/* m slots may go, not one more */
	assert_int_equal(cdx_slot_evict(T.s, &p, 0), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 5), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 4), -EBUSY);
	assert_int_equal(cdx_slot_evict(T.s, &p, 5), 0);
	assert_int_equal(cdx_slot_restore_put(T.s, &p, 5, 0, NULL, 0), 0);
	assert_int_equal(cdx_slot_restore_end(T.s, &p, 5), CDX_E_SEQUENCE);
	/* data is missing: no other protection, and this one stays */
	pk_record(&q, &base, 2, 1);
	assert_int_equal(cdx_protection_begin(T.s, &q, false), -EBUSY);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), -EBUSY);
	assert_int_equal(cdx_dataset_unpin(T.s, &(struct cdx_cid){0}), -ENOENT);
	get(&p);
	assert_int_equal(pk_restore(T.s, &p, 1, 0, 0), 0);
	assert_int_equal(pk_protect(T.s, &q, &base, 2, 1, false), 0);
	/* now two count on the data */
	assert_int_equal(cdx_slot_evict(T.s, &p, 0), -EBUSY);
	assert_int_equal(cdx_slot_evict(T.s, &q, 2), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), 0);
	assert_int_equal(cdx_protection_drop(T.s, q.base, q.id, false), 0);
	assert_int_equal(used(), before);
}

/* ---- what fsck finds ---- */

static void expect(const char *what)
{
	struct tmp_findings v;

	tmp_fsck(&T, &v);
	if (tmp_found(&v, what) == 0)
		print_error("no %s\n", what);
	assert_true(tmp_found(&v, what) > 0);
}

static struct cdx_batch *batch(void)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	return b;
}

static void put_rec(const struct cdx_protection *p)
{
	struct cdx_batch *b = batch();

	cdx_protection_put(b, p);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void found(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info info;
	struct cdx_protection p;
	struct cdx_protection q;
	struct cdx_leaf leaf;
	struct cdx_batch *b;
	struct cdx_cid cid;
	uint8_t node[32] = {0};
	struct cdx_buf m = {0};

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 40, 60 * CDX_BLOCK_SIZE), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, true), 0);
	tmp_fsck_clean(&T);

	q = p;
	q.absent = 2;
	put_rec(&q);
	expect("slot-absent-located");
	put_rec(&p);
	assert_int_equal(cdx_slot_evict(T.s, &p, 1), 0);
	q = p;
	put_rec(&q);
	expect("leaf-without-location");
	expect("block-without-location");
	q.absent = 2;
	put_rec(&q);
	tmp_fsck_clean(&T);
	p = q;
	assert_int_equal(pk_restore(T.s, &p, 1, 0, 1), 0);

	b = batch();
	cdx_slot_nodes_put(b, p.id, 0, 0, 1, node, 1);
	cdx_slot_nodes_put(b, 4711, 0, 0, 0, node, 1);
	assert_int_equal(cdx_batch_apply(b), 0);
	expect("slot-node-bad");
	expect("slot-node-stray");
	assert_int_equal(cdx_slot_nodes_drop(T.s, p.id, 0), 0);
	assert_int_equal(cdx_slot_nodes_drop(T.s, 4711, UINT32_MAX), 0);
	expect("slot-node-missing");
	assert_int_equal(pk_nodes(T.s, &p), 0);
	tmp_fsck_clean(&T);

	assert_int_equal(cdx_leaf_get(T.s, p.id, 45, &leaf), 0);
	b = batch();
	cdx_leaf_del(b, p.id, 45);
	assert_int_equal(cdx_batch_apply(b), 0);
	expect("leaf-missing");
	expect("tree-mismatch");
	b = batch();
	cdx_leaf_put(b, p.id, 45, &leaf);
	cdx_leaf_put(b, p.id, 7, &leaf);
	assert_int_equal(cdx_batch_apply(b), 0);
	expect("leaf-order");
	b = batch();
	cdx_leaf_del(b, p.id, 7);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_fsck_clean(&T);

	tmp_area_flip(&T, p.area, 5 * CDX_BLOCK_SIZE);
	expect("block-hash");
	tmp_area_flip(&T, p.area, 5 * CDX_BLOCK_SIZE);

	b = batch();
	cdx_protection_del(b, &p);
	assert_int_equal(cdx_batch_apply(b), 0);
	expect("protection-missing");
	expect("dataset-without-protection");
	expect("slot-node-stray");
	expect("area-without-protection");
	put_rec(&p);
	q = p;
	q.area++;
	put_rec(&q);
	expect("protection-area");
	q = p;
	q.segment++;
	put_rec(&q);
	expect("protection-base");
	put_rec(&p);

	cid = cid_of(&p.verifiable);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
	assert_int_equal(cdx_dataset_manifest(T.s, &cid, &m), 0);
	b = batch();
	cdx_dataset_del(b, &info);
	assert_int_equal(cdx_batch_apply(b), 0);
	expect("protection-dataset");
	b = batch();
	info.kind = CDX_DATASET_PLAIN;
	cdx_dataset_put(b, &info, m.p, m.len, true);
	assert_int_equal(cdx_batch_apply(b), 0);
	expect("dataset-kind");
	b = batch();
	info.kind = CDX_DATASET_VERIFIABLE;
	cdx_dataset_put(b, &info, m.p, m.len, false);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_fsck_clean(&T);
	cdx_buf_free(&m);

	b = batch();
	cdx_batch_put(b, CDX_DB_PROTECTION, "short", 5, "x", 1);
	assert_int_equal(cdx_batch_apply(b), 0);
	expect("protection-record-bad");
	b = batch();
	cdx_batch_del(b, CDX_DB_PROTECTION, "short", 5);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_fsck_clean(&T);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_forms),
		cmocka_unit_test(old_rows),
		CASE(nodes),
		CASE(life),
		CASE(last_one_takes_base),
		CASE(refusals),
		CASE(found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
