/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/circuit.h"

#include <errno.h>
#include <stdlib.h>

#include "bn254/fr_modulus.h"
#include "bn254/poseidon2_trace.h"
#include "proof/circuit_layout.h"
#include "proof/circuit_sums.h"

/* ---- signals are sums of wires; see circuit_parts.h ---- */

struct sig {
	struct cdx_sum s;
};

struct ctx {
	struct cdx_sums sums; /* its err is everybody's */
	struct cdx_rows rows;
	uint64_t *label; /* of each wire */
};

struct sig_mark {
	struct cdx_sums_mark at;
};

static inline struct sig sig_of(struct cdx_sum s)
{
	const struct sig r = {s};

	return r;
}

/* The wire itself */
static inline struct sig sig_wire(struct ctx *c, uint32_t wire)
{
	return sig_of(cdx_sums_wire(&c->sums, wire, &cdx_fr_one));
}

/* So many times wire 0 */
static inline struct sig sig_constant(struct ctx *c, const struct cdx_fr *v)
{
	return sig_of(cdx_sums_wire(&c->sums, 0, v));
}

/* The same for small numbers */
static inline struct sig sig_number(struct ctx *c, uint64_t v)
{
	struct cdx_fr x;

	cdx_fr_from_u64(&x, v);
	return sig_constant(c, &x);
}

/* a + b */
static inline struct sig sig_add(struct ctx *c, struct sig a, struct sig b)
{
	return sig_of(cdx_sums_plus(&c->sums, a.s, b.s));
}

/* a - b */
static inline struct sig sig_sub(struct ctx *c, struct sig a, struct sig b)
{
	return sig_of(cdx_sums_minus(&c->sums, a.s, b.s));
}

/* a / 2^k */
static inline struct sig sig_halve(struct ctx *c, struct sig a, unsigned k)
{
	struct cdx_fr d;

	cdx_circuit_half(&d, k);
	return sig_of(cdx_sums_scale(&c->sums, a.s, &d));
}

/* No sum; whoever asks keeps it */
static inline struct sig sig_times(struct ctx *c, struct sig a, struct sig b)
{
	(void)b;
	return sig_sub(c, a, a);
}

/* The same */
static inline void sig_bits(struct ctx *c, struct sig *out, unsigned n,
			    struct sig a)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = sig_times(c, a, a);
}

/* The wire, whatever is on it */
static inline struct sig sig_keep(struct ctx *c, struct place at, struct sig a)
{
	(void)a;
	c->label[at.wire] = at.label;
	return sig_wire(c, at.wire);
}

/* The constraint a b = d */
static void sig_row(struct ctx *c, uint32_t row, struct sig a, struct sig b,
		    struct sig d)
{
	if (c->sums.err == 0)
		c->sums.err = cdx_rows_put(&c->rows, row, a.s, b.s, d.s);
}

/* The same */
static inline void sig_must(struct ctx *c, uint32_t row, struct sig a,
			    struct sig b, struct sig d)
{
	sig_row(c, row, a, b, d);
}

/* Nothing of a circuit is secret */
static inline void sig_forget(struct ctx *c, struct sig *s, size_t n)
{
	(void)c;
	(void)s;
	(void)n;
}

/* Sample @k: what is made from here on */
static inline struct sig_mark sig_begin(struct ctx *c, uint32_t k)
{
	const struct sig_mark mark = {c->sums.at};

	(void)k;
	return mark;
}

/* ... up to here has had its time */
static inline void sig_end(struct ctx *c, struct sig_mark mark)
{
	c->sums.at = mark.at;
}

static void sig_permute(struct ctx *c, struct place at, const struct sig in[3],
			const struct place out_at[3], struct sig out[3]);

#include "proof/circuit_parts.h"

/* ---- the permutation, of which a witness has the trace ---- */

/* SBox: x2 <== s s, x4 <== x2 x2, y <== s x4, where s is x + @k */
static void sbox(struct ctx *c, struct place at, struct sig x,
		 const struct cdx_fr *k, struct sig y)
{
	const struct sig s = sig_add(c, x, sig_constant(c, k));
	const struct sig minus = neg(c, s);
	const struct sig x2 = sig_keep(c, place_at(at, 0, 0, SBOX_LABEL_X2), s);
	const struct sig x4 = sig_keep(c, place_at(at, 1, 0, SBOX_LABEL_X4), s);

	sig_row(c, at.row, minus, s, neg(c, x2));
	sig_row(c, at.row + 1, neg(c, x2), x2, neg(c, x4));
	sig_row(c, at.row + 2, minus, x4, neg(c, y));
}

/* Matrix [[2,1,1],[1,2,1],[1,1,2]] */
static void linear_layer(struct ctx *c, struct sig out[3],
			 const struct sig in[3])
{
	const struct sig sum = sig_add(c, sig_add(c, in[0], in[1]), in[2]);

	for (unsigned j = 0; j < 3; j++)
		out[j] = sig_add(c, in[j], sum);
}

/* ExternalRound(@k) from @in to @out, which are kept: the S-boxes' results are
 * the matrix's inverse, times out: out less a quarter of the sum */
