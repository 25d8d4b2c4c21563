/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static const char help[] =
	"Usage: codexfs chain info [options]        endpoints, head, marketplace\n"
	"       codexfs chain accounts [options]    our accounts and what they have\n"
	"       codexfs chain balance [options] [ADDRESS]\n"
	"       codexfs chain send-token [options] ADDRESS AMOUNT\n"
	"       codexfs chain config [options]      the configuration in effect\n"
	"       codexfs chain deploy [options]      contracts of one's own\n"
	"\n"
	"With a store (or mount point) that a process has open, that process is\n"
	"asked, with its configuration; with another store its words have the\n"
	"accounts; without one, --account names a key file, and nothing is\n"
	"remembered of transactions.\n"
	"\n"
	"  --json                print JSON\n"
	"  --yes                 send-token, deploy: do not ask\n"
	"  --units raw|token     send-token: AMOUNT is in the token's smallest units\n"
	"                        (default: token, with a point)\n"
	"  --check               config: is it right, and the account readable?\n"
	"  --config FILE         the configuration (default: $CODEXFS_CONFIG,\n"
	"                        STORE/codexfs.conf, " CDX_CONF_SYSTEM ")\n"
	"\n"
	"In place of what the configuration says (codexfs.conf(5)):\n"
	"  --rpc URL             an endpoint; may be given several times\n"
	"  --chain-id N          what the endpoints must say\n"
	"  --marketplace ADDRESS\n"
	"  --token ADDRESS       deploy: use this token, do not make one\n"
	"  --verifier ADDRESS    deploy: use this one, do not make one\n"
	"  --account words|FILE  a keystore or raw key file\n"
	"  --account-password-file FILE\n"
	"  --confirmations N     blocks until a transaction counts\n"
	"  --poll-ms N           how often the head is asked for\n"
	"  --max-fee GWEI        most that a gas may cost\n"
	"  --tip GWEI            for the block's maker, a gas\n"
	"  --zkey-hash HEX       what the marketplace's proving key must be\n"
	"\n"
	"deploy:\n"
	"  -o, --output FILE     write a configuration for what was made\n"
	"  --zkey FILE           the proving key (default: that of the store)\n"
	"  --verification-key FILE   its verification key, where there is no .zkey\n"
	"                        here; --zkey-hash then names the key\n"
	"  --contracts DIR       compiled contracts (default: " CDX_CONTRACTS_DIR
	")\n"
	"  --development         take a development key, whose maker can forge proofs\n"
	"  --period S            seconds of a proof's period (120)\n"
	"  --timeout S           seconds after it to mark a missing one in (30)\n"
	"  --downtime N          blocks of a period in which no proof is wanted (64)\n"
	"  --downtime-product N  a prime near it (67)\n"
	"  --repair-reward N     percent of the collateral, for who fills again (10)\n"
	"  --max-slashes N       misses until a slot is freed (2)\n"
	"  --slash N             percent of the collateral for a miss (20)\n"
	"  --validator-reward N  percent of a slash for who marked it (20)\n"
	"  --max-reservations N  hosts for a slot (3)\n"
	"  --duration-limit S    longest request (2592000)\n" CLI_COMMON_HELP;

enum {
	OPT_JSON = CLI_OPT_OWN,
	OPT_YES,
	OPT_UNITS,
	OPT_CHECK,
	OPT_ZKEY,
	OPT_VK,
	OPT_CONTRACTS,
	OPT_DEVELOPMENT,
	OPT_PERIOD,
	OPT_TIMEOUT,
	OPT_DOWNTIME,
	OPT_DOWNTIME_PRODUCT,
	OPT_REPAIR_REWARD,
	OPT_MAX_SLASHES,
	OPT_SLASH,
	OPT_VALIDATOR_REWARD,
	OPT_MAX_RESERVATIONS,
	OPT_DURATION_LIMIT,
	OPT_CONFIG = CLI_OPT_SHARED,
	OPT_CONF_KEY, /* and the keys after it */
};

#define CONF_OPT(key) (OPT_CONF_KEY + (int)(key))

