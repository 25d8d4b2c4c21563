/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/umount.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"

static const char help[] =
	"Usage: codexfs umount [options] MNT|STORE\n\n"
	"Unmounts and waits until everything is on disk and the store is free.\n"
	"Ends the node that has STORE, where that is not mounted.\n\n"
	"  -l, --lazy            detach now even when files are open; the\n"
	"                        process ends with the last of them\n" CLI_COMMON_HELP;

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"lazy", no_argument, NULL, 'l'},
	{0},
};

static int run_fusermount(const char *path, bool lazy)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", lazy ? "-uz" : "-u", "--",
		       path, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

/* Tools that look at every mount (df, an indexer) keep one busy for a moment:
 * only who stays is worth a message. */
#define BUSY_TRIES 20
#define BUSY_PAUSE_NS 50000000

int umount_path(const char *path, bool lazy)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
	int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
	int tries;

	for (tries = 0; umount2(path, flags) < 0; tries++) {
		if (errno == EPERM)
			return run_fusermount(path, lazy);
		if (errno != EBUSY || tries == BUSY_TRIES)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Waits for the end of the process that has the store. */
static int wait_free(const char *store)
{
	CDX_CLEANUP(cdx_freep) char *path = NULL;
	CDX_CLEANUP(cdx_closep) int fd = -1;
	uint64_t start = cdx_clock_mono_ns();
	struct timespec pause = {.tv_nsec = 20000000};

	if (asprintf(&path, "%s/lock", store) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* not ours to read: nothing to wait on */
	while (flock(fd, LOCK_SH | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		cli_progress("writing what is left, seconds",
			     (cdx_clock_mono_ns() - start) / 1000000000, 0,
			     false);
		nanosleep(&pause, NULL);
	}
	cli_progress_end();
	return 0;
}

/* A node has no mount to be ended by: it is asked who it is, and told to end. */
static int end_node(struct cli_common *common, const char *store)
{
	struct cdx_client c;
	json_t *j = NULL;
	json_int_t pid = 0;
	int status = cli_client(&c, common, store);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_client_json(&c, &j, "GET", "/control/v1/status");
	if (rc == 0)
		pid = json_integer_value(json_object_get(j, "pid"));
	if (rc == 0 && (c.socket == NULL || pid <= 1))
		rc = -ENOENT;
	if (rc == 0 && kill((pid_t)pid, SIGTERM) < 0)
		rc = -errno;
	if (rc == 0)
		rc = wait_free(store);
	status = rc < 0 ? cli_fail("end the node", rc, j) : 0;
	json_decref(j);
	return cli_client_close(&c, status);
}

static int run(struct cli_common *common, const char *mnt, bool lazy)
{
	CDX_CLEANUP(cdx_freep) char *full = realpath(mnt, NULL);
	CDX_CLEANUP(cdx_freep) char *source = NULL;
	const char *path = full != NULL ? full : mnt;
	int rc;

	source = cdx_client_source(path);
	if (source == NULL && full != NULL && cdx_client_locked(full) &&
	    !cdx_client_mounted(full))
		return end_node(common, full);
	if (source == NULL) {
		cli_error("%s is not a codexfs mount", mnt);
		return cdx_err_exit(-ENOENT);
	}
	rc = umount_path(path, lazy);
	if (rc == -EBUSY) {
		cli_error("%s is busy: a program has a file or its working "
			  "directory there (see: fuser -vm %s)",
			  mnt, mnt);
		return cdx_err_exit(rc);
	}
	if (rc == 0 && !lazy)
		rc = wait_free(source);
	if (rc < 0)
		cli_error("cannot unmount %s: %s", mnt, cdx_strerror(rc));
	return cdx_err_exit(rc);
}

int verb_umount(int argc, char **argv)
{
	struct cli_common common;
	bool lazy = false;
	int opt;

	cli_common_init(&common);
	while ((opt = getopt_long(argc, argv, "hl", options, NULL)) != -1) {
		if (opt == 'l')
			lazy = true;
		else
			(void)cli_common_option(&common, opt, help);
	}
	if (optind + 1 != argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	return run(&common, argv[optind], lazy);
}
