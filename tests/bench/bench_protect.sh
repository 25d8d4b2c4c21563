#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Protection in the background of a real mount:
#
#   bench_protect.sh [MIB]
#
# First alone: how fast MIB (CDX_COUNT, 1024) of sealed data get their parity
# and slots, and what memory that takes.  Then beside other work: the figures
# of a mount that has nothing to protect against those while a backlog of
# more than a GiB is protected, CDX_ROUNDS (5) times in turn.  Medians count; a
# ratio is of two figures of one round.  A figure counts only if the backlog did
# not run dry under it, or, alone, if nothing was protected under it.  Wants 5
# GiB of disk and 3 times MIB; a smaller MIB makes all of it smaller.
. "$(dirname "$0")/../mount/lib.sh"

mib=${1:-${CDX_COUNT:-1024}}
rounds=${CDX_ROUNDS:-5}
B=$CDX_BUILDDIR/tests/bench/fsbench
rows="write read-cold randread-cold"
# a write is short: twice
order="write read-cold write randread-cold"
# Under the data of a segment (320 MiB): alone, a write must not fill one
load=$((mib < 256 ? mib : 256))
file=$((mib < 1024 ? mib : 1024))     # what is read
backlog=$((mib < 1024 ? mib * 3 / 2 : 1536)) # some is protected as it comes
heap_goal=256 # MiB
declare -A R  # R[alone|beside,ROW]: figures that count
declare -A V  # V[ROUND.PLACE]: the one that the next of this place is held to
declare -A Q  # Q[ROW]: beside against alone, of the same round
declare -A P  # P[ROW]: bytes protected beside them
declare -A T  # T[ROW]: and in how many seconds

calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }
now() { date +%s.%N; }
sync_to() {
	"$CODEXFS" sync --until="$1" "$M" >/dev/null || fail "sync --until=$1"
}

