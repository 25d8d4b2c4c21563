/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Keeps the key and the value of one record. */
static int keep(struct cdx_scan *sc, const struct cdx_kv_pair *pair)
{
	if (pair->key_len > sizeof(sc->last))
		return -EOVERFLOW;
	cdx_buf_put(&sc->bytes, pair->key, pair->key_len);
	cdx_buf_put(&sc->bytes, pair->val, pair->val_len);
	sc->key_len[sc->n] = pair->key_len;
	sc->val_len[sc->n] = pair->val_len;
	sc->n++;
	memcpy(sc->last, pair->key, pair->key_len);
	sc->last_len = pair->key_len;
	sc->started = true;
	return 0;
}

static bool is_last(const struct cdx_scan *sc, const struct cdx_kv_pair *pair)
{
	return sc->started && pair->key_len == sc->last_len &&
	       memcmp(pair->key, sc->last, sc->last_len) == 0;
}

static int refill(struct cdx_scan *sc)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	int rc;

	sc->n = 0;
	sc->next = 0;
	sc->pos = 0;
	sc->bytes.len = 0;
	rc = cdx_kv_iter_open(sc->s, &it, sc->db, NULL, 0,
			      sc->started ? sc->last : NULL,
			      sc->started ? sc->last_len : 0);
	if (rc < 0)
		return rc;
	while (sc->n < CDX_SCAN_PAGE) {
		rc = cdx_kv_iter_next(it, &pair);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			sc->last_page = true;
			break;
		}
		/* the page begins at the last key of the one before */
		if (is_last(sc, &pair))
			continue;
		rc = keep(sc, &pair);
		if (rc < 0)
			return rc;
	}
	return cdx_buf_ok(&sc->bytes);
}

int cdx_scan_next(struct cdx_scan *sc, struct cdx_kv_pair *out)
{
	int rc;

	if (sc->next == sc->n) {
		if (sc->last_page)
			return 0;
		rc = refill(sc);
		if (rc < 0)
			return rc;
		if (sc->n == 0)
			return 0;
	}
	out->key = sc->bytes.p + sc->pos;
	out->key_len = sc->key_len[sc->next];
	out->val = out->key + out->key_len;
	out->val_len = sc->val_len[sc->next];
	sc->pos += out->key_len + out->val_len;
	sc->next++;
	return 1;
}

void cdx_scan_free(struct cdx_scan *sc)
{
	cdx_buf_free(&sc->bytes);
}

/* ---- references ---- */

void cdx_refs_init(struct cdx_refs *r)
{
	memset(r, 0, sizeof(*r));
	cdx_random(r->mul, sizeof(r->mul));
}

static struct cdx_ref_slot *slot(struct cdx_ref_slot *slots, size_t cap,
				 uint64_t key)
{
	size_t i = (size_t)(key >> 7) & (cap - 1);

	while (slots[i].key != 0 && slots[i].key != key)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static int grow(struct cdx_refs *r)
{
	size_t cap = r->cap == 0 ? 1024 : r->cap * 2;
	struct cdx_ref_slot *slots = calloc(cap, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->cap; i++)
		if (r->slots[i].key != 0)
			*slot(slots, cap, r->slots[i].key) = r->slots[i];
	free(r->slots);
	r->slots = slots;
	r->cap = cap;
	return 0;
}

int cdx_refs_get(struct cdx_refs *r, struct cdx_ref_slot **out,
		 const struct cdx_digest *digest)
{
	struct cdx_ref_slot *sl;
	uint64_t key = 0;
	int rc;

	if (r->len + 1 > r->cap / 4 * 3) {
		rc = grow(r);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < 4; i++)
		key += (cdx_get_be64(digest->b + 8 * i) ^ r->mul[i]) *
		       (r->mul[(i + 1) % 4] | 1);
	key ^= key >> 29;
	if (key == 0)
		key = 1;
	sl = slot(r->slots, r->cap, key);
	if (sl->key == 0) {
		sl->key = key;
		r->len++;
	}
	*out = sl;
	return 0;
}

void cdx_refs_free(struct cdx_refs *r)
{
	free(r->slots);
	memset(r, 0, sizeof(*r));
}
