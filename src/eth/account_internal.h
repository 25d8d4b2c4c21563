/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_ACCOUNT_INTERNAL_H
#define CDX_ETH_ACCOUNT_INTERNAL_H

#include "eth/account.h"

/* Says in @why what is wrong, @words cut when they are too long; returns
 * @err.  Never give it bytes of a file. */
int cdx_account_refuse(char why[CDX_ACCOUNT_WHY_MAX], int err,
		       const char *words);

#endif
