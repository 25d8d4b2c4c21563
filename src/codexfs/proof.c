/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proof/circuit.h"

static const char help[] =
	"Usage: codexfs proof setup [options] -o KEY    make a development key\n"
	"       codexfs proof import [options] KEY      check a key, keep it in a\n"
	"                                               store\n"
	"       codexfs proof info [options] [KEY]      what a key is; without KEY\n"
	"                                               those of a store\n"
	"       codexfs proof export-vk [options] KEY   its verification key\n"
	"       codexfs proof export-r1cs [options]     the circuit\n"
	"       codexfs proof witness [options]         all wires for inputs\n"
	"       codexfs proof prove [options]           inputs to a proof\n"
	"       codexfs proof verify [options]          are these proofs right?\n"
	"       codexfs proof calldata [options]        a proof as the contract\n"
	"                                               takes it\n"
	"\n"
	"Files are those of snarkjs: .zkey, .r1cs, .wtns, proof.json, public.json,\n"
	"verification_key.json.  Inputs are what codexfs dataset inputs gives.\n"
	"\n"
	"  -o, --output FILE     where to (default: standard output)\n"
	"  --samples N           setup, export-r1cs: cells that a proof samples (5)\n"
	"  --inputs FILE         witness, prove: the inputs\n"
	"  --key FILE            prove: the proving key (import, info without KEY:\n"
	"                        the store's key file)\n"
	"  --pin HEX             prove: SHA-256 of a key that was checked before\n"
	"                        (proof info shows it); without it all of the key is\n"
	"                        checked each time\n"
	"  --vk FILE             verify: the verification key; setup: write it too\n"
	"  --public FILE         prove: where the public inputs go; verify: those of\n"
	"                        the proof, once for each --proof, in their order\n"
	"  --proof FILE          verify, calldata: the proof; verify takes several\n"
	"  --development         import, prove, verify: take a development key,\n"
	"                        whose maker can forge proofs\n"
	"  --json                info, import, calldata: print JSON\n" CLI_COMMON_HELP
	"\nA key that others shall rely on comes from a ceremony (snarkjs groth16\n"
	"setup and contributions, over export-r1cs); that it was an honest one is\n"
	"for snarkjs zkey verify to say, not for import.\n"
	"verify's exit status: 0 all are right, 1 one is not.\n";

enum {
	OPT_SAMPLES = CLI_OPT_OWN,
	OPT_INPUTS,
	OPT_PIN,
	OPT_VK,
	OPT_PUBLIC,
	OPT_PROOF,
	OPT_DEVELOPMENT,
	OPT_JSON,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"output", required_argument, NULL, 'o'},
	{"samples", required_argument, NULL, OPT_SAMPLES},
	{"inputs", required_argument, NULL, OPT_INPUTS},
	{"pin", required_argument, NULL, OPT_PIN},
	{"vk", required_argument, NULL, OPT_VK},
	{"public", required_argument, NULL, OPT_PUBLIC},
	{"proof", required_argument, NULL, OPT_PROOF},
	{"development", no_argument, NULL, OPT_DEVELOPMENT},
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

/* Of the argument without an option */
enum file {
	FILE_NONE,
	FILE_MAYBE,
	FILE_NEEDED,
};

static const struct command {
	const char *name;
	int (*fn)(struct proof_args *a);
	enum file file;
	uint32_t takes; /* TAKES bits beside the common options */
	uint32_t needs;
} commands[] = {
	{"setup", proof_setup, FILE_NONE,
	 CLI_TAKES('o') | CLI_TAKES(OPT_SAMPLES) | CLI_TAKES(OPT_VK),
	 CLI_TAKES('o')},
	{"import", proof_import, FILE_NEEDED,
	 CLI_TAKES(OPT_DEVELOPMENT) | CLI_TAKES(OPT_JSON), 0},
	{"info", proof_info, FILE_MAYBE, CLI_TAKES(OPT_JSON), 0},
	{"export-vk", proof_export_vk, FILE_NEEDED, CLI_TAKES('o'), 0},
	{"export-r1cs", proof_export_r1cs, FILE_NONE,
	 CLI_TAKES('o') | CLI_TAKES(OPT_SAMPLES), 0},
	{"witness", proof_witness, FILE_NONE,
	 CLI_TAKES('o') | CLI_TAKES(OPT_INPUTS), CLI_TAKES(OPT_INPUTS)},
	{"prove", proof_prove, FILE_NONE,
	 CLI_TAKES('o') | CLI_TAKES(OPT_INPUTS) | CLI_TAKES(OPT_PIN) |
		 CLI_TAKES(OPT_PUBLIC) | CLI_TAKES(OPT_DEVELOPMENT),
	 CLI_TAKES(OPT_INPUTS)},
	{"verify", proof_verify, FILE_NONE,
	 CLI_TAKES(OPT_VK) | CLI_TAKES(OPT_PUBLIC) | CLI_TAKES(OPT_PROOF) |
		 CLI_TAKES(OPT_DEVELOPMENT),
	 CLI_TAKES(OPT_VK) | CLI_TAKES(OPT_PUBLIC) | CLI_TAKES(OPT_PROOF)},
	{"calldata", proof_calldata, FILE_NONE,
	 CLI_TAKES(OPT_PROOF) | CLI_TAKES(OPT_JSON), CLI_TAKES(OPT_PROOF)},
};

