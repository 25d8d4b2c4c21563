/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CONF_KEYS_H
#define CDX_NODE_CONF_KEYS_H

#include <stdbool.h>

#include "base/attr.h"
#include "node/conf.h"

/* The tables of keys; for the files conf*.c alone. */

/* What one section means; which member, the key says */
union cdx_conf_values {
	struct cdx_conf_chain chain;
	struct cdx_conf_node node;
	struct cdx_conf_api api;
	struct cdx_conf_market market;
};

struct cdx_conf_def {
	const char *section;
	const char *name;
	const char *fallback; /* value when it is not set, or NULL */
	bool gathers;	      /* may be set often */
	bool is_path;	      /* or the fallback */
	/* Takes what it means; -EINVAL with what it should be in @why (no file,
	 * no line), -ENOMEM */
	int (*read)(union cdx_conf_values *out, const char *text,
		    char why[CDX_CONF_WHY_MAX]);
};

/* The keys of a section are a row of enum cdx_conf_key. */
#define CDX_CONF_CHAIN_END (CDX_CONF_ZKEY_HASH + 1)
#define CDX_CONF_NODE_END (CDX_CONF_READ_TIMEOUT + 1)
#define CDX_CONF_API_END (CDX_CONF_ORIGIN + 1)
extern const struct cdx_conf_def cdx_conf_chain_keys[CDX_CONF_CHAIN_END];
extern const struct cdx_conf_def
	cdx_conf_node_keys[CDX_CONF_NODE_END - CDX_CONF_CHAIN_END];
extern const struct cdx_conf_def
	cdx_conf_api_keys[CDX_CONF_API_END - CDX_CONF_NODE_END];
extern const struct cdx_conf_def
	cdx_conf_market_keys[CDX_CONF_KEYS - CDX_CONF_API_END];

/* That of a key */
const struct cdx_conf_def *cdx_conf_def(enum cdx_conf_key key);
/* Frees what reading @key (or others of its section) has taken */
void cdx_conf_values_free(enum cdx_conf_key key, union cdx_conf_values *v);
/* Reads the keys from @from up to @end, set or by default; on failure what was
 * taken is freed.  Errors of the keys' own. */
CDX_MUST_CHECK int cdx_conf_values(const struct cdx_conf *c,
				   union cdx_conf_values *out,
				   enum cdx_conf_key from,
				   enum cdx_conf_key end,
				   char why[CDX_CONF_WHY_MAX]);

/* "NAME is WANTS, not TEXT"; -EINVAL */
int cdx_conf_bad(char why[CDX_CONF_WHY_MAX], const char *name,
		 const char *wants, const char *text);
/* A whole number within bounds.  -EINVAL. */
CDX_MUST_CHECK int cdx_conf_number(uint64_t *out, const char *text,
				   uint64_t min, uint64_t max);
/* Bytes.  -EINVAL (@why). */
CDX_MUST_CHECK int cdx_conf_size(uint64_t *out, const char *name,
				 const char *text, char why[CDX_CONF_WHY_MAX]);
/* An address of the chain.  -EINVAL (@why). */
CDX_MUST_CHECK int cdx_conf_addr(struct cdx_addr *out, bool *has,
				 const char *name, const char *text,
				 char why[CDX_CONF_WHY_MAX]);
/* Values contradict each other; @key: the one to be pointed at.  -EINVAL. */
int cdx_conf_clash(const struct cdx_conf *c, enum cdx_conf_key key,
		   const char *what, char why[CDX_CONF_WHY_MAX]);
/* Without the blanks around it; changes @text */
char *cdx_conf_trim(char *text);

#endif
