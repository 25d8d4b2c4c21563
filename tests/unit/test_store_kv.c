/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "seed.h"
#include "store_kit.h"

/* ---- init and open ---- */

static void test_init(void **state)
{
	struct cdx_store_config c;
	char sub[300];
	char file[320];
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	kit_config(&k, &c);
	assert_int_equal(cdx_store_init(k.path, &c), -EEXIST);
	assert_int_equal(cdx_store_config(k.s)->k, 10);
	assert_int_equal(cdx_store_config(k.s)->share[CDX_SHARE_VOLUME],
			 64u << 20);
	assert_true(cdx_store_config(k.s)->created > 0);
	assert_string_equal(cdx_store_path(k.s), k.path);
	kit_close(&k);

	/* something else is there: nothing is touched */
	(void)snprintf(sub, sizeof(sub), "%s/other", k.path);
	assert_int_equal(mkdir(sub, 0700), 0);
	(void)snprintf(file, sizeof(file), "%s/file", sub);
	assert_int_equal(close(open(file, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(cdx_store_init(sub, &c), -ENOTEMPTY);

	/* a directory that was not there is gone after a failure */
	(void)snprintf(sub, sizeof(sub), "%s/absurd", k.path);
	c.log_bytes = 12345;
	assert_int_equal(cdx_store_init(sub, &c), -EINVAL);
	c.log_bytes = 0;
	c.k = 0;
	assert_int_equal(cdx_store_init(sub, &c), -EINVAL);
	kit_config(&k, &c);
	c.share[CDX_SHARE_CACHE] = UINT64_MAX;
	assert_int_equal(cdx_store_init(sub, &c), -EINVAL);
	memset(c.share, 0, sizeof(c.share));
	assert_int_equal(cdx_store_init(sub, &c), -EINVAL);
	assert_int_equal(access(sub, F_OK), -1);
	(void)snprintf(sub, sizeof(sub), "%s/no/such", k.path);
	kit_config(&k, &c);
	assert_int_equal(cdx_store_init(sub, &c), -ENOENT);
	kit_free(&k);
}

static void put_empty(const struct kit *k, const char *name)
{
	char path[320];

	(void)snprintf(path, sizeof(path), "%s/%s", k->path, name);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
}

static bool there(const struct kit *k, const char *name)
{
	char path[320];

	(void)snprintf(path, sizeof(path), "%s/%s", k->path, name);
	return access(path, F_OK) == 0;
}

/* What killed inits leave is taken over, and nothing else is */
static void test_init_killed(void **state)
{
	struct seed seed = seed_start("init_killed");
	struct cdx_store_config c;
	struct kit k;
	int status;
	pid_t pid;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	for (int i = 0; i < 40; i++) {
		kit_config(&k, &c);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(cdx_store_init(k.path, &c) == 0 ? 0 : 1);
		(void)usleep((useconds_t)seed_below(&seed, 4000));
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	}
	/* the key files of an init that got further */
	put_empty(&k, "key");
	put_empty(&k, ".key.0123456789abcdef");
	assert_int_equal(cdx_store_init(k.path, &c), 0);
	assert_false(there(&k, "key"));
	assert_false(there(&k, ".key.0123456789abcdef"));
	put_empty(&k, "letter");
	assert_int_equal(cdx_store_init(k.path, &c), -ENOTEMPTY);
	assert_true(there(&k, "db"));

	/* a store that was started is nobody's to replace */
	assert_true(there(&k, CDX_INIT_MARK));
	kit_open(&k);
	assert_false(there(&k, CDX_INIT_MARK));
	kit_close(&k);
	assert_int_equal(cdx_store_init(k.path, &c), -EEXIST);
	kit_open(&k);
	kit_free(&k);
}

static void set_format(struct kit *k, uint32_t version)
{
	struct cdx_env env;
	uint8_t v[4];
	MDB_val key = {6, (char[]){"format"}};
	MDB_val val = {sizeof(v), v};
	MDB_txn *txn;

	cdx_put_be32(v, version);
	assert_int_equal(cdx_env_open(&env, k->path, false), 0);
	assert_int_equal(mdb_txn_begin(env.mdb, NULL, 0, &txn), 0);
	assert_int_equal(mdb_put(txn, env.dbi[CDX_DB_META], &key, &val, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	cdx_env_close(&env);
}

static void flip(struct kit *k, const char *name, off_t off)
{
	char path[300];
	uint8_t c;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", k->path, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, off), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, off), 1);
	assert_int_equal(close(fd), 0);
}

static void test_open_errors(void **state)
{
	struct cdx_store *first;
	char want[64];
	char holder[200];
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	first = k.s;
	assert_int_equal(kit_try_open(&k, holder, sizeof(holder)),
			 CDX_E_LOCKED);
	assert_null(k.s);
	(void)snprintf(want, sizeof(want), "process %ld (", (long)getpid());
	assert_int_equal(strncmp(holder, want, strlen(want)), 0);
	assert_non_null(strstr(holder, "test_store_kv"));
	k.s = first;
	kit_close(&k);

	set_format(&k, CDX_STORE_VERSION + 1);
	assert_int_equal(kit_try_open(&k, NULL, 0), CDX_E_VERSION);
	set_format(&k, CDX_STORE_VERSION);

	flip(&k, "log", 13);
	assert_int_equal(kit_try_open(&k, NULL, 0), CDX_E_CORRUPT);
	flip(&k, "log", 13);

	/* both meta pages of LMDB */
	flip(&k, "db", 16);
	flip(&k, "db", 4096 + 16);
	assert_int_equal(kit_try_open(&k, NULL, 0), CDX_E_CORRUPT);
	flip(&k, "db", 16);
	flip(&k, "db", 4096 + 16);
	kit_open(&k);
	kit_free(&k);
	assert_int_equal(kit_try_open(&k, NULL, 0), -ENOENT);
	assert_int_equal(mkdir(k.path, 0700), 0);
	assert_int_equal(kit_try_open(&k, NULL, 0), CDX_E_FORMAT);
	assert_int_equal(rmdir(k.path), 0);
}

static void test_sequence(void **state)
{
	struct cdx_batch *b;
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	assert_int_equal(kit_try_open(&k, NULL, 0), 0);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), CDX_E_SEQUENCE);
	assert_int_equal(cdx_store_commit(k.s), CDX_E_SEQUENCE);
	assert_int_equal(cdx_store_log_sync(k.s), CDX_E_SEQUENCE);
	assert_int_equal(kit_try_start(&k), 0);
	assert_int_equal(kit_try_start(&k), CDX_E_SEQUENCE);
	/* an empty batch is fine and changes nothing */
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	assert_int_equal(cdx_batch_apply(b), 0);
	kit_close(&k);

	k.readonly = true;
	kit_open(&k);
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), -EROFS);
	assert_int_equal(cdx_store_commit(k.s), 0);
	assert_int_equal(cdx_store_log_sync(k.s), 0);
	kit_free(&k);
}

/* ---- batches ---- */

static void test_batch_bounds(void **state)
{
	uint8_t *val = calloc(1, CDX_VAL_MAX + 1);
	uint8_t key[CDX_KEY_MAX + 1] = {1};
	struct cdx_batch *b;
	struct kit k;

	(void)state;
	assert_non_null(val);
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	/* one bad change spoils the batch, and nothing of it is seen */
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_INODE, "good", 4, "1", 1);
	cdx_batch_put(b, CDX_DB_INODE, key, sizeof(key), "1", 1);
	assert_int_equal(cdx_batch_apply(b), -EINVAL);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_INODE, "good", 4, val, CDX_VAL_MAX + 1);
	assert_int_equal(cdx_batch_apply(b), -EINVAL);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_del(b, CDX_DB_INODE, "", 0);
	assert_int_equal(cdx_batch_apply(b), -EINVAL);
	assert_true(kit_has(&k, CDX_DB_INODE, "good", NULL));

	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_INODE, key, CDX_KEY_MAX, val, CDX_VAL_MAX);
	assert_true(cdx_batch_size(b) > CDX_VAL_MAX);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_kv_get(k.s, CDX_DB_INODE, key, CDX_KEY_MAX, val,
				    100),
			 -ENOBUFS);
	kit_reopen(&k);
	assert_int_equal(cdx_kv_get(k.s, CDX_DB_INODE, key, CDX_KEY_MAX, val,
				    CDX_VAL_MAX),
			 CDX_VAL_MAX);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_INODE, "dropped", 7, "1", 1);
	cdx_batch_dropp(&b);
	assert_null(b);
	assert_true(kit_has(&k, CDX_DB_INODE, "dropped", NULL));
	free(val);
	kit_free(&k);
}

