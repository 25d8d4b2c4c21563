/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "discovery/discovery.h"
#include "discovery/internal.h"
#include "tests/unit/loop_kit.h"

/* Discovery over real OpenDHT nodes on the loopback, several in one process. */

#define NODES_MAX 5
#define FIND_MS 10000u
#define FOUND_MAX 8
#define FLOOD 400u
#define LEFT 4u

struct node {
	struct cdx_identity who;
	struct cdx_discovery *d;
	struct cdx_maddr addr;
};

struct net {
	struct loop_kit kit;
	struct node node[NODES_MAX];
	unsigned n;
};

static struct cdx_identity identity(uint8_t byte, const char *network)
{
	struct cdx_identity who;

	memset(&who, 0, sizeof(who));
	memset(who.key.b, byte, sizeof(who.key.b));
	assert_int_equal(cdx_seckey_public(who.id.b, &who.key), 0);
	cdx_network_of(&who.network, network);
	return who;
}

static struct cdx_cid cid_of(const char *text, enum cdx_codec codec)
{
	struct cdx_digest d;

	cdx_sha256(&d, text, strlen(text));
	return cdx_cid_sha256(codec, &d);
}

static int start(struct net *net, const char *network, uint16_t bootstrap,
		 const char *state)
{
	struct node *n = &net->node[net->n];
	char text[32];
	struct cdx_discovery_opts o = {.loop = net->kit.loop,
				       .who = &n->who,
				       .dht = true,
				       .state = state};
	int err;

	n->who = identity((uint8_t)(net->n + 1), network);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)bootstrap);
	if (bootstrap) {
		o.bootstrap[0] = text;
		o.n_bootstrap = 1;
	}
	err = cdx_discovery_new(&n->d, &o);
	if (err < 0)
		return err;
	(void)snprintf(text, sizeof(text), "192.0.2.%u:8070", net->n + 1);
	assert_int_equal(cdx_maddr_parse(&n->addr, text), 0);
	cdx_discovery_place(n->d, &n->addr, 1, NULL);
	net->n++;
	return 0;
}

static struct cdx_discovery_stats stats(const struct net *net, unsigned i)
{
	struct cdx_discovery_stats st;

	cdx_discovery_stats(net->node[i].d, &st);
	return st;
}

static bool all_connected(void *arg)
{
	const struct net *net = arg;

	for (unsigned i = 0; i < net->n; i++)
		if (stats(net, i).nodes == 0)
			return false;
	return true;
}

static bool connected(void *arg)
{
	const struct node *n = arg;
	struct cdx_discovery_stats st;

	cdx_discovery_stats(n->d, &st);
	return st.nodes != 0;
}

/* @n nodes that know each other */
static void net_start(struct net *net, unsigned n)
{
	memset(net, 0, sizeof(*net));
	loop_kit_start(&net->kit);
	assert_int_equal(start(net, "test", 0, NULL), 0);
	for (unsigned i = 1; i < n; i++)
		assert_int_equal(start(net, "test", stats(net, 0).port, NULL),
				 0);
	loop_kit_until(&net->kit, all_connected, net);
}

static void net_end(struct net *net)
{
	for (unsigned i = 0; i < net->n; i++)
		cdx_discovery_free(net->node[i].d);
	loop_kit_end(&net->kit);
}

struct search {
	struct net *net;
	unsigned n;
	struct cdx_provider_record r[FOUND_MAX];
	bool over;
};

static void on_found(void *arg, const struct cdx_provider_record *r)
{
	struct search *s = arg;

	assert_false(s->over);
	if (!r) {
		s->over = true;
		loop_kit_stop(&s->net->kit);
		return;
	}
	assert_true(s->n < FOUND_MAX);
	s->r[s->n++] = *r;
}

static struct search find_in(struct net *net, unsigned i,
			     const struct cdx_cid *cid, unsigned ms)
{
	struct search s = {.net = net};
	struct cdx_find *f;

	assert_int_equal(cdx_discovery_find(net->node[i].d, &f, cid, ms,
					    on_found, &s),
			 0);
	assert_int_equal(stats(net, i).inflight_finds, 1);
	loop_kit_run(&net->kit);
	assert_true(s.over);
	assert_int_equal(stats(net, i).inflight_finds, 0);
	return s;
}

