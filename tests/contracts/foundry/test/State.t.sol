// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// What requestState, slotState and the views beside them say (spec 1.3, 1.6).
contract StateTest is Kit {
	Request private r;
	bytes32 private id;
	uint64 private expiry;
	uint64 private end;

	function setUp() public override {
		super.setUp();
		r = request();
		id = submit(r);
		expiry = time() + r.expiry;
		end = time() + r.ask.duration;
	}

	function ends(uint64 wanted) private view {
		same(market.requestEnd(id), wanted, "end");
		same(market.requestExpiry(id), expiry, "expiry");
	}

	function testNewIsCancelled() public {
		bytes32 slot = fill(id, 0, host(0));

		vm.warp(expiry - 1);
		isState(id, RequestState.New);
		isState(slot, SlotState.Filled);
		ends(end);
		vm.warp(expiry);
		isState(id, RequestState.New);
		isState(slot, SlotState.Filled);
		ends(end);
		vm.warp(expiry + 1);
		isState(id, RequestState.Cancelled);
		isState(slot, SlotState.Cancelled);
		isState(slotOf(id, 1), SlotState.Free);
		ends(expiry);
		vm.warp(end + 1);
		isState(id, RequestState.Cancelled);
		isState(slot, SlotState.Cancelled);
		ends(expiry);
	}

	function testStartedIsFinished() public {
		bytes32 slot = slotOf(id, 0);

		fillAll(id);
		free(slotOf(id, 1), host(1));
		vm.warp(expiry + 1);
		isState(id, RequestState.Started);
		vm.warp(end - 1);
		isState(id, RequestState.Started);
		isState(slot, SlotState.Filled);
		ends(end);
		vm.warp(end);
		isState(id, RequestState.Started);
		isState(slot, SlotState.Filled);
		isState(slotOf(id, 1), SlotState.Repair);
		ends(end);
		vm.warp(end + 1);
		isState(id, RequestState.Finished);
		isState(slot, SlotState.Finished);
		isState(slotOf(id, 1), SlotState.Finished);
		ends(end);
		free(slot, host(0));
		isState(slot, SlotState.Paid);
		isState(id, RequestState.Finished);
		ends(end);
	}

	function testOfFailedStaysFailed() public {
		uint64 now_;

		fillAll(id);
		vm.warp(expiry + 7);
		now_ = time();
		failRequest(id);
		isState(id, RequestState.Failed);
		ends(now_ - 1);
		for (uint64 i = 0; i < 4; ++i) {
			isState(slotOf(id, i), SlotState.Failed);
		}
		vm.warp(end + 1);
		isState(id, RequestState.Failed);
		isState(slotOf(id, 3), SlotState.Failed);
		ends(now_ - 1);
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		isState(id, RequestState.Failed);
		ends(now_ - 1);
	}

	function testCancelledStaysCancelled() public {
		bytes32 slot = fill(id, 0, host(0));

		vm.warp(expiry + 1);
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		isState(id, RequestState.Cancelled);
		isState(slot, SlotState.Cancelled);
		ends(expiry);
		free(slot, host(0));
		isState(slot, SlotState.Paid);
		isState(id, RequestState.Cancelled);
	}

	/// A freed slot is one that may be filled until the request ends.
	function testRepair() public {
		bytes32 slot = fill(id, 0, host(0));

		free(slot, host(0));
		isState(slot, SlotState.Repair);
		vm.warp(expiry);
		isState(slot, SlotState.Repair);
		vm.warp(expiry + 1);
		isState(slot, SlotState.Cancelled);
	}

	function testUnknownRequest() public {
		bytes32 unknown = bytes32(uint256(77));

		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.requestState(unknown);
		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.requestEnd(unknown);
		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.getRequest(unknown);
		same(market.requestExpiry(unknown), 0, "expiry");
		isState(unknown, SlotState.Free);
		same(market.getHost(unknown), address(0), "host");
	}

	function testActiveSlot() public {
		bytes32 slot = slotOf(id, 0);

		vm.expectRevert(Marketplace_SlotIsFree.selector);
		market.getActiveSlot(slot);
		// reserving is not filling
		reserve(id, 0, host(0));
		vm.expectRevert(Marketplace_SlotIsFree.selector);
		market.getActiveSlot(slot);
		fillOnly(id, 0, host(0));
		same(market.getActiveSlot(slot).slotIndex, 0, "index");
		// a slot under repair is somebody's no more, but not free
		free(slot, host(0));
		same(
			abi.encode(market.getActiveSlot(slot).request),
			abi.encode(r),
			"request"
		);
		vm.warp(expiry + 1);
		market.getActiveSlot(slot);
	}

	function testListsAreEachOnes() public {
		fill(id, 0, host(0));
		fill(id, 1, host(1));
		r.client = STRANGER;
		submit(r);
		same(requestsOf(CLIENT).length, 1, "the client's");
		same(requestsOf(STRANGER)[0], idOf(r), "the stranger's");
		same(slotsOf(host(0)).length, 1, "slots");
		same(slotsOf(host(1))[0], slotOf(id, 1), "slots");
		same(slotsOf(CLIENT).length, 0, "slots of a client");
	}

	/* what docs/CHAIN.md adds */

	function testPlannersViews() public {
		uint256 full = collateralOf(r);
		uint256 reward = percent(full, 10);
		bytes32 slot = slotOf(id, 0);

		same(market.collateralPerSlot(id), full, "collateral");
		same(market.repairReward(id), reward, "reward for repair");
		same(market.collateralToFill(id, 0), full, "to fill");
		same(
			market.payoutIfFilled(id),
			priceOf(r, r.ask.duration),
			"if filled"
		);
		same(market.currentPayout(slot), 0, "of nobody");
		vm.warp(time() + 100);
		same(
			market.payoutIfFilled(id),
			priceOf(r, r.ask.duration - 100),
			"if filled now"
		);
		fill(id, 0, host(0));
		free(slot, host(0));
		same(
			market.collateralToFill(id, 0),
			full - reward,
			"repair"
		);
		same(market.collateralToFill(id, 1), full, "no repair");
		fill(id, 1, host(1));
		vm.expectRevert(Marketplace_SlotNotFree.selector);
		market.collateralToFill(id, 1);
		vm.expectRevert(Marketplace_InvalidSlot.selector);
		market.collateralToFill(id, 4);
		vm.warp(expiry + 1);
		vm.expectRevert(Marketplace_SlotNotFree.selector);
		market.collateralToFill(id, 2);
		same(market.payoutIfFilled(id), 0, "if filled too late");
		same(market.currentPayout(slot), 0, "under repair");
	}

	function testPlannersViewsOfUnknownRequest() public {
		bytes32 unknown = bytes32(uint256(77));

		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.collateralPerSlot(unknown);
		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.repairReward(unknown);
		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.collateralToFill(unknown, 0);
		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.payoutIfFilled(unknown);
		vm.expectRevert(Marketplace_UnknownRequest.selector);
		market.requestFunds(unknown);
		same(market.currentPayout(unknown), 0, "payout");
	}

	function testCurrentPayout() public {
		bytes32 slot = slotOf(id, 0);
		uint64 began;

		vm.warp(time() + 10);
		began = time();
		fillAll(id);
		same(market.currentPayout(slot), 0, "at first");
		vm.warp(began + 77);
		same(market.currentPayout(slot), priceOf(r, 77), "so far");
		vm.warp(end);
		same(
			market.currentPayout(slot),
			priceOf(r, end - began),
			"at end"
		);
		vm.warp(end + 50);
		same(
			market.currentPayout(slot),
			priceOf(r, end - began),
			"after"
		);
		free(slot, host(0));
		same(market.currentPayout(slot), 0, "paid out");
	}

	function testCurrentPayoutOfCancelled() public {
		bytes32 slot = fill(id, 0, host(0));

		vm.warp(end + 50);
		same(
			market.currentPayout(slot),
			priceOf(r, r.expiry),
			"payout"
		);
		free(slot, host(0));
		holds(
			host(0),
			priceOf(r, r.expiry) + collateralOf(r),
			"paid out"
		);
	}

	function testCurrentPayoutOfFailed() public {
		fillAll(id);
		vm.warp(time() + 50);
		failRequest(id);
		same(market.currentPayout(slotOf(id, 3)), 0, "payout");
	}

	/// While it goes on: if its slots stay as they are.
	function testRequestFundsOfRunning() public {
		same(market.requestFunds(id), maxPriceOf(r), "unfilled");
		vm.warp(time() + 10);
		fill(id, 0, host(0));
		same(
			market.requestFunds(id),
			maxPriceOf(r) - priceOf(r, r.ask.duration - 10),
			"with a slot"
		);
		free(slotOf(id, 0), host(0));
		same(market.requestFunds(id), maxPriceOf(r), "without it");
	}

	function testRequestFunds() public {
		vm.warp(expiry + 1);
		same(market.requestFunds(id), maxPriceOf(r), "cancelled");
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		holds(CLIENT, maxPriceOf(r), "withdrawn");
		same(market.requestFunds(id), 0, "withdrawn");
	}

	function testRequestFundsOfPartlyFilled() public {
		uint256 back;

		fill(id, 0, host(0));
		vm.warp(time() + 30);
		fill(id, 1, host(1));
		vm.warp(expiry + 1);
		back = maxPriceOf(r) - priceOf(r, 2 * r.expiry - 30);
		same(market.requestFunds(id), back, "cancelled");
		free(slotOf(id, 0), host(0));
		same(market.requestFunds(id), back, "after a payout");
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		holds(CLIENT, back, "withdrawn");
	}

	function testRequestFundsOfFailedAndFinished() public {
		fillAll(id);
		vm.warp(time() + 50);
		free(slotOf(id, 0), host(0));
		vm.warp(end + 1);
		// its fifty seconds are not paid
		same(
			market.requestFunds(id),
			priceOf(r, r.ask.duration),
			"finished"
		);
		r.nonce = bytes32(uint256(1));
		id = submit(r);
		fillAll(id);
		vm.warp(time() + 50);
		failRequest(id);
		same(market.requestFunds(id), maxPriceOf(r), "failed");
	}
}
