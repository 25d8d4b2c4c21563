/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/backend.h"

#include <stdatomic.h>
#include <stddef.h>

#include "bn254/fr_adx.h"
#include "bn254/internal.h"

#define NOT_CHOSEN (-1)

static atomic_int chosen = NOT_CHOSEN;

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

enum cdx_bn254_backend cdx_bn254_backend(void)
{
	int b = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (b != NOT_CHOSEN)
		return (enum cdx_bn254_backend)b;
	b = CDX_BN254_BACKENDS;
	do
		b--;
	while (!cdx_bn254_backend_have((enum cdx_bn254_backend)b));
	/* threads that get here together all find the same */
	atomic_store_explicit(&chosen, b, memory_order_relaxed);
	return (enum cdx_bn254_backend)b;
}

void cdx_bn254_backend_force(enum cdx_bn254_backend b)
{
	atomic_store_explicit(&chosen, (int)b, memory_order_relaxed);
}
