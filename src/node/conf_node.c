/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "node/conf_keys.h"

/* The port of Codex's own discovery, where nothing else is said */
#define DHT_PORT 8090u
/* Where others are served, where nothing else is said */
#define LISTEN "0.0.0.0:8070"
#define NETWORK_NAME_MAX 64u

/* ---- pieces ---- */

/* The texts between commas, without blanks around them.  @owned keeps what
 * @item points into.  Their number; -EINVAL more than @max, or one is empty;
 * -ENOMEM. */
static int split(char **owned, const char **item, uint32_t max,
		 const char *name, const char *text, char why[CDX_CONF_WHY_MAX])
{
	uint32_t n = 0;
	char *next;

	free(*owned);
	*owned = strdup(text);
	if (*owned == NULL)
		return -ENOMEM;
	next = *owned;
	while (next != NULL) {
		const char *one = cdx_conf_trim(strsep(&next, ","));

		if (one[0] == '\0')
			return cdx_conf_bad(why, name,
					    "one value or several with commas "
					    "between",
					    text);
		if (n == max) {
			snprintf(why, CDX_CONF_WHY_MAX,
				 "%s has more than %u values", name, max);
			return -EINVAL;
		}
		item[n++] = one;
	}
	return (int)n;
}

/* HOST and PORT of "HOST:PORT"; HOST in brackets when it has colons */
static int host_port(char host[CDX_MADDR_HOST_MAX], uint64_t *port,
		     const char *text, uint64_t min_port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);

	if (colon == NULL ||
	    cdx_conf_number(port, colon + 1, min_port, UINT16_MAX) < 0)
		return -EINVAL;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return -EINVAL;
	}
	if (len >= CDX_MADDR_HOST_MAX)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	return 0;
}

/* What is listened on; @out: NULL for "none" */
static int read_listen(char **out, const char *name, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	char host[CDX_MADDR_HOST_MAX];
	struct in6_addr addr;
	uint64_t port;

	free(*out);
	*out = NULL;
	if (strcmp(text, "none") == 0)
		return 0;
	if (host_port(host, &port, text, 0) < 0 ||
	    (host[0] != '\0' && inet_pton(AF_INET, host, &addr) != 1 &&
	     inet_pton(AF_INET6, host, &addr) != 1))
		return cdx_conf_bad(why, name,
				    "an address and port of this machine, like "
				    "0.0.0.0:8070 or [::]:8070, or none",
				    text);
	*out = strdup(text);
	return *out == NULL ? -ENOMEM : 0;
}

/* Places of others or of ourselves */
static int read_maddrs(struct cdx_maddr *out, uint32_t *n, uint32_t max,
		       const char *name, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	const char *item[CDX_STATIC_PEERS_MAX];
	char *owned = NULL;
	int count = split(&owned, item, max, name, text, why);

	*n = 0;
	for (int i = 0; i < count; i++) {
		if (cdx_maddr_parse(&out[i], item[i]) < 0 || !out[i].http) {
			count = cdx_conf_bad(
				why, name,
				"HOST:PORT, http://HOST:PORT, "
				"https://HOST:PORT or a multiaddress "
				"/ip4/.../tcp/PORT/http",
				item[i]);
			break;
		}
	}
	free(owned);
	if (count < 0)
		return count;
	*n = (uint32_t)count;
	return 0;
}

static int read_path(char **out, const char *text)
{
	free(*out);
	*out = strdup(text);
	return *out == NULL ? -ENOMEM : 0;
}

/* ---- [node] ---- */

static int read_node_listen(union cdx_conf_values *out, const char *text,
			    char why[CDX_CONF_WHY_MAX])
{
	return read_listen(&out->node.listen, "listen", text, why);
}

static int read_announce(union cdx_conf_values *out, const char *text,
			 char why[CDX_CONF_WHY_MAX])
{
	return read_maddrs(out->node.announce, &out->node.n_announce,
			   CDX_PEER_ADDRS_MAX, "announce", text, why);
}

static int read_nat(union cdx_conf_values *out, const char *text,
		    char why[CDX_CONF_WHY_MAX])
{
	if (strcmp(text, "upnp") == 0)
		out->node.nat = CDX_NAT_UPNP;
	else if (strcmp(text, "none") == 0)
		out->node.nat = CDX_NAT_NONE;
	else
		return cdx_conf_bad(why, "nat", "upnp or none", text);
	return 0;
}

static int read_network(union cdx_conf_values *out, const char *text,
			char why[CDX_CONF_WHY_MAX])
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			len = 0;
	if (len == 0 || len > NETWORK_NAME_MAX)
		return cdx_conf_bad(why, "network",
				    "a name of at most 64 letters, digits and "
				    "signs of ASCII without blanks",
				    text);
	return read_path(&out->node.network, text);
}

