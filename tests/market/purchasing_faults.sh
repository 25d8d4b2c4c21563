#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Purchases and everything that goes wrong, on an anvil.
. "$(dirname "$0")/lib.sh"

market_run purchasing_faults "${CDX_COUNT:-10}"
