/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_CIRCUIT_LAYOUT_H
#define CDX_PROOF_CIRCUIT_LAYOUT_H

#include <stdint.h>

#include "proof/circuit.h"

/*
 * How much room the parts of the circuit take (spec/proofs.md 3): wires and
 * rows (constraints) that circom --O2 keeps, and labels, which number the
 * signals of the source, kept or not.  A part's own signals come first, then
 * the parts in it, sorted by name and index; rows lie in the same order.  So
 * the place of everything is a sum of sizes, and the parts may be worked
 * through in the order in which values flow.
 */
struct place {
	uint32_t wire;
	uint32_t row;
	uint32_t label;
};

/* 1 / 2^@k */
void cdx_circuit_half(struct cdx_fr *out, unsigned k);

/* S-box: out, inp, x2, x4 */
#define SBOX_LABELS 4u
#define SBOX_ROWS 3u
#define SBOX_WIRES 2u
#define SBOX_LABEL_X2 2u
#define SBOX_LABEL_X4 3u

/* Permutation: out[3], inp[3], aux[65][3]; ext[8], int[56], ll */
#define PERM_WIRES 237u
#define PERM_ROWS 240u
#define PERM_LABELS 911u
/* aux[1..4], aux[5..60][0], aux[61..63], then x2 and x4 of all S-boxes */
#define PERM_WIRE_MIDDLE 12u
#define PERM_WIRE_LAST (PERM_WIRE_MIDDLE + 56)
#define PERM_WIRE_EXT (PERM_WIRE_LAST + 9)
#define PERM_WIRE_INT (PERM_WIRE_EXT + 8 * 3 * SBOX_WIRES)
#define PERM_ROW_INT (8 * 3 * SBOX_ROWS)
#define PERM_LABEL_AUX 6u
#define PERM_LABEL_EXT 201u
#define PERM_LABEL_INT 345u
#define ROUND_LABEL_SBOX 6u
#define EXT_LABELS (6 + 3 * SBOX_LABELS)
#define INT_LABELS (6 + SBOX_LABELS)

/* KeyedCompression: out, key, inp[2]; perm.  Kept beside what the permutation
 * keeps: key, perm.out[1], perm.out[2] */
#define KEYED_WIRES (PERM_WIRES + 3)
#define KEYED_LABELS (PERM_LABELS + 4)
#define KEYED_LABEL_PERM 4u

/* IsEqual: out, A, B; isz: out, inp, inv.  Kept: out and inv, of the topmost
 * inv alone, since isLast is the same as its out */
#define EQUAL_WIRES 2u
#define EQUAL_ROWS 2u
#define EQUAL_LABELS 6u
#define EQUAL_LABEL_INV 5u

/* RootFromMerklePath(d): recRoot, leaf, pathBits[d], lastBits[d],
 * maskBits[d+1], merklePath[d], maskBitsCorrected[d+1], aux[d+1], isLast[d+1],
 * switch[d], prods[d]; comp[d], eq[d].  Kept: aux[1..d], isLast[0..d-1],
 * switch, prods[0..d-2] */
#define TREE_OWN_WIRES(d) (4 * (d)-1)
#define TREE_OWN_ROWS(d) (4 * (d)-1)
#define TREE_OWN_LABELS(d) (9 * (d) + 6)
#define TREE_WIRES(d) \
	(TREE_OWN_WIRES(d) + KEYED_WIRES * (d) + EQUAL_WIRES * (d)-1)
#define TREE_ROWS(d) (TREE_OWN_ROWS(d) + (PERM_ROWS + EQUAL_ROWS) * (d))
#define TREE_LABELS(d) \
	(TREE_OWN_LABELS(d) + (KEYED_LABELS + EQUAL_LABELS) * (d))
#define TREE_LABEL_PATH_BITS 2u
#define TREE_LABEL_AUX(d) (5 * (d) + 4)
#define TREE_LABEL_IS_LAST(d) (TREE_LABEL_AUX(d) + (d) + 1)
#define TREE_LABEL_SWITCH(d) (TREE_LABEL_IS_LAST(d) + (d) + 1)
#define TREE_LABEL_PRODS(d) (TREE_LABEL_SWITCH(d) + (d))

