/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_ATTR_H
#define CDX_BASE_ATTR_H

/* Compiler attributes that every module uses. */

#define CDX_API __attribute__((visibility("default")))
#define CDX_MUST_CHECK __attribute__((warn_unused_result))
#define CDX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CDX_CLEANUP(fn) __attribute__((cleanup(fn)))
#define CDX_UNUSED __attribute__((unused))

#define CDX_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CDX_CONTAINER(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
