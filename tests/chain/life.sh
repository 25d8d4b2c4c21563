#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The life of a storage request on an anvil, with proofs of CDX_COUNT samples by a
# development key: tests/chain/life.c says what happens.
. "$(dirname "$0")/lib.sh"
need python3

life=$CDX_BUILDDIR/tests/chain/life
[ -x "$life" ] || fail "$life is not built"
"$CODEXFS" proof setup --samples "${CDX_COUNT:-1}" -o "$W/dev.zkey" \
	2>"$W/out" || fail "proof setup: $(cat "$W/out")"
anvil_start
TMPDIR=$W "$life" "$ANVIL_URL" "$W/dev.zkey" \
	"$CDX_SRCDIR/src/contracts/artifacts" || fail "the life of a request"
