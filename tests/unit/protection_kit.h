/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_PROTECTION_KIT_H
#define CDX_TESTS_UNIT_PROTECTION_KIT_H

/* Datasets and protections of a store, made without codes and slot trees: the
 * store does not look into parity and nodes.  Include after cmocka.h.  Every
 * function returns 0 or a negative result, so that child processes can use it
 * too. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "dataset/indexing.h"
#include "merkle/poseidon2_tree.h"
#include "merkle/sha256_tree.h"
#include "store/block_set.h"
#include "store/dataset_store.h"
#include "store/protection.h"
#include "store/quota.h"

/* Bytes of block @i of a dataset named @seed; equal for equal arguments */
static inline void pk_block(uint8_t *out, uint32_t size, uint64_t seed,
			    uint64_t i)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + i + 1;

	for (uint32_t j = 0; j < size; j++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[j] = (uint8_t)(x >> 32);
	}
}

/* A loose dataset of @blocks blocks.  @same: of the last blocks so many are all
 * equal. */
static inline int pk_loose(struct cdx_store *s, struct cdx_dataset_info *out,
			   uint64_t seed, uint64_t blocks, uint32_t size,
			   uint64_t same)
{
	const struct cdx_ingest_opts o = {.block_size = size};
	uint8_t *block = malloc(size);
	struct cdx_ingest *in = NULL;
	struct cdx_cid cid;
	int rc;

	rc = block == NULL ? -ENOMEM : cdx_ingest_new(&in, s, &o);
	for (uint64_t i = 0; rc == 0 && i < blocks; i++) {
		pk_block(block, size, seed, i + same >= blocks ? blocks : i);
		rc = cdx_ingest_feed(in, block, size);
	}
	if (rc == 0)
		rc = cdx_ingest_end(in, &cid);
	cdx_ingest_free(in);
	free(block);
	return rc < 0 ? rc : cdx_dataset_info(s, &cid, out);
}

/* A sealed segment, charged as a volume does: its blocks and their parity */
static inline int pk_segment(struct cdx_store *s, struct cdx_dataset_info *out,
			     uint64_t seed, uint64_t blocks, uint64_t charge)
{
	struct cdx_dataset_info info = {.refs = CDX_REF_VOLUME};
	struct cdx_manifest man = {0};
	struct cdx_tree_stream tree = {0};
	struct cdx_area_info area = {.kind = CDX_AREA_SEGMENT};
	struct cdx_digest root;
	struct cdx_buf m = {0};
	struct cdx_batch *b;
	uint8_t *block = malloc(CDX_BLOCK_SIZE);
	int rc;

	rc = block == NULL ? -ENOMEM : cdx_batch_new(&b, s);
	if (rc == 0)
		rc = cdx_area_create(s, &info.area, CDX_AREA_SEGMENT,
				     blocks * CDX_BLOCK_SIZE, b);
	if (rc < 0)
		return rc;
	area.size = blocks * CDX_BLOCK_SIZE;
	cdx_area_set_info(b, info.area, &area);
	cdx_block_lock(s);
	for (uint64_t i = 0; rc == 0 && i < blocks; i++) {
		struct cdx_leaf leaf = {.state = CDX_LEAF_DATA};
		const struct cdx_block_loc loc = {info.area,
						  i * CDX_BLOCK_SIZE};

		pk_block(block, CDX_BLOCK_SIZE, seed, i);
		rc = cdx_area_write(s, loc.area, loc.off, block,
				    CDX_BLOCK_SIZE);
		cdx_sha256(&leaf.digest, block, CDX_BLOCK_SIZE);
		cdx_leaf_put(b, info.area, (uint32_t)i, &leaf);
		cdx_tree_stream_add(&tree, &leaf.digest);
		if (rc == 0)
			rc = cdx_block_add(s, b, &leaf.digest, &loc);
	}
	info.dsid = info.area;
	info.base = info.area;
	info.blocks = blocks;
	info.block_size = CDX_BLOCK_SIZE;
	info.size = area.size;
	if (rc == 0)
		rc = cdx_tree_stream_root(&root, &tree);
	if (rc == 0)
		rc = cdx_manifest_plain(&man, &root, info.size, CDX_BLOCK_SIZE,
					NULL, NULL);
	if (rc == 0)
		rc = cdx_manifest_encode(&m, &man);
	info.cid = cdx_manifest_cid(m.p, m.len);
	info.tree = man.tree;
	cdx_dataset_put(b, &info, m.p, m.len, true);
	cdx_quota_charge(b, CDX_SHARE_VOLUME, (int64_t)charge);
	cdx_batch_names_data(b);
	if (rc == 0)
		rc = cdx_batch_apply(b);
	cdx_block_unlock(s);
	cdx_manifest_free(&man);
	cdx_buf_free(&m);
	free(block);
	*out = info;
	return rc;
}

