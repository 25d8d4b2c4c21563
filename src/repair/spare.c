/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/repair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "codec/cid.h"
#include "crypto/hash.h"
#include "protect/column.h"
#include "base/tasks.h"
#include "repair/part.h"

#define BYTES_ALIGN 4096u
#define UNIT_STEPS 16u
/* how often somebody who waits asks whether to go on */
#define POLL_MS 200u

struct spare;

struct spare_unit {
	struct cdx_task task;
	struct spare *sp;
	uint32_t first;
	uint32_t n;
};

/* One cdx_repair_can_spare; on the stack of its thread.  Workers change the
 * states of blocks alone. */
struct spare {
	struct cdx_store *s;
	const struct cdx_rebuild *o;
	struct cdx_protection p;
	uint32_t slot;
	uint32_t room;	/* steps read at a time */
	uint64_t first; /* step */
	uint32_t n;
	/* the column that is looked at, [room] */
	uint8_t *bytes;
	struct cdx_digest *digest;
	uint8_t *state;
	/* by step, [room] */
	uint32_t *good;	   /* blocks of other slots */
	uint32_t *suspect; /* bit i: slot i has none */
	struct cdx_tasks tasks;
	struct spare_unit *units;
};

static void unit_run(struct cdx_task *task)
{
	struct spare_unit *u = CDX_CONTAINER(task, struct spare_unit, task);
	struct spare *sp = u->sp;
	struct cdx_digest got;

	for (uint32_t i = u->first; i < u->first + u->n; i++) {
		if (sp->state[i] != CDX_BLOCK_READ)
			continue;
		cdx_sha256(&got, sp->bytes + (size_t)i * sp->p.block_size,
			   sp->p.block_size);
		sp->state[i] = memcmp(&got, &sp->digest[i], sizeof(got)) == 0
				       ? CDX_BLOCK_GOOD
				       : CDX_BLOCK_BAD;
	}
}

static bool canceled(const struct spare *sp)
{
	return sp->o->cancel && sp->o->cancel(sp->o->arg);
}

static int hash_column(struct spare *sp)
{
	bool stop = false;

	for (uint32_t i = 0; i < sp->n; i += UNIT_STEPS) {
		struct spare_unit *u = &sp->units[i / UNIT_STEPS];
		uint32_t left = sp->n - i;

		u->sp = sp;
		u->first = i;
		u->n = left < UNIT_STEPS ? left : UNIT_STEPS;
		cdx_tasks_add(&sp->tasks, &u->task, unit_run);
	}
	while (!cdx_tasks_wait_ms(&sp->tasks, POLL_MS))
		stop = stop || canceled(sp);
	return stop ? -ECANCELED : 0;
}

/* A block may have another location, where it is right. */
static int second_chance(struct spare *sp, uint32_t column, uint32_t i)
{
	uint64_t index = column * sp->p.steps + sp->first + i;
	int rc;

	rc = cdx_protection_read_own(
		sp->s, sp->bytes + (size_t)i * sp->p.block_size, &sp->p, index);
	if (rc == 0)
		sp->state[i] = CDX_BLOCK_GOOD;
	return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE ? rc : 0;
}

static int count_column(struct spare *sp, uint32_t column)
{
	const struct cdx_column out = {sp->bytes, sp->digest, sp->state};
	int rc;

	rc = cdx_column_read(sp->s, &sp->p, column, sp->first, sp->n, &out);
	if (rc == 0)
		rc = hash_column(sp);
	for (uint32_t i = 0; i < sp->n && rc == 0; i++) {
		if (sp->state[i] == CDX_BLOCK_BAD)
			rc = second_chance(sp, column, i);
		if (sp->state[i] == CDX_BLOCK_GOOD ||
		    sp->state[i] == CDX_BLOCK_EMPTY)
			sp->good[i]++;
		else
			sp->suspect[i] |= UINT32_C(1) << column;
	}
	return rc;
}

/* The first step that has too few yet; n: none */
static uint32_t first_short(const struct spare *sp)
{
	uint32_t i = 0;

	while (i < sp->n && sp->good[i] >= sp->p.k)
		i++;
	return i;
}

