/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "exchange/wire.h"
#include "tests/unit/seed.h"

#define BLOCK_MAX 5000u

/* What a reader was told, as text, one letter an event */
struct seen {
	char events[4096];
	size_t n;
	uint8_t block[BLOCK_MAX];
	struct cdx_tree_page page;
	bool pass_over;
	int fail; /* what the block event returns */
};

static void note(struct seen *s, char what)
{
	assert_true(s->n < sizeof(s->events) - 1);
	s->events[s->n++] = what;
	s->events[s->n] = '\0';
}

static int on_page(void *arg, const struct cdx_tree_page *p)
{
	struct seen *s = arg;

	s->page = *p;
	note(s, 'p');
	return 0;
}

static uint8_t *on_begin(void *arg, uint32_t index, uint32_t len)
{
	struct seen *s = arg;

	(void)index;
	assert_in_range(len, 1, BLOCK_MAX);
	memset(s->block, 0xee, sizeof(s->block));
	return s->pass_over ? NULL : s->block;
}

static int on_block(void *arg, uint32_t index, uint32_t len)
{
	struct seen *s = arg;

	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(s->block[i], (uint8_t)index);
	if (len > 0 && len < BLOCK_MAX)
		assert_int_equal(s->block[len], 0xee);
	note(s, len > 0 ? 'b' : 'e');
	return s->fail;
}

static int on_absent(void *arg, uint32_t index)
{
	(void)index;
	note(arg, 'a');
	return 0;
}

static int on_have(void *arg, uint32_t index)
{
	assert_int_equal(index, UINT32_MAX);
	note(arg, 'h');
	return 0;
}

static const struct cdx_wire_events events = {
	.page = on_page,
	.block_begin = on_begin,
	.block = on_block,
	.absent = on_absent,
	.have = on_have,
};

static struct cdx_wire_reader *reader(struct seen *s)
{
	struct cdx_wire_reader *r;

	memset(s, 0, sizeof(*s));
	assert_int_equal(cdx_wire_reader_new(&r, BLOCK_MAX, &events, s), 0);
	return r;
}

static int read_whole(struct seen *s, bool *ended, const struct cdx_buf *in)
{
	struct cdx_wire_reader *r = reader(s);
	int rc = cdx_wire_read(r, in->p, in->len);

	*ended = cdx_wire_ended(r);
	if (rc < 0) /* stays */
		assert_int_equal(cdx_wire_read(r, in->p, 1), rc);
	cdx_wire_reader_free(r);
	return rc;
}

static void put_block(struct cdx_buf *out, uint32_t index, uint32_t len)
{
	uint8_t head[CDX_WIRE_BLOCK_HEAD];
	uint8_t *p;

	cdx_wire_block_head(head, index, len);
	cdx_buf_put(out, head, sizeof(head));
	p = cdx_buf_extend(out, len);
	assert_non_null(p);
	memset(p, (uint8_t)index, len);
}

static void fill_page(struct cdx_tree_page *p, uint64_t leaves, uint32_t page)
{
	memset(p, 0x5a, sizeof(*p));
	p->leaves = leaves;
	p->page = page;
	p->n = cdx_tree_page_leaves(leaves, page);
	p->path_len = cdx_tree_page_depth(leaves);
	for (uint32_t i = 0; i < p->n; i++)
		p->leaf[i].b[0] = (uint8_t)i;
	for (uint32_t i = 0; i < p->path_len; i++)
		p->path[i].b[31] = (uint8_t)i;
}

/* One of everything */
static void make_stream(struct cdx_buf *out)
{
	struct cdx_tree_page p;

	cdx_wire_put_head(out);
	fill_page(&p, 1000, 3);
	cdx_wire_put_page(out, &p);
	put_block(out, 768, BLOCK_MAX);
	put_block(out, 769, 1);
	put_block(out, 770, 0);
	cdx_wire_put_absent(out, 771);
	fill_page(&p, 3, 0);
	cdx_wire_put_page(out, &p);
	cdx_wire_put_have(out, UINT32_MAX);
	fill_page(&p, UINT64_C(1) << 32, (1u << 24) - 1);
	cdx_wire_put_page(out, &p);
	cdx_wire_put_end(out, 5);
	assert_int_equal(cdx_buf_ok(out), 0);
}

