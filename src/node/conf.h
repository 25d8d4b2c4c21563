/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CONF_H
#define CDX_NODE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "codec/u256.h"
#include "crypto/hash.h"
#include "crypto/secp.h"
#include "discovery/discovery.h"
#include "eth/rpc.h"
#include "market/purchasing.h"

/*
 * codexfs.conf(5): sections of keys with values, as inih reads them.  A value
 * comes from an option, or else from the one file that was read, or else is the
 * default; where it is from is kept, to be shown.  One thread at a time.
 */

/* Every key, in the order in which they are shown */
enum cdx_conf_key {
	/* section [chain] */
	CDX_CONF_RPC,
	CDX_CONF_CHAIN_ID,
	CDX_CONF_MARKETPLACE,
	CDX_CONF_TOKEN,
	CDX_CONF_VERIFIER,
	CDX_CONF_ACCOUNT,
	CDX_CONF_PASSWORD_FILE,
	CDX_CONF_CONFIRMATIONS,
	CDX_CONF_POLL_MS,
	CDX_CONF_MAX_FEE,
	CDX_CONF_TIP,
	CDX_CONF_ZKEY_HASH,
	/* section [node] */
	CDX_CONF_LISTEN,
	CDX_CONF_ANNOUNCE,
	CDX_CONF_NAT,
	CDX_CONF_NETWORK,
	CDX_CONF_BOOTSTRAP,
	CDX_CONF_DHT,
	CDX_CONF_DHT_PORT,
	CDX_CONF_PEER,
	CDX_CONF_CACHE,
	CDX_CONF_UPLOAD,
	CDX_CONF_UPLOAD_A_PEER,
	CDX_CONF_TLS_CERT,
	CDX_CONF_TLS_KEY,
	CDX_CONF_READ_TIMEOUT,
	/* section [api] */
	CDX_CONF_API,
	CDX_CONF_API_TOKEN_FILE,
	CDX_CONF_ORIGIN,
	/* section [market] */
	CDX_CONF_MARKET,
	CDX_CONF_BUDGET,
	CDX_CONF_BUY_PRICE,
	CDX_CONF_BUY_MAX_PRICE,
	CDX_CONF_BUY_COLLATERAL,
	CDX_CONF_BUY_DURATION,
	CDX_CONF_BUY_EXPIRY,
	CDX_CONF_BUY_PROOF_PROBABILITY,
	CDX_CONF_BUY_MIN,
	CDX_CONF_BUY_MAX_AGE,
	CDX_CONF_RENEW_BEFORE,
	CDX_CONF_LIVE,
	CDX_CONF_MARGIN,
	CDX_CONF_PATROL,
	CDX_CONF_PROVIDE,
	CDX_CONF_PRICE,
	CDX_CONF_COLLATERAL,
	CDX_CONF_MAX_DURATION,
	CDX_CONF_UNTIL,
	CDX_CONF_SLOTS_A_REQUEST,
	CDX_CONF_PROOF_STAKE,
	CDX_CONF_REWARD_RECIPIENT,
	CDX_CONF_VALIDATE,
	CDX_CONF_VALIDATE_GROUPS,
	CDX_CONF_VALIDATE_GROUP,
	CDX_CONF_VALIDATE_SLOTS,
	CDX_CONF_KEYS,
};

/* Section [chain], read */
struct cdx_conf_chain {
	char *urls; /* owned; rpc points into it */
	const char *rpc[CDX_RPC_ENDPOINTS_MAX];
	size_t n_rpc;
	uint64_t chain_id; /* 0: not said */
	struct cdx_addr marketplace;
	struct cdx_addr token;
	struct cdx_addr verifier;
	bool has_marketplace, has_token, has_verifier;
	char *account;	     /* owned; NULL: of the words */
	char *password_file; /* owned; NULL: asked for */
	unsigned confirmations;
	unsigned poll_ms;
	struct cdx_u256 max_fee; /* wei a gas */
	struct cdx_u256 tip;	 /* wei a gas */
	struct cdx_digest zkey_hash;
	bool has_zkey_hash;
};

