/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "codexfs/code_opts.h"
#include "codexfs/market_util.h"
#include "erasure/codec.h"

static const char help[] =
	"Usage: codexfs request [options] CID\n\n"
	"Pays others to store a dataset of the store: protects it when it is not\n"
	"protected yet, makes it public, posts the request, and waits until all of\n"
	"its slots are filled.  The process that has the store must buy (market = yes\n"
	"in codexfs.conf); what is not said here is as its configuration says.\n\n"
	"  --data K              data slots\n"
	"  --parity M            parity slots: as many may be lost\n"
	"  --codec NAME          how parity is made\n"
	"  --price UNITS         for a byte and second, of the token's smallest units\n"
	"  --collateral UNITS    that a host risks for a byte\n"
	"  --duration TIME       90, 15m, 12h, 30d\n"
	"  --expiry TIME         until when the slots must be filled\n"
	"  --proof-probability N one proof in so many periods\n"
	"  --no-wait             post it and print its id\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

enum {
	OPT_JSON = CLI_OPT_OWN,
	OPT_PRICE,
	OPT_COLLATERAL,
	OPT_DURATION,
	OPT_EXPIRY,
	OPT_PROBABILITY,
	OPT_NO_WAIT,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	CLI_CODE_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{"price", required_argument, NULL, OPT_PRICE},
	{"collateral", required_argument, NULL, OPT_COLLATERAL},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"expiry", required_argument, NULL, OPT_EXPIRY},
	{"proof-probability", required_argument, NULL, OPT_PROBABILITY},
	{"no-wait", no_argument, NULL, OPT_NO_WAIT},
	{0},
};

struct args {
	struct cli_common common;
	struct cli_code code;
	const char *price;
	const char *collateral;
	const char *probability;
	uint64_t duration; /* 0: not said */
	uint64_t expiry;   /* the same */
	bool no_wait;
	bool as_json;
};

static int option(struct args *a, int opt)
{
	switch (opt) {
	case OPT_JSON:
		a->as_json = true;
		return 0;
	case OPT_PRICE:
		return market_price_option(&a->price, "price", optarg);
	case OPT_COLLATERAL:
		return market_price_option(&a->collateral, "collateral",
					   optarg);
	case OPT_DURATION:
		return market_span_option(&a->duration, "duration", optarg);
	case OPT_EXPIRY:
		return market_span_option(&a->expiry, "expiry", optarg);
	case OPT_PROBABILITY:
		return market_price_option(&a->probability, "proof-probability",
					   optarg);
	case OPT_NO_WAIT:
		a->no_wait = true;
		return 0;
	default:
		return cli_code_option(&a->code, opt);
	}
}

/* "/control/v1/market/request/CID?...", malloc'd; NULL without memory */
static char *path_of(const struct args *a, const char *cid)
{
	char *escaped = cdx_client_escape(cid);
	struct cdx_buf b = {0};
	char part[128];
	const struct {
		const char *name;
		const char *value;
	} texts[] = {
		{"price", a->price},
		{"collateral", a->collateral},
		{"probability", a->probability},
		{"codec",
		 a->code.has_codec ? cdx_ec_name(a->code.codec) : NULL},
	};
	const struct {
		const char *name;
		uint64_t value;
		bool has;
	} numbers[] = {
		{"data", a->code.k, a->code.has_k},
		{"parity", a->code.m, a->code.has_m},
		{"duration", a->duration, a->duration > 0},
		{"expiry", a->expiry, a->expiry > 0},
		{"wait", !a->no_wait, true},
	};

	cdx_buf_put(&b, "/control/v1/market/request/", 27);
	if (escaped != NULL)
		cdx_buf_put(&b, escaped, strlen(escaped));
	else
		b.fail = true;
	cdx_buf_u8(&b, '?');
	for (size_t i = 0; i < CDX_ARRAY_LEN(numbers); i++) {
		if (!numbers[i].has)
			continue;
		snprintf(part, sizeof(part), "%s=%llu&", numbers[i].name,
			 (unsigned long long)numbers[i].value);
		cdx_buf_put(&b, part, strlen(part));
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(texts); i++) {
		if (texts[i].value == NULL)
			continue;
		snprintf(part, sizeof(part), "%s=%s&", texts[i].name,
			 texts[i].value);
		cdx_buf_put(&b, part, strlen(part));
	}
	cdx_buf_u8(&b, 0);
	free(escaped);
	if (cdx_buf_ok(&b) < 0)
		cdx_buf_free(&b);
	return (char *)b.p;
}

/* Bytes while it is protected, slots then */
static void on_line(void *arg, json_t *line)
{
	const char *phase = chain_text(line, "phase");

	if (strcmp(phase, "protecting") == 0)
		cli_on_progress(arg, line);
	else if (phase[0] != '\0')
		cli_progress(phase, (uint64_t)market_number(line, "done"),
			     (uint64_t)market_number(line, "total"), false);
}

static int run(struct cdx_client *c, const struct args *a, const char *cid)
{
	char *path = path_of(a, cid);
	json_t *j = NULL;
	int status = 0;
	int rc = path == NULL
			 ? -ENOMEM
			 : cdx_client_lines(c, &j, "POST", path, on_line, NULL);

	cli_progress_end();
	free(path);
	if (rc < 0)
		status = cli_fail("have the dataset stored", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else
		puts(chain_text(j, "id"));
	json_decref(j);
	return status;
}

int verb_request(int argc, char **argv)
{
	struct args a = {0};
	struct cdx_client c;
	int status;
	int opt;

	cli_common_init(&a.common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (cli_common_option(&a.common, opt, help) == 0 &&
		    option(&a, opt) < 0)
			return CLI_USAGE;
	if (optind + 1 != argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	status = cli_client(&c, &a.common, NULL);
	if (status != 0)
		return status;
	status = run(&c, &a, argv[optind]);
	return cli_client_close(&c, status);
}
