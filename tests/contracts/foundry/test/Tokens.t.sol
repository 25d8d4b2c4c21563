// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";
import {TestVerifier} from "./Verifiers.sol";
import {CallingToken, ITokenReceiver, RefusingToken} from "./Tokens.sol";

/// Tokens that say no.
contract RefusalTest is Kit {
	RefusingToken private refusing;
	Request private r;
	bytes32 private id;

	function setUp() public override {
		refusing = new RefusingToken();
		token = IToken(address(refusing));
		market = deploy(config());
		r = request();
		id = submit(r);
	}

	/// Only payments to the receiver are refused, all if it is zero.
	function refuses(
		address receiver,
		address sender,
		bytes memory call
	) private {
		refusing.refuse(true, receiver);
		refused(Marketplace_TransferFailed.selector, sender, call);
		refusing.refuse(false, address(0));
	}

	function freeing(uint64 i) private view returns (bytes memory) {
		return abi.encodeWithSignature(
			"freeSlot(bytes32,address,address)",
			slotOf(id, i),
			address(0x4E),
			address(0xC0)
		);
	}

	function testRequest() public {
		r.nonce = bytes32(uint256(1));
		give(CLIENT, maxPriceOf(r));
		refuses(
			address(market),
			CLIENT,
			abi.encodeCall(IMarketplaceCore.requestStorage, (r))
		);
	}

	function testFill() public {
		reserve(id, 0, host(0));
		give(host(0), collateralOf(r));
		refuses(
			address(market),
			host(0),
			abi.encodeCall(
				IMarketplaceCore.fillSlot, (id, 0, good())
			)
		);
	}

	function testPayouts() public {
		fillAll(id);
		vm.warp(market.requestEnd(id) + 1);
		refuses(address(0x4E), host(0), freeing(0));
		refuses(address(0xC0), host(0), freeing(0));
		free(slotOf(id, 0), host(0));
		isState(slotOf(id, 0), SlotState.Paid);
	}

	function testCancelledPayouts() public {
		fill(id, 0, host(0));
		vm.warp(market.requestExpiry(id) + 1);
		refuses(address(0x4E), host(0), freeing(0));
		refuses(address(0xC0), host(0), freeing(0));
		free(slotOf(id, 0), host(0));
		refuses(
			CLIENT,
			CLIENT,
			abi.encodeWithSignature(
				"withdrawFunds(bytes32)", id
			)
		);
		vm.prank(CLIENT);
		market.withdrawFunds(id);
		holds(address(market), 0, "nothing left");
	}

	function testMissAndBurn() public {
		bytes32 slot = fill(id, 0, host(0));
		uint64 missed = miss(slot);
		bytes memory call = abi.encodeCall(
			IMarketplaceCore.markProofAsMissing, (slot, missed)
		);

		refuses(VALIDATOR, VALIDATOR, call);
		vm.prank(VALIDATOR);
		market.markProofAsMissing(slot, missed);
		refuses(DEAD, host(0), freeing(0));
	}
}

/// Somebody who calls the marketplace back in the middle of a payment.
contract Recaller is ITokenReceiver, IErrors {
	IMarketplace private market;
	bytes[] private calls;
	bool private armed;
	/// Calls back that worked.
	uint256 public worked;
	/// Calls back in all.
	uint256 public tried;

	constructor(IMarketplace itsMarket, CallingToken token) {
		market = itsMarket;
		token.register();
	}

	function arm(bytes[] calldata all) external {
		delete calls;
		for (uint256 i = 0; i < all.length; ++i) {
			calls.push(all[i]);
		}
		armed = true;
	}

	function disarm() external {
		armed = false;
	}

	function act(bytes calldata call) external returns (bool ok) {
		bytes memory why;

		(ok, why) = address(market).call(call);
	}

	function tokensMoved(address, address, uint256) external {
		if (!armed) return;
		armed = false;
		for (uint256 i = 0; i < calls.length; ++i) {
			(bool ok,) = address(market).call(calls[i]);

			++tried;
			if (ok) ++worked;
		}
		armed = true;
	}
}

