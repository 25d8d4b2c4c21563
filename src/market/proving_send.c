/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "market/proving_internal.h"

#define ONE "proof-"
#define MANY "proofs-"
#define SLOT_HEX (2 * sizeof(struct cdx_b32))

static void free_tx(struct proving_tx *tx)
{
	for (size_t i = 0; i < tx->n; i++) {
		struct cdx_proving_slot *s = tx->items[i].slot;

		if (s && s->tx == tx)
			s->tx = NULL;
	}
	cdx_list_del(&tx->node);
	free(tx);
}

static struct proving_tx *new_tx(struct cdx_proving *p, uint64_t period)
{
	struct proving_tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return NULL;
	tx->p = p;
	tx->period = period;
	cdx_list_add_tail(&p->txs, &tx->node);
	return tx;
}

/* ---- what became of it ---- */

/* The contract has one for this period, of the state with what is not in a block
 * yet.  It counts once it was there for as many blocks as a proof waits. */
static void had_already(struct cdx_proving_slot *s)
{
	struct cdx_proving *p = s->p;
	uint64_t height = cdx_head_latest(p->env->head)->number;

	s->alone = true;
	s->phase = PROVING_READY;
	s->again = cdx_head_now(p->env->head) + cdx_proving_pause(p);
	if (s->seen == 0)
		s->seen = height;
	if (height >= s->seen + p->env->confirmations) {
		cdx_proving_put(s, p->period, s->seen);
		cdx_proving_tell(s);
	}
}

/* The contract's words for: this is not yours (any more). */
static bool is_gone(enum cdx_revert_code code)
{
	return code == CDX_REVERT_PROOF_NOT_SUBMITTED_BY_HOST ||
	       code == CDX_REVERT_UNKNOWN_REQUEST ||
	       code == CDX_REVERT_SLOT_IS_FREE ||
	       code == CDX_REVERT_SLOT_NOT_ACCEPTING_PROOFS;
}

/* @many: it was not alone in the call, which is refused for any of them */
static void refused(struct cdx_proving_slot *s, bool many,
		    const struct cdx_revert *why)
{
	int64_t now = cdx_head_now(s->p->env->head);

	s->phase = s->has_words ? PROVING_READY : PROVING_IDLE;
	s->alone = true;
	s->again = many ? 0 : now + cdx_proving_pause(s->p);
	if (many)
		return;
	if (is_gone(why->code)) {
		cdx_proving_gone(s, why->words);
		return;
	}
	if (why->code == CDX_REVERT_INVALID_PROOF) {
		bool first = !s->refused;

		s->refused = true;
		s->has_words = false;
		s->phase = PROVING_IDLE;
		/* for another challenge by now: of a block that we know, or
		 * of one that so far only the node has */
		if (first || !cdx_proving_stands(s))
			return;
	}
	cdx_proving_trouble(s, why->words);
}

static void failed(struct cdx_proving_slot *s, const struct proving_tx *tx,
		   int err, const struct cdx_revert *why)
{
	static const struct cdx_revert none;

	if (!why)
		why = &none;
	if (err == CDX_E_CHAIN &&
	    why->code == CDX_REVERT_PROOF_ALREADY_SUBMITTED && tx->n == 1) {
		had_already(s);
	} else if (err == CDX_E_CHAIN) {
		refused(s, tx->n > 1, why);
	} else {
		s->phase = s->has_words ? PROVING_READY : PROVING_IDLE;
		s->again =
			cdx_head_now(s->p->env->head) + cdx_proving_pause(s->p);
		if (err != -ETIME)
			cdx_proving_trouble(s, why->words[0]
						       ? why->words
						       : cdx_strerror(err));
	}
}

static void end_item(struct proving_tx *tx, struct proving_item *item, int err,
		     const struct cdx_sent *sent, const struct cdx_revert *why)
{
	struct cdx_proving_slot *s = item->slot;
	struct cdx_proving *p = tx->p;

	if (!s || s->dead)
		return;
	if (s->tx == tx)
		s->tx = NULL;
	if (err == 0) {
		cdx_proving_put(s, tx->period, sent->block);
		if (s->proven == tx->period)
			cdx_proving_tell(s);
	} else if (tx->period != p->period) {
		if (item->missed && s->proven != tx->period) {
			p->count.missed++;
			cdx_proving_emit(s, CDX_PROVING_MISSED, tx->period,
					 why ? why->words : "");
		}
	} else if (s->phase == PROVING_SENT) {
		failed(s, tx, err, why);
	}
}

