/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/env_check.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "store/kv.h"

/* LMDB's two first pages say where everything is; its smallest page is 512
 * bytes, but ours come from machines whose pages have 4,096 at least. */
#define PAGES_MIN (2u * 4096u)

int cdx_env_check_length(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	return st.st_size < (off_t)PAGES_MIN ? CDX_E_CORRUPT : 0;
}

/* ---- in the child ---- */

/* The head of LMDB's pages (lmdb.h does not have it): page number, 2 bytes,
 * flags, then the bounds of the free space; for long values the two are one
 * number of pages. */
struct page {
	size_t number;
	uint16_t pad;
	uint16_t flags;
	uint16_t lower;
	uint16_t upper;
};
#define PAGE_HEAD (sizeof(size_t) + 8u)
#define PAGE_LEAF 2u
#define PAGE_LONG 4u

struct walk {
	MDB_txn *txn;
	size_t size;	/* of a page */
	size_t last;	/* number of the last page */
	uintptr_t base; /* where page 0 is mapped; 0: not known yet */
};

static struct page head_of(const struct walk *w, const void *in_page,
			   uintptr_t *at)
{
	struct page p;

	*at = (uintptr_t)in_page & ~(uintptr_t)(w->size - 1);
	memcpy(&p, (const void *)*at, PAGE_HEAD);
	return p;
}

static bool numbered(struct walk *w, const struct page *p, uintptr_t at)
{
	if (p->number > w->last)
		return false;
	if (w->base == 0)
		w->base = at - p->number * w->size;
	return at - p->number * w->size == w->base;
}

static bool value_fits(struct walk *w, const MDB_val *v, uintptr_t leaf)
{
	uintptr_t p = (uintptr_t)v->mv_data;
	uintptr_t at;
	struct page head;
	uint32_t pages;

	/* an empty value at a page's end points just behind it */
	if (v->mv_size == 0)
		return p >= leaf && p <= leaf + w->size;
	if (p >= leaf && p < leaf + w->size)
		return v->mv_size <= leaf + w->size - p;
	head = head_of(w, v->mv_data, &at);
	memcpy(&pages, &head.lower, sizeof(pages));
	return p == at + PAGE_HEAD && head.flags == PAGE_LONG &&
	       numbered(w, &head, at) && pages <= w->last - head.number + 1 &&
	       v->mv_size <= pages * w->size - PAGE_HEAD;
}

/* Key and value lie where a leaf may have them. */
static bool entry_fits(struct walk *w, const MDB_val *k, const MDB_val *v)
{
	uintptr_t p = (uintptr_t)k->mv_data;
	uintptr_t at;
	struct page head = head_of(w, k->mv_data, &at);

	return head.flags == PAGE_LEAF && numbered(w, &head, at) &&
	       head.lower >= PAGE_HEAD && head.lower <= head.upper &&
	       head.upper <= w->size && p >= at + head.upper &&
	       k->mv_size <= at + w->size - p && value_fits(w, v, at);
}

/* Every entry in its place, in order, and found by its key */
static int read_table(struct walk *w, MDB_dbi dbi)
{
	MDB_cursor *cur = NULL;
	MDB_val before = {0};
	MDB_val k;
	MDB_val v;
	MDB_val found;
	MDB_stat st;
	size_t n = 0;
	int rc = mdb_stat(w->txn, dbi, &st);

	if (!rc)
		rc = mdb_cursor_open(w->txn, dbi, &cur);
	if (rc)
		return rc;
	while ((rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		if (n++ >= st.ms_entries || !entry_fits(w, &k, &v) ||
		    (before.mv_data && mdb_cmp(w->txn, dbi, &before, &k) >= 0))
			return MDB_CORRUPTED;
		if (dbi > 0 && (mdb_get(w->txn, dbi, &k, &found) != 0 ||
				found.mv_data != v.mv_data))
			return MDB_CORRUPTED;
		before = k;
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND && n == st.ms_entries ? 0 : MDB_CORRUPTED;
}

/* The free pages (table 0), the names, then each table */
static int read_tables(struct walk *w)
{
	MDB_dbi names;
	MDB_dbi dbi;
	MDB_cursor *cur = NULL;
	MDB_val k;
	MDB_val v;
	char name[64];
	int rc = mdb_dbi_open(w->txn, NULL, 0, &names);

	if (!rc)
		rc = read_table(w, 0);
	if (!rc)
		rc = read_table(w, names);
	if (!rc)
		rc = mdb_cursor_open(w->txn, names, &cur);
	while (!rc && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size >= sizeof(name))
			return MDB_CORRUPTED;
		memcpy(name, k.mv_data, k.mv_size);
		name[k.mv_size] = '\0';
		rc = mdb_dbi_open(w->txn, name, 0, &dbi);
		if (!rc)
			rc = read_table(w, dbi);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int read_all(const char *path)
{
	struct walk w = {0};
	MDB_envinfo info;
	MDB_stat st;
	MDB_env *mdb;
	int rc = mdb_env_create(&mdb);

	if (!rc)
		rc = mdb_env_set_maxdbs(mdb, CDX_DBS);
	if (!rc)
		rc = mdb_env_open(mdb, path,
				  MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0);
	if (!rc)
		rc = mdb_env_stat(mdb, &st);
	if (!rc)
		rc = mdb_env_info(mdb, &info);
	if (!rc)
		rc = mdb_txn_begin(mdb, NULL, MDB_RDONLY, &w.txn);
	if (rc)
		return rc;
	w.size = st.ms_psize;
	w.last = info.me_last_pgno;
	return read_tables(&w);
}

static _Noreturn void child(const char *path)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	const struct rlimit none = {0, 0};

	/* it may well die: without a core file, and without a report */
	(void)setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		(void)signal(deadly[i], SIG_DFL);
	(void)close(STDERR_FILENO);
	_exit(read_all(path) == 0 ? 0 : 1);
}

/* ---- in the parent ---- */

int cdx_env_check_pages(const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(path);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0
							     : CDX_E_CORRUPT;
}

int cdx_env_fit(MDB_env *mdb, const char *path, bool verify)
{
	MDB_envinfo info;
	struct stat st;
	MDB_stat pages;
	uint64_t want;
	int r = 0;
	int fd;

	if (mdb_env_get_fd(mdb, &fd) || mdb_env_info(mdb, &info) ||
	    mdb_env_stat(mdb, &pages))
		return -EIO;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (info.me_last_pgno >= (uint64_t)INT64_MAX / pages.ms_psize - 1)
		return CDX_E_CORRUPT;
	want = ((uint64_t)info.me_last_pgno + 1) * pages.ms_psize;
	if (want <= (uint64_t)st.st_size)
		return 0;
	if (ftruncate(fd, (off_t)want) < 0)
		return errno == EFBIG ? CDX_E_CORRUPT : -errno;
	if (verify)
		r = cdx_env_check_pages(path);
	if (r < 0)
		(void)!ftruncate(fd, st.st_size);
	return r;
}
