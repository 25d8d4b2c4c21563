/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_REST_H
#define CDX_API_REST_H

#include <stdint.h>

#include "api/api.h"
#include "base/attr.h"
#include "node/conf.h"

/*
 * Codex's REST API under /api/codex/v1, /metrics and /health on TCP, for programs
 * on this machine (docs/PEERS.md "REST", docs/openapi.yaml).
 */
struct cdx_rest;

/* Reasons in words */
#define CDX_REST_WHY_MAX 512u

/**
 * cdx_rest_new - listen and answer
 *
 * @api:  borrowed; its node has the store, the peers and the rest
 * @conf: section [api]; copied
 * @why:  in words (a busy port: with its holder)
 *
 * Makes STORE/api-token (mode 0600) when there is none.  Errors as
 * cdx_server_tcp; -EPERM a token file that others can read.
 */
CDX_MUST_CHECK int cdx_rest_new(struct cdx_rest **out, struct cdx_api *api,
				const struct cdx_conf_api *conf,
				char why[CDX_REST_WHY_MAX]);
/* Waits for the calls under way.  NULL is allowed. */
void cdx_rest_free(struct cdx_rest *r);
/* Where it listens */
uint16_t cdx_rest_port(const struct cdx_rest *r);

#endif
