/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "codexfs/chain.h"
#include "codexfs/conf_opts.h"

#define COLUMN "%-18s"

static long long number(const json_t *j, const char *name)
{
	return (long long)json_integer_value(json_object_get(j, name));
}

/* Tells what went wrong after what could be shown was shown */
static int told(int rc, const json_t *j, const char *what)
{
	return rc < 0 ? cli_fail(what, rc, j) : 0;
}

/* One GET, printed by @print or as JSON */
static int ask(struct chain_args *a, const char *path, const char *what,
	       void (*print)(const json_t *j))
{
	struct cdx_client c;
	json_t *j = NULL;
	int status = chain_open(&c, a, false);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_client_json(&c, &j, "GET", path);
	if (a->as_json && j != NULL)
		cli_print_json(json_incref(j));
	else if (j != NULL)
		print(j);
	status = told(rc, j, what);
	json_decref(j);
	return cli_client_close(&c, status);
}

/* ---- info ---- */

static void print_endpoint(const json_t *e)
{
	const char *why = chain_text(e, "error");

	printf(COLUMN, "endpoint");
	cli_print_text(chain_text(e, "url"));
	printf("  %s, %lld requests, %lld failed", chain_text(e, "state"),
	       number(e, "requests"), number(e, "failures"));
	if (why[0] != '\0') {
		fputs(": ", stdout);
		cli_print_text(why);
	}
	putchar('\n');
}

static void print_head(const json_t *j)
{
	const json_t *head = json_object_get(j, "head");
	char fee[CHAIN_AMOUNT_MAX];
	long long offset = number(j, "clockOffset");

	if (json_object_get(j, "chainId") != NULL &&
	    !json_is_null(json_object_get(j, "chainId")))
		printf(COLUMN "%lld\n", "chain id", number(j, "chainId"));
	if (!json_is_object(head))
		return;
	printf(COLUMN "%lld, confirmed %lld s ago\n", "head",
	       number(head, "number"), number(head, "age"));
	printf(COLUMN, "clock");
	if (offset == 0)
		puts("as ours");
	else
		printf("%lld s %s ours\n", llabs(offset),
		       offset > 0 ? "ahead of" : "behind");
	if (json_is_string(json_object_get(head, "baseFee"))) {
		chain_amount(fee, head, "baseFee", CHAIN_GWEI_DECIMALS);
		printf(COLUMN "%s gwei\n", "base fee", fee);
	}
}

static void print_zkey(const json_t *j)
{
	const json_t *z = json_object_get(j, "zkeyHash");
	const char *store = chain_text(z, "store");
	const char *configured = chain_text(z, "configured");

	printf(COLUMN, "proving key");
	cli_print_text(chain_text(z, "contract"));
	putchar('\n');
	printf(COLUMN "%s\n", "",
	       strcmp(store, "none") == 0
		       ? "no proving key here to compare it with"
	       : strcmp(store, "matches") == 0
		       ? "matches a proving key of this store"
		       : "DIFFERS from the proving keys of this store");
	if (strcmp(configured, "none") != 0)
		printf(COLUMN "%s zkey-hash of the configuration\n", "",
		       strcmp(configured, "matches") == 0 ? "matches"
							  : "DIFFERS from");
}

static void print_market(const json_t *j)
{
	const json_t *m = json_object_get(j, "marketplace");
	const json_t *c = json_object_get(m, "configuration");
	const json_t *token = json_object_get(m, "token");

	if (!json_is_object(m))
		return;
	printf(COLUMN "%s\n", "marketplace", chain_text(m, "address"));
	printf(COLUMN "%s, ", "token", chain_text(token, "address"));
	cli_print_text(chain_text(token, "symbol"));
	printf(", %lld decimals\n", number(token, "decimals"));
	printf(COLUMN
	       "every %lld s, may be marked as missing for %lld s more\n",
	       "proofs", number(c, "period"), number(c, "timeout"));
	printf(COLUMN "%lld blocks, product %lld\n", "downtime",
	       number(c, "downtime"), number(c, "downtimeProduct"));
	printf(COLUMN
	       "%lld %% of the collateral for a miss, %lld %% of that to "
	       "who marks it;\n" COLUMN
	       "%lld misses free the slot; %lld %% for its repair\n",
	       "slashing", number(c, "slash"), number(c, "validatorReward"), "",
	       number(c, "maxSlashes"), number(c, "repairReward"));
	printf(COLUMN "%lld hosts for a slot\n", "reservations",
	       number(c, "maxReservations"));
	printf(COLUMN "%lld s\n", "longest request",
	       number(c, "durationLimit"));
	print_zkey(j);
}

