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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/io.h"
#include "proof/circuit.h"
#include "proof/key.h"
#include "seed.h"

/* Key files of our circuit, and of one that looks like it */

struct env {
	char dir[64];
	int fd; /* of dir */
	struct cdx_pool *pool;
	struct cdx_groth16_run run;
	struct cdx_r1cs r; /* one sample */
	char why[CDX_PROOF_WHY_MAX];
};

static struct seed seed;

static int to_fd(void *arg, const void *p, size_t len)
{
	return cdx_write_full(*(const int *)arg, p, len);
}

static int env_new(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	const char *tmp = getenv("TMPDIR");

	assert_non_null(e);
	(void)snprintf(e->dir, sizeof(e->dir), "%.40s/cdx-key-XXXXXX",
		       tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(e->dir));
	e->fd = open(e->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(e->fd >= 0);
	assert_int_equal(cdx_pool_new(&e->pool, cdx_pool_processors()), 0);
	e->run.pool = e->pool;
	assert_int_equal(cdx_circuit_r1cs(&e->r, 1), 0);
	*state = e;
	return 0;
}

static int env_free(void **state)
{
	struct env *e = *state;

	cdx_r1cs_free(&e->r);
	cdx_pool_free(e->pool);
	(void)unlinkat(e->fd, "key", 0);
	cdx_close(&e->fd);
	assert_int_equal(rmdir(e->dir), 0);
	free(e);
	return 0;
}

/* The file "key": a key for the circuit as it is in @e now */
static void make_key(struct env *e)
{
	int fd = openat(e->fd, "key", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			0600);

	assert_true(fd >= 0);
	assert_int_equal(cdx_groth16_setup(&e->r, to_fd, &fd, &e->run), 0);
	cdx_close(&fd);
}

static int open_key(struct env *e, struct cdx_proof_key *k,
		    const struct cdx_digest *pin)
{
	return cdx_proof_key_open(k, e->fd, "key", pin, e->why);
}

static void test_good(void **state)
{
	struct env *e = *state;
	struct cdx_digest pin;
	struct cdx_proof_key k;

	make_key(e);
	assert_int_equal(open_key(e, &k, NULL), 0);
	assert_int_equal(k.samples, 1);
	assert_true(k.zkey.development);
	assert_int_equal(cdx_proof_key_check(&k, &e->run, e->why), 0);
	pin = k.sha256;
	cdx_proof_key_close(&k);

	assert_int_equal(open_key(e, &k, &pin), 0);
	cdx_proof_key_close(&k);
	pin.b[31] ^= 1;
	assert_int_equal(open_key(e, &k, &pin), CDX_E_HASH);
	assert_non_null(strstr(e->why, "its SHA-256 is another"));
}

/* No key holds the matrix C, so that all coefficients of this one are ours; it
 * is sound in itself, but its circuit says something else. */
static void test_other_circuit(void **state)
{
	struct env *e = *state;
	const struct cdx_r1cs_matrix *c = &e->r.m[2];
	struct cdx_proof_key k;
	uint32_t row;

	do
		row = (uint32_t)seed_below(&seed, e->r.constraints);
	while (c->row[row] == c->row[row + 1] ||
	       c->term[c->row[row]].wire != 0);
	c->term[c->row[row]].coef =
		(c->term[c->row[row]].coef + 1) % e->r.coefs;
	make_key(e);
	assert_int_equal(open_key(e, &k, NULL), 0);
	assert_int_equal(cdx_proof_key_check(&k, &e->run, e->why), CDX_E_PROOF);
	assert_string_equal(e->why, "the proof that it gives does not verify");
	cdx_proof_key_close(&k);
}

static void refused(struct env *e, int rc, const char *words)
{
	struct cdx_proof_key k;

	assert_int_equal(open_key(e, &k, NULL), rc);
	assert_non_null(strstr(e->why, words));
}

/* What is no file with a key in it; a fifo that nobody writes to is not waited
 * for */
static void test_no_key(void **state)
{
	struct env *e = *state;
	int fd;

	refused(e, -ENOENT, "No such file");
	fd = openat(e->fd, "key", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	refused(e, CDX_E_FORMAT, "is empty");
	assert_int_equal(cdx_write_full(fd, "r1cs\1\0\0\0\0\0\0\0", 12), 0);
	refused(e, CDX_E_FORMAT, "not a .zkey file");
	cdx_close(&fd);
	assert_int_equal(unlinkat(e->fd, "key", 0), 0);
	assert_int_equal(mkfifoat(e->fd, "key", 0600), 0);
	(void)alarm(60);
	refused(e, -EINVAL, "is not a regular file");
	(void)alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, env_new, env_free),
		cmocka_unit_test_setup_teardown(test_other_circuit, env_new,
						env_free),
		cmocka_unit_test_setup_teardown(test_no_key, env_new, env_free),
	};

	seed = seed_start("proof_key");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
