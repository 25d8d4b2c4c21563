#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# From nothing to a whole market on Debian 12 or later: installs what is needed,
# builds, installs, starts a development chain, providers and a validator
# (contrib/localnet) and a mount that buys storage from them; copies a real tree in,
# shows its slots filled and proven, kills a provider, shows its slots filled again by
# others and the tree intact, and leaves everything running to play with.  Works a
# second time: what is there is kept.
set -euo pipefail

usage() {
	cat <<END
usage: contrib/setup.sh [--no-install] [--net DIR] [--mount DIR]

  --no-install   run codexfs from the build folder, do not make install
  --net DIR      where chain, stores and logs are (root:
                 /var/lib/codexfs/localnet; others:
                 ~/.local/share/codexfs/localnet)
  --mount DIR    (/mnt/codex)

Run it as root, or as a user who may use sudo.
END
}

install=yes
mount_point=/mnt/codex
if [ "$(id -u)" -eq 0 ]; then
	sudo=()
	net=/var/lib/codexfs/localnet
else
	sudo=(sudo)
	net=${XDG_DATA_HOME:-$HOME/.local/share}/codexfs/localnet
fi
while [ $# -gt 0 ]; do
	case $1 in
	--no-install) install=no ;;
	--net) net=${2:?--net needs a folder}; shift ;;
	--mount) mount_point=${2:?--mount needs a folder}; shift ;;
	--help | -h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
die() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

packages=(build-essential autoconf automake libtool pkg-config fuse3
	libfuse3-dev liblmdb-dev libsodium-dev libssl-dev nettle-dev
	libsecp256k1-dev libjansson-dev libinih-dev libmicrohttpd-dev
	libcurl4-openssl-dev libopendht-c-dev libopendht-dev libminiupnpc-dev
	libsystemd-dev
	liberasurecode-dev libisal2 curl)
# other builds of node bring an npm, beside which Debian's cannot be installed
command -v npm >/dev/null || packages+=(nodejs npm)

install_packages() {
	local missing=() name

	for name in "${packages[@]}"; do
		dpkg-query -W -f '${Status}' "$name" 2>/dev/null |
			grep -q '^install ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	"${sudo[@]}" apt-get update -q
	# either flavour of curl's headers will do; do not replace one by the other
	if dpkg-query -W libcurl4-gnutls-dev >/dev/null 2>&1; then
		missing=("${missing[@]/libcurl4-openssl-dev/libcurl4-gnutls-dev}")
	fi
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends "${missing[@]}"
}

build() {
	[ -x configure ] || autoreconf -fi
	mkdir -p build
	cd build
	[ -f Makefile ] || ../configure -q
	make -s -j"$(nproc)"
	if [ "$install" = yes ]; then
		"${sudo[@]}" make -s install >/dev/null
		"${sudo[@]}" ldconfig
		codexfs=$(sed -n 's/^prefix = //p' Makefile)/bin/codexfs
	else
		codexfs=$PWD/codexfs
	fi
	cd ..
}

localnet() { contrib/localnet "$@"; }

runs() { [ -e "$1/lock" ] && ! flock -n "$1/lock" true; }

start_net() {
	local i

	if [ ! -c /dev/fuse ]; then
		die "there is no /dev/fuse here (in a container: --device" \
			"/dev/fuse --cap-add SYS_ADMIN)"
	fi
	if runs "$net/client"; then
		echo "it runs already"
		for ((i = 1; i <= providers; i++)); do
			runs "$net/provider-$i" || localnet return "$i" "$net"
		done
		return
	fi
	# not stat(2), which fails on the mount of a process that is gone
	if grep -q " $mount_point fuse" /proc/self/mounts; then
		"$codexfs" umount "$mount_point" ||
			die "$mount_point is in use; leave it and try again"
	elif [ ! -d "$mount_point" ]; then
		"${sudo[@]}" mkdir -p "$mount_point"
		"${sudo[@]}" chown "$(id -u):$(id -g)" "$mount_point"
	fi
	mkdir -p "$(dirname "$net")"
	localnet start --codexfs "$codexfs" --providers "$providers" \
		--mount "$mount_point" "$net"
}

# listing DIR - names, modes, times and links, to compare two trees by
listing() {
	(cd "$1" && find . \( -type f -printf '%P %y %m %s %T@\n' \) -o \
		\( -type d -printf '%P %y %m\n' \) -o -printf '%P %y %l\n' |
		sort)
}

