/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "held_env.h"
#include "store/offer.h"

/* Offers and reservations.  SHARE is the provider's share, too. */

#define MIB (UINT64_C(1) << 20)

static int64_t reserved(void)
{
	return cdx_kv_counter(T.s, CDX_CNT_RESERVED_PROVIDER);
}

static struct cdx_offer offer(uint64_t total, uint64_t collateral)
{
	const struct cdx_offer o = {
		.total = total,
		.duration = 1000,
		.min_price = cdx_u256_of(3),
		.collateral = cdx_u256_of(collateral),
		.enabled = true,
	};

	return o;
}

static struct cdx_reservation reservation(uint8_t slot,
					  const struct cdx_offer *o,
					  uint64_t bytes, uint64_t collateral)
{
	struct cdx_reservation r = {
		.slot = {slot},
		.request = {1, slot},
		.index = slot,
		.bytes = bytes,
		.collateral = cdx_u256_of(collateral),
		.valid_until = 5000 + slot,
		.note = "what the market wants to know",
		.note_len = 12,
	};

	memcpy(r.offer, o->id, sizeof(r.offer));
	return r;
}

/* The offer as it is now */
static void is_now(const struct cdx_offer *o, uint64_t free, uint64_t remaining)
{
	const struct cdx_u256 want = cdx_u256_of(remaining);
	struct cdx_offer now;

	assert_int_equal(cdx_offer_get(T.s, o->id, &now), 0);
	assert_int_equal(now.free, free);
	assert_int_equal(cdx_u256_cmp(&now.remaining, &want), 0);
}

static void end(const struct cdx_reservation *r,
		const struct cdx_reservation *heir, int want)
{
	struct cdx_rider_reservation a = {.has_heir = heir != NULL};

	memcpy(a.slot, r->slot, sizeof(a.slot));
	if (heir != NULL)
		memcpy(a.heir, heir->slot, sizeof(a.heir));
	assert_int_equal(cdx_reservation_end(T.s, &a), want);
	assert_int_equal(a.rc, want);
}

/* ---- offers ---- */

static int count(void *arg, const struct cdx_offer *o)
{
	unsigned *n = arg;

	(void)o;
	return ++*n == 100 ? -ECANCELED : 0;
}

static void offers(void **state)
{
	struct cdx_offer o = offer(10 * MIB, 500);
	struct cdx_offer got;
	struct cdx_offer same;
	uint8_t none[CDX_OFFER_ID_LEN] = {9};
	unsigned n = 0;

	(void)state;
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
	assert_int_equal(o.free, o.total);
	assert_int_equal(cdx_u256_cmp(&o.remaining, &o.collateral), 0);
	assert_int_equal(reserved(), 10 * MIB);
	tmp_store_reopen(&T);
	assert_int_equal(cdx_offer_get(T.s, o.id, &got), 0);
	assert_memory_equal(&got, &o, sizeof(o));
	assert_int_equal(cdx_offer_get(T.s, none, &got), -ENOENT);
	same = o;
	assert_int_equal(cdx_offer_add(T.s, &same), -EEXIST);
	assert_int_equal(reserved(), 10 * MIB);
	tmp_fsck_clean(&T);
	/* more of them than one page of the list */
	for (unsigned i = 0; i < 70; i++) {
		struct cdx_offer more = offer(MIB, 1);

		assert_int_equal(cdx_offer_add(T.s, &more), 0);
	}
	assert_int_equal(cdx_offer_list(T.s, count, &n), 0);
	assert_int_equal(n, 71);
	n = 95;
	assert_int_equal(cdx_offer_list(T.s, count, &n), -ECANCELED);
	assert_int_equal(reserved(), 80 * MIB);
	tmp_fsck_clean(&T);
}

static void zeros(void **state)
{
	const struct cdx_offer good = offer(MIB, 5);
	struct cdx_offer o;

	(void)state;
#define REFUSED(member, value)                                     \
	do {                                                       \
		o = good;                                          \
		o.member = value;                                  \
		assert_int_equal(cdx_offer_add(T.s, &o), -EINVAL); \
	} while (0)
	REFUSED(total, 0);
	REFUSED(duration, 0);
	REFUSED(min_price, cdx_u256_of(0));
	REFUSED(collateral, cdx_u256_of(0));
	REFUSED(until, -1);
#undef REFUSED
	o = good;
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
#define REFUSED(member, value, which)                                         \
	do {                                                                  \
		struct cdx_offer c = o;                                       \
		c.member = value;                                             \
		assert_int_equal(cdx_offer_change(T.s, &c, which, NULL),      \
				 -EINVAL);                                    \
		assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_ENABLED, \
						  NULL),                      \
				 0);                                          \
	} while (0)
	REFUSED(total, 0, CDX_OFFER_TOTAL);
	REFUSED(duration, 0, CDX_OFFER_DURATION);
	REFUSED(min_price, cdx_u256_of(0), CDX_OFFER_PRICE);
	REFUSED(collateral, cdx_u256_of(0), CDX_OFFER_COLLATERAL);
	REFUSED(until, -5, CDX_OFFER_UNTIL);
