/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_SEGS_H
#define CDX_VOLUME_SEGS_H

/*
 * Shared by the segments part of src/volume only.  docs/DESIGN.md "Segments",
 * docs/FORMATS.md "Segment record".
 *
 * Lock order of this part (after vnode locks): job_mu comes before vnode
 * locks; then open_mu, ref_mu, mu, cache_mu.  ref_mu is taken in a batch's
 * before hook and given back in its after hook: everything that is counted
 * (segment records, live bytes, records files) is encoded and applied in one
 * order.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "volume/internal.h"

#define CDX_SEG_DATA_MAX ((uint64_t)320 << 20) /* data bytes of a segment */
#define CDX_SEG_SHARE_PART 16u /* a segment is at most this part of the share */
#define CDX_SEG_MIN_BLOCKS 8u  /* smallest capacity */
#define CDX_SEG_META_BYTES 256u	  /* leaf and tree records of one block */
#define CDX_SEG_EPOCHS_MAX 32u	  /* then the segment counts as full */
#define CDX_SEG_WORTH_PERCENT 90u /* a fuller segment is never compacted */
#define CDX_SEG_ID_LEN 16u
#define CDX_WRAPPED_LEN (CDX_KEY_LEN + CDX_SEAL_OVERHEAD)
#define CDX_SEG_RUN_MAX 256u   /* blocks of one cdx_seg_write */
#define CDX_SEG_BUF_BLOCKS 16u /* encrypted and written in one go */
#define CDX_SEG_BUFS 4u
#define CDX_REC_FILE_MAX ((uint64_t)64 << 20)
#define CDX_MOVE_BYTES ((size_t)1 << 20) /* packed or compacted in one step */

/* A key and the first index it is for; lasts until the next epoch's first */
struct cdx_epoch {
	uint32_t first;
	uint8_t cipher; /* enum cdx_block_cipher */
	uint8_t wrapped[CDX_WRAPPED_LEN];
};

/* Record in CDX_DB_SEGMENT */
struct cdx_seg_rec {
	enum cdx_seg_state state;
	uint32_t k;
	uint32_t m;
	uint32_t codec;	   /* enum cdx_ec_codec of its parity */
	uint32_t cap;	   /* blocks; from the footer on the final number */
	uint32_t next;	   /* indexes from here on were never used */
	uint32_t footers;  /* footer blocks, 0 until they are written */
	uint32_t progress; /* sealing: blocks recorded; dropping: removed */
	uint64_t live;	   /* bytes that extents refer to, shared ones each */
	uint64_t entries;  /* back references */
	uint64_t content;  /* live bytes when it was sealed */
	int64_t opened;	   /* wall seconds */
	uint8_t id[CDX_SEG_ID_LEN];
	bool has_manifest;
	struct cdx_digest manifest;
	bool has_verifiable; /* it is protected */
	struct cdx_digest verifiable;
	uint32_t epochs;
	struct cdx_epoch epoch[CDX_SEG_EPOCHS_MAX];
};

/* Bytes of a record; cdx_seg_rec_encode returns the length */
#define CDX_SEG_REC_MAX (176u + CDX_SEG_EPOCHS_MAX * (5u + CDX_WRAPPED_LEN))
size_t cdx_seg_rec_encode(uint8_t out[CDX_SEG_REC_MAX],
			  const struct cdx_seg_rec *rec);
/* CDX_E_VERSION, CDX_E_CORRUPT */
CDX_MUST_CHECK int cdx_seg_rec_decode(struct cdx_seg_rec *out, const void *p,
				      size_t len);
/* Reads the record of a segment; -ENOENT */
CDX_MUST_CHECK int cdx_seg_rec_get(struct cdx_volume *v,
				   struct cdx_seg_rec *out, uint64_t area);
void cdx_seg_rec_put(struct cdx_batch *b, uint64_t area,
		     const struct cdx_seg_rec *rec);
const char *cdx_seg_state_name(enum cdx_seg_state st);

/* Indexes whose batch failed: content lost, a BURNT leaf is still to be put */
struct cdx_burn {
	uint32_t index;
	uint32_t n;
};

