/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_SEEN_H
#define CDX_DISCOVERY_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "discovery/provider.h"

/*
 * The newest sequence that was seen of a key and its signer, so that nobody can
 * bring back a record that was withdrawn.  A table of fixed size, from which what
 * is old is pushed out; where an entry lies depends on a secret, so that nobody
 * can choose whose.  loop-confined.
 */
struct cdx_seen;

/* Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_seen_new(struct cdx_seen **out);
/* NULL is allowed. */
void cdx_seen_free(struct cdx_seen *s);
/* Takes note of a record whose signature is right.  False: a newer one was seen. */
bool cdx_seen_note(struct cdx_seen *s, const struct cdx_provider_record *r);

#endif
