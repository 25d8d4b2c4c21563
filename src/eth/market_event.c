/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/market.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "codec/abi.h"
#include "crypto/hash.h"
#include "eth/market_fields.h"

/* An event, and where its members are: r request, s slot, i slot's index,
 * a ask, e expiry, f from, t to, v value */
struct event {
	const char *signature;
	const char *topics; /* behind the first, which is the signature's */
	const char *data;
};

/* spec/marketplace.md 1.4; docs/CHAIN.md "Additions"; ERC-20 */
static const struct event events[] = {
	[CDX_EVENT_STORAGE_REQUESTED] = {"StorageRequested(bytes32," CDX_ASK_TYPE
					 ",uint64)",
					 "", "rae"},
	[CDX_EVENT_REQUEST_FULFILLED] = {"RequestFulfilled(bytes32)", "r", ""},
	[CDX_EVENT_REQUEST_CANCELLED] = {"RequestCancelled(bytes32)", "r", ""},
	[CDX_EVENT_REQUEST_FAILED] = {"RequestFailed(bytes32)", "r", ""},
	[CDX_EVENT_SLOT_FILLED] = {"SlotFilled(bytes32,uint64)", "r", "i"},
	[CDX_EVENT_SLOT_FREED] = {"SlotFreed(bytes32,uint64)", "r", "i"},
	[CDX_EVENT_SLOT_RESERVATIONS_FULL] =
		{"SlotReservationsFull(bytes32,uint64)", "r", "i"},
	[CDX_EVENT_PROOF_SUBMITTED] = {"ProofSubmitted(bytes32)", "", "s"},
	[CDX_EVENT_PROOF_SUBMITTER_SET] = {"ProofSubmitterSet(address,address)",
					   "ft", ""},
	[CDX_EVENT_TRANSFER] = {"Transfer(address,address,uint256)", "ft", "v"},
	[CDX_EVENT_APPROVAL] = {"Approval(address,address,uint256)", "ft", "v"},
};

const char *cdx_market_event_signature(unsigned kind)
{
	return kind < CDX_ARRAY_LEN(events) ? events[kind].signature : NULL;
}

void cdx_market_event_topic(struct cdx_b32 *out,
			    enum cdx_market_event_kind kind)
{
	const char *signature = events[kind].signature;

	cdx_keccak256(out->b, signature, strlen(signature));
}

static int find(enum cdx_market_event_kind *out, const struct cdx_b32 *topic)
{
	struct cdx_b32 have;

	for (unsigned i = 0; i < CDX_ARRAY_LEN(events); i++) {
		cdx_market_event_topic(&have, (enum cdx_market_event_kind)i);
		if (memcmp(have.b, topic->b, sizeof(have.b)) == 0) {
			*out = (enum cdx_market_event_kind)i;
			return 0;
		}
	}
	return -ENOENT;
}

/* All members are static: each takes the words that it takes in a head */
static size_t words_of(const char *members)
{
	size_t n = 0;

	for (; *members; members++)
		n += *members == 'a' ? CDX_ASK_WORDS : 1;
	return n;
}

static void get_member(struct cdx_market_event *e, char member,
		       struct cdx_abi_in *r)
{
	switch (member) {
	case 'r':
		cdx_abi_get_b32(r, e->request.b);
		return;
	case 's':
		cdx_abi_get_b32(r, e->slot.b);
		return;
	case 'i':
		e->slot_index = cdx_abi_get_u64(r);
		return;
	case 'a':
		cdx_ask_get(&e->ask, r);
		return;
	case 'e':
		e->expiry = cdx_abi_get_u64(r);
		return;
	case 'f':
		cdx_abi_get_addr(r, e->from.b);
		return;
	case 't':
		cdx_abi_get_addr(r, e->to.b);
		return;
	default: /* 'v' */
		e->value = cdx_abi_get_u256(r);
		return;
	}
}

static int get_members(struct cdx_market_event *e, const char *members,
		       const void *p, size_t len)
{
	struct cdx_abi_in r = cdx_abi_in(p, len);

	if (len != words_of(members) * 32)
		return CDX_E_FORMAT;
	for (; *members; members++)
		get_member(e, *members, &r);
	return cdx_abi_ok(&r);
}

int cdx_market_event_decode(struct cdx_market_event *out,
			    const struct cdx_chain_log *log)
{
	struct cdx_market_event e;
	int err;

	if (log->n_topics == 0 || log->n_topics > CDX_ARRAY_LEN(log->topics))
		return -ENOENT;
	memset(&e, 0, sizeof(e));
	err = find(&e.kind, &log->topics[0]);
	if (err < 0)
		return err;
	err = get_members(&e, events[e.kind].topics, log->topics + 1,
			  (log->n_topics - 1) * sizeof(log->topics[0]));
	if (err == 0)
		err = get_members(&e, events[e.kind].data, log->data, log->len);
	if (err < 0)
		return err;
	*out = e;
	return 0;
}
