/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "codexfs/dataset.h"
#include "crypto/block.h"
#include "dataset/chunker.h"
#include "dataset/manifest.h"
#include "erasure/codec.h"
#include "protect/protect.h"

/* The name that goes into the manifest: --filename, or the file's own */
static char *manifest_name(const struct dataset_args *a, const char *file)
{
	char *copy;
	char *name;

	if (a->no_filename || (a->filename == NULL && strcmp(file, "-") == 0))
		return NULL;
	if (a->filename != NULL)
		return strdup(a->filename);
	copy = strdup(file);
	name = copy == NULL ? NULL : strdup(basename(copy));
	free(copy);
	return name;
}

static uint32_t block_size(const struct dataset_args *a)
{
	return a->block_size == 0 ? CDX_BLOCK_SIZE : (uint32_t)a->block_size;
}

static int open_input(struct dataset_stream *s, const char *file)
{
	struct stat st;

	s->fd = STDIN_FILENO;
	if (strcmp(file, "-") != 0)
		s->fd = open(file, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0) {
		int err = errno;

		cli_error("cannot read %s: %s", file, strerror(err));
		return -err;
	}
	if (S_ISDIR(st.st_mode)) {
		cli_error("%s is a directory; a dataset is one file (tar it, "
			  "or copy it into a mount)",
			  file);
		return -EISDIR;
	}
	if (S_ISREG(st.st_mode))
		s->total = (uint64_t)st.st_size;
	return 0;
}

static int fail_empty(int rc, const char *file)
{
	if (rc != -ENODATA)
		return 0;
	cli_error("%s is empty, and an empty dataset has no CID", file);
	return cdx_err_exit(-EINVAL);
}

static char *add_path(const struct dataset_args *a, const char *file)
{
	char *name = manifest_name(a, file);
	char *name_q = name == NULL ? NULL : cdx_client_escape(name);
	char *type_q =
		a->mimetype == NULL ? NULL : cdx_client_escape(a->mimetype);
	char *path = NULL;

	if (asprintf(&path,
		     "/control/v1/datasets?private=%d&blockSize=%u%s%s%s%s",
		     a->is_private ? 1 : 0, block_size(a),
		     name_q == NULL ? "" : "&filename=",
		     name_q == NULL ? "" : name_q,
		     type_q == NULL ? "" : "&mimetype=",
		     type_q == NULL ? "" : type_q) < 0)
		path = NULL;
	free(name);
	free(name_q);
	free(type_q);
	return path;
}

struct upload {
	struct dataset_stream in; /* first: dataset_stream_read takes it */
	struct cdx_buf answer;
};

static int collect(void *arg, int status CDX_UNUSED, const void *p, size_t len)
{
	struct upload *u = arg;

	cdx_buf_put(&u->answer, p, len);
	return cdx_buf_ok(&u->answer);
}

static int upload(struct cdx_client *c, struct dataset_args *a,
		  struct upload *u, const char *file, json_t **out)
{
	struct cdx_request req = {
		.method = "POST",
		.read = dataset_stream_read,
		.write = collect,
		.arg = u,
	};
	char *path = add_path(a, file);
	int rc;

	req.path = path;
	rc = path == NULL ? -ENOMEM : cdx_client_request(c, &req);
	cli_progress_end();
	free(path);
	if (rc < 0)
		return rc;
	*out = json_loadb((const char *)u->answer.p, u->answer.len, 0, NULL);
	if (rc >= 300) {
		rc = (int)json_integer_value(json_object_get(*out, "code"));
		return rc < 0 ? rc : -EIO;
	}
	return json_is_string(json_object_get(*out, "cid")) ? 0 : CDX_E_FORMAT;
}

/* ---- protection of what was added ---- */

static bool wants_code(const struct dataset_args *a)
{
	return a->code.has_k || a->code.has_m || a->code.has_codec ||
	       a->cell_size != 0;
}

