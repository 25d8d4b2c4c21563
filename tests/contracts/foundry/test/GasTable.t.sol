// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import {yes} from "./Check.sol";
import "./IMarketplace.sol";
import {Real, files, readReal, realFile, toKey} from "./Real.sol";
import {VerifyingKey} from "../src/Groth16Verifier.sol";
import {vm} from "./Vm.sol";

interface IVerifier {
	function verify(Proof calldata proof, uint256[] calldata inputs)
		external
		view
		returns (bool);
	function verifyBatch(
		Proof[] calldata proofs,
		uint256[] calldata inputs
	) external view returns (bool);
}

/// Sees what a call costs where it is made, and makes contracts.
contract Meter {
	/// Costs what the transaction would that makes the contract, but for a
	/// few words of calldata and a copy of the code.
	function create(bytes calldata code)
		external
		returns (address made)
	{
		bytes memory all = code;

		assembly ("memory-safe") {
			made := create(0, add(all, 0x20), mload(all))
		}
	}

	function measure(address to, bytes calldata data)
		external
		view
		returns (uint256 gas)
	{
		bytes memory call = data;

		gas = gasleft();
		(bool ok, bytes memory out) = to.staticcall(call);
		gas -= gasleft();
		yes(ok && abi.decode(out, (bool)), "verified");
	}
}

