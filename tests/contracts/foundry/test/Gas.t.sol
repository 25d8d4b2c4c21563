// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// Clients estimate the gas of a call before they send it, and others may come
/// first: it must not vary much (spec 8).  Each call is a transaction of its
/// own here, as on a chain.
/// forge-config: default.isolate = true
contract GasTest is Kit {
	uint256 private least;
	uint256 private most;

	function used() private {
		uint256 gas = vm.lastCallGas().gasTotalUsed;

		if (least == 0 || gas < least) least = gas;
		if (gas > most) most = gas;
	}

	/// Of other hosts and of the same, the first and the last slot.
	function testFill() public {
		Request memory r = request();
		bytes32 id;

		r.ask.slots = 8;
		for (uint256 n = 0; n < 2; ++n) {
			r.nonce = bytes32(n);
			id = submit(r);
			for (uint64 i = 0; i < 8; ++i) {
				address who = host(n == 0 ? i : 9);

				reserve(id, i, who);
				give(who, 2 * collateralOf(r));
				vm.prank(who);
				market.fillSlot(id, i, good());
				used();
				nextPeriod();
			}
		}
		yes(most != least, "gas is measured");
		atMost(most, least * 110 / 100, "gas of fillSlot");
	}

	function testReserve() public {
		bytes32 id = submit(request());

		for (uint64 i = 0; i < 4; ++i) {
			for (uint256 h = 0; h < 3; ++h) {
				reserve(id, i, host(h));
				used();
			}
		}
		atMost(most, least * 125 / 100, "gas of reserveSlot");
	}
}
