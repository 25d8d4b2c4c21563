#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Every call of the client's bindings on a chain; CDX_COUNT random requests that
# the contract refuses as we do.
. "$(dirname "$0")/lib.sh"

bindings=$CDX_BUILDDIR/tests/chain/bindings
[ -x "$bindings" ] || fail "$bindings is not built"
anvil_start
export CDX_SRCDIR
"$bindings" "$ANVIL_URL" "$CDX_SRCDIR/src/contracts/artifacts" || fail bindings
