/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/logs_internal.h"
#include "eth/rpc_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIRST_ID 5
#define PLACE 0x70 /* 'p': not an answer, but a place in the log */

static void check_words(const char *words)
{
	for (; *words; words++) {
		if (*words < 0x20 || *words > 0x7e)
			abort();
	}
}

/* In the order of the chain, each once, within what was asked for */
static void check_logs(const json_t *result)
{
	static const struct cdx_addr contract = {{0xcc}};
	const struct cdx_chain_log *last = NULL;
	struct cdx_list items;
	int rc;

	cdx_list_init(&items);
	rc = cdx_logs_decode(&items, result, &contract, 1, 1000);
	cdx_list_foreach(pos, &items) {
		const struct cdx_chain_log *log =
			&cdx_list_entry(pos, struct cdx_log_item, node)->log;

		if (rc == 0 && (log->block < 1 || log->block > 1000))
			abort();
		if (last &&
		    (log->block < last->block ||
		     (log->block == last->block && log->index <= last->index)))
			abort();
		last = log;
	}
	cdx_logs_drop(&items);
}

static void check_reply(const struct cdx_rpc_reply *r)
{
	struct cdx_block b;

	check_words(r->message);
	if (r->result) {
		if (r->code || r->has_data || r->message[0])
			abort();
		if (cdx_json_get_block(r->result, &b) != 0)
			check_logs(r->result);
		return;
	}
	if (!r->has_data && r->data_len)
		abort();
	/* must come to an answer, whichever */
	(void)cdx_rpc_speaks_of_node(r);
}

/* What is read is written to the same bytes. */
static void check_place(const uint8_t *data, size_t size)
{
	struct cdx_log_mark marks[CDX_LOG_MARKS_MAX];
	struct cdx_buf again = {0};
	size_t n;

	if (cdx_log_marks_decode(marks, &n, data, size) != 0)
		return;
	cdx_log_marks_encode(&again, marks, n);
	if (again.len != size || memcmp(again.p, data, size) != 0)
		abort();
	cdx_buf_free(&again);
}

/* The first byte says what was asked for: '0' one request alone, '1' to '3' a
 * batch of 2 to 4; the rest is what a node sent. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_rpc_asked asked = {.first_id = FIRST_ID};
	struct cdx_rpc_answers answers = {0};
	char why[CDX_RPC_WHY_MAX] = "";
	int rc;

	if (size == 0)
		return 0;
	if (data[0] == PLACE) {
		check_place(data + 1, size - 1);
		return 0;
	}
	asked.n = 1 + (data[0] & 7u) % 4;
	asked.batch = (data[0] & 7u) != 0;
	rc = cdx_rpc_decode(&answers, data + 1, size - 1, &asked, why);
	check_words(why);
	/* always says what is wrong */
	if (rc == CDX_E_FORMAT && why[0] == '\0')
		abort();
	for (size_t i = 0; rc == 0 && i < asked.n; i++)
		check_reply(&answers.replies[i]);
	if (rc == CDX_E_CHAIN)
		check_reply(&answers.replies[0]);
	cdx_rpc_answers_free(&answers);
	return 0;
}
