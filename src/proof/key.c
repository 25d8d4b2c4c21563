/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/io.h"
#include "proof/circuit.h"
#include "proof/trial.h"

/* Wires of no samples, and of each */
static int samples_of(uint32_t wires, uint32_t *out)
{
	const uint32_t none = cdx_circuit_wires(0);
	const uint32_t each = cdx_circuit_wires(1) - none;

	if (wires <= none || (wires - none) % each != 0 ||
	    (wires - none) / each > CDX_CIRCUIT_SAMPLES_MAX)
		return -EDOM;
	*out = (wires - none) / each;
	return 0;
}

static int map_file(struct cdx_proof_key *k, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size == 0)
		return CDX_E_FORMAT;
	k->len = (size_t)st.st_size;
	k->map = mmap(NULL, k->len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (k->map == MAP_FAILED) {
		k->map = NULL;
		return -errno;
	}
	return 0;
}

/* The file's pages are not needed all at once: out of this process's memory with
 * them.  They stay in the page cache, and come back by themselves. */
static void let_go(const struct cdx_proof_key *k)
{
	(void)madvise(k->map, k->len, MADV_DONTNEED);
}

static int look(struct cdx_proof_key *k, const struct cdx_digest *pin,
		char why[CDX_PROOF_WHY_MAX])
{
	int rc;

	cdx_sha256(&k->sha256, k->map, k->len);
	let_go(k);
	if (pin != NULL &&
	    memcmp(pin->b, k->sha256.b, sizeof(k->sha256.b)) != 0) {
		snprintf(why, CDX_PROOF_WHY_MAX,
			 "it is not the key that was checked and pinned: its "
			 "SHA-256 is another");
		return CDX_E_HASH;
	}
	rc = cdx_zkey_open(&k->zkey, k->map, k->len, why);
	if (rc < 0)
		return rc;
	rc = samples_of(k->zkey.wires, &k->samples);
	if (rc < 0)
		snprintf(
			why, CDX_PROOF_WHY_MAX,
			"it is for a circuit of %u wires; ours has %u with one "
			"sample and %u for each more",
			k->zkey.wires, cdx_circuit_wires(1),
			cdx_circuit_wires(2) - cdx_circuit_wires(1));
	return rc;
}

int cdx_proof_key_open(struct cdx_proof_key *out, int dirfd, const char *path,
		       const struct cdx_digest *pin,
		       char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_proof_key k = {.map = NULL};
	int fd = openat(dirfd, path,
			O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	why[0] = '\0';
	if (fd < 0)
		rc = -errno;
	else
		rc = map_file(&k, fd);
	if (rc < 0)
		snprintf(why, CDX_PROOF_WHY_MAX, "%s",
			 rc == -EINVAL	      ? "it is not a regular file"
			 : rc == CDX_E_FORMAT ? "it is empty"
					      : cdx_strerror(rc));
	else
		rc = look(&k, pin, why);
	cdx_closep(&fd);
	if (rc < 0)
		cdx_proof_key_close(&k);
	else
		*out = k;
	return rc;
}

void cdx_proof_key_close(struct cdx_proof_key *k)
{
	if (k->map != NULL)
		(void)munmap(k->map, k->len);
	k->map = NULL;
}

int cdx_proof_make(struct cdx_proof *out, struct cdx_fr *public,
		   const struct cdx_proof_key *k,
		   const struct cdx_proof_inputs *in,
		   const struct cdx_groth16_run *run,
		   char why[CDX_PROOF_WHY_MAX])
{
	const uint32_t wires = k->zkey.wires;
	struct cdx_fr *w;
	int rc;

	why[0] = '\0';
	if (in->samples != k->samples) {
		snprintf(why, CDX_PROOF_WHY_MAX,
			 "the inputs have %u samples, the key is for %u",
			 in->samples, k->samples);
		return -EINVAL;
	}
	w = malloc((size_t)wires * sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	let_go(k);
	rc = cdx_circuit_witness(w, in, why);
	if (rc == 0) {
		rc = cdx_groth16_prove(out, &k->zkey, w, wires, run);
		if (rc == CDX_E_PROOF)
			snprintf(why, CDX_PROOF_WHY_MAX,
				 "the proof that it gives does not verify");
	}
	if (rc == 0)
		memcpy(public, w + 1, CDX_CIRCUIT_PUBLIC * sizeof(*public));
	cdx_wipe(w, (size_t)wires * sizeof(*w));
	free(w);
	return rc;
}

static int trial(const struct cdx_proof_key *k,
		 const struct cdx_groth16_run *run, char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_proof_inputs in;
	struct cdx_fr public[CDX_CIRCUIT_PUBLIC];
	struct cdx_proof proof;
	int rc = cdx_proof_trial_inputs(&in, k->samples);

	if (rc < 0)
		return rc;
	rc = cdx_proof_make(&proof, public, k, &in, run, why);
	cdx_proof_inputs_free(&in);
	return rc;
}

int cdx_proof_key_check(const struct cdx_proof_key *k,
			const struct cdx_groth16_run *run,
			char why[CDX_PROOF_WHY_MAX])
{
	uint8_t random[32];
	struct cdx_r1cs r;
	int rc = cdx_circuit_r1cs(&r, k->samples);

	why[0] = '\0';
	if (rc < 0)
		return rc;
	cdx_random(random, sizeof(random));
	rc = cdx_zkey_check(&k->zkey, &r, random, why);
	cdx_r1cs_free(&r);
	if (rc < 0) /* a key of another circuit is no wrong argument */
		return rc == -EINVAL ? -EDOM : rc;
	return trial(k, run, why);
}
