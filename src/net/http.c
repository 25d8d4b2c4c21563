/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/list.h"

#define NS_PER_MS UINT64_C(1000000)
/* libcurl keeps every header; nobody who answers us needs so many */
#define HEADERS_MAX (64u << 10)

/* loop-confined */
struct cdx_http {
	struct cdx_loop *loop;
	CURLM *multi;
	struct cdx_loop_timer *timer; /* when libcurl wants to be called */
	struct cdx_list transfers;    /* in flight */
	struct cdx_list failing;      /* to be ended for want of memory */
	struct cdx_list watches;
	/* libcurl asked for a timer or a watch and there was no memory: nothing
	 * would wake its transfers any more */
	bool starved;
	/* freed from within a callback: what is left is done after it */
	bool calling;
	bool dead;
};

/* A socket that libcurl waits for.  loop-confined */
struct watch {
	struct cdx_list node; /* in http->watches */
	struct cdx_loop_io *io;
};

/* loop-confined */
struct cdx_http_transfer {
	struct cdx_list node; /* in http->transfers or failing */
	struct cdx_http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct cdx_buf body;
	size_t max_body;
	size_t header_bytes;
	bool too_long;
	char why[CURL_ERROR_SIZE];
	cdx_http_fn *fn;
	void *arg;
};

static void unwatch(struct watch *w)
{
	cdx_loop_io_del(w->io);
	cdx_list_del(&w->node);
	free(w);
}

/* Takes the transfer from libcurl; its answer stays. */
static void detach(struct cdx_http_transfer *t)
{
	cdx_list_del(&t->node);
	curl_multi_remove_handle(t->http->multi, t->easy);
}

static void transfer_free(struct cdx_http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	cdx_buf_free(&t->body);
	free(t);
}

static int os_error(CURL *easy, int otherwise)
{
	long os = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os);
	return os > 0 ? -(int)os : otherwise;
}

/* What the header promises, of what libcurl says */
static int result_of(const struct cdx_http_transfer *t, CURLcode code)
{
	static const struct {
		CURLcode code;
		int err;
		bool os; /* the connection's own error where it has one */
	} results[] = {
		{CURLE_OK, 0, false},
		{CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, false},
		{CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, false},
		{CURLE_COULDNT_CONNECT, -ECONNREFUSED, true},
		{CURLE_SEND_ERROR, -EPIPE, true},
		{CURLE_RECV_ERROR, -EPIPE, true},
		{CURLE_GOT_NOTHING, -EPIPE, false},
		{CURLE_PARTIAL_FILE, -EPIPE, false},
		{CURLE_FILESIZE_EXCEEDED, -EMSGSIZE, false},
		{CURLE_OUT_OF_MEMORY, -ENOMEM, false},
	};

	/* our own callbacks stopped it */
	if (code == CURLE_WRITE_ERROR)
		return t->too_long ? -EMSGSIZE : -ENOMEM;
	for (size_t i = 0; i < CDX_ARRAY_LEN(results); i++) {
		if (results[i].code != code)
			continue;
		return results[i].os ? os_error(t->easy, results[i].err)
				     : results[i].err;
	}
	return -EPROTO;
}

/* Tells the caller and frees. */
static void finish(struct cdx_http_transfer *t, CURLcode code)
{
	struct cdx_http_res res = {.body = t->body.p, .len = t->body.len};
	const char *why = t->why[0] ? t->why : curl_easy_strerror(code);
	int err = result_of(t, code);
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	res.status = (int)status;
	detach(t);
	if (t->too_long)
		why = "the answer is too long";
	t->fn(t->arg, err, err ? NULL : &res, err ? why : "");
	transfer_free(t);
}

static void end_done(struct cdx_http *h)
{
	CURLMsg *msg;
	int left;

	while (!h->dead && (msg = curl_multi_info_read(h->multi, &left))) {
		struct cdx_http_transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, msg->data.result);
	}
}

