/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>
#include <string.h>

#define PAGE_BYTES (1u << 20)

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
	/* of large values fewer */
	while (sc->n < CDX_SCAN_PAGE && sc->bytes.len < PAGE_BYTES) {
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
