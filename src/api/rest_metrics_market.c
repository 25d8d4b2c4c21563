/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_metrics.h"

/* Everything at one moment; of what does not run all is 0 */
struct figures {
	struct cdx_purchasing_stats buy;
	struct cdx_sales_stats sell;
	struct cdx_proving_stats prove;
	struct cdx_prover_stats prover;
	struct cdx_validator_stats validate;
	struct cdx_patrol_stats patrol;
	struct cdx_node_market_state state;
	struct cdx_u256 budget;
	bool has_budget;
	bool runs;
};

static void gather(struct figures *f, const struct cdx_api *api)
{
	struct cdx_node_market *m = api->node->market;
	char why[CDX_CHAIN_WHY_MAX];
	struct cdx_market_parts p;

	memset(f, 0, sizeof(*f));
	f->prove.margin_s = INT64_MAX;
	cdx_node_market_state(m, &f->state);
	f->runs = cdx_node_market_enter(m, &p, why) == 0;
	if (!f->runs)
		return;
	if (p.purchasing != NULL) {
		const struct cdx_purchase_policy *policy =
			&cdx_node_market_conf(m)->policy;

		cdx_purchasing_stats(p.purchasing, &f->buy);
		f->has_budget = policy->has_budget;
		f->budget = policy->budget;
	}
	if (p.sales != NULL)
		cdx_sales_stats(p.sales, &f->sell);
	if (p.proving != NULL)
		cdx_proving_stats(p.proving, &f->prove);
	if (p.prover != NULL)
		cdx_prover_stats(p.prover, &f->prover);
	if (p.validator != NULL)
		cdx_validator_stats(p.validator, &f->validate);
	if (p.patrol != NULL)
		cdx_patrol_stats(p.patrol, &f->patrol);
	cdx_node_market_leave(m);
}

static void amount(struct cdx_buf *b, const char *name, const char *help,
		   const struct cdx_u256 *v)
{
	char line[CDX_METRIC_NAME_MAX + CDX_U256_TEXT_MAX + 2];
	char dec[CDX_U256_TEXT_MAX];

	cdx_u256_dec(dec, v);
	cdx_metric_head(b, "gauge", name, help);
	snprintf(line, sizeof(line), "%s %s\n", name, dec);
	cdx_metric_put(b, line);
}

/* ---- Codex's ---- */

/* Reservations of one offer, added up */
struct sum {
	const uint8_t *offer;
	uint64_t bytes;
};

static int add_bytes(void *arg, const struct cdx_reservation *r)
{
	struct sum *s = arg;

	if (memcmp(r->offer, s->offer, sizeof(r->offer)) == 0)
		s->bytes += r->bytes;
	return 0;
}

struct mismatch {
	struct cdx_store *store;
	uint64_t offers;
};

/* What changed while it was added up fits or will fit: it counts when it stood
 * still and does not. */
static int compare(void *arg, const struct cdx_offer *o)
{
	struct mismatch *m = arg;
	struct sum s = {.offer = o->id};
	struct cdx_offer after;

	if (cdx_reservation_list(m->store, add_bytes, &s) == 0 &&
	    cdx_offer_get(m->store, o->id, &after) == 0 &&
	    after.free == o->free && after.total == o->total &&
	    o->free + s.bytes != o->total)
		m->offers++;
	return 0;
}

static void codex(struct cdx_buf *b, const struct figures *f,
		  struct cdx_store *store)
{
	static const char *const states[CDX_PURCHASE_STATES] = {
		[CDX_PURCHASE_PENDING] = "pending",
		[CDX_PURCHASE_SUBMITTED] = "submitted",
		[CDX_PURCHASE_STARTED] = "started",
		[CDX_PURCHASE_FINISHED] = "finished",
		[CDX_PURCHASE_CANCELLED] = "cancelled",
		[CDX_PURCHASE_FAILED] = "failed",
		[CDX_PURCHASE_ERRORED] = "error",
		[CDX_PURCHASE_UNKNOWN] = "unknown",
	};
	struct mismatch m = {.store = store};
	char name[CDX_METRIC_NAME_MAX];

