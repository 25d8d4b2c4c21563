/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/record.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

#define FIELD_MULTIADDR 1u

static void advance(struct cdx_fields *r)
{
	r->have = cdx_pb_next(&r->c, &r->f);
}

void cdx_fields_init(struct cdx_fields *r, struct cdx_pb_span in)
{
	r->c = cdx_cursor_init(in.p, in.len);
	advance(r);
}

bool cdx_fields_at(const struct cdx_fields *r, uint32_t number)
{
	return r->have && r->f.number == number;
}

/* Takes the next field, which must be this */
static bool take(struct cdx_fields *r, struct cdx_pb_field *f, uint32_t number,
		 enum cdx_pb_wire wire)
{
	if (!cdx_fields_at(r, number) || r->f.wire != wire) {
		r->c.fail = true;
		r->have = false;
		return false;
	}
	*f = r->f;
	advance(r);
	return true;
}

uint64_t cdx_fields_u64(struct cdx_fields *r, uint32_t number)
{
	struct cdx_pb_field f;

	return take(r, &f, number, CDX_PB_VARINT) ? f.value : 0;
}

struct cdx_pb_span cdx_fields_bytes(struct cdx_fields *r, uint32_t number)
{
	struct cdx_pb_field f = {.bytes = {NULL, 0}};

	(void)take(r, &f, number, CDX_PB_BYTES);
	return f.bytes;
}

void cdx_fields_get(struct cdx_fields *r, uint32_t number, void *out,
		    size_t len)
{
	struct cdx_pb_span s = cdx_fields_bytes(r, number);

	if (s.len == len) {
		memcpy(out, s.p, len);
	} else {
		memset(out, 0, len);
		r->c.fail = true;
	}
}

int64_t cdx_fields_time(struct cdx_fields *r, uint32_t number)
{
	uint64_t v = cdx_fields_u64(r, number);

	if (v <= INT64_MAX)
		return (int64_t)v;
	r->c.fail = true;
	return 0;
}

int cdx_fields_done(const struct cdx_fields *r)
{
	return r->have ? CDX_E_FORMAT : cdx_cursor_done(&r->c);
}

uint32_t cdx_fields_addrs(struct cdx_fields *r, uint32_t number, bool wrapped,
			  struct cdx_maddr out[CDX_PEER_ADDRS_MAX])
{
	uint32_t known = 0;

	for (unsigned i = 0; cdx_fields_at(r, number); i++) {
		struct cdx_pb_span s = cdx_fields_bytes(r, number);

		if (wrapped) {
			struct cdx_fields in;

			cdx_fields_init(&in, s);
			s = cdx_fields_bytes(&in, FIELD_MULTIADDR);
			if (cdx_fields_done(&in) < 0)
				r->c.fail = true;
		}
		if (i >= CDX_PEER_ADDRS_MAX || s.len == 0) {
			r->c.fail = true;
			break;
		}
		if (cdx_maddr_decode(&out[known], s.p, s.len) == 0)
			known++;
	}
	return known;
}

int cdx_put_addrs(struct cdx_buf *out, uint32_t number, bool wrapped,
		  const struct cdx_maddr *addr, uint32_t n)
{
	if (n > CDX_PEER_ADDRS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		struct cdx_buf msg CDX_CLEANUP(cdx_buf_free) = {0};
		uint8_t raw[CDX_MADDR_BIN_MAX];
		size_t len = cdx_maddr_encode(raw, &addr[i]);

		if (len == 0)
			return -EINVAL;
		if (!wrapped) {
			cdx_pb_put_bytes(out, number, raw, len);
			continue;
		}
		cdx_pb_put_bytes(&msg, FIELD_MULTIADDR, raw, len);
		cdx_pb_put_msg(out, number, &msg);
	}
	return 0;
}
