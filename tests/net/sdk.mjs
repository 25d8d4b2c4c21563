// SPDX-License-Identifier: Apache-2.0 OR MIT
// Every call of @codex-storage/sdk-js:
//   sdk.mjs URL TOKEN FILE CID PEER ADDR
// FILE is what the peer at ADDR has as CID, and the node at URL has not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Codex } from "@codex-storage/sdk-js";
import { NodeUploadStrategy } from "@codex-storage/sdk-js/node";

const [url, token, file, remote, peer, addr] = process.argv.slice(2);
const bytes = readFileSync(file);
const ours = Buffer.from(bytes).reverse();
const basic = Buffer.from("user:" + token).toString("base64");
const codex = new Codex(url, { auth: { basic } });
const open = new Codex(url);
const { data, node, debug, marketplace } = codex;
let calls = 0;

// the value of a call that succeeds
async function ok(promise) {
  const r = await promise;
  calls++;
  assert.equal(r.error, false, r.error ? r.data.message : "");
  return r.data;
}
// the status and text of one that does not
async function refused(promise, code, text) {
  const r = await promise;
  calls++;
  assert.equal(r.error, true);
  assert.equal(r.data.code, code);
  assert.match(r.data.message, text);
}
function manifest(m, name, type) {
  assert.equal(typeof m.treeCid, "string");
  assert.equal(m.datasetSize, bytes.length);
  assert.equal(m.blockSize, 65536);
  assert.equal(m.protected, false);
  assert.equal(m.filename, name);
  assert.equal(m.mimetype, type);
}
async function content(response) {
  return Buffer.from(await (await ok(response)).arrayBuffer());
}

// ---- data ----
const upload = data.upload(
  new NodeUploadStrategy(ours, { filename: "f.bin", mimetype: "text/plain" }),
);
const cid = await ok(upload.result);
assert.match(cid, /^z[1-9A-HJ-NP-Za-km-z]+$/);
const plain = await ok(data.upload(new NodeUploadStrategy(ours)).result);
assert.notEqual(plain, cid);
const bad = await data.upload(new NodeUploadStrategy(ours, { filename: "a/b" }))
  .result;
assert.equal(bad.error, true);
assert.equal(bad.data.code, 422);

const { content: all } = await ok(data.cids());
assert.deepEqual(all.map((x) => x.cid).sort(), [cid, plain].sort());
manifest(all.find((x) => x.cid === cid).manifest, "f.bin", "text/plain");
manifest(all.find((x) => x.cid === plain).manifest, null, null);

const space = await ok(data.space());
for (const key of [
  "totalBlocks",
  "quotaMaxBytes",
  "quotaUsedBytes",
  "quotaReservedBytes",
])
  assert.equal(typeof space[key], "number", key);
assert.ok(space.totalBlocks >= 5);
assert.ok(space.quotaUsedBytes >= bytes.length);

const response = await ok(data.localDownload(cid));
assert.equal(response.headers.get("content-type"), "text/plain");
assert.ok(ours.equals(Buffer.from(await response.arrayBuffer())));
await refused(data.localDownload(remote), 404, /not here/);
await refused(data.localDownload("nonsense"), 400, /CID/);
assert.ok(ours.equals(await content(data.networkDownloadStream(cid))));

// ---- node ----
const spr = await ok(node.spr());
assert.match(spr.spr, /^spr:[\w-]+$/);
assert.equal(await ok(node.spr("text")), spr.spr);
const id = await ok(node.peerId());
assert.match(id.id, /^16Uiu2HA/);
assert.equal(await ok(node.peerId("text")), id.id);
assert.equal(typeof (await ok(node.connect(peer, [addr]))), "string");
// addresses that are nobody's, and one that is: all are tried
await ok(
  node.connect(peer, ["/ip4/127.0.0.1/udp/9/quic-v1", "/ip4/127.0.0.1/tcp/1", addr]),
);
await refused(node.connect(id.id, [addr]), 400, /./);
await refused(node.connect("nonsense"), 400, /peer id/);

// ---- data of another node ----
manifest((await ok(data.fetchManifest(remote))).manifest, null, null);
assert.ok(bytes.equals(await content(data.networkDownloadStream(remote))));
const fetched = await ok(data.networkDownload(remote));
assert.equal(fetched.cid, remote);
manifest(fetched.manifest, null, null);
for (let i = 0; ; i++) {
  const r = await data.localDownload(remote);
  if (!r.error) {
    assert.ok(bytes.equals(Buffer.from(await r.data.arrayBuffer())));
    break;
  }
  assert.ok(i < 600, "not fetched");
  await new Promise((done) => setTimeout(done, 100));
}

// ---- deletes ----
await refused(open.data.delete(cid), 401, /token/);
assert.equal(await ok(data.delete(cid)), "");
assert.equal(await ok(data.delete(cid)), "");
await refused(data.localDownload(cid), 404, /not here/);
await refused(data.delete("nonsense"), 400, /CID/);

// ---- debug ----
const info = await ok(debug.info());
assert.equal(info.id, id.id);
assert.match(info.spr, /^spr:/);
assert.ok(info.addrs.every((x) => typeof x === "string"));
assert.ok(info.announceAddresses.every((x) => typeof x === "string"));
assert.equal(typeof info.repo, "string");
assert.equal(typeof info.codex.version, "string");
for (const one of [info.table.localNode, ...info.table.nodes])
  for (const [key, type] of Object.entries({
    nodeId: "string",
    peerId: "string",
    record: "string",
    address: "string",
    seen: "boolean",
  }))
    assert.equal(typeof one[key], type, key);
assert.ok(info.table.nodes.some((x) => x.peerId === peer));
for (const level of [
  "TRACE",
  "DEBUG",
  "INFO",
  "NOTICE",
  "WARN",
  "ERROR",
  "FATAL",
  "INFO",
])
  assert.equal(await ok(debug.setLogLevel(level)), "");

// ---- what there is no market for ----
const none = /^Persistence is not enabled/;
await refused(marketplace.activeSlots(), 503, none);
await refused(marketplace.activeSlot("0x00"), 503, none);
await refused(marketplace.availabilities(), 503, none);
await refused(
  marketplace.createAvailability({
    totalSize: 1000,
    duration: 1000,
    minPricePerBytePerSecond: 1,
    totalCollateral: 1,
  }),
  503,
  none,
);
await refused(
  marketplace.updateAvailability({ id: "0x00", totalSize: 1000 }),
  503,
  none,
);
await refused(marketplace.reservations("0x00"), 503, none);
await refused(marketplace.purchaseIds(), 503, none);
await refused(marketplace.purchases(), 503, none);
await refused(marketplace.purchaseDetail("0x00"), 503, none);
await refused(
  marketplace.createStorageRequest({
    cid: plain,
    duration: 1000,
    pricePerBytePerSecond: 1,
    proofProbability: 1,
    nodes: 3,
    tolerance: 1,
    expiry: 100,
    collateralPerByte: 1,
  }),
  503,
  none,
);
console.log(`${calls} calls of sdk-js`);