#undef REFUSED
	is_now(&o, MIB, 5);
	assert_int_equal(reserved(), MIB);
	tmp_fsck_clean(&T);
}

/* A change asks the quota for what is more alone: spec/marketplace.md 10.2, 5. */
static void quota(void **state)
{
	struct cdx_offer o = offer(SHARE, 5);
	struct cdx_offer small = offer(MIB, 5);
	struct cdx_offer now;

	(void)state;
	o.total = SHARE + 1;
	assert_int_equal(cdx_offer_add(T.s, &o), CDX_E_QUOTA);
	o.total = UINT64_MAX;
	assert_int_equal(cdx_offer_add(T.s, &o), CDX_E_QUOTA);
	assert_int_equal(reserved(), 0);
	o.total = SHARE - MIB;
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
	assert_int_equal(cdx_offer_add(T.s, &small), 0);
	small.total = MIB + 1;
	memset(small.id, 0, sizeof(small.id));
	assert_int_equal(cdx_offer_add(T.s, &small), CDX_E_QUOTA);
	/* the whole share but for a byte is one offer's: no room for it twice */
	o.total = SHARE - MIB - 1;
	assert_int_equal(cdx_offer_change(T.s, &o, CDX_OFFER_TOTAL, &now), 0);
	assert_int_equal(now.free, o.total);
	assert_int_equal(reserved(), SHARE - 1);
	o.total = SHARE - MIB + 1;
	assert_int_equal(cdx_offer_change(T.s, &o, CDX_OFFER_TOTAL, &now),
			 CDX_E_QUOTA);
	o.total = SHARE - MIB;
	assert_int_equal(cdx_offer_change(T.s, &o, CDX_OFFER_TOTAL, &now), 0);
	assert_int_equal(reserved(), SHARE);
	assert_int_equal(cdx_offer_change(T.s, &o, CDX_OFFER_TOTAL, &now), 0);
	assert_int_equal(reserved(), SHARE);
	tmp_fsck_clean(&T);
}

static void changes(void **state)
{
	struct cdx_offer o = offer(10 * MIB, 500);
	struct cdx_offer c;
	struct cdx_offer now;
	struct cdx_reservation r;

	(void)state;
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
	r = reservation(1, &o, 4 * MIB, 300);
	assert_int_equal(cdx_reservation_add(T.s, &r), 0);
	is_now(&o, 6 * MIB, 200);
	/* members that are not named stay */
	c = o;
	c.total = 20 * MIB;
	c.duration = 7;
	c.min_price = cdx_u256_of(9);
	c.collateral = cdx_u256_of(1000);
	c.enabled = false;
	c.until = 9999;
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_PRICE, &now), 0);
	assert_int_equal(now.total, 10 * MIB);
	assert_int_equal(now.duration, 1000);
	assert_true(now.enabled);
	assert_int_equal(cdx_u256_cmp(&now.min_price, &c.min_price), 0);
	assert_int_equal(cdx_offer_change(T.s, &c, 63, &now), 0);
	assert_int_equal(now.total, 20 * MIB);
	assert_int_equal(now.free, 16 * MIB);
	assert_int_equal(now.duration, 7);
	assert_false(now.enabled);
	assert_int_equal(now.until, 9999);
	/* what is in use stays in use: 10.2, 5 */
	is_now(&o, 16 * MIB, 700);
	assert_int_equal(reserved(), 20 * MIB);
	/* total below what is in use; just as much */
	c.total = 4 * MIB - 1;
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_TOTAL, NULL),
			 -ERANGE);
	c.total = 4 * MIB;
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_TOTAL, NULL), 0);
	is_now(&o, 0, 700);
	assert_int_equal(reserved(), 4 * MIB);
	/* until before the reservation's end; any */
	c.until = 5000;
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_UNTIL, NULL),
			 -ERANGE);
	c.until = 5001;
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_UNTIL, NULL), 0);
	c.until = 0;
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_UNTIL, NULL), 0);
	/* collateral below what is in use: nothing is left, and comes back as it
	 * should */
	c.collateral = cdx_u256_of(100);
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_COLLATERAL, NULL),
			 0);
	is_now(&o, 0, 0);
	tmp_fsck_clean(&T);
	end(&r, NULL, 0);
	is_now(&o, 4 * MIB, 100);
	assert_int_equal(reserved(), 4 * MIB);
	memset(c.id, 1, sizeof(c.id));
	assert_int_equal(cdx_offer_change(T.s, &c, CDX_OFFER_TOTAL, NULL),
			 -ENOENT);
	tmp_fsck_clean(&T);
}

