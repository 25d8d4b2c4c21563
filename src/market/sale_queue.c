/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/sale_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"

/* A hundred or so: an array that is looked through is quicker than anything */
struct cdx_sale_queue {
	unsigned capacity;
	unsigned n;
	uint64_t serial;
	struct cdx_sale_item items[]; /* in no order */
};

/* ---- items ---- */

static struct cdx_u256 product(const struct cdx_u256 *a, uint64_t b)
{
	struct cdx_u256 v;

	return cdx_u256_mul_u64(&v, a, b) < 0 ? cdx_u256_max : v;
}

void cdx_sale_item_of(struct cdx_sale_item *out, const struct cdx_b32 *request,
		      uint64_t index, const struct cdx_ask *ask, int64_t expiry,
		      unsigned discount)
{
	struct cdx_u256 full = product(&ask->collateral, ask->slot_size);
	struct cdx_u256 price = product(&ask->price, ask->slot_size);
	struct cdx_u256 less = cdx_u256_of(0);

	memset(out, 0, sizeof(*out));
	out->request = *request;
	out->index = index;
	out->max_loss = ask->max_slot_loss;
	out->profit = product(&price, ask->duration);
	out->expiry = expiry;
	/* at most 100 percent: both fit */
	(void)!cdx_u256_scale(&less, &full, discount, 100);
	(void)!cdx_u256_sub(&out->collateral, &full, &less);
}

int cdx_sale_item_cmp(const struct cdx_sale_item *a,
		      const struct cdx_sale_item *b)
{
	int c;

	if (a->seen != b->seen)
		return a->seen ? 1 : -1;
	c = cdx_u256_cmp(&b->profit, &a->profit);
	if (c == 0)
		c = cdx_u256_cmp(&a->collateral, &b->collateral);
	if (c == 0 && a->expiry != 0 && b->expiry != 0)
		c = (b->expiry > a->expiry) - (b->expiry < a->expiry);
	return c;
}

/* The same, with no ties */
static bool before(const struct cdx_sale_item *a, const struct cdx_sale_item *b)
{
	int c = cdx_sale_item_cmp(a, b);

	return c < 0 || (c == 0 && a->serial < b->serial);
}

/* ---- the queue ---- */

int cdx_sale_queue_new(struct cdx_sale_queue **out, unsigned capacity)
{
	struct cdx_sale_queue *q =
		calloc(1, sizeof(*q) + capacity * sizeof(q->items[0]));

	if (q == NULL)
		return -ENOMEM;
	q->capacity = capacity;
	*out = q;
	return 0;
}

void cdx_sale_queue_free(struct cdx_sale_queue *q)
{
	free(q);
}

static bool is_of(const struct cdx_sale_item *it, const struct cdx_b32 *request)
{
	return memcmp(it->request.b, request->b, sizeof(request->b)) == 0;
}

static struct cdx_sale_item *find(struct cdx_sale_queue *q,
				  const struct cdx_b32 *request, uint64_t index)
{
	for (unsigned i = 0; i < q->n; i++)
		if (q->items[i].index == index && is_of(&q->items[i], request))
			return &q->items[i];
	return NULL;
}

int cdx_sale_queue_push(struct cdx_sale_queue *q,
			const struct cdx_sale_item *item)
{
	struct cdx_sale_item new = *item;
	struct cdx_sale_item *at = &q->items[q->n];

	if (find(q, &item->request, item->index) != NULL)
		return -EEXIST;
	new.serial = ++q->serial;
	if (q->n < q->capacity) {
		q->n++;
	} else {
		at = &q->items[0];
		for (unsigned i = 1; i < q->n; i++)
			if (before(at, &q->items[i]))
				at = &q->items[i];
		if (before(at, &new))
			return -ENOSPC;
	}
	*at = new;
	return 0;
}

/* 0 <= result < @n: @n is small, so no number is noticeably likelier */
static uint64_t below(uint64_t n)
{
	uint64_t v;

	cdx_random(&v, sizeof(v));
	return v % n;
}

/* @k of the numbers below @n, in random order: Floyd's choice, then shuffled */
static void choose(uint64_t *out, unsigned k, uint64_t n)
{
	unsigned got = 0;

	for (uint64_t j = n - k; j < n; j++) {
		uint64_t v = below(j + 1);

		for (unsigned i = 0; i < got; i++)
			if (out[i] == v)
				v = j;
		out[got++] = v;
	}
	for (unsigned i = k; i > 1; i--) {
		uint64_t j = below(i);
		uint64_t v = out[i - 1];

		out[i - 1] = out[j];
		out[j] = v;
	}
}

unsigned cdx_sale_queue_push_all(struct cdx_sale_queue *q,
				 const struct cdx_b32 *request,
				 const struct cdx_ask *ask, int64_t expiry)
{
	uint64_t index[CDX_SALE_QUEUE_SLOTS];
	unsigned k = CDX_SALE_QUEUE_SLOTS;
	unsigned got = 0;

	if (ask->slots == 0 || ask->slots > CDX_SALE_SLOTS_MAX)
		return 0;
	if (k > ask->slots)
		k = (unsigned)ask->slots;
	choose(index, k, ask->slots);
	for (unsigned i = 0; i < k; i++) {
		struct cdx_sale_item it;

		cdx_sale_item_of(&it, request, index[i], ask, expiry, 0);
		got += cdx_sale_queue_push(q, &it) == 0;
	}
	return got;
}

static void drop(struct cdx_sale_queue *q, struct cdx_sale_item *it)
{
	*it = q->items[--q->n];
}

bool cdx_sale_queue_take(struct cdx_sale_queue *q, struct cdx_sale_item *out)
{
	struct cdx_sale_item *best = NULL;

	for (unsigned i = 0; i < q->n; i++)
		if (best == NULL || before(&q->items[i], best))
			best = &q->items[i];
	if (best == NULL || best->seen)
		return false;
	*out = *best;
	drop(q, best);
	return true;
}

void cdx_sale_queue_remove(struct cdx_sale_queue *q,
			   const struct cdx_b32 *request, uint64_t index)
{
	struct cdx_sale_item *it = find(q, request, index);

	if (it != NULL)
		drop(q, it);
}

void cdx_sale_queue_remove_all(struct cdx_sale_queue *q,
			       const struct cdx_b32 *request)
{
	for (unsigned i = q->n; i > 0; i--)
		if (is_of(&q->items[i - 1], request))
			drop(q, &q->items[i - 1]);
}

void cdx_sale_queue_unsee(struct cdx_sale_queue *q,
			  const struct cdx_b32 *request)
{
	for (unsigned i = 0; i < q->n; i++)
		if (request == NULL || is_of(&q->items[i], request))
			q->items[i].seen = false;
}

unsigned cdx_sale_queue_len(const struct cdx_sale_queue *q)
{
	return q->n;
}
