# SPDX-License-Identifier: Apache-2.0 OR MIT
# shellcheck shell=bash
# A market in network namespaces: sourced by the suites that run one.  Host 1 has the
# chain, then come the providers, then the client, then the validators.  Gives, beside
# what tests/net/lib.sh gives, all of these, what the chain says of them, and the sums
# at the end.

. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
need npm sha256sum
if [ ! -c /dev/fuse ]; then skip "there is no /dev/fuse"; fi
: "${CDX_SRCDIR:?CDX_SRCDIR names the sources}"

CHAIN=1
VALIDATORS=2
# a short run has fewer of all, and shorter periods
# shellcheck disable=SC2034 # segments are written by who sources this
if [ "${CDX_COUNT:-1}" -ge 10 ]; then
	PROVIDERS=8 SEGMENTS=10 DATA=4 PARITY=2 PERIOD=20
else
	PROVIDERS=5 SEGMENTS=4 DATA=2 PARITY=1 PERIOD=15
fi
CLIENT=$((PROVIDERS + 2))
M=$W/mnt
T=$W/tree
unset CODEXFS_CONFIG

provider_host() { echo $(($1 + 1)); }
validator_host() { echo $((CLIENT + $1)); }
store_of() { printf '%s/%s' "$W" "$1"; } # client, provider-N, validator-N
host_of() {
	case $1 in
	client) echo $CLIENT ;;
	provider-*) provider_host "${1#*-}" ;;
	validator-*) validator_host "${1#*-}" ;;
	esac
}
everybody() {
	local i

	echo client
	for ((i = 1; i <= PROVIDERS; i++)); do echo "provider-$i"; done
	for ((i = 1; i <= VALIDATORS; i++)); do echo "validator-$i"; done
}

# ---- the chain ----

devnet() { in_ns $CHAIN bash "$CDX_SRCDIR/contrib/devnet" "$@"; }
anvil_of() {
	local npm=$CDX_BUILDDIR/anvil-npm

	fetch_npm "$CDX_SRCDIR/contrib/anvil" "$npm" || exit
	set -- "$npm"/node_modules/@foundry-rs/anvil-*/bin/anvil
	[ -x "$1" ] || skip "there is no anvil for this machine"
	ANVIL=$1
}
declare -A ACCOUNT # of whom, who buys, sells or validates
# account NAME ROLE: before a process has the store open, which has its own chain
account() {
	"$CODEXFS" chain accounts --json --config /dev/null \
		--store "$(store_of "$1")" 2>/dev/null >"$W/accounts"
	member "$W/accounts" "[a['address'] for a in j['accounts']
		if a['role'] == '$2'][0]"
}
start_chain() {
	local name fund=()

	anvil_of
	for name in $(everybody); do
		ACCOUNT[$name]=$(account "$name" provider)
	done
	ACCOUNT[client]=$(account client client)
	ACCOUNT[purse]=$(account validator-1 client) # has tokens and buys nothing
	for name in "${!ACCOUNT[@]}"; do fund+=(--fund "${ACCOUNT[$name]}"); done
	"$CODEXFS" proof setup --samples 1 -o "$W/dev.zkey" 2>"$W/out" ||
		fail "proof setup: $(cat "$W/out")"
	devnet start --host "$(addr $CHAIN)" --port 8545 --accounts 1 \
		--tokens 1000000 --key "$W/dev.zkey" --period $PERIOD \
		--state "$W/chain.json" --codexfs "$CODEXFS" --anvil "$ANVIL" \
		"${fund[@]}" "$W/chain" >"$W/devnet.out" 2>&1 ||
		fail "devnet: $(cat "$W/devnet.out")"
	read -r ANVIL_PID _ URL <"$W/chain/anvil.pid"
	PIDS+=("$ANVIL_PID")
	# shellcheck disable=SC2034 # for who sources this
	MARKETPLACE=$(sed -n 's/^marketplace = //p' "$W/chain/codexfs.conf")
	TOKEN=$(sed -n 's/^token = //p' "$W/chain/codexfs.conf")
}
# The chain's program, again, from what the last one wrote
start_anvil_again() {
	nsenter --net="/run/netns/$NET.$CHAIN" -- "$ANVIL" \
		--host "$(addr $CHAIN)" --port 8545 --block-time 1 --accounts 1 \
		--mnemonic-random --state "$W/chain.json" --state-interval 3 \
		>"$W/anvil.log" 2>&1 </dev/null &
	ANVIL_PID=$!
	PIDS+=("$ANVIL_PID")
	until_ok 60 "the chain's program answers" rpc eth_blockNumber
}

