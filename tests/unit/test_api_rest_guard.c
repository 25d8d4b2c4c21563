/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Who may call the REST API: Host, Origin, token. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rest_kit.h"

#define UI "https://ui.example"
#define CID "zDvZRwzm1ePSzKSXt57D5YxHwcSDmsCyYN65wW4HT7fuX9HrzFXy"

/* "%P" in the headers is the port, "%T" the token, "%B" Basic with it */
static void fill(const struct rest_kit *k, char out[1024], const char *headers)
{
	char *end = out + 1023;
	char *p = out;

	for (; *headers != '\0'; headers++) {
		if (*headers != '%') {
			*p++ = *headers;
			continue;
		}
		headers++;
		if (*headers == 'P')
			p += snprintf(p, (size_t)(end - p), "%u", k->port);
		else
			p += snprintf(p, (size_t)(end - p), "%s", k->token);
	}
	*p = '\0';
}

struct guard_case {
	const char *method;
	const char *path;
	const char *headers;
	int status;
};

static void check(const struct rest_kit *k, const struct guard_case *c,
		  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char headers[1024];
		int status;

		fill(k, headers, c[i].headers);
		status = rest_status(k, c[i].method, c[i].path, headers);
		if (status != c[i].status)
			fail_msg("%s %s with %s: %d, not %d", c[i].method,
				 c[i].path, headers, status, c[i].status);
	}
}

#define BEARER "Authorization: Bearer %T\r\n"

