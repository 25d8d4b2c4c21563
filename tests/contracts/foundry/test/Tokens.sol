// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

/// The least that a marketplace needs of a token, to misbehave on top of.
contract PlainToken {
	mapping(address => uint256) public balanceOf;
	mapping(address => mapping(address => uint256)) public allowance;
	uint256 public totalSupply;

	function mint(address holder, uint256 amount) external {
		balanceOf[holder] += amount;
		totalSupply += amount;
	}

	function approve(address spender, uint256 amount)
		external
		returns (bool)
	{
		allowance[msg.sender][spender] = amount;
		return true;
	}

	function transfer(address to, uint256 amount)
		external
		virtual
		returns (bool)
	{
		move(msg.sender, to, amount);
		return true;
	}

	function transferFrom(address from, address to, uint256 amount)
		external
		virtual
		returns (bool)
	{
		allowance[from][msg.sender] -= amount;
		move(from, to, amount);
		return true;
	}

	function move(address from, address to, uint256 amount) internal {
		balanceOf[from] -= amount;
		balanceOf[to] += amount;
	}
}

/// Says no, and moves nothing, when it is told to.
contract RefusingToken is PlainToken {
	bool public refuses;
	/// Only transfers to this address are refused, unless it is zero.
	address public only;

	function refuse(bool yes, address receiver) external {
		refuses = yes;
		only = receiver;
	}

	function transfer(address to, uint256 amount)
		external
		override
		returns (bool)
	{
		if (refuses && (only == address(0) || only == to)) {
			return false;
		}
		move(msg.sender, to, amount);
		return true;
	}

	function transferFrom(address from, address to, uint256 amount)
		external
		override
		returns (bool)
	{
		if (refuses && (only == address(0) || only == to)) {
			return false;
		}
		allowance[from][msg.sender] -= amount;
		move(from, to, amount);
		return true;
	}
}

/// Who is called when a token arrives, or is asked for.
interface ITokenReceiver {
	function tokensMoved(address from, address to, uint256 amount)
		external;
}

/// Calls whoever registered before each movement that concerns it, as tokens
/// with hooks do.
contract CallingToken is PlainToken {
	mapping(address => bool) private calls;

	function register() external {
		calls[msg.sender] = true;
	}

	function transfer(address to, uint256 amount)
		external
		override
		returns (bool)
	{
		move(msg.sender, to, amount);
		tell(msg.sender, to, amount);
		return true;
	}

	function transferFrom(address from, address to, uint256 amount)
		external
		override
		returns (bool)
	{
		allowance[from][msg.sender] -= amount;
		tell(from, to, amount);
		move(from, to, amount);
		return true;
	}

	function tell(address from, address to, uint256 amount) private {
		if (calls[to]) {
			ITokenReceiver(to).tokensMoved(from, to, amount);
		}
		if (calls[from]) {
			ITokenReceiver(from).tokensMoved(from, to, amount);
		}
	}
}
