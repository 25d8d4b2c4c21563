/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "net/web.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"
#include "net/listen.h"
#include "net/web_internal.h"

#define THREADS_MAX 4u
#define CONNECTIONS 512u
#define CONNECTIONS_A_PEER 64u
#define IDLE_S 30u
#define ANSWER_S 600u
/* of a connection: what a request's line and headers must fit in */
#define HEADER_BYTES (16u << 10)
/* our own timer comes first, libmicrohttpd's sees who takes nothing */
#define IDLE_GRACE_S 2u

static enum MHD_Result on_accept(void *arg, const struct sockaddr *addr,
				 socklen_t len CDX_UNUSED)
{
	return cdx_web_admit(arg, addr) ? MHD_YES : MHD_NO;
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *addr;
	const union MHD_ConnectionInfo *fd;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context != NULL)
			cdx_web_conn_free(*context);
		*context = NULL;
		return;
	}
	addr = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = cdx_web_conn_new(arg, addr->client_addr, fd->connect_fd);
}

static void take_opts(struct cdx_web *w, const struct cdx_web_opts *o)
{
	unsigned n = cdx_pool_processors();

	w->opts = *o;
	if (o->threads == 0)
		w->opts.threads = n < THREADS_MAX ? n : THREADS_MAX;
	if (o->connections == 0)
		w->opts.connections = CONNECTIONS;
	if (o->connections_a_peer == 0)
		w->opts.connections_a_peer = CONNECTIONS_A_PEER;
	if (o->idle_s == 0)
		w->opts.idle_s = IDLE_S;
	if (o->answer_s == 0)
		w->opts.answer_s = ANSWER_S;
	w->all.rate = o->rate;
	/* borrowed for cdx_web_new only */
	w->opts.listen = NULL;
	w->opts.tls_cert = NULL;
	w->opts.tls_key = NULL;
}

/* The limit of libmicrohttpd is one for each thread, and would keep callers
 * waiting: ours comes first. */
static int start_daemon(struct cdx_web *w, int fd, const struct cdx_web_opts *o)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD |
			 MHD_ALLOW_SUSPEND_RESUME |
			 (o->tls_cert != NULL ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->tls_cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->tls_key},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	w->daemon = MHD_start_daemon(
		flags, 0, on_accept, w, cdx_web_on_access, w,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
		w->opts.threads > 1 ? w->opts.threads : 0,
		MHD_OPTION_CONNECTION_LIMIT,
		(w->opts.connections + 1) * w->opts.threads,
		MHD_OPTION_CONNECTION_TIMEOUT, w->opts.idle_s + IDLE_GRACE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, w,
		MHD_OPTION_NOTIFY_COMPLETED, cdx_web_on_completed, w,
		MHD_OPTION_ARRAY, o->tls_cert != NULL ? tls : none,
		MHD_OPTION_END);
	return w->daemon != NULL ? 0 : -EIO;
}

static void init_locks(struct cdx_web *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->mu, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->cv, &attr);
	pthread_condattr_destroy(&attr);
}

int cdx_web_new(struct cdx_web **out, const struct cdx_web_opts *opts,
		char why[256])
{
	struct cdx_web *w;
	int rc = 0;
	int fd;

	*out = NULL;
	why[0] = '\0';
	if (opts->tls_cert != NULL)
		rc = cdx_web_tls_check(opts->tls_cert, opts->tls_key, why);
	if (rc < 0)
		return rc;
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		snprintf(why, 256, "out of memory");
		return -ENOMEM;
	}
	take_opts(w, opts);
	init_locks(w);
	cdx_list_init(&w->conns);
	cdx_list_init(&w->waiting);
	fd = cdx_listen_tcp(&w->addr, opts->listen, why);
	rc = fd < 0 ? fd : cdx_web_timer_start(w);
	if (rc == 0)
		rc = start_daemon(w, fd, opts);
	if (rc < 0 && fd >= 0) {
		close(fd);
		snprintf(why, 256, "%.64s: the server does not start: %s",
			 opts->listen, strerror(-rc));
	}
	if (rc < 0) {
		cdx_web_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void cdx_web_free(struct cdx_web *w)
{
	if (w == NULL)
		return;
	cdx_web_timer_stop(w);
	if (w->daemon != NULL)
		MHD_stop_daemon(w->daemon);
	cdx_web_sweep(w, UINT64_MAX);
	cdx_map_free(&w->peers);
	pthread_mutex_destroy(&w->mu);
	pthread_cond_destroy(&w->cv);
	free(w);
}

void cdx_web_addr(const struct cdx_web *w, struct sockaddr_storage *out)
{
	*out = w->addr;
}

void cdx_web_stats(struct cdx_web *w, struct cdx_web_stats *out)
{
	pthread_mutex_lock(&w->mu);
	out->connections = w->n_conns;
	out->refused = w->refused;
	out->timed_out = w->timed_out;
	pthread_mutex_unlock(&w->mu);
	out->requests =
		atomic_load_explicit(&w->requests, memory_order_relaxed);
	out->bytes_sent =
		atomic_load_explicit(&w->bytes_sent, memory_order_relaxed);
}