/* A segment that is open or being sealed, in memory as long */
struct cdx_oseg {
	struct cdx_list link;	/* segs->active; guarded by mu and ref_mu */
	uint64_t area;		/* immutable */
	uint64_t opened_mono;	/* immutable */
	uint32_t slots;		/* entries in live and leaf; immutable */
	struct cdx_seg_rec rec; /* as applied; guarded by ref_mu */
	uint64_t *live;		/* bytes a block; guarded by ref_mu */
	uint8_t *leaf; /* enum cdx_leaf_state or 0; guarded by ref_mu */
	/* guarded by mu: */
	uint32_t next;	   /* first index not taken */
	uint32_t limit;	   /* indexes end here; the footer's part follows */
	uint32_t inflight; /* runs not applied yet, and moves under way */
	uint32_t pins;	   /* moves whose references are still to come */
	bool full;	   /* takes no more */
	bool drawn;	   /* this open's epoch is in the record */
	bool ready;	   /* and its key may be used */
	uint8_t cipher;
	struct cdx_key key;
	struct cdx_burn *burn;
	uint32_t burns;
	uint32_t burn_cap;
};

/* A file of sealed records */
struct cdx_recfile {
	struct cdx_list link; /* segs->recfiles; guarded by mu */
	uint64_t area;	      /* immutable */
	uint64_t end;	      /* append offset; guarded by mu */
	uint64_t first_write; /* mono ns, 0: before this open; by mu */
	uint64_t last_write;  /* the same; by mu */
	uint32_t inflight;    /* records not applied yet; by mu */
	bool closed;	      /* by mu */
	bool removed;	      /* its removal is applied; by ref_mu */
	uint64_t size;	      /* as applied; by ref_mu */
	uint64_t live;	      /* as applied; by ref_mu */
};

/* Keys of one segment, for reading */
struct cdx_seg_keys {
	uint32_t epochs;
	struct {
		uint32_t first;
		uint8_t cipher;
		struct cdx_key key;
	} epoch[];
};

/* What new segments are like */
struct cdx_seg_code {
	uint32_t k;
	uint32_t m;
	uint32_t codec;
	uint32_t cap;	  /* blocks of a full-size segment */
	uint64_t slack;	  /* what cutting free space into segments may lose */
	uint64_t reserve; /* bytes of the share kept for reclaim */
};

/* Sealed segments, by whether they are protected; see cdx_protect_count */
struct cdx_seg_count {
	_Atomic uint64_t is_protected;
	_Atomic uint64_t waiting;
	_Atomic uint64_t waiting_bytes; /* of data */
};

struct cdx_protector;
struct cdx_block_cache;

struct cdx_segs {
	/* changed under open_mu and mu, so either of them lets read it */
	struct cdx_seg_code code;
	struct cdx_seg_count count;	   /* changed under ref_mu */
	struct cdx_protector *protector;   /* immutable after open */
	struct cdx_block_cache *recovered; /* immutable after open */

	pthread_mutex_t job_mu;	 /* one pack, seal, compact or drop at a time */
	pthread_mutex_t open_mu; /* one opens a segment, epoch, records file */
	pthread_mutex_t ref_mu;
	pthread_mutex_t mu;
	pthread_cond_t cv; /* inflight went down; with mu */

	struct cdx_list active; /* struct cdx_oseg */
	struct cdx_oseg *open;	/* takes indexes, or NULL; guarded by mu */
	struct cdx_list recfiles;
	struct cdx_recfile *cur;    /* is appended to, or NULL; guarded by mu */
	uint64_t held;		    /* promised to dirty bytes; guarded by mu */
	uint8_t *buf[CDX_SEG_BUFS]; /* spare ones; guarded by mu */
	unsigned bufs;

	/* areas worth compacting; a hint, guarded by mu */
	struct cdx_map sparse;
	_Atomic bool dropping; /* some segment waits to be removed */

	/* rounds of the evictor, and who waits for one; guarded by mu */
	pthread_cond_t evict_cv; /* on CLOCK_MONOTONIC */
	uint64_t evict_begun;
	uint64_t evict_done;
	bool evict_gained;
	uint64_t evict_want;		/* bytes that somebody waits for */
	uint64_t evict_counted;		/* mono ns; of the background thread */
	_Atomic bool evict_asked;	/* or a round soon would be in vain */
	_Atomic uint64_t evicted;	/* segments without a byte here */
	_Atomic uint64_t evicted_bytes; /* of their data */
	_Atomic uint64_t evictions;

	pthread_mutex_t cache_mu;
	struct cdx_map cache; /* area -> struct cdx_seg_keys */
	struct cdx_map used;  /* area -> wall seconds of the last read */
	uint64_t cache_gen;   /* changes with every forget */

	_Atomic uint64_t seals;
	_Atomic uint64_t compactions;
	_Atomic uint64_t remade; /* blocks made from others since open */

