/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_REST_TEXT_H
#define CDX_API_REST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "dataset/manifest.h"

/* What clients say in headers, taken apart: pure, safe on any thread.  All
 * texts end with NUL and may hold any bytes. */

/* Part of a body */
struct cdx_rest_range {
	uint64_t first;
	uint64_t len; /* not 0 */
};
/**
 * cdx_rest_range - the header Range
 *
 * @header: NULL when there is none
 * @size:   bytes of the whole
 *
 * 1 and a range that lies within; 0 the whole is wanted (no range, one that is
 * malformed or of another unit, or several: RFC 9110 lets a server pass over
 * these); -ERANGE nothing of it is there.
 */
CDX_MUST_CHECK int cdx_rest_range(struct cdx_rest_range *out,
				  const char *header, uint64_t size);
/* Does a list of entity tags (If-None-Match, If-Range) name @etag, quotes
 * included?  @weak: W/ and "*" match too. */
bool cdx_rest_etag_match(const char *header, const char *etag, bool weak);

/**
 * cdx_rest_filename - the file name that Content-Disposition carries
 *
 * @out:    UTF-8; "" when there is none
 * @header: NULL when there is none
 *
 * filename* goes before filename; bytes that are not UTF-8 are taken for
 * Latin-1.  1 there is a name, 0 there is none.  Errors: -EINVAL malformed, or no
 * name for a file (slashes, control characters, "..", too long).
 */
CDX_MUST_CHECK int cdx_rest_filename(char out[CDX_FILENAME_MAX + 1],
				     const char *header);
/* Bytes that cdx_rest_disposition may need, NUL included */
#define CDX_REST_DISPOSITION_MAX (4 * CDX_FILENAME_MAX + 64)
/* "attachment" for an answer, with a file name that may come from anybody; NULL:
 * none */
void cdx_rest_disposition(char out[CDX_REST_DISPOSITION_MAX], const char *name);
/* Is it "TYPE/SUBTYPE", maybe with parameters, of printable characters and short
 * enough for a manifest? */
bool cdx_rest_mimetype(const char *text);

/* Longest token, with NUL */
#define CDX_REST_TOKEN_MAX 257u
/**
 * cdx_rest_credential - the secret of the header Authorization
 *
 * @header: NULL when there is none
 *
 * "Bearer TOKEN", or "Basic" with it as password and any user.  1 and the
 * secret (wipe it); 0 there is none that can be read.
 */
CDX_MUST_CHECK int cdx_rest_credential(char out[CDX_REST_TOKEN_MAX],
				       const char *header);

enum cdx_rest_host_kind {
	CDX_REST_HOST_LOOPBACK, /* 127/8, ::1, or "localhost" */
	CDX_REST_HOST_ADDRESS,	/* another address */
	CDX_REST_HOST_ANY,	/* 0.0.0.0, ::, or only ":PORT" */
	CDX_REST_HOST_NAME,
};
struct cdx_rest_host {
	enum cdx_rest_host_kind kind;
	char text[256]; /* without the port; addresses in their usual form */
};
/* "HOST", "HOST:PORT", "[ADDR6]:PORT".  -EINVAL. */
CDX_MUST_CHECK int cdx_rest_host(struct cdx_rest_host *out, const char *text);

/* Is plain text wanted rather than JSON?  What Accept prefers; when it does not
 * say (missing, or anything), the Content-Type that Codex's own clients set on
 * such requests. */
bool cdx_rest_wants_text(const char *accept, const char *content_type);

#endif
