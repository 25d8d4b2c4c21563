/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "net/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "net/listen.h"

#define MAX_CONNECTIONS 32
#define IDLE_UNIX_S 3600
#define IDLE_TCP_S 60
/* what is read of an answer at a time: a pipe's capacity */
#define ANSWER_BYTES 65536
/* how long an ending server waits for answers to be taken */
#define DRAIN_S 5

struct cdx_server {
	struct MHD_Daemon *daemon;
	cdx_call_fn *fn;
	void *arg;
	unsigned connections;
	unsigned idle_s;
	int dirfd; /* of the socket's name; -1: on TCP */
	char name[64];
	struct sockaddr_storage addr; /* on TCP */
	pthread_mutex_t mu;
	pthread_cond_t cv;
	int calls; /* guarded by mu: not answered to the end yet */
};

/*
 * A call under way.  libmicrohttpd pushes the body and pulls the answer; the
 * handler pulls the body and pushes the answer.  Two pipes join them.
 */
struct http_call {
	struct cdx_call call; /* first: the handler sees this */
	struct cdx_server *server;
	struct MHD_Connection *conn;
	pthread_t thread;
	int body_w;  /* ours */
	int body_r;  /* the handler's */
	int reply_r; /* ours, for libmicrohttpd */
	int reply_w; /* the handler's */
	pthread_mutex_t mu;
	pthread_cond_t cv;
	bool cut;   /* guarded by mu: the client went within its body */
	bool begun; /* guarded by mu: what follows is known */
	int status;
	char type[256];
	uint64_t length;     /* of the answer; MHD_SIZE_UNKNOWN */
	struct cdx_buf head; /* further headers: name, NUL, value, NUL */
};

static struct http_call *http_of(struct cdx_call *call)
{
	return CDX_CONTAINER(call, struct http_call, call);
}

static const char *call_param(struct cdx_call *call, const char *name)
{
	return MHD_lookup_connection_value(http_of(call)->conn,
					   MHD_GET_ARGUMENT_KIND, name);
}

/* Where a repeated parameter is looked for */
struct param_search {
	const char *name;
	const char *found;
	unsigned skip;
};

static enum MHD_Result on_param(void *arg, enum MHD_ValueKind kind CDX_UNUSED,
				const char *name, const char *value)
{
	struct param_search *s = arg;

	if (strcmp(name, s->name) != 0 || s->skip-- > 0)
		return MHD_YES;
	s->found = value;
	return MHD_NO;
}

static const char *call_param_at(struct cdx_call *call, const char *name,
				 unsigned i)
{
	struct param_search s = {.name = name, .skip = i};

	MHD_get_connection_values(http_of(call)->conn, MHD_GET_ARGUMENT_KIND,
				  on_param, &s);
	return s.found;
}

static const char *call_header(struct cdx_call *call, const char *name)
{
	return MHD_lookup_connection_value(http_of(call)->conn, MHD_HEADER_KIND,
					   name);
}

static int call_set(struct cdx_call *call, const char *name, const char *value)
{
	struct http_call *h = http_of(call);

	if (strpbrk(name, "\r\n") != NULL || strpbrk(value, "\r\n") != NULL)
		return -EINVAL;
	if (h->begun)
		return CDX_E_SEQUENCE;
	cdx_buf_put(&h->head, name, strlen(name) + 1);
	cdx_buf_put(&h->head, value, strlen(value) + 1);
	return cdx_buf_ok(&h->head);
}

static void call_length(struct cdx_call *call, uint64_t len)
{
	struct http_call *h = http_of(call);

	if (!h->begun)
		h->length = len;
}

static ssize_t call_read(struct cdx_call *call, void *out, size_t cap)
{
	struct http_call *h = http_of(call);
	bool cut;
	ssize_t n;

	if (h->body_r < 0)
		return 0;
	do {
		n = read(h->body_r, out, cap);
	} while (n < 0 && errno == EINTR);
	if (n != 0)
		return n < 0 ? -errno : n;
	pthread_mutex_lock(&h->mu);
	cut = h->cut;
	pthread_mutex_unlock(&h->mu);
	return cut ? -EPIPE : 0;
}

