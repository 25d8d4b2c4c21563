/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "chain_env.h"

void chain_env_start(struct chain_env *e, struct rpc_kit *const *kits, size_t n,
		     unsigned give_up_ms)
{
	const char *urls[CDX_RPC_ENDPOINTS_MAX];
	const struct cdx_rpc_opts opts = {.urls = urls,
					  .n_urls = n,
					  .chain_id = 31337,
					  .give_up_ms = give_up_ms};
	char why[CDX_RPC_WHY_MAX];

	*e = (struct chain_env){0};
	assert_true(n <= CDX_RPC_ENDPOINTS_MAX);
	for (size_t i = 0; i < n; i++)
		urls[i] = rpc_kit_url(kits[i]);
	loop_kit_start(&e->loop);
	assert_int_equal(cdx_http_new(&e->http, e->loop.loop), 0);
	assert_int_equal(
		cdx_rpc_new(&e->rpc, e->loop.loop, e->http, &opts, why), 0);
	assert_int_equal(cdx_persist_memory_new(&e->memory, e->loop.loop), 0);
}

void chain_env_head(struct chain_env *e, unsigned poll_ms)
{
	assert_int_equal(
		cdx_head_new(&e->head, e->loop.loop, e->rpc, poll_ms, NULL), 0);
}

void chain_env_end(struct chain_env *e)
{
	cdx_head_free(e->head);
	cdx_rpc_free(e->rpc);
	cdx_http_free(e->http);
	cdx_persist_memory_free(e->memory);
	if (e->loop.loop)
		loop_kit_end(&e->loop);
	*e = (struct chain_env){0};
}
