/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"
#include "seed.h"
#include "store/dataset_internal.h"
#include "store/dataset_store.h"
#include "store/quota.h"
#include "store/records.h"
#include "store_tmp.h"

#define SHARE (64u << 20)

static struct tmp_store T;

static int setup(void **state)
{
	(void)state;
	tmp_store_new(&T, SHARE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmp_store_free(&T);
	return 0;
}

static uint8_t *bytes(uint64_t seed, size_t len)
{
	struct seed rnd = {.state = seed};
	uint8_t *p = malloc(len + 8);

	assert_non_null(p);
	for (size_t i = 0; i < len; i += 8)
		cdx_put_le64(p + i, seed_u64(&rnd));
	return p;
}

static int add(struct cdx_cid *cid, const uint8_t *p, size_t len,
	       const char *name)
{
	struct cdx_ingest *in;
	size_t step = 1000;
	int rc;

	assert_int_equal(
		cdx_ingest_new(&in, T.s,
			       &(struct cdx_ingest_opts){.filename = name}),
		0);
	rc = 0;
	for (size_t off = 0; off < len && rc == 0; off += step) {
		step = off % 3 == 0 ? 70000 : 1000;
		rc = cdx_ingest_feed(in, p + off,
				     len - off < step ? len - off : step);
	}
	if (rc == 0)
		rc = cdx_ingest_end(in, cid);
	cdx_ingest_free(in);
	return rc;
}

static uint64_t used(void)
{
	struct cdx_space sp;

	cdx_quota_space(T.s, CDX_SHARE_VOLUME, &sp);
	assert_int_equal(sp.held, 0);
	return sp.used;
}

static void check_content(const struct cdx_cid *cid, const uint8_t *p,
			  size_t len)
{
	struct cdx_dataset_info info;
	uint8_t *out = malloc(len + 10);

	assert_non_null(out);
	assert_int_equal(cdx_dataset_info(T.s, cid, &info), 0);
	assert_int_equal(info.size, len);
	assert_int_equal(cdx_dataset_read(T.s, out, &info, 0, len + 10), len);
	assert_memory_equal(out, p, len);
	free(out);
}

static void add_and_read(void **state)
{
	const size_t len = 5 * CDX_BLOCK_SIZE + 777;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(1, len);
	struct seed rnd = seed_start("dataset reads");
	struct cdx_dataset_info info;
	struct cdx_cid cid;
	uint8_t out[3 * 4096];

	(void)state;
	assert_int_equal(add(&cid, p, len, "a file"), 0);
	assert_int_equal(cid.codec, CDX_CODEC_MANIFEST);
	check_content(&cid, p, len);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
	assert_int_equal(info.blocks, 6);
	assert_int_equal(info.refs, CDX_REF_PIN);
	for (int i = 0; i < 200; i++) {
		size_t off = seed_below(&rnd, len + 100);
		size_t want = seed_below(&rnd, sizeof(out));
		size_t there = off >= len	  ? 0
			       : want > len - off ? len - off
						  : want;

		assert_int_equal(cdx_dataset_read(T.s, out, &info, off, want),
				 there);
		assert_memory_equal(out, p + off, there);
	}
	tmp_store_reopen(&T);
	check_content(&cid, p, len);
	tmp_fsck_clean(&T);
}

/* spec/datasets.md 2: the tree CID that Codex gives this upload */
static void known_tree(void **state)
{
	struct cdx_dataset_info info;
	char text[CDX_CID_TEXT_MAX];
	struct cdx_cid cid;

	(void)state;
	assert_int_equal(
		add(&cid, (const uint8_t *)"some file contents", 18, NULL), 0);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
	cdx_cid_text(text, &info.tree);
	assert_string_equal(text, "zDzSvJTezk7bJNQqFq8k1iHXY84psNuUfZVusA5bBQQU"
				  "SuyzDSVL");
}

static void manifest_bytes(void **state)
{
	struct cdx_buf m CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_manifest dec CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_cid cid;
	struct cdx_cid again;

	(void)state;
	assert_int_equal(add(&cid, (const uint8_t *)"x", 1, "name.txt"), 0);
	assert_int_equal(cdx_dataset_manifest(T.s, &cid, &m), 0);
	again = cdx_manifest_cid(m.p, m.len);
	assert_true(cdx_cid_equal(&cid, &again));
	assert_int_equal(cdx_manifest_decode(&dec, m.p, m.len), 0);
	assert_string_equal(dec.filename, "name.txt");
}

static void empty_is_refused(void **state)
{
	struct cdx_ingest *in;
	struct cdx_cid cid;

	(void)state;
	assert_int_equal(add(&cid, NULL, 0, NULL), -ENODATA);
	assert_int_equal(cdx_ingest_new(&in, T.s, NULL), 0);
	assert_int_equal(cdx_ingest_feed(in, "a", 1), 0);
	assert_int_equal(cdx_ingest_end(in, &cid), 0);
	assert_int_equal(cdx_ingest_feed(in, "a", 1), CDX_E_SEQUENCE);
	assert_int_equal(cdx_ingest_end(in, &cid), CDX_E_SEQUENCE);
	cdx_ingest_free(in);
}

/* The same bytes twice: one dataset, one set of blocks. */
static void twice_is_once(void **state)
{
	const size_t len = 70 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(2, len);
	struct cdx_cid one;
	struct cdx_cid two;
	uint64_t u;

	(void)state;
	assert_int_equal(add(&one, p, len, NULL), 0);
	u = used();
	assert_int_equal(add(&two, p, len, NULL), 0);
	assert_true(cdx_cid_equal(&one, &two));
	assert_int_equal(used(), u);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_DATASETS), 1);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 70);
	/* another name, another manifest, the same blocks */
	assert_int_equal(add(&two, p, len, "named"), 0);
	assert_false(cdx_cid_equal(&one, &two));
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_DATASETS), 2);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 70);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_dataset_unpin(T.s, &one), 1);
	assert_int_equal(cdx_dataset_unpin(T.s, &one), -ENOENT);
	tmp_reclaim(&T);
	check_content(&two, p, len);
	tmp_fsck_clean(&T);
}

