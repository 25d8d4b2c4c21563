/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Purchases, and everything that goes wrong: killed at each write, the chain's node
 * away, blocks undone.  Never two requests, never tokens lost.
 *
 * usage: purchasing_faults URL KEY.zkey ARTIFACTS [KILLS]
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "codec/abi.h"
#include "tests/market/purchasing_kit.h"

static char **args;
static struct bk w;

/* ---- a store that dies ---- */

/* Over the real one: after so many changes nothing is written any more, and nobody
 * is told */
static struct {
	struct cdx_persist calls;
	const struct cdx_persist *real;
	unsigned left;
	bool last_counts; /* the last change is on the disk */
	bool dead;
	bool fails; /* changes cannot be made durable */
	cdx_persist_fn *fn;
	void *fn_arg;
} disk;

static bool dies(void)
{
	if (disk.dead)
		return true;
	if (disk.left > 0) {
		disk.left--;
		return false;
	}
	disk.dead = true;
	return true;
}

static void put_failed(void *arg, int err)
{
	(void)arg;
	(void)err;
	disk.fn(disk.fn_arg, -EIO);
}

static int disk_put(void *arg, const char *key, const void *val, size_t len,
		    cdx_persist_fn *fn, void *fn_arg)
{
	bool was = disk.dead;

	(void)arg;
	if (disk.fails && fn != NULL) {
		disk.fails = false;
		disk.fn = fn;
		disk.fn_arg = fn_arg;
		return disk.real->put(disk.real->arg, key, val, len, put_failed,
				      fn_arg);
	}
	if (!dies())
		return disk.real->put(disk.real->arg, key, val, len, fn,
				      fn_arg);
	if (!was && disk.last_counts)
		return disk.real->put(disk.real->arg, key, val, len, NULL,
				      NULL);
	return 0;
}

static int disk_del(void *arg, const char *key, cdx_persist_fn *fn,
		    void *fn_arg)
{
	bool was = disk.dead;

	(void)arg;
	if (!dies())
		return disk.real->del(disk.real->arg, key, fn, fn_arg);
	if (!was && disk.last_counts)
		return disk.real->del(disk.real->arg, key, NULL, NULL);
	return 0;
}

static int disk_list(void *arg, const char *prefix,
		     int (*each)(void *each_arg, const char *key,
				 const void *val, size_t len),
		     void *each_arg)
{
	(void)arg;
	return disk.real->list(disk.real->arg, prefix, each, each_arg);
}

static void disk_forget(void *arg, void *fn_arg)
{
	(void)arg;
	disk.real->forget(disk.real->arg, fn_arg);
}

static int setup(void **state)
{
	(void)state;
	bk_start(&w, "market/purchasing_faults", args, true);
	disk.real = w.kit.env.persist;
	disk.calls = (struct cdx_persist){.put = disk_put,
					  .del = disk_del,
					  .list = disk_list,
					  .forget = disk_forget};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bk_stop(&w);
	return 0;
}

static void sender_here(void *arg)
{
	const struct cdx_sender_opts opts = {.log = w.kit.env.log};

	(void)arg;
	assert_int_equal(cdx_sender_new(&w.client.sender, w.kit.env.loop,
					w.kit.env.rpc, w.kit.env.head,
					w.kit.env.persist, &w.client.account,
					&opts),
			 0);
}

/* A process that is killed at the change behind @changes others */
static void live_until(unsigned changes, bool last_counts)
{
	disk.left = changes;
	disk.last_counts = last_counts;
	disk.dead = false;
	mk_sender_drop(&w.kit, &w.client);
	mk_on_loop(&w.kit, sender_here, NULL);
	bk_open(&w);
}

/* ---- what the chain says ---- */

static unsigned requested(uint64_t from)
{
	struct cdx_b32 topic;
	char text[67] = "0x";
	char addr[CDX_ADDR_TEXT_MAX];
	char block[20];
	json_t *logs;
	unsigned n;

	cdx_market_event_topic(&topic, CDX_EVENT_STORAGE_REQUESTED);
	cdx_hex(text + 2, topic.b, sizeof(topic.b));
	cdx_addr_text(addr, &w.kit.contract);
	snprintf(block, sizeof(block), "0x%llx", (unsigned long long)from);
	logs = chain_rpc(&w.kit.hand, "eth_getLogs",
			 json_pack("[{s:s, s:s, s:s, s:[s]}]", "fromBlock",
				   block, "toBlock", "latest", "address", addr,
				   "topics", text));
	n = (unsigned)json_array_size(logs);
	json_decref(logs);
	return n;
}

static struct cdx_u256 tokens(void)
{
	return mk_balance(&w.kit, &w.client.account.addr);
}

