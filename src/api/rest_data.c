/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/err.h"
#include "dataset/manifest_json.h"
#include "store/cache.h"
#include "store/kv.h"
#include "store/quota.h"

/* ---- the list ---- */

struct listing {
	struct cdx_store *store;
	struct cdx_buf text;
	bool more;
};

/* As text at once: a tree of JSON for many datasets takes ten times as much */
static int put_one(struct listing *l, const struct cdx_cid *cid,
		   const struct cdx_manifest *m)
{
	char text[CDX_CID_TEXT_MAX];
	json_t *j;
	char *one;

	cdx_cid_text(text, cid);
	j = json_pack("{s:s, s:o}", "cid", text, "manifest",
		      cdx_manifest_json(m));
	one = j == NULL ? NULL : json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (one == NULL)
		return -ENOMEM;
	if (l->more)
		cdx_buf_u8(&l->text, ',');
	l->more = true;
	cdx_buf_put(&l->text, one, strlen(one));
	free(one);
	return cdx_buf_ok(&l->text);
}

/* What the user pinned; segments of a volume are none of theirs */
static int put_pinned(void *arg, const struct cdx_dataset_info *info,
		      const struct cdx_manifest *m)
{
	if ((info->refs & CDX_REF_PIN) == 0)
		return 0;
	return put_one(arg, &info->cid, m);
}

static int put_cached(void *arg, const struct cdx_cid *cid)
{
	struct listing *l = arg;
	struct cdx_rest_source s;
	struct cdx_dataset_info info;
	int rc;

	if (cdx_dataset_info(l->store, cid, &info) == 0 &&
	    (info.refs & CDX_REF_PIN) != 0)
		return 0;
	rc = cdx_rest_source_local(&s, l->store, cid);
	/* the cache may have lost it meanwhile */
	if (rc == -ENOENT)
		return 0;
	if (rc == 0 && s.kind == CDX_REST_CACHED)
		rc = put_one(l, cid, &s.manifest);
	cdx_rest_source_close(&s);
	return rc;
}

void cdx_rest_data_list(struct cdx_rest_call *q)
{
	struct listing l = {.store = q->api->node->store};
	int rc;

	cdx_buf_put(&l.text, "{\"content\":[", 12);
	rc = cdx_dataset_list(l.store, put_pinned, &l);
	if (rc == 0)
		rc = cdx_cache_list(l.store, put_cached, &l);
	cdx_buf_put(&l.text, "]}", 2);
	if (rc == 0)
		rc = cdx_buf_ok(&l.text);
	if (rc < 0)
		cdx_rest_error(q, rc, NULL);
	else
		cdx_rest_reply(q, 200, "application/json", l.text.p,
			       l.text.len);
	cdx_buf_free(&l.text);
}

/* ---- upload ---- */

static void stored(struct cdx_rest_call *q, int rc, const struct cdx_cid *cid,
		   const char *why)
{
	char text[CDX_CID_TEXT_MAX];

	if (rc == -ENODATA) {
		cdx_rest_text(q, 422,
			      "the body is empty, and an empty dataset has no "
			      "CID");
	} else if (rc == -EINVAL) {
		cdx_rest_text(q, 422, "%s", why);
	} else if (rc < 0) {
		cdx_rest_error(q, rc, why);
	} else {
		atomic_fetch_add(&q->rest->uploads, 1);
		cdx_api_changed(q->api);
		cdx_cid_text(text, cid);
		cdx_rest_text(q, 200, "%s", text);
	}
}

void cdx_rest_data_upload(struct cdx_rest_call *q)
{
	struct cdx_call *c = q->call;
	const char *type = c->header(c, "Content-Type");
	char name[CDX_FILENAME_MAX + 1];
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_ingest_opts o = {0};
	struct cdx_cid cid;
	int rc;

	if (type != NULL && type[0] != '\0') {
		if (!cdx_rest_mimetype(type)) {
			cdx_rest_text(q, 422,
				      "Content-Type is no media type of up to "
				      "%d characters",
				      CDX_MIMETYPE_MAX);
			return;
		}
		o.mimetype = type;
	}
	rc = cdx_rest_filename(name, c->header(c, "Content-Disposition"));
	if (rc < 0) {
		cdx_rest_text(q, 422,
			      "Content-Disposition is malformed, or its "
			      "filename is none for a file");
		return;
	}
	if (rc == 1)
		o.filename = name;
	rc = cdx_api_ingest(q->api, c, &o, &cid, why);
	stored(q, rc, &cid, why);
}

