/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/abi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An array of (uint64, bytes), which is dynamic, to the same */
static void pairs(struct cdx_buf *out, struct cdx_abi_in *r)
{
	size_t n;
	struct cdx_abi_in in = cdx_abi_get_array(r, 1, &n);
	struct cdx_buf b = {0};
	struct cdx_abi w;

	cdx_abi_begin(&w, 1);
	cdx_abi_u64(&w, n);
	if (cdx_abi_end(&w, out) < 0)
		abort();
	cdx_abi_begin(&w, n);
	for (size_t i = 0; i < n; i++) {
		struct cdx_abi_in pair = cdx_abi_get_tuple(&in);
		struct cdx_abi t;
		const uint8_t *p;
		size_t len;

		cdx_abi_begin(&t, 2);
		cdx_abi_u64(&t, cdx_abi_get_u64(&pair));
		p = cdx_abi_get_bytes(&pair, &len);
		cdx_abi_bytes(&t, p, len);
		if (cdx_abi_end(&t, &b) < 0)
			abort();
		cdx_abi_dynamic(&w, &b);
		cdx_buf_free(&b);
		in.fail |= pair.fail;
	}
	if (cdx_abi_end(&w, out) < 0)
		abort();
	r->fail |= in.fail;
}

/* (uint64, uint256, bool, address, bytes32, bytes, (uint64, bytes)[],
 * uint256[]) to the same, in our encoding.  Less than 0 when it is not such. */
static int again(struct cdx_buf *out, const void *data, size_t size)
{
	struct cdx_abi_in r = cdx_abi_in(data, size);
	struct cdx_buf b = {0};
	struct cdx_abi_in in;
	struct cdx_abi w;
	struct cdx_u256 v;
	uint8_t raw[32];
	const uint8_t *p;
	size_t n;

	cdx_abi_begin(&w, 8);
	cdx_abi_u64(&w, cdx_abi_get_u64(&r));
	v = cdx_abi_get_u256(&r);
	cdx_abi_u256(&w, &v);
	cdx_abi_bool(&w, cdx_abi_get_bool(&r));
	cdx_abi_get_addr(&r, raw);
	cdx_abi_addr(&w, raw);
	cdx_abi_get_b32(&r, raw);
	cdx_abi_b32(&w, raw);
	p = cdx_abi_get_bytes(&r, &n);
	cdx_abi_bytes(&w, p, n);
	pairs(&b, &r);
	cdx_abi_dynamic(&w, &b);
	cdx_buf_free(&b);
	in = cdx_abi_get_array(&r, 1, &n);
	cdx_buf_put(&b, (uint8_t[24]){0}, 24);
	cdx_buf_be64(&b, n);
	for (size_t i = 0; i < n; i++) {
		cdx_abi_get_b32(&in, raw);
		cdx_buf_put(&b, raw, sizeof(raw));
	}
	if (in.fail && !r.fail)
		abort();
	cdx_abi_dynamic(&w, &b);
	cdx_buf_free(&b);
	if (cdx_abi_end(&w, out) < 0)
		abort();
	return cdx_abi_ok(&r);
}

/* There are many encodings of a value, one of which is ours. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_buf a = {0};
	struct cdx_buf b = {0};

	if (again(&a, data, size) == 0) {
		if (again(&b, a.p, a.len) < 0 || a.len != b.len ||
		    memcmp(a.p, b.p, a.len) != 0)
			abort();
	}
	cdx_buf_free(&a);
	cdx_buf_free(&b);
	return 0;
}
