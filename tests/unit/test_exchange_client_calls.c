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

#include "base/clock.h"
#include "base/err.h"
#include "seed.h"
#include "store_tmp.h"

#include "exchange_kit.h"

/* Calls that are cancelled, run out of time, come together or outlive the
 * exchange. */

#define BLOCK 4096u
#define LEN ((size_t)700 * BLOCK + 17)

static struct seed seed;
static struct tmp_store provider;
static struct tmp_store client;
static struct xk_data data;

static int group_setup(void **state)
{
	(void)state;
	seed = seed_start("calls");
	tmp_store_new(&provider, XK_SHARE);
	tmp_store_new(&client, XK_SHARE);
	assert_int_equal(cdx_cache_resize(client.s, 0), 0);
	xk_add(&provider, &data, &seed, LEN, BLOCK);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(data.p);
	tmp_store_free(&client);
	tmp_store_free(&provider);
	return 0;
}

/* A read that tells how it ended */
struct told {
	sem_t done;
	atomic_uint calls;
	ssize_t n;
	uint8_t *p;
};

static void told_init(struct told *t)
{
	memset(t, 0, sizeof(*t));
	assert_int_equal(sem_init(&t->done, 0, 0), 0);
	t->p = malloc(LEN);
	assert_non_null(t->p);
}

static void told_free(struct told *t)
{
	(void)sem_destroy(&t->done);
	free(t->p);
}

static void on_read(void *arg, const uint8_t *buf, ssize_t n)
{
	struct told *t = arg;

	atomic_fetch_add(&t->calls, 1);
	if (n > 0)
		memcpy(t->p, buf, (size_t)n);
	t->n = n;
	(void)sem_post(&t->done);
}

static void start(struct xk *k, struct host *h, enum host_way way)
{
	host_start(h, provider.s, way);
	xk_start(k);
	xk_know(k, h);
}

static void cancelled(void **state)
{
	struct xk k = {.store = &client};
	struct host h;
	struct cdx_reader *rd;
	struct cdx_op *op;
	struct told t;

	(void)state;
	start(&k, &h, HOST_STALL);
	rd = xk_open(&k, &data.cid);
	told_init(&t);
	assert_int_equal(cdx_reader_read(rd, &op, 0, LEN, 0, on_read, &t), 0);
	cdx_op_cancel(op);
	cdx_op_cancel(op);
	(void)sem_wait(&t.done);
	assert_int_equal(t.n, -ECANCELED);
	cdx_op_put(op);
	/* after its end */
	atomic_store(&h.way, HOST_HONEST);
	assert_int_equal(cdx_reader_read(rd, &op, 100, BLOCK, 0, on_read, &t),
			 0);
	(void)sem_wait(&t.done);
	assert_int_equal(t.n, BLOCK);
	assert_memory_equal(t.p, data.p + 100, BLOCK);
	cdx_op_cancel(op);
	cdx_op_put(op);
	cdx_reader_put(rd);
	xk_end(&k);
	assert_int_equal(atomic_load(&t.calls), 2);
	told_free(&t);
	host_stop(&h);
}

static bool yes(void *arg)
{
	(void)arg;
	return true;
}

static void cancelled_while_waiting(void **state)
{
	struct xk k = {.store = &client};
	struct host h;
	struct cdx_reader *rd;
	uint8_t *got = malloc(LEN);
	char why[256];

	(void)state;
	assert_non_null(got);
	start(&k, &h, HOST_STALL);
	rd = xk_open(&k, &data.cid);
	assert_int_equal(cdx_reader_read_wait(rd, got, 0, LEN, 0, yes, NULL),
			 -ECANCELED);
	cdx_reader_put(rd);
	atomic_store(&h.way, HOST_SILENT);
	rd = NULL;
	xk_free_exchange(&k);
	assert_int_equal(cdx_await(k.loop, xk_make, &k), 0);
	assert_int_equal(cdx_exchange_open_wait(k.ex, &rd, &data.cid, false, 0,
						yes, NULL, why),
			 -ENOENT);
	xk_end(&k);
	host_stop(&h);
	free(got);
}

