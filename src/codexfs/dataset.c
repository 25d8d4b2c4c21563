/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"
#include "dataset/chunker.h"
#include "dataset/manifest.h"

static const char help[] =
	"Usage: codexfs dataset add [options] FILE     put a file's bytes in\n"
	"       codexfs dataset get [options] CID      write a dataset out\n"
	"       codexfs dataset show [options] CID     its manifest\n"
	"       codexfs dataset cid [options] FILE     the CID that add gives\n"
	"       codexfs dataset ls [options]           what is here\n"
	"       codexfs dataset rm [options] CID...    drop your own pin\n"
	"\n"
	"Datasets are public: plaintext, with name and type where given.  FILE\n"
	"may be - for standard input.  rm never touches what a volume uses.\n"
	"\n"
	"  -o, --output FILE     get: where to (default: standard output)\n"
	"  --name NAME           add, cid: file name in the manifest (FILE's own)\n"
	"  --no-name             add, cid: none\n"
	"  --type TYPE           add, cid: MIME type in the manifest\n"
	"  --private             add: neither announce nor serve it\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

enum {
	OPT_NAME = CLI_OPT_OWN,
	OPT_NO_NAME,
	OPT_TYPE,
	OPT_PRIVATE,
	OPT_JSON,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"output", required_argument, NULL, 'o'},
	{"name", required_argument, NULL, OPT_NAME},
	{"no-name", no_argument, NULL, OPT_NO_NAME},
	{"type", required_argument, NULL, OPT_TYPE},
	{"private", no_argument, NULL, OPT_PRIVATE},
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

struct dataset_args {
	struct cli_common common;
	const char *output;
	const char *name;
	const char *type;
	bool no_name;
	bool is_private;
	bool as_json;
};

#define PROGRESS_NS UINT64_C(200000000)

/* Bytes on their way in or out, with a progress line */
struct stream {
	int fd;
	const char *phase;
	uint64_t done;
	uint64_t total; /* 0: unknown */
	uint64_t last_ns;
	int status;
	struct cdx_buf error; /* body of an answer that is no success */
};

static void stream_progress(struct stream *s, size_t n)
{
	uint64_t now = cdx_clock_mono_ns();

	s->done += n;
	if (now - s->last_ns < PROGRESS_NS)
		return;
	s->last_ns = now;
	cli_progress(s->phase, s->done, s->total, true);
}

