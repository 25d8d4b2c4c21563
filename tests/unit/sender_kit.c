/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "tests/unit/sender_kit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/hash.h"

#define POLL_MS 20

/* ---- disk ---- */

struct row {
	struct cdx_list link;
	char *key;
	void *val;
	size_t len;
};

struct change {
	struct cdx_list link;
	struct row *row; /* val NULL: remove */
	uint64_t at_ns;
	int err;
	cdx_persist_fn *fn;
	void *arg;
};

static struct row *row_new(const char *key, const void *val, size_t len)
{
	struct row *row = calloc(1, sizeof(*row));

	assert_non_null(row);
	row->key = strdup(key);
	assert_non_null(row->key);
	row->len = len;
	if (val) {
		row->val = malloc(len);
		assert_non_null(row->val);
		memcpy(row->val, val, len);
	}
	return row;
}

static void row_free(struct row *row)
{
	free(row->key);
	free(row->val);
	free(row);
}

static void apply(struct disk *d, struct row *new)
{
	struct cdx_list *at = d->rows.next;

	while (at != &d->rows) {
		struct row *row = cdx_list_entry(at, struct row, link);
		int order = strcmp(row->key, new->key);

		if (order > 0)
			break;
		at = at->next;
		if (order == 0) {
			cdx_list_del(&row->link);
			row_free(row);
		}
	}
	if (new->val)
		cdx_list_add_tail(at, &new->link);
	else
		row_free(new);
}

/* Everything that is due; one at a time, since functions ask for more */
static void disk_turn(void *arg)
{
	struct disk *d = arg;

	while (!cdx_list_empty(&d->changes) && !d->stopped) {
		struct change *c =
			cdx_list_entry(d->changes.next, struct change, link);

		if (c->at_ns > cdx_clock_mono_ns())
			return;
		cdx_list_del(&c->link);
		if (c->err)
			row_free(c->row);
		else
			apply(d, c->row);
		if (c->fn && !d->mute)
			c->fn(c->arg, c->err);
		free(c);
	}
}

static int disk_change(struct disk *d, const char *key, const void *val,
		       size_t len, cdx_persist_fn *fn, void *fn_arg)
{
	struct change *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->row = row_new(key, val, len);
	c->at_ns = cdx_clock_mono_ns() + d->delay_ms * UINT64_C(1000000);
	c->fn = fn;
	c->arg = fn_arg;
	if (val && d->fails > 0 && d->fail_later) {
		d->fails--;
		c->err = d->fail_later;
	}
	cdx_list_add_tail(&d->changes, &c->link);
	return 0;
}

static int disk_put(void *arg, const char *key, const void *val, size_t len,
		    cdx_persist_fn *fn, void *fn_arg)
{
	struct disk *d = arg;

	d->n_puts++;
	if (d->fails > 0 && d->fail_at_once) {
		d->fails--;
		return d->fail_at_once;
	}
	return disk_change(d, key, val, len, fn, fn_arg);
}

static int disk_del(void *arg, const char *key, cdx_persist_fn *fn,
		    void *fn_arg)
{
	return disk_change(arg, key, NULL, 0, fn, fn_arg);
}

static int disk_list(void *arg, const char *prefix,
		     int (*each)(void *each_arg, const char *key,
				 const void *val, size_t len),
		     void *each_arg)
{
	struct disk *d = arg;

	cdx_list_foreach(pos, &d->rows) {
		struct row *row = cdx_list_entry(pos, struct row, link);
		int rc;

		if (strncmp(row->key, prefix, strlen(prefix)) != 0)
			continue;
		rc = each(each_arg, row->key, row->val, row->len);
		if (rc)
			return rc;
	}
	return 0;
}

static void disk_forget(void *arg, void *fn_arg)
{
	struct disk *d = arg;

	cdx_list_foreach(pos, &d->changes) {
		struct change *c = cdx_list_entry(pos, struct change, link);

		if (c->arg == fn_arg)
			c->fn = NULL;
	}
}

static void disk_lose(struct disk *d)
{
	while (!cdx_list_empty(&d->changes)) {
		struct change *c =
			cdx_list_entry(d->changes.next, struct change, link);

		cdx_list_del(&c->link);
		row_free(c->row);
		free(c);
	}
}

unsigned disk_rows(const struct disk *d)
{
	unsigned n = 0;

	cdx_list_foreach(pos, &d->rows)
		n++;
	return n;
}

uint8_t *disk_first(const struct disk *d, size_t *len)
{
	struct row *row = cdx_list_entry(d->rows.next, struct row, link);

	assert_false(cdx_list_empty(&d->rows));
	*len = row->len;
	return row->val;
}

void disk_add(struct disk *d, const char *key, const void *val, size_t len)
{
	apply(d, row_new(key, val, len));
}

/* ---- process ---- */

void env_begin(struct sender_env *e)
{
	struct cdx_seckey key;

	memset(e, 0, sizeof(*e));
	model_init(&e->model);
	e->kit = rpc_kit_start(model_answer, &e->model);
	cdx_list_init(&e->disk.rows);
	cdx_list_init(&e->disk.changes);
	e->disk.calls = (struct cdx_persist){.put = disk_put,
					     .del = disk_del,
					     .list = disk_list,
					     .forget = disk_forget,
					     .arg = &e->disk};
	memset(key.b, 7, sizeof(key.b));
	assert_int_equal(cdx_account_of(&e->account, &key), 0);
	e->opts.fees.stuck_s = 1;
}

