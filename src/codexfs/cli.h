/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_CLI_H
#define CDX_CODEXFS_CLI_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/client.h"
#include "base/attr.h"
#include "base/log.h"

/* What the verbs share.  The program is single-threaded but for mount. */

/* One verb.  @main gets argv with the verb's name at [0]. */
struct cli_verb {
	const char *name;
	const char *summary;
	int (*main)(int argc, char **argv);
};

int verb_init(int argc, char **argv);
int verb_mount(int argc, char **argv);
int verb_umount(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_sync(int argc, char **argv);
int verb_compact(int argc, char **argv);
int verb_fsck(int argc, char **argv);
int verb_dataset(int argc, char **argv);
int verb_proof(int argc, char **argv);
int verb_chain(int argc, char **argv);
int verb_market(int argc, char **argv);
int verb_availability(int argc, char **argv);
int verb_sales(int argc, char **argv);
int verb_slots(int argc, char **argv);
int verb_request(int argc, char **argv);
int verb_purchases(int argc, char **argv);
int verb_policy(int argc, char **argv);
int verb_key(int argc, char **argv);
int verb_node(int argc, char **argv);
int verb_peers(int argc, char **argv);
int verb_config(int argc, char **argv);

/* fstab: called as mount.codexfs or mount.fuse.codexfs SPEC DIR [-sfnv]
 * [-N NS] [-o OPTS] [-t TYPE], or as codexfs STORE MNT -o OPTS */
int mount_helper(int argc, char **argv);

/* Exit status for wrong usage */
#define CLI_USAGE 2

/* "codexfs: text" to stderr */
void cli_error(const char *fmt, ...) CDX_PRINTF(1, 2);

/* Options that every verb understands; where they lead is in struct
 * cli_common.  Long options' values start above the letters. */
enum {
	CLI_OPT_STORE = 256,
	CLI_OPT_KEY,
	CLI_OPT_PASSWORD_FILE,
	CLI_OPT_LOG_LEVEL,
	CLI_OPT_OWN, /* first value for a verb's own options */
};
/* a table, one option on a line */
/* clang-format off */
#define CLI_COMMON_OPTIONS \
	{"help", no_argument, NULL, 'h'},				\
	{"store", required_argument, NULL, CLI_OPT_STORE},		\
	{"key", required_argument, NULL, CLI_OPT_KEY},			\
	{"password-file", required_argument, NULL, CLI_OPT_PASSWORD_FILE}, \
	{"log-level", required_argument, NULL, CLI_OPT_LOG_LEVEL}
/* clang-format on */
#define CLI_COMMON_HELP                                                   \
	"  --store DIR           the store, or a mount point "            \
	"(default: $CODEXFS_STORE)\n"                                     \
	"  --key FILE            key file (default: STORE/key)\n"         \
	"  --password-file FILE  first line is the key file's password\n" \
	"  --log-level LEVEL     error, warn, info, debug or trace\n"     \
	"  -h, --help            this text\n"

/* From here on: options that all verbs of a table take, without a bit */
#define CLI_OPT_SHARED (CLI_OPT_OWN + 31)
/* Bit of an option of a verb's own; -o has that of no long option */
#define CLI_TAKES(opt) (UINT32_C(1) << ((opt) == 'o' ? 31 : (opt)-CLI_OPT_OWN))
/* Tells of the first of @options that was given and @name (of @verb) does not
 * take, or that it needs and was not given.  The three are CLI_TAKES bits.
 * -EINVAL. */
CDX_MUST_CHECK int cli_check_options(const struct option *options,
				     const char *verb, const char *name,
				     uint32_t given, uint32_t takes,
				     uint32_t needs);

struct cli_common {
	const char *store;
	struct cdx_node_opts node; /* key_file, password_file, log */
	struct cdx_log log;
};

/* Defaults, and the store that CODEXFS_STORE names */
void cli_common_init(struct cli_common *c);
/**
 * cli_common_option - one result of getopt_long
 *
 * @help: the verb's text
 *
 * Returns 1 when it was a common option, 0 when it is the verb's own; exits
 * for --help and for unknown ones.
 */
int cli_common_option(struct cli_common *c, int opt, const char *help);

/* Opens the store named by --store, CODEXFS_STORE or @where (may be NULL);
 * tells the user on failure.  0 or the exit status. */
CDX_MUST_CHECK int cli_client(struct cdx_client *out, struct cli_common *c,
			      const char *where);
/* Closes; a failed last commit makes @status a failure. */
int cli_client_close(struct cdx_client *c, int status);

/* A whole number within bounds.  -EINVAL, -ERANGE. */
CDX_MUST_CHECK int cli_number(uint64_t *out, const char *text, uint64_t min,
			      uint64_t max);
/* Bytes for people: "12.3 GiB"; @out 32 bytes */
void cli_bytes(char out[32], uint64_t bytes);

/* A progress line on stderr when that is a terminal; @unit_bytes: the numbers
 * are bytes.  cli_progress_end clears it. */
void cli_progress(const char *phase, uint64_t done, uint64_t total,
		  bool unit_bytes);
void cli_progress_end(void);
/* A cdx_client_line_fn that shows the progress lines of long work, in bytes;
 * @arg is not used */
void cli_on_progress(void *arg, json_t *line);

/* Prints a name of others' making on stdout, on one line: \xNN for each byte of
 * control characters and of what is no UTF-8, \\ for \ */
void cli_print_text(const char *text);
/* Prints one of a store's proving keys, as the control socket has it */
void cli_print_proof_key(const json_t *key);
/* Prints JSON on stdout, indented, with a newline; drops the reference */
void cli_print_json(json_t *json);

/* A verb that asks and shows: [--json] [STORE|MNT] */
struct cli_show {
	const char *help;
	const char *path; /* of the control socket, asked with GET */
	const char *what; /* for cli_fail */
	/* For people; @answer as it came */
	void (*print)(const json_t *answer, const struct cdx_client *c);
};
/* The whole verb; its exit status */
int cli_show(int argc, char **argv, const struct cli_show *s);

/* "cannot WHAT: reason", with what to do where we know it; exit status */
int cli_fail(const char *what, int rc, const json_t *answer);

#endif
