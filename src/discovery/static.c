/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/static.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/err.h"

#define CONNECT_MS 3000u
/* Of either answer: a list of 256 slots needs a kilobyte */
#define ANSWER_MAX (16u << 10)
/* What a peer says of itself is asked for again at the latest after this, and so
 * another key at the same address is noticed */
#define RECORD_S 600
/* How long what it says of a dataset may be believed */
#define EXPIRES_S 600
#define URL_MAX (CDX_MADDR_TEXT_MAX + CDX_CID_TEXT_MAX + 32u)

struct peer {
	struct cdx_maddr addr;
	bool known;
	bool warned; /* that it is none of ours, once */
	struct cdx_peer_record record;
	int64_t until; /* wall seconds */
};

struct cdx_static {
	struct cdx_loop *loop;
	struct cdx_http *http;
	const struct cdx_log *log;
	const struct cdx_identity *who;
	unsigned n;
	struct peer peer[];
};

/* One peer of an ask */
struct sub {
	struct cdx_static_ask *ask;
	struct peer *peer;
	struct cdx_http_transfer *transfer; /* NULL: not under way */
};

struct cdx_static_ask {
	struct cdx_static *s;
	cdx_static_fn *fn;
	void *arg;
	struct cdx_cid cid;
	unsigned ms;
	unsigned left;		     /* subs that have not ended */
	struct cdx_loop_timer *idle; /* the end, when nobody is to be asked */
	unsigned calling;	     /* within @fn */
	bool dead;		     /* cancelled from there */
	struct sub sub[];
};

int cdx_static_new(struct cdx_static **out, const struct cdx_static_opts *o)
{
	struct cdx_static *s =
		calloc(1, sizeof(*s) + o->n_peers * sizeof(s->peer[0]));

	*out = s;
	if (!s)
		return -ENOMEM;
	s->loop = o->loop;
	s->http = o->http;
	s->log = o->log;
	s->who = o->who;
	s->n = o->n_peers;
	for (unsigned i = 0; i < s->n; i++)
		s->peer[i].addr = o->peer[i];
	return 0;
}

void cdx_static_free(struct cdx_static *s)
{
	free(s);
}

/* ---- what they answer */

int cdx_static_decode(struct cdx_provider_record *r, const void *json,
		      size_t len)
{
	json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *complete = json_object_get(root, "complete");
	const json_t *slots = json_object_get(root, "slots");
	struct cdx_slot_set set = {{0}};
	int err = CDX_E_FORMAT;
	size_t n = json_array_size(slots);

	if (!json_is_boolean(complete) || !json_is_array(slots) ||
	    n > 8 * sizeof(set.b))
		goto out;
	for (size_t i = 0; i < n; i++) {
		const json_t *slot = json_array_get(slots, i);
		json_int_t v = json_integer_value(slot);

		if (!json_is_integer(slot) || v < 0 ||
		    v >= (json_int_t)(8 * sizeof(set.b)))
			goto out;
		set.b[v / 8] |= (uint8_t)(1 << v % 8);
	}
	r->holding = CDX_HOLDS_SOME;
	memset(&r->slots, 0, sizeof(r->slots));
	if (json_is_true(complete)) {
		r->holding = CDX_HOLDS_ALL;
	} else if (n) {
		r->holding = CDX_HOLDS_SLOTS;
		r->slots = set;
	}
	err = 0;
out:
	json_decref(root);
	return err;
}

/* ---- asking */

static void ask_free(struct cdx_static_ask *a)
{
	cdx_loop_timer_del(a->idle);
	free(a);
}

void cdx_static_cancel(struct cdx_static_ask *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < a->s->n; i++) {
		cdx_http_cancel(a->sub[i].transfer);
		a->sub[i].transfer = NULL;
	}
	a->dead = true;
	if (!a->calling)
		ask_free(a);
}

/* Hands on; false: it was cancelled meanwhile, and is gone */
static bool give(struct cdx_static_ask *a, const struct cdx_provider_record *r)
{
	a->calling++;
	a->fn(a->arg, r);
	a->calling--;
	if (a->dead) {
		ask_free(a);
		return false;
	}
	return true;
}

static void sub_end(struct sub *sub)
{
	struct cdx_static_ask *a = sub->ask;

	if (--a->left == 0 && give(a, NULL))
		ask_free(a);
}

static int get(struct sub *sub, const char *path, cdx_http_fn *fn)
{
	struct cdx_static_ask *a = sub->ask;
	struct peer *p = sub->peer;
	char url[URL_MAX];
	size_t len;
	const struct cdx_http_req req = {
		.method = "GET",
		.url = url,
		.connect_ms = a->ms < CONNECT_MS ? a->ms : CONNECT_MS,
		.total_ms = a->ms,
		.max_body = ANSWER_MAX,
		.tls_key = p->known && p->record.has_tls_key
				   ? &p->record.tls_key
				   : NULL,
	};

	cdx_maddr_url(url, &p->addr);
	len = strlen(url);
	(void)snprintf(url + len, sizeof(url) - len, "%s", path);
	return cdx_http_start(a->s->http, &sub->transfer, &req, fn, sub);
}