static int count_window(struct spare *sp)
{
	int rc = 0;

	memset(sp->good, 0, sp->n * sizeof(*sp->good));
	memset(sp->suspect, 0, sp->n * sizeof(*sp->suspect));
	for (uint32_t c = 0; c < sp->p.k + sp->p.m && rc == 0; c++) {
		if (c == sp->slot || (sp->p.absent >> c & 1))
			continue;
		if (first_short(sp) == sp->n)
			break;
		rc = count_column(sp, c);
	}
	return rc;
}

static int refuse(const struct spare *sp, uint32_t i,
		  char why[CDX_REPAIR_WHY_MAX])
{
	uint32_t mend = sp->suspect[i] ? sp->suspect[i] : sp->p.absent;
	char slots[CDX_REPAIR_SLOTS_MAX * 10 + 1] = "";
	char text[CDX_CID_TEXT_MAX];
	struct cdx_cid cid;
	size_t len = 0;

	for (uint32_t c = 0; c < sp->p.k + sp->p.m; c++)
		if ((mend >> c & 1) && c != sp->slot)
			len += (size_t)snprintf(slots + len,
						sizeof(slots) - len,
						" --slot %" PRIu32, c);
	cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &sp->p.verifiable);
	cdx_cid_text(text, &cid);
	(void)snprintf(why, CDX_REPAIR_WHY_MAX,
		       "step %" PRIu64 " has only %" PRIu32
		       " good block%s beside slot %" PRIu32 ", and %" PRIu32
		       " %s needed; mend first: codexfs dataset rebuild%s %s",
		       sp->first + i, sp->good[i], sp->good[i] == 1 ? "" : "s",
		       sp->slot, sp->p.k, sp->p.k == 1 ? "is" : "are", slots,
		       text);
	return -EBUSY;
}

static int allocate(struct spare *sp)
{
	size_t bytes = (size_t)sp->room * sp->p.block_size;

	sp->bytes =
		aligned_alloc(BYTES_ALIGN, (bytes + BYTES_ALIGN - 1) /
						   BYTES_ALIGN * BYTES_ALIGN);
	sp->digest = calloc(sp->room, sizeof(*sp->digest));
	sp->state = calloc(sp->room, 1);
	sp->good = calloc(sp->room, sizeof(*sp->good));
	sp->suspect = calloc(sp->room, sizeof(*sp->suspect));
	sp->units = calloc(sp->room / UNIT_STEPS + 1, sizeof(*sp->units));
	if (!sp->bytes || !sp->digest || !sp->state || !sp->good ||
	    !sp->suspect || !sp->units)
		return -ENOMEM;
	return 0;
}

static int run(struct spare *sp, char why[CDX_REPAIR_WHY_MAX])
{
	uint64_t steps = sp->p.steps;
	int rc;

	rc = allocate(sp);
	while (rc == 0 && sp->first < steps) {
		uint64_t left = steps - sp->first;
		uint32_t i;

		if (canceled(sp))
			return -ECANCELED;
		sp->n = left < sp->room ? (uint32_t)left : sp->room;
		rc = count_window(sp);
		if (rc < 0)
			break;
		i = first_short(sp);
		if (i < sp->n)
			return refuse(sp, i, why);
		sp->first += sp->n;
		if (sp->o->progress)
			sp->o->progress(sp->o->arg, sp->first, steps);
	}
	return rc;
}

int cdx_repair_can_spare(struct cdx_store *s, const struct cdx_slots *sl,
			 uint32_t slot, const struct cdx_rebuild *o,
			 char why[CDX_REPAIR_WHY_MAX])
{
	struct spare sp = {.s = s, .o = o, .slot = slot};
	int rc;

	why[0] = '\0';
	if (slot >= sl->g.slots || sl->g.slots > CDX_REPAIR_SLOTS_MAX)
		return -EINVAL;
	/* the caller may have looked at it a while ago */
	rc = cdx_protection_get(s, sl->rec.base, sl->rec.id, &sp.p);
	if (rc < 0)
		return rc;
	if (sp.p.state != CDX_PROTECTION_DONE)
		return -ENOENT;
	sp.room = cdx_part_steps(&sp.p);
	cdx_tasks_init(&sp.tasks, o->pool, o->prio);
	rc = run(&sp, why);
	cdx_tasks_fini(&sp.tasks);
	free(sp.units);
	free(sp.suspect);
	free(sp.good);
	free(sp.state);
	free(sp.digest);
	free(sp.bytes);
	return rc;
}
