/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"

static int wait_for_child(pid_t pid, int fd, const char *what)
{
	char text[CDX_NODE_ERROR_MAX] = "";
	size_t len = 0;
	ssize_t n;
	int status = 0;

	while (len < sizeof(text) - 1 &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	/* "+": ready.  "-text": failed.  Nothing: it died. */
	if (text[0] == '+')
		return 0;
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		cli_error("the %s process died of signal %d", what,
			  WTERMSIG(status));
	else if (text[0] == '-')
		cli_error("%s", text + 1);
	else
		cli_error("the %s process ended", what);
	return WIFEXITED(status) && WEXITSTATUS(status) != 0
		       ? WEXITSTATUS(status)
		       : 1;
}

/* Opened by the parent, whose folder and terminal are the user's */
static int open_log(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		cli_error("cannot write the log %s: %s", file, strerror(errno));
	return fd;
}

int daemon_start(struct cdx_log *log, const char *file, const char *what,
		 daemon_fn *fn, void *arg)
{
	CDX_CLEANUP(cdx_closep) int log_fd = -1;
	int fds[2];
	pid_t pid;
	int rc;

	if (file != NULL && (log_fd = open_log(file)) < 0)
		return 1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return cdx_err_exit(-errno);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		cli_error("cannot fork: %s", strerror(errno));
		return 1;
	}
	if (pid > 0) {
		close(fds[1]);
		rc = wait_for_child(pid, fds[0], what);
		close(fds[0]);
		return rc;
	}
	close(fds[0]);
	setsid();
	if (chdir("/") < 0)
		_exit(1);
	if (log_fd >= 0)
		dup2(log_fd, STDERR_FILENO);
	cdx_log_init(log, log_fd >= 0 ? CDX_LOG_TO_STDERR : CDX_LOG_TO_JOURNAL,
		     log->level);
	exit(fn(arg, fds[1]));
}

void daemon_tell(int *ready_fd, char sign, const char *text)
{
	if (*ready_fd < 0) {
		if (sign == '-')
			cli_error("%s", text);
		return;
	}
	if (cdx_write_full(*ready_fd, &sign, 1) == 0)
		(void)!cdx_write_full(*ready_fd, text, strlen(text));
	cdx_close(ready_fd);
}

void daemon_drop_terminal(bool keep_stderr)
{
	CDX_CLEANUP(cdx_closep) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	if (!keep_stderr)
		dup2(fd, STDERR_FILENO);
}
