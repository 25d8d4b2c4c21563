/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/dataset_internal.h"
#include "store/records.h"

/* Dataset records, their manifests, the table of trees, markers */

static int ds_cmp(const void *pa, const void *pb)
{
	const struct cdx_fsck_ds *x = pa;
	const struct cdx_fsck_ds *y = pb;

	return x->dsid < y->dsid ? -1 : x->dsid > y->dsid;
}

struct cdx_fsck_ds *cdx_fsck_ds_find(struct cdx_fsck_run *r, uint64_t dsid)
{
	const struct cdx_fsck_ds key = {.dsid = dsid};

	if (r->n_ds == 0)
		return NULL;
	return bsearch(&key, r->ds, r->n_ds, sizeof(key), ds_cmp);
}

static int ds_new(struct cdx_fsck_run *r, const struct cdx_fsck_ds *ds)
{
	struct cdx_fsck_ds *v;

	if ((r->n_ds & (r->n_ds + 1)) == 0) {
		v = realloc(r->ds, (2 * r->n_ds + 1) * sizeof(*v));
		if (v == NULL)
			return -ENOMEM;
		r->ds = v;
	}
	r->ds[r->n_ds++] = *ds;
	return 0;
}

static uint64_t data_blocks(const struct cdx_manifest *m)
{
	uint64_t size = cdx_manifest_file_size(m);

	return size == 0 ? 0 : (size - 1) / m->block_size + 1;
}

static int check_manifest(struct cdx_fsck_run *r, const char *name,
			  const struct cdx_dataset_info *info, const uint8_t *p,
			  size_t len)
{
	struct cdx_manifest m CDX_CLEANUP(cdx_manifest_free) = {0};
	int rc;

	rc = cdx_manifest_decode(&m, p, len);
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0) {
		cdx_fsck_say(r, "manifest-bad", "%s: %s", name,
			     cdx_strerror(rc));
		return 0;
	}
	if (!cdx_cid_equal(&m.tree, &info->tree))
		cdx_fsck_say(r, "dataset-tree",
			     "%s: record and manifest name different trees",
			     name);
	if (m.is_protected != (info->kind != CDX_DATASET_PLAIN) ||
	    m.is_verifiable != (info->kind == CDX_DATASET_VERIFIABLE))
		cdx_fsck_say(r, "dataset-kind",
			     "%s: record and manifest differ in kind", name);
	if (m.block_size != info->block_size ||
	    data_blocks(&m) != info->blocks ||
	    cdx_manifest_file_size(&m) != info->size)
		cdx_fsck_say(r, "dataset-size",
			     "%s: record and manifest differ in size", name);
	return 0;
}

static void check_tree_entry(struct cdx_fsck_run *r, const char *name,
			     const struct cdx_dataset_info *info)
{
	uint8_t key[40];
	uint8_t val[32];
	int rc;

	memcpy(key, info->tree.digest, 32);
	cdx_put_be64(key + 32, info->dsid);
	rc = cdx_kv_get(r->s, CDX_DB_TREE, key, sizeof(key), val, sizeof(val));
	if (rc != 32 || memcmp(val, info->cid.digest, 32) != 0)
		cdx_fsck_say(r, "tree-entry-missing", "%s", name);
}

/* The protection that a dataset belongs to, or that its mark speaks of */
static void check_kind(struct cdx_fsck_run *r, const char *name,
		       const struct cdx_dataset_info *info)
{
	const struct cdx_fsck_prot *v;

	if (info->kind == CDX_DATASET_PLAIN) {
		if ((info->refs & CDX_REF_PROTECTED) == 0)
			return;
		for (size_t i = 0; i < r->n_prot; i++)
			if (r->prot[i].p.base == info->dsid)
				return;
		cdx_fsck_say(r, "protection-missing", "%s", name);
		return;
	}
	v = cdx_fsck_prot_find(r, info->dsid);
	if (v == NULL || v->p.base != info->base ||
	    v->p.state != CDX_PROTECTION_DONE)
		cdx_fsck_say(r, "dataset-without-protection", "%s", name);
}

