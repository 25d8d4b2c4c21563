/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_WHEN_H
#define CDX_BASE_WHEN_H

#include <stdint.h>

#include "base/attr.h"

/* Times as people write them.  Pure. */

/* Longest time that is taken: ten years, in seconds */
#define CDX_SPAN_MAX UINT64_C(315360000)
/* "90", "90s", "15m", "12h", "30d": seconds, at most CDX_SPAN_MAX.  -EINVAL. */
CDX_MUST_CHECK int cdx_span_parse(uint64_t *out, const char *text);
/* "2027-12-31": its beginning (UTC); or seconds since 1970, from 0 on.  -EINVAL. */
CDX_MUST_CHECK int cdx_date_parse(int64_t *out, const char *text);

#endif
