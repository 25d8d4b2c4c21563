/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "codexfs/dataset.h"

/* ---- find ---- */

struct found {
	bool as_json;
	unsigned n;
	json_t *list; /* for JSON */
};

static void print_provider(const json_t *p)
{
	const json_t *slots = json_object_get(p, "slots");
	const json_t *addrs = json_object_get(p, "addresses");
	json_t *one;
	size_t i;

	cli_print_text(json_string_value(json_object_get(p, "id")));
	printf("  %s", json_string_value(json_object_get(p, "holds")));
	json_array_foreach(slots, i, one)
		printf("%s%lld", i == 0 ? " " : ",",
		       (long long)json_integer_value(one));
	json_array_foreach(addrs, i, one)
	{
		fputs("  ", stdout);
		cli_print_text(json_string_value(one));
	}
	putchar('\n');
	fflush(stdout);
}

static void on_line(void *arg, json_t *line)
{
	struct found *f = arg;
	json_t *p = json_object_get(line, "provider");

	if (!json_is_object(p))
		return;
	f->n++;
	if (f->as_json)
		(void)json_array_append(f->list, p);
	else
		print_provider(p);
}

static int tell_found(const struct found *f)
{
	if (f->as_json)
		cli_print_json(json_pack("{s:O}", "providers", f->list));
	if (f->n > 0)
		return 0;
	cli_error("nobody was found who has it");
	return cdx_err_exit(-ENOENT);
}

int dataset_find(struct dataset_args *a, const char *cid)
{
	struct found f = {.as_json = a->as_json, .list = json_array()};
	char *path = dataset_path(cid, "/providers");
	struct cdx_client c;
	json_t *j = NULL;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status == 0) {
		rc = path == NULL || f.list == NULL
			     ? -ENOMEM
			     : cdx_client_lines(&c, &j, "GET", path, on_line,
						&f);
		status = rc < 0 ? cli_fail("search for the dataset", rc, j)
				: tell_found(&f);
		json_decref(j);
		status = cli_client_close(&c, status);
	}
	json_decref(f.list);
	free(path);
	return status;
}

/* ---- announce ---- */

int dataset_announce(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	json_t *j = NULL;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status != 0)
		return status;
	rc = dataset_ask(&c, &j, "POST",
			 dataset_path(cid, "/announce%s",
				      a->is_private ? "?private=1" : ""));
	if (rc < 0) {
		status = cli_fail(a->is_private ? "make the dataset private"
						: "announce the dataset",
				  rc, j);
	} else if (a->as_json) {
		cli_print_json(json_incref(j));
	} else if (a->is_private) {
		puts("private: others are neither told of it nor given it");
	} else if (json_is_true(json_object_get(j, "announced"))) {
		puts("public, and others are told");
	} else {
		puts("public; others are told when a node or mount with peers "
		     "has this store");
	}
	json_decref(j);
	return cli_client_close(&c, status);
}