static int read_bootstrap(union cdx_conf_values *out, const char *text,
			  char why[CDX_CONF_WHY_MAX])
{
	struct cdx_conf_node *n = &out->node;
	char host[CDX_MADDR_HOST_MAX];
	uint64_t port;
	int count;

	n->n_bootstrap = 0;
	count = split(&n->bootstrap_text, n->bootstrap, CDX_BOOTSTRAP_MAX,
		      "bootstrap", text, why);
	for (int i = 0; i < count; i++)
		if (host_port(host, &port, n->bootstrap[i], 1) < 0 ||
		    host[0] == '\0' || strpbrk(host, " \t/") != NULL)
			return cdx_conf_bad(why, "bootstrap",
					    "HOST:PORT (UDP) of a node of the "
					    "DHT",
					    n->bootstrap[i]);
	if (count < 0)
		return count;
	n->n_bootstrap = (uint32_t)count;
	return 0;
}

static int read_dht(union cdx_conf_values *out, const char *text,
		    char why[CDX_CONF_WHY_MAX])
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return cdx_conf_bad(why, "dht", "yes or no", text);
	out->node.dht = yes;
	return 0;
}

static int read_dht_port(union cdx_conf_values *out, const char *text,
			 char why[CDX_CONF_WHY_MAX])
{
	uint64_t v;

	if (cdx_conf_number(&v, text, 0, UINT16_MAX) < 0)
		return cdx_conf_bad(why, "dht-port",
				    "a UDP port, or 0 for any that is free",
				    text);
	out->node.dht_port = (uint16_t)v;
	return 0;
}

static int read_peer(union cdx_conf_values *out, const char *text,
		     char why[CDX_CONF_WHY_MAX])
{
	return read_maddrs(out->node.peer, &out->node.n_peers,
			   CDX_STATIC_PEERS_MAX, "peer", text, why);
}

static int read_cache(union cdx_conf_values *out, const char *text,
		      char why[CDX_CONF_WHY_MAX])
{
	out->node.has_cache = true;
	return cdx_conf_size(&out->node.cache, "cache", text, why);
}

static int read_upload(union cdx_conf_values *out, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	return cdx_conf_size(&out->node.upload, "upload", text, why);
}

static int read_upload_a_peer(union cdx_conf_values *out, const char *text,
			      char why[CDX_CONF_WHY_MAX])
{
	return cdx_conf_size(&out->node.upload_a_peer, "upload-a-peer", text,
			     why);
}

static int read_tls_cert(union cdx_conf_values *out, const char *text,
			 char why[CDX_CONF_WHY_MAX] CDX_UNUSED)
{
	return read_path(&out->node.tls_cert, text);
}

static int read_tls_key(union cdx_conf_values *out, const char *text,
			char why[CDX_CONF_WHY_MAX] CDX_UNUSED)
{
	return read_path(&out->node.tls_key, text);
}

static int read_read_timeout(union cdx_conf_values *out, const char *text,
			     char why[CDX_CONF_WHY_MAX])
{
	uint64_t v;

	if (cdx_conf_number(&v, text, 1, 86400) < 0)
		return cdx_conf_bad(why, "read-timeout",
				    "a number of seconds from 1 to 86400",
				    text);
	out->node.read_timeout_s = (unsigned)v;
	return 0;
}

/* What does not go together */
static int check_node(const struct cdx_conf *c, const struct cdx_conf_node *n,
		      char why[CDX_CONF_WHY_MAX])
{
	if (n->tls_cert != NULL && n->tls_key == NULL)
		return cdx_conf_clash(c, CDX_CONF_TLS_CERT,
				      "tls-cert is set, and tls-key is not; a "
				      "certificate needs its key",
				      why);
	if (n->tls_key != NULL && n->tls_cert == NULL)
		return cdx_conf_clash(
			c, CDX_CONF_TLS_KEY,
			"tls-key is set, and tls-cert is not; a key needs "
			"its certificate",
			why);
	if (n->listen == NULL && n->tls_cert != NULL)
		return cdx_conf_clash(
			c, CDX_CONF_TLS_CERT,
			"tls-cert is set, and listen is not; there is "
			"nothing to serve with it",
			why);
	if (n->listen == NULL && n->n_announce > 0)
		return cdx_conf_clash(
			c, CDX_CONF_ANNOUNCE,
			"announce is set, and listen is not; nobody can "
			"be served there",
			why);
	if (n->listen == NULL && n->nat == CDX_NAT_UPNP)
		return cdx_conf_clash(
			c, CDX_CONF_NAT,
			"nat is upnp, and listen is not set; there is no "
			"port to lead to",
			why);
	if (!n->dht && n->n_bootstrap > 0)
		return cdx_conf_clash(
			c, CDX_CONF_BOOTSTRAP,
			"bootstrap is set, and dht is no; only a node of "
			"the DHT can use it",
			why);
	if (!n->dht && c->value[CDX_CONF_DHT_PORT].text != NULL)
		return cdx_conf_clash(
			c, CDX_CONF_DHT_PORT,
			"dht-port is set, and there is to be no DHT; set "
			"dht, bootstrap or listen, or leave it out",
			why);
	for (uint32_t i = 0; i < n->n_announce; i++)
		if (n->announce[i].tls && n->tls_cert == NULL)
			return cdx_conf_clash(
				c, CDX_CONF_ANNOUNCE,
				"announce names an address with TLS, and "
				"tls-cert is not set",
				why);
	return 0;
}

