/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/schedule.h"

enum {
	ON_NONE,
	ON_FRESH,
	ON_RING,
};

void cdx_schedule_init(struct cdx_schedule *s, uint64_t interval_ns,
		       uint64_t pace_ns)
{
	*s = (struct cdx_schedule){.interval_ns = interval_ns,
				   .pace_ns = pace_ns};
	cdx_list_init(&s->fresh);
	cdx_list_init(&s->ring);
}

void cdx_schedule_drop(struct cdx_schedule *s, struct cdx_due *d)
{
	if (d->list == ON_NONE)
		return;
	if (d->list == ON_FRESH)
		s->n_fresh--;
	else
		s->n_ring--;
	cdx_list_del(&d->node);
	d->list = ON_NONE;
}

void cdx_schedule_soon(struct cdx_schedule *s, struct cdx_due *d)
{
	if (d->list == ON_FRESH)
		return;
	cdx_schedule_drop(s, d);
	cdx_list_add_tail(&s->fresh, &d->node);
	d->list = ON_FRESH;
	s->n_fresh++;
}

void cdx_schedule_put(struct cdx_schedule *s, struct cdx_due *d, uint64_t now)
{
	cdx_schedule_drop(s, d);
	/* a ring begins to turn with its first one */
	if (s->n_ring == 0)
		s->last_ring_ns = now;
	cdx_list_add_tail(&s->ring, &d->node);
	d->list = ON_RING;
	d->put_ns = now;
	s->n_ring++;
}

static struct cdx_due *first(const struct cdx_list *head)
{
	return cdx_list_entry(head->next, struct cdx_due, node);
}

/* When the first of the ring is to be put: in its turn, and at the latest an
 * interval after it was put last, which counts when others have left the ring */
static uint64_t ring_due(const struct cdx_schedule *s)
{
	uint64_t turn = s->last_ring_ns + s->interval_ns / s->n_ring;
	uint64_t latest = first(&s->ring)->put_ns + s->interval_ns;

	return turn < latest ? turn : latest;
}

/* Between any two: late ones are caught up with at this pace too, which has to
 * leave the ring its own */
static uint64_t pace(const struct cdx_schedule *s)
{
	uint64_t turn = s->interval_ns / (2 * (s->n_ring + s->n_fresh));

	return s->pace_ns < turn ? s->pace_ns : turn;
}

struct cdx_due *cdx_schedule_take(struct cdx_schedule *s, uint64_t now,
				  uint64_t *wait_ns)
{
	struct cdx_due *d = NULL;
	uint64_t due;

	if (s->n_ring + s->n_fresh == 0) {
		*wait_ns = UINT64_MAX;
		return NULL;
	}
	due = s->n_fresh ? 0 : UINT64_MAX;
	if (s->n_ring && ring_due(s) < due)
		due = ring_due(s);
	if (s->taken && due < s->last_ns + pace(s))
		due = s->last_ns + pace(s);
	if (due > now) {
		*wait_ns = due - now;
		return NULL;
	}
	if (s->n_ring && ring_due(s) <= now) {
		d = first(&s->ring);
		/* a turn that comes late does not make the next one late */
		s->last_ring_ns += s->interval_ns / s->n_ring;
		if (s->last_ring_ns + s->interval_ns / s->n_ring < now)
			s->last_ring_ns = now;
	} else {
		d = first(&s->fresh);
	}
	s->taken = true;
	s->last_ns = now;
	cdx_schedule_drop(s, d);
	return d;
}