static void end_all(struct cdx_http *h)
{
	cdx_list_foreach_safe(pos, tmp, &h->transfers) {
		cdx_list_del(pos);
		cdx_list_add_tail(&h->failing, pos);
	}
	while (!cdx_list_empty(&h->failing))
		finish(cdx_list_entry(h->failing.next, struct cdx_http_transfer,
				      node),
		       CURLE_OUT_OF_MEMORY);
}

/* Lets libcurl work; then nothing of the client may be touched. */
static void drive(struct cdx_http *h, curl_socket_t fd, int what)
{
	int running;

	h->starved = false;
	curl_multi_socket_action(h->multi, fd, what, &running);
	h->calling = true;
	if (h->starved)
		end_all(h);
	else
		end_done(h);
	h->calling = false;
	if (h->dead)
		cdx_http_free(h);
}

static void on_timer(void *arg)
{
	struct cdx_http *h = arg;

	cdx_loop_timer_del(h->timer);
	h->timer = NULL;
	drive(h, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(void *arg, int fd, uint32_t events)
{
	int what = 0;

	if (events & (EPOLLIN | EPOLLHUP))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		what |= CURL_CSELECT_ERR;
	drive(arg, fd, what);
}

/* CURLMOPT_TIMERFUNCTION: one timer, or none for -1 */
static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct cdx_http *h = arg;
	struct cdx_loop_timer *timer = NULL;

	(void)multi;
	if (ms >= 0 &&
	    cdx_loop_timer_add(h->loop, &timer, (uint64_t)ms * NS_PER_MS, 0,
			       on_timer, h) != 0) {
		h->starved = true;
		return 0;
	}
	cdx_loop_timer_del(h->timer);
	h->timer = timer;
	return 0;
}

static struct watch *watch_new(struct cdx_http *h, int fd, uint32_t events)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	if (cdx_loop_io_add(h->loop, &w->io, fd, events, on_socket, h) != 0) {
		free(w);
		return NULL;
	}
	cdx_list_add_tail(&h->watches, &w->node);
	return w;
}

/* CURLMOPT_SOCKETFUNCTION: @socket_arg is the watch, NULL for a new socket */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
		      void *socket_arg)
{
	struct cdx_http *h = arg;
	struct watch *w = socket_arg;
	uint32_t events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			unwatch(w);
		curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	if (w != NULL) {
		if (cdx_loop_io_mod(w->io, events) != 0)
			h->starved = true;
		return 0;
	}
	w = watch_new(h, fd, events);
	if (w == NULL)
		h->starved = true;
	else
		curl_multi_assign(h->multi, fd, w);
	return 0;
}

static int multi_options(struct cdx_http *h)
{
	CURLMcode bad = CURLM_OK;

	bad |= curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	bad |= curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	bad |= curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	bad |= curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	return bad == CURLM_OK ? 0 : -ENOMEM;
}