static void until_all_back(struct cdx_u256 all)
{
	struct cdx_u256 now = tokens();

	for (unsigned i = 0; i < 6000 && cdx_u256_cmp(&now, &all) != 0; i++) {
		usleep(10000);
		now = tokens();
	}
	mk_assert_amount(&now, &all, "the client's tokens");
}

static bool money_back(void *arg)
{
	struct cdx_purchasing_stats st;

	(void)arg;
	cdx_purchasing_stats(w.p, &st);
	return !cdx_u256_is_zero(&st.returned);
}

/* ---- killed at each write ---- */

static bool is_over(struct bk_find *f)
{
	return bk_look(f) && f->info.state == CDX_PURCHASE_CANCELLED;
}

struct dead_or {
	struct bk_find *find;
	enum cdx_purchase_state state;
};

static bool dead_or_is(void *arg)
{
	struct dead_or *d = arg;

	return disk.dead ||
	       (bk_look(d->find) && d->find->info.state == d->state);
}

/* Lives that each end one write later than the one before, and end before or behind
 * that write, until one gets to @state */
static unsigned lives_to(enum cdx_purchase_state state)
{
	struct bk_find f = {.w = &w, .area = 1};
	struct dead_or d = {&f, state};
	unsigned lives = 0;

	for (;; lives++) {
		assert_true(lives < 200);
		live_until(lives / 2, lives % 2);
		mk_until(&w.kit, dead_or_is, &d, "death");
		if (!disk.dead)
			return lives;
		bk_close(&w);
	}
}

static void test_killed(void **state)
{
	struct bk_find f = {.w = &w, .area = 1};
	uint64_t from = chain_latest(&w.kit.hand).number;
	struct cdx_u256 price;
	struct cdx_u256 paid;
	struct cdx_u256 all;
	unsigned lives;

	(void)state;
	bk_client(&w);
	w.kit.env.persist = &disk.calls;
	all = tokens();
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	lives = lives_to(CDX_PURCHASE_SUBMITTED);
	assert_true(lives > 3);
	assert_true(bk_look(&f));
	assert_int_equal(bk_count(&w), 1);
	assert_int_equal(requested(from), 1);
	assert_int_equal(cdx_ask_max_price(&price, &f.info.what.ask), 0);
	paid = tokens();
	assert_int_equal(cdx_u256_add(&paid, &paid, &price), 0);
	mk_assert_amount(&paid, &all, "tokens and the price");
	/* expires; the money comes back once */
	bk_close(&w);
	bk_segment_gone(&w, 1);
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	(void)lives_to(CDX_PURCHASE_CANCELLED);
	disk.left = UINT32_MAX;
	until_all_back(all);
	assert_true(is_over(&f));
	assert_int_equal(requested(from), 1);
	assert_int_equal(bk_count(&w), 1);
	disk.left = UINT32_MAX;
	disk.dead = false;
	bk_client_end(&w);
	w.kit.env.persist = disk.real;
}

/* ---- killed at random times ---- */

static void test_killed_at_random(void **state)
{
	unsigned kills =
		args[4] != NULL ? (unsigned)strtoul(args[4], NULL, 10) : 10;
	uint64_t from = chain_latest(&w.kit.hand).number;
	struct cdx_u256 all;

	(void)state;
	bk_client(&w);
	all = tokens();
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_segment(&w, 2, &w.more[0].verifiable, 600000);
	bk_open(&w);
	for (unsigned i = 0; i < kills; i++) {
		usleep((useconds_t)seed_below(&w.kit.seed, 400000));
		bk_restart(&w);
	}
	bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	bk_until(&w, 2, 0, CDX_PURCHASE_SUBMITTED);
	assert_int_equal(requested(from), 2);
	bk_segment_gone(&w, 1);
	bk_segment_gone(&w, 2);
	bk_rounds(&w);
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	for (unsigned i = 0; i < kills; i++) {
		usleep((useconds_t)seed_below(&w.kit.seed, 400000));
		bk_restart(&w);
	}
	bk_until(&w, 1, 0, CDX_PURCHASE_CANCELLED);
	bk_until(&w, 2, 0, CDX_PURCHASE_CANCELLED);
	until_all_back(all);
	assert_int_equal(requested(from), 2);
	assert_int_equal(bk_count(&w), 2);
	bk_client_end(&w);
}

/* ---- the node is away ---- */

static bool head_silent(void *arg)
{
	const struct bk *b = arg;

	return cdx_head_why(b->kit.env.head)[0] != '\0';
}