/* One more of those that may be given often */
static int add_file(const char **list, size_t *n, const char *name)
{
	if (*n == PROOF_FILES_MAX) {
		cli_error("--%s can be given %u times", name, PROOF_FILES_MAX);
		return -EINVAL;
	}
	list[(*n)++] = optarg;
	return 0;
}

static int option(struct proof_args *a, int opt)
{
	switch (opt) {
	case 'o':
		a->output = optarg;
		return 0;
	case OPT_SAMPLES:
		if (cli_number(&a->samples, optarg, 1,
			       CDX_CIRCUIT_SAMPLES_MAX) == 0)
			return 0;
		cli_error("--samples takes a number from 1 to %u, not %s",
			  CDX_CIRCUIT_SAMPLES_MAX, optarg);
		return -EINVAL;
	case OPT_INPUTS:
		a->inputs = optarg;
		return 0;
	case OPT_PIN:
		a->pin = optarg;
		return 0;
	case OPT_VK:
		a->vk = optarg;
		return 0;
	case OPT_PUBLIC:
		return add_file(a->public, &a->publics, "public");
	case OPT_PROOF:
		return add_file(a->proof, &a->proofs, "proof");
	case OPT_DEVELOPMENT:
		a->development = true;
		return 0;
	case OPT_JSON:
		a->as_json = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int dispatch(struct proof_args *a, uint32_t given, int argc, char **argv)
{
	const struct command *cmd = NULL;

	for (size_t i = 0; i < CDX_ARRAY_LEN(commands) && cmd == NULL; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			cmd = &commands[i];
	if (cmd == NULL) {
		cli_error("unknown proof verb: %s (try --help)", argv[0]);
		return CLI_USAGE;
	}
	if (cli_check_options(options, "proof", cmd->name, given, cmd->takes,
			      cmd->needs) < 0)
		return CLI_USAGE;
	if (argc > 2 || (argc == 2 && cmd->file == FILE_NONE)) {
		cli_error("proof %s does not take %s", cmd->name,
			  argv[argc - 1]);
		return CLI_USAGE;
	}
	if (argc == 1 && cmd->file == FILE_NEEDED) {
		cli_error("proof %s needs a key file (try --help)", cmd->name);
		return CLI_USAGE;
	}
	a->file = argv[1];
	return cmd->fn(a);
}

int verb_proof(int argc, char **argv)
{
	struct proof_args a = {.samples = CDX_SAMPLES};
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

/* ---- shared ---- */

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	cli_progress(arg, done, total, false);
}

int proof_run_begin(struct cdx_groth16_run *out, const char *phase)
{
	int rc = cdx_pool_new(&out->pool, cdx_pool_processors());

	if (rc < 0) {
		cli_error("%s", cdx_strerror(rc));
		return cdx_err_exit(rc);
	}
	out->cancel = NULL;
	out->progress = on_progress;
	out->arg = (void *)(uintptr_t)phase;
	return 0;
}

void proof_run_end(struct cdx_groth16_run *run)
{
	cli_progress_end();
	cdx_pool_free(run->pool);
}

int proof_refuse_development(const char *path)
{
	cli_error(
		"%s: it is a development key: whoever made it can forge proofs; "
		"--development takes it all the same",
		path);
	return cdx_err_exit(-EPERM);
}

/* --pin */
static int read_pin(struct cdx_digest *out, const char *hex)
{
	if (cdx_unhex(out->b, sizeof(out->b), hex) == 0)
		return 0;
	cli_error("--pin takes a SHA-256 as 64 hex digits, not %s", hex);
	return -EINVAL;
}

int proof_open_key(struct cdx_proof_key *out, const struct proof_args *a,
		   const char *path, bool checked)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_groth16_run run;
	struct cdx_digest pin;
	int status;
	int rc;

	if (a->pin != NULL && read_pin(&pin, a->pin) < 0)
		return CLI_USAGE;
	rc = cdx_proof_key_open(out, AT_FDCWD, path,
				a->pin != NULL ? &pin : NULL, why);
	if (rc < 0) {
		cli_error("%s: %s", path, why);
		return cdx_err_exit(rc);
	}
	if (!checked)
		return 0;
	if (out->zkey.development && !a->development) {
		status = proof_refuse_development(path);
	} else if (a->pin != NULL) {
		return 0;
	} else {
		status = proof_run_begin(&run, "checking the key");
		if (status == 0) {
			rc = cdx_proof_key_check(out, &run, why);
			proof_run_end(&run);
			if (rc < 0)
				cli_error("%s: %s", path,
					  why[0] != '\0' ? why
							 : cdx_strerror(rc));
			status = cdx_err_exit(rc);
		}
	}
	if (status != 0)
		cdx_proof_key_close(out);
	return status;
}
