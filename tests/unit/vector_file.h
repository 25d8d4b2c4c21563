/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_VECTOR_FILE_H
#define CDX_TESTS_UNIT_VECTOR_FILE_H

/* Reading tests/vectors/.  For unit tests; include after cmocka.h. */

#include <jansson.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/bytes.h"

/* The parsed file; the caller drops the reference.  Fails the test when it is
 * not there. */
static inline json_t *vector_load(const char *name)
{
	const char *srcdir = getenv("CDX_SRCDIR");
	char path[PATH_MAX];
	json_error_t error;
	json_t *j;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s",
		 srcdir ? srcdir : ".", name);
	j = json_load_file(path, 0, &error);
	if (!j)
		fail_msg("%s: %s", path, error.text);
	return j;
}

/* The bytes of the file: the caller frees @b */
static inline void vector_raw(struct cdx_buf *b, const char *name)
{
	const char *srcdir = getenv("CDX_SRCDIR");
	char path[PATH_MAX];
	char part[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s",
		 srcdir ? srcdir : ".", name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s is not there", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		cdx_buf_put(b, part, n);
	fclose(f);
	assert_int_equal(cdx_buf_ok(b), 0);
}

/* Member @key of an object, which must be there */
static inline json_t *vector_get(const json_t *o, const char *key)
{
	json_t *j = json_object_get(o, key);

	if (!j)
		fail_msg("no member %s", key);
	return j;
}

static inline const char *vector_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(vector_get(o, key));

	if (!s)
		fail_msg("%s is not a string", key);
	return s;
}

static inline uint64_t vector_u64(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(vector_get(o, key));
}

/* Hex text to bytes: the caller frees @b */
static inline void vector_hex(struct cdx_buf *b, const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *p = cdx_buf_extend(b, len);

	assert_non_null(p);
	assert_int_equal(cdx_unhex(p, len, hex), 0);
}

#endif
