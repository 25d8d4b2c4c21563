// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Kit.sol";

/// What the constructor takes and refuses (spec 1.2, docs/CHAIN.md).
contract ConfigTest is Kit {
	function deployed(MarketplaceConfig memory c) private {
		market = deploy(c);
		same(
			abi.encode(market.configuration()),
			abi.encode(c),
			"configuration"
		);
	}

	function refuses(MarketplaceConfig memory c, bytes4 why) private {
		vm.expectRevert(why);
		this.deployCall(c);
	}

	function testConfigurationIsKept() public {
		MarketplaceConfig memory c;

		c.collateral = CollateralConfig(11, 3, 33, 44);
		c.proofs = ProofConfig(120, 30, 63, 97, "of 64 hex digits");
		c.reservations = SlotReservationsConfig(7);
		c.requestDurationLimit = 12345;
		deployed(c);
	}

	function testPeriodOfNoSeconds() public {
		MarketplaceConfig memory c = config();

		c.proofs.period = 0;
		refuses(c, Periods_InvalidSecondsPerPeriod.selector);
	}

	function testBlockHeight() public {
		vm.roll(256);
		refuses(config(), Proofs_InsufficientBlockHeight.selector);
		vm.roll(257);
		deployed(config());
	}

	function testRepairReward() public {
		MarketplaceConfig memory c = config();

		c.collateral.repairRewardPercentage = 101;
		refuses(
			c,
			Marketplace_RepairRewardPercentageTooHigh.selector
		);
		c.collateral.repairRewardPercentage = 255;
		refuses(
			c,
			Marketplace_RepairRewardPercentageTooHigh.selector
		);
	}

	function testSlashPercentage() public {
		MarketplaceConfig memory c = config();

		c.collateral.slashPercentage = 101;
		c.collateral.maxNumberOfSlashes = 0;
		refuses(c, Marketplace_SlashPercentageTooHigh.selector);
		c.collateral.slashPercentage = 101;
		c.collateral.maxNumberOfSlashes = 1;
		refuses(c, Marketplace_SlashPercentageTooHigh.selector);
	}

	function testMaximumSlashing() public {
		MarketplaceConfig memory c = config();

		c.collateral.maxNumberOfSlashes = 4;
		c.collateral.slashPercentage = 25;
		deployed(c);
		c.collateral.slashPercentage = 26;
		refuses(c, Marketplace_MaximumSlashingTooHigh.selector);
		c.collateral.maxNumberOfSlashes = 1;
		c.collateral.slashPercentage = 100;
		deployed(c);
		c.collateral.maxNumberOfSlashes = 101;
		c.collateral.slashPercentage = 1;
		refuses(c, Marketplace_MaximumSlashingTooHigh.selector);
	}

	/// 10.1 number 6: the product of the two fits in no byte.
	function testMaximumSlashingDoesNotWrap() public {
		MarketplaceConfig memory c = config();

		c.collateral.maxNumberOfSlashes = 128;
		c.collateral.slashPercentage = 2;
		refuses(c, Marketplace_MaximumSlashingTooHigh.selector);
		c.collateral.maxNumberOfSlashes = 255;
		c.collateral.slashPercentage = 100;
		refuses(c, Marketplace_MaximumSlashingTooHigh.selector);
	}

	function testValidatorReward() public {
		MarketplaceConfig memory c = config();

		c.collateral.validatorRewardPercentage = 100;
		deployed(c);
		c.collateral.validatorRewardPercentage = 101;
		refuses(
			c,
			Marketplace_ValidatorRewardPercentageTooHigh.selector
		);
		c.collateral.validatorRewardPercentage = 250;
		refuses(
			c,
			Marketplace_ValidatorRewardPercentageTooHigh.selector
		);
	}

	function rewards(
		uint8 repair,
		uint8 slashes,
		uint8 slash,
		uint8 share
	) private pure returns (MarketplaceConfig memory c) {
		c = config();
		c.collateral =
			CollateralConfig(repair, slashes, slash, share);
	}

	/// Both rewards of the last slash must be there (docs/CHAIN.md).
	function testRewardsOfTheLastSlash() public {
		bytes4 why = Marketplace_RewardsExceedCollateral.selector;

		deployed(rewards(34, 2, 33, 100));
		refuses(rewards(35, 2, 33, 100), why);
		deployed(rewards(34, 3, 33, 0));
		refuses(rewards(34, 3, 33, 1), why);
		// none counts as one
		for (uint8 n = 0; n < 2; ++n) {
			deployed(rewards(0, n, 100, 100));
			refuses(rewards(1, n, 100, 100), why);
			deployed(rewards(100, n, 0, 100));
		}
	}

	/// What has left the window of a slot's word cannot be asked for.
	function testTimeout() public {
		MarketplaceConfig memory c = config();
		bytes4 why = Proofs_TimeoutTooLong.selector;

		c.proofs.timeout = 78 * PERIOD;
		deployed(c);
		c.proofs.timeout = 78 * PERIOD + 1;
		refuses(c, why);
		c.proofs.timeout = type(uint64).max;
		refuses(c, why);
		c.proofs.period = type(uint64).max;
		deployed(c);
	}

	function testNothingExistsYet() public {
		bytes32 id = idOf(request());

		same(requestsOf(CLIENT).length, 0, "requests");
		same(slotsOf(host(0)).length, 0, "slots");
		same(market.requestExpiry(id), 0, "expiry");
		same(market.getHost(slotOf(id, 0)), address(0), "host");
		same(market.missingProofs(slotOf(id, 0)), 0, "misses");
		isState(slotOf(id, 0), SlotState.Free);
		same(
			market.currentCollateral(slotOf(id, 0)),
			0,
			"collateral"
		);
	}
}
