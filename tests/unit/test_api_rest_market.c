/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* REST of the market where no chain is needed: what is offered, and what a node says
 * that has no part in it, or no chain. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rest_kit.h"
#include "store/offer.h"
#include "store/quota.h"

#define OFFERS V1 "/sales/availability"
#define NONE \
	"0x00000000000000000000000000000000000000000000000000000000000000ab"
#define MIB UINT64_C(1048576)

/* ---- a node that sells ---- */

static int sells(void **state)
{
	struct cdx_conf_market conf = {.provides = true};
	struct cdx_node_market_opts o = {.conf = &conf};
	struct rest_kit *k;

	assert_int_equal(rest_kit_setup(state), 0);
	k = *state;
	o.n = &k->node;
	o.keys = &k->keys;
	assert_int_equal(cdx_node_market_new(&k->node.market, &o), 0);
	return 0;
}

static int sells_no_more(void **state)
{
	struct rest_kit *k = *state;

	cdx_node_market_free(k->node.market);
	k->node.market = NULL;
	return rest_kit_teardown(state);
}

/* The status; the answer's body as text into @out unless NULL */
static int ask(const struct rest_kit *k, const char *method, const char *path,
	       const char *body, char out[4096])
{
	struct rest_answer a;
	char auth[512];
	int status;

	rest_auth(k, auth);
	rest_ask(k, &a, method, path, auth, body,
		 body == NULL ? 0 : strlen(body));
	status = a.status;
	if (out != NULL)
		snprintf(out, 4096, "%.*s", (int)a.len, a.body);
	rest_answer_free(&a);
	return status;
}

static const char *text_of(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	assert_non_null(text);
	return text;
}

/* One that is made; its path into @path */
static void offer(const struct rest_kit *k, const char *body, char path[256])
{
	char out[4096];
	json_t *j;

	assert_int_equal(ask(k, "POST", OFFERS, body, out), 201);
	j = json_loads(out, 0, NULL);
	snprintf(path, 256, OFFERS "/%s", text_of(j, "id"));
	json_decref(j);
}

static const char usual[] =
	"{\"totalSize\":1048576,\"duration\":\"3600\","
	"\"minPricePerBytePerSecond\":\"2\",\"totalCollateral\":\"100\"}";

static void read_offer(const struct rest_kit *k, const char *path,
		       struct cdx_offer *o)
{
	uint8_t id[CDX_OFFER_ID_LEN];

	assert_int_equal(cdx_rest_id_parse(id, strrchr(path, '/') + 1), 0);
	assert_int_equal(cdx_offer_get(k->node.store, id, o), 0);
}

static void assert_amount(const struct cdx_u256 *v, uint64_t want)
{
	struct cdx_u256 w = cdx_u256_of(want);

	assert_int_equal(cdx_u256_cmp(v, &w), 0);
}

/* ---- tests ---- */

/* Codex's own words, whatever else is wrong with the call */
static void no_part(void **state)
{
	static const struct {
		const char *method;
		const char *path;
	} calls[] = {
		{"GET", V1 "/sales/slots"},
		{"GET", V1 "/sales/slots/nonsense"},
		{"GET", OFFERS},
		{"POST", OFFERS},
		{"PATCH", OFFERS "/nonsense"},
		{"GET", OFFERS "/nonsense/reservations"},
		{"POST", V1 "/storage/request/nonsense"},
		{"GET", V1 "/storage/purchases"},
		{"GET", V1 "/storage/purchases/nonsense"},
	};
	const struct rest_kit *k = *state;
	char out[4096];

	for (size_t i = 0; i < CDX_ARRAY_LEN(calls); i++) {
		assert_int_equal(ask(k, calls[i].method, calls[i].path,
				     strcmp(calls[i].method, "GET") == 0 ? NULL
									 : "{",
				     out),
				 503);
		assert_int_equal(strncmp(out, "Persistence is not enabled", 26),
				 0);
	}
}

