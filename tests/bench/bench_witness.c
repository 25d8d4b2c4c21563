/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bn254/backend.h"
#include "bn254/poseidon2.h"
#include "proof/circuit.h"
#include "tests/unit/circuit_kit.h"

/*
 * The circuit's witness in CPU milliseconds, one thread, and as a multiple of
 * the scalar permutations that it has in it, 8 and 68 a sample, made one behind
 * the other in the same run; and making the constraint system.  The best of
 * several rounds, which are interleaved, so that another process's burst does
 * not fall on one row.
 */

#define ROUNDS_DEFAULT 15
#define PERMUTATIONS(n) (8 + 68 * (n))
#define SYSTEM_SAMPLES 5u

static const uint32_t samples[] = {1, 5, 20, 100};
#define ROWS CDX_ARRAY_LEN(samples)

struct row {
	struct cdx_proof_inputs in;
	double witness;
	double permutations;
};

static double cpu_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void best(double *to, double begin)
{
	const double ms = cpu_ms() - begin;

	if (*to == 0 || ms < *to)
		*to = ms;
}

static void run_row(struct row *r, struct cdx_fr *w)
{
	struct cdx_fr s[3] = {cdx_fr_one, cdx_fr_one, cdx_fr_one};
	char why[CDX_PROOF_WHY_MAX];
	double begin = cpu_ms();

	if (cdx_circuit_witness(w, &r->in, why) < 0)
		abort();
	best(&r->witness, begin);
	begin = cpu_ms();
	for (uint32_t i = 0; i < PERMUTATIONS(r->in.samples); i++)
		cdx_poseidon2_permute(s);
	best(&r->permutations, begin);
}

static void run_system(double *make, double *write)
{
	struct cdx_buf b = {0};
	struct cdx_r1cs r;
	double begin = cpu_ms();

	if (cdx_circuit_r1cs(&r, SYSTEM_SAMPLES) < 0)
		abort();
	best(make, begin);
	begin = cpu_ms();
	if (cdx_r1cs_write(&b, &r) < 0)
		abort();
	best(write, begin);
	cdx_buf_free(&b);
	cdx_r1cs_free(&r);
}

/* Least squares: witness = a + b samples */
static void print_fit(const struct row *row)
{
	double n = 0;
	double x = 0;
	double y = 0;
	double xx = 0;
	double xy = 0;
	double slope;

	for (size_t i = 0; i < ROWS; i++) {
		n++;
		x += samples[i];
		y += row[i].witness;
		xx += (double)samples[i] * samples[i];
		xy += samples[i] * row[i].witness;
	}
	slope = (n * xy - x * y) / (n * xx - x * x);
	printf("fit: %.3f ms and %.4f ms a sample\n", (y - slope * x) / n,
	       slope);
}

int main(void)
{
	const struct circuit_case c = {"bench", 11, 3, 9, false};
	const char *given = getenv("CDX_COUNT");
	unsigned long rounds = given ? strtoul(given, NULL, 10) : 0;
	struct seed seed = {1};
	struct row row[ROWS] = {0};
	double make = 0;
	double write = 0;
	struct cdx_fr *w =
		calloc(cdx_circuit_wires(samples[ROWS - 1]), sizeof(*w));

	if (rounds == 0)
		rounds = ROUNDS_DEFAULT;
	for (size_t i = 0; i < ROWS; i++)
		if (kit_inputs(&row[i].in, &c, samples[i], &seed) < 0)
			return 1;
	if (!w)
		return 1;
	for (unsigned long round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ROWS; i++)
			run_row(&row[i], w);
		run_system(&make, &write);
	}
	printf("witness, %-10s %9s %12s %14s %6s\n",
	       cdx_bn254_backend_name(cdx_bn254_backend()), "ms", "ms a sample",
	       "permutations", "ratio");
	for (size_t i = 0; i < ROWS; i++) {
		printf("%4u samples %16.3f %12.4f %11.3f ms %6.2f\n",
		       samples[i], row[i].witness, row[i].witness / samples[i],
		       row[i].permutations,
		       row[i].witness / row[i].permutations);
		cdx_proof_inputs_free(&row[i].in);
	}
	print_fit(row);
	printf("constraints of %u samples: made in %.1f ms, written in %.1f\n",
	       SYSTEM_SAMPLES, make, write);
	free(w);
	return 0;
}
