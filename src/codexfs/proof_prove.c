/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codexfs/file.h"
#include "codexfs/proof.h"
#include "crypto/hash.h"
#include "proof/circuit.h"
#include "proof/proof_json.h"
#include "proof/wtns.h"

/* A file of 1,024 samples has 8 MiB; room for any layout */
#define INPUTS_BYTES_MAX (64u << 20)

int proof_export_r1cs(struct proof_args *a)
{
	struct cdx_buf b = {0};
	struct cdx_r1cs r;
	int status;
	int rc = cdx_circuit_r1cs(&r, (uint32_t)a->samples);

	if (rc == 0) {
		rc = cdx_r1cs_write(&b, &r);
		cdx_r1cs_free(&r);
	}
	if (rc == 0)
		rc = cdx_buf_ok(&b);
	if (rc < 0) {
		cli_error("cannot make the circuit: %s", cdx_strerror(rc));
		status = cdx_err_exit(rc);
	} else {
		status = cli_file_write(a->output, b.p, b.len);
	}
	cdx_buf_free(&b);
	return status;
}

static int read_inputs(struct cdx_proof_inputs *out, const char *path)
{
	char why[CDX_SLOTS_WHY_MAX] = "";
	struct cdx_buf b = {0};
	int status = cli_file_read(&b, path, INPUTS_BYTES_MAX);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_proof_inputs_parse(out, (const char *)b.p, b.len, why);
	cdx_buf_wipe(&b);
	if (rc < 0)
		cli_error("%s: %s", path,
			  why[0] != '\0' ? why : cdx_strerror(rc));
	return cdx_err_exit(rc);
}

static int write_witness(const struct cdx_fr *w, uint32_t wires,
			 const char *path)
{
	struct cdx_buf b = {0};
	int status;
	int rc = cdx_wtns_write(&b, w, wires);

	if (rc == 0)
		rc = cdx_buf_ok(&b);
	if (rc < 0) {
		cli_error("%s", cdx_strerror(rc));
		status = cdx_err_exit(rc);
	} else {
		/* it has the cells' bytes */
		(void)umask(077);
		status = cli_file_write(path, b.p, b.len);
	}
	cdx_buf_wipe(&b);
	return status;
}

int proof_witness(struct proof_args *a)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_proof_inputs in;
	struct cdx_fr *w;
	uint32_t wires;
	int status = read_inputs(&in, a->inputs);
	int rc;

	if (status != 0)
		return status;
	wires = cdx_circuit_wires(in.samples);
	w = calloc(wires, sizeof(*w));
	rc = w == NULL ? -ENOMEM : cdx_circuit_witness(w, &in, why);
	if (rc < 0)
		cli_error("%s: %s", a->inputs,
			  why[0] != '\0' ? why : cdx_strerror(rc));
	status = rc < 0 ? 1 : write_witness(w, wires, a->output);
	if (w != NULL)
		cdx_wipe(w, (size_t)wires * sizeof(*w));
	free(w);
	cdx_proof_inputs_free(&in);
	return status;
}

/* ---- prove ---- */

static int write_text(struct cdx_buf *b, int rc, const char *path)
{
	int status;

	if (rc == 0)
		rc = cdx_buf_ok(b);
	if (rc < 0) {
		cli_error("%s", cdx_strerror(rc));
		status = cdx_err_exit(rc);
	} else {
		status = cli_file_write(path, b->p, b->len);
	}
	cdx_buf_free(b);
	return status;
}

static int make_proof(const struct proof_args *a,
		      const struct cdx_proof_key *key,
		      const struct cdx_proof_inputs *in)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_fr public[CDX_CIRCUIT_PUBLIC];
	struct cdx_groth16_run run;
	struct cdx_proof proof;
	struct cdx_buf b = {0};
	int status = proof_run_begin(&run, "proving");
	int rc;

	if (status != 0)
		return status;
	rc = cdx_proof_make(&proof, public, key, in, &run, why);
	proof_run_end(&run);
	if (rc < 0) {
		cli_error("cannot prove: %s",
			  why[0] != '\0' ? why : cdx_strerror(rc));
		return rc == -EINVAL ? 1 : cdx_err_exit(rc);
	}
	status = write_text(&b, cdx_proof_write(&b, &proof), a->output);
	if (status == 0 && a->publics > 0)
		status = write_text(
			&b, cdx_public_write(&b, public, CDX_CIRCUIT_PUBLIC),
			a->public[0]);
	return status;
}

int proof_prove(struct proof_args *a)
{
	const char *path = a->common.node.key_file;
	struct cdx_proof_inputs in;
	struct cdx_proof_key key;
	int status;

	if (path == NULL) {
		cli_error("proof prove needs --key (a store's key is used by "
			  "codexfs dataset prove)");
		return CLI_USAGE;
	}
	if (a->publics > 1) {
		cli_error("proof prove writes one --public");
		return CLI_USAGE;
	}
	status = read_inputs(&in, a->inputs);
	if (status != 0)
		return status;
	status = proof_open_key(&key, a, path, true);
	if (status == 0) {
		status = make_proof(a, &key, &in);
		cdx_proof_key_close(&key);
	}
	cdx_proof_inputs_free(&in);
	return status;
}
