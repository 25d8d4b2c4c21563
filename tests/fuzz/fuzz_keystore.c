/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "eth/account.h"

/* The password of the corpus */
#define PASSWORD "foo"
/* What a run may cost: parameters of scrypt multiplied, or PBKDF2's count */
#define COST_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_cheap(const json_t *params, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(params, name));

	return v <= COST_MAX;
}

/* Would it be opened in no time? */
static bool is_fast(const uint8_t *data, size_t size)
{
	json_t *file = json_loadb((const char *)data, size, 0, NULL);
	json_t *crypto = json_object_get(file, "crypto");
	json_t *params;
	bool fast;

	if (!crypto)
		crypto = json_object_get(file, "Crypto");
	params = json_object_get(crypto, "kdfparams");
	fast = is_cheap(params, "n") && is_cheap(params, "c") &&
	       json_integer_value(json_object_get(params, "r")) <= 8 &&
	       json_integer_value(json_object_get(params, "p")) <= 8;
	json_decref(file);
	return fast;
}

/* A key that is taken is a key; every refusal has its reason, in ASCII. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* without a password all but the cost is done */
	const char *password = is_fast(data, size) ? PASSWORD : NULL;
	char why[CDX_ACCOUNT_WHY_MAX];
	struct cdx_seckey key = {{0}};
	int err = cdx_keystore_decode(&key, (const char *)data, size, password,
				      why);

	if (err && err != CDX_E_FORMAT && err != CDX_E_CODEC &&
	    err != CDX_E_AUTH && (err != -ENOKEY || password))
		abort();
	if (err ? !*why : (cdx_seckey_check(&key) < 0 || *why))
		abort();
	for (const char *p = why; *p; p++) {
		if (*p < ' ' || *p > '~')
			abort();
	}
	return 0;
}
