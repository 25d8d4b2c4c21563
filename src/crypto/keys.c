/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/keys.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/internal.h"

_Static_assert(sizeof(struct cdx_key) == sizeof(struct cdx_digest),
	       "one round of expansion is one key");

void cdx_hkdf(struct cdx_key *out, const void *secret, size_t secret_len,
	      const char *label, const void *info, size_t info_len)
{
	static const uint8_t round = 1;
	const struct cdx_piece pieces[] = {
		{label, strlen(label)},
		{info, info_len},
		{&round, 1},
	};
	struct cdx_digest prk;
	struct cdx_digest okm;

	/* an empty salt is the same HMAC key as 32 zero bytes */
	cdx_hmac_sha256(&prk, NULL, 0, secret, secret_len);
	cdx_hmac_pieces(&okm, prk.b, sizeof(prk.b), pieces,
			CDX_ARRAY_LEN(pieces));
	memcpy(out->b, okm.b, sizeof(out->b));
	cdx_wipe(&prk, sizeof(prk));
	cdx_wipe(&okm, sizeof(okm));
}

static void child(struct cdx_key *out, const struct cdx_key *parent,
		  const char *label)
{
	cdx_hkdf(out, parent->b, sizeof(parent->b), label, NULL, 0);
}

void cdx_volume_keys_derive(struct cdx_volume_keys *out,
			    const struct cdx_root *root, uint32_t volume)
{
	uint8_t v[4];

	cdx_put_be32(v, volume);
	cdx_hkdf(&out->w, root->b, sizeof(root->b), "codexfs volume v1", v,
		 sizeof(v));
	child(&out->local, &out->w, "codexfs local v1");
	child(&out->read, &out->w, "codexfs read v1");
	child(&out->sign, &out->w, "codexfs sign v1");
	child(&out->location, &out->w, "codexfs location v1");
	child(&out->chunk, &out->w, "codexfs chunk v1");
	child(&out->footer, &out->read, "codexfs footer v1");
	child(&out->wrap, &out->read, "codexfs segment-key v1");
	child(&out->sum, &out->local, "codexfs page-sum v1");
}

void cdx_volume_keys_wipe(struct cdx_volume_keys *k)
{
	cdx_wipe(k, sizeof(*k));
}
