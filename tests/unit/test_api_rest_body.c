/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The JSON bodies of the market's calls. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/rest_body.h"

#define ALL_FIELDS                                                \
	(CDX_OFFER_TOTAL | CDX_OFFER_DURATION | CDX_OFFER_PRICE | \
	 CDX_OFFER_COLLATERAL | CDX_OFFER_ENABLED | CDX_OFFER_UNTIL)

static bool same(const struct cdx_u256 *v, const char *text)
{
	char dec[CDX_U256_TEXT_MAX];

	cdx_u256_dec(dec, v);
	return strcmp(dec, text) == 0;
}

static int offer(struct cdx_rest_offer *out, const char *text, bool all)
{
	char why[CDX_REST_BODY_WHY_MAX];
	int rc = cdx_rest_offer_parse(out, text, strlen(text), all, why);

	assert_true((rc < 0) == (why[0] != '\0'));
	return rc;
}

static int request(struct cdx_rest_request *out, const char *text)
{
	char why[CDX_REST_BODY_WHY_MAX];
	int rc = cdx_rest_request_parse(out, text, strlen(text), why);

	assert_true((rc < 0) == (why[0] != '\0'));
	return rc;
}

/* Codex's clients send numbers as numbers or texts, amounts as texts */
static void offers(void **state CDX_UNUSED)
{
	struct cdx_rest_offer v;

	assert_int_equal(
		offer(&v,
		      " {\"totalSize\":1000,\"duration\":\"200\","
		      "\"minPricePerBytePerSecond\":\"3\",\"totalCollateral\":"
		      "\"1157920892373161954235709850086879078532699846656405640"
		      "39457584007913129639935\", \"extra\": [{}], "
		      "\"enabled\":false,\"until\":17} \n",
		      true),
		0);
	assert_int_equal(v.has, ALL_FIELDS);
	assert_false(v.has_free);
	assert_int_equal(v.o.total, 1000);
	assert_int_equal(v.o.duration, 200);
	assert_true(same(&v.o.min_price, "3"));
	assert_int_equal(cdx_u256_cmp(&v.o.collateral, &cdx_u256_max), 0);
	assert_false(v.o.enabled);
	assert_int_equal(v.o.until, 17);

	/* what is not said is enabled, and without an end; zeros are the
	 * caller's to refuse */
	assert_int_equal(offer(&v,
			       "{\"totalSize\":0,\"duration\":0,"
			       "\"minPricePerBytePerSecond\":\"0\","
			       "\"totalCollateral\":\"0\",\"enabled\":null}",
			       true),
			 0);
	assert_true(v.o.enabled);
	assert_int_equal(v.o.until, 0);
	assert_int_equal(v.has,
			 ALL_FIELDS & ~CDX_OFFER_ENABLED & ~CDX_OFFER_UNTIL);

	assert_int_equal(offer(&v, "{}", false), 0);
	assert_int_equal(v.has, 0);
	assert_int_equal(offer(&v, "{\"freeSize\":1,\"until\":-5}", false), 0);
	assert_true(v.has_free);
	assert_int_equal(v.o.until, -5);
	assert_int_equal(offer(&v, "{\"until\":\"-6\"}", false), 0);
	assert_int_equal(v.o.until, -6);
	assert_int_equal(offer(&v, "{\"totalSize\":\"18446744073709551615\"}",
			       false),
			 0);
	assert_true(v.o.total == UINT64_MAX);
}

static void requests(void **state CDX_UNUSED)
{
	static const char least[] =
		"{\"duration\":100,\"expiry\":10,\"proofProbability\":\"4\","
		"\"pricePerBytePerSecond\":\"5\",\"collateralPerByte\":\"6\"";
	struct cdx_rest_request v;
	char text[512];

	snprintf(text, sizeof(text), "%s}", least);
	assert_int_equal(request(&v, text), 0);
	assert_int_equal(v.terms.duration, 100);
	assert_int_equal(v.terms.expiry, 10);
	assert_true(same(&v.terms.proof_probability, "4"));
	assert_true(same(&v.terms.price, "5"));
	assert_true(same(&v.terms.collateral, "6"));
	assert_int_equal(v.nodes, 3);
	assert_int_equal(v.tolerance, 1);
	assert_false(v.has_code);

	snprintf(text, sizeof(text), "%s,\"nodes\":\"6\",\"tolerance\":2}",
		 least);
	assert_int_equal(request(&v, text), 0);
	assert_int_equal(v.nodes, 6);
	assert_int_equal(v.tolerance, 2);
	assert_true(v.has_code);

	snprintf(text, sizeof(text), "%s,\"expiry\":10}", least);
	assert_int_equal(request(&v, text), -EINVAL);
	/* each of them is needed */
	for (const char *p = strchr(least, '"'); p != NULL;
	     p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL) {
		size_t n = (size_t)(p - least);

		snprintf(text, sizeof(text), "%.*sx%s}", (int)n + 1, least,
			 p + 1);
		assert_int_equal(request(&v, text), -EINVAL);
	}
}