/* 1 when it is one that is counted and listed */
static int check_dataset(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair)
{
	struct cdx_dataset_info info;
	struct cdx_fsck_ds ds = {0};
	struct cdx_digest digest;
	char name[CDX_CID_TEXT_MAX];
	const uint8_t *p;
	size_t len;
	int rc;

	rc = cdx_dataset_decode(&info, &p, &len, pair->val, pair->val_len);
	if (rc < 0 || pair->key_len != 32 || info.cid.len != 32 ||
	    info.tree.len != 32) {
		cdx_fsck_say(r, "dataset-record-bad", "%s",
			     cdx_strerror(CDX_E_CORRUPT));
		return 1;
	}
	cdx_cid_text(name, &info.cid);
	cdx_sha256(&digest, p, len);
	if (memcmp(digest.b, pair->key, 32) != 0 ||
	    memcmp(info.cid.digest, pair->key, 32) != 0)
		cdx_fsck_say(r, "manifest-hash", "%s", name);
	check_kind(r, name, &info);
	if (info.kind == CDX_DATASET_PROTECTED) {
		rc = check_manifest(r, name, &info, p, len);
		return rc < 0 ? rc : 0;
	}
	check_tree_entry(r, name, &info);
	ds.kind = info.kind;
	ds.dsid = info.dsid;
	ds.area = info.area;
	ds.blocks = info.blocks;
	ds.cid = info.cid;
	ds.dropping = info.dropping;
	ds.is_public = cdx_dataset_is_public(&info);
	memcpy(ds.tree.b, info.tree.digest, sizeof(ds.tree.b));
	rc = check_manifest(r, name, &info, p, len);
	if (rc == 0)
		rc = ds_new(r, &ds);
	return rc < 0 ? rc : 1;
}

/* Leaves of an ingest that was cut short count like those of a dataset that is
 * being removed: until the next open they hold their blocks. */
static int add_ingest(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair)
{
	const size_t skip = strlen(CDX_MARK_INGEST);
	struct cdx_fsck_ds ds = {.dropping = true};
	char hex[17] = {0};
	uint8_t id[8];

	if (pair->key_len <= skip ||
	    memcmp(pair->key, CDX_MARK_INGEST, skip) != 0)
		return 0;
	if (pair->key_len == skip + 16)
		memcpy(hex, pair->key + skip, 16);
	if (cdx_unhex(id, sizeof(id), hex) < 0) {
		cdx_fsck_say(r, "marker-bad", "ingest marker");
		return 0;
	}
	ds.dsid = cdx_get_be64(id);
	return ds_new(r, &ds);
}

static int scan_markers(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_META};
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		rc = add_ingest(r, &pair);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int cdx_fsck_datasets(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_DATASET};
	uint64_t total = (uint64_t)cdx_kv_counter(r->s, CDX_CNT_DATASETS);
	struct cdx_kv_pair pair;
	uint64_t n = 0;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		rc = check_dataset(r, &pair);
		if (rc < 0)
			return rc;
		n += (uint64_t)rc;
		cdx_fsck_progress(r, "datasets", n, total);
	}
	if (rc < 0)
		return rc;
	if (n != total)
		cdx_fsck_say(r, "counter-datasets",
			     "counter says %" PRIu64 ", there are %" PRIu64,
			     total, n);
	rc = scan_markers(r);
	if (r->n_ds != 0)
		qsort(r->ds, r->n_ds, sizeof(*r->ds), ds_cmp);
	for (size_t i = 1; i < r->n_ds; i++)
		if (r->ds[i].dsid == r->ds[i - 1].dsid)
			cdx_fsck_say(r, "dataset-id-twice", "%" PRIu64,
				     r->ds[i].dsid);
	return rc;
}

/* Entries of the table of trees that no dataset owns */
int cdx_fsck_trees(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_TREE};
	const struct cdx_fsck_ds *ds;
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		if (pair.key_len != 40 || pair.val_len != 32) {
			cdx_fsck_say(r, "tree-entry-bad", "key of %zu bytes",
				     pair.key_len);
			continue;
		}
		ds = cdx_fsck_ds_find(r, cdx_get_be64(pair.key + 32));
		if (ds == NULL || memcmp(ds->tree.b, pair.key, 32) != 0 ||
		    memcmp(ds->cid.digest, pair.val, 32) != 0)
			cdx_fsck_say(r, "tree-entry-stray",
				     "dataset id %" PRIu64,
				     cdx_get_be64(pair.key + 32));
	}
	return rc;
}
