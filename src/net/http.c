/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"
#include "net/http_internal.h"

#define NS_PER_MS UINT64_C(1000000)
/* libcurl keeps every header; nobody who answers us needs so many */
#define HEADERS_MAX (64u << 10)
/* how often it is looked whether anything moved in a request's idle_ms */
#define IDLE_LOOKS 4
/* that are kept open: some for each of the peers that a node talks with */
#define CONNECTIONS_KEPT 256l

/* A socket that libcurl waits for.  loop-confined */
struct watch {
	struct cdx_list node; /* in http->watches */
	struct cdx_loop_io *io;
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
	cdx_list_del(&t->resume);
	cdx_loop_timer_del(t->idle);
	t->idle = NULL;
	curl_multi_remove_handle(t->http->multi, t->easy);
}

static void transfer_free(struct cdx_http_transfer *t)
{
	cdx_loop_timer_del(t->idle);
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
	if (code == CURLE_WRITE_ERROR && t->data_err != 0)
		return t->data_err;
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
	curl_off_t retry = 0;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	res.status = (int)status;
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry);
	res.retry_after_s =
		retry > 0 && retry <= UINT32_MAX ? (unsigned)retry : 0;
	detach(t);
	if (t->too_long)
		why = "the answer is too long";
	else if (t->data_err != 0)
		why = "ended by who reads it";
	else if (t->quiet >= IDLE_LOOKS)
		why = "nothing came for too long: timed out";
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

static void move_all(struct cdx_list *to, struct cdx_list *from)
{
	cdx_list_foreach_safe(pos, tmp, from) {
		cdx_list_del(pos);
		cdx_list_add_tail(to, pos);
	}
}

static void end_failing(struct cdx_http *h)
{
	while (!cdx_list_empty(&h->failing))
		finish(cdx_list_entry(h->failing.next, struct cdx_http_transfer,
				      node),
		       CURLE_OUT_OF_MEMORY);
}

static void drop_cancelled(struct cdx_http *h)
{
	while (!cdx_list_empty(&h->cancelled)) {
		struct cdx_http_transfer *t = cdx_list_entry(
			h->cancelled.next, struct cdx_http_transfer, node);

		detach(t);
		transfer_free(t);
	}
}

/* Gives libcurl what was begun while it was at work. */
static void add_starting(struct cdx_http *h)
{
	struct cdx_list *from = &h->starting;

	while (!cdx_list_empty(from)) {
		struct cdx_http_transfer *t = cdx_list_entry(
			from->next, struct cdx_http_transfer, node);
		bool ok = curl_multi_add_handle(h->multi, t->easy) == CURLM_OK;

		cdx_list_del(&t->node);
		cdx_list_add_tail(ok ? &h->transfers : &h->failing, &t->node);
	}
}

/* After libcurl was at work: what was asked for meanwhile, and what has ended.
 * Then nothing of the client may be touched. */
static void settle(struct cdx_http *h)
{
	drop_cancelled(h);
	if (!h->dead)
		add_starting(h);
	h->calling = true;
	if (h->starved)
		move_all(&h->failing, &h->transfers);
	end_failing(h);
	if (!h->dead)
		end_done(h);
	h->calling = false;
	if (h->dead)
		cdx_http_free(h);
}

/* Lets libcurl work; then nothing of the client may be touched. */
static void drive(struct cdx_http *h, curl_socket_t fd, int what)
{
	int running;

	h->starved = false;
	h->inside = true;
	curl_multi_socket_action(h->multi, fd, what, &running);
	h->inside = false;
	settle(h);
}

/* One that may go on: libcurl hands over what it holds, which may end it. */
static void go_on(struct cdx_http_transfer *t)
{
	struct cdx_http *h = t->http;
	CURLcode code;

	t->stopped = false;
	h->inside = true;
	code = curl_easy_pause(t->easy, CURLPAUSE_CONT);
	h->inside = false;
	if (code == CURLE_OK || t->cancelled)
		return;
	h->calling = true;
	finish(t, code);
	h->calling = false;
}

static void on_wake(void *arg, int fd, uint32_t events CDX_UNUSED)
{
	struct cdx_http *h = arg;
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
	while (!h->dead && !cdx_list_empty(&h->resuming)) {
		struct cdx_http_transfer *t = cdx_list_entry(
			h->resuming.next, struct cdx_http_transfer, resume);

		cdx_list_del(&t->resume);
		go_on(t);
	}
	drive(h, CURL_SOCKET_TIMEOUT, 0);
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

static uint64_t bytes_moved(const struct cdx_http_transfer *t)
{
	curl_off_t up = 0;

	curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	return t->header_bytes + t->received + (uint64_t)up;
}

/* The peer is not to blame while we read nothing, or are not connected yet. */
static void on_idle(void *arg)
{
	struct cdx_http_transfer *t = arg;
	struct cdx_http *h = t->http;
	uint64_t moved = bytes_moved(t);
	curl_off_t connected = 0;

	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (moved != t->moved || t->paused || connected == 0)
		t->quiet = 0;
	else
		t->quiet++;
	t->moved = moved;
	if (t->quiet < IDLE_LOOKS)
		return;
	h->calling = true;
	finish(t, CURLE_OPERATION_TIMEDOUT);
	h->calling = false;
	if (h->dead)
		cdx_http_free(h);
}

static int multi_options(struct cdx_http *h)
{
	CURLMcode bad = CURLM_OK;

	bad |= curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	bad |= curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	bad |= curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	bad |= curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	bad |= curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS,
				 CONNECTIONS_KEPT);
	return bad == CURLM_OK ? 0 : -ENOMEM;
}

