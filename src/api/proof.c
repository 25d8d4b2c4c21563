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
#include "store/proof_pin.h"

static json_t *pin_json(const struct cdx_proof_pin *pin)
{
	char hex[2 * sizeof(pin->sha256.b) + 1];

	cdx_hex(hex, pin->sha256.b, sizeof(pin->sha256.b));
	return json_pack("{s:i, s:s, s:I, s:b}", "samples", (int)pin->samples,
			 "sha256", hex, "bytes", (json_int_t)pin->bytes,
			 "development", pin->development);
}

json_t *cdx_api_proof_keys_json(struct cdx_store *s)
{
	struct cdx_proof_pin pin = {.samples = 0};
	json_t *list = json_array();
	int rc;

	while ((rc = cdx_proof_pin_next(s, pin.samples, &pin)) > 0)
		(void)json_array_append_new(list, pin_json(&pin));
	if (rc < 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

/* ---- import ---- */

static void on_phase(void *arg, const char *phase)
{
	cdx_api_work_phase(arg, 1, "%s", phase);
	cdx_api_work_units(arg, 0, 1);
}

/* Tells who waits that it goes on, which also shows whether they still do */
static bool waiting(void *arg)
{
	cdx_api_work_units(arg, 0, 1);
	return cdx_api_work_cancelled(arg);
}

static void import(struct cdx_api *api, struct cdx_call *call)
{
	const char *path = call->param(call, "path");
	char why[CDX_PROOF_KEYS_WHY_MAX] = "";
	uint64_t development = 0;
	struct cdx_proof_pin pin;
	struct cdx_api_work w;
	json_t *result;
	const struct cdx_groth16_run run = {
		.pool = api->node->pool,
		.cancel = waiting,
		.arg = &w,
	};
	int rc = cdx_api_number(call, "development", 0, 1, &development);

	if (rc < 0 || path == NULL || path[0] != '/') {
		cdx_api_reply_error(call, -EINVAL);
		return;
	}
	cdx_api_work_begin(&w, api, call);
	rc = cdx_proof_keys_import(api->node->proof_keys, &pin, path,
				   development != 0, &run, on_phase, why);
	if (rc == -ECANCELED)
		snprintf(why, sizeof(why), "ended before the key was checked");
	result = rc < 0 ? NULL : pin_json(&pin);
	if (result != NULL)
		(void)json_object_set_new(result, "result",
					  json_string("imported"));
	cdx_api_work_end(&w, rc, why, result);
}

void cdx_api_proof(struct cdx_api *api, struct cdx_call *call, const char *rest)
{
	if (strcmp(rest, "/keys") == 0 && strcmp(call->method, "GET") == 0)
		cdx_api_reply_json(
			call, 200,
			json_pack("{s:o}", "keys",
				  cdx_api_proof_keys_json(api->node->store)));
	else if (strcmp(rest, "/keys") == 0 &&
		 strcmp(call->method, "POST") == 0)
		import(api, call);
	else
		cdx_api_reply_error(call, -ENOENT);
}
