#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""rpc.py URL METHOD [PARAM...]: one call of a chain's node; prints the result.
A parameter is JSON, or else a string."""
import json
import sys
import urllib.request


def value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


url, method, *params = sys.argv[1:]
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                   "params": [value(p) for p in params]}).encode()
request = urllib.request.Request(
    url, body, {"Content-Type": "application/json"})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
reply = json.load(opener.open(request, timeout=30))
if "error" in reply:
    sys.exit(method + ": " + json.dumps(reply["error"]))
result = reply["result"]
print(result if isinstance(result, str) else json.dumps(result))
