/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>

#include "codexfs/cli.h"
#include "codexfs/status_market.h"

static const char help[] =
	"Usage: codexfs status [options] [STORE|MNT]\n\n"
	"Shows a store, a mount or a node: space, files, segments, protection,\n"
	"errors, what it is among others, and what it does in the market.\n\n"
	"  --json                the whole status as JSON\n" CLI_COMMON_HELP;

static uint64_t number(const json_t *status, const char *part, const char *name)
{
	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(status, part), name));
}

static const char *text(const json_t *status, const char *part,
			const char *name)
{
	const char *s = json_string_value(
		json_object_get(json_object_get(status, part), name));

	return s == NULL ? "?" : s;
}

static void line_bytes(const char *label, uint64_t bytes)
{
	char b[32];

	cli_bytes(b, bytes);
	printf("%-18s%s\n", label, b);
}

/* How far the protection of segments is, and what is left of it */
static void print_protection(const json_t *st)
{
	uint64_t waiting = number(st, "protection", "waiting");
	uint64_t total = number(st, "protection", "currentTotal");
	uint64_t rate = number(st, "protection", "bytesPerSecond");
	uint64_t left = number(st, "protection", "secondsLeft");
	uint64_t failed = number(st, "protection", "failed");
	char b[32];

	printf("%-18s%llu of %llu sealed segments; new ones %llu+%llu (%s)\n",
	       "protected",
	       (unsigned long long)number(st, "protection", "protected"),
	       (unsigned long long)number(st, "segments", "sealed"),
	       (unsigned long long)number(st, "store", "k"),
	       (unsigned long long)number(st, "store", "m"),
	       text(st, "store", "codec"));
	if (waiting == 0)
		return;
	cli_bytes(b, number(st, "protection", "backlogBytes"));
	printf("%-18s%llu segments, %s", "to protect",
	       (unsigned long long)waiting, b);
	if (total > 0)
		printf(", the present one %llu %% done",
		       (unsigned long long)(number(st, "protection",
						   "currentDone") *
					    100 / total));
	if (rate > 0) {
		cli_bytes(b, rate);
		printf(", %s/s", b);
	}
	if (left > 0)
		printf(", %llu s left", (unsigned long long)left);
	putchar('\n');
	if (failed > 0)
		printf("%-18s%llu segments: %s\n", "not protectable",
		       (unsigned long long)failed,
		       text(st, "protection", "error"));
}

static void print_proof_keys(const json_t *list)
{
	const json_t *key;
	size_t i;

	json_array_foreach(list, i, key) cli_print_proof_key(key);
}

static const char *word(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s == NULL ? "" : s;
}

static void print_reach(const json_t *node)
{
	const json_t *r = json_object_get(node, "reach");

	printf("%-18s%s", "reachable", word(r, "state"));
	if (word(r, "why")[0] != '\0') {
		fputs(": ", stdout);
		cli_print_text(word(r, "why"));
	}
	putchar('\n');
	if (word(r, "advice")[0] != '\0')
		printf("%-18s%s\n", "", word(r, "advice"));
	if (word(node, "nat")[0] != '\0') {
		printf("%-18s", "router");
		cli_print_text(word(node, "nat"));
		putchar('\n');
	}
}

/* What it is among others */
static void print_node(const json_t *node)
{
	char got[32];
	char sent[32];
	json_t *one;
	size_t i;

	if (!json_is_object(node))
		return;
	printf("%-18s%s\n", "node", word(node, "id"));
	json_array_foreach(json_object_get(node, "addresses"), i, one) printf(
		"%-18s%s\n", i == 0 ? "address" : "", json_string_value(one));
	print_reach(node);
	printf("%-18s%llu keys, %llu nodes of the DHT known\n", "announced",
	       (unsigned long long)number(node, "discovery", "keys"),
	       (unsigned long long)number(node, "discovery", "dhtNodes"));
	cli_bytes(got, number(node, "exchange", "bytesReceived"));
	cli_bytes(sent, number(node, "server", "bytesSent"));
	printf("%-18s%s in, %s out, %llu peers, %llu blocks made from others, "
	       "%llu bad\n",
	       "exchange", got, sent,
	       (unsigned long long)number(node, "exchange", "peers"),
	       (unsigned long long)number(node, "exchange", "degraded"),
	       (unsigned long long)number(node, "exchange", "bad"));
}

static void print_cache(const json_t *st)
{
	char used[32];
	char limit[32];

	if (number(st, "cache", "limit") == 0)
		return;
	cli_bytes(used, number(st, "cache", "used"));
	cli_bytes(limit, number(st, "cache", "limit"));
	printf("%-18s%s of %s, %llu hits, %llu misses\n", "cache", used, limit,
	       (unsigned long long)number(st, "cache", "hits"),
	       (unsigned long long)number(st, "cache", "misses"));
}

static void print(const json_t *st, const struct cdx_client *c)
{
	const char *mnt = json_string_value(json_object_get(st, "mountpoint"));
	char used[32];
	char cap[32];
	uint64_t capacity = number(st, "volume", "capacity");

	printf("%-18s%s\n", "store", text(st, "store", "path"));
	if (mnt != NULL)
		printf("%-18s%s (process %lld)\n", "mounted on", mnt,
		       (long long)json_integer_value(
			       json_object_get(st, "pid")));
	else
		printf("%-18s%s\n", "mounted on",
		       c->socket == NULL ? "not mounted" : "a node only");
	printf("%-18s%s\n", "state", text(st, "store", "state"));
	cli_bytes(used, capacity - number(st, "volume", "free"));
	cli_bytes(cap, capacity);
	printf("%-18s%s of %s\n", "space", used, cap);
	printf("%-18s%llu\n", "inodes",
	       (unsigned long long)number(st, "volume", "inodes"));
	line_bytes("file data", number(st, "volume", "fileBytes"));
	line_bytes("in memory only", number(st, "volume", "dirtyBytes"));
	line_bytes("small records", number(st, "volume", "recordBytes"));
	line_bytes("inline", number(st, "volume", "inlineBytes"));
	printf("%-18s%llu open, %llu sealed\n", "segments",
	       (unsigned long long)number(st, "segments", "open"),
	       (unsigned long long)number(st, "segments", "sealed"));
	print_protection(st);
	print_proof_keys(json_object_get(st, "proofKeys"));
	print_cache(st);
	if (word(st, "noNode")[0] != '\0')
		printf("%-18snone, though it was to be one: %s\n", "node",
		       word(st, "noNode"));
	print_node(json_object_get(st, "node"));
	status_market_print(json_object_get(st, "market"));
	printf("%-18s%s\n", "namespace", text(st, "volume", "namespace"));
	printf("%-18s%llu bad blocks, %llu made from others, %llu failed "
	       "reads\n",
	       "errors", (unsigned long long)number(st, "store", "badBlocks"),
	       (unsigned long long)number(st, "volume", "degradedReads"),
	       (unsigned long long)number(st, "volume", "readErrors"));
}

int verb_status(int argc, char **argv)
{
	static const struct cli_show show = {
		.help = help,
		.path = "/control/v1/status",
		.what = "get the status",
		.print = print,
	};

	return cli_show(argc, argv, &show);
}
