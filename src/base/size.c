/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "base/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cdx_size_parse(uint64_t *out, const char *text)
{
	static const char units[] = "KMGTPE";
	char *end = NULL;
	const char *unit;
	double v;
	int shift = 0;

	errno = 0;
	v = strtod(text, &end);
	/* strtod also takes nan, inf, hex and signs */
	if (end == text || errno != 0 ||
	    strspn(text, "0123456789.") != (size_t)(end - text))
		return -EINVAL;
	unit = *end == '\0' ? NULL : strchr(units, *end & ~0x20);
	if (unit != NULL) {
		shift = 10 * (int)(unit - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B')
		end++;
	if (*end != '\0')
		return -EINVAL;
	v *= (double)(UINT64_C(1) << shift);
	if (!(v >= 0 && v < 9.2e18))
		return -ERANGE;
	*out = (uint64_t)v;
	return 0;
}
