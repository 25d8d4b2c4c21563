#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The verbs of codexfs chain, and contrib/devnet: without a store, with one, and
# through a mount; what is wrong is said; a transfer that is killed and repeated
# is one transfer; keys are in no log, argument or core file; and the chain's end
# leaves nothing behind.  The count is how many transfers are killed.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

kills=${CDX_COUNT:-3}
devnet=$CDX_SRCDIR/contrib/devnet
D=$W/devnet
S=$W/store
M=$W/mnt
# accounts of nobody
to=0x90F79bf6EB2c4f870365E785982E1f101E93b906
other=0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65
export CODEXFS
unset CODEXFS_CONFIG

mounted() { grep -q " $M fuse.codexfs " /proc/self/mounts; }

verbs_end() {
	local status=$?

	trap - EXIT
	cd /
	! mounted || "$CODEXFS" umount -l "$M"
	[ "$status" -eq 0 ] || [ ! -s "$D/anvil.log" ] ||
		tail -n 5 "$D/anvil.log" >&2
	[ ! -e "$D/anvil.pid" ] || "$devnet" stop "$D" >/dev/null
	scratch_end "$status"
	exit "$status"
}
trap verbs_end EXIT

step() { printf '%3d s  %s\n' "$SECONDS" "$*"; }

# chain SUBVERB...: a verb that must do; what it prints is in $W/json
chain() {
	"$CODEXFS" chain "$@" >"$W/json" 2>"$W/err" </dev/null ||
		fail "chain $*: $(cat "$W/err" "$W/json")"
}
# refused TEXT SUBVERB...: one that must not, and says so
refused() {
	local text=$1
	shift
	"$CODEXFS" chain "$@" >"$W/out" 2>&1 </dev/null &&
		fail "this was not refused: chain $*"
	grep -q -e "$text" "$W/out" ||
		fail "does not say \"$text\": chain $*: $(cat "$W/out")"
}
tokens_of() { # ADDRESS
	chain balance --json --store '' --config "$conf" "$1"
	member "$W/json" 'j["tokens"]'
}
# await_nonce ADDRESS N: until so many of its transactions are in blocks
await_nonce() {
	local i

	for ((i = 0; i < 150; i++)); do
		[ "$(ANVIL_URL=$url rpc eth_getTransactionCount "$1" latest)" = \
			"$(printf '0x%x' "$2")" ] && return
		sleep 0.1
	done
	fail "$1 has no transaction number $2"
}

# ---- the chain, and what is needed to talk to it ----

need curl
# shellcheck disable=SC2154 # it sets anvil
anvil_program
key=$W/one.zkey
"$CODEXFS" proof setup --samples 1 --vk "$W/vk.json" -o "$key" 2>/dev/null ||
	fail "proof setup"
sha=$(sha256sum "$key" | cut -d' ' -f1)
"$CODEXFS" init --quota 1G "$S" >/dev/null || fail "init"
"$CODEXFS" proof import --store "$S" --development "$key" >/dev/null ||
	fail "proof import"
# addresses are there without a chain
"$CODEXFS" chain accounts --json --store "$S" >"$W/json" 2>"$W/err" &&
	fail "accounts without a chain says that all is well"
grep -q 'no chain is configured' "$W/err" || fail "$(cat "$W/err")"
words=$(member "$W/json" 'j["accounts"][0]["address"]')
is "$(member "$W/json" '[a["index"] for a in j["accounts"]]')" '[0, 1]' \
	"accounts of the words"

wants 1 'no chain runs in' "$devnet" status "$D"
wants 2 'takes a number' "$devnet" start --accounts x "$D"
wants 2 'not an address' "$devnet" start --fund 0x12 "$D"
"$devnet" start --anvil "$anvil" --key "$key" --accounts 2 --fund "$words" \
	"$D" >"$W/out" 2>&1 || fail "devnet start: $(cat "$W/out")"
grep -q 'of no worth' "$W/out" || fail "devnet start: $(cat "$W/out")"
step "devnet runs"
conf=$D/codexfs.conf
read -r pid _ url <"$D/anvil.pid"
wants 1 "process $pid" "$devnet" start --anvil "$anvil" "$D"
wants 0 "$url, process $pid" "$devnet" status "$D"
is "$(stat -c %a "$D/account-0.key")" 600 "mode of a key file"
market=$(sed -n 's/^marketplace = //p' "$conf")
token=$(sed -n 's/^token = //p' "$conf")

