/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/hash.h"

#define POLL_MS 50u

void cdx_proof_random_fr(struct cdx_fr *out)
{
	uint8_t b[CDX_FR_BYTES];

	/* r has 254 bits: three draws in four are below it */
	do {
		cdx_random(b, sizeof(b));
		b[CDX_FR_BYTES - 1] &= 0x3f;
	} while (cdx_fr_from_bytes(out, b) < 0 || cdx_fr_is_zero(out));
	cdx_wipe(b, sizeof(b));
}

void cdx_proof_wipe_free(void *p, size_t len)
{
	if (p != NULL)
		cdx_wipe(p, len);
	free(p);
}

void cdx_proof_wait(struct cdx_tasks *tasks, const struct cdx_groth16_run *run,
		    atomic_int *rc)
{
	while (!cdx_tasks_wait_ms(tasks, POLL_MS)) {
		unsigned added;
		unsigned done;
		int none = 0;

		cdx_tasks_counts(tasks, &added, &done);
		if (run->progress != NULL)
			run->progress(run->arg, done, added);
		if (run->cancel != NULL && run->cancel(run->arg))
			(void)atomic_compare_exchange_strong(rc, &none,
							     -ECANCELED);
	}
}
