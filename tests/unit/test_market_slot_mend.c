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

#include "base/err.h"
#include "erasure/codec.h"
#include "seed.h"
#include "store_tmp.h"

#include "exchange_kit.h"
#include "protect_kit.h"
#include "slot_kit.h"

/* Requests and manifests that are not what they say; slots that are not what they
 * should be any more. */

#define K 3u
#define M 2u
#define BLOCKS 90u

static struct seed seed;
static struct sk_client client;

static int group_setup(void **state)
{
	(void)state;
	seed = seed_start("slot mend");
	sk_client_new(&client, &seed, K, M, BLOCKS);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sk_client_free(&client);
	return 0;
}

/* ---- requests ---- */

static int check(struct sk *s, const struct cdx_storage_request *r,
		 struct cdx_cid *cid)
{
	const struct cdx_slot_run run = {.stall_ms = XK_MS};
	int rc = cdx_slot_check(&s->env, r, cid, &run, s->why);

	/* told in words, and only what is wrong */
	assert_int_equal(rc == 0, s->why[0] == '\0');
	return rc;
}

static void refused(struct sk *s, const struct cdx_storage_request *r,
		    const char *word)
{
	struct cdx_cid cid;

	assert_int_equal(check(s, r, &cid), -EINVAL);
	if (strstr(s->why, word) == NULL)
		fail_msg("\"%s\" has no \"%s\"", s->why, word);
}

