/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/multiaddr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/* Codes of multiaddr's protocol table */
enum {
	CODE_IP4 = 4,
	CODE_TCP = 6,
	CODE_IP6 = 41,
	CODE_DNS = 53,
	CODE_DNS4 = 54,
	CODE_DNS6 = 55,
	CODE_P2P = 421,
	CODE_TLS = 448,
	CODE_HTTP = 480,
};

#define IP4_LEN 4u
#define IP6_LEN 16u
#define DNS_MAX (CDX_MADDR_HOST_MAX - 1)
#define LABEL_MAX 63u
/* A peer's name behind an address: any multihash */
#define P2P_MAX 128u

static const struct {
	uint32_t code;
	const char *name;
} kinds[] = {
	[CDX_MADDR_IP4] = {CODE_IP4, "ip4"},
	[CDX_MADDR_IP6] = {CODE_IP6, "ip6"},
	[CDX_MADDR_DNS] = {CODE_DNS, "dns"},
	[CDX_MADDR_DNS4] = {CODE_DNS4, "dns4"},
	[CDX_MADDR_DNS6] = {CODE_DNS6, "dns6"},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits, or 0x and hex digits: resolvers take "0x7f.1" for an address, which
 * leads to the loopback */
static bool is_number(const char *p, size_t len)
{
	bool hex = len >= 2 && p[0] == '0' && p[1] == 'x';

	for (size_t i = hex ? 2 : 0; i < len; i++)
		if (!is_digit(p[i]) && !(hex && p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return true;
}

static bool is_label(const char *p, size_t len)
{
	if (len == 0 || len > LABEL_MAX || p[0] == '-' || p[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_digit(p[i]) && !(p[i] >= 'a' && p[i] <= 'z') &&
		    p[i] != '_' && p[i] != '-')
			return false;
	return true;
}

/* A host name in lower case, without a dot at its end */
static bool is_name(const char *p, size_t len)
{
	const char *end = p + len;

	if (len == 0 || len > DNS_MAX)
		return false;
	for (;;) {
		const char *dot = memchr(p, '.', (size_t)(end - p));
		const char *stop = dot ? dot : end;

		if (!is_label(p, (size_t)(stop - p)))
			return false;
		if (!dot)
			return !is_number(p, (size_t)(end - p));
		p = dot + 1;
	}
}

/* ---- bytes */

/* Writes what needs no more room than CDX_MADDR_BIN_MAX */
struct out {
	uint8_t *p;
	size_t len;
};

static void put(struct out *o, const void *p, size_t len)
{
	memcpy(o->p + o->len, p, len);
	o->len += len;
}

/* below 2^14, as are all the codes and lengths here */
static void put_varint(struct out *o, uint32_t v)
{
	const uint8_t raw[] = {(uint8_t)(v | 0x80), (uint8_t)(v >> 7)};

	if (v < 0x80)
		o->p[o->len++] = (uint8_t)v;
	else
		put(o, raw, sizeof(raw));
}

size_t cdx_maddr_encode(uint8_t out[CDX_MADDR_BIN_MAX],
			const struct cdx_maddr *a)
{
	struct out o = {out, 0};
	uint8_t raw[IP6_LEN];
	size_t len = strlen(a->host);

	put_varint(&o, kinds[a->kind].code);
	if (a->kind == CDX_MADDR_IP4 || a->kind == CDX_MADDR_IP6) {
		bool four = a->kind == CDX_MADDR_IP4;

		if (inet_pton(four ? AF_INET : AF_INET6, a->host, raw) != 1)
			return 0;
		put(&o, raw, four ? IP4_LEN : IP6_LEN);
	} else {
		if (!is_name(a->host, len))
			return 0;
		put_varint(&o, (uint32_t)len);
		put(&o, a->host, len);
	}
	put_varint(&o, CODE_TCP);
	cdx_put_be16(raw, a->port);
	put(&o, raw, 2);
	if (a->tls)
		put_varint(&o, CODE_TLS);
	if (a->http)
		put_varint(&o, CODE_HTTP);
	return o.len;
}

/* Host bytes of an address whose code was read */
static int decode_host(struct cdx_maddr *a, struct cdx_cursor *c)
{
	uint8_t raw[IP6_LEN];
	uint64_t len;
	const uint8_t *p;

	if (a->kind == CDX_MADDR_IP4 || a->kind == CDX_MADDR_IP6) {
		bool four = a->kind == CDX_MADDR_IP4;

		cdx_cursor_get(c, raw, four ? IP4_LEN : IP6_LEN);
		(void)inet_ntop(four ? AF_INET : AF_INET6, raw, a->host,
				sizeof(a->host));
		return 0;
	}
	len = cdx_cursor_varint(c);
	if (len > DNS_MAX)
		return CDX_E_FORMAT;
	p = cdx_cursor_take(c, (size_t)len);
	if (!p || !is_name((const char *)p, (size_t)len))
		return CDX_E_FORMAT;
	memcpy(a->host, p, (size_t)len);
	a->host[len] = '\0';
	return 0;
}

static int kind_of(uint64_t code)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(kinds); i++)
		if (kinds[i].code == code)
			return (int)i;
	return -1;
}

/* The next code, if there is one */
static bool next_code(struct cdx_cursor *c, uint64_t *code)
{
	if (c->fail || c->left == 0)
		return false;
	*code = cdx_cursor_varint(c);
	return true;
}

/* /tls, /http and /p2p/ID, each at most once and in this order */
static void decode_rest(struct cdx_maddr *a, struct cdx_cursor *c)
{
	uint64_t code = 0;
	bool more = next_code(c, &code);

	if (more && code == CODE_TLS) {
		a->tls = true;
		more = next_code(c, &code);
	}
	if (more && code == CODE_HTTP) {
		a->http = true;
		more = next_code(c, &code);
	}
	if (more && code == CODE_P2P) {
		uint64_t len = cdx_cursor_varint(c);

		if (len && len <= P2P_MAX)
			(void)cdx_cursor_take(c, (size_t)len);
		else
			c->fail = true;
	} else if (more) {
		c->fail = true;
	}
}

int cdx_maddr_decode(struct cdx_maddr *out, const void *in, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(in, len);
	struct cdx_maddr a = {.port = 0};
	int kind = kind_of(cdx_cursor_varint(&c));

	if (kind < 0)
		return CDX_E_FORMAT;
	a.kind = (enum cdx_maddr_kind)kind;
	if (decode_host(&a, &c) < 0)
		return CDX_E_FORMAT;
	if (cdx_cursor_varint(&c) != CODE_TCP)
		return CDX_E_FORMAT;
	a.port = cdx_cursor_be16(&c);
	decode_rest(&a, &c);
	if (cdx_cursor_done(&c) < 0 || a.port == 0)
		return CDX_E_FORMAT;
	*out = a;
	return 0;
}

/* ---- text */

void cdx_maddr_text(char out[CDX_MADDR_TEXT_MAX], const struct cdx_maddr *a)
{
	(void)snprintf(out, CDX_MADDR_TEXT_MAX, "/%s/%s/tcp/%u%s%s",
		       kinds[a->kind].name, a->host, (unsigned)a->port,
		       a->tls ? "/tls" : "", a->http ? "/http" : "");
}

void cdx_maddr_url(char out[CDX_MADDR_TEXT_MAX], const struct cdx_maddr *a)
{
	bool six = a->kind == CDX_MADDR_IP6;

	(void)snprintf(out, CDX_MADDR_TEXT_MAX, "http%s://%s%s%s:%u",
		       a->tls ? "s" : "", six ? "[" : "", a->host,
		       six ? "]" : "", (unsigned)a->port);
}

/* 1 to 65535 in decimal digits alone, no leading zero */
static int parse_port(uint16_t *out, const char *p, size_t len)
{
	uint32_t v = 0;

	if (len == 0 || len > 5 || p[0] == '0')
		return CDX_E_FORMAT;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(p[i]))
			return CDX_E_FORMAT;
		v = v * 10 + (uint32_t)(p[i] - '0');
	}
	if (v > UINT16_MAX)
		return CDX_E_FORMAT;
	*out = (uint16_t)v;
	return 0;
}

