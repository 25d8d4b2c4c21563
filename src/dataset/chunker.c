/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "dataset/chunker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dataset/manifest.h"

struct cdx_chunker {
	cdx_chunk_fn *fn;
	void *arg;
	int err; /* sticky: what ended the chunking */
	uint64_t size;
	uint32_t block_size;
	size_t have; /* bytes in part */
	struct cdx_tree_stream tree;
	uint8_t part[]; /* block_size */
};

int cdx_chunker_new(struct cdx_chunker **out, uint32_t block_size,
		    cdx_chunk_fn *fn, void *arg)
{
	struct cdx_chunker *c;

	*out = NULL;
	if (block_size == 0 || block_size > CDX_BLOCK_SIZE_MAX)
		return -EINVAL;
	c = calloc(1, sizeof(*c) + block_size);
	*out = c;
	if (!c)
		return -ENOMEM;
	c->block_size = block_size;
	c->fn = fn;
	c->arg = arg;
	return 0;
}

static int emit(struct cdx_chunker *c, const uint8_t *block)
{
	uint64_t index = c->tree.leaves;
	struct cdx_digest digest;
	int r;

	cdx_sha256(&digest, block, c->block_size);
	cdx_tree_stream_add(&c->tree, &digest);
	r = c->fn(c->arg, index, block, &digest);
	if (r < 0)
		c->err = r;
	return r < 0 ? r : 0;
}

int cdx_chunker_feed(struct cdx_chunker *c, const void *p, size_t len)
{
	const uint8_t *in = p;
	int r;

	if (c->err)
		return c->err;
	while (len) {
		size_t n = c->block_size - c->have;
		const uint8_t *block = c->part;

		if (n > len)
			n = len;
		if (n == c->block_size) {
			block = in;
		} else {
			memcpy(c->part + c->have, in, n);
			c->have += n;
		}
		in += n;
		len -= n;
		c->size += n;
		if (block == c->part && c->have < c->block_size)
			break;
		c->have = 0;
		r = emit(c, block);
		if (r < 0)
			return r;
	}
	return 0;
}

int cdx_chunker_end(struct cdx_chunker *c, struct cdx_digest *root,
		    uint64_t *size)
{
	int r;

	if (c->err)
		return c->err;
	if (c->size == 0)
		return -ENODATA;
	if (c->have) {
		memset(c->part + c->have, 0, c->block_size - c->have);
		r = emit(c, c->part);
		if (r < 0)
			return r;
	}
	c->err = CDX_E_SEQUENCE;
	r = cdx_tree_stream_root(root, &c->tree);
	if (r < 0)
		return r;
	*size = c->size;
	return 0;
}

void cdx_chunker_free(struct cdx_chunker *c)
{
	free(c);
}
