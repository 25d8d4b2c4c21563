/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/conf_opts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int cli_conf_option(struct cli_conf *c, int opt)
{
	char why[CDX_CONF_WHY_MAX];
	enum cdx_conf_key key;
	int rc;

	if (opt == CLI_OPT_CONFIG) {
		c->file = optarg;
		return 1;
	}
	if (opt < CLI_OPT_CONF_KEY)
		return 0;
	key = (enum cdx_conf_key)(opt - CLI_OPT_CONF_KEY);
	/* --market and --validate alone */
	rc = cdx_conf_option(&c->options, key, optarg == NULL ? "yes" : optarg,
			     why);
	if (rc < 0) {
		cli_error("%s", why);
		return rc;
	}
	c->of_node = c->of_node || key >= CDX_CONF_LISTEN;
	return 1;
}

int cli_conf_load(struct cli_conf *c, const char *store, bool is_node,
		  char *why)
{
	char *file = NULL;
	int rc = cdx_conf_copy(&c->all, &c->options);

	why[0] = '\0';
	if (rc == 0)
		rc = cdx_conf_find(&file, c->file, store, why);
	if (rc > 0)
		rc = cdx_conf_read(&c->all, file, why);
	free(file);
	if (rc == 0 && is_node)
		rc = cdx_conf_node_defaults(&c->all);
	if (rc == 0)
		rc = cdx_conf_market(&c->all, &c->market, why);
	if (rc == 0)
		rc = cdx_conf_market_defaults(&c->all, &c->market);
	if (rc == 0)
		rc = cdx_conf_node(&c->all, &c->node, why);
	if (rc == 0)
		rc = cdx_conf_api(&c->all, &c->api, why);
	if (rc < 0) {
		cdx_conf_node_free(&c->node);
		memset(&c->market, 0, sizeof(c->market));
	}
	if (rc < 0 && why[0] == '\0')
		snprintf(why, CDX_CONF_WHY_MAX, "%s", cdx_strerror(rc));
	return rc;
}

void cli_conf_free(struct cli_conf *c)
{
	cdx_conf_free(&c->options);
	cdx_conf_free(&c->all);
	cdx_conf_node_free(&c->node);
	cdx_conf_api_free(&c->api);
	memset(c, 0, sizeof(*c));
}

static const char *text(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s == NULL ? "" : s;
}

void cli_conf_print(const json_t *values)
{
	const char *section = "";
	json_t *v;
	size_t i;

	json_array_foreach(values, i, v)
	{
		const char *own = text(v, "section");

		if (!json_is_string(json_object_get(v, "value")))
			continue;
		if (strcmp(section, own) != 0)
			printf("[%s]\n", own);
		section = own;
		printf("%s = ", text(v, "key"));
		cli_print_text(text(v, "value"));
		printf("\t# ");
		cli_print_text(text(v, "from"));
		putchar('\n');
	}
}
