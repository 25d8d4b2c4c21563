/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_POSEIDON2_TRACE_SCALAR_H
#define CDX_BN254_POSEIDON2_TRACE_SCALAR_H

#include "bn254/poseidon2_trace.h"

/* cdx_poseidon2_trace, per back end */
void cdx_poseidon2_trace_portable(struct cdx_fr state[3],
				  struct cdx_poseidon2_trace *trace);
/* Call only when cdx_adx_have() */
void cdx_poseidon2_trace_adx(struct cdx_fr state[3],
			     struct cdx_poseidon2_trace *trace);

#endif
