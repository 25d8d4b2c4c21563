/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codexfs/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "erasure/codec.h"

#define PROGRESS_NS UINT64_C(200000000)

char *dataset_path(const char *cid, const char *fmt, ...)
{
	char *arg = cdx_client_escape(cid);
	char *rest = NULL;
	char *path = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&rest, fmt, ap);
	va_end(ap);
	if (n < 0)
		rest = NULL;
	if (arg == NULL || rest == NULL ||
	    asprintf(&path, "/control/v1/datasets/%s%s", arg, rest) < 0)
		path = NULL;
	free(arg);
	free(rest);
	return path;
}

static void put_text(struct cdx_buf *b, const char *text)
{
	cdx_buf_put(b, text, strlen(text));
}

void dataset_code_query(struct cdx_buf *b, const struct dataset_args *a)
{
	char part[64];

	if (a->code.has_k) {
		snprintf(part, sizeof(part), "&data=%u", a->code.k);
		put_text(b, part);
	}
	if (a->code.has_m) {
		snprintf(part, sizeof(part), "&parity=%u", a->code.m);
		put_text(b, part);
	}
	if (a->code.has_codec) {
		snprintf(part, sizeof(part), "&codec=%s",
			 cdx_ec_name(a->code.codec));
		put_text(b, part);
	}
	if (a->cell_size != 0) {
		snprintf(part, sizeof(part), "&cellSize=%llu",
			 (unsigned long long)a->cell_size);
		put_text(b, part);
	}
}

void dataset_slots_text(char out[128], uint32_t slots)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < 32; i++)
		if ((slots >> i & 1) != 0)
			len += (size_t)snprintf(out + len, 128 - len, "%s%u",
						len == 0 ? "" : ",", i);
}

int dataset_ask(struct cdx_client *c, json_t **out, const char *method,
		char *path)
{
	int rc;

	*out = NULL;
	if (path == NULL)
		return -ENOMEM;
	rc = cdx_client_json(c, out, method, path);
	free(path);
	return rc;
}

int dataset_do_protect(struct cdx_client *c, const struct dataset_args *a,
		       const char *cid, json_t **out)
{
	struct cdx_buf query = {0};
	char *path = NULL;
	int rc;

	*out = NULL;
	dataset_code_query(&query, a);
	cdx_buf_u8(&query, 0);
	rc = cdx_buf_ok(&query);
	if (rc == 0)
		path = dataset_path(cid, "/protect?%s",
				    query.p[0] == '&' ? (char *)query.p + 1
						      : "");
	cdx_buf_free(&query);
	if (path == NULL)
		return -ENOMEM;
	rc = cdx_client_lines(c, out, "POST", path, cli_on_progress, NULL);
	cli_progress_end();
	free(path);
	return rc;
}

/* ---- streams ---- */

void dataset_stream_progress(struct dataset_stream *s, size_t n)
{
	uint64_t now = cdx_clock_mono_ns();

	s->done += n;
	if (now - s->last_ns < PROGRESS_NS)
		return;
	s->last_ns = now;
	cli_progress(s->phase, s->done, s->total, true);
}

ssize_t dataset_stream_read(void *arg, void *out, size_t cap)
{
	struct dataset_stream *s = arg;
	ssize_t n;

	do {
		n = read(s->fd, out, cap);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	dataset_stream_progress(s, (size_t)n);
	return n;
}

int dataset_stream_write(void *arg, int status, const void *p, size_t len)
{
	struct dataset_stream *s = arg;
	int rc;

	s->status = status;
	if (status != 200) {
		cdx_buf_put(&s->error, p, len);
		return cdx_buf_ok(&s->error);
	}
	rc = cdx_write_full(s->fd, p, len);
	if (rc == 0)
		dataset_stream_progress(s, len);
	return rc;
}
