/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/hash.h"

#define DIRTY_BYTES (96u << 20)
#define CACHE_INODES 65536u
#define SEAL_AGE_S 3600u
#define PACK_AGE_S 30u

/*
 * CDX_DB_META "volume" tells whether the keys are this store's: sealed with the
 * local key, associated data is the table's key; version and BE32 volume index.
 */
#define CHECK_KEY "volume"
#define CHECK_VERSION 1u
#define CHECK_LEN 5u

/* ---- the keys' check ---- */

static void check_put(struct cdx_volume *v, struct cdx_batch *b, uint32_t index)
{
	uint8_t plain[CHECK_LEN] = {CHECK_VERSION};
	uint8_t sealed[CHECK_LEN + CDX_SEAL_OVERHEAD];

	cdx_put_be32(plain + 1, index);
	cdx_seal(sealed, &v->keys.local, plain, sizeof(plain), CHECK_KEY,
		 strlen(CHECK_KEY));
	cdx_batch_put(b, CDX_DB_META, CHECK_KEY, strlen(CHECK_KEY), sealed,
		      sizeof(sealed));
}

/* 1 they are right, 0 the store has no volume yet, CDX_E_AUTH */
static int check_keys(struct cdx_volume *v, uint32_t index)
{
	uint8_t sealed[256];
	uint8_t plain[256];
	struct cdx_cursor c;
	int rc = cdx_kv_get(v->store, CDX_DB_META, CHECK_KEY, strlen(CHECK_KEY),
			    sealed, sizeof(sealed));

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	rc = cdx_unseal(plain, &v->keys.local, sealed, (size_t)rc, CHECK_KEY,
			strlen(CHECK_KEY));
	if (rc < 0)
		return CDX_E_AUTH;
	c = cdx_cursor_init(plain, (size_t)rc);
	if (cdx_cursor_u8(&c) != CHECK_VERSION)
		return CDX_E_VERSION;
	if (cdx_cursor_be32(&c) != index)
		return CDX_E_AUTH;
	return cdx_cursor_done(&c) < 0 ? CDX_E_CORRUPT : 1;
}

/* ---- hooks ---- */

static int prepare(void *arg)
{
	struct cdx_volume *v = arg;
	int rc = cdx_data_flush_all(v);

	if (rc < 0)
		return rc;
	return v->opts.readonly ? 0 : cdx_vnode_flush_attrs(v);
}

static int start_store(struct cdx_volume *v)
{
	static const struct cdx_store_hooks hooks = {
		.prepare = prepare,
		.prelog = cdx_data_prelog,
		.gate = cdx_data_gate_pending,
	};
	struct cdx_store_replay replay = {
		.data = cdx_data_replay_data,
		.clean = cdx_data_replay_clean,
		.arg = v,
	};

	return cdx_store_start(v->store, &v->keys.local, &hooks, v, &replay);
}

/* ---- the root directory ---- */

static void root_attr(struct cdx_attr *a)
{
	memset(a, 0, sizeof(*a));
	a->ino = CDX_ROOT_INO;
	a->mode = S_IFDIR | 0755;
	a->nlink = 2;
	a->uid = geteuid();
	a->gid = getegid();
	a->btime = cdx_clock_wall();
	a->atime = a->btime;
	a->mtime = a->btime;
	a->ctime = a->btime;
}

static int make_root(struct cdx_volume *v, uint32_t index)
{
	struct cdx_attr attr;
	struct cdx_vnode *n;
	struct cdx_batch *b;
	int rc;

	if (v->opts.readonly)
		return -EROFS;
	root_attr(&attr);
	rc = cdx_batch_new(&b, v->store);
	if (rc < 0)
		return rc;
	rc = cdx_vnode_new(v, &n, &attr);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	n->parent = CDX_ROOT_INO;
	cdx_vnode_store(b, n);
	cdx_vnode_put(v, n);
	check_put(v, b, index);
	cdx_batch_add(b, CDX_CNT_INODES, 1);
	cdx_batch_max(b, CDX_CNT_NEXT_INO, CDX_ROOT_INO + 1);
	cdx_batch_max(b, CDX_CNT_NEXT_COOKIE, CDX_COOKIE_FIRST);
	rc = cdx_batch_apply(b);
	/* in LMDB before anything is logged under these keys */
	return rc < 0 ? rc : cdx_store_commit(v->store);
}

/* ---- open and close ---- */

