/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "api/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"

/* ---- who has the store ---- */

/* Octal escapes of mountinfo (\040 and so on), in place */
static void unescape(char *s)
{
	char *out = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
					(s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* One line of mountinfo: the source when it is ours, and the mount point */
static char *source_of_line(char *line, char **path)
{
	char *save = NULL;
	char *field = strtok_r(line, " ", &save);
	char *point = NULL;
	char *type = NULL;
	char *source = NULL;
	unsigned n = 0;

	for (; field != NULL; field = strtok_r(NULL, " \n", &save), n++) {
		if (n == 4)
			point = field;
		if (strcmp(field, "-") != 0)
			continue;
		type = strtok_r(NULL, " ", &save);
		source = strtok_r(NULL, " ", &save);
		break;
	}
	if (point == NULL || type == NULL || source == NULL ||
	    strcmp(type, "fuse.codexfs") != 0)
		return NULL;
	unescape(point);
	unescape(source);
	*path = point;
	return source;
}

/* Source of the last of our mounts that is at @path or of @store */
static char *find_mount(const char *path, const char *store)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *found = NULL;
	char *line = NULL;
	size_t cap = 0;

	if (f == NULL)
		return NULL;
	/* the last one is on top */
	while (getline(&line, &cap, f) >= 0) {
		char *point = NULL;
		const char *s = source_of_line(line, &point);

		if (s == NULL || (path != NULL && strcmp(point, path) != 0) ||
		    (store != NULL && strcmp(s, store) != 0))
			continue;
		free(found);
		found = strdup(s);
	}
	free(line);
	fclose(f);
	return found;
}

char *cdx_client_source(const char *path)
{
	return find_mount(path, NULL);
}

bool cdx_client_mounted(const char *store)
{
	CDX_CLEANUP(cdx_freep) char *source = find_mount(NULL, store);

	return source != NULL;
}

bool cdx_client_locked(const char *store)
{
	CDX_CLEANUP(cdx_closep) int fd = -1;
	CDX_CLEANUP(cdx_freep) char *path = NULL;

	if (asprintf(&path, "%s/lock", store) < 0) {
		path = NULL;
		return false;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static int find_store(struct cdx_client *c, const char *where,
		      char error[CDX_NODE_ERROR_MAX])
{
	char *path = realpath(where, NULL);
	int err = errno;

	if (path == NULL && err == ENOTCONN) {
		/* a dead mount has no realpath, but mountinfo knows it */
		c->store = cdx_client_source(where);
		if (c->store != NULL)
			return 0;
	}
	if (path == NULL) {
		snprintf(error, CDX_NODE_ERROR_MAX, "%s: %s", where,
			 strerror(err));
		return -err;
	}
	c->store = cdx_client_source(path);
	if (c->store != NULL)
		c->mountpoint = path;
	else
		c->store = path;
	return 0;
}

int cdx_client_open(struct cdx_client *out, const char *where,
		    const struct cdx_node_opts *opts,
		    char error[CDX_NODE_ERROR_MAX])
{
	struct cdx_node_opts o = *opts;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = find_store(out, where, error);
	if (rc == 0 && cdx_client_locked(out->store)) {
		if (asprintf(&out->socket, "%s/control.sock", out->store) < 0) {
			out->socket = NULL;
			rc = -ENOMEM;
		}
	} else if (rc == 0) {
		o.path = out->store;
		o.no_background = true;
		rc = cdx_node_open(&out->node, &o, error);
		if (rc == 0)
			cdx_api_init(&out->api, &out->node);
	}
	if (rc < 0)
		(void)!cdx_client_close(out);
	return rc;
}

int cdx_client_open_chain(struct cdx_client *out,
			  const struct cdx_node_opts *opts)
{
	struct cdx_node_opts o = *opts;
	int rc;

	memset(out, 0, sizeof(*out));
	o.no_background = true;
	rc = cdx_node_open_chain(&out->node, &o);
	if (rc == 0)
		cdx_api_init(&out->api, &out->node);
	return rc;
}

int cdx_client_close(struct cdx_client *c)
{
	int rc;

	cdx_api_end(&c->api);
	rc = c->socket == NULL ? cdx_node_close(&c->node) : 0;
	free(c->store);
	free(c->mountpoint);
	free(c->socket);
	memset(c, 0, sizeof(*c));
	return rc;
}

/* ---- requests answered here ---- */

struct local_call {
	struct cdx_call call; /* first */
	const struct cdx_request *req;
	char *query; /* owned; "a=b&c=d" */
	char *values[16];
	unsigned nvalues;
	int status;
	int result; /* first negative result of the caller's write */
};

static struct local_call *local_of(struct cdx_call *call)
{
	return CDX_CONTAINER(call, struct local_call, call);
}

static void percent_decode(char *s)
{
	char *out = s;
	uint8_t b;
	char hex[3] = {0};

	while (*s != '\0') {
		hex[0] = s[0] == '%' ? s[1] : '\0';
		hex[1] = hex[0] != '\0' ? s[2] : '\0';
		if (hex[1] != '\0' && cdx_unhex(&b, 1, hex) == 0) {
			*out++ = (char)b;
			s += 3;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static const char *local_param_at(struct cdx_call *call, const char *name,
				  unsigned i)
{
	struct local_call *l = local_of(call);
	size_t len = strlen(name);
	const char *p = l->query;
	char *value;

	while (p != NULL && *p != '\0') {
		size_t n = strcspn(p, "&");

		if (n > len && strncmp(p, name, len) == 0 && p[len] == '=' &&
		    l->nvalues < CDX_ARRAY_LEN(l->values) && i-- == 0) {
			value = strndup(p + len + 1, n - len - 1);
			if (value == NULL)
				return NULL;
			percent_decode(value);
			l->values[l->nvalues++] = value;
			return value;
		}
		p += n;
		p += *p == '&';
	}
	return NULL;
}

static const char *local_param(struct cdx_call *call, const char *name)
{
	return local_param_at(call, name, 0);
}

/* Nobody's page makes calls here. */
static const char *local_header(struct cdx_call *call CDX_UNUSED,
				const char *name CDX_UNUSED)
{
	return NULL;
}

static int local_set(struct cdx_call *call CDX_UNUSED,
		     const char *name CDX_UNUSED, const char *value)
{
	return strpbrk(value, "\r\n") == NULL ? 0 : -EINVAL;
}

static void local_length(struct cdx_call *call CDX_UNUSED,
			 uint64_t len CDX_UNUSED)
{
}

static ssize_t local_read(struct cdx_call *call, void *out, size_t cap)
{
	struct local_call *l = local_of(call);

	return l->req->read == NULL ? 0 : l->req->read(l->req->arg, out, cap);
}

static bool local_gone(struct cdx_call *call CDX_UNUSED)
{
	return false;
}

static int local_begin(struct cdx_call *call, int status,
		       const char *type CDX_UNUSED)
{
	local_of(call)->status = status;
	return 0;
}

static int local_write(struct cdx_call *call, const void *p, size_t len)
{
	struct local_call *l = local_of(call);
	int rc = 0;

	if (l->req->write != NULL)
		rc = l->req->write(l->req->arg, l->status, p, len);
	if (rc < 0 && l->result == 0)
		l->result = rc;
	return rc;
}

static int request_here(struct cdx_client *c, const struct cdx_request *req)
{
	struct local_call l = {.req = req, .status = 500};
	char *path = strdup(req->path);
	char *question;

	if (path == NULL)
		return -ENOMEM;
	question = strchr(path, '?');
	if (question != NULL) {
		*question = '\0';
		l.query = question + 1;
	}
	percent_decode(path);
	l.call.method = req->method;
	l.call.path = path;
	l.call.param = local_param;
	l.call.param_at = local_param_at;
	l.call.header = local_header;
	l.call.set = local_set;
	l.call.length = local_length;
	l.call.read = local_read;
	l.call.begin = local_begin;
	l.call.gone = local_gone;
	l.call.write = local_write;
	cdx_api_call(&c->api, &l.call);
	for (unsigned i = 0; i < l.nvalues; i++)
		free(l.values[i]);
	free(path);
	return l.result < 0 ? l.result : l.status;
}

int cdx_client_request(struct cdx_client *c, const struct cdx_request *req)
{
	if (c->socket != NULL)
		return cdx_request_unix(c->socket, req);
	return request_here(c, req);
}

/* ---- JSON ---- */

struct collect {
	struct cdx_buf buf;
	cdx_client_line_fn *fn; /* NULL: keep everything */
	void *arg;
	json_t *last;
};

/* Hands out every whole line but the last one seen. */
static int take_lines(struct collect *c)
{
	uint8_t *nl;

	while (c->buf.len > 0 &&
	       (nl = memchr(c->buf.p, '\n', c->buf.len)) != NULL) {
		size_t n = (size_t)(nl - c->buf.p) + 1;
		json_t *line = json_loadb((const char *)c->buf.p, n, 0, NULL);

		if (line == NULL)
			return CDX_E_FORMAT;
		if (c->last != NULL)
			c->fn(c->arg, c->last);
		json_decref(c->last);
		c->last = line;
		memmove(c->buf.p, c->buf.p + n, c->buf.len - n);
		c->buf.len -= n;
	}
	return 0;
}

static int on_answer(void *arg, int status CDX_UNUSED, const void *p,
		     size_t len)
{
	struct collect *c = arg;
	int rc;

	cdx_buf_put(&c->buf, p, len);
	rc = cdx_buf_ok(&c->buf);
	return rc == 0 && c->fn != NULL ? take_lines(c) : rc;
}

/* The result that an answer carries */
static int answer_code(const json_t *j, int status)
{
	json_t *code = json_object_get(j, "code");

	if (json_is_integer(code) && json_integer_value(code) < 0)
		return (int)json_integer_value(code);
	if (j == NULL)
		return CDX_E_FORMAT;
	return status >= 200 && status < 300 ? 0 : -EIO;
}

int cdx_client_json(struct cdx_client *c, json_t **out, const char *method,
		    const char *path)
{
	struct collect col = {0};
	struct cdx_request req = {
		.method = method,
		.path = path,
		.write = on_answer,
		.arg = &col,
	};
	int status = cdx_client_request(c, &req);

	*out = NULL;
	if (status > 0)
		*out = json_loadb((const char *)col.buf.p, col.buf.len, 0,
				  NULL);
	cdx_buf_free(&col.buf);
	return status < 0 ? status : answer_code(*out, status);
}

static void drop_line(void *arg CDX_UNUSED, json_t *line CDX_UNUSED)
{
}

int cdx_client_lines(struct cdx_client *c, json_t **out, const char *method,
		     const char *path, cdx_client_line_fn *fn, void *arg)
{
	struct collect col = {.fn = fn == NULL ? drop_line : fn, .arg = arg};
	struct cdx_request req = {
		.method = method,
		.path = path,
		.write = on_answer,
		.arg = &col,
	};
	int status = cdx_client_request(c, &req);

	cdx_buf_free(&col.buf);
	*out = col.last;
	return status < 0 ? status : answer_code(*out, status);
}

char *cdx_client_escape(const char *text)
{
	struct cdx_buf b = {0};
	char hex[4] = "%";

	for (; *text != '\0'; text++) {
		uint8_t ch = (uint8_t)*text;

		if ((ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= 'a' && ch <= 'z') || strchr("-._~", ch) != NULL) {
			cdx_buf_u8(&b, ch);
		} else {
			cdx_hex(hex + 1, &ch, 1);
			cdx_buf_put(&b, hex, 3);
		}
	}
	cdx_buf_u8(&b, 0);
	if (cdx_buf_ok(&b) < 0)
		cdx_buf_free(&b);
	return (char *)b.p;
}
