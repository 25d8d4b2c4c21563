// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// A marketplace with clients, hosts and validators who do at random whatever
/// the rules allow at that moment: everything that is called here has to work.
/// Each request's tokens go to addresses of its own, so that it can be said at
/// any time what was paid for what; what is due is calculated here again.
contract World is Kit {
	/// What is known of a slot here.
	struct Seat {
		address host;
		uint64 filledAt;
		uint64 misses;
		/// newest period with a proof, plus one
		uint64 proven;
		/// freed once, so that the next host pays less
		bool repair;
	}

	MarketplaceConfig private c;
	bytes32[] private ids;
	mapping(bytes32 => Request) private requests;
	mapping(bytes32 => Seat[]) private seats;
	/// Collateral that came in for a request, and what left circulation.
	mapping(bytes32 => uint256) private paidIn;
	mapping(bytes32 => uint256) private burned;
	mapping(bytes32 => bool) private withdrawn;
	/// All slots were filled at once.
	mapping(bytes32 => bool) private started;

	constructor(MarketplaceConfig memory itsConfig) {
		c = itsConfig;
		token = IToken(create("TestToken.sol:TestToken", ""));
		market = deploy(c);
	}

	function setUp() public override {}

	/* addresses of a request */

	function purse(bytes32 id, string memory what)
		private
		pure
		returns (address)
	{
		return address(bytes20(keccak256(abi.encode(id, what))));
	}

	function got(bytes32 id, string memory what)
		private
		view
		returns (uint256)
	{
		return token.balanceOf(purse(id, what));
	}

	/* choice */

	function pick(uint256 seed)
		private
		view
		returns (bytes32 id, uint64 i)
	{
		id = ids[seed % ids.length];
		i = uint64((seed >> 128) % seats[id].length);
	}

	function some(uint256 seed, uint256 salt, uint256 low, uint256 high)
		private
		pure
		returns (uint256)
	{
		return within(
			uint256(keccak256(abi.encode(seed, salt))),
			low,
			high
		);
	}

	/* clients */

	function request(uint256 seed) external {
		Request memory r;
		bytes32 id;

		if (ids.length == 6) return;
		r.client = some(seed, 0, 0, 1) == 0 ? CLIENT : STRANGER;
		r.ask.proofProbability = 1;
		r.ask.pricePerBytePerSecond = some(seed, 1, 1, 1e6);
		r.ask.collateralPerByte = some(seed, 2, 1, 1e9);
		r.ask.slots = uint64(some(seed, 3, 1, 4));
		r.ask.slotSize = uint64(some(seed, 4, 1, 1000));
		r.ask.duration = uint64(some(seed, 5, 100, 5000));
		r.ask.maxSlotLoss = uint64(some(seed, 6, 0, r.ask.slots));
		r.expiry = uint64(some(seed, 7, 1, r.ask.duration - 1));
		r.content.cid = "c";
		r.nonce = bytes32(ids.length);
		id = submit(r);
		ids.push(id);
		requests[id] = r;
		for (uint64 i = 0; i < r.ask.slots; ++i) {
			seats[id].push();
		}
	}

	function withdraw(uint256 seed) external {
		if (ids.length != 0) withdrawFrom(ids[seed % ids.length]);
	}

	function withdrawFrom(bytes32 id) private {
		RequestState state = market.requestState(id);
		uint256 dead = token.balanceOf(DEAD);

		if (withdrawn[id]) return;
		if (
			state == RequestState.New
				|| state == RequestState.Started
		) {
			return;
		}
		uint256 told = market.requestFunds(id);

		vm.prank(requests[id].client);
		market.withdrawFunds(id, purse(id, "refund"));
		withdrawn[id] = true;
		burned[id] += token.balanceOf(DEAD) - dead;
		same(got(id, "refund"), told, "requestFunds");
		same(market.requestFunds(id), 0, "requestFunds afterwards");
		no(has(requestsOf(requests[id].client), id), "in the list");
	}

	/* hosts */

	function fill(uint256 seed) external {
		if (ids.length == 0) return;
		(bytes32 id, uint64 i) = pick(seed);
		address who = host(some(seed, 1, 0, 3));

		if (!mayBeFilled(id, i)) return;
		if (reserved(id, i, who)) fillAs(id, i, who);
	}

	/// No more than three at a time; some never fill.
	function reserved(bytes32 id, uint64 i, address who)
		private
		returns (bool can)
	{
		vm.prank(who);
		can = market.canReserveSlot(id, i);
		if (can) reserve(id, i, who);
	}

	/// Somebody reserves a slot, and that is all.
	function squat(uint256 seed) external {
		if (ids.length == 0) return;
		(bytes32 id, uint64 i) = pick(seed);

		reserved(id, i, address(0xB10C));
	}

	function mayBeFilled(bytes32 id, uint64 i)
		private
		view
		returns (bool)
	{
		RequestState state = market.requestState(id);
		Seat storage seat = seats[id][i];

		return (state == RequestState.New
				|| state == RequestState.Started)
			&& seat.host == address(0)
			&& seat.proven != period() + 1;
	}

	function fillAs(bytes32 id, uint64 i, address who) private {
		uint256 before = token.balanceOf(address(market));
		uint256 full = collateralOf(requests[id]);
		Seat storage seat = seats[id][i];
		uint256 pays = full;

		if (seat.repair) {
			pays -= percent(
				full, c.collateral.repairRewardPercentage
			);
		}
		same(
			market.collateralToFill(id, i),
			pays,
			"collateralToFill"
		);
		give(who, pays);
		vm.prank(who);
		market.fillSlot(id, i, good());
		same(
			token.balanceOf(address(market)) - before,
			pays,
			"collateral paid"
		);
		paidIn[id] += pays;
		seat.host = who;
		seat.filledAt = time();
		seat.misses = 0;
		seat.proven = period() + 1;
		seat.repair = false;
		if (vacant(id) == 0) started[id] = true;
		isState(
			id,
			started[id]
				? RequestState.Started
				: RequestState.New
		);
	}

	function vacant(bytes32 id) private view returns (uint256 n) {
		for (uint64 i = 0; i < seats[id].length; ++i) {
			if (seats[id][i].host == address(0)) ++n;
		}
	}

	/// All slots of a request that nobody hosts, so that requests start.
	function fillAll(uint256 seed) external {
		if (ids.length == 0) return;
		bytes32 id = ids[seed % ids.length];

		for (uint64 i = 0; i < seats[id].length; ++i) {
			address who = host(some(seed, i, 0, 3));

			if (!mayBeFilled(id, i)) continue;
			if (reserved(id, i, who)) fillAs(id, i, who);
		}
	}

	function prove(uint256 seed) external {
		if (ids.length == 0) return;
		(bytes32 id, uint64 i) = pick(seed);
		Seat storage seat = seats[id][i];

		if (seat.host == address(0) || seat.proven == period() + 1)
		{
			return;
		}
		prove(slotOf(id, i), seat.host);
		seat.proven = period() + 1;
	}

	/// In whatever state the slot is.
	function free(uint256 seed) external {
		if (ids.length == 0) return;
		(bytes32 id, uint64 i) = pick(seed);

		freeOne(id, i);
	}

	function freeOne(bytes32 id, uint64 i) private {
		Request storage r = requests[id];
		Seat storage seat = seats[id][i];
		bytes32 slot = slotOf(id, i);
		SlotState state = market.slotState(slot);
		uint256 dead = token.balanceOf(DEAD);
		uint256 reward = got(id, "reward");
		uint256 returned = got(id, "collateral");
		uint64 until;

		if (seat.host == address(0)) return;
		uint256 told = market.currentPayout(slot);

		vm.prank(seat.host);
		market.freeSlot(
			slot, purse(id, "reward"), purse(id, "collateral")
		);
		burned[id] += token.balanceOf(DEAD) - dead;
		reward = got(id, "reward") - reward;
		returned = got(id, "collateral") - returned;
		no(has(slotsOf(seat.host), slot), "in its host's list");
		if (
			state == SlotState.Finished
				|| state == SlotState.Cancelled
		) {
			until = state == SlotState.Finished
				? market.requestEnd(id)
				: market.requestExpiry(id);
			same(
				reward,
				priceOf(r, until - seat.filledAt),
				"reward"
			);
			same(reward, told, "currentPayout");
			same(returned, left(id, i), "collateral returned");
		} else {
			same(reward, 0, "reward of a slot given up");
			same(returned, 0, "collateral of a slot given up");
		}
		// never twice
		failure(
			seat.host,
			abi.encodeWithSignature("freeSlot(bytes32)", slot)
		);
		seat.host = address(0);
		seat.repair = true;
		if (state == SlotState.Filled) lost(id);
	}

	/// A slot was lost: a request fails when that are too many, but not
	/// before all were filled once.
	function lost(bytes32 id) private view {
		RequestState wanted = RequestState.New;

		if (started[id]) {
			wanted = vacant(id) > requests[id].ask.maxSlotLoss
				? RequestState.Failed
				: RequestState.Started;
		}
		isState(id, wanted);
	}

	/// What a host has left of its collateral.
	function left(bytes32 id, uint64 i) private view returns (uint256) {
		uint256 full = collateralOf(requests[id]);

		return full - seats[id][i].misses
			* percent(full, c.collateral.slashPercentage);
	}

	/* validators */

	/// Marks a miss of the period that comes, if the slot is hosted then.
	function slash(uint256 seed) external {
		if (ids.length == 0) return;
		(bytes32 id, uint64 i) = pick(seed);
		Seat storage seat = seats[id][i];
		bytes32 slot = slotOf(id, i);
		uint64 missed;
		uint256 dead = token.balanceOf(DEAD);
		uint256 reward = got(id, "validator");
		uint256 cut;

		if (seat.host == address(0)) return;
		missed = miss(slot);
		if (market.slotState(slot) != SlotState.Filled) return;
		vm.prank(purse(id, "validator"));
		market.markProofAsMissing(slot, missed);
		burned[id] += token.balanceOf(DEAD) - dead;
		reward = got(id, "validator") - reward;
		cut = percent(
			collateralOf(requests[id]),
			c.collateral.slashPercentage
		);
		same(
			reward,
			percent(
				cut, c.collateral.validatorRewardPercentage
			),
			"validator's reward"
		);
		if (++seat.misses >= c.collateral.maxNumberOfSlashes) {
			same(market.getHost(slot), address(0), "host");
			seat.host = address(0);
			seat.repair = true;
			lost(id);
		}
	}

	/* time */

	function pass(uint256 seed) external {
		vm.warp(time() + within(seed, 1, 60));
		vm.roll(vm.getBlockNumber() + 1);
	}

	/// To a second that decides something, or one beside it.
	function jump(uint256 seed) external {
		if (ids.length == 0) return;
		bytes32 id = ids[seed % ids.length];
		// the end of what did not start is its expiry
		uint256 to = some(seed, 0, 0, 2) == 0
			? market.requestEnd(id)
			: market.requestExpiry(id);

		to = to + some(seed, 1, 0, 2) - 1;
		if (to > time()) vm.warp(to);
	}

	/* people without a right to anything */

	/// Whatever somebody tries who is neither client nor host.
	function tryToSteal(uint256 seed) external {
		if (ids.length == 0) return;
		(bytes32 id, uint64 i) = pick(seed);
		address thief = address(0x7413F);

		failure(
			thief,
			abi.encodeWithSignature(
				"withdrawFunds(bytes32)", id
			)
		);
		failure(
			thief,
			abi.encodeWithSignature(
				"freeSlot(bytes32)", slotOf(id, i)
			)
		);
		failure(
			thief,
			abi.encodeCall(
				IMarketplaceCore.submitProof,
				(slotOf(id, i), good())
			)
		);
	}

	/* what has to hold */

	/// Lists and states say what is known here.
	function checkSlots() external {
		for (uint256 n = 0; n < ids.length; ++n) {
			bytes32 id = ids[n];

			for (uint64 i = 0; i < seats[id].length; ++i) {
				checkSlot(id, i);
			}
		}
	}

	function checkSlot(bytes32 id, uint64 i) private {
		Seat storage seat = seats[id][i];
		bytes32 slot = slotOf(id, i);
		bool failed = market.requestState(id) == RequestState.Failed;

		if (seat.host == address(0)) {
			no(
				market.slotState(slot) == SlotState.Filled,
				"filled by nobody"
			);
			same(
				market.currentCollateral(slot),
				0,
				"collateral"
			);
			return;
		}
		same(market.getHost(slot), seat.host, "host");
		yes(has(slotsOf(seat.host), slot), "in its host's list");
		same(market.missingProofs(slot), seat.misses, "misses");
		same(
			market.currentCollateral(slot),
			failed ? 0 : left(id, i),
			"collateral"
		);
	}

	/// No token came from nowhere or went there.
	function checkTokens() external view {
		uint256 sum = token.balanceOf(address(market))
			+ token.balanceOf(DEAD);
		uint256 dead;

		for (uint256 n = 0; n < ids.length; ++n) {
			sum += outOf(ids[n]) - burned[ids[n]];
			dead += burned[ids[n]];
		}
		for (uint256 h = 0; h < 4; ++h) {
			sum += token.balanceOf(host(h));
		}
		sum += token.balanceOf(CLIENT) + token.balanceOf(STRANGER);
		same(sum, token.totalSupply(), "tokens");
		holds(DEAD, dead, "what left circulation");
	}

	function outOf(bytes32 id) private view returns (uint256) {
		return got(id, "refund") + got(id, "reward")
			+ got(id, "collateral") + got(id, "validator")
			+ burned[id];
	}

	/// Everybody collects when all is over: then nothing is left, and spec
	/// 1.8 holds for each request.
	function settle() external {
		uint256 last = time();

		for (uint256 n = 0; n < ids.length; ++n) {
			if (market.requestEnd(ids[n]) > last) {
				last = market.requestEnd(ids[n]);
			}
		}
		vm.warp(last + 1);
		for (uint256 n = 0; n < ids.length; ++n) {
			bytes32 id = ids[n];

			// clients before hosts, hosts before clients
			if (n % 2 == 0) withdrawFrom(id);
			for (uint64 i = 0; i < seats[id].length; ++i) {
				freeOne(id, i);
			}
			withdrawFrom(id);
			settled(id);
		}
		holds(address(market), 0, "nothing left");
	}

	function settled(bytes32 id) private view {
		uint256 price = maxPriceOf(requests[id]);
		uint256 refund = got(id, "refund");
		uint256 reward = got(id, "reward");

		same(outOf(id), price + paidIn[id], "all that was paid in");
		if (market.requestState(id) == RequestState.Failed) {
			same(refund, price, "refund of a failed request");
			same(reward, 0, "rewards of a failed request");
			same(got(id, "collateral"), 0, "collateral of it");
		} else {
			same(refund + reward, price, "refund and rewards");
		}
	}
}
