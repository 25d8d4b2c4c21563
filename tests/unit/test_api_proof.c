/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api_kit.h"
#include "base/io.h"
#include "proof/circuit.h"
#include "proof/proof_json.h"
#include "store/fsck.h"
#include "store/proof_pin.h"

/* Proving keys of a store, and proofs with them, over the control socket */

#define SLOT 2u
#define PROVE "/prove?slots=2&challenge=" CHALLENGE "&samples=1"

/* A development key for one sample, made once; each is another */
static struct cdx_buf key_bytes[2];

static int to_buf(void *arg, const void *p, size_t len)
{
	cdx_buf_put(arg, p, len);
	return cdx_buf_ok(arg);
}

static int make_keys(void **state)
{
	const struct cdx_groth16_run run = {.pool = NULL};
	struct cdx_r1cs r;

	(void)state;
	assert_int_equal(cdx_circuit_r1cs(&r, 1), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(key_bytes); i++)
		assert_int_equal(
			cdx_groth16_setup(&r, to_buf, &key_bytes[i], &run), 0);
	cdx_r1cs_free(&r);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(key_bytes); i++)
		cdx_buf_free(&key_bytes[i]);
	return 0;
}

/* Writes a key beside the store's files, and has it imported */
static int import(struct env *e, const struct cdx_buf *key, bool development,
		  json_t **out)
{
	char path[512];
	char call[1024];
	int dir = open(e->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	assert_int_equal(
		cdx_file_replace(dir, "a.zkey", key->p, key->len, 0600), 0);
	cdx_closep(&dir);
	snprintf(path, sizeof(path), "%s/a.zkey", e->path);
	snprintf(call, sizeof(call), "/control/v1/proof/keys?path=%s%s", path,
		 development ? "&development=1" : "");
	return cdx_client_lines(&e->c, out, "POST", call, NULL, NULL);
}

static int import_only(struct env *e, const struct cdx_buf *key,
		       bool development)
{
	json_t *j = NULL;
	int rc = import(e, key, development, &j);

	json_decref(j);
	return rc;
}

/* A dataset with slots; the verifiable CID */
static void make_slots(struct env *e, char out[CDX_CID_TEXT_MAX])
{
	char plain[CDX_CID_TEXT_MAX];

	add(e, 9 * 65536 + 11, "private=0", plain);
	protect(e, plain, "/protect?data=3&parity=2", out);
}

/* The verdict on what `prove` answered, under @key's verification key */
static int verdict(const json_t *answer, const struct cdx_buf *key)
{
	char why[CDX_PROOF_WHY_MAX];
	char *proof_text = json_dumps(vector_get(answer, "proof"), 0);
	char *public_text = json_dumps(vector_get(answer, "public"), 0);
	uint8_t public[CDX_CIRCUIT_PUBLIC][CDX_FR_BYTES];
	struct cdx_verifier *v;
	struct cdx_proof proof;
	struct cdx_zkey k;
	struct cdx_vk vk;
	struct cdx_fr *x;
	uint32_t n;
	int rc;

	assert_int_equal(cdx_zkey_open(&k, key->p, key->len, why), 0);
	assert_int_equal(cdx_zkey_vk(&vk, &k), 0);
	assert_int_equal(cdx_verifier_new(&v, &vk), 0);
	assert_int_equal(
		cdx_proof_read(&proof, proof_text, strlen(proof_text), why), 0);
	assert_int_equal(cdx_public_read(&x, &n, public_text,
					 strlen(public_text), why),
			 0);
	assert_int_equal(n, CDX_CIRCUIT_PUBLIC);
	for (uint32_t i = 0; i < n; i++)
		cdx_fr_to_bytes(public[i], &x[i]);
	rc = cdx_verify(v, &proof, (const uint8_t(*)[CDX_FR_BYTES]) public, n);
	/* the last one is the slot's number */
	assert_int_equal(public[2][0], SLOT);
	free(x);
	free(proof_text);
	free(public_text);
	cdx_verifier_free(v);
	cdx_vk_free(&vk);
	return rc;
}

static void count_finding(void *arg, const char *what, const char *detail)
{
	(void)detail;
	*(unsigned *)arg += strncmp(what, "proof-key-", 10) == 0;
}

static unsigned findings(struct env *e)
{
	unsigned n = 0;
	struct cdx_fsck f = {.report = count_finding, .arg = &n};

	assert_int_equal(cdx_store_fsck(e->c.node.store, &f), 0);
	return n;
}

/* The pinned file */
static void key_path(struct env *e, char out[512])
{
	char name[CDX_PROOF_PIN_NAME_MAX];
	struct cdx_proof_pin pin;

	assert_int_equal(cdx_proof_pin_get(e->c.node.store, 1, &pin), 0);
	cdx_proof_pin_name(name, &pin.sha256);
	snprintf(out, 512, "%s/" CDX_PROOF_PIN_FOLDER "/%s", e->path, name);
}

static void reopen(struct env *e)
{
	struct cdx_node_opts o = {.log = &e->log, .keys = &e->keys};
	char error[CDX_NODE_ERROR_MAX];

	assert_int_equal(cdx_client_close(&e->c), 0);
	assert_int_equal(cdx_client_open(&e->c, e->path, &o, error), 0);
}

/* ---- tests ---- */

static void a_life(void **state)
{
	struct env *e = *state;
	char made[CDX_CID_TEXT_MAX];
	json_t *j;

	make_slots(e, made);
	assert_int_equal(result(e, "POST", made, PROVE), -ENOENT);
	assert_int_equal(import_only(e, &key_bytes[0], false), -EPERM);
	assert_int_equal(import(e, &key_bytes[0], true, &j), 0);
	assert_string_equal(vector_text(j, "result"), "imported");
	assert_int_equal(vector_u64(j, "samples"), 1);
	assert_true(json_is_true(vector_get(j, "development")));
	json_decref(j);

	assert_int_equal(ask(e, &j, "POST", made, PROVE), 0);
	assert_true(json_is_true(vector_get(j, "development")));
	assert_int_equal(json_array_size(vector_get(j, "calldata")), 8);
	assert_int_equal(verdict(j, &key_bytes[0]), 0);
	assert_int_equal(verdict(j, &key_bytes[1]), CDX_E_PROOF);
	json_decref(j);

	/* the pin outlives the process, and says which key it is */
	reopen(e);
	assert_int_equal(
		cdx_client_json(&e->c, &j, "GET", "/control/v1/status"), 0);
	assert_int_equal(json_array_size(vector_get(j, "proofKeys")), 1);
	json_decref(j);
	assert_int_equal(result(e, "POST", made, PROVE), 0);
	assert_int_equal(findings(e), 0);
}

/* Another key for as many samples takes the first one's place */
static void replaced(void **state)
{
	struct env *e = *state;
	char made[CDX_CID_TEXT_MAX];
	char old[512];
	json_t *j;

	make_slots(e, made);
	assert_int_equal(import_only(e, &key_bytes[0], true), 0);
	assert_int_equal(result(e, "POST", made, PROVE), 0);
	key_path(e, old);
	assert_int_equal(import_only(e, &key_bytes[1], true), 0);
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(ask(e, &j, "POST", made, PROVE), 0);
	assert_int_equal(verdict(j, &key_bytes[1]), 0);
	json_decref(j);
	/* the same again changes nothing */
	assert_int_equal(import_only(e, &key_bytes[1], true), 0);
	assert_int_equal(result(e, "POST", made, PROVE), 0);
	assert_int_equal(findings(e), 0);
}

/* A bad key leaves the good one */
static void bad_key(void **state)
{
	struct env *e = *state;
	struct cdx_buf bad = {0};
	char made[CDX_CID_TEXT_MAX];

	make_slots(e, made);
	assert_int_equal(import_only(e, &key_bytes[0], true), 0);
	cdx_buf_put(&bad, key_bytes[1].p, key_bytes[1].len);
	bad.p[bad.len / 2] ^= 1; /* in a point */
	assert_int_equal(import_only(e, &bad, true), CDX_E_FORMAT);
	bad.len--;
	assert_int_equal(import_only(e, &bad, true), CDX_E_FORMAT);
	cdx_buf_free(&bad);
	assert_int_equal(result(e, "POST", made, PROVE), 0);
}

/* A pinned file that changes or goes is noticed by use and by fsck */
static void changed(void **state)
{
	struct env *e = *state;
	char made[CDX_CID_TEXT_MAX];
	char path[512];
	uint8_t byte;
	int fd;

	make_slots(e, made);
	assert_int_equal(import_only(e, &key_bytes[0], true), 0);
	key_path(e, path);
	reopen(e);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(cdx_pread_full(fd, &byte, 1, 1000), 0);
	byte ^= 1;
	assert_int_equal(cdx_pwrite_full(fd, &byte, 1, 1000), 0);
	cdx_closep(&fd);
	assert_int_equal(result(e, "POST", made, PROVE), CDX_E_HASH);
	assert_int_equal(findings(e), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(result(e, "POST", made, PROVE), CDX_E_HASH);
	assert_int_equal(findings(e), 1);
	assert_int_equal(import_only(e, &key_bytes[0], true), 0);
	assert_int_equal(result(e, "POST", made, PROVE), 0);
	assert_int_equal(findings(e), 0);
}

static void wrong_calls(void **state)
{
	struct env *e = *state;
	char made[CDX_CID_TEXT_MAX];
	json_t *j = NULL;

	make_slots(e, made);
	assert_int_equal(result(e, "POST", made,
				"/prove?slots=0,1&challenge=" CHALLENGE),
			 -EINVAL);
	assert_int_equal(result(e, "POST", made,
				"/prove?slots=7&challenge=" CHALLENGE),
			 -EINVAL);
	assert_int_equal(result(e, "POST", made, "/prove?slots=1"), -EINVAL);
	assert_int_equal(result(e, "POST", made,
				"/prove?slots=1&challenge=" CHALLENGE
				"&samples=0"),
			 -EINVAL);
	assert_int_equal(cdx_client_lines(&e->c, &j, "POST",
					  "/control/v1/proof/keys?path=a.zkey",
					  NULL, NULL),
			 -EINVAL);
	json_decref(j);
	j = NULL;
	assert_int_equal(
		cdx_client_lines(&e->c, &j, "POST",
				 "/control/v1/proof/keys?path=/no/where", NULL,
				 NULL),
		-ENOENT);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_life, setup, teardown),
		cmocka_unit_test_setup_teardown(replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_key, setup, teardown),
		cmocka_unit_test_setup_teardown(changed, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_calls, setup, teardown),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
