// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/**
 * Proofs as they travel in calls.  Names and order of members are those of
 * Codex's contract: they are part of the ABI.
 */

/// A point of the curve over the base field.
struct G1Point {
	uint256 x;
	uint256 y;
}

/// real + imag * i.  The precompiles want imag first: who calls them swaps.
struct Fp2Element {
	uint256 real;
	uint256 imag;
}

/// A point of the twisted curve.
struct G2Point {
	Fp2Element x;
	Fp2Element y;
}

/// Eight words without a head, wherever they stand.
struct Groth16Proof {
	G1Point a;
	G2Point b;
	G1Point c;
}

/// What the marketplace asks of a verifier.
interface IGroth16Verifier {
	/// Does the proof prove the inputs?  No input makes it revert.
	function verify(Groth16Proof calldata proof, uint256[] calldata inputs)
		external
		view
		returns (bool);

	/**
	 * Do all proofs prove their inputs?  Those of the first proof come
	 * first, then those of the second, and so on.  No input makes it
	 * revert; a batch that fails does not say which proof was wrong.
	 */
	function verifyBatch(
		Groth16Proof[] calldata proofs,
		uint256[] calldata inputs
	) external view returns (bool);
}