/* What was not given is the store's */
static int fill_code(struct cdx_client *c, struct cli_code *code)
{
	json_t *j = NULL;
	int rc = cdx_client_json(c, &j, "GET", "/control/v1/policy");
	int codec;

	if (rc == 0) {
		if (!code->has_k)
			code->k = (uint32_t)json_integer_value(
				json_object_get(j, "ecK"));
		if (!code->has_m)
			code->m = (uint32_t)json_integer_value(
				json_object_get(j, "ecM"));
		codec = json_is_string(json_object_get(j, "codec"))
				? cdx_ec_by_name(json_string_value(
					  json_object_get(j, "codec")))
				: -ENOENT;
		if (!code->has_codec && codec >= 0)
			code->codec = (uint32_t)codec;
		code->has_k = true;
		code->has_m = true;
	}
	json_decref(j);
	return rc;
}

/* Refuses what cannot work before anything is read.  0 or the exit status */
static int check_code(struct cdx_client *c, struct dataset_args *a,
		      const struct dataset_stream *in)
{
	struct cdx_protect_opts o = {0};
	char why[CDX_PROTECT_WHY_MAX] = "";
	uint64_t blocks = UINT32_MAX; /* as many as there can be */
	int rc = fill_code(c, &a->code);

	if (rc < 0)
		return cli_fail("ask for the store's policy", rc, NULL);
	o.k = a->code.k;
	o.m = a->code.m;
	o.codec = o.m == 0 ? 0 : a->code.codec;
	o.cell_size = (uint32_t)a->cell_size;
	if (in->total > 0)
		blocks = (in->total - 1) / block_size(a) + 1;
	rc = cdx_protect_check(&o, blocks, block_size(a), why);
	/* of an unknown size only what no size would mend is refused */
	if (rc == -EINVAL && in->total == 0 && o.k > 0) {
		blocks = o.k;
		rc = cdx_protect_check(&o, blocks, block_size(a), why);
	}
	if (rc == 0)
		return 0;
	cli_error("cannot protect it so: %s",
		  why[0] != '\0' ? why : cdx_strerror(rc));
	return cdx_err_exit(rc);
}

static int copy_part(json_t *to, const json_t *shown, const char *name)
{
	return json_object_set(to, name, json_object_get(shown, name)) < 0
		       ? -ENOMEM
		       : 0;
}

/* The manifests, each with its CID.  @verifiable: NULL when there is none */
static int print_added(struct cdx_client *c, const struct dataset_args *a,
		       const char *plain, const char *verifiable)
{
	json_t *out = json_pack("{s:s}", "cid", plain);
	json_t *j = NULL;
	int rc = dataset_ask(c, &j, "GET",
			     dataset_path(verifiable != NULL ? verifiable
							     : plain,
					  "%s", ""));

	if (rc < 0) {
		rc = cli_fail("show the dataset", rc, j);
	} else if (verifiable == NULL) {
		json_object_set_new(out, "plain",
				    json_pack("{s:s, s:O}", "cid", plain,
					      "manifest",
					      json_object_get(j, "manifest")));
	} else {
		rc = copy_part(out, j, "plain");
		rc = rc < 0 ? rc : copy_part(out, j, "protected");
		rc = rc < 0 ? rc : copy_part(out, j, "verifiable");
	}
	if (rc == 0 && a->as_json) {
		cli_print_json(json_incref(out));
	} else if (rc == 0 && verifiable != NULL) {
		printf("plain       %s\nprotected   %s\nverifiable  %s\n",
		       plain,
		       json_string_value(json_object_get(
			       json_object_get(out, "protected"), "cid")),
		       verifiable);
	}
	json_decref(out);
	json_decref(j);
	return rc < 0 ? cdx_err_exit(rc) : rc;
}

/* What is done with the dataset once its bytes are in.  Exit status */
static int after_add(struct cdx_client *c, struct dataset_args *a,
		     const char *plain)
{
	const char *verifiable = NULL;
	json_t *j = NULL;
	int status = 0;
	int rc;

	if (wants_code(a)) {
		rc = dataset_do_protect(c, a, plain, &j);
		verifiable = json_string_value(json_object_get(j, "cid"));
		if (rc == 0 && verifiable == NULL)
			rc = CDX_E_FORMAT;
		if (rc < 0) {
			status = cli_fail("protect the dataset", rc, j);
			cli_error("it is in the store, unprotected: %s", plain);
		}
	}
	if (status == 0 && !a->as_json && verifiable == NULL)
		puts(plain);
	else if (status == 0)
		status = print_added(c, a, plain, verifiable);
	json_decref(j);
	return status;
}

