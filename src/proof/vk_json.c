/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/proof_json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "bn254/pairing.h"
#include "proof/proof_json_parts.h"

static int read_points(struct cdx_vk *vk, const json_t *j,
		       char why[CDX_PROOF_WHY_MAX])
{
	int r = cdx_json_read_g1(&vk->alpha1, j, "vk_alpha_1", why);

	if (r == 0)
		r = cdx_json_read_g2(&vk->beta2, j, "vk_beta_2", why);
	if (r == 0)
		r = cdx_json_read_g2(&vk->gamma2, j, "vk_gamma_2", why);
	if (r == 0)
		r = cdx_json_read_g2(&vk->delta2, j, "vk_delta_2", why);
	/* else some of the equation would be one, whatever the proof says */
	if (r == 0 && (cdx_g1_is_infinity(&vk->alpha1) ||
		       cdx_g2_is_infinity(&vk->beta2) ||
		       cdx_g2_is_infinity(&vk->gamma2) ||
		       cdx_g2_is_infinity(&vk->delta2)))
		r = cdx_refuse(why, CDX_E_FORMAT,
			       "a point of the key is at infinity");
	return r;
}

/* Verifiers do not need it, and ours does not use it; but a file that
 * contradicts itself is not to be trusted */
static int check_pairing(const struct cdx_vk *vk, const json_t *j,
			 char why[CDX_PROOF_WHY_MAX])
{
	static const char name[] = "vk_alphabeta_12";
	struct cdx_gt said;
	struct cdx_gt is;
	int r;

	if (!json_object_get(j, name))
		return 0;
	r = cdx_json_read_gt(&said, j, name, why);
	if (r == 0)
		r = cdx_pairing(&is, &vk->alpha1, &vk->beta2);
	if (r == 0 && !cdx_gt_equal(&said, &is))
		r = cdx_refuse(why, CDX_E_FORMAT,
			       "%s: not the pairing of alpha and beta", name);
	return r;
}

static int read_ic(struct cdx_vk *vk, const json_t *j,
		   char why[CDX_PROOF_WHY_MAX])
{
	const json_t *count = json_object_get(j, "nPublic");
	const json_t *ic = json_object_get(j, "IC");
	size_t n = json_array_size(ic);
	int r = 0;

	if (!json_is_integer(count) || json_integer_value(count) < 0 ||
	    json_integer_value(count) > CDX_PUBLIC_MAX)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "nPublic: not a number from 0 to %u",
				  CDX_PUBLIC_MAX);
	if (n != (size_t)json_integer_value(count) + 1)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "IC: not an array of nPublic + 1 points");
	vk->ic = calloc(n, sizeof(*vk->ic));
	if (!vk->ic)
		return -ENOMEM;
	vk->public_inputs = (uint32_t)n - 1;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = cdx_json_read_g1_at(&vk->ic[i], ic, i, "IC", why);
	return r;
}

static int read_development(struct cdx_vk *vk, const json_t *j,
			    char why[CDX_PROOF_WHY_MAX])
{
	const json_t *mark = json_object_get(j, "development");

	if (mark && !json_is_boolean(mark))
		return cdx_refuse(why, CDX_E_FORMAT,
				  "development: neither true nor false");
	vk->development = json_is_true(mark);
	return 0;
}

int cdx_vk_read(struct cdx_vk *out, const char *text, size_t len,
		char why[CDX_PROOF_WHY_MAX])
{
	static const char *const required[] = {"nPublic",    "vk_alpha_1",
					       "vk_beta_2",  "vk_gamma_2",
					       "vk_delta_2", "IC"};
	static const char *const optional[] = {"vk_alphabeta_12",
					       "development"};
	struct cdx_vk vk = {.ic = NULL};
	json_t *j;
	int r = cdx_json_load(&j, text, len, why);

	if (r < 0)
		return r;
	r = cdx_json_kind(j, required, CDX_ARRAY_LEN(required), optional,
			  CDX_ARRAY_LEN(optional), why);
	if (r == 0)
		r = read_development(&vk, j, why);
	if (r == 0)
		r = read_points(&vk, j, why);
	if (r == 0)
		r = check_pairing(&vk, j, why);
	if (r == 0)
		r = read_ic(&vk, j, why);
	json_decref(j);
	if (r < 0) {
		cdx_vk_free(&vk);
		return r;
	}
	*out = vk;
	return 0;
}

static json_t *ic_json(const struct cdx_vk *vk)
{
	json_t *j = json_array();

	for (size_t i = 0; j && i <= vk->public_inputs; i++) {
		if (json_array_append_new(j, cdx_json_g1(&vk->ic[i])) < 0) {
			json_decref(j);
			j = NULL;
		}
	}
	return j;
}

/* The members of snarkjs in its order, so that files can be compared byte for
 * byte; ours is among them only where it is true */
int cdx_vk_write(struct cdx_buf *out, const struct cdx_vk *vk)
{
	struct cdx_gt pairing;
	int r = cdx_pairing(&pairing, &vk->alpha1, &vk->beta2);

	if (r < 0)
		return r;
	return cdx_json_dump(
		out,
		json_pack("{s:s, s:s, s:o*, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
			  "protocol", "groth16", "curve", "bn128",
			  "development", vk->development ? json_true() : NULL,
			  "nPublic", (json_int_t)vk->public_inputs,
			  "vk_alpha_1", cdx_json_g1(&vk->alpha1), "vk_beta_2",
			  cdx_json_g2(&vk->beta2), "vk_gamma_2",
			  cdx_json_g2(&vk->gamma2), "vk_delta_2",
			  cdx_json_g2(&vk->delta2), "vk_alphabeta_12",
			  cdx_json_gt(&pairing), "IC", ic_json(vk)));
}
