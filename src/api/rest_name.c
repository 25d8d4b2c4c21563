/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "api/rest_text.h"
#include "base/bytes.h"

/* Content-Disposition (RFC 6266) and media types */

static bool is_token(char c)
{
	return c > ' ' && c <= '~' && strchr("()<>@,;:\\\"/[]?={}", c) == NULL;
}

static size_t token_len(const char *p)
{
	size_t n = 0;

	while (is_token(p[n]))
		n++;
	return n;
}

/* ---- texts of a disposition ---- */

/* A name while it is put together */
struct name {
	char *out; /* CDX_FILENAME_MAX + 1 bytes */
	size_t len;
	bool bad; /* too long */
};

static void put(struct name *n, char c)
{
	if (n->len >= CDX_FILENAME_MAX)
		n->bad = true;
	else
		n->out[n->len++] = c;
}

/* A value, quoted or not; @n may be NULL.  What follows it, NULL: malformed */
static const char *value(struct name *n, const char *p)
{
	bool quoted = *p == '"';
	size_t len = quoted ? 0 : token_len(p);

	if (!quoted) {
		for (size_t i = 0; i < len && n != NULL; i++)
			put(n, p[i]);
		return len == 0 ? NULL : p + len;
	}
	for (p++; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return NULL;
		if (n != NULL)
			put(n, *p);
	}
	return p + 1;
}

/* Percent-encoded bytes up to what is none of a value.  NULL: malformed */
static const char *percent(struct name *n, const char *p)
{
	for (; is_token(*p); p++) {
		char hex[3] = {0};
		uint8_t b;

		if (*p != '%') {
			put(n, *p);
			continue;
		}
		hex[0] = p[1];
		hex[1] = p[1] == '\0' ? '\0' : p[2];
		if (cdx_unhex(&b, 1, hex) < 0 || b == 0)
			return NULL;
		put(n, (char)b);
		p += 2;
	}
	return p;
}

/* CHARSET'LANGUAGE'BYTES.  What follows, NULL: malformed.  @known: false for a
 * charset that we do not read; @n is unchanged then. */
static const char *extended(struct name *n, const char *p, bool *known)
{
	const char *quote = strchr(p, '\'');
	const char *second = quote == NULL ? NULL : strchr(quote + 1, '\'');

	if (second == NULL)
		return NULL;
	*known = (size_t)(quote - p) == 5 && strncasecmp(p, "UTF-8", 5) == 0;
	if (*known)
		return percent(n, second + 1);
	p = second + 1;
	return p + token_len(p);
}

/* ---- what may be a name ---- */

/* Bytes of the well-formed UTF-8 sequence at @p (@len left), or 0 */
static size_t utf8(const unsigned char *p, size_t len)
{
	size_t n;
	uint32_t v;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] < 0xE0)
		n = 2;
	else if (p[0] >= 0xE0 && p[0] < 0xF0)
		n = 3;
	else if (p[0] >= 0xF0 && p[0] < 0xF5)
		n = 4;
	else
		return 0;
	if (n > len)
		return 0;
	v = p[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3F);
	}
	/* overlong forms, surrogates, beyond Unicode */
	if ((n == 3 && v < 0x800) ||
	    (n == 4 && (v < 0x10000 || v > 0x10FFFF)) ||
	    (v >= 0xD800 && v < 0xE000))
		return 0;
	return n;
}

static bool is_utf8(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8(p + i, len - i);
		if (n == 0)
			return false;
	}
	return true;
}

static int from_latin1(struct name *n)
{
	char copy[CDX_FILENAME_MAX];
	size_t len = n->len;

	memcpy(copy, n->out, len);
	n->len = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)copy[i];

		if (c >= 0x80)
			put(n, (char)(0xC0 | c >> 6));
		put(n, (char)(c >= 0x80 ? 0x80 | (c & 0x3F) : c));
	}
	return n->bad ? -EINVAL : 0;
}

