#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# From nothing to a mounted codexfs on Debian 12 or later: installs what is
# needed, builds, installs, makes a store, mounts it, copies a real tree in and
# out with a check, and leaves the mount there to play with.  Works a second
# time: what is there is kept, the mount is renewed.
set -euo pipefail

usage() {
	cat <<END
usage: contrib/setup.sh [--no-install] [--store DIR] [--mount DIR]

  --no-install   run codexfs from the build folder, do not make install
  --store DIR    (root: /var/lib/codexfs/codex, which
                 codexfs@codex.service mounts; others:
                 ~/.local/share/codexfs)
  --mount DIR    (/mnt/codex)

Run it as root, or as a user who may use sudo.
END
}

install=yes
mount_point=/mnt/codex
tree=/usr/include
if [ "$(id -u)" -eq 0 ]; then
	sudo=()
	store=/var/lib/codexfs/codex
else
	sudo=(sudo)
	store=${XDG_DATA_HOME:-$HOME/.local/share}/codexfs
fi
while [ $# -gt 0 ]; do
	case $1 in
	--no-install) install=no ;;
	--store) store=${2:?--store needs a folder}; shift ;;
	--mount) mount_point=${2:?--mount needs a folder}; shift ;;
	--help | -h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

step() { printf '\n== %s\n' "$*"; }
die() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

packages=(build-essential autoconf automake libtool pkg-config fuse3
	libfuse3-dev liblmdb-dev libsodium-dev libssl-dev nettle-dev
	libsecp256k1-dev libjansson-dev libinih-dev libmicrohttpd-dev
	libcurl4-openssl-dev libopendht-c-dev libopendht-dev libminiupnpc-dev
	libsystemd-dev
	liberasurecode-dev libisal2)

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

make_store() {
	if [ -e "$store" ] && [ -n "$(ls -A "$store" 2>/dev/null)" ]; then
		echo "$store is there already"
		return
	fi
	mkdir -p "$(dirname "$store")"
	"$codexfs" init "$store"
}

mount_store() {
	if [ ! -c /dev/fuse ]; then
		die "there is no /dev/fuse here (in a container: --device" \
			"/dev/fuse --cap-add SYS_ADMIN)"
	fi
	# not stat(2), which fails on the mount of a process that is gone
	if grep -q " $mount_point fuse" /proc/self/mounts; then
		"$codexfs" umount "$mount_point" ||
			die "$mount_point is in use; leave it and try again"
	elif [ ! -d "$mount_point" ]; then
		"${sudo[@]}" mkdir -p "$mount_point"
		"${sudo[@]}" chown "$(id -u):$(id -g)" "$mount_point"
	fi
	"$codexfs" mount "$store" "$mount_point"
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

copy_and_check() {
	local copy=$mount_point/setup-check

	rm -rf "$copy" "$work/out"
	cp -a "$tree" "$copy"
	same "$tree" "$copy"
	"$codexfs" umount "$mount_point"
	"$codexfs" mount "$store" "$mount_point"
	cp -a "$copy" "$work/out"
	same "$tree" "$work/out"
	rm -rf "$copy"
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step "packages"
install_packages
step "build"
build
step "store in $store"
make_store
step "mount on $mount_point"
mount_store
step "copy $tree in, mount again, copy out, compare"
copy_and_check
echo "$(find "$tree" | wc -l) files in and out, all equal"

step "done"
cat <<END
$mount_point is yours. Try:

  cp -a ~/some/folder $mount_point/
  ${codexfs##*/} status $mount_point
  ${codexfs##*/} umount $mount_point
END
