// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token without worth, for development chains and tests.
contract TestToken is ERC20 {
	constructor() ERC20("TestToken", "TST") {}

	/// Anybody makes as much of it as they like.
	function mint(address holder, uint256 amount) public {
		_mint(holder, amount);
	}
}
