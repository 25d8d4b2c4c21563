/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/err.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/attr.h"

struct cause {
	int err;
	int os; /* errno for FUSE; 0: the errno that @err itself is */
	int http;
	int exit;
	const char *text; /* NULL: the system's text */
};

#define EXIT_FAIL 1
#define HTTP_INTERNAL 500

/* Only what differs from "own errno, 500, 1". */
static const struct cause causes[] = {
	{CDX_E_HASH, EIO, 500, 4, "content does not match its checksum"},
	{CDX_E_FORMAT, EIO, 400, 1, "malformed data"},
	{CDX_E_VERSION, EIO, 501, 1, "made by a newer version of codexfs"},
	{CDX_E_AUTH, EACCES, 401, 7, "wrong password, key or words"},
	{CDX_E_LOCKED, EBUSY, 503, 5, "in use by another process"},
	{CDX_E_QUOTA, ENOSPC, 507, 6, "quota is used up"},
	{CDX_E_SEQUENCE, EIO, 409, 1, "called in the wrong order"},
	{CDX_E_CODEC, EOPNOTSUPP, 501, 1, "codec is not supported"},
	{CDX_E_CORRUPT, EIO, 500, 4, "store is damaged"},
	{CDX_E_AGAIN, EAGAIN, 503, 1, "state has changed, try again"},
	{CDX_E_PROOF, EIO, 400, 1, "proof does not verify"},
	{CDX_E_CHAIN, EIO, 502, 1, "chain or its node refused"},
	{-EINVAL, 0, 400, 2, NULL},
	{-EDOM, 0, 400, 1, NULL},
	{-ENOENT, 0, 404, 3, NULL},
	{-ENODATA, 0, 404, 1, NULL},
	{-EEXIST, 0, 409, 1, NULL},
	{-ENOTEMPTY, 0, 409, 1, NULL},
	{-EACCES, 0, 403, 1, NULL},
	{-EPERM, 0, 403, 1, NULL},
	{-EROFS, 0, 403, 1, NULL},
	{-ENOKEY, EACCES, 401, 7, NULL},
	{-E2BIG, 0, 413, 1, NULL},
	{-EFBIG, 0, 413, 1, NULL},
	{-EMSGSIZE, 0, 413, 1, NULL},
	{-ERANGE, 0, 416, 1, NULL},
	{-ENOSPC, 0, 507, 6, NULL},
	{-EDQUOT, 0, 507, 6, NULL},
	{-EAGAIN, 0, 503, 1, NULL},
	{-EBUSY, 0, 503, 1, NULL},
	{-ENOMEM, 0, 503, 1, NULL},
	{-ENOSYS, 0, 501, 1, NULL},
	{-EOPNOTSUPP, 0, 501, 1, NULL},
	{-ETIMEDOUT, 0, 504, 1, NULL},
};

static const struct cause *cause_find(int err)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(causes); i++) {
		if (causes[i].err == err)
			return &causes[i];
	}
	return NULL;
}

const char *cdx_strerror(int err)
{
	const struct cause *c = cause_find(err);
	const char *text = NULL;

	if (c && c->text)
		return c->text;
	if (err >= 0)
		return "success";
	if (err > CDX_E_HASH)
		text = strerrordesc_np(-err);
	return text ? text : "unknown error";
}

int cdx_err_errno(int err)
{
	const struct cause *c = cause_find(err);

	if (err >= 0)
		return 0;
	if (c && c->os)
		return c->os;
	return err > CDX_E_HASH ? -err : EIO;
}

int cdx_err_http(int err)
{
	const struct cause *c = cause_find(err);

	if (err >= 0)
		return 200;
	return c ? c->http : HTTP_INTERNAL;
}

int cdx_err_exit(int err)
{
	const struct cause *c = cause_find(err);

	if (err >= 0)
		return 0;
	return c ? c->exit : EXIT_FAIL;
}