/* On the loopback, with one allowed origin */
static void loopback(void **state)
{
	static const struct guard_case cases[] = {
		/* programs of this machine */
		{"GET", V1 "/data", "", 200},
		{"GET", V1 "/data", "Host: localhost:%P\r\n", 200},
		{"GET", V1 "/data", "Host: LocalHost\r\n", 200},
		{"GET", V1 "/data", "Host: [::1]:%P\r\n", 200},
		{"GET", V1 "/data", "Host: 127.0.0.1:1\r\n", 200},
		{"GET", "/health", "", 200},
		{"GET", "/metrics", "", 200},
		/* a name that was made to resolve to us */
		{"GET", V1 "/data", "Host: evil.example\r\n", 403},
		{"GET", V1 "/data", "Host: evil.example:%P\r\n", 403},
		{"GET", V1 "/data", "Host: 127.0.0.1.evil.example\r\n", 403},
		{"GET", V1 "/data", "Host: localhost.evil.example\r\n", 403},
		{"GET", V1 "/data", "Host: localhost.\r\n", 403},
		{"GET", V1 "/data", "Host: 10.1.2.3:%P\r\n", 403},
		{"GET", V1 "/data", "Host: 0.0.0.0:%P\r\n", 403},
		{"GET", V1 "/data", "Host: 127.1:%P\r\n", 403},
		{"GET", V1 "/data", "Host: 127.0.0.1@evil:%P\r\n", 403},
		{"GET", V1 "/data", "Host: a b\r\n", 400},
		{"GET", "/health", "Host: evil.example\r\n", 403},
		{"GET", "/metrics", "Host: evil.example\r\n", 403},
		{"GET", "/nothing", "Host: evil.example\r\n", 403},
		{"POST", V1 "/data", "Host: evil.example\r\n" BEARER, 403},
		{"DELETE", V1 "/data/" CID,
		 "Host: evil.example\r\nOrigin: http://evil.example\r\n" BEARER,
		 403},
		/* pages of others */
		{"GET", V1 "/data", "Origin: http://evil.example\r\n", 403},
		{"GET", V1 "/data", "Origin: null\r\n", 403},
		{"GET", V1 "/data", "Origin: \r\n", 403},
		{"GET", V1 "/data", "Origin: http://127.0.0.1:1\r\n", 403},
		{"GET", V1 "/data", "Origin: http://localhost:%P\r\n", 403},
		{"GET", V1 "/data", "Origin: " UI ".evil.example\r\n", 403},
		{"GET", V1 "/data", "Origin: " UI ":8443\r\n", 403},
		{"POST", V1 "/debug/chronicles/loglevel?level=info",
		 "Origin: http://evil.example\r\n", 403},
		{"OPTIONS", V1 "/data", "Origin: http://evil.example\r\n", 403},
		{"DELETE", V1 "/data/" CID, "Origin: http://evil.example\r\n",
		 403},
		/* that know the token */
		{"GET", V1 "/data", "Origin: http://evil.example\r\n" BEARER,
		 200},
		/* allowed ones, and our own */
		{"GET", V1 "/data", "Origin: " UI "\r\n", 200},
		{"GET", V1 "/data", "Origin: HTTPS://UI.example\r\n", 200},
		{"GET", V1 "/data", "Origin: http://127.0.0.1:%P\r\n", 200},
		{"OPTIONS", V1 "/data", "Origin: " UI "\r\n", 204},
		{"DELETE", V1 "/data/" CID, "Origin: " UI "\r\n", 204},
		{"POST", V1 "/storage/request/" CID, "Origin: " UI "\r\n", 503},
		/* what spends or deletes: our own origin is anybody's to say */
		{"DELETE", V1 "/data/" CID, "Origin: http://127.0.0.1:%P\r\n",
		 401},
		{"POST", V1 "/storage/request/" CID,
		 "Origin: http://127.0.0.1:%P\r\n", 401},
		{"DELETE", V1 "/data/" CID, "", 401},
		{"DELETE", V1 "/data/nonsense", "", 401},
		{"POST", V1 "/storage/request/" CID, "", 401},
		{"POST", V1 "/sales/availability", "", 401},
		{"PATCH", V1 "/sales/availability/1", "", 401},
		{"DELETE", V1 "/data/" CID, BEARER, 204},
		{"DELETE", V1 "/data/" CID, "Authorization: bearer  %T\r\n",
		 204},
		{"POST", V1 "/sales/availability", BEARER, 503},
		{"PATCH", V1 "/sales/availability/1", BEARER, 503},
		{"DELETE", V1 "/data/" CID, "Authorization: Bearer %Tx\r\n",
		 401},
		{"DELETE", V1 "/data/" CID, "Authorization: Bearer x%T\r\n",
		 401},
		{"DELETE", V1 "/data/" CID, "Authorization: Bearer \r\n", 401},
		{"DELETE", V1 "/data/" CID, "Authorization: %T\r\n", 401},
		{"DELETE", V1 "/data/" CID,
		 "Authorization: Basic dXNlcjpwYXNz\r\n", 401},
		/* what reads or stores needs none */
		{"GET", V1 "/sales/slots", "", 503},
		{"GET", V1 "/storage/purchases", "", 503},
		{"GET", V1 "/data", "Authorization: Bearer wrong\r\n", 200},
		/* a GET that acts: not for pictures of foreign pages */
		{"GET", V1 "/connect/x", "", 400},
		{"GET", V1 "/connect/x", "Sec-Fetch-Site: none\r\n", 400},
		{"GET", V1 "/connect/x", "Sec-Fetch-Site: same-origin\r\n",
		 400},
		{"GET", V1 "/connect/x", "Sec-Fetch-Site: cross-site\r\n", 401},
		{"GET", V1 "/connect/x", "Sec-Fetch-Site: same-site\r\n", 401},
		{"GET", V1 "/connect/x",
		 "Sec-Fetch-Site: cross-site\r\nOrigin: " UI "\r\n", 400},
		{"GET", V1 "/data", "Sec-Fetch-Site: cross-site\r\n", 200},
	};
	char address[] = "127.0.0.1:0";
	struct cdx_conf_api conf = {
		.listen = address,
		.origin = {"https://other.example", UI},
		.n_origins = 2,
	};
	struct rest_kit k;

	(void)state;
	rest_kit_open(&k, 0, NULL);
	assert_int_equal(rest_kit_listen(&k, &conf), 0);
	check(&k, cases, CDX_ARRAY_LEN(cases));
	rest_kit_close(&k);
}

