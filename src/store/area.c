/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/area.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "store/area_internal.h"
#include "store/batch.h"
#include "store/cache_internal.h"
#include "store/records.h"

#define AREAS_DIR "areas"

int cdx_areas_init(int dirfd)
{
	if (mkdirat(dirfd, AREAS_DIR, 0700) < 0)
		return -errno;
	return cdx_fsync_dir(dirfd);
}

int cdx_areas_open(struct cdx_areas **out, struct cdx_store *s)
{
	struct cdx_areas *a;

	*out = NULL;
	a = aligned_alloc(_Alignof(struct cdx_areas), sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	memset(a, 0, sizeof(*a));
	a->dirfd = openat(cdx_store_dirfd(s), AREAS_DIR,
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dirfd < 0) {
		free(a);
		return -errno;
	}
	if (cdx_cache_new(&a->cache) < 0) {
		(void)close(a->dirfd);
		free(a);
		return -ENOMEM;
	}
	a->s = s;
	a->loose_max = CDX_LOOSE_BYTES;
	(void)pthread_mutex_init(&a->mu, NULL);
	(void)pthread_cond_init(&a->synced, NULL);
	(void)pthread_mutex_init(&a->block_mu, NULL);
	(void)pthread_mutex_init(&a->drop_mu, NULL);
	cdx_list_init(&a->lru);
	cdx_quota_init(&a->quota);
	cdx_reclaim_init(&a->reclaim);
	*out = a;
	return 0;
}

void cdx_areas_close(struct cdx_areas *a)
{
	if (a == NULL)
		return;
	cdx_area_files_close(a);
	cdx_cache_free(a->cache);
	cdx_bad_free(a);
	cdx_reclaim_fini(&a->reclaim);
	cdx_quota_fini(&a->quota);
	(void)pthread_mutex_destroy(&a->drop_mu);
	(void)pthread_mutex_destroy(&a->block_mu);
	(void)pthread_cond_destroy(&a->synced);
	(void)pthread_mutex_destroy(&a->mu);
	(void)close(a->dirfd);
	free(a);
}

/* ---- start: files and records must agree ---- */

/* Ids of data files that may exist, as a set */
static int id_add(struct cdx_map *m, uint64_t id)
{
	return cdx_map_put(m, id, m);
}

/* Named by an area record, or about to be unlinked by reclaim */
static int named_areas(struct cdx_areas *a, struct cdx_map *named)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_area_info info;
	struct cdx_kv_pair pair;
	uint64_t id;
	int rc;

	rc = cdx_kv_iter_open(a->s, &it, CDX_DB_AREA, NULL, 0, NULL, 0);
	if (rc < 0)
		return rc;
	while ((rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != 8)
			continue;
		id = cdx_get_be64(pair.key);
		rc = id_add(named, id);
		if (rc < 0)
			return rc;
		/* Damage is found by fsck, which must be able to open. */
		rc = cdx_area_info_decode(&info, pair.val, pair.val_len);
		if (rc == 0 && info.kind == CDX_AREA_LOOSE && !info.closed) {
			a->loose_id = id;
			a->loose_off = info.size;
		}
		if (rc == 0 && info.kind == CDX_AREA_CACHE && !info.closed)
			cdx_cache_append_to(a->cache, id, info.size);
	}
	return rc;
}

static int named_by_free(struct cdx_areas *a, struct cdx_map *named)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	struct cdx_free f;
	int rc;

	rc = cdx_kv_iter_open(a->s, &it, CDX_DB_FREE, NULL, 0, NULL, 0);
	if (rc < 0)
		return rc;
	while ((rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (cdx_free_decode(&f, &pair) < 0 || f.len != CDX_FREE_WHOLE)
			continue;
		rc = id_add(named, f.area);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Unlinks what no record names and takes every file found out of @named. */
static int sweep_dir(struct cdx_areas *a, DIR *dir, struct cdx_map *named)
{
	const struct dirent *de;
	uint64_t id;

	while ((de = cdx_area_readdir(dir)) != NULL) {
		if (cdx_area_name_parse(&id, de->d_name) < 0)
			continue;
		if (cdx_map_del(named, id) != NULL)
			continue;
		cdx_log(cdx_store_log(a->s), INFO, "store",
			"removing data file %s, which nothing names",
			de->d_name);
		if (unlinkat(a->dirfd, de->d_name, 0) < 0 && errno != EROFS)
			return -errno;
	}
	return -errno;
}

static int sweep(struct cdx_areas *a, struct cdx_map *named)
{
	DIR *dir;
	int fd;
	int rc;

	fd = openat(a->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = -errno;
		(void)close(fd);
		return rc;
	}
	rc = sweep_dir(a, dir, named);
	(void)closedir(dir);
	return rc;
}

static void report_missing(struct cdx_areas *a, const struct cdx_map *left)
{
	struct cdx_area_info info;
	size_t pos = 0;
	uint64_t id;
	void *val;

	while (cdx_map_next(left, &pos, &id, &val)) {
		/* a file that reclaim unlinked before a crash is not missed */
		if (cdx_area_info(a->s, id, &info) < 0)
			continue;
		cdx_area_missing(a, id);
	}
}

int cdx_areas_start(struct cdx_store *s)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_map named = {0};
	int rc;

	rc = named_areas(a, &named);
	if (rc == 0)
		rc = named_by_free(a, &named);
	if (rc == 0)
		rc = sweep(a, &named);
	if (rc == 0)
		report_missing(a, &named);
	cdx_map_free(&named);
	return rc;
}

/* ---- one area ---- */

static bool bad_range(uint64_t off, uint64_t len)
{
	return off > INT64_MAX || len > INT64_MAX - off;
}

/* Runs from here on go past the page cache; shorter ones are better gathered
 * there. */
#define DIRECT_MIN ((size_t)512 << 10)
#define DIRECT_ALIGN 4096u

static bool direct_fits(uint64_t off, const void *p, size_t len)
{
	return len >= DIRECT_MIN &&
	       (off | len | (uintptr_t)p) % DIRECT_ALIGN == 0;
}

static int write_bytes(struct cdx_areas *a, struct cdx_area_file *f,
		       uint64_t off, const void *p, size_t len)
{
	int fd = direct_fits(off, p, len) ? cdx_area_file_direct(a, f) : -1;
	int rc;

	if (fd >= 0) {
		rc = cdx_pwrite_full(fd, p, len, (off_t)off);
		if (rc != -EINVAL)
			return rc;
		/* opened, but not for blocks of this size */
		cdx_area_no_direct(a);
	}
	return cdx_pwrite_full(f->fd, p, len, (off_t)off);
}

int cdx_area_write(struct cdx_store *s, uint64_t id, uint64_t off,
		   const void *p, size_t len)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_area_file *f;
	int rc;

	if (bad_range(off, len))
		return -EINVAL;
	rc = cdx_area_file_get(a, &f, id);
	if (rc < 0)
		return rc;
	rc = write_bytes(a, f, off, p, len);
	/* a short write changed bytes too */
	cdx_area_file_dirty(a, f, off, len);
	cdx_area_file_put(a, f);
	return rc;
}

