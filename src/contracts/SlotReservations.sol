// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {RequestId, SlotId} from "./Requests.sol";

/**
 * Who may fill a slot.
 *
 * Few addresses reserve a slot, so they are searched one by one: an index of
 * them would cost more than it saves.  Every time that a slot is freed another
 * round of reservations begins, and nothing of the last one need be erased.
 */
abstract contract SlotReservations {
	/// The slot takes no more reservations, or none from this caller.
	error SlotReservations_ReservationNotAllowed();

	/// The last reservation of this round was taken.
	event SlotReservationsFull(
		RequestId indexed requestId,
		uint64 slotIndex
	);

	/// Reservations that a slot takes in a round.
	uint8 internal immutable _maxReservations;

	/// Addresses by slot, and round << 8 | place; the first zero ends them.
	mapping(SlotId => mapping(uint256 => address)) private _reservations;

	constructor(uint8 maxReservations) {
		_maxReservations = maxReservations;
	}

	/// Where an address stands among a slot's reservations, or the place
	/// that it could take.
	function _findReservation(SlotId slotId, uint24 round, address host)
		internal
		view
		returns (bool found, uint256 place)
	{
		mapping(uint256 => address) storage holders = _reservations[
			slotId
		];
		uint256 first = uint256(round) << 8;

		for (; place < _maxReservations; place++) {
			address holder = holders[first | place];

			if (holder == address(0)) break;
			if (holder == host) return (true, place);
		}
		return (false, place);
	}

	/// Gives the caller a place among a slot's reservations.
	function _reserve(
		SlotId slotId,
		uint24 round,
		RequestId requestId,
		uint64 slotIndex
	) internal {
		(bool found, uint256 place) = _findReservation(
			slotId,
			round,
			msg.sender
		);

		if (found || place == _maxReservations)
			revert SlotReservations_ReservationNotAllowed();
		_reservations[slotId][(uint256(round) << 8) | place] = msg
			.sender;
		if (place + 1 == _maxReservations)
			emit SlotReservationsFull(requestId, slotIndex);
	}
}
