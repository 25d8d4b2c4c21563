/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* The table of peers: what they gave lately, how long they rest after failures,
 * and who lied.  A liar stays in the table, so that neither its id nor its address
 * comes back as somebody else. */

#define REST_MAX_S 300u
#define WINDOW_NS (100 * CDX_X_NS_MS)
/* A shorter measurement says nothing */
#define WINDOW_MIN_NS (5 * CDX_X_NS_MS)

bool cdx_xpeer_out(const struct cdx_xpeer *p, uint64_t now)
{
	return p->out_until > now;
}

static bool has_addr(const struct cdx_xpeer *p, const struct cdx_maddr *a)
{
	for (unsigned i = 0; i < p->n_addrs; i++) {
		if (cdx_maddr_equal(&p->addr[i], a))
			return true;
	}
	return false;
}

static bool is_id(const struct cdx_xpeer *p, const struct cdx_peer_id *id)
{
	return p->has_id && memcmp(&p->id, id, sizeof(*id)) == 0;
}

/* A liar with this id or address? */
static bool is_out(struct cdx_exchange *ex, const struct cdx_peer_id *id,
		   const struct cdx_maddr *addr, unsigned n)
{
	uint64_t now = cdx_clock_mono_ns();

	cdx_list_foreach(pos, &ex->peers) {
		struct cdx_xpeer *p =
			cdx_list_entry(pos, struct cdx_xpeer, node);

		if (!cdx_xpeer_out(p, now))
			continue;
		if (id != NULL && is_id(p, id))
			return true;
		for (unsigned i = 0; i < n; i++) {
			if (has_addr(p, &addr[i]))
				return true;
		}
	}
	return false;
}

/* By id; one whose id is not known by its address */
static struct cdx_xpeer *find_peer(struct cdx_exchange *ex,
				   const struct cdx_peer_id *id,
				   const struct cdx_maddr *addr)
{
	cdx_list_foreach(pos, &ex->peers) {
		struct cdx_xpeer *p =
			cdx_list_entry(pos, struct cdx_xpeer, node);

		if (id != NULL && is_id(p, id))
			return p;
		if ((id == NULL || !p->has_id) && has_addr(p, addr))
			return p;
	}
	return NULL;
}

void cdx_xpeer_free(struct cdx_xpeer *p)
{
	cdx_list_del(&p->node);
	free(p);
}

/* Forgets the one that was used least recently, of those that nobody uses,
 * nobody named, and who did not lie. */
static bool make_room(struct cdx_exchange *ex)
{
	uint64_t now = cdx_clock_mono_ns();
	struct cdx_xpeer *oldest = NULL;

	if (ex->n_peers < CDX_X_PEERS_MAX)
		return true;
	cdx_list_foreach(pos, &ex->peers) {
		struct cdx_xpeer *p =
			cdx_list_entry(pos, struct cdx_xpeer, node);

		if (p->users == 0 && !p->known && !cdx_xpeer_out(p, now) &&
		    (oldest == NULL || p->used_at < oldest->used_at))
			oldest = p;
	}
	if (oldest == NULL)
		return false;
	cdx_xpeer_free(oldest);
	ex->n_peers--;
	return true;
}

static struct cdx_xpeer *peer_new(struct cdx_exchange *ex)
{
	struct cdx_xpeer *p;

	if (!make_room(ex))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->used_at = cdx_clock_mono_ns();
	cdx_list_add_tail(&ex->peers, &p->node);
	ex->n_peers++;
	atomic_store(&ex->count.peers, ex->n_peers);
	return p;
}

/* The addresses of a record that can be asked: bare TCP is another program's. */
static unsigned http_addrs(struct cdx_maddr out[CDX_PEER_ADDRS_MAX],
			   const struct cdx_provider_record *r)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < r->n_addrs && n < CDX_PEER_ADDRS_MAX; i++) {
		if (r->addr[i].http)
			out[n++] = r->addr[i];
	}
	return n;
}

/* The addresses of a newer record, at least one; the one in use stays in use where
 * it can. */
static void set_addrs(struct cdx_xpeer *p, const struct cdx_maddr *addr,
		      unsigned n)
{
	struct cdx_maddr was = p->addr[p->at];

	p->at = 0;
	p->n_addrs = n;
	for (unsigned i = 0; i < n; i++) {
		if (cdx_maddr_equal(&was, &addr[i]))
			p->at = i;
		p->addr[i] = addr[i];
	}
}

/* It answers there: the address is the one in use. */
static void use_addr(struct cdx_xpeer *p, const struct cdx_maddr *addr)
{
	for (p->at = 0; p->at < p->n_addrs; p->at++) {
		if (cdx_maddr_equal(&p->addr[p->at], addr))
			return;
	}
	if (p->n_addrs < CDX_PEER_ADDRS_MAX)
		p->n_addrs++;
	else
		p->at--;
	p->addr[p->at] = *addr;
}

struct cdx_xpeer *cdx_xpeer_of(struct cdx_exchange *ex,
			       const struct cdx_provider_record *r)
{
	static const struct cdx_peer_id none;
	const struct cdx_peer_id *id = &r->id;
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX];
	unsigned n = http_addrs(addr, r);
	struct cdx_xpeer *p;

	if (memcmp(id, &none, sizeof(none)) == 0)
		id = NULL;
	if (n == 0 || (id != NULL && memcmp(id, &ex->id, sizeof(*id)) == 0) ||
	    is_out(ex, id, addr, n))
		return NULL;
	p = find_peer(ex, id, &addr[0]);
	if (p == NULL)
		p = peer_new(ex);
	if (p == NULL)
		return NULL;
	set_addrs(p, addr, n);
	if (id != NULL) {
		p->id = *id;
		p->has_id = true;
	}
	p->has_tls_key = r->has_tls_key;
	p->tls_key = r->tls_key;
	return p;
}

