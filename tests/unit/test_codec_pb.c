/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/pb.h"

static void writes_zero_values(void **state)
{
	static const uint8_t want[] = {
		0x08, 0x00,			    /* 1: 0 */
		0x12, 0x00,			    /* 2: no bytes */
		0x18, 0x80, 0x80, 0x04,		    /* 3: 65536 */
		0x22, 0x03, 0x61, 0x62, 0x63,	    /* 4: "abc" */
		0x2a, 0x02, 0x08, 0x07,		    /* 5: { 1: 7 } */
		0x80, 0x01, 0xff, 0xff, 0xff, 0xff, /* 16: 2^64 - 1 */
		0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
	};
	struct cdx_buf out = {0};
	struct cdx_buf msg = {0};

	(void)state;
	cdx_pb_put_u64(&msg, 1, 7);
	cdx_pb_put_u64(&out, 1, 0);
	cdx_pb_put_bytes(&out, 2, NULL, 0);
	cdx_pb_put_u64(&out, 3, 65536);
	cdx_pb_put_bytes(&out, 4, "abc", 3);
	cdx_pb_put_msg(&out, 5, &msg);
	cdx_pb_put_u64(&out, 16, UINT64_MAX);
	assert_int_equal(cdx_buf_ok(&out), 0);
	assert_int_equal(out.len, sizeof(want));
	assert_memory_equal(out.p, want, sizeof(want));
	/* a failed sub-message fails the whole */
	msg.fail = true;
	cdx_pb_put_msg(&out, 5, &msg);
	assert_int_not_equal(cdx_buf_ok(&out), 0);
	cdx_buf_free(&out);
	cdx_buf_free(&msg);
}

struct seen {
	uint32_t a;	      /* field 1, uint32 */
	uint64_t b;	      /* field 2, uint64 */
	struct cdx_pb_span s; /* field 3 */
	unsigned fields;
};

static int walk(struct seen *seen, const void *in, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(in, len);
	struct cdx_pb_field f;

	*seen = (struct seen){0};
	while (cdx_pb_next(&c, &f)) {
		seen->fields++;
		if (f.number == 1)
			cdx_pb_get_u32(&seen->a, &c, &f);
		else if (f.number == 2)
			cdx_pb_get_u64(&seen->b, &f);
		else if (f.number == 3)
			cdx_pb_get_bytes(&seen->s, &f);
	}
	return cdx_cursor_done(&c);
}

#define WALK(seen, ...)                            \
	walk(seen, (const uint8_t[]){__VA_ARGS__}, \
	     sizeof((const uint8_t[]){__VA_ARGS__}))

static void last_of_duplicates_wins(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(WALK(&seen, 0x08, 5, 0x08, 6, 0x1a, 2, 'a', 'b', 0x1a,
			      1, 'c'),
			 0);
	assert_int_equal(seen.a, 6);
	assert_int_equal(seen.s.len, 1);
	/* an empty value is a value */
	assert_int_equal(WALK(&seen, 0x1a, 1, 'c', 0x1a, 0), 0);
	assert_int_equal(seen.s.len, 0);
}

static void skips_unknown_and_wrong_types(void **state)
{
	struct seen seen;

	(void)state;
	/* field 1 as bytes, fixed64 and fixed32; field 3 as varint; field 99 */
	assert_int_equal(WALK(&seen, 0x08, 5, 0x0a, 1, 9, 0x09, 1, 2, 3, 4, 5,
			      6, 7, 8, 0x0d, 1, 2, 3, 4, 0x18, 1, 0x98, 0x06,
			      1),
			 0);
	assert_int_equal(seen.fields, 6);
	assert_int_equal(seen.a, 5);
	assert_int_equal(seen.s.len, 0);
	assert_int_equal(walk(&seen, "", 0), 0);
	assert_int_equal(seen.fields, 0);
}

static void refuses_malformed_messages(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(WALK(&seen, 0x08), CDX_E_FORMAT); /* no value */
	assert_int_equal(WALK(&seen, 0x80), CDX_E_FORMAT); /* half a key */
	assert_int_equal(WALK(&seen, 0x0b), CDX_E_FORMAT); /* group start */
	assert_int_equal(WALK(&seen, 0x0c), CDX_E_FORMAT); /* group end */
	assert_int_equal(WALK(&seen, 0x0e, 0), CDX_E_FORMAT);
	assert_int_equal(WALK(&seen, 0x0f, 0), CDX_E_FORMAT);
	assert_int_equal(WALK(&seen, 0x1a, 2, 1), CDX_E_FORMAT);
	assert_int_equal(WALK(&seen, 0x0d, 1, 2, 3), CDX_E_FORMAT);
	assert_int_equal(WALK(&seen, 0x09, 1, 2, 3, 4, 5, 6, 7), CDX_E_FORMAT);
	/* overlong, as nim-libp2p */
	assert_int_equal(WALK(&seen, 0x08, 0x80, 0x00), CDX_E_FORMAT);
	/* a length near 2^64 */
	assert_int_equal(WALK(&seen, 0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			      0xff, 0xff, 0xff, 0x01, 1),
			 CDX_E_FORMAT);
	/* 2^32 in a uint32, 2^64 - 1 in a uint64 */
	assert_int_equal(WALK(&seen, 0x08, 0x80, 0x80, 0x80, 0x80, 0x10),
			 CDX_E_FORMAT);
	assert_int_equal(WALK(&seen, 0x08, 0xff, 0xff, 0xff, 0xff, 0x0f), 0);
	assert_int_equal(seen.a, UINT32_MAX);
	assert_int_equal(WALK(&seen, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			      0xff, 0xff, 0xff, 0x01),
			 0);
	assert_true(seen.b == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_zero_values),
		cmocka_unit_test(last_of_duplicates_wins),
		cmocka_unit_test(skips_unknown_and_wrong_types),
		cmocka_unit_test(refuses_malformed_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
