/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "exchange/wire.h"

/* A decimal number of 32 bits; moves @text behind it. */
static int number(uint32_t *out, const char **text)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return CDX_E_FORMAT;
	while (*p >= '0' && *p <= '9') {
		v = v * 10 + (uint64_t)(*p++ - '0');
		if (v > UINT32_MAX)
			return CDX_E_FORMAT;
	}
	*out = (uint32_t)v;
	*text = p;
	return 0;
}

int cdx_wire_ranges(struct cdx_range out[CDX_WIRE_RANGES_MAX], const char *text)
{
	uint64_t blocks = 0;
	uint64_t next = 0; /* lowest index that may follow */
	unsigned n = 0;

	for (;;) {
		struct cdx_range r;

		if (n == CDX_WIRE_RANGES_MAX || number(&r.first, &text) < 0 ||
		    *text++ != '-' || number(&r.last, &text) < 0 ||
		    r.first < next || r.last < r.first)
			return CDX_E_FORMAT;
		blocks += (uint64_t)r.last - r.first + 1;
		if (blocks > CDX_WIRE_BLOCKS_MAX)
			return CDX_E_FORMAT;
		next = (uint64_t)r.last + 1;
		out[n++] = r;
		if (*text == '\0')
			return (int)n;
		if (*text++ != ',')
			return CDX_E_FORMAT;
	}
}

void cdx_wire_ranges_text(char *out, const struct cdx_range *r, size_t n)
{
	/* two numbers of ten digits and two signs each */
	const size_t most = 24;

	*out = '\0';
	for (size_t i = 0; i < n; i++)
		out += snprintf(out, most, "%s%u-%u", i > 0 ? "," : "",
				r[i].first, r[i].last);
}
