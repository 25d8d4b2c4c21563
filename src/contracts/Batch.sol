// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Groth16Proof, IGroth16Verifier} from "./Groth16.sol";

/**
 * A call of verifyBatch that is put together in memory.
 *
 * How many proofs it holds is known at the end only, and the compiler would
 * move every word of them three times.  So the call's data is laid out here,
 * with room for as many as there may be: inputs begin behind the room for
 * proofs, whether or not it was used up, which their offset says.
 *
 *	start + 28	selector
 *	start + 32	offset of proofs, offset of inputs
 *	start + 96	number of proofs, proofs
 *	inputs		number of inputs, inputs
 */
struct Batch {
	uint256 start;
	uint256 inputs;
	uint256 count;
}

/// How a batch is filled and asked about.
library Batches {
	/// Room for a number of proofs, which the caller's own calldata holds.
	function withRoom(uint256 room)
		internal
		pure
		returns (Batch memory batch)
	{
		uint256 selector = uint32(
			IGroth16Verifier.verifyBatch.selector
		);
		uint256 start;
		uint256 inputs;

		assembly ("memory-safe") {
			start := mload(0x40)
			inputs := add(add(start, 128), mul(room, 256))
			mstore(0x40, add(add(inputs, 32), mul(room, 96)))
			mstore(start, selector)
			mstore(add(start, 32), 64)
			mstore(add(start, 64), sub(inputs, add(start, 32)))
		}
		batch.start = start;
		batch.inputs = inputs;
	}

	/// Adds a proof with its three inputs.
	function add(
		Batch memory batch,
		Groth16Proof calldata proof,
		uint256 entropy,
		uint256 root,
		uint256 slotIndex
	) internal pure {
		uint256 count = batch.count;
		uint256 place = batch.start + 128 + count * 256;
		uint256 input = batch.inputs + 32 + count * 96;

		assembly ("memory-safe") {
			calldatacopy(place, proof, 256)
			mstore(input, entropy)
			mstore(add(input, 32), root)
			mstore(add(input, 64), slotIndex)
		}
		batch.count = count + 1;
	}

	/// Does the verifier accept it?  One that fails, or is none, does not.
	function verified(Batch memory batch, IGroth16Verifier verifier)
		internal
		view
		returns (bool accepted)
	{
		uint256 start = batch.start;
		uint256 inputs = batch.inputs;
		uint256 count = batch.count;

		assembly ("memory-safe") {
			let end := add(add(inputs, 32), mul(count, 96))

			mstore(add(start, 96), count)
			mstore(inputs, mul(count, 3))
			accepted := staticcall(
				gas(),
				verifier,
				add(start, 28),
				sub(end, add(start, 28)),
				0,
				32
			)
			accepted := and(accepted, gt(returndatasize(), 31))
			accepted := and(accepted, eq(mload(0), 1))
		}
	}
}
