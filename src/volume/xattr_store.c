/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "crypto/aead.h"

/*
 * CDX_DB_XATTR: key BE64 inode, then the name; the one byte 0 stands for the
 * target of a symlink, as no name contains it.  The value is sealed with the
 * volume's local key; associated data is 'X' and the key.
 */
#define KEY_MAX (8u + CDX_NAME_MAX)
#define CAPS "security.capability"

static size_t make_key(uint8_t key[KEY_MAX], uint64_t ino, const char *name)
{
	size_t len = strnlen(name, CDX_NAME_MAX);

	cdx_put_be64(key, ino);
	if (len == 0) {
		key[8] = 0;
		return 9;
	}
	memcpy(key + 8, name, len);
	return 8 + len;
}

static size_t make_ad(uint8_t ad[1 + KEY_MAX], const uint8_t *key, size_t len)
{
	ad[0] = 'X';
	memcpy(ad + 1, key, len);
	return 1 + len;
}

static int damaged(struct cdx_volume *v, const uint8_t *key)
{
	cdx_log(v->log, ERROR, "volume",
		"inode %" PRIu64 ": a sealed attribute is damaged",
		cdx_get_be64(key));
	return CDX_E_CORRUPT;
}

int cdx_xattr_unseal(struct cdx_volume *v, struct cdx_buf *out,
		     const struct cdx_kv_pair *pair)
{
	uint8_t ad[1 + KEY_MAX];
	size_t ad_len;
	uint8_t *p;
	int rc;

	if (pair->key_len <= 8 || pair->key_len > KEY_MAX ||
	    pair->val_len < CDX_SEAL_OVERHEAD ||
	    pair->val_len > CDX_XATTR_SIZE_MAX + CDX_SEAL_OVERHEAD)
		return CDX_E_CORRUPT;
	ad_len = make_ad(ad, pair->key, pair->key_len);
	/* one byte more, so that an empty value has an address */
	p = cdx_buf_extend(out, pair->val_len - CDX_SEAL_OVERHEAD + 1);
	if (p == NULL)
		return -ENOMEM;
	rc = cdx_unseal(p, &v->keys.local, pair->val, pair->val_len, ad,
			ad_len);
	out->len--;
	return rc < 0 ? damaged(v, pair->key) : 0;
}

int cdx_xattr_load(struct cdx_volume *v, uint64_t ino, const char *name,
		   struct cdx_buf *out)
{
	struct cdx_buf sealed CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_kv_pair pair;
	uint8_t key[KEY_MAX];
	int rc;

	pair.key = key;
	pair.key_len = make_key(key, ino, name);
	rc = cdx_kv_get_buf(v->store, CDX_DB_XATTR, key, pair.key_len, &sealed);
	if (rc < 0)
		return rc == -ENOENT ? -ENODATA : rc;
	pair.val = sealed.p;
	pair.val_len = sealed.len;
	return cdx_xattr_unseal(v, out, &pair);
}

int cdx_xattr_exists(struct cdx_volume *v, uint64_t ino, const char *name)
{
	uint8_t key[KEY_MAX];
	size_t len = make_key(key, ino, name);
	uint8_t none[1];
	int rc = cdx_kv_get(v->store, CDX_DB_XATTR, key, len, none, 0);

	if (rc == -ENOBUFS)
		return 0;
	if (rc == -ENOENT)
		return -ENODATA;
	return rc < 0 ? rc : 0;
}

int cdx_xattr_put(struct cdx_volume *v, struct cdx_batch *b, uint64_t ino,
		  const char *name, const void *val, size_t len)
{
	struct cdx_buf sealed CDX_CLEANUP(cdx_buf_free) = {0};
	uint8_t key[KEY_MAX];
	uint8_t ad[1 + KEY_MAX];
	size_t key_len = make_key(key, ino, name);
	size_t ad_len = make_ad(ad, key, key_len);
	uint8_t *p = cdx_buf_extend(&sealed, len + CDX_SEAL_OVERHEAD);

	if (p == NULL)
		return -ENOMEM;
	cdx_seal(p, &v->keys.local, val, len, ad, ad_len);
	cdx_batch_put(b, CDX_DB_XATTR, key, key_len, p, sealed.len);
	return 0;
}

void cdx_xattr_del(struct cdx_batch *b, uint64_t ino, const char *name)
{
	uint8_t key[KEY_MAX];
	size_t len = make_key(key, ino, name);

	cdx_batch_del(b, CDX_DB_XATTR, key, len);
}

int cdx_xattr_each(struct cdx_volume *v, uint64_t ino, cdx_xattr_fn *fn,
		   void *arg)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	char name[CDX_NAME_MAX + 1];
	uint8_t key[8];
	int rc;

	cdx_put_be64(key, ino);
	rc = cdx_kv_iter_open(v->store, &it, CDX_DB_XATTR, key, 8, NULL, 0);
	while (rc >= 0) {
		size_t len;

		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			return rc;
		if (pair.key_len <= 8 || pair.key_len > KEY_MAX)
			return damaged(v, key);
		len = pair.key_len - 8;
		memcpy(name, pair.key + 8, len);
		name[len] = '\0';
		if (name[0] == '\0')
			len = 0;
		rc = fn(arg, name, len);
	}
	return rc;
}

struct purge {
	struct cdx_batch *b;
	uint64_t ino;
	unsigned left;
};

static int purge_one(void *arg, const char *name, size_t name_len)
{
	struct purge *p = arg;

	(void)name_len;
	if (p->left == 0)
		return -EAGAIN; /* enough */
	p->left--;
	cdx_xattr_del(p->b, p->ino, name);
	return 0;
}

int cdx_xattr_purge(struct cdx_volume *v, struct cdx_batch *b, uint64_t ino,
		    unsigned max)
{
	struct purge p = {.b = b, .ino = ino, .left = max};
	int rc = cdx_xattr_each(v, ino, purge_one, &p);

	return rc == -EAGAIN ? 1 : rc;
}

int cdx_xattr_kill_caps(struct cdx_volume *v, struct cdx_batch *b,
			struct cdx_vnode *n)
{
	int rc;

	if ((n->flags & CDX_INODE_XATTR) == 0)
		return 0;
	rc = cdx_xattr_exists(v, n->ino, CAPS);
	if (rc < 0)
		return rc == -ENODATA ? 0 : rc;
	cdx_xattr_del(b, n->ino, CAPS);
	return 1;
}
