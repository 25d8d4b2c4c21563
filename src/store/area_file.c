/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/area_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "store/internal.h"

void cdx_area_name(char out[CDX_AREA_NAME_LEN], uint64_t id)
{
	uint8_t be[8];

	cdx_put_be64(be, id);
	cdx_hex(out, be, sizeof(be));
}

int cdx_area_name_parse(uint64_t *id, const char *name)
{
	char again[CDX_AREA_NAME_LEN];
	uint8_t be[8];
	int rc;

	rc = cdx_unhex(be, sizeof(be), name);
	if (rc < 0)
		return rc;
	/* one name for one id: no upper case */
	cdx_area_name(again, cdx_get_be64(be));
	if (strcmp(again, name) != 0)
		return CDX_E_FORMAT;
	*id = cdx_get_be64(be);
	return 0;
}

const struct dirent *cdx_area_readdir(DIR *dir)
{
	errno = 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this DIR */
	return readdir(dir);
}

static void file_free(struct cdx_area_file *f)
{
	(void)close(f->fd);
	if (f->direct >= 0)
		(void)close(f->direct);
	free(f);
}

int cdx_area_file_direct(struct cdx_areas *a, struct cdx_area_file *f)
{
	char name[CDX_AREA_NAME_LEN];
	int fd;

	(void)pthread_mutex_lock(&a->mu);
	if (f->direct < 0 && !a->no_direct) {
		cdx_area_name(name, f->id);
		f->direct =
			openat(a->dirfd, name, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (f->direct < 0)
			a->no_direct = true;
	}
	fd = a->no_direct ? -1 : f->direct;
	(void)pthread_mutex_unlock(&a->mu);
	return fd;
}

void cdx_area_no_direct(struct cdx_areas *a)
{
	/* others may be using the descriptors: they stay open */
	(void)pthread_mutex_lock(&a->mu);
	a->no_direct = true;
	(void)pthread_mutex_unlock(&a->mu);
}

/* Closes files that nobody uses and nothing waits to sync, oldest first. */
static void evict_locked(struct cdx_areas *a)
{
	cdx_list_foreach_safe(pos, tmp, &a->lru) {
		struct cdx_area_file *f =
			cdx_list_entry(pos, struct cdx_area_file, lru);

		if (a->files.len <= CDX_AREA_OPEN_MAX)
			return;
		if (f->refs != 0 || f->syncing || f->wrote != f->synced)
			continue;
		(void)cdx_map_del(&a->files, f->id);
		cdx_list_del(&f->lru);
		file_free(f);
	}
}

static struct cdx_area_file *lookup_locked(struct cdx_areas *a, uint64_t id)
{
	struct cdx_area_file *f = cdx_map_get(&a->files, id);

	if (f == NULL)
		return NULL;
	f->refs++;
	cdx_list_del(&f->lru);
	cdx_list_add_tail(&a->lru, &f->lru);
	return f;
}

/* Puts @fd into the map with one reference; the loser of a race closes its
 * own. */
static int insert(struct cdx_areas *a, struct cdx_area_file **out, uint64_t id,
		  int fd)
{
	struct cdx_area_file *f;
	int rc;

	(void)pthread_mutex_lock(&a->mu);
	f = lookup_locked(a, id);
	if (f != NULL) {
		(void)pthread_mutex_unlock(&a->mu);
		(void)close(fd);
		*out = f;
		return 0;
	}
	f = calloc(1, sizeof(*f));
	rc = f == NULL ? -ENOMEM : cdx_map_put(&a->files, id, f);
	if (rc < 0) {
		(void)pthread_mutex_unlock(&a->mu);
		(void)close(fd);
		free(f);
		return rc;
	}
	f->id = id;
	f->fd = fd;
	f->direct = -1;
	f->refs = 1;
	cdx_list_add_tail(&a->lru, &f->lru);
	evict_locked(a);
	(void)pthread_mutex_unlock(&a->mu);
	*out = f;
	return 0;
}

int cdx_area_file_get(struct cdx_areas *a, struct cdx_area_file **out,
		      uint64_t id)
{
	char name[CDX_AREA_NAME_LEN];
	struct cdx_area_file *f;
	int fd;

	(void)pthread_mutex_lock(&a->mu);
	f = lookup_locked(a, id);
	(void)pthread_mutex_unlock(&a->mu);
	if (f != NULL) {
		*out = f;
		return 0;
	}
	cdx_area_name(name, id);
	fd = openat(a->dirfd, name, O_RDWR | O_CLOEXEC);
	/* a store on a medium that is mounted read-only can still be read */
	if (fd < 0 && (errno == EROFS || errno == EACCES))
		fd = openat(a->dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return insert(a, out, id, fd);
}

void cdx_area_file_put(struct cdx_areas *a, struct cdx_area_file *f)
{
	bool last;

	(void)pthread_mutex_lock(&a->mu);
	f->refs--;
	last = f->refs == 0 && f->dead;
	/* over the bound when many had writes waiting */
	if (!f->dead && a->files.len > CDX_AREA_OPEN_MAX)
		evict_locked(a);
	(void)pthread_mutex_unlock(&a->mu);
	if (last)
		file_free(f);
}

int cdx_area_file_adopt(struct cdx_areas *a, uint64_t id, int fd)
{
	struct cdx_area_file *f;
	int rc;

	rc = insert(a, &f, id, fd);
	if (rc < 0)
		return rc;
	cdx_area_file_put(a, f);
	return 0;
}

void cdx_area_file_dirty(struct cdx_areas *a, struct cdx_area_file *f,
			 uint64_t off, uint64_t len)
{
	uint64_t lo = 0;
	uint64_t hi = 0;

	(void)pthread_mutex_lock(&a->mu);
	f->wrote++;
	if (f->wb_bytes == 0 || off < f->wb_lo)
		f->wb_lo = off;
	if (f->wb_bytes == 0 || off + len > f->wb_hi)
		f->wb_hi = off + len;
	f->wb_bytes += len;
	if (f->wb_bytes >= CDX_AREA_WB_BYTES) {
		lo = f->wb_lo;
		hi = f->wb_hi;
		f->wb_bytes = 0;
	}
	(void)pthread_mutex_unlock(&a->mu);
	/* Only a hint, so that the fdatasync to come is short: what goes wrong
	 * here is reported there. */
	if (hi > lo)
		(void)sync_file_range(f->fd, (off_t)lo, (off_t)(hi - lo),
				      SYNC_FILE_RANGE_WRITE);
}

void cdx_area_file_forget(struct cdx_areas *a, uint64_t id)
{
	struct cdx_area_file *f;
	bool last = false;

	(void)pthread_mutex_lock(&a->mu);
	f = cdx_map_del(&a->files, id);
	if (f != NULL) {
		cdx_list_del(&f->lru);
		f->dead = true;
		last = f->refs == 0;
	}
	(void)pthread_mutex_unlock(&a->mu);
	if (last)
		file_free(f);
}

int cdx_area_file_unlink(struct cdx_areas *a, uint64_t id)
{
	char name[CDX_AREA_NAME_LEN];

	cdx_area_name(name, id);
	if (unlinkat(a->dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	cdx_area_file_forget(a, id);
	return 0;
}

void cdx_area_files_close(struct cdx_areas *a)
{
	cdx_list_foreach_safe(pos, tmp, &a->lru)
		file_free(cdx_list_entry(pos, struct cdx_area_file, lru));
	cdx_list_init(&a->lru);
	cdx_map_free(&a->files);
}

/* Makes the writes of @f so far durable.  Whoever finds another in fdatasync
 * waits for it and looks again: that one may have begun before our write. */
static int sync_file_locked(struct cdx_areas *a, struct cdx_area_file *f)
{
	uint64_t goal = f->wrote;

	while (f->synced < goal && a->sync_err == 0) {
		uint64_t reach = f->wrote;
		int rc;

		if (f->syncing) {
			(void)pthread_cond_wait(&a->synced, &a->mu);
			continue;
		}
		f->syncing = true;
		(void)pthread_mutex_unlock(&a->mu);
		rc = cdx_store_fault_hit(a->s, CDX_FAULT_FDATASYNC);
		if (rc == 0 && fdatasync(f->fd) < 0)
			rc = -errno;
		(void)pthread_mutex_lock(&a->mu);
		f->syncing = false;
		/* The kernel drops dirty pages that it failed to write: a
		 * second fdatasync that succeeds would prove nothing. */
		if (rc < 0)
			a->sync_err = rc;
		else if (f->synced < reach)
			f->synced = reach;
		(void)pthread_cond_broadcast(&a->synced);
	}
	return a->sync_err;
}

/* The files with unsynced writes, one reference each; *n of them. */
static int dirty_locked(struct cdx_areas *a, struct cdx_area_file ***out,
			size_t *n)
{
	struct cdx_area_file **v;

	*out = NULL;
	*n = 0;
	v = calloc(a->files.len + 1, sizeof(struct cdx_area_file *));
	if (v == NULL)
		return -ENOMEM;
	cdx_list_foreach(pos, &a->lru) {
		struct cdx_area_file *f =
			cdx_list_entry(pos, struct cdx_area_file, lru);

		if (f->wrote == f->synced)
			continue;
		f->refs++;
		v[(*n)++] = f;
	}
	*out = v;
	return 0;
}

int cdx_area_sync_dirty(struct cdx_store *s)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_area_file **v;
	size_t n;
	int rc;

	(void)pthread_mutex_lock(&a->mu);
	rc = dirty_locked(a, &v, &n);
	if (rc == 0)
		rc = a->sync_err;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = sync_file_locked(a, v[i]);
	(void)pthread_mutex_unlock(&a->mu);
	for (size_t i = 0; i < n; i++)
		cdx_area_file_put(a, v[i]);
	free(v);
	return rc;
}
