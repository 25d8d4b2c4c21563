/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_CODE_OPTS_H
#define CDX_CODEXFS_CODE_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "codexfs/cli.h"

/* --data, --parity, --codec: how segments and datasets are coded.  Their bits of
 * CLI_TAKES are the last. */
enum {
	CLI_OPT_DATA = CLI_OPT_OWN + 28,
	CLI_OPT_PARITY,
	CLI_OPT_CODEC,
};
/* clang-format off */
#define CLI_CODE_OPTIONS \
	{"data", required_argument, NULL, CLI_OPT_DATA},		\
	{"parity", required_argument, NULL, CLI_OPT_PARITY},		\
	{"codec", required_argument, NULL, CLI_OPT_CODEC}
/* clang-format on */
struct cli_code {
	uint32_t k;
	uint32_t m;
	uint32_t codec; /* enum cdx_ec_codec */
	bool has_k;
	bool has_m;
	bool has_codec;
};
/* One result of getopt_long.  -EINVAL: the user was told, or it is none of them.
 * Whether the numbers go together is cdx_ec_check's to say. */
CDX_MUST_CHECK int cli_code_option(struct cli_code *out, int opt);

#endif
