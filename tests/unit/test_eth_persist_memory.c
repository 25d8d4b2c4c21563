/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What survives, without a store: order, limits, who is told and when. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eth/persist_memory.h"
#include "loop_kit.h"

struct env {
	struct loop_kit loop;
	struct cdx_persist_memory *m;
	const struct cdx_persist *p;
	char told[16]; /* letters, in the order of the calls */
	char listed[256];
	bool free_m;
};

/* One change that is waited for */
struct want {
	struct env *e;
	char letter;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	loop_kit_start(&e->loop);
	assert_int_equal(cdx_persist_memory_new(&e->m, e->loop.loop), 0);
	e->p = cdx_persist_memory(e->m);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	cdx_persist_memory_free(e->m);
	loop_kit_end(&e->loop);
	free(e);
	return 0;
}

static void on_done(void *arg, int err)
{
	struct want *w = arg;

	assert_int_equal(err, 0);
	w->e->told[strlen(w->e->told)] = w->letter;
	if (w->e->free_m) {
		cdx_persist_memory_free(w->e->m);
		w->e->m = NULL;
	}
}

static int each(void *arg, const char *key, const void *val, size_t len)
{
	struct env *e = arg;
	size_t at = strlen(e->listed);

	snprintf(e->listed + at, sizeof(e->listed) - at, "%s=%.*s ", key,
		 (int)len, (const char *)val);
	return strcmp(key, "stop") == 0 ? 7 : 0;
}

static void listed(struct env *e, const char *prefix, int rc, const char *text)
{
	e->listed[0] = '\0';
	assert_int_equal(e->p->list(e->p->arg, prefix, each, e), rc);
	assert_string_equal(e->listed, text);
}

static void put(struct env *e, const char *key, const char *val)
{
	assert_int_equal(
		e->p->put(e->p->arg, key, val, strlen(val), NULL, NULL), 0);
}

static void test_values(void **state)
{
	struct env *e = *state;

	listed(e, "", 0, "");
	put(e, "b/2", "two");
	put(e, "b/1", "one");
	put(e, "a", "");
	put(e, "c", "x");
	listed(e, "", 0, "a= b/1=one b/2=two c=x ");
	listed(e, "b/", 0, "b/1=one b/2=two ");
	put(e, "b/1", "new");
	assert_int_equal(e->p->del(e->p->arg, "c", NULL, NULL), 0);
	assert_int_equal(e->p->del(e->p->arg, "none", NULL, NULL), 0);
	put(e, "stop", "1");
	put(e, "z", "2");
	listed(e, "", 7, "a= b/1=new b/2=two stop=1 ");
}

static void test_limits(void **state)
{
	struct env *e = *state;
	char key[CDX_PERSIST_KEY_MAX + 2];
	char *val = calloc(1, CDX_PERSIST_VAL_MAX + 1);

	assert_non_null(val);
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_int_equal(e->p->put(e->p->arg, key, "", 0, NULL, NULL), -EINVAL);
	assert_int_equal(e->p->put(e->p->arg, key + 1, val, CDX_PERSIST_VAL_MAX,
				   NULL, NULL),
			 0);
	assert_int_equal(e->p->put(e->p->arg, "k", val, CDX_PERSIST_VAL_MAX + 1,
				   NULL, NULL),
			 -E2BIG);
	free(val);
}

static void test_told(void **state)
{
	struct env *e = *state;
	struct want w[] = {{e, 'a'}, {e, 'b'}, {e, 'c'}, {e, 'd'}};
	void *arg = e->p->arg;

	assert_int_equal(e->p->put(arg, "k", "1", 1, on_done, &w[0]), 0);
	assert_int_equal(e->p->del(arg, "k", on_done, &w[1]), 0);
	assert_int_equal(e->p->put(arg, "l", "1", 1, on_done, &w[2]), 0);
	assert_int_equal(e->p->put(arg, "m", "1", 1, on_done, &w[3]), 0);
	e->p->forget(arg, &w[2]);
	assert_string_equal(e->told, "");
	loop_kit_run_ms(&e->loop, 5);
	assert_string_equal(e->told, "abd");
	/* freed from within: the others are not told */
	assert_int_equal(e->p->put(arg, "k", "1", 1, on_done, &w[0]), 0);
	assert_int_equal(e->p->put(arg, "k", "1", 1, on_done, &w[1]), 0);
	e->free_m = true;
	loop_kit_run_ms(&e->loop, 5);
	assert_string_equal(e->told, "abda");
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(values),
		T(limits),
		T(told),
	};

	return cmocka_run_group_tests_name("eth/persist_memory", tests, NULL,
					   NULL);
}