static void print_info(const json_t *j)
{
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(j, "endpoints"), i, e)
		print_endpoint(e);
	print_head(j);
	print_market(j);
}

int chain_info(struct chain_args *a)
{
	return ask(a, "/control/v1/chain/info", "tell about the chain",
		   print_info);
}

/* ---- accounts ---- */

static void print_funds(const json_t *one, const json_t *token)
{
	char amount[CHAIN_AMOUNT_MAX];
	long long nonce = number(one, "nonce");
	long long pending = number(one, "pending");

	if (json_object_get(one, "wei") == NULL)
		return;
	chain_amount(amount, one, "wei", CHAIN_WEI_DECIMALS);
	printf(COLUMN "%s\n", "  ether", amount);
	if (json_is_object(token) &&
	    json_is_string(json_object_get(one, "tokens"))) {
		chain_amount(amount, one, "tokens",
			     (unsigned)number(token, "decimals"));
		printf(COLUMN "%s ", "  tokens", amount);
		cli_print_text(chain_text(token, "symbol"));
		putchar('\n');
	}
	printf(COLUMN "%lld", "  transactions", nonce);
	if (pending > nonce)
		printf(", and %lld under way", pending - nonce);
	putchar('\n');
}

static void print_accounts(const json_t *j)
{
	const json_t *token = json_object_get(j, "token");
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(j, "accounts"), i, one)
	{
		printf(COLUMN "%s", chain_text(one, "role"),
		       chain_text(one, "address"));
		if (json_is_integer(json_object_get(one, "index")))
			printf("  m/44'/60'/0'/0/%lld", number(one, "index"));
		putchar('\n');
		print_funds(one, token);
	}
}

int chain_accounts(struct chain_args *a)
{
	return ask(a, "/control/v1/chain/accounts", "list the accounts",
		   print_accounts);
}

static void print_balance(const json_t *j)
{
	const char *address = chain_text(j, "address");

	if (address[0] == '\0')
		return;
	printf(COLUMN "%s\n", "account", address);
	print_funds(j, json_object_get(j, "token"));
}

int chain_balance(struct chain_args *a)
{
	char *escaped = NULL;
	char *path = NULL;
	int status = -1;

	if (a->n_args > 0)
		escaped = cdx_client_escape(a->arg[0]);
	if ((a->n_args > 0 && escaped == NULL) ||
	    asprintf(&path, "/control/v1/chain/balance%s%s",
		     escaped == NULL ? "" : "?address=",
		     escaped == NULL ? "" : escaped) < 0) {
		path = NULL;
		cli_error("%s", cdx_strerror(-ENOMEM));
	}
	if (path != NULL)
		status = ask(a, path, "tell the balance", print_balance);
	free(escaped);
	free(path);
	return status < 0 ? 1 : status;
}

/* ---- configuration ---- */

static void print_config(const json_t *j)
{
	cli_conf_print(json_object_get(j, "values"));
}

static void print_checked(const json_t *j)
{
	if (json_object_get(j, "error") != NULL)
		return;
	if (json_is_string(json_object_get(j, "file")))
		cli_print_text(chain_text(j, "file"));
	else
		fputs("there is no configuration file, and what options say",
		      stdout);
	puts(" is right");
}

int chain_config(struct chain_args *a)
{
	return a->check ? ask(a, "/control/v1/chain/config?check=1",
			      "use the configuration", print_checked)
			: ask(a, "/control/v1/chain/config",
			      "show the configuration", print_config);
}
