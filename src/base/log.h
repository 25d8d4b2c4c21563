/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_LOG_H
#define CDX_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"

enum cdx_log_level {
	CDX_LOG_ERROR, /* the operator must act */
	CDX_LOG_WARN,
	CDX_LOG_INFO, /* a change of state */
	CDX_LOG_DEBUG,
	CDX_LOG_TRACE,
};

/* Where a line goes.  CDX_LOG_TO_JOURNAL uses sd_journal when it was built in
 * and the socket is there, else syslog(3). */
enum cdx_log_target {
	CDX_LOG_TO_NONE,
	CDX_LOG_TO_STDERR,
	CDX_LOG_TO_JOURNAL,
};

/* A log sink.  immutable after cdx_log_init but for its level; lines are written
 * whole.  A NULL sink is silent. */
struct cdx_log {
	_Atomic enum cdx_log_level level; /* cdx_log_set_level */
	enum cdx_log_target target;
	bool prefixed; /* stderr is a journal stream: lines begin "<N>" */
};

/**
 * cdx_log_init - set up a sink
 *
 * @log:    out, caller's memory
 * @target: where lines go
 * @level:  lines above this level are dropped
 */
void cdx_log_init(struct cdx_log *log, enum cdx_log_target target,
		  enum cdx_log_level level);

/* Lines above this level are dropped from now on.  Thread: safe. */
void cdx_log_set_level(struct cdx_log *log, enum cdx_log_level level);

/**
 * cdx_log_write - write one line; use the cdx_log macro
 *
 * @log:    sink, borrowed; NULL is silent
 * @level:  severity
 * @subsys: short module name, e.g. "store"
 * @fmt:    printf format, no newline; never give it a key
 *
 * Keeps errno.  Control bytes in the text are escaped.  Thread: safe.
 */
void cdx_log_write(const struct cdx_log *log, enum cdx_log_level level,
		   const char *subsys, const char *fmt, ...) CDX_PRINTF(4, 5);

/**
 * cdx_log_level_parse - name of a level to its number
 *
 * @name: "error", "warn", "info", "debug" or "trace"
 *
 * Returns the level or -EINVAL.
 */
CDX_MUST_CHECK int cdx_log_level_parse(const char *name);

#define cdx_log(log, lvl, subsys, ...) \
	cdx_log_write((log), CDX_LOG_##lvl, (subsys), __VA_ARGS__)

#endif