/* a table, one option on a line */
/* clang-format off */
static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"output", required_argument, NULL, 'o'},
	{"json", no_argument, NULL, OPT_JSON},
	{"yes", no_argument, NULL, OPT_YES},
	{"units", required_argument, NULL, OPT_UNITS},
	{"check", no_argument, NULL, OPT_CHECK},
	{"zkey", required_argument, NULL, OPT_ZKEY},
	{"verification-key", required_argument, NULL, OPT_VK},
	{"contracts", required_argument, NULL, OPT_CONTRACTS},
	{"development", no_argument, NULL, OPT_DEVELOPMENT},
	{"period", required_argument, NULL, OPT_PERIOD},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"downtime", required_argument, NULL, OPT_DOWNTIME},
	{"downtime-product", required_argument, NULL, OPT_DOWNTIME_PRODUCT},
	{"repair-reward", required_argument, NULL, OPT_REPAIR_REWARD},
	{"max-slashes", required_argument, NULL, OPT_MAX_SLASHES},
	{"slash", required_argument, NULL, OPT_SLASH},
	{"validator-reward", required_argument, NULL, OPT_VALIDATOR_REWARD},
	{"max-reservations", required_argument, NULL, OPT_MAX_RESERVATIONS},
	{"duration-limit", required_argument, NULL, OPT_DURATION_LIMIT},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"rpc", required_argument, NULL, CONF_OPT(CDX_CONF_RPC)},
	{"chain-id", required_argument, NULL, CONF_OPT(CDX_CONF_CHAIN_ID)},
	{"marketplace", required_argument, NULL, CONF_OPT(CDX_CONF_MARKETPLACE)},
	{"token", required_argument, NULL, CONF_OPT(CDX_CONF_TOKEN)},
	{"verifier", required_argument, NULL, CONF_OPT(CDX_CONF_VERIFIER)},
	{"account", required_argument, NULL, CONF_OPT(CDX_CONF_ACCOUNT)},
	{"account-password-file", required_argument, NULL, CONF_OPT(CDX_CONF_PASSWORD_FILE)},
	{"confirmations", required_argument, NULL, CONF_OPT(CDX_CONF_CONFIRMATIONS)},
	{"poll-ms", required_argument, NULL, CONF_OPT(CDX_CONF_POLL_MS)},
	{"max-fee", required_argument, NULL, CONF_OPT(CDX_CONF_MAX_FEE)},
	{"tip", required_argument, NULL, CONF_OPT(CDX_CONF_TIP)},
	{"zkey-hash", required_argument, NULL, CONF_OPT(CDX_CONF_ZKEY_HASH)},
	{0},
};
/* clang-format on */

#define DEPLOY_VALUES                                                \
	(CLI_TAKES(OPT_PERIOD) | CLI_TAKES(OPT_TIMEOUT) |            \
	 CLI_TAKES(OPT_DOWNTIME) | CLI_TAKES(OPT_DOWNTIME_PRODUCT) | \
	 CLI_TAKES(OPT_REPAIR_REWARD) | CLI_TAKES(OPT_MAX_SLASHES) | \
	 CLI_TAKES(OPT_SLASH) | CLI_TAKES(OPT_VALIDATOR_REWARD) |    \
	 CLI_TAKES(OPT_MAX_RESERVATIONS) | CLI_TAKES(OPT_DURATION_LIMIT))

static const struct command {
	const char *name;
	int (*fn)(struct chain_args *a);
	int min_args;
	int max_args;
	uint32_t takes; /* CLI_TAKES bits beside the shared options */
} commands[] = {
	{"info", chain_info, 0, 0, CLI_TAKES(OPT_JSON)},
	{"accounts", chain_accounts, 0, 0, CLI_TAKES(OPT_JSON)},
	{"balance", chain_balance, 0, 1, CLI_TAKES(OPT_JSON)},
	{"send-token", chain_send_token, 2, 2,
	 CLI_TAKES(OPT_JSON) | CLI_TAKES(OPT_YES) | CLI_TAKES(OPT_UNITS)},
	{"config", chain_config, 0, 0,
	 CLI_TAKES(OPT_JSON) | CLI_TAKES(OPT_CHECK)},
	{"deploy", chain_deploy, 0, 0,
	 CLI_TAKES('o') | CLI_TAKES(OPT_JSON) | CLI_TAKES(OPT_YES) |
		 CLI_TAKES(OPT_ZKEY) | CLI_TAKES(OPT_VK) |
		 CLI_TAKES(OPT_CONTRACTS) | CLI_TAKES(OPT_DEVELOPMENT) |
		 DEPLOY_VALUES},
};