static void bad_arguments(void **state)
{
	struct xk k = {.store = &client};
	struct host h;
	struct cdx_cid tree;
	struct cdx_reader *rd = NULL;
	uint8_t got[8];
	char why[256];

	(void)state;
	start(&k, &h, HOST_HONEST);
	rd = xk_open(&k, &data.cid);
	tree = cdx_reader_manifest(rd)->tree;
	assert_int_equal(cdx_exchange_open(k.ex, NULL, &tree, false, 0, NULL,
					   NULL),
			 -EINVAL);
	assert_int_equal(cdx_reader_read(rd, NULL, 0, (16u << 20) + 1, 0, NULL,
					 NULL),
			 -EINVAL);
	assert_int_equal(cdx_exchange_block(k.ex, NULL, &tree, 0, 0, NULL,
					    NULL),
			 -EINVAL);
	assert_int_equal(
		cdx_reader_read_wait(rd, got, LEN + 100, 8, 0, NULL, NULL), 0);
	assert_int_equal(cdx_reader_read_wait(rd, got, 5, 0, 0, NULL, NULL), 0);
	assert_int_equal(
		cdx_reader_read_wait(rd, got, LEN - 3, 8, 0, NULL, NULL), 3);
	assert_memory_equal(got, data.p + LEN - 3, 3);
	assert_true(cdx_cid_equal(cdx_reader_cid(rd), &data.cid));
	cdx_reader_put(rd);
	(void)why;
	xk_end(&k);
	host_stop(&h);
}

/* What is not here is not looked for elsewhere. */
static void local_only(void **state)
{
	struct xk k = {.store = &client};
	struct host h;
	struct cdx_reader *rd = NULL;
	struct xk_data mine;
	char why[256];

	(void)state;
	start(&k, &h, HOST_HONEST);
	assert_int_equal(cdx_exchange_open_wait(k.ex, &rd, &data.cid, true, 0,
						NULL, NULL, why),
			 -ENOENT);
	assert_string_equal(why, "it is not in this store");
	assert_int_equal(atomic_load(&h.manifests), 0);
	xk_add(&client, &mine, &seed, 100000, 1000);
	assert_int_equal(cdx_exchange_open_wait(k.ex, &rd, &mine.cid, true, 0,
						NULL, NULL, why),
			 0);
	assert_true(cdx_reader_complete(rd));
	xk_same(rd, &mine, 7777);
	assert_int_equal(xk_stats(&k).requests, 0);
	cdx_reader_put(rd);
	free(mine.p);
	xk_end(&k);
	host_stop(&h);
}

/* Nobody has it, nobody is known. */
static void nobody(void **state)
{
	struct xk k = {.store = &client};
	struct cdx_reader *rd = NULL;
	char why[256];

	(void)state;
	xk_start(&k);
	assert_int_equal(cdx_exchange_open_wait(k.ex, &rd, &data.cid, false, 0,
						NULL, NULL, why),
			 -ENOENT);
	assert_string_equal(why, "nobody was found who has it");
	xk_end(&k);
}