static void test_counters(void **state)
{
	struct cdx_batch *b;
	struct kit k;
	uint64_t first;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_INODES), 0);
	first = cdx_kv_next(k.s, CDX_CNT_NEXT_INO);
	assert_int_equal(first, 1);
	assert_int_equal(cdx_kv_next(k.s, CDX_CNT_NEXT_INO), 2);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_add(b, CDX_CNT_INODES, 5);
	cdx_batch_add(b, CDX_CNT_INODES, -7);
	cdx_batch_max(b, CDX_CNT_NEXT_INO, 3);
	cdx_batch_max(b, CDX_CNT_NEXT_INO, 2);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_INODES), -2);
	kit_reopen(&k);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_INODES), -2);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_NEXT_INO), 3);
	assert_int_equal(cdx_kv_next(k.s, CDX_CNT_NEXT_INO), 3);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_max(b, CDX_CNT_NEXT_INO, 100);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_kv_next(k.s, CDX_CNT_NEXT_INO), 100);
	kit_free(&k);
}

static void test_shares(void **state)
{
	const uint64_t small[CDX_SHARES] = {1 << 20, 2 << 20, 3 << 20};
	const uint64_t none[CDX_SHARES] = {0};
	const uint64_t huge[CDX_SHARES] = {UINT64_MAX, 1, 0};
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	assert_int_equal(cdx_store_set_shares(k.s, none), -EINVAL);
	assert_int_equal(cdx_store_set_shares(k.s, huge), -EINVAL);
	assert_int_equal(cdx_store_set_shares(k.s, small), 0);
	assert_int_equal(cdx_store_share(k.s, CDX_SHARE_CACHE), 3 << 20);
	kit_reopen(&k);
	assert_int_equal(cdx_store_share(k.s, CDX_SHARE_VOLUME), 1 << 20);
	assert_int_equal(cdx_store_config(k.s)->m, 5);
	kit_free(&k);
}

