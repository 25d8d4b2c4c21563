/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_STATUS_MARKET_H
#define CDX_CODEXFS_STATUS_MARKET_H

#include <jansson.h>

/* Prints the part "market" of a status for people; nothing for what is no object */
void status_market_print(const json_t *market);

#endif
