/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>

#include "api/internal.h"
#include "base/err.h"
#include "dataset/manifest_json.h"
#include "erasure/codec.h"
#include "store/held.h"

static const char *kind_name(enum cdx_dataset_kind kind)
{
	switch (kind) {
	case CDX_DATASET_PLAIN:
		return "plain";
	case CDX_DATASET_PROTECTED:
		return "protected";
	case CDX_DATASET_VERIFIABLE:
		return "verifiable";
	}
	return "unknown";
}

json_t *cdx_api_codec(uint32_t codec, uint32_t m)
{
	const char *name = cdx_ec_name(codec);

	if (m == 0)
		return json_null();
	return name == NULL ? json_integer(codec) : json_string(name);
}

json_t *cdx_api_bits(uint32_t bits)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < 32; i++)
		if ((bits >> i & 1) != 0 &&
		    json_array_append_new(a, json_integer(i)) < 0) {
			json_decref(a);
			return NULL;
		}
	return a;
}

void cdx_api_manifest_text(char out[CDX_CID_TEXT_MAX],
			   const struct cdx_digest *digest)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);

	cdx_cid_text(out, &cid);
}

json_t *cdx_api_dataset_json(const struct cdx_dataset_info *info,
			     const struct cdx_manifest *m)
{
	char cid[CDX_CID_TEXT_MAX];
	json_t *manifest = cdx_manifest_json(m);
	json_t *j;

	cdx_cid_text(cid, &info->cid);
	j = json_pack("{s:s, s:s, s:o, s:I, s:I, s:b, s:b, s:b, s:b, s:I}",
		      "cid", cid, "kind", kind_name(info->kind), "manifest",
		      manifest, "size", (json_int_t)info->size, "blocks",
		      (json_int_t)info->blocks, "pinned",
		      (info->refs & CDX_REF_PIN) != 0, "volume",
		      (info->refs & CDX_REF_VOLUME) != 0, "held",
		      (info->refs & CDX_REF_HELD) != 0, "private",
		      !cdx_dataset_is_public(info), "created",
		      (json_int_t)info->created);
	return j;
}

static int load(struct cdx_store *s, const struct cdx_cid *cid,
		struct cdx_manifest *m)
{
	struct cdx_buf b = {0};
	int rc = cdx_dataset_manifest(s, cid, &b);

	if (rc >= 0)
		rc = cdx_manifest_decode(m, b.p, b.len);
	cdx_buf_free(&b);
	return rc;
}

/* {"cid", "manifest"} of one of the three manifests */
static int put_part(json_t *j, const char *name, struct cdx_store *s,
		    const struct cdx_digest *digest)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);
	char text[CDX_CID_TEXT_MAX];
	struct cdx_manifest m = {0};
	json_t *part = NULL;
	int rc = load(s, &cid, &m);

	if (rc < 0)
		return rc;
	cdx_cid_text(text, &cid);
	part = json_pack("{s:s, s:o}", "cid", text, "manifest",
			 cdx_manifest_json(&m));
	cdx_manifest_free(&m);
	return json_object_set_new(j, name, part) < 0 ? -ENOMEM : 0;
}

static int add_protection(void *arg, const struct cdx_protection *p)
{
	bool done = p->state == CDX_PROTECTION_DONE;
	char cid[CDX_CID_TEXT_MAX];
	json_t *one;

	if (p->state == CDX_PROTECTION_DROPPING)
		return 0;
	cdx_api_manifest_text(cid, &p->verifiable);
	one = json_pack("{s:s?, s:i, s:i, s:o, s:i, s:b, s:I, s:I, s:o, s:o}",
			"cid", done ? cid : NULL, "ecK", (int)p->k, "ecM",
			(int)p->m, "codec", cdx_api_codec(p->codec, p->m),
			"cellSize", (int)p->cell_size, "done", done,
			"stepsDone", (json_int_t)p->done, "steps",
			(json_int_t)p->steps, "absent", cdx_api_bits(p->absent),
			"damaged", cdx_api_bits(p->damaged));
	return json_array_append_new(arg, one) < 0 ? -ENOMEM : 0;
}

/* What the kind of a dataset adds to its JSON */
static int put_kind(json_t *j, struct cdx_store *s,
		    const struct cdx_dataset_info *info)
{
	struct cdx_protection p;
	json_t *all;
	int rc;

	if (info->kind == CDX_DATASET_PLAIN) {
		all = json_array();
		if (json_object_set_new(j, "protections", all) < 0)
			return -ENOMEM;
		return cdx_protection_list(s, info->base, add_protection, all);
	}
	rc = cdx_protection_of(s, info, &p);
	/* of somebody else's there is only this one */
	if (rc == 0 && cdx_held_is(&p) &&
	    (json_object_set_new(j, "plain", json_null()) < 0 ||
	     json_object_set_new(j, "protected", json_null()) < 0))
		rc = -ENOMEM;
	if (rc == 0 && !cdx_held_is(&p))
		rc = put_part(j, "plain", s, &p.plain);
	if (rc == 0 && !cdx_held_is(&p))
		rc = put_part(j, "protected", s, &p.protected_);
	if (rc == 0)
		rc = put_part(j, "verifiable", s, &p.verifiable);
	if (rc == 0 &&
	    (json_object_set_new(j, "absent", cdx_api_bits(p.absent)) < 0 ||
	     json_object_set_new(j, "damaged", cdx_api_bits(p.damaged)) < 0 ||
	     json_object_set_new(j, "sold", cdx_api_bits(p.sold)) < 0))
		rc = -ENOMEM;
	return rc;
}

int cdx_api_dataset_show(struct cdx_store *s, const struct cdx_cid *cid,
			 json_t **out)
{
	struct cdx_dataset_info info;
	struct cdx_manifest m = {0};
	json_t *j;
	int rc = cdx_dataset_info(s, cid, &info);

	if (rc == 0)
		rc = load(s, cid, &m);
	if (rc < 0)
		return rc;
	j = cdx_api_dataset_json(&info, &m);
	cdx_manifest_free(&m);
	rc = j == NULL ? -ENOMEM : put_kind(j, s, &info);
	if (rc < 0) {
		json_decref(j);
		return rc;
	}
	*out = j;
	return 0;
}
