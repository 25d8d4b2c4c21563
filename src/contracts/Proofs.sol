// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {ProofConfig} from "./Configuration.sol";
import {Groth16Proof, IGroth16Verifier} from "./Groth16.sol";
import {Periods} from "./Periods.sol";
import {SlotId} from "./Requests.sol";

/**
 * Which period wants a proof of which slot, and what was proven and missed.
 *
 * What is remembered of a slot is one word, its record, so that a proof costs
 * one update of storage.  From the lowest bit:
 *
 *	80	received: bit i for i periods before the newest
 *	80	missed: likewise
 *	32	misses since the slot was filled
 *	64	newest: the last period that anything is recorded for
 *
 * A miss can be marked until the timeout after its period: the constructor
 * keeps it so short that no period that can still be asked for has left the
 * window.
 */
abstract contract Proofs is Periods {
	/// Challenges come from the last 256 blocks, which must exist.
	error Proofs_InsufficientBlockHeight();
	/// The verifier does not accept a proof.
	error Proofs_InvalidProof();
	/// A miss of a period that goes on.
	error Proofs_PeriodNotEnded();
	/// The miss is known.
	error Proofs_ProofAlreadyMarkedMissing();
	/// The slot was proven in this period.
	error Proofs_ProofAlreadySubmitted();
	/// A miss of a period that was proven.
	error Proofs_ProofNotMissing();
	/// A miss of a period that wanted no proof.
	error Proofs_ProofNotRequired();
	/// Too late to mark a miss.
	error Proofs_ValidationTimedOut();
	/// A miss could be marked when its period has left the record.
	error Proofs_TimeoutTooLong();
	/// Not as many slots as proofs.
	error Proofs_LengthMismatch();

	/// A slot was proven in this period.
	event ProofSubmitted(SlotId id);

	/// Periods in a record.
	uint256 private constant WINDOW = 80;
	/// Lowest bits of its fields, but for received, which begins at zero.
	uint256 private constant MISSED = 80;
	uint256 private constant MISSES = 160;
	uint256 private constant NEWEST = 192;
	uint256 private constant MISSES_MASK =
		uint256(type(uint32).max) << MISSES;

	/// Parts of ProofConfig, in code where they cost nothing to read.
	uint64 internal immutable _timeout;
	uint8 internal immutable _downtime;
	uint8 internal immutable _downtimeProduct;
	/// For clients only; the one part that is too long for code.
	string internal _zkeyHash;

	/// Who says whether a proof is right.
	IGroth16Verifier internal immutable _verifier;

	/// The record of every slot that was ever proven.
	mapping(SlotId => uint256) private _records;

	constructor(ProofConfig memory config, IGroth16Verifier verifier)
		Periods(config.period)
	{
		if (block.number <= 256)
			revert Proofs_InsufficientBlockHeight();
		if (config.timeout > (WINDOW - 2) * config.period)
			revert Proofs_TimeoutTooLong();
		_timeout = config.timeout;
		_downtime = config.downtime;
		_downtimeProduct = config.downtimeProduct;
		_zkeyHash = config.zkeyHash;
		_verifier = verifier;
	}

	/// Whether proofs of a slot are due, from when on, and how often.
	function _duty(SlotId slotId)
		internal
		view
		virtual
		returns (bool due, uint64 since, uint256 probability);

	/// Misses of a slot since it was filled.
	function missingProofs(SlotId slotId) public view returns (uint64) {
		return uint32(_records[slotId] >> MISSES);
	}

	/// Is a proof of this slot due in this period?
	function isProofRequired(SlotId slotId) external view returns (bool) {
		(bool rolled, uint8 pointer) = _rolls(slotId);

		return rolled && pointer >= _downtime;
	}

	/// Will a proof be due if the downtime ends within this period?
	function willProofBeRequired(SlotId slotId)
		external
		view
		returns (bool)
	{
		(bool rolled, uint8 pointer) = _rolls(slotId);

		return rolled && pointer < _downtime;
	}

	/// What a proof of this slot must answer now.
	function getChallenge(SlotId slotId) external view returns (bytes32) {
		return _challenge(_pointer(slotId, _currentPeriod()));
	}

	/// Which of the last 256 blocks decides about this slot now.
	function getPointer(SlotId slotId) external view returns (uint8) {
		return _pointer(slotId, _currentPeriod());
	}

	/**
	 * Which block decides about a slot in a period.  The pointer grows
	 * with every block, so that it goes on meaning the same block, until
	 * it wraps.
	 */
	function _pointer(SlotId slotId, uint64 period)
		internal
		view
		returns (uint8)
	{
		unchecked {
			return
				uint8(block.number) +
				uint8(period) *
				_downtimeProduct +
				uint8(uint256(SlotId.unwrap(slotId)));
		}
	}

	/// The challenge of a pointer.  A chain that does not know its last
	/// 256 blocks would give everybody the same one.  Hashed where it
	/// needs no memory of its own: a batch does this for every proof.
	function _challenge(uint8 pointer) internal view returns (bytes32) {
		bytes32 hash = blockhash(block.number - 1 - pointer);

		if (hash == bytes32(0)) revert Proofs_InsufficientBlockHeight();
		assembly ("memory-safe") {
			mstore(0, hash)
			hash := keccak256(0, 32)
		}
		return hash;
	}

	/**
	 * A client's probability, raised for the periods that fall into the
	 * downtime: probability * (256 - downtime) / 256, where the product
	 * may have more than 256 bits.
	 */
	function _withDowntime(uint256 probability)
		internal
		view
		returns (uint256)
	{
		uint256 uptime = 256 - uint256(_downtime);

		unchecked {
			return
				(probability >> 8) *
				uptime +
				((uint8(probability) * uptime) >> 8);
		}
	}

	/// Would a proof be due in this period if it were not for downtime?
	function _rolls(SlotId slotId)
		private
		view
		returns (bool rolled, uint8 pointer)
	{
		(bool due, uint64 since, uint256 probability) = _duty(slotId);
		uint64 period = _currentPeriod();

		pointer = _pointer(slotId, period);
		rolled =
			due &&
			period > _periodOf(since) &&
			_isDrawn(pointer, probability);
	}

	/// Does the block that a pointer means want a proof?
	function _isDrawn(uint8 pointer, uint256 probability)
		private
		view
		returns (bool)
	{
		probability = _withDowntime(probability);
		return
			probability == 0 ||
			uint256(_challenge(pointer)) % probability == 0;
	}

	/// Moves a record's window so that it ends with a period.
	function _advance(uint256 record, uint64 period)
		private
		pure
		returns (uint256)
	{
		uint256 newest = record >> NEWEST;

		if (period <= newest) return record;

		uint256 by = period - newest;
		uint256 received = uint80(uint256(uint80(record)) << by);
		uint256 missed = uint80(
			uint256(uint80(record >> MISSED)) << by
		);

		return
			(uint256(period) << NEWEST) |
			(record & MISSES_MASK) |
			(missed << MISSED) |
			received;
	}

	/// The bit of a period within a record's window, or none outside.
	function _bit(uint256 record, uint64 period)
		private
		pure
		returns (uint256)
	{
		uint256 newest = record >> NEWEST;

		if (period > newest || newest - period >= WINDOW) return 0;
		return 1 << (newest - period);
	}

	/// Records that a slot is proven in a period, which has to be the
	/// current one; false if it was proven already.
	function _receive(SlotId slotId, uint64 period)
		internal
		returns (bool)
	{
		uint256 record = _advance(_records[slotId], period);

		if (record & 1 != 0) return false;
		_records[slotId] = record | 1;
		emit ProofSubmitted(slotId);
		return true;
	}

	/// Refuses unless a proof answers this period's challenge of a slot.
	function _checkProof(
		SlotId slotId,
		Groth16Proof calldata proof,
		uint256 root,
		uint64 slotIndex
	) internal view {
		uint256[] memory inputs = new uint256[](3);

		inputs[0] = _entropy(slotId, _currentPeriod());
		inputs[1] = root;
		inputs[2] = slotIndex;
		if (!_verifier.verify(proof, inputs))
			revert Proofs_InvalidProof();
	}

	/// First input of a proof of a slot in this period.
	function _entropy(SlotId slotId, uint64 period)
		internal
		view
		returns (uint256)
	{
		return
			_challengeToFieldElement(
				_challenge(_pointer(slotId, period))
			);
	}

	/// Refuses unless a proof of a slot was due in a period, was not given,
	/// and this can still be marked.  The state of the slot is the
	/// caller's matter.
	function _checkMissing(
		SlotId slotId,
		uint64 period,
		uint64 since,
		uint256 probability
	) internal view {
		uint256 record = _records[slotId];
		uint256 bit = _bit(record, period);
		uint256 end = _periodEnd(period);

		if (end >= block.timestamp) revert Proofs_PeriodNotEnded();
		if (block.timestamp >= end + _timeout)
			revert Proofs_ValidationTimedOut();
		if (record & bit != 0) revert Proofs_ProofNotMissing();

		uint8 pointer = _pointer(slotId, period);

		if (
			period <= _periodOf(since) ||
			pointer < _downtime ||
			!_isDrawn(pointer, probability)
		) revert Proofs_ProofNotRequired();
		if ((record >> MISSED) & bit != 0)
			revert Proofs_ProofAlreadyMarkedMissing();
	}

	/// Records a miss that _checkMissing let pass; how many there are.
	function _miss(SlotId slotId, uint64 period)
		internal
		returns (uint256 misses)
	{
		uint256 record = _advance(_records[slotId], period);

		record |= _bit(record, period) << MISSED;
		record += 1 << MISSES;
		_records[slotId] = record;
		return uint32(record >> MISSES);
	}

	/// Forgets the misses of a slot, whose next host starts without any.
	function _clearMisses(SlotId slotId) internal {
		_records[slotId] &= ~MISSES_MASK;
	}

	/// A proof's first input: the challenge without its last byte, which
	/// would not fit, read as a little-endian number.
	function _challengeToFieldElement(bytes32 challenge)
		internal
		pure
		returns (uint256)
	{
		return _littleEndian(challenge) & (type(uint256).max >> 8);
	}

	/// A proof's second input: all bytes of the root.
	function _merkleRootToFieldElement(bytes32 root)
		internal
		pure
		returns (uint256)
	{
		return _littleEndian(root);
	}

	/// Turns bytes round: neighbours, then neighbouring pairs, and so on.
	function _littleEndian(bytes32 bytes_)
		private
		pure
		returns (uint256 v)
	{
		uint256 mask = type(uint256).max / 0x101;

		v = uint256(bytes_);
		v = ((v >> 8) & mask) | ((v & mask) << 8);
		mask = type(uint256).max / 0x10001;
		v = ((v >> 16) & mask) | ((v & mask) << 16);
		mask = type(uint256).max / 0x100000001;
		v = ((v >> 32) & mask) | ((v & mask) << 32);
		mask = type(uint256).max / 0x10000000000000001;
		v = ((v >> 64) & mask) | ((v & mask) << 64);
		v = (v >> 128) | (v << 128);
	}
}
