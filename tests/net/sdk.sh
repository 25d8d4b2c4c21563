#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# npm's @codex-storage/sdk-js, as it is, against a running node: every call that it
# has.
. "$(dirname "$0")/rest_lib.sh"

npm=$CDX_BUILDDIR/net-npm
fetch_npm "$CDX_SRCDIR/tests/net/npm" "$npm"
node=node
for one in "$npm"/node_modules/node-linux-*/bin/node; do
	[ -x "$one" ] && "$one" --version >/dev/null 2>&1 && node=$one
done
"$node" -e 'const [a, b] = process.versions.node.split(".").map(Number);
process.exit(a > 20 || (a == 20 && b >= 18) ? 0 : 1)' ||
	skip "$("$node" --version) is too old for sdk-js"

# one that has a dataset, and the one that is asked
rest_node "$W/a"
head -c 300000 /dev/urandom >"$W/f"
cid=$(curl -sf -T "$W/f" -X POST "$API/api/codex/v1/data") || fail "upload"
rest_addr "$API"
rest_node "$W/b"
cp "$CDX_SRCDIR/tests/net/sdk.mjs" "$npm/sdk.mjs" || fail "cannot copy"
"$node" "$npm/sdk.mjs" "$API" "$TOKEN" "$W/f" "$cid" "$PEER" "$ADDR" || exit 1

# the market: one that buys, and one that sells, which fetches from it
rest_chain "$W/buyer" "$W/seller"
rest_node "$W/buyer" --market --budget none
buyer=("$API" "$TOKEN")
rest_addr "$API"
cid=$(curl -sf -T "$W/f" -X POST "$API/api/codex/v1/data") || fail "upload"
small=$(curl -sf -d x -X POST "$API/api/codex/v1/data") || fail "upload"
rest_market "$API"
rest_node "$W/seller" --provide 0 --peer "$ADDR"
rest_market "$API"
cp "$CDX_SRCDIR/tests/net/sdk_market.mjs" "$npm/" || fail "cannot copy"
"$node" "$npm/sdk_market.mjs" "${buyer[@]}" "$API" "$TOKEN" "$cid" "$small" ||
	exit 1
