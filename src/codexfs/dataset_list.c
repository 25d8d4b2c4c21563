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

static uint64_t number(const json_t *j, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(j, name));
}

static const char *text(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s == NULL ? "" : s;
}

/* ---- show ---- */

static void line(const char *label, const char *value)
{
	printf("%-20s ", label);
	cli_print_text(value);
	putchar('\n');
}

static void line_bytes(const char *label, uint64_t bytes)
{
	char b[32];

	cli_bytes(b, bytes);
	if (bytes < 1024)
		printf("%-20s %llu bytes\n", label, (unsigned long long)bytes);
	else
		printf("%-20s %llu bytes (%s)\n", label,
		       (unsigned long long)bytes, b);
}

/* Members of a manifest under their own names; what is not there is left out */
static void print_manifest(const json_t *m)
{
	static const char *const names[] = {
		"treeCid",
		"datasetSize",
		"blockSize",
		"filename",
		"mimetype",
		"ecK",
		"ecM",
		"codec",
		"originalTreeCid",
		"originalDatasetSize",
		"verifyRoot",
		"cellSize",
	};
	const json_t *roots = json_object_get(m, "slotRoots");
	const json_t *v;
	size_t i;

	for (i = 0; i < CDX_ARRAY_LEN(names); i++) {
		v = json_object_get(m, names[i]);
		if (json_is_string(v))
			line(names[i], json_string_value(v));
		else if (json_is_integer(v))
			printf("%-20s %lld\n", names[i],
			       (long long)json_integer_value(v));
	}
	json_array_foreach(roots, i, v)
		printf("slotRoots[%2zu]        %s\n", i, json_string_value(v));
}

static void print_protection(const json_t *p)
{
	printf("%-20s %llu+%llu", "protected",
	       (unsigned long long)number(p, "ecK"),
	       (unsigned long long)number(p, "ecM"));
	if (json_is_true(json_object_get(p, "done")))
		printf("  %s\n", text(p, "cid"));
	else
		printf("  %llu of %llu steps done\n",
		       (unsigned long long)number(p, "stepsDone"),
		       (unsigned long long)number(p, "steps"));
}

static void print_slots(const json_t *j, const char *name)
{
	const json_t *list = json_object_get(j, name);
	char label[32];
	size_t i;
	const json_t *v;

	if (json_array_size(list) == 0)
		return;
	snprintf(label, sizeof(label), "%s slots", name);
	printf("%-20s", label);
	json_array_foreach(list, i, v)
		printf(" %lld", (long long)json_integer_value(v));
	putchar('\n');
}

static void print_dataset(const json_t *j)
{
	const json_t *list = json_object_get(j, "protections");
	const json_t *v;
	size_t i;

	line("cid", text(j, "cid"));
	line("kind", text(j, "kind"));
	if (json_is_object(json_object_get(j, "plain"))) {
		line("plain", text(json_object_get(j, "plain"), "cid"));
		line("protected", text(json_object_get(j, "protected"), "cid"));
		line("verifiable",
		     text(json_object_get(j, "verifiable"), "cid"));
	}
	line_bytes("size", number(j, "size"));
	printf("%-20s %llu\n", "blocks",
	       (unsigned long long)number(j, "blocks"));
	print_manifest(json_object_get(j, "manifest"));
	line("pinned",
	     json_is_true(json_object_get(j, "pinned")) ? "yes" : "no");
	if (json_is_true(json_object_get(j, "volume")))
		line("volume", "a sealed segment");
	if (json_is_true(json_object_get(j, "held")))
		line("held", "for sales; only slots of it are here");
	if (json_is_true(json_object_get(j, "private")))
		line("private", "yes");
	json_array_foreach(list, i, v) print_protection(v);
	print_slots(j, "absent");
	print_slots(j, "damaged");
	print_slots(j, "sold");
}

int dataset_show(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	json_t *j = NULL;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status != 0)
		return status;
	rc = dataset_ask(&c, &j, "GET", dataset_path(cid, "%s", ""));
	if (rc < 0)
		status = cli_fail("show the dataset", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else
		print_dataset(j);
	json_decref(j);
	return cli_client_close(&c, status);
}

/* ---- ls ---- */

static void print_row(const json_t *d)
{
	const json_t *m = json_object_get(d, "manifest");
	char size[32];
	char kind[32] = "plain";

	cli_bytes(size, number(d, "size"));
	if (json_is_integer(json_object_get(m, "ecK")))
		snprintf(kind, sizeof(kind), "%llu+%llu",
			 (unsigned long long)number(m, "ecK"),
			 (unsigned long long)number(m, "ecM"));
	printf("%s  %10s  %s%s  %-5s  ", text(d, "cid"), size,
	       json_is_true(json_object_get(d, "pinned")) ? "p" : "-",
	       json_is_true(json_object_get(d, "volume")) ? "v"
	       : json_is_true(json_object_get(d, "held")) ? "s"
							  : "-",
	       kind);
	cli_print_text(text(m, "filename"));
	putchar('\n');
}

int dataset_ls(struct dataset_args *a)
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

/* ---- rm ---- */

static void print_removed(const json_t *j, const char *cid)
{
	const char *by = json_string_value(json_object_get(j, "keptBy"));
	const char *plain = json_string_value(json_object_get(j, "plain"));

	if (by != NULL && strcmp(by, "volume") == 0)
		printf("%s: your pin is gone; a volume still uses it, so it "
		       "stays\n",
		       cid);
	else if (by != NULL && strcmp(by, "sales") == 0)
		printf("%s: your pin is gone; slots of it are sold, so it "
		       "stays until those sales end\n",
		       cid);
	else if (by != NULL)
		printf("%s: your pin is gone; what protects it still needs "
		       "it, so it stays (codexfs dataset show names that)\n",
		       cid);
	else if (plain != NULL)
		printf("%s: parity and slots are gone; the plain dataset has "
		       "its own pin: %s\n",
		       cid, plain);
}

static int rm_one(struct cdx_client *c, const char *cid)
{
	json_t *j = NULL;
	int rc = dataset_ask(c, &j, "DELETE", dataset_path(cid, "%s", ""));

	if (rc == -ENOENT) {
		cli_error("no pin of yours on %s", cid);
		rc = cdx_err_exit(rc);
	} else if (rc < 0) {
		rc = cli_fail("remove the dataset", rc, j);
	} else {
		print_removed(j, cid);
	}
	json_decref(j);
	return rc;
}

int dataset_rm(struct dataset_args *a, int argc, char **argv)
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
