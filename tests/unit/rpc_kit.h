/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_RPC_KIT_H
#define CDX_TESTS_UNIT_RPC_KIT_H

/*
 * A node of a chain that does what the test says: an HTTP server on a free port
 * of 127.0.0.1, on threads of its own, that takes JSON-RPC apart, asks the
 * test's function for each answer, and spoils what it sends where it is told to.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rpc_kit;

/* What the node sends instead of, or with, the right answer */
enum rpc_kit_fault {
	RPC_KIT_WELL,
	RPC_KIT_DROP,	    /* does it, closes without a word */
	RPC_KIT_HANG,	    /* no answer until the kit stops */
	RPC_KIT_GARBAGE,    /* bytes that are no JSON */
	RPC_KIT_OTHER_JSON, /* JSON, but not of JSON-RPC */
	RPC_KIT_HALF_JSON,  /* a complete answer whose JSON is cut */
	RPC_KIT_CUT,	    /* the connection ends within the body */
	RPC_KIT_FLOOD,	    /* no end of bytes, no length */
	RPC_KIT_LONG,	    /* announces 1 TiB */
	RPC_KIT_DEEP,	    /* 100,000 arrays in one another */
	RPC_KIT_TWICE,	    /* an object with one name twice */
	RPC_KIT_WRONG_ID,   /* ids that nobody asked with */
	RPC_KIT_SHUFFLED,   /* a batch's answers, last first */
	RPC_KIT_DOUBLED,    /* a batch's first answer twice */
	RPC_KIT_MISSING,    /* a batch without its last answer */
	RPC_KIT_ONE_ERROR,  /* one error object as the answer to a batch */
	RPC_KIT_NO_RESULT,  /* neither result nor error */
	RPC_KIT_STRANGE_ID, /* one answer more, of an id that was not asked */
};

/* How one request is answered; zero when the function is called */
struct rpc_kit_answer {
	/* an error: the function returns NULL, and code is not 0 */
	int64_t code;
	char message[256];
	json_t *data;	   /* taken; NULL: none */
	bool drop;	   /* the whole HTTP request gets no answer */
	unsigned status;   /* HTTP status; 0 = 200 */
	unsigned delay_ms; /* before the answer is sent */
};

/* The result (taken), or NULL with @out->code; NULL without a code is JSON's
 * null.  Called under the kit's lock, on its thread, for every request of a
 * batch too.  No cmocka assertions here: it is another thread. */
typedef json_t *rpc_kit_fn(void *arg, const char *method, const json_t *params,
			   struct rpc_kit_answer *out);

/* Fails the test when it cannot start.  eth_chainId is answered by the kit.
 * @fn may be NULL: everything is method not found. */
struct rpc_kit *rpc_kit_start(rpc_kit_fn *fn, void *arg);
void rpc_kit_stop(struct rpc_kit *k);
/* http://127.0.0.1:PORT; borrowed */
const char *rpc_kit_url(const struct rpc_kit *k);

/* Model and counters are the test's to look at and change in between. */
void rpc_kit_lock(struct rpc_kit *k);
void rpc_kit_unlock(struct rpc_kit *k);

/* From now on; 31337 at first */
void rpc_kit_chain_id(struct rpc_kit *k, uint64_t id);
/* Spoils the next @times HTTP requests (UINT_MAX: all) that ask for @method
 * (NULL: any). */
void rpc_kit_spoil(struct rpc_kit *k, enum rpc_kit_fault fault,
		   const char *method, unsigned times);
/* The HTTP status of the next @times requests, with @body (copied) as text */
void rpc_kit_status(struct rpc_kit *k, unsigned status, const char *body,
		    unsigned times);
/* Answers begin so much later. */
void rpc_kit_delay(struct rpc_kit *k, unsigned ms);
/* How often a method was asked for; NULL: HTTP requests of all kinds */
unsigned rpc_kit_count(struct rpc_kit *k, const char *method);
/* Connections that were opened */
unsigned rpc_kit_connections(struct rpc_kit *k);
/* The Authorization header of the last request, "" for none; copied */
void rpc_kit_authorization(struct rpc_kit *k, char *out, size_t cap);

/* A URL of 127.0.0.1 where nobody listens */
void rpc_kit_dead_url(char out[64]);

#endif
