/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_CLOCK_H
#define CDX_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Wall time, for time stamps that users see; it may jump. */
struct timespec cdx_clock_wall(void);
/* Seconds since 1970, wall time */
int64_t cdx_clock_wall_s(void);
/* Nanoseconds that only go forward; for ages, time-outs and timers */
uint64_t cdx_clock_mono_ns(void);

#endif
