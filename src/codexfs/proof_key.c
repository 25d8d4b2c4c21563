/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "codexfs/file.h"
#include "codexfs/proof.h"
#include "proof/circuit.h"
#include "proof/proof_json.h"

/* ---- setup ---- */

static int to_fd(void *arg, const void *p, size_t len)
{
	return cdx_write_full(*(const int *)arg, p, len);
}

/* The verification key of @key, to @path */
static int write_vk(const struct cdx_proof_key *key, const char *path)
{
	struct cdx_buf b = {0};
	struct cdx_vk vk = {0};
	int status;
	int rc = cdx_zkey_vk(&vk, &key->zkey);

	if (rc == 0)
		rc = cdx_vk_write(&b, &vk);
	if (rc == 0)
		rc = cdx_buf_ok(&b);
	if (rc < 0) {
		cli_error("cannot make the verification key: %s",
			  cdx_strerror(rc));
		status = cdx_err_exit(rc);
	} else {
		status = cli_file_write(path, b.p, b.len);
	}
	cdx_buf_free(&b);
	cdx_vk_free(&vk);
	return status;
}

static int make_key(const struct cdx_r1cs *r, const char *path)
{
	struct cdx_groth16_run run;
	struct cli_file f;
	int status = cli_file_open(&f, path);
	int rc;

	if (status != 0)
		return status;
	status = proof_run_begin(&run, "making the key");
	if (status == 0) {
		rc = cdx_groth16_setup(r, to_fd, &f.fd, &run);
		proof_run_end(&run);
		if (rc < 0)
			cli_error("cannot make the key: %s", cdx_strerror(rc));
		status = cdx_err_exit(rc);
	}
	return cli_file_close(&f, status);
}

int proof_setup(struct proof_args *a)
{
	struct cdx_proof_key key;
	struct cdx_r1cs r;
	int status;
	int rc;

	if (strcmp(a->output, "-") == 0) {
		cli_error("proof setup writes a key to a file, not to standard "
			  "output");
		return CLI_USAGE;
	}
	rc = cdx_circuit_r1cs(&r, (uint32_t)a->samples);
	if (rc < 0) {
		cli_error("cannot make the circuit: %s", cdx_strerror(rc));
		return cdx_err_exit(rc);
	}
	status = make_key(&r, a->output);
	cdx_r1cs_free(&r);
	if (status == 0 && a->vk != NULL) {
		status = proof_open_key(&key, a, a->output, false);
		if (status == 0) {
			status = write_vk(&key, a->vk);
			cdx_proof_key_close(&key);
		}
	}
	if (status == 0)
		cli_error("this is a development key: who made it can forge "
			  "proofs.  For tests only");
	return status;
}

int proof_export_vk(struct proof_args *a)
{
	struct cdx_proof_key key;
	int status = proof_open_key(&key, a, a->file, false);

	if (status != 0)
		return status;
	status = write_vk(&key, a->output);
	cdx_proof_key_close(&key);
	return status;
}

/* ---- import ---- */

static void on_phase(void *arg CDX_UNUSED, json_t *line)
{
	const char *phase = json_string_value(json_object_get(line, "phase"));

	if (phase != NULL)
		cli_progress(phase, 0, 0, false);
}

int proof_import(struct proof_args *a)
{
	char *full = realpath(a->file, NULL);
	char *escaped = full == NULL ? NULL : cdx_client_escape(full);
	char *path = NULL;
	struct cdx_client c;
	json_t *j = NULL;
	int status;
	int rc = full == NULL ? -errno : 0;

	if (rc == 0 &&
	    (escaped == NULL ||
	     asprintf(&path, "/control/v1/proof/keys?path=%s%s", escaped,
		      a->development ? "&development=1" : "") < 0))
		rc = -ENOMEM;
	if (rc < 0)
		cli_error("%s: %s", a->file, cdx_strerror(rc));
	status = rc < 0 ? cdx_err_exit(rc) : cli_client(&c, &a->common, NULL);
	if (status == 0) {
		rc = cdx_client_lines(&c, &j, "POST", path, on_phase, NULL);
		cli_progress_end();
		if (rc < 0)
			status = cli_fail("import the key", rc, j);
		else if (a->as_json)
			cli_print_json(json_incref(j));
		else
			cli_print_proof_key(j);
		json_decref(j);
		status = cli_client_close(&c, status);
	}
	free(full);
	free(escaped);
	free(path);
	return status;
}

/* ---- info ---- */

static int store_info(struct proof_args *a)
{
	struct cdx_client c;
	json_t *list;
	json_t *pin;
	json_t *j = NULL;
	size_t i;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_client_json(&c, &j, "GET", "/control/v1/proof/keys");
	list = json_object_get(j, "keys");
	if (rc < 0)
		status = cli_fail("list the keys", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else if (json_array_size(list) == 0)
		puts("no proving key; codexfs proof import brings one in");
	else
		json_array_foreach(list, i, pin) cli_print_proof_key(pin);
	json_decref(j);
	return cli_client_close(&c, status);
}

int proof_info(struct proof_args *a)
{
	char hex[2 * sizeof(struct cdx_digest) + 1];
	struct cdx_proof_key key;
	int status;

	if (a->file == NULL)
		return store_info(a);
	status = proof_open_key(&key, a, a->file, false);
	if (status != 0)
		return status;
	cdx_hex(hex, key.sha256.b, sizeof(key.sha256.b));
	if (a->as_json) {
		cli_print_json(json_pack(
			"{s:i, s:s, s:I, s:b, s:I, s:I, s:I, s:I}", "samples",
			(int)key.samples, "sha256", hex, "bytes",
			(json_int_t)key.len, "development",
			key.zkey.development, "wires",
			(json_int_t)key.zkey.wires, "domain",
			(json_int_t)1 << key.zkey.log_domain, "coefficients",
			(json_int_t)key.zkey.coefs, "contributions",
			(json_int_t)key.zkey.contributions));
	} else {
		printf("%-18s%u\n", "samples", key.samples);
		printf("%-18s%s\n", "SHA-256", hex);
		printf("%-18s%u, domain of 2^%u, %u coefficients\n", "wires",
		       key.zkey.wires, key.zkey.log_domain, key.zkey.coefs);
		printf("%-18s%u\n", "contributions", key.zkey.contributions);
		printf("%-18s%s\n", "made for",
		       key.zkey.development
			       ? "development: its maker can forge proofs"
			       : "use, if its ceremony was honest (snarkjs "
				 "zkey verify)");
		printf("%-18s%s\n", "checked",
		       "sizes and header; points and coefficients by import "
		       "and prove");
	}
	cdx_proof_key_close(&key);
	return 0;
}
