/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

/* Digits of a record's id in its key */
#define ID_DIGITS 16

/* prefix, id in hex */
static void key_of(char out[CDX_PERSIST_KEY_MAX],
		   const struct cdx_send_rec *rec)
{
	snprintf(out, CDX_PERSIST_KEY_MAX, "%s%016" PRIx64, rec->sender->prefix,
		 rec->id);
}

static int put(struct cdx_send_rec *rec, cdx_persist_fn *fn)
{
	const struct cdx_persist *persist = rec->sender->persist;
	char key[CDX_PERSIST_KEY_MAX];
	struct cdx_buf b = {0};
	int rc;

	key_of(key, rec);
	rc = cdx_send_rec_encode(&b, rec);
	if (rc == 0)
		rc = persist->put(persist->arg, key, b.p, b.len, fn, rec);
	cdx_buf_free(&b);
	return rc;
}

static void put_done(void *arg, int err)
{
	cdx_send_rec_written(arg, err);
}

void cdx_send_rec_put(struct cdx_send_rec *rec)
{
	int rc;

	rec->putting = true;
	rc = put(rec, put_done);
	if (rc < 0)
		cdx_send_rec_written(rec, rc);
	else
		rec->stored = true;
}

static void put_end_done(void *arg, int err)
{
	struct cdx_send_rec *rec = arg;

	if (err == 0)
		return;
	rec->end_stored = false;
	snprintf(rec->trouble, sizeof(rec->trouble),
		 "what became of a transaction could not be written down: %s",
		 cdx_strerror(err));
}

void cdx_send_rec_put_end(struct cdx_send_rec *rec)
{
	int rc = put(rec, put_end_done);

	rec->end_stored = rc == 0;
	if (rc < 0)
		put_end_done(rec, rc);
	else
		rec->stored = true;
}

void cdx_send_rec_del(struct cdx_send_rec *rec)
{
	const struct cdx_persist *persist = rec->sender->persist;
	char key[CDX_PERSIST_KEY_MAX];
	int rc;

	persist->forget(persist->arg, rec);
	if (!rec->stored)
		return;
	key_of(key, rec);
	rc = persist->del(persist->arg, key, NULL, NULL);
	/* it comes back at the next start then, and its end is found again */
	if (rc < 0)
		cdx_log(rec->sender->opts.log, WARN, "sender",
			"a finished transaction stays written down: %s",
			cdx_strerror(rc));
	rec->stored = false;
}

/* Signing again must give what was written down: this is the record's checksum
 * too. */
static int check_versions(const struct cdx_send_rec *rec)
{
	for (unsigned i = 0; i < rec->n_versions; i++) {
		struct cdx_buf raw = {0};
		int rc = cdx_send_rec_raw(rec, &rec->versions[i], &raw);

		cdx_buf_free(&raw);
		if (rc < 0)
			return rc == -ENOMEM ? rc : CDX_E_CORRUPT;
	}
	return 0;
}

static int id_of(const struct cdx_sender *s, const char *key, uint64_t *out)
{
	const char *digits = key + strlen(s->prefix);
	uint8_t be[8];

	if (strlen(digits) != ID_DIGITS ||
	    cdx_unhex(be, sizeof(be), digits) < 0)
		return CDX_E_CORRUPT;
	*out = cdx_get_be64(be);
	return *out == UINT64_MAX ? CDX_E_CORRUPT : 0;
}

static void resume(struct cdx_send_rec *rec)
{
	rec->stored = true;
	if (rec->end) {
		rec->state = CDX_SEND_ENDED;
		rec->end_stored = true;
		return;
	}
	rec->state = CDX_SEND_OUT;
	rec->n_durable = rec->n_versions;
	rec->doubt = true;
	rec->want_send = true;
	rec->signed_ns = cdx_clock_mono_ns();
}

static int load(void *arg, const char *key, const void *val, size_t len)
{
	struct cdx_sender *s = arg;
	struct cdx_send_rec *rec = cdx_send_rec_new(s);
	int rc;

	if (!rec)
		return -ENOMEM;
	rc = id_of(s, key, &rec->id);
	if (rc == 0)
		rc = cdx_send_rec_decode(rec, val, len);
	if (rc == 0)
		rc = check_versions(rec);
	if (rc < 0) {
		cdx_log(s->opts.log, ERROR, "sender",
			"what is written down at %s cannot be read: %s", key,
			cdx_strerror(rc));
		return rc;
	}
	if (s->next_id <= rec->id)
		s->next_id = rec->id + 1;
	resume(rec);
	return 0;
}

/* Ends that nobody took in so long a time, and those that nobody can ask for */
static void drop_old(struct cdx_sender *s)
{
	int64_t oldest = cdx_clock_wall_s() - CDX_SEND_KEEP_S;

	cdx_list_foreach_safe(pos, tmp, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (!rec->end || (rec->tag[0] && rec->end->at >= oldest))
			continue;
		cdx_send_rec_del(rec);
		cdx_send_rec_free(rec);
	}
}

int cdx_sender_load(struct cdx_sender *s)
{
	const struct cdx_persist *persist = s->persist;
	int rc = persist->list(persist->arg, s->prefix, load, s);

	if (rc < 0)
		return rc;
	drop_old(s);
	return 0;
}
