#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Installs what the tests need on Debian 12 or later, then runs make check and
# make check-long (up to an hour on 2 cores; --quick leaves the latter out).
set -euo pipefail

long=yes
case ${1:-} in
'') ;;
--quick) long=no ;;
*)
	echo "usage: contrib/test.sh [--quick]" >&2
	exit 2
	;;
esac
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)

packages=(libcmocka-dev clang shellcheck acl attr borgbackup curl dhtnode
	e2fsprogs fio git gocryptfs iproute2 iptables iputils-ping libgmp-dev
	lmdb-utils miniupnpd-nftables mount nftables nginx-light openssl procps
	psmisc python3 restic rsync sqlite3 strace tar util-linux wget xxd xz-utils)
# other builds of node bring an npm, beside which Debian's cannot be installed
command -v npm >/dev/null || packages+=(nodejs npm)
# where they can be had: peers of the benchmarks
optional=(libisal-dev securefs)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ ! -f build/Makefile ]; then
	echo "test.sh: run contrib/setup.sh first" >&2
	exit 1
fi

missing() {
	local name
	for name; do
		dpkg-query -W -f '${Status}' "$name" 2>/dev/null |
			grep -q '^install ok installed' || echo "$name"
	done
}

# Some are daemons, of which the tests only want the program: none is started, and
# nginx, which fails to be installed where it does not start (without IPv6), need
# not start.
policy=/usr/sbin/policy-rc.d
no_daemons() {
	[ ! -e $policy ] || return 0
	trap '"${sudo[@]}" rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null
	"${sudo[@]}" chmod 755 $policy
}
daemons_again() {
	[ -n "$(trap -p EXIT)" ] || return 0
	"${sudo[@]}" rm -f $policy
	trap - EXIT
}
apt_install() {
	[ $# -gt 0 ] || return 0
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends "$@"
}

printf '\n== packages\n'
no_daemons
mapfile -t wanted < <(missing "${packages[@]}")
[ ${#wanted[@]} -eq 0 ] || "${sudo[@]}" apt-get update -q
apt_install "${wanted[@]}"
# sanitizer and libFuzzer run times come with the version of clang
clang=$(clang -dumpversion)
mapfile -t wanted < <(missing "libclang-rt-${clang%%.*}-dev")
apt_install "${wanted[@]}"
for name in "${optional[@]}"; do
	[ -n "$(missing "$name")" ] || continue
	apt_install "$name" || echo "$name: not to be had here, done without"
done
daemons_again

cd build
# these may have come just now
grep -q '^HAVE_CMOCKA_TRUE = *$' Makefile &&
	grep -q '^HAVE_GMP_TRUE = *$' Makefile || ./config.status --recheck -q
[ Makefile -nt config.status ] || ./config.status -q

printf '\n== make check\n'
make -j"$(nproc)" check
if [ $long = yes ]; then
	printf '\n== make check-long\n'
	make -j"$(nproc)" check-long
fi