/* ---- one of them ---- */

void cdx_rest_data_get(struct cdx_rest_call *q)
{
	struct cdx_rest_source s;
	struct cdx_cid cid;
	int rc;

	if (!cdx_rest_cid(q, &cid))
		return;
	rc = cdx_rest_source_local(&s, q->api->node->store, &cid);
	if (rc == -ENOENT) {
		cdx_rest_text(q, 404, "it is not here");
	} else if (rc < 0) {
		cdx_rest_error(q, rc, NULL);
	} else {
		cdx_rest_download(q, &s);
		cdx_rest_source_close(&s);
	}
}

void cdx_rest_data_exists(struct cdx_rest_call *q)
{
	struct cdx_rest_source s;
	struct cdx_cid cid;
	int rc;

	if (!cdx_rest_cid(q, &cid))
		return;
	rc = cdx_rest_source_local(&s, q->api->node->store, &cid);
	if (rc < 0 && rc != -ENOENT) {
		cdx_rest_error(q, rc, NULL);
		return;
	}
	cdx_rest_source_close(&s);
	/* Codex's own answer has the CID as key, its OpenAPI file "has" */
	cdx_rest_json(q, 200,
		      json_pack("{s:b, s:b}", q->id, rc == 0, "has", rc == 0));
}

/* Drops the user's pin.  0 also when there is none. */
static int unpin(struct cdx_rest_call *q, const struct cdx_cid *cid,
		 char why[CDX_API_WHY_MAX])
{
	struct cdx_store *s = q->api->node->store;
	struct cdx_dataset_info info;
	int rc = cdx_dataset_info(s, cid, &info);

	if (rc == 0)
		rc = cdx_api_claim(q->api, info.base, why);
	if (rc == 0) {
		rc = cdx_dataset_unpin(s, cid);
		cdx_api_unclaim(q->api, info.base);
		if (rc == -EBUSY)
			rc = -EEXIST;
	}
	return rc > 0 || rc == -ENOENT ? 0 : rc;
}

void cdx_rest_data_delete(struct cdx_rest_call *q)
{
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_cid cid;
	int rc = 0;

	if (!cdx_rest_cid(q, &cid))
		return;
	/* single blocks go with the datasets that have them */
	if (cid.codec == CDX_CODEC_MANIFEST) {
		rc = unpin(q, &cid, why);
		if (rc == 0)
			rc = cdx_cache_drop_manifest(q->api->node->store, &cid);
		cdx_api_changed(q->api);
	}
	if (rc == -EEXIST)
		cdx_rest_text(q, 409,
			      "some of its slots are not here, and without it "
			      "they could not be made again: rebuild them "
			      "first, or delete the plain dataset too");
	else if (rc < 0 && rc != -ENOENT)
		cdx_rest_error(q, rc, why);
	else
		cdx_rest_nothing(q, 204);
}

/* ---- space ---- */

void cdx_rest_space(struct cdx_rest_call *q)
{
	struct cdx_store *s = q->api->node->store;
	struct cdx_cache_stats cache;
	uint64_t reserved = 0;
	uint64_t limit = 0;
	uint64_t used = 0;

	for (int i = 0; i < CDX_SHARES; i++) {
		struct cdx_space sp;

		cdx_quota_space(s, (enum cdx_share)i, &sp);
		limit += sp.limit;
		used += sp.used;
		reserved += sp.reserved + sp.held;
	}
	cdx_cache_stats(s, &cache);
	cdx_rest_json(q, 200,
		      json_pack("{s:I, s:I, s:I, s:I}", "totalBlocks",
				(json_int_t)(cdx_kv_counter(s, CDX_CNT_BLOCKS) +
					     (int64_t)cache.entries),
				"quotaMaxBytes", (json_int_t)limit,
				"quotaUsedBytes", (json_int_t)used,
				"quotaReservedBytes", (json_int_t)reserved));
}
