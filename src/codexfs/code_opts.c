/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codexfs/code_opts.h"

#include <errno.h>
#include <stdio.h>

#include "erasure/codec.h"

/* Tells which names there are */
static int no_codec(const char *text)
{
	char names[256] = "";
	size_t len = 0;

	for (uint32_t i = CDX_EC_LEOPARD + 1; i < CDX_EC_CODECS; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
					"%s%s", len == 0 ? "" : ", ",
					cdx_ec_name(i));
	cli_error("--codec takes one of %s; not %s", names, text);
	return -EINVAL;
}

static int code_number(uint32_t *out, bool *has, const char *name)
{
	uint64_t v;

	if (cli_number(&v, optarg, 0, 1000000) < 0) {
		cli_error("--%s takes a whole number, not %s", name, optarg);
		return -EINVAL;
	}
	*out = (uint32_t)v;
	*has = true;
	return 0;
}

int cli_code_option(struct cli_code *out, int opt)
{
	int codec;

	switch (opt) {
	case CLI_OPT_DATA:
		return code_number(&out->k, &out->has_k, "data");
	case CLI_OPT_PARITY:
		return code_number(&out->m, &out->has_m, "parity");
	case CLI_OPT_CODEC:
		codec = cdx_ec_by_name(optarg);
		/* Leopard's parity is known, but not made here */
		if (codec < 0 || codec == CDX_EC_LEOPARD)
			return no_codec(optarg);
		out->codec = (uint32_t)codec;
		out->has_codec = true;
		return 0;
	default:
		return -EINVAL;
	}
}
