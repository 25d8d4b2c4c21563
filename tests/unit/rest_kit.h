/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_REST_KIT_H
#define CDX_TESTS_UNIT_REST_KIT_H

/* A node with its REST API on a free port, and a client that says exactly what
 * it is told.  For unit tests; include after cmocka.h. */

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/internal.h"
#include "api/rest.h"
#include "api/rest_internal.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"

#define V1 "/api/codex/v1"
/* no answer takes this long */
#define REST_KIT_WAIT_MS 60000

struct rest_kit {
	char path[256];
	struct cdx_log log;
	struct cdx_keyfile keys;
	struct cdx_node node;
	struct cdx_api api;
	struct cdx_rest *rest;
	uint16_t port;
	char token[CDX_REST_TOKEN_MAX];
};

static inline int rest_kit_remove(const char *path, const struct stat *st,
				  int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* A store and what answers for it; no REST yet.  @peers: NULL: it asks nobody */
static inline void rest_kit_open(struct rest_kit *k, uint64_t cache,
				 const struct cdx_conf_node *peers)
{
	struct cdx_store_config config = {
		.share = {64u << 20, 0, cache},
		.k = 4,
		.m = 2,
	};
	struct cdx_node_opts o = {
		.path = k->path,
		.log = &k->log,
		.keys = &k->keys,
		.peers = peers,
		.no_background = peers == NULL,
	};
	char error[CDX_NODE_ERROR_MAX];
	const char *dir = getenv("TMPDIR");

	memset(k, 0, sizeof(*k));
	cdx_log_init(&k->log, CDX_LOG_TO_NONE, CDX_LOG_ERROR);
	cdx_root_random(&k->keys.root);
	snprintf(k->path, sizeof(k->path), "%s/cdx-rest-XXXXXX",
		 dir != NULL ? dir : "/tmp");
	assert_non_null(mkdtemp(k->path));
	assert_int_equal(cdx_store_init(k->path, &config), 0);
	assert_int_equal(cdx_node_open(&k->node, &o, error), 0);
	cdx_api_init(&k->api, &k->node);
	k->api.log = &k->log;
}

static inline int rest_kit_listen(struct rest_kit *k,
				  const struct cdx_conf_api *conf)
{
	char why[CDX_REST_WHY_MAX];
	int rc = cdx_rest_new(&k->rest, &k->api, conf, why);

	if (rc < 0) {
		assert_null(k->rest);
		assert_true(why[0] != '\0');
		return rc;
	}
	k->port = cdx_rest_port(k->rest);
	assert_true(k->port > 0);
	assert_int_equal(
		cdx_rest_token(k->token, k->path, conf->token_file, why), 0);
	return 0;
}

static inline void rest_kit_close(struct rest_kit *k)
{
	atomic_store(&k->api.stopping, true);
	cdx_rest_free(k->rest);
	cdx_api_end(&k->api);
	assert_int_equal(cdx_node_close(&k->node), 0);
	nftw(k->path, rest_kit_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- asking ---- */

struct rest_answer {
	int status;	    /* 0: there was none */
	struct cdx_buf raw; /* everything, ends with NUL */
	const char *body;
	size_t len;
};

static inline void rest_answer_free(struct rest_answer *a)
{
	cdx_buf_free(&a->raw);
	memset(a, 0, sizeof(*a));
}

static inline int rest_kit_connect(const struct rest_kit *k)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons(k->port),
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* What the server may have stopped to read is not written */
static inline void rest_kit_send(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

/* Reads until the server closes; takes the answer apart */
static inline void rest_kit_read(int fd, struct rest_answer *a)
{
	char buf[65536];
	const char *end;
	ssize_t n;

	memset(a, 0, sizeof(*a));
	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&pfd, 1, REST_KIT_WAIT_MS), 1);
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		cdx_buf_put(&a->raw, buf, (size_t)n);
	}
	cdx_buf_u8(&a->raw, 0);
	assert_int_equal(cdx_buf_ok(&a->raw), 0);
	if (sscanf((const char *)a->raw.p, "HTTP/1.1 %d", &a->status) != 1)
		return;
	end = strstr((const char *)a->raw.p, "\r\n\r\n");
	assert_non_null(end);
	a->body = end + 4;
	a->len = a->raw.len - 1 - (size_t)(a->body - (const char *)a->raw.p);
}

/* A header of the answer; borrowed until the next call; NULL: none */
static inline const char *rest_header(const struct rest_answer *a,
				      const char *name)
{
	static char value[16384];
	size_t len = strlen(name);
	const char *p = strstr((const char *)a->raw.p, "\r\n");

	while (p != NULL && p + 2 < a->body - 2) {
		p += 2;
		if (strncasecmp(p, name, len) == 0 && p[len] == ':') {
			p += len + 1;
			p += strspn(p, " ");
			snprintf(value, sizeof(value), "%.*s",
				 (int)strcspn(p, "\r"), p);
			return value;
		}
		p = strstr(p, "\r\n");
	}
	return NULL;
}

/* One request.  @headers: lines with \r\n, or ""; a Host is added when there is
 * none, a length when there is a body. */
static inline void rest_ask(const struct rest_kit *k, struct rest_answer *a,
			    const char *method, const char *path,
			    const char *headers, const void *body, size_t len)
{
	char head[32768];
	char host[64] = "";
	char length[64] = "";
	int fd = rest_kit_connect(k);
	int n;

	if (strncasecmp(headers, "Host:", 5) != 0)
		snprintf(host, sizeof(host), "Host: 127.0.0.1:%u\r\n", k->port);
	if (body != NULL)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
			 len);
	n = snprintf(head, sizeof(head),
		     "%s %s HTTP/1.1\r\n%s%s%sConnection: close\r\n\r\n",
		     method, path, host, headers, length);
	assert_true(n > 0 && (size_t)n < sizeof(head));
	rest_kit_send(fd, head, (size_t)n);
	if (len > 0)
		rest_kit_send(fd, body, len);
	rest_kit_read(fd, a);
	close(fd);
	/* whatever is said of the length is so */
	if (rest_header(a, "Content-Length") != NULL &&
	    strcmp(method, "HEAD") != 0 && a->status != 304)
		assert_int_equal(a->len,
				 strtoul(rest_header(a, "Content-Length"), NULL,
					 10));
}

