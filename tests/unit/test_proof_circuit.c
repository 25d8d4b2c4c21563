/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "bn254/poseidon2_trace.h"
#include "crypto/hash.h"
#include "proof/circuit.h"
#include "proof/wtns.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/circuit_kit.h"
#include "tests/unit/vector_file.h"

/* The circuit: its sizes, its constraints, witnesses and what is refused.
 * Beside the official one: tests/proof/circuit.sh. */

static void *room(size_t n, size_t size)
{
	void *p = calloc(n, size);

	assert_non_null(p);
	return p;
}

static struct cdx_fr *wires_for(uint32_t samples)
{
	return room(cdx_circuit_wires(samples), sizeof(struct cdx_fr));
}

static struct cdx_r1cs system_of(uint32_t samples)
{
	struct cdx_r1cs r;

	assert_int_equal(cdx_circuit_r1cs(&r, samples), 0);
	return r;
}

static void hash_is(const struct cdx_buf *b, const char *want)
{
	struct cdx_digest d;
	char hex[2 * sizeof(d.b) + 1];

	cdx_sha256(&d, b->p, b->len);
	cdx_hex(hex, d.b, sizeof(d.b));
	assert_string_equal(hex, want);
}

/* ---- sizes, constraints ---- */

static void sizes(void **state)
{
	/* compiled from the published source (spec/proofs.md 1), but 7 and 14,
	 * which follow from the formula */
	static const struct {
		uint32_t samples, constraints, wires;
		unsigned log_domain;
	} want[] = {
		{1, 19578, 19685, 15},	  {2, 37134, 37337, 16},
		{3, 54690, 54989, 16},	  {5, 89802, 90293, 17},
		{7, 124914, 125597, 17},  {8, 142470, 143249, 18},
		{14, 247806, 249161, 18}, {15, 265362, 266813, 19},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(want); i++) {
		const uint32_t n = want[i].samples;

		assert_int_equal(cdx_circuit_constraints(n),
				 want[i].constraints);
		assert_int_equal(cdx_circuit_wires(n), want[i].wires);
		assert_int_equal(cdx_circuit_log_domain(n), want[i].log_domain);
	}
}

static void numbers_of_samples(void **state)
{
	struct cdx_r1cs r = {.wires = 7};

	(void)state;
	assert_int_equal(cdx_circuit_r1cs(&r, 0), -EINVAL);
	assert_int_equal(cdx_circuit_r1cs(&r, CDX_CIRCUIT_SAMPLES_MAX + 1),
			 -EINVAL);
	assert_int_equal(r.wires, 7);
}

/* Counts, order, ranges: what r1cs.h says */
static void check_form(const struct cdx_r1cs *r, uint32_t n)
{
	assert_int_equal(r->wires, cdx_circuit_wires(n));
	assert_int_equal(r->constraints, cdx_circuit_constraints(n));
	assert_int_equal(r->outputs, 0);
	assert_int_equal(r->public_inputs, CDX_CIRCUIT_PUBLIC);
	assert_int_equal(r->private_inputs, 11 + 99 * n);
	assert_int_equal(r->labels, 8088 + UINT64_C(64894) * n);
	assert_int_equal(r->label[0], 0);
	for (uint32_t i = 1; i < r->wires; i++)
		assert_true(r->label[i] > r->label[i - 1]);
	assert_true(r->label[r->wires - 1] < r->labels);
	for (uint32_t i = 0; i < r->coefs; i++)
		assert_false(cdx_fr_is_zero(&r->coef[i]));
	for (size_t j = 0; j < 3; j++) {
		const struct cdx_r1cs_matrix *m = &r->m[j];

		assert_int_equal(m->row[0], 0);
		for (uint32_t i = 0; i < r->constraints; i++) {
			assert_true(m->row[i] <= m->row[i + 1]);
			for (uint32_t k = m->row[i]; k < m->row[i + 1]; k++) {
				assert_true(m->term[k].wire < r->wires);
				assert_true(m->term[k].coef < r->coefs);
				assert_true(k == m->row[i] ||
					    m->term[k - 1].wire <
						    m->term[k].wire);
			}
		}
	}
}

