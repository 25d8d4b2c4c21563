// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";
import {InputVerifier} from "./Verifiers.sol";

/// Proofs that somebody carries for hosts (docs/CHAIN.md, Additions).
contract SubmittersTest is Kit {
	address private constant CARRIER = address(0xCA44);
	Request private r;
	bytes32 private id;
	bytes32[] private slots;
	Proof[] private proofs;

	function setUp() public override {
		super.setUp();
		r = request();
		id = submit(r);
		for (uint64 i = 0; i < 3; ++i) {
			slots.push(fill(id, i, host(i)));
			proofs.push(good());
			allow(host(i), CARRIER);
		}
		nextPeriod();
	}

	function allow(address who, address submitter) private {
		vm.prank(who);
		market.setProofSubmitter(submitter);
	}

	function carry() private {
		vm.prank(CARRIER);
		market.submitProofs(slots, proofs);
	}

	function refuses(bytes4 why) private {
		refused(
			why,
			CARRIER,
			abi.encodeCall(
				IMarketplace.submitProofs, (slots, proofs)
			)
		);
	}

	function proven(uint256 n) private {
		refused(
			Proofs_ProofAlreadySubmitted.selector,
			market.getHost(slots[n]),
			abi.encodeCall(
				IMarketplaceCore.submitProof,
				(slots[n], good())
			)
		);
	}

	function testConsent() public {
		same(
			market.proofSubmitter(host(7)),
			address(0),
			"of nobody"
		);
		vm.recordLogs();
		allow(host(7), CARRIER);
		Vm.Log[] memory logs = vm.getRecordedLogs();

		same(logs.length, 1, "logs");
		same(
			logs[0].topics[0],
			IMarketplace.ProofSubmitterSet.selector,
			"topic"
		);
		same(
			logs[0].topics[1],
			bytes32(uint256(uint160(host(7)))),
			"host of the log"
		);
		same(
			logs[0].topics[2],
			bytes32(uint256(uint160(CARRIER))),
			"submitter of the log"
		);
		same(market.proofSubmitter(host(7)), CARRIER, "submitter");
		allow(host(7), STRANGER);
		same(market.proofSubmitter(host(7)), STRANGER, "another");
		allow(host(7), address(0));
		same(
			market.proofSubmitter(host(7)),
			address(0),
			"taken back"
		);
	}

	function testBatch() public {
		Vm.Log[] memory logs;

		vm.recordLogs();
		carry();
		logs = vm.getRecordedLogs();
		same(count(logs, ProofSubmitted.selector), 3, "proofs");
		for (uint256 n = 0; n < 3; ++n) {
			proven(n);
		}
		nextPeriod();
		carry();
	}

	function testBatchCountsAsProof() public {
		uint64 aPeriod = period();

		carry();
		vm.warp(startOf(aPeriod + 1) + 1);
		for (uint256 n = 0; n < 3; ++n) {
			point(slots[n], aPeriod, 100);
			refused(
				Proofs_ProofNotMissing.selector,
				VALIDATOR,
				abi.encodeCall(
					IMarketplaceCore.markProofAsMissing,
					(slots[n], aPeriod)
				)
			);
		}
	}

	/// A host carries its own without saying so.
	function testOwnSlots() public {
		delete slots;
		delete proofs;
		slots.push(fill(id, 3, host(9)));
		proofs.push(good());
		nextPeriod();
		vm.prank(host(9));
		market.submitProofs(slots, proofs);
		proven(0);
	}

	function testOwnAndOthers() public {
		allow(host(1), host(0));
		allow(host(2), host(0));
		vm.prank(host(0));
		market.submitProofs(slots, proofs);
		for (uint256 n = 0; n < 3; ++n) {
			proven(n);
		}
	}

	function testWithoutConsent() public {
		allow(host(2), address(0));
		refuses(Marketplace_ProofNotSubmittedByHost.selector);
		allow(host(2), STRANGER);
		refuses(Marketplace_ProofNotSubmittedByHost.selector);
		allow(host(2), CARRIER);
		carry();
	}

	/// Consent is to carry proofs, in that call: not to be the host.
	function testConsentIsForBatches() public {
		refused(
			Marketplace_InvalidSlotHost.selector,
			CARRIER,
			abi.encodeWithSignature(
				"freeSlot(bytes32)", slots[0]
			)
		);
		refused(
			Marketplace_ProofNotSubmittedByHost.selector,
			CARRIER,
			abi.encodeCall(
				IMarketplaceCore.submitProof,
				(slots[0], good())
			)
		);
	}

	/// Who is nobody consents to nothing, wherever in the batch.
	function testSlotsWithoutHost() public {
		bytes4 why = Marketplace_ProofNotSubmittedByHost.selector;

		// the last, the middle one, the first, none but the first
		for (uint256 n = 0; n < 3; ++n) {
			free(slots[2 - n], host(2 - n));
			nextPeriod();
			refuses(why);
		}
		for (uint256 n = 0; n < 2; ++n) {
			slots.pop();
			proofs.pop();
			refuses(why);
		}
	}

	function testUnknownSlot() public {
		slots[1] = slotOf(id, 3);
		refuses(Marketplace_UnknownRequest.selector);
		slots[1] = bytes32(0);
		refuses(Marketplace_UnknownRequest.selector);
	}

	/// Somebody was quicker: the rest is taken all the same.
	function testSlotsAlreadyProven() public {
		Vm.Log[] memory logs;

		prove(slots[1], host(1));
		vm.recordLogs();
		carry();
		logs = vm.getRecordedLogs();
		same(count(logs, ProofSubmitted.selector), 2, "proofs");
		for (uint256 n = 0; n < 3; ++n) {
			proven(n);
		}
		// and when nothing is left to do
		vm.recordLogs();
		carry();
		logs = vm.getRecordedLogs();
		same(count(logs, ProofSubmitted.selector), 0, "proofs");
	}

	/// What is passed over is not looked at, but whose it is still counts.
	function testWrongProofOfAProvenSlot() public {
		prove(slots[1], host(1));
		proofs[1] = bad();
		carry();
		proven(0);
		proven(2);
	}

	function testSlotTwice() public {
		Vm.Log[] memory logs;

		slots[2] = slots[0];
		vm.recordLogs();
		carry();
		logs = vm.getRecordedLogs();
		same(count(logs, ProofSubmitted.selector), 2, "proofs");
		proven(0);
		proven(1);
	}

	/// One wrong proof refuses all; none is recorded.
	function testOneWrongProof() public {
		for (uint256 n = 0; n < 3; ++n) {
			proofs[n] = bad();
			refuses(Proofs_InvalidProof.selector);
			proofs[n] = good();
		}
		carry();
	}

	function testBatchOfOne() public {
		delete slots;
		delete proofs;
		slots.push(slotOf(id, 0));
		proofs.push(bad());
		refuses(Proofs_InvalidProof.selector);
		proofs[0] = good();
		carry();
		proven(0);
	}

	function testLengths() public {
		proofs.push(good());
		refuses(Proofs_LengthMismatch.selector);
		proofs.pop();
		proofs.pop();
		refuses(Proofs_LengthMismatch.selector);
		delete slots;
		delete proofs;
		carry();
	}

	/// Of each slot in turn, entropy, root and index: the verifier is asked
	/// for those that were not proven already.
	function testPublicInputs() public {
		InputVerifier verifier = new InputVerifier();
		uint256[] memory one = new uint256[](3);
		uint256[] memory inputs = new uint256[](6);

		market = deploy(config(), address(token), address(verifier));
		submit(r);
		for (uint64 i = 0; i < 3; ++i) {
			one[0] = market.challengeToFieldElement(
				market.getChallenge(slots[i])
			);
			one[1] = 1 << 248;
			one[2] = i;
			verifier.expect(one);
			fill(id, i, host(i));
			allow(host(i), CARRIER);
		}
		nextPeriod();
		one[0] = market.challengeToFieldElement(
			market.getChallenge(slots[1])
		);
		one[2] = 1;
		verifier.expect(one);
		prove(slots[1], host(1));
		for (uint256 n = 0; n < 2; ++n) {
			inputs[3 * n] = market.challengeToFieldElement(
				market.getChallenge(slots[2 * n])
			);
			inputs[3 * n + 1] = 1 << 248;
			inputs[3 * n + 2] = 2 * n;
		}
		verifier.expect(inputs);
		carry();
		proven(0);
		proven(2);
	}
}
