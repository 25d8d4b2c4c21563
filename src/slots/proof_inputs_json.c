/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slots/sampler.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Writing the circuit's input (spec/datasets.md 7.4) */

static json_t *fr_json(const struct cdx_fr *v)
{
	char text[CDX_FR_TEXT_MAX];

	cdx_fr_to_text(text, v);
	return json_string(text);
}

static json_t *row_json(const struct cdx_fr *row, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; j && i < n; i++) {
		if (json_array_append_new(j, fr_json(&row[i])) < 0) {
			json_decref(j);
			j = NULL;
		}
	}
	return j;
}

/* The samples' cells or paths */
static json_t *rows_json(const struct cdx_proof_inputs *in, bool paths)
{
	json_t *j = json_array();

	for (uint32_t i = 0; j && i < in->samples; i++) {
		const struct cdx_sample *s = &in->sample[i];
		json_t *row = paths ? row_json(s->path, CDX_INPUT_DEPTH)
				    : row_json(s->data, in->cell_elements);

		if (json_array_append_new(j, row) < 0) {
			json_decref(j);
			j = NULL;
		}
	}
	return j;
}

json_t *cdx_proof_inputs_json(const struct cdx_proof_inputs *in)
{
	json_t *j = json_object();

	/* setting NULL fails, so a value that could not be made is noticed */
	if (!j ||
	    json_object_set_new(j, "dataSetRoot", fr_json(&in->dataset_root)) <
		    0 ||
	    json_object_set_new(j, "entropy", fr_json(&in->entropy)) < 0 ||
	    json_object_set_new(j, "nCellsPerSlot",
				json_integer((json_int_t)in->slot_cells)) < 0 ||
	    json_object_set_new(j, "nSlotsPerDataSet",
				json_integer((json_int_t)in->slots)) < 0 ||
	    json_object_set_new(j, "slotIndex",
				json_integer((json_int_t)in->slot_index)) < 0 ||
	    json_object_set_new(j, "slotRoot", fr_json(&in->slot_root)) < 0 ||
	    json_object_set_new(j, "slotProof",
				row_json(in->slot_proof,
					 CDX_INPUT_SLOT_DEPTH)) < 0 ||
	    json_object_set_new(j, "cellData", rows_json(in, false)) < 0 ||
	    json_object_set_new(j, "merklePaths", rows_json(in, true)) < 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static void put(struct cdx_buf *out, const char *text)
{
	cdx_buf_put(out, text, strlen(text));
}

static void put_fr(struct cdx_buf *out, const struct cdx_fr *v)
{
	char text[CDX_FR_TEXT_MAX];

	cdx_fr_to_text(text, v);
	put(out, "\"");
	put(out, text);
	put(out, "\"\n");
}

static void put_u64(struct cdx_buf *out, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", v);
	put(out, text);
}

/* @indent: of the commas; the opening bracket is the caller's */
static void put_row(struct cdx_buf *out, const char *indent,
		    const struct cdx_fr *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i) {
			put(out, indent);
			put(out, ", ");
		}
		put_fr(out, &row[i]);
	}
	put(out, indent);
	put(out, "]\n");
}

static void put_rows(struct cdx_buf *out, const struct cdx_proof_inputs *in,
		     bool paths)
{
	for (uint32_t i = 0; i < in->samples; i++) {
		const struct cdx_sample *s = &in->sample[i];

		put(out, i ? "    , [ " : "    [ [ ");
		if (paths)
			put_row(out, "      ", s->path, CDX_INPUT_DEPTH);
		else
			put_row(out, "      ", s->data, in->cell_elements);
	}
	put(out, "    ]\n");
}

/* White space and order are those of the published fixture too, so that files
 * can be compared byte for byte. */
int cdx_proof_inputs_text(struct cdx_buf *out,
			  const struct cdx_proof_inputs *in)
{
	put(out, "{\n  \"dataSetRoot\":      ");
	put_fr(out, &in->dataset_root);
	put(out, ", \"entropy\":          ");
	put_fr(out, &in->entropy);
	put(out, ", \"nCellsPerSlot\":    ");
	put_u64(out, in->slot_cells);
	put(out, ", \"nSlotsPerDataSet\": ");
	put_u64(out, in->slots);
	put(out, ", \"slotIndex\":        ");
	put_u64(out, in->slot_index);
	put(out, ", \"slotRoot\":         ");
	put_fr(out, &in->slot_root);
	put(out, ", \"slotProof\":\n    [ ");
	put_row(out, "    ", in->slot_proof, CDX_INPUT_SLOT_DEPTH);
	put(out, ", \"cellData\":\n");
	put_rows(out, in, false);
	put(out, ", \"merklePaths\":\n");
	put_rows(out, in, true);
	put(out, "}\n");
	return cdx_buf_ok(out);
}
