/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "api/rest_internal.h"

#define P CDX_REST_PREFIX
#define SPENDS CDX_REST_SPENDS

/* Every path there is; a literal one goes before one with "*" */
static const struct cdx_rest_route routes[] = {
	{P "/data", .fn = {[CDX_REST_GET] = cdx_rest_data_list,
			   [CDX_REST_POST] = cdx_rest_data_upload}},
	{P "/data/*", .need = {[CDX_REST_DELETE] = SPENDS},
	 .fn = {[CDX_REST_GET] = cdx_rest_data_get,
		[CDX_REST_DELETE] = cdx_rest_data_delete}},
	{P "/data/*/network", .fn = {[CDX_REST_POST] = cdx_rest_network_fetch}},
	{P "/data/*/network/stream",
	 .fn = {[CDX_REST_GET] = cdx_rest_network_stream}},
	{P "/data/*/network/manifest",
	 .fn = {[CDX_REST_GET] = cdx_rest_network_manifest}},
	{P "/data/*/exists", .fn = {[CDX_REST_GET] = cdx_rest_data_exists}},
	{P "/space", .fn = {[CDX_REST_GET] = cdx_rest_space}},
	{P "/spr", .fn = {[CDX_REST_GET] = cdx_rest_spr}},
	{P "/peerid", .fn = {[CDX_REST_GET] = cdx_rest_peerid}},
	{P "/node/peerid", .fn = {[CDX_REST_GET] = cdx_rest_peerid}},
	{P "/connect/*", .need = {[CDX_REST_GET] = CDX_REST_ACTS},
	 .fn = {[CDX_REST_GET] = cdx_rest_connect}},
	{P "/debug/info", .fn = {[CDX_REST_GET] = cdx_rest_info}},
	{P "/debug/chronicles/loglevel",
	 .fn = {[CDX_REST_POST] = cdx_rest_loglevel}},
	{P "/sales/slots", .fn = {[CDX_REST_GET] = cdx_rest_slots}},
	{P "/sales/slots/*", .fn = {[CDX_REST_GET] = cdx_rest_slot}},
	{P "/sales/availability", .need = {[CDX_REST_POST] = SPENDS},
	 .fn = {[CDX_REST_GET] = cdx_rest_offers,
		[CDX_REST_POST] = cdx_rest_offer_add}},
	{P "/sales/availability/*", .need = {[CDX_REST_PATCH] = SPENDS},
	 .fn = {[CDX_REST_PATCH] = cdx_rest_offer_change}},
	{P "/sales/availability/*/reservations",
	 .fn = {[CDX_REST_GET] = cdx_rest_reservations}},
	{P "/storage/request/*", .need = {[CDX_REST_POST] = SPENDS},
	 .fn = {[CDX_REST_POST] = cdx_rest_request}},
	{P "/storage/purchases", .fn = {[CDX_REST_GET] = cdx_rest_purchases}},
	{P "/storage/purchases/*", .fn = {[CDX_REST_GET] = cdx_rest_purchase}},
	{P "/metrics", .fn = {[CDX_REST_GET] = cdx_rest_metrics}},
	{"/metrics", .fn = {[CDX_REST_GET] = cdx_rest_metrics}},
	{P "/health", .need = {[CDX_REST_GET] = CDX_REST_OPEN},
	 .fn = {[CDX_REST_GET] = cdx_rest_health}},
	{"/health", .need = {[CDX_REST_GET] = CDX_REST_OPEN},
	 .fn = {[CDX_REST_GET] = cdx_rest_health}},
};

/* Does the path fit, and what stands for "*"? */
static bool fits(const char *pattern, const char *path, char *id)
{
	const char *star = strchr(pattern, '*');
	size_t before = star == NULL ? 0 : (size_t)(star - pattern);
	size_t len;

	if (star == NULL)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0)
		return false;
	path += before;
	len = strcspn(path, "/");
	if (len == 0 || strcmp(star + 1, path + len) != 0)
		return false;
	if (len >= CDX_CID_TEXT_MAX)
		len = 0;
	memcpy(id, path, len);
	id[len] = '\0';
	return true;
}

const struct cdx_rest_route *cdx_rest_route_find(const char *path,
						 char id[CDX_CID_TEXT_MAX])
{
	id[0] = '\0';
	for (size_t i = 0; i < CDX_ARRAY_LEN(routes); i++)
		if (fits(routes[i].path, path, id))
			return &routes[i];
	return NULL;
}

void cdx_rest_route_allow(const struct cdx_rest_route *route, char out[64])
{
	static const char *const names[CDX_REST_METHODS] = {
		[CDX_REST_GET] = "GET, HEAD, ",
		[CDX_REST_POST] = "POST, ",
		[CDX_REST_PATCH] = "PATCH, ",
		[CDX_REST_DELETE] = "DELETE, ",
	};
	char *p = out;

	for (unsigned i = 0; i < CDX_REST_METHODS; i++)
		if (route->fn[i] != NULL)
			p = stpcpy(p, names[i]);
	(void)stpcpy(p, "OPTIONS");
}
