// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/**
 * A set of words that can be listed.
 *
 * places holds where a member stands, counted from zero, and is only believed
 * when the member does stand there.  The first member therefore costs as much
 * as any other: it starts the list, but its place need not be written.
 */
struct Set {
	bytes32[] members;
	mapping(bytes32 => uint256) places;
}

/// What can be done with a set.
library Sets {
	/// Is it a member?
	function contains(Set storage set, bytes32 member)
		internal
		view
		returns (bool)
	{
		uint256 place = set.places[member];

		return
			place < set.members.length &&
			set.members[place] == member;
	}

	/// Adds what is not a member yet.
	function add(Set storage set, bytes32 member) internal {
		uint256 place = set.members.length;

		if (place != 0) set.places[member] = place;
		set.members.push(member);
	}

	/// Removes it if it is a member; the last one takes its place.
	function remove(Set storage set, bytes32 member) internal {
		if (!contains(set, member)) return;

		uint256 place = set.places[member];
		uint256 end = set.members.length - 1;

		if (place != end) {
			bytes32 last = set.members[end];

			set.members[place] = last;
			set.places[last] = place;
		}
		set.members.pop();
		delete set.places[member];
	}
}
