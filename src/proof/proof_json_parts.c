/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/proof_json_parts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define NAME_MAX_LEN 32u
/* A verification key of CDX_PUBLIC_MAX inputs is a quarter of this */
#define TEXT_MAX (1u << 20)

int cdx_json_load(json_t **out, const char *text, size_t len,
		  char why[CDX_PROOF_WHY_MAX])
{
	json_error_t error;
	json_t *j;

	if (len > TEXT_MAX)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%zu bytes: longer than any such file", len);
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!j) {
		if (json_error_code(&error) == json_error_out_of_memory)
			return -ENOMEM;
		return cdx_refuse(why, CDX_E_FORMAT, "line %d: %s", error.line,
				  error.text);
	}
	*out = j;
	return 0;
}

int cdx_json_dump(struct cdx_buf *out, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;

	json_decref(j);
	if (!text)
		return -ENOMEM;
	cdx_buf_put(out, text, strlen(text));
	free(text);
	return cdx_buf_ok(out);
}

static int kind_is(const json_t *j, const char *name, const char *want,
		   char why[CDX_PROOF_WHY_MAX])
{
	const char *text = json_string_value(json_object_get(j, name));

	if (!text)
		return cdx_refuse(why, CDX_E_FORMAT, "%s is not a text", name);
	if (strcmp(text, want) != 0)
		return cdx_refuse(why, CDX_E_CODEC, "%s %s, not %s", name, text,
				  want);
	return 0;
}

int cdx_json_kind(const json_t *j, const char *const *required, size_t n,
		  const char *const *optional, size_t m,
		  char why[CDX_PROOF_WHY_MAX])
{
	size_t known = n + 1;
	int r;

	if (!json_is_object(j))
		return cdx_refuse(why, CDX_E_FORMAT, "not a JSON object");
	/* first of all, or files of others would lack all kinds of members */
	r = kind_is(j, "protocol", "groth16", why);
	if (r == 0 && json_object_get(j, "curve")) {
		r = kind_is(j, "curve", "bn128", why);
		known++;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (!json_object_get(j, required[i]))
			return cdx_refuse(why, CDX_E_FORMAT, "%s is missing",
					  required[i]);
	for (size_t i = 0; i < m; i++)
		known += json_object_get(j, optional[i]) != NULL;
	if (json_object_size(j) != known)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "members that no such file has");
	return 0;
}

/* An array of @n numbers */
static bool get_fqs(struct cdx_fq *out, const json_t *j, size_t n)
{
	if (!json_is_array(j) || json_array_size(j) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(j, i));

		if (!s || cdx_fq_from_text(&out[i], s) < 0)
			return false;
	}
	return true;
}

/* An array of @n elements of Fq2 */
static bool get_fq2s(struct cdx_fq2 *out, const json_t *j, size_t n)
{
	if (!json_is_array(j) || json_array_size(j) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct cdx_fq c[2];

		if (!get_fqs(c, json_array_get(j, i), 2))
			return false;
		out[i] = (struct cdx_fq2){.c0 = c[0], .c1 = c[1]};
	}
	return true;
}

/* (0, 0, 1) is no point: that two zeros stand for infinity is our own way */
static int get_g1(struct cdx_g1 *out, const json_t *j, const char *name,
		  char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_fq c[3];
	struct cdx_g1 p;

	if (!get_fqs(c, j, 3))
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%s: not three decimal numbers below q",
				  name);
	p = (struct cdx_g1){.x = c[0], .y = c[1]};
	if (cdx_fq_is_zero(&c[2]) && cdx_fq_is_zero(&c[0]) &&
	    cdx_fq_equal(&c[1], &cdx_fq_one)) {
		*out = cdx_g1_infinity;
		return 0;
	}
	if (!cdx_fq_equal(&c[2], &cdx_fq_one) || cdx_g1_is_infinity(&p) ||
	    !cdx_g1_on_curve(&p))
		return cdx_refuse(why, CDX_E_FORMAT, "%s: not a point of G1",
				  name);
	*out = p;
	return 0;
}

