/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "volume/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record that decodes is the only encoding of what it says; the same for an
 * access control list. */
static void inode(const uint8_t *data, size_t size)
{
	struct cdx_vnode n;
	uint8_t again[256];

	memset(&n, 0, sizeof(n));
	if (cdx_inode_decode(&n, data, size) < 0)
		return;
	if (cdx_inode_encode(again, &n) != size ||
	    memcmp(again, data, size) != 0)
		abort();
}

static void same(const struct cdx_acl *a, const struct cdx_acl *b)
{
	if (a->n != b->n)
		abort();
	for (size_t i = 0; i < a->n; i++) {
		if (a->e[i].tag != b->e[i].tag ||
		    a->e[i].perm != b->e[i].perm || a->e[i].id != b->e[i].id)
			abort();
	}
}

static void acl(const uint8_t *data, size_t size)
{
	struct cdx_acl a = {0};
	struct cdx_acl b = {0};
	struct cdx_buf buf = {0};
	mode_t mode = 0;
	mode_t made = 0777;

	if (cdx_acl_decode(&a, data, size) < 0)
		return;
	cdx_acl_encode(&buf, &a);
	if (buf.fail || cdx_acl_decode(&b, buf.p, buf.len) < 0)
		abort();
	same(&a, &b);
	if (a.n > 0) {
		(void)cdx_acl_mode(&a, &mode);
		(void)cdx_acl_create(&b, &made);
		if (mode != made)
			abort();
		cdx_acl_chmod(&a, mode);
		same(&a, &b);
	}
	cdx_acl_free(&a);
	cdx_acl_free(&b);
	cdx_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	inode(data, size);
	acl(data, size);
	return 0;
}
