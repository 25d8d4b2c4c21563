/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/internal.h"

/* Opening after a crash: the carry of the last group, then the records of the
 * log that follow it without a gap. */

static int hand_data(struct cdx_store *s, const struct cdx_store_replay *r,
		     const struct cdx_op *op)
{
	if (op->kind == CDX_OP_CLEAN)
		return r && r->clean
			       ? r->clean(r->arg, op->num, op->off, op->len)
			       : 0;
	if (r && r->data)
		return r->data(r->arg, op->num, op->off, op->val, op->val_len);
	/* Dropping fsynced bytes needs nobody's permission only when nothing
	 * is going to be committed. */
	return s->readonly ? 0 : CDX_E_SEQUENCE;
}

/* Hands data and clean changes over; adds up what the others cost. */
static int walk(struct cdx_store *s, const struct cdx_store_replay *r,
		const uint8_t *p, size_t len, size_t *mem)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_op op;
	int err;

	while ((err = cdx_op_decode(&op, &c)) > 0) {
		switch (op.kind) {
		case CDX_OP_DATA:
		case CDX_OP_CLEAN:
			err = hand_data(s, r, &op);
			if (err < 0)
				return err;
			break;
		case CDX_OP_PUT:
		case CDX_OP_PUT_GROUP:
		case CDX_OP_DEL:
			*mem += cdx_memtable_cost(op.key_len + 8, op.val_len);
			break;
		case CDX_OP_ADD:
		case CDX_OP_MAX:
			break;
		}
	}
	return err < 0 ? CDX_E_CORRUPT : 0;
}

static int replay_batch(struct cdx_store *s, const struct cdx_store_replay *r,
			const uint8_t *p, size_t len)
{
	size_t mem = 0;
	int err;

	if (cdx_batch_check(p, len) < 0)
		return CDX_E_CORRUPT;
	err = walk(s, r, p, len, &mem);
	if (!err)
		err = cdx_batch_insert(s, p, len, mem);
	if (!err)
		s->seq++;
	return err;
}

static int replay_record(struct cdx_store *s, const struct cdx_store_replay *r,
			 const struct cdx_ilog_rec *rec,
			 const struct cdx_buf *body)
{
	struct cdx_cursor c = cdx_cursor_init(body->p, body->len);
	uint64_t seq = rec->first;
	const uint8_t *p;
	size_t len;
	int err;

	for (; (err = cdx_ilog_body_next(&c, &p, &len)) > 0; seq++) {
		/* what the group covers already may be in a later record */
		if (seq <= s->seq)
			continue;
		err = replay_batch(s, r, p, len);
		if (err < 0)
			return err;
	}
	return err < 0 || seq != rec->last + 1 ? CDX_E_CORRUPT : 0;
}

/* What lies behind the end of the replay was synced, and cannot be had. */
static int end_log(struct cdx_store *s)
{
	int n = cdx_ilog_cut(&s->ilog, s->ilog.head, s->ilog.seq, s->readonly);

	if (n > 0)
		cdx_log(s->log, ERROR, "store",
			"log record %llu is damaged: %d later ones cannot be "
			"replayed, what was synced with them is lost",
			(unsigned long long)s->ilog.seq, n);
	return n < 0 ? n : 0;
}

static int replay_log(struct cdx_store *s, const struct cdx_store_replay *r)
{
	struct cdx_ilog_rec rec;
	struct cdx_buf body = {0};
	uint64_t pos;
	int err;

	for (;;) {
		pos = s->ilog.head;
		err = cdx_ilog_read(&s->ilog, &pos, &rec, &body, s->ilog.seq);
		/* a gap in the batches: not of this state of LMDB */
		if (err <= 0 || rec.first > s->seq + 1)
			break;
		err = replay_record(s, r, &rec, &body);
		if (err < 0)
			break;
		s->ilog.head = pos;
		s->ilog.seq++;
		atomic_fetch_add(&s->log_replayed, 1);
	}
	cdx_buf_wipe(&body);
	return err < 0 ? err : end_log(s);
}

