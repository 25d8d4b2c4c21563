/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "node/market_internal.h"

/*
 * One thread gets the parts going: what the chain must be asked once, senders, keys,
 * the configured availability; then the parts themselves, on the chain's loop.  Of
 * three roles each begins as soon as it can; what is missing is tried again.
 */

#define MS 1000000u
#define NS 1000000000u
/* between tries, doubling */
#define TRY_MS 1000u
#define TRY_MAX_MS 60000u

static const char *const role_names[CDX_MARKET_ROLES] = {
	[CDX_MARKET_BUYS] = "buying",
	[CDX_MARKET_SELLS] = "selling",
	[CDX_MARKET_VALIDATES] = "validating",
};

/* ---- waiting, and words ---- */

bool cdx_node_market_stopping(struct cdx_node_market *m)
{
	bool stop;

	pthread_mutex_lock(&m->mu);
	stop = m->stop;
	pthread_mutex_unlock(&m->mu);
	return stop;
}

bool cdx_node_market_wait(struct cdx_node_market *m, unsigned ms,
			  const uint64_t *changes)
{
	uint64_t end = cdx_clock_mono_ns() + (uint64_t)ms * MS;
	struct timespec ts = {
		.tv_sec = (time_t)(end / NS),
		.tv_nsec = (long)(end % NS),
	};
	bool stop;
	int rc = 0;

	pthread_mutex_lock(&m->mu);
	while (!m->stop && rc == 0 &&
	       (changes == NULL || *changes == m->changes))
		rc = pthread_cond_timedwait(&m->cv, &m->mu, &ts);
	stop = m->stop;
	pthread_mutex_unlock(&m->mu);
	return !stop;
}

void cdx_node_market_say(struct cdx_node_market *m, enum cdx_market_role role,
			 const char *why)
{
	char *to = role == CDX_MARKET_ROLES ? m->state.why
					    : m->state.role_why[role];
	bool is_new;

	pthread_mutex_lock(&m->mu);
	is_new = strcmp(to, why) != 0;
	if (is_new)
		snprintf(to, CDX_CHAIN_WHY_MAX, "%s", why);
	pthread_mutex_unlock(&m->mu);
	if (is_new && why[0] != '\0')
		cdx_log(m->n->log, WARN, "market", "%s: %s",
			role == CDX_MARKET_ROLES ? "the market must wait"
						 : role_names[role],
			why);
}

/* ---- the thread ---- */

/* Asks until the chain answers; false: it is to stop */
static bool get_ready(struct cdx_node_market *m)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	unsigned ms = TRY_MS;
	int rc;

	for (;;) {
		rc = cdx_node_market_probe(m, why);
		if (rc == -ECANCELED)
			return false;
		cdx_node_market_say(m, CDX_MARKET_ROLES, rc < 0 ? why : "");
		if (rc == 0)
			return true;
		if (!cdx_node_market_wait(m, ms, NULL))
			return false;
		ms = ms * 2 < TRY_MAX_MS ? ms * 2 : TRY_MAX_MS;
	}
}

/* The roles, as they can be had; false: it is to stop */
static bool begin_roles(struct cdx_node_market *m)
{
	unsigned ms = TRY_MS;

	while (!cdx_node_market_make(m)) {
		if (!cdx_node_market_wait(m, ms, NULL))
			return false;
		ms = ms * 2 < TRY_MAX_MS ? ms * 2 : TRY_MAX_MS;
	}
	return true;
}

static void *run(void *arg)
{
	struct cdx_node_market *m = arg;

	if (get_ready(m) && begin_roles(m))
		cdx_log(m->n->log, INFO, "market", "takes part in the market");
	while (cdx_node_market_wait(m, TRY_MAX_MS, NULL))
		;
	cdx_vol_set_stages(m->n->volume, NULL);
	cdx_node_market_back_join(m);
	cdx_node_market_unmake(m);
	return NULL;
}

