// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// markProofAsMissing and what a miss costs (spec 1.6, 1.7).
contract MissingTest is Kit {
	Request private r;
	bytes32 private id;
	bytes32 private slot;

	function setUp() public override {
		super.setUp();
		r = request();
		id = submit(r);
		slot = fill(id, 0, host(0));
	}

	/// The call and the question must agree.
	function refusesMark(uint64 aPeriod, bytes4 why) private {
		refused(
			why,
			VALIDATOR,
			abi.encodeCall(
				IMarketplaceCore.markProofAsMissing,
				(slot, aPeriod)
			)
		);
		refused(
			why,
			STRANGER,
			abi.encodeCall(
				IMarketplaceCore.canMarkProofAsMissing,
				(slot, aPeriod)
			)
		);
	}

	function marks(uint64 aPeriod) private {
		market.canMarkProofAsMissing(slot, aPeriod);
		vm.prank(VALIDATOR);
		market.markProofAsMissing(slot, aPeriod);
	}

	/* when */

	function testWindow() public {
		uint64 missed = period() + 1;
		uint64 end = startOf(missed + 1);

		point(slot, missed, 100);
		vm.warp(startOf(missed));
		refusesMark(missed, Proofs_PeriodNotEnded.selector);
		vm.warp(end - 1);
		refusesMark(missed, Proofs_PeriodNotEnded.selector);
		vm.warp(end);
		refusesMark(missed, Proofs_PeriodNotEnded.selector);
		vm.warp(end + 1);
		market.canMarkProofAsMissing(slot, missed);
		vm.warp(end + TIMEOUT - 1);
		market.canMarkProofAsMissing(slot, missed);
		vm.warp(end + TIMEOUT);
		refusesMark(missed, Proofs_ValidationTimedOut.selector);
		vm.warp(end + TIMEOUT + 1);
		refusesMark(missed, Proofs_ValidationTimedOut.selector);
		vm.warp(end + TIMEOUT - 1);
		marks(missed);
	}

	function testPeriodsFarAway() public {
		refusesMark(period(), Proofs_PeriodNotEnded.selector);
		refusesMark(period() + 1000, Proofs_PeriodNotEnded.selector);
		refusesMark(
			type(uint64).max, Proofs_PeriodNotEnded.selector
		);
		refusesMark(
			type(uint64).max / PERIOD,
			Proofs_PeriodNotEnded.selector
		);
		refusesMark(0, Proofs_ValidationTimedOut.selector);
	}

	/// The window may be as long as what a slot's word remembers.
	function testLongestWindow() public {
		MarketplaceConfig memory c = config();
		uint64 first;

		c.proofs.timeout = 78 * PERIOD;
		market = deploy(c);
		submit(r);
		fill(id, 0, host(0));
		first = period() + 1;
		// something newer, as far away as it may be
		vm.warp(startOf(first + 1) + c.proofs.timeout - 1);
		prove(slot, host(0));
		point(slot, first, 100);
		marks(first);
		refusesMark(
			first, Proofs_ProofAlreadyMarkedMissing.selector
		);
		point(slot, period(), 100);
		vm.warp(startOf(period() + 1) + 1);
		refusesMark(period() - 1, Proofs_ProofNotMissing.selector);
		refusesMark(first, Proofs_ValidationTimedOut.selector);
		same(market.missingProofs(slot), 1, "misses");
	}

	/// Old and new periods, proven and missed, in any order.
	function testPeriodsOutOfOrder() public {
		MarketplaceConfig memory c = config();
		uint64 first;

		c.proofs.timeout = 78 * PERIOD;
		c.collateral = CollateralConfig(10, 50, 1, 20);
		market = deploy(c);
		submit(r);
		fill(id, 0, host(0));
		first = period() + 1;
		for (uint64 p = first; p < first + 20; ++p) {
			vm.warp(startOf(p));
			if (p % 3 == 0) prove(slot, host(0));
		}
		vm.warp(startOf(first + 20) + 1);
		for (uint64 n = 0; n < 20; ++n) {
			// each of them once: 7 and 20 have no common factor
			uint64 p = first + (7 * n) % 20;

			point(slot, p, 100);
			if (p % 3 == 0) {
				refusesMark(
					p, Proofs_ProofNotMissing.selector
				);
				continue;
			}
			marks(p);
			refusesMark(
				p, Proofs_ProofAlreadyMarkedMissing.selector
			);
		}
		same(
			market.missingProofs(slot),
			20 - (first % 3 == 1 ? 6 : 7),
			"misses"
		);
	}

	/* what */

	function testNotTheStartPeriod() public {
		uint64 filled = period();

		vm.warp(startOf(filled + 1) + 1);
		point(slot, filled, 100);
		refusesMark(filled, Proofs_ProofNotMissing.selector);
		// filled later: nothing was received of that period
		slot = fill(id, 1, host(1));
		point(slot, filled, 100);
		refusesMark(filled, Proofs_ProofNotRequired.selector);
	}

	function testProvenPeriod() public {
		uint64 proven = period() + 1;

		nextPeriod();
		prove(slot, host(0));
		miss(slot);
		vm.warp(startOf(proven + 1) + 1);
		point(slot, proven, 100);
		refusesMark(proven, Proofs_ProofNotMissing.selector);
		// received is asked for before required
		point(slot, proven, 0);
		refusesMark(proven, Proofs_ProofNotMissing.selector);
	}

	/// In downtime no proof is required.
	function testDowntime() public {
		uint64 missed = miss(slot);

		point(slot, missed, 63);
		refusesMark(missed, Proofs_ProofNotRequired.selector);
		point(slot, missed, 0);
		refusesMark(missed, Proofs_ProofNotRequired.selector);
		point(slot, missed, 64);
		market.canMarkProofAsMissing(slot, missed);
		point(slot, missed, 255);
		marks(missed);
	}

	function testMarkedTwice() public {
		uint64 missed = miss(slot);

		marks(missed);
		refusesMark(
			missed, Proofs_ProofAlreadyMarkedMissing.selector
		);
		// required is asked for before marked
		point(slot, missed, 0);
		refusesMark(missed, Proofs_ProofNotRequired.selector);
		same(market.missingProofs(slot), 1, "misses");
	}

	function testOnlyFilledSlots() public {
		bytes32 filled = slot;

		slot = slotOf(id, 1);
		refusesMark(
			period() + 9,
			Marketplace_SlotNotAcceptingProofs.selector
		);
		slot = filled;
		free(slot, host(0));
		refusesMark(
			period() + 9,
			Marketplace_SlotNotAcceptingProofs.selector
		);
	}

	function testNotWhenCancelled() public {
		uint64 missed;

		vm.warp(market.requestExpiry(id) - 2 * PERIOD);
		missed = period();
		vm.warp(startOf(missed + 1) + 1);
		point(slot, missed, 100);
		market.canMarkProofAsMissing(slot, missed);
		vm.warp(market.requestExpiry(id) + 1);
		refusesMark(
			missed, Marketplace_SlotNotAcceptingProofs.selector
		);
		free(slot, host(0));
		isState(slot, SlotState.Paid);
		refusesMark(
			missed, Marketplace_SlotNotAcceptingProofs.selector
		);
	}

	/// Up to the last second, and in no second after it.
	function testNotWhenFinished() public {
		uint64 end = market.requestEnd(id);

		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		same(
			(end - 2) / PERIOD,
			end / PERIOD - 1,
			"the end is a start"
		);
		vm.warp(end);
		point(slot, end / PERIOD - 2, 100);
		refusesMark(
			end / PERIOD - 2, Proofs_ValidationTimedOut.selector
		);
		refusesMark(
			end / PERIOD - 1, Proofs_PeriodNotEnded.selector
		);
		vm.warp(end + 1);
		refusesMark(
			end / PERIOD - 1,
			Marketplace_SlotNotAcceptingProofs.selector
		);
	}

	function testNotWhenFailed() public {
		uint64 missed;

		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		missed = miss(slot);
		market.canMarkProofAsMissing(slot, missed);
		for (uint64 i = 1; i < 4; ++i) {
			free(slotOf(id, i), host(i));
		}
		isState(slot, SlotState.Failed);
		refusesMark(
			missed, Marketplace_SlotNotAcceptingProofs.selector
		);
	}

	/* what it costs */

	function testSlash() public {
		uint256 full = collateralOf(r);
		uint256 slashed = percent(full, 10);
		uint256 reward = percent(slashed, 20);
		uint256 supply = token.totalSupply();
		uint256 before = token.balanceOf(address(market));

		mark(slot);
		same(market.missingProofs(slot), 1, "misses");
		same(
			market.currentCollateral(slot),
			full - slashed,
			"coll."
		);
		same(
			market.getSlotCollateral(slot),
			full - slashed,
			"coll."
		);
		holds(VALIDATOR, reward, "validator's");
		isState(slot, SlotState.Filled);
		same(token.totalSupply(), supply, "supply");
		same(
			token.balanceOf(address(market)) + reward
				+ token.balanceOf(DEAD),
			before,
			"tokens of all"
		);
	}

	/// Of the original collateral, not of what is left.
	function testEachSlashIsTheSame() public {
		uint256 full = collateralOf(r);
		uint256 slashed = percent(full, 10);

		for (uint256 n = 1; n < 5; ++n) {
			mark(slot);
			same(
				market.currentCollateral(slot),
				full - n * slashed,
				"coll."
			);
			holds(
				VALIDATOR,
				n * percent(slashed, 20),
				"validator's"
			);
			isState(slot, SlotState.Filled);
		}
		vm.recordLogs();
		mark(slot);
		said(
			vm.getRecordedLogs(),
			SlotFreed.selector,
			id,
			abi.encode(0)
		);
		isState(slot, SlotState.Repair);
		same(market.getHost(slot), address(0), "host");
		same(market.currentCollateral(slot), 0, "coll.");
		same(market.missingProofs(slot), 0, "misses");
		same(slotsOf(host(0)).length, 0, "slots");
		holds(VALIDATOR, 5 * percent(slashed, 20), "validator's");
	}

	/// The share is rounded of the rounded slash.
	function testRounding() public {
		MarketplaceConfig memory c = config();

		c.collateral = CollateralConfig(10, 1, 33, 73);
		market = deploy(c);
		r.ask.collateralPerByte = 1;
		r.ask.slotSize = 7;
		id = submit(r);
		slot = fill(id, 0, host(0));
		mark(slot);
		// 33 % of 7 are 2.31, 73 % of 2 are 1.46, of 2.31 are 1.69
		holds(VALIDATOR, 1, "validator's");
	}

	function testValidatorWithoutShare() public {
		MarketplaceConfig memory c = config();

		c.collateral.validatorRewardPercentage = 0;
		market = deploy(c);
		submit(r);
		fill(id, 0, host(0));
		mark(slot);
		holds(VALIDATOR, 0, "validator's");
	}

	/// With no slashes allowed the first miss is the last.
	function testFirstMissFrees() public {
		MarketplaceConfig memory c = config();

		for (uint8 n = 0; n < 2; ++n) {
			c.collateral.maxNumberOfSlashes = n;
			market = deploy(c);
			submit(r);
			fill(id, 0, host(0));
			mark(slot);
			isState(slot, SlotState.Repair);
		}
	}

	/// Whoever comes first is the validator: the host as well.
	function testAnybodyMarks() public {
		uint64 missed = miss(slot);

		vm.prank(host(0));
		market.markProofAsMissing(slot, missed);
		holds(
			host(0),
			percent(percent(collateralOf(r), 10), 20),
			"validator's"
		);
	}

	/// The last miss of the last slot that may go fails the request.
	function testMissesFailTheRequest() public {
		Vm.Log[] memory logs;

		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		free(slotOf(id, 1), host(1));
		free(slotOf(id, 2), host(2));
		for (uint256 n = 0; n < 4; ++n) {
			mark(slot);
		}
		isState(id, RequestState.Started);
		vm.recordLogs();
		mark(slot);
		logs = vm.getRecordedLogs();
		said(logs, SlotFreed.selector, id, abi.encode(0));
		said(logs, RequestFailed.selector, id, "");
		isState(id, RequestState.Failed);
	}
}
