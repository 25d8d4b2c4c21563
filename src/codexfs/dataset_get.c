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

/* Size of the dataset, to know that all of it came */
static int expected_size(struct cdx_client *c, const char *cid, uint64_t *size,
			 json_t **answer)
{
	int rc = dataset_ask(c, answer, "GET", dataset_path(cid, "%s", ""));

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
		/* the answer can only break off when a later block is bad */
		return s->done == s->total ? 0 : CDX_E_HASH;
	json_decref(*answer);
	*answer = json_loadb((const char *)s->error.p, s->error.len, 0, NULL);
	rc = (int)json_integer_value(json_object_get(*answer, "code"));
	return rc < 0 ? rc : -EIO;
}

static int get_to(struct cdx_client *c, struct dataset_stream *s,
		  const char *cid)
{
	json_t *j = NULL;
	int rc = expected_size(c, cid, &s->total, &j);

	if (rc == 0)
		rc = fetch(c, s, cid, &j);
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
