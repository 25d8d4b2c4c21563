// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// Which period wants a proof, and of what (spec 1.7), calculated here again.
contract RandomTest is Kit {
	Request private r;
	bytes32 private id;
	bytes32 private slot;

	function setUp() public override {
		super.setUp();
		r = request();
		begin(1);
	}

	/// A new request, of which slot 0 is filled in this period.
	function begin(uint256 probability) private {
		r.ask.proofProbability = probability;
		r.nonce = bytes32(uint256(r.nonce) + 1);
		id = submit(r);
		slot = fill(id, 0, host(0));
	}

	function pointerOf(bytes32 aSlot) private view returns (uint8) {
		MarketplaceConfig memory c = market.configuration();
		uint256 sum = vm.getBlockNumber() % 256;

		sum += uint256(period()) * c.proofs.downtimeProduct % 256;
		sum += uint256(aSlot) % 256;
		return uint8(sum % 256);
	}

	function challengeOf(bytes32 aSlot) private view returns (bytes32) {
		uint256 number = vm.getBlockNumber() - 1 - pointerOf(aSlot);
		bytes32 hash = blockhash(number);

		no(hash == 0, "a block of this chain");
		return keccak256(abi.encode(hash));
	}

	function agrees() private view {
		same(market.getPointer(slot), pointerOf(slot), "pointer");
		same(
			market.getChallenge(slot),
			challengeOf(slot),
			"challenge"
		);
	}

	function required(bool wanted) private view {
		if (wanted != market.isProofRequired(slot)) {
			revert Untrue(wanted ? "not required" : "required");
		}
	}

	function willBe(bool wanted) private view {
		if (wanted != market.willProofBeRequired(slot)) {
			revert Untrue(wanted ? "will not be" : "will be");
		}
	}

	/* pointer and challenge */

	function testPointer() public {
		for (uint256 n = 0; n < 300; ++n) {
			vm.roll(vm.getBlockNumber() + 1);
			if (n % 7 == 0) nextPeriod();
			agrees();
		}
	}

	function testPointerOfOtherSlotsAndProducts() public {
		MarketplaceConfig memory c = config();

		for (uint256 n = 0; n < 40; ++n) {
			slot = keccak256(abi.encode(n));
			agrees();
		}
		c.proofs.downtimeProduct = 255;
		market = deploy(c);
		for (uint256 n = 0; n < 40; ++n) {
			nextPeriod();
			agrees();
		}
		c.proofs.downtimeProduct = 0;
		market = deploy(c);
		nextPeriod();
		agrees();
	}

	/// A million seconds of a period: the product does not fit in a byte.
	function testPointerOfLatePeriods() public {
		vm.warp(uint256(type(uint64).max) - 1);
		agrees();
	}

	/// The block that it refers to stays, as the chain grows.
	function testChallengeStaysUntilTheWrap() public {
		bytes32 first;

		nextPeriod();
		point(slot, period(), 0);
		first = market.getChallenge(slot);
		for (uint256 p = 0; p < 256; ++p) {
			same(market.getPointer(slot), p, "pointer");
			same(market.getChallenge(slot), first, "challenge");
			vm.roll(vm.getBlockNumber() + 1);
		}
		same(market.getPointer(slot), 0, "pointer after the wrap");
		no(market.getChallenge(slot) == first, "the same challenge");
		same(
			market.getChallenge(slot),
			keccak256(
				abi.encode(
					blockhash(vm.getBlockNumber() - 1)
				)
			),
			"challenge after the wrap"
		);
	}

	function testChallengeOfAKnownHash() public {
		point(slot, period(), 200);
		// spec 2.3
		vm.setBlockhash(
			vm.getBlockNumber() - 201,
			0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
		);
		same(
			market.getChallenge(slot),
			0x8ae1aa597fa146ebd3aa2ceddf360668dea5e526567e92b0321816a4e895bd2d,
			"challenge"
		);
	}

	/// They do not ask what state a slot is in.
	function testChallengeOfFreeSlot() public {
		slot = slotOf(id, 3);
		agrees();
		slot = bytes32(uint256(77));
		agrees();
	}

	/* downtime */

	function testDowntime() public {
		nextPeriod();
		for (uint256 p = 0; p < 256; ++p) {
			point(slot, period(), uint8(p));
			required(p >= 64);
			willBe(p < 64);
		}
	}

	function testOtherDowntimes() public {
		MarketplaceConfig memory c = config();

		c.proofs.downtime = 0;
		market = deploy(c);
		begin(1);
		nextPeriod();
		point(slot, period(), 0);
		required(true);
		willBe(false);
		c.proofs.downtime = 255;
		market = deploy(c);
		begin(1);
		nextPeriod();
		point(slot, period(), 254);
		required(false);
		willBe(true);
		point(slot, period(), 255);
		required(true);
		willBe(false);
	}

	/* what is never wanted */

	function testNotInTheStartPeriod() public {
		for (uint256 n = 0; n < 3; ++n) {
			vm.warp(startOf(period() + 1) + 3);
			begin(1);
			point(slot, period(), 100);
			required(false);
			point(slot, period(), 10);
			willBe(false);
			vm.warp(startOf(period() + 1) - 1);
			point(slot, period(), 100);
			required(false);
			vm.warp(time() + 1);
			point(slot, period(), 100);
			required(true);
			point(slot, period(), 10);
			willBe(true);
		}
	}

	function never() private {
		point(slot, period(), 100);
		required(false);
		point(slot, period(), 10);
		willBe(false);
	}

	function testNotOfSlotsThatNobodyHosts() public {
		bytes32 filled = slot;

		nextPeriod();
		slot = slotOf(id, 1);
		never();
		slot = bytes32(uint256(77));
		never();
		slot = filled;
		free(slot, host(0));
		nextPeriod();
		never();
	}

	function testNotWhenCancelled() public {
		vm.warp(market.requestExpiry(id));
		point(slot, period(), 100);
		required(true);
		vm.warp(time() + 1);
		never();
		free(slot, host(0));
		never();
	}

	function testNotWhenFinished() public {
		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		vm.warp(market.requestEnd(id));
		point(slot, period(), 100);
		required(true);
		vm.warp(time() + 1);
		never();
		free(slot, host(0));
		never();
	}

	function testNotWhenFailed() public {
		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		nextPeriod();
		for (uint64 i = 1; i < 4; ++i) {
			free(slotOf(id, i), host(i));
		}
		never();
	}

	/* probability */

	function testProbability() public {
		// floor(n x 192 / 256)
		uint8[9] memory wanted = [0, 1, 2, 3, 3, 4, 5, 6, 6];

		for (uint256 n = 0; n < wanted.length; ++n) {
			begin(n + 1);
			same(
				market.slotProbability(slot),
				wanted[n],
				"prob."
			);
		}
		begin(1000003);
		same(market.slotProbability(slot), 750002, "of a million");
	}

	function testProbabilityOfOtherDowntime() public {
		MarketplaceConfig memory c = config();

		c.proofs.downtime = 255;
		market = deploy(c);
		begin(255);
		same(market.slotProbability(slot), 0, "one block short");
		begin(256);
		same(market.slotProbability(slot), 1, "one in 256");
		c.proofs.downtime = 0;
		market = deploy(c);
		begin(255);
		same(market.slotProbability(slot), 255, "no downtime");
	}

	/// A probability that times 192 fits no word.
	function testLargestProbability() public {
		r.ask.proofProbability = type(uint256).max;
		give(CLIENT, maxPriceOf(r));
		vm.prank(CLIENT);
		(bool taken, bytes memory why) = address(market)
			.call(
				abi.encodeCall(
					IMarketplaceCore.requestStorage, (r)
				)
			);
		if (!taken) {
			same(why.length, 4, "length of a refusal");
			return;
		}
		id = idOf(r);
		slot = fill(id, 0, host(0));
		same(
			market.slotProbability(slot),
			3 * (uint256(1) << 254) - 1,
			"three quarters"
		);
		nextPeriod();
		required(false);
	}

	/// The challenge modulo the probability decides, pointer and all.
	function testRoll() public {
		uint256 probability = 6;
		bytes32 challenge;
		uint256 rolled;

		begin(8);
		for (uint256 n = 0; n < 256; ++n) {
			nextPeriod();
			vm.roll(vm.getBlockNumber() + 3);
			challenge = challengeOf(slot);
			bool roll = uint256(challenge) % probability == 0;

			required(roll && pointerOf(slot) >= 64);
			willBe(roll && pointerOf(slot) < 64);
			if (roll) ++rolled;
		}
		yes(rolled > 20, "rolls");
	}

	/// A miss is judged by the roll of its own period.
	function testMissOfAPastPeriod() public {
		uint256 wanted;

		begin(4);
		for (uint256 n = 0; n < 60; ++n) {
			nextPeriod();
			point(slot, period(), uint8(64 + 3 * n));
			bool was = market.isProofRequired(slot);
			bytes32 challenge = market.getChallenge(slot);
			uint64 past = period();

			yes(was == (uint256(challenge) % 3 == 0), "rolled");
			// a block later than the period: pointer + 1
			vm.warp(startOf(past + 1) + 1);
			vm.roll(vm.getBlockNumber() + 1);
			try market.canMarkProofAsMissing(slot, past) {
				++wanted;
				yes(was, "a miss of a proof that was due");
			} catch (bytes memory why) {
				no(was, "a proof that was due");
				same(
					bytes4(why),
					Proofs_ProofNotRequired.selector,
					"why"
				);
			}
		}
		yes(wanted > 9 && wanted < 32, "a third of 60");
	}

	/// 10.1 number 10, kept: after the wrap another block decides.
	function testMissAfterTheWrap() public {
		uint64 past = period() + 1;

		vm.warp(startOf(past));
		point(slot, past, 255);
		required(true);
		vm.warp(startOf(past + 1) + 1);
		vm.roll(vm.getBlockNumber() + 1);
		// the pointer is 0, which is downtime
		refused(
			Proofs_ProofNotRequired.selector,
			VALIDATOR,
			abi.encodeCall(
				IMarketplaceCore.markProofAsMissing,
				(slot, past)
			)
		);
	}

	/// Over slots and periods: one proof in proofProbability periods, and
	/// a quarter of what is rolled falls in downtime.
	function testDistribution() public {
		uint256 samples = 3000;
		uint256 rolls;
		uint256 due;
		bytes32[] memory slots = new bytes32[](20);

		for (uint256 n = 0; n < slots.length; ++n) {
			begin(8);
			slots[n] = slot;
		}
		for (uint256 n = 0; n < samples / slots.length; ++n) {
			nextPeriod();
			// other blocks, so that no sample depends on another
			vm.roll(vm.getBlockNumber() + 300);
			for (uint256 s = 0; s < slots.length; ++s) {
				if (market.isProofRequired(slots[s])) {
					++due;
				}
				if (market.willProofBeRequired(slots[s])) {
					++rolls;
				}
			}
		}
		rolls += due;
		// 500 and 375 on average; deviations of 20.4 and 18.1 at most
		// five times
		yes(rolls > 398 && rolls < 602, "rolls");
		yes(due > 284 && due < 466, "required");
	}
}
