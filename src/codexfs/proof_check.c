/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codexfs/file.h"
#include "codexfs/proof.h"
#include "proof/proof_json.h"

/* More than any of these files has */
#define TEXT_BYTES_MAX (1u << 20)

/* The proofs that are looked at */
struct lot {
	struct cdx_verifier *verifier;
	struct cdx_proof *proof;
	uint8_t (*public)[CDX_FR_BYTES]; /* inputs of each */
	uint32_t inputs;
};

static int told(const char *path, int rc, const char *why)
{
	if (rc < 0)
		cli_error("%s: %s", path,
			  why[0] != '\0' ? why : cdx_strerror(rc));
	return cdx_err_exit(rc);
}

static int read_proof(struct cdx_proof *out, const char *path)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf b = {0};
	int status = cli_file_read(&b, path, TEXT_BYTES_MAX);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_proof_read(out, (const char *)b.p, b.len, why);
	cdx_buf_free(&b);
	return told(path, rc, why);
}

static int read_public(struct lot *lot, size_t at, const char *path)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf b = {0};
	struct cdx_fr *x = NULL;
	uint32_t n = 0;
	int status = cli_file_read(&b, path, TEXT_BYTES_MAX);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_public_read(&x, &n, (const char *)b.p, b.len, why);
	cdx_buf_free(&b);
	if (rc == 0 && n != lot->inputs) {
		cli_error("%s: %u public inputs, the verification key takes %u",
			  path, n, lot->inputs);
		free(x);
		return 1;
	}
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		cdx_fr_to_bytes(lot->public[at * n + i], &x[i]);
	free(x);
	return told(path, rc, why);
}

static int read_vk(struct lot *lot, const struct proof_args *a)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf b = {0};
	struct cdx_vk vk = {0};
	int status = cli_file_read(&b, a->vk, TEXT_BYTES_MAX);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_vk_read(&vk, (const char *)b.p, b.len, why);
	cdx_buf_free(&b);
	if (rc == 0 && vk.development && !a->development) {
		status = proof_refuse_development(a->vk);
		cdx_vk_free(&vk);
		return status;
	}
	if (rc == 0) {
		lot->inputs = vk.public_inputs;
		rc = cdx_verifier_new(&lot->verifier, &vk);
	}
	cdx_vk_free(&vk);
	return told(a->vk, rc, why);
}

static int read_lot(struct lot *lot, const struct proof_args *a)
{
	int status = read_vk(lot, a);

	if (status != 0)
		return status;
	lot->proof = calloc(a->proofs, sizeof(*lot->proof));
	lot->public = calloc(a->proofs * ((size_t)lot->inputs + 1),
			     sizeof(*lot->public));
	if (lot->proof == NULL || lot->public == NULL)
		return told(a->vk, -ENOMEM, "");
	for (size_t i = 0; i < a->proofs && status == 0; i++) {
		status = read_proof(&lot->proof[i], a->proof[i]);
		if (status == 0)
			status = read_public(lot, i, a->public[i]);
	}
	return status;
}

/* All at once; when that fails each by itself, to say which */
static int check(const struct lot *lot, const struct proof_args *a)
{
	const uint8_t(*public)[CDX_FR_BYTES] =
		(const uint8_t(*)[CDX_FR_BYTES])lot->public;
	int status = 0;
	int rc = cdx_verify_batch(lot->verifier, lot->proof, a->proofs, public,
				  lot->inputs);

	if (rc == 0) {
		puts(a->proofs == 1 ? "valid" : "all valid");
		return 0;
	}
	for (size_t i = 0; i < a->proofs; i++) {
		rc = cdx_verify(lot->verifier, &lot->proof[i],
				public + i * lot->inputs, lot->inputs);
		if (rc == 0) {
			printf("%s: valid\n", a->proof[i]);
			continue;
		}
		printf("%s: NOT valid\n", a->proof[i]);
		if (rc != CDX_E_PROOF)
			cli_error("%s: %s", a->proof[i], cdx_strerror(rc));
		status = 1;
	}
	return status;
}

int proof_verify(struct proof_args *a)
{
	struct lot lot = {.verifier = NULL};
	int status;

	if (a->publics != a->proofs) {
		cli_error("as many --public as --proof: their public inputs, "
			  "in the same order");
		return CLI_USAGE;
	}
	status = read_lot(&lot, a);
	if (status == 0)
		status = check(&lot, a);
	cdx_verifier_free(lot.verifier);
	free(lot.proof);
	free(lot.public);
	return status;
}

/* ---- calldata ---- */

int proof_calldata(struct proof_args *a)
{
	uint8_t words[8][32];
	char hex[2 * sizeof(words[0]) + 1];
	struct cdx_proof proof;
	json_t *list;
	int status;

	if (a->proofs != 1) {
		cli_error("proof calldata takes one --proof");
		return CLI_USAGE;
	}
	status = read_proof(&proof, a->proof[0]);
	if (status != 0)
		return status;
	cdx_proof_calldata(words, &proof);
	list = json_array();
	for (size_t i = 0; i < CDX_ARRAY_LEN(words); i++) {
		cdx_hex(hex, words[i], sizeof(words[i]));
		if (a->as_json)
			(void)json_array_append_new(list,
						    json_sprintf("0x%s", hex));
		else
			printf("0x%s\n", hex);
	}
	if (a->as_json)
		cli_print_json(json_incref(list));
	json_decref(list);
	return 0;
}
