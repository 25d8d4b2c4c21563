/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_DEPLOY_H
#define CDX_ETH_DEPLOY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "eth/market.h"
#include "eth/sender.h"
#include "eth/types.h"
#include "eth/vk_words.h"

/* Making contracts from their compiled artifacts (src/contracts/artifacts). */

#define CDX_DEPLOY_WHY_MAX 256u

/* Bytes of code that a contract may have (EIP-170), and of what makes it, with
 * its arguments (EIP-3860) */
#define CDX_CODE_MAX 24576u
#define CDX_INIT_CODE_MAX 49152u

/**
 * cdx_artifact_read - the code that makes a contract
 *
 * @out:  appended to
 * @dir:  folder of the artifacts
 * @name: "Marketplace", "Groth16Verifier", "TestToken"
 *
 * -ENOENT; CDX_E_FORMAT no artifact, or one whose code wants to be linked;
 * -E2BIG code that no chain takes; -errno.  @why says which file, and what is
 * wrong.
 */
CDX_MUST_CHECK int cdx_artifact_read(struct cdx_buf *out, const char *dir,
				     const char *name,
				     char why[CDX_DEPLOY_WHY_MAX]);

/* Arguments of the constructors, to be put behind the code: appended to @out.
 * -EINVAL a key without points, a configuration that cdx_market_config_encode
 * refuses; -ENOMEM.  The key is borrowed. */
CDX_MUST_CHECK int cdx_deploy_verifier_args(struct cdx_buf *out,
					    const struct cdx_vk_words *vk);
CDX_MUST_CHECK int cdx_deploy_marketplace_args(
	struct cdx_buf *out, const struct cdx_market_config *config,
	const struct cdx_addr *token, const struct cdx_addr *verifier);

/* Sends it; the address is in struct cdx_sent.  @code: code and arguments.
 * Returned at once: -E2BIG more than CDX_INIT_CODE_MAX; as cdx_sender_send. */
CDX_MUST_CHECK int cdx_deploy(struct cdx_sender *from, const void *code,
			      size_t len, cdx_send_fn *fn, void *arg);

#endif
