/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_INTERNAL_H
#define CDX_EXCHANGE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "exchange/exchange.h"
#include "exchange/wire.h"
#include "slots/geometry.h"
#include "store/dataset_store.h"

/*
 * What the fetching of datasets is made of.  Everything belongs to the loop's
 * thread but what says otherwise; jobs on the pool hash, read and write the store,
 * copy, and come back as mail.
 */
#define CDX_X_PEERS_MAX 1024u	/* in the table */
#define CDX_X_SESSION_PEERS 32u /* bits of cdx_xwant.no */
#define CDX_X_SESSIONS_MAX 4096u
#define CDX_X_REQUESTS 4u /* of one peer, in flight */
#define CDX_X_REQUEST_BLOCKS 256u
#define CDX_X_READ_MAX (16u << 20)  /* bytes of one read */
#define CDX_X_READ_BLOCKS 16384u    /* blocks of one read */
#define CDX_X_AHEAD_MAX (32u << 20) /* bytes that are read ahead */
#define CDX_X_PAGES 512u	    /* tree pages in the memory of a session */
#define CDX_X_IDLE_S 60u	    /* a session without use ends */
#define CDX_X_TICK_MS 100u
#define CDX_X_CONNECT_MS 5000u /* for a connection to a peer */
#define CDX_X_SILENT_MS 10000u /* nothing comes of an answer */
/* Bytes of a stream beside its pages and blocks: head, end, what HTTP adds */
#define CDX_X_STREAM_ROOM 4096u
#define CDX_X_NS_S UINT64_C(1000000000)
#define CDX_X_NS_MS UINT64_C(1000000)
#define CDX_X_WHY_MAX 256u

/* ---- mail to the loop, jobs (box.c) ---- */

struct cdx_xrequest;
struct cdx_xdecode;
struct cdx_xchecks;

/* Something for the loop's thread to do; lies in the sender's memory. */
struct cdx_xmail {
	struct cdx_list node;
	void (*fn)(struct cdx_exchange *ex, struct cdx_xmail *m);
};

/* Where mail arrives.  Outlives the exchange for those who hold it.  locked by
 * mu, but for what is immutable */
struct cdx_xbox {
	atomic_uint refs;
	struct cdx_exchange *ex; /* immutable; valid while it is open */
	int fd;			 /* eventfd; immutable */
	pthread_mutex_t mu;
	pthread_cond_t cv; /* mail has come */
	struct cdx_list mail;
	bool woken; /* the loop was told */
	bool open;  /* takes calls of users */
};
/* -ENOMEM, -errno of eventfd */
CDX_MUST_CHECK int cdx_xbox_new(struct cdx_xbox **out, struct cdx_exchange *ex);
struct cdx_xbox *cdx_xbox_ref(struct cdx_xbox *b);
void cdx_xbox_put(struct cdx_xbox *b);
/* A user's call: -ECANCELED when the exchange is going or gone.  Thread: safe. */
CDX_MUST_CHECK int cdx_xbox_send(struct cdx_xbox *b, struct cdx_xmail *m);
/* Has the loop look again.  Thread: safe. */
void cdx_xbox_wake(struct cdx_xbox *b);
/* No more calls of users. */
void cdx_xbox_close(struct cdx_xbox *b);
/* Runs what has come; true when there was any.  @wait: blocks for it */
bool cdx_xbox_run(struct cdx_exchange *ex, bool wait);

/* A piece of work: @work on the pool, then @done on the loop.  Lies in the memory
 * of who submits, who must not move it until then. */
struct cdx_xjob {
	struct cdx_xmail mail;
	struct cdx_exchange *ex;
	void (*work)(struct cdx_xjob *j);
	void (*done)(struct cdx_xjob *j);
};
void cdx_xjob_submit(struct cdx_exchange *ex, struct cdx_xjob *j,
		     enum cdx_pool_prio prio);

/* ---- calls of users (op.c) ---- */

