/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "api/rest_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "codec/multibase.h"
#include "crypto/hash.h"

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t");
}

/* ---- ranges ---- */

/* Digits; what is too large stays at the largest.  False: there are none. */
static bool number(const char **p, uint64_t *out)
{
	uint64_t v = 0;

	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (unsigned)(**p - '0'), &v))
			v = UINT64_MAX;
	*out = v;
	return true;
}

/* "FIRST-LAST", "FIRST-" or "-COUNT"; the bytes from @first up to @last */
static bool range_spec(const char *p, uint64_t size, uint64_t *first,
		       uint64_t *last)
{
	uint64_t n;

	*last = UINT64_MAX;
	if (*p == '-') {
		p++;
		if (!number(&p, &n))
			return false;
		*first = n < size ? size - n : 0;
		/* the last 0 bytes are nowhere */
		if (n == 0)
			*first = UINT64_MAX;
	} else {
		if (!number(&p, first) || *p++ != '-')
			return false;
		if (*p >= '0' && *p <= '9' && !number(&p, last))
			return false;
	}
	return *skip_space(p) == '\0' && *first <= *last;
}

int cdx_rest_range(struct cdx_rest_range *out, const char *header,
		   uint64_t size)
{
	static const char unit[] = "bytes=";
	uint64_t first;
	uint64_t last;

	if (header == NULL ||
	    strncasecmp(header, unit, sizeof(unit) - 1) != 0 ||
	    !range_spec(skip_space(header + sizeof(unit) - 1), size, &first,
			&last))
		return 0;
	if (first >= size)
		return -ERANGE;
	if (last > size - 1)
		last = size - 1;
	out->first = first;
	out->len = last - first + 1;
	return 1;
}

bool cdx_rest_etag_match(const char *header, const char *etag, bool weak)
{
	size_t len = strlen(etag);
	const char *p = header == NULL ? "" : header;

	while (*(p = p + strspn(p, " \t,")) != '\0') {
		if (weak && *p == '*')
			return true;
		if (strncmp(p, "W/", 2) == 0) {
			p += 2;
			if (!weak) {
				p += strcspn(p, ",");
				continue;
			}
		}
		if (strncmp(p, etag, len) == 0 &&
		    strchr(" \t,", p[len]) != NULL)
			return true;
		if (*p == '"') {
			p++;
			p += strcspn(p, "\"");
			p += *p == '"';
		} else {
			p += strcspn(p, ",");
		}
	}
	return false;
}

/* ---- who asks ---- */

int cdx_rest_credential(char out[CDX_REST_TOKEN_MAX], const char *header)
{
	/* base64 of a user of 255 characters and a token */
	char text[1024] = "M";
	uint8_t plain[768];
	const uint8_t *colon;
	ssize_t n;
	size_t len;

	if (header == NULL)
		return 0;
	if (strncasecmp(header, "Bearer ", 7) == 0) {
		header = skip_space(header + 7);
		len = strcspn(header, " \t");
		if (len == 0 || len >= CDX_REST_TOKEN_MAX ||
		    *skip_space(header + len) != '\0')
			return 0;
		memcpy(out, header, len);
		out[len] = '\0';
		return 1;
	}
	if (strncasecmp(header, "Basic ", 6) != 0)
		return 0;
	header = skip_space(header + 6);
	len = strcspn(header, " \t");
	if (len == 0 || len >= sizeof(text) - 1)
		return 0;
	memcpy(text + 1, header, len);
	n = cdx_multibase_decode(plain, sizeof(plain), text, len + 1);
	colon = n <= 0 ? NULL : memchr(plain, ':', (size_t)n);
	len = 0;
	if (colon != NULL)
		len = (size_t)(plain + n - (colon + 1));
	if (len > 0 && len < CDX_REST_TOKEN_MAX &&
	    memchr(colon + 1, '\0', len) == NULL) {
		memcpy(out, colon + 1, len);
		out[len] = '\0';
	} else {
		len = 0;
	}
	cdx_wipe(plain, sizeof(plain));
	cdx_wipe(text, sizeof(text));
	return len > 0 ? 1 : 0;
}

/* An address becomes its usual form; others stay as they are */
static enum cdx_rest_host_kind host_kind(char text[256], bool bracketed)
{
	struct in6_addr six;
	struct in_addr four;

	if (!bracketed && inet_pton(AF_INET, text, &four) == 1) {
		uint32_t v = ntohl(four.s_addr);

		if (v == 0)
			return CDX_REST_HOST_ANY;
		return v >> 24 == 127 ? CDX_REST_HOST_LOOPBACK
				      : CDX_REST_HOST_ADDRESS;
	}
	if (bracketed && inet_pton(AF_INET6, text, &six) == 1) {
		inet_ntop(AF_INET6, &six, text, 256);
		if (IN6_IS_ADDR_UNSPECIFIED(&six))
			return CDX_REST_HOST_ANY;
		return IN6_IS_ADDR_LOOPBACK(&six) ? CDX_REST_HOST_LOOPBACK
						  : CDX_REST_HOST_ADDRESS;
	}
	return strcasecmp(text, "localhost") == 0 ? CDX_REST_HOST_LOOPBACK
						  : CDX_REST_HOST_NAME;
}

int cdx_rest_host(struct cdx_rest_host *out, const char *text)
{
	struct cdx_rest_host h = {0};
	bool bracketed = text[0] == '[';
	const char *begin = bracketed ? text + 1 : text;
	size_t len = strcspn(begin, bracketed ? "]" : ":");
	const char *p = begin + len;
	uint64_t port = 0;

	if (bracketed && *p++ != ']')
		return -EINVAL;
	if (*p == ':') {
		p++;
		if (!number(&p, &port) || port > UINT16_MAX)
			return -EINVAL;
	}
	if (*p != '\0' || len >= sizeof(h.text) || (len == 0 && bracketed))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (begin[i] <= ' ' || begin[i] > '~')
			return -EINVAL;
	memcpy(h.text, begin, len);
	if (len == 0)
		h.kind = CDX_REST_HOST_ANY;
	else
		h.kind = host_kind(h.text, bracketed);
	if (bracketed && h.kind == CDX_REST_HOST_NAME)
		return -EINVAL;
	*out = h;
	return 0;
}

/* ---- which form ---- */

/* Where a list of media types names @type first; NULL: nowhere */
static const char *names(const char *list, const char *type)
{
	size_t len = strlen(type);

	for (const char *p = list; *p != '\0';) {
		p += strspn(p, " \t,");
		if (strncasecmp(p, type, len) == 0 &&
		    strchr(" \t,;", p[len]) != NULL)
			return p;
		p += strcspn(p, ",");
	}
	return NULL;
}

bool cdx_rest_wants_text(const char *accept, const char *content_type)
{
	static const char text_type[] = "text/plain";
	static const char json_type[] = "application/json";
	const char *text = accept == NULL ? NULL : names(accept, text_type);
	const char *json = accept == NULL ? NULL : names(accept, json_type);

	if (text == NULL && json == NULL && content_type != NULL)
		text = names(content_type, text_type);
	return text != NULL && (json == NULL || text < json);
}
