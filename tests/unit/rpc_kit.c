/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "rpc_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"

#define METHODS_MAX 64
#define DEEP 100000

struct method {
	char name[64];
	unsigned count;
};

struct rpc_kit {
	struct MHD_Daemon *daemon;
	char url[64];
	rpc_kit_fn *fn;
	void *arg;
	pthread_mutex_t mu;
	pthread_cond_t cv;
	/* guarded by mu from here on */
	bool stopping;
	uint64_t chain_id;
	enum rpc_kit_fault fault;
	char fault_method[64];
	unsigned fault_times;
	unsigned status;
	char *status_body;
	unsigned status_times;
	unsigned delay_ms;
	unsigned requests;
	unsigned connections;
	struct method methods[METHODS_MAX];
	char authorization[256];
};

/* One HTTP request */
struct exchange {
	struct cdx_buf body;
	/* of what is answered */
	char *text;
	unsigned status;
	unsigned delay_ms;
	bool drop;
	enum rpc_kit_fault fault;
};

static void count_method(struct rpc_kit *k, const char *name)
{
	for (size_t i = 0; i < METHODS_MAX; i++) {
		struct method *m = &k->methods[i];

		if (m->name[0] == '\0')
			snprintf(m->name, sizeof(m->name), "%s", name);
		if (strcmp(m->name, name) == 0) {
			m->count++;
			return;
		}
	}
}

static json_t *call_fn(struct rpc_kit *k, const char *method,
		       const json_t *params, struct rpc_kit_answer *a)
{
	char id[32];

	if (strcmp(method, "eth_chainId") == 0) {
		snprintf(id, sizeof(id), "0x%llx",
			 (unsigned long long)k->chain_id);
		return json_string(id);
	}
	if (k->fn != NULL)
		return k->fn(k->arg, method, params, a);
	a->code = -32601;
	snprintf(a->message, sizeof(a->message), "Method not found");
	return NULL;
}

/* One request's answer as JSON-RPC */
static json_t *answer_one(struct rpc_kit *k, struct exchange *x,
			  const json_t *request)
{
	const char *method =
		json_string_value(json_object_get(request, "method"));
	struct rpc_kit_answer a = {0};
	json_t *result;
	json_t *out = json_object();

	if (method == NULL)
		method = "";
	count_method(k, method);
	result = call_fn(k, method, json_object_get(request, "params"), &a);
	json_object_set_new(out, "jsonrpc", json_string("2.0"));
	json_object_set(out, "id", json_object_get(request, "id"));
	if (a.code != 0) {
		json_t *error = json_object();

		json_object_set_new(error, "code", json_integer(a.code));
		json_object_set_new(error, "message",
				    json_stringn_nocheck(a.message,
							 strlen(a.message)));
		if (a.data != NULL)
			json_object_set_new(error, "data", a.data);
		json_object_set_new(out, "error", error);
		json_decref(result);
	} else {
		json_object_set_new(out, "result",
				    result ? result : json_null());
	}
	x->drop = x->drop || a.drop;
	if (a.status)
		x->status = a.status;
	if (a.delay_ms > x->delay_ms)
		x->delay_ms = a.delay_ms;
	return out;
}

static bool asks_for(const json_t *root, const char *method)
{
	size_t n = json_is_array(root) ? json_array_size(root) : 1;

	if (method[0] == '\0')
		return true;
	for (size_t i = 0; i < n; i++) {
		const json_t *r =
			json_is_array(root) ? json_array_get(root, i) : root;
		const char *name =
			json_string_value(json_object_get(r, "method"));

		if (name != NULL && strcmp(name, method) == 0)
			return true;
	}
	return false;
}

static enum rpc_kit_fault take_fault(struct rpc_kit *k, const json_t *root)
{
	if (k->fault_times == 0 || !asks_for(root, k->fault_method))
		return RPC_KIT_WELL;
	if (k->fault_times != UINT_MAX)
		k->fault_times--;
	return k->fault;
}

static void shift_id(json_t *answer)
{
	json_t *id = json_object_get(answer, "id");

	json_object_set_new(answer, "id",
			    json_integer(json_integer_value(id) + 1000000));
}

static json_t *reversed(json_t *list)
{
	json_t *out = json_array();

	for (size_t i = json_array_size(list); i-- > 0;)
		json_array_append(out, json_array_get(list, i));
	json_decref(list);
	return out;
}