/* The same where there is a role, but no chain: what needs none works */
static void no_chain(void **state)
{
	static const char *const paths[] = {
		V1 "/sales/slots",
		V1 "/sales/slots/" NONE,
		V1 "/storage/purchases",
		V1 "/storage/purchases/" NONE,
	};
	const struct rest_kit *k = *state;

	for (size_t i = 0; i < CDX_ARRAY_LEN(paths); i++)
		assert_int_equal(ask(k, "GET", paths[i], NULL, NULL), 503);
	assert_int_equal(ask(k, "GET", OFFERS, NULL, NULL), 200);
	/* ids are looked at before the chain is asked */
	assert_int_equal(ask(k, "GET", V1 "/sales/slots/x", NULL, NULL), 400);
}

static void tokens(void **state)
{
	const struct rest_kit *k = *state;
	struct rest_answer a;

	rest_ask(k, &a, "POST", OFFERS, "", usual, strlen(usual));
	assert_int_equal(a.status, 401);
	rest_answer_free(&a);
	rest_ask(k, &a, "PATCH", OFFERS "/" NONE, "", "{}", 2);
	assert_int_equal(a.status, 401);
	rest_answer_free(&a);
}

static void made(void **state)
{
	const struct rest_kit *k = *state;
	struct cdx_space sp;
	char path[256];
	json_t *list;
	json_t *j;

	offer(k, usual, path);
	list = rest_json(k, OFFERS);
	assert_int_equal(json_array_size(list), 1);
	j = json_array_get(list, 0);
	assert_string_equal(text_of(j, "id"), strrchr(path, '/') + 1);
	assert_int_equal(json_integer_value(json_object_get(j, "totalSize")),
			 MIB);
	assert_int_equal(json_integer_value(json_object_get(j, "freeSize")),
			 MIB);
	assert_int_equal(json_integer_value(json_object_get(j, "duration")),
			 3600);
	assert_string_equal(text_of(j, "minPricePerBytePerSecond"), "2");
	assert_string_equal(text_of(j, "totalCollateral"), "100");
	assert_string_equal(text_of(j, "totalRemainingCollateral"), "100");
	assert_true(json_is_true(json_object_get(j, "enabled")));
	assert_int_equal(json_integer_value(json_object_get(j, "until")), 0);
	json_decref(list);

	/* the provider's share has grown by it */
	cdx_quota_space(k->node.store, CDX_SHARE_PROVIDER, &sp);
	assert_int_equal(sp.limit, MIB);
	assert_int_equal(sp.reserved, MIB);
	/* by any form of its id */
	assert_int_equal(ask(k, "PATCH", path, "{}", NULL), 204);
	memmove(strrchr(path, '/') + 1, strrchr(path, '/') + 3,
		strlen(strrchr(path, '/') + 3) + 1);
	assert_int_equal(ask(k, "PATCH", path, "{}", NULL), 204);
}

static void bad_offers(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{"", 400},
		{"{", 400},
		{"[]", 400},
		{"{}", 400},
		{"{\"totalSize\":1,\"duration\":1,\"minPricePerBytePerSecond\":"
		 "\"1\"}",
		 400},
		{"{\"totalSize\":1,\"totalSize\":1,\"duration\":1,"
		 "\"minPricePerBytePerSecond\":\"1\",\"totalCollateral\":\"1\"}",
		 400},
		{"{\"totalSize\":0,\"duration\":1,\"minPricePerBytePerSecond\":"
		 "\"1\",\"totalCollateral\":\"1\"}",
		 422},
		{"{\"totalSize\":1,\"duration\":0,\"minPricePerBytePerSecond\":"
		 "\"1\",\"totalCollateral\":\"1\"}",
		 422},
		{"{\"totalSize\":1,\"duration\":1,\"minPricePerBytePerSecond\":"
		 "\"0\",\"totalCollateral\":\"1\"}",
		 422},
		{"{\"totalSize\":1,\"duration\":1,\"minPricePerBytePerSecond\":"
		 "\"1\",\"totalCollateral\":\"0\"}",
		 422},
		{"{\"totalSize\":1,\"duration\":1,\"minPricePerBytePerSecond\":"
		 "\"1\",\"totalCollateral\":\"1\",\"until\":-1}",
		 422},
		/* more than any disk has */
		{"{\"totalSize\":9000000000000000000,\"duration\":1,"
		 "\"minPricePerBytePerSecond\":\"1\",\"totalCollateral\":\"1\"}",
		 422},
	};
	const struct rest_kit *k = *state;
	struct cdx_space sp;
	char out[4096];
	char *large;

	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		int status = ask(k, "POST", OFFERS, cases[i].body, out);

		if (status != cases[i].status)
			fail_msg("%s: %d %s", cases[i].body, status, out);
		assert_true(strlen(out) > 5);
	}
	large = calloc(1, CDX_REST_BODY_MAX + 3);
	assert_non_null(large);
	memset(large, ' ', CDX_REST_BODY_MAX + 2);
	memcpy(large, usual, strlen(usual));
	assert_int_equal(ask(k, "POST", OFFERS, large, NULL), 400);
	large[CDX_REST_BODY_MAX] = '\0';
	assert_int_equal(ask(k, "POST", OFFERS, large, NULL), 201);
	free(large);
	/* what was refused left nothing */
	cdx_quota_space(k->node.store, CDX_SHARE_PROVIDER, &sp);
	assert_int_equal(sp.limit, MIB);
}

