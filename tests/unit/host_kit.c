/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "exchange/wire.h"
#include "host_kit.h"
#include "store/protection.h"

#define ENDLESS_FRAMES 200000u

static void nap(unsigned ms)
{
	const struct timespec ts = {.tv_sec = ms / 1000,
				    .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&ts, NULL);
}

/* Until it is told to stop */
static void hang(struct host *h)
{
	while (!atomic_load(&h->stop))
		nap(5);
}

static bool send_all(const struct host *h, int fd, const uint8_t *p, size_t len)
{
	size_t piece = h->rate != 0 ? (size_t)(h->rate / 100) + 1 : len;

	while (len > 0 && !atomic_load(&h->stop)) {
		ssize_t n =
			send(fd, p, len < piece ? len : piece, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
		if (h->rate != 0)
			nap(10);
	}
	return len == 0;
}

static bool answer(const struct host *h, int fd, int status, const char *more,
		   const struct cdx_buf *body, size_t send_len)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n",
			 status, body->len, more);

	return send_all(h, fd, (const uint8_t *)head, (size_t)n) &&
	       send_all(h, fd, body->p, send_len);
}

/* ---- streams ---- */

struct stream {
	struct host *h;
	enum host_way way;
	struct cdx_dataset_info info;
	struct cdx_buf out;
	uint32_t frames;
	int64_t page; /* that was sent last */
};

static void put_page(struct stream *s, uint32_t page, bool wanted)
{
	struct cdx_tree_page *p = malloc(sizeof(*p));

	if (!wanted || s->page == (int64_t)page || s->way == HOST_NO_PAGE ||
	    p == NULL || cdx_leaf_page(s->h->pages, &s->info, page, p) != 0) {
		free(p);
		return;
	}
	s->page = page;
	if (s->way == HOST_FALSE_PAGE)
		(p->path_len > 0 ? &p->path[0] : &p->leaf[p->n - 1])->b[0] ^= 1;
	if (s->way == HOST_FALSE_LEAF) {
		for (uint32_t i = 0; i < p->n; i++)
			memset(p->leaf[i].b, 7, sizeof(p->leaf[i].b));
	}
	cdx_wire_put_page(&s->out, p);
	atomic_fetch_add(&s->h->pages_sent, 1);
	free(p);
}

static void put_block(struct stream *s, uint32_t index, const uint8_t *p,
		      uint32_t len)
{
	uint8_t head[CDX_WIRE_BLOCK_HEAD];

	cdx_wire_block_head(head, index, len);
	cdx_buf_put(&s->out, head, sizeof(head));
	cdx_buf_put(&s->out, p, len);
	s->frames++;
	atomic_fetch_add(&s->h->blocks, 1);
}

static void block(struct stream *s, uint32_t index)
{
	uint32_t size = s->info.block_size;
	uint8_t *p = malloc(size);
	struct cdx_digest leaf;
	bool here = s->way != HOST_ABSENT && p != NULL &&
		    (s->h->has == NULL || s->h->has(s->h->arg, index)) &&
		    cdx_dataset_leaf(s->h->store, &s->info, index, &leaf) == 0;

	if (here && memcmp(&leaf, &cdx_digest_empty, sizeof(leaf)) == 0)
		put_block(s, index, p, 0);
	else if (here &&
		 cdx_block_read_quiet(s->h->store, p, size, &leaf) == 0) {
		if (s->way == HOST_WRONG_BLOCK)
			p[index % size] ^= 1;
		if (s->way == HOST_FALSE_LEAF)
			memset(p, 7, size);
		put_block(s, index, p,
			  s->way == HOST_SHORT_BLOCK ? size / 2 : size);
		if (s->way == HOST_TWICE)
			put_block(s, index, p, size);
	} else {
		cdx_wire_put_absent(&s->out, index);
		s->frames++;
	}
	free(p);
}

static void make_stream(struct stream *s, const struct cdx_range *r, int n,
			bool pages)
{
	cdx_wire_put_head(&s->out);
	for (int i = 0; i < n; i++) {
		for (uint64_t k = r[i].first; k <= r[i].last; k++) {
			put_page(s, (uint32_t)(k / CDX_TREE_PAGE), pages);
			block(s, (uint32_t)k);
		}
	}
	if (s->way == HOST_UNREQUESTED)
		block(s, r[n - 1].last + 1);
	if (s->way == HOST_HUGE_FRAME) {
		uint8_t head[CDX_WIRE_BLOCK_HEAD];

		s->out.len = 5;
		cdx_wire_block_head(head, r[0].first, UINT32_MAX - 1);
		cdx_buf_put(&s->out, head, sizeof(head));
	}
	for (uint32_t i = 0; s->way == HOST_ENDLESS && i < ENDLESS_FRAMES; i++)
		cdx_wire_put_absent(&s->out, i);
	if (s->way == HOST_GARBAGE)
		memset(s->out.p, '<', s->out.len);
	if (s->way != HOST_TRUNCATED)
		cdx_wire_put_end(&s->out, s->frames);
}

