// SPDX-License-Identifier: Apache-2.0 OR MIT
// The marketplace of @codex-storage/sdk-js, between two nodes on one chain:
//   sdk_market.mjs BUYER TOKEN SELLER TOKEN CID SMALL
// CID and SMALL are datasets of the buyer, SMALL of a single block.
import assert from "node:assert/strict";
import { Codex } from "@codex-storage/sdk-js";

const [buyUrl, buyToken, sellUrl, sellToken, cid, small] =
  process.argv.slice(2);
const client = (url, token) =>
  new Codex(url, {
    auth: { basic: Buffer.from("user:" + token).toString("base64") },
  }).marketplace;
const buyer = client(buyUrl, buyToken);
const seller = client(sellUrl, sellToken);
const stranger = new Codex(sellUrl).marketplace;
const absent = "0x" + "00".repeat(32);
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
  assert.equal(r.data.code, code, r.data.message);
  assert.match(r.data.message, text);
}
// until @find gives something, for a minute
async function until(what, find) {
  for (let i = 0; i < 300; i++) {
    const found = await find();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.fail("not within a minute: " + what);
}

// ---- what is offered ----
assert.deepEqual(await ok(seller.availabilities()), []);
const terms = {
  totalSize: 10_000_000,
  duration: 100_000,
  minPricePerBytePerSecond: 5,
  totalCollateral: 1_000_000_000,
};
const offer = await ok(seller.createAvailability(terms));
assert.match(offer.id, /^0x[0-9a-f]{64}$/);
assert.deepEqual(offer, {
  id: offer.id,
  totalSize: 10_000_000,
  freeSize: 10_000_000,
  duration: 100_000,
  minPricePerBytePerSecond: 5n,
  totalCollateral: 1_000_000_000n,
  totalRemainingCollateral: 1_000_000_000n,
  enabled: true,
  until: 0,
});
assert.deepEqual(await ok(seller.availabilities()), [offer]);
assert.deepEqual(await ok(seller.reservations(offer.id)), []);
await refused(stranger.createAvailability(terms), 401, /token/);
await refused(
  seller.createAvailability({ ...terms, totalCollateral: 0 }),
  422,
  /totalCollateral/,
);
await refused(
  seller.createAvailability({ ...terms, totalSize: Number.MAX_SAFE_INTEGER }),
  422,
  /disk/,
);
await refused(seller.updateAvailability({ id: "x", duration: 1 }), 400, /id/);
await refused(
  seller.updateAvailability({ id: absent, duration: 1 }),
  404,
  /not found/,
);
await refused(seller.reservations(absent), 404, /not found/);
assert.equal(
  await ok(seller.updateAvailability({ id: offer.id, enabled: false })),
  "",
);
assert.equal((await ok(seller.availabilities()))[0].enabled, false);

// ---- nothing yet ----
assert.deepEqual(await ok(seller.activeSlots()), []);
await refused(seller.activeSlot(absent), 404, /not filling/);
await refused(seller.activeSlot("nonsense"), 400, /id/);
assert.deepEqual(await ok(buyer.purchaseIds()), []);
assert.deepEqual(await ok(buyer.purchases()), []);
await refused(buyer.purchaseDetail(absent), 404, /purchase/);
await refused(buyer.purchaseDetail("nonsense"), 400, /id/);

// ---- requests that are wrong ----
const request = {
  cid,
  duration: 3600,
  expiry: 900,
  pricePerBytePerSecond: 2,
  proofProbability: 3,
  collateralPerByte: 1,
  nodes: 3,
  tolerance: 1,
};
for (const [change, code, text] of [
  [{ expiry: 3600 }, 422, /expiry/],
  [{ duration: 1e12 }, 422, /limit/],
  // what sdk-js says by itself
  [{ nodes: undefined }, 422, /nodes/],
  [{ tolerance: 2 }, 422, /tolerance/],
  [{ cid: "nonsense" }, 400, /CID/],
  [{ cid: small }, 422, /bytes/],
])
  await refused(buyer.createStorageRequest({ ...request, ...change }), code, text);
// one who only sells, and one who only buys
await refused(seller.createStorageRequest(request), 503, /not enabled/);
await refused(buyer.activeSlots(), 503, /not enabled/);

// ---- one that is right, and waits for a seller ----
const id = await ok(buyer.createStorageRequest(request));
assert.match(id, /^[0-9a-f]{64}$/);
assert.deepEqual(await ok(buyer.purchaseIds()), ["0x" + id]);
const purchase = await until("on the chain", async () => {
  const p = await ok(buyer.purchaseDetail(id));
  return p.state === "submitted" && p;
});
assert.equal(purchase.requestId, "0x" + id);
assert.equal(purchase.request.id, "0x" + id);
assert.equal(purchase.request.expiry, 900);
assert.match(purchase.request.client, /^0x[0-9a-fA-F]{40}$/);
assert.match(purchase.request.nonce, /^0x[0-9a-f]{64}$/);
assert.match(purchase.request.content.cid, /^z/);
const { ask } = purchase.request;
assert.equal(ask.slots, 3);
assert.equal(ask.maxSlotLoss, 1);
assert.equal(ask.duration, 3600);
assert.equal(ask.proofProbability, 3);
assert.equal(ask.pricePerBytePerSecond, 2);
assert.ok(ask.slotSize > 0);
assert.equal((await ok(buyer.purchases()))[0].requestId, "0x" + id);

// Offered again, but too dear; then at its price: each change is looked at, and the
// last one has it taken
await ok(
  seller.updateAvailability({
    id: offer.id,
    enabled: true,
    totalSize: 9_000_000,
    totalCollateral: 2_000_000_000,
  }),
);
assert.deepEqual(await ok(seller.activeSlots()), []);
await ok(
  seller.updateAvailability({ id: offer.id, minPricePerBytePerSecond: 1 }),
);
const slots = await until("a slot", async () => {
  const all = await ok(seller.activeSlots());
  return all.length > 0 && all;
});
for (const slot of slots) {
  assert.match(slot.id, /^0x[0-9a-f]{64}$/);
  assert.equal(slot.request.id, "0x" + id);
  const agent = await ok(seller.activeSlot(slot.id));
  assert.match(agent.state, /^Sale(Filling|Filled|Proving)$/);
  assert.equal(agent.requestId, "0x" + id);
  assert.equal(agent.slotIndex, slot.slotIndex);
  assert.equal(agent.request.ask.slotSize, ask.slotSize);
  assert.equal(agent.reservation.availabilityId, offer.id);
}
const reservations = await ok(seller.reservations(offer.id));
assert.equal(reservations.length, slots.length);
assert.equal(reservations[0].requestId, "0x" + id);
assert.equal(reservations[0].slotIndex, slots[0].slotIndex);
const [used] = await ok(seller.availabilities());
assert.equal(used.freeSize, 9_000_000 - slots.length * ask.slotSize);
assert.equal(
  used.totalRemainingCollateral,
  2_000_000_000n - BigInt(slots.length * ask.slotSize),
);
// what is in use is not given up
await refused(
  seller.updateAvailability({ id: offer.id, totalSize: 1 }),
  422,
  /in use/,
);
await refused(
  seller.updateAvailability({ id: offer.id, until: 1 }),
  422,
  /until/,
);
console.log(`${calls} calls of sdk-js's marketplace`);
