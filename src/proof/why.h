/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_WHY_H
#define CDX_PROOF_WHY_H

#include "base/attr.h"

/* Room for the reason that every reader of this module gives */
#define CDX_PROOF_WHY_MAX 200u

/**
 * cdx_refuse - says why something is refused
 *
 * @why: written, cut when it is too long; what it quotes may be of a stranger,
 *       so whatever is not plain ASCII becomes a question mark
 * @err: returned
 */
CDX_PRINTF(3, 4)
int cdx_refuse(char why[CDX_PROOF_WHY_MAX], int err, const char *fmt, ...);

#endif
