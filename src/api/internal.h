/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_INTERNAL_H
#define CDX_API_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "base/attr.h"
#include "dataset/manifest.h"
#include "node/market.h"
#include "protect/protect.h"
#include "store/dataset_store.h"
#include "store/offer.h"
#include "store/protection.h"

/* What the files of this module share. */

/* ---- answers (reply.c) ---- */

/* Reasons in words, of any of the modules below */
#define CDX_API_WHY_MAX 512u

/* An error as the answer to a call: {"error": ..., "code": ...} */
void cdx_api_reply_error(struct cdx_call *call, int rc);
/* The same with a reason in words; an empty or NULL one is cdx_strerror's */
void cdx_api_reply_why(struct cdx_call *call, int rc, const char *why);
/* Why a share has no room: @need bytes (0: unknown) where @room were free */
void cdx_api_why_quota(char why[CDX_API_WHY_MAX], uint64_t need, uint64_t room);
/* Free bytes of the share that datasets are charged to */
uint64_t cdx_api_room(const struct cdx_api *api);
/* A JSON value as the answer; takes @json */
void cdx_api_reply_json(struct cdx_call *call, int status, json_t *json);

/*
 * Long work: the answer is one JSON object a line, progress first.  Who has
 * gone, or a process that is ending, cancels it.
 */
struct cdx_api_work {
	struct cdx_api *api;
	struct cdx_call *call;
	char phase[48]; /* for cdx_api_work_units */
	uint64_t unit;	/* bytes of one unit there */
	uint64_t last_ns;
	bool gone; /* nobody listens */
};
void cdx_api_work_begin(struct cdx_api_work *w, struct cdx_api *api,
			struct cdx_call *call);
/* Sets the phase and the bytes of a unit; @fmt makes the phase */
void cdx_api_work_phase(struct cdx_api_work *w, uint64_t unit, const char *fmt,
			...) CDX_PRINTF(3, 4);
/* One line; takes @json */
void cdx_api_work_line(struct cdx_api_work *w, json_t *json);
/* A cdx_progress_fn: a line now and then; @arg is the work */
void cdx_api_work_progress(void *arg, const char *phase, uint64_t done,
			   uint64_t total);
/* The same for counted units: the phase is @phase, in bytes */
void cdx_api_work_units(void *arg, uint64_t done, uint64_t total);
bool cdx_api_work_cancelled(void *arg);
/* The last line: @result (taken), or what went wrong */
void cdx_api_work_end(struct cdx_api_work *w, int rc, const char *why,
		      json_t *result);

/* Only one changes a dataset (and what is built on it) at a time: -EBUSY.
 * @base: dataset id of the plain one; @why: in words.  Thread: safe. */
CDX_MUST_CHECK int cdx_api_claim(struct cdx_api *api, uint64_t base,
				 char why[CDX_API_WHY_MAX]);
/* Ends what cdx_api_claim began */
void cdx_api_unclaim(struct cdx_api *api, uint64_t base);

/* ---- parameters (param.c) ---- */

/* A whole number.  1 it is there, 0 it is not (@out unchanged); -EINVAL, also
 * when it is out of bounds. */
CDX_MUST_CHECK int cdx_api_number(struct cdx_call *call, const char *name,
				  uint64_t min, uint64_t max, uint64_t *out);
/* "0,3,14": bit i for slot i.  Results as above. */
CDX_MUST_CHECK int cdx_api_slots(struct cdx_call *call, const char *name,
				 uint32_t *out);
/* data, parity, codec, where they are not given those of the store */
struct cdx_api_code {
	uint32_t k;
	uint32_t m;
	uint32_t codec;
};
CDX_MUST_CHECK int cdx_api_code(const struct cdx_api *api,
				struct cdx_call *call, struct cdx_api_code *out,
				char why[CDX_API_WHY_MAX]);

/* A plain dataset and how it is to be protected (dataset_protect.c) */
struct cdx_api_protect {
	struct cdx_api *api;
	struct cdx_cid cid;
	struct cdx_protect_opts o; /* cancel, progress and arg are the caller's */
	struct cdx_dataset_info info;
};
/* -ENOENT; -EINVAL, CDX_E_CODEC it cannot be; -EBUSY it is the volume's.
 * @cell_size: 0: as usual */
