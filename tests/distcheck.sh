#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# make distcheck in a build folder of its own, CDX_COUNT times.  What the compiler makes
# of the sources is looked at elsewhere: it is told to be quick.
set -eu

. "$CDX_SRCDIR/tests/subbuild.sh"
subbuild build-dist
rounds=${CDX_COUNT:-1}
unset CDX_COUNT CDX_SUITE
i=0
while [ $i -lt "$rounds" ]; do
	make -s -j"$(nproc)" distcheck DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O1
	i=$((i + 1))
done
cd .. && rm -rf build-dist
