/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/durability.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#define SLOTS_MAX 256u
#define NINES_MAX 15.0

static bool is_time(double s)
{
	return isfinite(s) && s > 0;
}

static int check(const struct cdx_durability *d)
{
	if (d->k == 0 || d->k > SLOTS_MAX || d->m > SLOTS_MAX - d->k ||
	    d->lazy == 0 || d->lazy > d->m + 1 || !is_time(d->mttf_s) ||
	    !is_time(d->mttr_s) || !is_time(d->mtbp_s))
		return -EINVAL;
	return 0;
}

/*
 * States are (lost, noticed).  From each the chain goes on to more lost, or more
 * noticed, or, by a repair, back to the first state: but for that there is no way
 * back.  So eliminating the states from the last to the first is one pass, and of
 * each only what is seen from it is needed: the time until the chain is back in the
 * first state or everything is lost, and the probability of the latter.  Nothing is
 * subtracted, so nothing cancels, however small the probability.
 */
struct seen {
	double time;
	double lost;
};

int cdx_durability_mtta(double *out, const struct cdx_durability *d)
{
	/* of the states with one more lost, and of those with this many */
	struct seen more[SLOTS_MAX + 1];
	struct seen here[SLOTS_MAX + 1];

	if (check(d) != 0)
		return -EINVAL;
	for (uint32_t f = 0; f <= d->m; f++)
		more[f] = (struct seen){.time = 0, .lost = 1};
	for (uint32_t l = d->m + 1; l-- > 0;) {
		double loss = (d->k + d->m - l) / d->mttf_s;

		for (uint32_t f = l + 1; f-- > 0;) {
			double notice = (l - f) / d->mtbp_s;
			double repair = f >= d->lazy ? 1 / d->mttr_s : 0;
			double rate = loss + notice + repair;
			struct seen s = {.time = 1 + loss * more[f].time,
					 .lost = loss * more[f].lost};

			if (f < l) {
				s.time += notice * here[f + 1].time;
				s.lost += notice * here[f + 1].lost;
			}
			here[f] = (struct seen){.time = s.time / rate,
						.lost = s.lost / rate};
		}
		for (uint32_t f = 0; f <= l; f++)
			more[f] = here[f];
	}
	/* too unlikely for a number: never */
	*out = more[0].lost > 0 ? more[0].time / more[0].lost : HUGE_VAL;
	return 0;
}

int cdx_durability_loss(double *out, const struct cdx_durability *d,
			double horizon_s)
{
	double mtta;

	if (cdx_durability_mtta(&mtta, d) != 0 || !is_time(horizon_s))
		return -EINVAL;
	*out = -expm1(-horizon_s / mtta);
	return 0;
}

int cdx_durability_hosts(double *out, const struct cdx_durability *d,
			 uint32_t worst, double horizon_s)
{
	struct cdx_durability h = *d;
	uint32_t hosts;

	if (check(d) != 0 || worst == 0 || worst > d->k + d->m)
		return -EINVAL;
	hosts = (d->k + d->m + worst - 1) / worst;
	h.m = d->m / worst;
	h.k = hosts - h.m;
	h.lazy = (d->lazy + worst - 1) / worst;
	if (h.lazy > h.m + 1)
		h.lazy = h.m + 1;
	return cdx_durability_loss(out, &h, horizon_s);
}

double cdx_durability_nines(double loss)
{
	if (loss >= 1)
		return 0;
	return loss > 0 ? fmin(-log10(loss), NINES_MAX) : NINES_MAX;
}

int cdx_durability_ask(double *nines, const struct cdx_ask *ask,
		       uint32_t filled, uint32_t worst, uint64_t period,
		       double horizon_s)
{
	struct cdx_durability d = {.lazy = 1,
				   .mttf_s = CDX_HOST_MTTF_S,
				   .mttr_s = CDX_HOST_MTTR_S};
	uint64_t open = ask->slots - filled;
	uint64_t probability;
	double loss;

	if (filled > ask->slots || open > ask->max_slot_loss ||
	    ask->max_slot_loss >= ask->slots || ask->slots > SLOTS_MAX ||
	    cdx_u256_to_u64(&probability, &ask->proof_probability) < 0)
		return -EINVAL;
	d.k = (uint32_t)(ask->slots - ask->max_slot_loss);
	d.m = (uint32_t)(ask->max_slot_loss - open);
	d.mtbp_s = CDX_HOST_MISSES * (double)probability * (double)period;
	if (cdx_durability_hosts(&loss, &d, worst, horizon_s) < 0)
		return -EINVAL;
	*nines = cdx_durability_nines(loss);
	return 0;
}
