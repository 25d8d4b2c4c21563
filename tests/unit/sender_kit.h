/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_SENDER_KIT_H
#define CDX_TESTS_UNIT_SENDER_KIT_H

/* A sender on a chain model, with a disk whose writes can be late, fail, or be
 * lost with the process. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"
#include "eth/persist.h"
#include "eth/sender.h"
#include "net/http.h"
#include "tests/unit/chain_model.h"
#include "tests/unit/loop_kit.h"

/* What survives a process, and what does not yet */
struct disk {
	struct cdx_persist calls;
	struct cdx_loop *loop;
	struct cdx_list rows;	 /* durable, in the order of keys */
	struct cdx_list changes; /* asked for, not durable */
	struct cdx_loop_timer *timer;
	unsigned delay_ms; /* until a change is durable */
	bool stopped;	   /* nothing becomes durable */
	bool mute;	   /* it does, but nobody is told */
	int fail_at_once;  /* puts are refused with this */
	int fail_later;	   /* puts end with this, and are not durable */
	unsigned fails;	   /* so many of them; then all is well */
	unsigned n_puts;
};

/* One end of a transaction, as it was told */
struct told {
	unsigned times;
	int err;
	bool has_sent;
	struct cdx_sent sent;
	struct cdx_revert why;
};

/* Everything of a process but its disk and the chain, which survive it */
struct sender_env {
	struct chain_model model;
	struct rpc_kit *kit;
	struct disk disk;
	struct cdx_sender_opts opts;
	struct loop_kit turns;
	struct cdx_loop *loop; /* its */
	struct cdx_http *http;
	struct cdx_rpc *rpc;
	struct cdx_head *head;
	struct cdx_sender *sender;
	struct cdx_account account;
};

/* Chain and disk; then a process */
void env_begin(struct sender_env *e);
void env_start(struct sender_env *e);
/* The process ends here: changes that are not durable are lost. */
void env_kill(struct sender_env *e);
void env_end(struct sender_env *e);

/* Turns the loop until a condition holds; fails the test when it never does. */
void env_until(struct sender_env *e, bool (*ready)(void *arg), void *arg);
/* Turns it so long */
void env_run_ms(struct sender_env *e, unsigned ms);
/* Turns it until so many transactions are in the pool */
void env_pooled(struct sender_env *e, unsigned n);
/* How many of the chain's have this data */
unsigned env_done(struct sender_env *e, const char *data);
/* Turns it until so many ends were told to @t */
void env_told(struct sender_env *e, struct told *t, unsigned times);
/* Mines a block of everything, so that the sender sees it */
void env_mine(struct sender_env *e);
/* Mines them until @t was told */
void env_mine_told(struct sender_env *e, struct told *t);

/* Wants a transaction with this data and tag (NULL: none) */
void env_send(struct sender_env *e, const char *data, const char *tag,
	      struct told *t);
/* The same with everything that can be asked for */
void env_send_req(struct sender_env *e, const struct cdx_send_req *req,
		  struct told *t);
/* cdx_send_fn of a struct told */
void told(void *arg, int err, const struct cdx_sent *sent,
	  const struct cdx_revert *why);
/* Rows on the disk; the first one's value, to be damaged; one more */
unsigned disk_rows(const struct disk *d);
uint8_t *disk_first(const struct disk *d, size_t *len);
void disk_add(struct disk *d, const char *key, const void *val, size_t len);

#endif
