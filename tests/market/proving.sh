#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Proofs of slots that were filled, on an anvil.
. "$(dirname "$0")/lib.sh"

market_run proving "$@"
