/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/proof_json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "proof/proof_json_parts.h"

int cdx_proof_read(struct cdx_proof *out, const char *text, size_t len,
		   char why[CDX_PROOF_WHY_MAX])
{
	static const char *const members[] = {"pi_a", "pi_b", "pi_c"};
	struct cdx_proof proof = {.a = cdx_g1_infinity};
	json_t *j;
	int r = cdx_json_load(&j, text, len, why);

	if (r < 0)
		return r;
	r = cdx_json_kind(j, members, CDX_ARRAY_LEN(members), NULL, 0, why);
	if (r == 0)
		r = cdx_json_read_g1(&proof.a, j, "pi_a", why);
	if (r == 0)
		r = cdx_json_read_g2(&proof.b, j, "pi_b", why);
	if (r == 0)
		r = cdx_json_read_g1(&proof.c, j, "pi_c", why);
	json_decref(j);
	if (r == 0)
		*out = proof;
	return r;
}

int cdx_proof_write(struct cdx_buf *out, const struct cdx_proof *proof)
{
	json_t *j = json_pack("{s:o, s:o, s:o, s:s, s:s}", "pi_a",
			      cdx_json_g1(&proof->a), "pi_b",
			      cdx_json_g2(&proof->b), "pi_c",
			      cdx_json_g1(&proof->c), "protocol", "groth16",
			      "curve", "bn128");

	return cdx_json_dump(out, j);
}

static int read_inputs(struct cdx_fr *x, const json_t *j, size_t n,
		       char why[CDX_PROOF_WHY_MAX])
{
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(j, i));

		if (!s || cdx_fr_from_text(&x[i], s) < 0)
			return cdx_refuse(why, CDX_E_FORMAT,
					  "input %zu: not a decimal number "
					  "below r",
					  i);
	}
	return 0;
}

int cdx_public_read(struct cdx_fr **out, uint32_t *n, const char *text,
		    size_t len, char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_fr *x = NULL;
	size_t count = 0;
	json_t *j;
	int r = cdx_json_load(&j, text, len, why);

	if (r < 0)
		return r;
	count = json_array_size(j);
	if (!json_is_array(j) || count > CDX_PUBLIC_MAX)
		r = cdx_refuse(why, CDX_E_FORMAT,
			       "not an array of at most %u inputs",
			       CDX_PUBLIC_MAX);
	if (r == 0) {
		x = calloc(count ? count : 1, sizeof(*x));
		r = x ? read_inputs(x, j, count, why) : -ENOMEM;
	}
	json_decref(j);
	if (r < 0) {
		free(x);
		return r;
	}
	*out = x;
	*n = (uint32_t)count;
	return 0;
}

int cdx_public_write(struct cdx_buf *out, const struct cdx_fr *x, uint32_t n)
{
	json_t *j = json_array();

	for (uint32_t i = 0; j && i < n; i++) {
		char text[CDX_FR_TEXT_MAX];

		cdx_fr_to_text(text, &x[i]);
		if (json_array_append_new(j, json_string(text)) < 0) {
			json_decref(j);
			j = NULL;
		}
	}
	return cdx_json_dump(out, j);
}