/* Every block of a dataset equal: one block, many references */
static void equal_blocks(void **state)
{
	const size_t len = 130 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = calloc(1, len);
	struct cdx_cid cid;

	(void)state;
	assert_int_equal(add(&cid, p, len, NULL), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 1);
	check_content(&cid, p, len);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
	assert_int_equal(used(), 0);
	tmp_fsck_clean(&T);
}

static uint64_t areas_disk(void)
{
	char cmd[PATH_MAX];
	uint64_t sum = 0;

	for (uint64_t id = 1; id < 100; id++) {
		struct stat st;

		tmp_area_path(&T, cmd, id);
		if (stat(cmd, &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	}
	return sum;
}

static void removal_gives_space_back(void **state)
{
	const size_t len = 600 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(3, len);
	struct cdx_dataset_info info;
	struct cdx_cid cid;
	struct cdx_leaf leaf;
	uint8_t out[100];

	(void)state;
	assert_int_equal(add(&cid, p, len, NULL), 0);
	assert_int_equal(add(&cid, p, len, NULL), 0);
	assert_true(areas_disk() >= len);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
	assert_int_equal(cdx_dataset_drop(T.s, &cid), -EBUSY);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), -ENOENT);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), -ENOENT);
	assert_int_equal(cdx_dataset_drop(T.s, &cid), -ENOENT);
	assert_int_equal(cdx_leaf_get(T.s, info.dsid, 0, &leaf), -ENOENT);
	info.size = len;
	assert_int_equal(cdx_dataset_read(T.s, out, &info, 0, 100), -ENODATA);
	assert_int_equal(used(), 0);
	tmp_reclaim(&T);
	assert_true(areas_disk() < len / 10);
	tmp_fsck_clean(&T);
}

