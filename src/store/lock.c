/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

#define NAME "lock"
#define TEXT_MAX 256

/* Command line of this process, arguments separated by blanks */
static void command(char *out, size_t cap)
{
	ssize_t n = -1;
	ssize_t i;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, out, cap - 1);
		(void)close(fd);
	}
	if (n < 0)
		n = 0;
	while (n > 0 && out[n - 1] == '\0')
		n--;
	out[n] = '\0';
	for (i = 0; i < n; i++) {
		if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
			out[i] = ' ';
	}
}

static void name_holder(int fd)
{
	char text[TEXT_MAX];
	char cmd[TEXT_MAX - 64];
	int n;

	command(cmd, sizeof(cmd));
	n = snprintf(text, sizeof(text), "process %ld (%s)", (long)getpid(),
		     cmd);
	/* only a courtesy to whoever comes second */
	if (n > 0 && ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text,
			      (size_t)n < sizeof(text) ? (size_t)n
						       : sizeof(text) - 1,
			      0);
}

static void read_holder(int fd, char *out, size_t cap)
{
	ssize_t n;

	if (!out || cap == 0)
		return;
	n = pread(fd, out, cap - 1, 0);
	if (n > 0)
		out[n] = '\0';
	else
		(void)snprintf(out, cap, "another process");
}

int cdx_lock_take(int *out, int dirfd, char *holder, size_t holder_len)
{
	int fd = openat(dirfd, NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int err;

	if (fd < 0 && errno == EROFS)
		fd = openat(dirfd, NAME, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = errno;
		if (err == EWOULDBLOCK)
			read_holder(fd, holder, holder_len);
		(void)close(fd);
		return err == EWOULDBLOCK ? CDX_E_LOCKED : -err;
	}
	name_holder(fd);
	*out = fd;
	return 0;
}

void cdx_lock_drop(int *fd)
{
	if (*fd < 0)
		return;
	(void)!ftruncate(*fd, 0);
	cdx_close(fd);
}
