// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import {Kit, CollateralConfig, MarketplaceConfig} from "./Kit.sol";
import {World} from "./World.sol";

/// Whatever happens in a World, everybody can collect what they are due, and
/// nothing is left when they have (spec 1.8).  forge calls functions of the
/// World at random, and these checks after each.
abstract contract Invariant is Kit {
	World internal world;

	struct FuzzSelector {
		address addr;
		bytes4[] selectors;
	}

	function collateral()
		internal
		pure
		virtual
		returns (CollateralConfig memory);

	function setUp() public override {
		MarketplaceConfig memory c = config();

		c.collateral = collateral();
		world = new World(c);
	}

	function targetContracts()
		external
		view
		returns (address[] memory a)
	{
		a = new address[](1);
		a[0] = address(world);
	}

	/// Nothing else of the World is to be called.  What starts and
	/// slashes is there twice, that there be something to do.
	function targetSelectors()
		external
		view
		returns (FuzzSelector[] memory s)
	{
		s = new FuzzSelector[](1);
		s[0].addr = address(world);
		s[0].selectors = new bytes4[](13);
		s[0].selectors[0] = World.request.selector;
		s[0].selectors[1] = bytes4(keccak256("fill(uint256)"));
		s[0].selectors[2] = bytes4(keccak256("fillAll(uint256)"));
		s[0].selectors[3] = bytes4(keccak256("prove(uint256)"));
		s[0].selectors[4] = bytes4(keccak256("free(uint256)"));
		s[0].selectors[5] = World.slash.selector;
		s[0].selectors[6] = World.withdraw.selector;
		s[0].selectors[7] = World.pass.selector;
		s[0].selectors[8] = World.jump.selector;
		s[0].selectors[9] = World.tryToSteal.selector;
		s[0].selectors[10] = World.squat.selector;
		s[0].selectors[11] = World.slash.selector;
		s[0].selectors[12] = bytes4(keccak256("fillAll(uint256)"));
	}

	/// forge forgets again what an invariant changes.
	function invariant_EverybodyCanCollect() public {
		world.checkSlots();
		world.checkTokens();
		world.settle();
		world.checkSlots();
		world.checkTokens();
	}
}

/// The configuration that all tests use.
contract ExampleInvariant is Invariant {
	function collateral()
		internal
		pure
		override
		returns (CollateralConfig memory)
	{
		return CollateralConfig(10, 5, 10, 20);
	}
}

/// Codex's default (spec 1.2).
contract DefaultInvariant is Invariant {
	function collateral()
		internal
		pure
		override
		returns (CollateralConfig memory)
	{
		return CollateralConfig(10, 2, 20, 20);
	}
}

/// Two misses cost all that there is; repair and validator get the most that
/// can be had of it.
contract GreedyInvariant is Invariant {
	function collateral()
		internal
		pure
		override
		returns (CollateralConfig memory)
	{
		return CollateralConfig(34, 2, 33, 100);
	}
}

/// A slot is lost with its first miss, and nobody gets anything.
contract StrictInvariant is Invariant {
	function collateral()
		internal
		pure
		override
		returns (CollateralConfig memory)
	{
		return CollateralConfig(0, 0, 100, 0);
	}
}