	/* Told every block that is encrypted; for tests, set before use */
	void (*on_crypt)(void *arg, const struct cdx_key *key, uint64_t index,
			 const uint8_t *cipher);
	void *on_crypt_arg;
};

/* ---- segment.c: geometry, charges, keys for reading ---- */

/* Blocks kept free for the footer of a segment of @cap blocks */
uint32_t cdx_seg_footer_room(uint32_t cap);
/* Bytes charged for a segment of @blocks, parity and records included */
uint64_t cdx_seg_charge(uint32_t k, uint32_t m, uint32_t blocks);
/* Fills in what follows from the code and a share of @share bytes.  The slack
 * is what is lost at most when data goes into smaller segments than it was
 * promised for: their footers, and less than the smallest one. */
void cdx_seg_code_init(struct cdx_seg_code *out, uint32_t k, uint32_t m,
		       uint32_t codec, uint64_t share);
/* The share of the volume, or what the disk lets it become: on a disk smaller
 * than the quota segments (and the reserve, which is one) must be small too. */
uint64_t cdx_seg_share(struct cdx_volume *v);
/* Bytes charged for @bytes outside of segments: by the code that the store was
 * made with, whatever new segments use, so that what was charged can be given
 * back */
uint64_t cdx_small_charge(const struct cdx_volume *v, uint64_t bytes);
/* Smallest k * 2^j that is at least @blocks */
uint32_t cdx_seg_round(uint32_t k, uint32_t blocks);
/* Largest capacity within the limits for a share of @share bytes */
uint32_t cdx_seg_geometry(uint32_t k, uint32_t m, uint64_t share);
/* The epoch of an index: number, or -1 */
int cdx_seg_epoch_of(const struct cdx_seg_rec *rec, uint32_t index);
void cdx_seg_wrap(uint8_t out[CDX_WRAPPED_LEN], const struct cdx_volume *v,
		  const uint8_t id[CDX_SEG_ID_LEN], uint32_t first,
		  const struct cdx_key *key);
CDX_MUST_CHECK int cdx_seg_unwrap(struct cdx_key *out,
				  const struct cdx_volume *v,
				  const uint8_t id[CDX_SEG_ID_LEN],
				  const struct cdx_epoch *e);
/* Cipher and key of one block; -ENOENT, CDX_E_HASH */
CDX_MUST_CHECK int cdx_seg_key(struct cdx_volume *v, struct cdx_key *out,
			       uint8_t *cipher, uint64_t area, uint32_t index);
/* When blocks of it were read last, wall seconds; 0: not since open */
int64_t cdx_seg_last_read(struct cdx_segs *s, uint64_t area);
/* The segment is gone */
void cdx_seg_use_forget(struct cdx_segs *s, uint64_t area);
/* The record changed (new epoch, gone): forget the keys */
void cdx_seg_key_forget(struct cdx_segs *s, uint64_t area);
void cdx_seg_cache_free(struct cdx_segs *s);

/* ---- seg_open.c, epoch.c ---- */

/* Area of segs->open leaves it, to be sealed; caller holds mu */
void cdx_oseg_close(struct cdx_volume *v, struct cdx_oseg *o);
/* The active segment of an area or NULL; caller holds mu or ref_mu */
struct cdx_oseg *cdx_oseg_find(struct cdx_segs *s, uint64_t area);
/* Copy of its record as applied; takes ref_mu */
void cdx_oseg_rec(struct cdx_segs *s, const struct cdx_oseg *o,
		  struct cdx_seg_rec *out);
CDX_MUST_CHECK int cdx_oseg_new(struct cdx_oseg **out, uint64_t area,
				const struct cdx_seg_rec *rec);
void cdx_oseg_free(struct cdx_oseg *o);
/* Makes segs->open take indexes: a new segment, or a new epoch of the old one.
 * @reserve_too: the reserve may be used (moves that free more than they take).
 * Takes open_mu; commits nothing, so it is allowed on the committer thread.
 * -ENOSPC, CDX_E_QUOTA. */
CDX_MUST_CHECK int cdx_seg_prepare(struct cdx_volume *v, bool reserve_too);
/* Applies an epoch with a fresh key from the next index on; the caller holds
 * open_mu.  -EOVERFLOW: the segment has all the epochs it can take. */
CDX_MUST_CHECK int cdx_epoch_start(struct cdx_volume *v, struct cdx_oseg *o);

/* ---- refs.c: what hangs on a batch ---- */

