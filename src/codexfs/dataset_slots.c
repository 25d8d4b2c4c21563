/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "codexfs/dataset.h"

static unsigned long long number(const json_t *j, const char *name)
{
	return (unsigned long long)json_integer_value(json_object_get(j, name));
}

static const char *text(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s == NULL ? "?" : s;
}

/* The numbers of an array, each with a blank before it */
static void print_numbers(const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		printf(" %lld", (long long)json_integer_value(v));
}

/* A path that means the same in another process, escaped.  0 or the exit
 * status, told */
static int absolute(char **out, const char *path)
{
	char *full = realpath(path, NULL);
	int rc = full == NULL ? -errno : 0;

	*out = full == NULL ? NULL : cdx_client_escape(full);
	free(full);
	if (rc == 0 && *out == NULL)
		rc = -ENOMEM;
	if (rc < 0)
		cli_error("%s: %s", path, cdx_strerror(rc));
	return cdx_err_exit(rc);
}

static int lines(struct cdx_client *c, json_t **out, char *path,
		 cdx_client_line_fn *fn, void *arg)
{
	int rc;

	*out = NULL;
	if (path == NULL)
		return -ENOMEM;
	rc = cdx_client_lines(c, out, "POST", path, fn, arg);
	cli_progress_end();
	free(path);
	return rc;
}

/* ---- slots ---- */

static void print_slots(const json_t *j)
{
	const json_t *v;
	char size[32];
	size_t i;

	json_array_foreach(json_object_get(j, "slots"), i, v)
	{
		cli_bytes(size, number(v, "bytes"));
		printf("%3llu  %-6s  %s  %10s  %s\n", number(v, "slot"),
		       text(v, "kind"), text(v, "root"), size,
		       text(v, "state"));
	}
}

static int list_slots(struct cdx_client *c, const struct dataset_args *a,
		      const char *cid)
{
	char slots[128];
	json_t *j = NULL;
	int status = 0;
	int rc;

	dataset_slots_text(slots, a->slots);
	rc = dataset_ask(c, &j, "GET",
			 dataset_path(cid, "/slots%s%s",
				      a->slots == 0 ? "" : "?slots=", slots));
	if (rc < 0)
		status = cli_fail("list the slots", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else
		print_slots(j);
	json_decref(j);
	return status;
}

static int export_slots(struct cdx_client *c, const struct dataset_args *a,
			const char *cid, const char *dir)
{
	const json_t *left;
	char slots[128];
	json_t *j = NULL;
	int status = 0;
	int rc;

	dataset_slots_text(slots, a->slots);
	rc = lines(c, &j,
		   dataset_path(cid, "/export?dir=%s%s%s", dir,
				a->slots == 0 ? "" : "&slots=", slots),
		   cli_on_progress, NULL);
	if (rc < 0) {
		status = cli_fail("export the slots", rc, j);
	} else if (a->as_json) {
		cli_print_json(json_incref(j));
	} else {
		left = json_object_get(j, "leftOut");
		printf("exported:");
		print_numbers(json_object_get(j, "slots"));
		if (json_array_size(left) > 0) {
			printf("; not here, left out:");
			print_numbers(left);
		}
		putchar('\n');
	}
	json_decref(j);
	return status;
}

int dataset_slots(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	char *dir = NULL;
	int status;

	if (a->export_dir != NULL) {
		if (mkdir(a->export_dir, 0777) < 0 && errno != EEXIST) {
			int rc = -errno;

			cli_error("cannot make %s: %s", a->export_dir,
				  cdx_strerror(rc));
			return cdx_err_exit(rc);
		}
		status = absolute(&dir, a->export_dir);
		if (status != 0)
			return status;
	}
	status = cli_client(&c, &a->common, NULL);
	if (status == 0) {
		status = dir != NULL ? export_slots(&c, a, cid, dir)
				     : list_slots(&c, a, cid);
		status = cli_client_close(&c, status);
	}
	free(dir);
	return status;
}

/* ---- evict ---- */

int dataset_evict(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	char slots[128];
	json_t *j = NULL;
	int status;
	int rc;

	if (a->slots == 0) {
		cli_error("evict which slots?  Give --slot I, once or more");
		return CLI_USAGE;
	}
	status = cli_client(&c, &a->common, NULL);
	if (status != 0)
		return status;
	dataset_slots_text(slots, a->slots);
	rc = dataset_ask(&c, &j, "POST",
			 dataset_path(cid, "/evict?slots=%s", slots));
	if (rc < 0) {
		status = cli_fail("evict", rc, j);
	} else if (a->as_json) {
		cli_print_json(json_incref(j));
	} else {
		printf("evicted:");
		print_numbers(json_object_get(j, "evicted"));
		printf("; not here now:");
		print_numbers(json_object_get(j, "absent"));
		puts(" (codexfs dataset rebuild makes them again)");
	}
	json_decref(j);
	return cli_client_close(&c, status);
}

/* ---- rebuild ---- */

static void on_rebuilt(void *arg, json_t *line)
{
	const struct dataset_args *a = arg;
	const json_t *s = json_object_get(line, "slot");
	const json_t *blamed = json_object_get(s, "blamed");

	if (s == NULL) {
		cli_on_progress(NULL, line);
		return;
	}
	cli_progress_end();
	if (a->as_json)
		return;
	printf("slot %llu: %llu blocks written, %llu were here, root %s\n",
	       number(s, "slot"), number(s, "written"), number(s, "kept"),
	       text(s, "root"));
	if (json_array_size(blamed) > 0) {
		printf("  %llu wrong blocks on the way, in slots",
		       number(s, "bad"));
		print_numbers(blamed);
		puts(" (codexfs dataset verify tells which are here)");
	}
}

int dataset_rebuild(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	char slots[128];
	char *from = NULL;
	json_t *j = NULL;
	int status;
	int rc;

	if (a->slots == 0) {
		cli_error("rebuild which slots?  Give --slot I, once or more");
		return CLI_USAGE;
	}
	if (a->from != NULL) {
		status = absolute(&from, a->from);
		if (status != 0)
			return status;
	}
	status = cli_client(&c, &a->common, NULL);
	if (status == 0) {
		dataset_slots_text(slots, a->slots);
		rc = lines(&c, &j,
			   dataset_path(cid, "/rebuild?slots=%s%s%s", slots,
					from == NULL ? "" : "&from=",
					from == NULL ? "" : from),
			   on_rebuilt, a);
		if (rc < 0)
			status = cli_fail("rebuild", rc, j);
		else if (a->as_json)
			cli_print_json(json_incref(j));
		json_decref(j);
		status = cli_client_close(&c, status);
	}
	free(from);
	return status;
}
