/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "discovery/peer.h"

void cdx_network_of(struct cdx_network *out, const char *name)
{
	static const char label[] = "codexfs network v1";
	struct cdx_digest digest;
	struct cdx_buf b = {0};

	cdx_buf_put(&b, label, sizeof(label) - 1);
	cdx_buf_put(&b, name, strlen(name));
	cdx_sha256(&digest, b.p, b.len);
	cdx_buf_free(&b);
	memcpy(out->b, digest.b, sizeof(out->b));
}
