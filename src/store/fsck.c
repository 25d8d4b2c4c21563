/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "crypto/block.h"
#include "store/fsck_internal.h"
#include "store/records.h"

void cdx_fsck_say(struct cdx_fsck_run *r, const char *what, const char *fmt,
		  ...)
{
	char detail[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	r->f->errors++;
	if (r->f->report != NULL)
		r->f->report(r->f->arg, what, detail);
}

void cdx_fsck_progress(struct cdx_fsck_run *r, const char *phase, uint64_t done,
		       uint64_t total)
{
	if (r->f->progress != NULL)
		r->f->progress(r->f->arg, phase, done, total);
}

int cdx_fsck_hash(struct cdx_fsck_run *r, uint64_t area, uint64_t off,
		  uint32_t size, const struct cdx_digest *digest)
{
	struct cdx_digest got;
	int rc;

	rc = cdx_area_read(r->s, area, off, r->block, size);
	if (rc < 0)
		return rc;
	cdx_sha256(&got, r->block, size);
	r->f->blocks_checked++;
	r->f->bytes_checked += size;
	return memcmp(&got, digest, sizeof(got)) == 0 ? 0 : CDX_E_HASH;
}

/* ---- data files ---- */

static int area_cmp(const void *pa, const void *pb)
{
	const struct cdx_fsck_area *x = pa;
	const struct cdx_fsck_area *y = pb;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct cdx_fsck_area *cdx_fsck_area_find(struct cdx_fsck_run *r, uint64_t id)
{
	const struct cdx_fsck_area key = {.id = id};

	if (r->n_areas == 0)
		return NULL;
	return bsearch(&key, r->areas, r->n_areas, sizeof(key), area_cmp);
}

/* A new entry; the caller sorts. */
static int area_new(struct cdx_fsck_run *r, struct cdx_fsck_area **out,
		    uint64_t id)
{
	struct cdx_fsck_area *v;

	/* grows in powers of two */
	if ((r->n_areas & (r->n_areas + 1)) == 0) {
		v = realloc(r->areas, (2 * r->n_areas + 1) * sizeof(*v));
		if (v == NULL)
			return -ENOMEM;
		r->areas = v;
	}
	v = &r->areas[r->n_areas++];
	memset(v, 0, sizeof(*v));
	v->id = id;
	*out = v;
	return 0;
}

static int list_records(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_AREA};
	struct cdx_fsck_area *v;
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		if (pair.key_len != 8) {
			cdx_fsck_say(r, "area-record-bad", "key of %zu bytes",
				     pair.key_len);
			continue;
		}
		rc = area_new(r, &v, cdx_get_be64(pair.key));
		if (rc < 0)
			return rc;
		rc = cdx_area_info_decode(&v->info, pair.val, pair.val_len);
		v->has_record = true;
		if (rc < 0)
			cdx_fsck_say(r, "area-record-bad", "areas/%016" PRIx64,
				     v->id);
	}
	return rc;
}