/// Whatever is called in the middle of a payment, nobody gets more than their
/// due, and no state is left halfway.
contract ReentrancyTest is Kit {
	CallingToken private calling;
	Recaller private who;
	Request private r;
	bytes32 private id;
	bytes[] private calls;

	function setUp() public override {
		calling = new CallingToken();
		token = IToken(address(calling));
		market = deploy(config());
		who = new Recaller(market, calling);
		r = request();
		// tokens of others, to be stolen
		submit(r);
		r.client = address(who);
		id = submit(r);
		holds(address(who), 0, "the caller's");
		vm.prank(address(who));
		token.approve(address(market), type(uint256).max);
	}

	/// Everything that pays, or takes a slot.
	function again(bytes32 slot) private returns (bytes[] storage) {
		delete calls;
		calls.push(
			abi.encodeWithSignature("freeSlot(bytes32)", slot)
		);
		calls.push(
			abi.encodeWithSignature(
				"freeSlot(bytes32,address,address)",
				slot,
				address(who),
				address(who)
			)
		);
		calls.push(
			abi.encodeWithSignature(
				"withdrawFunds(bytes32)", id
			)
		);
		calls.push(
			abi.encodeWithSignature(
				"withdrawFunds(bytes32,address)",
				id,
				address(who)
			)
		);
		calls.push(
			abi.encodeCall(
				IMarketplaceCore.fillSlot, (id, 0, good())
			)
		);
		calls.push(
			abi.encodeCall(IMarketplaceCore.requestStorage, (r))
		);
		return calls;
	}

	function act(bytes memory call) private {
		yes(who.act(call), "a call");
	}

	function hosted(uint64 i) private returns (bytes32) {
		act(abi.encodeCall(IMarketplaceCore.reserveSlot, (id, i)));
		calling.mint(address(who), collateralOf(r));
		act(
			abi.encodeCall(
				IMarketplaceCore.fillSlot, (id, i, good())
			)
		);
		return slotOf(id, i);
	}

	function freeing(bytes32 slot) private pure returns (bytes memory) {
		return abi.encodeWithSignature("freeSlot(bytes32)", slot);
	}

	function testPayoutOfFinished() public {
		bytes32 slot;

		vm.warp(time() + 100);
		slot = hosted(0);
		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		vm.warp(market.requestEnd(id) + 1);
		who.arm(again(slot));
		act(freeing(slot));
		yes(who.tried() != 0, "calls back");
		// the refund may be taken meanwhile, or afterwards
		who.disarm();
		who.act(
			abi.encodeWithSignature(
				"withdrawFunds(bytes32)", id
			)
		);
		holds(
			address(who),
			priceOf(r, r.ask.duration - 100 + 4 * 100)
				+ collateralOf(r),
			"the caller's"
		);
	}

	function testPayoutOfCancelled() public {
		bytes32 slot = hosted(0);

		vm.warp(market.requestExpiry(id) + 1);
		who.arm(again(slot));
		act(freeing(slot));
		who.disarm();
		who.act(
			abi.encodeWithSignature(
				"withdrawFunds(bytes32)", id
			)
		);
		holds(
			address(who),
			maxPriceOf(r) + collateralOf(r),
			"the caller's"
		);
	}

	function testWithdrawal() public {
		bytes32 slot = hosted(0);

		vm.warp(market.requestExpiry(id) + 1);
		who.arm(again(slot));
		act(abi.encodeWithSignature("withdrawFunds(bytes32)", id));
		who.disarm();
		who.act(freeing(slot));
		holds(
			address(who),
			maxPriceOf(r) + collateralOf(r),
			"the caller's"
		);
	}

	/// The tokens are asked for while the slot is being filled.
	function testFill() public {
		bytes32 slot = slotOf(id, 0);

		act(abi.encodeCall(IMarketplaceCore.reserveSlot, (id, 0)));
		calling.mint(address(who), collateralOf(r));
		who.arm(again(slot));
		who.act(
			abi.encodeCall(
				IMarketplaceCore.fillSlot, (id, 0, good())
			)
		);
		who.disarm();
		yes(who.tried() != 0, "calls back");
		// either all of it failed, or the slot was filled and given up
		for (uint64 i = 1; i < 4; ++i) {
			fill(id, i, host(i));
		}
		vm.warp(market.requestEnd(id) + 1);
		who.act(freeing(slot));
		atMost(
			token.balanceOf(address(who)),
			priceOf(r, r.ask.duration) + collateralOf(r),
			"the caller's"
		);
		settle();
	}

	function testRequest() public {
		bytes32 slot = slotOf(id, 0);

		r.nonce = bytes32(uint256(1));
		id = idOf(r);
		calling.mint(address(who), maxPriceOf(r));
		who.arm(again(slot));
		who.act(
			abi.encodeCall(IMarketplaceCore.requestStorage, (r))
		);
		who.disarm();
		yes(who.tried() != 0, "calls back");
		holds(address(who), 0, "the caller's");
		same(requestsOf(address(who)).length, 2, "requests");
	}

	function testMiss() public {
		bytes32 slot = hosted(0);
		uint64 missed = miss(slot);
		uint256 reward = percent(percent(collateralOf(r), 10), 20);

		again(slot);
		calls.push(
			abi.encodeCall(
				IMarketplaceCore.markProofAsMissing,
				(slot, missed)
			)
		);
		who.arm(calls);
		act(
			abi.encodeCall(
				IMarketplaceCore.markProofAsMissing,
				(slot, missed)
			)
		);
		who.disarm();
		yes(who.tried() != 0, "calls back");
		holds(address(who), reward, "the caller's");
	}

	/// Who is left collects; tokens of the first request are still there.
	function settle() private {
		for (uint64 i = 1; i < 4; ++i) {
			free(slotOf(id, i), host(i));
		}
		who.act(
			abi.encodeWithSignature(
				"withdrawFunds(bytes32)", id
			)
		);
		yes(
			token.balanceOf(address(market)) >= maxPriceOf(r),
			"tokens of others"
		);
	}
}
