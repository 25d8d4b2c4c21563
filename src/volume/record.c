/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"

#define NS 1000000000u
#define REC_AD_LEN 17u

/* "R", area, offset: a record that is moved does not open */
static void rec_ad(uint8_t out[REC_AD_LEN], uint64_t area, uint64_t off)
{
	out[0] = 'R';
	cdx_put_be64(out + 1, area);
	cdx_put_be64(out + 9, off);
}

static uint64_t pack_age_ns(const struct cdx_volume *v)
{
	return (uint64_t)(v->opts.pack_age_s ? v->opts.pack_age_s : 30) * NS;
}

/* ---- files ---- */

struct cdx_recfile *cdx_recfile_find(struct cdx_segs *s, uint64_t area)
{
	cdx_list_foreach_safe(pos, tmp, &s->recfiles) {
		struct cdx_recfile *f =
			cdx_list_entry(pos, struct cdx_recfile, link);

		if (f->area == area)
			return f;
	}
	return NULL;
}

static struct cdx_recfile *file_add(struct cdx_segs *s, uint64_t area)
{
	struct cdx_recfile *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->area = area;
	pthread_mutex_lock(&s->mu);
	/* the newest first: that is where most look-ups end */
	cdx_list_add(&s->recfiles, &f->link);
	pthread_mutex_unlock(&s->mu);
	return f;
}

int cdx_areas_list(struct cdx_volume *v, uint64_t **out, size_t *n)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	CDX_CLEANUP(cdx_freep) uint64_t *list = NULL;
	struct cdx_kv_pair pair;
	size_t cap = 0;
	int r = cdx_kv_iter_open(v->store, &it, CDX_DB_AREA, NULL, 0, NULL, 0);

	*n = 0;
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != 8)
			return CDX_E_CORRUPT;
		if (*n == cap) {
			void *p = reallocarray(list, cap ? cap * 2 : 64,
					       sizeof(*list));

			if (!p)
				return -ENOMEM;
			list = p;
			cap = cap ? cap * 2 : 64;
		}
		list[(*n)++] = cdx_get_be64(pair.key);
	}
	if (r < 0)
		return r;
	*out = list;
	list = NULL;
	return 0;
}

int cdx_recs_open(struct cdx_volume *v)
{
	CDX_CLEANUP(cdx_freep) uint64_t *areas = NULL;
	struct cdx_area_info info;
	struct cdx_recfile *f;
	size_t n;
	int r = cdx_areas_list(v, &areas, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = cdx_area_info(v->store, areas[i], &info);
		if (r < 0 || info.kind != CDX_AREA_RECORDS)
			continue;
		f = file_add(v->segs, areas[i]);
		if (!f)
			return -ENOMEM;
		/* bytes behind a crash are not known: never appended to */
		f->closed = true;
		f->size = info.size;
		f->live = info.live;
		f->end = info.size;
	}
	return r;
}

void cdx_recs_close(struct cdx_volume *v)
{
	struct cdx_segs *s = v->segs;

	cdx_list_foreach_safe(pos, tmp, &s->recfiles) {
		cdx_list_del(pos);
		free(cdx_list_entry(pos, struct cdx_recfile, link));
	}
	s->cur = NULL;
}

void cdx_rec_done(struct cdx_volume *v, uint64_t area)
{
	struct cdx_segs *s = v->segs;
	struct cdx_recfile *f;

	pthread_mutex_lock(&s->mu);
	f = cdx_recfile_find(s, area);
	if (f)
		f->inflight--;
	pthread_mutex_unlock(&s->mu);
}

void cdx_rec_rotate(struct cdx_volume *v)
{
	struct cdx_segs *s = v->segs;

	pthread_mutex_lock(&s->mu);
	if (s->cur && s->cur->end) {
		s->cur->closed = true;
		s->cur = NULL;
	}
	pthread_mutex_unlock(&s->mu);
}

/* ---- writing ---- */

/* Room of @size bytes in the current file, if it has any; caller holds mu */
static bool take_room(struct cdx_volume *v, size_t size, uint64_t *area,
		      uint64_t *off)
{
	struct cdx_recfile *f = v->segs->cur;
	uint64_t now = cdx_clock_mono_ns();

	if (!f)
		return false;
	/* a file holds what was written within one packing age, so that it
	 * gets cold as a whole */
	if (f->end + size > CDX_REC_FILE_MAX ||
	    (f->first_write && now - f->first_write > pack_age_ns(v))) {
		f->closed = true;
		v->segs->cur = NULL;
		return false;
	}
	if (!f->first_write)
		f->first_write = now;
	f->last_write = now;
	*area = f->area;
	*off = f->end;
	f->end += size;
	f->inflight++;
	return true;
}