static void external_round(struct ctx *c, struct place perm, unsigned k,
			   const struct sig in[3], const struct sig out[3])
{
	const struct cdx_fr *constant = cdx_poseidon2_external_constants(k);
	const struct place at =
		place_at(perm, PERM_WIRE_EXT + 3 * SBOX_WIRES * k,
			 3 * SBOX_ROWS * k,
			 PERM_LABEL_EXT + EXT_LABELS * k + ROUND_LABEL_SBOX);
	const struct sig quarter =
		sig_halve(c, sig_add(c, sig_add(c, out[0], out[1]), out[2]), 2);

	for (unsigned j = 0; j < 3; j++)
		sbox(c,
		     place_at(at, SBOX_WIRES * j, SBOX_ROWS * j,
			      SBOX_LABELS * j),
		     in[j], &constant[j], sig_sub(c, out[j], quarter));
}

/* InternalRound(@k), of whose result the first element is kept: x := 2 y + v,
 * a := y + a + v, b := y + 2 b + v with v = a + b */
static void internal_round(struct ctx *c, struct place perm, unsigned k,
			   struct sig s[3])
{
	const struct place at =
		place_at(perm, PERM_WIRE_INT + SBOX_WIRES * k,
			 PERM_ROW_INT + SBOX_ROWS * k,
			 PERM_LABEL_INT + INT_LABELS * k + ROUND_LABEL_SBOX);
	const struct sig x = sig_keep(c,
				      place_at(perm, PERM_WIRE_MIDDLE + k, 0,
					       PERM_LABEL_AUX + 3 * (k + 5)),
				      s[0]);
	const struct sig v = sig_add(c, s[1], s[2]);
	const struct sig y = sig_halve(c, sig_sub(c, x, v), 1);
	const struct sig t = sig_add(c, y, v);

	sbox(c, at, s[0], cdx_poseidon2_internal_constant(k), y);
	s[0] = x;
	s[1] = sig_add(c, t, s[1]);
	s[2] = sig_add(c, t, sig_add(c, s[2], s[2]));
}

/* aux[@k], kept from wire @wire on */
static void keep_state(struct ctx *c, struct place perm, uint32_t wire,
		       unsigned k, struct sig out[3])
{
	for (unsigned j = 0; j < 3; j++)
		out[j] = sig_keep(c,
				  place_at(perm, wire + j, 0,
					   PERM_LABEL_AUX + 3 * k + j),
				  sig_number(c, 0));
}

static void sig_permute(struct ctx *c, struct place at, const struct sig in[3],
			const struct place out_at[3], struct sig out[3])
{
	const unsigned half = CDX_TRACE_HALF;
	struct sig end[3];
	struct sig s[3];
	struct sig next[3];
	struct sig_mark mark;

	for (unsigned j = 0; j < 3; j++)
		end[j] = sig_keep(c, out_at[j], in[j]);
	mark = sig_begin(c, 0);
	linear_layer(c, s, in);
	for (unsigned k = 0; k < half; k++) {
		keep_state(c, at, 3 * k, k + 1, next);
		external_round(c, at, k, s, next);
		for (unsigned j = 0; j < 3; j++)
			s[j] = next[j];
	}
	for (unsigned k = 0; k < CDX_TRACE_INTERNAL; k++)
		internal_round(c, at, k, s);
	for (unsigned k = 0; k < half - 1; k++) {
		keep_state(c, at, PERM_WIRE_LAST + 3 * k, k + 61, next);
		external_round(c, at, half + k, s, next);
		for (unsigned j = 0; j < 3; j++)
			s[j] = next[j];
	}
	external_round(c, at, CDX_TRACE_EXTERNAL - 1, s, end);
	sig_end(c, mark);
	for (unsigned j = 0; j < 3; j++)
		out[j] = end[j];
}

/* ---- all of it ---- */

int cdx_circuit_r1cs_labels(struct cdx_r1cs *out, uint32_t samples,
			    enum cdx_circuit_labels labels)
{
	const uint32_t log_labels = labels == CDX_CIRCUIT_LABELS_2024
					    ? LOG_LABELS_2024
					    : LOG_LABELS;
	struct cdx_r1cs r = {
		.wires = cdx_circuit_wires(samples),
		.public_inputs = CDX_CIRCUIT_PUBLIC,
		.private_inputs = INPUT_CELL_DATA - 1 - CDX_CIRCUIT_PUBLIC +
				  INPUTS_OF_SAMPLE * samples,
	};
	struct ctx c = {.label = NULL};
	int rc;

	if (samples == 0 || samples > CDX_CIRCUIT_SAMPLES_MAX)
		return -EINVAL;
	r.label = calloc(r.wires, sizeof(*r.label));
	if (!r.label)
		return -ENOMEM;
	for (uint32_t i = 0; i < INPUT_CELL_DATA + INPUTS_OF_SAMPLE * samples;
	     i++)
		r.label[i] = i;
	c.label = r.label;
	rc = cdx_rows_init(&c.rows, cdx_circuit_constraints(samples));
	if (rc == 0) {
		r.labels = sample_and_prove(&c, samples, log_labels);
		rc = c.sums.err;
	}
	if (rc == 0)
		rc = cdx_rows_take(&c.rows, &r);
	cdx_rows_free(&c.rows);
	cdx_sums_free(&c.sums);
	if (rc < 0) {
		cdx_r1cs_free(&r);
		return rc;
	}
	*out = r;
	return 0;
}

int cdx_circuit_r1cs(struct cdx_r1cs *out, uint32_t samples)
{
	return cdx_circuit_r1cs_labels(out, samples,
				       CDX_CIRCUIT_LABELS_TESTNET);
}
