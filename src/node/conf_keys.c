/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/conf_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/size.h"

/* Digits of a gwei behind the point, in wei */
#define GWEI_DECIMALS 9u

int cdx_conf_bad(char why[CDX_CONF_WHY_MAX], const char *name,
		 const char *wants, const char *text)
{
	snprintf(why, CDX_CONF_WHY_MAX, "%s is %s, not %.200s", name, wants,
		 text);
	return -EINVAL;
}

int cdx_conf_number(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
	char *end = NULL;
	unsigned long long v;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || v < min || v > max)
		return -EINVAL;
	*out = v;
	return 0;
}

int cdx_conf_size(uint64_t *out, const char *name, const char *text,
		  char why[CDX_CONF_WHY_MAX])
{
	if (cdx_size_parse(out, text) < 0)
		return cdx_conf_bad(
			why, name, "a number of bytes, like 512M or 10G", text);
	return 0;
}

int cdx_conf_clash(const struct cdx_conf *c, enum cdx_conf_key key,
		   const char *what, char why[CDX_CONF_WHY_MAX])
{
	snprintf(why, CDX_CONF_WHY_MAX, "%.400s: %s", c->value[key].from, what);
	return -EINVAL;
}

/* ---- endpoints ---- */

/* Blanks around a URL do not belong to it */
char *cdx_conf_trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t", text[len - 1]) != NULL)
		text[--len] = '\0';
	return text;
}

/* The URL itself may have a password in it, and is not repeated. */
static int read_rpc(union cdx_conf_values *out, const char *text,
		    char why[CDX_CONF_WHY_MAX])
{
	char *save = NULL;
	char *url;
	size_t n = 0;

	free(out->chain.urls);
	out->chain.n_rpc = 0;
	out->chain.urls = strdup(text);
	if (out->chain.urls == NULL)
		return -ENOMEM;
	for (url = strtok_r(out->chain.urls, ",", &save); url != NULL;
	     url = strtok_r(NULL, ",", &save)) {
		url = cdx_conf_trim(url);
		if ((strncmp(url, "http://", 7) != 0 &&
		     strncmp(url, "https://", 8) != 0) ||
		    strpbrk(url, " \t") != NULL) {
			snprintf(why, CDX_CONF_WHY_MAX,
				 "rpc is one URL or several with commas "
				 "between, which begin with http:// or "
				 "https://; the URL number %zu does not",
				 n + 1);
			return -EINVAL;
		}
		if (n == CDX_RPC_ENDPOINTS_MAX) {
			snprintf(why, CDX_CONF_WHY_MAX,
				 "there are more than %u endpoints",
				 CDX_RPC_ENDPOINTS_MAX);
			return -EINVAL;
		}
		out->chain.rpc[n++] = url;
	}
	if (n == 0)
		return cdx_conf_bad(why, "rpc", "a URL", text);
	out->chain.n_rpc = n;
	return 0;
}

static int read_chain_id(union cdx_conf_values *out, const char *text,
			 char why[CDX_CONF_WHY_MAX])
{
	if (cdx_conf_number(&out->chain.chain_id, text, 1, UINT64_MAX) < 0)
		return cdx_conf_bad(why, "chain-id", "a whole number above 0",
				    text);
	return 0;
}

/* ---- addresses ---- */

int cdx_conf_addr(struct cdx_addr *out, bool *has, const char *name,
		  const char *text, char why[CDX_CONF_WHY_MAX])
{
	int rc = cdx_addr_parse(out, text);

	if (rc == CDX_E_HASH) {
		snprintf(why, CDX_CONF_WHY_MAX,
			 "%s: the capitals in %s do not fit its checksum "
			 "(EIP-55); a digit is wrong",
			 name, text);
		return -EINVAL;
	}
	if (rc < 0)
		return cdx_conf_bad(why, name,
				    "an address, 0x and 40 hex digits", text);
	*has = true;
	return 0;
}

static int read_marketplace(union cdx_conf_values *out, const char *text,
			    char why[CDX_CONF_WHY_MAX])
{
	return cdx_conf_addr(&out->chain.marketplace,
			     &out->chain.has_marketplace, "marketplace", text,
			     why);
}

static int read_token(union cdx_conf_values *out, const char *text,
		      char why[CDX_CONF_WHY_MAX])
{
	return cdx_conf_addr(&out->chain.token, &out->chain.has_token, "token",
			     text, why);
}

static int read_verifier(union cdx_conf_values *out, const char *text,
			 char why[CDX_CONF_WHY_MAX])
{
	return cdx_conf_addr(&out->chain.verifier, &out->chain.has_verifier,
			     "verifier", text, why);
}

/* ---- the account ---- */

