#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The verbs of the market: in a store that no process has, through processes that buy
# and sell on a chain of their own, and when that chain has gone.  What each says, its
# JSON, its exit status.
# shellcheck source-path=SCRIPTDIR source=rest_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/rest_lib.sh"
unset CODEXFS_CONFIG CODEXFS_STORE

step() { printf '%3d s  %s\n' "$SECONDS" "$*"; }
# verb ARGUMENTS...: one that must do; what it prints is in $W/json
verb() {
	"$CODEXFS" "$@" >"$W/json" 2>"$W/err" </dev/null ||
		fail "$*: $(cat "$W/err" "$W/json")"
}
# refused STATUS TEXT ARGUMENTS...: one that must not
refused() {
	local status=$1 text=$2 got

	shift 2
	"$CODEXFS" "$@" >"$W/out" 2>&1 </dev/null
	got=$?
	is "$got" "$status" "exit status of $*, which says $(cat "$W/out")"
	grep -q -e "$text" "$W/out" ||
		fail "does not say \"$text\": $*: $(cat "$W/out")"
}
says() { grep -q -e "$1" "$W/json" || fail "no \"$1\" in $(cat "$W/json")"; }
has() { is "$(member "$W/json" "$1")" "$2" "$1"; }

# ---- a store that no process has ----
rest_store "$W/alone"
S=$W/alone
for one in sales slots purchases; do
	refused 1 'market' "$one" "$S"
	refused 2 'Usage' "$one" "$S" more
	verb "$one" --help
done
refused 2 'unknown' market nothing --store "$S"
refused 2 'Usage' market
refused 2 'Usage' request --store "$S"
refused 2 'which store' request zX
refused 2 'unknown' availability nothing --store "$S"
refused 2 'needs --size' availability add --store "$S"
refused 2 'does not take --size' availability ls --size 1M --store "$S"
refused 2 'takes no arguments' availability ls x --store "$S"
refused 2 'takes an id' availability set --enabled no --store "$S"
refused 2 'what is to be changed' availability set 12 --store "$S"
refused 2 'no id' availability set 12 --enabled no --store "$S"
for one in '--size 0' '--size x' '--price 0' '--price 1.5' '--max-duration 0' \
	'--max-duration 1w' '--until 2027-02-30' '--enabled maybe' '--units x'; do
	# shellcheck disable=SC2086 # an option and its value
	refused 2 "${one%% *} takes" availability add $one --store "$S"
done
offer=(--size 50M --price 3 --max-duration 12h --until 2099-12-31)
refused 1 'units raw' availability add "${offer[@]}" --collateral 5 --store "$S"
refused 2 'above 0' availability add "${offer[@]}" --collateral 0 --units raw \
	--store "$S"
refused 6 'disk' availability add --size 8000P --price 1 --collateral 1 \
	--units raw --store "$S"
verb availability ls --store "$S"
says 'nothing is offered'
verb availability add "${offer[@]}" --collateral 500 --units raw --store "$S"
says '50.0 MiB, 0 B of it in use'
says '500 units'
says '12h at most, until: 2099-12-31'
verb availability ls --json --store "$S"
has 'len(j["availabilities"])' 1
has 'j["availabilities"][0]["duration"]' 43200
id=$(member "$W/json" 'j["availabilities"][0]["id"]')
verb availability set "$id" --enabled no --until 0 --json --store "$S"
has 'j["enabled"]' false
has 'j["until"]' 0
has 'j["totalCollateral"]' 500
# zeros in front, more than any buffer holds
verb availability set "$id" --price "$(printf %0900d 3)" --json --store "$S"
has 'j["minPricePerBytePerSecond"]' 3
verb availability set "${id#0x}" --size 10M --store "$S"
says DISABLED
refused 3 'not found' availability set "${id//[1-9a-f]/0}" --enabled no \
	--store "$S"
refused 1 'no part in the market' market info --store "$S"
refused 1 'rpc' market info --store "$S"
"$CODEXFS" fsck "$S" >"$W/out" 2>&1 || fail "fsck: $(cat "$W/out")"
step "a store alone"

# ---- a market ----
rest_chain "$W/buyer" "$W/seller-1" "$W/seller-2"
# in a store that no process has, but whose chain says what the token is
verb availability add "${offer[@]}" --collateral 2.5 --json --store "$W/seller-1"
has 'j["totalCollateral"]' 2500000000000000000
verb availability ls --store "$W/seller-1"
says '2.5 TST, 2.5 TST of it free'
first=$(head -n 1 "$W/json")
rest_node "$W/buyer" --market --budget 1000 --buy-price 4 --buy-duration 2h \
	--buy-expiry 30m
rest_addr "$API"
apis=("$API")
for one in 1 2; do
	rest_node "$W/seller-$one" --provide 0 --peer "$ADDR"
	apis+=("$API")
done
for one in "${apis[@]}"; do rest_market "$one"; done
verb availability add --size 60M --price 1 --collateral 3 --store "$W/seller-2"
verb market info --store "$W/buyer"
says '^buying'
says '^marketplace *0x'
says '^client *0x.*: 1000000 TST, 1000 ether'
verb market info --json --store "$W/seller-1"
has 'j["market"]["selling"]["runs"]' true
has '"buying" in j["market"]' false
has 'j["share"]["reserved"]' 52428800
for one in purchases sales slots; do
	verb "$one" --json "$W/seller-1"
	has "j['$one']" '[]'
	has 'j["token"]["symbol"]' TST