/* On every address: nothing without the token but /health */
static void everywhere(void **state)
{
	static const struct guard_case cases[] = {
		{"GET", "/health", "", 200},
		{"GET", V1 "/health", "Host: 10.1.2.3:%P\r\n", 200},
		{"GET", V1 "/data", "", 401},
		{"HEAD", V1 "/data", "", 401},
		{"GET", V1 "/data", "Origin: " UI "\r\n", 401},
		{"GET", "/metrics", "", 401},
		{"GET", "/nothing", "", 401},
		{"POST", V1 "/data", "", 401},
		{"DELETE", V1 "/data/" CID, "Origin: " UI "\r\n", 401},
		{"OPTIONS", V1 "/data", "Origin: " UI "\r\n", 204},
		{"OPTIONS", V1 "/data", "Origin: http://evil.example\r\n", 403},
		{"GET", V1 "/data", BEARER, 200},
		{"GET", V1 "/data", "Host: 10.1.2.3:%P\r\n" BEARER, 200},
		{"GET", V1 "/data", "Host: [2001:db8::1]:%P\r\n" BEARER, 200},
		{"GET", "/metrics", BEARER, 200},
		{"DELETE", V1 "/data/" CID, BEARER, 204},
		/* a name is good for who knows the token, and for nobody else */
		{"GET", V1 "/data", "Host: store.example\r\n" BEARER, 200},
		{"GET", V1 "/data", "Host: store.example\r\n", 403},
		{"GET", "/health", "Host: store.example\r\n", 403},
		{"GET", V1 "/data", "Host: 0.0.0.0:%P\r\n" BEARER, 403},
	};
	char address[] = ":0";
	struct cdx_conf_api conf = {
		.listen = address,
		.origin = {UI},
		.n_origins = 1,
	};
	struct rest_kit k;

	(void)state;
	rest_kit_open(&k, 0, NULL);
	assert_int_equal(rest_kit_listen(&k, &conf), 0);
	check(&k, cases, CDX_ARRAY_LEN(cases));
	rest_kit_close(&k);
}

/* Basic, as Codex's client sends it */
static void basic(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				     "opqrstuvwxyz0123456789+/";
	char address[] = "127.0.0.1:0";
	struct cdx_conf_api conf = {.listen = address};
	char plain[3 + CDX_REST_TOKEN_MAX] = "me:";
	char headers[1024] = "Authorization: Basic ";
	char *p = headers + strlen(headers);
	struct rest_kit k;

	(void)state;
	rest_kit_open(&k, 0, NULL);
	assert_int_equal(rest_kit_listen(&k, &conf), 0);
	/* 2 + 1 + 64 characters: no rest modulo 3 but one */
	snprintf(plain + 3, sizeof(plain) - 3, "%s", k.token);
	assert_int_equal(strlen(plain), 67);
	for (size_t i = 0; i < 66; i += 3) {
		uint32_t v = (uint32_t)plain[i] << 16 |
			     (uint32_t)plain[i + 1] << 8 |
			     (uint32_t)plain[i + 2];

		for (int s = 18; s >= 0; s -= 6)
			*p++ = digits[v >> s & 63];
	}
	*p++ = digits[plain[66] >> 2 & 63];
	*p++ = digits[(plain[66] & 3) << 4];
	memcpy(p, "==\r\n", 5);
	assert_int_equal(rest_status(&k, "DELETE", V1 "/data/" CID, headers),
			 204);
	rest_kit_close(&k);
}

/* What a browser is told */
static void cors(void **state)
{
	char address[] = "127.0.0.1:0";
	struct cdx_conf_api conf = {
		.listen = address,
		.origin = {UI},
		.n_origins = 1,
	};
	struct rest_answer a;
	struct rest_kit k;

	(void)state;
	rest_kit_open(&k, 0, NULL);
	assert_int_equal(rest_kit_listen(&k, &conf), 0);
	rest_ask(&k, &a, "OPTIONS", V1 "/data/" CID,
		 "Origin: " UI "\r\nAccess-Control-Request-Method: DELETE\r\n"
		 "Access-Control-Request-Private-Network: true\r\n",
		 NULL, 0);
	assert_int_equal(a.status, 204);
	assert_int_equal(a.len, 0);
	assert_string_equal(rest_header(&a, "Access-Control-Allow-Origin"), UI);
	assert_string_equal(rest_header(&a, "Access-Control-Allow-Methods"),
			    "GET, HEAD, DELETE, OPTIONS");
	assert_non_null(strstr(rest_header(&a, "Access-Control-Allow-Headers"),
			       "Content-Disposition"));
	assert_string_equal(rest_header(&a,
					"Access-Control-Allow-Private-Network"),
			    "true");
	assert_string_equal(rest_header(&a, "Vary"), "Origin");
	rest_answer_free(&a);
	rest_ask(&k, &a, "GET", V1 "/data", "Origin: " UI "\r\n", NULL, 0);
	assert_string_equal(rest_header(&a, "Access-Control-Allow-Origin"), UI);
	rest_answer_free(&a);
	rest_ask(&k, &a, "GET", V1 "/data", "", NULL, 0);
	assert_null(rest_header(&a, "Access-Control-Allow-Origin"));
	assert_string_equal(rest_header(&a, "Vary"), "Origin");
	rest_answer_free(&a);
	/* one that only has the token may call, but pages read nothing */
	rest_ask(&k, &a, "GET", V1 "/data", "Origin: http://evil.example\r\n",
		 NULL, 0);
	assert_int_equal(a.status, 403);
	assert_null(rest_header(&a, "Access-Control-Allow-Origin"));
	rest_answer_free(&a);
	rest_ask(&k, &a, "DELETE", V1 "/data/" CID, "", NULL, 0);
	assert_int_equal(a.status, 401);
	assert_string_equal(rest_header(&a, "WWW-Authenticate"),
			    "Basic realm=\"codexfs\"");
	rest_answer_free(&a);
	rest_kit_close(&k);
}

