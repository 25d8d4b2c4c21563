/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/status_market.h"

#include <stdio.h>
#include <string.h>

#include "codexfs/market_util.h"

/* What a process does in the market, a line for each thing. */

#define LABEL "%-18s"

static unsigned long long number(const json_t *j, const char *name)
{
	return (unsigned long long)json_integer_value(json_object_get(j, name));
}

/* A line with text from elsewhere; none for an empty one */
static void line_text(const char *label, const char *s)
{
	if (s[0] == '\0')
		return;
	printf(LABEL, label);
	cli_print_text(s);
	putchar('\n');
}

static void put_amount(const json_t *token, const json_t *j, const char *name)
{
	char out[MARKET_AMOUNT_MAX];

	market_amount(out, j, name, token);
	fputs(out, stdout);
}

static void put_time(const json_t *j, const char *name)
{
	char out[32];

	market_time(out, market_number(j, name), "never");
	fputs(out, stdout);
}

/* ---- buying ---- */

static void print_durability(const json_t *d)
{
	const json_t *end = json_object_get(d, "ninesUntilEnd");
	const json_t *year = json_object_get(d, "ninesInAYear");

	if (!json_is_object(d))
		return;
	printf(LABEL "%llu hosts at least, up to %llu slots of a dataset with "
		     "one",
	       "durability", number(d, "hosts"), number(d, "slotsOfOneHost"));
	if (json_is_real(end)) {
		printf("; %.1f nines until ", json_real_value(end));
		put_time(d, "until");
	}
	if (json_is_real(year))
		printf("; %.1f nines a year", json_real_value(year));
	putchar('\n');
}

static void print_budget(const json_t *token, const json_t *b)
{
	printf(LABEL, "budget");
	put_amount(token, b, "spent");
	if (json_is_string(json_object_get(b, "limit"))) {
		fputs(" of ", stdout);
		put_amount(token, b, "limit");
	}
	printf(" in %llu days; ", number(b, "seconds") / 86400);
	put_amount(token, b, "committed");
	puts(" in requests that run");
}

static void print_patrol(const json_t *p)
{
	if (!json_is_object(p))
		return;
	printf(LABEL "%llu rounds, %llu blocks had, %llu wrong, %llu slots "
		     "silent; last ",
	       "patrol", number(p, "rounds"), number(p, "good"),
	       number(p, "bad"), number(p, "silent"));
	put_time(p, "last");
	putchar('\n');
}

static void print_buying(const json_t *token, const json_t *j)
{
	const json_t *s = json_object_get(j, "segments");

	printf(LABEL "%llu segments stored, %llu of them proven; %llu "
		     "requested, %llu not bought",
	       "buying", number(s, "stored") + number(s, "proven"),
	       number(s, "proven"), number(s, "requested"), number(s, "kept"));
	if (number(j, "waiting") > 0)
		printf(" (%llu wait for more)", number(j, "waiting"));
	if (number(j, "unpaid") > 0)
		printf(", %llu cannot be paid", number(j, "unpaid"));
	putchar('\n');
	if (json_is_integer(json_object_get(j, "nextEnd"))) {
		printf(LABEL, "stored until");
		put_time(j, "nextEnd");
		puts(", the first of those that are not renewed yet");
	}
	if (number(j, "toFetchBack") + number(j, "fetchedBack") > 0)
		printf(LABEL "%llu segments to be fetched back, %llu were\n",
		       "not safe", number(j, "toFetchBack"),
		       number(j, "fetchedBack"));
	print_durability(json_object_get(j, "durability"));
	if (json_is_object(json_object_get(j, "budget")))
		print_budget(token, json_object_get(j, "budget"));
	print_patrol(json_object_get(j, "patrol"));
	line_text("alarm", chain_text(j, "alarm"));
	line_text("alarm", chain_text(j, "fetchAlarm"));
}

/* ---- selling ---- */

/* "3 proving, 1 downloading": as Codex names them, without what is over */
static void put_states(const json_t *slots)
{
	static const struct {
		const char *name;
		const char *is;
	} states[] = {
		{"SaleProving", "proving"},
		{"SaleFilled", "filled"},
		{"SaleFilling", "being filled"},
		{"SaleInitialProving", "with a first proof"},
		{"SaleDownloading", "downloading"},
		{"SaleSlotReserving", "reserving"},
		{"SalePreparing", "looked at"},
		{"SalePayout", "being paid out"},
		{"SaleUnknown", "unknown"},
	};
	const char *between = "";

	for (size_t i = 0; i < CDX_ARRAY_LEN(states); i++) {
		if (number(slots, states[i].name) == 0)
			continue;
		printf("%s%llu %s", between, number(slots, states[i].name),
		       states[i].is);
		between = ", ";
	}
	if (between[0] == '\0')
		fputs("none", stdout);
}

static void print_proofs(const json_t *p)
{
	printf(LABEL "%llu in blocks, %llu missed, %llu failed; last ",
	       "proofs", number(p, "submitted"), number(p, "missed"),
	       number(p, "failed"));
	put_time(p, "last");
	if (json_is_integer(json_object_get(p, "marginSeconds")))
		printf("; at least %lld s left lately",
		       market_number(p, "marginSeconds"));
	if (number(p, "lastMilliseconds") > 0)
		printf("; one takes %llu ms", number(p, "lastMilliseconds"));
	putchar('\n');
}

static void print_selling(const json_t *token, const json_t *j)
{
	const json_t *offers = json_object_get(j, "offers");
	char bytes[32];

	printf(LABEL "slots ", "selling");
	put_states(json_object_get(j, "slots"));
	printf("; %llu in the queue, %llu paid out, %llu lost",
	       number(j, "queued"), number(j, "finished"), number(j, "lost"));
	if (number(j, "foreign") > 0)
		printf(", %llu of another marketplace", number(j, "foreign"));
	putchar('\n');
	cli_bytes(bytes, number(offers, "free"));
	printf(LABEL "%llu, with %s free\n", "availabilities",
	       number(offers, "enabled"), bytes);
	printf(LABEL, "earned");
	put_amount(token, j, "earned");
	fputs("; due ", stdout);
	put_amount(token, j, "due");
	fputs("; at risk ", stdout);
	put_amount(token, j, "atRisk");
	putchar('\n');
	print_proofs(json_object_get(j, "proofs"));
	line_text("alarm", chain_text(j, "alarm"));
}

/* ---- together ---- */

static void print_validating(const json_t *token, const json_t *j)
{
	printf(LABEL "%llu slots, %llu periods, %llu missing proofs marked",
	       "validating", number(j, "slots"), number(j, "periods"),
	       number(j, "marked"));
	if (number(j, "leftOut") > 0)
		printf(", %llu slots left out", number(j, "leftOut"));
	fputs("; earned ", stdout);
	put_amount(token, j, "rewards");
	putchar('\n');
}

void status_market_print(const json_t *market)
{
	static const struct {
		const char *name;
		void (*print)(const json_t *token, const json_t *j);
	} roles[] = {
		{"buying", print_buying},
		{"selling", print_selling},
		{"validating", print_validating},
	};
	const json_t *token = json_object_get(market, "token");

	line_text("market", chain_text(market, "why"));
	for (size_t i = 0; i < CDX_ARRAY_LEN(roles); i++) {
		const json_t *j = json_object_get(market, roles[i].name);

		if (!json_is_object(j))
			continue;
		if (json_is_true(json_object_get(j, "runs")))
			roles[i].print(token, j);
		else
			printf(LABEL "not yet\n", roles[i].name);
		line_text("", chain_text(j, "why"));
	}
}
