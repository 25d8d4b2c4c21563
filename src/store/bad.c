/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/area_internal.h"

/* What is said about bad blocks: a file that is damaged has thousands. */

/* so many files and datasets are told apart; the rest counts as one */
#define BAD_MAX 1024u

static struct cdx_bad *get_locked(struct cdx_areas *a, uint64_t id)
{
	struct cdx_bad *b = cdx_map_get(&a->bad, id);

	if (b != NULL)
		return b;
	if (a->bad.len >= BAD_MAX)
		return &a->bad_rest;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return &a->bad_rest;
	if (cdx_map_put(&a->bad, id, b) < 0) {
		free(b);
		return &a->bad_rest;
	}
	return b;
}

unsigned cdx_store_bad_line(struct cdx_store *s, uint64_t id)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_bad *b;
	unsigned n = 0;

	(void)pthread_mutex_lock(&a->mu);
	b = get_locked(a, id);
	if (b->lines <= CDX_BAD_LINES)
		n = ++b->lines;
	(void)pthread_mutex_unlock(&a->mu);
	return n;
}

bool cdx_area_bad_line(struct cdx_areas *a, uint64_t id)
{
	unsigned n = cdx_store_bad_line(a->s, id);

	if (n > CDX_BAD_LINES)
		cdx_log(cdx_store_log(a->s), ERROR, "store",
			"further bad blocks of areas/%016" PRIx64
			" are counted and not shown",
			id);
	return n != 0 && n <= CDX_BAD_LINES;
}

void cdx_area_missing(struct cdx_areas *a, uint64_t id)
{
	struct cdx_bad *b;
	bool told;

	(void)pthread_mutex_lock(&a->mu);
	b = get_locked(a, id);
	told = b->missing;
	b->missing = true;
	(void)pthread_mutex_unlock(&a->mu);
	if (!told)
		cdx_log(cdx_store_log(a->s), ERROR, "store",
			"data file areas/%016" PRIx64
			" is missing; run codexfs fsck",
			id);
}

void cdx_bad_free(struct cdx_areas *a)
{
	size_t pos = 0;
	uint64_t id;
	void *val;

	while (cdx_map_next(&a->bad, &pos, &id, &val))
		free(val);
	cdx_map_free(&a->bad);
}
