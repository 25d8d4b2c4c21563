// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import {Proof} from "./IMarketplace.sol";

/// Accepts every proof but that of eight zeros, like Codex's (spec 1.3).
contract TestVerifier {
	function verify(Proof calldata proof, uint256[] calldata)
		external
		view
		virtual
		returns (bool)
	{
		return !isZero(proof);
	}

	function verifyBatch(Proof[] calldata proofs, uint256[] calldata)
		external
		view
		virtual
		returns (bool)
	{
		for (uint256 i = 0; i < proofs.length; ++i) {
			if (isZero(proofs[i])) return false;
		}
		return true;
	}

	function isZero(Proof calldata proof) internal pure returns (bool) {
		return proof.a.x == 0 && proof.a.y == 0
			&& proof.b.x.real == 0 && proof.b.x.imag == 0
			&& proof.b.y.real == 0 && proof.b.y.imag == 0
			&& proof.c.x == 0 && proof.c.y == 0;
	}
}

/// Accepts whatever is asked with the inputs that it was told to expect.
contract InputVerifier is TestVerifier {
	bytes32 private expected;

	function expect(uint256[] calldata inputs) external {
		expected = keccak256(abi.encode(inputs));
	}

	function verify(Proof calldata, uint256[] calldata inputs)
		external
		view
		override
		returns (bool)
	{
		return keccak256(abi.encode(inputs)) == expected;
	}

	function verifyBatch(Proof[] calldata, uint256[] calldata inputs)
		external
		view
		override
		returns (bool)
	{
		return keccak256(abi.encode(inputs)) == expected;
	}
}
