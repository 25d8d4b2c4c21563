/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "exchange/wire.h"

#define BLOCK_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes again what is read. */
struct echo {
	struct cdx_buf out;
	uint8_t *block; /* exactly as long as the block that is coming */
	uint32_t index;
	uint32_t blocks;
};

static int on_page(void *arg, const struct cdx_tree_page *p)
{
	struct echo *e = arg;

	cdx_wire_put_page(&e->out, p);
	return 0;
}

static uint8_t *on_begin(void *arg, uint32_t index, uint32_t len)
{
	struct echo *e = arg;

	if (len > BLOCK_MAX)
		abort();
	free(e->block);
	e->block = malloc(len);
	e->index = index;
	if (!e->block)
		abort();
	return e->block;
}

static int on_block(void *arg, uint32_t index, uint32_t len)
{
	struct echo *e = arg;
	uint8_t head[CDX_WIRE_BLOCK_HEAD];

	if (len > 0 && (!e->block || e->index != index))
		abort();
	cdx_wire_block_head(head, index, len);
	cdx_buf_put(&e->out, head, sizeof(head));
	cdx_buf_put(&e->out, e->block, len);
	e->blocks++;
	return 0;
}

static int on_absent(void *arg, uint32_t index)
{
	struct echo *e = arg;

	cdx_wire_put_absent(&e->out, index);
	e->blocks++;
	return 0;
}

static int on_have(void *arg, uint32_t index)
{
	struct echo *e = arg;

	cdx_wire_put_have(&e->out, index);
	e->blocks++;
	return 0;
}

static const struct cdx_wire_events events = {
	.page = on_page,
	.block_begin = on_begin,
	.block = on_block,
	.absent = on_absent,
	.have = on_have,
};

/* In pieces of @step bytes (0: whole).  Returns what the reader said, and what
 * it saw in @e. */
static int read_all(struct echo *e, bool *ended, const uint8_t *data,
		    size_t size, size_t step)
{
	struct cdx_wire_reader *r;
	int rc = 0;

	memset(e, 0, sizeof(*e));
	cdx_wire_put_head(&e->out);
	if (cdx_wire_reader_new(&r, BLOCK_MAX, &events, e) < 0)
		abort();
	while (size > 0 && rc == 0) {
		size_t n = step == 0 || step > size ? size : step;
		uint8_t *piece = malloc(n); /* ASan sees one byte too many */

		if (!piece)
			abort();
		memcpy(piece, data, n);
		rc = cdx_wire_read(r, piece, n);
		free(piece);
		data += n;
		size -= n;
	}
	*ended = cdx_wire_ended(r);
	if (*ended)
		cdx_wire_put_end(&e->out, e->blocks);
	cdx_wire_reader_free(r);
	free(e->block);
	return rc;
}

static void read_stream(const uint8_t *data, size_t size, size_t step)
{
	struct echo whole;
	struct echo pieces;
	bool ended;
	bool ended_too;
	int rc = read_all(&whole, &ended, data, size, 0);

	if (read_all(&pieces, &ended_too, data, size, step) != rc ||
	    ended != ended_too || whole.out.len != pieces.out.len ||
	    memcmp(whole.out.p, pieces.out.p, whole.out.len) != 0)
		abort();
	/* there is one form of everything */
	if (ended &&
	    (whole.out.len != size || memcmp(whole.out.p, data, size) != 0))
		abort();
	cdx_buf_free(&whole.out);
	cdx_buf_free(&pieces.out);
}

/* What is taken for ranges is written as text that is taken for the same. */
static void read_ranges(const uint8_t *data, size_t size)
{
	struct cdx_range r[CDX_WIRE_RANGES_MAX];
	struct cdx_range again[CDX_WIRE_RANGES_MAX];
	char text[24 * CDX_WIRE_RANGES_MAX + 1];
	char *in = malloc(size + 1);
	int n;

	if (!in)
		abort();
	if (size > 0)
		memcpy(in, data, size);
	in[size] = '\0';
	n = cdx_wire_ranges(r, in);
	free(in);
	if (n < 0)
		return;
	cdx_wire_ranges_text(text, r, (size_t)n);
	if (cdx_wire_ranges(again, text) != n ||
	    memcmp(r, again, (size_t)n * sizeof(r[0])) != 0)
		abort();
}

/* The first byte is the length of the pieces of a stream; 0: text of ranges.  */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		read_ranges(data + 1, size - 1);
	else
		read_stream(data + 1, size - 1, data[0]);
	return 0;
}
