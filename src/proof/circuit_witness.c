/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/circuit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "bn254/fr_modulus.h"
#include "bn254/poseidon2_trace.h"
#include "crypto/hash.h"
#include "proof/circuit_layout.h"
#include "proof/why.h"

_Static_assert(CDX_CIRCUIT_DEPTH == CDX_INPUT_DEPTH &&
		       CDX_CIRCUIT_SLOT_DEPTH == CDX_INPUT_SLOT_DEPTH &&
		       CDX_CIRCUIT_SAMPLES_MAX == CDX_SAMPLES_MAX,
	       "inputs are made for this circuit");
_Static_assert(CDX_TRACE_ELEMENTS == PERM_WIRES,
	       "a trace is what the circuit keeps of a permutation");

/* ---- signals are values; see circuit_parts.h ---- */

struct sig {
	struct cdx_fr v;
};

/* Sample 0 begins when the dataset's root is done */
#define NO_SAMPLE UINT32_MAX

struct ctx {
	struct cdx_fr *w;
	uint32_t sample; /* that is being worked at */
	uint32_t failed; /* the first that does not fit; NO_SAMPLE: the slot */
	bool fits;
};

struct sig_mark {
	char nothing;
};

/* What is on a wire */
static inline struct sig sig_wire(const struct ctx *c, uint32_t wire)
{
	const struct sig s = {c->w[wire]};

	return s;
}

/* A constant */
static inline struct sig sig_constant(const struct ctx *c,
				      const struct cdx_fr *v)
{
	const struct sig s = {*v};

	(void)c;
	return s;
}

/* A constant; mostly 0 or 1 */
static inline struct sig sig_number(const struct ctx *c, uint64_t v)
{
	struct sig s = {v ? cdx_fr_one : cdx_fr_zero};

	(void)c;
	if (v > 1)
		cdx_fr_from_u64(&s.v, v);
	return s;
}

/* a + b */
static inline struct sig sig_add(const struct ctx *c, struct sig a,
				 struct sig b)
{
	(void)c;
	fp_add(a.v.l, a.v.l, b.v.l, &fr_modulus);
	return a;
}

/* a - b */
static inline struct sig sig_sub(const struct ctx *c, struct sig a,
				 struct sig b)
{
	(void)c;
	fp_sub(a.v.l, a.v.l, b.v.l, &fr_modulus);
	return a;
}

/* a b */
static inline struct sig sig_times(const struct ctx *c, struct sig a,
				   struct sig b)
{
	(void)c;
	cdx_fr_mul(&a.v, &a.v, &b.v);
	return a;
}

/* a / 2^k */
static inline struct sig sig_halve(const struct ctx *c, struct sig a,
				   unsigned k)
{
	struct cdx_fr d;

	(void)c;
	cdx_circuit_half(&d, k);
	cdx_fr_mul(&a.v, &a.v, &d);
	return a;
}

/* The lowest @n bits of @a */
static inline void sig_bits(const struct ctx *c, struct sig *out, unsigned n,
			    struct sig a)
{
	uint64_t v[4];

	cdx_fr_to_limbs(v, &a.v);
	for (unsigned i = 0; i < n; i++)
		out[i] = sig_number(c, v[i / 64] >> i % 64 & 1);
}

/* @a onto its wire */
static inline struct sig sig_keep(struct ctx *c, struct place at, struct sig a)
{
	c->w[at.wire] = a.v;
	return a;
}

/* Holds already */
static inline void sig_row(const struct ctx *c, uint32_t row, struct sig a,
			   struct sig b, struct sig d)
{
	(void)c;
	(void)row;
	(void)a;
	(void)b;
	(void)d;
}

/* a b = d, or the inputs do not fit together */
static inline void sig_must(struct ctx *c, uint32_t row, struct sig a,
			    struct sig b, struct sig d)
{
	const struct sig product = sig_times(c, a, b);

	(void)row;
	if (!c->fits || cdx_fr_equal(&product.v, &d.v))
		return;
	c->fits = false;
	c->failed = c->sample;
}

/* Elements of a cell */
static inline void sig_forget(struct ctx *c, struct sig *s, size_t n)
{
	(void)c;
	cdx_wipe(s, n * sizeof(*s));
}

/* Permutation: what is kept lies in one row from at.wire on */
static inline void sig_permute(struct ctx *c, struct place at,
			       const struct sig in[3],
			       const struct place out_at[3], struct sig out[3])
{
	struct cdx_fr s[3] = {in[0].v, in[1].v, in[2].v};

	cdx_poseidon2_trace(
		s, (struct cdx_poseidon2_trace *)(void *)&c->w[at.wire]);
	for (unsigned j = 0; j < 3; j++) {
		out[j].v = s[j];
		(void)sig_keep(c, out_at[j], out[j]);
	}
	cdx_wipe(s, sizeof(s));
}