struct cdx_change;
/* Called under ref_mu in the batch's before hook with the segment's record,
 * which it may change; it is put into the batch afterwards.  Returns 0, or
 * 1 when the batch deletes the record instead. */
typedef int cdx_seg_act_fn(void *arg, struct cdx_batch *b,
			   struct cdx_seg_rec *rec);
/* Lets @fn change the record of @area when @b is applied; one a batch.
 * @arg must live until then. */
void cdx_change_act(struct cdx_volume *v, struct cdx_batch *b, uint64_t area,
		    cdx_seg_act_fn *fn, void *arg);
/* Notes a run (leaves are in the batch) or a record with the batch */
void cdx_change_run(struct cdx_volume *v, struct cdx_batch *b,
		    const struct cdx_seg_run *run);
void cdx_change_rec(struct cdx_volume *v, struct cdx_batch *b, uint64_t area,
		    uint64_t off, uint32_t sealed);
/* Deletes the area of a closed, empty records file with the batch */
void cdx_change_rec_remove(struct cdx_volume *v, struct cdx_batch *b,
			   uint64_t area);

/* Key and value of CDX_DB_BACKREF */
#define CDX_BACKREF_KEY 32u
#define CDX_BACKREF_VAL 16u
struct cdx_backref {
	struct cdx_loc loc;
	uint64_t ino;
	uint64_t file_off;
	uint64_t len;
};
/* CDX_E_CORRUPT; loc.kind is set to @kind */
CDX_MUST_CHECK int cdx_backref_decode(struct cdx_backref *out,
				      enum cdx_loc_kind kind,
				      const struct cdx_kv_pair *pair);

/* ---- seg_write.c ---- */

/* Blocks written without references are still wanted until unpin */
void cdx_seg_pin(struct cdx_volume *v, uint64_t area);
void cdx_seg_unpin(struct cdx_volume *v, uint64_t area);
/* cdx_seg_write that may also use the reserve (compaction, packing) */
CDX_MUST_CHECK int cdx_seg_write_reserve(struct cdx_volume *v,
					 struct cdx_seg_run *run,
					 const struct iovec *iov, int iovcnt,
					 uint32_t n, bool reserve_too);

/* ---- record.c ---- */

/* Ids of all areas that have a record; *out is the caller's to free */
CDX_MUST_CHECK int cdx_areas_list(struct cdx_volume *v, uint64_t **out,
				  size_t *n);
CDX_MUST_CHECK int cdx_recs_open(struct cdx_volume *v);
/* The batch of a record ended; one less under way */
void cdx_rec_done(struct cdx_volume *v, uint64_t area);
void cdx_recs_close(struct cdx_volume *v);
struct cdx_recfile *cdx_recfile_find(struct cdx_segs *s, uint64_t area);
/* No more records into the current file */
void cdx_rec_rotate(struct cdx_volume *v);
/* Reads a whole record; @out: loc->plain bytes.  CDX_E_HASH */
CDX_MUST_CHECK int cdx_rec_read(struct cdx_volume *v, uint8_t *out,
				const struct cdx_loc *loc);
/* Removes closed files without a live record.  Caller holds job_mu. */
CDX_MUST_CHECK int cdx_rec_sweep(struct cdx_volume *v);

/* ---- move.c: packing and compaction share it ---- */

/* Bytes on their way from records or a sealed segment to the open one */
struct cdx_move;
CDX_MUST_CHECK int cdx_move_new(struct cdx_move **out, struct cdx_volume *v);
void cdx_move_free(struct cdx_move *m);
/* Forgets what was gathered */
void cdx_move_reset(struct cdx_move *m);
/**
 * cdx_move_gather - collect live ranges of an area in offset order
 *
 * @kind:   RECORD or SEGMENT
 * @cursor: in/out, byte offset in the area to go on from
 *
 * Returns 1 when there is room for more and the area is at its end, 0 when the
 * move is full (the cursor then says where the next one begins).
 */
CDX_MUST_CHECK int cdx_move_gather(struct cdx_move *m, uint64_t area,
				   enum cdx_loc_kind kind, uint64_t *cursor);
/* Plain bytes gathered */
size_t cdx_move_bytes(const struct cdx_move *m);
/**
 * cdx_move_run - write what was gathered and point the extents to it
 *
 * @partial: the last block may be filled up with zeros; else what does not
 *           fill a block stays where it is
 * @wait:    wait for locked files; else they are left alone
 * @moved:   out, bytes of extents that now lie elsewhere
 *
 * Caller holds job_mu and no vnode lock when @wait.
 */
