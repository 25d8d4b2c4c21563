/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "erasure/codec.h"
#include "store/store.h"

/* Digits only; @end is what follows them */
static int parse(const char *text, const char **end, uint64_t max,
		 uint64_t *out)
{
	char *stop = NULL;
	unsigned long long v;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &stop, 10);
	if (errno != 0 || v > max)
		return -EINVAL;
	*end = stop;
	*out = v;
	return 0;
}

int cdx_api_number(struct cdx_call *call, const char *name, uint64_t min,
		   uint64_t max, uint64_t *out)
{
	const char *text = call->param(call, name);
	const char *end;
	uint64_t v;

	if (text == NULL)
		return 0;
	if (parse(text, &end, max, &v) < 0 || *end != '\0' || v < min)
		return -EINVAL;
	*out = v;
	return 1;
}

int cdx_api_slots(struct cdx_call *call, const char *name, uint32_t *out)
{
	const char *p = call->param(call, name);
	uint32_t bits = 0;
	uint64_t v;

	if (p == NULL)
		return 0;
	for (;;) {
		if (parse(p, &p, CDX_EC_COLUMNS_MAX - 1, &v) < 0)
			return -EINVAL;
		bits |= UINT32_C(1) << v;
		if (*p == '\0')
			break;
		if (*p++ != ',')
			return -EINVAL;
	}
	*out = bits;
	return 1;
}

int cdx_api_code(const struct cdx_api *api, struct cdx_call *call,
		 struct cdx_api_code *out, char why[CDX_API_WHY_MAX])
{
	const char *name = call->param(call, "codec");
	uint64_t k;
	uint64_t m;
	int codec;

	cdx_store_code(api->node->store, &out->k, &out->m, &out->codec);
	k = out->k;
	m = out->m;
	codec = (int)out->codec;

	if (cdx_api_number(call, "data", 0, UINT32_MAX, &k) < 0 ||
	    cdx_api_number(call, "parity", 0, UINT32_MAX, &m) < 0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "data and parity are whole numbers");
		return -EINVAL;
	}
	if (name != NULL)
		codec = cdx_ec_by_name(name);
	if (codec < 0 || codec == CDX_EC_LEOPARD) {
		snprintf(why, CDX_API_WHY_MAX,
			 "there is no codec %.64s to make parity with", name);
		return -EINVAL;
	}
	out->k = (uint32_t)k;
	out->m = (uint32_t)m;
	out->codec = (uint32_t)codec;
	return 0;
}
