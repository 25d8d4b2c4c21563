/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_ERR_H
#define CDX_BASE_ERR_H

#include "base/attr.h"

/*
 * Results.  Every fallible function returns 0 or a count on success and a
 * negative value on failure: -1 .. -4095 is -errno, the causes below start at
 * -4096 so that a hash mismatch is never taken for an errno.
 */
enum cdx_err {
	CDX_E_HASH = -4096,    /* bytes do not match their hash or checksum */
	CDX_E_FORMAT = -4097,  /* malformed encoding */
	CDX_E_VERSION = -4098, /* made by a newer version than this one */
	CDX_E_AUTH = -4099,    /* wrong password, key or words */
	CDX_E_LOCKED = -4100,  /* another process holds the store */
	CDX_E_QUOTA = -4101,   /* the share of the quota is used up */
	CDX_E_SEQUENCE =
		-4102,	       /* called in the wrong order; object unchanged */
	CDX_E_CODEC = -4103,   /* known format, but a codec we do not have */
	CDX_E_CORRUPT = -4104, /* the store contradicts itself */
	CDX_E_AGAIN = -4105,   /* state changed meanwhile, do it once more */
	CDX_E_PROOF = -4106,   /* a proof does not verify */
	CDX_E_CHAIN = -4107,   /* the chain or its node refused */
};

/**
 * cdx_strerror - text for a result
 *
 * @err: a negative result of this library (or 0)
 *
 * Returns a static string; never NULL.  Thread: safe.
 */
CDX_API const char *cdx_strerror(int err);

/**
 * cdx_err_errno - the positive errno that a FUSE client is told
 *
 * @err: a negative result of this library
 *
 * CDX_E_QUOTA is ENOSPC (EDQUOT would make tools think of user quotas),
 * corruption and hash mismatch are EIO.  Thread: safe.
 */
int cdx_err_errno(int err);

/**
 * cdx_err_http - the HTTP status that an API client is told
 *
 * @err: a negative result of this library
 *
 * Thread: safe.
 */
int cdx_err_http(int err);

/**
 * cdx_err_exit - the exit status of a verb that ended in @err
 *
 * @err: 0 or a negative result
 *
 * 0 success; 1 failure; 2 bad usage (-EINVAL); 3 not found; 4 corruption;
 * 5 locked; 6 no space or quota; 7 wrong key or password.
 */
int cdx_err_exit(int err);

#endif