# ---- without a store ----

a0=(--config "$conf" --account "$D/account-0.key")
chain info --json --config "$conf"
python3 - "$W/json" "$market" "$token" "$sha" <<'EOF' || fail "info"
import json, sys
j = json.load(open(sys.argv[1]))
m = j["marketplace"]
c = m["configuration"]
assert j["chainId"] == 31337, j
assert j["head"]["number"] > 257, j
assert abs(j["clockOffset"]) <= 3, j["clockOffset"]
assert j["endpoints"][0]["state"] == "good", j
assert m["address"] == sys.argv[2] and m["token"]["address"] == sys.argv[3], m
assert m["token"]["symbol"] == "TST" and m["token"]["decimals"] == 18, m
assert c["zkeyHash"] == sys.argv[4] and c["period"] == 15, c
assert c["timeout"] == 10 and c["downtime"] == 16, c
assert j["zkeyHash"]["configured"] == "matches", j["zkeyHash"]
assert j["zkeyHash"]["store"] == "none", j["zkeyHash"]
EOF
chain info --config "$conf"
grep -q "^marketplace  *$market" "$W/json" || fail "info: $(cat "$W/json")"
refused 'Without a store there are no words' accounts --config "$conf"
chain accounts --json "${a0[@]}"
is "$(member "$W/json" 'j["accounts"][0]["tokens"]')" \
	1000000000000000000000000 "tokens of an account"
is "$(member "$W/json" 'len(j["accounts"])')" 1 "accounts of a key file"
chain send-token --yes --json "${a0[@]}" "$to" 2.5
is "$(member "$W/json" 'j["result"]')" sent "a transfer"
is "$(member "$W/json" 'j["joined"]')" false "joined"
is "$(tokens_of "$to")" 2500000000000000000 "tokens that were sent"
chain send-token --yes --units raw "${a0[@]}" "$to" 7
grep -q '^transaction  *0x' "$W/json" || fail "$(cat "$W/json")"
is "$(tokens_of "$to")" 2500000000000000007 "units that were sent"
# on a terminal it asks
before=$(tokens_of "$to")
ask() { # ANSWER
	python3 - "$1" "$CODEXFS" chain send-token "${a0[@]}" "$to" 1 <<-'EOF'
		import os, pty, sys
		child, terminal = pty.fork()
		if child == 0:
		    os.execv(sys.argv[2], sys.argv[2:])
		said = b""
		while b"[y/N]" not in said:
		    said += os.read(terminal, 1000)
		os.write(terminal, sys.argv[1].encode() + b"\n")
		try:
		    while os.read(terminal, 1000):
		        pass
		except OSError:
		    pass
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
	EOF
}
ask n && fail "sends although the answer is no"
ask '' && fail "sends although there is no answer"
is "$(tokens_of "$to")" "$before" "tokens that were not sent"
ask y || fail "does not send although the answer is yes"
is "$(tokens_of "$to")" 3500000000000000007 "tokens after an answer"
step "verbs without a store"

# ---- what is wrong ----

refused 'not an amount of tokens' send-token --yes "${a0[@]}" "$to" 1e6
refused 'not an amount of tokens' send-token --yes "${a0[@]}" "$to" 1,5
refused 'not an amount of tokens' send-token --yes "${a0[@]}" "$to" \
	0.0000000000000000001
refused 'not an amount of tokens' send-token --yes "${a0[@]}" "$to" 0
refused 'are to be sent' send-token --yes "${a0[@]}" "$to" 2000000
refused 'mistyped' send-token --yes "${a0[@]}" \
	0x90f79bf6EB2c4f870365E785982E1f101E93b906 1
refused 'not an address' send-token --yes "${a0[@]}" 0x12 1
refused 'no terminal to ask on' send-token "${a0[@]}" "$to" 1
refused 'not an address' balance --config "$conf" 0x12
# a port that nobody listens on any more
dead=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
refused "127.0.0.1:$dead" info --config "$conf" --rpc "http://127.0.0.1:$dead"
# the second endpoint does
chain info --json --config "$conf" --rpc "http://127.0.0.1:$dead" --rpc "$url"
is "$(member "$W/json" '[e["state"] for e in j["endpoints"]]')" \
	'["failing", "good"]' "endpoints"
