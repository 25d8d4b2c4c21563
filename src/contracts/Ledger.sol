// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {
	CollateralConfig,
	MarketplaceConfig,
	ProofConfig,
	SlotReservationsConfig
} from "./Configuration.sol";
import {IGroth16Verifier} from "./Groth16.sol";
import {Proofs} from "./Proofs.sol";
import {
	ActiveSlot,
	Ask,
	Request,
	RequestId,
	RequestState,
	Requests,
	SlotId,
	SlotState
} from "./Requests.sol";
import {Set} from "./Sets.sol";
import {SlotReservations} from "./SlotReservations.sol";

/**
 * What the marketplace remembers of requests and slots, the states that follow
 * from it and from the time, amounts, and everything that can be read.
 *
 * Of all collateral that is paid in, the contract holds at any time, by slot:
 * what its host would get back (full collateral less its misses) while it is
 * filled, the next host's repair reward while it waits for one, and nothing
 * else.  A request's context sums these up, so that a failed request's can be
 * burned at once.
 */
abstract contract Ledger is Proofs, SlotReservations {
	using Requests for *;

	/// The slot's host has been paid.
	error Marketplace_AlreadyPaid();
	/// The request lasts too long.
	error Marketplace_DurationExceedsLimit();
	/// A request without collateral.
	error Marketplace_InsufficientCollateral();
	/// A request without duration; Codex's contract names it, and no
	/// request gets so far, since its expiry is refused.
	error Marketplace_InsufficientDuration();
	/// A request that asks for no proofs.
	error Marketplace_InsufficientProofProbability();
	/// A request without a price.
	error Marketplace_InsufficientReward();
	/// A request without slots.
	error Marketplace_InsufficientSlots();
	/// A request for slots of no bytes.
	error Marketplace_InsufficientSlotSize();
	/// A request without content.
	error Marketplace_InvalidCid();
	/// Somebody else's request.
	error Marketplace_InvalidClientAddress();
	/// A request that expires at once, or not before its end.
	error Marketplace_InvalidExpiry();
	/// A request that bears the loss of more slots than it has.
	error Marketplace_InvalidMaxSlotLoss();
	/// The request has no such slot.
	error Marketplace_InvalidSlot();
	/// Somebody else's slot.
	error Marketplace_InvalidSlotHost();
	/// The request goes on.
	error Marketplace_InvalidState();
	/// More could be slashed than there is collateral.
	error Marketplace_MaximumSlashingTooHigh();
	/// The client has its money back.
	error Marketplace_NothingToWithdraw();
	/// Neither the slot's host nor who may carry its proofs.
	error Marketplace_ProofNotSubmittedByHost();
	/// More than the collateral as a reward.
	error Marketplace_RepairRewardPercentageTooHigh();
	/// The same request again.
	error Marketplace_RequestAlreadyExists();
	/// The caller did not reserve the slot.
	error Marketplace_ReservationRequired();
	/// More than the collateral as a slash.
	error Marketplace_SlashPercentageTooHigh();
	/// Nobody has filled the slot.
	error Marketplace_SlotIsFree();
	/// Only a filled slot can miss a proof.
	error Marketplace_SlotNotAcceptingProofs();
	/// The slot has a host, or its request is over.
	error Marketplace_SlotNotFree();
	/// Codex's contract pays no interval of no seconds; this one pays zero.
	error Marketplace_StartNotBeforeExpiry();
	/// The token says no without saying why.
	error Marketplace_TransferFailed();
	/// No such request.
	error Marketplace_UnknownRequest();
	/// More than the slash as a reward.
	error Marketplace_ValidatorRewardPercentageTooHigh();
	/// What slashes leave of a collateral could not pay the repair reward.
	error Marketplace_RewardsExceedCollateral();
	/// A request of more slots than a context counts.
	error Marketplace_TooManySlots();
	/// The collateral of all slots together has more than 256 bits.
	error Marketplace_CollateralTooHigh();
	/// The price of the whole request has more than 256 bits.
	error Marketplace_PriceTooHigh();

	/// What changes of a request, in one word.
	struct RequestContext {
		RequestState state;
		/// the client has its money back
		bool withdrawn;
		uint40 endsAt;
		uint40 expiresAt;
		uint24 slotsFilled;
		/// slots that were freed and not filled again
		uint24 repairs;
		/// misses of the filled slots
		uint32 misses;
		/// seconds that hosts of the filled slots are paid for if they
		/// stay to the end
		uint64 hosted;
	}

	/// A slot that was filled at least once.
	struct Slot {
		RequestId requestId;
		address host;
		/// Free, Filled, Repair or Paid
		SlotState state;
		uint40 filledAt;
		uint24 index;
		/// of reservations
		uint24 round;
	}

	/// Parts of the configuration, in code where they cost nothing to read.
	uint8 internal immutable _repairRewardPercentage;
	uint8 internal immutable _maxNumberOfSlashes;
	uint8 internal immutable _slashPercentage;
	uint8 internal immutable _validatorRewardPercentage;
	uint64 internal immutable _requestDurationLimit;

	/// What prices and collateral are paid in.
	IERC20 internal immutable _token;

	/// Requests as they were made; they never change.
	mapping(RequestId => Request) internal _requests;
	/// How they stand; one that is not known ends at zero.
	mapping(RequestId => RequestContext) internal _contexts;
	/// Slots by id.
	mapping(SlotId => Slot) internal _slots;
	/// Requests of a client, until it withdraws, or the first host of a
	/// finished one is paid.
	mapping(address => Set) internal _requestsOfClient;
	/// Slots of a host, until it is paid or loses them.
	mapping(address => Set) internal _slotsOfHost;

	/// Who may carry proofs for a host, as the host said.
	mapping(address host => address submitter) public proofSubmitter;

	constructor(
		MarketplaceConfig memory config,
		IERC20 token_,
		IGroth16Verifier verifier
	)
		Proofs(config.proofs, verifier)
		SlotReservations(config.reservations.maxReservations)
	{
		CollateralConfig memory collateral = config.collateral;

		_checkCollateral(collateral);
		_repairRewardPercentage = collateral.repairRewardPercentage;
		_maxNumberOfSlashes = collateral.maxNumberOfSlashes;
		_slashPercentage = collateral.slashPercentage;
		_validatorRewardPercentage = collateral
			.validatorRewardPercentage;
		_requestDurationLimit = config.requestDurationLimit;
		_token = token_;
	}

	/// Refuses percentages that promise more than there is: when the last
	/// slash comes, what those before left must pay the validator and the
	/// repair reward.
	function _checkCollateral(CollateralConfig memory config) private pure {
		uint256 repair = config.repairRewardPercentage;
		uint256 slashes = config.maxNumberOfSlashes;
		uint256 slash = config.slashPercentage;
		uint256 validator = config.validatorRewardPercentage;

		if (repair > 100)
			revert Marketplace_RepairRewardPercentageTooHigh();
		if (slash > 100) revert Marketplace_SlashPercentageTooHigh();
		if (slashes * slash > 100)
			revert Marketplace_MaximumSlashingTooHigh();
		if (validator > 100)
			revert Marketplace_ValidatorRewardPercentageTooHigh();

		uint256 earlier = slashes == 0 ? 0 : (slashes - 1) * slash;

		if (earlier * 100 + slash * validator + repair * 100 > 10000)
			revert Marketplace_RewardsExceedCollateral();
	}

	// ---- states

	/// Where a request stands now; refuses one that is not known.
	function _contextOf(RequestId requestId)
		internal
		view
		returns (RequestContext memory context)
	{
		context = _contexts[requestId];
		if (context.endsAt == 0) revert Marketplace_UnknownRequest();
	}

	/// A request's state: time cancels and finishes without a transaction.
	function _stateOf(RequestContext memory context)
		internal
		view
		returns (RequestState state)
	{
		state = context.state;
		if (
			state == RequestState.New &&
			block.timestamp > context.expiresAt
		) return RequestState.Cancelled;
		if (
			state == RequestState.Started &&
			block.timestamp > context.endsAt
		) return RequestState.Finished;
	}

	/// A slot's state, which a request that is over decides, save for hosts
	/// that were paid.
	function _stateOf(Slot memory slot) internal view returns (SlotState) {
		if (slot.requestId.isNone()) return SlotState.Free;
		if (slot.state == SlotState.Paid) return SlotState.Paid;

		RequestState state = _stateOf(_contexts[slot.requestId]);

		if (state == RequestState.Cancelled) return SlotState.Cancelled;
		if (state == RequestState.Finished) return SlotState.Finished;
		if (state == RequestState.Failed) return SlotState.Failed;
		return slot.state;
	}

	/// Does a slot of this state wait for a host?
	function _isVacant(SlotState state) internal pure returns (bool) {
		return state == SlotState.Free || state == SlotState.Repair;
	}

	/// Can slots of a request in this state be filled and kept?
	function _isLive(RequestState state) internal pure returns (bool) {
		return
			state == RequestState.New ||
			state == RequestState.Started;
	}

	/// Proofs are due from filled slots, from the period after the one that
	/// they were filled in.
	function _duty(SlotId slotId)
		internal
		view
		override
		returns (bool due, uint64 since, uint256 probability)
	{
		Slot memory slot = _slots[slotId];

		due = _stateOf(slot) == SlotState.Filled;
		if (due) {
			since = slot.filledAt;
			probability = _probability(slot);
		}
	}

	/// What the client of a slot's request asked for.
	function _probability(Slot memory slot)
		internal
		view
		returns (uint256)
	{
		return _requests[slot.requestId].ask.proofProbability;
	}

	// ---- amounts

	/// A percentage, rounded down, of an amount that may be any.
	function _percent(uint256 amount, uint256 percentage)
		internal
		pure
		returns (uint256)
	{
		return
			(amount / 100) *
			percentage +
			((amount % 100) * percentage) /
			100;
	}

	/// What a miss takes of a slot's collateral.
	function _slashOf(uint256 collateral) internal view returns (uint256) {
		return _percent(collateral, _slashPercentage);
	}

	/// What the next host of a freed slot pays less.
	function _repairRewardOf(uint256 collateral)
		internal
		view
		returns (uint256)
	{
		return _percent(collateral, _repairRewardPercentage);
	}

	/// What a slot's host has left of its collateral.
	function _heldBy(SlotId slotId, Ask storage ask)
		internal
		view
		returns (uint256)
	{
		uint256 collateral = ask.collateral();

		return
			collateral -
			missingProofs(slotId) *
			_slashOf(collateral);
	}

	/// What a client has left of its money: the price of all slots and
	/// seconds, less that of those that hosts are paid for.
	function _fundsOf(
		Ask storage ask,
		RequestContext memory context,
		RequestState state
	) internal view returns (uint256) {
		uint256 unpaid = uint256(ask.slots) * ask.duration;

		if (state != RequestState.Failed) unpaid -= context.hosted;
		// hosted counts to the end, hosts are paid to the expiry
		if (state == RequestState.Cancelled)
			unpaid +=
				uint256(context.slotsFilled) *
				(context.endsAt - context.expiresAt);
		return unpaid * ask.rate();
	}

	// ---- views of Codex's contract

	/// What the marketplace was deployed with.
	function configuration()
		external
		view
		returns (MarketplaceConfig memory)
	{
		return
			MarketplaceConfig(
				CollateralConfig(
					_repairRewardPercentage,
					_maxNumberOfSlashes,
					_slashPercentage,
					_validatorRewardPercentage
				),
				ProofConfig(
					_secondsPerPeriod,
					_timeout,
					_downtime,
					_downtimeProduct,
					_zkeyHash
				),
				SlotReservationsConfig(_maxReservations),
				_requestDurationLimit
			);
	}

	/// What prices and collateral are paid in.
	function token() external view returns (IERC20) {
		return _token;
	}

	/// A request as it was made.
	function getRequest(RequestId requestId)
		external
		view
		returns (Request memory)
	{
		_contextOf(requestId);
		return _requests[requestId];
	}

	/// The request and index of a slot that was filled once.
	function getActiveSlot(SlotId slotId)
		external
		view
		returns (ActiveSlot memory)
	{
		Slot memory slot = _slots[slotId];

		if (slot.state == SlotState.Free)
			revert Marketplace_SlotIsFree();
		return ActiveSlot(_requests[slot.requestId], slot.index);
	}

	/// Who keeps a slot, or zero.
	function getHost(SlotId slotId) external view returns (address) {
		return _slots[slotId].host;
	}

	/// What a slot's host gets back as things stand.
	function currentCollateral(SlotId slotId)
		external
		view
		returns (uint256)
	{
		Slot memory slot = _slots[slotId];

		if (
			slot.state != SlotState.Filled ||
			_contexts[slot.requestId].state == RequestState.Failed
		) return 0;
		return _heldBy(slotId, _requests[slot.requestId].ask);
	}

	/// A request's state.
	function requestState(RequestId requestId)
		external
		view
		returns (RequestState)
	{
		return _stateOf(_contextOf(requestId));
	}

	/// A slot's state; one that was never filled is free.
	function slotState(SlotId slotId) external view returns (SlotState) {
		return _stateOf(_slots[slotId]);
	}

	/// When a request ends or ended.
	function requestEnd(RequestId requestId)
		external
		view
		returns (uint64)
	{
		RequestContext memory context = _contextOf(requestId);
		RequestState state = _stateOf(context);

		if (_isLive(state)) return context.endsAt;
		if (state == RequestState.Cancelled) return context.expiresAt;
		return
			block.timestamp < context.endsAt
				? uint64(block.timestamp)
				: context.endsAt;
	}

	/// When a request expires unless it starts; zero if it is not known.
	function requestExpiry(RequestId requestId)
		external
		view
		returns (uint64)
	{
		return _contexts[requestId].expiresAt;
	}

	/// The caller's requests.
	function myRequests() external view returns (bytes32[] memory) {
		return _requestsOfClient[msg.sender].members;
	}

	/// The caller's slots.
	function mySlots() external view returns (bytes32[] memory) {
		return _slotsOfHost[msg.sender].members;
	}

	/// A proof of a slot is due once in so many periods that are not
	/// downtime.
	function slotProbability(SlotId slotId)
		external
		view
		returns (uint256)
	{
		return _withDowntime(_probability(_slots[slotId]));
	}

	// ---- views for who plans ahead

	/// Full collateral of a slot.
	function collateralPerSlot(RequestId requestId)
		external
		view
		returns (uint256)
	{
		_contextOf(requestId);
		return _requests[requestId].ask.collateral();
	}

	/// What the filler of a freed slot pays less.
	function repairReward(RequestId requestId)
		external
		view
		returns (uint256)
	{
		_contextOf(requestId);
		return _repairRewardOf(_requests[requestId].ask.collateral());
	}

	/// What filling a slot now takes from the filler; refused like
	/// filling it.
	function collateralToFill(RequestId requestId, uint64 slotIndex)
		external
		view
		returns (uint256)
	{
		RequestState state = _stateOf(_contextOf(requestId));
		Ask storage ask = _requests[requestId].ask;

		if (slotIndex >= ask.slots) revert Marketplace_InvalidSlot();

		SlotState kept = _slots[requestId.slotId(slotIndex)].state;
		uint256 collateral = ask.collateral();

		if (!_isLive(state) || !_isVacant(kept))
			revert Marketplace_SlotNotFree();
		if (kept == SlotState.Repair)
			collateral -= _repairRewardOf(collateral);
		return collateral;
	}

	/// Reward of a slot that is filled now and kept to the end.
	function payoutIfFilled(RequestId requestId)
		external
		view
		returns (uint256)
	{
		RequestContext memory context = _contextOf(requestId);

		if (!_isLive(_stateOf(context))) return 0;
		return
			(context.endsAt - block.timestamp) *
			_requests[requestId].ask.rate();
	}

	/// Reward that a slot's host has earned so far, or will be paid.
	function currentPayout(SlotId slotId) external view returns (uint256) {
		Slot memory slot = _slots[slotId];
		SlotState state = _stateOf(slot);
		RequestContext memory context = _contexts[slot.requestId];
		uint256 until = block.timestamp;

		if (slot.state != SlotState.Filled || state == SlotState.Failed)
			return 0;
		if (state == SlotState.Finished) until = context.endsAt;
		if (state == SlotState.Cancelled) until = context.expiresAt;
		return
			(until - slot.filledAt) *
			_requests[slot.requestId].ask.rate();
	}

	/// What withdrawFunds gives back, now or, while the request goes on, if
	/// its slots stay as they are; zero once it has.
	function requestFunds(RequestId requestId)
		external
		view
		returns (uint256)
	{
		RequestContext memory context = _contextOf(requestId);

		if (context.withdrawn) return 0;
		return
			_fundsOf(
				_requests[requestId].ask,
				context,
				_stateOf(context)
			);
	}
}
