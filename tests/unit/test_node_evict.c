/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "node/conf.h"
#include "node/node.h"
#include "node/peers.h"
#include "seg_protect.h"

/* Two nodes in one process: what one evicts it reads back from the other, over
 * real sockets. */

#define FILE_BYTES (60 * BLOCK + 123)

struct member {
	char path[PATH_MAX];
	struct cdx_log log;
	struct cdx_keyfile keys;
	struct cdx_conf_node conf;
	struct cdx_node n;
};

static void member_init(struct member *m, struct seed *s)
{
	struct cdx_store_config config = {
		.share = {SHARE, SHARE, SHARE},
		.k = 4,
		.m = 2,
		.log_bytes = 1u << 20,
	};
	const char *dir = getenv("TMPDIR");

	memset(m, 0, sizeof(*m));
	seed_fill(s, m->keys.root.b, sizeof(m->keys.root.b));
	cdx_log_init(&m->log,
		     getenv("CDX_TEST_LOG") ? CDX_LOG_TO_STDERR
					    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
	(void)snprintf(m->path, sizeof(m->path), "%s/cdx-evict-XXXXXX",
		       dir ? dir : "/tmp");
	assert_non_null(mkdtemp(m->path));
	assert_int_equal(cdx_store_init(m->path, &config), 0);
	m->conf.network = strdup("test of eviction");
	m->conf.listen = strdup("127.0.0.1:0");
	m->conf.read_timeout_s = 60;
	m->conf.has_cache = true;
	m->conf.cache = 64 * ENV_MIB;
}

static void member_open(struct member *m)
{
	struct cdx_node_opts o = {
		.path = m->path,
		.keys = &m->keys,
		.log = &m->log,
		.conf_file = "/dev/null",
		.peers = &m->conf,
		.no_background = true,
		.commit_ms = 3600000,
	};
	char error[CDX_NODE_ERROR_MAX];

	if (cdx_node_open(&m->n, &o, error) < 0)
		fail_msg("%s", error);
}

static void member_close(struct member *m)
{
	assert_int_equal(cdx_node_close(&m->n), 0);
}

static void member_free(struct member *m)
{
	cdx_conf_node_free(&m->conf);
	assert_int_equal(nftw(m->path, seg_env_rm, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}

/* @m asks @of */
static void knows(struct member *m, struct member *of)
{
	struct cdx_peers_status st;

	cdx_peers_status(of->n.peers, &st);
	assert_true(st.n_addrs > 0);
	m->conf.peer[0] = st.addr[0];
	m->conf.n_peers = 1;
}

/* ---- the file ---- */

static ssize_t read_bytes(struct cdx_volume *v, uint64_t ino, uint64_t off,
			  uint8_t *out, size_t len)
{
	struct seg_env_read r;

	seg_env_read_init(&r, out);
	cdx_vol_read(v, ino, off, len, seg_env_got, &r);
	return seg_env_wait(&r);
}

/* ---- the other takes it ---- */

struct fetched {
	pthread_mutex_t mu;
	pthread_cond_t cv;
	bool done;
	int rc;
};

static void on_fetched(void *arg, int rc)
{
	struct fetched *f = arg;

	pthread_mutex_lock(&f->mu);
	f->done = true;
	f->rc = rc;
	pthread_cond_signal(&f->cv);
	pthread_mutex_unlock(&f->mu);
}

static void take(struct member *m, const struct cdx_cid *cid)
{
	struct fetched f = {
		.mu = PTHREAD_MUTEX_INITIALIZER,
		.cv = PTHREAD_COND_INITIALIZER,
	};
	struct cdx_reader *rd;
	struct cdx_op *op = NULL;
	char why[256];
	int rc = cdx_exchange_open_wait(cdx_peers_exchange(m->n.peers), &rd,
					cid, false, 0, NULL, NULL, why);

	if (rc < 0)
		fail_msg("cannot open: %d %s", rc, why);
	assert_int_equal(cdx_reader_fetch(rd, &op, false, NULL, on_fetched, &f),
			 0);
	pthread_mutex_lock(&f.mu);
	while (!f.done)
		(void)pthread_cond_wait(&f.cv, &f.mu);
	pthread_mutex_unlock(&f.mu);
	assert_int_equal(f.rc, 0);
	cdx_op_put(op);
	cdx_reader_put(rd);
}

static void give_away(struct member *m, const struct cdx_segment_info *seg)
{
	struct cdx_protection p = {0};

	assert_int_equal(cdx_protection_list(m->n.store, seg->area,
					     one_protection, &p),
			 0);
	assert_int_equal(cdx_protection_evict(m->n.store, &p), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(cdx_store_commit(m->n.store), 0);
		assert_true(cdx_store_reclaim(m->n.store) >= 0);
	}
}

static void test_read_back(void **state)
{
	struct seed s = seed_start("read_back");
	uint8_t *p = noise(&s, FILE_BYTES);
	uint8_t *got = malloc(FILE_BYTES);
	struct cdx_segment_info seg = {0};
	struct cdx_vol_status st;
	struct member a;
	struct member b;
	uint64_t ino;

	(void)state;
	assert_non_null(got);
	member_init(&a, &s);
	member_init(&b, &s);
	/* nothing of a is kept twice */
	a.conf.cache = 0;
	member_open(&a);
	ino = put_protected(a.n.volume, p, FILE_BYTES);
	assert_int_equal(cdx_vol_segments(a.n.volume, one_segment, &seg), 0);
	assert_true(seg.is_protected);
	assert_int_equal(cdx_peers_announce(a.n.peers, &seg.verifiable, true),
			 0);
	knows(&b, &a);
	member_open(&b);
	take(&b, &seg.verifiable);
	give_away(&a, &seg);
	knows(&a, &b);
	member_close(&a);
	member_open(&a);
	cdx_vol_status(a.n.volume, &st);
	assert_int_equal(st.seg_evicted, 1);
	assert_int_equal(read_bytes(a.n.volume, ino, 5 * BLOCK + 7, got, 4096),
			 4096);
	assert_memory_equal(got, p + 5 * BLOCK + 7, 4096);
	assert_int_equal(read_bytes(a.n.volume, ino, 0, got, FILE_BYTES),
			 FILE_BYTES);
	assert_memory_equal(got, p, FILE_BYTES);
	cdx_vol_status(a.n.volume, &st);
	assert_true(st.far_blocks >= 61);
	assert_int_equal(st.read_errors, 0);
	/* the other is gone, and what was fetched forgotten */
	member_close(&b);
	member_close(&a);
	a.conf.read_timeout_s = 1;
	member_open(&a);
	assert_int_equal(read_bytes(a.n.volume, ino, 0, got, 1), -EIO);
	member_close(&a);
	/* it comes back, elsewhere */
	member_open(&b);
	knows(&a, &b);
	a.conf.read_timeout_s = 60;
	member_open(&a);
	assert_int_equal(read_bytes(a.n.volume, ino, 0, got, FILE_BYTES),
			 FILE_BYTES);
	assert_memory_equal(got, p, FILE_BYTES);
	member_close(&a);
	member_close(&b);
	member_free(&a);
	member_free(&b);
	free(got);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