int cdx_json_read_g1(struct cdx_g1 *out, const json_t *j, const char *name,
		     char why[CDX_PROOF_WHY_MAX])
{
	return get_g1(out, json_object_get(j, name), name, why);
}

int cdx_json_read_g1_at(struct cdx_g1 *out, const json_t *j, size_t i,
			const char *name, char why[CDX_PROOF_WHY_MAX])
{
	char where[NAME_MAX_LEN];

	snprintf(where, sizeof(where), "%s[%zu]", name, i);
	return get_g1(out, json_array_get(j, i), where, why);
}

int cdx_json_read_g2(struct cdx_g2 *out, const json_t *j, const char *name,
		     char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_fq2 c[3];
	struct cdx_g2 p;

	if (!get_fq2s(c, json_object_get(j, name), 3))
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%s: not three pairs of decimal numbers "
				  "below q",
				  name);
	p = (struct cdx_g2){.x = c[0], .y = c[1]};
	if (cdx_fq2_is_zero(&c[2]) && cdx_fq2_is_zero(&c[0]) &&
	    cdx_fq2_equal(&c[1], &cdx_fq2_one)) {
		*out = cdx_g2_infinity;
		return 0;
	}
	if (!cdx_fq2_equal(&c[2], &cdx_fq2_one) || cdx_g2_is_infinity(&p) ||
	    !cdx_g2_on_curve(&p) || !cdx_g2_in_subgroup(&p))
		return cdx_refuse(why, CDX_E_FORMAT, "%s: not a point of G2",
				  name);
	*out = p;
	return 0;
}

int cdx_json_read_gt(struct cdx_gt *out, const json_t *j, const char *name,
		     char why[CDX_PROOF_WHY_MAX])
{
	const json_t *half = json_object_get(j, name);
	struct cdx_fq2 c[6];

	if (json_array_size(half) != 2 ||
	    !get_fq2s(c, json_array_get(half, 0), 3) ||
	    !get_fq2s(c + 3, json_array_get(half, 1), 3))
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%s: not two triples of pairs of decimal "
				  "numbers below q",
				  name);
	*out = (struct cdx_gt){.c0 = {.c0 = c[0], .c1 = c[1], .c2 = c[2]},
			       .c1 = {.c0 = c[3], .c1 = c[4], .c2 = c[5]}};
	return 0;
}

json_t *cdx_json_g1(const struct cdx_g1 *p)
{
	char x[CDX_FQ_TEXT_MAX];
	char y[CDX_FQ_TEXT_MAX];

	if (cdx_g1_is_infinity(p))
		return json_pack("[s, s, s]", "0", "1", "0");
	cdx_fq_to_text(x, &p->x);
	cdx_fq_to_text(y, &p->y);
	return json_pack("[s, s, s]", x, y, "1");
}

static json_t *fq2_json(const struct cdx_fq2 *a)
{
	char c0[CDX_FQ_TEXT_MAX];
	char c1[CDX_FQ_TEXT_MAX];

	cdx_fq_to_text(c0, &a->c0);
	cdx_fq_to_text(c1, &a->c1);
	return json_pack("[s, s]", c0, c1);
}

json_t *cdx_json_g2(const struct cdx_g2 *p)
{
	if (cdx_g2_is_infinity(p))
		return json_pack("[o, o, o]", fq2_json(&cdx_fq2_zero),
				 fq2_json(&cdx_fq2_one),
				 fq2_json(&cdx_fq2_zero));
	return json_pack("[o, o, o]", fq2_json(&p->x), fq2_json(&p->y),
			 fq2_json(&cdx_fq2_one));
}

static json_t *fq6_json(const struct cdx_fq6 *a)
{
	return json_pack("[o, o, o]", fq2_json(&a->c0), fq2_json(&a->c1),
			 fq2_json(&a->c2));
}

json_t *cdx_json_gt(const struct cdx_gt *a)
{
	return json_pack("[o, o]", fq6_json(&a->c0), fq6_json(&a->c1));
}