/* A host of @a->kind into its canonical text */
static int parse_host(struct cdx_maddr *a, const char *p, size_t len)
{
	uint8_t raw[IP6_LEN];
	int family = a->kind == CDX_MADDR_IP4 ? AF_INET : AF_INET6;

	if (len == 0 || len >= sizeof(a->host))
		return CDX_E_FORMAT;
	for (size_t i = 0; i < len; i++)
		a->host[i] = p[i] >= 'A' && p[i] <= 'Z'
				     ? (char)(p[i] - 'A' + 'a')
				     : p[i];
	a->host[len] = '\0';
	if (a->kind != CDX_MADDR_IP4 && a->kind != CDX_MADDR_IP6)
		return is_name(a->host, len) ? 0 : CDX_E_FORMAT;
	if (inet_pton(family, a->host, raw) != 1)
		return CDX_E_FORMAT;
	(void)inet_ntop(family, raw, a->host, sizeof(a->host));
	return 0;
}

/* The next piece between slashes; false at the end */
static bool next_piece(const char **text, const char **p, size_t *len)
{
	if (**text != '/')
		return false;
	*p = *text + 1;
	*len = strcspn(*p, "/");
	*text = *p + *len;
	return true;
}

static bool piece_is(const char *p, size_t len, const char *want)
{
	return len == strlen(want) && memcmp(p, want, len) == 0;
}

