/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/web_internal.h"

/* a piece of a stream: memory of each answer under way.  Four blocks of the usual
 * size and what is said of them */
#define PIECE (272u << 10)
/* more than this over max_body is not even read to be polite */
#define BODY_SLACK (64u << 10)

/* ---- the request ---- */

const char *cdx_web_method(const struct cdx_web_req *r)
{
	return r->method;
}

const char *cdx_web_path(const struct cdx_web_req *r)
{
	return r->path;
}

const char *cdx_web_param(const struct cdx_web_req *r, const char *name)
{
	return MHD_lookup_connection_value(r->mhd, MHD_GET_ARGUMENT_KIND, name);
}

const char *cdx_web_header(const struct cdx_web_req *r, const char *name)
{
	return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

const void *cdx_web_body(const struct cdx_web_req *r, size_t *len)
{
	*len = r->body.len;
	return r->body.p;
}

const struct sockaddr *cdx_web_peer(const struct cdx_web_req *r)
{
	return MHD_get_connection_info(r->mhd,
				       MHD_CONNECTION_INFO_CLIENT_ADDRESS)
		->client_addr;
}

/* ---- the answer ---- */

int cdx_web_set(struct cdx_web_req *r, const char *name, const char *value)
{
	if (strpbrk(name, "\r\n") != NULL || strpbrk(value, "\r\n") != NULL)
		return -EINVAL;
	cdx_buf_put(&r->head, name, strlen(name) + 1);
	cdx_buf_put(&r->head, value, strlen(value) + 1);
	return cdx_buf_ok(&r->head);
}

static void add_headers(const struct cdx_web_req *r, struct MHD_Response *a,
			const char *type)
{
	const char *p = (const char *)r->head.p;
	const char *end = p + r->head.len;

	if (type != NULL && type[0] != '\0')
		MHD_add_response_header(a, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	while (p < end) {
		const char *value = p + strlen(p) + 1;

		MHD_add_response_header(a, p, value);
		p = value + strlen(value) + 1;
	}
}

/* @a: taken; NULL: there was no memory, the connection will be closed */
static void give(struct cdx_web_req *r, struct MHD_Response *a, int status,
		 const char *type)
{
	if (a != NULL)
		add_headers(r, a, type);
	if (r->gone != NULL) {
		if (a != NULL)
			cdx_web_deliver(r, a, (unsigned)status);
		return;
	}
	r->answer = a;
	r->status = (unsigned)status;
}

/* libmicrohttpd does not write to what it is given */
static void *unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

void cdx_web_reply(struct cdx_web_req *r, int status, const char *type,
		   const void *p, size_t len)
{
	r->len = len;
	give(r,
	     MHD_create_response_from_buffer(len, unconst(p),
					     MHD_RESPMEM_MUST_COPY),
	     status, type);
}

void cdx_web_fail(struct cdx_web_req *r, int status, const char *text)
{
	r->answer = MHD_create_response_from_buffer(strlen(text), unconst(text),
						    MHD_RESPMEM_MUST_COPY);
	r->status = (unsigned)status;
	if (r->answer != NULL)
		MHD_add_response_header(r->answer, MHD_HTTP_HEADER_CONTENT_TYPE,
					"text/plain");
}

void cdx_web_reply_static(struct cdx_web_req *r, int status, const char *type,
			  const void *p, size_t len, void (*release)(void *arg),
			  void *arg)
{
	struct MHD_Response *a =
		MHD_create_response_from_buffer_with_free_callback_cls(
			len, unconst(p), release, arg);

	if (a == NULL)
		release(arg);
	r->len = len;
	give(r, a, status, type);
}

static ssize_t next_piece(void *arg, uint64_t at CDX_UNUSED, char *out,
			  size_t cap)
{
	struct cdx_web_req *r = arg;
	uint64_t when = cdx_web_pay(r, cap);
	ssize_t n;

	if (when != 0) {
		cdx_web_suspend(r, CDX_WEB_THROTTLED, when);
		return 0;
	}
	n = r->next(r->stream_arg, out, cap);
	r->paid = 0;
	cdx_web_refund(r, cap - (n > 0 ? (size_t)n : 0));
	if (n > 0)
		atomic_fetch_add_explicit(&r->web->bytes_sent, (uint64_t)n,
					  memory_order_relaxed);
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

void cdx_web_reply_stream(struct cdx_web_req *r, int status, const char *type,
			  uint64_t len,
			  ssize_t (*next)(void *arg, void *out, size_t cap),
			  void (*done)(void *arg), void *arg)
{
	struct MHD_Response *a = MHD_create_response_from_callback(
		len == UINT64_MAX ? MHD_SIZE_UNKNOWN : len, PIECE, next_piece,
		r, NULL);

	if (a == NULL) {
		done(arg);
	} else {
		r->next = next;
		r->done = done;
		r->stream_arg = arg;
	}
	give(r, a, status, type);
}

/* ---- libmicrohttpd ---- */

static enum MHD_Result send_answer(struct cdx_web_req *r)
{
	struct MHD_Response *a = r->answer;
	uint64_t when = 0;
	enum MHD_Result ok;

	if (strcmp(r->method, MHD_HTTP_METHOD_HEAD) == 0)
		r->len = 0;
	if (r->len > 0)
		when = cdx_web_pay(r, r->len);
	if (when != 0) {
		cdx_web_suspend(r, CDX_WEB_THROTTLED, when);
		return MHD_YES;
	}
	r->paid = 0;
	r->answer = NULL;
	cdx_web_conn_deadline(r->conn, r->web->opts.answer_s);
	atomic_fetch_add_explicit(&r->web->bytes_sent, r->len,
				  memory_order_relaxed);
	ok = MHD_queue_response(r->mhd, r->status, a);
	MHD_destroy_response(a);
	return ok;
}

static struct cdx_web_req *req_new(struct cdx_web *w,
				   struct MHD_Connection *mhd, const char *url,
				   const char *method)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct cdx_web_req *r;

	/* there was no memory for what is known of the connection */
	if (info == NULL || info->socket_context == NULL)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->web = w;
	r->conn = info->socket_context;
	atomic_store_explicit(&r->conn->kept, false, memory_order_relaxed);
	r->mhd = mhd;
	r->method = method;
	r->path = url;
	cdx_list_init(&r->node);
	atomic_fetch_add_explicit(&w->requests, 1, memory_order_relaxed);
	return r;
}

/* Is a body announced that is too long?  Then nothing of it is read. */
static bool announces_too_much(const struct cdx_web_req *r)
{
	const char *text = cdx_web_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return text != NULL && strtoull(text, NULL, 10) > r->web->opts.max_body;
}

/* A piece of the body; false: that is enough of it */
static bool take_body(struct cdx_web_req *r, const char *p, size_t len)
{
	size_t max = r->web->opts.max_body;

	if (r->thrown > 0 || len > max - r->body.len) {
		r->thrown += len;
		return r->thrown <= BODY_SLACK;
	}
	cdx_buf_put(&r->body, p, len);
	return cdx_buf_ok(&r->body) == 0;
}

enum MHD_Result cdx_web_on_access(void *arg, struct MHD_Connection *conn,
				  const char *url, const char *method,
				  const char *version CDX_UNUSED,
				  const char *upload, size_t *upload_len,
				  void **state)
{
	struct cdx_web *w = arg;
	struct cdx_web_req *r = *state;

	if (r == NULL) {
		r = req_new(w, conn, url, method);
		*state = r;
		if (r == NULL)
			return MHD_NO;
		if (!announces_too_much(r))
			return MHD_YES;
		cdx_web_fail(r, MHD_HTTP_CONTENT_TOO_LARGE,
			     "the body is too long\n");
		return r->answer != NULL ? send_answer(r) : MHD_NO;
	}
	r->asleep = false;
	if (*upload_len > 0) {
		bool ok = take_body(r, upload, *upload_len);

		*upload_len = 0;
		return ok ? MHD_YES : MHD_NO;
	}
	if (r->answer == NULL) {
		cdx_web_conn_deadline(r->conn, w->opts.answer_s);
		if (r->thrown > 0)
			cdx_web_fail(r, MHD_HTTP_CONTENT_TOO_LARGE,
				     "the body is too long\n");
		else
			w->opts.fn(w->opts.arg, r);
		if (r->asleep)
			return MHD_YES;
	}
	return r->answer != NULL ? send_answer(r) : MHD_NO;
}

void cdx_web_on_completed(void *arg, struct MHD_Connection *conn CDX_UNUSED,
			  void **state, enum MHD_RequestTerminationCode why)
{
	struct cdx_web *w = arg;
	struct cdx_web_req *r = *state;

	*state = NULL;
	if (r == NULL)
		return;
	if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED) {
		pthread_mutex_lock(&w->mu);
		w->timed_out++;
		pthread_mutex_unlock(&w->mu);
	}
	cdx_web_conn_deadline(r->conn, w->opts.idle_s);
	atomic_store_explicit(&r->conn->kept, true, memory_order_relaxed);
	/* one that never was sent */
	if (r->answer != NULL)
		MHD_destroy_response(r->answer);
	if (r->done != NULL)
		r->done(r->stream_arg);
	cdx_web_gone(r);
	cdx_buf_free(&r->body);
	cdx_buf_free(&r->head);
	free(r);
}
