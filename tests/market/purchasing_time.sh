#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# What a volume buys when, on an anvil.
. "$(dirname "$0")/lib.sh"

market_run purchasing_time
