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

static int read_table(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *cur;
	MDB_val k;
	MDB_val v;
	volatile uint8_t sink = 0;
	int rc = mdb_cursor_open(txn, dbi, &cur);

	if (rc)
		return rc;
	while ((rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		const uint8_t *p = v.mv_data;

		/* a long value has pages of its own */
		for (size_t i = 0; i < v.mv_size; i += 4096)
			sink ^= p[i];
		if (v.mv_size > 0)
			sink ^= p[v.mv_size - 1];
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The free pages (table 0), the names (table 1), then each table */
static int read_tables(MDB_txn *txn)
{
	MDB_dbi main_dbi;
	MDB_dbi dbi;
	MDB_cursor *cur;
	MDB_val k;
	MDB_val v;
	char name[64];
	int rc = mdb_dbi_open(txn, NULL, 0, &main_dbi);

	if (!rc)
		rc = read_table(txn, 0);
	if (!rc)
		rc = mdb_cursor_open(txn, main_dbi, &cur);
	while (!rc && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size >= sizeof(name))
			return MDB_CORRUPTED;
		memcpy(name, k.mv_data, k.mv_size);
		name[k.mv_size] = '\0';
		rc = mdb_dbi_open(txn, name, 0, &dbi);
		if (!rc)
			rc = read_table(txn, dbi);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int read_all(const char *path)
{
	MDB_env *mdb;
	MDB_txn *txn;
	int rc = mdb_env_create(&mdb);

	if (!rc)
		rc = mdb_env_set_maxdbs(mdb, CDX_DBS);
	if (!rc)
		rc = mdb_env_open(mdb, path,
				  MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0);
	if (!rc)
		rc = mdb_txn_begin(mdb, NULL, MDB_RDONLY, &txn);
	return rc ? rc : read_tables(txn);
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
