// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// Who may fill a slot (spec 1.6, reserveSlot).
contract ReserveTest is Kit {
	bytes32 private id;

	function setUp() public override {
		super.setUp();
		id = submit(request());
	}

	function can(uint64 i, address who) private returns (bool) {
		vm.prank(who);
		return market.canReserveSlot(id, i);
	}

	function refuses(uint64 i, address who) private {
		no(can(i, who), "can reserve");
		refused(
			SlotReservations_ReservationNotAllowed.selector,
			who,
			abi.encodeCall(
				IMarketplaceCore.reserveSlot, (id, i)
			)
		);
	}

	function testThreeMayReserve() public {
		vm.recordLogs();
		for (uint256 h = 0; h < 2; ++h) {
			yes(can(1, host(h)), "can reserve");
			reserve(id, 1, host(h));
		}
		same(
			vm.getRecordedLogs().length,
			0,
			"logs before it is full"
		);
		yes(can(1, host(2)), "the third can");
		vm.recordLogs();
		reserve(id, 1, host(2));
		said(
			vm.getRecordedLogs(),
			SlotReservationsFull.selector,
			id,
			abi.encode(1)
		);
		refuses(1, host(3));
		yes(can(0, host(3)), "can reserve another slot");
		isState(slotOf(id, 1), SlotState.Free);
	}

	function testOnlyOnceEach() public {
		reserve(id, 0, host(0));
		refuses(0, host(0));
		reserve(id, 1, host(0));
	}

	function testNoneWhenNoneMayReserve() public {
		MarketplaceConfig memory c = config();

		c.reservations.maxReservations = 0;
		market = deploy(c);
		submit(request());
		refuses(0, host(0));
	}

	/// docs/CHAIN.md: where Codex's contract lets anybody do it.
	function testUnknownRequest() public {
		bytes32 known = id;

		id = bytes32(uint256(1));
		no(can(0, host(0)), "can reserve");
		refused(
			Marketplace_UnknownRequest.selector,
			host(0),
			abi.encodeCall(
				IMarketplaceCore.reserveSlot, (id, 0)
			)
		);
		id = known;
		no(can(4, host(0)), "can reserve");
		refused(
			Marketplace_InvalidSlot.selector,
			host(0),
			abi.encodeCall(
				IMarketplaceCore.reserveSlot, (id, 4)
			)
		);
		yes(can(3, host(0)), "can reserve the last");
	}

	function testNotWhenFilled() public {
		fill(id, 0, host(0));
		refuses(0, host(1));
		refuses(0, host(0));
	}

	function testAgainWhenFreed() public {
		bytes32 slot;

		reserve(id, 0, host(1));
		reserve(id, 0, host(2));
		slot = fill(id, 0, host(0));
		refuses(0, host(3));
		free(slot, host(0));
		isState(slot, SlotState.Repair);
		// all reservations went with the host
		for (uint256 h = 0; h < 3; ++h) {
			yes(can(0, host(h)), "can reserve after repair");
		}
		reserve(id, 0, host(0));
		reserve(id, 0, host(1));
		reserve(id, 0, host(4));
		refuses(0, host(2));
	}

	/// Kept of Codex's contract: an untouched slot never reads cancelled.
	function testUntouchedSlotOfCancelledRequest() public {
		bytes32 slot = fill(id, 0, host(0));

		vm.warp(market.requestExpiry(id) + 1);
		isState(id, RequestState.Cancelled);
		isState(slot, SlotState.Cancelled);
		refuses(0, host(1));
		isState(slotOf(id, 1), SlotState.Free);
		yes(can(1, host(1)), "can reserve");
		reserve(id, 1, host(1));
	}

	function testFreedSlotOfEndedRequest() public {
		bytes32 slot = fill(id, 0, host(0));

		free(slot, host(0));
		vm.warp(market.requestExpiry(id) + 1);
		isState(slot, SlotState.Cancelled);
		refuses(0, host(1));
	}

	function testNotWhenFinishedOrFailed() public {
		fillAll(id);
		free(slotOf(id, 3), host(3));
		yes(can(3, host(0)), "can reserve");
		vm.warp(market.requestEnd(id));
		yes(can(3, host(0)), "can reserve in the last second");
		vm.warp(time() + 1);
		isState(slotOf(id, 3), SlotState.Finished);
		refuses(3, host(0));
	}

	function testNotWhenFailed() public {
		fillAll(id);
		failRequest(id);
		isState(id, RequestState.Failed);
		refuses(0, host(0));
		refuses(3, host(0));
	}

	function testReservationsOfOthersAreTheirs() public {
		give(host(1), 1e18);
		reserve(id, 0, host(0));
		refused(
			Marketplace_ReservationRequired.selector,
			host(1),
			abi.encodeCall(
				IMarketplaceCore.fillSlot, (id, 0, good())
			)
		);
		refused(
			Marketplace_ReservationRequired.selector,
			host(0),
			abi.encodeCall(
				IMarketplaceCore.fillSlot, (id, 1, good())
			)
		);
	}
}
