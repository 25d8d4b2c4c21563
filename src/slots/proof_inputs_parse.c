/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slots/sampler.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "slots/internal.h"

/* Reading the circuit's input (spec/datasets.md 7.4) */

CDX_PRINTF(2, 3)
static int refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CDX_SLOTS_WHY_MAX, fmt, ap);
	va_end(ap);
	/* the parser quotes its input, which must not reach a terminal raw */
	for (; *why; why++)
		if (*why < 0x20 || *why > 0x7e)
			*why = '?';
	return CDX_E_FORMAT;
}

static int get_fr(struct cdx_fr *out, const json_t *j)
{
	if (json_is_string(j))
		return cdx_fr_from_text(out, json_string_value(j));
	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return CDX_E_FORMAT;
	cdx_fr_from_u64(out, (uint64_t)json_integer_value(j));
	return 0;
}

/* As a field element first, so that text has one reader */
static int get_u64(uint64_t *out, const json_t *j)
{
	struct cdx_fr v;
	uint64_t limbs[4];

	if (get_fr(&v, j) < 0)
		return CDX_E_FORMAT;
	cdx_fr_to_limbs(limbs, &v);
	if (limbs[1] | limbs[2] | limbs[3])
		return CDX_E_FORMAT;
	*out = limbs[0];
	return 0;
}

static const char *const members[] = {
	"dataSetRoot",	    "entropy",	 "nCellsPerSlot",
	"nSlotsPerDataSet", "slotIndex", "slotRoot",
	"slotProof",	    "cellData",	 "merklePaths",
};

static int check_members(const json_t *j, char *why)
{
	if (!json_is_object(j))
		return refuse(why, "not a JSON object");
	for (size_t i = 0; i < CDX_ARRAY_LEN(members); i++)
		if (!json_object_get(j, members[i]))
			return refuse(why, "%s is missing", members[i]);
	if (json_object_size(j) != CDX_ARRAY_LEN(members))
		return refuse(why, "members that no input has");
	return 0;
}

static int parse_scalars(struct cdx_proof_inputs *in, const json_t *j,
			 char *why)
{
	const struct {
		const char *name;
		struct cdx_fr *out;
	} elements[] = {
		{"dataSetRoot", &in->dataset_root},
		{"entropy", &in->entropy},
		{"slotRoot", &in->slot_root},
	};
	const struct {
		const char *name;
		uint64_t *out;
	} numbers[] = {
		{"nCellsPerSlot", &in->slot_cells},
		{"nSlotsPerDataSet", &in->slots},
		{"slotIndex", &in->slot_index},
	};

	for (size_t i = 0; i < CDX_ARRAY_LEN(elements); i++)
		if (get_fr(elements[i].out,
			   json_object_get(j, elements[i].name)) < 0)
			return refuse(why, "%s: not a field element",
				      elements[i].name);
	for (size_t i = 0; i < CDX_ARRAY_LEN(numbers); i++)
		if (get_u64(numbers[i].out,
			    json_object_get(j, numbers[i].name)) < 0)
			return refuse(why, "%s: not a number of 64 bits",
				      numbers[i].name);
	if (in->slot_cells < 2 ||
	    in->slot_cells > UINT64_C(1) << CDX_SLOT_DEPTH_MAX ||
	    (in->slot_cells & (in->slot_cells - 1)) != 0)
		return refuse(why, "nCellsPerSlot: not a power of two from 2 "
				   "to 2^32");
	if (in->slots < 1 || in->slots > CDX_SLOTS_MAX)
		return refuse(why, "nSlotsPerDataSet: not from 1 to %u",
			      (unsigned)CDX_SLOTS_MAX);
	if (in->slot_index >= in->slots)
		return refuse(why, "slotIndex: not below nSlotsPerDataSet");
	return 0;
}

