/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "eth/account_internal.h"

/* docs/FORMATS.md "Chain accounts" */
#define FILE_MAX 65536
#define KEY_DIGITS (2 * sizeof(struct cdx_seckey))

int cdx_account_refuse(char why[CDX_ACCOUNT_WHY_MAX], int err,
		       const char *words)
{
	(void)snprintf(why, CDX_ACCOUNT_WHY_MAX, "%s", words);
	return err;
}

int cdx_account_of(struct cdx_account *out, const struct cdx_seckey *key)
{
	int err = cdx_seckey_addr(&out->addr, key);

	if (!err)
		out->key = *key;
	return err;
}

int cdx_account_words(struct cdx_account *out, const struct cdx_root *root,
		      uint32_t index)
{
	struct cdx_seckey key;
	int err = cdx_hd_account(&key, root, index);

	if (!err)
		err = cdx_account_of(out, &key);
	cdx_wipe(&key, sizeof(key));
	return err;
}

void cdx_account_wipe(struct cdx_account *a)
{
	cdx_wipe(a, sizeof(*a));
}

/* ---- files */

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What stands between white space */
static const char *trim(const struct cdx_buf *b, size_t *len)
{
	const uint8_t *p = b->p;
	const uint8_t *end = p + b->len;

	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	*len = (size_t)(end - p);
	return (const char *)p;
}

static bool is_json(const struct cdx_buf *b)
{
	size_t len;
	const char *p = trim(b, &len);

	return len && *p == '{';
}

/* A raw key's digits to the key, which is not checked */
static int read_digits(struct cdx_seckey *out, const struct cdx_buf *b)
{
	char hex[KEY_DIGITS + 1];
	size_t len;
	const char *p = trim(b, &len);
	int err;

	if (len == KEY_DIGITS + 2 && p[0] == '0' && p[1] == 'x') {
		p += 2;
		len -= 2;
	}
	if (len != KEY_DIGITS)
		return CDX_E_FORMAT;
	memcpy(hex, p, KEY_DIGITS);
	hex[KEY_DIGITS] = '\0';
	err = cdx_unhex(out->b, sizeof(out->b), hex);
	cdx_wipe(hex, sizeof(hex));
	return err;
}

/* The whole file in one piece, so that nothing of it is left elsewhere */
static int read_open(struct cdx_buf *out, struct stat *st, int fd,
		     char why[CDX_ACCOUNT_WHY_MAX])
{
	uint8_t *to;
	int err;

	if (fstat(fd, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return cdx_account_refuse(why, -EINVAL,
					  "it is not a regular file");
	if (st->st_size > FILE_MAX)
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "it is too long for a key file");
	to = cdx_buf_extend(out, (size_t)st->st_size);
	if (!to)
		return cdx_buf_ok(out);
	err = cdx_pread_full(fd, to, (size_t)st->st_size, 0);
	if (err)
		cdx_buf_wipe(out);
	return err;
}

static int read_file(struct cdx_buf *out, struct stat *st, const char *path,
		     char why[CDX_ACCOUNT_WHY_MAX])
{
	/* a pipe must not make it wait */
	CDX_CLEANUP(cdx_closep)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int err;

	*why = '\0';
	err = fd < 0 ? -errno : read_open(out, st, fd, why);
	if (err && !*why)
		(void)cdx_account_refuse(why, err, cdx_strerror(err));
	return err;
}

static int neither(char why[CDX_ACCOUNT_WHY_MAX])
{
	return cdx_account_refuse(why, CDX_E_FORMAT,
				  "it is neither a keystore (JSON) nor a key "
				  "of 64 hex digits");
}

int cdx_account_file_sealed(const char *path, char why[CDX_ACCOUNT_WHY_MAX])
{
	struct cdx_seckey key;
	struct cdx_buf b = {0};
	struct stat st = {0};
	int rc = read_file(&b, &st, path, why);

	if (rc)
		return rc;
	if (is_json(&b))
		rc = 1;
	else if (read_digits(&key, &b) < 0)
		rc = neither(why);
	cdx_wipe(&key, sizeof(key));
	cdx_buf_wipe(&b);
	return rc;
}

static int read_raw(struct cdx_account *out, const struct cdx_buf *b,
		    const struct stat *st, char why[CDX_ACCOUNT_WHY_MAX])
{
	struct cdx_seckey key;
	int err = 0;

	if (read_digits(&key, b) < 0)
		err = neither(why);
	else if (st->st_mode & (S_IRWXG | S_IRWXO))
		err = cdx_account_refuse(why, -EPERM,
					 "group or others may use it, and the "
					 "key in it has no password: run chmod "
					 "600 on it");
	else if (cdx_account_of(out, &key) < 0)
		err = cdx_account_refuse(why, CDX_E_FORMAT,
					 "its number is no key of secp256k1");
	cdx_wipe(&key, sizeof(key));
	return err;
}

static int read_sealed(struct cdx_account *out, const struct cdx_buf *b,
		       const char *password, char why[CDX_ACCOUNT_WHY_MAX])
{
	struct cdx_seckey key;
	int err = cdx_keystore_decode(&key, (const char *)b->p, b->len,
				      password, why);

	if (!err)
		err = cdx_account_of(out, &key);
	cdx_wipe(&key, sizeof(key));
	return err;
}

int cdx_account_file(struct cdx_account *out, const char *path,
		     const char *password, char why[CDX_ACCOUNT_WHY_MAX])
{
	struct cdx_buf b = {0};
	struct stat st = {0};
	int err = read_file(&b, &st, path, why);

	if (err)
		return err;
	if (is_json(&b))
		err = read_sealed(out, &b, password, why);
	else
		err = read_raw(out, &b, &st, why);
	cdx_buf_wipe(&b);
	return err;
}