/* ---- options ---- */

static int number(uint64_t *out, const char *name, uint64_t min, uint64_t max)
{
	if (cli_number(out, optarg, min, max) == 0)
		return 0;
	cli_error("--%s takes a number from %llu to %llu, not %s", name,
		  (unsigned long long)min, (unsigned long long)max, optarg);
	return -EINVAL;
}

static int byte(uint8_t *out, const char *name, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (number(&v, name, min, max) < 0)
		return -EINVAL;
	*out = (uint8_t)v;
	return 0;
}

/* Values of the marketplace: the bounds of its constructor that one number
 * shows; the others are the constructor's to say. */
static int market_option(struct cdx_market_config *m, int opt)
{
	switch (opt) {
	case OPT_PERIOD:
		return number(&m->period, "period", 1, INT64_MAX);
	case OPT_TIMEOUT:
		return number(&m->timeout, "timeout", 0, INT64_MAX);
	case OPT_DOWNTIME:
		return byte(&m->downtime, "downtime", 0, UINT8_MAX);
	case OPT_DOWNTIME_PRODUCT:
		return byte(&m->downtime_product, "downtime-product", 0,
			    UINT8_MAX);
	case OPT_REPAIR_REWARD:
		return byte(&m->repair_reward, "repair-reward", 0, 100);
	case OPT_MAX_SLASHES:
		return byte(&m->max_slashes, "max-slashes", 0, UINT8_MAX);
	case OPT_SLASH:
		return byte(&m->slash, "slash", 0, 100);
	case OPT_VALIDATOR_REWARD:
		return byte(&m->validator_reward, "validator-reward", 0, 100);
	case OPT_MAX_RESERVATIONS:
		return byte(&m->max_reservations, "max-reservations", 1,
			    UINT8_MAX);
	case OPT_DURATION_LIMIT:
		return number(&m->duration_limit, "duration-limit", 1,
			      INT64_MAX);
	default:
		return -EINVAL;
	}
}

static int conf_option(struct chain_args *a, enum cdx_conf_key key)
{
	char why[CDX_CONF_WHY_MAX];
	int rc = cdx_conf_option(&a->conf, key, optarg, why);

	if (rc < 0)
		cli_error("%s", why);
	return rc;
}

static int option(struct chain_args *a, int opt)
{
	if (opt >= OPT_CONF_KEY)
		return conf_option(a, (enum cdx_conf_key)(opt - OPT_CONF_KEY));
	switch (opt) {
	case OPT_CONFIG:
		a->conf_file = optarg;
		return 0;
	case 'o':
		a->output = optarg;
		return 0;
	case OPT_JSON:
		a->as_json = true;
		return 0;
	case OPT_YES:
		a->yes = true;
		return 0;
	case OPT_UNITS:
		a->raw = strcmp(optarg, "raw") == 0;
		if (a->raw || strcmp(optarg, "token") == 0)
			return 0;
		cli_error("--units takes raw or token, not %s", optarg);
		return -EINVAL;
	case OPT_CHECK:
		a->check = true;
		return 0;
	case OPT_ZKEY:
		a->zkey = optarg;
		return 0;
	case OPT_VK:
		a->vk = optarg;
		return 0;
	case OPT_CONTRACTS:
		a->contracts = optarg;
		return 0;
	case OPT_DEVELOPMENT:
		a->development = true;
		return 0;
	default:
		return market_option(&a->market, opt);
	}
}