/* Faults that are in the answers themselves.  Takes and returns them. */
static json_t *spoil_answers(enum rpc_kit_fault fault, json_t *out)
{
	bool many = json_is_array(out);
	json_t *first = many ? json_array_get(out, 0) : out;
	json_t *extra;

	if (fault == RPC_KIT_WRONG_ID)
		shift_id(first);
	else if (fault == RPC_KIT_NO_RESULT)
		json_object_del(first, "result");
	else if (fault == RPC_KIT_SHUFFLED && many)
		return reversed(out);
	else if (fault == RPC_KIT_DOUBLED && many)
		json_array_append(out, first);
	else if (fault == RPC_KIT_MISSING && many)
		json_array_remove(out, json_array_size(out) - 1);
	if (fault == RPC_KIT_STRANGE_ID && many) {
		extra = json_deep_copy(first);
		shift_id(extra);
		json_array_insert_new(out, 0, extra);
	}
	if (fault == RPC_KIT_ONE_ERROR) {
		json_decref(out);
		return json_pack("{s:s, s:n, s:{s:i, s:s}}", "jsonrpc", "2.0",
				 "id", "error", "code", -32600, "message",
				 "batch too large");
	}
	return out;
}

static char *deep_text(void)
{
	char *text = malloc(2 * DEEP + 1);

	if (text == NULL)
		return NULL;
	memset(text, '[', DEEP);
	memset(text + DEEP, ']', DEEP);
	text[2 * DEEP] = '\0';
	return text;
}

/* Faults that are in the text.  Takes and returns it. */
static char *spoil_text(enum rpc_kit_fault fault, char *text)
{
	const char *other = NULL;

	if (fault == RPC_KIT_HALF_JSON)
		text[strlen(text) / 2] = '\0';
	if (fault == RPC_KIT_GARBAGE)
		other = "<html>\x01\x1b[31m 502 Bad Gateway</html>";
	if (fault == RPC_KIT_OTHER_JSON)
		other = "{\"hello\":1}";
	if (fault == RPC_KIT_TWICE)
		other = "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"result\":1}";
	if (fault != RPC_KIT_DEEP && other == NULL)
		return text;
	free(text);
	return other != NULL ? strdup(other) : deep_text();
}

/* Under the lock */
static void make_answer(struct rpc_kit *k, struct exchange *x)
{
	json_t *root =
		json_loadb((const char *)x->body.p, x->body.len, 0, NULL);
	json_t *out;

	k->requests++;
	x->delay_ms = k->delay_ms;
	x->status = MHD_HTTP_OK;
	if (k->status_times) {
		k->status_times -= k->status_times != UINT_MAX;
		x->status = k->status;
		x->text = strdup(k->status_body);
		json_decref(root);
		return;
	}
	x->fault = take_fault(k, root);
	if (json_is_array(root)) {
		out = json_array();
		for (size_t i = 0; i < json_array_size(root); i++)
			json_array_append_new(
				out, answer_one(k, x, json_array_get(root, i)));
	} else {
		out = answer_one(k, x, root);
	}
	out = spoil_answers(x->fault, out);
	x->text = spoil_text(x->fault, json_dumps(out, JSON_COMPACT));
	json_decref(out);
	json_decref(root);
}

/* Under the lock: sleeps for so long or until the kit stops. */
static void linger(struct rpc_kit *k, unsigned ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!k->stopping &&
	       pthread_cond_timedwait(&k->cv, &k->mu, &until) != ETIMEDOUT)
		continue;
}

static ssize_t endless(void *arg, uint64_t pos, char *out, size_t max)
{
	(void)arg;
	(void)pos;
	memset(out, ' ', max);
	return (ssize_t)max;
}

/* The first half, then a broken connection */
static ssize_t half(void *arg, uint64_t pos, char *out, size_t max)
{
	const char *text = arg;
	size_t end = strlen(text) / 2;

	if (pos >= end)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > end - pos)
		max = end - pos;
	memcpy(out, text + pos, max);
	return (ssize_t)max;
}

