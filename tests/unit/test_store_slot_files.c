/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "base/err.h"
#include "protection_env.h"

/* Slots whose data file is gone or damaged, and those that somebody evicts
 * while another restores them */

static void area_gone(uint64_t id)
{
	char path[PATH_MAX];

	tmp_area_path(&T, path, id);
	assert_int_equal(unlink(path), 0);
}

static off_t area_size(uint64_t id)
{
	char path[PATH_MAX];
	struct stat st;

	tmp_area_path(&T, path, id);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Restores all slots of @mask, which are damaged by their marks. */
static void restore_set(struct cdx_protection *p, uint32_t mask)
{
	get(p);
	for (uint32_t i = 0; i < p->k + p->m; i++)
		if (mask >> i & 1)
			assert_int_equal(pk_restore(T.s, p, 1, 0, i), 0);
	assert_int_equal(p->damaged, 0);
	check_all(p, 1, 0);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	check_all(p, 1, 0);
	tmp_fsck_clean(&T);
}

static void parity_file_gone(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct counts whole;
	off_t size;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 30, 4096, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 3, false), 0);
	whole = counts();
	size = area_size(p.area);
	/* one that is absent is not damaged as well */
	assert_int_equal(cdx_slot_evict(T.s, &p, 6), 0);
	tmp_reclaim(&T);
	tmp_store_close(&T);
	area_gone(p.area);
	tmp_store_open(&T);
	get(&p);
	assert_int_equal(cdx_slot_file_gone(T.s, &p, 4), true);
	assert_int_equal(cdx_slot_file_gone(T.s, &p, 0), false);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 4), 0);
	assert_int_equal(area_size(p.area), size);
	assert_int_equal(p.absent, 1u << 6);
	assert_int_equal(p.damaged, 3u << 4);
	/* what was lost does not count: nothing may be given away */
	assert_int_equal(cdx_slot_evict(T.s, &p, 0), -EBUSY);
	/* and a crash here loses nothing of that */
	tmp_store_reopen(&T);
	get(&p);
	assert_int_equal(p.damaged, 3u << 4);
	restore_set(&p, 7u << 4);
	same_counts(whole);
}

/* All data columns at once; marks say where they are to be made from */
static void segment_file_gone(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 13, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 3, 3, true), 0);
	tmp_store_close(&T);
	area_gone(base.area);
	tmp_store_open(&T);
	get(&p);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 2), 0);
	assert_int_equal(p.damaged, 7);
	assert_int_equal(area_size(base.area), 13 * CDX_BLOCK_SIZE);
	restore_set(&p, 7);
}

/* A process that has it open still has the bytes. */
static void open_file_gone(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 13, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 3, 3, true), 0);
	check_all(&p, 1, 0);
	area_gone(base.area);
	assert_int_equal(cdx_slot_file_gone(T.s, &p, 1), true);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 1), 0);
	assert_int_equal(p.damaged, 2);
	check_all(&p, 1, 0);
	restore_set(&p, 2);
	assert_int_equal(bad_blocks(), 0);
}

static void file_cut_short(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	char path[PATH_MAX];
	off_t size;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 30, 4096, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	size = area_size(p.area);
	tmp_store_close(&T);
	tmp_area_path(&T, path, p.area);
	assert_int_equal(truncate(path, size / 3), 0);
	tmp_store_open(&T);
	get(&p);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 5), 0);
	assert_int_equal(area_size(p.area), size);
	assert_int_equal(p.damaged, 3u << 4);
	restore_set(&p, 3u << 4);
}

/* A file that does not belong to the record's area is left alone. */
static void record_of_another(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct cdx_batch *b;
	uint64_t area;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 30, 4096, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	area = p.area;
	for (uint64_t bad = 1; bad < 3; bad++) {
		/* the loose file, and none at all */
		p.area = bad == 1 ? 1 : UINT64_C(1) << 60;
		assert_int_equal(cdx_batch_new(&b, T.s), 0);
		cdx_protection_put(b, &p);
		assert_int_equal(cdx_batch_apply(b), 0);
		assert_int_equal(cdx_slot_restore_begin(T.s, &p, 4),
				 CDX_E_CORRUPT);
	}
	p.area = area;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_protection_put(b, &p);
	assert_int_equal(cdx_batch_apply(b), 0);
	restore_set(&p, 0);
}

