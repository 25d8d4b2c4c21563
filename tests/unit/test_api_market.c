/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the verbs of the market ask, in a store that no process has. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api_kit.h"

#define MARKET "/control/v1/market"
#define OFFER "size=1000000&price=3&collateral=50&duration=3600"

static int call(struct env *e, json_t **out, const char *method,
		const char *rest)
{
	char path[600];

	snprintf(path, sizeof(path), MARKET "%s", rest);
	return cdx_client_json(&e->c, out, method, path);
}

/* The result alone; what failed says why */
static int code(struct env *e, const char *method, const char *rest)
{
	json_t *j;
	int rc = call(e, &j, method, rest);

	if (rc < 0)
		assert_true(vector_text(j, "error")[0] != '\0');
	json_decref(j);
	return rc;
}

static void offers(void **state)
{
	struct env *e = *state;
	char set[512];
	json_t *j;

	assert_int_equal(call(e, &j, "POST", "/availability?" OFFER), 0);
	assert_string_equal(vector_text(j, "totalCollateral"), "50");
	assert_true(json_is_true(vector_get(j, "enabled")));
	snprintf(set, sizeof(set),
		 "/availability/%s?enabled=0&until=77&size=2000000",
		 vector_text(j, "id"));
	json_decref(j);

	assert_int_equal(call(e, &j, "GET", "/availability"), 0);
	assert_int_equal(json_array_size(vector_get(j, "availabilities")), 1);
	assert_true(json_is_null(vector_get(j, "token")));
	json_decref(j);

	assert_int_equal(call(e, &j, "POST", set), 0);
	assert_true(json_is_false(vector_get(j, "enabled")));
	assert_int_equal(vector_u64(j, "totalSize"), 2000000);
	assert_int_equal(vector_u64(j, "freeSize"), 2000000);
	assert_int_equal(vector_u64(j, "until"), 77);
	assert_string_equal(vector_text(j, "minPricePerBytePerSecond"), "3");
	json_decref(j);
}

static void bad_offers(void **state)
{
	static const char *const bad[] = {
		"/availability",
		"/availability?size=1000",
		"/availability?size=0&price=3&collateral=50&duration=3600",
		"/availability?size=1&price=0&collateral=50&duration=3600",
		"/availability?size=1&price=3.5&collateral=50&duration=3600",
		"/availability?size=1&price=3&collateral=x&duration=3600",
		"/availability?size=-1&price=3&collateral=1&duration=3600",
		"/availability?" OFFER "&enabled=2",
		"/availability?" OFFER "&until=9223372036854775808",
	};
	struct env *e = *state;

	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(code(e, "POST", bad[i]), -EINVAL);
	assert_int_equal(code(e, "POST", "/availability/12?enabled=0"),
			 -ENOENT);
	assert_int_equal(
		code(e, "POST",
		     "/availability/0000000000000000000000000000000000000000"
		     "000000000000000000000000?enabled=0"),
		-ENOENT);
	/* of which no disk has so much: nobody is told to delete something */
	assert_int_equal(code(e, "POST",
			      "/availability?size=9000000000000000000&price=3&"
			      "collateral=50&duration=3600"),
			 -ENOSPC);
	assert_int_equal(code(e, "DELETE", "/availability"), -ENOENT);
	assert_int_equal(code(e, "GET", "/nothing"), -ENOENT);
}

/* A process without a part in the market says so */
static void no_part(void **state)
{
	static const char *const lists[] = {"/sales", "/slots", "/purchases"};
	struct env *e = *state;
	char cid[CDX_CID_TEXT_MAX];
	char path[256];
	json_t *j;

	for (size_t i = 0; i < CDX_ARRAY_LEN(lists); i++)
		assert_int_equal(code(e, "GET", lists[i]), -ENODATA);
	add(e, 300000, "private=1", cid);
	snprintf(path, sizeof(path), "/request/%s", cid);
	assert_int_equal(code(e, "POST", path), -ENODATA);
	assert_int_equal(code(e, "POST", "/request/nonsense"), -EINVAL);
	/* there is no chain to tell more of, but what is here is told */
	assert_int_equal(call(e, &j, "GET", "/info"), -ENODATA);
	assert_true(json_is_null(vector_get(j, "market")));
	assert_int_equal(vector_u64(vector_get(j, "share"), "limit"), 0);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(offers, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_offers, setup, teardown),
		cmocka_unit_test_setup_teardown(no_part, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
