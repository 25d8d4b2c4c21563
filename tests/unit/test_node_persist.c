/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop_kit.h"
#include "node/chain_persist.h"
#include "store_kit.h"

/* What the chain client keeps in a store: there after a kill as soon as it was
 * said to be durable, in the order of its keys, and nothing of it before */

struct bench {
	struct kit kit;
	struct loop_kit loop;
	struct cdx_chain_persist *p;
	const struct cdx_persist *ops;
	unsigned wanted; /* results until the loop stops */
	unsigned got;
	int err;
	int order[64]; /* arguments, as they came */
};

static void open_bench(struct bench *b)
{
	kit_open(&b->kit);
	loop_kit_start(&b->loop);
	assert_int_equal(cdx_chain_persist_new(&b->p, b->kit.s, b->loop.loop),
			 0);
	b->ops = cdx_chain_persist(b->p);
	b->got = 0;
	b->err = 0;
}

static void close_bench(struct bench *b)
{
	cdx_chain_persist_free(b->p);
	loop_kit_end(&b->loop);
	kit_close(&b->kit);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	kit_defaults(&b->kit);
	kit_init(&b->kit);
	open_bench(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	close_bench(b);
	kit_free(&b->kit);
	free(b);
	return 0;
}

/* One that waits; @b is found through @id's place */
struct note {
	struct bench *b;
	int id;
};

static void on_durable(void *arg, int err)
{
	struct note *n = arg;
	struct bench *b = n->b;

	if (err < 0)
		b->err = err;
	b->order[b->got % 64] = n->id;
	if (++b->got == b->wanted)
		loop_kit_stop(&b->loop);
}

static void put(struct bench *b, const char *key, const char *text,
		struct note *n)
{
	assert_int_equal(b->ops->put(b->ops->arg, key, text, strlen(text),
				     n == NULL ? NULL : on_durable, n),
			 0);
}

static int append(void *arg, const char *key, const void *val, size_t len)
{
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 512 - n, "%s=%.*s;", key, (int)len,
		 (const char *)val);
	return 0;
}

static void assert_list(struct bench *b, const char *prefix, const char *wants)
{
	char text[512] = "";

	assert_int_equal(b->ops->list(b->ops->arg, prefix, append, text), 0);
	assert_string_equal(text, wants);
}

static int stop_at_second(void *arg, const char *key, const void *val,
			  size_t len)
{
	(void)key;
	(void)val;
	(void)len;
	return ++*(int *)arg == 2 ? 77 : 0;
}

static void test_table(void **state)
{
	struct bench *b = *state;
	struct note n = {b, 0};
	char long_key[CDX_PERSIST_KEY_MAX + 2];
	int seen = 0;

	put(b, "eth/tx/2", "two", NULL);
	put(b, "eth/tx/1", "one", NULL);
	put(b, "eth/log/a", "", NULL);
	put(b, "ethos", "no", NULL);
	/* at once, before anything is durable */
	assert_list(b, "eth/tx/", "eth/tx/1=one;eth/tx/2=two;");
	assert_list(b, "eth/", "eth/log/a=;eth/tx/1=one;eth/tx/2=two;");
	put(b, "eth/tx/1", "uno", &n);
	assert_int_equal(b->ops->del(b->ops->arg, "eth/tx/2", on_durable, &n),
			 0);
	b->wanted = 2;
	loop_kit_run(&b->loop);
	assert_int_equal(b->err, 0);
	assert_list(b, "eth/", "eth/log/a=;eth/tx/1=uno;");
	assert_int_equal(
		b->ops->list(b->ops->arg, "eth/", stop_at_second, &seen), 77);
	assert_int_equal(seen, 2);
	memset(long_key, 'k', sizeof(long_key) - 1);
	long_key[sizeof(long_key) - 1] = '\0';
	assert_int_equal(b->ops->put(b->ops->arg, long_key, "", 0, on_durable,
				     &n),
			 -E2BIG);
	close_bench(b);
	open_bench(b);
	assert_list(b, "eth/", "eth/log/a=;eth/tx/1=uno;");
}

/* Values up to the limit that callers are promised */
static void test_large(void **state)
{
	struct bench *b = *state;
	struct note n = {b, 0};
	char *big = malloc(CDX_PERSIST_VAL_MAX + 1);
	struct cdx_buf got = {0};

	assert_non_null(big);
	memset(big, 'x', CDX_PERSIST_VAL_MAX + 1);
	assert_int_equal(b->ops->put(b->ops->arg, "eth/big", big,
				     CDX_PERSIST_VAL_MAX + 1, on_durable, &n),
			 -E2BIG);
	for (int i = 0; i < 8; i++)
		assert_int_equal(b->ops->put(b->ops->arg, "eth/big", big,
					     CDX_PERSIST_VAL_MAX, on_durable,
					     &n),
				 0);
	b->wanted = 8;
	loop_kit_run(&b->loop);
	assert_int_equal(b->err, 0);
	close_bench(b);
	open_bench(b);
	assert_int_equal(cdx_kv_get_buf(b->kit.s, CDX_DB_META, "eth/big", 7,
					&got),
			 CDX_PERSIST_VAL_MAX);
	cdx_buf_free(&got);
	free(big);
}

