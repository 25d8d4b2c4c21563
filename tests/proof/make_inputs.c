/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "proof/circuit.h"
#include "proof/wtns.h"
#include "tests/unit/circuit_kit.h"

/*
 * Usage: make_inputs DIR SAMPLES COUNT SEED
 *
 * Writes circuit.r1cs, and inputs with our verdict on them as N.json beside
 * N.wtns or N.refused (the reason): all edge cases, COUNT made-up datasets, and
 * COUNT more with something changed in them.
 */

struct job {
	const char *dir;
	uint32_t samples;
	struct seed seed;
	unsigned made;
	unsigned refused;
	struct cdx_fr *w;
};

static int write_file(const struct job *j, const char *name, const void *p,
		      size_t len)
{
	char path[PATH_MAX];
	FILE *f;
	bool ok;

	(void)snprintf(path, sizeof(path), "%s/%s", j->dir, name);
	f = fopen(path, "wb");
	if (!f)
		return -EIO;
	ok = fwrite(p, 1, len, f) == len;
	if (fclose(f) != 0 || !ok)
		return -EIO;
	return 0;
}

static int write_circuit(const struct job *j)
{
	struct cdx_r1cs r;
	struct cdx_buf b = {0};
	int rc = cdx_circuit_r1cs(&r, j->samples);

	if (rc < 0)
		return rc;
	rc = cdx_r1cs_write(&b, &r);
	if (rc == 0)
		rc = write_file(j, "circuit.r1cs", b.p, b.len);
	cdx_buf_free(&b);
	cdx_r1cs_free(&r);
	return rc;
}

static int write_input(struct job *j, const struct cdx_proof_inputs *in)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	char name[64];
	struct cdx_buf b = {0};
	int rc = cdx_proof_inputs_text(&b, in);

	(void)snprintf(name, sizeof(name), "%u.json", j->made);
	if (rc == 0)
		rc = write_file(j, name, b.p, b.len);
	cdx_buf_free(&b);
	if (rc < 0)
		return rc;
	if (cdx_circuit_witness(j->w, in, why) < 0) {
		(void)snprintf(name, sizeof(name), "%u.refused", j->made);
		rc = write_file(j, name, why, strlen(why));
		j->refused++;
	} else {
		(void)snprintf(name, sizeof(name), "%u.wtns", j->made);
		rc = cdx_wtns_write(&b, j->w, cdx_circuit_wires(j->samples));
		if (rc == 0)
			rc = write_file(j, name, b.p, b.len);
		cdx_buf_free(&b);
	}
	j->made++;
	return rc;
}

/* A number becomes another that the input format allows */
static void tamper_number(struct cdx_proof_inputs *in, struct seed *seed)
{
	switch (seed_below(seed, KIT_NUMBERS)) {
	case 0:
		in->slot_index = seed_below(seed, in->slots);
		break;
	case 1:
		in->slot_cells = UINT64_C(1) << (1 + seed_below(seed, 32));
		break;
	default:
		in->slots = in->slot_index + 1 +
			    seed_below(seed, 256 - in->slot_index);
	}
}

/* One scalar becomes another; mostly one of the few that are of no sample */
static void tamper(struct cdx_proof_inputs *in, struct seed *seed)
{
	const size_t few = 3 + CDX_INPUT_SLOT_DEPTH;
	const size_t all = few + (size_t)in->samples *
					 (in->cell_elements + CDX_INPUT_DEPTH);

	switch (seed_below(seed, 3)) {
	case 0:
		tamper_number(in, seed);
		break;
	case 1:
		kit_element(kit_scalar(in, seed_below(seed, few)), seed);
		break;
	default:
		kit_element(kit_scalar(in, seed_below(seed, all)), seed);
	}
}

static int make(struct job *j, const struct circuit_case *c, bool bent)
{
	struct cdx_proof_inputs in;
	int rc = kit_inputs(&in, c, j->samples, &j->seed);

	if (rc < 0)
		return rc;
	if (bent)
		tamper(&in, &j->seed);
	rc = write_input(j, &in);
	cdx_proof_inputs_free(&in);
	return rc;
}

static int make_all(struct job *j, unsigned long count)
{
	int rc = write_circuit(j);

	for (size_t i = 0; i < CIRCUIT_EDGES && rc == 0; i++)
		rc = make(j, &circuit_edges[i], false);
	for (unsigned long i = 0; i < 2 * count && rc == 0; i++) {
		const struct circuit_case c = kit_any(&j->seed);

		rc = make(j, &c, i >= count);
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct job j = {0};
	int rc;

	if (argc != 5) {
		(void)fprintf(stderr,
			      "usage: make_inputs DIR SAMPLES COUNT SEED\n");
		return 2;
	}
	j.dir = argv[1];
	j.samples = (uint32_t)strtoul(argv[2], NULL, 10);
	j.seed.state = strtoull(argv[4], NULL, 0);
	if (j.samples == 0 || j.samples > CDX_CIRCUIT_SAMPLES_MAX)
		return 2;
	j.w = calloc(cdx_circuit_wires(j.samples), sizeof(*j.w));
	if (!j.w)
		return 1;
	rc = make_all(&j, strtoul(argv[3], NULL, 10));
	free(j.w);
	if (rc < 0) {
		(void)fprintf(stderr, "make_inputs: input %u: error %d\n",
			      j.made, rc);
		return 1;
	}
	printf("%u inputs, %u of them refused\n", j.made, j.refused);
	return 0;
}
