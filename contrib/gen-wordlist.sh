#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Writes src/crypto/wordlist.c to standard output.
# usage: contrib/gen-wordlist.sh english.txt >src/crypto/wordlist.c
# The list is BIP-39's English one, 2048 lines in ascending order.
set -eu

want=2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda

if [ $# -ne 1 ]; then
	echo "usage: $0 english.txt" >&2
	exit 2
fi
have=$(sha256sum <"$1")
if [ "${have%% *}" != "$want" ]; then
	echo "$0: $1 is not the BIP-39 English list" >&2
	exit 1
fi

cat <<EOF
/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Written by contrib/gen-wordlist.sh from BIP-39's English list (SHA-256
 * $want). */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/internal.h"

/* clang-format off */
const char cdx_wordlist[CDX_WORDLIST_LEN][CDX_WORD_MAX + 1] = {
EOF
awk '{
	item = "\"" $0 "\","
	if (line == "")
		line = "\t" item
	else if (length(line) + 8 + length(item) > 80) {
		print line
		line = "\t" item
	} else
		line = line " " item
} END { print line }' "$1"
cat <<EOF
};
/* clang-format on */
EOF
