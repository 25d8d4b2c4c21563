// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import {
	G1Point,
	G2Point,
	Fp2Element,
	Groth16Proof
} from "../src/Groth16.sol";
import {Groth16Verifier, VerifyingKey} from "../src/Groth16Verifier.sol";
import {vm} from "./Vm.sol";

// The base field's modulus and the order of the groups (EIP-196).
uint256 constant P =
	0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
uint256 constant R =
	0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

error PrecompileFailed();

/// The verifier as it is deployed, or the one that mutate.mjs has tested.
function newVerifier(VerifyingKey memory key)
	returns (Groth16Verifier made)
{
	bytes memory code = bytes.concat(
		vm.getCode(
			vm.envOr(
				"CDX_VERIFIER",
				string(
					"Groth16Verifier.sol:Groth16Verifier"
				)
			)
		),
		abi.encode(key)
	);

	assembly ("memory-safe") {
		made := create(0, add(code, 0x20), mload(code))
		if iszero(made) {
			returndatacopy(0, 0, returndatasize())
			revert(0, returndatasize())
		}
	}
}

/// k times the generator of G1.
function g1(uint256 k) view returns (G1Point memory) {
	return mul(G1Point(1, 2), k);
}

function mul(G1Point memory p, uint256 k) view returns (G1Point memory) {
	(bool ok, bytes memory out) =
		address(7).staticcall(abi.encode(p.x, p.y, k));

	if (!ok) revert PrecompileFailed();
	return abi.decode(out, (G1Point));
}

function add(G1Point memory p, G1Point memory q)
	view
	returns (G1Point memory)
{
	(bool ok, bytes memory out) =
		address(6).staticcall(abi.encode(p.x, p.y, q.x, q.y));

	if (!ok) revert PrecompileFailed();
	return abi.decode(out, (G1Point));
}

function neg(G1Point memory p) pure returns (G1Point memory) {
	return G1Point(p.x, p.y == 0 ? 0 : P - p.y);
}

/// One, two, three, five times the generator of G2 (EIP-197 has the first; the
/// others were added up with Python's integers).
function g2(uint256 k) pure returns (G2Point memory) {
	if (k == 1) {
		return G2Point(
			Fp2Element(
				0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
				0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2
			),
			Fp2Element(
				0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa,
				0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b
			)
		);
	}
	if (k == 2) {
		return G2Point(
			Fp2Element(
				0x27dc7234fd11d3e8c36c59277c3e6f149d5cd3cfa9a62aee49f8130962b4b3b9,
				0x203e205db4f19b37b60121b83a7333706db86431c6d835849957ed8c3928ad79
			),
			Fp2Element(
				0x04bb53b8977e5f92a0bc372742c4830944a59b4fe6b1c0466e2a6dad122b5d2e,
				0x195e8aa5b7827463722b8c153931579d3505566b4edf48d498e185f0509de152
			)
		);
	}
	if (k == 3) {
		return G2Point(
			Fp2Element(
				0x06064e784db10e9051e52826e192715e8d7e478cb09a5e0012defa0694fbc7f5,
				0x1014772f57bb9742735191cd5dcfe4ebbc04156b6878a0a7c9824f32ffb66e85
			),
			Fp2Element(
				0x058e1d5681b5b9e0074b0f9c8d2c68a069b920d74521e79765036d57666c5597,
				0x021e2335f3354bb7922ffcc2f38d3323dd9453ac49b55441452aeaca147711b2
			)
		);
	}
	return G2Point(
		Fp2Element(
			0x2e539c423b302d13f4e5773c603948eaf5db5df8ae8a9a9113708390a06410d8,
			0x0a09ccf561b55fd99d1c1208dee1162457b57ac5af3759d50671e510e428b2a1
		),
		Fp2Element(
			0x2f8d9f9ab83727c77a2fec063cb7b6e5eb23044ccf535ad49d46d394fb6f6bf6,
			0x19b763513924a736e4eebd0d78c91c1bc1d657fee4214057d21414011cfcc763
		)
	);
}

/// On the twist and outside G2: x = 2 + i has a root for y, and r times the
/// point is not infinity (found with Python's integers).
function outsideG2() pure returns (G2Point memory) {
	return G2Point(
		Fp2Element(2, 1),
		Fp2Element(
			0x101f7278419308b95099eca02dcee0c5381f4d26d1d62313f057167f064101ce,
			0x2b76c179599bb92a963dac85546a005a777f7c13f6a7b75d5918b6b5808f5fde
		)
	);
}

/// Word i of a proof, in the order of the ABI.
function wordOf(Groth16Proof memory p, uint256 i) pure returns (uint256) {
	uint256[8] memory w = abi.decode(abi.encode(p), (uint256[8]));

	return w[i];
}

/// The proof with another word i.
function withWord(Groth16Proof memory p, uint256 i, uint256 value)
	pure
	returns (Groth16Proof memory)
{
	uint256[8] memory w = abi.decode(abi.encode(p), (uint256[8]));

	w[i] = value;
	return abi.decode(abi.encode(w), (Groth16Proof));
}

/// A key whose secrets are known, so that whatever is wanted can be proved
/// with it: in multiples of the generators, alpha is 7, beta 2, gamma 3,
/// delta 5 and ic[j] is 11 + 2 j.
library ToyKey {
	uint256 internal constant ALPHA = 7;

	function ic(uint256 j) internal pure returns (uint256) {
		return 11 + 2 * j;
	}

	function key(uint256 inputs)
		internal
		view
		returns (VerifyingKey memory k)
	{
		k.alpha1 = g1(ALPHA);
		k.beta2 = g2(2);
		k.gamma2 = g2(3);
		k.delta2 = g2(5);
		k.ic = new G1Point[](inputs + 1);
		for (uint256 j = 0; j <= inputs; j++) {
			k.ic[j] = g1(ic(j));
		}
	}

	/// A proof with these inputs and this multiple for c; b is the
	/// generator, so that a is 2 alpha + 3 l + 5 c.
	function prove(uint256[] memory x, uint256 c)
		internal
		view
		returns (Groth16Proof memory)
	{
		uint256 l = ic(0);

		for (uint256 j = 0; j < x.length; j++) {
			l = addmod(l, mulmod(x[j], ic(j + 1), R), R);
		}
		return Groth16Proof(
			g1(
				addmod(
					2 * ALPHA,
					addmod(
						mulmod(3, l, R), mulmod(5, c, R), R
					),
					R
				)
			),
			g2(1),
			g1(c)
		);
	}

	/// Of the code that holds a key (docs/CHAIN.md).
	function hash(VerifyingKey memory k)
		internal
		pure
		returns (bytes32)
	{
		bytes memory data = abi.encodePacked(
			bytes1(0),
			uint256(0),
			uint256(0),
			swapped(k.beta2),
			uint256(0),
			uint256(0),
			swapped(negated(k.gamma2)),
			uint256(0),
			uint256(0),
			swapped(negated(k.delta2))
		);

		data = bytes.concat(data, abi.encode(neg(k.alpha1)));
		for (uint256 j = 0; j < k.ic.length; j++) {
			data = bytes.concat(data, abi.encode(k.ic[j]));
		}
		return keccak256(data);
	}

	function swapped(G2Point memory p)
		internal
		pure
		returns (bytes memory)
	{
		return abi.encode(p.x.imag, p.x.real, p.y.imag, p.y.real);
	}

	function negated(G2Point memory p)
		internal
		pure
		returns (G2Point memory)
	{
		return G2Point(p.x, Fp2Element(P - p.y.real, P - p.y.imag));
	}
}