done
verb sales "$W/seller-1"
says 'nothing is being sold'
verb slots "$W/seller-1"
says 'no slot is hosted'
step "two that sell, and one that buys"

head -c 200000 /dev/urandom >"$W/f"
verb dataset add --private --json --store "$W/buyer" "$W/f"
cid=$(member "$W/json" 'j["cid"]')
request=(request --store "$W/buyer")
refused 2 'not a CID' "${request[@]}" nonsense
refused 3 'no such dataset' "${request[@]}" \
	zDvZRwzm1ePSzKSXt57D5YxHwcSDmsCyYN65wW4HT7fuX9HrzFXy
refused 2 'price takes' "${request[@]}" --price 0 "$cid"
refused 2 'duration takes' "${request[@]}" --duration soon "$cid"
refused 2 'expiry' "${request[@]}" --data 1 --parity 1 --duration 1h \
	--expiry 1h "$cid"
refused 2 'smallest has' "${request[@]}" --data 20 --parity 10 "$cid"
refused 1 'budget' "${request[@]}" --data 1 --parity 1 \
	--price 1000000000000000 "$cid"
# which was coded for it, and stays as private as what it was made of
verb dataset ls --json --store "$W/buyer"
has 'sorted((d["kind"], d["private"]) for d in j["content"])' \
	'[["plain", true], ["verifiable", true]]'
refused 1 'buys no storage' request --store "$W/seller-1" \
	--data 1 --parity 1 "$(verb dataset add --json --store "$W/seller-1" "$W/f"
		member "$W/json" 'j["cid"]')"
verb purchases "$W/buyer"
says 'nothing was bought'

# all of its slots, one with each
verb "${request[@]}" --data 1 --parity 1 --json "$cid"
has 'j["state"]' started
bought=$(member "$W/json" 'j["id"]')
step "a dataset is stored"
verb purchases "$W/buyer"
says "^$bought  started"
says '2 of 2 filled, 1 may be lost, by 2 hosts'
says 'nines a year'
# the same figure, and the same clock
verb status --json "$W/buyer"
has 'j["market"]["buying"]["durability"]["ninesInAYear"] > 0' true
verb status "$W/buyer"
says '^durability .* nines until 20.* UTC; .* nines a year'
verb purchases --json "$W/buyer"
has 'j["purchases"][0]["request"]["ask"]["pricePerBytePerSecond"]' 4
has 'j["purchases"][0]["request"]["ask"]["duration"]' 7200
has 'j["purchases"][0]["request"]["expiry"]' 1800
for one in 1 2; do
	verb slots "$W/seller-$one"
	says "$bought, slot"
	says 'collateral .* TST'
	verb sales "$W/seller-$one"
	says "$bought, slot"
	verb slots --json "$W/seller-$one"
	has 'len(j["slots"])' 1
done
verb availability ls --store "$W/seller-1"
is "$(head -n 1 "$W/json")" "$first" "another availability"
! grep -q ', 0 B of it in use' "$W/json" || fail "nothing of it is in use"
refused 1 'in use' availability set "$first" --size 1 --store "$W/seller-1"
refused 1 'until' availability set "$first" --until 1 --store "$W/seller-1"
# who needs not wait; the verifiable dataset is the same
verb "${request[@]}" --data 1 --parity 1 --no-wait --price 1 "$cid"
[[ $(cat "$W/json") =~ ^0x[0-9a-f]{64}$ ]] || fail "no id: $(cat "$W/json")"
verb purchases --json "$W/buyer"
has 'len(j["purchases"])' 2
has 'len({p["request"]["content"]["cid"] for p in j["purchases"]})' 1
stored=$(member "$W/json" 'j["purchases"][0]["request"]["content"]["cid"]')
verb dataset show --json --store "$W/buyer" "$stored"
has 'j["private"]' false
# who waits for nothing can be stopped: the request goes on
"$CODEXFS" availability set "$first" --enabled no --store "$W/seller-1" \
	>"$W/out" 2>&1 || fail "$(cat "$W/out")"
"$CODEXFS" "${request[@]}" --data 1 --parity 1 --price 1 --duration 3h "$cid" \
	>"$W/out" 2>&1 </dev/null &
waits=$!
three() {
	"$CODEXFS" purchases --json "$W/buyer" >"$W/json" 2>"$W/err" &&
		[ "$(member "$W/json" 'len(j["purchases"])')" = 3 ]
}
until_ok 60 "a third request" three
kill "$waits"
wait "$waits"
verb purchases --json "$W/buyer"
has 'len(j["purchases"])' 3
step "requests that nobody waits for"

# ---- without the chain ----
"$CDX_SRCDIR/contrib/devnet" stop "$W/chain" >"$W/out" || fail "$(cat "$W/out")"
# which takes its time
"$CODEXFS" slots "$W/seller-1" >"$W/slots.out" 2>&1 </dev/null &
waits=$!
verb sales "$W/seller-1"
verb purchases "$W/buyer"
verb availability ls --store "$W/seller-1"
verb availability set "$first" --enabled yes --store "$W/seller-1"
says '2.5 TST'
wait "$waits"
is $? 1 "exit status of slots"
grep -q 'cannot list the slots' "$W/slots.out" ||
	fail "slots says $(cat "$W/slots.out")"
step "without the chain"
