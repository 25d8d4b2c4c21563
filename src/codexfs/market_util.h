/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_MARKET_UTIL_H
#define CDX_CODEXFS_MARKET_UTIL_H

#include <stdbool.h>
#include <stdint.h>

#include "codexfs/cli.h"
#include "codexfs/chain.h"

/* What the verbs of the market share. */

/* A member that is a number, 0 when it is not there */
long long market_number(const json_t *j, const char *name);
/* An amount in tokens with their symbol, or in smallest units where @token (as the
 * control socket has it) is null */
#define MARKET_AMOUNT_MAX (CHAIN_AMOUNT_MAX + 70)
void market_units(char out[MARKET_AMOUNT_MAX], const struct cdx_u256 *v,
		  const json_t *token);
/* The same of a member */
void market_amount(char out[MARKET_AMOUNT_MAX], const json_t *j,
		   const char *name, const json_t *token);
/* "2027-12-31 10:00 UTC"; 0 is @none */
void market_time(char out[32], long long seconds, const char *none);
/* "30d", "1h 30m", "15s" */
void market_span(char out[32], unsigned long long seconds);

/* The token's decimals, asked of @c; tells what is wrong and that --units raw does
 * without.  0 or the exit status. */
CDX_MUST_CHECK int market_decimals(struct cdx_client *c, unsigned *out);

/* Values of options; tell the user.  -EINVAL.  Prices: whole numbers above 0 of the
 * token's smallest units. */
CDX_MUST_CHECK int market_price_option(const char **out, const char *name,
				       const char *text);
CDX_MUST_CHECK int market_span_option(uint64_t *out, const char *name,
				      const char *text);

#endif
