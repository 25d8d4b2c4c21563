/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-journal.h>
#endif

/* Longest text of one line; what is longer ends in "..." */
#define TEXT_MAX 1024u
/* every byte may become a four-byte escape */
#define LINE_MAX_LEN (4u * TEXT_MAX + 64u)

static const struct {
	const char *name;
	int priority; /* of syslog(3) */
} levels[] = {
	[CDX_LOG_ERROR] = {"error", LOG_ERR},
	[CDX_LOG_WARN] = {"warn", LOG_WARNING},
	[CDX_LOG_INFO] = {"info", LOG_INFO},
	[CDX_LOG_DEBUG] = {"debug", LOG_DEBUG},
	[CDX_LOG_TRACE] = {"trace", LOG_DEBUG},
};

/* systemd names the device and inode of the stream that it connected to the
 * journal; descriptor 2 may have been redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = secure_getenv("JOURNAL_STREAM");
	char *end;
	uint64_t dev;
	uint64_t ino;
	struct stat st;

	if (!stream)
		return false;
	dev = strtoull(stream, &end, 10);
	if (end == stream || *end != ':')
		return false;
	ino = strtoull(end + 1, &end, 10);
	if (*end)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && (uint64_t)st.st_dev == dev &&
	       (uint64_t)st.st_ino == ino;
}

void cdx_log_init(struct cdx_log *log, enum cdx_log_target target,
		  enum cdx_log_level level)
{
	atomic_init(&log->level, level);
	log->target = target;
	log->prefixed = target == CDX_LOG_TO_STDERR && stderr_is_journal();
}

void cdx_log_set_level(struct cdx_log *log, enum cdx_log_level level)
{
	atomic_store_explicit(&log->level, level, memory_order_relaxed);
}

/* Appends @text at @out with control bytes as \xNN, so that a file name
 * cannot forge a line or move the cursor.  Returns the new end. */
static char *put_escaped(char *out, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c != 0x7f) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	return out;
}

static void to_stderr(const struct cdx_log *log, enum cdx_log_level level,
		      const char *subsys, const char *text)
{
	char line[LINE_MAX_LEN];
	int n;
	char *end;

	if (log->prefixed)
		n = snprintf(line, sizeof(line),
			     "<%d>%.16s: ", levels[level].priority, subsys);
	else
		n = snprintf(line, sizeof(line),
			     "codexfs: %s %.16s: ", levels[level].name, subsys);
	if (n < 0)
		return;
	end = put_escaped(line + n, text);
	*end++ = '\n';
	/* one call, so that lines of several threads do not mix; there is
	 * nobody to tell when it fails */
	if (write(STDERR_FILENO, line, (size_t)(end - line)) < 0)
		return;
}

static void to_journal(enum cdx_log_level level, const char *subsys,
		       const char *text)
{
	char line[LINE_MAX_LEN];

	*put_escaped(line, text) = '\0';
#ifdef HAVE_SYSTEMD
	/* the library succeeds silently where no journal runs */
	if (access("/run/systemd/journal/socket", F_OK) == 0) {
		(void)sd_journal_send("MESSAGE=%s: %s", subsys, line,
				      "PRIORITY=%i", levels[level].priority,
				      "SYSLOG_IDENTIFIER=codexfs",
				      "CODEXFS_SUBSYSTEM=%s", subsys, NULL);
		return;
	}
#endif
	syslog(LOG_DAEMON | levels[level].priority, "%s: %s", subsys, line);
}

void cdx_log_write(const struct cdx_log *log, enum cdx_log_level level,
		   const char *subsys, const char *fmt, ...)
{
	char text[TEXT_MAX];
	int keep = errno;
	int n;
	va_list ap;

	if (!log || log->target == CDX_LOG_TO_NONE ||
	    level > atomic_load_explicit(&log->level, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	if (log->target == CDX_LOG_TO_STDERR)
		to_stderr(log, level, subsys, text);
	else
		to_journal(level, subsys, text);
	errno = keep;
}

int cdx_log_level_parse(const char *name)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(levels); i++) {
		if (strcmp(name, levels[i].name) == 0)
			return (int)i;
	}
	return -EINVAL;
}
