// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

/// The part of forge's cheat codes that these tests use.
interface Vm {
	struct Log {
		bytes32[] topics;
		bytes data;
		address emitter;
	}

	/// Of the latest call from the test; only with "isolate" as a
	/// transaction costs it.
	struct Gas {
		uint64 gasLimit;
		uint64 gasTotalUsed;
		uint64 gasMemoryUsed;
		int64 gasRefunded;
		uint64 gasRemaining;
	}

	function warp(uint256 timestamp) external;
	function roll(uint256 number) external;
	function setBlockhash(uint256 number, bytes32 hash) external;
	function getBlockTimestamp() external view returns (uint256);
	function getBlockNumber() external view returns (uint256);
	function prank(address sender) external;
	function expectRevert(bytes4 selector) external;
	function expectRevert(bytes calldata data) external;
	function recordLogs() external;
	function getRecordedLogs() external returns (Log[] memory);
	function getCode(string calldata artifact)
		external
		view
		returns (bytes memory);
	function envOr(string calldata name, string calldata otherwise)
		external
		view
		returns (string memory);
	function lastCallGas() external view returns (Gas memory);
}

Vm constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
