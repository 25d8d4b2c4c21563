#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Eight providers, a client, two validators and a chain in network namespaces, ten
# segments (five and four when CDX_COUNT is below ten): bought, filled, proven; then
# faults, one at a time, and CDX_COUNT processes killed at random; from ten on the
# chain's node too, a tenth as often; at the end of all requests every token is where it
# belongs and everybody's space is what it was.
. "$(dirname "${BASH_SOURCE[0]}")/net_lib.sh"

count=${CDX_COUNT:-4}
seed=${CDX_SEED:-1}
say "seed $seed"
RANDOM=$((seed % 32768))

# a provider that has slots now, and how many
some_provider() {
	local i

	for ((i = 0; i < 100; i++)); do
		VICTIM=provider-$((RANDOM % PROVIDERS + 1))
		"$CODEXFS" slots --json --store "$(store_of "$VICTIM")" \
			>"$W/slots" 2>/dev/null || continue
		SLOTS=$(member "$W/slots" 'len(j["slots"])')
		[ "$SLOTS" -eq 0 ] || return 0
	done
	fail "no provider has a slot"
}

# who lost a race has given its reservation back
at_rest() {
	local i

	for ((i = 1; i <= PROVIDERS; i++)); do
		[ "$(of_provider "provider-$i" "all(n == 0
			for state, n in j['slots'].items()
			if state != 'SaleProving')")" = true ] || return 1
	done
}
# requests that expired and were withdrawn, and one more for the same
bought_again() {
	[ "$(purchases "(sum(p['state'] == 'cancelled' for p in j['purchases']) > 0
		and any(p['state'] == 'submitted' for p in j['purchases']))")" = true ]
}

height() {
	local n

	n=$(rpc eth_blockNumber) && printf '%d' "$n"
}
blocks_after() { [ "$(height)" -ge $(($1 + $2)) ]; } # HEIGHT N

make_market
money=$(supply)
start_market
say "$SECONDS s  everybody is there"

# ---- bought, filled, proven ----

for ((i = 1; i <= SEGMENTS; i++)); do
	# one segment each
	write "file-$i" 6000000
	"$CODEXFS" sync --until=sealed "$M" >"$W/out" 2>&1 ||
		fail "sync: $(cat "$W/out")"
done
sync_stored 400 || fail "not stored: $(cat "$W/sync.out")"
events_are started "$(events requested)" || fail "not all have started"
settled "$(events requested) segments are stored in $(hosted) slots"
slots=$(hosted)
proofs=$(events proven)
until_ok 240 "as many proofs as slots after the fills" more_events proven \
	$((proofs + slots))
elsewhere 1
until_ok 60 "the client has heard of the proofs" attribute_is file-1 state proven
nines=$(attribute file-1 durability)
[[ $nines == +([0-9]).[0-9] && $nines != 0.0 ]] ||
	fail "user.codex.durability: $nines"
[ "$(attribute file-1 expires)" -gt "$EPOCHSECONDS" ] ||
	fail "user.codex.expires: $(attribute file-1 expires)"
say "$SECONDS s  proven; all of it comes from the providers alone"

# ---- faults ----

some_provider
crash "$VICTIM"
# a byte of every block that it has
python3 - "$(store_of "$VICTIM")/areas" <<'END'
import os, sys
for name in os.listdir(sys.argv[1]):
    path = os.path.join(sys.argv[1], name)
    with open(path, "r+b") as f:
        for at in range(100, os.path.getsize(path), 65536):
            f.seek(at)
            b = f.read(1)
            if b and b != b"\0":
                f.seek(at)
                f.write(bytes([b[0] ^ 1]))
END
start "$VICTIM"
until_ok 120 "what was lost is had again" has_mended "$VICTIM"
settled "$VICTIM lost bytes without a word, and was started"

some_provider
store=$(store_of "$VICTIM")
until_ok 120 "$VICTIM proves its slots" proves "$VICTIM" "$SLOTS"
crash "$VICTIM"
sed -n '/^[a-z]* [a-z ]*$/p' "$W/$VICTIM.words" | tail -n 1 >"$W/words"
chmod 600 "$W/words"
rm -rf "$store"
make_store "$store" --words-file "$W/words" --quota 400M
configure "$VICTIM"
import_key "$VICTIM" || fail "no proving key"
start "$VICTIM"
until_ok 120 "its slots are had again, and proven" proves "$VICTIM" "$SLOTS"
settled "$VICTIM lost its disk, and came back with its words"

