/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "node/conf.h"

json_t *cdx_api_conf_json(const struct cdx_conf *conf, const char *section)
{
	json_t *list = json_array();
	struct cdx_conf_shown v;
	int rc = list == NULL ? -1 : 0;

	for (unsigned i = 0; i < CDX_CONF_KEYS && rc == 0; i++) {
		rc = cdx_conf_show(conf, i, &v);
		if (rc < 0)
			break;
		if (section == NULL || strcmp(section, v.section) == 0)
			rc = json_array_append_new(
				list,
				json_pack("{s:s, s:s, s:s?, s:s}", "section",
					  v.section, "key", v.name, "value",
					  v.text, "from", v.from));
		free(v.text);
	}
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}
