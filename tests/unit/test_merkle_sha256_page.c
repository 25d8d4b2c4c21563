/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "merkle/sha256_page.h"
#include "merkle/sha256_tree.h"

#define LEAVES_MAX 70000
#define PAGES_MAX (LEAVES_MAX / CDX_TREE_PAGE + 1)

static struct cdx_digest leaves[LEAVES_MAX];
static struct cdx_digest nodes[2 * PAGES_MAX + CDX_TREE_PAGE_PATH_MAX];

static int make_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEAVES_MAX; i++)
		cdx_sha256(&leaves[i], &i, sizeof(i));
	return 0;
}

static struct cdx_digest tree_root(uint64_t n)
{
	struct cdx_tree_stream t = {0};
	struct cdx_digest root;

	for (uint64_t i = 0; i < n; i++)
		cdx_tree_stream_add(&t, &leaves[i]);
	assert_int_equal(cdx_tree_stream_root(&root, &t), 0);
	return root;
}

static void climb(uint64_t n)
{
	for (uint32_t p = 0; p < cdx_tree_pages(n); p++)
		cdx_tree_page_root(&nodes[p],
				   &leaves[(size_t)p * CDX_TREE_PAGE], n, p);
	cdx_tree_page_climb(nodes, n);
}

static void make_page(struct cdx_tree_page *out, uint64_t n, uint32_t page)
{
	out->leaves = n;
	out->page = page;
	out->n = cdx_tree_page_leaves(n, page);
	out->path_len = cdx_tree_page_depth(n);
	memcpy(out->leaf, &leaves[(size_t)page * CDX_TREE_PAGE],
	       out->n * sizeof(out->leaf[0]));
	assert_int_equal(cdx_tree_page_path(out->path, nodes, n, page), 0);
}

/* The upper part of a leaf's own path is its page's path. */
static void check_proof(const struct cdx_tree_page *p, uint32_t in_page)
{
	struct cdx_tree_proof proof;
	uint64_t index = (uint64_t)p->page * CDX_TREE_PAGE + in_page;

	assert_int_equal(cdx_tree_prove(&proof, leaves, p->leaves, index), 0);
	assert_true(proof.depth >= p->path_len);
	assert_memory_equal(proof.path + (proof.depth - p->path_len), p->path,
			    p->path_len * sizeof(p->path[0]));
}

static void check_tree(uint64_t n, uint32_t page_step)
{
	struct cdx_digest root = tree_root(n);
	struct cdx_tree_page p;

	climb(n);
	assert_memory_equal(&nodes[cdx_tree_page_nodes(n) - 1], &root,
			    sizeof(root));
	for (uint32_t i = 0; i < cdx_tree_pages(n); i += page_step) {
		make_page(&p, n, i);
		assert_int_equal(cdx_tree_page_verify(&p, &root), 0);
		if (n % 64 < 2) {
			check_proof(&p, 0);
			check_proof(&p, p.n - 1);
		}
	}
}

static void test_all_small_trees(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 1100; n++)
		check_tree(n, 1);
}

static void test_larger_trees(void **state)
{
	static const uint64_t sizes[] = {4095,	4096,  4097,  4353,
					 65535, 65536, 65537, 69999};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++)
		check_tree(sizes[i], 17);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(cdx_tree_pages(1), 1);
	assert_int_equal(cdx_tree_pages(256), 1);
	assert_int_equal(cdx_tree_pages(257), 2);
	assert_int_equal(cdx_tree_pages(UINT64_C(1) << 32), 1 << 24);
	assert_int_equal(cdx_tree_page_leaves(257, 0), 256);
	assert_int_equal(cdx_tree_page_leaves(257, 1), 1);
	assert_int_equal(cdx_tree_page_leaves(257, 2), 0);
	assert_int_equal(cdx_tree_page_leaves(1, UINT32_MAX), 0);
	assert_int_equal(cdx_tree_page_depth(1), 0);
	assert_int_equal(cdx_tree_page_depth(256), 0);
	assert_int_equal(cdx_tree_page_depth(257), 1);
	assert_int_equal(cdx_tree_page_depth(513), 2);
	assert_int_equal(cdx_tree_page_depth(UINT64_C(1) << 32),
			 CDX_TREE_PAGE_PATH_MAX);
	assert_int_equal(cdx_tree_page_nodes(1), 1);
	assert_int_equal(cdx_tree_page_nodes(513), 3 + 2 + 1);
	assert_int_equal(cdx_tree_page_path(nodes, nodes, 256, 1), -EINVAL);
}

/* Whatever bit of a page is turned, and whatever number is another one, it is
 * not of this tree any more. */
static void test_false_pages(void **state)
{
	struct cdx_digest root = tree_root(777);
	struct cdx_tree_page good;
	struct cdx_tree_page p;

	(void)state;
	climb(777);
	for (uint32_t page = 0; page < 4; page++) {
		make_page(&good, 777, page);
		for (uint32_t i = 0; i < good.n; i++) {
			p = good;
			p.leaf[i].b[i % 32] ^= 1;
			assert_int_equal(cdx_tree_page_verify(&p, &root),
					 CDX_E_PROOF);
		}
		for (uint32_t i = 0; i < good.path_len; i++) {
			p = good;
			p.path[i].b[31] ^= 0x80;
			assert_int_equal(cdx_tree_page_verify(&p, &root),
					 CDX_E_PROOF);
		}
	}
	make_page(&good, 777, 1);
	p = good;
	p.page = 0; /* full like page 1, but elsewhere */
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_PROOF);
	p = good;
	p.leaves = 778;
	assert_int_equal(cdx_tree_page_verify(&p, &root), 0);
	p.leaves = 1025;
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_FORMAT);
	p.leaves = 0;
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_FORMAT);
	p.leaves = UINT64_MAX;
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_FORMAT);
	p = good;
	p.page = 4;
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_FORMAT);
	p = good;
	p.n = 255;
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_FORMAT);
	p = good;
	p.n = UINT32_MAX;
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_FORMAT);
	p = good;
	p.path_len = UINT32_MAX;
	assert_int_equal(cdx_tree_page_verify(&p, &root), CDX_E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_all_small_trees),
		cmocka_unit_test(test_larger_trees),
		cmocka_unit_test(test_false_pages),
	};

	return cmocka_run_group_tests(tests, make_leaves, NULL);
}