/* ---- the log ---- */

static unsigned lines_with(const char *text, FILE *f)
{
	char line[1024];
	unsigned n = 0;

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	return n;
}

/* Reads everything with the log in @f. */
static void read_logged(const struct cdx_protection *p, FILE *f)
{
	uint8_t *b = malloc(p->block_size);
	int was = dup(STDERR_FILENO);

	assert_true(was >= 0);
	(void)fflush(stderr);
	assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
	cdx_log_init(&T.log, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	for (uint64_t i = 0; i < p->steps * (p->k + p->m); i++)
		(void)!cdx_protection_read(T.s, b, p, i);
	assert_true(dup2(was, STDERR_FILENO) >= 0);
	(void)close(was);
	cdx_log_init(&T.log, CDX_LOG_TO_NONE, CDX_LOG_WARN);
	free(b);
}

static void few_lines(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	assert_int_equal(pk_segment(T.s, &base, 1, 40, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, true), 0);
	for (off_t i = 0; i < 40; i++)
		tmp_area_flip(&T, base.area, i * CDX_BLOCK_SIZE);
	read_logged(&p, f);
	assert_int_equal(bad_blocks(), 40);
	assert_int_equal(lines_with(" at ", f), 8);
	assert_int_equal(lines_with("further bad blocks", f), 1);
	read_logged(&p, f);
	assert_int_equal(bad_blocks(), 80);
	assert_int_equal(lines_with("further bad blocks", f), 1);
	(void)fclose(f);

	/* another start says it again */
	f = tmpfile();
	assert_non_null(f);
	tmp_store_reopen(&T);
	read_logged(&p, f);
	assert_int_equal(lines_with(" at ", f), 8);
	(void)fclose(f);

	/* told at the start, and not for each block */
	tmp_store_close(&T);
	area_gone(base.area);
	tmp_store_open(&T);
	f = tmpfile();
	assert_non_null(f);
	read_logged(&p, f);
	assert_int_equal(bad_blocks(), 40);
	assert_int_equal(lines_with("", f), 0);
	(void)fclose(f);
}

static void many_files(void **state)
{
	(void)state;
	for (uint64_t id = 1; id < 3000; id++)
		for (unsigned i = 1; i < 12; i++) {
			unsigned n = cdx_store_bad_line(T.s, id);

			if (id <= 1024)
				assert_int_equal(n, i <= 9 ? i : 0);
			else if (id > 1025)
				assert_int_equal(n, 0);
		}
}

/* ---- with others at work ---- */

static void evicted_meanwhile(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection first;
	struct cdx_protection p;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 40, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, true), 0);
	first = p;
	assert_int_equal(cdx_slot_restore_begin(T.s, &first, 1), 0);
	assert_int_equal(pk_restore_from(T.s, &first, 1, 0, 1, 0, 4), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 1), 0);
	assert_int_equal(pk_restore_from(T.s, &first, 1, 0, 1, 4, 5),
			 CDX_E_SEQUENCE);
	get(&p);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 1), 0);
	/* the first one must not end what the second has begun */
	assert_int_equal(pk_restore_from(T.s, &first, 1, 0, 1, 4, 5),
			 CDX_E_SEQUENCE);
	assert_int_equal(cdx_slot_restore_end(T.s, &first, 1), CDX_E_SEQUENCE);
	get(&p);
	assert_int_equal(p.absent & p.damaged, 2);
	restore_set(&p, 2);
}

static atomic_bool stop;
static pthread_mutex_t evicts_mu = PTHREAD_MUTEX_INITIALIZER;

static void *evict_often(void *arg)
{
	const struct cdx_protection *p = arg;
	struct timespec nap = {0};
	int rc = 0;

	while (!atomic_load(&stop) && (rc == 0 || rc == -EBUSY)) {
		(void)pthread_mutex_lock(&evicts_mu);
		rc = cdx_slot_evict(T.s, p, 1);
		(void)pthread_mutex_unlock(&evicts_mu);
		nap.tv_nsec = (nap.tv_nsec + 300000) % 2000000;
		(void)nanosleep(&nap, NULL);
	}
	return rc == 0 || rc == -EBUSY ? NULL : arg;
}

