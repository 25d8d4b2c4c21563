// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MarketplaceConfig} from "../src/Configuration.sol";
import {IGroth16Verifier} from "../src/Groth16.sol";
import {Marketplace} from "../src/Marketplace.sol";
import {SlotId} from "../src/Requests.sol";

/// The marketplace with the ways in that tests want (spec 1.3).
contract TestMarketplace is Marketplace {
	constructor(
		MarketplaceConfig memory config,
		IERC20 itsToken,
		IGroth16Verifier verifier
	) Marketplace(config, itsToken, verifier) {}

	/// Takes a slot from its host.
	function forciblyFreeSlot(SlotId slotId) public {
		_forciblyFreeSlot(slotId);
	}

	/// What a slot holds.
	function getSlotCollateral(SlotId slotId)
		public
		view
		returns (uint256)
	{
		return this.currentCollateral(slotId);
	}

	function challengeToFieldElement(bytes32 challenge)
		public
		pure
		returns (uint256)
	{
		return _challengeToFieldElement(challenge);
	}

	function merkleRootToFieldElement(bytes32 root)
		public
		pure
		returns (uint256)
	{
		return _merkleRootToFieldElement(root);
	}
}