int cdx_conf_node(const struct cdx_conf *c, struct cdx_conf_node *out,
		  char why[CDX_CONF_WHY_MAX])
{
	union cdx_conf_values v;
	int rc =
		cdx_conf_values(c, &v, CDX_CONF_LISTEN, CDX_CONF_NODE_END, why);
	struct cdx_conf_node *n = &v.node;

	if (rc == 0) {
		/* who asks static peers alone needs no DHT; who is a client of
		 * one needs no port that others know */
		if (c->value[CDX_CONF_DHT].text == NULL)
			n->dht = n->listen != NULL || n->n_bootstrap > 0;
		if (c->value[CDX_CONF_DHT_PORT].text == NULL)
			n->dht_port = n->listen != NULL ? DHT_PORT : 0;
		n->dht_port_any = c->value[CDX_CONF_DHT_PORT].text == NULL;
		rc = check_node(c, n, why);
		if (rc < 0)
			cdx_conf_node_free(n);
	}
	*out = *n;
	return rc;
}

/* Where nobody has said anything; @from: whose default */
static int put_default(struct cdx_conf *c, enum cdx_conf_key key,
		       const char *text, const char *from)
{
	if (c->value[key].text != NULL)
		return 0;
	c->value[key].text = strdup(text);
	c->value[key].from = strdup(from);
	return c->value[key].text == NULL || c->value[key].from == NULL
		       ? -ENOMEM
		       : 0;
}

int cdx_conf_node_defaults(struct cdx_conf *c)
{
	int rc = put_default(c, CDX_CONF_LISTEN, LISTEN, "default of node");

	return rc < 0 ? rc
		      : put_default(c, CDX_CONF_API, "127.0.0.1:8080",
				    "default of node");
}

int cdx_conf_market_defaults(struct cdx_conf *c,
			     const struct cdx_conf_market *m)
{
	if (!cdx_conf_wants_market(m))
		return 0;
	return put_default(c, CDX_CONF_LISTEN, LISTEN, "default of the market");
}

bool cdx_conf_wants_peers(const struct cdx_conf_node *n)
{
	return n->listen != NULL || n->n_bootstrap > 0 || n->n_peers > 0;
}

static bool copy_text(char **out, const char *text)
{
	*out = text == NULL ? NULL : strdup(text);
	return text == NULL || *out != NULL;
}

int cdx_conf_node_copy(struct cdx_conf_node *out, const struct cdx_conf_node *n)
{
	bool ok = true;
	size_t len = 0;

	*out = *n;
	out->bootstrap_text = NULL;
	if (n->n_bootstrap > 0) {
		const char *last = n->bootstrap[n->n_bootstrap - 1];

		/* several texts behind each other */
		len = (size_t)(last - n->bootstrap_text) + strlen(last) + 1;
		out->bootstrap_text = malloc(len);
		ok = out->bootstrap_text != NULL;
	}
	for (uint32_t i = 0; i < n->n_bootstrap && ok; i++)
		out->bootstrap[i] = out->bootstrap_text +
				    (n->bootstrap[i] - n->bootstrap_text);
	if (len > 0 && ok)
		memcpy(out->bootstrap_text, n->bootstrap_text, len);
	/* all of them: what is freed must be ours */
	ok = copy_text(&out->listen, n->listen) && ok;
	ok = copy_text(&out->network, n->network) && ok;
	ok = copy_text(&out->tls_cert, n->tls_cert) && ok;
	ok = copy_text(&out->tls_key, n->tls_key) && ok;
	if (!ok)
		cdx_conf_node_free(out);
	return ok ? 0 : -ENOMEM;
}

void cdx_conf_node_free(struct cdx_conf_node *n)
{
	free(n->listen);
	free(n->network);
	free(n->bootstrap_text);
	free(n->tls_cert);
	free(n->tls_key);
	memset(n, 0, sizeof(*n));
}

/* ---- [api] ---- */