/* Signals are for the threads that were there before */
static int start_thread(struct cdx_node_market *m)
{
	sigset_t all;
	sigset_t old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = -pthread_create(&m->thread, NULL, run, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	m->has_thread = rc == 0;
	return rc;
}

static int make_cond(pthread_cond_t *cv)
{
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);

	if (rc != 0)
		return -rc;
	rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(cv, &attr);
	pthread_condattr_destroy(&attr);
	return -rc;
}

static void take_keys(struct cdx_node_market *m, const struct cdx_keyfile *keys)
{
	struct cdx_volume_keys vk;

	cdx_volume_keys_derive(&vk, &keys->root, keys->volume);
	m->location = vk.location;
	cdx_volume_keys_wipe(&vk);
}

int cdx_node_market_new(struct cdx_node_market **out,
			const struct cdx_node_market_opts *o)
{
	struct cdx_node_market *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL)
		return -ENOMEM;
	rc = make_cond(&m->cv);
	if (rc < 0) {
		free(m);
		return rc;
	}
	pthread_mutex_init(&m->mu, NULL);
	pthread_rwlock_init(&m->lock, NULL);
	m->n = o->n;
	m->raw = *o->conf;
	m->conf = *o->conf;
	m->look_ms = o->look_ms;
	atomic_init(&m->cur, &m->raw);
	m->state.wanted[CDX_MARKET_BUYS] = o->conf->buys;
	m->state.wanted[CDX_MARKET_SELLS] = o->conf->provides;
	m->state.wanted[CDX_MARKET_VALIDATES] = o->conf->validates;
	take_keys(m, o->keys);
	if (o->none != NULL)
		cdx_node_market_say(m, CDX_MARKET_ROLES, o->none);
	else
		rc = start_thread(m);
	if (rc < 0) {
		cdx_node_market_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void cdx_node_market_free(struct cdx_node_market *m)
{
	if (m == NULL)
		return;
	pthread_mutex_lock(&m->mu);
	m->stop = true;
	pthread_cond_broadcast(&m->cv);
	pthread_mutex_unlock(&m->mu);
	if (m->has_thread)
		pthread_join(m->thread, NULL);
	cdx_wipe(&m->location, sizeof(m->location));
	pthread_rwlock_destroy(&m->lock);
	pthread_cond_destroy(&m->cv);
	pthread_mutex_destroy(&m->mu);
	free(m);
}

/* ---- who uses it ---- */

void cdx_node_market_state(struct cdx_node_market *m,
			   struct cdx_node_market_state *out)
{
	memset(out, 0, sizeof(*out));
	if (m == NULL)
		return;
	pthread_mutex_lock(&m->mu);
	*out = m->state;
	pthread_mutex_unlock(&m->mu);
}

int cdx_node_market_enter(struct cdx_node_market *m,
			  struct cdx_market_parts *out,
			  char why[CDX_CHAIN_WHY_MAX])
{
	memset(out, 0, sizeof(*out));
	if (m == NULL) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "this process has no part in the market; start it "
			 "with --market, --provide SIZE or --validate");
		return -ENODATA;
	}
	pthread_rwlock_rdlock(&m->lock);
	if (m->ready) {
		*out = m->parts;
		return 0;
	}
	pthread_rwlock_unlock(&m->lock);
	pthread_mutex_lock(&m->mu);
	snprintf(why, CDX_CHAIN_WHY_MAX, "%s",
		 m->state.why[0] != '\0'
			 ? m->state.why
			 : "the market is being started; the chain has not "
			   "answered yet");
	pthread_mutex_unlock(&m->mu);
	return m->has_thread ? -EAGAIN : -ENODATA;
}

void cdx_node_market_leave(struct cdx_node_market *m)
{
	pthread_rwlock_unlock(&m->lock);
}

const struct cdx_conf_market *
cdx_node_market_conf(const struct cdx_node_market *m)
{
	return atomic_load(&m->cur);
}

bool cdx_node_market_safe(struct cdx_node_market *m,
			  const struct cdx_cid *verifiable)
{
	bool safe = false;

	pthread_rwlock_rdlock(&m->lock);
	if (m->parts.purchasing != NULL)
		safe = cdx_purchasing_safe(m->parts.purchasing, verifiable);
	pthread_rwlock_unlock(&m->lock);
	return safe;
}