static void on_sent(void *arg, int err, const struct cdx_sent *sent,
		    const struct cdx_revert *why)
{
	struct proving_tx *tx = arg;
	struct cdx_proving *p = tx->p;
	bool already = why && why->code == CDX_REVERT_PROOF_ALREADY_SUBMITTED;

	if (err == 0)
		p->count.transactions++;
	else if (!already)
		p->count.failed++;
	for (size_t i = 0; i < tx->n; i++)
		end_item(tx, &tx->items[i], err, sent, why);
	/* an earlier process's, whose slot is still to come */
	tx->ended = err == 0 && tx->adopted && tx->n == 1 &&
		    !tx->items[0].slot && tx->period >= p->period;
	if (tx->ended)
		tx->block = sent->block;
	else
		free_tx(tx);
	/* what is to go alone goes at once */
	cdx_proving_send(p, false);
}

/* ---- sending ---- */

static void put_item(struct proving_tx *tx, struct cdx_proving_slot *s)
{
	tx->items[tx->n++] =
		(struct proving_item){.slot = s, .id = s->what.slot};
}

/* A name for many that no earlier process gave to others */
static void name_many(struct cdx_proving *p, char tag[CDX_SEND_TAG_MAX])
{
	do {
		snprintf(tag, CDX_SEND_TAG_MAX, MANY "%" PRIu64 "-%" PRIu64,
			 p->period, p->batches++);
	} while (cdx_sender_has(p->opts.sender, tag));
}

static void name_one(struct cdx_proving *p, const struct cdx_b32 *slot,
		     char tag[CDX_SEND_TAG_MAX])
{
	char hex[SLOT_HEX + 1];

	cdx_hex(hex, slot->b, sizeof(slot->b));
	snprintf(tag, CDX_SEND_TAG_MAX, ONE "%s-%" PRIu64, hex, p->period);
}

static int hand_over(struct proving_tx *tx)
{
	struct cdx_proving *p = tx->p;
	struct cdx_proof_words words[PROVING_BATCH];
	struct cdx_b32 slots[PROVING_BATCH];
	const struct cdx_market_proofs proofs = {
		.slots = slots, .proofs = words, .n = tx->n};
	char tag[CDX_SEND_TAG_MAX];
	struct cdx_market_how how = {
		.tag = tag,
		.deadline = cdx_proving_end(p, tx->items[0].slot),
	};

	if (cdx_u256_mul_u64(&how.stake, &p->opts.stake, tx->n) != 0)
		how.stake = p->opts.stake;
	for (size_t i = 0; i < tx->n; i++) {
		slots[i] = tx->items[i].id;
		words[i] = tx->items[i].slot->words;
	}
	if (tx->n == 1) {
		name_one(p, slots, tag);
		return cdx_market_submit_proof(p->env->market, p->opts.sender,
					       slots, words, &how, on_sent, tx);
	}
	name_many(p, tag);
	return cdx_market_submit_proofs(p->env->market, p->opts.sender, &proofs,
					&how, on_sent, tx);
}

static void send_slots(struct cdx_proving *p, struct cdx_proving_slot **slots,
		       size_t n)
{
	struct proving_tx *tx = new_tx(p, p->period);

	for (size_t i = 0; tx && i < n; i++)
		put_item(tx, slots[i]);
	if (tx && hand_over(tx) == 0) {
		for (size_t i = 0; i < n; i++) {
			slots[i]->tx = tx;
			slots[i]->phase = PROVING_SENT;
		}
		return;
	}
	if (tx)
		free_tx(tx);
	for (size_t i = 0; i < n; i++)
		slots[i]->again =
			cdx_head_now(p->env->head) + cdx_proving_pause(p);
}

/* May it be sent now?  What is too late, or for another challenge, is not. */
static bool may_send(struct cdx_proving_slot *s, int64_t now)
{
	struct cdx_proving *p = s->p;

	if (s->dead || s->gone || s->phase != PROVING_READY || now < s->again)
		return false;
	if (cdx_market_period(p->env, now) != p->period ||
	    now + cdx_proving_two_blocks(p) / 2 >= cdx_proving_end(p, s))
		return false;
	if (!cdx_proving_stands(s)) {
		s->has_words = false;
		s->phase = PROVING_IDLE;
		return false;
	}
	return !cdx_proving_held(p);
}

/* Does it go by itself?  So does what ends with its request, before the period,
 * and all when there is no time left for another try. */
static bool goes_alone(const struct cdx_proving_slot *s, int64_t now)
{
	struct cdx_proving *p = s->p;

	return !p->env->batches || s->alone ||
	       s->what.end < cdx_proving_end(p, NULL) ||
	       now + 2 * cdx_proving_two_blocks(p) >= cdx_proving_end(p, s);
}

void cdx_proving_send(struct cdx_proving *p, bool all)
{
	struct cdx_proving_slot *many[PROVING_BATCH];
	int64_t now = cdx_head_now(p->env->head);
	size_t n = 0;

	cdx_list_foreach(pos, &p->slots) {
		struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		if (!may_send(s, now))
			continue;
		if (goes_alone(s, now))
			send_slots(p, &s, 1);
		else
			many[n++] = s;
		if (n == PROVING_BATCH) {
			send_slots(p, many, n);
			n = 0;
		}
	}
	/* no more than a second is waited for more, and not for none */
	if (n > 0 && (all || p->n_asked == 0))
		send_slots(p, many, n);
}

