// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Bn254.sol";
import {same, yes} from "./Check.sol";
import {vm} from "./Vm.sol";

/// Which keys the verifier takes, and where it keeps them.
contract VerifierKeyTest {
	// See VerifierTest
	uint256 private constant GAS = 8000000;

	/// A call of its own, so that a revert is seen.
	function deploy(VerifyingKey memory key) external {
		newVerifier(key);
	}

	function refused(VerifyingKey memory key) private {
		vm.expectRevert(
			Groth16Verifier.Groth16Verifier_InvalidKey.selector
		);
		this.deploy{gas: GAS}(key);
	}

	function testBadKeyG1() public {
		VerifyingKey memory key = ToyKey.key(2);
		G1Point[4] memory bad = [
			G1Point(1, 3),
			G1Point(1, 2 + P),
			G1Point(1 + P, 2),
			G1Point(P, 0)
		];

		for (uint256 i = 0; i < 4; i++) {
			key = ToyKey.key(2);
			key.alpha1 = bad[i];
			refused(key);
			for (uint256 j = 0; j < 3; j++) {
				key = ToyKey.key(2);
				key.ic[j] = bad[i];
				refused(key);
			}
		}
		key = ToyKey.key(2);
		key.alpha1 = G1Point(0, 0);
		refused(key);
		key = ToyKey.key(2);
		key.ic = new G1Point[](0);
		refused(key);
		// an input that the circuit does not look at
		key = ToyKey.key(2);
		key.ic[1] = G1Point(0, 0);
		this.deploy{gas: GAS}(key);
	}

	function testBadKeyG2() public {
		G2Point memory wrap = g2(2);
		G2Point memory tall = g2(2);
		G2Point memory off = g2(2);
		G2Point memory zero;
		G2Point[5] memory bad;

		wrap.x.imag += P;
		tall.y.real += P;
		off.x.real += 1;
		bad = [wrap, tall, off, zero, outsideG2()];
		for (uint256 i = 0; i < 5; i++) {
			VerifyingKey memory key = ToyKey.key(1);

			key.beta2 = bad[i];
			refused(key);
			key = ToyKey.key(1);
			key.gamma2 = bad[i];
			refused(key);
			key = ToyKey.key(1);
			key.delta2 = bad[i];
			refused(key);
		}
	}

	/// The key lies where docs/CHAIN.md says, and cannot be run.
	function testKeyContract() public {
		Groth16Verifier verifier = newVerifier(ToyKey.key(3));
		address made = address(
			uint160(
				uint256(
					keccak256(
						abi.encodePacked(
							bytes2(0xd694), verifier, bytes1(0x01)
						)
					)
				)
			)
		);
		(bool ok, bytes memory out) = made.call(hex"12345678");

		yes(ok && out.length == 0, "it stops");
		same(made.codehash, ToyKey.hash(ToyKey.key(3)), "the key");
	}
}