/* @name and @index say which row it is; @index is -1 where there is only one */
static int parse_row(struct cdx_fr *out, const json_t *j, size_t n,
		     const char *name, int index, char *why)
{
	char where[64];

	if (index < 0)
		snprintf(where, sizeof(where), "%s", name);
	else
		snprintf(where, sizeof(where), "%s[%d]", name, index);
	if (!json_is_array(j) || json_array_size(j) != n)
		return refuse(why, "%s: not an array of %zu elements", where,
			      n);
	for (size_t i = 0; i < n; i++)
		if (get_fr(&out[i], json_array_get(j, i)) < 0)
			return refuse(why, "%s[%zu]: not a field element",
				      where, i);
	return 0;
}

/* How many samples of how many elements? */
static int measure(struct cdx_proof_inputs *in, const json_t *cells,
		   const json_t *paths, char *why)
{
	size_t samples = json_array_size(cells);
	size_t elements = json_array_size(json_array_get(cells, 0));

	if (samples == 0 || samples > CDX_SAMPLES_MAX)
		return refuse(why, "cellData: not an array of 1 to %u samples",
			      CDX_SAMPLES_MAX);
	if (elements == 0 || elements > UINT32_MAX)
		return refuse(why, "cellData[0]: not an array of elements");
	if (json_array_size(paths) != samples)
		return refuse(why, "merklePaths: not an array of %zu paths",
			      samples);
	in->samples = (uint32_t)samples;
	in->cell_elements = (uint32_t)elements;
	return 0;
}

static int parse_samples(struct cdx_proof_inputs *in, const json_t *j,
			 char *why)
{
	const json_t *cells = json_object_get(j, "cellData");
	const json_t *paths = json_object_get(j, "merklePaths");
	int r = measure(in, cells, paths, why);

	/* a row as long as the first is checked before room is made for all */
	for (uint32_t i = 0; r == 0 && i < in->samples; i++)
		if (json_array_size(json_array_get(cells, i)) !=
		    in->cell_elements)
			r = refuse(why,
				   "cellData[%u]: not an array of %u elements",
				   (unsigned)i, (unsigned)in->cell_elements);
	if (r == 0)
		r = cdx_proof_inputs_room(in);
	for (uint32_t i = 0; r == 0 && i < in->samples; i++) {
		r = parse_row(in->sample[i].data, json_array_get(cells, i),
			      in->cell_elements, "cellData", (int)i, why);
		if (r == 0)
			r = parse_row(in->sample[i].path,
				      json_array_get(paths, i), CDX_INPUT_DEPTH,
				      "merklePaths", (int)i, why);
	}
	return r;
}

static int parse_object(struct cdx_proof_inputs *in, const json_t *j, char *why)
{
	int r = check_members(j, why);

	if (r == 0)
		r = parse_scalars(in, j, why);
	if (r == 0)
		r = parse_row(in->slot_proof, json_object_get(j, "slotProof"),
			      CDX_INPUT_SLOT_DEPTH, "slotProof", -1, why);
	if (r == 0)
		r = parse_samples(in, j, why);
	return r;
}

/* Which cells they are follows from the roots and the entropy. */
static int number_cells(struct cdx_proof_inputs *in)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < in->samples; i++)
		r = cdx_cell_index(&in->sample[i].cell, &in->entropy,
				   &in->slot_root, in->slot_cells,
				   (uint64_t)i + 1);
	return r;
}

int cdx_proof_inputs_parse(struct cdx_proof_inputs *out, const char *text,
			   size_t len, char why[CDX_SLOTS_WHY_MAX])
{
	struct cdx_proof_inputs in = {0};
	json_error_t error;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	int r;

	if (!j) {
		if (json_error_code(&error) == json_error_out_of_memory)
			return -ENOMEM;
		return refuse(why, "line %d: %s", error.line, error.text);
	}
	r = parse_object(&in, j, why);
	json_decref(j);
	if (r == 0)
		r = number_cells(&in);
	if (r < 0) {
		cdx_proof_inputs_free(&in);
		return r;
	}
	*out = in;
	return 0;
}
