// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Check.sol";
import "./IMarketplace.sol";
import {Vm, vm} from "./Vm.sol";
import {TestVerifier} from "./Verifiers.sol";

/// What the tests share: a marketplace of Codex's example configuration, people
/// with tokens, and short ways to a state that a test starts from.  States are
/// those of spec/marketplace.md 1.6, 1.7.
abstract contract Kit is IErrors, IOwnErrors, IEvents {
	/// Where tokens go that leave circulation.
	address internal constant DEAD =
		0x000000000000000000000000000000000000dEaD;
	address internal constant CLIENT = address(0xC11E);
	address internal constant VALIDATOR = address(0x7A11);
	address internal constant STRANGER = address(0x57A6);
	uint64 internal constant PERIOD = 10;
	uint64 internal constant TIMEOUT = 5;
	uint64 internal constant DAYS30 = 30 * 86400;

	ITestMarketplace internal market;
	IToken internal token;

	function setUp() public virtual {
		token = IToken(create("TestToken.sol:TestToken", ""));
		market = deploy(config());
	}

	function create(string memory what, bytes memory arguments)
		internal
		returns (address made)
	{
		bytes memory code =
			bytes.concat(vm.getCode(what), arguments);

		assembly ("memory-safe") {
			made := create(0, add(code, 0x20), mload(code))
			if iszero(made) {
				returndatacopy(0, 0, returndatasize())
				revert(0, returndatasize())
			}
		}
	}

	function deploy(MarketplaceConfig memory c)
		internal
		returns (ITestMarketplace)
	{
		return deploy(
			c, address(token), address(new TestVerifier())
		);
	}

	function deploy(
		MarketplaceConfig memory c,
		address itsToken,
		address verifier
	) internal returns (ITestMarketplace) {
		return ITestMarketplace(
			create(
				artifact(),
				abi.encode(c, itsToken, verifier)
			)
		);
	}

	/// mutate.mjs has others tested.
	function artifact() private view returns (string memory) {
		return vm.envOr(
			"CDX_MARKETPLACE",
			string("TestMarketplace.sol:TestMarketplace")
		);
	}

	/// To provoke what the constructor says, with vm.expectRevert: what
	/// fails must be a call.
	function deployCall(MarketplaceConfig memory c) external {
		deploy(c);
	}

	/// The example of spec 1.2 for unit tests.
	function config()
		internal
		pure
		returns (MarketplaceConfig memory c)
	{
		c.collateral = CollateralConfig(10, 5, 10, 20);
		c.proofs = ProofConfig(PERIOD, TIMEOUT, 64, 67, "");
		c.reservations = SlotReservationsConfig(3);
		c.requestDurationLimit = DAYS30;
	}

	/// Odd numbers, that no percentage divides without a rest.  A proof in
	/// each period, save for downtime.
	function request() internal pure returns (Request memory r) {
		r.client = CLIENT;
		r.ask = Ask({
			proofProbability: 1,
			pricePerBytePerSecond: 3,
			collateralPerByte: 7,
			slots: 4,
			slotSize: 1009,
			duration: 36000,
			maxSlotLoss: 2
		});
		r.content = Content("a manifest", bytes32(uint256(1)));
		r.expiry = 3600;
	}

	/// Some proof that the verifier accepts.
	function good() internal pure returns (Proof memory p) {
		p.a.x = 1;
	}

	/// The proof that it refuses.
	function bad() internal pure returns (Proof memory p) {}

	function host(uint256 i) internal pure returns (address) {
		return address(uint160(0x4057000 + i));
	}

	/* numbers of spec 1.1, on paper's arithmetic */

	function idOf(Request memory r) internal pure returns (bytes32) {
		return keccak256(abi.encode(r));
	}

	function slotOf(bytes32 id, uint64 i)
		internal
		pure
		returns (bytes32)
	{
		return keccak256(abi.encode(id, i));
	}

	function priceOf(Request memory r, uint256 time)
		internal
		pure
		returns (uint256)
	{
		return time * r.ask.pricePerBytePerSecond * r.ask.slotSize;
	}

	function maxPriceOf(Request memory r)
		internal
		pure
		returns (uint256)
	{
		return r.ask.slots * priceOf(r, r.ask.duration);
	}

	function collateralOf(Request memory r)
		internal
		pure
		returns (uint256)
	{
		return r.ask.collateralPerByte * r.ask.slotSize;
	}

	function percent(uint256 whole, uint256 share)
		internal
		pure
		returns (uint256)
	{
		return whole * share / 100;
	}

	/* time */

	function time() internal view returns (uint64) {
		return uint64(vm.getBlockTimestamp());
	}

	function period() internal view returns (uint64) {
		return time() / PERIOD;
	}

	function startOf(uint64 aPeriod) internal pure returns (uint64) {
		return aPeriod * PERIOD;
	}

	/// To the first second of the period after this.
	function nextPeriod() internal {
		vm.warp(startOf(period() + 1));
	}

	/// To a block in which slot's pointer for aPeriod is pointer (1.7).
	function point(bytes32 slot, uint64 aPeriod, uint8 pointer)
		internal
	{
		uint256 block_ = vm.getBlockNumber();
		uint8 now_;

		unchecked {
			now_ = uint8(block_) + uint8(aPeriod) * 67
				+ uint8(uint256(slot));
			vm.roll(block_ + uint8(pointer - now_));
		}
	}

	/* acts */

	function give(address holder, uint256 amount) internal {
		token.mint(holder, amount);
		vm.prank(holder);
		token.approve(address(market), amount);
	}

	function submit(Request memory r) internal returns (bytes32) {
		give(r.client, maxPriceOf(r));
		vm.prank(r.client);
		market.requestStorage(r);
		return idOf(r);
	}

	function reserve(bytes32 id, uint64 i, address who) internal {
		vm.prank(who);
		market.reserveSlot(id, i);
	}

	/// With tokens, but without a reservation.
	function fillOnly(bytes32 id, uint64 i, address who) internal {
		give(who, collateralOf(market.getRequest(id)));
		vm.prank(who);
		market.fillSlot(id, i, good());
	}

	function fill(bytes32 id, uint64 i, address who)
		internal
		returns (bytes32)
	{
		reserve(id, i, who);
		fillOnly(id, i, who);
		return slotOf(id, i);
	}

	/// Slot i to host i.
	function fillAll(bytes32 id) internal {
		uint64 slots = market.getRequest(id).ask.slots;

		for (uint64 i = 0; i < slots; ++i) {
			fill(id, i, host(i));
		}
	}

	function free(bytes32 slot, address who) internal {
		vm.prank(who);
		market.freeSlot(slot);
	}

	function prove(bytes32 slot, address who) internal {
		vm.prank(who);
		market.submitProof(slot, good());
	}

	/// To the first second in which a miss of the period after this can be
	/// marked, and in a block that wanted a proof.
	function miss(bytes32 slot) internal returns (uint64 missed) {
		missed = period() + 1;
		vm.warp(startOf(missed + 1) + 1);
		point(slot, missed, 100);
	}

	function mark(bytes32 slot) internal {
		uint64 missed = miss(slot);

		vm.prank(VALIDATOR);
		market.markProofAsMissing(slot, missed);
	}

	/// More slots than may be lost go: the request fails.  Slots from 0.
	function failRequest(bytes32 id) internal {
		uint64 loss = market.getRequest(id).ask.maxSlotLoss;

		for (uint64 i = 0; i <= loss; ++i) {
			bytes32 slot = slotOf(id, i);

			free(slot, market.getHost(slot));
		}
	}

	/* what must not work */

	/// sender's call must fail with selector and nothing else.
	function refused(bytes4 selector, address sender, bytes memory call)
		internal
	{
		bytes memory why = failure(sender, call);

		same(why, abi.encodePacked(selector), "refusal");
	}

	function failure(address sender, bytes memory call)
		internal
		returns (bytes memory why)
	{
		bool worked;

		vm.prank(sender);
		(worked, why) = address(market).call(call);
		no(worked, "a call that should fail");
	}

	/* what was said */

	/// How many logs of the marketplace since recordLogs begin with topic.
	function count(Vm.Log[] memory logs, bytes32 topic)
		internal
		view
		returns (uint256 n)
	{
		for (uint256 i = 0; i < logs.length; ++i) {
			if (logs[i].emitter != address(market)) continue;
			if (logs[i].topics[0] == topic) ++n;
		}
	}

	/// One log of topic must be there: of requestId if it is not zero,
	/// with data.
	function said(
		Vm.Log[] memory logs,
		bytes32 topic,
		bytes32 requestId,
		bytes memory data
	) internal view {
		same(count(logs, topic), 1, "logs of an event");
		for (uint256 i = 0; i < logs.length; ++i) {
			if (logs[i].emitter != address(market)) continue;
			if (logs[i].topics[0] != topic) continue;
			same(logs[i].data, data, "data of a log");
			if (requestId == 0) {
				same(logs[i].topics.length, 1, "topics");
			} else {
				same(logs[i].topics.length, 2, "topics");
				same(logs[i].topics[1], requestId, "its id");
			}
		}
	}

	function has(bytes32[] memory list, bytes32 id)
		internal
		pure
		returns (bool)
	{
		for (uint256 i = 0; i < list.length; ++i) {
			if (list[i] == id) return true;
		}
		return false;
	}

	function requestsOf(address who)
		internal
		returns (bytes32[] memory)
	{
		vm.prank(who);
		return market.myRequests();
	}

	function slotsOf(address who) internal returns (bytes32[] memory) {
		vm.prank(who);
		return market.mySlots();
	}

	function isState(bytes32 id, RequestState wanted) internal view {
		same(
			uint256(market.requestState(id)),
			uint256(wanted),
			"state of the request"
		);
	}

	function isState(bytes32 slot, SlotState wanted) internal view {
		same(
			uint256(market.slotState(slot)),
			uint256(wanted),
			"state of the slot"
		);
	}

	function holds(address who, uint256 amount, string memory what)
		internal
		view
	{
		same(token.balanceOf(who), amount, what);
	}
}
