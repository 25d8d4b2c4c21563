/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"

#define SLOTS 4096u

struct slot {
	struct cdx_digest key;
	struct cdx_peer_id id;
	bool used;
	uint64_t seq;
};

struct cdx_seen {
	struct cdx_digest secret;
	struct slot slot[SLOTS];
};

int cdx_seen_new(struct cdx_seen **out)
{
	struct cdx_seen *s = calloc(1, sizeof(*s));

	*out = s;
	if (!s)
		return -ENOMEM;
	cdx_random(s->secret.b, sizeof(s->secret.b));
	return 0;
}

void cdx_seen_free(struct cdx_seen *s)
{
	free(s);
}

bool cdx_seen_note(struct cdx_seen *s, const struct cdx_provider_record *r)
{
	uint8_t name[sizeof(r->key.b) + sizeof(r->id.b)];
	struct cdx_digest where;
	struct slot *slot;

	memcpy(name, r->key.b, sizeof(r->key.b));
	memcpy(name + sizeof(r->key.b), r->id.b, sizeof(r->id.b));
	cdx_hmac_sha256(&where, s->secret.b, sizeof(s->secret.b), name,
			sizeof(name));
	slot = &s->slot[cdx_get_le32(where.b) % SLOTS];
	if (slot->used && memcmp(&slot->key, &r->key, sizeof(r->key)) == 0 &&
	    memcmp(&slot->id, &r->id, sizeof(r->id)) == 0) {
		if (slot->seq > r->seq)
			return false;
	} else {
		slot->key = r->key;
		slot->id = r->id;
		slot->used = true;
	}
	slot->seq = r->seq;
	return true;
}
