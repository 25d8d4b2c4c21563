/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_API_KIT_H
#define CDX_TESTS_UNIT_API_KIT_H

/* Calls of the control socket on a store that nobody else has: what the verbs
 * ask, without the verbs.  For unit tests; include after cmocka.h. */

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/client.h"
#include "api/internal.h"
#include "base/err.h"
#include "vector_file.h"

#define CHALLENGE \
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

struct env {
	char path[256];
	struct cdx_log log;
	struct cdx_keyfile keys;
	struct cdx_client c;
	uint8_t *data;
	size_t len;
	size_t fed;
};

static inline int remove_one(const char *path, const struct stat *st, int flag,
			     struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct cdx_store_config config = {
		.share = {512u << 20, 0, 0},
		.k = 4,
		.m = 2,
	};
	struct cdx_node_opts o = {.log = &e->log, .keys = &e->keys};
	char error[CDX_NODE_ERROR_MAX];
	const char *dir = getenv("TMPDIR");

	assert_non_null(e);
	cdx_log_init(&e->log, CDX_LOG_TO_NONE, CDX_LOG_ERROR);
	cdx_root_random(&e->keys.root);
	snprintf(e->path, sizeof(e->path), "%s/cdx-api-XXXXXX",
		 dir != NULL ? dir : "/tmp");
	assert_non_null(mkdtemp(e->path));
	assert_int_equal(cdx_store_init(e->path, &config), 0);
	assert_int_equal(cdx_client_open(&e->c, e->path, &o, error), 0);
	*state = e;
	return 0;
}

static inline int teardown(void **state)
{
	struct env *e = *state;

	assert_int_equal(cdx_client_close(&e->c), 0);
	nftw(e->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(e->data);
	free(e);
	return 0;
}

/* ---- asking ---- */

/* A body that is sent, and the answer to it */
struct transfer {
	struct env *e;
	struct cdx_buf answer;
};

static inline ssize_t give(void *arg, void *out, size_t cap)
{
	struct env *e = ((struct transfer *)arg)->e;
	size_t n = e->len - e->fed < cap ? e->len - e->fed : cap;

	memcpy(out, e->data + e->fed, n);
	e->fed += n;
	return (ssize_t)n;
}

static inline int keep(void *arg, int status CDX_UNUSED, const void *p,
		       size_t len)
{
	cdx_buf_put(&((struct transfer *)arg)->answer, p, len);
	return 0;
}

/* Adds @len bytes of the vectors' formula; the CID into @out */
static inline void add(struct env *e, size_t len, const char *query,
		       char out[CDX_CID_TEXT_MAX])
{
	struct transfer t = {.e = e};
	char path[256];
	struct cdx_request req = {
		.method = "POST",
		.path = path,
		.read = give,
		.write = keep,
		.arg = &t,
	};
	json_t *j;

	e->data = realloc(e->data, len);
	assert_non_null(e->data);
	for (size_t o = 0; o < len; o++)
		e->data[o] =
			(uint8_t)(o * 31 + (o >> 8) * 17 + (o >> 16) * 7 + 5);
	e->len = len;
	e->fed = 0;
	snprintf(path, sizeof(path), "/control/v1/datasets?%s", query);
	assert_int_equal(cdx_client_request(&e->c, &req), 200);
	j = json_loadb((const char *)t.answer.p, t.answer.len, 0, NULL);
	snprintf(out, CDX_CID_TEXT_MAX, "%s", vector_text(j, "cid"));
	json_decref(j);
	cdx_buf_free(&t.answer);
}

/* One call about a dataset, as lines or as one object; the result */
static inline int ask(struct env *e, json_t **out, const char *method,
		      const char *cid, const char *rest)
{
	char path[512];

	snprintf(path, sizeof(path), "/control/v1/datasets/%s%s", cid, rest);
	return cdx_client_lines(&e->c, out, method, path, NULL, NULL);
}

/* The same when only the result matters */
static inline int result(struct env *e, const char *method, const char *cid,
			 const char *rest)
{
	json_t *j;
	int rc = ask(e, &j, method, cid, rest);

	json_decref(j);
	return rc;
}

static inline void assert_same(struct env *e, const char *cid)
{
	struct transfer t = {.e = e};
	char path[256];
	struct cdx_request req = {
		.method = "GET",
		.path = path,
		.write = keep,
		.arg = &t,
	};

	snprintf(path, sizeof(path), "/control/v1/datasets/%s/data", cid);
	assert_int_equal(cdx_client_request(&e->c, &req), 200);
	assert_int_equal(t.answer.len, e->len);
	assert_memory_equal(t.answer.p, e->data, e->len);
	cdx_buf_free(&t.answer);
}

static inline void protect(struct env *e, const char *cid, const char *query,
			   char out[CDX_CID_TEXT_MAX])
{
	json_t *j;

	assert_int_equal(ask(e, &j, "POST", cid, query), 0);
	assert_string_equal(vector_text(j, "result"), "protected");
	snprintf(out, CDX_CID_TEXT_MAX, "%s", vector_text(j, "cid"));
	json_decref(j);
}

#endif
