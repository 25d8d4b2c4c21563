/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/json.h"

#include <string.h>

#include "base/err.h"

/* ---- to JSON */

json_t *cdx_json_u256(const struct cdx_u256 *v)
{
	char text[67];

	cdx_u256_quantity(text, v);
	return json_string(text);
}

json_t *cdx_json_u64(uint64_t v)
{
	const struct cdx_u256 wide = cdx_u256_of(v);

	return cdx_json_u256(&wide);
}

json_t *cdx_json_bytes(const void *p, size_t len)
{
	struct cdx_buf text = {0};
	json_t *v = NULL;
	char *to = NULL;

	/* 0x, digits, NUL */
	if (len <= (SIZE_MAX - 3) / 2)
		to = (char *)cdx_buf_extend(&text, 2 * len + 3);
	if (to) {
		to[0] = '0';
		to[1] = 'x';
		cdx_hex(to + 2, p, len);
		v = json_stringn_nocheck(to, 2 * len + 2);
	}
	cdx_buf_free(&text);
	return v;
}

json_t *cdx_json_addr(const struct cdx_addr *a)
{
	return cdx_json_bytes(a->b, sizeof(a->b));
}

json_t *cdx_json_b32(const struct cdx_b32 *v)
{
	return cdx_json_bytes(v->b, sizeof(v->b));
}

const char *cdx_json_at(enum cdx_at at)
{
	switch (at) {
	case CDX_AT_LATEST:
		return "latest";
	case CDX_AT_PENDING:
		return "pending";
	}
	return "latest";
}

/* ---- from JSON */

/* What follows 0x in a string; NULL when it is none */
static const char *digits(const json_t *v, size_t *len)
{
	const char *text = json_string_value(v);

	if (!text || text[0] != '0' || text[1] != 'x')
		return NULL;
	*len = strlen(text) - 2;
	return text + 2;
}

static int get_fixed(const json_t *v, uint8_t *out, size_t size)
{
	uint8_t room[32];
	size_t len;
	const char *hex = digits(v, &len);

	if (!hex || cdx_unhex(room, size, hex) < 0)
		return CDX_E_FORMAT;
	memcpy(out, room, size);
	return 0;
}

int cdx_json_get_u256(const json_t *v, struct cdx_u256 *out)
{
	const char *text = json_string_value(v);

	return text ? cdx_u256_parse_quantity(out, text) : CDX_E_FORMAT;
}

int cdx_json_get_u64(const json_t *v, uint64_t *out)
{
	struct cdx_u256 wide;

	if (cdx_json_get_u256(v, &wide) < 0 || cdx_u256_to_u64(out, &wide) < 0)
		return CDX_E_FORMAT;
	return 0;
}

int cdx_json_get_addr(const json_t *v, struct cdx_addr *out)
{
	return get_fixed(v, out->b, sizeof(out->b));
}

int cdx_json_get_b32(const json_t *v, struct cdx_b32 *out)
{
	return get_fixed(v, out->b, sizeof(out->b));
}

int cdx_json_get_bytes(const json_t *v, struct cdx_buf *out)
{
	size_t len;
	const char *hex = digits(v, &len);
	size_t before = out->len;
	uint8_t *to;

	if (!hex || len % 2)
		return CDX_E_FORMAT;
	to = cdx_buf_extend(out, len / 2);
	if (!to)
		return cdx_buf_ok(out);
	if (cdx_unhex(to, len / 2, hex) == 0)
		return 0;
	out->len = before;
	return CDX_E_FORMAT;
}

int cdx_json_get_block(const json_t *v, struct cdx_block *out)
{
	const json_t *base_fee = json_object_get(v, "baseFeePerGas");
	struct cdx_block b = {.has_base_fee = base_fee != NULL};

	if (cdx_json_get_u64(json_object_get(v, "number"), &b.number) < 0 ||
	    cdx_json_get_u64(json_object_get(v, "timestamp"), &b.timestamp) <
		    0 ||
	    cdx_json_get_b32(json_object_get(v, "hash"), &b.hash) < 0 ||
	    cdx_json_get_b32(json_object_get(v, "parentHash"), &b.parent) < 0 ||
	    cdx_json_get_u64(json_object_get(v, "gasLimit"), &b.gas_limit) < 0)
		return CDX_E_FORMAT;
	/* chains from before EIP-1559 leave it out */
	if (base_fee && cdx_json_get_u256(base_fee, &b.base_fee) < 0)
		return CDX_E_FORMAT;
	*out = b;
	return 0;
}

static int get_topics(const json_t *v, struct cdx_chain_log *out)
{
	size_t n = json_array_size(v);

	if (!json_is_array(v) || n > CDX_ARRAY_LEN(out->topics))
		return CDX_E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		if (cdx_json_get_b32(json_array_get(v, i), &out->topics[i]) < 0)
			return CDX_E_FORMAT;
	}
	out->n_topics = (unsigned)n;
	return 0;
}

int cdx_json_get_log(const json_t *v, struct cdx_chain_log *out,
		     struct cdx_buf *data)
{
	const json_t *removed = json_object_get(v, "removed");
	struct cdx_chain_log l = {.removed = json_is_true(removed)};
	size_t before = data->len;
	int err;

	if (cdx_json_get_addr(json_object_get(v, "address"), &l.contract) < 0 ||
	    get_topics(json_object_get(v, "topics"), &l) < 0 ||
	    cdx_json_get_u64(json_object_get(v, "blockNumber"), &l.block) < 0 ||
	    cdx_json_get_b32(json_object_get(v, "blockHash"), &l.block_hash) <
		    0 ||
	    cdx_json_get_b32(json_object_get(v, "transactionHash"), &l.tx) <
		    0 ||
	    cdx_json_get_u64(json_object_get(v, "logIndex"), &l.index) < 0 ||
	    (removed && !json_is_boolean(removed)))
		return CDX_E_FORMAT;
	err = cdx_json_get_bytes(json_object_get(v, "data"), data);
	if (err)
		return err;
	l.data = data->p + before;
	l.len = data->len - before;
	*out = l;
	return 0;
}
