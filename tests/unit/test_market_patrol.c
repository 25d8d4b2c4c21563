/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "market/patrol.h"
#include "seed.h"
#include "store_tmp.h"

#include "exchange_kit.h"
#include "protect_kit.h"
#include "slot_kit.h"

/* The client's look at its hosts: who is there, who is not, who lies. */

#define K 2u
#define M 1u
#define SLOTS (K + M)
#define BLOCKS 61u
#define WAIT_S 60
/* Far less than a block is waited for */
#define AT_ONCE_NS UINT64_C(3000000000)

static struct seed seed;
static struct sk_client client;

static int group_setup(void **state)
{
	(void)state;
	seed = seed_start("patrol");
	sk_client_new(&client, &seed, K, M, BLOCKS);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sk_client_free(&client);
	return 0;
}

/* A client with a host for each slot */
struct env {
	struct sk s;
	struct host h[SLOTS];
	struct cdx_patrol *p;
	pthread_mutex_t mu;
	bool listed;	/* under mu, as all that follows */
	unsigned found; /* calls */
	uint32_t bad;	/* of the last one */
	struct cdx_patrol_slot slot[SLOTS];
	unsigned n_slots;
};

static int list(void *arg, cdx_patrol_one_fn *fn, void *fn_arg)
{
	struct env *e = arg;
	struct cdx_cid other = client.data.verifiable;
	bool listed;
	int rc;

	(void)pthread_mutex_lock(&e->mu);
	listed = e->listed;
	(void)pthread_mutex_unlock(&e->mu);
	if (!listed)
		return 0;
	/* one that is not here, and says nothing of the others */
	other.digest[3] ^= 1;
	other.digest[20] ^= 1;
	rc = fn(fn_arg, &other, SLOTS);
	return rc < 0 ? rc : fn(fn_arg, &client.data.verifiable, SLOTS);
}

static void found(void *arg, const struct cdx_cid *cid, uint32_t bad)
{
	struct env *e = arg;

	assert_true(cdx_cid_equal(cid, &client.data.verifiable));
	(void)pthread_mutex_lock(&e->mu);
	e->found++;
	e->bad = bad;
	(void)pthread_mutex_unlock(&e->mu);
}

static int on_slot(void *arg, const struct cdx_cid *cid,
		   const struct cdx_patrol_slot *slot)
{
	struct env *e = arg;

	if (!cdx_cid_equal(cid, &client.data.verifiable))
		return 0;
	assert_true(slot->index < SLOTS);
	e->slot[slot->index] = *slot;
	e->n_slots++;
	return 0;
}

static void begin(struct env *e, unsigned blocks)
{
	struct cdx_patrol_opts o = {
		.list = list,
		.found = found,
		.arg = e,
		.blocks = blocks,
	};

	memset(e, 0, sizeof(*e));
	(void)pthread_mutex_init(&e->mu, NULL);
	e->listed = true;
	e->s.x.store = &client.t;
	e->s.x.n_peers = SLOTS;
	for (unsigned i = 0; i < SLOTS; i++) {
		host_start(&e->h[i], client.t.s, HOST_HONEST);
		e->h[i].tells = true;
		e->h[i].slots = 1u << i;
		host_addr(&e->h[i], &e->s.x.peer[i]);
	}
	sk_start(&e->s);
	assert_int_equal(cdx_patrol_new(&e->p, &e->s.env, &o), 0);
}

static void end(struct env *e)
{
	cdx_patrol_free(e->p);
	sk_end(&e->s);
	for (unsigned i = 0; i < SLOTS; i++)
		host_stop(&e->h[i]);
	(void)pthread_mutex_destroy(&e->mu);
}

/* One more round, soon; how many were bad */
static uint32_t round_of(struct env *e)
{
	struct cdx_patrol_stats st;
	uint64_t before;
	uint32_t bad;

	cdx_patrol_stats(e->p, &st);
	before = st.rounds;
	cdx_patrol_kick(e->p);
	for (unsigned i = 0; st.rounds == before; i++) {
		if (i > WAIT_S * 100u)
			fail_msg("no round");
		(void)usleep(10000);
		cdx_patrol_stats(e->p, &st);
	}
	e->n_slots = 0;
	assert_int_equal(cdx_patrol_slots(e->p, on_slot, e), 0);
	(void)pthread_mutex_lock(&e->mu);
	bad = e->bad;
	(void)pthread_mutex_unlock(&e->mu);
	return bad;
}

