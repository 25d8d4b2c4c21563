/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codexfs/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "dataset/manifest.h"
#include "erasure/codec.h"
#include "slots/sampler.h"

static const char help[] =
	"Usage: codexfs dataset add [options] FILE     put a file's bytes in\n"
	"       codexfs dataset get [options] CID      write a dataset out\n"
	"       codexfs dataset find [options] CID     who has it\n"
	"       codexfs dataset announce [options] CID let others have it\n"
	"       codexfs dataset show [options] CID     its manifest\n"
	"       codexfs dataset cid [options] FILE     the CID that add gives\n"
	"       codexfs dataset ls [options]           what is here\n"
	"       codexfs dataset rm [options] CID...    drop your own pin\n"
	"       codexfs dataset protect [options] CID  make parity and slots\n"
	"       codexfs dataset slots [options] CID    list or export slots\n"
	"       codexfs dataset inputs [options] CID   answer a proof challenge\n"
	"       codexfs dataset prove [options] CID    prove that a slot is here\n"
	"       codexfs dataset verify [options] CID   check all of it\n"
	"       codexfs dataset rebuild [options] CID  make slots again\n"
	"       codexfs dataset evict [options] CID    give up slots' bytes\n"
	"\n"
	"Datasets are public: plaintext, with name and type where given.  FILE\n"
	"may be - for standard input.  rm never touches what a volume uses.\n"
	"A node, or a mount with peers, gets what is not here from others.\n"
	"A protected dataset has K + M slots, any K of which give it back.\n"
	"\n"
	"  -o, --output FILE     get, inputs, prove: where to (default: standard\n"
	"                        output)\n"
	"  --filename NAME       add, cid: file name in the manifest (FILE's own)\n"
	"  --no-filename         add, cid: none\n"
	"  --mimetype TYPE       add, cid: MIME type in the manifest\n"
	"  --block-size SIZE     add, cid: of a block, up to 4M (64K)\n"
	"  --private             add, announce: neither announce nor serve it\n"
	"  --data K              add, protect: data slots (the store's policy)\n"
	"  --parity M            add, protect: parity slots (the same); add\n"
	"                        protects when one of these is given\n"
	"  --codec NAME          add, protect: erasure code (the same)\n"
	"  --cell-size SIZE      add, protect: of a cell, what a proof samples (2K)\n"
	"  --slot I              slots, inputs, prove, rebuild, evict: from 0;\n"
	"                        all but inputs and prove take it more than once\n"
	"  --export DIR          slots: write files DIR/slot-000 and so on\n"
	"  --challenge HEX       inputs, prove: 32 bytes\n"
	"  --samples N           inputs, prove: cells to prove (5)\n"
	"  --public FILE         prove: where the public inputs go\n"
	"  --from DIR|STORE      rebuild: exported slots, or another store\n"
	"  --json                print JSON\n" CLI_COMMON_HELP
	"\nprove needs a proving key: see codexfs proof --help.\n"
	"verify's exit status: 0 all well, 1 damage, 8 could not check.\n";