static ssize_t stream_read(void *arg, void *out, size_t cap)
{
	struct stream *s = arg;
	ssize_t n;

	do {
		n = read(s->fd, out, cap);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	stream_progress(s, (size_t)n);
	return n;
}

/* The name that goes into the manifest: --name, or the file's own */
static char *manifest_name(const struct dataset_args *a, const char *file)
{
	char *copy;
	char *name;

	if (a->no_name || (a->name == NULL && strcmp(file, "-") == 0))
		return NULL;
	if (a->name != NULL)
		return strdup(a->name);
	copy = strdup(file);
	name = copy == NULL ? NULL : strdup(basename(copy));
	free(copy);
	return name;
}

static int open_input(struct stream *s, const char *file)
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
	char *type_q = a->type == NULL ? NULL : cdx_client_escape(a->type);
	char *path = NULL;

	if (asprintf(&path, "/control/v1/datasets?private=%d%s%s%s%s",
		     a->is_private ? 1 : 0, name_q == NULL ? "" : "&filename=",
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
	struct stream in; /* first: stream_read takes it */
	struct cdx_buf answer;
};

static int collect(void *arg, int status CDX_UNUSED, const void *p, size_t len)
{
	struct upload *u = arg;

	cdx_buf_put(&u->answer, p, len);
	return cdx_buf_ok(&u->answer);
}

static int print_cid(const struct dataset_args *a, json_t *j)
{
	const char *cid = json_string_value(json_object_get(j, "cid"));

	if (cid == NULL)
		return CDX_E_FORMAT;
	if (a->as_json)
		cli_print_json(json_incref(j));
	else
		puts(cid);
	return 0;
}

static int do_add(struct dataset_args *a, const char *file)
{
	struct upload u = {.in = {.phase = "adding"}};
	struct cdx_request req = {
		.method = "POST",
		.read = stream_read,
		.write = collect,
		.arg = &u,
	};
	struct cdx_client c;
	char *path = NULL;
	json_t *j = NULL;
	int status;
	int rc;

	rc = open_input(&u.in, file);
	if (rc < 0)
		return cdx_err_exit(rc);
	status = cli_client(&c, &a->common, NULL);
	if (status != 0)
		return status;
	path = add_path(a, file);
	req.path = path;
	rc = path == NULL ? -ENOMEM : cdx_client_request(&c, &req);
	cli_progress_end();
	if (rc > 0)
		j = json_loadb((const char *)u.answer.p, u.answer.len, 0, NULL);
	if (rc > 0 && rc < 300)
		rc = print_cid(a, j);
	else if (rc > 0)
		rc = (int)json_integer_value(json_object_get(j, "code"));
	status = fail_empty(rc, file);
	if (rc < 0 && status == 0)
		status = cli_fail("add the dataset", rc, j);
	json_decref(j);
	free(path);
	cdx_buf_free(&u.answer);
	return cli_client_close(&c, status);
}

static int stream_write(void *arg, int status, const void *p, size_t len)
{
	struct stream *s = arg;
	int rc;

	s->status = status;
	if (status != 200) {
		cdx_buf_put(&s->error, p, len);
		return cdx_buf_ok(&s->error);
	}
	rc = cdx_write_full(s->fd, p, len);
	if (rc == 0)
		stream_progress(s, len);
	return rc;
}

/* Size of the dataset, to know that all of it came */
static int expected_size(struct cdx_client *c, const char *cid, uint64_t *size)
{
	char path[256];
	json_t *j = NULL;
	int rc;

	snprintf(path, sizeof(path), "/control/v1/datasets/%s", cid);
	rc = cdx_client_json(c, &j, "GET", path);
	if (rc == 0)
		*size = (uint64_t)json_integer_value(
			json_object_get(j, "size"));
	json_decref(j);
	return rc;
}

static int get_to(struct cdx_client *c, struct stream *s, const char *cid)
{
	char path[256];
	struct cdx_request req = {
		.method = "GET",
		.path = path,
		.write = stream_write,
		.arg = s,
	};
	json_t *j = NULL;
	int rc = expected_size(c, cid, &s->total);

	snprintf(path, sizeof(path), "/control/v1/datasets/%s/data", cid);
	if (rc == 0)
		rc = cdx_client_request(c, &req);
	cli_progress_end();
	if (rc > 0 && s->status == 200)
		/* the answer can only break off when a later block is bad */
		rc = s->done == s->total ? 0 : CDX_E_HASH;
	if (rc > 0) {
		j = json_loadb((const char *)s->error.p, s->error.len, 0, NULL);
		rc = (int)json_integer_value(json_object_get(j, "code"));
	}
	if (rc < 0)
		rc = cli_fail("get the dataset", rc, j);
	json_decref(j);
	cdx_buf_free(&s->error);
	return rc;
}

static int do_get(struct dataset_args *a, const char *cid)
{
	CDX_CLEANUP(cdx_freep) char *tmp = NULL;
	struct stream s = {.fd = STDOUT_FILENO, .phase = "getting"};
	struct cdx_client c;
	int status;

	if (a->output != NULL && strcmp(a->output, "-") != 0) {
		if (asprintf(&tmp, "%s.codexfs-part", a->output) < 0) {
			tmp = NULL;
			return cdx_err_exit(-ENOMEM);
		}
		s.fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			    0666);
		if (s.fd < 0) {
			cli_error("cannot write %s: %s", tmp, strerror(errno));
			return 1;
		}
	} else if (isatty(STDOUT_FILENO)) {
		cli_error("refusing to write binary data to a terminal; give "
			  "-o FILE, or -o - after a pipe");
		return CLI_USAGE;
	}
	status = cli_client(&c, &a->common, NULL);
	if (status == 0) {
		status = get_to(&c, &s, cid);
		status = cli_client_close(&c, status);
	}
	if (tmp == NULL)
		return status;
	/* a half-written file never gets the final name */
	if (status == 0 && (fsync(s.fd) < 0 || rename(tmp, a->output) < 0)) {
		cli_error("cannot write %s: %s", a->output, strerror(errno));
		status = 1;
	}
	if (status != 0)
		unlink(tmp);
	close(s.fd);
	return status;
}

static int do_show(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	char *arg = cdx_client_escape(cid);
	char *path = NULL;
	json_t *j = NULL;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status != 0) {
		free(arg);
		return status;
	}
	rc = arg == NULL || asprintf(&path, "/control/v1/datasets/%s", arg) < 0
		     ? -ENOMEM
		     : cdx_client_json(&c, &j, "GET", path);
	if (rc < 0)
		status = cli_fail("show the dataset", rc, j);
	else
		cli_print_json(json_incref(j));
	json_decref(j);
	free(path);
	free(arg);
	return cli_client_close(&c, status);
}

