/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "slots/sampler.h"
#include "tests/unit/vector_file.h"

/* Reading the circuit's input */

static int parse(const char *text, size_t len, char why[CDX_SLOTS_WHY_MAX])
{
	struct cdx_proof_inputs in = {.samples = 99};
	int r;

	why[0] = '\0';
	r = cdx_proof_inputs_parse(&in, text, len, why);
	if (r == 0)
		cdx_proof_inputs_free(&in);
	else
		assert_int_equal(in.samples, 99);
	return r;
}

static void files_come_back(void **state)
{
	static const char *const names[] = {"input.json",
					    "derived_small_k3m2_input.json"};
	char why[CDX_SLOTS_WHY_MAX];

	(void)state;
	for (size_t k = 0; k < CDX_ARRAY_LEN(names); k++) {
		struct cdx_proof_inputs in;
		struct cdx_buf text = {0};
		struct cdx_buf again = {0};
		json_t *v = vector_load(names[k]);
		json_t *j;

		vector_raw(&text, names[k]);
		assert_int_equal(cdx_proof_inputs_parse(&in,
							(const char *)text.p,
							text.len, why),
				 0);
		j = cdx_proof_inputs_json(&in);
		assert_true(json_equal(j, v));
		assert_int_equal(cdx_proof_inputs_text(&again, &in), 0);
		if (k == 0) {
			assert_int_equal(in.sample[1].cell, 21);
			assert_int_equal(again.len, text.len);
			assert_memory_equal(again.p, text.p, text.len);
		}
		json_decref(j);
		json_decref(v);
		cdx_proof_inputs_free(&in);
		cdx_buf_free(&text);
		cdx_buf_free(&again);
	}
}

static void all_strings_are_read(void **state)
{
	static const char *const keys[] = {"slotIndex", "nCellsPerSlot",
					   "nSlotsPerDataSet"};
	struct cdx_proof_inputs in;
	json_t *v = vector_load("derived_small_k3m2_input.json");
	json_t *want = json_deep_copy(v);
	char why[CDX_SLOTS_WHY_MAX];
	char *text;
	json_t *j;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(keys); i++) {
		char number[32];

		snprintf(number, sizeof(number), "%" PRIu64,
			 vector_u64(v, keys[i]));
		json_object_set_new(v, keys[i], json_string(number));
	}
	/* and a small element as a number */
	json_array_set_new(json_array_get(vector_get(v, "cellData"), 0), 0,
			   json_integer(0));
	text = json_dumps(v, 0);
	assert_int_equal(cdx_proof_inputs_parse(&in, text, strlen(text), why),
			 0);
	j = cdx_proof_inputs_json(&in);
	assert_true(json_equal(j, want));
	json_decref(j);
	cdx_proof_inputs_free(&in);
	free(text);
	json_decref(v);
	json_decref(want);
}

/* Bends one thing of a good file with @how, which must be refused with @want */
static void bent(const char *want, void (*how)(json_t *))
{
	json_t *v = vector_load("derived_small_k3m2_input.json");
	char why[CDX_SLOTS_WHY_MAX];
	char *text;

	how(v);
	text = json_dumps(v, 0);
	assert_int_equal(parse(text, strlen(text), why), CDX_E_FORMAT);
	assert_string_equal(why, want);
	free(text);
	json_decref(v);
}

static json_t *path_of(json_t *v, size_t i)
{
	return json_array_get(json_object_get(v, "merklePaths"), i);
}

static json_t *cell_of(json_t *v, size_t i)
{
	return json_array_get(json_object_get(v, "cellData"), i);
}

static void drop_entropy(json_t *v)
{
	json_object_del(v, "entropy");
}

static void add_member(json_t *v)
{
	json_object_set_new(v, "more", json_integer(1));
}

static void short_path(json_t *v)
{
	json_array_remove(path_of(v, 3), 31);
}

static void long_path(json_t *v)
{
	json_array_append_new(path_of(v, 0), json_string("0"));
}

static void fewer_paths(json_t *v)
{
	json_array_remove(json_object_get(v, "merklePaths"), 0);
}

static void short_slot_proof(json_t *v)
{
	json_array_remove(json_object_get(v, "slotProof"), 0);
}

static void short_cell(json_t *v)
{
	json_array_remove(cell_of(v, 2), 0);
}