static struct search find(struct net *net, unsigned i,
			  const struct cdx_cid *cid)
{
	return find_in(net, i, cid, FIND_MS);
}

static void announce(struct net *net, unsigned i, const struct cdx_cid *cid,
		     enum cdx_holding holding)
{
	assert_int_equal(
		cdx_discovery_announce(net->node[i].d, cid, holding, NULL), 0);
}

static bool puts_done(void *arg)
{
	const struct net *net = arg;

	for (unsigned i = 0; i < net->n; i++) {
		struct cdx_discovery_stats st = stats(net, i);

		if (st.puts < st.keys || st.inflight_puts)
			return false;
	}
	return true;
}

static bool is_from(const struct cdx_provider_record *r, const struct node *n)
{
	return memcmp(&r->id, &n->who.id, sizeof(r->id)) == 0;
}

/* ---- */

static void announce_and_find(void **state)
{
	struct cdx_cid manifest = cid_of("a", CDX_CODEC_MANIFEST);
	struct cdx_cid tree = cid_of("b", CDX_CODEC_ROOT);
	struct cdx_cid other = cid_of("c", CDX_CODEC_MANIFEST);
	struct cdx_slot_set slots = {{0x05}};
	struct search s;
	struct net net;

	(void)state;
	net_start(&net, 4);
	announce(&net, 1, &manifest, CDX_HOLDS_ALL);
	announce(&net, 1, &tree, CDX_HOLDS_ALL);
	assert_int_equal(cdx_discovery_announce(net.node[2].d, &manifest,
						CDX_HOLDS_SLOTS, &slots),
			 0);
	assert_int_equal(stats(&net, 1).announced, 1);
	assert_int_equal(stats(&net, 1).keys, 2);
	loop_kit_until(&net.kit, puts_done, &net);
	s = find(&net, 3, &manifest);
	assert_int_equal(s.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		bool first = is_from(&s.r[i], &net.node[1]);
		const struct node *n = &net.node[first ? 1 : 2];

		assert_true(is_from(&s.r[i], n));
		assert_int_equal(s.r[i].holding,
				 first ? CDX_HOLDS_ALL : CDX_HOLDS_SLOTS);
		assert_int_equal(s.r[i].slots.b[0], first ? 0 : 5);
		assert_int_equal(s.r[i].n_addrs, 1);
		assert_true(cdx_maddr_equal(&s.r[i].addr[0], &n->addr));
	}
	/* ourselves never, another dataset is nobody's */
	s = find(&net, 1, &manifest);
	assert_int_equal(s.n, 1);
	assert_true(is_from(&s.r[0], &net.node[2]));
	s = find(&net, 3, &tree);
	assert_int_equal(s.n, 1);
	s = find(&net, 3, &other);
	assert_int_equal(s.n, 0);
	net_end(&net);
}

/* What is held changes, is taken back, and comes again: the newest counts. */
static void changes(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	struct search s;
	struct net net;

	(void)state;
	net_start(&net, 4);
	announce(&net, 1, &cid, CDX_HOLDS_SOME);
	loop_kit_until(&net.kit, puts_done, &net);
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.r[0].holding, CDX_HOLDS_SOME);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	for (unsigned puts = 0; puts < 2;) {
		loop_kit_run_ms(&net.kit, 5);
		puts = (unsigned)stats(&net, 1).puts;
	}
	/* both records are there now; the older one is known to be old */
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.r[0].holding, CDX_HOLDS_ALL);
	announce(&net, 1, &cid, CDX_HOLDS_NOTHING);
	assert_int_equal(stats(&net, 1).announced, 0);
	while (stats(&net, 1).puts < 3)
		loop_kit_run_ms(&net.kit, 5);
	/* also who has never looked sees that it was withdrawn */
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 0);
	s = find(&net, 3, &cid);
	assert_int_equal(s.n, 0);
	announce(&net, 1, &cid, CDX_HOLDS_SLOTS);
	assert_int_equal(stats(&net, 1).announced, 0);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	while (stats(&net, 1).puts < 4)
		loop_kit_run_ms(&net.kit, 5);
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 1);
	assert_true(stats(&net, 2).stale > 0);
	net_end(&net);
}