static int no_block(void *arg CDX_UNUSED, uint64_t index CDX_UNUSED,
		    const uint8_t *block CDX_UNUSED,
		    const struct cdx_digest *digest CDX_UNUSED)
{
	return 0;
}

static int hash_stream(struct stream *s, struct cdx_digest *root,
		       uint64_t *size)
{
	struct cdx_chunker *chunker;
	uint8_t *buf;
	ssize_t n = 0;
	int rc = cdx_chunker_new(&chunker, no_block, NULL);

	if (rc < 0)
		return rc;
	buf = malloc(1u << 20);
	rc = buf == NULL ? -ENOMEM : 0;
	while (rc == 0 && (n = stream_read(s, buf, 1u << 20)) > 0)
		rc = cdx_chunker_feed(chunker, buf, (size_t)n);
	if (n < 0)
		rc = (int)n;
	if (rc == 0)
		rc = cdx_chunker_end(chunker, root, size);
	free(buf);
	cdx_chunker_free(chunker);
	return rc;
}

static int do_cid(struct dataset_args *a, const char *file)
{
	struct stream s = {.phase = "hashing"};
	struct cdx_manifest m = {0};
	struct cdx_buf b = {0};
	struct cdx_digest root;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];
	char *name = NULL;
	json_t *j = NULL;
	uint64_t size;
	int status;
	int rc = open_input(&s, file);

	if (rc < 0)
		return cdx_err_exit(rc);
	rc = hash_stream(&s, &root, &size);
	cli_progress_end();
	if (rc == 0) {
		name = manifest_name(a, file);
		rc = cdx_manifest_plain(&m, &root, size, name, a->type);
	}
	if (rc == 0)
		rc = cdx_manifest_encode(&b, &m);
	if (rc == 0) {
		cid = cdx_manifest_cid(b.p, b.len);
		cdx_cid_text(text, &cid);
		j = json_pack("{s:s}", "cid", text);
		rc = j == NULL ? -ENOMEM : print_cid(a, j);
	}
	status = fail_empty(rc, file);
	if (rc < 0 && status == 0)
		status = cli_fail("compute the CID", rc, NULL);
	json_decref(j);
	free(name);
	cdx_buf_free(&b);
	cdx_manifest_free(&m);
	return status;
}

static void print_row(const json_t *d)
{
	const json_t *m = json_object_get(d, "manifest");
	const char *name = json_string_value(json_object_get(m, "filename"));
	char size[32];

	cli_bytes(size,
		  (uint64_t)json_integer_value(json_object_get(d, "size")));
	printf("%s  %10s  %s%s  %s\n",
	       json_string_value(json_object_get(d, "cid")), size,
	       json_is_true(json_object_get(d, "pinned")) ? "p" : "-",
	       json_is_true(json_object_get(d, "volume")) ? "v" : "-",
	       name == NULL ? "" : name);
}

