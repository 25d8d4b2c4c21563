#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The validator, on an anvil.
. "$(dirname "$0")/lib.sh"

market_run validator
