/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DATASET_MANIFEST_JSON_H
#define CDX_DATASET_MANIFEST_JSON_H

#include <jansson.h>

#include "base/attr.h"
#include "dataset/manifest.h"

/**
 * cdx_manifest_json - a manifest as Codex's REST API shows it
 *
 * @m: borrowed
 *
 * An object with treeCid, datasetSize (bytes), blockSize (bytes), filename,
 * mimetype (null when unset) and protected.  What Codex's does not show, when
 * protected: ecK, ecM, originalTreeCid, originalDatasetSize (bytes),
 * protectedStrategy (0 linear, 1 stepped) and codec (its name, its number when
 * it is unknown, null without parity); when verifiable: verifyRoot and slotRoots
 * (CIDs, in slot order), cellSize (bytes) and verifiableStrategy.
 *
 * Bytes of a text that are not UTF-8 become U+FFFD; sizes above 2^63 - 1, which
 * JSON integers here cannot hold, become that.
 *
 * Returns new, or NULL without memory.  Thread: safe.
 */
CDX_MUST_CHECK json_t *cdx_manifest_json(const struct cdx_manifest *m);

#endif
