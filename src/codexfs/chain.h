/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_CHAIN_H
#define CDX_CODEXFS_CHAIN_H

#include <stdbool.h>

#include "codexfs/cli.h"
#include "eth/market.h"
#include "node/conf.h"

/* The verb `chain`, one function a subcommand.  Each returns the exit status. */

struct chain_args {
	struct cli_common common;
	struct cdx_conf conf; /* what options say of codexfs.conf */
	const char *conf_file;
	const char *arg[2]; /* without an option */
	int n_args;
	bool as_json;
	bool yes;
	bool raw; /* --units raw */
	bool check;
	/* deploy */
	bool development;
	const char *output;
	const char *vk;
	const char *zkey;
	const char *contracts;
	struct cdx_market_config market;
};

/* chain_show.c */
int chain_info(struct chain_args *a);
int chain_accounts(struct chain_args *a);
int chain_balance(struct chain_args *a);
int chain_config(struct chain_args *a);
/* chain_send.c */
int chain_send_token(struct chain_args *a);
/* chain_deploy.c */
int chain_deploy(struct chain_args *a);

/* ---- shared (chain.c) ---- */

/* The store's process, or the store, or without one the chain alone; tells what
 * is wrong.  @own: it must be this process.  0 or the exit status;
 * cli_client_close. */
CDX_MUST_CHECK int chain_open(struct cdx_client *out, struct chain_args *a,
			      bool own);
/* y or yes on the terminal; without one, tells that --yes is wanted */
bool chain_confirm(const struct chain_args *a, const char *question);
/* A progress line of a transaction on stderr; a cdx_client_line_fn */
void chain_on_wait(void *arg, json_t *line);
/* A member that is text, "" when it is not there */
const char *chain_text(const json_t *j, const char *name);
/* An amount that a member has in smallest units, as text with a point; @out
 * CHAIN_AMOUNT_MAX bytes */
#define CHAIN_AMOUNT_MAX (CDX_U256_TEXT_MAX + 2)
void chain_amount(char out[CHAIN_AMOUNT_MAX], const json_t *j, const char *name,
		  unsigned decimals);
/* Of ether */
#define CHAIN_WEI_DECIMALS 18u
#define CHAIN_GWEI_DECIMALS 9u

#endif