/* In the order of the changes, and not those that were forgotten */
static void test_order(void **state)
{
	struct bench *b = *state;
	struct note n[12];
	char key[16];

	for (int i = 0; i < 12; i++) {
		n[i] = (struct note){b, i};
		snprintf(key, sizeof(key), "eth/%d", i);
		put(b, key, "v", &n[i]);
	}
	b->ops->forget(b->ops->arg, &n[3]);
	b->ops->forget(b->ops->arg, &n[11]);
	b->wanted = 10;
	loop_kit_run(&b->loop);
	for (int i = 0, id = 0; i < 10; i++, id++) {
		id += id == 3;
		assert_int_equal(b->order[i], id);
	}
	/* flushed, and forgotten before the loop has told */
	b->got = 0;
	put(b, "eth/x", "v", &n[0]);
	usleep(50000);
	b->ops->forget(b->ops->arg, &n[0]);
	loop_kit_run_ms(&b->loop, 50);
	assert_int_equal(b->got, 0);
}

static void forget_other(void *arg, int err)
{
	struct note *n = arg;

	(void)err;
	n->b->ops->forget(n->b->ops->arg, n + 1);
	n->b->got++;
	loop_kit_stop(&n->b->loop);
}

/* One that is told may forget the next one */
static void test_forget_within(void **state)
{
	struct bench *b = *state;
	struct note n[2] = {{b, 0}, {b, 1}};

	assert_int_equal(b->ops->put(b->ops->arg, "eth/a", "", 0, forget_other,
				     &n[0]),
			 0);
	put(b, "eth/b", "", &n[1]);
	usleep(50000);
	loop_kit_run(&b->loop);
	loop_kit_run_ms(&b->loop, 20);
	assert_int_equal(b->got, 1);
}

/* ---- kill ---- */

static int told_fd;

static void count_durable(void *arg, int err)
{
	struct note *n = arg;
	uint32_t i = (uint32_t)n->id;

	if (err == 0)
		(void)!write(told_fd, &i, sizeof(i));
	free(n);
}

/* Puts numbers as fast as it can, and dies */
static void put_and_die(struct kit *k)
{
	struct bench b = {.kit = *k};
	char key[32];

	loop_kit_start(&b.loop);
	if (cdx_chain_persist_new(&b.p, k->s, b.loop.loop) < 0)
		_exit(97);
	b.ops = cdx_chain_persist(b.p);
	for (int i = 0; i < 200; i++) {
		struct note *n = malloc(sizeof(*n));

		*n = (struct note){&b, i};
		snprintf(key, sizeof(key), "eth/%08d", i);
		if (b.ops->put(b.ops->arg, key, "v", 1, count_durable, n) < 0)
			_exit(96);
		if (i % 10 == 9)
			loop_kit_run_ms(&b.loop, 1);
	}
}

static int count(void *arg, const char *key, const void *val, size_t len)
{
	(void)key;
	(void)val;
	(void)len;
	++*(uint32_t *)arg;
	return 0;
}

static void test_kill(void **state)
{
	struct bench *b = *state;
	uint32_t there = 0;
	uint32_t told = 0;
	uint32_t i;
	int fds[2];

	close_bench(b);
	assert_int_equal(pipe(fds), 0);
	told_fd = fds[1];
	kit_crash(&b->kit, put_and_die);
	close(fds[1]);
	while (read(fds[0], &i, sizeof(i)) == (ssize_t)sizeof(i)) {
		assert_int_equal(i, told);
		told++;
	}
	close(fds[0]);
	open_bench(b);
	assert_int_equal(b->ops->list(b->ops->arg, "eth/", count, &there), 0);
	print_message("%u told, %u there\n", told, there);
	assert_true(told > 0);
	assert_true(there >= told);
}

/* A store that takes no changes says so at once */
static void test_readonly(void **state)
{
	struct bench *b = *state;
	struct note n = {b, 0};

	put(b, "eth/a", "v", NULL);
	close_bench(b);
	b->kit.readonly = true;
	open_bench(b);
	assert_int_equal(b->ops->put(b->ops->arg, "eth/b", "", 0, on_durable,
				     &n),
			 -EROFS);
	assert_list(b, "eth/", "eth/a=v;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget_within, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readonly, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
