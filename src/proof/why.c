/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/why.h"

#include <stdarg.h>
#include <stdio.h>

int cdx_refuse(char why[CDX_PROOF_WHY_MAX], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CDX_PROOF_WHY_MAX, fmt, ap);
	va_end(ap);
	for (; *why; why++)
		if (*why < 0x20 || *why > 0x7e)
			*why = '?';
	return err;
}
