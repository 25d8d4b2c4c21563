/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The slots of purchases: who has them, which were proven. */
#include "config.h"

#include "market/purchase_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t slot_key(const struct purchase *b, unsigned index)
{
	struct cdx_b32 slot;

	cdx_slot_id(&slot, &b->id, index);
	return purchase_key_of(slot.b);
}

int purchase_slots_new(struct purchase *b)
{
	uint64_t n = b->rec.what.ask.slots;

	/* nobody of ours asks for more: such a request is only paid and withdrawn */
	if (b->foreign || n > PURCHASE_SLOTS_MAX)
		return 0;
	b->slots = calloc(n, sizeof(*b->slots));
	if (b->slots == NULL)
		return -ENOMEM;
	for (; b->n_slots < n; b->n_slots++)
		if (cdx_map_put(&b->p->by_slot, slot_key(b, b->n_slots), b) < 0)
			return -ENOMEM;
	return 0;
}

void purchase_slots_free(struct purchase *b)
{
	for (unsigned i = 0; i < b->n_slots; i++)
		(void)cdx_map_del(&b->p->by_slot, slot_key(b, i));
	free(b->slots);
	b->slots = NULL;
	b->n_slots = 0;
}

/* Slots of the host at @at among those behind it */
static unsigned same_host(const struct purchase *b, unsigned at)
{
	unsigned n = 1;

	for (unsigned i = at + 1; i < b->n_slots; i++)
		if (b->slots[i].filled &&
		    memcmp(b->slots[i].host.b, b->slots[at].host.b,
			   sizeof(b->slots[i].host.b)) == 0)
			n++;
	return n;
}

static bool seen_before(const struct purchase *b, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (b->slots[i].filled &&
		    memcmp(b->slots[i].host.b, b->slots[at].host.b,
			   sizeof(b->slots[i].host.b)) == 0)
			return true;
	return false;
}

static void count(struct purchase *b)
{
	unsigned n;

	b->filled = 0;
	b->hosts = 0;
	b->worst = 0;
	b->proven = b->n_slots > 0;
	for (unsigned i = 0; i < b->n_slots; i++) {
		const struct purchase_slot *s = &b->slots[i];

		if (!s->filled || s->proven == 0)
			b->proven = false;
		if (!s->filled)
			continue;
		b->filled++;
		if (seen_before(b, i))
			continue;
		b->hosts++;
		n = same_host(b, i);
		if (n > b->worst)
			b->worst = n;
	}
	b->p->stale = true;
	purchase_soon(b->p);
}

void purchase_slots_event(struct purchase *b, const struct cdx_market_event *e,
			  uint64_t block, bool removed)
{
	struct purchase_slot *s;

	if (e->slot_index >= b->n_slots)
		return;
	s = &b->slots[e->slot_index];
	/* whatever it is: who has it now is asked for.  One that comes late, behind
	 * a later one, says nothing of the proofs. */
	purchase_ask_host(b, (unsigned)e->slot_index);
	if (removed) {
		if (s->changed == block)
			s->changed = 0;
	} else if (block > s->changed) {
		s->changed = block;
		if (s->proven <= block)
			s->proven = 0;
	}
	count(b);
}

/* A slot can be proven once in a period, and the fill is a proof of its own: a later
 * one is of a later period */
void purchase_slots_proof(struct cdx_purchasing *p, const struct cdx_b32 *slot,
			  uint64_t block, bool removed)
{
	struct purchase *b = cdx_map_get(&p->by_slot, purchase_key_of(slot->b));
	struct cdx_b32 id;

	for (unsigned i = 0; b != NULL && i < b->n_slots; i++) {
		struct purchase_slot *s = &b->slots[i];

		cdx_slot_id(&id, &b->id, i);
		if (memcmp(id.b, slot->b, sizeof(id.b)) != 0)
			continue;
		if (removed && s->proven == block)
			s->proven = 0;
		else if (!removed && s->changed != 0 && block > s->changed &&
			 block > s->proven)
			s->proven = block;
		else
			return;
		count(b);
		return;
	}
}

void purchase_slots_look(struct purchase *b)
{
	for (unsigned i = 0; i < b->n_slots; i++)
		purchase_ask_host(b, i);
}

void purchase_slots_host(struct purchase *b, unsigned index,
			 const struct cdx_addr *host)
{
	static const struct cdx_addr nobody;
	struct purchase_slot *s = &b->slots[index];
	bool filled = memcmp(host->b, nobody.b, sizeof(host->b)) != 0;

	if (!s->known) {
		s->known = true;
		b->p->stale = true;
	}
	if (filled == s->filled &&
	    memcmp(host->b, s->host.b, sizeof(host->b)) == 0)
		return;
	s->filled = filled;
	s->host = *host;
	count(b);
}
