/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "codexfs/dataset.h"

/* Answers to a challenge */

/* ---- inputs ---- */

/* 64 hex digits, with or without 0x */
static bool challenge_ok(const char *c)
{
	if (c == NULL)
		return false;
	if (c[0] == '0' && (c[1] == 'x' || c[1] == 'X'))
		c += 2;
	return strlen(c) == 64 && strspn(c, "0123456789abcdefABCDEF") == 64;
}

static int fetch_inputs(struct cdx_client *c, const struct dataset_args *a,
			const char *cid, struct dataset_stream *s)
{
	char slots[128];
	struct cdx_request req = {
		.method = "GET",
		.write = dataset_stream_write,
		.arg = s,
	};
	json_t *j = NULL;
	char *path;
	int rc;

	dataset_slots_text(slots, a->slots);
	path = dataset_path(cid, "/inputs?slots=%s&challenge=%s&samples=%llu",
			    slots, a->challenge,
			    (unsigned long long)a->samples);
	req.path = path;
	rc = path == NULL ? -ENOMEM : cdx_client_request(c, &req);
	cli_progress_end();
	free(path);
	if (rc >= 300) {
		j = json_loadb((const char *)s->error.p, s->error.len, 0, NULL);
		rc = (int)json_integer_value(json_object_get(j, "code"));
		rc = rc < 0 ? rc : -EIO;
	}
	rc = rc < 0 ? cli_fail("make the proof inputs", rc, j) : 0;
	json_decref(j);
	cdx_buf_free(&s->error);
	return rc;
}

/* One slot and a challenge; @verb for the user */
static int check_args(const struct dataset_args *a, const char *verb)
{
	if (a->slots == 0 || (a->slots & (a->slots - 1)) != 0) {
		cli_error("%s takes one --slot", verb);
		return CLI_USAGE;
	}
	if (!challenge_ok(a->challenge)) {
		cli_error("--challenge takes 32 bytes as 64 hex digits, with "
			  "or without 0x%s%s",
			  a->challenge == NULL ? "" : ", not ",
			  a->challenge == NULL ? "" : a->challenge);
		return CLI_USAGE;
	}
	return 0;
}

int dataset_inputs(struct dataset_args *a, const char *cid)
{
	struct dataset_stream s = {.phase = "inputs"};
	struct cli_file f;
	struct cdx_client c;
	int status = check_args(a, "inputs");

	if (status != 0)
		return status;
	status = cli_file_open(&f, a->output);
	if (status != 0)
		return status;
	s.fd = f.fd;
	status = cli_client(&c, &a->common, NULL);
	if (status == 0) {
		status = fetch_inputs(&c, a, cid, &s);
		status = cli_client_close(&c, status);
	}
	return cli_file_close(&f, status);
}

/* ---- prove ---- */

/* A value as snarkjs lays a file out */
static int write_value(const char *path, const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	int status;

	if (text == NULL) {
		cli_error("%s", cdx_strerror(-ENOMEM));
		return 1;
	}
	status = cli_file_write(path, text, strlen(text));
	free(text);
	return status;
}

static int write_proof(const struct dataset_args *a, const json_t *j)
{
	const json_t *proof = json_object_get(j, "proof");
	int status;

	if (json_is_true(json_object_get(j, "development")))
		cli_error("warning: made with a development key, whose maker "
			  "can forge proofs");
	status = write_value(a->output, a->as_json ? j : proof);
	if (status == 0 && a->output == NULL)
		putchar('\n');
	if (status == 0 && a->public_file != NULL)
		status = write_value(a->public_file,
				     json_object_get(j, "public"));
	return status;
}

static void on_proving(void *arg CDX_UNUSED, json_t *line)
{
	const char *phase = json_string_value(json_object_get(line, "phase"));

	if (phase != NULL)
		cli_progress(phase, 0, 0, false);
}

int dataset_prove(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	char slots[128];
	json_t *j = NULL;
	char *path;
	int status = check_args(a, "prove");
	int rc;

	if (status == 0)
		status = cli_client(&c, &a->common, NULL);
	if (status != 0)
		return status;
	dataset_slots_text(slots, a->slots);
	path = dataset_path(cid, "/prove?slots=%s&challenge=%s&samples=%llu",
			    slots, a->challenge,
			    (unsigned long long)a->samples);
	rc = path == NULL
		     ? -ENOMEM
		     : cdx_client_lines(&c, &j, "POST", path, on_proving, NULL);
	cli_progress_end();
	free(path);
	status = rc < 0 ? cli_fail("prove", rc, j) : write_proof(a, j);
	json_decref(j);
	return cli_client_close(&c, status);
}
