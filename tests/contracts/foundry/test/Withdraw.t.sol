// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// withdrawFunds (spec 1.6), and whose the tokens are in the end (1.8).
contract WithdrawTest is Kit {
	address private constant OTHER = address(0x07E4);
	Request private r;
	bytes32 private id;
	uint256 private full;

	function setUp() public override {
		super.setUp();
		r = request();
		id = submit(r);
		full = collateralOf(r);
	}

	function refuses(bytes32 request, address who, bytes4 why) private {
		refused(
			why,
			who,
			abi.encodeWithSignature(
				"withdrawFunds(bytes32)", request
			)
		);
		refused(
			why,
			who,
			abi.encodeWithSignature(
				"withdrawFunds(bytes32,address)",
				request,
				OTHER
			)
		);
	}

	function withdraw() private {
		vm.prank(CLIENT);
		market.withdrawFunds(id);
	}

	function testUnknown() public {
		refuses(
			bytes32(uint256(1)),
			CLIENT,
			Marketplace_UnknownRequest.selector
		);
	}

	function testOnlyTheClient() public {
		// who calls is asked before when
		refuses(
			id,
			STRANGER,
			Marketplace_InvalidClientAddress.selector
		);
		vm.warp(market.requestExpiry(id) + 1);
		refuses(
			id,
			STRANGER,
			Marketplace_InvalidClientAddress.selector
		);
	}

	function testNotWhileItRuns() public {
		refuses(id, CLIENT, Marketplace_InvalidState.selector);
		vm.warp(market.requestExpiry(id));
		refuses(id, CLIENT, Marketplace_InvalidState.selector);
		fillAll(id);
		vm.warp(market.requestEnd(id));
		refuses(id, CLIENT, Marketplace_InvalidState.selector);
		vm.warp(time() + 1);
		withdraw();
	}

	function testCancelled() public {
		vm.warp(market.requestExpiry(id) + 1);
		vm.recordLogs();
		withdraw();
		said(
			vm.getRecordedLogs(),
			RequestCancelled.selector,
			id,
			""
		);
		holds(CLIENT, maxPriceOf(r), "the client's");
		holds(address(market), 0, "nothing left");
		same(requestsOf(CLIENT).length, 0, "requests");
		refuses(id, CLIENT, Marketplace_NothingToWithdraw.selector);
	}

	function testToAnother() public {
		vm.warp(market.requestExpiry(id) + 1);
		vm.prank(CLIENT);
		market.withdrawFunds(id, OTHER);
		holds(OTHER, maxPriceOf(r), "the other's");
		holds(CLIENT, 0, "the client's");
	}

	/// Slots are paid until the expiry, in whatever order people collect.
	function testCancelledPartlyFilled() public {
		for (uint256 first = 0; first < 2; ++first) {
			r.nonce = bytes32(first + 1);
			id = submit(r);
			uint64 now_ = time();

			fill(id, 0, host(0));
			vm.warp(now_ + 1000);
			fill(id, 1, host(1));
			vm.warp(now_ + r.expiry);
			fill(id, 2, host(2));
			vm.warp(now_ + r.expiry + 1);
			if (first == 0) withdraw();
			for (uint64 i = 0; i < 3; ++i) {
				free(slotOf(id, i), host(i));
			}
			if (first == 1) withdraw();
			uint256 paid = priceOf(r, 2 * r.expiry - 1000);

			same(
				token.balanceOf(CLIENT),
				(first + 1) * (maxPriceOf(r) - paid),
				"the client's"
			);
		}
		holds(host(2), 2 * full, "what no time earned");
		// the request of setUp is still there
		holds(address(market), maxPriceOf(r), "what is left");
	}

	function testFinished() public {
		uint64 now_ = time();

		for (uint64 i = 0; i < 4; ++i) {
			vm.warp(now_ + 10 * i);
			fill(id, i, host(i));
		}
		vm.warp(market.requestEnd(id) + 1);
		vm.recordLogs();
		withdraw();
		same(
			count(
				vm.getRecordedLogs(),
				RequestCancelled.selector
			),
			0,
			"cancelled"
		);
		holds(CLIENT, priceOf(r, 0 + 10 + 20 + 30), "the client's");
		same(requestsOf(CLIENT).length, 0, "requests");
		isState(id, RequestState.Finished);
		for (uint64 i = 0; i < 4; ++i) {
			free(slotOf(id, i), host(i));
			holds(
				host(i),
				full + priceOf(r, r.ask.duration - 10 * i),
				"a host's"
			);
		}
		holds(address(market), 0, "nothing left");
		refuses(id, CLIENT, Marketplace_NothingToWithdraw.selector);
	}

	/// A client who comes after the hosts loses the list, not the funds.
	function testFinishedLate() public {
		vm.warp(time() + 10);
		fillAll(id);
		vm.warp(market.requestEnd(id) + 100000);
		for (uint64 i = 0; i < 4; ++i) {
			free(slotOf(id, i), host(i));
		}
		same(requestsOf(CLIENT).length, 0, "requests");
		withdraw();
		holds(CLIENT, priceOf(r, 40), "the client's");
		holds(address(market), 0, "nothing left");
	}

	/// What a host that left did not serve is the client's: all of it.
	function testFinishedWithGaps() public {
		uint64 now_ = time();

		fillAll(id);
		vm.warp(now_ + 1000);
		free(slotOf(id, 0), host(0));
		vm.warp(now_ + 1500);
		fill(id, 0, host(5));
		vm.warp(now_ + 3000);
		free(slotOf(id, 1), host(1));
		vm.warp(market.requestEnd(id) + 1);
		withdraw();
		// host 0's thousand seconds are not paid, nor host 1's three
		holds(
			CLIENT,
			priceOf(r, 1500 + r.ask.duration),
			"the client's"
		);
		free(slotOf(id, 0), host(5));
		free(slotOf(id, 2), host(2));
		free(slotOf(id, 3), host(3));
		holds(address(market), 0, "nothing left");
	}

	function testOfFailed() public {
		fillAll(id);
		vm.warp(time() + 5000);
		failRequest(id);
		withdraw();
		holds(CLIENT, maxPriceOf(r), "the client's");
		same(requestsOf(CLIENT).length, 0, "requests");
		holds(address(market), 0, "nothing left");
		refuses(id, CLIENT, Marketplace_NothingToWithdraw.selector);
		isState(id, RequestState.Failed);
	}

	/// 10.1 number 2: all filled in the second of the request: nothing is
	/// due, and that is not the same as having withdrawn.
	function testNothingDueIsNoError() public {
		fillAll(id);
		vm.warp(market.requestEnd(id) + 1);
		withdraw();
		holds(CLIENT, 0, "the client's");
		same(requestsOf(CLIENT).length, 0, "requests");
		refuses(id, CLIENT, Marketplace_NothingToWithdraw.selector);
	}

	/// The first slot freed must not pay for the tokens of others.
	function testFundsOfOthersStay() public {
		bytes32 other;

		r.nonce = bytes32(uint256(1));
		other = submit(r);
		fillAll(id);
		vm.warp(market.requestExpiry(other) + 1);
		vm.prank(CLIENT);
		market.withdrawFunds(other);
		holds(
			address(market),
			maxPriceOf(r) + 4 * full,
			"of the first"
		);
	}
}