	/* Codex's client shows them with _total too */
	for (size_t i = 0; i < 2 * CDX_ARRAY_LEN(states); i++) {
		const struct cdx_metric one = {name, "Purchases in this state",
					       f->buy.by_state[i / 2]};

		snprintf(name, sizeof(name), "codex_purchases_%s%s",
			 states[i / 2], i % 2 == 0 ? "" : "_total");
		cdx_metric_gauges(b, &one, 1);
	}
	(void)!cdx_offer_list(store, compare, &m);
	const struct cdx_metric g[] = {
		{"codex_reservations_availability_mismatch",
		 "Availabilities whose reservations do not fit them", m.offers},
	};
	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
}

/* ---- ours ---- */

static void buying(struct cdx_buf *b, const struct cdx_purchasing_stats *st)
{
	const struct cdx_metric g[] = {
		{"codexfs_market_next_end_seconds",
		 "Earliest end of a segment's request that is not renewed",
		 (uint64_t)st->next_end},
		{"codexfs_market_segments_waiting",
		 "Segments that wait to be bought together", st->waiting},
		{"codexfs_market_segments_unpaid",
		 "Segments whose purchase or renewal cannot be paid",
		 st->unpaid},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	amount(b, "codexfs_market_spent_units",
	       "Of the budget, in its time, less what came back", &st->spent);
	amount(b, "codexfs_market_committed_units",
	       "Tokens of requests that run", &st->committed);
	amount(b, "codexfs_market_returned_units", "Tokens that were withdrawn",
	       &st->returned);
}

static void selling(struct cdx_buf *b, const struct cdx_sales_stats *st)
{
	static const char slots[] = "codexfs_market_slots";
	const struct cdx_metric g[] = {
		{"codexfs_market_queue", "Slots that may be taken", st->queued},
	};
	const struct cdx_metric c[] = {
		{"codexfs_market_slots_started_total", "Slots that were tried",
		 st->started},
		{"codexfs_market_slots_filled_total", "Slots filled",
		 st->filled},
		{"codexfs_market_slots_paid_total", "Slots paid out",
		 st->finished},
		{"codexfs_market_slots_lost_total",
		 "Slots that were taken from us", st->lost},
		{"codexfs_market_blocks_mended_total",
		 "Blocks of slots that were had again", st->mended},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
	cdx_metric_head(b, "gauge", slots, "Slots in this state");
	for (unsigned i = 0; i < CDX_SALE_STATES; i++) {
		char label[64];

		snprintf(label, sizeof(label), "{state=\"%s\"}",
			 cdx_sale_state_name((enum cdx_sale_state)i));
		cdx_metric_sample(b, slots, label, st->by_state[i]);
	}
	amount(b, "codexfs_market_earned_units", "Tokens that were paid out",
	       &st->earned);
	amount(b, "codexfs_market_collateral_units", "Collateral at risk now",
	       &st->collateral);
	amount(b, "codexfs_market_due_units",
	       "What filled slots will pay when kept to the end", &st->due);
}

static void proofs(struct cdx_buf *b, const struct cdx_proving_stats *st,
		   const struct cdx_prover_stats *made)
{
	static const char margin[] = "codexfs_market_proof_margin_seconds";
	char line[CDX_METRIC_NAME_MAX + 32];
	const struct cdx_metric g[] = {
		{"codexfs_market_proof_slots", "Slots that are proven",
		 st->slots},
		{"codexfs_market_proof_last_success_seconds",
		 "When a proof was last in a block; 0: never",
		 (uint64_t)st->last_success},
		{"codexfs_market_proof_deadline_seconds",
		 "When the next proof must be in a block; 0: none is wanted",
		 (uint64_t)st->next_deadline},
		{"codexfs_market_proofs_waiting", "Proofs to be made",
		 made->waiting},
		{"codexfs_market_proof_nanoseconds", "What the last proof took",
		 made->last_ns},
	};
	const struct cdx_metric c[] = {
		{"codexfs_market_proofs_total", "Proofs in blocks",
		 st->submitted},
		{"codexfs_market_proof_transactions_total",
		 "Transactions with proofs", st->transactions},
		{"codexfs_market_proof_failures_total",
		 "Transactions with proofs that failed", st->failed},
		{"codexfs_market_proofs_missed_total",
		 "Periods that ended without a proof that was wanted",
		 st->missed},
		{"codexfs_market_prover_made_total", "Proofs made", made->made},
		{"codexfs_market_prover_failed_total",
		 "Proofs that could not be made", made->failed},
		{"codexfs_market_prover_late_total",
		 "Proofs whose time was over before they were made",
		 made->late},
	};

	cdx_metric_head(b, "gauge", margin,
			"Least time left when a proof was in a block, of the "
			"last periods; NaN: none was");
	if (st->margin_s == INT64_MAX)
		snprintf(line, sizeof(line), "%s NaN\n", margin);
	else
		snprintf(line, sizeof(line), "%s %" PRId64 "\n", margin,
			 st->margin_s);
	cdx_metric_put(b, line);
	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
}

static void watching(struct cdx_buf *b, const struct cdx_validator_stats *v,
		     const struct cdx_patrol_stats *p)
{
	const struct cdx_metric g[] = {
		{"codexfs_market_validator_slots", "Slots that are watched",
		 v->slots},
		{"codexfs_market_validator_left_out",
		 "Slots over the limit that wait to be watched", v->left_out},
		{"codexfs_market_validator_last_period",
		 "Last period that was looked at whole", v->last_period},
		{"codexfs_market_patrol_last_seconds",
		 "End of the last round; 0: none", (uint64_t)p->last},
	};
	const struct cdx_metric c[] = {
		{"codexfs_market_validator_periods_total",
		 "Periods looked at whole", v->periods},
		{"codexfs_market_validator_marked_total",
		 "Missing proofs that we marked", v->marked},
		{"codexfs_market_validator_late_total",
		 "Slots and periods whose time was over first", v->late},
		{"codexfs_market_patrol_rounds_total", "Rounds", p->rounds},
		{"codexfs_market_patrol_good_total", "Blocks that hosts gave",
		 p->good},
		{"codexfs_market_patrol_bad_total", "Blocks that were wrong",
		 p->bad},
		{"codexfs_market_patrol_silent_total",
		 "Slots that nobody gave a block of", p->silent},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
	amount(b, "codexfs_market_validator_reward_units",
	       "Rewards of the marks", &v->rewards);
}

/* A budget that is none, or of nobody, is NaN. */
static void budget(struct cdx_buf *b, const struct figures *f)
{
	static const char name[] = "codexfs_market_budget_units";
	static const char help[] = "What requests may cost in the budget's "
				   "time; NaN: no limit";

	if (f->has_budget) {
		amount(b, name, help, &f->budget);
		return;
	}
	cdx_metric_head(b, "gauge", name, help);
	cdx_metric_put(b, "codexfs_market_budget_units NaN\n");
}

static void alarms(struct cdx_buf *b, const struct figures *f)
{
	static const char name[] = "codexfs_market_alarm";

	cdx_metric_head(b, "gauge", name,
			"1: something is wrong; codexfs market info says what");
	cdx_metric_sample(b, name, "{part=\"purchasing\"}",
			  f->buy.alarm[0] != '\0');
	cdx_metric_sample(b, name, "{part=\"sales\"}",
			  f->sell.alarm[0] != '\0');
	cdx_metric_sample(b, name, "{part=\"fetching\"}",
			  f->state.alarm[0] != '\0');
}

void cdx_rest_metrics_market(struct cdx_buf *b, const struct cdx_api *api)
{
	struct figures *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		b->fail = true;
		return;
	}
	gather(f, api);
	codex(b, f, api->node->store);
	const struct cdx_metric g[] = {
		{"codexfs_market_runs",
		 "1: this process has its part in the market; 0: none, or the "
		 "chain does not answer",
		 f->runs},
		{"codexfs_market_segments_to_fetch",
		 "Segments that are neither safe elsewhere nor here",
		 f->state.to_fetch},
	};
	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	budget(b, f);
	buying(b, &f->buy);
	selling(b, &f->sell);
	proofs(b, &f->prove, &f->prover);
	watching(b, &f->validate, &f->patrol);
	alarms(b, f);
	free(f);
}
