/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_DAEMON_H
#define CDX_CODEXFS_DAEMON_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/log.h"

/* A process that is left in the background: the child works, the parent waits
 * for its word and goes. */

/* The work; @ready_fd: for daemon_tell.  The exit status. */
typedef int daemon_fn(void *arg, int ready_fd);
/**
 * daemon_start - fork, and wait until the child says that it is ready
 *
 * @log:  of the child: from now on the journal's, or @file's
 * @file: which the log is appended to; NULL: none
 * @what: the process, for messages: "mount"
 *
 * The parent gets the exit status: 0 the child is ready.  The child does not
 * return.  Call it before there are threads.
 */
CDX_MUST_CHECK int daemon_start(struct cdx_log *log, const char *file,
				const char *what, daemon_fn *fn, void *arg);
/* Once: '+' it is ready, or '-' and @text why it will not be.  Closes
 * *@ready_fd; where that is -1 (in the foreground) failures go to stderr. */
void daemon_tell(int *ready_fd, char sign, const char *text);
/* The terminal is not ours any more.  @keep_stderr: that is a log's file. */
void daemon_drop_terminal(bool keep_stderr);

#endif