/* One asynchronous call; the kinds embed it first. */
struct cdx_op {
	atomic_uint refs;
	struct cdx_xbox *box;
	struct cdx_xmail start;
	struct cdx_xmail stop;
	atomic_bool stopped; /* stop was sent */
	/* loop-confined from here on */
	struct cdx_list node; /* in ex->ops */
	unsigned ms;
	uint64_t deadline;
	bool ended;
	unsigned pins; /* workers that write into its memory */
	int rc;
	struct cdx_xjob call; /* calls the user back */
	/* begins it; may end it at once */
	void (*begin)(struct cdx_exchange *ex, struct cdx_op *op);
	/* NULL, or once a tick */
	void (*poll)(struct cdx_exchange *ex, struct cdx_op *op);
	/* takes it from whatever it waits for; once, when it ends */
	void (*detach)(struct cdx_op *op);
	/* the user's function, with rc; on the pool, or on the loop at the end */
	void (*tell)(struct cdx_op *op);
	void (*destroy)(struct cdx_op *op); /* frees all of it */
};
/* Starts an op that was filled in but for what is set here.  On failure it is
 * destroyed and nobody is called. */
CDX_MUST_CHECK int cdx_xop_start(struct cdx_exchange *ex, struct cdx_op *op,
				 struct cdx_op **out, unsigned ms);
/* Ends it: detaches, and has the user called as soon as no worker writes into its
 * memory any more. */
void cdx_xop_end(struct cdx_exchange *ex, struct cdx_op *op, int rc);
/* For who keeps one beyond its end */
void cdx_xop_ref(struct cdx_op *op);
/* For a worker that is about to write into its memory; on the loop, as the next */
void cdx_xop_pin(struct cdx_op *op);
void cdx_xop_unpin(struct cdx_op *op);

/* ---- blocks in memory (blocks.c) ---- */

/* immutable once it was verified; counted */
struct cdx_xblock {
	atomic_uint refs;
	struct cdx_exchange *ex; /* whose memory it is charged to */
	uint32_t size;
	uint8_t p[];
};
/* Blocks that are done with, for the next ones: fresh memory costs more than what
 * is done in it.  locked by mu */
#define CDX_X_SPARE (8u << 20) /* bytes */
struct cdx_xspare {
	pthread_mutex_t mu;
	struct cdx_xblock *first; /* linked through their bytes */
	size_t bytes;
};
void cdx_xspare_init(struct cdx_xspare *s);
void cdx_xspare_fini(struct cdx_xspare *s);

/* NULL without memory.  Thread: safe. */
struct cdx_xblock *cdx_xblock_new(struct cdx_exchange *ex, uint32_t size);
struct cdx_xblock *cdx_xblock_ref(struct cdx_xblock *b);
void cdx_xblock_put(struct cdx_xblock *b);

/* A page of a tree.  locked by mu until it was verified, immutable then */
struct cdx_xpage {
	atomic_uint refs;
	pthread_mutex_t mu;
	enum {
		CDX_X_UNKNOWN,
		CDX_X_GOOD,
		CDX_X_BAD
	} state;
	struct cdx_list node; /* of a session, by use */
	struct cdx_tree_page p;
};
struct cdx_xpage *cdx_xpage_new(const struct cdx_tree_page *p, bool good);
struct cdx_xpage *cdx_xpage_ref(struct cdx_xpage *p);
void cdx_xpage_put(struct cdx_xpage *p);

/* ---- what a dataset is (set.c) ---- */

/* A checked manifest and its numbers.  immutable, counted */
struct cdx_xset {
	atomic_uint refs;
	struct cdx_cid cid;
	struct cdx_digest tree;
	struct cdx_manifest manifest;
	uint64_t leaves;
	uint64_t blocks; /* of data: the first ones */
	uint64_t size;	 /* bytes of the file */
	bool stepped;	 /* protected, with this geometry */
	bool codable;	 /* and we have its code */
	struct cdx_geometry g;
	bool own; /* in the store, as this */
	struct cdx_dataset_info info;
};
/* Hashed, decoded, checked.  CDX_E_HASH not what @cid names; CDX_E_FORMAT,
 * CDX_E_PROOF, CDX_E_CODEC it contradicts itself, or cannot be read here; -ENOMEM.
 * @max: bytes of a block.  @why: in words.  Thread: safe. */
CDX_MUST_CHECK int cdx_xset_new(struct cdx_xset **out,
				const struct cdx_cid *cid,
				const struct cdx_buf *bytes, size_t max,
				char why[CDX_X_WHY_MAX]);
struct cdx_xset *cdx_xset_ref(struct cdx_xset *set);
void cdx_xset_put(struct cdx_xset *set);
/* What the store and its cache have; -ENOENT.  Blocks. */
CDX_MUST_CHECK int cdx_xset_local(struct cdx_xset **out,
				  struct cdx_store *store,
				  const struct cdx_cid *cid, size_t max,
				  char why[CDX_X_WHY_MAX]);