CDX_MUST_CHECK int cdx_api_protect_prepare(struct cdx_api_protect *p,
					   struct cdx_api *api,
					   const struct cdx_cid *cid,
					   const struct cdx_api_code *code,
					   uint32_t cell_size,
					   char why[CDX_API_WHY_MAX]);
/* Blocks; the caller has claimed info.base.  Errors of cdx_protect_run. */
CDX_MUST_CHECK int cdx_api_protect_run(struct cdx_api_protect *p,
				       struct cdx_cid *out,
				       char why[CDX_API_WHY_MAX]);

/* ---- JSON of datasets (dataset_json.c) ---- */

/* As `dataset ls` has it; returns new, NULL without memory */
json_t *cdx_api_dataset_json(const struct cdx_dataset_info *info,
			     const struct cdx_manifest *m);
/* As `dataset show` has it: with the other manifests of a verifiable dataset,
 * with the protections of a plain one.  Returns new in @out. */
CDX_MUST_CHECK int cdx_api_dataset_show(struct cdx_store *s,
					const struct cdx_cid *cid,
					json_t **out);
/* The indexes of set bits, an array; returns new */
json_t *cdx_api_bits(uint32_t bits);
/* The CID of a manifest, as text */
void cdx_api_manifest_text(char out[CDX_CID_TEXT_MAX],
			   const struct cdx_digest *digest);
/* Codec's name, its number where it has none, null where there is no parity
 * (@m = 0); returns new */
json_t *cdx_api_codec(uint32_t codec, uint32_t m);

/* ---- calls ---- */

/**
 * cdx_api_ingest - the body of a call becomes a dataset
 *
 * @why: in words, where there is more to say than the result does
 *
 * -ENODATA: the body was empty; otherwise the errors of ingests and of the
 * call's read.  What failed leaves nothing behind.
 */
CDX_MUST_CHECK int cdx_api_ingest(const struct cdx_api *api,
				  struct cdx_call *call,
				  const struct cdx_ingest_opts *o,
				  struct cdx_cid *out,
				  char why[CDX_API_WHY_MAX]);
/* @rest is what follows /control/v1/datasets */
void cdx_api_datasets(struct cdx_api *api, struct cdx_call *call,
		      const char *rest);
/* What is below one dataset's path: dataset_protect.c, dataset_slots.c,
 * dataset_prove.c, dataset_rebuild.c, dataset_verify.c; and policy.c, proof.c */
void cdx_api_protect(struct cdx_api *api, struct cdx_call *call,
		     const struct cdx_cid *cid);
void cdx_api_slots_list(struct cdx_api *api, struct cdx_call *call,
			const struct cdx_cid *cid);
void cdx_api_slots_export(struct cdx_api *api, struct cdx_call *call,
			  const struct cdx_cid *cid);
void cdx_api_inputs(struct cdx_api *api, struct cdx_call *call,
		    const struct cdx_cid *cid);
void cdx_api_prove(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid);
void cdx_api_evict(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid);
void cdx_api_rebuild(struct cdx_api *api, struct cdx_call *call,
		     const struct cdx_cid *cid);
void cdx_api_verify(struct cdx_api *api, struct cdx_call *call,
		    const struct cdx_cid *cid);
void cdx_api_policy(struct cdx_api *api, struct cdx_call *call);
/* @rest is what follows /control/v1/proof */
void cdx_api_proof(struct cdx_api *api, struct cdx_call *call,
		   const char *rest);
/* @rest is what follows /control/v1/chain */
void cdx_api_chain(struct cdx_api *api, struct cdx_call *call,
		   const char *rest);
/* @rest is what follows /control/v1/market; and /control/v1/market/availability */
void cdx_api_market(struct cdx_api *api, struct cdx_call *call,
		    const char *rest);
void cdx_api_offers(struct cdx_api *api, struct cdx_call *call,
		    const char *rest);
