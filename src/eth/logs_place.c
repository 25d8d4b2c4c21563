/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/logs_internal.h"

#define PLACE_VERSION 1
/* Blocks before the place that are read again: as many as the head knows when it
 * begins */
#define AGAIN 64u

void cdx_log_marks_encode(struct cdx_buf *out, const struct cdx_log_mark *marks,
			  size_t n)
{
	cdx_buf_u8(out, PLACE_VERSION);
	for (size_t i = 0; i < n; i++) {
		cdx_buf_be64(out, marks[i].number);
		cdx_buf_put(out, marks[i].hash.b, sizeof(marks[i].hash.b));
	}
}

int cdx_log_marks_decode(struct cdx_log_mark marks[CDX_LOG_MARKS_MAX],
			 size_t *n, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	size_t i = 0;

	if (cdx_cursor_u8(&c) != PLACE_VERSION)
		return CDX_E_FORMAT;
	for (; c.left && i < CDX_LOG_MARKS_MAX; i++) {
		marks[i].number = cdx_cursor_be64(&c);
		cdx_cursor_get(&c, marks[i].hash.b, sizeof(marks[i].hash.b));
		if (i && marks[i].number >= marks[i - 1].number)
			return CDX_E_FORMAT;
	}
	if (i == 0 || cdx_cursor_done(&c) != 0)
		return CDX_E_FORMAT;
	*n = i;
	return 0;
}

static int take_place(void *arg, const char *key, const void *val, size_t len)
{
	struct cdx_logs *l = arg;

	/* the prefix of a longer name */
	if (strcmp(key, l->key) != 0)
		return 0;
	return cdx_log_marks_decode(l->marks, &l->n_marks, val, len) == 0
		       ? 1
		       : CDX_E_CORRUPT;
}

int cdx_logs_place_load(struct cdx_logs *l)
{
	int rc = l->persist->list(l->persist->arg, l->key, take_place, l);

	return rc < 0 ? rc : 0;
}

static void set_next(struct cdx_logs *l, uint64_t next)
{
	l->quiet = next > l->from ? next : l->from;
	l->next = l->quiet - l->from > AGAIN ? l->quiet - AGAIN : l->from;
	l->saved = l->quiet;
	l->placed = true;
	l->why[0] = '\0';
	cdx_logs_go(l);
}

/* None of them in the chain: it is another one, or was reorganised deeper than
 * anybody looks back. */
static void on_marks(void *arg, int err, const struct cdx_rpc_reply *replies,
		     size_t n)
{
	struct cdx_logs *l = arg;
	struct cdx_block b;

	l->call = NULL;
	if (err != 0) {
		cdx_logs_wait(l, replies->why);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!replies[i].result) {
			cdx_logs_wait(l, replies[i].message);
			return;
		}
		if (cdx_json_get_block(replies[i].result, &b) != 0 ||
		    b.number != l->marks[i].number ||
		    memcmp(&b.hash, &l->marks[i].hash, sizeof(b.hash)) != 0)
			continue;
		set_next(l, b.number + 1);
		return;
	}
	set_next(l, l->from);
}

void cdx_logs_place_find(struct cdx_logs *l)
{
	struct cdx_rpc_req reqs[CDX_LOG_MARKS_MAX];

	if (l->n_marks == 0) {
		set_next(l, l->from);
		return;
	}
	for (size_t i = 0; i < l->n_marks; i++)
		reqs[i] = (struct cdx_rpc_req){
			.method = "eth_getBlockByNumber",
			.params = json_pack(
				"[o, b]", cdx_json_u64(l->marks[i].number), 0)};
	if (cdx_rpc_batch(l->rpc, &l->call, reqs, l->n_marks, on_marks, l) !=
	    0) {
		l->call = NULL;
		cdx_logs_wait(l, cdx_strerror(-ENOMEM));
	}
}

static void on_saved(void *arg, int err)
{
	struct cdx_logs *l = arg;

	/* it is put down again after the next range; until then a restart
	 * only repeats more */
	if (err != 0)
		cdx_log(l->log, WARN, "chain",
			"the place in the chain's log was not kept: %s",
			cdx_strerror(err));
}

/* The block before next, and those of the head's that lie behind it */
static void make_marks(struct cdx_logs *l)
{
	uint64_t top = l->next - 1;

	l->n_marks = 0;
	for (uint64_t back = 0; back <= CDX_HEAD_KEEP && back <= top;
	     back = back ? 2 * back : 1) {
		const struct cdx_block *b = cdx_head_block(l->head, top - back);
		struct cdx_log_mark *m = &l->marks[l->n_marks];

		if (!b && (back || top != l->to))
			break;
		m->number = top - back;
		m->hash = b ? b->hash : l->to_hash;
		l->n_marks++;
	}
}

void cdx_logs_place_save(struct cdx_logs *l)
{
	struct cdx_buf val = {0};
	int rc;

	if (l->next == 0)
		return;
	make_marks(l);
	if (l->n_marks == 0)
		return;
	cdx_log_marks_encode(&val, l->marks, l->n_marks);
	rc = cdx_buf_ok(&val);
	if (rc == 0)
		rc = l->persist->put(l->persist->arg, l->key, val.p, val.len,
				     on_saved, l);
	if (rc == 0)
		l->saved = l->next;
	else
		on_saved(l, rc);
	cdx_buf_free(&val);
}
