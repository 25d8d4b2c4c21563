/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/cache_internal.h"
#include "store/offer.h"
#include "store/records.h"

/* First byte: which record; the rest is its value (for free, protection and slot
 * node records: key and value; for those of the cache: length of the key, key and
 * value).  Whatever decodes must encode to the very same bytes. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const uint8_t *got, size_t got_len, const uint8_t *want,
		 size_t want_len)
{
	if (got_len != want_len || memcmp(got, want, want_len) != 0)
		abort();
}

static void area(const uint8_t *p, size_t len)
{
	uint8_t again[CDX_AREA_VAL_LEN];
	struct cdx_area_info info;

	if (cdx_area_info_decode(&info, p, len) < 0)
		return;
	cdx_area_info_encode(again, &info);
	same(again, sizeof(again), p, len);
}

static void block(const uint8_t *p, size_t len)
{
	uint8_t again[CDX_BLOCK_VAL_MAX];
	struct cdx_block_info info;

	if (cdx_block_info_decode(&info, p, len) == 0)
		same(again, cdx_block_info_encode(again, &info), p, len);
}

static void leaf(const uint8_t *p, size_t len)
{
	uint8_t again[CDX_LEAF_VAL_MAX];
	struct cdx_leaf lf;

	if (cdx_leaf_decode_val(&lf, p, len) == 0)
		same(again, cdx_leaf_encode(again, &lf), p, len);
}

static void dataset(const uint8_t *p, size_t len)
{
	struct cdx_buf again = {0};
	struct cdx_dataset_info info;
	const uint8_t *manifest;
	size_t manifest_len;

	if (cdx_dataset_decode(&info, &manifest, &manifest_len, p, len) < 0)
		return;
	cdx_dataset_encode(&again, &info, manifest, manifest_len);
	if (cdx_buf_ok(&again) == 0)
		same(again.p, again.len, p, len);
	cdx_buf_free(&again);
}

static void free_record(const uint8_t *p, size_t len)
{
	uint8_t key[CDX_FREE_KEY_LEN];
	uint8_t val[8];
	struct cdx_kv_pair pair = {.key = p, .key_len = CDX_FREE_KEY_LEN};
	struct cdx_free f;

	if (len < CDX_FREE_KEY_LEN)
		return;
	pair.val = p + CDX_FREE_KEY_LEN;
	pair.val_len = len - CDX_FREE_KEY_LEN;
	if (cdx_free_decode(&f, &pair) < 0)
		return;
	cdx_free_encode(key, val, &f);
	same(key, sizeof(key), p, CDX_FREE_KEY_LEN);
	same(val, sizeof(val), pair.val, pair.val_len);
}

static void protection(const uint8_t *p, size_t len)
{
	uint8_t key[CDX_PROTECTION_KEY_LEN];
	uint8_t val[CDX_PROTECTION_VAL_MAX];
	struct cdx_kv_pair pair = {.key = p, .key_len = sizeof(key)};
	struct cdx_protection rec;
	size_t n;

	if (len < sizeof(key))
		return;
	pair.val = p + sizeof(key);
	pair.val_len = len - sizeof(key);
	if (cdx_protection_decode(&rec, &pair) < 0)
		return;
	n = cdx_protection_encode(key, val, &rec);
	same(key, sizeof(key), p, sizeof(key));
	same(val, n, pair.val, pair.val_len);
}

static void slot_row(const uint8_t *p, size_t len)
{
	uint8_t key[CDX_SLOT_NODE_KEY_LEN];
	struct cdx_kv_pair pair = {.key = p, .key_len = sizeof(key)};
	struct cdx_slot_row row;
	int n;

	if (len < sizeof(key))
		return;
	pair.val = p + sizeof(key);
	pair.val_len = len - sizeof(key);
	n = cdx_slot_row_decode(&row, &pair);
	if (n < 0)
		return;
	if (n == 0 || 1 + (size_t)n * CDX_NODE_LEN != pair.val_len)
		abort();
	cdx_slot_row_key(key, &row);
	same(key, sizeof(key), p, sizeof(key));
}

static void cache(const uint8_t *p, size_t len)
{
	struct cdx_buf again = {0};
	struct cdx_tree_page page;
	struct cdx_cache_rec rec;
	size_t key_len;

	if (len == 0 || (size_t)p[0] > len - 1)
		return;
	key_len = p[0];
	p++;
	len -= 1 + key_len;
	if (cdx_cache_decode(&rec, p, key_len, p + key_len, len) < 0)
		return;
	cdx_cache_encode(&again, &rec);
	if (cdx_buf_ok(&again) == 0)
		same(again.p, again.len, p + key_len, len);
	cdx_buf_free(&again);
	if (rec.kind != CDX_CACHE_PAGE)
		return;
	cdx_cache_to_page(&page, &rec);
	same((const uint8_t *)page.leaf, page.n * sizeof(page.leaf[0]),
	     rec.body, page.n * sizeof(page.leaf[0]));
}

static void offer(const uint8_t *p, size_t len)
{
	struct cdx_buf again = {0};
	struct cdx_offer o;

	if (cdx_offer_decode(&o, p, len) < 0)
		return;
	cdx_offer_encode(&again, &o);
	if (cdx_buf_ok(&again) == 0)
		same(again.p, again.len, p, len);
	cdx_buf_free(&again);
}

static void reservation(const uint8_t *p, size_t len)
{
	struct cdx_buf again = {0};
	struct cdx_reservation r;

	if (cdx_reservation_decode(&r, p, len) < 0)
		return;
	cdx_reservation_encode(&again, &r);
	if (cdx_buf_ok(&again) == 0)
		same(again.p, again.len, p, len);
	cdx_buf_free(&again);
}

/* Leaves of the tree, number of the page, value */
static void held_page(const uint8_t *p, size_t len)
{
	uint8_t key[CDX_HELD_PAGE_KEY_LEN];
	uint8_t val[CDX_HELD_PAGE_VAL_MAX];
	struct cdx_tree_page page;
	size_t n;

	if (len < 12)
		return;
	page.leaves = cdx_get_be64(p) % ((UINT64_C(1) << 32) + 1);
	page.page = cdx_get_be32(p + 8);
	if (page.leaves == 0 ||
	    cdx_held_page_decode(&page, p + 12, len - 12) < 0)
		return;
	n = cdx_held_page_encode(key, val, 1, &page);
	same(val, n, p + 12, len - 12);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 11) {
	case 0:
		area(data + 1, size - 1);
		break;
	case 1:
		block(data + 1, size - 1);
		break;
	case 2:
		leaf(data + 1, size - 1);
		break;
	case 3:
		dataset(data + 1, size - 1);
		break;
	case 4:
		free_record(data + 1, size - 1);
		break;
	case 5:
		protection(data + 1, size - 1);
		break;
	case 6:
		slot_row(data + 1, size - 1);
		break;
	case 7:
		cache(data + 1, size - 1);
		break;
	case 8:
		offer(data + 1, size - 1);
		break;
	case 9:
		reservation(data + 1, size - 1);
		break;
	case 10:
		held_page(data + 1, size - 1);
		break;
	}
	return 0;
}
