/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_MARKETPLACE_ENV_H
#define CDX_TESTS_UNIT_MARKETPLACE_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eth/marketplace.h"

/* A marketplace whose node and sender are stood in for: marketplace_env.c has
 * functions of their names, which the program takes instead of the
 * library's. */

#define ASKED_MAX 64u

/* A call of the node that waits for an answer */
struct asked {
	struct cdx_call_req req;
	struct cdx_addr from;
	uint8_t data[1024];
	cdx_eth_call_fn *fn; /* NULL when it was answered or cancelled */
	void *arg;
};

/* What was asked and sent, and what was told last */
struct market_env {
	struct asked asked[ASKED_MAX];
	size_t n_asked;
	unsigned cancelled;
	int ask_result;
	struct cdx_send_req sent;
	uint8_t sent_data[4096];
	unsigned n_sent;
	int send_result;
	/* what was told */
	unsigned told;
	int err;
	char words[CDX_REVERT_WORDS_MAX];
	uint64_t u64;
	char text[CDX_MARKET_TEXT_MAX];
	struct cdx_b32 ids[4];
	size_t n_ids;
	struct cdx_addr addr;
	struct cdx_storage_request request;
	struct cdx_marketplace *dies; /* freed by whoever is told next */
};
extern struct market_env w;

/* Accounts, and an id that calls are made with */
extern const struct cdx_addr env_contract;
extern const struct cdx_addr env_token;
extern const struct cdx_addr env_me;
extern const struct cdx_b32 env_id;

/* Forgets everything; a marketplace that knows the token's address or not */
struct cdx_marketplace *env_start(bool with_token);

/* The node's answer to question @i: bytes, a number, an account; a refusal */
void env_answer(size_t i, const void *data, size_t len);
void env_answer_word(size_t i, uint64_t v);
void env_answer_addr(size_t i, const struct cdx_addr *a);
void env_refuse(size_t i, int err, enum cdx_revert_code code);

/* Whoever is told ends here */
void env_told(int err, const struct cdx_revert *why);
/* The same of a transaction that was not sent */
void env_sent(void *arg, int err, const struct cdx_sent *sent,
	      const struct cdx_revert *why);

/* What was asked last calls this, and looks there */
void env_assert_asked(const char *signature, enum cdx_at at);
/* What was sent last calls this with so many words, and with this margin */
void env_assert_sent(const char *signature, size_t words, unsigned num,
		     unsigned den);

#endif
