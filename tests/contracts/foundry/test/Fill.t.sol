// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// fillSlot, for the first time and as a repair (spec 1.6).
contract FillTest is Kit {
	bytes32 private id;
	Request private r;

	function setUp() public override {
		super.setUp();
		r = request();
		id = submit(r);
	}

	function filling(bytes32 request, uint64 i, Proof memory proof)
		private
		pure
		returns (bytes memory)
	{
		return abi.encodeCall(
			IMarketplaceCore.fillSlot, (request, i, proof)
		);
	}

	function refuses(uint64 i, address who, bytes4 why) private {
		refused(why, who, filling(id, i, good()));
	}

	function testFill() public {
		uint256 before = token.balanceOf(address(market));
		bytes32 slot = slotOf(id, 2);
		Slot memory s;
		Vm.Log[] memory logs;

		reserve(id, 2, host(0));
		give(host(0), collateralOf(r) + 5);
		vm.recordLogs();
		vm.prank(host(0));
		market.fillSlot(id, 2, good());

		logs = vm.getRecordedLogs();
		said(logs, SlotFilled.selector, id, abi.encode(2));
		said(logs, ProofSubmitted.selector, 0, abi.encode(slot));
		same(count(logs, RequestFulfilled.selector), 0, "fulfilled");
		isState(slot, SlotState.Filled);
		isState(id, RequestState.New);
		same(market.getHost(slot), host(0), "host");
		s = market.getActiveSlot(slot);
		same(s.slotIndex, 2, "index");
		same(abi.encode(s.request), abi.encode(r), "request of it");
		same(
			market.currentCollateral(slot),
			collateralOf(r),
			"coll."
		);
		same(
			market.getSlotCollateral(slot),
			collateralOf(r),
			"coll."
		);
		same(market.missingProofs(slot), 0, "misses");
		same(slotsOf(host(0)).length, 1, "slots");
		same(slotsOf(host(0))[0], slot, "slot of the list");
		holds(host(0), 5, "the host's rest");
		holds(address(market), before + collateralOf(r), "funds");
		isState(slotOf(id, 1), SlotState.Free);
	}

	function testLastSlotStarts() public {
		Vm.Log[] memory logs;

		for (uint64 i = 0; i < 3; ++i) {
			fill(id, i, host(0));
			isState(id, RequestState.New);
		}
		reserve(id, 3, host(1));
		vm.recordLogs();
		fillOnly(id, 3, host(1));
		logs = vm.getRecordedLogs();
		said(logs, RequestFulfilled.selector, id, "");
		said(logs, SlotFilled.selector, id, abi.encode(3));
		isState(id, RequestState.Started);
		same(slotsOf(host(0)).length, 3, "slots");
		// the clock ran since the request, and still does
		same(market.requestEnd(id), time() + r.ask.duration, "end");
	}

	function testOneSlot() public {
		r.ask.slots = 1;
		r.ask.maxSlotLoss = 0;
		id = submit(r);
		fill(id, 0, host(0));
		isState(id, RequestState.Started);
	}

	/* what is refused, and in which order */

	function testUnknownRequestBeforeAll() public {
		refused(
			Marketplace_UnknownRequest.selector,
			host(0),
			filling(bytes32(uint256(1)), 99, bad())
		);
	}

	function testIndexBeforeReservation() public {
		refuses(4, host(0), Marketplace_InvalidSlot.selector);
		refuses(
			type(uint64).max,
			host(0),
			Marketplace_InvalidSlot.selector
		);
		refuses(
			3, host(0), Marketplace_ReservationRequired.selector
		);
	}

	/// Section 8: reservation before state.
	function testReservationBeforeState() public {
		fill(id, 0, host(0));
		refuses(
			0, host(1), Marketplace_ReservationRequired.selector
		);
		fill(id, 1, host(1));
		fill(id, 2, host(2));
		fill(id, 3, host(3));
		failRequest(id);
		// of a slot freed, and of one that is not: its host reserved it
		refuses(
			0, host(0), Marketplace_ReservationRequired.selector
		);
		refuses(
			3, host(2), Marketplace_ReservationRequired.selector
		);
		refuses(3, host(3), Marketplace_SlotNotFree.selector);
	}

	function testFilledSlot() public {
		reserve(id, 0, host(1));
		fill(id, 0, host(0));
		refuses(0, host(0), Marketplace_SlotNotFree.selector);
		refuses(0, host(1), Marketplace_SlotNotFree.selector);
	}

	/// An untouched slot reads free after the expiry (10.1 number 11), but
	/// nobody may fill it: spec 8 says SlotNotFree.
	function testCancelledRequest() public {
		give(host(0), 1e18);
		reserve(id, 0, host(0));
		vm.warp(market.requestExpiry(id) + 1);
		refuses(0, host(0), Marketplace_SlotNotFree.selector);
	}

	function testTouchedSlotOfCancelledRequest() public {
		bytes32 slot = fill(id, 0, host(0));

		free(slot, host(0));
		reserve(id, 0, host(1));
		vm.warp(market.requestExpiry(id) + 1);
		refuses(0, host(1), Marketplace_SlotNotFree.selector);
	}

	function testFinishedRequest() public {
		fillAll(id);
		free(slotOf(id, 0), host(0));
		reserve(id, 0, host(1));
		vm.warp(market.requestEnd(id) + 1);
		refuses(0, host(1), Marketplace_SlotNotFree.selector);
	}

	function testWrongProof() public {
		give(host(0), 1e18);
		reserve(id, 0, host(0));
		refused(
			Proofs_InvalidProof.selector,
			host(0),
			filling(id, 0, bad())
		);
		isState(slotOf(id, 0), SlotState.Free);
	}

	function testNoCollateral() public {
		uint256 collateral = collateralOf(r);

		reserve(id, 0, host(0));
		give(host(0), collateral - 1);
		vm.expectRevert(
			abi.encodeWithSelector(
				IToken.ERC20InsufficientAllowance.selector,
				market,
				collateral - 1,
				collateral
			)
		);
		vm.prank(host(0));
		market.fillSlot(id, 0, good());
	}

	/* when */

	function testUntilExpiry() public {
		uint64 expiry = market.requestExpiry(id);

		reserve(id, 2, host(2));
		vm.warp(expiry - 1);
		fill(id, 0, host(0));
		vm.warp(expiry);
		fill(id, 1, host(1));
		isState(id, RequestState.New);
		vm.warp(expiry + 1);
		isState(id, RequestState.Cancelled);
		give(host(2), 1e18);
		refuses(2, host(2), Marketplace_SlotNotFree.selector);
	}

	function testLastSlotInLastSecond() public {
		for (uint64 i = 0; i < 3; ++i) {
			fill(id, i, host(i));
		}
		vm.warp(market.requestExpiry(id));
		fill(id, 3, host(3));
		isState(id, RequestState.Started);
		vm.warp(time() + 1);
		isState(id, RequestState.Started);
	}

	/* repair */

	function testRepairCostsLess() public {
		uint256 discount = percent(collateralOf(r), 10);
		bytes32 slot;

		fillAll(id);
		slot = slotOf(id, 1);
		free(slot, host(1));
		isState(slot, SlotState.Repair);
		nextPeriod();
		reserve(id, 1, host(5));
		give(host(5), collateralOf(r) - discount);
		vm.recordLogs();
		vm.prank(host(5));
		market.fillSlot(id, 1, good());

		same(
			count(
				vm.getRecordedLogs(),
				RequestFulfilled.selector
			),
			0,
			"fulfilled again"
		);
		holds(host(5), 0, "the new host's");
		same(
			market.currentCollateral(slot),
			collateralOf(r),
			"coll."
		);
		same(market.getHost(slot), host(5), "host");
		isState(slot, SlotState.Filled);
		isState(id, RequestState.Started);
		same(slotsOf(host(5)).length, 1, "slots of the new");
		same(slotsOf(host(1)).length, 0, "slots of the old");

		vm.warp(market.requestEnd(id) + 1);
		free(slot, host(5));
		holds(
			host(5),
			collateralOf(r)
				+ priceOf(r, r.ask.duration - PERIOD),
			"what the new host has at the end"
		);
	}

	function testRepairOneTokenShort() public {
		uint256 pays =
			collateralOf(r) - percent(collateralOf(r), 10);

		fill(id, 0, host(0));
		free(slotOf(id, 0), host(0));
		nextPeriod();
		reserve(id, 0, host(5));
		give(host(5), pays - 1);
		vm.expectRevert(
			abi.encodeWithSelector(
				IToken.ERC20InsufficientAllowance.selector,
				market,
				pays - 1,
				pays
			)
		);
		vm.prank(host(5));
		market.fillSlot(id, 0, good());
	}

	/// Who freed it may fill it again.  Before the start as well.
	function testRepairBySameHost() public {
		bytes32 slot = fill(id, 0, host(0));

		free(slot, host(0));
		nextPeriod();
		fill(id, 0, host(0));
		same(market.getHost(slot), host(0), "host");
	}

	/// A consequence that 1.6 names.
	function testNotInThePeriodOfTheOldProof() public {
		bytes32 slot = fill(id, 0, host(0));

		free(slot, host(0));
		reserve(id, 0, host(1));
		give(host(1), 1e18);
		refuses(0, host(1), Proofs_ProofAlreadySubmitted.selector);
		vm.warp(startOf(period() + 1) - 1);
		refuses(0, host(1), Proofs_ProofAlreadySubmitted.selector);
		vm.warp(time() + 1);
		vm.prank(host(1));
		market.fillSlot(id, 0, good());
	}

	function testRepairInLastSecond() public {
		bytes32 slot = slotOf(id, 0);

		fillAll(id);
		free(slot, host(0));
		vm.warp(market.requestEnd(id));
		fill(id, 0, host(5));
		isState(slot, SlotState.Filled);
		vm.warp(time() + 1);
		isState(slot, SlotState.Finished);
		free(slot, host(5));
		// nothing for no seconds; its collateral, and what it paid less
		holds(
			host(5),
			collateralOf(r) + percent(collateralOf(r), 10),
			"given more than the discount"
		);
	}

	/// The last slot may be a repaired one.
	function testRepairStarts() public {
		fill(id, 0, host(0));
		free(slotOf(id, 0), host(0));
		nextPeriod();
		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		isState(id, RequestState.New);
		fill(id, 0, host(0));
		isState(id, RequestState.Started);
	}

	function testMissesAreForgotten() public {
		bytes32 slot = fill(id, 0, host(0));

		mark(slot);
		mark(slot);
		same(market.missingProofs(slot), 2, "misses");
		free(slot, host(0));
		same(market.missingProofs(slot), 0, "misses of nobody");
		nextPeriod();
		fill(id, 0, host(1));
		same(market.missingProofs(slot), 0, "misses of the new");
		same(
			market.currentCollateral(slot),
			collateralOf(r),
			"coll."
		);
	}

	/// The period of the filling wants no proof of the new host either.
	function testStartPeriodMovesWithRepair() public {
		bytes32 slot = fill(id, 0, host(0));
		uint64 filled;

		free(slot, host(0));
		vm.warp(startOf(period() + 3));
		fill(id, 0, host(1));
		filled = period();
		vm.warp(startOf(filled + 1) + 1);
		point(slot, filled, 100);
		refused(
			Proofs_ProofNotMissing.selector,
			VALIDATOR,
			abi.encodeCall(
				IMarketplaceCore.markProofAsMissing,
				(slot, filled)
			)
		);
		// nor does any before it, of which nothing is recorded
		vm.warp(startOf(filled) + TIMEOUT - 1);
		point(slot, filled - 1, 100);
		refused(
			Proofs_ProofNotRequired.selector,
			VALIDATOR,
			abi.encodeCall(
				IMarketplaceCore.markProofAsMissing,
				(slot, filled - 1)
			)
		);
	}
}
