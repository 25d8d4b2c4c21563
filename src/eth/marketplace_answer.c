/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/marketplace_internal.h"

#include <string.h>

/* What views answer, out of the bytes that a node gave */

static void read_ids(struct market_answer *a, struct cdx_abi_in *r)
{
	struct cdx_abi_in ids = cdx_abi_get_array(r, 1, &a->n_ids);

	/* an id is bytes alone: it may stand anywhere */
	if (ids.fail)
		r->fail = true;
	else
		a->ids = (const void *)(ids.p + ids.at);
}

/* A stranger's text, for a terminal */
static void read_text(struct market_answer *a, struct cdx_abi_in *r)
{
	size_t len = 0;
	const uint8_t *text = cdx_abi_get_bytes(r, &len);
	size_t n = len < sizeof(a->text) ? len : sizeof(a->text) - 1;

	if (!text)
		return;
	for (size_t i = 0; i < n; i++) {
		bool plain = text[i] >= 0x20 && text[i] <= 0x7e;

		a->text[i] = (char)(plain ? text[i] : '?');
	}
	a->text[n] = '\0';
}

static void read_u64(struct market_answer *a, const struct market_row *row,
		     struct cdx_abi_in *r)
{
	a->u64 = cdx_abi_get_u64(r);
	if (a->u64 > row->max)
		r->fail = true;
}

int market_answer_read(struct market_answer *a, const struct market_row *row,
		       const uint8_t *p, size_t len)
{
	struct cdx_abi_in r = cdx_abi_in(p, len);

	switch (row->result) {
	case RESULT_NONE:
		return 0;
	case RESULT_U64:
		read_u64(a, row, &r);
		break;
	case RESULT_BOOL:
		a->flag = cdx_abi_get_bool(&r);
		break;
	case RESULT_U256:
		a->u256 = cdx_abi_get_u256(&r);
		break;
	case RESULT_ADDR:
		cdx_abi_get_addr(&r, a->addr.b);
		break;
	case RESULT_B32:
		cdx_abi_get_b32(&r, a->b32.b);
		break;
	case RESULT_IDS:
		read_ids(a, &r);
		break;
	case RESULT_TEXT:
		read_text(a, &r);
		break;
	case RESULT_CONFIG:
		return cdx_market_config_decode(&a->config, p, len);
	case RESULT_REQUEST:
		return cdx_storage_request_decode(&a->request, p, len);
	case RESULT_ACTIVE_SLOT:
		return cdx_active_slot_decode(&a->request, &a->u64, p, len);
	}
	return cdx_abi_ok(&r);
}
