/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/clock.h"

#define NS_PER_S 1000000000u

struct timespec cdx_clock_wall(void)
{
	struct timespec ts = {0, 0};

	/* the kernel's own clock for time stamps: it sets some of them itself,
	 * and a finer clock would be ahead of those */
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return ts;
}

int64_t cdx_clock_wall_s(void)
{
	return (int64_t)cdx_clock_wall().tv_sec;
}

uint64_t cdx_clock_mono_ns(void)
{
	struct timespec ts = {0, 0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}
