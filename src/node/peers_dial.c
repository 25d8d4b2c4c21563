/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "node/peers_internal.h"

/*
 * Can others reach us?  Known peers are asked one after another to connect to
 * us and to say who answered.  One that gets through is enough; three that do
 * not are believed.
 */

#define KNOWN_MAX 64u
#define ASK_AGAIN_S 60u /* all were asked; nobody knew */
#define LOOK_AGAIN_S 2u /* nobody is known */
#define CONNECT_MS 10000u
#define TOTAL_MS 30000u
#define ANSWER_MAX 4096u
#define SAID_MAX 160u

void cdx_peers_dial_again_locked(struct cdx_peers *p)
{
	p->reach.next_ns = 0;
	p->reach.n_asked = 0;
	p->reach.failed = 0;
}

/* ---- what came of it ---- */

static void next_locked(struct cdx_peers *p, unsigned s)
{
	if (s > p->dial_s)
		s = p->dial_s;
	p->reach.next_ns = cdx_clock_mono_ns() + s * UINT64_C(1000000000);
}

/* What a stranger says, as it may be kept and shown: cut to @cap, and of ASCII
 * alone, since half a letter would be no JSON */
static void quote(char *out, size_t cap, const char *text)
{
	size_t n = 0;

	for (; text[n] != '\0' && n < cap - 1; n++)
		out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	out[n] = '\0';
}

/* It could not be tried: the next one is asked */
static void undone(struct cdx_peers *p)
{
	pthread_mutex_lock(&p->mu);
	p->reach.inflight = false;
	pthread_mutex_unlock(&p->mu);
}

static void done(struct cdx_peers *p, bool reached, const char *why)
{
	char who[CDX_PEER_ID_TEXT_MAX];
	char said[SAID_MAX];

	cdx_peer_id_text(who, &p->dial.record.id);
	quote(said, sizeof(said), why);
	pthread_mutex_lock(&p->mu);
	p->reach.inflight = false;
	p->reach.at = cdx_clock_wall_s();
	if (reached) {
		p->reach.state = CDX_REACH_YES;
		snprintf(p->reach.why, sizeof(p->reach.why),
			 "%s got through%s%s", who,
			 said[0] != '\0' ? " to " : "", said);
	} else {
		snprintf(p->reach.why, sizeof(p->reach.why), "%s tried: %s",
			 who, said);
		if (++p->reach.failed >= DIAL_TRIES)
			p->reach.state = CDX_REACH_NO;
	}
	if (reached || p->reach.failed >= DIAL_TRIES) {
		cdx_peers_dial_again_locked(p);
		next_locked(p, p->dial_s);
	}
	pthread_mutex_unlock(&p->mu);
}

/* A place that a peer has seen us at is one when another says the same: one
 * alone could send others wherever it likes. */
static void saw(struct cdx_peers *p, const struct cdx_maddr *addr)
{
	const struct cdx_peer_id *by = &p->dial.record.id;
	const unsigned room = sizeof(p->reach.seen) / sizeof(p->reach.seen[0]);
	bool news = false;

	if (addr->kind != CDX_MADDR_IP4 && addr->kind != CDX_MADDR_IP6)
		return;
	pthread_mutex_lock(&p->mu);
	for (unsigned i = 0; i < p->reach.n_seen; i++) {
		const struct seen_at *s = &p->reach.seen[i];

		if (!cdx_maddr_equal(&s->addr, addr) ||
		    memcmp(&s->by, by, sizeof(*by)) == 0)
			continue;
		news = !p->reach.has_outer ||
		       !cdx_maddr_equal(&p->reach.outer, addr);
		p->reach.has_outer = true;
		p->reach.outer = *addr;
	}
	memmove(&p->reach.seen[1], &p->reach.seen[0],
		(room - 1) * sizeof(p->reach.seen[0]));
	p->reach.seen[0].addr = *addr;
	p->reach.seen[0].by = *by;
	if (p->reach.n_seen < room)
		p->reach.n_seen++;
	pthread_mutex_unlock(&p->mu);
	if (news)
		cdx_peers_place(p);
}

static void read_answer(struct cdx_peers *p, const json_t *j)
{
	const char *id = json_string_value(json_object_get(j, "id"));
	const char *where = json_string_value(json_object_get(j, "address"));
	const char *why = json_string_value(json_object_get(j, "why"));
	struct cdx_peer_id who;
	struct cdx_maddr addr;

	if (!json_is_true(json_object_get(j, "reachable"))) {
		done(p, false, why != NULL ? why : "in vain");
		return;
	}
	if (id == NULL || cdx_peer_id_parse(&who, id) < 0 ||
	    memcmp(&who, &p->who.id, sizeof(who)) != 0) {
		done(p, false, "somebody else answers there");
		return;
	}
	done(p, true, where != NULL ? where : "");
	if (where != NULL && cdx_maddr_parse(&addr, where) == 0)
		saw(p, &addr);
}

