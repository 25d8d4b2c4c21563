// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

// The contracts as clients see them, written down from spec/marketplace.md
// (1.1 to 1.5) and the additions of docs/CHAIN.md, not from their sources: the
// tests call through this, so that a departure fails them.

struct Ask {
	uint256 proofProbability;
	uint256 pricePerBytePerSecond;
	uint256 collateralPerByte;
	uint64 slots;
	uint64 slotSize;
	uint64 duration;
	uint64 maxSlotLoss;
}

struct Content {
	bytes cid;
	bytes32 merkleRoot;
}

struct Request {
	address client;
	Ask ask;
	Content content;
	uint64 expiry;
	bytes32 nonce;
}

struct Slot {
	Request request;
	uint64 slotIndex;
}

struct CollateralConfig {
	uint8 repairRewardPercentage;
	uint8 maxNumberOfSlashes;
	uint8 slashPercentage;
	uint8 validatorRewardPercentage;
}

struct ProofConfig {
	uint64 period;
	uint64 timeout;
	uint8 downtime;
	uint8 downtimeProduct;
	string zkeyHash;
}

struct SlotReservationsConfig {
	uint8 maxReservations;
}

struct MarketplaceConfig {
	CollateralConfig collateral;
	ProofConfig proofs;
	SlotReservationsConfig reservations;
	uint64 requestDurationLimit;
}

struct G1 {
	uint256 x;
	uint256 y;
}

struct Fp2 {
	uint256 real;
	uint256 imag;
}

struct G2 {
	Fp2 x;
	Fp2 y;
}

struct Proof {
	G1 a;
	G2 b;
	G1 c;
}

enum RequestState {
	New,
	Started,
	Cancelled,
	Finished,
	Failed
}

enum SlotState {
	Free,
	Filled,
	Finished,
	Failed,
	Paid,
	Cancelled,
	Repair
}

/// Of spec 1.5.
interface IErrors {
	error Marketplace_AlreadyPaid();
	error Marketplace_DurationExceedsLimit();
	error Marketplace_InsufficientCollateral();
	error Marketplace_InsufficientDuration();
	error Marketplace_InsufficientProofProbability();
	error Marketplace_InsufficientReward();
	error Marketplace_InsufficientSlots();
	error Marketplace_InvalidCid();
	error Marketplace_InvalidClientAddress();
	error Marketplace_InvalidExpiry();
	error Marketplace_InvalidMaxSlotLoss();
	error Marketplace_InvalidSlot();
	error Marketplace_InvalidSlotHost();
	error Marketplace_InvalidState();
	error Marketplace_MaximumSlashingTooHigh();
	error Marketplace_NothingToWithdraw();
	error Marketplace_ProofNotSubmittedByHost();
	error Marketplace_RepairRewardPercentageTooHigh();
	error Marketplace_RequestAlreadyExists();
	error Marketplace_ReservationRequired();
	error Marketplace_SlashPercentageTooHigh();
	error Marketplace_SlotIsFree();
	error Marketplace_SlotNotAcceptingProofs();
	error Marketplace_SlotNotFree();
	error Marketplace_StartNotBeforeExpiry();
	error Marketplace_TransferFailed();
	error Marketplace_UnknownRequest();
	error Proofs_InsufficientBlockHeight();
	error Proofs_InvalidProof();
	error Proofs_PeriodNotEnded();
	error Proofs_ProofAlreadyMarkedMissing();
	error Proofs_ProofAlreadySubmitted();
	error Proofs_ProofNotMissing();
	error Proofs_ProofNotRequired();
	error Proofs_ValidationTimedOut();
	error Periods_InvalidSecondsPerPeriod();
	error SlotReservations_ReservationNotAllowed();
}

/// What docs/CHAIN.md adds to them.
interface IOwnErrors {
	error Marketplace_InsufficientSlotSize();
	error Marketplace_TooManySlots();
	error Marketplace_CollateralTooHigh();
	error Marketplace_PriceTooHigh();
	error Marketplace_ValidatorRewardPercentageTooHigh();
	error Marketplace_RewardsExceedCollateral();
	error Proofs_TimeoutTooLong();
	error Proofs_LengthMismatch();
}

/// Of spec 1.4.
interface IEvents {
	event StorageRequested(bytes32 requestId, Ask ask, uint64 expiry);
	event RequestFulfilled(bytes32 indexed requestId);
	event RequestCancelled(bytes32 indexed requestId);
	event RequestFailed(bytes32 indexed requestId);
	event SlotFilled(bytes32 indexed requestId, uint64 slotIndex);
	event SlotFreed(bytes32 indexed requestId, uint64 slotIndex);
	event SlotReservationsFull(
		bytes32 indexed requestId, uint64 slotIndex
	);
	event ProofSubmitted(bytes32 id);
}

