/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_ACCOUNT_H
#define CDX_ETH_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/secp.h"

/* An account that we hold the key of.  Wipe it with cdx_account_wipe; it is
 * never copied needlessly, logged or shown but for its address. */
struct cdx_account {
	struct cdx_addr addr;
	struct cdx_seckey key;
};

#define CDX_ACCOUNT_WHY_MAX 256u

/* From a key.  CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_account_of(struct cdx_account *out,
				  const struct cdx_seckey *key);
/* Of the words: m/44'/60'/0'/0/index */
CDX_MUST_CHECK int cdx_account_words(struct cdx_account *out,
				     const struct cdx_root *root,
				     uint32_t index);
/* What kind of file it is, before a password is asked for: 1 a keystore, whose
 * password is needed, 0 a raw key, CDX_E_FORMAT neither, -errno */
CDX_MUST_CHECK int cdx_account_file_sealed(const char *path,
					   char why[CDX_ACCOUNT_WHY_MAX]);
/**
 * cdx_account_file - from a file
 *
 * @path:     a keystore of version 3 (JSON; scrypt or PBKDF2), or a raw key: 64
 *            hex digits, with or without 0x, white space around
 * @password: of a keystore, its bytes up to NUL; NULL for a raw key
 * @why:      what is wrong, without the path
 *
 * A file that group or others may read is refused if it is raw, with the
 * command that mends it (-EPERM).  Cost of a keystore is bounded (1 GiB, n 2^20,
 * PBKDF2 10^7) before it is spent.  CDX_E_FORMAT; CDX_E_AUTH wrong password;
 * CDX_E_CODEC a cipher or derivation that we do not have; -ENOKEY it is a
 * keystore and there is no password; -errno.
 */
CDX_MUST_CHECK int cdx_account_file(struct cdx_account *out, const char *path,
				    const char *password,
				    char why[CDX_ACCOUNT_WHY_MAX]);
/* The bytes of a keystore alone; for cdx_account_file and fuzzers */
CDX_MUST_CHECK int cdx_keystore_decode(struct cdx_seckey *out, const char *json,
				       size_t len, const char *password,
				       char why[CDX_ACCOUNT_WHY_MAX]);
void cdx_account_wipe(struct cdx_account *a);

#endif
