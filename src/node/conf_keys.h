/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CONF_KEYS_H
#define CDX_NODE_CONF_KEYS_H

#include <stdbool.h>

#include "base/attr.h"
#include "node/conf.h"

/* The table of keys; for conf.c alone. */
struct cdx_conf_def {
	const char *section;
	const char *name;
	const char *fallback; /* value when it is not set, or NULL */
	bool gathers;	      /* may be set often */
	bool is_path;	      /* or the fallback */
	/* Takes what it means; -EINVAL with what it should be in @why (no file,
	 * no line), -ENOMEM */
	int (*read)(struct cdx_conf_chain *out, const char *text,
		    char why[CDX_CONF_WHY_MAX]);
};

/* By enum cdx_conf_key */
extern const struct cdx_conf_def cdx_conf_keys[CDX_CONF_KEYS];

#endif
