/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The circuit: a template, included by circuit_witness.c, where a signal is its
 * value, and by circuit_r1cs.c, where it is a sum of wires (no guard).  Names
 * and statements are those of the published source; places: circuit_layout.h.
 * The includer defines struct ctx, struct sig and
 *
 *   sig_wire(c, wire)          what is on a wire
 *   sig_number(c, v)           a small constant
 *   sig_constant(c, &v)        a constant
 *   sig_add(c, a, b)  sig_sub(c, a, b)  sig_halve(c, a, k): a / 2^k
 *   sig_times(c, a, b)         a b; a value only, no sum of wires: keep it
 *   sig_bits(c, out, n, a)     the lowest bits; values only
 *   sig_keep(c, at, a)         puts it on the wire at.wire; that from now on
 *   sig_row(c, row, a, b, d)   the constraint a b = d, which holds by what was
 *                              kept
 *   sig_must(c, row, a, b, d)  the constraint a b = d, which holds for inputs
 *                              that fit together
 *   sig_permute(c, at, in, out_at, out)
 *                              Permutation; its results are kept at out_at
 *   sig_forget(c, s, n)        these are not used any more, and secret
 *   sig_begin(c, k)  sig_end(c, mark)
 *                              sample k; signals made in between are not used
 *                              behind the end
 *
 * circom turns x <== a b into -a b = -x.
 */

/* Wire, row and label */
static inline struct place place(uint32_t wire, uint32_t row, uint32_t label)
{
	const struct place p = {wire, row, label};

	return p;
}

/* So far behind @p */
static inline struct place place_at(struct place p, uint32_t wires,
				    uint32_t rows, uint32_t labels)
{
	return place(p.wire + wires, p.row + rows, p.label + labels);
}

/* -a */
static inline struct sig neg(struct ctx *c, struct sig a)
{
	return sig_sub(c, sig_number(c, 0), a);
}

/* x <== a b, kept */
static inline struct sig product(struct ctx *c, struct place at, struct sig a,
				 struct sig b)
{
	const struct sig x = sig_keep(c, at, sig_times(c, a, b));

	sig_row(c, at.row, neg(c, a), b, neg(c, x));
	return x;
}

/* x (1 - x) = 0 */
static inline void is_bit(struct ctx *c, uint32_t row, struct sig x)
{
	sig_row(c, row, sig_sub(c, sig_number(c, 1), x), x, sig_number(c, 0));
}

/* The topmost of @n bits of @x from the others: (x - sum 2^i bit[i]) / 2^(n-1),
 * in ToBits the equation that leaves no row */
static inline struct sig top_bit(struct ctx *c, struct sig x,
				 const struct sig *bit, unsigned n)
{
	struct sig sum = bit[n - 2];

	for (unsigned i = n - 2; i-- > 0;)
		sum = sig_add(c, sig_add(c, sum, sum), bit[i]);
	return sig_halve(c, sig_sub(c, x, sum), n - 1);
}

/* What the sponge's capacity begins with: 2^64 + 256 * 3 + rate */
static inline struct sig sponge_iv(struct ctx *c)
{
	const uint8_t iv[9] = {2, 3, 0, 0, 0, 0, 0, 0, 1};
	struct cdx_fr v;

	cdx_fr_from_short(&v, iv, sizeof(iv));
	return sig_constant(c, &v);
}

/* PoseidonSponge of rate 2 over @n elements; @at.label is the sponge's, the hash
 * is kept at @out */
static inline struct sig sponge(struct ctx *c, struct place at,
				const struct sig *in, unsigned n,
				struct place out)
{
	const unsigned blocks = SPONGE_BLOCKS(n);
	const struct place state = place_at(at, 0, 0, SPONGE_LABEL_STATE(n));
	const struct place absorb =
		place_at(at, SPONGE_OWN_WIRES(n), 0, SPONGE_OWN_LABELS(n));
	struct sig s[3] = {sig_number(c, 0), sig_number(c, 0), sponge_iv(c)};

