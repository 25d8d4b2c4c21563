// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {G1Point, G2Point, Groth16Proof, IGroth16Verifier} from "./Groth16.sol";

/// A key as the constructor takes it; names and order of members are those of
/// Codex's contract.
struct VerifyingKey {
	G1Point alpha1;
	G2Point beta2;
	G2Point gamma2;
	G2Point delta2;
	G1Point[] ic; // one more than a proof has inputs
}

/// Bytes that are read with EXTCODECOPY: code that is never run.
contract Groth16Key {
	constructor(bytes memory data) {
		assembly ("memory-safe") {
			return(add(data, 0x20), mload(data))
		}
	}
}

/**
 * Verifies Groth16 proofs over BN254, singly and in batches
 * (docs/CHAIN.md "Batches of proofs").
 *
 * A single proof is a batch of one, for which the factor is one and costs
 * nothing.  No points are checked here: each goes through a precompile, which
 * refuses coordinates that are not below the modulus, points off the curve and,
 * for those of the twist, outside the subgroup (EIP-196, EIP-197).
 *
 * Precompiles get all gas that there is, so that no change of their price
 * breaks a deployed verifier.  One that refuses its input keeps 63/64 of it:
 * after a refusal nothing is done but to return false.
 */
contract Groth16Verifier is IGroth16Verifier {
	/// The base field's modulus, and the order of the groups.
	uint256 private constant P =
		0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
	uint256 private constant R =
		0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

	/// A coordinate out of range, a point off its curve or subgroup, no
	/// point in ic, or infinity where that makes a key accept anything.
	error Groth16Verifier_InvalidKey();

	/**
	 * Its code is the key, from byte 1 on (byte 0 stops whoever calls it):
	 * the last three pairs of every pairing without the points that depend
	 * on the proofs,
	 *
	 *     (0, 0), beta2   (0, 0), -gamma2   (0, 0), -delta2
	 *
	 * with the halves of Fq2 as the precompile wants them, imag first; then
	 * -alpha1 and ic.  With the signs here none is changed per proof.
	 */
	address private immutable _key;
	bytes32 private immutable _keyHash;
	/// Inputs of one proof.
	uint256 private immutable _inputs;

	constructor(VerifyingKey memory key) {
		uint256[] memory words = new uint256[](20 + 2 * key.ic.length);

		if (key.ic.length == 0) revert Groth16Verifier_InvalidKey();
		_putG2(words, 2, key.beta2);
		_putG2(words, 8, _negated(key.gamma2));
		_putG2(words, 14, _negated(key.delta2));
		words[18] = key.alpha1.x;
		words[19] = _negated(key.alpha1.y);
		for (uint256 i = 0; i < key.ic.length; i++) {
			words[20 + 2 * i] = key.ic[i].x;
			words[21 + 2 * i] = key.ic[i].y;
		}
		_checkKey(words);

		bytes memory code = abi.encodePacked(bytes1(0), words);
		_key = address(new Groth16Key(code));
		_keyHash = keccak256(code);
		_inputs = key.ic.length - 1;
	}

	/// Does the proof prove the inputs?  See IGroth16Verifier.
	function verify(Groth16Proof calldata proof, uint256[] calldata inputs)
		external
		view
		returns (bool)
	{
		uint256 start;

		assembly ("memory-safe") {
			start := proof
		}
		return _verify(start, 1, inputs);
	}

	/// Do all proofs prove their inputs?  No, if there are none.
	function verifyBatch(
		Groth16Proof[] calldata proofs,
		uint256[] calldata inputs
	) external view returns (bool) {
		uint256 start;

		assembly ("memory-safe") {
			start := proofs.offset
		}
		return _verify(start, proofs.length, inputs);
	}

	/**
	 * Are the n proofs right that begin at this byte of the call's data?
	 *
	 * Memory behind what Solidity uses: a sum of points (2 words), a point
	 * and its factor (3), n pairs of the pairing (6 each), what was read of
	 * the key.  Until a pair is made its third word is its factor, where
	 * the precompile wants it.  What is hashed lies where the pairs go.
	 */
	function _verify(uint256 start, uint256 n, uint256[] calldata inputs)
		private
		view
		returns (bool good)
	{
		address key = _key;
		bytes32 keyHash = _keyHash;
		uint256 each = _inputs;

		// n * each stays small: the n proofs are in the call's data
		if (n == 0 || inputs.length != n * each) return false;
		assembly ("memory-safe") {
			// Writes the factors of all pairs; returns their sum.
			// The first is one, the others 128 bits of a hash.
			function factors(pairs, count, seed) -> sum {
				sum := 1
				mstore(add(pairs, 0x40), 1)
				mstore(0, seed)
				for { let i := 1 } lt(i, count) {} {
					mstore(0x20, i)
					let rho := shr(128, keccak256(0, 0x40))
					pairs := add(pairs, 0xc0)
					mstore(add(pairs, 0x40), rho)
					sum := add(sum, rho)
					i := add(i, 1)
				}
			}

			// Multiplies the point at @p by the word behind it.  By
			// one it is left as it is, and not looked at.
			function scale(p) -> ok {
				ok := 1
				if iszero(eq(mload(add(p, 0x40)), 1)) {
					ok := staticcall(
						gas(), 7, p, 0x60, p, 0x40
					)
				}
			}

			// Adds (@x, @y) times @factor to the sum at @s.
			function accumulate(s, x, y, factor) -> ok {
				mstore(add(s, 0x40), x)
				mstore(add(s, 0x60), y)
				mstore(add(s, 0x80), factor)
				if scale(add(s, 0x40)) {
					ok := staticcall(
						gas(), 6, s, 0x80, s, 0x40
					)
				}
			}

			// The same with a point in memory.
			function accumulateAt(s, p, factor) -> ok {
				ok := accumulate(
					s, mload(p), mload(add(p, 0x20)), factor
				)
			}

			// Moves the sum at @s; the next one begins at zero.
			function move(to, s) {
				mstore(to, mload(s))
				mstore(add(to, 0x20), mload(add(s, 0x20)))
				mstore(s, 0)
				mstore(add(s, 0x20), 0)
			}

			// The sum of one input of each proof, from @x on every
			// @step bytes, times the proof's factor; R for "one of
			// them is out of range".
			function inputSum(pairs, count, x, step) -> sum {
				let factor := add(pairs, 0x40)
				let end := add(factor, mul(count, 0xc0))
				for {} lt(factor, end) {} {
					let v := calldataload(x)
					if iszero(lt(v, R)) {
						sum := R
						leave
					}
					v := mulmod(mload(factor), v, R)
					sum := addmod(sum, v, R)
					x := add(x, step)
					factor := add(factor, 0xc0)
				}
			}

			// Adds the points at @ic times their inputs' sums.
			function addInputs(s, ic, pairs, count, x, step) -> ok {
				let end := add(x, step)
				ok := 1
				for {} and(ok, lt(x, end)) {} {
					let sum := inputSum(
						pairs, count, x, step
					)
					ok := lt(sum, R)
					if ok {
						ok := accumulateAt(s, ic, sum)
					}
					ic := add(ic, 0x40)
					x := add(x, 0x20)
				}
			}

			// Turns one proof, at @p in the call's data, into a
			// pair, and adds its c to the sum at @s.
			function addProof(s, pair, p) -> ok {
				let factor := mload(add(pair, 0x40))
				calldatacopy(pair, p, 0x40)
				ok := scale(pair)
				// imag first
				let b := add(pair, 0x40)
				mstore(b, calldataload(add(p, 0x60)))
				mstore(add(b, 0x20), calldataload(add(p, 0x40)))
				mstore(add(b, 0x40), calldataload(add(p, 0xa0)))
				mstore(add(b, 0x60), calldataload(add(p, 0x80)))
				if ok {
					let x := calldataload(add(p, 0xc0))
					let y := calldataload(add(p, 0xe0))
					ok := accumulate(s, x, y, factor)
				}
			}

			let s := mload(0x40)
			let pairs := add(s, 0xa0)
			let tail := add(pairs, mul(n, 0xc0))
			let sum

			// the key says how many inputs there are, so the length
			// says how many proofs
			mstore(pairs, keyHash)
			{
				let length := shl(8, n)
				let to := add(pairs, 0x20)
				calldatacopy(to, start, length)
				to := add(to, length)
				length := shl(5, inputs.length)
				calldatacopy(to, inputs.offset, length)
				length := sub(add(to, length), pairs)
				let seed := keccak256(pairs, length)
				sum := factors(pairs, n, seed)
			}
			extcodecopy(key, tail, 1, add(0x2c0, shl(6, each)))

			// -alpha1, to be paired with beta2
			mstore(s, 0)
			mstore(add(s, 0x20), 0)
			good := accumulateAt(s, add(tail, 0x240), sum)
			move(tail, s)
			// what the inputs come to, with -gamma2
			if good {
				good := accumulateAt(s, add(tail, 0x280), sum)
			}
			if good {
				let ic := add(tail, 0x2c0)
				let x := inputs.offset
				let step := shl(5, each)
				good := addInputs(s, ic, pairs, n, x, step)
			}
			move(add(tail, 0xc0), s)
			// all c, with -delta2
			for { let pair := pairs } and(good, lt(pair, tail)) {} {
				good := addProof(s, pair, start)
				pair := add(pair, 0xc0)
				start := add(start, 0x100)
			}
			move(add(tail, 0x180), s)
			if good {
				// stays zero on a chain without the precompile
				mstore(0, 0)
				let length := mul(add(n, 3), 0xc0)
				good := staticcall(
					gas(), 8, pairs, length, 0, 0x20
				)
				good := and(good, eq(mload(0), 1))
			}
		}
	}

	/// Writes a point to words[i] and on, as the precompile wants it.
	function _putG2(uint256[] memory words, uint256 i, G2Point memory p)
		private
		pure
	{
		words[i] = p.x.imag;
		words[i + 1] = p.x.real;
		words[i + 2] = p.y.imag;
		words[i + 3] = p.y.real;
	}

	/// A coordinate with its sign changed.
	function _negated(uint256 y) private pure returns (uint256) {
		if (y >= P) revert Groth16Verifier_InvalidKey();
		return y == 0 ? 0 : P - y;
	}

	/// A point with its sign changed.
	function _negated(G2Point memory p)
		private
		pure
		returns (G2Point memory q)
	{
		q.x = p.x;
		q.y.real = _negated(p.y.real);
		q.y.imag = _negated(p.y.imag);
	}

	/// Reverts unless all points of a key, as it is stored, can be used.
	function _checkKey(uint256[] memory words) private view {
		bool good = true;
		uint256 n = words.length;

		for (uint256 i = 2; i < 18; i += 6) {
			uint256 x = words[i] | words[i + 1];

			good = good && (x | words[i + 2] | words[i + 3]) != 0;
		}
		good = good && (words[18] | words[19]) != 0;
		assembly ("memory-safe") {
			let at := add(words, 0x20)
			let end := add(at, shl(5, n))
			let s := mload(0x40)

			// what is paired with infinity is checked too
			if good {
				mstore(0, 0)
				good := staticcall(gas(), 8, at, 0x240, 0, 0x20)
				good := and(good, eq(mload(0), 1))
			}
			at := add(at, 0x240)
			for { } and(good, lt(at, end)) { at := add(at, 0x40) } {
				mstore(s, mload(at))
				mstore(add(s, 0x20), mload(add(at, 0x20)))
				mstore(add(s, 0x40), 0)
				mstore(add(s, 0x60), 0)
				good := staticcall(gas(), 6, s, 0x80, s, 0x40)
			}
		}
		if (!good) revert Groth16Verifier_InvalidKey();
	}
}