static void test_node_away(void **state)
{
	struct cdx_purchase_info info;

	(void)state;
	bk_client(&w);
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	mk_gate(&w.kit, false);
	bk_open(&w);
	mk_until(&w.kit, head_silent, &w, "a silent node");
	bk_rounds(&w);
	mk_gate(&w.kit, true);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	bk_fill_all(&w, &info);
	bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	mk_until(&w.kit, bk_safe, &w, "safe");
	/* it ends meanwhile */
	bk_segment_gone(&w, 1);
	bk_rounds(&w);
	mk_gate(&w.kit, false);
	mk_until(&w.kit, head_silent, &w, "a silent node");
	json_decref(chain_rpc(&w.kit.hand, "evm_setNextBlockTimestamp",
			      json_pack("[I]", (json_int_t)info.end + 2)));
	chain_mine(&w.kit.hand, 1);
	mk_gate(&w.kit, true);
	bk_until(&w, 1, 0, CDX_PURCHASE_FINISHED);
	mk_until(&w.kit, money_back, NULL, "withdrawn");
	bk_client_end(&w);
}

/* ---- blocks are undone ---- */

static void test_reorg(void **state)
{
	struct cdx_purchase_info first;
	struct cdx_purchase_info info;
	struct mk_request rq;
	struct cdx_u256 before;
	struct cdx_u256 left;

	(void)state;
	before = mk_balance(&w.kit, &w.kit.contract);
	bk_client(&w);
	/* the account's money stays */
	mk_mine(&w.kit, 5);
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	first = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	/* the request is gone, and made again: the same */
	mk_reorg(&w.kit, 5);
	mk_mine(&w.kit, 1);
	mk_sync(&w.kit);
	bk_rounds(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	assert_memory_equal(&first.id, &info.id, sizeof(info.id));
	assert_int_equal(mk_request_state(&w.kit, &info.id), CDX_REQUEST_NEW);
	assert_int_equal(bk_count(&w), 1);

	/* the last fill is gone: it has not started */
	bk_fill_all(&w, &info);
	bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	mk_until(&w.kit, bk_safe, &w, "safe");
	mk_reorg(&w.kit, 5);
	mk_mine(&w.kit, 1);
	mk_sync(&w.kit);
	bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	mk_until(&w.kit, bk_unsafe, &w, "not safe");

	/* the withdrawal is gone: once more */
	bk_segment_gone(&w, 1);
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	bk_until(&w, 1, 0, CDX_PURCHASE_CANCELLED);
	rq = bk_request(&info);
	mk_until(&w.kit, money_back, NULL, "withdrawn");
	/* deeper than the withdrawal, less deep than the expiry */
	mk_reorg(&w.kit, 1);
	mk_mine(&w.kit, 1);
	mk_go_to(&w.kit, mk_now(&w.kit) + 10);
	mk_sync(&w.kit);
	for (unsigned i = 0; i < 3; i++)
		if (mk_slot_state(&w.kit, &rq.slot[i]) == CDX_SLOT_CANCELLED)
			mk_free_slot(&w.kit, &w.host[i], &rq.slot[i]);
	bk_rounds(&w);
	mk_until(&w.kit, money_back, NULL, "withdrawn again");
	bk_until(&w, 1, 0, CDX_PURCHASE_CANCELLED);
	assert_int_equal(bk_count(&w), 1);
	left = mk_balance(&w.kit, &w.kit.contract);
	mk_assert_amount(&left, &before, "what the contract has");
	bk_client_end(&w);
}

/* ---- refused in a block, though the estimate was well ---- */

static json_t *call_of(const char *to, struct cdx_buf *data, const char *tip)
{
	char from[CDX_ADDR_TEXT_MAX];

	cdx_addr_text(from, &w.kit.rich.account.addr);
	return json_pack("[{s:s, s:s, s:o, s:s, s:s, s:s}]", "from", from, "to",
			 to, "data", cdx_json_bytes(data->p, data->len), "gas",
			 "0x30d40", "maxPriorityFeePerGas", tip, "maxFeePerGas",
			 "0x174876e800");
}

static void do_approve_rich(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	int rc;

	op->await = a;
	rc = cdx_token_approve(w.kit.c.market, w.client.sender,
			       &w.kit.rich.account.addr, &cdx_u256_max, NULL,
			       chain_sent, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

static unsigned pooled(void)
{
	json_t *j = chain_rpc(&w.kit.hand, "txpool_status", json_array());
	uint64_t n = 0;

	assert_int_equal(cdx_json_get_u64(json_object_get(j, "pending"), &n),
			 0);
	json_decref(j);
	return (unsigned)n;
}

static void until_pooled(void)
{
	for (unsigned i = 0; i < 6000 && pooled() == 0; i++)
		usleep(10000);
	assert_int_equal(pooled(), 1);
}

/* Somebody takes the tokens away in the same block, with a higher tip */
static void take_tokens(const struct cdx_u256 *all)
{
	struct cdx_buf data = {.p = NULL};
	char token[CDX_ADDR_TEXT_MAX];
	uint8_t selector[4];
	struct cdx_abi abi;

	cdx_abi_selector(selector, "transferFrom(address,address,uint256)");
	cdx_buf_put(&data, selector, 4);
	cdx_abi_begin(&abi, 3);
	cdx_abi_addr(&abi, w.client.account.addr.b);
	cdx_abi_addr(&abi, w.kit.rich.account.addr.b);
	cdx_abi_u256(&abi, all);
	assert_int_equal(cdx_abi_end(&abi, &data), 0);
	cdx_addr_text(token, &w.kit.token);
	json_decref(chain_rpc(&w.kit.hand, "eth_sendTransaction",
			      call_of(token, &data, "0x12a05f2000")));
	cdx_buf_free(&data);
}

static void do_give_back(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	int rc;

	op->await = a;
	rc = cdx_token_transfer(w.kit.c.market, w.kit.rich.sender,
				&w.client.account.addr, op->in, NULL,
				chain_sent, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

static void test_reverted(void **state)
{
	uint64_t from = chain_latest(&w.kit.hand).number;
	struct cdx_purchase_info first;
	struct cdx_purchase_info info;
	struct cdx_u256 all;
	struct chain_op op;

	(void)state;
	bk_client(&w);
	all = tokens();
	chain_fine(&op, chain_do(&w.kit.c, &op, do_approve_rich, NULL),
		   "approve");
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	mk_automine(&w.kit, false);
	bk_open(&w);
	/* the allowance, then the request */
	until_pooled();
	mk_mine(&w.kit, 1);
	until_pooled();
	take_tokens(&all);
	mk_mine(&w.kit, 1);
	mk_automine(&w.kit, true);
	first = bk_until(&w, 1, 0, CDX_PURCHASE_ERRORED);
	assert_true(first.error[0] != '\0');
	assert_int_equal(requested(from), 0);
	chain_fine(&op, chain_do(&w.kit.c, &op, do_give_back, &all), "give");
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	assert_memory_equal(&first.id, &info.id, sizeof(info.id));
	assert_int_equal(requested(from), 1);
	assert_int_equal(bk_count(&w), 1);
	bk_client_end(&w);
}

static bool is_submitted(void *arg)
{
	struct cdx_purchase_info info;

	return cdx_purchasing_get(w.p, arg, &info) == 0 &&
	       info.state == CDX_PURCHASE_SUBMITTED;
}

/* What was asked for and could not be written down is told of, and is not bought
 * later: who asked may ask again */
static void test_not_written(void **state)
{
	struct cdx_purchase_info info;
	char why[CDX_MARKET_WHY_MAX];
	struct cdx_b32 id;

	(void)state;
	bk_client(&w);
	w.no_volume = true;
	disk.fails = true;
	disk.dead = false;
	disk.left = UINT_MAX;
	w.kit.env.persist = &disk.calls;
	bk_open(&w);
	assert_int_equal(cdx_purchasing_request(w.p, &id,
						&w.kit.data.verifiable,
						&w.policy.terms, why),
			 -EIO);
	info = bk_until(&w, 0, 0, CDX_PURCHASE_ERRORED);
	assert_true(info.error[0] != '\0');
	assert_int_equal(cdx_purchasing_request(w.p, &id,
						&w.kit.data.verifiable,
						&w.policy.terms, why),
			 0);
	assert_int_not_equal(memcmp(&id, &info.id, sizeof(id)), 0);
	mk_until(&w.kit, is_submitted, &id, "submitted");
	bk_restart(&w);
	mk_until(&w.kit, is_submitted, &id, "submitted");
	assert_int_equal(cdx_purchasing_get(w.p, &info.id, &info), 0);
	assert_int_equal(info.state, CDX_PURCHASE_ERRORED);
	assert_int_equal(bk_count(&w), 2);
	bk_close(&w);
	w.kit.env.persist = disk.real;
	bk_client_end(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_at_random),
		cmocka_unit_test(test_reorg),
		cmocka_unit_test(test_node_away),
		cmocka_unit_test(test_reverted),
		cmocka_unit_test(test_not_written),
	};

	if (argc < 4) {
		fprintf(stderr, "usage: purchasing_faults URL KEY.zkey "
				"ARTIFACTS [KILLS]\n");
		return 2;
	}
	args = argv;
	if (getenv("BK_FILTER") != NULL)
		cmocka_set_test_filter(getenv("BK_FILTER"));
	return cmocka_run_group_tests_name("market/purchasing_faults", tests,
					   setup, teardown);
}
