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

/* Exit statuses of verify beside those of all verbs */
#define VERIFY_DAMAGE 1
#define VERIFY_NOT_DONE 8

int dataset_protect(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	json_t *j = NULL;
	const char *made;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status != 0)
		return status;
	rc = dataset_do_protect(&c, a, cid, &j);
	made = json_string_value(json_object_get(j, "cid"));
	if (rc == 0 && made == NULL)
		rc = CDX_E_FORMAT;
	if (rc < 0)
		status = cli_fail("protect the dataset", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else
		puts(made);
	json_decref(j);
	return cli_client_close(&c, status);
}

/* ---- verify ---- */

static unsigned long long number(const json_t *j, const char *name)
{
	return (unsigned long long)json_integer_value(json_object_get(j, name));
}

static bool is_true(const json_t *j, const char *name)
{
	return json_is_true(json_object_get(j, name));
}

static const char *state_of(const json_t *slot)
{
	const char *s = json_string_value(json_object_get(slot, "state"));

	return s == NULL ? "?" : s;
}

static void print_slot(const json_t *v)
{
	const char *kind = json_string_value(json_object_get(v, "kind"));

	if (strcmp(state_of(v), "ok") == 0)
		return;
	printf("slot %llu (%s): %s", number(v, "slot"),
	       kind == NULL ? "?" : kind, state_of(v));
	if (strcmp(state_of(v), "absent") != 0) {
		printf(", %llu blocks missing, %llu wrong",
		       number(v, "missing"), number(v, "bad"));
		if (is_true(v, "treeBad"))
			fputs(", its tree is wrong", stdout);
	}
	putchar('\n');
}

/* What to do about it: one command that names the slots */
static void advise(const json_t *j, const char *cid)
{
	const json_t *v;
	bool any = false;
	size_t i;

	json_array_foreach(json_object_get(j, "slots"), i, v)
	{
		if (strcmp(state_of(v), "damaged") != 0)
			continue;
		if (!any)
			printf("to mend it: codexfs dataset rebuild");
		any = true;
		printf(" --slot %llu", number(v, "slot"));
	}
	if (any)
		printf(" %s\n", cid);
	else if (json_array_size(json_object_get(j, "slots")) == 0)
		puts("it is not protected: get the file from elsewhere, rm "
		     "this dataset and add it again");
	else
		puts("what the slots are checked against is wrong: rm this "
		     "dataset and protect the plain one again");
}

static void print_report(const json_t *j, const char *cid)
{
	const json_t *v;
	size_t i;

	printf("%s: %llu blocks read, %llu missing, %llu wrong\n",
	       is_true(j, "ok") ? "all well" : "DAMAGED", number(j, "blocks"),
	       number(j, "missing"), number(j, "bad"));
	if (is_true(j, "treeBad"))
		puts("its SHA-256 tree does not have the root of the manifest");
	if (is_true(j, "rootsBad"))
		puts("its slot roots do not give the verification root");
	if (number(j, "parityBad") > 0)
		printf("%llu steps have parity that is not that of their "
		       "data\n",
		       number(j, "parityBad"));
	json_array_foreach(json_object_get(j, "slots"), i, v) print_slot(v);
	if (!is_true(j, "ok"))
		advise(j, cid);
}

int dataset_verify(struct dataset_args *a, const char *cid)
{
	struct cdx_client c;
	char *path = dataset_path(cid, "/verify");
	json_t *j = NULL;
	int status = cli_client(&c, &a->common, NULL);
	int rc;

	if (status != 0) {
		free(path);
		return status;
	}
	rc = path == NULL ? -ENOMEM
			  : cdx_client_lines(&c, &j, "POST", path,
					     cli_on_progress, NULL);
	cli_progress_end();
	free(path);
	if (rc < 0) {
		status = cli_fail("verify the dataset", rc, j);
		if (status == VERIFY_DAMAGE)
			status = VERIFY_NOT_DONE;
	} else {
		if (a->as_json)
			cli_print_json(json_incref(j));
		else
			print_report(j, cid);
		status = is_true(j, "ok") ? 0 : VERIFY_DAMAGE;
	}
	json_decref(j);
	return cli_client_close(&c, status);
}
