/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "seed.h"
#include "store_tmp.h"

#include "exchange_kit.h"

/* Peers that lie, fail or say nothing: right bytes come from an honest one, and
 * without one the right error. */

#define BLOCK 4096u
#define LEN ((size_t)700 * BLOCK + 17)
/* for answers that never come */
#define ALONE_MS 600u

static struct seed seed;
static struct tmp_store provider;
static struct tmp_store client; /* without a cache: nothing stays */
static struct xk_data data;
static struct xk_data other;

static int group_setup(void **state)
{
	(void)state;
	seed = seed_start("liars");
	tmp_store_new(&provider, XK_SHARE);
	tmp_store_new(&client, XK_SHARE);
	assert_int_equal(cdx_cache_resize(client.s, 0), 0);
	xk_add(&provider, &data, &seed, LEN, BLOCK);
	xk_add(&provider, &other, &seed, LEN, BLOCK);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(data.p);
	free(other.p);
	tmp_store_free(&client);
	tmp_store_free(&provider);
	return 0;
}

static const struct way {
	enum host_way way;
	const char *name;
	bool lie;
	int alone; /* error of a read when nobody else is there; 0: it comes */
} ways[] = {
	{HOST_WRONG_BLOCK, "a wrong block", true, -ENODATA},
	{HOST_FALSE_PAGE, "a false page", true, -ENODATA},
	{HOST_FALSE_LEAF, "a false block with its page", true, -ENODATA},
	{HOST_OTHER_TREE, "another dataset", true, -ENODATA},
	{HOST_NO_PAGE, "no page", true, -ENODATA},
	{HOST_UNREQUESTED, "one too many", true, -ENODATA},
	{HOST_TWICE, "one twice", true, -ENODATA},
	{HOST_SHORT_BLOCK, "short blocks", true, -ENODATA},
	{HOST_HUGE_FRAME, "a huge frame", true, -ENODATA},
	{HOST_GARBAGE, "garbage", true, -ENODATA},
	{HOST_ENDLESS, "endless", true, -ENODATA},
	{HOST_ABSENT, "nothing there", false, -ENODATA},
	{HOST_NOT_FOUND, "not found", false, -ENODATA},
	{HOST_STALL, "a stalled body", false, -ETIMEDOUT},
	{HOST_REDIRECT, "a redirect", false, -ETIMEDOUT},
	{HOST_BUSY, "busy", false, -ETIMEDOUT},
	{HOST_CUT, "a cut body", false, 0},
	{HOST_TRUNCATED, "no end", false, 0},
};

static void check_peer(struct xk *k, const struct way *w, const struct host *h)
{
	struct cdx_peer_info info;
	uint32_t out = xk_out(k, h, &info);

	assert_true(atomic_load(&h->requests) > 0);
	if (w->lie) {
		assert_true(info.lies > 0);
		assert_true(out > 3000);
		assert_true(xk_stats(k).bad > 0);
	} else {
		assert_int_equal(info.lies, 0);
		assert_true(out < 300);
		assert_int_equal(xk_stats(k).bad, 0);
	}
}

/* Was it asked, and found out? */
static bool asked(struct xk *k, const struct way *w, const struct host *h)
{
	struct cdx_peer_info info = {.lies = 0};

	(void)xk_out(k, h, &info);
	return atomic_load(&h->requests) > 0 && (!w->lie || info.lies > 0);
}

/* Reads it of both, by a client who knows nothing yet.  Was the lie found out? */
static bool try_beside(const struct way *w, struct host *bad, struct host *good)
{
	struct xk k = {.store = &client};
	struct cdx_reader *rd;
	bool done;

	xk_start(&k);
	xk_know(&k, bad);
	xk_know(&k, good);
	rd = xk_open(&k, &data.cid);
	xk_same(rd, &data, 300000);
	done = asked(&k, w, bad);
	if (done)
		check_peer(&k, w, bad);
	assert_int_equal(xk_out(&k, good, NULL), 0);
	cdx_reader_put(rd);
	xk_end(&k);
	return done;
}

static void beside(const struct way *w)
{
	struct host bad;
	struct host good;
	int i = 0;

	print_message("          beside: %s\n", w->name);
	host_start(&bad, provider.s, w->way);
	bad.other = other.cid;
	host_start(&good, provider.s, HOST_HONEST);
	/* who is slow may be spared, or has his say when the other's pages are here
	 * and nothing of his is wrong any more */
	while (!try_beside(w, &bad, &good))
		assert_true(i++ < 100);
	host_stop(&bad);
	host_stop(&good);
}

