/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_REST_METRICS_H
#define CDX_API_REST_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/bytes.h"

/* Figures in Prometheus' text form, appended to a buffer: for the files
 * rest_metrics*.c alone. */

/* Longest name, with NUL */
#define CDX_METRIC_NAME_MAX 96u

struct cdx_metric {
	const char *name;
	const char *help;
	uint64_t value;
};
/* As it is */
void cdx_metric_put(struct cdx_buf *b, const char *text);
/* What precedes the samples of a name; @type: "gauge", "counter" */
void cdx_metric_head(struct cdx_buf *b, const char *type, const char *name,
		     const char *help);
/* @label: "{...}" or "" */
void cdx_metric_sample(struct cdx_buf *b, const char *name, const char *label,
		       uint64_t value);
/* Heads with a sample each */
void cdx_metric_gauges(struct cdx_buf *b, const struct cdx_metric *m, size_t n);
void cdx_metric_counters(struct cdx_buf *b, const struct cdx_metric *m,
			 size_t n);

/* What Codex and we count of the market; without one all of it is 0 or NaN, so that
 * a dashboard finds every name */
void cdx_rest_metrics_market(struct cdx_buf *b, const struct cdx_api *api);

#endif
