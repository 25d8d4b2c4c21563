// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import {G1Point, Groth16Proof} from "../src/Groth16.sol";
import {VerifyingKey} from "../src/Groth16Verifier.sol";
import {vm} from "./Vm.sol";

/// More of forge's cheat codes: files, which few tests read.
interface Files {
	function readFile(string calldata path)
		external
		view
		returns (string memory);
	function writeLine(string calldata path, string calldata line)
		external;
	/// A number, or text that is one, with 0x or decimal.
	function parseJsonUint(string calldata json, string calldata path)
		external
		pure
		returns (uint256);
	function parseJsonUintArray(
		string calldata json,
		string calldata path
	) external pure returns (uint256[] memory);
	function parseJsonBytes32(
		string calldata json,
		string calldata path
	) external pure returns (bytes32);
	function parseJsonBytes(string calldata json, string calldata path)
		external
		pure
		returns (bytes memory);
	function skip(bool now_) external;
	function toString(uint256 value)
		external
		pure
		returns (string memory);
}

Files constant files = Files(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

/// Real proofs, as tests/chain/make_proofs.c writes them: of every slot of a
/// dataset, under one challenge.
struct Real {
	uint256[] key; // words of it, for toKey
	uint256[] proofs; // words of them, for toProofs
	uint256[] inputs; // three for each proof
	bytes32 merkleRoot;
	uint64 slotSize;
	bytes32 challenge;
}

/// A file of the folder that real.sh has made; without one no test runs that
/// needs it.
function realFile(string memory name) returns (string memory) {
	string memory folder = vm.envOr("CDX_REAL", string(""));

	files.skip(bytes(folder).length == 0);
	return string.concat(folder, "/", name);
}

function readReal() returns (Real memory real) {
	string memory json = files.readFile(realFile("proofs.json"));

	real.key = files.parseJsonUintArray(json, ".key");
	real.proofs = files.parseJsonUintArray(json, ".proofs");
	real.inputs = files.parseJsonUintArray(json, ".inputs");
	real.merkleRoot = files.parseJsonBytes32(json, ".merkleRoot");
	real.slotSize = uint64(files.parseJsonUint(json, ".slotSize"));
	real.challenge = files.parseJsonBytes32(json, ".challenge");
}

/// The first words of a key in the order of the constructor, then ic.
function toKey(uint256[] memory words)
	pure
	returns (VerifyingKey memory key)
{
	uint256 n = (words.length - 14) / 2;
	bytes memory flat = abi.encodePacked(words);

	// as the ABI has it: the array lies behind its offset
	key = abi.decode(
		bytes.concat(
			abi.encode(0x20),
			cut(flat, 0, 14),
			abi.encode(uint256(15 * 0x20)),
			abi.encode(n),
			cut(flat, 14, 2 * n)
		),
		(VerifyingKey)
	);
}

function toProofs(uint256[] memory words)
	pure
	returns (Groth16Proof[] memory proofs)
{
	uint256 n = words.length / 8;

	proofs = abi.decode(
		bytes.concat(
			abi.encode(0x20),
			abi.encode(n),
			abi.encodePacked(words)
		),
		(Groth16Proof[])
	);
}

/// n words of b from word i on.
function cut(bytes memory b, uint256 i, uint256 n)
	pure
	returns (bytes memory part)
{
	part = new bytes(32 * n);
	for (uint256 k = 0; k < n; k++) {
		bytes32 word;
		uint256 from = 32 * (i + k) + 32;
		uint256 to = 32 * k + 32;

		assembly ("memory-safe") {
			word := mload(add(b, from))
			mstore(add(part, to), word)
		}
	}
}