int cdx_http_new(struct cdx_http **out, struct cdx_loop *loop)
{
	struct cdx_http *h;
	int rc;

	*out = NULL;
	/* Never undone: other threads use libcurl without asking for it. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	h->loop = loop;
	cdx_list_init(&h->transfers);
	cdx_list_init(&h->starting);
	cdx_list_init(&h->failing);
	cdx_list_init(&h->cancelled);
	cdx_list_init(&h->resuming);
	cdx_list_init(&h->watches);
	h->multi = curl_multi_init();
	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = h->wake_fd < 0 ? -errno : -ENOMEM;
	if (h->multi != NULL && multi_options(h) == 0 && h->wake_fd >= 0)
		rc = cdx_loop_io_add(loop, &h->wake, h->wake_fd, EPOLLIN,
				     on_wake, h);
	if (rc < 0) {
		cdx_http_free(h);
		return rc;
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
	cancel_all(&h->starting);
	cancel_all(&h->failing);
	h->dead = h->calling || h->inside;
	if (h->dead)
		return;
	curl_multi_cleanup(h->multi);
	cdx_loop_io_del(h->wake);
	cdx_close(&h->wake_fd);
	cdx_list_foreach_safe(pos, tmp, &h->watches)
		unwatch(cdx_list_entry(pos, struct watch, node));
	cdx_loop_timer_del(h->timer);
	free(h);
}

size_t cdx_http_on_header(char *p CDX_UNUSED, size_t size, size_t n, void *arg)
{
	struct cdx_http_transfer *t = arg;

	t->header_bytes += size * n;
	t->too_long = t->header_bytes > HEADERS_MAX;
	return t->too_long || t->cancelled ? 0 : size * n;
}

/* Hands bytes to the data function; what cdx_http_on_body is to return */
static size_t give_data(struct cdx_http_transfer *t, const char *p, size_t len)
{
	int rc = t->data(t->arg, (const uint8_t *)p, len);

	if (t->cancelled)
		return 0;
	if (rc < 0) {
		t->data_err = rc;
		return 0;
	}
	/* these were taken: libcurl learns of it with the next ones */
	t->paused = rc > 0;
	return len;
}

size_t cdx_http_on_body(char *p, size_t size, size_t n, void *arg)
{
	struct cdx_http_transfer *t = arg;
	size_t len = size * n;
	long status = 0;

	if (t->cancelled)
		return 0;
	if (t->paused) {
		t->stopped = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (len > t->max_body - t->received) {
		t->too_long = true;
		return 0;
	}
	t->received += len;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->data != NULL && status >= 200 && status <= 299)
		return give_data(t, p, len);
	cdx_buf_put(&t->body, p, len);
	return cdx_buf_ok(&t->body) == 0 ? len : 0;
}

static int add_idle(struct cdx_http_transfer *t, unsigned ms)
{
	uint64_t every = (uint64_t)ms * NS_PER_MS / IDLE_LOOKS;

	return ms == 0 ? 0
		       : cdx_loop_timer_add(t->http->loop, &t->idle, every,
					    every, on_idle, t);
}

static int begin(struct cdx_http_transfer *t, const struct cdx_http_req *req)
{
	struct cdx_http *h = t->http;
	int rc;

	t->easy = curl_easy_init();
	if (t->easy == NULL)
		return -ENOMEM;
	rc = cdx_http_setup(t, req);
	if (rc == 0)
		rc = add_idle(t, req->idle_ms);
	if (rc != 0)
		return rc;
	if (h->inside) {
		cdx_list_add_tail(&h->starting, &t->node);
		return 0;
	}
	h->starved = false;
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		return -ENOMEM;
	if (!h->starved) {
		cdx_list_add_tail(&h->transfers, &t->node);
		return 0;
	}
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
	cdx_list_init(&t->node);
	cdx_list_init(&t->resume);
	rc = begin(t, req);
	if (rc != 0) {
		transfer_free(t);
		return rc;
	}
	if (out != NULL)
		*out = t;
	return 0;
}

void cdx_http_resume(struct cdx_http_transfer *t)
{
	const uint64_t one = 1;

	t->paused = false;
	if (!t->stopped || !cdx_list_empty(&t->resume))
		return;
	cdx_list_add_tail(&t->http->resuming, &t->resume);
	/* fails only when it is up already */
	(void)!write(t->http->wake_fd, &one, sizeof(one));
}

void cdx_http_cancel(struct cdx_http_transfer *t)
{
	if (t == NULL)
		return;
	if (!t->http->inside) {
		detach(t);
		transfer_free(t);
		return;
	}
	t->cancelled = true;
	cdx_list_del(&t->resume);
	cdx_list_del(&t->node);
	cdx_list_add_tail(&t->http->cancelled, &t->node);
}