CDX_MUST_CHECK int cdx_move_run(struct cdx_move *m, bool partial, bool wait,
				uint64_t *moved);

/* ---- seal.c, drop.c, compact.c, pack.c ---- */

/* Seals one active segment; caller holds job_mu and nothing else.  CDX_E_AGAIN:
 * readers or the store's end are in the way, do it again later. */
CDX_MUST_CHECK int cdx_seal_segment(struct cdx_volume *v, struct cdx_oseg *o,
				    cdx_progress_fn *progress, void *arg);
/* Seals what is full or was being sealed; @age_s: and what is older and has
 * content.  Caller holds job_mu. */
CDX_MUST_CHECK int cdx_seal_due(struct cdx_volume *v, unsigned age_s,
				cdx_progress_fn *progress, void *arg);
/* Gives up segments that have no live byte, without padding or commit; caller
 * holds job_mu, and vnode locks are allowed */
CDX_MUST_CHECK int cdx_seal_dead(struct cdx_volume *v);
/* Removes segments without live bytes; caller holds job_mu */
CDX_MUST_CHECK int cdx_drop_due(struct cdx_volume *v);
/* Packs records files last written before @older_than; caller holds job_mu */
CDX_MUST_CHECK int cdx_pack_files(struct cdx_volume *v, uint64_t older_than,
				  bool partial, cdx_progress_fn *progress,
				  void *arg);
/* Moves the live bytes of one sealed segment; caller holds job_mu */
CDX_MUST_CHECK int cdx_compact_segment(struct cdx_volume *v, uint64_t area,
				       bool wait,
				       struct cdx_compact_report *report);
/* Remembers a segment that compaction may want; takes mu */
void cdx_compact_hint(struct cdx_segs *s, uint64_t area,
		      const struct cdx_seg_rec *rec);
/* The emptiest of the sparse segments, 0 when there is none.  @below: percent
 * of live bytes; @of_content: of what it was sealed with, else of all blocks
 * (one that was sealed early is mostly padding: moving it costs more than it
 * gives, unless space is short) */
uint64_t cdx_compact_next(struct cdx_volume *v, unsigned below,
			  bool of_content);
/* Tries to get space back at once, with locks of vnodes held by the caller;
 * true when something was freed */
bool cdx_compact_now(struct cdx_volume *v);

/* Would what is promised still fit if new segments were like this?  Caller
 * holds mu. */
bool cdx_space_fits(struct cdx_volume *v, const struct cdx_seg_code *code,
		    uint64_t free_bytes);

/* How many bytes of the share more than there are would let @want bytes, and a
 * whole segment after them, be written; 0: none.  Takes mu. */
uint64_t cdx_space_short(struct cdx_volume *v, uint64_t want);

/* ---- evict.c ---- */

/* Evicts what is safe elsewhere while space is short; caller holds job_mu and no
 * other lock */
void cdx_evict_due(struct cdx_volume *v);
/* Space gets short: a round soon.  Thread: safe, does not block. */
void cdx_evict_ask(struct cdx_volume *v);
/* Waits for a round that begins from now on and wants room for @bytes; true: it
 * gained something.  No lock held, and not for the background thread. */
bool cdx_evict_wait(struct cdx_volume *v, uint64_t bytes);
/* Counts what is evicted, for status; at open, and after a change */
void cdx_evict_count(struct cdx_volume *v);
/* Are too few slots of it here to make the others from? */
bool cdx_seg_is_far(struct cdx_volume *v, uint64_t area);

/* ---- protector.c, protect_job.c ---- */

/* The object without the thread (cdx_segs_open, cdx_segs_close) */
CDX_MUST_CHECK int cdx_protector_new(struct cdx_volume *v);
void cdx_protector_free(struct cdx_volume *v);
/* Its thread: with and like the background thread */
CDX_MUST_CHECK int cdx_protector_start(struct cdx_volume *v);
void cdx_protector_stop(struct cdx_volume *v);
/* Something was sealed, or something that failed is to be tried again */
void cdx_protector_kick(struct cdx_volume *v);
/* A segment that is to go: true when a job works on it, which is told to end
 * and then kicks the background thread.  No lock of the volume is needed: the
 * record says DROPPING, so no job begins on it again. */
bool cdx_protector_busy(struct cdx_volume *v, uint64_t area);
/* Protects what is sealed now; no lock held.  cdx_vol_sync_until has the
 * errors. */
