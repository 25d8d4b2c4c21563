// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Bn254.sol";
import {no, within, yes} from "./Check.sol";
import {Real, files, readReal, realFile, toKey, toProofs} from "./Real.sol";

/// The verifier with proofs of our prover under a development key, and with the
/// proof that Codex publishes beside its key.
contract VerifierRealTest {
	// See VerifierTest
	uint256 private constant GAS = 8000000;

	Real private real;
	Groth16Verifier private verifier;

	function setUp() public {
		real = readReal();
		verifier = newVerifier(toKey(real.key));
	}

	/// The first n proofs and their inputs.
	function first(uint256 n)
		private
		view
		returns (Groth16Proof[] memory p, uint256[] memory x)
	{
		uint256[] memory words = new uint256[](8 * n);

		x = new uint256[](3 * n);
		for (uint256 i = 0; i < 8 * n; i++) {
			words[i] = real.proofs[i];
		}
		for (uint256 i = 0; i < 3 * n; i++) {
			x[i] = real.inputs[i];
		}
		p = toProofs(words);
	}

	function batch(Groth16Proof[] memory p, uint256[] memory x)
		private
		view
		returns (bool)
	{
		return verifier.verifyBatch{gas: GAS}(p, x);
	}

	function single(
		Groth16Proof[] memory p,
		uint256[] memory x,
		uint256 i
	) private view returns (bool) {
		uint256[] memory own = new uint256[](3);

		for (uint256 j = 0; j < 3; j++) {
			own[j] = x[3 * i + j];
		}
		return verifier.verify{gas: GAS}(p[i], own);
	}

	function testEachAndAll() public view {
		uint256[4] memory sizes = [uint256(1), 2, 8, 32];

		for (uint256 k = 0; k < 4; k++) {
			(Groth16Proof[] memory p, uint256[] memory x) =
				first(sizes[k]);

			yes(batch(p, x), "batch");
			for (uint256 i = k * k; i < p.length; i += 9) {
				yes(single(p, x, i), "single");
			}
		}
	}

	/// What proves a slot at a challenge proves no other, at no other.
	function testInputsAreBound() public view {
		(Groth16Proof[] memory p, uint256[] memory x) = first(2);

		for (uint256 i = 0; i < 6; i++) {
			x[i] += 1;
			no(batch(p, x) || single(p, x, i / 3), "one more");
			x[i] += R - 1;
			no(
				batch(p, x) || single(p, x, i / 3),
				"a second name"
			);
			x[i] -= R;
		}
		(x[2], x[5]) = (x[5], x[2]);
		no(batch(p, x), "swapped slots");
		(p[0], p[1]) = (p[1], p[0]);
		yes(batch(p, x), "swapped proofs and slots");
	}

	/// One bad proof in as many as a batch is likely to have.
	function testFuzzOneBad(uint8 which, uint8 word, uint256 mask)
		public
		view
	{
		(Groth16Proof[] memory p, uint256[] memory x) = first(32);
		uint256 i = which % 32;

		mask = within(mask, 1, type(uint256).max);
		p[i] = withWord(
			p[i], word % 8, wordOf(p[i], word % 8) ^ mask
		);
		no(batch(p, x), "batch");
		no(single(p, x, i), "single");
	}

	function testOneBadPoint() public view {
		(Groth16Proof[] memory p, uint256[] memory x) = first(32);

		p[31].c = add(p[31].c, G1Point(1, 2));
		no(batch(p, x), "c");
		p[0].c = add(p[0].c, neg(G1Point(1, 2)));
		no(batch(p, x), "one makes up for the other");
		(p,) = first(32);
		p[17] = p[16];
		no(batch(p, x), "a proof twice");
		(p,) = first(32);
		p[5].a = neg(p[5].a);
		no(batch(p, x), "the other sign");
		(p,) = first(32);
		p[5].b = outsideG2();
		no(batch(p, x), "outside the group");
		(p,) = first(32);
		yes(batch(p, x), "none");
	}

	/// Codex's example for network hardhat: tests/vectors.
	function testPublished() public {
		string memory key = files.readFile(
			realFile("hardhat_verification_key.json")
		);
		string memory proof = files.readFile(
			realFile("hardhat_example_proof.json")
		);
		uint256[] memory x = files.parseJsonUintArray(
			files.readFile(
				realFile("hardhat_example_public.json")
			),
			"$"
		);
		Groth16Proof[] memory p;
		bytes memory words = bytes.concat(
			take(key, ".vk_alpha_1"),
			take(key, ".vk_beta_2[0]"),
			take(key, ".vk_beta_2[1]"),
			take(key, ".vk_gamma_2[0]"),
			take(key, ".vk_gamma_2[1]"),
			take(key, ".vk_delta_2[0]"),
			take(key, ".vk_delta_2[1]")
		);

		words = bytes.concat(
			words,
			take(key, ".IC[0]"),
			take(key, ".IC[1]"),
			take(key, ".IC[2]"),
			take(key, ".IC[3]")
		);
		verifier = newVerifier(toKey(toWords(words)));
		words = bytes.concat(
			take(proof, ".pi_a"),
			take(proof, ".pi_b[0]"),
			take(proof, ".pi_b[1]"),
			take(proof, ".pi_c")
		);
		p = toProofs(toWords(words));
		yes(single(p, x, 0) && batch(p, x), "published");
		x[2] += 1;
		no(single(p, x, 0) || batch(p, x), "another slot");
	}

	/// The first two numbers of an array.
	function take(string memory json, string memory path)
		private
		pure
		returns (bytes memory)
	{
		uint256[] memory w = files.parseJsonUintArray(json, path);

		return abi.encode(w[0], w[1]);
	}

	function toWords(bytes memory b)
		private
		pure
		returns (uint256[] memory)
	{
		return abi.decode(
			bytes.concat(
				abi.encode(uint256(0x20), b.length / 32), b
			),
			(uint256[])
		);
	}
}
