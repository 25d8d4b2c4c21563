#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Sales on an anvil: tests/market/sales.c and sales_keep.c say what happens.
. "$(dirname "$0")/lib.sh"

market_run sales
market_run sales_keep