static void requests(void **state)
{
	const struct cdx_storage_request right = sk_request(&client);
	struct cdx_storage_request r = right;
	struct sk s = {.x.find_ms = 100};
	struct host h;
	struct cdx_cid cid;

	(void)state;
	host_start(&h, client.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h);
	assert_int_equal(check(&s, &r, &cid), 0);
	assert_true(cdx_cid_equal(&cid, &client.data.verifiable));

	r.ask.slots++;
	refused(&s, &r, "6 slots");
	r.ask.slots = UINT64_MAX;
	refused(&s, &r, "slots");
	r = right;
	r.ask.max_slot_loss = M + 1;
	refused(&s, &r, "3 slots may be lost");
	r.ask.max_slot_loss = 0;
	assert_int_equal(check(&s, &r, &cid), 0);
	r = right;
	r.ask.slot_size -= SK_BLOCK;
	refused(&s, &r, "bytes");
	r.ask.slot_size = 0;
	refused(&s, &r, "bytes");
	r = right;
	r.merkle_root.b[0] ^= 1;
	refused(&s, &r, "merkle root");
	memset(r.merkle_root.b, 0xff, sizeof(r.merkle_root.b));
	refused(&s, &r, "merkle root");

	r = right;
	r.cid_len--;
	refused(&s, &r, "CID");
	r.cid_len = 0;
	refused(&s, &r, "CID");
	r.cid_len = CDX_CONTENT_CID_MAX;
	refused(&s, &r, "CID");
	/* as text: others' tools post that, and no node takes it */
	r = right;
	cdx_cid_text((char *)r.cid, &client.data.verifiable);
	r.cid_len = strlen((char *)r.cid);
	refused(&s, &r, "CID");
	/* of a block */
	r = right;
	cid = client.data.verifiable;
	cid.codec = CDX_CODEC_BLOCK;
	r.cid_len = cdx_cid_encode(r.cid, &cid);
	refused(&s, &r, "CID");
	/* of a dataset without slots */
	r = right;
	r.cid_len = cdx_cid_encode(r.cid, &client.data.plain);
	refused(&s, &r, "no slots");
	/* nobody has it */
	r = right;
	cid = client.data.verifiable;
	cid.digest[5] ^= 1;
	r.cid_len = cdx_cid_encode(r.cid, &cid);
	assert_int_equal(check(&s, &r, &cid), -ENOENT);
	sk_end(&s);
	host_stop(&h);
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static void manifest_does_not_come(void **state)
{
	const struct cdx_storage_request r = sk_request(&client);
	struct cdx_slot_run run = {.stall_ms = 300};
	struct sk s = {0};
	struct host h;
	struct cdx_cid cid;

	(void)state;
	host_start(&h, client.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h);
	atomic_store(&h.way, HOST_SILENT);
	assert_int_equal(cdx_slot_check(&s.env, &r, &cid, &run, s.why),
			 -ETIMEDOUT);
	run.cancel = at_once;
	run.stall_ms = 0;
	assert_int_equal(cdx_slot_check(&s.env, &r, &cid, &run, s.why),
			 -ECANCELED);
	sk_end(&s);
	host_stop(&h);
}

/* ---- manifests ---- */

static int look(const struct cdx_manifest *m, const char *word)
{
	char why[CDX_MARKET_WHY_MAX] = "";
	struct cdx_geometry g;
	int rc = cdx_slot_manifest_check(&g, m, why);

	if (word != NULL && strstr(why, word) == NULL)
		fail_msg("\"%s\" has no \"%s\"", why, word);
	return rc;
}

/* A copy whose slot roots may be changed */
static struct cdx_manifest copy(struct cdx_cid roots[64])
{
	struct cdx_manifest m = client.sl.manifest;

	for (uint32_t i = 0; i < m.verification.slots; i++)
		roots[i] = m.verification.slot_roots[i];
	m.verification.slot_roots = roots;
	return m;
}

static void manifests(void **state)
{
	struct cdx_cid roots[64] = {{0}};
	struct cdx_cid other = client.data.verifiable;
	char why[CDX_MARKET_WHY_MAX];
	struct cdx_buf bytes = {0};
	struct cdx_manifest m;

	(void)state;
	m = copy(roots);
	assert_int_equal(look(&m, NULL), 0);
	m.is_verifiable = false;
	assert_int_equal(look(&m, "no slots"), -EINVAL);
	/* slots of others, or in another order */
	m = copy(roots);
	roots[0] = roots[1];
	assert_int_equal(look(&m, "slot roots"), -EINVAL);
	m = copy(roots);
	roots[0] = client.sl.manifest.verification.slot_roots[1];
	roots[1] = client.sl.manifest.verification.slot_roots[0];
	assert_int_equal(look(&m, "slot roots"), -EINVAL);
	/* what the circuit does not take */
	m = copy(roots);
	m.verification.cell_size = 1024;
	assert_int_equal(look(&m, "circuit"), -EINVAL);
	m = copy(roots);
	m.block_size = 2 * SK_BLOCK;
	assert_int_not_equal(look(&m, NULL), 0);
	/* a code that we have not */
	m = copy(roots);
	m.erasure.codec = 0;
	assert_int_equal(look(&m, NULL), CDX_E_CODEC);
	m.erasure.codec = 4711;
	assert_int_equal(look(&m, NULL), CDX_E_CODEC);
	/* numbers that contradict each other */
	m = copy(roots);
	m.verification.slots--;
	assert_int_not_equal(look(&m, NULL), 0);
	m = copy(roots);
	m.erasure.k = 0;
	assert_int_not_equal(look(&m, NULL), 0);
	m = copy(roots);
	m.dataset_size = UINT64_MAX;
	assert_int_not_equal(look(&m, NULL), 0);
	/* fields of a newer version: what we would keep is another manifest */
	assert_int_equal(cdx_slot_manifest_bytes(&bytes, &client.sl.manifest,
						 &other, why),
			 0);
	other.digest[0] ^= 1;
	assert_int_equal(cdx_slot_manifest_bytes(&bytes, &client.sl.manifest,
						 &other, why),
			 -EINVAL);
	cdx_buf_free(&bytes);
}

/* Blocks of another size, all else is right */
static void small_blocks(void **state)
{
	struct cdx_protect_opts o = pk_opts(2, 1);
	const struct cdx_slot_run run = {.stall_ms = XK_MS};
	struct sk_client c = {.t = client.t};
	struct cdx_storage_request r;
	struct cdx_slot_got got;
	struct sk s = {0};
	struct host h;
	struct cdx_cid cid;

	(void)state;
	pk_add(&c.t, &c.data, &seed, NULL, 100000, 4096);
	pk_protect(&c.t, &c.data, &o);
	pk_slots(&c.t, &c.data, &c.sl);
	r = sk_request(&c);
	host_start(&h, c.t.s, HOST_HONEST);
	sk_start(&s);
	xk_know(&s.x, &h);
	assert_int_equal(check(&s, &r, &cid), -EINVAL);
	assert_non_null(strstr(s.why, "circuit"));
	assert_int_equal(cdx_slot_obtain(&s.env, &c.data.verifiable, 0, NULL,
					 &run, &got, s.why),
			 -EINVAL);
	assert_int_equal(cdx_slot_obtain(&s.env, &client.data.verifiable, K + M,
					 NULL, &run, &got, s.why),
			 -EINVAL);
	assert_int_equal(cdx_slot_obtain(&s.env, &client.data.plain, 0, NULL,
					 &run, &got, s.why),
			 -EINVAL);
	sk_end(&s);
	host_stop(&h);
	cdx_slots_free(&c.sl);
	pk_free(&c.data);
}

/* ---- mending ---- */

struct broken {
	struct sk s;
	struct host h;
	struct cdx_slots sl;
};

/* A host with two slots */
static void begin(struct broken *b)
{
	struct cdx_slot_got got;

	memset(b, 0, sizeof(*b));
	b->s.x.find_ms = 100;
	host_start(&b->h, client.t.s, HOST_HONEST);
	sk_start(&b->s);
	xk_know(&b->s.x, &b->h);
	assert_int_equal(sk_obtain(&b->s, &client, 1, &got), 0);
	assert_int_equal(sk_obtain(&b->s, &client, 4, &got), 0);
	assert_int_equal(cdx_slots_open(&b->sl, b->s.x.store->s,
					&client.data.verifiable),
			 0);
}

static void end(struct broken *b)
{
	struct tmp_findings v;

	tmp_fsck(b->s.x.store, &v);
	assert_int_equal(v.n, 0);
	cdx_slots_free(&b->sl);
	sk_end(&b->s);
	host_stop(&b->h);
}

/* Somebody else's byte in a block of a slot; returns its file */
static uint64_t flip(struct broken *b, uint32_t slot, uint64_t step)
{
	struct cdx_block_loc loc = {0};

	assert_true(pk_loc(b->s.x.store, &b->sl,
			   cdx_geometry_index(&b->sl.g, slot, step), &loc));
	tmp_area_flip(b->s.x.store, loc.area, (off_t)loc.off + 4242);
	return loc.area;
}

static void nothing_wrong(void **state)
{
	struct cdx_slot_look l;
	struct broken b;
	unsigned asked;

	(void)state;
	begin(&b);
	asked = atomic_load(&b.h.requests);
	assert_int_equal(sk_mend(&b.s, &client, 1, &l), 0);
	assert_int_equal(l.blocks, client.sl.g.steps);
	assert_int_equal(l.missing, 0);
	assert_int_equal(l.mended, 0);
	assert_int_equal(atomic_load(&b.h.requests), asked);
	/* what is not here at all */
	assert_int_equal(sk_mend(&b.s, &client, K + M, &l), -EINVAL);
	end(&b);
}

static void bytes_changed(void **state)
{
	struct cdx_slot_look l;
	struct broken b;

	(void)state;
	begin(&b);
	(void)flip(&b, 1, 0);
	(void)flip(&b, 1, 7);
	(void)flip(&b, 4, client.sl.g.steps - 1);
	assert_int_equal(sk_mend(&b.s, &client, 1, &l), 0);
	assert_int_equal(l.blocks, client.sl.g.steps);
	assert_int_equal(l.missing, 2);
	assert_int_equal(l.mended, 2);
	assert_true(sk_whole(&b.s, &client, 1));
	assert_int_equal(sk_mend(&b.s, &client, 4, &l), 0);
	assert_int_equal(l.mended, 1);
	assert_true(sk_whole(&b.s, &client, 4));
	end(&b);
}

/* Nobody is there: it is not whole, and says so; what is had later mends it. */
static void mended_later(void **state)
{
	struct cdx_slot_look l;
	struct broken b;

	(void)state;
	begin(&b);
	(void)flip(&b, 1, 3);
	atomic_store(&b.h.way, HOST_NOT_FOUND);
	assert_int_equal(sk_mend(&b.s, &client, 1, &l), -ENODATA);
	assert_int_equal(l.missing, 1);
	assert_int_equal(l.mended, 0);
	assert_non_null(strstr(b.s.why, "nobody has"));
	atomic_store(&b.h.way, HOST_WRONG_BLOCK);
	assert_int_not_equal(sk_mend(&b.s, &client, 1, &l), 0);
	/* a new start, since liars are out for an hour */
	atomic_store(&b.h.way, HOST_HONEST);
	xk_free_exchange(&b.s.x);
	assert_int_equal(cdx_await(b.s.x.loop, xk_make, &b.s.x), 0);
	b.s.env.exchange = b.s.x.ex;
	xk_know(&b.s.x, &b.h);
	assert_int_equal(sk_mend(&b.s, &client, 1, &l), 0);
	assert_int_equal(l.mended, 1);
	assert_true(sk_whole(&b.s, &client, 1));
	end(&b);
}

static void file_removed(void **state)
{
	struct cdx_block_loc loc = {0};
	struct cdx_slot_look l;
	struct broken b;
	char path[PATH_MAX];

	(void)state;
	begin(&b);
	assert_true(pk_loc(b.s.x.store, &b.sl,
			   cdx_geometry_index(&b.sl.g, 4, 1), &loc));
	tmp_area_path(b.s.x.store, path, loc.area);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(sk_mend(&b.s, &client, 4, &l), 0);
	assert_true(sk_whole(&b.s, &client, 4));
	/* those that lay in the same file */
	assert_int_equal(sk_mend(&b.s, &client, 1, &l), 0);
	assert_true(sk_whole(&b.s, &client, 1));
	end(&b);
}

static bool from_then_on(void *arg)
{
	return atomic_load((atomic_bool *)arg);
}

static void stop_it(void *arg, uint64_t done, uint64_t total)
{
	(void)done;
	(void)total;
	atomic_store((atomic_bool *)arg, true);
}

/* Not faster than the rate, and told to end while it rests */
static void paced(void **state)
{
	atomic_bool stop = false;
	struct cdx_slot_run run = {.arg = &stop};
	struct sk_client c;
	struct sk s = {0};
	struct cdx_slot_look l;
	uint64_t began;

	(void)state;
	/* slots of some parts of 4 MiB */
	sk_client_new(&c, &seed, 2, 1, 400);
	s.x.store = &c.t;
	sk_start(&s);
	began = cdx_clock_mono_ns();
	assert_int_equal(cdx_slot_mend(&s.env, &c.data.verifiable, 1, 50u << 20,
				       &run, &l, s.why),
			 0);
	assert_int_equal(l.blocks, c.sl.g.steps);
	assert_true(cdx_clock_mono_ns() - began > 200000000);
	run.progress = stop_it;
	run.cancel = from_then_on;
	assert_int_equal(cdx_slot_mend(&s.env, &c.data.verifiable, 1, 1, &run,
				       &l, s.why),
			 -ECANCELED);
	assert_int_equal(cdx_slot_mend(&s.env, &c.data.verifiable, 1, 0, &run,
				       &l, s.why),
			 -ECANCELED);
	sk_end(&s);
	sk_client_free(&c);
}

/* A client's own slots that were evicted come back from whoever keeps them. */
static void evicted(void **state)
{
	struct sk_client c;
	struct sk owner = {0};
	struct sk keeper = {0};
	struct host h;
	struct cdx_slot_look l;
	struct cdx_slot_got got;
	uint8_t *before;
	const uint32_t slot = 2;

	(void)state;
	sk_client_new(&c, &seed, 2, 1, 61);
	before = malloc(c.sl.g.steps * SK_BLOCK);
	assert_non_null(before);
	for (uint64_t i = 0; i < c.sl.g.steps; i++)
		assert_int_equal(cdx_protection_read(
					 c.t.s, before + i * SK_BLOCK,
					 &c.sl.rec,
					 cdx_geometry_index(&c.sl.g, slot, i)),
				 0);
	host_start(&h, c.t.s, HOST_HONEST);
	sk_start(&keeper);
	xk_know(&keeper.x, &h);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(sk_obtain(&keeper, &c, i, &got), 0);
	host_stop(&h);
	sk_serve(&keeper);
	assert_int_equal(cdx_protection_evict(c.t.s, &c.sl.rec), 0);
	owner.x.store = &c.t;
	owner.x.peer[0] = keeper.addr;
	owner.x.n_peers = 1;
	sk_start(&owner);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sk_mend(&owner, &c, i, &l), 0);
		assert_int_equal(l.missing, l.mended);
		assert_true(l.mended + 1 >= c.sl.g.steps);
	}
	for (uint64_t i = 0; i < c.sl.g.steps; i++) {
		uint8_t got_block[SK_BLOCK];
		struct cdx_slots sl = {0};

		pk_slots(&c.t, &c.data, &sl);
		assert_true(cdx_held_whole(&sl.rec, slot));
		assert_int_equal(cdx_protection_read_own(
					 c.t.s, got_block, &sl.rec,
					 cdx_geometry_index(&sl.g, slot, i)),
				 0);
		assert_memory_equal(got_block, before + i * SK_BLOCK, SK_BLOCK);
		cdx_slots_free(&sl);
	}
	free(before);
	sk_end(&owner);
	sk_end(&keeper);
	sk_client_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(manifest_does_not_come),
		cmocka_unit_test(manifests),
		cmocka_unit_test(small_blocks),
		cmocka_unit_test(nothing_wrong),
		cmocka_unit_test(bytes_changed),
		cmocka_unit_test(mended_later),
		cmocka_unit_test(file_removed),
		cmocka_unit_test(paced),
		cmocka_unit_test(evicted),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
