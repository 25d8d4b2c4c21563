/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_MOVE_H
#define CDX_VOLUME_MOVE_H

/* Between move.c and gather.c */

#include "volume/segs.h"

#define CDX_MOVE_ITEMS 4096u

/* A range of a file that lies in a source */
struct cdx_move_item {
	uint64_t ino;
	uint64_t file_off;
	uint64_t len;
	struct cdx_loc loc; /* now */
	size_t pos;	    /* in buf */
	uint32_t src;
};

/* Bytes that are read once, however many extents share them */
struct cdx_move_src {
	struct cdx_loc loc;
	size_t pos; /* in buf */
	size_t len;
	bool bad; /* did not verify */
};

/* One thread */
struct cdx_move {
	struct cdx_volume *v;
	bool reserve_too;
	uint8_t *buf; /* CDX_MOVE_BYTES plain bytes */
	size_t used;
	struct cdx_move_item *item;
	uint32_t items;
	struct cdx_move_src *src;
	uint32_t srcs;
	uint64_t token; /* readers: from the first look to the last byte */
	bool reading;
	uint64_t left_area; /* first item that was not written, 0 none */
	uint64_t left_off;
};

void cdx_move_read_end(struct cdx_move *m);

#endif
