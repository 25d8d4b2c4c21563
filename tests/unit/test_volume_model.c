/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/*
 * Random operations on a volume and on a model in memory.  Every result is
 * predicted; the whole tree is compared after each reopen and each crash.
 * After a crash the names are those of the last fsync or commit, and so is the
 * content of every file that had been made durable then; what is in a file
 * that had not been is unknown, but must be readable, and is taken over.
 *
 * CDX_COUNT operations (3000), CDX_SEED.
 */

/* ---- contents ---- */

static size_t some_offset(struct vm_run *r, const struct vm_node *n)
{
	switch (seed_below(&r->rnd, 4)) {
	case 0:
		return n->data->len;
	case 1:
		return seed_below(&r->rnd, 4) * 65536;
	default:
		return seed_below(&r->rnd, 300u << 10);
	}
}

static size_t some_length(struct vm_run *r)
{
	switch (seed_below(&r->rnd, 5)) {
	case 0:
		return 1 + seed_below(&r->rnd, 100);
	case 1:
		return 65536;
	case 2:
		return 1 + seed_below(&r->rnd, 90u << 10);
	default:
		return 1 + seed_below(&r->rnd, 8000);
	}
}

static void do_write(struct vm_run *r)
{
	static uint8_t buf[100u << 10];
	int i = vm_pick(r, S_IFREG);
	struct vm_node *n;
	struct vm_blob *b;
	size_t off;
	size_t len = some_length(r);
	bool append = seed_below(&r->rnd, 8) == 0;

	if (i == VM_NONE)
		return;
	n = &r->now.n[i];
	off = append ? n->data->len : some_offset(r, n);
	if (off + len > VM_SIZE_MAX)
		return;
	seed_fill(&r->rnd, buf, len);
	assert_int_equal(cdx_vol_write(r->e.v, n->ino, append ? 7 : off, buf,
				       len, append),
			 0);
	b = vm_blob_own(n, off + len > n->data->len ? off + len : n->data->len);
	memcpy(b->p + off, buf, len);
}

static void do_truncate(struct vm_run *r)
{
	int i = vm_pick(r, S_IFREG);
	struct cdx_attr in = {0};
	struct cdx_attr a;
	struct vm_node *n;

	if (i == VM_NONE)
		return;
	n = &r->now.n[i];
	in.size = seed_below(&r->rnd, 4) == 0 ? 0 : some_offset(r, n);
	assert_int_equal(cdx_vol_setattr(r->e.v, n->ino, &in, CDX_SET_SIZE,
					 &volume_env_cred, &a),
			 0);
	(void)vm_blob_own(n, in.size);
	assert_int_equal(a.size, in.size);
}

static void do_fallocate(struct vm_run *r)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
				    FALLOC_FL_ZERO_RANGE,
				    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	int mode = modes[seed_below(&r->rnd, 5)];
	int i = vm_pick(r, S_IFREG);
	struct vm_node *n;
	struct vm_blob *b;
	size_t off;
	size_t end;
	size_t len = some_length(r);
	size_t size;

	if (i == VM_NONE)
		return;
	n = &r->now.n[i];
	off = some_offset(r, n);
	if (off + len > VM_SIZE_MAX)
		return;
	assert_int_equal(cdx_vol_fallocate(r->e.v, n->ino, mode, off, len), 0);
	size = n->data->len;
	end = off + len;
	if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > size)
		size = end;
	b = vm_blob_own(n, size);
	if (mode == 0 || mode == FALLOC_FL_KEEP_SIZE)
		return;
	if (end > size)
		end = size;
	if (off < end)
		memset(b->p + off, 0, end - off);
}

static void do_copy(struct vm_run *r)
{
	int i = vm_pick(r, S_IFREG);
	int j = vm_pick(r, S_IFREG);
	struct vm_node *src;
	struct vm_node *dst;
	struct vm_blob *b;
	size_t from;
	size_t to;
	size_t len = some_length(r);
	size_t n;
	int64_t rc;

	if (i == VM_NONE || i == j)
		return;
	src = &r->now.n[i];
	dst = &r->now.n[j];
	from = some_offset(r, src);
	to = some_offset(r, dst);
	if (to + len > VM_SIZE_MAX)
		return;
	n = from >= src->data->len ? 0 : src->data->len - from;
	if (n > len)
		n = len;
	rc = cdx_vol_copy_range(r->e.v, src->ino, from, dst->ino, to, len);
	assert_true(rc == (int64_t)n);
	if (n == 0)
		return;
	b = vm_blob_own(dst, to + n > dst->data->len ? to + n : dst->data->len);
	memcpy(b->p + to, src->data->p + from, n);
}

