#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# make distcheck in a build folder of its own, CDX_COUNT times.
set -eu

. "$CDX_SRCDIR/tests/subbuild.sh"
subbuild build-dist
rounds=${CDX_COUNT:-1}
unset CDX_COUNT CDX_SUITE
i=0
while [ $i -lt "$rounds" ]; do
	make -s -j"$(nproc)" distcheck
	i=$((i + 1))
done
cd .. && rm -rf build-dist