/* ---- coding ---- */

static inline void pk_record(struct cdx_protection *p,
			     const struct cdx_dataset_info *base, uint32_t k,
			     uint32_t m)
{
	memset(p, 0, sizeof(*p));
	p->base = base->dsid;
	p->k = k;
	p->m = m;
	p->codec = m != 0;
	p->block_size = base->block_size;
	p->cell_size = base->block_size < 2048 ? base->block_size : 2048;
	p->blocks = base->blocks;
	p->steps = (base->blocks - 1) / k + 1;
	memcpy(p->plain.b, base->cid.digest, 32);
}

/* What stands for a parity block; column 1 is all zeros */
static inline void pk_parity(uint8_t *out, const struct cdx_protection *p,
			     uint32_t j, uint64_t step)
{
	if (j == 1)
		memset(out, 0, p->block_size);
	else
		pk_block(out, p->block_size, p->base + 1000 + j, step);
}

#define PK_WINDOW 100u

/* One batch of steps, or nothing when all are done */
static inline int pk_code_some(struct cdx_store *s, struct cdx_protection *p)
{
	uint64_t to =
		p->done + PK_WINDOW < p->steps ? p->done + PK_WINDOW : p->steps;
	struct cdx_block_set *set;
	uint8_t *block = malloc(p->block_size);
	struct cdx_protection rec;
	int rc;

	if (block == NULL)
		return -ENOMEM;
	rc = cdx_block_set_begin(&set, s);
	if (rc < 0) {
		free(block);
		return rc;
	}
	rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc == 0 && rec.state != CDX_PROTECTION_CODING)
		rc = -ESTALE;
	for (uint32_t j = 0; j < p->m; j++)
		for (uint64_t i = p->done; rc == 0 && i < to; i++) {
			uint64_t at = j * p->steps + i;
			const struct cdx_block_loc loc = {
				p->area, at * cdx_block_room(p->block_size)};
			struct cdx_leaf leaf = {.state = CDX_LEAF_DATA};

			pk_parity(block, p, j, i);
			cdx_sha256(&leaf.digest, block, p->block_size);
			rc = cdx_area_write(s, loc.area, loc.off, block,
					    p->block_size);
			if (rc == 0)
				rc = cdx_block_set_add(set, &leaf.digest,
						       p->block_size, &loc);
			cdx_leaf_put(cdx_block_set_batch(set), p->id,
				     (uint32_t)(p->k * p->steps + at), &leaf);
		}
	free(block);
	if (rc < 0) {
		cdx_block_set_drop(set);
		return rc;
	}
	rec.done = to;
	cdx_protection_put(cdx_block_set_batch(set), &rec);
	cdx_batch_names_data(cdx_block_set_batch(set));
	rc = cdx_block_set_apply(set);
	if (rc == 0)
		*p = rec;
	return rc;
}

/* Nodes of the right shape */
static inline int pk_nodes(struct cdx_store *s, const struct cdx_protection *p)
{
	uint64_t per_block = p->block_size / p->cell_size;
	uint64_t blocks =
		(UINT64_C(1) << cdx_p2tree_depth(p->steps * per_block)) /
		per_block;
	uint8_t nodes[CDX_NODES_A_ROW * 32];
	struct cdx_batch *b;
	int rc = 0;

	for (uint32_t slot = 0; rc == 0 && slot < p->k + p->m; slot++) {
		rc = cdx_batch_new(&b, s);
		if (rc < 0)
			return rc;
		for (unsigned l = 0; l <= cdx_p2tree_depth(blocks); l++) {
			uint64_t left = cdx_p2tree_width(blocks, l);

			memset(nodes, (int)(16 * slot + l), sizeof(nodes));
			for (uint32_t c = 0; left != 0; c++) {
				uint64_t n = left < CDX_NODES_A_ROW
						     ? left
						     : CDX_NODES_A_ROW;

				cdx_slot_nodes_put(b, p->id, slot, l, c, nodes,
						   (size_t)n);
				left -= n;
			}
		}
		rc = cdx_batch_apply(b);
	}
	return rc;
}

static inline struct cdx_cid pk_root_cid(uint32_t codec, uint64_t n)
{
	struct cdx_digest d = {{0}};
	struct cdx_cid cid;

	cdx_put_be64(d.b, n);
	cid = cdx_cid_sha256(codec, &d);
	cid.mhash = CDX_MHASH_IDENTITY;
	return cid;
}