/* Where something of an offer is in use */
static void reserve(const struct rest_kit *k, const char *path)
{
	struct cdx_reservation r = {.index = 3,
				    .bytes = MIB / 2,
				    .collateral = cdx_u256_of(30),
				    .valid_until = 5000};

	memset(r.slot, 7, sizeof(r.slot));
	memset(r.request, 9, sizeof(r.request));
	assert_int_equal(cdx_rest_id_parse(r.offer, strrchr(path, '/') + 1), 0);
	assert_int_equal(cdx_reservation_add(k->node.store, &r), 0);
}

static void reservations(void **state)
{
	const struct rest_kit *k = *state;
	char path[256];
	char other[256];
	char of[300];
	json_t *list;
	json_t *j;

	offer(k, usual, path);
	offer(k, usual, other);
	reserve(k, path);
	snprintf(of, sizeof(of), "%s/reservations", path);
	list = rest_json(k, of);
	assert_int_equal(json_array_size(list), 1);
	j = json_array_get(list, 0);
	assert_int_equal(strlen(text_of(j, "id")), 66);
	assert_string_equal(text_of(j, "availabilityId"),
			    strrchr(path, '/') + 1);
	assert_int_equal(json_integer_value(json_object_get(j, "size")),
			 MIB / 2);
	assert_int_equal(strncmp(text_of(j, "requestId"), "0x0909", 6), 0);
	assert_int_equal(json_integer_value(json_object_get(j, "slotIndex")),
			 3);
	assert_int_equal(json_integer_value(json_object_get(j, "validUntil")),
			 5000);
	json_decref(list);
	snprintf(of, sizeof(of), "%s/reservations", other);
	list = rest_json(k, of);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	assert_int_equal(ask(k, "GET", OFFERS "/" NONE "/reservations", NULL,
			     NULL),
			 404);
	assert_int_equal(ask(k, "GET", OFFERS "/0x12/reservations", NULL, NULL),
			 400);
}

