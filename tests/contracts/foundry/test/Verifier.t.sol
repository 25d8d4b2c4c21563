// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.0;

import "./Bn254.sol";
import {no, within, yes} from "./Check.sol";
import {vm} from "./Vm.sol";

/// The verifier with keys whose secrets are known: proofs of whatever is
/// wanted, in any number, without a prover.
contract VerifierTest {
	uint256 private constant MOST = 7;
	// A precompile that refuses keeps what it is given: of a test's own gas
	// nothing would be left
	uint256 private constant GAS = 8000000;

	Groth16Verifier private verifier; // of keys with three inputs

	function setUp() public {
		verifier = newVerifier(ToyKey.key(3));
	}

	/// n proofs with m inputs each, of what a seed says.
	function make(uint256 n, uint256 m, uint256 seed)
		private
		view
		returns (Groth16Proof[] memory p, uint256[] memory x)
	{
		uint256[] memory own = new uint256[](m);

		p = new Groth16Proof[](n);
		x = new uint256[](n * m);
		for (uint256 i = 0; i < n; i++) {
			for (uint256 j = 0; j < m; j++) {
				own[j] = uint256(
					keccak256(abi.encode(seed, i, j))
				) % R;
				x[i * m + j] = own[j];
			}
			p[i] = ToyKey.prove(
				own,
				uint256(keccak256(abi.encode(seed, i))) % R
			);
		}
	}

	function batch(
		Groth16Proof[] memory p,
		uint256[] memory x,
		bool want
	) private view {
		yes(
			verifier.verifyBatch{gas: GAS}(p, x) == want,
			"verifyBatch"
		);
	}

	/// The answer to one proof, which a batch of one and a batch with good
	/// ones around it must share.
	function single(
		Groth16Proof memory p,
		uint256[] memory x,
		bool want
	) private view {
		Groth16Proof[] memory one = new Groth16Proof[](1);
		(Groth16Proof[] memory three, uint256[] memory all) =
			make(3, 3, 1);

		yes(verifier.verify{gas: GAS}(p, x) == want, "verify");
		one[0] = p;
		batch(one, x, want);
		if (x.length != 3) return;
		for (uint256 i = 0; i < 3; i++) {
			Groth16Proof memory p0 = three[i];
			uint256[] memory x0 = slice(all, 3 * i, 3);

			three[i] = p;
			put(all, 3 * i, x);
			batch(three, all, want);
			three[i] = p0;
			put(all, 3 * i, x0);
		}
	}

	function slice(uint256[] memory x, uint256 start, uint256 n)
		private
		pure
		returns (uint256[] memory part)
	{
		part = new uint256[](n);
		for (uint256 j = 0; j < n; j++) {
			part[j] = x[start + j];
		}
	}

	function put(
		uint256[] memory x,
		uint256 start,
		uint256[] memory part
	) private pure {
		for (uint256 j = 0; j < part.length; j++) {
			x[start + j] = part[j];
		}
	}

	// ---- what is right

	function testFuzzRight(uint256 seed, uint8 n, uint8 m) public {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(1 + n % MOST, m % 6, seed);

		verifier = newVerifier(ToyKey.key(m % 6));
		batch(p, x, true);
		yes(
			verifier.verify{gas: GAS}(p[0], slice(x, 0, m % 6)),
			"verify"
		);
	}

	/// Inputs at their bounds, and a point at infinity that is right.
	function testBounds() public view {
		uint256[] memory x = new uint256[](3);

		single(ToyKey.prove(x, 0), x, true);
		x[0] = R - 1;
		x[2] = R - 1;
		single(ToyKey.prove(x, R - 1), x, true);
	}

	/// A proof can be changed into another of the same statement: nobody
	/// may take its words for a name (spec/proofs.md 8.2).
	function testMalleable() public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(1, 3, 2);

		p[0].a = neg(p[0].a);
		single(p[0], x, false);
		p[0].b.y.real = P - p[0].b.y.real;
		p[0].b.y.imag = P - p[0].b.y.imag;
		single(p[0], x, true);
	}

	// ---- what is wrong

	/// One word of one proof or one input is another.
	function testFuzzWrong(
		uint256 seed,
		uint8 n,
		uint8 which,
		uint256 mask
	) public view {
		uint256 count = 1 + n % MOST;
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(count, 3, seed);
		uint256 i = which % count;
		uint256 word = seed % 11;

		mask = within(mask, 1, type(uint256).max);
		if (word < 8) {
			p[i] = withWord(
				p[i], word, wordOf(p[i], word) ^ mask
			);
		} else {
			x[3 * i + word - 8] ^= mask;
		}
		batch(p, x, false);
		no(
			verifier.verify{gas: GAS}(p[i], slice(x, 3 * i, 3)),
			"verify"
		);
	}

	/// Words that mean nothing.
	function testFuzzAnything(
		uint256[8] memory words,
		uint256[3] memory x
	) public view {
		Groth16Proof memory p = abi.decode(
			abi.encode(words), (Groth16Proof)
		);
		uint256[] memory own = new uint256[](3);

		for (uint256 j = 0; j < 3; j++) {
			own[j] = x[j];
		}
		single(p, own, false);
	}

	/// Points of the curves that prove something else.
	function testFuzzOtherPoints(uint256 a, uint256 c, uint256 which)
		public
		view
	{
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(1, 3, a);
		Groth16Proof memory other = p[0];

		// neither what is proved nor infinity
		a = within(a, 1, R - 1);
		c = within(c, 1, R - 1);
		if (which % 3 == 0) other.a = g1(a);
		if (which % 3 == 1) other.b = g2(2 + a % 2);
		if (which % 3 == 2) other.c = g1(c);
		single(other, x, false);
	}

	function testNothing() public view {
		uint256[] memory x = new uint256[](3);
		Groth16Proof memory zero;

		single(zero, x, false);
		batch(new Groth16Proof[](2), new uint256[](6), false);
	}

	/// A second name of the same input, or of the same coordinate.
	function testNamesAreUnique() public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(1, 3, 3);
		uint256[] memory y = new uint256[](3);
		Groth16Proof memory zero = ToyKey.prove(y, 0);

		for (uint256 j = 0; j < 3; j++) {
			for (uint256 k = 1; k < 6; k++) {
				if (x[j] > type(uint256).max - k * R) {
					break;
				}
				x[j] += k * R;
				single(p[0], x, false);
				x[j] -= k * R;
			}
			y[j] = R;
			single(zero, y, false);
			y[j] = type(uint256).max - type(uint256).max % R;
			single(zero, y, false);
			y[j] = 0;
		}
		for (uint256 i = 0; i < 8; i++) {
			uint256 w = wordOf(p[0], i);

			single(withWord(p[0], i, w + P), x, false);
			single(withWord(p[0], i, w + 4 * P), x, false);
			// c is infinity
			if (i > 5) single(withWord(zero, i, P), y, false);
		}
		single(p[0], x, true);
	}

	function testCounts() public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(2, 3, 4);

		for (uint256 n = 0; n < 9; n++) {
			uint256[] memory y = new uint256[](n);

			for (uint256 j = 0; j < n && j < 6; j++) {
				y[j] = x[j];
			}
			batch(p, y, n == 6);
			yes(
				verifier.verify{gas: GAS}(p[0], y)
					== (n == 3),
				"verify"
			);
		}
		batch(new Groth16Proof[](0), x, false);
		batch(new Groth16Proof[](0), new uint256[](0), false);
		// nothing behind the inputs is taken for one that is missing
		p = new Groth16Proof[](1);
		p[0] = ToyKey.prove(new uint256[](3), 1);
		for (uint256 n = 0; n < 5; n++) {
			batch(p, new uint256[](n), n == 3);
			yes(
				verifier.verify{gas: GAS}(
						p[0], new uint256[](n)
					) == (n == 3),
				"verify"
			);
		}
	}

	function testOrder() public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(2, 3, 5);
		uint256[] memory x0 = slice(x, 0, 3);
		uint256[] memory x1 = slice(x, 3, 3);

		batch(p, x, true);
		put(x, 0, x1);
		put(x, 3, x0);
		batch(p, x, false);
		(p[0], p[1]) = (p[1], p[0]);
		batch(p, x, true);
		put(x, 0, x0);
		put(x, 3, x1);
		batch(p, x, false);
		// inputs of one proof among themselves
		(x0[0], x0[1]) = (x0[1], x0[0]);
		single(p[1], x0, false);
	}

	// ---- points outside

	/// y^2 = x^3 + 3 / (9 + i) in Fq2, multiplied by 9 + i
	function onTwist(G2Point memory p) private pure returns (bool) {
		Fp2Element memory yy = times(p.y, p.y);
		Fp2Element memory xxx = times(p.x, times(p.x, p.x));
		Fp2Element memory d = times(
			Fp2Element(
				addmod(yy.real, P - xxx.real, P),
				addmod(yy.imag, P - xxx.imag, P)
			),
			Fp2Element(9, 1)
		);

		return d.real == 3 && d.imag == 0;
	}

	function times(Fp2Element memory a, Fp2Element memory b)
		private
		pure
		returns (Fp2Element memory)
	{
		return Fp2Element(
			addmod(
				mulmod(a.real, b.real, P),
				P - mulmod(a.imag, b.imag, P),
				P
			),
			addmod(
				mulmod(a.real, b.imag, P),
				mulmod(a.imag, b.real, P),
				P
			)
		);
	}

	/// With this key a and c at infinity prove no inputs, whatever b is, since
	/// 2 alpha + 3 ic[0] = 0: so a refusal has its reason in b alone.
	function testSubgroup() public {
		VerifyingKey memory key = ToyKey.key(0);
		uint256[] memory none = new uint256[](0);
		Groth16Proof[] memory p = new Groth16Proof[](3);

		key.alpha1 = g1(3);
		key.ic[0] = neg(g1(2));
		verifier = newVerifier(key);
		batch(new Groth16Proof[](0), none, false);
		for (uint256 i = 0; i < 3; i++) {
			yes(
				verifier.verify{gas: GAS}(p[i], none),
				"b at infinity"
			);
			p[i].b = g2(2);
			yes(
				verifier.verify{gas: GAS}(p[i], none),
				"b in the group"
			);
			p[i].b.x.real += P;
			no(
				verifier.verify{gas: GAS}(p[i], none),
				"b not below p"
			);
			p[i].b.x.real -= P - 1;
			no(
				verifier.verify{gas: GAS}(p[i], none),
				"b off the curve"
			);
			yes(
				onTwist(g2(2)) && onTwist(outsideG2()),
				"the curve"
			);
			p[i].b = outsideG2();
			no(
				verifier.verify{gas: GAS}(p[i], none),
				"b outside the group"
			);
			batch(p, none, false);
			p[i].b = g2(2);
			batch(p, none, true);
		}
	}

	function testOffCurve() public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(1, 3, 6);

		single(withWord(p[0], 0, 5), x, false);
		single(withWord(p[0], 6, 5), x, false);
		single(withWord(withWord(p[0], 6, 1), 7, 1), x, false);
	}

	/// What a precompile keeps does not make the answer a revert.
	function testLittleGas() public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(2, 3, 6);

		yes(verifier.verifyBatch{gas: 350000}(p, x), "right");
		for (uint256 i = 0; i < 8; i++) {
			p[1] = withWord(p[1], i, 5);
			no(verifier.verifyBatch{gas: 350000}(p, x), "wrong");
			no(
				verifier.verify{gas: 250000}(
					p[1], slice(x, 3, 3)
				),
				"wrong"
			);
		}
	}

	// ---- proofs that cancel each other out

	function testFuzzCancelling(uint256 t, uint8 seed) public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(2 + seed % 3, 3, seed);
		uint256 i = p.length - 1;
		uint256 d = within(t, 1, R - 1);

		// each moves the product, together they leave a plain one as it is
		forge(p, i - 1, g1(d), i, neg(g1(d)), true);
		batch(p, x, false);
		forge(p, i - 1, neg(g1(d)), i, g1(d), true);
		batch(p, x, true);
		forge(p, i - 1, g1(d), i, neg(g1(d)), false);
		batch(p, x, false);
		forge(p, i - 1, neg(g1(d)), i, g1(d), false);
		forgeInputs(x, i - 1, d, i, R - d);
		batch(p, x, false);
		forgeInputs(x, i - 1, R - d, i, d);
		batch(p, x, true);
	}

	/// Adds points to a or c of two proofs.
	function forge(
		Groth16Proof[] memory p,
		uint256 i,
		G1Point memory di,
		uint256 k,
		G1Point memory dk,
		bool a
	) private view {
		if (a) {
			p[i].a = add(p[i].a, di);
			p[k].a = add(p[k].a, dk);
		} else {
			p[i].c = add(p[i].c, di);
			p[k].c = add(p[k].c, dk);
		}
	}

	/// Adds to the second input of two proofs.
	function forgeInputs(
		uint256[] memory x,
		uint256 i,
		uint256 di,
		uint256 k,
		uint256 dk
	) private pure {
		x[3 * i + 1] = addmod(x[3 * i + 1], di, R);
		x[3 * k + 1] = addmod(x[3 * k + 1], dk, R);
	}

	/// The factor of proof 1 when the hash is of this.
	function factor(bytes memory hashed)
		private
		view
		returns (uint256)
	{
		bytes32 seed = keccak256(
			bytes.concat(ToyKey.hash(ToyKey.key(3)), hashed)
		);

		return uint256(keccak256(abi.encode(seed, 1))) >> 128;
	}

	function flat(Groth16Proof[] memory p)
		private
		pure
		returns (bytes memory b)
	{
		for (uint256 i = 0; i < p.length; i++) {
			b = bytes.concat(b, abi.encode(p[i]));
		}
	}

	/// Who knows a factor before everything is chosen forges with the rest:
	/// here with inputs, with all of the proofs, with one point.  Verifiers
	/// that this would fool are among mutants.tab.
	function testFactorsDependOnAll() public view {
		(Groth16Proof[] memory p, uint256[] memory x) =
			make(2, 3, 8);
		(Groth16Proof[] memory q, uint256[] memory y) =
			make(2, 3, 8);
		bytes memory zeros = new bytes(512);
		bytes memory xs = abi.encodePacked(x);
		uint256 f;

		f = factor(flat(p));
		forgeInputs(y, 0, f, 1, R - 1);
		batch(p, y, false);
		y = slice(x, 0, 6);
		f = factor(bytes.concat(zeros, xs));
		forge(q, 0, g1(f), 1, neg(g1(1)), false);
		batch(q, x, false);
		(q,) = make(2, 3, 8);
		f = factor(xs);
		forge(q, 0, g1(f), 1, neg(g1(1)), false);
		batch(q, x, false);
		// all but the last point
		(q,) = make(2, 3, 8);
		q[1].c = G1Point(0, 0);
		f = factor(bytes.concat(flat(q), xs));
		(q,) = make(2, 3, 8);
		forge(q, 0, g1(f), 1, neg(g1(1)), false);
		batch(q, x, false);
	}
}