static void honest(void **state)
{
	struct env e;
	struct cdx_patrol_stats st;
	char id[CDX_PEER_ID_TEXT_MAX];

	(void)state;
	begin(&e, 0);
	assert_int_equal(round_of(&e), 0);
	assert_int_equal(e.n_slots, SLOTS);
	for (unsigned i = 0; i < SLOTS; i++) {
		assert_int_equal(e.slot[i].failed, 0);
		assert_false(e.slot[i].lied);
		assert_true(e.slot[i].answered > 0);
		cdx_peer_id_text(id, &e.h[i].who.id);
		assert_string_equal(e.slot[i].host, id);
		assert_int_equal(atomic_load(&e.h[i].blocks), 1);
	}
	assert_int_equal(round_of(&e), 0);
	cdx_patrol_stats(e.p, &st);
	assert_int_equal(st.good, 2 * SLOTS);
	assert_int_equal(st.bad + st.silent, 0);
	assert_true(st.last > 0);
	end(&e);
}

/* Bad after two rounds, and good again after one */
static void silent(void **state)
{
	struct env e;
	struct cdx_patrol_stats st;

	(void)state;
	begin(&e, 0);
	assert_int_equal(round_of(&e), 0);
	atomic_store(&e.h[1].way, HOST_ABSENT);
	assert_int_equal(round_of(&e), 0);
	assert_int_equal(e.slot[1].failed, 1);
	assert_int_equal(round_of(&e), 1);
	assert_int_equal(e.slot[1].failed, 2);
	assert_false(e.slot[1].lied);
	assert_true(e.slot[1].answered <= e.slot[1].asked);
	assert_int_equal(e.slot[0].failed, 0);
	assert_int_equal(e.slot[2].failed, 0);
	cdx_patrol_stats(e.p, &st);
	assert_int_equal(st.silent, 2);
	atomic_store(&e.h[1].way, HOST_HONEST);
	assert_int_equal(round_of(&e), 0);
	assert_int_equal(e.slot[1].failed, 0);
	end(&e);
}

static void lying(void **state)
{
	struct env e;
	struct cdx_patrol_stats st;

	(void)state;
	begin(&e, 0);
	atomic_store(&e.h[2].way, HOST_WRONG_BLOCK);
	assert_int_equal(round_of(&e), 0);
	assert_true(e.slot[2].lied);
	/* out for an hour: nobody else has that slot */
	assert_int_equal(round_of(&e), 1);
	assert_true(e.slot[2].lied);
	assert_int_equal(e.slot[2].failed, 2);
	assert_int_equal(e.slot[2].answered, 0);
	cdx_patrol_stats(e.p, &st);
	assert_int_equal(st.bad, 1);
	assert_int_equal(st.silent, 1);
	end(&e);
}

/* Half of its blocks are gone: more questions find that sooner. */
static bool odd(void *arg, uint32_t index)
{
	(void)arg;
	return (index & 1) != 0;
}

static void half_gone(void **state)
{
	struct env e;

	(void)state;
	begin(&e, 24);
	e.h[0].has = odd;
	(void)round_of(&e);
	assert_int_equal(e.slot[0].failed, 1);
	assert_int_equal(round_of(&e), 1);
	assert_int_equal(e.slot[1].failed, 0);
	end(&e);
}

static void not_listed(void **state)
{
	struct env e;
	unsigned calls;

	(void)state;
	begin(&e, 0);
	assert_int_equal(round_of(&e), 0);
	(void)pthread_mutex_lock(&e.mu);
	e.listed = false;
	calls = e.found;
	(void)pthread_mutex_unlock(&e.mu);
	(void)round_of(&e);
	assert_int_equal(e.n_slots, 0);
	assert_int_equal(e.found, calls);
	end(&e);
}

/* Freed while nobody gives what he was asked for: it is not waited for. */
static void freed_meanwhile(void **state)
{
	struct env e;
	uint64_t began;

	(void)state;
	begin(&e, 0);
	for (unsigned i = 0; i < SLOTS; i++)
		atomic_store(&e.h[i].way, HOST_STALL);
	cdx_patrol_kick(e.p);
	for (unsigned i = 0; atomic_load(&e.h[0].requests) == 0; i++) {
		assert_true(i < WAIT_S * 100u);
		(void)usleep(10000);
	}
	began = cdx_clock_mono_ns();
	cdx_patrol_free(e.p);
	assert_true(cdx_clock_mono_ns() - began < AT_ONCE_NS);
	e.p = NULL;
	end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest),     cmocka_unit_test(silent),
		cmocka_unit_test(lying),      cmocka_unit_test(half_gone),
		cmocka_unit_test(not_listed), cmocka_unit_test(freed_meanwhile),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
