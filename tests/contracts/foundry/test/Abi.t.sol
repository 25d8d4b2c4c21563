// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// The interface of these tests against the selectors and topics of
/// spec/marketplace.md 1.3 to 1.5, which were read from Codex's compiled
/// contract: whoever answers to this interface answers to its clients.
contract AbiTest is Kit {
	function selectors() private pure returns (bytes4[29] memory) {
		return [
			IMarketplaceCore.requestStorage.selector,
			IMarketplaceCore.reserveSlot.selector,
			IMarketplaceCore.canReserveSlot.selector,
			IMarketplaceCore.fillSlot.selector,
			bytes4(keccak256("freeSlot(bytes32)")),
			bytes4(
				keccak256(
					"freeSlot(bytes32,address,address)"
				)
			),
			IMarketplaceCore.submitProof.selector,
			IMarketplaceCore.markProofAsMissing.selector,
			IMarketplaceCore.canMarkProofAsMissing.selector,
			bytes4(keccak256("withdrawFunds(bytes32)")),
			bytes4(keccak256("withdrawFunds(bytes32,address)")),
			IMarketplaceCore.configuration.selector,
			IMarketplaceCore.token.selector,
			IMarketplaceCore.getRequest.selector,
			IMarketplaceCore.getActiveSlot.selector,
			IMarketplaceCore.getHost.selector,
			IMarketplaceCore.currentCollateral.selector,
			IMarketplaceCore.requestState.selector,
			IMarketplaceCore.slotState.selector,
			IMarketplaceCore.requestEnd.selector,
			IMarketplaceCore.requestExpiry.selector,
			IMarketplaceCore.myRequests.selector,
			IMarketplaceCore.mySlots.selector,
			IMarketplaceCore.missingProofs.selector,
			IMarketplaceCore.isProofRequired.selector,
			IMarketplaceCore.willProofBeRequired.selector,
			IMarketplaceCore.getChallenge.selector,
			IMarketplaceCore.getPointer.selector,
			IMarketplaceCore.slotProbability.selector
		];
	}

	function testSelectors() public pure {
		bytes4[29] memory found = selectors();
		uint32[29] memory wanted = [
			uint32(0x99b6da0c),
			0x12827602,
			0xd02bbe33,
			0x1d873c1b,
			0xa29c29a4,
			0x0aefaabe,
			0xe8aa0a07,
			0x237d8482,
			0xd1bb36b6,
			0x6e2b54ee,
			0xc5d43351,
			0x6c70bee9,
			0xfc0c546a,
			0xfb1e61ca,
			0xb396dc79,
			0x6b00c8cf,
			0x26d6f834,
			0x05b90773,
			0xbe5cdc48,
			0x02fa8e65,
			0x329b5a0b,
			0x9777b72c,
			0x5da73835,
			0xf752196b,
			0xc0cc4add,
			0xa3a0807e,
			0x458d2bf1,
			0x4641dce6,
			0x51a76642
		];

		for (uint256 i = 0; i < found.length; ++i) {
			same(uint32(found[i]), wanted[i], "selector");
		}
	}

	function testSelectorsOfTheTestsContract() public pure {
		same(
			uint32(ITestMarketplace.forciblyFreeSlot.selector),
			0xbdc19bee,
			"forciblyFreeSlot"
		);
		same(
			uint32(ITestMarketplace.getSlotCollateral.selector),
			0x1b03d1cb,
			"getSlotCollateral"
		);
		same(
			uint32(
				ITestMarketplace.challengeToFieldElement
				.selector
			),
			0x28b2d79f,
			"challengeToFieldElement"
		);
		same(
			uint32(
				ITestMarketplace.merkleRootToFieldElement
				.selector
			),
			0x13f288dd,
			"merkleRootToFieldElement"
		);
		same(uint32(IToken.mint.selector), 0x40c10f19, "mint");
		same(
			uint32(TestVerifier.verify.selector),
			0x94c8919d,
			"verify"
		);
	}

	function testTopics() public pure {
		same(
			StorageRequested.selector,
			0x1bf9c457accf8703dbf7cdf1b58c2f74ddf2e525f98155c70b3d318d74609bd8,
			"StorageRequested"
		);
		same(
			RequestFulfilled.selector,
			0x85e1543bf2f84fe80c6badbce3648c8539ad1df4d2b3d822938ca0538be727e6,
			"RequestFulfilled"
		);
		same(
			RequestCancelled.selector,
			0xf903f4774c7bd27355f9d7fcbc382b079b164a697a44ac5d95267a4c3cb3bb22,
			"RequestCancelled"
		);
		same(
			RequestFailed.selector,
			0x4769361a442504ecaf038f35e119bcccdd5e42096b24c09e3c17fd17c6684c02,
			"RequestFailed"
		);
		same(
			SlotFilled.selector,
			0x8f301470a994578b52323d625dfbf827ca5208c81747d3459be7b8867baec3ec,
			"SlotFilled"
		);
		same(
			SlotFreed.selector,
			0x33ba8f7627565d89f7ada2a6b81ea532b7aa9b11e91a78312d6e1fca0bfcd1dc,
			"SlotFreed"
		);
		same(
			SlotReservationsFull.selector,
			0xc8e6c955744189a19222ec226b72ac1435d88d5745252dac56e6f679f64c037a,
			"SlotReservationsFull"
		);
		same(
			ProofSubmitted.selector,
			0x3b989d183b84b02259d7c14b34a9c9eb0fccb4c355a920d25e581e25aef4993d,
			"ProofSubmitted"
		);
	}

	function errors() private pure returns (bytes4[37] memory) {
		return [
			Marketplace_AlreadyPaid.selector,
			Marketplace_DurationExceedsLimit.selector,
			Marketplace_InsufficientCollateral.selector,
			Marketplace_InsufficientDuration.selector,
			Marketplace_InsufficientProofProbability.selector,
			Marketplace_InsufficientReward.selector,
			Marketplace_InsufficientSlots.selector,
			Marketplace_InvalidCid.selector,
			Marketplace_InvalidClientAddress.selector,
			Marketplace_InvalidExpiry.selector,
			Marketplace_InvalidMaxSlotLoss.selector,
			Marketplace_InvalidSlot.selector,
			Marketplace_InvalidSlotHost.selector,
			Marketplace_InvalidState.selector,
			Marketplace_MaximumSlashingTooHigh.selector,
			Marketplace_NothingToWithdraw.selector,
			Marketplace_ProofNotSubmittedByHost.selector,
			Marketplace_RepairRewardPercentageTooHigh.selector,
			Marketplace_RequestAlreadyExists.selector,
			Marketplace_ReservationRequired.selector,
			Marketplace_SlashPercentageTooHigh.selector,
			Marketplace_SlotIsFree.selector,
			Marketplace_SlotNotAcceptingProofs.selector,
			Marketplace_SlotNotFree.selector,
			Marketplace_StartNotBeforeExpiry.selector,
			Marketplace_TransferFailed.selector,
			Marketplace_UnknownRequest.selector,
			Proofs_InsufficientBlockHeight.selector,
			Proofs_InvalidProof.selector,
			Proofs_PeriodNotEnded.selector,
			Proofs_ProofAlreadyMarkedMissing.selector,
			Proofs_ProofAlreadySubmitted.selector,
			Proofs_ProofNotMissing.selector,
			Proofs_ProofNotRequired.selector,
			Proofs_ValidationTimedOut.selector,
			Periods_InvalidSecondsPerPeriod.selector,
			SlotReservations_ReservationNotAllowed.selector
		];
	}

	function testErrors() public pure {
		bytes4[37] memory found = errors();
		uint32[37] memory wanted = [
			uint32(0xc2cbf777),
			0x1267b3f2,
			0xfb7df0c7,
			0x090a5ecd,
			0x6aba7aae,
			0x47ba51c7,
			0x535ed2be,
			0x86f8cf9b,
			0x698d3c62,
			0xdf63f61a,
			0xb9551ab1,
			0x3b920b88,
			0x57a6f4e9,
			0xc00b5b57,
			0x5ffe743c,
			0xbd8bdd94,
			0xce351b94,
			0x2bd81630,
			0xfc7d0690,
			0xd651ce18,
			0xa9cbc156,
			0x8b41ec7f,
			0xae9dcffd,
			0xff556acf,
			0x56607cb0,
			0xf8599ffa,
			0xbdd64a7a,
			0x71ebecc2,
			0xfcd03a47,
			0x6b4b1a4e,
			0x98e7e551,
			0x3edef7db,
			0x00fab7d9,
			0xd3ffa66b,
			0xde55698e,
			0x2aa6d8e0,
			0x424a04ab
		];

		for (uint256 i = 0; i < found.length; ++i) {
			same(uint32(found[i]), wanted[i], "error");
		}
		same(
			uint32(IToken.ERC20InsufficientAllowance.selector),
			0xfb8f41b2,
			"allowance"
		);
		same(
			uint32(IToken.ERC20InsufficientBalance.selector),
			0xe450d38c,
			"balance"
		);
	}

	/// docs/CHAIN.md.
	function testOwnErrors() public pure {
		bytes4[8] memory found = [
			Marketplace_InsufficientSlotSize.selector,
			Marketplace_TooManySlots.selector,
			Marketplace_CollateralTooHigh.selector,
			Marketplace_PriceTooHigh.selector,
			Marketplace_ValidatorRewardPercentageTooHigh.selector,
			Marketplace_RewardsExceedCollateral.selector,
			Proofs_TimeoutTooLong.selector,
			Proofs_LengthMismatch.selector
		];
		uint32[8] memory wanted = [
			uint32(0xf0474f2f),
			0x7737617f,
			0x6c581963,
			0xceafd12b,
			0xcf072012,
			0xb4feceac,
			0x47588d2d,
			0x01306e09
		];

		for (uint256 i = 0; i < found.length; ++i) {
			same(uint32(found[i]), wanted[i], "error");
		}
	}

	function testOwnSelectors() public pure {
		bytes4[9] memory found = [
			IMarketplace.submitProofs.selector,
			IMarketplace.setProofSubmitter.selector,
			IMarketplace.proofSubmitter.selector,
			IMarketplace.collateralPerSlot.selector,
			IMarketplace.repairReward.selector,
			IMarketplace.collateralToFill.selector,
			IMarketplace.payoutIfFilled.selector,
			IMarketplace.currentPayout.selector,
			IMarketplace.requestFunds.selector
		];
		uint32[9] memory wanted = [
			uint32(0xa38c5acc),
			0xd06d5587,
			0x63358ac8,
			0x972cb992,
			0x0f97d310,
			0xe6399ddf,
			0xd1ef5182,
			0x10a76edb,
			0xf9e8a1e7
		];

		for (uint256 i = 0; i < found.length; ++i) {
			same(uint32(found[i]), wanted[i], "selector");
		}
	}

	function testToken() public view {
		same(bytes(token.name()), "TestToken", "name");
		same(bytes(token.symbol()), "TST", "symbol");
		same(token.decimals(), 18, "decimals");
		same(
			market.token(),
			address(token),
			"the marketplace's token"
		);
	}

	/// What EIP-170 allows a deployed contract.
	function testCodeSize() public {
		MarketplaceConfig memory c = config();
		address real = create(
			"Marketplace.sol:Marketplace",
			abi.encode(c, token, new TestVerifier())
		);

		atMost(real.code.length, 24575, "bytes of code");
	}
}