bool cdx_xset_padding(const struct cdx_xset *set, uint64_t index);
/* Which blocks of a page's are not here: bit i of @missing for block
 * page * CDX_TREE_PAGE + i, up to @end.  Their number.  Blocks. */
unsigned cdx_xset_missing(const struct cdx_xset *set, struct cdx_store *store,
			  uint32_t page, uint64_t end,
			  uint64_t missing[CDX_TREE_PAGE / 64]);

/* ---- peers (peers.c) ---- */

struct cdx_xpeer {
	struct cdx_list node; /* in ex->peers */
	struct cdx_peer_id id;
	bool has_id;
	bool known; /* somebody said that it is to be asked */
	unsigned n_addrs;
	unsigned at; /* the address in use */
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX];
	bool has_tls_key;
	struct cdx_digest tls_key;
	unsigned users;	     /* sessions, requests, jobs */
	uint64_t out_until;  /* it lied */
	uint64_t rest_until; /* it failed */
	unsigned fails;	     /* in a row */
	uint64_t used_at;
	unsigned asks; /* of ask.h, in flight beside the others */
	/* figures */
	unsigned inflight;
	uint64_t rate;	    /* bytes a second; 0: not known */
	uint64_t rtt_ns;    /* until the first byte; 0: not known */
	uint64_t window_at; /* of the measurement under way */
	uint64_t window_bytes;
	uint64_t bytes;
	uint64_t blocks;
	uint32_t failures;
	uint32_t lies;
};
/* The peer of a record, made where it is new; NULL: ourselves, a liar, or no
 * room. */
struct cdx_xpeer *cdx_xpeer_of(struct cdx_exchange *ex,
			       const struct cdx_provider_record *r);
/* The same of an address that somebody named: it is the one in use then.  @id: NULL:
 * not known */
struct cdx_xpeer *cdx_xpeer_at(struct cdx_exchange *ex,
			       const struct cdx_maddr *addr,
			       const struct cdx_peer_id *id);
void cdx_xpeer_free(struct cdx_xpeer *p);
bool cdx_xpeer_out(const struct cdx_xpeer *p, uint64_t now);
/* "http://HOST:PORT" of where it is tried now */
void cdx_xpeer_url(char out[CDX_MADDR_TEXT_MAX], const struct cdx_xpeer *p);
const struct cdx_digest *cdx_xpeer_tls(const struct cdx_xpeer *p);
void cdx_xpeer_begin(struct cdx_xpeer *p, uint64_t now);
void cdx_xpeer_bytes(struct cdx_xpeer *p, size_t len, uint64_t now);
void cdx_xpeer_end(struct cdx_xpeer *p, uint64_t now);
/* A request failed; @rest_s: what it asked for itself, 0: ours */
void cdx_xpeer_failed(struct cdx_exchange *ex, struct cdx_xpeer *p,
		      unsigned rest_s);
void cdx_xpeer_worked(struct cdx_xpeer *p);
/* It is out, and what it has in flight ends, but for @but, which ends itself. */
void cdx_xpeer_lied(struct cdx_exchange *ex, struct cdx_xpeer *p,
		    const struct cdx_xrequest *but, const char *what);
/* A name for logs */
#define CDX_X_NAME_MAX 400u
void cdx_xpeer_name(char out[CDX_X_NAME_MAX], const struct cdx_xpeer *p);

/* ---- sessions (session.c, want.c) ---- */

/* A peer as one session sees it */
struct cdx_xsource {
	struct cdx_xpeer *peer;
	uint64_t gone_until; /* it said that it has not got the dataset */
	enum cdx_holding holding;
	struct cdx_slot_set slots;
	bool asking; /* for the manifest */
};

enum cdx_xwant_state {
	CDX_X_NEW,    /* to be looked for here */
	CDX_X_LOOK,   /* being looked for here */
	CDX_X_NEED,   /* to be asked for */
	CDX_X_FLY,    /* asked for */
	CDX_X_CHECK,  /* came, is being verified */
	CDX_X_DECODE, /* being made from others */
	CDX_X_READY,
};

