/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "eth/market.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Anybody may post a request, and a node may answer what it likes.  The first
 * byte says what the rest is taken for: 0 a request, 1 an active slot, 2 a
 * configuration, from 3 on a log of that event, with as many topics as the
 * upper half of the byte says. */

/* Encodes, reads back: the same request */
static void check_request(const struct cdx_storage_request *r)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf b = {.p = NULL};
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf c = {.p = NULL};
	struct cdx_storage_request again;
	struct cdx_b32 id;

	if (cdx_storage_request_encode(&b, r) < 0 ||
	    cdx_storage_request_decode(&again, b.p, b.len) < 0 ||
	    cdx_storage_request_encode(&c, &again) < 0 || c.len != b.len ||
	    memcmp(c.p, b.p, b.len) != 0 || cdx_request_id(&id, r) < 0)
		abort();
	(void)cdx_storage_request_check(r, &r->client, UINT64_MAX);
}

static void check_config(const struct cdx_market_config *c)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf b = {.p = NULL};
	struct cdx_market_config again;

	if (cdx_market_config_encode(&b, c) < 0 ||
	    cdx_market_config_decode(&again, b.p, b.len) < 0 ||
	    strcmp(again.zkey_hash, c->zkey_hash) != 0 ||
	    again.duration_limit != c->duration_limit)
		abort();
}

/* Words that are not of the event's shape are refused, so a log that is read has
 * a kind */
static void read_event(unsigned kind, unsigned topics, const uint8_t *data,
		       size_t size)
{
	struct cdx_chain_log log = {.n_topics = topics};
	struct cdx_market_event e;

	if (!cdx_market_event_signature(kind))
		return;
	cdx_market_event_topic(&log.topics[0],
			       (enum cdx_market_event_kind)kind);
	for (unsigned i = 1; i < topics && i < 4 && size >= 32; i++) {
		memcpy(log.topics[i].b, data, 32);
		data += 32;
		size -= 32;
	}
	log.data = data;
	log.len = size;
	if (cdx_market_event_decode(&e, &log) == 0 && e.kind != kind)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_storage_request r;
	struct cdx_market_config c;
	uint64_t index;
	unsigned what;

	if (size == 0)
		return 0;
	what = data[0] & 15;
	data++;
	size--;
	if (what == 0 && cdx_storage_request_decode(&r, data, size) == 0)
		check_request(&r);
	if (what == 1 && cdx_active_slot_decode(&r, &index, data, size) == 0)
		check_request(&r);
	if (what == 2 && cdx_market_config_decode(&c, data, size) == 0)
		check_config(&c);
	if (what > 2)
		read_event(what - 3, data[-1] >> 4, data, size);
	return 0;
}
