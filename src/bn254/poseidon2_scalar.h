/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_POSEIDON2_SCALAR_H
#define CDX_BN254_POSEIDON2_SCALAR_H

#include "bn254/fr.h"

/* One permutation in place, per back end */
void cdx_poseidon2_portable(struct cdx_fr state[3]);
/* Call these only when cdx_adx_have(); a pair takes less than two single ones */
void cdx_poseidon2_adx(struct cdx_fr state[3]);
void cdx_poseidon2_adx_pair(struct cdx_fr (*state)[3]);

#endif
