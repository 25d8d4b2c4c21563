/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "bn254/backend.h"
#include "crypto/hash.h"
#include "proof/circuit.h"
#include "proof/key.h"
#include "proof/proof_json.h"
#include "proof/trial.h"

/*
 * The measurements of bench_proof.sh, one process each:
 *
 *   bench_proof prove KEY THREADS ROUNDS [BACKEND]
 *   bench_proof verify KEY ROUNDS
 *   bench_proof files VK PUBLIC PROOF ROUNDS [LIBRARY]
 *   bench_proof time COMMAND...
 *
 * prove: inputs, witness and proof of a trial dataset; the best round.
 * verify: one proof and a batch of 32, the best round.
 * files: from the texts of the three files to the verdict; by us, and by
 *        rapidsnark's library in the same rounds.
 * time: wall and processor time of a command, and its memory.
 * Prints name=value, times in milliseconds, memory in MiB.
 */

#define BATCH 32u

static double ms_of(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what, int rc)
{
	fprintf(stderr, "bench_proof: %s: %s\n", what, cdx_strerror(rc));
	exit(1);
}

static void least(double *best, double v)
{
	if (*best == 0 || v < *best)
		*best = v;
}

/* A key that was just made here: not checked again */
static void open_key(struct cdx_proof_key *k, const char *path)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	int rc = cdx_proof_key_open(k, AT_FDCWD, path, NULL, why);

	if (rc < 0)
		die(why, rc);
}

static struct cdx_fr *witness(const struct cdx_proof_key *k, double *ms)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_fr *w = calloc(k->zkey.wires, sizeof(*w));
	struct cdx_proof_inputs in;
	int rc = cdx_proof_trial_inputs(&in, k->samples);

	if (rc < 0 || w == NULL)
		die("inputs", rc);
	for (int i = 0; i < 5; i++) {
		double start = ms_of(CLOCK_MONOTONIC);

		rc = cdx_circuit_witness(w, &in, why);
		if (rc < 0)
			die(why, rc);
		least(ms, ms_of(CLOCK_MONOTONIC) - start);
	}
	cdx_proof_inputs_free(&in);
	return w;
}

static void print_memory(const char *name)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	double kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtod(line + 6, NULL);
	if (f != NULL)
		(void)fclose(f);
	printf("%s=%.1f\n", name, kib / 1024);
}

static int bench_prove(const char *path, unsigned threads, int rounds)
{
	struct cdx_groth16_run run = {.pool = NULL};
	struct cdx_proof_key k;
	struct cdx_proof proof;
	struct cdx_fr *w;
	double wall = 0;
	double cpu = 0;
	double ms = 0;

	if (threads > 0 && cdx_pool_new(&run.pool, threads) < 0)
		return 1;
	open_key(&k, path);
	w = witness(&k, &ms);
	for (int i = 0; i < rounds; i++) {
		double start = ms_of(CLOCK_MONOTONIC);
		double used = ms_of(CLOCK_PROCESS_CPUTIME_ID);
		int rc = cdx_groth16_prove(&proof, &k.zkey, w, k.zkey.wires,
					   &run);

		if (rc < 0)
			die("prove", rc);
		least(&wall, ms_of(CLOCK_MONOTONIC) - start);
		least(&cpu, ms_of(CLOCK_PROCESS_CPUTIME_ID) - used);
	}
	printf("backend=%s\nsamples=%u\nwitness=%.2f\nwall=%.1f\ncpu=%.1f\n",
	       cdx_bn254_backend_name(cdx_bn254_backend()), k.samples, ms, wall,
	       cpu);
	print_memory("memory");
	free(w);
	cdx_proof_key_close(&k);
	cdx_pool_free(run.pool);
	return 0;
}

static int bench_verify(const char *path, int rounds)
{
	struct cdx_groth16_run run = {.pool = NULL};
	struct cdx_proof proof[BATCH];
	uint8_t public[BATCH * CDX_CIRCUIT_PUBLIC][CDX_FR_BYTES];
	struct cdx_verifier *v;
	struct cdx_proof_key k;
	struct cdx_vk vk;
	double one = 0;
	double many = 0;
	int rc = 0;

	open_key(&k, path);
	if (cdx_zkey_vk(&vk, &k.zkey) < 0 || cdx_verifier_new(&v, &vk) < 0)
		return 1;
	for (size_t i = 0; i < BATCH && rc == 0; i++) {
		double ms = 0;
		struct cdx_fr *w = witness(&k, &ms);

		rc = cdx_groth16_prove(&proof[i], &k.zkey, w, k.zkey.wires,
				       &run);
		for (size_t j = 0; j < CDX_CIRCUIT_PUBLIC; j++)
			cdx_fr_to_bytes(public[i * CDX_CIRCUIT_PUBLIC + j],
					&w[j + 1]);
		free(w);
	}
	for (int i = 0; i < rounds && rc == 0; i++) {
		double start = ms_of(CLOCK_PROCESS_CPUTIME_ID);

		rc = cdx_verify(v, &proof[0],
				(const uint8_t(*)[CDX_FR_BYTES]) public,
				CDX_CIRCUIT_PUBLIC);
		least(&one, ms_of(CLOCK_PROCESS_CPUTIME_ID) - start);
		start = ms_of(CLOCK_PROCESS_CPUTIME_ID);
		if (rc == 0)
			rc = cdx_verify_batch(
				v, proof, BATCH,
				(const uint8_t(*)[CDX_FR_BYTES]) public,
				CDX_CIRCUIT_PUBLIC);
		least(&many, ms_of(CLOCK_PROCESS_CPUTIME_ID) - start);
	}
	if (rc < 0)
		die("verify", rc);
	printf("one=%.3f\nbatch=%.3f\n", one, many);
	cdx_verifier_free(v);
	cdx_vk_free(&vk);
	cdx_proof_key_close(&k);
	return 0;
}