# rpc METHOD [PARAM...]: prints the result.  A parameter is JSON, or else a string.
rpc() { in_ns $CHAIN python3 "$CDX_SRCDIR/tests/chain/rpc.py" "$URL" "$@"; }
# calls CONTRACT SIGNATURE-HASH [WORD...]: a view's result as a number
view() {
	local to=$1 data=$2

	shift 2
	for word; do data=$data$(printf '%064s' "${word#0x}" | tr ' ' 0); done
	python3 -c 'import sys; print(int(sys.argv[1] or "0", 16))' \
		"$(rpc eth_call "{\"to\": \"$to\", \"data\": \"0x${data,,}\"}" latest)"
}
balance() { view "$TOKEN" 70a08231 "$1"; } # in tokens' units
supply() { view "$TOKEN" 18160ddd; }

# events NAME: how many there were
events() { devnet count "$1" "$W/chain"; }
more_events() { [ "$(events "$1")" -gt "$2" ]; }
events_are() { [ "$(events "$1")" -eq "$2" ]; }

# ---- everybody ----

# configuration NAME
configuration() {
	local name=$1 other host

	host=$(host_of "$name")
	cat "$W/chain/codexfs.conf"
	echo "[node]"
	echo "listen = $(addr "$host"):8070"
	echo "announce = /ip4/$(addr "$host")/tcp/8070/http"
	echo "network = market"
	echo "dht = no"
	for other in $(everybody); do
		[ "$other" = "$name" ] ||
			echo "peer = /ip4/$(addr "$(host_of "$other")")/tcp/8070/http"
	done
	echo "[market]"
	case $name in
	client)
		cat <<-END
			market = yes
			budget = 1000
			buy-max-price = 4
			buy-duration = ${DURATION:-12h}
			buy-expiry = ${EXPIRY:-10m}
			buy-proof-probability = 2
			renew-before = 1m
			margin = 0
			patrol = 1m
		END
		;;
	provider-*) printf 'provide = %s\ncollateral = 1000\n' "${OFFER:-256M}" ;;
	validator-*)
		printf 'validate = yes\nvalidate-groups = %d\nvalidate-group = %d\n' \
			$VALIDATORS $((${name#*-} - 1))
		;;
	esac
}
configure() { configuration "$1" >"$(store_of "$1")/codexfs.conf"; }

make_market() {
	local name i imports=()

	net_up $((CLIENT + VALIDATORS))
	for name in $(everybody); do
		case $name in
		client) set -- --quota 400M --data $DATA --parity $PARITY ;;
		*) set -- --quota 400M ;;
		esac
		make_store "$(store_of "$name")" "$@"
		cp "$W/init.out" "$W/$name.words"
	done
	start_chain
	for name in $(everybody); do configure "$name"; done
	for ((i = 1; i <= PROVIDERS; i++)); do
		import_key "provider-$i" &
		imports+=($!)
	done
	for i in "${imports[@]}"; do
		wait "$i" || fail "a provider has no proving key"
	done
}
import_key() { # NAME
	"$CODEXFS" proof import --development --store "$(store_of "$1")" \
		"$W/dev.zkey" >"$W/import.$1" 2>&1 || {
		cat "$W/import.$1"
		return 1
	}
}
# start NAME; STORES and MOUNTS are of tests/net/lib.sh, which ends them
start() {
	local store

	store=$(store_of "$1")
	if [ "$1" = client ]; then
		start_mount $CLIENT "$store" "$M" "$store/codexfs.conf"
	else
		in_ns "$(host_of "$1")" "$CODEXFS" node --api none \
			--log-file "$store.log" "$store" >"$W/node.out" 2>&1 \
			</dev/null || fail "$1: $(cat "$W/node.out")"
		STORES+=("$store")
	fi
}
crash() { kill_node "$(store_of "$1")"; }
freeze() { kill -STOP "$(holder "$(store_of "$1")")" || fail "no $1"; }
thaw() { kill -CONT "$(holder "$(store_of "$1")")" || fail "no $1"; }
start_market() {
	local name

	for name in $(everybody); do start "$name"; done
}

# ---- what must hold ----

