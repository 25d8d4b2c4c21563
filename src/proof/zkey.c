/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/zkey.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bn254/fq_modulus.h"
#include "bn254/fr_modulus.h"
#include "bn254/ntt.h"
#include "proof/binfile.h"

/* Finding the parts of a key (spec/proofs.md 4) */

#define VERSION 1u
#define PROTOCOL_GROTH16 1u
#define PROTOCOL_PLONK 2u
#define PROTOCOL_FFLONK 10u

enum section {
	SECTION_PROTOCOL = 1,
	SECTION_HEADER,
	SECTION_IC,
	SECTION_COEFS,
	SECTION_A,
	SECTION_B1,
	SECTION_B2,
	SECTION_C,
	SECTION_H,
	SECTION_CONTRIBUTIONS,
};

/* A contribution to the ceremony: delta after it, three more points of G1 and
 * G2, the transcript's hash, then u32 type and u32 length of parameters */
#define CONTRIBUTION_BYTES (3 * CDX_G1_BYTES + CDX_G2_BYTES + 64)

static int open_protocol(const struct cdx_binfile *f,
			 char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_cursor c;
	uint32_t protocol;
	int r = cdx_binfile_section(&c, f, SECTION_PROTOCOL, why);

	if (r < 0)
		return r;
	protocol = cdx_cursor_le32(&c);
	if (cdx_cursor_done(&c) < 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section 1 is not a number");
	if (protocol == PROTOCOL_GROTH16)
		return 0;
	if (protocol == PROTOCOL_PLONK || protocol == PROTOCOL_FFLONK)
		return cdx_refuse(
			why, CDX_E_CODEC, "a key of %s, not of groth16",
			protocol == PROTOCOL_PLONK ? "plonk" : "fflonk");
	return cdx_refuse(why, CDX_E_CODEC,
			  "a key of protocol %" PRIu32 ", not of groth16",
			  protocol);
}

static int open_counts(struct cdx_zkey *k, struct cdx_cursor *c,
		       char why[CDX_PROOF_WHY_MAX])
{
	uint32_t domain;
	int r = cdx_binfile_modulus(c, fq_modulus.m, "the base field", why);

	if (r == 0)
		r = cdx_binfile_modulus(c, fr_modulus.m, "the scalar field",
					why);
	if (r < 0)
		return r;
	k->wires = cdx_cursor_le32(c);
	k->public_inputs = cdx_cursor_le32(c);
	domain = cdx_cursor_le32(c);
	if (c->fail)
		return cdx_refuse(why, CDX_E_FORMAT, "section 2 is cut off");
	for (k->log_domain = 1; k->log_domain < CDX_NTT_LOG_MAX;
	     k->log_domain++)
		if (domain == UINT32_C(1) << k->log_domain)
			break;
	/* the coset's root is one of order 2 * domain */
	if (k->log_domain == CDX_NTT_LOG_MAX)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "domain of %" PRIu32
				  ": not a power of two from 2 to 2^27",
				  domain);
	if (k->public_inputs >= k->wires || k->public_inputs >= domain)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%" PRIu32 " public inputs, %" PRIu32
				  " wires, domain of %" PRIu32,
				  k->public_inputs, k->wires, domain);
	return 0;
}

static int open_g1(struct cdx_g1 *out, struct cdx_cursor *c, const char *name,
		   char why[CDX_PROOF_WHY_MAX])
{
	uint8_t b[CDX_G1_BYTES];

	cdx_cursor_get(c, b, sizeof(b));
	if (c->fail)
		return cdx_refuse(why, CDX_E_FORMAT, "%s is cut off", name);
	if (cdx_g1_decode(out, b) < 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%s: a coordinate is not below the prime",
				  name);
	if (cdx_g1_is_infinity(out) || !cdx_g1_on_curve(out))
		return cdx_refuse(why, CDX_E_FORMAT, "%s: not a point of G1",
				  name);
	return 0;
}

static int open_g2(struct cdx_g2 *out, struct cdx_cursor *c, const char *name,
		   char why[CDX_PROOF_WHY_MAX])
{
	uint8_t b[CDX_G2_BYTES];

	cdx_cursor_get(c, b, sizeof(b));
	if (c->fail)
		return cdx_refuse(why, CDX_E_FORMAT, "%s is cut off", name);
	if (cdx_g2_decode(out, b) < 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%s: a coordinate is not below the prime",
				  name);
	if (cdx_g2_is_infinity(out) || !cdx_g2_on_curve(out) ||
	    !cdx_g2_in_subgroup(out))
		return cdx_refuse(why, CDX_E_FORMAT, "%s: not a point of G2",
				  name);
	return 0;
}

/* The point at infinity is refused too: with it some of the verification
 * equation is always one */
static int open_header(struct cdx_zkey *k, const struct cdx_binfile *f,
		       char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_cursor c;
	int r = cdx_binfile_section(&c, f, SECTION_HEADER, why);

	if (r == 0)
		r = open_counts(k, &c, why);
	if (r == 0)
		r = open_g1(&k->alpha1, &c, "alpha1", why);
	if (r == 0)
		r = open_g1(&k->beta1, &c, "beta1", why);
	if (r == 0)
		r = open_g2(&k->beta2, &c, "beta2", why);
	if (r == 0)
		r = open_g2(&k->gamma2, &c, "gamma2", why);
	if (r == 0)
		r = open_g1(&k->delta1, &c, "delta1", why);
	if (r == 0)
		r = open_g2(&k->delta2, &c, "delta2", why);
	if (r == 0 && cdx_cursor_done(&c) < 0)
		r = cdx_refuse(why, CDX_E_FORMAT,
			       "section 2: %zu bytes too many", c.left);
	return r;
}