/* ---- reservations ---- */

static int sum(void *arg, const struct cdx_reservation *r)
{
	uint64_t *n = arg;

	*n += r->size;
	return 0;
}

static void reservations(void **state)
{
	struct cdx_offer o = offer(10 * MIB, 500);
	struct cdx_offer none = offer(1, 1);
	struct cdx_reservation r;
	struct cdx_reservation got;
	uint64_t n = 0;

	(void)state;
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
	memset(none.id, 4, sizeof(none.id));
	r = reservation(1, &none, 1, 1);
	assert_int_equal(cdx_reservation_add(T.s, &r), -ENOENT);
	r = reservation(1, &o, 10 * MIB + 1, 1);
	assert_int_equal(cdx_reservation_add(T.s, &r), -ERANGE);
	r = reservation(1, &o, 1, 501);
	assert_int_equal(cdx_reservation_add(T.s, &r), -ERANGE);
	r = reservation(1, &o, 10 * MIB, 500);
	assert_int_equal(cdx_reservation_add(T.s, &r), 0);
	assert_int_equal(cdx_reservation_add(T.s, &r), -EEXIST);
	is_now(&o, 0, 0);
	assert_int_equal(reserved(), 10 * MIB);
	tmp_fsck_clean(&T);
	/* what the market notes */
	r.valid_until = 77;
	memset(r.note, 0xab, sizeof(r.note));
	r.note_len = CDX_SALE_NOTE_MAX;
	assert_int_equal(cdx_reservation_note(T.s, &r), 0);
	r.note_len++;
	assert_int_equal(cdx_reservation_note(T.s, &r), -EINVAL);
	r.note_len--;
	tmp_store_reopen(&T);
	assert_int_equal(cdx_reservation_get(T.s, r.slot, &got), 0);
	assert_memory_equal(&got, &r, sizeof(r));
	assert_int_equal(got.size, 10 * MIB);
	assert_int_equal(cdx_reservation_list(T.s, sum, &n), 0);
	assert_int_equal(n, 10 * MIB);
	end(&r, NULL, 0);
	end(&r, NULL, -ENOENT);
	assert_int_equal(cdx_reservation_get(T.s, r.slot, &got), -ENOENT);
	assert_int_equal(cdx_reservation_note(T.s, &r), -ENOENT);
	is_now(&o, 10 * MIB, 500);
	assert_int_equal(reserved(), 10 * MIB);
	tmp_fsck_clean(&T);
}

/* ---- with the bytes of a slot ---- */

static struct cdx_rider_reservation arg_of(const struct cdx_reservation *r)
{
	struct cdx_rider_reservation a = {.s = T.s};

	memcpy(a.slot, r->slot, sizeof(a.slot));
	return a;
}