/* Equal wants of many readers are one. */
static void together(void **state)
{
	struct xk k = {.store = &client};
	struct cdx_reader *rd[8];
	struct told t[8];
	struct host h;

	(void)state;
	start(&k, &h, HOST_HONEST);
	h.delay_ms = 50;
	for (int i = 0; i < 8; i++) {
		rd[i] = xk_open(&k, &data.cid);
		told_init(&t[i]);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(cdx_reader_read(rd[i], NULL, 0, LEN, 0,
						 on_read, &t[i]),
				 0);
	for (int i = 0; i < 8; i++) {
		(void)sem_wait(&t[i].done);
		assert_int_equal(t[i].n, LEN);
		assert_memory_equal(t[i].p, data.p, LEN);
		cdx_reader_put(rd[i]);
	}
	assert_int_equal(atomic_load(&h.manifests), 1);
	/* one that reads as a block is dropped may have it come twice */
	assert_true(atomic_load(&h.blocks) < 2 * 701);
	xk_end(&k);
	for (int i = 0; i < 8; i++)
		told_free(&t[i]);
	host_stop(&h);
}

/* All kinds of calls under way when the exchange goes. */
static void on_open(void *arg, int rc, struct cdx_reader *rd, const char *why)
{
	struct told *t = arg;

	(void)why;
	atomic_fetch_add(&t->calls, 1);
	t->n = rc;
	cdx_reader_put(rd);
	(void)sem_post(&t->done);
}

static void on_block(void *arg, int rc, const uint8_t *p, size_t size)
{
	(void)p;
	(void)size;
	on_open(arg, rc, NULL, "");
}

static void on_fetch(void *arg, int rc)
{
	on_open(arg, rc, NULL, "");
}

static void on_peer(void *arg, int rc, const struct cdx_peer_record *r,
		    const char *why)
{
	(void)r;
	on_open(arg, rc, NULL, why);
}

static void freed_under_way(void **state)
{
	struct xk k = {0};
	struct cdx_reader *rd;
	struct cdx_op *op[5];
	struct cdx_maddr at;
	struct cdx_cid none = data.cid;
	struct told t;
	struct host h;

	(void)state;
	start(&k, &h, HOST_HONEST);
	told_init(&t);
	rd = xk_open(&k, &data.cid);
	atomic_store(&h.way, HOST_SILENT);
	none.digest[3] ^= 1;
	host_addr(&h, &at);
	assert_int_equal(cdx_reader_read(rd, &op[0], 0, LEN, 0, on_read, &t),
			 0);
	assert_int_equal(cdx_exchange_open(k.ex, &op[1], &none, false, 0,
					   on_open, &t),
			 0);
	assert_int_equal(cdx_exchange_block(k.ex, &op[2], &data.cid, 300, 0,
					    on_block, &t),
			 0);
	assert_int_equal(cdx_reader_fetch(rd, &op[3], true, NULL, on_fetch, &t),
			 0);
	assert_int_equal(
		cdx_exchange_connect(k.ex, &op[4], &at, NULL, on_peer, &t), 0);
	xk_free_exchange(&k);
	assert_int_equal(atomic_load(&t.calls), 5);
	for (int i = 0; i < 5; i++) {
		cdx_op_cancel(op[i]);
		cdx_op_put(op[i]);
	}
	cdx_reader_put(rd);
	told_free(&t);
	xk_end(&k);
	host_stop(&h);
}

/* The same at any moment, while blocks come */
static void freed_at_any_moment(void **state)
{
	struct xk k = {.store = &client};
	struct cdx_reader *rd;
	struct told t;
	struct host h;

	(void)state;
	start(&k, &h, HOST_HONEST);
	for (int i = 0; i < 20; i++) {
		told_init(&t);
		if (k.ex == NULL) {
			assert_int_equal(cdx_await(k.loop, xk_make, &k), 0);
			xk_know(&k, &h);
		}
		rd = xk_open(&k, &data.cid);
		assert_int_equal(
			cdx_reader_read(rd, NULL, 0, LEN, 0, on_read, &t), 0);
		(void)usleep((useconds_t)seed_below(&seed, 20000));
		xk_free_exchange(&k);
		assert_int_equal(atomic_load(&t.calls), 1);
		assert_true(t.n == -ECANCELED || t.n == (ssize_t)LEN);
		cdx_reader_put(rd);
		told_free(&t);
	}
	xk_end(&k);
	host_stop(&h);
}

/* ---- who is there ---- */

static void connecting(void **state)
{
	struct xk k = {.store = &client};
	struct cdx_peer_id other;
	struct xk_connect c;
	struct cdx_maddr at;
	struct host h;

	(void)state;
	start(&k, &h, HOST_HONEST);
	host_addr(&h, &at);
	assert_int_equal(xk_connect(&k, &at, NULL, &c), 0);
	assert_int_equal(c.r.addr[0].port, h.port);
	other = k.who.id;
	assert_int_equal(xk_connect(&k, &at, &other, &c), CDX_E_AUTH);
	assert_string_equal(c.why, "another peer answers there");
	/* of another network */
	(void)pthread_mutex_lock(&h.mu);
	h.record.len = 0;
	{
		struct cdx_peer_record r = {
			.seq = 2,
			.expires = cdx_clock_wall_s() + 3600,
			.n_addrs = 1,
			.addr = {at},
		};

		cdx_network_of(&h.who.network, "another");
		assert_int_equal(cdx_peer_record_sign(&h.record, &r, &h.who),
				 0);
	}
	(void)pthread_mutex_unlock(&h.mu);
	assert_int_equal(xk_connect(&k, &at, NULL, &c), -ENOENT);
	/* no record at all */
	(void)pthread_mutex_lock(&h.mu);
	memset(h.record.p, 'x', h.record.len);
	(void)pthread_mutex_unlock(&h.mu);
	assert_int_equal(xk_connect(&k, &at, NULL, &c), CDX_E_FORMAT);
	assert_true(c.why[0] != '\0');
	host_stop(&h);
	assert_true(xk_connect(&k, &at, NULL, &c) < 0);
	assert_true(c.why[0] != '\0');
	xk_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancelled),
		cmocka_unit_test(cancelled_while_waiting),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(local_only),
		cmocka_unit_test(nobody),
		cmocka_unit_test(together),
		cmocka_unit_test(freed_under_way),
		cmocka_unit_test(freed_at_any_moment),
		cmocka_unit_test(connecting),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
