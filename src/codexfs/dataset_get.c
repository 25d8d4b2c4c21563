/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "codexfs/dataset.h"

/* What the process has had from others since it began */
struct had {
	json_int_t bytes;
	json_int_t degraded;
};

static void look(struct cdx_client *c, struct had *out)
{
	json_t *j = NULL;
	const json_t *e;

	memset(out, 0, sizeof(*out));
	if (cdx_client_json(c, &j, "GET", "/control/v1/status") == 0) {
		e = json_object_get(json_object_get(j, "node"), "exchange");
		out->bytes =
			json_integer_value(json_object_get(e, "bytesReceived"));
		out->degraded =
			json_integer_value(json_object_get(e, "degraded"));
	}
	json_decref(j);
}

/* Where it came from, as far as nobody else fetched at the time */
static void tell_sources(struct cdx_client *c, const struct had *before,
			 uint64_t size)
{
	struct had now;
	char all[32];
	char from[32];

	look(c, &now);
	cli_bytes(all, size);
	cli_bytes(from, (uint64_t)(now.bytes - before->bytes));
	fprintf(stderr, "%s, %s of it from others", all, from);
	if (now.degraded > before->degraded)
		fprintf(stderr, ", %lld blocks made from others",
			(long long)(now.degraded - before->degraded));
	fputc('\n', stderr);
}

/* Size of the dataset, to know that all of it came: of one that is here, or
 * that others have */
static int expected_size(struct cdx_client *c, const char *cid, uint64_t *size,
			 json_t **answer)
{
	int rc = dataset_ask(c, answer, "GET", dataset_path(cid, "%s", ""));

	if (rc == -ENOENT && c->socket != NULL) {
		json_decref(*answer);
		cli_progress("searching", 0, 0, false);
		rc = dataset_ask(c, answer, "GET", dataset_path(cid, "/open"));
		cli_progress_end();
	}
	if (rc == 0)
		*size = (uint64_t)json_integer_value(
			json_object_get(*answer, "size"));
	return rc;
}

/* The bytes; what went wrong is in @answer too */
static int fetch(struct cdx_client *c, struct dataset_stream *s,
		 const char *cid, json_t **answer)
{
	char *path = dataset_path(cid, "/data");
	struct cdx_request req = {
		.method = "GET",
		.path = path,
		.write = dataset_stream_write,
		.arg = s,
	};
	int rc = path == NULL ? -ENOMEM : cdx_client_request(c, &req);

	cli_progress_end();
	free(path);
	if (rc < 0)
		return rc;
	if (s->status == 200)
		/* the answer can only break off when a later block is bad, or
		 * is to be had from nobody any more */
		return s->done == s->total ? 0
		       : c->socket == NULL ? CDX_E_HASH
					   : -ENODATA;
	json_decref(*answer);
	*answer = json_loadb((const char *)s->error.p, s->error.len, 0, NULL);
	rc = (int)json_integer_value(json_object_get(*answer, "code"));
	return rc < 0 ? rc : -EIO;
}

static int get_to(struct cdx_client *c, struct dataset_stream *s,
		  const char *cid)
{
	bool tell = isatty(STDERR_FILENO) != 0;
	json_t *j = NULL;
	struct had before;
	int rc;

	if (tell)
		look(c, &before);
	rc = expected_size(c, cid, &s->total, &j);
	if (rc == 0)
		rc = fetch(c, s, cid, &j);
	if (rc == 0 && tell)
		tell_sources(c, &before, s->total);
	if (rc < 0)
		rc = cli_fail("get the dataset", rc, j);
	json_decref(j);
	cdx_buf_free(&s->error);
	return rc;
}

int dataset_get(struct dataset_args *a, const char *cid)
{
	struct dataset_stream s = {.phase = "getting"};
	struct cli_file f;
	struct cdx_client c;
	int status;

	if ((a->output == NULL || strcmp(a->output, "-") == 0) &&
	    isatty(STDOUT_FILENO)) {
		cli_error("refusing to write binary data to a terminal; give "
			  "-o FILE, or -o - after a pipe");
		return CLI_USAGE;
	}
	status = cli_file_open(&f, a->output);
	if (status != 0)
		return status;
	s.fd = f.fd;
	status = cli_client(&c, &a->common, NULL);
	if (status == 0) {
		status = get_to(&c, &s, cid);
		status = cli_client_close(&c, status);
	}
	return cli_file_close(&f, status);
}