static void answered(void *arg, int err, const struct cdx_http_res *res,
		     const char *why)
{
	struct cdx_peers *p = arg;
	json_t *j = NULL;

	(void)why;
	/* one that was asked too often, or does not know this, has not tried */
	if (err == 0 && res->status == 200)
		j = json_loadb((const char *)res->body, res->len, 0, NULL);
	if (json_is_object(j))
		read_answer(p, j);
	else
		undone(p);
	json_decref(j);
}

/* ---- asking ---- */

static void ask(void *arg)
{
	struct cdx_peers *p = arg;
	char base[CDX_MADDR_TEXT_MAX];
	char url[CDX_MADDR_TEXT_MAX + 128];
	char pin[2 * sizeof(p->tls_digest.b) + 1] = "";
	struct cdx_http_req req = {
		.method = "POST",
		.url = url,
		.connect_ms = CONNECT_MS,
		.total_ms = TOTAL_MS,
		.max_body = ANSWER_MAX,
	};
	const struct dial *d = &p->dial;

	cdx_maddr_url(base, &d->peer.addr);
	/* with TLS the peer is told which key to look for */
	if (d->port_of.tls)
		cdx_hex(pin, p->tls_digest.b, sizeof(p->tls_digest.b));
	snprintf(url, sizeof(url), "%s/codex/v1/dialback?port=%u%s%s", base,
		 d->port_of.port, pin[0] != '\0' ? "&tls=" : "", pin);
	if (d->record.has_tls_key && d->peer.addr.tls)
		req.tls_key = &d->record.tls_key;
	if (cdx_peers_stopping(p) ||
	    cdx_http_start(p->http, NULL, &req, answered, p) < 0)
		undone(p);
}

/* Who it is, and with which key, is looked at first. */
static void met(void *arg, int rc, const struct cdx_peer_record *r,
		const char *why)
{
	struct cdx_peers *p = arg;

	(void)why;
	if (rc == 0)
		p->dial.record = *r;
	if (rc < 0 || cdx_loop_post(p->loop, ask, p) < 0)
		undone(p);
}

static bool was_asked_locked(const struct cdx_peers *p,
			     const struct cdx_peer_id *id)
{
	for (unsigned i = 0; i < p->reach.n_asked; i++)
		if (memcmp(&p->reach.asked[i], id, sizeof(*id)) == 0)
			return true;
	return false;
}

/* Somebody who was not asked yet in this round, or NULL */
static const struct cdx_peer_info *
choose_locked(struct cdx_peers *p, const struct cdx_peer_info *known,
	      unsigned n)
{
	const unsigned room =
		sizeof(p->reach.asked) / sizeof(p->reach.asked[0]);

	for (unsigned i = 0; i < n && p->reach.n_asked < room; i++)
		if (known[i].has_id && known[i].out_s == 0 &&
		    !was_asked_locked(p, &known[i].id))
			return &known[i];
	if (p->reach.n_asked > 0)
		next_locked(p, ASK_AGAIN_S);
	else
		next_locked(p, LOOK_AGAIN_S);
	p->reach.n_asked = 0;
	return NULL;
}

void cdx_peers_dial(struct cdx_peers *p)
{
	struct cdx_peer_info known[KNOWN_MAX];
	const struct cdx_peer_info *one;
	unsigned n;
	bool due;

	pthread_mutex_lock(&p->mu);
	due = p->port != 0 && p->n_addrs > 0 && !p->reach.inflight &&
	      cdx_clock_mono_ns() >= p->reach.next_ns;
	pthread_mutex_unlock(&p->mu);
	if (!due)
		return;
	n = cdx_exchange_peers(p->exchange, known, KNOWN_MAX);
	pthread_mutex_lock(&p->mu);
	one = choose_locked(p, known, n < KNOWN_MAX ? n : KNOWN_MAX);
	if (one != NULL) {
		p->reach.inflight = true;
		p->reach.asked[p->reach.n_asked++] = one->id;
		p->dial.peer = *one;
		p->dial.port_of = p->addr[0];
	}
	pthread_mutex_unlock(&p->mu);
	if (one != NULL && cdx_exchange_connect(p->exchange, NULL, &one->addr,
						&one->id, met, p) < 0)
		undone(p);
}