static bool serve_blocks(struct host *h, int fd, const struct cdx_cid *cid,
			 const char *query)
{
	struct cdx_range range[CDX_WIRE_RANGES_MAX];
	struct stream s = {.h = h, .way = atomic_load(&h->way), .page = -1};
	char ranges[2048];
	bool pages = strstr(query, "p=0") == NULL;
	bool keep;
	int n;

	atomic_fetch_add(&h->requests, 1);
	if (sscanf(query, "r=%2047[0-9,-]", ranges) != 1 ||
	    (n = cdx_wire_ranges(range, ranges)) < 0)
		return answer(h, fd, 400, "", &s.out, 0);
	if (s.way == HOST_REDIRECT)
		return answer(h, fd, 302,
			      "Location: http://127.0.0.1:1/codex\r\n", &s.out,
			      0);
	if (s.way == HOST_BUSY)
		return answer(h, fd, 503, "Retry-After: 1\r\n", &s.out, 0);
	if (s.way == HOST_NOT_FOUND ||
	    cdx_dataset_info(h->store,
			     s.way == HOST_OTHER_TREE ? &h->other : cid,
			     &s.info) != 0)
		return answer(h, fd, 404, "", &s.out, 0);
	make_stream(&s, range, n, pages);
	if (s.way == HOST_STALL || s.way == HOST_CUT) {
		(void)answer(h, fd, 200, "", &s.out, s.out.len / 2);
		if (s.way == HOST_STALL)
			hang(h);
		cdx_buf_free(&s.out);
		return false;
	}
	keep = answer(h, fd, 200, "", &s.out, s.out.len);
	cdx_buf_free(&s.out);
	return keep;
}

static bool serve_manifest(struct host *h, int fd, const struct cdx_cid *cid)
{
	struct cdx_buf body = {0};
	bool keep;

	atomic_fetch_add(&h->manifests, 1);
	if (cdx_dataset_manifest(h->store, cid, &body) != 0)
		return answer(h, fd, 404, "", &body, 0);
	if (atomic_load(&h->way) == HOST_WRONG_MANIFEST)
		body.p[body.len / 2] ^= 1;
	keep = answer(h, fd, 200, "", &body, body.len);
	cdx_buf_free(&body);
	return keep;
}

static bool serve_holding(const struct host *h, int fd,
			  const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;
	struct cdx_buf body = {0};
	unsigned any = 0;
	char text[256];
	size_t n;
	bool keep;

	if (!h->tells || cdx_dataset_info(h->store, cid, &info) != 0)
		return answer(h, fd, 404, "", &body, 0);
	n = (size_t)snprintf(text, sizeof(text), "{\"complete\":%s,\"slots\":[",
			     h->slots == 0 ? "true" : "false");
	for (unsigned i = 0; i < 32; i++)
		if ((h->slots >> i & 1) != 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "%s%u", any++ > 0 ? "," : "", i);
	cdx_buf_put(&body, text, n);
	cdx_buf_put(&body, "]}", 2);
	keep = answer(h, fd, 200, "", &body, body.len);
	cdx_buf_free(&body);
	return keep;
}

static bool serve_peer(struct host *h, int fd)
{
	struct cdx_buf body = {0};
	bool keep;

	(void)pthread_mutex_lock(&h->mu);
	cdx_buf_put(&body, h->record.p, h->record.len);
	(void)pthread_mutex_unlock(&h->mu);
	keep = answer(h, fd, 200, "", &body, body.len);
	cdx_buf_free(&body);
	return keep;
}