/*
 * SHA-256 of what circom 2.2.3 (npm circom2 0.2.23) with --r1cs --O2 makes of
 * the published source: commit 916099b, and 6e9fcc6 for the labels of 2024.
 * The two for five samples are those of the networks' own files (spec/proofs.md
 * 8.12); the others were compiled for this test.
 */
static const struct {
	uint32_t samples;
	enum cdx_circuit_labels labels;
	const char *sha256;
} published[] = {
	{1, CDX_CIRCUIT_LABELS_TESTNET,
	 "57982b5a4a5a1dff90292b17cd7f7946588209dafc76b777cf1cb13547cc16b8"},
	{2, CDX_CIRCUIT_LABELS_TESTNET,
	 "3998b4d5d08dbd419cc0d893a6b6580126a502b4bdd35623abb93ec4da6aa07d"},
	{5, CDX_CIRCUIT_LABELS_TESTNET,
	 "b87b1329912c61f90915b089a0e177386336a65c0f6dd2d040b347b8eae50779"},
	{5, CDX_CIRCUIT_LABELS_2024,
	 "57947506ff3878ad734b1c893c2f3581c3d83d57b1256e6f0afff90425ffbe67"},
};

static void constraints_are_the_published_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(published); i++) {
		struct cdx_buf b = {0};
		struct cdx_r1cs r;

		assert_int_equal(cdx_circuit_r1cs_labels(&r,
							 published[i].samples,
							 published[i].labels),
				 0);
		if (published[i].labels == CDX_CIRCUIT_LABELS_TESTNET)
			check_form(&r, published[i].samples);
		assert_int_equal(cdx_r1cs_write(&b, &r), 0);
		hash_is(&b, published[i].sha256);
		cdx_buf_free(&b);
		cdx_r1cs_free(&r);
	}
}

/* ---- witnesses ---- */

static struct cdx_proof_inputs inputs_of(const char *file)
{
	struct cdx_proof_inputs in;
	struct cdx_buf text = {0};
	char why[CDX_SLOTS_WHY_MAX];

	vector_raw(&text, file);
	assert_int_equal(cdx_proof_inputs_parse(&in, (const char *)text.p,
						text.len, why),
			 0);
	cdx_buf_free(&text);
	return in;
}

/* The shared input, and the witness that the published wasm makes of it */
static void witness_is_the_published_one(void)
{
	struct cdx_proof_inputs in = inputs_of("input.json");
	struct cdx_fr *w = wires_for(in.samples);
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf b = {0};

	assert_int_equal(cdx_circuit_witness(w, &in, why), 0);
	assert_int_equal(cdx_wtns_write(&b, w, cdx_circuit_wires(in.samples)),
			 0);
	hash_is(&b, "eeaf582c1182ea955a7d47723b20bd6cc46fd16feac3b0de1ad024d41"
		    "a2b133b");
	cdx_buf_free(&b);
	free(w);
	cdx_proof_inputs_free(&in);
}

static void published_witness(void **state)
{
	(void)state;
	bn254_each_backend(witness_is_the_published_one);
}

static void satisfied(const struct cdx_r1cs *r, const struct cdx_fr *w,
		      const char *what)
{
	uint32_t row = 0;

	if (cdx_r1cs_check(r, w, &row) < 0)
		fail_msg("%s: constraint %" PRIu32, what, row);
}

static struct cdx_proof_inputs any_inputs(const struct circuit_case *c,
					  uint32_t samples, struct seed *s)
{
	struct cdx_proof_inputs in;
	int r = kit_inputs(&in, c, samples, s);

	if (r < 0)
		fail_msg("%s: %d", c->what, r);
	return in;
}

