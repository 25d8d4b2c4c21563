/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "base/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Digits alone, up to @end */
static int whole(uint64_t *out, const char *text, const char *end, uint64_t max)
{
	uint64_t v = 0;

	if (text == end)
		return -EINVAL;
	for (; text < end; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || v > (max - digit) / 10)
			return -EINVAL;
		v = v * 10 + digit;
	}
	*out = v;
	return 0;
}

int cdx_span_parse(uint64_t *out, const char *text)
{
	static const char units[] = "smhd";
	static const uint64_t seconds[] = {1, 60, 3600, 86400};
	size_t len = strlen(text);
	const char *unit = len == 0 ? NULL : strchr(units, text[len - 1]);
	uint64_t factor = unit == NULL ? 1 : seconds[unit - units];
	uint64_t v;

	if (whole(&v, text, text + len - (unit != NULL),
		  CDX_SPAN_MAX / factor) < 0)
		return -EINVAL;
	*out = v * factor;
	return 0;
}

int cdx_date_parse(int64_t *out, const char *text)
{
	struct tm tm = {0};
	struct tm back;
	char again[16];
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	uint64_t v;
	time_t t;

	if (whole(&v, text, text + strlen(text), INT64_MAX) == 0) {
		*out = (int64_t)v;
		return 0;
	}
	if (end == NULL || *end != '\0')
		return -EINVAL;
	t = timegm(&tm);
	/* 31 February is the third of March; forms like 2027-1-1 are none */
	if (t <= 0 || gmtime_r(&t, &back) == NULL ||
	    strftime(again, sizeof(again), "%Y-%m-%d", &back) == 0 ||
	    strcmp(again, text) != 0)
		return -EINVAL;
	*out = t;
	return 0;
}