static void do_read(struct vm_run *r)
{
	static uint8_t buf[100u << 10];
	int i = vm_pick(r, S_IFREG);
	const struct vm_node *n;
	size_t off;
	size_t len = some_length(r);
	size_t want;

	if (i == VM_NONE)
		return;
	n = &r->now.n[i];
	off = some_offset(r, n);
	want = off >= n->data->len ? 0 : n->data->len - off;
	if (want > len)
		want = len;
	assert_int_equal(vm_read(r, n->ino, off, len, buf), want);
	if (want > 0)
		assert_memory_equal(buf, n->data->p + off, want);
}

/* ---- attributes ---- */

static void do_chmod(struct vm_run *r)
{
	int i = vm_pick(r, 0);
	struct vm_node *n = &r->now.n[i];
	struct cdx_attr in = {.mode = (mode_t)seed_below(&r->rnd, 01000)};
	struct cdx_attr a;

	if (i == 0 || S_ISLNK(n->mode))
		return;
	assert_int_equal(cdx_vol_setattr(r->e.v, n->ino, &in, CDX_SET_MODE,
					 &volume_env_cred, &a),
			 0);
	n->mode = (n->mode & S_IFMT) | in.mode;
	assert_int_equal(a.mode, n->mode);
}

static void do_xattr(struct vm_run *r)
{
	static const uint8_t val[300] = {1, 2, 3};
	int i = vm_pick(r, 0);
	struct vm_node *n = &r->now.n[i];
	size_t len = seed_below(&r->rnd, sizeof(val));
	int rc;

	if (!S_ISREG(n->mode) && !S_ISDIR(n->mode))
		return;
	if (seed_below(&r->rnd, 3) == 0) {
		rc = cdx_vol_removexattr(r->e.v, n->ino, "user.x",
					 &volume_env_cred);
		assert_int_equal(rc, n->xattr != 0 ? 0 : -ENODATA);
		n->xattr = 0;
		return;
	}
	rc = cdx_vol_setxattr(r->e.v, n->ino, "user.x", val, len, 0,
			      &volume_env_cred);
	assert_int_equal(rc, 0);
	n->xattr = len + 1;
}

/* ---- */

static void data_step(struct vm_run *r)
{
	switch (seed_below(&r->rnd, 9)) {
	case 0:
	case 1:
	case 2:
		do_write(r);
		break;
	case 3:
		do_truncate(r);
		break;
	case 4:
		do_fallocate(r);
		break;
	case 5:
		do_copy(r);
		break;
	case 6:
		do_chmod(r);
		break;
	case 7:
		do_xattr(r);
		break;
	default:
		do_read(r);
		break;
	}
}

static uint64_t commits(struct vm_run *r)
{
	struct cdx_store_stats st;

	cdx_store_stats(r->e.store, &st);
	return st.commits;
}

/* Writes may commit for reasons of their own, before they change anything. */
static void change_step(struct vm_run *r, bool is_name)
{
	uint64_t before = commits(r);

	vm_copy(&r->before, &r->now);
	if (is_name)
		vm_name_step(r);
	else
		data_step(r);
	if (commits(r) == before)
		return;
	for (int i = 0; i < VM_NODES; i++)
		r->before.n[i].durable = true;
	vm_copy(&r->safe, &r->before);
}

static void step(struct vm_run *r)
{
	size_t what = seed_below(&r->rnd, 1000);

	if (what < 40)
		vm_fsync(r);
	else if (what < 50)
		vm_commit(r);
	else if (what < 55)
		vm_reopen(r);
	else if (what < 62)
		vm_crash(r);
	else if (what < 64)
		vm_seal(r);
	else if (what < 66)
		assert_int_equal(volume_env_fsck(&r->e), 0);
	else
		change_step(r, what < 500);
	if (what >= 64 && what < 66)
		vm_all_durable(r); /* fsck commits */
}

static void test_model(void **state)
{
	static struct vm_run r;
	const char *count = getenv("CDX_COUNT");
	unsigned steps =
		count != NULL ? (unsigned)strtoul(count, NULL, 10) : 3000;

	(void)state;
	r.rnd = seed_start("volume model");
	volume_env_new(&r.e, 0);
	(void)vm_node_new(&r, CDX_ROOT_INO, S_IFDIR | 0755, 0);
	vm_all_durable(&r);
	for (r.step = 0; r.step < steps; r.step++)
		step(&r);
	vm_compare_all(&r);
	assert_int_equal(volume_env_fsck(&r.e), 0);
	volume_env_free(&r.e);
	vm_free(&r.now);
	vm_free(&r.safe);
	vm_free(&r.before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("volume_model", tests, NULL, NULL);
}
