/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_RECORD_KIT_H
#define CDX_TESTS_UNIT_RECORD_KIT_H

/* What the tests of signed records share: a key of ours, and hex. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "discovery/peer.h"

#define NOW 1700000000
#define SEQ UINT64_C(1700000000123)
#define EXPIRES (NOW + 600)

static inline struct cdx_identity record_us(void)
{
	struct cdx_identity who;

	memset(&who, 0, sizeof(who));
	memset(who.key.b, 0x46, sizeof(who.key.b));
	assert_int_equal(cdx_seckey_public(who.id.b, &who.key), 0);
	cdx_network_of(&who.network, "codexfs");
	return who;
}

static inline struct cdx_buf record_unhex(const char *hex)
{
	struct cdx_buf b = {0};
	size_t len = strlen(hex) / 2;

	assert_int_equal(cdx_unhex(cdx_buf_extend(&b, len), len, hex), 0);
	return b;
}

static inline void record_is_hex(const void *p, size_t len, const char *want)
{
	char *got = malloc(2 * len + 1);

	assert_non_null(got);
	cdx_hex(got, p, len);
	assert_string_equal(got, want);
	free(got);
}

#endif