/* spec/marketplace.md 10.2, number 5 */
static void changed(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{"{\"duration\":0}", 422},
		{"{\"minPricePerBytePerSecond\":\"0\"}", 422},
		{"{\"totalCollateral\":\"0\"}", 422},
		{"{\"totalSize\":0}", 422},
		{"{\"totalSize\":524287}", 422},
		{"{\"freeSize\":5}", 422},
		{"{\"until\":-1}", 422},
		{"{\"until\":4999}", 422},
		{"{\"totalSize\":9000000000000000000}", 422},
		{"{\"totalSize\":\"x\"}", 400},
		{"{\"enabled\":1}", 400},
		{"", 400},
		{"{\"until\":5000}", 204},
		{"{\"until\":0,\"unknown\":7}", 204},
		{"{\"totalSize\":524288}", 204},
	};
	const struct rest_kit *k = *state;
	struct cdx_offer before;
	struct cdx_offer o;
	struct cdx_space sp;
	char path[256];
	char out[4096];

	offer(k, usual, path);
	reserve(k, path);
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		int status;

		read_offer(k, path, &before);
		status = ask(k, "PATCH", path, cases[i].body, out);
		if (status != cases[i].status)
			fail_msg("%s: %d %s", cases[i].body, status, out);
		read_offer(k, path, &o);
		if (status != 204)
			assert_memory_equal(&o, &before, sizeof(o));
	}
	assert_int_equal(o.total, MIB / 2);
	assert_int_equal(o.free, 0);

	/* only the increase must find room: the share has none to spare, and
	 * grows by that alone */
	assert_int_equal(ask(k, "PATCH", path, "{\"totalSize\":1048577}", out),
			 204);
	cdx_quota_space(k->node.store, CDX_SHARE_PROVIDER, &sp);
	assert_int_equal(sp.limit, MIB + 1);
	assert_int_equal(sp.reserved, MIB + 1);

	/* what is at risk stays taken off */
	assert_int_equal(ask(k, "PATCH", path, "{\"totalCollateral\":\"150\"}",
			     out),
			 204);
	read_offer(k, path, &o);
	assert_amount(&o.collateral, 150);
	assert_amount(&o.remaining, 120);
	assert_int_equal(ask(k, "PATCH", path, "{\"totalCollateral\":\"20\"}",
			     out),
			 204);
	read_offer(k, path, &o);
	assert_amount(&o.remaining, 0);

	/* several at once, and none of them when one is refused */
	assert_int_equal(
		ask(k, "PATCH", path,
		    "{\"duration\":7,\"minPricePerBytePerSecond\":\"9\","
		    "\"enabled\":false}",
		    out),
		204);
	read_offer(k, path, &o);
	assert_int_equal(o.duration, 7);
	assert_amount(&o.min_price, 9);
	assert_false(o.enabled);
	assert_int_equal(ask(k, "PATCH", path,
			     "{\"duration\":8,\"totalSize\":1}", out),
			 422);
	read_offer(k, path, &o);
	assert_int_equal(o.duration, 7);

	assert_int_equal(ask(k, "PATCH", OFFERS "/" NONE, "{}", NULL), 404);
	assert_int_equal(ask(k, "PATCH", OFFERS "/12", "{}", NULL), 400);
	/* what is wrong with the body is said before that there is no such */
	assert_int_equal(ask(k, "PATCH", OFFERS "/" NONE, "{", NULL), 400);
}

/* Every name is there, and the sums of reservations fit */
static void metrics(void **state)
{
	static const char *const lines[] = {
		"\ncodex_purchases_started 0\n",
		"\ncodex_purchases_error_total 0\n",
		"\ncodex_reservations_availability_mismatch 0\n",
		"\ncodexfs_market_runs 0\n",
		"\ncodexfs_market_proof_margin_seconds NaN\n",
		"\ncodexfs_market_slots{state=\"SaleProving\"} 0\n",
		"\ncodexfs_market_earned_units 0\n",
		"\ncodexfs_market_budget_units NaN\n",
		"\ncodexfs_market_alarm{part=\"sales\"} 0\n",
	};
	const struct rest_kit *k = *state;
	struct rest_answer a;
	char path[256];

	offer(k, usual, path);
	reserve(k, path);
	rest_ask(k, &a, "GET", "/metrics", "", NULL, 0);
	assert_int_equal(a.status, 200);
	for (size_t i = 0; i < CDX_ARRAY_LEN(lines); i++)
		if (strstr(a.body, lines[i]) == NULL)
			fail_msg("not there: %s", lines[i]);
	rest_answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_part, rest_kit_setup,
						rest_kit_teardown),
		cmocka_unit_test_setup_teardown(no_chain, sells, sells_no_more),
		cmocka_unit_test_setup_teardown(tokens, sells, sells_no_more),
		cmocka_unit_test_setup_teardown(made, sells, sells_no_more),
		cmocka_unit_test_setup_teardown(bad_offers, sells,
						sells_no_more),
		cmocka_unit_test_setup_teardown(reservations, sells,
						sells_no_more),
		cmocka_unit_test_setup_teardown(changed, sells, sells_no_more),
		cmocka_unit_test_setup_teardown(metrics, sells, sells_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
