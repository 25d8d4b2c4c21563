/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_DATASET_H
#define CDX_CODEXFS_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "codexfs/code_opts.h"
#include "codexfs/file.h"

/* The verb `dataset`, one function a subcommand.  Each returns the exit
 * status. */

struct dataset_args {
	struct cli_common common;
	struct cli_code code;
	const char *output;
	const char *filename;
	const char *mimetype;
	const char *challenge;
	const char *public_file;
	const char *from;
	const char *export_dir;
	uint32_t slots;	     /* bit i: --slot i */
	uint64_t block_size; /* bytes; 0: not given */
	uint64_t cell_size;  /* the same */
	uint64_t samples;    /* 0: not given */
	bool no_filename;
	bool is_private;
	bool as_json;
};

/* dataset_add.c */
int dataset_add(struct dataset_args *a, const char *file);
int dataset_cid(struct dataset_args *a, const char *file);
/* dataset_get.c */
int dataset_get(struct dataset_args *a, const char *cid);
/* dataset_net.c */
int dataset_find(struct dataset_args *a, const char *cid);
int dataset_announce(struct dataset_args *a, const char *cid);
/* dataset_list.c */
int dataset_show(struct dataset_args *a, const char *cid);
int dataset_ls(struct dataset_args *a);
int dataset_rm(struct dataset_args *a, int argc, char **argv);
/* dataset_protect.c */
int dataset_protect(struct dataset_args *a, const char *cid);
int dataset_verify(struct dataset_args *a, const char *cid);
/* dataset_prove.c */
int dataset_inputs(struct dataset_args *a, const char *cid);
int dataset_prove(struct dataset_args *a, const char *cid);
/* dataset_slots.c */
int dataset_slots(struct dataset_args *a, const char *cid);
int dataset_evict(struct dataset_args *a, const char *cid);
int dataset_rebuild(struct dataset_args *a, const char *cid);

/* ---- shared (dataset_util.c) ---- */

/* "/control/v1/datasets/CID" and what @fmt makes; malloc'd, NULL without
 * memory */
char *dataset_path(const char *cid, const char *fmt, ...) CDX_PRINTF(2, 3);
/* A query of the code options that were given, "data=4&codec=..." and so on,
 * appended.  Nothing is appended when none was. */
void dataset_code_query(struct cdx_buf *b, const struct dataset_args *a);
/* "0,3,14" of the bits of --slot; @out 128 bytes */
void dataset_slots_text(char out[128], uint32_t slots);
/* Asks for one JSON object at @path (taken; may be NULL).  0, or the result;
 * *@out is then the error's object or NULL. */
CDX_MUST_CHECK int dataset_ask(struct cdx_client *c, json_t **out,
			       const char *method, char *path);
/* Has a dataset protected, with progress; like dataset_ask */
CDX_MUST_CHECK int dataset_do_protect(struct cdx_client *c,
				      const struct dataset_args *a,
				      const char *cid, json_t **out);

/* Bytes on their way in or out, with a progress line */
struct dataset_stream {
	int fd;
	const char *phase;
	uint64_t done;
	uint64_t total; /* 0: unknown */
	uint64_t last_ns;
	int status;
	struct cdx_buf error; /* body of an answer that is no success */
};
/* Counts @n more bytes */
void dataset_stream_progress(struct dataset_stream *s, size_t n);
/* A cdx_request's read; @arg is a struct dataset_stream */
ssize_t dataset_stream_read(void *arg, void *out, size_t cap);
/* A cdx_request's write; the same */
int dataset_stream_write(void *arg, int status, const void *p, size_t len);

#endif