static void edge_cases(void **state)
{
	struct seed s = seed_start("edge_cases");
	struct cdx_r1cs r = system_of(2);
	struct cdx_fr *w = wires_for(2);
	struct cdx_fr *again = wires_for(2);

	(void)state;
	memset(again, 0xff, cdx_circuit_wires(2) * sizeof(*again));
	for (size_t i = 0; i < CIRCUIT_EDGES; i++) {
		const struct circuit_case *c = &circuit_edges[i];
		struct cdx_proof_inputs in = any_inputs(c, 2, &s);
		char why[CDX_PROOF_WHY_MAX];

		assert_int_equal(cdx_circuit_witness(w, &in, why), 0);
		satisfied(&r, w, c->what);
		/* and the same again, whatever was in the memory */
		assert_int_equal(cdx_circuit_witness(again, &in, why), 0);
		assert_memory_equal(w, again,
				    cdx_circuit_wires(2) * sizeof(*w));
		cdx_proof_inputs_free(&in);
	}
	free(w);
	free(again);
	cdx_r1cs_free(&r);
}

static void any_forms(void **state)
{
	struct seed s = seed_start("any_forms");

	(void)state;
	for (uint32_t samples = 1; samples <= 4; samples++) {
		struct cdx_r1cs r = system_of(samples);
		struct cdx_fr *w = wires_for(samples);

		for (unsigned i = 0; i < 4; i++) {
			const struct circuit_case c = kit_any(&s);
			struct cdx_proof_inputs in =
				any_inputs(&c, samples, &s);
			char why[CDX_PROOF_WHY_MAX];

			assert_int_equal(cdx_circuit_witness(w, &in, why), 0);
			satisfied(&r, w, c.what);
			cdx_proof_inputs_free(&in);
		}
		free(w);
		cdx_r1cs_free(&r);
	}
}

/* A witness with one other value satisfies nothing, but for a hint that nothing
 * depends on: the inverse of zero */
static void other_values_do_not_satisfy(void **state)
{
	struct seed s = seed_start("other_values_do_not_satisfy");
	struct cdx_r1cs r = system_of(1);
	struct cdx_fr *w = wires_for(1);
	const struct circuit_case c = kit_any(&s);
	struct cdx_proof_inputs in = any_inputs(&c, 1, &s);
	char why[CDX_PROOF_WHY_MAX];

	(void)state;
	assert_int_equal(cdx_circuit_witness(w, &in, why), 0);
	for (unsigned i = 0; i < 60; i++) {
		const size_t at = seed_below(&s, i < 20 ? 150 : r.wires);
		const struct cdx_fr was = w[at];

		kit_element(&w[at], &s);
		if (cdx_r1cs_check(&r, w, NULL) == 0)
			assert_true(at > 150 && cdx_fr_is_zero(&was));
		w[at] = was;
	}
	satisfied(&r, w, "as it was");
	free(w);
	cdx_proof_inputs_free(&in);
	cdx_r1cs_free(&r);
}

/* ---- what is refused ---- */

static bool under(const struct cdx_fr *leaf, uint64_t leaves, uint64_t index,
		  const struct cdx_fr *path, const struct cdx_fr *root)
{
	struct cdx_p2tree_proof p = {
		.index = index,
		.leaves = leaves,
		.depth = cdx_p2tree_depth(leaves),
	};

	memcpy(p.path, path, p.depth * sizeof(*path));
	return cdx_p2tree_verify(&p, leaf, root) == 0;
}

/* Is a sample's cell under the slot's root?  In two trees, of which each has
 * its own bottom (src/merkle), with 32 cells in a block; the one of the block
 * has the first five entries of the path. */
static bool cell_fits(const struct cdx_proof_inputs *in, uint32_t k)
{
	const struct cdx_sample *sample = &in->sample[k];
	const uint64_t block = in->slot_cells < 32 ? in->slot_cells : 32;
	const unsigned depth = cdx_p2tree_depth(block);
	struct cdx_p2tree_proof p = {.leaves = block, .depth = depth};
	struct cdx_fr x;
	uint64_t cell;

	assert_int_equal(cdx_cell_index(&cell, &in->entropy, &in->slot_root,
					in->slot_cells, k + 1),
			 0);
	cdx_poseidon2_sponge(&x, sample->data, in->cell_elements, 2);
	p.index = cell % block;
	for (unsigned i = 0; i < depth; i++) {
		const struct cdx_fr *other = &sample->path[i];
		const bool right = p.index >> i & 1;

		cdx_poseidon2_compress(&x, right ? other : &x,
				       right ? &x : other, i == 0);
	}
	return under(&x, in->slot_cells / block, cell / block,
		     sample->path + CDX_CIRCUIT_BLOCK_DEPTH, &in->slot_root);
}