static int parse_rest(struct cdx_maddr *a, const char *text)
{
	const char *p = NULL;
	size_t len = 0;
	bool more = next_piece(&text, &p, &len);

	if (more && piece_is(p, len, "tls")) {
		a->tls = true;
		more = next_piece(&text, &p, &len);
	}
	if (more && piece_is(p, len, "http")) {
		a->http = true;
		more = next_piece(&text, &p, &len);
	}
	if (more && piece_is(p, len, "p2p") && next_piece(&text, &p, &len) &&
	    len)
		more = next_piece(&text, &p, &len);
	return more || *text ? CDX_E_FORMAT : 0;
}

/* /KIND/HOST/tcp/PORT... */
static int parse_slashes(struct cdx_maddr *a, const char *text)
{
	const char *p;
	size_t len;
	size_t kind = 0;

	if (!next_piece(&text, &p, &len))
		return CDX_E_FORMAT;
	while (kind < CDX_ARRAY_LEN(kinds) &&
	       !piece_is(p, len, kinds[kind].name))
		kind++;
	if (kind == CDX_ARRAY_LEN(kinds))
		return CDX_E_FORMAT;
	a->kind = (enum cdx_maddr_kind)kind;
	if (!next_piece(&text, &p, &len) || parse_host(a, p, len) < 0)
		return CDX_E_FORMAT;
	if (!next_piece(&text, &p, &len) || !piece_is(p, len, "tcp"))
		return CDX_E_FORMAT;
	if (!next_piece(&text, &p, &len) || parse_port(&a->port, p, len) < 0)
		return CDX_E_FORMAT;
	return parse_rest(a, text);
}

/* [http[s]://]HOST:PORT[/] */
static int parse_usual(struct cdx_maddr *a, const char *text)
{
	const char *host = text;
	const char *colon;
	size_t len;

	a->http = true;
	if (strncmp(text, "http://", strlen("http://")) == 0) {
		host = text + strlen("http://");
	} else if (strncmp(text, "https://", strlen("https://")) == 0) {
		host = text + strlen("https://");
		a->tls = true;
	}
	len = strlen(host);
	if (host != text && len && host[len - 1] == '/')
		len--;
	colon = memrchr(host, ':', len);
	if (!colon || parse_port(&a->port, colon + 1,
				 len - (size_t)(colon + 1 - host)) < 0)
		return CDX_E_FORMAT;
	len = (size_t)(colon - host);
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		a->kind = CDX_MADDR_IP6;
		return parse_host(a, host + 1, len - 2);
	}
	a->kind = CDX_MADDR_IP4;
	if (parse_host(a, host, len) == 0)
		return 0;
	a->kind = CDX_MADDR_DNS;
	return parse_host(a, host, len);
}

int cdx_maddr_parse(struct cdx_maddr *out, const char *text)
{
	struct cdx_maddr a = {.port = 0};
	int err = text[0] == '/' ? parse_slashes(&a, text)
				 : parse_usual(&a, text);

	if (err == 0)
		*out = a;
	return err;
}

bool cdx_maddr_equal(const struct cdx_maddr *a, const struct cdx_maddr *b)
{
	return a->kind == b->kind && a->port == b->port && a->tls == b->tls &&
	       a->http == b->http && strcmp(a->host, b->host) == 0;
}
