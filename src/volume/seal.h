/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_SEAL_H
#define CDX_VOLUME_SEAL_H

/* Between seal.c and seal_fill.c */

#include "volume/segs.h"

/* Applies a batch whose only counted change is @fn's */
CDX_MUST_CHECK int cdx_seal_act(struct cdx_volume *v, struct cdx_batch *b,
				uint64_t area, cdx_seg_act_fn *fn, void *arg);
/* Steps 3 and 4 (seal.c): padding and footer.  Nobody reads or changes a block
 * without content any more. */
CDX_MUST_CHECK int cdx_seal_fill(struct cdx_volume *v, struct cdx_oseg *o,
				 cdx_progress_fn *progress, void *arg);

#endif