/// Of spec 1.3.
interface IMarketplaceCore is IErrors, IEvents {
	function requestStorage(Request calldata request) external;
	function reserveSlot(bytes32 requestId, uint64 slotIndex) external;
	function canReserveSlot(bytes32 requestId, uint64 slotIndex)
		external
		view
		returns (bool);
	function fillSlot(
		bytes32 requestId,
		uint64 slotIndex,
		Proof calldata proof
	) external;
	function freeSlot(bytes32 slotId) external;
	function freeSlot(
		bytes32 slotId,
		address rewardRecipient,
		address collateralRecipient
	) external;
	function submitProof(bytes32 id, Proof calldata proof) external;
	function markProofAsMissing(bytes32 slotId, uint64 period) external;
	function canMarkProofAsMissing(bytes32 slotId, uint64 period)
		external
		view;
	function withdrawFunds(bytes32 requestId) external;
	function withdrawFunds(bytes32 requestId, address withdrawRecipient)
		external;
	function configuration()
		external
		view
		returns (MarketplaceConfig memory);
	function token() external view returns (address);
	function getRequest(bytes32 requestId)
		external
		view
		returns (Request memory);
	function getActiveSlot(bytes32 slotId)
		external
		view
		returns (Slot memory);
	function getHost(bytes32 slotId) external view returns (address);
	function currentCollateral(bytes32 slotId)
		external
		view
		returns (uint256);
	function requestState(bytes32 requestId)
		external
		view
		returns (RequestState);
	function slotState(bytes32 slotId) external view returns (SlotState);
	function requestEnd(bytes32 requestId)
		external
		view
		returns (uint64);
	function requestExpiry(bytes32 requestId)
		external
		view
		returns (uint64);
	function myRequests() external view returns (bytes32[] memory);
	function mySlots() external view returns (bytes32[] memory);
	function missingProofs(bytes32 slotId)
		external
		view
		returns (uint64);
	function isProofRequired(bytes32 id) external view returns (bool);
	function willProofBeRequired(bytes32 id)
		external
		view
		returns (bool);
	function getChallenge(bytes32 id) external view returns (bytes32);
	function getPointer(bytes32 id) external view returns (uint8);
	function slotProbability(bytes32 slotId)
		external
		view
		returns (uint256);
}

/// With the additions of docs/CHAIN.md.
interface IMarketplace is IMarketplaceCore, IOwnErrors {
	event ProofSubmitterSet(
		address indexed host, address indexed submitter
	);

	function submitProofs(
		bytes32[] calldata slotIds,
		Proof[] calldata proofs
	) external;
	function setProofSubmitter(address submitter) external;
	function proofSubmitter(address host)
		external
		view
		returns (address);
	function collateralPerSlot(bytes32 requestId)
		external
		view
		returns (uint256);
	function repairReward(bytes32 requestId)
		external
		view
		returns (uint256);
	function collateralToFill(bytes32 requestId, uint64 slotIndex)
		external
		view
		returns (uint256);
	function payoutIfFilled(bytes32 requestId)
		external
		view
		returns (uint256);
	function currentPayout(bytes32 slotId)
		external
		view
		returns (uint256);
	function requestFunds(bytes32 requestId)
		external
		view
		returns (uint256);
}

/// With what TestMarketplace adds.
interface ITestMarketplace is IMarketplace {
	function forciblyFreeSlot(bytes32 slotId) external;
	function getSlotCollateral(bytes32 slotId)
		external
		view
		returns (uint256);
	function challengeToFieldElement(bytes32 challenge)
		external
		pure
		returns (uint256);
	function merkleRootToFieldElement(bytes32 merkleRoot)
		external
		pure
		returns (uint256);
}

/// The token as the marketplace and the tests use it.
interface IToken {
	error ERC20InsufficientAllowance(
		address spender, uint256 allowance, uint256 needed
	);
	error ERC20InsufficientBalance(
		address sender, uint256 balance, uint256 needed
	);

	function mint(address holder, uint256 amount) external;
	function approve(address spender, uint256 amount)
		external
		returns (bool);
	function balanceOf(address holder) external view returns (uint256);
	function totalSupply() external view returns (uint256);
	function name() external view returns (string memory);
	function symbol() external view returns (string memory);
	function decimals() external view returns (uint8);
}
