// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// Time in periods: proofs are asked for, and missed, once a period.
abstract contract Periods {
	/// A period of no seconds would divide by zero.
	error Periods_InvalidSecondsPerPeriod();

	/// Length of every period; the first began at time zero.
	uint64 internal immutable _secondsPerPeriod;

	constructor(uint64 secondsPerPeriod) {
		if (secondsPerPeriod == 0)
			revert Periods_InvalidSecondsPerPeriod();
		_secondsPerPeriod = secondsPerPeriod;
	}

	/// The period that a moment belongs to.
	function _periodOf(uint64 timestamp) internal view returns (uint64) {
		return timestamp / _secondsPerPeriod;
	}

	/// The period of this block.
	function _currentPeriod() internal view returns (uint64) {
		return _periodOf(uint64(block.timestamp));
	}

	/// First second after a period.  Callers choose the period: 256 bits
	/// hold the end of any.
	function _periodEnd(uint64 period) internal view returns (uint256) {
		return (uint256(period) + 1) * _secondsPerPeriod;
	}
}