static void quota_is_kept(void **state)
{
	const size_t len = 700 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(4, len);
	struct cdx_cid cid;

	(void)state;
	assert_int_equal(add(&cid, p, len, NULL), CDX_E_QUOTA);
	assert_int_equal(used(), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(add(&cid, p, len / 2, NULL), 0);
}

static int collect(void *arg, const struct cdx_dataset_info *info,
		   const struct cdx_manifest *m)
{
	unsigned *n = arg;

	assert_int_equal(cdx_manifest_file_size(m), info->size);
	/* lists may be long: the callback may use the store */
	assert_int_equal(cdx_dataset_info(T.s, &info->cid,
					  &(struct cdx_dataset_info){0}),
			 0);
	return ++*n == 500 ? -ECANCELED : 0;
}

static void lists_all(void **state)
{
	struct cdx_cid cid;
	unsigned n = 0;

	(void)state;
	assert_int_equal(cdx_dataset_list(T.s, collect, &n), 0);
	assert_int_equal(n, 0);
	for (unsigned i = 0; i < 150; i++)
		assert_int_equal(add(&cid, (uint8_t *)&i, sizeof(i), NULL), 0);
	assert_int_equal(cdx_dataset_list(T.s, collect, &n), 0);
	assert_int_equal(n, 150);
	n = 499;
	assert_int_equal(cdx_dataset_list(T.s, collect, &n), -ECANCELED);
}

static void bad_block_is_refused(void **state)
{
	const size_t len = 3 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(5, len);
	struct cdx_dataset_info info;
	struct cdx_block_info bi;
	struct cdx_leaf leaf;
	struct cdx_cid cid;
	uint8_t out[10];

	(void)state;
	assert_int_equal(add(&cid, p, len, NULL), 0);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
	assert_int_equal(cdx_leaf_get(T.s, info.dsid, 1, &leaf), 0);
	assert_int_equal(cdx_block_info(T.s, &leaf.digest, &bi), 0);
	tmp_area_flip(&T, bi.loc[0].area, (off_t)bi.loc[0].off);
	assert_int_equal(cdx_dataset_read(T.s, out, &info, 0, 10), 10);
	assert_int_equal(cdx_dataset_read(T.s, out, &info, CDX_BLOCK_SIZE + 500,
					  10),
			 CDX_E_HASH);
}

/* ---- interruptions ---- */

/* Runs @fn on the store in a process that then ends without closing. */
static void in_child(void (*fn)(void))
{
	int status;
	pid_t pid;

	tmp_store_close(&T);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		tmp_store_open(&T);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tmp_store_open(&T);
}

static void half_ingest(void)
{
	const size_t len = 200 * CDX_BLOCK_SIZE;
	uint8_t *p = bytes(6, len);
	struct cdx_ingest *in;

	if (cdx_ingest_new(&in, T.s, NULL) < 0 ||
	    cdx_ingest_feed(in, p, len) < 0 || cdx_store_commit(T.s) < 0)
		_exit(1);
	free(p);
}

static void ingest_cut_short(void **state)
{
	const size_t len = 100 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(6, len);
	struct cdx_cid cid;

	(void)state;
	assert_int_equal(add(&cid, p, len, NULL), 0);
	in_child(half_ingest);
	/* what both had is still there, what the second alone had is not */
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 100);
	check_content(&cid, p, len);
	tmp_fsck_clean(&T);
}

static struct cdx_cid Victim;

static void half_drop(void)
{
	struct cdx_buf m = {0};
	struct cdx_dataset_info info;
	struct cdx_batch *b;

	if (cdx_dataset_load(T.s, &Victim, &info, &m) < 0 ||
	    cdx_batch_new(&b, T.s) < 0)
		_exit(1);
	info.refs = 0;
	info.dropping = true;
	cdx_dataset_put(b, &info, m.p, m.len, false);
	cdx_dataset_mark_drop(b, &info);
	if (cdx_batch_apply(b) < 0 || cdx_store_commit(T.s) < 0)
		_exit(1);
	cdx_buf_free(&m);
}