/// What every call costs, with real proofs: writes lines "NAME<tab>GAS" to
/// the file "table". gas.sh runs this with --isolate, so that every call from
/// here is a transaction of its own: 21,000 and calldata are in the figures,
/// and nothing is warm before it.
///
/// One request of as many slots as there are proofs, of one host; at the end
/// as many requests as there are proofs, a slot of each of a host of its own.
/// The configuration is that of Codex's networks (spec/marketplace.md 1.2).
contract GasTableTest {
	address private constant CLIENT = address(0xC11E);
	address private constant HOST = address(0x4057);
	address private constant OTHER = address(0x07E4);
	address private constant AGGREGATOR = address(0xA667);
	uint64 private constant PERIOD = 120;
	uint64 private constant START = 1000 * PERIOD;
	uint64 private constant DURATION = 100 * PERIOD;

	/// Its challenge is what the proofs answer (spec/marketplace.md 2.3).
	bytes32 private constant BLOCK_HASH =
		0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f;

	Real private real;
	IMarketplace private market;
	IToken private token;
	IVerifier private verifier;
	Meter private meter;
	Request private request;
	bytes32 private requestId;
	bytes32[] private slotIds;
	uint64 private period;

	function setUp() public {
		real = readReal();
		meter = new Meter();
		vm.roll(1000);
		for (uint256 n = 1000 - 256; n < 1000; n++) {
			vm.setBlockhash(n, BLOCK_HASH);
		}
		period = START / PERIOD;
		vm.warp(START + 1);

		request.client = CLIENT;
		request.ask = Ask({
			proofProbability: 1,
			pricePerBytePerSecond: 1000,
			collateralPerByte: 1000000,
			slots: uint64(real.inputs.length / 3),
			slotSize: 1 << 30,
			duration: DURATION,
			maxSlotLoss: 8
		});
		// a CIDv1 with a SHA-256
		request.content.cid = new bytes(36);
		request.content.merkleRoot = real.merkleRoot;
		request.expiry = DURATION / 2;
		request.nonce = keccak256("nonce");
	}

	function note(string memory what, uint256 gas) private {
		files.writeLine(
			realFile("table"),
			string.concat(what, "\t", files.toString(gas))
		);
	}

	/// Notes what the latest call cost.
	function note(string memory what) private {
		note(what, vm.lastCallGas().gasTotalUsed);
	}

	function warp(uint64 periods) private {
		period += periods;
		vm.warp(period * PERIOD + 1);
	}

	function proof(uint256 i) private view returns (Proof memory) {
		uint256[] memory words = new uint256[](8);

		for (uint256 k = 0; k < 8; k++) {
			words[k] = real.proofs[8 * i + k];
		}
		return abi.decode(abi.encodePacked(words), (Proof));
	}

	// ---- deployment

	/// The artifact that is committed, as a transaction would make it.
	function create(string memory name, bytes memory arguments)
		private
		returns (address made)
	{
		bytes memory code = bytes.concat(
			files.parseJsonBytes(
				files.readFile(
					realFile(string.concat(name, ".json"))
				),
				".bytecode"
			),
			arguments
		);

		made = meter.create(code);
		note(string.concat("deploy ", name));
		yes(made != address(0), name);
	}

	function deploy() private {
		MarketplaceConfig memory c;
		VerifyingKey memory key = toKey(real.key);

		c.collateral = CollateralConfig(10, 2, 20, 20);
		c.proofs = ProofConfig(
			PERIOD,
			30,
			64,
			67,
			"65dfa139e1c6dae5f50102cca2a856b759723c6ec6029343c2c6e926b855a6ca"
		);
		c.reservations = SlotReservationsConfig(3);
		c.requestDurationLimit = 30 days;
		token = IToken(create("TestToken", ""));
		verifier = IVerifier(
			create("Groth16Verifier", abi.encode(key))
		);
		market = IMarketplace(
			create(
				"Marketplace",
				abi.encode(c, token, verifier)
			)
		);
		fund(CLIENT);
		fund(HOST);
	}

	function fund(address who) private {
		token.mint(who, 1 << 128);
		vm.prank(who);
		token.approve(address(market), type(uint256).max);
	}

	// ---- a request's life

	function testGas() public {
		deploy();
		start();
		single();
		batches();
		carried();
		misses();
		finish();
		scattered();
	}

	function start() private {
		uint64 slots = request.ask.slots;

		vm.prank(CLIENT);
		market.requestStorage(request);
		note("requestStorage");
		requestId = keccak256(abi.encode(request));
		for (uint64 i = 0; i < slots; i++) {
			slotIds.push(keccak256(abi.encode(requestId, i)));
			vm.prank(OTHER);
			market.reserveSlot(requestId, i);
			if (i == 0) note("reserveSlot, a slot's first");
			vm.prank(HOST);
			market.reserveSlot(requestId, i);
			if (i == 0) note("reserveSlot, another");
			vm.prank(HOST);
			market.fillSlot(requestId, i, proof(i));
			if (i == 0) note("fillSlot, a request's first");
			if (i == 1) note("fillSlot, another");
		}
		note("fillSlot, the last");
		yes(
			market.requestState(requestId)
				== RequestState.Started,
			"started"
		);
	}

	function single() private {
		uint256[] memory x = new uint256[](3);

		for (uint256 j = 0; j < 3; j++) {
			x[j] = real.inputs[j];
		}
		note(
			"verify",
			meter.measure(
				address(verifier),
				abi.encodeCall(
					IVerifier.verify, (proof(0), x)
				)
			)
		);
		warp(1);
		vm.prank(HOST);
		market.submitProof(slotIds[0], proof(0));
		note("submitProof");
	}

	function batch(uint256 n) private {
		Proof[] memory p = new Proof[](n);
		bytes32[] memory ids = new bytes32[](n);

		for (uint256 i = 0; i < n; i++) {
			p[i] = proof(i);
			ids[i] = slotIds[i];
		}
		market.submitProofs(ids, p);
	}

	function batches() private {
		uint256[4] memory sizes = [uint256(1), 2, 8, 32];

		for (uint256 k = 0; k < 4; k++) {
			uint256 n = sizes[k];
			Proof[] memory p = new Proof[](n);
			uint256[] memory x = new uint256[](3 * n);

			for (uint256 i = 0; i < n; i++) {
				p[i] = proof(i);
			}
			for (uint256 j = 0; j < 3 * n; j++) {
				x[j] = real.inputs[j];
			}
			note(
				string.concat(
					"verifyBatch ", files.toString(n)
				),
				meter.measure(
						address(verifier),
						abi.encodeCall(
							IVerifier.verifyBatch, (p, x)
						)
					)
			);
			warp(1);
			vm.prank(HOST);
			batch(n);
			note(
				string.concat(
					"submitProofs ", files.toString(n)
				)
			);
		}
	}

	function carried() private {
		vm.prank(HOST);
		market.setProofSubmitter(AGGREGATOR);
		note("setProofSubmitter");
		warp(1);
		vm.prank(AGGREGATOR);
		batch(32);
		note("submitProofs 32, of one host, by another");
	}

	/// Of the slots whose challenges count in this period: others are in
	/// their downtime.
	function misses() private {
		uint256 i = 0;

		warp(1);
		while (!market.isProofRequired(slotIds[i])) i++;
		warp(1);
		market.markProofAsMissing(slotIds[i], period - 1);
		note("markProofAsMissing");
		while (!market.isProofRequired(slotIds[i])) warp(1);
		warp(1);
		market.markProofAsMissing(slotIds[i], period - 1);
		note("markProofAsMissing, which frees the slot");
		refill(i);
	}

	function refill(uint256 i) private {
		vm.prank(HOST);
		market.reserveSlot(requestId, uint64(i));
		vm.prank(HOST);
		market.fillSlot(requestId, uint64(i), proof(i));
		note("fillSlot, a repair");
		vm.prank(HOST);
		market.freeSlot(slotIds[i]);
		note("freeSlot, given up");
	}

	function finish() private {
		uint256 paid = 0;

		vm.warp(START + DURATION + 2);
		for (uint256 i = 0; i < slotIds.length; i++) {
			if (market.getHost(slotIds[i]) != HOST) continue;
			vm.prank(HOST);
			market.freeSlot(slotIds[i]);
			if (paid == 0) {
				note("freeSlot, a request's first payout");
			}
			if (paid == 1) note("freeSlot, another payout");
			paid++;
		}
		vm.prank(CLIENT);
		market.withdrawFunds(requestId);
		note("withdrawFunds");
	}

	/// A proof says nothing of the request: all have the same dataset.
	function scattered() private {
		delete slotIds;
		for (uint64 i = 0; i < 32; i++) {
			address host = address(uint160(HOST) + 1 + i);

			request.nonce = keccak256(abi.encode(i));
			vm.prank(CLIENT);
			market.requestStorage(request);
			requestId = keccak256(abi.encode(request));
			slotIds.push(keccak256(abi.encode(requestId, i)));
			fund(host);
			vm.prank(host);
			market.reserveSlot(requestId, i);
			vm.prank(host);
			market.fillSlot(requestId, i, proof(i));
			vm.prank(host);
			market.setProofSubmitter(AGGREGATOR);
		}
		period = uint64(block.timestamp) / PERIOD;
		warp(1);
		vm.prank(AGGREGATOR);
		batch(32);
		note("submitProofs 32, of as many requests and hosts");
	}
}