/* Somebody who waits for a block; lies in his memory */
struct cdx_xwaiter {
	struct cdx_list node;	/* in want->waiters */
	struct cdx_xwant *want; /* NULL: waits for none */
	/* called once, on the loop; @block is borrowed, NULL with an error */
	void (*fn)(struct cdx_xwaiter *w, int rc, struct cdx_xblock *block);
	/* where a worker may put it before that: @op's memory */
	struct cdx_op *op;
	struct cdx_xdecode *decode; /* a step's */
	uint8_t *dst;
	uint32_t off;
	uint32_t len;
	bool promised; /* a worker is about to */
	bool copied;
	bool passes; /* who waits keeps it himself */
};

/* A block that is wanted, or is here */
struct cdx_xwant {
	struct cdx_xsession *s;
	struct cdx_list node; /* in a queue, or ex->ready */
	uint32_t index;
	uint64_t serial; /* one index may be wanted more than once */
	enum cdx_xwant_state state;
	bool demand; /* somebody waits; false: it is of the read ahead */
	bool part;   /* of a step to be decoded: never decoded itself */
	bool passes; /* the cache has no use for it */
	bool has_leaf;
	struct cdx_digest leaf;
	uint32_t no; /* sources that have not got it */
	unsigned flying;
	uint64_t since;
	uint64_t not_before;	  /* decoding it is not tried again */
	struct cdx_xblock *block; /* when ready */
	struct cdx_xdecode *decode;
	struct cdx_list waiters;
};

/* loop-confined */
struct cdx_xsession {
	struct cdx_list node; /* in ex->sessions */
	struct cdx_exchange *ex;
	struct cdx_cid cid;
	struct cdx_xset *set; /* NULL: not open yet */
	unsigned users;	      /* readers, ops, jobs */
	uint64_t used_at;
	bool dirty;
	struct cdx_list dirty_node;
	/* opening */
	bool looking; /* the store is being asked */
	bool looked;
	struct cdx_list openers;
	unsigned asking; /* peers, for the manifest */
	struct cdx_list asks;
	/* peers */
	struct cdx_xsource source[CDX_X_SESSION_PEERS];
	unsigned n_sources;
	struct cdx_find *find;
	bool find_tree;	   /* by the tree's CID, after the manifest's */
	uint64_t found_at; /* when the last search ended; 0: none has */
	/* blocks */
	struct cdx_map wants;  /* by index */
	struct cdx_list fresh; /* new ones, demanded first */
	struct cdx_list fresh_ahead;
	struct cdx_list demand; /* needed */
	struct cdx_list ahead;
	unsigned needed;      /* on these two */
	bool doubt;	      /* something may be to be had from nobody */
	unsigned looks;	      /* jobs */
	struct cdx_map pages; /* by number */
	struct cdx_list page_use;
	struct cdx_list requests;
	struct cdx_xchecks *checks; /* blocks that have come; or NULL */
	struct cdx_list decodes;
	unsigned n_decodes;
	uint32_t lost; /* columns of which something was had from nobody */
	unsigned puts; /* into the cache, under way */
	int put_rc;    /* the last error of one */
};

/* The session of a manifest; made where there is none.  -ENOMEM, -EAGAIN */
CDX_MUST_CHECK int cdx_xsession_get(struct cdx_exchange *ex,
				    struct cdx_xsession **out,
				    const struct cdx_cid *cid);
void cdx_xsession_free(struct cdx_xsession *s);
void cdx_xsession_use(struct cdx_xsession *s);
void cdx_xsession_unuse(struct cdx_xsession *s);
/* Has it scheduled soon */
void cdx_xsession_kick(struct cdx_xsession *s);
/* Adds a peer, or what is known of it; its place, -ENOSPC */
int cdx_xsession_source(struct cdx_xsession *s, struct cdx_xpeer *p,
			enum cdx_holding holding,
			const struct cdx_slot_set *slots);
/* Searches for peers unless it does so already, or has lately */
void cdx_xsession_find(struct cdx_xsession *s);
/* Did a search end after @since, or shortly before? */
bool cdx_xsession_found(const struct cdx_xsession *s, uint64_t since);
struct cdx_xpage *cdx_xsession_page(struct cdx_xsession *s, uint32_t page);
/* Takes the reference */
void cdx_xsession_page_add(struct cdx_xsession *s, struct cdx_xpage *p);
/* Once a tick: what is late, what is old */
void cdx_xsession_tick(struct cdx_xsession *s, uint64_t now);

/* NULL: nobody wants it, and it is not here */
struct cdx_xwant *cdx_xwant_get(struct cdx_xsession *s, uint32_t index);
/* Waits for a block: @w's function is called on a later turn.  -ENOMEM */
CDX_MUST_CHECK int cdx_xwant_wait(struct cdx_xsession *s, uint32_t index,
				  struct cdx_xwaiter *w);
