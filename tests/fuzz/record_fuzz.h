/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_FUZZ_RECORD_FUZZ_H
#define CDX_TESTS_FUZZ_RECORD_FUZZ_H

/* What the targets of signed records share: the time and the key of the corpus. */

#include <stdlib.h>
#include <string.h>

#include "discovery/envelope.h"
#include "discovery/peer.h"

#define NOW 1700000000

static inline struct cdx_identity us(void)
{
	struct cdx_identity who;

	memset(&who, 0, sizeof(who));
	memset(who.key.b, 0x46, sizeof(who.key.b));
	if (cdx_seckey_public(who.id.b, &who.key) < 0)
		abort();
	cdx_network_of(&who.network, "codexfs");
	return who;
}

#endif
