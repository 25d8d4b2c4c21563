#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# The table of docs/PERFORMANCE.md: our mount, the raw disk, libfuse's
# passthrough, gocryptfs and securefs, one after the other on the same disk in
# the same run.  CDX_COUNT rounds; the median counts.  Peers that are not
# installed are named and left out.  PASSTHROUGH names a passthrough_hp (or
# passthrough_ll) to use; else passthrough_ll is built from libfuse's example.
set -u

: "${CODEXFS:?}"
ulimit -n 65536 2>/dev/null # passthrough_hp keeps one for each inode
B=$CDX_BUILDDIR/tests/bench/fsbench
W=$(mktemp -d "${CDX_TMP:-/var/tmp}/codexfs-bench.XXXXXX")
rounds=${CDX_COUNT:-1}
rows="write read-cold read-warm randread-cold fsync randwrite untar rsync
	create stat unlink rm sqlite-delete sqlite-wal restic borg"
declare -A R   # R[fs,row]: results, one a round
only=${CDX_ROWS:-}
peers=${CDX_PEERS:-ext4 passthrough gocryptfs securefs codexfs}

cleanup() {
	cd /
	for m in "$W"/*/mnt; do umount -l "$m" 2>/dev/null; done
	sleep 1
	rm -rf "$W"
}
trap cleanup EXIT

# ---- peers: start_X prepares $W/X/mnt, stop_X ends it ----

dirs() { mkdir -p "$W/$1/src" "$W/$1/mnt"; }
start_ext4() { mkdir -p "$W/ext4/mnt"; }
stop_ext4() { :; }
find_passthrough() {
	local ex=/usr/share/doc/libfuse3-dev/examples
	local -a flags
	[ -z "${PASSTHROUGH:-}" ] || return 0
	PASSTHROUGH=$(command -v passthrough_hp) && return 0
	[ -f $ex/passthrough_ll.c ] || [ -f $ex/passthrough_ll.c.gz ] || return 1
	mkdir -p "$W/pl"
	cp $ex/passthrough_*.[ch]* "$W/pl/"
	gunzip -q "$W/pl"/*.gz 2>/dev/null
	read -ra flags < <(pkg-config --cflags --libs fuse3)
	cc -O2 -I"$W/pl" "$W/pl/passthrough_ll.c" -o "$W/passthrough_ll" \
		"${flags[@]}" >/dev/null 2>&1 || return 1
	PASSTHROUGH=$W/passthrough_ll
}
start_passthrough() {
	find_passthrough || return 1
	dirs passthrough
	case $PASSTHROUGH in
	*_hp) "$PASSTHROUGH" --foreground "$W/passthrough/src" \
		"$W/passthrough/mnt" & ;;
	*) "$PASSTHROUGH" -f -o source="$W/passthrough/src",cache=always \
		"$W/passthrough/mnt" & ;;
	esac
	wait_mount passthrough
}
stop_passthrough() { umount "$W/passthrough/mnt"; }
start_gocryptfs() {
	command -v gocryptfs >/dev/null || return 1
	dirs gocryptfs
	echo pw >"$W/pw"
	gocryptfs -q -init -scryptn 10 -passfile "$W/pw" "$W/gocryptfs/src" &&
		gocryptfs -q -passfile "$W/pw" "$W/gocryptfs/src" \
			"$W/gocryptfs/mnt"
}
stop_gocryptfs() { umount "$W/gocryptfs/mnt"; }
start_securefs() {
	command -v securefs >/dev/null || return 1
	dirs securefs
	echo pw | securefs create --pass pw "$W/securefs/src" >/dev/null 2>&1 ||
		return 1
	securefs mount --pass pw --background "$W/securefs/src" \
		"$W/securefs/mnt" >/dev/null 2>&1
	wait_mount securefs
}
stop_securefs() { umount "$W/securefs/mnt"; }
start_codexfs() {
	mkdir -p "$W/codexfs/mnt"
	[ -d "$W/codexfs/store" ] ||
		"$CODEXFS" init --quota 16G "$W/codexfs/store" >/dev/null
	"$CODEXFS" mount "$W/codexfs/store" "$W/codexfs/mnt"
}
stop_codexfs() { "$CODEXFS" umount "$W/codexfs/mnt"; }
wait_mount() {
	local i
	for i in $(seq 100); do
		mountpoint -q "$W/$1/mnt" && return 0
		sleep 0.05
	done
	return 1
}

# ---- rows: seconds or rates ----

timed() {
	local a b
	a=$(date +%s.%N)
	"$@" >/dev/null 2>&1 || return 1
	b=$(date +%s.%N)
	awk "BEGIN { printf \"%.3f\n\", $b - $a }"
}
cold() { sync; echo 3 >/proc/sys/vm/drop_caches; }
sqlite_rate() {
	local db=$1/db-$2 n=400 t
	rm -f "$db"*
	sqlite3 "$db" "pragma journal_mode=$2; create table t(a, b);" \
		>/dev/null || return 1
	t=$(timed sqlite3 "$db" ".read $W/inserts") || return 1
	awk "BEGIN { printf \"%.1f\n\", $n / $t }"
}
row() { # row NAME DIR
	local d=$2
	case $1 in
	write) "$B" write "$d" ;;
	read-cold) cold; "$B" read "$d" ;;
	read-warm) "$B" read "$d" ;;
	randread-cold) cold; "$B" randread "$d" ;;
	fsync) "$B" fsync "$d" ;;
	randwrite) "$B" randwrite "$d" ;;
	untar) mkdir -p "$d/u"; timed tar -C "$d/u" -xf "$W/tree.tar" ;;
	rsync) timed rsync -a "$W/tree/" "$d/r/" ;;
	create) mkdir -p "$d/names"; "$B" create "$d" ;;
	stat | unlink) "$B" "$1" "$d" ;;
	rm) timed rm -rf "$d/u" ;;
	sqlite-delete) sqlite_rate "$d" delete ;;
	sqlite-wal) sqlite_rate "$d" wal ;;
	restic) restic -q init -r "$d/restic" >/dev/null 2>&1
		timed restic -q -r "$d/restic" backup "$W/data" ;;
	borg) borg init -e none "$d/borg" >/dev/null 2>&1
		timed borg create "$d/borg::a" "$W/data" ;;
	esac
}

# passthrough_hp keeps a descriptor for each inode it has seen and runs out of
# them: it starts anew before rows with many files.
fresh() {
	case $1,$2 in
	passthrough,untar | passthrough,rsync | passthrough,create | \
		passthrough,borg) ;;
	*) return ;;
	esac
	stop_passthrough && start_passthrough
}

measure() { # measure FS
	local fs=$1 r v d=$W/$1/mnt
	"start_$fs" || { echo "$fs: not to be had here"; return; }
	for r in $rows; do
		[ -z "$only" ] || [[ " $only " == *" $r "* ]] || continue
		fresh "$fs" "$r"
		v=$(row "$r" "$d") || v=0
		R[$fs,$r]="${R[$fs,$r]:-} $v"
	done
	[ "$fs" = ext4 ] || "stop_$fs" || echo "$fs: did not stop"
	rm -rf "${W:?}/$fs"
	cold
}

# ---- sources ----

make_sources() {
	local i
	mkdir -p "$W/tree" "$W/data"
	for i in $(seq 6000); do
		[ $((i % 60)) -ne 1 ] || mkdir -p "$W/tree/d$((i / 60))"
		head -c $((i * 7919 % 16384)) /dev/urandom \
			>"$W/tree/d$(((i - 1) / 60))/f$i"
	done
	tar -C "$W/tree" -cf "$W/tree.tar" .
	head -c 500000000 /dev/urandom >"$W/data/blob"
	for i in $(seq 400); do
		echo "insert into t values($i, hex(randomblob(100)));"
	done >"$W/inserts"
	export RESTIC_PASSWORD=x BORG_BASE_DIR=$W/borgbase
	export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
	export RESTIC_CACHE_DIR=$W/rcache
}

median() {
	tr ' ' '\n' | grep . | sort -n | awk '{ v[NR] = $1 } END {
		print NR == 0 ? 0 : v[int((NR + 1) / 2)] }'
}
is_time() { case $1 in untar | rsync | rm | restic | borg) true ;; *) false ;; esac; }
goal() {
	case $1 in
	write) echo 0.9 ;; read-cold) echo 0.7 ;; read-warm) echo 1 ;;
	randread-cold) echo 0.9 ;; fsync) echo 1 ;; randwrite) echo 1 ;;
	untar | rsync) echo 1.5 ;; create) echo 2 ;; stat) echo 0.8 ;;
	unlink) echo 1.5 ;; *) echo 1 ;;
	esac
}
ratio() { # ratio ROW OURS THEIRS: above 1 is faster
	awk "BEGIN { a = $2; b = $3
		if (a <= 0 || b <= 0) print \"-\"
		else printf \"%.2f\", $(is_time "$1" && echo b / a || echo a / b) }"
}

make_sources
for ((n = 0; n < rounds; n++)); do
	for fs in $peers; do measure "$fs"; done
done
echo "passthrough is ${PASSTHROUGH:-missing}; $(date -u +%F), kernel $(uname -r), $(nproc) CPUs, median of $rounds"
printf '%-15s' row
for fs in $peers; do printf '%12s' "$fs"; done
printf '%10s%8s%10s%10s\n' /passthr. goal /gocrypt /securefs
for r in $rows; do
	[ -z "$only" ] || [[ " $only " == *" $r "* ]] || continue
	printf '%-15s' "$r"
	for fs in $peers; do
		m=$(median <<<"${R[$fs,$r]:-}")
		declare "M_$fs=$m"
		printf '%12s' "$m"
	done
	printf '%10s%8s%10s%10s\n' \
		"$(ratio "$r" "${M_codexfs:-0}" "${M_passthrough:-0}")" \
		"$(goal "$r")" \
		"$(ratio "$r" "${M_codexfs:-0}" "${M_gocryptfs:-0}")" \
		"$(ratio "$r" "${M_codexfs:-0}" "${M_securefs:-0}")"
done
echo "write, read: MiB/s; untar, rsync, rm, restic, borg: seconds; the rest: operations a second"