/* Poseidon2_hash_rate2(n): out, inp[n]; sponge: out, inp[n], padded[2b],
 * state[b+1][3], sorbed[b][2]; absorb[b].  Kept: state[1..b] but for the last
 * one's first element, which is the hash */
#define SPONGE_BLOCKS(n) ((n) / 2 + 1)
#define SPONGE_OWN_WIRES(n) (3 * SPONGE_BLOCKS(n) - 1)
#define SPONGE_WIRES(n) (SPONGE_OWN_WIRES(n) + PERM_WIRES * SPONGE_BLOCKS(n))
#define SPONGE_ROWS(n) (PERM_ROWS * SPONGE_BLOCKS(n))
#define SPONGE_OWN_LABELS(n) ((n) + 4 + 7 * SPONGE_BLOCKS(n))
#define HASH_LABEL_SPONGE(n) ((n) + 1)
#define HASH_LABELS(n)                                 \
	(HASH_LABEL_SPONGE(n) + SPONGE_OWN_LABELS(n) + \
	 PERM_LABELS * SPONGE_BLOCKS(n))
#define SPONGE_LABEL_STATE(n) (1 + (n) + 2 * SPONGE_BLOCKS(n))

/* ExtractLowerBits(32): out[32], inp; le: BinaryCompare(254): out, A, B, eq,
 * aux[254], jump[255]; tb: ToBits(254): out[254], inp.  Kept: out[1..31],
 * A[32..252], eq, aux[0..252], jump[0..252].  out[0] is indexBits[0], and A
 * below 32 is out. */
#define FIELD_BITS 254u
#define LOW_LABELS (33 + LESS_LABELS + FIELD_BITS + 1)
#define LESS_LABELS (1 + 5 * FIELD_BITS + 1)
#define LOW_LABEL_LESS 33u
#define LESS_LABEL_A 1u
#define LESS_LABEL_EQ (1 + 2 * FIELD_BITS)
#define LESS_LABEL_AUX (1 + 3 * FIELD_BITS)
#define LESS_LABEL_JUMP (1 + 4 * FIELD_BITS)
#define LOW_WIRES                                                     \
	(CDX_CIRCUIT_DEPTH - 1 + FIELD_BITS - 1 - CDX_CIRCUIT_DEPTH + \
	 FIELD_BITS + 2 * (FIELD_BITS - 1))
#define LESS_ROWS (3 * FIELD_BITS - 1)
#define LOW_ROWS (LESS_ROWS + FIELD_BITS)

/* CalculateCellIndexBits(32): indexBits[32], entropy, slotRoot, counter,
 * cellIndexBitMask[32], hash; md, pos.  Kept: indexBits, hash */
#define INDEX_HASH_ELEMENTS 3u
#define INDEX_OWN_WIRES (CDX_CIRCUIT_DEPTH + 1)
#define INDEX_OWN_ROWS (CDX_CIRCUIT_DEPTH - 1)
#define INDEX_OWN_LABELS (2 * CDX_CIRCUIT_DEPTH + 4)
#define INDEX_WIRES \
	(INDEX_OWN_WIRES + LOW_WIRES + SPONGE_WIRES(INDEX_HASH_ELEMENTS))
#define INDEX_ROWS \
	(INDEX_OWN_ROWS + LOW_ROWS + SPONGE_ROWS(INDEX_HASH_ELEMENTS))
#define INDEX_LABELS \
	(INDEX_OWN_LABELS + LOW_LABELS + HASH_LABELS(INDEX_HASH_ELEMENTS))

/* ProveSingleCell: slotRoot, data[67], lastBits[32], indexBits[32],
 * maskBits[33], merklePath[32]; hash, pbot, pmid.  Kept: hash.out,
 * pbot.recRoot */
#define CELL_MID_DEPTH (CDX_CIRCUIT_DEPTH - CDX_CIRCUIT_BLOCK_DEPTH)
#define CELL_OWN_LABELS (2 + CDX_CIRCUIT_CELL_ELEMENTS + 4 * CDX_CIRCUIT_DEPTH)
#define CELL_WIRES                                         \
	(1 + SPONGE_WIRES(CDX_CIRCUIT_CELL_ELEMENTS) + 1 + \
	 TREE_WIRES(CDX_CIRCUIT_BLOCK_DEPTH) + TREE_WIRES(CELL_MID_DEPTH))