/* Caller holds open_mu */
static int new_file(struct cdx_volume *v)
{
	struct cdx_segs *s = v->segs;
	struct cdx_recfile *f;
	struct cdx_batch *b;
	uint64_t area;
	int r = cdx_batch_new(&b, v->store);

	if (r < 0)
		return r;
	r = cdx_area_create(v->store, &area, CDX_AREA_RECORDS, 0, b);
	if (r < 0) {
		cdx_batch_drop(b);
		return r;
	}
	r = cdx_batch_apply(b);
	if (r < 0)
		return r;
	f = file_add(s, area);
	if (!f)
		return -ENOMEM;
	pthread_mutex_lock(&s->mu);
	s->cur = f;
	pthread_mutex_unlock(&s->mu);
	return 0;
}

static int take(struct cdx_volume *v, size_t size, uint64_t *area,
		uint64_t *off)
{
	struct cdx_segs *s = v->segs;
	bool done;
	int r = 0;

	pthread_mutex_lock(&s->mu);
	done = take_room(v, size, area, off);
	pthread_mutex_unlock(&s->mu);
	if (done)
		return 0;
	pthread_mutex_lock(&s->open_mu);
	while (r == 0 && !done) {
		pthread_mutex_lock(&s->mu);
		done = take_room(v, size, area, off);
		pthread_mutex_unlock(&s->mu);
		if (!done)
			r = new_file(v);
	}
	pthread_mutex_unlock(&s->open_mu);
	return r;
}

static int write_sealed(struct cdx_volume *v, uint64_t area, uint64_t off,
			const void *p, uint32_t len)
{
	size_t size = (size_t)len + CDX_SEAL_OVERHEAD;
	uint8_t *sealed = malloc(size);
	uint8_t ad[REC_AD_LEN];
	int r;

	if (!sealed)
		return -ENOMEM;
	rec_ad(ad, area, off);
	cdx_seal(sealed, &v->keys.local, p, len, ad, sizeof(ad));
	r = cdx_area_write(v->store, area, off, sealed, size);
	free(sealed);
	return r;
}

int cdx_rec_write(struct cdx_volume *v, struct cdx_batch *b,
		  struct cdx_loc *loc, const void *p, uint32_t len)
{
	size_t size = (size_t)len + CDX_SEAL_OVERHEAD;
	uint64_t area;
	uint64_t off;
	int r;

	if (!len || len > CDX_REC_MAX)
		return -EINVAL;
	r = take(v, size, &area, &off);
	if (r < 0)
		return r;
	r = write_sealed(v, area, off, p, len);
	if (r < 0) {
		cdx_rec_done(v, area);
		return r;
	}
	cdx_change_rec(v, b, area, off, (uint32_t)size);
	cdx_batch_names_data(b);
	loc->kind = CDX_LOC_RECORD;
	loc->area = area;
	loc->off = off;
	loc->plain = len;
	loc->skip = 0;
	return 0;
}

/* ---- reading ---- */

static int open_record(struct cdx_volume *v, uint8_t *out, uint8_t *sealed,
		       const struct cdx_loc *loc)
{
	size_t size = (size_t)loc->plain + CDX_SEAL_OVERHEAD;
	uint8_t ad[REC_AD_LEN];
	int r = cdx_area_read(v->store, loc->area, loc->off, sealed, size);

	if (r == -ENODATA)
		return CDX_E_HASH;
	if (r < 0)
		return r;
	rec_ad(ad, loc->area, loc->off);
	r = cdx_unseal(out, &v->keys.local, sealed, size, ad, sizeof(ad));
	return r < 0 ? r : 0;
}

int cdx_rec_read(struct cdx_volume *v, uint8_t *out, const struct cdx_loc *loc)
{
	CDX_CLEANUP(cdx_freep) uint8_t *sealed = NULL;
	int r;

	if (!loc->plain || loc->plain > CDX_REC_MAX)
		return CDX_E_CORRUPT;
	sealed = malloc((size_t)loc->plain + CDX_SEAL_OVERHEAD);
	if (!sealed)
		return -ENOMEM;
	r = open_record(v, out, sealed, loc);
	if (r == CDX_E_HASH)
		r = open_record(v, out, sealed, loc);
	if (r == CDX_E_HASH) {
		cdx_log(v->log, ERROR, "segment",
			"record at %" PRIu64 " of areas/%016" PRIx64
			" does not verify",
			loc->off, loc->area);
		cdx_store_count_bad(v->store);
	}
	return r;
}

/* ---- empty files ---- */

/* A closed file without content, 0 when there is none */
static uint64_t find_empty(struct cdx_segs *s)
{
	uint64_t found = 0;

	pthread_mutex_lock(&s->ref_mu);
	pthread_mutex_lock(&s->mu);
	cdx_list_foreach(pos, &s->recfiles) {
		const struct cdx_recfile *f =
			cdx_list_entry(pos, struct cdx_recfile, link);

		if (f->closed && !f->live && !f->inflight)
			found = f->area;
	}
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_unlock(&s->ref_mu);
	return found;
}

int cdx_rec_sweep(struct cdx_volume *v)
{
	struct cdx_batch *b;
	uint64_t area;
	int r = 0;

	while (r == 0 && (area = find_empty(v->segs)) != 0) {
		r = cdx_batch_new(&b, v->store);
		if (r < 0)
			return r;
		cdx_change_rec_remove(v, b, area);
		r = cdx_batch_apply(b);
	}
	return r;
}
