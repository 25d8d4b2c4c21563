/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_PROOF_KEYS_H
#define CDX_NODE_PROOF_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "proof/key.h"
#include "store/proof_pin.h"
#include "store/store.h"

/*
 * The proving keys of a store: files STORE/proof/<SHA-256>.zkey, of which those
 * that the database names were checked and may be used.  Opened when they are
 * first asked for; then their hash is compared.
 */
struct cdx_proof_keys; /* locked by mu */

#define CDX_PROOF_KEYS_WHY_MAX 512u

/* @store and @log are kept; returns new; -ENOMEM */
CDX_MUST_CHECK int cdx_proof_keys_new(struct cdx_proof_keys **out,
				      struct cdx_store *store,
				      const struct cdx_log *log);
/* No key may be in use any more.  NULL is allowed. */
void cdx_proof_keys_free(struct cdx_proof_keys *keys);

/* How far an import is: "copying", "checking" */
typedef void cdx_proof_keys_phase_fn(void *arg, const char *phase);

/**
 * cdx_proof_keys_import - check a key file and keep a copy of it
 *
 * @out:         what was pinned
 * @path:        the file
 * @development: takes a development key, which is refused otherwise
 * @phase:       told with @run->arg; may be NULL
 * @why:         CDX_PROOF_KEYS_WHY_MAX bytes: what is wrong
 *
 * Copies first and checks the copy.  A key that was there for as many samples
 * is replaced.  Blocks; durable when it returns.
 * Errors: those of the file, of cdx_proof_key_open and cdx_proof_key_check;
 * -EPERM a development key; -ENOSPC.
 */
CDX_MUST_CHECK int cdx_proof_keys_import(struct cdx_proof_keys *keys,
					 struct cdx_proof_pin *out,
					 const char *path, bool development,
					 const struct cdx_groth16_run *run,
					 cdx_proof_keys_phase_fn *phase,
					 char why[CDX_PROOF_KEYS_WHY_MAX]);

/**
 * cdx_proof_keys_get - the key for a number of samples
 *
 * @out: borrowed until cdx_proof_keys_put, which must follow
 * @pin: what is known of it
 *
 * Errors: -ENOENT none was imported; CDX_E_HASH the file has changed; -errno.
 */
CDX_MUST_CHECK int cdx_proof_keys_get(struct cdx_proof_keys *keys,
				      uint32_t samples,
				      const struct cdx_proof_key **out,
				      struct cdx_proof_pin *pin,
				      char why[CDX_PROOF_KEYS_WHY_MAX]);
void cdx_proof_keys_put(struct cdx_proof_keys *keys,
			const struct cdx_proof_key *key);

#endif
