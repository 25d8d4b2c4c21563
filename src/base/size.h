/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_SIZE_H
#define CDX_BASE_SIZE_H

#include <stdint.h>

#include "base/attr.h"

/* "1.5G", "512M", "4096": bytes, binary units.  -EINVAL, -ERANGE. */
CDX_MUST_CHECK int cdx_size_parse(uint64_t *out, const char *text);

#endif
