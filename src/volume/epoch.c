/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"

/*
 * Every open of a store draws a new key for what it will write into the open
 * segment, for the indexes from the next one on.  So an index that a crash, an
 * aborted batch or a rolled-back copy of the store leaves behind is never
 * encrypted again with the key it had: the key is in no other process, and
 * in this one indexes are only ever taken upwards.
 */

static int add_epoch(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	const struct cdx_epoch *e = arg;

	(void)b;
	/* an epoch that no durable index used is not worth keeping */
	if (rec->epochs && rec->epoch[rec->epochs - 1].first == e->first)
		rec->epochs--;
	if (rec->epochs == CDX_SEG_EPOCHS_MAX)
		return -EOVERFLOW;
	rec->epoch[rec->epochs++] = *e;
	return 0;
}

int cdx_epoch_start(struct cdx_volume *v, struct cdx_oseg *o)
{
	struct cdx_segs *s = v->segs;
	struct cdx_seg_rec rec;
	struct cdx_epoch e;
	struct cdx_batch *b;
	struct cdx_key key;
	int r;

	memset(&e, 0, sizeof(e));
	pthread_mutex_lock(&s->mu);
	e.first = o->next;
	pthread_mutex_unlock(&s->mu);
	e.cipher = (uint8_t)cdx_block_cipher_best();
	cdx_random(key.b, sizeof(key.b));
	cdx_oseg_rec(s, o, &rec);
	cdx_seg_wrap(e.wrapped, v, rec.id, e.first, &key);
	r = cdx_batch_new(&b, v->store);
	if (r == 0) {
		cdx_change_act(v, b, o->area, add_epoch, &e);
		r = cdx_batch_apply(b);
	}
	if (r == 0) {
		cdx_seg_key_forget(s, o->area);
		pthread_mutex_lock(&s->mu);
		o->key = key;
		o->cipher = e.cipher;
		o->drawn = true;
		pthread_mutex_unlock(&s->mu);
	}
	cdx_wipe(&key, sizeof(key));
	return r;
}

/* Draws the epoch when there is none yet; 1 when it waits to be durable */
static int draw(struct cdx_volume *v, uint64_t *area)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o;
	int r = 0;

	pthread_mutex_lock(&s->open_mu);
	pthread_mutex_lock(&s->mu);
	o = s->open && !s->open->ready ? s->open : NULL;
	pthread_mutex_unlock(&s->mu);
	if (o) {
		*area = o->area;
		r = o->drawn ? 0 : cdx_epoch_start(v, o);
	}
	if (r == -EOVERFLOW) {
		pthread_mutex_lock(&s->mu);
		cdx_oseg_close(v, o);
		pthread_mutex_unlock(&s->mu);
		o = NULL;
		r = 0;
	}
	pthread_mutex_unlock(&s->open_mu);
	return r < 0 ? r : o != NULL;
}

int cdx_segs_ready(struct cdx_volume *v)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o;
	uint64_t area = 0;
	bool wait;
	int r;

	pthread_mutex_lock(&s->mu);
	wait = s->open && !s->open->ready;
	pthread_mutex_unlock(&s->mu);
	if (!wait || v->opts.readonly)
		return 0;
	r = draw(v, &area);
	if (r <= 0)
		return r;
	r = cdx_store_commit(v->store);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->mu);
	o = cdx_oseg_find(s, area);
	if (o)
		o->ready = true;
	pthread_mutex_unlock(&s->mu);
	return 0;
}
