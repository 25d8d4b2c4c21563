/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_KILL_KIT_H
#define CDX_TESTS_UNIT_KILL_KIT_H

/* kill -9 of a child that works until then.  Include after cmocka.h. */

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Between a child and its parent: that it has got to work */
static int kill_pipe[2];

/* 0 in the child, which does not return from what it does */
static inline pid_t kill_fork(void)
{
	pid_t pid;

	(void)fflush(NULL);
	assert_int_equal(pipe(kill_pipe), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid != 0)
		(void)close(kill_pipe[1]);
	return pid;
}

/* In the child, once */
static inline void kill_works(void)
{
	if (write(kill_pipe[1], "", 1) != 1)
		_exit(95);
}

/* A busy machine takes long to get there.  Returns early when the child has ended. */
static inline void kill_wait(void)
{
	char c;

	(void)!read(kill_pipe[0], &c, 1);
}

/* After so long; it must not have ended by itself. */
static inline void kill_after(pid_t pid, long us)
{
	const struct timespec ts = {us / 1000000, us % 1000000 * 1000};
	int status;

	(void)nanosleep(&ts, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(kill_pipe[0]);
	if (WIFEXITED(status))
		print_error("child: %d\n", WEXITSTATUS(status));
	assert_true(WIFSIGNALED(status));
}

#endif
