/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_STORE_KIT_H
#define CDX_TESTS_UNIT_STORE_KIT_H

/* A store with a log key in a temporary directory, for the tests of batches,
 * groups and the log.  Include after cmocka.h. */

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "store/internal.h"

struct kit {
	char path[256];
	struct cdx_store *s;
	struct cdx_log log;
	struct cdx_key key;
	uint64_t log_bytes;
	size_t group_bytes;
	unsigned commit_ms;
	bool readonly;
	bool no_key;
	struct cdx_store_hooks hooks;
	void *hooks_arg;
	struct cdx_store_replay replay;
};

static inline int kit_rm(const char *path, const struct stat *st, int flag,
			 struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void kit_defaults(struct kit *k)
{
	memset(k, 0, sizeof(*k));
	memset(k->key.b, 0x4b, sizeof(k->key.b));
	k->log_bytes = 1u << 20;
	k->commit_ms = 3600000; /* commits happen when they are asked for */
	cdx_log_init(&k->log,
		     getenv("CDX_TEST_LOG") ? CDX_LOG_TO_STDERR
					    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
}

static inline void kit_config(const struct kit *k, struct cdx_store_config *c)
{
	memset(c, 0, sizeof(*c));
	c->share[CDX_SHARE_VOLUME] = 64u << 20;
	c->k = 10;
	c->m = 5;
	c->log_bytes = k->log_bytes;
}

static inline void kit_init(struct kit *k)
{
	struct cdx_store_config c;
	const char *dir = getenv("TMPDIR");

	(void)snprintf(k->path, sizeof(k->path), "%s/cdx-kv-XXXXXX",
		       dir ? dir : "/tmp");
	assert_non_null(mkdtemp(k->path));
	kit_config(k, &c);
	assert_int_equal(cdx_store_init(k->path, &c), 0);
}

/* Open only */
static inline int kit_try_open(struct kit *k, char *holder, size_t len)
{
	struct cdx_store_opts opts = {.path = k->path,
				      .log = &k->log,
				      .readonly = k->readonly,
				      .commit_ms = k->commit_ms,
				      .group_bytes = k->group_bytes};

	return cdx_store_open(&k->s, &opts, holder, len);
}

static inline int kit_try_start(struct kit *k)
{
	return cdx_store_start(k->s, k->no_key ? NULL : &k->key, &k->hooks,
			       k->hooks_arg, &k->replay);
}

static inline void kit_open(struct kit *k)
{
	assert_int_equal(kit_try_open(k, NULL, 0), 0);
	assert_int_equal(kit_try_start(k), 0);
}

static inline void kit_close(struct kit *k)
{
	assert_int_equal(cdx_store_close(k->s), 0);
	k->s = NULL;
}

static inline void kit_reopen(struct kit *k)
{
	kit_close(k);
	kit_open(k);
}

static inline void kit_free(struct kit *k)
{
	if (k->s)
		(void)cdx_store_close(k->s);
	k->s = NULL;
	assert_int_equal(nftw(k->path, kit_rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Runs @fn in a child that then dies without closing anything. */
static inline void kit_crash(struct kit *k, void (*fn)(struct kit *k))
{
	int status;
	pid_t pid;

	assert_null(k->s);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (kit_try_open(k, NULL, 0) < 0 || kit_try_start(k) < 0)
			_exit(99);
		fn(k);
		(void)raise(SIGKILL);
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		print_error("the child ended with %d\n", WEXITSTATUS(status));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A claim in a child, where cmocka cannot help */
#define KIT_CHILD(cond)                                                  \
	do {                                                             \
		if (!(cond)) {                                           \
			(void)fprintf(stderr, "line %d: %s\n", __LINE__, \
				      #cond);                            \
			_exit(97);                                       \
		}                                                        \
	} while (0)

/* One put as a batch */
static inline int kit_put(struct kit *k, enum cdx_db db, const char *key,
			  const char *val)
{
	struct cdx_batch *b;
	int r = cdx_batch_new(&b, k->s);

	if (r < 0)
		return r;
	cdx_batch_put(b, db, key, strlen(key), val, strlen(val));
	return cdx_batch_apply(b);
}

/* Is the value what it should be?  NULL: it should not be there. */
static inline bool kit_has(struct kit *k, enum cdx_db db, const char *key,
			   const char *val)
{
	char out[256];
	int r = cdx_kv_get(k->s, db, key, strlen(key), out, sizeof(out));

	if (!val)
		return r == -ENOENT;
	return r == (int)strlen(val) && memcmp(out, val, strlen(val)) == 0;
}

#endif