/* ---- the token ---- */

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void tokens(void **state)
{
	char address[] = "127.0.0.1:0";
	struct cdx_conf_api conf = {.listen = address};
	char why[CDX_REST_WHY_MAX];
	char again[CDX_REST_TOKEN_MAX];
	char path[512];
	struct stat st;
	struct rest_kit k;

	(void)state;
	rest_kit_open(&k, 0, NULL);
	snprintf(path, sizeof(path), "%s/api-token", k.path);
	/* made once */
	assert_int_equal(rest_kit_listen(&k, &conf), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(strlen(k.token), 64);
	assert_int_equal(cdx_rest_token(again, k.path, NULL, why), 0);
	assert_string_equal(again, k.token);
	cdx_rest_free(k.rest);
	/* not one that others can read */
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(rest_kit_listen(&k, &conf), -EPERM);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(cdx_rest_token(again, k.path, NULL, why), 0);
	/* one of the user's own, elsewhere */
	snprintf(path, sizeof(path), "%s/mine", k.path);
	conf.token_file = path;
	write_file(path, "a-token-of-mine-0123\nwhat follows\n", 0600);
	assert_int_equal(rest_kit_listen(&k, &conf), 0);
	assert_string_equal(k.token, "a-token-of-mine-0123");
	cdx_rest_free(k.rest);
	write_file(path, "short\n", 0600);
	assert_int_equal(rest_kit_listen(&k, &conf), -EINVAL);
	write_file(path, "", 0600);
	assert_int_equal(rest_kit_listen(&k, &conf), -EINVAL);
	write_file(path, "with a space in it, and long\n", 0600);
	assert_int_equal(rest_kit_listen(&k, &conf), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(rest_kit_listen(&k, &conf), -EPERM);
	snprintf(path, sizeof(path), "%s/nowhere/token", k.path);
	assert_int_equal(rest_kit_listen(&k, &conf), -ENOENT);
	rest_kit_close(&k);
}

/* Where it cannot listen it says why */
static void listening(void **state)
{
	char address[64] = "127.0.0.1:0";
	struct cdx_conf_api conf = {.listen = address};
	struct cdx_rest *second;
	char why[CDX_REST_WHY_MAX];
	struct rest_kit k;

	(void)state;
	rest_kit_open(&k, 0, NULL);
	assert_int_equal(rest_kit_listen(&k, &conf), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", k.port);
	assert_int_equal(cdx_rest_new(&second, &k.api, &conf, why),
			 -EADDRINUSE);
	assert_null(second);
	assert_true(why[0] != '\0');
	snprintf(address, sizeof(address), "some.name:80");
	assert_int_equal(cdx_rest_new(&second, &k.api, &conf, why), -EINVAL);
	assert_true(why[0] != '\0');
	cdx_rest_free(NULL);
	rest_kit_close(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback), cmocka_unit_test(everywhere),
		cmocka_unit_test(basic),    cmocka_unit_test(cors),
		cmocka_unit_test(tokens),   cmocka_unit_test(listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
