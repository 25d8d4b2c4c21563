/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_DATA_KIT_H
#define CDX_TESTS_UNIT_DATA_KIT_H

/* A volume in a temporary directory and files with a model in memory, for the
 * tests of file data.  Include after cmocka.h. */

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
#include "seed.h"
#include "volume/data.h"

struct dk {
	char path[256];
	struct cdx_store *s;
	struct cdx_volume *v;
	struct cdx_log log;
	struct cdx_keyfile keys;
	uint64_t share;
	size_t dirty_bytes;
	bool readonly;
	bool sync_write;
	bool background; /* pack, seal and compact as soon as possible */
};

static inline int dk_rm(const char *path, const struct stat *st, int flag,
			struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* @share: bytes of the volume, 0 = 512 MiB */
static inline void dk_init(struct dk *k, uint64_t share)
{
	struct cdx_store_config c = {.k = 10, .m = 5};
	const char *dir = getenv("TMPDIR");

	memset(k, 0, sizeof(*k));
	memset(k->keys.root.b, 0x5a, sizeof(k->keys.root.b));
	cdx_log_init(&k->log,
		     getenv("CDX_TEST_LOG") ? CDX_LOG_TO_STDERR
					    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
	c.share[CDX_SHARE_VOLUME] = share ? share : (uint64_t)512 << 20;
	c.log_bytes = (uint64_t)4 << 20;
	(void)snprintf(k->path, sizeof(k->path), "%s/cdx-data-XXXXXX",
		       dir ? dir : "/tmp");
	assert_non_null(mkdtemp(k->path));
	assert_int_equal(cdx_store_init(k->path, &c), 0);
}

static inline int dk_try_open(struct dk *k)
{
	struct cdx_store_opts so = {
		.path = k->path,
		.log = &k->log,
		.readonly = k->readonly,
		.commit_ms = 3600000, /* groups are closed by the tests */
	};
	struct cdx_volume_opts vo = {
		.keys = &k->keys,
		.log = &k->log,
		.readonly = k->readonly,
		.sync_write = k->sync_write,
		.dirty_bytes = k->dirty_bytes,
		.no_background = !k->background,
		.seal_age_s = 1,
		.pack_age_s = 1,
	};
	int rc = cdx_store_open(&k->s, &so, NULL, 0);

	if (rc < 0)
		return rc;
	vo.store = k->s;
	return cdx_volume_open(&k->v, &vo);
}

static inline void dk_open(struct dk *k)
{
	assert_int_equal(dk_try_open(k), 0);
}

static inline void dk_close(struct dk *k)
{
	assert_int_equal(cdx_volume_close(k->v), 0);
	assert_int_equal(cdx_store_close(k->s), 0);
	k->v = NULL;
	k->s = NULL;
}

static inline void dk_reopen(struct dk *k)
{
	dk_close(k);
	dk_open(k);
}

static inline void dk_free(struct dk *k)
{
	if (k->v)
		(void)cdx_volume_close(k->v);
	if (k->s)
		(void)cdx_store_close(k->s);
	k->v = NULL;
	k->s = NULL;
	assert_int_equal(nftw(k->path, dk_rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void dk_report(void *arg, const char *what, const char *detail)
{
	(void)arg;
	print_error("fsck: %s: %s\n", what, detail);
}

/* Writes everything out; the volume's own tables must agree */
static inline void dk_check(struct dk *k)
{
	struct cdx_fsck f = {.report = dk_report};

	assert_int_equal(cdx_store_commit(k->s), 0);
	assert_int_equal(cdx_vol_fsck(k->v, &f), 0);
	assert_int_equal(f.errors, 0);
}

/* Runs @fn in a child that then dies without closing anything. */
static inline void dk_crash(struct dk *k, void (*fn)(struct dk *k))
{
	int status;
	pid_t pid;

	assert_null(k->s);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dk_try_open(k) < 0)
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
#define DK_CHILD(cond)                                                   \
	do {                                                             \
		if (!(cond)) {                                           \
			(void)fprintf(stderr, "line %d: %s\n", __LINE__, \
				      #cond);                            \
			_exit(97);                                       \
		}                                                        \
	} while (0)

/* ---- files ---- */

static inline int dk_mk(struct dk *k, const char *name, uint64_t *ino)
{
	struct cdx_cred cred = {.umask = 022};
	struct cdx_attr a;
	int rc = cdx_vol_mknod(k->v, CDX_ROOT_INO, name, S_IFREG | 0644, 0,
			       &cred, &a);

	if (rc == 0)
		*ino = a.ino;
	return rc;
}

static inline uint64_t dk_file(struct dk *k, const char *name)
{
	uint64_t ino = 0;

	assert_int_equal(dk_mk(k, name, &ino), 0);
	return ino;
}

/* 0 when there is no such name */
static inline uint64_t dk_find(struct dk *k, const char *name)
{
	struct cdx_attr a;
	int rc = cdx_vol_lookup(k->v, CDX_ROOT_INO, name, &a);

	return rc < 0 ? 0 : a.ino;
}

static inline struct cdx_attr dk_attr(struct dk *k, uint64_t ino)
{
	struct cdx_attr a;

	memset(&a, 0, sizeof(a));
	assert_int_equal(cdx_vol_getattr(k->v, ino, &a), 0);
	return a;
}

static inline int dk_truncate(struct dk *k, uint64_t ino, uint64_t size)
{
	struct cdx_attr a = {.size = size};
	struct cdx_attr out;

	return cdx_vol_setattr(k->v, ino, &a, CDX_SET_SIZE, NULL, &out);
}

struct dk_got {
	uint8_t *out;
	size_t cap;
	ssize_t n;
	int calls;
};

static inline void dk_take(void *arg, const uint8_t *buf, ssize_t n)
{
	struct dk_got *g = arg;

	g->calls++;
	g->n = n;
	if (n > 0 && (size_t)n <= g->cap)
		memcpy(g->out, buf, (size_t)n);
}

static inline ssize_t dk_read(struct dk *k, uint64_t ino, uint64_t off,
			      void *out, size_t len)
{
	struct dk_got g = {.out = out, .cap = len};

	cdx_vol_read(k->v, ino, off, len, dk_take, &g);
	if (g.calls != 1 || (g.n > 0 && (size_t)g.n > len))
		return -EPROTO;
	return g.n;
}

static inline int dk_write(struct dk *k, uint64_t ino, uint64_t off,
			   const void *p, size_t len)
{
	return cdx_vol_write(k->v, ino, off, p, len, false);
}

/* Bytes that depend on their place and on @tag */
static inline void dk_fill(uint8_t *out, size_t len, uint64_t off, unsigned tag)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(((off + i) * 2654435761u >> 7) ^ (off + i) ^
				   tag * 37u);
}

/* A file in memory to compare with */
struct dk_model {
	uint64_t ino;
	uint8_t *p;
	size_t size;
	size_t cap;
};

static inline void dk_model_init(struct dk_model *m, uint64_t ino, size_t cap)
{
	m->ino = ino;
	m->size = 0;
	m->cap = cap;
	m->p = calloc(1, cap);
	assert_non_null(m->p);
}

static inline void dk_model_size(struct dk_model *m, size_t size)
{
	if (size < m->size)
		memset(m->p + size, 0, m->size - size);
	m->size = size;
}

static inline void dk_model_put(struct dk_model *m, size_t off, const void *p,
				size_t len)
{
	assert_true(off + len <= m->cap);
	memcpy(m->p + off, p, len);
	if (m->size < off + len)
		m->size = off + len;
}

static inline void dk_model_check(struct dk *k, const struct dk_model *m)
{
	const size_t step = 300000;
	uint8_t *buf = malloc(step);
	size_t off = 0;

	assert_non_null(buf);
	assert_int_equal(dk_attr(k, m->ino).size, m->size);
	while (off < m->size) {
		size_t want = m->size - off < step ? m->size - off : step;
		ssize_t n = dk_read(k, m->ino, off, buf, step);

		assert_int_equal(n, want);
		for (size_t i = 0; i < want; i++) {
			if (buf[i] == m->p[off + i])
				continue;
			print_error("offset %zu: %02x, should be %02x\n",
				    off + i, buf[i], m->p[off + i]);
			fail();
		}
		off += want;
	}
	free(buf);
}

static inline unsigned dk_extents(struct dk *k, uint64_t ino)
{
	struct cdx_extent x;
	uint8_t buf[2048];
	uint64_t off = 0;
	unsigned n = 0;

	while (cdx_extent_find(k->v, ino, off, &x, buf) == 0) {
		off = x.off + x.len;
		n++;
	}
	return n;
}

#endif