/* The connection's own thread waits for begin, and nobody else reads it. */
static bool call_gone(struct cdx_call *call)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		http_of(call)->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct pollfd p = {.events = POLLRDHUP};

	if (info == NULL)
		return false;
	p.fd = info->connect_fd;
	return poll(&p, 1, 0) > 0 &&
	       (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static int call_begin(struct cdx_call *call, int status, const char *type)
{
	struct http_call *h = http_of(call);

	/* nobody takes the answer before all of the body has come: what is left
	 * of it must not wait for the handler */
	cdx_close(&h->body_r);
	pthread_mutex_lock(&h->mu);
	if (!h->begun) {
		h->status = status;
		snprintf(h->type, sizeof(h->type), "%s", type);
		h->begun = true;
		pthread_cond_broadcast(&h->cv);
	}
	pthread_mutex_unlock(&h->mu);
	return 0;
}

static int call_write(struct cdx_call *call, const void *p, size_t len)
{
	return cdx_write_full(http_of(call)->reply_w, p, len);
}

static void *call_main(void *arg)
{
	struct http_call *h = arg;

	h->server->fn(h->server->arg, &h->call);
	/* a handler that said nothing at all has failed */
	call_begin(&h->call, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain");
	cdx_close(&h->body_r);
	cdx_close(&h->reply_w);
	return NULL;
}

static void call_free(struct http_call *h)
{
	cdx_close(&h->body_w);
	cdx_close(&h->body_r);
	cdx_close(&h->reply_r);
	cdx_close(&h->reply_w);
	cdx_buf_free(&h->head);
	pthread_mutex_destroy(&h->mu);
	pthread_cond_destroy(&h->cv);
	free(h);
}

static void count_call(struct cdx_server *s, int by)
{
	pthread_mutex_lock(&s->mu);
	s->calls += by;
	pthread_cond_broadcast(&s->cv);
	pthread_mutex_unlock(&s->mu);
}

static struct http_call *call_new(struct cdx_server *s,
				  struct MHD_Connection *conn, const char *url,
				  const char *method)
{
	struct http_call *h = calloc(1, sizeof(*h));
	int body[2] = {-1, -1};
	int reply[2] = {-1, -1};

	if (h == NULL)
		return NULL;
	h->server = s;
	h->conn = conn;
	h->call.method = method;
	h->call.path = url;
	h->length = MHD_SIZE_UNKNOWN;
	h->call.param = call_param;
	h->call.param_at = call_param_at;
	h->call.header = call_header;
	h->call.set = call_set;
	h->call.length = call_length;
	h->call.read = call_read;
	h->call.begin = call_begin;
	h->call.gone = call_gone;
	h->call.write = call_write;
	pthread_mutex_init(&h->mu, NULL);
	pthread_cond_init(&h->cv, NULL);
	if (pipe2(body, O_CLOEXEC) == 0 && pipe2(reply, O_CLOEXEC) == 0) {
		h->body_r = body[0];
		h->body_w = body[1];
		h->reply_r = reply[0];
		h->reply_w = reply[1];
		if (pthread_create(&h->thread, NULL, call_main, h) == 0) {
			count_call(s, 1);
			return h;
		}
	} else {
		cdx_close(&body[0]);
		cdx_close(&body[1]);
		h->body_r = -1;
		h->body_w = -1;
		h->reply_r = -1;
		h->reply_w = -1;
	}
	call_free(h);
	return NULL;
}

/* While the handler is waited for, the client is not idle.  Setting the time-out
 * from 0 on is what makes libmicrohttpd count from now. */
static void patient(struct http_call *h, bool on)
{
	MHD_set_connection_option(h->conn, MHD_CONNECTION_OPTION_TIMEOUT,
				  on ? 0u : h->server->idle_s);
}

/* Next bytes of the answer.  The pipe stays ours: libmicrohttpd lets go of its
 * own only after on_completed, which waits for who writes into it. */
static ssize_t next_bytes(void *arg, uint64_t at CDX_UNUSED, char *out,
			  size_t cap)
{
	struct http_call *h = arg;
	ssize_t n;

	patient(h, true);
	do {
		n = read(h->reply_r, out, cap);
	} while (n < 0 && errno == EINTR);
	patient(h, false);
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void add_headers(struct MHD_Response *r, const struct http_call *h)
{
	const char *p = (const char *)h->head.p;
	const char *end = p + h->head.len;

	if (h->type[0] != '\0')
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
					h->type);
	while (p < end) {
		const char *value = p + strlen(p) + 1;

		MHD_add_response_header(r, p, value);
		p = value + strlen(value) + 1;
	}
}

static enum MHD_Result send_answer(struct http_call *h)
{
	struct MHD_Response *r;
	enum MHD_Result ok;

	patient(h, true);
	pthread_mutex_lock(&h->mu);
	while (!h->begun)
		pthread_cond_wait(&h->cv, &h->mu);
	pthread_mutex_unlock(&h->mu);
	patient(h, false);
	/* libmicrohttpd 0.9.75 ends these as if they had a body in chunks */
	if (h->length == MHD_SIZE_UNKNOWN &&
	    (h->status == MHD_HTTP_NO_CONTENT ||
	     h->status == MHD_HTTP_NOT_MODIFIED))
		h->length = 0;
	r = MHD_create_response_from_callback(h->length, ANSWER_BYTES,
					      next_bytes, h, NULL);
	if (r == NULL)
		return MHD_NO;
	add_headers(r, h);
	ok = MHD_queue_response(h->conn, (unsigned)h->status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *conn,
				 const char *url, const char *method,
				 const char *version CDX_UNUSED,
				 const char *upload, size_t *upload_len,
				 void **state)
{
	struct http_call *h = *state;

	if (h == NULL) {
		*state = call_new(arg, conn, url, method);
		return *state == NULL ? MHD_NO : MHD_YES;
	}
	if (*upload_len > 0) {
		/* a handler that does not want the body has closed its end:
		 * the rest is read and dropped */
		patient(h, true);
		if (h->body_w >= 0 &&
		    cdx_write_full(h->body_w, upload, *upload_len) < 0)
			cdx_close(&h->body_w);
		patient(h, false);
		*upload_len = 0;
		return MHD_YES;
	}
	cdx_close(&h->body_w);
	return send_answer(h);
}

static void on_completed(void *arg CDX_UNUSED,
			 struct MHD_Connection *conn CDX_UNUSED, void **state,
			 enum MHD_RequestTerminationCode why CDX_UNUSED)
{
	struct http_call *h = *state;

	if (h == NULL)
		return;
	/* the client may have gone in the middle: the handler sees EPIPE at both
	 * ends, and ends */
	pthread_mutex_lock(&h->mu);
	h->cut = h->body_w >= 0;
	pthread_mutex_unlock(&h->mu);
	cdx_close(&h->body_w);
	cdx_close(&h->reply_r);
	pthread_join(h->thread, NULL);
	count_call(h->server, -1);
	call_free(h);
	*state = NULL;
}

/* Binds without a moment at which others could connect: umask is the
 * process's, so the socket is made under another name, then renamed. */
static int listen_unix(int dirfd, const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char tmp[80];
	int rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(tmp, sizeof(tmp), "%s.new", name);
	/* through /proc, so that a long path of the store does not matter */
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", dirfd,
		 tmp);
	unlinkat(dirfd, tmp, 0);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    fchmodat(dirfd, tmp, 0600, 0) < 0 || listen(fd, 16) < 0 ||
	    renameat(dirfd, tmp, dirfd, name) < 0)
		rc = -errno;
	if (rc < 0) {
		unlinkat(dirfd, tmp, 0);
		close(fd);
		return rc;
	}
	return fd;
}

static void init_wait(struct cdx_server *s)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&s->mu, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->cv, &attr);
	pthread_condattr_destroy(&attr);
}

