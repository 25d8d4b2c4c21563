/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api_kit.h"

/* Calls of the control socket about datasets */

/* ---- tests ---- */

#define SMALL "private=0&blockSize=1024"
#define SMALL_PROTECT "/protect?data=3&parity=2&cellSize=64"

/* Proof inputs of a slot that is not here */
static void inputs(struct env *e, const char *cid)
{
	char path[256];
	json_t *j;

	snprintf(path, sizeof(path),
		 "/control/v1/datasets/%s/inputs?slots=0&challenge=" CHALLENGE,
		 cid);
	assert_int_equal(cdx_client_json(&e->c, &j, "GET", path), 0);
	assert_int_equal(vector_u64(j, "nSlotsPerDataSet"), 5);
	assert_int_equal(vector_u64(j, "nCellsPerSlot"), 64);
	json_decref(j);
}

static void a_life(void **state)
{
	struct env *e = *state;
	json_t *v = vector_load("derived_small_k3m2.json");
	char plain[CDX_CID_TEXT_MAX];
	char made[CDX_CID_TEXT_MAX];
	json_t *j;

	add(e, 7892, SMALL, plain);
	assert_string_equal(plain, vector_text(v, "plainManifestCid"));
	protect(e, plain, SMALL_PROTECT, made);
	assert_int_equal(ask(e, &j, "GET", made, ""), 0);
	assert_string_equal(vector_text(j, "kind"), "verifiable");
	assert_string_equal(vector_text(vector_get(j, "plain"), "cid"), plain);
	json_decref(j);

	assert_int_equal(ask(e, &j, "GET", plain, "/slots"), 0);
	assert_string_equal(vector_text(j, "cid"), made);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(
			vector_text(json_array_get(vector_get(j, "slots"), i),
				    "root"),
			json_string_value(json_array_get(
				vector_get(v, "slotRootCids"), i)));
	json_decref(j);

	assert_int_equal(result(e, "POST", made, "/evict?slots=0,3"), 0);
	assert_int_equal(result(e, "POST", made, "/evict?slots=1"), -EBUSY);
	assert_same(e, plain);
	assert_same(e, made);
	inputs(e, made);
	assert_int_equal(ask(e, &j, "POST", plain, "/verify"), 0);
	assert_true(json_is_true(vector_get(j, "ok")));
	assert_string_equal(vector_text(j, "cid"), made);
	json_decref(j);
	assert_int_equal(ask(e, &j, "POST", made, "/rebuild?slots=0,3"), 0);
	assert_int_equal(json_array_size(vector_get(j, "slots")), 2);
	json_decref(j);

	assert_int_equal(ask(e, &j, "DELETE", plain, ""), 0);
	assert_string_equal(vector_text(j, "keptBy"), "protection");
	json_decref(j);
	assert_int_equal(ask(e, &j, "DELETE", made, ""), 0);
	assert_true(json_is_true(vector_get(j, "removed")));
	json_decref(j);
	assert_int_equal(result(e, "GET", plain, ""), -ENOENT);
	json_decref(v);
}

