/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_SERVE_REQUEST_H
#define CDX_EXCHANGE_SERVE_REQUEST_H

#include <stdbool.h>

#include "base/attr.h"
#include "codec/cid.h"

/* What strangers ask for, taken apart (docs/PEERS.md "Exchange").  Pure. */

enum cdx_serve_kind {
	CDX_SERVE_IPFS,	    /* /ipfs/CID */
	CDX_SERVE_PEER,	    /* /codex/v1/peer */
	CDX_SERVE_DATASET,  /* /codex/v1/datasets/CID */
	CDX_SERVE_MANIFEST, /* ... /manifest */
	CDX_SERVE_BLOCKS,   /* ... /blocks */
	CDX_SERVE_DIALBACK, /* /codex/v1/dialback */
};

struct cdx_serve_request {
	enum cdx_serve_kind kind;
	struct cdx_cid cid; /* where the path has one */
};

/* @path: decoded.  -ENOENT no such path; CDX_E_FORMAT the CID is none. */
CDX_MUST_CHECK int cdx_serve_parse(struct cdx_serve_request *out,
				   const char *path);

/* May the answer be the bytes as they are?  @format, @accept: the parameter and
 * the header, or NULL; the former decides.  What does not ask for anything in
 * particular gets them too. */
bool cdx_serve_wants_raw(const char *format, const char *accept);

/* Does this If-None-Match (or NULL) name the tag?  @etag: with its quotes */
bool cdx_serve_etag_matches(const char *header, const char *etag);

/* A decimal port, 1 to 65535; CDX_E_FORMAT.  @text may be NULL. */
CDX_MUST_CHECK int cdx_serve_port(const char *text);

#endif
