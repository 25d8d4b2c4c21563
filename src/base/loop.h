/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_LOOP_H
#define CDX_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* The event loop of the background thread: epoll for descriptors, a heap of
 * timers on CLOCK_MONOTONIC, an eventfd for work posted by other threads.
 * Everything but cdx_loop_post and cdx_loop_stop is loop-confined. */
struct cdx_loop;
struct cdx_loop_timer;
struct cdx_loop_io;

typedef void cdx_loop_fn(void *arg);
/* @events: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP bits */
typedef void cdx_loop_io_fn(void *arg, int fd, uint32_t events);

/* Returns new in @out.  -ENOMEM, -errno of epoll or eventfd. */
CDX_MUST_CHECK int cdx_loop_new(struct cdx_loop **out);
/* Runs posted work that is left, then frees the timers and watches that were
 * not deleted (descriptors stay open; their handles are dead).  NULL is
 * allowed. */
void cdx_loop_free(struct cdx_loop *loop);

/* Runs until cdx_loop_stop.  Returns 0 or -errno of epoll. */
CDX_MUST_CHECK int cdx_loop_run(struct cdx_loop *loop);
/* Thread and signal safe. */
void cdx_loop_stop(struct cdx_loop *loop);

/* Runs @fn on the loop thread soon.  Thread: safe.  -ENOMEM. */
CDX_MUST_CHECK int cdx_loop_post(struct cdx_loop *loop, cdx_loop_fn *fn,
				 void *arg);

/**
 * cdx_loop_timer_add - call @fn after @after_ns, then every @every_ns
 *
 * @out:      returns new; freed by cdx_loop_timer_del only
 * @every_ns: 0 for once
 */
CDX_MUST_CHECK int cdx_loop_timer_add(struct cdx_loop *loop,
				      struct cdx_loop_timer **out,
				      uint64_t after_ns, uint64_t every_ns,
				      cdx_loop_fn *fn, void *arg);
/* May be called from the timer's own callback.  NULL is allowed. */
void cdx_loop_timer_del(struct cdx_loop_timer *timer);

/* Watches @fd, which must stay open, for @events; returns new in @out, freed by
 * cdx_loop_io_del only.  -ENOMEM, -errno of epoll_ctl. */
CDX_MUST_CHECK int cdx_loop_io_add(struct cdx_loop *loop,
				   struct cdx_loop_io **out, int fd,
				   uint32_t events, cdx_loop_io_fn *fn,
				   void *arg);
/* Watches for @events from now on.  -errno of epoll_ctl. */
CDX_MUST_CHECK int cdx_loop_io_mod(struct cdx_loop_io *io, uint32_t events);
/* Ends the watch; @fd stays open.  NULL is allowed. */
void cdx_loop_io_del(struct cdx_loop_io *io);

#endif