static void on_dataset(void *arg, int err, const struct cdx_http_res *res,
		       const char *why)
{
	struct sub *sub = arg;
	struct cdx_static_ask *a = sub->ask;
	const struct peer *p = sub->peer;
	int64_t now = cdx_clock_wall_s();
	struct cdx_provider_record r = {
		.id = p->record.id,
		.network = p->record.network,
		.seq = (uint64_t)now * 1000,
		.expires = now + EXPIRES_S,
		.has_tls_key = p->record.has_tls_key,
		.tls_key = p->record.tls_key,
		.n_addrs = 1,
	};

	(void)why;
	sub->transfer = NULL;
	r.addr[0] = p->addr;
	cdx_provider_key(&r.key, &a->cid);
	if (err == 0 && res->status == 200 &&
	    cdx_static_decode(&r, res->body, res->len) == 0 && !give(a, &r))
		return;
	sub_end(sub);
}

static int ask_dataset(struct sub *sub)
{
	char path[CDX_CID_TEXT_MAX + 32];
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, &sub->ask->cid);
	(void)snprintf(path, sizeof(path), "/codex/v1/datasets/%s", text);
	return get(sub, path, on_dataset);
}

/* Who it is: once for all asks */
static int learn(struct cdx_static *s, struct peer *p,
		 const struct cdx_http_res *res)
{
	int64_t now = cdx_clock_wall_s();
	int err =
		res->status == 200
			? cdx_peer_record_open(&p->record, res->body, res->len,
					       &s->who->network, now)
			: CDX_E_FORMAT;

	if (err < 0)
		return err;
	p->known = true;
	p->until = now + RECORD_S;
	if (p->until > p->record.expires)
		p->until = p->record.expires;
	return 0;
}

static void on_peer(void *arg, int err, const struct cdx_http_res *res,
		    const char *why)
{
	struct sub *sub = arg;
	struct cdx_static *s = sub->ask->s;
	struct peer *p = sub->peer;
	char url[CDX_MADDR_TEXT_MAX];

	(void)why;
	sub->transfer = NULL;
	if (err < 0) {
		/* nobody is there now */
		sub_end(sub);
		return;
	}
	err = learn(s, p, res);
	if (err < 0 && !p->warned) {
		cdx_maddr_url(url, &p->addr);
		cdx_log(s->log, WARN, "discovery",
			"the peer %s of the configuration is %s", url,
			err == -ENOENT	 ? "of another network"
			: err == -ESTALE ? "one whose record has expired: is a "
					   "clock wrong?"
					 : "no node of codexfs");
		p->warned = true;
	}
	/* ourselves, by an address that was given to everybody */
	if (err < 0 ||
	    memcmp(&p->record.id, &s->who->id, sizeof(s->who->id)) == 0 ||
	    ask_dataset(sub) < 0)
		sub_end(sub);
}

static int sub_start(struct sub *sub)
{
	struct peer *p = sub->peer;
	const struct cdx_identity *who = sub->ask->s->who;

	if (p->known && p->until < cdx_clock_wall_s())
		p->known = false;
	if (!p->known)
		return get(sub, "/codex/v1/peer", on_peer);
	if (memcmp(&p->record.id, &who->id, sizeof(who->id)) == 0)
		return -ENOENT;
	return ask_dataset(sub);
}

static void nobody(void *arg)
{
	struct cdx_static_ask *a = arg;

	if (give(a, NULL))
		ask_free(a);
}

int cdx_static_ask(struct cdx_static *s, struct cdx_static_ask **out,
		   const struct cdx_cid *cid, unsigned ms, cdx_static_fn *fn,
		   void *arg)
{
	struct cdx_static_ask *a =
		calloc(1, sizeof(*a) + s->n * sizeof(a->sub[0]));

	*out = NULL;
	if (!a)
		return -ENOMEM;
	a->s = s;
	a->fn = fn;
	a->arg = arg;
	a->cid = *cid;
	a->ms = ms;
	for (unsigned i = 0; i < s->n; i++) {
		a->sub[i] = (struct sub){.ask = a, .peer = &s->peer[i]};
		if (sub_start(&a->sub[i]) == 0)
			a->left++;
	}
	if (a->left == 0 &&
	    cdx_loop_timer_add(s->loop, &a->idle, 0, 0, nobody, a) < 0) {
		free(a);
		return -ENOMEM;
	}
	*out = a;
	return 0;
}
