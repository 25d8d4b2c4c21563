/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/area.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "store/area_internal.h"

#define COPY_BYTES ((size_t)64 << 20)

/* Making data files, and making them again */

/* a hopeless try could fill the disk for everybody before it fails */
static bool has_room(int fd, uint64_t bytes)
{
	struct statvfs vfs;

	return fstatvfs(fd, &vfs) < 0 ||
	       bytes / vfs.f_frsize <= (uint64_t)vfs.f_bavail;
}

/* Space is taken now, so that a full disk shows here and not in the middle of
 * a group. */
static int allocate(int fd, uint64_t from, uint64_t end)
{
	if (end <= from)
		return 0;
	if (end > INT64_MAX)
		return -EINVAL;
	if (!has_room(fd, end - from))
		return -ENOSPC;
	if (fallocate(fd, 0, (off_t)from, (off_t)(end - from)) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -errno;
	return ftruncate(fd, (off_t)end) < 0 ? -errno : 0;
}

/* All bytes of another descriptor, from the same place on */
static int copy_bytes(int fd, int from)
{
	off_t in = 0;
	off_t out = 0;
	ssize_t n;

	do
		n = copy_file_range(from, &in, fd, &out, COPY_BYTES, 0);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int set_size(int fd, uint64_t from, uint64_t end, bool sparse)
{
	if (!sparse)
		return allocate(fd, from, end);
	if (end > INT64_MAX)
		return -EINVAL;
	return end > from && ftruncate(fd, (off_t)end) < 0 ? -errno : 0;
}

/* @size: bytes, preallocated unless @sparse; @from: descriptor to copy bytes
 * from; -1 none */
static int make_file(struct cdx_areas *a, uint64_t id, uint64_t size,
		     bool sparse, int from)
{
	char name[CDX_AREA_NAME_LEN];
	int fd;
	int rc;

	cdx_area_name(name, id);
	fd = openat(a->dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	rc = set_size(fd, 0, size, sparse);
	if (rc == 0 && from >= 0)
		rc = copy_bytes(fd, from);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc == 0)
		rc = cdx_fsync_dir(a->dirfd);
	if (rc < 0) {
		(void)close(fd);
	} else {
		cdx_area_file_forget(a, id);
		rc = cdx_area_file_adopt(a, id, fd);
	}
	if (rc < 0)
		(void)unlinkat(a->dirfd, name, 0);
	return rc;
}

uint64_t cdx_area_next_id(struct cdx_store *s)
{
	uint64_t id;

	/* 0 means "none" in dataset records */
	do
		id = cdx_kv_next(s, CDX_CNT_NEXT_AREA);
	while (id == 0);
	return id;
}

static int create(struct cdx_store *s, uint64_t *id,
		  const struct cdx_area_info *info, uint64_t size, bool sparse,
		  struct cdx_batch *b)
{
	struct cdx_areas *a = cdx_store_areas(s);
	uint64_t n;
	int rc;

	/* A file can be in the way only when an earlier open failed to remove
	 * it: that id is then passed over. */
	do {
		n = cdx_area_next_id(s);
		rc = make_file(a, n, size, sparse, -1);
	} while (rc == -EEXIST);
	if (rc < 0)
		return rc;
	cdx_batch_max(b, CDX_CNT_NEXT_AREA, n + 1);
	cdx_area_set_info(b, n, info);
	*id = n;
	return 0;
}

int cdx_area_create(struct cdx_store *s, uint64_t *id, enum cdx_area_kind kind,
		    uint64_t prealloc, struct cdx_batch *b)
{
	const struct cdx_area_info info = {.kind = kind};

	return create(s, id, &info, prealloc, false, b);
}

int cdx_area_create_sparse(struct cdx_store *s, uint64_t *id,
			   enum cdx_area_kind kind, uint64_t size,
			   struct cdx_batch *b)
{
	const struct cdx_area_info info = {.kind = kind, .size = size};

	return create(s, id, &info, size, true, b);
}

int cdx_area_take(struct cdx_store *s, uint64_t id, uint64_t off, uint64_t len,
		  bool fresh)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_area_file *f;
	int rc;

	if (off > INT64_MAX || len > INT64_MAX - off)
		return -EINVAL;
	rc = cdx_area_file_get(a, &f, id);
	if (rc < 0)
		return rc;
	if (fresh && !has_room(f->fd, len))
		rc = -ENOSPC;
	else if (len != 0 && fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)off,
				       (off_t)len) < 0)
		rc = errno == EOPNOTSUPP ? 0 : -errno;
	cdx_area_file_put(a, f);
	return rc;
}

/* The file is there: is it as long as it has to be? */
static int lengthen(struct cdx_areas *a, uint64_t id, uint64_t size,
		    bool sparse)
{
	struct cdx_area_file *f;
	struct stat st;
	int rc;

	rc = cdx_area_file_get(a, &f, id);
	if (rc < 0)
		return rc;
	if (fstat(f->fd, &st) < 0)
		rc = -errno;
	else if ((uint64_t)st.st_size < size)
		rc = set_size(f->fd, (uint64_t)st.st_size, size, sparse);
	if (rc == 0 && (uint64_t)st.st_size < size) {
		rc = 1;
		cdx_area_file_dirty(a, f, 0, 0);
		cdx_log(cdx_store_log(a->s), INFO, "store",
			"data file areas/%016" PRIx64
			" was too short and is made longer",
			id);
	}
	cdx_area_file_put(a, f);
	return rc;
}

bool cdx_area_is_gone(struct cdx_store *s, uint64_t id)
{
	char name[CDX_AREA_NAME_LEN];
	struct stat st;

	cdx_area_name(name, id);
	return fstatat(cdx_store_areas(s)->dirfd, name, &st, 0) < 0 &&
	       errno == ENOENT;
}

int cdx_area_remake(struct cdx_store *s, uint64_t id, bool sparse)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_area_file *old = NULL;
	struct cdx_area_info info;
	bool kept;
	int rc;

	rc = cdx_area_info(s, id, &info);
	if (rc == -ENOENT || (rc == 0 && info.kind != CDX_AREA_SEGMENT &&
			      info.kind != CDX_AREA_PARITY))
		return CDX_E_CORRUPT;
	if (rc < 0)
		return rc;
	if (!cdx_area_is_gone(s, id))
		return lengthen(a, id, info.size, sparse);
	/* a process that has it open does not see that its name is gone */
	rc = cdx_area_file_get(a, &old, id);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	kept = rc == 0;
	rc = make_file(a, id, info.size, sparse, kept ? old->fd : -1);
	if (kept)
		cdx_area_file_put(a, old);
	if (rc < 0)
		return rc;
	cdx_log(cdx_store_log(s), INFO, "store",
		"data file areas/%016" PRIx64 " was gone and is made again%s",
		id, kept ? ", with its bytes" : "");
	return kept ? 0 : 1;
}
