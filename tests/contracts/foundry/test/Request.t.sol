// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// requestStorage, and how its ids are made (spec 1.1, 1.6).
contract RequestTest is Kit {
	function refuses(Request memory r, bytes4 why) private {
		refused(
			why,
			CLIENT,
			abi.encodeCall(IMarketplaceCore.requestStorage, (r))
		);
	}

	function testRequest() public {
		Request memory r = request();
		bytes32 id = idOf(r);
		uint64 now_ = time();

		give(CLIENT, maxPriceOf(r) + 5);
		vm.recordLogs();
		vm.prank(CLIENT);
		market.requestStorage(r);

		said(
			vm.getRecordedLogs(),
			StorageRequested.selector,
			0,
			abi.encode(id, r.ask, now_ + r.expiry)
		);
		same(
			abi.encode(market.getRequest(id)),
			abi.encode(r),
			"request"
		);
		isState(id, RequestState.New);
		same(market.requestEnd(id), now_ + r.ask.duration, "end");
		same(market.requestExpiry(id), now_ + r.expiry, "expiry");
		holds(CLIENT, 5, "the client's rest");
		holds(address(market), maxPriceOf(r), "funds");
		same(requestsOf(CLIENT).length, 1, "requests");
		same(requestsOf(CLIENT)[0], id, "request of the list");
	}

	/// The vectors of spec 1.1.
	function testIds() public {
		bytes32 id =
			0x886a54d99c188e79791b1b6223c7eb54623f11b6f1b14f5b809192b94af274e5;
		Request memory r = vector();

		same(idOf(r), id, "the vector itself");
		same(submit(r), id, "request id");
		same(
			abi.encode(market.getRequest(id)),
			abi.encode(r),
			"request"
		);
		fill(id, 0, host(0));
		fill(id, 1, host(1));
		fill(id, 3, host(3));
		same(
			market.getHost(
				0x951c0c64e38e8d59e0d47cb3a163aca38663126bb7d198ad0dd1dbf0ac366d34
			),
			host(0),
			"host of slot 0"
		);
		same(
			market.getHost(
				0xaa5ce3bb0c427bd1c84c1b046789b843f375c232d822512507a9a3be9c2887ba
			),
			host(1),
			"host of slot 1"
		);
		same(
			market.getHost(
				0x3bcefe2c87127d81718be89dca060341ade6903791ac9c4bc39018fc76fb46f0
			),
			host(3),
			"host of slot 3"
		);
	}

	function vector() private pure returns (Request memory r) {
		r.client = 0x1111111111111111111111111111111111111111;
		r.ask = Ask(4, 1, 1, 4, 1073741824, 36000, 2);
		r.content = Content(
			"zb2rhheVmk3bLks5MgzTqyznLu1zqGH5jrfTA1eAZXrjx7Vob",
			0x2222222222222222222222222222222222222222222222222222222222222222
		);
		r.expiry = 3600;
		r.nonce =
			0x3333333333333333333333333333333333333333333333333333333333333333;
	}

	/// The vector of spec 2.3: 31 bytes, the last is left out.
	function testEntropy() public view {
		same(
			market.challengeToFieldElement(
				0x8ae1aa597fa146ebd3aa2ceddf360668dea5e526567e92b0321816a4e895bd2d
			),
			334968727436718204650336338799212920525540910422200346478990548900998996362,
			"entropy"
		);
		same(
			market.challengeToFieldElement(
				bytes32(uint256(0xff))
			),
			0,
			"byte 31"
		);
		same(
			market.challengeToFieldElement(
				bytes32(uint256(0x1100))
			),
			0x11 << 240,
			"byte 30"
		);
		same(
			market.challengeToFieldElement(
				bytes32(uint256(1) << 248)
			),
			1,
			"byte 0"
		);
	}

	function testRoot() public view {
		same(
			market.merkleRootToFieldElement(
				0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20
			),
			0x201f1e1d1c1b1a191817161514131211100f0e0d0c0b0a090807060504030201,
			"root"
		);
	}

	/* what is refused, in the order of 1.6: each of these is wrong in all
	   that is checked later as well */

	function all() private pure returns (Request memory r) {
		r.client = CLIENT;
		r.ask.maxSlotLoss = 1;
	}

	function testOtherClient() public {
		Request memory r = all();

		r.client = STRANGER;
		refuses(r, Marketplace_InvalidClientAddress.selector);
		r.client = address(0);
		refuses(r, Marketplace_InvalidClientAddress.selector);
	}

	function testTwice() public {
		Request memory r = request();

		submit(r);
		refuses(r, Marketplace_RequestAlreadyExists.selector);
		r.nonce = bytes32(uint256(1));
		submit(r);
		same(requestsOf(CLIENT).length, 2, "requests");
	}

	/// Even when nothing is left of it.
	function testTwiceAfterItsEnd() public {
		Request memory r = request();
		bytes32 id = submit(r);

		vm.warp(market.requestExpiry(id) + 1);
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		give(CLIENT, maxPriceOf(r));
		refuses(r, Marketplace_RequestAlreadyExists.selector);
	}

	function testExpiry() public {
		Request memory r = all();

		refuses(r, Marketplace_InvalidExpiry.selector);
		r.ask.duration = 1;
		refuses(r, Marketplace_InvalidExpiry.selector);
		r.expiry = 1;
		refuses(r, Marketplace_InvalidExpiry.selector);
		r.expiry = 2;
		refuses(r, Marketplace_InvalidExpiry.selector);
		r.ask.duration = 3;
		refuses(r, Marketplace_InsufficientSlots.selector);
	}

	/// Section 8: no duration is said to be an expiry that is too late.
	function testNoDuration() public {
		Request memory r = request();

		r.ask.duration = 0;
		refuses(r, Marketplace_InvalidExpiry.selector);
	}

	function testOrder() public {
		Request memory r = all();

		r.expiry = 1;
		r.ask.duration = DAYS30 + 1;
		r.ask.slotSize = 1;
		refuses(r, Marketplace_InsufficientSlots.selector);
		r.ask.slots = 1;
		r.ask.maxSlotLoss = 2;
		refuses(r, Marketplace_InvalidMaxSlotLoss.selector);
		r.ask.maxSlotLoss = 1;
		refuses(
			r, Marketplace_InsufficientProofProbability.selector
		);
		r.ask.proofProbability = 1;
		refuses(r, Marketplace_InsufficientCollateral.selector);
		r.ask.collateralPerByte = 1;
		refuses(r, Marketplace_InsufficientReward.selector);
		r.ask.pricePerBytePerSecond = 1;
		refuses(r, Marketplace_InvalidCid.selector);
		r.content.cid = "c";
		refuses(r, Marketplace_DurationExceedsLimit.selector);
		r.ask.duration = DAYS30;
		refused(
			abi.encodeWithSelector(
				IToken.ERC20InsufficientAllowance.selector,
				market,
				0,
				DAYS30
			),
			r
		);
		submit(r);
	}

	function refused(bytes memory why, Request memory r) private {
		vm.expectRevert(why);
		vm.prank(CLIENT);
		market.requestStorage(r);
	}

	function testTokensTooFew() public {
		Request memory r = request();
		uint256 price = maxPriceOf(r);

		vm.prank(CLIENT);
		token.approve(address(market), price);
		token.mint(CLIENT, price - 1);
		refused(
			abi.encodeWithSelector(
				IToken.ERC20InsufficientBalance.selector,
				CLIENT,
				price - 1,
				price
			),
			r
		);
		vm.prank(CLIENT);
		token.approve(address(market), price - 1);
		refused(
			abi.encodeWithSelector(
				IToken.ERC20InsufficientAllowance.selector,
				market,
				price - 1,
				price
			),
			r
		);
	}

	/* docs/CHAIN.md: no product wraps or panics */

	function testNoBytes() public {
		Request memory r = request();

		r.ask.slotSize = 0;
		refuses(r, Marketplace_InsufficientSlotSize.selector);
	}

	/// The order of what docs/CHAIN.md adds, after all of Codex's.
	function testOwnOrder() public {
		Request memory r = request();

		r.ask = Ask({
			proofProbability: 1,
			pricePerBytePerSecond: type(uint256).max,
			collateralPerByte: type(uint256).max,
			slots: 1 << 24,
			slotSize: 0,
			duration: DAYS30 + 1,
			maxSlotLoss: 1
		});
		refuses(r, Marketplace_DurationExceedsLimit.selector);
		r.ask.duration = DAYS30;
		refuses(r, Marketplace_InsufficientSlotSize.selector);
		r.ask.slotSize = type(uint64).max;
		refuses(r, Marketplace_TooManySlots.selector);
		r.ask.slots -= 1;
		refuses(r, Marketplace_CollateralTooHigh.selector);
		r.ask.collateralPerByte = 1;
		refuses(r, Marketplace_PriceTooHigh.selector);
	}

	/// 10.1 number 7: Codex's contract panics from 2^64 seconds on.
	function testSecondsOfAllSlotsFitNoWord() public {
		MarketplaceConfig memory c = config();
		Request memory r = request();
		bytes32 id;

		r.ask.slots = 1 << 24;
		r.ask.duration = 1 << 40;
		give(CLIENT, uint256(1 << 64) * 3 * 1009);
		c.requestDurationLimit = type(uint64).max;
		market = deploy(c);
		refuses(r, Marketplace_DurationExceedsLimit.selector);
		r.ask.duration -= time() + 1;
		refuses(r, Marketplace_TooManySlots.selector);
		// as large as this contract has it, of both
		r.ask.slots -= 1;
		id = submit(r);
		holds(address(market), maxPriceOf(r), "funds");
		fill(id, r.ask.slots - 1, host(0));
		same(
			market.getHost(slotOf(id, r.ask.slots - 1)),
			host(0),
			"host"
		);
		vm.warp(market.requestExpiry(id) + 1);
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		free(slotOf(id, r.ask.slots - 1), host(0));
		holds(address(market), 0, "nothing left");
	}

	function testPriceFitsNoWord() public {
		Request memory r = request();
		uint256 one = r.ask.slots * uint256(r.ask.duration)
			* r.ask.slotSize;

		r.ask.pricePerBytePerSecond = type(uint256).max / one + 1;
		refuses(r, Marketplace_PriceTooHigh.selector);
		r.ask.pricePerBytePerSecond = type(uint256).max;
		refuses(r, Marketplace_PriceTooHigh.selector);
		r.ask.pricePerBytePerSecond = type(uint256).max / one;
		submit(r);
		holds(
			address(market),
			type(uint256).max / one * one,
			"as much as there can be"
		);
	}

	/// Of all slots together.
	function testCollateralFitsNoWord() public {
		Request memory r = request();
		uint256 bytes_ = uint256(r.ask.slots) * r.ask.slotSize;

		r.ask.collateralPerByte = type(uint256).max / bytes_ + 1;
		refuses(r, Marketplace_CollateralTooHigh.selector);
		r.ask.collateralPerByte = type(uint256).max;
		refuses(r, Marketplace_CollateralTooHigh.selector);
		// so large that no token can pay it; but it can be asked for
		r.ask.collateralPerByte = type(uint256).max / bytes_;
		submit(r);
		same(
			market.repairReward(idOf(r)),
			collateralOf(r) / 10,
			"a tenth, but for what ten does not divide"
		);
	}

	/// Nothing ends after the year 36812 or before it began.
	function testEndFitsNoWord() public {
		MarketplaceConfig memory c = config();
		Request memory r = request();
		uint64 last = (1 << 40) - 1 - time();

		c.requestDurationLimit = type(uint64).max;
		market = deploy(c);
		give(CLIENT, type(uint128).max);
		r.ask.duration = type(uint64).max;
		refusesEnd(r);
		r.ask.duration = type(uint64).max - time() + 1;
		refusesEnd(r);
		r.ask.duration = last + 1;
		refusesEnd(r);
		r.ask.duration = last;
		submit(r);
		same(market.requestEnd(idOf(r)), (1 << 40) - 1, "end");
	}

	function refusesEnd(Request memory r) private {
		refuses(r, Marketplace_DurationExceedsLimit.selector);
	}
}