enum {
	OPT_FILENAME = CLI_OPT_OWN,
	OPT_NO_FILENAME,
	OPT_MIMETYPE,
	OPT_BLOCK_SIZE,
	OPT_PRIVATE,
	OPT_CELL_SIZE,
	OPT_SLOT,
	OPT_EXPORT,
	OPT_CHALLENGE,
	OPT_SAMPLES,
	OPT_PUBLIC,
	OPT_FROM,
	OPT_JSON,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	CLI_CODE_OPTIONS,
	{"output", required_argument, NULL, 'o'},
	{"filename", required_argument, NULL, OPT_FILENAME},
	{"no-filename", no_argument, NULL, OPT_NO_FILENAME},
	{"mimetype", required_argument, NULL, OPT_MIMETYPE},
	{"block-size", required_argument, NULL, OPT_BLOCK_SIZE},
	{"private", no_argument, NULL, OPT_PRIVATE},
	{"cell-size", required_argument, NULL, OPT_CELL_SIZE},
	{"slot", required_argument, NULL, OPT_SLOT},
	{"export", required_argument, NULL, OPT_EXPORT},
	{"challenge", required_argument, NULL, OPT_CHALLENGE},
	{"samples", required_argument, NULL, OPT_SAMPLES},
	{"public", required_argument, NULL, OPT_PUBLIC},
	{"from", required_argument, NULL, OPT_FROM},
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

/* A size in bytes; @name for the user */
static int size_option(uint64_t *out, const char *name)
{
	uint64_t v;

	if (cdx_size_parse(&v, optarg) < 0 || v == 0 ||
	    v > CDX_BLOCK_SIZE_MAX) {
		cli_error("%s takes a size from 1 byte to 4M, not %s", name,
			  optarg);
		return -EINVAL;
	}
	*out = v;
	return 0;
}

static int number_option(struct dataset_args *a, int opt)
{
	uint64_t v;

	if (opt == OPT_SLOT) {
		if (cli_number(&v, optarg, 0, CDX_EC_COLUMNS_MAX - 1) < 0) {
			cli_error("--slot takes a number from 0 to %u, not %s",
				  CDX_EC_COLUMNS_MAX - 1, optarg);
			return -EINVAL;
		}
		a->slots |= UINT32_C(1) << v;
		return 0;
	}
	if (cli_number(&a->samples, optarg, 1, CDX_SAMPLES_MAX) < 0) {
		cli_error("--samples takes a number from 1 to %u, not %s",
			  CDX_SAMPLES_MAX, optarg);
		return -EINVAL;
	}
	return 0;
}

/* Options with a text or a flag; false: none of them */
static bool plain_option(struct dataset_args *a, int opt)
{
	switch (opt) {
	case 'o':
		a->output = optarg;
		return true;
	case OPT_FILENAME:
		a->filename = optarg;
		return true;
	case OPT_NO_FILENAME:
		a->no_filename = true;
		return true;
	case OPT_MIMETYPE:
		a->mimetype = optarg;
		return true;
	case OPT_PRIVATE:
		a->is_private = true;
		return true;
	case OPT_EXPORT:
		a->export_dir = optarg;
		return true;
	case OPT_CHALLENGE:
		a->challenge = optarg;
		return true;
	case OPT_PUBLIC:
		a->public_file = optarg;
		return true;
	case OPT_FROM:
		a->from = optarg;
		return true;
	case OPT_JSON:
		a->as_json = true;
		return true;
	default:
		return false;
	}
}

static int option(struct dataset_args *a, int opt)
{
	if (plain_option(a, opt))
		return 0;
	switch (opt) {
	case OPT_BLOCK_SIZE:
		return size_option(&a->block_size, "--block-size");
	case OPT_CELL_SIZE:
		return size_option(&a->cell_size, "--cell-size");
	case OPT_SLOT:
	case OPT_SAMPLES:
		return number_option(a, opt);
	default:
		return cli_code_option(&a->code, opt);
	}
}

/* ---- the verbs below dataset ---- */

#define TAKES_NAMES                                             \
	(CLI_TAKES(OPT_FILENAME) | CLI_TAKES(OPT_NO_FILENAME) | \
	 CLI_TAKES(OPT_MIMETYPE) | CLI_TAKES(OPT_BLOCK_SIZE))
#define TAKES_CODE                                             \
	(CLI_TAKES(CLI_OPT_DATA) | CLI_TAKES(CLI_OPT_PARITY) | \
	 CLI_TAKES(CLI_OPT_CODEC) | CLI_TAKES(OPT_CELL_SIZE))

struct command {
	const char *name;
	int (*fn)(struct dataset_args *a, const char *arg);
	uint32_t takes; /* TAKES bits beside the common options */
};

static int ls(struct dataset_args *a, const char *arg CDX_UNUSED)
{
	return dataset_ls(a);
}

/* rm has no function of one argument */
static const struct command commands[] = {
	{"add", dataset_add,
	 TAKES_NAMES | TAKES_CODE | CLI_TAKES(OPT_PRIVATE) |
		 CLI_TAKES(OPT_JSON)},
	{"get", dataset_get, CLI_TAKES('o')},
	{"find", dataset_find, CLI_TAKES(OPT_JSON)},
	{"announce", dataset_announce,
	 CLI_TAKES(OPT_PRIVATE) | CLI_TAKES(OPT_JSON)},
	{"show", dataset_show, CLI_TAKES(OPT_JSON)},
	{"cid", dataset_cid, TAKES_NAMES | CLI_TAKES(OPT_JSON)},
	{"ls", ls, CLI_TAKES(OPT_JSON)},
	{"rm", NULL, 0},
	{"protect", dataset_protect, TAKES_CODE | CLI_TAKES(OPT_JSON)},
	{"slots", dataset_slots,
	 CLI_TAKES(OPT_SLOT) | CLI_TAKES(OPT_EXPORT) | CLI_TAKES(OPT_JSON)},
	{"inputs", dataset_inputs,
	 CLI_TAKES(OPT_SLOT) | CLI_TAKES(OPT_CHALLENGE) |
		 CLI_TAKES(OPT_SAMPLES) | CLI_TAKES('o') | CLI_TAKES(OPT_JSON)},
	{"prove", dataset_prove,
	 CLI_TAKES(OPT_SLOT) | CLI_TAKES(OPT_CHALLENGE) |
		 CLI_TAKES(OPT_SAMPLES) | CLI_TAKES(OPT_PUBLIC) |
		 CLI_TAKES('o') | CLI_TAKES(OPT_JSON)},
	{"verify", dataset_verify, CLI_TAKES(OPT_JSON)},
	{"rebuild", dataset_rebuild,
	 CLI_TAKES(OPT_SLOT) | CLI_TAKES(OPT_FROM) | CLI_TAKES(OPT_JSON)},
	{"evict", dataset_evict, CLI_TAKES(OPT_SLOT) | CLI_TAKES(OPT_JSON)},
};

/* Texts that no manifest has room for; before anything is read */
static int check_texts(const struct dataset_args *a)
{
	if (a->mimetype != NULL && strlen(a->mimetype) > CDX_MIMETYPE_MAX) {
		cli_error("--mimetype takes up to %d bytes, not %zu",
			  CDX_MIMETYPE_MAX, strlen(a->mimetype));
		return -EINVAL;
	}
	if (a->filename != NULL && strlen(a->filename) > CDX_FILENAME_MAX) {
		cli_error("--filename takes up to %d bytes, not %zu",
			  CDX_FILENAME_MAX, strlen(a->filename));
		return -EINVAL;
	}
	return 0;
}

static int dispatch(struct dataset_args *a, uint32_t given, int argc,
		    char **argv)
{
	const struct command *cmd = NULL;

	for (size_t i = 0; i < CDX_ARRAY_LEN(commands) && cmd == NULL; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			cmd = &commands[i];
	if (cmd == NULL) {
		cli_error("unknown dataset verb: %s (try --help)", argv[0]);
		return CLI_USAGE;
	}
	if (cli_check_options(options, "dataset", cmd->name, given, cmd->takes,
			      0) < 0 ||
	    check_texts(a) < 0)
		return CLI_USAGE;
	if (cmd->fn == NULL && argc > 1)
		return dataset_rm(a, argc - 1, argv + 1);
	if (cmd->fn != NULL && argc == (cmd->fn == ls ? 1 : 2))
		return cmd->fn(a, argv[1]);
	fputs(help, stderr);
	return CLI_USAGE;
}

int verb_dataset(int argc, char **argv)
{
	struct dataset_args a = {.samples = CDX_SAMPLES};
	uint32_t given = 0;
	int opt;

	cli_common_init(&a.common);
	while ((opt = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (cli_common_option(&a.common, opt, help) != 0)
			continue;
		if (option(&a, opt) < 0)
			return CLI_USAGE;
		given |= CLI_TAKES(opt);
	}
	if (optind >= argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	return dispatch(&a, given, argc - optind, argv + optind);
}