/* The same for a part of a step */
CDX_MUST_CHECK int cdx_xwant_wait_part(struct cdx_xsession *s, uint32_t index,
				       struct cdx_xwaiter *w);
/* Wants one that nobody waits for yet */
void cdx_xwant_ahead(struct cdx_xsession *s, uint32_t index);
/* Waits no longer */
void cdx_xwaiter_leave(struct cdx_xwaiter *w);
/* Puts it into the right queue for its state */
void cdx_xwant_set(struct cdx_xwant *w, enum cdx_xwant_state state);
/* Serves who waits for a ready one, and may free it. */
void cdx_xwant_serve(struct cdx_xwant *w);
/* It is here: waiters are served.  @block: borrowed */
void cdx_xwant_arrived(struct cdx_xwant *w, struct cdx_xblock *block);
void cdx_xwant_failed(struct cdx_xwant *w, int rc);
void cdx_xwant_free(struct cdx_xwant *w);
/* Where a worker may put a block's bytes: places of its waiters, each of which pins
 * its op. */
struct cdx_xtarget {
	struct cdx_xwaiter *waiter;
	struct cdx_op *op;
	uint8_t *dst;
	uint32_t off;
	uint32_t len;
};
#define CDX_X_TARGETS 2u
/* Their number; @t: CDX_X_TARGETS */
unsigned cdx_xwant_targets(struct cdx_xwant *w, struct cdx_xtarget *t);
void cdx_xtargets_copy(const struct cdx_xtarget *t, unsigned n,
		       const struct cdx_xblock *block);
/* @copied: they have it.  Takes the pins away. */
void cdx_xtargets_end(struct cdx_xtarget *t, unsigned n, bool copied);

/* ---- scheduling (sched.c, look.c) ---- */

/* Everything that can be begun now is begun. */
void cdx_xsession_pump(struct cdx_xsession *s);
/* Looks for new wants here */
void cdx_xlook_pump(struct cdx_xsession *s);
/* May @n more blocks of @size be on their way?  How many of them.  Drops what was
 * read ahead, least recently used first, to make room for what is demanded. */
unsigned cdx_xmemory_room(struct cdx_exchange *ex, unsigned n, uint32_t size,
			  bool demand);
/* Can the source give this block, for all that we know? */
bool cdx_xsource_may(const struct cdx_xsession *s, unsigned at,
		     struct cdx_xwant *w);
void cdx_xhedge(struct cdx_xsession *s, uint64_t now);

/* ---- one request (request.c) ---- */

struct cdx_xitem {
	uint32_t index;
	bool ended;	 /* came, or is not there */
	uint64_t serial; /* of the want */
};
struct cdx_xrequest {
	struct cdx_list node; /* in session->requests */
	struct cdx_xsession *s;
	unsigned at; /* source */
	struct cdx_xpeer *peer;
	struct cdx_http_transfer *transfer;
	struct cdx_wire_reader *wire;
	struct cdx_xpage *page; /* that came last, not verified yet */
	struct cdx_xblock *arriving;
	unsigned reserved; /* blocks charged and not yet made */
	bool hedge;
	bool hedged;
	const char *lie; /* what it did that nobody does */
	uint64_t began;
	uint64_t first; /* byte; 0: none yet */
	unsigned left;
	unsigned n;
	struct cdx_xitem item[]; /* by index */
};
/* Asks the source for these wants (@n of them, sorted by index).  -ENOMEM */
CDX_MUST_CHECK int cdx_xrequest_start(struct cdx_xsession *s, unsigned at,
				      struct cdx_xwant *const *want, unsigned n,
				      bool hedge);
/* Ends it; what has not come is needed again.  Not from within its own data. */
void cdx_xrequest_cancel(struct cdx_xrequest *r);
/* Verifies what came, and hands it on; with what else comes in this turn of the
 * loop.  Takes the block. */
void cdx_xverify(struct cdx_xrequest *r, struct cdx_xwant *w,
		 struct cdx_xblock *block, struct cdx_xpage *page);
/* The turn is over: what was gathered is begun with. */
void cdx_xverify_flush(struct cdx_xsession *s);
/* A page that came: verified, and kept */
void cdx_xverify_page(struct cdx_xrequest *r, struct cdx_xpage *page);
/* Is the want's leaf known?  From a page in memory it is taken over. */
bool cdx_xwant_leaf(struct cdx_xwant *w);
/* Into the cache, when there is one */
void cdx_xstore_block(struct cdx_xsession *s, struct cdx_xblock *block,
		      const struct cdx_digest *leaf);