# state: one call, so that the figures belong together
state() {
	local out
	out=$("$CODEXFS" status --json "$M") || fail status
	# after "protection": "protected" and the like are elsewhere too
	read -r waiting left steps sealed < <(awk '
		{ gsub(/[",:]/, ""); if (!($1 in v)) v[$1] = $2 }
		END { print v["waiting"], v["backlogBytes"], v["stepsCoded"],
			v["sealed"] }' <<<"$out")
}
settle() {
	local last i
	sync_to protected
	sync
	# dead segments are dropped, a few seconds later
	for ((i = 0; i < 60; i++)); do
		state
		[ "$waiting $sealed" != "${last:-}" ] || [ "$waiting" != 0 ] ||
			break
		last="$waiting $sealed"
		sleep 6
	done
	[ "$waiting" = 0 ] || fail "$waiting segments are not protected"
}

# ---- memory, in KiB ----

memory() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$(mount_pid)/status"; }
# The most heap until $W/watch is gone, 20 times a second, without processes
watch_heap() {
	local key value peak=0
	while [ -e "$W/watch" ]; do
		while read -r key value _; do
			[ "$key" != RssAnon: ] || [ "$value" -le "$peak" ] ||
				peak=$value
		done <"/proc/$1/status"
		read -rt 0.05 <>"$W/pause"
	done
	echo "$peak" >"$W/peak"
}
watch_begin() {
	touch "$W/watch"
	watch_heap "$(mount_pid)" &
	watcher=$!
}
watch_end() { # prints nothing; sets peak
	rm "$W/watch"
	wait "$watcher"
	read -r peak <"$W/peak"
}

# ---- alone ----

alone() {
	local before written protected t bytes hwm
	before=$(memory RssAnon)
	watch_begin
	mkdir "$M/first"
	"$B" write "$M/first" "$mib" >/dev/null || fail write
	sync_to sealed
	watch_end
	written=$peak
	watch_begin
	state
	bytes=$steps
	t=$(now)
	sync_to protected
	t=$(calc "$(now) - $t" 3)
	state
	bytes=$(((steps - bytes) * step))
	watch_end
	protected=$peak
	hwm=$(memory VmHWM)
	idle_rate=$(calc "$bytes / $t / 1e6" 1)
	echo "protecting alone: $idle_rate MB/s of data ($((bytes >> 20)) MiB in $t s), $k + $m slots"
	echo "heap: $((before / 1024)) MiB at first, at most $((written / 1024)) while $mib MiB were written and sealed, $((protected / 1024)) while protected; resident at most $((hwm / 1024)) MiB"
	[ "$written" -lt "$protected" ] || protected=$written
	echo "heap added: $(((protected - before) / 1024)) MiB, goal below $heap_goal"
	rm -r "$M/first"
}

# ---- beside other work ----

# The protector lost its readahead too: it takes a moment to get it back
cold() { echo 3 >/proc/sys/vm/drop_caches; sleep 1; }
prepare() { # prepare ROW sealed|protected
	# a write begins with a fresh segment
	sync_to "$2"
	sync
	rm -rf "$M/load"
	mkdir "$M/load"
	[ "$1" = write ] || cold
}
row() {
	case $1 in
	write) "$B" write "$M/load" "$load" ;;
	read-cold) "$B" read "$M/file" ;;
	randread-cold) "$B" randread "$M/file" $((file * 20)) ;;
	esac
}
measure() { # measure alone|beside sealed|protected
	local r v t s place=$n.0
	for r in $order; do
		place=$n.$((${place#*.} + 1))
		prepare "$r" "$2"
		state
		s=$steps
		t=$(now)
		v=$(row "$r") || fail "$r"
		t=$(calc "$(now) - $t" 3)
		state
		s=$(((steps - s) * step))
		if [ "$1" = beside ] && [ "$left" -eq 0 ]; then
			echo "round $n: the backlog ran dry under $r"
			continue
		elif [ "$1" = alone ] && [ $((s + waiting)) -ne 0 ]; then
			echo "round $n: something was protected under $r"
			continue
		fi
		R[$1,$r]="${R[$1,$r]:-} $v"
		if [ "$1" = alone ]; then
			V[$place]=$v
			continue
		fi
		[ -z "${V[$place]:-}" ] ||
			Q[$r]="${Q[$r]:-} $(calc "$v / ${V[$place]}")"
		P[$r]=$((${P[$r]:-0} + s))
		T[$r]=$(calc "${T[$r]:-0} + $t" 3)
	done
	rm -r "$M/load"
}
round() {
	settle
	measure alone protected
	# what was written must not share a segment with the backlog
	settle
	mkdir "$M/backlog"
	"$B" write "$M/backlog" "$backlog" >/dev/null || fail write
	sync_to sealed
	state
	least=$((left < least ? left : least))
	measure beside sealed
	# what is dead needs no parity
	rm -r "$M/backlog"
}
median() {
	tr ' ' '\n' <<<"$1" | grep . | sort -n | awk '{ v[NR] = $1 } END {
		print NR == 0 ? 0 : v[int((NR + 1) / 2)] }'
}
table() {
	local r a b bytes=0 t=0 status=0
	printf '%-15s%10s%10s%8s%6s%8s%12s%8s\n' row alone beside ratio goal \
		runs protected MB/s
	for r in $rows; do
		a=$(median "${R[alone,$r]:-}")
		b=$(median "${R[beside,$r]:-}")
		if [ -z "${Q[$r]:-}" ]; then
			echo "$r: no round counts"
			status=1
			continue
		fi
		printf '%-15s%10s%10s%8s%6s%8s%8d MiB%8s\n' "$r" "$a" "$b" \
			"$(median "${Q[$r]}")" 0.8 "$(wc -w <<<"${Q[$r]}")" \
			$((P[$r] >> 20)) "$(calc "${P[$r]} / ${T[$r]} / 1e6" 1)"
		bytes=$((bytes + P[$r]))
		t=$(calc "$t + ${T[$r]}" 3)
	done
	[ "$t" = 0 ] ||
		echo "protecting beside them: $(calc "$bytes / $t / 1e6" 1) MB/s, $(calc "$bytes / $t / 1e6 / $idle_rate") of alone; backlog at least $((least >> 20)) MiB"
	echo "write, read: MiB/s; randread: operations a second; protected: data, all rounds; ratio: median of rounds"
	return $status
}

free=$(df --output=avail -B1M "$W" | tail -n 1)
[ "$free" -gt $((3 * mib + 5120)) ] || skip "the disk has $free MiB only"
# segments get their full size; space is taken as it is used
make_store --quota $((2 * mib / 1024 + 16))G
mkfifo "$W/pause"
do_mount -o seal_age=86400
k=$("$CODEXFS" status --json "$M" | sed -n 's/^ *"k": \([0-9]*\).*/\1/p')
m=$("$CODEXFS" status --json "$M" | sed -n 's/^ *"m": \([0-9]*\).*/\1/p')
step=$((k * 65536))

echo "$(date -u +%F), kernel $(uname -r), $(nproc) CPUs, median of $rounds"
alone
mkdir "$M/file"
"$B" write "$M/file" "$file" >/dev/null || fail write
least=$((1 << 62))
for ((n = 1; n <= rounds; n++)); do round; done
table
