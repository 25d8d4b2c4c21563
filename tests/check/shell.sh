#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Every script passes shellcheck.
set -eu

cd "${CDX_SRCDIR:-$(dirname "$0")/../..}"
if ! command -v shellcheck >/dev/null; then
	echo "shellcheck is missing"
	exit 77
fi
{
	find contrib tests -name '*.sh' ! -path '*/build*' -print
	echo contrib/devnet
	echo contrib/localnet
	echo tests/run
	echo tests/driver
	[ ! -e .ci/run ] || echo .ci/run
} | sort | xargs shellcheck -S warning -x -e SC1091
