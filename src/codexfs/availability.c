/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/size.h"
#include "base/when.h"
#include "codexfs/market_util.h"

static const char help[] =
	"Usage: codexfs availability add --size SIZE --price UNITS\n"
	"                                --collateral TOKENS [options]\n"
	"       codexfs availability ls [options]\n"
	"       codexfs availability set [options] ID\n"
	"\n"
	"Space of a store that is offered to others for tokens.  A process that has\n"
	"the store open and provides takes changes up at once; in a store that no\n"
	"process has they wait for it.  What is hosted already stays as it is.\n"
	"\n"
	"  --size SIZE           bytes, or with K, M, G, T\n"
	"  --price UNITS         least that is taken for a byte and second, of the\n"
	"                        token's smallest units\n"
	"  --collateral TOKENS   most that is risked for all of it together\n"
	"  --max-duration TIME   longest request that is taken: 90, 15m, 12h, 30d\n"
	"                        (add: 30d)\n"
	"  --until DATE          none that ends later: 2027-12-31, seconds since\n"
	"                        1970, or 0 for no end\n"
	"  --enabled yes|no      no: nothing new is taken\n"
	"  --units raw|token     --collateral is in the token's smallest units\n"
	"                        (default: token, with a point)\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

enum {
	OPT_JSON = CLI_OPT_OWN,
	OPT_SIZE,
	OPT_PRICE,
	OPT_COLLATERAL,
	OPT_MAX_DURATION,
	OPT_UNTIL,
	OPT_ENABLED,
	OPT_UNITS,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{"size", required_argument, NULL, OPT_SIZE},
	{"price", required_argument, NULL, OPT_PRICE},
	{"collateral", required_argument, NULL, OPT_COLLATERAL},
	{"max-duration", required_argument, NULL, OPT_MAX_DURATION},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"enabled", required_argument, NULL, OPT_ENABLED},
	{"units", required_argument, NULL, OPT_UNITS},
	{0},
};

#define DEFAULT_DURATION UINT64_C(2592000)

struct args {
	struct cli_common common;
	uint32_t given; /* CLI_TAKES bits */
	uint64_t size;
	const char *price;
	const char *collateral;
	uint64_t duration;
	int64_t until;
	bool enabled;
	bool raw;
	bool as_json;
	const char *id;
};

#define VALUES                                                     \
	(CLI_TAKES(OPT_SIZE) | CLI_TAKES(OPT_PRICE) |              \
	 CLI_TAKES(OPT_COLLATERAL) | CLI_TAKES(OPT_MAX_DURATION) | \
	 CLI_TAKES(OPT_UNTIL) | CLI_TAKES(OPT_ENABLED))

/* ---- for people ---- */

static void print_one(const json_t *a, const json_t *token)
{
	char collateral[MARKET_AMOUNT_MAX];
	char left[MARKET_AMOUNT_MAX];
	char total[32];
	char used[32];
	char span[32];
	char until[32];

	cli_bytes(total, (uint64_t)market_number(a, "totalSize"));
	cli_bytes(used, (uint64_t)(market_number(a, "totalSize") -
				   market_number(a, "freeSize")));
	market_span(span, (unsigned long long)market_number(a, "duration"));
	market_time(until, market_number(a, "until"), "no end");
	market_amount(collateral, a, "totalCollateral", token);
	market_amount(left, a, "totalRemainingCollateral", token);
	printf("%s%s\n", chain_text(a, "id"),
	       json_is_false(json_object_get(a, "enabled")) ? "  DISABLED"
							    : "");
	printf("  %-16s%s, %s of it in use\n", "size", total, used);
	printf("  %-16s%s units a byte and second at least\n", "price",
	       chain_text(a, "minPricePerBytePerSecond"));
	printf("  %-16s%s, %s of it free\n", "collateral", collateral, left);
	printf("  %-16s%s at most, until: %s\n", "requests", span, until);
}