static void drop_cut_short(void **state)
{
	const size_t len = 100 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(7, len);
	struct cdx_dataset_info info;

	(void)state;
	assert_int_equal(add(&Victim, p, len, NULL), 0);
	in_child(half_drop);
	assert_int_equal(cdx_dataset_info(T.s, &Victim, &info), -ENOENT);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_DATASETS), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
	assert_int_equal(used(), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(add(&Victim, p, len, NULL), 0);
	check_content(&Victim, p, len);
}

/* An ingest that is given up */
static void abandoned(void **state)
{
	const size_t len = 200 * CDX_BLOCK_SIZE;
	uint8_t *p CDX_CLEANUP(cdx_freep) = bytes(8, len);
	struct cdx_ingest *in;

	(void)state;
	assert_int_equal(cdx_ingest_new(&in, T.s,
					&(struct cdx_ingest_opts){
						.filename = "n",
						.mimetype = "text/plain",
						.is_private = true}),
			 0);
	assert_int_equal(cdx_ingest_feed(in, p, len), 0);
	assert_true(used() > 0);
	cdx_ingest_free(in);
	assert_int_equal(used(), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
	tmp_fsck_clean(&T);
}

/* ---- volume's references ---- */

static void volume_keeps_it(void **state)
{
	struct cdx_buf m CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;
	struct cdx_batch *b;
	struct cdx_cid cid;

	(void)state;
	assert_int_equal(add(&cid, (const uint8_t *)"abc", 3, NULL), 0);
	cdx_block_lock(T.s);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
	assert_int_equal(cdx_dataset_manifest(T.s, &cid, &m), 0);
	info.refs |= CDX_REF_VOLUME;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_dataset_put(b, &info, m.p, m.len, false);
	assert_int_equal(cdx_batch_apply(b), 0);
	cdx_block_unlock(T.s);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), 0);
	check_content(&cid, (const uint8_t *)"abc", 3);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), -ENOENT);
	assert_int_equal(cdx_dataset_drop(T.s, &cid), -EBUSY);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_DATASETS), 1);
}

/* ---- several at once ---- */

static void *worker(void *arg)
{
	struct seed rnd = {.state = (uint64_t)(uintptr_t)arg};

	for (unsigned i = 0; i < 12; i++) {
		/* few different ones, so that they meet */
		unsigned which = (unsigned)seed_below(&rnd, 3);
		const size_t len = (which + 1) * 40 * CDX_BLOCK_SIZE;
		uint8_t *p = bytes(100 + which, len);
		struct cdx_cid cid;
		int rc;

		rc = add(&cid, p, len, NULL);
		free(p);
		if (rc < 0)
			return arg;
		rc = cdx_dataset_unpin(T.s, &cid);
		if (rc < 0 && rc != -ENOENT)
			return arg;
	}
	return NULL;
}

