#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# docs/openapi.yaml against a running node: every path, operation, status and shape.
. "$(dirname "$0")/rest_lib.sh"

rest_chain "$W/other" "$W/store"
rest_node "$W/plain"
plain=$API plain_token=$TOKEN
# it buys, so that the other one has something to sell
rest_node "$W/other" --market --budget none
rest_addr "$API"
head -c 300000 /dev/urandom >"$W/f"
cid=$(curl -sf -T "$W/f" -X POST "$API/api/codex/v1/data") || fail "upload"
until_ok 60 "a request" "$CODEXFS" request --store "$W/other" --no-wait --data 2 --parity 1 \
	--duration 1h --expiry 20m "$cid"
rest_node "$W/store" --market --budget none --provide 0
rest_market "$API"
python3 "$CDX_SRCDIR/tests/net/openapi.py" "$CDX_SRCDIR/docs/openapi.yaml" \
	"$API" "$TOKEN" "$CDX_SRCDIR/src/api/rest_route.c" "$PEER" "$ADDR" \
	"$plain" "$plain_token" || exit 1
# the same that Prometheus would read
curl -sf "$API/metrics" >"$W/metrics" || fail "metrics"
python3 - "$W/metrics" <<'END' || exit 1
import re, sys
seen = {}
kind = None
for line in open(sys.argv[1]):
    if line.startswith("# HELP "):
        continue
    m = re.fullmatch(r"# TYPE (\S+) (counter|gauge)\n", line)
    if m:
        assert m[1] not in seen, "twice: " + m[1]
        kind = m[1]
        seen[kind] = 0
        continue
    m = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"\})? (-?\d+|NaN)\n', line)
    assert m and m[1] == kind, line
    seen[kind] += 1
assert all(seen.values()) and len(seen) > 80, len(seen)
END
say "docs/openapi.yaml fits"