static int read_api(union cdx_conf_values *out, const char *text,
		    char why[CDX_CONF_WHY_MAX])
{
	return read_listen(&out->api.listen, "api", text, why);
}

static int read_token_file(union cdx_conf_values *out, const char *text,
			   char why[CDX_CONF_WHY_MAX] CDX_UNUSED)
{
	return read_path(&out->api.token_file, text);
}

/* As browsers send it: scheme and host, and the port when it is not the
 * scheme's */
static bool is_origin(const char *text)
{
	size_t scheme = strncmp(text, "http://", 7) == 0    ? 7
			: strncmp(text, "https://", 8) == 0 ? 8
							    : 0;

	return scheme > 0 && text[scheme] != '\0' &&
	       strpbrk(text + scheme, "/?#@* \t") == NULL;
}

static int read_origin(union cdx_conf_values *out, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	struct cdx_conf_api *a = &out->api;
	int n;

	a->n_origins = 0;
	n = split(&a->origin_text, a->origin, CDX_CONF_ORIGINS_MAX, "origin",
		  text, why);
	for (int i = 0; i < n; i++)
		if (!is_origin(a->origin[i]))
			return cdx_conf_bad(
				why, "origin",
				"the beginning of a web page's address, like "
				"https://app.example (no path, and no *: every "
				"page on the web could use the wallet then)",
				a->origin[i]);
	if (n < 0)
		return n;
	a->n_origins = (uint32_t)n;
	return 0;
}

int cdx_conf_api(const struct cdx_conf *c, struct cdx_conf_api *out,
		 char why[CDX_CONF_WHY_MAX])
{
	union cdx_conf_values v;
	int rc = cdx_conf_values(c, &v, CDX_CONF_API, CDX_CONF_API_END, why);

	*out = v.api;
	return rc;
}

void cdx_conf_api_free(struct cdx_conf_api *a)
{
	free(a->listen);
	free(a->token_file);
	free(a->origin_text);
	memset(a, 0, sizeof(*a));
}

/* ---- the tables ---- */

#define NODE "node"
#define API "api"
#define NODE_KEY(key) [(key)-CDX_CONF_CHAIN_END]
#define API_KEY(key) [(key)-CDX_CONF_NODE_END]

/* tables, one key on a line */
/* clang-format off */
const struct cdx_conf_def
	cdx_conf_node_keys[CDX_CONF_NODE_END - CDX_CONF_CHAIN_END] = {
	NODE_KEY(CDX_CONF_LISTEN) = {NODE, "listen", NULL, false, false, read_node_listen},
	NODE_KEY(CDX_CONF_ANNOUNCE) = {NODE, "announce", NULL, true, false, read_announce},
	NODE_KEY(CDX_CONF_NAT) = {NODE, "nat", "none", false, false, read_nat},
	NODE_KEY(CDX_CONF_NETWORK) = {NODE, "network", "codexfs", false, false, read_network},
	NODE_KEY(CDX_CONF_BOOTSTRAP) = {NODE, "bootstrap", NULL, true, false, read_bootstrap},
	NODE_KEY(CDX_CONF_DHT) = {NODE, "dht", NULL, false, false, read_dht},
	NODE_KEY(CDX_CONF_DHT_PORT) = {NODE, "dht-port", NULL, false, false, read_dht_port},
	NODE_KEY(CDX_CONF_PEER) = {NODE, "peer", NULL, true, false, read_peer},
	NODE_KEY(CDX_CONF_CACHE) = {NODE, "cache", NULL, false, false, read_cache},
	NODE_KEY(CDX_CONF_UPLOAD) = {NODE, "upload", "0", false, false, read_upload},
	NODE_KEY(CDX_CONF_UPLOAD_A_PEER) = {NODE, "upload-a-peer", "0", false, false, read_upload_a_peer},
	NODE_KEY(CDX_CONF_TLS_CERT) = {NODE, "tls-cert", NULL, false, true, read_tls_cert},
	NODE_KEY(CDX_CONF_TLS_KEY) = {NODE, "tls-key", NULL, false, true, read_tls_key},
	NODE_KEY(CDX_CONF_READ_TIMEOUT) = {NODE, "read-timeout", "60", false, false, read_read_timeout},
};

const struct cdx_conf_def cdx_conf_api_keys[CDX_CONF_API_END - CDX_CONF_NODE_END] = {
	API_KEY(CDX_CONF_API) = {API, "api", NULL, false, false, read_api},
	API_KEY(CDX_CONF_API_TOKEN_FILE) = {API, "api-token-file", NULL, false, true, read_token_file},
	API_KEY(CDX_CONF_ORIGIN) = {API, "origin", NULL, true, false, read_origin},
};
/* clang-format on */
