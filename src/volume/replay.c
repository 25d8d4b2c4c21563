/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"

/*
 * File bytes that the log gives back at an open.  They are kept as they come
 * until the tables stand; a group that is committed before they became dirty
 * pages carries them on.
 */

#define CARRY_BYTES ((size_t)4 << 20)

struct bit {
	uint64_t off;
	size_t len;
	uint8_t *mem; /* owned */
	uint8_t *p;   /* inside @mem */
};

struct replayed {
	struct bit *v; /* in the order they came */
	size_t n;
	size_t cap;
};

static void replayed_free(struct replayed *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].mem);
	free(r->v);
	free(r);
}

void cdx_replay_free(struct cdx_data *d)
{
	size_t pos = 0;
	uint64_t ino;
	void *r;

	while (cdx_map_next(&d->replay, &pos, &ino, &r))
		replayed_free(r);
	cdx_map_free(&d->replay);
}

static struct replayed *replayed_get(struct cdx_data *d, uint64_t ino)
{
	struct replayed *r = cdx_map_get(&d->replay, ino);

	if (r != NULL)
		return r;
	r = calloc(1, sizeof(*r));
	if (r == NULL || cdx_map_put(&d->replay, ino, r) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

static int bit_add(struct replayed *r, size_t at, uint64_t off,
		   const uint8_t *p, size_t len)
{
	struct bit b = {.off = off, .len = len};

	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 8;
		struct bit *v = reallocarray(r->v, cap, sizeof(*v));

		if (v == NULL)
			return -ENOMEM;
		r->v = v;
		r->cap = cap;
	}
	b.mem = malloc(len);
	if (b.mem == NULL)
		return -ENOMEM;
	memcpy(b.mem, p, len);
	b.p = b.mem;
	memmove(r->v + at + 1, r->v + at, (r->n - at) * sizeof(b));
	r->v[at] = b;
	r->n++;
	return 0;
}

int cdx_data_replay_data(void *arg, uint64_t ino, uint64_t off,
			 const uint8_t *p, size_t len)
{
	struct cdx_volume *v = arg;
	struct replayed *r;

	if (len == 0)
		return 0;
	if (off > (uint64_t)CDX_FILE_MAX || len > (uint64_t)CDX_FILE_MAX - off)
		return CDX_E_CORRUPT;
	r = replayed_get(v->data, ino);
	return r == NULL ? -ENOMEM : bit_add(r, r->n, off, p, len);
}

/* Takes [lo, hi), which it overlaps, out of bit @i */
static int bit_cut(struct replayed *r, size_t i, uint64_t lo, uint64_t hi)
{
	struct bit *b = &r->v[i];
	uint64_t end = b->off + b->len;
	int rc = 0;

	if (lo > b->off && hi < end)
		rc = bit_add(r, i + 1, hi, b->p + (hi - b->off),
			     (size_t)(end - hi));
	b = &r->v[i];
	if (rc < 0)
		return rc;
	if (lo > b->off) {
		b->len = (size_t)(lo - b->off);
		return 0;
	}
	if (hi >= end) {
		b->len = 0;
		return 0;
	}
	b->p += hi - b->off;
	b->len = (size_t)(end - hi);
	b->off = hi;
	return 0;
}

int cdx_data_replay_clean(void *arg, uint64_t ino, uint64_t off, uint64_t len)
{
	struct cdx_volume *v = arg;
	struct replayed *r = cdx_map_get(&v->data->replay, ino);
	uint64_t end = len > UINT64_MAX - off ? UINT64_MAX : off + len;
	size_t keep = 0;
	int rc = 0;

	for (size_t i = 0; r != NULL && i < r->n && rc == 0; i++) {
		if (r->v[i].off < end && off < r->v[i].off + r->v[i].len)
			rc = bit_cut(r, i, off, end);
	}
	if (rc < 0 || r == NULL)
		return rc;
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].len == 0)
			free(r->v[i].mem);
		else
			r->v[keep++] = r->v[i];
	}
	r->n = keep;
	return 0;
}

/* ---- a commit in between ---- */

static int carry_file(struct cdx_volume *v, uint64_t ino,
		      const struct replayed *r)
{
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && i < r->n) {
		struct cdx_batch *b = NULL;

		rc = cdx_batch_new(&b, v->store);
		if (rc < 0)
			return rc;
		for (; i < r->n && cdx_batch_size(b) < CARRY_BYTES; i++)
			cdx_batch_data(b, ino, r->v[i].off, r->v[i].p,
				       r->v[i].len);
		rc = cdx_batch_apply(b);
	}
	return rc;
}

int cdx_replay_carry(struct cdx_volume *v)
{
	struct cdx_data *d = v->data;
	size_t pos = 0;
	uint64_t ino;
	void *r;
	int rc = 0;

	pthread_mutex_lock(&d->mu);
	while (rc == 0 && cdx_map_next(&d->replay, &pos, &ino, &r))
		rc = carry_file(v, ino, r);
	pthread_mutex_unlock(&d->mu);
	return rc;
}

/* ---- into the files ---- */

static int put_bits(struct cdx_volume *v, struct cdx_vnode *n,
		    const struct replayed *r)
{
	int rc = 0;

	/* no hold: these bytes were accepted before, whatever is free now */
	for (size_t i = 0; i < r->n && rc == 0; i++)
		rc = cdx_data_put(v, n, r->v[i].off, r->v[i].p, r->v[i].len, 0);
	if (n->dirty != NULL) {
		n->dirty->has_logged = true;
		cdx_vnode_mark(v, n);
	}
	return rc;
}

/* The bytes change hands under d->mu: a commit sees them here or there. */
static int replay_file(struct cdx_volume *v, uint64_t ino)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	struct cdx_data *d = v->data;
	struct replayed *r;
	int rc = cdx_data_file(v, &pin.n, ino);

	pthread_mutex_lock(&d->mu);
	if (rc == 0) {
		pthread_rwlock_wrlock(&pin.n->lock);
		rc = put_bits(v, pin.n, cdx_map_get(&d->replay, ino));
		pthread_rwlock_unlock(&pin.n->lock);
	} else if (rc == -ESTALE) {
		/* deleted after the bytes were logged */
		rc = 0;
	}
	if (rc == 0) {
		r = cdx_map_del(&d->replay, ino);
		replayed_free(r);
	}
	pthread_mutex_unlock(&d->mu);
	if (rc < 0 || pin.n == NULL || v->opts.readonly)
		return rc;
	rc = cdx_data_flush(v, pin.n);
	if (rc == -ENOSPC || rc == CDX_E_QUOTA) {
		/* stays dirty; the groups carry it until there is room */
		cdx_log(v->log, WARN, "data",
			"inode %" PRIu64 ": no space for replayed bytes", ino);
		return 0;
	}
	return rc;
}

int cdx_data_replay_done(struct cdx_volume *v)
{
	struct cdx_data *d = v->data;
	int rc = 0;

	if (d->replay.len > 0 && !v->opts.readonly)
		rc = cdx_segs_ready(v);
	while (rc == 0 && d->replay.len > 0) {
		size_t pos = 0;
		uint64_t ino = 0;
		void *r;

		if (!cdx_map_next(&d->replay, &pos, &ino, &r))
			break;
		rc = replay_file(v, ino);
	}
	return rc;
}