static int replay_carry(struct cdx_store *s, const struct cdx_store_replay *r,
			const struct cdx_buf *sealed)
{
	uint8_t ad[CDX_CARRY_AD_LEN];
	struct cdx_buf plain = {0};
	size_t mem = 0;
	uint8_t *p;
	int err;

	if (sealed->len < CDX_SEAL_OVERHEAD)
		return CDX_E_CORRUPT;
	p = cdx_buf_extend(&plain, sealed->len - CDX_SEAL_OVERHEAD);
	if (cdx_buf_ok(&plain) < 0)
		return -ENOMEM;
	cdx_carry_ad(ad, s->config.id, atomic_load(&s->durable_group));
	err = cdx_unseal(p, &s->ilog.key, sealed->p, sealed->len, ad,
			 sizeof(ad));
	err = err < 0 ? CDX_E_CORRUPT : walk(s, r, p, plain.len, &mem);
	cdx_buf_wipe(&plain);
	return err;
}

/* The key that sealed the log, not another one: with a wrong key the log would
 * look empty, and what was fsynced would be overwritten. */
static int check_key(struct cdx_store *s)
{
	uint8_t want[CDX_META_LOGKEY_LEN];
	uint8_t have[CDX_META_LOGKEY_LEN];
	int r;

	r = cdx_kv_get(s, CDX_DB_META, CDX_META_LOGKEY, strlen(CDX_META_LOGKEY),
		       have, sizeof(have));
	cdx_meta_logkey(want, &s->ilog.key, s->config.id);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r == -ENOBUFS ? CDX_E_CORRUPT : r;
	return r == (int)sizeof(want) && memcmp(want, have, sizeof(want)) == 0
		       ? 0
		       : CDX_E_AUTH;
}

static int remember_key(struct cdx_store *s)
{
	uint8_t want[CDX_META_LOGKEY_LEN];
	int r;

	if (s->readonly)
		return 0;
	r = cdx_kv_get(s, CDX_DB_META, CDX_META_LOGKEY, strlen(CDX_META_LOGKEY),
		       want, sizeof(want));
	if (r != -ENOENT)
		return r < 0 ? r : 0;
	cdx_meta_logkey(want, &s->ilog.key, s->config.id);
	r = cdx_memtable_reserve(s->fill,
				 cdx_memtable_cost(strlen(CDX_META_LOGKEY),
						   sizeof(want)));
	if (r < 0)
		return r;
	cdx_memtable_put(s->fill, CDX_DB_META, CDX_META_LOGKEY,
			 strlen(CDX_META_LOGKEY), want, sizeof(want));
	s->more = true;
	return 0;
}

/* Without a key nothing may be thrown away that only the key can read. */
static int check_keyless(struct cdx_store *s, bool carry)
{
	int r = cdx_ilog_peek(&s->ilog, s->ilog.head, s->ilog.seq);

	if (r < 0)
		return r;
	if ((r > 0 || carry) && !s->readonly)
		return -ENOKEY;
	if (r > 0 || carry)
		cdx_log(s->log, WARN, "store",
			"no key: what was fsynced last is not shown");
	return 0;
}

static void seed_next(struct cdx_store *s)
{
	int64_t v;
	unsigned i;

	/* 0 is nobody's number */
	for (i = 0; i < CDX_COUNTERS; i++) {
		v = cdx_kv_counter(s, (enum cdx_counter)i);
		atomic_store(&s->next[i], v > 1 ? (uint64_t)v : 1);
	}
}

int cdx_replay(struct cdx_store *s, const struct cdx_store_replay *r)
{
	struct cdx_buf sealed = {0};
	bool carry;
	int err;

	err = cdx_kv_get_buf(s, CDX_DB_META, CDX_META_CARRY,
			     strlen(CDX_META_CARRY), &sealed);
	carry = err >= 0;
	if (err == -ENOENT)
		err = 0;
	if (err >= 0)
		err = s->has_key ? check_key(s) : check_keyless(s, carry);
	if (!err && s->has_key && carry)
		err = replay_carry(s, r, &sealed);
	cdx_buf_free(&sealed);
	if (!err && s->has_key)
		err = replay_log(s, r);
	if (!err && s->has_key)
		err = remember_key(s);
	if (err < 0)
		return err;
	s->logged = s->seq;
	seed_next(s);
	return 0;
}
