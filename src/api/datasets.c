/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/err.h"
#include "repair/repair.h"
#include "store/dataset_store.h"
#include "store/held.h"

#define PIECE (1u << 20)

static int add_to_list(void *arg, const struct cdx_dataset_info *info,
		       const struct cdx_manifest *m)
{
	json_t *one = cdx_api_dataset_json(info, m);

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
	json_t *j = NULL;
	int rc = cdx_api_dataset_show(api->node->store, cid, &j);

	if (rc == -ENOENT)
		cdx_api_reply_why(call, rc,
				  "there is no such dataset in this store");
	else if (rc < 0)
		cdx_api_reply_error(call, rc);
	else
		cdx_api_reply_json(call, 200, j);
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
		n = cdx_repair_read(api->node->store, buf, &info, 0, PIECE);
	if (n < 0) {
		cdx_api_reply_error(call, n);
		free(buf);
		return;
	}
	call->begin(call, 200, "application/octet-stream");
	while (n > 0 && call->write(call, buf, (size_t)n) == 0) {
		off += (uint64_t)n;
		n = cdx_repair_read(api->node->store, buf, &info, off, PIECE);
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

int cdx_api_ingest(const struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_ingest_opts *o, struct cdx_cid *out,
		   char why[CDX_API_WHY_MAX])
{
	uint64_t room = cdx_api_room(api);
	struct cdx_ingest *in;
	int rc = cdx_ingest_new(&in, api->node->store, o);

	if (rc == 0) {
		rc = feed(in, call, out);
		cdx_ingest_free(in);
	}
	if (rc == -ENAMETOOLONG) {
		snprintf(why, CDX_API_WHY_MAX,
			 "a file name has up to %d bytes, a MIME type up to %d",
			 CDX_FILENAME_MAX, CDX_MIMETYPE_MAX);
		rc = -EINVAL;
	} else if (rc == CDX_E_QUOTA) {
		cdx_api_why_quota(why, 0, room);
	}
	return rc;
}

static void add(const struct cdx_api *api, struct cdx_call *call)
{
	const char *private = call->param(call, "private");
	struct cdx_ingest_opts o = {
		.filename = call->param(call, "filename"),
		.mimetype = call->param(call, "mimetype"),
		.is_private = private != NULL && strcmp(private, "1") == 0,
	};
	char why[CDX_API_WHY_MAX] = "";
	uint64_t block_size = 0;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];
	int rc = cdx_api_number(call, "blockSize", 1, CDX_BLOCK_SIZE_MAX,
				&block_size);

	if (rc >= 0) {
		o.block_size = (uint32_t)block_size;
		rc = cdx_api_ingest(api, call, &o, &cid, why);
	}
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	cdx_cid_text(text, &cid);
	cdx_api_reply_json(call, 200, json_pack("{s:s}", "cid", text));
}

/* Who keeps a dataset whose pin is gone, in JSON */
static json_t *kept_by(const struct cdx_api *api, const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;

	if (cdx_dataset_info(api->node->store, cid, &info) < 0)
		return json_null();
	if ((info.refs & CDX_REF_VOLUME) != 0)
		return json_string("volume");
	if ((info.refs & CDX_REF_HELD) != 0)
		return json_string("sales");
	return json_string("protection");
}

/* CID of the plain dataset below a verifiable one, or null */
static json_t *plain_of(const struct cdx_api *api,
			const struct cdx_dataset_info *info)
{
	struct cdx_protection p;
	char text[CDX_CID_TEXT_MAX];

	if (info->kind == CDX_DATASET_PLAIN ||
	    cdx_protection_of(api->node->store, info, &p) < 0 ||
	    cdx_held_is(&p))
		return json_null();
	cdx_api_manifest_text(text, &p.plain);
	return json_string(text);
}

/* Are slots of it kept for sales? */
static bool is_sold(const struct cdx_api *api,
		    const struct cdx_dataset_info *info)
{
	struct cdx_protection p;

	return info->kind != CDX_DATASET_PLAIN &&
	       cdx_protection_of(api->node->store, info, &p) == 0 &&
	       p.sold != 0;
}

/* Why a pin stays */
static const char *why_kept(const struct cdx_api *api,
			    const struct cdx_dataset_info *info, int rc)
{
	if (rc != -EBUSY)
		return NULL;
	if (is_sold(api, info))
		return "slots of it are sold, and kept until those sales end "
		       "(codexfs slots)";
	return "some of its slots are not here, and without it they could not "
	       "be made again: rebuild them first, or drop the pin of the "
	       "plain dataset too";
}

static void rm(struct cdx_api *api, struct cdx_call *call,
	       const struct cdx_cid *cid)
{
	struct cdx_store *s = api->node->store;
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_dataset_info info;
	json_t *plain;
	int rc = cdx_dataset_info(s, cid, &info);

	if (rc == 0)
		rc = cdx_api_claim(api, info.base, why);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	plain = plain_of(api, &info);
	rc = cdx_dataset_unpin(s, cid);
	cdx_api_unclaim(api, info.base);
	if (rc < 0) {
		json_decref(plain);
		cdx_api_reply_why(call, rc, why_kept(api, &info, rc));
		return;
	}
	cdx_api_reply_json(call, 200,
			   json_pack("{s:b, s:o, s:o}", "removed", rc == 1,
				     "keptBy",
				     rc == 1 ? json_null() : kept_by(api, cid),
				     "plain", plain));
}

static void whole(struct cdx_api *api, struct cdx_call *call,
		  const struct cdx_cid *cid)
{
	if (strcmp(call->method, "GET") == 0)
		show(api, call, cid);
	else if (strcmp(call->method, "DELETE") == 0)
		rm(api, call, cid);
	else
		cdx_api_reply_error(call, -ENOENT);
}

typedef void part_fn(struct cdx_api *api, struct cdx_call *call,
		     const struct cdx_cid *cid);

static void data(struct cdx_api *api, struct cdx_call *call,
		 const struct cdx_cid *cid)
{
	if (api->node->peers != NULL)
		cdx_api_fetch(api, call, cid);
	else
		get(api, call, cid);
}

/* What is below a dataset's path */
static const struct {
	const char *method;
	const char *name;
	part_fn *fn;
} parts[] = {
	{"GET", "data", data},
	{"POST", "protect", cdx_api_protect},
	{"POST", "verify", cdx_api_verify},
	{"GET", "slots", cdx_api_slots_list},
	{"GET", "inputs", cdx_api_inputs},
	{"POST", "prove", cdx_api_prove},
	{"POST", "export", cdx_api_slots_export},
	{"POST", "evict", cdx_api_evict},
	{"POST", "rebuild", cdx_api_rebuild},
	{"GET", "open", cdx_api_open},
	{"GET", "providers", cdx_api_find},
	{"POST", "announce", cdx_api_announce},
};

/* What a CID is that names no manifest */
static const char *not_manifest(const struct cdx_cid *cid)
{
	switch (cid->codec) {
	case CDX_CODEC_SLOT_ROOT:
		return "that is the CID of a slot root, not of a manifest "
		       "(see codexfs dataset ls)";
	case CDX_CODEC_ROOT:
		return "that is the CID of a tree, not of a manifest (see "
		       "codexfs dataset ls)";
	case CDX_CODEC_BLOCK:
		return "that is the CID of a block, not of a manifest (see "
		       "codexfs dataset ls)";
	default:
		return "that is not the CID of a manifest (see codexfs "
		       "dataset ls)";
	}
}

static void one(struct cdx_api *api, struct cdx_call *call, const char *rest)
{
	const char *slash = strchr(rest, '/');
	size_t len = slash == NULL ? strlen(rest) : (size_t)(slash - rest);
	struct cdx_cid cid;

	if (cdx_cid_parse(&cid, rest, len) < 0) {
		cdx_api_reply_why(call, -EINVAL, "that is not a CID");
		return;
	}
	/* a tree is announced too */
	if (cid.codec == CDX_CODEC_ROOT && slash != NULL &&
	    strcmp(slash, "/providers") == 0 &&
	    strcmp(call->method, "GET") == 0) {
		cdx_api_find(api, call, &cid);
		return;
	}
	if (cid.codec != CDX_CODEC_MANIFEST) {
		cdx_api_reply_why(call, -ENOENT, not_manifest(&cid));
		return;
	}
	if (slash == NULL) {
		whole(api, call, &cid);
		return;
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(parts); i++) {
		if (strcmp(slash + 1, parts[i].name) == 0 &&
		    strcmp(call->method, parts[i].method) == 0) {
			parts[i].fn(api, call, &cid);
			return;
		}
	}
	cdx_api_reply_error(call, -ENOENT);
}

void cdx_api_datasets(struct cdx_api *api, struct cdx_call *call,
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
	if (strcmp(call->method, "GET") != 0)
		cdx_api_changed(api);
}
