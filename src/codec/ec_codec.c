/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/ec_codec.h"

#include <errno.h>
#include <string.h>

static const char *const names[CDX_EC_CODECS] = {
	[CDX_EC_LEOPARD] = "leopard",
	[CDX_EC_ISA_L_CAUCHY] = "isa_l_rs_cauchy",
	[CDX_EC_ISA_L_VAND] = "isa_l_rs_vand",
	[CDX_EC_LIBEC_VAND] = "liberasurecode_rs_vand",
	[CDX_EC_JERASURE_VAND] = "jerasure_rs_vand",
	[CDX_EC_JERASURE_CAUCHY] = "jerasure_rs_cauchy",
};

const char *cdx_ec_name(uint32_t codec)
{
	return codec < CDX_EC_CODECS ? names[codec] : NULL;
}

int cdx_ec_by_name(const char *name)
{
	for (int i = 0; i < CDX_EC_CODECS; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -ENOENT;
}