static void same_page(const struct cdx_tree_page *a,
		      const struct cdx_tree_page *b)
{
	assert_int_equal(a->leaves, b->leaves);
	assert_int_equal(a->page, b->page);
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->path_len, b->path_len);
	assert_memory_equal(a->leaf, b->leaf, a->n * sizeof(a->leaf[0]));
	assert_memory_equal(a->path, b->path, a->path_len * sizeof(a->path[0]));
}

static void test_everything_in_any_pieces(void **state)
{
	struct seed rnd = seed_start("wire");
	struct cdx_buf in = {0};
	struct cdx_tree_page last;
	struct seen s;

	(void)state;
	make_stream(&in);
	fill_page(&last, UINT64_C(1) << 32, (1u << 24) - 1);
	for (unsigned round = 0; round < 200; round++) {
		struct cdx_wire_reader *r = reader(&s);
		size_t most = round == 0 ? 1 : 1 + seed_below(&rnd, 9000);

		for (size_t at = 0; at < in.len;) {
			size_t n = 1 + seed_below(&rnd, most);

			if (n > in.len - at)
				n = in.len - at;
			assert_false(cdx_wire_ended(r));
			assert_int_equal(cdx_wire_read(r, in.p + at, n), 0);
			at += n;
		}
		assert_true(cdx_wire_ended(r));
		assert_string_equal(s.events, "pbbeaphp");
		same_page(&s.page, &last);
		cdx_wire_reader_free(r);
	}
	cdx_buf_free(&in);
}

/* A stream that is cut anywhere has not ended, and is not wrong either; one that
 * goes on is. */
static void test_cut_and_longer(void **state)
{
	struct cdx_buf in = {0};
	struct seen s;
	bool ended;

	(void)state;
	make_stream(&in);
	for (size_t n = 0; n < in.len; n++) {
		struct cdx_buf cut = {.p = in.p, .len = n};

		assert_int_equal(read_whole(&s, &ended, &cut), 0);
		assert_false(ended);
	}
	cdx_buf_u8(&in, 0);
	assert_int_equal(read_whole(&s, &ended, &in), CDX_E_FORMAT);
	assert_false(ended);
	cdx_buf_free(&in);
}

static void wrong(struct cdx_buf *in)
{
	struct seen s;
	bool ended;

	assert_int_equal(cdx_buf_ok(in), 0);
	assert_int_equal(read_whole(&s, &ended, in), CDX_E_FORMAT);
	assert_false(ended);
	cdx_buf_free(in);
}

static void test_out_of_form(void **state)
{
	struct cdx_buf in = {0};
	struct cdx_tree_page p;

	(void)state;
	cdx_buf_put(&in, "cdxb\2", 5);
	wrong(&in);
	cdx_buf_put(&in, "HTTP/", 5);
	wrong(&in);
	for (unsigned kind = 0; kind < 256; kind++) {
		if (kind >= 1 && kind <= 5)
			continue;
		cdx_wire_put_head(&in);
		cdx_buf_u8(&in, (uint8_t)kind);
		wrong(&in);
	}
	cdx_wire_put_head(&in);
	put_block(&in, 0, BLOCK_MAX + 1);
	wrong(&in);
	/* the end counts wrong */
	cdx_wire_put_head(&in);
	cdx_wire_put_absent(&in, 1);
	cdx_wire_put_end(&in, 2);
	wrong(&in);
	/* pages whose numbers contradict each other */
	for (unsigned what = 0; what < 5; what++) {
		fill_page(&p, 1000, 3);
		p.n -= what == 0;
		p.n += what == 1;
		p.path_len += what == 2;
		p.page += what == 3;
		p.leaves = what == 4 ? 200 : 1000;
		cdx_wire_put_head(&in);
		cdx_wire_put_page(&in, &p);
		wrong(&in);
	}
}