/* Nothing is said before there is an address, and nothing twice. */
static void without_address(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	struct search s;
	struct net net;

	(void)state;
	net_start(&net, 3);
	cdx_discovery_place(net.node[1].d, NULL, 0, NULL);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	loop_kit_run_ms(&net.kit, 100);
	assert_int_equal(stats(&net, 1).puts, 0);
	assert_int_equal(stats(&net, 1).inflight_puts, 0);
	/* taken back before anybody heard of it */
	announce(&net, 1, &cid, CDX_HOLDS_NOTHING);
	assert_int_equal(stats(&net, 1).keys, 0);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	cdx_discovery_place(net.node[1].d, &net.node[1].addr, 1,
			    &(struct cdx_digest){{7}});
	loop_kit_until(&net.kit, puts_done, &net);
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 1);
	assert_true(s.r[0].has_tls_key);
	assert_int_equal(s.r[0].tls_key.b[0], 7);
	net_end(&net);
}

/* A private network sees nothing of another one. */
static void networks(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	struct search s;
	struct net net;

	(void)state;
	net_start(&net, 2);
	/* of another network, told of the first one's node */
	assert_int_equal(start(&net, "private", stats(&net, 0).port, NULL), 0);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	while (stats(&net, 1).puts < 1)
		loop_kit_run_ms(&net.kit, 5);
	s = find_in(&net, 2, &cid, 500);
	assert_int_equal(s.n, 0);
	assert_int_equal(stats(&net, 2).nodes, 0);
	assert_int_equal(stats(&net, 2).records, 0);
	net_end(&net);
}

static void on_put(void *arg, bool ok)
{
	unsigned *n = arg;

	assert_true(ok);
	--*n;
}

/* Puts whatever it is where records of @cid are */
static void put_raw(struct net *net, const struct cdx_cid *cid, const void *p,
		    size_t len, unsigned *left)
{
	struct cdx_discovery *d = net->node[1].d;
	struct cdx_dht_place place;
	struct cdx_digest key;

	cdx_provider_key(&key, cid);
	cdx_discovery_locate(&place, d, &key);
	++*left;
	assert_int_equal(
		cdx_dht_put(d->dht, &place, p, len, true, on_put, left), 0);
}

static bool none_left(void *arg)
{
	return *(unsigned *)arg == 0;
}

static struct cdx_buf record(const struct cdx_cid *cid, int64_t expires)
{
	struct cdx_identity who = identity(77, "test");
	struct cdx_provider_record r;
	struct cdx_buf b = {0};

	memset(&r, 0, sizeof(r));
	cdx_provider_key(&r.key, cid);
	r.seq = 1;
	r.expires = expires;
	r.holding = CDX_HOLDS_ALL;
	assert_int_equal(cdx_provider_sign(&b, &r, &who), 0);
	return b;
}

/* What others put at a dataset's place */
static void rubbish(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	struct cdx_cid other = cid_of("b", CDX_CODEC_MANIFEST);
	int64_t now = cdx_clock_wall_s();
	static const uint8_t zeros[CDX_DHT_VALUE_MAX + 1];
	struct cdx_discovery_stats st;
	unsigned left = 0;
	struct cdx_buf b;
	struct search s;
	struct net net;

	(void)state;
	net_start(&net, 4);
	put_raw(&net, &cid, zeros, sizeof(zeros), &left);
	put_raw(&net, &cid, zeros, 10, &left);
	b = record(&cid, now - 3600);
	put_raw(&net, &cid, b.p, b.len, &left);
	cdx_buf_free(&b);
	b = record(&other, now + 600);
	put_raw(&net, &cid, b.p, b.len, &left);
	cdx_buf_free(&b);
	b = record(&cid, now + 600);
	b.p[b.len - 1] ^= 1;
	put_raw(&net, &cid, b.p, b.len, &left);
	b.p[b.len - 1] ^= 1;
	put_raw(&net, &cid, b.p, b.len, &left);
	cdx_buf_free(&b);
	loop_kit_until(&net.kit, none_left, &left);
	s = find(&net, 3, &cid);
	assert_int_equal(s.n, 1);
	st = stats(&net, 3);
	assert_int_equal(st.records, 6);
	assert_int_equal(st.oversized, 1);
	assert_int_equal(st.foreign, 2);
	assert_int_equal(st.stale, 1);
	assert_int_equal(st.forged, 1);
	net_end(&net);
}