static struct MHD_Response *response_of(const struct exchange *x)
{
	if (x->fault == RPC_KIT_FLOOD)
		return MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, 65536, endless, NULL, NULL);
	if (x->fault == RPC_KIT_LONG)
		return MHD_create_response_from_callback(
			UINT64_C(1) << 40, 65536, endless, NULL, NULL);
	if (x->fault == RPC_KIT_CUT)
		return MHD_create_response_from_callback(strlen(x->text), 4096,
							 half, x->text, NULL);
	return MHD_create_response_from_buffer(strlen(x->text), x->text,
					       MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result respond(struct rpc_kit *k, struct MHD_Connection *conn,
			       struct exchange *x)
{
	const char *auth = MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
						       "Authorization");
	struct MHD_Response *r;
	enum MHD_Result rc;

	pthread_mutex_lock(&k->mu);
	snprintf(k->authorization, sizeof(k->authorization), "%s",
		 auth ? auth : "");
	make_answer(k, x);
	if (x->fault == RPC_KIT_HANG)
		linger(k, 60000);
	else if (x->delay_ms)
		linger(k, x->delay_ms);
	pthread_mutex_unlock(&k->mu);
	if (x->drop || x->fault == RPC_KIT_DROP || x->fault == RPC_KIT_HANG ||
	    x->text == NULL)
		return MHD_NO;
	r = response_of(x);
	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", "application/json");
	rc = MHD_queue_response(conn, x->status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *len, void **state)
{
	struct rpc_kit *k = arg;
	struct exchange *x = *state;

	(void)url;
	(void)method;
	(void)version;
	if (x == NULL) {
		*state = calloc(1, sizeof(*x));
		return *state != NULL ? MHD_YES : MHD_NO;
	}
	if (*len != 0) {
		cdx_buf_put(&x->body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	return respond(k, conn, x);
}

static void on_end(void *arg, struct MHD_Connection *conn, void **state,
		   enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	(void)arg;
	(void)conn;
	(void)why;
	if (x == NULL)
		return;
	cdx_buf_free(&x->body);
	free(x->text);
	free(x);
	*state = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *conn, void **state,
			  enum MHD_ConnectionNotificationCode what)
{
	struct rpc_kit *k = arg;

	(void)conn;
	(void)state;
	if (what != MHD_CONNECTION_NOTIFY_STARTED)
		return;
	pthread_mutex_lock(&k->mu);
	k->connections++;
	pthread_mutex_unlock(&k->mu);
}

struct rpc_kit *rpc_kit_start(rpc_kit_fn *fn, void *arg)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct rpc_kit *k = calloc(1, sizeof(*k));
	const union MHD_DaemonInfo *info;
	pthread_condattr_t attr;

	assert_non_null(k);
	k->fn = fn;
	k->arg = arg;
	k->chain_id = 31337;
	pthread_mutex_init(&k->mu, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->cv, &attr);
	pthread_condattr_destroy(&attr);
	/* a thread for each connection: one that hangs holds up no other */
	k->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION,
		0, NULL, NULL, on_request, k, MHD_OPTION_SOCK_ADDR, &sa,
		MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, k, MHD_OPTION_END);
	assert_non_null(k->daemon);
	info = MHD_get_daemon_info(k->daemon, MHD_DAEMON_INFO_BIND_PORT);
	assert_non_null(info);
	snprintf(k->url, sizeof(k->url), "http://127.0.0.1:%u", info->port);
	return k;
}

void rpc_kit_stop(struct rpc_kit *k)
{
	pthread_mutex_lock(&k->mu);
	k->stopping = true;
	pthread_cond_broadcast(&k->cv);
	pthread_mutex_unlock(&k->mu);
	MHD_stop_daemon(k->daemon);
	pthread_cond_destroy(&k->cv);
	pthread_mutex_destroy(&k->mu);
	free(k->status_body);
	free(k);
}

const char *rpc_kit_url(const struct rpc_kit *k)
{
	return k->url;
}

void rpc_kit_lock(struct rpc_kit *k)
{
	pthread_mutex_lock(&k->mu);
}

void rpc_kit_unlock(struct rpc_kit *k)
{
	pthread_mutex_unlock(&k->mu);
}

void rpc_kit_chain_id(struct rpc_kit *k, uint64_t id)
{
	rpc_kit_lock(k);
	k->chain_id = id;
	rpc_kit_unlock(k);
}

void rpc_kit_spoil(struct rpc_kit *k, enum rpc_kit_fault fault,
		   const char *method, unsigned times)
{
	rpc_kit_lock(k);
	k->fault = fault;
	k->fault_times = times;
	snprintf(k->fault_method, sizeof(k->fault_method), "%s",
		 method ? method : "");
	rpc_kit_unlock(k);
}

void rpc_kit_status(struct rpc_kit *k, unsigned status, const char *body,
		    unsigned times)
{
	rpc_kit_lock(k);
	free(k->status_body);
	k->status_body = strdup(body);
	k->status = status;
	k->status_times = times;
	rpc_kit_unlock(k);
}

void rpc_kit_delay(struct rpc_kit *k, unsigned ms)
{
	rpc_kit_lock(k);
	k->delay_ms = ms;
	rpc_kit_unlock(k);
}

unsigned rpc_kit_count(struct rpc_kit *k, const char *method)
{
	unsigned n = 0;

	rpc_kit_lock(k);
	if (method == NULL)
		n = k->requests;
	for (size_t i = 0; method != NULL && i < METHODS_MAX; i++) {
		if (strcmp(k->methods[i].name, method) == 0)
			n = k->methods[i].count;
	}
	rpc_kit_unlock(k);
	return n;
}

unsigned rpc_kit_connections(struct rpc_kit *k)
{
	unsigned n;

	rpc_kit_lock(k);
	n = k->connections;
	rpc_kit_unlock(k);
	return n;
}

void rpc_kit_authorization(struct rpc_kit *k, char *out, size_t cap)
{
	rpc_kit_lock(k);
	snprintf(out, cap, "%s", k->authorization);
	rpc_kit_unlock(k);
}

void rpc_kit_dead_url(char out[64])
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	snprintf(out, 64, "http://127.0.0.1:%u", ntohs(sa.sin_port));
}