/* The circuit's decision, found another way; @sample: the first that does not
 * fit, or -1 for the slot */
static bool fits(const struct cdx_proof_inputs *in, int *sample)
{
	*sample = -1;
	if (!under(&in->slot_root, in->slots, in->slot_index, in->slot_proof,
		   &in->dataset_root))
		return false;
	for (uint32_t k = 0; k < in->samples; k++) {
		*sample = (int)k;
		if (!cell_fits(in, k))
			return false;
	}
	return true;
}

/* Both decide the same; false when they refuse */
static bool decide(const struct cdx_r1cs *r, struct cdx_fr *w,
		   const struct cdx_proof_inputs *in)
{
	char want[CDX_PROOF_WHY_MAX] =
		"slotRoot and slotProof do not lead to dataSetRoot";
	char why[CDX_PROOF_WHY_MAX] = "";
	int sample;

	if (fits(in, &sample)) {
		assert_int_equal(cdx_circuit_witness(w, in, why), 0);
		satisfied(r, w, "accepted");
		return true;
	}
	if (sample >= 0)
		(void)snprintf(want, sizeof(want),
			       "cellData[%d] and merklePaths[%d] do not lead "
			       "to slotRoot",
			       sample, sample);
	assert_int_equal(cdx_circuit_witness(w, in, why), CDX_E_PROOF);
	assert_string_equal(why, want);
	/* and what it has written does not satisfy the circuit */
	assert_int_equal(cdx_r1cs_check(r, w, NULL), CDX_E_PROOF);
	return false;
}

/* Entries of paths behind their ends are not looked at, though they are hashed:
 * all others must be as they are */
static bool matters(const struct cdx_proof_inputs *in, size_t i)
{
	const size_t data = (size_t)in->samples * in->cell_elements;
	const unsigned log = cdx_p2tree_depth(in->slot_cells);
	size_t at;

	if (i < 3)
		return true;
	i -= 3;
	if (i < CDX_INPUT_SLOT_DEPTH)
		return i < cdx_p2tree_depth(in->slots);
	i -= CDX_INPUT_SLOT_DEPTH;
	if (i < data)
		return true;
	at = (i - data) % CDX_INPUT_DEPTH;
	/* the tree of the blocks has a layer even when there is one block */
	return at < log || at == CDX_CIRCUIT_BLOCK_DEPTH;
}

/* Every scalar of an input, one by one */
static void tamper_all(const struct circuit_case *c, struct seed *s)
{
	struct cdx_r1cs r = system_of(1);
	struct cdx_fr *w = wires_for(1);
	struct cdx_proof_inputs in = any_inputs(c, 1, s);
	struct cdx_fr *x;

	assert_true(decide(&r, w, &in));
	for (size_t i = 0; (x = kit_scalar(&in, i)); i++) {
		const struct cdx_fr was = *x;

		if (i % 2)
			kit_element(x, s);
		else
			cdx_fr_add(x, x, &cdx_fr_one);
		/* another entropy may well ask for the same cell */
		if (decide(&r, w, &in) == matters(&in, i) && i > 0)
			fail_msg("%s: scalar %zu", c->what, i);
		*x = was;
	}
	for (size_t i = 0; i < KIT_NUMBERS; i++) {
		uint64_t *number = kit_number(&in, i);
		const uint64_t was = *number;

		for (uint64_t v = 1; v <= 256; v *= 2) {
			*number = v;
			if (in.slot_index < in.slots && in.slot_cells > 1)
				(void)decide(&r, w, &in);
		}
		*number = was;
	}
	assert_true(decide(&r, w, &in));
	free(w);
	cdx_proof_inputs_free(&in);
	cdx_r1cs_free(&r);
}

