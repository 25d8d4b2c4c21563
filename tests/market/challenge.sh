#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Which period wants a proof of what, beside the contract on an anvil.
. "$(dirname "$0")/lib.sh"

market_run challenge