enum cdx_conf_nat {
	CDX_NAT_NONE,
	CDX_NAT_UPNP,
};

/* Section [node], read: its place among others */
struct cdx_conf_node {
	char *listen; /* owned, ADDR:PORT; NULL: nobody is served */
	uint32_t n_announce;
	struct cdx_maddr announce[CDX_PEER_ADDRS_MAX]; /* where others reach us;
							* none: found out */
	enum cdx_conf_nat nat;
	char *network;	      /* owned, a name */
	char *bootstrap_text; /* owned; bootstrap points into it */
	const char *bootstrap[CDX_BOOTSTRAP_MAX]; /* HOST:PORT */
	uint32_t n_bootstrap;
	bool dht; /* run a DHT node */
	uint16_t dht_port;
	bool dht_port_any; /* any other will do when it is taken */
	uint32_t n_peers;
	struct cdx_maddr peer[CDX_STATIC_PEERS_MAX];
	bool has_cache;
	uint64_t cache;	 /* bytes of the cache's share */
	uint64_t upload; /* bytes a second in all; 0: no limit */
	uint64_t upload_a_peer;
	char *tls_cert; /* owned, files */
	char *tls_key;
	unsigned read_timeout_s;
};

#define CDX_CONF_ORIGINS_MAX 16u

/* Section [api], read */
struct cdx_conf_api {
	char *listen;	   /* owned, ADDR:PORT; NULL: none */
	char *token_file;  /* owned; NULL: STORE/api-token */
	char *origin_text; /* owned; origin points into it */
	const char *origin[CDX_CONF_ORIGINS_MAX];
	uint32_t n_origins;
};

/* Digits behind the point of amounts in tokens, as long as the token's own are not
 * known: only the chain knows them (cdx_conf_market_scale) */
#define CDX_CONF_TOKEN_DECIMALS 18u

/* Section [market], read (docs/MARKET.md "Configuration") */
struct cdx_conf_market {
	bool buys;
	struct cdx_purchase_policy policy;
	unsigned patrol_s; /* between rounds of the patrol; 0: no patrol */
	uint64_t provide;  /* bytes offered; 0: none by the configuration */
	struct cdx_u256 min_price;  /* a byte and second */
	struct cdx_u256 collateral; /* tokens' units, in all */
	uint64_t max_duration;	    /* seconds */
	int64_t until;		    /* seconds since 1970; 0: any */
	bool provides; /* provide is set, also to 0: availabilities are made by hand */
	unsigned per_request;
	struct cdx_u256
		stake; /* wei that a proof, fill, mark or payout may cost */
	bool has_recipient;
	struct cdx_addr recipient;
	bool validates;
	unsigned groups; /* 0: all */
	unsigned group;
	unsigned max_slots; /* 0: no limit */
};
/* Is there any part in the market to be had? */
bool cdx_conf_wants_market(const struct cdx_conf_market *m);

/* All values as text, and where they are from */
struct cdx_conf {
	char *file; /* that was read; NULL: none */
	struct {
		char *text; /* NULL: not set */
		char *from; /* "FILE:LINE", "--NAME" */
		bool option;
	} value[CDX_CONF_KEYS];
};

/* What is wrong, with file and line, in words */
#define CDX_CONF_WHY_MAX 1024u

/* The file where a system keeps its configuration */
#define CDX_CONF_SYSTEM "/etc/codexfs/codexfs.conf"

/**
 * cdx_conf_find - which file is to be read
 *
 * @out:   returns new
 * @given: by an option, or NULL
 * @store: directory, or NULL
 *
 * The first of: @given; $CODEXFS_CONFIG; codexfs.conf in @store;
 * CDX_CONF_SYSTEM.  1 and a path; 0 there is none; -errno (@why): one of the
 * first two was named and is not there; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_conf_find(char **out, const char *given,
				 const char *store, char why[CDX_CONF_WHY_MAX]);
/**
 * cdx_conf_read - take what a file says where no option has said it
 *
 * Once.  -EINVAL what is in it (@why begins with the file and line), also for
 * values that options stand in for; -errno; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_conf_read(struct cdx_conf *c, const char *file,
				 char why[CDX_CONF_WHY_MAX]);
/* A key by its name, which is that of its option too; CDX_CONF_KEYS for none */
enum cdx_conf_key cdx_conf_key_of(const char *name);
/* Sets one by an option, before the file is read; keys that may be given often
 * gather.  -EINVAL; -ENOMEM. */
