/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "base/err.h"
#include "proof/circuit.h"
#include "proof/proof_json.h"
#include "repair/repair.h"

/* Answers to a challenge: what the proof circuit takes, and the proof */

struct challenge {
	uint8_t bytes[CDX_CHALLENGE_LEN];
	uint64_t samples;
};

static int read_challenge(struct cdx_call *call, struct challenge *out,
			  char why[CDX_API_WHY_MAX])
{
	const char *text = call->param(call, "challenge");

	if (text != NULL && text[0] == '0' &&
	    (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (text == NULL ||
	    cdx_unhex(out->bytes, sizeof(out->bytes), text) < 0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "a challenge is 32 bytes as 64 hex digits, with or "
			 "without 0x");
		return -EINVAL;
	}
	out->samples = CDX_SAMPLES;
	if (cdx_api_number(call, "samples", 1, CDX_SAMPLES_MAX, &out->samples) <
	    0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "samples is a whole number from 1 to %u",
			 CDX_SAMPLES_MAX);
		return -EINVAL;
	}
	return 0;
}

static int make_inputs(struct cdx_api *api, struct cdx_call *call,
		       const struct cdx_cid *cid, struct cdx_proof_inputs *out,
		       char why[CDX_API_WHY_MAX])
{
	struct challenge challenge;
	struct cdx_slots sl;
	uint32_t slots;
	int rc = read_challenge(call, &challenge, why);

	if (rc < 0)
		return rc;
	rc = cdx_api_slots_some(&sl, api, call, cid, true, &slots, why);
	if (rc < 0)
		return rc;
	if ((slots & (slots - 1)) == 0) {
		rc = cdx_slots_inputs(out, api->node->store, &sl,
				      (uint32_t)__builtin_ctz(slots),
				      challenge.bytes,
				      (uint32_t)challenge.samples);
		if (rc == -ENODATA)
			snprintf(why, CDX_API_WHY_MAX,
				 "blocks that the challenge asks for are "
				 "neither here nor to be made from others");
	} else {
		snprintf(why, CDX_API_WHY_MAX, "one slot at a time");
		rc = -EINVAL;
	}
	cdx_slots_free(&sl);
	return rc;
}

void cdx_api_inputs(struct cdx_api *api, struct cdx_call *call,
		    const struct cdx_cid *cid)
{
	struct cdx_proof_inputs in = {0};
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_buf b = {0};
	int rc = make_inputs(api, call, cid, &in, why);

	if (rc == 0)
		rc = cdx_proof_inputs_text(&b, &in);
	if (rc == 0)
		rc = cdx_buf_ok(&b);
	cdx_proof_inputs_free(&in);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
	} else {
		call->begin(call, 200, "application/json");
		(void)!call->write(call, b.p, b.len);
	}
	cdx_buf_free(&b);
}

/* ---- prove ---- */

/* Tells who waits that it goes on, which also shows whether they still do */
static bool waiting(void *arg)
{
	cdx_api_work_progress(arg, "proving", 0, 1);
	return cdx_api_work_cancelled(arg);
}

/* What one of proof_json.h wrote, as a value; drops the text */
static json_t *load(struct cdx_buf *b, int rc)
{
	json_t *j = NULL;

	if (rc == 0 && cdx_buf_ok(b) == 0)
		j = json_loadb((const char *)b->p, b->len, 0, NULL);
	cdx_buf_free(b);
	return j;
}

static json_t *calldata_json(const struct cdx_proof *proof)
{
	uint8_t words[8][32];
	char hex[2 + 2 * sizeof(words[0]) + 1] = "0x";
	json_t *j = json_array();

	cdx_proof_calldata(words, proof);
	for (size_t i = 0; i < CDX_ARRAY_LEN(words); i++) {
		cdx_hex(hex + 2, words[i], sizeof(words[i]));
		(void)json_array_append_new(j, json_string(hex));
	}
	return j;
}

static json_t *proof_json(const struct cdx_proof *proof,
			  const struct cdx_fr *public,
			  const struct cdx_proof_pin *pin)
{
	struct cdx_buf b = {0};
	char hex[2 * sizeof(pin->sha256.b) + 1];
	json_t *proof_value = load(&b, cdx_proof_write(&b, proof));
	json_t *public_value =
		load(&b, cdx_public_write(&b, public, CDX_CIRCUIT_PUBLIC));

	cdx_hex(hex, pin->sha256.b, sizeof(pin->sha256.b));
	return json_pack("{s:s, s:o, s:o, s:o, s:i, s:s, s:b}", "result",
			 "proved", "proof", proof_value, "public", public_value,
			 "calldata", calldata_json(proof), "samples",
			 (int)pin->samples, "key", hex, "development",
			 pin->development);
}

static int prove(struct cdx_api_work *w, const struct cdx_proof_inputs *in,
		 json_t **out, char why[CDX_API_WHY_MAX])
{
	const struct cdx_groth16_run run = {
		.pool = w->api->node->pool,
		.cancel = waiting,
		.arg = w,
	};
	struct cdx_proof_keys *keys = w->api->node->proof_keys;
	char reason[CDX_PROOF_WHY_MAX] = "";
	struct cdx_fr public[CDX_CIRCUIT_PUBLIC];
	const struct cdx_proof_key *key;
	struct cdx_proof_pin pin;
	struct cdx_proof proof;
	int rc = cdx_proof_keys_get(keys, in->samples, &key, &pin, why);

	if (rc < 0)
		return rc;
	rc = cdx_proof_make(&proof, public, key, in, &run, reason);
	cdx_proof_keys_put(keys, key);
	if (rc == 0)
		*out = proof_json(&proof, public, &pin);
	else if (rc == -ECANCELED)
		snprintf(why, CDX_API_WHY_MAX,
			 "ended before the proof was made");
	else
		snprintf(why, CDX_API_WHY_MAX, "%s", reason);
	return rc;
}

void cdx_api_prove(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid)
{
	struct cdx_proof_inputs in = {0};
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_api_work w;
	json_t *result = NULL;
	int rc = make_inputs(api, call, cid, &in, why);

	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
	} else {
		cdx_api_work_begin(&w, api, call);
		rc = prove(&w, &in, &result, why);
		cdx_api_work_end(&w, rc, why, result);
	}
	cdx_proof_inputs_free(&in);
}