	for (unsigned m = 0; m < blocks; m++) {
		struct place next[3];

		for (unsigned j = 0; j < 2; j++) {
			const unsigned i = 2 * m + j;

			if (i <= n)
				s[j] = sig_add(c, s[j],
					       i < n ? in[i]
						     : sig_number(c, 1));
		}
		for (unsigned j = 0; j < 3; j++)
			next[j] =
				place_at(state, 3 * m + j, 0, 3 * (m + 1) + j);
		if (m == blocks - 1) { /* the hash has a wire of its own */
			next[0] = out;
			next[1].wire--;
			next[2].wire--;
		}
		sig_permute(c,
			    place_at(absorb, PERM_WIRES * m, PERM_ROWS * m,
				     PERM_LABELS * m),
			    s, next, s);
	}
	return s[0];
}

/* IsEqual of two bits.  IsZero's hint, the inverse of the difference or 0, is
 * the difference itself.  @at: of inv and the rows. */
static inline struct sig equal(struct ctx *c, struct place at, struct place out,
			       struct sig a, struct sig b)
{
	const struct sig one = sig_number(c, 1);
	const struct sig x = sig_sub(c, a, b);
	const struct sig inv = sig_keep(c, at, x);
	const struct sig same =
		sig_keep(c, out, sig_sub(c, one, sig_times(c, x, inv)));

	sig_row(c, at.row, x, inv, sig_sub(c, one, same));
	sig_row(c, at.row + 1, x, same, sig_number(c, 0));
	return same;
}

/* What RootFromMerklePath is given */
struct tree {
	unsigned depth;
	struct sig leaf;
	const struct sig *index; /* bits, as many as depth */
	const struct sig *last;	 /* the same of the last leaf */
	const struct sig *mask;	 /* depth + 1; the first is one */
	const struct sig *path;
};

/* The equation for its result, which whoever uses it completes:
 * root = sum + weight top */
struct climb {
	struct sig sum;
	struct sig weight;
	struct sig top;
	uint32_t row;
};

/* isLast[0..d-1]: are the bits from this one up those of the last leaf? */
static inline void is_last(struct ctx *c, struct place at, const struct tree *t,
			   struct sig *last)
{
	const unsigned d = t->depth;
	const struct place own = place_at(at, d, 0, TREE_LABEL_IS_LAST(d));
	const struct place eq =
		place_at(at, TREE_OWN_WIRES(d) + KEYED_WIRES * d,
			 TREE_OWN_ROWS(d) + PERM_ROWS * d,
			 TREE_OWN_LABELS(d) + KEYED_LABELS * d);

	for (unsigned i = d; i-- > 0;) {
		const struct place me = place_at(
			eq, EQUAL_WIRES * i, EQUAL_ROWS * i, EQUAL_LABELS * i);
		const struct place to = place_at(own, i, d - 2 - i, i);
		const bool top = i == d - 1;
		const struct sig same =
			equal(c, place_at(me, top ? 0 : 1, 0, EQUAL_LABEL_INV),
			      top ? to : me, t->index[i], t->last[i]);

		last[i] = top ? same : product(c, to, last[i + 1], same);
	}
}

/* KeyedCompression of level @i: @l is the node below, @r its neighbour */
static inline struct sig level(struct ctx *c, struct place at,
			       const struct tree *t, unsigned i, struct sig l,
			       struct sig last)
{
	const unsigned d = t->depth;
	const struct place comp =
		place_at(at, TREE_OWN_WIRES(d) + KEYED_WIRES * i,
			 TREE_OWN_ROWS(d) + PERM_ROWS * i,
			 TREE_OWN_LABELS(d) + KEYED_LABELS * i);
	const struct place perm =
		place_at(comp, KEYED_WIRES - PERM_WIRES, 0, KEYED_LABEL_PERM);
	const struct place own = place_at(at, 0, d - 1 + 2 * i, 0);
	const struct place out[3] = {
		place_at(own, i, 0, TREE_LABEL_AUX(d) + i + 1),
		place_at(comp, 1, 0, KEYED_LABEL_PERM + 1),
		place_at(comp, 2, 0, KEYED_LABEL_PERM + 2),
	};
	const struct sig bottom = sig_number(c, i == 0);
	const struct sig r = t->path[i];
	struct sig swap;
	struct sig twice = sig_sub(c, sig_number(c, 1), t->index[i]);
	struct sig key;
	struct sig s[3];

