/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/env_check.h"
#include "store/internal.h"

/* A frozen group into LMDB, one transaction. */

/* LMDB's argument is not const; it does not write through it. */
static MDB_val borrow(const void *p, size_t len)
{
	MDB_val v = {.mv_size = len};

	memcpy(&v.mv_data, &p, sizeof(p));
	return v;
}

static int write_node(MDB_cursor *cur, const struct cdx_mem_node *n)
{
	const struct cdx_mem_val *v = cdx_mem_value(n);
	size_t key_len;
	const uint8_t *key = cdx_mem_key(n, &key_len);
	MDB_val mk = borrow(key, key_len);
	MDB_val mv;
	int rc;

	if (v->len != CDX_MEM_TOMBSTONE) {
		mv = borrow(v->p, v->len);
		return mdb_cursor_put(cur, &mk, &mv, 0);
	}
	rc = mdb_cursor_get(cur, &mk, &mv, MDB_SET);
	if (rc == MDB_NOTFOUND)
		return 0;
	return rc ? rc : mdb_cursor_del(cur, 0);
}

static int write_table(struct cdx_store *s, MDB_txn *txn, enum cdx_db db)
{
	const struct cdx_mem_node *n =
		cdx_memtable_seek(s->group_frozen.mem, db, NULL, 0);
	MDB_cursor *cur;
	int rc;

	if (!n)
		return 0;
	rc = mdb_cursor_open(txn, s->env.dbi[db], &cur);
	if (rc)
		return rc;
	for (; n && !rc; n = cdx_mem_next(n))
		rc = write_node(cur, n);
	mdb_cursor_close(cur);
	return rc;
}

static int put_meta(struct cdx_store *s, MDB_txn *txn, const char *key,
		    const void *p, size_t len)
{
	MDB_val k = borrow(key, strlen(key));
	MDB_val v = borrow(p, len);

	return mdb_put(txn, s->env.dbi[CDX_DB_META], &k, &v, 0);
}

/* The data and clean changes of the batches that came while the group was
 * being prepared: the table changes are in it, their bytes may not be. */
static int encode_carry(const struct cdx_batch_refs *refs, struct cdx_buf *out)
{
	struct cdx_cursor c;
	struct cdx_op op;
	size_t i;
	int r;

	for (i = 0; i < refs->len; i++) {
		c = cdx_cursor_init(refs->v[i]->p, refs->v[i]->len);
		while ((r = cdx_op_decode(&op, &c)) > 0) {
			if (op.kind == CDX_OP_DATA || op.kind == CDX_OP_CLEAN)
				cdx_op_encode(out, &op);
		}
		if (r < 0)
			return r;
	}
	return cdx_buf_ok(out);
}

static int write_carry(struct cdx_store *s, MDB_txn *txn)
{
	const struct cdx_group *g = &s->group_frozen;
	uint8_t ad[CDX_CARRY_AD_LEN];
	struct cdx_buf sealed = {0};
	struct cdx_buf plain = {0};
	MDB_val k = borrow(CDX_META_CARRY, strlen(CDX_META_CARRY));
	uint8_t *p;
	int r;

	if (g->carry.len == 0 || !s->has_key) {
		r = mdb_del(txn, s->env.dbi[CDX_DB_META], &k, NULL);
		return r == MDB_NOTFOUND ? 0 : r;
	}
	r = encode_carry(&g->carry, &plain);
	p = r < 0 ? NULL
		  : cdx_buf_extend(&sealed, plain.len + CDX_SEAL_OVERHEAD);
	if (p) {
		cdx_carry_ad(ad, s->config.id, g->number);
		cdx_seal(p, &s->ilog.key, plain.p, plain.len, ad, sizeof(ad));
		r = put_meta(s, txn, CDX_META_CARRY, sealed.p, sealed.len);
	} else {
		r = ENOMEM;
	}
	cdx_buf_wipe(&plain);
	cdx_buf_free(&sealed);
	return r;
}

static int write_all(struct cdx_store *s, MDB_txn *txn)
{
	const struct cdx_group *g = &s->group_frozen;
	struct cdx_meta_state st = {.group = g->number,
				    .seq = g->seq,
				    .log_pos = g->log_pos,
				    .log_seq = g->log_seq};
	uint8_t counters[CDX_META_COUNTERS_LEN];
	uint8_t state[CDX_META_STATE_LEN];
	unsigned i;
	int rc = 0;

	for (i = 0; i < CDX_DBS && !rc; i++)
		rc = write_table(s, txn, (enum cdx_db)i);
	for (i = 0; i < CDX_COUNTERS; i++)
		cdx_put_be64(counters + 8 * (size_t)i,
			     (uint64_t)g->counters[i]);
	cdx_meta_state_encode(state, &st);
	if (!rc)
		rc = put_meta(s, txn, CDX_META_COUNTERS, counters,
			      sizeof(counters));
	if (!rc)
		rc = put_meta(s, txn, CDX_META_STATE, state, sizeof(state));
	return rc ? rc : write_carry(s, txn);
}

int cdx_group_write(struct cdx_store *s)
{
	MDB_txn *txn;
	int fault;
	int rc;

	rc = mdb_txn_begin(s->env.mdb, NULL, 0, &txn);
	if (rc)
		return cdx_env_err(rc);
	rc = write_all(s, txn);
	fault = cdx_store_fault_hit(s, CDX_FAULT_COMMIT);
	if (rc || fault) {
		mdb_txn_abort(txn);
		return rc ? cdx_env_err(rc) : fault;
	}
	rc = mdb_txn_commit(txn);
	/* durable already: what this cannot do, the next open does */
	if (!rc && cdx_env_fit(s->env.mdb, NULL, false) < 0)
		cdx_log(s->log, WARN, "store", "db stays shorter than it says");
	return cdx_env_err(rc);
}