static void alone(const struct way *w)
{
	struct xk k = {.store = &client};
	struct host bad;
	struct cdx_reader *rd;
	/* of a stalled answer the first blocks come */
	size_t len = w->alone == -ETIMEDOUT ? LEN : 8 * BLOCK;
	uint8_t *got = malloc(LEN);
	ssize_t n;

	assert_non_null(got);
	print_message("          alone: %s\n", w->name);
	host_start(&bad, provider.s, w->way);
	bad.other = other.cid;
	xk_start(&k);
	xk_know(&k, &bad);
	rd = xk_open(&k, &data.cid);
	n = cdx_reader_read_wait(rd, got, 0, len,
				 w->alone == -ETIMEDOUT ? ALONE_MS : 0, NULL,
				 NULL);
	/* what a liar sends before his lie is as good as any */
	if (w->alone == 0 || (w->lie && n >= 0)) {
		assert_int_equal(n, len);
		assert_memory_equal(got, data.p, len);
	} else {
		assert_int_equal(n, w->alone);
	}
	/* and the lie itself may come a moment later */
	for (int i = 0; !asked(&k, w, &bad); i++) {
		assert_true(i < 1000);
		(void)usleep(10000);
	}
	check_peer(&k, w, &bad);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&bad);
	free(got);
}

static void beside_an_honest_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		beside(&ways[i]);
}

static void by_themselves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		alone(&ways[i]);
}

/* The manifest itself */
static void a_false_manifest(void **state)
{
	struct xk k = {.store = &client};
	struct host bad;
	struct host good;
	struct cdx_reader *rd = NULL;
	struct cdx_peer_info info;
	char why[256];

	(void)state;
	host_start(&bad, provider.s, HOST_WRONG_MANIFEST);
	host_start(&good, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &bad);
	assert_int_equal(cdx_exchange_open_wait(k.ex, &rd, &data.cid, false, 0,
						NULL, NULL, why),
			 -ENOENT);
	assert_true(why[0] != '\0');
	assert_true(xk_out(&k, &bad, &info) > 3000);
	assert_int_equal(info.lies, 1);
	assert_true(atomic_load(&bad.manifests) == 1);
	xk_know(&k, &good);
	/* a liar is not asked who he is either */
	{
		struct xk_connect c;
		struct cdx_maddr at;

		host_addr(&bad, &at);
		assert_int_equal(xk_connect(&k, &at, NULL, &c), -EPERM);
	}
	rd = xk_open(&k, &data.cid);
	xk_same(rd, &data, 1u << 20);
	assert_int_equal(atomic_load(&bad.requests), 0);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&bad);
	host_stop(&good);
}

/* Nobody answers at all. */
static void silence(void **state)
{
	struct xk k = {.store = &client};
	struct host h;
	struct cdx_reader *rd = NULL;
	char why[256];

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	atomic_store(&h.way, HOST_SILENT);
	assert_int_equal(cdx_exchange_open_wait(k.ex, &rd, &data.cid, false,
						500, NULL, NULL, why),
			 -ETIMEDOUT);
	assert_string_equal(why, "nobody who has it answered in time");
	atomic_store(&h.way, HOST_HONEST);
	xk_end(&k);
	host_stop(&h);
}

/* What a liar says is forgiven after its time. */
static void forgiven(void **state)
{
	struct xk k = {.store = &client, .lie_s = 1};
	struct host h;
	struct cdx_reader *rd;
	uint8_t got[BLOCK];

	(void)state;
	host_start(&h, provider.s, HOST_WRONG_BLOCK);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.cid);
	assert_int_equal(cdx_reader_read_wait(rd, got, 0, BLOCK, 0, NULL, NULL),
			 -ENODATA);
	atomic_store(&h.way, HOST_HONEST);
	for (int i = 0; xk_out(&k, &h, NULL) > 0; i++) {
		assert_true(i < 1000);
		(void)usleep(20000);
	}
	assert_int_equal(cdx_reader_read_wait(rd, got, 0, BLOCK, 0, NULL, NULL),
			 BLOCK);
	assert_memory_equal(got, data.p, BLOCK);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_an_honest_one),
		cmocka_unit_test(by_themselves),
		cmocka_unit_test(a_false_manifest),
		cmocka_unit_test(silence),
		cmocka_unit_test(forgiven),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