static void bad_parameters(void **state)
{
	static const struct {
		const char *method;
		const char *rest;
		int rc;
	} calls[] = {
		{"POST", "/evict", -EINVAL},
		{"POST", "/evict?slots=", -EINVAL},
		{"POST", "/evict?slots=,", -EINVAL},
		{"POST", "/evict?slots=0,", -EINVAL},
		{"POST", "/evict?slots=0x1", -EINVAL},
		{"POST", "/evict?slots=+1", -EINVAL},
		{"POST", "/evict?slots=-1", -EINVAL},
		{"POST", "/evict?slots=5", -EINVAL},
		{"POST", "/evict?slots=31", -EINVAL},
		{"POST", "/evict?slots=32", -EINVAL},
		{"POST", "/evict?slots=18446744073709551617", -EINVAL},
		{"POST", "/rebuild?slots=0&from=x", -EINVAL},
		{"POST", "/rebuild?slots=0&from=/nowhere/at/all", -ENOENT},
		{"POST", "/export?slots=0&dir=x", -EINVAL},
		{"POST", "/export?slots=0", -EINVAL},
		{"GET", "/inputs?slots=0", -EINVAL},
		{"GET", "/inputs?slots=0&challenge=0x", -EINVAL},
		{"GET", "/inputs?slots=0&challenge=zz" CHALLENGE, -EINVAL},
		{"GET", "/inputs?challenge=" CHALLENGE, -EINVAL},
		{"GET", "/inputs?slots=0,1&challenge=" CHALLENGE, -EINVAL},
		{"GET", "/inputs?slots=0&samples=0&challenge=" CHALLENGE,
		 -EINVAL},
		{"POST", "/protect?data=0", -EINVAL},
		{"POST", "/protect?data=20&parity=20", -EINVAL},
		{"POST", "/protect?data=4294967296", -EINVAL},
		{"POST", "/protect?codec=leopard", -EINVAL},
		{"POST", "/protect?cellSize=0", -EINVAL},
		{"POST", "/protect?cellSize=1000", -EINVAL},
		{"GET", "/protect", -ENOENT},
		{"POST", "/nothing", -ENOENT},
		{"POST", "/", -ENOENT},
		{"PUT", "", -ENOENT},
	};
	struct env *e = *state;
	char plain[CDX_CID_TEXT_MAX];
	char made[CDX_CID_TEXT_MAX];
	char why[CDX_API_WHY_MAX];
	json_t *j;

	add(e, 7892, SMALL, plain);
	protect(e, plain, SMALL_PROTECT, made);
	for (size_t i = 0; i < CDX_ARRAY_LEN(calls); i++) {
		int rc = ask(e, &j, calls[i].method, plain, calls[i].rest);

		snprintf(why, sizeof(why), "%s",
			 j == NULL ? ""
				   : json_string_value(
					     json_object_get(j, "error")));
		json_decref(j);
		if (rc != calls[i].rc || why[0] == '\0')
			fail_msg("%s %s: %d (%s)", calls[i].method,
				 calls[i].rest, rc, why);
	}
	assert_int_equal(result(e, "GET", "nonsense", "/slots"), -EINVAL);
	/* the CID of a block */
	assert_int_equal(
		result(e, "GET",
		       "zDxWB8EDDsokSpiTXNRpv1jS2LXjEdLgTiDfxFd7Eo8CSPKVj93r",
		       ""),
		-ENOENT);
	assert_int_equal(ask(e, &j, "GET", plain, "/slots"), 0);
	json_decref(j);
}

static void interrupted(void **state)
{
	struct env *e = *state;
	char plain[CDX_CID_TEXT_MAX];
	char made[CDX_CID_TEXT_MAX];
	json_t *j;

	/* more than one window */
	add(e, 32u << 20, "private=1", plain);
	atomic_store(&e->c.api.stopping, true);
	assert_int_equal(ask(e, &j, "POST", plain, "/protect"), -ECANCELED);
	assert_non_null(strstr(vector_text(j, "error"), "goes on"));
	json_decref(j);
	assert_int_equal(ask(e, &j, "GET", plain, ""), 0);
	assert_true(json_is_null(vector_get(
		json_array_get(vector_get(j, "protections"), 0), "cid")));
	json_decref(j);
	atomic_store(&e->c.api.stopping, false);
	protect(e, plain, "/protect", made);
	assert_int_equal(ask(e, &j, "POST", made, "/verify"), 0);
	assert_true(json_is_true(vector_get(j, "ok")));
	json_decref(j);
}

static void one_at_a_time(void **state)
{
	struct env *e = *state;
	struct cdx_api *api = &e->c.api;
	char why[CDX_API_WHY_MAX];

	assert_int_equal(cdx_api_claim(api, 7, why), 0);
	assert_int_equal(cdx_api_claim(api, 7, why), -EBUSY);
	for (uint64_t i = 1; i < CDX_API_CLAIMS_MAX; i++)
		assert_int_equal(cdx_api_claim(api, 100 + i, why), 0);
	assert_int_equal(cdx_api_claim(api, 8, why), -EBUSY);
	cdx_api_unclaim(api, 8);
	cdx_api_unclaim(api, 7);
	assert_int_equal(cdx_api_claim(api, 8, why), 0);
	assert_int_equal(cdx_api_claim(api, 7, why), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_life, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_parameters, setup,
						teardown),
		cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