static void sold(void **state)
{
	const uint64_t slot = 10 * CDX_BLOCK_SIZE;
	struct cdx_offer o = offer(SHARE, 500);
	struct cdx_rider_reservation a;
	struct cdx_rider filled = {cdx_reservation_filled, &a};
	struct cdx_rider ended = {cdx_reservation_ended, &a};
	struct cdx_reservation r;
	struct cdx_protection p;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 38, 4, 2, 0), 0);
	/* all of the share is offered: what is sold comes out of that */
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
	/* the last data slot has two blocks of padding */
	r = reservation(3, &o, slot, 100);
	assert_int_equal(cdx_reservation_add(T.s, &r), 0);
	a = arg_of(&r);
	assert_int_equal(hk_fill(T.s, &h, &p, 3, &filled), 0);
	assert_int_equal(a.rc, 0);
	assert_int_equal(provider(), slot - 2 * CDX_BLOCK_SIZE);
	assert_int_equal(reserved(), SHARE - slot);
	assert_int_equal(cdx_reservation_get(T.s, r.slot, &r), 0);
	assert_int_equal(r.size, 0);
	is_now(&o, SHARE - slot, 400);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	a.s = T.s;
	assert_int_equal(cdx_held_release(T.s, &h.cid, 3, &ended), 0);
	assert_int_equal(a.rc, 0);
	assert_int_equal(provider(), 0);
	assert_int_equal(reserved(), SHARE);
	is_now(&o, SHARE, 500);
	/* once more: nothing comes back twice */
	assert_int_equal(cdx_held_release(T.s, &h.cid, 3, &ended), 0);
	assert_int_equal(reserved(), SHARE);
	is_now(&o, SHARE, 500);
	/* without a reservation nothing is charged */
	assert_int_equal(hk_fill(T.s, &h, &p, 3, &filled), -ENOENT);
	assert_int_equal(a.rc, -ENOENT);
	assert_int_equal(provider(), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* A renewal takes over the bytes, from another offer's reservation as well. */
static void heirs(void **state)
{
	struct cdx_offer o = offer(10 * MIB, 500);
	struct cdx_offer q = offer(5 * MIB, 500);
	struct cdx_rider_reservation a;
	struct cdx_rider filled = {cdx_reservation_filled, &a};
	struct cdx_rider ended = {cdx_reservation_ended, &a};
	const uint64_t slot = 10 * CDX_BLOCK_SIZE;
	struct cdx_reservation r;
	struct cdx_reservation heir;
	struct cdx_reservation third;
	struct cdx_protection p;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 0), 0);
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
	assert_int_equal(cdx_offer_add(T.s, &q), 0);
	r = reservation(1, &o, slot, 100);
	assert_int_equal(cdx_reservation_add(T.s, &r), 0);
	heir = reservation(2, &q, 0, 50);
	assert_int_equal(cdx_reservation_add(T.s, &heir), 0);
	a = arg_of(&r);
	assert_int_equal(hk_fill(T.s, &h, &p, 1, &filled), 0);
	a = arg_of(&heir);
	assert_int_equal(hk_fill(T.s, &h, &p, 1, &filled), 0);
	assert_int_equal(provider(), slot);
	third = reservation(3, &q, 0, 1);
	end(&r, &third, -ENOENT);
	end(&r, &heir, 0);
	is_now(&o, 10 * MIB - slot, 500);
	is_now(&q, 5 * MIB, 450);
	assert_int_equal(reserved(), 15 * MIB - slot);
	assert_int_equal(cdx_reservation_get(T.s, heir.slot, &heir), 0);
	assert_int_equal(heir.bytes, slot);
	assert_int_equal(heir.size, 0);
	assert_memory_equal(heir.bytes_of, o.id, sizeof(o.id));
	/* one that has bytes of its own inherits none */
	third = reservation(3, &o, MIB, 1);
	assert_int_equal(cdx_reservation_add(T.s, &third), 0);
	end(&heir, &third, -EINVAL);
	tmp_fsck_clean(&T);
	/* the offer that they are of cannot be less, nor end before */
	o.total = slot;
	assert_int_equal(cdx_offer_change(T.s, &o, CDX_OFFER_TOTAL, NULL),
			 -ERANGE);
	end(&third, NULL, 0);
	assert_int_equal(cdx_offer_change(T.s, &o, CDX_OFFER_TOTAL, NULL), 0);
	o.until = heir.valid_until - 1;
	assert_int_equal(cdx_offer_change(T.s, &o, CDX_OFFER_UNTIL, NULL),
			 -ERANGE);
	a = arg_of(&heir);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 1, &ended), 0);
	is_now(&o, slot, 500);
	is_now(&q, 5 * MIB, 500);
	assert_int_equal(reserved(), slot + 5 * MIB);
	assert_int_equal(provider(), 0);
	tmp_fsck_clean(&T);

	/* before anything is charged what is inherited is still reserved */
	r = reservation(1, &q, MIB, 100);
	heir = reservation(2, &q, 0, 100);
	assert_int_equal(cdx_reservation_add(T.s, &r), 0);
	assert_int_equal(cdx_reservation_add(T.s, &heir), 0);
	end(&r, &heir, 0);
	assert_int_equal(cdx_reservation_get(T.s, heir.slot, &heir), 0);
	assert_int_equal(heir.size, MIB);
	is_now(&q, 4 * MIB, 400);
	assert_int_equal(reserved(), slot + 5 * MIB);
	end(&heir, NULL, 0);
	is_now(&q, 5 * MIB, 500);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* ---- records and the check of them ---- */

