/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdlib.h>

#include "market/proving_internal.h"

/* Blocks of which the time between two is taken */
#define PACE_BLOCKS 16u
/* A period that wants more proofs than can be made may come once in so many. */
#define RARE 1000.0
/* Slots that one period's proofs are counted for, one by one */
#define COUNT_MAX 4096u

#define NS_PER_S UINT64_C(1000000000)

/* At most a fifth of a period, whatever the chain does. */
int64_t cdx_proving_two_blocks(const struct cdx_proving *p)
{
	const struct cdx_block *newest = cdx_head_latest(p->env->head);
	const struct cdx_block *old = NULL;
	int64_t most = (int64_t)p->env->config.period / 5;
	int64_t s = most;

	if (newest && newest->number >= PACE_BLOCKS)
		old = cdx_head_block(p->env->head,
				     newest->number - PACE_BLOCKS);
	if (old && old->timestamp <= newest->timestamp &&
	    newest->timestamp - old->timestamp < (uint64_t)INT32_MAX)
		s = (int64_t)(newest->timestamp - old->timestamp) * 2 /
		    PACE_BLOCKS;
	s = s > most ? most : s;
	return s < 1 ? 1 : s;
}

int64_t cdx_proving_pause(const struct cdx_proving *p)
{
	int64_t s = (int64_t)p->env->config.period / 16;

	return s < 1 ? 1 : s > 10 ? 10 : s;
}

/* Proofs that can be made in a period, less what sending takes */
static uint64_t can_make(const struct cdx_proving *p)
{
	uint64_t each = cdx_prover_time_ns(p->opts.prover);
	uint64_t s = p->env->config.period;
	uint64_t less = 2 * (uint64_t)cdx_proving_two_blocks(p);

	if (each == 0)
		return UINT64_MAX;
	s = s > less ? s - less : 1;
	return s * NS_PER_S * cdx_prover_lanes(p->opts.prover) / each;
}

/* chance[i]: that i slots want a proof in one period, all above the last one
 * together in it.  One slot more. */
static void one_more(double *chance, size_t last, uint64_t odds)
{
	double yes = odds > 1 ? 1.0 / (double)odds : 1.0;

	chance[last] += chance[last - 1] * yes;
	for (size_t i = last - 1; i > 0; i--)
		chance[i] = chance[i] * (1 - yes) + chance[i - 1] * yes;
	chance[0] *= 1 - yes;
}

bool cdx_proving_fits(const struct cdx_list *slots, uint64_t odds,
		      uint64_t most)
{
	double *chance;
	uint64_t n = 1;
	bool room;
	size_t last;

	cdx_list_foreach(pos, slots)
		n += !cdx_list_entry(pos, struct cdx_proving_slot, node)->dead;
	/* as many as there are slots is all that a period can want */
	if (most >= n)
		return true;
	if (most == 0 || most > COUNT_MAX)
		return false;
	last = (size_t)most + 1;
	chance = calloc(last + 1, sizeof(*chance));
	if (!chance)
		return false;
	chance[0] = 1;
	cdx_list_foreach(pos, slots) {
		const struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		if (!s->dead)
			one_more(chance, last, s->odds);
	}
	one_more(chance, last, odds);
	room = chance[last] < 1 / RARE;
	free(chance);
	return room;
}

bool cdx_proving_room(const struct cdx_proving *p,
		      const struct cdx_u256 *probability)
{
	return cdx_proving_fits(
		&p->slots,
		cdx_challenge_probability(probability, p->env->config.downtime),
		can_make(p));
}