static void test_put_group(void **state)
{
	struct cdx_batch *b;
	uint8_t key[12];
	struct kit k;

	(void)state;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put_group(b, CDX_DB_FREE, "rest", 4, "v", 1);
	/* the group changes between building and applying */
	assert_int_equal(kit_put(&k, CDX_DB_INODE, "a", "1"), 0);
	assert_int_equal(cdx_store_commit(k.s), 0);
	cdx_put_be64(key, cdx_store_group(k.s));
	memcpy(key + 8, "rest", 4);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_kv_get(k.s, CDX_DB_FREE, key, 12, key, 12), 1);
	kit_free(&k);
}

/* ---- three layers against a model ---- */

enum {
	KEYS = 60,
	MODEL_OPS = 4000
};

struct model {
	int val[KEYS]; /* -1: absent */
};

static size_t model_key(char out[16], int i)
{
	return (size_t)snprintf(out, 16, "%c%03d", 'a' + i % 3, i);
}

static void change(struct kit *k, struct model *m, struct seed *seed)
{
	struct cdx_batch *b;
	char key[16];
	char val[16];
	int n = 1 + (int)seed_below(seed, 6);

	assert_int_equal(cdx_batch_new(&b, k->s), 0);
	while (n-- > 0) {
		int i = (int)seed_below(seed, KEYS);
		size_t len = model_key(key, i);

		if (seed_below(seed, 3) == 0) {
			m->val[i] = -1;
			cdx_batch_del(b, CDX_DB_DENTRY, key, len);
			continue;
		}
		m->val[i] = (int)seed_below(seed, 1000000);
		cdx_batch_put(b, CDX_DB_DENTRY, key, len, val,
			      (size_t)snprintf(val, sizeof(val), "%d",
					       m->val[i]));
	}
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void check_gets(struct kit *k, const struct model *m)
{
	char key[16];
	char val[16];

	for (int i = 0; i < KEYS; i++) {
		(void)model_key(key, i);
		(void)snprintf(val, sizeof(val), "%d", m->val[i]);
		assert_true(kit_has(k, CDX_DB_DENTRY, key,
				    m->val[i] < 0 ? NULL : val));
	}
}

/* Iterates one of the prefixes "", a, b, c from a key on. */
static void check_iter(struct kit *k, const struct model *m, char prefix,
		       int from)
{
	struct cdx_kv_pair pair;
	struct cdx_kv_iter *it;
	char start[16];
	char key[16];
	char val[16];
	size_t start_len = from < 0 ? 0 : model_key(start, from);
	int r;

	assert_int_equal(cdx_kv_iter_open(k->s, &it, CDX_DB_DENTRY, &prefix,
					  prefix ? 1 : 0,
					  from < 0 ? NULL : start, start_len),
			 0);
	for (int c = 0; c < 3; c++) {
		for (int i = c; i < KEYS; i += 3) {
			size_t len = model_key(key, i);

			if (m->val[i] < 0 || (prefix && key[0] != prefix) ||
			    (from >= 0 && strcmp(key, start) < 0))
				continue;
			assert_int_equal(cdx_kv_iter_next(it, &pair), 1);
			assert_int_equal(pair.key_len, len);
			assert_memory_equal(pair.key, key, len);
			assert_int_equal(pair.val_len,
					 snprintf(val, sizeof(val), "%d",
						  m->val[i]));
			assert_memory_equal(pair.val, val, pair.val_len);
		}
	}
	r = cdx_kv_iter_next(it, &pair);
	assert_int_equal(r, 0);
	cdx_kv_iter_closep(&it);
	assert_null(it);
}

static void check_model(struct kit *k, const struct model *m, struct seed *seed)
{
	static const char prefixes[] = {0, 'a', 'b', 'c', 'd'};

	check_gets(k, m);
	for (size_t i = 0; i < sizeof(prefixes); i++) {
		int key = 3 * (int)seed_below(seed, KEYS / 3) +
			  (int)(prefixes[i] ? (prefixes[i] - 'a') % 3 : 0);

		check_iter(k, m, prefixes[i], -1);
		if (prefixes[i] != 'd')
			check_iter(k, m, prefixes[i], key);
	}
}

static void test_model(void **state)
{
	struct seed seed = seed_start("kv");
	struct model m;
	struct kit k;

	(void)state;
	for (int i = 0; i < KEYS; i++)
		m.val[i] = -1;
	kit_defaults(&k);
	kit_init(&k);
	kit_open(&k);
	k.s->fault.err[CDX_FAULT_COMMIT] = -EIO;
	for (int i = 0; i < MODEL_OPS; i++) {
		change(&k, &m, &seed);
		switch (seed_below(&seed, 400)) {
		case 0:
			assert_int_equal(cdx_store_commit(k.s), 0);
			break;
		case 1:
			kit_reopen(&k);
			k.s->fault.err[CDX_FAULT_COMMIT] = -EIO;
			break;
		case 2:
			/* a commit that fails leaves its group frozen, and
			 * the same one is written by the next */
			atomic_store(&k.s->fault.times[CDX_FAULT_COMMIT], 1);
			atomic_store(&k.s->fault.after[CDX_FAULT_COMMIT], 1);
			assert_int_equal(cdx_store_commit(k.s), -EIO);
			assert_non_null(k.s->view->frozen);
			check_model(&k, &m, &seed);
			break;
		case 3:
			assert_int_equal(cdx_store_log_sync(k.s), 0);
			break;
		default:
			break;
		}
		if (i % 100 == 0)
			check_model(&k, &m, &seed);
	}
	kit_reopen(&k);
	check_model(&k, &m, &seed);
	kit_free(&k);
}

/* ---- readers beside commits ---- */

struct shared {
	struct kit *k;
	atomic_uint applied;
	atomic_bool stop;
	atomic_uint bad;
};

static void *reader(void *arg)
{
	struct shared *sh = arg;
	struct cdx_kv_pair pair;
	struct cdx_kv_iter *it;
	uint8_t val[8];

	while (!atomic_load(&sh->stop)) {
		uint64_t least = atomic_load(&sh->applied);
		unsigned n = 0;

		if (cdx_kv_get(sh->k->s, CDX_DB_INODE, "n", 1, val, 8) != 8 ||
		    cdx_get_be64(val) < least)
			atomic_fetch_add(&sh->bad, 1);
		if (cdx_kv_iter_open(sh->k->s, &it, CDX_DB_INODE, "k", 1, NULL,
				     0) < 0) {
			atomic_fetch_add(&sh->bad, 1);
			continue;
		}
		while (cdx_kv_iter_next(it, &pair) > 0) {
			n++;
			if (pair.val_len != 8 ||
			    cdx_get_be64(pair.val) + 50 < least)
				atomic_fetch_add(&sh->bad, 1);
		}
		cdx_kv_iter_close(it);
		if (n != 50)
			atomic_fetch_add(&sh->bad, 1);
	}
	return NULL;
}

/* No reader ever sees less than was applied before it began, whatever layer
 * the value has moved to. */
static void test_readers(void **state)
{
	struct cdx_batch *b;
	struct shared sh;
	pthread_t t[2];
	struct kit k;
	char key[8];
	uint8_t val[8];

	(void)state;
	kit_defaults(&k);
	k.commit_ms = 1;
	kit_init(&k);
	kit_open(&k);
	sh = (struct shared){.k = &k};
	cdx_put_be64(val, 0);
	assert_int_equal(cdx_batch_new(&b, k.s), 0);
	cdx_batch_put(b, CDX_DB_INODE, "n", 1, val, 8);
	for (int i = 0; i < 50; i++)
		cdx_batch_put(b, CDX_DB_INODE, key,
			      (size_t)snprintf(key, sizeof(key), "k%02d", i),
			      val, 8);
	assert_int_equal(cdx_batch_apply(b), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, &sh), 0);
	for (unsigned i = 1; i < 20000; i++) {
		cdx_put_be64(val, i);
		assert_int_equal(cdx_batch_new(&b, k.s), 0);
		cdx_batch_put(b, CDX_DB_INODE, "n", 1, val, 8);
		cdx_batch_put(b, CDX_DB_INODE, key,
			      (size_t)snprintf(key, sizeof(key), "k%02u",
					       i % 50),
			      val, 8);
		assert_int_equal(cdx_batch_apply(b), 0);
		atomic_store(&sh.applied, i);
	}
	atomic_store(&sh.stop, true);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(atomic_load(&sh.bad), 0);
	kit_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_init_killed),
		cmocka_unit_test(test_open_errors),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_batch_bounds),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_put_group),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