static void every_scalar_counts(void **state)
{
	static const struct circuit_case small[] = {
		{"five slots, 64 cells", 5, 4, 6, false},
		{"two slots, 4 cells", 2, 0, 2, false},
	};
	struct seed s = seed_start("every_scalar_counts");

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(small); i++)
		tamper_all(&small[i], &s);
}

/* Slots and cells of two samples exchanged, one scalar for another */
static void exchanged_parts(void **state)
{
	struct seed s = seed_start("exchanged_parts");
	struct cdx_proof_inputs in = inputs_of("input.json");
	struct cdx_r1cs r = system_of(in.samples);
	struct cdx_fr *w = wires_for(in.samples);
	const size_t all =
		11 + (size_t)in.samples * (in.cell_elements + CDX_INPUT_DEPTH);
	struct cdx_sample was = in.sample[1];

	(void)state;
	in.sample[1] = in.sample[3];
	assert_false(decide(&r, w, &in));
	in.sample[1] = was;
	for (unsigned i = 0; i < 12; i++) {
		struct cdx_fr *a = kit_scalar(&in, seed_below(&s, all));
		const struct cdx_fr *b = kit_scalar(&in, seed_below(&s, all));
		struct cdx_fr x;

		if (!a || !b)
			fail();
		x = *a;
		*a = *b;
		(void)decide(&r, w, &in);
		*a = x;
	}
	assert_true(decide(&r, w, &in));
	free(w);
	cdx_proof_inputs_free(&in);
	cdx_r1cs_free(&r);
}

static void bad_numbers(void **state)
{
	static const struct {
		uint64_t index, cells, slots;
		const char *why;
	} bad[] = {
		{3, 0, 11, "nCellsPerSlot: not a power of two from 2 to 2^32"},
		{3, 1, 11, "nCellsPerSlot: not a power of two from 2 to 2^32"},
		{3, 511, 11,
		 "nCellsPerSlot: not a power of two from 2 to 2^32"},
		{3, UINT64_C(1) << 33, 11,
		 "nCellsPerSlot: not a power of two from 2 to 2^32"},
		{3, UINT64_MAX, 11,
		 "nCellsPerSlot: not a power of two from 2 to 2^32"},
		{0, 512, 0, "nSlotsPerDataSet: not from 1 to 256"},
		{3, 512, 257, "nSlotsPerDataSet: not from 1 to 256"},
		{3, 512, UINT64_MAX, "nSlotsPerDataSet: not from 1 to 256"},
		{11, 512, 11, "slotIndex: not below nSlotsPerDataSet"},
		{UINT64_MAX, 512, 11, "slotIndex: not below nSlotsPerDataSet"},
	};
	struct cdx_proof_inputs in = inputs_of("input.json");
	struct cdx_fr *w = wires_for(in.samples);
	char why[CDX_PROOF_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		struct cdx_proof_inputs b = in;

		b.slot_index = bad[i].index;
		b.slot_cells = bad[i].cells;
		b.slots = bad[i].slots;
		assert_int_equal(cdx_circuit_witness(w, &b, why), -EINVAL);
		assert_string_equal(why, bad[i].why);
	}
	for (uint32_t n = 0; n <= 2000; n += 2000) {
		struct cdx_proof_inputs b = in;

		b.samples = n;
		assert_int_equal(cdx_circuit_witness(w, &b, why), -EINVAL);
		assert_string_equal(why, "cellData: not 1 to 1024 samples");
		b = in;
		b.cell_elements = n ? 68 : 66;
		assert_int_equal(cdx_circuit_witness(w, &b, why), -EINVAL);
		assert_non_null(strstr(why, "elements in a cell, not 67"));
	}
	free(w);
	cdx_proof_inputs_free(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(numbers_of_samples),
		cmocka_unit_test(constraints_are_the_published_ones),
		cmocka_unit_test(published_witness),
		cmocka_unit_test(edge_cases),
		cmocka_unit_test(any_forms),
		cmocka_unit_test(other_values_do_not_satisfy),
		cmocka_unit_test(every_scalar_counts),
		cmocka_unit_test(exchanged_parts),
		cmocka_unit_test(bad_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