CDX_MUST_CHECK int cdx_protect_all(struct cdx_volume *v,
				   cdx_progress_fn *progress,
				   cdx_cancel_fn *cancel, void *arg);
/* Takes back all protections of a dead segment.  1: somebody pinned one.
 * Caller holds job_mu. */
CDX_MUST_CHECK int cdx_protect_drop(struct cdx_volume *v, uint64_t area);
/* A segment record became another (NULL: there is none); caller holds ref_mu,
 * or is alone */
void cdx_protect_count(struct cdx_segs *s, const struct cdx_seg_rec *was,
		       const struct cdx_seg_rec *is);
/* Fills in the figures of status */
void cdx_protector_status(struct cdx_volume *v, struct cdx_vol_status *out);

/* ---- seg_cache.c: blocks that were made or fetched ---- */

/* The cache (cdx_segs_open, cdx_segs_close) */
CDX_MUST_CHECK int cdx_recovered_new(struct cdx_volume *v);
/* Frees it; nobody reads any more */
void cdx_recovered_free(struct cdx_volume *v);
/* Bytes of a block as stored, if it is in the cache */
bool cdx_seg_recovered(struct cdx_volume *v, uint8_t *out, uint64_t area,
		       uint32_t index, size_t off, size_t len);
bool cdx_recovered_has(struct cdx_volume *v, uint64_t area, uint32_t index);
/* Is it there, and came from others? */
bool cdx_recovered_fetched(struct cdx_volume *v, uint64_t area, uint32_t index);
/* Puts a copy of a verified block there; @pins: it stays until so many unpins;
 * @fetched: from others.  -ENOMEM. */
CDX_MUST_CHECK int cdx_recovered_keep(struct cdx_volume *v, uint64_t area,
				      uint32_t index, const uint8_t *block,
				      uint32_t pins, bool fetched);
/* One more pin; false: it is not there */
bool cdx_recovered_pin(struct cdx_volume *v, uint64_t area, uint32_t index);
void cdx_recovered_unpin(struct cdx_volume *v, uint64_t area, uint32_t index);
/* True the first time for each block: its trouble is worth a line */
bool cdx_recovered_tell(struct cdx_volume *v, uint64_t area, uint32_t index);

/* ---- seg_block.c: blocks that are not as they should be ---- */

/* May one more line be logged about bad blocks of this segment?  Says once
 * that no more are. */
bool cdx_seg_bad_line(struct cdx_volume *v, uint64_t area);
/**
 * cdx_seg_recover - bytes of a block that is missing or wrong
 *
 * @out: @len bytes from @off of the block as stored (encrypted)
 * @why: what reading it gave, to be logged
 *
 * Had from the last time, from another place of the store or its cache, or made
 * from other blocks of its step.  -ENODATA: there are not enough.  Thread: safe,
 * blocks.
 */
CDX_MUST_CHECK int cdx_seg_recover(struct cdx_volume *v, uint8_t *out,
				   uint64_t area, uint32_t index, size_t off,
				   size_t len, int why);
/* A whole block as stored, compared with its hash, recovered if need be.
 * @out: CDX_BLOCK_SIZE bytes.  Errors: -ENOENT, CDX_E_HASH, -EIO; -ENODATA it was
 * given away. */
CDX_MUST_CHECK int cdx_seg_block(struct cdx_volume *v, uint8_t *out,
				 uint64_t area, uint32_t index);
/* Is the slot of this block marked as not here (or as being written)? */
bool cdx_seg_absent(struct cdx_volume *v, uint64_t area, uint32_t index);

/* ---- fsck_charge.c ---- */

/* Adds what loose blocks, manifests and protections are charged with */
CDX_MUST_CHECK int cdx_fsck_charge(struct cdx_volume *v, uint64_t *sum);

/* ---- background.c ---- */

/* The object without the thread (cdx_segs_open, cdx_segs_close) */
CDX_MUST_CHECK int cdx_background_new(struct cdx_volume *v);
void cdx_background_free(struct cdx_volume *v);
/* Wakes the thread */
void cdx_background_kick(struct cdx_volume *v);
/* A condition on CLOCK_MONOTONIC */
CDX_MUST_CHECK int cdx_cond_mono(pthread_cond_t *cv);
/* Is there a thread? */
bool cdx_background_running(const struct cdx_volume *v);
/* The thread is to end soon: long jobs stop at the next safe point */
bool cdx_background_stopping(const struct cdx_volume *v);

#endif