refused '31337' info --config "$conf" --chain-id 1
refused "there is no contract at $to" info --config "$conf" \
	--marketplace "$to"
refused 'marketplace does not tell' info --config "$conf" \
	--marketplace "$token"
refused 'among the arguments' info --rpc "http://me:secret@127.0.0.1:$dead"
printf '[chain]\nrpc = %s\nchian-id = 1\n' "$url" >"$W/bad.conf"
refused "$W/bad.conf:3: there is no key chian-id" info --config "$W/bad.conf"
refused "$W/bad.conf:3: " config --check --config "$W/bad.conf"
refused 'cannot read the configuration' info --config "$W/none.conf"
refused 'No such file' balance --config "$conf" --account "$W/none.key"
cp "$D/account-0.key" "$W/open.key"
chmod 640 "$W/open.key"
refused 'chmod 600' balance --config "$conf" --account "$W/open.key"
echo nonsense >"$W/no.key"
chmod 600 "$W/no.key"
refused "$W/no.key" balance --config "$conf" --account "$W/no.key"
refused "$W/no.key" config --check --config "$conf" --account "$W/no.key"
wants 2 'unknown chain verb' "$CODEXFS" chain nonsense
wants 2 'does not take --yes' "$CODEXFS" chain info --yes
wants 2 'an address and an amount' "$CODEXFS" chain send-token "$to"
# a keystore: the test vector of Web3's definition of them, with its password
cat >"$W/keystore" <<'END'
{"crypto": {"cipher": "aes-128-ctr",
  "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
  "ciphertext":
   "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
  "kdf": "pbkdf2", "kdfparams": {"c": 262144, "dklen": 32,
   "prf": "hmac-sha256", "salt":
   "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
  "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
 "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6", "version": 3}
END
echo testpassword >"$W/password"
chain balance --json --config "$conf" --account "$W/keystore" \
	--account-password-file "$W/password"
is "$(member "$W/json" 'j["address"].lower()')" \
	0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b "address of a keystore"
refused 'account-password-file' balance --config "$conf" --account \
	"$W/keystore"
echo wrong >"$W/password"
refused "$W/keystore: " balance --config "$conf" --account "$W/keystore" \
	--account-password-file "$W/password"
refused 'cannot read the password' balance --config "$conf" --account \
	"$W/keystore" --account-password-file "$W/none"
chain config --check "${a0[@]}"
grep -q "^$conf is right" "$W/json" || fail "$(cat "$W/json")"
chain config --json "${a0[@]}" --tip 2
is "$(member "$W/json" '[v["from"] for v in j["values"] if v["key"] in
	("tip", "max-fee")]')" '["default", "--tip"]' "where values are from"
step "errors"

# ---- with a store ----

cp "$conf" "$S/codexfs.conf"
export CODEXFS_STORE=$S
chain info --json
is "$(member "$W/json" 'j["zkeyHash"]["store"]')" matches "the store's key"
chain send-token --yes --json "$other" 1
is "$(member "$W/json" 'j["result"]')" sent "a transfer of the words"
chain accounts --json
is "$(member "$W/json" 'j["accounts"][0]["nonce"]')" 1 "transactions"
is "$(member "$W/json" 'j["accounts"][0]["tokens"]')" \
	999999000000000000000000 "tokens of the words"
chain accounts
grep -q "client  *$words  m/44'/60'/0'/0/0" "$W/json" || fail "$(cat "$W/json")"

# nothing is sent twice, whenever it is killed: with so many confirmations the
# first never ends by itself, and all that may be left of it is one transfer
sent=1
for ((i = 0; i < kills; i++)); do
	"$CODEXFS" chain send-token --yes --confirmations 900 "$other" 1 \
		>/dev/null 2>&1 </dev/null &
	sleep "0.$((1 + i * 4 % 9))"
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	chain send-token --yes --json "$other" 1
	sent=$((sent + 1))
	is "$(tokens_of "$other")" "${sent}000000000000000000" \
		"tokens after a kill"
done
# and one that was surely sent
"$CODEXFS" chain send-token --yes --confirmations 900 "$other" 1 \
	>/dev/null 2>&1 </dev/null &
await_nonce "$words" $((sent + 1))
kill -9 $!
wait $! 2>/dev/null
chain send-token --yes --json "$other" 1
is "$(member "$W/json" 'j["joined"]')" true "a repeated transfer"
sent=$((sent + 1))
is "$(tokens_of "$other")" "${sent}000000000000000000" "tokens after that"
chain send-token --yes --json "$other" 1
is "$(member "$W/json" 'j["joined"]')" false "a transfer after its end"
sent=$((sent + 1))
"$CODEXFS" fsck "$S" >"$W/out" 2>&1 || fail "fsck: $(cat "$W/out")"
step "a store, kills"

# ---- deploy ----

refused 'development key' deploy --yes --zkey "$key"
refused 'no proving key for 5 samples' deploy --yes --development
refused 'zkey-hash' deploy --yes --development --verification-key "$W/vk.json"
refused 'not that of' deploy --yes --development --zkey "$key" --zkey-hash \
	"$(printf '%064d' 0)"
artifacts=$CDX_SRCDIR/src/contracts/artifacts
refused 'said to be the verifier' deploy --yes --verifier "$to" --zkey-hash \
	"$sha"
refused "$W/none" deploy --yes --development --zkey "$key" --contracts "$W/none"
refused 'slash' deploy --yes --development --zkey "$key" --contracts \
	"$artifacts" --token "$token" --slash 60
grep -q -e 'the verifier was made; --verifier 0x' "$W/out" ||
	fail "does not say what was made: $(cat "$W/out")"
chain deploy --yes --json --development --verification-key "$W/vk.json" \
	--zkey-hash "$sha" --contracts "$artifacts" --token "$token" \
	--period 7 -o "$W/own.conf"
chain info --json --store '' --config "$W/own.conf"
is "$(member "$W/json" 'j["marketplace"]["configuration"]["period"]')" 7 \
	"period of a deployed marketplace"
is "$(member "$W/json" 'j["marketplace"]["token"]["address"]')" "$token" \
	"token of a deployed marketplace"
step "deploy"

# ---- secrets ----

# A process that has used a key, and waits
hex=$(cat "$D/account-1.key")
chain balance --json --account "$D/account-1.key"
of_key=$(member "$W/json" 'j["address"]')
mkdir "$W/core"
(
	cd "$W/core" || exit 1
	ulimit -c unlimited 2>/dev/null
	exec "$CODEXFS" chain send-token --yes --log-level trace \
		--confirmations 900 --account "$D/account-1.key" "$to" 1 \
		>"$W/trace" 2>&1 </dev/null
) &
victim=$!
await_nonce "$of_key" 1
! tr '\0' '\n' <"/proc/$victim/cmdline" | grep -qi "$hex" ||
	fail "a key is among the arguments"
grep -q '^Max core file size  *0 ' "/proc/$victim/limits" ||
	fail "core files are on: $(cat "/proc/$victim/limits")"
kill -SEGV "$victim"
wait "$victim" 2>/dev/null
[ -z "$(ls "$W/core")" ] || fail "there is a core file: $(ls "$W/core")"
! grep -qi "$hex" "$W/trace" || fail "a key is in the log"
python3 - "$hex" "$S" <<'EOF' || fail "a key is in the store"
import os, sys
hexed = sys.argv[1].encode()
raw = bytes.fromhex(sys.argv[1])
for folder, _, files in os.walk(sys.argv[2]):
    for name in files:
        data = open(os.path.join(folder, name), "rb").read()
        if raw in data or hexed in data or hexed.upper() in data:
            sys.exit(name)
EOF
step "secrets"

# ---- through a mount ----

if [ -c /dev/fuse ] && [ "$(id -u)" -eq 0 ] &&
	"$CODEXFS" mount --help >/dev/null 2>&1; then
	mkdir "$M"
	"$CODEXFS" mount "$S" "$M" || fail "mount"
	export CODEXFS_STORE=$M
	chain info --json
	is "$(member "$W/json" 'j["marketplace"]["address"]')" "$market" \
		"info of a mount"
	chain config
	grep -q "$S/codexfs.conf:" "$W/json" || fail "$(cat "$W/json")"
	refused 'configuration of its own' balance --tip 3
	refused 'configuration of its own' deploy --yes --zkey "$key"
	chain send-token --yes --json "$other" 1
	sent=$((sent + 1))
	# the verb is killed; the mount goes on, and the next one joins it
	"$CODEXFS" chain send-token --yes "$other" 1 >/dev/null 2>&1 \
		</dev/null &
	sleep 0.4
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	chain send-token --yes --json "$other" 1
	sent=$((sent + 1))
	is "$(tokens_of "$other")" "${sent}000000000000000000" \
		"tokens sent by a mount"
	# an unmount does not wait for confirmations
	chain balance --json
	"$CODEXFS" umount "$M" || fail "umount"
	sed -i 's/^confirmations = .*/confirmations = 900/' "$S/codexfs.conf"
	"$CODEXFS" mount "$S" "$M" || fail "mount"
	"$CODEXFS" chain send-token --yes "$other" 1 >"$W/out" 2>&1 \
		</dev/null &
	sleep 2
	timeout 20 "$CODEXFS" umount "$M" || fail "umount while it waits"
	wait $! && fail "a transfer without confirmations ended well"
	grep -q 'the same command waits for it' "$W/out" ||
		fail "$(cat "$W/out")"
	export CODEXFS_STORE=$S
	sed -i 's/^confirmations = .*/confirmations = 1/' "$S/codexfs.conf"
	chain send-token --yes --json "$other" 1
	is "$(member "$W/json" 'j["joined"]')" true "a transfer of a mount"
	# a store that cannot remember does not send; and a configuration whose
	# name is relative is found after the mount has left the folder
	cp "$S/codexfs.conf" "$W/relative.conf"
	rm "$S/codexfs.conf"
	(cd "$W" && CODEXFS_CONFIG=relative.conf \
		"$CODEXFS" mount -o ro "$S" "$M") || fail "mount -o ro"
	export CODEXFS_STORE=$M
	refused 'Read-only' send-token --yes "$other" 1
	"$CODEXFS" umount "$M" || fail "umount"
	mv "$W/relative.conf" "$S/codexfs.conf"
	# neither a chain that is down nor a bad configuration is in the way
	sed -i "s|^rpc = .*|rpc = http://127.0.0.1:$dead|" "$S/codexfs.conf"
	"$CODEXFS" mount "$S" "$M" || fail "mount without a chain"
	export CODEXFS_STORE=$M
	refused "127.0.0.1:$dead" info
	"$CODEXFS" umount "$M" || fail "umount without a chain"
	echo nonsense >"$S/codexfs.conf"
	"$CODEXFS" mount "$S" "$M" || fail "mount with a bad configuration"
	refused "$S/codexfs.conf:1:" info
	"$CODEXFS" umount "$M" || fail "umount with a bad configuration"
	step "a mount"
else
	step "no mounts here: left out"
fi
unset CODEXFS_STORE

# ---- the end ----

"$devnet" stop "$D" >"$W/out" 2>&1 || fail "devnet stop: $(cat "$W/out")"
! kill -0 "$pid" 2>/dev/null || fail "devnet stop leaves its process"
[ ! -e "$D/anvil.pid" ] || fail "devnet stop leaves its pid file"
wants 0 'no chain runs in' "$devnet" stop "$D"
refused "${url#http://}" info --config "$conf"
# a number that another process has now is not ours to end
echo "$$ 1 $url" >"$D/anvil.pid"
wants 0 'no chain runs in' "$devnet" stop "$D"
# nor does a start that fails leave anything
printf '#!/bin/sh\necho $$ >"%s"\nexec "%s" "$@"\n' "$W/pid" "$anvil" >"$W/anvil"
chmod +x "$W/anvil"
wants 1 'were not deployed' "$devnet" start --anvil "$W/anvil" --key "$key" \
	--contracts "$W/none" "$D"
! kill -0 "$(cat "$W/pid")" 2>/dev/null || fail "a failed start leaves anvil"
# a signal ends all of it
"$devnet" start --foreground --anvil "$anvil" --key "$key" --accounts 1 "$D" \
	>"$W/out" 2>&1 &
started=$!
for ((i = 0; i < 100; i++)); do
	[ "$(wc -l 2>/dev/null <"$D/anvil.pid")" = 1 ] && break
	sleep 0.1
done
read -r pid _ _ <"$D/anvil.pid" || fail "$(cat "$W/out")"
kill -TERM $started
wait $started 2>/dev/null
! kill -0 "$pid" 2>/dev/null || fail "a signal leaves anvil"
[ ! -e "$D/anvil.pid" ] || fail "a signal leaves the pid file"
step "done"
