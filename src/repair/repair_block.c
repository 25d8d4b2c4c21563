/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/repair.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "repair/step.h"

int cdx_repair_index(struct cdx_store *s, const struct cdx_protection *p,
		     uint64_t index, uint8_t *out)
{
	struct cdx_step st = {.s = s, .p = p};

	if (p->steps == 0 || index >= p->steps * (p->k + p->m))
		return -EINVAL;
	if (index >= p->blocks && index < p->steps * p->k) {
		memset(out, 0, p->block_size);
		return 0;
	}
	return cdx_step_rebuild(&st, (uint32_t)(index / p->steps),
				index % p->steps, out);
}

struct wanted {
	struct cdx_store *s;
	uint64_t index;
	uint8_t *out;
	size_t size;
	bool done;
	int rc;
};

/* A protection that cannot help is no reason not to ask the next. */
static int ask(void *arg, const struct cdx_protection *p)
{
	struct wanted *w = arg;
	int rc;

	if (p->state != CDX_PROTECTION_DONE || p->block_size != w->size ||
	    w->index >= p->blocks)
		return 0;
	rc = cdx_repair_index(w->s, p, w->index, w->out);
	if (rc < 0) {
		w->rc = rc;
		return 0;
	}
	w->done = true;
	return -ECANCELED;
}

int cdx_repair_block(struct cdx_store *s, uint64_t base, uint64_t index,
		     uint8_t *out, size_t size)
{
	struct wanted w = {
		.s = s,
		.index = index,
		.size = size,
		.rc = -ENODATA,
	};
	int rc;

	w.out = out;
	rc = cdx_protection_list(s, base, ask, &w);
	if (w.done)
		return 0;
	return rc < 0 ? rc : w.rc;
}

/* ---- reading ---- */

static bool is_loss(int rc)
{
	return rc == -ENODATA || rc == CDX_E_HASH || rc == CDX_E_CORRUPT ||
	       rc == -EIO || rc == -ENOENT;
}

/* @len bytes at @off, all in one block */
static int read_part(struct cdx_store *s, uint8_t *out,
		     const struct cdx_dataset_info *info, uint64_t off,
		     size_t len, uint8_t *block)
{
	size_t in = off % info->block_size;
	int rc;

	rc = cdx_dataset_read(s, out, info, off, len);
	if (rc >= 0 || !is_loss(rc))
		return rc;
	if (cdx_repair_block(s, info->base, off / info->block_size, block,
			     info->block_size) < 0)
		return rc;
	memcpy(out, block + in, len);
	return 0;
}

int cdx_repair_read(struct cdx_store *s, uint8_t *out,
		    const struct cdx_dataset_info *info, uint64_t off,
		    size_t len)
{
	uint8_t *block CDX_CLEANUP(cdx_freep) = NULL;
	size_t done = 0;
	int rc;

	rc = cdx_dataset_read(s, out, info, off, len);
	if (rc >= 0 || !is_loss(rc))
		return rc;
	if (len > INT_MAX)
		len = INT_MAX;
	if (len > info->size - off)
		len = (size_t)(info->size - off);
	block = malloc(info->block_size);
	if (!block)
		return -ENOMEM;
	while (done < len) {
		size_t n = info->block_size - (off + done) % info->block_size;

		if (n > len - done)
			n = len - done;
		rc = read_part(s, out + done, info, off + done, n, block);
		if (rc < 0)
			return rc;
		done += n;
	}
	return (int)len;
}