int cdx_http_new(struct cdx_http **out, struct cdx_loop *loop)
{
	struct cdx_http *h;

	*out = NULL;
	/* Never undone: other threads use libcurl without asking for it. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	h->loop = loop;
	cdx_list_init(&h->transfers);
	cdx_list_init(&h->failing);
	cdx_list_init(&h->watches);
	h->multi = curl_multi_init();
	if (h->multi == NULL || multi_options(h) != 0) {
		cdx_http_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

static void cancel_all(struct cdx_list *transfers)
{
	cdx_list_foreach_safe(pos, tmp, transfers)
		cdx_http_cancel(
			cdx_list_entry(pos, struct cdx_http_transfer, node));
}

void cdx_http_free(struct cdx_http *h)
{
	if (h == NULL)
		return;
	cancel_all(&h->transfers);
	cancel_all(&h->failing);
	h->dead = h->calling;
	if (h->dead)
		return;
	curl_multi_cleanup(h->multi);
	cdx_list_foreach_safe(pos, tmp, &h->watches)
		unwatch(cdx_list_entry(pos, struct watch, node));
	cdx_loop_timer_del(h->timer);
	free(h);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct cdx_http_transfer *t = arg;

	(void)p;
	t->header_bytes += size * n;
	t->too_long = t->header_bytes > HEADERS_MAX;
	return t->too_long ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct cdx_http_transfer *t = arg;

	if (size * n > t->max_body - t->body.len) {
		t->too_long = true;
		return 0;
	}
	cdx_buf_put(&t->body, p, size * n);
	return cdx_buf_ok(&t->body) == 0 ? size * n : 0;
}

int cdx_http_url_check(const char *text)
{
	CURLU *url = curl_url();
	char *scheme = NULL;
	int rc = -EINVAL;

	if (url == NULL)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
		rc = 0;
	curl_free(scheme);
	curl_url_cleanup(url);
	return rc;
}

/* "Expect:" keeps libcurl from waiting for the leave to send a long body. */
static int set_headers(struct cdx_http_transfer *t, const char *const *headers)
{
	static const char *const own[] = {"Expect:", NULL};
	const char *const *lists[] = {own, headers};

	for (size_t i = 0; i < CDX_ARRAY_LEN(lists); i++) {
		for (const char *const *p = lists[i]; p != NULL && *p; p++) {
			struct curl_slist *longer =
				curl_slist_append(t->headers, *p);

			if (longer == NULL)
				return -ENOMEM;
			t->headers = longer;
		}
	}
	if (curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) !=
	    CURLE_OK)
		return -ENOMEM;
	return 0;
}

/* What holds for every request: no signals, proxies, redirects or other
 * protocols, and HTTP/1.1, of which kept connections need nothing more.  A
 * resolver that hangs is left behind, not waited for (QUICK_EXIT). */
static CURLcode set_manners(struct cdx_http_transfer *t)
{
	CURL *c = t->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(c, CURLOPT_PRIVATE, t);
	bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why);
	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
				(long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, "codexfs");
	bad |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	return bad;
}

static int set_request(struct cdx_http_transfer *t,
		       const struct cdx_http_req *req)
{
	CURL *c = t->easy;
	CURLcode bad = set_manners(t);

	t->max_body = req->max_body;
	bad |= curl_easy_setopt(c, CURLOPT_URL, req->url);
	bad |= curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE,
				(curl_off_t)req->max_body);
	bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
				(long)req->connect_ms);
	bad |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)req->total_ms);
	if (strcmp(req->method, "GET") != 0) {
		bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
					(curl_off_t)req->body_len);
		bad |= curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS,
					req->body_len ? req->body : "");
		bad |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
	}
	if (bad != CURLE_OK)
		return -ENOMEM;
	return set_headers(t, req->headers);
}

static int begin(struct cdx_http_transfer *t, const struct cdx_http_req *req)
{
	struct cdx_http *h = t->http;
	int rc;

	t->easy = curl_easy_init();
	if (t->easy == NULL)
		return -ENOMEM;
	rc = set_request(t, req);
	if (rc != 0)
		return rc;
	h->starved = false;
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		return -ENOMEM;
	if (!h->starved)
		return 0;
	curl_multi_remove_handle(h->multi, t->easy);
	return -ENOMEM;
}

int cdx_http_start(struct cdx_http *h, struct cdx_http_transfer **out,
		   const struct cdx_http_req *req, cdx_http_fn *fn, void *arg)
{
	struct cdx_http_transfer *t;
	int rc = cdx_http_url_check(req->url);

	if (rc != 0)
		return rc;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->http = h;
	t->fn = fn;
	t->arg = arg;
	rc = begin(t, req);
	if (rc != 0) {
		transfer_free(t);
		return rc;
	}
	cdx_list_add_tail(&h->transfers, &t->node);
	if (out != NULL)
		*out = t;
	return 0;
}

void cdx_http_cancel(struct cdx_http_transfer *t)
{
	if (t == NULL)
		return;
	detach(t);
	transfer_free(t);
}
