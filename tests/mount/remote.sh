#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Datasets of another node through the mount, by CID: read, a peer that stands
# still, reads that are interrupted or end in time, an end of the mount while one
# waits.
. "$(dirname "$0")/lib.sh"
need cmp python3 flock timeout

B=$W/other
size=9000001

on_exit() {
	local status=$?

	if [ -n "${node:-}" ]; then
		kill -CONT "$node" 2>/dev/null
		kill "$node" 2>/dev/null
		timeout 60 flock "$B/lock" true
	fi
	(exit $status)
	cleanup
}
trap on_exit EXIT

# The other node, on a free port
start_other() {
	"$CODEXFS" init --quota 1G "$B" >"$W/init.out" || fail "init"
	for i in 1 2 3; do
		head -c $size /dev/urandom >"$W/f$i"
		cid[i]=$("$CODEXFS" dataset add --store "$B" "$W/f$i") ||
			fail "dataset add"
	done
	"$CODEXFS" node --listen 127.0.0.1:0 --dht no --api none \
		--log-file "$W/other.log" "$B" >"$W/node.out" 2>&1 ||
		fail "node: $(cat "$W/node.out")"
	node=$(holder "$B")
	"$CODEXFS" status --json "$B" >"$W/j" || fail "status of the node"
	port=$(member "$W/j" 'j["node"]["port"]')
}

# mount_with SECONDS: the time that a read waits
mount_with() {
	printf '[node]\npeer = 127.0.0.1:%s\ndht = no\nread-timeout = %s\n' \
		"$port" "$1" >"$W/conf"
	do_mount -o "config=$W/conf"
}

# All of its threads: on a busy machine some run on for a while
stop_other() {
	kill -STOP "$node"
	until [ -z "$(grep -L '^State:[[:space:]]*T' \
		"/proc/$node/task/"*/status)" ]; do
		sleep 0.01
	done
}

until_read() { # CID FILE
	local end=$((SECONDS + 60))

	until cmp -s "$M/.codex/datasets/$1" "$2"; do
		[ $SECONDS -lt $end ] || fail "$1 cannot be read again"
		sleep 0.3
	done
}

test_read() {
	local f=$M/.codex/datasets/${cid[1]}

	is "$(stat -c %s "$f")" $size "size of a dataset elsewhere"
	cmp "$f" "$W/f1" || fail "a dataset of another node"
	is "$(python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.codex.cid").decode())' "$f")" \
		"${cid[1]}" "cid of a dataset elsewhere"
	tail -c 100 "$f" | cmp - <(tail -c 100 "$W/f1") || fail "its end"
	# nobody has it
	"$CODEXFS" dataset cid "$W/conf" >"$W/none" || fail "dataset cid"
	stat "$M/.codex/datasets/$(cat "$W/none")" 2>"$W/err" &&
		fail "a dataset that nobody has is there"
	grep -q 'No such file' "$W/err" || fail "not there: $(cat "$W/err")"
}

test_standstill() {
	exec 3<"$M/.codex/datasets/${cid[2]}" || fail "open"
	stop_other
	head -c 1 <&3 >"$W/out" 2>"$W/err" && fail "a read of nobody's bytes"
	grep -q 'Input/output error' "$W/err" || fail "EIO: $(cat "$W/err")"
	# what does not need the other goes on
	echo hello >"$M/hello" || fail "write"
	is "$(cat "$M/hello")" hello "a file of the volume"
	cmp "$M/.codex/datasets/${cid[1]}" "$W/f1" || fail "what is cached"
	exec 3<&-
	kill -CONT "$node"
	until_read "${cid[2]}" "$W/f2"
}

test_end() {
	local reader

	remount_with 600
	exec 3<"$M/.codex/datasets/${cid[3]}" || fail "open"
	stop_other
	# a read in the kernel ends by no signal but through us: else timeout has to
	# kill, itself too, and says 137
	timeout -s INT -k 30 1 head -c 1 <&3 >"$W/out"
	is $? 124 "a read that waits, interrupted"
	cat <&3 >"$W/out" 2>/dev/null &
	reader=$!
	exec 3<&-
	sleep 0.5 # most likely it waits by then; nothing hangs on that
	kill -TERM "$(mount_pid)"
	timeout 60 flock "$S/lock" true || fail "the mount does not end"
	wait $reader && fail "a read ended well without its bytes"
	kill -CONT "$node"
	mount_with 600
	until_read "${cid[3]}" "$W/f3"
	is "$(cat "$M/hello")" hello "a file after that"
}
remount_with() {
	do_umount
	mount_with "$1"
}

start_other
for ((round = 0; round < ${CDX_COUNT:-1}; round++)); do
	rm -rf "$S"
	make_store
	mount_with 1
	test_read
	test_standstill
	test_end
	do_umount
	check_store
done