	swap = product(c, place_at(own, 2 * d + i, 0, TREE_LABEL_SWITCH(d) + i),
		       sig_sub(c, r, l), t->index[i]);
	/* key <== bottom + 2 isLast (1 - pathBit) */
	twice = sig_add(c, twice, twice);
	key = sig_add(c, bottom, sig_times(c, twice, last));
	key = sig_keep(c, place_at(comp, 0, 0, 1), key);
	sig_row(c, own.row + 1, neg(c, twice), last, sig_sub(c, bottom, key));
	s[0] = sig_add(c, l, swap);
	s[1] = sig_sub(c, r, swap);
	s[2] = key;
	sig_permute(c, perm, s, out, s);
	return s[0];
}

/* RootFromMerklePath, but for its last equation */
static inline struct climb climb(struct ctx *c, struct place at,
				 const struct tree *t)
{
	const unsigned d = t->depth;
	const struct place prods =
		place_at(at, 3 * d, 3 * d - 1, TREE_LABEL_PRODS(d));
	struct climb up = {.sum = sig_number(c, 0), .row = at.row + 4 * d - 2};
	struct sig last[CDX_CIRCUIT_DEPTH];

	up.top = t->leaf;
	is_last(c, at, t, last);
	for (unsigned i = 0; i < d; i++) {
		up.top = level(c, at, t, i, up.top, last[i]);
		up.weight = sig_sub(c, t->mask[i], t->mask[i + 1]);
		if (i < d - 1)
			up.sum = sig_add(c, up.sum,
					 product(c, place_at(prods, i, i, i),
						 up.weight, up.top));
	}
	return up;
}

/* recRoot === root */
static inline void leads_to(struct ctx *c, const struct climb *up,
			    struct sig root)
{
	sig_must(c, up->row, neg(c, up->weight), up->top,
		 sig_sub(c, up->sum, root));
}

/* Bit @k of r */
static inline uint64_t modulus_bit(unsigned k)
{
	return fr_modulus.m[k / 64] >> k % 64 & 1;
}

/* BinaryCompare(254) with the modulus, out === -1: @a is below it.  Every bit,
 * from the top: eq <== 1 - y y, jump <== eq jump', aux <== (jump' - jump) y. */
static inline void below_modulus(struct ctx *c, struct place at,
				 const struct sig a[FIELD_BITS])
{
	const unsigned n = FIELD_BITS;
	const struct place eq_at =
		place_at(at, n - 1 - CDX_CIRCUIT_DEPTH, 0, LESS_LABEL_EQ);
	const struct place aux_at =
		place(eq_at.wire + n, 0, at.label + LESS_LABEL_AUX);
	const struct place jump_at =
		place(aux_at.wire + n - 1, 0, at.label + LESS_LABEL_JUMP);
	const struct sig one = sig_number(c, 1);
	struct sig sum = one; /* of aux but the topmost, and one */
	struct sig jump = one;
	struct sig top_y = one;
	struct sig top_jump = one;

	for (unsigned k = n; k-- > 0;) {
		const uint32_t row = at.row + 3 * (n - 1 - k) - (k < n - 1);
		const struct sig y =
			sig_sub(c, a[k], sig_number(c, modulus_bit(k)));
		const struct sig above = jump;
		struct sig eq = sig_sub(c, one, sig_times(c, y, y));
		struct sig aux;

		eq = sig_keep(c, place_at(eq_at, k, 0, k), eq);
		sig_row(c, row, y, y, sig_sub(c, one, eq));
		if (k == n - 1) {
			jump = eq;
			top_y = y;
			top_jump = jump;
			continue;
		}
		jump = product(
			c, place(jump_at.wire + k, row + 1, jump_at.label + k),
			eq, above);
		aux = product(c,
			      place(aux_at.wire + k, row + 2, aux_at.label + k),
			      sig_sub(c, above, jump), y);
		sum = sig_add(c, sum, aux);
	}
	sig_row(c, at.row + 1, sig_sub(c, top_jump, one), top_y, sum);
}

/* ExtractLowerBits(32): @bit[0] is kept at @first, the rest where it belongs */
static inline void extract(struct ctx *c, struct place at, struct place first,
			   struct sig x, struct sig bit[FIELD_BITS])
{
	const unsigned n = FIELD_BITS;
	const struct place less =
		place_at(at, CDX_CIRCUIT_DEPTH - 1, 0, LOW_LABEL_LESS);

