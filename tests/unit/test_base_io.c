/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

struct dir {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	if (!d)
		return -1;
	(void)snprintf(d->path, sizeof(d->path), "/tmp/cdx-test-io.XXXXXX");
	if (!mkdtemp(d->path))
		return -1;
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = d;
	return d->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct dir *d = *state;
	int err;

	(void)unlinkat(d->fd, "a", 0);
	(void)unlinkat(d->fd, "sub", AT_REMOVEDIR);
	cdx_close(&d->fd);
	/* fails when a temporary file was left */
	err = rmdir(d->path);
	free(d);
	return err;
}

static void test_full(void **state)
{
	struct dir *d = *state;
	CDX_CLEANUP(cdx_closep) int fd = -1;
	char buf[8] = "";

	fd = openat(d->fd, "a", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(cdx_write_full(fd, "0123456789", 10), 0);
	assert_int_equal(cdx_pwrite_full(fd, "ab", 2, 4), 0);
	assert_int_equal(cdx_pread_full(fd, buf, 7, 3), 0);
	assert_memory_equal(buf, "3ab6789", 7);
	assert_int_equal(cdx_pread_full(fd, buf, 7, 4), -ENODATA);
	assert_int_equal(cdx_pread_full(fd, buf, 0, 100), 0);
	assert_int_equal(cdx_pread_full(-1, buf, 1, 0), -EBADF);
	assert_int_equal(cdx_pwrite_full(-1, buf, 1, 0), -EBADF);
	assert_int_equal(cdx_write_full(-1, buf, 1), -EBADF);
}

static void test_replace(void **state)
{
	struct dir *d = *state;
	struct stat st;
	char buf[8];
	mode_t mask = umask(0777);

	assert_int_equal(cdx_file_replace(d->fd, "a", "one", 3, 0640), 0);
	umask(mask);
	assert_int_equal(fstatat(d->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(cdx_file_read(d->fd, "a", buf, 8), 3);
	assert_memory_equal(buf, "one", 3);
	assert_int_equal(cdx_file_read(d->fd, "a", buf, 3), 3);
	assert_int_equal(cdx_file_read(d->fd, "a", buf, 2), -EFBIG);
	assert_int_equal(cdx_file_replace(d->fd, "a", "", 0, 0600), 0);
	assert_int_equal(cdx_file_read(d->fd, "a", buf, 0), 0);
	assert_int_equal(cdx_file_read(d->fd, "b", buf, 8), -ENOENT);
	assert_int_equal(cdx_file_replace(d->fd, "x/y", "", 0, 0600), -EINVAL);
	assert_int_equal(cdx_file_replace(d->fd, "", "", 0, 0600), -EINVAL);
	/* a rename that fails leaves nothing behind: see teardown */
	assert_int_equal(mkdirat(d->fd, "sub", 0700), 0);
	assert_int_equal(cdx_file_replace(d->fd, "sub", "", 0, 0600), -EISDIR);
}

static void test_cleanup(void **state)
{
	int fd = dup(0);
	int raw = fd;
	char *p = malloc(4);

	(void)state;
	errno = EDOM;
	cdx_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(raw, F_GETFD), -1);
	errno = EDOM;
	cdx_close(&fd);
	cdx_freep(&p);
	assert_int_equal(errno, EDOM);
	p = NULL;
	cdx_freep(&p);
}

static void test_err(void **state)
{
	(void)state;
	assert_string_equal(cdx_strerror(0), "success");
	assert_string_equal(cdx_strerror(-ENOENT), strerror(ENOENT));
	assert_string_equal(cdx_strerror(CDX_E_AUTH),
			    "wrong password, key or words");
	assert_string_equal(cdx_strerror(-4095), "unknown error");
	assert_string_equal(cdx_strerror(-99999), "unknown error");
	for (int e = CDX_E_CHAIN; e < 0; e++) {
		assert_non_null(cdx_strerror(e));
		assert_in_range(cdx_err_errno(e), 1, 4095);
		assert_in_range(cdx_err_http(e), 400, 599);
		assert_in_range(cdx_err_exit(e), 1, 7);
	}
	/* every cause of ours has a text of its own */
	for (int e = CDX_E_CHAIN; e <= CDX_E_HASH; e++)
		assert_string_not_equal(cdx_strerror(e), "unknown error");
	assert_int_equal(cdx_err_errno(0), 0);
	assert_int_equal(cdx_err_errno(-ENOENT), ENOENT);
	assert_int_equal(cdx_err_errno(CDX_E_QUOTA), ENOSPC);
	assert_int_equal(cdx_err_errno(CDX_E_HASH), EIO);
	assert_int_equal(cdx_err_errno(CDX_E_CORRUPT), EIO);
	assert_int_equal(cdx_err_http(5), 200);
	assert_int_equal(cdx_err_http(-ENOENT), 404);
	assert_int_equal(cdx_err_exit(7), 0);
	assert_int_equal(cdx_err_exit(-EIO), 1);
	assert_int_equal(cdx_err_exit(-EINVAL), 2);
	assert_int_equal(cdx_err_exit(-ENOENT), 3);
	assert_int_equal(cdx_err_exit(CDX_E_CORRUPT), 4);
	assert_int_equal(cdx_err_exit(CDX_E_LOCKED), 5);
	assert_int_equal(cdx_err_exit(-ENOSPC), 6);
	assert_int_equal(cdx_err_exit(CDX_E_AUTH), 7);
}

/* Runs @fn with descriptor 2 going to the file "a"; gives its text. */
static void capture(struct dir *d, void (*fn)(void), char *out, size_t cap)
{
	int keep = dup(2);
	CDX_CLEANUP(cdx_closep)
	int fd = openat(d->fd, "a", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			0600);
	ssize_t n;

	assert_true(keep >= 0 && fd >= 0);
	assert_int_equal(dup2(fd, 2), 2);
	fn();
	assert_int_equal(dup2(keep, 2), 2);
	close(keep);
	n = pread(fd, out, cap - 1, 0);
	assert_true(n >= 0);
	out[n] = '\0';
}

static void log_some(void)
{
	struct cdx_log log;

	cdx_log_init(&log, CDX_LOG_TO_STDERR, CDX_LOG_INFO);
	errno = EDOM;
	cdx_log(&log, INFO, "store", "name %s is %d", "a\nb\x1b[0m\x7f", 7);
	if (errno != EDOM)
		cdx_log(&log, ERROR, "test", "errno was lost");
	cdx_log(&log, DEBUG, "store", "not this");
	cdx_log(NULL, ERROR, "store", "nor this");
	cdx_log_init(&log, CDX_LOG_TO_NONE, CDX_LOG_TRACE);
	cdx_log(&log, ERROR, "store", "nor this");
}

static void log_journal_stream(void)
{
	struct cdx_log log;
	struct stat st;
	char stream[64];

	if (fstat(2, &st) != 0)
		return;
	(void)snprintf(stream, sizeof(stream), "%llu:%llu",
		       (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	cdx_log_init(&log, CDX_LOG_TO_STDERR, CDX_LOG_INFO);
	cdx_log(&log, WARN, "store", "x");
	/* a stream that descriptor 2 no longer is */
	(void)setenv("JOURNAL_STREAM", "1:2", 1);
	cdx_log_init(&log, CDX_LOG_TO_STDERR, CDX_LOG_INFO);
	cdx_log(&log, WARN, "store", "y");
	(void)unsetenv("JOURNAL_STREAM");
}

static void log_long(void)
{
	struct cdx_log log;
	char text[5000];

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cdx_log_init(&log, CDX_LOG_TO_STDERR, CDX_LOG_TRACE);
	cdx_log(&log, TRACE, "a-subsystem-with-a-very-long-name", "%s", text);
}

static void test_log(void **state)
{
	struct dir *d = *state;
	char text[8192];
	size_t len;

	(void)unsetenv("JOURNAL_STREAM");
	capture(d, log_some, text, sizeof(text));
	assert_string_equal(text, "codexfs: info store: "
				  "name a\\x0ab\\x1b[0m\\x7f is 7\n");
	capture(d, log_journal_stream, text, sizeof(text));
	assert_string_equal(text, "<4>store: x\ncodexfs: warn store: y\n");
	capture(d, log_long, text, sizeof(text));
	len = strlen(text);
	assert_in_range(len, 4000, 4200);
	assert_string_equal(text + len - 8, "\\x01...\n");
	assert_int_equal(cdx_log_level_parse("warn"), CDX_LOG_WARN);
	assert_int_equal(cdx_log_level_parse("trace"), CDX_LOG_TRACE);
	assert_int_equal(cdx_log_level_parse("Warn"), -EINVAL);
	assert_int_equal(cdx_log_level_parse(""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test(test_cleanup),
		cmocka_unit_test(test_err),
		cmocka_unit_test_setup_teardown(test_log, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