static void empty_cell(json_t *v)
{
	json_array_clear(cell_of(v, 0));
}

static void no_samples(json_t *v)
{
	json_array_clear(json_object_get(v, "cellData"));
}

static void many_samples(json_t *v)
{
	json_t *cells = json_object_get(v, "cellData");

	while (json_array_size(cells) <= CDX_SAMPLES_MAX)
		json_array_append(cells, json_array_get(cells, 0));
}

static void modulus(json_t *v)
{
	json_array_set_new(
		path_of(v, 2), 7,
		json_string("2188824287183927522224640574525727508854836440041"
			    "6034343698204186575808495617"));
}

static void negative(json_t *v)
{
	json_array_set_new(cell_of(v, 1), 1, json_integer(-1));
}

static void not_a_number(json_t *v)
{
	json_object_set_new(v, "slotRoot", json_string("0x12"));
}

static void null_root(json_t *v)
{
	json_object_set_new(v, "dataSetRoot", json_null());
}

static void odd_cells(json_t *v)
{
	json_object_set_new(v, "nCellsPerSlot", json_integer(63));
}

static void one_cell(json_t *v)
{
	json_object_set_new(v, "nCellsPerSlot", json_string("1"));
}

static void too_many_cells(json_t *v)
{
	json_object_set_new(v, "nCellsPerSlot", json_string("8589934592"));
}

static void no_slots(json_t *v)
{
	json_object_set_new(v, "nSlotsPerDataSet", json_integer(0));
}

static void high_slot(json_t *v)
{
	json_object_set_new(v, "slotIndex", json_integer(5));
}

static void huge_slot(json_t *v)
{
	json_object_set_new(v, "slotIndex",
			    json_string("18446744073709551617"));
}

static void bent_files_are_refused(void **state)
{
	(void)state;
	bent("entropy is missing", drop_entropy);
	bent("members that no input has", add_member);
	bent("merklePaths[3]: not an array of 32 elements", short_path);
	bent("merklePaths[0]: not an array of 32 elements", long_path);
	bent("merklePaths: not an array of 5 paths", fewer_paths);
	bent("slotProof: not an array of 8 elements", short_slot_proof);
	bent("cellData[2]: not an array of 3 elements", short_cell);
	bent("cellData[0]: not an array of elements", empty_cell);
	bent("cellData: not an array of 1 to 1024 samples", no_samples);
	bent("cellData: not an array of 1 to 1024 samples", many_samples);
	bent("merklePaths[2][7]: not a field element", modulus);
	bent("cellData[1][1]: not a field element", negative);
	bent("slotRoot: not a field element", not_a_number);
	bent("dataSetRoot: not a field element", null_root);
	bent("nCellsPerSlot: not a power of two from 2 to 2^32", odd_cells);
	bent("nCellsPerSlot: not a power of two from 2 to 2^32", one_cell);
	bent("nCellsPerSlot: not a power of two from 2 to 2^32",
	     too_many_cells);
	bent("nSlotsPerDataSet: not from 1 to 256", no_slots);
	bent("slotIndex: not below nSlotsPerDataSet", high_slot);
	bent("slotIndex: not a number of 64 bits", huge_slot);
}

static void texts_that_are_refused(void **state)
{
	struct cdx_buf text = {0};
	char why[CDX_SLOTS_WHY_MAX];

	(void)state;
	vector_raw(&text, "derived_small_k3m2_input.json");
	for (size_t len = 0; len < text.len - 2; len += 97) {
		assert_int_equal(parse((const char *)text.p, len, why),
				 CDX_E_FORMAT);
		assert_string_not_equal(why, "");
	}
	assert_int_equal(parse("[]", 2, why), CDX_E_FORMAT);
	assert_string_equal(why, "not a JSON object");
	assert_int_equal(parse("{\"a\":1,\"a\":1}", 13, why), CDX_E_FORMAT);
	assert_non_null(strstr(why, "uplicate"));
	/* what a terminal would act on is not quoted */
	assert_int_equal(parse("{\"\x7f\x7f\": \xc2\x9b}", 10, why),
			 CDX_E_FORMAT);
	for (size_t i = 0; why[i]; i++)
		assert_true(why[i] >= ' ' && why[i] <= '~');
	cdx_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_back),
		cmocka_unit_test(all_strings_are_read),
		cmocka_unit_test(bent_files_are_refused),
		cmocka_unit_test(texts_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