static int list_file(struct cdx_fsck_run *r, const char *name, size_t recs)
{
	struct cdx_areas *a = cdx_store_areas(r->s);
	const struct cdx_fsck_area key = {0};
	struct cdx_fsck_area want = key;
	struct cdx_fsck_area *v = NULL;
	struct stat st;
	int rc;

	if (cdx_area_name_parse(&want.id, name) < 0) {
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			cdx_fsck_say(r, "area-stray-name", "areas/%s", name);
		return 0;
	}
	if (fstatat(a->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (recs != 0)
		v = bsearch(&want, r->areas, recs, sizeof(want), area_cmp);
	if (v == NULL) {
		rc = area_new(r, &v, want.id);
		if (rc < 0)
			return rc;
	}
	v->has_file = S_ISREG(st.st_mode);
	v->file_size = (uint64_t)st.st_size;
	v->disk = (uint64_t)st.st_blocks * 512;
	return 0;
}

static int list_files(struct cdx_fsck_run *r)
{
	struct cdx_areas *a = cdx_store_areas(r->s);
	size_t recs = r->n_areas;
	const struct dirent *de;
	DIR *dir;
	int fd;
	int rc = 0;

	fd = openat(a->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = -errno;
		(void)close(fd);
		return rc;
	}
	while (rc == 0 && (de = cdx_area_readdir(dir)) != NULL)
		rc = list_file(r, de->d_name, recs);
	if (rc == 0)
		rc = -errno;
	(void)closedir(dir);
	return rc;
}

static void check_free(struct cdx_fsck_run *r, const struct cdx_free *fr)
{
	struct cdx_fsck_area *v = cdx_fsck_area_find(r, fr->area);

	if (fr->len == CDX_FREE_WHOLE) {
		/* the file may be gone already: reclaim unlinks first */
		if (v != NULL && v->has_record)
			cdx_fsck_say(r, "free-of-live-area",
				     "areas/%016" PRIx64, fr->area);
		if (v != NULL)
			v->removing = true;
		return;
	}
	/* ranges of a file that is removed as a whole may outlive it */
	if (v == NULL || !v->has_record)
		return;
	if (fr->off + fr->len > v->file_size)
		cdx_fsck_say(r, "free-beyond-file",
			     "areas/%016" PRIx64 " at %" PRIu64 ", %" PRIu64
			     " bytes",
			     fr->area, fr->off, fr->len);
	v->pending += fr->len;
}

static int check_frees(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_FREE};
	uint64_t next = (uint64_t)cdx_kv_counter(r->s, CDX_CNT_NEXT_AREA);
	struct cdx_kv_pair pair;
	struct cdx_free fr;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		if (cdx_free_decode(&fr, &pair) < 0)
			cdx_fsck_say(r, "free-record-bad", "key of %zu bytes",
				     pair.key_len);
		else if (fr.area == 0 || fr.area >= next)
			cdx_fsck_say(r, "free-of-unknown-area",
				     "areas/%016" PRIx64 " was never made",
				     fr.area);
		else
			check_free(r, &fr);
	}
	return rc;
}

static void check_area(struct cdx_fsck_run *r, const struct cdx_fsck_area *v)
{
	uint64_t next = (uint64_t)cdx_kv_counter(r->s, CDX_CNT_NEXT_AREA);

	if (v->has_record && !v->has_file)
		cdx_fsck_say(r, "area-without-file", "areas/%016" PRIx64,
			     v->id);
	else if (v->has_record && v->file_size < v->info.size)
		cdx_fsck_say(r, "area-file-short",
			     "areas/%016" PRIx64 " has %" PRIu64 " of %" PRIu64
			     " bytes",
			     v->id, v->file_size, v->info.size);
	if (v->has_record && v->id >= next)
		cdx_fsck_say(r, "counter-next-area",
			     "areas/%016" PRIx64 " is not below %" PRIu64,
			     v->id, next);
	if (!v->has_record && v->has_file && !v->removing) {
		cdx_fsck_say(r, "area-orphan-file",
			     "areas/%016" PRIx64 ", %" PRIu64 " bytes", v->id,
			     v->disk);
		r->f->orphaned_bytes += v->disk;
	}
}

static int check_areas(struct cdx_fsck_run *r)
{
	int rc;

	cdx_fsck_progress(r, "areas", 0, 0);
	rc = list_records(r);
	if (rc == 0)
		rc = list_files(r);
	if (rc < 0)
		return rc;
	if (r->n_areas != 0)
		qsort(r->areas, r->n_areas, sizeof(*r->areas), area_cmp);
	rc = check_frees(r);
	for (size_t i = 0; i < r->n_areas; i++)
		check_area(r, &r->areas[i]);
	return rc;
}

/* After the blocks: what loose and cache files say of themselves against the
 * count */