CDX_MUST_CHECK int cdx_conf_option(struct cdx_conf *c, enum cdx_conf_key key,
				   const char *text,
				   char why[CDX_CONF_WHY_MAX]);

/* A path that stays the same when the process moves to another folder; returns
 * new, NULL without memory */
char *cdx_conf_absolute(const char *path);

/* One value for people */
struct cdx_conf_shown {
	const char *section;
	const char *name;
	char *text;	  /* returns new; NULL: there is none */
	const char *from; /* borrowed; "default" too */
};
/* Passwords in URLs are not shown.  -ENOMEM. */
CDX_MUST_CHECK int cdx_conf_show(const struct cdx_conf *c,
				 enum cdx_conf_key key,
				 struct cdx_conf_shown *out);

/* What the verb `node` has where nobody has said it: it listens, and answers
 * REST on the loopback.  After the file was read.  -ENOMEM. */
CDX_MUST_CHECK int cdx_conf_node_defaults(struct cdx_conf *c);
/* Who has a part in the market must be reached: where nobody has said anything it
 * listens as `node` does.  After the file was read.  -ENOMEM. */
CDX_MUST_CHECK int cdx_conf_market_defaults(struct cdx_conf *c,
					    const struct cdx_conf_market *m);
/* Is there anything to listen on or anybody to ask?  A mount has peers then. */
bool cdx_conf_wants_peers(const struct cdx_conf_node *n);
/* What sections [node] and [api] mean; -EINVAL values that contradict each other
 * (@why), -ENOMEM.  Freed with the functions below. */
CDX_MUST_CHECK int cdx_conf_node(const struct cdx_conf *c,
				 struct cdx_conf_node *out,
				 char why[CDX_CONF_WHY_MAX]);
/* -ENOMEM */
CDX_MUST_CHECK int cdx_conf_node_copy(struct cdx_conf_node *out,
				      const struct cdx_conf_node *n);
void cdx_conf_node_free(struct cdx_conf_node *n);
CDX_MUST_CHECK int cdx_conf_api(const struct cdx_conf *c,
				struct cdx_conf_api *out,
				char why[CDX_CONF_WHY_MAX]);
void cdx_conf_api_free(struct cdx_conf_api *a);
/* What section [market] means, checked against what it needs of the others; budget
 * and collateral with CDX_CONF_TOKEN_DECIMALS.  -EINVAL (@why).  Nothing to free. */
CDX_MUST_CHECK int cdx_conf_market(const struct cdx_conf *c,
				   struct cdx_conf_market *out,
				   char why[CDX_CONF_WHY_MAX]);

/* Budget and collateral in units of a token that has @decimals digits.  Once.
 * -EINVAL one has more digits than that, or is too large (@why). */
CDX_MUST_CHECK int cdx_conf_market_scale(struct cdx_conf_market *m,
					 unsigned decimals,
					 char why[CDX_CONF_WHY_MAX]);

/* What section [chain] means; -ENOMEM.  Freed with cdx_conf_chain_free. */
CDX_MUST_CHECK int cdx_conf_chain(const struct cdx_conf *c,
				  struct cdx_conf_chain *out);
void cdx_conf_chain_free(struct cdx_conf_chain *c);

/* An all-zero one is empty.  A copy of the values; -ENOMEM. */
CDX_MUST_CHECK int cdx_conf_copy(struct cdx_conf *out,
				 const struct cdx_conf *c);
void cdx_conf_free(struct cdx_conf *c);

#endif