	sig_bits(c, bit, n - 1, x);
	bit[0] = sig_keep(c, first, bit[0]);
	for (unsigned i = 1; i < n - 1; i++) {
		const uint32_t label = i < CDX_CIRCUIT_DEPTH
					       ? at.label + i
					       : less.label + LESS_LABEL_A + i;

		bit[i] = sig_keep(c, place(at.wire + i - 1, 0, label), bit[i]);
	}
	bit[n - 1] = top_bit(c, x, bit, n);
	below_modulus(c, less, bit);
	for (unsigned i = 0; i < n; i++)
		is_bit(c, at.row + LESS_ROWS + i, bit[i]);
}

/* What all samples share */
struct shared {
	struct sig mask[CDX_CIRCUIT_DEPTH + 1]; /* lg.mask; bits of cells - 1 */
	struct sig entropy;
	struct sig slot_root;
};

/* CalculateCellIndexBits for sample @k */
static inline void cell_index(struct ctx *c, struct place at,
			      const struct shared *sh, uint32_t k)
{
	const unsigned n = INDEX_HASH_ELEMENTS;
	const struct place low =
		place_at(at, INDEX_OWN_WIRES, INDEX_OWN_ROWS, INDEX_OWN_LABELS);
	const struct place hash = place_at(low, LOW_WIRES, LOW_ROWS,
					   LOW_LABELS + HASH_LABEL_SPONGE(n));
	const struct sig in[INDEX_HASH_ELEMENTS] = {sh->entropy, sh->slot_root,
						    sig_number(c, k + 1)};
	struct sig bit[FIELD_BITS];
	struct sig x;

	x = sponge(c, hash, in, n,
		   place_at(at, INDEX_OWN_WIRES - 1, 0, INDEX_OWN_LABELS - 1));
	extract(c, low, at, x, bit);
	for (unsigned i = 1; i < CDX_CIRCUIT_DEPTH; i++)
		product(c, place_at(at, i, i - 1, i), sh->mask[i], bit[i]);
}

/* Wires from @wire on */
static inline void wires(struct ctx *c, struct sig *out, unsigned n,
			 uint32_t wire)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = sig_wire(c, wire + i);
}

/* Wires that a sample's part reads */
struct cell_wires {
	uint32_t data;
	uint32_t path;
	uint32_t index; /* bits */
};

/* ProveSingleCell */
static inline void prove_cell(struct ctx *c, struct place at,
			      const struct shared *sh,
			      const struct cell_wires *w)
{
	const unsigned n = CDX_CIRCUIT_CELL_ELEMENTS;
	const unsigned b = CDX_CIRCUIT_BLOCK_DEPTH;
	const struct place hash =
		place_at(at, 1, 0, CELL_OWN_LABELS + HASH_LABEL_SPONGE(n));
	const struct place bot =
		place_at(at, 1 + SPONGE_WIRES(n), SPONGE_ROWS(n),
			 CELL_OWN_LABELS + HASH_LABELS(n));
	const struct place mid =
		place_at(bot, 1 + TREE_WIRES(b), TREE_ROWS(b), TREE_LABELS(b));
	struct sig in[CDX_CIRCUIT_CELL_ELEMENTS];
	struct sig path[CDX_CIRCUIT_DEPTH];
	struct sig bit[CDX_CIRCUIT_DEPTH];
	struct sig mask[CDX_CIRCUIT_BLOCK_DEPTH + 1];
	struct sig mid_mask[CELL_MID_DEPTH + 1];
	struct tree t = {b, sh->slot_root, bit, sh->mask, mask, path};
	struct climb up;
	struct sig root;

	wires(c, in, n, w->data);
	wires(c, path, CDX_CIRCUIT_DEPTH, w->path);
	wires(c, bit, CDX_CIRCUIT_DEPTH, w->index);
	for (unsigned i = 0; i < b; i++)
		mask[i] = sh->mask[i];
	mask[b] = sig_number(c, 0);
	mid_mask[0] = sig_number(c, 1);
	for (unsigned i = 1; i <= CELL_MID_DEPTH; i++)
		mid_mask[i] = sh->mask[b + i];
	t.leaf = sponge(c, hash, in, n, place_at(at, 0, 0, CELL_OWN_LABELS));
	up = climb(c, place_at(bot, 1, 0, 0), &t);
	/* recRoot <== sum + weight top */
	root = sig_add(c, up.sum, sig_times(c, up.weight, up.top));
	root = sig_keep(c, bot, root);
	sig_row(c, up.row, neg(c, up.weight), up.top, sig_sub(c, up.sum, root));
	t = (struct tree){CELL_MID_DEPTH, root,	    bit + b,
			  sh->mask + b,	  mid_mask, path + b};
	up = climb(c, mid, &t);
	leads_to(c, &up, sh->slot_root);
	sig_forget(c, in, n);
}

