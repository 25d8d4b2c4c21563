#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Eight providers, a client, two validators and a chain in network namespaces, ten
# segments (half as many of all when CDX_COUNT is below ten): bought, filled, proven; then faults, one at a time, and CDX_COUNT processes
# killed at random; at the end of all requests every token is where it belongs and
# everybody's space is what it was.
. "$(dirname "${BASH_SOURCE[0]}")/net_lib.sh"

count=${CDX_COUNT:-4}
RANDOM=${CDX_SEED:-$RANDOM}
say "CDX_SEED=$RANDOM"

# a provider that has slots now
some_provider() {
	local i

	for ((i = 0; i < 100; i++)); do
		VICTIM=provider-$((RANDOM % PROVIDERS + 1))
		"$CODEXFS" slots --json --store "$(store_of "$VICTIM")" \
			>"$W/slots" 2>/dev/null || continue
		[ "$(member "$W/slots" 'len(j["slots"])')" -eq 0 ] || return 0
	done
	fail "no provider has a slot"
}

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
slots=$(($(events requested) * (DATA + PARITY)))
events_are started "$(events requested)" || fail "not all have started"
settled "$(events requested) segments are stored in $slots slots"
proofs=$(events proven)
until_ok 240 "every slot is proven after its fill" more_events proven \
	$((proofs + slots))
elsewhere || fail "not all comes from the providers"
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
had=$(of_provider "$VICTIM" "j['slots']['SaleProving']")
crash "$VICTIM"
python3 - "$W/$VICTIM.words" >"$W/words" <<'END'
import re, sys
text = open(sys.argv[1]).read()
words = re.findall(r"\b\d+\.? +([a-z]+)", text)
if len(words) != 24:
    best = max(text.splitlines(), key=lambda l: len(l.split()))
    words = best.split()
print(" ".join(words[:24]))
END
rm -rf "$store"
make_store "$store" --words-file "$W/words" --quota 400M
configure "$VICTIM"
import_key "$VICTIM" || fail "no proving key"
start "$VICTIM"
until_ok 120 "its slots are had again, and proven" proves "$VICTIM" "$had"
settled "$VICTIM lost its disk, and came back with its words"

some_provider
before=$(events freed)
freeze "$VICTIM"
until_ok 240 "the slots of who stopped proving are freed" more_events freed \
	"$before"
settled "$VICTIM stopped proving, and others took its slots over" 400
thaw "$VICTIM"
settled "$VICTIM is back"

partition "$CLIENT" "$(seq -s ' ' 2 $((PROVIDERS + 1)))"
write partitioned 6000000
sync_stored 20 && fail "stored though the client reaches nobody"
heal
until_ok 300 "all is stored when it is over" sync_stored
settled "client and providers did not hear each other during an upload"

rpc anvil_reorg 5 '[]' >"$W/out" || fail "reorg"
settled "a reorganisation of 5 blocks"

partition "$CHAIN" "$(seq -s ' ' 2 $((CLIENT + VALIDATORS)))"
sleep $((2 * PERIOD))
heal
settled "the chain could not be reached for two periods" 400

for ((i = 0; i < 30; i++)); do
	# 150 gwei
	rpc anvil_setNextBlockBaseFeePerGas 0x22ecb25c00 >"$W/out" ||
		fail "base fee"
	sleep 0.5
done
settled "a spike of the gas price"

for ((i = 1; i <= count; i++)); do
	mapfile -t names < <(echo chain; everybody)
	one=${names[RANDOM % ${#names[@]}]}
	sleep "$((RANDOM % 8)).$((RANDOM % 10))"
	if [ $((i % 3)) -eq 0 ]; then
		write "more-$i" $((RANDOM * 100))
	fi
	if [ "$one" = chain ]; then
		kill -9 "$ANVIL_PID"
		sleep 1
		start_anvil_again
	else
		crash "$one"
		start "$one"
	fi
	say "$SECONDS s  kill $i: $one"
done
# a request that lost too much at once has failed, and is bought again
until_ok 600 "all is stored after the kills" sync_stored 400
settled "$count kills" 400
elsewhere || fail "not all comes from the providers after the kills"

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