#define CELL_ROWS                                 \
	(SPONGE_ROWS(CDX_CIRCUIT_CELL_ELEMENTS) + \
	 TREE_ROWS(CDX_CIRCUIT_BLOCK_DEPTH) + TREE_ROWS(CELL_MID_DEPTH))
#define CELL_LABELS                                                 \
	(CELL_OWN_LABELS + HASH_LABELS(CDX_CIRCUIT_CELL_ELEMENTS) + \
	 TREE_LABELS(CDX_CIRCUIT_BLOCK_DEPTH) + TREE_LABELS(CELL_MID_DEPTH))

/* CeilingLog2(8): out, bits[8], mask[9], inp, aux[9]; tb.  Kept: out,
 * bits[0..6], mask[0..5] */
#define CLOG_BITS CDX_CIRCUIT_SLOT_DEPTH
#define CLOG_OWN_ROWS (CLOG_BITS - 1)
#define CLOG_WIRES (1 + (CLOG_BITS - 1) + (CLOG_BITS - 2))
#define CLOG_ROWS (CLOG_OWN_ROWS + CLOG_BITS)
#define CLOG_LABELS (3 * CLOG_BITS + 4 + CLOG_BITS + 1)

/* Log2(32): out, mask[33], inp; the one of the testnet has done[257] and
 * log2[257] besides, which are not kept.  Kept: out */
#define LOG_WIRES 1u
#define LOG_ROWS CDX_CIRCUIT_DEPTH
#define LOG_LABELS_2024 (CDX_CIRCUIT_DEPTH + 3)
#define LOG_LABELS (LOG_LABELS_2024 + 2 * 257)

/* mtop keeps pathBits[0..6] besides */
#define TOP_WIRES \
	(CDX_CIRCUIT_SLOT_DEPTH - 1 + TREE_WIRES(CDX_CIRCUIT_SLOT_DEPTH))

/* tbtp: ToBits(8): out[8], inp */
#define SLOT_BITS_ROWS CDX_CIRCUIT_SLOT_DEPTH
#define SLOT_BITS_LABELS (CDX_CIRCUIT_SLOT_DEPTH + 1)

/* main: entropy, dataSetRoot, slotIndex, slotRoot, nCellsPerSlot,
 * nSlotsPerDataSet, slotProof[8], cellData[n][67], merklePaths[n][32],
 * lastBits[32]; calci[n], clog, lg, mtop, prove[n], tbtp.  The inputs are all
 * kept, so that wire and label are the same number; lastBits[1..30] follow,
 * which stand for lg.mask too. */
#define INPUT_ENTROPY 1u
#define INPUT_DATASET_ROOT 2u
#define INPUT_SLOT_INDEX 3u
#define INPUT_SLOT_ROOT 4u
#define INPUT_CELLS 5u
#define INPUT_SLOTS 6u
#define INPUT_SLOT_PROOF 7u
#define INPUT_CELL_DATA (INPUT_SLOT_PROOF + CDX_CIRCUIT_SLOT_DEPTH)
#define INPUTS_OF_SAMPLE (CDX_CIRCUIT_CELL_ELEMENTS + CDX_CIRCUIT_DEPTH)

#define FIXED_WIRES                                                           \
	(INPUT_CELL_DATA + (CDX_CIRCUIT_DEPTH - 2) + CLOG_WIRES + LOG_WIRES + \
	 TOP_WIRES)
#define FIXED_ROWS                                                  \
	(CLOG_ROWS + LOG_ROWS + TREE_ROWS(CDX_CIRCUIT_SLOT_DEPTH) + \
	 SLOT_BITS_ROWS)
#define SAMPLE_WIRES (INPUTS_OF_SAMPLE + INDEX_WIRES + CELL_WIRES)
#define SAMPLE_ROWS (INDEX_ROWS + CELL_ROWS)

#endif