/* The proving keys that are pinned, an array; returns new, NULL without memory
 * or when the table cannot be read */
json_t *cdx_api_proof_keys_json(struct cdx_store *s);

/* ---- the market ---- */

/* Values as JSON (market_json.c); each returns new, NULL without memory */
json_t *cdx_api_addr_json(const struct cdx_addr *a);
json_t *cdx_api_u256_json(const struct cdx_u256 *v);
/* What `status` says of it (status_market.c); n->market is there */
json_t *cdx_api_market_json(struct cdx_node *n);
/* 0x and 64 hex digits: ids, hashes, nonces */
json_t *cdx_api_id_json(const uint8_t id[32]);
json_t *cdx_api_offer_json(const struct cdx_offer *o);
json_t *cdx_api_reservation_json(const struct cdx_reservation *r);
/* null where it was not read yet, which a request without slots is */
json_t *cdx_api_request_json(const struct cdx_b32 *id,
			     const struct cdx_storage_request *r);

/* Figures of one share (status.c) */
json_t *cdx_api_share_json(struct cdx_store *s, enum cdx_share share);
/* Nines of the durability of what the hosts of a purchase have now, for that long;
 * null where it says nothing (market_show.c).  @c: of the contract */
json_t *cdx_api_nines(const struct cdx_purchase_info *p,
		      const struct cdx_market_config *c, double horizon_s);
/* The next two: with more than Codex's API has (market_show.c).  @c: of the
 * contract */
json_t *cdx_api_purchase_json(const struct cdx_purchase_info *p,
			      const struct cdx_market_config *c);
json_t *cdx_api_sale_json(const struct cdx_sale_info *s);
/* Adds "marketplace" and "zkeyHash" to @j, or nothing where no contract is
 * configured; "accounts" and "token" (chain.c).  Errors of node/chain_ask.h. */
CDX_MUST_CHECK int cdx_api_put_market(const struct cdx_api *api, json_t *j,
				      char why[CDX_CHAIN_WHY_MAX]);
CDX_MUST_CHECK int cdx_api_put_accounts(const struct cdx_api *api, json_t *j,
					char why[CDX_CHAIN_WHY_MAX]);
/* A slot that is sold or being sold here; a slot of ours that no agent has yet is in
 * state SaleUnknown.  -ENOENT; -EAGAIN, -ENODATA no market; errors of the chain. */
CDX_MUST_CHECK int cdx_api_sale(const struct cdx_api *api,
				const struct cdx_b32 *slot,
				struct cdx_sale_info *out,
				char why[CDX_CHAIN_WHY_MAX]);
/* Appends all slots that the contract says are ours; errors as above */
CDX_MUST_CHECK int cdx_api_hosted(const struct cdx_api *api, json_t *list,
				  char why[CDX_CHAIN_WHY_MAX]);

/* A list as the answer, with the token where it is known; takes @list.  @rc below 0:
 * that instead */
void cdx_api_market_listed(struct cdx_api *api, struct cdx_call *call,
			   const char *name, json_t *list, int rc);
/* {"symbol", "decimals"} of the marketplace's token; asked for once.  Returns new in
 * @out.  Errors of node/chain_ask.h. */
CDX_MUST_CHECK int cdx_api_token(struct cdx_api *api, json_t **out,
				 char why[CDX_CHAIN_WHY_MAX]);
/**
 * cdx_api_offer_add, cdx_api_offer_change - what is offered to others
 *
 * @now: returns all of it
 *
 * The provider's share grows with it; durable when they return, and sales look
 * again.  Errors of cdx_offer_add and cdx_offer_change; -ENOSPC the disk has not so
 * much.  @why: in words.
 */
CDX_MUST_CHECK int cdx_api_offer_add(struct cdx_api *api, struct cdx_offer *o,
				     char why[CDX_CHAIN_WHY_MAX]);
CDX_MUST_CHECK int cdx_api_offer_change(struct cdx_api *api,
					const struct cdx_offer *o,
					unsigned which, struct cdx_offer *now,
					char why[CDX_CHAIN_WHY_MAX]);