/* Sample @k */
static inline struct sig_mark sig_begin(struct ctx *c, uint32_t k)
{
	const struct sig_mark nothing = {0};

	c->sample = k;
	return nothing;
}

/* Values need no room */
static inline void sig_end(const struct ctx *c, struct sig_mark mark)
{
	(void)c;
	(void)mark;
}

#include "proof/circuit_parts.h"

/* ---- inputs ---- */

static void put_inputs(struct cdx_fr *w, const struct cdx_proof_inputs *in)
{
	const uint32_t n = in->samples;
	struct cdx_fr *data = w + INPUT_CELL_DATA;
	struct cdx_fr *path = data + (size_t)CDX_CIRCUIT_CELL_ELEMENTS * n;

	w[0] = cdx_fr_one;
	w[INPUT_ENTROPY] = in->entropy;
	w[INPUT_DATASET_ROOT] = in->dataset_root;
	cdx_fr_from_u64(&w[INPUT_SLOT_INDEX], in->slot_index);
	w[INPUT_SLOT_ROOT] = in->slot_root;
	cdx_fr_from_u64(&w[INPUT_CELLS], in->slot_cells);
	cdx_fr_from_u64(&w[INPUT_SLOTS], in->slots);
	memcpy(w + INPUT_SLOT_PROOF, in->slot_proof, sizeof(in->slot_proof));
	for (uint32_t k = 0; k < n; k++) {
		memcpy(data + (size_t)CDX_CIRCUIT_CELL_ELEMENTS * k,
		       in->sample[k].data,
		       CDX_CIRCUIT_CELL_ELEMENTS * sizeof(*data));
		memcpy(path + (size_t)CDX_CIRCUIT_DEPTH * k, in->sample[k].path,
		       sizeof(in->sample[k].path));
	}
}

/*
 * Numbers: ToBits wants slotIndex and nSlotsPerDataSet - 1 to have 8 bits, Log2
 * a power of two from 2 to 2^32.  The circuit does not compare slotIndex with
 * the number of slots; an input with a slot that its dataset has not is
 * nonsense all the same.
 */
static int check_numbers(const struct cdx_proof_inputs *in,
			 char why[CDX_PROOF_WHY_MAX])
{
	const uint64_t cells_max = UINT64_C(1) << CDX_CIRCUIT_DEPTH;
	const uint64_t slots_max = UINT64_C(1) << CDX_CIRCUIT_SLOT_DEPTH;

	if (in->samples == 0 || in->samples > CDX_CIRCUIT_SAMPLES_MAX)
		return cdx_refuse(why, -EINVAL, "cellData: not 1 to %u samples",
				  CDX_CIRCUIT_SAMPLES_MAX);
	if (in->cell_elements != CDX_CIRCUIT_CELL_ELEMENTS)
		return cdx_refuse(why, -EINVAL,
				  "cellData: %u elements in a cell, not %u",
				  in->cell_elements, CDX_CIRCUIT_CELL_ELEMENTS);
	if (in->slot_cells < 2 || in->slot_cells > cells_max ||
	    (in->slot_cells & (in->slot_cells - 1)) != 0)
		return cdx_refuse(
			why, -EINVAL,
			"nCellsPerSlot: not a power of two from 2 to 2^%u",
			CDX_CIRCUIT_DEPTH);
	if (in->slots < 1 || in->slots > slots_max)
		return cdx_refuse(why, -EINVAL,
				  "nSlotsPerDataSet: not from 1 to %u",
				  (unsigned)slots_max);
	if (in->slot_index >= in->slots)
		return cdx_refuse(why, -EINVAL,
				  "slotIndex: not below nSlotsPerDataSet");
	return 0;
}

int cdx_circuit_witness(struct cdx_fr *w, const struct cdx_proof_inputs *in,
			char why[CDX_PROOF_WHY_MAX])
{
	struct ctx c = {
		.w = w,
		.sample = NO_SAMPLE,
		.failed = NO_SAMPLE,
		.fits = true,
	};
	int r = check_numbers(in, why);

	if (r < 0)
		return r;
	put_inputs(w, in);
	(void)sample_and_prove(&c, in->samples, LOG_LABELS);
	if (c.fits)
		return 0;
	if (c.failed == NO_SAMPLE)
		return cdx_refuse(
			why, CDX_E_PROOF,
			"slotRoot and slotProof do not lead to dataSetRoot");
	return cdx_refuse(
		why, CDX_E_PROOF,
		"cellData[%u] and merklePaths[%u] do not lead to slotRoot",
		c.failed, c.failed);
}
