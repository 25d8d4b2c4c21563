/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/err.h"
#include "dataset/manifest_json.h"
#include "store/dataset_store.h"

#define PIECE (1u << 20)

static json_t *dataset_json(const struct cdx_dataset_info *info,
			    const struct cdx_manifest *m)
{
	char cid[CDX_CID_TEXT_MAX];
	json_t *manifest = cdx_manifest_json(m);

	cdx_cid_text(cid, &info->cid);
	return json_pack("{s:s, s:o, s:I, s:I, s:b, s:b, s:b, s:I}", "cid", cid,
			 "manifest", manifest, "size", (json_int_t)info->size,
			 "blocks", (json_int_t)info->blocks, "pinned",
			 (info->refs & CDX_REF_PIN) != 0, "volume",
			 (info->refs & CDX_REF_VOLUME) != 0, "private",
			 info->is_private, "created",
			 (json_int_t)info->created);
}

static int add_to_list(void *arg, const struct cdx_dataset_info *info,
		       const struct cdx_manifest *m)
{
	json_t *one = dataset_json(info, m);

	return one == NULL || json_array_append_new(arg, one) < 0 ? -ENOMEM : 0;
}

static void list(const struct cdx_api *api, struct cdx_call *call)
{
	json_t *all = json_array();
	int rc = all == NULL
			 ? -ENOMEM
			 : cdx_dataset_list(api->node->store, add_to_list, all);

	if (rc < 0) {
		json_decref(all);
		cdx_api_reply_error(call, rc);
		return;
	}
	cdx_api_reply_json(call, 200, json_pack("{s:o}", "content", all));
}

static void show(const struct cdx_api *api, struct cdx_call *call,
		 const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;
	struct cdx_manifest m = {0};
	struct cdx_buf b = {0};
	json_t *j = NULL;
	int rc = cdx_dataset_info(api->node->store, cid, &info);

	if (rc == 0)
		rc = cdx_dataset_manifest(api->node->store, cid, &b);
	if (rc >= 0)
		rc = cdx_manifest_decode(&m, b.p, b.len);
	if (rc >= 0) {
		j = dataset_json(&info, &m);
		rc = j == NULL ? -ENOMEM : 0;
	}
	if (rc < 0)
		cdx_api_reply_error(call, rc);
	else
		cdx_api_reply_json(call, 200, j);
	cdx_manifest_free(&m);
	cdx_buf_free(&b);
}

static void get(const struct cdx_api *api, struct cdx_call *call,
		const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;
	uint8_t *buf = malloc(PIECE);
	uint64_t off = 0;
	int n = buf == NULL ? -ENOMEM
			    : cdx_dataset_info(api->node->store, cid, &info);

	/* the first piece is read before the status is fixed, so that a
	 * damaged dataset is an error and not an empty file */
	if (n == 0)
		n = cdx_dataset_read(api->node->store, buf, &info, 0, PIECE);
	if (n < 0) {
		cdx_api_reply_error(call, n);
		free(buf);
		return;
	}
	call->begin(call, 200, "application/octet-stream");
	while (n > 0 && call->write(call, buf, (size_t)n) == 0) {
		off += (uint64_t)n;
		n = cdx_dataset_read(api->node->store, buf, &info, off, PIECE);
	}
	free(buf);
}

/* Body into an ingest; the CID or a negative result */
static int feed(struct cdx_ingest *in, struct cdx_call *call,
		struct cdx_cid *cid)
{
	uint8_t *buf = malloc(PIECE);
	ssize_t n;
	int rc = 0;

	if (buf == NULL)
		return -ENOMEM;
	while ((n = call->read(call, buf, PIECE)) > 0) {
		rc = cdx_ingest_feed(in, buf, (size_t)n);
		if (rc < 0)
			break;
	}
	free(buf);
	if (n < 0)
		rc = (int)n;
	return rc < 0 ? rc : cdx_ingest_end(in, cid);
}

static void add(const struct cdx_api *api, struct cdx_call *call)
{
	const char *private = call->param(call, "private");
	struct cdx_ingest *in;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];
	int rc = cdx_ingest_new(&in, api->node->store,
				call->param(call, "filename"),
				call->param(call, "mimetype"),
				private != NULL && strcmp(private, "1") == 0);

	if (rc == 0) {
		rc = feed(in, call, &cid);
		cdx_ingest_free(in);
	}
	if (rc < 0) {
		cdx_api_reply_error(call, rc);
		return;
	}
	cdx_cid_text(text, &cid);
	cdx_api_reply_json(call, 200, json_pack("{s:s}", "cid", text));
}

static void rm(const struct cdx_api *api, struct cdx_call *call,
	       const struct cdx_cid *cid)
{
	int rc = cdx_dataset_unpin(api->node->store, cid);

	if (rc < 0)
		cdx_api_reply_error(call, rc);
	else
		cdx_api_reply_json(call, 200,
				   json_pack("{s:b}", "removed", rc == 1));
}

static void one(const struct cdx_api *api, struct cdx_call *call,
		const char *rest)
{
	const char *slash = strchr(rest, '/');
	size_t len = slash == NULL ? strlen(rest) : (size_t)(slash - rest);
	bool data = slash != NULL && strcmp(slash, "/data") == 0;
	bool is_get = strcmp(call->method, "GET") == 0;
	struct cdx_cid cid;
	int rc = cdx_cid_parse(&cid, rest, len);

	if (rc < 0)
		cdx_api_reply_error(call, -EINVAL);
	else if (cid.codec != CDX_CODEC_MANIFEST)
		cdx_api_reply_error(call, -ENOENT);
	else if (is_get && data)
		get(api, call, &cid);
	else if (is_get && slash == NULL)
		show(api, call, &cid);
	else if (strcmp(call->method, "DELETE") == 0 && slash == NULL)
		rm(api, call, &cid);
	else
		cdx_api_reply_error(call, -ENOENT);
}

void cdx_api_datasets(const struct cdx_api *api, struct cdx_call *call,
		      const char *rest)
{
	if (rest[0] == '\0' && strcmp(call->method, "GET") == 0)
		list(api, call);
	else if (rest[0] == '\0' && strcmp(call->method, "POST") == 0)
		add(api, call);
	else if (rest[0] == '/')
		one(api, call, rest + 1);
	else
		cdx_api_reply_error(call, -ENOENT);
}
