// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";
import {InputVerifier} from "./Verifiers.sol";

/// submitProof (spec 1.6), and what the verifier is asked (2.3).
contract ProofsTest is Kit {
	Request private r;
	bytes32 private id;
	bytes32 private slot;

	function setUp() public override {
		super.setUp();
		r = request();
		id = submit(r);
		slot = fill(id, 0, host(0));
	}

	function submitting(bytes32 aSlot, Proof memory proof)
		private
		pure
		returns (bytes memory)
	{
		return abi.encodeCall(
			IMarketplaceCore.submitProof, (aSlot, proof)
		);
	}

	function testProof() public {
		nextPeriod();
		vm.recordLogs();
		prove(slot, host(0));
		said(
			vm.getRecordedLogs(),
			ProofSubmitted.selector,
			0,
			abi.encode(slot)
		);
	}

	function testProofOncePerPeriod() public {
		bytes memory again = submitting(slot, good());

		// filling was the first
		refused(
			Proofs_ProofAlreadySubmitted.selector,
			host(0),
			again
		);
		vm.warp(startOf(period() + 1) - 1);
		refused(
			Proofs_ProofAlreadySubmitted.selector,
			host(0),
			again
		);
		vm.warp(time() + 1);
		prove(slot, host(0));
		refused(
			Proofs_ProofAlreadySubmitted.selector,
			host(0),
			again
		);
		// before the proof is looked at
		refused(
			Proofs_ProofAlreadySubmitted.selector,
			host(0),
			submitting(slot, bad())
		);
		nextPeriod();
		prove(slot, host(0));
	}

	function testProofOfUnknownSlot() public {
		refused(
			Marketplace_UnknownRequest.selector,
			host(0),
			submitting(slotOf(id, 1), good())
		);
		refused(
			Marketplace_UnknownRequest.selector,
			host(0),
			submitting(bytes32(0), good())
		);
	}

	function testProofOfAnother() public {
		nextPeriod();
		refused(
			Marketplace_ProofNotSubmittedByHost.selector,
			host(1),
			submitting(slot, good())
		);
		// nor of who was the host
		free(slot, host(0));
		refused(
			Marketplace_ProofNotSubmittedByHost.selector,
			host(0),
			submitting(slot, good())
		);
	}

	function testWrongProof() public {
		nextPeriod();
		refused(
			Proofs_InvalidProof.selector,
			host(0),
			submitting(slot, bad())
		);
		prove(slot, host(0));
	}

	/// Any of the eight coordinates makes it another proof.
	function testEachCoordinateIsPassedOn() public {
		bytes memory proof;

		for (uint256 i = 0; i < 8; ++i) {
			nextPeriod();
			proof = new bytes(256);
			proof[32 * i + 31] = 0x01;
			vm.prank(host(0));
			market.submitProof(slot, abi.decode(proof, (Proof)));
		}
	}

	/// Entropy, root, index: spec 2.3.
	function testPublicInputs() public {
		InputVerifier verifier = new InputVerifier();
		uint256[] memory inputs = new uint256[](3);

		market = deploy(config(), address(token), address(verifier));
		r.content.merkleRoot =
			0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20;
		id = submit(r);
		slot = slotOf(id, 2);
		reserve(id, 2, host(0));
		give(host(0), collateralOf(r));

		inputs[0] = entropyOf(market.getChallenge(slot));
		inputs[1] =
			0x201f1e1d1c1b1a191817161514131211100f0e0d0c0b0a090807060504030201;
		inputs[2] = 2;
		verifier.expect(inputs);
		vm.prank(host(0));
		market.fillSlot(id, 2, good());

		nextPeriod();
		vm.roll(vm.getBlockNumber() + 300);
		refused(
			Proofs_InvalidProof.selector,
			host(0),
			submitting(slot, good())
		);
		inputs[0] = entropyOf(market.getChallenge(slot));
		verifier.expect(inputs);
		prove(slot, host(0));
	}

	/// Byte by byte, as spec 2.3 has it.
	function entropyOf(bytes32 challenge)
		private
		pure
		returns (uint256 e)
	{
		for (uint256 i = 0; i < 31; ++i) {
			e += uint256(uint8(challenge[i])) << (8 * i);
		}
	}

	function testProofWhenNoneIsWanted() public {
		nextPeriod();
		point(slot, period(), 10);
		no(market.isProofRequired(slot), "required");
		prove(slot, host(0));
	}

	/// 10.1 number 8: in any state, as long as the slot has a host.
	function testProofAfterTheExpiry() public {
		vm.warp(market.requestExpiry(id) + 1);
		prove(slot, host(0));
		free(slot, host(0));
		nextPeriod();
		isState(slot, SlotState.Paid);
		prove(slot, host(0));
	}

	function testProofAfterTheEnd() public {
		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		vm.warp(market.requestEnd(id) + 1);
		isState(slot, SlotState.Finished);
		prove(slot, host(0));
	}

	function testProofAfterFailure() public {
		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		nextPeriod();
		for (uint64 i = 1; i < 4; ++i) {
			free(slotOf(id, i), host(i));
		}
		isState(slot, SlotState.Failed);
		prove(slot, host(0));
		free(slot, host(0));
		nextPeriod();
		refused(
			Marketplace_ProofNotSubmittedByHost.selector,
			host(0),
			submitting(slot, good())
		);
	}
}