void env_start(struct sender_env *e)
{
	const char *url = rpc_kit_url(e->kit);
	struct cdx_rpc_opts opts = {.urls = &url,
				    .n_urls = 1,
				    .timeout_ms = 2000,
				    .give_up_ms = 3000};
	char why[CDX_RPC_WHY_MAX];

	loop_kit_start(&e->turns);
	e->loop = e->turns.loop;
	assert_int_equal(cdx_http_new(&e->http, e->loop), 0);
	assert_int_equal(cdx_rpc_new(&e->rpc, e->loop, e->http, &opts, why), 0);
	assert_int_equal(cdx_head_new(&e->head, e->loop, e->rpc, POLL_MS, NULL),
			 0);
	assert_int_equal(cdx_loop_timer_add(e->loop, &e->disk.timer, 1000000,
					    1000000, disk_turn, &e->disk),
			 0);
	assert_int_equal(cdx_sender_new(&e->sender, e->loop, e->rpc, e->head,
					&e->disk.calls, &e->account, &e->opts),
			 0);
}

void env_kill(struct sender_env *e)
{
	disk_lose(&e->disk);
	cdx_sender_free(e->sender);
	disk_lose(&e->disk);
	cdx_head_free(e->head);
	cdx_rpc_free(e->rpc);
	cdx_http_free(e->http);
	cdx_loop_timer_del(e->disk.timer);
	loop_kit_end(&e->turns);
	e->sender = NULL;
	e->loop = NULL;
}

void env_end(struct sender_env *e)
{
	if (e->loop)
		env_kill(e);
	rpc_kit_stop(e->kit);
	while (!cdx_list_empty(&e->disk.rows)) {
		struct row *row =
			cdx_list_entry(e->disk.rows.next, struct row, link);

		cdx_list_del(&row->link);
		row_free(row);
	}
	cdx_account_wipe(&e->account);
}

/* ---- waiting ---- */

void env_until(struct sender_env *e, bool (*ready)(void *arg), void *arg)
{
	loop_kit_until(&e->turns, ready, arg);
}

void env_run_ms(struct sender_env *e, unsigned ms)
{
	loop_kit_run_ms(&e->turns, ms);
}

struct pool_size {
	struct sender_env *e;
	unsigned want;
};

static bool pool_has(void *arg)
{
	const struct pool_size *p = arg;
	bool ok;

	rpc_kit_lock(p->e->kit);
	ok = model_pooled(&p->e->model) == p->want;
	rpc_kit_unlock(p->e->kit);
	return ok;
}

void env_pooled(struct sender_env *e, unsigned n)
{
	struct pool_size want = {.e = e, .want = n};

	env_until(e, pool_has, &want);
}

unsigned env_done(struct sender_env *e, const char *data)
{
	unsigned n;

	rpc_kit_lock(e->kit);
	n = model_done(&e->model, data);
	rpc_kit_unlock(e->kit);
	return n;
}

struct times {
	const struct told *told;
	unsigned times;
};

static bool enough(void *arg)
{
	const struct times *t = arg;

	return t->told->times >= t->times;
}

void env_told(struct sender_env *e, struct told *t, unsigned times)
{
	struct times want = {.told = t, .times = times};

	env_until(e, enough, &want);
	assert_int_equal(t->times, times);
}

static bool head_reached(void *arg)
{
	struct sender_env *e = arg;
	const struct cdx_block *head = cdx_head_latest(e->head);
	const struct cdx_block *last;
	bool same;

	rpc_kit_lock(e->kit);
	last = &e->model.blocks[e->model.n_blocks - 1];
	same = head && memcmp(last->hash.b, head->hash.b, 32) == 0;
	rpc_kit_unlock(e->kit);
	return same;
}

void env_mine(struct sender_env *e)
{
	rpc_kit_lock(e->kit);
	model_mine(&e->model, UINT32_MAX);
	rpc_kit_unlock(e->kit);
	env_until(e, head_reached, e);
}

void env_mine_told(struct sender_env *e, struct told *t)
{
	for (int i = 0; i < 200 && t->times == 0; i++) {
		env_mine(e);
		env_run_ms(e, 50);
	}
	assert_int_equal(t->times, 1);
}

/* ---- sending ---- */

void told(void *arg, int err, const struct cdx_sent *sent,
	  const struct cdx_revert *why)
{
	struct told *t = arg;

	t->times++;
	t->err = err;
	t->has_sent = sent != NULL;
	if (sent)
		t->sent = *sent;
	assert_int_equal(why == NULL, err == 0);
	if (why)
		t->why = *why;
	assert_true(err == 0 || t->why.words[0] != 0);
}

void env_send_req(struct sender_env *e, const struct cdx_send_req *req,
		  struct told *t)
{
	memset(t, 0, sizeof(*t));
	assert_int_equal(cdx_sender_send(e->sender, NULL, req, told, t), 0);
	assert_int_equal(t->times, 0);
}

void env_send(struct sender_env *e, const char *data, const char *tag,
	      struct told *t)
{
	struct cdx_send_req req = {
		.data = data, .len = strlen(data), .tag = tag};

	memset(req.to.b, 0x42, sizeof(req.to.b));
	env_send_req(e, &req, t);
}
