/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_DURABILITY_H
#define CDX_MARKET_DURABILITY_H

#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"

/* How likely is it that a dataset is lost?  The chain of spec/durability.md 2.1 and
 * 2.2.  Pure. */

/* What is taken of hosts (docs/MARKET.md "Durability"): seconds until one fails, and
 * until its slots are made again; proofs that are missed until a loss is noticed */
#define CDX_HOST_MTTF_S (180.0 * 86400)
#define CDX_HOST_MTTR_S 86400.0
#define CDX_HOST_MISSES 2.0

struct cdx_durability {
	uint32_t k;
	uint32_t m;
	uint32_t lazy; /* l0: lost slots at which repair begins; from 1 */
	double mttf_s; /* of a host */
	double mttr_s; /* from the beginning of a repair to its end */
	double mtbp_s; /* between looks at a slot that can notice its loss */
};
/* Mean time until more than m slots are lost, seconds.  -EINVAL numbers that make no
 * sense (k = 0, k + m > 256, lazy of 0 or above m + 1, times that are not above 0). */
CDX_MUST_CHECK int cdx_durability_mtta(double *out,
				       const struct cdx_durability *d);
/* Probability of a loss within @horizon_s seconds.  Errors as above. */
CDX_MUST_CHECK int cdx_durability_loss(double *out,
				       const struct cdx_durability *d,
				       double horizon_s);
/* The same for slots of which some share a host: @worst slots go at once, so what
 * there is to lose is floor(m / worst) hosts of ceil((k + m) / worst) (a lower bound
 * of the durability). */
CDX_MUST_CHECK int cdx_durability_hosts(double *out,
					const struct cdx_durability *d,
					uint32_t worst, double horizon_s);
/* -log10(loss), at most 15.  Pure. */
double cdx_durability_nines(double loss);

#define CDX_DURABILITY_YEAR_S (365.25 * 86400)
/* Nines of what hosts have of a request now, for that long: @filled of its slots, of
 * which one host has up to @worst.  @period: of the contract, seconds.  -EINVAL it
 * says nothing: more slots are open than may be lost, or numbers that make no sense. */
CDX_MUST_CHECK int cdx_durability_ask(double *nines, const struct cdx_ask *ask,
				      uint32_t filled, uint32_t worst,
				      uint64_t period, double horizon_s);

#endif
