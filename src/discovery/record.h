/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_RECORD_H
#define CDX_DISCOVERY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/multiaddr.h"
#include "codec/pb.h"
#include "discovery/peer.h"

/* What both kinds of records are read and written with.  Thread: any, objects are
 * the caller's. */

/* Fields in ascending order, each as the format has it and none besides: so that
 * a record has one encoding.  Failure is sticky. */
struct cdx_fields {
	struct cdx_cursor c;
	struct cdx_pb_field f; /* the next one, when @have */
	bool have;
};
void cdx_fields_init(struct cdx_fields *r, struct cdx_pb_span in);
/* Is the next one this? */
bool cdx_fields_at(const struct cdx_fields *r, uint32_t number);
/* A varint that must be next; 0 after failure */
uint64_t cdx_fields_u64(struct cdx_fields *r, uint32_t number);
/* Bytes that must be next; empty after failure */
struct cdx_pb_span cdx_fields_bytes(struct cdx_fields *r, uint32_t number);
/* The same of exactly @len bytes, copied; zeros after failure */
void cdx_fields_get(struct cdx_fields *r, uint32_t number, void *out,
		    size_t len);
/* Wall seconds; a number that is none fails */
int64_t cdx_fields_time(struct cdx_fields *r, uint32_t number);
/* 0 when nothing failed and nothing is left, else CDX_E_FORMAT */
CDX_MUST_CHECK int cdx_fields_done(const struct cdx_fields *r);

/* Up to CDX_PEER_ADDRS_MAX fields of this number; @wrapped: each is {1: bytes}.
 * Kinds that we do not know are left out.  Returns how many there are in @out. */
uint32_t cdx_fields_addrs(struct cdx_fields *r, uint32_t number, bool wrapped,
			  struct cdx_maddr out[CDX_PEER_ADDRS_MAX]);
/* The other way.  -EINVAL too many, or one that is none. */
CDX_MUST_CHECK int cdx_put_addrs(struct cdx_buf *out, uint32_t number,
				 bool wrapped, const struct cdx_maddr *addr,
				 uint32_t n);

#endif