same() {
	diff -r --no-dereference "$1" "$2" || die "$2 differs from $1"
	diff <(listing "$1") <(listing "$2") ||
		die "modes, times or links in $2 differ from $1"
}

# until_true SECONDS WHAT COMMAND...: a dot now and then
until_true() {
	local end=$((SECONDS + $1)) what=$2

	shift 2
	printf '%s ' "$what"
	until "$@"; do
		[ $SECONDS -lt $end ] ||
			die "not within the time; see $net/*.log and:" \
				"contrib/localnet show $net"
		printf .
		sleep 2
	done
	echo " yes"
}

# count WHAT: of the chain: filled, freed, slots, proofs
count() { localnet count "$1" "$net"; }
at_least() { [ "$(count "$1")" -ge "$2" ]; }
# slots_of N: how many provider N has
slots_of() {
	"$codexfs" slots --json --store "$net/provider-$1" 2>/dev/null |
		grep -c '"slotIndex"' || :
}

store_tree() {
	rm -rf "$copy"
	cp -a "$tree" "$copy"
	same "$tree" "$copy"
	echo "$(find "$tree" | wc -l) files, $(du -sh "$tree" | cut -f 1), are in"
	"$codexfs" sync --until=stored "$mount_point"
	"$codexfs" purchases --store "$net/client"
}

lose_a_provider() {
	local i victim=0 lost=0 freed filled

	for ((i = 1; i <= providers && lost == 0; i++)); do
		victim=$i
		lost=$(slots_of "$i")
	done
	[ "$lost" -gt 0 ] || die "no provider has a slot"
	freed=$(count freed)
	filled=$(count filled)
	localnet fail "$victim" "$net"
	until_true 240 "the validator marks the proofs that it does not give, until its slots are free" \
		at_least freed $((freed + lost))
	until_true 240 "other providers rebuild them from the rest, and fill them" \
		at_least filled $((filled + lost))
	same "$tree" "$copy"
	fetch_elsewhere
	localnet return "$victim" "$net"
}

# Whoever knows no more than the names gets everything from the providers: a store
# that is new, and knows nobody else
fetch_elsewhere() {
	local cid n=0 i peers=()

	for ((i = 1; i <= providers; i++)); do
		peers+=(--peer "/ip4/127.0.0.1/tcp/$(cat "$net/provider-$i.port")/http")
	done
	"$codexfs" init "$stranger" >/dev/null
	"$codexfs" node --listen none --api none --network localnet --dht no "${peers[@]}" \
		"$stranger"
	while read -r cid; do
		"$codexfs" dataset get --store "$stranger" -o "$work/got" \
			"$cid" >/dev/null ||
			die "$cid cannot be fetched from the providers"
		n=$((n + 1))
	done < <("$codexfs" purchases --json --store "$net/client" |
		sed -nE 's/.*"cid": "([^"]+)".*/\1/p' | sort -u)
	[ "$n" -gt 0 ] || die "nothing was bought"
	"$codexfs" umount "$stranger"
	echo "the tree is intact; $n segments came whole from the providers" \
		"alone, to a node that had nothing of them"
}
leave() {
	! runs "$stranger" ||
		"$codexfs" umount "$stranger" || :
	rm -rf "$work"
}

providers=4
copy=$mount_point/setup-check
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
stranger=$work/stranger
trap leave EXIT

step "packages"
install_packages
# a machine with much installed would spend minutes on it
tree=/usr/include
[ "$(du -sm "$tree" | cut -f 1)" -le 100 ] || tree=/usr/include/c++
step "build"
build
step "a chain, $providers providers, a validator, and a mount on $mount_point"
start_net
step "copy $tree in, and buy storage for it: any 2 of 3 slots give it back"
store_tree
# a slot is proven once in a period, of which each wants a proof here
proofs=$(count proofs)
slots=$(count slots)
[ "$slots" -gt 0 ] || die "no provider has a slot"
step "proofs that the providers really have it"
until_true 120 "as many proofs as there are slots ($slots) come in, and the contract's verifier accepts them" \
	at_least proofs $((proofs + slots))
localnet show "$net"
step "a provider is lost"
lose_a_provider
localnet show "$net"

step "done"
cat <<END
$mount_point is yours, on a market of its own (nothing of it is worth
anything: the chain is for development, and ends with the machine). Try:

  cp -a ~/some/folder $mount_point/
  ${codexfs##*/} sync --until=stored $mount_point
  ${codexfs##*/} status $mount_point
  contrib/localnet show $net
  contrib/localnet fail 2 $net
  contrib/localnet stop $net         ends all of it
END
