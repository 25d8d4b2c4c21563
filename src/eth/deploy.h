/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_DEPLOY_H
#define CDX_ETH_DEPLOY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"
#include "eth/sender.h"
#include "eth/types.h"

/* Making contracts from their compiled artifacts (src/contracts/artifacts). */

#define CDX_DEPLOY_WHY_MAX 256u

/**
 * cdx_artifact_read - the code that makes a contract
 *
 * @out:  appended to
 * @dir:  folder of the artifacts
 * @name: "Marketplace", "Groth16Verifier", "TestToken"
 *
 * -ENOENT; CDX_E_FORMAT; -errno.  @why says which file, and what is wrong.
 */
CDX_MUST_CHECK int cdx_artifact_read(struct cdx_buf *out, const char *dir,
				     const char *name,
				     char why[CDX_DEPLOY_WHY_MAX]);

/* A verification key in the constructor's words, big endian: the order of
 * coordinates is that of struct cdx_proof_words (real, imaginary) */
struct cdx_vk_words {
	uint8_t alpha1[2][32];
	uint8_t beta2[4][32];
	uint8_t gamma2[4][32];
	uint8_t delta2[4][32];
	uint8_t (*ic)[2][32]; /* @n_ic of them, borrowed */
	size_t n_ic;
};

/* Arguments of the constructors, to be put behind the code */
CDX_MUST_CHECK int cdx_deploy_verifier_args(struct cdx_buf *out,
					    const struct cdx_vk_words *vk);
CDX_MUST_CHECK int cdx_deploy_marketplace_args(
	struct cdx_buf *out, const struct cdx_market_config *config,
	const struct cdx_addr *token, const struct cdx_addr *verifier);

/* Sends it; the address is in struct cdx_sent.  @code: code and arguments */
CDX_MUST_CHECK int cdx_deploy(struct cdx_sender *from, const void *code,
			      size_t len, cdx_send_fn *fn, void *arg);

#endif