/* ---- from files, beside rapidsnark ---- */

typedef int peer_fn(const char *proof, const char *public, const char *vk,
		    char *error, unsigned long size);

/* A file as text; never freed */
static char *text_of(const char *path)
{
	static const size_t max = 1 << 20;
	char *text = calloc(1, max + 1);
	ssize_t n =
		text == NULL ? -1 : cdx_file_read(AT_FDCWD, path, text, max);

	if (n < 0)
		die(path, (int)n);
	return text;
}

static int verify_texts(const char *vk_text, const char *public_text,
			const char *proof_text)
{
	uint8_t public[CDX_CIRCUIT_PUBLIC][CDX_FR_BYTES];
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_verifier *v = NULL;
	struct cdx_proof proof;
	struct cdx_vk vk = {0};
	struct cdx_fr *x = NULL;
	uint32_t n = 0;
	int rc = cdx_vk_read(&vk, vk_text, strlen(vk_text), why);

	if (rc == 0)
		rc = cdx_public_read(&x, &n, public_text, strlen(public_text),
				     why);
	for (uint32_t i = 0; rc == 0 && i < n && i < CDX_CIRCUIT_PUBLIC; i++)
		cdx_fr_to_bytes(public[i], &x[i]);
	if (rc == 0)
		rc = cdx_proof_read(&proof, proof_text, strlen(proof_text),
				    why);
	if (rc == 0)
		rc = cdx_verifier_new(&v, &vk);
	if (rc == 0)
		rc = cdx_verify(v, &proof,
				(const uint8_t(*)[CDX_FR_BYTES]) public, n);
	cdx_verifier_free(v);
	cdx_vk_free(&vk);
	free(x);
	return rc;
}

static int bench_files(char **argv, int argc)
{
	const char *vk = text_of(argv[2]);
	const char *public = text_of(argv[3]);
	const char *proof = text_of(argv[4]);
	const long rounds = strtol(argv[5], NULL, 10);
	void *lib = argc > 6 ? dlopen(argv[6], RTLD_NOW) : NULL;
	void *symbol = lib == NULL ? NULL : dlsym(lib, "groth16_verify");
	peer_fn *peer;
	char error[256];
	double ours = 0;
	double theirs = 0;

	/* ISO C has no conversion from object to function pointers */
	memcpy(&peer, &symbol, sizeof(peer));
	for (long i = 0; i < rounds; i++) {
		double start = ms_of(CLOCK_PROCESS_CPUTIME_ID);
		int rc = verify_texts(vk, public, proof);

		if (rc < 0)
			die("verify", rc);
		least(&ours, ms_of(CLOCK_PROCESS_CPUTIME_ID) - start);
		if (peer == NULL)
			continue;
		start = ms_of(CLOCK_PROCESS_CPUTIME_ID);
		if (peer(proof, public, vk, error, sizeof(error)) != 0)
			die("the peer refuses the proof", CDX_E_PROOF);
		least(&theirs, ms_of(CLOCK_PROCESS_CPUTIME_ID) - start);
	}
	printf("ours=%.3f\n", ours);
	if (peer != NULL)
		printf("theirs=%.3f\n", theirs);
	return 0;
}

/* ---- commands ---- */

static double ms_of_tv(const struct timeval *t)
{
	return (double)t->tv_sec * 1e3 + (double)t->tv_usec / 1e3;
}

static int time_command(char **argv)
{
	double start = ms_of(CLOCK_MONOTONIC);
	struct rusage u;
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(null, STDOUT_FILENO);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) < 0 || status != 0) {
		fprintf(stderr, "bench_proof: %s failed\n", argv[0]);
		return 1;
	}
	printf("wall=%.1f\ncpu=%.1f\nmemory=%.1f\n",
	       ms_of(CLOCK_MONOTONIC) - start,
	       ms_of_tv(&u.ru_utime) + ms_of_tv(&u.ru_stime),
	       (double)u.ru_maxrss / 1024);
	return 0;
}

static bool force_backend(const char *name)
{
	for (int b = 0; b < CDX_BN254_BACKENDS; b++) {
		enum cdx_bn254_backend one = (enum cdx_bn254_backend)b;

		if (strcmp(cdx_bn254_backend_name(one), name) != 0)
			continue;
		if (!cdx_bn254_backend_have(one))
			return false;
		cdx_bn254_backend_force(one);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "time") == 0)
		return time_command(argv + 2);
	if (argc >= 6 && argc <= 7 && strcmp(argv[1], "files") == 0)
		return bench_files(argv, argc);
	if (argc == 4 && strcmp(argv[1], "verify") == 0)
		return bench_verify(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc >= 5 && argc <= 6 && strcmp(argv[1], "prove") == 0) {
		if (argc == 6 && !force_backend(argv[5]))
			return 77;
		return bench_prove(argv[2],
				   (unsigned)strtoul(argv[3], NULL, 10),
				   (int)strtol(argv[4], NULL, 10));
	}
	fputs("usage: bench_proof prove KEY THREADS ROUNDS [BACKEND]\n"
	      "       bench_proof verify KEY ROUNDS\n"
	      "       bench_proof files VK PUBLIC PROOF ROUNDS [LIBRARY]\n"
	      "       bench_proof time COMMAND...\n",
	      stderr);
	return 2;
}
