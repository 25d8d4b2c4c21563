// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/**
 * Requests for storage and their ids.  Names and order of members are those of
 * Codex's contract: they are part of the ABI, and of every id.
 */

/// Hash of a request.
type RequestId is bytes32;

/// Hash of a request's id and a slot's index.
type SlotId is bytes32;

/// What a client asks for.
struct Ask {
	/// a proof is due once in so many periods, on average
	uint256 proofProbability;
	uint256 pricePerBytePerSecond;
	uint256 collateralPerByte;
	uint64 slots;
	/// bytes of a slot
	uint64 slotSize;
	/// seconds from the request to its end
	uint64 duration;
	/// slots that may be lost before the request fails
	uint64 maxSlotLoss;
}

/// What is to be stored.
struct Content {
	bytes cid;
	/// little-endian field element that proofs are made against
	bytes32 merkleRoot;
}

/// A whole request.
struct Request {
	address client;
	Ask ask;
	Content content;
	/// seconds from the request in which all slots must be filled
	uint64 expiry;
	/// makes requests for the same content differ
	bytes32 nonce;
}

/// A slot as getActiveSlot tells it.
struct ActiveSlot {
	Request request;
	uint64 slotIndex;
}

/// States of a request; numbers are part of the ABI.
enum RequestState {
	New,
	Started,
	Cancelled,
	Finished,
	Failed
}

/// States of a slot; numbers are part of the ABI.
enum SlotState {
	Free,
	Filled,
	Finished,
	Failed,
	Paid,
	Cancelled,
	Repair
}

using {isNone, equals} for RequestId global;

/// No request hashes to zero.
function isNone(RequestId id) pure returns (bool) {
	return RequestId.unwrap(id) == bytes32(0);
}

/// Are these the same?
function equals(RequestId one, RequestId other) pure returns (bool) {
	return RequestId.unwrap(one) == RequestId.unwrap(other);
}

/// Ids and amounts that follow from a request alone.
library Requests {
	/// Id of a request: hash of its encoding as a sole argument.
	function id(Request calldata request)
		internal
		pure
		returns (RequestId)
	{
		return RequestId.wrap(keccak256(abi.encode(request)));
	}

	/// Id of a slot.
	function slotId(RequestId requestId, uint64 index)
		internal
		pure
		returns (SlotId)
	{
		return SlotId.wrap(keccak256(abi.encode(requestId, index)));
	}

	/// Price of a slot and second.
	function rate(Ask storage ask) internal view returns (uint256) {
		return ask.pricePerBytePerSecond * ask.slotSize;
	}

	/// Full collateral of a slot.
	function collateral(Ask storage ask) internal view returns (uint256) {
		return ask.collateralPerByte * ask.slotSize;
	}
}
