// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// Rules of spec/marketplace.md 1.2, 1.6, 1.7 for numbers that forge chooses.
contract FuzzTest is Kit {
	uint256 private constant MAX = type(uint256).max;

	/* requestStorage */

	/// product: a x b, unless it has more than 256 bits.
	function product(uint256 a, uint256 b)
		private
		pure
		returns (bool fits, uint256 ab)
	{
		if (a != 0 && b > MAX / a) return (false, 0);
		return (true, a * b);
	}

	/// Whatever a client asks for is taken for exactly its price, or
	/// refused in words.
	function testAnyRequest(Ask memory ask, uint64 expiry, uint8 small)
		public
	{
		Request memory r = request();
		bool fits;
		uint256 price;

		// often enough something that can be true
		if (small & 1 != 0) {
			ask.slots = uint64(within(ask.slots, 1, 300));
		}
		if (small & 2 != 0) ask.maxSlotLoss %= ask.slots | 1;
		if (small & 4 != 0) {
			ask.duration =
				uint64(within(ask.duration, 2, DAYS30 + 1));
		}
		if (small & 8 != 0 && ask.duration > 1) {
			expiry = uint64(within(expiry, 1, ask.duration - 1));
		}
		if (small & 16 != 0) ask.pricePerBytePerSecond %= 1e18;
		if (small & 32 != 0) ask.collateralPerByte %= 1e18;
		if (small & 64 != 0) ask.slotSize %= 1e9;
		r.ask = ask;
		r.expiry = expiry;
		token.mint(CLIENT, MAX);
		vm.prank(CLIENT);
		token.approve(address(market), MAX);

		vm.prank(CLIENT);
		(bool taken, bytes memory why) = address(market)
			.call(
				abi.encodeCall(
					IMarketplaceCore.requestStorage, (r)
				)
			);
		(fits, price) = product(
			uint256(ask.slots) * ask.duration,
			ask.pricePerBytePerSecond
		);
		if (fits) (fits, price) = product(price, ask.slotSize);
		if (!taken) {
			same(why.length, 4, "length of a refusal");
			no(wellFormed(r) && fits, "refused for nothing");
			return;
		}
		yes(wellFormed(r), "a request that is wrong");
		yes(fits, "a price of more than 256 bits");
		holds(address(market), price, "price");
		same(
			market.requestEnd(idOf(r)),
			time() + ask.duration,
			"end"
		);
		same(
			market.requestExpiry(idOf(r)),
			time() + expiry,
			"expiry"
		);
	}

	/// By the rules of 1.6 and the bounds of docs/CHAIN.md.
	function wellFormed(Request memory r) private pure returns (bool) {
		(bool fits,) = product(
			r.ask.collateralPerByte,
			uint256(r.ask.slots) * r.ask.slotSize
		);

		return fits && r.expiry != 0 && r.expiry < r.ask.duration
			&& r.ask.slots != 0 && r.ask.slots < 1 << 24
			&& r.ask.maxSlotLoss <= r.ask.slots
			&& r.ask.proofProbability != 0
			&& r.ask.collateralPerByte != 0
			&& r.ask.pricePerBytePerSecond != 0
			&& r.ask.slotSize != 0 && r.ask.duration <= DAYS30;
	}

	/* proofs */

	/// Pointer, challenge and both answers, of any slot and configuration.
	function testAnyChallenge(
		uint8 downtime,
		uint8 factor,
		uint64 at,
		uint32 number,
		uint256 probability,
		uint256 nonce
	) public {
		MarketplaceConfig memory c = config();
		Request memory r = request();
		bytes32 slot;

		at = uint64(within(at, 1e6, 1 << 36));
		c.proofs.downtime = downtime;
		c.proofs.downtimeProduct = factor;
		market = deploy(c);
		vm.warp(at);
		r.ask.proofProbability = 1 + probability % 700;
		r.nonce = bytes32(nonce);
		slot = fill(submit(r), 0, host(0));
		nextPeriod();
		vm.roll(1000 + uint256(number));

		uint256 pointer =
			(vm.getBlockNumber()
					% 256
					+ uint256(period())
					* factor
					% 256
					+ uint256(slot)
					% 256) % 256;
		bytes32 challenge = keccak256(
			abi.encode(
				blockhash(vm.getBlockNumber() - 1 - pointer)
			)
		);
		uint256 p = r.ask.proofProbability
			* (256 - uint256(downtime)) / 256;
		bool rolled = p == 0 || uint256(challenge) % p == 0;

		same(market.getPointer(slot), pointer, "pointer");
		same(market.getChallenge(slot), challenge, "challenge");
		same(market.slotProbability(slot), p, "probability");
		yes(
			market.isProofRequired(slot)
				== (rolled && pointer >= downtime),
			"required"
		);
		yes(
			market.willProofBeRequired(slot)
				== (rolled && pointer < downtime),
			"will be required"
		);
	}

	/// floor(n x (256 - downtime) / 256) of any n that has 240 bits.
	function testAnyProbability(uint240 n, uint8 downtime) public {
		MarketplaceConfig memory c = config();
		Request memory r = request();

		c.proofs.downtime = downtime;
		market = deploy(c);
		r.ask.proofProbability = uint256(n) + 1;
		same(
			market.slotProbability(fill(submit(r), 0, host(0))),
			r.ask.proofProbability * (256 - uint256(downtime))
				/ 256,
			"probability"
		);
	}

	/// When a miss can be marked, and what is said when not.
	function testAnyMoment(uint256 at, uint256 which, uint8 pointer)
		public
	{
		bytes32 slot = fill(submit(request()), 0, host(0));
		uint64 filled = period();
		uint64 p = uint64(within(which, filled - 2, filled + 6));
		uint256 end = startOf(p + 1);
		bytes4 wanted;

		at = within(at, time(), time() + 8 * PERIOD);
		vm.warp(at);
		point(slot, p, pointer);
		if (end >= at) {
			wanted = Proofs_PeriodNotEnded.selector;
		} else if (at >= end + TIMEOUT) {
			wanted = Proofs_ValidationTimedOut.selector;
		} else if (p == filled) {
			wanted = Proofs_ProofNotMissing.selector;
		} else if (p < filled || pointer < 64) {
			wanted = Proofs_ProofNotRequired.selector;
		}
		bytes memory call = abi.encodeCall(
			IMarketplaceCore.canMarkProofAsMissing, (slot, p)
		);

		if (wanted != 0) {
			refused(wanted, STRANGER, call);
			return;
		}
		market.canMarkProofAsMissing(slot, p);
		vm.prank(VALIDATOR);
		market.markProofAsMissing(slot, p);
		refused(
			Proofs_ProofAlreadyMarkedMissing.selector,
			STRANGER,
			call
		);
	}

	mapping(uint64 => bool) private proven;
	mapping(uint64 => bool) private marked;

	/// One word remembers what was proven and missed as a table would: acts
	/// of three bytes: seconds to pass, what to do, how many periods ago.
	function testAnyHistory(bytes memory acts) public {
		MarketplaceConfig memory c = config();
		Request memory r = request();
		bytes32 slot;
		uint64 filled;
		uint256 misses;

		c.proofs.timeout = 78 * PERIOD;
		c.collateral = CollateralConfig(0, 100, 1, 50);
		market = deploy(c);
		r.ask.duration = DAYS30;
		r.expiry = DAYS30 - 1;
		slot = fill(submit(r), 0, host(0));
		filled = period();
		proven[filled] = true;
		for (
			uint256 n = 0;
			n + 3 <= acts.length && misses < 90;
			n += 3
		) {
			vm.warp(time() + uint8(acts[n]));
			if (uint8(acts[n + 1]) % 3 == 0) {
				proveOnce(slot);
				continue;
			}
			uint64 p = period() - uint8(acts[n + 2]) % 82;

			if (markAsTable(slot, p, filled)) ++misses;
			same(market.missingProofs(slot), misses, "misses");
		}
	}

	function proveOnce(bytes32 slot) private {
		bytes memory call = abi.encodeCall(
			IMarketplaceCore.submitProof, (slot, good())
		);

		if (proven[period()]) {
			refused(
				Proofs_ProofAlreadySubmitted.selector,
				host(0),
				call
			);
		} else {
			prove(slot, host(0));
			proven[period()] = true;
		}
	}

	function markAsTable(bytes32 slot, uint64 p, uint64 filled)
		private
		returns (bool)
	{
		uint256 end = startOf(p + 1);
		bytes4 wanted;

		point(slot, p, 128);
		if (end >= time()) {
			wanted = Proofs_PeriodNotEnded.selector;
		} else if (time() >= end + 78 * PERIOD) {
			wanted = Proofs_ValidationTimedOut.selector;
		} else if (proven[p]) {
			wanted = Proofs_ProofNotMissing.selector;
		} else if (p <= filled) {
			wanted = Proofs_ProofNotRequired.selector;
		} else if (marked[p]) {
			wanted = Proofs_ProofAlreadyMarkedMissing.selector;
		}
		bytes memory call = abi.encodeCall(
			IMarketplaceCore.markProofAsMissing, (slot, p)
		);

		if (wanted != 0) {
			refused(wanted, VALIDATOR, call);
			return false;
		}
		vm.prank(VALIDATOR);
		market.markProofAsMissing(slot, p);
		marked[p] = true;
		return true;
	}

	/* configuration */

	/// What is taken promises no more than there is; and all of spec 1.2.
	function testAnyConfiguration(CollateralConfig memory k) public {
		MarketplaceConfig memory c = config();
		uint256 slashes = k.maxNumberOfSlashes;

		// half of them such that they may be taken
		if (k.repairRewardPercentage & 1 == 0) {
			k.repairRewardPercentage %= 101;
			k.slashPercentage %= 101;
			k.validatorRewardPercentage %= 101;
			k.maxNumberOfSlashes %= 6;
			slashes = k.maxNumberOfSlashes;
		}
		c.collateral = k;
		uint256 total = slashes * k.slashPercentage;
		uint256 earlier =
			total - (slashes == 0 ? 0 : k.slashPercentage);
		bool right = k.repairRewardPercentage <= 100
			&& k.slashPercentage <= 100 && total <= 100
			&& k.validatorRewardPercentage <= 100
			&& 100 * earlier + uint256(k.slashPercentage)
					* k.validatorRewardPercentage + 100
					* uint256(k.repairRewardPercentage)
				<= 10000;

		try this.deployCall(c) {
			yes(right, "a configuration that is wrong");
		} catch (bytes memory why) {
			same(why.length, 4, "length of a refusal");
			no(right, "refused for nothing");
			return;
		}
		market = deploy(c);
		slashUntilFreed(c);
	}

	/// Every slash, the last one, and a repair: nothing is left.
	function slashUntilFreed(MarketplaceConfig memory c) private {
		Request memory r = request();
		CollateralConfig memory k = c.collateral;
		uint256 full = collateralOf(r);
		uint256 cut = percent(full, k.slashPercentage);
		uint256 fee = percent(cut, k.validatorRewardPercentage);
		bytes32 id;
		bytes32 slot;
		uint256 n;

		// 255 slashes take two periods each
		r.expiry = 6000;
		id = submit(r);
		slot = fill(id, 0, host(0));
		do {
			same(
				market.currentCollateral(slot),
				full - n * cut,
				"collateral"
			);
			mark(slot);
			++n;
			holds(VALIDATOR, n * fee, "validator's");
		} while (n < k.maxNumberOfSlashes);
		isState(slot, SlotState.Repair);
		nextPeriod();
		give(
			host(1),
			full - percent(full, k.repairRewardPercentage)
		);
		reserve(id, 0, host(1));
		vm.prank(host(1));
		market.fillSlot(id, 0, good());
		vm.warp(market.requestExpiry(id) + 1);
		vm.prank(host(1));
		market.freeSlot(slot, address(0x4E), address(0xC0));
		holds(address(0xC0), full, "collateral returned");
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		holds(address(market), 0, "nothing left");
	}

	/* payouts */

	/// Filled when it may be, freed before or after: to the second.
	function testAnyTimes(
		uint16[4] memory filledAt,
		uint8 given,
		uint8 order
	) public {
		Request memory r = request();
		bytes32 id = submit(r);
		uint64 began = time();
		uint256 due;
		uint64 last;

		for (uint256 k = 0; k < 4; ++k) {
			last += filledAt[k] % 900;
			vm.warp(began + last);
			fill(id, uint64(k), host(k));
			due += r.ask.duration - last;
		}
		vm.warp(began + 3600 + given);
		free(slotOf(id, 2), host(2));
		// of slot 2 nothing is due, which was filled earlier than 3
		due -= r.ask.duration - (last - filledAt[3] % 900);
		vm.warp(market.requestEnd(id) + 1 + given);
		if (order & 1 != 0) withdraw(id);
		for (uint64 k = 0; k < 4; ++k) {
			if (k != 2) free(slotOf(id, k), host(k));
		}
		if (order & 1 == 0) withdraw(id);
		holds(CLIENT, maxPriceOf(r) - priceOf(r, due), "refund");
		holds(address(market), 0, "nothing left");
		same(
			token.balanceOf(host(0)) + token.balanceOf(host(1))
				+ token.balanceOf(host(3)),
			priceOf(r, due) + 3 * collateralOf(r),
			"the hosts'"
		);
	}

	function withdraw(bytes32 id) private {
		vm.prank(CLIENT);
		market.withdrawFunds(id);
	}

	/* numbers of the proof system */

	function testAnyFieldElement(bytes32 word) public view {
		uint256 sum;

		for (uint256 i = 0; i < 32; ++i) {
			if (i == 31) {
				same(
					market.challengeToFieldElement(word),
					sum,
					"challenge"
				);
			}
			sum += uint256(uint8(word[i])) << (8 * i);
		}
		same(market.merkleRootToFieldElement(word), sum, "root");
	}
}