/* The status alone; errors are plain text that says something */
static inline int rest_status(const struct rest_kit *k, const char *method,
			      const char *path, const char *headers)
{
	struct rest_answer a;
	int status;

	rest_ask(k, &a, method, path, headers, NULL, 0);
	status = a.status;
	if (status >= 400 && strcmp(method, "HEAD") != 0) {
		assert_non_null(rest_header(&a, "Content-Type"));
		assert_int_equal(strncmp(rest_header(&a, "Content-Type"),
					 "text/plain", 10),
				 0);
		assert_true(a.len > 1);
	}
	rest_answer_free(&a);
	return status;
}

/* The JSON of an answer of 200; returns new */
static inline json_t *rest_json(const struct rest_kit *k, const char *path)
{
	struct rest_answer a;
	json_t *j;

	rest_ask(k, &a, "GET", path, "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(rest_header(&a, "Content-Type"),
			    "application/json");
	j = json_loadb(a.body, a.len, 0, NULL);
	assert_non_null(j);
	rest_answer_free(&a);
	return j;
}

/* The length that was said */
static inline unsigned long rest_length(const struct rest_answer *a)
{
	const char *text = rest_header(a, "Content-Length");

	assert_non_null(text);
	return strtoul(text, NULL, 10);
}

/* ---- contents ---- */

/* Bytes that differ from block to block */
static inline uint8_t *rest_bytes(size_t len)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	for (size_t o = 0; o < len; o++)
		p[o] = (uint8_t)(o * 31 + (o >> 8) * 17 + (o >> 16) * 7 + 5);
	return p;
}

/* Uploads; the CID into @out */
static inline void rest_upload(const struct rest_kit *k, const uint8_t *p,
			       size_t len, const char *headers,
			       char out[CDX_CID_TEXT_MAX])
{
	struct rest_answer a;

	rest_ask(k, &a, "POST", V1 "/data", headers, p, len);
	if (a.status != 200)
		fail_msg("upload: %d %s", a.status, a.body);
	assert_true(a.len > 0 && a.len < CDX_CID_TEXT_MAX);
	snprintf(out, CDX_CID_TEXT_MAX, "%.*s", (int)a.len, a.body);
	rest_answer_free(&a);
}

static inline const char *rest_path(const char *cid, const char *rest)
{
	static char path[1024];

	snprintf(path, sizeof(path), V1 "/data/%s%s", cid, rest);
	return path;
}

/* ---- a node for all tests of a program ---- */

/* of a manifest that nobody has */
#define ABSENT "zDvZRwzm1ePSzKSXt57D5YxHwcSDmsCyYN65wW4HT7fuX9HrzFXy"

static inline int rest_kit_setup(void **state)
{
	char address[] = "127.0.0.1:0";
	struct cdx_conf_api conf = {.listen = address};
	struct rest_kit *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	rest_kit_open(k, 8u << 20, NULL);
	assert_int_equal(rest_kit_listen(k, &conf), 0);
	*state = k;
	return 0;
}

static inline int rest_kit_teardown(void **state)
{
	rest_kit_close(*state);
	free(*state);
	return 0;
}

/* The header with the token */
static inline void rest_auth(const struct rest_kit *k, char out[512])
{
	snprintf(out, 512, "Authorization: Bearer %s\r\n", k->token);
}

#endif