some_provider
before=$(events freed)
freeze "$VICTIM"
until_ok 240 "all slots of who stopped proving are freed" more_events freed \
	$((before + SLOTS - 1))
settled "$VICTIM stopped proving, and others took its slots over" 400
thaw "$VICTIM"
settled "$VICTIM is back"

partition "$CLIENT" "$(seq -s ' ' 2 $((PROVIDERS + 1)))"
write partitioned 6000000
before=$(events started)
# three times what it takes otherwise
sync_stored 45 && fail "stored though the client reaches nobody"
is "$(events started)" "$before" "requests that started though nobody gives data"
heal
until_ok 300 "all is stored when it is over" sync_stored
more_events started "$before" || fail "stored, and no request started"
settled "client and providers did not hear each other during an upload"

# all its tokens; to an account that buys nothing
before=$(events requested)
away=$(balance "${ACCOUNT[client]}")
give client "${ACCOUNT[purse]}" "$away"
write unpaid 6000000
sync_stored 20 && fail "stored by who has no tokens"
is "$(events requested)" "$before" "requests of who has no tokens"
is "$(buying "j['unpaid'] > 0 and j['alarm'] is not None")" true \
	"alarm, without tokens: $(cat "$W/market")"
give validator-1 "${ACCOUNT[client]}" "$away"
until_ok 300 "all is stored when there are tokens again" sync_stored
more_events requested "$before" || fail "stored, and nothing was asked for"
settled "the client had no tokens"

until_ok 60 "nobody is after a slot any more" at_rest
for ((i = 1; i <= PROVIDERS; i++)); do offer "provider-$i" used; done
before=$(events started)
slots=$(hosted)
write crowded 6000000
sync_stored 45 && fail "stored though all providers are full"
is "$(events started)" "$before" "requests that started though all are full"
is "$(hosted)" "$slots" "slots, while all providers are full"
for ((i = 1; i <= PROVIDERS; i++)); do offer "provider-$i" 256M; done
until_ok 300 "all is stored when there is room again" sync_stored
more_events started "$before" || fail "stored, and no request started"
settled "all providers were full"

# nothing is filled in the last minute: those who download have half of one
if [ "$count" -ge 10 ]; then
	stop_mount "$M"
	EXPIRY=90s configure client
	start client
	partition "$CLIENT" "$(seq -s ' ' 2 $((PROVIDERS + 1)))"
	write late 6000000
	sync_stored 20 && fail "stored though the client reaches nobody"
	until_ok 240 "a request is cancelled while its slots download, and the \
next one is there" bought_again
	stop_mount "$M"
	configure client
	heal
	start client
	until_ok 400 "all is stored when hosts hear the client" sync_stored
	settled "a request was cancelled while its slots were downloaded"
fi

# of a block with proofs in it
before=$(events proven)
until_ok 120 "a proof that can be undone" more_events proven "$before"
rpc eth_getBlockByNumber latest false >"$W/block" || fail "block"
rpc anvil_reorg 5 '[]' >"$W/out" || fail "reorg"
rpc eth_getBlockByNumber "$(member "$W/block" 'j["number"]')" false \
	>"$W/other" || fail "block"
[ "$(member "$W/block" 'j["hash"]')" != "$(member "$W/other" \
	'j and j["hash"]')" ] || fail "nothing was undone"
proofs_go_on "after undone blocks"
settled "a reorganisation of 5 blocks"

partition "$CHAIN" "$(seq -s ' ' 2 $((CLIENT + VALIDATORS)))"
# what was sent before is in a block then
sleep 3
before=$(events proven)
sleep $((2 * PERIOD))
is "$(events proven)" "$before" "proofs that came though the chain is not reached"
heal
proofs_go_on "when the chain is reached again"
settled "the chain could not be reached for two periods" 400

