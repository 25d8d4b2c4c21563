/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/backend.h"

#include <stddef.h>

#include "bn254/fr_adx.h"
#include "bn254/internal.h"

atomic_int cdx_bn254_chosen = -1;

const char *cdx_bn254_backend_name(enum cdx_bn254_backend b)
{
	static const char *const names[CDX_BN254_BACKENDS] = {
		[CDX_BN254_PORTABLE] = "portable",
		[CDX_BN254_ADX] = "adx",
		[CDX_BN254_IFMA] = "ifma",
	};

	return names[b];
}

bool cdx_bn254_backend_have(enum cdx_bn254_backend b)
{
	switch (b) {
	case CDX_BN254_PORTABLE:
		return true;
	case CDX_BN254_ADX:
		return cdx_adx_have();
	case CDX_BN254_IFMA:
		return cdx_adx_have() && cdx_ifma_have();
	case CDX_BN254_BACKENDS:
		break;
	}
	return false;
}

enum cdx_bn254_backend cdx_bn254_backend_choose(void)
{
	int b = CDX_BN254_BACKENDS;

	do
		b--;
	while (!cdx_bn254_backend_have((enum cdx_bn254_backend)b));
	cdx_bn254_backend_force((enum cdx_bn254_backend)b);
	return (enum cdx_bn254_backend)b;
}

void cdx_bn254_backend_force(enum cdx_bn254_backend b)
{
	atomic_store_explicit(&cdx_bn254_chosen, (int)b, memory_order_relaxed);
}