static int open_points(struct cdx_zkey *k, const struct cdx_binfile *f,
		       char why[CDX_PROOF_WHY_MAX])
{
	const struct {
		const uint8_t **at;
		enum section id;
		uint32_t count;
		size_t size;
	} lists[] = {
		{&k->ic, SECTION_IC, k->public_inputs + 1, CDX_G1_BYTES},
		{&k->a, SECTION_A, k->wires, CDX_G1_BYTES},
		{&k->b1, SECTION_B1, k->wires, CDX_G1_BYTES},
		{&k->b2, SECTION_B2, k->wires, CDX_G2_BYTES},
		{&k->c, SECTION_C, k->wires - k->public_inputs - 1,
		 CDX_G1_BYTES},
		{&k->h, SECTION_H, UINT32_C(1) << k->log_domain, CDX_G1_BYTES},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < CDX_ARRAY_LEN(lists); i++)
		r = cdx_binfile_array(lists[i].at, f, lists[i].id,
				      lists[i].count, lists[i].size, why);
	return r;
}

static int check_bounds(const struct cdx_zkey *k, char why[CDX_PROOF_WHY_MAX])
{
	for (uint32_t i = 0; i < k->coefs; i++) {
		const uint8_t *e = k->coef + (size_t)i * CDX_ZKEY_COEF_BYTES;
		uint32_t matrix = cdx_get_le32(e);
		uint32_t row = cdx_get_le32(e + 4);
		uint32_t wire = cdx_get_le32(e + 8);

		if (matrix > 1 || row >> k->log_domain != 0 || wire >= k->wires)
			return cdx_refuse(why, CDX_E_FORMAT,
					  "coefficient %" PRIu32
					  ": matrix %" PRIu32 ", row %" PRIu32
					  ", wire %" PRIu32,
					  i, matrix, row, wire);
	}
	return 0;
}

static int open_coefs(struct cdx_zkey *k, const struct cdx_binfile *f,
		      char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_cursor c;
	int r = cdx_binfile_section(&c, f, SECTION_COEFS, why);

	if (r < 0)
		return r;
	k->coefs = cdx_cursor_le32(&c);
	if (c.fail || c.left % CDX_ZKEY_COEF_BYTES != 0 ||
	    c.left / CDX_ZKEY_COEF_BYTES != k->coefs)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section 4: %zu bytes for %" PRIu32
				  " coefficients",
				  c.left, k->coefs);
	k->coef = cdx_cursor_take(&c, c.left);
	return check_bounds(k, why);
}

/* Only that there are as many as it says: what they contain is for whoever
 * verifies the ceremony */
static int open_contributions(struct cdx_zkey *k, const struct cdx_binfile *f,
			      char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_cursor c;
	int r = cdx_binfile_section(&c, f, SECTION_CONTRIBUTIONS, why);

	if (r < 0)
		return r;
	cdx_cursor_get(&c, k->circuit_hash, sizeof(k->circuit_hash));
	k->contributions = cdx_cursor_le32(&c);
	for (uint32_t i = 0; i < k->contributions && !c.fail; i++) {
		(void)cdx_cursor_take(&c, CONTRIBUTION_BYTES);
		(void)cdx_cursor_le32(&c);
		(void)cdx_cursor_take(&c, cdx_cursor_le32(&c));
	}
	if (cdx_cursor_done(&c) < 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section 10 does not hold %" PRIu32
				  " contributions",
				  k->contributions);
	return 0;
}

int cdx_zkey_open(struct cdx_zkey *out, const uint8_t *p, size_t len,
		  char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_zkey k = {.wires = 0};
	struct cdx_binfile f;
	int r = cdx_binfile_open(&f, p, len, "zkey", VERSION, why);

	if (r == 0)
		r = open_protocol(&f, why);
	if (r == 0)
		r = open_header(&k, &f, why);
	if (r == 0)
		r = open_points(&k, &f, why);
	if (r == 0)
		r = open_coefs(&k, &f, why);
	if (r == 0)
		r = open_contributions(&k, &f, why);
	if (r < 0)
		return r;
	k.development = cdx_binfile_has(&f, CDX_ZKEY_SECTION_DEVELOPMENT) ||
			k.contributions == 0 ||
			cdx_g2_equal(&k.delta2, &cdx_g2_generator);
	*out = k;
	return 0;
}

int cdx_zkey_vk(struct cdx_vk *out, const struct cdx_zkey *k)
{
	size_t n = (size_t)k->public_inputs + 1;
	struct cdx_g1 *ic = calloc(n, sizeof(*ic));

	if (!ic)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (cdx_g1_decode(&ic[i], k->ic + i * CDX_G1_BYTES) < 0 ||
		    !cdx_g1_on_curve(&ic[i])) {
			free(ic);
			return CDX_E_FORMAT;
		}
	*out = (struct cdx_vk){
		.alpha1 = k->alpha1,
		.beta2 = k->beta2,
		.gamma2 = k->gamma2,
		.delta2 = k->delta2,
		.public_inputs = k->public_inputs,
		.ic = ic,
		.development = k->development,
	};
	return 0;
}