/* CeilingLog2(8) of @slots: bits of slots - 1, and those of the smallest
 * 2^k - 1 that is not below it */
static inline void ceiling_log2(struct ctx *c, struct place at,
				struct sig slots, struct sig bit[CLOG_BITS],
				struct sig mask[CLOG_BITS + 1])
{
	const unsigned n = CLOG_BITS;
	const struct sig one = sig_number(c, 1);
	const struct sig x = sig_sub(c, slots, one);
	struct sig sum = sig_number(c, 0);
	struct sig out;

	sig_bits(c, bit, n - 1, x);
	for (unsigned i = 0; i < n - 1; i++)
		bit[i] = sig_keep(c, place_at(at, 1 + i, 0, 1 + i), bit[i]);
	bit[n - 1] = top_bit(c, x, bit, n);
	mask[n] = sig_number(c, 0);
	mask[n - 1] = bit[n - 1];
	/* with aux = 1 - mask: aux[i] <== aux[i+1] (1 - bits[i]) */
	for (unsigned i = n - 1; i-- > 0;) {
		const struct sig aux =
			sig_times(c, sig_sub(c, one, mask[i + 1]),
				  sig_sub(c, one, bit[i]));

		mask[i] = sig_sub(c, one, aux);
		if (i < n - 2)
			mask[i] = sig_keep(c, place_at(at, n + i, 0, 1 + n + i),
					   mask[i]);
	}
	/* out is the number of ones; so mask[6] needs no wire */
	for (unsigned i = 0; i < n - 2; i++)
		sum = sig_add(c, sum, mask[i]);
	sum = sig_add(c, sum, mask[n - 1]);
	out = sig_keep(c, at, sig_add(c, sum, mask[n - 2]));
	mask[n - 2] = sig_sub(c, out, sum);
	for (unsigned i = n - 1; i-- > 0;)
		sig_row(c, at.row + n - 2 - i, sig_sub(c, bit[i], one),
			sig_sub(c, one, mask[i + 1]), sig_sub(c, mask[i], one));
	for (unsigned i = 0; i < n; i++)
		is_bit(c, at.row + CLOG_OWN_ROWS + i, bit[i]);
}

/* lg.mask: the bits of cells - 1, cells being a power of two from 2 to 2^32;
 * those that are kept are main's lastBits[1..30], at @last */
static inline void cell_mask(struct ctx *c, struct place last,
			     struct sig mask[CDX_CIRCUIT_DEPTH + 1])
{
	const unsigned n = CDX_CIRCUIT_DEPTH;
	const struct sig x =
		sig_sub(c, sig_wire(c, INPUT_CELLS), sig_number(c, 1));

	sig_bits(c, mask, n - 1, x);
	mask[0] = sig_number(c, 1);
	for (unsigned i = 1; i < n - 1; i++)
		mask[i] = sig_keep(c, place_at(last, i - 1, 0, i), mask[i]);
	mask[n - 1] = top_bit(c, x, mask, n);
	mask[n] = sig_number(c, 0);
}

/* Log2(32): cells = 2^out */
static inline void log2_rows(struct ctx *c, struct place at,
			     const struct sig mask[CDX_CIRCUIT_DEPTH + 1])
{
	struct sig out = sig_number(c, 0);

	for (unsigned i = 0; i < CDX_CIRCUIT_DEPTH; i++)
		out = sig_add(c, out, mask[i]);
	out = sig_keep(c, at, out);
	/* the mask changes at out only */
	for (unsigned i = 0; i < CDX_CIRCUIT_DEPTH; i++)
		sig_row(c, at.row + i, sig_sub(c, mask[i + 1], mask[i]),
			sig_sub(c, sig_number(c, i + 1), out),
			sig_number(c, 0));
}

