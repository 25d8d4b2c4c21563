/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_PROOF_H
#define CDX_CODEXFS_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codexfs/cli.h"
#include "proof/groth16.h"
#include "proof/key.h"

/* The verb `proof`, one function a subcommand.  Each returns the exit status. */

#define PROOF_FILES_MAX 256u

struct proof_args {
	struct cli_common common; /* node.key_file: --key, of whatever kind */
	const char *output;
	const char *inputs;
	const char *vk;
	const char *pin; /* 64 hex digits */
	const char *proof[PROOF_FILES_MAX];
	size_t proofs;
	const char *public[PROOF_FILES_MAX];
	size_t publics;
	const char *file; /* the argument without an option; may be NULL */
	uint64_t samples;
	bool development;
	bool as_json;
};

/* proof_key.c */
int proof_setup(struct proof_args *a);
int proof_import(struct proof_args *a);
int proof_info(struct proof_args *a);
int proof_export_vk(struct proof_args *a);
/* proof_prove.c */
int proof_export_r1cs(struct proof_args *a);
int proof_witness(struct proof_args *a);
int proof_prove(struct proof_args *a);
/* proof_check.c */
int proof_verify(struct proof_args *a);
int proof_calldata(struct proof_args *a);

/* ---- shared (proof.c) ---- */

/* A key file; tells what is wrong with it.  @checked: it is to be used, so it
 * must be pinned by --pin or is checked whole; and a development key needs
 * --development.  0 or the exit status; cdx_proof_key_close. */
CDX_MUST_CHECK int proof_open_key(struct cdx_proof_key *out,
				  const struct proof_args *a, const char *path,
				  bool checked);
/* Work on all processors, with progress on a terminal.  0 or the exit status;
 * proof_run_end. */
CDX_MUST_CHECK int proof_run_begin(struct cdx_groth16_run *out,
				   const char *phase);
void proof_run_end(struct cdx_groth16_run *run);
/* Tells that a development key is in play and not asked for; an exit status */
int proof_refuse_development(const char *path);

#endif