# write NAME BYTES: a file in the tree and on the mount
write() {
	mkdir -p "$T"
	head -c "$2" /dev/urandom >"$T/$1" || fail "cannot write $1"
	cp "$T/$1" "$M/$1" || fail "cannot copy $1 to the mount"
	# a process that is killed takes along what was not
	sync "$M/$1" || fail "cannot sync $1"
}
sync_stored() {
	timeout "${1:-240}" "$CODEXFS" sync --until=stored "$M" >"$W/sync.out" 2>&1
}
intact() { diff -r "$T" "$M" >"$W/diff.out" 2>&1; }
purchases() { # EXPRESSION of the list j
	"$CODEXFS" purchases --json --store "$(store_of client)" >"$W/purchases" \
		2>"$W/out" || fail "purchases: $(cat "$W/out")"
	member "$W/purchases" "$1"
}
# elsewhere N: everything that is bought comes whole from the providers alone, to
# validator N, which has nothing of it and hears nobody else who might
elsewhere() {
	local cid n=0 others=$CLIENT i

	for ((i = 1; i <= VALIDATORS; i++)); do
		[ "$i" = "$1" ] || others+=" $(validator_host "$i")"
	done
	partition "$(validator_host "$1")" "$others"
	for cid in $(purchases "' '.join(sorted({p['request']['content']['cid']
		for p in j['purchases'] if p['state'] == 'started'}))"); do
		"$CODEXFS" dataset get --store "$(store_of "validator-$1")" \
			-o "$W/got" "$cid" >"$W/out" 2>&1 ||
			fail "the providers do not give $cid: $(cat "$W/out")"
		rm -f "$W/got"
		n=$((n + 1))
	done
	heal
	[ "$n" -ge "$SEGMENTS" ] || fail "only $n datasets are bought"
}
# attribute FILE NAME of user.codex, of a file on the mount
attribute() {
	python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.codex." + sys.argv[2]).decode())' "$M/$1" "$2"
}
attribute_is() { # FILE NAME PATTERN
	# shellcheck disable=SC2053 # a pattern
	[[ $(attribute "$1" "$2") == $3 ]]
}
# give NAME ADDRESS AMOUNT of smallest units, from the account that NAME buys with
give() {
	"$CODEXFS" chain send-token --yes --units raw --store "$(store_of "$1")" \
		"$2" "$3" >"$W/out" 2>&1 || fail "$1 sends tokens: $(cat "$W/out")"
}
# offer NAME SIZE: all space that it offers; "used": as much as it needs now
offer() {
	local id size=$2 store

	store=$(store_of "$1")
	"$CODEXFS" availability ls --json --store "$store" >"$W/offers" 2>"$W/out" ||
		fail "offers of $1: $(cat "$W/out")"
	id=$(member "$W/offers" "j['availabilities'][0]['id']")
	[ "$size" != used ] || size=$(member "$W/offers" \
		"(lambda a: int(a['totalSize']) - int(a['freeSize']) or 1)(
			j['availabilities'][0])")
	"$CODEXFS" availability set --store "$store" --size "$size" "$id" \
		>"$W/out" 2>&1 || fail "$1 offers $size: $(cat "$W/out")"
}
# of_market NAME PART EXPRESSION of this part of its status, j
of_market() {
	"$CODEXFS" status --json --store "$(store_of "$1")" >"$W/market" \
		2>"$W/out" || fail "status of $1: $(cat "$W/out")"
	member "$W/market" "(lambda j: $3)(j['market']['$2'])"
}
buying() { of_market client buying "$1"; }           # EXPRESSION
of_provider() { of_market "$1" selling "$2"; } # NAME EXPRESSION
has_mended() { [ "$(of_provider "$1" "j['mended'] > 0")" = true ]; }
proves() { # NAME SLOTS: it proves so many again
	[ "$(of_provider "$1" "j['slots']['SaleProving'] >= $2")" = true ]
}
# every segment is bought, all of what is bought has its hosts, for the client and on
# the chain, and nothing is on its way
whole() {
	local started

	[ "$(purchases "(all(p['filled'] == p['request']['ask']['slots']
		for p in j['purchases'] if p['state'] == 'started')
		and not any(p['state'] in ('pending', 'submitted')
		for p in j['purchases']))")" = true ] || {
		cat "$W/purchases"
		return 1
	}
	started=$(member "$W/purchases" "sum(p['state'] == 'started'
		for p in j['purchases'])")
	[ "$started" -ge "$SEGMENTS" ] &&
		[ "$(hosted)" -ge $((started * (DATA + PARITY))) ] || {
		echo "$started requests have started, $(hosted) slots have a host"
		return 1
	}
}
# slots that have a host; those of a request that failed stay in the number
hosted() {
	local filled freed

	filled=$(events filled) && freed=$(events freed) &&
		echo $((filled - freed))
}
# settled WHAT: after some trouble all slots have hosts again, and nothing is lost
settled() {
	until_ok "${2:-300}" "$1: every slot has a host" whole
	intact || fail "$1: the tree differs: $(cat "$W/diff.out")"
	say "$SECONDS s  $1"
}
# proofs_go_on WHEN: as many more as a period has, since each slot is asked in every
# second one
proofs_go_on() {
	local proofs

	proofs=$(events proven) || fail "no events"
	until_ok 240 "proofs go on $1" more_events proven \
		$((proofs + $(hosted) / 2))
}
