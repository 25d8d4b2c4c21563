/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "dataset/manifest_json.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/ec_codec.h"

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Bytes of the well-formed UTF-8 sequence at @p, or 0; the table is Unicode's
 * "Well-Formed UTF-8 Byte Sequences". */
static size_t utf8_len(const unsigned char *p)
{
	static const struct {
		unsigned char first, last; /* lead byte */
		unsigned char low, high;   /* second byte */
		unsigned char len;
	} forms[] = {
		{0x01, 0x7F, 0x00, 0xFF, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2},
		{0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
		{0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
		{0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4},
		{0xF4, 0xF4, 0x80, 0x8F, 4},
	};

	for (size_t i = 0; i < CDX_ARRAY_LEN(forms); i++) {
		if (p[0] < forms[i].first || p[0] > forms[i].last)
			continue;
		if (forms[i].len == 1)
			return 1;
		if (p[1] < forms[i].low || p[1] > forms[i].high)
			return 0;
		/* a NUL ends this too, so nothing beyond it is read */
		for (size_t j = 2; j < forms[i].len; j++)
			if ((p[j] & 0xC0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

static json_t *repaired(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	struct cdx_buf b = {0};
	json_t *j = NULL;

	while (*p) {
		size_t n = utf8_len(p);

		if (n)
			cdx_buf_put(&b, p, n);
		else
			cdx_buf_put(&b, replacement, sizeof(replacement) - 1);
		p += n ? n : 1;
	}
	if (cdx_buf_ok(&b) == 0)
		j = json_stringn((const char *)b.p, b.len);
	cdx_buf_free(&b);
	return j;
}

static json_t *text_or_null(const char *text)
{
	json_t *j;

	if (!text)
		return json_null();
	j = json_string(text);
	return j ? j : repaired(text);
}

static json_t *size_json(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static json_t *cid_json(const struct cdx_cid *cid)
{
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, cid);
	return json_string(text);
}

/* The codec's name; its number when it has none here */
static json_t *codec_json(uint32_t codec)
{
	const char *name = cdx_ec_name(codec);

	return name ? json_string(name) : size_json(codec);
}

/* Of this and the next: a value or an object that is NULL gives -1. */
static int set_erasure(json_t *o, const struct cdx_erasure_info *e)
{
	int bad = 0;

	bad |= json_object_set_new(o, "ecK", size_json(e->k));
	bad |= json_object_set_new(o, "ecM", size_json(e->m));
	bad |= json_object_set_new(o, "originalTreeCid",
				   cid_json(&e->original_tree));
	bad |= json_object_set_new(o, "originalDatasetSize",
				   size_json(e->original_size));
	bad |= json_object_set_new(o, "protectedStrategy",
				   size_json(e->strategy));
	/* without parity nobody made it */
	bad |= json_object_set_new(
		o, "codec", e->m == 0 ? json_null() : codec_json(e->codec));
	return bad;
}

static int set_verification(json_t *o, const struct cdx_verification_info *v)
{
	json_t *roots = json_array();
	int bad = 0;

	for (uint32_t i = 0; i < v->slots; i++)
		bad |= json_array_append_new(roots,
					     cid_json(&v->slot_roots[i]));
	bad |= json_object_set_new(o, "verifyRoot", cid_json(&v->verify_root));
	bad |= json_object_set_new(o, "slotRoots", roots);
	bad |= json_object_set_new(o, "cellSize", size_json(v->cell_size));
	bad |= json_object_set_new(o, "verifiableStrategy",
				   size_json(v->strategy));
	return bad;
}

json_t *cdx_manifest_json(const struct cdx_manifest *m)
{
	json_t *o = json_object();
	int bad = 0; /* a value or an object that is NULL makes it -1 */

	bad |= json_object_set_new(o, "treeCid", cid_json(&m->tree));
	bad |= json_object_set_new(o, "datasetSize",
				   size_json(m->dataset_size));
	bad |= json_object_set_new(o, "blockSize", size_json(m->block_size));
	bad |= json_object_set_new(o, "filename", text_or_null(m->filename));
	bad |= json_object_set_new(o, "mimetype", text_or_null(m->mimetype));
	bad |= json_object_set_new(o, "protected",
				   json_boolean(m->is_protected));
	if (m->is_protected)
		bad |= set_erasure(o, &m->erasure);
	if (m->is_verifiable)
		bad |= set_verification(o, &m->verification);
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}
