#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""docs/openapi.yaml against a running server:

    openapi.py YAML URL TOKEN SOURCE PEER ADDR PLAIN PLAINTOKEN

SOURCE is rest_route.c, PEER the id of another node, which is at ADDR; it has asked
for a dataset to be stored that the server at URL can sell space for.  The one at
PLAIN has no part in the market.

Every operation is called as it should be and in ways that it should not.  The
status of each answer must be one that the file has for it, its content of the
type and shape that is said there, and every status that can be had without
breaking the store must have been seen.  What OPTIONS allows must be what the file
has, and SOURCE must have no path beside it."""

import http.client
import json
import re
import sys
import time
import urllib.parse

ABSENT = "zDvZRwzm1ePSzKSXt57D5YxHwcSDmsCyYN65wW4HT7fuX9HrzFXy"
METHODS = ["get", "post", "patch", "delete"]
# a failing disk, a full quota, a lost slot, a failed store: other tests' affair
UNSEEN = {"500", "507", "409"}


def fail(text):
    sys.exit("FAIL: " + text)


# ---- the part of YAML that the file keeps to ----

def scalar(text):
    if text[:1] in "[{\"":
        return json.loads(text)
    return {"true": True, "false": False, "null": None}.get(text, text)


def read_lines(path):
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if line.strip() and not line.lstrip().startswith("#"):
            yield len(line) - len(line.lstrip()), line.strip()


def block(lines, indent):
    """The mapping or list whose lines begin at @indent; @lines is a stack."""
    if lines[-1][1].startswith("- "):
        out = []
        while lines and lines[-1][0] == indent and \
                lines[-1][1].startswith("- "):
            at, text = lines.pop()
            if text[2:3] in "{[\"":
                out.append(scalar(text[2:]))
            else:
                lines.append((at + 2, text[2:]))
                out.append(block(lines, at + 2))
        return out
    out = {}
    while lines and lines[-1][0] == indent:
        text = lines.pop()[1]
        m = re.fullmatch(r'("[^"]*"|[^:"]+):(?: (.*))?', text)
        if not m:
            fail("not of the YAML that is read here: " + text)
        key = m[1].strip('"')
        if key in out:
            fail("twice: " + text)
        if m[2] is not None:
            out[key] = scalar(m[2])
        elif lines and lines[-1][0] > indent:
            out[key] = block(lines, lines[-1][0])
        else:
            fail("empty: " + text)
    return out


def load(path):
    lines = list(read_lines(path))[::-1]
    out = block(lines, 0)
    if lines:
        fail("odd indentation: " + lines[-1][1])
    return out


# ---- shapes ----

class Api:
    def __init__(self, doc):
        self.doc = doc

    def ref(self, x):
        while isinstance(x, dict) and "$ref" in x:
            at = self.doc
            for part in x["$ref"][2:].split("/"):
                at = at[part]
            x = at
        return x

    def every_ref(self, x):
        """Follows all references once, so that none leads nowhere."""
        if isinstance(x, list):
            x = dict(enumerate(x))
        if isinstance(x, dict):
            self.ref(x)
            for y in x.values():
                self.every_ref(y)

    def check(self, schema, v, where):
        schema = self.ref(schema)
        kinds = {"string": str, "integer": int, "boolean": bool,
                 "array": list, "object": dict}
        if v is None and schema.get("nullable"):
            return
        kind = kinds[schema["type"]]
        if not isinstance(v, kind) or (kind is int and isinstance(v, bool)):
            fail(f"{where}: {v!r} is no {schema['type']}")
        if "enum" in schema and v not in schema["enum"]:
            fail(f"{where}: {v!r}")
        if "minimum" in schema and v < schema["minimum"]:
            fail(f"{where}: {v}")
        if kind is str and not schema.get("minLength", 0) <= len(v) <= \
                schema.get("maxLength", 1 << 20):
            fail(f"{where}: a text of {len(v)}")
        if kind is list:
            for i, x in enumerate(v):
                self.check(schema["items"], x, f"{where}[{i}]")
        if kind is dict:
            self.check_object(schema, v, where)

    def check_object(self, schema, v, where):
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in v:
                fail(f"{where}: no {name}")
        for name, x in v.items():
            if name in known:
                self.check(known[name], x, f"{where}.{name}")
            elif "additionalProperties" in schema:
                self.check(schema["additionalProperties"], x,
                           f"{where}.{name}")
            elif "Manifest" not in where and not where.endswith(".manifest"):
                fail(f"{where}: {name} is not in the file")


# ---- asking ----

class Client:
    def __init__(self, url, token):
        self.host = urllib.parse.urlsplit(url).netloc
        self.token = token

    def ask(self, method, path, headers=None, body=None, auth=True):
        c = http.client.HTTPConnection(self.host, timeout=120)
        h = dict(headers or {})
        if auth:
            h["Authorization"] = "Bearer " + self.token
        c.request(method.upper(), path, body=body, headers=h)
        r = c.getresponse()
        out = r.status, r.headers, r.read()
        c.close()
        return out


class Walk:
    def __init__(self, api, client):
        self.api = api
        self.client = client
        self.prefix = urllib.parse.urlsplit(
            api.doc["servers"][0]["url"]).path
        self.seen = {}
        self.calls = 0

    def one(self, method, template, path, want=None, client=None, **how):
        op = self.api.doc["paths"][template][method]
        status, headers, body = (client or self.client).ask(
            method, self.prefix + path, **how)
        where = f"{method} {path}: {status}"
        self.calls += 1
        if want is not None and status != want:
            fail(f"{where}, not {want}: {body[:200]!r}")
        listed = str(status) in op["responses"]
        if not listed and status not in (400, 401, 403):
            fail(f"{where} is not in the file")
        key = str(status) if listed else "default"
        self.seen.setdefault((method, template), set()).add(key)
        self.answer(self.api.ref(op["responses"][key]), headers, body, where)
        return body

    def answer(self, r, headers, body, where):
        for name in r.get("headers", {}):
            if name not in headers:
                fail(f"{where}: no header {name}")
        content = r.get("content")
        if content is None:
            if body:
                fail(f"{where}: a body")
            return
        kind = (headers.get("Content-Type") or "").split(";")[0]
        if kind not in content and "*/*" not in content:
            fail(f"{where}: of type {kind}")
        if kind == "application/json" and kind in content:
            self.api.check(content[kind]["schema"], json.loads(body), where)
        elif kind == "text/plain" and kind in content:
            self.api.check(content[kind]["schema"], body.decode(), where)


def data_calls(w, data):
    text = w.one("post", "/data", "/data", 200, body=data, headers={
        "Content-Type": "text/plain",
        "Content-Disposition": 'attachment; filename="x.txt"'})
    cid = text.decode()
    w.one("post", "/data", "/data", 422, body=b"")
    w.one("post", "/data", "/data", 422, body=data,
          headers={"Content-Type": "nonsense"})
    w.one("get", "/data", "/data", 200)
    for t in ["/data/{cid}", "/data/{cid}/network/stream"]:
        p = t.replace("{cid}", cid)
        if w.one("get", t, p, 200) != data:
            fail(p + ": other bytes")
        if w.one("get", t, p, 206, headers={"Range": "bytes=3-9"}) != \
                data[3:10]:
            fail(p + ": another range")
        w.one("get", t, p, 416, headers={"Range": f"bytes={len(data)}-"})
        w.one("get", t, p, 304, headers={"If-None-Match": f'"{cid}"'})
    for t in ["/data/{cid}/network/manifest", "/data/{cid}/exists"]:
        w.one("get", t, t.replace("{cid}", cid), 200)
    w.one("post", "/data/{cid}/network", f"/data/{cid}/network", 200)
    return cid


def node_calls(w, peer, addr):
    w.one("get", "/space", "/space", 200)
    for t in ["/spr", "/peerid", "/node/peerid"]:
        w.one("get", t, t, 200)
        w.one("get", t, t, 200, headers={"Accept": "text/plain"})
    w.one("get", "/debug/info", "/debug/info", 200)
    t = "/connect/{peerId}"
    w.one("get", t, "/connect/nonsense", 400)
    w.one("get", t, "/connect/x", 401, auth=False,
          headers={"Sec-Fetch-Site": "cross-site"})
    w.one("get", t, "/connect/" + peer, 400)
    p = f"/connect/{peer}?addrs="
    w.one("get", t, p + "/ip4/127.0.0.1/tcp/1/http", 400)
    w.one("get", t, p + addr, 200)
    w.one("get", t, "/connect/" + peer, 200)
    t = "/debug/chronicles/loglevel"
    w.one("post", t, t + "?level=INFO", 200)
    w.one("post", t, t + "?level=loud", 400)
    w.one("post", t, t, 400)
    w.one("get", "/metrics", "/metrics", 200)
    w.one("get", "/health", "/health", 200)


def refused(w, method, template, path, status, bodies):
    for body in bodies:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        w.one(method, template, path, status, body=body,
              headers={"Content-Type": "text/plain;charset=UTF-8"})


def without(good, **other):
    return {k: v for k, v in {**good, **other}.items() if v is not None}


GARBAGE = [b"", b"{", b"[]", b'{"duration":1,"duration":1}', b"\xff"]


def offer_calls(w):
    """The id of one that is kept."""
    t = "/sales/availability"
    good = {"totalSize": 50000000, "duration": "100000",
            "minPricePerBytePerSecond": "1", "totalCollateral": "90000000000",
            "enabled": True, "until": 0, "unknown": [1]}
    made = json.loads(w.one("post", t, t, 201, body=json.dumps(good)))
    refused(w, "post", t, t, 400, GARBAGE + [without(good, duration=None)])
    refused(w, "post", t, t, 422, [
        without(good, totalSize=0), without(good, until=-1),
        without(good, totalSize=1 << 60), without(good, totalCollateral="0"),
        without(good, minPricePerBytePerSecond="0")])
    # something of it may be in use already
    if made["id"] not in [x["id"] for x in json.loads(
            w.one("get", t, t, 200))]:
        fail("what was offered is not in the list")
    one = t + "/{id}"
    path = t + "/" + made["id"]
    w.one("patch", one, path, 204, body=b'{"enabled":true,"duration":200000}')
    refused(w, "patch", one, path, 400, GARBAGE)
    refused(w, "patch", one, path, 422, [
        {"freeSize": 1}, {"duration": 0}, {"totalSize": 1 << 60}])
    w.one("patch", one, t + "/0x" + 64 * "0", 404, body=b"{}")
    w.one("patch", one, t + "/x", 400, body=b"{}")
    t += "/{id}/reservations"
    w.one("get", t, path + "/reservations", 200)
    w.one("get", t, t.replace("{id}", 64 * "0"), 404)
    w.one("get", t, t.replace("{id}", "x"), 400)
    return made["id"]


def request_calls(w, cid, small):
    t = "/storage/request/{cid}"
    p = t.replace("{cid}", cid)
    good = {"duration": 3600, "expiry": 600, "proofProbability": "3",
            "pricePerBytePerSecond": "1", "collateralPerByte": "1"}
    refused(w, "post", t, p, 400, GARBAGE + [without(good, expiry=None)])
    refused(w, "post", t, t.replace("{cid}", "x"), 400, [good])
    refused(w, "post", t, t.replace("{cid}", ABSENT), 404, [good])
    refused(w, "post", t, p, 422, [
        without(good, expiry=0), without(good, expiry=3600),
        without(good, proofProbability="0"),
        without(good, collateralPerByte="0"),
        without(good, pricePerBytePerSecond="0"),
        without(good, duration=1 << 40), without(good, tolerance=0),
        without(good, nodes=1, tolerance=2), without(good, nodes=2),
        without(good, nodes=5, tolerance=3), without(good, nodes=1000)])
    status, _, body = w.client.ask(
        "post", w.prefix + t.replace("{cid}", small),
        body=json.dumps(without(good, nodes=6, tolerance=2)))
    if status != 422 or b" bytes" not in body:
        fail(f"too small: {status} {body!r}")
    made = "0x" + w.one("post", t, p, 200, body=json.dumps(good)).decode()
    t = "/storage/purchases"
    if made not in json.loads(w.one("get", t, t, 200)):
        fail("what was asked for is not in the list")
    t += "/{id}"
    for one in made, made[2:]:
        p = json.loads(w.one("get", t, t.replace("{id}", one), 200))
        if p["requestId"] != made or p["request"]["id"] != made or \
                p["request"]["ask"]["slots"] != 3:
            fail(f"another purchase: {p}")
    w.one("get", t, t.replace("{id}", "x"), 400)
    w.one("get", t, t.replace("{id}", 64 * "0"), 404)


def slot_calls(w, offer):
    """Waits until a slot is hosted; each in the list can be asked for."""
    t = "/sales/slots"
    for _ in range(600):
        slots = json.loads(w.one("get", t, t, 200))
        if slots:
            break
        time.sleep(0.2)
    else:
        fail("no slot was filled")
    for one in slots:
        a = json.loads(w.one("get", t + "/{id}", t + "/" + one["id"], 200))
        if a["state"] not in ("SaleFilling", "SaleFilled", "SaleProving") or \
                a["requestId"] != one["request"]["id"] or \
                a["slotIndex"] != one["slotIndex"] or \
                a["reservation"]["availabilityId"] != offer:
            fail(f"another agent: {a}")
    w.one("get", t + "/{id}", t + "/" + 64 * "0", 404)
    w.one("get", t + "/{id}", t + "/x", 400)


def no_market(w, plain):
    for t, item in w.api.doc["paths"].items():
        for m in METHODS:
            if m not in item or "NoMarket" not in json.dumps(item[m]):
                continue
            body = w.one(m, t, re.sub(r"\{[^}]*\}", "x", t), 503,
                         client=plain, body=None if m == "get" else b"{")
            if body.strip() != b"Persistence is not enabled":
                fail(f"{m} {t}: {body!r}")


def every_operation(w):
    """What all of them have: ids that are none, no token, a foreign page."""
    for t, item in w.api.doc["paths"].items():
        ops = [m for m in METHODS if m in item]
        path = re.sub(r"\{[^}]*\}", "x", t)
        status, headers, _ = w.client.ask("OPTIONS", w.prefix + path)
        allowed = set(headers["Allow"].split(", "))
        want = {m.upper() for m in ops} | {"OPTIONS"}
        want |= {"HEAD"} if "get" in ops else set()
        if status != 204 or allowed != want:
            fail(f"OPTIONS {t}: {allowed}, not {want}")
        for m in ops:
            if "401" in item[m]["responses"] and m != "get":
                w.one(m, t, path, 401, auth=False)
            if "{" in t:
                w.one(m, t, path)
                w.one(m, t, t.replace("{cid}", ABSENT)
                      .replace("{id}", "0x" + 64 * "0")
                      .replace("{peerId}", ABSENT))
            elif m != "post":
                w.one(m, t, path)
            else:
                w.one(m, t, path, body=b"{", headers={
                    "Content-Type": "application/json"})
            w.one(m, t, path, 403, auth=False,
                  headers={"Origin": "http://evil.example"})
            w.one(m, t, path, 403, headers={"Host": "evil.example"})


def every_status(w):
    for t, item in w.api.doc["paths"].items():
        for m in METHODS:
            if m not in item:
                continue
            missing = set(item[m]["responses"]) - w.seen.get((m, t), set())
            missing -= UNSEEN
            # a failed store, no peers, a dataset that others work on
            if "NoMarket" not in json.dumps(item[m]):
                missing -= {"503"}
            if missing:
                fail(f"{m} {t}: {sorted(missing)} never seen")


def every_path(w, source):
    text = open(source, encoding="utf-8").read()
    ours = {re.sub(r"\{[^}]*\}", "*", t) for t in w.api.doc["paths"]}
    theirs = set(re.findall(r'\{P "([^"]*)"', text))
    if ours != theirs:
        fail(f"only in one of file and server: {ours ^ theirs}")


def main():
    yaml, url, token, source, peer, addr, plain, plain_token = sys.argv[1:]
    api = Api(load(yaml))
    api.every_ref(api.doc)
    w = Walk(api, Client(url, token))
    every_path(w, source)
    data = bytes(i * 31 + (i >> 8) & 255 for i in range(200000))
    cid = data_calls(w, data)
    node_calls(w, peer, addr)
    every_operation(w)
    no_market(w, Client(plain, plain_token))
    offer = offer_calls(w)
    small = w.one("post", "/data", "/data", 200, body=b"x").decode()
    # which then stays, as what was made of it does
    bought = w.one("post", "/data", "/data", 200, body=data[::-1]).decode()
    request_calls(w, bought, small)
    slot_calls(w, offer)
    t = "/data/{cid}"
    w.one("delete", t, f"/data/{cid}", 204)
    w.one("get", t, f"/data/{cid}", 404)
    every_status(w)
    print(f"{w.calls} calls of {len(w.seen)} operations")


main()
