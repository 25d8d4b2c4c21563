/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/market.h"

const char *cdx_request_state_name(unsigned state)
{
	static const char *const names[] = {
		[CDX_REQUEST_NEW] = "new",
		[CDX_REQUEST_STARTED] = "started",
		[CDX_REQUEST_CANCELLED] = "cancelled",
		[CDX_REQUEST_FINISHED] = "finished",
		[CDX_REQUEST_FAILED] = "failed",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state]
							: "unknown";
}

const char *cdx_slot_state_name(unsigned state)
{
	static const char *const names[] = {
		[CDX_SLOT_FREE] = "free",
		[CDX_SLOT_FILLED] = "filled",
		[CDX_SLOT_FINISHED] = "finished",
		[CDX_SLOT_FAILED] = "failed",
		[CDX_SLOT_PAID] = "paid",
		[CDX_SLOT_CANCELLED] = "cancelled",
		[CDX_SLOT_REPAIR] = "repair",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state]
							: "unknown";
}