static int told(const struct args *a, struct cdx_client *c, int rc, json_t *j,
		const char *what)
{
	json_t *token = NULL;

	if (rc < 0)
		return cli_fail(what, rc, j);
	if (a->as_json) {
		cli_print_json(json_incref(j));
		return 0;
	}
	/* without a chain amounts are in units */
	if (cdx_client_json(c, &token, "GET", "/control/v1/market/token") < 0) {
		json_decref(token);
		token = NULL;
	}
	print_one(j, token);
	json_decref(token);
	return 0;
}

/* ---- subcommands ---- */

static int ls(struct args *a, struct cdx_client *c)
{
	json_t *j = NULL;
	const json_t *list;
	int rc = cdx_client_json(c, &j, "GET",
				 "/control/v1/market/availability");
	int status = 0;
	json_t *one;
	size_t i;

	list = json_object_get(j, "availabilities");
	if (rc < 0)
		status = cli_fail("list what is offered", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else if (json_array_size(list) == 0)
		puts("nothing is offered");
	else
		json_array_foreach(list, i, one)
			print_one(one, json_object_get(j, "token"));
	json_decref(j);
	return status;
}

/* The amount of --collateral in smallest units; 0 or the exit status */
static int collateral(const struct args *a, struct cdx_client *c,
		      char out[CDX_U256_TEXT_MAX])
{
	struct cdx_u256 v;
	unsigned decimals = 0;
	int status = a->raw ? 0 : market_decimals(c, &decimals);
	int rc;

	if (status != 0)
		return status;
	rc = a->raw ? cdx_u256_parse(&v, a->collateral)
		    : cdx_u256_parse_units(&v, a->collateral, decimals);
	if (rc < 0 || cdx_u256_is_zero(&v)) {
		cli_error("--collateral takes %s above 0, not %s",
			  a->raw ? "a whole number of smallest units"
				 : "a number of tokens",
			  a->collateral);
		return CLI_USAGE;
	}
	cdx_u256_dec(out, &v);
	return 0;
}

/* A query of what was given */
static int query(const struct args *a, struct cdx_client *c, char *out,
		 size_t cap)
{
	char units[CDX_U256_TEXT_MAX];
	size_t len = (size_t)snprintf(out, cap, "?");
	int status;

	if ((a->given & CLI_TAKES(OPT_SIZE)) != 0)
		len += (size_t)snprintf(out + len, cap - len, "size=%llu&",
					(unsigned long long)a->size);
	if ((a->given & CLI_TAKES(OPT_PRICE)) != 0)
		len += (size_t)snprintf(out + len, cap - len, "price=%s&",
					a->price);
	if ((a->given & CLI_TAKES(OPT_MAX_DURATION)) != 0)
		len += (size_t)snprintf(out + len, cap - len, "duration=%llu&",
					(unsigned long long)a->duration);
	if ((a->given & CLI_TAKES(OPT_UNTIL)) != 0)
		len += (size_t)snprintf(out + len, cap - len, "until=%lld&",
					(long long)a->until);
	if ((a->given & CLI_TAKES(OPT_ENABLED)) != 0)
		len += (size_t)snprintf(out + len, cap - len, "enabled=%d&",
					a->enabled);
	if ((a->given & CLI_TAKES(OPT_COLLATERAL)) != 0) {
		status = collateral(a, c, units);
		if (status != 0)
			return status;
		snprintf(out + len, cap - len, "collateral=%s", units);
	}
	return 0;
}

static int change(struct args *a, struct cdx_client *c, const char *what)
{
	char values[512];
	char path[700];
	json_t *j = NULL;
	int status = query(a, c, values, sizeof(values));
	int rc;

	if (status != 0)
		return status;
	snprintf(path, sizeof(path), "/control/v1/market/availability%s%s%s",
		 a->id != NULL ? "/" : "", a->id != NULL ? a->id : "", values);
	rc = cdx_client_json(c, &j, "POST", path);
	status = told(a, c, rc, j, what);
	json_decref(j);
	return status;
}

static int add(struct args *a, struct cdx_client *c)
{
	if ((a->given & CLI_TAKES(OPT_MAX_DURATION)) == 0)
		a->duration = DEFAULT_DURATION;
	a->given |= CLI_TAKES(OPT_MAX_DURATION);
	return change(a, c, "offer space");
}

static int set(struct args *a, struct cdx_client *c)
{
	uint8_t id[32];
	const char *hex = a->id;

	if ((a->given & VALUES) == 0) {
		cli_error("what is to be changed?  (try --help)");
		return CLI_USAGE;
	}
	if (strncmp(hex, "0x", 2) == 0)
		hex += 2;
	if (cdx_unhex(id, sizeof(id), hex) < 0) {
		cli_error("%s is no id of an availability: 64 hex digits",
			  a->id);
		return CLI_USAGE;
	}
	return change(a, c, "change what is offered");
}

static const struct command {
	const char *name;
	int (*fn)(struct args *a, struct cdx_client *c);
	int n_args;
	uint32_t takes;
	uint32_t needs;
} commands[] = {
	{"add", add, 0, VALUES | CLI_TAKES(OPT_UNITS) | CLI_TAKES(OPT_JSON),
	 CLI_TAKES(OPT_SIZE) | CLI_TAKES(OPT_PRICE) |
		 CLI_TAKES(OPT_COLLATERAL)},
	{"ls", ls, 0, CLI_TAKES(OPT_JSON), 0},
	{"set", set, 1, VALUES | CLI_TAKES(OPT_UNITS) | CLI_TAKES(OPT_JSON), 0},
};

/* ---- options ---- */

static int option(struct args *a, int opt)
{
	switch (opt) {
	case OPT_JSON:
		a->as_json = true;
		return 0;
	case OPT_SIZE:
		if (cdx_size_parse(&a->size, optarg) == 0 && a->size > 0)
			return 0;
		cli_error("--size takes a size above 0, like 100G, not %s",
			  optarg);
		return -EINVAL;
	case OPT_PRICE:
		return market_price_option(&a->price, "price", optarg);
	case OPT_COLLATERAL:
		a->collateral = optarg;
		return 0;
	case OPT_MAX_DURATION:
		return market_span_option(&a->duration, "max-duration", optarg);
	case OPT_UNTIL:
		if (cdx_date_parse(&a->until, optarg) == 0)
			return 0;
		cli_error("--until takes a date like 2027-12-31, seconds since "
			  "1970, or 0 for no end, not %s",
			  optarg);
		return -EINVAL;
	case OPT_ENABLED:
		a->enabled = strcmp(optarg, "yes") == 0;
		if (a->enabled || strcmp(optarg, "no") == 0)
			return 0;
		cli_error("--enabled takes yes or no, not %s", optarg);
		return -EINVAL;
	case OPT_UNITS:
		a->raw = strcmp(optarg, "raw") == 0;
		if (a->raw || strcmp(optarg, "token") == 0)
			return 0;
		cli_error("--units takes raw or token, not %s", optarg);
		return -EINVAL;
	default:
		return -EINVAL;
	}
}

static int dispatch(struct args *a, int argc, char **argv)
{
	const struct command *cmd = NULL;
	struct cdx_client c;
	int status;

	for (size_t i = 0; i < CDX_ARRAY_LEN(commands) && cmd == NULL; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			cmd = &commands[i];
	if (cmd == NULL) {
		cli_error("unknown availability verb: %s (try --help)",
			  argv[0]);
		return CLI_USAGE;
	}
	if (cli_check_options(options, "availability", cmd->name, a->given,
			      cmd->takes, cmd->needs) < 0)
		return CLI_USAGE;
	if (argc - 1 != cmd->n_args) {
		cli_error("availability %s takes %s (try --help)", cmd->name,
			  cmd->n_args == 0 ? "no arguments" : "an id");
		return CLI_USAGE;
	}
	a->id = cmd->n_args > 0 ? argv[1] : NULL;
	status = cli_client(&c, &a->common, NULL);
	if (status != 0)
		return status;
	status = cmd->fn(a, &c);
	return cli_client_close(&c, status);
}

int verb_availability(int argc, char **argv)
{
	struct args a = {0};
	int opt;

	cli_common_init(&a.common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (cli_common_option(&a.common, opt, help) != 0)
			continue;
		if (option(&a, opt) < 0)
			return CLI_USAGE;
		a.given |= CLI_TAKES(opt);
	}
	if (optind >= argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	return dispatch(&a, argc - optind, argv + optind);
}
