/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "eth/json.h"
#include "eth/market.h"
#include "eth/tx.h"

/*
 * What the chain client computes, one thread, beside the library's part of it:
 * a signed transaction beside a bare signature, a transaction that is read
 * beside a bare recovery, events decoded from an answer of eth_getLogs beside
 * jansson's reading of the same text, a request's id beside the Keccak-256 of as
 * many bytes.  The best of CDX_COUNT rounds (15 without it); the rows of a round
 * follow each other.
 */

#define TIMES 200u	/* signatures and ids in a round */
#define LOGS 2000u	/* of one answer */
#define PROOF_CALL 324u /* bytes of a call of submitProof, about */

struct bench {
	secp256k1_context *ctx;
	struct cdx_seckey key;
	uint8_t hash[32];
	secp256k1_ecdsa_recoverable_signature sig;
	struct cdx_tx tx;
	uint8_t data[PROOF_CALL];
	struct cdx_buf raw; /* a signed one */
	char *text;	    /* the answer */
	size_t len;
	struct cdx_storage_request request;
	uint8_t encoded[544]; /* as many bytes as its encoding has */
};

static void must(int rc)
{
	if (rc < 0)
		abort();
}

static void run_sign(struct bench *b)
{
	for (unsigned i = 0; i < TIMES; i++)
		if (!secp256k1_ecdsa_sign_recoverable(b->ctx, &b->sig, b->hash,
						      b->key.b, NULL, NULL))
			abort();
}

static void run_tx_sign(struct bench *b)
{
	for (unsigned i = 0; i < TIMES; i++) {
		struct cdx_b32 hash;

		cdx_buf_free(&b->raw);
		b->tx.nonce = i;
		must(cdx_tx_sign(&b->raw, &hash, &b->tx, &b->key));
	}
}

static void run_recover(struct bench *b)
{
	secp256k1_pubkey public;

	for (unsigned i = 0; i < TIMES; i++)
		if (!secp256k1_ecdsa_recover(b->ctx, &public, &b->sig, b->hash))
			abort();
}

static void run_tx_read(struct bench *b)
{
	for (unsigned i = 0; i < TIMES; i++) {
		struct cdx_addr from;
		struct cdx_b32 hash;
		struct cdx_tx tx;

		must(cdx_tx_read(&tx, &from, &hash, b->raw.p, b->raw.len));
	}
}

static json_t *parse(const struct bench *b)
{
	json_t *j = json_loadb(b->text, b->len, JSON_REJECT_DUPLICATES, NULL);

	if (!j)
		abort();
	return j;
}

static void run_json(struct bench *b)
{
	json_decref(parse(b));
}

static void run_events(struct bench *b)
{
	json_t *j = parse(b);

	for (size_t i = 0; i < json_array_size(j); i++) {
		struct cdx_buf data = {0};
		struct cdx_market_event e;
		struct cdx_chain_log log;

		must(cdx_json_get_log(json_array_get(j, i), &log, &data));
		must(cdx_market_event_decode(&e, &log));
		cdx_buf_free(&data);
	}
	json_decref(j);
}

static void run_keccak(struct bench *b)
{
	for (unsigned i = 0; i < TIMES; i++)
		cdx_keccak256(b->hash, b->encoded, sizeof(b->encoded));
}

static void run_id(struct bench *b)
{
	struct cdx_b32 id;

	for (unsigned i = 0; i < TIMES; i++)
		must(cdx_request_id(&id, &b->request));
}

/* Each pair: the library's part, then all of it */
static struct {
	const char *name;
	void (*run)(struct bench *b);
	unsigned each; /* of them in a run */
	uint64_t best_ns;
} rows[] = {
	{"signature, libsecp256k1", run_sign, TIMES, UINT64_MAX},
	{"transaction of a proof, signed", run_tx_sign, TIMES, UINT64_MAX},
	{"recovery, libsecp256k1", run_recover, TIMES, UINT64_MAX},
	{"transaction of a proof, read", run_tx_read, TIMES, UINT64_MAX},
	{"log of an answer, jansson", run_json, LOGS, UINT64_MAX},
	{"event of an answer, decoded", run_events, LOGS, UINT64_MAX},
	{"Keccak-256 of 544 bytes", run_keccak, TIMES, UINT64_MAX},
	{"id of a request", run_id, TIMES, UINT64_MAX},
};

/* SlotFilled of many requests, as a node answers */
static char *make_logs(void)
{
	json_t *logs = json_array();
	struct cdx_b32 topic;
	char *text;

	cdx_market_event_topic(&topic, CDX_EVENT_SLOT_FILLED);
	for (unsigned i = 0; i < LOGS; i++) {
		struct cdx_b32 request;
		uint8_t data[32] = {0};
		struct cdx_addr contract = {{1}};

		cdx_random(request.b, sizeof(request.b));
		data[31] = (uint8_t)i;
		json_array_append_new(
			logs,
			json_pack("{s:o, s:[o, o], s:o, s:o, s:o, s:o, s:s, "
				  "s:o, s:b}",
				  "address", cdx_json_addr(&contract), "topics",
				  cdx_json_b32(&topic), cdx_json_b32(&request),
				  "data", cdx_json_bytes(data, sizeof(data)),
				  "blockHash", cdx_json_b32(&request),
				  "blockNumber", cdx_json_u64(1000 + i),
				  "transactionHash", cdx_json_b32(&request),
				  "transactionIndex", "0x0", "logIndex",
				  cdx_json_u64(i), "removed", 0));
	}
	text = json_dumps(logs, JSON_COMPACT);
	json_decref(logs);
	if (!text)
		abort();
	return text;
}

static void prepare(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	cdx_seckey_random(&b->key);
	cdx_random(b->hash, sizeof(b->hash));
	cdx_random(b->data, sizeof(b->data));
	b->tx = (struct cdx_tx){
		.chain_id = 1,
		.gas = 300000,
		.max_fee = cdx_u256_of(30000000000),
		.max_tip = cdx_u256_of(1000000000),
		.data = b->data,
		.len = sizeof(b->data),
	};
	b->text = make_logs();
	b->len = strlen(b->text);
	b->request.cid_len = 49;
}

static void round_once(struct bench *b)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++) {
		uint64_t start = cdx_clock_mono_ns();
		uint64_t ns;

		rows[i].run(b);
		ns = cdx_clock_mono_ns() - start;
		if (ns < rows[i].best_ns)
			rows[i].best_ns = ns ? ns : 1;
	}
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	unsigned long rounds = count ? strtoul(count, NULL, 10) : 15;
	struct bench b;

	prepare(&b);
	for (unsigned long i = 0; i < rounds; i++)
		round_once(&b);
	printf("%-34s %10s  %s\n", "one thread", "us each", "of the library's");
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++) {
		double us = (double)rows[i].best_ns / rows[i].each / 1000;

		printf("%-34s %10.2f", rows[i].name, us);
		if (i % 2 == 1)
			printf("  %.2f", (double)rows[i].best_ns /
						 rows[i].each /
						 ((double)rows[i - 1].best_ns /
						  rows[i - 1].each));
		printf("\n");
	}
	cdx_buf_free(&b.raw);
	free(b.text);
	secp256k1_context_destroy(b.ctx);
	return 0;
}