void cdx_xstore_page(struct cdx_xsession *s, struct cdx_xpage *page);

/* ---- from k others (degraded.c) ---- */

/* Has it others, and have we its code? */
bool cdx_xdecode_can(const struct cdx_xwant *w);
/* Begins it; may end @w.  -ENOMEM; -EAGAIN too many are under way */
CDX_MUST_CHECK int cdx_xdecode_start(struct cdx_xwant *w);
void cdx_xdecode_cancel(struct cdx_xdecode *d);
/* How many more may be begun */
unsigned cdx_xdecode_room(const struct cdx_xsession *s);
/* Steps that count on this block look for another of theirs.  Those that find none
 * end, and with them who waits for them: it may end @w.  @later: its peers may come
 * back */
void cdx_xdecode_disappoint(struct cdx_xwant *w, bool later);

/* ---- manifests (open.c) ---- */

/* Goes on with the opening: here first, then with peers, then a search */
void cdx_xopen_pump(struct cdx_xsession *s);
/* Ends what peers are asked */
void cdx_xopen_cancel(struct cdx_xsession *s);

/* ---- the whole (exchange.c) ---- */

struct cdx_xcounts {
	atomic_uint_fast64_t blocks;
	atomic_uint_fast64_t bytes;
	atomic_uint_fast64_t spurious;
	atomic_uint_fast64_t bad;
	atomic_uint_fast64_t requests;
	atomic_uint_fast64_t failed;
	atomic_uint_fast64_t timeouts;
	atomic_uint_fast64_t hedged;
	atomic_uint_fast64_t degraded;
	atomic_uint_fast64_t finds;
	atomic_uint_fast64_t wait_us;
	atomic_uint pending;
	atomic_uint sessions;
	atomic_uint peers;
};

/* loop-confined, but for the counts and the memory */
struct cdx_exchange {
	struct cdx_loop *loop;
	struct cdx_http *http;
	struct cdx_pool *pool;
	struct cdx_store *store;
	struct cdx_discovery *discovery;
	struct cdx_leaf_pages *leaves; /* of the store; thread: safe */
	const struct cdx_log *log;
	struct cdx_peer_id id; /* ours */
	struct cdx_network network;
	size_t memory;
	unsigned block_ms;
	unsigned find_ms;
	unsigned lie_s;
	struct cdx_xbox *box;
	struct cdx_loop_io *io;
	struct cdx_loop_timer *tick;
	bool closing;
	atomic_bool caching; /* there is a share for it */
	unsigned jobs;	     /* on the pool */
	struct cdx_xspare spare;
	atomic_size_t used;	/* bytes of blocks */
	atomic_size_t reserved; /* bytes that were asked for */
	struct cdx_list ops;	/* begun */
	struct cdx_list sessions;
	struct cdx_list dirty;
	struct cdx_list ready; /* blocks that nobody waits for, oldest first */
	struct cdx_list peers;
	unsigned n_peers;
	unsigned inflight; /* requests for blocks */
	uint64_t serial;   /* of the last want */
	struct cdx_xcounts count;
};
#define cdx_xcount(ex, what) \
	atomic_fetch_add_explicit(&(ex)->count.what, 1, memory_order_relaxed)

/* An open dataset */
struct cdx_reader {
	atomic_uint refs;
	struct cdx_xbox *box;
	struct cdx_xset *set;
	struct cdx_xmail close;
	/* loop-confined */
	struct cdx_xsession *s;
	uint64_t next;	 /* where a sequential reader reads next */
	uint64_t window; /* bytes ahead */
	uint64_t ahead;	 /* wanted up to here */
};
struct cdx_xread_args {
	uint64_t off;
	size_t len;
	unsigned ms;
	cdx_reader_read_fn *fn;
	void *arg;
	uint8_t *buf;
};
/* As cdx_reader_read.  @buf: where the bytes go, @len of them, or NULL */
CDX_MUST_CHECK int cdx_xread(struct cdx_reader *rd, struct cdx_op **op,
			     const struct cdx_xread_args *a);
/* A reader of an open session.  NULL without memory. */
struct cdx_reader *cdx_xreader_new(struct cdx_xsession *s);

#endif
