/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"
#include "node/market_internal.h"
#include "node/proof_keys.h"

/* Which proving key proofs are made with: the one whose SHA-256 the contract names,
 * or the configuration, since a contract that is not ours may hash another file. */

/* The hash in hex, as it is wanted */
static int wanted(struct cdx_node_market *m, char out[129], bool *pinned,
		  char why[CDX_CHAIN_WHY_MAX])
{
	const struct cdx_conf_chain *cfg;
	int rc = cdx_chain_conf(m->n->chain, NULL, &cfg, why);

	if (rc < 0)
		return rc;
	*pinned = cfg->has_zkey_hash;
	if (cfg->has_zkey_hash)
		cdx_hex(out, cfg->zkey_hash.b, sizeof(cfg->zkey_hash.b));
	else
		snprintf(out, 129, "%s", m->env.config.zkey_hash);
	return 0;
}

int cdx_node_market_find_key(struct cdx_node_market *m,
			     char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_proof_pin pin = {.samples = 0};
	char hash[129];
	char hex[2 * sizeof(pin.sha256.b) + 1];
	bool pinned;
	bool any = false;
	int rc = wanted(m, hash, &pinned, why);

	if (rc < 0)
		return rc;
	while ((rc = cdx_proof_pin_next(m->n->store, pin.samples, &pin)) > 0) {
		any = true;
		cdx_hex(hex, pin.sha256.b, sizeof(pin.sha256.b));
		if (strcasecmp(hex, hash) != 0)
			continue;
		m->key = pin.sha256;
		m->samples = pin.samples;
		return 0;
	}
	if (rc < 0) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "cannot read which proving keys the store has: %s",
			 cdx_strerror(rc));
		return rc;
	}
	snprintf(why, CDX_CHAIN_WHY_MAX,
		 "the store %s the proving key that %s (SHA-256 %.128s); get "
		 "its file and run: codexfs proof import FILE%s",
		 any ? "has proving keys, but not" : "has not got",
		 pinned ? "zkey-hash in section [chain] names"
			: "the marketplace names",
		 hash,
		 pinned ? ""
			: ". If the contract hashes another form of it, name "
			  "yours with zkey-hash in section [chain]");
	return -ENOENT;
}

static int get(void *arg, const struct cdx_proof_key **out, char *why)
{
	struct cdx_node_market *m = arg;
	struct cdx_proof_pin pin;
	int rc = cdx_proof_keys_get(m->n->proof_keys, m->samples, out, &pin,
				    why);

	if (rc < 0)
		return rc;
	if (memcmp(pin.sha256.b, m->key.b, sizeof(m->key.b)) == 0)
		return 0;
	cdx_proof_keys_put(m->n->proof_keys, *out);
	snprintf(why, CDX_MARKET_WHY_MAX,
		 "another proving key was imported; the marketplace would "
		 "refuse its proofs: import the right one again");
	return CDX_E_HASH;
}

static void put(void *arg, const struct cdx_proof_key *key)
{
	struct cdx_node_market *m = arg;

	cdx_proof_keys_put(m->n->proof_keys, key);
}

struct cdx_prover_keys cdx_node_market_keys(struct cdx_node_market *m)
{
	return (struct cdx_prover_keys){.get = get, .put = put, .arg = m};
}
