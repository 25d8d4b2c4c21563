/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_INTERNAL_H
#define CDX_PROOF_INTERNAL_H

#include <stdatomic.h>

#include "base/tasks.h"
#include "bn254/fr.h"
#include "proof/groth16.h"

/* What the files of this module share. */

/* From the kernel, each value from 1 to r - 1 equally likely */
void cdx_proof_random_fr(struct cdx_fr *out);
/* free(3) after wiping; NULL is allowed */
void cdx_proof_wipe_free(void *p, size_t len);

/* Until all tasks are done; *@rc becomes -ECANCELED when @run->cancel says so,
 * unless it is set already */
void cdx_proof_wait(struct cdx_tasks *tasks, const struct cdx_groth16_run *run,
		    atomic_int *rc);

#endif
