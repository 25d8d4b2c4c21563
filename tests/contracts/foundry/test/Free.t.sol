// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// freeSlot in each state, payouts, and what being freed by force means
/// (spec 1.6).
contract FreeTest is Kit {
	address private constant REWARD = address(0x4E01);
	address private constant COLLATERAL = address(0xC011);
	Request private r;
	bytes32 private id;
	uint256 private full;

	function setUp() public override {
		super.setUp();
		r = request();
		id = submit(r);
		full = collateralOf(r);
	}

	function refuses(bytes32 slot, address who, bytes4 why) private {
		refused(
			why,
			who,
			abi.encodeWithSignature("freeSlot(bytes32)", slot)
		);
		refused(
			why,
			who,
			abi.encodeWithSignature(
				"freeSlot(bytes32,address,address)",
				slot,
				REWARD,
				COLLATERAL
			)
		);
	}

	function freeTo(bytes32 slot, address who) private {
		vm.prank(who);
		market.freeSlot(slot, REWARD, COLLATERAL);
	}

	/* what is refused */

	function testFreeSlotIsFree() public {
		refuses(
			slotOf(id, 0),
			host(0),
			Marketplace_SlotIsFree.selector
		);
		reserve(id, 0, host(0));
		refuses(
			slotOf(id, 0),
			host(0),
			Marketplace_SlotIsFree.selector
		);
		refuses(
			bytes32(0), host(0), Marketplace_SlotIsFree.selector
		);
		vm.warp(market.requestExpiry(id) + 1);
		refuses(
			slotOf(id, 0),
			host(0),
			Marketplace_SlotIsFree.selector
		);
	}

	function testOnlyItsHost() public {
		bytes32 slot = fill(id, 0, host(0));

		refuses(slot, host(1), Marketplace_InvalidSlotHost.selector);
		refuses(slot, CLIENT, Marketplace_InvalidSlotHost.selector);
		free(slot, host(0));
		// under repair it has none
		refuses(slot, host(0), Marketplace_InvalidSlotHost.selector);
	}

	function testNotTwice() public {
		fillAll(id);
		vm.warp(market.requestEnd(id) + 1);
		free(slotOf(id, 0), host(0));
		refuses(
			slotOf(id, 0),
			host(0),
			Marketplace_AlreadyPaid.selector
		);
		refuses(
			slotOf(id, 0),
			host(1),
			Marketplace_InvalidSlotHost.selector
		);
		vm.warp(time() + 100000);
		refuses(
			slotOf(id, 0),
			host(0),
			Marketplace_AlreadyPaid.selector
		);
	}

	function testNotTwiceWhenCancelled() public {
		bytes32 slot = fill(id, 0, host(0));

		vm.warp(market.requestExpiry(id) + 1);
		free(slot, host(0));
		refuses(slot, host(0), Marketplace_AlreadyPaid.selector);
	}

	/* finished */

	function testFinished() public {
		uint64 filled;
		bytes32 slot = slotOf(id, 3);

		for (uint64 i = 0; i < 3; ++i) {
			fill(id, i, host(i));
		}
		vm.warp(time() + 123);
		filled = time();
		fill(id, 3, host(3));
		fill(submitAnother(), 0, host(3));
		vm.warp(market.requestEnd(id) + 1);
		free(slot, host(3));
		holds(
			host(3),
			full + priceOf(r, market.requestEnd(id) - filled),
			"the host's"
		);
		isState(slot, SlotState.Paid);
		same(market.currentCollateral(slot), 0, "collateral");
		same(market.getSlotCollateral(slot), 0, "collateral");
		no(has(slotsOf(host(3)), slot), "in the host's list");
		same(slotsOf(host(3)).length, 1, "the host's list");
	}

	function submitAnother() private returns (bytes32) {
		Request memory another = r;

		another.nonce = bytes32(uint256(1));
		return submit(another);
	}

	function testLastSecondIsNotFinished() public {
		bytes32 slot = slotOf(id, 0);

		fillAll(id);
		vm.warp(market.requestEnd(id));
		free(slot, host(0));
		// it left before the end: nothing is paid
		isState(slot, SlotState.Repair);
		holds(host(0), 0, "the host's");
	}

	function testFinishedToOthers() public {
		bytes32 slot = slotOf(id, 0);

		fillAll(id);
		vm.warp(market.requestEnd(id) + 1);
		freeTo(slot, host(0));
		holds(REWARD, priceOf(r, r.ask.duration), "reward");
		holds(COLLATERAL, full, "collateral");
		holds(host(0), 0, "the host's");
	}

	/// 10.1 number 3, kept: the first payout takes the request out of the
	/// client's list, and no later one puts it back.
	function testFinishedLeavesTheClientsList() public {
		bytes32 another = submitAnother();

		fillAll(id);
		vm.warp(market.requestEnd(id) + 1);
		yes(has(requestsOf(CLIENT), id), "in the list");
		free(slotOf(id, 1), host(1));
		no(has(requestsOf(CLIENT), id), "in the list");
		yes(has(requestsOf(CLIENT), another), "the other is in it");
		for (uint64 i = 0; i < 4; ++i) {
			if (i != 1) free(slotOf(id, i), host(i));
		}
		same(requestsOf(CLIENT).length, 1, "requests");
	}

	function testFinishedAfterMisses() public {
		bytes32 slot = slotOf(id, 0);

		fillAll(id);
		mark(slot);
		mark(slot);
		vm.warp(market.requestEnd(id) + 1);
		freeTo(slot, host(0));
		holds(REWARD, priceOf(r, r.ask.duration), "reward");
		holds(
			COLLATERAL,
			full - 2 * percent(full, 10),
			"collateral"
		);
	}

	/* cancelled */

	function testCancelled() public {
		uint64 filled;
		bytes32 slot;

		vm.warp(time() + 100);
		filled = time();
		slot = fill(id, 1, host(0));
		vm.warp(market.requestExpiry(id) + 1000);
		free(slot, host(0));
		holds(
			host(0),
			full
				+ priceOf(
					r, market.requestExpiry(id) - filled
				),
			"the host's"
		);
		isState(slot, SlotState.Paid);
		isState(id, RequestState.Cancelled);
		same(market.currentCollateral(slot), 0, "collateral");
		same(slotsOf(host(0)).length, 0, "slots");
		yes(has(requestsOf(CLIENT), id), "in the client's list");
	}

	function testCancelledToOthers() public {
		bytes32 slot = fill(id, 0, host(0));

		mark(slot);
		vm.warp(market.requestExpiry(id) + 1);
		freeTo(slot, host(0));
		holds(REWARD, priceOf(r, r.expiry), "reward");
		holds(COLLATERAL, full - percent(full, 10), "collateral");
	}

	/// 10.1 number 1: filled in the last second, Codex's contract kept the
	/// collateral for ever.
	function testCancelledAfterNoTime() public {
		bytes32 slot;

		vm.warp(market.requestExpiry(id));
		slot = fill(id, 0, host(0));
		vm.warp(time() + 1);
		freeTo(slot, host(0));
		holds(REWARD, 0, "reward");
		holds(COLLATERAL, full, "collateral");
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		holds(CLIENT, maxPriceOf(r), "the client's");
		holds(address(market), 0, "nothing left");
	}

	function testCancelledAfterOneSecond() public {
		bytes32 slot;

		vm.warp(market.requestExpiry(id) - 1);
		slot = fill(id, 0, host(0));
		vm.warp(time() + 2);
		freeTo(slot, host(0));
		holds(REWARD, priceOf(r, 1), "reward");
	}

	/* filled: by force */

	function testFilled() public {
		bytes32 slot;

		fillAll(id);
		slot = slotOf(id, 2);
		vm.warp(time() + 100);
		vm.recordLogs();
		freeTo(slot, host(2));
		said(
			vm.getRecordedLogs(),
			SlotFreed.selector,
			id,
			abi.encode(2)
		);
		holds(REWARD, 0, "reward");
		holds(COLLATERAL, 0, "collateral");
		holds(host(2), 0, "the host's");
		isState(slot, SlotState.Repair);
		isState(id, RequestState.Started);
		same(market.getHost(slot), address(0), "host");
		same(market.currentCollateral(slot), 0, "collateral");
		same(slotsOf(host(2)).length, 0, "slots");
	}

	function testByForce() public {
		bytes32 slot = fill(id, 0, host(0));

		vm.recordLogs();
		market.forciblyFreeSlot(slot);
		said(
			vm.getRecordedLogs(),
			SlotFreed.selector,
			id,
			abi.encode(0)
		);
		isState(slot, SlotState.Repair);
		same(market.getSlotCollateral(slot), 0, "collateral");
	}

	/// Before the start slots come and go, and nothing fails.
	function testNeverFailsBeforeTheStart() public {
		Vm.Log[] memory logs;

		for (uint64 i = 0; i < 3; ++i) {
			fill(id, i, host(i));
		}
		vm.recordLogs();
		for (uint64 i = 0; i < 3; ++i) {
			free(slotOf(id, i), host(i));
		}
		logs = vm.getRecordedLogs();
		same(count(logs, RequestFailed.selector), 0, "failures");
		isState(id, RequestState.New);
		// the count of filled slots is right: all four start it
		nextPeriod();
		for (uint64 i = 0; i < 4; ++i) {
			isState(id, RequestState.New);
			fill(id, i, host(i));
		}
		isState(id, RequestState.Started);
	}

	function testOfFailsBeyondTheLossAllowed() public {
		Vm.Log[] memory logs;

		fillAll(id);
		vm.warp(time() + 100);
		free(slotOf(id, 0), host(0));
		vm.recordLogs();
		free(slotOf(id, 1), host(1));
		logs = vm.getRecordedLogs();
		same(count(logs, RequestFailed.selector), 0, "failures");
		isState(id, RequestState.Started);
		vm.recordLogs();
		free(slotOf(id, 2), host(2));
		logs = vm.getRecordedLogs();
		said(logs, RequestFailed.selector, id, "");
		said(logs, SlotFreed.selector, id, abi.encode(2));
		isState(id, RequestState.Failed);
		same(market.requestEnd(id), time() - 1, "end");
	}

	/// Lists have no holes: slots leave from front, middle and end.
	function testListsOfSlots() public {
		bytes32[4] memory slots;
		uint8[4] memory order = [0, 2, 3, 1];

		r.ask.maxSlotLoss = 4;
		id = submit(r);
		for (uint64 i = 0; i < 4; ++i) {
			slots[i] = fill(id, i, host(0));
		}
		for (uint256 n = 0; n < 4; ++n) {
			free(slots[order[n]], host(0));
			same(slotsOf(host(0)).length, 3 - n, "slots");
			for (uint256 k = 0; k <= n; ++k) {
				no(
					has(slotsOf(host(0)), slots[order[k]]),
					"in the list"
				);
			}
		}
		nextPeriod();
		fill(id, 3, host(0));
		same(slotsOf(host(0))[0], slots[3], "slot");
	}

	/// A slot that was repaired is not lost.
	function testRepairedSlotsAreNotLost() public {
		fillAll(id);
		for (uint64 n = 0; n < 4; ++n) {
			nextPeriod();
			free(slotOf(id, n), market.getHost(slotOf(id, n)));
			nextPeriod();
			fill(id, n, host(9));
		}
		free(slotOf(id, 0), host(9));
		free(slotOf(id, 1), host(9));
		isState(id, RequestState.Started);
		free(slotOf(id, 2), host(9));
		isState(id, RequestState.Failed);
	}

	function testNoLossAllowed() public {
		Request memory strict = r;

		strict.ask.maxSlotLoss = 0;
		id = submit(strict);
		fillAll(id);
		free(slotOf(id, 3), host(3));
		isState(id, RequestState.Failed);
	}

	function testAllMayGo() public {
		Request memory loose = r;

		loose.ask.maxSlotLoss = 4;
		id = submit(loose);
		fillAll(id);
		for (uint64 i = 0; i < 4; ++i) {
			free(slotOf(id, i), host(i));
		}
		isState(id, RequestState.Started);
	}

	/* failed */

	function testOfFailed() public {
		bytes32 slot = slotOf(id, 3);

		fillAll(id);
		failRequest(id);
		yes(has(slotsOf(host(3)), slot), "in its host's list");
		freeTo(slot, host(3));
		no(has(slotsOf(host(3)), slot), "in its host's list");
		holds(REWARD, 0, "reward");
		holds(COLLATERAL, 0, "collateral");
		holds(host(3), 0, "the host's");
		isState(slot, SlotState.Failed);
		// docs/CHAIN.md: once
		same(market.getHost(slot), address(0), "host");
		refuses(slot, host(3), Marketplace_InvalidSlotHost.selector);
	}

	/* what leaves circulation (docs/CHAIN.md, Where collateral is) */

	function testSlashLeavesCirculation() public {
		uint256 cut = percent(full, 10);
		bytes32 slot = fill(id, 0, host(0));

		for (uint256 n = 1; n < 5; ++n) {
			mark(slot);
			holds(DEAD, n * (cut - percent(cut, 20)), "burned");
		}
		// the last one, with all but the reward for repair
		mark(slot);
		holds(
			DEAD,
			full - percent(full, 10) - 5 * percent(cut, 20),
			"burned"
		);
		holds(
			address(market),
			maxPriceOf(r) + percent(full, 10),
			"kept for repair"
		);
	}

	function testGivenUpLeavesCirculation() public {
		bytes32 slot = fill(id, 0, host(0));
		uint256 repair = percent(full, 10);

		free(slot, host(0));
		holds(DEAD, full - repair, "burned");
		holds(address(market), maxPriceOf(r) + repair, "kept");
		// the next host is given it, and loses it with all else
		nextPeriod();
		fill(id, 0, host(1));
		holds(address(market), maxPriceOf(r) + full, "kept");
		free(slot, host(1));
		holds(DEAD, 2 * (full - repair), "burned");
		holds(address(market), maxPriceOf(r) + repair, "kept");
		// and nobody earns it
		vm.warp(market.requestExpiry(id) + 1);
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		holds(DEAD, 2 * full - repair, "burned");
		holds(address(market), 0, "nothing left");
	}

	/// All collateral of a failed request: of slots that missed proofs,
	/// that were freed, that were repaired.
	function testOfFailedLeavesCirculation() public {
		bytes32 slot = slotOf(id, 3);
		uint256 paid = 5 * full - percent(full, 10);
		uint256 rewards = 2 * percent(percent(full, 10), 20);

		fillAll(id);
		mark(slot);
		mark(slotOf(id, 0));
		free(slotOf(id, 1), host(1));
		nextPeriod();
		give(host(1), full - percent(full, 10));
		reserve(id, 1, host(1));
		vm.prank(host(1));
		market.fillSlot(id, 1, good());
		failRequest(id);
		holds(VALIDATOR, rewards, "validator's");
		holds(DEAD, paid - rewards, "burned");
		holds(address(market), maxPriceOf(r), "the client's");
		same(market.currentCollateral(slot), 0, "collateral");
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		holds(address(market), 0, "nothing left");
		free(slot, host(3));
		holds(DEAD, paid - rewards, "burned");
	}

	function testOfFailedAfterTheEnd() public {
		bytes32 slot = slotOf(id, 3);

		fillAll(id);
		failRequest(id);
		vm.warp(time() + 2 * r.ask.duration);
		isState(slot, SlotState.Failed);
		free(slot, host(3));
		holds(host(3), 0, "the host's");
	}
}