/* Appends all that is offered (market_offers.c).  Errors of cdx_offer_list. */
CDX_MUST_CHECK int cdx_api_offers_all(struct cdx_store *s, json_t *list);

/* What is said where purchases are asked of a process that makes none */
extern const char cdx_api_buys_none[];

/* A dataset that others are to store for tokens (market_buy.c) */
struct cdx_api_buy {
	struct cdx_api *api;
	struct cdx_cid cid; /* plain, or verifiable already */
	struct cdx_api_code code;
	bool has_code; /* somebody said it: a verifiable one must fit */
	struct cdx_purchase_terms terms;
	bool (*cancel)(void *arg);
	/* steps of the protection; NULL: nobody asks */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	/* by cdx_api_buy_prepare */
	struct cdx_api_protect protect;
	bool verifiable;
};
/**
 * cdx_api_buy_prepare - can this be bought?
 *
 * @b: all but the last members
 *
 * Looks at the dataset, not at the terms.  -ENOENT it is not here; -EINVAL,
 * CDX_E_CODEC it cannot be protected so; -EBUSY the volume buys for it.
 */
CDX_MUST_CHECK int cdx_api_buy_prepare(struct cdx_api_buy *b,
				       char why[CDX_API_WHY_MAX]);
/**
 * cdx_api_buy_run - protect it if need be, ask for its storage, publish it
 *
 * @id: returns the request's
 *
 * -EBUSY something else changes it; -ENODATA this process buys nothing; -EAGAIN
 * the chain does not answer; -ENOBUFS the budget does not allow it; errors of
 * cdx_protect_run and others of cdx_purchasing_request.
 */
CDX_MUST_CHECK int cdx_api_buy_run(struct cdx_api_buy *b, struct cdx_b32 *id,
				   char why[CDX_CHAIN_WHY_MAX]);

/* cdx_slots_open that says in words why it cannot */
struct cdx_slots;
CDX_MUST_CHECK int cdx_api_slots_open(struct cdx_slots *out,
				      struct cdx_store *s,
				      const struct cdx_cid *cid,
				      char why[CDX_API_WHY_MAX]);
/* The same, and reads the parameter "slots": @required, else all of them */
CDX_MUST_CHECK int cdx_api_slots_some(struct cdx_slots *sl, struct cdx_api *api,
				      struct cdx_call *call,
				      const struct cdx_cid *cid, bool required,
				      uint32_t *slots,
				      char why[CDX_API_WHY_MAX]);
/* The same for who changes the slots that the parameter "slots" names (it must
 * be there): claims the dataset; give it back with cdx_api_unclaim of
 * rec.base. */
CDX_MUST_CHECK int
cdx_api_slots_claim(struct cdx_slots *sl, struct cdx_api *api,
		    struct cdx_call *call, const struct cdx_cid *cid,
		    uint32_t *slots, char why[CDX_API_WHY_MAX]);

/* ---- others (peers.c, peers_json.c) ---- */

/* @rest is what follows /control/v1/peers */
void cdx_api_peers(struct cdx_api *api, struct cdx_call *call,
		   const char *rest);
/* Datasets came, went or changed: what is announced is looked at again */
void cdx_api_changed(struct cdx_api *api);
void cdx_api_find(struct cdx_api *api, struct cdx_call *call,
		  const struct cdx_cid *cid);
void cdx_api_announce(struct cdx_api *api, struct cdx_call *call,
		      const struct cdx_cid *cid);
/* What a dataset is, and its bytes, from wherever they are */
void cdx_api_open(struct cdx_api *api, struct cdx_call *call,
		  const struct cdx_cid *cid);
void cdx_api_fetch(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid);
/* Texts of addresses; returns new, as the two below */
struct cdx_maddr;
json_t *cdx_api_addrs_json(const struct cdx_maddr *addr, uint32_t n);
struct cdx_peers;
json_t *cdx_api_node_json(struct cdx_peers *p);
json_t *cdx_api_cache_json(struct cdx_store *s);

#endif
