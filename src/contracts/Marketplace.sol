// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Batch, Batches} from "./Batch.sol";
import {MarketplaceConfig} from "./Configuration.sol";
import {Groth16Proof, IGroth16Verifier} from "./Groth16.sol";
import {Ledger} from "./Ledger.sol";
import {
	Ask,
	Request,
	RequestId,
	RequestState,
	Requests,
	SlotId,
	SlotState
} from "./Requests.sol";
import {Set, Sets} from "./Sets.sol";

/**
 * Clients ask for storage, hosts fill the slots of their requests and prove
 * that they keep them: everything that changes something.
 *
 * Every function checks, then changes what is stored, and calls the verifier
 * and the token last: a token that calls back finds everything done.
 */
contract Marketplace is Ledger {
	using Batches for Batch;
	using Requests for *;
	using Sets for Set;

	/// Somebody asks for storage; expiry is a moment here.
	event StorageRequested(RequestId requestId, Ask ask, uint64 expiry);
	/// All slots of a request are filled.
	event RequestFulfilled(RequestId indexed requestId);
	/// The client of a request that expired has its money back.
	event RequestCancelled(RequestId indexed requestId);
	/// A request has lost more slots than it can bear.
	event RequestFailed(RequestId indexed requestId);
	/// A slot has a host.
	event SlotFilled(RequestId indexed requestId, uint64 slotIndex);
	/// A slot has lost its host, and waits for another.
	event SlotFreed(RequestId indexed requestId, uint64 slotIndex);
	/// A host has named who may carry its proofs, or nobody.
	event ProofSubmitterSet(
		address indexed host,
		address indexed submitter
	);

	/// Nobody has its key: what is sent there leaves circulation.
	address private constant BURNED =
		0x000000000000000000000000000000000000dEaD;

	constructor(
		MarketplaceConfig memory config,
		IERC20 token_,
		IGroth16Verifier verifier
	) Ledger(config, token_, verifier) {}

	// ---- clients

	/// Asks for storage, and pays the price of all slots in advance.
	function requestStorage(Request calldata request) external {
		RequestId requestId = request.id();
		Ask calldata ask = request.ask;

		_checkRequest(requestId, request);

		RequestContext storage context = _contexts[requestId];

		context.endsAt = uint40(block.timestamp + ask.duration);
		context.expiresAt = uint40(block.timestamp + request.expiry);
		_requests[requestId] = request;
		_requestsOfClient[msg.sender].add(RequestId.unwrap(requestId));
		emit StorageRequested(requestId, ask, context.expiresAt);
		_take(_bytesOf(ask) * ask.duration * ask.pricePerBytePerSecond);
	}

	/// Refuses what no host could serve.  The order is that of Codex's
	/// contract; what only this one refuses comes last.
	function _checkRequest(RequestId requestId, Request calldata request)
		private
		view
	{
		Ask calldata ask = request.ask;

		if (request.client != msg.sender)
			revert Marketplace_InvalidClientAddress();
		if (_contexts[requestId].endsAt != 0)
			revert Marketplace_RequestAlreadyExists();
		if (request.expiry == 0 || request.expiry >= ask.duration)
			revert Marketplace_InvalidExpiry();
		if (ask.slots == 0) revert Marketplace_InsufficientSlots();
		if (ask.maxSlotLoss > ask.slots)
			revert Marketplace_InvalidMaxSlotLoss();
		if (ask.proofProbability == 0)
			revert Marketplace_InsufficientProofProbability();
		if (ask.collateralPerByte == 0)
			revert Marketplace_InsufficientCollateral();
		if (ask.pricePerBytePerSecond == 0)
			revert Marketplace_InsufficientReward();
		if (request.content.cid.length == 0)
			revert Marketplace_InvalidCid();
		if (
			ask.duration > _requestDurationLimit ||
			block.timestamp + ask.duration > type(uint40).max
		) revert Marketplace_DurationExceedsLimit();
		if (ask.slotSize == 0)
			revert Marketplace_InsufficientSlotSize();
		if (ask.slots > type(uint24).max)
			revert Marketplace_TooManySlots();
		if (
			ask.collateralPerByte >
			type(uint256).max / _bytesOf(ask)
		) revert Marketplace_CollateralTooHigh();
		if (
			ask.pricePerBytePerSecond >
			type(uint256).max / (_bytesOf(ask) * ask.duration)
		) revert Marketplace_PriceTooHigh();
	}

	/// Bytes of all slots together: less than 88 bits for what is not
	/// refused, and less than 128 for anything.
	function _bytesOf(Ask calldata ask) private pure returns (uint256) {
		return uint256(ask.slots) * ask.slotSize;
	}

	/// Gives the caller what is left of its money when its request is over.
	function withdrawFunds(RequestId requestId) external {
		withdrawFunds(requestId, msg.sender);
	}

	/// Likewise, to somebody else.
	function withdrawFunds(RequestId requestId, address recipient) public {
		RequestContext memory context = _contextOf(requestId);
		RequestState state = _stateOf(context);
		Ask storage ask = _requests[requestId].ask;

		if (_requests[requestId].client != msg.sender)
			revert Marketplace_InvalidClientAddress();
		if (_isLive(state)) revert Marketplace_InvalidState();
		if (context.withdrawn) revert Marketplace_NothingToWithdraw();

		uint256 funds = _fundsOf(ask, context, state);
		// rewards for repairs that nobody made
		uint256 burned = context.repairs == 0
			? 0
			: context.repairs * _repairRewardOf(ask.collateral());

		context.state = state;
		context.withdrawn = true;
		context.repairs = 0;
		_contexts[requestId] = context;
		_requestsOfClient[msg.sender].remove(
			RequestId.unwrap(requestId)
		);
		if (state == RequestState.Cancelled)
			emit RequestCancelled(requestId);
		_give(recipient, funds);
		_give(BURNED, burned);
	}

	// ---- hosts

	/// Could the caller reserve this slot now?
	function canReserveSlot(RequestId requestId, uint64 slotIndex)
		external
		view
		returns (bool)
	{
		if (slotIndex >= _requests[requestId].ask.slots) return false;

		SlotId slotId = requestId.slotId(slotIndex);
		Slot memory slot = _slots[slotId];
		(bool found, uint256 place) = _findReservation(
			slotId,
			slot.round,
			msg.sender
		);

		return
			!found &&
			place < _maxReservations &&
			_isVacant(_stateOf(slot));
	}

	/// Reserves a slot, which only who did may fill.
	function reserveSlot(RequestId requestId, uint64 slotIndex) external {
		uint64 slots = _requests[requestId].ask.slots;

		if (slots == 0) revert Marketplace_UnknownRequest();
		if (slotIndex >= slots) revert Marketplace_InvalidSlot();

		SlotId slotId = requestId.slotId(slotIndex);
		Slot memory slot = _slots[slotId];

		if (!_isVacant(_stateOf(slot)))
			revert SlotReservations_ReservationNotAllowed();
		_reserve(slotId, slot.round, requestId, slotIndex);
	}

	/// Makes the caller the host of a slot that it has reserved, for its
	/// collateral and a first proof.
	function fillSlot(
		RequestId requestId,
		uint64 slotIndex,
		Groth16Proof calldata proof
	) external {
		RequestContext memory context = _contextOf(requestId);
		Request storage request = _requests[requestId];

		if (slotIndex >= request.ask.slots)
			revert Marketplace_InvalidSlot();

		SlotId slotId = requestId.slotId(slotIndex);
		bool repair = _checkVacant(slotId, context);
		uint256 collateral = request.ask.collateral();

		if (repair) collateral -= _repairRewardOf(collateral);
		if (!_receive(slotId, _currentPeriod()))
			revert Proofs_ProofAlreadySubmitted();
		_settle(requestId, slotIndex, slotId);
		_countFilled(requestId, slotIndex, context, repair);
		_checkProof(
			slotId,
			proof,
			_merkleRootToFieldElement(request.content.merkleRoot),
			slotIndex
		);
		_take(collateral);
	}

	/// Refuses unless the caller may fill a slot now; was it freed?
	function _checkVacant(SlotId slotId, RequestContext memory context)
		private
		view
		returns (bool repair)
	{
		Slot memory slot = _slots[slotId];
		(bool reserved, ) = _findReservation(
			slotId,
			slot.round,
			msg.sender
		);

		if (!reserved) revert Marketplace_ReservationRequired();
		if (!_isLive(_stateOf(context)) || !_isVacant(slot.state))
			revert Marketplace_SlotNotFree();
		return slot.state == SlotState.Repair;
	}

	/// Makes the caller a slot's host.
	function _settle(RequestId requestId, uint64 slotIndex, SlotId slotId)
		private
	{
		Slot memory slot = _slots[slotId];

		slot.requestId = requestId;
		slot.host = msg.sender;
		slot.state = SlotState.Filled;
		slot.filledAt = uint40(block.timestamp);
		slot.index = uint24(slotIndex);
		_slots[slotId] = slot;
		_slotsOfHost[msg.sender].add(SlotId.unwrap(slotId));
	}

	/// Counts a slot that is filled now; the last one starts the request.
	function _countFilled(
		RequestId requestId,
		uint64 slotIndex,
		RequestContext memory context,
		bool repair
	) private {
		bool fulfilled;

		context.slotsFilled += 1;
		if (repair) context.repairs -= 1;
		context.hosted += context.endsAt - uint40(block.timestamp);
		fulfilled =
			context.state == RequestState.New &&
			context.slotsFilled == _requests[requestId].ask.slots;
		if (fulfilled) context.state = RequestState.Started;
		_contexts[requestId] = context;
		emit SlotFilled(requestId, slotIndex);
		if (fulfilled) emit RequestFulfilled(requestId);
	}

	/// Ends the caller's part in a slot: pays it out when the request is
	/// over, and costs all collateral while it goes on.
	function freeSlot(SlotId slotId) external {
		freeSlot(slotId, msg.sender, msg.sender);
	}

	/// Likewise; reward and collateral may go to somebody else.
	function freeSlot(
		SlotId slotId,
		address rewardRecipient,
		address collateralRecipient
	) public {
		Slot memory slot = _slots[slotId];
		SlotState state = _stateOf(slot);

		if (slot.state == SlotState.Free)
			revert Marketplace_SlotIsFree();
		if (slot.host != msg.sender)
			revert Marketplace_InvalidSlotHost();
		if (state == SlotState.Paid) revert Marketplace_AlreadyPaid();
		if (state == SlotState.Filled) {
			_forciblyFreeSlot(slotId);
			return;
		}
		_slotsOfHost[msg.sender].remove(SlotId.unwrap(slotId));
		if (state == SlotState.Failed) {
			delete _slots[slotId].host;
			return;
		}
		_payOut(
			slotId,
			state == SlotState.Finished,
			rewardRecipient,
			collateralRecipient
		);
	}

	/// Pays a slot's host for the time that it kept it, to the request's
	/// end or its expiry, and gives the collateral back.
	function _payOut(
		SlotId slotId,
		bool finished,
		address rewardRecipient,
		address collateralRecipient
	) private {
		Slot storage slot = _slots[slotId];
		RequestId requestId = slot.requestId;
		RequestContext storage context = _contexts[requestId];
		Request storage request = _requests[requestId];
		uint256 until = finished ? context.endsAt : context.expiresAt;
		uint256 reward = (until - slot.filledAt) * request.ask.rate();
		uint256 collateral = _heldBy(slotId, request.ask);

		slot.state = SlotState.Paid;
		if (finished && context.state != RequestState.Finished) {
			context.state = RequestState.Finished;
			_requestsOfClient[request.client].remove(
				RequestId.unwrap(requestId)
			);
		}
		_give(rewardRecipient, reward);
		_give(collateralRecipient, collateral);
	}

	// ---- proofs

	/// A proof by a slot's host that it keeps the slot.
	function submitProof(SlotId slotId, Groth16Proof calldata proof)
		external
	{
		Slot memory slot = _slots[slotId];

		if (slot.requestId.isNone())
			revert Marketplace_UnknownRequest();
		if (slot.host != msg.sender)
			revert Marketplace_ProofNotSubmittedByHost();
		if (!_receive(slotId, _currentPeriod()))
			revert Proofs_ProofAlreadySubmitted();
		_checkProof(
			slotId,
			proof,
			_rootOf(slot.requestId),
			slot.index
		);
	}

	/// Lets somebody carry proofs for all slots that the caller hosts; zero
	/// takes that back.
	function setProofSubmitter(address submitter) external {
		proofSubmitter[msg.sender] = submitter;
		emit ProofSubmitterSet(msg.sender, submitter);
	}

	/**
	 * Proofs of many slots, of the caller or of hosts that let it carry
	 * theirs, verified together.  A slot that is proven already is passed
	 * over; anything else that is wrong refuses all of them.
	 */
	function submitProofs(
		SlotId[] calldata slotIds,
		Groth16Proof[] calldata proofs
	) external {
		Batch memory batch = Batches.withRoom(proofs.length);
		uint64 period = _currentPeriod();
		// neighbours often share these: they are looked up once
		RequestId requestId;
		uint256 root;
		address host;

		if (slotIds.length != proofs.length)
			revert Proofs_LengthMismatch();
		for (uint256 i = 0; i < slotIds.length; i++) {
			SlotId slotId = slotIds[i];
			Slot storage slot = _slots[slotId];
			uint64 index = slot.index;

			if (i == 0 || !slot.requestId.equals(requestId)) {
				requestId = slot.requestId;
				if (requestId.isNone())
					revert Marketplace_UnknownRequest();
				root = _rootOf(requestId);
			}
			if (i == 0 || slot.host != host) {
				host = slot.host;
				_checkSubmitter(host);
			}
			if (_receive(slotId, period))
				batch.add(
					proofs[i],
					_entropy(slotId, period),
					root,
					index
				);
		}
		if (batch.count != 0 && !batch.verified(_verifier))
			revert Proofs_InvalidProof();
	}

	/// Refuses unless the caller may carry a host's proofs.
	function _checkSubmitter(address host) private view {
		if (host != msg.sender && proofSubmitter[host] != msg.sender)
			revert Marketplace_ProofNotSubmittedByHost();
	}

	/// A proof's second input: the root of its request's content.
	function _rootOf(RequestId requestId) private view returns (uint256) {
		return
			_merkleRootToFieldElement(
				_requests[requestId].content.merkleRoot
			);
	}

	// ---- validators

	/// Refuses unless the caller could mark this proof as missing.
	function canMarkProofAsMissing(SlotId slotId, uint64 period)
		public
		view
	{
		(bool due, uint64 since, uint256 probability) = _duty(slotId);

		if (!due) revert Marketplace_SlotNotAcceptingProofs();
		_checkMissing(slotId, period, since, probability);
	}

	/// Slashes a host that gave no proof when one was due; the caller gets
	/// a share.  The last slash that is allowed frees the slot.
	function markProofAsMissing(SlotId slotId, uint64 period) external {
		canMarkProofAsMissing(slotId, period);

		RequestId requestId = _slots[slotId].requestId;
		uint256 slash = _slashOf(_requests[requestId].ask.collateral());
		uint256 reward = _percent(slash, _validatorRewardPercentage);
		uint256 burned = slash - reward;

		_contexts[requestId].misses += 1;
		if (_miss(slotId, period) >= _maxNumberOfSlashes)
			burned = _vacate(slotId, burned);
		_give(msg.sender, reward);
		_give(BURNED, burned);
	}

	// ---- slots that are lost

	/// Takes a slot from its host, and burns what it has of collateral.
	function _forciblyFreeSlot(SlotId slotId) internal {
		_give(BURNED, _vacate(slotId, 0));
	}

	/**
	 * Takes a filled slot from its host, and lets the request fail when it
	 * can bear no more losses.  What has to be burned, with what the
	 * caller had to burn anyway: all that the host had left, but for the
	 * next one's reward; of a request that fails, all that is held.
	 */
	function _vacate(SlotId slotId, uint256 burned)
		private
		returns (uint256)
	{
		Slot memory slot = _slots[slotId];
		RequestId requestId = slot.requestId;
		RequestContext memory context = _contexts[requestId];
		Ask storage ask = _requests[requestId].ask;
		uint256 collateral = ask.collateral();
		uint256 lost;

		burned += _heldBy(slotId, ask);
		context.slotsFilled -= 1;
		context.misses -= uint32(missingProofs(slotId));
		context.hosted -= context.endsAt - slot.filledAt;
		_evict(slotId, slot);
		emit SlotFreed(requestId, slot.index);

		lost = ask.slots - context.slotsFilled;
		if (
			context.state == RequestState.Started &&
			lost > ask.maxSlotLoss
		) {
			burned += _fail(requestId, context, collateral);
		} else {
			context.repairs += 1;
			burned -= _repairRewardOf(collateral);
		}
		_contexts[requestId] = context;
		return burned;
	}

	/// Takes the host, its misses and all reservations from a slot.
	function _evict(SlotId slotId, Slot memory slot) private {
		_slotsOfHost[slot.host].remove(SlotId.unwrap(slotId));
		_clearMisses(slotId);
		slot.host = address(0);
		slot.state = SlotState.Repair;
		slot.filledAt = 0;
		unchecked {
			slot.round += 1;
		}
		_slots[slotId] = slot;
	}

	/// Ends a request for good; what is held of its slots' collateral.
	function _fail(
		RequestId requestId,
		RequestContext memory context,
		uint256 collateral
	) private returns (uint256 held) {
		held =
			context.slotsFilled *
			collateral -
			context.misses *
			_slashOf(collateral) +
			context.repairs *
			_repairRewardOf(collateral);
		context.state = RequestState.Failed;
		context.endsAt = uint40(block.timestamp - 1);
		context.misses = 0;
		context.repairs = 0;
		emit RequestFailed(requestId);
	}

	// ---- tokens

	/// Takes an amount from the caller.
	function _take(uint256 amount) private {
		if (!_token.transferFrom(msg.sender, address(this), amount))
			revert Marketplace_TransferFailed();
	}

	/// Gives somebody an amount, if there is one to give.
	function _give(address recipient, uint256 amount) private {
		if (amount != 0 && !_token.transfer(recipient, amount))
			revert Marketplace_TransferFailed();
	}
}