/* ---- of an earlier process ---- */

struct tags {
	char (*tag)[CDX_SEND_TAG_MAX];
	size_t n;
	size_t room;
	bool no_memory;
};

static void on_tag(void *arg, const char *tag)
{
	struct tags *t = arg;
	void *more;

	if (strncmp(tag, ONE, strlen(ONE)) != 0 &&
	    strncmp(tag, MANY, strlen(MANY)) != 0)
		return;
	if (t->n == t->room) {
		more = reallocarray(t->tag, t->room + 64, sizeof(t->tag[0]));
		if (!more) {
			t->no_memory = true;
			return;
		}
		t->tag = more;
		t->room += 64;
	}
	snprintf(t->tag[t->n++], sizeof(t->tag[0]), "%s", tag);
}

/* proof-SLOT-PERIOD, proofs-PERIOD-N */
static void read_tag(struct proving_tx *tx, const char *tag)
{
	char hex[SLOT_HEX + 1];

	if (strncmp(tag, MANY, strlen(MANY)) == 0) {
		tx->period = strtoull(tag + strlen(MANY), NULL, 10);
		return;
	}
	tag += strlen(ONE);
	if (strlen(tag) <= SLOT_HEX)
		return;
	memcpy(hex, tag, SLOT_HEX);
	hex[SLOT_HEX] = '\0';
	if (cdx_unhex(tx->items[0].id.b, sizeof(tx->items[0].id.b), hex) < 0)
		return;
	tx->n = 1;
	tx->period = strtoull(tag + SLOT_HEX + 1, NULL, 10);
}

/* It is joined by its name; nothing new is sent. */
static int join(struct cdx_proving *p, const char *tag)
{
	const struct cdx_send_req req = {
		.to = *cdx_marketplace_addr(p->env->market), .tag = tag};
	struct proving_tx *tx = new_tx(p, 0);
	int rc;

	if (!tx)
		return -ENOMEM;
	tx->adopted = true;
	read_tag(tx, tag);
	rc = cdx_sender_send(p->opts.sender, NULL, &req, on_sent, tx);
	if (rc < 0)
		free_tx(tx);
	return rc;
}

int cdx_proving_adopt(struct cdx_proving *p)
{
	struct tags t = {0};
	int rc;

	cdx_sender_tags(p->opts.sender, on_tag, &t);
	rc = t.no_memory ? -ENOMEM : 0;
	for (size_t i = 0; i < t.n && rc == 0; i++)
		rc = join(p, t.tag[i]);
	free(t.tag);
	return rc;
}

void cdx_proving_meet(struct cdx_proving_slot *s)
{
	struct cdx_proving *p = s->p;
	uint64_t period = cdx_market_period(p->env, cdx_head_now(p->env->head));

	cdx_list_foreach_safe(pos, next, &p->txs) {
		struct proving_tx *tx =
			cdx_list_entry(pos, struct proving_tx, node);

		if (!tx->adopted || tx->n != 1 || tx->items[0].slot ||
		    memcmp(&tx->items[0].id, &s->what.slot,
			   sizeof(s->what.slot)) != 0)
			continue;
		if (tx->ended) {
			cdx_proving_put(s, tx->period, tx->block);
			free_tx(tx);
			continue;
		}
		tx->items[0].slot = s;
		if (tx->period == period && s->phase != PROVING_PROVEN) {
			s->tx = tx;
			s->phase = PROVING_SENT;
		}
	}
}

/* ---- ends ---- */

void cdx_proving_unsend(struct cdx_proving_slot *s)
{
	s->tx = NULL;
	cdx_list_foreach(pos, &s->p->txs) {
		struct proving_tx *tx =
			cdx_list_entry(pos, struct proving_tx, node);

		for (size_t i = 0; i < tx->n; i++) {
			if (tx->items[i].slot == s)
				tx->items[i].slot = NULL;
		}
	}
}

void cdx_proving_drop_ended(struct cdx_proving *p)
{
	cdx_list_foreach_safe(pos, next, &p->txs) {
		struct proving_tx *tx =
			cdx_list_entry(pos, struct proving_tx, node);

		if (tx->ended && tx->period < p->period)
			free_tx(tx);
	}
}

void cdx_proving_send_fini(struct cdx_proving *p)
{
	cdx_list_foreach_safe(pos, next, &p->txs) {
		struct proving_tx *tx =
			cdx_list_entry(pos, struct proving_tx, node);

		cdx_marketplace_forget(p->env->market, tx);
		cdx_sender_forget(p->opts.sender, tx);
		free(tx);
	}
	cdx_list_init(&p->txs);
}
