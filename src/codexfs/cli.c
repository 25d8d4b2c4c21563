/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

void cli_error(const char *fmt, ...)
{
	va_list ap;

	fputs("codexfs: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void cli_common_init(struct cli_common *c)
{
	memset(c, 0, sizeof(*c));
	c->store = getenv("CODEXFS_STORE");
	if (c->store != NULL && c->store[0] == '\0')
		c->store = NULL;
	cdx_log_init(&c->log, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	c->node.log = &c->log;
}

int cli_common_option(struct cli_common *c, int opt, const char *help)
{
	int level;

	switch (opt) {
	case 'h':
		fputs(help, stdout);
		exit(0);
	case '?':
		fputs("Try --help.\n", stderr);
		exit(CLI_USAGE);
	case CLI_OPT_STORE:
		c->store = optarg;
		return 1;
	case CLI_OPT_KEY:
		c->node.key_file = optarg;
		return 1;
	case CLI_OPT_PASSWORD_FILE:
		c->node.password_file = optarg;
		return 1;
	case CLI_OPT_LOG_LEVEL:
		level = cdx_log_level_parse(optarg);
		if (level < 0) {
			cli_error("unknown log level: %s", optarg);
			exit(CLI_USAGE);
		}
		c->log.level = (enum cdx_log_level)level;
		return 1;
	default:
		return 0;
	}
}

int cli_check_options(const struct option *options, const char *verb,
		      const char *name, uint32_t given, uint32_t takes,
		      uint32_t needs)
{
	for (const struct option *o = options; o->name != NULL; o++) {
		if (o->val != 'o' &&
		    (o->val < CLI_OPT_OWN || o->val >= CLI_OPT_SHARED))
			continue;
		if ((given & ~takes & CLI_TAKES(o->val)) != 0) {
			cli_error("%s %s does not take --%s", verb, name,
				  o->name);
			return -EINVAL;
		}
		if ((needs & ~given & CLI_TAKES(o->val)) != 0) {
			cli_error("%s %s needs --%s (try --help)", verb, name,
				  o->name);
			return -EINVAL;
		}
	}
	return 0;
}

int cli_client(struct cdx_client *out, struct cli_common *c, const char *where)
{
	char error[CDX_NODE_ERROR_MAX];
	int rc;

	if (where == NULL)
		where = c->store;
	if (where == NULL) {
		cli_error("which store?  Name it, or give --store DIR or "
			  "CODEXFS_STORE");
		return CLI_USAGE;
	}
	rc = cdx_client_open(out, where, &c->node, error);
	if (rc < 0) {
		cli_error("%s", error[0] != '\0' ? error : cdx_strerror(rc));
		return cdx_err_exit(rc);
	}
	return 0;
}

int cli_client_close(struct cdx_client *c, int status)
{
	int rc = cdx_client_close(c);

	if (rc < 0) {
		cli_error("the last changes could not be written: %s",
			  cdx_strerror(rc));
		if (status == 0)
			status = cdx_err_exit(rc);
	}
	return status;
}

int cli_number(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
	char *end = NULL;
	unsigned long long v;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	if (errno != 0 || v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

void cli_bytes(char out[32], uint64_t bytes)
{
	static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	unsigned i = 0;

	while (v >= 1024.0 && i + 1 < CDX_ARRAY_LEN(units)) {
		v /= 1024.0;
		i++;
	}
	snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
}

static bool progress_shown;

void cli_progress(const char *phase, uint64_t done, uint64_t total,
		  bool unit_bytes)
{
	char a[32];
	char b[32];

	if (!isatty(STDERR_FILENO))
		return;
	progress_shown = true;
	if (unit_bytes) {
		cli_bytes(a, done);
		cli_bytes(b, total);
	} else {
		snprintf(a, sizeof(a), "%llu", (unsigned long long)done);
		snprintf(b, sizeof(b), "%llu", (unsigned long long)total);
	}
	if (total > 0)
		fprintf(stderr, "\r\033[K%s: %s of %s (%u %%)", phase, a, b,
			(unsigned)((double)done * 100.0 / (double)total));
	else
		fprintf(stderr, "\r\033[K%s: %s", phase, a);
}

void cli_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

void cli_on_progress(void *arg CDX_UNUSED, json_t *line)
{
	const char *phase = json_string_value(json_object_get(line, "phase"));

	if (phase != NULL)
		cli_progress(phase,
			     (uint64_t)json_integer_value(
				     json_object_get(line, "done")),
			     (uint64_t)json_integer_value(
				     json_object_get(line, "total")),
			     true);
}

/* Bytes of the printable character at @s, 0 where there is none */
static size_t printable(const char *s)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *b = (const uint8_t *)s;
	uint32_t c;
	size_t n;

	if (b[0] < 0x80)
		return b[0] >= 0x20 && b[0] != 0x7f;
	n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	c = b[0] & (0x7fu >> n);
	/* the NUL at the end is no byte of a character */
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b[i] & 0x3f);
	}
	/* overlong, surrogates, too large; C1 controls, line separators */
	if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ||
	    c < 0xa0 || c == 0x2028 || c == 0x2029)
		return 0;
	return n;
}

void cli_print_text(const char *text)
{
	while (*text != '\0') {
		size_t n = printable(text);

		if (n == 0)
			printf("\\x%02x", (unsigned)(uint8_t)*text);
		else if (*text == '\\')
			fputs("\\\\", stdout);
		else
			fwrite(text, 1, n, stdout);
		text += n == 0 ? 1 : n;
	}
}

void cli_print_proof_key(const json_t *key)
{
	printf("%-18s%lld samples, SHA-256 %s%s\n", "proving key",
	       (long long)json_integer_value(json_object_get(key, "samples")),
	       json_string_value(json_object_get(key, "sha256")),
	       json_is_true(json_object_get(key, "development"))
		       ? ", DEVELOPMENT: its maker can forge proofs"
		       : "");
}

void cli_print_json(json_t *json)
{
	if (json_dumpf(json, stdout, JSON_INDENT(2)) == 0)
		putchar('\n');
	json_decref(json);
}

int cli_fail(const char *what, int rc, const json_t *answer)
{
	const char *why = json_string_value(json_object_get(answer, "error"));
	bool said = why != NULL;

	if (!said)
		why = cdx_strerror(rc);
	if (answer == NULL && (rc == -ECONNREFUSED || rc == -ENOENT))
		cli_error("cannot %s: the process that has the store does not "
			  "answer on its control socket; is it still starting, "
			  "or ending?",
			  what);
	else if (!said && rc == -ECONNRESET)
		cli_error("cannot %s: the process that has the store ended "
			  "before it said whether it could; its log has the "
			  "reason, if there is one",
			  what);
	else if (rc == CDX_E_QUOTA)
		cli_error("cannot %s: %s; delete something", what, why);
	else
		cli_error("cannot %s: %s", what, why);
	return cdx_err_exit(rc);
}

int cli_show(int argc, char **argv, const struct cli_show *s)
{
	enum {
		OPT_JSON = CLI_OPT_OWN,
	};
	static const struct option options[] = {
		CLI_COMMON_OPTIONS,
		{"json", no_argument, NULL, OPT_JSON},
		{0},
	};
	struct cli_common common;
	struct cdx_client c;
	bool as_json = false;
	json_t *j = NULL;
	int opt;
	int rc;

	cli_common_init(&common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_JSON)
			as_json = true;
		else
			(void)cli_common_option(&common, opt, s->help);
	}
	if (optind + 1 < argc) {
		fputs(s->help, stderr);
		return CLI_USAGE;
	}
	rc = cli_client(&c, &common, argv[optind]);
	if (rc != 0)
		return rc;
	rc = cdx_client_json(&c, &j, "GET", s->path);
	if (rc < 0)
		rc = cli_fail(s->what, rc, j);
	else if (as_json)
		cli_print_json(json_incref(j));
	else
		s->print(j, &c);
	json_decref(j);
	return cli_client_close(&c, rc);
}