static void garbage(void **state CDX_UNUSED)
{
	static const char *const bodies[] = {
		"",
		" ",
		"{",
		"}",
		"[]",
		"null",
		"1",
		"\"{}\"",
		"{}{}",
		"{} x",
		"{\"totalSize\":1,}",
		"{'totalSize':1}",
		"{\"totalSize\":1,\"totalSize\":1}",
		"{\"x\":1,\"x\":2}",
		"{\"totalSize\":-1}",
		"{\"totalSize\":1.5}",
		"{\"totalSize\":1e3}",
		"{\"totalSize\":18446744073709551616}",
		"{\"totalSize\":\"18446744073709551616\"}",
		"{\"totalSize\":\"\"}",
		"{\"totalSize\":\" 1\"}",
		"{\"totalSize\":\"0x10\"}",
		"{\"totalSize\":\"+1\"}",
		"{\"totalSize\":true}",
		"{\"totalSize\":[1]}",
		"{\"duration\":{}}",
		"{\"minPricePerBytePerSecond\":1}",
		"{\"minPricePerBytePerSecond\":\"-1\"}",
		"{\"totalCollateral\":\"1.5\"}",
		"{\"totalCollateral\":\"115792089237316195423570985008687907853"
		"269984665640564039457584007913129639936\"}",
		"{\"enabled\":1}",
		"{\"enabled\":\"true\"}",
		"{\"until\":1.0}",
		"{\"until\":\"--1\"}",
		"{\"until\":\"-\"}",
		"{\"until\":\"9223372036854775808\"}",
		"{\"totalSize\":\"1\\u0000\"}",
		"{\"\xff\":1}",
	};
	struct cdx_rest_offer v;

	for (size_t i = 0; i < CDX_ARRAY_LEN(bodies); i++)
		if (offer(&v, bodies[i], false) != -EINVAL)
			fail_msg("taken: %s", bodies[i]);
}

/* Any length, any depth: bounded work, an answer in words */
static void large(void **state CDX_UNUSED)
{
	char why[CDX_REST_BODY_WHY_MAX];
	struct cdx_rest_offer v;
	char *p = malloc(CDX_REST_BODY_MAX + 2);

	assert_non_null(p);
	memset(p, '[', CDX_REST_BODY_MAX + 1);
	assert_int_equal(cdx_rest_offer_parse(&v, p, CDX_REST_BODY_MAX, false,
					      why),
			 -EINVAL);
	memset(p, ' ', CDX_REST_BODY_MAX + 1);
	memcpy(p, "{}", 2);
	assert_int_equal(
		cdx_rest_offer_parse(&v, p, CDX_REST_BODY_MAX, false, why), 0);
	assert_int_equal(cdx_rest_offer_parse(&v, p, CDX_REST_BODY_MAX + 1,
					      false, why),
			 -EINVAL);
	/* not even text */
	p[1] = '\0';
	assert_int_equal(cdx_rest_offer_parse(&v, p, 2, false, why), -EINVAL);
	assert_int_equal(cdx_rest_offer_parse(&v, NULL, 0, false, why),
			 -EINVAL);
	free(p);
}

static void ids(void **state CDX_UNUSED)
{
	static const char *const bad[] = {
		"",
		"0x",
		"x",
		"00",
		"0x000000000000000000000000000000000000000000000000000000000000"
		"00000",
		"000000000000000000000000000000000000000000000000000000000000000"
		"g",
		"0x0x0000000000000000000000000000000000000000000000000000000000"
		"0000",
	};
	char text[80];
	uint8_t id[32];

	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_rest_id_parse(id, bad[i]), -EINVAL);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "%s%062dAf", i == 0 ? "" : "0x",
			 0);
		assert_int_equal(cdx_rest_id_parse(id, text), 0);
		assert_int_equal(id[31], 0xaf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers),  cmocka_unit_test(requests),
		cmocka_unit_test(garbage), cmocka_unit_test(large),
		cmocka_unit_test(ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