# proof-stake pays for a proof up to some 30 gwei
before=$(events proven)
for ((i = 0; i < 4 * PERIOD; i++)); do
	# 20 gwei
	rpc anvil_setNextBlockBaseFeePerGas 0x4a817c800 >"$W/out" ||
		fail "base fee"
	sleep 0.5
done
rpc eth_getBlockByNumber latest false >"$W/block" || fail "block"
[ "$(member "$W/block" 'int(j["baseFeePerGas"], 16) // 10**9')" -ge 15 ] ||
	fail "the gas price was not high: $(cat "$W/block")"
more_events proven "$before" || fail "no proof while the gas price was high"
settled "a spike of the gas price"

for ((i = 1; i <= count; i++)); do
	mapfile -t names < <(everybody)
	one=${names[RANDOM % ${#names[@]}]}
	sleep "$((RANDOM % 8)).$((RANDOM % 10))"
	if [ $((i % 3)) -eq 0 ]; then
		write "more-$i" $((RANDOM * 100))
	fi
	crash "$one"
	start "$one"
	say "$SECONDS s  kill $i: $one"
done
# a request that lost too much at once has failed, and is bought again
until_ok 600 "all is stored after the kills" sync_stored 400
settled "$count kills" 400
proofs_go_on "after the kills"
elsewhere 2

# An anvil that was started again has other hashes for the blocks of before when a
# contract asks, so that no proof is right until 256 blocks have come: requests fail,
# and are bought again.
if [ "$count" -ge 10 ]; then
	for ((i = 1; i <= count / 10; i++)); do
		sleep $((RANDOM % 5))
		kill -9 "$ANVIL_PID" || fail "no chain to kill"
		sleep 1
		start_anvil_again
	done
	before=$(height) || fail "the chain has no height"
	until_ok 400 "proofs can be right again" blocks_after "$before" 256
	until_ok 900 "all is stored again" sync_stored 400
	settled "$((count / 10)) kills of the chain's node" 400
	proofs_go_on "after the kills of the chain's node"
fi

# ---- the end ----

# No more renewals, since nothing may be spent; then the end of all requests
stop_mount "$M"
sed -i 's/^budget = .*/budget = 0.000000000000000001/' \
	"$(store_of client)/codexfs.conf"
rpc evm_increaseTime 50000 >"$W/out" || fail "time"
start client
paid() {
	local name

	[ "$(balance "$MARKETPLACE")" = 0 ] || {
		echo "the contract holds $(balance "$MARKETPLACE")"
		return 1
	}
	for name in $(everybody); do
		case $name in provider-*) ;; *) continue ;; esac
		"$CODEXFS" availability ls --json --store "$(store_of "$name")" \
			>"$W/offers" || return 1
		[ "$(member "$W/offers" "all(a['freeSize'] == a['totalSize'] and
			a['totalRemainingCollateral'] == a['totalCollateral']
			for a in j['availabilities'])")" = true ] || {
			echo "$name: $(cat "$W/offers")"
			return 1
		}
	done
}
until_ok 300 "everybody is paid, all space is free again" paid
# the account that deployed the contracts has some too, and some were burned
deployer=$(sed -n 's/^ *account *\(0x[0-9a-fA-F]\{40\}\) .*account-0.key$/\1/p' \
	"$W/devnet.out")
sum=$(for one in "${ACCOUNT[@]}" "$deployer" \
	0x000000000000000000000000000000000000dEaD; do
	balance "$one"
done | python3 -c 'import sys; print(sum(map(int, sys.stdin)))')
is "$sum" "$money" "tokens of all accounts"
for name in $(everybody); do
	[ "$name" != client ] || continue
	stop_node "$(store_of "$name")"
	"$CODEXFS" fsck --key "$(store_of "$name")/key" "$(store_of "$name")" \
		>"$W/out" 2>&1 || fail "fsck of $name: $(cat "$W/out")"
done
intact || fail "the tree differs at the end"
stop_mount "$M"
"$CODEXFS" fsck "$(store_of client)" >"$W/out" 2>&1 ||
	fail "fsck of the client: $(cat "$W/out")"
say "$SECONDS s  every token and every byte is accounted for"