static int dispatch(struct chain_args *a, uint32_t given, int argc, char **argv)
{
	const struct command *cmd = NULL;

	for (size_t i = 0; i < CDX_ARRAY_LEN(commands) && cmd == NULL; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			cmd = &commands[i];
	if (cmd == NULL) {
		cli_error("unknown chain verb: %s (try --help)", argv[0]);
		return CLI_USAGE;
	}
	if (cli_check_options(options, "chain", cmd->name, given, cmd->takes,
			      0) < 0)
		return CLI_USAGE;
	a->n_args = argc - 1;
	if (a->n_args < cmd->min_args || a->n_args > cmd->max_args) {
		cli_error("chain %s takes %s (try --help)", cmd->name,
			  cmd->max_args == 0   ? "no arguments"
			  : cmd->max_args == 1 ? "at most one address"
					       : "an address and an amount");
		return CLI_USAGE;
	}
	for (int i = 0; i < a->n_args; i++)
		a->arg[i] = argv[i + 1];
	return cmd->fn(a);
}

int verb_chain(int argc, char **argv)
{
	/* Codex's own values (spec/marketplace.md 1.2) */
	struct chain_args a = {.market = {.repair_reward = 10,
					  .max_slashes = 2,
					  .slash = 20,
					  .validator_reward = 20,
					  .period = 120,
					  .timeout = 30,
					  .downtime = 64,
					  .downtime_product = 67,
					  .max_reservations = 3,
					  .duration_limit = 2592000}};
	uint32_t given = 0;
	int status = 0;
	int opt;

	cli_common_init(&a.common);
	while (status == 0 &&
	       (opt = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (cli_common_option(&a.common, opt, help) != 0)
			continue;
		if (option(&a, opt) < 0)
			status = CLI_USAGE;
		else if (opt < CLI_OPT_SHARED)
			given |= CLI_TAKES(opt);
	}
	if (status == 0 && optind >= argc) {
		fputs(help, stderr);
		status = CLI_USAGE;
	}
	if (status == 0)
		status = dispatch(&a, given, argc - optind, argv + optind);
	cdx_conf_free(&a.conf);
	return status;
}

/* ---- shared ---- */

/* Does an option say anything that a configuration says? */
static const char *first_said(const struct chain_args *a)
{
	if (a->conf_file != NULL)
		return "--config";
	for (unsigned i = 0; i < CDX_CONF_KEYS; i++)
		if (a->conf.value[i].text != NULL)
			return a->conf.value[i].from;
	return NULL;
}

int chain_open(struct cdx_client *out, struct chain_args *a, bool own)
{
	const char *said = first_said(a);
	int status;
	int rc;

	a->common.node.conf = &a->conf;
	a->common.node.conf_file = a->conf_file;
	if (a->common.store == NULL || a->common.store[0] == '\0') {
		rc = cdx_client_open_chain(out, &a->common.node);
		if (rc < 0)
			cli_error("%s", cdx_strerror(rc));
		return cdx_err_exit(rc);
	}
	status = cli_client(out, &a->common, NULL);
	if (status != 0 || out->socket == NULL || (!own && said == NULL))
		return status;
	cli_error("%s is in use by a process with a configuration of its own, "
		  "so that %s cannot be had; unmount it first, or name no "
		  "store and give --account",
		  out->store, own ? "this" : said);
	return cli_client_close(out, cdx_err_exit(CDX_E_LOCKED));
}

bool chain_confirm(const struct chain_args *a, const char *question)
{
	char line[16] = "";

	if (a->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		cli_error("%s  There is no terminal to ask on; --yes does it "
			  "without",
			  question);
		return false;
	}
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(line, sizeof(line), stdin) != NULL &&
	    (strcasecmp(line, "y\n") == 0 || strcasecmp(line, "yes\n") == 0))
		return true;
	cli_error("nothing was sent");
	return false;
}

void chain_on_wait(void *arg CDX_UNUSED, json_t *line)
{
	const char *phase = chain_text(line, "phase");

	if (phase[0] != '\0')
		cli_progress(phase, 0, 0, false);
}

const char *chain_text(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	return text == NULL ? "" : text;
}

void chain_amount(char out[CHAIN_AMOUNT_MAX], const json_t *j, const char *name,
		  unsigned decimals)
{
	struct cdx_u256 v;

	if (cdx_u256_parse(&v, chain_text(j, name)) < 0)
		snprintf(out, CHAIN_AMOUNT_MAX, "?");
	else
		cdx_u256_units(out, &v, decimals);
}
