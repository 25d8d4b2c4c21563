// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

/// What was found and what should have been: forge prints both.
error Differs(string what, uint256 found, uint256 wanted);
error DiffersWord(string what, bytes32 found, bytes32 wanted);
error DiffersAddress(string what, address found, address wanted);
error DiffersBytes(string what, bytes found, bytes wanted);
error Untrue(string what);
error Above(string what, uint256 found, uint256 bound);

function same(uint256 found, uint256 wanted, string memory what) pure {
	if (found != wanted) revert Differs(what, found, wanted);
}

function same(bytes32 found, bytes32 wanted, string memory what) pure {
	if (found != wanted) revert DiffersWord(what, found, wanted);
}

function same(address found, address wanted, string memory what) pure {
	if (found != wanted) revert DiffersAddress(what, found, wanted);
}

function same(bytes memory found, bytes memory wanted, string memory what)
	pure {
	if (keccak256(found) != keccak256(wanted)) {
		revert DiffersBytes(what, found, wanted);
	}
}

function yes(bool truth, string memory what) pure {
	if (!truth) revert Untrue(what);
}

function no(bool truth, string memory what) pure {
	if (truth) revert Untrue(string.concat("not: ", what));
}

function atMost(uint256 found, uint256 bound, string memory what) pure {
	if (found > bound) revert Above(what, found, bound);
}

/// Something of [low, high], whatever a fuzzer gave.
function within(uint256 any, uint256 low, uint256 high)
	pure
	returns (uint256)
{
	if (high - low == type(uint256).max) return any;
	return low + any % (high - low + 1);
}
