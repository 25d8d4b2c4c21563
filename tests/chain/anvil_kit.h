/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_CHAIN_ANVIL_KIT_H
#define CDX_TESTS_CHAIN_ANVIL_KIT_H

/* A sender of a fresh account on the anvil that ANVIL_URL names, and files for
 * what it writes down. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "eth/head.h"
#include "eth/persist.h"
#include "eth/rpc.h"
#include "eth/sender.h"
#include "net/http.h"
#include "tests/unit/loop_kit.h"

struct anvil_files;

/* loop-confined */
struct anvil {
	struct loop_kit turns;
	struct cdx_http *http;
	struct cdx_rpc *rpc;
	struct cdx_head *head;
	struct anvil_files *files;
	struct cdx_account account;
	struct cdx_sender *sender;
	struct cdx_sender_opts opts;
};

/* A file for each row in a folder that is there; changes are durable before
 * they are answered */
struct anvil_files *anvil_files_new(const char *dir, struct cdx_loop *loop);
void anvil_files_free(struct anvil_files *f);
const struct cdx_persist *anvil_files_calls(struct anvil_files *f);
/* How many there are */
unsigned anvil_files_count(const char *dir);
/* A new folder in $TMPDIR, which the script removes */
void anvil_folder(char out[256]);

/* Everything but the sender; @key NULL: a new account, with 1,000 ether */
void anvil_begin(struct anvil *a, const char *dir,
		 const struct cdx_seckey *key);
void anvil_sender(struct anvil *a);
void anvil_end(struct anvil *a);

/* Result of a method, new; fails the test when the node refuses.  @params: as
 * in json_pack, taken. */
json_t *anvil_ask(struct anvil *a, const char *method, json_t *params);
/* The same for its side effect */
void anvil_do(struct anvil *a, const char *method, json_t *params);
/* A result that is a number */
uint64_t anvil_u64(struct anvil *a, const char *method, json_t *params);
/* Blocks, one after another, each seen by the sender */
void anvil_mine(struct anvil *a, unsigned n);
/* Transactions of the account in the pool */
unsigned anvil_pooled(struct anvil *a);
void anvil_until_pooled(struct anvil *a, unsigned n);
/* Transactions of the account in blocks */
uint64_t anvil_count(struct anvil *a);
/* Its address in JSON, new */
json_t *anvil_addr(const struct anvil *a);

#endif