/* More values at a key than are looked at: the find ends, and costs no more. */
static void flood(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	unsigned left = 0;
	struct search s;
	struct net net;

	(void)state;
	net_start(&net, 3);
	for (unsigned i = 0; i < FLOOD; i++) {
		put_raw(&net, &cid, &i, sizeof(i), &left);
		if (i % 20 == 0)
			loop_kit_until(&net.kit, none_left, &left);
	}
	loop_kit_until(&net.kit, none_left, &left);
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 0);
	assert_int_equal(stats(&net, 2).records, CDX_DHT_VALUES_MAX);
	net_end(&net);
}

struct leaving {
	struct net *net;
	bool done;
};

static void withdrawn(void *arg)
{
	struct leaving *l = arg;

	l->done = true;
	/* what the caller may do */
	cdx_discovery_free(l->net->node[1].d);
	l->net->node[1].d = NULL;
	loop_kit_stop(&l->net->kit);
}

static void leave(void **state)
{
	struct cdx_cid cid[LEFT];
	struct net net;
	struct leaving l = {.net = &net};
	struct search s;

	(void)state;
	net_start(&net, 3);
	for (unsigned i = 0; i < LEFT; i++) {
		char text[8];

		(void)snprintf(text, sizeof(text), "%u", i);
		cid[i] = cid_of(text, CDX_CODEC_MANIFEST);
		announce(&net, 1, &cid[i], CDX_HOLDS_ALL);
	}
	loop_kit_until(&net.kit, puts_done, &net);
	cdx_discovery_withdraw(net.node[1].d, 20000, withdrawn, &l);
	assert_false(l.done);
	announce(&net, 1, &cid[0], CDX_HOLDS_ALL);
	assert_int_equal(stats(&net, 1).keys, 0);
	loop_kit_run(&net.kit);
	assert_true(l.done);
	for (unsigned i = 0; i < LEFT; i++) {
		s = find(&net, 2, &cid[i]);
		assert_int_equal(s.n, 0);
	}
	net_end(&net);
}

/* The time of it counts, and nobody to tell is no reason to wait. */
static void leave_alone(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	struct net net;
	struct leaving l = {.net = &net};

	(void)state;
	memset(&net, 0, sizeof(net));
	loop_kit_start(&net.kit);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(start(&net, i ? "b" : "a", 0, NULL), 0);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	cdx_discovery_withdraw(net.node[1].d, 3600 * 1000, withdrawn, &l);
	loop_kit_run(&net.kit);
	assert_true(l.done);
	net_end(&net);
}

/* Alone, or with bootstrap nodes that are not there: a find ends in its time, and
 * what was announced is told as soon as somebody comes. */
static void bootstrap_down(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	struct search s = {.n = 0};
	struct cdx_find *f;
	struct net net;
	uint16_t port;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	(void)state;
	/* a port that is nobody's for now */
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	memset(&net, 0, sizeof(net));
	loop_kit_start(&net.kit);
	assert_int_equal(start(&net, "test", port, NULL), 0);
	announce(&net, 0, &cid, CDX_HOLDS_ALL);
	s.net = &net;
	assert_int_equal(cdx_discovery_find(net.node[0].d, &f, &cid, 300,
					    on_found, &s),
			 0);
	loop_kit_run(&net.kit);
	assert_true(s.over);
	assert_int_equal(s.n, 0);
	assert_int_equal(stats(&net, 0).puts, 0);
	(void)close(fd);
	/* now the bootstrap node starts */
	{
		struct node *n = &net.node[1];
		struct cdx_discovery_opts o = {.loop = net.kit.loop,
					       .who = &n->who,
					       .dht = true,
					       .dht_port = port};

		n->who = identity(9, "test");
		assert_int_equal(cdx_discovery_new(&n->d, &o), 0);
		net.n = 2;
		assert_int_equal(stats(&net, 1).port, port);
	}
	loop_kit_until(&net.kit, puts_done, &net);
	assert_int_equal(start(&net, "test", port, NULL), 0);
	loop_kit_until(&net.kit, connected, &net.node[2]);
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 1);
	/* and its port is taken now */
	{
		struct cdx_discovery *d;
		struct cdx_discovery_opts o = {.loop = net.kit.loop,
					       .who = &net.node[0].who,
					       .dht = true,
					       .dht_port = port};

		assert_int_equal(cdx_discovery_new(&d, &o), -EADDRINUSE);
		assert_null(d);
		o.dht_port = 0;
		o.bootstrap[0] = "x";
		o.n_bootstrap = 1;
		assert_int_equal(cdx_discovery_new(&d, &o), -EINVAL);
		assert_null(d);
	}
	net_end(&net);
}