/* Nothing is evicted now: a slot without marks is whole, and stays so when
 * everything is punched. */
static bool whole_or_marked(struct cdx_protection *p)
{
	uint8_t *b = malloc(p->block_size);
	bool ok;

	ok = cdx_area_frees_wait(T.s, p->segment) == 0;
	ok = ok && cdx_protection_get(T.s, p->base, p->id, p) == 0;
	if (ok && !((p->absent | p->damaged) >> 1 & 1))
		for (uint64_t i = 0; i < p->steps && ok; i++)
			ok = cdx_protection_read(T.s, b, p, p->steps + i) == 0;
	free(b);
	return ok;
}

static void *restore_often(void *arg)
{
	struct cdx_protection p = *(struct cdx_protection *)arg;
	unsigned ended = 0;
	int rc;

	for (unsigned i = 0; i < 40 || (ended == 0 && i < 400); i++) {
		bool ok = true;

		/* an eviction while it begins, and later as well */
		rc = cdx_slot_restore_begin(T.s, &p, 1);
		if (i % 2 == 0)
			(void)pthread_mutex_lock(&evicts_mu);
		if (rc == 0)
			rc = pk_restore_from(T.s, &p, 1, 0, 1, 0, p.steps);
		if (i % 2 != 0)
			(void)pthread_mutex_lock(&evicts_mu);
		if (rc == 0)
			rc = cdx_slot_restore_end(T.s, &p, 1);
		if (rc == 0)
			ok = whole_or_marked(&p);
		(void)pthread_mutex_unlock(&evicts_mu);
		if (!ok ||
		    (rc != 0 && rc != CDX_E_SEQUENCE && rc != CDX_E_AGAIN))
			return arg;
		ended += rc == 0;
	}
	return NULL;
}

/* Whoever comes last, what is marked whole is whole. */
static void both_at_once(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	pthread_t evicts;
	pthread_t restores;
	void *bad;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 24, 1 << 20), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	for (unsigned round = 0; round < 3; round++) {
		atomic_store(&stop, false);
		assert_int_equal(pthread_create(&evicts, NULL, evict_often, &p),
				 0);
		assert_int_equal(
			pthread_create(&restores, NULL, restore_often, &p), 0);
		assert_int_equal(pthread_join(restores, &bad), 0);
		assert_null(bad);
		atomic_store(&stop, true);
		assert_int_equal(pthread_join(evicts, &bad), 0);
		assert_null(bad);
		restore_set(&p, 2);
		/* and is still there when everything was punched */
		tmp_reclaim(&T);
		check_all(&p, 1, 0);
	}
}

/* ---- damage elsewhere ---- */

/* A bad loose copy beside a good one in a segment: its bytes go, and the row
 * must say so. */
static void bad_copy_of_two(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info seg;
	struct cdx_protection p;
	uint64_t loose = 0;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 12, CDX_BLOCK_SIZE, 0), 0);
	assert_int_equal(pk_segment(T.s, &seg, 1, 13, 1 << 20), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	{
		struct cdx_block_info info;
		struct cdx_leaf leaf;

		assert_int_equal(cdx_protection_leaf(T.s, &p, 0, &leaf), 0);
		assert_int_equal(cdx_block_info(T.s, &leaf.digest, &info), 0);
		assert_int_equal(info.locs, 2);
		loose = info.loc[0].area;
		assert_int_not_equal(loose, seg.area);
		tmp_area_flip(&T, loose, (off_t)info.loc[0].off);
		assert_int_equal(pk_restore(T.s, &p, 1, 0, 0), 0);
		assert_int_equal(cdx_block_info(T.s, &leaf.digest, &info), 0);
		assert_int_equal(info.locs, 1);
		assert_int_equal(info.loc[0].area, seg.area);
	}
	tmp_reclaim(&T);
	check_all(&p, 1, 0);
	assert_int_equal(bad_blocks(), 0);
	tmp_fsck_clean(&T);
}

/* Too few descriptors are no reason to give up the last copy of a block that
 * others use. */
