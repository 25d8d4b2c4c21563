// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/**
 * What a marketplace is deployed with.  Names and order of members are those of
 * Codex's contract: they are part of the ABI.
 */

/// Percentages are of a slot's full collateral, the validator's of one slash.
struct CollateralConfig {
	/// less to pay for who fills a slot that was freed
	uint8 repairRewardPercentage;
	/// misses after which a slot is freed
	uint8 maxNumberOfSlashes;
	/// lost with every miss
	uint8 slashPercentage;
	/// share of who marks a miss
	uint8 validatorRewardPercentage;
}

/// When proofs are due.
struct ProofConfig {
	/// seconds
	uint64 period;
	/// seconds after a period in which its miss can be marked
	uint64 timeout;
	/// of 256 pointers, how many ask for no proof
	uint8 downtime;
	/// how far the pointer jumps with every period
	uint8 downtimeProduct;
	/// of the key that proofs are made with; for clients only
	string zkeyHash;
}

/// Who may fill a slot.
struct SlotReservationsConfig {
	/// reservations that a slot takes at a time
	uint8 maxReservations;
}

/// The constructor's first argument.
struct MarketplaceConfig {
	CollateralConfig collateral;
	ProofConfig proofs;
	SlotReservationsConfig reservations;
	/// seconds
	uint64 requestDurationLimit;
}