static int do_ls(struct dataset_args *a)
{
	struct cdx_client c;
	json_t *j = NULL;
	size_t i;
	json_t *d;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_client_json(&c, &j, "GET", "/control/v1/datasets");
	if (rc < 0) {
		status = cli_fail("list the datasets", rc, j);
	} else if (a->as_json) {
		cli_print_json(json_incref(j));
	} else {
		json_array_foreach(json_object_get(j, "content"), i, d)
			print_row(d);
	}
	json_decref(j);
	return cli_client_close(&c, status);
}

static int rm_one(struct cdx_client *c, const char *cid)
{
	char *arg = cdx_client_escape(cid);
	char *path = NULL;
	json_t *j = NULL;
	int rc;

	if (arg == NULL ||
	    asprintf(&path, "/control/v1/datasets/%s", arg) < 0) {
		free(arg);
		return cdx_err_exit(-ENOMEM);
	}
	rc = cdx_client_json(c, &j, "DELETE", path);
	if (rc == -ENOENT) {
		cli_error("no pin of yours on %s", cid);
		rc = cdx_err_exit(rc);
	} else if (rc < 0) {
		rc = cli_fail("remove the dataset", rc, j);
	} else if (json_is_false(json_object_get(j, "removed"))) {
		printf("%s: your pin is gone; a volume still uses it, so it "
		       "stays\n",
		       cid);
	}
	json_decref(j);
	free(path);
	free(arg);
	return rc;
}

static int do_rm(struct dataset_args *a, int argc, char **argv)
{
	struct cdx_client c;
	int status = cli_client(&c, &a->common, NULL);
	int worst = 0;

	if (status != 0)
		return status;
	for (int i = 0; i < argc; i++) {
		status = rm_one(&c, argv[i]);
		worst = status != 0 ? status : worst;
	}
	return cli_client_close(&c, worst);
}

static int option(struct dataset_args *a, int opt)
{
	switch (opt) {
	case 'o':
		a->output = optarg;
		return 0;
	case OPT_NAME:
		a->name = optarg;
		return 0;
	case OPT_NO_NAME:
		a->no_name = true;
		return 0;
	case OPT_TYPE:
		a->type = optarg;
		return 0;
	case OPT_PRIVATE:
		a->is_private = true;
		return 0;
	case OPT_JSON:
		a->as_json = true;
		return 0;
	default:
		return -1;
	}
}

static int dispatch(struct dataset_args *a, const char *what, int argc,
		    char **argv)
{
	if (strcmp(what, "ls") == 0 && argc == 0)
		return do_ls(a);
	if (strcmp(what, "rm") == 0 && argc > 0)
		return do_rm(a, argc, argv);
	if (argc == 1 && strcmp(what, "add") == 0)
		return do_add(a, argv[0]);
	if (argc == 1 && strcmp(what, "get") == 0)
		return do_get(a, argv[0]);
	if (argc == 1 && strcmp(what, "show") == 0)
		return do_show(a, argv[0]);
	if (argc == 1 && strcmp(what, "cid") == 0)
		return do_cid(a, argv[0]);
	fputs(help, stderr);
	return CLI_USAGE;
}

int verb_dataset(int argc, char **argv)
{
	struct dataset_args a = {0};
	int opt;

	cli_common_init(&a.common);
	while ((opt = getopt_long(argc, argv, "ho:", options, NULL)) != -1)
		if (cli_common_option(&a.common, opt, help) == 0 &&
		    option(&a, opt) < 0)
			return CLI_USAGE;
	if (optind >= argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	return dispatch(&a, argv[optind], argc - optind - 1, argv + optind + 1);
}