/* tbtp, clog and mtop: the slot's root is under the dataset's; @top and @bits:
 * of mtop and of tbtp's rows */
static inline void prove_slot(struct ctx *c, struct place clog,
			      struct place top, uint32_t bits)
{
	const unsigned n = CDX_CIRCUIT_SLOT_DEPTH;
	const struct sig slot = sig_wire(c, INPUT_SLOT_INDEX);
	struct sig index[CDX_CIRCUIT_SLOT_DEPTH];
	struct sig last[CDX_CIRCUIT_SLOT_DEPTH];
	struct sig mask[CDX_CIRCUIT_SLOT_DEPTH + 1];
	struct sig path[CDX_CIRCUIT_SLOT_DEPTH];
	const struct tree t = {
		n, sig_wire(c, INPUT_SLOT_ROOT), index, last, mask, path};
	struct climb up;

	ceiling_log2(c, clog, sig_wire(c, INPUT_SLOTS), last, mask);
	mask[0] = sig_number(c, 1); /* maskBitsCorrected */
	wires(c, path, n, INPUT_SLOT_PROOF);
	sig_bits(c, index, n - 1, slot);
	for (unsigned i = 0; i < n - 1; i++)
		index[i] =
			sig_keep(c,
				 place_at(top, i, 0, TREE_LABEL_PATH_BITS + i),
				 index[i]);
	index[n - 1] = top_bit(c, slot, index, n);
	up = climb(c, place_at(top, n - 1, 0, 0), &t);
	leads_to(c, &up, sig_wire(c, INPUT_DATASET_ROOT));
	for (unsigned i = 0; i < n; i++)
		is_bit(c, bits + i, index[i]);
}

/* SampleAndProve(32, 8, 5, 67, @n); the inputs are on their wires.  @log_labels:
 * of lg.  Returns the number of labels. */
static inline uint32_t sample_and_prove(struct ctx *c, uint32_t n,
					uint32_t log_labels)
{
	const uint32_t inputs = INPUT_CELL_DATA + INPUTS_OF_SAMPLE * n;
	const struct place last = place(inputs, 0, inputs);
	const struct place index =
		place_at(last, CDX_CIRCUIT_DEPTH - 2, 0, CDX_CIRCUIT_DEPTH);
	const struct place clog = place_at(index, INDEX_WIRES * n,
					   INDEX_ROWS * n, INDEX_LABELS * n);
	const struct place lg =
		place_at(clog, CLOG_WIRES, CLOG_ROWS, CLOG_LABELS);
	const struct place top = place_at(lg, LOG_WIRES, LOG_ROWS, log_labels);
	const struct place cell =
		place_at(top, TOP_WIRES, TREE_ROWS(CDX_CIRCUIT_SLOT_DEPTH),
			 TREE_LABELS(CDX_CIRCUIT_SLOT_DEPTH));
	struct shared sh = {.entropy = sig_wire(c, INPUT_ENTROPY),
			    .slot_root = sig_wire(c, INPUT_SLOT_ROOT)};

	cell_mask(c, last, sh.mask);
	log2_rows(c, lg, sh.mask);
	prove_slot(c, clog, top, cell.row + CELL_ROWS * n);
	for (uint32_t k = 0; k < n; k++) {
		const struct sig_mark mark = sig_begin(c, k);
		const struct place at =
			place_at(index, INDEX_WIRES * k, INDEX_ROWS * k,
				 INDEX_LABELS * k);

		const struct cell_wires w = {
			INPUT_CELL_DATA + CDX_CIRCUIT_CELL_ELEMENTS * k,
			INPUT_CELL_DATA + CDX_CIRCUIT_CELL_ELEMENTS * n +
				CDX_CIRCUIT_DEPTH * k,
			at.wire};

		cell_index(c, at, &sh, k);
		prove_cell(c,
			   place_at(cell, CELL_WIRES * k, CELL_ROWS * k,
				    CELL_LABELS * k),
			   &sh, &w);
		sig_end(c, mark);
	}
	return cell.label + CELL_LABELS * n + SLOT_BITS_LABELS;
}