static void defaults(struct cdx_volume_opts *o)
{
	if (o->dirty_bytes == 0)
		o->dirty_bytes = DIRTY_BYTES;
	if (o->cache_inodes == 0)
		o->cache_inodes = CACHE_INODES;
	if (o->seal_age_s == 0)
		o->seal_age_s = SEAL_AGE_S;
	if (o->pack_age_s == 0)
		o->pack_age_s = PACK_AGE_S;
	o->keys = NULL;
}

static struct cdx_volume *volume_alloc(const struct cdx_volume_opts *opts)
{
	struct cdx_volume *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->store = opts->store;
	v->log = opts->log;
	v->pool = opts->pool;
	v->opts = *opts;
	defaults(&v->opts);
	pthread_mutex_init(&v->ns, NULL);
	pthread_mutex_init(&v->cache_mu, NULL);
	pthread_cond_init(&v->cache_cv, NULL);
	pthread_cond_init(&v->purge_cv, NULL);
	pthread_mutex_init(&v->dirty_mu, NULL);
	pthread_rwlock_init(&v->stages_lock, NULL);
	cdx_list_init(&v->lru);
	cdx_list_init(&v->attrs);
	cdx_list_init(&v->dirty);
	cdx_list_init(&v->gates);
	return v;
}

static void free_vnodes(struct cdx_volume *v)
{
	size_t pos = 0;
	uint64_t ino;
	void *n;

	while (cdx_map_next(&v->vnodes, &pos, &ino, &n))
		cdx_vnode_free(n);
	cdx_map_free(&v->vnodes);
	cdx_map_free(&v->lookups);
	cdx_map_free(&v->orphans);
	free(v->purge.p);
	free(v->big.p);
}

static void volume_free(struct cdx_volume *v)
{
	cdx_store_unhook(v->store);
	if (v->data != NULL)
		cdx_data_close(v);
	if (v->segs != NULL)
		cdx_segs_close(v);
	free_vnodes(v);
	pthread_rwlock_destroy(&v->stages_lock);
	pthread_mutex_destroy(&v->dirty_mu);
	pthread_cond_destroy(&v->purge_cv);
	pthread_cond_destroy(&v->cache_cv);
	pthread_mutex_destroy(&v->cache_mu);
	pthread_mutex_destroy(&v->ns);
	cdx_volume_keys_wipe(&v->keys);
	free(v);
}

static int open_parts(struct cdx_volume *v, uint32_t index)
{
	int known = check_keys(v, index);
	int rc;

	if (known < 0)
		return known;
	rc = cdx_data_open(v);
	if (rc == 0)
		rc = start_store(v);
	if (rc == 0)
		rc = cdx_segs_open(v);
	if (rc == 0 && known == 0)
		rc = make_root(v, index);
	if (rc == 0)
		rc = cdx_data_replay_done(v);
	if (rc == 0 && !v->opts.readonly)
		rc = cdx_orphan_clean(v);
	return rc < 0 ? rc : cdx_background_start(v);
}

int cdx_volume_open(struct cdx_volume **out, const struct cdx_volume_opts *opts)
{
	struct cdx_volume *v;
	int rc;

	*out = NULL;
	v = volume_alloc(opts);
	if (v == NULL)
		return -ENOMEM;
	cdx_volume_keys_derive(&v->keys, &opts->keys->root, opts->keys->volume);
	rc = open_parts(v, opts->keys->volume);
	if (rc < 0) {
		volume_free(v);
		return rc;
	}
	*out = v;
	return 0;
}

/* The kernel's references end with the mount. */
static void purge_orphans(struct cdx_volume *v)
{
	pthread_mutex_lock(&v->cache_mu);
	cdx_map_free(&v->lookups);
	pthread_mutex_unlock(&v->cache_mu);
	cdx_orphan_drain(v);
	if (cdx_orphan_clean(v) < 0)
		cdx_log(v->log, WARN, "volume",
			"unlinked files stay until the next open");
}

int cdx_volume_close(struct cdx_volume *v)
{
	int rc = 0;

	if (v == NULL)
		return 0;
	/* reads that wait use all that goes now */
	(void)!cdx_vol_set_net(v, NULL);
	cdx_background_stop(v);
	if (!v->opts.readonly) {
		if (cdx_store_failed(v->store) == 0)
			purge_orphans(v);
		rc = cdx_store_commit(v->store);
	}
	volume_free(v);
	return rc;
}