static int check(struct name *n)
{
	if (n->bad)
		return -EINVAL;
	if (!is_utf8(n->out, n->len) && from_latin1(n) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n->len; i++) {
		unsigned char c = (unsigned char)n->out[i];

		if (c < ' ' || c == 0x7F || c == '/' || c == '\\')
			return -EINVAL;
		/* U+0080 to U+009F are control characters too */
		if (c == 0xC2 && (unsigned char)n->out[i + 1] < 0xA0)
			return -EINVAL;
	}
	n->out[n->len] = '\0';
	if (strcmp(n->out, ".") == 0 || strcmp(n->out, "..") == 0)
		return -EINVAL;
	return 0;
}

/* One "; NAME=VALUE".  What follows, NULL: malformed */
static const char *parameter(struct name *plain, struct name *ext,
			     bool *has_ext, const char *p)
{
	const char *word = p;
	size_t len = token_len(p);

	p += len;
	p += strspn(p, " \t");
	if (len == 0 || *p++ != '=')
		return NULL;
	p += strspn(p, " \t");
	if (len == 9 && strncasecmp(word, "filename*", 9) == 0 && !*has_ext)
		return extended(ext, p, has_ext);
	if (len == 8 && strncasecmp(word, "filename", 8) == 0 &&
	    plain->len == 0)
		return value(plain, p);
	return value(NULL, p);
}

int cdx_rest_filename(char out[CDX_FILENAME_MAX + 1], const char *header)
{
	char second[CDX_FILENAME_MAX + 1];
	struct name plain = {.out = out};
	struct name ext = {.out = second};
	const char *p = header;
	bool has_ext = false;

	out[0] = '\0';
	if (header == NULL)
		return 0;
	p += strspn(p, " \t");
	if (token_len(p) == 0)
		return -EINVAL;
	p += token_len(p);
	while (*(p = p + strspn(p, " \t")) == ';') {
		p++;
		p += strspn(p, " \t");
		/* an empty one, as after a last ';' */
		if (*p == '\0' || *p == ';')
			continue;
		p = parameter(&plain, &ext, &has_ext, p);
		if (p == NULL)
			break;
	}
	if (p == NULL || *p != '\0' || check(has_ext ? &ext : &plain) < 0) {
		out[0] = '\0';
		return -EINVAL;
	}
	if (has_ext)
		memcpy(out, second, ext.len + 1);
	return out[0] == '\0' ? 0 : 1;
}

/* ---- what we say ---- */

static char *put_percent(char *p, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";

	*p++ = '%';
	*p++ = digits[c >> 4];
	*p++ = digits[c & 15];
	return p;
}

void cdx_rest_disposition(char out[CDX_REST_DISPOSITION_MAX], const char *name)
{
	char *p = stpcpy(out, "attachment");
	bool plain = true;

	if (name == NULL || name[0] == '\0' || strlen(name) > CDX_FILENAME_MAX)
		return;
	p = stpcpy(p, "; filename=\"");
	for (const char *c = name; *c != '\0'; c++) {
		bool ok = *c >= ' ' && *c <= '~' && *c != '"' && *c != '\\';

		*p++ = ok ? *c : '_';
		plain = plain && ok;
	}
	p = stpcpy(p, "\"");
	/* old clients read the first, all others the second */
	if (plain || !is_utf8(name, strlen(name)))
		return;
	p = stpcpy(p, "; filename*=UTF-8''");
	for (const char *c = name; *c != '\0'; c++) {
		if (is_token(*c) && strchr("%*'", *c) == NULL)
			*p++ = *c;
		else
			p = put_percent(p, (unsigned char)*c);
	}
	*p = '\0';
}

bool cdx_rest_mimetype(const char *text)
{
	size_t type = token_len(text);
	size_t sub = text[type] == '/' ? token_len(text + type + 1) : 0;
	const char *p = text + type + 1 + sub;

	if (type == 0 || sub == 0 || strlen(text) > CDX_MIMETYPE_MAX ||
	    strchr(" ;", *p) == NULL)
		return false;
	for (; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return true;
}
