/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

#define NAME_LEN 32
/* a progress report for each */
#define REPORT_BYTES ((uint64_t)4 << 20)

struct cdx_slot_dir {
	uint32_t block_size;
	uint64_t steps;
	uint32_t slots;
	int fd[CDX_REPAIR_SLOTS_MAX]; /* -1: no such file */
};

static void slot_name(char out[NAME_LEN], uint32_t slot, const char *suffix)
{
	(void)snprintf(out, NAME_LEN, "slot-%03u%s", slot, suffix);
}

/* 0 also when there is none */
static int open_slot(struct cdx_slot_dir *d, int dirfd, uint32_t slot)
{
	char name[NAME_LEN];
	struct stat st;
	int fd;

	slot_name(name, slot, "");
	/* nobody is waited for at the other end of a pipe */
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return -EINVAL;
	}
	d->fd[slot] = fd;
	return 0;
}

int cdx_slot_dir_open(struct cdx_slot_dir **out, const char *dir,
		      const struct cdx_geometry *g)
{
	int dirfd CDX_CLEANUP(cdx_closep) = -1;
	struct cdx_slot_dir *d;
	int rc = 0;

	*out = NULL;
	if (g->slots > CDX_REPAIR_SLOTS_MAX)
		return -EINVAL;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->block_size = g->block_size;
	d->steps = g->steps;
	d->slots = g->slots;
	memset(d->fd, 0xff, sizeof(d->fd));
	for (uint32_t i = 0; i < g->slots && rc == 0; i++)
		rc = open_slot(d, dirfd, i);
	if (rc < 0) {
		cdx_slot_dir_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

void cdx_slot_dir_close(struct cdx_slot_dir *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; i < CDX_REPAIR_SLOTS_MAX; i++)
		cdx_closep(&d->fd[i]);
	free(d);
}

int cdx_slot_dir_read(void *dir, uint32_t slot, uint64_t step, uint8_t *out)
{
	const struct cdx_slot_dir *d = dir;

	if (slot >= d->slots || d->fd[slot] < 0 || step >= d->steps)
		return -ENODATA;
	return cdx_pread_full(d->fd[slot], out, d->block_size,
			      (off_t)(step * d->block_size));
}

uint32_t cdx_slot_dir_have(const struct cdx_slot_dir *d)
{
	uint32_t have = 0;

	for (uint32_t i = 0; i < d->slots; i++)
		if (d->fd[i] >= 0)
			have |= UINT32_C(1) << i;
	return have;
}

/* ---- export ---- */

static int write_blocks(struct cdx_store *s, const struct cdx_slots *sl,
			uint32_t slot, int fd, cdx_repair_progress_fn *progress,
			void *arg)
{
	uint8_t *block CDX_CLEANUP(cdx_freep) = malloc(sl->g.block_size);
	uint64_t every = REPORT_BYTES / sl->g.block_size + 1;
	int rc;

	if (!block)
		return -ENOMEM;
	for (uint64_t i = 0; i < sl->g.steps; i++) {
		uint64_t index = cdx_geometry_index(&sl->g, slot, i);

		rc = cdx_protection_read(s, block, &sl->rec, index);
		if (rc < 0 && rc != -ENOMEM)
			rc = cdx_repair_index(s, &sl->rec, index, block);
		if (rc == 0)
			rc = cdx_write_full(fd, block, sl->g.block_size);
		if (rc < 0)
			return rc;
		if (progress && ((i + 1) % every == 0 || i + 1 == sl->g.steps))
			progress(arg, i + 1, sl->g.steps);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int cdx_slot_export(struct cdx_store *s, const struct cdx_slots *sl,
		    uint32_t slot, const char *dir,
		    cdx_repair_progress_fn *progress, void *arg)
{
	int dirfd CDX_CLEANUP(cdx_closep) = -1;
	int fd CDX_CLEANUP(cdx_closep) = -1;
	char name[NAME_LEN];
	char tmp[NAME_LEN];
	int rc;

	if (slot >= sl->g.slots)
		return -EINVAL;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	slot_name(name, slot, "");
	slot_name(tmp, slot, ".part");
	fd = openat(dirfd, tmp,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0644);
	if (fd < 0)
		return -errno;
	rc = write_blocks(s, sl, slot, fd, progress, arg);
	if (rc == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		rc = -errno;
	if (rc < 0)
		(void)unlinkat(dirfd, tmp, 0);
	return rc < 0 ? rc : cdx_fsync_dir(dirfd);
}
