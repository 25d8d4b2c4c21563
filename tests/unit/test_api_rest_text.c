/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What clients say in headers. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/rest_text.h"

static void ranges(void **state)
{
	static const struct {
		const char *header;
		uint64_t size;
		int rc;
		uint64_t first;
		uint64_t len;
	} cases[] = {
		{NULL, 10, 0, 0, 0},
		{"bytes=0-0", 10, 1, 0, 1},
		{"bytes=2-5", 10, 1, 2, 4},
		{"Bytes= 2-5 ", 10, 1, 2, 4},
		{"bytes=2-", 10, 1, 2, 8},
		{"bytes=9-9", 10, 1, 9, 1},
		{"bytes=0-99", 10, 1, 0, 10},
		{"bytes=-3", 10, 1, 7, 3},
		{"bytes=-10", 10, 1, 0, 10},
		{"bytes=-11", 10, 1, 0, 10},
		{"bytes=3-18446744073709551615", 10, 1, 3, 7},
		{"bytes=3-99999999999999999999999", 10, 1, 3, 7},
		{"bytes=18446744073709551614-", UINT64_MAX, 1, UINT64_MAX - 1,
		 1},
		{"bytes=10-", 10, -ERANGE, 0, 0},
		{"bytes=10-20", 10, -ERANGE, 0, 0},
		{"bytes=99999999999999999999999-", 10, -ERANGE, 0, 0},
		{"bytes=-0", 10, -ERANGE, 0, 0},
		{"bytes=0-", 0, -ERANGE, 0, 0},
		{"bytes=-1", 0, -ERANGE, 0, 0},
		/* passed over */
		{"", 10, 0, 0, 0},
		{"bytes", 10, 0, 0, 0},
		{"bytes=", 10, 0, 0, 0},
		{"bytes=-", 10, 0, 0, 0},
		{"bytes=5", 10, 0, 0, 0},
		{"bytes=5-2", 10, 0, 0, 0},
		{"bytes=a-b", 10, 0, 0, 0},
		{"bytes=0x1-5", 10, 0, 0, 0},
		{"bytes=1-2x", 10, 0, 0, 0},
		{"bytes=+1-2", 10, 0, 0, 0},
		{"bytes=--2", 10, 0, 0, 0},
		{"bytes=0-1,3-4", 10, 0, 0, 0},
		{"bytes=0-1,", 10, 0, 0, 0},
		{"items=0-1", 10, 0, 0, 0},
		{"bytes 0-1", 10, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		struct cdx_rest_range r = {77, 77};
		int rc = cdx_rest_range(&r, cases[i].header, cases[i].size);

		if (rc != cases[i].rc ||
		    (rc == 1 &&
		     (r.first != cases[i].first || r.len != cases[i].len)) ||
		    (rc != 1 && (r.first != 77 || r.len != 77)))
			fail_msg("%s of %llu: %d", cases[i].header,
				 (unsigned long long)cases[i].size, rc);
	}
}

static void etags(void **state)
{
	(void)state;
	assert_true(cdx_rest_etag_match("\"a\"", "\"a\"", false));
	assert_true(cdx_rest_etag_match(" \"b\" , \"a\"", "\"a\"", false));
	assert_true(cdx_rest_etag_match("W/\"a\"", "\"a\"", true));
	assert_true(cdx_rest_etag_match("*", "\"a\"", true));
	assert_true(cdx_rest_etag_match("\"x,\"a\",\"a\"", "\"a\"", true));
	assert_false(cdx_rest_etag_match("W/\"a\"", "\"a\"", false));
	assert_false(cdx_rest_etag_match("*", "\"a\"", false));
	assert_false(cdx_rest_etag_match("\"ab\"", "\"a\"", true));
	assert_false(cdx_rest_etag_match("a", "\"a\"", true));
	assert_false(cdx_rest_etag_match("\"a", "\"a\"", true));
	assert_false(cdx_rest_etag_match("", "\"a\"", true));
	assert_false(cdx_rest_etag_match(NULL, "\"a\"", true));
	assert_false(cdx_rest_etag_match("Wed, 21 Oct 2015 07:28:00 GMT",
					 "\"a\"", false));
}

static void filenames(void **state)
{
	static const struct {
		const char *header;
		const char *name; /* NULL: refused; "": none */
	} cases[] = {
		{NULL, ""},
		{"attachment", ""},
		{"attachment;", ""},
		{"inline; foo=bar", ""},
		{"attachment; filename=\"\"", ""},
		{"attachment; filename=\"a b.txt\"", "a b.txt"},
		{"attachment;filename=x.bin", "x.bin"},
		{"ATTACHMENT ; FileName = \"x\" ;", "x"},
		{"attachment; filename=\"say \\\"hi\\\".txt\"",
		 "say \"hi\".txt"},
		{"attachment; filename=\"x; y=z\"", "x; y=z"},
		{"attachment; filename=\"first\"; filename=\"second\"",
		 "first"},
		{"attachment; filename=\"e.txt\"; "
		 "filename*=UTF-8''%e2%82%ac%20x.txt",
		 "\xE2\x82\xAC x.txt"},
		{"attachment; filename*=utf-8'en'a%2Db; filename=b", "a-b"},
		{"attachment; filename*=iso-8859-1''%A3; filename=b", "b"},
		{"attachment; filename=\"\xE2\x82\xAC\"", "\xE2\x82\xAC"},
		{"attachment; filename=\"caf\xE9\"", "caf\xC3\xA9"},
		{"attachment; filename=\"..a\"", "..a"},
		/* refused */
		{"", NULL},
		{";", NULL},
		{"attachment; filename", NULL},
		{"attachment; filename=", NULL},
		{"attachment; filename=\"x", NULL},
		{"attachment; filename=\"x\\", NULL},
		{"attachment; filename=\"x\" y", NULL},
		{"attachment filename=x", NULL},
		{"attachment; =x", NULL},
		{"attachment; filename=\"a/b\"", NULL},
		{"attachment; filename=\"../b\"", NULL},
		{"attachment; filename=\"a\\\\b\"", NULL},
		{"attachment; filename=\".\"", NULL},
		{"attachment; filename=\"..\"", NULL},
		{"attachment; filename=\"a\tb\"", NULL},
		{"attachment; filename=\"a\x7f\"", NULL},
		{"attachment; filename=\"a\x85\"", NULL},
		{"attachment; filename*=UTF-8''a%2Fb", NULL},
		{"attachment; filename*=UTF-8''a%00b", NULL},
		{"attachment; filename*=UTF-8''a%4", NULL},
		{"attachment; filename*=UTF-8''a%zz", NULL},
		{"attachment; filename*=UTF-8''%0A", NULL},
		{"attachment; filename*=UTF-8'a", NULL},
		{"attachment; filename*=a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		char name[CDX_FILENAME_MAX + 1];
		int rc = cdx_rest_filename(name, cases[i].header);
		const char *want = cases[i].name;

		if (want == NULL ? rc != -EINVAL || name[0] != '\0'
				 : rc != (want[0] != '\0') ||
					   strcmp(name, want) != 0)
			fail_msg("%s: %d, %s", cases[i].header, rc, name);
	}
}

static void long_filenames(void **state)
{
	static const char begin[] = "attachment; filename=";
	char header[CDX_FILENAME_MAX + 64];
	char name[CDX_FILENAME_MAX + 1];

	(void)state;
	memset(header, 'n', sizeof(header));
	memcpy(header, begin, sizeof(begin) - 1);
	header[sizeof(begin) - 1 + CDX_FILENAME_MAX] = '\0';
	assert_int_equal(cdx_rest_filename(name, header), 1);
	assert_int_equal(strlen(name), CDX_FILENAME_MAX);
	header[sizeof(begin) - 1 + CDX_FILENAME_MAX] = 'n';
	header[sizeof(begin) + CDX_FILENAME_MAX] = '\0';
	assert_int_equal(cdx_rest_filename(name, header), -EINVAL);
}

/* What we say is understood by ourselves, whatever the name was */
static void dispositions(void **state)
{
	static const struct {
		const char *name;
		const char *text;
		bool back;
	} cases[] = {
		{NULL, "attachment", false},
		{"", "attachment", false},
		{"a b.txt", "attachment; filename=\"a b.txt\"", true},
		{"\xE2\x82\xAC.txt",
		 "attachment; filename=\"___.txt\"; "
		 "filename*=UTF-8''%E2%82%AC.txt",
		 true},
		{"q\"q",
		 "attachment; filename=\"q_q\"; "
		 "filename*=UTF-8''q%22q",
		 true},
		/* of another's manifest: it must not end the header */
		{"a\r\nX: y",
		 "attachment; filename=\"a__X: y\"; "
		 "filename*=UTF-8''a%0D%0AX%3A%20y",
		 false},
		{"\xff", "attachment; filename=\"_\"", false},
		{"../x", "attachment; filename=\"../x\"", false},
	};
	char text[CDX_REST_DISPOSITION_MAX];
	char name[CDX_FILENAME_MAX + 1];
	char longest[CDX_FILENAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		cdx_rest_disposition(text, cases[i].name);
		assert_string_equal(text, cases[i].text);
		if (!cases[i].back)
			continue;
		assert_int_equal(cdx_rest_filename(name, text), 1);
		assert_string_equal(name, cases[i].name);
	}
	for (size_t i = 0; i < CDX_FILENAME_MAX; i += 2)
		memcpy(longest + i, "\xC3\xA9", 2);
	longest[CDX_FILENAME_MAX] = '\0';
	cdx_rest_disposition(text, longest);
	assert_int_equal(cdx_rest_filename(name, text), 1);
	assert_string_equal(name, longest);
}

static void mimetypes(void **state)
{
	char type[CDX_MIMETYPE_MAX + 2];

	(void)state;
	assert_true(cdx_rest_mimetype("text/plain"));
	assert_true(cdx_rest_mimetype("text/plain; charset=utf-8"));
	assert_true(cdx_rest_mimetype("application/vnd.x+json;a=\"b\""));
	assert_false(cdx_rest_mimetype(""));
	assert_false(cdx_rest_mimetype("text"));
	assert_false(cdx_rest_mimetype("text/"));
	assert_false(cdx_rest_mimetype("/plain"));
	assert_false(cdx_rest_mimetype("text/plain/more"));
	assert_false(cdx_rest_mimetype("te xt/plain"));
	assert_false(cdx_rest_mimetype("text/plain\r\nX: y"));
	assert_false(cdx_rest_mimetype("text/plain;\tx"));
	assert_false(cdx_rest_mimetype("text/pl\xC3\xA9"));
	memset(type, 'a', sizeof(type));
	type[4] = '/';
	type[CDX_MIMETYPE_MAX] = '\0';
	assert_true(cdx_rest_mimetype(type));
	type[CDX_MIMETYPE_MAX] = 'a';
	type[CDX_MIMETYPE_MAX + 1] = '\0';
	assert_false(cdx_rest_mimetype(type));
}

static void credentials(void **state)
{
	static const struct {
		const char *header;
		const char *secret; /* NULL: none */
	} cases[] = {
		{"Bearer abc", "abc"},
		{"bearer   abc ", "abc"},
		{"Basic dXNlcjpwYXNz", "pass"},
		{"basic OnBhc3M=", "pass"},
		{"Basic dTpwOnE=", "p:q"},
		{NULL, NULL},
		{"", NULL},
		{"Bearer", NULL},
		{"Bearer ", NULL},
		{"Bearer a b", NULL},
		{"Digest abc", NULL},
		{"Basic", NULL},
		{"Basic ", NULL},
		{"Basic !!!!", NULL},
		{"Basic dXNlcg==", NULL},	     /* no colon */
		{"Basic dXNlcjo=", NULL},	     /* nothing behind it */
		{"Basic dTpwAHE=", NULL},	     /* a NUL in it */
		{"Basic dXNlcjpwYXNz dXNl", "pass"}, /* what follows */
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		char secret[CDX_REST_TOKEN_MAX] = "";
		int rc = cdx_rest_credential(secret, cases[i].header);

		if (rc != (cases[i].secret != NULL) ||
		    (rc == 1 && strcmp(secret, cases[i].secret) != 0))
			fail_msg("%s: %d, %s", cases[i].header, rc, secret);
	}
}

static void hosts(void **state)
{
	static const struct {
		const char *text;
		int kind; /* -1: refused */
		const char *host;
	} cases[] = {
		{"127.0.0.1", CDX_REST_HOST_LOOPBACK, "127.0.0.1"},
		{"127.0.0.1:8080", CDX_REST_HOST_LOOPBACK, "127.0.0.1"},
		{"127.9.9.9:1", CDX_REST_HOST_LOOPBACK, "127.9.9.9"},
		{"localhost", CDX_REST_HOST_LOOPBACK, "localhost"},
		{"LOCALHOST:80", CDX_REST_HOST_LOOPBACK, "LOCALHOST"},
		{"[::1]:8080", CDX_REST_HOST_LOOPBACK, "::1"},
		{"[0:0:0:0:0:0:0:1]", CDX_REST_HOST_LOOPBACK, "::1"},
		{"10.0.0.7:8080", CDX_REST_HOST_ADDRESS, "10.0.0.7"},
		{"[2001:DB8::7]:8080", CDX_REST_HOST_ADDRESS, "2001:db8::7"},
		{"[::ffff:127.0.0.1]:8080", CDX_REST_HOST_ADDRESS,
		 "::ffff:127.0.0.1"},
		{"0.0.0.0:8080", CDX_REST_HOST_ANY, "0.0.0.0"},
		{"[::]:8080", CDX_REST_HOST_ANY, "::"},
		{":8080", CDX_REST_HOST_ANY, ""},
		{"evil.example", CDX_REST_HOST_NAME, "evil.example"},
		{"localhost.evil.example", CDX_REST_HOST_NAME,
		 "localhost.evil.example"},
		{"127.0.0.1.nip.io", CDX_REST_HOST_NAME, "127.0.0.1.nip.io"},
		{"127.1", CDX_REST_HOST_NAME, "127.1"},
		{"0x7f000001", CDX_REST_HOST_NAME, "0x7f000001"},
		{"localhost.", CDX_REST_HOST_NAME, "localhost."},
		{"[::1", -1, NULL},
		{"[]", -1, NULL},
		{"[127.0.0.1]", -1, NULL},
		{"[fe80::1%eth0]", -1, NULL},
		{"::1", -1, NULL},
		{"a:b", -1, NULL},
		{"a:", -1, NULL},
		{"a:99999", -1, NULL},
		{"a:1:2", -1, NULL},
		{"a b", -1, NULL},
		{"127.0.0.1, evil", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		struct cdx_rest_host h;
		int rc = cdx_rest_host(&h, cases[i].text);

		if (rc != (cases[i].kind < 0 ? -EINVAL : 0) ||
		    (rc == 0 && ((int)h.kind != cases[i].kind ||
				 strcmp(h.text, cases[i].host) != 0)))
			fail_msg("%s: %d", cases[i].text, rc);
	}
}

static void forms(void **state)
{
	(void)state;
	assert_false(cdx_rest_wants_text(NULL, NULL));
	assert_false(cdx_rest_wants_text("*/*", NULL));
	assert_true(cdx_rest_wants_text("text/plain", NULL));
	assert_true(cdx_rest_wants_text("text/plain;q=1, */*", NULL));
	assert_true(cdx_rest_wants_text("text/html,text/plain", NULL));
	assert_false(cdx_rest_wants_text("application/json, text/plain", NULL));
	assert_true(cdx_rest_wants_text("text/plain, application/json", NULL));
	/* as sdk-js asks */
	assert_true(cdx_rest_wants_text("*/*", "text/plain"));
	assert_false(cdx_rest_wants_text("*/*", "application/json"));
	assert_false(cdx_rest_wants_text("application/json", "text/plain"));
	assert_false(cdx_rest_wants_text("text/plainer", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(etags),
		cmocka_unit_test(filenames),
		cmocka_unit_test(long_filenames),
		cmocka_unit_test(dispositions),
		cmocka_unit_test(mimetypes),
		cmocka_unit_test(credentials),
		cmocka_unit_test(hosts),
		cmocka_unit_test(forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