static void no_descriptor(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info other;
	struct cdx_protection p;
	struct rlimit old;
	struct rlimit few;
	uint8_t *b = malloc(CDX_BLOCK_SIZE);
	uint8_t *want = malloc(CDX_BLOCK_SIZE);
	int fd;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 12, 0), 0);
	assert_int_equal(pk_loose(T.s, &other, 1, 2, CDX_BLOCK_SIZE, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, true), 0);
	tmp_store_reopen(&T);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = dup(STDERR_FILENO);
	assert_true(fd >= 0);
	(void)close(fd);
	few = old;
	few.rlim_cur = (rlim_t)fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 0), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 0), 0);
	tmp_reclaim(&T);
	pk_block(want, CDX_BLOCK_SIZE, 1, 1);
	assert_int_equal(cdx_dataset_read(T.s, b, &other, CDX_BLOCK_SIZE,
					  CDX_BLOCK_SIZE),
			 CDX_BLOCK_SIZE);
	assert_memory_equal(b, want, CDX_BLOCK_SIZE);
	tmp_fsck_clean(&T);
	free(want);
	free(b);
}

/* A record that names the manifest of somebody else */
static void names_another(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info other;
	struct cdx_protection p;
	struct cdx_batch *b;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 12, 4096, 0), 0);
	assert_int_equal(pk_loose(T.s, &other, 2, 12, 4096, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	memcpy(p.verifiable.b, other.cid.digest, 32);
	memcpy(p.plain.b, other.cid.digest, 32);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_protection_put(b, &p);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, true), 0);
	assert_int_equal(cdx_dataset_info(T.s, &other.cid, &base), 0);
	assert_int_equal(base.refs, other.refs);
	assert_int_equal(base.dropping, false);
}

/* Somebody still has what the dataset said when the protection goes. */
static void dropped_meanwhile(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info info;
	struct cdx_protection p;
	struct cdx_cid cid;
	uint8_t b[4096];

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 12, 4096, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	cid = cid_of(&p.verifiable);
	assert_int_equal(cdx_dataset_info(T.s, &cid, &info), 0);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 4), 0);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), 0);
	tmp_reclaim(&T);
	assert_int_equal(pk_restore_from(T.s, &p, 1, 0, 4, 0, 1), -ENOENT);
	assert_int_equal(cdx_slot_restore_end(T.s, &p, 4), -ENOENT);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 4), -ENOENT);
	assert_int_equal(cdx_slot_evict(T.s, &p, 4), -ENOENT);
	assert_int_equal(cdx_protection_read(T.s, b, &p, 12), -ENODATA);
	assert_int_equal(cdx_protection_of(T.s, &info, &p), -ENOENT);
	tmp_fsck_clean(&T);
}

/* An eviction that was cut before its first batch */
static void evicting(struct cdx_protection *p)
{
	struct cdx_batch *b;

	p->absent = 1;
	p->evicting = 1;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_protection_put(b, p);
	assert_int_equal(cdx_batch_apply(b), 0);
}

/* One that cannot be finished does not keep the next from being. */
static void two_to_finish(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p[2];
	struct cdx_batch *b;
	uint8_t key[12];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pk_loose(T.s, &base, i + 1, 12, 4096, 0), 0);
		assert_int_equal(pk_protect(T.s, &p[i], &base, 4, 2, false), 0);
		evicting(&p[i]);
	}
	/* a leaf of the first that nobody can read */
	cdx_put_be64(key, p[0].base);
	cdx_put_be32(key + 8, 1);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_batch_put(b, CDX_DB_LEAF, key, sizeof(key), "", 1);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_store_reopen(&T);
	get(&p[0]);
	get(&p[1]);
	assert_int_equal(p[0].evicting, 1);
	assert_int_equal(p[1].evicting, 0);
	check_slot(&p[1], 2, 0, 0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(parity_file_gone),	 CASE(segment_file_gone),
		CASE(open_file_gone),	 CASE(file_cut_short),
		CASE(record_of_another), CASE(few_lines),
		CASE(many_files),	 CASE(evicted_meanwhile),
		CASE(both_at_once),	 CASE(bad_copy_of_two),
		CASE(no_descriptor),	 CASE(names_another),
		CASE(two_to_finish),	 CASE(dropped_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