int cdx_area_read(struct cdx_store *s, uint64_t id, uint64_t off, void *p,
		  size_t len)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_area_file *f;
	int rc;

	if (bad_range(off, len))
		return -EINVAL;
	rc = cdx_area_file_get(a, &f, id);
	if (rc < 0)
		return rc;
	rc = cdx_pread_full(f->fd, p, len, (off_t)off);
	cdx_area_file_put(a, f);
	return rc;
}

int cdx_area_read_once(struct cdx_store *s, uint64_t id, uint64_t off, void *p,
		       size_t len)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_area_file *f;
	int fd;
	int rc;

	if (bad_range(off, len))
		return -EINVAL;
	rc = cdx_area_file_get(a, &f, id);
	if (rc < 0)
		return rc;
	fd = direct_fits(off, p, len) ? cdx_area_file_direct(a, f) : -1;
	rc = -EINVAL;
	if (fd >= 0)
		rc = cdx_pread_full(fd, p, len, (off_t)off);
	/* no O_DIRECT, or not for blocks of this size */
	if (rc == -EINVAL)
		rc = cdx_pread_full(f->fd, p, len, (off_t)off);
	cdx_area_file_put(a, f);
	return rc;
}

int cdx_area_truncate(struct cdx_store *s, uint64_t id, uint64_t size)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_area_file *f;
	int rc;

	if (size > INT64_MAX)
		return -EINVAL;
	rc = cdx_area_file_get(a, &f, id);
	if (rc < 0)
		return rc;
	rc = ftruncate(f->fd, (off_t)size) < 0 ? -errno : 0;
	cdx_area_file_dirty(a, f, 0, 0);
	cdx_area_file_put(a, f);
	return rc;
}

int cdx_area_info(struct cdx_store *s, uint64_t id, struct cdx_area_info *out)
{
	uint8_t val[CDX_AREA_VAL_LEN];
	uint8_t key[8];
	int rc;

	cdx_put_be64(key, id);
	rc = cdx_kv_get(s, CDX_DB_AREA, key, sizeof(key), val, sizeof(val));
	if (rc == -ENOBUFS)
		return CDX_E_CORRUPT;
	if (rc < 0)
		return rc;
	return cdx_area_info_decode(out, val, (size_t)rc);
}

void cdx_area_set_info(struct cdx_batch *b, uint64_t id,
		       const struct cdx_area_info *info)
{
	uint8_t val[CDX_AREA_VAL_LEN];
	uint8_t key[8];

	cdx_put_be64(key, id);
	cdx_area_info_encode(val, info);
	cdx_batch_put(b, CDX_DB_AREA, key, sizeof(key), val, sizeof(val));
}

static void put_free(struct cdx_batch *b, const struct cdx_free *f)
{
	uint8_t key[CDX_FREE_KEY_LEN];
	uint8_t val[8];

	cdx_free_encode(key, val, f);
	/* apply writes the group in front */
	cdx_batch_put_group(b, CDX_DB_FREE, key + 8, sizeof(key) - 8, val,
			    sizeof(val));
}

void cdx_area_free_range(struct cdx_batch *b, uint64_t id, uint64_t off,
			 uint64_t len)
{
	const struct cdx_free f = {
		.area = id,
		.off = off,
		.len = len,
	};

	if (len != 0)
		put_free(b, &f);
}

void cdx_area_remove(struct cdx_batch *b, uint64_t id)
{
	const struct cdx_free f = {
		.area = id,
		.off = 0,
		.len = CDX_FREE_WHOLE,
	};
	uint8_t key[8];

	put_free(b, &f);
	cdx_put_be64(key, id);
	cdx_batch_del(b, CDX_DB_AREA, key, sizeof(key));
}