static void check_loose(struct cdx_fsck_run *r)
{
	for (size_t i = 0; i < r->n_areas; i++) {
		const struct cdx_fsck_area *v = &r->areas[i];
		uint64_t owned = v->live + v->pending;

		if (!v->has_record || (v->info.kind != CDX_AREA_LOOSE &&
				       v->info.kind != CDX_AREA_CACHE))
			continue;
		if (v->live != v->info.live)
			cdx_fsck_say(r, "area-live",
				     "areas/%016" PRIx64 " says %" PRIu64
				     " live bytes, %" PRIu64 " counted",
				     v->id, v->info.live, v->live);
		/* blocks whose batch was never applied; whole ones, as the
		 * file system's own bookkeeping is in the figure */
		if (v->disk > owned)
			r->f->orphaned_bytes += (v->disk - owned) /
						CDX_BLOCK_SIZE * CDX_BLOCK_SIZE;
	}
}

/* Without a volume nobody else charges anything. */
static int check_charge(struct cdx_fsck_run *r)
{
	int64_t used = cdx_kv_counter(r->s, CDX_CNT_USED_VOLUME);
	int64_t counted;
	int rc;

	if (cdx_kv_counter(r->s, CDX_CNT_INODES) != 0)
		return 0;
	for (size_t i = 0; i < r->n_areas; i++)
		if (r->areas[i].has_record && !r->areas[i].named &&
		    (r->areas[i].info.kind == CDX_AREA_SEGMENT ||
		     r->areas[i].info.kind == CDX_AREA_RECORDS))
			return 0;
	rc = cdx_store_charged(r->s, &counted);
	if (rc == 0 && counted != used)
		cdx_fsck_say(r, "counter-used",
			     "volume share: counter says %" PRId64
			     " bytes, %" PRId64 " counted",
			     used, counted);
	return rc;
}

static void check_counters(struct cdx_fsck_run *r)
{
	for (unsigned i = 0; i < CDX_SHARES; i++) {
		int64_t used = cdx_kv_counter(r->s, CDX_CNT_USED_VOLUME + i);
		int64_t res = cdx_kv_counter(r->s, CDX_CNT_RESERVED_VOLUME + i);

		if (used < 0)
			cdx_fsck_say(r, "counter-used",
				     "share %u uses %" PRId64 " bytes", i,
				     used);
		if (res < 0)
			cdx_fsck_say(r, "counter-reserved",
				     "share %u reserves %" PRId64 " bytes", i,
				     res);
	}
}

static int check_all(struct cdx_fsck_run *r)
{
	int rc;

	rc = check_areas(r);
	if (rc == 0)
		rc = cdx_fsck_prot_list(r);
	if (rc == 0)
		rc = cdx_fsck_datasets(r);
	if (rc == 0)
		rc = cdx_fsck_trees(r);
	if (rc == 0)
		rc = cdx_fsck_public(r);
	if (rc == 0)
		rc = cdx_fsck_leaves(r);
	if (rc == 0)
		rc = cdx_fsck_blocks(r);
	if (rc == 0)
		rc = cdx_fsck_protections(r);
	if (rc == 0)
		rc = cdx_fsck_held(r);
	if (rc == 0)
		rc = cdx_fsck_offers(r);
	if (rc == 0)
		rc = cdx_fsck_proof_keys(r);
	if (rc == 0)
		rc = cdx_fsck_cache(r);
	if (rc == 0)
		rc = check_charge(r);
	if (rc < 0)
		return rc;
	check_loose(r);
	check_counters(r);
	return 0;
}

int cdx_store_fsck(struct cdx_store *s, struct cdx_fsck *f)
{
	struct cdx_fsck_run r = {.s = s, .f = f};
	int rc;

	r.block = malloc(CDX_BLOCK_SIZE_MAX);
	if (r.block == NULL)
		return -ENOMEM;
	cdx_refs_init(&r.refs);
	cdx_refs_init(&r.absent);
	rc = check_all(&r);
	cdx_refs_free(&r.absent);
	cdx_refs_free(&r.refs);
	free(r.prot);
	free(r.block);
	free(r.areas);
	free(r.ds);
	return rc;
}