static int add(struct cdx_client *c, struct dataset_args *a, struct upload *u,
	       const char *file)
{
	json_t *j = NULL;
	int status = 0;
	int rc;

	if (wants_code(a))
		status = check_code(c, a, &u->in);
	if (status != 0)
		return status;
	rc = upload(c, a, u, file, &j);
	if (rc < 0) {
		status = fail_empty(rc, file);
		if (status == 0) {
			if (rc == CDX_E_QUOTA && u->in.total > 0)
				cli_error("%s has %llu bytes", file,
					  (unsigned long long)u->in.total);
			status = cli_fail("add the dataset", rc, j);
		}
	} else {
		status = after_add(
			c, a, json_string_value(json_object_get(j, "cid")));
	}
	json_decref(j);
	cdx_buf_free(&u->answer);
	return status;
}

int dataset_add(struct dataset_args *a, const char *file)
{
	struct upload u = {.in = {.phase = "adding"}};
	struct cdx_client c;
	int status;
	int rc = open_input(&u.in, file);

	if (rc < 0)
		return cdx_err_exit(rc);
	status = cli_client(&c, &a->common, NULL);
	if (status != 0)
		return status;
	status = add(&c, a, &u, file);
	return cli_client_close(&c, status);
}

/* ---- cid ---- */

static int no_block(void *arg CDX_UNUSED, uint64_t index CDX_UNUSED,
		    const uint8_t *block CDX_UNUSED,
		    const struct cdx_digest *digest CDX_UNUSED)
{
	return 0;
}

static int hash_stream(struct dataset_stream *s, uint32_t size_of_block,
		       struct cdx_digest *root, uint64_t *size)
{
	struct cdx_chunker *chunker;
	uint8_t *buf;
	ssize_t n = 0;
	int rc = cdx_chunker_new(&chunker, size_of_block, no_block, NULL);

	if (rc < 0)
		return rc;
	buf = malloc(1u << 20);
	rc = buf == NULL ? -ENOMEM : 0;
	while (rc == 0 && (n = dataset_stream_read(s, buf, 1u << 20)) > 0)
		rc = cdx_chunker_feed(chunker, buf, (size_t)n);
	if (n < 0)
		rc = (int)n;
	if (rc == 0)
		rc = cdx_chunker_end(chunker, root, size);
	free(buf);
	cdx_chunker_free(chunker);
	return rc;
}

static int compute(struct dataset_args *a, struct dataset_stream *s,
		   const char *file, char text[CDX_CID_TEXT_MAX])
{
	struct cdx_manifest m = {0};
	struct cdx_buf b = {0};
	struct cdx_digest root;
	struct cdx_cid cid;
	uint64_t size;
	char *name = NULL;
	int rc = hash_stream(s, block_size(a), &root, &size);

	cli_progress_end();
	if (rc == 0) {
		name = manifest_name(a, file);
		rc = cdx_manifest_plain(&m, &root, size, block_size(a), name,
					a->mimetype);
	}
	if (rc == 0)
		rc = cdx_manifest_encode(&b, &m);
	if (rc == 0) {
		cid = cdx_manifest_cid(b.p, b.len);
		cdx_cid_text(text, &cid);
	}
	free(name);
	cdx_buf_free(&b);
	cdx_manifest_free(&m);
	return rc;
}

int dataset_cid(struct dataset_args *a, const char *file)
{
	struct dataset_stream s = {.phase = "hashing"};
	char text[CDX_CID_TEXT_MAX];
	int status;
	int rc = open_input(&s, file);

	if (rc < 0)
		return cdx_err_exit(rc);
	rc = compute(a, &s, file, text);
	if (rc < 0) {
		status = fail_empty(rc, file);
		return status != 0 ? status
				   : cli_fail("compute the CID", rc, NULL);
	}
	if (a->as_json)
		cli_print_json(json_pack("{s:s}", "cid", text));
	else
		puts(text);
	return 0;
}