static void records(void **state)
{
	struct cdx_offer o = offer(MIB, 5);
	struct cdx_offer oo;
	struct cdx_reservation r;
	struct cdx_reservation rr;
	struct cdx_buf b = {0};

	(void)state;
	memset(o.id, 7, sizeof(o.id));
	o.free = 5;
	o.until = 8;
	o.created = 99;
	cdx_offer_encode(&b, &o);
	assert_int_equal(cdx_offer_decode(&oo, b.p, b.len), 0);
	assert_memory_equal(&oo, &o, sizeof(o));
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(cdx_offer_decode(&oo, b.p, i), CDX_E_CORRUPT);
	b.p[1] = 2;
	assert_int_equal(cdx_offer_decode(&oo, b.p, b.len), CDX_E_CORRUPT);
	b.p[0] = 2;
	assert_int_equal(cdx_offer_decode(&oo, b.p, b.len), CDX_E_VERSION);
	b.len = 0;
	o.free = MIB + 1;
	cdx_offer_encode(&b, &o);
	assert_int_equal(cdx_offer_decode(&oo, b.p, b.len), CDX_E_CORRUPT);
	b.len = 0;

	r = reservation(1, &o, 5, 3);
	r.size = 5;
	memcpy(r.bytes_of, r.offer, sizeof(r.offer));
	memset(r.note + r.note_len, 0, sizeof(r.note) - r.note_len);
	cdx_reservation_encode(&b, &r);
	assert_int_equal(cdx_reservation_decode(&rr, b.p, b.len), 0);
	assert_memory_equal(&rr, &r, sizeof(r));
	assert_int_equal(cdx_reservation_decode(&rr, b.p,
						b.len - r.note_len - 1),
			 CDX_E_CORRUPT);
	b.len = 0;
	r.size = 4;
	cdx_reservation_encode(&b, &r);
	assert_int_equal(cdx_reservation_decode(&rr, b.p, b.len),
			 CDX_E_CORRUPT);
	b.len = 0;
	r.size = 0;
	r.bytes = 0;
	r.bytes_of[0] ^= 1;
	cdx_reservation_encode(&b, &r);
	assert_int_equal(cdx_reservation_decode(&rr, b.p, b.len),
			 CDX_E_CORRUPT);
	cdx_buf_free(&b);
}

static void put_row(const char *prefix, const uint8_t id[32], const void *val,
		    size_t len)
{
	char key[80];
	char hex[65];
	struct cdx_batch *b;

	cdx_hex(hex, id, 32);
	(void)snprintf(key, sizeof(key), "%s%s", prefix, hex);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	if (val != NULL)
		cdx_batch_put(b, CDX_DB_META, key, strlen(key), val, len);
	else
		cdx_batch_del(b, CDX_DB_META, key, strlen(key));
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void found(void **state)
{
	struct cdx_offer o = offer(MIB, 5);
	struct cdx_reservation r;
	struct tmp_findings v;
	struct cdx_buf b = {0};
	uint8_t other[32] = {3};

	(void)state;
	assert_int_equal(cdx_offer_add(T.s, &o), 0);
	r = reservation(1, &o, 100, 3);
	assert_int_equal(cdx_reservation_add(T.s, &r), 0);
	tmp_fsck_clean(&T);
	put_row("offer/", other, "x", 1);
	put_row("reservation/", other, "x", 1);
	tmp_fsck(&T, &v);
	assert_int_equal(tmp_found(&v, "offer-record-bad"), 1);
	assert_int_equal(tmp_found(&v, "reservation-record-bad"), 1);
	assert_int_equal(v.n, 2);
	put_row("offer/", other, NULL, 0);
	put_row("reservation/", other, NULL, 0);
	/* bytes and collateral that do not add up */
	assert_int_equal(cdx_offer_get(T.s, o.id, &o), 0);
	o.free++;
	o.remaining = cdx_u256_of(1);
	cdx_offer_encode(&b, &o);
	put_row("offer/", o.id, b.p, b.len);
	tmp_fsck(&T, &v);
	assert_int_equal(tmp_found(&v, "offer-sum"), 2);
	assert_int_equal(tmp_found(&v, "counter-reserved"), 1);
	assert_int_equal(v.n, 3);
	put_row("offer/", o.id, NULL, 0);
	tmp_fsck(&T, &v);
	assert_int_equal(tmp_found(&v, "reservation-without-offer"), 1);
	assert_int_equal(tmp_found(&v, "counter-reserved"), 1);
	assert_int_equal(v.n, 2);
	cdx_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(offers),	    CASE(zeros),
		CASE(quota),	    CASE(changes),
		CASE(reservations), CASE(sold),
		CASE(heirs),	    cmocka_unit_test(records),
		CASE(found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