static inline int pk_finish(struct cdx_store *s, struct cdx_protection *p,
			    const struct cdx_dataset_info *base, uint32_t refs)
{
	struct cdx_tree_stream tree = {0};
	struct cdx_manifest m = {0};
	struct cdx_buf prot = {0};
	struct cdx_buf ver = {0};
	struct cdx_digest root;
	struct cdx_leaf leaf;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < p->steps * (p->k + p->m); i++) {
		rc = cdx_protection_leaf(s, p, i, &leaf);
		cdx_tree_stream_add(&tree, &leaf.digest);
	}
	if (rc == 0)
		rc = cdx_tree_stream_root(&root, &tree);
	if (rc == 0)
		rc = cdx_manifest_plain(
			&m, &root, p->steps * (p->k + p->m) * p->block_size,
			p->block_size, NULL, NULL);
	if (rc < 0)
		return rc;
	m.is_protected = true;
	m.erasure.k = p->k;
	m.erasure.m = p->m;
	m.erasure.original_tree = base->tree;
	m.erasure.original_size = base->size;
	m.erasure.strategy = CDX_STRATEGY_STEPPED;
	m.erasure.codec = p->codec;
	rc = cdx_manifest_encode(&prot, &m);
	m.is_verifiable = true;
	m.verification.verify_root = pk_root_cid(CDX_CODEC_PROVING_ROOT, p->id);
	m.verification.cell_size = p->cell_size;
	m.verification.strategy = CDX_STRATEGY_LINEAR;
	m.verification.slots = p->k + p->m;
	m.verification.slot_roots = calloc(p->k + p->m, sizeof(struct cdx_cid));
	for (uint32_t i = 0; i < p->k + p->m; i++)
		m.verification.slot_roots[i] =
			pk_root_cid(CDX_CODEC_SLOT_ROOT, i);
	if (rc == 0)
		rc = cdx_manifest_encode(&ver, &m);
	if (rc == 0)
		rc = cdx_protection_finish(s, p, &prot, &ver, &root, refs);
	cdx_buf_free(&prot);
	cdx_buf_free(&ver);
	cdx_manifest_free(&m);
	return rc;
}

/* From begin to finish */
static inline int pk_protect(struct cdx_store *s, struct cdx_protection *p,
			     const struct cdx_dataset_info *base, uint32_t k,
			     uint32_t m, bool paid)
{
	int rc;

	pk_record(p, base, k, m);
	rc = cdx_protection_begin(s, p, paid);
	while (rc == 0 && p->done < p->steps)
		rc = pk_code_some(s, p);
	if (rc == 0)
		rc = pk_nodes(s, p);
	return rc < 0 ? rc : pk_finish(s, p, base, CDX_REF_PIN);
}

/* The bytes that belong at an encoded index.  @same as in pk_loose. */
static inline void pk_want(uint8_t *out, const struct cdx_protection *p,
			   uint64_t seed, uint64_t same, uint64_t index)
{
	uint64_t rounded = p->k * p->steps;

	if (index >= rounded)
		pk_parity(out, p, (uint32_t)((index - rounded) / p->steps),
			  (index - rounded) % p->steps);
	else if (index >= p->blocks)
		memset(out, 0, p->block_size);
	else
		pk_block(out, p->block_size, seed,
			 index + same >= p->blocks ? p->blocks : index);
}

static inline int pk_restore_from(struct cdx_store *s, struct cdx_protection *p,
				  uint64_t seed, uint64_t same, uint32_t slot,
				  uint64_t from, uint64_t to)
{
	uint8_t *blocks = malloc((size_t)64 * p->block_size);
	int rc = blocks == NULL ? -ENOMEM : 0;

	for (uint64_t i = from; rc == 0 && i < to; i += 64) {
		size_t n = to - i < 64 ? (size_t)(to - i) : 64;

		for (size_t j = 0; j < n; j++)
			pk_want(blocks + j * p->block_size, p, seed, same,
				slot * p->steps + i + j);
		rc = cdx_slot_restore_put(s, p, slot, i, blocks, n);
	}
	free(blocks);
	return rc;
}

static inline int pk_restore(struct cdx_store *s, struct cdx_protection *p,
			     uint64_t seed, uint64_t same, uint32_t slot)
{
	int rc = cdx_slot_restore_begin(s, p, slot);

	if (rc == 0)
		rc = pk_restore_from(s, p, seed, same, slot, 0, p->steps);
	return rc < 0 ? rc : cdx_slot_restore_end(s, p, slot);
}

#endif