static int read_account(union cdx_conf_values *out, const char *text,
			char why[CDX_CONF_WHY_MAX] CDX_UNUSED)
{
	free(out->chain.account);
	out->chain.account = NULL;
	if (strcmp(text, "words") == 0)
		return 0;
	out->chain.account = strdup(text);
	return out->chain.account == NULL ? -ENOMEM : 0;
}

static int read_password_file(union cdx_conf_values *out, const char *text,
			      char why[CDX_CONF_WHY_MAX] CDX_UNUSED)
{
	free(out->chain.password_file);
	out->chain.password_file = strdup(text);
	return out->chain.password_file == NULL ? -ENOMEM : 0;
}

/* ---- how ---- */

static int read_confirmations(union cdx_conf_values *out, const char *text,
			      char why[CDX_CONF_WHY_MAX])
{
	uint64_t v;

	if (cdx_conf_number(&v, text, 1, 1000) < 0)
		return cdx_conf_bad(why, "confirmations",
				    "a number from 1 to 1000", text);
	out->chain.confirmations = (unsigned)v;
	return 0;
}

static int read_poll_ms(union cdx_conf_values *out, const char *text,
			char why[CDX_CONF_WHY_MAX])
{
	uint64_t v;

	if (cdx_conf_number(&v, text, 50, 600000) < 0)
		return cdx_conf_bad(why, "poll-ms",
				    "a number from 50 to 600000", text);
	out->chain.poll_ms = (unsigned)v;
	return 0;
}

static int read_gwei(struct cdx_u256 *out, const char *name, const char *text,
		     char why[CDX_CONF_WHY_MAX])
{
	if (cdx_u256_parse_units(out, text, GWEI_DECIMALS) < 0 ||
	    cdx_u256_is_zero(out))
		return cdx_conf_bad(why, name,
				    "a number of gwei above 0, like 1.5", text);
	return 0;
}

static int read_max_fee(union cdx_conf_values *out, const char *text,
			char why[CDX_CONF_WHY_MAX])
{
	return read_gwei(&out->chain.max_fee, "max-fee", text, why);
}

static int read_tip(union cdx_conf_values *out, const char *text,
		    char why[CDX_CONF_WHY_MAX])
{
	return read_gwei(&out->chain.tip, "tip", text, why);
}

static int read_zkey_hash(union cdx_conf_values *out, const char *text,
			  char why[CDX_CONF_WHY_MAX])
{
	if (cdx_unhex(out->chain.zkey_hash.b, sizeof(out->chain.zkey_hash.b),
		      text) < 0)
		return cdx_conf_bad(why, "zkey-hash",
				    "a SHA-256 as 64 hex digits", text);
	out->chain.has_zkey_hash = true;
	return 0;
}

void cdx_conf_chain_free(struct cdx_conf_chain *c)
{
	if (c->urls != NULL) {
		/* strtok_r has left NULs in it; each URL is one text */
		for (size_t i = 0; i < c->n_rpc; i++) {
			char *url = c->urls + (c->rpc[i] - c->urls);

			explicit_bzero(url, strlen(url));
		}
	}
	free(c->urls);
	free(c->account);
	free(c->password_file);
	memset(c, 0, sizeof(*c));
}

#define CHAIN "chain"
/* a table, one key on a line */
/* clang-format off */
const struct cdx_conf_def cdx_conf_chain_keys[CDX_CONF_CHAIN_END] = {
	[CDX_CONF_RPC] = {CHAIN, "rpc", NULL, true, false, read_rpc},
	[CDX_CONF_CHAIN_ID] = {CHAIN, "chain-id", NULL, false, false, read_chain_id},
	[CDX_CONF_MARKETPLACE] = {CHAIN, "marketplace", NULL, false, false, read_marketplace},
	[CDX_CONF_TOKEN] = {CHAIN, "token", NULL, false, false, read_token},
	[CDX_CONF_VERIFIER] = {CHAIN, "verifier", NULL, false, false, read_verifier},
	[CDX_CONF_ACCOUNT] = {CHAIN, "account", "words", false, true, read_account},
	[CDX_CONF_PASSWORD_FILE] = {CHAIN, "account-password-file", NULL, false, true, read_password_file},
	[CDX_CONF_CONFIRMATIONS] = {CHAIN, "confirmations", "3", false, false, read_confirmations},
	[CDX_CONF_POLL_MS] = {CHAIN, "poll-ms", "1000", false, false, read_poll_ms},
	[CDX_CONF_MAX_FEE] = {CHAIN, "max-fee", "200", false, false, read_max_fee},
	[CDX_CONF_TIP] = {CHAIN, "tip", "1", false, false, read_tip},
	[CDX_CONF_ZKEY_HASH] = {CHAIN, "zkey-hash", NULL, false, false, read_zkey_hash},
};
/* clang-format on */