static void on_cancelled(void *arg, const struct cdx_provider_record *r)
{
	struct cdx_find **f = arg;

	/* of two providers the second is not given any more */
	assert_non_null(r);
	assert_non_null(*f);
	cdx_find_cancel(*f);
	*f = NULL;
}

static void cancel(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	struct cdx_find *f;
	struct cdx_find *g;
	struct search s = {.n = 0};
	struct net net;

	(void)state;
	net_start(&net, 4);
	s.net = &net;
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	announce(&net, 2, &cid, CDX_HOLDS_ALL);
	loop_kit_until(&net.kit, puts_done, &net);
	assert_int_equal(cdx_discovery_find(net.node[3].d, &f, &cid, FIND_MS,
					    on_cancelled, &f),
			 0);
	assert_int_equal(cdx_discovery_find(net.node[3].d, &g, &cid, FIND_MS,
					    on_found, &s),
			 0);
	cdx_find_cancel(g);
	cdx_find_cancel(NULL);
	while (f)
		loop_kit_run_ms(&net.kit, 5);
	loop_kit_run_ms(&net.kit, 100);
	assert_int_equal(stats(&net, 3).inflight_finds, 0);
	assert_int_equal(s.n, 0);
	/* one under way when everything ends */
	assert_int_equal(cdx_discovery_find(net.node[3].d, &g, &cid, FIND_MS,
					    on_found, &s),
			 0);
	net_end(&net);
	assert_false(s.over);
}

/* What it knew of others is there after a restart that has no bootstrap. */
static void remembered(void **state)
{
	struct cdx_cid cid = cid_of("a", CDX_CODEC_MANIFEST);
	char dir[] = "/tmp/cdx-dht-XXXXXX";
	char file[64];
	char port[80];
	struct search s;
	struct net net;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/dht", dir);
	(void)snprintf(port, sizeof(port), "%s_port.txt", file);
	net_start(&net, 2);
	assert_int_equal(start(&net, "test", stats(&net, 0).port, file), 0);
	loop_kit_until(&net.kit, all_connected, &net);
	announce(&net, 1, &cid, CDX_HOLDS_ALL);
	loop_kit_until(&net.kit, puts_done, &net);
	cdx_discovery_free(net.node[2].d);
	net.n = 2;
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size > 0);
	assert_int_equal(start(&net, "test", 0, file), 0);
	loop_kit_until(&net.kit, all_connected, &net);
	s = find(&net, 2, &cid);
	assert_int_equal(s.n, 1);
	net_end(&net);
	/* rubbish in it does no harm */
	{
		FILE *f = fopen(file, "w");

		assert_non_null(f);
		assert_true(fputs("this is no state of OpenDHT", f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	memset(&net, 0, sizeof(net));
	loop_kit_start(&net.kit);
	assert_int_equal(start(&net, "test", 0, file), 0);
	net_end(&net);
	(void)unlink(file);
	(void)unlink(port);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announce_and_find),
		cmocka_unit_test(changes),
		cmocka_unit_test(without_address),
		cmocka_unit_test(networks),
		cmocka_unit_test(rubbish),
		cmocka_unit_test(flood),
		cmocka_unit_test(leave),
		cmocka_unit_test(leave_alone),
		cmocka_unit_test(bootstrap_down),
		cmocka_unit_test(cancel),
		cmocka_unit_test(remembered),
	};

#ifndef HAVE_OPENDHT
	puts("built without OpenDHT");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