/* Answers one request; false: the connection ends. */
static bool serve(struct host *h, int fd, char *head)
{
	const struct cdx_buf none = {0};
	struct cdx_cid cid;
	char text[256];
	char what[32] = "";
	char *path = strchr(head, ' ');
	char *query;

	if (path == NULL)
		return false;
	path++;
	path[strcspn(path, " \r\n")] = '\0';
	query = strchr(path, '?');
	if (query != NULL)
		*query++ = '\0';
	if (h->delay_ms != 0)
		nap(h->delay_ms);
	if (atomic_load(&h->way) == HOST_SILENT) {
		hang(h);
		return false;
	}
	if (strcmp(path, "/codex/v1/peer") == 0)
		return serve_peer(h, fd);
	if (sscanf(path, "/codex/v1/datasets/%255[^/]/%31s", text, what) < 1 ||
	    cdx_cid_parse(&cid, text, strlen(text)) != 0)
		return answer(h, fd, 404, "", &none, 0);
	if (what[0] == '\0')
		return serve_holding(h, fd, &cid);
	if (strcmp(what, "manifest") == 0)
		return serve_manifest(h, fd, &cid);
	if (strcmp(what, "blocks") == 0 && query != NULL)
		return serve_blocks(h, fd, &cid, query);
	return answer(h, fd, 404, "", &none, 0);
}

/* ---- connections ---- */

static void *conn_run(void *arg)
{
	struct host_conn *c = arg;
	char head[8192];
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(c->fd, head + len, sizeof(head) - 1 - len, 0);

		if (n <= 0 || atomic_load(&c->host->stop))
			break;
		len += (size_t)n;
		head[len] = '\0';
		if (strstr(head, "\r\n\r\n") == NULL)
			continue;
		len = 0;
		if (!serve(c->host, c->fd, head))
			break;
	}
	(void)shutdown(c->fd, SHUT_RDWR);
	return NULL;
}

static void *host_run(void *arg)
{
	struct host *h = arg;

	for (;;) {
		int fd = accept(h->fd, NULL, NULL);
		struct host_conn *c;

		if (fd < 0)
			return NULL;
		(void)pthread_mutex_lock(&h->mu);
		if (atomic_load(&h->stop) || h->n_conns == HOST_CONNS) {
			(void)close(fd);
		} else {
			c = &h->conn[h->n_conns++];
			c->host = h;
			c->fd = fd;
			(void)pthread_create(&c->thread, NULL, conn_run, c);
		}
		(void)pthread_mutex_unlock(&h->mu);
	}
}

void host_addr(const struct host *h, struct cdx_maddr *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = CDX_MADDR_IP4;
	(void)snprintf(out->host, sizeof(out->host), "127.0.0.1");
	out->port = h->port;
	out->http = true;
}

static void sign(struct host *h)
{
	struct cdx_peer_record r = {
		.seq = 1,
		.expires = cdx_clock_wall_s() + 3600,
		.n_addrs = 1,
	};

	cdx_seckey_random(&h->who.key);
	assert_int_equal(cdx_seckey_public(h->who.id.b, &h->who.key), 0);
	cdx_network_of(&h->who.network, "codexfs");
	host_addr(h, &r.addr[0]);
	assert_int_equal(cdx_peer_record_sign(&h->record, &r, &h->who), 0);
}

void host_start(struct host *h, struct cdx_store *store, enum host_way way)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	memset(h, 0, sizeof(*h));
	atomic_store(&h->way, way);
	h->store = store;
	(void)pthread_mutex_init(&h->mu, NULL);
	assert_int_equal(cdx_leaf_pages_new(&h->pages, store, 1u << 20), 0);
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(h->fd >= 0);
	assert_int_equal(bind(h->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(h->fd, 64), 0);
	assert_int_equal(getsockname(h->fd, (struct sockaddr *)&at, &len), 0);
	h->port = ntohs(at.sin_port);
	sign(h);
	assert_int_equal(pthread_create(&h->thread, NULL, host_run, h), 0);
}

void host_stop(struct host *h)
{
	if (h->fd < 0)
		return;
	(void)pthread_mutex_lock(&h->mu);
	atomic_store(&h->stop, true);
	for (unsigned i = 0; i < h->n_conns; i++)
		(void)shutdown(h->conn[i].fd, SHUT_RDWR);
	(void)pthread_mutex_unlock(&h->mu);
	(void)shutdown(h->fd, SHUT_RDWR);
	(void)pthread_join(h->thread, NULL);
	(void)close(h->fd);
	h->fd = -1;
	for (unsigned i = 0; i < h->n_conns; i++) {
		(void)pthread_join(h->conn[i].thread, NULL);
		(void)close(h->conn[i].fd);
	}
	cdx_leaf_pages_free(h->pages);
	cdx_buf_free(&h->record);
	(void)pthread_mutex_destroy(&h->mu);
}
