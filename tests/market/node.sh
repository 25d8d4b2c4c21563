#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# A client and three providers as nodes, on an anvil: bought, lost, had again.
. "$(dirname "$0")/lib.sh"

market_run node