static void test_limits(void **state)
{
	struct cdx_buf in = {0};
	struct cdx_tree_page p;
	struct seen s;
	bool ended;

	(void)state;
	fill_page(&p, 1, 0);
	cdx_wire_put_head(&in);
	for (unsigned i = 0; i < CDX_WIRE_BLOCKS_MAX; i++) {
		cdx_wire_put_page(&in, &p);
		cdx_wire_put_absent(&in, i);
	}
	assert_int_equal(read_whole(&s, &ended, &in), 0);
	assert_int_equal(s.n, 2 * CDX_WIRE_BLOCKS_MAX);
	{
		struct cdx_buf more = {0};

		cdx_buf_put(&more, in.p, in.len);
		cdx_wire_put_page(&more, &p);
		wrong(&more);
		cdx_buf_put(&more, in.p, in.len);
		cdx_wire_put_absent(&more, 7);
		wrong(&more);
	}
	cdx_wire_put_end(&in, CDX_WIRE_BLOCKS_MAX);
	assert_int_equal(read_whole(&s, &ended, &in), 0);
	assert_true(ended);
	cdx_buf_free(&in);
}

static void test_passed_over_and_stopped(void **state)
{
	struct cdx_wire_reader *r;
	struct cdx_buf in = {0};
	struct seen s;

	(void)state;
	cdx_wire_put_head(&in);
	put_block(&in, 1, 100);
	put_block(&in, 2, 0);
	cdx_wire_put_end(&in, 2);
	r = reader(&s);
	s.pass_over = true;
	assert_int_equal(cdx_wire_read(r, in.p, in.len), 0);
	assert_true(cdx_wire_ended(r));
	assert_string_equal(s.events, "e");
	cdx_wire_reader_free(r);
	r = reader(&s);
	s.fail = CDX_E_HASH;
	assert_int_equal(cdx_wire_read(r, in.p, in.len), CDX_E_HASH);
	assert_string_equal(s.events, "b");
	assert_int_equal(cdx_wire_read(r, in.p, in.len), CDX_E_HASH);
	assert_string_equal(s.events, "b");
	cdx_wire_reader_free(r);
	cdx_buf_free(&in);
}

static void test_ranges(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1-",
		"-1",
		"1-0",
		"1-2,",
		"1-2,2-3",
		"3-4,1-2",
		"0-1024",
		"0-511,512-1024",
		"1-2 ",
		"+1-2",
		"1--2",
		"0-4294967296",
		"99999999999999999999-1",
	};
	struct cdx_range r[CDX_WIRE_RANGES_MAX];
	char text[24 * CDX_WIRE_RANGES_MAX + 1];
	struct cdx_buf many = {0};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_wire_ranges(r, bad[i]), CDX_E_FORMAT);
	assert_int_equal(cdx_wire_ranges(r, "0-1023"), 1);
	assert_int_equal(
		cdx_wire_ranges(r, "0-0,1-1,7-9,4294967295-4294967295"), 4);
	assert_int_equal(r[2].first, 7);
	assert_int_equal(r[2].last, 9);
	assert_int_equal(r[3].last, UINT32_MAX);
	cdx_wire_ranges_text(text, r, 4);
	assert_string_equal(text, "0-0,1-1,7-9,4294967295-4294967295");
	for (unsigned i = 0; i < CDX_WIRE_RANGES_MAX + 1; i++) {
		char one[32];

		snprintf(one, sizeof(one), "%s%u-%u", i > 0 ? "," : "", 2 * i,
			 2 * i);
		cdx_buf_put(&many, one, strlen(one));
		cdx_buf_u8(&many, 0);
		many.len--;
		assert_int_equal(cdx_wire_ranges(r, (char *)many.p),
				 i < CDX_WIRE_RANGES_MAX ? (int)i + 1
							 : CDX_E_FORMAT);
	}
	cdx_buf_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_in_any_pieces),
		cmocka_unit_test(test_cut_and_longer),
		cmocka_unit_test(test_out_of_form),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_passed_over_and_stopped),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