static void server_free(struct cdx_server *s)
{
	pthread_mutex_destroy(&s->mu);
	pthread_cond_destroy(&s->cv);
	free(s);
}

/* Stopping the daemon breaks connections off: calls under way first get the
 * time to say how they ended. */
static void drain(struct cdx_server *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DRAIN_S;
	pthread_mutex_lock(&s->mu);
	while (s->calls > 0 &&
	       pthread_cond_timedwait(&s->cv, &s->mu, &until) == 0)
		;
	pthread_mutex_unlock(&s->mu);
}

static struct cdx_server *server_new(cdx_call_fn *fn, void *arg)
{
	struct cdx_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fn = fn;
	s->arg = arg;
	s->dirfd = -1;
	s->connections = MAX_CONNECTIONS;
	init_wait(s);
	return s;
}

/* poll(2), since a process may have more descriptors than select(2) takes */
static int start(struct cdx_server *s, int fd)
{
	s->daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD, 0,
		NULL, NULL, on_access, s, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_CONNECTION_LIMIT, s->connections,
		MHD_OPTION_CONNECTION_TIMEOUT, s->idle_s, MHD_OPTION_END);
	return s->daemon == NULL ? -EIO : 0;
}

int cdx_server_unix(struct cdx_server **out, int dirfd, const char *name,
		    cdx_call_fn *fn, void *arg)
{
	struct cdx_server *s = server_new(fn, arg);
	int rc;
	int fd;

	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	s->dirfd = dirfd;
	s->idle_s = IDLE_UNIX_S;
	snprintf(s->name, sizeof(s->name), "%s", name);
	fd = listen_unix(dirfd, name);
	rc = fd < 0 ? fd : start(s, fd);
	if (rc < 0 && fd >= 0) {
		close(fd);
		unlinkat(dirfd, name, 0);
	}
	if (rc < 0) {
		server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int cdx_server_tcp(struct cdx_server **out, const struct cdx_server_tcp *o,
		   char why[256])
{
	struct cdx_server *s = server_new(o->fn, o->arg);
	int rc;
	int fd;

	*out = NULL;
	snprintf(why, 256, "%s", "out of memory");
	if (s == NULL)
		return -ENOMEM;
	s->idle_s = o->idle_s ? o->idle_s : IDLE_TCP_S;
	if (o->connections > 0)
		s->connections = o->connections;
	fd = cdx_listen_tcp(&s->addr, o->listen, why);
	rc = fd < 0 ? fd : start(s, fd);
	if (rc < 0 && fd >= 0) {
		close(fd);
		snprintf(why, 256, "%s: libmicrohttpd refuses to start",
			 o->listen);
	}
	if (rc < 0) {
		server_free(s);
		return rc;
	}
	why[0] = '\0';
	*out = s;
	return 0;
}

uint16_t cdx_server_port(const struct cdx_server *s)
{
	return (uint16_t)cdx_listen_port((const struct sockaddr *)&s->addr);
}

void cdx_server_free(struct cdx_server *s)
{
	if (s == NULL)
		return;
	if (s->dirfd >= 0)
		unlinkat(s->dirfd, s->name, 0);
	drain(s);
	MHD_stop_daemon(s->daemon);
	server_free(s);
}