struct cdx_xpeer *cdx_xpeer_at(struct cdx_exchange *ex,
			       const struct cdx_maddr *addr,
			       const struct cdx_peer_id *id)
{
	struct cdx_xpeer *p;

	if (is_out(ex, id, addr, 1) ||
	    (id != NULL && memcmp(id, &ex->id, sizeof(*id)) == 0))
		return NULL;
	p = find_peer(ex, id, addr);
	if (p == NULL)
		p = peer_new(ex);
	if (p == NULL)
		return NULL;
	use_addr(p, addr);
	if (id != NULL) {
		p->id = *id;
		p->has_id = true;
	}
	return p;
}

void cdx_xpeer_url(char out[CDX_MADDR_TEXT_MAX], const struct cdx_xpeer *p)
{
	cdx_maddr_url(out, &p->addr[p->at]);
}

const struct cdx_digest *cdx_xpeer_tls(const struct cdx_xpeer *p)
{
	return p->has_tls_key && p->addr[p->at].tls ? &p->tls_key : NULL;
}

void cdx_xpeer_name(char out[CDX_X_NAME_MAX], const struct cdx_xpeer *p)
{
	char id[CDX_PEER_ID_TEXT_MAX] = "";
	char url[CDX_MADDR_TEXT_MAX];

	cdx_xpeer_url(url, p);
	if (p->has_id)
		cdx_peer_id_text(id, &p->id);
	(void)snprintf(out, CDX_X_NAME_MAX, "%s%s%s", url, id[0] ? " " : "",
		       id);
}

/* ---- how fast ---- */

/* Faster is believed sooner than slower: a pause of ours looks like theirs. */
static void measured(struct cdx_xpeer *p, uint64_t ns)
{
	uint64_t sample = p->window_bytes * 1000000 / (ns / 1000);

	if (p->rate == 0)
		p->rate = sample;
	else if (sample > p->rate)
		p->rate = (p->rate + sample) / 2;
	else
		p->rate = (3 * p->rate + sample) / 4;
	if (p->rate == 0)
		p->rate = 1;
}

void cdx_xpeer_begin(struct cdx_xpeer *p, uint64_t now)
{
	if (p->inflight++ == 0) {
		p->window_at = now;
		p->window_bytes = 0;
	}
	p->used_at = now;
}

void cdx_xpeer_bytes(struct cdx_xpeer *p, size_t len, uint64_t now)
{
	p->bytes += len;
	p->window_bytes += len;
	if (now - p->window_at < WINDOW_NS)
		return;
	measured(p, now - p->window_at);
	p->window_at = now;
	p->window_bytes = 0;
}

void cdx_xpeer_end(struct cdx_xpeer *p, uint64_t now)
{
	if (--p->inflight == 0 && p->window_bytes > 0 &&
	    now - p->window_at >= WINDOW_MIN_NS)
		measured(p, now - p->window_at);
}

/* ---- how well ---- */

void cdx_xpeer_failed(struct cdx_exchange *ex, struct cdx_xpeer *p,
		      unsigned rest_s)
{
	uint64_t now = cdx_clock_mono_ns();
	unsigned rest = 1;

	p->failures++;
	cdx_xcount(ex, failed);
	if (rest_s > 0) {
		rest = rest_s < REST_MAX_S ? rest_s : REST_MAX_S;
	} else if (p->rest_until > now) {
		/* the others that were in flight when it failed */
		return;
	} else {
		for (unsigned i = 0; i < p->fails && rest < REST_MAX_S; i++)
			rest *= 2;
		if (rest > REST_MAX_S)
			rest = REST_MAX_S;
		p->fails++;
		p->at = (p->at + 1) % p->n_addrs;
	}
	p->rest_until = now + rest * CDX_X_NS_S;
}

void cdx_xpeer_worked(struct cdx_xpeer *p)
{
	p->fails = 0;
	p->rest_until = 0;
}

void cdx_xpeer_lied(struct cdx_exchange *ex, struct cdx_xpeer *p,
		    const struct cdx_xrequest *but, const char *what)
{
	char name[CDX_X_NAME_MAX];
	uint64_t now = cdx_clock_mono_ns();

	cdx_xcount(ex, bad);
	p->lies++;
	if (!cdx_xpeer_out(p, now)) {
		cdx_xpeer_name(name, p);
		cdx_log(ex->log, WARN, "exchange",
			"%s sent %s; it is not asked for %u s", name, what,
			ex->lie_s);
	}
	p->out_until = now + ex->lie_s * CDX_X_NS_S;
	/* others that its record names may be somebody else's */
	p->addr[0] = p->addr[p->at];
	p->at = 0;
	p->n_addrs = 1;
	cdx_list_foreach(pos, &ex->sessions) {
		struct cdx_xsession *s =
			cdx_list_entry(pos, struct cdx_xsession, node);

		cdx_list_foreach_safe(at, tmp, &s->requests) {
			struct cdx_xrequest *r =
				cdx_list_entry(at, struct cdx_xrequest, node);

			if (r->peer == p && r != but)
				cdx_xrequest_cancel(r);
		}
		s->doubt = true;
		cdx_xsession_kick(s);
	}
}