static void at_the_same_time(void **state)
{
	pthread_t th[3];

	(void)state;
	for (uintptr_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&th[i], NULL, worker,
						(void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < 3; i++) {
		void *bad;

		assert_int_equal(pthread_join(th[i], &bad), 0);
		assert_null(bad);
	}
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
	assert_int_equal(used(), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

/* ---- kill -9 ---- */

#define KILLS 6u

static void add_and_remove_forever(uint64_t seed)
{
	struct seed rnd = {.state = seed};
	struct cdx_cid cid;

	for (;;) {
		const size_t len = (1 + seed_below(&rnd, 150)) * CDX_BLOCK_SIZE;
		uint8_t *p = bytes(seed_below(&rnd, 4), len);

		if (add(&cid, p, len, NULL) < 0)
			_exit(1);
		free(p);
		if (seed_below(&rnd, 2) == 0 &&
		    cdx_dataset_unpin(T.s, &cid) < 0)
			_exit(1);
		if (used() > SHARE / 2)
			_exit(0);
	}
}

static int drop_all(void *arg, const struct cdx_dataset_info *info,
		    const struct cdx_manifest *m)
{
	uint8_t *out = malloc(info->size);

	(void)arg;
	(void)m;
	assert_non_null(out);
	assert_int_equal(cdx_dataset_read(T.s, out, info, 0, info->size),
			 info->size);
	free(out);
	return cdx_dataset_unpin(T.s, &info->cid) == 1 ? 0 : -EIO;
}

static void killed_at_random(void **state)
{
	struct seed rnd = seed_start("dataset kills");

	(void)state;
	for (unsigned i = 0; i < KILLS; i++) {
		uint64_t seed = seed_u64(&rnd);
		int status;
		pid_t pid;

		tmp_store_close(&T);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			/* groups end in the middle of everything */
			T.commit_ms = 3;
			tmp_store_open(&T);
			add_and_remove_forever(seed);
		}
		(void)usleep((useconds_t)(20000 + seed_below(&rnd, 300000)));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		tmp_store_open(&T);
		tmp_fsck_clean(&T);
	}
	/* what is listed is whole, and it all comes off again */
	assert_int_equal(cdx_dataset_list(T.s, drop_all, NULL), 0);
	assert_int_equal(used(), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

/* Blocks of any size: read at odd places, charged by pages, given back whole. */
static void block_sizes(void **state)
{
	static const uint32_t sizes[] = {
		1, 63, 1000, 4096, 4097, 65537, 1u << 20, CDX_BLOCK_SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
		const struct cdx_ingest_opts o = {.block_size = sizes[i]};
		uint32_t room = (sizes[i] + 4095) / 4096 * 4096;
		size_t len = (size_t)sizes[i] * 2 + (sizes[i] + 1) / 2;
		uint8_t *p = bytes(i + 1, len);
		uint8_t *got = malloc(len + 10);
		struct cdx_dataset_info info;
		struct cdx_buf m = {0};
		struct cdx_ingest *in;
		struct cdx_cid cid;

		/* of one byte equal ones may come: make them differ */
		for (size_t j = 0; sizes[i] == 1 && j < len; j++)
			p[j] = (uint8_t)j;
		assert_int_equal(cdx_ingest_new(&in, T.s, &o), 0);
		assert_int_equal(cdx_ingest_feed(in, p, len), 0);
		assert_int_equal(cdx_ingest_end(in, &cid), 0);
		cdx_ingest_free(in);
		assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
		assert_int_equal(info.block_size, sizes[i]);
		assert_int_equal(info.blocks, 3);
		assert_int_equal(info.size, len);
		assert_int_equal(cdx_dataset_manifest(T.s, &cid, &m), 0);
		assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_USED_VOLUME),
				 (int64_t)(3 * (room + room / 2) + m.len));
		cdx_buf_free(&m);
		tmp_store_reopen(&T);
		tmp_fsck_clean(&T);
		assert_int_equal(cdx_dataset_read(T.s, got, &info, 0, len + 9),
				 len);
		assert_memory_equal(got, p, len);
		for (size_t off = 0; off < len; off += len / 7 + 1) {
			size_t n = len - off < 3000 ? len - off : 3000;

			assert_int_equal(cdx_dataset_read(T.s, got, &info, off,
							  3000),
					 n);
			assert_memory_equal(got, p + off, n);
		}
		assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
		assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_USED_VOLUME), 0);
		tmp_reclaim(&T);
		tmp_fsck_clean(&T);
		free(got);
		free(p);
	}
	{
		const struct cdx_ingest_opts o = {
			.block_size = CDX_BLOCK_SIZE_MAX + 1};
		struct cdx_ingest *in;

		assert_int_equal(cdx_ingest_new(&in, T.s, &o), -EINVAL);
		assert_null(in);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(add_and_read),
		CASE(known_tree),
		CASE(manifest_bytes),
		CASE(empty_is_refused),
		CASE(twice_is_once),
		CASE(equal_blocks),
		CASE(removal_gives_space_back),
		CASE(quota_is_kept),
		CASE(lists_all),
		CASE(bad_block_is_refused),
		CASE(ingest_cut_short),
		CASE(drop_cut_short),
		CASE(abandoned),
		CASE(volume_keeps_it),
		CASE(at_the_same_time),
		CASE(killed_at_random),
		CASE(block_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
